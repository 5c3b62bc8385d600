"""Completes the word before the cursor: commands, @names, #topics and rooms. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from chatnet.client.seen import Seen
from chatnet.client.typed import command_in
from chatnet.names import fold_prefix

_MARKED = re.compile(r"(?<![\w@#&/])[@#&][^\s@#&]*$")
_ABOUT_SOMEBODY = frozenset(("INVITE", "REMOVE", "ROLE", "BAN", "MUTE", "UNBAN"))
"""The commands that take a room and then a name."""
_WORD = re.compile(r"\S*$")


class Found(NamedTuple):
    """The words that fit, and where the one begins that they replace."""

    start: int
    words: Sequence[str]


class Completion:
    """Turns through the words that fit, from the one that was seen last. ``commands`` are named without a
    slash."""

    def __init__(self, seen: Seen) -> None:
        self.commands: Sequence[str] = ()
        self._seen = seen
        self._found = Found(0, ())
        self._number = 0
        self._behind = ""
        self._left: tuple[str, int] | None = None  # the line and the cursor after the last turn

    def turn(self, text: str, cursor: int, what: str, step: int) -> tuple[str, int] | None:
        """Return the line with the next word (``step`` 1) or the one before (-1), and the cursor in it; the
        same line if none fits. None: there is nothing to complete here.

        ``what`` the line is, as in :class:`~.typed.Typed`.
        """
        if (text, cursor) == self._left:
            self._number += step
        else:
            found = self._fitting(text[:cursor], what)
            if found is None:
                return None
            self._found, self._behind = found, text[cursor:]
            self._number = 0 if step > 0 else -1
        if not self._found.words:
            return text, cursor
        word = self._found.words[self._number % len(self._found.words)]
        before = f"{text[: self._found.start]}{word} "
        self._left = before + self._behind.removeprefix(" "), len(before)
        return self._left

    def _fitting(self, before: str, what: str) -> Found | None:
        """Return what fits the end of ``before``; None if that is nothing to complete."""
        if what not in ("command", "post"):
            return None
        command = command_in(before, what)
        word = _WORD.search(before)
        assert word is not None
        if command is not None and not before[: word.start()].strip():
            return self._commands(before, command)
        if marked := _MARKED.search(before):
            words = ["@" + name for name in self._seen.names] if marked[0][0] == "@" else self._seen.rooms
            return _beginning(marked.start(), marked[0], words)
        words = (command or "").split()
        if word[0] and len(words) == 2:
            return _beginning(word.start(), word[0], self._seen.rooms)
        if word[0] and len(words) == 3 and words[0].upper() in _ABOUT_SOMEBODY:
            return _beginning(word.start(), word[0], self._seen.names)
        return None

    def _commands(self, before: str, command: str) -> Found | None:
        """In a chat with the slash before it, and as small as it is usually typed there."""
        if not before.strip():
            return None
        names = [name if command.isupper() else name.lower() for name in self.commands]
        return _beginning(len(before) - len(command), command, sorted(names))


def _beginning(start: int, word: str, words: Sequence[str]) -> Found:
    prefix = fold_prefix(word)
    return Found(start, [one for one in words if one.lower().startswith(prefix)])
