"""Users who speak IRC: simple clients, with no capability, and full ones, which ask for what they missed.

What is said on a connection that is lost is not said again, unless its client has given it a key: so each
connection is a client of its own in the history. Where the fronts are is known to clients from the beginning,
as it is to those of people; a master is only asked for the cluster's key.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.client.race import Unreachable
from chatnet.client.states import Found
from chatnet.errors import Refusal, WrongSecret
from chatnet.irc_options import IRC_PORT
from chatnet.kinds import KindName
from chatnet.names import GUEST, fold_for, is_guest
from chatnet.testing import history
from chatnet.testing.checker_accounts import LOGIN_SECONDS
from chatnet.testing.history import Message
from chatnet.testing.recorded import RecordedIdentity, Recorder
from chatnet.testing.user import Choice
from chatnet.worker.users import GONE
from simulator.users.irc_arriving import Arriving
from simulator.users.irc_lines import Batch, IrcLine, Item, Line, first_of, lines_of, tag_value
from simulator.users.irc_talk import (
    FULL,
    MULTILINE,
    PLAIN,
    PLAYBACK,
    REACT,
    REPLIES,
    SOMETIMES,
    TIMED,
    Answer,
    Draft,
    Talk,
    event_of,
    message_of,
)
from simulator.users.irc_words import WORDS, base_36, earlier, fitting, in_lines, seq_in, whole
from simulator.users.port import Home
from simulator.users.simple import SimpleClient, SimpleLine
from simulator.workload import HEIR

IS_FULL = 0.5
"""How many clients ask for capabilities."""
IS_TIMED = 0.4
"""How many of the others ask for times."""
CONFIRMED = 0.7
"""How often who is asked says that their device has everything."""
NEWEST = 20
"""How many posts those are shown at a join."""
BY_KEY = 0.3
"""How many posts of those are said with a key, and said again until they are answered."""
AT_HOME = 0.8
"""How often a client comes back to the host where it was."""
AGAIN_SECONDS = 1.0
"""Seconds after which a client asks again for a history that could not be read yet."""
PAGES = (2, 5, 50, 200)
"""How many posts clients ask for at once."""
LONG_AGO = "2001-01-01T00:00:00.000Z"
FAR_AHEAD = "2999-01-01T00:00:00.000Z"
TYPING = "+typing"
TYPES_SECONDS = 2.0
"""Seconds after which those who have posted perhaps type again, at most."""
REGISTERED_BY_GUESTS = ("settler", "resident")
"""Nicks that guests may register: nobody knows whether what is said to one is for a guest or for a user."""
SEVERAL = 0.1
"""How often what is said goes to several targets."""
MOST_TARGETS = 4
"""To how many it may go; now and then somebody tries one more."""
REFERS = 0.1
"""How often a post is answered, instead of one made; and how often one is reacted to beside it."""
REACTIONS = ("\N{THUMBS UP SIGN}", "why; not", "\\o/", "tea?")
ONE_MORE = 0.15
"""How often something else is asked behind what is said: it is answered in its turn, too."""
MUCH = 20
"""Who has more lines unanswered asks nothing else: some of that would wait for all answers, and the next
lines for it."""


class _Seen(NamedTuple):
    """A post that was seen with its id: by whom, at which target, and in which room that is."""

    seq: int
    check: str
    kind: str
    user: str
    target: str
    room: str


class _Keyed(NamedTuple):
    """A post with a key of its client's, until it is answered."""

    key: bytes
    target: str
    text: str


class IrcUser(SimpleClient):
    """One client of ``home``: a :class:`~simulator.users.port.User`."""

    _logs_in_each_time = True
    _login_seconds = LOGIN_SECONDS

    def __init__(self, home: Home, record: Recorder) -> None:
        super().__init__(home, record)
        chance = self._chance
        self._which = record.client.replace("/", "-").removeprefix(self.name)
        self._hosts = [master.host for master in home.masters]
        self._asks = PLAIN
        if chance.random() < IS_TIMED:
            self._asks = TIMED
        if chance.random() < IS_FULL:
            self._asks = FULL.union(word for word in SOMETIMES if chance.random() < 0.5)
        self._by_pass = not self._asks and chance.random() < 0.7
        self._device = chance.choice(("", "phone", "phone"))
        self._at_once = chance.choice(PAGES)
        self._connections = self._wrong = 0
        self._found: Found | None = None
        self._home = ""
        self._talk: Talk | None = None
        self._arriving: Arriving | None = None
        self._keyed: dict[bytes, _Keyed] = {}
        self._tried: set[bytes] = set()
        self._seen: list[_Seen] = []
        self._met: dict[str, str] = {}
        # Everything up to this message is known, but for what is behind that of each target.
        self._bound: tuple[int, str, str] | None = None
        self._newest: tuple[int, str, str] | None = None
        self._behind: dict[str, str] = {}
        self._is_live = False
        self._is_caught_up = False

    # ---- logging in ----

    async def _attach(self) -> SimpleLine:
        if self._found is None or self._identity is None:
            self._found = await self._find()
        return await self._enter(self._found)

    def _make_line(self) -> Any:
        return IrcLine(self._hears, self._pulse, self._reactor, self._chance)

    async def _reach(self, found: Found) -> SimpleLine:
        """Return a connection to a front: mostly on the host where there was one before."""
        hosts = [*self._hosts, found.worker.host]
        host = self._home if self._home and self._chance.random() < AT_HOME else self._chance.choice(hosts)
        line = await self._dial(replace(found, worker=Address(host, IRC_PORT)), self._make_line)
        self._home = host
        return line

    async def _log_in(self, line: Any, found: Found, identity: RecordedIdentity) -> None:
        identity.reread()
        self._identity, self._feed.log_id = identity, identity.log_id
        random = [secret.hex() for secret in (identity.secret, identity.fresh) if secret is not None]
        typed = [] if self._password is None else [self._password.decode()]
        secrets = [*typed, *random]
        if not secrets:
            raise WrongSecret("another client has set a password, which is not known here")
        self._arriving = arriving = Arriving(self.name, line, self.is_welcome)
        if self._by_pass:
            secret = secrets[self._wrong % len(secrets)]
            said = f"{self.name}@{self._device}:{secret}" if self._device else secret
            line.say(f"PASS :{said}", f"NICK {self._nick()}", f"USER {self.name} 0 * :{self.name} at home")
            try:
                await arriving.until("001")
            except WrongSecret as error:
                self._wrong += 1
                if self._wrong % len(secrets):
                    raise Unreachable(str(error)) from error  # there is another one to try
                raise
        else:
            await self._by_sasl(line, arriving, secrets)
        self._wrong = 0

    def _nick(self) -> str:
        return self._chance.choice((self.name, self.name, self.name.capitalize()))

    async def _by_sasl(self, line: IrcLine, arriving: Arriving, secrets: Sequence[str]) -> None:
        said = ["CAP LS 302", f"NICK {self._nick()}", f"USER {self.name} 0 * :{self.name} at home"]
        line.say(*said, f"CAP REQ :{' '.join(sorted({*self._asks, 'sasl'}))}", "AUTHENTICATE PLAIN")
        for secret in secrets:
            await arriving.until("AUTHENTICATE")
            login = f"{self.name}@{self._device}" if self._device else self.name
            line.say("AUTHENTICATE " + b64encode(f"\0{login}\0{secret}".encode()).decode())
            try:
                await arriving.until("903")
                break
            except WrongSecret:
                if secret == secrets[-1]:
                    raise
                line.say("AUTHENTICATE PLAIN")
        line.say("CAP END")
        await arriving.until("001")

    def is_welcome(self, line: IrcLine) -> None:
        """The connection is welcome: what follows is said and heard on it."""
        self._connections += 1
        self._arriving = None
        on, record = self._asks, self._record.of(self._connections, self.name)
        self._talk = Talk(line, record, self.name, on, self._device, self._sees)
        self._talk.begin()
        self._is_live = self._bound is None
        self._is_caught_up = "draft/chathistory" not in on

    def _came_up(self, line: Any, identity: RecordedIdentity) -> None:
        self._line, self._ended, self._seems_up = line, "", True
        line.pause(self._held is not None)
        self._begin(line)

    def _begin(self, line: Any) -> None:
        if self._talk is None:  # it was lost in the same moment
            return
        for keyed in list(self._keyed.values()):
            self._say_keyed(keyed)
        Deferred.fromCoroutine(self._catch_up(self._talk)).addErrback(self._not_caught_up)

    def _detached(self) -> None:
        self._over_with_talk()
        super()._detached()

    def _over_with_talk(self) -> None:
        talk, self._talk = self._talk, None
        if talk is not None:
            talk.end()
            if self._is_live:
                self._bound = self._newest

    def _over(self) -> SimpleLine | None:
        self._over_with_talk()
        return super()._over()

    # ---- what can be seen of it ----

    @property
    def waiting(self) -> int:
        talk = self._talk
        return 1 if talk is None else len(talk) + len(self._keyed) + (not self._is_caught_up)

    @property
    def is_chatting(self) -> bool:
        """False: it always hears what is said, but cannot say up to where."""
        return False

    @property
    def cursor(self) -> int | None:
        return None

    # ---- what comes ----

    def _hears(self, item: Item, within: Batch | None) -> None:
        first = first_of(item)
        if within is not None:
            if self._talk is not None:
                self._talk.hears_within(item, within)
        elif first.command == "PING":
            self._pongs(first.params[-1])
        elif first.command == "ERROR":
            if GONE in first.params[-1]:
                why = ValueError(first.params[-1])
                self._logger.failure("{user} was said to be gone, and was not", Failure(why), user=self.name)
        elif self._arriving is not None:
            self._arriving.hears(first)
        elif self._talk is not None:
            self._talk.hears(item)

    def _pongs(self, token: str) -> None:
        """Answer a PING; some forget to say that their device has everything."""
        talk, seq = self._talk, token.removeprefix("c")
        is_said = True
        if talk is not None and seq != token and seq.isdigit():
            is_said = self._chance.random() < CONFIRMED
            talk.record(history.Confirmed, seq=int(seq), is_said=is_said)
        line = self._line if self._arriving is None else self._arriving.line
        if is_said and line is not None:
            cast(Any, line).say(f"PONG :{token}")

    def _sees(self, item: Item, number: int) -> None:
        """Take what is shown, also if it is the answer to the line ``number``."""
        talk = self._talk
        message = message_of(item)
        if talk is None:
            return
        if message is not None:
            self._hears_message(talk, message, item, number)
            return
        for line in lines_of(item):
            self._notes_stay(talk, line)
            if line.command == "TAGMSG" and TYPING in line.tags and line.nick != self.name:
                talk.record(history.Typed, by=line.nick, target=line.params[0])

    def _hears_message(self, talk: Talk, message: Message, item: Item, number: int) -> None:
        if number in talk.repeated:
            return  # it may have been said before, on another connection
        talk.record(history.Heard, message=message)
        if message.seq:
            talk.last = message.seq
            self._newest = message.seq, item.tags["msgid"], item.tags["time"]
        self._notes(message, item)

    def _notes(self, message: Message, item: Item) -> None:
        if message.by != self.name and _nick(message.by) not in REGISTERED_BY_GUESTS:
            self._met[_nick(message.by)] = f"@{message.by}"
        if message.seq:
            check = item.tags["msgid"].partition("-")[2]
            is_query = message.target == _nick(self.name) and not message.context
            target = _nick(message.by) if is_query else message.context or message.target
            seen = _Seen(message.seq, check, "post", message.by, target, self._room_of(target))
            self._seen = [*self._seen, seen][-50:]

    def _notes_stay(self, talk: Talk, line: Line) -> None:
        if line.command == "JOIN" and line.nick == self.name:
            talk.channels.add(line.params[0])
        elif _goes(line, self.name):
            talk.channels.discard(line.params[0])

    # ---- what was missed ----

    async def _catch_up(self, talk: Talk) -> None:
        """Ask for what was missed, of all channels that one is in, and of everybody who talks with one."""
        if self._is_caught_up:
            return
        await talk.ask("PING", "caught")
        if self._bound is not None:
            _, id_, time = self._bound
            for channel in sorted(talk.channels):
                self._behind.setdefault(channel, id_)
            async for nick in self._targets(talk, time):
                self._behind.setdefault(nick, id_)
            if talk.is_over:
                return
            self._is_live = True
            for target in sorted(self._behind):
                await self._read_on(talk, target)
        self._is_caught_up = self._talk is talk or self._is_caught_up

    async def _targets(self, talk: Talk, time: str) -> Any:
        """Yield with whom there was something since."""
        since, most = earlier(time), 3
        while True:
            bounds = f"timestamp={since} timestamp={FAR_AHEAD} {most}"
            answer = await talk.ask("CHATHISTORY", f"TARGETS {bounds}")
            told = [line.params for line in answer.lines() if line.params[:1] == ["TARGETS"]]
            for _, target, _ in told:
                if target[0] not in "#&":
                    yield target
            if answer.code or len(told) < most:
                return
            since = told[-1][2]

    async def _read_on(self, talk: Talk, target: str) -> None:
        while True:
            bound = self._behind[target]
            posts, answer = await self._page(talk, "AFTER", target, bound, self._at_once)
            if answer.code == "MESSAGE_ERROR":  # this front is behind the one where it was heard
                await deferLater(self._reactor, AGAIN_SECONDS)
                continue
            if posts:
                self._behind[target] = posts[-1].tags["msgid"]
            if answer.code or len(posts) < self._at_once:
                self._behind.pop(target)
                return

    async def _page(
        self, talk: Talk, how: str, target: str, bound: str, limit: int
    ) -> tuple[list[Item], Answer]:
        """Return the posts of a page of a history that come with ids."""
        asked = self._record.now
        is_id = bound[0] != "*" and "=" not in bound
        where = f"msgid={bound}" if is_id else bound
        answer = await talk.ask("CHATHISTORY", f"{how} {target} {where} {limit}")
        items = [item for batch in answer.items if isinstance(batch, Batch) for item in batch.items]
        told = [
            (item, message) for item in items if (message := message_of(item) or event_of(item)) is not None
        ]
        if not answer.code:
            place, messages = seq_in(bound) if is_id else 0, [message for _, message in told]
            page = how, place, limit, messages, asked, PLAYBACK in self._asks
            self._tells_history(talk, self._room_of(target), *page)
            for item, message in told:
                if message_of(item) is not None:
                    self._notes(message, item)
        return [item for item, message in told if message.seq], answer

    def _not_caught_up(self, failure: Any) -> None:
        if not failure.check(ConnectionClosed):
            self._logger.failure("{user} could not read on", failure, user=self.name)

    # ---- what it can be told ----

    def post(self, text: str, room: str | None = None) -> None:
        target, talk = self._target_of(room or ""), self._talk
        if target is None or (is_guest(self.name) and target[:2] == "#@"):
            return
        is_for_a_guest = (room or "").startswith(f"@{GUEST}")  # who has the nick by then, if it is said again
        if "chatnet/key" in self._asks and not is_for_a_guest and self._chance.random() < BY_KEY:
            key = self._fresh_key()
            said = fitting(text, self.name, target, key.hex()[-6:])
            self._keyed[key] = keyed = _Keyed(key, target, said)
            self._record(history.Sent, key=key, kind="post", room=room or "", text=said)
            self._say_keyed(keyed)
            return
        if talk is None:
            return  # there is nobody to say it to
        if "message-tags" in self._asks and self._chance.random() < REFERS:
            self._reacts(talk)
        if self._chance.random() < SEVERAL:
            self._say_to_several(talk, text, {target: room or ""})
        else:
            self._say(talk, text, target, room or "")
        self._asks_besides(talk)

    def _say(self, talk: Talk, text: str, target: str, room: str) -> None:
        """Say something in one of the ways that there are."""
        mark, chance = self._mark_of(talk), self._chance.random()
        if MULTILINE in self._asks and ("\n" in text or len(text) > WORDS):
            lines = in_lines(text, self.name, mark)
            talk.say_long("PRIVMSG", target, lines, Draft("post", room, whole(lines)), lambda _: None)
            return
        said = fitting(text, self.name, target, mark)
        draft = Draft("post", room, said)
        if chance < 0.05:
            talk.say("NOTICE", f"{target} :{said}", draft)
        elif chance < 0.1:
            talk.say("PRIVMSG", f"{target} :\x01ACTION {said}\x01", draft)
        elif chance < 0.2 and (answered := self._some_seen()) is not None:
            post, ref, check_of = answered
            said = fitting(text, self.name, post.target, mark)
            draft = Draft("post", post.room, said, ref=post.seq, check_of=check_of)
            tags = f"{self._chance.choice(REPLIES)}={ref}"
            talk.say("PRIVMSG", f"{post.target} :{said}", draft, tags=tags)
        else:
            talk.say("PRIVMSG", f"{target} :{said}", draft)

    def _say_to_several(self, talk: Talk, text: str, rooms: dict[str, str]) -> None:
        """Say something at further targets as well: in channels, and to users."""
        known = {channel: self._room_of(channel) for channel in talk.channels} | self._met
        folded = {self._folded(room) for room in rooms.values()}
        most = self._chance.choice((2, 3, MOST_TARGETS, MOST_TARGETS, MOST_TARGETS + 1))
        for target in self._chance.sample(sorted(known), len(known)):
            if len(rooms) < most and self._folded(known[target]) not in folded:
                rooms[target] = known[target]
                folded.add(self._folded(known[target]))
        said = fitting(text, self.name, ",".join(rooms), self._mark_of(talk))
        command = "NOTICE" if self._chance.random() < 0.1 else "PRIVMSG"
        if len(rooms) > MOST_TARGETS:
            talk.say(command, f"{','.join(rooms)} :{said}")  # that is refused as a whole
        else:
            drafts = {target: Draft("post", room, said) for target, room in rooms.items()}
            talk.say_to_several(command, drafts, said)

    def _folded(self, room: str) -> str:
        try:
            return fold_for(room, self.name) if room else self.name
        except Refusal:
            return room

    def _reacts(self, talk: Talk) -> None:
        """React to something that was seen."""
        answered = self._some_seen()
        if answered is not None:
            post, ref, check_of = answered
            said = f"{self._chance.choice(REACTIONS)} ~{self.name} {self._mark_of(talk)}"
            tags = f"{REACT}={tag_value(said)};{self._chance.choice(REPLIES)}={ref}"
            draft = Draft("post", post.room, said, ref=post.seq, check_of=check_of)
            talk.say("TAGMSG", post.target, draft, tags=tags)

    def _some_seen(self) -> tuple[_Seen, str, int] | None:
        """Return a post that was seen, its id, and 0; or, now and then, that with the check of another one,
        and the seq of that."""
        seen = [post for post in self._seen if post.target not in REGISTERED_BY_GUESTS]
        if not seen:
            return None
        post = other = self._chance.choice(seen)
        if self._chance.random() < 0.1:
            other = self._chance.choice(seen)
        return post, f"{base_36(post.seq)}-{other.check}", 0 if other.seq == post.seq else other.seq

    def _mark_of(self, talk: Talk) -> str:
        """Return what no other text ends with than that of the next line."""
        return f"{self._which}{self._connections}-{talk.next_number}"

    def _say_keyed(self, keyed: _Keyed) -> None:
        if self._talk is not None:
            key = urlsafe_b64encode(keyed.key).decode().rstrip("=")
            answered = partial(self._keyed_answered, keyed)
            rest = f"{keyed.target} :{keyed.text}"
            number = self._talk.say("PRIVMSG", rest, None, answered, f"+chatnet/key={tag_value(key)}")
            if keyed.key in self._tried:
                self._talk.repeated.add(number)
            self._tried.add(keyed.key)

    def _keyed_answered(self, keyed: _Keyed, answer: Answer) -> None:
        if self._keyed.pop(keyed.key, None) is None:
            return
        if answer.code:
            self._record(history.Refused, key=keyed.key, code=answer.code)
        else:
            self._record(history.Acknowledged, key=keyed.key, seq=answer.seq)

    def _asks_besides(self, talk: Talk) -> None:
        """Perhaps say something else, which is answered in its turn; and, a moment later, that one types: who
        has just posted does not."""
        self._reactor.callLater(self._chance.uniform(0, TYPES_SECONDS), self._types, talk)
        is_nowhere = is_guest(self.name) and not talk.channels
        if self._chance.random() > ONE_MORE or is_nowhere or len(talk) > MUCH:
            return
        channel = self._chance.choice(sorted(talk.channels) or [f"#@{self.name}"])
        command, rest = self._chance.choice(
            (
                ("NAMES", channel),
                ("WHO", channel),
                ("TOPIC", channel),
                ("MODE", channel),
                ("WHOIS", self.name),
                ("LUSERS", ""),
                ("MONITOR", f"+ {self.name}"),
                ("AWAY", ":for a moment"),
                ("AWAY", ""),
                ("PRIVMSG", channel),
                ("PRIVMSG", f"{channel} :{'x' * (510 - len(f'PRIVMSG {channel} :'.encode()))}"),
                ("NONSENSE", "at all"),
                ("JOIN", f"#@{self.name}"),  # of others one may just be leaving
            )
        )
        talk.say(command, rest)

    def _types(self, talk: Talk) -> None:
        """Say that one is typing, if others shall know."""
        rooms = [channel for channel in sorted(talk.channels) if not channel.startswith("#@")]
        if talk is self._talk and talk.has_labels and rooms:
            what = self._chance.choice(("active", "done"))
            talk.say("TAGMSG", self._chance.choice(rooms), tags=f"{TYPING}={what}")

    def join(self, room: str) -> None:
        self._stay("JOIN", "join", room)

    def leave(self, room: str) -> None:
        self._stay("PART", "leave", room)

    def _stay(self, command: str, kind: KindName, room: str) -> None:
        target, talk = self._target_of(room), self._talk
        if talk is None or target is None or target[0] not in "#&" or target == f"#@{self.name}":
            return
        shown = partial(self._shown_newest, talk, room) if kind == "join" else lambda _: None
        talk.say(command, target, Draft(kind, room), shown)

    def _shown_newest(self, talk: Talk, room: str, answer: Answer) -> None:
        """Record what was shown at a join."""
        if answer.seq and self._asks >= TIMED and "draft/chathistory" not in self._asks:
            past = [item for item in answer.items if isinstance(item, Batch) and item.kind == "chathistory"]
            told = (message_of(item) or event_of(item) for batch in past for item in batch.items)
            messages = [one for one in told if one is not None and one.seq != answer.seq]
            page = "BEFORE", answer.seq, NEWEST, messages, self._record.now, False
            self._tells_history(talk, room, *page)

    def _tells_history(
        self,
        talk: Talk,
        room: str,
        how: str,
        bound: int,
        limit: int,
        messages: Sequence[Message],
        asked: float,
        plays: bool,
    ) -> None:
        talk.record(
            history.HistoryHeard,
            asked=asked,
            room=room,
            how=how,
            bound=bound,
            limit=limit,
            messages=list(messages),
            plays=plays,
        )

    def order(self, kind: KindName, room: str, to: str = "", text: str = "") -> None:
        talk, target = self._talk, self._target_of(room)
        if talk is None or target is None or target[0] not in "#&" or not room:
            return
        mark, nick = f"~{self.name} {self._mark_of(talk)}", _nick(to)
        match kind:
            case "invite":
                talk.say("INVITE", f"{nick} {target}", Draft(kind, room, to=to))
            case "remove":
                said = f"{text} {mark}".strip()
                talk.say("KICK", f"{target} {nick} :{said}", Draft(kind, room, said, to))
            case "role" if text in ("moderator", "none"):
                sign = "-" if text == "none" else "+"
                talk.say("MODE", f"{target} {sign}o {nick}", Draft(kind, room, text, to))
            case "ban" | "unban":
                sign = "-" if kind == "unban" else "+"
                talk.say("MODE", f"{target} {sign}b {nick}!*@*", Draft(kind, room, to=to))
            case "describe":
                said = f"{text} {mark}".strip()
                talk.say("TOPIC", f"{target} :{said}", Draft(kind, room, said))
            case _:
                pass  # IRC has nothing of the kind

    def redact(self, choice: Choice) -> None:
        found, talk = choice.of(cast(Any, self._seen), self.name), self._talk
        if found is None or talk is None:
            return
        post, other = cast(tuple[_Seen, _Seen], found)
        ref = f"{base_36(post.seq)}-{other.check}"
        check_of = 0 if other.seq == post.seq else other.seq
        talk.say("REDACT", f"{post.target} {ref}", Draft("redact", ref=post.seq, check_of=check_of))

    def chat(self) -> None:
        """Do nothing: who is connected hears what is said."""

    def unchat(self) -> None:
        """Do nothing, as for :meth:`chat`."""

    def look_back(self, room: str, pages: int) -> None:
        talk, target = self._talk, self._target_of(room)
        if talk is not None and target is not None and "draft/chathistory" in self._asks:
            Deferred.fromCoroutine(self._look_back(talk, target, pages)).addErrback(self._not_caught_up)

    async def _look_back(self, talk: Talk, target: str, pages: int) -> None:
        goes_on = self._chance.random() < 0.5  # from the beginning on, else from the end back
        how, bound = ("AFTER", f"timestamp={LONG_AGO}") if goes_on else ("LATEST", "*")
        for _ in range(pages):
            posts, _ = await self._page(talk, how, target, bound, self._at_once)
            if not posts:
                return
            how = "AFTER" if goes_on else "BEFORE"
            bound = posts[-1 if goes_on else 0].tags["msgid"]

    def list_rooms(self, prefix: str) -> None:
        if self._talk is not None:
            self._talk.say("LIST", f"{prefix or '#'}*")

    def mark(self) -> None:
        talk = self._talk
        if talk is not None and self._newest is not None:
            for channel in sorted(talk.channels)[:2]:
                talk.say("MARKREAD", f"{channel} timestamp={self._newest[2]}")

    def report(self, choice: Choice) -> None:
        """Do nothing: IRC has nothing of the kind."""

    def set_password(self, old: str | None, password: str) -> None:
        """Do nothing, as for :meth:`report`."""

    def pair(self, keep: Callable[[str], None], password: str | None) -> None:
        """Do nothing, as for :meth:`report`."""

    def recovery(self, keep: Callable[[list[str]], None], password: str | None) -> None:
        """Do nothing, as for :meth:`report`."""

    def revoke_others(self) -> None:
        """Do nothing, as for :meth:`report`."""

    def forget(self, password: str | None) -> None:
        """Do nothing, as for :meth:`report`."""

    def list_invitations(self) -> None:
        """Do nothing, as for :meth:`report`."""

    # ---- names ----

    def _target_of(self, room: str) -> str | None:
        """Return how IRC names a room that is spelled so; None: it does not."""
        if room[:1] == "@":
            return _nick(room[1:])
        if room[:1] in ("#", "&"):
            return room
        return None if "=" in room else f"#@{room or self.name}"

    def _room_of(self, target: str) -> str:
        if target[:2] == "#@":
            return target[2:]
        other = GUEST + target if target == HEIR else target
        return target if target[0] in "#&" else self._met.get(target, f"@{other}")


def _nick(user: str) -> str:
    """Return what a user is called on IRC."""
    return user.removeprefix(GUEST)


def _goes(line: Line, name: str) -> bool:
    """Return whether by this line ``name`` is no longer in a channel."""
    if line.command == "KICK":
        return line.params[1].lower() == name
    return (line.command, line.nick) == ("PART", name)
