"""The port of a replica that shares its store with other hosts: whoever asks there is sent to the primary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IReactorTime

from chatnet.auth import Token
from chatnet.errors import CannotStart, NoWorkers
from chatnet.master.port import MasterPort
from chatnet.net.gate import Gate, check_version
from chatnet.net.link import Locator
from chatnet.net.timer import Timer
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

    def __init__(
        self, listen: Callable[[], MasterPort], door: Callable[[], Locator], clock: IReactorTime
    ) -> None:
        self._listen = listen
        self._door = door
        self._trying = Timer(clock, TRY_SECONDS, self._try, "Cannot try to listen")
        self.port: MasterPort | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._trying.start(now=True)

    def give(self) -> MasterPort:
        """The port, to one who leads from here on; it must be had."""
        self._end()
        port, self.port = self.port, None
        if port is None:
            raise ValueError("The port is not ours to give")
        return port

    async def stop(self) -> None:
        """Stop listening."""
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
        self._trying.stop()
