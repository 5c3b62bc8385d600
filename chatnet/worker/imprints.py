"""Tells the primary which passwords were right here, and knows from it which were right elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from chatnet.imprints import GATHER_SECONDS, Imprint, Imprints
from chatnet.net.link import Link
from chatnet.net.timer import Timer
from chatnet.wire.imprints import TellImprints


class SharedImprints:
    """The imprints that this process knows: ``found`` here, and ``told`` by the primary."""

    def __init__(self, clock: IReactorTime) -> None:
        self._known = Imprints()
        self._place = 0
        self._link: Link | None = None
        self._telling = Timer(clock, GATHER_SECONDS, self._tell, "Cannot tell which passwords were right")

    def __len__(self) -> int:
        return len(self._known)

    def of(self, user: str) -> Imprint | None:
        """Return the newest imprint of a user."""
        return self._known.of(user)

    def found(self, imprint: Imprint) -> None:
        """A password was right here."""
        self._known.add(imprint)
        if self._link is not None:
            self._telling.start()

    def told(self, imprints: Sequence[Imprint]) -> None:
        """The primary says that these were right."""
        is_told = self._place == self._known.last
        for imprint in imprints:
            self._known.add(imprint)
        if is_told:
            self._place = self._known.last  # it need not be told so itself

    def attached(self, link: Link, wants: bool) -> None:
        """A primary that understands this has registered the process: tell it all that is known; ``wants``:
        and hear of others."""
        self._link, self._place = link, 0
        if wants:
            link.callRemote(TellImprints, wants=True, imprints=[])
        self._telling.start()

    def detached(self) -> None:
        """The link to the primary is lost, or the process ends: tell nothing more."""
        self._link = None
        self._telling.stop()

    def _tell(self) -> None:
        if self._link is not None:
            self._place = self._known.tell(self._place, self._link, self._tell_some)
        if self._link is None or self._place == self._known.last:
            self._telling.stop()

    def _tell_some(self, imprints: Sequence[Imprint]) -> None:
        if self._link is not None:
            self._link.callRemote(TellImprints, wants=False, imprints=imprints)
