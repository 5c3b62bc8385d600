"""Who a client is: names, secrets and tickets; and failed attempts, slowed down."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from chatnet.addresses import is_loopback, network
from chatnet.credentials import is_password, matches, may_match, random_credential
from chatnet.entries import KEY_BYTES, Draft
from chatnet.errors import REFUSALS, NameTaken, NoSuchUser, Refusal, TryLater, WrongSecret
from chatnet.lanes import Lane, Visitor
from chatnet.store import Account, Log, Refused
from chatnet.worker.new_names import NewNames

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""After one failure, and at most, this many seconds pass between two attempts on a name or of an address."""
FORGET_SECONDS = 300.0
"""Without a new one, failures are forgotten after this."""
MOST_REMEMBERED = 10_000
"""Of how many names and addresses failures are kept; the oldest give way."""
HASHING_THREADS = 2
MOST_HASHES = HASHING_THREADS + 16
"""How many password hashes may be under way or wait for a thread: each takes 100 ms and 64 MiB."""

T = TypeVar("T")


class _Failed:
    """The failures of one name or address: how many, when the last, when the next attempt may be."""

    __slots__ = ("count", "free", "last")

    def __init__(self, now: float) -> None:
        self.count = 0
        self.last = now
        self.free = now

    def pause(self) -> float:
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.count - 1, 10))


class Failures:
    """Failed logins of names and addresses, and how long the next attempt must wait. Pure; time in seconds.

    Attempts that come at once are spread: each keeps the pause from the one before it.
    """

    def __init__(self) -> None:
        self._failed: dict[tuple[str, str], _Failed] = {}

    def wait(self, now: float, name: str, address: str) -> float:
        """How long this attempt must wait, in seconds; its place in time is then taken.

        :raises TryLater: longer than :data:`LONGEST_PAUSE`.
        """
        records = [found for key in _keys(name, address) if (found := self._recent(now, key))]
        start = max([now, *(record.free for record in records)])
        if start - now > LONGEST_PAUSE:
            raise TryLater.of(seconds=math.ceil(start - now))
        for record in records:
            record.free = start + record.pause()
        return start - now

    def failed(self, now: float, name: str, address: str) -> None:
        """An attempt failed."""
        for key in _keys(name, address):
            record = self._recent(now, key) or _Failed(now)
            record.count += 1
            record.last = now
            record.free = max(record.free, now + record.pause())
            self._failed.pop(key, None)
            self._failed[key] = record
        while len(self._failed) > MOST_REMEMBERED:
            del self._failed[next(iter(self._failed))]

    def succeeded(self, name: str) -> None:
        """The name's owner is here: its failures were theirs, or came to nothing."""
        self._failed.pop(("name", name), None)

    def __len__(self) -> int:
        return len(self._failed)

    def _recent(self, now: float, key: tuple[str, str]) -> _Failed | None:
        record = self._failed.get(key)
        if record is not None and now - record.last > FORGET_SECONDS:
            del self._failed[key]
            return None
        return record


def _keys(name: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("name", name), ("address", address)


class Hashing:
    """Password hashes, in a bounded pool of threads."""

    def __init__(self, reactor: Any, pool: ThreadPool) -> None:
        self._reactor = reactor
        self._pool = pool
        self._under_way = 0

    def run(self, f: Callable[..., T], *args: Any) -> Deferred[T]:
        """``f(*args)`` in a thread.

        :raises TryLater: too many are waiting.
        """
        if self._under_way >= MOST_HASHES:
            raise TryLater.of(seconds=1)
        self._under_way += 1
        hashed: Deferred[T] = deferToThreadPool(self._reactor, self._pool, f, *args)
        return hashed.addBoth(self._done)

    async def matches(self, credential: str, secret: bytes) -> bool:
        """Is ``secret`` the one behind ``credential``?

        :raises TryLater: too many are waiting.
        """
        if is_password(credential) and may_match(credential, secret):
            return await self.run(matches, credential, secret)
        return matches(credential, secret)

    def _done(self, result: Any) -> Any:
        self._under_way -= 1
        return result


class Logins:
    """Checks names and secrets, and registers names that are free."""

    def __init__(
        self,
        log: Log,
        lane: Lane,
        hashing: Hashing,
        new_names: NewNames,
        entropy: Callable[[int], bytes],
        clock: IReactorTime,
        monotonic: Callable[[], float],
    ) -> None:
        self._log = log
        self._lane = lane
        self._hashing = hashing
        self._new_names = new_names
        self._entropy = entropy
        self._clock = clock
        self._monotonic = monotonic
        self._failures = Failures()

    async def login(self, user: str, secret: bytes, new: bool, address: str, visitor: Visitor) -> int:
        """The seq of the entry that set the secret of ``user``, which is this one.

        A name that is free is registered if it is to be ``new``.

        :raises BadSecret: it cannot be registered.
        :raises NoSuchUser: it is free, and not to be registered.
        :raises WrongSecret: it is taken. :raises TryLater: too many attempts.
        """
        wait = self._failures.wait(self._monotonic(), user, address)
        if wait:
            await deferLater(self._clock, wait)
        account = await self._lane.run(visitor, self._log.account, user)
        if account is None:
            if not new:
                raise NoSuchUser.of(name=user)
            account = await self._register(user, secret, address, visitor)
        if not await self._hashing.matches(account.credential, secret):
            self._failures.failed(self._monotonic(), user, address)
            raise WrongSecret.of(name=user)
        self._failures.succeeded(user)
        return account.secret_seq

    async def _register(self, user: str, secret: bytes, address: str, visitor: Visitor) -> Account:
        credential, key = random_credential(secret), self._entropy(KEY_BYTES)
        self._new_names.take(self._monotonic(), "" if is_loopback(address) else network(address), key)
        [outcome] = await self._log.append((Draft("register", user, user, credential, key),))
        if not isinstance(outcome, Refused):
            return Account(credential, outcome, outcome)
        self._new_names.refused(key)
        taken = outcome.code == NameTaken.code
        account = await self._lane.run(visitor, self._log.account, user) if taken else None
        if account is None:
            raise refusal(outcome)
        return account  # somebody was faster, perhaps this client itself


def refusal(refused: Refused) -> Refusal:
    """The log's no, as the error that it is."""
    return REFUSALS.get(refused.code, Refusal)(refused.sentence)
