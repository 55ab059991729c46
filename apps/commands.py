"""Commands to a served desk: written where the decisions worker follows them, and waited for until they hold."""

import getpass
import json
import time
from contextlib import closing

import msgspec
from confluent_kafka import TopicPartition

from config.settings import Settings, compliance_params
from connectors.kafka.client import KafkaCluster, Place, Watch, consumer_of
from connectors.kafka.codec import KafkaCodec
from connectors.kafka.compacted import put_value
from connectors.kafka.controls import RECORDED
from connectors.kafka.tails import edges_of
from connectors.lake.lanes import Records
from domain.controls import Command, Control, ControlKind
from domain.envelope import record_id
from domain.instruments import Universe
from operators.compliance_rules import KillMode
from operators.compliance_state import ComplianceState, set_kill

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
