"""From `--actions PATH` to a source of ticks with corporate actions beside it."""

import hashlib
from pathlib import Path

from apps.assembly import calendar_of
from apps.run_folder import RunPaths
from config.settings import Settings
from connectors.acted_live import ActedLive, heard_by
from connectors.acted_ticks import ActedTicks
from connectors.files.action_rows import ActionFileError, read_all_actions
from connectors.files.lean_actions import lean_actions
from connectors.kept_sessions import session_table
from connectors.source import SourceError, TickSource
from connectors.websocket.live_ticks import LiveTicks
from domain.corporate_actions import CorporateAction
from domain.sessions import SessionTable

HEARD = "heard_actions.jsonl"
"""Of a run of a venue: what it has heard of, and when."""


def with_actions(source: TickSource, settings: Settings, path: Path | None) -> TickSource:
    """Return a source with the actions of a file of rows, or of a folder with Lean's factor and map files.

    Raises SourceError where they cannot be read.
    """
    if path is None:
        return source
    return ActedTicks(source, _told(source, path), _sessions(source, settings))


def heard_beside(
    venue: LiveTicks, settings: Settings, folder: RunPaths, path: Path | None
) -> LiveTicks | ActedLive:
    """Return a venue that is connected to with the actions that this run has heard of, those of `path` among them.

    A file that has grown by the next start is heard of then. Raises SourceError where the actions cannot be read.
    """
    kept = folder.path / HEARD
    if path is None and not kept.exists():
        return venue
    heard = heard_by(kept, () if path is None else _told(venue, path), venue.began_at)
    return ActedLive(venue, heard, _sessions(venue, settings))


def _told(source: TickSource, path: Path) -> tuple[CorporateAction, ...]:
    try:
        return lean_actions(path, source.instruments()) if path.is_dir() else read_all_actions(path)
    except ActionFileError as error:
        raise SourceError(str(error)) from error


def _sessions(source: TickSource, settings: Settings) -> SessionTable:
    segments = source.segments()
    return session_table(calendar_of(settings, source), segments[0], segments[-1])


def actions_digest(path: Path) -> str:
    """Return SHA-256 of a file of actions, or of the names and contents of a folder's; raises SourceError."""
    if not path.exists():
        raise SourceError(f"--actions names no file or folder that exists; {path} was given")
    made = hashlib.sha256()
    for file in sorted(path.rglob("*.csv")) if path.is_dir() else [path]:
        made.update(f"{file.relative_to(path)}\n".encode())
        made.update(file.read_bytes())
    return made.hexdigest()
