"""The states of a client's connection; :mod:`chatnet.client.connection` has the diagram. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chatnet.addresses import Address
from chatnet.net.link import Link


@dataclass(frozen=True)
class Found:
    """A ``worker`` to go to, its log, and the ``master``, as the user named it, that said so.

    ``key`` is the fingerprint of what the worker presents. ``encrypted``: that was said by TLS.
    """

    master: Address
    worker: Address
    log_id: str
    key: str = ""
    encrypted: bool = False


@dataclass(frozen=True)
class Waiting:
    """Before an attempt."""


@dataclass(frozen=True)
class Locating:
    """The masters are being asked for a worker."""


@dataclass(frozen=True)
class Connecting:
    """To a worker that a master named, or the worker before it."""

    worker: Address


@dataclass(frozen=True)
class LoggingIn:
    """The worker has not answered yet."""

    link: Link


@dataclass(frozen=True)
class Up:
    """Logged in: what is asked goes out."""

    link: Link


@dataclass(frozen=True)
class Moving(Up):
    """The worker wants us to go to another: what was sent is being answered, what is asked waits."""


@dataclass(frozen=True)
class Over:
    """Stopped, or refused for good."""


State = Waiting | Locating | Connecting | LoggingIn | Up | Moving | Over
