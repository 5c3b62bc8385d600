"""Warns the operator of a cluster in which anybody may register, and that can be reached from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import is_loopback
from chatnet.entries import Entry
from chatnet.master.store import Log
from chatnet.policies import POLICIES, parted
from chatnet.reads import PoliciesIn

NAME = "signup"
IS_OPEN = (
    "Anybody who reaches this server may register a name, and it listens at {host}: “chatnet signup code” "
    "asks for a code, “chatnet signup closed” lets nobody new in."
)


class Signup:
    """The cluster's policy of this name: read once, and followed from then on. Empty: not known yet."""

    _logger = Logger()

    def __init__(self, log: Log) -> None:
        self._log = log
        self._reading: Deferred[None] | None = None
        self.value = ""

    def start(self) -> None:
        """Learn it. While a database is away, it is not known."""
        self._log.window.watch(self._follow)
        self._reading = Deferred.fromCoroutine(self._read()).addErrback(self._not_read)

    def stop(self) -> None:
        """Follow it no more."""
        self._log.window.unwatch(self._follow)
        if self._reading is not None:
            self._reading.cancel()

    def warning(self, host: str) -> str:
        """Return a sentence, if anybody may register and the server listens at ``host``, which is not this
        machine alone; otherwise nothing."""
        if self.value != POLICIES[NAME].default or is_loopback(host):
            return ""
        return IS_OPEN.format(host=host)

    def _not_read(self, why: Failure) -> None:
        if not why.check(CancelledError):
            self._logger.failure("The policy {name} cannot be read", why, name=NAME)

    async def _read(self) -> None:
        values: list[tuple[str, str]] = await self._log.read(PoliciesIn(""))
        found = dict(values)
        self.value = self.value or found.get(NAME, POLICIES[NAME].default)

    def _follow(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.kind == "policy" and not entry.room and parted(entry.text)[0] == NAME:
                self.value = parted(entry.text)[1]
