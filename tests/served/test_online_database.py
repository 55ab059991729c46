"""No two desks of tests have one database of Redis, and what is somebody else's is left alone."""

import pytest

from tests.served.online_database import DATABASES, LEASE, OURS, client_of, let_go, taken

pytestmark = [pytest.mark.served, pytest.mark.xdist_group("served_desk")]


@pytest.fixture
def take(redis):
    """Return what takes a database for a desk; all are let go in the end."""
    had = []

    def one(name):
        had.append((taken(redis, name), name))
        return had[-1][0]

    yield one
    for database, name in had:
        let_go(redis, database, name)


def test_two_desks_never_have_one_database_and_a_desk_keeps_its_own(own, take):
    first, second = take(f"{own}-first"), take(f"{own}-second")

    assert first != second
    assert {first, second} <= set(DATABASES)
    assert take(f"{own}-first") == first


def test_a_database_is_empty_for_the_next_desk_whether_the_last_let_go_or_died(redis, own, take):
    database = take(f"{own}-left")
    with client_of(redis, database) as client:
        client.set("value", "of the last")
        let_go(redis, database, f"{own}-left")
        after = client.dbsize()
        client.set(OURS, "1")
        client.set("value", "of one that died")

        again = take(f"{own}-next")
        with client_of(redis, again) as next_client:
            held = set(next_client.keys())

    assert after == 0
    assert held == {LEASE, OURS}


def test_what_another_desk_has_meanwhile_is_not_emptied(redis, own, take):
    database = take(f"{own}-holder")
    with client_of(redis, database) as client:
        client.set("value", "of the holder")

        let_go(redis, database, f"{own}-late")

        assert client.get("value") == "of the holder"


def test_a_database_with_keys_of_somebody_else_is_not_taken(redis, own, take):
    place = take(f"{own}-place")
    with client_of(redis, place) as client:
        with client.pipeline() as at_once:
            at_once.delete(LEASE, OURS).set("value", "of somebody else").execute()
        try:
            other = take(f"{own}-other")
            value = client.get("value")
        finally:
            client.flushdb()

    assert other != place
    assert value == "of somebody else"
