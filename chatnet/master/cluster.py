"""The workers, as the primary commands them: who is linked, who gets the next client, who is replaced."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Literal

from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.errors import NoWorkers, OnlyHost, PrimaryThere
from chatnet.marks import UserMark
from chatnet.master.commands import Commands
from chatnet.master.host_plan import has_parent
from chatnet.master.pages import page_at
from chatnet.master.placement import Placement, address_for_clients
from chatnet.master.population import Population
from chatnet.master.rebalancer import Rebalancer, loads
from chatnet.master.registry import Registration, Registry
from chatnet.master.remote_hosts import RemoteHosts
from chatnet.master.signposts import Signposts
from chatnet.net.link import Link
from chatnet.net.timer import Timer
from chatnet.telemetry import Tell, WorkerLost, WorkerRegistered, WorkerSurplus
from chatnet.text import legible
from chatnet.web_options import Place
from chatnet.wire.cluster import Load, WorkerIdentity
from chatnet.wire.operate import MOST_PAGES, Page, WorkerStatus
from chatnet.world import Clocks

ADOPTION_SECONDS = 1.0
"""Seconds that a new primary waits for workers that still live, before it starts others."""
LOOK_SECONDS = 5.0
"""Seconds between two checks whether the children have links."""


class Cluster:
    """Keeps as many workers as the ``population`` of this host wants: adopted ones, and children.

    Workers started by hand are neither counted nor stopped. Those of other hosts are kept by workers there.
    ``up`` is called once, when as many workers as wanted have registered, with where the page is.
    ``public_url`` is what the operator says of that; ``in_plain``: others get it without TLS.
    """

    _logger = Logger()

    def __init__(
        self,
        commands: Commands,
        population: Population[WorkerIdentity],
        registry: Registry[Link],
        placement: Placement,
        clocks: Clocks,
        tell: Tell,
        up: Callable[[Sequence[Page]], None],
        public_url: Place | None = None,
        in_plain: bool = False,
    ) -> None:
        self._commands = commands
        self._population = population
        self._host = population.here
        self._registry = registry
        self._placement = placement
        self._clock = clock = clocks.reactor
        self._monotonic = clocks.monotonic
        self._tell = tell
        self._up: Callable[[Sequence[Page]], None] | None = up
        self._public_url = public_url
        self._in_plain = in_plain
        self._looking = Timer(
            clock, LOOK_SECONDS, self._look_after_children, "Cannot look after the children"
        )
        self._remote_hosts = RemoteHosts(
            commands, population.here, population.wanted, registry, clock, tell, self._shut_down
        )
        self._rebalancer = Rebalancer(commands, registry, clock, clocks.monotonic, tell)
        self._signposts = Signposts(commands, population.here, registry, clock)

    def start(self, expected: Sequence[WorkerIdentity] = ()) -> None:
        """Start keeping the workers. The ``expected`` ones may take a while to return; start the others.

        Expected workers are those that the last primary knew. If there are none, wait a moment for workers
        that still live, and then start the missing ones.
        """
        self._population.start(expected, 0.0 if expected else ADOPTION_SECONDS, self._settle)
        self._looking.start()
        self._remote_hosts.start()
        self._rebalancer.start()
        self._signposts.start()

    # ---- clients ----

    def locate(self, reached: str) -> tuple[Address, str]:
        """Return the worker for the next client, which reached us at the host ``reached``, and its key.

        :raises NoWorkers: there is none.
        """
        open = self._registry.open()
        if not open:
            raise NoWorkers(NoWorkers.sentence)
        worker = open[self._placement.choose(loads(open), self._monotonic())]
        return self._address(worker, reached), worker.key

    def _address(self, worker: Registration[Link], reached: str) -> Address:
        peer = worker.link.transport.getPeer().host
        return address_for_clients(worker.identity, peer, self._host, reached)

    # ---- workers ----

    def register(self, identity: WorkerIdentity, link: Link) -> Registration[Link]:
        """Register a worker, until :meth:`lost`.

        It obeys nobody before it has the answer, so commands follow in the reactor's next turn.
        """
        worker, before = self._registry.register(identity, link)
        if before is not None:
            before.link.abort()
            self._tell(WorkerRegistered(self._commands.epoch, identity, "again"))
        else:
            how: Literal["back", "new"] = "back" if self._population.is_back(identity) else "new"
            self._tell(WorkerRegistered(self._commands.epoch, identity, how))
        self._remote_hosts.registered(worker)
        self._clock.callLater(0, self._registered, worker)
        return worker

    def _registered(self, worker: Registration[Link]) -> None:
        if self._population.is_ending or worker not in self._registry.workers():
            return
        if worker.identity.host == self._host:
            disowned = self._disown()
            if disowned or self._population.is_adopted(worker.identity):
                self._population.settle()

    def _disown(self) -> bool:
        """Replace the workers of this host that other workers keep, from the time of a primary elsewhere.

        Nobody is sent to them; they stop once their sessions have moved.

        Returns whether there were any.
        """
        disowned = self._remote_hosts.disown()
        for worker in disowned:
            worker.leaving = True
        return bool(disowned)

    def report(self, worker: Registration[Link], load: Load) -> None:
        """Record what ``worker`` carries now."""
        is_news = worker.reported is None
        worker.report(load, self._monotonic())
        if is_news and self._population.is_adopted(worker.identity):
            self._population.settle()
        self._look_whether_up()

    def tell_marks(self, worker: Registration[Link], marks: Sequence[UserMark]) -> None:
        """Tell the other workers, but those whose links are full, of ``marks`` of the users of ``worker``: of
        those that are of a room."""
        marks = [mark for mark in marks if mark.is_of_room]
        if marks:
            for other in self._registry.workers():
                if other is not worker and not other.link.full:
                    self._commands.tell_marks(other, marks)

    def lost(self, worker: Registration[Link], hung: bool) -> None:
        """The link of ``worker`` is lost; ``hung``: it was closed for silence."""
        if not self._registry.unregister(worker):
            return
        identity, population = worker.identity, self._population
        is_child, is_ending = population.is_child(identity), population.is_ending
        self._tell(WorkerLost(self._commands.epoch, identity, hung, is_child, is_ending))
        if is_ending:
            return
        self._remote_hosts.lost(worker, hung)
        if is_child:
            if hung:
                population.kill(identity)
            return
        if population.is_adopted(identity) and not worker.leaving:
            if hung:
                population.kill(identity)
            population.miss(identity)
            population.settle()

    def workers(self, reached: str, head: int) -> list[WorkerStatus]:
        """Return the workers, for the operator who reached us at ``reached``; the log ends at ``head``."""
        return [
            WorkerStatus(
                id=worker.identity.id,
                host=worker.identity.host,
                pid=worker.identity.pid,
                address=str(self._address(worker, reached)),
                spawned=worker.identity.spawned,
                sessions=worker.load.sessions,
                posts=round(worker.posts, 1),
                deliveries=round(worker.deliveries, 1),
                lag=max(0, head - worker.load.cursor),
                poison=worker.load.poison,
                key=worker.key,
                level=worker.identity.level,
            )
            for worker in self._registry.workers()
        ]

    def pages(self, reached: str) -> list[Page]:
        """Return where the page is, our own host first, for somebody who reached us at ``reached``."""
        found: dict[Page, None] = {}
        for worker in sorted(self._registry.workers(), key=lambda one: one.identity.host != self._host):
            if (place := Address.read(worker.load.web)) is None:
                continue
            if self._public_url is not None:
                return [Page(self._public_url.origin)]
            host, name = self._address(worker, reached).host, legible(worker.identity.host, 64)
            found[page_at(place, host, name, self._in_plain)] = None
        return list(found)[:MOST_PAGES]

    def page_warning(self) -> str:
        """Return a sentence if other programs have the ports of the page; else nothing."""
        missing = [worker for worker in self._registry.workers() if worker.load.web_taken]
        if not missing:
            return ""
        where = dict.fromkeys(
            f"{legible(worker.load.web_taken, 64)} on {legible(worker.identity.host, 64)}"
            for worker in missing
        )
        return (
            f"{len(missing)} of {len(self._registry)} workers cannot open the page: another program has "
            f"{', '.join(list(where)[:MOST_PAGES])}."
        )

    def drain(self, host: str) -> tuple[int, int]:
        """Empty ``host`` and stop its workers; return how many workers and sessions are still there.

        :raises PrimaryThere: it is our own host. :raises OnlyHost: no other host has workers.
        """
        if host == self._host:
            raise PrimaryThere.of(host=host)
        there = [worker for worker in self._registry.workers() if worker.identity.host == host]
        elsewhere = (worker for worker in self._registry.open().values() if worker not in there)
        if there and not any(elsewhere):
            raise OnlyHost.of(host=host)
        self._remote_hosts.drain(host)
        return len(there), sum(worker.load.sessions for worker in there)

    # ---- stopping ----

    def shut_down_all(self) -> None:
        """Tell all workers on all hosts to stop, whoever started them; none is replaced."""
        self._population.retire()
        self._remote_hosts.stop()
        self._signposts.stop()
        workers = self._registry.workers()
        for worker in workers:
            # Children are stopped by their parent: a second command would be an error in their log.
            if not (self._population.is_child(worker.identity) or has_parent(worker, workers)):
                self._shut_down(worker)

    async def stop(self) -> None:
        """Stop this host's spawned workers; wait for them and for all others that were told to stop."""
        self._end()
        self._remote_hosts.stop_disowned()
        self._population.end(signal.SIGTERM)
        for worker in self._adopted():
            self._shut_down(worker)
        leaving = [worker.link for worker in self._registry.workers() if worker.leaving]
        if not await self._population.stop(leaving):
            self._logger.warn("Some workers that were told to stop are still here; leaving them")

    def leave(self) -> None:
        """Stop commanding; all workers live on, for the next primary."""
        self._end()
        self._population.leave([worker.identity for worker in self._adopted()])

    async def end_left(self) -> None:
        """Stop, by signals, this host's spawned workers that were left: others command them now."""
        await self._population.stop_left()

    def _end(self) -> None:
        self._looking.stop()
        self._rebalancer.stop()
        self._signposts.stop()
        self._remote_hosts.stop()

    def _shut_down(self, worker: Registration[Link]) -> None:
        worker.leaving = True
        self._commands.shut_down(worker)

    # ---- how many there are ----

    def _settle(self) -> None:
        """Start as many workers as are missing, and stop adopted ones beyond the wanted number."""
        adopted = self._adopted()
        self._population.fill(len(adopted))
        # Keep those with the most clients; among equals, the oldest. A new one's number is not known yet.
        adopted.sort(key=lambda worker: -worker.load.sessions)
        for worker in adopted[max(0, self._population.wanted - self._population.children) :]:
            if worker.reported is None:
                continue
            self._tell(WorkerSurplus(worker.identity))
            self._shut_down(worker)
        self._look_whether_up()

    def _look_after_children(self) -> None:
        self._population.look_after((each.identity for each in self._registry.workers()), LOOK_SECONDS)

    def _adopted(self) -> list[Registration[Link]]:
        return [worker for worker in self._registry.staying() if self._population.is_adopted(worker.identity)]

    def _look_whether_up(self) -> None:
        population = self._population
        if (
            self._up is not None
            and population.is_settling
            and len(self._registry.open()) >= population.wanted
        ):
            up, self._up = self._up, None
            up(self.pages("localhost"))
