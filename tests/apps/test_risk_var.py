"""`ita risk var`: figures of a file of one's own, and every row that cannot be used told by its line."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from analytics.loss_scenarios import Scenarios
from apps.cli.main import WrongUse, _register, app

DATES = np.arange("2020-01-01", "2021-05-15", dtype="datetime64[D]")[:500]
VALUES = 0.01 * np.random.default_rng(2).standard_t(5, (500, 3)) + 0.002 * np.arange(500)[:, None] / 500
METHODS = (
    "historical",
    "weighted",
    "normal",
    "student-t",
    "ewma",
    "filtered",
    "cornish-fisher",
    "monte-carlo",
)


def text_of(values, header="date,A,B,C"):
    rows = [
        ",".join([str(date), *map(repr, map(float, row))]) for date, row in zip(DATES, values, strict=False)
    ]
    return "\n".join([header, *rows]) + "\n"


@pytest.fixture
def var(tmp_path):
    """Return a function that writes the files and asks `ita risk var` of them."""
    if not any(group.name == "risk" for group in app.registered_groups):
        _register()

    def ask(*words, returns=None, weights=None):
        (tmp_path / "r.csv").write_text(text_of(VALUES) if returns is None else returns)
        asked = ["risk", "var", str(tmp_path / "r.csv"), "--json", *words]
        if weights is not None:
            (tmp_path / "w.csv").write_text(weights)
            asked += ["--weights", str(tmp_path / "w.csv")]
        answer = CliRunner().invoke(app, asked)
        if answer.exception is not None:
            raise answer.exception
        return json.loads(answer.output)

    return ask


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_figures_components_and_backtests(method, var):
    words = ("--simulations", "2000") if method == "monte-carlo" else ()

    told = var("--method", method, "--rolling", "250", "--backtest", *words)

    assert told["method"] == method
    assert 0.0 < told["var"] < told["es"]
    assert told["observations"] == 250
    assert sum(row["component_var"] for row in told["components"]) == pytest.approx(told["var"], rel=1e-9)
    assert sum(row["component_es"] for row in told["components"]) == pytest.approx(told["es"], rel=1e-9)
    rolled = told["rolling"]["forecasts"]
    assert len(rolled) == told["backtest"]["observations"] == 250
    assert sum(row["exception"] for row in rolled) == told["backtest"]["exceptions"]
    assert [row["exception"] for row in rolled] == [row["loss"] > row["var"] for row in rolled]
    for name in ("kupiec", "christoffersen", "conditional_coverage", "expected_shortfall"):
        assert 0.0 <= told["backtest"][name]["p_value"] <= 1.0


def test_the_quantile_convention_is_named_and_followed(var):
    losses = -VALUES @ np.full(3, 1 / 3)

    for quantile, linear, words in (
        ("order-statistic", False, "order statistic: the loss of rank ceil(n * confidence), ascending"),
        ("linear", True, "linear: between order statistics, at place (n - 1) * confidence from 0"),
    ):
        told = var("--confidence", "0.99", "--quantile", quantile)
        assert told["var"] == pytest.approx(Scenarios(losses, linear=linear).var(0.99), rel=1e-12)
        assert told["quantile_convention"].startswith(words)


def test_a_forecast_is_made_of_the_days_before_it_alone(var):
    poisoned = VALUES.copy()
    poisoned[400:] = -0.5

    told, changed = var("--rolling", "100"), var("--rolling", "100", returns=text_of(poisoned))

    before, after = told["rolling"]["forecasts"], changed["rolling"]["forecasts"]
    assert [row["var"] for row in before[:301]] == [row["var"] for row in after[:301]]
    assert before[301]["var"] != after[301]["var"]
    window = -VALUES[150:250] @ np.full(3, 1 / 3)
    assert before[150]["var"] == pytest.approx(Scenarios(window).var(0.95), rel=1e-12)
    assert before[150]["date"] == str(DATES[250])


def test_weights_may_stand_in_any_order_and_case_and_a_missing_one_is_nought(var):
    told = var(weights="Asset,Weight\nc,0.25\nA,0.75\n")

    assert told["var"] == pytest.approx(Scenarios(-VALUES @ [0.75, 0.0, 0.25]).var(0.95), rel=1e-12)
    assert [row["weight"] for row in told["components"]] == [0.75, 0.0, 0.25]
    assert told["components"][1]["component_var"] == 0.0


def test_value_and_horizon_scale_the_figures(var):
    plain, scaled = var(), var("--horizon", "10", "--value", "1000000")

    for name in ("var", "es"):
        assert scaled[name] == pytest.approx(plain[name] * 1e6 * 10**0.5, rel=1e-12)
    assert scaled["horizon_scaling"].startswith("one-day figures times the square root of the days")
    assert sum(row["component_var"] for row in scaled["components"]) == pytest.approx(scaled["var"], rel=1e-9)


def test_the_header_may_be_in_any_case_and_cells_be_parted_by_semicolons(var):
    plain = var()

    assert var(returns=text_of(VALUES, "DATE,A,B,C"))["var"] == plain["var"]
    assert var(returns="\ufeff" + text_of(VALUES, "Date,a,b,c").replace(",", ";"))["var"] == plain["var"]
    assert var(returns=text_of(VALUES).replace("\n", "\r\n"))["var"] == plain["var"]


def test_a_single_series_has_no_table_of_components(var):
    told = var(returns="date,fund\n2024-01-01,0.01\n2024-01-02,-0.03\n2024-01-03,0.02\n")

    assert (told["var"], told["components"]) == (0.03, [])
    assert told["flags"] == [
        "few-observations: none lies beyond the quantile, the figure is the largest loss"
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("2024-01-01,1,2\n2024-01-02,x,2", "line 3: A is a finite number; 'x' was given"),
        ("2024-01-01,1,2\n2024-01-02,1,", "line 3: no value of B"),
        ("2024-01-01,1,2\n2024-01-02,1,nan", "line 3: no value of B"),
        ("2024-01-01,inf,2\n2024-01-02,1,2", "line 2: A is a finite number; 'inf' was given"),
        ("2024-01-01,1,2\n2024-01-02,1", "line 3: no value of B"),
        ("2024-01-01,1,2\n2024-01-02,1,2,3", "line 3: the row has more cells than the header"),
        ("2024-01-01,1,2\nsoon,1,2\n2024-01-03,1,2", "line 3: the date 'soon' cannot be read"),
        (
            "2024-01-01,1,2\n2024-01-03,1,2\n2024-01-02,1,2",
            "line 4: the date 2024-01-02 is before that of the row above",
        ),
        ("2024-01-01,1,2\n2024-01-01,1,2", "line 3: the date 2024-01-01 was there before, in line 2"),
        ("2024-01-01,1,2", "has 1 rows that can be used; at least 2 are needed"),
        ("", "has no rows; returns of at least 2 dates are needed"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_by_its_line(rows, said, var):
    with pytest.raises(WrongUse) as refused:
        var(returns=f"date,A,B\n{rows}\n")

    assert said in str(refused.value)


def test_every_wrong_line_is_told_at_once_up_to_ten(var):
    rows = "".join(f"2024-01-{day:02},x,1\n" for day in range(1, 16))

    with pytest.raises(WrongUse) as refused:
        var(returns=f"date,A,B\n{rows}")

    told = str(refused.value)
    assert [f"line {line}:" in told for line in (2, 11, 12)] == [True, True, False]
    assert told.endswith("and 5 lines more")


def test_rows_that_lack_values_may_be_left_out(var):
    told = var("--drop-incomplete", returns="date,A\n2024-01-01,0.1\n2024-01-02,\n2024-01-03,-0.2\n")

    assert (told["observations"], told["var"]) == (2, 0.2)
    assert "incomplete-rows: 1 were left out" in told["flags"]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("asset,weight\nA,1\nD,1\n", "line 3: unknown asset 'D'; the nearest column is"),
        ("asset,weight\nA,1\nA,1\n", "line 3: the asset 'A' was there before"),
        ("asset,weight\nA,much\n", "line 2: the weight of 'A' is a finite number; 'much' was given"),
        ("asset,weight\nA,nan\n", "line 2: the weight of 'A' is a finite number; 'nan' was given"),
        ("asset,weight\nA\n", "line 2: the weight of 'A' is a finite number; '' was given"),
        ("asset,weight\nA,0\n", "gives every asset a weight of 0"),
        ("A,1\n", "needs the columns asset and weight; it has A, 1"),
    ],
)
def test_weights_that_cannot_be_used_are_told_by_their_line(weights, said, var):
    with pytest.raises(WrongUse) as refused:
        var(weights=weights)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--method", "magic"), "--method is one of historical, weighted, normal"),
        (("--confidence", "95"), "a confidence lies between 0 and 1, such as 0.95; 95 was given"),
        (("--rolling", "500"), "a window of at least 2 observations and fewer than there are, 500"),
        (("--rolling", "1"), "a window of at least 2 observations"),
        (("--rolling", "0"), "a window of at least 2 observations"),
        (("--horizon", "0"), "a horizon is at least 1 day"),
        (("--value", "-1"), "a value above 0"),
        (("--method", "normal", "--quantile", "linear"), "a linear quantile is of equally likely scenarios"),
        (("--lambda", "1.5", "--method", "ewma"), "lambda lies between 0 and 1"),
        (("--method", "student-t", "--degrees", "1"), "degrees of freedom above 2; 1 was given"),
    ],
)
def test_wrong_options_are_told_with_what_is_allowed(words, said, var):
    with pytest.raises(WrongUse) as refused:
        var(*words)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("returns", "said"),
    [
        ("A,B\n1,2\n", "has no column of dates, one of date, timestamp, datetime, time; it has A, B"),
        ("date\n2024-01-01\n", "has dates and nothing else"),
        ("date,A,A\n2024-01-01,1,2\n", "has the column 'A' twice"),
        ("date,A,\n2024-01-01,1,2\n", "line 2: the row has more cells than the header"),
        ("", "is empty; a table has a line of titles"),
    ],
)
def test_a_file_that_is_none_of_returns_is_refused(returns, said, var):
    with pytest.raises(WrongUse) as refused:
        var(returns=returns)

    assert said in str(refused.value)


def test_people_are_shown_the_same_figures(tmp_path, var):
    told = var("--backtest")

    shown = CliRunner().invoke(app, ["risk", "var", str(tmp_path / "r.csv"), "--backtest"])

    assert f"VaR {told['var']:,.8g}" in shown.output
    assert f"Backtest: {told['backtest']['exceptions']} exceptions in 248 days" in shown.output
