"""How an output folder stands: begun, held, finished, whole, and the same in lake, journal and summary."""

import fcntl
from collections.abc import Iterator
from pathlib import Path

from apps.findings import Finding, broken, doubtful, well
from apps.kept_run import KeptRun
from apps.run_folder import RunFolderError
from connectors.lake.digest import counts
from connectors.lake.shelf import STAGING
from connectors.sqlite.journal import Journal
from connectors.sqlite.missing import NoJournal

TOPIC_OF = {
    "signals": "signals",
    "intents": "intents",
    "verdicts": "verdicts",
    "orders": "oms.orders",
    "cancels": "oms.cancels",
    "executions": "oms.executions",
    "decision_points": "decision_points",
}
"""Topic of the lake that holds the same records as a table of the journal."""


def examine_run(out: Path) -> Iterator[Finding]:
    """Yield how the run in an output folder stands; reads only, also while it is being written."""
    held = _held(out / ".lock")
    try:
        run = KeptRun(out)
    except RunFolderError as error:
        empty = out.is_dir() and not any(out.iterdir())
        if empty:
            yield well("run", f"{out} is empty: a new run may begin in it")
        else:
            yield broken("run", str(error), "choose another folder with --out")
        return
    yield _standing(run, held=held)
    yield from _staging(run, held=held)
    in_journal = _journal_counts(run)
    if isinstance(in_journal, Finding):
        yield in_journal
    else:
        yield from _lake(run, in_journal)


def _held(lock: Path) -> bool:
    """Say whether another process holds the folder."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _standing(run: KeptRun, *, held: bool) -> Finding:
    kind = run.manifest.get("kind", "run")
    if run.finished:
        return well(
            "run", f"{run.path} holds a finished {kind} of configuration {run.manifest.get('configuration')}"
        )
    if held:
        return well("run", f"a {kind} is being written in {run.path}")
    return doubtful(
        "run",
        f"the {kind} in {run.path} is not finished and nobody writes in it",
        "the same command goes on with it",
    )


def _staging(run: KeptRun, *, held: bool) -> Iterator[Finding]:
    """Yield whether rows wait to become visible: they should not once a run is finished."""
    staged = sorted(path for path in (run.lake / STAGING).glob("*/*") if path.is_file())
    if not staged:
        yield well("staging", "nothing waits to become visible")
    elif run.finished:
        yield broken(
            "staging",
            f"{len(staged)} files wait although the run is finished, {staged[0].name} first",
            "the lake is not whole; remove the folder and run again",
        )
    else:
        words = f"{len(staged)} files wait to become visible"
        yield (
            well("staging", words)
            if held
            else doubtful(
                "staging", words, "the same command goes on with them; until then the lake lacks their rows"
            )
        )


def _journal_counts(run: KeptRun) -> dict[str, int] | Finding:
    try:
        with Journal(run.journal) as journal:
            return journal.counts()
    except NoJournal as error:
        remedy = "remove the folder and run again" if run.finished else "wait for the run to begin deciding"
        return (broken if run.finished else doubtful)("journal", str(error), remedy)


def _lake(run: KeptRun, in_journal: dict[str, int]) -> Iterator[Finding]:
    """Yield whether lake, journal and summary hold the same records, as they must when a run is finished."""
    in_lake = counts(run.lake) if run.lake.is_dir() else {}
    words = f"{sum(in_journal.values()):,} rows, {in_journal.get('orders', 0):,} orders"
    if not run.finished:
        yield well("journal", words)
        yield well("lake", f"{sum(in_lake.values()):,} rows are visible in {len(in_lake)} topics")
        return
    apart = {
        table: (in_journal.get(table, 0), in_lake.get(topic, 0))
        for table, topic in TOPIC_OF.items()
        if in_journal.get(table, 0) != in_lake.get(topic, 0)
    }
    if apart:
        table, (kept, seen) = next(iter(apart.items()))
        words = f"{table}: {kept:,} in the journal, {seen:,} in the lake"
        yield broken("journal", words, "the run is not whole; remove the folder and run again")
    else:
        yield well("journal", f"{words}, as many as in the lake")
    told = run.summary()["counts"]
    differing = sorted(topic for topic in {*told, *in_lake} if told.get(topic, 0) != in_lake.get(topic, 0))
    if differing:
        topic = differing[0]
        words = f"{topic} has {in_lake.get(topic, 0):,} rows, the summary says {told.get(topic, 0):,}"
        yield broken("lake", words, "rows were lost or added after the run; remove the folder and run again")
    else:
        yield well("lake", f"{sum(in_lake.values()):,} rows in {len(in_lake)} topics, as the summary says")
