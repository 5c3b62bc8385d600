"""What a typed line is: a command, a post, a password or an answer. Pure.

In a chat a command has a slash before it, and a post that is to begin with a slash begins with two. Before a
chat a command may have a slash. What
looks like a slash counts as one, and what cannot be seen before it does not count.

Lines are often typed before earlier ones are done. What such a line is depends on those, and never changes
later: what was typed as a password must not be shown or posted.
"""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

from chatnet.ignorable import IGNORABLE

_SLASHES = re.compile(rf"([\s{IGNORABLE}]*)([/\uff0f\u2044\u2215\u2571\u29f8]*)")
_CHAT, _QUIT, _PASSWORD = "CHAT", "QUIT", "PASSWORD"


class Typed(NamedTuple):
    """A typed line, and what it was expected to be: a ``command``, a ``post`` or a ``password``."""

    text: str
    what: str


def command_in(line: str, expected: str) -> str | None:
    """Return the command in ``line``, without its slash, as it was typed; None if it is none."""
    slashes = _slashes(line)
    if expected == "command":
        return line[slashes.end() if len(slashes[2]) == 1 else 0 :].strip()
    if expected == "post" and len(slashes[2]) == 1:
        rest = line[slashes.end() :].rstrip()
        return "" if rest[:1].isspace() else rest
    return None


def post_in(line: str) -> str:
    """Return what a line posts that is no command: of the slashes that begin it, one fewer."""
    slashes = _slashes(line)
    return slashes[1] + line[slashes.end(1) + 1 :] if slashes[2] else line


def as_post(text: str) -> str:
    """Return the line that posts ``text``, whatever it begins with."""
    slashes = _slashes(text)
    return f"{slashes[1]}/{text[slashes.end(1) :]}" if slashes[2] else text


def has_password(line: str) -> bool:
    """Return whether this may be a PASSWORD command followed by the password, whatever was expected."""
    words = line[_slashes(line).end() :].split(None, 1)
    return len(words) > 1 and words[0].upper() == _PASSWORD


def _slashes(line: str) -> re.Match[str]:
    found = _SLASHES.match(line)
    assert found is not None
    return found


class Ahead:
    """What the next typed line is, when the lines before it are done as is to be expected.

    :meth:`expect` says what is so; :meth:`add` is called with each typed line, and :meth:`gave` and
    :meth:`done` when it is given out, and when what it has changed was said.
    """

    def __init__(self) -> None:
        self._mode = "command"
        self._is_asked = self._given = False
        self._lines: deque[str] = deque()
        self._state = _State(self._mode, False)

    def expect(self, what: str) -> None:
        """Expect a ``command`` or a ``post`` from now on, or once a ``password`` or an ``answer``."""
        self.done()
        if what in ("command", "post"):
            self._mode = what
        self._is_asked = what == "answer"
        self._state = _State(self._mode, what == "password")
        for line in self._lines:
            self._state = _behind(self._state, line)

    @property
    def next(self) -> str:
        """What the next line is."""
        if self._is_asked:
            return "answer"
        return "password" if self._state.is_secret else self._state.mode

    def add(self, line: str) -> str:
        """Return what this line is."""
        what = self.next
        if what == "answer":
            self._is_asked = False
        else:
            self._lines.append(line)
            self._state = _behind(self._state, line)
        return what

    def gave(self) -> None:
        """The oldest line is being done."""
        self._given = True

    def done(self) -> None:
        """It is done."""
        if self._given:
            self._given = False
            self._lines.popleft()


class _State(NamedTuple):
    mode: str
    is_secret: bool


def _behind(state: _State, line: str) -> _State:
    """Return what is expected behind ``line``."""
    command = None if state.is_secret else command_in(line, state.mode)
    words = (command or "").upper().split(None, 1)
    match state.mode, words:
        case "command", [word, *_] if word == _CHAT:
            return _State("post", False)
        case "post", [word] if word == _QUIT:
            return _State("command", False)
        case _, [word] if word == _PASSWORD:
            return _State(state.mode, True)
    return _State(state.mode, False)
