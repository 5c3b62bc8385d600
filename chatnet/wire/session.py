"""Client <-> worker. A client's cursor moves by Deliver and Ping(seq), never by an acknowledgement."""

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
"""How many other workers a client is told of."""


class Elsewhere(msgspec.Struct, frozen=True, array_like=True):
    """Another worker, where one can resume when one's own is gone: HOST:PORT, and the key presented there."""

    address: Place
    key: Fingerprint = ""


_OTHERS = (b"workers", Packed[list[Elsewhere]](list[Elsewhere], optional=True))

# ---- client -> worker ----


class Login(Command):
    """Log in by name and secret. ``name`` comes back as the cluster spells it, ``log`` says which log it is.

    ``new``: if the name is free, register it with this secret. ``workers`` are up to eight others, where one
    can resume once this one is gone.
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

    ``joined`` are those of them that the user has joined; ``more``: another page follows.
    """

    arguments = [(b"prefix", Text()), (b"after", Text())]
    response = [
        (b"rooms", Packed[list[str]](list[str])),
        (b"joined", Packed[list[str]](list[str])),
        (b"more", Flag()),
    ]


class Post(Command):
    """Say ``text`` in one's own room. Answered with its seq once it is durable."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"text", Text())]
    response = [(b"seq", Number())]
    errors = declared(BadText, TooManyTopics, KeyReused, NoSuchUser, Poison)


class Chat(Command):
    """Begin to receive Deliver.

    Without a cursor: ``posts`` are the newest 20 for this user, oldest first. With it: none. Either way
    every visible post behind the answer's cursor follows by Deliver, each once, in order. A cursor is a seq
    with its check: see :mod:`chatnet.cursor`.
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
    """A page of the posts of ``room`` before seq ``before`` (the newest without it), oldest first."""

    arguments = [(b"room", Text()), (b"before", Number(optional=True))]
    response = [(b"posts", Packed[list[Entry]](list[Entry]))]
    errors = declared(BadRoom, NoSuchRoom)


class SetSecret(Command):
    """Replace one's ``old`` secret by a password. Older tickets and one's other sessions end; here is a new
    ticket."""

    arguments = [(b"key", Bytes(KEY_BYTES)), (b"old", Bytes()), (b"secret", Bytes())]
    response = [(b"ticket", Bytes()), (b"seq", Number())]
    errors = declared(BadSecret, KeyReused, NoSuchUser, Poison, TryLater, WrongSecret)


# ---- worker -> client ----


class Deliver(Command):
    """A post that the user may see. No answer."""

    arguments = [(b"entry", Packed[Entry](Entry))]
    requiresAnswer = False


class Moved(Command):
    """Go to another worker: send nothing more, take the answers to what was sent, hang up, resume. No answer.

    Who stays is hung up on after ten seconds.
    """

    requiresAnswer = False


class Ended(Command):
    """This session is over, for the reason of an error's ``code`` and ``sentence``. The worker hangs up. No
    answer; nor is there one to what was not answered yet."""

    arguments = [(b"code", Text()), (b"sentence", Text())]
    requiresAnswer = False


class Rewound(Command):
    """The log was put back to this cursor: what was read behind it is gone. The worker hangs up.

    No answer.
    """

    arguments = [(b"seq", Number()), (b"check", Bytes(CHECK_BYTES))]
    requiresAnswer = False
