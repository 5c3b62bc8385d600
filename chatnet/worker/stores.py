"""The log as a worker sees it: the primary's, over the link to it, or in a database that the worker opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from chatnet.addresses import Address
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.limits import LIMITS, Limits
from chatnet.log import Log
from chatnet.marks import UserMark
from chatnet.net.link import Link
from chatnet.store.lease import parse_holder
from chatnet.store.postgres.database import Unavailable
from chatnet.store.postgres.log import PostgresLog
from chatnet.store.remote import RemoteLog
from chatnet.telemetry import Tell, unheard
from chatnet.wire.marks import TellMarks
from chatnet.world import World


class FollowedLog(Log, Protocol):
    """A log that this process follows."""

    @property
    def is_ready(self) -> bool:
        """True, and from then on always, once the window has reached the head."""


class Store(Protocol):
    """Where the log is kept: at ``url``; an empty URL means that the primary keeps it."""

    @property
    def url(self) -> str: ...
    @property
    def log(self) -> FollowedLog: ...

    def attached(self, link: Link, log_id: str) -> None:
        """The link to the primary is registered; its log is ``log_id``."""

    def detached(self) -> None:
        """The link to the primary is lost."""

    def heard(self) -> None:
        """The primary has sent a sign of life."""

    def committed(self, entries: Sequence[Entry]) -> None:
        """The primary has pushed ``entries``."""

    def pass_on(self, marks: Sequence[UserMark]) -> None:
        """The log has kept ``marks`` of this worker's users: let the other workers know."""

    @property
    def is_reached(self) -> bool:
        """Whether the store answers, even without a primary."""

    @property
    def is_away(self) -> bool:
        """Whether the store does not answer, even with a primary."""

    async def leader(self) -> Address | None:
        """Return where the store says that the primary is; None if it does not say."""

    async def close(self) -> None:
        """Stop following the log."""


class PrimarysStore:
    """The embedded store, which only the primary opens."""

    url = ""
    is_reached = is_away = False

    def __init__(
        self,
        on_replaced: Callable[[], None],
        on_outgrown: Callable[[str], None],
        own_level: int,
        limits: Limits = LIMITS,
        tell: Tell = unheard,
        seconds: Callable[[], float] = float,
    ) -> None:
        self.log = RemoteLog(on_replaced, on_outgrown, own_level, limits, tell, seconds)

    def attached(self, link: Link, log_id: str) -> None:
        self.log.attached(link, log_id)

    def detached(self) -> None:
        self.log.detached()

    def heard(self) -> None:
        self.log.heard()

    def committed(self, entries: Sequence[Entry]) -> None:
        self.log.committed(entries)

    def pass_on(self, marks: Sequence[UserMark]) -> None:
        """Do nothing: the primary, which keeps them, has told the others."""

    async def leader(self) -> Address | None:
        return None

    async def close(self) -> None:
        """Nothing to close; pending requests are never answered."""


class DatabaseStore:
    """A database that this process opens itself; ``on_replaced`` is called if the primary has another log."""

    def __init__(self, url: str, log: PostgresLog, on_replaced: Callable[[], None]) -> None:
        self.url = url
        self.log = log
        self._on_replaced = on_replaced
        self._link: Link | None = None

    @property
    def is_reached(self) -> bool:
        return not self.log.trouble

    @property
    def is_away(self) -> bool:
        return bool(self.log.trouble)

    def attached(self, link: Link, log_id: str) -> None:
        self._link = link
        if log_id != self.log.log_id:
            self._on_replaced()

    def detached(self) -> None:
        """The primary is not needed for the log."""
        self._link = None

    def heard(self) -> None:
        """Nothing to do: what counts is what the database says."""

    def pass_on(self, marks: Sequence[UserMark]) -> None:
        if marks and self._link is not None and not self._link.full:
            self._link.callRemote(TellMarks, marks=marks)

    def committed(self, entries: Sequence[Entry]) -> None:
        """Nothing to do: such a primary serves another log, which is noticed once it says which."""

    async def leader(self) -> Address | None:
        try:
            holder = parse_holder((await self.log.lease()).holder)
        except Unavailable:
            return None
        return None if holder is None else Address.read(holder.address)

    async def close(self) -> None:
        await self.log.close()


async def open_store(
    world: World,
    tell: Tell,
    url: str,
    on_replaced: Callable[[], None],
    on_rewound: Callable[[Cursor], None],
    on_outgrown: Callable[[str], None],
) -> Store:
    """Open the store at ``url``; an empty URL means the primary's. Waits while the database is away.

    ``on_outgrown`` is called with a sentence when the log needs a newer program.

    :raises CannotStart: it can never be opened.
    """
    if not url:
        seconds = world.monotonic
        return PrimarysStore(on_replaced, on_outgrown, world.level, world.limits, tell, seconds)
    log = await PostgresLog.open_in(world, url, on_rewound, on_outgrown, tell)
    return DatabaseStore(url, log, on_replaced)
