"""A connection that speaks correctly until it is in the wanted state, and then says anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.protocols import amp
from twisted.python.failure import Failure

from chatnet.errors import InternalFailure
from chatnet.net.first_byte import TLS
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.wire.boxes import Boxes, Malformed

ALERT = 0x15
"""The first byte of what TLS says about a handshake that it cannot read."""
MOST_SENTENCE = 1000
"""How long the sentence of an error may be, in characters: people read it."""


class Heard:
    """What came back: ``codes`` counts answers by their kind; ``wrong`` are those that must never come."""

    def __init__(self) -> None:
        self.codes: Counter[str] = Counter()
        self.wrong: list[str] = []

    def box(self, box: Mapping[bytes, bytes], asked: Mapping[bytes, str]) -> None:
        """Count ``box``, and note it if it must never come; ``asked`` names the commands of the asks."""
        if amp.ERROR not in box:
            self.codes["answer" if amp.ANSWER in box else "command"] += 1
            return
        code, sentence = box.get(amp.ERROR_CODE, b""), box.get(amp.ERROR_DESCRIPTION, b"")
        self.codes[code.decode("ascii", "replace")] += 1
        name = asked.get(box[amp.ERROR], "what was not asked")
        if code == InternalFailure.code:
            self.wrong.append(f"{name} was answered by {code.decode()}")
        shown = sentence.decode("utf-8", "replace")
        if len(shown) > MOST_SENTENCE or not shown.isprintable():
            self.wrong.append(f"{name} was answered by {shown[:200]!r}, which is not for people")


class Mouth(Link):
    """See above; ``heard`` is what came back after :meth:`let_go`."""

    def __init__(self, outboxes: Outboxes) -> None:
        super().__init__(Locator(), outboxes)
        self.heard = Heard()
        self.asked: Mapping[bytes, str] = {}
        self.is_gone = False
        self._is_loose = self._has_spoken = self._speaks_tls = False
        self._stream = Boxes()

    def let_go(self, asked: Mapping[bytes, str]) -> None:
        """Say anything from now on; ``asked`` names the commands of the asks."""
        self.asked = asked
        self._is_loose = True

    def write(self, said: bytes) -> None:
        """Send ``said``, whatever it is."""
        if self.transport is not None:
            if said and not self._has_spoken:
                self._has_spoken, self._speaks_tls = True, said[0] == TLS
            self.transport.write(said)

    def sendBox(self, box: Any) -> None:
        self._has_spoken = True
        super().sendBox(box)

    def stop_reading(self) -> None:
        """Stop reading what comes."""
        if self.transport is not None:
            self.transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        if not self._is_loose:
            super().dataReceived(data)
            return
        if self._speaks_tls and data[0] == ALERT:
            self.heard.codes["a TLS alert"] += 1
            return
        try:
            for box in self._stream.feed(data):
                self.heard.box(box, self.asked)
        except Malformed as why:
            self.heard.wrong.append(f"the other end says what cannot be read: {why}")
            self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_gone = True
        super().connectionLost(reason)

    def unhandledError(self, failure: Failure) -> Any:
        """Ignore ``failure``: if a correct command gets no answer, the visit ends anyway."""
