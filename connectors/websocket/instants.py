"""Instants as venues write them, in ns UTC, exactly."""

from datetime import UTC, datetime
from functools import lru_cache

_SECOND = 10**9
_MICROSECONDS = 17
_EPOCH_DAY = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def of_seconds(text: str) -> int:
    """Return the instant of decimal seconds since 1970, up to nine digits after the point; raises ValueError."""
    if len(text) == _MICROSECONDS and text[10] == ".":
        return int(text.replace(".", "")) * 1000
    seconds, _, rest = text.partition(".")
    return int(seconds) * _SECOND + int(rest[:9].ljust(9, "0"))


def of_iso(text: str) -> int:
    """Return the instant of `YYYY-MM-DDTHH:MM:SS[.digits]Z`, up to nine digits; raises ValueError."""
    if text[-1:] != "Z" or text[19:20] not in {".", "Z"}:
        raise ValueError(f"an instant is written YYYY-MM-DDTHH:MM:SS.digitsZ; {text!r} was given")
    rest = text[20:-1]
    return _whole_second(text[:19]) + (int(rest) * 1000 if len(rest) == 6 else int(rest[:9].ljust(9, "0")))


@lru_cache(maxsize=256)
def _whole_second(text: str) -> int:
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    days = moment.toordinal() - _EPOCH_DAY
    return (((days * 24 + moment.hour) * 60 + moment.minute) * 60 + moment.second) * _SECOND
