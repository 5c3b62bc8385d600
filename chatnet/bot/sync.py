"""The bot without asyncio: for programs of one thread.

It reads what comes while it waits for something: for an answer, or in a loop for the next post.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from chatnet.bot import commands
from chatnet.bot.conversation import Ask, Done, Event, Later
from chatnet.bot.face import Face, not_connected, unasked
from chatnet.bot.messages import Cursor, Post, posts_in
from chatnet.bot.place import LATER_SECONDS, LEAVE_SECONDS, pause


class Bot(Face):
    __doc__ = Face.__doc__

    _socket: ClientConnection | None = None
    _closing: ExitStack | None = None
    _waiting: Ask | None = None
    _again_at: float | None = None

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                until = time.monotonic() + LEAVE_SECONDS
                while self._talk.has_asked and time.monotonic() < until:
                    self._step(until)
        finally:
            self._hang_up()
            self._end()

    # ---- what it says ----

    def post(
        self,
        text: str,
        room: str | None = None,
        *,
        key: str | None = None,
        ref: Post | Cursor | None = None,
        form: str | None = None,
    ) -> int:
        """Post ``text``, as :meth:`chatnet.bot.Bot.post` does."""
        seq: int = self._draft(commands.post(self._talk, text, room, key, ref, form))["seq"]
        return seq

    def join(self, room: str) -> None:
        """Follow ``room``; being there already is as good."""
        self._draft(self._talk.draft("join", room=room))

    def leave(self, room: str) -> None:
        """Stop following ``room``; not being there is as good."""
        self._draft(self._talk.draft("leave", room=room))

    def history(self, room: str, before: int | None = None) -> list[Post]:
        """Return a page of the posts of ``room`` before the seq ``before``, or the newest; oldest first."""
        return posts_in(self.ask("history", room=room, before=before))

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Return the results of any other command of docs/web.md, asked until it is answered.

        :raises Refused: the cluster refuses it, be it only for now (as by ``TRY_LATER`` or ``TOO_SLOW``).
        """
        return self._asked(commands.question(command, arguments))

    # ---- what it hears ----

    def posts(self, own: bool = False) -> Iterator[Post]:
        """Yield what :meth:`chatnet.bot.Bot.posts` does."""
        return self._heard(all_kinds=False, own=own)

    def entries(self) -> Iterator[Post]:
        """Yield everything that the bot hears: posts, and entries of other kinds, as docs/web.md has them."""
        return self._heard(all_kinds=True, own=True)

    def _heard(self, all_kinds: bool, own: bool) -> Iterator[Post]:
        talk, loop = self._talk, object()
        self._begin_loop(loop)
        if not talk.hears:
            talk.hears = True
            self._hang_up()  # the next connection says from where it hears
        given: Post | None = None
        while True:
            self._handled(loop, given)
            while (given := self._next(all_kinds, own)) is None:
                self._step()
            self._say()
            yield given

    # ---- how it asks ----

    def _draft(self, ask: Ask) -> dict[str, Any]:
        self._keep(ask)
        return self._asked(ask)

    def _asked(self, ask: Ask) -> dict[str, Any]:
        self._talk.send(ask)
        self._waiting = ask
        try:
            while ask.outcome is None:
                self._step()
        finally:
            self._waiting = None
        return ask.result()

    # ---- the connection ----

    def _step(self, until: float | None = None) -> None:
        """Take one message that comes, before ``until``; connect first, if that is needed."""
        try:
            self._take(self._connected(), until)
        except (OSError, WebSocketException) as error:
            self._hang_up()
            not_connected(error)
            time.sleep(pause(self._attempts, random.random()))
            self._attempts += 1

    def _connected(self) -> ClientConnection:
        if self._socket is None:
            closing = ExitStack()
            self._socket, self._closing = closing.enter_context(connect(self._url, **self._options)), closing
            self._talk.connected()
        return self._socket

    def _take(self, socket: ClientConnection, until: float | None) -> None:
        self._send(socket)
        try:
            text = socket.recv(self._seconds(until))
        except TimeoutError:
            self._try_again()
            return
        for event in self._talk.receive(text):
            self._note(event)
        if self._talk.may_close:
            self._hang_up()
        else:
            self._send(socket)

    def _say(self) -> None:
        """Send what is to be said, before the loop's body has its turn, which may be long."""
        if self._socket is not None:
            try:
                self._send(self._socket)
            except (OSError, WebSocketException):
                self._hang_up()

    def _send(self, socket: ClientConnection) -> None:
        self._try_again()
        for message in self._talk.to_send():
            socket.send(message)

    def _seconds(self, until: float | None) -> float | None:
        ends = [end for end in (until, self._again_at) if end is not None]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _try_again(self) -> None:
        if self._again_at is not None and time.monotonic() >= self._again_at:
            self._again_at = None
            self._talk.again()

    def _note(self, event: Event) -> None:
        match event:
            case Done(ask=ask):
                if ask is not self._waiting:
                    unasked(ask)
            case Later():
                self._again_at = time.monotonic() + LATER_SECONDS
            case _:
                super()._note(event)

    def _hang_up(self) -> None:
        closing, self._closing, self._socket = self._closing, None, None
        self._talk.lost()
        if closing is not None:
            closing.close()
