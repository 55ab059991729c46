"""The served desk with TLS and sign-in on every server gives the embedded answers; who is refused says so."""

import re
import sys

import pytest

from apps.cli.main import main
from apps.offers import offers
from config.topics import read_topics
from tests.served.desk import all_compared, embedded_replay
from tests.served.secured_stack import (
    SERVERS,
    WRONG,
)

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("secured_desk")]


@pytest.fixture(scope="module")
def embedded(stack, tmp_path_factory):
    out = tmp_path_factory.mktemp("embedded")
    return out, embedded_replay(stack.desk.source, out)


def test_the_desk_gives_the_embedded_answers_with_each_worker_under_its_own_account(ran, embedded):
    # the points are compared with those of a bucket beside them, which only the operator may make
    operator = ran.servers().influx.token.get_secret_value()
    reading = {"ITA_ENV_FILE": str(ran.tls / "reader.env"), "ITA_INFLUX__TOKEN": operator}
    before = dict(ran.desk.environment)
    ran.desk.environment.update(reading)
    try:
        total = all_compared(ran.desk, embedded[0])
    finally:
        ran.desk.environment = before
    assert total["records"] > 1000
    assert (total["missing"], total["twice"], total["different"]) == (0, 0, 0)


def test_doctor_finds_nothing_in_the_way_of_a_served_run(stack):
    with stack.signed_in_as() as servers:
        findings = list(offers(servers, read_topics(), served=True))

    assert [(finding.health.value, finding.words) for finding in findings if finding.remedy] == []
    assert len(findings) == len(SERVERS)


def test_no_secret_is_readable_by_others_or_in_a_log(stack):
    secrets = {
        line.partition("=")[2]
        for file in (stack.file, *stack.tls.glob("*.env"))
        for line in file.read_text().splitlines()
        if re.search(r"(PASSWORD|TOKEN|_KEY)=", line)
    }
    private = [stack.file, *stack.tls.glob("*.env"), *stack.tls.glob("*.key")]
    logs = [*stack.folder.glob("stack/*/log"), *stack.folder.glob("stack/*/*.log")]
    logs += stack.folder.glob("served/*.log")

    assert len(secrets) > 20
    assert {file.stat().st_mode & 0o077 for file in private} == {0}
    assert len(logs) > len(SERVERS)
    told = {log.name for log in logs for secret in secrets if secret in log.read_text(errors="replace")}
    assert told == set()


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize(
    ("worker", "setting", "value", "said"),
    [
        (
            "decisions",
            "KAFKA__PASSWORD",
            WRONG,
            "KafkaRefused: .*ITA_KAFKA__USERNAME and ITA_KAFKA__PASSWORD",
        ),
        ("sinks", "POSTGRES__PASSWORD", WRONG, "PostgresRefused: .*password authentication failed"),
        ("sinks", "INFLUX__TOKEN", WRONG, "InfluxRefused: .*refuses: 401.*ITA_INFLUX__TOKEN"),
        ("sinks", "S3__SECRET_KEY", WRONG, "StoreRefused: .*ITA_S3__ACCESS_KEY and ITA_S3__SECRET_KEY"),
        ("sinks", "REDIS__PASSWORD", WRONG, "OnlineRefused: .*ITA_REDIS__USER and ITA_REDIS__PASSWORD"),
        ("sinks", "REDIS__TLS", "false", "OnlineRefused: .*cannot be spoken to.*ITA_REDIS__CA"),
    ],
)
def test_a_worker_that_is_refused_says_so_and_ends(
    stack, tmp_path, monkeypatch, capsys, worker, setting, value, said
):
    words = ["ita", "run", worker, "--out", str(tmp_path), "--metrics-port", "0"]
    monkeypatch.setattr(sys, "argv", words)

    with stack.signed_in_as(**{f"ITA_{setting}": value}), pytest.raises(SystemExit) as left:
        main()

    assert left.value.code == 1
    assert re.search(said, capsys.readouterr().err)
