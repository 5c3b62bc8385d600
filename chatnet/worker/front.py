"""What a worker's ports ask of each protocol that clients speak there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.net.visitors import Visitors
from chatnet.worker.elsewhere import OtherPlaces
from chatnet.worker.entrance import Entrance


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


class WebFront(Protocol):
    """HTTP, as a worker's web port offers it: that is open before the worker has a log, and without."""

    @property
    def begins(self) -> Collection[int]:
        """The first bytes of its connections."""

    def visitor(self) -> Any:
        """Return a Twisted protocol for one more connection; as in :meth:`Front.connection`."""

    def stop(self) -> None:
        """End what is kept between connections."""
