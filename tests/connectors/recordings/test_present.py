"""Instants in messages are moved to the present; whatever else looks like a number stays."""

import pytest

from connectors.recordings.present import Present

SECOND = 10**9
FIRST, NOW = 1_618_677_817 * SECOND, 1_795_000_000 * SECOND


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ('{"E":1618677818500}', '{"E":1795000001500}'),
        ('{"t":"1618677818"}', '{"t":"1795000001"}'),
        ('["354.11","0.8","1618677818.557535","s"]', '["354.11","0.8","1795000001.557535","s"]'),
        ('{"timestamp_e6":1618677818000007}', '{"timestamp_e6":1795000001000007}'),
        ('{"time":"2021-04-17T16:43:38.075687Z"}', '{"time":"2026-11-18T11:06:41.075687Z"}'),
        ('{"u":5123107832006,"p":"61837.63000000","t":3735683259}',) * 2,
        ('{"lastUpdateId":600859605926,"q":"1618677818.5.1"}',) * 2,
    ],
)
def test_an_instant_of_the_session_moves_and_nothing_else_does(text, moved):
    assert Present(FIRST, FIRST + 60 * SECOND, NOW, 1.0).moved(text) == moved


def test_a_session_at_double_speed_lies_half_as_far_apart():
    present = Present(FIRST, FIRST + 60 * SECOND, NOW, 2.0)

    assert present.moved("1618677827000") == "1795000005000"
