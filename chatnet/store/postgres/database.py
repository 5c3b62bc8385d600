"""What the store asks of a database that many processes share; blocking, so called in threads alone.

:mod:`chatnet.store.postgres.real` is PostgreSQL's; the simulator has a model of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec

from chatnet.entries import Draft
from chatnet.kinds import FIRST_LEVEL
from chatnet.log import Outcome
from chatnet.reads import Question

T = TypeVar("T")


class Unavailable(Exception):
    """The database cannot be reached for now: it is away, changes its leader, takes no writes or connections.

    Transient. Whether what was asked took effect is not known: ask again, with the same keys. Its text says
    why, in a few words. The connection may have become useless: close it, and make another.
    """


class GivenUp(Unavailable):
    """The database is there, and gave this question up: it took, or waited for a lock, longer than it may."""


class Denied(Unavailable):
    """The database is there and refuses us: a wrong password, no such database or user.

    It will go on to, until a person mends the URL or the database. Who only starts had better say so and end;
    who runs goes on trying, for passwords are changed at both ends one after the other.
    """


class Distrusted(Denied):
    """The database is there, and does not show by TLS that it is whom the URL demands: likewise."""


class Opened(msgspec.Struct, frozen=True):
    """The log as it stands: which it is, its newest seq, and what the operator should know of the database.

    ``warning`` is a sentence, such as that no standby is synchronous; else empty. ``seen_as`` is the address
    from which the database sees this connection; empty if it can be no other host's. ``level`` is the log's.
    """

    log_id: str
    head: int
    warning: str = ""
    seen_as: str = ""
    level: int = FIRST_LEVEL


class LeaseRow(msgspec.Struct, frozen=True):
    """The lease as it stands. ``counter`` grows with each renewal, and whenever it is taken or let go.

    ``epoch`` is how often it was taken; ``holder`` is what its holder says of itself, empty if it is free.
    """

    counter: int
    epoch: int
    holder: str


class Database(Protocol):
    """One connection. It is used by one thread at a time.

    :raises Unavailable: by each method.
    """

    def open(self, fresh_id: str) -> Opened:
        """Bring the tables to this version, many at once if need be; a new log gets the id ``fresh_id``.

        :raises Outgrown: the log is above the level that this process understands.
        :raises CannotStart: a newer chatnet made them, or they cannot be made.
        """

    def append(self, drafts: list[Draft], now: int) -> tuple[list[Outcome], list[tuple[Draft, Exception]]]:
        """Append ``drafts`` durably in this order, at ``now`` or later (ms since 1970): an outcome for each.

        And those that were refused because the database failed on them, with why: they are poison. A key
        that is there already answers what it answered. Others that append at the same time come before or
        after, never between.

        :raises Outgrown: the log is above the level that this process understands. Nothing was appended.
        """

    def outdate(self, level: int) -> None:
        """Remove what programs have left that understand less than ``level``, which is the log's."""

    def read(self, question: Question[T]) -> T:
        """What the log answers, of all questions that a store does (:data:`chatnet.reads.OF_A_STORE`).

        :raises ChatnetError: one of the question's errors.
        """

    def listen(self) -> None:
        """From now on this connection hears of what others append; then it is for :meth:`watch` alone."""

    def watch(self, reactor: Any, rung: Callable[[], None], lost: Callable[[], None]) -> None:
        """Call ``rung`` in the reactor's thread when something may have been appended.

        A hint: it may come late, twice, or never. ``lost`` is called once if the connection is lost, and then
        nothing more. Called in the reactor's thread, and does not block. It ends with :meth:`close`.
        """

    def lease(self) -> LeaseRow:
        """The lease as it stands."""

    def take_lease(self, seen: int, holder: str) -> int | None:
        """Take the lease if its counter is still ``seen``: our epoch; None if somebody was faster.

        :raises Outgrown: the log is above the level that this process understands.
        """

    def renew_lease(self, epoch: int, holder: str) -> bool:
        """Say that the holder of ``epoch`` lives, and what it says of itself; False if it is over."""

    def release_lease(self, epoch: int) -> None:
        """Let go of it, if it is still that of ``epoch``: the next need not wait."""

    def token_fingerprint(self, fingerprint: str) -> str:
        """The fingerprint of the cluster's token: ``fingerprint`` from now on if none was kept before."""

    def close(self) -> None:
        """Close it; harmless if it is closed. Does not block, and is allowed from any thread."""


class Databases(Protocol):
    """Where databases are had from: a part of the world."""

    def connect(self, url: str) -> Database:
        """A new connection to ``url``. Blocks, for some seconds at most.

        :raises Unavailable: it cannot be had for now.
        :raises CannotStart: it can never be had: the URL is none, or the driver is not installed.
        """
