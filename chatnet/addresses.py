"""Where processes listen: HOST:PORT, with IPv6 hosts in brackets. Pure."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Any, NamedTuple

from chatnet.names import quoted

MASTER_PORT = 64480
"""The default port of a master."""


class Address(NamedTuple):
    """A host (a name or an IP address) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def place(self) -> Address:
        """The same value for two addresses that are surely the same: all loopback names count as one host."""
        host = self.host.lower().rstrip(".")
        return Address("localhost" if is_local(host) else plain(host), self.port)

    @classmethod
    def parse(cls, text: str, default_port: int | None = None) -> Address:
        """Return the address in ``HOST[:PORT]`` or ``[HOST][:PORT]``.

        :raises ValueError: with one sentence, if it is neither, or the port is missing without a default.
        """
        text = text.strip()
        if text.startswith("["):
            host, closed, rest = text[1:].partition("]")
            port = rest[1:] if rest.startswith(":") else None
            if not closed or (rest and port is None):
                raise ValueError(f"{quoted(text)} is not an address: write [HOST]:PORT.")
        elif text.count(":") > 1:
            host, port = text, None
        else:
            host, colon, after = text.partition(":")
            port = after if colon else None
        if not host or any(letter.isspace() or letter in ",/" for letter in host) or not _is_name(host):
            raise ValueError(f"{quoted(text)} is not an address: write HOST:PORT.")
        if port is None:
            if default_port is None:
                raise ValueError(f"{quoted(text)} has no port: write HOST:PORT.")
            return cls(host, default_port)
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536):
            raise ValueError(f"{quoted(port)} is not a port: a port is a number from 0 to 65535.")
        return cls(host, int(port))

    @classmethod
    def read(cls, text: str) -> Address | None:
        """Return the address that another process sent; None if it is empty or not an address."""
        try:
            return cls.parse(text)
        except ValueError:
            return None


def parse_masters(text: str) -> list[Address]:
    """Return one or several masters, from ``HOST[:PORT][,…]``.

    :raises ValueError: with one sentence.
    """
    masters = [
        Address.parse(part, MASTER_PORT) for part in text.replace("\n", ",").split(",") if part.strip()
    ]
    if not masters:
        raise ValueError("No master is named: write HOST[:PORT].")
    return masters


def plain(host: str) -> str:
    """Return an IP address in its usual form: an IPv4 address that came as IPv6 becomes IPv4 again."""
    literal = _literal(host)
    return host if literal is None else str(literal)


def is_loopback(host: str) -> bool:
    """Return whether this IP address is a loopback address."""
    literal = _literal(host)
    return literal is not None and literal.is_loopback


def is_local(host: str) -> bool:
    """Return whether ``host`` means this machine, so that nobody can be in between.

    The name “localhost” does, if what it resolves to is a loopback address: see RFC 6761, 6.3.
    """
    return is_loopback(host) or host.lower().rstrip(".") == "localhost"


def both_on_loopback(transport: Any) -> bool:
    """Return whether both ends of this connection are on the loopback, as this end sees them."""
    ends = transport.getHost(), transport.getPeer()
    return all(is_loopback(getattr(end, "host", "")) for end in ends)


@lru_cache(maxsize=4096)
def network(host: str) -> str:
    """Return the range of addresses that one stranger can have: one IPv4 address, or a /64 of IPv6."""
    literal = _literal(host)
    if isinstance(literal, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((literal, 64), strict=False))
    return host if literal is None else str(literal)


def _is_name(host: str) -> bool:
    """Return whether it can be looked up at all. If not, Twisted's resolver would never answer."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return "\0" not in host


@lru_cache(maxsize=4096)
def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(literal, "ipv4_mapped", None) or literal
