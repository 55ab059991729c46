"""What a replay venue does wrong on purpose: by chance, from a seed, or a number of times on demand.

Whether a message is hit depends on the seed, the fault and the message's place in the session, never on timing or on
who is connected.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from connectors.source import SourceError, nearest

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s)\Z")
_DECIMAL = re.compile(r"\d+\.\d+")
_PARTS = {"us": 1_000_000, "ms": 1_000, "s": 1}
DELAY = "delay"


class Fault(StrEnum):
    """What may happen to a message, to a connection, to a subscription or to a request.

    DROP leaves a message out, DAMAGE sends half of it, GARBAGE sends nonsense before it. Of a book that is sent to who
    joins, SPOIL sends half, FALSIFY all with one digit changed. CUT ends a connection without
    a word, KICK by the close code of a broken rule, MUTE leaves it open and silent; REFUSE answers a subscription with
    the venue's error, LIMIT a request or a handshake with 429.
    """

    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    GARBAGE = "garbage"
    DAMAGE = "damage"
    SPOIL = "spoil"
    FALSIFY = "falsify"
    CUT = "cut"
    KICK = "kick"
    MUTE = "mute"
    REFUSE = "refuse"
    LIMIT = "limit"


class Faults:
    """The faults that are set: a chance for each kind, how many are due at once, and the delay of every message.

    `happened` counts what was done. Raises SourceError for a fault or a value that there is not.
    """

    def __init__(self, settings: Iterable[str] = (), seed: int = 0) -> None:
        self.seed = seed
        self.delay_seconds = 0.0
        self.chances: dict[Fault, float] = {}
        self.happened: Counter[str] = Counter()
        self._due: Counter[tuple[Fault, str]] = Counter()
        for setting in settings:
            name, sign, value = setting.partition("=")
            if not sign:
                raise SourceError(
                    f"a fault is written NAME=VALUE, as drop=0.01 or delay=50ms; {setting!r} was given"
                )
            self.set(name, value)

    def set(self, name: str, value: str) -> None:
        """Set the chance of a fault (0 to 1), or the delay (50ms, 1s); raises SourceError."""
        if name == DELAY:
            found = _DURATION.match(value)
            if found is None and value != "0":
                raise SourceError(f"delay is a duration as 50ms or 1s; {value!r} was given")
            self.delay_seconds = float(found[1]) / _PARTS[found[2]] if found else 0.0
            return
        fault = fault_named(name)
        try:
            chance = float(value)
        except ValueError as wrong:
            raise SourceError(f"{name} is a chance from 0 to 1; {value!r} was given") from wrong
        if not 0 <= chance <= 1:
            raise SourceError(f"{name} is a chance from 0 to 1; {value} was given")
        self.chances[fault] = chance

    def have_next(self, name: str, times: int = 1, key: str = "") -> None:
        """Have a fault happen to the next `times` messages (subscriptions, requests), of channel `key` if given.

        Raises SourceError.
        """
        self._due[fault_named(name), key] += times

    def hits(self, fault: Fault, place: int, key: str = "") -> bool:
        """Say whether a fault happens to what stands at a place of the session, of channel `key`, and count it."""
        due = next((each for each in ((fault, key), (fault, "")) if self._due[each] > 0), None)
        if due is not None:
            self._due[due] -= 1
        elif not self._chosen(fault, place):
            return False
        self.happened[fault.value] += 1
        return True

    def _chosen(self, fault: Fault, place: int) -> bool:
        chance = self.chances.get(fault, 0.0)
        if not chance:
            return False
        drawn = hashlib.blake2b(f"{self.seed}:{fault}:{place}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn) < chance * 2**64


def falsified(text: str) -> str:
    """Return a message with the last digit of its first decimal changed; one without a decimal stays."""
    found = _DECIMAL.search(text)
    if found is None:
        return text
    last = found.end() - 1
    return f"{text[:last]}{(int(text[last]) + 1) % 10}{text[last + 1 :]}"


def fault_named(name: str) -> Fault:
    """Return the fault of that name; raises SourceError with the nearest ones."""
    try:
        return Fault(name)
    except ValueError as unknown:
        raise SourceError(
            f"unknown fault {name!r}; the nearest: {nearest(name, [*Fault, DELAY])}"
        ) from unknown
