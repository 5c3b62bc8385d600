"""When a ticket ends of itself: it was not used for long, or no secret was shown for longer. Pure.

Only a ticket ages beside which its client keeps nothing that opens the account: of somebody who typed a
password, or for a program. To end another one would shut out its user, and nobody else.

All times are those of the log, in milliseconds since 1970. Whoever is wrong about the time must not log
everybody out: so a client's ticket ends only if both clocks say so, the log's and that of its worker; and
what nobody knows, since the marks were lost, is held against nobody.
"""

from __future__ import annotations

from typing import NamedTuple

DAY = 24 * 3600 * 1000
UNUSED = 90 * DAY
"""For how long a ticket may not be used: OWASP ASVS 5.0, 7.3.1."""
WHOLE = 365 * DAY
"""For how long it is good since its client showed a secret: 7.3.2."""
IN_USE = DAY // 4
"""Who used it so little ago is talking, whatever has died since: they are not asked for a secret now."""
MARKED = 3600
"""Seconds after which it is marked again that a session is used, while somebody is connected."""
AGING_LEVEL = 2
"""From this level of the log on, all processes understand a ticket with a day in it."""


class LastUse(NamedTuple):
    """How far the log had come when a session was last used: ``since`` is the time of the first entry behind
    that, 0 if nobody knows it or nothing was said since; ``now`` that of the newest entry."""

    since: int = 0
    now: int = 0


NEVER = LastUse()
"""Nothing is known of it."""


def may_age(level: int) -> bool:
    """Return whether tickets that are made now may age, at this level of the log: a worker of before would
    refuse them."""
    return level >= AGING_LEVEL


def unused(last: LastUse, wall: int) -> int:
    """Return for how long, at most, nobody has used the session; ``wall`` is a worker's own clock.

    Where little is said, the log's time is coarse. It is measured from the first entry behind the last use,
    so that nobody is logged out early: in a log in which nothing was said for a year, nobody ages.
    """
    return max(0, min(wall, last.now) - last.since) if last.since else 0


def has_aged(day: int, last: LastUse, wall: int) -> bool:
    """Return whether the ticket has ended of a client that showed a secret on this ``day`` since 1970; 0, if
    it keeps that, or nobody has written down when that was: such tickets do not age."""
    shown = min(wall, last.now) - day * DAY
    idle = min(unused(last, wall), shown)  # to show a secret is a use, too, which may not be marked yet
    return day > 0 and (idle > UNUSED or (shown > WHOLE and idle > IN_USE))


def day_of(last: LastUse, wall: int) -> int:
    """Return the day to be written into a ticket now: by the clock that is ahead, so that it ends late."""
    return max(1, -(-max(wall, last.now) // DAY))
