"""What is said of the limits that are shown: whose they are."""

from pathlib import Path

import pytest

from apps.cli.limits import show
from apps.cli.main import WrongUse
from apps.limit_view import whose


@pytest.mark.parametrize(
    ("out", "served", "said"),
    [
        (None, False, "limits of the configuration of the project"),
        (None, True, "limits that hold in the served desk"),
        (Path("out/desk"), False, "limits that hold in the run in out/desk"),
    ],
)
def test_it_is_said_whose_limits_are_shown(out, served, said):
    assert whose(None, out, served=served).startswith(said)


def test_limits_are_shown_of_one_desk():
    with pytest.raises(WrongUse, match="--served or --out, not both"):
        show(out=Path("here"), served=True)
