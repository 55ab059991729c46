"""A report counts what stands of an order: busted fills are out, corrected ones are as they were corrected."""

from decimal import Decimal
from pathlib import Path

import msgspec

from apps.explain import explain_order
from apps.kept_run import KeptRun
from apps.report.readings import Fill, stories
from connectors.lake.codec import END_OF_INPUT
from connectors.lake.lanes import Records
from connectors.lake.sink import LakePartition
from connectors.sqlite.sink import JournalPartition
from domain.market import SECOND
from domain.order_messages import OrderReport
from domain.orders import ExecType, Execution, OrdStatus
from tests.apps.known_run import records, write_run


def amended(fill: Execution, exec_type: ExecType, quantity: int, price: str, cum: int) -> OrderReport:
    given = {name: getattr(fill, name) for name in fill.__struct_fields__} | {
        "record_id": f"{fill.record_id}-{exec_type.value}",
        "event_at": fill.event_at + SECOND,
        "exec_id": f"{fill.exec_id}-{exec_type.value}",
        "exec_type": exec_type,
        "ord_status": OrdStatus.PARTIALLY_FILLED if cum else OrdStatus.NEW,
        "cum_qty": cum,
        "leaves_qty": fill.order_qty - cum,
        "last_qty": quantity,
        "last_px": Decimal(price),
    }
    return OrderReport(**given, exec_ref_id=fill.exec_id)


def fills_after(folder: Path, *reports: OrderReport) -> list[Fill]:
    run = write_run(folder)
    late = LakePartition(run / "lake", "late", None, durable=False)
    late.write_batch([Records("oms.reports", list[msgspec.Struct](reports)), END_OF_INPUT])
    late.snapshot()
    late.close()
    journal = JournalPartition(run / "journal.sqlite", len(records()))
    journal.write_batch([list(reports)])
    journal.close()
    return [fill for story in stories(KeptRun(run)) for fill in story.fills]


def test_a_busted_fill_is_out_and_a_corrected_one_has_its_new_price(tmp_path: Path) -> None:
    first, second = (each for each in records()["oms.executions"][:2] if isinstance(each, Execution))
    bust = amended(first, ExecType.TRADE_CANCEL, 100, "101.00", 100)
    correction = amended(second, ExecType.TRADE_CORRECT, 60, "102.00", 60)

    fills = fills_after(tmp_path / "run", bust, correction)

    assert fills == [Fill(correction.event_at, 1, 60, 102.0, "trend", first.cl_ord_id)]


def test_an_explanation_says_what_stands_of_an_order_whose_fills_were_amended(tmp_path: Path) -> None:
    first, second = (each for each in records()["oms.executions"][:2] if isinstance(each, Execution))
    bust = amended(first, ExecType.TRADE_CANCEL, 100, "101.00", 100)
    correction = amended(second, ExecType.TRADE_CORRECT, 60, "102.00", 60)
    fills_after(tmp_path / "run", bust, correction)

    answer = explain_order(tmp_path / "run", first.cl_ord_id).strategies[0].answer

    assert (answer.stage, answer.words.split(" filled at ")[0], answer.traded) == ("venue", "60 of 200", True)
    assert answer.words.endswith("filled at 102.00")


def test_an_order_of_which_every_fill_was_busted_is_no_fill(tmp_path: Path) -> None:
    first, second = (each for each in records()["oms.executions"][:2] if isinstance(each, Execution))

    busts = [amended(each, ExecType.TRADE_CANCEL, 100, "101.00", 0) for each in (first, second)]

    assert fills_after(tmp_path / "run", *busts) == []
