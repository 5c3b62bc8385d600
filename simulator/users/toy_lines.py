"""A toy user's connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from chatnet.entries import Entry
from chatnet.net.pulse import Pulse
from chatnet.testing.toy_front import read_entry
from chatnet.wire.session import Login
from simulator.users.bare_line import BareLine
from simulator.users.unanswered import ERRORS


class Answer:
    """The words after ``OK``, and the entries that came before it."""

    def __init__(self, words: list[str], entries: list[Entry]) -> None:
        self.words, self.entries = words, entries


class Line(BareLine, LineOnlyReceiver):
    """One connection: questions with tags, and answers; ``hears`` gets what comes without a tag.

    It is :class:`~chatnet.net.pulse.Watched`.
    """

    delimiter = b"\n"

    def __init__(self, hears: Callable[[str, str], object], pulse: Pulse) -> None:
        super().__init__()
        self._hears = hears
        self._pulse = pulse
        self._asked = 0
        self._open: dict[str, Deferred[Answer]] = {}
        self._entries: dict[str, list[Entry]] = {}

    def connectionMade(self) -> None:
        self._pulse.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._pulse.discard(self)
        self.transport = None
        unanswered, self._open = self._open, {}
        for answer in unanswered.values():
            answer.errback(reason)
        self._tell_lost()

    # ---- sending ----

    def ask(self, said: str) -> Deferred[Answer]:
        """Fires with the answer; fails with the error, or when the connection is lost."""
        self._asked += 1
        tag = str(self._asked)
        answer = self._open[tag] = Deferred()
        self._say(f"{tag} {said}")
        return answer

    async def callRemote(self, command: type[Any], **arguments: Any) -> dict[str, Any]:
        """Ask as the real client's login does, by secret or by ticket."""
        if command is Login:
            shown = f"{arguments['secret'].hex()} {arguments['device'].hex()}"
            said = await self.ask(f"LOGIN {arguments['name']} {shown}")
            ticket = bytes.fromhex(said.words[1])
        else:
            said = await self.ask(f"RESUME {arguments['ticket'].hex()}")
            ticket = b""
        name = arguments.get("name", "resumed")
        return {"name": name, "log": said.words[0], "ticket": ticket, "workers": [], "now": None}

    def ping(self) -> None:
        self._say("ALIVE")

    def _say(self, line: str) -> None:
        if self.transport is not None:
            self.transport.write(f"{line}\n".encode())

    # ---- receiving ----

    def dataReceived(self, data: bytes) -> None:
        self.silent = 0.0
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        if self.transport is None:
            return
        word, _, rest = line.decode().partition(" ")
        if not word.isdigit():
            self._hears(word, rest)
            return
        how, _, said = rest.partition(" ")
        if how == "HAS":
            self._entries.setdefault(word, []).append(read_entry(said))
            return
        entries = self._entries.pop(word, [])
        answer = self._open.pop(word)
        if how == "OK":
            answer.callback(Answer(said.split(" "), entries))
        else:
            code, _, sentence = said.partition(" ")
            answer.errback(Failure(ERRORS[code](sentence)))
