"""A database of a Redis server for one desk of a test: which is free is agreed on in the databases themselves.

A database is taken by its `LEASE`, which is set only where there is none and names the desk. One that holds anything
without the mark `OURS` is somebody else's and left alone. What a desk leaves behind is taken away when it lets go, and
when a database is taken whose desk died before it could.
"""

from redis import Redis

DATABASES = range(1, 16)
"""Redis has 16 databases where it is not configured; a stack's own desk has number 0."""
LEASE = "ita:tests:lease"
OURS = "ita:tests:ours"
LEASE_SECONDS = 7_200


def client_of(redis, database):
    return Redis(
        redis.host,
        redis.port,
        database,
        username=redis.user or None,
        password=redis.password.get_secret_value() or None,
        decode_responses=True,
    )


def taken(redis, name):
    """Return the database of a desk, which is empty where the desk has not had it before."""
    free = []
    for database in DATABASES:
        with client_of(redis, database) as client:
            holder = client.get(LEASE)
            if holder == name:
                return database
            if holder is None and (client.exists(OURS) or not client.dbsize()):
                free.append(database)
    for database in free:
        with client_of(redis, database) as client:
            if client.set(LEASE, name, nx=True, ex=LEASE_SECONDS):
                with client.pipeline() as whole:
                    whole.flushdb().set(LEASE, name, ex=LEASE_SECONDS).set(OURS, "1").execute()
                return database
    raise RuntimeError(
        f"each of databases {DATABASES[0]} to {DATABASES[-1]} of Redis at {redis.host}:{redis.port} is in use; "
        f"where no test runs, take {LEASE} out of one"
    )


def let_go(redis, database, name):
    """Empty the database of a desk, unless it is another one's by now."""
    with client_of(redis, database) as client:
        if client.get(LEASE) == name:
            client.flushdb()
