"""The port of a replica that shares its store with other hosts: whoever asks there is sent to the primary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from chatnet.auth import Token
from chatnet.errors import CannotStart, NoWorkers
from chatnet.master.port import MasterPort
from chatnet.net.gate import Gate, check_version
from chatnet.net.link import Locator
from chatnet.wire.locate import Locate
from chatnet.wire.table import Speaker

TRY_SECONDS = 0.25
"""How often a port is tried that another master of this host has: when that is gone, it is needed at once."""


class StandbyDoor(Gate):
    """A stranger, at a replica. ``primary()`` is the primary's address, or empty."""

    speaker = Speaker.STRANGER

    def __init__(
        self,
        primary: Callable[[], str],
        token: Token,
        entropy: Callable[[int], bytes],
        clock: IReactorTime,
    ) -> None:
        super().__init__(token, lambda role: primary(), entropy, clock)
        self._where = primary

    @Locate.responder
    def locate(self, version: int) -> dict[str, Any]:
        check_version(version)
        if not self._where():
            raise NoWorkers(NoWorkers.sentence)
        return {"worker": None, "primary": self._where(), "log": "", "epoch": 0}


class RedirectingPort:
    """Listens as soon as the port is free, and answers by ``door``. Of several masters on a host one can:
    that one goes for the lease.
    """

    _logger = Logger()

    def __init__(
        self, listen: Callable[[], MasterPort], door: Callable[[], Locator], clock: IReactorTime
    ) -> None:
        self._listen = listen
        self._door = door
        self._trying = LoopingCall(self._try)
        self._trying.clock = clock
        self.port: MasterPort | None = None

    def start(self) -> None:
        """Begin to listen."""
        # A loop fails only on a bug of ours: then it is better heard than dead silently.
        self._trying.start(TRY_SECONDS).addErrback(
            lambda why: self._logger.failure("This replica does not try to listen any more", why)
        )

    def give(self) -> MasterPort:
        """The port, to one who leads from here on; it must be had."""
        self._end()
        port, self.port = self.port, None
        if port is None:
            raise ValueError("The port is not ours to give")
        return port

    async def stop(self) -> None:
        """Listen no more."""
        self._end()
        port, self.port = self.port, None
        if port is not None:
            await maybeDeferred(port.listening.stopListening)
            await port.links.close()

    def _try(self) -> None:
        try:
            self.port = self._listen()
        except CannotStart:
            return  # another master of this host has it
        self.port.links.open(self._door)
        self._trying.stop()

    def _end(self) -> None:
        if self._trying.running:
            self._trying.stop()
