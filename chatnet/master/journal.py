"""Events of the cluster, as its operator is told about them: logged, kept, and known to every replica."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from twisted.logger import Logger

from chatnet import telemetry
from chatnet.master.registry import name_of
from chatnet.master.replicas import name_of as name_of_replica
from chatnet.text import legible
from chatnet.wire import operate

MOST_TOLD = 1000
"""How many characters of an event are kept: it may quote what others say of themselves."""
KEPT_EVENTS = 100
"""How many of the newest events are kept for the operator."""


class Journal:
    """Keeps the newest events, and calls ``changed`` after each; it begins with those of the last primary.

    ``wall`` returns the seconds since 1970.
    """

    _logger = Logger()

    def __init__(self, wall: Callable[[], float], events: Iterable[operate.Event] = ()) -> None:
        self._wall = wall
        self._events: deque[operate.Event] = deque(events, maxlen=KEPT_EVENTS)
        self._watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` after each event from now on."""
        self._watchers.append(changed)

    def told(self, event: telemetry.Event) -> None:
        """Log and keep ``event``, if it concerns the operator: a :data:`~chatnet.telemetry.Tell`."""
        match event:
            case telemetry.BatchCommitted():
                pass  # the most frequent event: the other cases need not be tried
            case telemetry.EpochBegun(epoch, at):
                self._say_epoch(epoch, "begins: this master commands", at)
            case telemetry.EpochEnded(epoch, at):
                self._say_epoch(epoch, "ends: this master no longer commands", at)
            case telemetry.ChildDied():
                self._keep(sentence(event))  # the supervisor logs more about it, and a crash loop less often
            case (
                telemetry.DraftPoisoned()
                | telemetry.StoreAway()
                | telemetry.StoreBack()
                | telemetry.LogRewound()
            ):
                self._keep(sentence(event))  # the store logs more about it
            case _ if what := sentence(event):
                self._logger.info("{what}", what=what)
                self._keep(what)

    def events(self) -> list[operate.Event]:
        """Return the newest events, oldest first."""
        return list(self._events)

    def _keep(self, what: str) -> None:
        self._events.append(operate.Event(self._wall(), legible(what, MOST_TOLD)))
        for changed in self._watchers:
            changed()

    def _say_epoch(self, epoch: int, what: str, at: float) -> None:
        # All processes of a machine share this clock, and nobody sets it: it shows who commanded when.
        line = "Epoch {epoch} {what} (at {at:.3f} s of this machine's monotonic clock)"
        self._logger.info(line, epoch=epoch, what=what, at=at)


def sentence(event: telemetry.Event) -> str:
    """Return what the operator is told about ``event``, without a full stop; empty for minor events."""
    match event:
        case telemetry.TookOver(host, pid, _, seconds, how) if how:
            return f"primary (pid {pid}) on {host} took over {seconds:.2f} s after {how}"
        case telemetry.HandoverAsked(host, pid):
            return f"primary (pid {pid}) on {host} is told to hand over"
        case telemetry.LevelRaised(level):
            return f"the log is at level {level}"
        case telemetry.DrainBegun(host):
            return f"{host} is to be drained: its sessions move elsewhere, then its workers stop"
        case telemetry.ReplicaAttached(replica, back):
            return f"{name_of_replica(replica)} {'came back' if back else 'stands by'}"
        case telemetry.ReplicaLost(replica, hung):
            return f"{name_of_replica(replica)} {'fell silent' if hung else 'lost its link'}"
        case telemetry.ReplicaSurplus(replica):
            name = "a replica" if replica is None else name_of_replica(replica)
            return f"{name} is one too many; it is stopped"
        case telemetry.ProcessGone(name, is_dead, was_killed):
            if is_dead:
                return f"{name} is dead"
            return f"{name} did not come back{'; it is killed' if was_killed else ''}"
        case telemetry.ChildDied(what):
            return f"{what}; another one is started"
        case telemetry.ChildUnlinked(pid, seconds):
            return f"process {pid} has had no link for {seconds:.0f} s; it is killed"
    return _of_the_store(event) or _of_a_worker(event)


def _of_the_store(event: telemetry.Event) -> str:
    match event:
        case telemetry.DraftPoisoned(what, why):
            return f"a draft could not be stored and was refused ({why}): {what}"
        case telemetry.StoreAway(why):
            return why.rstrip(".")
        case telemetry.StoreBack(how, seconds):
            return f"{how} ({seconds:.1f} s later)"
        case telemetry.LogRewound(cursor, common):
            same = "" if common is None else f", and is the same up to {common:,}"
            return f"the log was put back: it was read up to {cursor:,}{same}"
    return ""


def _of_a_worker(event: telemetry.Event) -> str:
    match event:
        case telemetry.WorkerRegistered(_, worker, how) if how != "again":
            return f"{name_of(worker)} {'came back' if how == 'back' else 'joined'}"
        case telemetry.WorkerLost(_, worker, hung, is_child, stopping) if not stopping:
            if not is_child:
                return f"{name_of(worker)} {'fell silent' if hung else 'lost its link'}"
            return f"{name_of(worker)} hangs; it is killed" if hung else ""  # the supervisor reports its end
        case telemetry.WorkerSurplus(worker):
            return f"{name_of(worker)} is one too many; it is stopped"
        case telemetry.WorkerToldTo(worker, what):
            return f"{name_of(worker)} {what}"
        case telemetry.KillAsked(hung, by):
            return f"{name_of(hung)} hangs; {name_of(by)} is asked to kill it"
        case telemetry.SessionsUneven(worker, count, sessions):
            return f"{name_of(worker)} is to move {count} of its {sessions} sessions to others"
        case telemetry.WorkerCutOff(worker, sessions):
            return f"{name_of(worker)} cannot reach the store: its {sessions} sessions are to move"
    return ""
