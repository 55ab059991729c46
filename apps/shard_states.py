"""The state of a shard follows the shard: from the folder of whoever worked on it last into that of who does now.

Each folder of a market data worker has a ledger, `shards.json`, with the generation of the state that it holds of each
of its shards. The highest generation of a shard is its state. A worker whose folder does not have that for all of its
shards makes a recovery store of its own from the folders that do, and then, by its ledger, makes it the newest. A move
that is cut short leaves everything as it was. A folder without a ledger is of a version that had none, and its state of
generation 0.

Bytewax resumes each step and key from the last snapshot before its resume epoch, and a key of market data is a shard. A
store that holds those snapshots of some shards, all of one epoch, resumes exactly as the stores that they come from.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

from bytewax.recovery import init_db_dir

from apps.run_folder import MANIFEST, RunFolder, RunFolderError, kept_still, write_whole
from operators.paged_state import carried

LEDGER = "shards.json"
LAYOUT = 1
FIRST_STORE = "market-data"
PART = "part-0.sqlite3"

_RESUME_EPOCH = """
WITH last AS (SELECT ex_num, resume_epoch FROM exs ORDER BY ex_num DESC LIMIT 1)
SELECT MAX(resume_epoch, COALESCE((SELECT MIN(worker_frontier) FROM fronts JOIN last USING (ex_num)), 0)) FROM last
"""
_SNAPSHOTS = """
SELECT step_id, ser_change, MAX(snap_epoch) FROM snaps WHERE snap_epoch < ? AND state_key = ? GROUP BY step_id
"""


class Holder(NamedTuple):
    """A folder that holds states of shards: in which store, and of which generation each."""

    path: Path
    store: str
    generations: dict[str, int]

    def recovery(self) -> Path:
        """Return where the recovery store is."""
        return self.path / "recovery" / self.store

    def pages(self) -> Path:
        """Return where the pages of large states are."""
        return self.path / "recovery" / f"{self.store}.pages"


def state_store(folder: RunFolder, mine: tuple[str, ...], desk_shards: int) -> str:
    """Return the name of the store in a worker's folder that has the newest state of its shards, made where needed.

    `desk_shards` is how many shards the desk has. The shards have to be claimed. Raises RunFolderError.
    """
    _same_desk(folder.path, desk_shards)
    holders = [holder for path in sorted(folder.path.parent.iterdir()) if (holder := _holder(path))]
    newest = {shard: _newest(shard, holders, folder.path) for shard in mine}
    elsewhere = {holder.path for holder in newest.values() if holder and holder.path != folder.path}
    if elsewhere:
        generation = 1 + max(
            holder.generations[shard] for shard in mine for holder in holders if shard in holder.generations
        )
        made = Holder(folder.path, f"{FIRST_STORE}.{generation}", dict.fromkeys(mine, generation))
        _check(elsewhere, folder.identity, desk_shards)
        with ExitStack() as still:
            for path in sorted(elsewhere):
                if not still.enter_context(kept_still(path)):
                    raise RunFolderError(
                        f"{path} has the newest state of shards of this worker, and a run is writing in it; stop that "
                        "run first (SIGTERM), or start this worker for other shards"
                    )
            _assemble(made, newest)
        _write(made, desk_shards)
        kept = (made.recovery(), made.pages())
        _remove(*(path for path in made.recovery().parent.iterdir() if path not in kept))
        return made.store
    own = next((holder for holder in holders if holder.path == folder.path), None)
    made = own or Holder(folder.path, FIRST_STORE, dict.fromkeys(mine, 1))
    _write(made, desk_shards)
    return made.store


def _newest(shard: str, holders: Iterable[Holder], own: Path) -> Holder | None:
    """Return who has the newest state of a shard; of equals, as folders without a ledger are, the own one."""
    having = [holder for holder in holders if shard in holder.generations]
    return max(having, key=lambda holder: (holder.generations[shard], holder.path == own), default=None)


def _holder(path: Path) -> Holder | None:
    """Return what a folder holds; None where it is not that of a market data worker, or has no state yet."""
    begun = _read(path / MANIFEST)
    if begun is None or begun.get("kind") != "market-data":
        return None
    ledger = _ledger(path) or {
        "store": FIRST_STORE,
        "generations": dict.fromkeys(begun["shards"], 0),
    }
    found = Holder(path, ledger["store"], ledger["generations"])
    return found if found.recovery().exists() else None


def _ledger(path: Path) -> dict[str, Any] | None:
    """Return a folder's ledger; raises RunFolderError for one of a later version."""
    ledger = _read(path / LEDGER)
    if ledger is not None and ledger["layout"] > LAYOUT:
        raise RunFolderError(
            f"{path / LEDGER} has layout {ledger['layout']}, this version reads up to {LAYOUT}; run the version that "
            "wrote it, or choose another folder with --out"
        )
    return ledger


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise RunFolderError(
            f"{path} is not JSON ({error}); restore the folder that it is in, or remove that folder"
        ) from error
    return content


def _same_desk(path: Path, desk_shards: int) -> None:
    """Refuse a folder of a desk with another number of shards: an instrument's shard follows from that number."""
    ledger = _ledger(path)
    if ledger is not None and ledger["of"] != desk_shards:
        raise RunFolderError(
            f"{path} holds shards of a desk that has {ledger['of']}; the topics have {desk_shards} partitions now, so "
            "that instruments belong to other shards; begin a new desk with other topics (kafka.prefix) and another "
            "--out"
        )


def _check(paths: Iterable[Path], identity: dict[str, Any], desk_shards: int) -> None:
    """Refuse states that another configuration, or a desk with other shards, has made."""
    for path in paths:
        _same_desk(path, desk_shards)
        begun = _read(path / MANIFEST) or {}
        if begun.get("configuration") != identity["configuration"]:
            raise RunFolderError(
                f"{path} has the newest state of shards of this worker, with configuration "
                f"{begun.get('configuration')!r}; this one has {identity['configuration']!r}; start with the same "
                "configuration, or choose another folder with --out"
            )


def _write(made: Holder, desk_shards: int) -> None:
    """Make a store the newest of its shards."""
    ledger = {
        "layout": LAYOUT,
        "of": desk_shards,
        "store": made.store,
        "generations": made.generations,
    }
    if ledger != _read(made.path / LEDGER):
        write_whole(made.path / LEDGER, json.dumps(ledger, indent=2, sort_keys=True))


def _assemble(made: Holder, newest: dict[str, Holder | None]) -> None:
    """Make a store of the newest states, whole or not at all."""
    making = made.recovery().with_name(f".{made.store}.making")
    _remove(making, made.recovery(), made.pages())
    making.mkdir(parents=True)
    init_db_dir(making, 1)
    snapshots = [
        (step_id, shard, carried(state, holder.pages(), made.pages()))
        for shard, holder in newest.items()
        if holder is not None
        for step_id, state in _snapshots(holder.recovery(), shard)
    ]
    with closing(sqlite3.connect(making / PART)) as store, store:
        store.executemany(
            "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, 1, ?)", snapshots
        )
        store.execute("INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (0, 1, 2)")
    making.rename(made.recovery())


def _snapshots(recovery: Path, shard: str) -> Iterator[tuple[str, bytes]]:
    """Yield the step and the state of each snapshot that a shard would be resumed from.

    Bytewax has its own SQLite, and two of them must not have one file open at the same time: the flow that reads the
    new store begins when this is done, and no other writes in the old one.
    """
    parts = sorted(path.name for path in recovery.glob("*.sqlite3"))
    if parts != [PART]:
        raise RunFolderError(
            f"{recovery} has the parts {', '.join(parts) or 'none'}; {PART} alone is allowed"
        )
    with closing(sqlite3.connect(recovery / PART)) as store:
        (resume_epoch,) = store.execute(_RESUME_EPOCH).fetchone() or (0,)
        for step_id, state, _ in store.execute(_SNAPSHOTS, (resume_epoch, shard)):
            if state is not None:
                yield step_id, state


def _remove(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            shutil.rmtree(path)
