"""`ita parity` finds the first difference of each topic and says why it is there: one of each cause is planted."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.parity import compared
from apps.parity_causes import Causes, Input, Made
from apps.parity_page import write_page
from apps.parity_view import lines
from apps.provenance import PACKAGES, provenance
from apps.replaying import Request, replayed
from apps.run_folder import RunFolderError
from config.settings import DEFAULT
from domain.market import MINUTE, SECOND

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "import sys; from apps.cli.main import main; main()"]
OPEN_AT = 1_709_821_800 * SECOND
"""7 March 2024, 09:30 New York."""
INSTRUMENTS = ("AAAA", "BBBB")
SECONDS = 9_000
ODD_AT = OPEN_AT + 60 * MINUTE


def ticks():
    """Return quotes each second and trades each third one, of two instruments whose prices wander."""
    moments = np.random.default_rng(5)
    parts = []
    for number, instrument in enumerate(INSTRUMENTS):
        event_at = OPEN_AT + (1 + np.arange(SECONDS)) * SECOND + number * 1_000_000
        middle = np.round(50 * np.exp(np.cumsum(moments.normal(0, 4e-4, SECONDS))), 2)
        quotes = {
            "event_at": event_at,
            "bid": middle - 0.01,
            "bid_size": 500.0,
            "ask": middle + 0.01,
            "ask_size": 400.0,
        }
        trades = {"event_at": event_at[::3] + 500_000_000, "price": middle[::3] + 0.01, "size": 100.0}
        for kind, columns in (("quote", quotes), ("trade", trades)):
            parts.append(
                pl.DataFrame(columns).with_columns(
                    pl.lit(instrument).alias("instrument"), pl.lit(kind).alias("kind")
                )
            )
    return (
        pl.concat(parts, how="diagonal").with_columns(pl.col("event_at").alias("known_at")).sort("known_at")
    )


def run(table, folder, out, config=None, workers=1, batch_rows=4_096):
    folder.mkdir()
    table.write_parquet(folder / "ticks.parquet")
    source = f"parquet:{folder / 'ticks.parquet'}"
    replayed(Request((source,), None, None, None, workers, batch_rows, config), out)
    return out


def odd_trade():
    """Return the trade of AAAA that is changed: the first one after an hour."""
    return (
        (pl.col("instrument") == "AAAA")
        & (pl.col("kind") == "trade")
        & (pl.col("event_at") == ODD_AT + 1_500_000_000)
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    assert ticks().filter(odd_trade()).height == 1
    return run(ticks(), folder / "ticks", folder / "run")


def causes(parity):
    return {topic.topic: topic.cause.name for topic in parity.topics if topic.cause}


def test_two_runs_of_one_input_are_the_same(base, tmp_path):
    other = run(ticks(), tmp_path / "ticks", tmp_path / "run")

    parity = compared(base, other)

    assert parity.same
    assert {topic.topic for topic in parity.topics} >= {
        "market.trades",
        "market.bars",
        "features",
        "signals",
        "verdicts",
    }
    assert all(topic.equal == topic.rows[0] == topic.rows[1] for topic in parity.topics)
    assert list(lines(parity))[-1] == "the runs are the same"


@pytest.mark.parametrize(("workers", "batch_rows"), [(1, 777), (2, 1_000)])
def test_batches_and_workers_make_no_difference(base, tmp_path, workers, batch_rows):
    other = run(ticks(), tmp_path / "ticks", tmp_path / "run", None, workers, batch_rows)

    parity = compared(base, other)

    assert (parity.same, parity.planted) == (True, ())


def test_of_two_causes_each_difference_has_its_own(base, tmp_path):
    late = pl.when(odd_trade()).then(pl.col("known_at") + 3 * MINUTE).otherwise("known_at")
    other = (pl.col("instrument") == "BBBB") & (pl.col("kind") == "trade")
    later = other & (pl.col("event_at") == ODD_AT + 10 * MINUTE + 1_501_000_000)
    assert ticks().filter(later).height == 1
    price = pl.when(later).then(pl.col("price") + 0.7).otherwise("price")
    both = ticks().with_columns(late.alias("known_at"), price.alias("price")).sort("known_at")

    parity = compared(base, run(both, tmp_path / "ticks", tmp_path / "run"))

    bars = next(topic for topic in parity.topics if topic.topic == "market.bars")
    assert [cause for cause, _ in parity.planted] == ["late data", "input"]
    assert [what.split(", from")[0][-4:] for _, what in parity.planted] == ["AAAA", "BBBB"]
    assert {name: bool(len(at)) for name, at in bars.known_at.items()} == {"input": True, "late data": True}
    assert bars.known_at["input"].min() > ODD_AT + 10 * MINUTE
    assert {name for topic in parity.topics for name in topic.known_at} == {"input", "late data"}
    assert any("of all its differences" in line for line in lines(parity))


def test_a_changed_price_is_input_from_its_instant_on(base, tmp_path):
    changed = ticks().with_columns(
        pl.when(odd_trade()).then(pl.col("price") + 0.5).otherwise("price").alias("price")
    )

    parity = compared(base, run(changed, tmp_path / "ticks", tmp_path / "run"))

    trades = next(topic for topic in parity.topics if topic.topic == "market.trades")
    bars = next(topic for topic in parity.topics if topic.topic == "market.bars")
    assert set(causes(parity).values()) == {"input"}
    assert (trades.different, trades.only) == (1, (0, 0))
    assert (trades.first.instrument, trades.first.known_at) == ("AAAA", ODD_AT + 1_500_000_000)
    assert "price" in trades.first.fields
    assert bars.first.instrument == "AAAA"
    assert bars.first.known_at > ODD_AT


def test_a_row_that_came_later_is_late_data(base, tmp_path):
    late = ticks().with_columns(
        pl.when(odd_trade()).then(pl.col("known_at") + 3 * MINUTE).otherwise("known_at").alias("known_at")
    )

    parity = compared(base, run(late.sort("known_at"), tmp_path / "ticks", tmp_path / "run"))

    named = causes(parity)
    assert named["market.trades"] == named["market.bars"] == "late data"
    assert set(named.values()) == {"late data"}


def test_another_threshold_is_configuration_with_its_key(base, tmp_path):
    config = tmp_path / "config"
    config.mkdir()
    told = (DEFAULT / "strategies.yaml").read_text()
    (config / "strategies.yaml").write_text(told.replace("enter: 0.8", "enter: 0.55"))

    parity = compared(base, run(ticks(), tmp_path / "ticks", tmp_path / "run", config))

    named = causes(parity)
    assert "market.bars" not in named
    assert set(named.values()) == {"configuration"}
    assert "signals" in named
    first = next(topic for topic in parity.topics if topic.topic == "signals")
    assert "strategies[reversion].enter: 0.8 and 0.55" in first.cause.evidence


def test_another_line_of_code_is_code_with_its_package(base, tmp_path):
    copy = tmp_path / "project"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name)
    place = copy / "operators" / "strategies" / "mean_reversion.py"
    text = place.read_text()
    assert text.count("/ params.z_full") == 1
    place.write_text(text.replace("/ params.z_full", "* 1.3 / params.z_full"))
    source, out = tmp_path / "ticks.parquet", tmp_path / "run"
    ticks().write_parquet(source)

    done = subprocess.run(
        [*COMMAND, "replay", f"parquet:{source}", "--out", str(out), "--batch-rows", "4096"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    parity = compared(base, out)

    assert done.returncode == 0, done.stderr
    assert (
        provenance(out)[0]["code"]["packages"]["features"]
        == provenance(base)[0]["code"]["packages"]["features"]
    )
    assert set(causes(parity).values()) == {"code"}
    assert next(topic for topic in parity.topics if topic.cause).cause.evidence.startswith("operators: ")


def test_what_nothing_explains_is_non_determinism(base, tmp_path):
    other = tmp_path / "run"
    shutil.copytree(base, other)
    (file,) = (other / "lake" / "signals").glob("date=*/*.parquet")
    rows = pq.read_table(file, partitioning=None)
    scores = rows.column("score").to_pylist()
    place = rows.schema.get_field_index("score")
    changed = pa.array([scores[0], 0.123, *scores[2:]], rows.schema.field(place).type)
    pq.write_table(rows.set_column(place, rows.schema.field(place), changed), file)

    parity = compared(base, other)

    assert causes(parity) == {"signals": "non-determinism"}
    (signals,) = (topic for topic in parity.topics if topic.cause)
    assert (signals.different, signals.only) == (1, (0, 0))
    assert signals.first.fields == {"score": (scores[1], 0.123)}
    assert parity.planted == ()


def test_the_command_ends_with_one_where_runs_differ_and_writes_a_page(base, tmp_path):
    other, page = tmp_path / "run", tmp_path / "parity.html"
    shutil.copytree(base, other)
    shutil.rmtree(other / "lake" / "verdicts")

    same = subprocess.run(
        [*COMMAND, "parity", str(base), str(base), "--json"], capture_output=True, text=True, check=False
    )
    apart = subprocess.run(
        [*COMMAND, "parity", str(base), str(other), "--html", str(page)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (same.returncode, json.loads(same.stdout)["same"]) == (0, True)
    assert apart.returncode == 1
    assert "the runs differ" in apart.stdout
    assert page.read_text().startswith("<!doctype html>")
    assert "verdicts" in page.read_text()


def test_the_page_of_a_comparison_is_the_same_bytes_each_time(base, tmp_path):
    for name in ("one.html", "two.html"):
        write_page(compared(base, base), tmp_path / name)

    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_folder_without_a_run_is_refused(base, tmp_path):
    with pytest.raises(RunFolderError, match="does not exist"):
        compared(base, tmp_path / "none")


def test_a_decision_follows_the_configuration_where_that_parted_the_runs_before_the_input_of_another_came():
    made = Made({"limits": "1"}, {}, "same"), Made({"limits": "2"}, {}, "same")
    received = (Input(200, "AAAA", "input", "a row was changed"),)

    causes, untouched = Causes(made, received), Causes(made, received)

    assert causes.of("verdicts", 100, "BBBB").name == "configuration"
    assert causes.of("verdicts", 300, "BBBB").name == "configuration"
    assert causes.of("verdicts", 300, "AAAA").name == "input"
    assert causes.of("market.trades", 300, "BBBB").name == "input"
    assert untouched.of("verdicts", 300, "BBBB").name == "input"
