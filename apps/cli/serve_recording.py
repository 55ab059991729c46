"""`ita serve-recording`: a local venue that plays a recorded session."""

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[list[Path], typer.Argument(help="recorded sessions of one venue, plain or .gz")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="port to listen on; 0 for any that is free")]
Speed = Annotated[
    str, typer.Option(help="1 is as it was recorded, 10 ten times as fast, max as fast as it goes")
]
FaultSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        help="delay=50ms, or a chance for each message: drop, duplicate, reorder, garbage, damage, cut, kick, mute; "
        "of books that are sent to who joins: spoil, falsify; of subscriptions: refuse; of requests: limit",
    ),
]
Seed = Annotated[int, typer.Option(help="of the faults that happen by chance")]
Present = Annotated[
    bool,
    typer.Option("--present", help="move the times in messages to the present, so that a desk can run on it"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print the addresses as one JSON object")]


def serve_recording(
    files: Files,
    port: Port = 0,
    speed: Speed = "1",
    fault: FaultSettings = None,
    seed: Seed = 0,
    present: Present = False,
    json: AsJson = False,
) -> None:
    """Serve recorded sessions as a venue on loopback, until SIGTERM.

    Example: ita serve-recording COINBASE.ws.28.0.gz --present --fault drop=0.01 --fault delay=50ms

    `GET /_control` tells where the session stands and changes faults as it goes: ?drop=0.1, ?next=drop:3 (of a
    channel: ?next=drop:3:level2:BTC-USD), ?now=cut.
    """
    import msgspec

    from apps.cli.main import WrongUse
    from apps.recording_server import Addresses, Serving
    from apps.recording_server import serve_recording as serve

    def tell(addresses: Addresses) -> None:
        if json:
            print(msgspec.json.encode(addresses._asdict()).decode(), flush=True)
            return
        for name, value in addresses._asdict().items():
            print(f"{name}: {value}", flush=True)

    try:
        pace = 0.0 if speed == "max" else float(speed)
    except ValueError as wrong:
        raise WrongUse(f"speed is a number above 0, or max; {speed!r} was given") from wrong
    if not 0 <= pace < float("inf") or (pace == 0 and speed != "max"):
        raise WrongUse(f"speed is a number above 0, or max; {speed!r} was given")
    try:
        serve(Serving(files, port, pace, fault or (), seed, present), tell)
    except OSError as taken:
        raise WrongUse(
            f"port {port} cannot be listened on ({taken.strerror}); choose another, or 0"
        ) from taken
