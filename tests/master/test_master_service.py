"""A master's process on a real reactor and disk: how it starts, why it may not, how it ends."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted
from twisted.internet.task import deferLater

from chatnet.addresses import Address
from chatnet.auth import Token, make_token
from chatnet.entries import Draft
from chatnet.errors import CannotStart
from chatnet.kinds import own_level
from chatnet.master.port import Links
from chatnet.master.service import MasterService, build
from chatnet.master.tap import Options
from chatnet.net.first_byte import AMP
from chatnet.net.gate import Gate, prove
from chatnet.net.outbox import Outboxes
from chatnet.net.security import Security
from chatnet.operator.__main__ import run
from chatnet.operator.options import Options as OperatorOptions
from chatnet.operator.options import StatusOptions
from chatnet.operator.primary_link import connect
from chatnet.store.lease import FlockLease, Holder
from chatnet.store.sqlite import moved
from chatnet.wire.cluster import Register, WorkerIdentity
from chatnet.wire.log import Append
from chatnet.world.real import RealFiles, RealProcesses, real_world


class Stdio:
    """What the person at the terminal sees. ``up`` fires with the first line."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.errors: list[str] = []
        self.up: Deferred[None] = Deferred()

    def say(self, line: str) -> None:
        self.said.append(line)
        if len(self.said) == 1:
            self.up.callback(None)

    def error(self, line: str) -> None:
        self.errors.append(line)


class Processes:
    """This process, which does not really exit. ``exited`` fires with the status."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.exited: Deferred[int] = Deferred()
        self.frozen = 0

    def own_pid(self) -> int:
        return os.getpid()

    def parent_pid(self) -> int:
        return os.getppid()

    def started(self, pid: int) -> int | None:
        return RealProcesses().started(pid)

    def exit(self, status: int) -> None:
        self._reactor.callLater(0, self.exited.callback, status)

    def keep_private(self) -> None:
        """Do nothing: the tests' own process must not change."""

    def end_with_terminal(self, reactor: Any) -> None:
        """Do nothing: so does its terminal."""

    def raise_file_limit(self) -> int:
        return 1024

    def freeze_heap(self) -> None:
        self.frozen += 1


class Reactor:
    """The real reactor, which does not really stop. ``asked_to_stop`` fires instead."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.asked_to_stop: Deferred[None] = Deferred()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def stop(self) -> None:
        self.asked_to_stop.callback(None)


class Masters:
    """Masters on one disk, one after the other, without workers."""

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        real = real_world()
        self.stdio: Any = Stdio()
        self.processes: Any = Processes(real.reactor)
        self.reactor = Reactor(real.reactor)
        stand_ins: dict[str, Any] = {
            "reactor": self.reactor,
            "stdio": self.stdio,
            "processes": self.processes,
            "directory": root,
            "environ": {"CHATNET_WEB": "none", "CHATNET_IRC": "none"},
        }
        self.world = replace(real, **stand_ins)
        self.started: list[MasterService] = []

    def make(self, *arguments: str) -> MasterService:
        options = Options()
        options.parseOptions(
            [
                "--data",
                str(self.data),
                "--listen",
                "127.0.0.1:0",
                "--workers",
                "0",
                "--replicas",
                "0",
                *arguments,
            ]
        )
        return build(options, self.world)

    def start(self, *arguments: str) -> MasterService:
        service = self.make(*arguments)
        service.startService()
        self.started.append(service)
        return service

    async def stop(self) -> None:
        for service in self.started:
            await service.stopService()
        self.started.clear()

    @property
    def address(self) -> str:
        """Return where the master listens; known once it is up."""
        holder = FlockLease(RealFiles(), self.data).holder()
        assert holder is not None
        return holder.address

    async def ask(self, command: str, *arguments: str) -> list[str]:
        """Run an operator's command; return what it says."""
        options = StatusOptions()
        options.parseOptions(["--master", self.address, "--data", str(self.data), *arguments])
        told: Any = Stdio()
        await run(command, options, replace(self.world, stdio=told))
        return list(told.said)


@pytest.fixture
def masters(tmp_path: Path) -> Iterator[Masters]:
    masters = Masters(tmp_path)
    yield masters
    pytest_twisted.blockon(Deferred.fromCoroutine(masters.stop()))


@pytest_twisted.ensureDeferred
async def test_a_master_comes_up_and_says_how_to_chat(masters: Masters) -> None:
    """It holds the lease, publishes who it is, has made a token, and prints one line."""
    masters.start()
    await masters.stdio.up
    assert masters.stdio.said == [
        f"chatnet is up: 0 workers, data in {masters.data}. "
        f"Look after it with: chatnet status --data {masters.data}. "
        f"Chat with: twistd -n chat-client --master {masters.address} NAME"
    ]
    holder = msgspec.json.decode((masters.data / "lease").read_bytes(), type=Holder)
    assert (holder.pid, holder.epoch) == (os.getpid(), 1)
    assert (masters.data / "cluster.token").stat().st_mode & 0o777 == 0o600
    assert masters.data.stat().st_mode & 0o777 == 0o700
    assert masters.processes.frozen == 1


@pytest_twisted.ensureDeferred
async def test_each_start_is_a_new_epoch_of_the_same_log(masters: Masters) -> None:
    """The token stays the first one."""
    masters.start()
    await masters.stdio.up
    token = (masters.data / "cluster.token").read_bytes()
    await masters.stop()
    masters.stdio.__init__()
    masters.start()
    await masters.stdio.up
    assert json.loads((await masters.ask("status", "--json"))[0])["epoch"] == 2
    assert (masters.data / "cluster.token").read_bytes() == token


@pytest_twisted.ensureDeferred
async def test_a_second_master_is_a_replica(masters: Masters) -> None:
    """It says so, with the first one's pid and address; when that stops, it takes over with the address."""
    first = masters.start()
    await masters.stdio.up
    address = masters.address
    masters.start()
    assert masters.stdio.said[1:] == [
        f"Another master (pid {os.getpid()}, {address}) already runs on {masters.data}: "
        "standing by as a replica."
    ]
    while len(shown := json.loads((await masters.ask("status", "--json"))[0])["masters"]) < 2:
        pass
    me = {"host": shown[0]["host"], "pid": os.getpid()}
    assert shown[1] == {"role": "replica", **me, "address": "", "key": shown[0]["key"], "level": own_level()}
    await first.stopService()
    masters.started.remove(first)
    while len(masters.stdio.said) < 3:
        await deferLater(masters.reactor, 0.01)  # type: ignore[arg-type]
    assert masters.address == address
    status = json.loads((await masters.ask("status", "--json"))[0])
    assert status["epoch"] == 2
    assert "took over" in status["events"][-1]["what"]


def test_a_directory_that_another_machine_uses_is_refused(
    masters: Masters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a shared disk the lock is held but no process here holds it: one sentence says so."""
    masters.data.mkdir()
    elsewhere = FlockLease(RealFiles(), masters.data)
    assert elsewhere.take()
    elsewhere.publish(Holder(123, "10.0.0.1:64480", 5, 1, "alpha"))
    monkeypatch.setattr(RealFiles, "lock_holder", lambda *_: None)
    with pytest.raises(CannotStart, match=r"in use by a master on alpha.*--store postgresql"):
        masters.start()
    elsewhere.release()


def test_a_directory_whose_log_was_moved_is_refused(masters: Masters) -> None:
    """The sentence says what to do, and the lease is released."""
    masters.data.mkdir()
    moved.mark(RealFiles(), masters.data)
    for _ in range(2):
        with pytest.raises(CannotStart, match="start the masters with CHATNET_STORE"):
            masters.start()
    (masters.data / moved.NAME).unlink()
    assert FlockLease(RealFiles(), masters.data).take()


@pytest_twisted.ensureDeferred
async def test_a_master_that_waited_for_the_lease_finds_the_log_moved(masters: Masters) -> None:
    """It stood by while the log was copied."""
    masters.data.mkdir()
    copying = FlockLease(RealFiles(), masters.data)
    assert copying.take()
    masters.start()
    moved.mark(RealFiles(), masters.data)
    copying.release()
    assert await masters.processes.exited == 1
    assert "was moved into a database" in masters.stdio.errors[-1]


@pytest_twisted.ensureDeferred
async def test_without_a_replica_nobody_steps_down(masters: Masters) -> None:
    """One sentence says so; the primary goes on."""
    masters.start()
    await masters.stdio.up
    with pytest.raises(CannotStart, match="and none is kept"):
        await masters.ask("stepdown")
    assert await masters.ask("status")


@pytest_twisted.ensureDeferred
async def test_a_master_says_that_it_has_the_lease_before_it_opens_the_store(masters: Masters) -> None:
    """It says who it is, so that it can be killed if it hangs; and where, once it listens. The last epoch
    stays known."""
    lease = FlockLease(RealFiles(), masters.data)
    for epoch in (0, 1):
        masters.start()
        before = lease.holder()
        assert before is not None
        assert (before.pid, before.address, before.epoch) == (os.getpid(), "", epoch)
        assert before.started == RealProcesses().started(os.getpid())
        await masters.stdio.up
        after = lease.holder()
        assert after is not None
        assert after.is_same(before)
        assert (after.address, after.epoch) == (masters.address, epoch + 1)
        await masters.stop()
        masters.stdio.said, masters.stdio.up = [], Deferred()


def test_a_port_in_use_is_said_and_the_lease_let_go(masters: Masters) -> None:
    """The same directory can be used at once with another port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            CannotStart, match=rf"Cannot listen on {address} \(Address already in use\): stop"
        ):
            masters.make("--listen", address).startService()
    masters.start()


@pytest.mark.parametrize("address", ["nohost.invalid:7100", "203.0.113.1:7100"])
def test_an_address_that_is_not_ours_is_no_other_program_s(masters: Masters, address: str) -> None:
    """The sentence does not tell the user to stop another program."""
    with pytest.raises(CannotStart, match=rf"Cannot listen on {address} \(.*\): choose an address of this"):
        masters.make("--listen", address).startService()


def test_a_directory_that_cannot_be_made_is_said(masters: Masters) -> None:
    """The sentence has the path and the system's reason."""
    masters.data.write_text("not a directory")
    with pytest.raises(CannotStart, match=rf"Cannot use {masters.data}.* \(.*\): mend it, or choose another"):
        masters.make().startService()


def test_a_token_file_without_a_token_is_said(masters: Masters, tmp_path: Path) -> None:
    """It is not overwritten, and the lease is released."""
    token = tmp_path / "token"
    token.write_text("no token\n")
    with pytest.raises(CannotStart, match="does not hold a cluster token"):
        masters.make("--token-file", str(token)).startService()
    assert token.read_text() == "no token\n"
    token.write_text("ab" * 32)
    masters.start("--token-file", str(token))


def test_a_token_that_cannot_be_read_is_said(masters: Masters, tmp_path: Path) -> None:
    """The sentence has its path."""
    (tmp_path / "token").mkdir()
    with pytest.raises(CannotStart, match=rf"Cannot use {tmp_path / 'token'} \(Is a directory\)"):
        masters.make("--token-file", str(tmp_path / "token")).startService()


@pytest_twisted.ensureDeferred
async def test_a_store_that_is_none_ends_the_process(masters: Masters) -> None:
    """One sentence is said, and the exit status is 1."""
    masters.data.mkdir()
    (masters.data / "log.sqlite").write_text("this was never a database\n" * 100)
    masters.start()
    assert await masters.processes.exited == 1
    (sentence,) = masters.stdio.errors
    assert sentence.startswith(f"The store {masters.data / 'log.sqlite'} cannot be opened")


@pytest_twisted.ensureDeferred
async def test_stopped_before_it_is_up_it_waits_until_all_is_closed(masters: Masters) -> None:
    """The log that is being opened is closed again, so the next start finds nothing in its way."""
    masters.start()
    await masters.stop()
    masters.start()
    await masters.stdio.up


@pytest_twisted.ensureDeferred
async def test_the_operators_status_and_stop(masters: Masters) -> None:
    """Status answers; stop stops the process, and waits until it is gone."""
    service = masters.start()
    await masters.stdio.up
    assert (await masters.ask("status"))[0].startswith("Epoch 1; the log's head is 0.")
    stopped = Deferred.fromCoroutine(masters.ask("stop"))
    await masters.reactor.asked_to_stop
    assert not stopped.called
    await service.stopService()
    masters.started.clear()
    assert await stopped == ["The cluster has stopped."]


class SlowFiles(RealFiles):
    """A disk that lists no directory, once it is ``slow``, before it is ``let_go``. ``asked`` has the names
    of the methods that were called."""

    def __init__(self) -> None:
        self.slow = False
        self.let_go = threading.Event()
        self.asked: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if hasattr(RealFiles, name) and not name.startswith("_"):
            self.asked.append(name)
        return super().__getattribute__(name)

    def children(self, directory: Path) -> list[Path]:
        if self.slow:
            assert self.let_go.wait(30)
        return super().children(directory)


@pytest_twisted.ensureDeferred
async def test_no_disk_holds_up_what_status_shows(masters: Masters) -> None:
    """It reads nothing: what takes long is looked for by a thread, now and then. Nor does the end of the
    primary wait for that."""
    files: Any = SlowFiles()
    masters.world = replace(masters.world, files=files)
    service = masters.start()
    files.slow = True
    await masters.stdio.up
    assert (await masters.ask("status"))[0].startswith("Epoch 1; the log's head is 0.")
    primary = service._primary
    assert primary is not None
    files.asked.clear()
    assert primary.status("localhost").warnings == []
    assert not files.asked
    await masters.stop()
    files.let_go.set()


@pytest_twisted.ensureDeferred
async def test_operators_list_the_users(masters: Masters) -> None:
    """By a command, and page by page."""
    service = masters.start()
    await masters.stdio.up
    assert service._primary is not None
    names = [f"u{number:03}" for number in range(250)]
    drafts = [Draft("register", name, name, "sha256:1", b"r" * 16) for name in names]
    await service._primary.leadership.log.append(drafts)

    async def listed(*arguments: str) -> list[str]:
        options: Any = OperatorOptions()
        options.parseOptions(["user", "list", "--master", masters.address, *arguments])
        options.subOptions["data"] = str(masters.data)
        told: Any = Stdio()
        await run("user", options.subOptions, replace(masters.world, stdio=told))
        return "\n".join(told.said).splitlines()

    heading, *rows, empty, counted = await listed()
    assert (heading[-4:], empty, counted) == ("NAME", "", "250 users.")
    assert [row.split()[-1] for row in rows] == names
    assert [json.loads(line)["name"] for line in await listed("--json", "--matching", "U24")] == names[240:]


@pytest_twisted.ensureDeferred
async def test_a_log_ahead_of_the_clock_is_said(masters: Masters) -> None:
    """Somebody's clock was wrong, and what is posted from now on has a wrong time."""
    masters.start()
    await masters.stdio.up
    assert "ahead of this machine's clock" not in "\n".join(await masters.ask("status"))
    await masters.stop()
    store = apsw.Connection(str(masters.data / "log.sqlite"))
    later = int(masters.world.wall() + 365 * 86_400) * 1000
    store.execute(
        "INSERT INTO entry VALUES (1, ?, 'post', 'alice', 'alice', 'hi', zeroblob(16), NULL, NULL)", (later,)
    )
    store.execute("UPDATE log SET head = 1")
    store.close()
    masters.stdio.said, masters.stdio.up = [], Deferred()
    masters.start()
    await masters.stdio.up
    assert "The log's newest entry is 36" in (await masters.ask("status"))[0].splitlines()[1]


@pytest_twisted.ensureDeferred
async def test_operators_are_told_what_is_wrong(masters: Masters) -> None:
    """A missing token, a wrong token and a missing master each give one sentence."""
    masters.start()
    await masters.stdio.up
    with pytest.raises(CannotStart, match=r"There is no cluster token at .*: name .* by --data; or, on"):
        await masters.ask("status", "--token-file", str(masters.data / "none"))
    wrong = masters.data / "wrong"
    wrong.write_text("ab" * 32)
    with pytest.raises(
        CannotStart, match=f"The master at {masters.address} refuses: The cluster's token is not"
    ):
        await masters.ask("status", "--token-file", str(wrong))
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(CannotStart, match=f"No chatnet master answers at {address}"):
        await masters.ask("status", "--master", address)
    with pytest.raises(CannotStart, match=r"--master: .* is not an address"):
        await masters.ask("status", "--master", "not an address")


@pytest_twisted.ensureDeferred
async def test_of_several_masters_the_first_that_answers_is_asked(masters: Masters) -> None:
    """A master that is gone is skipped."""
    masters.start()
    await masters.stdio.up
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    assert await masters.ask("status", "--master", f"{address},{masters.address}")


@pytest_twisted.ensureDeferred
async def test_of_several_masters_one_that_refuses_is_passed_over(masters: Masters, tmp_path: Path) -> None:
    """A stranger may have its port; if no other master is there, the refusal is said."""
    masters.start()
    await masters.stdio.up
    stranger = Links(Outboxes(masters.world.reactor), masters.world.reactor)
    token = Token(b"x" * 32)
    stranger.open(partial(Gate, token, lambda role: "", os.urandom, masters.world.reactor))
    security = Security(None, token, False, masters.world)
    answering = security.port({AMP: stranger}, stranger.outboxes, stranger.visitors, lambda: True)
    port = masters.world.reactor.listenTCP(0, answering, interface="127.0.0.1")
    address = f"127.0.0.1:{port.getHost().port}"
    try:
        assert await masters.ask("status", "--master", f"{address},{masters.address}")
        with pytest.raises(CannotStart, match=f"The master at {address} refuses: The cluster's token is not"):
            await masters.ask("status", "--master", address)
    finally:
        await port.stopListening()
        await stranger.close()


@pytest.mark.parametrize(
    ("meddling", "logged"), [("UPDATE log SET epoch = 99", None), ("DROP TABLE account", apsw.SQLError)]
)
@pytest_twisted.ensureDeferred
async def test_a_log_that_fails_ends_the_process_at_once(
    meddling: str, logged: type[Exception] | None, masters: Masters, logged_failures: Any
) -> None:
    """A commit error that is neither a draft's nor a full disk ends it with exit status 1.

    It is logged with its traceback, except for an epoch that has ended, which is no bug.
    """
    masters.start()
    await masters.stdio.up
    with apsw.Connection(str(masters.data / "log.sqlite")) as other:
        other.execute(meddling)
    token = make_token(RealFiles(), masters.data / "cluster.token", b"")
    worker = await connect(Address.parse(masters.address), masters.world)
    await prove(worker, token, "worker", masters.world.entropy)
    identity = WorkerIdentity("w", "here", 1, "0.0.0.0:5", False, 0, level=own_level())
    await worker.callRemote(Register, worker=identity, seen=0)
    appended = worker.callRemote(Append, drafts=[Draft("register", "alice", "alice", "x", b"k" * 16)])
    assert await masters.processes.exited == 1
    assert logged is None or logged_failures.flush(logged)
    worker.abort()
    with pytest.raises(ConnectionAborted):
        await appended


class FreeStore:
    """A shared store that holds no log yet, and whose lease is free. ``asked`` fires when that is to be
    taken, and it is when ``taken`` fires."""

    is_shared, seen_as, epoch = True, "", 0

    def __init__(self) -> None:
        self.asked: Deferred[None] = Deferred()
        self.taken: Deferred[bool] = Deferred()
        self.released = 0

    async def take(self, me: Holder) -> bool:
        if not self.asked.called:
            self.asked.callback(None)
        return await self.taken

    async def release(self) -> None:
        self.released += 1

    async def is_of(self, token: Token) -> bool:
        return True

    async def holder(self) -> Holder | None:
        return None

    async def open(self) -> None:
        """Do nothing: it is open."""

    async def close(self) -> None:
        """Do nothing."""

    def watch(self, free: Callable[[], None]) -> None:
        """Do nothing: nobody else has the lease."""


@pytest_twisted.ensureDeferred
async def test_one_that_stops_while_it_takes_the_lease_gives_that_back(masters: Masters) -> None:
    """It has no port any more at which it could lead, and the next one shall not wait for the lease's end."""
    service = masters.make("--store", "postgresql://nobody@127.0.0.1:1/nowhere")
    store: Any = FreeStore()
    service.store = store
    service.startService()
    await store.asked
    stopped = service.stopService()
    store.taken.callback(True)
    await stopped
    assert store.released == 1
