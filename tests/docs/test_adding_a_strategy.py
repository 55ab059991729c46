"""The page about adding a strategy is true: its example is run as it stands there."""

import re
import sys
from pathlib import Path

import numpy as np
import polars
import pytest
import yaml

import operators.strategies
from apps.replaying import Request, replayed
from config.settings import DEFAULT
from features.catalogue import CATALOGUE
from operators.strategy import Strategy, kinds, params_of, strategy_file

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-strategy.md"
SOURCE = "simulator:seed=7,instruments=3,days=1,ticks=45000"


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)[number]


@pytest.fixture
def the_file(tmp_path, monkeypatch):
    """Put the page's file where strategies are found."""
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "bands.py").write_text(block("python"))
    monkeypatch.setattr(operators.strategies, "__path__", [*operators.strategies.__path__, str(folder)])
    yield "bands"
    sys.modules.pop("operators.strategies.bands", None)


@pytest.fixture
def the_lines(tmp_path):
    """Return a configuration folder with the page's line, and its right to trade among the project's."""
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / "strategies.yaml").write_text(block("yaml"))
    rules = (DEFAULT / "compliance.yaml").read_text()
    head, tail = rules.split("  strategies:\n")
    rules = f"{head}  strategies:\n{block('yaml', 1)}{tail}"
    head, comment, tail = re.split(r"(?<=  algorithms:)(.*\n)", rules, maxsplit=1)
    (folder / "compliance.yaml").write_text(f"{head}{comment}{block('yaml', 2)}{tail}")
    return folder


def opinion(kind: str, place: float, strength: float):
    given = {"bollinger_percent_b": np.array([place]), "adx_14": np.array([strength])}
    made = strategy_file(kind).score(strategy_file(kind).Params(), given)
    return float(made.score[0]), bool(made.gate[0])


def test_the_file_is_found_by_its_name_and_reads_features_that_are_made(the_file):
    line = yaml.safe_load(block("yaml"))["strategies"][0]

    strategy = Strategy(**{**line, "params": params_of(line["kind"], line["params"])})

    assert the_file in kinds()
    assert set(strategy.features()) <= {feature.name for feature in CATALOGUE}


@pytest.mark.parametrize(
    ("place", "score"),
    [(1.125, 0.5), (1.25, 1.0), (2.0, 1.0), (1.0, 0.0), (0.5, 0.0), (-0.125, -0.5), (-9, -1)],
)
def test_the_example_scores_how_far_outside_the_bands_a_close_is(the_file, place, score):
    assert opinion(the_file, place, 30.0) == (score, True)


@pytest.mark.parametrize(
    ("strength", "gate"), [(19.99, False), (20.0, True), (20.01, True), (float("nan"), False)]
)
def test_the_example_opens_its_gate_from_the_least_strength_on(the_file, strength, gate):
    assert opinion(the_file, 1.125, strength) == (0.5, gate)


def test_the_example_is_not_ready_where_its_feature_does_not_speak(the_file):
    score, _ = opinion(the_file, float("nan"), 30.0)

    assert np.isnan(score)


def test_the_example_trades_in_a_run_that_is_given_its_lines(the_file, the_lines, tmp_path):
    out = tmp_path / "run"

    summary = replayed(Request((SOURCE,), None, None, None, 1, 4_096, the_lines), out)

    scores = polars.read_parquet(out / "lake" / "scores" / "**" / "*.parquet")
    orders = polars.read_parquet(out / "lake" / "oms.orders" / "**" / "*.parquet")
    assert set(scores["strategy"].unique()) == {the_file} == set(orders["strategy"].unique())
    assert summary["counts"]["scores"] == summary["counts"]["features"]


@pytest.mark.usefixtures("the_file")
def test_the_example_may_do_nothing_until_compliance_has_named_it(the_lines, tmp_path):
    (the_lines / "compliance.yaml").unlink()

    summary = replayed(Request((SOURCE,), None, None, None, 1, 4_096, the_lines), tmp_path / "run")

    assert set(summary["verdicts"]["by_kind"]) == {"refused"}
    assert "oms.orders" not in summary["counts"]
