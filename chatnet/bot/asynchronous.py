"""The bot for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from chatnet.bot import commands
from chatnet.bot.conversation import Ask, Done, Event, Later
from chatnet.bot.errors import BotError
from chatnet.bot.face import Face, gone, not_connected, unasked
from chatnet.bot.messages import Cursor, Post, posts_in
from chatnet.bot.place import LATER_SECONDS, LEAVE_SECONDS, pause


class Bot(Face):
    __doc__ = Face.__doc__

    def __init__(
        self, url: str, token: str, state: str | os.PathLike[str] | None = None, insecure: bool = False
    ) -> None:
        super().__init__(url, token, state, insecure)
        self._running: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None
        self._waiting: dict[Ask, asyncio.Future[None]] = {}
        self._to_send = asyncio.Event()
        self._changed = asyncio.Event()
        self._failure: BotError | None = None

    async def __aenter__(self) -> Self:
        if self._begin().has_asked:  # an earlier process had more to say
            self._run()
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                await self._all_said()
        finally:
            if self._running is not None:
                self._running.cancel()
                await asyncio.gather(self._running, return_exceptions=True)
            self._end()

    async def _all_said(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                while self._talk.has_asked:
                    await self._change()

    # ---- what it says ----

    async def post(
        self,
        text: str,
        room: str | None = None,
        *,
        key: str | None = None,
        ref: Post | Cursor | None = None,
        form: str | None = None,
    ) -> int:
        """Post ``text`` in ``room``, else in the bot's own room; return its seq once it is on the cluster's
        disks.

        ``key`` names what is posted, as “deploy-1842”: it is posted once, however often and from wherever it
        is asked. ``ref``: it answers that post. ``form``: “notice” or “action”.

        In a loop over :meth:`posts` use :meth:`answer`: a bot that is killed behind this, and before the loop
        goes on, does it again.

        :raises Refused: the cluster does not take it.
        """
        seq: int = (await self._draft(commands.post(self._talk, text, room, key, ref, form)))["seq"]
        return seq

    async def join(self, room: str) -> None:
        """Follow ``room``; being there already is as good."""
        await self._draft(self._talk.draft("join", room=room))

    async def leave(self, room: str) -> None:
        """Stop following ``room``; not being there is as good."""
        await self._draft(self._talk.draft("leave", room=room))

    async def history(self, room: str, before: int | None = None) -> list[Post]:
        """Return a page of the posts of ``room`` before the seq ``before``, or the newest; oldest first."""
        return posts_in(await self.ask("history", room=room, before=before))

    async def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Return the results of any other command of docs/web.md, asked until it is answered.

        :raises Refused: the cluster refuses it, be it only for now (as by ``TRY_LATER`` or ``TOO_SLOW``).
        """
        return await self._asked(commands.question(command, arguments))

    # ---- what it hears ----

    def posts(self, own: bool = False) -> AsyncIterator[Post]:
        """Yield each post that the bot hears, once, in the order of the log; ``own``: its own, too.

        Those that were said while it was not there come first. The one that was given is handled when the
        loop asks for the next: leave the loop, and it comes again.
        """
        return _Loop(self, all_kinds=False, own=own)

    def entries(self) -> AsyncIterator[Post]:
        """Yield everything that the bot hears: posts, and entries of other kinds, as docs/web.md has them."""
        return _Loop(self, all_kinds=True, own=True)

    async def _hear(self, loop: object) -> None:
        talk = self._talk
        self._begin_loop(loop)
        if not talk.hears:
            talk.hears = True
            if self._socket is not None:
                await self._socket.close()  # the next one says from where it hears
        self._run()

    async def _given_next(self, loop: object, given: Post | None, all_kinds: bool, own: bool) -> Post:
        self._handled(loop, given)
        self._to_send.set()
        while (entry := self._next(all_kinds, own)) is None:
            await self._change()
        self._changed.set()  # there may be room to read again
        return entry

    # ---- how it asks ----

    async def _draft(self, ask: Ask) -> dict[str, Any]:
        self._keep(ask)
        return await self._asked(ask)

    async def _asked(self, ask: Ask) -> dict[str, Any]:
        self._run()
        done = self._waiting[ask] = asyncio.get_running_loop().create_future()
        self._talk.send(ask)
        self._to_send.set()
        self._changed.set()
        try:
            await done
        finally:
            del self._waiting[ask]
        return ask.result()

    async def _change(self) -> None:
        """Wait until anything has changed.

        :raises BotError: the bot cannot go on.
        """
        gone(self._failure)
        await self._changed.wait()
        self._changed.clear()
        gone(self._failure)

    # ---- the connection ----

    def _run(self) -> None:
        gone(self._failure)
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._stay_connected())

    async def _stay_connected(self) -> None:
        try:
            while True:
                try:
                    await self._connect_once()
                except (OSError, WebSocketException) as error:
                    not_connected(error)
                self._talk.lost()
                await asyncio.sleep(pause(self._attempts, random.random()))
                self._attempts += 1
        except BotError as error:
            self._fail(error)

    async def _connect_once(self) -> None:
        async with connect(self._url, **self._options) as self._socket:
            self._talk.connected()
            self._to_send.set()
            sending = asyncio.get_running_loop().create_task(self._send(self._socket))
            try:
                await self._receive(self._socket)
            finally:
                self._socket = None
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, socket: ClientConnection) -> None:
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            for message in self._talk.to_send():
                await socket.send(message)

    async def _receive(self, socket: ClientConnection) -> None:
        while not self._talk.may_close:
            while self._talk.is_full:
                await self._change()
            for event in self._talk.receive(await socket.recv()):
                self._note(event)
            self._to_send.set()
            self._changed.set()

    def _note(self, event: Event) -> None:
        match event:
            case Done(ask=ask):
                done = self._waiting.get(ask)
                if done is None:
                    unasked(ask)
                elif not done.done():
                    done.set_result(None)
            case Later():
                asyncio.get_running_loop().call_later(LATER_SECONDS, self._again)
            case _:
                super()._note(event)

    def _again(self) -> None:
        self._talk.again()
        self._to_send.set()

    def _fail(self, error: BotError) -> None:
        self._failure = error
        for done in self._waiting.values():
            if not done.done():
                done.set_exception(error)
        self._changed.set()


class _Loop(AsyncIterator[Post]):
    """One loop over what a bot hears."""

    def __init__(self, bot: Bot, all_kinds: bool, own: bool) -> None:
        self._bot = bot
        self._all_kinds, self._own = all_kinds, own
        self._given: Post | None = None
        self._has_begun = False

    async def __anext__(self) -> Post:
        if not self._has_begun:
            self._has_begun = True
            await self._bot._hear(self)
        self._given = await self._bot._given_next(self, self._given, self._all_kinds, self._own)
        return self._given
