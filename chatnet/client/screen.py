"""The terminal of people: the feed above, one input line below, a line between them that says how one stands.

What comes in never disturbs what is being typed. One's own posts show at once, dim until acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import urwid
from twisted.internet.defer import Deferred, DeferredQueue, succeed

from chatnet.client.commands import Unreadable
from chatnet.client.text import one_line
from chatnet.world import Stdio

PALETTE = [
    ("standing", "standout", ""),
    ("waiting", "dark gray", ""),
    ("typed", "dark cyan", ""),
    ("refused", "dark red", ""),
]
FRAME_SECONDS = 0.02
"""At most so often is the screen drawn, however much comes in."""
MAX_LINES = 5_000
"""How many lines one can scroll back."""
PROMPTS = {"command": "> ", "post": "say: ", "password": "New password: "}


class Scroll(urwid.ListBox):  # type: ignore[type-arg]
    """The feed. It follows what comes in, unless one has scrolled up."""

    def __init__(self) -> None:
        self._lines: Any = urwid.SimpleFocusListWalker([])
        self._following = True
        self.unseen = 0
        super().__init__(self._lines)

    def add(self, line: str, look: str | None = None) -> urwid.AttrMap[Any]:
        """One more line at the end."""
        row = urwid.AttrMap(urwid.Text(line.expandtabs(4)), look)
        self._lines.append(row)
        if len(self._lines) > MAX_LINES:
            del self._lines[0]
        if self._following:
            self._to_end()
        else:
            self.unseen += 1
        return row

    def page(self, size: tuple[int, int], key: str) -> None:
        """``page up`` or ``page down``."""
        self.keypress(size, key)
        if "bottom" in self.ends_visible(size):
            self._to_end()
        else:
            self._following = False

    def _to_end(self) -> None:
        self._following, self.unseen = True, 0
        self.set_focus(len(self._lines) - 1)
        self.set_focus_valign("bottom")


class Input(urwid.Edit):
    """The line one types; up and down go through those typed before. ``end`` is called on Ctrl-D."""

    def __init__(self, enter: Callable[[str], None], end: Callable[[], None]) -> None:
        super().__init__()
        self._enter, self._end = enter, end
        self._before: list[str] = []
        self._at = 0

    def expect(self, what: str) -> None:
        """Show the prompt; a password is not shown, nor remembered."""
        self.set_caption(PROMPTS[what])
        self.set_mask("*" if what == "password" else None)

    def keypress(self, size: Any, key: str) -> str | None:
        match key:
            case "enter":
                self._submit()
            case "up":
                self._recall(-1)
            case "down":
                self._recall(1)
            case "ctrl d" if not self.edit_text:
                self._end()
            case "ctrl u":
                self.set_edit_text("")
            case _:
                unused: str | None = super().keypress(size, key)
                return unused
        return None

    def _submit(self) -> None:
        line = self.edit_text
        self.set_edit_text("")
        if line and not is_secret(line) and self.caption != PROMPTS["password"]:
            self._before.append(line)
        self._at = len(self._before)
        self._enter(line)

    def _recall(self, step: int) -> None:
        if self.caption == PROMPTS["password"]:
            return
        self._at = max(0, min(len(self._before), self._at + step))
        self.set_edit_text(self._before[self._at] if self._at < len(self._before) else "")
        self.set_edit_pos(len(self.edit_text))


class Layout(urwid.Frame):  # type: ignore[type-arg]
    """Feed, standing, input. The page keys move the feed, all others go to the input."""

    def __init__(
        self, scroll: Scroll, standing: urwid.Text, line: Input, scrolled: Callable[[], None]
    ) -> None:
        self._scroll, self._scrolled = scroll, scrolled
        footer = urwid.Pile([("pack", urwid.AttrMap(standing, "standing")), ("pack", line)], focus_item=1)
        super().__init__(scroll, footer=footer, focus_part="footer")

    def keypress(self, size: Any, key: str) -> str | None:
        if key in ("page up", "page down"):
            (above, below), _ = self.frame_top_bottom(size, True)
            self._scroll.page((size[0], size[1] - above - below), key)
            self._scrolled()
            return None
        unused: str | None = super().keypress(size, key)
        return unused


class ScreenTerminal:
    """Draws on the whole terminal from :meth:`open` to :meth:`close`, and restores it."""

    def __init__(self, reactor: Any, name: str, masters: str) -> None:
        self._reactor = reactor
        self._name, self._masters = name, masters
        self._link = "connecting"
        self._expected = "command"
        self._queue: DeferredQueue[str | Unreadable | None] = DeferredQueue()
        self._ended = False
        self._loop: urwid.MainLoop | None = None
        self._drawing: Any = None
        self._scroll = Scroll()
        self._standing = urwid.Text("", wrap="clip")
        self._input = Input(self._entered, self.end)
        self._input.expect("command")
        self.layout = Layout(self._scroll, self._standing, self._input, self._stand)
        self._stand()

    def open(self, stdio: Stdio) -> None:
        urwid.set_encoding("utf-8")
        source, target = stdio.streams()
        self._loop = urwid.MainLoop(
            self.layout,
            PALETTE,
            screen=urwid.display.raw.Screen(input=source, output=target),
            event_loop=urwid.TwistedEventLoop(self._reactor, manage_reactor=False),
            handle_mouse=False,
        )
        self._loop.start()

    def close(self) -> Deferred[None]:
        if self._loop is not None:
            self._loop.stop()
            self._loop = None
        if self._drawing is not None and self._drawing.active():
            self._drawing.cancel()
        return succeed(None)

    # ---- for the interpreter ----

    async def read(self) -> str | Unreadable | None:
        line = await self._queue.get()
        if line is None:
            self._queue.put(None)
        elif isinstance(line, str) and line.strip() and self._expected == "command":
            self._scroll.add(f"> {'PASSWORD' if is_secret(line) else one_line(line)}", "typed")
        self._changed()
        return line

    def show(self, text: str) -> None:
        self._scroll.add(one_line(text))
        self._changed()

    def posted(self, line: str, answer: Deferred[Any]) -> None:
        row = self._scroll.add(one_line(line), "waiting")
        self._changed()
        answer.addCallbacks(
            lambda result: self._look(result, row, None), lambda why: self._look(why, row, "refused")
        )

    def expect(self, what: str) -> None:
        self._expected = what
        self._input.expect(what)
        self._changed()

    def linked(self, name: str | None) -> None:
        self._name = name or self._name
        self._link = "connected" if name else "connection lost, trying again"
        self._changed()

    def leaving(self, drafts: int) -> None:
        if drafts:
            self.show(f"Leaving once {drafts} of what you typed is acknowledged; Ctrl-C leaves at once.")

    def undone(self) -> int:
        waiting = sum(isinstance(line, str) and bool(line.strip()) for line in self._queue.pending)
        return waiting + bool(self._input.edit_text.strip())

    def trouble(self) -> str | None:
        return None

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._queue.put(None)

    # ---- from the keyboard ----

    def _entered(self, line: str) -> None:
        if self._expected == "command" and line.strip().upper() == "PASSWORD":
            self._input.expect("password")  # at once, even if the command has to wait
        self._queue.put(line)
        self._changed()

    # ---- drawing ----

    def _look(self, result: Any, row: urwid.AttrMap[Any], look: str | None) -> Any:
        row.set_attr_map({None: look})
        self._changed()
        return result

    def _stand(self) -> None:
        parts = [self._name, self._link, self._masters]
        if self._queue.pending:
            parts.append(f"lines waiting: {len(self._queue.pending)}")
        if self._scroll.unseen:
            parts.append(f"more below: {self._scroll.unseen}")
        self._standing.set_text(" " + " · ".join(parts))

    def _changed(self) -> None:
        if self._loop is not None and (self._drawing is None or not self._drawing.active()):
            self._drawing = self._reactor.callLater(FRAME_SECONDS, self._draw)
        self._stand()

    def _draw(self) -> None:
        if self._loop is not None:
            self._loop.draw_screen()


def is_secret(line: str) -> bool:
    """Is this a PASSWORD command with the password behind it?"""
    return line.strip().upper().startswith("PASSWORD ")
