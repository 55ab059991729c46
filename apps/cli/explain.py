"""`ita explain`: why an order was sent, or why none was."""

from pathlib import Path
from typing import Annotated

import typer

OrderId = Annotated[str | None, typer.Argument(help="OrderID or ClOrdID of an order, or how it begins")]
Instrument = Annotated[str | None, typer.Option(help="an instrument of the run, with --at")]
At = Annotated[
    str | None, typer.Option(help="2024-03-07T15:30:00Z, or 10:30 of the run's first day in New York")
]
Out = Annotated[Path, typer.Option(help="output folder of a run")]
Audit = Annotated[bool, typer.Option("--audit", help="show the checks that only compliance may see, too")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


def explain(
    order_id: OrderId = None,
    instrument: Instrument = None,
    at: At = None,
    out: Out = Path("out/demo"),
    audit: Audit = False,
    json: AsJson = False,
) -> None:
    """Explain an order, or what each strategy did about an instrument at an instant: bar, features, checks, fills.

    Examples: ita explain 3f2a91 --out out/demo; ita explain --instrument ELARA --at 10:30 --out out/demo
    """
    import msgspec
    from rich.console import Console

    from apps.audit import recorded
    from apps.cli.main import WrongUse
    from apps.explain import NothingToExplain, explain_instant, explain_order
    from apps.explain_view import rendered
    from apps.local_time import NoInstant
    from config.audit import read_audit

    try:
        if order_id is not None and instrument is None and at is None:
            explanation = explain_order(out, order_id, audit=audit)
        elif order_id is None and instrument is not None and at is not None:
            explanation = explain_instant(out, instrument.upper(), at, audit=audit)
        else:
            raise WrongUse("explain needs either an ORDER_ID, or --instrument together with --at")
    except (NothingToExplain, NoInstant) as nothing:
        raise WrongUse(str(nothing)) from nothing
    if audit and explanation.proved is not None:
        recorded(out, read_audit(), "AuditExplained", {"order": explanation.order, "at": explanation.at})
    if json:
        print(msgspec.json.encode(explanation).decode())
    else:
        Console().print(rendered(explanation))
