"""Connections of IRC users: lines, read by code of their own, so that faults of the cluster's writer show."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.net.pulse import Pulse
from simulator.users.bare_line import BareLine

IN_PARTS = 0.1
"""How often what is said comes in two pieces, cut anywhere, with a pause between."""
PAUSE_SECONDS = 0.05
MOST_BYTES, MOST_TAGS = 512, 8_191
"""How long a line is at most, with its end, beside its tags; and those, with the space behind them."""
LABELLED = "labeled-response"
"""The batch of what answers one line."""
ALIVE = "alive"
"""The token of a PING that is a sign of life, and nothing else."""
_UNESCAPED = {":": ";", "s": " ", "r": "\r", "n": "\n", "\\": "\\"}


class Malformed(Exception):
    """A line is none of IRC; the text says why."""


class Line(NamedTuple):
    """One line that came."""

    tags: dict[str, str]
    source: str
    command: str
    params: list[str]

    @property
    def nick(self) -> str:
        """The user whom it comes from, whatever the capitals are; empty if it is the server's. Guests are
        told by their host."""
        nick, mark, rest = self.source.partition("!")
        name = nick.lower() if mark else ""
        return f"~{name}" if rest.endswith("@guest") else name


@dataclass
class Batch:
    """Lines that belong together, and batches among them: ``begun`` is the line that began it."""

    begun: Line
    items: list[Line | Batch] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What it is a batch of."""
        return self.begun.params[1]

    @property
    def tags(self) -> dict[str, str]:
        """The tags of all of it."""
        return self.begun.tags


Item = Line | Batch


def first_of(item: Item) -> Line:
    """Return the line itself, or that with which a batch begins."""
    return item if isinstance(item, Line) else item.begun


def read_line(said: bytes) -> Line:
    """Return what a line says.

    :raises Malformed: it is none.
    """
    try:
        text = said.decode()
    except UnicodeDecodeError as error:
        raise Malformed("it is no UTF-8") from error
    tags: dict[str, str] = {}
    if text[:1] == "@":
        words, _, text = text[1:].partition(" ")
        if len(words.encode()) + 2 > MOST_TAGS:
            raise Malformed("its tags are too long")
        for word in words.split(";"):
            name, _, value = word.partition("=")
            if not name or name in tags:
                raise Malformed(f"the tag {name} is there twice, or has no name")
            tags[name] = _unescaped(value)
    if len(text.encode()) + 2 > MOST_BYTES:
        raise Malformed("it is too long")
    if any(letter in text for letter in "\r\n\0"):
        raise Malformed("there is what ends a line in it")
    source = ""
    if text[:1] == ":":
        source, _, text = text[1:].partition(" ")
    before, mark, last = text.partition(" :")
    command, *params = before.split(" ")
    if not command or "" in params:
        raise Malformed("a word is empty")
    if not (command.isascii() and command.isalnum()):
        raise Malformed(f"{command} is no command")
    return Line(tags, source, command, [*params, last] if mark else params)


def _unescaped(value: str) -> str:
    parts = iter(value)
    return "".join(_UNESCAPED.get(after := next(parts, ""), after) if one == "\\" else one for one in parts)


def tag_value(text: str) -> str:
    """Return a text as the value of a tag."""
    names = {value: name for name, value in _UNESCAPED.items()}
    return "".join(f"\\{names[letter]}" if letter in names else letter for letter in text)


class IrcLine(BareLine, Protocol):
    """One connection: ``hears`` gets each line, or each batch in one piece. Between the parts of an answer
    there may be what others say: so it gets each of these parts, too, when that comes, with the batch that it
    is in. It is :class:`~chatnet.net.pulse.Watched`."""

    _logger = Logger()

    def __init__(
        self, hears: Callable[[Item, Batch | None], object], pulse: Pulse, clock: Any, chance: random.Random
    ) -> None:
        super().__init__()
        self._hears = hears
        self._pulse = pulse
        self._clock = clock
        self._chance = chance
        self._end = chance.choice(("\r\n", "\r\n", "\n"))
        self._came = self._held = b""
        self._batches: dict[str, Batch] = {}

    def connectionMade(self) -> None:
        self._pulse.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._pulse.discard(self)
        self.transport = None
        self._tell_lost()

    # ---- sending ----

    def ping(self) -> None:
        self.say(f"PING {ALIVE}")

    def say(self, *lines: str) -> None:
        """Say lines, sometimes in two pieces."""
        data = "".join(line + self._end for line in lines).encode()
        if self._held:
            self._held += data  # behind what waits for its turn
        elif len(data) > 1 and self._chance.random() < IN_PARTS:
            at = self._chance.randrange(1, len(data))  # perhaps in the middle of a letter
            self._write(data[:at])
            self._held = data[at:]
            self._clock.callLater(self._chance.uniform(0, PAUSE_SECONDS), self._say_the_rest)
        else:
            self._write(data)

    def _say_the_rest(self) -> None:
        held, self._held = self._held, b""
        self._write(held)

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    # ---- receiving ----

    def dataReceived(self, data: bytes) -> None:
        self.silent = 0.0
        *lines, self._came = (self._came + data).split(b"\r\n")
        for line in lines:
            if self.transport is None:
                return
            try:
                self._take(read_line(line))
            except (Malformed, LookupError) as why:
                self._logger.failure("The front says {line}", Failure(why), line=repr(line))
                self.abort()
                return

    def _take(self, line: Line) -> None:
        if line.command == "BATCH":
            mark, name = line.params[0][0], line.params[0][1:]
            if mark == "+":
                if name in self._batches:
                    raise Malformed("that batch is open")
                self._batches[name] = Batch(line)
                return
            item: Item = self._batches.pop(name)
        else:
            item = line
        outer = item.tags.get("batch")
        if outer is None:
            self._hears(item, None)
        elif outer in self._batches:
            batch = self._batches[outer]
            batch.items.append(item)
            if batch.kind == LABELLED:
                self._hears(item, batch)
        else:
            raise Malformed("it is of a batch that is not open")


def lines_of(item: Item) -> Iterator[Line]:
    """Yield all lines in an item, but those that begin and end batches."""
    if isinstance(item, Line):
        yield item
    else:
        for one in item.items:
            yield from lines_of(one)
