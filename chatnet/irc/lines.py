"""The lines of an IRC client: split, checked and parsed, however they arrive. Pure.

A line ends with CR, LF or both, and has 512 bytes with them, beside the tags. What is longer is thrown away
up to its end, so that an endless line takes no memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

MOST_TAG_BYTES = 4_094
"""The longest tags of a client, without the ``@`` before them and the space behind."""
MOST_BYTES = 510
"""The longest rest of a line, without its end."""
MOST_LABEL_BYTES = 64
UNREAD = "*"
"""The command of a line whose command cannot be read: no command is called so, and a line can name it."""

_MOST = len("@") + MOST_TAG_BYTES + len(" ") + MOST_BYTES
_LINE = re.compile(rb"[ \r\n]*+([^\r\n]*+)[\r\n]")
_END = re.compile(rb"[\r\n]")
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_MEANT = {":": ";", "s": " ", "\\": "\\", "r": "\r", "n": "\n"}
_NO_TAGS: Mapping[str, str] = {}


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line of a client; where it says that it is from is left out. The command is in capitals.

    No parameter but the last is empty, begins with ``:`` or has a space.
    """

    tags: Mapping[str, str]
    command: str
    params: tuple[str, ...]

    @property
    def label(self) -> str:
        """What names this line in its answer; empty if nothing does."""
        return _label(self.tags) if self.tags else ""


class _Refused(msgspec.Struct, frozen=True, gc=False):
    command: str = UNREAD
    label: str = ""


class TooLong(_Refused, frozen=True, gc=False):
    """A line that was thrown away, as it was too long."""


class NotUtf8(_Refused, frozen=True, gc=False):
    """A line that is not UTF-8."""


class WithNul(_Refused, frozen=True, gc=False):
    """A line with a zero byte."""


Received = Line | TooLong | NotUtf8 | WithNul


class Splitter:
    """Takes what a client sends, and gives its lines one by one. What is not asked for yet, it keeps: so
    nothing is fed while lines wait."""

    __slots__ = ("_at", "_data", "_is_thrown_away")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._is_thrown_away = False

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def next(self) -> Received | None:
        """Return the next line that is not blank; None if it has not arrived whole."""
        if self._is_thrown_away and not self._has_found_end():
            return None
        found = _LINE.match(self._data, self._at)
        if found is None:
            return self._without_end()
        self._at = found.end()
        return _received(found[1])

    def _without_end(self) -> Received | None:
        self._data = self._data[self._at :].lstrip(b" \r\n")
        self._at = 0
        if len(self._data) <= _MOST:
            return None
        self._is_thrown_away = True
        return TooLong(*_named(self._data))

    def _has_found_end(self) -> bool:
        end = _END.search(self._data, self._at)
        self._is_thrown_away = end is None
        self._at = len(self._data) if end is None else end.end()
        return end is not None


def _received(raw: bytes) -> Received:
    if len(raw) > MOST_BYTES and _is_too_long(raw):
        return TooLong(*_named(raw))
    if b"\0" in raw:
        return WithNul(*_named(raw))
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return NotUtf8(*_named(raw))
    return _parsed(text)


def _is_too_long(raw: bytes) -> bool:
    if raw[:1] != b"@":
        return True
    tags, _, rest = raw.partition(b" ")
    return len(tags) - 1 > MOST_TAG_BYTES or len(rest) > MOST_BYTES


def _parsed(text: str) -> Line:
    tags = _NO_TAGS
    if text[0] == "@":
        said, _, text = text[1:].partition(" ")
        tags, text = read_tags(said), text.lstrip(" ")
    if text[:1] == ":":
        text = text.partition(" ")[2].lstrip(" ")
    head, colon, last = text.partition(" :")
    words = head.split(" ")
    if "" in words:
        words = [word for word in words if word]
    if colon:
        words.append(last)
    command = words[0] if head and head[0] != ":" else UNREAD
    return Line(tags, command.upper() if command.isascii() else command, tuple(words[1:]))


def _named(raw: bytes) -> tuple[str, str]:
    """Return the command and the label of a line that is not read."""
    head = raw[:_MOST].decode("utf-8", "replace")
    if head[0] == "@" and " " not in head:
        head = head.rpartition(";")[0]  # the last tag may be cut, or lack its space
    line = _parsed(head or ":")
    command = line.command if line.params and line.command.isalnum() and line.command.isascii() else UNREAD
    label = line.label
    return command, "" if "\ufffd" in label or "\0" in label else label


def _label(tags: Mapping[str, str]) -> str:
    label = tags.get("label", "")
    return label if len(label.encode()) <= MOST_LABEL_BYTES else ""


def read_tags(said: str) -> dict[str, str]:
    """Return the tags that stand so in a line, without the ``@``; of one that is there twice, the last."""
    tags: dict[str, str] = {}
    for one in said.split(";"):
        key, _, value = one.partition("=")
        if key:
            tags[key] = unescape(value) if "\\" in value else value
    return tags


def unescape(value: str) -> str:
    """Return the value of a tag as it was meant."""
    return _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), value)
