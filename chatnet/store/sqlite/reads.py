"""The reads of the embedded store: only by index; each costs what it returns, not what is stored.

Each is a function of the tables, inside a read transaction, and of the question that it answers;
:mod:`chatnet.reads` says what they promise, and :data:`ANSWERS` says which function answers which question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import groupby, islice
from typing import Any, NamedTuple, TypeVar

import apsw

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import NoSuchRoom
from chatnet.limits import PAGE, PageSize
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
    PAGE_ROOMS,
    snapshot_page,
    take_page,
)
from chatnet.store.questions import known_name, known_room, known_seq, rooms_between

T = TypeVar("T")
Span = tuple[str, int, int]
"""A place, and the range of its posts that are heard: after < seq < before."""
_COLUMNS = "seq, time, kind, user, room, text, key"
"""The columns of an entry that this program knows: a newer program may have added others."""


class SqliteTables(NamedTuple):
    """What is read: through ``execute`` of a connection, in pages of the size ``page``."""

    execute: Callable[..., apsw.Cursor]
    page: PageSize


def epoch(connection: apsw.Connection) -> int:
    """Return the latest epoch that has begun."""
    newest: int = connection.execute("SELECT epoch FROM log").get
    return newest


def answer(connection: apsw.Connection, question: Question[T], page: PageSize = PAGE) -> T:
    """Return the store's answer, in pages of this size."""
    found: T = ANSWERS[type(question)](SqliteTables(connection.execute, page), question)
    return found


def page(tables: SqliteTables, asked: PageOf) -> list[Entry]:
    rows = tables.execute(
        f"SELECT {_COLUMNS} FROM entry WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        (asked.after, OPEN if asked.upto is None else asked.upto, tables.page.entries),
    )
    return take_page((Entry(*row) for row in rows), tables.page)[0]


def last(tables: SqliteTables, asked: Last) -> list[Entry]:
    rows = tables.execute(f"SELECT {_COLUMNS} FROM entry ORDER BY seq DESC LIMIT ?", (asked.count,))
    return [Entry(*row) for row in rows][::-1]


def head(tables: SqliteTables, asked: Head) -> int:
    newest: int = tables.execute("SELECT head FROM log").get
    return newest


def cursor_at(tables: SqliteTables, asked: CursorAt) -> Cursor | None:
    log_id = tables.execute("SELECT id FROM log").get
    found = tables.execute("SELECT user, key FROM entry WHERE seq = ?", (asked.seq,)).fetchone()
    return Cursor.of_row(log_id, asked.seq, *(found or (None, None)))


def account(tables: SqliteTables, asked: AccountOf) -> Account | None:
    return _account(tables, known_name(asked.user))


def snapshot(tables: SqliteTables, asked: SnapshotOf) -> Snapshot:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    stays = tables.execute(
        """
        SELECT room, joined, left FROM membership
        WHERE user = ? AND (left, room) < (?, ?) AND left > ? AND joined <= ?
        ORDER BY left DESC, room DESC LIMIT ?
        """,
        (user, *(asked.behind or FIRST_STAY), min(asked.after, upto), upto, tables.page.stays),
    )
    return snapshot_page(_account(tables, user), upto, list(stays), tables.page)


def newest(tables: SqliteTables, asked: Newest) -> list[Entry]:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    rooms = [room for room, _, _ in _stays(tables, user, upto, upto)]
    places = [_falling(tables, name, upto) for name in (user, *rooms)]
    mentions = _falling(tables, "@" + user, upto, _registered(tables, user))
    seqs = _each_once(merge(mentions, *places, reverse=True))
    posts, _ = take_page(_entries(tables, islice(seqs, NEWEST)), tables.page)
    return posts[::-1]


def feed(tables: SqliteTables, asked: Feed) -> FeedPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    after = min(asked.after, upto)
    upto = _few_stays(tables, user, after, upto)
    spans: list[Span] = [
        (user, after, upto + 1),
        ("@" + user, max(after, _registered(tables, user)), upto + 1),
    ]
    for room, joined, left in _stays(tables, user, after, upto):
        spans.append((room, max(after, joined), min(upto + 1, left)))
    seqs = _each_once(merge(*(_rising(tables, span) for span in spans)))
    posts, is_full = take_page(_entries(tables, seqs), tables.page)
    return FeedPage(posts, posts[-1].seq if is_full else upto)


def history(tables: SqliteTables, asked: History) -> list[Entry]:
    if not tables.execute("SELECT 1 FROM room WHERE name = ?", (known_room(asked.room),)).get:
        raise NoSuchRoom.of(room=asked.room)
    seqs = _falling(tables, asked.room, OPEN if asked.before is None else asked.before - 1)
    posts, _ = take_page(_entries(tables, seqs), tables.page)
    return posts[::-1]


def rooms(tables: SqliteTables, asked: Rooms) -> RoomPage:
    between = rooms_between(asked.prefix, asked.after)
    if between is None:
        return RoomPage([], False)
    rows = tables.execute(
        "SELECT name FROM room WHERE name >= ? AND name > ? AND name < ? ORDER BY name LIMIT ?",
        (*between, PAGE_ROOMS + 1),
    )
    names = [name for (name,) in rows]
    return RoomPage(names[:PAGE_ROOMS], len(names) > PAGE_ROOMS)


ANSWERS: Answers[SqliteTables] = {
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


def _account(tables: SqliteTables, user: str) -> Account | None:
    for row in tables.execute(
        "SELECT credential, secret_seq, registered FROM account WHERE user = ?", (user,)
    ):
        return Account(*row)
    return None


def _registered(tables: SqliteTables, user: str) -> int:
    """Return the seq after which the user hears mentions of their name."""
    known = _account(tables, user)
    return known.registered if known else OPEN


def _stays(tables: SqliteTables, user: str, after: int, upto: int) -> list[tuple[str, int, int]]:
    """Return room, joined and left of the user's stays begun by ``upto`` and not ended by ``after``."""
    return list(
        tables.execute(
            "SELECT room, joined, left FROM membership WHERE user = ? AND left > ? AND joined <= ?",
            (user, after, upto),
        )
    )


def _few_stays(tables: SqliteTables, user: str, after: int, upto: int) -> int:
    """Return how far one page looks, at most ``upto``: to the end of the last stay that it may look into."""
    ended = (
        "SELECT left FROM membership WHERE user = ? AND left > ? AND left <= ? ORDER BY left LIMIT 1 OFFSET ?"
    )
    last: int | None = tables.execute(ended, (user, after, upto, FEED_STAYS)).get
    return upto if last is None else last


def _rising(tables: SqliteTables, span: Span) -> Iterator[int]:
    name, after, before = span
    sql = "SELECT seq FROM place WHERE name = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?"
    chunk = FIRST_CHUNK
    while seqs := _column(tables, sql, name, after, before, chunk):
        yield from seqs
        after, chunk = seqs[-1], min(2 * chunk, LAST_CHUNK)


def _falling(tables: SqliteTables, name: str, last: int, after: int = 0) -> Iterator[int]:
    sql = "SELECT seq FROM place WHERE name = ? AND seq <= ? AND seq > ? ORDER BY seq DESC LIMIT ?"
    chunk = FIRST_CHUNK
    while seqs := _column(tables, sql, name, last, after, chunk):
        yield from seqs
        last, chunk = seqs[-1] - 1, min(2 * chunk, LAST_CHUNK)


def _column(tables: SqliteTables, sql: str, *values: str | int) -> list[Any]:
    return [row[0] for row in tables.execute(sql, values)]


def _each_once(seqs: Iterable[int]) -> Iterator[int]:
    """Yield each of equal neighbours once: a post may be heard at several places."""
    return (seq for seq, _ in groupby(seqs))


def _entries(tables: SqliteTables, seqs: Iterable[int]) -> Iterator[Entry]:
    for seq in seqs:
        for row in tables.execute(f"SELECT {_COLUMNS} FROM entry WHERE seq = ?", (seq,)):
            yield Entry(*row)
