"""A worker's log lines about sessions: who came, from which cursor they hear posts, who left."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from chatnet.net.line_limit import LineLimit
from chatnet.telemetry import CatchUpBegun, Event, Left, LoggedIn, Resumed, WentLive
from chatnet.text import legible

LINES = 200
"""How many lines of each kind are logged in a minute: a flood of logins then fills 30 MB in four hours."""


class SessionLines:
    """Logs one line for each event of a session, up to a limit. ``peer`` tells sessions of a user apart."""

    _logger = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._limit = LineLimit(clock, LINES)

    def told(self, event: Event) -> None:
        """Log ``event``; this method is a :data:`~chatnet.telemetry.Tell`."""
        match event:
            case LoggedIn(user, peer):
                self._say("{user} logged in from {peer}", user, peer)
            case Resumed(user, peer):
                self._say("{user} resumed from {peer}", user, peer)
            case CatchUpBegun(user, peer, cursor):
                self._say(
                    "{user} at {peer} catches up with all posts after {cursor}", user, peer, cursor=cursor
                )
            case WentLive(user, peer, cursor):
                self._say("{user} at {peer} has caught up to {cursor} and is live", user, peer, cursor=cursor)
            case Left(user, peer, why):
                self._say("{user} at {peer} left: {why}", user, peer, why=legible(why))

    def _say(self, line: str, user: str, peer: str, **fields: object) -> None:
        if self._limit.may_be_logged(line):
            self._logger.info(line, user=legible(user), peer=legible(peer), **fields)
