"""Overwrites in PostgreSQL the texts that are taken back together: see :mod:`chatnet.blanking`.

The primary alone does it; whoever appends meanwhile is not waited for, and does not wait.
"""

from __future__ import annotations

from chatnet.blanking import has_words
from chatnet.entries import of_row
from chatnet.kinds import SAID
from chatnet.store.blanking import (
    ENDING,
    HAS_WORDS,
    MOST_FOUND,
    SPAN,
    UNDONE,
    Execute,
    Freed,
    blanking_in,
    forgetting,
    more_left,
    places_left,
    rooms_left,
)
from chatnet.store.pages import OPEN

_COLUMNS = 'entry.seq, time, kind, "user", entry.room, text, key, more, at'

_BY_PLACE = f"""
    SELECT {_COLUMNS} FROM place JOIN entry ON entry.seq = place.seq
    WHERE place.name = %(room)s AND place.seq > %(done)s AND place.seq <= %(end)s
        AND {HAS_WORDS} AND kind = ANY(%(kinds)s) ORDER BY place.seq LIMIT {MOST_FOUND}
"""
_BY_SEQ = f"""
    SELECT {_COLUMNS} FROM entry WHERE seq > %(done)s AND seq <= %(end)s
        AND {HAS_WORDS} AND kind = ANY(%(kinds)s) AND %(user)s IN ("user", '') ORDER BY seq LIMIT {MOST_FOUND}
"""
_REFUSALS = f"""
    DELETE FROM refusal WHERE "user" = %(user)s
        AND key IN (SELECT key FROM refusal WHERE "user" = %(user)s LIMIT {MOST_FOUND})
"""
_OVERWRITE = """
    UPDATE entry SET text = '', at = coalesce(given.at, entry.at), more = given.more
    FROM unnest(%(seqs)s::bigint[], %(ats)s::text[], %(mores)s::bytea[]) AS given(seq, at, more)
    WHERE entry.seq = given.seq
"""
_GONE = "INSERT INTO gone SELECT * FROM unnest(%(names)s::text[], %(seqs)s::bigint[])"
_DESCRIPTIONS = "UPDATE description SET text = '' WHERE seq = ANY(%(seqs)s)"
# Whoever appends locks the same rows, and the head before them.
_FIRST = "SELECT FROM log FOR UPDATE"
# By their places in the table: whatever the database believes of it, it looks for no row twice.
_LEAVE = f"""
    UPDATE membership SET "left" = %s WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM membership WHERE room = %s AND "left" = {OPEN} ORDER BY "user" LIMIT %s))
    RETURNING "user"
"""
_COUNT = 'UPDATE account SET rooms = rooms - 1 WHERE "user" = ANY (%s)'
# Unless it was begun anew meanwhile, since more is to go.
_DONE = """
    UPDATE blanking SET done = CASE WHEN done = %(done)s THEN %(reached)s ELSE done END
    WHERE "user" = %(user)s AND room = %(room)s RETURNING done >= upto
"""


def free(execute: Execute, stays: int) -> Freed:
    """Overwrite the next texts that are taken back together, within a transaction. At most so many ``stays``
    end at a time: whoever appends waits meanwhile."""
    ending = execute(ENDING).fetchone()
    if ending is not None:
        return _end_stays(execute, ending[0], ending[1], stays)
    row = execute(f"{UNDONE} LIMIT 1").fetchone()
    if row is None:
        return Freed(None)
    blanking, done = blanking_in(row), row[-1]
    of = {"user": blanking.user, "room": blanking.room, "done": done, "kinds": list(blanking.kinds)}
    if blanking.whole and execute(_REFUSALS, of).rowcount:
        return Freed(blanking)
    by_place = blanking.room and not blanking.user
    end = blanking.upto if by_place else min(blanking.upto, done + SPAN)
    found = [of_row(row) for row in execute(_BY_PLACE if by_place else _BY_SEQ, {**of, "end": end})]
    reached = found[-1].seq if len(found) == MOST_FOUND else end
    covered = [entry for entry in found if has_words(entry) and blanking.covers(entry)]
    seqs = [entry.seq for entry in covered]
    ats, mores = map(places_left, covered), map(more_left, covered)
    execute(_OVERWRITE, {"seqs": seqs, "ats": list(ats), "mores": list(mores)})
    execute(_DESCRIPTIONS, {"seqs": seqs})
    gone = [(room, one.seq) for one in covered if one.kind in SAID for room in rooms_left(one)]
    execute(_GONE, {"names": [room for room, _ in gone], "seqs": [seq for _, seq in gone]})
    if blanking.whole and reached >= blanking.upto:
        execute('DELETE FROM mark WHERE "user" = %(user)s', of)
    (is_done,) = execute(_DONE, {**of, "reached": reached}).fetchone()
    return Freed(blanking, len(seqs), bool(is_done))


def _end_stays(execute: Execute, user: str, seq: int, stays: int) -> Freed:
    """Write down that others' stays have ended in the room of who is forgotten; or that all have."""
    execute(_FIRST)
    followers = [follower for (follower,) in execute(_LEAVE, (seq, user, stays)).fetchall()]
    if followers:
        execute(_COUNT, (followers,))
    else:
        execute('DELETE FROM ending WHERE "user" = %s', (user,))
    return Freed(forgetting(user, seq))
