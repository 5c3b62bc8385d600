"""Kinds of entries of the next level, added in exactly the places that docs/architecture.md names.

A user who quits a topic leaves it. A program must not skip this kind, else it goes on delivering to somebody
who has left.

A shout is heard as a post is. It has no rule of its own, and nothing follows from it but what its row says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from chatnet import kinds, rules
from chatnet.entries import Draft, Entry
from chatnet.errors import NoSuchRoom, NotJoined
from chatnet.kinds import Kind, Stay, Text
from chatnet.names import is_topic
from chatnet.operator import derived
from chatnet.rules import Facts
from chatnet.store.pages import OPEN
from chatnet.store.postgres import append
from chatnet.store.postgres.append import Sql
from chatnet.store.sqlite import writer
from chatnet.store.sqlite.writer import Writer
from chatnet.testing import memory_log
from chatnet.testing.memory_log import MemoryLog

LEVEL = 2

# ---- 1. chatnet/kinds.py ----

QUIT = Kind("quit", Text.NOTHING, level=LEVEL, is_of_room=True, stay=Stay.ENDS)
SHOUT = Kind("shout", Text.POST, level=LEVEL, is_heard=True)

# ---- 2. chatnet/rules.py ----


def judge_quit(draft: Draft, facts: Facts) -> None:
    if not is_topic(draft.room):
        raise NoSuchRoom.of(room=draft.room)
    if not facts.is_member(draft.user, draft.room):
        raise NotJoined.of(room=draft.room)


# ---- 3. chatnet/store/sqlite/writer.py ----


def follow_in_sqlite(store: Writer, entry: Entry) -> None:
    store._leave(entry)


# ---- 4. chatnet/store/postgres/append.py ----

QUIT_IN_SQL = Sql(
    """CASE WHEN its_room NOT LIKE '#%' THEN 'NO_SUCH_ROOM'
        WHEN NOT chatnet_is_member(its_user, its_room) THEN 'NOT_JOINED' END""",
    f"""
    UPDATE account SET rooms = rooms - 1 WHERE "user" = its_user;
    UPDATE membership SET "left" = its_seq
        WHERE "user" = its_user AND "left" = {OPEN} AND room = its_room;""",
)

# ---- 5. chatnet/testing/memory_log.py ----


def follow_in_memory(log: MemoryLog, entry: Entry) -> None:
    log._follow_stay(entry)


# ---- 6. chatnet/operator/derived.py ----


def follow_from(log: derived.Derived, entry: Entry, account: derived.Account) -> str:
    return log._leave(entry, account)


PLACES: tuple[tuple[dict[str, Any], Any], ...] = (
    (rules.RULES, judge_quit),
    (writer.FOLLOWS, follow_in_sqlite),
    (append.SQL, QUIT_IN_SQL),
    (memory_log.FOLLOWS, follow_in_memory),
    (derived.FOLLOWS, follow_from),
)
"""The places other than the table of kinds, for the kind that ends a stay."""
SHOUTS_PLACES: tuple[tuple[dict[str, Any], Any], ...] = (
    (writer.FOLLOWS, lambda store, entry: None),
    (append.SQL, Sql("NULL", "NULL;")),
    (memory_log.FOLLOWS, lambda log, entry: None),
    (derived.FOLLOWS, lambda log, entry, account: ""),
)
"""Those for the kind that is heard."""


@contextmanager
def there(kind: Kind = QUIT, places: Sequence[tuple[dict[str, Any], Any]] = PLACES) -> Iterator[None]:
    """Give the program the kind while the context is open."""
    with ExitStack() as before:
        for table, how in places:
            table[kind.name] = how
            before.callback(table.pop, kind.name)
        before.callback(kinds.add(kind))
        yield
