"""Whether the log's time is ahead of the clock. Pure."""

from __future__ import annotations

from datetime import timedelta

MOST_AHEAD = 60.0
"""Seconds that the log may be ahead before a warning: the clocks of hosts differ."""


def ahead_of(wall: float, newest: int) -> str:
    """Return a sentence for the operator if the log's ``newest`` entry (milliseconds) is later than ``wall``.

    A log's time never goes back: after one batch under a clock that was a year ahead, all posts of that year
    have the same time.
    """
    seconds = newest / 1000 - wall
    if seconds <= MOST_AHEAD:
        return ""
    return (
        f"The log's newest entry is {timedelta(seconds=round(seconds))} ahead of this machine's clock: until "
        "the clock gets there, all posts have that time. Look whether the clock is right."
    )
