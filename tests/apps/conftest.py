import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from apps.cli.main import app
from tests.apps import small_market


@pytest.fixture(scope="session")
def undisturbed():
    """Return the folder and the summary of a replay of the small market that nothing disturbed."""
    folder = small_market.uninterrupted()
    yield folder, json.loads((folder / "summary.json").read_text())
    shutil.rmtree(folder.parent)


@pytest.fixture
def adjust(tmp_path):
    """Return a function that adjusts bars by actions, both as text or paths; it returns the table that is written."""

    def run(bars, actions, *words):
        files = []
        for name, content in (("bars.csv", bars), ("actions.csv", actions)):
            if isinstance(content, Path):
                files.append(content)
            else:
                files.append(tmp_path / name)
                files[-1].write_text(content)
        asked = [
            "adjust",
            str(files[0]),
            "--actions",
            str(files[1]),
            "--out",
            str(tmp_path / "out.csv"),
            *words,
        ]
        answer = CliRunner().invoke(app, asked)
        if answer.exception is not None:
            raise answer.exception
        run.said = answer.output
        return pl.read_csv(tmp_path / "out.csv", infer_schema_length=None)

    return run
