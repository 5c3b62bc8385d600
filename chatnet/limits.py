"""Sizes and seconds that a run of the simulator, or a test, makes small; given by ``World.limits``. Pure.

So a short run reaches states that otherwise only a long run reaches: readers behind their window, and full
queues. What nobody varies is a constant in the module that uses it. Sessions, of which there are many, get
these through what they share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Rhythm(NamedTuple):
    """How links are watched, in seconds: a check each ``tick``, a ping ``every`` so often, and a link that
    was silent for ``patience`` is aborted.
    """

    tick: float
    every: float
    patience: float


CLIENT_PULSE = Rhythm(tick=5.0, every=15.0, patience=45.0)


class PageSize(NamedTuple):
    """The limits of a page: ``bytes``, encoded, and ``entries``; in a snapshot, ``stays``; as many of
    those end at a time when somebody is forgotten."""

    bytes: int
    entries: int
    stays: int


PAGE = PageSize(bytes=60_000, entries=500, stays=200)
"""This leaves room under AMP's 65,535 bytes, and this many stays fit at their longest. Small entries still
take time to make."""


class Cost(NamedTuple):
    """The cost of hashing a password: passes over the memory, the memory, and the number of threads."""

    passes: int
    memory_kib: int
    lanes: int


COST = Cost(3, 65536, 4)
"""RFC 9106's second recommended option. Two workers of different costs would make two credentials of one
draft."""


class Patience(NamedTuple):
    """How long a database may take, in seconds: to ``set_up`` a session, to get a ``lock``, to ``answer``.

    The database itself limits the wait for a lock. The limit of an answer is longer than each limit of the
    database's own: it is for a database that hangs.
    """

    set_up: float
    lock: float
    answer: float


PATIENCE = Patience(set_up=5.0, lock=5.0, answer=20.0)


class Aging(NamedTuple):
    """How posts grow too old, in seconds: what a ``day`` of the policy ``keep`` is, and how long a primary
    waits between two ``looks`` at the clock.

    Nothing is taken back for its age in the ``first`` seconds of a primary, as the clock may have been set
    before it began; nor for ``mistrust`` seconds after the clock was set by more than ``jump``.
    """

    day: float
    looks: float
    first: float
    jump: float
    mistrust: float


AGING = Aging(day=86_400.0, looks=60.0, first=3_600.0, jump=60.0, mistrust=86_400.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """The greatest allowed numbers of entries, drafts or reads; bytes where the name says so.

    For the log that a process follows: ``window_bytes`` of memory hold the newest entries. Readers get a
    ``slice`` of those before each check whether their transport is full; a session gets at most ``near`` in
    one turn, to go live. A worker that begins to follow starts ``run_up`` entries before the head: its window
    serves the reconnects of clients.

    For a session: when ``drafts`` are unanswered, its connection is not read; nor when as many drafts wait in
    all sessions of its user here. Otherwise a user who returns again and again would have as many waiting
    each time, since a held connection is not seen to close. When ``reads`` wait, it is not read either.
    A message to a browser has posts of ``message_bytes``, or a single one. ``client_pulse`` is how clients
    are watched; ``password_cost`` is the cost of each password.

    For a store: reads answer in pages of the size ``page``. A worker sends on at most ``worker_drafts``
    in one batch, and no more than the wire takes; the embedded store commits ``batch_drafts`` at most. A log
    is opened with ``prefill`` entries in its window. SQLite's WAL is written back when it has
    ``checkpoint_pages``. ``database`` is how long PostgreSQL may take. ``aging`` is how posts grow
    too old.

    For programs: ``chatnet check`` reads ``batch_entries`` at a time, and ``chatnet migrate`` commits as
    many, which is the most that is copied again after an interruption. ``chatnet status --watch`` looks every
    ``look_seconds``. LIST asks for at most ``list_pages``: enough for a million rooms.
    """

    window_bytes: int = 16 * 1024 * 1024
    slice: int = 500
    near: int = 1_000
    run_up: int = 2_000
    drafts: int = 200
    reads: int = 16
    message_bytes: int = 60_000
    client_pulse: Rhythm = CLIENT_PULSE
    password_cost: Cost = COST
    page: PageSize = PAGE
    worker_drafts: int = 200
    batch_drafts: int = 2_000
    prefill: int = 10_000
    checkpoint_pages: int = 4_000
    database: Patience = PATIENCE
    aging: Aging = AGING
    batch_entries: int = 10_000
    look_seconds: float = 1.0
    list_pages: int = 5_000


LIMITS = Limits()
"""The limits of every real process."""
