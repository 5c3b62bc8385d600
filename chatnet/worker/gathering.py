"""Gathers the drafts of all sessions in one turn of the reactor, and appends them together."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatnet.entries import Draft
from chatnet.log import Log, Outcome

Told = Callable[[Draft, Deferred[int], Outcome | Failure], None]
"""Called with a draft, who waits for it, and its outcome, or the failure that hides it."""


class Gathering:
    """Appends to ``log``, once per turn of the reactor.

    Several drafts that a client sends at once arrive in one segment. Passed on one by one, the first would be
    committed alone while the rest waited: two commits and two fan-outs instead of one.
    """

    def __init__(self, log: Log, clock: IReactorTime) -> None:
        self._log = log
        self._clock = clock
        self._drafts: list[Draft] = []
        self._askers: list[tuple[Told, Deferred[int]]] = []

    def append(self, draft: Draft, told: Told, answer: Deferred[int]) -> None:
        """Append ``draft`` after everything passed before; then ``told`` answers it.

        With one function for all drafts of a session, and no callback for each of them, a post costs less.
        """
        if not self._drafts:
            self._clock.callLater(0, self._pass_on)
        self._drafts.append(draft)
        self._askers.append((told, answer))

    def _pass_on(self) -> None:
        drafts, self._drafts = self._drafts, []
        askers, self._askers = self._askers, []

        def answered(outcomes: list[Outcome]) -> None:
            for draft, (told, answer), outcome in zip(drafts, askers, outcomes, strict=True):
                told(draft, answer, outcome)

        def failed(why: Failure) -> None:
            for draft, (told, answer) in zip(drafts, askers, strict=True):
                told(draft, answer, why)

        self._log.append(drafts).addCallbacks(answered, failed)
