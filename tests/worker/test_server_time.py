"""A worker tells what time it is as a session begins: clients say by it until when something lasts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web.browser import WebSocket, WebStage
from worker.conftest import Worker

from chatnet.testing.memory_log import MemoryLog


def by_login(worker: Worker) -> int:
    return int(worker.client().login()["now"])


def by_resume(worker: Worker) -> int:
    return int(worker.client().resume(worker.token.ticket(worker.log.log_id, "alice", 1))["now"])


def by_socket(worker: Worker) -> int:
    stage = WebStage(worker)
    socket = WebSocket(stage, stage.ticket("alice"))
    worker.pass_time(3)  # the hello comes later than the upgrade, and the time is that of the welcome
    return int(socket.hello()["now"])


@pytest.mark.parametrize("told", [by_login, by_resume, by_socket])
@pytest.mark.parametrize("log_ahead", [0, 500_000])
def test_the_time_is_that_by_which_the_log_judges(told: Callable[[Worker], int], log_ahead: int) -> None:
    """That of the worker's clock, or of the newest entry, where the clock was ahead that has made it: what
    ends before that is over at once."""
    worker = Worker(log=MemoryLog(clock=lambda: log_ahead / 1000))
    worker.client().login()
    worker.pass_time(100)
    for seconds in (0, 500):
        worker.pass_time(seconds)
        now = told(worker)
        assert now == pytest.approx(max(log_ahead, worker.clock.seconds() * 1000), abs=1)
