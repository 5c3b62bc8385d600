"""Who is here, who is away, and who wants to be told of that: as far as this process knows it alone.

A lane between the processes is to come: until then, somebody who is connected elsewhere counts as absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chatnet.irc import numerics
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.said import source

if TYPE_CHECKING:
    from chatnet.worker.fronts.irc.channel import Crowd
    from chatnet.worker.fronts.irc.client import IrcClient


class Presence:
    """The presence of users on this front. ``away`` has the words of those who are away."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self.away = crowd.away
        self._watched: dict[str, dict[IrcClient, None]] = {}

    def is_here(self, user: str) -> bool:
        """Return whether the user has a connection here."""
        return user in self._crowd.of_user

    def is_away(self, user: str) -> bool:
        """Return whether the user is not here, or has said that they are away."""
        return user in self.away or not self.is_here(user)

    def one_of(self, user: str) -> IrcClient | None:
        """Return a connection of the user."""
        clients = self._crowd.of_user.get(user)
        return clients[0] if clients else None

    def is_bot(self, user: str) -> bool:
        """Return whether a connection of the user has said that it is a bot."""
        return user in self._crowd.bots

    # ---- who comes and goes ----

    def came(self, client: IrcClient) -> None:
        """A connection was added; tell who watches, if it is its user's first."""
        if len(self._crowd.of_user[client.user]) == 1:
            self._tell(client.user, is_here=True)

    def gone(self, client: IrcClient) -> None:
        """A connection was removed."""
        for user in list(client.monitors):
            self.unwatch(client, user)
        if not self.is_here(client.user):
            self.away.pop(client.user, None)
            self._tell(client.user, is_here=False)

    def _tell(self, user: str, is_here: bool) -> None:
        for watcher in self._watched.get(user, ()):
            watcher.hint(self.state(watcher, user, is_here))

    def state(self, to: IrcClient, user: str, is_here: bool) -> bytes:
        """Return the line that tells a watcher whether ``user`` is here."""
        if is_here:
            return to.numeric(numerics.RPL_MONONLINE, source(user))
        return to.numeric(numerics.RPL_MONOFFLINE, user)

    # ---- who watches ----

    def watch(self, client: IrcClient, user: str) -> None:
        """Tell a client from now on when the user comes and goes."""
        client.monitors[user] = None
        self._watched.setdefault(user, {})[client] = None

    def unwatch(self, client: IrcClient, user: str) -> None:
        """Tell a client no longer of a user; harmless if it was not told."""
        client.monitors.pop(user, None)
        watchers = self._watched.get(user, {})
        watchers.pop(client, None)
        if not watchers:
            self._watched.pop(user, None)

    def neighbours(self, client: IrcClient, capability: str) -> Iterator[IrcClient]:
        """Yield the others who are told what a user does, each once: who has the capability on, and shares a
        room with them, or watches them with ``extended-monitor``; and the user's own other connections."""
        watchers = self._watched.get(client.user, {})
        rooms = client.joined.keys()
        for other in list(self._crowd.of_key.values()):
            if other is client or not other.has(capability):
                continue
            is_near = other.user == client.user or not rooms.isdisjoint(other.joined)
            if is_near or (other in watchers and other.has("extended-monitor")):
                yield other

    def set_away(self, client: IrcClient, words: str) -> None:
        """The user is away with these words; with none, they are back."""
        was, user = self.away.get(client.user, ""), client.user
        if words:
            self.away[user] = words
        else:
            self.away.pop(user, None)
        if words != was:
            line = events.away(user, words)
            for other in self.neighbours(client, "away-notify"):
                if other.user != user:
                    other.hint(line)
