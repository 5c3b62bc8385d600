"""What a user does through one session by showing the secret again."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace
from twisted.internet.defer import Deferred, DeferredLock

from chatnet.aging import NEVER, day_of
from chatnet.credentials import normalized
from chatnet.entries import Draft, More
from chatnet.errors import Forgotten, NoSuchUser
from chatnet.kinds import KindName
from chatnet.reads import Account, AccountOf
from chatnet.worker.drafts import NO_ONES
from chatnet.worker.hashing import Claimant
from chatnet.worker.session_drafts import SessionDrafts
from chatnet.worker.session_reads import SessionReads
from chatnet.worker.whose import Whose, check_whole

if TYPE_CHECKING:
    from chatnet.worker.sessions import Sessions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SecretSet:
    """A new secret is durable as the entry ``seq``, which began a new session on this device; the client that
    set it can resume with the ``ticket``."""

    seq: int
    ticket: bytes


class SessionSecret:
    """The user's secret, as they show and set it through one session.

    One after the other: the old secret of the next change is the new one of this change.
    """

    __slots__ = ("_claimant", "_drafts", "_reads", "_session", "_setting", "_shared", "_turn")

    def __init__(self, session: Whose, shared: Sessions, drafts: SessionDrafts, reads: SessionReads) -> None:
        self._session, self._shared, self._drafts, self._reads = session, shared, drafts, reads
        self._claimant: Claimant | None = None
        self._setting: tuple[bytes, ...] = ()
        self._turn = DeferredLock()

    def set(self, key: bytes, old: bytes, secret: bytes) -> Deferred[SecretSet]:
        """Replace the user's ``old`` secret with a password; fires once it is durable.

        The user's other sessions end, and older tickets with them.
        """
        password = normalized(secret)
        check_whole(self._session)
        self._setting = (*self._setting, key)
        answer = self._send(lambda: self._new(key, old, password)).addCallback(self._set)
        return answer.addBoth(self._done, key)

    def forget(self, key: bytes, secret: bytes) -> Deferred[int]:
        """Forget the user, who shows the present ``secret``. The session ends, instead of an answer."""
        return self._send_proven("forget", key, "", secret).addCallback(self._forgotten)

    def pair(self, key: bytes, code: str, secret: bytes) -> Deferred[int]:
        """Let in another device, by what is kept of a ``code``; fires with its seq once it is durable.

        The user shows the present ``secret``: a ticket alone, which somebody may have stolen, makes no secret
        of its own, by which all others could be replaced.
        """
        return self._send_proven("code", key, code, secret)

    def recovery(self, key: bytes, codes: str, secret: bytes) -> Deferred[int]:
        """Make recovery codes, by what is kept of them; the user's earlier ones are good no longer. Fires
        with their seq once it is durable.

        The user shows the present ``secret``, and not that of a device alone: whoever had a lost device
        could come back by these codes after its session was ended.
        """
        check_whole(self._session)
        make = partial(self._proven, "code", key, codes, secret, of_account=True)
        return self._send(make).addBoth(self._done, key)

    def is_setting(self, key: bytes) -> bool:
        """Return whether the secret is being set with the draft of this key, which has no answer yet."""
        return key in self._setting

    def stop(self) -> None:
        """Check and make nothing more: the session is over."""
        if self._claimant is not None:
            self._claimant.leave()
        self._turn.waiting.clear()  # nobody waits for an answer

    def _send(self, make: Callable[[], Coroutine[Any, Any, Draft]]) -> Deferred[int]:
        """Send the draft that is made once a secret was checked, in its turn."""
        made = self._turn.acquire().addCallback(lambda _: Deferred.fromCoroutine(make()))
        return self._drafts.send_when_made(made)

    def _send_proven(self, kind: KindName, key: bytes, text: str, secret: bytes) -> Deferred[int]:
        """Send a draft about the user, once it is known that this is their secret."""
        check_whole(self._session)
        return self._send(lambda: self._proven(kind, key, text, secret)).addBoth(self._done, key)

    async def _new(self, key: bytes, old: bytes, password: bytes) -> Draft:
        session, claimant = self._session, self._as_claimant()
        by, is_new = await self._by(claimant, old)
        credential = await self._shared.secrets.credential(claimant, password, key, is_new)
        return Draft("secret", session.user, session.user, credential, key, by, self._begins())

    def _begins(self) -> More | None:
        """Return what a new secret says of this session, which goes on."""
        device = self._session.device
        return More(device=device.device, label=device.label) if device.device or device.label else None

    async def _proven(
        self, kind: KindName, key: bytes, text: str, secret: bytes, of_account: bool = False
    ) -> Draft:
        user = self._session.user
        by, _ = await self._by(self._as_claimant(), secret, of_account)
        return Draft(kind, user, user, text, key, by, More(to=user))

    async def _by(self, claimant: Claimant, secret: bytes, of_account: bool = False) -> tuple[int, bool]:
        """Return by which session a draft counts for which this ``secret`` is shown, and whether it can add
        anything new. ``of_account``: the device's own secret does not count."""
        account = await self._account()
        if of_account:
            account = replace(account, device=None)
        if await self._shared.secrets.proves(claimant, account, secret, is_login=False):
            return self._session.by, True
        # The client may be repeating this draft after the log took it: then the log knows the key, and
        # answers with the seq.
        return NO_ONES, False

    async def _account(self) -> Account:
        session = self._session
        account = await self._reads.turn().read(
            self._shared.log.read, AccountOf(session.user, session.device.device)
        )
        if account is None:
            raise NoSuchUser.of(name=session.user)
        return account

    def _as_claimant(self) -> Claimant:
        if self._claimant is None:
            self._claimant = Claimant(self._session.user, self._session.peer.address)
        return self._claimant

    def _set(self, seq: int) -> SecretSet:
        session = self._session
        session.goes_by(seq)
        session.day = day_of(NEVER, int(self._shared.wall() * 1000))
        return SecretSet(seq, session.ticket())

    def _forgotten(self, seq: int) -> Deferred[int]:
        self._session.end(Forgotten.of(name=self._session.user))
        return Deferred()

    def _done(self, outcome: T, key: bytes) -> T:
        self._setting = tuple(other for other in self._setting if other != key)
        self._turn.release()
        return outcome
