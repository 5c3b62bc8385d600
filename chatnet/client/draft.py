"""The line that is being typed: its text, the cursor, and earlier lines. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate

from chatnet.client.cells import cells
from chatnet.client.completion import Completion
from chatnet.client.input_rows import View, below, view
from chatnet.client.typed import as_post, command_in, has_password, post_in
from chatnet.errors import BadText
from chatnet.form import MAX_TEXT, check_text

PROMPTS = {"command": "> ", "post": "say: ", "password": "Password: ", "answer": "answer: "}
MAX_BEFORE = 500
"""How many lines to remember."""
MAX_DRAFT = 2 * MAX_TEXT
"""The longest line that can be typed, in characters. All of it is laid out at each key; there is room to type
too long a post and then shorten it."""
TOO_LONG = f"A line has at most {MAX_DRAFT:,} characters here; what does not fit was left out."
QUESTION = "Send these {lines} lines as one post{where}? y, n, or e to edit: "
OVERLONG = "overlong paste"
"""A key: the paste was too large to be useful."""


class Pasted(str):
    """A key: everything that was pasted at once."""

    __slots__ = ()


class Draft:
    """The typed line. ``enter`` is called with each line, ``end`` on Ctrl-D, ``tell`` with a hint."""

    def __init__(
        self,
        enter: Callable[[str], None],
        end: Callable[[], None],
        tell: Callable[[str], None],
        completion: Completion,
    ) -> None:
        self._enter, self._end, self._tell = enter, end, tell
        self._completion = completion
        self._has_told = False  # that the line is full
        self._unpasted: tuple[str, int] | None = None  # text and cursor before the paste that is asked about
        self.expect("command")
        self._before: list[str] = []
        self._at = 0
        self._unsent = ""  # what was typed before going back to earlier lines
        self._cursor = 0
        self.text = ""

    def expect(self, what: str, room: str = "") -> None:
        """Say what is typed: a ``command``, a ``post`` in ``room``, an ``answer``, or a ``password``, which
        is not shown and not remembered."""
        self._what, self._room = what, room
        if what != "post":
            self._unpasted = None
        self._prompt = f"in {room}: " if room and what == "post" else PROMPTS[what]

    @property
    def is_secret(self) -> bool:
        """Whether a password is being typed."""
        return self._what == "password"

    def press(self, key: str) -> bool:
        """Apply one key, by urwid's names; return False if it means nothing here."""
        if isinstance(key, Pasted):
            self._paste(key)
        elif self._unpasted is not None:
            self._answer(key.lower(), *self._unpasted)
        elif len(key) == 1:
            self._type(key)
        elif key.startswith("<") and key.endswith(">"):
            self._type("\N{REPLACEMENT CHARACTER}")  # a byte that is not a character: it must not just vanish
        elif (act := self._acts().get(key)) is not None:
            act()
        else:
            return False
        return True

    def laid_out(self, width: int, height: int) -> View:
        """Return at most ``height`` rows around the cursor, and the cursor's column and row in them."""
        if self._unpasted is None:
            return self._view(width, height)
        lines, where = self.text.count("\n") + 1, f" in {self._room}" if self._room else ""
        return below(self._view, QUESTION.format(lines=lines, where=where), width, height)

    def _view(self, width: int, height: int) -> View:
        return view(self._prompt, self.text, self._cursor, width, height, is_secret=self.is_secret)

    # ---- keys ----

    def _acts(self) -> dict[str, Callable[[], None]]:
        text, cursor = self.text, self._cursor

        def delete() -> None:
            self._become(text[:cursor] + text[cursor + 1 :], cursor)

        return {
            "enter": self._submit,
            "tab": lambda: self._complete(1),
            "shift tab": lambda: self._complete(-1),
            OVERLONG: lambda: self._tell(TOO_LONG),
            "up": lambda: self._recall(-1),
            "down": lambda: self._recall(1),
            "left": lambda: self._move(-1),
            "right": lambda: self._move(1),
            "home": lambda: self._become(text, 0),
            "ctrl a": lambda: self._become(text, 0),
            "end": lambda: self._become(text),
            "ctrl e": lambda: self._become(text),
            "backspace": lambda: self._become(text[: max(0, cursor - 1)] + text[cursor:], cursor - 1),
            "delete": delete,
            "ctrl d": self._end if not text else delete,
            "ctrl k": lambda: self._become(text[:cursor]),
            "ctrl u": lambda: self._become(""),
            "ctrl w": self._erase_word,
        }

    def _become(self, text: str, cursor: int | None = None) -> None:
        self.text, self._has_told = text, False
        self._cursor = len(text) if cursor is None else max(0, cursor)

    def _complete(self, step: int) -> None:
        """Complete the word before the cursor; a tab that completes nothing is typed."""
        completed = self._completion.turn(self.text, self._cursor, self._what, step)
        if completed is not None and len(completed[0]) <= MAX_DRAFT:
            self._become(*completed)
        elif completed is None and step > 0:
            self._type("\t")

    def _type(self, letter: str) -> None:
        if len(self.text) < MAX_DRAFT:
            self._insert(letter)
        elif not self._has_told:
            self._has_told = True
            self._tell(TOO_LONG)

    def _insert(self, text: str) -> None:
        at = self._cursor
        self._become(self.text[:at] + text + self.text[at:], at + len(text))

    def _paste(self, text: str) -> None:
        """Insert all of a paste, or nothing: into a post with its line breaks, and then ask whether to send
        it; elsewhere line by line."""
        if self._what == "post":
            text = text.removesuffix("\n")
            is_asked = "\n" in text and command_in(self.text, "post") is None
            first, *others = [as_post(text) if is_asked and not self.text.strip() else text]
        else:
            is_asked = False
            first, *others = text.split("\n")
        if max(len(self.text) + len(first), *map(len, others), 0) > MAX_DRAFT:
            self._tell(TOO_LONG)
            return
        before = self.text, self._cursor
        *lines, last = first, *others
        for line in lines:
            self._insert(line)
            self._submit()
        self._insert(last)
        self._unpasted = before if is_asked and self._can_be_posted() else None

    def _answer(self, key: str, text: str, cursor: int) -> None:
        """Send what was pasted; or take it back to ``text``, which makes it an earlier line; or edit it."""
        if key in ("y", "n", "e"):
            self._unpasted = None
        if key == "y":
            self._submit()
        if key == "n":
            self._remember(self.text)
            self._become(text, cursor)

    def _can_be_posted(self) -> bool:
        """Return whether this can be sent, unless it is no post; tell why not."""
        if self._what == "post" and self.text.strip() and command_in(self.text, "post") is None:
            try:
                check_text(post_in(self.text))
            except BadText as error:
                self._tell(str(error))
                return False
        return True

    def _submit(self) -> None:
        """Enter the line; what cannot be posted stays."""
        if not self._can_be_posted():
            return
        line = self.text
        self._become("")
        self._remember(line)
        self._enter(line)

    def _remember(self, line: str) -> None:
        if line and not self.is_secret and not has_password(line):
            self._before = [*self._before[-MAX_BEFORE:], line]
        self._at, self._unsent = len(self._before), ""

    def _recall(self, step: int) -> None:
        if self.is_secret:
            return
        if self._at == len(self._before):
            self._unsent = self.text
        self._at = max(0, min(len(self._before), self._at + step))
        self._become(self._before[self._at] if self._at < len(self._before) else self._unsent)

    def _move(self, step: int) -> None:
        stops = [0, *accumulate(cell.length for cell in cells(self.text) if cell.length)]
        at = bisect_left(stops, self._cursor) - 1 if step < 0 else bisect_right(stops, self._cursor)
        self._cursor = stops[max(0, min(at, len(stops) - 1))]

    def _erase_word(self) -> None:
        kept = self.text[: self._cursor].rstrip()
        kept = kept[: kept.rfind(" ") + 1]
        self._become(kept + self.text[self._cursor :], len(kept))
