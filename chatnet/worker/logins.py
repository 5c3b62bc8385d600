"""Finds out who a client is: checks names and secrets, and registers new names."""

from __future__ import annotations

from collections.abc import Callable

from chatnet.credentials import random_credential
from chatnet.entries import KEY_BYTES, Draft
from chatnet.errors import REFUSALS, Forgotten, NameTaken, NoSuchUser, Refusal, WrongSecret
from chatnet.lanes import Lane
from chatnet.log import Log, Refused
from chatnet.reads import Account, AccountOf
from chatnet.worker.hashing import Claimant
from chatnet.worker.new_names import NewNames
from chatnet.worker.secrets import Secrets


class Logins:
    """Checks names and secrets, and registers names that are free."""

    def __init__(
        self,
        log: Log,
        lane: Lane,
        secrets: Secrets,
        new_names: NewNames,
        entropy: Callable[[int], bytes],
        monotonic: Callable[[], float],
    ) -> None:
        self._log = log
        self._lane = lane
        self._secrets = secrets
        self._new_names = new_names
        self._entropy = entropy
        self._monotonic = monotonic

    async def login(self, claimant: Claimant, secret: bytes, new: bool) -> int:
        """Check the secret of the user that the client claims to be; return the seq of the entry that set it.

        A free name is registered if ``new``.

        :raises BadSecret: no name can be registered with it.
        :raises NoSuchUser: the name is free, and ``new`` is false.
        :raises WrongSecret: the name is taken. :raises TryLater: too many attempts.
        :raises Forgotten: the name was that of a user who is forgotten.
        """
        user = claimant.user
        account = await self._lane.run(claimant, self._log.read, AccountOf(user))
        if account is None:
            if not new:
                raise NoSuchUser.of(name=user)
            account = await self._register(claimant, secret)
        if not await self._secrets.check(claimant, account.credential, secret, is_login=True):
            raise WrongSecret.of(name=user)
        return account.secret_seq

    async def _register(self, claimant: Claimant, secret: bytes) -> Account:
        user = claimant.user
        credential, key = random_credential(secret), self._entropy(KEY_BYTES)
        self._new_names.take(self._monotonic(), claimant.network, key)
        [outcome] = await self._log.append((Draft("register", user, user, credential, key),))
        if not isinstance(outcome, Refused):
            return Account(credential, outcome, outcome)
        self._new_names.refused(key)
        taken = outcome.code == NameTaken.code
        account = await self._lane.run(claimant, self._log.read, AccountOf(user)) if taken else None
        if account is None:
            raise Forgotten.of(name=user) if taken else refusal(outcome)
        return account  # somebody was faster, perhaps an earlier attempt of this client


def refusal(refused: Refused) -> Refusal:
    """Return the error with which the log refused a draft."""
    return REFUSALS.get(refused.code, Refusal)(refused.sentence)
