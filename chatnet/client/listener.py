"""What is told about events on a client's connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chatnet.entries import Entry


class Listener(Protocol):
    """Hears about events on a connection."""

    def logged_in(self, name: str) -> None:
        """The first login succeeded; ``name`` is as the cluster spells it."""

    def lost(self) -> None:
        """The connection is lost; the client is trying to reconnect."""

    def back(self) -> None:
        """The connection is up again."""

    def newest(self, posts: Sequence[Entry]) -> None:
        """A chat begins with these posts, oldest first."""

    def heard(self, post: Entry) -> None:
        """A post arrived that this process did not send."""

    def marked(self, room: str, seq: int) -> None:
        """Another client of the user has read ``room`` up to ``seq``."""

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        """The user has joined ``room``, or left it, by the entry ``seq``, on any device."""

    def must_recount(self) -> None:
        """The rooms that the user is in, and what is unread there, may have changed unheard; what was said
        meanwhile has come."""

    def told(self, sentence: str) -> None:
        """Something happened that the user should know."""

    async def agrees(self, question: str) -> bool:
        """Return whether the user says yes; False if there is nobody to ask."""

    async def code(self, question: str) -> str:
        """Return the code that the user types; empty if that is nothing, or there is nobody to ask."""

    def ended(self, sentence: str) -> None:
        """The connection has ended; ``sentence`` says why."""
