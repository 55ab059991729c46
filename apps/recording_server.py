"""Serves recorded sessions as a venue until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from time import time_ns
from typing import NamedTuple
from urllib.parse import urlsplit

from connectors.recordings.faults import Faults
from connectors.recordings.replay_venue import CONTROL, ReplayVenue
from connectors.recordings.session import Session, read_session

HOST = "127.0.0.1"


class Serving(NamedTuple):
    """Files of one venue, the port (0: any that is free), the speed (0: as fast as it goes), what goes wrong.

    `present` moves the instants in messages to those of now.
    """

    files: Sequence[Path]
    port: int
    speed: float
    faults: Sequence[str]
    seed: int
    present: bool = False


class Addresses(NamedTuple):
    """Where the venue listens; `setting` has the desk connect there."""

    venue: str
    websocket: str
    rest: str
    control: str
    setting: str
    channels: int
    messages: int


def serve_recording(serving: Serving, ready: Callable[[Addresses], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is told the addresses. Raises SourceError, OSError."""
    faults = Faults(serving.faults, serving.seed)
    session = read_session(serving.files)
    asyncio.run(_serve(session, faults, serving, ready))


async def _serve(
    session: Session, faults: Faults, serving: Serving, ready: Callable[[Addresses], None]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    venue = ReplayVenue(session, faults, serving.speed, time_ns if serving.present else None)
    await venue.serve(HOST, serving.port, lambda port: ready(_addresses(session, port)), stop)


def _addresses(session: Session, port: int) -> Addresses:
    name, place = session.manners.name, f"{HOST}:{port}"
    path = urlsplit(session.addresses[0]).path.rstrip("/") if session.addresses else ""
    return Addresses(
        venue=name,
        websocket=f"ws://{place}{path}",
        rest=f"http://{place}",
        control=f"http://{place}{CONTROL}",
        setting=f"ITA_VENUES__{name.upper()}__URL=ws://{place}",
        channels=len(session.keys),
        messages=sum(1 for moment in session.moments if moment.text),
    )
