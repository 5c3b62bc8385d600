"""What the stores ask about texts that are taken back together, in SQL that both understand. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from chatnet.blanking import Blanking, emptied
from chatnet.cursor import Cursor
from chatnet.entries import Entry, Ref, heard_at, packed_more
from chatnet.kinds import SAID
from chatnet.policies import days_of
from chatnet.rules import ROLES
from chatnet.store.pages import OPEN

MOST_FOUND = 500
"""How many texts, and how many refusals, are overwritten at a time, at most."""
SPAN = 20_000
"""How many entries are looked through in one read, at most."""

HAS_WORDS = "(text <> '' OR more IS NOT NULL)"
"""An entry that may have something left: see :func:`chatnet.blanking.has_words`."""
UNDONE = """SELECT "user", room, upto, seq, whole, done FROM blanking WHERE done < upto ORDER BY seq"""
HEIRS = f"""
    SELECT gone.room, (SELECT m."user" FROM membership AS m WHERE m.room = gone.room AND m."left" = {OPEN}
        ORDER BY EXISTS (SELECT 1 FROM standing AS c WHERE c.room = '' AND c."user" = m."user"
                AND (c.disabled = 1 OR c.banned > (SELECT e.time FROM entry AS e WHERE e.seq = b.seq))),
            m.joined
        LIMIT 1)
    FROM blanking AS b JOIN membership AS gone ON gone."user" = b."user" AND gone."left" = b.seq
    WHERE b.done < b.upto AND b.whole = 1 AND substr(gone.room, 1, 1) = '&'
        AND EXISTS (SELECT 1 FROM membership AS m WHERE m.room = gone.room AND m."left" = {OPEN})
        AND NOT EXISTS (SELECT 1 FROM standing AS s
            WHERE s.room = gone.room AND s.role = {ROLES.index("owner")})
    ORDER BY gone.room LIMIT 100
"""
"""Private rooms of which somebody who is forgotten was the last owner, each with whoever is there longest: of
those who were neither disabled nor banned from the cluster then, if there are any."""
ENDING = 'SELECT "user", seq FROM ending ORDER BY seq LIMIT 1'
"""Whose room has to be left next, in the table of stays, and since when: see :data:`LEFT`."""
FOLLOWERS = f'SELECT "user" FROM membership WHERE room = %s AND "left" = {OPEN} ORDER BY "user" LIMIT %s'
LEFT = f"""CASE WHEN "left" = {OPEN}
    THEN coalesce((SELECT e.seq FROM ending AS e WHERE e."user" = membership.room), {OPEN}) ELSE "left" END"""
"""Of a stay: when it ends, though the row may not say so yet."""
ROOMS = f"""rooms - (SELECT count(*) FROM membership AS m
    WHERE m."user" = account."user" AND m."left" = {OPEN} AND m.room IN (SELECT "user" FROM ending))"""
"""Of an account: in how many rooms the user is, without such stays."""


def forgetting(user: str, seq: int) -> Blanking:
    """Return what the ``forget`` at ``seq`` takes back."""
    return Blanking(user, "", seq, seq, whole=True)


Execute = Callable[..., Any]
"""Runs a statement of the store's own spelling; the rows can be iterated over."""


def undone(execute: Execute) -> list[Blanking]:
    """Return what is not overwritten yet."""
    return [blanking_in(row) for row in execute(UNDONE)]


def blanking_in(row: Any) -> Blanking:
    """Return the blanking in a row of :data:`UNDONE`."""
    user, room, upto, seq, whole, *_ = row
    return Blanking(user, room, upto, seq, bool(whole))


def places_left(entry: Entry) -> str | None:
    """Return the places that are written out in place of a post's text; None for another entry."""
    return " ".join(emptied(entry).at) if entry.kind in SAID else None


def rooms_left(post: Entry) -> tuple[str, ...]:
    """Return the rooms in which a post was heard that has no text any more: there it is not unread."""
    return tuple(place for place in heard_at(post) if place[0] != "@")


def more_left(entry: Entry) -> bytes | None:
    """Return what is left of what an entry has beyond its columns."""
    return packed_more(emptied(entry).more)


Ask = Callable[..., Iterator[Any]]
"""Answers a query, in which %s stands for each of the values that follow it."""


def asking(execute: Execute, mark: str = "%s") -> Ask:
    """Return what asks a store by ``execute``, in whose statements ``mark`` stands for each value."""

    def ask(sql: str, *values: Any) -> Iterator[Any]:
        return iter(execute(sql.replace("%s", mark), values))

    return ask


_KEPT = "SELECT room, value FROM policy WHERE name = 'keep' ORDER BY room"
_DONE = """SELECT b.upto, entry.time FROM blanking AS b JOIN entry ON entry.seq = b.seq
    WHERE b."user" = '' AND b.room = %s"""
_ANY_THERE = "SELECT 1 FROM place WHERE name = %s AND seq > %s AND seq <= %s LIMIT 1"
_ANY = "SELECT 1 FROM entry WHERE seq > %s AND seq <= %s AND kind = 'post' AND text <> '' LIMIT 1"


class Overdue(NamedTuple):
    """The posts in ``room`` (empty: everywhere) up to the one that ``ref`` names are older than the policy
    lets them be."""

    room: str
    ref: Ref


def overdue(ask: Ask, now: int, day: int) -> list[Overdue]:
    """Return what is too old at ``now``, in milliseconds since 1970: once for each room in a ``day``, which
    is that many milliseconds."""
    found: list[Overdue] = []
    for room, value in list(ask(_KEPT)):
        days = days_of(value)
        done, at = next(ask(_DONE, room), (0, 0))
        if not days or now - at < day:
            continue
        last = last_before(ask, now - days * day)
        values = (done, last)
        if last > done and next(ask(_ANY_THERE, room, *values) if room else ask(_ANY, *values), None):
            (log_id,) = next(ask("SELECT id FROM log"))
            user, key = next(ask('SELECT "user", key FROM entry WHERE seq = %s', last))
            cursor = Cursor.of_row(log_id, last, user, key)
            if cursor is not None:
                found.append(Overdue(room, Ref(last, cursor.check)))
    return found


def last_before(ask: Ask, moment: int) -> int:
    """Return the seq of the newest entry from before the ``moment``; 0 if there is none. Times never fall."""
    (low, high) = 0, next(ask("SELECT head FROM log"))[0]
    while low < high:
        middle = (low + high + 1) // 2
        if next(ask("SELECT time FROM entry WHERE seq = %s", middle))[0] < moment:
            low = middle
        else:
            high = middle - 1
    return low


class Freed(NamedTuple):
    """What one step of overwriting did. ``blanking`` is what it was about; None: nothing is left to do.

    ``texts`` is how many were overwritten; ``done``: the last of that blanking.
    """

    blanking: Blanking | None
    texts: int = 0
    done: bool = False
