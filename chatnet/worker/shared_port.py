"""A port that the processes of a host share: open while it is wanted, until the process stops.

::

    Closed ── wanted ─▶ Joining ── asked who has it ─▶ Open
      ▲                    │ taken                      │
      │                    ├── a person asked for it: the process ends with the sentence
      │                    ├── a default: left out, for good
      │                    └── a supervisor started us: said once, and tried again each 5 s
      └──── emptied, or the process stops ──────────────┘
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.net.listen import limit_send_buffer
from chatnet.net.shared_port import Had, Passport, W, join_all
from chatnet.worker.port import SEND_BUFFER
from chatnet.world import World

AGAIN_SECONDS = 5.0
"""Seconds until the next attempt to open a port that another program has."""
MIGRATION = Path("/proc/sys/net/ipv4/tcp_migrate_req")


@dataclass(frozen=True)
class Closed:
    """Nobody is answered: there is to be no port now, or the next attempt to open it is due later."""

    again: IDelayedCall | None = None


@dataclass(frozen=True)
class Joining:
    """The port is being asked who has it, and opened."""

    asking: Deferred[Had]


@dataclass(frozen=True)
class Open:
    """It is open."""

    had: Had


class SharedPort(Generic[W]):
    """The ports that are ``wanted``, where ``factory`` makes connections.

    ``persists``: if another program has one of them, try again for ever; else, give up.
    """

    _logger = Logger()

    def __init__(self, wanted: W, factory: Factory, passport: Passport, persists: bool, world: World) -> None:
        self.wanted = wanted
        self.factory = factory
        self._passport = passport
        self._persists = persists
        self._world = world
        self._state: Closed | Joining | Open = Closed()
        self._is_wanted = False
        self._settled: Callable[[str, bool], None] | None = None
        self._said = ""
        self._closing: Deferred[None] = succeed(None)

    @property
    def place(self) -> str:
        """Where it is open now, as HOST:PORT,…; empty if it is nowhere."""
        return self._named if isinstance(self._state, Open) else ""

    @property
    def taken(self) -> str:
        """Where it should be, as HOST:PORT,…, while another program has that port; empty otherwise."""
        return self._named if self._is_wanted and isinstance(self._state, Closed) else ""

    @property
    def _named(self) -> str:
        return ",".join(map(str, self.wanted.ports))

    def start(self, settled: Callable[[str, bool], None]) -> None:
        """Open the port. ``settled`` is called once, when it is open or will not be: with what to tell a
        person, if there is something to say, and whether the worker can go on."""
        self._settled = settled
        if not self.wanted.ports:
            self._settle()
            return
        self.warn_of_resets()
        self.want(True)

    def want(self, wanted: bool) -> None:
        """Have it open from now on, or closed."""
        self._is_wanted = wanted and bool(self.wanted.ports)
        match self._state:
            case Closed(again) if self._is_wanted and again is None:
                self._join()
            case Closed(again) if not self._is_wanted:
                if again is not None:
                    again.cancel()
                self._state = Closed()
            case Joining(asking) if not self._is_wanted:
                asking.cancel()
            case Open(had) if not self._is_wanted:
                self._state = Closed()
                self._closing = Deferred.fromCoroutine(had.close())
                self._closing.addErrback(lambda why: self._logger.failure("The port was not closed", why))

    async def stop(self) -> None:
        """Close it; its connections are in the pulse, and closed with all others."""
        self.want(False)
        await self._closing

    # ---- opening ----

    def _join(self) -> None:
        joining = join_all(self.wanted.ports, self.factory, self._passport, self._world)
        asking = Deferred.fromCoroutine(joining)
        self._state = Joining(asking)
        asking.addCallbacks(self._opened, self._failed)

    def _opened(self, had: Had) -> None:
        for port in had.ports:
            limit_send_buffer(port, SEND_BUFFER)
        self._state = Open(had)
        self._said = ""
        self._logger.info("{sentence}", sentence=self.wanted.is_there)
        self._settle()

    def _failed(self, failure: Failure) -> None:
        self._state = Closed()
        why = failure.getErrorMessage()
        if failure.check(CancelledError) or not self._is_wanted:
            self.want(self._is_wanted)
        elif self._persists:
            self._try_again(why)
        elif self.wanted.asked_for:
            self._settle(self.wanted.cannot_be(why), goes_on=False)
        else:
            self._leave_out(why)

    def _try_again(self, why: str) -> None:
        if self._said != why:
            self._said = why
            self._logger.error("{sentence} Trying again", sentence=self.wanted.cannot_be(why))
        self._state = Closed(self._world.reactor.callLater(AGAIN_SECONDS, self._join))
        self._settle()

    def _leave_out(self, why: str) -> None:
        sentence = self.wanted.is_left_out(why)
        self._logger.warn("{sentence}", sentence=sentence)
        self._world.stdio.say(sentence)
        self.wanted = self.wanted.left_out()
        self._is_wanted = False
        self._settle(sentence)

    def _settle(self, sentence: str = "", goes_on: bool = True) -> None:
        settled, self._settled = self._settled, None
        if settled is not None:
            settled(sentence, goes_on)

    def warn_of_resets(self) -> None:
        """Say in the log, once, what to do so that a death here is not felt by those who wait."""
        try:
            migrates = self._world.files.read(MIGRATION).strip() != b"0"
        except OSError:
            return  # not this system's
        if not migrates:
            self._logger.info(
                "When a worker of this host ends, the kernel resets the connections that wait for it; it "
                "hands them to the others after: sysctl -w net.ipv4.tcp_migrate_req=1"
            )
