"""Every kind of strategy at once gives the same digests on any number of workers and in batches of any size."""

import random
import signal

import polars as pl
import pytest

from apps.assembly import assemble
from apps.explanation import Measured
from apps.kept_run import KeptRun
from apps.market_seen import features_at
from apps.replaying import Request, replayed
from apps.served import refuse_comparisons
from config.settings import DEFAULT, SettingsError, read_settings
from connectors.files.open_source import open_source
from tests.apps.kept import journal_tables, lake_digests
from tests.apps.test_replay_killed import ended, killed_after, started

SPEC = "simulator:seed=7,instruments=6,days=2,ticks=12000"
NAMES = ("trend", "breakout", "winners", "legs", "both")
STRATEGIES = """
strategies:
  - {name: trend, kind: trend, enter: 0.3, leave: 0.1, filters: [{feature: 'garch(0.07,0.9)', max: 2.0}]}
  - {name: breakout, kind: breakout, enter: 0.9, leave: 0.0, sizing: {rule: risk_budget, turnover_max: 0.5}}
  - {name: winners, kind: cross_sectional_momentum, enter: 0.6, leave: 0.2, sizing: {rule: fixed}}
  - name: legs
    kind: pairs
    enter: 0.4
    params: {first: ACMEX, second: BOREA, window: 60, refit: 15, level: 0.1}
  - {name: both, kind: ensemble, enter: 0.4, params: {members: 'trend: 2, winners: 1'}, sizing: {rule: kelly}}
"""
COMPARED = ("rank(roc_10)", "z_score(RSI(14))", "sector_neutral(roc_10)")


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    """Return a folder with all strategies, what is compared, sectors, and the rights of everyone."""
    folder = tmp_path_factory.mktemp("configuration")
    (folder / "strategies.yaml").write_text(STRATEGIES)
    (folder / "base.yaml").write_text(f"features: {{cross_section: {{compare: {list(COMPARED)}}}}}\n")
    names = {"ACMEX": "energy", "BOREA": "energy", "CALDR": "banks"}
    listed = "".join(f"  - {{name: {name}, sector: {sector}}}\n" for name, sector in names.items())
    (folder / "universe.yaml").write_text(f"instruments:\n{listed}")
    rules = (DEFAULT / "compliance.yaml").read_text()
    head, tail = rules.split("  strategies:\n")
    rights = "".join(
        f"    {name}: {{active: true, accounts: [main], signal_ttl_seconds: 5}}\n" for name in NAMES
    )
    approved = "".join(
        f'    - {{strategy: {name}, version: "1", environment: simulation, instruments_max: 500, venues_max: 1, '
        "orders_max: 20000, position_max: 50000}\n"
        for name in NAMES
        if name != "trend"
    )
    lists = tail[tail.index("# PT-36") :].replace("  margin_rates:", f"{approved}  margin_rates:")
    (folder / "compliance.yaml").write_text(f"{head}  strategies:\n{rights}\n{lists}")
    return folder


@pytest.fixture(scope="module")
def run(configuration, tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparing") / "run"
    return folder, replayed(Request((SPEC,), None, None, None, 1, 4_096, configuration), folder)


def test_every_strategy_scores_and_trades(run):
    kept = KeptRun(run[0])
    scores = kept.rows("scores").select(pl.col("strategy").cast(pl.String)).unique().collect()
    orders = kept.rows("oms.orders").select("strategy").unique().collect()

    assert set(scores["strategy"]) == set(NAMES)
    assert set(orders["strategy"]) >= {"trend", "breakout", "winners", "both"}


def test_the_lake_keeps_the_comparisons_and_ranks_lie_between_0_and_1(run):
    rows = KeptRun(run[0]).rows("features.cross_section").collect()

    assert [name for name in rows.columns if "(" in name] == [
        "rank(roc_10)",
        "z_score(RSI(14))",
        "sector_neutral(roc_10)",
        "spread(ACMEX,BOREA,60,15).z",
        "spread(ACMEX,BOREA,60,15).statistic",
        "spread(ACMEX,BOREA,60,15).weight",
    ]
    ranks = rows["rank(roc_10)"].fill_nan(None).drop_nulls()
    assert (ranks.min(), ranks.max()) == (0.0, 1.0)
    spoken = rows.filter(pl.col("spread(ACMEX,BOREA,60,15).z").is_not_nan())
    assert set(spoken["instrument"].cast(pl.String)) == {"ACMEX", "BOREA"}
    neutral = rows.filter(pl.col("sector_neutral(roc_10)").is_not_nan())
    assert set(neutral["instrument"].cast(pl.String)) == {"ACMEX", "BOREA", "CALDR"}


def test_an_explanation_shows_what_was_compared_in_words(run):
    kept = KeptRun(run[0])
    row = (
        kept.rows("features.cross_section")
        .filter(pl.col("rank(roc_10)") == 1.0)
        .head(1)
        .collect()
        .row(0, named=True)
    )
    at = kept.rows("features.cross_section").filter(pl.col("rank(roc_10)") == 1.0).head(1)
    close_at = at.select(pl.col("event_at").cast(pl.Int64)).collect().item()

    seen = {each.name: each for each in features_at(kept, row["instrument"], close_at, row["version"])}

    assert seen["rank(roc_10)"] == Measured(
        name="rank(roc_10)",
        value=1.0,
        unit="ratio",
        meaning="percentile rank across the universe, 0 to 1, of roc_10",
        version=1,
    )
    assert seen["garch(0.07,0.9)"].unit == "ratio"


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "batch_rows"), [(1, 300), (2, 512), (3, 4_096)])
def test_any_number_of_workers_and_batches_of_any_size_give_the_same_digests(
    run, configuration, tmp_path, workers, batch_rows
):
    request = Request((SPEC,), None, None, None, workers, batch_rows, configuration)

    again = replayed(request, tmp_path / "run")

    assert again["digests"] == run[1]["digests"]


def test_a_strategy_opens_no_more_than_its_turnover_in_a_day(tmp_path):
    sizing = "{rule: fixed, notional_fixed: 60000, no_trade_band: 0, turnover_max: 0.01}"
    line = f"{{name: trend, kind: trend, enter: 0.2, leave: 0.1, sizing: {sizing}}}"
    (tmp_path / "strategies.yaml").write_text(f"strategies: [{line}]")
    replayed(Request((SPEC,), None, None, None, 1, 4_096, tmp_path), tmp_path / "run")
    kept = KeptRun(tmp_path / "run")

    points = kept.rows("decision_points").filter(pl.col("text").str.contains("turnover is used up")).collect()
    fills = (
        kept.rows("oms.executions")
        .filter(pl.col("LastQty") > 0)
        .select(
            pl.col("known_at").dt.convert_time_zone("America/New_York").dt.date().alias("day"),
            (pl.col("LastQty") * pl.col("LastPx").cast(pl.Float64)).alias("value"),
        )
        .group_by("day")
        .agg(pl.col("value").sum())
        .collect()
    )

    assert points.height > 0
    assert fills.height == 2
    # opened at most 100,000 of 10 million and closed again; two orders may be on their way at once
    assert fills["value"].max() <= 2 * (100_000 + 60_000)


@pytest.mark.slow
def test_kills_leave_the_comparisons_and_what_followed_as_an_undisturbed_run_leaves_them(
    run, configuration, tmp_path
):
    out, moments, words = tmp_path / "out", random.Random(5), (12_000, 1, configuration)

    codes = [killed_after(started(out, *words, spec=SPEC), moments.uniform(1.0, 4.0)) for _ in range(4)]
    last = ended(started(out, *words, spec=SPEC))

    assert (set(codes), last) == ({-signal.SIGKILL}, 0)
    assert lake_digests(out) == lake_digests(run[0])
    assert journal_tables(out) == journal_tables(run[0])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "{name: winners, kind: cross_sectional_momentum, params: {rank: rank(roc_11)}}",
            "'winners': no feature is named 'roc_11'",
        ),
        (
            "{name: winners, kind: cross_sectional_momentum, params: {rank: rank(roc_10)@2}}",
            "is made in version 1; version 2",
        ),
        ("{name: trend, sizing: {rule: kely}}", "'trend': sizing.rule: .*'kely' was given"),
        (
            "{name: trend, sizing: {kelly_cup: 1}}",
            "sizing has no 'kelly_cup'; the nearest known is 'kelly_cap'",
        ),
        (
            "{name: trend, filters: [{feature: adx_14, maks: 3}]}",
            "a filter has no 'maks'; the nearest known is 'max'",
        ),
        ("{name: trend, filters: [{feature: adx_14, max: wide}]}", "a filter is {feature: NAME, min: NUMBER"),
        ("{name: trend, filters: [{max: 3}]}", "a filter is {feature: NAME, min: NUMBER"),
        ("{name: trend, filters: [{feature: volatility_ewma}]}", "needs min below max"),
        (
            "{name: all, kind: ensemble, params: {members: trnd}}",
            "reads the score of 'trnd', which is no strategy",
        ),
        ("{name: trend, filters: [{feature: 'garch(0.5,0.6)', max: 1}]}", "both together below 1"),
    ],
)
def test_a_strategy_that_cannot_be_is_refused_when_the_configuration_is_read(tmp_path, line, words):
    (tmp_path / "strategies.yaml").write_text(f"strategies: [{line}]")

    with pytest.raises(SettingsError, match=words):
        read_settings(tmp_path)


def test_the_served_desk_refuses_to_compare_and_runs_without(configuration):
    source = open_source(SPEC)

    refuse_comparisons(assemble(read_settings(), source, ("0",)))
    with pytest.raises(
        SettingsError, match=r"rank\(roc_10\) compares instruments, which the served desk has no topic"
    ):
        refuse_comparisons(assemble(read_settings(configuration), source, ("0",)))


def test_an_instrument_that_is_not_in_the_universe_is_named(configuration, tmp_path):
    with pytest.raises(SettingsError, match="compares 'ACMEX', which is not in the universe of CALDR"):
        replayed(Request((SPEC,), ("CALDR", "DUNEX"), None, None, 1, 4_096, configuration), tmp_path / "run")
