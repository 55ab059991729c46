"""A trade that comes again is refused with its message; trades that only look alike are not."""

import json

from connectors.recordings.session_lines import SessionLine, Traffic
from connectors.websocket.feed import Feed
from connectors.websocket.trade_ids import REMEMBERED

AT = 1_618_678_134_000_000_000


def kraken(place, *rows):
    text = json.dumps(
        [2, [[price, size, at, "s", "l", ""] for price, size, at in rows], "trade", "XBT/USD"],
        separators=(",", ":"),
    )
    return SessionLine(Traffic.RECEIVED, AT + place * 10**9, "", text.encode())


def sizes(*blocks):
    """Return the sizes of the trades of blocks of lines, and the reasons of what was refused."""
    feed = Feed("kraken", ("BTC-USD",))
    decoded = [feed.feed(lines) for lines in blocks]
    return (
        [size for one in decoded for size in one.ticks.size.tolist()],
        [row.reason for one in decoded for row in one.malformed],
    )


def test_a_message_that_comes_again_gives_no_trade_and_is_refused_with_its_reason():
    line, later = kraken(1, ("10.5", "2", "1618678133.1")), kraken(2, ("10.5", "2", "1618678133.1"))

    for blocks in ([[line, later]], [[line], [later]]):
        assert sizes(*blocks) == ([2.0], ["duplicate: a trade of this id came before"])


def test_trades_of_one_message_with_one_time_price_and_size_are_all_kept():
    assert sizes([kraken(1, *[("10.5", "2", "1618678133.1")] * 3)]) == ([2.0, 2.0, 2.0], [])


def test_trades_of_one_time_at_other_prices_or_sizes_are_kept():
    lines = [
        kraken(number, (price, size, "1618678133.1"))
        for number, (price, size) in enumerate([("10.5", "2"), ("10.6", "2"), ("10.5", "3")], 1)
    ]

    assert sizes(lines) == ([2.0, 2.0, 3.0], [])


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first():
    first = ("10.5", "1", "1618678133.0")
    others = [
        kraken(2 + place, ("10.5", "2", f"1618678133.{place:06d}")) for place in range(1, REMEMBERED + 1)
    ]

    got, refused = sizes([kraken(1, first), *others, kraken(REMEMBERED + 9, first)])

    assert (len(got), refused) == (REMEMBERED + 2, [])
