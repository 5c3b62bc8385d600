"""``chatnet log``: prints entries, to answer what happened to one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import msgspec
from twisted.internet.task import deferLater

from chatnet.blanking import emptied
from chatnet.client.text import on_terminal
from chatnet.entries import KEY_BYTES, Entry, More, of_row
from chatnet.errors import BadName, CannotStart
from chatnet.kinds import CLUSTER, HIDDEN, KINDS
from chatnet.names import fold_user
from chatnet.operator.source import Row, Source, blankings_of, head_of, open_source, read
from chatnet.store.sqlite.opening import is_decoded
from chatnet.text import is_text, legible
from chatnet.world import World

LOOK_SECONDS = 1.0
"""Seconds between two looks for new entries."""
PAGE = 1_000
"""How many entries are read at a time."""

MOST = (1 << 63) - 1
"""The greatest seq, and the greatest number that a store is asked for."""

# The first and the last millisecond that has a date.
_FIRST_TIME, _LAST_TIME = -62_135_596_800_000, 253_402_300_799_999

_COLUMNS = 'seq, time, kind, "user", room, text, key, more, at'


@dataclass(frozen=True)
class Damaged:
    """An entry that is not as it was written."""

    seq: int


@dataclass(frozen=True)
class Wanted:
    """Which entries to print: those that match everything given. ``key`` is in hexadecimal digits.

    :raises CannotStart: the kind is unknown, the key is not one, or nobody can be called so.
    """

    seq: int | None = None
    key: str | None = None
    user: str | None = None
    kinds: Sequence[str] = ()

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise CannotStart(f"“{legible(kind, 40)}” is no kind of entry: there are {', '.join(KINDS)}.")
        if self.user is not None and not is_text(self.user):
            raise CannotStart(f"“{legible(self.user, 40)}” is no text: it is not in UTF-8.")
        if self.user is not None:
            _author(self.user)
        if self.key is not None:
            try:
                whole = len(bytes.fromhex(self.key)) == KEY_BYTES
            except ValueError:
                whole = False
            if not whole:
                raise CannotStart(f"A key has {2 * KEY_BYTES} hexadecimal digits.")

    def conditions(self) -> Iterator[tuple[str, Sequence[object]]]:
        """Yield each condition in SQL, with its values."""
        if self.seq is not None:
            yield "seq = %s", [min(self.seq, MOST)]
        if self.key is not None:
            yield "key = %s", [bytes.fromhex(self.key)]
        if self.user is not None:
            yield '"user" = %s', [_author(self.user)]
        if self.kinds:
            yield f"kind IN ({', '.join(['%s'] * len(self.kinds))})", self.kinds


def _author(name: str) -> str:
    """Return who is called so in the log: a user, a guest, or the cluster itself.

    :raises CannotStart: nobody can be.
    """
    try:
        return CLUSTER if name == CLUSTER else fold_user(name)
    except BadName as no:
        raise CannotStart(str(no)) from no


class LogReader:
    """The ``wanted`` entries of a store. For its place see :func:`.source.open_source`. Blocks.

    ``is_whole``: everything read so far is as it was written.

    :raises CannotStart: by all methods, when the store cannot be read.
    """

    def __init__(self, wanted: Wanted, target: str | None, data: Path, url: str, world: World) -> None:
        self.is_whole = True
        self._wanted = wanted
        self._target, self._data, self._url, self._world = target, data, url, world

    def head(self) -> int:
        """Return the seq of the newest entry, wanted or not."""
        source = self._open()
        with read(source):
            head = head_of(source)
            if head is None:
                self._say_damaged("What the log says of its head")
                [(head,)] = source.ask("SELECT coalesce(max(seq), 0) FROM entry")
        return head

    def newest(self, count: int, upto: int) -> list[Entry | Damaged]:
        """Return the newest ``count`` up to the seq ``upto``, oldest first."""
        return self._ask("seq <= %s", upto, f"DESC LIMIT {min(count, MOST)}")[::-1]

    def show(self, entries: Iterable[Entry | Damaged]) -> None:
        """Print each entry, or say that it cannot be read."""
        for entry in entries:
            if isinstance(entry, Entry):
                # A terminal's tabs are wider than those of the rows that we make for it.
                said, width = line(entry), self._world.stdio.width()
                for row in on_terminal(said if width is None else said.expandtabs(), width):
                    self._world.stdio.say(row)
            else:
                self._say_damaged(f"Seq {entry.seq:,}")

    async def follow(self, behind: int) -> NoReturn:
        """Print each entry that comes after the seq ``behind``, until the process is ended."""
        while True:
            page = self._ask("seq > %s", behind, f"LIMIT {PAGE}")
            self.show(page)
            if page:
                behind = page[-1].seq
            if len(page) < PAGE:
                await deferLater(self._world.reactor, LOOK_SECONDS)

    def _say_damaged(self, what: str) -> None:
        self.is_whole = False
        self._world.stdio.error(f"{what} is not as it was written.")

    def _ask(self, bound: str, seq: int, order: str) -> list[Entry | Damaged]:
        conditions = [(bound, [seq]), *self._wanted.conditions()]
        where = " AND ".join(sql for sql, _ in conditions)
        values = [value for _, some in conditions for value in some]
        asked = f"FROM entry WHERE {where} ORDER BY seq {order}"
        source = self._open()
        with read(source):
            try:
                found = [_entry(row) for row in source.ask(f"SELECT {_COLUMNS} {asked}", *values)]
            except UnicodeDecodeError:
                seqs = list(source.ask(f"SELECT seq {asked}", *values))
                found = [_read_alone(source, seq) for (seq,) in seqs]
            gone = blankings_of(source)
        # What is taken back may not be overwritten yet.
        return [emptied(one) if isinstance(one, Entry) and gone.cover(one) else one for one in found]

    def _open(self) -> Source:
        # Each time: a file that nobody has open is read as one that does not change.
        return open_source(self._target, self._data, self._url, self._world)


def _entry(row: Row) -> Entry | Damaged:
    try:
        entry = of_row(row)
    except (msgspec.MsgspecError, AttributeError, TypeError):
        return Damaged(row[0])
    return entry if is_decoded(entry) and _FIRST_TIME <= entry.time <= _LAST_TIME else Damaged(entry.seq)


def _read_alone(source: Source, seq: int) -> Entry | Damaged:
    """Return one entry of a page of which some cannot be read."""
    try:
        [row] = source.ask(f"SELECT {_COLUMNS} FROM entry WHERE seq = %s", seq)
    except UnicodeDecodeError:
        return Damaged(seq)
    return _entry(row)


def line(entry: Entry) -> str:
    """Return a line with tabs between its columns: seq, time in UTC, kind, user, room, key, text, and
    what else it has.

    What is kept of a secret or a code is left out; everything that a terminal would act on is escaped.
    """
    at = datetime.fromtimestamp(entry.time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    kind = KINDS.get(entry.kind)
    text = entry.text if kind is not None and kind.text not in HIDDEN else ""
    kind_name, user, room, text = (
        legible(said, 10 * len(said) + 1) for said in (entry.kind, entry.user, entry.room, text)
    )
    words = [str(entry.seq), at, kind_name, user, room, entry.key.hex(), text]
    return "\t".join(words if entry.more is None else [*words, _besides(entry.more)])


def _besides(more: More) -> str:
    """Return what an entry has beyond its columns: whom it is for, what it refers to."""
    found = {
        "to": more.to,
        "ref": "" if more.ref is None else str(more.ref.seq),
        "form": more.form,
        "reacts": "yes" if more.reacts else "",
        "until": str(more.until or ""),
        "label": more.label,
        "scope": more.scope,
        "code": "yes" if more.code else "",
    }
    return " ".join(f"{name}={legible(value)}" for name, value in found.items() if value)
