"""Every recorded session of Binance's combined streams against books kept in plain dictionaries and its own quotes."""

import gzip
import json

import numpy as np
import pytest

from connectors.files.recording_ticks import recording_ticks
from domain.market import Kind
from tests.connectors.websocket.plain_sessions import COMBINED

FILES = sorted(COMBINED.glob("*/*.gz"))
pytestmark = pytest.mark.skipif(not FILES, reason=f"no recorded session is at {COMBINED}")


def plain(path):
    """Return every top that the differences leave, (receipt, bid, size, ask, size), with its update id; and the quotes.

    Quotes are by their update id. A book begins with the snapshot; a difference counts when its last id is newer.
    """
    futures = path.parent.name == "usdm"
    waiting, tops, quotes = [], [], {}
    book, last, stands = ({}, {}), -1, False

    def apply(bids, asks, number, at):
        for side, rows in zip(book, (bids, asks), strict=True):
            for price, size in rows:
                side[float(price)] = float(size)
                if float(size) == 0:
                    del side[float(price)]
        if at:
            bid, ask = max(book[0]), min(book[1])
            tops.append((number, (at, bid, book[0][bid], ask, book[1][ask])))

    with gzip.open(path, "rt") as file:
        for line in file:
            at, _, text = line.partition(" ")
            message = json.loads(text)
            data = message.get("data", message)
            if "lastUpdateId" in message:
                last, stands = message["lastUpdateId"], True
                apply(message["bids"], message["asks"], last, 0)
                for held in waiting:
                    if held["u"] >= last + (not futures):
                        apply(held["b"], held["a"], held["u"], 0)
                        last = held["u"]
                bid, ask = max(book[0]), min(book[1])
                tops.append((last, (int(at), bid, book[0][bid], ask, book[1][ask])))
            elif "@bookTicker" in message["stream"]:
                quotes[data["u"]] = tuple(float(data[key]) for key in "bBaA")
            elif "@depth" in message["stream"]:
                if not stands:
                    waiting.append(data)
                elif data["u"] >= last + (not futures):
                    apply(data["b"], data["a"], data["u"], int(at))
                    last = data["u"]
    return tops, quotes


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_top_after_each_difference_is_that_of_a_plain_book_and_of_the_venues_own_quote(path):
    tops, quotes = plain(path)
    source = recording_ticks(path)
    name = source.instruments()[0]
    chunks = [
        chunk for day in source.segments() for chunk in source.read(day, {name: 0}, np.ones(1, np.bool_))
    ]

    got = []
    for chunk in chunks:
        ticks = chunk.ticks
        rows = (ticks.kind == Kind.QUOTE) & (ticks.known_at >= tops[0][1][0])
        columns = (ticks.known_at, ticks.bid, ticks.bid_size, ticks.ask, ticks.ask_size)
        got += zip(*(column[rows].tolist() for column in columns), strict=True)
    compared = [number for number, _ in tops[1:] if number in quotes]

    assert sorted(got) == sorted(top for _, top in tops)
    assert [quotes[number] for number in compared] == [
        top[1:] for number, top in tops[1:] if number in quotes
    ]
    assert len(compared) > 100
    assert [row.state.value for chunk in chunks for row in chunk.health] == ["fresh"]
    assert [row for chunk in chunks for row in chunk.malformed] == []
