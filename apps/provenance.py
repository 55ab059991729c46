"""What a run was made by: its configuration, and its code by the hash of each package; kept in the output folder."""

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from apps.run_folder import write_whole
from config.settings import FILES, Settings, path_of, yaml_values

MADE = "made.json"
ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("domain", "features", "analytics", "operators", "connectors", "flows", "config", "apps")
LIBRARIES = ("bytewax", "numba", "numpy", "polars", "pyarrow")


def keep_provenance(folder: Path, settings: Settings) -> None:
    """Write what makes the run in `folder` now, after what made it before where code or configuration are others."""
    made = {"configuration": configuration_of(settings), "code": code()}
    before = provenance(folder)
    if not before or before[-1] != made:
        write_whole(folder / MADE, json.dumps([*before, made], indent=1, sort_keys=True))


def provenance(folder: Path) -> list[dict[str, Any]]:
    """Return what made the run in a folder, first to last; nothing where it was not kept."""
    path = folder / MADE
    made: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return made


def configuration_of(settings: Settings) -> dict[str, Any]:
    """Return every value of a configuration by file, as JSON has them."""
    values = {name: yaml_values(path_of(settings.folder, name)) for name in FILES}
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return plain


@cache
def code() -> dict[str, Any]:
    """Return the code of this process: a hash for each package of ours, and the versions that it runs on."""
    return {
        "packages": {name: _hash_of(ROOT / name) for name in PACKAGES},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }


def code_digest(made: dict[str, Any]) -> str:
    """Return one name for the code that a run keeps, 16 hexadecimal digits; empty where it keeps none."""
    packages = json.dumps(made["packages"], sort_keys=True)
    return hashlib.sha256(packages.encode()).hexdigest()[:16] if made["packages"] else ""


def _hash_of(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        whole.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()
