"""Servers start once, are left alone when they are others', and end by what started them; with a Redis of one's own."""

import json
import os
import signal
import socket

import pytest
from typer.testing import CliRunner

from apps.cli.main import WrongUse
from apps.cli.stack import app
from apps.stack import lifecycle
from apps.stack.native import ServerFailed
from apps.stack.places import UnknownServer, chosen, places
from config.servers import read_servers

pytestmark = [pytest.mark.served, pytest.mark.xdist_group("stack")]


def command(*words):
    return CliRunner().invoke(app, list(words))


def redis_status():
    answer = command("status", "redis", "--json")
    (found,) = json.loads(answer.stdout)["servers"]
    return answer.exit_code, found


@pytest.fixture
def running(own_stack):
    answer = command("up", "--native", "redis")
    assert answer.exit_code == 0, answer.output
    yield own_stack
    command("down", "redis")


@pytest.mark.usefixtures("running")
def test_a_server_that_runs_is_not_started_again():
    _, before = redis_status()

    again = command("up", "--native", "redis")

    code, after = redis_status()
    assert again.stdout.split() == ["redis", before["address"], "was", "running"]
    assert (code, after) == (0, before)
    assert after["ready"]
    assert after["way"] == "native"


@pytest.mark.usefixtures("running")
def test_a_stopped_server_is_gone_and_its_words_are_kept():
    answer = command("down", "redis")

    code, after = redis_status()
    assert answer.stdout.split() == ["redis", "stopped"]
    assert (code, after["ready"], after["way"]) == (1, False, "nobody")
    assert "Ready to accept connections" in command("logs", "redis").stdout


def test_a_killed_server_starts_again_with_what_it_held(running):
    settings = (running / "redis" / "redis.conf").read_text()

    killed = command("kill", "redis")
    started = command("up", "--native", "redis")

    assert killed.stdout.split()[-1] == "killed"
    assert started.stdout.split()[-1] == "started"
    assert (running / "redis" / "redis.conf").read_text() == settings
    assert redis_status()[0] == 0


def test_a_process_that_took_the_number_of_a_dead_server_is_not_ended(running):
    _, found = redis_status()
    file = running / "redis" / "pid"
    born = file.read_text().split()[1]

    file.write_text(f"{os.getpid()} {born}\n")
    answer = command("down", "redis")

    assert answer.stdout == "redis    was not started from here\n"
    os.kill(found["pid"], signal.SIGKILL)


@pytest.mark.usefixtures("own_stack")
def test_a_port_of_another_program_is_said_and_left_alone():
    servers = read_servers()
    place = places(servers)["redis"]

    with socket.create_server((place.host, place.port)), pytest.raises(ServerFailed) as refused:
        list(lifecycle.up([place], servers, native_only=True))

    assert f"another program answers at {place.address}" in str(refused.value)


@pytest.mark.usefixtures("own_stack")
def test_a_server_elsewhere_is_never_started_from_here(monkeypatch):
    monkeypatch.setenv("ITA_REDIS__HOST", "192.0.2.1")
    monkeypatch.setattr("apps.stack.readiness.SECONDS", 0.05)

    answer = command("up", "--native", "redis")

    assert answer.exit_code == 1
    assert "only servers on 127.0.0.1 are started" in answer.output


@pytest.mark.usefixtures("own_stack")
def test_a_server_that_does_not_run_cannot_be_killed():
    answer = command("kill", "redis")

    assert answer.exit_code == 1
    assert "`ita stack up --native redis` starts it" in answer.output


@pytest.mark.usefixtures("own_stack")
def test_an_unknown_server_is_wrong_use():
    answer = command("up", "rediss")

    assert isinstance(answer.exception, WrongUse)
    assert str(answer.exception).startswith("there is no server 'rediss'; there are kafka, influx, s3")


def test_without_names_all_but_minio_are_meant():
    known = places(read_servers())

    assert [place.name for place in chosen([], known)] == ["kafka", "influx", "s3", "postgres", "redis"]
    with pytest.raises(UnknownServer):
        chosen(["mongo"], known)
