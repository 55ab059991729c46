"""A TCP proxy on loopback that makes a server slow: it delays each direction, stalls, and cuts what is open.

    with SlowProxy(25_460, 25_400) as proxy:
        proxy.delay_seconds = 0.5
        proxy.cut()

Bytes arrive whole and in order; the end of one direction is passed on as late as its bytes. Memory is bounded: no more
than `HELD_BYTES` of each direction of a connection are on their way, and whoever sends more waits.
"""

import asyncio
import socket
import struct
import threading
from collections import deque
from contextlib import suppress

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
HELD_BYTES = 16 * 1024 * 1024
START_SECONDS = 10.0
RESET = struct.pack("ii", 1, 0)
"""Linger for no time: the other side is told of a reset, not of an end."""


class SlowProxy:
    """Passes on what comes to `port` to `upstream` and back; port 0 takes a free one, which `port` then names."""

    def __init__(self, port, upstream, delay_seconds=0.0):
        self.port, self.upstream = port, upstream
        self.delay_seconds = delay_seconds
        """How long each byte is held, each way; of those that come from now on."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{port}", daemon=True)
        self._connections, self._open = set(), set()
        self._flows = self._server = None

    def __enter__(self):
        self._thread.start()
        self._on_loop(self._begin())
        return self

    def __exit__(self, *_):
        self._on_loop(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()

    def _on_loop(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    async def _begin(self):
        self._flows = asyncio.Event()
        self._flows.set()
        self._server = await asyncio.start_server(self._connected, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _finish(self):
        self._server.close()
        await self._cut()
        waiting = list(self._connections)
        for connection in waiting:
            connection.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    def stall(self):
        """Pass nothing on until `flow`; connections stay open, and new ones are taken."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def flow(self):
        """Pass on again."""
        self._loop.call_soon_threadsafe(self._flows.set)

    def cut(self):
        """Reset every connection that is open; return how many there were."""
        return self._on_loop(self._cut())

    async def _cut(self):
        count = len(self._open) // 2
        for writer in list(self._open):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        return count

    async def _connected(self, reader, writer):
        self._connections.add(asyncio.current_task())
        try:
            await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError):  # the end of the connection, or of the proxy
            writer.transport.abort()
        finally:
            self._connections.discard(asyncio.current_task())

    async def _pass_on(self, reader, writer):
        there, back = await asyncio.open_connection(HOST, self.upstream)
        pair = {writer, back}
        self._open |= pair
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._one_way(reader, back))
                both.create_task(self._one_way(there, writer))
        except* OSError:
            pass
        finally:
            self._open -= pair
            for end in pair:
                end.transport.abort()

    async def _one_way(self, reader, writer):
        """Pass on what is read, each piece when it is due, and the end after it."""
        way = OneWay()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._take_in(reader, way))
            both.create_task(self._give_out(way, writer))

    async def _take_in(self, reader, way):
        while True:
            piece = await reader.read(CHUNK_BYTES)
            await way.put(self._loop.time() + self.delay_seconds, piece)
            if not piece:
                return

    async def _give_out(self, way, writer):
        while True:
            due_at, piece = await way.get()
            await asyncio.sleep(max(0.0, due_at - self._loop.time()))
            await self._flows.wait()
            if not piece:
                with suppress(OSError):
                    writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()


class OneWay:
    """Pieces on their way, first in, first out; `put` waits while too many bytes are held."""

    def __init__(self):
        self._pieces, self._bytes = deque(), 0
        self._changed = asyncio.Condition()

    async def put(self, due_at, piece):
        async with self._changed:
            await self._changed.wait_for(lambda: self._bytes < HELD_BYTES)
            self._pieces.append((due_at, piece))
            self._bytes += len(piece)
            self._changed.notify_all()

    async def get(self):
        async with self._changed:
            await self._changed.wait_for(lambda: self._pieces)
            due_at, piece = self._pieces.popleft()
            self._bytes -= len(piece)
            self._changed.notify_all()
            return due_at, piece
