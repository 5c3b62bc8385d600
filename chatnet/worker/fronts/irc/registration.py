"""A connection of IRC before its welcome: CAP, PASS, NICK, USER, AUTHENTICATE, in any order.

::

    NICK and USER, and CAP END if CAP was used
        │ proved by SASL before ──────────────────────────────▶ welcome
        │ PASS ─▶ a login ──┬─ good ──────────────────────────▶ welcome
        │                   └─ else ─▶ 464, ERROR
        └ neither ─▶ a guest, if they are let in; else 464, ERROR

During a login no line is read: so answers come in the order of the lines.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatnet.entries import Draft, fresh_key
from chatnet.errors import (
    UNREAD,
    BadName,
    Barred,
    ChatnetError,
    Disabled,
    NameTaken,
    NoSuchUser,
    WrongSecret,
)
from chatnet.faces import NO_IDENT, Face, guest, ident_of
from chatnet.irc import isupport, numerics, sasl, texts, writer
from chatnet.irc.caps import Negotiation
from chatnet.irc.lines import Line, NotUtf8, TooLong, WithNul
from chatnet.irc.numerics import Numeric
from chatnet.irc.sasl import Credentials, Exchange, External, Login, Step
from chatnet.irc.targets import is_nick
from chatnet.names import fold, is_guest
from chatnet.net.tls import shown_fingerprint, shown_name
from chatnet.reads import ShownFace
from chatnet.worker.entrance import LOGIN_SECONDS, Arrival, Entrance
from chatnet.worker.fronts.irc import account, guests, server
from chatnet.worker.fronts.irc.answers import Answers, Slot
from chatnet.worker.fronts.irc.client import NO_TEXT, IrcClient, error
from chatnet.worker.fronts.irc.people import AWAY, away_words, words_told
from chatnet.worker.logins import Shown, by_certificate
from chatnet.worker.session import Session

if TYPE_CHECKING:
    from chatnet.worker.fronts.irc.connection import IrcConnection
    from chatnet.worker.fronts.irc.front import Irc

SECONDS = 60.0
"""Seconds that a client has until its welcome."""
NOBODY = "Who are you? Log in by SASL, or say PASS and a password before NICK; a free name is then yours."


class Registration:
    """What is spoken before the welcome: an :class:`~chatnet.worker.fronts.irc.connection.IrcSpeech`."""

    __slots__ = (
        *(
            "_answers",
            "_arrival",
            "_attempts",
            "_away",
            "_caps",
            "_client",
            "_connection",
            "_deadline",
            "_entrance",
            "_exchange",
        ),
        *(
            "_front",
            "_ident",
            "_is_closing",
            "_is_lost",
            "_is_new",
            "_nick",
            "_password",
            "_real_name",
            "_session",
            "_slot",
            "_why_not",
        ),
    )

    is_stranger = True
    is_answering = True

    def __init__(self, connection: IrcConnection, front: Irc, entrance: Entrance) -> None:
        self._connection = connection
        self._front = front
        self._entrance = entrance
        self._answers = Answers(self._send, front.settings.name, lambda: None)
        self._slot: Slot | None = None
        self._caps = Negotiation(front.offered)
        self._exchange = Exchange()
        self._nick = self._ident = self._real_name = self._password = ""
        self._why_not = ""
        self._away: str | None = None
        self._attempts = 0
        self._is_closing = self._is_lost = self._is_new = False
        self._arrival: Arrival | None = None
        self._client: IrcClient | None = None
        self._session: Session | None = None
        self._deadline: IDelayedCall | None = None

    # ---- what the connection says: see Speech ----

    @property
    def is_idle(self) -> bool:
        return self._arrival is None or self._arrival.is_idle

    def begin(self) -> None:
        connection = self._connection
        if fingerprint := shown_fingerprint(connection.transport):
            connection.fingerprint = fingerprint
            self._exchange = Exchange(has_certificate=True)
        self._caps = Negotiation(self._front.offered_on(connection.transport, bool(fingerprint)))
        self._deadline = self._front.shared.outboxes.later(SECONDS, self._too_late)

    def receive(self, data: bytes) -> None:
        self._connection.lines.feed(data)

    def step(self) -> bool:
        received = None if self._is_closing else self._connection.lines.next()
        if received is None:
            if self._connection.at_end:
                self._close("You have ended the connection")
            return False
        has_labels = {"labeled-response", "batch"} <= self._caps.on
        self._slot = self._answers.slot(received.label if has_labels else "")
        match received:
            case Line():
                self._obey(received)
            case TooLong():
                self._say(numerics.ERR_INPUTTOOLONG)
            case NotUtf8(command) | WithNul(command):
                self._not_text(command)
        if not self._attempts:
            self._answered()
        return True

    def filled(self) -> None:
        if self._session is not None:
            self._session.filled()

    def drained(self) -> None:
        if self._session is not None:
            self._session.drained()

    def ping(self) -> None:
        """Nothing: it has less time than that."""

    def beat(self) -> None:
        """Nothing: it has a deadline."""

    def too_many(self) -> None:
        self._close("Too many connections come from your address")

    def fell_silent(self) -> None:
        self._close("Ping timeout")

    def hang_up(self) -> None:
        self._close("The server is restarting: come back")

    def lost(self, why: str) -> None:
        self._stop_waiting()
        if self._session is not None:
            self._session.lost(why)
        elif self._arrival is not None:
            self._arrival.lost()
        self._is_lost = True

    # ---- lines ----

    def _obey(self, line: Line) -> None:
        match line.command:
            case "CAP":
                self._cap(line)
            case "AUTHENTICATE":
                self._authenticate(line)
            case "PASS":
                self._pass(line)
            case "NICK":
                self._nick_said(line)
            case "USER":
                self._user_said(line)
            case "PING" if line.params and line.params[0]:
                pong = server.pong_to(self._front.settings.name, line.params[0])
                self._put(pong) if pong else self._say(numerics.ERR_INPUTTOOLONG)
            case "PING":
                self._say(numerics.ERR_NOORIGIN)
            case "AWAY" if "draft/pre-away" in self._caps.on:
                self._away = away_words(line)
                self._say(numerics.RPL_NOWAWAY if self._away else numerics.RPL_UNAWAY)
            case "PONG" | "NOTICE":
                pass
            case "QUIT":
                self._close("Quit")
            case "REGISTER":
                self._register(line)
            case _:
                self._say(numerics.ERR_NOTREGISTERED)

    def _cap(self, line: Line) -> None:
        for command, *params in self._caps.answer(self._nick or "*", line.params):
            self._put(writer.line(self._front.settings.name, command, *params, trailing=True))
        if self._client is not None and self._session is not None:
            self._client.capabilities_changed()
        if self._exchange.is_open and [word.upper() for word in line.params[:1]] == ["END"]:
            self._exchange.said("*")
            self._aborted()
        self._complete()

    def _pass(self, line: Line) -> None:
        if not line.params or not line.params[0]:
            self._say(numerics.ERR_NEEDMOREPARAMS, "PASS")
        elif self._session is not None or self._password:
            self._say(numerics.ERR_ALREADYREGISTERED)
        else:
            self._password = line.params[0]

    def _nick_said(self, line: Line) -> None:
        nick = line.params[0] if line.params else ""
        if not nick:
            self._say(numerics.ERR_NONICKNAMEGIVEN)
        elif not is_nick(nick):
            self._say(numerics.ERR_ERRONEUSNICKNAME, writer.word(nick), server.NO_NICK)
        else:
            self._nick = nick
            self._complete()

    def _user_said(self, line: Line) -> None:
        params = line.params
        real_name = texts.harmless(params[3])[: isupport.MOST_REAL_NAME] if len(params) > 3 else ""
        if not real_name.strip() or not params[0]:
            self._say(numerics.ERR_NEEDMOREPARAMS, "USER")
        elif self._ident:
            self._say(numerics.ERR_ALREADYREGISTERED)
        else:
            self._ident, self._real_name = params[0], real_name
            self._complete()

    def _not_text(self, command: str) -> None:
        self._fail(writer.word(command), "INVALID_UTF8", NO_TEXT)

    def _fail(self, command: str, code: str, sentence: str, *context: str) -> None:
        name = self._front.settings.name
        self._put(writer.line(name, "FAIL", command, code, *context, sentence, trailing=True))

    # ---- SASL ----

    def _authenticate(self, line: Line) -> None:
        if self._session is not None:
            self._say(numerics.ERR_SASLALREADY)
            return
        if not line.params:
            self._say(numerics.ERR_NEEDMOREPARAMS, "AUTHENTICATE")
            return
        match self._exchange.said(line.params[0]):
            case Credentials() as credentials:
                self._begin(self._prove(self._by_secret(credentials, self._registers)))
            case External(login):
                self._external(login)
            case Step.ASK:
                self._put(writer.line("", "AUTHENTICATE", "+"))
            case Step.TOO_LONG:
                self._why_not = numerics.ERR_SASLTOOLONG.text
                self._say(numerics.ERR_SASLTOOLONG)
            case Step.ABORTED:
                self._aborted()
            case Step.UNKNOWN:
                self._say(numerics.RPL_SASLMECHS, sasl.mechanisms(bool(self._connection.fingerprint)))
                self._no_sasl("That mechanism is not known here.")
            case Step.FAILED:
                self._no_sasl(account.NOT_READ)
                self._failed()

    def _external(self, login: Login | None) -> None:
        if login is None:
            login = sasl.login_of(self._nick or shown_name(self._connection.transport))
        if login is None:
            self._no_sasl(account.WHOSE)
            self._failed()
        else:
            proving = self._login(login, by_certificate(self._connection.fingerprint))
            self._begin(self._prove(proving, account.NOT_THEIRS))

    async def _prove(self, proving: Coroutine[Any, Any, Session], not_theirs: str = "") -> None:
        """Log in by SASL; ``not_theirs`` is said of what is shown, if that is not the user's."""
        try:
            session = await proving
        except ChatnetError as why:
            is_unknown = not_theirs and isinstance(why, WrongSecret)
            self._no_sasl(not_theirs if is_unknown else account.sentence_of(why))
            self._failed()
            return
        self._say_logged_in(session)
        self._say(numerics.RPL_SASLSUCCESS)

    def _register(self, line: Line) -> None:
        """Register a free name before the welcome; it is logged in then."""
        if self._session is not None:
            sentence = "You are logged in, and your name is yours."
            self._fail("REGISTER", "ALREADY_AUTHENTICATED", sentence, self._session.user)
        elif (
            no := account.wrong_register(line.params, self._nick, self._front.settings.registers)
        ) is not None:
            self._why_not = no[1]
            self._fail("REGISTER", *no)
        else:
            login = sasl.login_of(self._nick)
            assert login is not None
            credentials = Credentials(login, line.params[2].encode())
            self._begin(self._registered(credentials))

    async def _registered(self, credentials: Credentials) -> None:
        name = credentials.login.name
        try:
            session = await self._by_secret(credentials, registers=True)
        except ChatnetError as why:
            self._why_not = account.sentence_of(why)
            self._fail("REGISTER", account.code_of(why), self._why_not, name)
            self._failed()
            return
        self._put(account.success(self._front.settings.name, name, self._is_new))
        self._say_logged_in(session)
        self._complete()

    def _say_logged_in(self, session: Session) -> None:
        user = session.user
        mask = f"{self._nick or '*'}!{user if self._ident else '*'}@{'user' if self._ident else '*'}"
        self._say(numerics.RPL_LOGGEDIN, mask, user, f"You are now logged in as {user}.")

    def _no_sasl(self, sentence: str) -> None:
        self._why_not = sentence
        self._say(numerics.ERR_SASLFAIL, sentence)

    def _aborted(self) -> None:
        self._why_not = numerics.ERR_SASLABORTED.text
        self._say(numerics.ERR_SASLABORTED)

    def _failed(self) -> None:
        self._exchange.failures += 1
        if self._exchange.failures == account.MOST_FAILURES:
            self._close(account.TOO_MANY_FAILED)

    # ---- the login ----

    def _complete(self) -> None:
        """Go on, if everything was said."""
        if not self._nick or not self._ident or self._caps.is_open or self._is_closing:
            return
        if self._session is not None:
            self._go_on(self._session)
            return
        credentials = sasl.in_pass(self._password, self._nick) if self._password else None
        if credentials is None and not self._password and self._front.settings.guests:
            self._begin(self._as_guest())
        elif credentials is None:
            self._say(numerics.ERR_PASSWDMISMATCH, NOBODY)
            self._close("No login")
        else:
            self._begin(self._by_password(credentials))

    async def _by_password(self, credentials: Credentials) -> None:
        is_misnamed = sasl.is_misnamed(self._password)  # then it is hardly meant as a password
        try:
            session = await self._by_secret(credentials, self._registers and not is_misnamed)
        except ChatnetError as why:
            is_other = is_misnamed and isinstance(why, WrongSecret | NoSuchUser)
            self._not_let_in(why, account.MISNAMED if is_other else account.sentence_of(why), "Login failed")
            return
        await self._prepare_and_welcome(session)

    def _not_let_in(self, why: ChatnetError, sentence: str, end: str) -> None:
        """Close, as nobody is let in; a password is only wrong if the log could be asked, and they may come
        in."""
        if isinstance(why, UNREAD):
            end = sentence
        elif isinstance(why, Barred | Disabled):
            self._say(numerics.ERR_YOUREBANNEDCREEP, sentence)
        else:
            self._say(numerics.ERR_PASSWDMISMATCH, sentence)
        self._close(end)

    def _the_client(self) -> IrcClient:
        if self._client is None:
            self._client = IrcClient(self._connection, self._front, self._entrance.sessions, self._caps)
        return self._client

    async def _as_guest(self) -> None:
        """Let in who has no account, if the name is nobody's; else they may say another one."""
        front, client, nick = self._front, self._the_client(), self._nick
        if not front.arrivals.may_come(client.address):
            self._close("Too many guests come from your address: try again later")
            return
        user = guest(fold(nick))
        face = Face(nick, ident_of(self._ident), self._kept_name)
        key = fresh_key(front.settings.clocks.wall(), front.settings.entropy)
        sessions = self._entrance.sessions
        client.choose_prefix()
        try:
            session = await guests.come(front.arrivals, sessions, client, user, face, key)
        except NameTaken:
            self._nick = ""
            self._say(numerics.ERR_NICKNAMEINUSE, writer.word(nick), server.taken(front.faces, nick))
            return
        except BadName:
            self._nick = ""
            self._say(numerics.ERR_ERRONEUSNICKNAME, writer.word(nick), server.NO_NICK)
            return
        except ChatnetError as why:
            self._not_let_in(why, account.sentence_of(why), "No login")
            return
        client.session = session
        if self._is_lost:
            session.lost("its connection was lost")
            front.leaving.go(session, sessions, client.drafts.last_key(), "")
            return
        self._session = session
        if not self._front.faces.face(user).ident:  # it comes by the log, perhaps a moment later
            self._front.faces.begun([ShownFace(user, face.text, session.by)])
        client.capabilities_changed()
        self._connection.known(True)
        self._welcome(session)

    @property
    def _registers(self) -> bool:
        """Whether a free name is registered by its first login."""
        return self._front.settings.registers == "sasl"

    async def _by_secret(self, credentials: Credentials, registers: bool) -> Session:
        """Log in by a name and a password, on the device that USER has named, if they name none;
        ``registers``: a free name is registered so.

        :raises ChatnetError: nobody is let in.
        """
        credentials = sasl.on_device(credentials, self._ident)
        return await self._login(credentials.login, account.shown(credentials, registers))

    async def _login(self, login: Login, shown: Shown) -> Session:
        """Log in, and register a free name if that may be; never, if the connection is lost meanwhile.

        :raises ChatnetError: nobody is let in.
        """
        client = self._the_client()
        self._arrival = arrival = self._entrance.arrival(client, SECONDS)
        client.device.is_named = account.names_device(login, shown)
        before = client.window.head
        try:
            session = await arrival.login(login.name, shown)
        except Exception:  # it has the time that is left for another attempt, or goes on as a guest
            arrival.lost()
            self._arrival = None
            raise
        self._session = client.session = session
        client.capabilities_changed()  # there may have been others at an attempt before
        self._is_new = before < session.local_user.memberships.registered == session.by
        self._connection.known(True)
        return self._session

    def _go_on(self, session: Session) -> None:
        """Say the welcome; before that, keep how the user spells their name, if they never said that, and
        look whether others may be told with what words they are away."""
        if self._is_spelled_anew(session) or self._away:
            self._begin(self._prepare_and_welcome(session))
        else:
            self._welcome(session)

    @property
    def _kept_name(self) -> str:
        """What the log takes of the real name, which may be anything."""
        return texts.in_passing(self._real_name, isupport.MOST_REAL_NAME)

    def _is_spelled_anew(self, session: Session) -> bool:
        user, faces = session.user, self._front.faces
        has_said_nothing = user not in faces and (self._is_new or faces.are_known)
        return has_said_nothing and fold(self._nick) == user != self._nick

    async def _prepare_and_welcome(self, session: Session) -> None:
        if self._is_spelled_anew(session):
            await self._spell(session)
        if self._away:
            try:
                self._away = await words_told(self._the_client(), self._away)
            except ChatnetError:  # it cannot be read now whether these may be told
                self._away = AWAY
        self._welcome(session)

    async def _spell(self, session: Session) -> None:
        """Have the user shown as they spell their name; a log of an older release does not keep that."""
        user, log = session.user, self._entrance.sessions.log
        face = Face(self._nick, NO_IDENT, self._kept_name)
        key = fresh_key(self._front.settings.clocks.wall(), self._front.settings.entropy)
        [outcome] = await log.append([Draft("spelling", user, user, face.text, key, session.by)])
        if isinstance(outcome, int):
            self._front.faces.begun([ShownFace(user, face.text, outcome)])

    def _begin(self, attempt: Coroutine[Any, Any, None]) -> None:
        """Make an attempt; no line is read until its end."""
        self._attempts += 1
        self._connection.hold()
        running = Deferred.fromCoroutine(attempt)
        running.addErrback(self._broken).addCallback(lambda _: self._attempted())

    def _attempted(self) -> None:
        self._attempts -= 1
        if not self._attempts:
            self._answered()
        self._connection.release()

    def _broken(self, failure: Failure) -> None:
        self._connection.broken(failure)

    def _welcome(self, session: Session) -> None:
        client = self._client
        assert client is not None
        if self._is_lost:
            return  # while it was kept how the user spells their name
        self._stop_waiting()
        self._answered()
        client.exchange = self._exchange if is_guest(client.user) else None  # nobody else logs in later
        client.said_user, client.said_name = self._ident, self._real_name
        self._front.came(client, self._away)
        self._connection.goes_on_as(client)
        for line in server.welcome(client):
            client.put_line(line)
        if self._is_new:
            sentence = f"You are the first to use the name {session.user}; it is yours, with this password."
            client.put_line(client.notice(sentence))
        if self._why_not and is_guest(client.user):
            sentence = f"You are a guest, and not logged in. {self._why_not}"
            client.put_line(client.notice(sentence))
        client.arrive()

    # ---- what is said ----

    def _say(self, what: Numeric, *params: str) -> None:
        self._put(writer.numeric(self._front.settings.name, self._nick or "*", what, *params))

    def _put(self, line: bytes) -> None:
        """Say this: as an answer to the line that is being done, if one is."""
        if self._is_closing:
            return
        if self._slot is None:
            self._send(line)
        else:
            self._slot.say(line)

    def _send(self, line: bytes) -> None:
        if self._connection.transport is not None:
            self._connection.outbox.put(line)

    def _answered(self) -> None:
        """The line that is being done has its whole answer."""
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.end()

    def _close(self, sentence: str) -> None:
        if not self._is_closing:
            self._put(error(sentence))
            self._answered()
            self._is_closing = True
            self._stop_waiting()
            self._connection.close()

    def _too_late(self) -> None:
        self._deadline = None
        if self._arrival is not None and self._session is None and not self._arrival.is_idle:
            # What it waits for now is not its fault: the store, or the passwords of others.
            self._deadline = self._front.shared.outboxes.later(LOGIN_SECONDS, self._too_late)
            return
        self._close("You did not log in within a minute")

    def _stop_waiting(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()
