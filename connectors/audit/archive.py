"""An archive of files of rows: a folder, best on another disk, with a link in the run's folder where each file stood.

Whoever reads a log goes through the links and finds all of it. A file is copied, read again and compared by its SHA-256
before a link takes its place, in one step: whenever a process is killed, the file is there, and doing it again ends it.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path

from connectors.audit.disposals import Stored, gone_from
from connectors.audit.merkle import Frontier
from connectors.audit.rows import AuditDamaged, row_of, segments
from connectors.disk import synchronise

LOCK = ".retention"
COPY_BYTES = 1024 * 1024


class ArchiveRefused(RuntimeError):
    """Files cannot be put away: says why, and what to do."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let nobody else put files of an audit folder away meanwhile; raises ArchiveRefused where somebody does."""
    with (folder / LOCK).open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as busy:
            raise ArchiveRefused(
                f"another process puts files of {folder} away; wait until it has ended"
            ) from busy
        yield


def described(folder: Path, writer: str) -> Iterator[Stored]:
    """Yield what a record says of each file of a writer below an audit folder, in order; raises AuditDamaged."""
    gone = gone_from(folder, writer)
    tree = Frontier(gone.rows, gone.subtrees)
    for path in segments(folder / writer):
        whole, hashes = sha256(), list[bytes]()
        with path.open("rb") as file:
            for line in file:
                row = row_of(line.removesuffix(b"\n"))
                if row is None:
                    raise AuditDamaged(
                        f"a row of {path} cannot be read; `ita verify-audit` says what is wrong"
                    )
                whole.update(line)
                hashes.append(row.hash)
        tree.extend(hashes)
        yield Stored(
            writer=writer,
            file=path.name,
            first=int(path.stem),
            last=tree.size,
            sha256=whole.hexdigest(),
            last_hash=hashes[-1].hex(),
            subtrees=tuple(each.hex() for each in tree.subtrees),
        )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file as it stands, in hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def copied(path: Path, target: Path, digest: str) -> None:
    """Copy a file into the archive, whole or not at all, and compare what was written with its SHA-256.

    A copy that is there stays; raises ArchiveRefused where it, or what was written, is another.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        for left in target.parent.glob(f".{target.name}.*"):
            left.unlink()  # of a process that was killed
        making = target.with_name(f".{target.name}.{os.getpid()}")
        with path.open("rb") as source, making.open("wb") as file:
            shutil.copyfileobj(source, file, COPY_BYTES)
            file.flush()
            os.fsync(file.fileno())
        making.chmod(0o444)
        _compared(making, path, digest)
        making.rename(target)
        synchronise(target.parent)
    _compared(target, path, digest)


def _compared(copy: Path, path: Path, digest: str) -> None:
    if digest_of(copy) != digest:
        raise ArchiveRefused(f"{copy} is not what {path} holds; look at the disk, and move that file away")


def linked(path: Path, target: Path) -> None:
    """Let a link to its copy take the place of a file, in one step."""
    making = path.with_name(f".{path.name}.link")
    making.unlink(missing_ok=True)
    making.symlink_to(target)
    making.replace(path)
    synchronise(path.parent)


def removed(path: Path, digest: str) -> bool:
    """Remove a file from the archive, and then the link to it; False where it is another file, which stays.

    A link whose file is gone already is removed, as is nothing where there is no link.
    """
    if not path.is_symlink():
        return not path.exists()
    target = path.readlink()
    if target.exists():
        if digest_of(target) != digest:
            return False
        target.unlink()
        synchronise(target.parent)
    path.unlink()
    synchronise(path.parent)
    return True
