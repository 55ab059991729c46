"""Feast knows every feature of the catalogue, reads the lake as it lies, and agrees with our own join."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from connectors.feast.history import point_in_time
from connectors.feast.store import VIEW, NoFeatureStore, declared_in, open_store, prepare, settings_text
from domain.market import SECOND
from feature_repo import declarations as declared
from feature_repo.declarations import declarations
from features.catalogue import CATALOGUE
from tests.connectors.feast.feature_lakes import (
    FEATURES,
    LINES,
    UNIVERSE,
    asked,
    event_at,
    random_rows,
    write_lake,
)

pytestmark = [pytest.mark.xdist_group("feast"), pytest.mark.filterwarnings("default")]


@pytest.fixture
def run(tmp_path):
    """Return a run's folder without revisions, its feature store prepared."""
    write_lake(tmp_path / "lake", random_rows(11, 40, 0.0))
    prepare(tmp_path / "feature_store", UNIVERSE.names, LINES, declarations)
    return tmp_path


def feast_history(run: Path, questions: pl.DataFrame, **options) -> pl.DataFrame:
    entities = questions.select("instrument", "event_timestamp").unique().to_pandas()
    names = [f"{VIEW}:{name}" for name in FEATURES]
    answer = open_store(run / "feature_store").get_historical_features(entities, names, **options).to_df()
    frame = pl.from_pandas(answer[["instrument", "event_timestamp", *FEATURES]])
    return frame.with_columns(pl.col("event_timestamp").cast(pl.Datetime("ns", "UTC")))


def ours(run: Path, questions: pl.DataFrame) -> pl.DataFrame:
    answer = point_in_time(run / "lake", questions.unique(), FEATURES)
    return answer.filter(pl.col("event_at").is_not_null())


def assert_same(feast: pl.DataFrame, own: pl.DataFrame) -> None:
    columns = ("instrument", "event_timestamp", *FEATURES)
    key = ["instrument", "event_timestamp"]
    assert_frame_equal(
        feast.select(columns).drop_nulls(FEATURES[0]).sort(key),
        own.select(columns).sort(key),
        check_exact=True,
    )


def test_every_line_of_the_catalogue_is_a_field_with_its_meaning_unit_and_version():
    _, _, view = declarations()

    fields = {field.name: field for field in view.features}

    assert [*fields] == [*(line.name for line in CATALOGUE), "sequence", "version"]
    for line in CATALOGUE:
        assert str(fields[line.name].dtype) == "Float64"
        assert fields[line.name].description == line.meaning
        assert fields[line.name].tags["unit"] == line.unit
        assert fields[line.name].tags["version"] == str(line.version)
    assert view.name == VIEW == declared.VIEW
    assert view.entities == ["instrument"]


def test_the_committed_settings_are_those_that_a_run_gets():
    committed = Path(declared.__file__).with_name("feature_store.yaml").read_text()

    assert committed == settings_text()


def test_feasts_own_command_line_finds_the_declarations():
    from feature_repo import definitions  # noqa: PLC0415  imports Feast

    entity, source, view = declarations()

    assert (entity, source) == (definitions.INSTRUMENT, definitions.BAR_FEATURE_ROWS)
    assert view == definitions.BAR_FEATURES


def test_feasts_join_over_the_lake_equals_ours_where_nothing_is_revised(run):
    questions = asked(
        [(name, event_at(0) + step * 61 * SECOND) for name in UNIVERSE.names for step in range(60)]
    )
    forgiving = questions.with_columns(knowledge_at=pl.lit(event_at(10_000)).cast(pl.Datetime("ns", "UTC")))

    feast, own = feast_history(run, questions), ours(run, forgiving)

    assert own.height > 150
    assert_same(feast, own)


def test_feasts_cut_off_at_the_created_timestamp_equals_ours_where_nothing_is_revised(run):
    questions = asked(
        [(name, event_at(0) + step * 31 * SECOND) for name in UNIVERSE.names for step in range(90)]
    )

    feast = feast_history(run, questions, filter_by_created_timestamp=True)

    assert_same(feast, ours(run, questions))
    assert not feast.sort(feast.columns).equals(feast_history(run, questions).sort(feast.columns))


def test_a_run_folder_can_be_moved(run, tmp_path_factory):
    moved = run.rename(tmp_path_factory.mktemp("moved") / "run")
    questions = asked([("AAA", event_at(50)), ("BBB", event_at(50)), ("CCC", event_at(50))])

    assert_same(feast_history(moved, questions), ours(moved, questions))


def test_preparing_again_changes_nothing_and_another_catalogue_changes_the_view(run):
    folder = run / "feature_store"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()}

    prepare(folder, UNIVERSE.names, LINES, declarations)
    same = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()}
    prepare(folder, UNIVERSE.names, LINES[:1], declarations)

    assert same == before
    fields = open_store(folder).get_feature_view(VIEW).features
    assert [field.name for field in fields] == [LINES[0].name, "sequence", "version"]
    assert declared_in(folder).features == (LINES[0].name,)


def test_a_folder_without_a_feature_store_says_what_to_do(tmp_path):
    with pytest.raises(NoFeatureStore, match="ita replay SOURCE --out"):
        declared_in(tmp_path / "feature_store")
