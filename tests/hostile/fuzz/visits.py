"""A visit: a connection reaches a state, says hostile things, and ends in one of several ways."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hostile.fuzz.inputs import Inputs, pieces
from hostile.fuzz.mouth import Heard, Mouth
from hostile.fuzz.states import STATES, Guise, State, Visitor, known, logged_in
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as NotInTime
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from chatnet.auth import Token
from chatnet.errors import ChatnetError
from chatnet.net.outbox import Outboxes

REACH_SECONDS = 15.0
"""How long a connection may take to reach its state."""
LISTEN_SECONDS = 0.15
"""How long a visit listens after it has said everything."""
LINGER_SECONDS = (1.0, 4.0, 12.0)
"""How long a visit that lingers stays."""
CROWD, CROWDED = 150, 0.02
"""How many more connections a crowded visit opens, which say nothing or half a box; how often a visit is
crowded."""
HALVES = (b"", b"\0", b"\0\x08_comm", b"\0\x08_command\xff\xff" + bytes(20_000), b"\x16\x03\x01")
DRIBBLES, DRIBBLED, DRIBBLE_SECONDS = 0.05, 100, 0.03
"""How often a visit sends byte after byte, how many bytes at most, and how long each takes."""
INTRODUCED = "127.0.2.1"
SOURCES = 250
"""From how many loopback addresses visits come: else the bounds for one address would stop everything."""


@dataclass(frozen=True)
class Plan:
    """What is drawn for a visit before it begins."""

    number: int
    state: State
    chance: random.Random
    source: str
    inputs: int
    end: str
    crowd: int
    dribbles: bool

    @classmethod
    def of(cls, seed: int, number: int) -> Plan:
        """Return the plan of visit ``number``."""
        chance = random.Random(f"{seed}/{number}")
        dribbles = chance.random() < DRIBBLES
        return cls(
            number=number,
            state=chance.choices(STATES, [state.weight for state in STATES])[0],
            chance=chance,
            source=f"127.0.1.{1 + chance.randrange(SOURCES)}",
            inputs=1 if dribbles else chance.choice((0, 1, 5, 20, 20, 50)),
            end=chance.choices(("close", "abort", "half", "linger"), (10, 5, 3, 1))[0],
            crowd=CROWD if chance.random() < CROWDED else 0,
            dribbles=dribbles,
        )


@dataclass
class Outcome:
    """How a visit went. ``failed`` says why the connection did not reach its state."""

    plan: Plan
    said: int = 0
    failed: str = ""
    heard: Heard | None = None
    closed: bool = False


class Visits:
    """Makes visits. ``ports`` are those of masters and workers; ``guises`` the users it pretends to be."""

    def __init__(
        self, reactor: Any, ports: dict[str, Sequence[int]], guises: Sequence[Guise], token: Token
    ) -> None:
        self._reactor = reactor
        self._ports = ports
        self._guises = guises
        self._token = token
        self._outboxes = Outboxes(reactor)

    async def introduce(self) -> None:
        """Log in as each guise while its name is free: else the first visit might register the name with
        another secret."""
        for guise in self._guises:
            visitor = Visitor(random.Random(guise.name), guise, self._token)
            mouth = await self._connect(self._ports["worker"][0], INTRODUCED)
            await logged_in(mouth, visitor)
            mouth.abort()

    async def make(self, plan: Plan) -> Outcome:
        """Make the visit, from beginning to end."""
        outcome = Outcome(plan)
        # Only the last guise's secret changes.
        guises = self._guises[-1:] if "SetSecret" in plan.state.likely else self._guises[:-1]
        visitor = Visitor(plan.chance, plan.chance.choice(guises), self._token)
        port = plan.chance.choice(self._ports[plan.state.port])
        try:
            mouth = await self._connect(port, plan.source)
        except (ConnectError, OSError) as why:
            outcome.failed = f"no connection: {type(why).__name__}"
            return outcome
        outcome.heard = mouth.heard
        crowd = await self._crowd(port, plan)
        try:
            reaching = Deferred.fromCoroutine(_reach(plan.state, mouth, visitor))
            await reaching.addTimeout(REACH_SECONDS, self._reactor)
            await self._speak(plan, mouth, visitor, outcome)
        except (ChatnetError, ConnectionClosed) as why:
            outcome.failed = type(why).__name__
        except (NotInTime, CancelledError):
            outcome.failed = f"not within {REACH_SECONDS} s"
        finally:
            outcome.closed = mouth.is_gone
            for one in (mouth, *crowd):
                one.abort()
        return outcome

    async def _speak(self, plan: Plan, mouth: Mouth, visitor: Visitor, outcome: Outcome) -> None:
        state, chance = plan.state, plan.chance
        inputs = Inputs(chance, state.likely, state.never, state.spoiled, known(visitor))
        mouth.let_go(inputs.asked)
        while outcome.said < plan.inputs and not mouth.is_gone:
            outcome.said += 1
            said = inputs.draw()
            for piece in _dribbled(said) if plan.dribbles else pieces(said, chance):
                mouth.write(piece)
                await deferLater(self._reactor, DRIBBLE_SECONDS if plan.dribbles else 0)
        await self._end(plan, mouth)

    async def _end(self, plan: Plan, mouth: Mouth) -> None:
        listen = LISTEN_SECONDS
        if plan.end == "linger":
            listen = plan.chance.choice(LINGER_SECONDS)
        elif plan.end == "half" and mouth.transport is not None:
            mouth.transport.loseWriteConnection()
        if plan.end != "abort" and not mouth.is_gone:
            lost = mouth.when_lost().addTimeout(listen, self._reactor, lambda result, _: None)
            await lost
        if plan.end == "close":
            mouth.hang_up()

    async def _crowd(self, port: int, plan: Plan) -> list[Mouth]:
        crowd: list[Mouth] = []
        with suppress(ConnectError, OSError):
            while len(crowd) < plan.crowd:
                crowd.append(await self._connect(port, plan.source))
                crowd[-1].write(plan.chance.choice(HALVES))
        return crowd

    async def _connect(self, port: int, source: str) -> Mouth:
        factory = Factory.forProtocol(lambda: Mouth(self._outboxes))
        factory.noisy = False
        endpoint = TCP4ClientEndpoint(
            self._reactor, "127.0.0.1", port, timeout=REACH_SECONDS, bindAddress=(source, 0)
        )
        mouth: Any = await endpoint.connect(factory)
        made: Mouth = mouth
        return made


def _dribbled(said: bytes) -> Iterator[bytes]:
    return (said[at : at + 1] for at in range(min(DRIBBLED, len(said))))


async def _reach(state: State, mouth: Mouth, visitor: Visitor) -> None:
    await state.reach(mouth, visitor)
