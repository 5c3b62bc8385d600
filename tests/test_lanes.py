"""Limited work at a time, in turns: heavy users delay nobody, and nothing is done for those who have gone."""

from __future__ import annotations

from turns import turn
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatnet.lanes import Lane, Pace, Rota, Visitor


def test_whose_it_is_takes_turns() -> None:
    """A user with a hundred waiting tasks delays another by one."""
    rota: Rota[str] = Rota()
    for number in range(100):
        rota.put("mallory", f"m{number}")
    rota.put("alice", "a0")
    rota.put("alice", "a1")
    assert [rota.take() for _ in range(5)] == ["m0", "a0", "m1", "a1", "m2"]
    assert len(rota) == 97


def test_what_does_not_wait_any_more_leaves_nothing() -> None:
    """Neither the task nor its user is kept."""
    rota: Rota[str] = Rota()
    rota.put("alice", "a")
    rota.put("bob", "b")
    rota.discard("alice", "a")
    rota.discard("alice", "a")
    rota.discard("zoe", "z")
    assert rota.take() == "b"
    assert not rota
    assert not rota._lines


class Work:
    """Work that ends when the test says so."""

    def __init__(self, most: int, of_one: int = 1) -> None:
        self.lane = Lane(most, of_one)
        self.begun: list[str] = []
        self.done: list[str] = []
        self.under_way: list[Deferred[None]] = []

    def ask(self, visitor: Visitor, what: str) -> None:
        async def work(what: str) -> str:
            self.begun.append(what)
            self.under_way.append(Deferred())
            await self.under_way[-1]
            return what

        asking = Deferred.fromCoroutine(self.lane.run(visitor, work, what))
        asking.addCallbacks(self.done.append, lambda why: why.trap(ZeroDivisionError))

    def finish(self) -> None:
        """End all that is under way, and all that waits for it."""
        while self.under_way:
            self.under_way.pop(0).callback(None)


def test_so_much_is_under_way_and_the_rest_waits() -> None:
    """When a task ends, the next begins, whether it succeeded or failed."""
    work, visitors = Work(2), [Visitor(name) for name in "abcd"]
    for visitor in visitors:
        work.ask(visitor, str(visitor.whose))
    assert work.begun == ["a", "b"]
    work.under_way.pop(0).callback(None)
    assert (work.begun, work.done) == (["a", "b", "c"], ["a"])
    work.under_way.pop(0).errback(ZeroDivisionError())
    assert work.begun == ["a", "b", "c", "d"]
    assert work.lane.waiting == 0


def test_thousands_whose_work_is_done_at_once_are_done_one_after_the_other() -> None:
    """None within another: that would end at the bound of the stack, and the rest would wait for ever."""
    lane, done = Lane(1, 1), []

    async def at_once(number: int) -> None:
        done.append(number)

    lane.hold()
    for number in range(5_000):
        Deferred.fromCoroutine(lane.run(Visitor(number), at_once, number))
    lane.release()
    assert done == list(range(5_000))


def test_nothing_is_begun_for_who_has_left() -> None:
    """Neither waiting nor later tasks begin; what is under way makes room when it ends."""
    work = Work(1)
    alice, bob, carol = Visitor("alice"), Visitor("bob"), Visitor("carol")
    for visitor in (alice, bob, carol):
        work.ask(visitor, str(visitor.whose))
    for gone in (bob, alice):
        gone.leave()
    assert work.lane.waiting == 1
    work.under_way.pop(0).callback(None)
    assert work.begun == ["alice", "carol"]
    work.under_way.pop(0).callback(None)
    work.ask(alice, "more")
    assert work.begun == ["alice", "carol"]


def test_a_held_lane_begins_nothing() -> None:
    """When it is released, it begins no more than its limit."""
    work = Work(2)
    work.lane.hold()
    for number in range(4):
        work.ask(Visitor(number), str(number))
    assert not work.begun
    work.lane.release()
    assert work.begun == ["0", "1"]


def test_one_has_a_part_of_a_lane() -> None:
    """However many tasks a user has at once, waiting ones do not delay users that come later."""
    work = Work(4, 2)
    for number in range(40):
        work.ask(Visitor("mallory"), f"m{number}")
    assert work.begun == ["m0", "m1"]
    for name in ("alice", "bob", "carol"):
        work.ask(Visitor(name), name)
    assert work.begun == ["m0", "m1", "alice", "bob"]
    work.under_way.pop(2).callback(None)
    assert work.begun[4:] == ["carol"]
    work.under_way.pop(0).callback(None)
    assert work.begun[5:] == ["m2"]
    assert work.lane.waiting == 37
    work.finish()
    assert len(work.done) == 43


def test_of_who_has_nothing_under_way_nothing_is_kept() -> None:
    """Any number of users may come by."""
    work = Work(2)
    for number in range(10):
        work.ask(Visitor(number), str(number))
    work.finish()
    assert len(work.done) == 10
    assert not work.lane._under_way


def test_taking_costs_the_same_however_many_wait() -> None:
    """Only users at their share are looked at: a thousand that come back do not cost a square of that."""
    rota: Rota[int] = Rota()
    looked: list[object] = []

    def is_ready(whose: object, item: int) -> bool:
        looked.append(whose)
        return whose != 0

    for number in range(1000):
        rota.put(number, number)
    lines = rota._lines
    assert [rota.take_if(is_ready) for _ in range(3)] == [(1, 1), (2, 2), (3, 3)]
    assert looked == [0, 1, 0, 2, 0, 3]
    assert rota._lines is lines  # it was not copied


# ---- work that is done at once ----


class Paced:
    """Tasks at a pace of ten a turn, each with a cost; and who did one, turn by turn."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pace = Pace(self.clock, 10)
        self.turns: list[list[str]] = [[]]

    def ask(self, visitor: Visitor, name: str, cost: int) -> None:
        async def work() -> None:
            await self.pace.wait(visitor)
            self.turns[-1].append(name)
            self.pace.spend(cost)

        Deferred.fromCoroutine(work())

    def finish(self) -> list[list[str]]:
        while self.clock.getDelayedCalls():
            self.turns.append([])
            turn(self.clock)
        return self.turns


def test_in_a_turn_no_more_is_done_than_is_good_and_users_take_turns() -> None:
    """Tasks are done at once while there is room; the rest waits for the next turns, each task of another
    user. A task that costs more than a turn has a turn alone, and no timer is left."""
    paced = Paced()
    for number in range(4):
        paced.ask(Visitor("mallory"), f"m{number}", 6)
    paced.ask(Visitor("alice"), "alice", 25)
    paced.ask(Visitor("bob"), "bob", 1)
    assert paced.finish() == [["m0", "m1"], ["m2", "alice"], ["bob", "m3"], []]
    paced.ask(Visitor("carol"), "carol", 1)
    assert paced.turns[-1] == ["carol"]


def test_who_leaves_or_asks_again_waits_once_or_not_at_all() -> None:
    """Of a visitor only the last task waits; of one that has left, none."""
    paced = Paced()
    alice, bob = Visitor("alice"), Visitor("bob")
    paced.pace.spend(10)
    for name in ("first", "second"):
        paced.ask(alice, name, 1)
    paced.ask(bob, "bob", 1)
    bob.leave()
    paced.ask(bob, "bob again", 1)
    assert [name for done in paced.finish() for name in done] == ["second"]
