"""The rate belongs to the user: more sessions, connections or workers make nobody faster."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from chatnet.entries import Draft, Entry
from chatnet.wire import session as wire
from chatnet.worker.rates import BURST_SECONDS, Allowance, Rates

RATE = 10
BURST = RATE * BURST_SECONDS


def burst(client: Any, count: int) -> int:
    """Send ``count`` posts; return how many pass at once."""
    found = [client.begin(wire.Post, key=client.key(), text=str(number)) for number in range(count)]
    return sum(map(bool, found))


def draft(number: int) -> Draft:
    return Draft("post", "alice", "alice", "hi", b"%016d" % number)


def entries(user: str, count: int, seconds: float, first: int = 1) -> list[Entry]:
    """Return ``count`` posts that ``user`` made at another worker."""
    return [
        Entry(first + number, int(seconds * 1000), "post", user, user, "", b"%016d" % (first + number))
        for number in range(count)
    ]


def test_sessions_of_a_user_share_the_rate(slow_worker: Any) -> None:
    """Two sessions post no faster than one; another user is not slowed down."""
    one, other, bob = slow_worker.client("alice"), slow_worker.client("alice"), slow_worker.client("bob")
    assert burst(one, 30) == 30
    assert burst(other, 30) == 20
    assert burst(bob, 30) == 30


def test_reconnecting_makes_nobody_faster(slow_worker: Any) -> None:
    """A user who reconnects often has the same rate as before."""
    posted = 0
    for _ in range(20):
        alice = slow_worker.client("alice")
        posted += burst(alice, 20)
        alice.cut()
    assert posted == BURST


def test_what_is_posted_through_other_workers_counts(slow_worker: Any) -> None:
    """Posts of other workers pass this one's window, and count before the user comes here and after."""
    slow_worker.client("alice").cut()
    slow_worker.commit(*(slow_worker.said("alice", "elsewhere") for _ in range(20)))
    alice = slow_worker.client("alice")
    assert burst(alice, 10) == 10
    slow_worker.commit(*(slow_worker.said("alice", "elsewhere") for _ in range(10)))
    assert burst(alice, 20) == 10


def test_ones_own_are_charged_once(slow_worker: Any) -> None:
    """A post is charged when it is appended, not again in the window, and not if refused or known."""
    alice = slow_worker.client("alice")
    key = alice.key()
    for _ in range(10):
        alice.begin(wire.Post, key=key, text="the same")
    for _ in range(10):
        alice.begin(wire.Leave, key=alice.key(), room="#nowhere")
    assert burst(alice, 50) == BURST - 20
    slow_worker.pass_time(BURST_SECONDS + 5)
    assert burst(alice, 100) == BURST
    assert all(not one._under_way for one in slow_worker.sessions.rates._all.values())


def test_a_log_that_answers_before_it_is_followed_charges_once(slow_worker: Any) -> None:
    """With a database an entry may pass the window after the author was told: it is charged once."""
    alice = slow_worker.client("alice")
    slow_worker.log.lagging = True
    assert burst(alice, 30) == 30
    slow_worker.log.catch_up()
    slow_worker.log.lagging = False
    assert burst(alice, 30) == 20


def test_who_caught_up_counts_only_what_is_recent() -> None:
    """A worker that was away reads an hour of a user's posts at once, and counts only the recent ones."""
    clock = Clock()
    rates = Rates(RATE, clock.seconds)
    hour = [entry for at in range(0, 3600, 10) for entry in entries("alice", 100, at, 10 * at + 1)]
    rates.apply(hour)
    clock.advance(10)
    assert all(rates.of("alice").take(draft(number)) for number in range(BURST))


def test_those_who_fell_silent_are_forgotten() -> None:
    """Memory holds only users who appended recently."""
    clock = Clock()
    rates = Rates(RATE, clock.seconds)
    for number in range(1_000):
        rates.apply(entries(f"user{number}", 1, clock.seconds(), number + 1))
    clock.advance(BURST_SECONDS)
    rates.apply(entries("alice", 1, clock.seconds(), 1_001))
    clock.advance(BURST_SECONDS)
    rates.apply(entries("alice", 1, clock.seconds(), 1_002))
    assert len(rates) == 1


@given(
    st.lists(st.tuples(st.floats(0, 2), st.sampled_from(["here", "there"]), st.integers(1, 80)), max_size=30)
)
def test_two_workers_let_no_more_pass_than_the_rate_and_their_bursts(
    acts: list[tuple[float, str, int]],
) -> None:
    """If each worker hears of the other's posts at once, both let pass one rate, and one more burst."""
    clock = Clock()
    workers = {"here": Rates(RATE, clock.seconds), "there": Rates(RATE, clock.seconds)}
    allowances = {name: rates.of("alice") for name, rates in workers.items()}
    seq = 0
    for seconds, where, count in acts:
        clock.advance(seconds)
        for _ in range(count):
            seq += 1
            [entry] = entries("alice", 1, clock.seconds(), seq)
            if allowances[where].take(Draft("post", "alice", "alice", "", entry.key)):
                for rates in workers.values():
                    rates.apply([entry])
            else:
                seq -= 1
    assert seq <= BURST + RATE * clock.seconds() + 1


def test_a_newcomer_appends_one_a_second() -> None:
    """Five at once, as everybody has five seconds' worth; and as others, once the day is over."""
    now = 100.0
    allowance = Allowance(20, lambda: now)
    allowance.slow_down(60)
    assert [allowance.take(draft(number)) for number in range(6)] == [True] * 5 + [False]
    assert allowance.wait(draft(6)) == 1.0
    for number in range(5):
        allowance.answered(draft(number), None, 0)
    assert not allowance.is_whole
    now += 3
    assert [allowance.take(draft(10 + number)) for number in range(4)] == [True] * 3 + [False]
    now += 60
    assert allowance.take(draft(99))
    assert allowance.wait(draft(99)) < 0.05
    unlimited = Allowance(0, lambda: now)
    unlimited.slow_down(60)
    assert all(unlimited.take(draft(number)) for number in range(100))
