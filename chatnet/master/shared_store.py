"""The store of masters on many hosts: a database that they and the workers open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.task import deferLater
from twisted.logger import Logger

from chatnet.auth import Token
from chatnet.cursor import Cursor
from chatnet.errors import CannotStart
from chatnet.master.store import RETRY_SECONDS, Leadership
from chatnet.store.lease import Holder
from chatnet.store.postgres.database import Denied, Distrusted, Unavailable
from chatnet.store.postgres.lease import DatabaseLease
from chatnet.store.postgres.log import PostgresLog
from chatnet.telemetry import Tell
from chatnet.wire.replica import State
from chatnet.world import World

T = TypeVar("T")


class SharedStore:
    """The database at ``url``.

    ``lost`` is called when the lease is lost; ``waits`` with a sentence about what delays opening the store,
    and will pass.

    ``epoch`` is how often the lease had been taken when the store was opened.
    """

    is_shared = True
    _logger = Logger()

    def __init__(
        self, url: str, world: World, lost: Callable[[], None], waits: Callable[[str], None]
    ) -> None:
        self._url = url
        self._world = world
        self._waits = waits
        self._lease = DatabaseLease(
            url,
            world.databases,
            world.reactor,
            world.threads,
            world.monotonic,
            world.chance,
            world.tell,
            lost,
        )
        self.epoch = 0
        self.seen_as = ""

    async def open(self) -> None:
        self._lease.start()
        opened, row = await self._until_it_answers(lambda: self._lease.open(self._world.entropy(16).hex()))
        self.epoch, self.seen_as = row.epoch, opened.seen_as

    async def is_of(self, token: Token) -> bool:
        """Return whether ``token`` is that of this store's cluster. The first one asked about becomes it."""
        ours = token.fingerprint
        return await self._until_it_answers(lambda: self._lease.token_fingerprint(ours)) == ours

    async def _until_it_answers(self, ask: Callable[[], Awaitable[T]]) -> T:
        said = ""
        while True:
            try:
                return await ask()
            except Distrusted as why:
                raise CannotStart(
                    f"The database does not show what the store's URL demands of it ({why}): mend the URL, "
                    "which is that of --store or CHATNET_STORE, or the database's certificate."
                ) from why
            except Denied as refused:
                raise CannotStart(
                    f"The database refuses this master ({refused}): mend the store's URL, which is that of "
                    "--store or CHATNET_STORE, or what the database allows."
                ) from refused
            except Unavailable as away:
                if str(away) != said:
                    self._logger.critical(
                        "The database cannot be reached ({why}); trying again", why=str(away)
                    )
                    self._waits(f"The database cannot be reached ({away}).")
                said = str(away)
                await deferLater(self._world.reactor, RETRY_SECONDS)

    async def take(self, me: Holder) -> bool:
        try:
            return await self._lease.take(me)
        except Unavailable:
            return False  # the user of the log reports that the database is away

    async def holder(self) -> Holder | None:
        try:
            return await self._lease.holder()
        except Unavailable:
            return None

    def is_held_by(self, holder: Holder) -> bool:
        return holder.host == self._world.hostname and self._lease.is_held_by(holder)

    def watch(self, free: Callable[[], None]) -> None:
        self._lease.watch(free)

    async def begin(self, told: State | None, given_up: Callable[[], bool], tell: Tell) -> Leadership:
        epoch = self._lease.epoch
        log = await PostgresLog.open_in(self._world, self._url, self._rewound, self._outgrown, tell, epoch)
        return Leadership(log, epoch, self._url, None, self._newest_epoch)

    async def _newest_epoch(self) -> int:
        try:
            return await self._lease.newest_epoch()
        except Unavailable:
            return 0  # the epoch expires by itself, before anybody else can take the lease

    async def publish(self, me: Holder) -> None:
        self._lease.publish(me)

    async def release(self) -> None:
        await self._lease.release()

    async def close(self) -> None:
        await self._lease.release()
        await self._lease.close()

    def _outgrown(self, sentence: str) -> None:
        """Exit: another primary has raised the log above our level."""
        self._logger.critical("{sentence}", sentence=sentence)
        self._world.stdio.error(sentence)
        self._world.processes.exit(1)

    def _rewound(self, common: Cursor) -> None:
        """Do nothing: a primary derives nothing from the log; its workers start afresh by themselves."""
