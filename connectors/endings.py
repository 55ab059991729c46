"""What goes wrong while a part is closed: kept, and raised when the flow is over.

Bytewax closes its parts while the error of one of them ends the flow, and aborts the process, without a word of either,
where another one raises then. So a part that may fail when it is closed does it in `kept`, and who runs the flow does
it in `raised_at_the_end`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

_KEPT: list[Exception] = []


@contextmanager
def kept() -> Iterator[None]:
    """Keep what goes wrong inside for the end of the flow."""
    try:
        yield
    except Exception as failure:  # noqa: BLE001  raised by who runs the flow
        _KEPT.append(failure)


@contextmanager
def raised_at_the_end() -> Iterator[None]:
    """Raise the first of what was kept while the flow inside ended; an error that ended it goes before."""
    _KEPT.clear()
    try:
        yield
        if _KEPT:
            raise _KEPT[0]
    finally:
        _KEPT.clear()
