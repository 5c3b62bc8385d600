"""Where a master has the log and the lease: in its data directory alone, or in a database with others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.auth import Token
from chatnet.cursor import Cursor
from chatnet.entries import Draft
from chatnet.errors import CannotStart, EpochLost
from chatnet.log import Outcome
from chatnet.master.log_server import PrimaryLog
from chatnet.net.timer import Timer
from chatnet.store.lease import FlockLease, Holder
from chatnet.store.postgres.database import Denied, Unavailable
from chatnet.store.postgres.lease import DatabaseLease
from chatnet.store.postgres.log import PostgresLog
from chatnet.store.sqlite.file import Found
from chatnet.store.sqlite.log import SqliteLog
from chatnet.store.sqlite.moved import refuse_moved
from chatnet.store.sqlite.opening import Known, LogMissing
from chatnet.store.sqlite.writer import DiskRefuses
from chatnet.store.window import Window
from chatnet.wire.replica import State
from chatnet.world import FileStatus, World

BEAT_SECONDS = 5.0
"""How often who has the lease of an embedded store looks whether its text says so; and, while it does not
listen yet, says that it lives."""
RETRY_SECONDS = 1.0
"""How often a database that is away, or a disk that is full, is tried at the start."""

T = TypeVar("T")


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


class EmbeddedStore:
    """SQLite in the data directory, and a lock on that directory: for masters of one machine.

    ``waits`` is called with the sentence that says what keeps it from being opened, and will pass.
    """

    is_shared = False
    seen_as = ""
    _logger = Logger()

    def __init__(self, data: Path, world: World, waits: Callable[[str], None]) -> None:
        self._data = data
        self._world = world
        self._waits = waits
        self.lease = FlockLease(world.files, data)
        self._me: Holder | None = None
        self._said_unwritten = False
        self._beating = Timer(world.reactor, BEAT_SECONDS, self._beat, "Cannot say that this master lives")

    async def open(self) -> None:
        """It is there."""

    async def take(self, me: Holder) -> bool:
        try:
            taken = self.lease.take()
        except OSError as error:
            self._logger.warn(
                "Cannot look for the lease at {path} ({why})", path=self._data, why=error.strerror
            )
            return False
        if taken:
            self.taken(me)
        return taken

    def taken(self, me: Holder) -> None:
        """The lease is ours: say so at once, before the store is opened; and again, if that is lost.

        Who has not said so cannot be ended, if it hangs. Until it is published where we listen, say again and
        again that we live: who waits for its port, or for room on the disk, does not hang.
        """
        published = self.lease.published()
        self._me = msgspec.structs.replace(me, address="", epoch=0 if published is None else published.epoch)
        self._beating.start(now=True)

    def _beat(self) -> None:
        me = self._me
        if me is None:
            return
        if not me.address:
            self._me = me = msgspec.structs.replace(me, beat=me.beat + 1)
        if self.lease.published() != me and self._is_ours(me):
            self._publish(me)

    def _is_ours(self, me: Holder) -> bool:
        """Do we hold it still? A directory on a network may forget who does."""
        holder = self._holder()
        return holder is not None and holder.pid == me.pid

    async def holder(self) -> Holder | None:
        return self._holder()

    def is_held_by(self, holder: Holder) -> bool:
        return holder.is_same(self._holder())

    def watch(self, free: Callable[[], None]) -> None:
        """The loss of the primary's link shows it."""

    async def begin(self, told: State | None, given_up: Callable[[], bool]) -> Leadership:
        refuse_moved(self._world.files, self._data)
        if told is None:
            self._refuse_to_begin_anew()
        known = None if told is None else Known(told.log, told.epoch, told.head)
        log = await self._opened(known, given_up)
        return Leadership(log, log.epoch, "", log, log.newest_epoch)

    def _refuse_to_begin_anew(self) -> None:
        """:raises CannotStart: there was a log in the directory, and there is none now."""
        published = self.lease.published()
        path = self._data / "log.sqlite"
        if published is not None and published.epoch and Found.at(path, self._world.files).is_missing:
            raise CannotStart(
                f"{path} is gone, though a master has commanded on it, in epoch {published.epoch}: put it "
                f"back, or restore a backup; or, to begin a new log, remove {self._data / 'lease'}."
            )

    async def _opened(self, known: Known | None, given_up: Callable[[], bool]) -> SqliteLog:
        world, said = self._world, ""
        directory = world.files.status(self._data)
        while True:
            try:
                return await SqliteLog.open(
                    path=self._data / "log.sqlite",
                    files=world.files,
                    reactor=world.reactor,
                    threads=world.threads,
                    wall=world.wall,
                    entropy=world.entropy,
                    on_fatal=self._fatal,
                    known=known,
                    limits=world.limits,
                    own_level=world.level,
                )
            except DiskRefuses as refusal:
                why, sentence = f" ({refusal})", f"{refusal.why}: the master commands when {refusal.until}."
            except LogMissing as missing:
                why, sentence = "", f"{missing}."
            if given_up():
                raise CannotStart(sentence)
            if said != sentence:
                self._logger.critical("{sentence}{why}; trying again each second", sentence=sentence, why=why)
                self._waits(sentence)
                said = sentence
            await deferLater(world.reactor, RETRY_SECONDS)
            self._refuse_another(directory)

    def _refuse_another(self, locked: FileStatus | None) -> None:
        """:raises CannotStart: the directory is not the one that we locked: another may command there."""
        now = self._world.files.status(self._data)
        if now is None or locked is None or now.identity != locked.identity:
            raise CannotStart(f"{self._data} was replaced by another one; this master stops waiting.")

    async def publish(self, me: Holder) -> None:
        self._me = me
        self._publish(me)

    def _publish(self, me: Holder) -> None:
        try:
            self.lease.publish(me)
        except OSError as error:
            # Only its text is missing: the lease itself is held.
            if not self._said_unwritten:
                self._logger.warn("Cannot write who holds the lease ({why})", why=error)
            self._said_unwritten = True

    async def release(self) -> None:
        self.let_go()

    async def close(self) -> None:
        self.let_go()

    def let_go(self) -> None:
        """It is no longer held; harmless if it was not."""
        self._end()
        self.lease.release()

    def _end(self) -> None:
        self._beating.stop()

    def _holder(self) -> Holder | None:
        try:
            return self.lease.holder()
        except OSError:
            return None  # whoever takes it will be told why

    def _fatal(self, failure: Failure) -> None:
        if failure.check(EpochLost):
            self._logger.critical(
                "{why}: another master has taken the lease. This one exits", why=failure.value
            )
        else:
            self._logger.failure("The log can no longer be written; this master exits", failure)
        self._world.processes.exit(1)


class SharedStore:
    """A database that masters and workers of many hosts open. ``lost`` is called when the lease is, and
    ``waits`` as for an embedded one.

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
        """Is that the token of this store's cluster? The first that is asked about is."""
        ours = token.fingerprint
        return await self._until_it_answers(lambda: self._lease.token_fingerprint(ours)) == ours

    async def _until_it_answers(self, ask: Callable[[], Awaitable[T]]) -> T:
        said = ""
        while True:
            try:
                return await ask()
            except Denied as refused:
                raise CannotStart(
                    f"The database refuses this master ({refused}): mend the store's URL, which is that of "
                    "--store or CHATNET_STORE, or what the database allows."
                ) from refused
            except Unavailable as away:
                if str(away) != said:
                    self._logger.critical("The database cannot be had ({why}); trying on", why=str(away))
                    self._waits(f"The database cannot be had ({away}).")
                said = str(away)
                await deferLater(self._world.reactor, RETRY_SECONDS)

    async def take(self, me: Holder) -> bool:
        try:
            return await self._lease.take(me)
        except Unavailable:
            return False  # who uses the log says that it is away

    async def holder(self) -> Holder | None:
        try:
            return await self._lease.holder()
        except Unavailable:
            return None

    def is_held_by(self, holder: Holder) -> bool:
        return holder.host == self._world.hostname and self._lease.is_held_by(holder)

    def watch(self, free: Callable[[], None]) -> None:
        self._lease.watch(free)

    async def begin(self, told: State | None, given_up: Callable[[], bool]) -> Leadership:
        world = self._world
        log = await PostgresLog.open(
            url=self._url,
            databases=world.databases,
            reactor=world.reactor,
            threads=world.threads,
            wall=world.wall,
            chance=world.chance,
            entropy=world.entropy,
            on_rewound=self._rewound,
            limits=world.limits,
            on_outgrown=self._outgrown,
            own_level=world.level,
        )
        return Leadership(log, self._lease.epoch, self._url, None, self._newest_epoch)

    async def _newest_epoch(self) -> int:
        try:
            return await self._lease.newest_epoch()
        except Unavailable:
            return 0  # it runs out by itself, before anybody else can have it

    async def publish(self, me: Holder) -> None:
        self._lease.publish(me)

    async def release(self) -> None:
        await self._lease.release()

    async def close(self) -> None:
        await self._lease.release()
        await self._lease.close()

    def _outgrown(self, sentence: str) -> None:
        """Another primary has raised the log above us."""
        self._logger.critical("{sentence}", sentence=sentence)
        self._world.stdio.error(sentence)
        self._world.processes.exit(1)

    def _rewound(self, common: Cursor) -> None:
        """Nothing of what a primary keeps is derived from the log; its workers begin afresh by themselves."""
