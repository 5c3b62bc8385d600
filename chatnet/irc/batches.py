"""Batches: the names of ours, and a client's long post in its lines, put together. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count

import msgspec

from chatnet.irc import writer
from chatnet.irc.lines import Line
from chatnet.irc.msgids import in_base_36
from chatnet.names import fold

MULTILINE = "draft/multiline"
CONCAT = "draft/multiline-concat"
"""The tag of a line that goes on with the one before."""
MOST_TEXT_BYTES = 8_000
"""The longest post that comes in lines, in bytes."""
MOST_LINES = 40
_NAME = re.compile("[A-Za-z0-9-]+")
_SPOKEN = ("PRIVMSG", "NOTICE")


class Names:
    """The names of the batches for one connection, each used once."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers = count(1)

    def fresh(self) -> str:
        """Return a name that no batch of this connection had."""
        return in_base_36(next(self._numbers))


class Whole(msgspec.Struct, frozen=True, gc=False):
    """What a client said in a batch. Tags and label are those with which it began."""

    command: str
    target: str
    text: str
    tags: Mapping[str, str]
    label: str


class Failed(msgspec.Struct, frozen=True, gc=False):
    """A batch that is refused, and ignored from now on; ``label`` is that with which it began."""

    code: str
    context: tuple[str, ...]
    why: str
    label: str

    def words(self) -> tuple[str, ...]:
        """Return the line that says so, from its command on."""
        return ("FAIL", "BATCH", self.code, *map(writer.word, self.context), self.why)


class Multiline:
    """The one batch that a connection may have open."""

    __slots__ = ("_bytes", "_command", "_ignored", "_lines", "_name", "_opened", "_target")

    def __init__(self) -> None:
        self._ignored = ""
        self._forget()

    @property
    def is_open(self) -> bool:
        """Whether a batch has begun that has not come to its end."""
        return self._opened is not None

    def _forget(self) -> None:
        self._opened: Line | None = None
        self._name = self._target = self._command = ""
        self._lines: list[str] = []
        self._bytes = 0

    def said(self, line: Line) -> Whole | Failed | None:
        """Take a BATCH, or a line with the tag ``batch``. None: there is nothing to say about it yet."""
        if line.command != "BATCH":
            return self._taken(line)
        if not line.params:
            return self._failed("NEED_MORE_PARAMS", (), "BATCH needs the name of a batch.", line)
        sign, name = line.params[0][:1], line.params[0][1:]
        if sign == "-":
            return self._closed(name, line)
        if sign != "+" or not _NAME.fullmatch(name):
            return self._failed("INVALID_REFTAG", (name,), "No batch can have that name.", line)
        return self._begun(name, line.params[1:], line)

    def _begun(self, name: str, params: Sequence[str], line: Line) -> Failed | None:
        has_another = self._opened is not None
        self._forget()
        self._name = name
        self._ignored = "" if self._ignored == name else self._ignored
        if not params or params[0] != MULTILINE:
            context = (name, *params[:1])
            return self._failed("UNKNOWN_TYPE", context, "There are no such batches here.", line)
        if has_another or "batch" in line.tags:
            return self._invalid("A batch is closed before another begins.", line)
        if len(params) < 2:
            return self._invalid("A batch of lines is for a target.", line)
        self._opened, self._target = line, params[1]
        return None

    def _taken(self, line: Line) -> Failed | None:
        name = line.tags.get("batch", "")
        if name and name == self._ignored:
            return None
        if self._opened is None or name != self._name:
            return self._invalid("There is no batch of that name.", line)
        if line.command not in _SPOKEN or self._command not in ("", line.command):
            return self._invalid("A batch has lines of PRIVMSG alone, or of NOTICE alone.", self._opened)
        self._command = line.command
        target, text = (*line.params, "", "")[:2]
        if fold(target) != fold(self._target):
            targets = (self._target, target)
            return self._failed("MULTILINE_INVALID_TARGET", targets, "A batch has one target.", self._opened)
        return self._added(text, CONCAT in line.tags, self._opened)

    def _added(self, text: str, goes_on: bool, opened: Line) -> Failed | None:
        if goes_on and not text:
            return self._invalid("A line that goes on with another is not empty.", opened)
        joined = text if goes_on or not self._lines else "\n" + text
        self._lines.append(joined)
        self._bytes += len(joined.encode())
        if len(self._lines) > MOST_LINES:
            why = f"A batch has at most {MOST_LINES} lines."
            return self._failed("MULTILINE_MAX_LINES", (str(MOST_LINES),), why, opened)
        if self._bytes > MOST_TEXT_BYTES:
            why = f"A batch has at most {MOST_TEXT_BYTES:,} bytes of text."
            return self._failed("MULTILINE_MAX_BYTES", (str(MOST_TEXT_BYTES),), why, opened)
        return None

    def _closed(self, name: str, line: Line) -> Whole | Failed | None:
        if name and name == self._ignored:
            self._ignored = ""
            return None
        opened = self._opened
        if opened is None or name != self._name:
            return self._invalid("There is no batch of that name.", line)
        whole = Whole(self._command, self._target, "".join(self._lines), opened.tags, opened.label)
        self._forget()
        if not whole.text.strip("\n"):
            return self._invalid("All lines of that batch were empty.", opened)
        return whole

    def _invalid(self, why: str, line: Line) -> Failed:
        return self._failed("MULTILINE_INVALID", (), why, line)

    def _failed(self, code: str, context: tuple[str, ...], why: str, line: Line) -> Failed:
        self._ignored = self._name
        self._forget()
        return Failed(code, context, why, line.label)
