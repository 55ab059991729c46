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
from operators.limits import LimitTable

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
    rows = {name: settings.limits.get(name) for name in ("limits", "defaults")}
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


def table_command(table: LimitTable, who: str | None, reason: str) -> Command:
    """Return the command that lets the rows of a limit table hold."""
    rows = [{name: getattr(row, name) for name in row.__struct_fields__} for row in table.rows]
    return _command(ControlKind.LIMITS, LIMITS, "", who, reason, json.dumps({"limits": rows}, default=str))


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


def give_run(out: Path, command: Command, seconds: float) -> Control | None:
    """Give a command to the run in a folder, and return its record once it holds, None where that takes longer.

    Raises RunFolderError where there is no run.
    """
    run = KeptRun(out)
    if run.finished:
        raise RunFolderError(f"the run in {out} has ended; a command would hold for nobody")
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
            "limits" if command.kind is ControlKind.LIMITS else "kill",
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
