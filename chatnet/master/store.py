"""What masters ask of where log and lease are: in a data directory alone, or in a database with others.

:mod:`~chatnet.master.embedded_store` and :mod:`~chatnet.master.shared_store` answer it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred

from chatnet.entries import Draft
from chatnet.log import Outcome
from chatnet.master.log_server import PrimaryLog
from chatnet.store.lease import Holder
from chatnet.store.window import Window
from chatnet.wire.replica import State

RETRY_SECONDS = 1.0
"""How often a database that is away, or a disk that is full, is tried at the start."""


class Log(Protocol):
    """The log as the primary looks at it."""

    window: Window

    @property
    def log_id(self) -> str: ...
    @property
    def trouble(self) -> str: ...
    @property
    def warning(self) -> str: ...
    def append(self, drafts: Sequence[Draft]) -> Deferred[list[Outcome]]: ...
    async def outdate(self, level: int) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True)
class Leadership:
    """The log is open, and commands may be given, in ``epoch``.

    ``newest_epoch()`` is the latest that has begun, as the store has it now. ``served`` is the log that
    workers reach through the primary; None if they open it themselves, at ``url``.
    """

    log: Log
    epoch: int
    url: str
    served: PrimaryLog | None
    newest_epoch: Callable[[], Awaitable[int]]


class Store(Protocol):
    """What masters of both kinds of store ask of it.

    ``is_shared``: other hosts may have masters, too. Then each listens where it is; of an embedded store, who
    takes over listens where the last primary did. ``seen_as`` is the address at which other hosts see this
    one, if that can be told; else empty.
    """

    is_shared: bool
    seen_as: str

    async def open(self) -> None:
        """Before anything else; waits while the store is away.

        :raises CannotStart: it can never be used.
        """

    async def take(self, me: Holder) -> bool:
        """Take the lease; False if another has it, or it cannot be told for now."""

    async def holder(self) -> Holder | None:
        """Who holds the lease; None if nobody does, or it cannot be told."""

    def is_held_by(self, holder: Holder) -> bool:
        """Does this process of this host hold it still, as far as can be told at once?"""

    def watch(self, free: Callable[[], None]) -> None:
        """Call ``free`` whenever the lease may be taken, if nothing else shows it; until it is taken."""

    async def begin(self, told: State | None, given_up: Callable[[], bool]) -> Leadership:
        """Open the log, holding the lease; waits for what keeps it from that and will pass.

        ``told`` is what the last primary said, if one was followed: the log must be its own, and whole.

        :raises CannotStart: it cannot be opened, or could not until ``given_up()``.
        """

    async def publish(self, me: Holder) -> None:
        """Say who holds the lease."""

    async def release(self) -> None:
        """Let it go; harmless if it is not held."""

    async def close(self) -> None:
        """The process ends."""
