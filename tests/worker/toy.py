"""Clients of the toy protocol of :mod:`chatnet.testing.toy_front`, over loop-backs."""

from __future__ import annotations

from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from worker.conftest import Worker

from chatnet.testing.loopback import Loopback
from chatnet.testing.toy_front import ToyChannel, ToyFront, read_entry
from chatnet.worker.front import Shared

KEYED = ("POST", "SAY", "JOIN", "LEAVE", "SECRET")


class _Lines(LineOnlyReceiver):
    delimiter = b"\n"

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.connected = True

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = False

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line.decode())


class ToyClient:
    """A client's end of a toy connection to ``worker``, logged in if a name is given.

    What it says gets a tag, and a new key where it needs one; secrets are spelled as bytes are.
    """

    def __init__(self, worker: Worker, channel: ToyChannel, name: str = "") -> None:
        self._worker = worker
        self._end = _Lines()
        self.server = ToyFront(
            worker.entrance,
            channel,
            worker.outboxes,
            Shared(worker.outboxes, worker.pulse, worker.visitors, worker.others),
        )
        worker.visitors.came(self.server, "")
        self.wire = Loopback(self._end, self.server)
        worker.clients.append(self)  # type: ignore[arg-type]
        if name:
            assert self.ask(f"LOGIN {name} {'s' * 32}").startswith("OK memory ")

    @property
    def connected(self) -> bool:
        return bool(self._end.connected)

    def begin(self, line: str) -> None:
        """Send a line, with a tag and a key."""
        command, _, rest = line.partition(" ")
        if command in KEYED:
            rest = f"{self._worker.entropy(16).hex()} {rest}"
        if command in ("LOGIN", "SECRET"):
            first, *secrets = rest.split(" ")
            rest = " ".join([first, *(secret.encode().hex() for secret in secrets)])
        self.say(f"1 {command} {rest}".rstrip())

    def say(self, line: str) -> None:
        """Send a line unchanged."""
        self.wire.client_transport.write(f"{line}\n".encode())
        self._worker.settle()

    def ask(self, line: str) -> str:
        """Send a line and return the first answer to it."""
        before = len(self.said())
        self.begin(line)
        return self.said()[before]

    def said(self) -> list[str]:
        """Return all answers without their tags, the codes of errors, and what else was said."""
        lines = (line for line in self._end.lines if not line.startswith(("HEAR ", "1 HAS ")))
        return [_without_code(line.removeprefix("1 ")) for line in lines]

    def heard(self) -> list[str]:
        """Return everything it was shown: PLACE SEQ KIND USER TEXT."""
        lines = (line.removeprefix("HEAR ") for line in self._end.lines if line.startswith("HEAR "))
        return [_shown(*line.split(" ", 1)) for line in lines]

    def had(self) -> list[str]:
        """Return the texts of the posts that came with answers."""
        given = (line.removeprefix("1 HAS ") for line in self._end.lines if line.startswith("1 HAS "))
        return [read_entry(words).text for words in given]

    def cut(self) -> None:
        """Lose the connection."""
        self.wire.cut()
        self._worker.clients.remove(self)  # type: ignore[arg-type]


def _shown(place: str, words: str) -> str:
    one = read_entry(words)
    return f"{place} {one.seq} {one.kind} {one.user} {one.text}"


def _without_code(line: str) -> str:
    return f"NO {line.split(' ', 2)[2]}" if line.startswith("NO ") else line
