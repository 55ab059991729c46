"""Work W in several processes: worker k owns the instruments whose number is k modulo the number of workers."""

import multiprocessing
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.w import flow
from benchmarks.w.answers import Answers, merged


def peak_mb() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def serve(line: Connection, warm_up: Path, path: Path, batch_rows: int, workers: int, mine: int) -> None:
    """Warm up, say so, and then run work W for one shard each time that is asked for, until the line is closed."""
    flow.run(warm_up, batch_rows, workers, mine)
    line.send(None)
    with suppress(EOFError):
        while True:
            line.recv()
            line.send((flow.run(path, batch_rows, workers, mine), peak_mb()))


class Crew:
    """Workers that are warm and wait."""

    def __init__(self, lines: list[Connection]) -> None:
        self._lines = lines
        self.peak_mb = 0.0

    def run(self) -> Answers:
        """Let all workers run at once; return their answers joined."""
        for line in self._lines:
            line.send(None)
        given = [line.recv() for line in self._lines]
        self.peak_mb = sum(peak for _, peak in given)
        return merged([answers for answers, _ in given])


@contextmanager
def crew(warm_up: Path, path: Path, batch_rows: int, workers: int) -> Iterator[Crew]:
    """Start workers, wait until all are warm, and end them afterwards."""
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
        for line in lines:
            line.recv()
        yield Crew(lines)
    finally:
        for line in lines:
            line.close()
        for process in processes:
            process.join()
