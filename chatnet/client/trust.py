"""Whom a client believes to be a master: who an authority vouches for, or who has the key that it had before.

On loopback there is nobody in between, unless a port is forwarded: one where TLS was wanted. Elsewhere, and
there, who dials a master for the first time keeps its public key, as SSH does; and of whoever a master names
it demands exactly the key that the master said.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from chatnet.addresses import Address
from chatnet.client.known_masters import BY_AUTHORITY, KnownMasters
from chatnet.client.race import Unreachable
from chatnet.errors import CannotStart
from chatnet.net.dial import NotTrusted
from chatnet.net.link import Link
from chatnet.net.tls import WrongKey
from chatnet.world import Tls

NEW = (
    "{master} was not known here. Its public key is {key}, by which it is known from now on; who runs it "
    "sees by “chatnet status” whether that is right."
)
"""What the user is told of a master at the first time."""
VOUCHED = "An authority vouches for {master} now, and from now on one has to."
"""What the user is told, once, where a key was kept before."""
CHANGED = (
    "The public key of {master} is {key}, and not {kept} as before: somebody may stand in between. Ask who "
    "runs the cluster. If they have changed it, take line {line} out of {path}, and start again."
)
UNVOUCHED = (
    "No authority vouches for {master} any longer ({why}): somebody may stand in between. Ask who runs the "
    "cluster. If they have changed that, take line {line} out of {path}, and start again."
)

Shake = Callable[[IOpenSSLClientConnectionCreator], Awaitable[Link]]
"""Dials a master, and has it show by TLS who it is; raises :class:`NotTrusted` if it is somebody else."""


class Distrusted(Exception):
    """A master is not the one that it was; the text tells the user what to do."""


class Trust:
    """What is ``known`` of masters, and how to know new ones."""

    def __init__(self, tls: Tls, known: KnownMasters) -> None:
        self._tls = tls
        self._known = known

    def pinned(self, key: str) -> IOpenSSLClientConnectionCreator:
        """Makes connections to somebody who must have exactly this key."""
        return self._tls.pinned(key)

    def knows(self, master: Address) -> bool:
        """Has it once shown who it is? Then it has to go on: nothing else that is there is believed.

        :raises CannotStart: what is known is not readable.
        """
        return self._known.of(master) is not None

    async def verified(self, master: Address, shake: Shake, tell: Callable[[str], None]) -> Link:
        """A link to ``master``, which has shown that it is the one; what is new of it is told to the user.

        :raises Distrusted: it is not the one that it was.
        :raises Unreachable: it cannot be reached, or speaks no TLS.
        :raises CannotStart: what is known is not readable, or cannot be kept.
        """
        kept = self._known.of(master)
        try:
            if kept is None:
                return await self._new(master, shake, tell)
            if kept == BY_AUTHORITY:
                return await self._still_vouched_for(master, shake)
            return await self._still_the_same(master, kept, shake, tell)
        except NotTrusted as error:
            raise Unreachable(str(error)) from error

    async def _new(self, master: Address, shake: Shake, tell: Callable[[str], None]) -> Link:
        try:
            link = await shake(self._tls.vouched_for(master.host))
        except NotTrusted:
            key = await self._key_there(shake)
            link = await shake(self._tls.pinned(key))
            await self._keep(master, key, link)
            tell(NEW.format(master=master, key=key))
        else:
            await self._keep(master, BY_AUTHORITY, link)
        return link

    async def _still_vouched_for(self, master: Address, shake: Shake) -> Link:
        try:
            return await shake(self._tls.vouched_for(master.host))
        except NotTrusted as why:
            where = self._where(master)
            raise Distrusted(UNVOUCHED.format(master=master, why=why, **where)) from why

    async def _still_the_same(
        self, master: Address, kept: str, shake: Shake, tell: Callable[[str], None]
    ) -> Link:
        try:
            return await shake(self._tls.pinned(kept))
        except NotTrusted as error:
            if not isinstance(error.__cause__, WrongKey):
                raise
            key = error.__cause__.theirs
        try:
            link = await shake(self._tls.vouched_for(master.host))
        except NotTrusted as why:
            where = self._where(master)
            raise Distrusted(CHANGED.format(master=master, key=key, kept=kept, **where)) from why
        await self._keep(master, BY_AUTHORITY, link)
        tell(VOUCHED.format(master=master))
        return link

    async def _keep(self, master: Address, by: str, link: Link) -> None:
        try:
            await self._known.keep(master, by)
        except (CannotStart, CancelledError):
            link.abort()
            raise

    async def _key_there(self, shake: Shake) -> str:
        """Which one is presented there. It is not proven yet."""
        try:
            (await shake(self._tls.pinned(""))).abort()
        except NotTrusted as error:
            if isinstance(error.__cause__, WrongKey) and error.__cause__.theirs.startswith("SHA256:"):
                return error.__cause__.theirs
            raise
        raise Unreachable("it shows no key")

    def _where(self, master: Address) -> dict[str, object]:
        return {"line": self._known.line(master), "path": self._known.path}
