"""One simulated process: its life, its signals, its world, and what remains at its end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from twisted.application.service import IService
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from chatnet.world import ProcessId, World
from simulator.database import SimDatabases
from simulator.files import SimFiles
from simulator.programs import parse
from simulator.reactor import SimReactor
from simulator.sockets import SimSocket
from simulator.terminal import SimStdio, Terminal
from simulator.threads import SimThreadPool
from simulator.tls import SimTls

if TYPE_CHECKING:
    from simulator.host import Host

INIT = 1
"""The pid of the process that adopts orphans."""
FILES = 1024
"""How many files a process may have open."""
IO_FIRST = 0.5
"""How often a process that continues after a stop handles its connections before its timers."""


class Status(NamedTuple):
    """How a process ended: an exit code, or a signal."""

    code: int
    signal: int | None

    def __str__(self) -> str:
        if self.signal is None:
            return f"exits with status {self.code}"
        return f"is ended by {signal.Signals(self.signal).name}"


Event = tuple[Callable[..., object], tuple[Any, ...]]
"""A function to call, and its arguments."""


class SimProcess:
    """A process of ``host``. ``runs``: its code runs now, since ``runs_since``, after it was stopped for
    ``stood_still`` seconds. ``status`` is None while it lives. At its end, ``ran_to_the_end``: its code ran;
    ``led_to_the_end``: it held the lease of its host's disk.

    What it prints is appended to the file ``output``. ``level`` is what its program understands. Until
    ``out_of_touch`` it may have waited for who was not there any more: a connection of its was forgotten on
    the way.
    """

    _logger = Logger()
    service: IService

    def __init__(
        self,
        host: Host,
        pid: int,
        argv: Sequence[str],
        environ: Mapping[str, str],
        parent: SimProcess | None,
        output: Path | None,
        terminal: Terminal,
    ) -> None:
        self.host, self.pid, self.argv, self.environ = host, pid, tuple(argv), environ
        self.parent, self.output, self.terminal = parent, output, terminal
        self.simulation = host.simulation
        self.program, self.arguments = parse(argv, self.simulation.programs)
        self.name = f"{host.name}:{self.program}[{pid}]"
        self.chance = self.simulation.chance(f"process {self.name}")
        self.runs = not host.is_asleep
        self.runs_since = self._stands_since = host.simulation.now
        self.stood_still = 0.0
        self.busy_until = self.out_of_touch = 0.0
        self.started = int(self.simulation.now * 100) + 1
        self.is_dead = False
        self.status: Status | None = None
        self.ran_to_the_end = self.led_to_the_end = False
        self.sockets: dict[int, SimSocket] = {}
        self.pools: list[SimThreadPool] = []
        self.files = SimFiles(self)
        self.reactor = SimReactor(self)
        self.when_ended: list[Callable[[Status], None]] = []
        self.outlives_terminal = False
        self.level = host.level
        self._descriptors = 2
        self._is_stopped = False
        self._missed: list[Event] = []
        self._waiting: list[Event] = []
        self._pending_signals: list[int] = []
        self.world = self._make_world()

    def _make_world(self) -> World:
        chance = self.simulation.chance(f"world {self.name}")
        entropy = self.simulation.chance(f"entropy {self.name}")
        return World(
            reactor=self.reactor,
            entropy=entropy.randbytes,
            chance=chance,
            wall=self.host.clock.wall,
            monotonic=self.host.clock.monotonic,
            local=lambda seconds: datetime.fromtimestamp(seconds, UTC),
            environ=self.environ,
            hostname=self.host.name,
            directory=Path(self.environ.get("PWD", "/home/user")),
            executable="python",
            files=self.files,
            processes=SimProcesses(self),
            threads=lambda size, name: cast(ThreadPool, self.new_pool(size, name)),
            listen_shared=self.reactor.listen_shared,
            stdio=SimStdio(self.terminal, self),
            databases=SimDatabases(self),
            tls=SimTls(self.simulation.chance(f"tls {self.name}").randbytes, self.spend),
            tell=lambda event: self.simulation.told(self, event),
            limits=self.simulation.limits,
            level=self.level,
        )

    def __str__(self) -> str:
        return self.name

    # ---- running its code ----

    def main(self) -> None:
        """Do what twistd does: make the service, start it, run the reactor."""
        try:
            service = self.simulation.programs[self.program](self.arguments, self.world)
            self._start(service)
        except SystemExit as error:
            if not isinstance(error.code, int) and error.code is not None:
                self.simulation.note(self.name, "says: {}", str(error.code))
                self.print(str(error.code))
            self.exit(error.code if isinstance(error.code, int) else int(error.code is not None))

    def _start(self, service: IService) -> None:
        self.service = service
        service.privilegedStartService()
        service.startService()
        self.reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
        self.reactor.start()

    def run(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        """Run code of this process as its reactor would: an error is logged, and the process lives on."""
        simulation = self.simulation
        before, simulation.running = simulation.running, self
        try:
            function(*arguments)
        except (Exception, SystemExit):
            self._logger.failure("Unhandled error")
            if not self.reactor.has_started:
                self.end(Status(1, None))
        finally:
            simulation.running = before

    def soon(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run ``function`` in a later turn, but at the same time."""
        if not self.is_dead:
            self.simulation.schedule(self.simulation.now, self, function, arguments)

    def later(self, seconds: float, function: Callable[..., object], *arguments: Any) -> None:
        """Run ``function`` after ``seconds``."""
        if not self.is_dead:
            self.simulation.schedule(self.simulation.now + seconds, self, function, arguments)

    def spend(self, seconds: float) -> None:
        """Compute for ``seconds``. What comes meanwhile is handled after that, in one reactor turn."""
        now = self.simulation.now
        if self.busy_until <= now:
            self.simulation.later(seconds, self._next_turn)
        self.busy_until = max(self.busy_until, now) + seconds

    @property
    def owed(self) -> float:
        """How many seconds of computing are not over yet."""
        return max(0.0, self.busy_until - self.simulation.now)

    def waits(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        """Keep an event that came while this process was busy."""
        self._waiting.append((function, arguments))

    def _next_turn(self) -> None:
        if self.runs and self.busy_until > self.simulation.now:
            self.simulation.at(self.busy_until, self._next_turn)
            return
        waiting, self._waiting = self._waiting, []
        for function, arguments in self._in_turn(waiting):
            if self.runs:
                self.run(function, arguments)
            else:
                self.missed(function, arguments)

    def _in_turn(self, events: Sequence[Event], io_first: bool = False) -> list[Event]:
        """Return ``events`` in the order of a reactor turn: timers first, or sockets with ``io_first``."""
        return sorted(events, key=lambda event: (event[0] == self.reactor.fire) == io_first)

    def wake(self, socket: SimSocket) -> None:
        """Note that the kernel has something for the reactor."""
        if self.is_dead:
            return
        socket.is_polled = True
        if self.runs and self.simulation.running is None and self.busy_until <= self.simulation.now:
            self.run(self.reactor.poll, (socket,))
        else:
            self.soon(self.reactor.poll, socket)

    def missed(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        """Keep an event that came while this process was stopped, or after its end."""
        if self.is_dead:
            self.simulation.graveyard.append((function, arguments))
        else:
            self._missed.append((function, arguments))

    def look_whether_it_runs(self) -> None:
        """Update ``runs``: the process or its host was stopped or continued."""
        before, self.runs = self.runs, not (self.is_dead or self._is_stopped or self.host.is_asleep)
        now = self.simulation.now
        if before and not self.runs:
            self._stands_since = now
        if not self.runs or before:
            return
        self.runs_since, self.stood_still = now, now - self._stands_since
        missed, self._missed = self._missed, []
        io_first = self.chance.random() < IO_FIRST
        for function, arguments in self._in_turn(missed, io_first):
            self.soon(function, *arguments)
        pending, self._pending_signals = self._pending_signals, []
        for number in pending:
            self.kill(number)

    def print(self, text: str) -> None:
        """Write ``text`` to its standard output, if that is a file."""
        if self.output is not None:
            self.host.disk.append(self.output, f"{text}\n".encode())

    # ---- signals and the end ----

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, by default SIGKILL."""
        if self.is_dead:
            return
        self.simulation.note(self.name, "gets {}", signal.Signals(number).name)
        if number in (signal.SIGINT, signal.SIGHUP) and self.outlives_terminal:
            return
        if number == signal.SIGKILL:
            self.end(Status(0, number))
        elif number in (signal.SIGSTOP, signal.SIGCONT):
            self._is_stopped = number == signal.SIGSTOP
            self.look_whether_it_runs()
        elif not self.runs:
            self._pending_signals.append(number)
        elif self.reactor.has_started:
            self.soon(self.reactor.signalled, number)
        else:
            self.end(Status(0, number))

    def exit(self, code: int) -> None:
        """End itself, now: what its code does until it returns to the reactor has no effect."""
        self.end(Status(code, None))

    def finished(self, number: int | None) -> None:
        """End, because its reactor has stopped, perhaps by a signal."""
        self.end(Status(0, number))

    def end(self, status: Status) -> None:
        """End it; the kernel closes what it held, and tells its parent."""
        if self.is_dead:
            return
        self.simulation.note(self.name, "{}", str(status))
        self._bury(status)
        for socket in list(self.sockets.values()):
            socket.close()
        for child in self.host.living():
            if child.parent is self:
                child.parent = None
        for tell in self.when_ended:
            tell(status)

    def vanish(self) -> None:
        """End it with its host's power: nobody is told."""
        self._bury(Status(0, signal.SIGKILL))
        for socket in list(self.sockets.values()):
            socket.vanish()

    def _bury(self, status: Status) -> None:
        self.ran_to_the_end = self.runs and self.reactor.running
        self.led_to_the_end = self in self.host.disk.locks.values()
        self.is_dead, self.runs, self.status = True, False, status
        if status.signal is not None and not self.simulation.is_over:
            for pool in self.pools:
                pool.tear()
        self.files.let_go()
        self.terminal.ended()
        self.host.gone(self)

    # ---- descriptors and pools ----

    def take_descriptor(self, socket: SimSocket | None) -> int:
        """Return a new descriptor, for ``socket`` if that is given."""
        self._descriptors += 1
        if socket is not None:
            self.sockets[self._descriptors] = socket
        return self._descriptors

    def closed(self, descriptor: int) -> None:
        """Forget a descriptor."""
        self.sockets.pop(descriptor, None)

    def new_pool(self, size: int, name: str) -> SimThreadPool:
        """Return a new pool of simulated threads."""
        pool = SimThreadPool(self, size, name)
        self.pools.append(pool)
        return pool


class SimProcesses:
    """A process's view of processes: see :class:`chatnet.world.Processes`."""

    def __init__(self, process: SimProcess) -> None:
        self._process = process

    def own_pid(self) -> int:
        return self._process.pid

    def parent_pid(self) -> int:
        parent = self._process.parent
        return INIT if parent is None else parent.pid

    def started(self, pid: int) -> int | None:
        process = self._process.host.processes.get(pid)
        return None if process is None else process.started

    def signal(self, process: ProcessId, number: int) -> bool:
        found = self._process.host.processes.get(process.pid)
        if found is None or found.started != process.started:
            return False
        found.kill(number)
        return True

    def exit(self, status: int) -> None:
        self._process.exit(status)

    def keep_private(self) -> None:
        """Do nothing: it is private already."""

    def raise_file_limit(self) -> int:
        return FILES

    def outlive_terminal(self) -> None:
        self._process.outlives_terminal = True

    def end_with_terminal(self, reactor: Any) -> None:
        """Do nothing: signals already stop the reactor."""

    def at_hangup(self, reactor: Any, call: Callable[[], object]) -> None:
        """Do nothing: nobody hangs up in a simulation."""

    def end_in_order(self, reactor: Any) -> None:
        """Do nothing: signals already stop the reactor."""

    def end_by(self, number: int) -> None:
        self._process.exit(-number)

    def give_way(self) -> None:
        """Do nothing: a thread here takes no time."""

    def freeze_heap(self) -> None:
        """Do nothing: garbage belongs to the process that simulates."""
