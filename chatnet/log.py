"""The log that all processes share, as its readers and writers see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

import msgspec
from twisted.internet.defer import Deferred

from chatnet.entries import Draft
from chatnet.errors import Refusal
from chatnet.marks import UserMark
from chatnet.reads import Question
from chatnet.store.window import Window

T = TypeVar("T")


class Refused(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The log's final no to a draft: the code of a :class:`~chatnet.errors.Refusal`, and its sentence."""

    code: bytes
    sentence: str

    @classmethod
    def of(cls, no: Refusal) -> Self:
        """Return the refusal as the log tells it."""
        return cls(no.code, str(no))


Outcome = int | Refused
"""What happened to a draft: its seq (an old key returns its old seq), or why it was refused."""


class Log(Protocol):
    """All entries in one total order.

    Every read takes an ``upto``: it ignores everything after that seq. A reader passes the head of its own
    window, so that an answer never runs ahead of what it follows.
    """

    window: Window
    """The newest entries, in step with the log; readers wait on it."""

    @property
    def log_id(self) -> str:
        """Which log this is. It never changes; tickets are valid in one log."""

    @property
    def waiting_bytes(self) -> int:
        """About how many bytes were passed to :meth:`append` and are not durable yet."""

    def append(self, drafts: Sequence[Draft]) -> Deferred[list[Outcome]]:
        """Append ``drafts`` in this order, after everything passed before.

        Fires with one outcome for each draft, once everything accepted is on disk. Waits without limit for
        what will pass (a full disk, a lost primary): the caller limits what it has under way.
        """

    async def keep_marks(self, marks: Sequence[UserMark]) -> list[UserMark]:
        """Keep ``marks``, at most :data:`~chatnet.marks.MOST_MARKS`; return those that are news, as kept.

        Waits without limit for what will pass, as :meth:`append`.

        Of two marks of a user in a room the greater one is kept, and none above the log's head, and none of
        who is forgotten: a worker may have gathered it before. They are not
        part of the log, and not synced: a process that dies costs none that were kept, a loss of power may.
        """

    async def read(self, question: Question[T]) -> T:
        """Return the answer to ``question``; :mod:`chatnet.reads` defines the answers and errors of each.

        It has no text that was taken back up to the head of the window as it is then.

        :raises Unreadable: that part of the store is damaged.
        :raises TooSlow: it takes longer than the database allows.
        """
