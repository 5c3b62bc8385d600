"""The commands that one end of a link understands in one role; a new role brings a new locator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.protocols import amp
from twisted.python.failure import Failure

from chatnet.errors import NotAllowed
from chatnet.text import legible
from chatnet.wire.common import Ping
from chatnet.wire.encode import PING
from chatnet.wire.table import STRANGERS, Speaker

if TYPE_CHECKING:
    from chatnet.net.link import Link


class Locator(amp.CommandLocator):
    """The commands that a link understands in one role. Each locator has its ``link``.

    ``speaker`` says who sends these commands: see :mod:`chatnet.wire.table`; None for a base class.
    ``hint`` ends the sentence that refuses an unknown command.
    """

    speaker: ClassVar[Speaker | None] = None
    hint: ClassVar[str] = "docs/protocol.md names those there are"
    link: Link

    _commandDispatch: ClassVar[dict[bytes, tuple[type[amp.Command], Callable[..., Any]]]]  # amp's own

    def responder(self, name: bytes) -> tuple[type[amp.Command], Callable[..., Any]]:
        """Return the command ``name``, and the function that answers it: called with this and its arguments.

        :raises NotAllowed: the command is not understood in this role.
        """
        found = self._commandDispatch.get(name)
        if found is None:
            raise NotAllowed.of(command=legible(name, 40), hint=self.hint)
        return found

    @property
    def is_stranger(self) -> bool:
        """Whether the other end has neither logged in nor proven anything."""
        return self.speaker in STRANGERS

    @property
    def is_idle(self) -> bool:
        """Whether a stranger is not logging in or proving itself at this moment."""
        return True

    def connected(self, link: Link) -> None:
        """Note that ``link`` now uses this locator."""
        self.link = link

    def lost(self, reason: Failure) -> None:
        """Called when the link is gone."""

    def filled(self) -> None:
        """Called when the link is full (:attr:`Link.full`): what is put from now on waits in our memory."""

    def drained(self) -> None:
        """Called when the link has room again."""

    def ping(self) -> bytes:
        """Return the box to send as a sign of life."""
        return PING

    @Ping.responder
    def pinged(self, seq: int | None, check: bytes | None) -> dict[str, Any]:
        return {}
