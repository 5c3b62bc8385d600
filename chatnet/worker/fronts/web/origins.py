"""Where a request comes from, and whether it may: Host, Origin, scheme, the client's address, cookies. Pure.

A browser sends our cookies with each request to our host, whoever made the page that asks. So what changes
anything must come from a page of ours, which only its ``Origin`` tells; and the host must be one that nobody
else can give our address to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chatnet.addresses import Address, is_local, plain
from chatnet.web_options import USUAL_PORTS, Network, Place
from chatnet.worker.fronts.web.dialect import unpacked

MOST_HOPS = 20
"""How many addresses of ``X-Forwarded-For`` are looked at, from the right."""
PREFIX = "__Host-"
"""Begins the name of a cookie that only a site by TLS can set, and no neighbour of it."""
LOG_DIGITS = 8
"""How many digits of the log's id stand in the names of cookies: two clusters on one host have different
ones."""
MOST_TICKET = 512
"""The longest ticket that is looked at, in bytes."""


class Trusted(NamedTuple):
    """The proxies whose word is taken for where a request comes from."""

    networks: Sequence[Network] = ()

    def includes(self, host: str) -> bool:
        """Return whether the proxy at this address is trusted."""
        if not self.networks:
            return False
        try:
            address = ipaddress.ip_address(plain(host))
        except ValueError:
            return False
        return any(address in network for network in self.networks)


NOBODY = Trusted()


@dataclass(frozen=True, slots=True)
class Came:
    """How a request reached us: from which address, and whether by TLS."""

    address: str
    by_tls: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of where a request comes from.

    ``address`` is the client's, of which a trusted proxy may have told. ``place`` is where the client thinks
    we are; None if that is not our host, as it ``said_host``.
    """

    address: str
    scheme: str
    place: Place | None
    is_public: bool
    said_host: str = ""

    def fits(self, origin: str) -> bool:
        """Return whether a page of this ``Origin`` is ours."""
        return self.place is not None and origin == self.place.origin

    def fits_but_for_scheme(self, origin: str) -> bool:
        """Return whether it would be ours by the other scheme: as behind a proxy that nobody has named."""
        scheme, _, host = origin.partition("://")
        if self.place is None or scheme not in USUAL_PORTS or scheme == self.scheme:
            return False
        place = Place.of_host(scheme, host)
        said = Place.of_host(scheme, self.said_host)
        return place is not None and place == said


@dataclass(frozen=True, slots=True)
class Origins:
    """Judges requests, by what the operator has said: see docs/web.md."""

    public_url: Place | None = None
    trusted: Trusted = NOBODY
    hostname: str = ""

    def see(self, came: Came, headers: Mapping[str, str], asked_by: str = "") -> Seen:
        """Return what is known of a request with ``headers``, whose names are in small letters; it may be
        ``asked_by`` a scheme. What is to come by TLS alone, and does not, is not here: RFC 9110, 7.4."""
        is_proxied = self.trusted.includes(came.address)
        address = _client(came.address, headers, self.trusted) if is_proxied else came.address
        scheme = "https" if came.by_tls else "http"
        if is_proxied and (told := _last(headers.get("x-forwarded-proto", ""))) in USUAL_PORTS:
            scheme = told
        host = headers.get("host", "")
        public = self.public_url
        if public is not None and Place.of_host(public.scheme, host) == public:
            return Seen(address, public.scheme, public, True, host)
        if asked_by == "https" != scheme:
            return Seen(address, scheme, None, False, f"{asked_by}://{host}")
        place = Place.of_host(scheme, host)
        ours = place if place is not None and self._is_ours(place) else None
        return Seen(address, scheme, ours, False, host)

    def _is_ours(self, place: Place) -> bool:
        """Return whether nobody else can let this host lead to us: see DNS rebinding."""
        name = place.name
        if name.startswith("[") or is_local(name) or _is_literal(name):
            return True
        public = None if self.public_url is None else self.public_url.name
        return name in (public, self.hostname.lower())


def _client(peer: str, headers: Mapping[str, str], trusted: Trusted) -> str:
    """Return the address behind trusted proxies: the first from the right that is none of them."""
    hops = headers.get("x-forwarded-for", "").split(",")[-MOST_HOPS:]
    nearest = peer
    for hop in reversed(hops):
        address = _literal(hop.strip())
        if address is None:
            break
        nearest = address
        if not trusted.includes(address):
            break
    return nearest


def _literal(text: str) -> str | None:
    """Return the IP address that a proxy wrote, perhaps with a port."""
    for candidate in (text, _host_of(text)):
        try:
            address = ipaddress.ip_address(candidate.strip("[]"))
        except ValueError:
            continue
        if getattr(address, "scope_id", None) is None:  # which may be any text
            return plain(str(address))
    return None


def _host_of(text: str) -> str:
    try:
        return Address.parse(text).host
    except ValueError:
        return ""


def _is_literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _last(values: str) -> str:
    return values.rpartition(",")[2].strip().lower()


# ---- cookies ----


class Cookie(NamedTuple):
    """The name of one of our cookies, and whether only TLS may carry it."""

    name: str
    is_secure: bool

    def set_to(self, value: str, seconds: int) -> str:
        """Return the header that sets it for so long; with 0 seconds, the one that removes it."""
        secure = "; Secure" if self.is_secure else ""
        return f"{self.name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"

    def among(self, header: str) -> str:
        """Return its value in the header ``Cookie``; empty if it is not there."""
        for part in header.split(";"):
            name, _, value = part.partition("=")
            if name.strip() == self.name:
                return value.strip()
        return ""


def ticket_cookie(log_id: str, scheme: str) -> Cookie:
    """Return the cookie that has the ticket of a session."""
    return _cookie(log_id, scheme, "")


def secret_cookie(log_id: str, scheme: str) -> Cookie:
    """Return the cookie that has the secret of a user who has set no password."""
    return _cookie(log_id, scheme, "-key")


def _cookie(log_id: str, scheme: str, end: str) -> Cookie:
    is_secure = scheme == "https"
    name = f"chatnet-{log_id[:LOG_DIGITS]}{end}"
    return Cookie(PREFIX + name if is_secure else name, is_secure)


class Shows(NamedTuple):
    """What a request shows of who asks: a ticket, and whether by cookie, which a browser sends unasked; and
    the secret, if a cookie has it."""

    ticket: bytes | None
    by_cookie: bool
    secret: bytes | None


def shows_bearer(headers: Mapping[str, str]) -> bool:
    """Return whether a request shows a ticket in ``Authorization``, which no browser adds by itself."""
    return headers.get("authorization", "").partition(" ")[0].lower() == "bearer"


def shown_by(headers: Mapping[str, str], log_id: str, scheme: str) -> Shows:
    """Return what a request shows; a ticket in ``Authorization`` counts before a cookie."""
    if shows_bearer(headers):
        return Shows(_bytes_in(headers["authorization"].partition(" ")[2].strip()), False, None)
    cookies = headers.get("cookie", "")
    ticket = _bytes_in(ticket_cookie(log_id, scheme).among(cookies))
    return Shows(ticket, True, _bytes_in(secret_cookie(log_id, scheme).among(cookies)))


def _bytes_in(value: str) -> bytes | None:
    if not value or len(value) > 2 * MOST_TICKET:
        return None
    try:
        return unpacked(value)
    except ValueError:
        return None
