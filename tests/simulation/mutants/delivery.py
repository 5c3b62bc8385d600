"""Bugs on the way from the log to readers: followers, sessions, the router, the window."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from simulation.mutants.planting import Put
from twisted.internet.defer import Deferred

from chatnet import entries
from chatnet.cursor import Cursor
from chatnet.errors import NotJoined
from chatnet.master.log_server import LogServer
from chatnet.names import fold_for, is_name, is_topic, named
from chatnet.stays import Change, Memberships
from chatnet.store.reader import Ahead, Behind, Full, Live, Reader
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.window import Window
from chatnet.worker import session
from chatnet.worker.router import Router
from chatnet.worker.session import Session
from chatnet.worker.session_drafts import SessionDrafts
from chatnet.worker.subscription import Subscription


def texts_are_not_folded_as_commands_are(put: Put) -> None:
    """A command composes its values and drops what cannot be seen, but a text does not."""
    word = re.compile(r"(?<![\w@#&/])([@#])([\w-]+)")

    def unfolded(text: str) -> tuple[str, ...]:
        found = (mark + name.lower() for mark, name in word.findall(text))
        return tuple(dict.fromkeys(each for each in found if each[0] == "#" or is_name(each[1:])))

    put(entries, "named", unfolded)


def what_is_said_in_a_topic_goes_where_its_text_does(put: Put) -> None:
    """A post in a topic is heard in each topic that it names, as one in its author's room is."""

    def places(user: str, room: str, text: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((room, *named(text))))

    put(entries, "places", places)


def the_door_asks_before_the_key(put: Put) -> None:
    """A worker refuses a post in a topic by what it knows itself; the log may know better, and the key."""

    def post(
        self: SessionDrafts, key: bytes, text: str, room: str | None = None, *beyond: Any
    ) -> Deferred[int]:
        where = self._user if room is None else fold_for(room, self._user)
        if is_topic(where) and not self._session.local_user.memberships.has(where):
            raise NotJoined.of(room=where)
        return real(self, key, text, room, *beyond)

    real: Callable[..., Deferred[int]] = put(SessionDrafts, "post", post)


def mentions_from_before_the_name_was_registered(put: Put) -> None:
    """A user who registers a name is given what was said to it before."""

    def listens(user: str, memberships: Memberships, place: str, seq: int) -> bool:
        return place in (user, "@" + user) or memberships.covers(place, seq)

    put(entries, "listens", listens)
    put(sqlite_reads, "_registered", lambda connection, user: 0)


def resume_from_cursor_plus_one(put: Put) -> None:
    """A reader with a cursor is served from the seq after the next one."""

    class Skipping(Subscription):
        def __init__(self, cursor: int, *parts: object) -> None:
            super().__init__(cursor + 1, *parts)  # type: ignore[arg-type]

    put(session, "Subscription", Skipping)


def fetch_before_follow(put: Put) -> None:
    """A reader that has read a page to its end goes live without what was committed meanwhile."""

    async def catch_up(self: Reader, behind: Behind) -> None:
        while self._state is behind:
            upto = self._window.head
            if self._cursor > upto:
                self._state = Ahead()
                self._window.watch(self._grown)
            elif self._cursor < upto:
                page, cursor = await self._sink.read(self._cursor, upto)
                if self._state is not behind:
                    return
                self._hand_over(page, cursor)
            if self._state is behind and self._cursor == upto:
                self._state = Live()
                self._sink.go_live()

    put(Reader, "_catch_up", catch_up)


def double_delivery_at_the_handover(put: Put) -> None:
    """When catching up ends, the rest of the window is taken from the cursor on, not from after it."""

    def take_window(self: Reader, behind: Behind) -> None:
        if self._window.holds(self._cursor - 1):
            self._cursor -= 1
        real(self, behind)

    real = put(Reader, "_take_window", take_window)


def drop_on_lag(put: Put) -> None:
    """A client that did not read for a while goes on from now, without what it missed."""

    def drained(self: Reader) -> None:
        if isinstance(self._state, Full) and self._near is not None:
            self._cursor = max(self._cursor, self._window.head)
        real(self)

    real = put(Reader, "drained", drained)


def lost_wakeup_of_the_follower(put: Put) -> None:
    """A worker's link that was full is never resumed when it has room again."""
    put(LogServer, "drained", lambda self: None)


def never_live_under_load(put: Put) -> None:
    """A reader is near the head only if a page ended exactly there, however fast the log grows."""

    def is_near(self: Reader) -> bool:
        rest = self._window.head - self._cursor
        return self._window.holds(self._cursor) and (self._near is None or not rest)

    put(Reader, "_is_near", is_near)


def unbounded_queue_for_a_slow_reader(put: Put) -> None:
    """A session whose client does not read is served on."""
    put(Session, "filled", lambda self: None)


def window_off_by_one(put: Put) -> None:
    """The window believes that it still holds the entry before its first."""

    def holds(self: Window, cursor: int) -> bool:
        return self.start - 2 <= cursor <= self.head

    def at(self: Window, seq: int) -> Cursor | None:
        return real(self, seq) if seq >= self.start - 1 else None

    put(Window, "holds", holds)
    real = put(Window, "at", at)


def ping_up_to_the_head(put: Put) -> None:
    """A session is told that there is nothing for it up to the head, though it has not been given all."""

    def cursor(self: Session) -> Cursor | None:
        return None if self._subscription is None else self._shared.log.window.cursor

    put(Session, "cursor", property(cursor))


def leaving_is_not_followed(put: Put) -> None:
    """A user who leaves a room while they chat goes on receiving its posts."""

    def move(self: Router, change: Change, seq: int) -> bool:
        if change.begins:
            return real(self, change, seq)
        its = self._local_users.get(change.user)
        return its is not None and its.memberships.change(change, seq)

    real: Callable[[Router, Change, int], bool] = put(Router, "_move", move)
