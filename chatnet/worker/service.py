"""A worker's wiring, its port, and its life."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from chatnet.addresses import Address
from chatnet.auth import find_token
from chatnet.errors import CannotStart
from chatnet.link import Link, Locator
from chatnet.options import find_masters, starting
from chatnet.outbox import Outboxes
from chatnet.pulse import Pulse
from chatnet.store.remote import RemoteLog
from chatnet.wire.cluster import Load, WorkerIdentity
from chatnet.worker.door import Door
from chatnet.worker.logins import HASHING_THREADS, Hashing, Logins
from chatnet.worker.router import Router
from chatnet.worker.session import Sessions
from chatnet.worker.shedding import Shedding
from chatnet.worker.uplink import Uplink
from chatnet.world import World

BACKLOG = 1024
"""How many connections may wait to be accepted: after a worker's death, its clients come all at once."""
SEND_BUFFER = 128 * 1024
"""What the kernel keeps for a client that does not read, in bytes; its own choice would be megabytes."""
CLUSTER_PULSE = (0.25, 1.0, 3.0)
CLIENT_PULSE = (5.0, 15.0, 45.0)
"""Tick, every, patience, in seconds: see :class:`chatnet.pulse.Pulse`."""


class Clients(Factory):
    """Takes clients' connections while ``ready()``; otherwise closes them, and they ask the master again."""

    noisy = False

    def __init__(
        self, door: Callable[[], Locator], ready: Callable[[], bool], outboxes: Outboxes, pulse: Pulse
    ) -> None:
        self._door = door
        self._ready = ready
        self._outboxes = outboxes
        self._pulse = pulse

    def buildProtocol(self, addr: IAddress | None) -> Link | None:
        if not self._ready():
            return None
        return Link(self._door(), self._outboxes, self._pulse, reads_when_full=False)


class Worker(MultiService):
    """One worker, from the opening of its port to its end. Its services start once it listens."""

    _log = Logger()

    def __init__(
        self,
        options: Mapping[str, Any],
        clients: Clients,
        pulse: Pulse,
        shedding: Shedding,
        pool: ThreadPool,
        world: World,
    ) -> None:
        super().__init__()
        self._options = options
        self._clients = clients
        self._pulse = pulse
        self._shedding = shedding
        self._pool = pool
        self._world = world
        self._port: Any = None
        self._id = world.entropy(4).hex()

    def identity(self) -> WorkerIdentity:
        """Who this worker is, while it listens."""
        host = self._options["advertise"] or self._options["listen"].host
        pid = self._world.processes.own_pid()
        return WorkerIdentity(
            id=self._id,
            host=self._world.hostname,
            pid=pid,
            address=str(Address(host, self._port.getHost().port)),
            advertise=bool(self._options["advertise"]),
            spawned=bool(self._options["spawned"]),
            started=self._world.processes.started(pid) or 0,
        )

    def stop(self) -> None:
        """End this process in good order, once what was put on its links has gone."""
        self._world.reactor.callLater(0, self._world.reactor.stop)

    def abandoned(self) -> None:
        """No primary was reached for a minute: a worker whose supervisor is dead as well ends."""
        supervisor = self._options["spawned"]
        # It may have died before this process could look who its parent is: so it is told.
        if supervisor and self._world.processes.parent_pid() != supervisor:
            self._log.error("My supervisor is dead, and no primary was reached for a minute: stopping")
            self.stop()

    def startService(self) -> None:
        """:raises CannotStart: there is no port to listen on."""
        with starting(self._options):
            self._port = self._listen()
        self._world.processes.raise_file_limit()
        if self._options["spawned"]:
            self._world.processes.ignore_interrupts()
        self._pool.start()
        self._pulse.start()
        super().startService()
        self._world.processes.settle()

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._port is None:
            return
        await maybeDeferred(self._port.stopListening)
        self._shedding.stop()
        for link in self._pulse.links():
            link.hang_up()
        self._pulse.stop()
        await super().stopService()
        self._pool.stop()

    def _listen(self) -> Any:
        host, first = self._options["listen"]
        numbers: Sequence[int] = self._options["ports"] or (first,)
        for number in numbers:
            try:
                port = self._world.reactor.listenTCP(number, self._clients, BACKLOG, host)
            except CannotListenError as error:
                why = error
            else:
                _limit_send_buffer(port)
                return port
        raise CannotStart(_cannot_listen(host, numbers, why))


def _limit_send_buffer(port: Any) -> None:
    listening = getattr(port, "socket", None)
    if listening is not None:
        # The connections that it accepts inherit it.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def _cannot_listen(host: str, numbers: Sequence[int], error: CannotListenError) -> str:
    first, last = Address(host, numbers[0]), numbers[-1]
    where = first if len(numbers) == 1 else f"{first} to {last}"
    why = getattr(error.socketError, "strerror", None) or error.socketError
    return f"The worker cannot listen on {where} ({why}): choose another port with --listen or --ports."


def build(options: Mapping[str, Any], world: World) -> Worker:
    """A worker, ready to be started.

    :raises CannotStart: there is no token, or what names the master is no address.
    """
    token = find_token(world.files, world.environ, options["token-file"], world.directory / options["data"])
    masters = find_masters(options["master"], world)
    reactor, monotonic = world.reactor, world.monotonic
    outboxes = Outboxes(reactor)
    log = RemoteLog(on_replaced=lambda: world.processes.exit(1))
    router = Router(outboxes)
    log.window.watch(router.apply)
    pool = world.threads(HASHING_THREADS, "hashing")
    hashing = Hashing(reactor, pool)
    sessions = Sessions(log, router, hashing, token, options["post-rate"], reactor, monotonic)
    logins = Logins(log, hashing, world.entropy, reactor, monotonic)
    pulse = Pulse(reactor, monotonic, *CLIENT_PULSE)
    clients = Clients(lambda: Door(sessions, logins, token), lambda: log.is_ready, outboxes, pulse)
    shedding = Shedding(sessions, reactor)
    worker = Worker(options, clients, pulse, shedding, pool, world)

    def load() -> Load:
        return Load(
            sessions=len(sessions.open),
            posts=sessions.posts,
            deliveries=router.deliveries,
            cursor=log.window.head,
            poison=sessions.poison,
            moving=shedding.moving,
        )

    Uplink(
        masters,
        token,
        log,
        worker.identity,
        load,
        worker.stop,
        shedding.shed,
        worker.abandoned,
        outboxes,
        Pulse(reactor, monotonic, *CLUSTER_PULSE),
        reactor,
        world.chance,
        world.entropy,
    ).setServiceParent(worker)
    return worker
