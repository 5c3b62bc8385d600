"""What is refused and kept is bounded, for each user: who goes on is held, not refused."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from worker.anybody import ANYBODY

from chatnet.entries import Draft
from chatnet.errors import Refusal
from chatnet.log import Outcome
from chatnet.testing.memory_log import MemoryLog
from chatnet.worker.drafts import DraftStream, SharedDrafts
from chatnet.worker.gathering import Gathering
from chatnet.worker.kept_refusals import MOST_REFUSALS, REFUSAL_SECONDS, TAKEN_COSTS
from chatnet.worker.rates import BURST_SECONDS, Rates

TAKEN = MOST_REFUSALS // TAKEN_COSTS
MORE = 10


class Reading:
    """A connection; whether it is read does not matter here."""

    def hold(self) -> None:
        pass

    def release(self) -> None:
        pass


class Users:
    """Alice and bob, who send drafts through streams of one worker, without a rate."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog(clock=self.clock.seconds)
        users = ("alice", "bob")
        self.log.append([Draft("register", user, user, "sha256:1", b"r" * 16) for user in users])
        self.shared = SharedDrafts(self.log, Gathering(self.log, self.clock), self.clock)
        self.rates = Rates(0, self.clock.seconds)
        self.outcomes: list[Outcome] = []
        self._sent = 0

    def stream(self, user: str = "alice") -> DraftStream:
        return DraftStream(self.shared, ANYBODY, Reading(), self.rates.of(user), 0)

    def send(
        self, stream: DraftStream, kind: str, room: str, text: str = "", user: str = "alice"
    ) -> list[Any]:
        """Send a draft; return a list that gets its outcome."""
        self._sent += 1
        found: list[Any] = []
        draft = Draft(kind, user, room, text, b"%016d" % self._sent)
        stream.send(draft).addCallbacks(found.append, lambda why: found.append(why.value))
        return found

    def refused(self, stream: DraftStream, count: int) -> int:
        """Leave a room that nobody is in so often; return how many of these were refused at once."""
        found = [self.send(stream, "leave", "#nowhere") for _ in range(count)]
        self.clock.advance(0)
        assert all(isinstance(outcome, Refusal) for [outcome] in filter(None, found))
        return sum(map(len, found))

    def kept(self) -> int:
        return len(self.log._refused)


def test_beyond_a_thousand_kept_refusals_drafts_go_on_one_a_minute() -> None:
    """A user has a thousand at once; what comes then is held, in its order, and nothing is refused for it.
    Whoever else is here is not held."""
    users = Users()
    alice = users.stream()
    for _ in range(MOST_REFUSALS // 100):
        users.refused(alice, 100)
    assert users.kept() == MOST_REFUSALS
    assert users.refused(alice, 3) == 0
    [post, bobs] = (
        users.send(alice, "post", "alice", "hi"),
        users.send(users.stream("bob"), "post", "bob", "hi", "bob"),
    )
    users.clock.advance(0)
    assert (post, len(bobs)) == ([], 1)
    for minute in range(1, 4):
        users.clock.advance(REFUSAL_SECONDS + 0.1)
        users.clock.advance(0)
        assert users.kept() == MOST_REFUSALS + minute
        assert not post
    users.clock.advance(REFUSAL_SECONDS)
    users.clock.advance(0)
    assert post == [4]
    assert users.kept() == MOST_REFUSALS + 3


def test_other_sessions_and_a_return_give_no_more() -> None:
    """The number is the user's: it is shared by their sessions, and there when they come again."""
    users = Users()
    one, other = users.stream(), users.stream()
    assert users.refused(one, 600) == 600
    assert users.refused(other, 600) == MOST_REFUSALS - 600
    for stream in (one, other):
        stream.stop()
    del one, other, stream
    users.clock.advance(BURST_SECONDS)
    users.rates.apply([])
    assert users.refused(users.stream(), 10) == 0


def test_what_is_accepted_costs_nothing() -> None:
    """With little left, drafts that are accepted go on as fast as they are answered; a secret always does."""
    users = Users()
    alice = users.stream()
    users.refused(alice, MOST_REFUSALS - 1)
    for number in range(MORE):
        post = users.send(alice, "post", "alice", "hi")
        users.clock.advance(0)
        assert post == [3 + number]
    assert users.refused(alice, 1) == 1
    secret = users.send(alice, "secret", "alice", "sha256:2")
    users.clock.advance(0)
    assert secret == [3 + MORE]


def test_taken_names_of_private_rooms_are_told_twenty_times() -> None:
    """Also if all of them are asked for at once, on many sessions; then one more each fifty minutes. To make
    rooms, or to be refused them otherwise, costs no more than anything else."""
    users = Users()
    bob = users.stream("bob")
    for number in range(20):
        users.send(bob, "create", f"&r{number}", "all", "bob")
        users.clock.advance(0)
    assert users.send(bob, "create", "&more", "all", "bob") == []
    users.clock.advance(0)
    assert len(users.log.entries) == 22
    assert users.refused(users.stream("bob"), 1) == 1
    streams = [users.stream() for _ in range(5)]
    asked = [users.send(stream, "create", f"&r{number}", "all") for number in range(20) for stream in streams]
    users.clock.advance(0)
    users.clock.advance(1.1)
    users.clock.advance(0)
    assert sum(map(len, asked)) == TAKEN == 20
    for more in range(1, 4):
        users.clock.advance(TAKEN_COSTS * REFUSAL_SECONDS)
        users.clock.advance(0)
        assert sum(map(len, asked)) == TAKEN + more


def test_who_was_refused_nothing_for_long_is_forgotten() -> None:
    """Memory holds only those who have less than a thousand left."""
    users = Users()
    stream = users.stream()
    users.refused(stream, 5)
    stream.stop()
    del stream
    users.clock.advance(4 * REFUSAL_SECONDS)
    users.rates.apply([])
    assert len(users.rates) == 1
    users.clock.advance(2 * REFUSAL_SECONDS)
    users.rates.apply([])
    assert len(users.rates) == 0
