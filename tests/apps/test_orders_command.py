"""`ita orders`, `ita positions` and `ita reconcile` say what the journal says, and find every planted difference."""

import csv
import json
import shutil
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from apps.cli import orders as commands
from apps.cli.main import WrongUse
from apps.run_folder import MANIFEST, RunFolderError
from connectors.sqlite.journal import Journal
from connectors.sqlite.sink import JournalPartition
from domain.instruments import Split
from domain.market import SECOND
from domain.orders import ExecType, Execution
from flows.stages import EXPOSURES, streams
from operators.decisions import Decisions
from operators.desk_state import DeskParams
from tests.operators import decision_case, lying_desk
from tests.operators.decision_case import OPEN

app = typer.Typer()
app.command("orders")(commands.orders)
app.command("positions")(commands.positions)
app.command("reconcile")(commands.reconcile)


def ask(folder: Path, *words: str, code: int = 0):
    answer = CliRunner().invoke(app, [*words, "--out", str(folder), "--json"])
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    assert answer.exit_code == code, answer.stdout
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    split = Split(instrument="A", effective_at=OPEN + 200 * SECOND, known_at=OPEN, ratio=Decimal(2))
    return kept(tmp_path_factory.mktemp("known"), decision_case.desk_params((split,)))[0]


def kept(folder: Path, desk: DeskParams) -> tuple[Path, dict]:
    """Keep a run of a desk; return its folder, and its records by topic."""
    stage, records = Decisions(desk), {}
    state = stage.fresh()
    (folder / MANIFEST).write_text("{}")
    journal = JournalPartition(folder / "journal.sqlite")
    for item in lying_desk.items():
        for decided in stage.step(state, item):
            for topic, many in streams(decided):
                if topic == EXPOSURES:
                    continue
                records.setdefault(topic, []).extend(many)
                journal.write_batch([list(many)] if many else [])
    journal.close()
    return folder, records


@pytest.fixture(scope="module")
def lying(tmp_path_factory):
    return kept(tmp_path_factory.mktemp("lying"), lying_desk.params(late_fills=0.2))


def test_orders_of_a_run_stand_as_their_reports_say(known):
    told = ask(known, "orders")["orders"]

    with Journal(known / "journal.sqlite") as journal:
        last = {each.order_id: each for each in journal.all(Execution)}
    assert {each["order_id"]: (each["status"], each["cum_qty"]) for each in told} == {
        name: (each.ord_status.name.lower(), each.cum_qty) for name, each in last.items()
    }
    assert {each["status"] for each in told} >= {"filled", "canceled"}
    filled = [each for each in told if each["status"] == "filled"]
    assert ask(known, "orders", "--status", "filled")["orders"] == filled
    assert ask(known, "orders", "--open")["orders"] == []
    of_a = [each for each in told if each["instrument"] == "A" and each["strategy"] == "trend"]
    assert ask(known, "orders", "--instrument", "A", "--strategy", "trend")["orders"] == of_a


def test_the_history_of_an_order_is_everything_that_happened_to_it_in_order(known):
    order = ask(known, "orders", "--status", "filled")["orders"][0]

    story = ask(known, "orders", order["cl_ord_id"][:6])

    assert story["order"] == order
    whats = [each["what"] for each in story["history"]]
    assert (whats[0], whats[-1]) == ("sent", "trade")
    times = [each["at"] for each in story["history"]]
    assert times == sorted(times)


def test_the_orders_of_a_lying_venue_stand_as_the_desk_left_them(lying):
    folder, records = lying

    told = ask(folder, "orders")["orders"]

    assert len(told) == len(records["oms.orders"])
    assert all(each["leaves_qty"] == 0 for each in told)
    busted = next(each for each in records["oms.reports"] if each.exec_type is ExecType.TRADE_CANCEL)
    story = ask(folder, "orders", busted.order_id)
    assert "trade cancel" in [each["what"] for each in story["history"]]


def test_positions_are_those_that_the_journal_has_and_add_up(known, lying):
    for folder in (known, lying[0]):
        lines = ask(folder, "positions")["positions"]
        by_instrument = ask(folder, "positions", "--by", "instrument")["positions"]

        for line in lines:
            parts = [Decimal(line[name]) for name in ("realised", "unrealised", "fees")]
            assert Decimal(line["total"]) == parts[0] + parts[1] - parts[2]
        for each in by_instrument:
            own = [line for line in lines if line["instrument"] == each["instrument"]]
            assert each["quantity"] == sum(line["quantity"] for line in own)
            assert Decimal(each["fees"]) == sum(Decimal(line["fees"]) for line in own)


def test_positions_as_of_before_the_first_fill_are_none(known):
    assert ask(known, "positions", "--as-of", "2000-01-01")["positions"] == []


def written(path: Path, rows: list[dict]) -> str:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def positions_of(folder: Path) -> list[dict]:
    names = ("account", "strategy", "instrument", "quantity", "average_cost", "realised", "fees")
    lines = ask(folder, "positions")["positions"]
    return [{name: "" if line[name] is None else line[name] for name in names} for line in lines]


def only(done: dict, kind: str) -> list[tuple[str, str]]:
    return [(each["key"], each["difference"]) for each in done["differences"] if each["kind"] == kind]


def test_a_run_agrees_with_itself_and_with_a_true_statement_of_its_positions(known, tmp_path):
    file = written(tmp_path / "positions.csv", positions_of(known))

    done = ask(known, "reconcile", "--against", file)

    assert done["differences"] == []
    assert done["compared"]["statement_positions"] > 0


def test_a_lying_venue_with_a_sound_drop_copy_leaves_only_breaks_that_the_desk_has_told(lying, tmp_path):
    folder, _ = lying
    code = 1 if only(ask_any(folder, "reconcile"), "amended_after_end") else 0
    file = written(tmp_path / "positions.csv", positions_of(folder))

    done = ask(folder, "reconcile", "--against", file, code=code)

    assert {each["kind"] for each in done["differences"]} <= {"amended_after_end"}
    assert done["compared"]["drop_copy_reports"] > 0


def ask_any(folder: Path, *words: str):
    return json.loads(CliRunner().invoke(app, [*words, "--out", str(folder), "--json"]).stdout)


@pytest.mark.parametrize(
    ("name", "planted", "told"),
    [("quantity", "7", "quantity: "), ("fees", "999", "fees: "), ("realised", "12345.67", "realised: ")],
)
def test_a_planted_difference_of_a_position_is_named_with_both_sides(known, tmp_path, name, planted, told):
    rows = positions_of(known)
    rows[0][name] = planted
    key = "position:" + "/".join(rows[0][each] for each in ("account", "strategy", "instrument"))

    done = ask(known, "reconcile", "--against", written(tmp_path / "theirs.csv", rows), code=1)

    ((found, difference),) = only(done, "position_differs")
    assert found == key
    assert difference.startswith(told)
    assert difference.endswith(f"and {planted}")


def test_a_position_that_only_one_side_has_and_a_row_that_comes_twice_are_named(known, tmp_path):
    rows = positions_of(known)
    ghost = {
        **rows[0],
        "instrument": "GHOST",
        "quantity": "5",
        "fees": "0",
        "realised": "0",
        "average_cost": "",
    }

    done = ask(known, "reconcile", "--against", written(tmp_path / "t.csv", [*rows, rows[0], ghost]), code=1)

    assert [key.split("/")[-1] for key, _ in only(done, "position_differs")] == ["GHOST"]
    assert len(only(done, "repeated_row")) == 1


def executions_of(records: dict) -> list[dict]:
    gone = {
        each.exec_ref_id
        for each in records["oms.reports"]
        if each.exec_type in {ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT}
    }
    made = [*records["oms.executions"], *records["oms.reports"]]
    return [
        {
            "ExecID": each.exec_id,
            "OrderID": each.order_id,
            "Symbol": each.symbol,
            "Side": each.side.value,
            "LastQty": each.last_qty,
            "LastPx": f"{each.last_px}",
        }
        for each in made
        if each.exec_type in {ExecType.TRADE, ExecType.TRADE_CORRECT}
        and each.exec_id not in gone
        and not each.source.startswith("desk")
    ]


def test_a_drop_copy_of_ones_own_is_compared_fill_by_fill(lying, tmp_path):
    folder, records = lying
    rows = executions_of(records)
    assert len(rows) > 20
    true = ask_any(folder, "reconcile", "--against", written(tmp_path / "true.csv", rows))
    lost, changed, *rest = rows
    added = {**lost, "ExecID": "more"}
    altered = {**changed, "LastQty": changed["LastQty"] + 1}

    false = ask(
        folder, "reconcile", "--against", written(tmp_path / "f.csv", [altered, *rest, added, added]), code=1
    )

    fills = {"missing_fill", "unknown_fill", "fill_differs", "repeated_row"}
    assert [each for each in true["differences"] if each["kind"] in fills] == []
    assert [key for key, _ in only(false, "unknown_fill")] == [f"execution:{lost['ExecID']}"]
    assert [key for key, _ in only(false, "missing_fill")] == ["execution:more"]
    assert [key for key, _ in only(false, "fill_differs")] == [f"execution:{changed['ExecID']}"]
    assert [key for key, _ in only(false, "repeated_row")] == ["execution:more"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "no column instrument or quantity"),
        ("instrument,quantity\nAAA,many\n", "line 2: quantity 'many' is not a number"),
        ("instrument,quantity\nAAA\n", "line 2 has no quantity"),
        ("instrument,quantity\nAAA,1,000\n", "line 2: the row has more cells than the header"),
        ('instrument,quantity\nAAA,"1,000"\n', "quantity '1,000' is not a number, whose comma may part"),
        ("exec_id,instrument,quantity\nx,AAA,1\n", "no column price or side"),
        ("exec_id,instrument,quantity,side,price\nx,AAA,1,up,3\n", "side 'up' is not one of"),
    ],
)
def test_a_file_that_is_no_statement_is_wrong_use_and_says_what_is_needed(known, tmp_path, text, words):
    (tmp_path / "bad.csv").write_text(text)

    with pytest.raises(WrongUse, match=words):
        ask(known, "reconcile", "--against", str(tmp_path / "bad.csv"))


def test_a_missing_file_an_unknown_order_and_a_folder_without_a_run_are_wrong_use(known, tmp_path):
    with pytest.raises(WrongUse, match="is no file"):
        ask(known, "reconcile", "--against", str(tmp_path / "none.csv"))
    with pytest.raises(WrongUse, match="unknown order 'nobody'"):
        ask(known, "orders", "nobody")
    with pytest.raises(WrongUse, match="'no' is too short; give at least the first 4 characters"):
        ask(known, "orders", "no")
    with pytest.raises(WrongUse, match="no order has status 'lost'"):
        ask(known, "orders", "--status", "lost")
    with pytest.raises(WrongUse, match="--by takes account, strategy, instrument"):
        ask(known, "positions", "--by", "desk")
    with pytest.raises(RunFolderError, match="does not exist"):
        ask(tmp_path / "none", "orders")


def test_a_journal_of_before_these_tables_is_read(known, tmp_path):
    folder = tmp_path / "before"
    shutil.copytree(known, folder)
    with sqlite3.connect(folder / "journal.sqlite") as store:
        for name in ("requests", "reports", "refusals", "drop_copies", "breaks"):
            store.execute(f"DROP TABLE {name}")
    store.close()

    assert ask(folder, "orders") == ask(known, "orders")
    assert ask(folder, "reconcile")["differences"] == []
