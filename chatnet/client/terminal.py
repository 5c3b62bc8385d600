"""What a terminal promises to the interpreter of commands: both have it, the lines and the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from chatnet.blanking import Blanking
from chatnet.client.said import Said
from chatnet.client.typed import Typed


@dataclass(frozen=True)
class Unreadable:
    """A typed line that cannot be used; the sentence says why."""

    sentence: str


class Terminal(Protocol):
    """Where a person types and reads."""

    async def read(self) -> Typed | Unreadable | None:
        """Return the next line; None at the end of input, at each call."""

    async def answer(self) -> str | None:
        """Return the answer that was expected; None at the end of input. Nothing typed before counts."""

    def show(self, text: str) -> None:
        """Show a text of ours or of others; it is made safe for the terminal here."""

    def heard(self, said: Said, is_new: bool = True) -> None:
        """Show a post of others; ``is_new``: it came since the chat has begun."""

    def numbered(self, said: Said) -> None:
        """Show a post of history with its number."""

    def taken_back(self, seq: int, sentence: str) -> None:
        """The text of the post ``seq`` is gone: take it out of what is shown, and show the ``sentence``."""

    def all_taken_back(self, taken: Blanking) -> None:
        """All texts that are ``taken`` back together are gone: take them out of what is shown. Who is
        forgotten is nobody any more."""

    def posted(self, said: Said, answer: Deferred[Any]) -> None:
        """Show the user's own post as others will see it. ``answer`` fires on acknowledgement or refusal."""

    def moved(self, sentence: str) -> None:
        """Show the ``sentence`` that says where posts go from now on."""

    def expect(self, what: str, room: str = "") -> None:
        """Say what the next line will be: a ``command``, a ``post``, a ``password`` or an ``answer``.

        A post is said in ``room``; empty: in the user's own. What was typed before stays what it was.
        """

    def offer(self, commands: Sequence[str]) -> None:
        """Say which commands there are, without a slash."""

    def learn(self, rooms: Sequence[str], is_member: bool | None = None, since: int = 0) -> None:
        """Say that there are these rooms, and whether the user is a member of them; None: not known. Nothing
        up to the seq ``since`` is new there: then they came."""

    @property
    def shows_all(self) -> bool:
        """Whether the user reads whatever is shown; if not, only in the room where they are."""

    def recount(self) -> None:
        """Ask in which rooms the user is, and how much is new there."""

    def has_read(self, room: str, upto: int) -> None:
        """The user has read ``room`` up to the seq ``upto``: in its history, or on another device."""

    @property
    def is_attended(self) -> bool:
        """Whether a person is there, who can be asked."""

    def linked(self, name: str | None) -> None:
        """Show that the client is logged in as ``name``; None: the connection is lost."""

    def leaving(self, drafts: int) -> None:
        """Show that nothing more is read, and that this many drafts are waited for."""

    def ahead(self) -> int:
        """Return how many lines were typed that :meth:`read` has not given out; one that is being typed
        counts, as far as that is known."""

    def undone(self) -> int:
        """Return how many typed lines :meth:`read` has not given out; an incomplete line counts.

        Only for the end: the lines counted here are not given out later.
        """

    def trouble(self) -> str | None:
        """Return why the terminal has ended, unless the person wanted it."""
