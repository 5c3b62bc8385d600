"""The link to the primary: find it, prove the token, register, report; again whenever it is lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.entries import Entry
from chatnet.errors import ChatnetError, StaleEpoch, WrongToken, WrongVersion
from chatnet.link import Link, Locator, Pulse, prove
from chatnet.outbox import Outboxes
from chatnet.store.remote import RemoteLog
from chatnet.wire.cluster import Load, Register, Report, Shutdown, WorkerIdentity
from chatnet.wire.log import Committed

CONNECT_SECONDS = 1.0
SHORTEST_DELAY, LONGEST_DELAY = 0.05, 1.0
"""Between two attempts to reach a master pass so many seconds, at random, and longer from one to the next."""
REFUSED_DELAY = 10.0
"""A master that knows another token, or another protocol, is asked again after so many seconds."""
REPORT_SECONDS = 1.0
ORPHAN_SECONDS = 60.0
"""A worker whose supervisor is dead exits when it has reached no primary for so long."""


class FromPrimary(Locator):
    """What the primary says to a worker. ``stop`` ends this process."""

    def __init__(self, log: RemoteLog, stop: Callable[[], None]) -> None:
        self._remote = log
        self._stop = stop

    @Committed.responder
    def committed(self, epoch: int, entries: list[Entry]) -> dict[str, Any]:
        self._remote.committed(epoch, entries)
        return {}

    @Shutdown.responder
    def shutdown(self, epoch: int) -> dict[str, Any]:
        if epoch < self._remote.epoch:
            raise StaleEpoch.of(theirs=epoch, ours=self._remote.epoch)
        self._stop()
        return {}


class Uplink(Service):
    """Keeps the worker linked to the primary, which is at one of ``masters``.

    ``identity`` and ``load`` say who the worker is, and what it carries now. ``abandoned`` is called when
    nobody was reached for a minute.
    """

    _logger = Logger()

    def __init__(
        self,
        masters: Sequence[Address],
        token: Token,
        log: RemoteLog,
        identity: Callable[[], WorkerIdentity],
        load: Callable[[], Load],
        stop: Callable[[], None],
        outboxes: Outboxes,
        pulse: Pulse,
        reactor: Any,
        chance: random.Random,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._masters = masters
        self._token = token
        self._remote = log
        self._identity = identity
        self._load = load
        self._stop = stop
        self._outboxes = outboxes
        self._pulse = pulse
        self._reactor = reactor
        self._chance = chance
        self._entropy = entropy
