"""What is said, between IRC's lines and chatnet's texts. Pure.

IRC has controls for colours and for CTCP in its texts, and lines of 512 bytes; chatnet has neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec
from wcwidth import grapheme_boundary_before

from chatnet.ignorable import bare
from chatnet.names import too_many_marks

LEAST_ROOM = 40
"""The least room for a text in a line, in bytes."""
_CTCP = "\x01"
_ACTION = "ACTION"
_COLOUR = re.compile("\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9a-fA-F]{6}(?:,[0-9a-fA-F]{6})?)?")
_BREAK = re.compile("[\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Said(msgspec.Struct, frozen=True, gc=False):
    """A text as chatnet has it, perhaps empty; and its form: ``action``, or none."""

    text: str
    form: Literal["action", ""] = ""


class Dropped(msgspec.Struct, frozen=True, gc=False):
    """A question or answer of CTCP, which is for programs and goes nowhere."""

    command: str


def incoming(text: str) -> Said | Dropped:
    """Return what a client says: without formatting and controls; tabs and line feeds stay."""
    if text.isprintable():
        return Said(text)
    if text[0] != _CTCP:
        return Said(_without_controls(text))
    command, _, words = text.strip(_CTCP).partition(" ")
    if command and command.upper() != _ACTION:
        return Dropped(_without_controls(command))
    return Said(_without_controls(words), "action" if command else "")


def harmless(words: str) -> str:
    """Return what a client says of itself, without formatting and controls."""
    return words if words.isprintable() else _without_controls(words)


def words(said: str) -> str:
    """Return a description, or words in passing, as the log takes them: without formatting, controls and
    invisible characters. Clients send all of these there, in colours, with emojis that are joined."""
    return said if said.isprintable() else "".join(filter(str.isprintable, _without_controls(said)))


def in_passing(said: str, most: int) -> str:
    """Return of words in passing, as a reason is, what the log takes, perhaps nothing: what they belong to
    is done, whatever they are."""
    kept = words(said)[:most].strip()
    return "" if too_many_marks(bare(kept)) else kept


def _without_controls(text: str) -> str:
    return _CONTROL.sub("", _BREAK.sub(" ", _COLOUR.sub("", text)))


def action(text: str) -> str:
    """Return a text of the form ``action`` as CTCP has it."""
    return f"{_CTCP}{_ACTION} {text}{_CTCP}"


def outgoing(text: str, room_for: int) -> list[str]:
    """Return a text in lines of at most ``room_for`` bytes, none of them blank.

    A line is split behind a space, or else between two graphemes, or else between two characters.
    """
    if len(text) <= room_for and text.isascii() and text.isprintable():
        return [text] if text.strip() else []  # almost all are so
    pieces = multiline(text, room_for)
    lines = [piece.text.strip(" ") if piece.goes_on else piece.text.rstrip(" ") for piece in pieces]
    return [line for line in lines if line.strip()]


class Piece(msgspec.Struct, frozen=True, gc=False):
    """A line of a batch; ``goes_on``: it goes on with the line before it."""

    text: str
    goes_on: bool


def multiline(text: str, room_for: int) -> list[Piece]:
    """Return a text in the lines of a batch, from which it can be put together again."""
    return [
        Piece(piece, number > 0)
        for line in text.split("\n")
        for number, piece in enumerate(_pieces(line, room_for))
    ]


def _pieces(line: str, room_for: int) -> Iterator[str]:
    """Yield the pieces of a line, which together are the line; one that is empty for an empty line."""
    if room_for < LEAST_ROOM:
        raise ValueError(f"{room_for} bytes are no room for a text")
    while len(line.encode()) > room_for:
        fits = line.encode()[:room_for].decode(errors="ignore")
        end = _end_of_words(fits, line) or _end_of_graphemes(line, len(fits))
        yield line[:end]
        line = line[end:]
    yield line


def _end_of_words(fits: str, line: str) -> int:
    """Return the place behind the last space, if a word stands before it; otherwise 0."""
    end = fits.rfind(" ") + 1
    return end if fits[:end].strip() else 0


def _end_of_graphemes(line: str, most: int) -> int:
    return grapheme_boundary_before(line, most + 1) or most
