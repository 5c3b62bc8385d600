"""Tells the primary who is typing here, and hands on what it tells of all who are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime

from chatnet.net.link import Link
from chatnet.typists import Gathered, Typist, pieces
from chatnet.wire.typists import TellTypists

Told = Callable[[Sequence[Typist]], object]


class Typists:
    """Who is typing, by way of the primary: also what is said here is told here by it. While there is none,
    or it does not read, nobody is told."""

    def __init__(self, clock: IReactorTime) -> None:
        self._gathered = Gathered(clock, self._tell)
        self._link: Link | None = None
        self._told: Told | None = None

    @property
    def are_told(self) -> bool:
        """Whether there is a primary that tells others."""
        return self._link is not None

    def say(self, typist: Typist) -> None:
        """Somebody here is typing."""
        if self._link is not None:
            self._gathered.add(typist)

    def watch(self, told: Told) -> None:
        """Have ``told`` called with all who are typing."""
        self._told = told
        if self._link is not None:
            self.attached(self._link)

    def told(self, typists: Sequence[Typist]) -> None:
        """The primary says who is typing."""
        if self._told is not None:
            self._told(typists)

    def attached(self, link: Link) -> None:
        """A primary that understands this has registered the process."""
        self._link = link
        if self._told is not None:
            link.callRemote(TellTypists, wants=True, typists=[])

    def detached(self) -> None:
        """The link to the primary is lost, or the process ends."""
        self._link = None
        self._gathered.stop()

    def _tell(self, typists: Sequence[Typist]) -> None:
        for piece in pieces(typists):
            if self._link is not None and not self._link.full:
                self._link.callRemote(TellTypists, wants=False, typists=piece)
