"""A logged-in connection of IRC: what its client says, and what its session tells it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.cursor import Cursor
from chatnet.entries import KEY_BYTES, Entry, fresh_key, heard_at, listens
from chatnet.errors import ChatnetError, TryLater
from chatnet.faces import NO_IDENT, Face, face_of
from chatnet.irc import isupport, numerics, texts, writer
from chatnet.irc.batches import MULTILINE, Failed, Multiline
from chatnet.irc.lines import MOST_BYTES, Line, NotUtf8, TooLong, WithNul
from chatnet.irc.numerics import Numeric
from chatnet.names import fold_for, is_guest, is_room, is_talk
from chatnet.reads import PAGE_FACES, ShownFace
from chatnet.stays import changes
from chatnet.store.verifying import cursor_at
from chatnet.worker.fronts.connection import ConnectionPeer
from chatnet.worker.fronts.irc import events, marking, refusals
from chatnet.worker.fronts.irc.answers import Answers, Slot
from chatnet.worker.fronts.irc.budget import Budget
from chatnet.worker.fronts.irc.channel import PREFIX_BYTES, IrcChannel
from chatnet.worker.fronts.irc.command import Command, Pace
from chatnet.worker.fronts.irc.devices import Device
from chatnet.worker.fronts.irc.drafts import Drafts
from chatnet.worker.fronts.irc.faces import Faces
from chatnet.worker.fronts.irc.finding import find
from chatnet.worker.fronts.irc.people import states
from chatnet.worker.fronts.irc.roster import introduce
from chatnet.worker.fronts.irc.sees import Sees
from chatnet.worker.fronts.irc.talk import LONG

if TYPE_CHECKING:
    from chatnet.irc.caps import Negotiation
    from chatnet.irc.sasl import Exchange
    from chatnet.store.window import Window
    from chatnet.worker.fronts.irc.connection import IrcConnection
    from chatnet.worker.fronts.irc.front import Irc
    from chatnet.worker.session import Session
    from chatnet.worker.sessions import Sessions

MOST_UNANSWERED = 128
"""How many lines of a client may be unanswered; then it is not read."""
MOST_KEPT = 500
"""How much that a client hears may be kept until it was told of something older; the rest it reads later."""
MOST_LATER = 64
"""How many hints wait until a client has heard what stands before them; then the oldest is forgotten."""
LINGER_SECONDS = 30.0
"""Seconds that what came before the end of a connection may still take."""
GUESTS_LINGER_SECONDS = 10.0
"""The same of a guest. Its end is written then, before the primary does that, which hears of it no more."""
REST_A_TURN = 100
"""How many lines of a connection that is lost are done in one turn of the reactor."""
NO_TEXT = "Your line was not text in UTF-8, and nothing of it was done."
UNKNOWN_FACE = "How you are shown so far cannot be read at the moment: try again later."
_QUIT = Line({}, "QUIT", ())


def _prefix(seconds: float, entropy: Callable[[int], bytes]) -> bytes:
    """Return the first bytes of all keys of a connection: the time, as in all keys, and chance."""
    chance = blake2b(entropy(KEY_BYTES), digest_size=KEY_BYTES).digest()
    return fresh_key(seconds, lambda size: chance[:size])[:PREFIX_BYTES]


def error(sentence: str) -> bytes:
    """Return the last line on a connection."""
    return writer.line("", "ERROR", f"Closing link: {sentence}", trailing=True)


def _is_same(one: Face, other: Face) -> bool:
    return (one.spelled, one.real_name) == (other.spelled, other.real_name)


class IrcClient(ConnectionPeer):
    """One connection: a :class:`~chatnet.worker.peer.Peer`, and what is spoken on it
    (:class:`~chatnet.worker.fronts.irc.connection.IrcSpeech`).

    ``said_user`` and ``said_name`` are what it said of itself, ``real_name`` is what others are shown of the
    latter, if anything; ``joined`` are the rooms that it was told it is in; it ``shows`` that its user is
    here, unless it has said that nobody is at it. ``marks_told``: up to which seq it was told, or will be,
    that its user has read rooms.
    """

    __slots__ = (
        *(
            "_batch",
            "_budget",
            "_due",
            "_ended_by",
            "_has_missed",
            "_has_rest",
            "_is_busy",
            "_is_gone",
            "_is_held",
            "_is_leaving",
            "_kept",
            "_later",
            "_linger",
            "_rest_waits",
            "_why",
            "_words",
        ),
        *("answers", "caps", "exchange", "device", "drafts", "front", "joined"),
        *("modes", "monitors", "prefix", "real_name", "session", "sessions", "said_user", "signed_on"),
        *("_slow", "marks_told", "said_name", "shows", "spoke_at"),
    )

    _logger = Logger()
    is_stranger = is_idle = False
    lingers = None
    is_answering = True
    connection: IrcConnection
    shared = True
    session: Session

    def __init__(self, connection: IrcConnection, front: Irc, sessions: Sessions, caps: Negotiation) -> None:
        self.connection = connection
        self.front = front
        self.sessions = sessions
        self.caps = caps
        self.address, port = connection.peer
        self._name = str(Address(self.address, port))
        self.channel: IrcChannel = front.channel(sessions.log.log_id, Sees.of(caps.on, front.faces))
        wall = front.settings.clocks.wall
        self.prefix = b""
        self.drafts = Drafts(self, front.settings.entropy(16))
        self.device = Device(self)
        self.answers = Answers(self.put_line, front.settings.name, self._written)
        self.joined: dict[str, None] = {}
        self.exchange: Exchange | None = None
        self.said_user = self.said_name = self.real_name = ""
        self.modes: frozenset[str] = frozenset()
        self.shows = False
        self.monitors: dict[str, None] = {}
        self.marks_told: dict[str, int] = {}
        self.signed_on = self.spoke_at = wall()
        self._budget = Budget(front.seconds())
        self._due: Line | None = None
        self._is_busy = False
        self._is_held = self._is_leaving = self._is_gone = self._has_rest = self._has_missed = False
        self._rest_waits = False
        self._linger: IDelayedCall | None = None
        self._slow: IDelayedCall | None = None
        self._batch: Multiline | None = None
        self._kept: deque[tuple[Entry, str]] | None = None
        self._later: deque[tuple[int, str, bytes]] | None = None
        self._ended_by = self._why = ""
        self._words = "Connection closed"

    @property
    def window(self) -> Window:
        """The newest entries of the log."""
        return self.sessions.log.window

    def entry_at(self, seq: int) -> Entry | None:
        """Return the entry at ``seq``, if the window holds it: an acknowledged one may not have come."""
        found = self.window.after(seq - 1, 1) if self.window.holds(seq - 1) else ()
        return found[0] if found else None

    @property
    def user(self) -> str:
        """Whose session it is."""
        return self.session.user

    @property
    def nick(self) -> str:
        """What its user is called here: their name as they spell it."""
        return self.front.faces.nick(self.user)

    @property
    def fingerprint(self) -> bytes:
        """That of the certificate which this connection shows; empty if it shows none."""
        return self.connection.fingerprint

    @property
    def source(self) -> str:
        """Whom lines come from that are this user's."""
        return self.front.faces.source(self.user)

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone."""
        return self._is_gone

    @property
    def is_over(self) -> bool:
        """Whether the client hears nothing any more: it leaves, or is gone."""
        return self._is_leaving or self._is_gone

    def has(self, capability: str) -> bool:
        """Return whether the client has this capability on."""
        return capability in self.caps.on

    def choose_prefix(self) -> None:
        """Choose with what the keys of its drafts begin, as it enters the crowd: until then others may choose
        the same, as many come in one millisecond after a restart."""
        settings = self.front.settings
        while not self.prefix or self.prefix in self.front.crowd.of_key:
            self.prefix = _prefix(settings.clocks.wall(), settings.entropy)

    # ---- what the connection says: see Speech ----

    def begin(self) -> None:
        """Do nothing: the registration has said the welcome."""

    def receive(self, data: bytes) -> None:
        self.connection.lines.feed(data)

    def step(self) -> bool:
        if self._due is not None:
            line, self._due = self._due, None
            self._obey(line)
            return True
        if len(self.answers) >= MOST_UNANSWERED:
            self._hold_until_answered()
            return True
        if (wait := self._budget.wait(self.front.seconds())) > 0:
            self.hold()
            self._slow = self.front.shared.outboxes.later(wait, self.release)
            return True
        received = self.connection.lines.next()
        if received is None:
            if not self.connection.at_end or self._is_leaving:
                return False
            received = _QUIT
        match received:
            case Line():
                self._obey(received)
            case TooLong():
                self._not_read(received, numerics.ERR_INPUTTOOLONG)
            case NotUtf8(command, label) | WithNul(command, label):
                self._not_text(command, label)
        return True

    def filled(self) -> None:
        self.session.filled()

    def drained(self) -> None:
        if self._has_missed:
            self._has_missed = False
            for line in states(self, self.monitors):
                self.put_line(line)
        if self.keeps:  # it hears more once it was told of what it has heard, and that goes on now
            self.session.reads.go_on()
        else:
            self.session.drained()

    def ping(self) -> None:
        self.put_line(writer.line("", "PING", self.front.settings.name, trailing=True))

    def beat(self) -> None:
        """Look whether something was passed over meanwhile."""
        self.drafts.look()
        self._tell_later(self.session.reached)

    def too_many(self) -> None:
        """Nothing: it was counted before."""

    def fell_silent(self) -> None:
        self._why, self._words = "it was silent", "Ping timeout"
        self.close("Ping timeout")

    # ---- lines ----

    def _obey(self, line: Line) -> None:
        """Do what a line says, in its turn."""
        if self._is_leaving:
            return
        if self._is_of_batch(line):
            self._take_of_batch(line)
            return
        command = self.front.commands.get(line.command)
        if command is not None and command.pace is Pace.ALONE and len(self.answers):
            self._due = line
            self._hold_until_answered()
            return
        self.drafts.next_line()
        slot = self.answers.slot(self.label_of(line.label))
        if command is None:
            slot.say(self.numeric(numerics.ERR_UNKNOWNCOMMAND, writer.word(line.command)))
        elif len(line.params) < command.least:
            slot.say(self.numeric(numerics.ERR_NEEDMOREPARAMS, line.command))
        else:
            if command.pace is not Pace.DRAFTS:
                self.charge(command.price)
            self._run(command, slot, line)
            return
        self.charge()
        slot.end()

    def _is_of_batch(self, line: Line) -> bool:
        """Return whether it is a part of something long that the client says. What has begun is said whole,
        though the client has given up the capability meanwhile."""
        has_begun = self._batch is not None and self._batch.is_open
        return (line.command == "BATCH" or "batch" in line.tags) and (has_begun or self.has(MULTILINE))

    def _take_of_batch(self, line: Line) -> None:
        if self._batch is None:
            self._batch = Multiline()
        said = self._batch.said(line)
        self.charge()
        if said is None:
            return
        self.drafts.next_line()
        slot = self.answers.slot(self.label_of(said.label))
        if isinstance(said, Failed):
            slot.say(writer.line(self.front.settings.name, *said.words(), trailing=True))
            slot.end()
        else:
            whole = Line(said.tags, said.command, (said.target, said.text))
            self._run(LONG, slot, whole)

    def _run(self, command: Command, slot: Slot, line: Line) -> None:
        try:
            running = command.run(self, slot, line)
        except Exception:
            self._failed(Failure(), slot, line)
            return
        if running is not None:
            self.hold()
            self._is_busy = True
            Deferred.fromCoroutine(self._run_alone(running, slot, line)).addErrback(self._broke)
        elif command.pace is not Pace.DRAFTS:
            slot.end()

    async def _run_alone(self, running: Awaitable[Any], slot: Slot, line: Line) -> None:
        try:
            await running
        except Exception:
            self._failed(Failure(), slot, line)
        slot.end()
        self.release()
        self._is_busy = False
        if self._has_rest:
            self.front.shared.outboxes.next_turn(self._obey_more)

    def _broke(self, failure: Failure) -> None:
        self.connection.broken(failure)

    def _failed(self, failure: Failure, slot: Slot, line: Line) -> None:
        if isinstance(failure.value, ChatnetError):
            target = writer.word(line.params[0] if line.params else "*")
            self.refuse(slot, line.command, target, failure.value)
        else:
            self.log_failure(failure, line.command)
            sentence = "The server failed at this line; its log says why."
            slot.say(self.numeric(numerics.ERR_UNKNOWNERROR, writer.word(line.command), sentence))
        slot.end()

    def log_failure(self, failure: Failure, command: str) -> None:
        """Log that our own code failed at a command."""
        text = "A line of {peer} made the server fail; it was told so"
        if self.connection.shared.visitors.may_be_logged(text):
            self._logger.failure(text, failure, peer=self._name, command=command)

    def charge(self, lines: int = 1) -> None:
        """Count lines that the log did not take."""
        self._budget.spend(self.front.seconds(), lines)

    def _not_read(self, received: TooLong, number: Numeric) -> None:
        self.charge()
        slot = self.answers.slot(self.label_of(received.label))
        slot.say(self.numeric(number))
        slot.end()

    def _not_text(self, command: str, label: str) -> None:
        self.charge()
        slot = self.answers.slot(self.label_of(label))
        self.fail(slot, writer.word(command), "INVALID_UTF8", NO_TEXT)
        slot.end()

    def label_of(self, label: str) -> str:
        """Return the label with which a line is answered; empty if it gets none."""
        return label if label and self.has("labeled-response") and self.has("batch") else ""

    def _hold_until_answered(self) -> None:
        if not self._is_held:
            self._is_held = True
            self.hold()

    def _written(self) -> None:
        """Some answers were written."""
        left = len(self.answers)
        if self._is_held and (not left or (self._due is None and left <= MOST_UNANSWERED // 2)):
            self._is_held = False
            self.release()

    # ---- what is answered ----

    def numeric(self, what: Numeric, *params: str) -> bytes:
        """Return an answer with a number."""
        return writer.numeric(self.front.settings.name, self.nick, what, *params)

    def listed(self, words: Iterable[str], between: str, what: Numeric, *before: str) -> Iterator[bytes]:
        """Yield answers with a number that have these words, as many in each as fit into a line, behind the
        parameters ``before``; nothing for no words."""
        alone = len(self.numeric(what, *before, "x")) - len(b"x\r\n")
        whole = MOST_BYTES - alone + len(between)
        some: list[str] = []
        left = whole
        for word in words:
            size = len(word.encode()) + len(between)
            if some and size > left:
                yield self.numeric(what, *before, between.join(some))
                some, left = [], whole
            some.append(word)
            left -= size
        if some:
            yield self.numeric(what, *before, between.join(some))

    def refuse(self, slot: Slot, command: str, target: str, why: ChatnetError) -> None:
        """Answer that ``command`` was refused."""
        number = refusals.numeric_of(command, why)
        if number is None:
            self.fail(slot, command, refusals.code_of(why), refusals.words_for(why), target)
        elif number.text:
            slot.say(self.numeric(number, target))
        else:
            slot.say(self.numeric(number, target, refusals.sentence_of(why, target)))

    def fail(self, slot: Slot, command: str, code: str, sentence: str, *context: str) -> None:
        """Answer with FAIL. One of ours that no other specification has is a NOTICE for who did not ask for
        ``standard-replies``."""
        server = self.front.settings.name
        if self.has("standard-replies") or refusals.is_specified(command, code):
            slot.say(writer.line(server, "FAIL", command, code, *context, sentence, trailing=True))
        else:
            slot.say(self.notice(f"{command}: {sentence}"))

    def notice(self, sentence: str) -> bytes:
        """Return a line that tells the client something unasked."""
        return writer.line(self.front.settings.name, "NOTICE", self.nick, sentence, trailing=True)

    async def breathe(self) -> None:
        """Go on in another turn of the reactor, once the client has read enough of what was sent."""
        turn: Deferred[None] = Deferred()
        self.connection.outbox.flush()
        self.front.shared.outboxes.next_turn(lambda: turn.callback(None))
        await turn
        async with self.session.reads.turn():
            pass

    def hint(self, line: bytes) -> None:
        """Tell the client what it can do without, unless it does not read: nothing may wait in our memory."""
        if not self.full:
            self.put_line(line)

    def tell_state(self, line: bytes) -> None:
        """The same of somebody whom the client monitors: if it does not read, it is told of all of them once
        it does."""
        if self.full:
            self._has_missed = True
        else:
            self.put_line(line)

    def hint_behind(self, seq: int, room: str, line: bytes) -> None:
        """The same behind what it hears up to the seq ``seq``: not if it is no longer in the room by then, if
        it is something in one; nor is it lost, if the client does not read meanwhile."""
        if self._later is None:
            self._later = deque(maxlen=MOST_LATER)
        self._later.append((seq, room, line))
        self._tell_later(self.session.reached)

    def _tell_later(self, upto: int) -> None:
        """Tell the client of the hints up to a seq up to which it was told what it hears."""
        later = self._later
        while later and later[0][0] <= upto and not (self.full or self.keeps):
            _, room, line = later.popleft()
            if not room or room in self.joined:
                self.put_line(line)

    def put_line(self, line: bytes) -> None:
        """Send this at the end of this turn."""
        if self.connection.transport is not None:
            self.connection.outbox.put(line)

    # ---- what it hears ----

    def hears(self, entries: Sequence[Entry], place: str) -> None:
        """Tell the client of entries, of which some are its own affair."""
        for entry in entries:
            if self._kept is None:
                self._hear(entry, place)
            else:
                self._kept.append((entry, place))
                if len(self._kept) == MOST_KEPT:
                    self.front.shared.outboxes.next_turn(self._kept_enough)

    def _hear(self, entry: Entry, place: str) -> None:
        if self.drafts.heard(entry, place):
            return
        if self._is_own_stay(entry):
            self.stay(entry)
        elif self.is_shown(entry) and (lines := self.channel.lines(entry, place)):
            self.put_line(lines)

    @property
    def keeps(self) -> bool:
        """Whether what it hears is kept."""
        return self._kept is not None

    def keep(self) -> None:
        """Tell the client of nothing that it hears until :meth:`tell_kept`: what was said earlier, in a room
        that it has just joined, is to come first. Harmless if it is kept already."""
        if self._kept is None and not self._is_gone:
            self._kept = deque()
            self.front.crowd.keeping[self.ear] = self

    def tell_kept(self) -> None:
        """Tell the client what was kept, up to another room that it has joined."""
        kept, self._kept = self._kept, None
        if kept is None:
            return
        self.front.crowd.keeping.pop(self.ear, None)
        while kept and self._kept is None:
            entry, place = kept.popleft()
            self._tell_later(entry.seq)
            now = self.entry_at(entry.seq)  # its text may have been taken back since
            self._hear(entry if now is None or now.key != entry.key else now, place)
        if self._kept is not None:
            self._kept.extend(kept)
            return
        self._tell_later(self.session.reached)
        self.drafts.look()
        if not self.full:
            self.session.drained()

    def _kept_enough(self) -> None:
        if self.keeps:
            self.session.filled()

    def is_shown(self, entry: Entry) -> bool:
        """Return whether this connection is shown an entry that it hears: of what its own user says in
        conversations, only those that asked for that."""
        return self.channel.sees.own_talks or not (is_talk(entry.room) and entry.user == self.user)

    def _is_own_stay(self, entry: Entry) -> bool:
        return any(change.user == self.user and change.place == entry.room for change in changes(entry))

    def stay(self, entry: Entry) -> None:
        """Tell the client that its user is in a room, or no longer, if it does not know that."""
        begins = entry.kind in ("join", "create")
        if begins == (entry.room in self.joined):
            return
        self.note_stay(entry.room, begins)
        self.put_line(self.channel.own_stay(entry))
        if begins:
            self.introduce([entry.room])

    def note_stay(self, room: str, begins: bool) -> None:
        """The client is told of this now."""
        if self._is_gone:
            return
        if begins:
            self.joined[room] = None
        else:
            self.joined.pop(room, None)
        self.front.crowd.note_stay(self, room, begins)

    def introduce(self, rooms: Sequence[str]) -> None:
        """Tell the client who is in rooms that it was just told of, one after the other."""
        introducing = introduce(self, rooms)
        Deferred.fromCoroutine(introducing).addErrback(self._not_introduced)

    def _not_introduced(self, failure: Failure) -> None:
        if not isinstance(failure.value, ChatnetError):
            self.log_failure(failure, "NAMES")

    def rooms(self) -> list[str]:
        """Return the rooms that the user is in: their own first."""
        rooms = self.session.local_user.memberships.rooms()
        own = [] if is_guest(self.user) else [self.user]
        return [*own, *(room for room in rooms if is_room(room) and room != self.user)]

    def place_of(self, entry: Entry) -> str:
        """Return the first place where this user hears an entry."""
        memberships = self.session.local_user.memberships
        where = heard_at(entry) or (entry.room,)
        for place in where:
            if listens(self.user, memberships, place, entry.seq):
                return f"@{self.user}" if is_talk(place) or place == f"!{self.user}" else place
        known = (place for place in where if memberships.has(place) or place == self.user)
        return next(known, where[0])  # the stay has ended, and is too old to be known

    def arrive(self) -> None:
        """Tell the client where it is, and let it hear what it has missed, and what is said from now on."""
        rooms = self.rooms()
        for room in rooms:
            self.note_stay(room, True)
            self.put_line(events.joined(self.user, room, self.channel.sees))
        self._listen(self._hear_as_guest if is_guest(self.user) else self.device.begin)
        self.introduce(rooms)

    async def _hear_from_now(self) -> None:
        await self.session.chat(self.window.cursor)

    async def _hear_as_guest(self) -> None:
        """Let a guest hear all that was said to it since the log has it."""
        await self.session.chat(await cursor_at(self.sessions.log, self.session.by) or self.window.cursor)

    # ---- capabilities ----

    async def spell(self, face: Face) -> bool:
        """Have the user shown so; return whether that changes anything.

        :raises ChatnetError: that cannot be.
        """
        user, faces = self.user, self.front.faces
        if not is_guest(user):
            if user not in faces and not faces.are_known:
                raise TryLater(UNKNOWN_FACE)  # what they do not change now would be lost
            face = face._replace(ident=NO_IDENT)
        if _is_same(face, faces.face(user)) and await self._is_shown_so(face):
            return False
        drafts = self.session.drafts
        await self.drafts.append(lambda key: drafts.order(key, "spelling", None, face.text))
        return True

    def show_name(self) -> None:
        """Show others what the client has said that its user is called, once the log tells that these may be
        told their words."""
        self.real_name = ""
        if self.said_name and not is_guest(self.user):  # of those the log has it
            Deferred.fromCoroutine(self._show_name(self.session)).addErrback(self._not_introduced)

    async def _show_name(self, session: Session) -> None:
        if await session.reads.may_speak() and self.session is session:
            self.real_name = self.said_name

    def muted(self) -> None:
        """Its user was muted in the whole server: what it has said of itself others are shown no more."""
        self.said_name = self.real_name = ""

    async def _is_shown_so(self, face: Face) -> bool:
        """Return whether the log has the user shown so by now: another device may have changed that a moment
        ago."""

        async def ask(after: str) -> tuple[list[ShownFace], bool]:
            page = await self.session.reads.shown(after)
            return page, len(page) == PAGE_FACES

        found = await find(self.user, ask, lambda one: one.user)
        return _is_same(face, Faces.unsaid(self.user) if found is None else face_of(found.text))

    def capabilities_changed(self) -> None:
        """The client has another set on than before."""
        channel = self.front.channel(self.sessions.log.log_id, Sees.of(self.caps.on, self.front.faces))
        if channel is not self.channel:

            def change() -> None:
                self.channel = channel

            self.session.change_channel(change)
        self.front.crowd.note_capabilities(self)

    # ---- the end ----

    def quit(self, slot: Slot, reason: str) -> None:
        """The client leaves."""
        self._why, self._words = "it left", texts.in_passing(reason, isupport.MOST_REASON)
        self.close(f"Quit: {reason}" if reason else "Quit", slot)

    def close(self, sentence: str, slot: Slot | None = None) -> None:
        """Say why, and close; ``slot``: that is the answer to a line."""
        if self._is_leaving:
            return
        self._is_leaving = True
        self.session.unchat()
        if self.connection.transport is not None:
            (self.put_line if slot is None else slot.now)(error(sentence))
            self.connection.close()

    def lost(self, why: str) -> None:
        """The connection is gone: what it had said is still done."""
        self.session.unchat()
        self.front.gone(self)
        self._is_gone = True
        self.tell_kept()
        if self._slow is not None and self._slow.active():
            self._slow.cancel()
        if not self._is_leaving:
            self._has_rest = True
            self._obey_the_rest()
        self.drafts.forget_hearing()
        self._why = self._why or why
        if (self._has_rest or self.drafts.are_open) and not self._ended_by:
            seconds = GUESTS_LINGER_SECONDS if is_guest(self.user) else LINGER_SECONDS
            self._linger = self.front.shared.outboxes.later(seconds, self._lingered)
        else:
            self._has_rest = False
            self._end_session()

    def _obey_the_rest(self) -> None:
        """Append what the client had said in whole lines, and believe what it had heard; nobody is left to
        answer anything else. What it said before comes first."""
        if self._is_busy:
            return
        for _ in range(REST_A_TURN):
            if len(self.drafts) >= MOST_UNANSWERED:
                self._rest_waits = True  # for these: each takes more memory than its line does
                return
            received, self._due = self._due or self.connection.lines.next(), None
            if received is None or self._is_leaving:
                self._has_rest = False
                return
            command = self.front.commands.get(received.command)
            if isinstance(received, Line) and self._is_of_batch(received):
                self._take_of_batch(received)
            elif isinstance(received, Line) and command is not None and command.pace is Pace.DRAFTS:
                self.drafts.next_line()
                self._run(command, self.answers.slot(), received)
            elif received.command == "PONG" and isinstance(received, Line):
                self.device.answered(received.params)
        self.front.shared.outboxes.next_turn(self._obey_more)

    def _obey_more(self) -> None:
        """Go on with what the client had said."""
        if self._has_rest:
            self._obey_the_rest()
            if not (self._has_rest or self.drafts.are_open):
                self.drafts_done()

    def _lingered(self) -> None:
        """What a lost connection had said has taken too long."""
        self._has_rest = False
        self.drafts_done()

    def drafts_done(self) -> None:
        """Nothing that was appended is unanswered; or, of a lost connection, that has taken too long."""
        self.front.patience.goes_on(self)
        if self._has_rest:
            if self._rest_waits:
                self._rest_waits = False
                self.front.shared.outboxes.next_turn(self._obey_more)
            return
        linger, self._linger = self._linger, None
        if linger is not None:
            if linger.active():
                linger.cancel()
            self._end_session()

    def _end_session(self) -> None:
        """The connection is gone, and all that it had said is done: so is the guest."""
        self.session.lost(self._why)
        if is_guest(self.user):
            self.front.leaving.go(self.session, self.sessions, self.drafts.last_key(), self._words)

    # ---- what the session says: see Peer ----

    def put(self, posts: Sequence[Entry]) -> None:
        session = self.session
        for entry in self.device.replays(posts):
            if not session.listens:
                break
            self._tell_later(entry.seq)
            self.hears([entry], self.place_of(entry))
        self._tell_later(session.reached)
        self.connection.outbox.flush()
        self.drafts.look()
        self.device.caught_up(posts)

    def marked(self, room: str, seq: int) -> None:
        """Tell the client how far another connection of its user has read, if it wants to know."""
        if self.has("draft/read-marker"):
            telling = marking.tell_marked(self, self.sessions_room(room), seq)
            Deferred.fromCoroutine(telling).addErrback(self._not_introduced)

    def sessions_room(self, room: str) -> str:
        """Return the room that this user spells so."""
        return fold_for(room, self.user)

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        # Who is live has heard the entry itself.
        cursor = self.session.cursor
        if room and cursor is not None and cursor.seq >= seq:
            return
        self.compare_stays()

    def compare_stays(self) -> None:
        """Tell the client of all rooms that it is in, or no longer in, without knowing it."""
        rooms = dict.fromkeys(self.rooms())
        for room in [room for room in self.joined if room not in rooms]:
            self.note_stay(room, False)
            self.put_line(events.parted(self.source, room))
        new = [room for room in rooms if room not in self.joined]
        for room in new:
            self.note_stay(room, True)
            self.put_line(events.joined(self.user, room, self.channel.sees))
        if new:
            self.introduce(new)

    def moved(self) -> None:
        """Nothing: a client of IRC comes back by itself, once it is hung up on."""

    def rewound(self, to: Cursor) -> None:
        sentence = "The log was put back: some of what was said last is gone, and is not in the history."
        self.put_line(self.notice(sentence))
        self.marks_told.clear()
        self.device.rewound()
        self._listen(self._hear_from_now if is_guest(self.user) else self.device.begin)

    def _listen(self, begin: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Hear what was missed, and what is said from now on."""
        Deferred.fromCoroutine(begin()).addErrback(self._not_heard)

    def _not_heard(self, failure: Failure) -> None:
        if isinstance(failure.value, ChatnetError):  # what it has missed cannot be read now
            self.close(str(failure.value))
        else:
            self.log_failure(failure, "JOIN")
            self.close("The server failed")

    def ended(self, code: str, sentence: str) -> None:
        self._ended_by = refusals.words_at_end(code, sentence)

    def hang_up(self) -> None:
        self.close(self._ended_by or "The server is restarting: come back")

    def abort(self) -> None:
        self.connection.abort()
