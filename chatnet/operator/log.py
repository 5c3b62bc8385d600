"""``chatnet log``: prints entries, so that what became of one can be answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from twisted.internet.task import deferLater

from chatnet.entries import KEY_BYTES, Entry
from chatnet.errors import CannotStart
from chatnet.kinds import KINDS, Text
from chatnet.operator.source import Source, open_source, read
from chatnet.text import legible
from chatnet.world import World

LOOK_SECONDS = 1.0
"""How often it is looked for new entries."""
PAGE = 1_000
"""How many entries are read at a time."""

_SELECT = 'SELECT seq, time, kind, "user", room, text, key FROM entry WHERE '


@dataclass(frozen=True)
class Wanted:
    """Which entries: those of which all that is given is true. ``key`` is in hexadecimal digits.

    :raises CannotStart: there is no such kind, or no such key.
    """

    seq: int | None = None
    key: str | None = None
    user: str | None = None
    kinds: Sequence[str] = ()

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise CannotStart(f"“{legible(kind, 40)}” is no kind of entry: there are {', '.join(KINDS)}.")
        if self.key is not None:
            try:
                whole = len(bytes.fromhex(self.key)) == KEY_BYTES
            except ValueError:
                whole = False
            if not whole:
                raise CannotStart(f"A key has {2 * KEY_BYTES} hexadecimal digits.")

    def conditions(self) -> Iterator[tuple[str, Sequence[object]]]:
        """Each in SQL, with its values."""
        if self.seq is not None:
            yield "seq = %s", [self.seq]
        if self.key is not None:
            yield "key = %s", [bytes.fromhex(self.key)]
        if self.user is not None:
            yield '"user" = %s', [self.user]
        if self.kinds:
            yield f"kind IN ({', '.join(['%s'] * len(self.kinds))})", self.kinds


class LogReader:
    """The entries of a store that are ``wanted``. Where it is: see :func:`.source.open_source`. Blocks.

    :raises CannotStart: by all methods, when the store cannot be read.
    """

    def __init__(self, wanted: Wanted, target: str | None, data: Path, url: str, world: World) -> None:
        self._wanted = wanted
        self._target, self._data, self._url, self._world = target, data, url, world

    def head(self) -> int:
        """The seq of the newest entry there is, wanted or not."""
        source = self._open()
        with read(source):
            [(head,)] = source.ask("SELECT head FROM log")
            return int(head)

    def newest(self, count: int, upto: int) -> list[Entry]:
        """The newest ``count`` up to this seq, oldest first."""
        return list(self._ask("seq <= %s", upto, f"DESC LIMIT {count}"))[::-1]

    async def follow(self, behind: int) -> NoReturn:
        """Print each that comes behind this seq, until the process is ended."""
        while True:
            page = list(self._ask("seq > %s", behind, f"LIMIT {PAGE}"))
            for entry in page:
                self._world.stdio.say(line(entry))
                behind = entry.seq
            if len(page) < PAGE:
                await deferLater(self._world.reactor, LOOK_SECONDS)

    def _ask(self, bound: str, seq: int, order: str) -> Iterator[Entry]:
        conditions = [(bound, [seq]), *self._wanted.conditions()]
        where = " AND ".join(sql for sql, _ in conditions)
        values = [value for _, some in conditions for value in some]
        source = self._open()
        with read(source):
            for row in source.ask(f"{_SELECT}{where} ORDER BY seq {order}", *values):
                yield Entry(*row)

    def _open(self) -> Source:
        # Each time: a file that nobody has open is read as one that does not change.
        return open_source(self._target, self._data, self._url, self._world)


def line(entry: Entry) -> str:
    """One line, in columns with tabs between them: seq, time in UTC, kind, user, room, key, text.

    A credential is nobody's business; in a text, what a terminal would obey is escaped.
    """
    at = datetime.fromtimestamp(entry.time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    kind = KINDS.get(entry.kind)
    is_shown = kind is not None and kind.text is Text.POST
    text = legible(entry.text, 10 * len(entry.text) + 1) if is_shown else ""
    return "\t".join([str(entry.seq), at, entry.kind, entry.user, entry.room, entry.key.hex(), text])
