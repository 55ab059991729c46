"""The connection to a venue: kept up, kept whole, and kept on file, on a thread of its own.

It connects, subscribes and sees each subscription confirmed; pings, and notices when the venue has fallen silent
although connected; when the connection is lost, refused or mute it says so in the recording, waits (longer each time)
and begins again. Whatever comes is written by the recorder and not looked at, answers to subscriptions excepted.
"""

import logging
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from connectors.recordings.recorder import Recorder
from connectors.recordings.session_lines import Traffic
from connectors.websocket.backoff import Allowance, Backoff
from connectors.websocket.clock import Clock
from connectors.websocket.renewals import Renewals
from connectors.websocket.rest import RequestFailed, Requests
from connectors.websocket.rhythm import Rhythm
from connectors.websocket.venue import Venue
from domain.market import END

POLL_SECONDS = 0.05
OPEN_SECONDS = 10.0
CONFIRM_SECONDS = 10.0
STEADY_SECONDS = 30.0
RENEW_SECONDS = 12 * 3600.0
FRAME_BYTES_MAX = 64 * 2**20

_log = logging.getLogger("ita.connectors")


class Link(StrEnum):
    """How a connection stands; the words of `market.health` where it is not as it should be."""

    FRESH = "fresh"
    GAP = "gap"
    MUTE = "mute"
    DEGRADED = "degraded"


class Lost(RuntimeError):
    """The connection is of no use any more: what it has become, and why."""

    def __init__(self, link: Link, reason: str, retry_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.link, self.reason, self.retry_seconds = link, reason, retry_seconds


class Refused(Lost):
    """The venue does not take a subscription."""


class Plan(NamedTuple):
    """What is connected to: the venue, where it is, and which symbols and channels are wanted."""

    venue: Venue
    websocket_url: str
    symbols: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass
class Counts:
    """What a connection has come to, for metrics."""

    frames: int = 0
    frame_bytes: int = 0
    connects: int = 0
    refusals: int = 0
    mutes: int = 0
    losses: int = 0
    snapshots: int = 0
    requests_failed: int = 0
    link: Link = Link.DEGRADED
    reason: str = "not connected yet"
    clock_offset: int | None = None


LINKS: dict[str, Counts] = {}
"""The last connection of this process to each venue, for metrics."""


@dataclass
class Patience:
    """How long is waited for what (s)."""

    backoff: Backoff = field(default_factory=Backoff)
    confirm_seconds: float = CONFIRM_SECONDS
    open_seconds: float = OPEN_SECONDS
    steady_seconds: float = STEADY_SECONDS
    renew_seconds: float = RENEW_SECONDS
    mute_floor_seconds: float | None = None
    mute_cap_seconds: float | None = None


class Connection:
    """Keeps a plan connected until it is stopped; any thread may ask it for snapshots."""

    def __init__(
        self,
        plan: Plan,
        recorder: Recorder,
        requests: Requests,
        clock: Clock,
        patience: Patience | None = None,
    ) -> None:
        self._plan, self._recorder, self._requests, self._clock = plan, recorder, requests, clock
        self._patience = patience or Patience()
        self._address = plan.websocket_url.rstrip("/") + plan.venue.path(plan.symbols, plan.channels)
        rate = plan.venue.messages_per_second
        self._allowance = Allowance(rate, max(1, int(rate)), clock)
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._asked: set[str] = set()
        self._renewed_at: dict[str, int] = {}
        self._asked_lock = threading.Lock()
        self._asking = ThreadPoolExecutor(1, f"{plan.venue.name}-rest")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{plan.venue.name}-websocket", daemon=True)
        self._connected_at = 0
        self.failure: Exception | None = None
        self.counts = LINKS[plan.venue.name] = Counts()

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection and wait for its threads; the clock must have been stopped, so that no wait holds."""
        self._stopped.set()
        self._thread.join()
        self._asking.shutdown(cancel_futures=True)

    def want_book(self, symbol: str, at: int = END) -> None:
        """Ask for the book of a symbol as it stands, which was found missing at an instant; once, until it has come.

        What was found missing before the connection of now, or before the book was joined again, is on its way already.
        """
        with self._asked_lock:
            if symbol in self._asked or at < self._renewed_at.get(symbol, self._connected_at):
                return
            self._asked.add(symbol)
        self._wanted.put(symbol)

    def _run(self) -> None:
        try:
            self._keep_up()
        except Exception as failure:  # noqa: BLE001  handed to whoever reads, which raises it
            self.failure = failure

    def _keep_up(self) -> None:
        while not self._stopped.is_set():
            began, wait = self._clock.seconds(), 0.0
            try:
                self._session()
            except Lost as lost:
                self._note(lost)
                wait = lost.retry_seconds
            if self._clock.seconds() - began > self._patience.steady_seconds:
                self._patience.backoff.reset()
            if self._clock.wait(max(wait, self._patience.backoff.next_seconds())):
                return

    def _note(self, lost: Lost) -> None:
        """Say in the recording, and once in the log, that there is a gap from now on."""
        counts = self.counts
        counts.refusals += isinstance(lost, Refused)
        counts.mutes += lost.link is Link.MUTE
        counts.losses += lost.link is Link.GAP
        if (counts.link, counts.reason) != (lost.link, lost.reason):
            _log.warning("%s: %s", self._plan.venue.name, lost.reason)
        counts.link, counts.reason = lost.link, lost.reason
        self._recorder.notice(self._address, lost.link, lost.reason)

    def _session(self) -> None:
        """Connect and go on until stopped; raises Lost."""
        with ExitStack() as opened:
            socket = self._open(opened)
            try:
                self._serve(socket)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                reason = closed.rcvd.reason if closed.rcvd else ""
                said = f"the venue closed the connection (code {code}{', ' + reason if reason else ''})"
                raise Lost(Link.GAP, said) from closed
            except OSError as failure:
                raise Lost(Link.GAP, f"the connection broke: {failure}") from failure

    def _open(self, opened: ExitStack) -> ClientConnection:
        """Return the open connection; raises Lost."""
        try:
            return opened.enter_context(
                connect(
                    self._address,
                    open_timeout=self._patience.open_seconds,
                    close_timeout=1.0,
                    max_size=FRAME_BYTES_MAX,
                    max_queue=1024,
                )
            )
        except InvalidStatus as answer:
            status = answer.response.status_code
            retry = answer.response.headers.get("Retry-After", "")
            seconds = float(retry) if retry.isdecimal() else 0.0
            raise Lost(Link.DEGRADED, f"{self._address} answers with status {status}", seconds) from answer
        except (OSError, InvalidHandshake, TimeoutError) as failure:
            words = " ".join(str(failure).split())
            raise Lost(Link.DEGRADED, f"{self._address} cannot be reached: {words}") from failure

    def _serve(self, socket: ClientConnection) -> None:
        patience, venue = self._patience, self._plan.venue
        self.counts.connects += 1
        with self._asked_lock:
            self._connected_at = self._recorder.keep(Traffic.CONNECTED, self._address).at
            self._asked.clear()
            self._renewed_at.clear()
            while not self._wanted.empty():
                self._wanted.get()
        rhythm = Rhythm(
            patience.mute_floor_seconds or venue.mute_floor_seconds,
            patience.mute_cap_seconds or venue.mute_cap_seconds,
        )
        rhythm.heard(self._clock.seconds())
        has_books = "depth" in self._plan.channels
        if has_books:
            # Before anything is asked for: a book may come before the subscription to it is confirmed.
            self._recorder.notice(self._address, Link.GAP, "connected; each book says when it stands")
        awaited: set[str] = set()
        for subscription in venue.subscriptions(self._plan.symbols, self._plan.channels):
            self._send(socket, subscription.text)
            awaited |= subscription.awaits
        self._confirmed(socket, awaited, rhythm)
        self.counts.link, self.counts.reason = Link.FRESH, ""
        if has_books:
            for symbol in self._plan.symbols:
                if venue.book_path(symbol) is not None:
                    self.want_book(symbol)
        else:
            self._recorder.notice(self._address, Link.FRESH, "subscribed")
        self._listen(socket, rhythm)

    def _confirmed(self, socket: ClientConnection, awaited: set[str], rhythm: Rhythm) -> None:
        """Wait until all is confirmed; raises Refused where it is not, Lost where that takes too long."""
        ends = self._clock.seconds() + self._patience.confirm_seconds
        while awaited:
            if self._stopped.is_set():
                return
            text = self._receive(socket, rhythm)
            answer = None if text is None else self._plan.venue.answer(text)
            if answer is not None and answer.refused:
                raise Refused(Link.DEGRADED, f"the venue refuses a subscription: {answer.refused}")
            if answer is not None:
                awaited = awaited - answer.confirmed
                continue
            if self._clock.seconds() > ends:
                limit = self._patience.confirm_seconds
                missing = ", ".join(sorted(awaited)[:5])
                raise Lost(Link.DEGRADED, f"subscriptions were not confirmed within {limit:g} s: {missing}")

    def _listen(self, socket: ClientConnection, rhythm: Rhythm) -> None:
        venue = self._plan.venue
        began = pinged_at = self._clock.seconds()
        renewals = Renewals(
            venue.answer, lambda text: self._send(socket, text), self._patience.confirm_seconds
        )
        while not self._stopped.is_set():
            text = self._receive(socket, rhythm)
            now = self._clock.seconds()
            self._renew(renewals, text, now)
            if venue.ping and now - pinged_at >= venue.ping_seconds:
                self._send(socket, venue.ping)
                pinged_at = now
            if now - began > self._patience.renew_seconds:
                raise Lost(Link.GAP, f"the connection is renewed after {now - began:.0f} s")
            while not self._wanted.empty():
                self._fetch(self._wanted.get(), renewals)

    def _renew(self, renewals: Renewals, text: bytes | None, now: float) -> None:
        """See the books that are joined again confirmed; raises Refused, Lost: all is connected to again then."""
        symbol, refused = ("", "") if text is None else renewals.heard(text, now)
        if refused:
            raise Refused(Link.GAP, f"the venue refuses to send a book again: {refused}")
        if late := renewals.late(now):
            limit = self._patience.confirm_seconds
            raise Lost(Link.GAP, f"the book of {late} was lost and not sent again within {limit:g} s")
        self._joined(symbol)

    def _joined(self, symbol: str) -> None:
        """Note that a book is on its way from now on; what is found missing later is asked for again."""
        if symbol:
            with self._asked_lock:
                self._asked.discard(symbol)
                self._renewed_at[symbol] = self._recorder.reached().at

    def _receive(self, socket: ClientConnection, rhythm: Rhythm) -> bytes | None:
        """Return what came, once it is kept, None where nothing did; raises Lost where the silence is too long."""
        try:
            text = socket.recv(timeout=POLL_SECONDS, decode=False)
        except TimeoutError:
            now = self._clock.seconds()
            if rhythm.is_mute(now):
                silent, allowed = rhythm.silent_seconds(now), rhythm.allowed_seconds()
                raise Lost(
                    Link.MUTE,
                    f"connected, but nothing came for {silent:.1f} s; {allowed:.1f} s are allowed",
                ) from None
            return None
        self._recorder.keep(Traffic.RECEIVED, "", text)
        self.counts.frames += 1
        self.counts.frame_bytes += len(text)
        rhythm.heard(self._clock.seconds())
        return text

    def _send(self, socket: ClientConnection, text: str) -> None:
        if self._allowance.take():
            self._recorder.keep(Traffic.SENT, self._address, text.encode())
            socket.send(text)

    def _fetch(self, symbol: str, renewals: Renewals) -> None:
        """Get the book of a symbol: by a request on a thread of its own, by joining it, or by connecting again."""
        venue = self._plan.venue
        path = venue.book_path(symbol)
        self.counts.snapshots += 1
        if path is not None:
            self._asking.submit(self._ask, symbol, path)
        elif venue.renewal is not None:
            self._joined(renewals.begin(symbol, venue.renewal(symbol), self._clock.seconds()))
        else:
            raise Lost(Link.GAP, f"the book of {symbol} is lost, and comes again with a new connection")

    def _ask(self, symbol: str, path: str) -> None:
        try:
            self._requests.get(path, self._recorder)
        except RequestFailed as failure:
            self.counts.requests_failed += 1
            _log.warning("%s: %s", self._plan.venue.name, failure)
        finally:
            with self._asked_lock:
                self._asked.discard(symbol)
