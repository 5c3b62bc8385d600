"""What is made of a database that is away, by those who ask it and those who stop asking."""

from __future__ import annotations

import random
from typing import Any, cast

from store.conftest import AtOnce, HandReactor
from twisted.internet.defer import CancelledError, Deferred

from chatnet.store.postgres.database import Database, Unavailable
from chatnet.store.postgres.pool import Outage, Pool


class Stage:
    """A pool of two threads on a database that is away, or not."""

    def __init__(self) -> None:
        self.is_away = True
        self.reactor = HandReactor()
        self.outage = Outage()
        threads = AtOnce(2, "pool")
        threads.start()
        self.pool = Pool(self.reactor, threads, self._connect, random.Random(1), self.outage, 2)

    def _connect(self) -> Database:
        if self.is_away:
            raise Unavailable("it is away")
        return cast(Any, self)

    def close(self) -> None:
        """As a connection."""

    def ask(self) -> tuple[Deferred[int], list[Any]]:
        """A question, and what became of it."""
        asking = Deferred.fromCoroutine(self.pool.ask(lambda database: 7))
        found: list[Any] = []
        asking.addBoth(lambda result: found.append(getattr(result, "value", result)))
        return asking, found


def test_an_outage_ends_with_the_last_who_asks() -> None:
    """They may have gone meanwhile: nobody would ever say that it is over."""
    stage = Stage()
    asking, found = stage.ask()
    assert "it is away" in stage.outage.sentence
    asking.cancel()
    assert isinstance(found[0], CancelledError)
    assert stage.outage.sentence == ""


def test_an_outage_lasts_while_somebody_asks() -> None:
    """Also if others stop; then the answer ends it."""
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
