"""The workers, as the primary commands them: who is linked, who gets the next client, who is replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from twisted.logger import Logger

from chatnet.addresses import Address, is_local
from chatnet.errors import NoWorkers, OnlyHost, PrimaryThere
from chatnet.marks import UserMark
from chatnet.master.commands import Commands
from chatnet.master.host_plan import has_parent
from chatnet.master.imprints import KnownImprints
from chatnet.master.own_host import OwnFronts, OwnWorkers
from chatnet.master.pages import page_at
from chatnet.master.placement import Placement, address_for_clients
from chatnet.master.population import Population
from chatnet.master.presence import Presence
from chatnet.master.rebalancer import Rebalancer, loads
from chatnet.master.registry import Registration, Registry
from chatnet.master.remote_hosts import RemoteHosts
from chatnet.master.signposts import Signposts
from chatnet.master.typists import Typists
from chatnet.net.link import Link
from chatnet.net.timer import Timer
from chatnet.telemetry import Tell, WorkerLost, WorkerRegistered
from chatnet.text import legible
from chatnet.web_options import EVERYWHERE, Place
from chatnet.wire.cluster import Load, WorkerIdentity
from chatnet.wire.operate import MOST_PAGES, Page, WorkerStatus
from chatnet.world import Clocks

ADOPTION_SECONDS = 1.0
"""Seconds that a new primary waits for workers that still live, before it starts others."""
LOOK_SECONDS = 5.0
"""Seconds between two checks whether the children have links."""


class Cluster:
    """Keeps as many workers as the ``population`` of this host wants, and as many IRC fronts as that of the
    ``fronts``: adopted ones, and children.

    Those started by hand are neither counted nor stopped. Those of other hosts are kept by workers there.
    ``up`` is called once, when as many workers as wanted have registered, with where the page is.
    ``public_url`` is what the operator says of that; ``in_plain``: others get it without TLS. ``presence`` is
    who has connections to the workers and fronts of all hosts, ``imprints`` which passwords were right there,
    and ``typists`` who is typing there.
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
        fronts: Population[WorkerIdentity],
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
        self._own = (
            OwnWorkers(population, registry, tell, self._shut_down, self._look_whether_up),
            OwnFronts(fronts, registry, tell, self._shut_down, self._remote_hosts.spawn),
        )
        self._rebalancer = Rebalancer(commands, registry, clock, clocks.monotonic, tell)
        self._signposts = Signposts(commands, population.here, registry, clock)
        self.presence = Presence(clock, commands.tell_presence)
        self.imprints = KnownImprints(clock, commands.tell_imprints)
        self.typists = Typists(clock, commands.tell_typists)

    def start(self, expected: Sequence[WorkerIdentity] = ()) -> None:
        """Start keeping the workers. The ``expected`` ones may take a while to return; start the others.

        Expected workers are those that the last primary knew. If there are none, wait a moment for workers
        that still live, and then start the missing ones.
        """
        for own in self._own:
            own.start(expected, 0.0 if expected else ADOPTION_SECONDS)
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
            is_back = self._of(identity).population.is_back(identity)
            how: Literal["back", "new"] = "back" if is_back else "new"
            self._tell(WorkerRegistered(self._commands.epoch, identity, how))
        self._remote_hosts.registered(worker)
        self._clock.callLater(0, self._registered, worker)
        return worker

    def _registered(self, worker: Registration[Link]) -> None:
        if self._population.is_ending or worker not in self._registry.workers():
            return
        if worker.identity.host == self._host:
            if not worker.is_front and self._disown():
                self._population.settle()
            self._of(worker.identity).came(worker)

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
        if is_news:
            self._of(worker.identity).came(worker)
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
        self.imprints.lost(worker)
        self.typists.lost(worker)
        if not self._registry.unregister(worker):
            return
        self.presence.lost(worker)
        identity, own = worker.identity, self._of(worker.identity)
        is_child, is_ending = own.population.is_child(identity), own.population.is_ending
        self._tell(WorkerLost(self._commands.epoch, identity, hung, is_child, is_ending))
        if not is_ending:
            self._remote_hosts.lost(worker, hung)
            own.lost(worker, hung)

    def _of(self, identity: WorkerIdentity) -> OwnWorkers:
        """Return who keeps those of this host that serve the same."""
        return self._own[identity.is_front]

    def workers(self, reached: str, head: int) -> list[WorkerStatus]:
        """Return the workers, for the operator who reached us at ``reached``; the log ends at ``head``."""
        return [
            WorkerStatus(
                id=worker.identity.id,
                host=worker.identity.host,
                pid=worker.identity.pid,
                address=self._shown(worker, reached),
                spawned=worker.identity.spawned,
                sessions=worker.load.sessions,
                posts=round(worker.posts, 1),
                deliveries=round(worker.deliveries, 1),
                lag=max(0, head - worker.load.cursor),
                poison=worker.load.poison,
                key=worker.key,
                level=worker.identity.level,
                serves=worker.identity.serves,
                opening=worker.is_opening,
            )
            for worker in self._registry.workers()
        ]

    def _shown(self, worker: Registration[Link], reached: str) -> str:
        """Return where a worker is, for an operator; of a front, the first of its ports."""
        address = Address.parse(worker.identity.address)
        if worker.is_front and (is_local(address.host) or address.host not in EVERYWHERE):
            return str(address)
        return str(self._address(worker, reached))

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

    def port_warnings(self) -> list[str]:
        """Return a sentence if other programs have the ports of the page, and one for those of IRC."""
        chat = [worker for worker in self._registry.workers() if not worker.is_front]
        fronts = [worker for worker in self._registry.workers() if worker.is_front]
        return [
            *_taken(chat, lambda worker: worker.load.web_taken, "workers cannot open the page"),
            *_taken(fronts, lambda front: front.load.irc_taken, "IRC fronts cannot open their port"),
        ]

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
        # Those of fronts cannot be moved, and are not waited for.
        return len(there), sum(worker.load.sessions for worker in there if not worker.is_front)

    # ---- stopping ----

    def shut_down_all(self) -> None:
        """Tell all workers on all hosts to stop, whoever started them; none is replaced."""
        for own in self._own:
            own.population.retire()
        self._remote_hosts.stop()
        self._signposts.stop()
        workers = self._registry.workers()
        for worker in workers:
            # Children are stopped by their parent: a second command would be an error in their log.
            is_child = self._of(worker.identity).population.is_child(worker.identity)
            if not (is_child or has_parent(worker, workers)):
                self._shut_down(worker)

    async def stop(self) -> None:
        """Stop this host's spawned workers, and then its fronts; wait for them and for all others that were
        told to stop."""
        self._end()
        for own in self._own:
            own.population.retire()
        for own in self._own:
            self._remote_hosts.stop_disowned(own.are_fronts)
            await own.stop()

    def leave(self) -> None:
        """Stop commanding; all workers live on, for the next primary."""
        self._end()
        for own in self._own:
            own.leave()

    async def end_left(self) -> None:
        """Stop, by signals, this host's spawned workers that were left, and then its fronts: others command
        them now."""
        for own in self._own:
            await own.population.stop_left()

    def _end(self) -> None:
        self._looking.stop()
        self._rebalancer.stop()
        self._signposts.stop()
        self._remote_hosts.stop()
        self.presence.stop()
        self.imprints.stop()
        self.typists.stop()

    def _shut_down(self, worker: Registration[Link]) -> None:
        worker.leaving = True
        self._commands.shut_down(worker)

    # ---- how many there are ----

    def _look_after_children(self) -> None:
        for own in self._own:
            own.look_after(LOOK_SECONDS)

    def _look_whether_up(self) -> None:
        population = self._population
        if (
            self._up is not None
            and population.is_settling
            and len(self._registry.open()) >= population.wanted
        ):
            up, self._up = self._up, None
            up(self.pages("localhost"))


def _taken(
    processes: Sequence[Registration[Link]], place: Callable[[Registration[Link]], str], what: str
) -> list[str]:
    missing = [process for process in processes if place(process)]
    if not missing:
        return []
    where = dict.fromkeys(
        f"{legible(place(process), 64)} on {legible(process.identity.host, 64)}" for process in missing
    )
    return [
        f"{len(missing)} of {len(processes)} {what}: another program has "
        f"{', '.join(list(where)[:MOST_PAGES])}."
    ]
