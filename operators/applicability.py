"""Which checks apply to a book: one whose input is not configured says so in the configuration, or refuses orders.

A key of `not_applicable` is a check (`PT-16`) or one of its measures by internal code (`PT-32 DTL`); its reason stands
in every verdict. A check that guards whatever is traded can never be left out.
"""

import difflib
from collections.abc import Mapping
from typing import NamedTuple

MEASURED_PARTS = (
    "PT-16 LULD_BAND",
    "PT-16 MWCB",
    "PT-21 PCT_ADV",
    "PT-21 EST_IMPACT",
    "PT-29 BETA_EXP",
    "PT-32 CONC_ISSUER",
    "PT-32 DTL",
    "PT-32 OWNERSHIP",
    "PT-33 SECTOR_LIMIT",
    "PT-33 CCY_LIMIT",
    "PT-33 FACTOR_LIMIT",
    "PT-34 VAR_LIMIT",
    "PT-34 STRESS_LIMIT",
    "PT-43 MANDATE",
    "PT-43 SANCTION",
)
"""Measures that may be left out alone."""

OPTIONAL = (
    *(f"PT-{number:02}" for number in (5, 14, 15, 16, 17, 18, 21, 24, 25, 26, 30, 31, 32, 33, 34)),
    *(f"PT-{number}" for number in (37, 38, 39, 40, 41, 42, 43, 46)),
)
"""Checks that may be left out as a whole."""

NEEDS: dict[str, tuple[str, ...]] = {
    "PT-05": ("algorithms",),
    "PT-16 LULD_BAND": ("bands",),
    "PT-16 MWCB": ("breakers",),
    "PT-21 PCT_ADV": ("instruments",),
    "PT-21 EST_IMPACT": ("instruments",),
    "PT-29 BETA_EXP": ("instruments",),
    "PT-30": ("credit",),
    "PT-31": ("margin_rates",),
    "PT-32 DTL": ("instruments",),
    "PT-32 OWNERSHIP": ("instruments",),
    "PT-33 SECTOR_LIMIT": ("instruments",),
    "PT-33 FACTOR_LIMIT": ("instruments",),
    "PT-38": ("locates",),
    "PT-39": ("short_sale_restrictions",),
    "PT-40": ("pre_borrow",),
    "PT-42": ("client_orders",),
    "PT-43 MANDATE": ("mandates",),
    "PT-43 SANCTION": ("sanctions",),
}
"""Which inputs of `compliance_facts.INPUTS` a check, or one of its measures, cannot do without."""

BESIDE = ("parties", "cleared_names", "protected_quotes")
"""Inputs that a check reads where there are any."""


MEASURES_OF: dict[str, str] = {
    "dynamic_collar": "PT-14",
    "price_drift": "PT-15",
    "spread": "PT-17",
    "adv_share": "PT-21 PCT_ADV",
    "impact": "PT-21 EST_IMPACT",
    "repeat_executions": "PT-24",
    "order_to_trade": "PT-25",
    "consecutive_rejects": "PT-26",
    "beta_exposure": "PT-29 BETA_EXP",
    "credit": "PT-30",
    "margin_buffer": "PT-31",
    "issuer_concentration": "PT-32 CONC_ISSUER",
    "days_to_liquidate": "PT-32 DTL",
    "ownership": "PT-32 OWNERSHIP",
    "sector_exposure": "PT-33 SECTOR_LIMIT",
    "country_exposure": "PT-33 SECTOR_LIMIT",
    "currency_exposure": "PT-33 CCY_LIMIT",
    "factor_exposure": "PT-33 FACTOR_LIMIT",
    "value_at_risk": "PT-34 VAR_LIMIT",
    "stress_loss": "PT-34 STRESS_LIMIT",
}
"""Which check a measure is of; one that does not apply needs no limit (PT-03)."""


class ApplicabilityError(ValueError):
    """What is said not to apply is no check, may not be left out, or has no reason."""


class Unconfigured(NamedTuple):
    """A check, or one of its measures, that applies and has no input."""

    what: str
    needs: str


def reasons(given: Mapping[str, str]) -> dict[str, str]:
    """Return why checks do not apply; raises ApplicabilityError with what is allowed."""
    allowed = {*OPTIONAL, *MEASURED_PARTS}
    for what, reason in given.items():
        if what not in allowed:
            near = difflib.get_close_matches(str(what), sorted(allowed), 1, 0.0)[0]
            raise ApplicabilityError(
                f"{what!r} is no check that may be left out; the nearest that may is {near!r}"
            )
        if not str(reason or "").strip():
            raise ApplicabilityError(f"{what} is left out without a reason; say why it does not apply")
    return dict(given)


def applies(not_applicable: Mapping[str, str], what: str) -> bool:
    """Say whether a check, or one of its measures, applies."""
    return what not in not_applicable and what.partition(" ")[0] not in not_applicable


def unconfigured(not_applicable: Mapping[str, str], given: frozenset[str]) -> tuple[Unconfigured, ...]:
    """Return what applies and lacks its input."""
    return tuple(
        Unconfigured(what, name)
        for what, names in NEEDS.items()
        if applies(not_applicable, what)
        for name in names
        if name not in given
    )
