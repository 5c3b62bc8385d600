"""The process of a master: it takes the lease, or stands by for it; with a shared store, again and again."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.errors import CannotStart
from chatnet.master.embedded_store import EmbeddedStore
from chatnet.master.port import KnownPrimary, MasterPort, Redirect, RedirectingPort, open_port
from chatnet.master.primary import Primary
from chatnet.master.replica import Replica
from chatnet.master.settings import Settings
from chatnet.master.shared_store import SharedStore
from chatnet.master.standby import Inheritance
from chatnet.master.wiring import (
    claim,
    find_primary_token,
    find_shared_token,
    identify,
    lead,
    stand_by,
)
from chatnet.net.security import Renewal, Security, find_certificates
from chatnet.net.shared_port import Passport, W, irc_passport, settle
from chatnet.options import find_masters
from chatnet.rights import secure_data
from chatnet.start import Start
from chatnet.store.lease import Holder
from chatnet.store.sqlite.moved import refuse_moved
from chatnet.world import World, stop_soon

ATTACH_SECONDS = 5.0
"""Seconds that a daemon waits for the primary to accept it as a replica, before it says that it stands by."""


def build(options: Any, world: World) -> MasterService:
    """Return the service of one master process, not yet started.

    :raises CannotStart: the master's address or the store's URL is not one, or the certificate or the page's
        address is not good.
    """
    world.processes.keep_private()
    settings = Settings.of(options, world.environ, find_masters(None, world)[0].port, world.directory)
    if settings.store:
        return SharedMaster(options, settings, world)
    return EmbeddedMaster(options, settings, world)


class MasterService(Service):
    """One master process: the primary while it holds the lease, otherwise a replica."""

    _logger = Logger()
    store: EmbeddedStore | SharedStore

    def __init__(self, options: Any, settings: Settings, world: World) -> None:
        self._settings = settings
        self._world = world
        self._certificates = find_certificates(settings.pair, world)
        self._renewal = Renewal(self._certificates, self._presents_another, world)
        self._token: Token
        self._security: Security
        self._leads_at: Address
        self._replica: Replica | None = None
        self._doing: set[Deferred[Any]] = set()
        self._looking: Deferred[None] | None = None
        self._primary: Primary | None = None
        self._start = Start(options)
        self._stands_by = ""
        self._left_out: list[str] = []
        self._patience: IDelayedCall | None = None

    def stopService(self) -> Deferred[None]:
        super().stopService()
        if self._replica is not None:
            self._replica.stop()  # at once: who has closed its port can lead no more
        return Deferred.fromCoroutine(self._stop())

    def _started(self) -> None:
        super().startService()
        self._renewal.start()
        processes = self._world.processes
        if self._settings.spawned:
            processes.outlive_terminal()
        else:
            processes.end_with_terminal(self._world.reactor)

    def _has_token(self, token: Token) -> None:
        self._token = token
        self._security = Security(self._certificates, token, self._settings.insecure, self._world)

    async def _look_for_ports(self) -> None:
        """Find out, for the person who starts this master, whether its workers can have the page's port, and
        its fronts those for IRC.

        :raises CannotStart: they cannot, and it was asked for.
        """
        if self._settings.spawned:
            return
        self._looking = Deferred.fromCoroutine(self._settle_ports())
        await self._looking

    async def _settle_ports(self) -> None:
        settings, world = self._settings, self._world
        web, irc = settings.web, settings.irc
        if settings.workers:
            web = self._said(*await settle(web, Passport(self._token), world))
        if irc.fronts:
            irc = self._said(*await settle(irc, irc_passport(self._token), world))
        self._settings = replace(self._settings, web=web, irc=irc)

    def _said(self, found: W, sentence: str) -> W:
        """Say what is left out, and return what is ``found``."""
        if sentence:
            self._left_out.append(sentence)
            self._logger.warn("{sentence}", sentence=sentence)
            self._world.stdio.say(sentence)
        return found

    def _presents_another(self) -> None:
        """Publish the renewed certificate's key: clients that ask a replica must learn it."""
        if self._primary is not None:
            self._do(self._publish(self._primary))

    def _do(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Run ``work``. A failure ends the process, and stopping waits until the work is done."""
        doing = Deferred.fromCoroutine(work).addErrback(self._failed)
        self._doing.add(doing)
        doing.addBoth(lambda _: self._doing.discard(doing))

    def _failed(self, failure: Failure) -> None:
        if not self.running:
            return
        if isinstance(failure.value, CannotStart):
            self._cannot(str(failure.value))
        else:
            self._logger.failure("This master failed", failure)
            self._start.failed(f"This master failed ({failure.getErrorMessage()}); its log says how.")
            self._world.processes.exit(1)

    def _cannot(self, sentence: str) -> None:
        self._logger.critical("{sentence}", sentence=sentence)
        self._world.stdio.error(sentence)
        self._start.failed(sentence)
        self._world.processes.exit(1)

    def _stand_by(self, redirecting: RedirectingPort | None, holder: Holder | None) -> None:
        """Become a replica; ``holder`` leads now."""

        def won(inheritance: Inheritance) -> None:
            self._replica = None
            port = None if redirecting is None else redirecting.give()
            self._do(self._lead(port, inheritance))

        if holder is not None and not self._settings.spawned:
            self._stands_by = _stands_by(self._settings, holder)
            self._world.stdio.say(self._stands_by)
        self._replica = stand_by(
            self._settings,
            self._world,
            self._token,
            self._security,
            self.store,
            redirecting,
            won,
            self._answered,
            self._abandoned,
            self._cannot,
        )
        self._replica.start()
        if self._start.is_awaited:
            # It stands by, even if the primary hangs.
            self._patience = self._world.reactor.callLater(ATTACH_SECONDS, self._answered, "")

    def _answered(self, refusal: str) -> None:
        """The primary accepts this replica, or refuses it: at the start, that is the operator's mistake."""
        if refusal and not self._start.is_over and not self._settings.spawned:
            self._cannot(refusal)
        elif not refusal:
            self._up(self._stands_by)

    def _up(self, sentence: str = "") -> None:
        self._start.up(" ".join(filter(None, (*self._left_out, sentence))))
        if self._patience is not None and self._patience.active():
            self._patience.cancel()

    def _waits(self, sentence: str) -> None:
        """Report that it waits, as ``sentence`` says, for something that will pass: the start is done."""
        self._up(f"{sentence} This master waits for that.")

    def _abandoned(self) -> None:
        """Stop, if the parent is dead too: no primary was reached for a minute."""
        parent = self._settings.spawned
        if parent and self._world.processes.parent_pid() != parent:
            self._logger.error("My parent is dead, and no primary was reached for a minute: stopping")
            stop_soon(self._world.reactor)

    async def _lead(self, port: MasterPort | None, inheritance: Inheritance) -> None:
        settings, world, state = self._settings, self._world, inheritance.state
        if state is not None and not self.store.is_shared:
            # Workers and clients look for the primary where the last one was.
            settings = replace(settings, listen=Address.parse(state.listen))
        try:
            primary = await lead(
                settings,
                world,
                self._token,
                self._security,
                self.store,
                port,
                inheritance,
                lambda: not self.running,
            )
        except CannotStart:
            # Before it is reported: an operator who sees it may start another master at once.
            if port is not None:
                await maybeDeferred(port.listening.stopListening)
            await self.store.release()
            raise
        self._primary = primary
        self._leads_at = settings.reached_at(self.store.seen_as, primary.port.number)
        await self._publish(primary)
        world.processes.freeze_heap()
        self._up()

    async def _publish(self, primary: Primary) -> None:
        """Write into the lease where the primary is, and which key it presents."""
        me = identify(self._settings, self._world, key=self._security.key)
        await self.store.publish(msgspec.structs.replace(claim(me, str(self._leads_at)), epoch=primary.epoch))

    async def _stop(self) -> None:
        self._renewal.stop()
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        if self._looking is not None:
            self._looking.cancel()
        for doing in list(self._doing):
            await doing
        primary, self._primary = self._primary, None
        if primary is not None:
            await primary.stop(self.store.release)
        await self.store.close()


class EmbeddedMaster(MasterService):
    """A master with a store in its data directory: it gets lease, port and token at the start."""

    store: EmbeddedStore

    def __init__(self, options: Any, settings: Settings, world: World) -> None:
        super().__init__(options, settings, world)
        self.store = EmbeddedStore(settings.data, world, self._waits)

    def startService(self) -> None:
        """:raises CannotStart: the port is taken, there is no good token, or the disk refuses."""
        with self._start.beginning():
            try:
                port = self._begin()
            except BaseException:
                self.store.let_go()
                raise
        self._started()
        self._do(self._go_on(port))

    async def _go_on(self, port: MasterPort | None) -> None:
        try:
            await self._look_for_ports()
        except BaseException:
            if port is not None:
                await maybeDeferred(port.listening.stopListening)
            await self.store.release()
            raise
        if port is not None:
            await self._lead(port, Inheritance())
        elif self.running:
            self._stand_by(None, self.store.lease.holder())

    def _begin(self) -> MasterPort | None:
        """Find the token; if the lease is free, take it and open the port, and return the port."""
        data = self._settings.data
        try:
            secure_data(self._world.files, data)
            self._world.files.make_directory(data / "log")
            is_ours = not self._settings.spawned and self.store.lease.take()
            if is_ours:
                self.store.taken(claim(identify(self._settings, self._world), ""))
            if not (is_ours or self._settings.spawned or self.store.lease.holder()):
                self._refuse_another_machines()
            refuse_moved(self._world.files, data)
            self._has_token(find_primary_token(self._settings, self._world))
            return open_port(self._settings, self._world, self._security) if is_ours else None
        except OSError as error:
            raise CannotStart(
                f"Cannot use {error.filename or data} ({error.strerror}): mend it, "
                "or choose another directory by --data."
            ) from error

    def _refuse_another_machines(self) -> None:
        """:raises CannotStart: another machine holds the lease: the directory is on a shared disk."""
        published = self.store.lease.published()
        if published is not None and published.host not in ("", self._world.hostname):
            raise CannotStart(
                f"{self._settings.data} is in use by a master on {published.host}, and an embedded store is "
                "for one machine: for several, use --store postgresql://… (see chatnet migrate)."
            )


class SharedMaster(MasterService):
    """A master with a store that other hosts share. It stands by first, and again after losing the lease."""

    store: SharedStore

    def __init__(self, options: Any, settings: Settings, world: World) -> None:
        super().__init__(options, settings, world)
        self.store = SharedStore(settings.store, world, self._lost_the_lease, self._waits)
        self._redirecting: RedirectingPort | None = None
        self._before: list[Primary] = []
        self._opening: Deferred[None] | None = None

    def startService(self) -> None:
        """Begin to open the store; errors are reported later."""
        with self._start.beginning():
            self._started()
        self._do(self._begin())

    async def _begin(self) -> None:
        settings, world = self._settings, self._world
        try:
            secure_data(world.files, settings.data)
            world.files.make_directory(settings.data / "log")
        except OSError as error:
            raise CannotStart(f"Cannot use {error.filename} ({error.strerror}).") from error
        self._opening = Deferred.fromCoroutine(self._open())
        await self._opening
        await self._look_for_ports()
        if self.running:
            self._stand_by_again(await self.store.holder())

    async def _open(self) -> None:
        settings = self._settings
        await self.store.open()
        self._has_token(find_shared_token(settings, self._world, is_first=self.store.epoch == 0))
        if not await self.store.is_of(self._token):
            # With the lease nobody would obey it, and with its own tickets nobody could resume.
            where = "CHATNET_TOKEN" if settings.token_by_environ else settings.token_file
            raise CannotStart(
                f"The token of {where} is not that of the cluster on this store: copy cluster.token from "
                "the data directory of one of its masters."
            )

    def _stand_by_again(self, holder: Holder | None) -> None:
        settings, world = self._settings, self._world

        def primary() -> KnownPrimary:
            return KnownPrimary() if self._replica is None else self._replica.primary

        def unproven() -> Redirect:
            return Redirect(primary, self._token, world.entropy, world.reactor)

        self._redirecting = RedirectingPort(
            lambda: open_port(settings, world, self._security),
            unproven,
            world.reactor,
            lambda reached: settings.pages(reached, world.hostname),
        )
        self._redirecting.start()
        if self._redirecting.port is None and not self._stands_by:
            self._stands_by = (
                f"{settings.listen} is taken, by another master of this host or by a stranger: this one "
                "stands by, and cannot lead before it has that port."
            )
            self._logger.warn("{sentence}", sentence=self._stands_by)
        self._stand_by(self._redirecting, holder)

    def _lost_the_lease(self) -> None:
        """Stop commanding at once, and stand by again, with what is known."""
        primary, self._primary = self._primary, None
        if primary is not None and self.running:
            self._do(self._step_back(primary))
        elif primary is None and self._doing:
            # It was lost before this master commanded.
            self._world.processes.exit(1)

    async def _step_back(self, primary: Primary) -> None:
        await primary.abdicate(self.store.release, is_over=True)
        self._before.append(primary)
        if self.running:
            self._stand_by_again(None)

    async def _stop(self) -> None:
        if self._opening is not None:
            self._opening.cancel()  # the database may be away for long
        redirecting, self._redirecting = self._redirecting, None
        if redirecting is not None and self._primary is None:
            await redirecting.stop()
        await super()._stop()
        if not self._settings.spawned:
            # A person started this master, and it started everything else on this host.
            for primary in self._before:
                await primary.end_left()


def _stands_by(settings: Settings, holder: Holder) -> str:
    who = f" (pid {holder.pid}{', ' if holder.address else ''}{holder.address})"
    where = "this store" if settings.store else settings.data
    return f"Another master{who} already runs on {where}: standing by as a replica."
