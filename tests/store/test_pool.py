"""How an absent database is reported, to those who ask it and when they stop asking."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, cast

import pytest
from store.conftest import AtOnce, HandReactor
from twisted.internet.defer import CancelledError, Deferred

from chatnet.errors import NoSuchRoom
from chatnet.store.postgres.database import Database, Unavailable
from chatnet.store.postgres.pool import Outage, Pool
from chatnet.telemetry import Event, StoreAway, StoreBack


class Stage:
    """A pool of two threads on a database that may be away."""

    def __init__(self) -> None:
        self.is_away = True
        self.connections = 0
        self.reactor = HandReactor()
        self.told: list[Event] = []
        self.outage = Outage(self.told.append, self.reactor.seconds)
        self.threads = AtOnce(2, "pool")
        self.threads.start()
        self.pool = Pool(self.reactor, self.threads, self._connect, random.Random(1), self.outage, 2)

    def _connect(self) -> Database:
        if self.is_away:
            raise Unavailable("it is away")
        self.connections += 1
        return cast(Any, self)

    def close(self) -> None:
        """Do nothing, as a connection."""

    def ask(
        self, question: Callable[[Database], int] = lambda database: 7
    ) -> tuple[Deferred[int], list[Any]]:
        """Ask a question; return its Deferred, and a list that gets the outcome."""
        asking = Deferred.fromCoroutine(self.pool.ask(question))
        found: list[Any] = []
        asking.addBoth(lambda result: found.append(getattr(result, "value", result)))
        return asking, found


def test_an_outage_ends_with_the_last_who_asks() -> None:
    """If all have stopped asking, nobody would ever report that the outage has ended."""
    stage = Stage()
    asking, found = stage.ask()
    assert "it is away" in stage.outage.sentence
    asking.cancel()
    assert isinstance(found[0], CancelledError)
    assert stage.outage.sentence == ""


@pytest.mark.parametrize("all_leave", [False, True])
def test_an_outage_is_told(all_leave: bool) -> None:
    """Its beginning is told, and its duration by the first answer; also if those who asked have gone."""
    stage = Stage()
    asking, _ = stage.ask()
    stage.reactor.advance(3.0)
    if all_leave:
        asking.cancel()
    else:
        stage.is_away = False
        stage.reactor.pump([0.5] * 20)
    stage.is_away = False
    stage.ask()
    away, back = stage.told
    assert away == StoreAway("The database cannot be reached (it is away): all waits until it can.")
    assert isinstance(back, StoreBack)
    assert back.how == "The database is back; everything goes on"
    assert 3.0 <= back.seconds < 5.0
    stage.ask()
    assert len(stage.told) == 2


def test_an_outage_lasts_while_somebody_asks() -> None:
    """It lasts even if others stop asking; then the answer ends it."""
    stage = Stage()
    first, _ = stage.ask()
    _, found = stage.ask()
    waiting, _ = stage.ask()
    for gone in (first, waiting):
        gone.cancel()
        assert "it is away" in stage.outage.sentence
    stage.is_away = False
    stage.reactor.pump([0.5] * 20)
    assert found == [7]
    assert stage.outage.sentence == ""


def refused(database: Database) -> int:
    """Answer that there is no such room."""
    raise NoSuchRoom.of(room="&tea")


def test_a_refusal_is_an_answer_and_costs_no_connection() -> None:
    """A stranger to a room who asks for it over and over has nobody connect anew. It ends an outage, too."""
    stage = Stage()
    _, found = stage.ask(refused)
    stage.is_away = False
    stage.reactor.pump([0.5] * 20)
    assert stage.outage.sentence == ""
    for _ in range(3):
        stage.ask(refused)
    stage.ask()
    assert isinstance(found[0], NoSuchRoom)
    assert stage.connections == 1


def test_a_failure_costs_the_connection() -> None:
    """Nobody knows what it left behind."""
    stage = Stage()
    stage.is_away = False
    _, found = stage.ask(lambda database: 1 // 0)
    stage.ask()
    assert isinstance(found[0], ZeroDivisionError)
    assert stage.connections == 2


def test_what_one_pool_finds_gone_no_other_pool_finds_gone_later() -> None:
    """All drop their idle connections: the server was started anew, and another outage is told by nobody."""
    one, other = Stage(), Stage()
    other.outage = one.outage
    other.pool = Pool(other.reactor, other.threads, other._connect, random.Random(1), one.outage, 2)
    one.is_away = other.is_away = False
    other.ask()
    one.is_away = True
    one.ask()
    one.is_away = False
    one.reactor.pump([0.5] * 20)
    assert [type(event) for event in one.told] == [StoreAway, StoreBack]
    _, found = other.ask()
    assert (found, other.connections, len(one.told)) == ([7], 2, 2)
