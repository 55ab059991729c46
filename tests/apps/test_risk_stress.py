"""`ita risk stress`: scenarios over a file of positions, and everything that cannot be used told by its place."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from apps.cli.main import WrongUse, _register, app
from config.settings import SettingsError

POSITIONS = """Asset,Value,beta,sector,currency,adv,volatility,spread
AA,5000000,1.2,banks,USD,2000000,0.02,0.0002
BB,3000000,0.8,,EUR,30000000,0.015,0.0004
CC,-2000000,1.0,tech,USD,,,
"""


@pytest.fixture
def stress(tmp_path):
    """Return a function that writes the files and asks `ita risk stress` of them."""
    if not any(group.name == "risk" for group in app.registered_groups):
        _register()

    def ask(*words, positions=POSITIONS, scenarios=None, returns=None, as_json=True):
        (tmp_path / "p.csv").write_text(positions)
        asked = ["risk", "stress", str(tmp_path / "p.csv"), *words, *(["--json"] if as_json else [])]
        for option, name, text in (("--scenarios", "s.yaml", scenarios), ("--returns", "r.csv", returns)):
            if text is not None:
                (tmp_path / name).write_text(text)
                asked += [option, str(tmp_path / name)]
        answer = CliRunner().invoke(app, asked)
        if answer.exception is not None:
            raise answer.exception
        return json.loads(answer.output) if as_json else answer.output

    return ask


def panel(days=300):
    generator = np.random.default_rng(6)
    values = 0.01 * generator.standard_normal((days, 3))
    dates = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]")[:days]
    rows = [f"{date},{a!r},{b!r},{c!r}" for date, (a, b, c) in zip(dates, values.tolist(), strict=True)]
    return "\n".join(["date,AA,BB,CC", *rows]), values, dates


def test_positions_of_a_decimal_comma_are_those_of_a_point(stress):
    plain = stress(positions="asset,quantity,price,spread\nAA,1000,1250.5,0.002\nBB,-200000,10,0\n")
    written = "Ticker;Quantity;Price;Spread\nAA;1000;1.250,50;0,2%\nBB;-200.000;10,00;0\n;;;\n"

    assert stress(positions=written) == plain


def test_factors_move_positions_by_beta_sector_and_currency(stress):
    told = stress("--nav", "6000000")
    named = {row["name"]: row for row in told["scenarios"]}

    assert named["equity -10%"]["pnl"] == pytest.approx(-600_000 - 240_000 + 200_000)
    assert named["equity -10%"]["of_nav"] == pytest.approx(-640_000 / 6e6)
    assert named["sector banks -25%"]["pnl"] == pytest.approx(-1_250_000)
    assert named["currency EUR +10%"]["pnl"] == pytest.approx(300_000)
    assert named["borrow of the top 1 shorts recalled"]["pnl"] == pytest.approx(-400_000)
    assert named["gap of AA -50%"]["pnl"] == pytest.approx(-2_500_000)
    assert named["1987-black-monday"]["pnl"] == pytest.approx(0.2047 * -6_400_000)
    assert told["worst"]["name"] == min(named.values(), key=lambda row: row["pnl"])["name"]
    assert named["equity -10%"]["drivers"][0] == {"asset": "AA", "pnl": pytest.approx(-600_000)}


def test_exposures_and_liquidity_are_told(stress):
    told = stress("--nav", "6000000")

    assert told["exposures"]["gross"] == 10_000_000
    assert told["exposures"]["beta_adjusted"] == pytest.approx(6_400_000)
    assert told["exposures"]["leverage_gross"] == pytest.approx(10 / 6)
    assert told["sectors"]["tech"] == {"gross": 2_000_000, "net": -2_000_000}
    today, thinner = (told["liquidity"]["markets"][name] for name in ("today", "volume /2"))
    assert (today["days_longest"], thinner["days_longest"]) == (12.5, 25.0)
    assert today["liquid_within_days"]["5"] == pytest.approx((5e6 * 0.4 + 3e6) / 8e6)
    assert told["liquidity"]["without_volume"] == ["CC"]
    assert told["concentration"]["hhi"] == pytest.approx(0.25 + 0.09 + 0.04)


def test_a_window_that_the_returns_cover_moves_by_them(stress):
    text, values, dates = panel()
    scenarios = (
        "scenarios:\n  - {name: own, kind: historical, from: 2020-02-01, to: 2020-02-03, equity: -0.5}\n"
    )

    told = stress("--nav", "6000000", returns=text, scenarios=scenarios)

    inside = (dates >= np.datetime64("2020-02-01")) & (dates <= np.datetime64("2020-02-03"))
    compounded = np.prod(1.0 + values[inside], axis=0) - 1.0
    own = next(row for row in told["scenarios"] if row["name"] == "own")
    assert own["pnl"] == pytest.approx(float(np.array([5e6, 3e6, -2e6]) @ compounded))
    assert own["moved_by"] == "3 days of returns for 3 of 3 positions"


def test_reverse_stress_and_other_markets_follow_from_the_returns(stress):
    text, values, _ = panel()
    held = np.array([5e6, 3e6, -2e6])
    covariance = np.cov(values, rowvar=False)

    told = stress("--nav", "6000000", "--loss", "500000", returns=text)

    variance = held @ covariance @ held
    linear = told["reverse"]["linear"]
    assert linear["distance"] == pytest.approx(5e5 / np.sqrt(variance))
    assert sum(
        linear["moves"][name] * value for name, value in zip(["AA", "BB", "CC"], held, strict=True)
    ) == (pytest.approx(-5e5))
    assert told["reverse"]["scales"]["equity -10%"] == pytest.approx(500_000 / 640_000, rel=1e-6)
    least = told["reverse"]["least"]
    assert least["scale"] == min(scale for scale in told["reverse"]["scales"].values() if scale is not None)
    assert told["var"]["today"] == pytest.approx(2.3263478740 * np.sqrt(variance))
    assert told["var"]["volatility x2"] == pytest.approx(2 * told["var"]["today"])
    assert told["var"]["correlation 0"] == pytest.approx(
        2.3263478740 * np.sqrt(held**2 @ np.diag(covariance))
    )


def test_what_needs_returns_says_so_without_them(stress):
    told = stress()

    assert told["var"] == {"left_out": "give --returns for it"}
    assert told["reverse"]["linear"] == {"left_out": "give --returns for it"}


def test_quantity_and_price_make_a_value(stress):
    told = stress(positions="symbol,quantity,price,multiplier,fx\nAA,-100,50,10,2\n")

    assert told["exposures"]["net"] == -100_000


@pytest.mark.parametrize(
    ("positions", "said"),
    [
        ("asset,value\nAA,x\nBB,1\nBB,2\n", "line 2: value is a finite number; 'x' was given"),
        ("asset,value\nAA,x\nBB,1\nBB,2\n", "line 4: the asset 'BB' was there before, in line 3"),
        ("asset,quantity,price\nAA,1,-2\n", "line 2: price is at least 0; -2 was given"),
        ("asset,value\nAA\n", "line 2: value is a finite number; '' was given"),
        ('asset,value\nAA,"1,500"\n', "line 2: value is a finite number; '1,500' was given, whose comma may"),
        ("asset,value\nAA,50%\n", "line 2: value is a finite number; '50%' was given"),
        ("asset,value\n,1\n", "line 2: a position needs an asset"),
        ("asset,beta\nAA,1\n", "needs rows of asset and value, or of asset, quantity and price"),
    ],
)
def test_positions_that_cannot_be_used_are_told_by_their_line(positions, said, stress):
    with pytest.raises(WrongUse) as refused:
        stress(positions=positions)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("scenarios", "said"),
    [
        ("scenarios:\n  - {name: a, equty: 1}\n", "scenario 'a': unknown key 'equty'; allowed: currencies"),
        ("scenarios:\n  - {equity: 1}\n", "a name is needed"),
        ("scenarios:\n  - {name: a, equity: much}\n", "scenario 'a': expected `float`, got `str`"),
        ("hypothetical:\n  gap: 1\n", "unknown key 'gap'"),
        ("hypothetical:\n  equity: big\n", "hypothetical: expected"),
    ],
)
def test_scenarios_that_cannot_be_used_are_told_by_their_place(scenarios, said, stress):
    with pytest.raises((SettingsError, WrongUse)) as refused:
        stress(scenarios=scenarios)

    assert said in str(refused.value)


def test_a_value_or_a_loss_of_nought_is_refused(stress):
    for words in (("--nav", "0"), ("--loss", "-1"), ("--participation", "2")):
        with pytest.raises(WrongUse, match="above 0"):
            stress(*words)


def test_people_are_shown_the_worst_scenario_first(stress):
    shown = stress("--nav", "6000000", as_json=False)

    rows = [line for line in shown.splitlines() if line.startswith("│")]
    assert "2008-peak-to-tr" in rows[0]
    assert "its likeliest move: give --returns for it" in shown


def test_a_name_of_a_scenario_is_shown_whole_in_a_narrow_table(stress):
    shown = stress("--nav", "6000000", as_json=False)

    rows = [line.split("│") for line in shown.splitlines() if line.startswith("│")]
    assert "2008-peak-to-trough" in "".join(cells[1].strip() for cells in rows)
    assert "…" not in shown
