"""TLS and sign-in are made once, for their owner alone; a server starts with them where it is configured so."""

import subprocess

import pytest
from dotenv import dotenv_values
from typer.testing import CliRunner

from apps.cli.main import WrongUse
from apps.cli.stack import app
from apps.served import BOOK_WORKERS, EXECUTIONS, MARKET_TOPICS, SCORED, SENT_TOPICS
from apps.stack import certificates, compose, lifecycle
from apps.stack.kafka_accounts import rules
from apps.stack.native import ServerFailed
from apps.stack.places import places
from apps.stack.readiness import redis_client_of
from apps.stack.script_settings import script_settings
from apps.stack.secured import account_secrets, remember
from config.accounts import read_accounts
from config.servers import account_file, environment_file, read_servers, secured_folder
from config.topics import read_topics
from tests.apps.stack.conftest import free_port

ACCOUNTS = read_accounts(read_topics())


def command(*words):
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def secured(own_stack):
    answer = command("secrets", "--secure")
    assert answer.exit_code == 0, answer.output
    return own_stack


@pytest.mark.usefixtures("secured")
def test_all_of_it_is_for_its_owner_alone_and_none_of_it_is_said():
    again = command("secrets", "--secure")

    private = [environment_file(), *secured_folder().glob("*.key"), *secured_folder().glob("*.env")]
    values = [value for account in ACCOUNTS for value in account_secrets(account).values()]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert secured_folder().stat().st_mode & 0o777 == 0o700
    assert again.output == f"{environment_file()} was there, and stays as it is\n"
    assert len(values) > 20


def test_what_is_there_stays_and_what_is_missing_is_added(own_stack):
    before = environment_file().read_text()

    said = command("secrets", "--secure").output

    secrets = [
        value for account in ACCOUNTS for value in account_secrets(account).values() if len(value) == 48
    ]
    assert environment_file().read_text().startswith(before)
    assert dotenv_values(environment_file())["ITA_POSTGRES__TLS"] == "verify-full"
    assert secrets
    assert not any(secret in said for secret in secrets)
    assert own_stack.parent == secured_folder().parent


@pytest.mark.usefixtures("secured")
def test_each_account_has_secrets_of_its_own_and_of_its_servers_alone():
    held = {name: account_secrets(name) for name in ACCOUNTS}

    passwords = [one["ITA_KAFKA__PASSWORD"] for one in held.values()]
    assert len({*passwords, dotenv_values(environment_file())["ITA_KAFKA__PASSWORD"]}) == len(ACCOUNTS) + 1
    assert {name: one["ITA_KAFKA__USERNAME"] for name, one in held.items()} == {name: name for name in held}
    assert all(name.startswith("ITA_KAFKA__") for name in held["decisions"])
    assert held["reader"]["ITA_POSTGRES__USER"] == "ita_reader"
    assert held["sinks"]["ITA_S3__SECRET_KEY"] != held["reader"]["ITA_S3__SECRET_KEY"]


@pytest.mark.usefixtures("secured")
def test_a_secret_that_a_server_makes_takes_the_place_of_an_older_one():
    remember("sinks", "ITA_INFLUX__TOKEN", "first")
    remember("sinks", "ITA_INFLUX__TOKEN", "second")

    assert account_secrets("sinks")["ITA_INFLUX__TOKEN"] == "second"
    assert account_file("sinks").read_text().count("ITA_INFLUX__TOKEN") == 1
    assert account_file("sinks").stat().st_mode & 0o777 == 0o600


def test_a_certificate_comes_from_the_authority_and_is_made_again_before_it_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "SERVER_DAYS", 29)
    first = certificates.make_certificates(tmp_path)
    monkeypatch.setattr(certificates, "SERVER_DAYS", 31)
    second = certificates.make_certificates(tmp_path)
    third = certificates.make_certificates(tmp_path)

    checked = subprocess.run(
        ["openssl", "verify", "-CAfile", certificates.authority(tmp_path), "-verify_ip", "127.0.0.1"]
        + [tmp_path / f"{name}.crt" for name in certificates.SERVERS],
        capture_output=True,
        check=False,
    )
    assert first == ["ca", *certificates.SERVERS]
    assert second == list(certificates.SERVERS)
    assert third == []
    assert checked.returncode == 0, checked.stderr


@pytest.mark.usefixtures("own_stack")
def test_secure_refuses_to_start_what_is_configured_plainly(monkeypatch):
    monkeypatch.setenv("ITA_POSTGRES__TLS", "require")

    answer = command("up", "--native", "--secure")

    assert isinstance(answer.exception, WrongUse)
    assert str(answer.exception).startswith("kafka, influx, s3, redis: configured without TLS; `ita stack")


@pytest.mark.usefixtures("own_stack")
def test_tls_without_certificates_says_what_makes_them(monkeypatch):
    monkeypatch.setenv("ITA_REDIS__TLS", "true")

    with pytest.raises(ServerFailed, match=r"redis\.key is missing; `ita stack secrets --secure` makes"):
        script_settings("redis", read_servers())


@pytest.mark.usefixtures("own_stack")
def test_a_kafka_that_no_script_starts_is_refused(monkeypatch):
    monkeypatch.setenv("ITA_KAFKA__SECURITY", "ssl")

    with pytest.raises(ServerFailed, match="plaintext or sasl_ssl; ssl is configured"):
        script_settings("kafka", read_servers())


@pytest.mark.usefixtures("secured")
def test_docker_is_not_asked_for_a_server_with_tls(monkeypatch):
    monkeypatch.setattr(compose, "available", lambda: True)
    servers = read_servers()

    with pytest.raises(ServerFailed, match="`ita stack up --native redis` starts it with TLS"):
        list(lifecycle.up([places(servers)["redis"]], servers, native_only=False))


@pytest.mark.served
@pytest.mark.xdist_group("stack")
@pytest.mark.usefixtures("secured")
def test_redis_keeps_its_users_when_it_is_killed():
    try:
        done = [command(*words) for words in (("up", "--native", "--secure", "redis"), ("init", "redis"))]
        killed = [command(*words) for words in (("kill", "redis"), ("up", "--native", "redis"))]
        users = redis_client_of(read_servers().redis).execute_command("ACL", "USERS")
    finally:
        command("down", "redis")

    assert [answer.exit_code for answer in done + killed] == [0] * 4
    assert sorted(users) == [b"admin", b"default", b"reader", b"sinks"]


@pytest.mark.served
def test_kafka_that_was_made_without_sign_in_is_not_opened_with_it(secured, monkeypatch):
    monkeypatch.setenv("ITA_KAFKA__BOOTSTRAP", f"127.0.0.1:{free_port()}")
    made = secured / "kafka" / "data"
    made.mkdir(parents=True)
    (made / "meta.properties").touch()

    answer = command("up", "--native", "kafka")

    assert answer.exit_code == 1
    assert "made without sign-in; set ITA_STACK to another folder" in answer.output


def test_an_accounts_rules_are_its_topics_and_its_writers_and_no_more():
    found = {
        (kind.name, name, pattern.name, may.name)
        for kind, name, pattern, may in rules(ACCOUNTS["execution"], "t.")
    }

    account = ACCOUNTS["execution"]
    topics = {*account.reads, *account.writes}
    assert found == {
        ("GROUP", "ita", "LITERAL", "READ"),
        *(("TOPIC", f"t.{topic}", "LITERAL", "READ") for topic in topics),
        *(("TOPIC", f"t.{topic}", "LITERAL", "WRITE") for topic in account.writes),
        *(("TRANSACTIONAL_ID", f"t.{name}.", "PREFIXED", "WRITE") for name in account.writers),
    }


def test_each_worker_may_write_what_it_writes():
    assert {*MARKET_TOPICS, SCORED} <= set(ACCOUNTS["market-data"].writes)
    assert set(SENT_TOPICS) <= set(ACCOUNTS["decisions"].writes)
    assert EXECUTIONS in ACCOUNTS["execution"].writes
    assert {*BOOK_WORKERS, "sinks", "market-data"} <= set(ACCOUNTS)
