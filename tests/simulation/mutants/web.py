"""Bugs of the web: of sockets, of requests, and of a client that speaks as browsers do.

They are hunted where all users speak so, and some workers are on another machine.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import islice
from weakref import WeakKeyDictionary

from simulation.mutants.planting import Mutant, Put

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.master import rebalancer
from chatnet.worker.fronts.web import account, dialect, frames
from chatnet.worker.fronts.web.connection import WebConnection
from chatnet.worker.fronts.web.frames import Alive, Incoming, Received, Said
from chatnet.worker.fronts.web.origins import Shows
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.worker.fronts.web.site import Request
from chatnet.worker.fronts.web.socket import Socket
from simulator.run import Scale
from simulator.users.web import WebUser
from simulator.users.web_lines import Message

SCALE = Scale(spoken="web", annex=True)


def a_frame_is_cut(put: Put) -> None:
    """The length of a long message is that of its characters, not of its bytes."""

    def text(message: bytes) -> bytes:
        characters = len(message.decode())
        return real(message) if characters < 126 else frames._head(0x81, characters) + message

    real = put(frames, "text", text)


def a_message_in_parts_loses_its_beginning(put: Put) -> None:
    """Of a message that a client sends in two frames only the last one counts."""

    def part(self: Incoming, data: str, is_last: bool) -> Received:
        return Said(data) if is_last else Alive()

    put(Incoming, "_part", part)


def a_sockets_cursor_by_acknowledgement(put: Put) -> None:
    """An acknowledged post moves the cursor past undelivered posts of others."""

    def acknowledged(self: WebUser, answer: Message, key: bytes) -> Message:
        if "seq" in answer:
            mine = Entry(answer["seq"], 0, "post", self.name, self.name, "", key)
            self._feed.nothing_up_to(Cursor.at(self._feed.log_id, mine))
        return real(self, answer, key)

    real = put(WebUser, "acknowledged", acknowledged)


def an_upto_too_far(put: Put) -> None:
    """A socket is told that there is nothing for it up to the head, though it has not been given all."""

    def ping(self: Socket) -> None:
        if not self._is_closing and self.session.cursor is not None:
            self._put(self.channel.upto(self.session._shared.log.window.cursor))
        real(self)

    real = put(Socket, "ping", ping)


def a_double_at_the_seam(put: Put) -> None:
    """The newest of the posts in a welcome is the first that is delivered behind it."""

    def greet(self: Socket, welcome: Message) -> None:
        real(self, welcome)
        if welcome.get("posts"):
            self._say(dialect.encode({"t": "posts", "posts": welcome["posts"][-1:]}))

    real = put(Socket, "_greet", greet)


def a_request_takes_its_connections_user(put: Put) -> None:
    """Who asks on a connection is whoever asked first on it, though a proxy sends there what others ask."""
    first: WeakKeyDictionary[WebConnection, Shows] = WeakKeyDictionary()

    def shows(self: Request) -> Shows:
        now: Shows = real(self)
        return now if now.ticket is None else first.setdefault(self.connection, now)

    real = put(Request, "shows", shows)


def a_repeated_request_gets_a_new_key(put: Put) -> None:
    """A password that is set by a request which is sent again is set twice."""

    def key_of(request: Request, settings: WebSettings) -> bytes:
        return settings.entropy(16)

    put(account, "key_of", key_of)


def what_does_not_fit_one_message_is_lost(put: Put) -> None:
    """Of posts that need two messages only the first one is sent."""

    def posts(log_id: str, entries: Iterable[Entry], most: int) -> Iterator[bytes]:
        return islice(real(log_id, entries, most), 1)

    real = put(dialect, "posts", posts)


def a_welcome_that_is_behind_is_given(put: Put) -> None:
    """Who has missed too much begins anew, but from the old cursor on, behind which nothing comes."""

    def greet(self: Socket, welcome: Message) -> None:
        if "gap" in welcome:
            del welcome["posts"], welcome["gap"]
        real(self, welcome)

    real = put(Socket, "_greet", greet)


def browsers_count_as_placed(put: Put) -> None:
    """Who came by a port that workers share counts as placed by a master, and is sent to other hosts."""
    put(WebConnection, "by_shared_port", False)


def what_differs_too_little_counts_as_even(put: Put) -> None:
    """Sessions by a shared port count as even, also where they differ by too little for any to be moved."""

    def evened(sessions: Mapping[str, int], groups: Mapping[str, Hashable]) -> dict[str, int]:
        even = dict(sessions)
        for group in set(groups.values()):
            ids = [id for id in sessions if groups[id] == group]
            mean, rest = divmod(sum(sessions[id] for id in ids), len(ids))
            even |= {id: mean + (at < rest) for at, id in enumerate(ids)}
        return even

    put(rebalancer, "evened", evened)


MUTANTS: tuple[Mutant, ...] = (
    a_frame_is_cut,
    a_message_in_parts_loses_its_beginning,
    a_sockets_cursor_by_acknowledgement,
    an_upto_too_far,
    a_double_at_the_seam,
    a_request_takes_its_connections_user,
    a_repeated_request_gets_a_new_key,
    what_does_not_fit_one_message_is_lost,
    a_welcome_that_is_behind_is_given,
    browsers_count_as_placed,
    what_differs_too_little_counts_as_even,
)
