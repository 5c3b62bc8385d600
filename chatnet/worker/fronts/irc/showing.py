"""Follows how users are shown, and tells those who share a room with somebody that it has changed.

Of who is at this front it is told at its place in what others hear. The rooms of everybody else are not known
here: the log is asked for them, of one user after the other, and what has changed of each by then is told as
one change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.entries import Entry
from chatnet.errors import UNREAD
from chatnet.faces import Face
from chatnet.irc import writer
from chatnet.irc.targets import nick_of
from chatnet.reads import PAGE_FACES, Faces
from chatnet.worker.fronts.irc.channel import PREFIX_BYTES
from chatnet.worker.fronts.irc.faces import KINDS, source_of
from chatnet.worker.fronts.irc.neighbours import rooms_of

if TYPE_CHECKING:
    from chatnet.log import Log
    from chatnet.net.visitors import Visitors
    from chatnet.worker.fronts.irc.channel import Crowd
    from chatnet.worker.fronts.irc.client import IrcClient
    from chatnet.worker.sessions import Sessions

MOST_WAITING = 2_000
"""Of how many users it may wait to be told; of more it is not."""


class _Change(NamedTuple):
    """How a user was shown before, and with which entry that has changed."""

    before: Face
    entry: Entry


class Showing:
    """Keeps the :attr:`~.Crowd.faces` of a front's crowd."""

    _logger = Logger()

    def __init__(self, crowd: Crowd, visitors: Visitors) -> None:
        self._crowd = crowd
        self._visitors = visitors
        self._log: Log | None = None
        self._has_looked = False
        self._waiting: dict[str, _Change] = {}

    def follow(self, sessions: Sessions) -> None:
        """Follow the log as these sessions do; what an earlier one was asked may never be answered."""
        self._log, self._has_looked, self._waiting = sessions.log, False, {}
        self._crowd.faces.begin()
        sessions.router.watch(KINDS, self._changed)

    def look_back(self) -> None:
        """Learn how users are shown who said so before this front began, if that was not read yet."""
        log = self._log
        if log is not None and not self._has_looked:
            self._has_looked = True
            Deferred.fromCoroutine(self._look_back(log)).addErrback(self._not_looked_back, log)

    async def _look_back(self, log: Log) -> None:
        faces, after = self._crowd.faces, ""
        while True:
            page = await log.read(Faces(after))
            if self._log is not log:
                return  # they are those of an earlier one
            faces.begun(page)
            if len(page) < PAGE_FACES:
                break
            after = page[-1].user
        faces.end()

    def _not_looked_back(self, failure: Failure, log: Log) -> None:
        text = "How users are shown is not known: they are by their plain names"
        if not failure.check(*UNREAD):
            self._logger.failure(text, failure)
            return
        if self._log is log:
            self._has_looked = False
        if self._visitors.may_be_logged(text):
            self._logger.warn(f"{text} ({{why}})", why=failure.getErrorMessage())

    # ---- what changes ----

    def _changed(self, entry: Entry) -> None:
        crowd, user = self._crowd, entry.user
        before = crowd.faces.face(user)
        crowd.faces.follow(entry)
        if entry.kind != "spelling" or before == crowd.faces.face(user):
            return
        theirs = crowd.of_user.get(user, ())
        self._tell(_Change(before, entry), theirs)
        waiting = self._waiting.get(user)
        if waiting is not None:
            self._waiting[user] = _Change(waiting.before, entry)
        elif theirs:
            self._tell_others(_Change(before, entry), {room for own in theirs for room in own.rooms()})
        elif crowd.of_key and self._log is not None and len(self._waiting) < MOST_WAITING:
            self._waiting[user] = _Change(before, entry)
            if len(self._waiting) == 1:
                Deferred.fromCoroutine(self._ask_all(self._log, self._waiting))

    async def _ask_all(self, log: Log, waiting: dict[str, _Change]) -> None:
        """Ask of one user after the other until none waits, or another log is followed; each waits until they
        were asked about."""
        while waiting and waiting is self._waiting:
            user = next(iter(waiting))
            await Deferred.fromCoroutine(self._ask(log, user, waiting)).addErrback(self._not_asked)
            del waiting[user]

    async def _ask(self, log: Log, user: str, waiting: dict[str, _Change]) -> None:
        rooms = await rooms_of(log, user)
        if waiting is self._waiting:
            self._tell_others(waiting[user], rooms)

    def _not_asked(self, failure: Failure) -> None:
        self._logger.info("It is not told who is shown otherwise: {why}", why=failure.getErrorMessage())

    # ---- who is told ----

    def _tell_others(self, change: _Change, rooms: Collection[str]) -> None:
        self._tell(change, self._crowd.presence.near(change.entry.user, rooms), rooms)

    def _tell(self, change: _Change, whom: Iterable[IrcClient], rooms: Collection[str] = ()) -> None:
        """Tell those of ``whom`` who share one of these rooms with the user, monitor them, or are theirs;
        behind what stands before the entry."""
        before, (user, key, seq) = change.before, (change.entry.user, change.entry.key, change.entry.seq)
        faces, name = self._crowd.faces, nick_of(user)
        now = faces.face(user)
        nick = setname = b""
        if before.spelled != now.spelled:
            nick = writer.line(source_of(before, user), "NICK", now.spelled)
        if before.real_name != now.real_name:
            setname = writer.line(faces.source(user), "SETNAME", now.real_name, trailing=True)
        answered = self._crowd.of_key.get(key[:PREFIX_BYTES])
        for client in whom:
            if client is answered:
                continue
            room = next((room for room in client.joined if room in rooms), "")
            is_near = bool(room) or client.user == user
            if nick and is_near:
                client.hint_behind(seq, room, nick)
            is_watching = name in client.monitors and client.has("extended-monitor")
            if setname and client.has("setname") and (is_near or is_watching):
                client.hint_behind(seq, room, setname)
