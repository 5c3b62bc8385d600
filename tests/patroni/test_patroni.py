"""The failover of a real PostgreSQL pair, by psycopg alone: what it keeps and loses, how long it takes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from rigs.patroni import FAILOVER_SECONDS, Node, Pair
from rigs.processes import Lines, wait_until


class Writer:
    """Inserts 1, 2, 3… until told to stop, and keeps what was acknowledged, across failovers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.acknowledged: list[int] = []
        self._next = 1
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Writer:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (number int PRIMARY KEY)")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(30)

    def writes(self) -> None:
        """Return once ten more were acknowledged."""
        goal = len(self.acknowledged) + 10
        wait_until("ten more rows", lambda: len(self.acknowledged) >= goal, FAILOVER_SECONDS)

    def _write(self) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    self._write_on(connection)
            except psycopg.OperationalError:
                continue

    def _write_on(self, connection: psycopg.Connection[tuple[int]]) -> None:
        while not self._stopping.is_set():
            number, self._next = self._next, self._next + 1
            connection.execute("INSERT INTO kept VALUES (%s)", (number,))
            self.acknowledged.append(number)


def kept(url: str) -> set[int]:
    """Return what the database holds."""
    with psycopg.connect(url) as connection:
        return {number for (number,) in connection.execute("SELECT number FROM kept")}


def fails_over(pair: Pair, writes: Callable[[], None]) -> Node:
    """Kill the leader; return it when there are ``writes`` again, in the stated time."""
    killed = time.monotonic()
    dead = pair.kill_leader()
    assert not dead.processes()
    writes()
    assert time.monotonic() - killed < FAILOVER_SECONDS
    assert pair.wait_for_leader() is not dead
    return dead


def test_what_was_acknowledged_survives_the_leader(pair: Pair) -> None:
    """Each node is killed while it leads; the other takes over in time, with every acknowledged row."""
    with Writer(pair.url) as writer:
        writer.writes()
        dead = fails_over(pair, writer.writes)
        pair.revive(dead)
        assert pair.wait_for_standby(60) is dead
        assert fails_over(pair, writer.writes) is not dead
    assert set(writer.acknowledged) <= kept(pair.url)
    root = pair.root
    pair.stop()
    assert not any(node.processes() for node in pair.nodes)
    assert not root.exists()


@pytest.mark.parametrize("pair", [False], indirect=True)
def test_an_asynchronous_standby_loses_what_it_did_not_receive(pair: Pair) -> None:
    """A row is acknowledged, the leader dies, and the row is not there."""
    with psycopg.connect(pair.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (number int PRIMARY KEY)")
        connection.execute("INSERT INTO kept VALUES (1)")
        pair.hold_standby_back()
        connection.execute("INSERT INTO kept VALUES (2)")
        assert kept(pair.url) == {1, 2}
        dead = pair.kill_leader()
    assert wait_until("another leader", pair.leader, FAILOVER_SECONDS) is not dead
    assert kept(pair.url) == {1}


PROGRAM = """
from rigs.patroni import Pair
pair = Pair()
print(pair.root, flush=True)
with pair:
    pass
"""


def test_nothing_is_left_of_a_pair_whose_program_is_killed() -> None:
    """Even if it is killed while it starts, all its processes end, and its directory is removed."""
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
    with program:
        root = Path(Lines(program).next())
        wait_until("PostgreSQL is made", lambda: speaking_of(root / "one" / "data"))
        program.kill()
    wait_until("its processes are gone, and the guard", lambda: not speaking_of(root))
    assert not root.exists()


def speaking_of(path: Path) -> list[str]:
    """Return the command lines that name it."""
    found = subprocess.run(["pgrep", "--list-full", "--full", str(path)], capture_output=True, text=True)
    return found.stdout.splitlines()
