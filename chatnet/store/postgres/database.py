"""What the store asks of a database that many processes share. Calls block, so only threads make them.

:mod:`chatnet.store.postgres.real` is PostgreSQL's implementation; the simulator has a model of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from chatnet.blanking import Blanking
from chatnet.entries import Draft
from chatnet.kinds import FIRST_LEVEL
from chatnet.log import Outcome
from chatnet.marks import UserMark
from chatnet.reads import Question
from chatnet.store.blanking import Freed, Overdue

T = TypeVar("T")


class Unavailable(Exception):
    """The database cannot be reached now: it is away, changes its leader, or takes no writes or connections.

    Transient. It is unknown whether the call took effect: ask again, with the same keys. The text says why,
    in a few words. The connection may be useless now: close it, and make another.
    """


class Deposed(Exception):
    """Another epoch has begun since: its primary alone may append what only a primary may."""


class GivenUp(Unavailable):
    """The database is there, but gave up this question: it took, or waited for a lock, too long."""


class Denied(Unavailable):
    """The database is there and refuses us: a wrong password, no such database or user.

    This lasts until a person corrects the URL or the database. A process that is starting should say so and
    end; a running one should keep trying, because a password is changed first at one end, then at the other.
    """


class Distrusted(Denied):
    """The database is there, but does not prove by TLS the identity that the URL demands. See above."""


class Opened(msgspec.Struct, frozen=True):
    """The log as it is now: its id, its newest seq, and what the operator should know of the database.

    ``warning`` is a sentence, for example that no standby is synchronous; or empty. ``seen_as`` is the
    address from which the database sees this connection; empty if no other host can have it. ``level`` is
    the log's. ``blankings``: what is taken back, and not overwritten yet.
    """

    log_id: str
    head: int
    warning: str = ""
    seen_as: str = ""
    level: int = FIRST_LEVEL
    blankings: list[Blanking] = []


class LeaseRow(msgspec.Struct, frozen=True):
    """The lease as it is now. ``counter`` grows with each renewal, and when the lease is taken or released.

    ``epoch`` is how often it was taken; ``holder`` is what its holder says of itself, empty if it is free.
    """

    counter: int
    epoch: int
    holder: str


class Database(Protocol):
    """One connection, used by one thread at a time.

    :raises Unavailable: by each method.
    """

    def open(self, fresh_id: str) -> Opened:
        """Bring the tables to this version, several processes at once if need be; a new log gets
        ``fresh_id``.

        :raises Outgrown: the log is above the level that this process understands.
        :raises CannotStart: a newer chatnet made the tables, or they cannot be made.
        """

    def append(
        self, drafts: list[Draft], now: int, epoch: int = 0
    ) -> tuple[list[Outcome], list[tuple[Draft, Exception]]]:
        """Append ``drafts`` durably in this order, at ``now`` or later (ms since 1970); for the primary of an
        ``epoch``, if that is given, and then only while no other epoch has begun.

        Returns an outcome for each draft, and the drafts that were refused because the database failed on
        them, with the reason: they are poison. A key that the log has already gets its old answer again.
        Batches of others come before or after this one, never in between.

        :raises Outgrown: the log is above the level that this process understands. Nothing was appended.
        :raises Deposed: another epoch has begun. Nothing was appended.
        """

    def keep_marks(self, marks: Sequence[UserMark]) -> list[UserMark]:
        """Keep marks, the greatest of each user and room; return those that are news, as kept.

        Takes no lock of those who append, and does not wait for the disk.
        """

    def free(self) -> Freed:
        """Overwrite some of the texts that are taken back together, if there are any: the primary asks."""

    def overdue(self, now: int, day: int) -> list[Overdue]:
        """Return which posts are too old at ``now``, in milliseconds since 1970; so long is a ``day``."""

    def heirs(self) -> list[tuple[str, str]]:
        """Return private rooms whose last owner is forgotten, each with whoever has been there longest."""

    def outdate(self, level: int) -> None:
        """Remove what older programs left, those that understand less than ``level``, the log's."""

    def read(self, question: Question[T]) -> T:
        """Answer one of the questions to a store (:data:`chatnet.reads.OF_A_STORE`).

        :raises ChatnetError: one of the question's errors.
        """

    def listen(self) -> None:
        """Hear of what others append, from now on; after this the connection is for :meth:`watch` alone."""

    def watch(self, reactor: Any, rung: Callable[[], None], lost: Callable[[], None]) -> None:
        """Call ``rung`` in the reactor's thread when something may have been appended.

        It is a hint: it may come late, twice, or never. ``lost`` is called once if the connection is lost,
        and nothing after that. Call this in the reactor's thread; it does not block. :meth:`close` ends it.
        """

    def lease(self) -> LeaseRow:
        """Return the lease as it is now."""

    def take_lease(self, seen: int, holder: str) -> int | None:
        """Take the lease if its counter is still ``seen``; return our epoch, or None if somebody was faster.

        :raises Outgrown: the log is above the level that this process understands.
        """

    def renew_lease(self, epoch: int, holder: str) -> bool:
        """Renew the lease for the holder of ``epoch``, with its text; return False if its lease has ended."""

    def release_lease(self, epoch: int) -> None:
        """Release the lease if it is still that of ``epoch``: the next holder need not wait."""

    def token_fingerprint(self, fingerprint: str) -> str:
        """Return the fingerprint of the cluster's token; the first one given here is kept."""

    def close(self) -> None:
        """Close the connection; harmless if it is closed. Does not block; any thread may call it."""


class Databases(Protocol):
    """Makes connections to databases: a part of the world."""

    def connect(self, url: str) -> Database:
        """Return a new connection to ``url``. Blocks, for some seconds at most.

        :raises Unavailable: the database cannot be reached now.
        :raises CannotStart: it can never be reached: the URL is not one, or the driver is not installed.
        """
