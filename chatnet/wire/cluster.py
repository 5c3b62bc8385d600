"""Worker <-> primary: registration, reports, and the primary's commands, each with its epoch."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chatnet.errors import LevelTooLow, StaleEpoch
from chatnet.kinds import FIRST_LEVEL, MOST_LEVEL
from chatnet.wire.arguments import Command, Flag, Number, Packed, Text, declared

MOST_PROCESSES = 1_000
"""How many workers, or replicas, one host keeps at most: a thousand take 50 GB. A greater number is a
mistake, or meant to bring the host down."""

# Limit what a process says of itself where it arrives: a bug in one process must not bring the cluster down.
Id = Annotated[str, Meta(min_length=1, max_length=40)]
MAX_HOST = 253
"""The longest name of a host, in characters: the same as in the DNS."""
Host = Annotated[str, Meta(max_length=MAX_HOST)]
Place = Annotated[str, Meta(max_length=260)]
"""HOST:PORT."""
MAX_FINGERPRINT = 60
"""The longest fingerprint, in characters; those in use have 50."""
Fingerprint = Annotated[str, Meta(max_length=MAX_FINGERPRINT)]
"""The fingerprint of the public key that a process presents, ``SHA256:…``; empty if it is not known."""
Serves = Annotated[str, Meta(max_length=20)]
Pid = Annotated[int, Meta(ge=0, lt=1 << 31)]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Level = Annotated[int, Meta(ge=FIRST_LEVEL, le=MOST_LEVEL)]
SessionCount = Annotated[int, Meta(ge=0, le=1_000_000)]
"""No process can have this many descriptors."""
FrontCount = Annotated[int, Meta(ge=0, le=MOST_PROCESSES)]
MOST_TOLD = 64
"""How many other workers a worker is told about."""
LANES = ("presence", "imprints", "typists")
"""What a primary may want to be told beside what is on the log, as its answer to a registration says."""
CHAT, IRC = "chat", "irc"
"""What a worker serves: clients that a master sends to it, and the page; or IRC alone."""


class WorkerIdentity(msgspec.Struct, frozen=True):
    """Who a worker is, while its process lives.

    ``address`` is where it listens for clients, HOST:PORT. ``advertise`` is true if the operator chose that
    host for clients; without it, clients are sent to the host at which they reached the primary or, if the
    worker is on another machine, to the host that its link comes from. ``supervisor`` is the pid of the
    process that started it, 0 if a person did. ``started`` is when, in clock ticks since its machine came up;
    0 if unknown. ``key`` is the fingerprint of the public key that it presents. ``level`` is what it
    understands: see :mod:`chatnet.kinds`.

    ``serves`` says for whom it is: for clients that a master sends (``chat``, also of those that do not say
    it), or for IRC alone (``irc``): such a worker is called a *front*. Its ``address`` is where IRC is, and
    no client of a master's is sent there.
    """

    id: Id
    host: Host
    pid: Pid
    address: Place
    advertise: bool
    supervisor: Count
    started: Count = 0
    key: Fingerprint = ""
    level: Level = FIRST_LEVEL
    serves: Serves = CHAT

    @property
    def is_front(self) -> bool:
        """Whether no client is ever sent to it, or away from it."""
        return self.serves != CHAT

    @property
    def process(self) -> str:
        """The identity of its process."""
        return self.id

    @property
    def spawned(self) -> bool:
        """Whether a process started it, not a person."""
        return self.supervisor != 0


class Load(msgspec.Struct, frozen=True):
    """What a worker carries: its sessions now; posts and deliveries since its start; its cursor.

    ``moving`` is how many of its sessions were told to go to another worker. ``shared`` of the sessions, and
    ``shared_moving`` of those that move, came by the port of the page, which the workers of a host share: to
    which of them, chance decides. While it is ``opening`` its store, or the store is away, it takes no
    clients; nor while it is ``full``. ``key`` is its identity's, or that of the certificate that it has
    presented since. ``web`` is where its page is, and ``web_taken`` where it should be, but cannot, since
    another program has that port; each is empty otherwise. ``fronts`` is how many IRC fronts its host should
    keep. Of a front, ``irc`` and ``irc_taken`` are what ``web`` and ``web_taken`` are of a worker: one place,
    or several with commas.
    """

    sessions: SessionCount = 0
    posts: Count = 0
    deliveries: Count = 0
    cursor: Count = 0
    poison: Count = 0
    moving: SessionCount = 0
    opening: bool = False
    full: bool = False
    key: Fingerprint = ""
    shared: SessionCount = 0
    shared_moving: SessionCount = 0
    web: Place = ""
    web_taken: Place = ""
    fronts: FrontCount = 0
    irc: Place = ""
    irc_taken: Place = ""


class OtherWorker(msgspec.Struct, frozen=True):
    """Where the clients of a worker find another one, and the key that the other presents.

    ``host`` is empty if it is the one where they found the first worker.
    """

    host: Host
    port: Annotated[int, Meta(ge=0, lt=1 << 16)]
    key: Fingerprint = ""


class Register(Command):
    """Worker -> primary: register this worker. The answer names the log, the log's place, and the epoch.

    ``store`` is the URL of a database that the worker opens itself; empty if the primary serves the log over
    this link. ``seen`` is the epoch of the last primary that registered the worker. A primary with a lower
    epoch looks into its store: if a later epoch has begun there, its own is over. If not, the worker takes
    the epoch of the answer. ``presence``: the primary wants to be told who is on the worker, by
    :class:`~chatnet.wire.presence.TellPresence`; ``imprints``: and which passwords were right there, by
    :class:`~chatnet.wire.imprints.TellImprints`; ``typists``: and who is typing there, by
    :class:`~chatnet.wire.typists.TellTypists`. An older one does not say it.

    Before the answer the primary sends no command; after it, only commands with that epoch.
    """

    arguments = [(b"worker", Packed[WorkerIdentity](WorkerIdentity)), (b"seen", Number())]
    response = [
        (b"log", Text()),
        (b"store", Text()),
        (b"epoch", Number()),
        *((lane.encode(), Flag(optional=True)) for lane in LANES),
    ]
    errors = declared(StaleEpoch, LevelTooLow)


class Report(Command):
    """Worker -> primary: the worker's load, every second. No answer."""

    arguments = [(b"load", Packed[Load](Load))]
    requiresAnswer = False


class Shutdown(Command):
    """Primary -> worker, or replica: stop; your part of the cluster is being stopped."""

    arguments = [(b"epoch", Number())]
    errors = declared(StaleEpoch)


class Shed(Command):
    """Primary -> worker: move ``count`` sessions to other workers, a few at a time.

    With ``shared`` these are sessions that came by a port which the workers of a host share, else all others.
    Replaces earlier commands about the same ones. With ``soon``, sessions do not wait for answers: the worker
    cannot give any.
    """

    arguments = [(b"epoch", Number()), (b"count", Number()), (b"shared", Flag()), (b"soon", Flag())]
    errors = declared(StaleEpoch)


class OtherWorkers(Command):
    """Primary -> worker: these other workers take clients; tell your clients, for when you are gone.

    Replaces the earlier list. ``emptied``: take no clients, because your sessions move to others, or you will
    stop.
    """

    arguments = [
        (b"epoch", Number()),
        (
            b"workers",
            Packed[list[OtherWorker]](Annotated[list[OtherWorker], Meta(max_length=MOST_TOLD)]),
        ),
        (b"emptied", Flag()),
    ]
    errors = declared(StaleEpoch)


class SpawnWorkers(Command):
    """Primary -> worker: *keep* ``count`` children of your own running, on your host.

    This is the number in all, so a command that comes twice does no harm. 0 stops all of them. More than
    :data:`MOST_PROCESSES` are refused.
    """

    arguments = [(b"epoch", Number()), (b"count", Number())]
    errors = declared(StaleEpoch)


class SpawnFronts(Command):
    """Primary -> worker: *keep* ``count`` IRC fronts running as your own children, as :class:`SpawnWorkers`
    says of workers. They end after those."""

    arguments = [(b"epoch", Number()), (b"count", Number())]
    errors = declared(StaleEpoch)


class Kill(Command):
    """Primary -> worker: kill the process ``pid`` of your host, begun at ``started``: it hangs."""

    arguments = [(b"epoch", Number()), (b"pid", Number()), (b"started", Number())]
    errors = declared(StaleEpoch)
