"""Puts a primary together: first what can fail at once, then the log, then everything that needs the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.auth import TOKEN_BYTES, Role, Token, find_token, make_token
from chatnet.errors import CannotStart
from chatnet.listeners import tell_all
from chatnet.master.cluster import Cluster
from chatnet.master.commands import Commands
from chatnet.master.conversations import (
    FromFollower,
    FromNewReplica,
    FromNewWorker,
    FromOperator,
    FromWorker,
    Unproven,
)
from chatnet.master.copies import Copies
from chatnet.master.epoch import Epoch
from chatnet.master.eraser import Eraser
from chatnet.master.journal import Journal
from chatnet.master.levels import Levels
from chatnet.master.log_server import Broadcast
from chatnet.master.lost_processes import RETURN_SECONDS
from chatnet.master.orders import Orders
from chatnet.master.placement import Placement
from chatnet.master.population import Population
from chatnet.master.port import MasterPort, RedirectingPort, wait_for_port
from chatnet.master.primary import Primary
from chatnet.master.registry import Registration, Registry
from chatnet.master.registry import name_of as workers_name
from chatnet.master.replica import Replica
from chatnet.master.replicas import Replicas
from chatnet.master.replicas import name_of as replicas_name
from chatnet.master.retention import Retention
from chatnet.master.settings import Settings
from chatnet.master.standby import Inheritance, Standby
from chatnet.master.store import Leadership, Store
from chatnet.net.approach import Approach
from chatnet.net.gate import Caller
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import CLUSTER_PULSE, FRONT_PATIENCE, Pulse
from chatnet.net.security import Security
from chatnet.options import STORE_VARIABLE
from chatnet.store.lease import Holder
from chatnet.store.sqlite.moved import copies_left
from chatnet.supervisor import Supervisor
from chatnet.telemetry import Tell, TookOver
from chatnet.wire.cluster import WorkerIdentity
from chatnet.wire.operate import Page
from chatnet.wire.replica import Carried, MasterIdentity, State
from chatnet.world import World, stop_soon

MIRRORED = 200
"""How many workers, and how many other replicas, a replica is told about at most."""

_logger = Logger()


def find_primary_token(settings: Settings, world: World) -> Token:
    """Return the cluster's token; its first master makes it.

    :raises CannotStart: the file holds none.
    :raises OSError: the file cannot be read or made.
    """
    return make_token(world.files, settings.token_file, world.entropy(TOKEN_BYTES))


def find_shared_token(settings: Settings, world: World, is_first: bool) -> Token:
    """Return the token of a cluster of several hosts; only its first master makes it.

    :raises CannotStart: there is none, or its file holds none, and this is not the first master.
    """
    try:
        if settings.token_by_environ:
            return find_token(world.files, world.environ, None, settings.data)
        return find_token(world.files, {}, str(settings.token_file), settings.data)
    except CannotStart:
        if not is_first:
            raise
    try:
        return find_primary_token(settings, world)
    except OSError as error:
        raise CannotStart(f"Cannot make {settings.token_file} ({error.strerror}).") from error


def identify(settings: Settings, world: World, address: str = "", key: str = "") -> MasterIdentity:
    """Return who this process is; a replica listens at ``address``, and presents the public ``key``."""
    pid = world.processes.own_pid()
    started = world.processes.started(pid) or 0
    spawned = bool(settings.spawned)
    return MasterIdentity(world.hostname, pid, started, spawned, address, key, world.level)


def claim(me: MasterIdentity, address: str = "") -> Holder:
    """Return what a master says of itself as the lease's holder."""
    return Holder(me.pid, address, me.started, 0, me.host, key=me.key)


def stand_by(
    settings: Settings,
    world: World,
    token: Token,
    security: Security,
    store: Store,
    redirecting: RedirectingPort | None,
    won: Callable[[Inheritance], None],
    answered: Callable[[str], None],
    abandoned: Callable[[], None],
    outgrown: Callable[[str], None],
) -> Replica:
    """Return a replica, not yet started. With ``redirecting``, it leads only where that listens.

    The last four arguments are those of :class:`~chatnet.master.standby.Standby`.
    """

    def usual(state: State | None) -> Address:
        last = settings if state is None else replace(settings, listen=Address.parse(state.listen))
        return last.local_address(last.listen.port)

    def address() -> str:
        port = None if redirecting is None else redirecting.port
        return "" if port is None else str(settings.reached_at(store.seen_as, port.number))

    def ours() -> Holder | None:
        if redirecting is not None and redirecting.port is None:
            return None
        return claim(identify(settings, world, key=security.key), address())

    process = Standby(
        me=lambda: identify(settings, world, address(), security.key),
        claim=ours,
        usual=usual,
        won=won,
        answered=answered,
        stop=lambda: stop_soon(world.reactor),
        abandoned=abandoned,
        outgrown=outgrown,
    )
    pulse = Pulse(world.reactor, world.monotonic, *CLUSTER_PULSE, world.tell)
    caller = Caller("replica", token, world.entropy, Outboxes(world.reactor), pulse)
    approach = Approach(caller, security.is_insecure, world.tls, world.reactor)
    return Replica(process, store, approach, world.processes, world.clocks, world.chance, world.tell)


async def lead(
    settings: Settings,
    world: World,
    token: Token,
    security: Security,
    store: Store,
    port: MasterPort | None,
    inheritance: Inheritance,
    given_up: Callable[[], bool],
) -> Primary:
    """Open the log, and command; on ``port``, or where the last primary listened.

    :raises CannotStart: the log cannot be opened, or is another one; or the port cannot be opened.
    """
    state = inheritance.state
    journal = Journal(world.wall, () if state is None else state.events)
    tell = tell_all(world.tell, journal.told)
    leadership = await store.begin(state, given_up, tell)
    try:
        if state is not None and state.log != leadership.log.log_id:
            raise CannotStart(f"The log in {settings.data} is not the cluster's: was the directory replaced?")
        if port is None:
            # Only now: an earlier primary that still has the port, but not the lease, ends with our epoch.
            port = await wait_for_port(settings, world, security, given_up)
    except CannotStart:
        await leadership.log.close()
        raise
    return _command(settings, world, token, security, port, leadership, inheritance, journal, tell)


def _command(
    settings: Settings,
    world: World,
    token: Token,
    security: Security,
    port: MasterPort,
    leadership: Leadership,
    inheritance: Inheritance,
    journal: Journal,
    tell: Tell,
) -> Primary:
    state = inheritance.state
    registry: Registry[Link] = Registry()
    replicas = _make_replicas(settings, world, security, registry, journal, tell, leadership, port.number)
    cluster = _make_cluster(settings, world, registry, tell, leadership.epoch, port.number)
    pulse = Pulse(world.reactor, world.monotonic, *CLUSTER_PULSE, world.tell)
    me = identify(settings, world)
    levels = Levels(leadership.log, me, registry, replicas, world.fresh_key, tell)
    retention = Retention(leadership.log, world.fresh_key, world.clocks, world.limits.aging)
    eraser = Eraser(leadership.log, world.fresh_key, world.reactor)
    reactor = world.reactor

    def find_copies() -> Deferred[str]:
        # Not in a pool of our own: to stop one waits for its work, however long a disk takes for that.
        pool = reactor.getThreadPool()
        return deferToThreadPool(reactor, pool, copies_left, world.files, settings.data)

    primary = Primary(
        *(me, leadership, port, pulse, cluster, replicas, journal, eraser, retention, tell, world.clocks),
        Copies(find_copies, reactor),
    )
    unproven = _make_unproven(world, token, leadership, cluster, replicas, levels, pulse, primary)
    port.links.open(unproven, cluster.pages)
    if inheritance.since is not None:
        seconds = world.monotonic() - inheritance.since
        tell(TookOver(me.host, me.pid, state, seconds, inheritance.how))
    if state is None:
        primary.start()
    else:
        primary.start(
            [carried.worker for carried in state.workers],
            [replica for replica in state.replicas if not replica.is_same(me)],
        )
    return primary


def _make_supervisor(
    kind: str,
    command: Callable[[], list[str]],
    settings: Settings,
    world: World,
    tell: Tell,
    url: str = "",
) -> Supervisor:
    # A secret in a URL must not appear in anybody's list of processes.
    environ = {**world.environ, STORE_VARIABLE: url} if url else world.environ
    return Supervisor(
        kind,
        command=command,
        logs=settings.data / "log",
        clocks=world.clocks,
        files=world.files,
        environ=environ,
        tell=tell,
    )


def _make_replicas(
    settings: Settings,
    world: World,
    security: Security,
    registry: Registry[Link],
    journal: Journal,
    tell: Tell,
    leadership: Leadership,
    port: int,
) -> Replicas:
    def state(replicas: list[MasterIdentity]) -> State:
        return State(
            log=leadership.log.log_id,
            epoch=leadership.epoch,
            head=leadership.log.window.head,
            listen=str(Address(settings.listen.host, port)),
            workers=[Carried(worker.identity, worker.load.sessions) for worker in registry.workers()][
                :MIRRORED
            ],
            replicas=replicas[:MIRRORED],
            events=journal.events(),
            key=security.key,
        )

    def command() -> list[str]:
        return settings.replica_command(world.executable, port, world.processes.own_pid())

    supervisor = _make_supervisor("replica", command, settings, world, tell, leadership.url)
    population = Population(
        settings.replicas, world.hostname, supervisor, world.processes, world.reactor, tell, replicas_name
    )
    replicas = Replicas(Commands(leadership.epoch), population, state, world.reactor, tell)
    journal.watch(replicas.changed)
    return replicas


def _make_cluster(
    settings: Settings,
    world: World,
    registry: Registry[Link],
    tell: Tell,
    epoch: int,
    port: int,
) -> Cluster:
    def command() -> list[str]:
        return settings.worker_command(world.executable, port, world.processes.own_pid())

    def up(pages: Sequence[Page]) -> None:
        page = next((page.url for page in pages if page.only_on in ("", world.hostname)), "")
        world.stdio.say(settings.invitation(world.executable, world.directory, port, page))

    def front_command() -> list[str]:
        return settings.front_command(world.executable, port, world.processes.own_pid())

    def populate(
        wanted: int, kind: str, command: Callable[[], list[str]], patience: float
    ) -> Population[WorkerIdentity]:
        supervisor = _make_supervisor(kind, command, settings, world, tell)
        return Population(
            wanted,
            world.hostname,
            supervisor,
            world.processes,
            world.reactor,
            tell,
            workers_name,
            patience,
        )

    return Cluster(
        commands=Commands(epoch),
        population=populate(settings.workers, "worker", command, RETURN_SECONDS),
        registry=registry,
        placement=Placement(world.chance),
        clocks=world.clocks,
        tell=tell,
        up=up,
        fronts=populate(settings.irc.kept, "front", front_command, FRONT_PATIENCE),
        public_url=settings.web.public_url,
        in_plain=settings.insecure,
    )


def _make_unproven(
    world: World,
    token: Token,
    leadership: Leadership,
    cluster: Cluster,
    replicas: Replicas,
    levels: Levels,
    pulse: Pulse,
    primary: Primary,
) -> Callable[[], Locator]:
    served = leadership.served
    broadcast = None if served is None else Broadcast(served.window, leadership.epoch, primary.tell)
    epoch = Epoch(leadership.epoch, leadership.newest_epoch, lambda newest: _over(world, newest))

    def registered(worker: Registration[Link]) -> Locator:
        if served is None or broadcast is None:
            return FromWorker(cluster, worker)
        return FromFollower(cluster, worker, served, leadership.epoch, broadcast, world.reactor)

    def admit(role: Role) -> Locator:
        if role == "worker":
            log_id, url = leadership.log.log_id, leadership.url
            return FromNewWorker(cluster, epoch, levels, log_id, url, registered)
        if role == "replica":
            return FromNewReplica(replicas, epoch, levels)
        orders = Orders(leadership.log, world.fresh_key)
        return FromOperator(
            primary.status, primary.stop_cluster, primary.step_down, primary.drain, levels.up, orders
        )

    return lambda: Unproven(cluster, leadership, token, admit, pulse, world.entropy, world.reactor)


def _over(world: World, newest: int) -> None:
    _logger.critical("In the store epoch {newest} has begun: ours is over. This master exits", newest=newest)
    world.processes.exit(1)
