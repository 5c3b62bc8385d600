"""Client <-> worker. Deliver and Ping(seq) move a client's cursor; it never acknowledges anything."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from twisted.protocols import amp

from chatnet.codes import RECOVERIES
from chatnet.cursor import CHECK_BYTES
from chatnet.entries import KEY_BYTES, Entry
from chatnet.errors import (
    BadCode,
    BadName,
    BadRoom,
    BadSecret,
    BadText,
    BadTicket,
    Barred,
    ChatnetError,
    CodeNeeded,
    CodeTaken,
    CursorAhead,
    Disabled,
    Forgotten,
    KeyReused,
    NameKept,
    NoSuchPost,
    NoSuchRoom,
    NoSuchUser,
    NotJoined,
    NotYours,
    OwnRoom,
    Poison,
    SignupClosed,
    TooManySessions,
    TooManyToday,
    TooManyTopics,
    TryLater,
    WrongSecret,
    WrongVersion,
)
from chatnet.kinds import KindName
from chatnet.reads import Invitation, Member, PolicyValue, Talk
from chatnet.rules import CASES
from chatnet.wire.arguments import Bytes, Command, Flag, Number, Packed, Text, declared
from chatnet.wire.cluster import Fingerprint, Place

MOST_OTHERS = 8
"""How many other workers a client is told about."""


class Elsewhere(msgspec.Struct, frozen=True, array_like=True):
    """Another worker, where a client can resume when its own is gone: HOST:PORT, and its key."""

    address: Place
    key: Fingerprint = ""


class OneSession(msgspec.Struct, frozen=True, array_like=True):
    """A session of the user's: its ``id``, what they call the device, what it may do, since when it is there
    and when it was last used (in the log's milliseconds since 1970; 0 if that is not known), and whether it
    is the one that asks."""

    id: int
    label: str
    scope: str
    since: int
    used: int
    is_this: bool


DEVICE_BYTES = 16
"""The length of what a client keeps as its device."""
HASH_BYTES = 32
"""The length of what is sent of a code: its SHA-256."""
RECOVERY_BYTES = RECOVERIES * HASH_BYTES
"""The length of what is sent of recovery codes, one behind the other."""

Argument = tuple[bytes, amp.Argument]
_REASON: Argument = (b"reason", Text(optional=True))
_REF: list[Argument] = [(b"ref", Number(optional=True)), (b"check", Bytes(CHECK_BYTES, optional=True))]
_SEQ_AND_ROOM: list[Argument] = [(b"seq", Number()), (b"room", Text())]
_ABOUT_OTHERS = (BadName, BadRoom, OwnRoom, NoSuchRoom)
_OTHERS = (b"workers", Packed[list[Elsewhere]](list[Elsewhere], optional=True))
_NOW = (b"now", Number(optional=True))


def ruled(*kinds: KindName, others: Sequence[type[ChatnetError]] = ()) -> dict[type[Exception], bytes]:
    """Return the errors of a command that appends one of ``kinds``: those of the rules, but for what the
    cluster itself appends, and ``others``."""
    of_rules = (
        case.error for case in CASES if not {*case.kinds}.isdisjoint(kinds) and "by_cluster" not in case.facts
    )
    return declared(*others, *dict.fromkeys(of_rules), NoSuchUser, KeyReused, Poison)


# ---- client -> worker ----


class Login(Command):
    """Log in by name and secret. ``name`` comes back as the cluster spells it; ``log`` names the log.

    ``new``: if the name is free, register it with this secret. ``workers`` are up to eight others, where the
    client can resume once this one is gone. ``now`` is the time here, in milliseconds since 1970: by that a
    client says ``until``, and not by its own clock; older workers leave it out. ``device``: random bytes that
    the client keeps beside its secret, and ``label``, what the user calls it; a session on it goes on from
    login to login. ``scope``: what a new session may do, "post" or "read"; without it, all. ``code``: a code,
    with which a name is registered, or ``secret`` becomes that of the user, or of this device: see
    docs/protocol.md.
    """

    arguments = [
        (b"version", Number()),
        (b"name", Text()),
        (b"secret", Bytes()),
        (b"new", Flag()),
        (b"device", Bytes(DEVICE_BYTES, optional=True)),
        (b"label", Text(optional=True)),
        (b"scope", Text(optional=True)),
        (b"code", Text(optional=True)),
    ]
    response = [(b"name", Text()), (b"ticket", Bytes()), (b"log", Text()), _OTHERS, _NOW]
    errors = declared(
        *(WrongVersion, BadName, BadSecret, BadText, NoSuchUser, WrongSecret, Barred, Disabled, Forgotten),
        *(TryLater, BadCode, CodeNeeded, SignupClosed, NameKept, TooManySessions, TooManyToday),
    )


class Resume(Command):
    """Log in by a ticket of an earlier session. ``workers`` and ``now``: see :class:`Login`."""

    arguments = [(b"version", Number()), (b"ticket", Bytes())]
    response = [(b"name", Text()), (b"log", Text()), _OTHERS, _NOW]
    errors = declared(WrongVersion, BadTicket, Barred, Disabled, TryLater)


class Join(Command):
    """Follow ``room``. Answered once it is durable; ``room`` comes back as the cluster spells it."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"room", Text())]
    response = _SEQ_AND_ROOM
    errors = ruled("join", others=(BadName, BadRoom, TooManyTopics))


class Leave(Command):
    """Stop following ``room``. Answered once it is durable."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"room", Text())]
    response = _SEQ_AND_ROOM
    errors = ruled("leave", others=(BadName, BadRoom, OwnRoom))


class List(Command):
    """A page of rooms in order: those that begin with ``prefix`` and come after ``after``.

    ``joined`` are those that the user has joined; ``more``: another page follows. ``mine``: only those, and
    private rooms, too.
    """

    arguments = [(b"prefix", Text()), (b"after", Text()), (b"mine", Flag(optional=True))]
    response = [
        (b"rooms", Packed[list[str]](list[str])),
        (b"joined", Packed[list[str]](list[str])),
        (b"more", Flag()),
    ]


class Post(Command):
    """Post ``text`` in ``room``: a room that the user is in, or ``@`` and a user's name for a conversation;
    without it in the user's own room. Answered with its seq once it is durable.

    ``ref`` and ``check``: it answers that post. ``form``: "notice" or "action".
    """

    arguments = [
        (b"key", Bytes(KEY_BYTES)),
        (b"text", Text()),
        (b"room", Text(optional=True)),
        *_REF,
        (b"form", Text(optional=True)),
    ]
    response = [(b"seq", Number())]
    errors = ruled("post", others=(BadText, BadName, BadRoom, NotYours, OwnRoom, TooManyTopics))


class Create(Command):
    """Make the private room ``room``, and own it. ``history``: newcomers may read what was said from when
    they "joined", or "all" of it."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"room", Text()), (b"history", Text())]
    response = _SEQ_AND_ROOM
    errors = ruled("create", others=(BadName, BadRoom, OwnRoom, BadText))


class Invite(Command):
    """Invite a user to a private room: they can join it within 30 days."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"room", Text()), (b"to", Text())]
    response = [(b"seq", Number())]
    errors = ruled("invite", others=_ABOUT_OTHERS)


class Remove(Command):
    """End a user's stay in a topic or a private room."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"room", Text()), (b"to", Text()), _REASON]
    response = [(b"seq", Number())]
    errors = ruled("remove", others=(*_ABOUT_OTHERS, BadText))


class Describe(Command):
    """Say what a room is about, in at most 500 characters on one line."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"room", Text()), (b"text", Text())]
    response = [(b"seq", Number())]
    errors = ruled("describe", others=(BadName, BadRoom, OwnRoom, BadText))


class SetRole(Command):
    """Give a user a role in a room, or without ``room`` in the cluster: owner (of a room), admin (of the
    cluster), moderator or none."""

    arguments = [
        (b"key", Bytes(KEY_BYTES)),
        (b"room", Text(optional=True)),
        (b"to", Text()),
        (b"role", Text()),
    ]
    response = [(b"seq", Number())]
    errors = ruled("role", others=(*_ABOUT_OTHERS, BadText))


class Ban(Command):
    """Keep a user out of a room, or without ``room`` out of the cluster; with ``mute`` only from speaking.
    ``until``: in milliseconds since 1970, of the log's time; without it for ever."""

    arguments = [
        (b"key", Bytes(KEY_BYTES)),
        (b"room", Text(optional=True)),
        (b"to", Text()),
        (b"until", Number(optional=True)),
        (b"mute", Flag()),
        _REASON,
    ]
    response = [(b"seq", Number())]
    errors = ruled("ban", "mute", others=(*_ABOUT_OTHERS, BadText))


class Unban(Command):
    """Let a user in again, and let them speak."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"room", Text(optional=True)), (b"to", Text()), _REASON]
    response = [(b"seq", Number())]
    errors = ruled("unban", others=(*_ABOUT_OTHERS, BadText))


class SetPolicy(Command):
    """Set a policy of ``room``, or without it of the cluster: see :mod:`chatnet.policies`."""

    arguments = [
        (b"key", Bytes(KEY_BYTES)),
        (b"room", Text(optional=True)),
        (b"name", Text()),
        (b"value", Text()),
    ]
    response = [(b"seq", Number())]
    errors = ruled("policy", others=(BadName, BadRoom, OwnRoom, BadText))


class Block(Command):
    """Hear nothing more that a user says to this one: no mention, no conversation, no invitation."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"to", Text())]
    response = [(b"seq", Number())]
    errors = ruled("block", others=(BadName,))


class Unblock(Command):
    """Undo :class:`Block`."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"to", Text())]
    response = [(b"seq", Number())]
    errors = ruled("unblock", others=(BadName,))


class Redact(Command):
    """Take the text of a post away, for ever: the user's own, or one at a place that they moderate."""

    arguments = [
        (b"key", Bytes(KEY_BYTES)),
        (b"seq", Number()),
        (b"check", Bytes(CHECK_BYTES)),
        _REASON,
    ]
    response = [(b"seq", Number())]
    errors = ruled("redact", others=(BadText,))


class Purge(Command):
    """Take back everything that a user has said so far in a room, or without ``room`` anywhere."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"room", Text(optional=True)), (b"to", Text()), _REASON]
    response = [(b"seq", Number())]
    errors = ruled("purge", others=(*_ABOUT_OTHERS, BadText))


class Forget(Command):
    """Take back everything that the user ever said here, and end the account; the present ``secret`` proves
    that it is they who want it. There is no answer: ``Ended`` says when it is done."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"secret", Bytes())]
    errors = declared(WrongSecret, TryLater, NoSuchUser, KeyReused, Poison)


class WhoIs(Command):
    """Who a user is: since when the name is theirs, in milliseconds since 1970, their role in the cluster,
    which may be empty, whether one blocks them, and in which rooms both are; ``more``: in more than these."""

    arguments = [(b"name", Text())]
    response = [
        (b"since", Number()),
        (b"role", Text()),
        (b"blocked", Flag()),
        (b"rooms", Packed[list[str]](list[str])),
        (b"more", Flag()),
    ]
    errors = declared(BadName, NoSuchUser)


class Invitations(Command):
    """A page of the user's open invitations, by room: those to rooms that come after ``after``. Of each, who
    invited, and until when it is good."""

    arguments = [(b"after", Text())]
    response = [(b"invitations", Packed[list[Invitation]](list[Invitation])), (b"more", Flag())]


class ReportPost(Command):
    """Tell moderators of a post that the user can read: those of where it is heard, and the cluster's. They
    can read that post by it, as long as it is not taken back."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"seq", Number()), (b"check", Bytes(CHECK_BYTES)), _REASON]
    response = [(b"seq", Number())]
    errors = ruled("report", others=(BadText,))


class Reported(Command):
    """The post that the report ``seq`` is about, for moderators who heard that report."""

    arguments = [(b"seq", Number())]
    response = [(b"post", Packed[Entry](Entry))]
    errors = declared(NoSuchPost)


class Members(Command):
    """A page of the members of ``room`` in order: those after ``after``, each with their role, which may be
    empty. ``about`` is the room's description."""

    arguments = [(b"room", Text()), (b"after", Text())]
    response = [
        (b"members", Packed[list[Member]](list[Member])),
        (b"more", Flag()),
        (b"about", Text()),
    ]
    errors = declared(BadName, BadRoom, NoSuchRoom, OwnRoom)


class Policies(Command):
    """All policies that ``room`` has, or without it the cluster, each with its value."""

    arguments = [(b"room", Text(optional=True))]
    response = [(b"policies", Packed[list[PolicyValue]](list[PolicyValue]))]
    errors = declared(BadName, BadRoom, NoSuchRoom, OwnRoom)


class Conversations(Command):
    """A page of the user's conversations in order: those after ``after``, each with the seq of its newest
    post."""

    arguments = [(b"after", Text())]
    response = [(b"conversations", Packed[list[Talk]](list[Talk])), (b"more", Flag())]
    errors = declared(BadName, BadRoom, OwnRoom)


class Chat(Command):
    """Begin to receive Deliver.

    Without a cursor, ``posts`` are the newest 20 for this user, oldest first; with a cursor there are none.
    Either way, every visible post after the answer's cursor follows by Deliver, each once, in order. A cursor
    is a seq with its check: see :mod:`chatnet.cursor`.
    """

    arguments = [(b"cursor", Number(optional=True)), (b"check", Bytes(CHECK_BYTES, optional=True))]
    response = [
        (b"posts", Packed[list[Entry]](list[Entry])),
        (b"cursor", Number()),
        (b"check", Bytes(CHECK_BYTES)),
    ]
    errors = declared(CursorAhead)


class Unchat(Command):
    """Stop receiving Deliver."""


class History(Command):
    """A page of posts of ``room`` before the seq ``before`` (the newest without it), oldest first."""

    arguments = [(b"room", Text()), (b"before", Number(optional=True))]
    response = [(b"posts", Packed[list[Entry]](list[Entry]))]
    errors = declared(BadName, BadRoom, NoSuchRoom, OwnRoom)


class Earlier(Command):
    """The newest 20 posts before the seq ``before`` of all that ``Chat`` begins with, oldest first: of the
    rooms that the user is in now, their own, mentions of them, and their conversations."""

    arguments = [(b"before", Number(optional=True))]
    response = [(b"posts", Packed[list[Entry]](list[Entry]))]


class Mark(Command):
    """The user has read ``room``, in which they are, or a conversation, up to ``seq``.

    Of two marks the greater one is kept.

    It is gathered for up to ten seconds: a worker that dies meanwhile loses it.
    """

    arguments = [(b"room", Text()), (b"seq", Number())]
    errors = declared(BadName, BadRoom, OwnRoom, NotJoined, TryLater)


class Marks(Command):
    """A page of the user's marks, by room: those of rooms that come after ``after``.

    They are those of the rooms in which the user is now. ``more``: another page follows.
    """

    arguments = [(b"after", Text())]
    response = [(b"marks", Packed[list[tuple[str, int]]](list[tuple[str, int]])), (b"more", Flag())]
    errors = declared(BadName, BadRoom, OwnRoom)


class Unread(Command):
    """A page of the user's rooms, by name: those that come after ``after``.

    Of each, how many posts are unread, and how many mentions of the user; 99 means so many, or more; and,
    ``since``, after which seq the user's present stay there began. ``more``: another page follows.
    """

    arguments = [(b"after", Text())]
    response = [
        (b"rooms", Packed[list[tuple[str, int, int]]](list[tuple[str, int, int]])),
        (b"more", Flag()),
        (b"since", Packed[list[int]](list[int], optional=True)),
    ]
    errors = declared(BadName, BadRoom, OwnRoom)


class SetSecret(Command):
    """Replace the user's ``old`` secret with a password. Older tickets and the user's other sessions end; the
    answer has a new ticket."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"old", Bytes()), (b"secret", Bytes())]
    response = [(b"ticket", Bytes()), (b"seq", Number())]
    errors = declared(BadSecret, KeyReused, NoSuchUser, Poison, TryLater, WrongSecret)


class Sessions(Command):
    """The user's sessions, one on each device, the oldest first."""

    response = [(b"sessions", Packed[list[OneSession]](list[OneSession]))]


class Revoke(Command):
    """End a session, by its ``id``: the user's own, or for an admin one of ``to``. What its device keeps is
    good for nothing after it."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"id", Number()), (b"to", Text(optional=True))]
    response = [(b"seq", Number())]
    errors = ruled("revoke", others=(BadName,))


class Pair(Command):
    """Let in another device of the user's: one that shows the code of which this is the SHA-256, within ten
    minutes. The present ``secret`` proves that it is they who want it."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"code", Bytes(HASH_BYTES)), (b"secret", Bytes())]
    response = [(b"seq", Number())]
    errors = declared(WrongSecret, TryLater, CodeTaken, TooManyToday, NoSuchUser, KeyReused, Poison)


class Recovery(Command):
    """Make eight codes for when the user has lost the secret: with each of them they set another one, once.
    ``codes`` are their SHA-256, one behind the other; those that were made before are good no longer. The
    present ``secret``, not that of a device alone, proves that it is they who want it."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"codes", Bytes(RECOVERY_BYTES)), (b"secret", Bytes())]
    response = [(b"seq", Number())]
    errors = declared(BadText, WrongSecret, TryLater, CodeTaken, TooManyToday, NoSuchUser, KeyReused, Poison)


class MakeCode(Command):
    """Let ``uses`` new users register with the code of which this is the SHA-256, ``until`` a time in the
    log's milliseconds since 1970, and invite them to the private ``room``. For admins."""

    arguments = [
        (b"key", Bytes(KEY_BYTES)),
        (b"code", Bytes(HASH_BYTES)),
        (b"uses", Number()),
        (b"until", Number()),
        (b"room", Text(optional=True)),
    ]
    response = [(b"seq", Number())]
    errors = ruled("code", others=(BadName, BadRoom, OwnRoom, BadText))


# ---- worker -> client ----


class Deliver(Command):
    """A post that the user may see. No answer."""

    arguments = [(b"entry", Packed[Entry](Entry))]
    requiresAnswer = False


class Marked(Command):
    """Another session of the user has read ``room`` up to ``seq``, and that is kept. No answer.

    It comes up to ten seconds later, and may not come at all: :class:`Marks` has them all.
    """

    arguments = [(b"room", Text()), (b"seq", Number())]
    requiresAnswer = False


class Membership(Command):
    """The user has ``joined`` a room, or left it, in any session, by the entry ``seq``. No answer.

    The room is empty if the client did not read for a while: then several may have changed, and
    :class:`Unread` has them all.
    """

    arguments = [(b"room", Text()), (b"seq", Number()), (b"joined", Flag())]
    requiresAnswer = False


class Moved(Command):
    """Go to another worker: send nothing more, wait for the open answers, hang up, resume. No answer.

    A client that stays is disconnected after ten seconds.
    """

    requiresAnswer = False


class Ended(Command):
    """This session has ended, for the reason in an error's ``code`` and ``sentence``. The worker hangs up. No
    answer; commands that were not answered yet are never answered."""

    arguments = [(b"code", Text()), (b"sentence", Text())]
    requiresAnswer = False


class Rewound(Command):
    """The log was put back to this cursor: what was read after it is gone. The worker hangs up.

    No answer.
    """

    arguments = [(b"seq", Number()), (b"check", Bytes(CHECK_BYTES))]
    requiresAnswer = False
