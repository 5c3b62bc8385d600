"""The reads of the store in PostgreSQL: only by index; each costs what it returns, not what is stored.

Each is a function of a connection's cursor and of the question that it answers; :mod:`chatnet.reads` says
what they promise, and :data:`ANSWERS` says which function answers which question. A read of several
statements needs no transaction: nothing up to a seq ever changes once that seq can be seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import NoSuchRoom
from chatnet.log import PAGE_BYTES
from chatnet.reads import (
    NEWEST,
    Account,
    AccountOf,
    Answers,
    CursorAt,
    Feed,
    FeedPage,
    Head,
    History,
    Last,
    Newest,
    PageOf,
    Question,
    RoomPage,
    Rooms,
    Snapshot,
    SnapshotOf,
)
from chatnet.store.pages import (
    FEED_STAYS,
    FIRST_CHUNK,
    FIRST_STAY,
    LAST_CHUNK,
    OPEN,
    PAGE_ENTRIES,
    PAGE_ROOMS,
    SNAPSHOT_INTERVALS,
    snapshot_page,
    take_page,
)
from chatnet.store.questions import known_name, known_room, known_seq, rooms_between

_MOST = PAGE_ENTRIES + 1
"""How many entries are read for a page: one more than it holds shows that it is full."""

T = TypeVar("T")
_COLUMNS = 'seq, time, kind, "user", room, text, key'


def _as_page(found: str, order: str) -> str:
    """Return the statement for entries ``found``, in the ``order`` of seq, without what no page can hold."""
    return f"""
        SELECT {_COLUMNS} FROM (
            SELECT *, sum(octet_length(text)) OVER (ORDER BY seq {order} ROWS UNBOUNDED PRECEDING)
                - octet_length(text) AS bytes_before
            FROM ({found}) AS found
        ) AS page WHERE bytes_before < {PAGE_BYTES} ORDER BY seq {order}
    """


PAGE = _as_page(
    f"SELECT * FROM entry WHERE seq > %(after)s AND seq <= %(upto)s ORDER BY seq LIMIT {PAGE_ENTRIES}", ""
)
LAST = f"SELECT {_COLUMNS} FROM entry ORDER BY seq DESC LIMIT %(count)s"
HEAD = "SELECT head FROM log"
CURSOR = 'SELECT log.id, entry."user", entry.key FROM log LEFT JOIN entry ON entry.seq = %(seq)s'
ACCOUNT = 'SELECT credential, secret_seq, registered FROM account WHERE "user" = %(user)s'
# Stays that began by "upto" and did not end by "after".
STAYS = f"""
    SELECT room, joined, "left" FROM membership
    WHERE "user" = %(user)s AND ("left", room) < (%(left)s, %(room)s COLLATE "C")
        AND "left" > %(after)s AND joined <= %(upto)s
    ORDER BY "left" DESC, room DESC LIMIT {SNAPSHOT_INTERVALS}
"""
# After which seq the user hears mentions of their name; somebody who is not a user hears none.
_REGISTERED = f'coalesce((SELECT registered FROM account WHERE "user" = %(user)s), {OPEN})'
IS_ROOM = "SELECT 1 FROM room WHERE name = %(room)s"
HISTORY = _as_page(
    f"""
        SELECT entry.* FROM (
            SELECT seq FROM place WHERE name = %(room)s AND seq < %(before)s
            ORDER BY seq DESC LIMIT {PAGE_ENTRIES}
        ) AS heard, LATERAL (SELECT * FROM entry WHERE entry.seq = heard.seq OFFSET 0) AS entry
    """,
    "DESC",
)
ROOMS = f"""
    SELECT name FROM room WHERE name >= %(prefix)s AND name > %(after)s AND name < %(end)s
    ORDER BY name LIMIT {PAGE_ROOMS + 1}
"""
NEWEST_POSTS = _as_page(
    f"""
        SELECT entry.* FROM (
            SELECT DISTINCT heard.seq FROM (
                VALUES (%(user)s::text COLLATE "C", 0), ('@' || %(user)s, {_REGISTERED})
                UNION ALL
                SELECT room, 0 FROM membership
                WHERE "user" = %(user)s AND "left" > %(upto)s AND joined <= %(upto)s
            ) AS listened(name, after), LATERAL (
                SELECT seq FROM place WHERE place.name = listened.name AND seq <= %(upto)s
                ORDER BY seq DESC LIMIT {NEWEST}
            ) AS heard
            WHERE heard.seq > listened.after
            ORDER BY seq DESC LIMIT {NEWEST}
        ) AS newest, LATERAL (SELECT * FROM entry WHERE entry.seq = newest.seq OFFSET 0) AS entry
    """,
    "DESC",
)
# How far one page looks: to the end of the last stay that it may look into.
FEED_END = f"""
    SELECT "left" FROM membership WHERE "user" = %(user)s AND "left" > %(after)s AND "left" <= %(upto)s
    ORDER BY "left" OFFSET {FEED_STAYS} LIMIT 1
"""

# One chunk of each place. Where a chunk is full, its end is the edge: more may be heard there after it.
FEED_CHUNK = f"""
    WITH listened(name, after, before) AS (
        VALUES (%(user)s::text COLLATE "C", %(after)s::bigint, %(upto)s::bigint + 1),
            ('@' || %(user)s, greatest(%(after)s, {_REGISTERED}), %(upto)s::bigint + 1)
        UNION ALL
        SELECT room, greatest(%(after)s, joined), least(%(upto)s::bigint + 1, "left") FROM membership
        WHERE "user" = %(user)s AND "left" > %(after)s AND joined <= %(upto)s
    ), heard AS MATERIALIZED (
        SELECT array(
            SELECT seq FROM place WHERE place.name = listened.name
                AND place.seq > listened.after AND place.seq < listened.before
            ORDER BY seq LIMIT %(chunk)s
        ) AS seqs FROM listened
    ), edge AS MATERIALIZED (
        SELECT coalesce(min(seqs[%(chunk)s]), %(upto)s) AS seq FROM heard
    ), page AS MATERIALIZED (
        {
    _as_page(
        f'''
            SELECT entry.* FROM (
                SELECT DISTINCT seq FROM heard, unnest(seqs) AS seq
                WHERE seq <= (SELECT seq FROM edge) ORDER BY seq LIMIT {_MOST}
            ) AS first, LATERAL (SELECT * FROM entry WHERE entry.seq = first.seq OFFSET 0) AS entry
        ''',
        "",
    )
}
    )
    SELECT edge.seq, page.* FROM edge LEFT JOIN page ON true ORDER BY page.seq
"""


def answer(cursor: Any, question: Question[T]) -> T:
    """Return the store's answer."""
    found: T = ANSWERS[type(question)](cursor, question)
    return found


def page(cursor: Any, asked: PageOf) -> list[Entry]:
    rows = cursor.execute(PAGE, {"after": asked.after, "upto": OPEN if asked.upto is None else asked.upto})
    return take_page(Entry(*row) for row in rows)[0]


def last(cursor: Any, asked: Last) -> list[Entry]:
    return [Entry(*row) for row in cursor.execute(LAST, {"count": asked.count})][::-1]


def head(cursor: Any, asked: Head) -> int:
    newest: int = cursor.execute(HEAD).fetchone()[0]
    return newest


def cursor_at(cursor: Any, asked: CursorAt) -> Cursor | None:
    log_id, user, key = cursor.execute(CURSOR, {"seq": asked.seq}).fetchone()
    return Cursor.of_row(log_id, asked.seq, user, key)


def account(cursor: Any, asked: AccountOf) -> Account | None:
    return _account(cursor, known_name(asked.user))


def snapshot(cursor: Any, asked: SnapshotOf) -> Snapshot:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    known = _account(cursor, user)
    left, room = asked.behind or FIRST_STAY
    stays = cursor.execute(
        STAYS, {"user": user, "after": min(asked.after, upto), "upto": upto, "left": left, "room": room}
    )
    return snapshot_page(known, upto, stays.fetchall())


def newest(cursor: Any, asked: Newest) -> list[Entry]:
    rows = cursor.execute(NEWEST_POSTS, {"user": known_name(asked.user), "upto": known_seq(asked.upto)})
    return take_page(Entry(*row) for row in rows)[0][::-1]


def feed(cursor: Any, asked: Feed) -> FeedPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    last = cursor.execute(FEED_END, {"user": user, "after": asked.after, "upto": upto}).fetchone()
    upto = upto if last is None else last[0]
    posts, is_full = take_page(_heard(cursor, user, asked.after, upto))
    return FeedPage(posts, posts[-1].seq if is_full else upto)


def history(cursor: Any, asked: History) -> list[Entry]:
    if cursor.execute(IS_ROOM, {"room": known_room(asked.room)}).fetchone() is None:
        raise NoSuchRoom.of(room=asked.room)
    before = OPEN if asked.before is None else asked.before
    rows = cursor.execute(HISTORY, {"room": asked.room, "before": before})
    return take_page(Entry(*row) for row in rows)[0][::-1]


def rooms(cursor: Any, asked: Rooms) -> RoomPage:
    between = rooms_between(asked.prefix, asked.after)
    if between is None:
        return RoomPage([], False)
    bounds = dict(zip(("prefix", "after", "end"), between, strict=True))
    names = [name for (name,) in cursor.execute(ROOMS, bounds)]
    return RoomPage(names[:PAGE_ROOMS], len(names) > PAGE_ROOMS)


ANSWERS: Answers[Any] = {
    Head: head,
    CursorAt: cursor_at,
    AccountOf: account,
    SnapshotOf: snapshot,
    Newest: newest,
    Feed: feed,
    History: history,
    Rooms: rooms,
    PageOf: page,
    Last: last,
}


def _account(cursor: Any, user: str) -> Account | None:
    row = cursor.execute(ACCOUNT, {"user": user}).fetchone()
    return None if row is None else Account(*row)


def _heard(cursor: Any, user: str, after: int, upto: int) -> Iterator[Entry]:
    """Yield the posts after ``after`` that the user may see, in order; read only as far as drawn."""
    chunk = FIRST_CHUNK
    while after < upto:
        rows = cursor.execute(
            FEED_CHUNK, {"user": user, "after": after, "upto": upto, "chunk": chunk}
        ).fetchall()
        entries = [Entry(*row[1:]) for row in rows if row[1] is not None]
        yield from entries
        # A page cut short by its bytes is never drawn to its end; a full one goes on at its last entry.
        after = entries[-1].seq if len(entries) == _MOST else rows[0][0]
        chunk = min(2 * chunk, LAST_CHUNK)
