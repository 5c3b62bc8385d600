"""The network: links between hosts with their delays and cuts, and the streams of bytes that cross them.

Nothing is reordered inside a stream. A cut link loses nothing by itself: the sender's kernel sends again
until the link is healed, unless the sender is gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from twisted.internet.abstract import FileDescriptor

if TYPE_CHECKING:
    from simulator.host import Host
    from simulator.simulation import Simulation
    from simulator.sockets import SimSocket

LOOPBACK = "127.0.0.1"
LOOPBACK_SECONDS = 0.00003
NEAR, FAR = 0.0002, 0.003
"""The shortest and longest time of a packet between two hosts, in seconds; drawn for each link."""
HICCUP, HICCUPS = 0.005, 20.0
"""How often a packet is late, and by what factor."""
BUFFER = 128 * 1024
SYN_SECONDS = 1.0
"""Seconds until the next attempt to connect if nobody answered; as in Linux."""


class Link:
    """The way from one host to another; each direction is its own link.

    ``slow`` multiplies its delay. What is sent while it is ``cut`` is sent again when it is healed, the last
    time at ``open_since``.
    """

    def __init__(self, network: Network, source: Host, target: Host) -> None:
        self.source, self.target = source, target
        self.cut = False
        self.open_since = 0.0
        self.slow = 1.0
        chance = network.simulation.chance(f"link {source.name} {target.name}")
        self._random = chance.random
        self._seconds = LOOPBACK_SECONDS if source is target else chance.uniform(NEAR, FAR)

    @property
    def is_open(self) -> bool:
        """Whether a packet that arrives now reaches a host that is awake."""
        return not self.cut and self.target.is_awake

    def delay(self) -> float:
        """Return how long the next packet takes, in seconds."""
        draw = self._random()
        late = HICCUPS if draw < HICCUP else 1.0 + draw
        return self._seconds * self.slow * late

    def chance(self) -> float:
        """Return a number between 0 and 1, which decides how the bytes are cut."""
        return self._random()


Item = Callable[["SimSocket"], None]
"""What travels: it is applied to the socket at the far end on arrival."""


class Stream:
    """One direction of a connection, into the socket ``target``.

    ``unread`` is how many bytes were sent into it that the target has not read.
    """

    def __init__(self, network: Network, link: Link, target: SimSocket) -> None:
        self._network = network
        self.link = link
        self.target = target
        self.unread = 0
        self.is_lost = False
        self._queue: deque[Item] = deque()
        self._last = 0.0
        self._owed = 0
        self._abandoned = False

    def send(self, item: Item) -> None:
        """Let ``item`` arrive after everything sent before."""
        simulation = self._network.simulation
        self._queue.append(item)
        self._last = max(self._last, simulation.now + self.link.delay())
        simulation.at(self._last, self._arrive)

    def send_last(self, item: Item) -> None:
        """Send ``item`` from a socket that is gone: nobody sends this or anything else again."""
        self.abandon()
        self.send(item)

    def abandon(self) -> None:
        """Drop what did not get through: the sender's kernel has forgotten the connection."""
        self._abandoned = True
        for _ in range(self._owed):
            self._queue.popleft()
        self._owed = 0

    def leave_unheard(self) -> None:
        """The sender is gone, and the target will not hear of it by itself. If more waits in its kernel than
        the sender had room for, it goes on asking for room, and learns it once it gets through: RFC 9293,
        3.8.6.1."""
        back = self.target.out
        if back is not None and back.unread > self._network.buffer:
            back._queue.append(_ask_for_room)
            back._owed += 1
            self._network.stalled[back] = None

    def retry(self) -> None:
        """Send again what did not get through: the link may be open again."""
        if not self.link.is_open:
            return
        owed, self._owed = self._owed, 0
        self._network.stalled.pop(self, None)
        simulation = self._network.simulation
        self._last = max(self._last, simulation.now + self.link.delay())
        for _ in range(owed):
            simulation.at(self._last, self._arrive)

    def _arrive(self) -> None:
        """Let one more item arrive: always the oldest, so that nothing overtakes."""
        if not self._queue:
            return
        if self.is_lost or (self._abandoned and not self.link.is_open):
            self._queue.clear()
            self._owed = 0
            if not self.is_lost:
                self.leave_unheard()
        elif self.link.is_open:
            self._queue.popleft()(self.target)
        else:
            self._owed += 1
            self._network.stalled[self] = None


class Connection:
    """Two sockets and the streams between them; ``number`` identifies it in the trace."""

    def __init__(self, number: int, client: SimSocket, server: SimSocket) -> None:
        self.number = number
        self.client, self.server = client, server

    def __str__(self) -> str:
        return f"connection {self.number} ({self.client.owner} to {self.server.owner})"

    def reset(self) -> None:
        """Reset it from in between: both ends hear of it."""
        for end in (self.client, self.server):
            end.reset_by_peer()

    @property
    def is_forgotten(self) -> bool:
        """Whether one end never hears of the other again, whatever the other sends."""
        return any(end.inbound is not None and end.inbound.is_lost for end in (self.client, self.server))

    def forget(self) -> None:
        """Forget it in between: neither end hears of the other again."""
        for end in (self.client, self.server):
            end.process.out_of_touch = end.process.simulation.now
            if end.inbound is not None:
                end.inbound.is_lost = True


class Network:
    """All links and connections of a simulation.

    ``buffer`` is how many bytes kernels keep for a socket in each direction, unless an option says less;
    ``transport`` is how many unsent bytes make a transport of Twisted's full. ``migrates``: who waits to be
    accepted by a socket that is closed is given to another that shares its port, as with Linux's
    ``net.ipv4.tcp_migrate_req``; without it they are reset.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.buffer = BUFFER
        self.transport = FileDescriptor.bufferSize
        self.migrates = False
        self.stalled: dict[Stream, None] = {}
        self._links: dict[tuple[Host, Host], Link] = {}
        self._connections: dict[Connection, None] = {}
        self._diverted: dict[tuple[Host, Host], tuple[Host, int]] = {}
        self._made = 0

    def link(self, source: Host, target: Host) -> Link:
        """Return the way from ``source`` to ``target``."""
        link = self._links.get((source, target))
        if link is None:
            link = self._links[source, target] = Link(self, source, target)
        return link

    def connections(self) -> list[Connection]:
        """Return the connections that are open at both ends."""
        return list(self._connections)

    def any_forgotten(self) -> bool:
        """Return whether there is a connection whose ends hear nothing of each other without knowing."""
        return any(connection.is_forgotten for connection in self._connections)

    def find(self, address: str, asker: Host) -> Host | None:
        """Return the host with this address, as seen from ``asker``."""
        if address == LOOPBACK:
            return asker
        hosts = self.simulation.hosts.values()
        return next((host for host in hosts if host.address == address), None)

    def resolve(self, name: str) -> str | None:
        """Return the address of the host called ``name``."""
        if name == "localhost":
            return LOOPBACK
        host = self.simulation.hosts.get(name)
        return None if host is None else host.address

    def forget(self) -> None:
        """Drop everything: the simulation has ended."""
        self.stalled.clear()
        self._links.clear()
        self._connections.clear()
        self._diverted.clear()

    # ---- faults ----

    def cut(self, source: Host, target: Host, both: bool = True) -> None:
        """Let nothing through from ``source`` to ``target``, nor back unless ``both`` is false."""
        for link in self._ways(source, target, both):
            link.cut = True
        self._note("the link {} {} {} is cut", source, target, both)

    def heal(self, source: Host, target: Host, both: bool = True) -> None:
        """Let everything through again."""
        for link in self._ways(source, target, both):
            link.cut, link.open_since = False, self.simulation.now
        self._note("the link {} {} {} is healed", source, target, both)
        self.retry()

    def partition(self, *groups: Iterable[Host]) -> None:
        """Cut every link between hosts of different groups."""
        members = [list(group) for group in groups]
        for at, group in enumerate(members):
            for source in group:
                for target in (host for other in members[at + 1 :] for host in other):
                    self.cut(source, target)

    def divert(self, source: Host, target: Host, to: Host, port: int) -> None:
        """Let a process on ``source`` that dials ``target`` reach a ``port`` of ``to`` instead, unnoticed.

        There a connection has the address that was dialled. Existing connections are reset.
        """
        self._diverted[source, target] = to, port
        self.simulation.note("network", "who dials {} on {} reaches {}", target.name, source.name, to.name)
        for connection in self.connections():
            if (connection.client.host, connection.server.host) == (source, target):
                connection.reset()

    def divert_no_more(self, source: Host, target: Host) -> None:
        """Let them reach each other again."""
        del self._diverted[source, target]
        self.simulation.note("network", "who dials {} on {} reaches it again", target.name, source.name)

    def heal_all(self) -> None:
        """Heal all links: none is cut or slow from now on."""
        for link in self._links.values():
            link.cut, link.slow, link.open_since = False, 1.0, self.simulation.now
        self.simulation.note("network", "all links are healed")
        self.retry()

    def retry(self) -> None:
        """Retry all stalled streams: some link or host may be reachable again."""
        for stream in list(self.stalled):
            stream.retry()

    def _ways(self, source: Host, target: Host, both: bool) -> list[Link]:
        there = self.link(source, target)
        return [there, self.link(target, source)] if both else [there]

    def _note(self, template: str, source: Host, target: Host, both: bool) -> None:
        self.simulation.note("network", template, source.name, "<->" if both else "->", target.name)

    # ---- connecting ----

    def knock(self, client: SimSocket, target: Host, port: int) -> None:
        """Ask ``target`` to accept ``client`` at ``port``."""
        reached, at = self._diverted.get((client.host, target), (target, port))
        link = self.link(client.host, reached)
        self.simulation.later(link.delay(), self._knocked, client, link, at, target)

    def _knocked(self, client: SimSocket, link: Link, port: int, target: Host) -> None:
        if client.is_closed:
            return
        listener = link.target.listener(port, client) if link.is_open else None
        if not link.is_open or (listener is not None and listener.is_crowded):
            self.simulation.later(SYN_SECONDS, self.knock, client, target, client.peer[1])
        elif listener is None:
            back = Stream(self, self.link(link.target, link.source), client)
            back.send(_refused)
        else:
            self._connect(client, listener, link)

    def _connect(self, client: SimSocket, listener: SimSocket, link: Link) -> None:
        """Accept in the kernel, whether or not the process will."""
        server = listener.offered(client)
        server.inbound = client.out = Stream(self, link, server)
        client.inbound = server.out = Stream(self, self.link(link.target, link.source), client)
        self._made += 1
        client.connection = server.connection = Connection(self._made, client, server)
        self._connections[client.connection] = None
        server.out.send(_connected)
        self.simulation.note("network", "connection {}: {} to {}", self._made, client.owner, listener.owner)
        listener.wake()

    def closed(self, socket: SimSocket, how: str) -> None:
        """Note that one end is gone."""
        connection = socket.connection
        if connection is not None and connection in self._connections:
            del self._connections[connection]
            self.simulation.note("network", "connection {}: {} {}", connection.number, socket.owner, how)


def _connected(socket: SimSocket) -> None:
    socket.connected()


def _ask_for_room(socket: SimSocket) -> None:
    socket.received(b"")


def _refused(socket: SimSocket) -> None:
    socket.refused()
