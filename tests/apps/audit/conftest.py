"""A finished run with its audit, that each test may copy and change, and keys of its own."""

import shutil

import pytest

from apps.replaying import replayed
from config.audit import HOME
from connectors.audit.keys import create_key
from tests.apps.small_market import request


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """Return the folder of a run whose heads are signed, and of the keys."""
    folder = tmp_path_factory.mktemp("audited")
    create_key(folder / "home" / "signing.pem")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME, str(folder / "home"))
        replayed(request(), folder / "run")
    return folder


@pytest.fixture
def run(kept, tmp_path, monkeypatch):
    """Return a copy of the run."""
    monkeypatch.setenv(HOME, str(kept / "home"))
    return shutil.copytree(kept / "run", tmp_path / "run")
