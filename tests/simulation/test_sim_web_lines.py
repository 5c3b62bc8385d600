"""The connections of simulated users of the web: what they ask, and in which order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from chatnet.client.service import PULSE
from chatnet.net.pulse import Pulse
from simulator.users.web_lines import WebLine


class Asides:
    """What is asked on other connections; ``begun`` are those under way, by their names."""

    def __init__(self) -> None:
        self.begun: dict[str, Deferred[Any]] = {}

    def named(self, name: str) -> Any:
        def begin() -> Deferred[Any]:
            self.begun[name] = Deferred()
            return self.begun[name]

        return begin


def connected() -> tuple[WebLine, StringTransport]:
    clock = Clock()
    line = WebLine(print, Pulse(clock, clock.seconds, *PULSE), bytes, random.Random(1))
    transport = StringTransport()
    line.makeConnection(transport)
    return line, transport


def failed(asked: Sequence[Deferred[Any]]) -> list[str]:
    """Return with which errors these have failed."""
    found: list[str] = []

    def take(why: Failure) -> None:
        found.append(type(why.value).__name__)

    for one in asked:
        one.addErrback(take)
    return found


def test_what_is_asked_elsewhere_keeps_its_place() -> None:
    """It waits for the answers to what was said before, and what comes after it for its own."""
    line, transport = connected()
    asides = Asides()
    line.ask({"t": "post", "key": "first"})
    line.ask(asides.named("second"))
    line.ask({"t": "post", "key": "third"})
    assert not asides.begun
    line._said('{"t": "ok", "id": 1}')
    transport.clear()
    assert set(asides.begun) == {"second"}
    assert transport.value() == b""
    asides.begun["second"].callback({"seq": 2})
    assert transport.value() != b""


def test_behind_what_got_no_answer_nothing_is_asked() -> None:
    """It may be done or not: so what comes behind it is asked behind it on the next connection, and this one
    is ended."""
    line, transport = connected()
    asides = Asides()
    asked = [line.ask(asides.named("first")), line.ask(asides.named("second")), line.ask({"t": "post"})]
    transport.clear()
    asides.begun["first"].errback(ConnectionClosed("reset"))
    assert set(asides.begun) == {"first"}
    assert transport.value() == b""
    assert transport.disconnected
    line.connectionLost(Failure(ConnectionDone()))
    assert failed(asked) == ["ConnectionDone"] * 3
