"""What the simulated disk keeps after a death or a loss of power, its locks, and a full disk."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from twisted.internet.threads import deferToThreadPool

from chatnet.world import World
from simulator.toys import Toys

STORE = Path("/data/store")


class Committer:
    """A process that commits 1, 2, 3…, each in a thread; ``acknowledged`` are those it was told of."""

    def __init__(self, simulation: Toys, synchronous: str) -> None:
        self.acknowledged: list[int] = []
        self._synchronous = synchronous
        self.process = simulation.start(self._run, name="committer")

    def _run(self, world: World) -> None:
        world.files.make_directory(STORE.parent)
        self._connection = _open(world, self._synchronous)
        self._connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, fill BLOB)")
        self._pool = world.threads(1, "writer")
        self._pool.start()
        self._next(world, 1)

    def _next(self, world: World, number: int) -> None:
        def acknowledge(_: object) -> None:
            self.acknowledged.append(number)
            self._next(world, number + 1)

        deferToThreadPool(world.reactor, self._pool, self._commit, number).addCallback(acknowledge)

    def _commit(self, number: int) -> None:
        with self._connection as connection:
            connection.execute("INSERT INTO t VALUES (?, zeroblob(?))", (number, number * 977 % 6000))


def _open(world: World, synchronous: str = "FULL") -> apsw.Connection:
    connection = world.files.database(STORE)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.wal_autocheckpoint(20)
    return connection


def _stored(simulation: Toys) -> list[int]:
    """Return what another process finds; SQLite itself says that the file is whole."""
    found: list[Any] = []

    def look(world: World) -> None:
        connection = _open(world)
        connection.execute("CREATE TABLE IF NOT EXISTS t (n)")
        found.append([row[0] for row in connection.execute("SELECT n FROM t ORDER BY n")])
        found.append(connection.execute("PRAGMA integrity_check").get)

    simulation.start(look, name=f"look{simulation.steps}")
    assert not simulation.failures, simulation.failures[0]
    assert found[1] == "ok"
    return found[0]


def _run_and(
    end: Callable[[Toys, Committer], None], seed: int, synchronous: str
) -> tuple[list[int], list[int]]:
    """Commit for a while, then call ``end``; return what was acknowledged, and what is stored."""
    with Toys(seed) as simulation:
        committer = Committer(simulation, synchronous)
        simulation.run(0.005 + simulation.chance("test").random() * 0.03)
        end(simulation, committer)
        return committer.acknowledged, _stored(simulation)


def _lose_power(simulation: Toys, committer: Committer) -> None:
    simulation.host("alpha").power_off()
    simulation.run(1)
    simulation.host("alpha").power_on()


def _kill(simulation: Toys, committer: Committer) -> None:
    committer.process.kill()


def test_power_loss_takes_nothing_that_was_synced() -> None:
    """synchronous=FULL: everything acknowledged is there, and at most what was under way as well."""
    for seed in range(30):
        acknowledged, stored = _run_and(_lose_power, seed, "FULL")
        assert len(acknowledged) > 2
        assert stored[: len(acknowledged)] == acknowledged
        assert len(stored) <= len(acknowledged) + 1


def test_power_loss_takes_what_was_not_synced() -> None:
    """synchronous=NORMAL loses acknowledged commits, but its file stays whole."""
    lost = 0
    for seed in range(10):
        acknowledged, stored = _run_and(_lose_power, seed, "NORMAL")
        assert stored == list(range(1, len(stored) + 1))
        lost += len(stored) < len(acknowledged)
    assert lost > 3


def test_a_store_without_sync_is_caught_losing_acknowledged_commits() -> None:
    """synchronous=OFF: acknowledged commits are lost, or the file is torn."""
    caught = 0
    for seed in range(10):
        try:
            acknowledged, stored = _run_and(_lose_power, seed, "OFF")
        except (AssertionError, apsw.Error):
            caught += 1
        else:
            caught += len(stored) < len(acknowledged)
    assert caught > 3


@pytest.mark.parametrize("synchronous", ["OFF", "FULL"])
def test_a_killed_process_loses_nothing_that_it_wrote(synchronous: str) -> None:
    """The kernel has it, synced or not; an interrupted commit is stored whole or not at all."""
    besides = set()
    for seed in range(30):
        acknowledged, stored = _run_and(_kill, seed, synchronous)
        assert stored[: len(acknowledged)] == acknowledged
        besides.add(len(stored) - len(acknowledged))
    assert besides == {0, 1}


def test_a_kill_may_fall_in_the_middle_of_a_commit() -> None:
    """Over some seeds a kill falls before, within and after the writes of a commit."""
    written = set()
    for seed in range(40):
        with Toys(seed) as simulation:
            committer = Committer(simulation, "FULL")
            disk = simulation.host("alpha").disk
            simulation.run(0.01)
            before = disk.writes
            committer.process.kill()
            written.add(disk.writes - before)
    assert len(written) > 5


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_killed_process_neither_commits_nor_rolls_back_nor_checkpoints(
    simulation: Toys, journal: str
) -> None:
    """The next process undoes its open transaction; its lock on the store is free."""
    connections: list[apsw.Connection] = []

    def writer(world: World) -> None:
        world.files.make_directory(STORE.parent)
        connection = _open(world)
        connection.execute(f"PRAGMA journal_mode={journal}; PRAGMA cache_size=5")
        connection.execute("CREATE TABLE t (n, fill)")
        connection.execute("INSERT INTO t VALUES (1, '')")
        connection.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (2, zeroblob(200000))")
        connections.append(connection)

    process = simulation.start(writer)
    writes = simulation.host("alpha").disk.writes
    process.kill()
    assert simulation.host("alpha").disk.writes == writes
    with pytest.raises(apsw.ConnectionClosedError):
        connections[0].execute("COMMIT")
    assert _stored(simulation) == [1]


def test_a_full_disk_refuses_and_heals(simulation: Toys) -> None:
    """A commit that does not fit fails and harms nothing; with room again, the same commit passes."""
    disk = simulation.host("alpha").disk

    def writer(world: World) -> None:
        world.files.make_directory(STORE.parent)
        connection = _open(world)
        connection.execute("CREATE TABLE t (n, fill)")
        disk.room = 10_000
        with pytest.raises(apsw.FullError), connection:
            connection.execute("INSERT INTO t VALUES (1, randomblob(100000))")
        with pytest.raises(OSError, match="No space") as raised:
            world.files.write(Path("/data/file"), b"x" * 20_000)
        assert raised.value.errno == errno.ENOSPC
        disk.room = None
        with connection:
            connection.execute("INSERT INTO t VALUES (1, randomblob(100000))")

    simulation.start(writer)
    assert _stored(simulation) == [1]


def test_a_slow_sync_makes_threads_wait(simulation: Toys) -> None:
    """A commit takes as long as the disk does."""
    committer = Committer(simulation, "FULL")
    simulation.run(1)
    fast = len(committer.acknowledged)
    simulation.host("alpha").disk.sync_seconds = 0.1
    simulation.run(1)
    assert 5 < len(committer.acknowledged) - fast <= 11 < fast


def test_two_connections_see_one_store(simulation: Toys) -> None:
    """A reader continues while a writer writes, and a second writer is told to wait."""

    def both(world: World) -> None:
        world.files.make_directory(STORE.parent)
        writer, reader = _open(world), _open(world)
        writer.execute("CREATE TABLE t (n); INSERT INTO t VALUES (1)")
        writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (2)")
        assert reader.execute("SELECT max(n) FROM t").get == 1
        reader.set_busy_timeout(5000)
        with pytest.raises(apsw.BusyError):
            reader.execute("BEGIN IMMEDIATE")
        writer.execute("COMMIT")
        assert reader.execute("SELECT max(n) FROM t").get == 2

    simulation.start(both)


def test_a_lock_is_held_until_release_or_death_and_not_inherited(simulation: Toys) -> None:
    """As with flock on a directory, a lock has one holder, whose pid is known."""
    held: list[Any] = []

    def locks(world: World) -> None:
        world.files.make_directory(Path("/data"))
        held.append(world.files.lock(Path("/data")))

    processes = [simulation.start(locks) for _ in range(2)]
    assert [lock is not None for lock in held] == [True, False]
    assert processes[1].files.lock_holder(Path("/data")) == processes[0].pid
    held[0].release()
    processes.append(simulation.start(locks))
    held[0].release()  # does no harm: it does not release the other's lock
    processes.append(simulation.start(locks))
    processes[2].kill()
    processes.append(simulation.start(locks))
    assert [lock is not None for lock in held] == [True, False, True, False, True]
    with pytest.raises(FileNotFoundError):
        processes[4].files.lock(Path("/nowhere"))


def test_small_files_are_as_on_any_disk(simulation: Toys) -> None:
    """Files outlive processes and loss of power; missing or forbidden files raise the usual errors."""

    def writer(world: World) -> None:
        files = world.files
        with pytest.raises(FileNotFoundError):
            files.write(Path("/data/x"), b"")
        files.make_directory(Path("/data/deep"))
        assert files.create(Path("/data/x"), b"one")
        assert not files.create(Path("/data/x"), b"two")
        files.write(Path("near"), b"here")
        with pytest.raises(FileNotFoundError):
            files.read(Path("/data/y"))
        with pytest.raises(IsADirectoryError):
            files.read(Path("/data/deep"))
        with pytest.raises(FileExistsError):
            files.make_directory(Path("/data/x"))
        with pytest.raises(apsw.CantOpenError):
            files.database(Path("/nowhere/store"))

    simulation.start(writer)
    simulation.host("alpha").power_off()
    simulation.host("alpha").power_on()

    def reader(world: World) -> None:
        assert world.files.read(Path("/data/x")) == b"one"
        assert world.files.read(world.directory / "near") == b"here"
        assert world.files.tail(Path("/data/none"), 3) == []

    simulation.start(reader)
    simulation.host("alpha").disk.is_read_only = True

    def refused(world: World) -> None:
        with pytest.raises(OSError, match="Read-only"):
            world.files.make_directory(Path("/data/more"))

    simulation.start(refused)


def test_nothing_is_left_of_a_simulation_s_disks() -> None:
    """The private directory is removed with the simulation."""
    with Toys(1) as simulation:
        Committer(simulation, "FULL")
        directory = simulation.directory
        assert list(directory.iterdir())
    assert not directory.exists()
