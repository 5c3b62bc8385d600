"""Bugs of the client: what it sends again, and how far it believes it has read."""

from __future__ import annotations

from typing import Any

from simulation.mutants.planting import Put
from twisted.internet.defer import Deferred

from chatnet.client.pending import Ask, PendingRequests
from chatnet.client.requests import Requests
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.net.link import Link


def resend_after_new_drafts(put: Put) -> None:
    """After a reconnect, what was typed meanwhile goes out before what was sent and not answered."""
    sent: dict[PendingRequests, set[int]] = {}

    def send(self: PendingRequests, ask: Ask, link: Link) -> None:
        sent.setdefault(self, set()).add(ask.number)
        real(self, ask, link)

    def attached(self: PendingRequests, link: Link) -> None:
        self._link = link
        before = sent.get(self, set())
        for ask in sorted(self._open.values(), key=lambda ask: ask.number in before):
            self._send(ask, link)

    real = put(PendingRequests, "_send", send)
    put(PendingRequests, "attached", attached)


def unanswered_is_forgotten(put: Put) -> None:
    """What was sent on a lost connection is not sent again on the next."""

    def attached(self: PendingRequests, link: Link) -> None:
        self._link = link

    put(PendingRequests, "attached", attached)


def cursor_by_acknowledgement(put: Put) -> None:
    """An acknowledged post moves the cursor past undelivered posts of others."""

    def post(self: Requests, text: str, room: str | None = None) -> Deferred[dict[str, Any]]:
        def acknowledged(answer: dict[str, Any]) -> dict[str, Any]:
            mine = Entry(answer["seq"], 0, "post", self.name, self.name, text, key)
            self._feed.nothing_up_to(Cursor.at(self._feed.log_id, mine))
            return answer

        posted: Deferred[dict[str, Any]] = real(self, text, room)
        key = next(reversed(self._feed._own))
        return posted.addCallback(acknowledged)

    real = put(Requests, "post", post)
