"""`ita orders`, `ita positions`, `ita reconcile`: what became of the orders, what is held, and whether all agree."""

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option(help="output folder of a run")]
Served = Annotated[bool, typer.Option("--served", help="the journal of the served desk instead")]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Instrument = Annotated[str | None, typer.Option(help="only this instrument")]
Strategy = Annotated[str | None, typer.Option(help="only this strategy")]
Account = Annotated[str | None, typer.Option(help="only this account")]
DEMO = Path("out/demo")


def orders(  # noqa: PLR0913, PLR0917  the options of the command
    order_id: Annotated[
        str | None, typer.Argument(help="OrderID or ClOrdID, or how it begins: its whole history")
    ] = None,
    out: Out = DEMO,
    instrument: Instrument = None,
    strategy: Strategy = None,
    status: Annotated[str | None, typer.Option(help="only these: filled, canceled, new, unknown ...")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="only those that may still be filled")] = False,
    last: Annotated[int, typer.Option(min=1, help="how many at most, the newest")] = 50,
    served: Served = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """List orders with their state, or show everything that happened to one.

    The state is worked out from the reports by the desk's own state machine. With --json all orders are told.

    Examples: ita orders --out out/demo --status filled; ita orders 3f2a91 --out out/demo
    """
    import msgspec

    from apps.cli.main import WrongUse
    from apps.journals import journal_of
    from apps.order_tables import print_orders, print_story
    from apps.orders import KeptOrders, NoSuchOrder

    with journal_of(out, served=served, config=config) as journal:
        kept = KeptOrders(journal)
        asked_for = order_id is not None and journal.intent(order_id) is not None
    if order_id is not None:
        try:
            story = kept.story(order_id)
        except NoSuchOrder as nothing:
            never = f"intent {order_id} has led to no order; `ita explain {order_id}` says why"
            raise WrongUse(never if asked_for else str(nothing)) from nothing
        print(msgspec.json.encode(story).decode()) if json else print_story(story)
        return
    lines = sorted((kept.line(name) for name in kept.orders), key=lambda line: (line.sent_at, line.order_id))
    known = sorted({line.status for line in lines})
    if status is not None and status.replace("_", " ") not in known:
        raise WrongUse(f"no order has status {status!r}; those here have {', '.join(known) or 'none'}")
    chosen = [
        line
        for line in lines
        if (instrument is None or line.instrument == instrument)
        and (strategy is None or line.strategy == strategy)
        and (status is None or line.status == status.replace("_", " "))
        and (not open_only or line.leaves_qty > 0)
    ]
    if json:
        print(msgspec.json.encode({"orders": chosen}).decode())
        return
    print_orders(chosen[-last:], len(lines))


def positions(  # noqa: PLR0913, PLR0917  the options of the command
    out: Out = DEMO,
    account: Account = None,
    strategy: Strategy = None,
    instrument: Instrument = None,
    by: Annotated[str, typer.Option(help="add up by these: account,strategy,instrument")] = (
        "account,strategy,instrument"
    ),
    as_of: Annotated[
        str | None, typer.Option(help="as they were at 2024-03-07T15:30:00Z or 2024-03-07")
    ] = None,
    served: Served = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """List positions with average cost, realised and unrealised P&L and fees.

    Examples: ita positions --out out/demo; ita positions --out out/demo --by instrument --json
    """
    import msgspec

    from apps.cli.main import WrongUse
    from apps.journals import journal_of
    from apps.order_tables import print_positions
    from apps.positions import FIELDS, added, lines_of
    from connectors.files.action_rows import instant_of
    from domain.market import END

    names = tuple(name.strip() for name in by.split(","))
    unknown = sorted(set(names) - set(FIELDS))
    if unknown:
        raise WrongUse(f"--by takes {', '.join(FIELDS)}; {unknown[0]!r} was given")
    try:
        until = END if as_of is None else instant_of(as_of)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    with journal_of(out, served=served, config=config) as journal:
        held = lines_of(journal.positions(until))
    chosen = [
        line
        for line in held
        if (account is None or line.account == account)
        and (strategy is None or line.strategy == strategy)
        and (instrument is None or line.instrument == instrument)
    ]
    lines = chosen if set(names) == set(FIELDS) else added(chosen, names)
    if json:
        print(msgspec.json.encode({"positions": lines}).decode())
        return
    print_positions(lines)


def reconcile(
    out: Out = DEMO,
    against: Annotated[
        Path | None, typer.Option(help="CSV of positions or of executions (a drop copy) to compare with")
    ] = None,
    tolerance: Annotated[str, typer.Option(help="by how much amounts of money may differ")] = "0.005",
    served: Served = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Compare orders with the drop copy, positions with executions, and both with a file of one's own.

    FILE has columns instrument and quantity, and of positions account, strategy, average_cost, realised, fees where it
    has them; of executions exec_id, side and price, and order_id and fees where it has them. What is compared is what
    the file has. Exit code 1 where anything differs, each difference with left, right and key.

    Examples: ita reconcile --out out/demo; ita reconcile --out out/demo --against broker.csv --json
    """
    from decimal import Decimal, InvalidOperation

    import msgspec

    from apps.cli.main import WORK_FAILED, WrongUse
    from apps.journals import journal_of
    from apps.order_tables import print_reconciliation
    from apps.reconciling import reconcile as compared
    from apps.statement_file import StatementError, read_statement

    try:
        allowed = Decimal(tolerance)
    except InvalidOperation:
        allowed = Decimal(-1)
    if not (allowed.is_finite() and allowed >= 0):
        raise WrongUse(f"a tolerance is a number of at least 0; {tolerance!r} was given")
    try:
        statement = None if against is None else read_statement(against)
    except StatementError as error:
        raise WrongUse(str(error)) from error
    with journal_of(out, served=served, config=config) as journal:
        done = compared(journal, statement, allowed)
    if json:
        print(msgspec.json.encode(done).decode())
    else:
        print_reconciliation(done)
    if done.differences:
        raise typer.Exit(WORK_FAILED)
