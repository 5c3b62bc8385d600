"""How far one has read, and what of it to show. Pure.

A cursor moves by what is delivered and by ``Ping(seq)``, never by an acknowledgement: an acknowledged post
says nothing of the posts of others before it. Where a post was delivered, the cursor is made of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chatnet.cursor import Cursor
from chatnet.entries import KEY_BYTES, Entry
from chatnet.form import MAX_TEXT
from chatnet.kinds import HEARD, KINDS
from chatnet.names import MAX_NAME

OWN_KEYS = 10_000
"""How many keys of one's own posts to remember."""
MOST_HELD = 5_000
"""How many posts are held until it is known where they begin. Of a worker that is one, only those that were
on their way when we asked anew come so early."""

_NEVER_SHOWN = frozenset(KINDS) - HEARD


class Unbelievable(Exception):
    """A worker says what no worker says; the sentence tells what.

    To take it would cost memory without bound, or leave a cursor that no other worker reads.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"The worker says what no worker says: {what}.")


def check_entry(post: Entry) -> None:
    """Look whether this can be an entry of some log that clients are shown; not whether it could be appended
    today. It may be of a kind that a newer program knows.

    :raises Unbelievable: it cannot.
    """
    if not (0 < post.seq < 1 << 63 and 0 <= post.time < 1 << 63 and post.kind not in _NEVER_SHOWN):
        raise Unbelievable("what it delivers is no post")
    if len(post.user) > MAX_NAME or len(post.room) > MAX_NAME or len(post.text) > MAX_TEXT:
        raise Unbelievable("a post longer than any")
    if len(post.key) != KEY_BYTES:
        raise Unbelievable("a post whose key is none")


def is_shown(entry: Entry) -> bool:
    """Is it of a kind that this program knows, and shows?"""
    return entry.kind in HEARD


@dataclass(frozen=True)
class Silent:
    """Not chatting."""


@dataclass(frozen=True)
class Beginning:
    """Chat was asked for afresh; what comes before its answer is held until that says where we are."""

    held: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Following:
    """Chatting: every visible post up to ``cursor`` was taken."""

    cursor: Cursor


class Feed:
    """What one client hears. Nothing is taken twice, and its own posts are known by their keys.

    ``log_id`` names the log that it comes from, once that is known.
    """

    log_id = ""

    def __init__(self) -> None:
        self.state: Silent | Beginning | Following = Silent()
        self._own: dict[bytes, None] = {}

    @property
    def cursor(self) -> Cursor | None:
        """Where to go on from on another connection; None if nothing is to go on."""
        return self.state.cursor if isinstance(self.state, Following) else None

    def sent(self, key: bytes) -> None:
        """The post with this key is our own: do not show it when it is delivered."""
        self._own[key] = None
        if len(self._own) > OWN_KEYS:
            del self._own[next(iter(self._own))]

    def begin(self) -> Beginning:
        """Chat is being asked for, afresh; an answer to it counts while this is still the state."""
        self.state = beginning = Beginning()
        return beginning

    def detached(self) -> None:
        """The link is lost. The worker that will answer on the next may have read less of the log."""
        if isinstance(self.state, Beginning):
            self.state.held.clear()

    def end(self) -> None:
        """Stop chatting."""
        self.state = Silent()

    def began(self, cursor: Cursor) -> list[Entry]:
        """Chat was answered; returns what was held of what lies behind ``cursor``, to be shown."""
        if not isinstance(self.state, Beginning):
            return []
        held, self.state = self.state.held, Following(cursor)
        return [entry for entry in held if self.take(entry)]

    def take(self, entry: Entry) -> bool:
        """One delivered entry; is it a post to be shown now? What only a newer program knows is passed over.

        :raises Unbelievable: it is no post, or there are too many before the answer to Chat.
        """
        check_entry(entry)
        match self.state:
            case Beginning(held):
                if len(held) == MOST_HELD:
                    raise Unbelievable("more and more posts, but not where they begin")
                held.append(entry)
            case Following(cursor) if entry.seq > cursor.seq:
                self.state = Following(Cursor.at(self.log_id, entry))
                return is_shown(entry) and entry.key not in self._own
        return False

    def nothing_up_to(self, cursor: Cursor) -> None:
        """There is nothing for us up to ``cursor``."""
        if isinstance(self.state, Following) and cursor.seq > self.state.cursor.seq:
            self.state = Following(cursor)

    def rewound(self, cursor: Cursor) -> bool:
        """The log was put back to ``cursor``: go on from there. False if we have not read so far."""
        if not isinstance(self.state, Following) or self.state.cursor.seq <= cursor.seq:
            return False
        self.state = Following(cursor)
        return True
