import json
import shutil

import pytest

from tests.apps import small_market


@pytest.fixture(scope="session")
def undisturbed():
    """Return the folder and the summary of a replay of the small market that nothing disturbed."""
    folder = small_market.uninterrupted()
    yield folder, json.loads((folder / "summary.json").read_text())
    shutil.rmtree(folder.parent)
