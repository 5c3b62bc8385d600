"""How connections of one class hear the log: each entry is encoded once for each place.

There is a :class:`~chatnet.worker.peer.Channel` for each class. What of an entry is somebody's own affair
(their echo, their own joins and leaves) is told to them by their own connection, in the same turn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TypeVar

from chatnet.entries import Entry
from chatnet.irc import isupport
from chatnet.kinds import SAID, KindName
from chatnet.names import is_talk
from chatnet.stays import CHANGES, changes
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.faces import Faces
from chatnet.worker.fronts.irc.said import said
from chatnet.worker.fronts.irc.sees import Sees
from chatnet.worker.peer import Hearing

if TYPE_CHECKING:
    from chatnet.net.outbox import Outbox, Outboxes
    from chatnet.worker.fronts.irc.client import IrcClient
    from chatnet.worker.fronts.irc.presence import Presence

K = TypeVar("K")
PREFIX_BYTES = 8
"""How many bytes of a draft's key are those of its connection."""


class Crowd:
    """The logged-in connections of a front: by the first bytes of their drafts' keys, and by user."""

    def __init__(self) -> None:
        self.of_key: dict[bytes, IrcClient] = {}
        self.of_user: dict[str, tuple[IrcClient, ...]] = {}
        self.of_room: dict[str, dict[IrcClient, None]] = {}
        """Those by each room who were told that they are in it: see :attr:`.IrcClient.joined`."""
        self.hear_of_away: set[IrcClient] = set()
        """Who wants to be told who is away: who has ``away-notify``."""
        self.of_chosen_key: dict[tuple[str, bytes], tuple[IrcClient, ...]] = {}
        """The connections of a user that wait for a draft whose key the client has chosen."""
        self.keeping: dict[Outbox, IrcClient] = {}
        """Who is to be told of something older first, by their outboxes: see :meth:`.IrcClient.keep`."""
        self.presence: Presence
        """Who is here, and away."""
        self.faces = Faces()
        """How everybody is shown."""
        self.bots: set[str] = set()
        """The users who have said that they are bots."""
        self.spoken: set[str] | None = None
        """The places where something was said, if somebody wants to know: see :mod:`.devices`."""
        self.run: Sequence[Entry] = ()
        self.chunks: dict[tuple[object, ...], bytes] = {}
        """The bytes of the posts ``run``, which were delivered last, by what they depend on: that is one of a
        few cases, but a class of connections for each choice of events that are shown."""

    def enter(self, client: IrcClient) -> None:
        """Add a connection."""
        self.of_key[client.prefix] = client
        _add(self.of_user, client.user, client)
        self.note_capabilities(client)

    def leave(self, client: IrcClient) -> None:
        """Remove a connection."""
        del self.of_key[client.prefix]
        _remove(self.of_user, client.user, client)
        self.hear_of_away.discard(client)
        self.look_for_bots(client.user)

    def note_capabilities(self, client: IrcClient) -> None:
        """Note what a connection wants to be told, if it is here."""
        if client.has("away-notify") and self.of_key.get(client.prefix) is client:
            self.hear_of_away.add(client)
        else:
            self.hear_of_away.discard(client)

    def note_stay(self, client: IrcClient, room: str, begins: bool) -> None:
        """A connection was told that it is in a room, or no longer."""
        if begins:
            self.of_room.setdefault(room, {})[client] = None
        elif (there := self.of_room.get(room)) is not None:
            there.pop(client, None)
            if not there:
                del self.of_room[room]

    def who_is_in(self, rooms: Collection[str]) -> dict[IrcClient, None]:
        """Return the connections that were told that they are in one of these rooms, each once."""
        found: dict[IrcClient, None] = {}
        for room in sorted(rooms):
            found.update(self.of_room.get(room, {}))
        return found

    def wait_for(self, key: bytes, client: IrcClient) -> None:
        """A client waits for a draft whose key it has chosen."""
        _add(self.of_chosen_key, (client.user, key), client)

    def wait_no_more(self, key: bytes, client: IrcClient) -> None:
        """A client no longer waits for such a draft."""
        _remove(self.of_chosen_key, (client.user, key), client)

    def look_for_bots(self, user: str) -> None:
        """Note whether a connection of the user has said that it is a bot."""
        if any(isupport.BOT in client.modes for client in self.of_user.get(user, ())):
            self.bots.add(user)
        else:
            self.bots.discard(user)


def _add(clients: dict[K, tuple[IrcClient, ...]], key: K, client: IrcClient) -> None:
    clients[key] = (*clients.get(key, ()), client)


def _remove(clients: dict[K, tuple[IrcClient, ...]], key: K, client: IrcClient) -> None:
    others = tuple(other for other in clients[key] if other is not client)
    if others:
        clients[key] = others
    else:
        del clients[key]


class IrcChannel:
    """Delivers to the connections of one class: a :class:`~chatnet.worker.peer.Channel`. Ears are
    outboxes."""

    def __init__(self, outboxes: Outboxes, crowd: Crowd, log_id: str, sees: Sees) -> None:
        self._outboxes = outboxes
        self._crowd = crowd
        self._log_id = log_id
        self.sees = sees
        tags = sees.tags
        self._shown_posts = (log_id, tags.every, tags.time, tags.account, tags.multiline)

    def shows(self, kind: KindName) -> bool:
        """Return whether entries of this kind are shown: posts, joins and leaves, and other events."""
        return kind in SAID or kind in events.TOLD

    def lines(self, entry: Entry, place: str) -> bytes:
        """Return what those are told of an entry who hear it at ``place``."""
        is_bot = entry.user in self._crowd.bots
        if entry.kind in SAID:
            return said(self._log_id, entry, place, self.sees, is_bot)
        told = events.told(self._log_id, entry, place, self.sees, is_bot)
        if entry.kind == "join" and "away-notify" in self.sees.tags.showing:
            words = self._crowd.presence.words_at_join(entry.user, entry.room)
            return told + events.away(self.sees.faces.source(entry.user), words) if words else told
        return told

    def past(self, entry: Entry, place: str) -> bytes:
        """Return the lines of an entry in a history of ``place``."""
        if entry.kind in SAID:
            return self.lines(entry, place)
        return events.past(self._log_id, entry, place, self.sees, self._crowd.bots)

    def own_stay(self, entry: Entry) -> bytes:
        """Return what a user is told whose own stay an entry begins or ends."""
        return events.own_stay(self._log_id, entry, self.sees, entry.user in self._crowd.bots)

    def fan(self, entries: Sequence[Entry], hearing: Sequence[Hearing]) -> None:
        """Put the same bytes into each outbox, but for the connections that have something of their own in
        it."""
        own = self._whose(entries)
        dirty = self._outboxes.dirty
        for place, ears in hearing:
            chunk = self._chunk(entries, place)
            silent = "" if self.sees.own_talks or place[0] != "@" else place[1:]
            if silent and any(entry.user == silent and is_talk(entry.room) for entry in entries):
                self._one_by_one(entries, place, ears, own, silent)
                continue
            for outbox in ears:
                if own and outbox in own:
                    own[outbox].hears(entries, place)
                elif chunk:
                    parts = outbox.parts
                    if not parts:
                        dirty.append(outbox)
                    parts.append(chunk)
        self._outboxes.schedule()

    def _chunk(self, entries: Sequence[Entry], place: str) -> bytes:
        """Return what those are told of entries of one kind who hear them at ``place``."""
        if entries[0].kind not in SAID:
            return b"".join([self.lines(entry, place) for entry in entries])
        crowd = self._crowd
        if crowd.spoken is not None:
            crowd.spoken.add(place)
        if crowd.run is not entries:
            crowd.run, crowd.chunks = entries, {}
        key = self._shown_posts, place
        chunk = crowd.chunks.get(key)
        if chunk is None:
            chunk = crowd.chunks[key] = b"".join([self.lines(entry, place) for entry in entries])
        return chunk

    def _whose(self, entries: Sequence[Entry]) -> dict[Outbox, IrcClient]:
        """Return the connections, by their outboxes, that have something of their own in these entries."""
        crowd = self._crowd
        own: dict[Outbox, IrcClient] = {}
        for entry in entries:
            client = crowd.of_key.get(entry.key[:PREFIX_BYTES])
            if client is not None and client.user == entry.user:
                own[client.ear] = client
            if crowd.of_chosen_key:
                for one in crowd.of_chosen_key.get((entry.user, entry.key), ()):
                    own[one.ear] = one
            if entry.kind in CHANGES:
                for change in changes(entry):
                    for one in crowd.of_user.get(change.user, ()):
                        own[one.ear] = one
        if not own:
            return crowd.keeping
        return {**crowd.keeping, **own} if crowd.keeping else own

    def _one_by_one(
        self,
        entries: Sequence[Entry],
        place: str,
        ears: Collection[Outbox],
        own: dict[Outbox, IrcClient],
        silent: str,
    ) -> None:
        """Deliver in a conversation to ``silent``, who is shown only what the other one says in it."""
        others = [entry for entry in entries if entry.user != silent]
        chunk = b"".join([self.lines(entry, place) for entry in others])
        for outbox in ears:
            if outbox in own:
                own[outbox].hears(entries, place)
            elif chunk:
                outbox.put(chunk)
