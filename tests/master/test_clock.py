"""Whether the log's time is ahead of the clock."""

from __future__ import annotations

from chatnet.master.clock import ahead_of


def test_it_is_said_how_far_the_log_is_ahead() -> None:
    """A minute is tolerated, since hosts' clocks may differ so; old and empty logs are never ahead."""
    now = 1_700_000_000
    for newest in (0, now * 1000, (now + 60) * 1000):
        assert ahead_of(now, newest) == ""
    assert "is 0:01:01 ahead of this machine's clock" in ahead_of(now, (now + 61) * 1000)
    assert "is 365 days, 0:00:00 ahead" in ahead_of(now, (now + 365 * 86_400) * 1000)
