"""Who is told what happens on a client's connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chatnet.entries import Entry


class Listener(Protocol):
    """Who is told what happens on a connection."""

    def logged_in(self, name: str) -> None:
        """For the first time; ``name`` as the cluster spells it."""

    def lost(self) -> None:
        """The connection is gone; it is being sought again."""

    def back(self) -> None:
        """It is up again."""

    def newest(self, posts: Sequence[Entry]) -> None:
        """What a chat begins with, oldest first."""

    def heard(self, post: Entry) -> None:
        """A post that this process did not send."""

    def told(self, sentence: str) -> None:
        """Something that the user should know."""

    async def agrees(self, question: str) -> bool:
        """Does the user say yes to it? Not if there is nobody to ask."""

    def ended(self, sentence: str) -> None:
        """It is over; ``sentence`` says why."""
