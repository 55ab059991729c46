"""The report shows what the run holds, opens without network, and says nothing that its reader may not see."""

import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.kept_run import KeptRun
from apps.report.axes import TimeAxis, ValueAxis, round_step, runs, thinned
from apps.report.charts import price_chart
from apps.report.page import write_report
from apps.report.readings import (
    ORDERS_MAX,
    Fill,
    Span,
    Story,
    bar_counts,
    curves,
    flag_counts,
    orders,
    reason_texts,
    stories,
    windows,
)
from apps.run_folder import RunFolderError
from domain.market import MINUTE
from tests.apps.known_market import MINUTES, OPENS, close_at
from tests.apps.known_run import write_run

VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """Reads a page: its tags with their attributes, its words, and whether each tag that opens closes in its place."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.misplaced: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.misplaced.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())

    def of_class(self, tag: str, name: str) -> list[dict[str, str | None]]:
        return [
            attrs for found, attrs in self.tags if found == tag and name in (attrs.get("class") or "").split()
        ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("reported"))


@pytest.fixture(scope="module")
def text(run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("page") / "report.html"
    write_report(run, target)
    return target.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def story(bars: int, fills: int = 0) -> Story:
    """Return an instrument with a bar a minute from the first opening on."""
    at = OPENS[0] + (1 + np.arange(bars)) * MINUTE
    close = 100 + np.sin(np.arange(bars) / 50)
    bought = tuple(
        Fill(OPENS[0] + row * MINUTE, 1, 100, 100.0, "trend", f"order-{row}") for row in range(fills)
    )
    return Story("AAA", at, close, bought, (), {}, ())


def test_the_page_is_well_formed(page: Page) -> None:
    assert (page.misplaced, page.open) == ([], [])


def test_the_page_asks_nothing_of_the_network(text: str, page: Page) -> None:
    asked = [
        value
        for _, attrs in page.tags
        for name, value in attrs.items()
        if name in {"src", "href", "action", "data", "srcset", "poster"}
    ]

    assert asked == []
    assert "url(" not in text
    assert "@import" not in text
    assert "://" not in text


def test_the_instrument_with_most_fills_is_the_one_that_is_shown(page: Page) -> None:
    sections = [attrs for tag, attrs in page.tags if tag == "section"]

    assert [(attrs["id"], attrs["class"]) for attrs in sections] == [("i0", "story shown"), ("i1", "story")]
    assert "AAA (1 filled)" in page.words


def test_a_fill_says_what_it_was(page: Page) -> None:
    assert len(page.of_class("polygon", "buy")) == 1
    assert "buy 200 at 101.0000, trend, 2024-03-07 09:36:01.250, order c0ffee01" in page.words


def test_each_strategy_has_a_lane_of_where_it_stood(page: Page) -> None:
    assert "trend long from 09:36 to 09:39, score +0.70, entered" in page.words
    assert "reversion short from 09:36 to 09:50, score -0.90, entered" in page.words
    assert len(page.of_class("rect", "long")) == 2
    assert len(page.of_class("rect", "short")) == 1


def test_a_halt_is_shaded_and_breaks_the_line(run: Path, page: Page) -> None:
    own, other = stories(KeptRun(run))

    lines = [price_chart(each, windows(KeptRun(run))).count("<polyline") for each in (own, other)]

    assert "halted, 09:40 to 09:45" in page.words
    assert lines == [3, 2]


def test_a_split_has_a_scale_on_either_side(page: Page) -> None:
    assert "split 2 for 1" in page.words
    assert {"100", "50"} <= set(page.words)


def test_a_price_that_halves_overnight_is_told_where_nobody_held_it(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unheld"
    shutil.copytree(run, folder)
    shutil.rmtree(folder / "lake" / "positions")

    (split,) = stories(KeptRun(folder))[0].splits

    assert (split.last_at, split.words) == (close_at(1, 1), "price times 0.50 overnight")


def test_verdicts_are_told_by_reason_with_their_meaning(run: Path, page: Page) -> None:
    assert reason_texts(KeptRun(run)) == {"PRICE_COLLAR": "too far from the reference price"}
    assert {"approved", "refused", "PRICE_COLLAR", "too far from the reference price"} <= set(page.words)


def test_what_only_compliance_may_see_is_nowhere(text: str) -> None:
    assert "WATCH_LIST" not in text
    assert "watched" not in text


def test_flags_and_revisions_are_counted(run: Path) -> None:
    kept = KeptRun(run)

    assert flag_counts(kept) == {
        "regressing": 2,
        "off tick": 1,
        "out of session": 0,
        "crossed": 1,
        "suspicious": 0,
        "halted": 0,
        "outlier": 0,
        "scale": 0,
        "wide spread": 0,
        "volume spike": 0,
    }
    assert bar_counts(kept) == [(60, 2 * 2 * MINUTES - 5, 1)]


def test_the_last_version_of_a_bar_is_drawn_once(run: Path) -> None:
    own = stories(KeptRun(run))[1]

    assert (own.name, len(own.close), len(set(own.close_at.tolist()))) == ("BBB", 2 * MINUTES, 2 * MINUTES)


def test_orders_stand_with_their_verdict_and_what_became_of_them(run: Path, page: Page) -> None:
    found = [(row["ClOrdID"], row["kind"], row["OrdStatus"]) for row in orders(KeptRun(run))]

    assert found == [
        ("c0ffee01", "approved", "2"),
        ("c0ffee02", "refused", None),
        ("badcafe3", "approved", "C"),
    ]
    assert len(found) <= ORDERS_MAX
    assert {"filled, 200 at 101.0000", "refused: PRICE_COLLAR", "expired"} <= set(page.words)


def test_equity_is_that_of_the_snapshots(run: Path) -> None:
    (curve,) = curves(KeptRun(run))

    assert curve.account == "main"
    assert curve.equity[:3].tolist() == [999_939.4, 999_959.4, 999_979.4]
    assert len(curve.at) == 2 * MINUTES


def test_how_it_was_run_is_told_and_escaped(text: str, page: Page) -> None:
    assert "<b>-0" in text
    assert "simulator:seed=7,<b>" in page.words
    assert "simulator:seed=7,<b>" not in text
    assert "0123456789abcdef" in page.words


def test_the_same_run_gives_the_same_bytes(run: Path, text: str, tmp_path: Path) -> None:
    write_report(run, tmp_path / "again.html")

    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text


def test_a_run_that_is_not_finished_gets_no_report(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "live", finished=False)

    with pytest.raises(RunFolderError, match="is not finished; the command that began it goes on"):
        write_report(folder, tmp_path / "report.html")

    assert not (tmp_path / "report.html").exists()


def test_a_run_without_a_bar_or_an_order_has_a_report(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    shutil.copytree(run, folder)
    shutil.rmtree(folder / "lake")
    (folder / "lake").mkdir()

    write_report(folder, tmp_path / "report.html")

    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert (page.misplaced, page.open) == ([], [])
    assert "the run made no bars" in page.words


def test_a_long_day_with_many_fills_stays_a_small_drawing() -> None:
    span = Span(OPENS[0], OPENS[0] + 50_001 * MINUTE, "long")

    drawn = price_chart(story(50_000, fills=5_000), (span,))

    assert len(drawn) < 70_000


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(1, 30))
def test_thinning_keeps_the_ends_and_every_extreme(values: list[float], columns: int) -> None:
    heights = np.array(values)

    kept = thinned(np.arange(float(len(values))), heights, columns)

    assert (kept[0], kept[-1]) == (0, len(values) - 1)
    assert heights[kept].max() == heights.max()
    assert heights[kept].min() == heights.min()
    assert len(kept) <= max(4 * columns, min(len(values), 4 * columns))
    assert (np.diff(kept) > 0).all()


def test_days_stand_side_by_side_in_order_and_the_night_nowhere() -> None:
    spans = (Span(0, 100, "one"), Span(1_000, 1_300, "two"))
    axis = TimeAxis(spans, 0.0, 400.0)

    places = [axis.x(at) for at in (0, 100, 1_000, 1_300)]

    assert places == pytest.approx([0.0, 96.5, 110.5, 400.0])
    assert axis.x(500) is None
    assert [place for piece in axis.pieces(50, 1_150) for place in piece] == pytest.approx(
        [48.25, 96.5, 110.5, 255.25]
    )


def test_a_value_stands_higher_the_greater_it_is_and_inside_the_drawing() -> None:
    axis = ValueAxis(np.array([10.0, 20.0]), 200.0, 0.0)

    assert 0 < axis.y(20.0) < axis.y(10.0) < 200
    assert ValueAxis(np.array([5.0, 5.0]), 200.0, 0.0).y(5.0) == pytest.approx(100.0)
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks())


@pytest.mark.parametrize(("least", "step"), [(0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (7.0, 10.0), (0.02, 0.02)])
def test_a_step_of_a_scale_is_round(least: float, step: float) -> None:
    assert round_step(least) == pytest.approx(step)


def test_a_line_breaks_where_nothing_traded_for_long_enough() -> None:
    at = np.array([1, 2, 3, 9, 10])

    assert [(part.start, part.stop) for part in runs(at, 5)] == [(0, 3), (3, 5)]
    assert [(part.start, part.stop) for part in runs(at, 6)] == [(0, 5)]
