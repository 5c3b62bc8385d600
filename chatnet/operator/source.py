"""A store that an operator's command reads, while a cluster may use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from chatnet.blanking import Blankings
from chatnet.errors import CannotStart
from chatnet.store.blanking import asking, blanking_in
from chatnet.store.postgres import schema as postgres_schema
from chatnet.store.postgres.connection import connect, reason
from chatnet.store.postgres.database import Unavailable
from chatnet.store.sqlite import schema as sqlite_schema
from chatnet.store.sqlite.file import Found
from chatnet.store.sqlite.schema import refuse_nonsense
from chatnet.world import World

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Source:
    """A store that is read. ``ask`` returns a query's rows; within ``moment`` all rows are of one moment.
    ``flaws`` yields what the store says about its own damage; ``refuse_written`` raises :class:`CannotStart`
    if the store was read as a file that nobody writes, and somebody wrote it. ``steps`` is the version of
    such a store's tables in this release. ``path`` is the embedded store's; None of a database.
    """

    name: str
    path: Path | None
    steps: int
    ask: Callable[..., Iterator[Row]]
    moment: Callable[[], AbstractContextManager[Any]]
    flaws: Callable[[], Iterator[str]]
    refuse_written: Callable[[], None]
    close: Callable[[], object]


def open_source(target: str | None, data: Path, url: str, world: World) -> Source:
    """Open the file or directory ``target``; without one, the store at ``url``, or else the one in ``data``.

    :raises CannotStart: there is none that can be read.
    """
    if url and target is None:
        return _database(url)
    return _file(Path(target or data), "" if target else ": name the data directory by --data", world)


@contextmanager
def read(source: Source) -> Iterator[None]:
    """Wrap everything that asks ``source``, and close it afterwards.

    :raises CannotStart: it cannot be read.
    """
    try:
        yield
    except apsw.Error as error:
        raise CannotStart(f"{source.name} cannot be read: {error}.") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        raise CannotStart(f"{source.name} cannot be read: {reason(error)}.") from error
    finally:
        source.close()


def head_of(source: Source) -> int | None:
    """Return the head that the store states; None if that is not a number."""
    try:
        heads = [head for (head,) in source.ask("SELECT head FROM log")]
    except UnicodeDecodeError:
        return None
    return heads[0] if len(heads) == 1 and isinstance(heads[0], int) else None


def blankings_of(source: Source) -> Blankings:
    """Return all that was taken back together: read this after the entries that it is applied to."""
    versions = list(source.ask("SELECT version FROM schema_version"))
    if versions != [(source.steps,)]:  # then chatnet check says so
        return Blankings()
    rows = source.ask('SELECT "user", room, upto, seq, whole FROM blanking')
    return Blankings(map(blanking_in, rows))


def _file(path: Path, hint: str, world: World) -> Source:
    """Return the store at ``path``; ``hint``: what to do if there is none."""
    try:
        if path.is_dir():
            path = path / "log.sqlite"
        found = Found.at(path, world.files)
        if found.is_missing:
            raise CannotStart(f"There is no store at {path}{hint}.")
        connection = _reading(path, found)
        connection.execute("SELECT count(head) FROM log").fetchall()
    except OSError as error:
        raise CannotStart(f"There is no store at {path} ({error.strerror}){hint}.") from error
    except apsw.Error as error:
        raise CannotStart(f"{path} is no store that can be read: {error}.") from error

    def refuse_written() -> None:
        if not found.has_wal and Found.at(path, world.files) != found:
            raise CannotStart(f"{path} was written meanwhile, as by a master that starts: check it again.")

    def flaws() -> Iterator[str]:
        if found.lost_its_wal(connection):
            yield "it was copied, or left, without its -wal file: its newest entries are missing"
        said = chain.from_iterable(connection.execute("PRAGMA integrity_check"))
        yield from chain.from_iterable(str(lines).splitlines() for lines in said if lines != "ok")
        try:
            refuse_nonsense(connection)
        except apsw.CorruptError as nonsense:
            yield str(nonsense)

    steps = len(sqlite_schema.STEPS)
    ask = asking(connection.execute, "?")
    return Source(str(path), path, steps, ask, lambda: connection, flaws, refuse_written, connection.close)


def _reading(path: Path, found: Found) -> apsw.Connection:
    """Open the file without World.files, which would make a store, and might write.

    While a master runs, the store has a WAL. Without one, SQLite would make a WAL and an index, and leave
    them there: a file that nobody writes needs neither.
    """
    if found.has_wal:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    else:
        uri = f"file:{quote(str(path.absolute()))}?immutable=1"
        connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.set_busy_timeout(5_000)
    return connection


def open_database(url: str) -> Any:
    """Return a connection to ``url``, for long work.

    :raises CannotStart: the database cannot be reached.
    """
    try:
        connection = connect(url)
    except Unavailable as away:
        raise CannotStart(f"The database cannot be reached ({away}).") from away
    # Nobody waits for this command.
    connection.execute("SET statement_timeout = 0")
    connection.execute("SET idle_in_transaction_session_timeout = 0")
    return connection


def _database(url: str) -> Source:
    connection = open_database(url)

    @contextmanager
    def moment() -> Iterator[None]:
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield

    name, steps = "The log in the database", len(postgres_schema.STEPS)
    ask = asking(connection.execute)
    return Source(name, None, steps, ask, moment, lambda: iter(()), lambda: None, connection.close)
