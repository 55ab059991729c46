"""`ita replay recording:FILE`: top of book after each update, and each failed checksum, against plain dictionaries."""

import heapq
import json
import random
import subprocess
import sys
import zlib
from pathlib import Path

import polars as pl
import pytest

from connectors.recordings.session_lines import SessionLine, Traffic, format_line
from tests.connectors.websocket.plain_sessions import FILES, lines_of, real_data
from tests.connectors.websocket.test_feed import plain_tops

ROOT = Path(__file__).resolve().parents[2]
PLANTED = 6
DEPTH = 1000
"""How many levels of a side the books of Kraken's recording have."""
pytestmark = real_data


def replayed(place: Path, out: Path) -> None:
    command = [sys.executable, "-c", "from apps.cli.main import main; main()"]
    words = ["replay", f"recording:{place}", "--out", str(out), "--json"]
    subprocess.run([*command, *words], cwd=ROOT, check=True, capture_output=True, timeout=400)


def topic(out: Path, name: str) -> pl.DataFrame:
    rows = pl.read_parquet(out / "lake" / name / "**" / "*.parquet", hive_partitioning=False)
    return rows.with_columns(pl.col(pl.Categorical).cast(pl.String), pl.col("known_at").cast(pl.Int64))


def quotes_of(out: Path) -> list[tuple[int, str, float, float, float, float]]:
    """Return what market.quotes has from the start of each book on, sides that are empty as NaN and 0."""
    health = topic(out, "market.health").filter(pl.col("reason").str.starts_with("book_started"))
    started = dict(health.group_by("instrument").agg(pl.col("known_at").min()).iter_rows())
    columns = ("known_at", "instrument", "bid", "bid_size", "ask", "ask_size")
    rows = topic(out, "market.quotes").select(columns).iter_rows()
    return [row for row in rows if row[0] >= started.get(row[1], 2**63)]


@pytest.mark.parametrize("venue", FILES)
def test_each_update_of_a_book_leaves_its_best_prices_and_sizes_in_market_quotes(venue, tmp_path):
    place = tmp_path / "session"
    place.mkdir()
    for path in FILES[venue]:
        (place / path.name).symlink_to(path)

    replayed(place, tmp_path / "out")

    expected = plain_tops(venue)
    assert len(expected) > 0
    assert sorted(map(repr, quotes_of(tmp_path / "out"))) == sorted(map(repr, expected))


class PlainBook:
    """A book of Kraken's as dictionaries of the texts that were sent."""

    def __init__(self) -> None:
        self.sides = {"b": {}, "a": {}}

    def take(self, parts: list[dict[str, object]]) -> None:
        for part in parts:
            for key, rows in part.items():
                if key == "c":
                    continue
                for price, size, at, *_ in rows:
                    self.sides[key[0]][price] = (price, size, at)
                    if float(size) == 0:
                        del self.sides[key[0]][price]
        for side, levels in self.sides.items():
            if len(levels) > DEPTH:
                self.sides[side] = {row[0]: row for row in self.best(side, DEPTH)}

    def best(self, side: str, count: int) -> list[tuple[str, str, str]]:
        """Return so many levels of a side, the best first."""
        pick = heapq.nlargest if side == "b" else heapq.nsmallest
        return pick(count, self.sides[side].values(), key=lambda row: float(row[0]))

    def checksum(self) -> int:
        texts = [text for side in "ab" for row in self.best(side, 10) for text in row[:2]]
        return zlib.crc32("".join(text.replace(".", "").lstrip("0") for text in texts).encode())

    def top(self) -> tuple[float, ...]:
        best = [self.best(side, 1) or [("nan", "0", "")] for side in "ba"]
        return tuple(float(text) for (row,) in best for text in row[:2])


def damaged(seed: int) -> tuple[list[SessionLine], list[tuple[int, str]], list[tuple[float | str, ...]]]:
    """Return Kraken's session with wrong checksums, each followed by the book; where they are; all tops there are.

    Raises AssertionError where a checksum of the recording is not that of the plain book.
    """
    lines = list(lines_of("kraken"))
    checked = [at for at, line in enumerate(lines) if line.text.startswith(b"[") and b'"c":' in line.text]
    chosen = set(random.Random(seed).sample(checked, PLANTED))
    books: dict[str, PlainBook] = {}
    made, planted, tops = [], [], []
    for at, line in enumerate(lines):
        message = json.loads(line.text) if line.text.startswith(b"[") else [""] * 3
        if not message[-2].startswith("book"):
            made.append(line)
            continue
        pair, parts = message[-1], message[1:-2]
        name = pair.replace("XBT", "BTC").replace("/", "-")
        if "as" in parts[0]:
            books[pair] = PlainBook()
        book = books[pair]
        book.take(parts)
        told = next((part["c"] for part in parts if "c" in part), None)
        assert told is None or int(told) == book.checksum(), (line.at, pair)
        if at not in chosen:
            made.append(line)
            tops.append((line.at, name, *book.top()))
            continue
        wrong = line.text.replace(f'"{told}"'.encode(), f'"{book.checksum() ^ 1}"'.encode())
        whole = [message[0], {"as": book.best("a", DEPTH), "bs": book.best("b", DEPTH)}, *message[-2:]]
        again = SessionLine(
            Traffic.RECEIVED, line.at + 1, "", json.dumps(whole, separators=(",", ":")).encode()
        )
        made += [line._replace(text=wrong), again]
        planted.append((line.at, name))
        tops.append((line.at + 1, name, *book.top()))
    return made, planted, tops


def test_market_health_has_each_checksum_that_fails_and_no_other_and_quotes_go_on_with_the_next_book(
    tmp_path,
):
    lines, planted, tops = damaged(seed=11)
    (tmp_path / "KRAKEN.log").write_bytes(b"".join(map(format_line, lines)))

    replayed(tmp_path / "KRAKEN.log", tmp_path / "out")

    rows = topic(tmp_path / "out", "market.health").sort("known_at", "sequence")
    columns = ("known_at", "instrument", "state", "reason")
    told = [row for row in rows.select(columns).iter_rows() if row[3].startswith("book_")]
    failed = [
        (at, name) for at, name, state, reason in told if (state, reason[:13]) == ("gap", "book_checksum")
    ]
    started = [(at - 1, name) for at, name, state, reason in told if reason.startswith("book_started")]
    assert (len(planted), failed) == (PLANTED, planted)
    assert [one for one in started if one in set(planted)] == planted
    assert {reason.partition(":")[0] for *_, reason in told} == {"book_checksum", "book_started"}
    assert sorted(map(repr, quotes_of(tmp_path / "out"))) == sorted(map(repr, tops))
