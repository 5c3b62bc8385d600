"""The options about the web: where its port is, its address to users, and which proxies are trusted."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from chatnet.addresses import Address, is_local
from chatnet.errors import CannotStart
from chatnet.names import quoted
from chatnet.port_options import NONE, a_shared_port, named

WEB_PORT = 8080
"""The default port of the page."""
EVERYWHERE = ("0.0.0.0", "::")
"""The hosts that mean all addresses of a machine."""
WEB_VARIABLE = "CHATNET_WEB"
"""The environment variable for the web port, where no option names it."""

USUAL_PORTS = {"http": 80, "https": 443}
"""The ports that browsers do not write, by scheme."""
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]{1,253})(?::(?P<port>[0-9]{1,5}))?")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Place(NamedTuple):
    """A host and a port as they stand in a URL of ``scheme``: the name in small letters, IPv6 in brackets."""

    scheme: str
    name: str
    port: int

    @classmethod
    def of_host(cls, scheme: str, host: str) -> Place | None:
        """Return the place that a ``Host`` names; None if that is none."""
        found = _HOST.fullmatch(host)
        if found is None:
            return None
        name, port = found["name"].lower().rstrip("."), int(found["port"] or USUAL_PORTS[scheme])
        return cls(scheme, name, port) if name and port < 65536 else None

    @property
    def host(self) -> str:
        """How it stands in ``Host``."""
        return self.name if self.port == USUAL_PORTS[self.scheme] else f"{self.name}:{self.port}"

    @property
    def origin(self) -> str:
        """How it stands in ``Origin``."""
        return f"{self.scheme}://{self.host}"


WEB_OPTIONS = [
    [
        "web",
        None,
        None,
        f"Where the page and the HTTP API are, HOST:PORT, for all workers of a machine; or {NONE}. Without "
        f"it: {WEB_VARIABLE}, then localhost:{WEB_PORT} unless another program has it.",
    ],
    [
        "public-url",
        None,
        None,
        "The address of the page for users, https://HOST[:PORT], if it is behind a proxy or a name.",
    ],
    [
        "trusted-proxies",
        None,
        None,
        "Whose word on a client's address is believed: the networks of your proxies, CIDR,…",
    ],
]
"""For ``optParameters``."""


@dataclass(frozen=True)
class Web:
    """The options of the same names. Without a ``port`` there is no page. ``asked_for``: somebody named that
    port, so it is an error if it cannot be had."""

    port: Address | None = None
    asked_for: bool = False
    public_url: Place | None = None
    trusted_proxies: tuple[Network, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any], environ: Mapping[str, str]) -> Web:
        """Return what twistd's options and the environment say.

        :raises CannotStart: they say what cannot be; the sentence names which of them.
        """
        sources = {"--web": options.get("web"), WEB_VARIABLE: environ.get(WEB_VARIABLE)}
        return cls(
            *named(sources, f"localhost:{WEB_PORT}", _a_port),
            _said("--public-url", options.get("public-url"), a_public_url, None),
            _said("--trusted-proxies", options.get("trusted-proxies"), the_proxies, ()),
        )

    @property
    def ports(self) -> Sequence[Address]:
        """The port, if there is one: see :class:`~chatnet.net.shared_port.Wanted`."""
        return () if self.port is None else (self.port,)

    @property
    def is_there(self) -> str:
        return f"The page is at {self.port}"

    def cannot_be(self, why: str) -> str:
        """Return the sentence for an operator who asked for a port that cannot be had."""
        what = "choose another port by --web HOST:PORT, or --web none"
        return f"The page cannot be at {self.port} ({why}): {what}."

    def is_left_out(self, why: str) -> str:
        """Return the sentence for an operator who did not ask for it."""
        return f"There is no page, since {self.port} cannot be had ({why}): choose a port by --web HOST:PORT."

    def left_out(self) -> Web:
        """Return the same without a port."""
        return replace(self, port=None)

    def words(self) -> list[str]:
        """Return the options for a child."""
        words = ["--web", NONE if self.port is None else str(self.port)]
        if self.public_url is not None:
            words += ["--public-url", self.public_url.origin]
        if self.trusted_proxies:
            words += ["--trusted-proxies", ",".join(map(str, self.trusted_proxies))]
        return words


def _said(option: str, text: str | None, parse: Any, otherwise: Any) -> Any:
    if not text:
        return otherwise
    try:
        return parse(text)
    except ValueError as error:
        raise CannotStart(f"{option}: {error}") from error


def _a_port(text: str) -> Address | None:
    """Return where the web port is to be.

    :raises ValueError: with one sentence.
    """
    if text.strip().lower() == NONE:
        return None
    return a_shared_port(text, WEB_PORT, "Workers", "; --public-url is for names")


def a_public_url(text: str) -> Place:
    """Return where users find the page, as browsers write it: ``https://HOST[:PORT]``.

    :raises ValueError: with one sentence.
    """
    form = "write https://HOST, perhaps with a :PORT, and nothing behind it"
    scheme, host, has_more = _split(text.strip())
    if host and (scheme not in USUAL_PORTS or has_more):
        raise ValueError(f"{quoted(text)} is not the address of a page alone: {form}.")
    place = Place.of_host(scheme, host) if host else None
    if place is None:
        raise ValueError(f"{quoted(text)} is not the address of a page: {form}.")
    if scheme == "http" and not is_local(place.name.strip("[]")):
        raise ValueError(f"{quoted(text)} is not encrypted, so browsers would keep no session: {form}.")
    return place


def _split(text: str) -> tuple[str, str, bool]:
    """Return the scheme and the host of a URL, as it stands in ``Host``, and whether it has more."""
    try:
        url = urlsplit(text)
        name, port = url.hostname or "", "" if url.port is None else f":{url.port}"
        if ":" in name:
            name = f"[{ipaddress.ip_address(name)}]"
        host = name.encode("idna").decode() + port
    except ValueError:
        return "http", "", False
    has_more = url.path not in ("", "/") or url.query or url.fragment or url.username is not None
    return url.scheme, host, bool(has_more)


def the_proxies(text: str) -> tuple[Network, ...]:
    """Return the networks in ``CIDR,…``.

    :raises ValueError: with one sentence.
    """
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError as error:
            hint = (
                "its address has bits behind the prefix"
                if "host bits" in str(error)
                else "it is no IP address"
            )
            raise ValueError(
                f"{quoted(part)} is not a network ({hint}): write 10.0.0.0/8, 127.0.0.1 or ::1, with commas."
            ) from None
    if not found:
        raise ValueError("No network is named: write 10.0.0.0/8, 127.0.0.1 or ::1, with commas.")
    return tuple(found)


NO_WEB = Web()
"""Without a page."""
