"""A connection of an IRC user before its welcome."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed

from chatnet.client.race import Unreachable
from chatnet.errors import (
    Barred,
    ChatnetError,
    CodeNeeded,
    Disabled,
    Forgotten,
    NameKept,
    SignupClosed,
    WrongSecret,
)
from simulator.users.irc_lines import IrcLine, Line

REFUSALS: tuple[type[ChatnetError], ...] = (Barred, Disabled, Forgotten, CodeNeeded, SignupClosed, NameKept)
"""Why somebody is not let in that another attempt would not change, beside a wrong password."""
WRONG = "That name is somebody's, and this is not their password."


class NickTaken(Unreachable):
    """Another nick may be free."""


REFUSED = ("464", "465", "904")
"""By these nobody is let in."""


class Arriving:
    """Waits for what the front says to who logs in as ``name``; calls ``welcome`` once they are in."""

    def __init__(self, name: str, line: IrcLine, welcome: Callable[[IrcLine], object]) -> None:
        self.line = line
        self._name = name
        self._welcome = welcome
        self._waits: Deferred[None] | None = None
        self._came: list[str] = []
        self._why = ""
        line.when_lost().addCallback(lambda _: self._comes("lost"))

    async def until(self, command: str) -> None:
        """Wait until the front says ``command``.

        :raises ChatnetError: nobody is let in so. :raises NickTaken: nor by that nick.
        """
        while True:
            while self._came:
                came = self._came.pop(0)
                if came == command:
                    return
                if came == "lost":
                    raise ConnectionClosed("it was lost before the welcome")
                if came == "433":
                    raise NickTaken("the nick is somebody's")
                if came in REFUSED:
                    raise self._refused()
            self._waits = Deferred()
            await self._waits

    def hears(self, line: Line) -> None:
        """Take what came."""
        if line.command == "001":
            self._welcome(self.line)
        elif line.command in REFUSED:
            self._why = line.params[-1]
        self._comes(line.command)

    def _comes(self, command: str) -> None:
        self._came.append(command)
        waits, self._waits = self._waits, None
        if waits is not None:
            waits.callback(None)

    def _refused(self) -> ChatnetError | Unreachable:
        if self._why == WRONG:
            return WrongSecret(self._why)
        for kind in REFUSALS:
            if self._why == str(kind.of(name=self._name)):
                return kind(self._why)
        return Unreachable(self._why)  # it cannot be said now
