"""What a client asks of its cluster, whatever worker answers. How one is reached is :mod:`.connection`'s."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

from twisted.internet.defer import Deferred
from twisted.protocols import amp

from chatnet.client.feed import Feed
from chatnet.client.feed_requests import FeedRequests
from chatnet.client.pending import PendingRequests
from chatnet.client.rooms import MOST_LISTED
from chatnet.entries import Entry
from chatnet.names import spelled_for
from chatnet.wire.session import List, Post, Unread


class Requests:
    """The requests of one client, each answered once. ``fresh_key`` makes a draft's key, and ``feed`` takes
    what comes unasked."""

    _requests: FeedRequests  # once the connection is started

    def __init__(self, fresh_key: Callable[[], bytes], feed: Feed) -> None:
        self._fresh_key = fresh_key
        self._feed = feed
        self._pending = PendingRequests()
        self.name = ""
        """The user's name as the cluster spells it, once the client has logged in."""

    def ask(self, command: type[amp.Command], **arguments: Any) -> Deferred[dict[str, Any]]:
        """Send a request; fires with the answer or the refusal. A lost connection only delays it."""
        return self._pending.ask(command, **arguments)

    def draft(self, command: type[amp.Command], **arguments: Any) -> Deferred[dict[str, Any]]:
        """Send a request that must be done exactly once, under a new key; fires like :meth:`ask`. The
        listener will not hear of it."""
        key = self._fresh_key()
        self._feed.sent(key)
        return self.ask(command, key=key, **arguments)

    def post(
        self, text: str, room: str | None = None, answers: int | None = None
    ) -> Deferred[dict[str, Any]]:
        """Post ``text`` in ``room``, or in the user's own room; the listener will not hear it.

        ``answers``: to the post of this seq, which was seen here."""
        key = self._fresh_key()
        self._feed.sent(key)
        check = None if answers is None else self.check_of(answers)
        asked = self.ask(Post, key=key, text=text, room=room, ref=answers, check=check)
        return asked.addCallback(self._posted, key, room)

    def _posted(self, answer: dict[str, Any], key: bytes, room: str | None) -> dict[str, Any]:
        self._feed.saw(Entry(answer["seq"], 0, "post", self.name, room or self.name, "", key))
        return answer

    def check_of(self, seq: int) -> bytes | None:
        """Return the check of a post that was seen here; None if it was not, or long ago."""
        return self._feed.remembered.check_of(seq)

    def author_of(self, seq: int) -> str:
        """Return who said a post that was seen here; empty if it was not, or long ago."""
        return self._feed.remembered.author_of(seq)

    def has_seen(self, user: str) -> bool:
        """Return whether a post of ``user`` was seen here, and not too long ago."""
        return self._feed.remembered.knows(user)

    def room_of(self, seq: int) -> str:
        """Return where a post was said that was seen here, as the user spells it; empty if it was not, or
        long ago."""
        return spelled_for(self._feed.remembered.room_of(seq), self.name)

    async def chat(self) -> None:
        """Hear the newest posts, and then all that follow.

        :raises ChatnetError: the worker refuses.
        :raises Unbelievable: its answer holds something that is not a post.
        """
        await self._requests.chat()

    async def unchat(self) -> None:
        """Stop hearing posts."""
        await self._requests.unchat()

    async def history(self, room: str, before: int | None) -> list[Entry]:
        """Return a page of history: see :meth:`.FeedRequests.history`."""
        return await self._requests.history(room, before)

    async def earlier(self, before: int | None) -> list[Entry]:
        """Return a page of the feed's past: see :meth:`.FeedRequests.earlier`."""
        return await self._requests.earlier(before)

    async def reported(self, seq: int) -> Entry:
        """Return the post that a report is about: see :meth:`.FeedRequests.reported`."""
        return await self._requests.reported(seq)

    async def first_rooms(self) -> list[str]:
        """Return the first page of rooms that everybody may join."""
        rooms: list[str] = (await self.ask(List, prefix="", after=""))["rooms"]
        return rooms

    async def own_rooms(self) -> list[tuple[str, int, int]]:
        """Return the first rooms that the user is in, a few pages, and of each how many posts are unread, and
        after which seq the stay there began; 0 if that is not known."""
        rooms: list[tuple[str, int, int]] = []
        after, more = "", True
        while more and len(rooms) < MOST_LISTED:
            page = await self.ask(Unread, after=after)
            since = chain(page["since"] or (), repeat(0))
            rooms += [(room, posts, at) for (room, posts, _), at in zip(page["rooms"], since, strict=False)]
            more = page["more"] and bool(page["rooms"])
            after = rooms[-1][0] if more else ""
        return rooms

    def unacknowledged(self) -> int:
        """Return how many drafts are not answered."""
        return self._pending.drafts()

    def fewer_than(self, count: int) -> Deferred[None]:
        """Return a Deferred that fires as soon as fewer than ``count`` drafts are unanswered."""
        return self._pending.fewer_than(count)
