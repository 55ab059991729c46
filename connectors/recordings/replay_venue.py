"""A recorded session served as a venue: a websocket and REST server on loopback that can be told to misbehave.

The session begins with the first subscription and goes on whoever is connected: what comes while nobody listens is
missed, as at any venue. The venue keeps the books of the session, so that a client that comes back, or asks for a
snapshot, gets the book as it stands. At full pace the session waits while somebody asks for something, and while nobody
listens. `GET /_control` tells where it stands and sets faults: `?drop=0.1&delay=20ms`; `?next=drop:3` for the messages
that follow, `?next=drop:3:level2:BTC-USD` for those of a channel (a key of `joined`); `?now=cut`, `?now=kick`,
`?now=mute` for the connections that there are.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from connectors.recordings.faults import Fault, Faults, falsified, fault_named
from connectors.recordings.manners import Asked, ReplayBook, ReplayBooks, message_of
from connectors.recordings.present import Present
from connectors.recordings.session import EVERYONE, Moment, Session, asked_of
from connectors.recordings.told_candles import told_candles
from connectors.recordings.told_trades import Told, messages_of, told_trades
from connectors.source import SourceError

CONTROL = "/_control"
HEARTBEAT_SECONDS = 1.0
SETTLE_SECONDS = 0.05
CLOSE_SECONDS = 0.5
"""How long a client may take to let go of a connection that ends; one that keeps it for later requests never does."""
OUTBOX_MESSAGES = 256
RETRY_AFTER_SECONDS = 1
MESSAGE_BYTES_MAX = 2**20
POLICY_BROKEN = 1008
ENDINGS = (Fault.MUTE, Fault.CUT, Fault.KICK)
GARBAGE = '{"damaged":[[\x00'


class Visitor:
    """A client: what it has joined, and what is on its way to it."""

    def __init__(self, connection: ServerConnection, delay: Callable[[], float]) -> None:
        self.connection = connection
        self.joined: set[str] = set()
        self.muted = False
        self.swapped: str | None = None
        self._delay = delay
        self._outbox: asyncio.Queue[tuple[float, str]] = asyncio.Queue(OUTBOX_MESSAGES)

    async def post(self, text: str) -> None:
        """Put a message on its way; waits while the client is slow."""
        if not self.muted:
            await self._outbox.put((asyncio.get_running_loop().time() + self._delay(), text))

    async def deliver(self) -> None:
        """Send what is posted, each when its delay is over, until the connection ends; then throw it away."""
        gone = False
        while True:
            due, text = await self._outbox.get()
            wait = due - asyncio.get_running_loop().time()
            if wait > 0 and not gone:
                await asyncio.sleep(wait)
            if not gone and not self.muted:
                try:
                    await self.connection.send(text)
                except ConnectionClosed:
                    gone = True


class ReplayVenue:
    """Plays a session; `speed` is how fast it goes (0: as fast as the clients take it).

    `now` tells the time (ns UTC) where the instants in messages are to be those of the present; without it they stay.
    """

    def __init__(
        self, session: Session, faults: Faults, speed: float, now: Callable[[], int] | None = None
    ) -> None:
        self._now = now
        self._present: Present | None = None
        self._session, self._faults, self._speed = session, faults, speed
        self._manners = session.manners
        self._visitors: set[Visitor] = set()
        self._books = ReplayBooks(self._manners.depth)
        self._first = self._first_snapshots()
        self._told_past: tuple[Told, ...] = ()
        self._position = self._requests = self._connects = self._subscriptions = 0
        self._begun, self._listening = asyncio.Event(), asyncio.Event()
        self._asked_at = 0.0

    def _first_snapshots(self) -> dict[str, ReplayBook]:
        """Return the first recorded answer of each book, for who asks before the session has come to it."""
        found: dict[str, ReplayBook] = {}
        for moment in self._session.moments:
            if moment.change is not None and moment.change.book not in found:
                book = found[moment.change.book] = ReplayBook()
                book.apply(moment.change, self._manners.depth)
        return found

    async def serve(self, host: str, port: int, ready: Callable[[int], None], stop: asyncio.Event) -> None:
        """Serve until `stop` is set; `ready` is told the port. Raises OSError where the port is taken."""
        options: dict[str, Any] = {
            "process_request": self._requested,
            "max_size": MESSAGE_BYTES_MAX,
            "close_timeout": CLOSE_SECONDS,
        }
        async with serve(self._visit, host, port, compression=None, **options) as server:
            ready(next(iter(server.sockets)).getsockname()[1])
            tasks = [asyncio.create_task(work) for work in (self._play(), self._beat(), _ended(stop))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            for task in done:
                task.result()

    # The session

    async def _play(self) -> None:
        await self._begun.wait()
        loop = asyncio.get_running_loop()
        moments = self._session.moments
        begun, first_at = loop.time(), moments[0].at if moments else 0
        self._move_to_present()
        for number, moment in enumerate(moments):
            if self._speed:
                wait = begun + (moment.at - first_at) / 1e9 / self._speed - loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
            else:
                await self._settled()
            self._position = number + 1
            await self._happen(number, moment)
        await asyncio.Event().wait()

    def _move_to_present(self) -> None:
        """Have the session's first instant be that of now, once."""
        moments = self._session.moments
        if self._now is not None and self._present is None and moments:
            self._present = Present(moments[0].at, moments[-1].at, self._now(), self._speed)

    def _told(self, text: str) -> str:
        return text if self._present is None else self._present.moved(text)

    async def _settled(self) -> None:
        """At full pace, wait until somebody listens and nobody has asked for anything for a moment."""
        await self._listening.wait()
        while (left := self._asked_at + SETTLE_SECONDS - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)
            await self._listening.wait()

    async def _happen(self, number: int, moment: Moment) -> None:
        change = moment.change
        if change is None and moment.key != EVERYONE:
            change = self._manners.change_of(msgspec.json.decode(moment.text))
        if change is not None:
            self._books.take(change)
        if moment.text:
            for visitor in tuple(self._visitors):
                if moment.key == EVERYONE or moment.key in visitor.joined:
                    await self._tell(visitor, number, moment.key, self._told(moment.text))

    async def _tell(self, visitor: Visitor, number: int, key: str, text: str) -> None:
        """Send a message to a client, unless a fault happens to it or to the connection."""
        if visitor.muted:
            return
        hits = partial(self._faults.hits, place=number, key=key)
        if hits(Fault.DROP):
            return
        if hits(Fault.DAMAGE):
            text = text[: len(text) // 2]
        ended = next((fault for fault in ENDINGS if hits(fault)), None)
        if ended is not None:
            await self._end(visitor, ended)
        elif visitor.swapped is None and hits(Fault.REORDER):
            visitor.swapped = text
        else:
            held, visitor.swapped = visitor.swapped, None
            copies = 2 if hits(Fault.DUPLICATE) else 1
            garbage = [GARBAGE] if hits(Fault.GARBAGE) else []
            for one in [*garbage, *[text] * copies, *([] if held is None else [held])]:
                await visitor.post(one)

    async def _end(self, visitor: Visitor, how: Fault) -> None:
        """Send nothing more to a client: cut it off, show it out, or fall silent."""
        if how is Fault.MUTE:
            visitor.muted = True
            return
        self._leave(visitor)
        if how is Fault.CUT:
            visitor.connection.transport.abort()
        else:
            await visitor.connection.close(POLICY_BROKEN, "too many requests")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            at = self._session.moments[max(0, self._position - 1)].at if self._session.moments else 0
            for visitor in tuple(self._visitors):
                if visitor.joined:
                    await self._post_all(
                        visitor, map(self._told, self._manners.heartbeats(visitor.joined, at))
                    )

    # Clients

    async def _visit(self, connection: ServerConnection) -> None:
        visitor = Visitor(connection, lambda: self._faults.delay_seconds)
        delivering = asyncio.create_task(visitor.deliver())
        self._visitors.add(visitor)
        try:
            await self._post_all(visitor, self._manners.greeting())
            path = connection.request.path if connection.request else ""
            await self._join(visitor, self._manners.joined_by(urlsplit(path).query))
            async for text in connection:
                await self._hear(visitor, text)
        except ConnectionClosed:
            pass
        finally:
            delivering.cancel()
            self._leave(visitor)

    def _leave(self, visitor: Visitor) -> None:
        self._visitors.discard(visitor)
        self._note_listening()

    def _note_listening(self) -> None:
        (self._listening.set if any(one.joined for one in self._visitors) else self._listening.clear)()

    async def _hear(self, visitor: Visitor, text: str | bytes) -> None:
        try:
            asked = self._manners.asked(message_of(text))
        except (AttributeError, KeyError, TypeError):
            asked = self._manners.asked({})
        if asked.answer is not None:
            await visitor.post(asked.answer)
            return
        self._subscriptions += 1
        unknown = [key for key in asked.keys if not self._known(key)]
        if unknown and not asked.leaving:
            asked = Asked((*unknown, *asked.keys), about=asked.about)
        if (unknown and not asked.leaving) or self._faults.hits(Fault.REFUSE, self._subscriptions):
            await visitor.post(self._manners.refused(asked))
            return
        if asked.leaving:
            visitor.joined -= set(asked.keys)
            self._note_listening()
        joined = visitor.joined | (set() if asked.leaving else set(asked.keys))
        await self._post_all(visitor, self._manners.acknowledged(asked, joined))
        if not asked.leaving:
            await self._join(visitor, asked.keys)

    def _known(self, key: str) -> bool:
        """Say whether the venue has a channel: the instrument is in the recording, the channel need not be."""
        if not self._instruments:
            return True
        return any(part in self._instruments for part in _parts(key))

    @property
    def _instruments(self) -> frozenset[str]:
        return frozenset(part for key in self._session.keys for part in _parts(key)[-1:])

    async def _join(self, visitor: Visitor, keys: Iterable[str]) -> None:
        """Have a client get what comes of these channels, beginning with the books as they stand."""
        for key in keys:
            visitor.joined.add(key)
            for text in self._manners.opening(key, self._books.get):
                await visitor.post(self._harmed(self._told(text), key))
        if visitor.joined:
            self._asked_at = asyncio.get_running_loop().time()
            self._begun.set()
            self._note_listening()

    def _harmed(self, text: str, key: str) -> str:
        """Return a book as it is sent to who joins, which a fault may have harmed."""
        if self._faults.hits(Fault.SPOIL, self._subscriptions, key):
            return text[: len(text) // 2]
        return falsified(text) if self._faults.hits(Fault.FALSIFY, self._subscriptions, key) else text

    async def _post_all(self, visitor: Visitor, texts: Iterable[str]) -> None:
        for text in texts:
            await visitor.post(text)

    # Requests

    async def _requested(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request that is no handshake."""
        parts = urlsplit(request.path)
        if parts.path == CONTROL:
            return await self._controlled(parse_qsl(parts.query))
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        self._connects, self._requests = self._connects + upgrade, self._requests + (not upgrade)
        if self._faults.hits(Fault.LIMIT, self._connects + self._requests):
            return _response(HTTPStatus.TOO_MANY_REQUESTS, '{"error":"too many requests"}')
        if upgrade:
            return None
        self._asked_at = asyncio.get_running_loop().time()
        if self._faults.delay_seconds:
            await asyncio.sleep(self._faults.delay_seconds)
        book = self._manners.book_asked(parts.path, dict(parse_qsl(parts.query)))
        if book is not None:
            held = self._books.get(book) or self._first.get(book)
            if held is not None and held.mark is not None:
                self._move_to_present()
                return _response(HTTPStatus.OK, self._told(self._manners.book_told(book, held)))
        for told_of in self._past():
            past = told_of(parts.path, dict(parse_qsl(parts.query)))
            if past is not None:
                return _response(HTTPStatus.OK, self._told(past))
        told = self._session.answers.get(asked_of(request.path)) or self._session.answers.get(
            (parts.path, ())
        )
        if told is not None:
            return _response(HTTPStatus.OK, told)
        return _response(HTTPStatus.NOT_FOUND, '{"error":"nothing was recorded of this"}')

    def _past(self) -> tuple[Told, ...]:
        """Return what tells trades and candles of the whole session, made when it is first asked for."""
        if not self._told_past:
            messages = messages_of(moment.text for moment in self._session.moments)
            venue = self._manners.name
            self._told_past = told_trades(venue, messages), told_candles(venue, messages)
        return self._told_past

    async def _end_all(self, name: str) -> None:
        """End every connection of now; raises SourceError for a fault that ends none."""
        fault = fault_named(name)
        if fault not in ENDINGS:
            raise SourceError(
                f"now is one of {', '.join(ENDINGS)}; {name!r} was given; have it happen with next"
            )
        self._faults.happened[fault.value] += 1
        for visitor in tuple(self._visitors):
            await self._end(visitor, fault)

    async def _controlled(self, wanted: list[tuple[str, str]]) -> Response:
        """Set faults, and tell where the session stands."""
        try:
            for name, value in wanted:
                if name == "now":
                    await self._end_all(value)
                elif name == "next":
                    fault, times, key = (*value.split(":", 2), "", "")[:3]
                    self._faults.have_next(fault, int(times or 1), key)
                else:
                    self._faults.set(name, value)
        except ValueError as wrong:
            said = (
                str(wrong)
                if isinstance(wrong, SourceError)
                else "next is written FAULT, FAULT:TIMES or FAULT:TIMES:CHANNEL"
            )
            return _response(HTTPStatus.BAD_REQUEST, json.dumps({"error": said}))
        told = {
            "venue": self._manners.name,
            "position": self._position,
            "moments": len(self._session.moments),
            "connections": len(self._visitors),
            "connects": self._connects,
            "requests": self._requests,
            "subscriptions": self._subscriptions,
            "joined": sorted({key for visitor in self._visitors for key in visitor.joined}),
            "happened": dict(self._faults.happened),
        }
        return _response(HTTPStatus.OK, json.dumps(told))


async def _ended(stop: asyncio.Event) -> None:
    await stop.wait()


def _parts(key: str) -> list[str]:
    """Return the instrument that a key names, last: keys are channel:instrument, instrument@channel or one word."""
    if "@" in key:
        return [key.partition("@")[0]]
    for sign in (":", ".", "_"):
        if sign in key:
            return [key.rpartition(sign)[2]]
    return [key]


def _response(status: HTTPStatus, text: str) -> Response:
    body = text.encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Response(status.value, status.phrase, headers, body)
