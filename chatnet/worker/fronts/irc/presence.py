"""Who is here, who is away, and who is told of that: of this front's own users at once, of all others as the
primary tells it (:mod:`chatnet.worker.presence`)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from chatnet.irc import isupport, numerics
from chatnet.irc.targets import nick_of
from chatnet.names import is_guest
from chatnet.presence import Present
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.neighbours import Neighbours
from chatnet.worker.present_elsewhere import PresentElsewhere

if TYPE_CHECKING:
    from chatnet.net.outbox import Outboxes
    from chatnet.worker.fronts.irc.channel import Crowd
    from chatnet.worker.fronts.irc.client import IrcClient
    from chatnet.worker.sessions import Sessions

ABSENT = "not connected"
"""What is said of who has no connection: they are away."""
NOBODY_IS_AT_IT = "*"
"""With these words for being away, a connection is here that nobody is at: it shows nobody as being here."""


class State(NamedTuple):
    """Whether a user is here, and with what words they are away; empty, if they are not."""

    is_here: bool
    words: str


_GONE = State(False, ABSENT)
_HERE = State(True, "")


class Presence:
    """The presence of users, as this front shows it.

    A user is here who has a connection to any process of the cluster, but those at which nobody is. What
    somebody says of being away is theirs, not their connection's: what they said last counts, wherever, as
    long as they are at the front where they said it, or at another.
    """

    def __init__(self, crowd: Crowd, outboxes: Outboxes) -> None:
        self._crowd = crowd
        self._here: dict[str, int] = {}
        self._both = 0
        """How many of these are on other processes, too."""
        self._said: dict[str, tuple[str, int]] = {}
        self._watched: dict[str, dict[IrcClient, None]] = {}
        self._elsewhere: PresentElsewhere | None = None
        self._known: dict[str, Present] = {}
        self._sessions: Sessions | None = None
        self._neighbours = Neighbours(outboxes, self)

    def follow(self, sessions: Sessions) -> None:
        """Ask the primary for the users of other processes, and the log for their rooms, from now on as
        these sessions' process does."""
        if self._elsewhere is None:
            self._elsewhere = PresentElsewhere(sessions.clock, self._changed)
            self._known = self._elsewhere.known
        self._sessions = sessions
        self._neighbours.follow(sessions.log)
        sessions.presence.watch(self._elsewhere)

    # ---- what is known ----

    def state(self, user: str) -> State:
        """Return whether a user is here, and away."""
        return self._state(user, self._known.get(user))

    def _state(self, user: str, elsewhere: Present | None) -> State:
        words, said_at = self._said.get(user, ("", 0))
        if elsewhere is None:
            if user not in self._here:
                return _GONE
        elif (elsewhere.away_at, elsewhere.away) > (said_at, words):
            words = elsewhere.away
        return State(True, words) if words else _HERE

    def is_here(self, user: str) -> bool:
        """Return whether the user is here: on any process."""
        return user in self._here or user in self._known

    def words(self, user: str) -> str:
        """Return the words with which a user is away; empty if they are not. Who is not here is away, too."""
        return self.state(user).words

    def is_away(self, user: str) -> bool:
        """Return whether the user is not here, or has said that they are away."""
        return bool(self.words(user))

    def since(self, user: str) -> int:
        """Return since when the user is here, in milliseconds since 1970; 0 if they are not."""
        elsewhere = self._known.get(user)
        own = [int(client.signed_on * 1000) for client in self._crowd.of_user.get(user, ()) if client.shows]
        return min(own + ([elsewhere.since] if elsewhere is not None else []), default=0)

    def modes(self, user: str) -> Collection[str]:
        """Return the modes that the user has set for themselves, on any connection."""
        elsewhere = self._known.get(user)
        modes = set() if elsewhere is None else set(elsewhere.modes)
        return modes.union(*(client.modes for client in self._crowd.of_user.get(user, ())))

    def users(self) -> list[str]:
        """Return all users who are here: this front's own first."""
        return [*self._here, *(user for user in self._known if user not in self._here)]

    def __len__(self) -> int:
        """How many users are here."""
        return len(self._known) + len(self._here) - self._both

    def everybody(self) -> Collection[IrcClient]:
        """Return all connections to this front."""
        return self._crowd.of_key.values()

    def one_of(self, user: str) -> IrcClient | None:
        """Return a connection of the user to this front that shows that they are here."""
        return next((client for client in self._crowd.of_user.get(user, ()) if client.shows), None)

    def is_bot(self, user: str) -> bool:
        """Return whether a connection of the user has said that it is a bot."""
        return user in self._crowd.bots

    # ---- who comes and goes ----

    def came(self, client: IrcClient, away: str | None = None) -> None:
        """A connection was added, and has said with these words that its user is away; None: it has not said
        anything of that."""
        client.shows = away != NOBODY_IS_AT_IT or is_guest(client.user)  # else it would be taken for lost
        before = self.state(client.user)
        if client.shows:
            self._show(client)
            if away is not None:
                self._say(client, away)
        self._tell(client.user, before, client.rooms())

    def gone(self, client: IrcClient, rooms: Collection[str]) -> None:
        """A connection was removed, which was in these rooms."""
        for user in list(client.monitors):
            self.unwatch(client, user)
        before = self.state(client.user)
        self._hide(client)
        self._note_bot(client.user)
        if client.modes and client.user in self._here:
            self._report(client)  # what others of theirs have set
        self._tell(client.user, before, rooms)

    def set_away(self, client: IrcClient, words: str) -> None:
        """The user is away with these words; with none, they are back. Or nobody is at this connection."""
        if client.is_lost:
            return  # while it was looked up whether others may be told these words
        before = self.state(client.user)
        if words == NOBODY_IS_AT_IT and client.has("draft/pre-away") and not is_guest(client.user):
            self._hide(client)
        else:
            if not client.shows:
                self._show(client)
            self._say(client, words)
        self._tell(client.user, before, list(client.joined))  # who is gone by then is in none any more

    def modes_changed(self, client: IrcClient) -> None:
        """The client has set other modes for itself."""
        self._note_bot(client.user)
        if client.user in self._here:
            self._report(client)

    def _show(self, client: IrcClient) -> None:
        client.shows = True
        if client.user not in self._here:
            self._here[client.user] = 0
            self._both += client.user in self._known
        self._here[client.user] += 1
        client.sessions.presence.came(client.user)
        if any(own.modes for own in self._crowd.of_user.get(client.user, ())):
            self._report(client)

    def _hide(self, client: IrcClient) -> None:
        if not client.shows:
            return
        client.shows = False
        client.sessions.presence.gone(client.user)
        self._here[client.user] -= 1
        if not self._here[client.user]:
            del self._here[client.user]
            self._both -= client.user in self._known
            self._said.pop(client.user, None)

    def _say(self, client: IrcClient, words: str) -> None:
        user, elsewhere = client.user, self._known.get(client.user)
        _, said_at = self._said.get(user, ("", 0))
        before = max(said_at, 0 if elsewhere is None else elsewhere.away_at)
        now = int(client.front.settings.clocks.wall() * 1000)
        self._said[user] = words, max(now, before + 1)  # whatever the clocks of others say
        self._report(client)

    def _report(self, client: IrcClient) -> None:
        """Have others told what the user has said of themselves here."""
        words, said_at = self._said.get(client.user, ("", 0))
        theirs = self._crowd.of_user.get(client.user, ())
        modes = "".join(sorted(set().union(*(one.modes for one in theirs))))
        client.sessions.presence.say(client.user, words, said_at, modes)

    def _note_bot(self, user: str) -> None:
        self._crowd.look_for_bots(user)
        elsewhere = self._known.get(user)
        if elsewhere is not None and isupport.BOT in elsewhere.modes:
            self._crowd.bots.add(user)

    def _changed(self, user: str, was: Present | None, now: Present | None) -> None:
        """Something has changed of a user on other processes."""
        before = self._state(user, was)
        if (now and now.modes) or (was and was.modes):
            self._note_bot(user)
        rooms = None
        if user in self._here:
            self._both += (now is not None) - (was is not None)
            rooms = {room for own in self._crowd.of_user[user] for room in own.joined}
            words, said_at = self._said.get(user, ("", 0))
            if now is not None and (now.away_at, now.away) > (said_at, words):
                # As if it had been said here: so it holds when they leave where they said it.
                self._said[user] = now.away, now.away_at
                self._report(self._crowd.of_user[user][0])
        self._tell(user, before, rooms)

    def _tell(self, user: str, before: State, rooms: Collection[str] | None) -> None:
        """Tell those who want to know what has changed of a user, who is in ``rooms``; None: that is not
        known here. What they say of being away is told at once, that they come and go a moment later: who
        does that all the time, or loads a page again, is not told of each time."""
        if self._sessions is not None and self._sessions.presence.is_over:
            return  # all are hung up on, and come back
        now = self.state(user)
        if now.is_here != before.is_here:
            for watcher in list(self._watched.get(nick_of(user), ())):
                watcher.tell_state(self.told(watcher, user, now.is_here))
        if now.words == before.words or (now.is_here != before.is_here and is_guest(user)):
            return  # a guest who is not here is nobody: the log tells of their coming and going
        if rooms is None or now.is_here != before.is_here:
            self._neighbours.changed(user, before.words, rooms)
        else:
            self._neighbours.told(user)
            self.tell_words(user, rooms)

    def tell_words(self, user: str, rooms: Collection[str]) -> None:
        """Tell whoever wants to know that a user, who is in these rooms, is away, or back."""
        if not self.is_anybody_told:
            return
        line = events.away(self._crowd.faces.source(user), self.words(user))
        for other in self.near(user, rooms):
            if other in self._crowd.hear_of_away:
                other.hint(line)

    def told(self, to: IrcClient, user: str, is_here: bool) -> bytes:
        """Return the line that tells a watcher whether ``user`` is here."""
        if is_here:
            return to.numeric(numerics.RPL_MONONLINE, self._crowd.faces.source(user))
        return to.numeric(numerics.RPL_MONOFFLINE, self._crowd.faces.nick(user))

    # ---- who is told ----

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

    @property
    def is_anybody_told(self) -> bool:
        """Whether anybody wants to be told who is away."""
        return bool(self._crowd.hear_of_away)

    def near(self, user: str, rooms: Collection[str]) -> list[IrcClient]:
        """Return who may be told what a user does who is in ``rooms``, each once: who is in one of these, or
        watches them with ``extended-monitor``; but for the user's own."""
        near = self._crowd.who_is_in(rooms)
        for watcher in self._watched.get(nick_of(user), ()):
            if watcher.has("extended-monitor"):
                near[watcher] = None
        return [other for other in near if other.user != user]

    def words_at_join(self, user: str, room: str) -> str:
        """Return the words with which a user is away who joins a room; empty if they are not. That somebody
        is not here is told a moment later, if it is still so: who has just come may not be known here."""
        state = self.state(user)
        if state.is_here:
            return state.words
        self._neighbours.joined(user, room)
        return ""
