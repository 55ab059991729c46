"""What the servers need is made once; the desk's role may sign in and make nothing."""

import psycopg
import pytest
from pydantic import SecretStr

from apps.stack.passwords import read_secrets
from apps.stack.readiness import s3_client, sign_in, why_not_ready
from apps.stack.set_up import OWNER, set_up

pytestmark = pytest.mark.served


def words(name, servers):
    return [finding.words for finding in set_up(name, servers)]


def test_a_bucket_is_made_once(servers, s3, own):
    bucket = f"{own}-bucket"
    named = servers.model_copy(update={"s3": s3.model_copy(update={"bucket": bucket})})
    try:
        assert words("s3", named) == [f"{bucket} at {s3.endpoint} made"]
        assert words("s3", named) == [f"{bucket} at {s3.endpoint} was there"]
    finally:
        s3_client(s3).remove_bucket(bucket)


def test_a_bucket_of_points_is_made_once(servers, influx, own):
    words("influx", servers)
    named = servers.model_copy(update={"influx": influx.model_copy(update={"bucket": own})})

    first, second = words("influx", named), words("influx", named)

    assert first == [f"bucket {own} made"]
    assert second == [f"organisation {influx.organisation} and bucket {own} were there"]


@pytest.fixture
def database(servers, postgres, own):
    """Return the servers with a database of one's own, which is dropped afterwards."""
    yield servers.model_copy(update={"postgres": postgres.model_copy(update={"database": own})})
    with sign_in(
        postgres, "postgres", read_secrets()["ITA_POSTGRES_ADMIN__PASSWORD"], "postgres"
    ) as connection:
        connection.execute(f'drop database if exists "{own}" with (force)')


def test_the_desk_may_sign_in_and_make_no_tables(database, own):
    first, second = words("postgres", database), words("postgres", database)

    desk = database.postgres
    with sign_in(desk, desk.user, desk.password.get_secret_value(), own) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create table mine (value int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"set role {OWNER}")
    assert first == [f"database {own} made, roles {OWNER} and {desk.user}", "tables up to date"]
    assert second == [f"database {own} was there, roles {OWNER} and {desk.user}", "tables up to date"]


def test_a_wrong_key_is_not_ready_and_the_reason_is_said(servers, s3):
    wrong = servers.model_copy(update={"s3": s3.model_copy(update={"secret_key": SecretStr("wrong")})})

    assert "AccessDenied" in (why_not_ready("s3", wrong) or "")
    assert why_not_ready("s3", servers) is None
