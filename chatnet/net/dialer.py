"""Who dials within the cluster: what it understands, and when; and why it found nobody."""

from __future__ import annotations

from twisted.internet.defer import TimeoutError as NotInTime
from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError
from twisted.internet.error import TimeoutError as NotConnectedInTime

from chatnet.errors import StaleEpoch
from chatnet.net.link import Locator
from chatnet.wire.table import Speaker

CANNOT_CONNECT = (ConnectError, OSError, UnicodeError)
"""How connecting fails: by Twisted's word, by the system's, and for a name that cannot be one."""


def why_not(error: Exception) -> str:
    """Why nobody could be connected to, as the end of a sentence without the full stop."""
    match error:
        case ConnectionRefusedError():
            return "nobody listens there"
        case DNSLookupError() | UnicodeError():
            return "there is no such host"
        case NotInTime() | NotConnectedInTime():
            return "no answer in time"
    return str(error).rstrip(".") or "no answer in time"


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
