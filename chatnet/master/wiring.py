"""Puts a primary together: what can fail at once first, then the log, then all that needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.auth import TOKEN_BYTES, Role, Token, make_token
from chatnet.errors import CannotStart, EpochLost, NotAllowed
from chatnet.link import Link, Locator
from chatnet.master.cluster import Cluster
from chatnet.master.conversations import (
    PATIENCE,
    PING_EVERY,
    PULSE_TICK,
    Door,
    FromOperator,
    FromWorker,
)
from chatnet.master.links import Links
from chatnet.master.log_server import Broadcast
from chatnet.master.placement import Placement
from chatnet.master.primary import Primary
from chatnet.master.registry import Registry
from chatnet.master.settings import Settings
from chatnet.outbox import Outboxes
from chatnet.pulse import Pulse
from chatnet.store.sqlite import SqliteLog
from chatnet.supervisor import Supervisor
from chatnet.world import World

BACKLOG = 1024
"""How many connections may wait to be accepted: all clients come back at once."""

_log = Logger()


@dataclass(frozen=True)
class Ground:
    """What a primary stands on; got without waiting, so that what is wrong with it is said at the start."""

    token: Token
    links: Links
    listening: IListeningPort

    @property
    def port(self) -> int:
        """Where it listens."""
        address: Any = self.listening.getHost()
        return int(address.port)


def take_ground(settings: Settings, world: World) -> Ground:
    """The token, and the port; nobody is answered there yet.

    :raises CannotStart: the port cannot be had, or the token's file holds none.
    :raises OSError: the token cannot be read or made.
    """
    token = make_token(world.files, settings.token_file, world.entropy(TOKEN_BYTES))
    links = Links(Outboxes(world.reactor), world.reactor)
    host, port = settings.listen
    try:
        listening = world.reactor.listenTCP(port, links, backlog=BACKLOG, interface=host)
    except CannotListenError as error:
        why = getattr(error.socketError, "strerror", None) or error.socketError
        raise CannotStart(
            f"Cannot listen on {settings.listen} ({why}): stop what does, or choose another by --listen."
        ) from error
    return Ground(token, links, listening)


async def lead(settings: Settings, world: World, ground: Ground) -> Primary:
    """Open the log, and command.

    :raises CannotStart: the log cannot be opened.
    """
    log = await _open_log(settings, world)
    registry: Registry[Link] = Registry()
    cluster = _make_cluster(settings, world, registry, log.epoch, ground.port)
    pulse = Pulse(world.reactor, world.monotonic, PULSE_TICK, PING_EVERY, PATIENCE)
    primary = Primary(
        host=world.hostname,
        pid=world.processes.own_pid(),
        log=log,
        links=ground.links,
        port=ground.port,
        listening=ground.listening,
        pulse=pulse,
        registry=registry,
        cluster=cluster,
        stop_process=lambda: world.reactor.callLater(0, world.reactor.stop),
    )
    ground.links.open(_make_door(world, ground.token, log, cluster, pulse, primary))
    primary.start()
    return primary


async def _open_log(settings: Settings, world: World) -> SqliteLog:
    def fatal(failure: Failure) -> None:
        if failure.check(EpochLost):
            _log.critical("{why}: another master has taken the lease. This one exits", why=failure.value)
        else:
            _log.failure("The log cannot be written any more; this master exits", failure)
        world.processes.exit(1)

    return await SqliteLog.open(
        path=settings.data / "log.sqlite",
        files=world.files,
        reactor=world.reactor,
        threads=world.threads,
        wall=world.wall,
        entropy=world.entropy,
        on_fatal=fatal,
    )


def _make_cluster(
    settings: Settings, world: World, registry: Registry[Link], epoch: int, port: int
) -> Cluster:
    supervisor = Supervisor(
        "worker",
        command=lambda: settings.worker_command(world.executable, port, world.processes.own_pid()),
        logs=settings.data / "log",
        reactor=world.reactor,
        monotonic=world.monotonic,
        files=world.files,
        environ=world.environ,
        tell=lambda what: registry.note(what, world.wall()),
    )
    return Cluster(
        epoch=epoch,
        host=world.hostname,
        wanted=settings.workers,
        registry=registry,
        placement=Placement(world.chance),
        supervisor=supervisor,
        clock=world.reactor,
        monotonic=world.monotonic,
        wall=world.wall,
        up=lambda: world.stdio.say(settings.invitation(world.executable, world.directory, port)),
    )


def _make_door(
    world: World, token: Token, log: SqliteLog, cluster: Cluster, pulse: Pulse, primary: Primary
) -> Callable[[], Locator]:
    broadcast = Broadcast(log.window, log.epoch)

    def over(seen: int) -> None:
        _log.critical(
            "A worker obeys epoch {seen}: ours, {ours}, is over. This master exits", seen=seen, ours=log.epoch
        )
        world.processes.exit(1)

    def admit(role: Role) -> Locator:
        if role == "worker":
            return FromWorker(cluster, over, log, log.epoch, log.log_id, broadcast, world.reactor)
        if role == "operator":
            return FromOperator(primary.status, primary.stop_cluster)
        raise NotAllowed.of(command=f"in the role {role}", hint="a role is worker or operator")

    return lambda: Door(cluster, log.epoch, token, admit, pulse, world.entropy, world.reactor)
