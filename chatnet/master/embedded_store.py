"""The store of masters of one machine: SQLite in the data directory, and a lock on that directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.errors import CannotStart, EpochLost
from chatnet.master.store import RETRY_SECONDS, Leadership
from chatnet.net.timer import Timer
from chatnet.store.lease import FlockLease, Holder
from chatnet.store.sqlite.disk import DiskRefuses
from chatnet.store.sqlite.file import Found
from chatnet.store.sqlite.log import SqliteLog
from chatnet.store.sqlite.moved import refuse_moved
from chatnet.store.sqlite.opening import Known, LogMissing
from chatnet.telemetry import Tell
from chatnet.wire.replica import State
from chatnet.world import FileStatus, World

BEAT_SECONDS = 5.0
"""Seconds between two checks by the holder that the lease's text names it; until it listens, the same
interval shows that it lives."""


class EmbeddedStore:
    """The store in the directory ``data``.

    ``waits`` is called with a sentence about what delays opening the store, and will pass.
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
        """Do nothing: the store is always there."""

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
        """The lease is ours: say so at once, before the store is opened, and again if the text is lost.

        A holder that has not said so cannot be killed if it hangs. Until the text says where we listen,
        write again and again that we live: waiting for the port, or for room on the disk, is not hanging.
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
        """Return whether we still hold it. A directory on a network may forget who does."""
        holder = self._holder()
        return holder is not None and holder.pid == me.pid

    async def holder(self) -> Holder | None:
        return self._holder()

    def is_held_by(self, holder: Holder) -> bool:
        return holder.is_same(self._holder())

    def watch(self, free: Callable[[], None]) -> None:
        """Do nothing: the loss of the primary's link shows that the lease is free."""

    async def begin(self, told: State | None, given_up: Callable[[], bool], tell: Tell) -> Leadership:
        refuse_moved(self._world.files, self._data)
        if told is None:
            self._refuse_to_begin_anew()
        known = None if told is None else Known(told.log, told.epoch, told.head)
        log = await self._opened(known, given_up, tell)
        return Leadership(log, log.epoch, "", log, log.newest_epoch)

    def _refuse_to_begin_anew(self) -> None:
        """:raises CannotStart: there was a log in the directory, and it is gone."""
        published = self.lease.published()
        path = self._data / "log.sqlite"
        if published is not None and published.epoch and Found.at(path, self._world.files).is_missing:
            raise CannotStart(
                f"{path} is gone, though a master has commanded on it, in epoch {published.epoch}: put it "
                f"back, or restore a backup; or, to begin a new log, remove {self._data / 'lease'}."
            )

    async def _opened(self, known: Known | None, given_up: Callable[[], bool], tell: Tell) -> SqliteLog:
        world, said = self._world, ""
        directory = world.files.status(self._data)
        while True:
            began = world.reactor.seconds()
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
                    tell=tell,
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
            # What took long to fail, as a large file that is written anew, would keep the disk busy for good.
            await deferLater(world.reactor, max(RETRY_SECONDS, world.reactor.seconds() - began))
            self._refuse_another(directory)

    def _refuse_another(self, locked: FileStatus | None) -> None:
        """:raises CannotStart: the directory is not the one we locked: another master may command there."""
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
            # Only its text is missing: we still hold the lease.
            if not self._said_unwritten:
                self._logger.warn("Cannot write who holds the lease ({why})", why=error)
            self._said_unwritten = True

    async def release(self) -> None:
        self.let_go()

    async def close(self) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Release the lease; harmless if it is not held."""
        self._end()
        self.lease.release()

    def _end(self) -> None:
        self._beating.stop()

    def _holder(self) -> Holder | None:
        try:
            return self.lease.holder()
        except OSError:
            return None  # the master that takes it will be told why

    def _fatal(self, failure: Failure) -> None:
        if failure.check(EpochLost):
            self._logger.critical(
                "{why}: another master has taken the lease. This one exits", why=failure.value
            )
        else:
            self._logger.failure("The log can no longer be written; this master exits", failure)
        self._world.processes.exit(1)
