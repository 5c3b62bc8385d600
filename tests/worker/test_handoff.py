"""Sessions move to other workers a few at a time, and nothing that they do is lost."""

from __future__ import annotations

from typing import Any

import pytest
from worker.conftest import Client, Worker

from chatnet.net.outbox import CLOSE_SECONDS
from chatnet.worker.handoff import (
    COME_BACK_SECONDS,
    HOPELESS_SECONDS,
    LEAVE_SECONDS,
    PER_TICK,
    TICK,
    Handoff,
)


@pytest.fixture
def shedding(worker: Worker) -> Handoff:
    return Handoff(worker.sessions, worker.clock)


def crowd(worker: Worker, count: int) -> list[Client]:
    return [worker.client(f"user{number}") for number in range(count)]


def moved(clients: list[Client]) -> list[int]:
    return [client.hears.moved for client in clients]


def test_so_many_are_told_a_few_at_a_time(worker: Worker, shedding: Handoff) -> None:
    """The oldest sessions are told first; the others are told nothing."""
    clients = crowd(worker, PER_TICK + 4)
    shedding.shed(PER_TICK + 2)
    worker.settle()
    assert moved(clients) == [1] * PER_TICK + [0] * 4
    worker.pass_time(TICK)
    assert moved(clients) == [1] * (PER_TICK + 2) + [0] * 2
    assert shedding.moving == PER_TICK + 2
    worker.pass_time(1)
    assert moved(clients) == [1] * (PER_TICK + 2) + [0] * 2


def test_who_leaves_is_no_longer_moving(worker: Worker, shedding: Handoff) -> None:
    """Once all have left, nothing remains to be done, not even a timer."""
    clients = crowd(worker, 2)
    shedding.shed(1)
    worker.settle()
    clients[0].cut()
    worker.settle()
    assert shedding.moving == 0
    worker.pass_time(2 * TICK)
    assert not shedding._ticking.is_running


def test_asked_again_it_moves_others(worker: Worker, shedding: Handoff) -> None:
    """A session is not told twice; a number above that of the sessions means all of them."""
    clients = crowd(worker, 3)
    shedding.shed(1)
    worker.pass_time(TICK)
    shedding.shed(5)
    worker.pass_time(TICK)
    assert moved(clients) == [1, 1, 1]
    late = worker.client("late")
    worker.pass_time(1)
    assert late.hears.moved == 0


def test_who_stays_is_hung_up_on_after_its_drafts_are_answered(worker: Worker, shedding: Handoff) -> None:
    """A client that does not know the command resumes as after any lost connection."""
    (client,) = crowd(worker, 1)
    shedding.shed(1)
    worker.settle()
    assert client.post("still here") == 2
    worker.pass_time(LEAVE_SECONDS - 1)
    assert client.connected
    worker.pass_time(1.5)
    assert not client.connected


def test_who_would_wait_for_answers_in_vain_is_hung_up_on_soon(worker: Worker, shedding: Handoff) -> None:
    """This worker cannot answer its drafts, so it is closed soon and sends them again elsewhere."""
    (client,) = crowd(worker, 1)
    shedding.shed(1, soon=True)
    worker.settle()
    worker.pass_time(HOPELESS_SECONDS - 0.3)
    assert client.connected
    worker.pass_time(0.6)
    assert not client.connected


def test_who_does_not_read_is_cut_off(worker: Worker, shedding: Handoff) -> None:
    """A client that does not read is cut off: it has its cursor."""
    (client,) = crowd(worker, 1)
    client.wire.client_transport.reading = False
    shedding.shed(1)
    worker.pass_time(LEAVE_SECONDS + CLOSE_SECONDS - 1)
    assert client.connected
    worker.pass_time(1.5)
    assert not client.connected


def shared(client: Client) -> Client:
    """Return ``client`` as if it came by a port that the workers of its host share."""
    peer: Any = client.server.locator
    peer.shared = True
    return client


def test_each_kind_is_moved_by_itself(worker: Worker, shedding: Handoff) -> None:
    """An order about one kind leaves the one about the other as it was; both share the pace."""
    placed, browsers = crowd(worker, 4), [shared(worker.client(f"web{number}")) for number in range(4)]
    shedding.shed(3)
    shedding.shed(2, shared=True)
    worker.pass_time(TICK)
    assert moved(placed) == [1, 1, 1, 0]
    assert moved(browsers) == [1, 1, 0, 0]
    assert (shedding.moving, shedding.shared_moving) == (5, 2)
    shedding.shed(9)
    worker.pass_time(3 * TICK)
    assert moved(placed) == [1, 1, 1, 1]
    assert moved(browsers) == [1, 1, 0, 0]


def test_who_came_by_a_shared_port_comes_back_elsewhere(worker: Worker, shedding: Handoff) -> None:
    """Until they have left, and a moment longer, they are not let in by it: chance might send them here."""
    (placed,), browser = crowd(worker, 1), shared(worker.client("web"))
    shared(worker.client("stays"))
    shedding.shed(1)
    worker.pass_time(TICK)
    placed.cut()
    worker.pass_time(TICK)
    assert not shedding.sent_elsewhere
    shedding.shed(1, shared=True)
    worker.pass_time(TICK)
    assert list(shedding.sent_elsewhere) == ["web"]
    worker.pass_time(LEAVE_SECONDS / 2)
    assert list(shedding.sent_elsewhere) == ["web"]
    browser.cut()
    worker.pass_time(COME_BACK_SECONDS - 2 * TICK)
    assert list(shedding.sent_elsewhere) == ["web"]
    worker.pass_time(4 * TICK)
    assert not shedding.sent_elsewhere
    assert not shedding._ticking.is_running


def test_who_is_here_for_a_request_stays(worker: Worker, shedding: Handoff) -> None:
    """It is gone before it could be somewhere else."""
    passing, other = shared(worker.client("passing")), shared(worker.client("other"))
    peer: Any = passing.server.locator
    peer.passing = True
    shedding.shed(2, shared=True)
    worker.pass_time(1)
    assert moved([passing, other]) == [0, 1]
