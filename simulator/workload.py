"""What simulated users do, drawn from the seed before the run. Pure; :mod:`simulator.people` do it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from unicodedata import normalize

from chatnet.form import MAX_TEXT
from chatnet.names import GUEST
from chatnet.testing.rules import HIDDEN
from chatnet.testing.user import Choice

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
SOMEBODY_ELSE = "I am somebody else from here on"
"""What a guest says as it takes another nick, or logs in."""
CALLED = "From here on I am called "
"""What a guest says as it takes the nick that follows."""
HEIR = "heir"
"""A nick that guests take one after the other."""
FLOOD = 150
"""How many posts come at once, at most, for the guest who has it: more than a user may append at once."""
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
LOSERS = 0.3
"""The share of users that lose what lets them in, and have recovery codes for that."""
CLOSED = 0.4
"""How often an operator decides who may register a name."""


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


def losing(chance: random.Random, devices: Sequence[str], start: float, seconds: float) -> list[Step]:
    """Return when users make recovery codes, sometimes new ones later, and when they lose what lets them in,
    and come back by one of them: mostly by one that is good, and sometimes by one that was used, or is of
    before. Pure."""
    steps: list[Step] = []
    for device in devices:
        if device != owner(device) or chance.random() > LOSERS:
            continue
        makes = [ARRIVAL_SECONDS + chance.random() * 0.4 * seconds]
        if chance.random() < 0.4:
            makes.append(makes[0] + chance.random() * 0.4 * seconds)
        steps += (Step(start + at, device, "make_recoveries") for at in makes)
        for _ in range(chance.choice((1, 2, 3))):
            at = makes[0] + 1.0 + chance.random() * 0.6 * seconds
            steps.append(Step(start + at, device, "recover", (chance.choice((0.0, 0.3, 0.9)),)))
    return steps


def in_channels(
    chance: random.Random, devices: Sequence[str], on_irc: Sequence[str], start: float, seconds: float
) -> list[Step]:
    """Return what users ``on_irc`` do besides: they say what topics are about, and join one just while others
    speak there, so that what they are shown then and what they hear meet. Pure."""
    steps: list[Step] = []
    for device in on_irc:
        for _ in range(chance.randrange(3)):
            at = start + ARRIVAL_SECONDS + chance.random() * seconds
            steps.append(
                _ordered(at, device, "describe", spelled(chance, chance.choice(TOPICS)), "", "about")
            )
        if chance.random() < 0.5:
            at, topic = start + ARRIVAL_SECONDS + 2.0 + chance.random() * seconds, chance.choice(TOPICS)
            other = chance.choice(devices)
            steps += [Step(at - 1.5, other, "join", (topic,)), Step(at - 1.0, device, "leave", (topic,))]
            steps.append(Step(at, device, "join", (topic,)))
            for number in range(BURST):
                says = at + chance.uniform(-0.02, 0.05)
                steps.append(Step(says, other, "post", (f"just now {number}", topic)))
    return steps


def visiting(
    chance: random.Random, guests: Sequence[str], devices: Sequence[str], start: float, seconds: float
) -> list[Step]:
    """Return what guests do, who have no account: they join topics, and talk there; are somebody else, just
    while others speak where they are; and sometimes lose their connection, with which they are gone; then
    they come again. Pure."""
    steps: list[Step] = []
    for device in guests:
        comes = start + chance.uniform(0, 0.5 * seconds)
        steps.append(Step(comes, device, "arrive"))
        topics = chance.sample(TOPICS, 3)
        for at in range(4):
            there = comes + 0.5 + at * chance.uniform(1.0, seconds / 4)
            steps += (Step(there, device, "join", (spelled(chance, topic),)) for topic in topics)
            for _ in range(chance.randint(1, BURST)):
                says = there + chance.uniform(0.1, 2.0), f"just visiting {chance.randrange(1000)}"
                steps.append(Step(says[0], device, "post", (says[1], chance.choice(topics))))
            if chance.random() < 0.9:
                changes, topic = there + chance.uniform(0.5, 2.0), chance.choice(topics)
                other = chance.choice(devices)
                steps.append(Step(changes - 0.4, other, "join", (topic,)))
                steps.append(Step(changes, device, "post", (SOMEBODY_ELSE, topic)))
                for number in range(BURST):
                    says = changes + chance.uniform(-0.002, 0.012), f"just now {number}"
                    steps.append(Step(says[0], other, "post", (says[1], topic)))
            if chance.random() < 0.4:
                steps.append(Step(there + 2.0, device, "hang_up", (_absence(chance),)))
            if chance.random() < 0.3:
                steps.append(Step(there + 1.0, device, "leave", (topics[0],)))
    return steps


def succeeding(
    chance: random.Random, guests: Sequence[str], on_irc: Sequence[str], start: float, seconds: float
) -> list[Step]:
    """Return how guests take one nick, one after the other, while users ``on_irc`` speak to whoever has it,
    sometimes more than passes at once; and moderators among them remove or ban them in a topic. Pure."""
    steps: list[Step] = []
    begins, topic = start + ARRIVAL_SECONDS, chance.choice(TOPICS)
    moderators = chance.sample(on_irc, min(len(on_irc), 2)) if guests else []
    for device in moderators:
        steps.append(Step(begins, OPERATOR, "order", ("role", owner(device), "moderator")))
    for _ in range(chance.randint(2, 5) if guests else 0):
        at = begins + (0.3 + 0.7 * chance.random()) * seconds
        one, other = chance.sample(guests, 2)
        goes = at + chance.uniform(0.1, 0.8)
        calls = [(at - again, one, HEIR) for again in (1.0, 0.5)]
        calls.append((goes, one, one.removeprefix(GUEST)))
        calls += ((goes + again, other, HEIR) for again in (0.1, 0.4, 0.8))
        steps += (Step(time, device, "post", (CALLED + nick,)) for time, device, nick in calls)
        steps += (Step(at - 0.3, device, "join", (spelled(chance, topic),)) for device in guests)
        for device in chance.sample(on_irc, min(len(on_irc), 3)):
            says = at + chance.uniform(-0.3, 0.5)
            many = chance.choice((2, 2, 2, 2, FLOOD))
            texts = (f"for you alone {number}" for number in range(many))
            steps += (Step(says, device, "post", (text, f"@{GUEST}{HEIR}")) for text in texts)
        for device in moderators:
            for _ in range(chance.randrange(4)):
                orders = at + chance.uniform(-0.4, 0.5)
                kind = chance.choice(("remove", "remove", "remove", "ban", "unban"))
                steps.append(_ordered(orders, device, kind, spelled(chance, topic), GUEST + HEIR))
    return steps


def doors(
    chance: random.Random, devices: Sequence[str], usual: Sequence[str], start: float, seconds: float
) -> list[Step]:
    """Return what an operator decides about who comes in: how names are registered, who gets a code for one,
    who is disabled or banned for a while, and who gets a new secret. Codes are for those who speak the
    ``usual`` protocol on all ``devices``. In the end everybody may come in. Pure."""

    def insists(time: float, *words: str) -> Step:
        return Step(start + time, OPERATOR, "insist", words)

    def later(most: float) -> float:
        return ARRIVAL_SECONDS + chance.random() * most * seconds

    names = [device for device in devices if device == owner(device)]
    others = {owner(device) for device in devices if device not in usual}
    can_type = [name for name in names if name not in others]
    found: list[Step] = []
    if chance.random() < CLOSED:
        among_them = ARRIVAL_SECONDS * chance.random()
        first = chance.choice((among_them, later(0.3)))
        found.append(insists(first, "signup", chance.choice(("code", "closed"))))
        found.append(insists(later(0.5), "invite", "--uses", chance.choice(("1", "3"))))
        found += (insists(later(0.5), "user", "add", name) for name in _some_of(chance, can_type, 3))
        found.append(insists(later(0.7), "signup", chance.choice(("code", "closed"))))
        found.append(insists(ARRIVAL_SECONDS + 0.7 * seconds, "signup", "open"))
    for name in _some_of(chance, names, 2):
        ends, begins = chance.choice((("disable", "enable"), ("ban", "unban")))
        if chance.random() < 0.4:
            at = later(0.8)
            found.append(insists(at, "user", ends, name))
            found.append(insists(at + chance.random() * LONGEST_ABSENCE, "user", begins, name))
    for name in _some_of(chance, can_type, 2):
        if chance.random() < 0.4:
            found.append(insists(later(0.8), "user", "reset", name))
    return found


def _some_of(chance: random.Random, names: Sequence[str], most: int) -> list[str]:
    return chance.sample(names, min(most, len(names)))


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
