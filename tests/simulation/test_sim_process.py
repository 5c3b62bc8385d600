"""How simulated processes start, get signals, start others, and end."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol

from chatnet.errors import CannotStart
from chatnet.irc_options import IRC_VARIABLE
from chatnet.port_options import NONE
from chatnet.web_options import WEB_VARIABLE
from chatnet.world import World
from simulator import SimProcess
from simulator.toys import Toys, toy


def idle(world: World) -> None:
    """Run until stopped."""


def test_a_program_that_cannot_start_says_why_and_exits_with_status_1(simulation: Toys) -> None:
    """As under twistd, the sentence of a SystemExit is the last line printed."""

    def refuse(world: World) -> None:
        raise CannotStart("The port is taken.")

    process = simulation.start(refuse)
    assert process.status == (1, None)
    assert simulation.trace.has("The port is taken.")


def test_an_error_at_the_start_ends_the_process(simulation: Toys) -> None:
    """It exits with status 1, and the run fails with the whole story."""
    process = simulation.start(lambda world: dict[str, None]()["missing"], name="toy")
    assert process.status == (1, None)
    [failure] = simulation.failures
    assert "KeyError" in failure
    simulation.failures.clear()


def test_an_error_in_a_callback_is_logged_and_the_process_lives(simulation: Toys) -> None:
    """This is as in Twisted's reactor; and the run fails."""
    process = simulation.start(lambda world: world.reactor.callLater(0, lambda: 1 // 0), name="toy")
    simulation.run(1)
    assert not process.is_dead
    assert len(simulation.failures) == 1
    assert "ZeroDivisionError" in simulation.failures[0]
    simulation.failures.clear()


def test_sigterm_stops_the_reactor_once_all_before_shutdown_is_done(simulation: Toys) -> None:
    """Triggers run phase by phase, and the first phase's Deferreds are waited for; then the signal ends
    it."""
    order: list[str] = []
    slow: Deferred[None] = Deferred()

    def before() -> Deferred[None]:
        order.append("before")
        return slow

    def triggers(world: World) -> None:
        reactor = world.reactor
        reactor.addSystemEventTrigger("after", "shutdown", order.append, "after")
        reactor.addSystemEventTrigger("during", "shutdown", order.append, "during")
        reactor.addSystemEventTrigger("before", "shutdown", before)
        removed = reactor.addSystemEventTrigger("before", "shutdown", order.append, "never")
        reactor.removeSystemEventTrigger(removed)
        reactor.callWhenRunning(order.append, "running")

    process = simulation.start(triggers)
    assert order == ["running"]
    process.kill(signal.SIGTERM)
    simulation.run(1)
    assert order == ["running", "before"]
    assert not process.is_dead
    simulation.later(0, slow.callback, None)
    simulation.run(1)
    assert order == ["running", "before", "during", "after"]
    assert process.status == (0, signal.SIGTERM)


def test_a_reactor_that_stops_itself_exits_with_status_0(simulation: Toys) -> None:
    """The process runs until its reactor stops."""
    process = simulation.start(lambda world: world.reactor.callLater(1, world.reactor.stop), name="toy")
    assert process.reactor.running
    simulation.run(2)
    assert process.status == (0, None)
    assert not process.reactor.running


def test_a_killed_process_runs_no_further_instruction(simulation: Toys) -> None:
    """No timer fires, and no trigger is called."""
    happened: list[str] = []

    def busy(world: World) -> None:
        world.reactor.addSystemEventTrigger("before", "shutdown", happened.append, "stopped")
        world.reactor.callLater(1, happened.append, "fired")

    process = simulation.start(busy)
    process.kill()
    simulation.run(5)
    assert happened == []
    assert simulation.idle == 1
    assert process.status == (0, signal.SIGKILL)


def test_what_a_process_does_after_its_exit_is_void(simulation: Toys) -> None:
    """``exit`` returns in a simulation, but nothing after it has an effect."""
    later: list[int] = []

    def exits(world: World) -> None:
        world.files.make_directory(Path("/data"))
        world.processes.exit(3)
        world.reactor.callLater(0, later.append, 1)
        world.stdio.say("too late")
        with pytest.raises(OSError, match="dead"):
            world.files.write(Path("/data/x"), b"")

    process = simulation.start(exits)
    simulation.run(1)
    assert process.status == (3, None)
    assert later == []
    assert process.terminal.lines == []


@pytest.mark.parametrize("seed", range(6))
def test_a_stopped_process_does_nothing_until_it_is_continued(seed: int) -> None:
    """Then it does everything that it missed, its timers in order."""
    done: list[int] = []
    with Toys(seed) as simulation:
        process = simulation.start(
            lambda world: [world.reactor.callLater(i, done.append, i) for i in range(6)], name="toy"
        )
        simulation.run(1.5)
        process.kill(signal.SIGSTOP)
        simulation.run(10)
        assert done == [0, 1]
        process.kill(signal.SIGCONT)
        simulation.run(0.001)
        assert done == [0, 1, 2, 3, 4, 5]


def test_a_stopped_process_can_be_killed_and_gets_other_signals_when_it_goes_on(simulation: Toys) -> None:
    """SIGKILL works at once; SIGTERM waits."""
    processes = [simulation.start(idle) for _ in range(2)]
    for process in processes:
        process.kill(signal.SIGSTOP)
    processes[0].kill(signal.SIGKILL)
    processes[1].kill(signal.SIGTERM)
    simulation.run(1)
    assert [process.is_dead for process in processes] == [True, False]
    processes[1].kill(signal.SIGCONT)
    simulation.run(1)
    assert processes[1].status == (0, signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_who_outlives_the_terminal_ignores_what_it_sends(simulation: Toys, number: int) -> None:
    """Ctrl-C and its end stop the other processes."""
    deaf = simulation.start(lambda world: world.processes.outlive_terminal(), name="deaf")
    other = simulation.start(idle)
    for process in (deaf, other):
        process.kill(number)
    simulation.run(1)
    assert not deaf.is_dead
    assert other.status == (0, number)


class Child(ProcessProtocol):
    """A process protocol that records what it is told."""

    transport: Any

    def __init__(self) -> None:
        self.told: list[Any] = []

    def connectionMade(self) -> None:
        self.pid = self.transport.pid
        self.told.append("made")

    def inConnectionLost(self) -> None:
        self.told.append("stdin closed")

    def processExited(self, reason: Any) -> None:
        self.told.append("exited")

    def processEnded(self, reason: Any) -> None:
        self.told.append(reason.value)


def _parent(simulation: Toys, child: Child, run: Any) -> SimProcess:
    """Start a process that starts ``run`` as twistd would, with its output appended to a file."""
    simulation.programs["child"] = toy(run)

    def parent(world: World) -> None:
        world.files.make_directory(Path("/log"))
        output = world.files.append_to(Path("/log/child.log"))
        argv = [world.executable, "-c", "run()", "-n", "--pidfile=", "child"]
        environ = {"COLOUR": "blue"}
        world.reactor.spawnProcess(child, argv[0], argv, env=environ, childFDs={0: "w", 1: output, 2: output})
        world.files.close(output)

    process: SimProcess = simulation.start(parent)
    return process


def _find(simulation: Toys) -> SimProcess:
    [child] = simulation.host("alpha").living("child")
    return child


def test_a_child_is_another_process_with_its_own_world(simulation: Toys) -> None:
    """Its parent, pid and environment are correct, and what it prints is in the file."""
    worlds: list[World] = []
    protocol = Child()

    def child(world: World) -> None:
        worlds.append(world)
        raise CannotStart("Cannot.")

    parent = _parent(simulation, protocol, child)
    simulation.run(2)
    [world] = worlds
    assert world.processes.own_pid() == protocol.pid
    assert world.processes.parent_pid() == parent.pid
    assert world.environ == {"COLOUR": "blue", WEB_VARIABLE: NONE, IRC_VARIABLE: NONE}
    assert parent.files.tail(Path("/log/child.log"), 1) == ["Cannot."]
    assert protocol.told[:3] == ["made", "exited", "stdin closed"]
    assert isinstance(protocol.told[3], ProcessTerminated)
    assert (protocol.told[3].exitCode, protocol.told[3].signal) == (1, None)


def test_a_parent_can_signal_its_child_until_it_has_ended(simulation: Toys) -> None:
    """The parent is told how the child ended; a signal after that is an error."""
    protocol = Child()
    parent = _parent(simulation, protocol, idle)
    simulation.run(1)
    parent.soon(protocol.transport.closeStdin)
    parent.soon(protocol.transport.signalProcess, "KILL")
    simulation.run(1)
    assert protocol.told[:3] == ["made", "stdin closed", "exited"]
    assert (protocol.told[3].exitCode, protocol.told[3].signal) == (None, signal.SIGKILL)
    with pytest.raises(ProcessExitedAlready):
        protocol.transport.signalProcess("TERM")


def test_a_child_that_finishes_is_done(simulation: Toys) -> None:
    """Status 0 is no error."""
    protocol = Child()
    _parent(simulation, protocol, lambda world: world.reactor.callLater(1, world.reactor.stop))
    simulation.run(3)
    assert isinstance(protocol.told[-1], ProcessDone)


def test_orphans_live_on_under_another_parent(simulation: Toys) -> None:
    """Orphans get another parent, as on Linux; a dead parent is told nothing."""
    protocol = Child()
    parent = _parent(simulation, protocol, idle)
    simulation.run(1)
    child = _find(simulation)
    parent.kill()
    assert child.world.processes.parent_pid() == 1
    child.kill()
    simulation.run(1)
    assert protocol.told == ["made"]


def test_a_program_that_does_not_exist_cannot_be_started(simulation: Toys) -> None:
    """To start it fails, as on any system."""
    with pytest.raises(FileNotFoundError):
        simulation.host("alpha").start("no-such-program")


def test_a_process_takes_a_while_to_start(simulation: Toys) -> None:
    """It may be killed before its first instruction, and on a slow host it starts more slowly."""
    begun: list[float] = []
    simulation.programs["toy"] = toy(lambda world: begun.append(simulation.now))
    host = simulation.host("alpha")
    host.start("toy").kill()
    simulation.run(5)
    host.slow_start = 100
    host.start("toy")
    simulation.run(50)
    assert len(begun) == 1
    assert begun[0] > 9
