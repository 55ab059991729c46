"""The compose file has pinned images, loopback ports, no passwords of its own, and a check of every service."""

import json
import os
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from apps.metrics import Metrics
from apps.stack.compose import SERVICES
from apps.stack.passwords import NAMES
from apps.stack.places import places
from config.servers import read_servers

INFRA = Path(__file__).resolve().parents[3] / "infra"
TEXT = (INFRA / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
ALL = list(COMPOSE["services"].items())
NEEDED = "run ita stack secrets"
PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+[\w.-]*$")
SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|ACCESS_KEY|AUTH|requirepass", re.IGNORECASE)
each_service = pytest.mark.parametrize(
    "service", [service for _, service in ALL], ids=[name for name, _ in ALL]
)
FROM_FILE = re.compile(r"^\$\{ITA_\w+:\?" + NEEDED + r"\}$")


@each_service
def test_every_image_has_its_version(service):
    assert PINNED.match(service["image"])


@each_service
def test_every_port_is_on_loopback(service):
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


@each_service
def test_every_service_has_a_check(service):
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


@each_service
def test_every_secret_comes_from_the_file_of_secrets(service):
    given = {key: value for key, value in service.get("environment", {}).items() if SECRET.search(key)}

    literal = {key: value for key, value in given.items() if not FROM_FILE.match(str(value))}

    assert literal == {}


def test_what_is_asked_for_is_made_and_unset_secrets_stop_it():
    asked = re.findall(r"\$\{(\w+)([^}]*)\}", TEXT)

    assert {name for name, _ in asked} <= set(NAMES)
    assert {rest for _, rest in asked} == {f":?{NEEDED}"}


def test_every_volume_is_named_and_used():
    mounted = {
        volume.split(":")[0]
        for _, service in ALL
        for volume in service.get("volumes", [])
        if not volume.startswith("./")
    }

    assert mounted == set(COMPOSE["volumes"])


def test_every_mounted_file_is_there():
    mounted = [
        volume.split(":")[0]
        for _, service in ALL
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]

    assert [path for path in mounted if not (INFRA / path).exists()] == []


def test_the_servers_listen_where_the_configuration_looks(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("ITA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ITA_ENV_FILE", str(tmp_path / "none"))

    known = places(read_servers())
    offered = {name: COMPOSE["services"][name]["ports"][0].rpartition(":")[0] for name in SERVICES}

    assert offered == {name: known[name].address for name in SERVICES}


def test_the_image_is_pinned_and_runs_as_nobody_in_particular():
    lines = (INFRA / "Dockerfile").read_text().splitlines()

    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    users = [line.split()[1] for line in lines if line.startswith("USER")]

    assert all(PINNED.match(base) for base in bases)
    assert users == ["ita"]
    assert any("--require-hashes" in line for line in lines)
    assert any(line.startswith("HEALTHCHECK") for line in lines)


def test_the_dashboard_shows_only_metrics_that_a_worker_tells():
    registry = CollectorRegistry()
    Metrics(registry)
    told = {
        name
        for metric in registry.collect()
        for name in (metric.name, f"{metric.name}_total", f"{metric.name}_bucket")
    }
    dashboard = json.loads((INFRA / "grafana" / "dashboards" / "desk.json").read_text())

    shown = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bita_\w+", target["expr"])
    }

    assert shown
    assert shown <= told
