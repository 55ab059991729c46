"""Work W in several processes: worker k owns the instruments whose number is k modulo the number of workers."""

import multiprocessing
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.w import flow
from benchmarks.w.answers import Answers, merged


def peak_mb() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def serve(line: Connection, warm_up: Path, path: Path, batch_rows: int, workers: int, mine: int) -> None:
    """Warm up; then, until the line is closed: say that all is ready, wait to be asked, run work W for one shard."""
    with flow.ready(warm_up, batch_rows, workers, mine) as work:
        work()
    with suppress(EOFError, ConnectionError):
        while True:
            with flow.ready(path, batch_rows, workers, mine) as work:
                line.send(None)
                line.recv()
                line.send((work(), peak_mb()))


class Crew:
    """Workers that are warm."""

    def __init__(self, lines: list[Connection]) -> None:
        self._lines = lines
        self.peak_mb = 0.0

    @contextmanager
    def ready(self) -> Iterator[Callable[[], Answers]]:
        """Wait until every worker is ready, and give what lets them run."""
        for line in self._lines:
            line.recv()
        yield self._run

    def _run(self) -> Answers:
        for line in self._lines:
            line.send(None)
        given = [line.recv() for line in self._lines]
        self.peak_mb = sum(peak for _, peak in given)
        return merged([answers for answers, _ in given])


@contextmanager
def crew(warm_up: Path, path: Path, batch_rows: int, workers: int) -> Iterator[Crew]:
    """Start workers, and end them afterwards."""
    context = multiprocessing.get_context("spawn")
    lines, processes = [], []
    for mine in range(workers):
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, warm_up, path, batch_rows, workers, mine))
        process.start()
        theirs.close()
        lines.append(ours)
        processes.append(process)
    try:
        yield Crew(lines)
    finally:
        for line in lines:
            line.close()
        for process in processes:
            process.join()
