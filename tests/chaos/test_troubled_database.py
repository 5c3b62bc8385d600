"""A real cluster whose PostgreSQL has troubles: posts wait, and then each is in the log once."""

from __future__ import annotations

import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.wire.boxes import Boxes, serialize
from chatnet.wire.common import VERSION
from rigs.chaos import TRACEBACK
from rigs.conversation import Conversation
from rigs.impact import Felt
from rigs.postgres import Server, running, whole_log
from rigs.processes import DEADLINE, Cluster, NotInTime, runs, send, wait_until

USERS = 9
BUSY_SECONDS = 4.0
"""How much later everything may be because the machine is busy, in seconds."""
STOPS = 4
"""How often a worker is stopped."""
ELSEWHERE_SECONDS = 2.0
"""How long users of other workers may wait, in seconds."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Yield a running database."""
    with running("-c", "fsync=off") as server:
        yield server


@pytest.fixture
def shared(server: Server, tmp_path: Path) -> Iterator[Cluster]:
    """Yield a running cluster on the database."""
    # As an ordinary user: the database reserves connections for the superuser.
    cluster = Cluster(tmp_path, environ={"CHATNET_STORE": server.fresh()})
    try:
        cluster.start_logged(tmp_path / "master.log")
        yield cluster
    finally:
        cluster.close()


def judge(cluster: Cluster, conversation: Conversation) -> None:
    """Check that all is answered and received by all, that promises were kept, and that nothing broke."""
    conversation.settle()
    cluster.workers(3)
    log = whole_log(cluster.environ["CHATNET_STORE"])
    assert check(Evidence(conversation.history(), log)) == []
    paths = [*cluster.root.glob("*.log"), *(cluster.data / "log").glob("*.log")]
    assert not [path for path in paths if TRACEBACK in path.read_text()]


def pass_time(seconds: float, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Let a trouble last for ``seconds``."""
    end = time.monotonic() + seconds

    def is_over() -> bool:
        meanwhile()
        return time.monotonic() > end

    wait_until("the trouble lasts", is_over, seconds + 30)


def test_the_database_is_in_trouble(server: Server, shared: Cluster) -> None:
    """It is restarted, its connections are killed again and again, others take them all, and it is read-only:
    one after the other, under load. Whatever waits is answered soon after the end of the trouble."""
    conversation = Conversation.on(shared, USERS, 60)

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
    """Take all connections: nobody gets a new one, and some lose theirs."""
    server.ask("ALTER ROLE app CONNECTION LIMIT 5")
    kill_connections(server)
    pass_time(5)
    server.ask("ALTER ROLE app CONNECTION LIMIT -1")


def be_read_only(server: Server) -> None:
    """Make the server read-only, as during a switch to another server."""
    server.ask("ALTER ROLE app SET default_transaction_read_only = on")
    kill_connections(server)
    pass_time(5)
    server.ask("ALTER ROLE app RESET default_transaction_read_only")
    kill_connections(server)


def in_use(cluster: Cluster) -> list[int]:
    """Return the pids of those of the three workers that have sessions, once there are several."""
    workers = [worker["pid"] for worker in cluster.workers(3) if worker["sessions"]]
    return workers if len(workers) > 1 else []


def test_a_stopped_worker_holds_up_nobody_else(shared: Cluster) -> None:
    """Whatever it was doing, no lock of the database is held while a worker of ours is waited for."""
    conversation = Conversation.on(shared, USERS, 60)
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


def named_by(worker: str) -> list[Any]:
    """Return the other workers that the worker at this address names at login."""
    host, _, port = worker.rpartition(":")
    login = {b"_command": b"Login", b"_ask": b"1", b"version": b"%d" % VERSION, b"name": b"probe"}
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
        connection.sendall(serialize({**login, b"secret": b"s" * 32, b"new": b"1"}))
        boxes = Boxes()
        while received := connection.recv(65_536):
            for box in boxes.feed(received):
                if b"_answer" in box:
                    others: list[Any] = msgspec.msgpack.decode(box.get(b"workers", b"\x90"))
                    return others
    raise AssertionError("it serves, and closes")


def test_a_killed_workers_clients_go_on_without_a_master(shared: Cluster) -> None:
    """No master answers, and the worker is not replaced: its clients resume at other workers, of which they
    were told at login, and talk on."""
    masters = shared.masters()
    workers = shared.workers(3)
    wait_until("each knows the others", lambda: all(len(named_by(w["address"])) == 2 for w in workers))
    people = {name: shared.terminal(name) for name in ("alice", "bob", "carol")}
    for name, terminal in people.items():
        for other in people:
            if other != name:
                terminal.type(f"JOIN {other}")
                terminal.expect(f"Joined {other}.")
        terminal.type("CHAT")
    victim = wait_until("workers with sessions", lambda: in_use(shared))[0]
    for master in masters:
        send(master["pid"], signal.SIGSTOP)
    send(victim, signal.SIGKILL)
    for name, terminal in people.items():
        terminal.type(f"{name} is here")
    for name, terminal in people.items():
        for _ in range(len(people) - 1):
            terminal.lines.find(r".*: .* is here")
        for other in people:
            assert terminal.lines.seen.count(f"{other}: {other} is here") == (other != name)
    moved = [terminal for terminal in people.values() if "Connected again." in terminal.lines.seen]
    assert 0 < len(moved) < len(people)
