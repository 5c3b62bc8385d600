"""TLS in a simulation: there is none yet. What a port presents is named, and nobody shakes hands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from cryptography import x509
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from chatnet.net.pair import KeyPair
from chatnet.net.tls import Presented


class NotSimulated(RuntimeError):
    """Somebody speaks TLS in a simulation."""


@implementer(IOpenSSLServerConnectionCreator)
class SimPresented(Presented):
    """A pair that has a name alone."""

    def renew(self, pair: KeyPair) -> None:
        self.pair = pair

    def serverConnectionForTLS(self, tlsProtocol: Any) -> NoReturn:
        raise NotSimulated


class SimTls:
    """Refuses: the links of a simulated cluster are plain."""

    def presented(self, pair: KeyPair) -> Presented:
        return SimPresented(pair)

    def pinned(self, expected: str) -> NoReturn:
        raise NotSimulated

    def vouched_for(self, host: str, authorities: Sequence[x509.Certificate] | None = None) -> NoReturn:
        raise NotSimulated

    def in_cluster(self) -> NoReturn:
        raise NotSimulated
