"""A master that cannot open its store waits for what is missing, and says for what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from chatnet.master.embedded_store import EmbeddedStore
from chatnet.master.store import RETRY_SECONDS
from chatnet.store.sqlite.disk import DiskFull, DiskRefuses, NoRoomToWriteAnew
from chatnet.store.sqlite.log import SqliteLog
from chatnet.telemetry import unheard
from chatnet.world.real import real_world


@pytest.fixture
def attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[DiskRefuses, float], list[float]]:
    """Return what lets a master try to open a store for ten minutes, each time failing after some seconds;
    that returns when it began to."""
    clock, begun, said = Clock(), list[float](), list[str]()

    def tried(refusal: DiskRefuses, seconds: float) -> list[float]:
        async def fails(**_: Any) -> None:
            begun.append(clock.seconds())
            if seconds:
                await deferLater(clock, seconds)
            raise refusal

        monkeypatch.setattr(SqliteLog, "open", fails)
        store = EmbeddedStore(tmp_path, replace(real_world(), reactor=clock), said.append)
        done = Deferred.fromCoroutine(store.begin(None, lambda: False, unheard))
        clock.pump([0.5] * 1_200)
        assert not done.called
        assert said == [f"{refusal.why}: the master commands when {refusal.until}."]
        return begun

    return tried


def test_what_fails_at_once_is_tried_again_each_second(
    attempts: Callable[[DiskRefuses, float], list[float]],
) -> None:
    """It is said once."""
    begun = attempts(NoRoomToWriteAnew(Path("log.sqlite"), 2_000, 1_000), 0)
    assert begun[:4] == [number * RETRY_SECONDS for number in range(4)]


def test_what_takes_long_to_fail_is_not_tried_all_the_time(
    attempts: Callable[[DiskRefuses, float], list[float]],
) -> None:
    """As a large file that is written anew until a quota is reached: others need the disk, too."""
    assert attempts(DiskFull("quota"), 100)[:3] == [0, 200, 400]
