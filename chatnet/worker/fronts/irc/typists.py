"""Who is typing: what clients say of it with the tag ``+typing``, and whom that is told.

It goes by way of the primary (:mod:`chatnet.worker.typists`), which tells all fronts, this one too. A front
tells it only if the log has nothing of its author behind the place where they said it: who has posted since
types no more, and who was removed or muted, or is called otherwise, is not to be heard. So what is told is as
exact as a post: who hears it are those who would hear a post, at that place of the log or a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.entries import Entry, other_side
from chatnet.errors import ChatnetError
from chatnet.irc import isupport, times, writer
from chatnet.irc.caps import tag_class
from chatnet.lanes import Visitor
from chatnet.names import fold_for, is_private, is_talk, is_topic
from chatnet.reads import SpeakerIn
from chatnet.typists import GATHER_SECONDS, Does, Typist
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.channel import IrcChannel
from chatnet.worker.fronts.irc.said import BOT, account_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from chatnet.worker.fronts.irc.channel import Crowd
    from chatnet.worker.fronts.irc.client import IrcClient
    from chatnet.worker.peer import Ear
    from chatnet.worker.sessions import Sessions

TAG = isupport.TYPING
EACH_SECONDS = 2.0
"""Seconds between two things that are told of one user in a room. Clients wait for three, and take who types
for silent after six: so if one comes a little sooner, it is not the one that is missed."""
MOST_ASKED = 4
"""How many questions to the log are under way; of more users it is not told that they type."""
MOST_BEHIND = 2_000
"""How many entries may have come since; those are looked at."""
ORDERS = frozenset(
    {
        *("ban", "mute", "unban", "block", "unblock", "role", "policy", "disable", "enable", "forget"),
        *("nick", "gone"),
    }
)
"""The kinds that change where somebody may speak, or who blocks them."""
_TAGS = tag_class(frozenset({"message-tags"}))


class Bounds(NamedTuple):
    """What is known and told of it, at most.

    known   seconds for which it is known that somebody may speak, unless an order is given
    users   of whom it is known what they typed, and in how many ``rooms`` of each
    ears    at a place where more connections of this front listen, nobody is told who types: in a crowd
            somebody always does, and each time would cost a line for each of them
    lines   that a front says of it in :data:`~chatnet.typists.GATHER_SECONDS`
    """

    known: float = 600.0
    users: int = 5_000
    rooms: int = 20
    ears: int = 100
    lines: int = 1_000


class _Speaker:
    """What is known of a user in a room: ``at`` what time they typed last; and that they may speak there
    ``until`` some time, but for the ``deaf``, who block them."""

    __slots__ = ("at", "deaf", "until")

    def __init__(self) -> None:
        self.at = self.until = float("-inf")
        self.deaf: tuple[str, ...] = ()


class Typing:
    """Who is typing at this front, and who hears of it here, within ``bounds``."""

    _logger = Logger()
    bounds = Bounds()

    def __init__(self, crowd: Crowd, seconds: Callable[[], float], wall: Callable[[], float]) -> None:
        self._crowd, self._seconds, self._wall = crowd, seconds, wall
        self._sessions: Sessions | None = None
        self._speakers: dict[str, dict[str, _Speaker]] = {}
        self._asked: set[Deferred[None]] = set()
        self._since, self._left = 0.0, self.bounds.lines

    def follow(self, sessions: Sessions) -> None:
        """Tell the primary of these sessions' process, and hear of it, from now on. What an earlier log was
        asked may never be answered."""
        self._sessions = sessions
        self._asked = set()
        self._speakers.clear()
        sessions.typists.watch(self._told)

    def ordered(self, entry: Entry) -> None:
        """An entry of one of the :data:`ORDERS` is on the log: ask anew."""
        if entry.kind == "policy":
            self._speakers.clear()
        else:
            self._speakers.pop(entry.user, None)
            self._speakers.pop(entry.to, None)

    # ---- what clients say ----

    def room(self, client: IrcClient, spelled: str) -> str | None:
        """Return the room that a client spells so, if its user may be typing there; else None."""
        try:
            room = fold_for(spelled, client.user)
        except ChatnetError:
            return None
        if is_topic(room) or is_private(room):
            is_in = client.session.local_user.memberships.has(room)
        else:
            is_in = is_talk(room) or room == client.user
        return room if is_in and client.session.device.scope != "read" else None

    def says(self, client: IrcClient, room: str, does: Does) -> None:
        """A client says what its user does in a room. The log is asked whether they may speak there, if that
        is not known; nobody waits for the answer."""
        sessions, now = client.sessions, self._seconds()
        if client.is_over or not sessions.typists.are_told:
            return
        speaker = self._speaker(client.user, room)
        if now - speaker.at < EACH_SECONDS:
            return
        speaker.at = now
        said = Typist(client.user, room, does, sessions.log.window.head)
        if now < speaker.until:
            self._say(sessions, speaker, said)
        elif len(self._asked) < MOST_ASKED:
            asking = Deferred.fromCoroutine(self._ask(sessions, speaker, said))
            self._asked.add(asking)
            asking.addErrback(self._not_asked).addBoth(lambda _: self._asked.discard(asking))

    def _speaker(self, user: str, room: str) -> _Speaker:
        """Return what is known of a user in a room, and let it be what is forgotten last."""
        rooms = self._speakers.pop(user, None)
        self._speakers[user] = rooms = {} if rooms is None else rooms
        speaker = rooms.pop(room, None)
        rooms[room] = speaker = _Speaker() if speaker is None else speaker
        if len(rooms) > self.bounds.rooms:
            del rooms[next(iter(rooms))]
        if len(self._speakers) > self.bounds.users:
            del self._speakers[next(iter(self._speakers))]
        return speaker

    async def _ask(self, sessions: Sessions, speaker: _Speaker, said: Typist) -> None:
        log, question = sessions.log, SpeakerIn(said.user, said.room, said.seq)
        blockers = await sessions.reads.lane.run(Visitor(said.user), log.read, question)
        if blockers is not None and self._still_so(sessions, [said]):  # else an order may not be in it
            speaker.deaf, speaker.until = tuple(blockers), self._seconds() + self.bounds.known
            self._say(sessions, speaker, said)

    def _not_asked(self, failure: Failure) -> None:
        self._logger.info("It is not told who is typing: {why}", why=failure.getErrorMessage())

    def _say(self, sessions: Sessions, speaker: _Speaker, said: Typist) -> None:
        sessions.typists.say(Typist(said.user, said.room, said.does, said.seq, speaker.deaf))

    # ---- what the primary tells ----

    def _told(self, typists: Sequence[Typist]) -> None:
        now = self._seconds()
        if now - self._since >= GATHER_SECONDS:
            self._since, self._left = now, self.bounds.lines
        if self._sessions is not None:
            keeping = self._crowd.keeping
            for typist in self._still_so(self._sessions, typists):
                self._tell(self._sessions, typist, keeping)

    def _still_so(self, sessions: Sessions, typists: Sequence[Typist]) -> list[Typist]:
        """Return those of whom the log, as far as it is here, has nothing behind what they said; it must be
        here up to there."""
        window = sessions.log.window
        oldest = window.head - MOST_BEHIND
        near = [one for one in typists if one.seq >= oldest and window.holds(one.seq)]
        if not near:
            return []
        newest: dict[str, int] = {}
        for entry in window.after(min(one.seq for one in near)):
            newest[entry.user] = newest[entry.to] = entry.seq
        return [one for one in near if newest.get(one.user, 0) <= one.seq]

    def _tell(self, sessions: Sessions, typist: Typist, keeping: Collection[Ear]) -> None:
        other = other_side(typist.room, typist.user)
        found = [
            ears
            for channel, ears in sessions.router.listening("@" + other if other else typist.room)
            if isinstance(channel, IrcChannel) and channel.sees.tags.every
        ]
        count = sum(map(len, found))
        if not count or count > min(self.bounds.ears, self._left):
            return
        crowd = self._crowd
        deaf = {own.ear for user in (typist.user, *typist.deaf) for own in crowd.of_user.get(user, ())}
        target = crowd.faces.nick(other) if other else events.channel(typist.room)
        line = self.line(typist.user, target, typist.does)
        for ears in found:
            for ear in ears:
                if ear not in deaf and ear not in keeping:
                    self._left -= 1
                    ear.put(line)

    def line(self, user: str, target: str, does: str) -> bytes:
        """Return the line that tells what a user does."""
        more = f"{BOT};{TAG}={does}" if user in self._crowd.bots else f"{TAG}={does}"
        tags = _TAGS.tags(times.shown(int(self._wall() * 1000)), account=account_of(user), more=more)
        return writer.line(self._crowd.faces.source(user), "TAGMSG", target, tags=tags)
