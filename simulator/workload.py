"""What simulated users do: drawn from the seed before the run, and done by the real client's code."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple
from unicodedata import normalize

from twisted.application.service import Service
from twisted.logger import Logger

from chatnet.addresses import Address, parse_masters
from chatnet.client.identity import config_directory
from chatnet.client.known_masters import KnownMasters
from chatnet.client.trust import Trust
from chatnet.errors import Forgotten
from chatnet.form import MAX_TEXT
from chatnet.testing import history
from chatnet.testing.history import Event
from chatnet.testing.rules import HIDDEN
from chatnet.testing.user import Choice, Recorder
from chatnet.world import World
from simulator.users import offers
from simulator.users.port import User

NAMES = (
    "alice", "bob", "carol", "dan", "erin", "frank", "grace", "heidi", "ivan", "judy", "ken", "liz",
    "mallory", "niaj", "olivia", "peggy", "quinn", "rupert", "sybil", "trent", "ursula", "victor",
    "walter", "xena", "yves", "zoe",
)  # fmt: skip
TOPICS = (
    "#python",
    "#chess",
    "#größe",
    "#go",
    "#हिन्दी",
    "#می\u200cخواهم",
    "#i\u0307stanbul",
    "#ΟΔΟΣ",
    "#" + "long" * 16,
)
PRIVATE = ("&ops", "&größe", "&tea", "&हिन्दी")
ABOUT_OTHERS = (
    "block", "unblock", "leave", "join", "create", "look_back", "look_back", "role", "invite", "remove",
    "remove", "ban", "mute", "unban",
)  # fmt: skip
"""What people do about others, and in private rooms."""
WORDS = ("well", "never", "heard", "of", "that", "the", "same", "again", "why", "not", "tea", "rain", "on")
OPERATOR = "operator"
"""Stands where a device does, for who gives orders in the cluster's own name."""
SECOND = "+"
"""Ends the name of a user's second device."""
ARRIVAL_SECONDS = 2.0
"""Users start their clients within this many seconds, except some who come later."""
BURST = 12
"""How many posts come at once, at most, when somebody writes fast."""
PASTE = 40
"""How many long posts come at once, at most, when somebody pastes."""
LONGEST_ABSENCE = 10.0
"""Seconds that somebody stays away, or does not read, at most."""
MOST_MARKED = 6
"""How often the marks of a device are set and read at most."""
GUESTS = 0.5
"""The share of users that let in another device by a code."""
AGAIN_SECONDS = 2.0
"""Seconds after which a client that found nobody tries again."""


class Step(NamedTuple):
    """At ``time``, something is done at ``device``: a method of :class:`Person`."""

    time: float
    device: str
    does: str
    arguments: tuple[Any, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(repr(argument)[:40] for argument in self.arguments)
        return f"{self.does.replace('_', ' ')} {shown}"


@dataclass(frozen=True)
class Habits:
    """The habits of the users of one seed: how often each thing is done, for each post."""

    join: float
    leave: float
    chat: float
    hang_up: float
    lag: float
    begin_anew: float
    look_back: float
    list_rooms: float
    set_password: float
    burst: float
    paste: float
    mention: float
    topic: float
    in_topic: float
    long_text: float
    odd_text: float
    late: float
    tell: float
    in_private: float
    order: float
    redact: float

    @classmethod
    def drawn(cls, chance: random.Random) -> Habits:
        """Draw the habits: each seed has its own, so that what is rare overall is common somewhere."""

        def often(most: float) -> float:
            return most * chance.random() ** 2

        return cls(
            join=0.2 + often(0.4),
            leave=often(0.4),
            chat=often(0.4),
            hang_up=often(0.4),
            lag=often(0.3),
            begin_anew=often(0.15),
            look_back=often(0.2),
            list_rooms=often(0.1),
            set_password=often(0.05),
            burst=often(0.3),
            paste=often(0.03),
            mention=often(0.6),
            topic=often(0.6),
            in_topic=often(0.8),
            long_text=often(0.9),
            odd_text=often(0.2),
            late=often(0.5),
            tell=often(0.4),
            in_private=often(0.6),
            order=0.1 + often(0.5),
            redact=often(0.3),
        )


def names(count: int) -> list[str]:
    """Return the names of ``count`` users."""
    return [NAMES[at] if at < len(NAMES) else f"user-{at}" for at in range(count)]


def devices(chance: random.Random, users: Sequence[str]) -> list[str]:
    """Return the devices of ``users``: one each, named like the user, and some a second one."""
    count = chance.choice((0, 0, 1, 3))
    return [*users, *(f"{user}{SECOND}" for user in sorted(chance.sample(users, min(count, len(users)))))]


def owner(device: str) -> str:
    """Return the owner of a device."""
    return device.rstrip(SECOND)


def guest(device: str) -> str:
    """Return the device that is let in by a code from this one."""
    return owner(device) + 2 * SECOND


def plan(
    chance: random.Random, devices: Sequence[str], posts: int, start: float, seconds: float
) -> list[Step]:
    """Return what is done at ``devices`` from ``start`` on, for ``seconds`` after all have arrived.

    Together they make ``posts`` posts. Pure.
    """
    habits = Habits.drawn(chance)
    steps: list[Step] = []
    arrivals: dict[str, float] = {}
    topics: dict[str, list[str]] = {}
    for device in devices:
        arrives = start + chance.uniform(0, ARRIVAL_SECONDS)
        if chance.random() < habits.late:
            arrives += chance.uniform(0, 0.7 * seconds)
        arrivals[device] = arrives
        steps.append(Step(arrives, device, "arrive"))
        rooms = [_room(chance, devices) for _ in range(chance.randrange(5))]
        steps += (Step(arrives, device, "join", (room,)) for room in rooms)
        topics[device] = [room for room in rooms if room.startswith("#")]
        if chance.random() < 0.9:
            steps.append(Step(arrives + chance.random(), device, "chat"))
    while posts > 0:
        device, at = chance.choice(devices), start + ARRIVAL_SECONDS + chance.random() * seconds
        pastes = chance.random() < habits.paste
        most = PASTE if pastes else BURST if chance.random() < habits.burst else 1
        count = min(posts, chance.randint(1, most))
        posts -= count
        texts = [_text(chance, devices, habits, pastes) for _ in range(count)]
        for text in texts:
            where = _said_in(chance, devices, habits, topics[device])
            steps.append(Step(at, device, "post", (text, *where)))
        steps += _besides(chance, devices, habits, device, start + ARRIVAL_SECONDS, seconds)
    steps = _in_private(chance, devices, habits, steps, start + ARRIVAL_SECONDS, seconds)
    present = [step._replace(time=max(step.time, arrivals[step.device])) for step in steps]
    there: set[str] = set()
    done: list[Step] = []
    for step in sorted(present, key=lambda step: step.time):
        if step.does == "arrive":
            there.add(step.device)
        if step.device in there:  # nobody does anything before
            done.append(step)
    return done


def marking(chance: random.Random, devices: Sequence[str], start: float, seconds: float) -> list[Step]:
    """Return when users mark what they have read at ``devices``, and look at their marks. Pure."""
    habit = chance.random()
    return [
        Step(start + ARRIVAL_SECONDS + chance.random() * seconds, device, "mark")
        for device in devices
        for _ in range(MOST_MARKED)
        if chance.random() < habit
    ]


def ruling(
    chance: random.Random, steps: Sequence[Step], devices: Sequence[str], start: float, seconds: float
) -> list[Step]:
    """Return what is decided besides ``steps``: an operator makes an admin and a moderator, that admin
    decides between whom there are conversations, and who makes a private room, who may invite there. People
    report posts. Pure."""

    def later() -> float:
        return start + ARRIVAL_SECONDS + chance.random() * seconds

    def decides(device: str, room: str, name: str, *values: str) -> Step:
        return _ordered(later(), device, "policy", room, "", f"{name} {chance.choice(values)}")

    admin, moderator = chance.choice(devices), chance.choice(devices)
    found = [Step(later(), OPERATOR, "order", ("role", owner(moderator), "moderator"))]
    if chance.random() < 0.5:
        found.append(Step(start + ARRIVAL_SECONDS, OPERATOR, "order", ("admin", owner(admin))))
    for device in (admin, admin, admin, chance.choice(devices)):
        found.append(decides(device, "", "direct", "all", "all", "staff", "off"))
    for device in devices:
        for _ in range(chance.randrange(3)):
            choice = Choice(chance.random(), chance.random() < 0.1, chance.random() < 0.1)
            found.append(Step(later(), device, "report", (choice,)))
    for made in steps:
        if made.does == "order" and made.arguments[0] == "create":
            room = made.arguments[1]
            found.append(decides(made.device, room, "invite", "members", "moderators"))
            found.append(Step(later(), OPERATOR, "order", ("role", owner(made.device), "owner", room)))
            found.append(Step(later(), made.device, "list_invitations"))
    return found


def pairing(chance: random.Random, devices: Sequence[str], start: float, seconds: float) -> list[Step]:
    """Return when users let in another device by a code, what is done there, and when they shut it out: often
    while it posts, and sometimes while it has no connection. In the end all of them are gone. Pure."""
    steps: list[Step] = []
    for device in devices:
        if device != owner(device) or chance.random() > GUESTS:
            continue
        other, at = guest(device), start + ARRIVAL_SECONDS + chance.random() * 0.6 * seconds
        steps.append(Step(at, device, "pair"))
        comes = at + 0.5 + chance.random()
        steps += [Step(comes, other, "arrive_by_code"), Step(comes + 0.5, other, "chat")]
        ends = comes + 0.6 + chance.random() * 0.3 * seconds
        posts = (ends - 0.5 + 1.5 * chance.random() for _ in range(12))
        steps += [Step(time, other, "post", (f"from afar {chance.randrange(1000)}",)) for time in posts]
        if chance.random() < 0.4:
            steps.append(Step(ends - 0.1, other, "hang_up", (1.0 + chance.random(),)))
        if chance.random() < 0.8:
            steps.append(Step(ends, device, "revoke_others"))
        if chance.random() < 0.4:  # the code is not good any more
            steps += [Step(ends + 2.0, other, "go"), Step(ends + 2.2, other, "arrive_by_code")]
        steps.append(Step(max(ends + 4.0, start + ARRIVAL_SECONDS + seconds), other, "go"))
    return steps


def taking_back(chance: random.Random, devices: Sequence[str], start: float, seconds: float) -> list[Step]:
    """Return who has all taken back that somebody said: users of themselves, an operator, and those who
    moderate a room, or believe that they do. Pure."""

    def later() -> float:
        return start + ARRIVAL_SECONDS + chance.random() * seconds

    found: list[Step] = []
    for device in chance.sample(devices, min(2, len(devices))):
        if chance.random() < 0.2:
            found.append(Step(later(), device, "forget"))
    if chance.random() < 0.1:
        words = ("user", "forget", owner(chance.choice(devices)), "--yes")
        found.append(Step(later(), OPERATOR, "order", words))
    for room in (*PRIVATE, chance.choice(TOPICS)):
        by, to = chance.choice((*devices, OPERATOR)), owner(chance.choice(devices))
        if chance.random() >= 0.3:
            continue
        if by == OPERATOR:
            found.append(Step(later(), OPERATOR, "order", ("purge", room, to)))
        else:
            found.append(_ordered(later(), by, "purge", spelled(chance, room), to))
    return found


def keeping(
    chance: random.Random, steps: Sequence[Step], devices: Sequence[str], start: float, seconds: float
) -> list[Step]:
    """Return who decides besides ``steps`` how long posts are kept: an operator for the cluster and in
    topics, in private rooms who makes them. Days are short here: what is said grows too old. Pure."""

    def later() -> float:
        return start + ARRIVAL_SECONDS + chance.random() * seconds

    def days() -> str:
        return chance.choice(("1d", "2d", "3d"))

    found: list[Step] = []
    rooms = [*((topic,) for topic in chance.sample(TOPICS, 3)), *([()] if chance.random() < 0.3 else [])]
    for room in rooms:
        found.append(Step(later(), OPERATOR, "order", ("policy", "keep", days(), *room)))
        if chance.random() < 0.3:
            found.append(Step(later(), OPERATOR, "order", ("policy", "keep", "for", "ever", *room)))
    for made in steps:
        if made.does == "order" and made.arguments[0] == "create" and chance.random() < 0.5:
            found.append(_ordered(later(), made.device, "policy", made.arguments[1], "", f"keep {days()}"))
    return found


def _besides(
    chance: random.Random, devices: Sequence[str], habits: Habits, device: str, start: float, seconds: float
) -> list[Step]:
    """Return what is done in addition to the posts, at other times."""
    steps: list[Step] = []

    def perhaps(often: float, does: str, *arguments: Any) -> None:
        if chance.random() < often:
            steps.append(Step(start + chance.random() * seconds, device, does, arguments))

    perhaps(habits.join, "join", _room(chance, devices))
    perhaps(habits.leave, "leave", _room(chance, devices))
    perhaps(habits.chat, chance.choice(("chat", "unchat", "chat_anew", "chat_anew_twice")))
    perhaps(habits.hang_up, "hang_up", _absence(chance))
    # Long enough that posts from this time fill all buffers.
    perhaps(habits.lag, "lag", 2 * _absence(chance))
    perhaps(habits.begin_anew, "begin_anew", _absence(chance))
    perhaps(habits.look_back, "look_back", _room(chance, devices), chance.randint(1, 3))
    perhaps(habits.set_password, "set_password", f"password {chance.randrange(10**9)}")
    perhaps(habits.list_rooms, "list_rooms", chance.choice(("", "#", "a")))
    return steps


@dataclass(frozen=True)
class _Club:
    """A private room: the device that makes it, and who is invited."""

    room: str
    made_by: str
    invited: tuple[str, ...]


def _in_private(
    chance: random.Random,
    devices: Sequence[str],
    habits: Habits,
    steps: Sequence[Step],
    start: float,
    seconds: float,
) -> list[Step]:
    """Return the ``steps`` with those in private rooms and conversations, and what people do about others:
    some of the posts go there."""
    clubs = [
        _Club(room, chance.choice(devices), tuple(chance.sample(devices, min(6, len(devices)))))
        for room in chance.sample(PRIVATE, 2)
    ]
    told, of_clubs = list[Step](), list[Step]()
    for club in clubs:
        made = start + chance.random() * seconds / 8
        of_clubs.append(
            _ordered(made, club.made_by, "create", club.room, "", chance.choice(("joined", "all")))
        )
        for device in club.invited:
            of_clubs.append(_ordered(made, club.made_by, "invite", club.room, owner(device)))
            for _ in range(2):
                joins = made + chance.random() * seconds / 8
                of_clubs.append(Step(joins, device, "join", (spelled(chance, club.room),)))
        of_clubs.append(
            _ordered(made + 2, club.made_by, "role", club.room, owner(club.invited[0]), "moderator")
        )
    for step in steps:
        if step.does != "post":
            told.append(step)
            continue
        told.append(_elsewhere(chance, devices, habits, step, clubs))
        when = start + chance.random() * seconds
        if chance.random() < habits.order:
            told.append(_about_others(chance, devices, clubs, when))
        if chance.random() < habits.redact:
            choice = Choice(chance.random(), chance.random() < 0.7, chance.random() < 0.1)
            told.append(Step(when, step.device, "redact", (choice,)))
    # Behind the others: who arrives only at that time does it then.
    return [*told, *of_clubs]


def _ordered(time: float, device: str, kind: str, room: str, to: str = "", text: str = "") -> Step:
    return Step(time, device, "order", (kind, room, to, text))


def _elsewhere(
    chance: random.Random, devices: Sequence[str], habits: Habits, post: Step, clubs: Sequence[_Club]
) -> Step:
    """Return a post, or the same in a conversation or a private room, of which its author is mostly one."""
    (text, *_) = post.arguments
    if chance.random() < habits.tell:
        return post._replace(arguments=(text, "@" + owner(chance.choice(devices))))
    if chance.random() < habits.in_private:
        theirs = [club for club in clubs if post.device in (club.made_by, *club.invited)]
        club = chance.choice(theirs if theirs and chance.random() < 0.9 else clubs)
        return post._replace(arguments=(text, spelled(chance, club.room)))
    return post


def _about_others(chance: random.Random, devices: Sequence[str], clubs: Sequence[_Club], when: float) -> Step:
    """Return what somebody does about another, or in a private room besides talking."""
    club, device, to = chance.choice(clubs), chance.choice(devices), owner(chance.choice(devices))
    kind = chance.choice(ABOUT_OTHERS)
    room = spelled(chance, club.room)
    if kind in ("block", "unblock"):
        return _ordered(when, device, kind, "", to)
    if kind in ("leave", "join"):
        return Step(when, chance.choice(club.invited), kind, (room,))
    if kind == "look_back":
        others = "=".join(sorted(map(owner, chance.sample(devices, 2))))
        where = chance.choice((room, room, "@" + to, others))
        return Step(when, chance.choice(club.invited), kind, (where, chance.randint(1, 3)))
    if kind == "create":
        return _ordered(when, device, kind, room, "", chance.choice(("joined", "all")))
    text = chance.choice(("none", "moderator", "owner")) if kind == "role" else ""
    by = chance.choice((club.made_by, club.made_by, club.invited[0], device))
    among = owner(chance.choice(club.invited)) if chance.random() < 0.8 else to
    where = spelled(chance, chance.choice(TOPICS)) if kind != "invite" and chance.random() < 0.1 else room
    return _ordered(when, by, kind, where, among, text)


def _absence(chance: random.Random) -> float:
    return min(LONGEST_ABSENCE, chance.expovariate(0.5))


def _room(chance: random.Random, devices: Sequence[str]) -> str:
    return owner(chance.choice(devices)) if chance.random() < 0.7 else spelled(chance, chance.choice(TOPICS))


def _said_in(
    chance: random.Random, devices: Sequence[str], habits: Habits, topics: Sequence[str]
) -> tuple[str, ...]:
    """Return where a post is said: mostly in one of the ``topics``, which were joined, if not in one's own
    room; then it is empty. Some try it in rooms where they may not."""
    if chance.random() >= habits.in_topic:
        return ()
    if chance.random() < 0.1:
        return (_room(chance, devices),)
    return (spelled(chance, chance.choice(topics)),) if topics else ()


def spelled(chance: random.Random, topic: str) -> str:
    """Return the topic as somebody may type it who means the same."""
    at = chance.randrange(2, len(topic) + 1)
    hidden = topic[:at] + chance.choice(HIDDEN) + topic[at:]
    forms = (topic, topic.upper(), normalize("NFD", topic), normalize("NFC", topic), hidden)
    return chance.choice(forms)


def _text(chance: random.Random, devices: Sequence[str], habits: Habits, pasted: bool) -> str:
    words = [chance.choice(WORDS) for _ in range(chance.randint(1, 6))]
    if chance.random() < habits.mention:
        words.append(f"@{owner(chance.choice(devices))}")
    if chance.random() < habits.topic:
        words.append(spelled(chance, chance.choice(TOPICS)))
    if chance.random() < habits.odd_text:
        words.append(chance.choice(_odd_texts(devices)))
    if pasted or chance.random() < habits.long_text:
        words.append(chance.choice("hä!") * chance.randrange(MAX_TEXT // 2, MAX_TEXT - 200))
    return chance.choice((" ", " ", "\n")).join(words)


def _odd_texts(devices: Sequence[str]) -> tuple[str, ...]:
    """Return texts at the limits of what a text may be, and beyond: some are whole texts by themselves."""
    mentions = [f"@{owner(device)}" for device in devices]
    many = [f"#t{number}" for number in range(19)]
    return (
        *("x" * (MAX_TEXT - 200), "x" * (MAX_TEXT + 1), "\n" * 30, "\n" * 41, "\r\n"),
        *("x" + "\u0301" * 30, "x" + "\u0301" * 31, HIDDEN),
        *(" ".join([*mentions[:1], *many]), " ".join([*many, *many, "#t20", "#t21"])),
    )


class Person:
    """A user at one device, who has one client at a time there, made by ``make``.

    A client whose connection ends for good is started again; but one that was let in by a code of ``codes``
    is a guest's. ``passwords`` are those that they have set, the
    one that they believe in last: who ended their client while it was still setting one cannot know.
    """

    def __init__(
        self,
        device: str,
        masters: Sequence[Address],
        world: World,
        keep: Callable[[Event], object],
        now: Callable[[], float],
        passwords: dict[str, list[str]],
        codes: dict[str, str],
        make: Callable[..., User],
    ) -> None:
        self._make = make
        self._codes = codes
        self._passwords = passwords
        self.name, self._device = owner(device), device
        self._masters = masters
        self._world = world
        self._keep_event = keep
        self._now = now
        self._clients = 0
        self.is_forgotten = False
        self._believed: str | None = None
        self.user: User | None = None

    # ---- their state ----

    @property
    def is_settled(self) -> bool:
        """Whether they are connected and reading, and everything they sent is answered."""
        user = self.user
        if self.is_forgotten:
            return True
        return user is not None and user.is_connected and not (user.is_away or user.waiting)

    def has_read(self, seq: int) -> bool:
        """Return whether they have read up to ``seq``, if they read at all."""
        user = self.user
        if user is None or not user.is_chatting:
            return True
        return user.cursor is not None and user.cursor >= seq

    # ---- what they do ----

    def arrive(self) -> None:
        """Start a client."""
        if self.user is None and not self.is_forgotten:
            self.user = self._new_client()
            self._believed = self._known()[-1]
            self.user.start(self._believed or None)

    def arrive_by_code(self) -> None:
        """Start a client on a device that is let in by the code of another one, if there is one."""
        code = self._codes.get(self.name, "")
        if self.user is None and code and not self.is_forgotten:
            self.user = self._new_client()
            self.user.start(None, code)

    def go(self) -> None:
        """End the client for good."""
        user, self.user = self.user, None
        if user is not None:
            user.stop()

    def pair(self) -> None:
        """Make a code for another device."""
        if self.user is not None and self.user.is_connected:
            self.user.pair(partial(self._codes.__setitem__, self.name), self._known()[-1] or None)

    def revoke_others(self) -> None:
        """End the sessions on the other devices."""
        if self.user is not None and self.user.is_connected:
            self.user.revoke_others()

    def _new_client(self) -> User:
        self._clients += 1
        record = Recorder(f"{self._device}/{self._clients}", self._keep, self._now)
        return self._make(self.name, self._masters, self._world, record)

    def begin_anew(self, seconds: float) -> None:
        """End the client, and start another after ``seconds``."""
        user, self.user = self.user, None
        if user is not None:
            user.stop().addCallback(lambda _: self._world.reactor.callLater(seconds, self.arrive))

    def chat_anew(self) -> None:
        """Stop reading, and begin again at once."""
        self.unchat()
        self.chat()

    def chat_anew_twice(self) -> None:
        """Stop and begin twice, like somebody who hits keys at random."""
        self.chat_anew()
        self.chat_anew()

    def chat(self) -> None:
        if self.user is not None and not self.user.is_chatting:
            self.user.chat()

    def unchat(self) -> None:
        if self.user is not None and self.user.is_chatting:
            self.user.unchat()

    def hang_up(self, seconds: float) -> None:
        """Lose the connection, and do not reconnect for ``seconds``."""
        if self.user is not None:
            self.user.hang_up()
            self._world.reactor.callLater(seconds, self.user.read_on)

    def lag(self, seconds: float) -> None:
        """Read nothing for ``seconds``."""
        if self.user is not None:
            self.user.stop_reading()
            self._world.reactor.callLater(seconds, self.user.read_on)

    def post(self, text: str, room: str | None = None) -> None:
        if self.user is not None:
            self.user.post(text, room)

    def join(self, room: str) -> None:
        if self.user is not None:
            self.user.join(room)

    def leave(self, room: str) -> None:
        if self.user is not None:
            self.user.leave(room)

    def look_back(self, room: str, pages: int) -> None:
        if self.user is not None:
            self.user.look_back(room, pages)

    def order(self, kind: str, room: str, to: str, text: str) -> None:
        if self.user is not None:
            self.user.order(kind, room, to, text)

    def redact(self, choice: Choice) -> None:
        if self.user is not None:
            self.user.redact(choice)

    def report(self, choice: Choice) -> None:
        if self.user is not None:
            self.user.report(choice)

    def forget(self) -> None:
        if self.user is not None and self.user.is_connected:
            self.user.forget(self._known()[-1] or None)

    def set_password(self, password: str) -> None:
        """Set a password, known on all devices from then on; the old one is the last, if there was one."""
        if self.user is not None and self.user.is_connected:
            self.user.set_password(self._known()[-1] or None, password)
            self._known().append(password)

    def list_rooms(self, prefix: str) -> None:
        if self.user is not None:
            self.user.list_rooms(prefix)

    def list_invitations(self) -> None:
        if self.user is not None:
            self.user.list_invitations()

    def mark(self) -> None:
        if self.user is not None and self.user.is_connected:
            self.user.mark()

    def _known(self) -> list[str]:
        """Return the passwords that they may have; at first none, which is an empty one."""
        return self._passwords.setdefault(self.name, [""])

    def _keep(self, event: Event) -> None:
        self._keep_event(event)
        if isinstance(event, history.LoggedIn):
            self._believed = None  # it was right
        if isinstance(event, history.Ended) and self.user is not None:
            known = self._known()
            if known[-1] == self._believed:
                known.insert(0, known.pop())  # try another
            self.user = None
            self.is_forgotten = event.sentence == str(Forgotten.of(name=self.name))
            if self._device != guest(self._device) and not self.is_forgotten:
                self._world.reactor.callLater(AGAIN_SECONDS, self.arrive)


class Crowd(Service):
    """The program of one host's users. Its arguments are the masters and the devices.

    A device may be followed by ``:`` and the protocol that is spoken there.
    """

    _logger = Logger()

    def __init__(self, people: dict[str, Person]) -> None:
        self.people = people

    def does(self, step: Step) -> None:
        """Do a step."""
        self._logger.info("{device}: {step}", device=step.device, step=str(step))
        getattr(self.people[step.device], step.does)(*step.arguments)


def crowd(
    keep: Callable[[Event], object], now: Callable[[], float], encrypted: bool = False
) -> Callable[..., Crowd]:
    """Return the program ``users``, whose history goes to ``keep``; ``encrypted``: by TLS."""

    passwords: dict[str, list[str]] = {}  # known to people, on all their devices
    codes: dict[str, str] = {}  # of people, for another device of theirs

    def make(arguments: Sequence[str], world: World) -> Crowd:
        masters = parse_masters(arguments[0])
        known = KnownMasters(world.files, config_directory(world.environ), world.reactor)
        trust = Trust(world.tls, known) if encrypted else None
        people: dict[str, Person] = {}
        for argument in arguments[1:]:
            device, make_user = offers.heard(argument)
            make_user = partial(make_user, trust=trust)
            people[device] = Person(device, masters, world, keep, now, passwords, codes, make_user)
            other = guest(device)
            if other not in people:
                elsewhere = config_directory(world.environ) / "other"
                apart = replace(world, environ={**world.environ, "XDG_CONFIG_HOME": str(elsewhere)})
                people[other] = Person(other, masters, apart, keep, now, passwords, codes, make_user)
        return Crowd(people)

    return make
