"""`ita verify-audit` and `ita audit`: is the audit trail what was written, and what can be proved with it?"""

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.audit import Verified

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

app = typer.Typer(no_args_is_help=True, help="The audit trail of a run: keys, anchors, proofs, exports.")

Out = Annotated[Path, typer.Option(help="output folder of a run")]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
From = Annotated[
    str | None, typer.Option("--from", help="first instant of events asked for: 2024-03-07T15:30:00Z")
]
To = Annotated[str | None, typer.Option("--to", help="last instant of events asked for")]
Against = Annotated[str, typer.Option(help="where anchors are: a folder, or s3:BUCKET/PREFIX")]
PublicKey = Annotated[
    list[Path] | None,
    typer.Option(help="public key that heads have to be signed by; may be given several times"),
]


def verify_audit(
    out: Out = Path("out/demo"),
    first: From = None,
    last: To = None,
    against: Against = "",
    public_key: PublicKey = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Check that the audit trail of a run is what was written; name the first bad record, and what is wrong with it.

    Exit code 0 where all is well, 1 where something is wrong. A tail that was cut off together with its heads, and a
    chain that was made again, are found against anchors. Examples: ita verify-audit --out out/demo;
    ita verify-audit --out out/desk --against s3:ita-audit --public-key desk.pub
    """
    import msgspec

    from apps.audit import Question, recorded, verified
    from config.audit import read_audit

    audit = read_audit(config)
    with _wrong_use():
        question = Question(
            first_at=_instant(first, "00:00:00"),
            last_at=_instant(last, "23:59:59.999999"),
            against=against,
            public_keys=tuple(public_key or ()),
        )
        found = verified(out, audit, question, config)
    found.recorded = recorded(
        out, audit, "AuditVerified", {"against": against, "from": first, "ok": found.ok, "to": last}
    )
    if json:
        print(msgspec.json.encode(found).decode())
    else:
        _print(found)
    raise typer.Exit(0 if found.ok else 1)


def _print(found: "Verified") -> None:
    for log in found.logs:
        anchors = f", {log.anchors} anchors" if found.anchors else ""
        heads = f"{log.heads} heads, {log.signed_heads} of them signed by a trusted key{anchors}"
        gone = f", the first {log.disposed:,} disposed of by record" if log.disposed else ""
        print(f"{log.writer}: {log.rows:,} rows{gone}, {heads}, root {log.root or 'none'}")
        if log.unchecked:
            print(
                f"  {log.unchecked} heads and anchors are of rows that are gone: only order and signature were checked"
            )
    if not found.signatures:
        print("signatures were not checked: no public key; name one with --public-key")
    if not found.recorded:
        print("that the audit was read here could not be recorded in it")
    if found.first is None:
        print(f"the audit of {found.run} is what was written")
        return
    first = found.first
    event = f", event {first.event_id}" if first.event_id else ""
    print(f"BAD: {first.wrong.value}: {first.writer} row {first.row}{event}: {first.words}")


def _instant(words: str | None, of_day: str) -> int | None:
    """Return an instant in ns UTC; a bare date is taken for that time of its day, UTC."""
    from apps.local_time import parse_instant

    if words is None:
        return None
    return parse_instant(f"{words}T{of_day}Z" if _DATE.fullmatch(words) else words, "1970-01-01")


@contextmanager
def _wrong_use() -> "Iterator[None]":
    """Let what was asked wrongly end as wrong use."""
    from apps.audit_proofs import NothingToProve
    from apps.cli.main import WrongUse
    from apps.local_time import NoInstant
    from connectors.audit.anchors import AnchorRefused
    from connectors.audit.keys import KeyRefused

    try:
        yield
    except (AnchorRefused, KeyRefused, NoInstant, NothingToProve) as error:
        raise WrongUse(str(error)) from error


@app.command("key")
def key(
    create: Annotated[bool, typer.Option("--create", help="make the key that signs tree heads")] = False,
    path: Annotated[
        Path | None, typer.Option(help="where it lies; below `home` of audit.yaml if left out")
    ] = None,
    config: Config = None,
) -> None:
    """Make the key that signs tree heads, or say which one there is; its public half lies beside it.

    Give the public half to whoever checks. Example: ita audit key --create
    """
    from config.audit import read_audit
    from connectors.audit.keys import PUBLIC, create_key, read_key

    with _wrong_use():
        where = path or read_audit(config).key
        made = create_key(where) if create else read_key(where)
    print(f"key {made.key_id} in {where}; its public half in {where}{PUBLIC}")


@app.command("anchor")
def anchor(
    out: Out = Path("out/demo"),
    to: Annotated[
        str, typer.Option(help="a folder, or s3:BUCKET/PREFIX; that of audit.yaml if left out")
    ] = "",
    create: Annotated[bool, typer.Option("--create", help="make the bucket, with object lock")] = False,
    every: Annotated[float | None, typer.Option(min=1, help="go on for ever, so many seconds apart")] = None,
    config: Config = None,
) -> None:
    """Put the last tree head of each log of a run in a second place, with the hashes of its rows.

    Example: ita audit anchor --out out/desk --to s3:ita-audit --every 60
    """
    import time

    from apps.anchoring import anchored, place_of
    from apps.audit import recorded
    from apps.cli.main import WrongUse
    from apps.kept_run import KeptRun
    from config.audit import read_audit
    from connectors.audit.s3_anchors import S3Place

    audit = read_audit(config)
    words = to or audit.anchors.place
    if not words:
        raise WrongUse("anchors need a place: --to FOLDER or --to s3:BUCKET, or anchors.place in audit.yaml")
    with _wrong_use():
        run, place = KeptRun(out), place_of(words, audit, config)
        if create and isinstance(place, S3Place):
            place.create()
        while True:
            made = anchored(run, place)
            for each in made:
                print(
                    f"{each.head.writer}: {each.head.tree_size:,} rows, root {each.head.root}, in {words}",
                    flush=True,
                )
            if made and not {each.head.writer for each in made} <= {"doors"}:
                recorded(out, audit, "AuditAnchored", {"place": words, "heads": [each.head for each in made]})
            if every is None:
                break
            time.sleep(every)


@app.command("prove")
def prove(
    event_id: Annotated[str, typer.Argument(help="event_id of a record, its record_id, or how it begins")],
    out: Out = Path("out/demo"),
    size: Annotated[
        int | None, typer.Option(help="under the head of so many rows; the last if left out")
    ] = None,
    config: Config = None,
) -> None:
    """Print the proof that a record is in the audit, as one JSON object; `ita audit check` checks it anywhere.

    Example: ita audit prove 3f2a91c04d5e --out out/demo > proof.json
    """
    from apps import audit_proofs
    from apps.audit import recorded
    from config.audit import read_audit

    with _wrong_use():
        proof = audit_proofs.prove(out, event_id, size)
    recorded(out, read_audit(config), "AuditProved", {"event_id": proof.event_id, "row": proof.row})
    _print_proof(proof)


@app.command("consistency")
def consistency(
    older: Annotated[int, typer.Argument(help="rows of the older head")],
    newer: Annotated[int | None, typer.Argument(help="rows of the newer one; the last if left out")] = None,
    out: Out = Path("out/demo"),
    writer: Annotated[str, typer.Option(help="whose log")] = "decisions",
    config: Config = None,
) -> None:
    """Print the proof that the newer head of a log goes on from the older one, as one JSON object.

    Example: ita audit consistency 1000 2000 --out out/demo > proof.json
    """
    from apps import audit_proofs
    from apps.audit import recorded
    from config.audit import read_audit

    with _wrong_use():
        proof = audit_proofs.prove_consistency(out, writer, older, newer)
    recorded(
        out,
        read_audit(config),
        "AuditProved",
        {"writer": writer, "older": proof.older.tree_size, "newer": proof.newer.tree_size},
    )
    _print_proof(proof)


@app.command("export")
def export(
    order: Annotated[
        str | None, typer.Argument(help="ClOrdID or OrderID of an order, or how it begins")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="fix-drop-copy, csv, parquet or mifid-annex-iv")
    ] = "csv",
    out: Out = Path("out/demo"),
    into: Annotated[Path, typer.Option(help="folder for what is exported")] = Path("out/audit-export"),
    first: From = None,
    last: To = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Export an order from end to end, or all that happened from one instant to another, with a proof of each record.

    Example: ita audit export 3f2a91 --format mifid-annex-iv --out out/demo --into out/for-the-regulator
    """
    import msgspec

    from apps.audit import recorded
    from apps.audit_export.files import FORMATS, NotCovered
    from apps.audit_export.files import export as written
    from apps.audit_export.trail import NoSuchOrder, events_between, order_trail
    from apps.cli.main import WrongUse
    from apps.kept_run import KeptRun
    from config.audit import read_audit
    from flows.stages import AUDIT

    if form not in FORMATS:
        raise WrongUse(f"formats are {', '.join(FORMATS)}; {form!r} was given")
    audit, run = read_audit(config), KeptRun(out)
    with _wrong_use():
        since, until = _instant(first, "00:00:00"), _instant(last, "23:59:59.999999")
    try:
        events = order_trail(run.audit, order) if order else events_between(run.audit, since, until)
        made = written(run.audit, AUDIT, events, form, into)
    except (NoSuchOrder, NotCovered) as error:
        raise WrongUse(str(error)) from error
    recorded(
        out,
        audit,
        "AuditExported",
        {"format": form, "from": first, "order": order, "records": made.records, "to": last},
    )
    if json:
        print(msgspec.json.encode(made).decode())
    else:
        print(
            f"{made.records:,} records in {into}: {', '.join(made.files)}; proofs end in root {made.head.root}"
        )


@app.command("erase")
def erase(
    subject: Annotated[str, typer.Argument(help="whose name is to be made unreadable, as it was given")],
    out: Annotated[list[Path], typer.Option(help="runs whose logs shall say so; may be given several times")],
    reason: Annotated[str, typer.Option(help="why; it stands in the log")],
    config: Config = None,
) -> None:
    """Destroy the key of a person, so that nobody can read the name in any log any more; no chain breaks.

    Copies of the keys' folder, such as backups, have to forget it, too. Example: ita audit erase "Ann Smith"
    --out out/desk --reason "request of 2 March"
    """
    from apps.audit import recorded
    from apps.cli.main import WrongUse
    from apps.kept_run import KeptRun
    from config.audit import read_audit
    from connectors.audit.personal import People

    audit = read_audit(config)
    runs = [KeptRun(each) for each in out]
    person = People(audit.people).erase(subject)
    if person is None:
        raise WrongUse(
            f"there is no key of {subject!r} in {audit.people}: no log names that person, or not any more"
        )
    said = [recorded(run.path, audit, "PersonErased", {"person": person, "reason": reason}) for run in runs]
    print(
        f"person {person} is erased: {len(said)} logs say so"
        if all(said)
        else f"person {person} is erased, and a log could not be told"
    )
    if not all(said):
        raise typer.Exit(1)


@app.command("check")
def check(
    proof: Annotated[Path, typer.Argument(help="a file that `prove` or `consistency` printed")],
    public_key: PublicKey = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Check a proof with nothing but its own words and the public key; exit code 1 where it does not hold.

    Example: ita audit check proof.json --public-key desk.pub
    """
    import msgspec

    from apps.audit import trusted_keys
    from apps.audit_proofs import judged, read_proof
    from config.audit import read_audit

    with _wrong_use():
        keys, names = trusted_keys(read_audit(config), public_key or ())
        said = judged(read_proof(proof), keys)
    if json:
        print(msgspec.json.encode(said).decode())
    else:
        signed = "signed by a trusted key" if said.signed else "not signed by a key that is trusted"
        print(
            f"{'holds' if said.ok else 'DOES NOT HOLD'}: {said.words}; {signed} ({names or 'no public key'})"
        )
    raise typer.Exit(0 if said.ok and (said.signed or not public_key) else 1)


def _print_proof(proof: object) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(proof, order="sorted"), indent=2).decode())


@app.callback()
def audit() -> None:
    """Hold the commands together."""
