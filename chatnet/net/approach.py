"""Links from a process of the cluster, or an operator, to a master: proven, and by TLS unless on loopback."""

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
    """Makes links to masters, for a ``caller``.

    If ``insecure``, links begin without TLS, wherever the master is; if the master requires TLS, TLS is used.
    """

    caller: Caller
    insecure: bool
    tls: Tls
    reactor: Any

    async def link(self, master: Address, connect_seconds: float, prove_seconds: float) -> Link:
        """Return a link to ``master`` on which both ends have proven the token.

        :raises CANNOT_CONNECT: nobody is there, or nobody answered in time.
        :raises NotTrusted: the other end does not speak TLS as we do.
        :raises ConnectionClosed: the other end closed the connection.
        :raises TimeoutError: the other end did not answer in time.
        :raises NotPrimary: the other end is a replica. :raises ChatnetError: it refused, with a sentence.
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
        """Return whether a link to ``master`` uses TLS from its first byte."""
        return not self.insecure and (self.caller.role == "operator" or not is_loopback(master.host))

    def creator(self) -> Creator:
        """Return what makes the TLS connections to masters."""
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
