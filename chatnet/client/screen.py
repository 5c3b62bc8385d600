"""The terminal of people: the feed above, one input line below, and a status line in between.

Incoming posts never disturb what is being typed. The user's own posts show at once, dim until acknowledged.
urwid reads keys and draws; the layout is made here, since urwid's own fails at words of some scripts.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Protocol

import urwid
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from urwid.display.common import InputClosedError

from chatnet.blanking import Blanking
from chatnet.client.back import Back
from chatnet.client.calendar import Calendar
from chatnet.client.commands import NOWHERE
from chatnet.client.completion import Completion
from chatnet.client.draft import Draft
from chatnet.client.entered import Entered
from chatnet.client.layout import Layout
from chatnet.client.past import day_line
from chatnet.client.pastes import Pastes
from chatnet.client.refused import REFUSED
from chatnet.client.rooms import MOST_LISTED, Rooms
from chatnet.client.said import Said
from chatnet.client.scroll import Line, Scroll
from chatnet.client.seen import Seen
from chatnet.client.terminal import Unreadable
from chatnet.client.text import one_line
from chatnet.client.typed import Typed, command_in, has_password
from chatnet.entries import Entry
from chatnet.world import Stdio

PALETTE = [
    ("standing", "standout", ""),
    ("waiting", "dark gray", ""),
    ("typed", "dark cyan", ""),
    ("refused", "dark red", ""),
    ("unseen", "dark gray", ""),
    ("here", "standout", ""),
    ("counted", "bold", ""),
]
NOT_POSTED = " (not posted)"
FRAME_SECONDS = 0.02
"""Seconds between two drawings of the screen, at least, however much comes in."""
HUNG_UP = "The terminal is gone: left, once what was typed was acknowledged."
_GONE = (errno.EIO, errno.ENXIO, errno.EPIPE, errno.EBADF)
_CUT_LINES, _WRAP_LINES = "\x1b[?7l", "\x1b[?7h"


class Reads(Protocol):
    """What the screen reads of the cluster."""

    async def history(self, room: str, before: int | None) -> Sequence[Entry]:
        """Return a page of history: see :meth:`.Connection.history`."""

    async def earlier(self, before: int | None) -> Sequence[Entry]:
        """Return a page of the feed's past: see :meth:`.Connection.earlier`."""

    async def first_rooms(self) -> Sequence[str]:
        """Return some rooms that there are."""

    async def own_rooms(self) -> Sequence[tuple[str, int, int]]:
        """Return some of the rooms that the user is in, how many posts are unread in each, and after which
        seq their stay there began."""


class Moved(str):
    """A line that a key has entered: one that moves posts to another room."""

    __slots__ = ()


class Screen(urwid.display.raw.Screen):
    """urwid's, but a line too long for the terminal spoils no other, and a lost terminal is noticed."""

    def __init__(self, hung_up: Callable[[], None], **streams: Any) -> None:
        super().__init__(bracketed_paste_mode=True, **streams)
        self._hung_up = hung_up

    def start(self, *args: Any, **keywords: Any) -> Any:
        started = super().start(*args, **keywords)
        self.write(_CUT_LINES)
        return started

    def stop(self) -> None:
        if self.started:
            with suppress(OSError):
                self.write(_WRAP_LINES)
        super().stop()

    def get_cols_rows(self) -> tuple[int, int]:
        width, height = super().get_cols_rows()
        return (width, height) if width > 0 and height > 0 else (80, 24)

    def get_available_raw_input(self) -> list[int]:
        try:
            return super().get_available_raw_input()
        except (InputClosedError, OSError):
            self._hung_up()
            return []


class Loop(urwid.MainLoop):
    """urwid's, but it survives any failure while drawing."""

    _logger = Logger()

    def __init__(self, layout: Layout, screen: Screen, reactor: Any, encoding: str) -> None:
        super().__init__(
            layout,
            PALETTE,
            screen=screen,
            event_loop=urwid.TwistedEventLoop(reactor, manage_reactor=False),
            handle_mouse=False,
        )
        self._hung_up = screen._hung_up
        self._pastes = Pastes(encoding)
        self._has_failed = False

    def input_filter(self, keys: list[Any], raw: list[int]) -> list[Any]:
        return self._pastes.take(keys, bytes(code for code in raw if code < 256))

    def draw_screen(self) -> None:
        try:
            super().draw_screen()
        except OSError as error:
            if error.errno in _GONE:
                self._hung_up()
        except Exception:
            self.screen.clear()
            if not self._has_failed:
                self._has_failed = True
                self._logger.failure("The screen could not be drawn; trying again at each change")


class ScreenTerminal:
    """Draws on the whole terminal from :meth:`open` to :meth:`close`, and then restores it."""

    is_attended = True
    shows_all = False
    _logger = Logger()

    def __init__(self, reactor: Any, name: str, masters: str, calendar: Calendar, reads: Reads) -> None:
        self._reactor = reactor
        self._calendar = calendar
        self._name, self._masters = name, masters
        self._link = "connecting"
        self._room = ""
        self._lines = Entered()
        self._ended = False
        self._trouble: str | None = None
        self._loop: Loop | None = None
        self._drawing: Any = None
        self._scroll = Scroll()
        self._seen = Seen()
        self._completion = Completion(self._seen)
        self._draft = Draft(self._entered, self.end, self.show, self._completion)
        self._reads = reads
        self._back = Back(self._scroll, calendar, self._older, self._changed)
        self._rooms = Rooms()
        self._moving: str | None = None  # the room that a key has moved to, until posts go there
        self._is_counting, self._counts_again = False, False  # the cluster counts what is new
        self._is_moved = False  # the line that was read last was a key's
        self.layout = Layout(self._scroll, self._back, self._rooms, self._draft, self._move, self._stand)
        self._stand()

    def open(self, stdio: Stdio) -> None:
        urwid.set_encoding(stdio.encoding())
        source, target = stdio.streams()
        screen = Screen(self._hung_up, input=source, output=target)
        self._loop = Loop(self.layout, screen, self._reactor, stdio.encoding())
        self._loop.start()

    def close(self) -> Deferred[None]:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop()
        if self._drawing is not None and self._drawing.active():
            self._drawing.cancel()
        return succeed(None)

    # ---- for the interpreter ----

    async def read(self) -> Typed | Unreadable | None:
        line = await self._lines.read()
        self._is_moved = isinstance(line, Typed) and isinstance(line.text, Moved)
        if isinstance(line, Typed) and not self._is_moved:
            self._show_command(line)
        self._changed()
        return line

    def _show_command(self, line: Typed) -> None:
        if line.text.strip() and command_in(*line) is not None:
            self._scroll.add(f"> {'PASSWORD' if has_password(line.text) else line.text}", "typed")

    async def answer(self) -> str | None:
        return await self._lines.answer()

    def show(self, text: str) -> None:
        self._scroll.add(text)
        self._changed()

    def heard(self, said: Said, is_new: bool = True) -> None:
        self._rooms.heard(said, is_new)
        self._add_post(said, None)

    def numbered(self, said: Said) -> None:
        day, hour = self._calendar.day(said.time), self._calendar.hour(said.time)
        self._scroll.add(f"{said.seq} {day} {hour}", None, said).is_quote = True
        self._changed()

    def taken_back(self, seq: int, sentence: str) -> None:
        self._scroll.take_back(seq)
        self._rooms.taken_back(seq)
        self.show(sentence)

    def all_taken_back(self, taken: Blanking) -> None:
        self._scroll.take_back_all(taken)
        self._rooms.all_taken_back(taken)
        if taken.whole:
            self._seen.forgotten(taken.user)
        self._changed()

    def posted(self, said: Said, answer: Deferred[Any]) -> None:
        shown = self._add_post(said._replace(time=self._calendar.now()), "waiting")
        answer.addCallbacks(
            lambda result: self._acknowledged(result, said, shown),
            lambda why: self._look(why, shown, "refused", NOT_POSTED),
        )

    def _add_post(self, said: Said, look: str | None) -> Line:
        self._seen.said(said)
        if day := self._calendar.new_day(said.time):
            self._scroll.add(day_line(day), "typed", is_news=False)
        shown = self._scroll.add(self._calendar.hour(said.time), look, said)
        self._changed()
        return shown

    def offer(self, commands: Sequence[str]) -> None:
        self._completion.commands = commands

    def learn(self, rooms: Sequence[str], is_member: bool | None = None, since: int = 0) -> None:
        self._seen.listed(rooms)
        for room in rooms if is_member is not None else ():
            if is_member:
                self._rooms.joined(room, since=since)
            else:
                self._rooms.left(room)
        self._changed()

    def recount(self) -> None:
        if self._rooms.here is not None:
            self._count()

    def has_read(self, room: str, upto: int) -> None:
        if self._rooms.has_read(room, upto) and self._rooms.here is not None:
            self._count()
        self._changed()

    def moved(self, sentence: str) -> None:
        if not self._is_moved:  # whoever presses a key sees the prompt, and may press many
            self.show(sentence)

    def expect(self, what: str, room: str = "") -> None:
        self._lines.expect(what)
        if what in ("command", "post"):
            self._go_to(room if what == "post" else None)
        self._prompt()

    def _go_to(self, room: str | None) -> None:
        """Posts are said in ``room`` from now on; empty: in one's own; None: what is typed is no post."""
        self._room = room or ""
        is_read = room is not None and room != NOWHERE
        where = (room or self._name) if is_read else ""
        self._back.go_to(where, room or "your rooms", self._name)
        is_new = self._rooms.here is None and room is not None
        self._rooms.go_to(None if room is None else where)
        if is_new:
            self._own(self._read_rooms())
            self._count()
        if where == self._moving:
            self._moving = None

    def _prompt(self) -> None:
        self._draft.expect(self._lines.next, self._room)
        self._changed()

    def linked(self, name: str | None) -> None:
        self._name = self._rooms.own = self._seen.own = name or self._name
        self._link = "connected" if name else "connection lost, trying again"
        self._changed()

    def leaving(self, drafts: int) -> None:
        if drafts:
            self.show(f"Leaving once {drafts} of what you typed is acknowledged; Ctrl-C leaves at once.")

    def ahead(self) -> int:
        return len(self._lines) + bool(self._draft.text)

    def undone(self) -> int:
        return self._lines.undone + bool(self._draft.text.strip())

    def trouble(self) -> str | None:
        return self._trouble

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._lines.end()

    async def _read_rooms(self) -> None:
        """Learn which rooms there are: the first of them; others are learnt when they are listed, or when
        something is said there."""
        with suppress(*REFUSED):
            self.learn(await self._reads.first_rooms())

    def _count(self) -> None:
        """Let the cluster count what is new in the user's rooms; once more, if it counts already."""
        self._counts_again = self._is_counting
        if not self._is_counting:
            self._is_counting = True
            self._own(self._counted())

    async def _counted(self) -> None:
        try:
            with suppress(*REFUSED):
                self._rooms.asked()
                own = await self._reads.own_rooms()
                self._seen.listed([room for room, _, _ in own])
                self._rooms.listed_all(own, is_all=len(own) < MOST_LISTED)
                self._changed()
        finally:
            self._is_counting = False
        if self._counts_again:
            self._count()

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(work).addErrback(
            lambda failure: self._logger.failure("The rooms could not be listed", failure)
        )

    async def _older(self, room: str, before: int | None) -> Sequence[Entry]:
        is_own = room == self._name  # posts go there from the feed of all rooms
        page = await (self._reads.earlier(before) if is_own else self._reads.history(room, before))
        for post in page:
            self._seen.said(Said.by(post, self._name))
        return page

    # ---- from the keyboard ----

    def _entered(self, line: str) -> None:
        self._lines.add(line)
        self._prompt()  # at once, even if the line has to wait

    def _move(self, step: int) -> None:
        """Enter the line that moves posts to the next room in the column, or the one before."""
        if self._lines.next == "post" and self._rooms.here is not None:
            now = self._moving or self._rooms.here
            room = self._rooms.beside(now, step)
            if room != now:
                self._moving = room
                self._entered(Moved("/chat" if room == self._name else f"/chat {room}"))

    def _hung_up(self) -> None:
        """Leave: the terminal is gone, so there is nobody to draw for, and nothing to read."""
        if not self._ended:
            self._trouble = HUNG_UP
        self.end()
        # Not inside urwid's own calls.
        self._reactor.callLater(0, self.close)

    # ---- drawing ----

    def _acknowledged(self, result: Any, said: Said, line: Line) -> Any:
        """The user has read where they post; what is posted in their own room may be new in a topic."""
        seq = result["seq"]
        self._rooms.heard(said._replace(seq=seq), is_new=True)
        self.has_read(said.room, seq)
        return self._look(result, line, None, seq=seq)

    def _look(self, result: Any, line: Line, look: str | None, mark: str = "", seq: int = 0) -> Any:
        line.turn(look, mark)
        line.seq = seq
        self._changed()
        return result

    def _stand(self) -> None:
        parts = (
            [] if self._scroll.is_live else [f"{self._scroll.unseen or 'nothing'} new below (End goes there)"]
        )
        parts += ["reading older posts"] * self._back.is_reading
        parts += [self._name, self._link, self._masters]
        if len(self._lines):
            parts.append(f"lines waiting: {len(self._lines)}")
        self.layout.standing = " " + one_line(" · ".join(parts))

    def _changed(self) -> None:
        if self._loop is not None and (self._drawing is None or not self._drawing.active()):
            self._drawing = self._reactor.callLater(FRAME_SECONDS, self._draw)
        self._stand()

    def _draw(self) -> None:
        if self._loop is not None:
            self._loop.draw_screen()
