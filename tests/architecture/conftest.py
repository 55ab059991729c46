"""Where the repository is, which packages and modules are ours, and which files belong to it."""

import ast
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_PACKAGES = {"benchmarks", "build", "dist", "docs", "infra", "out", "tests"}


class Module(NamedTuple):
    """A Python file of our packages: its path from the root, and its text and syntax tree."""

    path: Path
    text: str
    tree: ast.Module


def hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def python_files() -> list[Path]:
    files = (path.relative_to(ROOT) for path in ROOT.rglob("*.py") if not hidden(path.relative_to(ROOT)))
    return sorted(path for path in files if path.parts[0] not in NOT_PACKAGES)


def listed_by_git() -> list[Path] | None:
    """Return tracked files and those about to be; None where there is no git or no repository."""
    if shutil.which("git") is None:
        return None
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        return None
    return [ROOT / name for name in answer.stdout.split("\0") if name]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    """Every Python file of our packages."""
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in python_files()}
    return [Module(path, text, ast.parse(text, str(path))) for path, text in texts.items()]


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file of the repository that is not ignored."""
    listed = listed_by_git()
    if listed is None:
        ignored = {"out", "build", "dist"}
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        kept = (path for path in found if not hidden(path.parent) and path.parts[0] not in ignored)
        listed = [ROOT / path for path in kept]
    return sorted(path for path in listed if path.is_file())
