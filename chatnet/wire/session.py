"""Client <-> worker. Deliver and Ping(seq) move a client's cursor; it never acknowledges anything."""

from __future__ import annotations

import msgspec

from chatnet.cursor import CHECK_BYTES
from chatnet.entries import KEY_BYTES, Entry
from chatnet.errors import (
    AlreadyJoined,
    BadName,
    BadRoom,
    BadSecret,
    BadText,
    BadTicket,
    CursorAhead,
    KeyReused,
    NoSuchRoom,
    NoSuchUser,
    NotJoined,
    NotYours,
    OwnRoom,
    Poison,
    TooManyRooms,
    TooManyTopics,
    TryLater,
    WrongSecret,
    WrongVersion,
)
from chatnet.wire.arguments import Bytes, Command, Flag, Number, Packed, Text, declared
from chatnet.wire.cluster import Fingerprint, Place

MOST_OTHERS = 8
"""How many other workers a client is told about."""


class Elsewhere(msgspec.Struct, frozen=True, array_like=True):
    """Another worker, where a client can resume when its own is gone: HOST:PORT, and its key."""

    address: Place
    key: Fingerprint = ""


_OTHERS = (b"workers", Packed[list[Elsewhere]](list[Elsewhere], optional=True))

# ---- client -> worker ----


class Login(Command):
    """Log in by name and secret. ``name`` comes back as the cluster spells it; ``log`` names the log.

    ``new``: if the name is free, register it with this secret. ``workers`` are up to eight others, where the
    client can resume once this one is gone.
    """

    arguments = [(b"version", Number()), (b"name", Text()), (b"secret", Bytes()), (b"new", Flag())]
    response = [(b"name", Text()), (b"ticket", Bytes()), (b"log", Text()), _OTHERS]
    errors = declared(WrongVersion, BadName, BadSecret, NoSuchUser, WrongSecret, TryLater)


class Resume(Command):
    """Log in by a ticket of an earlier session. ``workers``: see :class:`Login`."""

    arguments = [(b"version", Number()), (b"ticket", Bytes())]
    response = [(b"name", Text()), (b"log", Text()), _OTHERS]
    errors = declared(WrongVersion, BadTicket, TryLater)


class Join(Command):
    """Follow ``room``. Answered once it is durable; ``room`` comes back as the cluster spells it."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"room", Text())]
    response = [(b"seq", Number()), (b"room", Text())]
    errors = declared(
        BadRoom, NoSuchRoom, AlreadyJoined, OwnRoom, TooManyRooms, TooManyTopics, KeyReused, Poison
    )


class Leave(Command):
    """Stop following ``room``. Answered once it is durable."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"room", Text())]
    response = [(b"seq", Number()), (b"room", Text())]
    errors = declared(BadRoom, NotJoined, OwnRoom, KeyReused, Poison)


class List(Command):
    """A page of rooms in order: those that begin with ``prefix`` and come after ``after``.

    ``joined`` are those that the user has joined; ``more``: another page follows.
    """

    arguments = [(b"prefix", Text()), (b"after", Text())]
    response = [
        (b"rooms", Packed[list[str]](list[str])),
        (b"joined", Packed[list[str]](list[str])),
        (b"more", Flag()),
    ]


class Post(Command):
    """Post ``text`` in ``room``, a topic that the user has joined, or without it in the user's own room.
    Answered with its seq once it is durable."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"text", Text()), (b"room", Text(optional=True))]
    response = [(b"seq", Number())]
    errors = declared(BadText, BadRoom, NotYours, NotJoined, TooManyTopics, KeyReused, NoSuchUser, Poison)


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
    errors = declared(BadRoom, NoSuchRoom)


class SetSecret(Command):
    """Replace the user's ``old`` secret with a password. Older tickets and the user's other sessions end; the
    answer has a new ticket."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"old", Bytes()), (b"secret", Bytes())]
    response = [(b"ticket", Bytes()), (b"seq", Number())]
    errors = declared(BadSecret, KeyReused, NoSuchUser, Poison, TryLater, WrongSecret)


# ---- worker -> client ----


class Deliver(Command):
    """A post that the user may see. No answer."""

    arguments = [(b"entry", Packed[Entry](Entry))]
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
