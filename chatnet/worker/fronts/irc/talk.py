"""What is said: PRIVMSG, NOTICE, TAGMSG."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Literal, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatnet.entries import KEY_BYTES, Entry, More, Ref, heard_at, other_side
from chatnet.errors import UNREAD, ChatnetError, NoReason, NoSuchPost, NoSuchRoom, OwnRoom
from chatnet.irc import isupport, msgids, numerics, targets, texts, writer
from chatnet.irc.isupport import TYPING
from chatnet.irc.targets import CHANTYPES, Nick
from chatnet.irc.texts import Dropped, Said
from chatnet.names import GUEST, is_talk
from chatnet.typists import DOES, Does
from chatnet.worker.fronts.irc import events, refusals
from chatnet.worker.fronts.irc.command import Command, Pace
from chatnet.worker.fronts.irc.faces import Faces
from chatnet.worker.fronts.irc.marking import NoTarget, known_room
from chatnet.worker.fronts.irc.refusals import words_for
from chatnet.worker.fronts.irc.said import REACT, command_of, head_of, reaction, room_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient

Form = Literal["notice", "action", ""]
MOST_REACTION_BYTES = 512
"""How long the tag of a reaction is at most."""
KEY = "+chatnet/key"
"""The tag by which a client names the key of a post: who says it again says it once."""
_KEY_LETTERS = 22


def privmsg(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say something in channels, or to users."""
    _say(client, slot, line, "PRIVMSG")


def notice(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say something as a program; no error ever answers it."""
    _say(client, slot, line, "NOTICE")


def long_post(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say something in several lines, which came as a batch."""
    saying = Saying(client, slot, line.command, line.tags)
    try:
        saying.say(line.params, is_long=True)
    finally:
        saying.done()


def tagmsg(client: IrcClient, slot: Slot, line: Line) -> None:
    """React to something, or say whether one is typing: of other tags alone nothing goes on."""
    saying = Saying(client, slot, "TAGMSG", line.tags)
    try:
        (saying.types if TYPING in line.tags and REACT not in line.tags else saying.react)(line.params)
    finally:
        saying.done()


def _say(client: IrcClient, slot: Slot, line: Line, command: str) -> None:
    client.spoke_at = client.front.settings.clocks.wall()
    saying = Saying(client, slot, command, line.tags)
    try:
        saying.say(line.params)
    finally:
        saying.done()


def to_room(target: str, faces: Faces) -> str | None:
    """Return the room of a target as the session spells it: a user is their conversation."""
    meant = targets.room_of(target)
    if meant is None:
        return None
    return "@" + faces.user_of(meant.name) if isinstance(meant, Nick) else meant.room


class Saying:
    """One line that says something, at one target or several: it ends its slot once all are answered."""

    __slots__ = ("_chosen", "_client", "_command", "_left", "_slot", "_tags")

    def __init__(self, client: IrcClient, slot: Slot, command: str, tags: Mapping[str, str]) -> None:
        self._client = client
        self._slot = slot
        self._command = command
        self._tags = tags
        self._chosen = tags.get(KEY) if client.has("chatnet/key") else None
        self._left = 1

    def say(self, params: tuple[str, ...], is_long: bool = False) -> None:
        """Append a post for each target; ``is_long``: it may need several lines."""
        targets = self._named(params)
        if not targets:
            return
        meant = texts.incoming(params[1]) if len(params) > 1 and params[1] else None
        if isinstance(meant, Dropped):
            self._dropped(meant)
            return
        if meant is None or not meant.text.strip():
            self._no(self._client.numeric(numerics.ERR_NOTEXTTOSEND))
            return
        form: Form = "notice" if self._command == "NOTICE" else meant.form
        if self._may_be_for(targets):
            for target in targets:
                self._post(target, meant.text, form, is_long)

    def react(self, params: tuple[str, ...]) -> None:
        """Append a reaction for each target: a post that says which, and answers what it is about. If it is
        none, nothing of the line goes on."""
        targets, said = self._named(params), self._tags.get(REACT, "")
        can_react = self._client.has("message-tags") and self._ref is not None
        meant = texts.incoming(said) if said and can_react else None
        if not (targets and isinstance(meant, Said) and meant.text.strip() and self._may_be_for(targets)):
            self._client.charge()
        elif len(reaction(meant.text).encode()) > MOST_REACTION_BYTES:
            self._no(self._client.numeric(numerics.ERR_INPUTTOOLONG))
        else:
            for target in targets:
                self._post(target, meant.text, "", is_long=True)

    def types(self, params: tuple[str, ...]) -> None:
        """Tell others that the user is typing, or no longer: a help, to which no error is answered."""
        client, targets, does = self._client, self._named(params), self._tags[TYPING]
        if not (targets and does in DOES and client.has("message-tags") and self._may_be_for(targets)):
            client.charge()
            return
        client.charge(len(targets))
        typing = client.front.typing
        for target in targets:
            spelled = to_room(target, client.front.faces)
            if spelled is not None and (room := typing.room(client, spelled)) is not None:
                typing.says(client, room, cast(Does, does))
                if client.has("echo-message"):
                    self._slot.say(typing.line(client.user, self._shown(spelled), does))

    def _named(self, params: tuple[str, ...]) -> list[str]:
        """Return for whom it is, each once however they are spelled; say so, if it is for nobody."""
        named: dict[object, str] = {}
        for one in targets.listed(params[0]) if params else ():
            named.setdefault(targets.room_of(one) or one, one)
        if not named:
            self._no(self._client.numeric(numerics.ERR_NORECIPIENT))
        return list(named.values())

    def _may_be_for(self, targets: list[str]) -> bool:
        """Return whether it may be for so many, with its key; if not, say so."""
        if len(targets) > isupport.MOST_TARGETS:
            sentence = f"A line is for at most {isupport.MOST_TARGETS} targets."
            self._no(self._client.numeric(numerics.ERR_TOOMANYTARGETS, writer.word(targets[0]), sentence))
            return False
        if self._chosen is not None and (len(targets) > 1 or _key_in(self._chosen) is None):
            self._fail("INVALID_KEY", "A key is 22 letters of base64url, for one target.")
            return False
        if len(targets) > 1 and self._client.has("echo-message"):
            self._slot.begin_now()
        return True

    def _post(self, target: str, text: str, form: Form, is_long: bool) -> None:
        client = self._client
        room = to_room(target, client.front.faces)
        if room is None:
            is_channel = target[0] in CHANTYPES
            number = numerics.ERR_NOSUCHCHANNEL if is_channel else numerics.ERR_NOSUCHNICK
            self._no(client.numeric(number, writer.word(target)))
            return
        head = head_of(client.source, command_of(form), self._shown(room))
        if not is_long and len(text.encode()) > room_for(head, form):
            # With our name before it, it is too long for a line: nobody shall get half of it.
            self._no(client.numeric(numerics.ERR_INPUTTOOLONG))
            return
        more, meant = self._more(form), client.front.faces.here_at(room[1:])
        key = self._key()
        self._left += 1
        try:
            client.drafts.send(
                key,
                lambda key: client.session.drafts.post(key, text, room, more, meant),
                lambda entry, place, seq: self._heard(room, entry, place, seq),
                lambda failure: self._refused(failure, target),
            )
        except ChatnetError as why:
            self._refuse(why, target)

    def _shown(self, room: str) -> str:
        """Return what a room is called in lines: of a user, as the session spells it, their nick."""
        return self._client.front.faces.nick(room[1:]) if room[0] == "@" else events.channel(room)

    def _key(self) -> bytes:
        return (_key_in(self._chosen) if self._chosen else None) or self._client.drafts.key()

    def _more(self, form: Form) -> More | None:
        ref, reacts = self._ref, self._command == "TAGMSG"
        return More(form=form, ref=ref, reacts=reacts) if form or ref is not None else None

    @property
    def _ref(self) -> Ref | None:
        """The message that is answered, if the client has named one."""
        said = self._tags.get("+reply") or self._tags.get("+draft/reply")
        return msgids.read(said) if said else None

    # ---- how each post ends ----

    def _heard(self, room: str, entry: Entry | None, place: str, seq: int) -> None:
        if entry is None and self._client.connection.transport is not None:
            # It was said before, on another connection, too long ago for the window.
            reading = Deferred.fromCoroutine(self._read(room, seq))
            reading.addErrback(self._not_read).addCallback(lambda _: self.done())
            return
        if entry is not None:
            self._echo(entry, place)
            if self._left == 1:
                self._slot.close_now()
        self.done()

    async def _read(self, room: str, seq: int) -> None:
        for post in await self._client.session.reads.history(room, seq + 1):
            if post.seq == seq:
                self._echo(post, "")

    def _not_read(self, failure: Failure) -> None:
        if isinstance(failure.value, ChatnetError):
            self._fail(refusals.code_of(failure.value), str(failure.value))
        else:
            self._client.log_failure(failure, self._command)

    def _echo(self, entry: Entry, place: str) -> None:
        client = self._client
        absent = self._absence(entry)
        if not client.has("echo-message"):
            self._slot.say(*absent)
        elif lines := client.channel.lines(entry, place or self._place(entry)):
            if absent:
                self._slot.begin_now()
            for line in (*absent, lines):
                self._slot.now(line)

    def _place(self, entry: Entry) -> str:
        return f"@{self._client.user}" if is_talk(entry.room) else entry.room

    def _absence(self, entry: Entry) -> Sequence[bytes]:
        """Return what the author is told of the other one in a conversation who is away."""
        if self._command != "PRIVMSG" or not is_talk(entry.room):
            return ()
        client = self._client
        other = other_side(entry.room, client.user)
        words = client.front.presence.words(other)
        return (client.numeric(numerics.RPL_AWAY, client.front.faces.nick(other), words),) if words else ()

    def _refused(self, failure: Failure, target: str) -> None:
        if isinstance(failure.value, ChatnetError):
            self._refuse(failure.value, target)
        else:
            self._client.log_failure(failure, self._command)
            sentence = "The server failed at this line; its log says why."
            self._no(self._client.numeric(numerics.ERR_UNKNOWNERROR, self._command, sentence))
            self.done()

    def _refuse(self, why: ChatnetError, target: str) -> None:
        self._client.charge()
        if self._command != "NOTICE":
            if isinstance(why, OwnRoom):
                own = self._client.numeric(numerics.ERR_NOSUCHNICK, writer.word(target))
                self._slot.say(own)
            else:
                self._client.refuse(self._slot, self._command, writer.word(target), why)
        self.done()

    def _no(self, line: bytes) -> None:
        """Say no, unless it is a notice: programs answer those by nothing, or two would never end."""
        self._client.charge()
        if self._command != "NOTICE":
            self._slot.say(line)

    def _dropped(self, ctcp: Dropped) -> None:
        self._fail("NOT_SENT", f"CTCP {ctcp.command} goes nowhere here.")

    def _fail(self, code: str, sentence: str) -> None:
        self._client.charge()
        if self._command != "NOTICE":
            self._client.fail(self._slot, self._command, code, sentence)

    def done(self) -> None:
        """One part of it has ended."""
        self._left -= 1
        if not self._left:
            self._slot.end()


LONG = Command(long_post, 0, Pace.DRAFTS)
"""What is done with a long post once all its lines have come."""


async def redact(client: IrcClient, slot: Slot, line: Line) -> None:
    """Take back what was said at a target; what was said elsewhere is no message there."""
    target, said, *reason = line.params
    ref = msgids.read(said)
    words = writer.word(target), writer.word(said)
    try:
        room = known_room(client, target)
        if ref is None or not await _is_said_at(client, target, room, ref.seq):
            raise NoSuchPost.of()
        why = texts.in_passing(reason[0], isupport.MOST_REASON) if reason else ""
        entry, place = await _taken_back(client, ref, why)
    except (NoTarget, NoSuchRoom):
        client.fail(slot, "REDACT", "INVALID_TARGET", "You see nothing there.", words[0])
    except NoSuchPost as why:
        client.fail(slot, "REDACT", "UNKNOWN_MSGID", str(why), *words)
    except UNREAD:
        raise
    except ChatnetError as why:
        client.fail(slot, "REDACT", "REDACT_FORBIDDEN", words_for(why), *words)
    else:
        if entry is not None and (lines := client.channel.lines(entry, place or client.user)):
            slot.now(lines)


async def _is_said_at(client: IrcClient, target: str, room: str, seq: int) -> bool:
    """Return whether the client may have seen the message ``seq`` at a target, which is that room now: as it
    was said, or in the history. Of one that this front has not reached yet, the log alone judges.

    :raises NoSuchRoom: nobody is called so.
    """
    if seq > client.window.head:
        return True
    reads = client.session.reads
    posts = (await reads.feed(seq - 1, seq)).posts or await reads.history_after(room, seq - 1)
    return any(post.seq == seq and _is_at(client, target, post) for post in posts)


def _is_at(client: IrcClient, target: str, post: Entry) -> bool:
    """Return whether a post is at a target. A query has the nick that the other one had then, or ``~nick`` of
    a guest, and also what mentions the client's user elsewhere."""
    user, places, meant = client.user, heard_at(post), targets.room_of(target.removeprefix(GUEST))
    if not isinstance(meant, Nick):
        return meant is not None and meant.room in places
    others = {other_side(place, user) for place in places}
    if f"@{user}" in places:
        others.add(post.user)
    return GUEST + meant.name in others or (target[:1] != GUEST and meant.name in others)


async def _taken_back(client: IrcClient, ref: Ref, reason: str) -> tuple[Entry | None, str]:
    """Take back a post, with a reason if the client's user may give one: only moderators do."""
    drafts, more = client.session.drafts, More(ref=ref)
    try:
        return await client.drafts.append(lambda key: drafts.order(key, "redact", None, reason, more))
    except NoReason:
        return await client.drafts.append(lambda key: drafts.order(key, "redact", None, "", more))


def _key_in(said: str) -> bytes | None:
    """Return the key that a client has chosen for a post; None if it is none."""
    try:
        key = urlsafe_b64decode(said + "==")
    except ValueError:
        return None
    return key if len(said) == _KEY_LETTERS and len(key) == KEY_BYTES else None


COMMANDS = {
    "PRIVMSG": Command(privmsg, 0, Pace.DRAFTS),
    "NOTICE": Command(notice, 0, Pace.DRAFTS),
    "TAGMSG": Command(tagmsg, 0, Pace.DRAFTS),
    "REDACT": Command(redact, 2, Pace.ALONE),
}
