"""The state machine of all readers of the log: from catching up to live.

    start ─▶ Behind ──the window's rest is near──▶ Live
               │ ▲ ◀──── drained ──── Full ◀── full ──┘      Full is reached from every state but Stopped
               ▼ │
              Ahead  (the cursor is ahead of this process's window: wait for it)

A worker that is behind the primary's log and a session that is behind its worker use the same reader, with
different sinks.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.entries import Entry
from chatnet.store.pages import take_page
from chatnet.store.window import Window


class Sink(Protocol):
    """Receives what a reader reads. It keeps what it wants by its own rule."""

    async def read(self, after: int, upto: int) -> tuple[list[Entry], int]:
        """Return a page of entries after ``after``, and the cursor up to which it is complete.

        after < cursor <= upto. Waits for what is transient: a read that fails is a bug, and ends the reader.
        """

    async def turn(self) -> None:
        """Wait until the rest of the window may be taken: many readers may want that at the same time."""

    def take(self, entries: list[Entry]) -> None:
        """Take the next entries: a page, or a slice of the window."""

    def go_live(self) -> None:
        """Serve this reader what comes from now on: everything up to the window's head was taken."""

    def leave_live(self) -> None:
        """Stop serving this reader; it will catch up."""

    def failed(self, failure: Failure) -> None:
        """A read or the sink's own code raised; the reader has stopped."""


class Idle:
    """Not started."""

    __slots__ = ()


class Behind:
    """Catching up: a read is under way, or the window is being taken. Each time is a new object, so that a
    late page finds that it is no longer wanted."""

    __slots__ = ()


class Ahead:
    """The cursor is ahead of the window's head: waiting until the window reaches it."""

    __slots__ = ()


class Live:
    """Served by the fan-out, as the window grows."""

    __slots__ = ()


class Full:
    """The transport is full: nothing is read, and nothing is queued."""

    __slots__ = ()


class Stopped:
    """Final."""

    __slots__ = ()


# Sessions are many, and each has a reader: but for Behind they share their states.
_IDLE, _AHEAD, _LIVE, _FULL, _STOPPED = Idle(), Ahead(), Live(), Full(), Stopped()


class Reader:
    """Hands every entry after ``cursor`` to ``sink``, each once and in order.

    ``near`` is how many entries of the window may be handed over in one turn of the reactor in order to go
    live; without it, any number. It doubles when the log grows faster than pages are read, so that a reader
    becomes live under any load.
    """

    __slots__ = ("_cursor", "_near", "_sink", "_state", "_window")

    _logger = Logger()

    def __init__(self, cursor: int, window: Window, sink: Sink, near: int | None = None) -> None:
        self._cursor = cursor
        self._window = window
        self._sink = sink
        self._near = near
        self._state: Idle | Behind | Ahead | Live | Full | Stopped = _IDLE

    @property
    def cursor(self) -> int:
        """The seq up to which everything was handed over; while live, the sink's fan-out does that."""
        return self._window.head if self.live else self._cursor

    @property
    def live(self) -> bool:
        return isinstance(self._state, Live)

    @property
    def is_behind(self) -> bool:
        """Whether it is catching up."""
        return isinstance(self._state, Behind)

    def start(self) -> None:
        """Begin. If the transport is full already, call :meth:`full` first; it begins when drained."""
        if isinstance(self._state, Idle):
            self._go_on()

    def full(self) -> None:
        """Stop at once: the transport is full. May be called within the sink's ``take``."""
        if not isinstance(self._state, Stopped):
            self._leave(_FULL)

    def drained(self) -> None:
        """Catch up: the transport has room again."""
        if isinstance(self._state, Full):
            self._go_on()

    def stop(self) -> None:
        """Hand over nothing more; leaves live, if it was."""
        self._leave(_STOPPED)

    def _leave(self, state: Full | Stopped) -> None:
        was_live, self._cursor = self.live, self.cursor
        self._window.unwatch(self._grown)
        self._state = state
        if was_live:
            self._sink.leave_live()

    def _go_on(self) -> None:
        self._state = behind = Behind()
        # A failure of the coroutine is given to the sink, which closes its connection.
        Deferred.fromCoroutine(self._catch_up(behind)).addErrback(self._failed)

    async def _catch_up(self, behind: Behind) -> None:
        while self._state is behind:
            if self._cursor > self._window.head:
                self._state = _AHEAD
                self._window.watch(self._grown)
            elif self._is_near():
                await self._sink.turn()
                if self._state is behind and self._is_near():
                    self._take_window(behind)
            else:
                await self._take_page(behind)

    def _is_near(self) -> bool:
        rest = self._window.head - self._cursor
        return self._window.holds(self._cursor) and (self._near is None or rest <= self._near)

    def _take_window(self, behind: Behind) -> None:
        """Take the rest of the window and go live, all in this turn of the reactor: nothing comes between."""
        while self._state is behind:
            # A slice, or a page's worth of bytes: after each, the transport may be full.
            limits = self._window.limits
            part, _ = take_page(self._window.after(self._cursor, limits.slice), limits.page)
            if part:
                self._hand_over(part, part[-1].seq)
            else:
                self._state = _LIVE
                self._sink.go_live()

    async def _take_page(self, behind: Behind) -> None:
        upto = self._window.head
        page, cursor = await self._sink.read(self._cursor, upto)
        if self._state is not behind:
            return
        if not self._cursor < cursor <= upto:
            raise ValueError(f"A page behind {self._cursor} up to {upto} ended at {cursor}")
        if self._near is not None and cursor == upto:
            self._near *= 2
        self._hand_over(page, cursor)

    def _hand_over(self, entries: list[Entry], cursor: int) -> None:
        self._cursor = cursor  # before take(), which may fill the transport
        if entries:
            self._sink.take(entries)

    def _grown(self, entries: list[Entry]) -> None:
        if self._window.head >= self._cursor:
            self._window.unwatch(self._grown)
            self._go_on()

    def _failed(self, failure: Failure) -> None:
        if isinstance(self._state, Stopped):
            self._logger.debug("A read failed after its reader had stopped: {why}", why=failure.value)
            return
        self.stop()
        self._sink.failed(failure)
