"""Reaching PostgreSQL, and telling what ends by itself from what a person has to mend."""

from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from connectors.trust import advice, lasting

CONNECT_SECONDS = 10
QUIET_SECONDS = 10
UNANSWERED_SECONDS = 30

LASTING = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "is not permitted to log in",
    "permission denied",
    "certificate",
    "server does not support SSL",
)
"""Words of a refused connection that no waiting mends; libpq gives no code for it."""

PASSING_CLASSES = frozenset({"08", "53", "57", "58"})
PASSING = frozenset({"25006", "40001", "40P01", "55P03"})
ROW_CLASSES = frozenset({"22", "23", "54"})


class PostgresRefused(RuntimeError):
    """The server answered, and what was asked is not allowed or not there."""


def place_of(url: str) -> str:
    """Return where an address points, without its secrets."""
    known = psycopg.conninfo.conninfo_to_dict(_understood(url))
    return f"postgresql://{known.get('host', '')}:{known.get('port', '5432')}/{known.get('dbname', '')}"


def _understood(url: str) -> str:
    """Return an address as libpq wants it; SQLAlchemy's way of naming the driver is taken too."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def connected(url: str, name: str = "ita") -> psycopg.Connection[Any]:
    """Return a connection that commits by itself and notices when the far side is gone.

    Raises PostgresRefused where sign-in fails, psycopg.OperationalError where nobody answers.
    """
    try:
        return psycopg.connect(
            _understood(url),
            autocommit=True,
            application_name=name,
            connect_timeout=CONNECT_SECONDS,
            keepalives_idle=QUIET_SECONDS,
            keepalives_interval=QUIET_SECONDS,
            keepalives_count=3,
            tcp_user_timeout=UNANSWERED_SECONDS * 1000,
        )
    except psycopg.OperationalError as failure:
        if passes(failure):
            raise
        raise refused(url, failure) from failure


def desk_engine(url: str) -> Engine:
    """Return an engine of the address; it keeps no connection open between uses."""
    return create_engine("postgresql+psycopg://", creator=lambda: _plain(url), poolclass=NullPool)


def _plain(url: str) -> psycopg.Connection[Any]:
    connection = connected(url)
    connection.autocommit = False
    return connection


def refused(url: str, failure: BaseException) -> PostgresRefused:
    """Return the plain error of what the server refuses for good."""
    if lasting(failure):
        return PostgresRefused(f"{place_of(url)} cannot be spoken to: {words(failure)}; {advice('POSTGRES')}")
    return PostgresRefused(
        f"{place_of(url)} refuses: {words(failure)}; `ita stack init` makes roles, grants and tables, and the password "
        f"comes from ITA_POSTGRES__PASSWORD"
    )


def passes(failure: Exception) -> bool:
    """Say whether an error is the server's absence or its want of room, which ends by itself."""
    if not isinstance(failure, psycopg.OperationalError | psycopg.InterfaceError | psycopg.InternalError):
        return False
    if failure.sqlstate is None:
        return not any(lasting in str(failure) for lasting in LASTING)
    return failure.sqlstate[:2] in PASSING_CLASSES or failure.sqlstate in PASSING


def of_the_row(failure: BaseException) -> bool:
    """Say whether an error is a row's own fault: its values, a rule of its table, or its size."""
    if isinstance(failure, UnicodeEncodeError):
        return True
    if not isinstance(failure, psycopg.Error):
        return False
    return isinstance(failure, psycopg.DataError) or (failure.sqlstate or "")[:2] in ROW_CLASSES


def words(failure: BaseException) -> str:
    """Return what an error says, on one line."""
    return " ".join(str(failure).split()) or type(failure).__name__
