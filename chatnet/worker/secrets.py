"""Checks secrets. Passwords are hashed in turns, and guessing is slowed down."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from chatnet.common_passwords import is_common
from chatnet.credentials import imprinted, is_password, matches, may_match, password_credential
from chatnet.errors import BadSecret
from chatnet.imprints import Imprint
from chatnet.limits import Cost
from chatnet.reads import Account
from chatnet.worker.failures import Failures
from chatnet.worker.hashing import Claimant, Hashing
from chatnet.worker.imprints import SharedImprints

_GUESS = b"a code and not a password"
"""What is hashed for a wrong code."""


class Secrets:
    """Checks secrets, and makes credentials from passwords, each at this ``cost``. ``key`` is that of
    imprints: the cluster's processes have it in common, and nobody else."""

    def __init__(
        self, hashing: Hashing, cost: Cost, clock: IReactorTime, monotonic: Callable[[], float], key: bytes
    ) -> None:
        self._hashing = hashing
        self._cost = cost
        self._clock = clock
        self._monotonic = monotonic
        self._failures = Failures()
        self._key = key
        self.imprints = SharedImprints(clock)

    async def _check(self, claimant: Claimant, account: Account, secret: bytes, is_login: bool) -> bool:
        credential = account.credential
        if not is_password(credential):
            return matches(credential, secret)
        if not may_match(credential, secret):
            return False
        # Clients without tickets log in by their password each time, all of them at once when a process was
        # replaced: 2,000 hashes of 100 ms would take them minutes.
        imprint = Imprint(claimant.user, account.secret_seq, imprinted(credential, secret, self._key))
        if self._is_known(imprint):
            return True
        await self.pause(claimant)
        who = claimant.user, claimant.network
        is_right = await self._hashing.run(claimant, is_login, matches, credential, secret)
        if is_right:
            self.imprints.found(imprint)
            self._failures.succeeded(*who)
        else:
            self._failures.failed(self._monotonic(), *who)
        return is_right

    def _is_known(self, imprint: Imprint) -> bool:
        known = self.imprints.of(imprint.user)
        if known is None or known.secret_seq != imprint.secret_seq:
            return False
        return hmac.compare_digest(known.value, imprint.value)

    async def proves(self, claimant: Claimant, account: Account, secret: bytes, is_login: bool) -> bool:
        """Return whether this is the present secret of the account, or that of the device asked about.

        Nobody can guess 32 random bytes, so there is no pause for those. What cannot be a password is not
        hashed, nor is what is known to be right.

        :raises TryLater: too many passwords are being checked, or too many were wrong.
        """
        device = account.device
        if device is not None and device.credential and matches(device.credential, secret):
            return True
        if not account.credential:
            return False
        return await self._check(claimant, account, secret, is_login)

    def is_typed(self, account: Account, secret: bytes) -> bool:
        """Return whether what :meth:`proves` found right is a password, which a person knows."""
        device = account.device
        is_devices = device is not None and bool(device.credential) and matches(device.credential, secret)
        return is_password(account.credential) and not is_devices

    def was_set(self, user: str, seq: int, credential: str, password: bytes) -> None:
        """The log has taken, as the entry ``seq``, the credential that was made of this password."""
        self.imprints.found(Imprint(user, seq, imprinted(credential, password, self._key)))

    async def pause(self, claimant: Claimant) -> None:
        """Wait as long as who has shown wrong secrets or codes for the name has to.

        :raises TryLater: that would be too long.
        """
        if wait := self._failures.wait(self._monotonic(), claimant.user, claimant.network):
            await deferLater(self._clock, wait)

    async def guessed(self, claimant: Claimant) -> None:
        """Let a wrong code, for which there was a :meth:`pause`, cost what a wrong password costs: a hash in
        its turn, and longer pauses."""
        who = claimant.user, claimant.network
        await self._hashing.run(claimant, True, password_credential, _GUESS, _GUESS, self._cost)
        self._failures.failed(self._monotonic(), *who)

    async def failed(self, claimant: Claimant) -> None:
        """Count something wrong that nobody could guess, and so needs no hash: it waits as wrong passwords
        do, and makes the pauses longer.

        :raises TryLater: as :meth:`pause`.
        """
        await self.pause(claimant)
        self._failures.failed(self._monotonic(), claimant.user, claimant.network)

    async def credential(self, claimant: Claimant, password: bytes, key: bytes, is_new: bool) -> str:
        """Return what the log keeps of the normalized password that the claimant sets.

        Unless it ``is_new``, it may be in the log already, whatever is thought of it now.

        :raises BadSecret: anybody would guess it. :raises TryLater: too many passwords are being set.
        """
        user = claimant.user
        return await self._hashing.run(claimant, False, _credential, user, password, is_new, key, self._cost)


def _credential(user: str, password: bytes, is_new: bool, key: bytes, cost: Cost) -> str:
    if is_new and (is_common(password) or password.decode().casefold() == user):
        raise BadSecret.of(why="Many people choose this password, so it is guessed first: choose another.")
    return password_credential(password, key, cost)
