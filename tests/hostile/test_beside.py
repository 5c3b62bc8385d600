"""The honest users notice what they must: a server that stops for a moment, and one that dies."""

from __future__ import annotations

import signal
import time

import pytest

from rigs.beside import Beside
from rigs.processes import runs, send, wait_until


def lasts(seconds: float) -> None:
    """Wait for ``seconds``."""
    end = time.monotonic() + seconds
    wait_until("the time is over", lambda: time.monotonic() > end, seconds + 30)


def stands_still(pid: int) -> None:
    """Stop the process ``pid`` for half a second, within about three seconds."""
    lasts(1)
    send(pid, signal.SIGSTOP)
    lasts(0.5)
    send(pid, signal.SIGCONT)
    lasts(2)


def test_nothing_is_noticed_where_nothing_is_done(beside: Beside) -> None:
    """Without an attack there is no complaint, also on a busy machine."""
    with beside.attacked():
        lasts(4)


def test_half_a_second_of_a_worker_is_noticed(beside: Beside) -> None:
    """If one of three workers stops for half a second, users notice that posts were late."""
    worker = next(pid for pid in beside.pids if runs(pid, "chat-worker"))
    with pytest.raises(AssertionError, match="a post took"), beside.attacked():
        stands_still(worker)
    beside.forget()


def test_a_machine_that_stands_still_is_no_violation(beside: Beside) -> None:
    """If everything stops for half a second, those who watch the machine as well, it was the machine."""
    with beside.attacked():
        lasts(1)
        everything = [beside.watchers, *beside.pids]
        for pid in everything:
            send(pid, signal.SIGSTOP)
        lasts(0.5)
        for pid in reversed(everything):
            send(pid, signal.SIGCONT)
        lasts(2)


def test_a_process_that_dies_is_noticed(beside: Beside) -> None:
    """A process that died is noticed even if no user felt it: here a replica."""
    replica = [pid for pid in beside.pids if runs(pid, "chat-master")][-1]
    with pytest.raises(AssertionError, match=f"process {replica} of the cluster is gone"), beside.attacked():
        send(replica, signal.SIGKILL)
    beside.forget()
