"""A toy user's lines: one connection, and the questions over all of its connections.

Line        one connection, with its questions and answers
Unanswered  the questions of a client's life, asked again on each connection
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from chatnet.entries import Entry
from chatnet.errors import ChatnetError
from chatnet.net.pulse import Pulse
from chatnet.testing.toy_front import read_entry
from chatnet.wire.session import Login


class Answer:
    """The words after ``OK``, and the entries that came before it."""

    def __init__(self, words: list[str], entries: list[Entry]) -> None:
        self.words, self.entries = words, entries


class Line(LineOnlyReceiver):
    """One connection: questions with tags, and answers; ``hears`` gets what comes without a tag.

    It is :class:`~chatnet.net.pulse.Watched`.
    """

    delimiter = b"\n"
    transport: Any

    def __init__(self, hears: Callable[[str, str], object], pulse: Pulse) -> None:
        self.silent = 0.0
        self.is_paused = False
        self._hears = hears
        self._pulse = pulse
        self._asked = 0
        self._open: dict[str, Deferred[Answer]] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._when_lost: list[Deferred[None]] = []

    def connectionMade(self) -> None:
        self._pulse.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._pulse.discard(self)
        self.transport = None
        unanswered, self._open = self._open, {}
        for answer in unanswered.values():
            answer.errback(reason)
        for lost in self._when_lost:
            lost.callback(None)

    def when_lost(self) -> Deferred[None]:
        lost: Deferred[None] = Deferred()
        self._when_lost.append(lost)
        return lost

    # ---- sending ----

    def ask(self, command: str) -> Deferred[Answer]:
        """Fires with the answer; fails with the error, or when the connection is lost."""
        self._asked += 1
        tag = str(self._asked)
        answer = self._open[tag] = Deferred()
        self._say(f"{tag} {command}")
        return answer

    async def callRemote(self, command: type[Any], **arguments: Any) -> dict[str, Any]:
        """Ask as the real client's login does, by secret or by ticket."""
        if command is Login:
            said = await self.ask(f"LOGIN {arguments['name']} {arguments['secret'].hex()}")
            ticket = bytes.fromhex(said.words[1])
        else:
            said = await self.ask(f"RESUME {arguments['ticket'].hex()}")
            ticket = b""
        name = arguments.get("name", "resumed")
        return {"name": name, "log": said.words[0], "ticket": ticket, "workers": []}

    def ping(self) -> None:
        self._say("ALIVE")

    def fell_silent(self) -> None:
        self.abort()

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    def pause(self, is_paused: bool) -> None:
        """Stop reading, or read again."""
        if self.transport is not None and is_paused != self.is_paused:
            self.is_paused = is_paused
            (self.transport.pauseProducing if is_paused else self.transport.resumeProducing)()

    @property
    def address(self) -> str:
        """The worker's address, HOST:PORT."""
        peer = self.transport.getPeer()
        return f"{peer.host}:{peer.port}"

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


def _errors(root: type[ChatnetError]) -> dict[str, type[ChatnetError]]:
    found = {root.code.decode(): root}
    for kind in root.__subclasses__():
        found = {**_errors(kind), **found}
    return found


ERRORS = _errors(ChatnetError)
"""The errors by their codes."""


class Question:
    """A question, from its making to its answer: ``line`` is what is sent each time."""

    def __init__(self, line: str, secret: str = "") -> None:
        self.line, self.secret = line, secret
        self.answer: Deferred[Answer] = Deferred()


class Unanswered:
    """The questions under way, over all the connections of a client's life, in the order of their making."""

    def __init__(self) -> None:
        self._questions: dict[Question, None] = {}
        self._line: Line | None = None
        self._left: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._questions)

    def secrets(self) -> list[bytes]:
        """Return the secrets that may have been set although we were not told."""
        return [question.secret.encode() for question in self._questions if question.secret]

    def ask(self, question: Question) -> Deferred[Answer]:
        """Ask; fires with the answer or the refusal, over however many connections."""
        self._questions[question] = None
        if self._line is not None:
            self.send(question, self._line)
        return question.answer

    def attached(self, line: Line) -> None:
        """``line`` is logged in: ask everything again, before anything new."""
        self._line = line
        for question in list(self._questions):
            self.send(question, line)

    def detached(self) -> None:
        """The connection is gone."""
        self._line = self._left = None

    def leave(self) -> Deferred[None]:
        """Ask nothing new on this connection; fires when everything asked on it is answered."""
        self._line, self._left = None, Deferred()
        left, self._leaving = self._left, set(self._questions)
        self._look_whether_left()
        return left

    def send(self, question: Question, line: Line) -> None:
        """Ask ``question`` on ``line``, the first time or again."""
        line.ask(question.line).addBoth(self._answered, question)

    def _answered(self, answer: Answer | Failure, question: Question) -> None:
        if isinstance(answer, Failure) and answer.check(ConnectionClosed):
            return
        del self._questions[question]
        self._look_whether_left()
        (question.answer.errback if isinstance(answer, Failure) else question.answer.callback)(answer)  # type: ignore[arg-type]

    def _look_whether_left(self) -> None:
        if self._left is not None and not self._leaving & set(self._questions):
            left, self._left = self._left, None
            left.callback(None)
