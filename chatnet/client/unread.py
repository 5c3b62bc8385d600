"""Shows in which rooms something is new: what the cluster calls unread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from chatnet.client.feed import Unbelievable
from chatnet.reads import MOST_UNREAD
from chatnet.wire.session import Unread


async def show_unread(
    ask: Callable[..., Deferred[dict[str, Any]]], show: Callable[[str], None], most_pages: int
) -> None:
    """Ask for the user's rooms, ``most_pages`` at most, and show a line for each with something new.

    :raises Unbelievable: the pages do not go on.
    """
    after, more, pages, found = "", True, 0, False
    ends: set[str] = set()
    while more and pages < most_pages:
        page = await ask(Unread, after=after)
        rooms: list[tuple[str, int, int]] = page["rooms"]
        for room, posts, mentions in rooms:
            if posts:
                found = True
                show(line_of(room, posts, mentions))
        more, pages = page["more"] and bool(rooms), pages + 1
        after = rooms[-1][0] if rooms else ""
        # They are in the order of what the log calls them, which for conversations is not how they are
        # spelled here.
        if more and after in ends:
            raise Unbelievable("a list of rooms that does not go on")
        ends.add(after)
    if not found:
        show("You have read all.")


def line_of(room: str, posts: int, mentions: int) -> str:
    """Return the line for a room. In a conversation all is for the user, and counts as a mention."""
    named = f", {_many(mentions)} of them with your name" if mentions and room[0] != "@" else ""
    return f"{room}: {_many(posts)} new{named}"


def _many(count: int) -> str:
    return f"{MOST_UNREAD} or more" if count >= MOST_UNREAD else str(count)
