"""Who may append what, judged by the log so far. Pure.

The rules are data: a list of cases, in order, each with the facts that must hold for it and the error that
it ends in. :func:`judge` goes through them; PostgreSQL, which judges under the lock of the log's head, gets
them as code that is made from the same list (:mod:`chatnet.store.postgres.judging`). What a *fact* is, is
said twice: by :mod:`chatnet.facts`, over what follows from the log in memory, and by
:mod:`chatnet.store.facts`, in SQL. A test compares all of them by thousands of drawn drafts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple, Protocol

from chatnet.entries import Draft
from chatnet.errors import (
    AlreadyJoined,
    AlreadyThere,
    BadCode,
    Banned,
    BannedThere,
    Barred,
    CodeNeeded,
    CodeTaken,
    DirectOff,
    Disabled,
    Forgotten,
    FullGuest,
    LastOwner,
    LastWay,
    LevelReached,
    Muted,
    MutedThere,
    NameKept,
    NameTaken,
    NoReason,
    NoSuchPost,
    NoSuchRoom,
    NoSuchSession,
    NoSuchUser,
    NotAdmin,
    NotInScope,
    NotJoined,
    NotModerator,
    NotOperators,
    NotOwner,
    NotThere,
    NotYet,
    OutOfReach,
    OwnRoom,
    Refusal,
    RoomTaken,
    SecretChanged,
    SessionEnded,
    SessionThere,
    SignupClosed,
    TheyAreBanned,
    TooManyGuests,
    TooManyRooms,
    TooManySessions,
    TooManyTalks,
    TooManyToday,
    TooManyTopics,
    Yourself,
)
from chatnet.kinds import CLUSTER, KINDS, Kind
from chatnet.names import Where, is_topic, named, spelled_for, where

MOST_ROOMS = 2_000
"""How many rooms a user may be in at a time: each login reads all of them, and each page searches them."""
MOST_TOPICS = 100
"""How many topics a user may make in a day."""
MOST_A_DAY = {
    **{"create": 20, "invite": 200, "redact": 1_000, "purge": 200, "report": 10},
    **{"ban": 500, "mute": 500, "unban": 500, "remove": 500, "role": 200, "describe": 200, "policy": 200},
    **{"block": 1_000, "unblock": 1_000, "session": 100, "code": 100},
    **{"spelling": 100},
}
"""How many drafts of these kinds the log takes from a user in a day."""
DAY_MS = 86_400_000
"""A day of the log's time, from midnight to midnight in UTC."""
INVITED_MS = 30 * DAY_MS
"""For how long an invitation is good."""
MOST_SESSIONS = 50
"""On how many devices a user may be logged in."""
MOST_CODE_ROOMS = 20
"""To how many private rooms a code may invite."""
HOUR_MS = 3_600_000
MOST_GUESTS = 1_000
"""How many guests may be here at a time."""
MOST_GUEST_ROOMS = 10
"""In how many topics a guest may be."""
WORDS_LEVEL = 2
"""From this level of the log on, who leaves may say why, unless they are muted."""
MOST_TALKS = 3
"""How many conversations a newcomer begins in an hour: who registered without a code, for a day, in a cluster
that is older than that."""
FOR_EVER = (1 << 63) - 1
"""A time that never comes."""
ROLES = ("none", "moderator", "owner", "admin")
"""The roles, each by its rank: what a text of the kind ``role`` may be. Admins are of the cluster."""


class Case(NamedTuple):
    """A draft of one of ``kinds`` whose room is one of ``rooms`` is refused by ``error`` if each of ``facts``
    holds, or, after an exclamation mark, does not hold."""

    kinds: tuple[str, ...]
    rooms: tuple[Where, ...]
    facts: tuple[str, ...]
    error: type[Refusal]


_ANYWHERE = tuple(Where)
_PUBLIC = (Where.OWN, Where.USER, Where.TOPIC)
_KEPT = (Where.TOPIC, Where.PRIVATE)
_ELSEWHERE = (Where.TOPIC, Where.PRIVATE, Where.TALK)
_ORDERED = (Where.TOPIC, Where.PRIVATE, Where.CLUSTER)
_OWN = (Where.OWN,)
_ORDERS = ("ban", "mute", "unban")
_TO_MEMBERS = ("post", "leave", "invite", "remove", "describe", "role", "purge", *_ORDERS)
_ACCOUNTS = ("disable", "enable")
_TO_ORDER = ("invite", "remove", "role", "policy", "purge", *_ORDERS)

CASES: list[Case] = [
    Case(("leave",), _ANYWHERE, ("worded", "!takes_words"), NotYet),
    # Who is not in a private room is told of it as if it did not exist, before anything else is looked at.
    Case(_TO_MEMBERS, (Where.PRIVATE,), ("!member", "!by_cluster"), NoSuchRoom),
    Case(("policy",), (Where.PRIVATE,), ("!member",), NoSuchRoom),
    Case(("join",), (Where.PRIVATE,), ("!member", "!invited"), NoSuchRoom),
    # Who is to say nothing gives no orders, whose reasons others read, and lifts nothing from themselves.
    Case((*_TO_ORDER, "describe"), _ANYWHERE, ("muted",), Muted),
    Case(("forget", *_ACCOUNTS), (Where.CLUSTER,), ("muted",), Muted),
    Case(("revoke",), _OWN, ("!to_self", "silenced"), Muted),
    Case(("create",), _ANYWHERE, ("silenced",), Muted),
    Case(("leave",), _ANYWHERE, ("worded", "muted"), Muted),
    Case(("gone",), _ANYWHERE, ("worded", "muted_anywhere"), Muted),
    Case(("spelling", "nick"), _ANYWHERE, ("silenced",), Muted),
    Case(("describe", *_TO_ORDER), _ORDERED, ("banned",), Banned),
    # ---- what is said ----
    Case(("post",), (Where.TOPIC,), ("banned",), Banned),
    Case(("post",), (Where.TOPIC,), ("!member",), NotJoined),
    Case(("post",), (Where.TALK,), ("!to_known",), NoSuchUser),
    Case(("post",), (Where.TALK,), ("blocked",), DirectOff),
    # What was said with somebody of this name before may have been said with another guest.
    Case(("post",), (Where.TALK,), ("guest", "refers"), NoSuchPost),
    Case(("post",), (Where.TALK,), ("newcomer", "!talk_begun", "begun_often"), TooManyTalks),
    Case(("post",), (Where.TALK,), ("direct_off",), DirectOff),
    Case(("post",), (Where.OWN,), ("banned_there",), BannedThere),
    Case(("post",), (Where.OWN,), ("muted_there",), MutedThere),
    Case(("post",), _ANYWHERE, ("muted",), Muted),
    Case(("post",), (Where.OWN,), ("refers", "!ref_public"), NoSuchPost),
    Case(("post",), _ELSEWHERE, ("refers", "!ref_readable"), NoSuchPost),
    Case(("post",), _ELSEWHERE, ("refers", "!ref_here"), NoSuchPost),
    # ---- stays ----
    Case(("join",), (Where.OWN,), (), OwnRoom),
    Case(("join",), (Where.USER,), ("!room_known",), NoSuchRoom),
    Case(("join",), _ANYWHERE, ("member",), AlreadyJoined),
    Case(("join",), _ANYWHERE, ("banned",), Banned),
    Case(("join", "create"), _ANYWHERE, ("full",), TooManyRooms),
    Case(("join",), _ANYWHERE, ("guest", "guest_full"), FullGuest),
    # Whose stay there has ended with the user whose room it was: see the table "ending".
    Case(("leave",), (Where.USER,), ("!room_known",), NotJoined),
    Case(("leave",), _PUBLIC, ("!member",), NotJoined),
    Case(("leave",), (Where.PRIVATE,), ("last_owner",), LastOwner),
    Case(("create",), _ANYWHERE, ("made",), RoomTaken),
    # ---- orders ----
    Case(("invite",), _ANYWHERE, ("!moderates", "!members_invite"), NotModerator),
    Case(("invite",), _ANYWHERE, ("!to_known",), NoSuchUser),
    Case(("invite",), _ANYWHERE, ("to_member",), AlreadyThere),
    Case(("invite",), _ANYWHERE, ("to_banned",), TheyAreBanned),
    Case(("remove",), _ANYWHERE, ("!moderates",), NotModerator),
    Case(("remove",), _ANYWHERE, ("to_self",), Yourself),
    Case(("remove",), _ANYWHERE, ("!to_member", "!to_invited"), NotThere),
    Case(("describe",), (Where.TOPIC,), ("owned", "!moderates"), NotModerator),
    Case(("describe",), (Where.TOPIC,), ("!moderates", "!member"), NotJoined),
    Case(("describe",), (Where.PRIVATE,), ("!moderates",), NotModerator),
    Case(("role",), (Where.CLUSTER,), ("!owns",), NotAdmin),
    Case(("role",), _KEPT, ("!owns",), NotOwner),
    Case(("role", *_ORDERS), _ANYWHERE, ("!to_known",), NoSuchUser),
    Case(("role",), (Where.PRIVATE,), ("by_cluster", "!made"), NoSuchRoom),
    Case(("role",), (Where.PRIVATE,), ("by_cluster", "owner_there"), NotOperators),
    Case(("role",), (Where.PRIVATE,), ("by_cluster", "!makes_owner"), NotOperators),
    Case(("role",), (Where.PRIVATE,), ("!to_member",), NotThere),
    Case(("role",), _ORDERED, ("to_banned",), TheyAreBanned),
    Case(("role",), (Where.PRIVATE,), ("to_last_owner",), LastOwner),
    Case(_ORDERS, _ORDERED, ("!moderates",), NotModerator),
    Case(("ban", "mute"), _ORDERED, ("to_self",), Yourself),
    Case(_ORDERS, (Where.PRIVATE,), ("!to_ever_there",), NotThere),
    Case(("remove", "ban", "mute"), _ORDERED, ("to_outranks",), OutOfReach),
    # ---- policies ----
    Case(("policy",), (Where.CLUSTER,), ("!owns",), NotAdmin),
    Case(("policy",), _KEPT, ("!owns",), NotOwner),
    # ---- of one user towards another ----
    Case(("block", "unblock"), _ANYWHERE, ("to_self",), Yourself),
    Case(("block", "unblock"), _ANYWHERE, ("!to_known",), NoSuchUser),
    # ---- taking back ----
    # The cluster itself takes back again, in a log that was put back, what its authors have taken back.
    Case(("redact",), _ANYWHERE, ("!by_cluster", "!ref_mine", "!ref_readable"), NoSuchPost),
    Case(("redact",), _ANYWHERE, ("by_cluster", "!ref_said"), NoSuchPost),
    Case(("redact",), _ANYWHERE, ("!ref_mine", "silenced"), Muted),
    Case(("redact",), _ANYWHERE, ("!ref_mine", "!ref_moderated"), NotModerator),
    Case(("redact",), _ANYWHERE, ("worded", "!ref_moderated"), NoReason),
    Case(("redact",), _ANYWHERE, ("worded", "silenced"), Muted),
    Case(("purge",), _ANYWHERE, ("!moderates",), NotModerator),
    Case(("forget",), (Where.OWN,), ("!to_self",), NotAdmin),
    Case(("forget",), (Where.CLUSTER,), ("!owns",), NotAdmin),
    # What a guest said can be taken back though they are gone: then of all who were called so.
    Case(("purge", "forget"), _ANYWHERE, ("!to_known", "!to_guest"), NoSuchUser),
    Case(("purge",), (Where.PRIVATE,), ("!to_ever_there",), NotThere),
    Case(("purge",), _ANYWHERE, ("to_outranks",), OutOfReach),
    Case(("purge",), _ANYWHERE, ("by_cluster", "refers", "!ref_there"), NoSuchPost),
    Case(("expire",), _ANYWHERE, ("!ref_there",), NoSuchPost),
    # ---- reports ----
    Case(("report",), _ANYWHERE, ("!ref_readable",), NoSuchPost),
    Case(("report",), _ANYWHERE, ("ref_mine",), Yourself),
    # ---- guests ----
    Case(("nick",), _OWN, ("to_known",), NameTaken),
    Case(("guest", "nick"), _OWN, ("looks_taken",), NameTaken),
    Case(("guest",), _OWN, ("many_guests",), TooManyGuests),
    Case(("gone",), _OWN, ("!to_known",), NoSuchUser),
    Case(("gone",), _OWN, ("!by_cluster", "!to_self"), NoSuchUser),
    # Another one may have come since, who is called the same.
    Case(("gone",), _OWN, ("refers", "!to_arrived"), NoSuchUser),
    Case(("register",), _OWN, ("guest_there",), NameTaken),
    # ---- who comes in ----
    # Who shows no code is not told for which names there are some.
    Case(("register",), _OWN, ("signup_closed", "!code_for_name"), SignupClosed),
    Case(("register",), _OWN, ("!coded", "signup_by_code"), CodeNeeded),
    Case(("register",), _OWN, ("name_kept",), NameKept),
    Case(("register", "secret", "session"), _OWN, ("coded", "!code_good"), BadCode),
    Case(("session",), _OWN, ("!coded", "device_known"), SessionThere),
    Case(("session",), _OWN, ("crowded", "!device_known"), TooManySessions),
    Case(("revoke",), _OWN, ("!to_self", "!administers"), NotAdmin),
    Case(("revoke",), _OWN, ("!to_known",), NoSuchUser),
    Case(("revoke",), _OWN, ("!to_session",), NoSuchSession),
    Case(("revoke",), _OWN, ("last_way",), LastWay),
    Case(("code",), (Where.PRIVATE,), ("!made",), NoSuchRoom),
    Case(("code",), (Where.PRIVATE,), ("!member", "!moderates"), NoSuchRoom),
    Case(("code",), (Where.PRIVATE, Where.CLUSTER), ("muted",), Muted),
    Case(("code",), (Where.PRIVATE, Where.CLUSTER), ("!administers",), NotAdmin),
    Case(("code",), (Where.PRIVATE,), ("!moderates",), NotModerator),
    Case(("code",), (Where.CLUSTER,), ("to_lives",), NameTaken),
    Case(("code",), (Where.CLUSTER,), ("to_forgotten",), NameTaken),
    Case(("code",), _ANYWHERE, ("code_made",), CodeTaken),
    Case(_ACCOUNTS, (Where.CLUSTER,), ("!administers",), NotAdmin),
    Case(_ACCOUNTS, (Where.CLUSTER,), ("!to_known",), NoSuchUser),
    Case(("disable",), (Where.CLUSTER,), ("to_self",), Yourself),
    # ---- how many ----
    Case(tuple(MOST_A_DAY), _ANYWHERE, ("often",), TooManyToday),
]  # fmt: skip
"""The cases, in addition to those for all kinds: see :func:`judge`.

Whatever the store must know to refuse them is not told before: a private room that one is not in is, for
every command, one that does not exist.
"""

FACTS = (
    "administers",
    "banned",
    "banned_there",
    "begun_often",
    "blocked",
    "by_cluster",
    "code_for_name",
    "code_good",
    "code_made",
    "coded",
    "crowded",
    "device_known",
    "direct_off",
    "full",
    "guest",
    "guest_full",
    "guest_there",
    "invited",
    "last_owner",
    "last_way",
    "looks_taken",
    "made",
    "makes_owner",
    "many_guests",
    "member",
    "members_invite",
    "moderates",
    "muted",
    "muted_anywhere",
    "muted_there",
    "name_kept",
    "newcomer",
    "often",
    "owned",
    "owner_there",
    "owns",
    "ref_here",
    "ref_mine",
    "ref_moderated",
    "ref_public",
    "ref_readable",
    "ref_said",
    "ref_there",
    "refers",
    "room_known",
    "signup_by_code",
    "signup_closed",
    "silenced",
    "takes_words",
    "talk_begun",
    "to_arrived",
    "to_banned",
    "to_ever_there",
    "to_forgotten",
    "to_guest",
    "to_invited",
    "to_known",
    "to_last_owner",
    "to_lives",
    "to_member",
    "to_outranks",
    "to_self",
    "to_session",
    "worded",
)
"""What cases ask about a draft, of the log before it:

``member``, ``invited``, ``banned``, ``muted`` (also in the whole cluster), ``moderates``, ``owns``: what the
author is in the room, for topics also by a role in the cluster. ``banned_there``, ``muted_there``: the author
is that in a topic that the text names. ``muted_anywhere``: they are muted in the cluster or in any room.
``owned``: the room has an owner; ``owner_there``: one who is neither banned from the cluster nor disabled.
``makes_owner``: the role is that of an owner. ``made``: a private room of this name was ever made.
``room_known``: it is the room of a user. ``last_owner``: others are in the room, and the author alone owns
it. ``full``: the author is in as many rooms as one may be in. ``often``: the author did
this as often today as one may. ``to_…``: the same of the one whom it is for; ``to_outranks``: they have a
higher role there than the author. ``blocked``: they block the author. ``by_cluster``: the author is the
cluster itself. ``direct_off``: the cluster's policy allows no conversation between the two.
``members_invite``: the room's policy lets all members invite. ``refers``: it refers to an entry;
``ref_readable``: the author can read that one, and it is there; ``ref_here``: it is heard in the room, too;
``ref_public``: it is there, and everybody can read it; ``ref_mine``: it is the author's; ``ref_moderated``:
it is heard at a place that the author moderates, by a role there, or by one in the cluster, unless they are
banned or muted at one of these places; ``ref_said``: it is a post, whoever can read that, and was not taken
back; ``ref_there``: the entry, of whatever kind, is the one that
is meant. ``newcomer``: the author registered without a code, not a day ago; ``talk_begun``: something was
said in this conversation; ``begun_often``: the author began as many in this hour as a newcomer may.
``administers``: the author is an admin. ``signup_by_code``, ``signup_closed``: that is the cluster's policy.
``coded``: it shows a code; ``code_good``: one that lets its author do this now, and that is of a device of
theirs, of the cluster, or of an admin of now, neither banned nor disabled; ``code_for_name``: one for
that name alone. ``code_made``: the code that it makes is there already, and this is not another
room for a code of the author's that invites to some. ``name_kept``: there is another code,
for the author's name alone. ``device_known``: the author has a session on that device; ``crowded``: the
author has as many as one may have. ``to_lives``: they can come in without a code;
``to_forgotten``: nobody gets the name again. ``to_session``: the session
is there that it ends; ``last_way``: without that one, nothing lets its author in.
``worded``: it gives a reason. ``silenced``: they are muted in the whole cluster. ``takes_words``: the log is
at :data:`WORDS_LEVEL`. ``guest``: the author is one; ``guest_full``: and in as many topics as they may be in.
``guest_there``: there is a guest with the author's name. ``looks_taken``: the name that a guest is to have
looks like that of a user, or is that of one who is forgotten. ``many_guests``: there are as many as there may
be. ``to_guest``: that is a guest's name; ``to_arrived``: of the guest who came, or was called so, by the
entry that it refers to.
"""


class Author(NamedTuple):
    """What is asked of a user for each of their drafts: the seq of the newest secret; whether there is one,
    and not only codes or devices of theirs; whether anybody ever banned, muted or disabled them: of all
    others much need not be asked; and what each of their sessions may do, by its seq."""

    newest: int
    has_secret: bool
    is_ordered: bool
    sessions: Mapping[int, str]


class Facts(Protocol):
    """What the log has so far. Each fact is looked up when a case asks for it."""

    @property
    def level(self) -> int:
        """The log's level."""

    @property
    def own_level(self) -> int:
        """The level that the appending program understands."""

    def author(self, user: str) -> Author | None:
        """Return what is asked for each draft of a user; None if there is no such user."""

    def is_forgotten(self, user: str) -> bool:
        """Return whether the user is forgotten: nobody gets the name again."""

    def is_disabled(self, user: str) -> bool:
        """Return whether the user's account is disabled."""

    def is_barred(self, user: str, now: int) -> bool:
        """Return whether the user is banned from the cluster."""

    def holds(self, fact: str, draft: Draft, now: int) -> bool:
        """Return whether one of :data:`FACTS` holds for a draft at the log's time ``now``."""

    def came(self, user: str) -> int:
        """Return the seq since which the name is this user's; 0 if it is nobody's."""

    def has_topic(self, topic: str) -> bool:
        """Return whether this topic was ever used."""

    def topics_made(self, user: str, day: int) -> int:
        """Return how many topics the user has made on that ``day``, counted from 1970."""


def judge(draft: Draft, facts: Facts, now: int) -> Sequence[str]:
    """Check a draft that is well formed and has a new key; return the topics that it makes.

    ``now`` is the log's time, in milliseconds since 1970.

    :raises Refusal: it may not be in the log.
    """
    name, user, room, by, more = draft.kind, draft.user, draft.room, draft.by, draft.more
    kind = KINDS.get(name)
    if kind is None or kind.level > facts.level:
        raise NotYet.of()
    is_ordered = False
    if name in ("register", "guest"):
        if facts.author(user) is not None or facts.is_forgotten(user):
            raise NameTaken.of(name=user)
    elif name == "level":
        _level(draft, facts)
    elif user != CLUSTER:
        author = facts.author(user)
        if author is None:
            raise refusal(Forgotten if facts.is_forgotten(user) else NoSuchUser, draft)
        if by and (author.sessions.get(by) != "all" or name == "session"):
            _check_session(draft, kind, author)
        is_ordered = author.is_ordered
        if is_ordered and name != "gone":  # whoever is shut out may go
            _check_order(user, facts, now)
    # Most are posts of somebody who was never banned, and answer nothing: few cases are left for these.
    for facts_of, error in _asked(name, where(room, user), is_ordered, more is not None):
        for fact, wanted in facts_of:
            if facts.holds(fact, draft, now) is not wanted:
                break
        else:
            raise refusal(error, draft)
    if draft.meant and not 0 < facts.came(draft.to) <= draft.meant:
        raise refusal(NoSuchUser, draft)
    rooms = _named(draft, kind)
    return _made(user, rooms, facts, now) if rooms else ()


def _check_order(user: str, facts: Facts, now: int) -> None:
    if facts.is_barred(user, now):
        raise Barred.of(name=user)
    if facts.is_disabled(user):
        raise Disabled.of(name=user)


def _check_session(draft: Draft, kind: Kind, author: Author) -> None:
    """Check that the draft comes from a session that has not ended, and may do this."""
    if draft.kind == "session":
        if draft.by < author.newest:
            raise SecretChanged.of(name=draft.user)
        return
    scope = author.sessions.get(draft.by)
    if scope is None:
        is_new = draft.by < author.newest and author.has_secret
        raise (SecretChanged if is_new else SessionEnded).of(name=draft.user)
    if scope != "all" and not (scope == "post" and kind.is_said):
        raise NotInScope.of()


ORDERED = frozenset({"banned", "banned_there", "muted", "muted_anywhere", "muted_there", "silenced"})
"""The facts that hold for nobody who was never banned or muted."""


def refusal(error: type[Refusal], draft: Draft) -> Refusal:
    """Return the error with its sentence about this draft."""
    to = draft.to or draft.user
    name = to if error in (NoSuchUser, NameTaken) else draft.user
    return error.of(name=name, room=spelled_for(draft.room, draft.user) or "this server", to=to)


def cases(kind: str, room: Where, is_ordered: bool = True, has_more: bool = True) -> tuple[Case, ...]:
    """Return the cases for a kind and a room, without those that cannot hold: about orders, if nobody ever
    banned or muted the author, and about what a draft refers to, if it has nothing beyond its text.
    """
    never = frozenset() if is_ordered else ORDERED
    if not has_more:
        never |= {"refers", "coded"}
    return tuple(
        case for case in CASES if kind in case.kinds and room in case.rooms and not never & {*case.facts}
    )


@cache
def _asked(
    kind: str, room: Where, is_ordered: bool, has_more: bool
) -> tuple[tuple[tuple[tuple[str, bool], ...], type[Refusal]], ...]:
    """Return the cases for a kind and a room: for each its facts, which must hold or not, and its error."""
    return tuple(
        (tuple((fact.lstrip("!"), fact[0] != "!") for fact in case.facts), case.error)
        for case in cases(kind, room, is_ordered, has_more)
    )


def forget_cases() -> None:
    """Look at :data:`CASES` anew: a test has added some."""
    _asked.cache_clear()


def _level(draft: Draft, facts: Facts) -> None:
    if int(draft.text) <= facts.level:
        raise LevelReached.of()
    if int(draft.text) > facts.own_level:
        raise NotYet.of()


def _named(draft: Draft, kind: Kind) -> Iterable[str]:
    """Return the rooms of which the draft makes those topics that nobody has used so far."""
    if kind.is_said:
        # Most posts name no topic, and are not searched for one. In a topic no other is spoken to.
        return named(draft.text) if "#" in draft.text and draft.room == draft.user else ()
    return (draft.room,) if draft.kind in MAKERS else ()


MAKERS = {"join"}
"""The kinds that make the topic that is their room, besides posts."""


def _made(user: str, rooms: Iterable[str], facts: Facts, now: int) -> Sequence[str]:
    """Return the topics among ``rooms`` that nobody has used so far."""
    topics = [room for room in rooms if is_topic(room) and not facts.has_topic(room)]
    if topics and len(topics) + facts.topics_made(user, now // DAY_MS) > MOST_TOPICS:
        raise TooManyTopics.of()
    return topics


if unknown := {fact.lstrip("!") for case in CASES for fact in case.facts} - set(FACTS):
    raise TypeError(f"there are cases about what is no fact: {unknown}")
if not {kind for case in CASES for kind in case.kinds} <= set(KINDS):
    raise TypeError("there is a case for what is no kind")
