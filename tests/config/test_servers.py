"""Where the servers are: the environment before .env before YAML, and no secret from YAML."""

import pytest

from config.servers import account_file, read_servers, sign_in_as
from config.settings import SettingsError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("ITA_ENV_FILE", str(tmp_path / ".env"))
    return tmp_path


def test_what_nobody_sets_is_on_loopback(elsewhere):
    servers = read_servers(elsewhere)

    assert servers.kafka.client() == {
        "bootstrap.servers": "127.0.0.1:19092",
        "security.protocol": "plaintext",
    }
    assert (servers.postgres.host, servers.postgres.port, servers.redis.port) == ("127.0.0.1", 15432, 16379)


def test_the_environment_goes_before_the_file_of_secrets_and_that_before_yaml(elsewhere, monkeypatch):
    (elsewhere / ".env").write_text("ITA_POSTGRES__PASSWORD=from-file\nITA_POSTGRES__PORT=2222\n")
    (elsewhere / "servers.yaml").write_text("postgres: {port: 1111, database: other}\n")
    monkeypatch.setenv("ITA_POSTGRES__PASSWORD", "from-environment")

    postgres = read_servers(elsewhere).postgres

    assert (postgres.database, postgres.port) == ("other", 2222)
    assert postgres.password.get_secret_value() == "from-environment"


def test_a_secret_in_yaml_is_refused_with_where_it_belongs(elsewhere):
    (elsewhere / "servers.yaml").write_text("s3: {secret_key: hunter2}\n")

    with pytest.raises(SettingsError, match=r"s3\.secret_key is a secret.*ITA_S3__SECRET_KEY") as refused:
        read_servers(elsewhere)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("kafka: {security: tls}", "kafka.security"),
        ("redis: {port: many}", "redis.port"),
        ("influx: {adress: x}", "influx.adress"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(elsewhere, words, said):
    (elsewhere / "servers.yaml").write_text(words)

    with pytest.raises(SettingsError, match=said):
        read_servers(elsewhere)


def test_an_authority_that_is_not_there_is_named_with_what_makes_one(elsewhere, monkeypatch):
    monkeypatch.setenv("ITA_KAFKA__CA", str(elsewhere / "none.crt"))

    with pytest.raises(SettingsError, match=r"kafka\.ca.*not there; `ita stack secrets --secure` makes one"):
        read_servers(elsewhere)


def test_a_worker_reads_its_own_file_of_secrets_where_there_is_one(elsewhere):
    (elsewhere / ".env").write_text("ITA_KAFKA__USERNAME=admin\n")
    account_file("sinks").parent.mkdir()
    account_file("sinks").write_text("ITA_KAFKA__USERNAME=sinks\n")

    found = []
    for account in ("decisions", "sinks"):
        sign_in_as(account)
        found.append(read_servers(elsewhere).kafka.username)

    assert found == ["admin", "sinks"]
