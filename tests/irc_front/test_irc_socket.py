"""Over a real socket: what a kernel does that no loop-back in memory does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from irc_front.stage import PASSWORD, SERVER
from twisted.internet.defer import ensureDeferred
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread
from web.real_front import AtOnce, reactor
from worker.conftest import Worker

from chatnet.worker.front import Shared
from chatnet.worker.fronts.irc.connection import IrcConnection
from chatnet.worker.fronts.irc.front import Irc
from chatnet.worker.fronts.irc.settings import IrcSettings
from chatnet.world import Clocks

SECONDS = 10.0


class Listening(Worker):
    """A worker whose IRC listens, until :meth:`stop`."""

    def __init__(self) -> None:
        super().__init__(clock=reactor, threads=AtOnce())
        clocks = Clocks(reactor, reactor.seconds, reactor.seconds)
        shared = Shared(self.outboxes, self.pulse, self.visitors, self.others)
        self._irc = Irc(shared, IrcSettings(clocks, self.entropy, name=SERVER))
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = self._connection  # type: ignore[method-assign,assignment]
        self._port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.address = "127.0.0.1", self._port.getHost().port

    def _connection(self, _: object) -> IrcConnection:
        return self._irc.connection(self.entrance)

    def settle(self) -> None:
        """Do nothing: the reactor does."""

    async def stop(self) -> None:
        """Close the port."""
        await self._port.stopListening()
        for call in reactor.getDelayedCalls():
            call.cancel()


@pytest.fixture
def front() -> Iterator[Listening]:
    front = Listening()
    yield front
    pytest_twisted.blockon(ensureDeferred(front.stop()))


def said_and_ended(address: Any, said: bytes) -> bytes:
    """Send this, end the stream, and return all that comes until the other end closes."""
    with socket.create_connection(address, SECONDS) as line:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
        heard = b""
        while more := line.recv(65536):
            heard += more
        return heard


@pytest_twisted.ensureDeferred
async def test_a_script_says_all_that_it_has_said(front: Listening) -> None:
    """``printf … | nc``: the end of its stream comes before the login is done; all lines are, and then it is
    closed. To read on would find that end again and again."""
    lines = [f"PASS :{PASSWORD}", "NICK alice", "USER a 0 * :a", "JOIN #tea"]
    lines += [*(f"PRIVMSG #tea :{number}" for number in range(50)), "PING end"]
    said = "".join(f"{line}\r\n" for line in lines).encode()
    heard = await deferToThread(said_and_ended, front.address, said)
    assert heard.endswith(f"PONG {SERVER} :end\r\nERROR :Closing link: Quit\r\n".encode())
    posts = [entry.text for entry in front.log.entries if entry.kind == "post"]
    assert posts == [str(number) for number in range(50)]
    assert not front.sessions.open
