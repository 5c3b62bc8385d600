"""Nothing that somebody else sends moves the cursor, rings, or recolours the terminal."""

from __future__ import annotations

import io
import os
import pty
import termios
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import urwid
from client.emulator import Cell, Disobeyed, Emulator, without_blanks
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock

from chatnet.client.calendar import Calendar
from chatnet.client.said import Said
from chatnet.client.screen import PALETTE, ScreenTerminal
from chatnet.client.text import one_line
from chatnet.entries import KEY_BYTES, Entry
from chatnet.world import Stdio

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
SIZES = [(30, 8), (60, 10), (120, 20)]
ORDERS = [
    "\x1b[2J", "\x1b[31m", "\x1b[1;1H", "\x1b]0;title\x07", "\x1b]52;c;eA==\x1b\\", "\x1b[6n", "\x1bc",
    "\x1b(0", "\x9b31m", "\x9d0;x\x9c", "\x90q\x1b\\", "\x0e", "\x0f", "\x07", "\x08" * 9, "\r", "\n", "\t",
    "\v", "\f", "\x7f", "\x00", "\x85", "\u2028", "\u2029", "\u202e", "\u202d", "\u2066", "\u2069", "\u061c",
    "\u200f", "\u200b", "\ufeff", "\u00ad", "\U000e0041", "\ufe0f", "\u200d", "\u200c", "\u0301" * 20,
    "\u102b" * 9, "e\u0301", "漢字", "👨\u200d👩\u200d👧", "🇩🇪", "\u3164", "\uffa0", "\u115f",
    "\u05e9\u05dc\u05d5\u05dd", "\u0645\u06cc\u200c\u062e\u0648", "x" * 70, "#tea ", "@bob ", " | ",
    "12:00 bob: ", "-- Above: ", "‹U+001B›",
]  # fmt: skip
CONTROLS = st.sampled_from([chr(number) for number in (*range(32), *range(0x7F, 0xA0))])
NASTY = st.lists(
    st.one_of(st.sampled_from(ORDERS), CONTROLS, st.characters(codec="utf-8"), st.just("word ")), max_size=12
).map("".join)


class Written(io.StringIO):
    """What was written to the terminal behind ``descriptor``."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor


class Watched:
    """A screen on a real terminal of this size, and an emulator that gets what is written there."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, size[::-1])
        self.written = Written(self.theirs)
        self.source = open(self.theirs, "rb", buffering=0, closefd=False)  # noqa: SIM115
        self.page: list[Entry] = []
        self.rooms: list[str] = []
        self.size = size
        calendar = Calendar(lambda seconds: datetime.fromtimestamp(seconds, UTC), lambda: int(NOON * 1000))
        self.screen = ScreenTerminal(MemoryReactorClock(), "alice", "m:1", calendar, self)
        self.screen.open(cast(Stdio, self))
        self.loop = cast(Any, self.screen._loop)
        colours = {self.loop.screen._attr_to_escape(look) for look in (None, *(row[0] for row in PALETTE))}
        # Two of them may follow each other.
        self.emulator = Emulator(*size, colours | {one + other for one in colours for other in colours})
        self.written.seek(0)
        self.written.truncate()

    async def first_rooms(self) -> list[str]:
        return self.rooms

    async def own_rooms(self) -> list[tuple[str, int, int]]:
        return [(room, 1 << 62, 1 << 62) for room in self.rooms]

    async def earlier(self, before: int | None) -> list[Entry]:
        return await self.history("", before)

    async def history(self, room: str, before: int | None) -> list[Entry]:
        page, self.page = self.page, []
        return page

    def encoding(self) -> str:
        return "utf-8"

    def streams(self) -> tuple[Any, Any]:
        return self.source, self.written

    def check(self) -> None:
        """Draw, and compare what the emulator shows with what was to be drawn."""
        self.loop.draw_screen()
        self.emulator.feed(self.written.getvalue())
        self.written.seek(0)
        self.written.truncate()
        canvas = self.screen.layout.render(self.size, focus=True)
        assert self.emulator.rows() == list(self._drawn(canvas))
        assert self.emulator.cursor == canvas.cursor

    def _drawn(self, canvas: Any) -> Iterator[list[Cell]]:
        for row in canvas.content():
            yield without_blanks(
                [
                    (letter, self.loop.screen._attr_to_escape(look))
                    for look, _, run in row
                    for letter in run.decode()
                ]
            )

    def close(self) -> None:
        self.screen.close()
        for pipe in (self.loop.screen._resize_pipe_rd, self.loop.screen._resize_pipe_wr):
            pipe.close()  # when garbage is collected, they may go before the screen, which closes them
        self.source.close()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture(autouse=True)
def utf_8() -> Iterator[None]:
    """Let the terminal use UTF-8."""
    with urwid.util.set_temporary_encoding("utf-8"):
        yield


@given(NASTY, NASTY, NASTY, st.sampled_from(SIZES))
@example("\x1b[31mbob", "#te\x07a", "\x1b[2J\x1b]0;x\x07 \u202e \x9b1m\r\n\b", (120, 20))
@example("bob", "#tea", "\u102b" * 9, (120, 20))
@example("bob", "#tea", "\n\u102b\t\u102b", (30, 8))
def test_whatever_comes_a_terminal_obeys_nothing_of_it(
    name: str, room: str, text: str, size: tuple[int, int]
) -> None:
    """Posts, history, names, rooms and sentences, from a worker that lies: what was to be drawn is drawn, in
    the colours of its look, and the cursor is where one types."""
    watched = Watched(size)
    try:
        screen = watched.screen
        watched.rooms = [name, room, text]
        screen.expect("post")
        watched.check()
        screen.heard(Said(room, name, text, int(NOON * 1000), 7))
        screen.heard(Said("#tea", "bob", f"a {text} b", int(NOON * 1000), 8))
        screen.show(text)
        screen.learn([room, name], is_member=True)
        watched.check()
        watched.page = [Entry(5, 0, "post", name, room, text, bytes(KEY_BYTES))]
        for key in ("page up", "page up", *"@", "tab", "tab", *"#", "tab"):
            screen.layout.keypress(size, key)
            watched.check()
        screen.linked(name)
        screen.expect("post", room)
        watched.check()
    finally:
        watched.close()


@given(NASTY)
def test_a_post_has_no_colour_but_for_what_is_shown_by_number(text: str) -> None:
    """It cannot look like a line of ours."""
    watched = Watched((60, 10))
    try:
        watched.screen.heard(Said("#tea", "bob", text, int(NOON * 1000), 7))
        looks = {
            look for row in list(watched.screen.layout.render((60, 10)).content())[1:-2] for look, _, _ in row
        }
        assert looks <= {None, "unseen"}
    finally:
        watched.close()


@given(NASTY)
def test_a_line_of_plain_text_is_one_line_and_no_order(text: str) -> None:
    """Where there is no screen, too."""
    emulator = Emulator(10_000, 1, set())
    emulator.feed(one_line(text).replace("\t", " "))


@pytest.mark.parametrize(
    "order", ["\x07", "\x1b[2J", "\x9b1m", "\x1b[35m", "\n", "\u202e", "\u200b", "\x1b[9;9H"]
)
def test_the_emulator_obeys_no_order(order: str) -> None:
    """Else the other tests would prove nothing."""
    with pytest.raises(Disobeyed):
        Emulator(8, 8, {"\x1b[0m"}).feed(f"a{order}b")
