"""Rates of carry are read from base.yaml with their days, and refused where one would be missing or said twice."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.carry import HOUR, BorrowRate, CarryRates, CashRate, FundingRate
from apps.carry_rates import carry_rates
from config.settings import DEFAULT, SettingsError, read_settings
from domain.instruments import Instrument, Universe

DAY = (date(2024, 1, 1) - date(1970, 1, 1)).days
USD = "{currency: USD, valid_from: 2024-01-01, credit: 0.048, debit: 0.061}"
DOLLARS = Universe((Instrument(name="AAA"),))
BOTH = Universe((Instrument(name="AAA"), Instrument(name="BBB", currency="EUR")))


def read(folder: Path, financing: str) -> object:
    """Return the settings of a folder whose base.yaml is the project's with this financing."""
    text = (DEFAULT / "base.yaml").read_text()
    head, found, _ = text.partition("\nfinancing:")
    assert found
    (folder / "base.yaml").write_text(f"{head}\nfinancing:\n{financing}\n")
    return read_settings(folder)


def test_nothing_costs_anything_by_the_project_s_own_configuration():
    assert carry_rates(read_settings(), BOTH) == CarryRates()


def test_rows_are_read_with_their_days(tmp_path):
    settings = read(
        tmp_path,
        f"  cash: [{USD}]\n"
        '  borrow: [{instrument: "*", valid_from: 2024-01-01, rate: 0.003}]\n'
        "  funding: [{instrument: BTC-USD-PERP, valid_from: 2024-01-01, rate: -0.0001}]\n"
        "  days_in_year: {USD: 365}",
    )

    assert carry_rates(settings, DOLLARS) == CarryRates(
        cash=(CashRate("USD", DAY, Decimal("0.048"), Decimal("0.061")),),
        borrow=(BorrowRate("*", DAY, Decimal("0.003")),),
        funding=(FundingRate("BTC-USD-PERP", DAY * 24 * HOUR, Decimal("-0.0001"), 8),),
        days_in_year={"USD": 365},
    )


@pytest.mark.parametrize(
    ("financing", "universe", "words"),
    [
        (f"  cash: [{USD}]", BOTH, "has no row of EUR"),
        (f"  cash: [{USD}, {USD}]", DOLLARS, "two rows of USD from the same day"),
    ],
)
def test_a_currency_without_a_row_or_with_two_is_refused(tmp_path, financing, universe, words):
    with pytest.raises(SettingsError, match=words):
        carry_rates(read(tmp_path, financing), universe)


@pytest.mark.parametrize(
    "financing",
    [
        "  cash: [{currency: USD, valid_from: 2024-01-01, credit: 4.8, debit: 0.061}]",
        "  cash: [{currency: USD, valid_from: soon, credit: 0.048, debit: 0.061}]",
        '  borrow: [{instrument: "*", valid_from: 2024-01-01, rate: -0.003}]',
        "  funding: [{instrument: P, valid_from: 2024-01-01, rate: 0.0001, hours: 0}]",
        "  days_in_year: {USD: 252}",
    ],
)
def test_a_rate_that_cannot_be_is_refused_with_the_file(tmp_path, financing):
    with pytest.raises(SettingsError, match=r"base\.yaml"):
        read(tmp_path, financing)
