"""Hashes passwords in threads. Users take turns, so that one who wants many hashes does not delay others."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from chatnet.addresses import is_loopback, network
from chatnet.errors import TryLater
from chatnet.lanes import Rota, Visitor

HASHING_THREADS = 2
"""A hash takes 100 ms of a processor, and 64 MiB of memory."""
MOST_WAITING, MOST_OF_ONE = 64, 8
"""How many may wait for a thread, in each of two lines (logins, new secrets); and from one address."""

T = TypeVar("T")
_Turn = tuple[str, Deferred[None]]
"""The user a hash is for, and the Deferred that fires when its turn comes."""


class Claimant(Visitor):
    """Somebody who claims to be ``user``, from an address.

    ``network`` is the part of the address that counts: see :func:`chatnet.addresses.network`. It is empty on
    this machine itself, where all share one address. Networks take turns; where there is none, names do.
    """

    __slots__ = ("network", "user")

    def __init__(self, user: str, address: str) -> None:
        self.user = user
        self.network = "" if is_loopback(address) else network(address)
        super().__init__(self.network or user)


class Hashing:
    """Runs at most one hash at a time for each user and from each address; logins go first.

    ``give_way`` is called in each thread and lowers its priority: one hash keeps four processors busy, and a
    few of them could stop the primary from sending its signs of life.
    """

    def __init__(self, reactor: Any, pool: ThreadPool, give_way: Callable[[], None] = lambda: None) -> None:
        self._reactor = reactor
        self._pool = pool
        self._give_way = give_way
        self._logins: Rota[_Turn] = Rota()
        self._secrets: Rota[_Turn] = Rota()
        self._busy: list[tuple[str, Hashable]] = []

    async def run(self, claimant: Claimant, is_login: bool, f: Callable[..., T], *args: Any) -> T:
        """Return ``f(*args)``, computed in a thread; never, if the claimant leaves before it begins.

        :raises TryLater: too many wait already.
        """
        if claimant.has_left:
            await Deferred()
        line = self._logins if is_login else self._secrets
        if len(line) >= MOST_WAITING or line.of(claimant.whose) >= MOST_OF_ONE:
            raise TryLater.of(seconds=1)
        await self._turn(claimant, line)
        try:
            return await deferToThreadPool(self._reactor, self._pool, self._hash, f, *args)
        finally:
            self._busy.remove((claimant.user, claimant.whose))
            self._go_on()

    def _hash(self, f: Callable[..., T], *args: Any) -> T:
        self._give_way()
        return f(*args)

    async def _turn(self, claimant: Claimant, line: Rota[_Turn]) -> None:
        called: Deferred[None] = Deferred()
        claimant.wait(line, (claimant.user, called))
        self._go_on()
        await called
        claimant.called()

    def _go_on(self) -> None:
        while len(self._busy) < HASHING_THREADS:
            found = self._logins.take_if(self._is_free) or self._secrets.take_if(self._is_free)
            if found is None:
                break
            whose, (user, called) = found
            self._busy.append((user, whose))
            called.callback(None)

    def _is_free(self, whose: Hashable, turn: _Turn) -> bool:
        return all(turn[0] != user and whose != others for user, others in self._busy)
