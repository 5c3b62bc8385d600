"""A person at a simulated terminal, and the program that they use."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from simulator.toys import Toys


@implementer(IHalfCloseableProtocol, IPushProducer)
class Program(Protocol):
    """A program that records what happens to it."""

    transport: Any

    def __init__(self) -> None:
        self.story: list[Any] = []

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        self.story.append(data)

    def readConnectionLost(self) -> None:
        self.story.append("end of input")

    def writeConnectionLost(self) -> None:
        self.story.append("nobody reads")

    def connectionLost(self, reason: Any = None) -> None:
        self.story.append("closed")

    def pauseProducing(self) -> None:
        self.story.append("pause")

    def resumeProducing(self) -> None:
        self.story.append("resume")

    def stopProducing(self) -> None:
        self.story.append("stop")


def _begin(simulation: Toys) -> tuple[Program, Any]:
    program = Program()
    process = simulation.start(lambda world: world.stdio.attach(world.reactor, program), name="program")
    return program, process


def test_what_is_typed_is_read_and_what_is_shown_is_seen(simulation: Toys) -> None:
    """This includes what was typed before the program started; the end of input comes last."""
    program, process = _begin(simulation)
    process.terminal.type("one", "two")
    process.terminal.hang_up()
    simulation.run(1)
    process.soon(program.transport.write, b"three\nfour\n")
    process.soon(program.transport.loseConnection)
    simulation.run(1)
    assert program.story == [b"one\ntwo\n", "end of input", "closed"]
    assert process.terminal.lines == ["three", "four"]


def test_a_program_that_nobody_reads_is_paused_in_bounded_memory(simulation: Toys) -> None:
    """Nothing that it shows is lost, and it goes on when somebody looks again."""
    program, process = _begin(simulation)
    process.terminal.stop_reading()
    for number in range(20):
        process.soon(program.transport.write, b"%05d\n" % number + b"x" * 4999 + b"\n")
    simulation.run(1)
    # A full transport reports this again at each write, as Twisted's transports do.
    assert set(program.story) == {"pause"}
    assert process.terminal.lines == []
    process.terminal.read_on()
    simulation.run(1)
    assert list(dict.fromkeys(program.story)) == ["pause", "resume"]
    assert process.terminal.lines[::2] == [f"{number:05}" for number in range(20)]


def test_a_program_that_does_not_read_is_not_typed_at(simulation: Toys) -> None:
    """What is typed waits."""
    program, process = _begin(simulation)
    process.soon(program.transport.pauseProducing)
    simulation.run(1)
    process.terminal.type("patience")
    simulation.run(1)
    assert program.story == []
    process.soon(program.transport.resumeProducing)
    simulation.run(1)
    assert program.story == [b"patience\n"]


def test_a_dead_program_shows_nothing(simulation: Toys) -> None:
    """To type at it does no harm."""
    program, process = _begin(simulation)
    process.soon(program.transport.write, b"never\n")
    process.kill()
    process.terminal.type("hello")
    simulation.run(1)
    assert process.terminal.is_over
    assert process.terminal.lines == program.story == []
