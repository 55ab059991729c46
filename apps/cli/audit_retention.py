"""`ita audit retention`, `archive` and `dispose`: how old the files of an audit trail are, and what becomes of them."""

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

Out = Annotated[Path, typer.Option(help="output folder of a run")]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Who = Annotated[str | None, typer.Option(help="whose command it is; who is signed in, if left out")]


def retention(out: Out = Path("out/demo"), config: Config = None, json: AsJson = False) -> None:
    """Say of each file of rows how old it is, whether it has to stay, and whether it is in an archive.

    Example: ita audit retention --out out/desk
    """
    import msgspec

    from apps.audit_retention import ages
    from apps.kept_run import KeptRun
    from config.audit import read_audit

    found = ages(KeptRun(out).audit, read_audit(config).retention, time.time_ns())
    if json:
        print(msgspec.json.encode(found).decode())
        return
    for each in found:
        where = ", in the archive" if each.archived else ""
        print(
            f"{each.writer}/{each.file}: {each.rows:,} rows, {each.days:,} days old: {each.standing}{where}"
        )


def archive(
    out: Out = Path("out/demo"),
    to: Annotated[
        Path | None,
        typer.Option(help="the archive, a folder outside the run; that of audit.yaml if left out"),
    ] = None,
    who: Who = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Move the files that may leave the run's folder to an archive, each copy verified; links stand where they stood.

    The log of the doors says so. Killed at any moment, it can be called again. Example:
    ita audit archive --out out/desk --to /mnt/archive
    """
    import msgspec

    from apps.audit_archive import archived
    from apps.cli.main import WrongUse
    from config.audit import read_audit

    audit = read_audit(config)
    place = to or (Path(audit.retention.archive) if audit.retention.archive else None)
    if place is None:
        raise WrongUse("an archive needs a place: --to FOLDER, or retention.archive in audit.yaml")
    with _refusals():
        moved = archived(out, audit, place, who, time.time_ns())
    if json:
        print(msgspec.json.encode(moved).decode())
        return
    for each in moved:
        print(
            f"{each.writer}/{each.file}: rows {each.first:,} to {each.last:,} in {place}, sha256 {each.sha256}"
        )
    print(f"{len(moved)} files were moved; `ita verify-audit` reads them where they are")


def dispose(
    out: Out = Path("out/demo"), who: Who = None, config: Config = None, json: AsJson = False
) -> None:
    """Ask for, or approve, that files whose retention is over be disposed of: they are when three persons want it.

    Who asks (dba) and who approves (compliance, auditor) stand in audit.yaml; each gives the same command within seven
    days. What was disposed of is gone for good. Example: ita audit dispose --out out/desk --who ann
    """
    import msgspec

    from apps.audit_disposal import disposed
    from config.audit import read_audit

    with _refusals():
        said = disposed(out, read_audit(config), who, time.time_ns(), config)
    if json:
        print(msgspec.json.encode(said).decode())
    elif not said.files:
        print("there is no file whose retention is over")
    elif said.missing:
        print(f"{len(said.files)} files wait for the word of: {', '.join(said.missing)}")
    else:
        print(f"{len(said.files)} files are disposed of, and the log of the doors says so")


@contextmanager
def _refusals() -> "Iterator[None]":
    """Let a refusal end with exit code 1."""
    from connectors.audit.archive import ArchiveRefused

    try:
        yield
    except ArchiveRefused as refusal:
        typer.echo(f"refused: {refusal}", err=True)
        raise typer.Exit(1) from refusal
