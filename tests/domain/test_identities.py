"""Who trades under a ticker: renames keep an instrument, tickers that are used again are others."""

from datetime import date

from domain.corporate_actions import ActionKind, CorporateAction
from domain.identities import Identities


def day(text):
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def rename(old, new, on):
    return CorporateAction(kind=ActionKind.RENAME, ex_on=day(on), instrument=old, into=new)


FACEBOOK = (rename("FB", "META", "2022-06-09"),)


def test_a_rename_keeps_the_instrument_under_its_first_ticker():
    named = Identities(FACEBOOK)

    assert [named.of("FB", day("2022-06-08")), named.of("META", day("2022-06-09"))] == ["FB", "FB"]


def test_a_ticker_that_is_used_again_is_another_instrument_before_and_after():
    named = Identities(FACEBOOK)

    assert named.of("META", day("2022-06-08")) == "META"
    assert named.of("FB", day("2022-06-09")) == "FB@2022-06-09"


def test_two_companies_that_trade_tickers_one_after_the_other_are_told_apart():
    named = Identities((rename("FB", "META", "2022-06-09"), rename("NEXT", "FB", "2023-01-03")))

    assert named.of("FB", day("2022-12-30")) == "FB@2022-06-09"
    assert named.of("FB", day("2023-01-03")) == "NEXT"
    assert named.of("META", day("2023-01-03")) == "FB"


def test_a_chain_of_renames_and_a_way_back_stay_one_instrument():
    named = Identities((rename("QQQ", "QQQQ", "2004-12-01"), rename("QQQQ", "QQQ", "2011-03-23")))

    assert [named.of("QQQ", day("2004-11-30")), named.of("QQQQ", day("2010-01-04"))] == ["QQQ", "QQQ"]
    assert named.of("QQQ", day("2011-03-23")) == "QQQ"
    assert named.of("QQQ", day("2010-01-04")) == "QQQ@2004-12-01"


def test_the_ticker_of_a_delisted_company_is_free_for_another():
    gone = CorporateAction(kind=ActionKind.DELISTING, ex_on=day("2024-03-08"), instrument="OLD")
    named = Identities((gone,))

    assert [named.of("OLD", day(text)) for text in ("2024-03-07", "2024-03-08")] == ["OLD", "OLD@2024-03-08"]
    assert named.all_of("OLD", day("2024-03-01"), day("2024-03-31")) == ["OLD", "OLD@2024-03-08"]
