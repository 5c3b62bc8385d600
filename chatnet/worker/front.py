"""The port between a worker's port for clients and the protocols that are spoken there."""

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

    A connection is in the ``pulse`` from when it is connected until it is lost: so it is counted, pinged, and
    hung up on when the worker stops. The port adds it to the ``visitors``, as a stranger; it tells them when
    it has logged in, or is gone. ``others`` are the workers where a client can resume when this one is gone.
    """

    outboxes: Outboxes
    pulse: Pulse
    visitors: Visitors
    others: OtherPlaces


class Front(Protocol):
    """One protocol that clients speak, as a worker's port offers it."""

    @property
    def begins(self) -> Collection[int]:
        """The first bytes by which its connections are known; no other front has one of them."""

    def connection(self, entrance: Entrance) -> Any:
        """A Twisted protocol for one more client; it is :class:`~chatnet.net.pulse.Watched`, a
        :class:`~chatnet.net.visitors.Stranger` until it has logged in, and goes in by ``entrance``."""


Offer = Callable[[Shared], Front]
"""Makes the front of one worker."""
