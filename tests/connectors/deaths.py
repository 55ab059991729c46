"""A writer that dies anywhere and comes back, with its last committed state, in other batches."""

import random


def written_with_deaths(seed, rows, opened, items, end, *, step, deaths_max):
    """Write `rows` rows and the end; return how often the writer died.

    `opened(state)` opens the partition, `items(first, last)` are its rows. A writer that dies may have
    snapshotted just before without the state being committed.
    """
    moments = random.Random(seed)
    state, committed, at, deaths = None, 0, 0, 0
    partition = opened(state)
    while at <= rows:
        last = min(rows, at + moments.randint(1, step))
        if at == rows:
            partition.write_batch(end)
            at += 1
        else:
            partition.write_batch(items(at, last))
            at = last
        if moments.random() < 0.3:
            state, committed = partition.snapshot(), at
        if deaths < deaths_max and moments.random() < 0.4:
            if moments.random() < 0.5:
                partition.snapshot()
            partition.close()
            partition = opened(state)
            at, deaths = committed, deaths + 1
    partition.snapshot()
    partition.close()
    return deaths
