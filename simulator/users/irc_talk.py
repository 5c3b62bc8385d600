"""What an IRC user says on one connection, and how each line is answered there.

With labels an answer says which line it is of. Without them a line is followed by a PING: what the server
says before its PONG, and behind the one before, is the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.kinds import KindName
from chatnet.testing import history
from chatnet.testing.history import UNTOLD, Message
from chatnet.testing.recorded import Recorder
from simulator.users.irc_lines import ALIVE, Batch, IrcLine, Item, Line, lines_of

SAID = ("PRIVMSG", "NOTICE")
NOT_OF_THE_LOG = {("REDACT", "INVALID_TARGET"), ("TOPIC", "482")}
"""What is refused over IRC alone: who is not in a channel takes nothing back there, and of a topic without an
owner only who has been there for longest sets the text."""
NAMELESS = "irc"
"""The device of those who name none."""
NO_MOTD = "422"
"""This belongs to the welcome."""
MULTILINE, CONCAT = "draft/multiline", "draft/multiline-concat"
PLAIN: frozenset[str] = frozenset()
"""What the simplest client asks for."""
TIMED = frozenset(("message-tags", "server-time", "batch", "echo-message", "labeled-response"))
"""What a client asks for that wants to know what was said when, and does not ask for what it missed."""
FULL = frozenset(
    (
        *("message-tags", "server-time", "batch", "echo-message", "labeled-response", "standard-replies"),
        *("draft/chathistory", "draft/message-redaction", "draft/read-marker", "chatnet/key"),
    )
)
"""What a client asks for that wants to miss nothing."""
SOMETIMES = (MULTILINE, "extended-join", "away-notify", "no-implicit-names", "invite-notify", "setname")
"""What some of them ask for besides."""


class Draft(NamedTuple):
    """What of the log a line is to become: see :class:`~chatnet.testing.history.Said`."""

    kind: KindName
    room: str = ""
    text: str = ""
    to: str = ""
    ref: int = 0
    check_of: int = 0


class Answer(NamedTuple):
    """How a line was answered: the ``code`` with which it was refused, or none; and by what."""

    code: str
    items: Sequence[Item]
    seq: int = 0

    def lines(self) -> Iterator[Line]:
        """Yield its lines."""
        for item in self.items:
            yield from lines_of(item)


class _Open(NamedTuple):
    """A line that is not answered yet, or not whole: ``answered`` is called once."""

    number: int
    command: str
    answered: Callable[[Answer], object]


class Talk:
    """A connection that is welcome. ``record`` records for it alone; ``sees`` gets each line that is shown,
    and the number of that of ours which it answers, or 0."""

    _logger = Logger()

    def __init__(
        self,
        line: IrcLine,
        record: Recorder,
        name: str,
        on: frozenset[str],
        device: str,
        sees: Callable[[Item, int], object],
    ) -> None:
        self._line = line
        self.record = record
        self.name = name
        self.on = on
        self._device = device
        self.has_labels = "labeled-response" in on
        self._sees = sees
        self._numbers = 0
        self._open: dict[int, _Open] = {}
        self._done: set[int] = set()
        self._since_pong: list[Item] = []
        self.channels: set[str] = set()
        self.is_over = False
        self.repeated: set[int] = set()
        """The lines that were said before, on another connection."""
        self.last = 0
        """The seq of the last message that was heard."""

    def begin(self) -> None:
        """Record that it is welcome."""
        self.record(history.LoggedIn, how="each")
        own = not self.on.isdisjoint(("echo-message", "znc.in/self-message"))
        has_ids = "message-tags" in self.on
        echoes = "echo-message" in self.on
        asks = "draft/chathistory" in self.on
        device = "" if asks else self._device or (NAMELESS if "server-time" in self.on else "")
        what = {"echoes": echoes, "own_talks": own, "has_ids": has_ids, "catches_up": asks, "device": device}
        self.record(history.Negotiated, **what)

    def end(self) -> None:
        """The connection is lost: nothing of what it said is answered any more."""
        if not self.is_over:
            self.is_over = True
            self.record(history.Stopped)

    def __len__(self) -> int:
        """How many lines are not answered yet."""
        return len(self._open)

    @property
    def next_number(self) -> int:
        """The number of the line that is said next."""
        return self._numbers + 1

    # ---- saying ----

    def say(
        self,
        command: str,
        rest: str = "",
        draft: Draft | None = None,
        answered: Callable[[Answer], object] = lambda _: None,
        tags: str = "",
    ) -> int:
        """Say a line, and return its number; ``answered`` is called with its answer, if there is one."""
        return self._ask(command, [f"{command} {rest}".rstrip()], draft, answered, tags)

    def say_long(
        self,
        command: str,
        target: str,
        lines: Sequence[tuple[str, bool]],
        draft: Draft,
        answered: Callable[[Answer], object],
        tags: str = "",
    ) -> int:
        """Say something in several lines; of each that it goes on with the one before, or does not."""
        name = f"b{self._numbers + 1}"
        said = [f"BATCH +{name} {MULTILINE} {target}"]
        for text, goes_on in lines:
            marks = f"batch={name};{CONCAT}" if goes_on else f"batch={name}"
            said.append(f"@{marks} {command} {target} :{text}")
        return self._ask(command, [*said, f"BATCH -{name}"], draft, answered, tags)

    def _ask(
        self,
        command: str,
        lines: list[str],
        draft: Draft | None,
        answered: Callable[[Answer], object],
        tags: str,
    ) -> int:
        self._numbers += 1
        number = self._numbers
        what = {} if draft is None else draft._asdict()
        self.record(history.Said, number=number, command=command, **what)
        self._open[number] = _Open(number, command, answered)
        if self.has_labels:
            marks = f"label={number};{tags}" if tags else f"label={number}"
            self._line.say(f"@{marks} {lines[0]}", *lines[1:])
        else:
            self._line.say(*lines, f"PING {number}")
        return number

    def ask(self, command: str, rest: str = "") -> Deferred[Answer]:
        """Say a line; fires with its answer, or fails once the connection is lost."""
        asked: Deferred[Answer] = Deferred()
        if self.is_over:
            asked.errback(ConnectionDone())
        else:
            self.say(command, rest, None, asked.callback)
            self._line.when_lost().addCallback(_lost, asked)
        return asked

    # ---- what comes ----

    def hears(self, item: Item) -> None:
        """Take what came: an answer, what others say, or both."""
        first = item if isinstance(item, Line) else item.begun
        label = item.tags.get("label")
        if label is not None:
            self._sees_all(item, int(label))
            self._labelled(item, int(label))
        elif first.command == "PONG":
            self._pong(first.params[-1])
        else:
            is_answer = not (self.has_labels or first.nick) and first.command not in ("PING", "ERROR")
            if is_answer or first.nick == self.name:
                self._since_pong.append(item)
            self._sees_all(item, 0)

    def _sees_all(self, item: Item, number: int) -> None:
        if isinstance(item, Batch) and item.kind == "labeled-response":
            is_shown_newest = number in self._open and self._open[number].command == "JOIN"
            for one in item.items:
                if not (is_shown_newest and message_of(one)):
                    self._sees(one, number)
        elif isinstance(item, Batch) and item.kind == "chathistory" and not number:
            for one in item.items:  # what its device has missed
                self._sees(one, 0)
        elif not isinstance(item, Batch) or item.kind == MULTILINE:
            self._sees(item, number)

    def _labelled(self, item: Item, number: int) -> None:
        items = item.items if isinstance(item, Batch) and item.kind == "labeled-response" else [item]
        self._answer(number, items)

    def _pong(self, token: str) -> None:
        if token == ALIVE:
            return
        if not token.isdigit():
            why = ValueError(f"nobody sent the token {token!r}")
            self._logger.failure("The front says PONG", Failure(why))
            return
        items, self._since_pong = self._since_pong, []
        self._answer(int(token), items)

    def _answer(self, number: int, items: Sequence[Item]) -> None:
        opened = self._open.pop(number, None)
        if opened is None:
            if number not in self._done:
                why = ValueError(f"nobody said the line {number}")
                self._logger.failure("The front answers a line", Failure(why))
            self.record(history.Answered, number=number)
            return
        self._done.add(number)
        code = next((code for item in items if (code := refusal(item, opened.command))), "")
        seq = 0
        for item in items:
            first = item if isinstance(item, Line) else item.begun
            if first.nick == self.name and first.command in (opened.command, "BATCH") and not code:
                seq = seq_of(item) or seq
        is_silent = opened.command == "NOTICE" and not seq and not code
        if is_silent or (opened.command, code) in NOT_OF_THE_LOG:
            code = UNTOLD  # no error answers a notice
        self.record(history.Answered, number=number, code=code, seq=seq)
        opened.answered(Answer(code, items, seq))


def _lost(_: None, asked: Deferred[Answer]) -> None:
    if not asked.called:
        asked.errback(ConnectionClosed("it is lost"))


def refusal(item: Item, command: str) -> str:
    """Return the code with which something refuses ``command``; empty if it does not."""
    line = item if isinstance(item, Line) else item.begun
    if line.command == "FAIL":
        return line.params[1]
    if line.command == "NOTICE" and not line.nick and line.params[-1].startswith(f"{command}: "):
        return "FAIL"  # who has no capability is told no code
    if len(line.command) == 3 and line.command[0] in "45" and line.command.isdigit():
        return "" if line.command == NO_MOTD else line.command
    return ""


def seq_of(item: Item) -> int:
    """Return the seq of what came with an id; 0 if it has none."""
    said = item.tags.get("msgid", "")
    return int(said.partition("-")[0], 36) if said else 0


def message_of(item: Item) -> Message | None:
    """Return what an item tells of a post, if it does."""
    if isinstance(item, Batch):
        lines = [line for line in item.items if isinstance(line, Line)]
        if item.kind != MULTILINE or not lines:
            return None
        text = "".join(f"{'' if CONCAT in line.tags else chr(10)}{_words(line)}" for line in lines)[1:]
        return _message(item.begun, item.begun.params[2], text, lines[0], True)
    if item.command not in SAID or not item.nick:
        return None
    return _message(item, item.params[0], _words(item), item, False)


def _words(line: Line) -> str:
    text = line.params[1]
    return text[8:-1] if text.startswith("\x01ACTION ") and text.endswith("\x01") else text


def _message(first: Line, target: str, text: str, said: Line, is_whole: bool) -> Message:
    form = "notice" if said.command == "NOTICE" else "action" if said.params[1][:1] == "\x01" else ""
    context = first.tags.get("+channel-context", "")
    target = target if target[0] in "#&" else target.lower()
    return Message(seq_of(first), first.nick, target, text, is_whole, context, form)
