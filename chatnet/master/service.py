"""The process of a master: it takes the lease, or says who holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.errors import CannotStart
from chatnet.master.primary import Primary
from chatnet.master.settings import Settings
from chatnet.master.wiring import Ground, lead, take_ground
from chatnet.options import find_masters, starting
from chatnet.store.lease import FlockLease, Holder
from chatnet.world import World


def build(options: Any, world: World) -> MasterService:
    """The service of one master process, not yet started.

    :raises CannotStart: what names the master is no address.
    """
    settings = Settings.of(options, find_masters(None, world)[0].port)
    return MasterService(options, settings, FlockLease(world.files, settings.data), world)


class MasterService(Service):
    """One master process: the primary, for as long as it runs."""

    _logger = Logger()

    def __init__(self, options: Any, settings: Settings, lease: FlockLease, world: World) -> None:
        self._options = options
        self._settings = settings
        self._lease = lease
        self._world = world
        self._leading: Deferred[Primary | None] | None = None

    def startService(self) -> None:
        """:raises CannotStart: another master holds the lease, the port is taken, the disk says no."""
        with starting(self._options):
            try:
                ground = self._take_ground()
            except BaseException:
                self._lease.release()
                raise
        super().startService()
        self._world.processes.raise_file_limit()
        # Its failure ends the process; until then it is kept, so that stopping waits for it.
        self._leading = Deferred.fromCoroutine(self._lead(ground)).addErrback(self._cannot_lead)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def _take_ground(self) -> Ground:
        data = self._settings.data
        try:
            self._world.files.make_directory(data / "log")
            if not self._lease.take():
                raise CannotStart(_already_held(data, self._lease.holder()))
            return take_ground(self._settings, self._world)
        except OSError as error:
            raise CannotStart(
                f"Cannot use {error.filename or data} ({error.strerror}): mend it, "
                "or choose another directory by --data."
            ) from error

    async def _lead(self, ground: Ground) -> Primary:
        primary = await lead(self._settings, self._world, ground)
        self._publish(primary)
        self._world.processes.settle()
        return primary

    def _cannot_lead(self, failure: Failure) -> None:
        if failure.check(CannotStart):
            self._logger.critical("{sentence}", sentence=failure.value)
            self._world.stdio.error(str(failure.value))
        else:
            self._logger.failure("The primary could not start", failure)
        self._world.processes.exit(1)

    def _publish(self, primary: Primary) -> None:
        me = Holder(
            pid=self._world.processes.own_pid(),
            address=str(self._settings.local_address(primary.port)),
            started=self._world.wall(),
            epoch=primary.epoch,
        )
        try:
            self._lease.publish(me)
        except OSError as error:
            # Only its text is missing: the lease itself is held.
            self._logger.warn("Cannot write who holds the lease ({why})", why=error)

    async def _stop(self) -> None:
        leading, self._leading = self._leading, None
        primary = await leading if leading is not None else None
        if primary is not None:
            await primary.stop()
        self._lease.release()


def _already_held(data: Path, holder: Holder | None) -> str:
    who = "" if holder is None else f" (pid {holder.pid}{', ' if holder.address else ''}{holder.address})"
    return (
        f"Another master{who} already runs on {data}: stop it first, or choose another directory by --data."
    )
