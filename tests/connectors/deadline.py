"""Waiting in tests: looked at again and again, for a minute at the most."""

from time import monotonic

DEADLINE_SECONDS = 60


def until(look):
    """Return what `look` answers when it answers yes."""
    ends = monotonic() + DEADLINE_SECONDS
    while monotonic() < ends:
        answer = look()
        if answer:
            return answer
    raise AssertionError(f"it did not come about within {DEADLINE_SECONDS} s")
