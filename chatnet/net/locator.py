"""The commands that the end of a link understands, in one role; a link changes its locator with its role."""

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
    """The commands that a link understands in one role. Each has its ``link``.

    ``speaker`` is whose commands they are: see :mod:`chatnet.wire.table`; None for a base of several classes.
    ``hint`` ends the sentence that refuses an unknown command.
    """

    speaker: ClassVar[Speaker | None] = None
    hint: ClassVar[str] = "docs/protocol.md names those there are"
    link: Link

    _commandDispatch: ClassVar[dict[bytes, tuple[type[amp.Command], Callable[..., Any]]]]  # amp's own

    def responder(self, name: bytes) -> tuple[type[amp.Command], Callable[..., Any]]:
        """The command ``name``, and what answers it: called with this and its arguments.

        :raises NotAllowed: it is not understood in this role.
        """
        found = self._commandDispatch.get(name)
        if found is None:
            raise NotAllowed.of(command=legible(name, 40), hint=self.hint)
        return found

    @property
    def is_stranger(self) -> bool:
        """Has the other end yet to log in, or to prove anything?"""
        return self.speaker in STRANGERS

    @property
    def is_idle(self) -> bool:
        """Is a stranger not just about it?"""
        return True

    def connected(self, link: Link) -> None:
        """``link`` now speaks through this locator."""
        self.link = link

    def lost(self, reason: Failure) -> None:
        """The link is gone."""

    def filled(self) -> None:
        """The link is full (:attr:`Link.full`): what is put now waits in our memory."""

    def drained(self) -> None:
        """The link has room again."""

    def ping(self) -> bytes:
        """The box to send as a sign of life."""
        return PING

    @Ping.responder
    def pinged(self, seq: int | None, check: bytes | None) -> dict[str, Any]:
        return {}
