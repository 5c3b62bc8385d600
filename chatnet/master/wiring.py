"""Puts a primary together: what can fail at once first, then the log, then all that needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.auth import TOKEN_BYTES, Role, Token, make_token
from chatnet.errors import CannotStart, EpochLost, NotAllowed
from chatnet.link import Link, Locator
from chatnet.master.cluster import Cluster
from chatnet.master.conversations import (
    PATIENCE,
    PING_EVERY,
    PULSE_TICK,
    Door,
    FromFollower,
    FromOperator,
    FromReplica,
)
from chatnet.master.links import Links
from chatnet.master.log_server import Broadcast
from chatnet.master.placement import Placement
from chatnet.master.primary import Primary
from chatnet.master.registry import Registry
from chatnet.master.replica import Inheritance, Replica
from chatnet.master.replicas import Replicas
from chatnet.master.settings import Settings
from chatnet.outbox import Outboxes
from chatnet.pulse import Pulse
from chatnet.store.lease import FlockLease
from chatnet.store.sqlite import SqliteLog
from chatnet.supervisor import Supervisor
from chatnet.wire.replica import Carried, MasterIdentity, State
from chatnet.world import World

BACKLOG = 1024
"""How many connections may wait to be accepted: all clients come back at once."""
GROUND_SECONDS, GROUND_ATTEMPTS = 0.02, 3_000
"""How often who takes over tries to get the port of who had it, and how many times at most."""
MIRRORED = 200
"""How many workers, and other replicas, a replica is told of: it has to fit an AMP value."""

_log = Logger()


@dataclass(frozen=True)
class Ground:
    """Where a primary is found; got without waiting, so that what is wrong with it is said at the start."""

    links: Links
    listening: IListeningPort

    @property
    def port(self) -> int:
        """Where it listens."""
        address: Any = self.listening.getHost()
        return int(address.port)


def take_ground(settings: Settings, world: World) -> Ground:
    """The port; nobody is answered there yet.

    :raises CannotStart: it cannot be had.
    """
    links = Links(Outboxes(world.reactor), world.reactor)
    host, port = settings.listen
    try:
        listening = world.reactor.listenTCP(port, links, backlog=BACKLOG, interface=host)
    except CannotListenError as error:
        why = getattr(error.socketError, "strerror", None) or error.socketError
        raise CannotStart(
            f"Cannot listen on {settings.listen} ({why}): stop what does, or choose another by --listen."
        ) from error
    return Ground(links, listening)


async def find_ground(settings: Settings, world: World, given_up: Callable[[], bool]) -> Ground:
    """Likewise, but wait for it: the kernel may still be clearing up after who had it before.

    :raises CannotStart: it cannot be had for a minute, or until ``given_up()``.
    """
    for attempt in range(GROUND_ATTEMPTS):
        try:
            return take_ground(settings, world)
        except CannotStart as error:
            if given_up() or attempt == GROUND_ATTEMPTS - 1:
                raise
            if attempt == GROUND_ATTEMPTS // 30:
                _log.critical("{sentence} Trying on", sentence=error)
        await deferLater(world.reactor, GROUND_SECONDS)
    raise AssertionError("not reached")


def find_primary_token(settings: Settings, world: World) -> Token:
    """The cluster's token, made by its first master.

    :raises CannotStart: its file holds none.
    :raises OSError: it cannot be read or made.
    """
    return make_token(world.files, settings.token_file, world.entropy(TOKEN_BYTES))


def identify(settings: Settings, world: World) -> MasterIdentity:
    """Who this process is."""
    pid = world.processes.own_pid()
    return MasterIdentity(world.hostname, pid, world.processes.started(pid) or 0, bool(settings.spawned))


def stand_by(
    settings: Settings,
    world: World,
    token: Token,
    lease: FlockLease,
    won: Callable[[Inheritance], None],
    abandoned: Callable[[], None],
) -> Replica:
    """A replica, not yet started."""

    def usual(state: State | None) -> Address:
        last = settings if state is None else replace(settings, listen=Address.parse(state.listen))
        return last.local_address(last.listen.port)

    return Replica(
        me=identify(settings, world),
        lease=lease,
        token=token,
        usual=usual,
        outboxes=Outboxes(world.reactor),
        pulse=Pulse(world.reactor, world.monotonic, PULSE_TICK, PING_EVERY, PATIENCE),
        processes=world.processes,
        reactor=world.reactor,
        monotonic=world.monotonic,
        chance=world.chance,
        entropy=world.entropy,
        won=won,
        stop_process=lambda: _stop_process(world),
        abandoned=abandoned,
    )


async def lead(
    settings: Settings,
    world: World,
    token: Token,
    ground: Ground | None,
    inheritance: Inheritance,
    given_up: Callable[[], bool],
) -> Primary:
    """Open the log, and command; on ``ground``, or where the primary before us was.

    :raises CannotStart: the log cannot be opened, or is another one; or the port cannot be had.
    """
    log = await _open_log(settings, world)
    state = inheritance.state
    try:
        if state is not None and state.log != log.log_id:
            raise CannotStart(f"The log in {settings.data} is not the cluster's: was the directory replaced?")
        if ground is None:
            ground = await find_ground(settings, world, given_up)
    except CannotStart:
        await log.close()
        raise
    return _command(settings, world, token, ground, log, inheritance)


def _command(
    settings: Settings, world: World, token: Token, ground: Ground, log: SqliteLog, inheritance: Inheritance
) -> Primary:
    state = inheritance.state
    registry: Registry[Link] = Registry(() if state is None else state.events)
    replicas = _make_replicas(settings, world, registry, log, ground.port)
    cluster = _make_cluster(settings, world, registry, log.epoch, ground.port, replicas.changed)
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
        replicas=replicas,
        note=lambda what: _note(world, registry, replicas, what),
        stop_process=lambda: _stop_process(world),
    )
    ground.links.open(_make_door(world, token, log, cluster, replicas, pulse, primary))
    if inheritance.since is not None:
        seconds = world.monotonic() - inheritance.since
        me = f"primary (pid {world.processes.own_pid()}) on {world.hostname}"
        _note(world, registry, replicas, f"{me} took over {seconds:.2f} s after {inheritance.how}")
    if state is None:
        primary.start()
    else:
        mine = identify(settings, world)
        primary.start(
            [carried.worker for carried in state.workers],
            [replica for replica in state.replicas if replica != mine],
        )
    return primary


def _note(world: World, registry: Registry[Link], replicas: Replicas, what: str) -> None:
    _log.info("{what}", what=what)
    registry.note(what, world.wall())
    replicas.changed()


def _stop_process(world: World) -> None:
    world.reactor.callLater(0, world.reactor.stop)


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


def _make_supervisor(
    kind: str, command: Callable[[], list[str]], settings: Settings, world: World, registry: Registry[Link]
) -> Supervisor:
    return Supervisor(
        kind,
        command=command,
        logs=settings.data / "log",
        reactor=world.reactor,
        monotonic=world.monotonic,
        files=world.files,
        environ=world.environ,
        tell=lambda what: registry.note(what, world.wall()),
    )


def _make_replicas(
    settings: Settings, world: World, registry: Registry[Link], log: SqliteLog, port: int
) -> Replicas:
    def state(replicas: list[MasterIdentity]) -> State:
        return State(
            log=log.log_id,
            epoch=log.epoch,
            listen=str(Address(settings.listen.host, port)),
            workers=[Carried(worker.identity, worker.load.sessions) for worker in registry.workers()][
                :MIRRORED
            ],
            replicas=replicas[:MIRRORED],
            events=registry.events(),
        )

    def command() -> list[str]:
        return settings.replica_command(world.executable, port, world.processes.own_pid())

    def note(what: str) -> None:
        _note(world, registry, replicas, what)

    supervisor = _make_supervisor("replica", command, settings, world, registry)
    replicas = Replicas(
        epoch=log.epoch,
        host=world.hostname,
        wanted=settings.replicas,
        state=state,
        supervisor=supervisor,
        processes=world.processes,
        clock=world.reactor,
        note=note,
    )
    return replicas


def _make_cluster(
    settings: Settings,
    world: World,
    registry: Registry[Link],
    epoch: int,
    port: int,
    changed: Callable[[], None],
) -> Cluster:
    def command() -> list[str]:
        return settings.worker_command(world.executable, port, world.processes.own_pid())

    supervisor = _make_supervisor("worker", command, settings, world, registry)
    return Cluster(
        epoch=epoch,
        host=world.hostname,
        wanted=settings.workers,
        registry=registry,
        placement=Placement(world.chance),
        supervisor=supervisor,
        processes=world.processes,
        clock=world.reactor,
        monotonic=world.monotonic,
        wall=world.wall,
        up=lambda: world.stdio.say(settings.invitation(world.executable, world.directory, port)),
        changed=changed,
    )


def _make_door(
    world: World,
    token: Token,
    log: SqliteLog,
    cluster: Cluster,
    replicas: Replicas,
    pulse: Pulse,
    primary: Primary,
) -> Callable[[], Locator]:
    broadcast = Broadcast(log.window, log.epoch)

    def over(seen: int) -> None:
        _log.critical(
            "A worker or replica obeys epoch {seen}: ours, {ours}, is over. This master exits",
            seen=seen,
            ours=log.epoch,
        )
        world.processes.exit(1)

    def admit(role: Role) -> Locator:
        if role == "worker":
            return FromFollower(cluster, over, log, log.epoch, log.log_id, broadcast, world.reactor)
        if role == "replica":
            return FromReplica(replicas, over, log.epoch)
        if role == "operator":
            return FromOperator(primary.status, primary.stop_cluster, primary.step_down)
        raise NotAllowed.of(command=f"in the role {role}", hint="a role is worker, replica or operator")

    return lambda: Door(cluster, log.epoch, token, admit, pulse, world.entropy, world.reactor)
