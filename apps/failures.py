"""What really went wrong: a dataflow wraps the error of a step in its own, which says only where it happened."""

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
    """Return the error that a step raised in a line: its words, and its kind unless that is plain bad data."""
    root = root_cause(failure)
    words = " ".join(str(root).split()) or "no words"
    return words if isinstance(root, ValueError) else f"{type(root).__name__}: {words}"
