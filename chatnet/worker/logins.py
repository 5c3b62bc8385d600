"""Finds out who a client is: checks names, secrets and codes, and registers new names."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from chatnet.codes import PAIR_MS
from chatnet.credentials import (
    SECRET_BYTES,
    is_of_certificate,
    is_of_password,
    normalized,
    random_credential,
)
from chatnet.entries import KEY_BYTES, Draft, More
from chatnet.errors import (
    REFUSALS,
    BadCode,
    Forgotten,
    NameKept,
    NameTaken,
    NoSuchUser,
    Refusal,
    SecretChanged,
    SessionThere,
    SignupClosed,
    WrongSecret,
)
from chatnet.kinds import KindName
from chatnet.lanes import Lane
from chatnet.log import Log, Outcome, Refused
from chatnet.reads import Account, AccountOf, CodeOf, CodePurpose
from chatnet.worker.admission import Admission
from chatnet.worker.hashing import Claimant
from chatnet.worker.new_names import NewNames
from chatnet.worker.secrets import Secrets
from chatnet.worker.tries import Tries

_BY_CODE: dict[CodePurpose, KindName] = {"device": "session", "reset": "secret", "recovery": "secret"}
"""What somebody who has the name appends by a code, by what that is for."""
_SOMEBODY_WAS_FASTER = (NameTaken.code, BadCode.code)
"""What a login is refused by if another came between: then the account is looked up again."""


class Shown(NamedTuple):
    """What a client shows to log in.

    A free name is registered if ``new``: with a secret of random bytes, or with a password if it is
    ``chosen``. ``more`` says on which device that is; and what is kept of a code, if one is shown.
    ``is_typed``: what is shown with a code is a password, whatever its length. ``is_kept``: a client keeps
    the secret beside its ticket, if that is none that a person knows. ``fingerprint``: that of the
    certificate that it has shown, and whose key it has; then nothing else counts.
    """

    secret: bytes
    new: bool
    more: More = More()
    is_typed: bool = False
    chosen: bool = False
    is_kept: bool = True
    fingerprint: bytes = b""


def by_certificate(fingerprint: bytes) -> Shown:
    """Return what somebody shows who has the key of a certificate; that is a device of its own."""
    return Shown(b"", False, More(device=device_of(fingerprint)), fingerprint=fingerprint)


def device_of(fingerprint: bytes) -> str:
    """Return the device that a certificate is."""
    return blake2b(b"certificate " + fingerprint, digest_size=16).hexdigest()


class Begun(NamedTuple):
    """A session was begun by the entry at ``seq``, or goes on. ``ages``: its client keeps no secret, so its
    ticket ends of itself."""

    seq: int
    ages: bool


class Logins:
    """Checks names, secrets and codes, registers names that are free, and begins sessions on new devices."""

    def __init__(
        self,
        log: Log,
        lane: Lane,
        secrets: Secrets,
        new_names: NewNames,
        entropy: Callable[[int], bytes],
        monotonic: Callable[[], float],
    ) -> None:
        self.admission = Admission()
        self._log = log
        self._lane = lane
        self._secrets = secrets
        self._new_names = new_names
        self._entropy = entropy
        self._monotonic = monotonic
        self._tries = Tries(PAIR_MS / 1000)

    async def login(self, claimant: Claimant, shown: Shown) -> Begun:
        """Check what is shown for the user that the client claims to be; return the session.

        Only the first login on a device adds an entry.

        :raises BadSecret: no name can be registered with it.
        :raises NoSuchUser: the name is free, and is not to be registered.
        :raises WrongSecret: the name is taken. :raises BadCode: so is the code.
        :raises Forgotten: the name was that of a user who is forgotten.
        :raises Refusal: the log takes no new name, or no new session. :raises TryLater: too many attempts.
        """
        closed = self.admission.refusal
        account = await self._account(claimant, shown)
        if shown.fingerprint:
            return await self._by_certificate(claimant, account, shown.fingerprint)
        outcome = await self._enter(claimant, shown, account, closed)
        if isinstance(outcome, Refused) and outcome.code in _SOMEBODY_WAS_FASTER:
            # Perhaps an earlier attempt of this client, which has used the code.
            there = await self._account(claimant, shown)
            if there != account:
                outcome = await self._enter(claimant, shown, there, None)
        if not isinstance(outcome, Refused):
            return outcome
        raise await self._bad_code(claimant) if outcome.code == BadCode.code else refusal(outcome)

    async def _enter(
        self, claimant: Claimant, shown: Shown, account: Account | None, closed: type[Refusal] | None
    ) -> Begun | Refused:
        """Let the claimant in, whose account is this one. ``closed`` is what new names were told before that
        was looked up: what is known only since may be about a time when the name was not new any more."""
        user = claimant.user
        if account is None:
            if not shown.new:
                raise NoSuchUser.of(name=user)
            outcome = await self._register(claimant, shown, closed)
            return outcome if isinstance(outcome, Refused) else Begun(outcome, shown.chosen)
        if account.is_forgotten:
            raise Forgotten.of(name=user)
        if await self._secrets.proves(claimant, account, shown.secret, is_login=True):
            ages = not shown.is_kept or self._secrets.is_typed(account, shown.secret)
            return Begun(await self._session(claimant, account, shown), ages)
        if shown.more.code:
            return await self._by_code(claimant, shown)
        raise WrongSecret.of(name=user)

    async def _account(self, claimant: Claimant, shown: Shown) -> Account | None:
        asked = AccountOf(claimant.user, shown.more.device)
        return await self._lane.run(claimant, self._log.read, asked)

    async def _register(self, claimant: Claimant, shown: Shown, closed: type[Refusal] | None) -> Outcome:
        key = self._entropy(KEY_BYTES)
        made = normalized(shown.secret) if shown.chosen else random_credential(shown.secret)
        if shown.more.code:
            await self._secrets.pause(claimant)
            if await self._purpose(claimant, shown) not in ("invitation", "reset"):
                return Refused.of(BadCode.of())
            credential = await self._credential(claimant, made, key)
            outcome = await self._append("register", claimant, credential, key, shown.more)
        else:
            if closed is not None and closed is self.admission.refusal:
                raise closed.of()
            credential = await self._credential(claimant, made, key)
            # Behind the hash, which never ends if the claimant leaves: nothing would give the place back.
            self._new_names.take(self._monotonic(), claimant.network, key)
            with self.admission.asking() as answer:
                outcome = await self._append("register", claimant, credential, key, shown.more)
                answer.is_(outcome)
        if isinstance(outcome, Refused):
            self._new_names.refused(key)
            if outcome.code == NameKept.code or (shown.more.code and outcome.code == SignupClosed.code):
                if not shown.more.code:
                    await self._secrets.pause(claimant)
                await self._secrets.guessed(claimant)  # what the log refuses again and again has its price
        elif shown.chosen:
            self._secrets.was_set(claimant.user, outcome, credential, shown.secret)
        return outcome

    async def _credential(self, claimant: Claimant, made: str | bytes, key: bytes) -> str:
        """Return what is kept of a secret; of a normalized password, it takes a hash."""
        return made if isinstance(made, str) else await self._secrets.credential(claimant, made, key, True)

    async def _session(self, claimant: Claimant, account: Account, shown: Shown) -> int:
        """Return the seq of the session on this device; begin one if there is none."""
        if account.device is not None:
            return account.device.seq
        more, key = shown.more, self._entropy(KEY_BYTES)
        more = More(device=more.device, label=more.label, scope=more.scope)
        # If there is a newer secret by now, the log takes no session that the old one began.
        outcome = await self._append("session", claimant, "", key, more, account.secret_seq)
        if not isinstance(outcome, Refused):
            return outcome
        if outcome.code == SessionThere.code:
            there = await self._account(claimant, shown)
            if there is not None and there.device is not None:
                return there.device.seq
        if outcome.code in (SecretChanged.code, SessionThere.code):
            raise WrongSecret.of(name=claimant.user)
        raise refusal(outcome)

    async def _by_certificate(self, claimant: Claimant, account: Account | None, fingerprint: bytes) -> Begun:
        """Let in who shows a certificate of theirs. Nobody is told whether there is a user of that name."""
        device = None if account is None else account.device
        if device is None or not is_of_certificate(device.credential, fingerprint):
            await self._secrets.failed(claimant)
            raise WrongSecret.of(name=claimant.user)
        return Begun(device.seq, ages=False)

    async def _by_code(self, claimant: Claimant, shown: Shown) -> Begun | Refused:
        """Let in another device of the user, or set a new secret for them, by what the code is for."""
        user, now = claimant.user, self._monotonic()
        await self._secrets.pause(claimant)
        purpose = await self._purpose(claimant, shown)
        if purpose == "device" and not self._tries.may_try(now, user):
            purpose = ""
        kind: KindName = _BY_CODE.get(purpose, "")
        if kind:
            key = self._entropy(KEY_BYTES)
            made = self._made(shown, kind)
            credential = await self._credential(claimant, made, key)
            outcome = await self._append(kind, claimant, credential, key, shown.more)
            if not isinstance(outcome, Refused):
                return Begun(outcome, is_of_password(credential))
            if outcome.code != BadCode.code:
                raise refusal(outcome)
        self._tries.failed(now, user)
        return Refused.of(BadCode.of())

    def _made(self, shown: Shown, kind: KindName) -> str | bytes:
        """Return what is kept of random bytes that are shown with a code; or, as a new ``secret``, the
        normalized password that its user has chosen.

        :raises BadSecret: it can be neither.
        """
        secret = shown.secret
        if kind == "secret" and (shown.is_typed or len(secret) != SECRET_BYTES):
            return normalized(secret)
        return random_credential(secret)

    async def _append(
        self, kind: KindName, claimant: Claimant, credential: str, key: bytes, more: More, by: int = 0
    ) -> Outcome:
        user = claimant.user
        draft = Draft(kind, user, user, credential, key, by, None if more == More() else more)
        [outcome] = await self._log.append((draft,))
        return outcome

    async def _purpose(self, claimant: Claimant, shown: Shown) -> CodePurpose:
        asked = CodeOf(shown.more.code, claimant.user)
        return await self._lane.run(claimant, self._log.read, asked)

    async def _bad_code(self, claimant: Claimant) -> BadCode:
        """Return the error, once the guess has cost as much as a wrong password."""
        await self._secrets.guessed(claimant)
        return BadCode.of()


def refusal(refused: Refused) -> Refusal:
    """Return the error with which the log refused a draft."""
    return REFUSALS.get(refused.code, Refusal)(refused.sentence)
