"""What a run left, put in order for the checker. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from chatnet.entries import Entry
from chatnet.kinds import SAID
from chatnet.stays import Memberships, changes
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    ChatEnded,
    CursorMoved,
    Ended,
    Event,
    Refused,
    Repeated,
    Sent,
    Started,
    Stopped,
    Took,
)
from chatnet.testing.rules import heard_at


@dataclass
class SentDraft:
    """One draft, what happened to it, and how much of the log was known when it was made."""

    sent: Sent
    known: int
    seqs: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"the {self.sent.kind} {shown(self.sent.key)} of {self.sent.client}"


@dataclass
class Reading:
    """One chat of one client. ``cursor`` is the last that it knew; ``is_open``: it goes on."""

    begun: ChatBegun
    cursor: int
    took: list[Entry] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    is_open: bool = True

    def __str__(self) -> str:
        return f"reader {self.begun.reader} of {self.begun.client}"


class Evidence:
    """What all users recorded, in the order in which it happened, and the complete final ``log``.

    ``settled``: the run ended in peace, with everybody connected and everything answered. ``alone``: nobody
    else used the cluster; otherwise there are entries of others, who recorded nothing. ``relayed``: for a
    while somebody stood between them and the cluster, with a key of their own. ``unsynced``: what the
    cluster had not synced was lost, by a loss of power.
    """

    def __init__(
        self,
        events: Sequence[Event],
        log: Sequence[Entry],
        settled: bool = True,
        alone: bool = True,
        relayed: bool = False,
        unsynced: bool = False,
    ) -> None:
        self.events = events
        self.log = log
        self.settled = settled
        self.alone = alone
        self.relayed = relayed
        self.unsynced = unsynced

    def entry(self, seq: int) -> Entry | None:
        """Return what the log has at ``seq``."""
        return self.log[seq - 1] if 0 < seq <= len(self.log) else None

    @cached_property
    def by_key(self) -> dict[tuple[str, bytes], list[Entry]]:
        """The entries by user and key."""
        found: dict[tuple[str, bytes], list[Entry]] = {}
        for entry in self.log:
            found.setdefault((entry.user, entry.key), []).append(entry)
        return found

    @cached_property
    def drafts(self) -> dict[tuple[str, bytes], SentDraft]:
        """Everything that was sent, by user and key, in order."""
        drafts: dict[tuple[str, bytes], SentDraft] = {}
        known = 0
        for event in self.events:
            match event:
                case Sent():
                    drafts[event.user, event.key] = SentDraft(event, known)
                case Acknowledged():
                    known = max(known, event.seq)
                    if draft := drafts.get((event.user, event.key)):
                        draft.seqs.append(event.seq)
                case Refused():
                    if draft := drafts.get((event.user, event.key)):
                        draft.codes.append(event.code)
        return drafts

    @cached_property
    def drafts_of_clients(self) -> dict[str, list[SentDraft]]:
        """The drafts of each client, in the order in which it sent them."""
        drafts: dict[str, list[SentDraft]] = {}
        for draft in self.drafts.values():
            drafts.setdefault(draft.sent.client, []).append(draft)
        return drafts

    @cached_property
    def readings(self) -> list[Reading]:
        """All chats, in the order in which they began."""
        readings: dict[tuple[str, int], Reading] = {}
        for event in self.events:
            match event:
                case ChatBegun():
                    readings[event.client, event.reader] = Reading(event, event.cursor)
                case Took():
                    reading = readings[event.client, event.reader]
                    reading.took.append(event.entry)
                    reading.cursor = max(reading.cursor, event.entry.seq)
                case Repeated():
                    readings[event.client, event.reader].repeated.append(event.seq)
                case CursorMoved():
                    readings[event.client, event.reader].cursor = event.cursor
                case ChatEnded():
                    readings[event.client, event.reader].is_open = False
        for reading in readings.values():
            reading.is_open &= reading.begun.client not in self.stopped
        return list(readings.values())

    @cached_property
    def stopped(self) -> set[str]:
        """The clients that were ended by their users, or gave up."""
        return {event.client for event in self.events if isinstance(event, Stopped | Ended)}

    @cached_property
    def users(self) -> set[str]:
        """All users that ever tried to log in."""
        return {event.user for event in self.events if isinstance(event, Started)}

    @cached_property
    def secrets(self) -> dict[str, list[tuple[Entry, Sent]]]:
        """The new secrets of each user, and by which client and when they were sent."""
        found: dict[str, list[tuple[Entry, Sent]]] = {}
        for entry in self.log:
            draft = self.drafts.get((entry.user, entry.key))
            if entry.kind == "secret" and draft is not None:
                found.setdefault(entry.user, []).append((entry, draft.sent))
        return found

    @cached_property
    def posts(self) -> list[Entry]:
        """The entries of the log that are heard: posts, and whatever other kind is."""
        return [entry for entry in self.log if entry.kind in SAID]

    @cached_property
    def heard_at(self) -> dict[int, tuple[str, ...]]:
        """The places of each post, by its seq."""
        return {post.seq: heard_at(post.user, post.room, post.text) for post in self.posts}

    @cached_property
    def memberships(self) -> dict[str, Memberships]:
        """All stays of each user."""
        stays = {user: Memberships() for user in self.users}
        for entry in self.log:
            if entry.user in stays and entry.kind == "register":
                stays[entry.user].registered = entry.seq
            for change in changes(entry):
                if change.user in stays:
                    stays[change.user].change(change, entry.seq)
        return stays

    @cached_property
    def visible(self) -> dict[str, list[Entry]]:
        """The posts that each user may see."""
        return {
            user: [post for post in self.posts if self._is_for(post, user, stays)]
            for user, stays in self.memberships.items()
        }

    def _is_for(self, post: Entry, user: str, stays: Memberships) -> bool:
        return any(
            place == user
            or stays.covers(place, post.seq)
            or (place == f"@{user}" and self.rooms.get(user, post.seq) < post.seq)
            for place in self.heard_at[post.seq]
        )

    @cached_property
    def rooms(self) -> dict[str, int]:
        """The seq since which each room exists."""
        since: dict[str, int] = {}
        for entry in self.log:
            rooms: Iterable[str] = ()
            if entry.kind == "register":
                rooms = (entry.user,)
            elif entry.kind == "join":
                rooms = (entry.room,)
            elif entry.kind in SAID:
                rooms = (place for place in self.heard_at[entry.seq] if place.startswith("#"))
            for room in rooms:
                since.setdefault(room, entry.seq)
        return since


def shown(key: bytes) -> str:
    """Return the beginning of a key: short enough to read, and long enough to find."""
    return key.hex()[:8]
