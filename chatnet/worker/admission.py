"""Remembers that the cluster takes no new names without a code, so that the log is not asked each time. Pure.

It is learned from the first name that the log refuses for that, and holds until a new policy passes:
strangers who try a thousand names a second make the store judge one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chatnet.entries import Entry
from chatnet.errors import CodeNeeded, Refusal, SignupClosed
from chatnet.log import Outcome, Refused
from chatnet.policies import parted

_REFUSALS: dict[bytes, type[Refusal]] = {error.code: error for error in (CodeNeeded, SignupClosed)}


class Admission:
    """What a new name without a code is told, as far as this worker knows.

    :meth:`apply` follows the window. Only while something is known, or asked, are entries looked at.
    """

    def __init__(self) -> None:
        self.refusal: type[Refusal] | None = None
        """With what the log would refuse a new name without a code; None: that is not known."""
        self._asking: set[Answer] = set()

    @contextmanager
    def asking(self) -> Iterator[Answer]:
        """While the log is asked for a new name without a code: yield what takes its answer."""
        answer = Answer()
        self._asking.add(answer)
        try:
            yield answer
        finally:
            self._asking.discard(answer)
        if answer.is_current:
            self.refusal = answer.refusal or self.refusal

    def apply(self, entries: Sequence[Entry]) -> None:
        """Follow the window: after a new policy the log must be asked again."""
        if self.refusal is None and not self._asking:
            return
        if any(
            entry.kind == "policy" and not entry.room and parted(entry.text)[0] == "signup"
            for entry in entries
        ):
            self.refusal = None
            for answer in self._asking:
                answer.is_current = False


class Answer:
    """The log's answer to one name; it is not current if the policy has changed since it was asked."""

    def __init__(self) -> None:
        self.is_current = True
        self.refusal: type[Refusal] | None = None

    def is_(self, outcome: Outcome) -> None:
        """Take the outcome."""
        self.refusal = _REFUSALS.get(outcome.code) if isinstance(outcome, Refused) else None
