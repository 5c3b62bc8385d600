"""How far a client has read, and what of it to show. Pure.

A cursor moves by deliveries and by ``Ping(seq)``, never by an acknowledgement: an acknowledged post says
nothing about earlier posts of others. After a delivery, the cursor is made from the delivered post.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chatnet.client.remembered import Remembered
from chatnet.cursor import Cursor
from chatnet.entries import KEY_BYTES, Entry
from chatnet.form import MAX_TEXT
from chatnet.kinds import EVENTS, KINDS, SAID
from chatnet.names import MAX_ROOM, MAX_USER

OWN_KEYS = 10_000
"""How many keys of the user's own posts are remembered."""
MOST_HELD = 5_000
"""How many posts are held until their beginning is known. From a real worker, only posts that were on their
way when we asked again come this early."""

_NEVER_SHOWN = frozenset(KINDS) - SAID - EVENTS


class Unbelievable(Exception):
    """The worker sends what no worker sends; the sentence says what.

    Accepting it would cost memory without limit, or leave a cursor that no other worker can read.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"The worker says what no worker says: {what}.")


def check_entry(post: Entry) -> None:
    """Check that this can be an entry that some log shows to clients. Does not check whether it could be
    appended today; its kind may be one that only a newer program knows.

    :raises Unbelievable: it cannot be one.
    """
    if not (0 < post.seq < 1 << 63 and 0 <= post.time < 1 << 63 and post.kind not in _NEVER_SHOWN):
        raise Unbelievable("what it delivers is no post")
    if len(post.user) > MAX_USER or len(post.room) > MAX_ROOM or len(post.text) > MAX_TEXT:
        raise Unbelievable("a post longer than any")
    if len(post.to) > MAX_USER:
        raise Unbelievable("an event for nobody")
    if len(post.key) != KEY_BYTES:
        raise Unbelievable("a post whose key is none")


def is_shown(entry: Entry) -> bool:
    """Return whether this program knows and shows entries of this kind."""
    return entry.kind in SAID or entry.kind in EVENTS


@dataclass(frozen=True)
class Silent:
    """Not chatting."""


@dataclass(frozen=True)
class Beginning:
    """Chat was asked for; posts that come before the answer are held until it says where the chat begins."""

    held: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Following:
    """Chatting: every visible post up to ``cursor`` was taken."""

    cursor: Cursor


class Feed:
    """What one client hears. Nothing is taken twice, and what it did itself is recognized by its keys.

    ``log_id`` names the log that it comes from, once that is known. ``remembered`` are the posts that it has
    seen.
    """

    log_id = ""

    def __init__(self) -> None:
        self.state: Silent | Beginning | Following = Silent()
        self._own: dict[bytes, None] = {}
        self.remembered = Remembered()

    @property
    def cursor(self) -> Cursor | None:
        """Where to continue on another connection; None if there is nothing to continue."""
        return self.state.cursor if isinstance(self.state, Following) else None

    def sent(self, key: bytes) -> None:
        """Remember the key of our own draft: it is not shown when it is delivered."""
        self._own[key] = None
        if len(self._own) > OWN_KEYS:
            del self._own[next(iter(self._own))]

    def begin(self) -> Beginning:
        """Note that Chat is being asked for; an answer counts only while this is still the state."""
        self.state = beginning = Beginning()
        return beginning

    def detached(self) -> None:
        """The link is lost. The worker that answers on the next one may know less of the log."""
        if isinstance(self.state, Beginning):
            self.state.held.clear()

    def end(self) -> None:
        """Stop chatting."""
        self.state = Silent()

    def began(self, cursor: Cursor) -> list[Entry]:
        """Chat was answered; return the held posts after ``cursor``, which are to be shown."""
        if not isinstance(self.state, Beginning):
            return []
        held, self.state = self.state.held, Following(cursor)
        return [entry for entry in held if self.take(entry)]

    def take(self, entry: Entry) -> bool:
        """Take one delivered entry; return whether it is a post to show now. Unknown newer kinds are skipped.

        :raises Unbelievable: it is not an entry, or too many come before the answer to Chat.
        """
        check_entry(entry)
        match self.state:
            case Beginning(held):
                if len(held) == MOST_HELD:
                    raise Unbelievable("more and more posts, but not where they begin")
                held.append(entry)
            case Following(cursor) if entry.seq > cursor.seq:
                self.state = Following(self.saw(entry))
                return is_shown(entry) and entry.key not in self._own
        return False

    def saw(self, entry: Entry) -> Cursor:
        """Remember a post that was seen, here or in history; return the cursor at the entry."""
        at = Cursor.at(self.log_id, entry)
        if entry.kind in SAID:
            self.remembered.saw(at, entry.user, entry.room)
        return at

    def nothing_up_to(self, cursor: Cursor) -> None:
        """Move to ``cursor``: there is nothing for us up to there."""
        if isinstance(self.state, Following) and cursor.seq > self.state.cursor.seq:
            self.state = Following(cursor)

    def rewound(self, cursor: Cursor) -> bool:
        """The log was put back to ``cursor``: continue from there. Return False if we are not past it."""
        if not isinstance(self.state, Following) or self.state.cursor.seq <= cursor.seq:
            return False
        self.state = Following(cursor)
        return True
