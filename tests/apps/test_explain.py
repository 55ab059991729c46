"""An explanation holds the whole way to an order, and names the stage that said no where there is none."""

import json
import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from apps.cli.explain import explain
from apps.cli.main import WrongUse
from apps.explain import NothingToExplain, explain_instant, explain_order
from apps.explain_view import rendered
from apps.explanation import REASONS, Explanation
from apps.local_time import NoInstant, parse_instant
from apps.provenance import code_digest, keep_provenance, provenance
from apps.run_folder import RunFolderError
from config.settings import read_settings
from domain.decisions import Direction, Outcome, VerdictKind
from domain.market import SECOND, ScoreReason
from operators.checks.regulatory import RESTRICTED
from tests.apps.known_market import ENTERED_AT, MINUTES, OPENS, close_at
from tests.apps.known_run import records, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("explained"))


def shown(explanation: Explanation) -> str:
    words = StringIO()
    Console(width=400, file=words).print(rendered(explanation))
    return words.getvalue()


def test_an_order_is_explained_from_its_bar_to_its_position(run: Path) -> None:
    explanation = explain_order(run, "c0ffee01")

    (way,) = explanation.strategies
    assert explanation.bar is not None
    assert explanation.bar.close_at == close_at(6)
    assert [(f.name, f.unit) for f in explanation.features] == [
        ("ema_12", "price"),
        ("atr_14", "price"),
        ("volatility_ewma", "ratio"),
    ]
    assert way.score is not None
    assert (way.score.reason, way.score.direction) == ("entered", 1)
    assert way.signal is not None
    assert way.signal.direction is Direction.LONG
    assert way.decision_point is not None
    assert way.decision_point.stage == "orders"
    assert way.intent is not None
    assert way.intent.order_qty == 200
    assert way.verdict is not None
    assert way.verdict.kind is VerdictKind.APPROVED
    assert [check.check for check in way.verdict.checks] == ["PT-01", RESTRICTED.check, "PT-13"]
    assert (way.verdict.checks[2].measured, way.verdict.checks[2].limit) == (0.1, 5.0)
    assert way.order is not None
    assert way.order.cl_ord_id == "c0ffee01"
    assert [execution.cum_qty for execution in way.executions] == [100, 200]
    assert way.position is not None
    assert way.position.quantity == 200
    assert (way.answer.stage, way.answer.said, way.answer.traded) == ("venue", "filled", True)


def test_the_features_are_those_of_the_bar_of_the_order(run: Path) -> None:
    explanation = explain_order(run, "c0ffee01")

    row = 2 * 5  # two instruments, the sixth minute, AAA first
    assert [feature.value for feature in explanation.features] == [row, row + 116, row + 232]


def test_an_order_is_found_by_each_of_its_names_and_by_how_they_begin(run: Path) -> None:
    order_id = records()["oms.orders"][1].order_id  # type: ignore[attr-defined]

    found = {explain_order(run, name).order for name in ("badcafe3", "badc", order_id, order_id[:8])}

    assert found == {"badcafe3"}


@pytest.mark.parametrize(
    ("at", "strategy", "stage", "said", "words"),
    [
        ("09:33", "trend", "signals", "warming_up", REASONS["warming_up"]),
        ("9:34:59", "trend", "signals", "gated", REASONS["gated"]),
        ("09:35", "trend", "signals", "below_entry", REASONS["below_entry"]),
        ("09:36", "reversion", "sizing", "no", "inside the no-trade band: target -10, position -9"),
        ("09:36", "trend", "venue", "filled", "200 of 200 filled at 101.00"),
        ("09:39", "trend", "compliance", "refused: PRICE_COLLAR", "measured 7.5, limit 5.0"),
        ("2024-03-07T14:50:00Z", "reversion", "venue", "expired", "0 of 50 filled; end of session"),
        ("10:00", "reversion", "sizing", "no", "flat already"),
        ("10:00", "trend", "signals", "below_entry", REASONS["below_entry"]),
    ],
)
def test_an_instant_names_the_stage_that_spoke_last(
    run: Path, at: str, strategy: str, stage: str, said: str, words: str
) -> None:
    explanation = explain_instant(run, "AAA", at)

    answers = {way.strategy: way.answer for way in explanation.strategies}

    assert set(answers) == {"trend", "reversion"}
    assert (answers[strategy].stage, answers[strategy].said) == (stage, said)
    assert words in answers[strategy].words


def test_a_strategy_that_asks_for_nothing_tells_what_was_said_when_it_last_asked(run: Path) -> None:
    explanation = explain_instant(run, "AAA", "09:40")

    trend = next(way for way in explanation.strategies if way.strategy == "trend")

    assert not trend.asked_now
    assert "it last asked at 2024-03-07 09:39:00.250: compliance said refused" in trend.answer.words
    assert trend.signal is not None
    assert trend.signal.direction is Direction.FLAT
    assert trend.position is not None
    assert trend.position.quantity == 200


def test_nothing_after_the_instant_is_explained_for_a_strategy_that_asked_for_nothing(run: Path) -> None:
    explanation = explain_instant(run, "AAA", "09:35")

    assert [(way.decision_point, way.executions, way.position) for way in explanation.strategies] == [
        (None, (), None),
        (None, (), None),
    ]


def test_a_halt_is_told_as_bars_that_did_not_close(run: Path) -> None:
    explanation = explain_instant(run, "AAA", "09:44")

    assert explanation.bar is not None
    assert explanation.bar.close_at == close_at(10)
    assert explanation.words.startswith("no bar of AAA has closed since 2024-03-07 09:40:00; ")


def test_a_bar_that_no_strategy_scored_is_said_to_be_so(run: Path) -> None:
    explanation = explain_instant(run, "BBB", "09:45")

    assert (explanation.strategies, explanation.words) == ((), "no strategy scored that bar")


def test_an_instant_before_the_first_bar_closed_has_no_bar(run: Path) -> None:
    explanation = explain_instant(run, "AAA", "09:30")

    assert explanation.bar is None
    assert explanation.words == "no trade has closed a bar of AAA by then, so no strategy was asked"


def test_a_revision_is_seen_once_it_was_known(run: Path) -> None:
    before = explain_instant(run, "BBB", "10:00:01")
    after = explain_instant(run, "BBB", "2024-03-08T14:30:00Z")

    assert before.bar is not None
    assert (before.bar.close_at, before.bar.version) == (close_at(MINUTES), 0)
    assert after.bar is not None
    assert (after.bar.close_at, after.bar.version) == (close_at(MINUTES), 1)


def test_what_only_compliance_may_see_is_shown_for_an_audit_alone(run: Path) -> None:
    for_traders, for_audit = explain_order(run, "c0ffee01"), explain_order(run, "c0ffee01", audit=True)

    outcomes = [e.strategies[0].verdict.checks[1].outcome for e in (for_traders, for_audit)]
    assert outcomes == [Outcome.PASS, Outcome.WARN]
    assert "WATCH_LIST" not in shown(for_traders)
    assert "WATCH_LIST" in shown(for_audit)


def test_the_text_shows_every_stage_with_measured_value_and_limit(run: Path) -> None:
    words = shown(explain_order(run, "c0ffee02"))

    for part in (
        "compliance spoke last: refused: PRICE_COLLAR",
        "volatility_ewma",
        "sell 200 AAA limit 101.02 USD, from 200 to 0",
        "PT-13  reject",
        "7.50",
        "5.00",
        "tier:liquid",
        "200 at 101.0000",
    ):
        assert part in words


def test_every_score_reason_has_its_sentence() -> None:
    assert set(REASONS) == {reason.name.lower() for reason in ScoreReason}


def test_an_unknown_order_names_the_nearest_and_how_to_find_one(run: Path) -> None:
    with pytest.raises(
        NothingToExplain, match=r"unknown order 'c0ffee99'; .*c0ffee01.*--instrument and --at"
    ):
        explain_order(run, "c0ffee99")


def test_a_beginning_that_several_orders_share_is_not_enough(run: Path) -> None:
    with pytest.raises(NothingToExplain, match=r"2 orders begin with 'c0ff'; .*c0ffee01, c0ffee02"):
        explain_order(run, "c0ff")


def test_the_heading_names_what_was_asked_for(run: Path) -> None:
    sent = explain_order(run, "c0ffee01").strategies[0].order
    assert sent is not None

    assert f"order {sent.order_id} (ClOrdID c0ffee01), AAA at" in shown(explain_order(run, sent.order_id[:9]))
    assert f"order c0ffee01 (OrderID {sent.order_id}), AAA at" in shown(explain_order(run, "c0ffee01"))


def test_an_intent_that_led_to_no_order_is_called_one(run: Path) -> None:
    assert shown(explain_order(run, "c0ffee02")).startswith("intent c0ffee02, AAA at")


def test_an_unknown_instrument_names_the_nearest(run: Path) -> None:
    with pytest.raises(NothingToExplain, match="unknown instrument 'AAB'; the nearest of 2 are AAA"):
        explain_instant(run, "AAB", "09:40")


@pytest.mark.parametrize("at", ["09:29", "2024-03-08T15:00:01Z"])
def test_an_instant_outside_the_run_is_answered_with_its_range(run: Path, at: str) -> None:
    with pytest.raises(NothingToExplain, match="from 2024-03-07 09:30:00 to 2024-03-08 10:00:00"):
        explain_instant(run, "AAA", at)


@pytest.mark.parametrize("at", ["noon", "2024-03-07T10:30:00", "25:00", ""])
def test_what_names_no_instant_is_answered_with_what_does(run: Path, at: str) -> None:
    with pytest.raises(NoInstant, match="allowed are ISO with zone"):
        explain_instant(run, "AAA", at)


def test_a_folder_without_a_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="holds no run; make one with `ita demo --out"):
        explain_order(tmp_path, "c0ffee01")


def test_a_run_that_is_not_finished_explains_what_its_journal_holds(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "live", finished=False)

    explanation = explain_order(folder, "c0ffee02")

    assert not explanation.finished
    assert explanation.strategies[0].answer.said == "refused: PRICE_COLLAR"
    assert "the run is not finished" in shown(explanation)


def test_an_order_whose_lake_was_lost_is_explained_from_the_journal(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "without_lake"
    shutil.copytree(run, folder)
    shutil.rmtree(folder / "lake")

    explanation = explain_order(folder, "c0ffee01")

    assert (explanation.bar, explanation.features) == (None, ())
    assert explanation.strategies[0].answer.said == "filled"


def test_a_time_of_day_follows_daylight_saving() -> None:
    winter, summer = parse_instant("10:30", "2024-03-07"), parse_instant("10:30", "2024-03-11")

    assert winter == OPENS[0] + 3600 * SECOND
    assert summer - winter == (4 * 24 - 1) * 3600 * SECOND


def test_the_command_prints_one_object(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explain("c0ffee01", out=run, json=True)

    answer = json.loads(capsys.readouterr().out)
    assert answer["strategies"][0]["order"]["ClOrdID"] == "c0ffee01"
    assert answer["at"] == ENTERED_AT


@pytest.mark.parametrize(
    ("order_id", "instrument", "at"),
    [
        (None, None, None),
        ("c0ffee01", "AAA", None),
        (None, "AAA", None),
        (None, None, "10:30"),
        ("zzzz", None, None),
    ],
)
def test_the_command_refuses_a_question_that_is_none(
    run: Path, order_id: str | None, instrument: str | None, at: str | None
) -> None:
    with pytest.raises(WrongUse, match=r"needs either an ORDER_ID|unknown order"):
        explain(order_id, instrument, at, out=run)


def test_an_explanation_names_what_made_the_run(run: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(run, kept)
    settings = read_settings()
    keep_provenance(kept, settings)

    made, unknown = explain_order(kept, "c0ffee01").made_by, explain_order(run, "c0ffee01").made_by

    packages = provenance(kept)[0]["code"]
    assert (made.code, unknown.code) == (code_digest(packages), "")
    assert set(made.versions) == {"python", "bytewax", "numba", "numpy", "polars", "pyarrow"}
    assert made.strategies == {
        "trend": provenance(kept)[0]["configuration"]["strategies.yaml"]["strategies"][0]
    }
    assert made.limits == unknown.limits != ()
    assert f"code {made.code}" in shown(explain_order(kept, "c0ffee01"))
