"""Clusters of programs of two levels: the newer ones have a toy kind, which the older do not know."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
import toy_kind
from simulation.mutants import levels
from simulation.mutants.planting import Mutant, name, planted

from chatnet.auth import TOKEN_BYTES
from chatnet.entries import Draft
from chatnet.kinds import CLUSTER
from chatnet.log import Refused
from simulator import SimProcess, Simulation
from simulator.database_server import Postgres
from simulator.host import HOME

SEED = 7
TOKEN = "cd" * TOKEN_BYTES
OLD, NEW = 2, toy_kind.LEVEL


@pytest.fixture(autouse=True, scope="module")
def _toy() -> Iterator[None]:
    with toy_kind.there():
        yield


class Land:
    """Masters on alpha and workers elsewhere, on an embedded ``store`` or a shared one."""

    def __init__(self, simulation: Simulation, store: str) -> None:
        self.simulation = simulation
        self.is_shared = store == "shared"
        self.environ = {"HOME": str(HOME), "CHATNET_TOKEN": TOKEN}
        self.with_store = dict(self.environ)
        self.alpha = simulation.host("alpha")
        if self.is_shared:
            postgres = Postgres(simulation)
            postgres.start()
            simulation.run_while(lambda: postgres.server is None)
            self.with_store["CHATNET_STORE"] = postgres.url
        else:
            data = HOME / "chatnet-data"
            self.alpha.disk.make_directory(data)
            self.alpha.disk.write(data / "cluster.token", f"{TOKEN}\n".encode())

    def master(self, level: int) -> SimProcess:
        """Start a master of ``level`` on alpha, which keeps no other processes there."""
        self.alpha.level = level
        arguments = ("--workers", "0", "--replicas", "0")
        return self.alpha.start("chat-master", *arguments, environ=self.with_store)

    def worker(self, host: str, level: int) -> SimProcess:
        """Start a worker of ``level`` by hand."""
        where = self.simulation.host(host)
        where.level = level
        return where.start("chat-worker", "--master", "alpha", environ=self.environ)

    def client(self, user: str, *lines: str) -> SimProcess:
        """Log a user in, who says these lines."""
        laptop = self.simulation.host("laptop")
        client = laptop.start("chat-client", "--master", "alpha", user)
        self.wait(lambda: f"Logged in as {user}." in client.terminal.lines)
        client.terminal.type(*lines)
        self.simulation.run(1)
        return client

    def wait(self, until: Any, limit: float = 30.0) -> None:
        self.simulation.run_while(lambda: not until(), limit)

    def chatnet(self, *words: str) -> tuple[int, str]:
        """Run an operator's command; return its exit status and its output."""
        command = self.alpha.start("chatnet", *words, "--master", "alpha", environ=self.environ)
        self.wait(lambda: command.is_dead)
        assert command.status is not None
        return command.status.code, said_by(command)

    def refused(self, process: SimProcess) -> str:
        """Wait until the process exits by itself with status 1; return what it says."""
        self.wait(lambda: process.is_dead)
        assert process.status is not None
        assert process.status.code == 1
        return said_by(process)

    @property
    def primary(self) -> SimProcess | None:
        """Return the primary."""
        masters: list[Any] = self.alpha.living("chat-master")
        return next((one for one in masters if getattr(one, "service", None) and one.service._primary), None)

    def append(self, process: Any, *drafts: Draft) -> list[Any]:
        """Append drafts by a primary, or by a worker that has the log by itself; return their outcomes."""
        outcomes: list[Any] = []
        is_master = process.program == "chat-master"
        log = process.service._primary.leadership.log if is_master else process.service._state.store.log
        process.soon(lambda: log.append(drafts).addCallback(outcomes.extend))
        self.wait(lambda: len(outcomes) == len(drafts))
        return outcomes


@pytest.fixture(params=["embedded", "shared"])
def land(simulation: Simulation, request: pytest.FixtureRequest) -> Land:
    return Land(simulation, request.param)


def said_by(process: SimProcess) -> str:
    return " ".join([*process.terminal.lines, *process.terminal.errors])


def heard(client: SimProcess, text: str) -> bool:
    return any(line.endswith(text) for line in client.terminal.lines)


def level(text: str) -> Draft:
    return Draft("level", CLUSTER, CLUSTER, text, b"level" + bytes(11))


def quit(user: str, room: str) -> Draft:
    return Draft("quit", user, room, "", b"quit" + bytes(12))


UPDATE = "The log is at level 3, and this chatnet understands level 2: update chatnet on this machine"


def test_old_workers_under_a_new_primary(land: Land) -> None:
    """They serve as before, and hold the level back. When they are replaced it rises; a late one is
    refused."""
    land.master(NEW)
    old = land.worker("gamma", OLD)
    ann = land.client("ann", "JOIN #tea", "CHAT")
    bob = land.client("bob", "CHAT", "#tea one")
    land.wait(lambda: heard(ann, "#tea one"))
    code, said = land.chatnet("level", "up")
    assert code == 1
    assert "level 3 is not understood by worker" in said
    assert "on gamma" in said
    code, said = land.chatnet("level")
    assert code == 0
    assert "Level 3 is the next, and 1 process does not understand it yet." in said
    land.worker("delta", NEW)
    land.simulation.run(3)
    old.kill(signal.SIGTERM)
    bob.terminal.type("#tea two")
    land.wait(lambda: heard(ann, "#tea two"))
    assert land.chatnet("level", "up")[0] == 0
    assert "level 3, the highest that anything here understands" in land.chatnet("level")[1]
    bob.terminal.type("#tea three")
    land.wait(lambda: heard(ann, "#tea three"))
    assert UPDATE in land.refused(land.worker("gamma", OLD))


def test_new_workers_under_an_old_primary(land: Land) -> None:
    """The old primary holds the level back. Under a new one it rises; after that an old one is refused,
    whether or not the lease is free."""
    old = land.master(OLD)
    land.worker("gamma", NEW)
    ann, bob = land.client("ann", "JOIN #tea", "CHAT"), land.client("bob", "CHAT", "#tea one")
    land.wait(lambda: heard(ann, "#tea one"))
    code, said = land.chatnet("level", "up")
    assert code == 1
    assert "is not understood by primary (pid" in said
    new = land.master(NEW)
    land.simulation.run(5)
    old.kill()
    bob.terminal.type("#tea two")
    land.wait(lambda: heard(ann, "#tea two"))
    land.wait(lambda: land.primary is new)
    land.simulation.run(3)
    assert land.chatnet("level", "up")[0] == 0
    assert UPDATE in land.refused(land.master(OLD))
    new.kill()
    assert UPDATE in land.refused(land.master(OLD))
    land.master(NEW)
    bob.terminal.type("#tea three")
    land.wait(lambda: heard(ann, "#tea three"))


def hears_what_is_not_for_her(land: Land) -> bool:
    """Raise the level under a worker that is too old, and remove ann from #tea in the same batch; return
    whether she receives what is said there after that.

    With a shared log the primary is as old, and another process writes: nobody cuts the worker off.
    """
    first = land.master(OLD if land.is_shared else NEW)
    old = land.worker("gamma", OLD)
    ann = land.client("ann", "JOIN #tea", "CHAT")
    bob = land.client("bob", "CHAT", "#tea one")
    land.wait(lambda: heard(ann, "#tea one"))
    new = land.worker("delta", NEW)
    land.simulation.run(1)
    secret = Draft("post", "bob", "bob", "#tea not for ann", b"secret" + bytes(10))
    land.append(new if land.is_shared else first, level("3"), quit("ann", "#tea"), secret)
    if land.is_shared:
        land.simulation.run(1)
        land.master(NEW)
    bob.terminal.type("#tea nor this", "@ann are you here?")
    land.wait(lambda: heard(ann, "@ann are you here?"))
    land.simulation.run(5)
    if heard(ann, "not for ann") or heard(ann, "nor this"):
        return True
    for process in (old, first) if land.is_shared else (old,):
        assert UPDATE in land.refused(process)
    assert not new.is_dead
    return False


def test_who_is_removed_hears_nothing_from_an_old_worker(land: Land) -> None:
    """The worker exits in the turn in which it reads the level; its clients go to another, unnoticed."""
    assert not hears_what_is_not_for_her(land)


def takes_what_is_above_the_level(land: Land) -> bool:
    primary = land.master(NEW)
    land.worker("gamma", OLD)
    land.client("ann", "JOIN #tea")
    [outcome] = land.append(primary, quit("ann", "#tea"))
    return not isinstance(outcome, Refused)


def test_a_store_takes_nothing_above_its_level(land: Land) -> None:
    """It is refused even if the program that appends knows the kind."""
    assert not takes_what_is_above_the_level(land)


@pytest.mark.parametrize("mutant", levels.MUTANTS, ids=name)
def test_a_planted_bug_is_caught(land: Land, mutant: Mutant) -> None:
    """Each planted bug is caught by the test that is made for it."""
    with planted(mutant):
        passed_over = mutant is levels.an_unknown_kind_is_passed_over
        assert (hears_what_is_not_for_her if passed_over else takes_what_is_above_the_level)(land)
