"""Places -> live sessions on this worker, kept in step by the log itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chatnet.entries import Entry, Memberships, places
from chatnet.kinds import HEARD, STAYS
from chatnet.wire import encode

if TYPE_CHECKING:
    from chatnet.log import Snapshot
    from chatnet.net.outbox import Outbox, Outboxes


class LocalUser:
    """A user with sessions on this worker.

    ``memberships`` are complete behind the seq ``since``, and in step with the window's head; all sessions
    of the user share them. ``live`` are those that hear posts as they come.
    """

    __slots__ = ("live", "memberships", "sessions", "since", "user")

    def __init__(self, user: str, memberships: Memberships, since: int) -> None:
        self.user = user
        self.memberships = memberships
        self.since = since
        self.sessions = 0
        self.live: tuple[Outbox, ...] = ()

    def places(self) -> list[str]:
        """Where this user listens now."""
        return [self.user, "@" + self.user, *self.memberships.rooms()]


class Router:
    """Hands each new post to the live sessions that may see it.

    ``deliveries`` counts them. A live session's cursor is the window's head: there is none to move here.
    """

    def __init__(self, outboxes: Outboxes) -> None:
        self._outboxes = outboxes
        self._ears: dict[str, dict[Outbox, None]] = {}
        self._local_users: dict[str, LocalUser] = {}
        self.deliveries = 0

    def arrive(self, user: str, snapshot: Snapshot, since: int, behind: Iterable[Entry]) -> LocalUser:
        """One more session of ``user``.

        ``snapshot`` has the stays that matter behind ``since``; ``behind`` are the entries from it to the
        window's head.
        """
        local_user = self._local_users.get(user)
        if local_user is None:
            memberships = Memberships(snapshot.intervals, snapshot.registered)
            for entry in behind:
                if entry.user == user and entry.kind in STAYS:
                    memberships.apply(entry)
            local_user = self._local_users[user] = LocalUser(user, memberships, since)
        local_user.sessions += 1
        return local_user

    def depart(self, local_user: LocalUser) -> None:
        """One session less, which must no longer be live."""
        local_user.sessions -= 1
        if not local_user.sessions:
            del self._local_users[local_user.user]

    def go_live(self, local_user: LocalUser, outbox: Outbox) -> None:
        """Hand over what comes from now on."""
        local_user.live += (outbox,)
        for place in local_user.places():
            self._subscribe(place, outbox)

    def leave_live(self, local_user: LocalUser, outbox: Outbox) -> None:
        """Hand over nothing more."""
        local_user.live = tuple(other for other in local_user.live if other is not outbox)
        for place in local_user.places():
            self._unsubscribe(place, outbox)

    def apply(self, entries: Sequence[Entry]) -> None:
        """The window grew: hand over posts, and follow the joins and leaves, in seq order.

        Posts in a row that are heard at the same places travel as one chunk of bytes.
        """
        run: list[Entry] = []
        where: tuple[str, ...] = ()
        for entry in entries:
            if entry.kind in HEARD:
                at = places(entry.user, entry.text)
                if at != where:
                    self._fan_out(where, run)
                    run, where = [], at
                run.append(entry)
            elif entry.kind in STAYS and entry.user in self._local_users:
                self._fan_out(where, run)
                run = []
                self._move(self._local_users[entry.user], entry)
        self._fan_out(where, run)

    def _fan_out(self, where: tuple[str, ...], run: list[Entry]) -> None:
        if not run:
            return
        ears = self._listening(where)
        if not ears:
            return
        chunk = encode.deliver(run)
        outboxes = self._outboxes
        dirty = outboxes.dirty
        for outbox in ears:
            parts = outbox.parts
            if not parts:
                dirty.append(outbox)
            parts.append(chunk)
        outboxes.schedule()
        self.deliveries += len(ears) * len(run)

    def _listening(self, where: tuple[str, ...]) -> dict[Outbox, None]:
        """Who listens at any of the places, each once."""
        found = [self._ears[place] for place in where if place in self._ears]
        if len(found) == 1:
            return found[0]
        return {outbox: None for ears in found for outbox in ears}

    def _move(self, local_user: LocalUser, entry: Entry) -> None:
        if local_user.memberships.apply(entry):
            change = self._subscribe if entry.kind == "join" else self._unsubscribe
            for outbox in local_user.live:
                change(entry.room, outbox)

    def _subscribe(self, place: str, outbox: Outbox) -> None:
        self._ears.setdefault(place, {})[outbox] = None

    def _unsubscribe(self, place: str, outbox: Outbox) -> None:
        ears = self._ears[place]
        del ears[outbox]
        if not ears:
            del self._ears[place]
