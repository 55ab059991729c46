"""Name screening measured: recall and precision by kind of pair, and names a second against a plain search.

    python -m benchmarks.screening [LISTS] [--seed 7] [--each 150] [--quick]

`LISTS` is a folder with sdn.csv.gz and alt.csv.gz of OFAC; without it the names of a made-up list are used, and the
table says so. Pairs are made from the list by the seed: names misspelt in one way each, and names of others that are
put together from words of the list (`screening_pairs.py`). A pair is found where a hit at the threshold is of the
entry it was made from; an alarm is any hit of a name of others. The plain search compares each name with every listed
name by rapidfuzz's token_sort_ratio.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rapidfuzz import fuzz, process

from analytics.screening import THRESHOLD, NameIndex
from benchmarks.screening_pairs import Pair, labelled
from connectors.files.name_lists import read_lists
from domain.sanctions import Listed

LISTS = Path(__file__).resolve().parents[2] / "shared" / "data" / "restricted_lists"
SYLLABLES = (
    "ba",
    "ka",
    "mo",
    "ri",
    "sul",
    "tan",
    "har",
    "el",
    "vi",
    "no",
    "dra",
    "ko",
    "mar",
    "yev",
    "tsu",
    "ran",
)


def made_up(count: int, seed: int) -> list[Listed]:
    """Return a list of people and companies that nobody has published."""
    moments = random.Random(seed)

    def word() -> str:
        return "".join(moments.choices(SYLLABLES, k=moments.randint(2, 4))).upper()

    people = [
        Listed("MADE", str(number), f"{word()}, {word().title()} {word().title()}", "primary", "individual")
        for number in range(count)
    ]
    companies = [
        Listed("MADE", str(count + number), f"{word()} {word()} {moments.choice(('LTD.', 'CO.', 'INC.'))}")
        for number in range(count)
    ]
    return people + companies


def table(pairs: Sequence[Pair], found: Sequence[set[str]]) -> tuple[list[str], float, float]:
    """Return the lines of the table, recall and precision over all pairs."""
    right: Counter[str] = Counter()
    of_kind = Counter(pair.kind for pair in pairs)
    for pair, entries in zip(pairs, found, strict=True):
        right[pair.kind] += (pair.entry_id in entries) if pair.entry_id else not entries
    wanted = sum(bool(pair.entry_id) for pair in pairs)
    hits = sum(pair.entry_id in entries for pair, entries in zip(pairs, found, strict=True) if pair.entry_id)
    alarms = sum(bool(entries) for pair, entries in zip(pairs, found, strict=True) if not pair.entry_id)
    lines = [f"| {kind} | {count} | {right[kind] / count:.3f} |" for kind, count in of_kind.items()]
    return lines, hits / wanted, hits / (hits + alarms)


def main(words: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lists", nargs="?", type=Path, default=LISTS)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--each", type=int, default=150, help="pairs of each kind")
    parser.add_argument("--quick", action="store_true", help="few pairs")
    options = parser.parse_args(words)
    each = 20 if options.quick else options.each
    place = options.lists / "sdn.csv.gz"
    listed = (
        [one for part in read_lists(place) for one in part.listed] if place.exists() else made_up(2_000, 1)
    )
    pairs = labelled(listed, each, options.seed)
    begin = time.perf_counter()
    index = NameIndex(listed)
    made = time.perf_counter() - begin
    begin = time.perf_counter()
    found = [{hit.listed.entry_id for hit in index.search(pair.name)} for pair in pairs]
    ours = time.perf_counter() - begin
    names = [one.name for one in listed]
    begin = time.perf_counter()
    for pair in pairs:
        process.extract(pair.name, names, scorer=fuzz.token_sort_ratio, limit=10)
    plain = time.perf_counter() - begin
    lines, recall, precision = table(pairs, found)
    print(f"{'OFAC SDN' if place.exists() else 'made-up'} list, {len(listed)} names, threshold {THRESHOLD}")
    print("| pairs | number | right |\n|---|---|---|")
    print("\n".join(lines))
    print(f"recall {recall:.3f}, precision {precision:.3f}")
    print(
        f"index made in {made:.2f} s; {len(pairs) / ours:.0f} names/s, {plain / ours:.2f} of the plain search"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
