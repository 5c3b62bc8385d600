"""Which masters a client believes: those an authority vouches for, or those that still have the same key.

On loopback nobody is in between, unless a port is forwarded: such a port has asked for TLS. There, and on
other machines, the client keeps a master's public key at the first connection, as SSH does; a worker or
primary that a master names must have exactly the key that the master said.
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
"""What the user is told at the first connection to a master."""
VOUCHED = "An authority vouches for {master} now, and from now on one has to."
"""What the user is told, once, where a key was kept before."""
CHANGED = (
    "The public key of {master} is {key}, and not {kept} as before: somebody may stand in between. Ask who "
    "runs the cluster. If they have changed it, {remedy}."
)
UNVOUCHED = (
    "No authority vouches for {master} any longer ({why}): somebody may stand in between. Ask who runs the "
    "cluster. If they have changed that, {remedy}."
)
REMOVE = "take line {line} out of {path}, and start again"
REMOVED = "start again: its line is out of {path} already"
"""How the two sentences end: what to do with the line by which the master was known."""

Shake = Callable[[IOpenSSLClientConnectionCreator], Awaitable[Link]]
"""Dials a master, and has it prove by TLS who it is; raises :class:`NotTrusted` if it is somebody else."""


class Distrusted(Exception):
    """A master has changed; the text tells the user what to do."""


class _Overtaken(Exception):
    """What is kept of a master has changed while it proved who it is: it must prove it by that."""


class Trust:
    """What is ``known`` about masters, and how to accept new ones."""

    def __init__(self, tls: Tls, known: KnownMasters) -> None:
        self._tls = tls
        self._known = known

    def pinned(self, key: str) -> IOpenSSLClientConnectionCreator:
        """Return a creator of connections to a peer that must have exactly this key."""
        return self._tls.pinned(key)

    def knows(self, master: Address) -> bool:
        """Return whether it has ever proven who it is. Then it must do so again: nothing else is believed
        there.

        :raises CannotStart: the file of known masters cannot be read.
        """
        return self._known.of(master) is not None

    async def verified(self, master: Address, shake: Shake, tell: Callable[[str], None]) -> Link:
        """Return a link to ``master``, which has proven its identity; tell the user what is new about it.

        :raises Distrusted: it has changed.
        :raises Unreachable: it cannot be reached, or does not speak TLS.
        :raises CannotStart: the file of known masters cannot be read or written.
        """
        kept = self._known.of(master)
        try:
            if kept is None:
                return await self._new(master, shake, tell)
            if kept == BY_AUTHORITY:
                return await self._still_vouched_for(master, shake)
            return await self._still_the_same(master, kept, shake, tell)
        except _Overtaken:
            return await self.verified(master, shake, tell)
        except NotTrusted as error:
            raise Unreachable(str(error)) from error

    async def _new(self, master: Address, shake: Shake, tell: Callable[[str], None]) -> Link:
        try:
            link = await shake(self._tls.vouched_for(master.host))
        except NotTrusted as why:
            key = await self._key_there(shake)
            link = await shake(self._tls.pinned(key))
            now = await self._keep(master, key, None, link)
            if now == BY_AUTHORITY:
                raise self._unvouched(master, why) from why
            if now != key:
                raise self._changed(master, key, str(now)) from why
            tell(NEW.format(master=master, key=key))
        else:
            await self._keep_vouched(master, None, link)
        return link

    async def _still_vouched_for(self, master: Address, shake: Shake) -> Link:
        try:
            return await shake(self._tls.vouched_for(master.host))
        except NotTrusted as why:
            raise self._unvouched(master, why) from why

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
            raise self._changed(master, key, kept) from why
        await self._keep_vouched(master, kept, link)
        tell(VOUCHED.format(master=master))
        return link

    async def _keep_vouched(self, master: Address, before: str | None, link: Link) -> None:
        """:raises _Overtaken: something else has been kept meanwhile."""
        if await self._keep(master, BY_AUTHORITY, before, link) != BY_AUTHORITY:
            raise _Overtaken

    async def _keep(self, master: Address, by: str, before: str | None, link: Link) -> str | None:
        """Return by what ``master`` is known now; unless it is ``by``, nothing is said on ``link``."""
        try:
            now = await self._known.keep(master, by, before)
        except (CannotStart, CancelledError):
            link.abort()
            raise
        if now != by:
            link.abort()
        return now

    async def _key_there(self, shake: Shake) -> str:
        """Return the key that is presented there. It is not proven yet."""
        try:
            (await shake(self._tls.pinned(""))).abort()
        except NotTrusted as error:
            if isinstance(error.__cause__, WrongKey) and error.__cause__.theirs.startswith("SHA256:"):
                return error.__cause__.theirs
            raise
        raise Unreachable("it shows no key")

    def _changed(self, master: Address, key: str, kept: str) -> Distrusted:
        remedy = self._remedy(master, kept)
        return Distrusted(CHANGED.format(master=master, key=key, kept=kept, remedy=remedy))

    def _unvouched(self, master: Address, why: NotTrusted) -> Distrusted:
        remedy = self._remedy(master, BY_AUTHORITY)
        return Distrusted(UNVOUCHED.format(master=master, why=why, remedy=remedy))

    def _remedy(self, master: Address, kept: str) -> str:
        line = self._known.line(master, kept)
        return (REMOVED if line is None else REMOVE).format(line=line, path=self._known.path)
