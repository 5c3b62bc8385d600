"""The log as a worker has it: the primary's, over the link to it, or in a database that it opens itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from chatnet.addresses import Address
from chatnet.entries import Entry
from chatnet.link import Link
from chatnet.store import Log
from chatnet.store.remote import RemoteLog


class FollowedLog(Log, Protocol):
    """A log that this process follows."""

    @property
    def is_ready(self) -> bool:
        """True, for good, once the window has reached the head."""


class Store(Protocol):
    """Where the log is kept: at ``url``, or by the primary if that is empty."""

    @property
    def url(self) -> str: ...
    @property
    def log(self) -> FollowedLog: ...

    def attached(self, link: Link, log_id: str, epoch: int) -> None:
        """There is a registered link to the primary of ``epoch``, whose log is ``log_id``."""

    def detached(self) -> None:
        """It is lost."""

    def committed(self, epoch: int, entries: Sequence[Entry]) -> None:
        """The primary of ``epoch`` pushes entries."""

    @property
    def is_reached(self) -> bool:
        """Does it answer, though there be no primary?"""

    async def leader(self) -> Address | None:
        """Where it says that the primary is; None if it does not."""

    async def close(self) -> None:
        """Follow it no more."""


class PrimarysStore:
    """The embedded store, which only the primary opens."""

    url = ""
    is_reached = False

    def __init__(self, on_replaced: Callable[[], None]) -> None:
        self.log = RemoteLog(on_replaced)

    def attached(self, link: Link, log_id: str, epoch: int) -> None:
        self.log.attached(link, log_id, epoch)

    def detached(self) -> None:
        self.log.detached()

    def committed(self, epoch: int, entries: Sequence[Entry]) -> None:
        self.log.committed(epoch, entries)

    async def leader(self) -> Address | None:
        return None

    async def close(self) -> None:
        """What is asked of it waits for ever."""
