"""What was taken back lately, so that an answer that was under way then does not carry its text. Pure.

A store blanks a post when it commits the redaction, and a window when the redaction passes. An answer that
was read before, and comes after, is blanked here, by what its own process has followed meanwhile; or it is
asked for again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar, cast

from chatnet.blanking import Blankings
from chatnet.entries import Entry, blanked
from chatnet.reads import FeedPage, MemberPage, RoomFacts

MOST_REMEMBERED = 10_000
"""How many redactions are remembered; an answer that missed more than these is asked for again."""
MOST_TOGETHER = 100_000
"""Of how many users and rooms is remembered what was taken back together: of others that has been overwritten
long ago."""

T = TypeVar("T")


class TakenBack:
    """The seqs of the posts that were taken back lately; ``count``: how many ever were.

    ``blankings``: what was taken back together; the store may not have overwritten it yet.
    """

    __slots__ = ("_most", "_number_of", "blankings", "count")

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._number_of: dict[int, int] = {}
        self.count = 0
        self.blankings = Blankings(most=MOST_TOGETHER)

    def add(self, seq: int) -> None:
        """Remember that the post at ``seq`` was taken back; forget the oldest, if there are too many."""
        self.count += 1
        self._number_of.pop(seq, None)
        self._number_of[seq] = self.count
        if len(self._number_of) > self._most:
            del self._number_of[next(iter(self._number_of))]

    def since(self, count: int) -> set[int] | None:
        """Return which posts were taken back since there were ``count``; None if they are not all
        remembered."""
        if self.count == count:
            return set()
        if self.count - count > self._most:
            return None
        return {seq for seq, number in self._number_of.items() if number > count}


class Followed(Protocol):
    """What follows the log: a window."""

    @property
    def taken_back(self) -> TakenBack: ...


async def up_to_date(window: Followed, ask: Callable[[], Awaitable[T]]) -> T:
    """Return the answer of ``ask``, without the texts that were taken back while it was under way.

    The store must be at least as far as ``window`` when it is asked.
    """
    while True:
        before, together = window.taken_back.count, window.taken_back.blankings.count
        answer = await ask()
        taken_back = window.taken_back
        if taken_back.blankings.count != together and _describes(answer):
            continue  # it does not say by which entry, so nobody can say here whether that is covered
        seqs = taken_back.since(before)
        if seqs is not None:
            is_as_read = not seqs and not taken_back.blankings
            return answer if is_as_read else _without(answer, seqs, taken_back.blankings)


def _describes(answer: object) -> bool:
    """Return whether it has what somebody has said that a room is about."""
    return isinstance(answer, MemberPage | RoomFacts) and bool(answer.about)


def _without(answer: T, seqs: set[int], blankings: Blankings) -> T:
    match answer:
        case FeedPage(posts, cursor):
            return cast(T, FeedPage(_blank(posts, seqs, blankings), cursor))
        case [Entry(), *_]:
            return cast(T, _blank(answer, seqs, blankings))
    return answer


def _blank(entries: Sequence[Any], seqs: set[int], blankings: Blankings) -> list[Entry]:
    return blankings.without([blanked(entry) if entry.seq in seqs else entry for entry in entries])
