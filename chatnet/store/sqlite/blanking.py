"""Overwrites in the embedded store the texts that are taken back together: see :mod:`chatnet.blanking`.

They are looked for in a thread of those who read, and overwritten in the writer's, not for long at a time:
whoever posts waits meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import apsw

from chatnet.blanking import Blanking, has_words
from chatnet.entries import Entry, of_row
from chatnet.kinds import SAID
from chatnet.limits import PAGE
from chatnet.store.blanking import (
    ENDING,
    FOLLOWERS,
    HAS_WORDS,
    HEIRS,
    MOST_FOUND,
    SPAN,
    UNDONE,
    Execute,
    Overdue,
    asking,
    blanking_in,
    forgetting,
    more_left,
    overdue,
    places_left,
    rooms_left,
)
from chatnet.store.pages import OPEN

WRITE_SECONDS = 0.005
"""How many seconds of the writer's thread a step takes, at most, beside the commit itself."""

_COLUMNS = "entry.seq, time, kind, user, room, text, key, more, at"


class Covered(NamedTuple):
    """What is to be overwritten next: the ``entries`` that ``blanking`` covers behind ``done``, up to
    ``reached``; ``refusals``: its user's refusals are there, too, and go first. ``time``: that of the last
    entry that it can cover, which is when it was decided, unless that was in a log that was put back.
    ``followers``: it is about them alone, whose stays in its user's room have ended, and whose rows do not
    say so; without any, that is done."""

    blanking: Blanking
    done: int
    reached: int
    entries: list[Entry]
    refusals: bool = False
    time: int = 0
    followers: list[str] | None = None


def find(connection: apsw.Connection, stays: int = PAGE.stays) -> Covered | None:
    """Return what is to be overwritten next; None if nothing is. At most so many ``stays`` end at a time."""
    execute = connection.execute
    ending = execute(ENDING).fetchone()
    if ending is not None:
        followers = [user for (user,) in asking(execute, "?")(FOLLOWERS, ending[0], stays)]
        return Covered(forgetting(*ending), 0, 0, [], followers=followers)
    row = execute(f"{UNDONE} LIMIT 1").fetchone()
    if row is None:
        return None
    blanking, done = blanking_in(row), row[-1]
    if blanking.whole and execute("SELECT 1 FROM refusal WHERE user = ? LIMIT 1", (blanking.user,)).get:
        return Covered(blanking, done, done, [], refusals=True)
    found, reached = _texts(execute, blanking, done)
    covered = [entry for entry in found if blanking.covers(entry)]
    time = execute("SELECT time FROM entry WHERE seq = ?", (blanking.upto,)).get or 0
    return Covered(blanking, done, reached, covered, time=time)


def _texts(execute: Execute, blanking: Blanking, done: int) -> tuple[list[Entry], int]:
    kinds = blanking.kinds
    among = f"{HAS_WORDS} AND kind IN ({', '.join('?' * len(kinds))})"
    end, values = blanking.upto, kinds
    if blanking.room and not blanking.user:
        source = "place JOIN entry ON entry.seq = place.seq WHERE place.name = ? AND place.seq > ?"
        sql = f"SELECT {_COLUMNS} FROM {source} AND place.seq <= ? AND {among} ORDER BY place.seq LIMIT ?"
        rows = execute(sql, (blanking.room, done, end, *kinds, MOST_FOUND))
    else:
        end = min(end, done + SPAN)
        if blanking.user:
            among, values = f"{among} AND user = ?", (*kinds, blanking.user)
        sql = f"SELECT {_COLUMNS} FROM entry WHERE seq > ? AND seq <= ? AND {among} ORDER BY seq LIMIT ?"
        rows = execute(sql, (done, end, *values, MOST_FOUND))
    found = [of_row(row) for row in rows]
    reached = found[-1].seq if len(found) == MOST_FOUND else end
    return [entry for entry in found if has_words(entry)], reached


def overwrite(execute: Execute, found: Covered, seconds: Callable[[], float]) -> tuple[int, bool]:
    """Overwrite what was found, within a transaction, for :data:`WRITE_SECONDS` at most.

    Return how many texts, and whether all of the blanking is done now."""
    if found.followers is not None:
        _end_stays(execute, found.blanking, found.followers, seconds)
        return 0, False
    began, texts, reached = seconds(), 0, found.reached
    user, room = found.blanking.user, found.blanking.room
    if found.refusals:
        keys = "SELECT key FROM refusal WHERE user = ?1 LIMIT ?2"
        execute(f"DELETE FROM refusal WHERE user = ?1 AND key IN ({keys})", (user, MOST_FOUND))
        return 0, False
    for texts, entry in enumerate(found.entries, 1):
        _overwrite(execute, entry)
        if seconds() - began >= WRITE_SECONDS and texts < len(found.entries):
            reached = entry.seq
            break
    # Unless it was begun anew meanwhile, since more is to go.
    done = "UPDATE blanking SET done = ? WHERE user = ? AND room = ? AND done = ?"
    execute(done, (reached, user, room, found.done))
    left = execute("SELECT done < upto FROM blanking WHERE user = ? AND room = ?", (user, room)).get
    return texts, not left


def _end_stays(execute: Execute, of: Blanking, followers: list[str], seconds: Callable[[], float]) -> None:
    """Write down that the followers' stays have ended in the room of who is forgotten; or that all have."""
    began = seconds()
    if not followers:
        execute("DELETE FROM ending WHERE user = ?", (of.user,))
    for follower in followers:
        execute(_COUNT, (follower, of.user))
        execute(_LEAVE, (follower, of.user, of.seq))
        if seconds() - began >= WRITE_SECONDS:
            break


_IS_OPEN = f"user = ?1 AND left = {OPEN} AND room = ?2"
_COUNT = f"""UPDATE account SET rooms = rooms - 1
    WHERE user = ?1 AND EXISTS (SELECT 1 FROM membership WHERE {_IS_OPEN})"""
_LEAVE = f"UPDATE membership SET left = ?3 WHERE {_IS_OPEN}"


def _overwrite(execute: Execute, entry: Entry) -> None:
    values = places_left(entry), more_left(entry), entry.seq
    execute("UPDATE entry SET text = '', at = coalesce(?, at), more = ? WHERE seq = ?", values)
    if entry.kind in SAID:
        add_gone(execute, entry)
    if entry.kind == "describe":
        execute("UPDATE description SET text = '' WHERE room = ? AND seq = ?", (entry.room, entry.seq))


def add_gone(execute: Execute, post: Entry) -> None:
    """Note where a post was heard whose text is gone."""
    for place in rooms_left(post):
        execute("INSERT INTO gone (name, seq) VALUES (?, ?)", (place, post.seq))


def too_old(connection: apsw.Connection, now: int, day: int) -> list[Overdue]:
    """Return what is too old: see :func:`chatnet.store.blanking.overdue`."""
    return overdue(asking(connection.execute, "?"), now, day)


def heirs(connection: apsw.Connection) -> list[tuple[str, str]]:
    """Return the rows of :data:`~chatnet.store.blanking.HEIRS`."""
    return [(room, heir) for room, heir in connection.execute(HEIRS)]
