"""How a link between processes begins, at both ends: the proof of the token, and who obeys whom after it.

Gate          the dialled end understands only the proof, until it has it
Caller        the dialling end, which proves itself
Unregistered  the dialling end understands nothing until the other end has proven itself and answered
Commanded     after that, the dialling end obeys the other end, in its epoch alone
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatnet.addresses import Address, is_loopback, plain
from chatnet.auth import Role, Token, is_role
from chatnet.errors import NotAllowed, StaleEpoch, TlsRequired, WrongToken, WrongVersion
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.net.tls import TooOld, channel_binding, is_encrypted
from chatnet.wire.common import NONCE_BYTES, VERSION, Challenge, Prove
from chatnet.wire.table import Speaker


class NotPrimary(Exception):
    """The other end knows the token, and is a replica. ``primary`` is where it says that the primary is."""

    def __init__(self, primary: Address | None) -> None:
        super().__init__(
            f"it is a replica; the primary is {f'at {primary}' if primary else 'not known to it'}"
        )
        self.primary = primary


class Gate(Locator):
    """An unproven connection between processes: it proves the token in time, or is closed.

    ``admit(role)`` returns the locator of a role, or raises :class:`~chatnet.errors.ChatnetError`. At a
    replica it returns the primary's address, which may be empty: see :class:`~chatnet.wire.common.Prove`. A
    caller that gets this address may stay for the rest of :data:`~chatnet.net.visitors.STRANGER_SECONDS`.
    """

    hint = "prove the token first"

    def __init__(
        self,
        token: Token,
        admit: Callable[[Role], Locator | str],
        entropy: Callable[[int], bytes],
        clock: IReactorTime,
    ) -> None:
        self._token = token
        self._admit = admit
        self._entropy = entropy
        self._clock = clock
        self._nonces: tuple[bytes, bytes] | None = None

    def connected(self, link: Link) -> None:
        super().connected(link)
        self._deadline = self._clock.callLater(link.seconds_left, link.abort)

    def lost(self, reason: Failure) -> None:
        self._cancel_deadline()

    def _cancel_deadline(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()

    @Challenge.responder
    def challenge(self, version: int, nonce: bytes) -> dict[str, Any]:
        check_version(version)
        _bound_to(self.link, is_asker=False)  # or refuse
        ours = self._entropy(NONCE_BYTES)
        self._nonces = (nonce, ours)
        return {"nonce": ours}

    @Prove.responder
    def prove(self, role: str, proof: bytes) -> dict[str, Any]:
        if not is_role(role):
            raise NotAllowed.of(command="in that role", hint="a role is worker, replica or operator")
        # A nonce works once: a second guess needs a second challenge.
        nonces, self._nonces = self._nonces, None
        if nonces is None:
            raise WrongToken(WrongToken.sentence)
        bound = *nonces, _bound_to(self.link, is_asker=False)
        if not hmac.compare_digest(proof, self._token.proof("asks", role, *bound)):
            raise WrongToken(WrongToken.sentence)
        admitted, primary = self._admit(role), None
        if isinstance(admitted, Locator):
            self._cancel_deadline()
            self.link.become(admitted)
        else:
            primary = admitted
        return {"proof": self._token.proof("answers", role, *bound), "primary": primary}


@dataclass(frozen=True)
class Caller:
    """A process of the cluster that dials the primary in its ``role``, with what all its links share."""

    role: Role
    token: Token
    entropy: Callable[[int], bytes]
    outboxes: Outboxes
    pulse: Pulse

    def link(self, locator: Locator) -> Link:
        """Return a link that is not connected yet; ``locator`` understands the commands on it."""
        return Link(locator, self.outboxes, self.pulse)

    async def prove(self, link: Link) -> None:
        """Prove the token on a fresh link: see :func:`prove`."""
        await prove(link, self.token, self.role, self.entropy)


class Unregistered(Locator):
    """Understands only pings: the other end may be anybody.

    This lasts until the other end has proven the token and answered the registration; for an operator,
    always.
    """

    speaker = Speaker.DIALLED
    hint = "whoever dials takes no orders before the proof and the registration"


class Commanded(Locator):
    """The other end has proven that it is the primary of ``epoch``, and answered the registration.

    The link belongs to that epoch: a command with another epoch comes from somebody else.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def check(self, epoch: int) -> None:
        """:raises StaleEpoch: the command has another epoch."""
        if epoch != self._epoch:
            raise StaleEpoch.of(theirs=epoch, ours=self._epoch)


async def prove(link: Link, token: Token, role: Role, entropy: Callable[[int], bytes]) -> None:
    """Prove the token on a fresh link, and check the other end's proof.

    :raises WrongToken: either end has another token, or the two are not the ends of one connection.
    :raises WrongVersion: the other end speaks another version.
    :raises TlsRequired: the link must be encrypted, by TLS 1.3.
    :raises NotPrimary: the other end is a replica; the error may say where the primary is.
    """
    ours = entropy(NONCE_BYTES)
    theirs = (await link.callRemote(Challenge, version=VERSION, nonce=ours))["nonce"]
    bound = ours, theirs, _bound_to(link, is_asker=True)
    answer = await link.callRemote(Prove, role=role, proof=token.proof("asks", role, *bound))
    if not hmac.compare_digest(answer["proof"], token.proof("answers", role, *bound)):
        raise WrongToken(WrongToken.sentence)
    if (primary := answer["primary"]) is not None:
        raise NotPrimary(Address.read(primary))


def _bound_to(link: Link, is_asker: bool) -> bytes:
    """Return what only this link has: over TLS its channel binding, otherwise what :func:`binding` returns.

    :raises TlsRequired: it uses a TLS older than 1.3, where the binding is not unique for sure.
    """
    transport = link.transport
    if transport is None:
        raise ConnectionLost()
    if is_encrypted(transport):
        try:
            return channel_binding(transport)
        except TooOld as error:
            raise TlsRequired(TlsRequired.sentence) from error
    here, there = transport.getHost(), transport.getPeer()
    return binding(asker=here, answerer=there) if is_asker else binding(asker=there, answerer=here)


def binding(asker: Any, answerer: Any) -> bytes:
    """Return what only this connection has: the addresses of its two ends, if both are on loopback. Pure.

    A process in the middle has two connections, and one proof does not fit both. For other addresses the
    result is empty: there the two ends may see different addresses, and a machine in the middle could use
    any. Only ``--insecure`` allows such links; all others are encrypted.
    """
    if not (is_loopback(asker.host) and is_loopback(answerer.host)):
        return b""
    return "|".join(str(Address(plain(end.host), end.port)) for end in (asker, answerer)).encode()


def check_version(theirs: int) -> None:
    """:raises WrongVersion: the peer speaks another version of the protocol."""
    if theirs != VERSION:
        raise WrongVersion.of(ours=VERSION, theirs=theirs)
