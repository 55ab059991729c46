"""What stands in the way of a run: versions, folders, configuration, ports, servers, and an output folder's state."""

import importlib.metadata
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exchange_calendars.errors import CalendarError

import features
from apps.findings import Finding, broken, doubtful, well
from apps.offers import offers
from apps.run_state import examine_run
from config.servers import read_servers
from config.settings import Settings, SettingsError, compliance_params, read_settings
from config.topics import read_topics
from domain.exchange_sessions import session_table
from domain.instruments import Universe
from domain.market import Session

PROJECT = "institutional-trading-assistant"
PYTHONS = ((3, 11), (3, 12))
FREE_MB_LEAST = 2_000
DATAFLOW_API = "BYTEWAX_DATAFLOW_API_ENABLED"
SUMMER_TIME = ("2024-03-08", "2024-03-11")
"""The trading days on either side of a daylight saving change in New York."""


def diagnose(
    out: Path | None, config: Path | None, metrics_host: str, metrics_port: int, *, served: bool = False
) -> tuple[Finding, ...]:
    """Look at everything that a run needs, and at the run in `out` where one is named; changes nothing.

    Servers are asked to keep something for a moment. With `served` what they lack stands in the way of a run.
    """
    return (
        *_python(),
        *_packages(),
        *_folders(out),
        *_configuration(config),
        *_clocks(),
        *_ports(metrics_host, metrics_port),
        *_servers(config, served),
        *_reach(),
        *(examine_run(out) if out is not None and out.exists() else ()),
    )


def _python() -> Iterator[Finding]:
    version, said = sys.version_info[:2], sys.version.split()[0]
    if version in PYTHONS:
        yield well("python", f"{said} in {sys.prefix}")
    else:
        yield broken("python", f"{said}; Bytewax 0.21.1 has no wheels for it", "use Python 3.11 or 3.12")
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
        yield doubtful(
            "numba", "compiling is switched off: a thousand times slower", "unset NUMBA_DISABLE_JIT"
        )


def _packages() -> Iterator[Finding]:
    """Yield whether each package that the project declares is there, in a version that it allows."""
    try:
        required = importlib.metadata.requires(PROJECT) or []
    except importlib.metadata.PackageNotFoundError:
        yield broken("packages", f"{PROJECT} is not installed", "run `make setup`")
        return
    wrong = list(_wrong_packages(entry for entry in required if "extra ==" not in entry))
    yield from wrong
    if not wrong:
        told = ("bytewax", "numpy", "numba", "pyarrow", "polars")
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in told)
        yield well("packages", versions)
    held = _version("ta-lib")
    words = f"{held} is here, for tests" if held else "not here, and not needed: only tests compare with it"
    yield well("TA-Lib", words)


def _wrong_packages(required: Iterator[str]) -> Iterator[Finding]:
    for entry in required:
        read = re.match(r"([A-Za-z0-9._-]+)\s*(==|>=)\s*([0-9.]+)", entry)
        if read is None:
            continue
        name, relation, wanted = read.groups()
        held = _version(name)
        if held is None:
            yield broken(f"package {name}", f"not installed; {entry} is needed", "run `make setup`")
        elif (held != wanted) if relation == "==" else (_numbers(held) < _numbers(wanted)):
            yield broken(f"package {name}", f"{held} is installed; {entry} is needed", "run `make setup`")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _folders(out: Path | None) -> Iterator[Finding]:
    place = _existing(out or Path("out"))
    if _writable(place):
        free_mb = shutil.disk_usage(place).free // 1_000_000
        words = f"{place} can be written, {free_mb:,} MB free"
        enough = free_mb >= FREE_MB_LEAST
        yield (
            well("output folder", words)
            if enough
            else doubtful(
                "output folder",
                words,
                "a day of ticks takes about 100 MB a million; make room, or choose another --out",
            )
        )
    else:
        yield broken(
            "output folder", f"{place} cannot be written", "choose another with --out, or change its rights"
        )
    cache = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(features.__file__).parent)
    if _writable(_existing(cache)):
        yield well("kernel cache", f"{cache} can be written")
    else:
        yield doubtful(
            "kernel cache",
            f"{cache} cannot be written: kernels may be compiled at every start",
            "set NUMBA_CACHE_DIR",
        )


def _existing(path: Path) -> Path:
    """Return the path itself where it exists, else the nearest folder above it that does."""
    absolute = path.absolute()
    return next(folder for folder in (absolute, *absolute.parents) if folder.exists())


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _configuration(config: Path | None) -> Iterator[Finding]:
    try:
        settings = read_settings(config)
    except (SettingsError, OSError) as error:
        yield broken("configuration", str(error), "correct the file that is named, or leave --config out")
        return
    names = ", ".join(strategy.name for strategy in settings.strategies)
    yield well("configuration", f"{settings.folder}, digest {settings.digest}; strategies {names}")
    yield from _limits(settings)
    yield from _sessions(settings)


def _limits(settings: Settings) -> Iterator[Finding]:
    """Yield which mandatory limits nobody has set once every row speaks; an order that needs one is refused (PT-03)."""
    universe = Universe(settings.listing.instruments)
    table = compliance_params(settings, universe).limits
    tiers = {instrument.tier for instrument in universe.instruments}
    tiers |= {str((settings.listing.defaults or {}).get("tier", "liquid"))}
    desk = settings.base.desk
    now_at = max((row.valid_from for row in table.rows), default=0)
    missing = sorted(
        {
            f"{row.measure} for {row.scope}" + (f" over {row.window_seconds} s" if row.window_seconds else "")
            for strategy in settings.strategies
            for tier in tiers
            for row in table.sheet(strategy.account, strategy.name, desk.desk, "*", tier, now_at).missing
        }
    )
    if missing:
        yield doubtful(
            "limits",
            f"{len(missing)} mandatory ones are not set, so orders that need them are refused (PT-03): "
            f"{', '.join(missing[:4])}{' ...' if len(missing) > 4 else ''}",
            "add the rows to limits.yaml",
        )
    else:
        yield well("limits", f"{len(table.rows)} rows, every mandatory one is set; version {table.version}")


def _sessions(settings: Settings) -> Iterator[Finding]:
    calendar = settings.listing.calendar
    try:
        table = session_table(calendar, *SUMMER_TIME)
    except (ValueError, CalendarError) as error:
        yield broken(
            "calendar", f"{calendar}: {error}", "name a calendar of exchange_calendars in universe.yaml"
        )
        return
    count = int((table.labels == Session.REGULAR).sum())
    yield well("calendar", f"{calendar}, {count} sessions around {SUMMER_TIME[0]}")


def _clocks() -> Iterator[Finding]:
    """Yield whether the time zone database knows New York's daylight saving."""
    try:
        zone = ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        yield broken("time zones", "no time zone database", "install tzdata")
        return
    offsets = [datetime.fromisoformat(day).replace(tzinfo=zone).utcoffset() for day in SUMMER_TIME]
    if offsets == [timedelta(hours=-5), timedelta(hours=-4)]:
        yield well("time zones", "New York's daylight saving is known")
    else:
        yield broken(
            "time zones", f"New York is given as {offsets} from UTC in March 2024", "install a newer tzdata"
        )


def _ports(host: str, port: int) -> Iterator[Finding]:
    if not port:
        yield well("metrics", "none are told (port 0)")
        return
    try:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
        yield well("metrics", f"{host}:{port} is free")
    except OSError as error:
        yield doubtful(
            "metrics",
            f"{host}:{port} cannot be had: {error.strerror or error}",
            "a desk that runs may hold it; else choose another with --metrics-port, or 0 for none",
        )


def _servers(config: Path | None, served: bool) -> Iterator[Finding]:
    try:
        servers = read_servers(config)
    except SettingsError as error:
        yield broken("servers", str(error), "correct the file that is named, or leave --config out")
        return
    found = list(offers(servers, read_topics(), served=served))
    if found or served:
        yield from found
    else:
        yield well(
            "servers",
            "none answers and none is needed: topics, lake, journal and features are folders and SQLite",
        )


def _reach() -> Iterator[Finding]:
    if os.environ.get(DATAFLOW_API):
        yield doubtful(
            "bytewax API",
            f"{DATAFLOW_API} is set: Bytewax may serve 0.0.0.0:3030 to everybody, without a password",
            f"unset {DATAFLOW_API}; the desk tells its own metrics on the loopback address",
        )
