"""The states of a client's connection; :mod:`chatnet.client.connection` has the diagram. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chatnet.addresses import Address
from chatnet.net.link import Link


@dataclass(frozen=True)
class Found:
    """A ``worker`` to go to, its log, and the ``master``, as the user named it, that told us.

    ``key`` is the fingerprint of what the worker presents. ``encrypted``: TLS brought this answer.
    """

    master: Address
    worker: Address
    log_id: str
    key: str = ""
    encrypted: bool = False


@dataclass(frozen=True)
class Waiting:
    """Pausing before an attempt."""


@dataclass(frozen=True)
class Locating:
    """The masters are being asked for a worker."""


@dataclass(frozen=True)
class Connecting:
    """Connecting to a worker that a master, or the last worker, named."""

    worker: Address


@dataclass(frozen=True)
class LoggingIn:
    """The worker has not answered the login yet."""

    link: Link


@dataclass(frozen=True)
class Up:
    """Logged in: requests are sent."""

    link: Link


@dataclass(frozen=True)
class Moving(Up):
    """The worker wants us to go to another: sent requests are being answered, new ones wait."""


@dataclass(frozen=True)
class Over:
    """Stopped, or refused for good."""


State = Waiting | Locating | Connecting | LoggingIn | Up | Moving | Over
