"""A worker's process: its options, its port, its start and its end."""

from __future__ import annotations

import os
import random
import signal
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.usage import UsageError

from chatnet import presence as presences
from chatnet.addresses import Address
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import CannotStart
from chatnet.imprints import GATHER_SECONDS, IMPRINT_BYTES, Imprint
from chatnet.limits import LIMITS
from chatnet.marks import UserMark
from chatnet.net.link import Link
from chatnet.net.listen import BACKLOG
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.visitors import Room
from chatnet.start import TERMINAL
from chatnet.telemetry import Event, LogRewound, unheard
from chatnet.testing.children import SpawningClock
from chatnet.testing.loopback import Loopback
from chatnet.wire.cluster import CHAT, IRC, Load, OtherWorker, Report
from chatnet.wire.encode import PING
from chatnet.wire.imprints import TellImprints
from chatnet.wire.log import Follow, Read
from chatnet.wire.marks import TellMarks
from chatnet.wire.presence import TellPresence
from chatnet.wire.session import Elsewhere
from chatnet.worker.service import FLUSH_SECONDS, build
from chatnet.worker.session_lines import SessionLines
from chatnet.worker.stores import DatabaseStore
from chatnet.worker.tap import Options
from chatnet.world import Clocks, FileStatus, ProcessId
from chatnet.world.real import RealTls, real_world


class Pool:
    """Threads that are not needed here."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")


class Reactor(MemoryReactorClock):
    """A reactor on which some ports are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[int] = []
        self.why = OSError(98, "Address already in use")
        self.stopped = False
        self.spawned = SpawningClock()

    def spawnProcess(self, *arguments: Any, **more: Any) -> Any:
        return self.spawned.spawnProcess(*arguments, **more)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if port in self.taken:
            raise CannotListenError(interface, port, self.why)
        return super().listenTCP(port, factory, backlog, interface)

    def stop(self) -> None:
        self.stopped = True


class Files:
    """A disk that holds only the token."""

    def __init__(self, path: str = "/here/chatnet-data/cluster.token") -> None:
        self.path = Path(path)
        self.made: list[Path] = []
        self.refusal: OSError | None = None

    def make_directory(self, path: Path) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.made.append(path)

    def user(self) -> int:
        return 1000

    def status(self, path: Path, follow: bool = True) -> FileStatus | None:
        return FileStatus(0, 1, 65, 0, 1000, 0o100600) if path == self.path else None

    def append_to(self, path: Path) -> int:
        return 9

    def close(self, descriptor: int) -> None:
        assert descriptor == 9

    def tail(self, path: Path, lines: int) -> list[str]:
        return []

    def read(self, path: Path) -> bytes:
        if path != self.path:
            raise FileNotFoundError(2, "No such file or directory")
        return b"ab" * 32 + b"\n"


class Processes:
    """This process, and its parent."""

    def __init__(self) -> None:
        self.parent = 7
        self.calls: list[str] = []
        self.sent: list[tuple[int, int]] = []

    def signal(self, process: ProcessId, number: int) -> bool:
        is_it = bool(process.started) and self.started(process.pid) == process.started
        if is_it:
            self.sent.append((process.pid, number))
        return is_it

    def own_pid(self) -> int:
        return 42

    def parent_pid(self) -> int:
        return self.parent

    def started(self, pid: int) -> int:
        return 4242

    def keep_private(self) -> None:
        """Do nothing: the tests' own process must not change."""

    def end_with_terminal(self, reactor: Any) -> None:
        """Do nothing: so does its terminal."""

    def raise_file_limit(self) -> int:
        self.calls.append("raise")
        return 1024

    def outlive_terminal(self) -> None:
        self.calls.append("outlive")

    def give_way(self) -> None:
        """Do nothing: the tests' own thread must not change."""

    def freeze_heap(self) -> None:
        self.calls.append("freeze_heap")

    def exit(self, status: int) -> None:
        self.calls.append(f"exit {status}")


class FarLink:
    """A link to a primary that answers when the test says so; ``loads`` are what was reported."""

    def __init__(self) -> None:
        self.aborted = False
        self.asked: list[tuple[Any, Deferred[Any]]] = []
        self.loads: list[Load] = []

    def callRemote(self, *command: Any, **arguments: Any) -> Any:
        if command == (Report,):
            self.loads.append(arguments["load"])
            return None
        self.asked.append((command, Deferred()))
        return self.asked[-1][1]

    def answer(self, command: Any, **answer: Any) -> None:
        """Answer the newest command, which is this one."""
        asked, deferred = self.asked.pop()
        assert asked == (command,)
        deferred.callback(answer)

    def abort(self) -> None:
        self.aborted = True


class ToldLink(FarLink):
    """A link to a primary that is told something beside the log; ``told`` is what."""

    full = False

    def __init__(self, command: Any) -> None:
        super().__init__()
        self._command = command
        self.told: list[dict[str, Any]] = []

    def callRemote(self, *command: Any, **arguments: Any) -> Any:
        if command != (self._command,):
            return super().callRemote(*command, **arguments)
        self.told.append(arguments)
        return None


class OpenSession:
    """A session whose client may be told to go elsewhere: then its name is in ``moved``."""

    def __init__(self, name: str, moved: list[str]) -> None:
        self.peer = SimpleNamespace(moved=lambda: moved.append(name))


class Started:
    """A worker that is built, and its world."""

    def __init__(self, *arguments: str, files: Files | None = None) -> None:
        options = Options()
        options.parseOptions(arguments)
        self.reactor, self.processes, self.pool = Reactor(), Processes(), Pool()
        self.files = files or Files()
        self.said: list[str] = []
        world: Any = SimpleNamespace(
            reactor=self.reactor,
            entropy=lambda size: b"\x01" * size,
            chance=random.Random(1),
            monotonic=self.reactor.seconds,
            clocks=Clocks(self.reactor, self.reactor.seconds, self.reactor.seconds),
            environ={"CHATNET_WEB": "none", "CHATNET_IRC": "none"},
            hostname="here",
            directory=Path("/here"),
            files=self.files,
            executable="python",
            processes=self.processes,
            threads=lambda size, name: self.pool,
            tell=unheard,
            tls=RealTls(),
            limits=LIMITS,
            stdio=SimpleNamespace(error=self.said.append),
            level=1,
        )
        self.worker: Any = build(options, world)

    def start(self) -> Started:
        self.worker.startService()
        return self

    def client(self) -> tuple[Any, Loopback]:
        """Connect a client and let it say what it speaks; return the worker's end of the link, and the
        wire."""
        arrival: Any = self.reactor.tcpServers[0][1].buildProtocol(cast(Any, None))
        wire = Loopback(Link(Locator(), Outboxes(self.reactor)), arrival)
        arrival.dataReceived(PING)
        self.reactor.advance(0)
        return arrival._speaks, wire


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--listen", "nowhere"), "has no port: write HOST:PORT"),
        (("--listen", "host:99999"), "is not a port"),
        (("--ports", "10"), "is not a range of ports: write A-B"),
        (("--ports", "20-10"), "is not a range of ports"),
        (("--post-rate", "-1"), "is not a whole number"),
        (("--post-rate", "many"), "is not a whole number"),
        (("--advertise", "host:80"), "has a port: write HOST alone"),
        (("--advertise", "two words"), "is not an address"),
        (("--nonsense",), "nonsense"),
    ],
)
def test_wrong_options_are_usage_errors(arguments: tuple[str, ...], sentence: str) -> None:
    """A wrong option is refused by one sentence that says what is wrong."""
    with pytest.raises(UsageError, match=sentence):
        Options().parseOptions(arguments)


def test_each_option_is_explained() -> None:
    """The help names every option of the design, with a text for each, and the defaults."""
    text = str(Options())
    for option in ("data", "listen", "master", "token-file", "advertise", "ports", "post-rate", "new-names"):
        assert f"--{option}=" in text
    assert "[default: chatnet-data]" in text
    assert "[default: 0.0.0.0:0]" in text
    assert "[default: 20]" in text


def test_two_services_in_one_directory_do_not_fight() -> None:
    """The pid and log files have the program's name, unless the user chose others."""
    options = Options()
    parent: dict[str, Any] = {"pidfile": "twistd.pid", "logfile": None, "nodaemon": 0}
    options.parent = cast(Any, parent)
    options.parseOptions([])
    os.close(parent.pop(TERMINAL))
    assert parent == {"pidfile": "chat-worker.pid", "logfile": "chat-worker.log", "nodaemon": 0}


def test_without_a_token_it_does_not_start() -> None:
    """One sentence says from where to copy it; nothing was opened."""
    with pytest.raises(CannotStart, match="There is no cluster token at /here/chatnet-data/cluster"):
        Started(files=Files("/elsewhere"))
    assert Started("--token-file", "/my/token", files=Files("/my/token"))
    assert Started("--data", "/other", files=Files("/other/cluster.token"))


def test_a_master_that_is_no_address_is_refused() -> None:
    """The sentence names the source of the wrong address."""
    with pytest.raises(CannotStart, match=r"--master: .* is not an address"):
        Started("--master", "two words")


def test_nothing_happens_before_the_start() -> None:
    """twistd forks between build and start, so a built worker has no port, thread, timer or connection."""
    one = Started()
    assert not one.reactor.tcpServers
    assert not one.reactor.tcpClients
    assert not one.reactor.getDelayedCalls()
    assert not one.pool.calls
    assert not one.processes.calls


def test_it_listens_and_looks_for_the_master() -> None:
    """It listens with a backlog for reconnect storms, and opens as many files as the system allows."""
    one = Started("--listen", "127.0.0.1:5000", "--master", "192.0.2.1:1234").start()
    port, _, backlog, interface = one.reactor.tcpServers[0]
    assert (port, backlog, interface) == (5000, BACKLOG, "127.0.0.1")
    assert one.reactor.tcpClients[0][:2] == ("192.0.2.1", 1234)
    assert one.processes.calls == ["raise", "freeze_heap"]
    assert one.pool.calls == ["start"]


def test_a_taken_port_is_one_sentence() -> None:
    """The sentence names the port, says why it failed and what to do."""
    one = Started("--listen", "127.0.0.1:5000")
    one.reactor.taken = [5000]
    with pytest.raises(
        CannotStart, match=r"on 127\.0\.0\.1:5000 \(Address already in use\): choose another port"
    ):
        one.start()
    one.reactor.why = socket.gaierror(-2, "Name or service not known")
    with pytest.raises(CannotStart, match=r"\(Name or service not known\): choose an address here"):
        one.start()


def test_the_first_free_port_of_a_range() -> None:
    """A-B includes both ends, for use behind a firewall; if none is free, one sentence says so."""
    one = Started("--ports", "5000-5002")
    one.reactor.taken = [5000, 5001]
    assert one.start().reactor.tcpServers[0][0] == 5002
    full = Started("--ports", "5000-5002")
    full.reactor.taken = [5000, 5001, 5002]
    with pytest.raises(CannotStart, match=r"cannot listen on 0\.0\.0\.0:5000 to 5002"):
        full.start()


def test_who_it_says_it_is() -> None:
    """It reports its own address, or the host that the operator chose for clients."""
    plain = Started().start().worker.identity()
    assert (plain.host, plain.pid, plain.advertise, plain.spawned) == ("here", 42, False, False)
    assert Address.parse(plain.address).host == "0.0.0.0"
    chosen = Started("--advertise", "chat.example", "--spawned", "7").start().worker.identity()
    assert Address.parse(chosen.address).host == "chat.example"
    assert chosen.advertise
    assert chosen.spawned


def test_it_knows_where_it_is_while_it_stops() -> None:
    """Its port is closed by then, and a closed port does not know its number."""
    one = Started().start()
    before = one.worker.identity()
    del one.worker._ports._port
    assert one.worker.identity() == before


def test_clients_are_turned_away_until_the_log_is_there() -> None:
    """A worker that has not read the log yet closes: the client asks the master for another worker."""
    one = Started().start()
    factory: Any = one.reactor.tcpServers[0][1]
    assert factory.buildProtocol(None) is None
    one.worker.registered(FarLink(), "the log", "")
    assert factory.buildProtocol(None) is None
    one.worker._state.store.log.is_ready = True
    link, _ = one.client()
    assert isinstance(link, Link)
    assert link.visitors is not None  # the worker does not read a stranger that reads nothing


def test_a_worker_has_as_many_sessions_as_files_leave_room_for() -> None:
    """Beyond that, clients are turned away, and the primary is told, so they go to other workers."""
    one = Started().start()
    one.worker.registered(FarLink(), "the log", "")
    one.worker._state.store.log.is_ready = True
    factory: Any = one.reactor.tcpServers[0][1]
    clients = one.worker._clients
    clients._visitors.room = Room(strangers=7, one_address=7, users=2)
    links: list[Any] = []
    Loopback(Link(Locator(), Outboxes(one.reactor)), factory.buildProtocol(None))  # says nothing
    web = one.worker._ports._web_port.factory
    for first, made in ((b"I", web), (b"I", web), (b"G", web.plain[ord("G")])):
        stranger = made.buildProtocol(None)
        Loopback(Link(Locator(), Outboxes(one.reactor)), stranger)
        stranger.dataReceived(first)  # and no more
    for number in range(3):
        assert (one.worker.load().full, clients.is_full) == (False, False)
        links.append(one.client()[0])
        if number:
            links[-1].become(Locator())  # as after a login
    assert one.worker.load().full
    assert factory.buildProtocol(None) is None
    assert clients.entrance() is not None  # a request by HTTP needs no room of its own
    links[-1].connectionLost()
    assert not one.worker.load().full
    assert factory.buildProtocol(None) is not None


def test_who_is_to_be_empty_takes_no_clients() -> None:
    """Clients may know such a worker from before. The next primary may want it to take clients again."""
    one = Started().start()
    one.worker.registered(FarLink(), "the log", "")
    one.worker._state.store.log.is_ready = True
    factory: Any = one.reactor.tcpServers[0][1]
    one.worker.other_workers([OtherWorker("there", 5)], True)
    assert factory.buildProtocol(None) is None
    assert one.worker._clients.entrance() is None
    one.worker.detached()
    assert factory.buildProtocol(None) is not None
    assert one.worker._clients.others.some("here") == [Elsewhere("there:5")], (
        "it is needed most without a primary"
    )


def test_who_cannot_reach_the_store_takes_no_clients() -> None:
    """It could not answer them, and another worker may reach the store."""
    one = Started().start()
    one.worker.registered(FarLink(), "the log", "")
    one.worker._state.store.log.is_ready = True
    one.worker._state.store.is_away = True
    assert one.reactor.tcpServers[0][1].buildProtocol(cast(Any, None)) is None


def test_what_a_primary_ordered_is_over_with_its_link() -> None:
    """Sessions that had to move may stay: the next primary decides anew."""
    one = Started().start()
    one.worker.registered(FarLink(), "the log", "")
    orders: list[tuple[int, bool]] = []
    one.worker._state._handoff.shed = lambda count, shared, soon=False: orders.append((count, shared))
    one.worker.shed(1000, shared=True, soon=True)
    one.worker.detached()
    assert orders == [(1000, True), (0, False), (0, True)]


def test_a_primary_with_another_store_or_log_is_the_end() -> None:
    """What the worker read and answered so far belongs to another log: the process ends, and its supervisor
    starts another."""
    for log_id, store in (("another log", ""), ("the log", "postgresql://there")):
        one = Started().start()
        one.worker.registered(FarLink(), "the log", "")
        one.worker.detached()
        one.worker.registered(FarLink(), "the log", "")
        assert "exit 1" not in one.processes.calls
        one.worker.detached()
        one.worker.registered(FarLink(), log_id, store)
        assert one.processes.calls[-1] == "exit 1"


def test_who_listens_in_the_worker_hears_of_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A metric could listen in the same way as the log lines about sessions."""
    heard: list[Event] = []
    monkeypatch.setattr(SessionLines, "told", lambda _, event: heard.append(event))
    one = Started().start()
    one.worker.registered(FarLink(), "the log", "")
    one.worker.detached()
    one.worker.registered(FarLink(), "another log", "")
    assert heard == [LogRewound(0, None)]


def test_it_says_while_it_cannot_take_clients() -> None:
    """Until it has followed the log to its head, and while its store is away, a worker turns clients away.
    Once it takes them, it says so at once: not a second later."""
    one, link = Started().start(), FarLink()
    one.worker.uplink._link = link
    assert one.worker.load().opening
    one.worker.registered(link, "the log", "")
    assert one.worker.load().opening
    link.answer(Follow, cursor=0, check=Cursor.beginning("the log").check, level=2)
    assert one.worker.load().opening
    assert all(load.opening for load in link.loads)
    link.answer(Read, answer=b"\0")
    assert [load.opening for load in link.loads[-1:]] == [False]
    one.client()
    one.worker.detached()
    one.worker.registered(FarLink(), "the log", "")
    assert not one.worker.load().opening, "its clients, and others, go on during a takeover"
    one.worker._state.store.is_away = True
    assert one.worker.load().opening, "nobody could log in while the database is away"


def test_a_log_that_was_put_back_is_opened_afresh() -> None:
    """Its clients are closed, and have a second to leave; then the worker follows the log afresh and takes
    clients again. The process goes on, since perhaps nobody would start another."""
    one = Started().start()
    one.worker.registered(FarLink(), "the log", "")
    before = one.worker._state
    before.store.log.is_ready = True
    factory: Any = one.reactor.tcpServers[0][1]
    _, wire = one.client()
    one.worker._rewound(Cursor(5, b"8 bytes."))
    one.worker._rewound(Cursor(4, b"8 bytes."))
    assert one.worker.load().opening
    assert factory.buildProtocol(None) is None
    wire.pump()
    assert wire.client_transport.lost
    one.reactor.advance(1.0)
    assert one.worker._state is not before
    assert one.worker._state.store.log.log_id == "the log"
    assert one.worker.load().opening
    one.worker._state.store.log.is_ready = True
    assert not one.worker.load().opening
    assert factory.buildProtocol(None) is not None
    assert not [call for call in one.processes.calls if call.startswith("exit")]


@pytest.mark.parametrize("kind", ["level", "unheard"])
def test_what_is_not_understood_is_the_end(kind: str) -> None:
    """After an unknown level or kind a worker serves nothing more. It takes no clients, sends its own clients
    elsewhere, and exits a second later with status 1 and one sentence."""
    one = Started().start()
    link = FarLink()
    one.worker.registered(link, "the log", "")
    frontend = one.worker._state
    frontend.store.log.is_ready = True
    frontend.store.log._link = link
    factory: Any = one.reactor.tcpServers[0][1]
    moved: list[str] = []
    for name in ("alice", "bob"):
        frontend._sessions.open[OpenSession(name, moved)] = None
    handed: list[object] = []
    frontend._router.apply = handed.append
    entries = [
        Entry(1, 1, "post", "alice", "alice", "before it", b"k" * 16),
        Entry(2, 1, kind, "chatnet", "chatnet", "2", b"l" * 16),
    ]
    one.worker.committed(entries)
    assert moved == ["alice", "bob"]
    assert (handed, link.aborted, frontend.store.log.window.head) == ([], True, 0)
    assert factory.buildProtocol(None) is None
    assert one.worker.load().opening
    one.worker.committed(entries)
    one.worker.registered(link, "the log", "")
    one.worker.outgrown("again")
    assert "exit 1" not in one.processes.calls
    one.reactor.advance(1.0)
    assert one.processes.calls.count("exit 1") == 1
    assert len(one.said) == 1
    assert "this chatnet" in one.said[0]


def test_who_is_too_old_ends_at_once_if_it_has_no_clients() -> None:
    """The primary tells it at registration that it is too old; without clients it exits in the same turn."""
    one = Started().start()
    one.worker.outgrown("The log is at level 2.")
    one.reactor.advance(0)
    assert (one.processes.calls[-1], one.said) == ("exit 1", ["The log is at level 2."])


def test_a_spawned_worker_leaves_the_terminal_to_its_parent() -> None:
    """A spawned worker ignores Ctrl-C; a worker started by hand obeys it."""
    assert "outlive" in Started("--spawned", "7").start().processes.calls
    assert "outlive" not in Started().start().processes.calls


@pytest.mark.parametrize(
    ("arguments", "parent", "stops"),
    [(["--spawned", "7"], 1, True), (["--spawned", "7"], 7, False), ([], 1, False)],
)
@pytest.mark.parametrize("early", [True, False])
def test_an_orphan_without_a_primary_ends(
    arguments: list[str], parent: int, stops: bool, early: bool
) -> None:
    """It stops only if it was spawned, its parent is dead, and for a minute no primary was reached.

    The parent may have died before the worker first looked at its parent's pid.
    """
    one = Started(*arguments)
    if early:
        one.processes.parent = parent
    one.start()
    one.processes.parent = parent
    one.reactor.pump([1.0] * 59)
    assert not one.reactor.stopped
    one.reactor.pump([1.0] * 3)
    assert one.reactor.stopped is stops


def test_siblings_are_kept_as_the_primary_says() -> None:
    """The number is how many to keep, not how many to add. They get the worker's own options but free ports,
    and are stopped with it."""
    web = ("--web", "none", "--public-url", "https://chat.example", "--trusted-proxies", "10.0.0.0/8")
    arguments = (*web, "--listen", "0.0.0.0:5000", "--advertise", "chat.example", "--ports", "5000-5005")
    one = Started(*arguments, "--master", "a:1,[::1]:2", "--post-rate", "7", "--new-names", "9").start()
    for count in (2, 2, 3, 1):
        one.worker.spawn_workers(count)
    first, second, third = one.reactor.spawned.children
    assert [child.signals for child in (first, second, third)] == [[], ["TERM"], ["TERM"]]
    told = first.command[first.command.index("chat-worker") :]
    assert " ".join(told) == (
        "chat-worker --spawned 42 --master a:1,[::1]:2 --data chatnet-data --post-rate 7 --new-names 9 "
        "--listen 0.0.0.0:0 --ports 5000-5005 --web none --public-url https://chat.example "
        "--trusted-proxies 10.0.0.0/8 --irc none --irc-register sasl --irc-fronts 2 "
        "--advertise chat.example"
    )
    assert one.files.made == [Path("/here/chatnet-data/log")] * 4
    stopped: list[Any] = []
    one.worker.stopService().addBoth(stopped.append)
    assert first.signals == ["TERM"]
    for child in (first, second):
        child.end(signal=signal.SIGTERM)
    assert not stopped
    third.end(signal=signal.SIGTERM)
    assert stopped == [None]
    assert len(one.reactor.spawned.children) == 3


def test_fronts_are_kept_too_and_stop_last() -> None:
    """They get what matters to them of the worker's own options."""
    one = Started(
        "--irc", "0.0.0.0:6667", "--master", "a:1", "--irc-register", "no", "--spawned", "7"
    ).start()
    assert one.worker.load().fronts == 2
    one.worker.spawn_workers(1)
    for count in (2, 2, 1):
        one.worker.spawn_fronts(count)
    worker, first, second = one.reactor.spawned.children
    assert second.signals == ["TERM"]
    assert " ".join(first.command[first.command.index("chat-front") :]) == (
        "chat-front --spawned 42 --master a:1 --data chatnet-data --post-rate 20 --new-names 30 "
        "--irc 0.0.0.0:6667 --irc-register no"
    )
    one.worker.stopService()
    assert (worker.signals, first.signals) == (["TERM"], [])
    worker.end(signal=signal.SIGTERM)
    assert first.signals == ["TERM"]


def test_where_no_log_can_be_kept_no_sibling_is_started() -> None:
    """The worker's own sessions go on."""
    one = Started().start()
    one.files.refusal = PermissionError(13, "Permission denied")
    one.worker.spawn_workers(2)
    assert not one.reactor.spawned.children


def test_only_the_very_process_is_killed() -> None:
    """A pid that now belongs to another process is not killed, nor one whose start time is unknown."""
    one = Started().start()
    one.worker.kill(5, 4242)
    one.worker.kill(5, 4243)
    one.worker.kill(5, 0)
    assert one.processes.sent == [(5, signal.SIGKILL)]


def test_stopping_leaves_nothing() -> None:
    """No client, timer or thread stays; to stop a worker that never started does no harm."""
    one = Started().start()
    one.worker.registered(FarLink(), "the log", "")
    one.worker._state.store.log.is_ready = True
    _, wire = one.client()
    stopped: list[Any] = []
    one.worker.stopService().addBoth(stopped.append)
    assert stopped == [None]
    wire.pump()
    assert wire.client_transport.lost
    assert one.pool.calls == ["start", "stop"]
    assert not one.reactor.getDelayedCalls()
    Started().worker.stopService()


def test_a_worker_that_stops_waits_a_second_for_the_last_marks() -> None:
    """Not longer: the primary may be gone."""
    one = Started().start()
    one.worker.registered(FarLink(), "the log", "")
    one.worker._state._sessions.marks.mark(UserMark("alice", "#x", 1), None)
    stopped: list[Any] = []
    one.worker.stopService().addBoth(stopped.append)
    assert stopped == []
    one.reactor.advance(FLUSH_SECONDS)
    assert stopped == [None]
    assert not one.reactor.getDelayedCalls()


def test_a_primary_is_told_who_is_here_until_the_worker_stops() -> None:
    """A worker that stops says of nobody that they are gone: they come back elsewhere."""
    one, link = Started().start(), ToldLink(TellPresence)
    one.worker.registered(link, "the log", "", ["presence"])
    presence = one.worker._state.presence
    presence.came("alice")
    one.reactor.advance(presences.GATHER_SECONDS)
    [told] = link.told
    assert [(each.user, each.sessions) for each in told["people"]] == [("alice", 1)]
    one.worker.detached()
    presence.came("bob")
    one.reactor.advance(presences.GATHER_SECONDS)
    one.worker.registered(link, "the log", "", ["presence"])
    one.reactor.advance(presences.GATHER_SECONDS)
    assert [each.user for each in link.told[-1]["people"]] == ["alice", "bob"]
    one.worker._state._sessions.marks.mark(UserMark("alice", "#x", 1), None)  # so that it stops slowly
    one.worker.stopService()
    presence.gone("alice")
    one.reactor.advance(presences.GATHER_SECONDS)
    one.reactor.advance(FLUSH_SECONDS)
    assert len(link.told) == 2


def test_marks_that_a_database_keeps_are_told_through_the_primary() -> None:
    """While there is none, or while its link is full, nobody is told: it is only for speed."""
    told: list[Any] = []
    link: Any = SimpleNamespace(full=False, callRemote=lambda *command, **said: told.append((command, said)))
    log: Any = SimpleNamespace(log_id="the log", trouble="")
    store, marks = DatabaseStore("postgresql://db/chat", log, lambda: None), [UserMark("alice", "#x", 1)]
    store.pass_on(marks)
    store.attached(link, "the log")
    store.pass_on(marks)
    store.pass_on([])
    link.full = True
    store.pass_on(marks)
    link.full = False
    store.detached()
    store.pass_on(marks)
    assert told == [((TellMarks,), {"marks": marks})]


@pytest.mark.parametrize(("serves", "wants"), [(CHAT, []), (IRC, [True])])
def test_which_passwords_were_right_is_told_and_those_of_others_to_a_front(
    serves: str, wants: list[bool]
) -> None:
    """Also if the log is opened after the registration, or anew; not once the primary is lost."""
    link = ToldLink(TellImprints)
    told = link.told
    alice, bob = (Imprint(user, 1, b"v" * IMPRINT_BYTES) for user in ("alice", "bob"))
    one = Started().start()
    one.worker._ports.serves = serves
    one.worker.registered(link, "the log", "", ["imprints"])
    for _ in range(2):
        assert [said["wants"] for said in told] == wants
        told.clear()
        before = one.worker._state
        before.imprints.found(alice)
        one.reactor.advance(GATHER_SECONDS)
        assert told == [{"wants": False, "imprints": [alice]}]
        told.clear()
        one.worker.imprints_told([bob])
        assert before.imprints.of("bob") == bob
        one.worker._rewound(Cursor(5, b"8 bytes."))
        before.imprints.found(bob)
        one.reactor.advance(1.0)
        assert one.worker._state is not before
    told.clear()
    one.worker.detached()
    one.worker._state.imprints.found(alice)
    one.reactor.advance(1.0)
    assert told == []


def test_the_real_world_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real world has everything that build takes from a world; here it lacks only a token."""
    monkeypatch.chdir(tmp_path)
    world = real_world()
    options = Options()
    options.parseOptions([])
    with pytest.raises(CannotStart):
        build(options, world)


def test_who_is_here_for_a_request_is_no_load() -> None:
    """What a worker carries are the sessions that stay; those that came by a shared port are told apart."""
    one = Started().start()
    one.worker.registered(FarLink(), "the log", "")
    for shared, passing in ((False, False), (True, False), (True, True)):
        session = OpenSession("alice", [])
        session.peer.shared, session.peer.passing = shared, passing
        one.worker._state._sessions.open[session] = None
    load = one.worker.load()
    assert (load.sessions, load.shared) == (2, 1)
