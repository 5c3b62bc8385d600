"""The reactor of one simulated process: Twisted's interfaces over virtual time and a simulated kernel."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from socket import SO_REUSEPORT, SOL_SOCKET
from typing import TYPE_CHECKING, Any

from twisted.internet.abstract import isIPAddress
from twisted.internet.address import IPv4Address
from twisted.internet.base import DelayedCall, _ThreePhaseEvent
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import (
    CannotListenError,
    ConnectionDone,
    ConnectionLost,
    DNSLookupError,
    ReactorNotRunning,
)
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IListeningPort,
    IReactorCore,
    IReactorFDSet,
    IReactorPluggableNameResolver,
    IReactorProcess,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
)
from twisted.internet.posixbase import _DisconnectSelectableMixin
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from chatnet.addresses import Address
from chatnet.net.listen import BACKLOG, accept_in_turns
from simulator.sockets import SimSocket
from simulator.spawned import Spawned
from simulator.threads import SimThreadPool
from simulator.transports import SimConnector, SimPort

if TYPE_CHECKING:
    from simulator.process import SimProcess

LATENESS = 0.00001
"""Seconds by which timers are late, as with any reactor: more than the rounding differences of floating-point
sums. Code that fires exactly on time, or before it, might fire twice."""
LOOKUP_SECONDS = 0.002


@implementer(
    IReactorCore,
    IReactorTime,
    IReactorTCP,
    IReactorFDSet,
    IReactorThreads,
    IReactorProcess,
    IReactorPluggableNameResolver,
)
class SimReactor(_DisconnectSelectableMixin):
    """The reactor of ``process``: see the module. ``has_started`` is true once the reactor runs."""

    _logger = Logger()

    def __init__(self, process: SimProcess) -> None:
        self._process = process
        self.running = self.has_started = False
        self._is_stopped = False
        self._exit_signal: int | None = None
        self._calls: dict[DelayedCall, None] = {}
        self._sockets: dict[Any, SimSocket] = {}
        self._writers: dict[Any, SimSocket] = {}
        self._events: dict[str, _ThreePhaseEvent] = {}
        self._threads: SimThreadPool | None = None
        self.nameResolver: Any = Resolver(self)
        self.addSystemEventTrigger("during", "startup", self._run)
        self.addSystemEventTrigger("during", "shutdown", self.crash)
        self.addSystemEventTrigger("during", "shutdown", self._disconnect_all)

    # ---- IReactorTime ----

    def seconds(self) -> float:
        """Return the monotonic clock's time, as real_world() has it, and what this turn has cost so far."""
        return self._process.host.clock.monotonic() + self._process.owed

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        if delay < 0:
            raise AssertionError(f"{delay} is not greater than or equal to 0 seconds")
        call = DelayedCall(
            self.seconds() + delay, callable, args, kw, self._cancelled, self._plan, self.seconds
        )
        self._calls[call] = None
        self._plan(call)
        return call

    def getDelayedCalls(self) -> Sequence[DelayedCall]:
        return list(self._calls)

    def fire(self, call: DelayedCall) -> None:
        """Run ``call``, whose time has come, unless it was moved or cancelled."""
        if call.cancelled or call.called:
            self._process.simulation.idle += 1
            return
        if call.delayed_time > 0 or call.time > self.seconds():
            call.activate_delay()
            self._plan(call)
            return
        del self._calls[call]
        call.called = 1
        call.func(*call.args, **call.kw)

    def _plan(self, call: DelayedCall) -> None:
        wait = call.time - self.seconds()
        self._process.later(wait + LATENESS if wait > 0 else 0.0, self.fire, call)

    def _cancelled(self, call: DelayedCall) -> None:
        del self._calls[call]

    # ---- IReactorCore ----

    def start(self) -> None:
        """Do what ``run`` does before its loop."""
        self.has_started = True
        self.fireSystemEvent("startup")

    def run(self) -> None:
        """Raise: only the simulation runs a reactor."""
        raise NotImplementedError

    def iterate(self, delay: float = 0) -> None:
        """Raise: only the simulation runs a reactor."""
        raise NotImplementedError

    def _run(self) -> None:
        self.running = True

    def stop(self) -> None:
        if self._is_stopped or not self.has_started:
            raise ReactorNotRunning("Can't stop reactor that isn't running.")
        self._is_stopped = True
        self._process.soon(self.fireSystemEvent, "shutdown")

    def crash(self) -> None:
        self.running = False
        # twistd ends by the signal that stopped it, once all triggers have been called.
        self.addSystemEventTrigger("after", "shutdown", self._process.finished, self._exit_signal)

    def signalled(self, number: int) -> None:
        """Stop, because SIGTERM or SIGINT came."""
        self._logger.info("Received {name}, shutting down.", name=signal.Signals(number).name)
        self._exit_signal = number
        if not self._is_stopped:
            self.stop()

    def fireSystemEvent(self, eventType: str) -> None:
        event = self._events.get(eventType)
        if event is not None:
            event.fireEvent()

    def addSystemEventTrigger(
        self, phase: str, eventType: str, callable: Callable[..., Any], *args: object, **kw: object
    ) -> Any:
        event = self._events.setdefault(eventType, _ThreePhaseEvent())
        return eventType, event.addTrigger(phase, callable, *args, **kw)

    def removeSystemEventTrigger(self, triggerID: Any) -> None:
        event, handle = triggerID
        self._events[event].removeTrigger(handle)

    def callWhenRunning(self, callable: Callable[..., Any], *args: object, **kw: object) -> Any:
        if self.running:
            callable(*args, **kw)
            return None
        return self.addSystemEventTrigger("after", "startup", callable, *args, **kw)

    def resolve(self, name: str, timeout: Sequence[int] = ()) -> Deferred[str]:
        if not name:
            return succeed("0.0.0.0")
        if isIPAddress(name):
            return succeed(name)
        address = self._process.host.network.resolve(name)
        if address is None:
            return fail(DNSLookupError(f"address {name!r} not found"))
        found: Deferred[str] = Deferred()
        self._process.later(LOOKUP_SECONDS, found.callback, address)
        return found

    def installNameResolver(self, resolver: Any) -> Any:
        before, self.nameResolver = self.nameResolver, resolver
        return before

    # ---- IReactorThreads ----

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        if kwargs:
            self._process.soon(lambda: callable(*args, **kwargs))
        else:
            self._process.soon(callable, *args)

    def callInThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        self.getThreadPool().callInThread(callable, *args, **kwargs)

    def getThreadPool(self) -> Any:
        if self._threads is None:
            self._threads = self._process.new_pool(10, "twisted.internet.reactor")
            self._threads.start()
        return self._threads

    def suggestThreadPoolSize(self, size: int) -> None:
        """Do nothing: the size is fixed."""

    # ---- IReactorTCP ----

    @property
    def full_at(self) -> int:
        """How many unsent bytes make a transport that is made now full."""
        return self._process.simulation.network.transport

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> SimPort:
        listening = SimPort(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def listen_shared(self, address: Address, factory: Factory, alone: bool) -> IListeningPort:
        """Do what :func:`chatnet.net.listen.listen_shared` does. No host here has IPv6."""
        if ":" in address.host:
            raise CannotListenError(*address, OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL)))
        port: Any = SimPort(address.port, factory, BACKLOG, address.host, self, shares=not alone)
        port.startListening()
        port.socket.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
        accept_in_turns(port)
        listening: IListeningPort = port
        return listening

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> SimConnector:
        connector = SimConnector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def new_socket(self) -> SimSocket:
        """Return a socket, neither bound nor connected."""
        process = self._process
        socket = SimSocket(process, 0)
        socket.descriptor = process.take_descriptor(socket)
        return socket

    # ---- IReactorFDSet, and what the kernel says ----

    def addReader(self, reader: Any) -> None:
        socket = self._socket(reader)
        if socket is not None:
            socket.reader = socket.handler = reader
            self._sockets[reader] = socket
            socket.wake()

    def addWriter(self, writer: Any) -> None:
        socket = self._socket(writer)
        if socket is not None:
            socket.writer = socket.handler = writer
            self._writers[writer] = socket
            socket.wake()

    def removeReader(self, reader: Any) -> None:
        socket = self._sockets.pop(reader, None)
        if socket is not None:
            socket.reader = None

    def removeWriter(self, writer: Any) -> None:
        socket = self._writers.pop(writer, None)
        if socket is not None:
            socket.writer = None

    def removeAll(self) -> list[Any]:
        found = list({**self._sockets, **self._writers})
        for descriptor in found:
            self.removeReader(descriptor)
            self.removeWriter(descriptor)
        return found

    def getReaders(self) -> list[Any]:
        return list(self._sockets)

    def getWriters(self) -> list[Any]:
        return list(self._writers)

    def _socket(self, descriptor: Any) -> SimSocket | None:
        return self._process.sockets.get(descriptor.fileno())

    def poll(self, socket: SimSocket) -> None:
        """Handle a socket that is ready for something."""
        socket.is_polled = False
        why: Any = None
        descriptor, in_read = socket.reader, True
        try:
            if descriptor is not None and socket.readable:
                why = descriptor.doRead()
            if not why and socket.writer is not None and socket.writable:
                descriptor, in_read = socket.writer, False
                why = descriptor.doWrite()
        except Exception as error:
            self._logger.failure("Unhandled error")
            why = error
        if why:
            # The tracebacks of Twisted's own, shared failures would keep this process alive.
            fresh = {kind: Failure(kind()) for kind in (ConnectionDone, ConnectionLost)}
            self._disconnectSelectable(descriptor, why, in_read, fresh)
        if not socket.is_closed:
            socket.wake()

    def _disconnect_all(self) -> None:
        for descriptor in self.removeAll():
            descriptor.connectionLost(Failure(ConnectionLost()))

    # ---- IReactorProcess ----

    def spawnProcess(
        self,
        processProtocol: Any,
        executable: Any,
        args: Sequence[Any] = (),
        env: Mapping[Any, Any] | None = None,
        path: Any = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: bool = False,
        childFDs: Mapping[int, int | str] | None = None,
    ) -> Spawned:
        if self._process.is_dead:
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
        return Spawned(self._process, processProtocol, args, env, childFDs)


@implementer(IHostnameResolver)
class Resolver:
    """Resolves names of hosts to addresses."""

    def __init__(self, reactor: SimReactor) -> None:
        self._reactor = reactor

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[Any] | None = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)

        def found(address: str) -> None:
            resolutionReceiver.addressResolved(IPv4Address("TCP", address, portNumber))

        looked_up = self._reactor.resolve(hostName).addCallbacks(found, lambda _: None)
        looked_up.addCallback(lambda _: resolutionReceiver.resolutionComplete())
        return resolution


@implementer(IHostResolution)
class _Resolution:
    """One look-up; it is short, so it cannot be cancelled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Do nothing: this would come too late."""
