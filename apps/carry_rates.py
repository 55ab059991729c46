"""Rates of carry for a desk: what is configured, checked against the universe that it trades."""

from analytics.carry import CarryRates
from config.settings import Settings, SettingsError
from domain.instruments import Universe


def carry_rates(settings: Settings, universe: Universe) -> CarryRates:
    """Return the rates of interest, borrow fees and funding.

    Raises SettingsError for two rows of one thing from one day, and, where cash earns or costs anything, for a currency
    of the universe that has no row: it would be lent for nothing.
    """
    rates = settings.base.financing.rates()
    for name, rows in (("cash", rates.cash), ("borrow", rates.borrow), ("funding", rates.funding)):
        keys = [row[:2] for row in rows]
        for key in keys:
            if keys.count(key) > 1:
                raise SettingsError(
                    f"financing.{name} of base.yaml has two rows of {key[0]} from the same day; leave one of them"
                )
    traded = {instrument.currency for instrument in universe.instruments} | {settings.base.desk.base_currency}
    lacking = sorted(traded - {row.currency for row in rates.cash})
    if rates.cash and lacking:
        raise SettingsError(
            f"financing.cash of base.yaml has no row of {', '.join(lacking)}, which this run trades or counts in; give "
            "one (credit: 0, debit: 0 for money that costs nothing), or leave all of them out"
        )
    return rates
