"""What can be seen of a cluster from outside: who holds the lease, and how much its processes keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
from twisted.internet.endpoints import _WrappingProtocol
from twisted.internet.tcp import Connection
from twisted.protocols.policies import ProtocolWrapper

from chatnet.irc.isupport import MOST_TARGETS
from chatnet.master import log_server
from chatnet.master.log_server import LogServer
from chatnet.net.intake import MOST_BOXES
from chatnet.net.link import Link
from chatnet.store.lease import Holder
from chatnet.testing.history import EpochBegun, Event, LeaseLost, LeaseTaken, Sample, Waiting
from chatnet.worker.frontend import Frontend
from chatnet.worker.fronts.irc.client import IrcClient
from chatnet.worker.service import Worker
from chatnet.worker.session import Session
from simulator.disk import Disk
from simulator.host import HOME, Host
from simulator.process import SimProcess
from simulator.squatter import SQUATTER

if TYPE_CHECKING:
    from simulator.simulation import Simulation

Keep = Callable[[Event], object]
FOLLOWERS = ("chat-worker", "chat-front")
"""The programs that have sessions."""


class WatchedDisk(Disk):
    """The disk of a host with masters, whose leases and epochs go to ``keep``."""

    def __init__(self, simulation: Simulation, host: Host, keep: Keep) -> None:
        super().__init__(simulation, host.name)
        self._now = simulation
        self._host = host
        self._keep_event = keep
        self.locks = _WatchedLocks(self._took, self._let_go)
        self.make_directory(HOME)

    def write(self, path: Path, content: bytes) -> None:
        super().write(path, content)
        if path.name == "lease":
            holder = msgspec.json.decode(content, type=Holder)
            if not holder.address:
                return  # it commands nobody yet
            name = self._host.processes[holder.pid].name
            self._keep_event(EpochBegun(time=self._now.now, client=name, epoch=holder.epoch))

    def _took(self, process: SimProcess) -> None:
        self._keep_event(LeaseTaken(time=self._now.now, client=process.name))

    def _let_go(self, process: SimProcess) -> None:
        self._keep_event(LeaseLost(time=self._now.now, client=process.name))


class _WatchedLocks(dict[Path, SimProcess]):
    """The holders of the locks; all locks here are leases."""

    def __init__(self, took: Callable[[SimProcess], None], let_go: Callable[[SimProcess], None]) -> None:
        super().__init__()
        self._took, self._let_go = took, let_go

    def __setitem__(self, directory: Path, process: SimProcess) -> None:
        super().__setitem__(directory, process)
        self._took(process)

    def __delitem__(self, directory: Path) -> None:
        process = self[directory]
        super().__delitem__(directory)
        self._let_go(process)


class Vitals:
    """How much the processes of ``hosts`` keep; each new maximum goes to ``keep``."""

    def __init__(self, simulation: Simulation, hosts: Iterable[Host], keep: Keep) -> None:
        self._simulation = simulation
        self._hosts = list(hosts)
        self._keep = keep
        self._most: dict[tuple[str, str], int] = {}
        self._waited: set[tuple[str, bytes]] = set()

    def look(self) -> None:
        """Look at all processes."""
        for process in self.living():
            self._see(process, "unsent bytes on one connection", _most_unsent(process), self._most_unsent())
            for spoken in map(_spoken, connections_of(process)):
                for measure, value, most in _queues(spoken):
                    self._see(process, measure, value, most)
            self._see_waiting(process)

    def living(self) -> list[SimProcess]:
        """Return the processes whose reactor runs, and that are not strangers."""
        living = [process for host in self._hosts for process in host.living() if process.reactor.running]
        return [process for process in living if process.program != SQUATTER]

    def at_rest(self) -> dict[str, tuple[int, int]]:
        """Return for each program: the most timers of one process, and the connections of all."""
        found: dict[str, tuple[int, int]] = {}
        for process in self.living():
            timers, connections = found.get(process.program, (0, 0))
            found[process.program] = (
                max(timers, len(process.reactor.getDelayedCalls())),
                connections + len(connections_of(process)),
            )
        return found

    def _see(self, process: SimProcess, measure: str, value: int, most: int) -> None:
        if value > self._most.get((process.name, measure), 0):
            self._most[process.name, measure] = value
            now = self._simulation.now
            self._keep(Sample(time=now, client=process.name, measure=measure, value=value, most=most))

    def _see_waiting(self, process: SimProcess) -> None:
        """Record which drafts of IRC clients wait that did not before. A key that a client has chosen may
        come again on another connection: only those are recorded that the process has made."""
        for client in _irc_clients(process):
            waiting = ((client.user, key) for key in client.drafts._open if key.startswith(client.prefix))
            new = [draft for draft in waiting if draft not in self._waited]
            if new:
                self._waited.update(new)
                now, head = self._simulation.now, client.window.head
                self._keep(Waiting(time=now, client=process.name, head=head, drafts=new))

    def _most_unsent(self) -> int:
        """Return the most unsent bytes: a transport says that it is full in the middle of a page being put on
        it, or of what came in one turn to be passed on to everybody."""
        network, page = self._simulation.network, self._simulation.limits.page
        return network.transport + 2 * page.bytes + 2 * network.buffer


def connections_of(process: SimProcess) -> list[Any]:
    """Return the connections of a process, also those that are held: these its reactor does not know."""
    handlers = [socket.handler for socket in process.sockets.values()]
    return [handler for handler in handlers if isinstance(handler, Connection)]


def _irc_clients(process: SimProcess) -> Iterator[IrcClient]:
    """Yield the IRC clients of a process, with those whose connection is lost, and who have said something
    that waits."""
    state = cast(Worker, process.service)._state if process.program in FOLLOWERS else None
    if isinstance(state, Frontend):
        for session in state._sessions.open:
            if isinstance(session.peer, IrcClient):
                yield session.peer


def _spoken(connection: Any) -> Any:
    """Return the protocol of a connection: inside an endpoint's wrapper, and inside TLS."""
    protocol = connection.protocol
    while True:
        match protocol:
            case ProtocolWrapper():
                protocol = protocol.wrappedProtocol
            case _WrappingProtocol():
                protocol = protocol._wrappedProtocol
            case _:
                return protocol


def _queues(spoken: Any) -> Iterator[tuple[str, int, int]]:
    """Yield what waits for one connection, how much of it, and how much may: one more than makes it hold.

    A session that catches up reads pages besides what its client asks for.
    """
    locator = spoken.locator if isinstance(spoken, Link) else None
    if isinstance(spoken, Link) and spoken._intake is not None:
        yield "boxes that came on one connection and wait", len(spoken._intake), MOST_BOXES
    # Whatever protocol it is, there is a session behind it.
    session = getattr(locator or getattr(spoken, "speech", spoken), "session", None)
    if isinstance(session, Session):
        if (queue := session.reads._queue) is not None:
            most = queue._shared.most + 1 + (session._subscription is not None)
            yield "reads that wait for one session", len(queue._waiting or ()), most
        if (stream := session.drafts._stream) is not None:
            # Of IRC, a line may be several.
            a_line = MOST_TARGETS if isinstance(session.peer, IrcClient) else 1
            yield "drafts of one session", stream._outstanding, stream._shared.most + a_line
    if isinstance(locator, LogServer):
        for lane in locator._lanes.values():
            yield "reads that wait for one worker", lane.waiting, log_server.MOST_WAITING


def _most_unsent(process: SimProcess) -> int:
    return max(map(_unsent, connections_of(process)), default=0)


def _unsent(transport: Any) -> int:
    spoken = _spoken(transport)
    outbox = getattr(spoken, "outbox", getattr(spoken, "ear", None))
    waiting = sum(map(len, outbox.parts)) if outbox is not None else 0
    return len(transport.dataBuffer) - transport.offset + int(transport._tempDataLen) + waiting
