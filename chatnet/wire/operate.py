"""Operator -> primary."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from chatnet.errors import (
    BadName,
    BadRoom,
    BadText,
    CodeTaken,
    Forgotten,
    HeldBack,
    KeyReused,
    LastOwner,
    NameTaken,
    NoReplica,
    NoReplicaElsewhere,
    NoReplicaKept,
    NoSuchHost,
    NoSuchRoom,
    NoSuchSession,
    NoSuchUser,
    NotOperators,
    NotThere,
    NotYet,
    OnlyHost,
    Poison,
    PrimaryThere,
    Refusal,
    TooManyToday,
)
from chatnet.kinds import FIRST_LEVEL
from chatnet.limits import PAGE
from chatnet.reads import PolicyValue, UserPage
from chatnet.wire.arguments import Command, Flag, Number, Packed, Text, declared, fitting, packed_bytes
from chatnet.wire.cluster import CHAT

MASTER_BYTES = EVENT_BYTES = 20_000
"""Bytes that masters, and events, take at most in the status of the cluster. The rest is for the workers."""


MOST_PAGES = 20
MOST_SECONDS = 250_000_000_000
"""The latest time that is shown as a date, in seconds since 1970."""


class MasterStatus(msgspec.Struct, frozen=True):
    """One master. A replica has no ``address`` if it listens nowhere until it is primary.

    ``key`` is the fingerprint of the public key that it presents, and ``level`` what it understands.
    """

    role: str
    host: str
    pid: int
    address: str
    key: str = ""
    level: int = FIRST_LEVEL


class WorkerStatus(msgspec.Struct, frozen=True):
    """One worker: ``posts`` and ``deliveries`` are per second; ``lag`` is how many entries it is behind.

    ``key`` and ``level`` mean the same as a master's. ``serves`` is what the worker's identity says. While it
    is ``opening`` its store, or the store is away, it lets nobody in.
    """

    id: str
    host: str
    pid: int
    address: str
    spawned: bool
    sessions: int
    posts: float
    deliveries: float
    lag: int
    poison: int
    key: str = ""
    level: int = FIRST_LEVEL
    serves: str = CHAT
    opening: bool = False

    @property
    def role(self) -> str:
        """What it is, in a table."""
        return "worker" if self.serves == CHAT else "front"


class Page(msgspec.Struct, frozen=True):
    """Where the page of the cluster is; ``only_on`` is the one host on which it can be opened, or empty."""

    url: str
    only_on: str = ""


class Event(msgspec.Struct, frozen=True):
    """Something that happened in the cluster, for the operator. ``time`` is in seconds since 1970."""

    time: Annotated[float, Meta(ge=0, le=MOST_SECONDS)]
    what: str


def newest_fitting(events: list[Event]) -> list[Event]:
    """Return the newest of ``events`` that fit into :data:`EVENT_BYTES`."""
    return fitting(reversed(events), EVENT_BYTES)[::-1]


class ClusterStatus(msgspec.Struct, frozen=True):
    """The state of the cluster. ``trouble`` is a sentence while something blocks it (a full disk), otherwise
    empty. ``warnings`` are sentences about what does not block it, but should be corrected.

    ``left_out`` is how many more masters and workers there are that did not fit into an AMP value. ``level``
    is the log's. ``pages`` are the addresses of the page, at most :data:`MOST_PAGES`."""

    log: str
    epoch: int
    head: int
    trouble: str
    masters: list[MasterStatus]
    workers: list[WorkerStatus]
    events: list[Event]
    warnings: list[str] = []
    left_out: int = 0
    level: int = FIRST_LEVEL
    pages: list[Page] = []

    def fitted(self) -> ClusterStatus:
        """Return as much of it as fits into an AMP value."""
        masters = fitting(self.masters, MASTER_BYTES)
        rest = replace(self, masters=masters, workers=[], events=newest_fitting(self.events))
        workers = fitting(self.workers, PAGE.bytes - packed_bytes(rest))
        left_out = len(self.masters) - len(masters) + len(self.workers) - len(workers)
        return replace(rest, workers=workers, left_out=left_out)


class Status(Command):
    response = [(b"status", Packed[ClusterStatus](ClusterStatus))]


class Stop(Command):
    """Stop the whole cluster. Answered at once; the link closes when the primary is about to exit."""


class StepDown(Command):
    """Hand over to a replica; ``away``: to one on another host. Answered at once.

    The link closes when the lease is released.
    """

    arguments = [(b"away", Flag())]
    errors = declared(NoReplica, NoReplicaKept, NoReplicaElsewhere)


class LevelUp(Command):
    """Raise the log to the next level that any process of the cluster understands, if all understand it.

    The answer is the log's level, once it is on disk; the log may have that level already.
    """

    response = [(b"level", Number())]
    errors = declared(HeldBack)


class Order(Command):
    """Give an order in the cluster's own name: a role, ban, mute, unban, purge or forget of the user ``to``
    in ``room``, or for an empty one in the cluster. ``text``: the role, or a reason; ``until`` as for a ban,
    0 for ever.

    Or set a policy: ``text`` is its name and its value, and ``to`` is empty. Or end the session ``text`` of
    ``to`` (0: all, and their secret), disable or enable their account, or let them in by a ``code``: ``text``
    is its SHA-256 and how many may use it, ``to`` perhaps empty.

    Answered with its seq once it is durable.
    """

    arguments = [
        (b"kind", Text()),
        (b"room", Text()),
        (b"to", Text()),
        (b"text", Text()),
        (b"until", Number()),
    ]
    response = [(b"seq", Number())]
    errors = declared(
        BadName,
        BadRoom,
        BadText,
        NameTaken,
        CodeTaken,
        Forgotten,
        NoSuchSession,
        NoSuchUser,
        NoSuchRoom,
        NotThere,
        NotOperators,
        LastOwner,
        TooManyToday,
        NotYet,
        KeyReused,
        Poison,
        Refusal,
    )


class RoomPolicies(Command):
    """All policies of a topic, or for an empty ``room`` of the cluster, each with its value."""

    arguments = [(b"room", Text())]
    response = [(b"policies", Packed[list[PolicyValue]](list[PolicyValue]))]
    errors = declared(BadRoom, NoSuchRoom)


class ListUsers(Command):
    """A page of the users whose names begin with ``prefix`` and sort after ``after``: 200 in order of their
    names, and whether another page follows. Without a prefix, no guest is among them."""

    arguments = [(b"prefix", Text()), (b"after", Text())]
    response = [(b"users", Packed[UserPage](UserPage))]


class Drain(Command):
    """Move all sessions of ``host`` elsewhere, and then stop everything that runs there.

    Answered at once with how many are left. Ask again until no worker is left; an empty host stays empty
    until somebody starts a worker there.
    """

    arguments = [(b"host", Text())]
    response = [(b"workers", Number()), (b"sessions", Number())]
    errors = declared(NoSuchHost, OnlyHost, PrimaryThere)
