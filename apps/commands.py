"""Commands to a desk: written where its decisions step follows them, and waited for until they hold."""

import getpass
import json
import time
from contextlib import closing
from pathlib import Path

import msgspec
from confluent_kafka import TopicPartition

from apps.kept_run import KeptRun
from apps.run_folder import RunFolderError
from config.settings import Settings, compliance_params
from connectors.files.command_file import append_command
from connectors.kafka.client import KafkaCluster, Place, Watch, consumer_of
from connectors.kafka.codec import KafkaCodec
from connectors.kafka.compacted import put_value
from connectors.kafka.controls import RECORDED
from connectors.kafka.tails import edges_of
from connectors.lake.lanes import Records
from connectors.sqlite.journal import Journal
from domain.controls import Command, Control, ControlKind
from domain.envelope import record_id
from domain.instruments import Universe
from operators.compliance_rules import KillMode
from operators.compliance_state import ComplianceState, set_kill
from operators.controls import cancels
from operators.limit_rows import CHANGE_FIELDS, instant, number
from operators.party_screening import SCOPE, SMALLER

LIMITS = "limits"
LOOK_SECONDS = 0.2


def kill_command(scope: str, mode: str, who: str | None, reason: str) -> Command:
    """Return the command that sets the kill switch of a scope, or releases it with mode `none`.

    Raises ValueError for a scope or mode that is none, or without a reason.
    """
    if mode not in {each.value for each in KillMode}:
        raise ValueError(f"a mode is one of {', '.join(KillMode)}; {mode!r} was given")
    set_kill(ComplianceState(), scope, KillMode(mode), 0, reason)
    return _command(ControlKind.KILL, scope, mode, who, reason)


def limits_command(settings: Settings, who: str | None, reason: str) -> Command:
    """Return the command that lets the limits of a configuration hold; raises SettingsError where they are wrong."""
    compliance_params(settings, Universe(settings.listing.instruments))
    rows = {name: settings.limits.get(name) for name in ("limits", "risk_limits", "defaults")}
    return _command(ControlKind.LIMITS, LIMITS, "", who, reason, json.dumps(rows, default=str))


def hold_command(kind: ControlKind, cl_ord_id: str, who: str | None, reason: str) -> Command:
    """Return the command that approves or refuses what waits; raises ValueError without an identifier or a reason."""
    if not cl_ord_id.strip():
        raise ValueError("a hold is named by its ClOrdID; none was given")
    return _command(kind, cl_ord_id, "", who, reason)


def override_command(
    cl_ord_id: str, check: str, persons: tuple[str, str, str | None], reason: str, seconds: float
) -> Command:
    """Return the command that passes over one check of one order: who asks, verifies for risk, and authorises.

    Raises ValueError where two of them are one, or the seconds are not within an hour.
    """
    maker, verifier, who = persons
    if len({maker, verifier, who or getpass.getuser()}) < 3:
        raise ValueError(
            "an override needs three persons: who asks, who verifies for risk, and who authorises"
        )
    if not 0 < seconds <= 3600:
        raise ValueError(f"an override ends within an hour; {seconds:g} seconds were given")
    details = json.dumps({"maker": maker, "verifier": verifier, "seconds": seconds})
    return _command(ControlKind.OVERRIDE, cl_ord_id, check, who, reason, details)


def acknowledge_command(breach_id: str, who: str | None, reason: str) -> Command:
    """Return the command that says a breach was seen; raises ValueError without a reason."""
    return _command(ControlKind.ACKNOWLEDGE, breach_id, "", who, reason)


def waive_command(breach_id: str, persons: tuple[str, str | None], until: str, reason: str) -> Command:
    """Return the command that waives a breach until an instant (ISO text with its zone): who asks, and who checks it.

    Raises ValueError where they are one person, or the text is no instant.
    """
    maker, who = persons
    if maker == (who or getpass.getuser()):
        raise ValueError(f"maker and checker are two persons; {maker} was given for both")
    details = json.dumps({"maker": maker, "until": instant("until", until)})
    return _command(ControlKind.WAIVE, breach_id, "", who, reason, details)


def limit_command(
    limit_id: str,
    bounds: tuple[str, str | None, str | None],
    persons: tuple[str | None, str],
    reason: str,
) -> Command:
    """Return the command that gives one row of the desk's limits, of orders or of risk, a new version of its bounds.

    `bounds` are hard, soft, and until when. `persons` are who sets it and who has checked it. The desk adds the row
    to the table that it is judged by then, so that nothing else changes. Raises ValueError where the two are one,
    or a bound is no number or no instant.
    """
    who, checker = persons
    maker = who or getpass.getuser()
    if maker == checker.strip() or not checker.strip():
        raise ValueError(f"maker and checker are two persons; {maker!r} and {checker!r} were given")
    hard, soft, until = bounds
    for field, given in (("hard", hard), ("soft", soft)):
        if given is not None:
            number(limit_id, field, given)
    if until is not None:
        instant(f"limit {limit_id}: until", until)
    values = (limit_id, hard, soft, until, maker, checker, reason)
    change = dict(zip(CHANGE_FIELDS, values, strict=True))
    return _command(ControlKind.LIMITS, LIMITS, "", who, reason, json.dumps({"change": change}))


def list_command(name: str, details: str, who: str | None, reason: str, *, smaller: bool = False) -> Command:
    """Return the command that lets a published list of names hold (`party_screening.published` makes `details`).

    Raises ValueError for a name that is none, or without a reason.
    """
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"a list is named by letters, digits, - and _; {name!r} was given")
    mode = SMALLER if smaller else ""
    return _command(ControlKind.SANCTIONS, f"{SCOPE}{name}", mode, who, reason, details)


def _command(
    kind: ControlKind, scope: str, mode: str, who: str | None, reason: str, details: str = ""
) -> Command:
    if not reason.strip():
        raise ValueError("a command needs a reason; none was given")
    at, name = time.time_ns(), who or getpass.getuser()
    return Command(
        command_id=record_id(kind, scope, mode, name, at),
        kind=kind,
        scope=scope,
        mode=mode,
        who=name,
        reason=reason,
        at=at,
        details=details,
    )


def done(control: Control) -> str:
    """Say in a few words what a command did that holds."""
    scope, mode, explained = control.scope, control.mode, f"`ita explain {control.scope}` says how"
    both = f", asked for by {control.maker} and {control.who}"
    said = {
        ControlKind.KILL: f"{scope} is in mode {mode}",
        ControlKind.RELEASE: f"{scope} is in mode {mode}{both}",
        ControlKind.APPROVE: f"{scope} was judged again by all checks; {explained}",
        ControlKind.REFUSE: f"{scope} was refused",
        ControlKind.OVERRIDE: f"{scope} was judged again without {mode}; {explained}",
        ControlKind.LIMITS: _limits_done(control),
    }.get(control.kind, f"{control.kind} {scope}")
    return said + (" and its working orders are cancelled" if cancels(control) else "")


def _limits_done(control: Control) -> str:
    change = json.loads(control.details).get("change") if control.kind is ControlKind.LIMITS else None
    if change is None:
        return "the limits are those of the configuration that was given"
    soft = f", soft {change['soft']}" if change["soft"] is not None else ""
    until = f" until {change['until']}" if change["until"] else ""
    return f"{change['limit_id']} is {change['hard']}{soft}{until}, checked by {change['checker']}"


def still_running(out: Path) -> KeptRun:
    """Return the run in a folder; raises RunFolderError where there is none, or it has ended."""
    run = KeptRun(out)
    if run.finished:
        raise RunFolderError(f"the run in {out} has ended; a command would hold for nobody")
    return run


def give_run(out: Path, command: Command, seconds: float) -> Control | None:
    """Give a command to the run in a folder, and return its record once it holds, None where that takes longer.

    Raises RunFolderError where there is no run.
    """
    run = still_running(out)
    append_command(run.commands, command)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if run.journal.exists():
            with Journal(run.journal) as journal:
                for control in journal.controls():
                    if control.command_id == command.command_id:
                        return control
        time.sleep(LOOK_SECONDS)
    return None


def give(cluster: KafkaCluster, command: Command, seconds: float) -> Control | None:
    """Write a command, and return its record once it holds, None where that takes longer; raises KafkaRefused."""
    watch, place, codec = Watch("kafka commands"), Place(RECORDED, 0), KafkaCodec()
    with closing(consumer_of(cluster, watch, fetch_wait_max_ms=50)) as consumer:
        first = edges_of(consumer, cluster, watch, place)[1]
        consumer.assign([TopicPartition(cluster.topic(RECORDED), 0, first)])
        put_value(
            cluster,
            "limits" if command.kind in (ControlKind.LIMITS, ControlKind.SANCTIONS) else "kill",
            command.scope,
            msgspec.json.encode(command),
        )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            watch.look()
            message = consumer.poll(LOOK_SECONDS)
            if message is None or message.error() is not None:
                continue
            item = codec.decode(RECORDED, 0, message.offset() or 0, message.headers(), message.value())  # type: ignore[arg-type]
            for control in item.records if isinstance(item, Records) else ():
                if isinstance(control, Control) and control.command_id == command.command_id:
                    return control
    return None
