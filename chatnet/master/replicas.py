"""The replicas, as the primary keeps them: enough of them stand by, and know what they must know."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from chatnet.master.commands import Commands
from chatnet.master.population import Population
from chatnet.net.link import Link
from chatnet.net.timer import Timer
from chatnet.telemetry import ReplicaAttached, ReplicaLost, ReplicaSurplus, Tell
from chatnet.text import legible
from chatnet.wire.operate import MasterStatus
from chatnet.wire.replica import MasterIdentity, Mirror, State

TELL_SECONDS = 1.0
"""Seconds between two checks whether they must be told something."""
COME_SECONDS = 1.0
"""Seconds that a new primary waits for the replicas of other hosts, before it starts others."""


@dataclass(eq=False)
class AttachedReplica:
    """One replica that stands by, while its ``link`` lasts. ``leaving``: it was told to stop.

    ``obeys``: it answered that it will stop.
    ``behind``: the state has changed while its link was full: it hangs, and must not fill our memory.
    """

    identity: MasterIdentity
    link: Link
    leaving: bool = False
    obeys: bool = False
    behind: bool = False

    @property
    def name(self) -> str:
        """The replica's name in a sentence."""
        return name_of(self.identity)


def name_of(master: MasterIdentity) -> str:
    """Return the replica's name in a sentence."""
    return f"replica (pid {master.pid}) on {legible(master.host, 64)}"


class Replicas:
    """Keeps as many replicas standing by as the ``population`` of this host wants.

    All linked replicas are counted, whoever started them, but only spawned ones are stopped when there are
    too many. ``state(replicas)`` is what replicas must know.
    """

    _logger = Logger()

    def __init__(
        self,
        commands: Commands,
        population: Population[MasterIdentity],
        state: Callable[[list[MasterIdentity]], State],
        clock: IReactorTime,
        tell: Tell,
    ) -> None:
        self._commands = commands
        self._population = population
        self._host = population.here
        self._state = state
        self._clock = clock
        self._tell_of = tell
        self._replicas: dict[Link, AttachedReplica] = {}
        self._told: State | None = None
        self._soon = False
        self._telling = Timer(
            clock, TELL_SECONDS, self._each_second, "Cannot tell the replicas what they must know"
        )

    def start(self, expected: Sequence[MasterIdentity] = ()) -> None:
        """Start keeping them. The ``expected`` ones may take a while to return; start the others."""
        elsewhere = any(master.host != self._host for master in expected)
        self._population.start(expected, COME_SECONDS if elsewhere else 0.0, self._settle)
        self._telling.start()

    # ---- who is here ----

    def attach(self, identity: MasterIdentity, link: Link) -> AttachedReplica:
        """Attach a replica that stands by, until :meth:`lost`.

        It obeys nobody before it has the answer, so the state follows in the reactor's next turn.
        """
        replica = self._replicas[link] = AttachedReplica(identity, link)
        self._tell_of(ReplicaAttached(identity, self._population.is_back(identity)))
        self._clock.callLater(0, self._attached, replica)
        return replica

    def _attached(self, replica: AttachedReplica) -> None:
        if self._population.is_ending or replica.link not in self._replicas:
            return
        self._population.settle()
        self._tell(replica)
        self.changed()

    def lost(self, replica: AttachedReplica, hung: bool) -> None:
        """The link of ``replica`` is lost; ``hung``: it was closed for silence."""
        del self._replicas[replica.link]
        if self._population.is_ending:
            return
        identity = replica.identity
        self._tell_of(ReplicaLost(identity, hung))
        if self._population.is_child(identity):
            if hung:
                self._population.kill(identity)
            return
        if self._population.is_adopted(identity) and not replica.leaving:
            self._population.miss(identity)
        self._population.settle()

    def attached(self) -> list[AttachedReplica]:
        """Return the replicas that are linked."""
        return list(self._replicas.values())

    @property
    def are_kept(self) -> bool:
        """Whether any should be kept. Then a missing one will be started again."""
        return self._population.wanted > 0

    def __len__(self) -> int:
        return len(self._replicas)

    def elsewhere(self) -> int:
        """Return how many stand by on other hosts."""
        return sum(
            replica.identity.host != self._host and not replica.leaving for replica in self._replicas.values()
        )

    def statuses(self) -> list[MasterStatus]:
        """Return the replicas, for the operator."""
        masters = [replica.identity for replica in self._replicas.values()]
        return [
            MasterStatus("replica", one.host, one.pid, one.address, one.key, one.level) for one in masters
        ]

    # ---- what they know ----

    def changed(self) -> None:
        """Send them the changed state after this turn of the reactor."""
        if not self._soon and not self._population.is_ending:
            self._soon = True
            self._clock.callLater(0, self._tell_all)

    def _each_second(self) -> None:
        self._tell_all()
        self._population.look_after((each.identity for each in self._replicas.values()), TELL_SECONDS)

    def _tell_all(self) -> None:
        self._soon = False
        state = self._known()
        if state != self._told:
            self._told = state
            for replica in self._replicas.values():
                self._tell(replica)

    def drained(self, replica: AttachedReplica) -> None:
        """The link of ``replica`` has room again."""
        if replica.behind:
            self._tell(replica)

    def _tell(self, replica: AttachedReplica) -> None:
        replica.behind = replica.link.full
        if not replica.behind:
            replica.link.callRemote(Mirror, state=self._known())

    def _known(self) -> State:
        return self._state([replica.identity for replica in self._replicas.values()]).fitted()

    # ---- how many there are ----

    def _settle(self) -> None:
        """Start as many as are missing, and stop spawned ones beyond the wanted number."""
        population = self._population
        others = [r for r in self._replicas.values() if not population.is_child(r.identity) and not r.leaving]
        children = population.fill(len(others))
        while population.children > children and not population.lost:
            self._tell_of(ReplicaSurplus(None))
            population.drop()
        for replica in [r for r in others if r.identity.spawned][: max(0, len(others) - population.wanted)]:
            self._tell_of(ReplicaSurplus(replica.identity))
            self._shut_down(replica)

    # ---- stopping ----

    def shut_down_all(self) -> None:
        """Tell all of them on all hosts to stop, whoever started them."""
        self._population.retire()
        for replica in self._replicas.values():
            if not self._population.is_child(replica.identity):
                self._shut_down(replica)

    def shut_down_on(self, host: str) -> int:
        """Tell those on ``host`` to stop, whoever started them; return how many there are."""
        there = [replica for replica in self._replicas.values() if replica.identity.host == host]
        for replica in there:
            self._shut_down(replica)
        if there:
            self._population.settle()
        return len(there)

    async def stop(self) -> None:
        """Stop this host's spawned replicas; wait for them and for all others that were told to stop.

        Do this before anything else is stopped: none of them may take over.
        """
        self._telling.stop()
        self._population.end(signal.SIGTERM)
        adopted = [each for each in self._replicas.values() if self._population.is_adopted(each.identity)]
        for replica in adopted:
            self._shut_down(replica)
        leaving = [replica.link for replica in self._replicas.values() if replica.leaving]
        if not await self._population.stop(leaving):
            self._logger.warn("Some replicas that were told to stop are still here; those adopted are killed")
        for replica in adopted:
            # A replica that lost its link before it was told would try to take the lease.
            if replica.link in self._replicas or replica.link.hung or not replica.obeys:
                self._population.kill(replica.identity)

    def leave(self) -> None:
        """Stop keeping them; all of them live on, and one takes over."""
        self._telling.stop()
        self._population.leave()

    async def end_left(self) -> None:
        """Stop the children that were left."""
        await self._population.stop_left()

    def _shut_down(self, replica: AttachedReplica) -> None:
        if not replica.leaving:
            replica.leaving = True
            self._commands.shut_down(replica).addCallback(self._answered, replica)

    def _answered(self, obeys: bool, replica: AttachedReplica) -> None:
        replica.obeys = obeys
