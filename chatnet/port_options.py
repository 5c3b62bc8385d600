"""What an option says about a port that the processes of a host share."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import TypeVar

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.names import quoted

NONE = "none"
"""What to write for no port."""

V = TypeVar("V")


def named(sources: Mapping[str, str | None], usual: str, parse: Callable[[str], V]) -> tuple[V, bool]:
    """Return what the first of these ``sources`` (an option, an environment variable) says that says
    something, else what ``usual`` means; and whether any of them does.

    :raises CannotStart: it says what cannot be; the sentence names which of them.
    """
    source, text = next(((who, text) for who, text in sources.items() if text), ("", usual))
    try:
        return parse(text), bool(source)
    except ValueError as error:
        raise CannotStart(f"{source}: {error}") from error


def a_shared_port(text: str, usual: int, who: str, hint: str = "") -> Address:
    """Return where a port is to be that ``who`` share; ``hint`` goes on in the sentence about a wrong host.

    :raises ValueError: with one sentence.
    """
    address = Address.parse(text)
    host = address.host.lower().rstrip(".")
    if not address.port:
        raise ValueError(f"{who} share this port, so it needs a number: write localhost:{usual}.")
    if host == "localhost":
        return Address(host, address.port)
    try:
        return Address(str(ipaddress.ip_address(host)), address.port)
    except ValueError:
        raise ValueError(
            f"{quoted(address.host)} is not an address of a machine: write localhost:{address.port}, "
            f"0.0.0.0:{address.port} for everybody, or an IP address{hint}."
        ) from None
