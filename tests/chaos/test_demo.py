"""The demo is real: its last words come from the checker."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

from chatnet.testing.history import Took
from chatnet.world.real import real_world
from rigs.demo import AFTER_PRIMARY, AFTER_WORKER, BEFORE, Demo, Stage
from rigs.processes import Cluster


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Yield a fast demo."""
    real = real_world()
    world = dataclasses.replace(real, environ={**real.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")})
    cluster = Cluster(tmp_path / "cluster")
    cluster.root.mkdir()
    yield Demo(cluster, Stage(colours=False), world, pause=0.05)
    cluster.close()


@pytest_twisted.ensureDeferred
async def test_the_chat_goes_on_through_both_kills(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is received once, the killed process and the time are told, and the checker finds nothing."""
    await demo.play()
    shown = capsys.readouterr().out
    for line in (*BEFORE, *AFTER_WORKER, *AFTER_PRIMARY):
        assert shown.count(f": {line}\n") == 1
    assert shown.count("kill -9 ") == shown.count("of the kill.") == 2
    assert "which stood by, is primary now." in shown
    assert demo.violations == []
    assert shown.endswith("Nothing was lost, repeated or reordered, and nobody logged in again.\n")


@pytest_twisted.ensureDeferred
async def test_a_broken_promise_is_said(
    demo: Demo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If bob had missed one of the lines, the demo would say so, and not that all was well."""
    judge = demo._judge

    def forget_and_judge() -> None:
        took = [event for event in demo._events if isinstance(event, Took) and event.user == "bob"]
        demo._events.remove(took[len(took) // 2])
        judge()

    monkeypatch.setattr(demo, "_judge", forget_and_judge)
    await demo.play()
    assert demo.violations
    assert "BROKEN  no_gaps: reader 1 of bob/1" in capsys.readouterr().out
