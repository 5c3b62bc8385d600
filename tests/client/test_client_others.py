"""A client that lost its worker goes to other workers that it was told of, and only then to a master."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from client.person import MASTER, WORKER, Person

from chatnet.addresses import Address
from chatnet.client.connection import OTHER_SECONDS
from chatnet.client.others import Others
from chatnet.errors import TryLater
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.testing.fake_cluster import FakeCluster, FakeSession, Network
from chatnet.wire.session import Elsewhere, Login, Resume

FIRST, SECOND, THIRD = 3001, 3002, 3003


@pytest.fixture
def others(cluster: FakeCluster) -> FakeCluster:
    """Return a cluster whose worker names three others; none of them is there yet."""
    cluster.others = [Elsewhere(f"h{port}:{port}") for port in (FIRST, SECOND, THIRD)]
    return cluster


def lose(network: Network, port: int = WORKER) -> list[int]:
    """Lose the worker at ``port`` and let time pass; return the ports that were dialled."""
    before = len(network.attempts)
    network.listeners.pop(port, None)
    network.cut()
    network.pass_time(1)
    return [port for _, port in network.attempts[before:]]


def test_it_resumes_at_another_worker_and_asks_no_master(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """It resumes by ticket and cursor; what was said and typed meanwhile arrives."""
    alice = new_person().start()
    alice.type("CHAT")
    others.worker(SECOND)
    del network.listeners[MASTER]
    others.mute = True
    alice.type("kept")
    network.listeners.pop(WORKER)
    network.cut()
    others.mute = False
    others.say("bob", "missed")
    network.pass_time(1)
    assert alice.seen() == [
        "Logged in as alice.",
        "Connection lost; what you type is kept and sent when it is back.",
        "Connected again.",
        "bob: missed",
    ]
    assert [entry.text for entry in others.entries] == ["kept", "missed"]
    assert len(others.asked("Login")) == 1


def test_each_is_tried_once_and_then_a_master(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """The order is random: the clients of a lost worker do not all go to the same one."""
    orders = set()
    for _ in range(6):
        person = new_person().start()
        dialled = lose(network)
        assert dialled[3] == MASTER
        assert sorted(dialled[:3]) == [FIRST, SECOND, THIRD]
        assert not {FIRST, SECOND, THIRD} & set(dialled[3:])
        orders.add(tuple(dialled[:3]))
        person.stop()
        others.worker(WORKER)
    assert len(orders) > 1


def test_what_the_last_worker_named_counts(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """This includes one where the client has resumed; what an earlier worker named is forgotten."""
    new_person().start()
    others.worker(THIRD)
    others.others = [Elsewhere(f"h:{FIRST}")]
    assert THIRD in lose(network)
    assert lose(network, THIRD)[:2] == [FIRST, MASTER]


def test_a_worker_that_refuses_is_passed_over(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """It closes at once, has too many of our sessions, or gives an answer that is final only from a worker
    that a master names: the next one is asked."""

    class Closing(Locator):
        def connected(self, link: Link) -> None:
            link.abort()

    class Full(FakeSession):
        @Resume.responder
        def resume(self, version: int, ticket: bytes) -> dict[str, Any]:
            raise TryLater.of(seconds=5)

    alice = new_person().start()
    network.listeners[FIRST] = Closing
    network.listeners[SECOND] = lambda: Full(others)
    others.worker(THIRD)
    for _ in range(4):
        assert MASTER not in lose(network)
    assert set(alice.seen()[1:]) == {
        "Connection lost; what you type is kept and sent when it is back.",
        "Connected again.",
    }


def test_who_took_a_workers_place_is_shown_a_ticket_and_nothing_else(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """It gets neither the secret nor a password, and is not believed: a master is asked."""
    stranger = FakeCluster(network)
    for port in (FIRST, SECOND, THIRD):
        stranger.worker(port)
    alice = new_person().start()
    dialled = lose(network)
    assert [name for name, _ in stranger.requests] == ["Resume"]
    assert dialled[1] == MASTER, "nor is that ticket any better elsewhere"
    others.worker(WORKER)
    network.pass_time(3)
    assert alice.seen()[-1] == "Connected again."


def test_a_worker_of_another_log_is_passed_over(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """It has the ticket, but is not ours."""
    strange = FakeCluster(network)
    strange.log_id, strange.tickets = "strange", others.tickets
    strange.worker(FIRST)
    others.others = [Elsewhere(f"h:{FIRST}")]
    new_person().start()
    assert lose(network)[:2] == [FIRST, MASTER]


def test_a_dead_machine_is_waited_for_once(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """This holds however many workers it had."""
    others.others = [Elsewhere(f"h:{port}") for port in (FIRST, SECOND, THIRD)]
    network.silent = {FIRST, SECOND, THIRD}
    new_person().start()
    before = len(network.attempts)
    del network.listeners[WORKER]
    network.cut()
    network.pass_time(OTHER_SECONDS + 0.3)
    dialled = [port for _, port in network.attempts[before:]]
    assert dialled[1] == MASTER


def test_a_worker_that_hangs_is_not_waited_for(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """The others of its machine may be well."""

    class Hanging(Locator):
        def connected(self, link: Link) -> None:
            link.hold()

    others.others = [Elsewhere(f"h:{port}") for port in (FIRST, SECOND)]
    network.listeners[FIRST] = Hanging
    others.worker(SECOND)
    alice = new_person().start()
    for _ in range(4):
        network.cut()
        network.pass_time(OTHER_SECONDS + 0.3)
        assert alice.seen()[-1] == "Connected again."
    assert [port for _, port in network.attempts].count(MASTER) == 1


def test_who_is_told_to_move_asks_a_master(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """A master knows where there is room; but if it does not answer, the others are tried."""
    others.worker(FIRST)
    alice = new_person().start()
    before = len(network.attempts)
    others.sessions[0].move()
    network.pass_time(0.2)
    assert [port for _, port in network.attempts[before:]] == [MASTER, WORKER]
    del network.listeners[MASTER]
    others.sessions[0].move()
    network.pass_time(2)
    assert len(others.sessions) == 1
    assert alice.seen()[-1] == "Connected again."


def test_who_was_ended_goes_to_no_other_worker(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """All of them would say the same."""
    new_person().start()
    before = len(network.attempts)
    others.sessions[0].end("SECRET_CHANGED", "It was changed.")
    network.pass_time(0.2)
    assert [port for _, port in network.attempts[before:]] == [MASTER, WORKER]


def test_who_has_no_ticket_asks_a_master(
    network: Network, others: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """An unreadable ticket counts as none."""

    class Generous(FakeSession):
        @Login.responder
        def login(
            self, version: int, name: str, secret: bytes, new: bool, *of: Any, **named: Any
        ) -> dict[str, Any]:
            return {**FakeSession.login(self, version, name, secret, new), "ticket": b"t" * 2_000}

    network.listeners[WORKER] = lambda: Generous(others)
    new_person().start()
    assert lose(network)[0] == MASTER


def test_of_what_is_named_only_addresses_are_kept() -> None:
    """Only a few of the addresses are kept, since any process may have named them."""

    class First:
        def randrange(self, stop: int) -> int:
            return 0

    others = Others(First())  # type: ignore[arg-type]
    others.named([Elsewhere(text, "key") for text in ("", "h", "h:x", "h:1", "two words:2", "[::1]:3")])
    drawn = [others.draw(), others.draw(), others.draw()]
    assert drawn == [(Address("h", 1), "key"), (Address("::1", 3), "key"), None]
    others.named([Elsewhere(f"h:{port}") for port in range(1, 1000)])
    assert sum(others.draw() is not None for _ in range(1000)) == 8
