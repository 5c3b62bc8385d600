"""The reads of the embedded store: only by index; each costs what it returns, not what is stored.

Each is a function of a connection inside a read transaction, and of the question that it answers;
:mod:`chatnet.reads` says what they promise, and :data:`ANSWERS` says which function answers which question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby, islice
from typing import Any, TypeVar

import apsw

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import NoSuchRoom
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

T = TypeVar("T")
Span = tuple[str, int, int]
"""A place, and the range of its posts that are heard: after < seq < before."""
_COLUMNS = "seq, time, kind, user, room, text, key"
"""The columns of an entry that this program knows: a newer program may have added others."""


def epoch(connection: apsw.Connection) -> int:
    """Return the latest epoch that has begun."""
    newest: int = connection.execute("SELECT epoch FROM log").get
    return newest


def answer(connection: apsw.Connection, question: Question[T]) -> T:
    """Return the store's answer."""
    found: T = ANSWERS[type(question)](connection, question)
    return found


def page(connection: apsw.Connection, asked: PageOf) -> list[Entry]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM entry WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        (asked.after, OPEN if asked.upto is None else asked.upto, PAGE_ENTRIES),
    )
    return take_page(Entry(*row) for row in rows)[0]


def last(connection: apsw.Connection, asked: Last) -> list[Entry]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM entry ORDER BY seq DESC LIMIT ?", (asked.count,))
    return [Entry(*row) for row in rows][::-1]


def head(connection: apsw.Connection, asked: Head) -> int:
    newest: int = connection.execute("SELECT head FROM log").get
    return newest


def cursor_at(connection: apsw.Connection, asked: CursorAt) -> Cursor | None:
    log_id = connection.execute("SELECT id FROM log").get
    found = connection.execute("SELECT user, key FROM entry WHERE seq = ?", (asked.seq,)).fetchone()
    return Cursor.of_row(log_id, asked.seq, *(found or (None, None)))


def account(connection: apsw.Connection, asked: AccountOf) -> Account | None:
    return _account(connection, known_name(asked.user))


def snapshot(connection: apsw.Connection, asked: SnapshotOf) -> Snapshot:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    stays = connection.execute(
        """
        SELECT room, joined, left FROM membership
        WHERE user = ? AND (left, room) < (?, ?) AND left > ? AND joined <= ?
        ORDER BY left DESC, room DESC LIMIT ?
        """,
        (user, *(asked.behind or FIRST_STAY), min(asked.after, upto), upto, SNAPSHOT_INTERVALS),
    )
    return snapshot_page(_account(connection, user), upto, list(stays))


def newest(connection: apsw.Connection, asked: Newest) -> list[Entry]:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    rooms = [room for room, _, _ in _stays(connection, user, upto, upto)]
    places = [_falling(connection, name, upto) for name in (user, *rooms)]
    mentions = _falling(connection, "@" + user, upto, _registered(connection, user))
    seqs = _each_once(merge(mentions, *places, reverse=True))
    posts, _ = take_page(_entries(connection, islice(seqs, NEWEST)))
    return posts[::-1]


def feed(connection: apsw.Connection, asked: Feed) -> FeedPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    after = min(asked.after, upto)
    upto = _few_stays(connection, user, after, upto)
    spans: list[Span] = [
        (user, after, upto + 1),
        ("@" + user, max(after, _registered(connection, user)), upto + 1),
    ]
    for room, joined, left in _stays(connection, user, after, upto):
        spans.append((room, max(after, joined), min(upto + 1, left)))
    seqs = _each_once(merge(*(_rising(connection, span) for span in spans)))
    posts, is_full = take_page(_entries(connection, seqs))
    return FeedPage(posts, posts[-1].seq if is_full else upto)


def history(connection: apsw.Connection, asked: History) -> list[Entry]:
    if not connection.execute("SELECT 1 FROM room WHERE name = ?", (known_room(asked.room),)).get:
        raise NoSuchRoom.of(room=asked.room)
    seqs = _falling(connection, asked.room, OPEN if asked.before is None else asked.before - 1)
    posts, _ = take_page(_entries(connection, seqs))
    return posts[::-1]


def rooms(connection: apsw.Connection, asked: Rooms) -> RoomPage:
    between = rooms_between(asked.prefix, asked.after)
    if between is None:
        return RoomPage([], False)
    rows = connection.execute(
        "SELECT name FROM room WHERE name >= ? AND name > ? AND name < ? ORDER BY name LIMIT ?",
        (*between, PAGE_ROOMS + 1),
    )
    names = [name for (name,) in rows]
    return RoomPage(names[:PAGE_ROOMS], len(names) > PAGE_ROOMS)


ANSWERS: Answers[apsw.Connection] = {
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


def _account(connection: apsw.Connection, user: str) -> Account | None:
    for row in connection.execute(
        "SELECT credential, secret_seq, registered FROM account WHERE user = ?", (user,)
    ):
        return Account(*row)
    return None


def _registered(connection: apsw.Connection, user: str) -> int:
    """Return the seq after which the user hears mentions of their name."""
    known = _account(connection, user)
    return known.registered if known else OPEN


def _stays(connection: apsw.Connection, user: str, after: int, upto: int) -> list[tuple[str, int, int]]:
    """Return room, joined and left of the user's stays begun by ``upto`` and not ended by ``after``."""
    return list(
        connection.execute(
            "SELECT room, joined, left FROM membership WHERE user = ? AND left > ? AND joined <= ?",
            (user, after, upto),
        )
    )


def _few_stays(connection: apsw.Connection, user: str, after: int, upto: int) -> int:
    """Return how far one page looks, at most ``upto``: to the end of the last stay that it may look into."""
    ended = (
        "SELECT left FROM membership WHERE user = ? AND left > ? AND left <= ? ORDER BY left LIMIT 1 OFFSET ?"
    )
    last: int | None = connection.execute(ended, (user, after, upto, FEED_STAYS)).get
    return upto if last is None else last


def _rising(connection: apsw.Connection, span: Span) -> Iterator[int]:
    name, after, before = span
    sql = "SELECT seq FROM place WHERE name = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?"
    chunk = FIRST_CHUNK
    while seqs := _column(connection, sql, name, after, before, chunk):
        yield from seqs
        after, chunk = seqs[-1], min(2 * chunk, LAST_CHUNK)


def _falling(connection: apsw.Connection, name: str, last: int, after: int = 0) -> Iterator[int]:
    sql = "SELECT seq FROM place WHERE name = ? AND seq <= ? AND seq > ? ORDER BY seq DESC LIMIT ?"
    chunk = FIRST_CHUNK
    while seqs := _column(connection, sql, name, last, after, chunk):
        yield from seqs
        last, chunk = seqs[-1] - 1, min(2 * chunk, LAST_CHUNK)


def _column(connection: apsw.Connection, sql: str, *values: str | int) -> list[Any]:
    return [row[0] for row in connection.execute(sql, values)]


def _each_once(seqs: Iterable[int]) -> Iterator[int]:
    """Yield each of equal neighbours once: a post may be heard at several places."""
    return (seq for seq, _ in groupby(seqs))


def _entries(connection: apsw.Connection, seqs: Iterable[int]) -> Iterator[Entry]:
    for seq in seqs:
        for row in connection.execute(f"SELECT {_COLUMNS} FROM entry WHERE seq = ?", (seq,)):
            yield Entry(*row)
