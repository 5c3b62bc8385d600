"""``chatnet erased`` and ``chatnet restore``: the list of what was taken back, for a log that is put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from chatnet.entries import Draft
from chatnet.erased import Erasure, lines_of
from chatnet.errors import CannotStart
from chatnet.log import Outcome
from chatnet.operator.source import Source, open_database, open_source, read
from chatnet.store.blanking import Ask, asking
from chatnet.store.erased import AWAIT, KEEP_NAME, again, erasures_in, untaken
from chatnet.store.lease import FlockLease
from chatnet.store.postgres.connection import reason
from chatnet.store.postgres.database import Unavailable
from chatnet.store.sqlite.erased import NAME, end_line, read_list
from chatnet.world import World

_AT_A_TIME = 500
_PUT_BACK = (
    "{path} says of {count:,} that they were taken back, and the log does not: it was put back to an earlier "
    "state. Nothing of the list is lost. Stop the cluster, if it runs, and have the list obeyed: “chatnet "
    "restore --erased FILE”."
)
_ANOTHER = "{path} is the list of another log, or of none: there is nothing in it about this one."


def print_list(target: str | None, data: Path, url: str, world: World) -> None:
    """Print the list of the file or directory ``target``; without one, of the store at ``url``, or else of
    the one in ``data``. Blocks, and changes nothing; a cluster may go on meanwhile.

    :raises CannotStart: it cannot be read; the sentence says why.
    """
    source = open_source(target, data, url, world)
    with read(source):
        log_id, known = _taken_back(source, world)
    for line in lines_of(log_id, sorted(known)):
        world.stdio.say(line.decode().rstrip("\n"))


def add_to_list(file: Path, target: str | None, data: Path, url: str, world: World) -> str:
    """Add to the list ``file`` what it does not say of the same store; return a sentence about it. Blocks.

    What it says already stays: when the store was put back, the list alone knows it.

    :raises CannotStart: it cannot be done; or the list says more than the store, which was put back.
    """
    torn: list[Path] = []
    source = open_source(target, data, url, world)
    with read(source):
        if source.path is not None and file.resolve() == source.path.with_name(NAME).resolve():
            raise CannotStart(
                f"{file} is the store's own list, in which its master writes: name another file."
            )
        log_id, known = _taken_back(source, world)
        size, listed = _read_own(file, log_id, world, torn)
        keys = {(erasure.user, erasure.key) for erasure in listed if erasure.key}
        new = [it for it in known - listed if it.kind != "purged" or (it.user, it.key) not in keys]
        if new:
            try:
                world.files.extend(file, size, b"".join(lines_of(log_id, sorted(new))))
            except OSError as error:
                raise CannotStart(f"{file} cannot be written ({error.strerror}).") from error
        lost = _unknown(source, log_id, listed, known)
    if lost:
        raise CannotStart(_PUT_BACK.format(path=file, count=lost))
    return f"{len(new):,} were added to {file}, which has {len(listed) + len(new):,} of this log now."


def _taken_back(source: Source, world: World) -> tuple[str, set[Erasure]]:
    """Return the log's id, and what it says was taken back."""
    _refuse_other_tables(source)
    log_id = _log_of(source)
    with source.moment():
        known = set(erasures_in(source.ask))
    if source.path is not None:
        # A line that is not whole may be one that a master writes right now.
        known |= set(_listed(source.path.with_name(NAME), world, log_id, lambda: None))
    return log_id, known


def _read_own(path: Path, log_id: str, world: World, torn: list[Path]) -> tuple[int, set[Erasure]]:
    """Return how long a list is, whose last line gets its end, and what it says of this log."""
    size, known = 0, set[Erasure]()
    for each in read_list(path, world.files, log_id, torn=lambda: torn.append(path)):
        end_line(path, world.files, each)
        size = each.listed.size
        known.update(each.erasures)
    return size, known


def _unknown(source: Source, log_id: str, listed: set[Erasure], known: set[Erasure]) -> int:
    """Return how much of a list the store does not say is taken back."""
    keys = {(erasure.user, erasure.key) for erasure in known if erasure.key}
    todo = again(log_id, (it for it in listed if (it.user, it.key) not in keys), source.ask)
    return len(todo.drafts) + len(todo.awaited) + len(todo.names)


def take_back_again(file: Path, data: Path, url: str, world: World) -> str:
    """Have what the list ``file`` says taken back again, in the store at ``url``, or in the one in ``data``;
    return a sentence about it. Blocks.

    :raises CannotStart: it cannot be done, for the reason in the sentence.
    """
    if world.files.status(file) is None:
        raise CannotStart(f"There is no list at {file}.")
    torn: list[Path] = []
    done = _in_database(file, url, world, torn) if url else _in_directory(file, data, world, torn)
    return " ".join([done, *(f"The last line of {path} is not whole, and was left out." for path in torn)])


def _in_directory(file: Path, data: Path, world: World, torn: list[Path]) -> str:
    lease = FlockLease(world.files, data)
    try:
        taken = lease.take()
    except OSError as error:
        raise CannotStart(f"There is no store in {data} ({error.strerror}).") from error
    if not taken:
        raise CannotStart(f"A master runs on {data}: stop its cluster first, by “chatnet stop”.")
    try:
        source = open_source(None, data, "", world)
        with read(source):
            log_id = _log_of(source)
        path = data / NAME
        size, known = _read_own(path, log_id, world, torn)
        new = sorted(set(_wanted(file, world, log_id, torn)) - known)
        if new:
            world.files.extend(path, size, b"".join(lines_of(log_id, new)))
    except OSError as error:
        raise CannotStart(f"{data / NAME} cannot be written ({error.strerror}).") from error
    finally:
        lease.release()
    return f"{len(new):,} that were not in {path} are there now: the next master takes them back again."


def _in_database(file: Path, url: str, world: World, torn: list[Path]) -> str:
    try:
        database = world.databases.connect(url)
        try:
            log_id = database.open(world.entropy(16).hex()).log_id
            wanted = list(dict.fromkeys(_wanted(file, world, log_id, torn)))
            return _again(log_id, wanted, url, lambda drafts: database.append(drafts, now(world))[0])
        finally:
            database.close()
    except Unavailable as away:
        raise CannotStart(f"The database cannot be reached ({away}).") from away


def now(world: World) -> int:
    """Return the time in milliseconds since 1970."""
    return int(world.wall() * 1000)


def _again(log_id: str, wanted: list[Erasure], url: str, append: Callable[[Any], list[Outcome]]) -> str:
    import psycopg

    connection = open_database(url)
    ask = asking(connection.execute)
    drafts, outcomes = list[Draft](), list[Outcome]()
    try:
        for at in range(0, len(wanted), _AT_A_TIME):
            some = _some_again(log_id, wanted[at : at + _AT_A_TIME], ask, connection)
            drafts += some
            outcomes += append(some) if some else []
    except psycopg.Error as error:
        raise CannotStart(f"That was broken off ({reason(error)}): run this again.") from error
    finally:
        connection.close()
    if refused := untaken(drafts, outcomes):
        raise CannotStart(f"{len(refused):,} could not be taken back again: {refused[0][1].sentence}")
    done = sum(isinstance(each, int) for each in outcomes)
    return (
        f"{len(wanted):,} are in the list. What this log had of it is taken back again, by {done:,} "
        "entries; a post that it does not have has no text if it comes again."
    )


def _some_again(log_id: str, wanted: list[Erasure], ask: Ask, connection: Any) -> list[Draft]:
    """Have the database wait for what is not in its log yet; return what takes back the rest."""
    todo = again(log_id, wanted, ask)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(AWAIT, todo.awaited)
        cursor.executemany(KEEP_NAME, [(name,) for name in todo.names])
    return todo.drafts


def _refuse_other_tables(source: Source) -> None:
    """:raises CannotStart: the tables are those of another release."""
    versions = [version for (version,) in source.ask("SELECT version FROM schema_version")]
    if versions != [source.steps]:
        raise CannotStart(
            f"{source.name} has the tables of another release: start a master of this one on it first."
        )


def _log_of(source: Source) -> str:
    """Return the log's id, which stands in the same place in the tables of all releases."""
    [(log_id,)] = source.ask("SELECT id FROM log")
    return str(log_id)


def _listed(path: Path, world: World, log_id: str, torn: Callable[[], object]) -> Iterator[Erasure]:
    return chain.from_iterable(line.erasures for line in read_list(path, world.files, log_id, torn=torn))


def _wanted(file: Path, world: World, log_id: str, torn: list[Path]) -> list[Erasure]:
    """Return what a list says of this log.

    :raises CannotStart: nothing.
    """
    found = list(_listed(file, world, log_id, lambda: torn.append(file)))
    if not found:
        raise CannotStart(_ANOTHER.format(path=file))
    return found
