"""What a person types and what they see: the same on both terminals. These lines are a contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.protocols.amp import RemoteAmpError
from twisted.python.failure import Failure

from chatnet.blanking import blanking_of
from chatnet.client import manual
from chatnet.client.chattest import Ladder
from chatnet.client.connection import Connection
from chatnet.client.destination import Destination
from chatnet.client.devices import Devices
from chatnet.client.events import Teller
from chatnet.client.lookups import Lookups
from chatnet.client.marks import ShownPosts
from chatnet.client.orders import Orders
from chatnet.client.refused import REFUSED, Misused, sentence_of, split
from chatnet.client.said import Said
from chatnet.client.said_in import found, is_in, said_in
from chatnet.client.settings import ClientSettings
from chatnet.client.terminal import Terminal, Unreadable
from chatnet.client.typed import Typed, command_in, post_in
from chatnet.client.unread import show_unread
from chatnet.codes import FORM, looks_like_code
from chatnet.credentials import as_typed
from chatnet.entries import Entry
from chatnet.errors import ChatnetError, NoSuchPost, NotJoined
from chatnet.form import check_text
from chatnet.kinds import SAID
from chatnet.names import fold_room, is_topic
from chatnet.text import meant
from chatnet.wire.session import Forget, Join, Leave

PIPELINE = 1_000
"""How many posts may be under way before reading stops."""

POSTING = ("SAY", "TELL", "REPLY")
"""The commands that post."""
DRAFTED = (*POSTING, "JOIN", "LEAVE", "PASSWORD", "FORGET")
"""The commands that are drafts, and are counted as drafts until they are acknowledged."""
ALONE = ("CHATTEST", "FORGET", "PAIR", "QUIT", "RECOVERY", "SESSIONS", "UNREAD")
"""The commands that take nothing."""
FORGET = (
    "This takes back all that you ever said here, and ends your account, on all your devices; it cannot be "
    "undone, and nobody gets the name {name} again. Type your name, if you want that:"
)
FORGET_AGAIN = "Once more: type “forget me”, and it is done."
PASSWORD_SET = (
    "Password set. On another device, start with --password. RECOVERY prints codes for when you have lost it."
)
SLASH = "/"
NOWHERE, OWN = "nowhere", "your own room"
JOIN_FIRST = " (JOIN does that)"
POSTED_NOWHERE = "That was posted nowhere: /chat #TOPIC says where, or /chat, for your own room."
NOT_POSTED = (
    "That was posted nowhere: it was typed before that answer, and may be meant for others. Type it again."
)


class Interpreter:
    """Runs the lines of one terminal, one after another; posts are pipelined.

    ``leave(sentence)`` ends the program: with a sentence for standard error and status 1, or with None.
    What was heard goes to ``marks``.
    """

    def __init__(
        self,
        connection: Connection,
        terminal: Terminal,
        ladder: Ladder,
        leave: Callable[[str | None], None],
        marks: ShownPosts,
        settings: ClientSettings,
    ) -> None:
        self._calendar = calendar = settings.calendar
        self._connection = connection
        self._marks = marks
        self._terminal = terminal
        self._ladder = ladder
        self._list_pages = list_pages = settings.list_pages
        self._leave = leave
        self._name = ""
        self._chatting = False
        self._destination = Destination()
        self._quitting = False
        self._commanding = False
        self._logged_in: Deferred[None] = Deferred()
        orders = Orders(connection, terminal, self._tell_how, calendar.now).commands
        devices = Devices(connection, terminal, calendar, self._secret, settings.chat_command)
        self._drafted = {*DRAFTED, *orders, *devices.drafted}
        lookups = Lookups(connection, terminal, self._tell_how, list_pages, calendar.stamp, self._has_read)
        self._greet = lookups.greet
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "JOIN": self._join,
            "LEAVE": self._leave_room,
            "LIST": lookups.list_rooms,
            "CHAT": self._chat,
            "UNREAD": self._unread,
            "SAY": self._say_in,
            "TELL": self._tell,
            "REPLY": self._reply,
            **orders,
            **lookups.commands,
            **devices.drafted,
            "SESSIONS": devices.sessions,
            "CHATTEST": self._chattest,
            "PASSWORD": self._password,
            "FORGET": self._forget,
            "HELP": self._help,
            "QUIT": self._quit,
        }
        terminal.offer(list(self._commands))

    async def run(self) -> None:
        """Run lines until the end of input or QUIT; leave once everything is acknowledged."""
        await self._logged_in
        while not self._quitting:
            line = await self._terminal.read()
            if line is None:
                break
            self._destination.read()
            if isinstance(line, Unreadable):
                self._destination.unposted += self._chatting
                self._terminal.show(line.sentence)
            else:
                await self._obey(line)
        self._marks.flush()
        self._terminal.leaving(self._connection.unacknowledged())
        await self._connection.fewer_than(1)
        why = [self._terminal.trouble(), "" if self._terminal.is_attended else self._destination.in_vain()]
        self._leave(" ".join(filter(None, why)) or None)

    def undone(self) -> int:
        """Return how many typed lines are not known to be done: they wait, or have no answer yet."""
        return self._terminal.undone() + self._connection.unacknowledged() + self._commanding

    async def _obey(self, line: Typed) -> None:
        if line.what != self._expected:
            if line.text.strip():
                self._destination.unposted += line.what == "post" and command_in(line.text, "post") is None
                wanted = f"typed as a {line.what}, and now a {self._expected} is expected"
                self._terminal.show(f"A line was {wanted}: it was left out.")
            return
        command = command_in(line.text, line.what)
        try:
            await (self._say(post_in(line.text)) if command is None else self._command(command))
        except REFUSED as error:
            self._destination.unposted += command is None or _first_word(command)[0].upper() in POSTING
            self._tell_how(sentence_of(error))
        self._commanding = False

    # ---- commands ----

    @property
    def _expected(self) -> str:
        return "post" if self._chatting else "command"

    async def _command(self, line: str) -> None:
        word, rest = _first_word(line)
        command = self._commands.get(word.upper())
        if command is None:
            if word or self._chatting:
                self._destination.unposted += self._chatting
                self._terminal.show(self._unknown(word))
        elif rest and word.upper() in ALONE:
            raise Misused(f"{word.upper()} takes nothing after it; nothing was done.")
        else:
            self._commanding = True
            if self._chatting:
                await self._connection.fewer_than(1)  # it sees what was posted before it
            self._commanding = word.upper() not in self._drafted
            await command(rest)

    def _unknown(self, word: str) -> str:
        if not self._chatting:
            return f"Unknown command: {word[:40]}.{meant(word.upper(), self._commands)} HELP lists them."
        near = meant(SLASH + word.lower(), [SLASH + known.lower() for known in self._commands])
        return (
            f"Unknown command: {SLASH}{word[:40]}.{near} {SLASH}help lists them; two slashes post a line "
            "that begins with one."
        )

    async def _join(self, room: str) -> None:
        if not room:
            raise Misused(manual.JOIN)
        fold_room(room)  # refuses what cannot be a room before it is sent
        answer = await self._connection.draft(Join, room=room)
        self._terminal.learn([answer["room"]], is_member=True)
        self._terminal.show(f"Joined {answer['room']}.")

    async def _leave_room(self, room: str) -> None:
        if not room:
            raise Misused(manual.LEAVE)
        fold_room(room)
        answer = await self._connection.draft(Leave, room=room)
        self._terminal.learn([answer["room"]], is_member=False)
        self._terminal.show(f"Left {answer['room']}.")
        if self._chatting and self._destination.room == answer["room"]:
            self._destination.go_to(None)
            self._expect_lines()

    async def _unread(self, _: str) -> None:
        self._marks.flush()  # what is on the screen is read
        await show_unread(self._connection.ask, self._terminal.show, self._list_pages)

    async def _chat(self, word: str) -> None:
        try:
            room = await found(self._connection, word) if word else ""
            if not self._chatting:
                await self._connection.chat()
                self._marks.flush()  # before the screen asks what is unread
        except REFUSED as error:
            why = self._not_there(error)
            self._expect_lines()
            raise why from error
        if self._chatting:
            self._terminal.moved(f"What you type is posted in {room or OWN} now.")
        self._chatting = True
        self._destination.go_to(room)
        self._expect_lines()

    def _not_there(self, error: Exception) -> Exception:
        """A CHAT was refused; return what is told of it. What was meant for that room is posted nowhere else:
        nobody is at a script, to read where it is posted now."""
        if not self._chatting:
            return error
        if not self._terminal.is_attended:
            self._destination.go_to(None)
            return error
        self._destination.stay(self._terminal.ahead())
        room = self._destination.room
        where = NOWHERE if room is None else f"in {room or OWN}"
        why = sentence_of(error).removesuffix(".") + (JOIN_FIRST if isinstance(error, NotJoined) else "")
        return Misused(f"{why}; what you type is posted {where}, as before.")

    async def _say_in(self, rest: str) -> None:
        room, text = _first_word(rest)
        if not text:
            raise Misused(manual.SAY)
        await self._post(text, said_in(room, self._name))

    async def _tell(self, rest: str) -> None:
        name, text = split(rest, 1, manual.TELL, more=True)
        if not text:
            raise Misused(manual.TELL)
        await self._post(text, said_in("@" + name.removeprefix("@"), self._name))

    async def _reply(self, rest: str) -> None:
        number, text = split(rest, 1, manual.REPLY, more=True)
        if not (text and number.isascii() and number.isdecimal() and len(number) < 19):
            raise Misused(manual.REPLY)
        seq = int(number)
        room, author = self._connection.room_of(seq), self._connection.author_of(seq)
        if not room:
            raise Misused(f"No post {seq} was seen here: HISTORY ROOM shows posts with their numbers.")
        if room == author != self._name:  # there they alone post; in one's own they hear it by their name
            room, text = self._name, f"@{author} {text}"
        await self._post(text, said_in(room, self._name), seq)

    def _post(self, text: str, room: str, answers: int | None = None) -> Deferred[Any]:
        answer = self._connection.post(check_text(text), room or None, answers)
        to = "" if answers is None else self._connection.author_of(answers)
        self._terminal.posted(Said(room or self._name, self._name, text, answers=to), answer)
        return answer if room else answer.addCallback(self._acknowledged, text)

    def _acknowledged(self, answer: dict[str, Any], text: str) -> None:
        """What one has said in one's own room is shown in the topics that it names, too."""
        self._has_shown(Entry(answer["seq"], 0, "post", self._name, self._name, text, b""))

    def _expect_lines(self) -> None:
        room = self._destination.room
        self._read_in("" if room is None or not self._chatting else room or self._name)
        room = NOWHERE if room is None else room
        self._terminal.expect(self._expected, room if self._chatting else "")

    async def _chattest(self, _: str) -> None:
        await self._ladder.climb(self._connection.post, self._terminal.show)

    async def _password(self, password: str) -> None:
        old: str | bytes | None = self._connection.random_secret
        if old is None:
            self._terminal.show("First your present password, then the new one.")
            old = await self._ask_password()
        # Ask for the new one even if the old one is wrong: that line must not be run as a command.
        new = password or await self._ask_password()
        if old is None or new is None:
            raise Misused("The password was not changed.")
        secret = old.encode("utf-8", "surrogatepass") if isinstance(old, str) else old
        await self._connection.set_password(secret, as_typed(new))
        self._tell_how(PASSWORD_SET)

    async def _forget(self, _: str) -> None:
        if not self._terminal.is_attended:
            raise Misused("FORGET asks twice: somebody has to be at the terminal. Nothing was done.")
        for question, wanted in (
            (FORGET.format(name=self._name), self._name),
            (FORGET_AGAIN, "forget me"),
        ):
            if await self._answer_to(question) != wanted:
                self._terminal.show("Nothing was taken back.")
                return
        secret = await self._secret()
        if secret is not None:
            await self._connection.draft(Forget, secret=secret)

    async def _secret(self, typed: bool = False) -> bytes | None:
        """Return what proves that it is the user: what is kept here, or the password, for which it asks."""
        if self._connection.random_secret is not None and not typed:
            return self._connection.random_secret
        self._terminal.show("Your password:")
        password = await self._ask_password()
        return None if password is None else as_typed(password)

    async def _answer_to(self, question: str) -> str | None:
        self._terminal.show(question)
        self._terminal.expect("answer")
        answer = await self._terminal.answer()
        self._expect_lines()
        return None if answer is None else answer.strip().lower()

    async def _ask_password(self) -> str | None:
        self._terminal.expect("password")
        line = await self._terminal.read()
        self._destination.read()
        self._expect_lines()
        if isinstance(line, Unreadable):
            self._terminal.show(line.sentence)
        return line.text if isinstance(line, Typed) else None

    async def _help(self, word: str) -> None:
        command = word.removeprefix(SLASH).upper()
        if command and command not in self._commands:
            self._terminal.show(self._unknown(word.removeprefix(SLASH)))
            return
        for line in manual.explained(command) if command else manual.HELP.splitlines():
            self._tell_how(line)

    def _tell_how(self, sentence: str) -> None:
        """Show a sentence of ours that may name commands, as they are typed now."""
        self._terminal.show(manual.in_a_chat(sentence) if self._chatting else sentence)

    async def _quit(self, _: str) -> None:
        if not self._chatting:
            self._quitting = True
            return
        self._chatting = False
        self._expect_lines()
        await self._connection.unchat()

    # ---- chatting ----

    async def _say(self, line: str) -> None:
        if not line.strip():
            return
        room = self._destination.room
        if room is None or self._destination.is_refused():
            self._destination.unposted += 1
            self._terminal.show(POSTED_NOWHERE if room is None else NOT_POSTED)
            return
        self._post(line, room).addErrback(self._refused)
        await self._connection.fewer_than(PIPELINE)

    def _refused(self, failure: Failure) -> None:
        failure.trap(ChatnetError, RemoteAmpError)
        self._destination.unposted += 1
        self._tell_how(sentence_of(failure.value))

    # ---- what the connection says ----

    def logged_in(self, name: str) -> None:
        self._name = name
        self._read_in("")
        self._terminal.linked(name)
        self._terminal.show(f"Logged in as {name}.")
        Deferred.fromCoroutine(self._greet()).addErrback(_not_greeted)
        self._logged_in.callback(None)

    def lost(self) -> None:
        self._terminal.linked(None)
        self._terminal.show("Connection lost; what you type is kept and sent when it is back.")

    def back(self) -> None:
        self._terminal.linked(self._name)
        self._terminal.show("Connected again.")

    def newest(self, posts: Sequence[Entry]) -> None:
        for post in posts:
            if post.kind in SAID:
                self._terminal.heard(self._said(post), is_new=False)
                self._has_shown(post)

    def heard(self, post: Entry) -> None:
        if post.kind in SAID:
            self._terminal.heard(self._said(post))
            self._has_shown(post)
        else:
            self._happened(post)

    def _read_in(self, here: str) -> None:
        """Where more is shown than the user reads, they read ``here`` from now on; empty: nowhere."""
        if not self._terminal.shows_all:
            self._marks.go_to(here, self._name)

    def _has_shown(self, post: Entry) -> None:
        self._marks.shown(post, self._name)

    def _has_read(self, posts: Sequence[Entry]) -> None:
        read = {room: post.seq for post in posts for room in self._marks.read(post, self._name)}
        self._marks.flush()  # before the screen asks what is unread
        for room, seq in read.items():
            self._terminal.has_read(room, seq)

    def _said(self, post: Entry) -> Said:
        return Said.by(post, self._name, self._connection.author_of)

    def marked(self, room: str, seq: int) -> None:
        self._terminal.has_read(room, seq)

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        self._terminal.learn([room], is_member=joined, since=seq)

    def must_recount(self) -> None:
        self._terminal.recount()

    def _happened(self, event: Entry) -> None:
        teller = Teller(self._name, self._calendar.stamp, self._connection.author_of)
        sentence = teller.sentence(event)
        taken = blanking_of(event)
        if taken is not None:
            self._terminal.all_taken_back(taken)
            Deferred.fromCoroutine(self._tell_of_those(event, sentence)).addErrback(_not_told)
        elif event.kind == "redact" and event.ref is not None:
            self._terminal.taken_back(event.ref.seq, sentence)
        elif sentence:
            self._terminal.show(sentence)
        if event.kind == "report" and event.user != self._name:
            asked = Deferred.fromCoroutine(self._connection.reported(event.seq))
            asked.addCallbacks(self._show_reported, self._not_shown)
        if event.kind in ("remove", "ban") and event.room and event.to == self._name:
            self._terminal.learn([event.room], is_member=False)

    async def _tell_of_those(self, event: Entry, sentence: str) -> None:
        """Show the sentence about texts that were taken back together, if it is for this user: everybody
        hears of it who may have one of them on a screen."""
        is_told = bool(sentence)
        if event.kind == "forget":
            is_told = self._connection.has_seen(event.to)
        elif is_told and is_topic(event.room) and self._name not in (event.user, event.to):
            is_told = await is_in(self._connection, event.room)
        if is_told:
            self._terminal.show(sentence)

    def _show_reported(self, post: Entry) -> None:
        self._terminal.numbered(self._said(post))

    def _not_shown(self, failure: Failure) -> None:
        failure.trap(*REFUSED)
        is_gone = failure.check(NoSuchPost)
        self._terminal.show("What was reported is gone." if is_gone else sentence_of(failure.value))

    def told(self, sentence: str) -> None:
        self._terminal.show(sentence)

    async def agrees(self, question: str) -> bool:
        return self._terminal.is_attended and await self._answer_to(question) in ("y", "yes")

    async def code(self, question: str) -> str:
        if not self._terminal.is_attended:
            return ""
        while (typed := await self._answer_to(question) or "") and not looks_like_code(typed):
            question = f"{FORM} Type it again, or nothing:"
        return typed

    def ended(self, sentence: str) -> None:
        self._leave(sentence)


def _not_told(failure: Failure) -> None:
    """Say nothing: the worker cannot say now whether it is for this user."""
    failure.trap(*REFUSED)


def _not_greeted(failure: Failure) -> None:
    """An older worker, or one that fails, does not know: INVITATIONS says why, if somebody asks."""
    failure.trap(*REFUSED)


def _first_word(line: str) -> tuple[str, str]:
    """Return the first word, and what comes behind it; empty texts for what is not there."""
    word, rest = [*line.split(None, 1), "", ""][:2]
    return word, rest
