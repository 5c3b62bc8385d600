"""The process of a master: it takes the lease, or stands by for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.errors import CannotStart
from chatnet.master.primary import Primary
from chatnet.master.replica import Inheritance, Replica
from chatnet.master.settings import Settings
from chatnet.master.wiring import Ground, find_primary_token, identify, lead, stand_by, take_ground
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
    """One master process: the primary while it holds the lease, and a replica until then."""

    _logger = Logger()

    def __init__(self, options: Any, settings: Settings, lease: FlockLease, world: World) -> None:
        self._options = options
        self._settings = settings
        self._lease = lease
        self._world = world
        self._replica: Replica | None = None
        self._leading: Deferred[Primary | None] | None = None

    def startService(self) -> None:
        """:raises CannotStart: the port is taken, there is no good token, the disk says no."""
        with starting(self._options):
            try:
                token, ground = self._begin()
            except BaseException:
                self._lease.release()
                raise
        super().startService()
        processes = self._world.processes
        processes.raise_file_limit()
        if self._settings.spawned:
            processes.ignore_interrupts()
        if ground is not None:
            self._lead(token, ground, Inheritance())
        else:
            self._stand_by(token)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def _begin(self) -> tuple[Token, Ground | None]:
        """The token; and the port if the lease is free, and nobody may have used them a moment ago."""
        data = self._settings.data
        try:
            self._world.files.make_directory(data / "log")
            if self._settings.spawned or not self._lease.take():
                return find_primary_token(self._settings, self._world), None
            token = find_primary_token(self._settings, self._world)
            return token, take_ground(self._settings, self._world)
        except OSError as error:
            raise CannotStart(
                f"Cannot use {error.filename or data} ({error.strerror}): mend it, "
                "or choose another directory by --data."
            ) from error

    # ---- a replica ----

    def _stand_by(self, token: Token) -> None:
        def won(inheritance: Inheritance) -> None:
            self._replica = None
            self._lead(token, None, inheritance)

        if not self._settings.spawned:
            self._world.stdio.say(_stands_by(self._settings, self._lease.holder()))
        self._replica = stand_by(self._settings, self._world, token, self._lease, won, self._abandoned)
        self._replica.start()

    def _abandoned(self) -> None:
        """No primary was reached for a minute: a replica whose parent is dead as well ends."""
        spawned = self._settings.spawned
        # It may have died before this process could look who its parent is: so it is told.
        if spawned and self._world.processes.parent_pid() != spawned:
            self._logger.error("My parent is dead, and no primary was reached for a minute: stopping")
            self._world.reactor.callLater(0, self._world.reactor.stop)

    # ---- the primary ----

    def _lead(self, token: Token, ground: Ground | None, inheritance: Inheritance) -> None:
        leading = Deferred.fromCoroutine(self._take_command(token, ground, inheritance))
        # Its failure ends the process; until then it is kept, so that stopping waits for it.
        self._leading = leading.addErrback(self._cannot_lead)

    async def _take_command(self, token: Token, ground: Ground | None, inheritance: Inheritance) -> Primary:
        settings = self._settings
        if inheritance.state is not None:
            # Workers and clients look for the primary where it was.
            settings = replace(settings, listen=Address.parse(inheritance.state.listen))
        primary = await lead(settings, self._world, token, ground, inheritance, lambda: not self.running)
        self._publish(settings, primary)
        self._world.processes.settle()
        return primary

    def _cannot_lead(self, failure: Failure) -> None:
        if not self.running:
            return
        if failure.check(CannotStart):
            self._logger.critical("{sentence}", sentence=failure.value)
            self._world.stdio.error(str(failure.value))
        else:
            self._logger.failure("The primary could not start", failure)
        self._world.processes.exit(1)

    def _publish(self, settings: Settings, primary: Primary) -> None:
        me = identify(settings, self._world)
        address = str(settings.local_address(primary.port))
        try:
            self._lease.publish(Holder(me.pid, address, me.started, primary.epoch))
        except OSError as error:
            # Only its text is missing: the lease itself is held.
            self._logger.warn("Cannot write who holds the lease ({why})", why=error)

    async def _stop(self) -> None:
        if self._replica is not None:
            self._replica.stop()
        leading, self._leading = self._leading, None
        primary = await leading if leading is not None else None
        if primary is not None:
            await primary.stop(self._lease.release)
        self._lease.release()


def _stands_by(settings: Settings, holder: Holder | None) -> str:
    who = "" if holder is None else f" (pid {holder.pid}{', ' if holder.address else ''}{holder.address})"
    return f"Another master{who} already runs on {settings.data}: standing by as a replica."
