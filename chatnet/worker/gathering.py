"""The drafts of all sessions that came in one turn of the reactor, appended together."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatnet.entries import Draft
from chatnet.log import Log, Outcome


class Gathering:
    """Appends to ``log``, once per turn of the reactor.

    A client that sends several drafts at once has them in one segment. Passed on one by one, the first would
    be committed alone, and the rest wait for it: two commits and two rounds of fan-out instead of one.
    """

    def __init__(self, log: Log, clock: IReactorTime) -> None:
        self._log = log
        self._clock = clock
        self._drafts: list[Draft] = []
        self._answers: list[Deferred[Outcome]] = []

    def append(self, draft: Draft) -> Deferred[Outcome]:
        """Append ``draft`` after all that was passed before; fires with what became of it."""
        if not self._drafts:
            self._clock.callLater(0, self._pass_on)
        answer: Deferred[Outcome] = Deferred()
        self._drafts.append(draft)
        self._answers.append(answer)
        return answer

    def _pass_on(self) -> None:
        drafts, self._drafts = self._drafts, []
        answers, self._answers = self._answers, []

        def answered(outcomes: list[Outcome]) -> None:
            for answer, outcome in zip(answers, outcomes, strict=True):
                answer.callback(outcome)

        def failed(why: Failure) -> None:
            for answer in answers:
                answer.errback(why)

        self._log.append(drafts).addCallbacks(answered, failed)
