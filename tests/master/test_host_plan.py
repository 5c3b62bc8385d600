"""What to do about the workers of another host: start as many as wanted, and never more."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chatnet.master.host_plan import (
    PATIENCE_SECONDS,
    Kill,
    OtherHost,
    Shed,
    Shutdown,
    SpawnWorkers,
    fill,
    thin,
)
from chatnet.master.registry import Registration
from chatnet.wire.cluster import Load, WorkerIdentity

WANTED = 3


def worker(pid: int, supervisor: int = 0, sessions: int = 0, started: int | None = None) -> Registration[Any]:
    """Return a worker started at the time ``pid``, or ``started``; by hand if there is no supervisor."""
    identity = WorkerIdentity(str(pid), "there", pid, "0.0.0.0:1", False, supervisor, started or pid)
    return Registration(identity, None, Load(sessions=sessions), reported=0.0)


def test_the_first_worker_is_asked_for_the_others() -> None:
    """While these start it is asked for no more."""
    first = worker(1)
    (step,) = fill([first], WANTED)
    assert isinstance(step, SpawnWorkers)
    assert (step.parent, step.count) == (first, 2)
    (step,) = fill([first, worker(2, 1)], WANTED)
    assert isinstance(step, SpawnWorkers)
    assert (step.parent, step.count) == (first, 2)


def test_the_one_with_most_children_is_asked() -> None:
    """It keeps the children that it has; of equal ones the eldest is asked, so it is always the same."""
    eldest, parent = worker(1), worker(2)
    (step,) = fill([eldest, parent, worker(3, 2)], 4)
    assert isinstance(step, SpawnWorkers)
    assert (step.parent, step.count) == (parent, 2)
    (step,) = fill([parent, eldest], WANTED)
    assert isinstance(step, SpawnWorkers)
    assert (step.parent, step.count) == (eldest, 1)


def test_of_too_many_those_go_that_nobody_would_start_again() -> None:
    """Those with the fewest sessions go first, once these have moved; children of living parents go by their
    parents' hand."""
    by_hand = worker(1, sessions=1)
    orphans = [worker(2, 99, sessions=5), worker(3, 99, sessions=4)]
    children = [worker(4, 1), worker(5, 1)]
    assert thin([by_hand, *orphans], 2) == [Shed(orphans[1], 4)]
    orphans[1].report(Load(sessions=4, moving=4), 1.0)
    assert thin([by_hand, *orphans], 2) == [Shed(orphans[1], 0)]
    orphans[1].report(Load(), 2.0)
    steps = thin([by_hand, *orphans], 2)
    assert [step.worker for step in steps if isinstance(step, Shutdown)] == [orphans[1]]
    orphans[0].report(Load(), 2.0)
    steps = thin([by_hand, *orphans, *children], 2)
    assert [step.worker for step in steps if isinstance(step, Shutdown)] == orphans
    assert [(step.parent, step.count) for step in steps if isinstance(step, SpawnWorkers)] == [(by_hand, 1)]


def test_who_was_started_by_hand_is_never_one_too_many() -> None:
    """This holds however many there are."""
    assert thin([worker(pid) for pid in range(1, 8)], WANTED) == []


def test_an_orphan_that_is_a_parent_loses_its_children_first() -> None:
    """Its children would die with it, whatever sessions they have."""
    orphan = worker(2, 99)
    steps = thin([orphan, worker(3, 2), worker(4, 2), worker(5)], WANTED)
    assert [(step.parent, step.count) for step in steps if isinstance(step, SpawnWorkers)] == [(orphan, 1)]
    assert len(steps) == 1


def test_a_pid_that_passed_on_makes_no_parent() -> None:
    """A process that has the pid of a dead parent but is younger than the child did not start it."""
    (step,) = fill([worker(7, 0, started=50), worker(8, 7, started=10)], WANTED)
    assert isinstance(step, SpawnWorkers)
    assert (step.parent.identity.pid, step.count) == (8, 1)


def test_nobody_is_asked_at_once() -> None:
    """Workers that lost their link come back; time is counted in looks."""
    host: OtherHost[Any] = OtherHost()
    alone = [worker(1)]
    for _ in range(11):
        assert host.look(alone, WANTED, 0.25) == []
    assert len(host.look(alone, WANTED, 0.25)) == 1
    host.look([worker(1), worker(2), worker(3)], WANTED, 0.25)
    assert host.look(alone, WANTED, PATIENCE_SECONDS - 0.25) == []


def test_who_hangs_is_killed_by_its_parent() -> None:
    """It is killed when it has not come back for three seconds; by another worker if the parent is away."""
    host: OtherHost[Any] = OtherHost()
    parent, other, hung = worker(2), worker(1), worker(3, 2)
    back = worker(4, 2)
    for silent in (hung, back):
        host.fell_silent(silent.identity)
    assert host.look([other, parent], 2, 2.75) == []
    host.is_back(back.identity)
    assert host.look([other, parent], 2, 0.25) == [Kill(parent, hung.identity)]
    assert host.look([other, parent], 2, PATIENCE_SECONDS) == []
    host.fell_silent(hung.identity)
    assert host.look([other], 1, PATIENCE_SECONDS) == [Kill(other, hung.identity)]


def test_who_was_stopped_itself_counts_anew() -> None:
    """What the silent one and the missing ones sent meanwhile is unread."""
    hung, other = worker(1), worker(2)
    host: OtherHost[Any] = OtherHost()
    host.fell_silent(hung.identity)
    assert host.look([other], 2, PATIENCE_SECONDS - 0.1) == []
    host.awake()
    assert host.look([other], 2, PATIENCE_SECONDS - 0.1) == []
    assert Kill(other, hung.identity) in host.look([other], 2, 0.25)


@given(st.data())
def test_whatever_dies_and_however_slow_the_others_start_it_settles(data: Any) -> None:
    """There is a worker by hand, then deaths, some of them of parents; then nothing else happens."""
    world = Model()
    for _ in range(data.draw(st.integers(0, 12))):
        step = data.draw(st.sampled_from(["look", "look", "start", "kill", "hand"]))
        if step == "look":
            world.look()
        elif step == "start":
            world.start(data.draw(st.integers(0, 5)))
        elif step == "kill" and len(world.living) > 1:
            world.kill(data.draw(st.integers(0, len(world.living) - 1)))
        elif step == "hand":
            world.living.append(worker(world.next_pid()))
    for _ in range(60):
        world.look()
        world.start(0)
    by_hand = sum(not one.identity.spawned for one in world.living)
    assert len(world.living) == max(WANTED, by_hand)
    before = list(world.living)
    world.look()
    assert world.living == before


class Model:
    """A host whose workers keep the ordered number of children; a child takes a while to start."""

    def __init__(self) -> None:
        self.pids = 0
        self.living = [worker(self.next_pid())]
        self.keeps: dict[int, int] = {}
        self.starting: list[int] = []
        self.host: OtherHost[Any] = OtherHost()

    def next_pid(self) -> int:
        self.pids += 1
        return self.pids

    def look(self) -> None:
        for step in self.host.look(self.living, WANTED, 1.0):
            if isinstance(step, SpawnWorkers):
                self.keeps[step.parent.identity.pid] = step.count
            elif isinstance(step, Shutdown):
                self.living.remove(step.worker)
        self._supervise()

    def start(self, which: int) -> None:
        """Let a starting worker live, whether its parent still lives or not."""
        if which < len(self.starting):
            self.living.append(worker(self.next_pid(), self.starting.pop(which)))
        self._supervise()

    def kill(self, which: int) -> None:
        self.living.pop(which)
        self._supervise()

    def _supervise(self) -> None:
        for parent in list(self.living):
            pid = parent.identity.pid
            if pid not in self.keeps:
                continue
            mine = [one for one in self.living if one.identity.supervisor == pid]
            coming = self.starting.count(pid)
            for child in mine[max(0, self.keeps[pid]) :]:
                self.living.remove(child)
            for _ in range(len(mine) + coming - self.keeps[pid]):
                if pid in self.starting:
                    self.starting.remove(pid)
            self.starting += [pid] * (self.keeps[pid] - len(mine) - coming)
