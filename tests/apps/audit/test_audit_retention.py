"""Whether a file of rows has to stay follows from the age of its last row, to the day."""

import pytest

from apps.audit_retention import DAY, Standing, ages
from config.audit import Retention
from tests.connectors.audit.records import written
from tests.connectors.crash_flow import verdict

KEPT = Retention(days=2_557, at_hand_days=731)


@pytest.mark.parametrize(
    ("days", "standing"),
    [
        (0, Standing.AT_HAND),
        (731, Standing.AT_HAND),
        (732, Standing.KEPT),
        (2_557, Standing.KEPT),
        (2_558, Standing.DUE),
    ],
)
def test_a_file_is_at_hand_then_kept_then_due(tmp_path, days, standing):
    written(tmp_path / "audit", tmp_path, 12)
    last_at = verdict(11).received_at

    (found,) = ages(tmp_path / "audit", KEPT, last_at + days * DAY)

    assert (found.rows, found.last_at, found.days, found.standing) == (12, last_at, days, standing)
