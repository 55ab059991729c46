"""What really went wrong: a dataflow wraps the error of a step in its own, which says only where it happened."""

import errno

from bytewax.errors import BytewaxRuntimeError


def root_cause(failure: BaseException) -> BaseException:
    """Return the error that a step raised, or `failure` itself where no dataflow has wrapped it."""
    while isinstance(failure, BytewaxRuntimeError):
        before = failure.__cause__ or failure.__context__
        if before is None:
            return failure
        failure = before
    return failure


def described(failure: BaseException) -> str:
    """Return the error that a step raised in a line: its words, its kind unless that is plain bad data, and advice."""
    root = root_cause(failure)
    words = " ".join(str(root).split()) or "no words"
    if wants_room(root):
        return (
            f"no room is left on the disk that is written to ({words}); nothing that was kept is lost: make room and "
            "give the same command again, which goes on from the last snapshot"
        )
    return words if isinstance(root, ValueError) else f"{type(root).__name__}: {words}"


def wants_room(failure: BaseException) -> bool:
    """Say whether an error is a full disk, or a quota that is used up; SQLite has words for it and no number."""
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(failure, "errno", None) in full or "database or disk is full" in str(failure)
