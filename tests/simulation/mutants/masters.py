"""Bugs of successive masters: who commands, and what a new primary knows, keeps and kills."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable

import apsw
import msgspec
from simulation.mutants.planting import Put
from twisted.internet.defer import Deferred, maybeDeferred

from chatnet.addresses import Address
from chatnet.master.cluster import Cluster
from chatnet.master.lost_processes import LostProcesses
from chatnet.master.primary import Primary
from chatnet.master.registry import Registration
from chatnet.master.replica import Replica
from chatnet.master.replicas import AttachedReplica, Replicas
from chatnet.master.standby import Inheritance
from chatnet.net.link import Link
from chatnet.store.lease import Holder
from chatnet.store.sqlite import opening as sqlite_opening
from chatnet.store.sqlite.log import SqliteLog
from chatnet.telemetry import Killed
from chatnet.wire.replica import Carried, MasterIdentity, State
from chatnet.worker.uplink import Uplink

# ---- two primaries ----


def a_replica_commands_without_the_lease(put: Put) -> None:
    """A replica that has lost its primary takes over even if another was faster."""

    async def take(self: Replica) -> bool:
        taken: bool = await real(self)
        if taken or self._since is None or not self.continueTrying:
            return taken
        self.stop()
        self._process.won(Inheritance(self._state, self._since, self._how))
        return True

    real = put(Replica, "_take", take)


def the_epoch_is_not_raised(put: Put) -> None:
    """The next primary commands in the epoch of the one before."""

    def take_epoch(connection: apsw.Connection) -> tuple[str, int]:
        log_id, epoch = real(connection)
        if epoch > 1:
            connection.execute("UPDATE log SET epoch = epoch - 1")
        return log_id, max(1, epoch - 1)

    real = put(sqlite_opening, "take_epoch", take_epoch)


# ---- a stale registry ----


def replicas_are_told_once(put: Put) -> None:
    """A replica is told what it must know when it comes, and not again when that changes."""
    put(Replicas, "_tell_all", lambda self: setattr(self, "_soon", False))


def the_dead_stay_in_the_registry(put: Put) -> None:
    """Replicas are told of workers that come, and not of those that go."""

    def known(self: Replicas) -> State:
        state: State = real(self)
        carried = {each.worker.id: each for each in before.get(self, []) + state.workers}
        before[self] = list(carried.values())
        return msgspec.structs.replace(state, workers=before[self])

    before: dict[Replicas, list[Carried]] = {}
    real = put(Replicas, "_known", known)


def a_winner_believes_what_it_was_told(put: Put) -> None:
    """A new primary counts the workers that it was told of until they come back, even if they are dead."""
    put(LostProcesses, "_look", lambda self: None)
    put(LostProcesses, "_is_dead", lambda self, kin: False)


# ---- lost adoptions ----


def adopted_workers_are_not_watched(put: Put) -> None:
    """An adopted worker that dies is removed from the registry, and not replaced."""

    def lost(self: Cluster, worker: Registration[Link], hung: bool) -> None:
        if self._population.is_child(worker.identity):
            real(self, worker, hung)
        else:
            self._registry.unregister(worker)

    real = put(Cluster, "lost", lost)


def workers_do_not_come_back(put: Put) -> None:
    """A worker that has lost its primary waits, and does not look for it elsewhere."""

    async def serve(self: Uplink, master: Address) -> None:
        await real(self, master)
        await Deferred()

    real = put(Uplink, "_serve", serve)


def lost_replicas_are_not_replaced(put: Put) -> None:
    """The number of replicas is checked when one comes, and not when one goes."""

    def lost(self: Replicas, replica: AttachedReplica, hung: bool) -> None:
        if self._population.is_child(replica.identity):
            real(self, replica, hung)
        else:
            del self._replicas[replica.link]

    real = put(Replicas, "lost", lost)


def a_winner_wants_no_replica(put: Put) -> None:
    """Only the first primary starts replicas; its successors make do with those that are left."""

    def start(self: Replicas, expected: tuple[MasterIdentity, ...] = ()) -> None:
        if self._commands.epoch > 1:
            self._population.wanted = 0
        real(self, expected)

    real = put(Replicas, "start", start)


# ---- fencing ----


def fencing_without_looking(put: Put) -> None:
    """A pid that held the lease when the replica came is killed, whatever it holds, or is, by now."""

    def fence(self: Replica, holder: Holder) -> None:
        anybody = msgspec.structs.replace(holder, started=self._processes.started(holder.pid) or 0)
        if self._processes.signal(anybody, signal.SIGKILL):
            self._tell(Killed(holder.pid, "the primary hung"))

    async def fence_and_wait(self: Replica, holder: Holder) -> None:
        self._fence(holder)
        self.retry()

    put(Replica, "_fence", fence)
    put(Replica, "_fence_and_wait", fence_and_wait)


def a_lost_link_is_taken_for_death(put: Put) -> None:
    """A primary is killed as soon as a link to it breaks, even if it is alive."""

    def lost(self: Replica, hung: bool) -> None:
        real(self, hung)
        if self._holder is not None:
            self._fence(self._holder)

    real = put(Replica, "_lost", lost)


# ---- handing over ----


def the_lease_goes_before_the_store_is_closed(put: Put) -> None:
    """A primary that stops releases the lease first, and then closes the store."""

    async def stop(self: Primary, release: Callable[[], Awaitable[None]]) -> None:
        await release()
        await real(self, release)

    real = put(Primary, "stop", stop)


def handing_over_in_the_middle_of_a_batch(put: Put) -> None:
    """A primary that hands over does not wait until the batch under way is committed."""

    async def stop(self: Primary, release: Callable[[], Awaitable[None]]) -> None:
        if self._handing_over:
            await maybeDeferred(self.port.listening.stopListening)
            await release()
            await self.port.links.close()
        await real(self, release)

    real = put(Primary, "stop", stop)


def the_store_is_closed_under_a_batch(put: Put) -> None:
    """The store is closed at once, and not by the thread that may be committing."""

    async def close(self: SqliteLog) -> None:
        self._store.close()
        await real(self)

    real = put(SqliteLog, "close", close)
