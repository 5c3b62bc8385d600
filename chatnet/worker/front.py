"""What a worker's ports ask of each protocol that clients speak there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from chatnet.addresses import Address
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.net.visitors import Visitors
from chatnet.web_options import Network
from chatnet.worker.elsewhere import OtherPlaces
from chatnet.worker.entrance import Entrance

if TYPE_CHECKING:
    from chatnet.worker.frontend import Frontend


@dataclass(frozen=True)
class Shared:
    """What the fronts of one worker share.

    A connection is in the ``pulse`` while it is connected: so it is counted, pinged, and closed when the
    worker stops. The port adds it to the ``visitors`` as a stranger; the connection tells them when it has
    logged in or is gone. ``others`` are the workers where a client can resume when this one is gone.
    """

    outboxes: Outboxes
    pulse: Pulse
    visitors: Visitors
    others: OtherPlaces


class Front(Protocol):
    """One protocol that clients speak, as a worker's port offers it."""

    @property
    def begins(self) -> Collection[int]:
        """The first bytes that identify its connections; no two fronts share one."""

    @property
    def in_plain(self) -> bytes:
        """What a client on another machine is told that speaks it without TLS, before it is hung up on.

        Of AMP it is nothing: the port itself answers each command.
        """

    def connection(self, entrance: Entrance) -> Any:
        """Return a Twisted protocol for one more client, which logs in through ``entrance``. It implements
        :class:`~chatnet.net.pulse.Watched`, and :class:`~chatnet.net.visitors.Stranger` until the login."""


Offer = Callable[[Shared], Front]
"""Makes the front of one worker."""


class Serving(Protocol):
    """What a worker can do for its clients now. Its web port is open before it has a store, and without."""

    @property
    def frontend(self) -> Frontend | None:
        """What serves from the log; None if there is no log yet, or no more."""

    @property
    def takes(self) -> bool:
        """Whether clients are let in now. If not, another worker may: the store is away here, there is no
        room, or the worker is being emptied."""


@dataclass(frozen=True)
class SiteSettings:
    """Where the page is. ``public_url`` is what the operator says, ``https://HOST[:PORT]``; or empty.
    ``trusted_proxies`` are the networks whose word on a client's address and scheme is believed. ``hostname``
    is the machine's, and ``address`` is the port's."""

    public_url: str
    trusted_proxies: tuple[Network, ...]
    hostname: str
    address: Address


class WebFront(Protocol):
    """HTTP, as a worker's web port offers it."""

    @property
    def begins(self) -> Collection[int]:
        """The first bytes of its connections."""

    def connection(self, host: str, in_plain: bool) -> Any:
        """Return a Twisted protocol for one more connection, from ``host``: a
        :class:`~chatnet.net.visitors.Stranger` until it has logged in. ``in_plain``: it comes from another
        machine without TLS, where that is not allowed."""

    def stop(self) -> None:
        """Close all connections: the worker stops."""
