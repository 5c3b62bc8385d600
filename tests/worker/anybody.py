"""Who drafts through a stream of a test."""

from __future__ import annotations

from chatnet.entries import Draft
from chatnet.errors import ChatnetError
from chatnet.log import Refused
from chatnet.worker.logins import refusal


class Anybody:
    """A :class:`~chatnet.worker.drafts.Drafter` who is told every refusal."""

    def taken(self, draft: Draft, seq: int) -> None:
        pass

    def refused(self, draft: Draft, no: Refused) -> ChatnetError | None:
        return refusal(no)


ANYBODY = Anybody()
