"""What masters ask of the place of log and lease: a data directory of their own, or a shared database.

:mod:`~chatnet.master.embedded_store` and :mod:`~chatnet.master.shared_store` implement it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred

from chatnet.entries import Draft
from chatnet.log import Outcome
from chatnet.master.log_server import PrimaryLog
from chatnet.reads import Question
from chatnet.store.blanking import Freed, Overdue
from chatnet.store.lease import Holder
from chatnet.store.window import Window
from chatnet.telemetry import Tell
from chatnet.wire.replica import State

T = TypeVar("T")

RETRY_SECONDS = 1.0
"""Seconds between two attempts at the start, when the database is away or the disk is full."""


class Log(Protocol):
    """The log as the primary sees it."""

    window: Window

    @property
    def log_id(self) -> str: ...
    @property
    def trouble(self) -> str: ...
    @property
    def warning(self) -> str: ...
    def append(self, drafts: Sequence[Draft]) -> Deferred[list[Outcome]]: ...
    async def read(self, question: Question[T]) -> T: ...
    async def outdate(self, level: int) -> None: ...
    async def free(self) -> Freed: ...
    async def overdue(self, now: int, day: int) -> list[Overdue]: ...
    async def heirs(self) -> list[tuple[str, str]]: ...
    async def close(self) -> None: ...


@dataclass(frozen=True)
class Leadership:
    """The log is open, and the primary commands, in ``epoch``.

    ``newest_epoch()`` asks the store for the latest epoch. ``served`` is the log that workers reach through
    the primary; None if they open it themselves, at ``url``.
    """

    log: Log
    epoch: int
    url: str
    served: PrimaryLog | None
    newest_epoch: Callable[[], Awaitable[int]]


class Store(Protocol):
    """What masters ask of either kind of store.

    ``is_shared``: other hosts may have masters too. Then each listens at its own address; with an embedded
    store, a new primary listens where the last one did. ``seen_as`` is the address at which other hosts see
    this one, if known; otherwise empty.
    """

    is_shared: bool
    seen_as: str

    async def open(self) -> None:
        """Open the store, before anything else; wait while it is away.

        :raises CannotStart: it can never be used.
        """

    async def take(self, me: Holder) -> bool:
        """Take the lease; return False if another holds it, or the store does not answer now."""

    async def holder(self) -> Holder | None:
        """Return who holds the lease; None if nobody does, or it is unknown."""

    def is_held_by(self, holder: Holder) -> bool:
        """Return whether this process of this host still holds it, as far as is known at once."""

    def watch(self, free: Callable[[], None]) -> None:
        """Call ``free`` whenever the lease may be taken, until it is, if nothing else shows that."""

    async def begin(self, told: State | None, given_up: Callable[[], bool], tell: Tell) -> Leadership:
        """Open the log while holding the lease; wait for what delays it and will pass.

        ``told`` is what the last primary sent, if one was followed: the log must be that one, and whole.
        ``tell`` takes what happens to the log.

        :raises CannotStart: it cannot be opened, or could not be before ``given_up()``.
        """

    async def publish(self, me: Holder) -> None:
        """Write who holds the lease."""

    async def release(self) -> None:
        """Release the lease; harmless if it is not held."""

    async def close(self) -> None:
        """Close everything: the process ends."""
