"""The port between what users do and the protocol by which they do it.

Whatever they are told goes on until it is done, over as many connections as it takes; all that happens is
recorded as :mod:`chatnet.testing.history` has it, so that the checker holds users of all protocols to the
same promises: a draft keeps its key whenever it is sent, and a cursor moves only by what was heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from chatnet.addresses import Address
from chatnet.client.trust import Trust
from chatnet.testing.user import Recorder
from chatnet.world import World


class User(Protocol):
    """One client of one user; see :class:`chatnet.testing.user.User`, which is one."""

    def start(self, password: str | None = None) -> None:
        """Log in, and stay so; ``password`` is what they believe to have set last."""

    def stop(self) -> Deferred[Any]:
        """End this client; what is unanswered stays so."""

    # ---- what one sees of it ----

    @property
    def is_connected(self) -> bool:
        """Is it logged in?"""

    @property
    def worker(self) -> str:
        """Where its worker is, HOST:PORT, while it is connected."""

    @property
    def waiting(self) -> int:
        """How many of its drafts and questions are not answered yet."""

    @property
    def is_away(self) -> bool:
        """Do they read nothing for a while?"""

    @property
    def is_chatting(self) -> bool:
        """Does it hear posts, or has it asked to?"""

    @property
    def cursor(self) -> int | None:
        """Up to where it has read, while it is chatting."""

    # ---- what it can be told ----

    def post(self, text: str) -> None:
        """Say ``text``, under a key that is never another draft's."""

    def join(self, room: str) -> None:
        """Follow ``room``."""

    def leave(self, room: str) -> None:
        """Stop following it."""

    def set_password(self, old: str | None, password: str) -> None:
        """Replace the secret; ``old`` is the password that they believe is theirs."""

    def chat(self) -> None:
        """Begin to hear posts, and go on from the cursor after each reconnect."""

    def unchat(self) -> None:
        """Stop hearing them."""

    def look_back(self, room: str, pages: int) -> None:
        """Read what was said in ``room``, from the newest post back."""

    def list_rooms(self, prefix: str) -> None:
        """List the rooms that begin with ``prefix``."""

    def stop_reading(self) -> None:
        """Look away: what comes is not read."""

    def hang_up(self) -> None:
        """Lose the connection, and seek no other yet."""

    def read_on(self) -> None:
        """Come back from either."""


class MakeUser(Protocol):
    """Makes a client of the user ``name``, who knows the ``masters``; it speaks plain without ``trust``."""

    def __call__(
        self, name: str, masters: Sequence[Address], world: World, record: Recorder, *, trust: Trust | None
    ) -> User: ...
