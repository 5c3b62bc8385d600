"""The reads of the log as values: each question, what it promises, and what it is answered. Pure.

Who adds a read adds its question here, a function that answers it to the table of each store
(``store/sqlite/reads.py``, ``store/postgres/reads.py``, ``testing/memory_log.py``), and its row to
docs/protocol.md. All between them only passes questions on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from chatnet.cursor import Cursor
from chatnet.entries import Entry, Interval
from chatnet.errors import ChatnetError, NoSuchRoom

NEWEST = 20
"""How many posts ``CHAT`` begins with."""

LaneName = Literal["logins", "pages"]
"""Which reads share threads and turns: those of who logs in, or those of who reads pages."""

T = TypeVar("T")
Source = TypeVar("Source")


# ---- what is answered ----


class Account(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A user's credential (see :mod:`chatnet.auth`), and the seqs of what set it and registered them."""

    credential: str
    secret_seq: int
    registered: int


Position = tuple[int, str]
"""Where a page of a snapshot ends: behind which stay, by where it ended and its room."""


class Snapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of a user's memberships as they stood at seq ``at``; what follows starts right behind it.

    ``secret_seq`` and ``registered`` are those of now, whatever ``at`` is. 0: there is no such user.
    ``behind`` is where the next page begins, if there is one.
    """

    at: int
    secret_seq: int
    registered: int
    intervals: list[Interval]
    behind: Position | None = None


class FeedPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of visible posts, and the seq up to which it is complete."""

    posts: list[Entry]
    cursor: int


class RoomPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of room names in order, and whether another follows."""

    names: list[str]
    more: bool


# ---- what is asked ----


class Question(msgspec.Struct, Generic[T], frozen=True, array_like=True, tag=True, gc=False):
    """A read of the log, which is answered by a ``T``: see :meth:`chatnet.log.Log.read`.

    It travels as an array: the name of its class, then its fields. An answer fits one AMP value of 65,535
    bytes, whatever is asked. ``lane`` is whose threads and turns it takes, ``costs`` what it costs the store
    at most, and ``errors`` are those that it may be answered with.
    """

    lane: ClassVar[LaneName] = "pages"
    costs: ClassVar[str] = "a page of 500 posts, 60 KB"
    errors: ClassVar[tuple[type[ChatnetError], ...]] = ()


Answers = Mapping[type[Question[Any]], Callable[[Source, Any], Any]]
"""A store's table: for each question the function that answers it, from a ``Source`` such as a connection."""


class Head(Question[int], frozen=True):
    """The newest committed seq."""

    lane = "logins"
    costs = "nothing"


class CursorAt(Question[Cursor | None], frozen=True):
    """The cursor at ``seq`` in the log as it now is, also ahead of the window; None if it ends before."""

    lane = "logins"
    costs = "a row"

    seq: int


class AccountOf(Question[Account | None], frozen=True):
    """The user's credential, or None if the name is free."""

    lane = "logins"
    costs = "a row"

    user: str


class SnapshotOf(Question[Snapshot], frozen=True):
    """The user's stays that matter behind ``after``: those open at ``upto`` or left behind ``after``.

    The first page of them, or the one that begins ``behind`` the last. A stay that ends while the pages are
    read may come twice; none is left out.
    """

    lane = "logins"
    costs = "200 rows"

    user: str
    after: int
    upto: int
    behind: Position | None = None


class Newest(Question[list[Entry]], frozen=True):
    """The newest 20 posts of the rooms that the user is in at ``upto``, their own, and mentions of them.

    Posts from before the join are included. Oldest first; fewer than 20 if a page holds only so many.
    """

    costs = "20 posts, looked for in each room of a user"

    user: str
    upto: int


class Feed(Question[FeedPage], frozen=True):
    """The first page of posts behind ``after`` that the user may see (``visible``), in order."""

    user: str
    after: int
    upto: int


class History(Question[list[Entry]], frozen=True):
    """The page of the posts of ``room`` that ends before ``before`` (the newest for None), oldest first.

    :raises NoSuchRoom: nobody has this name, or nobody ever used this topic.
    """

    errors = (NoSuchRoom,)

    room: str
    before: int | None = None


class Rooms(Question[RoomPage], frozen=True):
    """The first page of rooms that begin with ``prefix`` and sort behind ``after``."""

    costs = "200 rows"

    prefix: str
    after: str


QUESTIONS: tuple[type[Question[Any]], ...] = (
    Head,
    CursorAt,
    AccountOf,
    SnapshotOf,
    Newest,
    Feed,
    History,
    Rooms,
)
"""What every log answers, and what workers may ask the primary."""


# ---- what only the store itself is asked, by those who follow it: nothing of this travels ----


class PageOf(Question[list[Entry]], frozen=True):
    """The first page of all entries behind ``after``, up to ``upto`` if given."""

    lane = "logins"

    after: int
    upto: int | None = None


class Last(Question[list[Entry]], frozen=True):
    """The newest ``count`` entries, oldest first: as many as are asked for, so no page."""

    lane = "logins"

    count: int


OF_A_STORE: tuple[type[Question[Any]], ...] = (*QUESTIONS, PageOf, Last)
"""What a store answers: all of the log is in it."""
