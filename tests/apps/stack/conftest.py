import os
import shutil

import pytest

from apps.stack.passwords import make_secrets
from tests.ports import free_port


@pytest.fixture
def own_stack(tmp_path, monkeypatch):
    """Return the folder of a stack of one's own: other secrets, another folder, and another port of Redis."""
    if shutil.which("redis-server") is None and os.environ.get("ITA_SERVED") != "required":
        pytest.skip("no redis-server on this machine; `ita stack up redis` installs one")
    for name in list(os.environ):
        if name.startswith("ITA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ITA_STACK", str(tmp_path / "stack"))
    monkeypatch.setenv("ITA_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("ITA_REDIS__PORT", str(free_port()))
    make_secrets(tmp_path / ".env")
    return tmp_path / "stack"
