"""Asks workers for posts: a feed's newest ones, on each new link those that came since, and history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.protocols import amp

from chatnet.client.feed import Feed, Unbelievable, check_entry, is_shown
from chatnet.client.listener import Listener
from chatnet.client.race import FAILURES
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import ChatnetError, CursorAhead
from chatnet.net.link import Link
from chatnet.wire.session import Chat, Earlier, History, Reported, Unchat


class Ask(Protocol):
    """Asks a worker, over as many links as needed."""

    def __call__(self, command: type[amp.Command], **arguments: Any) -> Deferred[dict[str, Any]]: ...


class FeedRequests:
    """The requests for ``feed``. ``give_up`` is called with the reason when the present link is of no use."""

    def __init__(
        self, feed: Feed, ask: Ask, listener: Listener, give_up: Callable[[Exception], None]
    ) -> None:
        self._feed = feed
        self._ask = ask
        self._listener = listener
        self._give_up = give_up
        # Two states of the feed: silent after a refused chat; and silent with a chat that must begin again.
        self._silenced: object = None
        self._begins_anew: object = None

    async def chat(self) -> None:
        """Hear the newest posts, and then all that follow.

        :raises ChatnetError: the worker refuses.
        :raises Unbelievable: its answer holds something that is not a post.
        """
        beginning = self._feed.begin()
        try:
            answer = await self._ask(Chat)
            for post in answer["posts"]:
                check_entry(post)
        except BaseException:
            if self._feed.state is beginning:
                self._feed.end()
                self._silenced = self._feed.state
            raise
        # A user who stopped and began again meanwhile must not go on from the first answer's cursor, after
        # which nothing comes, but from the last answer's.
        if self._feed.state is beginning:
            for post in answer["posts"]:
                self._feed.saw(post)
            self._listener.newest([post for post in answer["posts"] if is_shown(post)])
            for post in self._feed.began(Cursor(answer["cursor"], answer["check"])):
                self._listener.heard(post)

    async def unchat(self) -> None:
        """Stop hearing posts."""
        self._feed.end()
        await self._ask(Unchat)

    async def history(self, room: str, before: int | None) -> list[Entry]:
        """Return a page of posts of ``room`` before the seq ``before``, or its newest; oldest first. An empty
        page is the beginning of the room.

        :raises ChatnetError: the worker refuses.
        :raises Unbelievable: its answer is no such page.
        """
        return self._page((await self._ask(History, room=room, before=before))["posts"], before)

    async def earlier(self, before: int | None) -> list[Entry]:
        """Return the page of the feed's past before ``before``: see :meth:`history`."""
        return self._page((await self._ask(Earlier, before=before))["posts"], before)

    def _page(self, posts: list[Entry], before: int | None) -> list[Entry]:
        for post in posts:
            check_entry(post)
        seqs = [post.seq for post in posts]
        if seqs != sorted(set(seqs)) or (before is not None and seqs and seqs[-1] >= before):
            raise Unbelievable("history that is not in order")
        for post in posts:
            self._feed.saw(post)
        return posts

    async def reported(self, seq: int) -> Entry:
        """Return the post that the report ``seq`` is about.

        :raises ChatnetError: the worker refuses.
        :raises Unbelievable: its answer is no post.
        """
        post: Entry = (await self._ask(Reported, seq=seq))["post"]
        check_entry(post)
        self._feed.saw(post)
        return post

    async def attached(self, link: Link) -> None:
        """``link`` is logged in: continue where we had read to, or begin again if that was refused."""
        if self._feed.cursor is not None:
            await self._go_on(link, self._feed.cursor)
        elif self._feed.state is self._begins_anew:
            await self._begin_anew()

    async def _go_on(self, link: Link, cursor: Cursor) -> None:
        """Hear what was missed; if the log was put back, tell the user, and begin again."""
        try:
            await link.callRemote(Chat, cursor=cursor.seq, check=cursor.check)
        except CursorAhead as error:
            if self._feed.cursor is not None:
                self._listener.told(str(error))
                await self._begin_anew()
        except (ConnectionClosed, ChatnetError, amp.RemoteAmpError) as error:
            self._give_up(error)

    async def _begin_anew(self) -> None:
        """Begin the chat again. If that is refused, retry on the next link: the user did not ask for it."""
        try:
            await self.chat()
        except (*FAILURES, Unbelievable) as error:
            if self._feed.state is self._silenced:
                self._begins_anew = self._silenced
            self._give_up(error)
