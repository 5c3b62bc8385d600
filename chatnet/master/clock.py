"""Whether the log's time is ahead of the clock. Pure."""

from __future__ import annotations

from datetime import timedelta

MOST_AHEAD = 60.0
"""By so many seconds the log may be ahead before it is said: the clocks of hosts differ."""


def ahead_of(wall: float, newest: int) -> str:
    """What the operator should know if the log's ``newest`` entry, in milliseconds, is of after ``wall``.

    A log's time never goes back: one batch under a clock that was a year ahead, and a year long all that is
    posted has the same time.
    """
    seconds = newest / 1000 - wall
    if seconds <= MOST_AHEAD:
        return ""
    return (
        f"The log's newest entry is {timedelta(seconds=round(seconds))} ahead of this machine's clock: until "
        "the clock gets there, all posts have that time. Look whether the clock is right."
    )
