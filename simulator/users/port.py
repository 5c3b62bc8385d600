"""What a simulated user can be told to do, in any protocol.

Each task goes on until it is done, over as many connections as it takes. Everything that happens is recorded
in the form of :mod:`chatnet.testing.history`, so that the checker holds users of all protocols to the same
promises: a draft keeps its key whenever it is sent, and a cursor moves only by what was heard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from chatnet.addresses import Address
from chatnet.client.trust import Trust
from chatnet.kinds import KindName
from chatnet.testing.recorded import Recorder
from chatnet.testing.user import Choice
from chatnet.world import World


class Home(NamedTuple):
    """What all clients of the user ``name`` at one device are made with: the ``masters`` whom they know, and
    the ``world``. Without ``trust`` they use no TLS. In ``shared`` is what the users of one host share; it is
    empty at first."""

    name: str
    masters: Sequence[Address]
    world: World
    trust: Trust | None
    shared: dict[str, Any]


class User(Protocol):
    """One client of one user; see :class:`chatnet.testing.user.User`, which is one."""

    def start(self, password: str | None = None, code: str = "") -> None:
        """Log in, and stay logged in; ``password`` is the last one that they believe to have set. A ``code``
        is shown first, if they have one."""

    def stop(self) -> Deferred[Any]:
        """End this client; unanswered requests are never answered."""

    # ---- what can be seen of it ----

    @property
    def is_connected(self) -> bool:
        """Whether it is logged in."""

    @property
    def worker(self) -> str:
        """Where its worker is, HOST:PORT, while it is connected; perhaps a space, and the process's name."""

    @property
    def waiting(self) -> int:
        """How many of its drafts and questions are not answered yet."""

    @property
    def is_away(self) -> bool:
        """Whether it is reading nothing for a while."""

    @property
    def is_chatting(self) -> bool:
        """Whether it hears posts, or has asked to."""

    @property
    def cursor(self) -> int | None:
        """How far it has read, while it is chatting."""

    # ---- what it can be told ----

    def post(self, text: str, room: str | None = None) -> None:
        """Post ``text`` in ``room``, or in one's own, under a key that no other draft has."""

    def join(self, room: str) -> None:
        """Follow ``room``."""

    def leave(self, room: str) -> None:
        """Stop following ``room``."""

    def order(self, kind: KindName, room: str, to: str = "", text: str = "") -> None:
        """Append what is neither a post nor a join, leave or redaction."""

    def redact(self, choice: Choice) -> None:
        """Take a post back that they have seen."""

    def report(self, choice: Choice) -> None:
        """Report a post that they have seen."""

    def set_password(self, old: str | None, password: str) -> None:
        """Replace the secret; ``old`` is the password that they believe is theirs."""

    def pair(self, keep: Callable[[str], None], password: str | None) -> None:
        """Make a code for another device of theirs, and ``keep`` it once it is good; ``password``: the one
        that they believe is theirs."""

    def recovery(self, keep: Callable[[list[str]], None], password: str | None) -> None:
        """Make recovery codes, and ``keep`` them once they are good; ``password``: as for :meth:`pair`."""

    def revoke_others(self) -> None:
        """End all sessions but this one."""

    def forget(self, password: str | None) -> None:
        """Have all taken back that this user ever said; ``password``: the one that they believe is theirs."""

    def chat(self) -> None:
        """Begin to hear posts, and continue from the cursor after each reconnect."""

    def unchat(self) -> None:
        """Stop hearing posts."""

    def look_back(self, room: str, pages: int) -> None:
        """Read what was said in ``room``, from the newest post back."""

    def list_rooms(self, prefix: str) -> None:
        """List the rooms that begin with ``prefix``."""

    def list_invitations(self) -> None:
        """Ask for the open invitations."""

    def mark(self) -> None:
        """Mark what was heard in each room, and read all marks."""

    def stop_reading(self) -> None:
        """Stop reading what comes."""

    def hang_up(self) -> None:
        """Lose the connection, and do not reconnect yet."""

    def read_on(self) -> None:
        """Return from :meth:`stop_reading` or :meth:`hang_up`."""


MakeUser = Callable[[Home, Recorder], User]
"""Makes a client, which records what happens to it."""
