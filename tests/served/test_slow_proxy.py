"""The proxy of slow servers passes everything on, whole and late; it stalls and cuts as it is told."""

import socket
import threading
import time

import pytest

from tests.served.slow_proxy import HELD_BYTES, HOST, SlowProxy

DELAY_SECONDS = 0.2
PATIENCE_SECONDS = 20.0


@pytest.fixture
def proxy():
    """Return a proxy before a server that says again what it hears."""
    with socket.create_server((HOST, 0)) as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        with SlowProxy(0, listener.getsockname()[1]) as made:
            yield made


def answer(listener):
    while True:
        try:
            wire, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=echo, args=(wire,), daemon=True).start()


def echo(wire):
    with wire:
        try:
            while heard := wire.recv(65_536):
                wire.sendall(heard)
        except OSError:
            return


def connect(proxy):
    return socket.create_connection((HOST, proxy.port), PATIENCE_SECONDS)


def received(wire, count):
    heard = bytearray()
    while len(heard) < count and (piece := wire.recv(65_536)):
        heard += piece
    return bytes(heard)


def test_an_answer_comes_after_the_delay_of_both_ways_and_pieces_do_not_add_theirs_up(proxy):
    proxy.delay_seconds = DELAY_SECONDS
    began = time.monotonic()
    with connect(proxy) as wire:
        for piece in range(10):
            wire.sendall(bytes([piece]) * 100)
        heard = received(wire, 1_000)
    seconds = time.monotonic() - began

    assert heard == b"".join(bytes([piece]) * 100 for piece in range(10))
    assert 2 * DELAY_SECONDS <= seconds < 10 * DELAY_SECONDS


def test_more_than_is_held_comes_whole_and_in_order(proxy):
    content = b"".join(number.to_bytes(4, "big") for number in range(HELD_BYTES // 4 + 100_000))
    with connect(proxy) as wire:
        sending = threading.Thread(target=wire.sendall, args=(content,))
        sending.start()
        heard = received(wire, len(content))
        sending.join()

    assert heard == content


def test_a_delay_that_is_shortened_does_not_let_later_bytes_overtake(proxy):
    proxy.delay_seconds = DELAY_SECONDS
    with connect(proxy) as wire:
        wire.sendall(b"first")
        time.sleep(DELAY_SECONDS / 4)
        proxy.delay_seconds = 0.0
        wire.sendall(b"second")
        heard = received(wire, len(b"firstsecond"))

    assert heard == b"firstsecond"


def test_a_stalled_proxy_says_nothing_until_it_flows_again(proxy):
    with connect(proxy) as wire:
        proxy.stall()
        wire.sendall(b"held")
        wire.settimeout(DELAY_SECONDS)
        with pytest.raises(TimeoutError):
            wire.recv(1)

        proxy.flow()
        wire.settimeout(PATIENCE_SECONDS)
        heard = received(wire, 4)

    assert heard == b"held"


def test_a_cut_ends_what_is_open_and_lets_new_connections_in(proxy):
    with connect(proxy) as wire:
        wire.sendall(b"before")
        before = received(wire, 6)
        cut = proxy.cut()
        with pytest.raises(ConnectionResetError):
            wire.recv(1)
    with connect(proxy) as wire:
        wire.sendall(b"after")
        after = received(wire, 5)

    assert (before, cut, after) == (b"before", 1, b"after")


def test_the_end_of_one_way_is_passed_on_after_its_bytes(proxy):
    proxy.delay_seconds = DELAY_SECONDS
    with connect(proxy) as wire:
        wire.sendall(b"last")
        wire.shutdown(socket.SHUT_WR)
        heard = received(wire, 4)
        end = wire.recv(1)

    assert (heard, end) == (b"last", b"")
