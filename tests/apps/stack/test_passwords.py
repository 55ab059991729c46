"""Secrets are made once, for their owner alone, and never again."""

import pytest
from typer.testing import CliRunner

from apps.cli.stack import app
from apps.stack.passwords import NAMES, SecretsMissing, make_secrets, read_secrets
from config.servers import read_servers


@pytest.fixture
def file(tmp_path, monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ITA_ENV_FILE", str(tmp_path / ".env"))
    return tmp_path / ".env"


def test_secrets_are_for_their_owner_alone_and_all_different(file):
    made = make_secrets(file)

    found = read_secrets()
    assert made
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(found) == list(NAMES)
    assert len(set(found.values())) == len(NAMES)
    assert all(len(value) == 48 for value in found.values())


def test_secrets_that_are_there_are_never_written_again(file):
    make_secrets(file)
    before = file.read_bytes()

    made = make_secrets(file)

    assert not made
    assert file.read_bytes() == before


def test_the_servers_are_read_with_the_secrets_that_were_made(file):
    make_secrets(file)

    servers = read_servers()

    assert {
        "ITA_POSTGRES__PASSWORD": servers.postgres.password.get_secret_value(),
        "ITA_INFLUX__TOKEN": servers.influx.token.get_secret_value(),
        "ITA_S3__ACCESS_KEY": servers.s3.access_key.get_secret_value(),
        "ITA_S3__SECRET_KEY": servers.s3.secret_key.get_secret_value(),
        "ITA_REDIS__PASSWORD": servers.redis.password.get_secret_value(),
    }.items() <= read_secrets().items()


def test_the_environment_goes_before_the_file(file, monkeypatch):
    make_secrets(file)

    monkeypatch.setenv("ITA_REDIS__PASSWORD", "of-the-environment")

    assert read_secrets()["ITA_REDIS__PASSWORD"] == "of-the-environment"


@pytest.mark.usefixtures("file")
def test_a_missing_file_says_which_command_makes_it():
    with pytest.raises(SecretsMissing, match="`ita stack secrets` makes it"):
        read_secrets()


def test_a_missing_secret_is_named(file):
    make_secrets(file)
    kept = [line for line in file.read_text().splitlines() if not line.startswith("ITA_REDIS__")]
    file.write_text("\n".join(kept))

    with pytest.raises(SecretsMissing, match="has no ITA_REDIS__PASSWORD; add them"):
        read_secrets()


def test_the_command_prints_no_secret(file):
    answer = CliRunner().invoke(app, ["secrets"])

    assert answer.exit_code == 0
    assert answer.output == f"{file} made\n"
    assert not any(value in answer.output for value in read_secrets().values())
