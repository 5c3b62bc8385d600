"""Devices of clients that ask for no histories: each is sent what it has missed, and says what it has.

::

    connected ─▶ what came after its cursor, oldest first ─▶ live
                     └──────────┬──────────────────────────────┘
                          PING c<seq>, at most every 5 s, if something was sent since
                          PONG c<seq>: everything up to there was read, and the cursor is there

What was written into a connection was not read yet: it may be dead. So the cursor moves by PONGs alone, and
only to where a PING has named; it is a mark (:mod:`chatnet.marks`), which rises and is known to all workers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime

from chatnet.cursor import Cursor
from chatnet.entries import Entry, heard_at, listens
from chatnet.errors import BadRequest
from chatnet.irc import writer
from chatnet.kinds import SAID
from chatnet.names import is_guest, is_talk, sides, talk
from chatnet.net.timer import Timer
from chatnet.store.verifying import cursor_at
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.answers import labelled
from chatnet.worker.fronts.irc.marking import spelled_for
from chatnet.worker.fronts.irc.said import is_reaction

if TYPE_CHECKING:
    from chatnet.worker.fronts.irc.channel import Crowd
    from chatnet.worker.fronts.irc.client import IrcClient

ASK_SECONDS = 5.0
"""Seconds from one question whether a device has everything to the next."""
EARLY_SECONDS = 0.25
"""By so much a device's turn may come too early."""
MANY = 2
"""More than so many times what is sent at most is not counted at a time."""
MOST_ASKED = 32
"""How many of these may be unanswered; then the oldest is forgotten."""
_TURNS = 5
"""The devices of a front take turns, so that the questions to all are not one burst."""
NAMELESS = (
    "Your client names no device. Let it log in as {user}@NAME, with another NAME for each client, and what "
    "it misses is sent to it when it is back."
)
LEFT_OUT = (
    "You have missed more than {most:,} messages: the newest {most:,} follow, and what was said before them "
    "is in the history."
)


class Device:
    """How far the device of a connection has heard. Its cursor moves if it ``follows``: then it has a name,
    or sees when something was said, and does not ask for histories itself. A guest is somebody else each
    time."""

    __slots__ = (
        *("_asked", "_asked_at", "_client", "_has", "_is_put_back", "_kept", "_owes", "_past"),
        *("follows", "is_named"),
    )

    def __init__(self, client: IrcClient) -> None:
        self._client = client
        self.is_named = self.follows = False
        self._asked: list[int] = []
        self._asked_at = 0.0
        self._owes = self._is_put_back = False
        self._has = self._kept = self._past = 0

    async def begin(self, start: Cursor | None = None) -> None:
        """Let the client hear: what its device has missed, if that is known, and then what is said from now
        on; or from ``start`` on, if it was somebody else's until there."""
        client = self._client
        is_arriving, start = start is None, start or client.window.cursor
        self._past = start.seq
        if not self._is_put_back:
            start = await self._arrive(start, is_arriving)
        self._has = self._kept = start.seq
        self._asked_at = client.front.seconds() - ASK_SECONDS
        if not client.is_over:
            await client.session.chat(start)

    def rewound(self) -> None:
        """The log was put back: what was acknowledged of the rest of it means nothing any more."""
        self._is_put_back = True
        self._asked.clear()
        self._owes = False

    # ---- where it begins ----

    async def _arrive(self, head: Cursor, is_told: bool) -> Cursor:
        """Return from where on the client hears; ``is_told``: say how a device is named, to whom that is
        news."""
        client = self._client
        if client.has("draft/chathistory") or is_guest(client.user):
            return head
        if is_told and not self.is_named:
            client.put_line(client.notice(NAMELESS.format(user=client.user)))
        self.follows = self.is_named or client.has("server-time")
        if not self.follows:
            return head
        start = await self._start(head)
        if self.follows and not client.is_over:
            client.front.devices.came(self)
        return start

    async def _start(self, head: Cursor) -> Cursor:
        """Return behind which the device has not heard anything; of a new one, that is where the log ends."""
        client = self._client
        marks, log = client.session.marks, client.sessions.log
        try:
            heard = await marks.heard()
        except BadRequest:  # the primary is of an earlier release
            self.follows = False
            return head
        if heard is None:
            marks.hear(max(head.seq, client.session.by))
            await marks.kept()
            return head
        if heard < head.seq:
            heard = await self._newest(heard, head.seq)
        queue = client.session.reads.turn()
        async with queue:
            # It may be ahead of what this process follows; or of the log, if that was put back meanwhile.
            return await queue.read(cursor_at, log, heard) or head

    async def _newest(self, after: int, upto: int) -> int:
        """Return behind which seq no more than the newest posts follow that are sent at most; tell the client
        if that leaves some out. Only those are counted that this client is shown."""
        client = self._client
        most = client.front.settings.missed
        left, size, low = most, most, upto
        while most and low > after:
            begin = max(after, low - size)
            seqs = await self._shown_between(begin, low)
            if size > most and len(seqs) > MANY * most:  # before, it was quiet: go on in smaller steps
                size //= 2
                continue
            if len(seqs) > left:
                client.put_line(client.notice(LEFT_OUT.format(most=most)))
                kept = seqs[len(seqs) - left :]
                return kept[0] - 1 if kept else low
            left, low, size = left - len(seqs), begin, size * 2
        return after

    async def _shown_between(self, after: int, upto: int) -> list[int]:
        """Return the seqs of the posts in a part of the log that the client is shown; of many, the first."""
        most = MANY * self._client.front.settings.missed
        found: list[int] = []
        while after < upto and len(found) <= most:
            page = await self._client.session.reads.feed(after, upto)
            if page.cursor == after:
                break  # its user is forgotten
            found += [post.seq for post in page.posts if self._place(post)]
            after = page.cursor
        return found

    # ---- what it has missed ----

    def replays(self, posts: Sequence[Entry]) -> Sequence[Entry]:
        """Of what the client catches up with, say what was said before it came; return the rest, which it is
        told as it would be live."""
        count = sum(post.seq <= self._past for post in posts)
        past = [(post, place) for post in posts[:count] if (place := self._place(post))]
        for target, some in groupby(past, key=self._target):
            self._say(target, some)
        return posts[count:]

    def _place(self, post: Entry) -> str:
        """Return where the client is shown a post from before it came; empty if it is not: joins and the like
        are over, and what was said in rooms that its user is no longer in is not for them."""
        client = self._client
        if post.kind not in SAID or not post.text or not client.is_shown(post):
            return ""
        if is_reaction(post) and not client.channel.sees.tags.every:
            return ""  # that is no line for it
        user, memberships = client.user, client.session.local_user.memberships
        where = heard_at(post)
        places = [at for at in where if memberships.has(at) or at in (user, f"@{user}") or user in sides(at)]
        heard = (at for at in places if listens(user, memberships, at, post.seq))
        # A stay that has ended may be too old to be known: that there was one, is where no other place is.
        place = next(heard, places[0] if places and len(where) == 1 else "")
        return f"@{user}" if is_talk(place) else place

    def _target(self, said: tuple[Entry, str]) -> str:
        post, place = said
        if place[0] != "@":
            return events.channel(place)
        room = post.room if is_talk(post.room) else talk(self._client.user, post.user)
        return spelled_for(self._client, room)

    def _say(self, target: str, posts: Iterable[tuple[Entry, str]]) -> None:
        """Say posts that follow each other at one target, as a batch if the client knows these."""
        client = self._client
        if not client.has("batch"):
            for post, place in posts:
                client.put_line(client.channel.lines(post, place))
            return
        server, reference = client.front.settings.name, client.answers.reference()
        client.put_line(writer.line(server, "BATCH", f"+{reference}", "chathistory", target))
        tag = f"batch={reference}"
        for post, place in posts:
            lines = client.channel.lines(post, place).splitlines(keepends=True)
            if len(lines) > 1 and client.channel.sees.tags.multiline:
                lines = [b"".join(lines)]  # a batch of its own, of which only the beginning is in this one
            for line in lines:
                client.put_line(labelled(line, tag))
        client.put_line(writer.line(server, "BATCH", f"-{reference}"))

    # ---- what it acknowledges ----

    def caught_up(self, posts: Sequence[Entry]) -> None:
        """The client was sent these of a catch-up: ask, now or later, whether they were read."""
        if self.follows and any(post.kind in SAID for post in posts):
            self._owes = True
            self._ask(ASK_SECONDS)
            self._client.front.devices.stir()

    def look(self, spoken: set[str]) -> bool:
        """Ask whether everything was read, if something was said at one of these places, which were
        ``spoken`` at since the last look, or if that is owed. Return whether something is left to be done."""
        if self._has > self._kept:
            self.keep()
        if self._owes or not spoken.isdisjoint(self._client.session.local_user.places()):
            self._owes = True
            self._ask(ASK_SECONDS - EARLY_SECONDS)
        return self._owes or self._has > self._kept

    def _ask(self, seconds: float) -> None:
        """Ask, unless that was done in the last ``seconds``, or the client does not read, or was not told yet
        what it heard."""
        client, now = self._client, self._client.front.seconds()
        if client.full or client.keeps or client.is_over or now - self._asked_at < seconds:
            return
        self._owes = False
        reached = client.session.reached
        if reached > max(self._has, *self._asked[-1:], 0):
            self._asked_at = now
            self._asked = [*self._asked[1 - MOST_ASKED :], reached]
            client.put_line(writer.line("", "PING", f"c{reached}", trailing=True))

    def answered(self, words: Sequence[str]) -> None:
        """The client says PONG with these words: if one is what it was asked, it has everything up to
        there."""
        for seq in self._asked:
            if f"c{seq}" in words:
                self._asked = [later for later in self._asked if later > seq]
                self._has = seq
                self.keep()
                break

    def keep(self) -> None:
        """Keep how far it has heard; later, if too many marks wait."""
        if self._has > self._kept and self._client.session.marks.hear(self._has):
            self._kept = self._has


class Devices:
    """The devices of a front whose cursors move. While nothing is said, and none is owed a question, nothing
    is done for them."""

    def __init__(self, clock: IReactorTime, crowd: Crowd) -> None:
        self._crowd = crowd
        self._turns: list[dict[Device, None]] = [{} for _ in range(_TURNS)]
        self._at = self._quiet = 0
        self._spoken: deque[set[str]] = deque(maxlen=_TURNS)
        self._timer = Timer(clock, ASK_SECONDS / _TURNS, self._look, "Cannot ask devices what they have")

    def came(self, device: Device) -> None:
        """Ask this one, too, from now on."""
        if self._crowd.spoken is None:
            self._crowd.spoken = set()
        min(self._turns, key=len)[device] = None

    def gone(self, device: Device) -> None:
        """The connection of a device is gone."""
        device.keep()
        for turn in self._turns:
            turn.pop(device, None)
        if not any(self._turns):
            self._timer.stop()
            self._crowd.spoken = None
            self._spoken.clear()

    def stir(self) -> None:
        """Something was said: look soon whom to ask."""
        self._quiet = 0
        if self._crowd.spoken is not None:
            self._timer.start()

    def _look(self) -> None:
        """It is the turn of some."""
        spoken, self._crowd.spoken = self._crowd.spoken or set(), set()
        self._spoken.append(spoken)
        self._at = (self._at + 1) % _TURNS
        self._quiet += 1
        if self._turns[self._at]:
            lately = set().union(*self._spoken)
            for device in list(self._turns[self._at]):
                if device.look(lately):
                    self._quiet = 0
        if self._quiet > _TURNS:
            self._timer.stop()
