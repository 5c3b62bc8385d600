"""Sizes and seconds that a run of the simulator, or a test, makes small; given by ``World.limits``. Pure.

So a short run gets where only a long one would: to windows that are left behind, and queues that are full.
What nobody varies is a constant of the module that uses it. Sessions, of which there are many, have these by
what they share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Rhythm(NamedTuple):
    """How links are watched, in seconds: time is looked at every ``tick``, each link is pinged ``every`` so
    often, and one that was silent for ``patience`` is aborted.
    """

    tick: float
    every: float
    patience: float


CLIENT_PULSE = Rhythm(tick=5.0, every=15.0, patience=45.0)


class PageSize(NamedTuple):
    """How much a page holds at most: ``bytes``, encoded, and ``entries``; of a snapshot, ``stays``."""

    bytes: int
    entries: int
    stays: int


PAGE = PageSize(bytes=60_000, entries=500, stays=200)
"""There is room to spare under AMP's 65,535 bytes, and so many stays fit at their longest. What is small on
the wire still takes time to make."""


class Cost(NamedTuple):
    """What it takes to hash a password: so many passes over so much memory, by so many threads."""

    passes: int
    memory_kib: int
    lanes: int


COST = Cost(3, 65536, 4)
"""RFC 9106's second recommended option. Two workers of different costs would make two credentials of one
draft."""


class Patience(NamedTuple):
    """How long a database may take, in seconds: to ``set_up`` a session, to get a ``lock``, to ``answer``.

    The database itself watches over locks. An answer is waited for longer than it lets one take, because
    that is for a database that hangs.
    """

    set_up: float
    lock: float
    answer: float


PATIENCE = Patience(set_up=5.0, lock=5.0, answer=20.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at most, in entries, drafts or reads; bytes where it says so.

    Of the log as a process follows it: ``window_bytes`` of memory are for the newest entries; readers are
    handed a ``slice`` of those before it is looked whether their transport is full, and a session no more
    than are ``near`` in one turn, in order to go live. A worker that begins to follow is given a ``run_up``
    of so many before the head: its window takes the reconnects of clients.

    Of a session: ``drafts`` may be unanswered before its connection is read no further, and as many of all
    sessions of its user here may be held: one that is held is not seen to go, and whoever came back again and
    again would have as many wait each time. ``reads`` may wait, likewise. ``client_pulse`` is how clients are
    watched, and ``password_cost`` what is spent on each password.

    Of a store: what is read of it comes in pages, and ``page`` says how large they are. A worker passes on
    ``worker_drafts`` at a time, at most those that the wire takes, and the embedded store commits
    ``batch_drafts``. A log is opened with ``prefill`` entries in its window. SQLite's WAL is written back
    when it has ``checkpoint_pages``. ``database`` is how long PostgreSQL may take.

    Of programs: ``chatnet check`` reads, and ``chatnet migrate`` commits, ``batch_entries`` at a time: so
    much is done again, at most, when a copy was broken off. ``chatnet status --watch`` looks every
    ``look_seconds``. The client's LIST asks for ``list_pages``: a million rooms.
    """

    window_bytes: int = 16 * 1024 * 1024
    slice: int = 500
    near: int = 1_000
    run_up: int = 2_000
    drafts: int = 200
    reads: int = 16
    client_pulse: Rhythm = CLIENT_PULSE
    password_cost: Cost = COST
    page: PageSize = PAGE
    worker_drafts: int = 200
    batch_drafts: int = 2_000
    prefill: int = 10_000
    checkpoint_pages: int = 4_000
    database: Patience = PATIENCE
    batch_entries: int = 10_000
    look_seconds: float = 1.0
    list_pages: int = 5_000


LIMITS = Limits()
"""Those of every real process."""
