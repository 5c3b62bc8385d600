"""Password hashes, in threads. Users take turns, so that nobody who wants many keeps others waiting."""

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
"""A hash takes 100 ms of a processor, and 64 MiB."""
MOST_WAITING, MOST_OF_ONE = 64, 8
"""How many may wait for a thread, of those who log in and of those who set a secret; and from one address."""

T = TypeVar("T")
_Turn = tuple[str, Deferred[None]]
"""Whom a hash is for, and who is called with it."""


class Claimant(Visitor):
    """Who says that they are ``user``, from an address.

    ``network`` is what counts of that: see :func:`chatnet.addresses.network`. It is empty on this machine
    itself, whose addresses are all of one. Networks take turns; where there is none, names do.
    """

    __slots__ = ("network", "user")

    def __init__(self, user: str, address: str) -> None:
        self.user = user
        self.network = "" if is_loopback(address) else network(address)
        super().__init__(self.network or user)


class Hashing:
    """At most one hash at a time for each user and from each address; those who log in go first.

    ``give_way`` is called in each thread: one hash keeps four processors busy, and a few of them would keep
    the primary from saying that it lives.
    """

    def __init__(self, reactor: Any, pool: ThreadPool, give_way: Callable[[], None] = lambda: None) -> None:
        self._reactor = reactor
        self._pool = pool
        self._give_way = give_way
        self._logins: Rota[_Turn] = Rota()
        self._secrets: Rota[_Turn] = Rota()
        self._busy: list[tuple[str, Hashable]] = []

    async def run(self, claimant: Claimant, is_login: bool, f: Callable[..., T], *args: Any) -> T:
        """``f(*args)`` in a thread; never, if the claimant leaves before it is begun.

        :raises TryLater: too many are waiting.
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
