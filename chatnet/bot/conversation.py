"""What a bot and the cluster say to each other, over any number of connections. Pure: no I/O, no time.

A face of it (:mod:`.asynchronous`, :mod:`.sync`) opens connections, passes on what comes, sends what there is
to send, and writes what is to be kept before it is sent.

Two cursors: ``heard`` is how far entries have arrived, and is what a new connection goes on from; the one
that is kept is how far they are handled. Only the cluster's ``posts`` and ``upto`` move the first one, and
only the bot itself the second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chatnet.bot import messages
from chatnet.bot.errors import BotError, LoggedOut, OtherVersion, Refused, WrongState
from chatnet.bot.kept import Kept
from chatnet.bot.messages import Cursor, Post, Received
from chatnet.entries import fresh_key
from chatnet.keys import key_named, key_text

MOST_ASKED = 32
"""How many commands are unanswered at most; the others wait here."""
MOST_HEARD = 1000
"""How many entries wait to be handled before nothing more is read."""

_NOT_NOW = frozenset({"TRY_LATER", "INTERNAL_FAILURE", "TOO_SLOW", "UNREADABLE"})
"""What is no answer to a draft, or to a hello: that is said again."""
_THERE_ALREADY = {"join": "ALREADY_JOINED", "leave": "NOT_JOINED"}
"""What is as good as a yes: an earlier process did it, under a key that is forgotten."""


@dataclass(eq=False)
class Ask:
    """A command, asked until it is answered. ``outcome`` is its results, or its refusal."""

    message: dict[str, Any]
    outcome: dict[str, Any] | Refused | None = None

    @property
    def is_draft(self) -> bool:
        """Whether it has a key: then it may be sent as often as one likes."""
        return "key" in self.message

    @property
    def command(self) -> str:
        """The command's name."""
        return str(self.message["t"])

    def result(self) -> dict[str, Any]:
        """Return its results.

        :raises Refused: it was refused.
        """
        if isinstance(self.outcome, Refused):
            raise self.outcome
        assert self.outcome is not None
        return self.outcome


@dataclass(frozen=True)
class Begun:
    """The cluster greets the bot. ``is_first``: it hears from now on, and that is to be kept."""

    is_first: bool


@dataclass(frozen=True)
class Done:
    """A command was answered."""

    ask: Ask


@dataclass(frozen=True)
class Moved:
    """The cursor moved, and nothing was said."""


@dataclass(frozen=True)
class Later:
    """Drafts could not be taken at this moment: call :meth:`Conversation.again` in a while."""


@dataclass(frozen=True)
class PutBack:
    """The log was put back: what was read after ``to`` is not in it; None: nobody knows to where."""

    to: Cursor | None


@dataclass(frozen=True)
class Missing:
    """What lies between these two was not sent, and only the history of each room has it."""

    after: int
    upto: int


Event = Begun | Done | Moved | Later | PutBack | Missing


@dataclass
class Conversation:
    """One bot's side. ``hears``: it wants to hear what is said; a bot that only posts does not.

    ``wall`` is the time in seconds since 1970, and ``entropy`` makes random bytes: of both, keys are made.
    """

    kept_before: Kept
    wall: Callable[[], float]
    entropy: Callable[[int], bytes]
    hears: bool = False
    log: str = field(init=False)
    user: str = field(init=False)
    is_greeted: bool = field(init=False, default=False)
    """Whether commands are sent on this connection."""
    is_leaving: bool = field(init=False, default=False)
    """Whether nothing more is sent on it: once all is answered, it is to be closed."""

    def __post_init__(self) -> None:
        kept = self.kept_before
        self.log, self.user = kept.log, kept.user
        self._heard = self._handled = kept.cursor
        self._waiting: deque[Post] = deque()
        self._in_hand: Post | None = None
        self._answers: list[Ask] = []
        self._unsent: deque[Ask] = deque(Ask(draft) for draft in kept.outbox)
        self._sent: dict[int, Ask] = {}
        self._later: list[Ask] = []
        self._number = 0
        self._is_greeting = self._has_greeted = False
        self._say: deque[str] = deque()

    # ---- what the bot wants ----

    def draft(self, command: str, key: str | None = None, **arguments: Any) -> Ask:
        """Return a draft, with a key of its own or the one that ``key`` names. Nothing is done yet."""
        made = fresh_key(self.wall(), self.entropy) if key is None else key_named(key)
        values = {name: value for name, value in arguments.items() if value is not None}
        return Ask({"t": command, "key": key_text(made), **values})

    def send(self, ask: Ask) -> None:
        """Ask this from now on, until it is answered."""
        self._unsent.append(ask)

    def answer(self, post: Post, ask: Ask) -> None:
        """Say this once ``post``, the entry in hand, is handled.

        :raises BotError: another one is in hand.
        """
        if self._in_hand is None or self._in_hand.seq != post.seq:
            raise BotError("One answers the post that the loop has just given; say others with post().")
        self._answers.append(ask)

    def next(self) -> Post | None:
        """Take the next entry in hand, and return it; None if none is there. The one before is handled."""
        assert self._in_hand is None
        if self._waiting:
            self._in_hand = self._waiting.popleft()
        return self._in_hand

    def let_go(self) -> None:
        """The entry in hand is not handled, and comes again; what was to be said for it is not said."""
        if self._in_hand is not None:
            self._waiting.appendleft(self._in_hand)
            self._in_hand = None
            self._answers.clear()

    @property
    def in_hand(self) -> Post | None:
        """The entry that is being handled."""
        return self._in_hand

    def once_handled(self) -> Kept:
        """Return what is to be kept before :meth:`handled` is called."""
        assert self._in_hand is not None
        return self._kept(self._after_it(), *self._answers)

    def handled(self) -> None:
        """The entry in hand is handled, and that is kept: what was to be said for it is said now."""
        self._handled = self._after_it()
        self._in_hand = None
        self._unsent.extend(self._answers)
        self._answers.clear()

    def _after_it(self) -> Cursor | None:
        return self._in_hand.cursor if self._waiting and self._in_hand is not None else self._heard

    def kept(self, *also: Ask) -> Kept:
        """Return what is to be kept now, with drafts that are to be sent."""
        return self._kept(self._handled, *also)

    def _kept(self, cursor: Cursor | None, *also: Ask) -> Kept:
        drafts = tuple(ask.message for ask in (*self._unanswered(), *also) if ask.is_draft)
        return Kept(log=self.log, user=self.user, cursor=cursor, outbox=drafts)

    def _unanswered(self) -> Iterator[Ask]:
        yield from self._sent.values()
        yield from self._later
        yield from self._unsent

    # ---- the connection ----

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read now: enough waits to be handled, and nobody for an answer."""
        return len(self._waiting) >= MOST_HEARD and not self.has_asked

    @property
    def has_asked(self) -> bool:
        """Whether anything is to be sent, or unanswered."""
        return bool(self._unsent or self._sent or self._later)

    @property
    def has_room(self) -> bool:
        """Whether a command that is made now is sent at once: else, wait before more are made."""
        return len(self._unsent) + len(self._sent) + len(self._later) < MOST_ASKED

    @property
    def may_close(self) -> bool:
        """Whether this connection should be closed: the cluster wishes it, and nothing is unanswered."""
        return self.is_leaving and not self._sent

    def connected(self) -> None:
        """A new connection is open."""
        self.lost()
        self._is_greeting, self._has_greeted = True, False

    def lost(self) -> None:
        """The connection is gone. What was not answered is asked again, first and in the same order."""
        self._unsent.extendleft(reversed((*self._sent.values(), *self._later)))
        self._sent.clear()
        self._later.clear()
        self._say.clear()
        self.is_greeted = self.is_leaving = self._is_greeting = False

    def again(self) -> None:
        """Send again what could not be taken."""
        self._unsent.extendleft(reversed(self._later))
        self._later.clear()

    def to_send(self) -> Iterator[str]:
        """Return the messages that are to be sent on this connection now. Each is to be sent."""
        if self._is_greeting and not self._has_greeted:
            self._has_greeted = True
            yield messages.said(self._hello())
        while self._say:
            yield self._say.popleft()
        while self.is_greeted and not self.is_leaving and self._unsent and len(self._sent) < MOST_ASKED:
            ask = self._unsent.popleft()
            self._number += 1
            self._sent[self._number] = ask
            yield messages.said({**ask.message, "id": self._number})

    def _hello(self) -> dict[str, Any]:
        hello: dict[str, Any] = {"t": "hello", "v": messages.VERSION, "most": messages.EVERYTHING}
        if self.hears and self._heard is not None:
            hello |= {"log": self.log, "cursor": self._heard}
        return hello

    # ---- what comes ----

    def receive(self, text: str | bytes) -> list[Event]:
        """Take a message of the cluster, and return what it means.

        :raises BotError: it means that the bot cannot go on.
        :raises ConnectionError: that it cannot go on here, now: connect again, after a pause.
        """
        message = messages.received(text)
        match message:
            case Received(t="welcome"):
                return self._welcomed(message)
            case Received(t="posts", posts=posts):
                self._hear(posts)
            case Received(t="upto", cursor=Cursor() as cursor):
                return self._nothing_up_to(cursor)
            case Received(t="ok", id=int(number)):
                return self._answered(number, messages.results(text))
            case Received(t="error", id=number):
                return self._refused(number, Refused(message.code, message.text))
            case Received(t="rewound", cursor=Cursor() as cursor):
                return self._put_back(cursor)
            case Received(t="moved"):
                self.is_leaving = True
            case Received(t="ping", n=n):
                self._say.append(messages.said({"t": "pong", "n": n}))
            case Received(t="bye"):
                raise LoggedOut(message.text)
        return []  # of what a newer cluster may say, nothing is for us

    def _welcomed(self, message: Received) -> list[Event]:
        if message.v != messages.VERSION:
            raise OtherVersion(f"The cluster speaks version {message.v}: update this library.")
        self._check_whose(message)
        is_first = self._heard is None
        events: list[Event] = [Begun(self.hears and is_first)]
        self.log, self.user = message.log, message.user
        self.is_greeted, self._is_greeting = True, False
        if not self.hears:
            return events
        if message.cursor is None:
            raise LoggedOut("This token may only post: to hear, a bot needs one for “read” or “all”.")
        if is_first:
            self._heard = self._handled = message.cursor
        elif message.gap is not None and self._heard is not None:
            events.append(Missing(self._heard.seq, message.gap.get("to", message.cursor.seq)))
            self._hear(message.posts)
            self._nothing_up_to(message.cursor)
        return events

    def _check_whose(self, message: Received) -> None:
        for name, kept, said in (("log", self.log, message.log), ("user", self.user, message.user)):
            if kept and kept != said:
                raise WrongState(
                    f"This state is of the {name} {kept}, and the cluster's is {said}: use another file for "
                    "this bot."
                )

    def _hear(self, posts: list[Post]) -> None:
        if not self.hears:
            return
        for post in posts:
            if self._heard is None or post.seq > self._heard.seq:
                self._waiting.append(post)
                self._heard = post.cursor

    def _nothing_up_to(self, cursor: Cursor) -> list[Event]:
        if not self.hears or self._heard is None or cursor.seq <= self._heard.seq:
            return []
        self._heard = cursor
        if self._waiting or self._in_hand is not None:
            return []
        self._handled = cursor
        return [Moved()]

    def _answered(self, number: int, results: dict[str, Any]) -> list[Event]:
        ask = self._sent.pop(number, None)
        if ask is None:
            return []
        ask.outcome = results
        return [Done(ask)]

    def _refused(self, number: int | None, why: Refused) -> list[Event]:
        if number is None:
            return self._not_greeted(why)
        ask = self._sent.pop(number, None)
        if ask is None:
            return []
        if ask.is_draft and why.code in _NOT_NOW:
            self._later.append(ask)
            return [Later()]
        ask.outcome = {} if _THERE_ALREADY.get(ask.command) == why.code else why
        return [Done(ask)]

    def _not_greeted(self, why: Refused) -> list[Event]:
        if not self.is_greeted and why.code in _NOT_NOW:
            raise ConnectionError(str(why)) from why
        if self.is_greeted or why.code != "CURSOR_AHEAD":
            raise why
        self._heard = self._handled = None
        self._forget_after(-1)
        self._has_greeted = False  # hello again, without a cursor
        return [PutBack(None)]

    def _put_back(self, to: Cursor) -> list[Event]:
        self.is_leaving = True  # nothing more is heard here
        if self._heard is None or self._heard.seq <= to.seq:
            return []
        self._heard = to
        if self._handled is not None and self._handled.seq > to.seq:
            self._handled = to
        self._forget_after(to.seq)
        return [PutBack(to)]

    def _forget_after(self, seq: int) -> None:
        self._waiting = deque(post for post in self._waiting if post.seq <= seq)
