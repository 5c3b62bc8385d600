"""``chatnet check``: is a log whole, and does all that is kept beside its entries follow from them?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from chatnet.entries import Entry
from chatnet.errors import CannotStart
from chatnet.operator.derived import Derived, Row, difference
from chatnet.operator.progress import Progress
from chatnet.store.postgres.connection import connect, reason
from chatnet.store.postgres.database import Unavailable
from chatnet.store.sqlite.file import Found
from chatnet.store.sqlite.opening import is_decoded
from chatnet.store.sqlite.schema import refuse_nonsense
from chatnet.world import World

BATCH = 10_000
"""How many entries are read in one transaction."""
SHOWN = 10
"""How many differences are said."""

_ENTRIES = 'SELECT seq, time, kind, "user", room, text, key FROM entry WHERE seq > %s ORDER BY seq LIMIT %s'
_DOUBLE = 'SELECT "user", min(seq), max(seq) FROM entry GROUP BY "user", key HAVING count(*) > 1'


@dataclass(frozen=True)
class Source:
    """A store that is read. ``ask`` answers a query's rows; within ``moment`` all are of one moment.
    ``flaws`` is what the store says of itself; ``refuse_written`` raises :class:`CannotStart` if it was read
    as what nobody writes, and somebody did.
    """

    name: str
    ask: Callable[..., Iterator[Row]]
    moment: Callable[[], AbstractContextManager[Any]]
    flaws: Callable[[], Iterator[str]]
    refuse_written: Callable[[], None]
    close: Callable[[], object]


def check(target: str | None, data: Path, url: str, world: World) -> str:
    """Look at the file or directory ``target``; without one, at the store of ``url``, or else of ``data``.

    Blocks, and changes nothing; a cluster may go on meanwhile. A sentence, if all is well.

    :raises CannotStart: it is not; the text says how, or why it cannot be told.
    """
    source = _database(url) if url and target is None else _file(Path(target or data), world)
    progress = Progress(world)
    derived = Derived()
    try:
        found = _judged(source, derived, progress)
    except apsw.Error as error:
        raise CannotStart(f"{source.name} cannot be read: {error}.") from error
    except UnicodeDecodeError as error:
        raise CannotStart(f"{source.name} holds what is no text, behind seq {derived.head:,}.") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        raise CannotStart(f"{source.name} cannot be read: {reason(error)}.") from error
    finally:
        progress.end()
        source.close()
    if found:
        raise CannotStart("\n".join([f"{source.name} is damaged:", *found]))
    return f"{source.name}: {derived.head:,} entries, and all that follows from them, are whole."


def _judged(source: Source, derived: Derived, progress: Progress) -> list[str]:
    try:
        return list(islice(_differences(source, derived, progress), SHOWN))
    finally:
        source.refuse_written()  # whatever was found: it may have been read while it was written


def _differences(source: Source, derived: Derived, progress: Progress) -> Iterator[str]:
    yield from source.flaws()
    head = _head(source)
    if head is None:
        yield "what it says of itself, its id and its head, is not as it was written"
        return
    progress.begin(0, max(1, head))
    while derived.head + BATCH < head:
        with source.moment():
            before = derived.head
            yield from _take(source, derived)
        if derived.head == before:
            break  # there is a gap up to the end
        progress.show("read", derived.head)
    with source.moment():
        head = _head(source)
        while True:
            before = derived.head
            yield from _take(source, derived)
            if derived.head == before:
                break
        if derived.head != head:
            yield f"the log's head is {head or 0:,}, and its newest entry {derived.head:,}"
        yield from _compare(source, derived)


def _head(source: Source) -> int | None:
    """None if that is no number."""
    heads = [head for (head,) in source.ask("SELECT head FROM log")]
    return heads[0] if len(heads) == 1 and isinstance(heads[0], int) else None


def _take(source: Source, derived: Derived) -> Iterator[str]:
    for row in list(source.ask(_ENTRIES, derived.head, BATCH)):
        entry = Entry(*row)
        if not is_decoded(entry):
            derived.head = entry.seq
            yield f"seq {entry.seq:,} is not as it was written"
            continue
        yield from derived.take(entry)
        for place in derived.heard_at(entry):
            if not list(source.ask("SELECT 1 FROM place WHERE name = %s AND seq = %s", place, entry.seq)):
                yield f"the index of places lacks seq {entry.seq:,} at {place}"


def _compare(source: Source, derived: Derived) -> Iterator[str]:
    [(count,)] = source.ask("SELECT count(*) FROM place")
    if count != derived.places:
        yield f"the index of places has {count:,} rows, and {derived.places:,} follow from the entries"
    for user, first, last in source.ask(_DOUBLE):
        yield f"a key of {user} stands twice, at seq {first:,} and {last:,}"
    for what, should, query in (
        ("account", derived.accounts(), 'SELECT "user", credential, secret_seq, registered FROM account'),
        ("membership", derived.memberships(), 'SELECT "user", "left", room, joined FROM membership'),
        ("room", derived.rooms(), "SELECT name FROM room"),
    ):
        if wrong := difference(what, should, source.ask(query)):
            yield wrong


def _file(path: Path, world: World) -> Source:
    try:
        if path.is_dir():
            path = path / "log.sqlite"
        found = Found.at(path, world.files)
        if found.is_missing:
            raise CannotStart(f"There is no store at {path}.")
        connection = _reading(path, found)
        connection.execute("SELECT head FROM log").fetchall()
    except OSError as error:
        raise CannotStart(f"There is no store at {path} ({error.strerror}).") from error
    except apsw.Error as error:
        raise CannotStart(f"{path} is no store that can be read: {error}.") from error

    def ask(query: str, *values: Any) -> Iterator[Row]:
        return iter(connection.execute(query.replace("%s", "?"), values))

    def refuse_written() -> None:
        if not found.has_wal and Found.at(path, world.files) != found:
            raise CannotStart(f"{path} was written meanwhile, as by a master that starts: check it again.")

    def flaws() -> Iterator[str]:
        if found.lost_its_wal(connection):
            yield "it was copied, or left, without its -wal file: its newest entries are missing"
        said = chain.from_iterable(connection.execute("PRAGMA integrity_check"))
        yield from (str(line) for line in said if line != "ok")
        try:
            refuse_nonsense(connection)
        except apsw.CorruptError as nonsense:
            yield str(nonsense)

    return Source(str(path), ask, lambda: connection, flaws, refuse_written, connection.close)


def _reading(path: Path, found: Found) -> apsw.Connection:
    """Not by World.files, which would make a store, and might write.

    Under a master a store has a WAL. Without one SQLite would make it, and an index, and leave them there:
    a file that nobody writes needs neither.
    """
    if found.has_wal:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    else:
        uri = f"file:{quote(str(path.absolute()))}?immutable=1"
        connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.set_busy_timeout(5_000)
    return connection


def _database(url: str) -> Source:
    try:
        connection = connect(url)
    except Unavailable as away:
        raise CannotStart(f"The database cannot be had ({away}).") from away
    # Nobody waits for us here, and what we read is long.
    connection.execute("SET statement_timeout = 0")
    connection.execute("SET idle_in_transaction_session_timeout = 0")

    def ask(query: str, *values: Any) -> Iterator[Row]:
        return iter(connection.execute(query, values))

    @contextmanager
    def moment() -> Iterator[None]:
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield

    return Source("The log in the database", ask, moment, lambda: iter(()), lambda: None, connection.close)
