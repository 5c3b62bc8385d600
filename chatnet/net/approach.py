"""How a process of the cluster, or an operator, gets to a master: by TLS unless on loopback, and proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from chatnet.addresses import Address, is_loopback
from chatnet.errors import TlsRequired
from chatnet.net.dial import dial, shake_hands
from chatnet.net.gate import Caller, Unregistered
from chatnet.net.link import Link
from chatnet.net.tls import Creator
from chatnet.world import Tls


@dataclass(frozen=True)
class Approach:
    """Links to masters, for a ``caller``.

    If it is ``insecure`` they are plain, wherever they go; but who answers that it wants TLS is given it.
    """

    caller: Caller
    insecure: bool
    tls: Tls
    reactor: Any

    async def link(self, master: Address, connect_seconds: float, prove_seconds: float) -> Link:
        """A link to ``master``, both ends of which have proven the token.

        :raises CANNOT_CONNECT: nobody is there, or not in time.
        :raises NotTrusted: somebody is there who does not speak TLS as we do.
        :raises ConnectionClosed: it closed the connection.
        :raises TimeoutError: it does not answer in time.
        :raises NotPrimary: it is a replica. :raises ChatnetError: it refused, in a sentence.
        """
        if not self.encrypts(master):
            try:
                link = await dial(self.reactor, master, self._link, connect_seconds)
                return await self._proven(link, prove_seconds)
            except TlsRequired:
                pass
        link = await shake_hands(self.reactor, master, self._link, connect_seconds, self.creator())
        return await self._proven(link, prove_seconds)

    def encrypts(self, master: Address) -> bool:
        """Is ``master`` spoken to by TLS from the beginning?"""
        return not self.insecure and (self.caller.role == "operator" or not is_loopback(master.host))

    def creator(self) -> Creator:
        """Makes the connections to those masters."""
        return self.tls.in_cluster()

    async def _proven(self, link: Link, seconds: float) -> Link:
        try:
            proving = Deferred.fromCoroutine(self.caller.prove(link))
            await proving.addTimeout(seconds, self.reactor)
        except BaseException:
            link.abort()
            raise
        return link

    def _link(self) -> Link:
        return self.caller.link(Unregistered())
