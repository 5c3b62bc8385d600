"""A worker's wiring, and the life of its process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from chatnet.addresses import Address
from chatnet.auth import Token, find_token
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import CannotStart, Outgrown
from chatnet.imprints import Imprint
from chatnet.irc_options import IrcOptions
from chatnet.listeners import tell_all
from chatnet.marks import UserMark
from chatnet.net.approach import Approach
from chatnet.net.certificates import Certificates
from chatnet.net.gate import Caller
from chatnet.net.link import Link
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import CLUSTER_PULSE, Pulse, Watched
from chatnet.net.security import Renewal, Security, find_certificates
from chatnet.net.shared_port import irc_passport
from chatnet.net.visitors import Visitors
from chatnet.options import find_masters, find_pair
from chatnet.presence import Present
from chatnet.start import Start
from chatnet.typists import Typist
from chatnet.wire.cluster import CHAT, IRC, Load, OtherWorker, WorkerIdentity
from chatnet.worker.children import Children, make_children, no_children
from chatnet.worker.elsewhere import OtherPlaces
from chatnet.worker.front import Offer, Shared
from chatnet.worker.frontend import Frontend, Quotas
from chatnet.worker.fronts import FRONTS
from chatnet.worker.fronts.web.assets import Assets, assets_of
from chatnet.worker.hashing import HASHING_THREADS, Hashing
from chatnet.worker.irc_port import irc_offers, make_irc_port
from chatnet.worker.port import Clients
from chatnet.worker.ports import FrontPorts, Ports, WorkerPorts
from chatnet.worker.session_lines import SessionLines
from chatnet.worker.stores import Store, open_store
from chatnet.worker.uplink import Uplink
from chatnet.worker.web_port import make_web_port
from chatnet.world import World, stop_soon

CLOSE_SECONDS = 1.0
"""Seconds that connections have to close when the log was put back and the worker starts afresh."""
LEAVE_SECONDS = 1.0
"""Seconds that clients have to go elsewhere when the worker's program is too old to serve them."""

NO_ASSETS = assets_of({})
"""For worlds without browsers."""
FLUSH_SECONDS = 1.0
"""Seconds that a worker which stops waits until the last marks of its users are kept."""


@dataclass(frozen=True)
class Unserving:
    """No primary has said yet which log to serve."""


@dataclass(frozen=True)
class Opening:
    """The store at ``url`` is being opened."""

    url: str


@dataclass(frozen=True)
class Ending:
    """The log needs a newer program: nothing is served, and the process is about to end."""


@dataclass(frozen=True)
class Attachment:
    """A registered link to a primary, the log that it named, and what it wants to be told beside that."""

    link: Link
    log_id: str
    lanes: Collection[str] = ()


OpenStore = Callable[
    [str, Callable[[], None], Callable[[Cursor], None], Callable[[str], None]], Coroutine[Any, Any, Store]
]


class Worker(MultiService):
    """One worker, from the opening of its port to its end. Its services start once it listens.

    ``serve`` makes the frontend that serves clients from a store. ``open_store`` opens the store at a URL; it
    calls back with the cursor if the log is put back, or with the reason why it cannot be understood.
    """

    _logger = Logger()

    def __init__(
        self,
        options: Mapping[str, Any],
        clients: Clients,
        pulse: Pulse,
        pool: ThreadPool,
        children: Children,
        ports: Ports,
        security: Security,
        certificates: Certificates | None,
        world: World,
        serve: Callable[[Store], Frontend],
        open_store: OpenStore,
    ) -> None:
        super().__init__()
        self._options = options
        self._clients = clients
        self._pulse = pulse
        self._pool = pool
        self._children = children
        self._ports = ports
        self._start: Start
        self._security = security
        self._renewal = Renewal(certificates, self._presents_another, world)
        self._world = world
        self._serve = serve
        self._open_store = open_store
        self._has_started = False
        self._id = world.entropy(4).hex()
        self._state: Unserving | Opening | Frontend | Ending = Unserving()
        self._opening: Deferred[None] | None = None
        self._closing: Deferred[None] | None = None
        self._attachment: Attachment | None = None
        self.uplink: Uplink

    # ---- what the uplink asks and brings: see Linked ----

    def identity(self) -> WorkerIdentity:
        """Return who this worker is, once it listens."""
        pid = self._world.processes.own_pid()
        return WorkerIdentity(
            id=self._id,
            host=self._world.hostname,
            pid=pid,
            address=self._ports.address,
            advertise=bool(self._options.get("advertise")),
            supervisor=self._options["spawned"] or 0,
            started=self._world.processes.started(pid) or 0,
            key=self._security.key,
            level=self._world.level,
            serves=self._ports.serves,
        )

    def load(self) -> Load:
        load = Load(opening=True)
        if isinstance(self._state, Frontend):
            load = self._state.load(self._clients.is_full)
        return self._ports.told(replace(load, key=self._security.key))

    def _presents_another(self) -> None:
        """Report at once: the certificate was renewed, and clients must learn the new key."""
        self.uplink.report()

    def registered(self, link: Link, log_id: str, store: str, lanes: Collection[str] = ()) -> None:
        self._attachment = Attachment(link, log_id, lanes)
        match self._state:
            case Unserving():
                self._state = Opening(store)
                self._open(store)
            case Ending():
                pass
            case Opening(url) if url == store:
                pass
            case Frontend() as frontend if frontend.store.url == store:
                self._attach(frontend, self._attachment)
            case _:
                self._begin_afresh("The primary keeps the log elsewhere than it did")

    def _attach(self, frontend: Frontend, to: Attachment) -> None:
        frontend.store.attached(to.link, to.log_id)
        frontend.attached(to.link, to.lanes, self._ports.serves == IRC)

    def presence_told(self, people: Sequence[Present], begins: bool, goes_on: bool) -> None:
        if isinstance(self._state, Frontend):
            self._state.presence.told(people, begins, goes_on)

    def imprints_told(self, imprints: Sequence[Imprint]) -> None:
        if isinstance(self._state, Frontend):
            self._state.imprints.told(imprints)

    def typists_told(self, typists: Sequence[Typist]) -> None:
        if isinstance(self._state, Frontend):
            self._state.typists.told(typists)

    def detached(self) -> None:
        self._attachment = None
        self._clients.others.is_emptied = False  # the next primary may decide otherwise
        self._want_clients()
        if isinstance(self._state, Frontend):
            self._state.store.detached()
            self._state.detached()
            self._state.stay()

    def heard(self) -> None:
        if isinstance(self._state, Frontend):
            self._state.store.heard()

    def committed(self, entries: Sequence[Entry]) -> None:
        if isinstance(self._state, Frontend):
            self._state.store.committed(entries)

    def marks_told(self, marks: Sequence[UserMark]) -> None:
        if isinstance(self._state, Frontend):
            self._state.marks_told(marks)

    def reaches_store(self) -> bool:
        return isinstance(self._state, Frontend) and self._state.store.is_reached

    async def leader(self) -> Address | None:
        return await self._state.store.leader() if isinstance(self._state, Frontend) else None

    def shed(self, count: int, shared: bool, soon: bool) -> None:
        if isinstance(self._state, Frontend):
            self._state.shed(count, shared, soon)

    def other_workers(self, others: Sequence[OtherWorker], emptied: bool) -> None:
        self._clients.others.told(others, emptied)
        self._want_clients()

    def spawn_workers(self, count: int) -> None:
        if self.running:
            self._children.keep(CHAT, count)

    def spawn_fronts(self, count: int) -> None:
        if self.running:
            self._children.keep(IRC, count)

    def kill(self, pid: int, started: int) -> None:
        self._children.kill(pid, started)

    def stop(self) -> None:
        """Stop this process in good order, once what was put on its links has been sent."""
        stop_soon(self._world.reactor)

    def _want_clients(self) -> None:
        """Let clients come, or not: it must not have stopped, or be about to, or be emptied."""
        goes_on = bool(self.running) and not isinstance(self._state, Ending)
        serves = isinstance(self._state, Frontend) and self._state.is_ready
        self._ports.want(goes_on and not self._clients.others.is_emptied, serves)

    def outgrown(self, sentence: str) -> None:
        """Serve nothing from this turn on, send all sessions to other workers, and end.

        A worker that skipped entries it does not understand might still deliver to somebody they removed.
        """
        before, self._state = self._state, Ending()
        if isinstance(before, Ending):
            return
        self._logger.critical("{sentence}", sentence=sentence)
        self._world.stdio.error(sentence)
        self._clients.frontend = None
        self._want_clients()
        leave = 0.0
        if isinstance(before, Frontend):
            before.stop()
            # Drafts and reads that are under way are never answered: clients send them again elsewhere.
            self._closing = Deferred.fromCoroutine(before.store.close())
            leave = LEAVE_SECONDS if before.send_on() else 0.0
        self._world.reactor.callLater(leave, self._world.processes.exit, 1)

    def abandoned(self) -> None:
        """Stop, if the supervisor is dead too: no primary was reached for a minute."""
        supervisor = self._options["spawned"]
        # The supervisor may have died before this process could look up its parent: so its pid is an option.
        if supervisor and self._world.processes.parent_pid() != supervisor:
            self._logger.error("My supervisor is dead, and no primary was reached for a minute: stopping")
            self.stop()

    # ---- the log ----

    def _open(self, url: str) -> None:
        if self.running:
            self._opening = Deferred.fromCoroutine(self._begin(url)).addErrback(self._cannot_open)

    async def _begin(self, url: str) -> None:
        store = await self._open_store(url, self._replaced, self._rewound, self.outgrown)
        if isinstance(self._state, Ending):
            await store.close()
            return
        frontend = self._state = self._clients.frontend = self._serve(store)
        self._clients.others.sent_elsewhere = lambda: frontend.sent_elsewhere
        if self._attachment is not None:
            self._attach(frontend, self._attachment)
        await store.log.window.fresh()
        self._want_clients()
        self.uplink.report()  # at once: until now no client was sent here

    def _cannot_open(self, failure: Failure) -> None:
        if not self.running:
            return  # it was cancelled
        if failure.check(Outgrown):
            self.outgrown(str(failure.value))
        elif failure.check(CannotStart):
            self._begin_afresh(str(failure.value))
        else:
            self._logger.failure("The store could not be opened", failure)
            self._begin_afresh("The store could not be opened")

    def _replaced(self) -> None:
        self._world.processes.exit(1)

    def _rewound(self, to: Cursor) -> None:
        """The database was put back: start again with all that depends on its log, here and at the clients.

        The process stays: if a person started it, nobody would start it again.
        """
        if isinstance(self._state, Frontend):
            frontend, url = self._state, self._state.store.url
            frontend.rewound(to)
            self._state = Opening(url)
            closing = Deferred.fromCoroutine(self._close(frontend, self._hang_up()))
            self._closing = closing.addCallbacks(lambda _: self._open(url), self._cannot_open)

    def _hang_up(self) -> list[Watched]:
        self._ports.hang_up()
        return self._clients.hang_up()

    async def _close(self, frontend: Frontend, links: Sequence[Watched]) -> None:
        gone = DeferredList([link.when_lost() for link in links])
        await gone.addTimeout(CLOSE_SECONDS, self._world.reactor, lambda *_: None)
        frontend.stop()
        await frontend.store.close()

    def _begin_afresh(self, why: str) -> None:
        self._logger.critical("{why}: this worker exits, so that another can start afresh", why=why)
        self._world.processes.exit(1)

    # ---- its life ----

    def startService(self) -> None:
        """:raises CannotStart: there is no port to listen on."""
        start = self._start = Start(self._options)
        with start.beginning():
            self._ports.open()
        self._has_started = True
        processes = self._world.processes
        self._clients.make_room(processes.raise_file_limit())
        if self._options["spawned"]:
            processes.outlive_terminal()
        else:
            processes.end_with_terminal(self._world.reactor)
        self._pool.start()
        self._pulse.start()
        self._renewal.start()
        super().startService()
        self._world.processes.freeze_heap()
        self._ports.start(self._up)

    def _up(self, sentence: str, goes_on: bool) -> None:
        """The start is done, with a ``sentence`` for who waits for it; or a port that a person asked for
        cannot be had."""
        if goes_on:
            self._start.up(sentence)
            return
        self._logger.critical("{sentence}", sentence=sentence)
        self._world.stdio.error(sentence)
        self._start.failed(sentence)
        self._world.processes.exit(1)

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if not self._has_started:
            return
        if isinstance(self._state, Frontend):
            self._state.presence.stop()
        await self._ports.stop()
        self._hang_up()
        self._pulse.stop()
        self._renewal.stop()
        if isinstance(self._state, Frontend):
            marks = Deferred.fromCoroutine(self._state.flush_marks())
            await marks.addTimeout(FLUSH_SECONDS, self._world.reactor, lambda *_: None)
        await super().stopService()
        if self._closing is not None:
            await self._closing
        if self._opening is not None:
            self._opening.cancel()
        if isinstance(self._state, Frontend):
            self._state.stop()
            await self._state.store.close()
        self._pool.stop()
        await self._children.stop()


def build(
    options: Mapping[str, Any],
    world: World,
    offers: Sequence[Offer] = FRONTS,
    assets: Assets = NO_ASSETS,
) -> Worker:
    """Return a worker, ready to start; clients speak the protocols that it ``offers``, and browsers load its
    ``assets``.

    :raises CannotStart: there is no token, the master's or the page's address is not one, or the certificate
        is not good.
    """
    irc = IrcOptions.of(options, world.environ)

    def has(made: _Made) -> tuple[WorkerPorts, Children]:
        web_port, pages = make_web_port(
            options, made.clients, made.shared, made.token, made.security, assets, world
        )
        ports = WorkerPorts(
            options, made.clients, made.security, web_port, pages, irc, irc_passport(made.token), world
        )
        return ports, make_children(options, made.masters, lambda: ports.web, lambda: ports.irc, world)

    return _build(options, world, offers, has)


def build_front(options: Mapping[str, Any], world: World, offers: Sequence[Offer] | None = None) -> Worker:
    """Return an IRC front, ready to start: a worker with other ports, and without children; clients speak
    what it ``offers``, IRC by default.

    :raises CannotStart: there is no token or no port, the master's address is not one, or the certificate is
        not good.
    """
    irc = IrcOptions.of(options, world.environ)
    if not irc.ports:
        raise CannotStart("A front without a port serves nobody: name one by --irc HOST:PORT.")
    by_hand = not options["spawned"]

    def has(made: _Made) -> tuple[FrontPorts, Children]:
        port = make_irc_port(irc, made.clients, made.shared, made.token, made.security, world)
        passport = irc_passport(made.token)
        return FrontPorts(port, passport, by_hand, world), no_children(world)

    return _build(options, world, irc_offers(irc, world) if offers is None else offers, has, waits=True)


class _Made(NamedTuple):
    """What the ports of a process and its children are made of."""

    masters: Sequence[Address]
    token: Token
    security: Security
    shared: Shared
    clients: Clients


def _build(
    options: Mapping[str, Any],
    world: World,
    offers: Sequence[Offer],
    has: Callable[[_Made], tuple[Ports, Children]],
    waits: bool = False,
) -> Worker:
    """Return a worker which ``has`` these ports and children. ``waits``: see
    :class:`~chatnet.worker.port.Clients`."""
    world.processes.keep_private()
    token = find_token(world.files, world.environ, options["token-file"], world.directory / options["data"])
    masters = find_masters(options["master"], world)
    reactor, monotonic = world.reactor, world.monotonic
    tell = tell_all(world.tell, SessionLines(reactor).told)
    outboxes = Outboxes(reactor)
    pool = world.threads(HASHING_THREADS, "hashing")
    hashing = Hashing(reactor, pool, world.processes.give_way)
    pulse = Pulse(reactor, monotonic, *world.limits.client_pulse, world.tell)

    def serve(store: Store) -> Frontend:
        allowed = Quotas(options["post-rate"], options["new-names"])
        return Frontend(store, hashing, token, allowed, world.clocks, world.entropy, tell)

    opening = partial(open_store, world, tell)
    shared = Shared(outboxes, pulse, Visitors(reactor), OtherPlaces(world.chance))
    clients = Clients(offers, shared, waits)
    certificates = find_certificates(find_pair(options, world.directory), world)
    security = Security(certificates, token, bool(options["insecure"]), world)
    ports, children = has(_Made(masters, token, security, shared, clients))
    worker = Worker(
        options, clients, pulse, pool, children, ports, security, certificates, world, serve, opening
    )
    up_pulse = Pulse(reactor, monotonic, *CLUSTER_PULSE, world.tell)
    caller = Caller("worker", token, world.entropy, outboxes, up_pulse)
    worker.uplink = Uplink(
        masters,
        worker,
        Approach(caller, security.is_insecure, world.tls, reactor),
        reactor,
        world.chance,
    )
    worker.uplink.setServiceParent(worker)
    return worker
