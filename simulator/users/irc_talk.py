"""What an IRC user says on one connection, and how each line is answered there.

With labels an answer says which line it is of. Without them a line is followed by a PING: what the server
says before its PONG, and behind the one before, is the answer. A line for several targets is one for each of
them, in the history: each has its own number, and is answered by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.kinds import KindName
from chatnet.names import fold, is_guest
from chatnet.testing import history
from chatnet.testing.history import REACTION, UNTOLD, Message
from chatnet.testing.recorded import Recorder
from simulator.users.irc_lines import ALIVE, LABELLED, Batch, IrcLine, Item, Line, first_of, lines_of
from simulator.users.irc_words import seq_in

SAID = ("PRIVMSG", "NOTICE")
REACT = "+draft/react"
"""The tag of a TAGMSG that is a reaction."""
REPLIES = ("+reply", "+draft/reply")
"""The tags that say which message is answered."""
PLAYBACK = "draft/event-playback"
EVENTS = ("TOPIC", "KICK", "MODE", "JOIN", "PART", "NICK", "QUIT")
"""What is in histories beside what was said."""
NOT_OF_THE_LOG = {("REDACT", "INVALID_TARGET"), ("TOPIC", "482")}
"""What is refused over IRC alone: who is not in a channel takes nothing back there, and of a topic without an
owner only who has been there for longest sets the text."""
NAMELESS = "irc"
"""The device of those who name none."""
LOGGED_IN = "900"
NO_MOTD = "422"
"""This belongs to the welcome."""
MULTILINE, CONCAT = "draft/multiline", "draft/multiline-concat"
PLAIN: frozenset[str] = frozenset()
"""What the simplest client asks for."""
TIMED = frozenset(("message-tags", "server-time", "batch", "echo-message", LABELLED))
"""What a client asks for that wants to know what was said when, and does not ask for what it missed."""
FULL = frozenset(
    (
        *("message-tags", "server-time", "batch", "echo-message", "labeled-response", "standard-replies"),
        *("draft/chathistory", "draft/message-redaction", "draft/read-marker", "chatnet/key"),
    )
)
"""What a client asks for that wants to miss nothing."""
SOMETIMES = (
    *(MULTILINE, PLAYBACK, "extended-join", "away-notify", "no-implicit-names", "invite-notify", "setname"),
)
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
    """A line that is not answered yet, or not whole: ``answered`` is called once. If it is for several
    ``targets``, ``parts`` are those where it was not heard yet, by their numbers; and ``codes`` are of those
    among them that are known to be refused."""

    command: str
    answered: Callable[[Answer], object]
    targets: tuple[str, ...]
    parts: dict[int, str]
    codes: dict[int, str]


class _Becoming(NamedTuple):
    """By the line ``number`` the connection may become that of the user ``name``: then ``record`` records for
    it, and ``became`` is called."""

    number: int
    name: str
    record: Recorder
    became: Callable[[str], object]


class Talk:
    """A connection that is welcome. ``record`` records for it alone; ``sees`` gets each line that is shown,
    and the number of that of ours which it answers, or 0.

    A line may make it another user's. What is said behind that, before the answer, is said by whom the answer
    tells; if there is none, by either."""

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
        self._becoming: _Becoming | None = None
        self._changed: set[int] = set()
        self.channels: set[str] = set()
        self.is_over = False
        self.repeated: set[int] = set()
        """The lines that were said before, on another connection."""
        self.last = 0
        """The seq of the last message that was heard."""

    def begin(self, before: str = "") -> None:
        """Record that it is welcome; ``before``: it was that client's."""
        self.record(history.LoggedIn, how="each", asked=self.record.now)
        own = not self.on.isdisjoint(("echo-message", "znc.in/self-message"))
        has_ids = "message-tags" in self.on
        echoes = "echo-message" in self.on
        asks = "draft/chathistory" in self.on
        is_none = asks or is_guest(self.name)
        device = "" if is_none else self._device or (NAMELESS if "server-time" in self.on else "")
        plays = PLAYBACK in self.on
        what = {"echoes": echoes, "own_talks": own, "has_ids": has_ids, "catches_up": asks, "device": device}
        self.record(history.Negotiated, **what, plays=plays, before=before)

    def end(self) -> None:
        """The connection is lost: nothing of what it said is answered any more."""
        if self.is_over:
            return
        self.is_over = True
        becoming, self._becoming = self._becoming, None
        for record in (self.record, *([] if becoming is None else [becoming.record])):
            record(history.Stopped)

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
        return self._ask(command, [f"{command} {rest}".rstrip()], {"": draft}, answered, tags)

    def say_to_several(self, command: str, drafts: Mapping[str, Draft], text: str) -> int:
        """Say a line for several targets, each with what becomes of it there."""
        return self._ask(command, [f"{command} {','.join(drafts)} :{text}"], drafts, lambda _: None, "")

    def say_to_become(
        self, command: str, rest: str, name: str, record: Recorder, became: Callable[[str], object]
    ) -> None:
        """Say a line that is to make the connection that of the user ``name``, for which ``record`` records
        from then on; ``became`` is called if it does."""
        number = self.say(command, rest)
        record(history.Started)
        self._becoming = _Becoming(number, name, record, became)

    @property
    def is_becoming(self) -> bool:
        """Whether it is not known yet whose it is."""
        return self._becoming is not None

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
        return self._ask(command, [*said, f"BATCH -{name}"], {"": draft}, answered, tags)

    def _ask(
        self,
        command: str,
        lines: list[str],
        drafts: Mapping[str, Draft | None],
        answered: Callable[[Answer], object],
        tags: str,
    ) -> int:
        number, parts, becoming = self.next_number, dict[int, str](), self._becoming
        by = {} if becoming is None else {"behind": becoming.number, "either": becoming.record.client}
        for target, draft in drafts.items():
            self._numbers += 1
            parts[self._numbers] = target
            what = {} if draft is None else draft._asdict()
            self.record(history.Said, number=self._numbers, command=command, **what, **by)
        is_for_several = len(parts) > 1
        self._open[number] = _Open(command, answered, tuple(drafts), parts if is_for_several else {}, {})
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
        first = first_of(item)
        self._look_whose_it_is(first)
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

    def hears_within(self, item: Item, batch: Batch) -> None:
        """Take a part of an answer, at its place between what others say."""
        number = int(batch.tags["label"])
        opened = self._open.get(number)
        self._look_whose_it_is(first_of(item))
        if not (isinstance(item, Batch) and item.kind == "chathistory"):  # of a JOIN: what was said last
            self._sees(item, number)
        if opened is not None:
            self._answers_part(opened, item)

    def _look_whose_it_is(self, first: Line) -> None:
        """Find the line by which the connection is another user's."""
        becoming = self._becoming
        if becoming is None or (first.command, first.nick) not in (("NICK", self.name), (LOGGED_IN, "")):
            return
        self.record(history.Answered, number=becoming.number)
        self.record(history.Stopped)
        self._changed.add(becoming.number)
        before, self.name, self.record = self.record.client, becoming.name, becoming.record
        self._device = ""
        self.begin(before)
        self._becoming = None
        becoming.became(self.name)

    def _sees_all(self, item: Item, number: int) -> None:
        if isinstance(item, Batch) and item.kind == LABELLED:
            return  # each part of it was seen as it came
        if isinstance(item, Batch) and item.kind == "chathistory" and not number:
            for one in item.items:  # what its device has missed
                self._sees(one, 0)
        elif not isinstance(item, Batch) or item.kind == MULTILINE:
            self._sees(item, number)

    def _labelled(self, item: Item, number: int) -> None:
        if isinstance(item, Batch) and item.kind == LABELLED:
            self._answer(number, item.items)  # each part of it was looked at as it came
            return
        opened = self._open.get(number)
        if opened is not None:
            self._answers_part(opened, item)
        self._answer(number, [item])

    def _pong(self, token: str) -> None:
        if token == ALIVE:
            return
        if not token.isdigit():
            why = ValueError(f"nobody sent the token {token!r}")
            self._logger.failure("The front says PONG", Failure(why))
            return
        items, self._since_pong = self._since_pong, []
        opened = self._open.get(int(token))
        if opened is not None:
            for item in items:
                self._answers_part(opened, item)
        self._answer(int(token), items)

    def _answers_part(self, opened: _Open, item: Item) -> None:
        """Take what says what became of a line for one of its targets, if it does."""
        code, message = refusal(item, opened.command), message_of(item)
        at = first_of(item).params[1:2] if code else []
        if message is not None and message.by == self.name and "echo-message" in self.on and not code:
            # To others an own post is one of another device, or from before. It may be heard in a topic that
            # it names, as one is not in the room where it was said.
            heard = [target for number, target in opened.parts.items() if number not in opened.codes]
            at = [target for target in heard if fold(target) == message.target] or heard[:1]
        for number, target in list(opened.parts.items()):
            if [target] == at[:1] and code:
                opened.codes[number] = code
            elif [target] == at[:1] and message is not None:
                del opened.parts[number]
                self.record(history.Answered, number=number, seq=message.seq)

    def _answer_parts(self, opened: _Open, items: Sequence[Item]) -> None:
        """A line for several targets is answered: what nothing was said of is done, or the whole line is
        refused."""
        codes = [(refusal(item, opened.command), first_of(item).params[1:2]) for item in items]
        code = next((code for code, at in codes if code and not {*at} & {*opened.targets}), "")
        if not code and opened.command == "NOTICE":
            code = UNTOLD
        for number in opened.parts:
            self.record(history.Answered, number=number, code=opened.codes.get(number, code))
        opened.answered(Answer(code, items))

    def _answer(self, number: int, items: Sequence[Item]) -> None:
        opened = self._open.pop(number, None)
        if opened is None:
            if number not in self._done:
                why = ValueError(f"nobody said the line {number}")
                self._logger.failure("The front answers a line", Failure(why))
            self.record(history.Answered, number=number)
            return
        self._done.add(number)
        if number in self._changed:
            opened.answered(Answer("", items))  # the rest of it; it was answered as the user before
            return
        if self._becoming is not None and self._becoming.number == number:
            self._becoming = None  # it is not
        if len(opened.targets) > 1:
            self._answer_parts(opened, items)
            return
        code = next((code for item in items if (code := refusal(item, opened.command))), "")
        seq = 0
        for item in items:
            first = first_of(item)
            if first.nick == self.name and first.command in (opened.command, "BATCH") and not code:
                seq = seq or seq_of(item)
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
    line = first_of(item)
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
    if item.command == "TAGMSG" and item.nick and REACT in item.tags:
        return _message(item, item.params[0], item.tags[REACT], item, True)
    if item.command not in SAID or not item.nick:
        return None
    return _message(item, item.params[0], _words(item), item, False)


def _words(line: Line) -> str:
    text = line.params[1]
    return text[8:-1] if text.startswith("\x01ACTION ") and text.endswith("\x01") else text


def _message(first: Line, target: str, text: str, said: Line, is_whole: bool) -> Message:
    context = first.tags.get("+channel-context", "")
    target = target if target[0] in "#&" else target.lower()
    return Message(seq_of(first), first.nick, target, text, is_whole, context, _form(said), _ref(first))


def _form(said: Line) -> str:
    if said.command in ("NOTICE", "TAGMSG"):
        return {"NOTICE": "notice", "TAGMSG": REACTION}[said.command]
    return "action" if said.params[1][:1] == "\x01" else ""


def _ref(first: Line) -> int:
    """Return the seq of the message that is answered; 0: none is."""
    said = {first.tags.get(tag, "") for tag in REPLIES}
    if len(said) > 1:
        raise ValueError(f"the two tags that name what is answered differ: {first}")
    return seq_in(said.pop() or "0")


def event_of(item: Item) -> Message | None:
    """Return what an item of a history tells of what was done, if it tells that."""
    if not isinstance(item, Line) or item.command not in EVENTS or not item.nick:
        return None
    target, *words = item.params
    match item.command:
        case "KICK":
            words[0] = words[0].lower()
        case "MODE":
            words[1] = words[1].lower()
        case "JOIN":
            words = []  # who that is, for who asked for that
        case "NICK":
            target, words = "", [target.lower()]
        case "QUIT":
            target, words = "", [target]
    return Message(seq_of(item), item.nick, target, " ".join(words), True, form=item.command)
