"""Tells clients when what they say waits because the log cannot be appended to: once, and when it goes on.

Silence would look as if nobody answered. Whoever is held by their own rate is told nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatnet.net.outbox import Outboxes
    from chatnet.worker.fronts.irc.client import IrcClient

LOOK_SECONDS = 1.0
LOOKS = 2
"""After so many looks at a log that does not move, and has something to append, clients are told."""
WAITS = "What you say is kept, and waits: the log cannot be reached at the moment. Nothing of it is lost."
GOES_ON = "The log can be reached again: what waited is being said now."


class Patience:
    """The clients that wait for drafts of theirs."""

    def __init__(self, outboxes: Outboxes) -> None:
        self._outboxes = outboxes
        self._waiting: dict[IrcClient, None] = {}
        self._told: dict[IrcClient, None] = {}
        self._is_looking = False
        self._head = self._stuck = 0

    def waits(self, client: IrcClient) -> None:
        """A client has said something that is not in the log yet."""
        self._waiting[client] = None
        if not self._is_looking:
            self._is_looking = True
            self._stuck = 0
            self._outboxes.later(LOOK_SECONDS, self._look)

    def goes_on(self, client: IrcClient) -> None:
        """Nothing of a client's waits any more."""
        self._waiting.pop(client, None)
        if self._told and self._told.pop(client, 0) is None:
            client.put_line(client.notice(GOES_ON))

    def gone(self, client: IrcClient) -> None:
        """A client is gone."""
        self._waiting.pop(client, None)
        self._told.pop(client, None)

    def _look(self) -> None:
        self._is_looking = False
        if not self._waiting:
            return
        log = next(iter(self._waiting)).sessions.log
        is_stuck = log.waiting_bytes > 0 and log.window.head == self._head
        self._head, self._stuck = log.window.head, self._stuck + 1 if is_stuck else 0
        if self._stuck >= LOOKS:
            for client in self._waiting:
                if client not in self._told:
                    self._told[client] = None
                    client.put_line(client.notice(WAITS))
        self._is_looking = True
        self._outboxes.later(LOOK_SECONDS, self._look)
