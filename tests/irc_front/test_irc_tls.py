"""IRC over TLS, at the port at which it is spoken in plain."""

from __future__ import annotations

from typing import Any

import pytest
from irc_front.stage import PASSWORD, IrcStage
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory
from worker.conftest import Worker

from chatnet.auth import Token
from chatnet.net.first_byte import FirstByte, Handshakes
from chatnet.net.pair import self_made
from chatnet.net.tls import Presented, pinned
from chatnet.testing.loopback import Loopback

PAIR = self_made(Token(b"t" * 32))
LOGIN = f"CAP LS 302\r\nPASS :{PASSWORD}\r\nNICK alice\r\nUSER a 0 * :a\r\nCAP END\r\n".encode()


class Told(Protocol):
    """A client that keeps what it is told."""

    transport: Any

    def __init__(self) -> None:
        self.heard = b""

    def dataReceived(self, data: bytes) -> None:
        self.heard += data


class IrcFactory(Factory):
    """Makes the connections of ``stage``."""

    noisy = False

    def __init__(self, stage: IrcStage) -> None:
        self._stage = stage

    def buildProtocol(self, addr: Any) -> Any:
        return self._stage.irc.connection(self._stage.worker.entrance)


@pytest.mark.parametrize("by_tls", [True, False])
def test_a_line_over_tls(by_tls: bool) -> None:
    """One port tells TLS by its first byte, and both speak the same IRC there. Only over TLS a client is told
    for how long that is to be so, and shown to others as secure."""
    worker = Worker()
    stage = IrcStage(worker, sts=300)
    spoken = dict.fromkeys(stage.irc.begins, IrcFactory(stage))
    port = FirstByte(spoken, Presented(PAIR), Handshakes(worker.clock), worker.visitors, worker.clock)
    client = Told()
    end: Any = client
    if by_tls:
        dialling = TLSMemoryBIOFactory(
            pinned(PAIR.fingerprint), True, Factory.forProtocol(lambda: client), clock=worker.clock
        )
        end = dialling.buildProtocol(None)
    client.wire = Loopback(end, port.buildProtocol(None))  # type: ignore[attr-defined]
    worker.clients.append(client)  # type: ignore[arg-type]
    client.transport.write(LOGIN)
    worker.work()
    client.transport.write("JOIN #tea\r\nPRIVMSG #tea :schön\r\nWHOIS alice\r\nPING end\r\n".encode())
    worker.work()
    said = client.heard.decode()
    assert said.endswith("PONG irc.example :end\r\n")
    assert "JOIN #tea" in said
    assert [entry.text for entry in worker.log.entries if entry.kind == "post"] == ["schön"]
    assert ("sts=duration=300" in said) is (" 671 alice alice " in said) is by_tls
