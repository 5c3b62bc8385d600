"""Who dials within the cluster: what it understands, and when."""

from __future__ import annotations

from chatnet.errors import StaleEpoch
from chatnet.net.link import Locator
from chatnet.wire.table import Speaker


class Unregistered(Locator):
    """The other end may be anybody: nothing that it says is understood, but that it is alive.

    This lasts until it has proven the token, and answered the registration (or, to an operator, for ever).
    """

    speaker = Speaker.DIALLED
    hint = "whoever dials takes no orders before the proof and the registration"


class Commanded(Locator):
    """The other end has proven that it is the primary of ``epoch``, and answered the registration.

    The link is that epoch's: an order that bears another is none of that primary's.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def check(self, epoch: int) -> None:
        """:raises StaleEpoch: the order is one of another epoch."""
        if epoch != self._epoch:
            raise StaleEpoch.of(theirs=epoch, ours=self._epoch)
