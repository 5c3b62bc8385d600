"""A real cluster whose PostgreSQL is in trouble: posts wait, and then each is in the log once."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from rigs.chaos import TRACEBACK
from rigs.conversation import Conversation
from rigs.impact import Felt
from rigs.postgres import Server, running, whole_log
from rigs.processes import Cluster, NotInTime, runs, send, wait_until

USERS = 9
BUSY_SECONDS = 4.0
"""A machine that does other things meanwhile makes all of it later, by no more than this."""
STOPS = 4
"""How often a worker is stopped."""
ELSEWHERE_SECONDS = 2.0
"""Those at other workers wait no longer."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A database that runs."""
    with running("-c", "fsync=off") as server:
        yield server


@pytest.fixture
def shared(server: Server, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster on it, up."""
    # As an ordinary user: for the superuser the database keeps connections back.
    cluster = Cluster(tmp_path, environ={"CHATNET_STORE": server.fresh()})
    try:
        with (tmp_path / "master.log").open("wb") as log:
            cluster.launch(log)
        cluster.workers(3)
        yield cluster
    finally:
        cluster.close()


def talk(cluster: Cluster) -> Conversation:
    """The users, who talk."""
    options = ("--master", cluster.address, "--users", str(USERS), "--rate", "60")
    return Conversation(cluster.popen_talking, cluster.root, *options, mark=cluster.mark)


def judge(cluster: Cluster, conversation: Conversation) -> None:
    """All is answered and was heard by all; every promise was kept; nothing broke."""
    conversation.settle()
    cluster.workers(3)
    log = whole_log(cluster.environ["CHATNET_STORE"])
    assert check(Evidence(conversation.history(), log)) == []
    paths = [*cluster.root.glob("*.log"), *(cluster.data / "log").glob("*.log")]
    assert not [path for path in paths if TRACEBACK in path.read_text()]


def pass_time(seconds: float, meanwhile: Callable[[], object] = lambda: None) -> None:
    """A trouble lasts for so long."""
    end = time.monotonic() + seconds

    def is_over() -> bool:
        meanwhile()
        return time.monotonic() > end

    wait_until("the trouble lasts", is_over, seconds + 30)


def test_the_database_is_in_trouble(server: Server, shared: Cluster) -> None:
    """Restarted, its connections killed again and again, all of them taken by others, read-only: one after
    the other under load. Whatever waits is answered soon after the trouble's end."""
    conversation = talk(shared)

    def weather(what: str, trouble: Callable[[], object]) -> None:
        began = time.monotonic()
        trouble()
        lasted = time.monotonic() - began
        conversation.wait_until_answered()
        felt = Felt(conversation.history(), began)
        print(f"{what} for {lasted:.1f} s: {felt}")
        assert felt.longest < lasted + 5 + BUSY_SECONDS

    weather("restarted", lambda: restart(server))
    weather("connections killed", lambda: pass_time(3, lambda: kill_connections(server)))
    weather("connections taken", lambda: take_connections(server))
    weather("read-only", lambda: be_read_only(server))
    judge(shared, conversation)


def restart(server: Server) -> None:
    server.stop()
    pass_time(3)
    server.start()


def kill_connections(server: Server) -> None:
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")


def take_connections(server: Server) -> None:
    """Nobody gets a new connection, and some lose the one they have."""
    server.ask("ALTER ROLE app CONNECTION LIMIT 5")
    kill_connections(server)
    pass_time(5)
    server.ask("ALTER ROLE app CONNECTION LIMIT -1")


def be_read_only(server: Server) -> None:
    """As a server is while another is to take over."""
    server.ask("ALTER ROLE app SET default_transaction_read_only = on")
    kill_connections(server)
    pass_time(5)
    server.ask("ALTER ROLE app RESET default_transaction_read_only")
    kill_connections(server)


def in_use(cluster: Cluster) -> list[int]:
    """The pids of those of the three workers that have sessions, once there are several."""
    workers = [worker["pid"] for worker in cluster.workers(3) if worker["sessions"]]
    return workers if len(workers) > 1 else []


def test_a_stopped_worker_holds_up_nobody_else(shared: Cluster) -> None:
    """Whatever it was doing: locks of the database are never held while we are waited for."""
    conversation = talk(shared)
    chance = random.Random()
    for _ in range(STOPS):
        workers = wait_until("workers with sessions", lambda: in_use(shared))
        conversation.wait_until_answered()
        pass_time(chance.uniform(0, 0.3))
        began = time.monotonic()
        victim = chance.choice(workers)
        send(victim, signal.SIGSTOP)
        try:
            wait_until("it is killed", lambda: not runs(victim, "chat-worker"))  # noqa: B023 - now
        except NotInTime:
            send(victim, signal.SIGCONT)
            raise
        conversation.wait_until_answered()
        felt = Felt(conversation.history(), began)
        print(f"worker {victim} stopped: {felt}")
        assert felt.away > 0, "nobody was at the worker that was stopped"
        assert felt.by_the_undisturbed < ELSEWHERE_SECONDS
    judge(shared, conversation)
