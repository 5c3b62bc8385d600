"""``chatnet check``: checks whether a log is whole, and the other tables follow from its entries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path

import msgspec

from chatnet.entries import KEY_BYTES, Entry, of_row
from chatnet.errors import REFUSALS, CannotStart, NoSuchUser, Outgrown
from chatnet.kinds import CLUSTER, own_level
from chatnet.names import is_user
from chatnet.operator.derived import Derived, difference
from chatnet.operator.progress import Progress
from chatnet.operator.source import Source, head_of, open_source, read
from chatnet.store.facts import IS_SAID
from chatnet.store.sqlite.erased import NAME, is_list_of, read_list
from chatnet.store.sqlite.opening import is_decoded
from chatnet.store.sqlite.writer import Listed
from chatnet.text import legible
from chatnet.world import Files, World

SHOWN = 10
"""How many differences are reported."""
MOST_SAID = 1_000
"""How many characters of each are shown: it may quote what is in the store."""

_COLUMNS = 'seq, time, kind, "user", room, text, key, more, at'
_ENTRIES = f"SELECT {_COLUMNS} FROM entry WHERE seq > %s ORDER BY seq LIMIT %s"
_ENTRY = f"SELECT {_COLUMNS} FROM entry WHERE seq = %s"
_MENTION = 'SELECT 1 FROM mention WHERE "user" = %s AND room = %s AND seq = %s'
_REFUSALS = 'SELECT DISTINCT "user", code FROM refusal'
_HAS_TEXT = f'SELECT e.seq FROM entry AS e WHERE e."user" = %s AND e.key = %s AND {IS_SAID}'
_COME_AGAIN = """SELECT e.seq FROM erased JOIN entry AS e ON e."user" = erased."user" AND e.key = erased.key
    WHERE e.kind = 'post' AND e.text <> ''"""
_DOUBLE = 'SELECT "user", min(seq), max(seq) FROM entry GROUP BY key, "user" HAVING count(*) > 1'


def check(target: str | None, data: Path, url: str, world: World) -> str:
    """Check the file or directory ``target``; without one, the store at ``url``, or else the one in ``data``.

    Blocks, and changes nothing; a cluster may go on meanwhile. Returns a sentence if all is well.

    :raises CannotStart: the log is damaged, and the text says how; or it says why that cannot be known.
    """
    source = open_source(target, data, url, world)
    progress = Progress(world)
    derived = Derived("", lambda seq: None)
    try:
        with read(source):
            derived = Derived(_log_id_of(source), partial(_entry_at, source))
            found = _judged(source, derived, progress, world)
    except UnicodeDecodeError as error:
        raise CannotStart(f"{source.name} holds what is no text, behind seq {derived.head:,}.") from error
    finally:
        progress.end()
    if found:
        shown = (legible(each, MOST_SAID) for each in found)
        raise CannotStart("\n".join([f"{source.name} is damaged:", *shown]))
    return f"{source.name}: {derived.head:,} entries, and all that follows from them, are whole."


def _judged(source: Source, derived: Derived, progress: Progress, world: World) -> list[str]:
    try:
        batch = world.limits.batch_entries
        found = chain(_differences(source, derived, progress, batch), _come_back(source, world.files))
        return list(islice(found, SHOWN))
    finally:
        source.refuse_written()  # whatever was found: the store may have been written while it was read


def _differences(source: Source, derived: Derived, progress: Progress, batch: int) -> Iterator[str]:
    _refuse_other_tables(source)
    yield from source.flaws()
    head = head_of(source)
    if head is None:
        yield "what it says of itself, its id and its head, is not as it was written"
        return
    if (level := _level_of(source)) > own_level():
        raise Outgrown.at(level, own_level())
    derived.begin(level)
    progress.begin(0, max(1, head))
    while derived.head + batch < head:
        with source.moment():
            before = derived.head
            yield from _take(source, derived, batch)
        if derived.head == before:
            break  # there is a gap up to the end
        progress.show("read", derived.head)
    with source.moment():
        head = head_of(source)
        while True:
            before = derived.head
            yield from _take(source, derived, batch)
            if derived.head == before:
                break
        if derived.head != head:
            yield f"the log's head is {head or 0:,}, and its newest entry {derived.head:,}"
        if _level_of(source) != derived.level:
            yield f"its level is {_level_of(source)}, and {derived.level} follows from its entries"
        yield from derived.doubts()
        yield from _compare(source, derived)


def _refuse_other_tables(source: Source) -> None:
    """Refuse a store with the tables of a release that this one does not know, or has changed since.

    :raises CannotStart: they are; the sentence says which, and what to do.
    """
    versions = [version for (version,) in source.ask("SELECT version FROM schema_version")]
    if len(versions) != 1 or not isinstance(versions[0], int):
        return  # the flaws say so
    [version] = versions
    if 0 < version < source.steps:
        raise CannotStart(
            f"{source.name} has the tables of an older chatnet (schema {version}; this one checks schema "
            f"{source.steps}): start a master of this release on it, or on a copy, which brings them up to "
            "date; or check it with its own release."
        )
    if version > source.steps:
        [(works_from,)] = source.ask("SELECT works_from FROM schema_version")
        if isinstance(works_from, int) and works_from > source.steps:
            raise CannotStart(
                f"{source.name} was written by a newer chatnet (schema {version}; this one knows "
                f"{source.steps}): update chatnet here, or check it with that release."
            )


def _level_of(source: Source) -> int:
    """Return the level that the store states; 0 if it states none."""
    levels = [level for (level,) in source.ask("SELECT level FROM log")]
    return levels[0] if len(levels) == 1 and isinstance(levels[0], int) else 0


def _log_id_of(source: Source) -> str:
    """Return the log's id; empty if the store states none."""
    ids = [log_id for (log_id,) in source.ask("SELECT id FROM log")]
    return ids[0] if len(ids) == 1 and isinstance(ids[0], str) else ""


def _entry_at(source: Source, seq: int) -> Entry | None:
    """Return the entry at a seq; None if it is not there, or not as it was written."""
    for row in source.ask(_ENTRY, seq):
        with suppress(msgspec.MsgspecError):
            entry = of_row(row)
            return entry if is_decoded(entry) else None
    return None


def _take(source: Source, derived: Derived, batch: int) -> Iterator[str]:
    for row in list(source.ask(_ENTRIES, derived.head, batch)):
        try:
            entry = of_row(row)
        except (msgspec.MsgspecError, AttributeError, TypeError):
            entry = Entry(*row[:7])
            is_good = False
        else:
            is_good = is_decoded(entry)
        if not is_good:
            derived.head = entry.seq
            yield f"seq {entry.seq:,} is not as it was written"
            continue
        yield from derived.take(entry)
        index, places = derived.heard_at(entry)
        for place in places:
            if not list(source.ask(f"SELECT 1 FROM {index} WHERE name = %s AND seq = %s", place, entry.seq)):
                yield f"the index of {index}s lacks seq {entry.seq:,} at {place}"
        for user in derived.mentions_in(entry):
            if not list(source.ask(_MENTION, user, entry.room, entry.seq)):
                yield f"the index of mentions lacks {user} in seq {entry.seq:,}"


def _compare(source: Source, derived: Derived) -> Iterator[str]:
    for index, should, where in (
        ("place", derived.places, ""),
        ("gone", derived.gone, ""),
        ("event", derived.events, ""),
        # A post that was taken back in a private room names nobody any more, but its rows stay.
        ("mention", derived.mentions, " WHERE substr(room, 1, 1) <> '&'"),
    ):
        [(count,)] = source.ask(f"SELECT count(*) FROM {index}{where}")
        if count != should:
            yield f"the index of {index}s has {count:,} rows, and {should:,} follow from the entries"
    for user, first, last in source.ask(_DOUBLE):
        yield f"a key of {user} stands twice, at seq {first:,} and {last:,}"
    for table, columns, rows in derived.tables():
        if wrong := difference(table, rows, source.ask(f"SELECT {columns} FROM {table}")):
            yield wrong
    for user, seq in source.ask('SELECT "user", seq FROM ending'):
        if derived.state.forgotten.get(user) != seq:
            yield f"ending has a row that follows from no entry: {user!r}, {seq!r}"
    for user, key in source.ask('SELECT "user", key FROM erased'):
        if not (isinstance(user, str) and is_user(user) and isinstance(key, bytes) and len(key) == KEY_BYTES):
            yield f"erased has a row that is not as it was written: {user!r}, {key!r}"
    for (seq,) in source.ask(_COME_AGAIN):
        yield f"seq {seq:,} has a text, and was taken back before the log was put back"
    for user, code in source.ask(_REFUSALS):
        if str(code).encode() not in REFUSALS:
            yield f"a refusal of {user} has a code that there is not: {code}"
        elif user != CLUSTER and not derived.has(user) and code != NoSuchUser.code.decode():
            yield f"a refusal is of {user}, and there is no such user"


def _come_back(source: Source, files: Files) -> Iterator[str]:
    """Yield what the list beside the store says was taken back, and has a text. What the list says more than
    the store has followed, the next master takes back."""
    if source.path is None:
        return
    path = source.path.with_name(NAME)
    size, tail = next(source.ask("SELECT erased, erased_tail FROM log"), (None, None))
    if not isinstance(size, int) or not is_list_of(path, files, Listed(size, tail)):
        size = 0  # the next master obeys all of it
    try:
        for read in read_list(path, files, _log_id_of(source)):
            for erasure in read.erasures if read.listed.size <= size else ():
                for (seq,) in source.ask(_HAS_TEXT, erasure.user, erasure.key):
                    yield f"seq {seq:,} has a text, and {path.name} says that it was taken back"
    except CannotStart as damaged:
        yield str(damaged)
