"""What users did and what they were told, recorded for the checker. Pure.

A history is a list of events of all clients, in the order in which they happened. A *client* is one run of
one user's program; its name is the user's, a ``+`` if it runs on their second device, a slash and a number.
Of a program that speaks in lines each connection is a client, with a dot and a number behind that: what is
said on one that is lost is not said again. A history is stored as lines of JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from chatnet.entries import Entry
from chatnet.kinds import KindName


class Event(msgspec.Struct, kw_only=True, tag_field="event"):
    """Something that happened to ``client`` at ``time``, in seconds on a clock that does not step."""

    time: float
    client: str

    @property
    def user(self) -> str:
        """The user whose client it is."""
        return self.client.partition("/")[0].rstrip("+")


class Started(Event):
    """The client begins; from now on it stays connected."""


class Stopped(Event):
    """The user ended the client: what it sent without an answer may be in the log or not."""


class LoggedIn(Event):
    """The client is connected: for the first time in its user's life, by its ticket, or with a new login;
    or by its ticket where it has ``moved``; or by a connection that has to log in ``each`` time.

    ``asked`` is when it began to log in on this connection: the answer may have been on its way for long.
    ``session`` is the seq of the entry that began its session; 0: that is not known.
    """

    how: Literal["first", "resumed", "moved", "again", "each"]
    asked: float
    session: int = 0


class Lost(Event):
    """The client lost its connection, and is trying to reconnect."""


class Moved(Event):
    """The client was told to go to another worker; for its user it is connected all the time."""


class Told(Event):
    """The client was told something that its user should know."""

    sentence: str


class Ended(Event):
    """The client gave up, for the reason in ``sentence``; ``each``: it logs in by a secret each time, and has
    no session by which it could come back."""

    sentence: str
    each: bool = False


class Sent(Event):
    """The client made a draft, and will send it until it is answered.

    ``to`` is for whom it is, ``ref`` the seq of the entry that it refers to (0: none), and ``check_of`` that
    of the entry whose check it sends with it, if it is another one.
    """

    key: bytes
    kind: KindName
    room: str
    text: str
    to: str = ""
    ref: int = 0
    check_of: int = 0


class Acknowledged(Event):
    """The draft with this key is durable, at ``seq``."""

    key: bytes
    seq: int


class Refused(Event):
    """The draft with this key will never be in the log; ``code`` is the error's."""

    key: bytes
    code: str


class ChatBegun(Event):
    """A reader begins: it got the ``newest`` posts, and hears everything after ``cursor``."""

    reader: int
    cursor: int
    newest: list[Entry]


class Took(Event):
    """The reader got a post after its cursor, which is now at that post."""

    reader: int
    entry: Entry


class Repeated(Event):
    """The reader got a post that is not after its cursor, and dropped it."""

    reader: int
    seq: int


class CursorMoved(Event):
    """The reader was told that there is nothing else for it up to ``cursor``."""

    reader: int
    cursor: int


class ChatEnded(Event):
    """The reader stopped hearing posts."""

    reader: int


class PageRead(Event):
    """The client got a page of a room's posts before seq ``before``, or the newest."""

    room: str
    before: int | None
    posts: list[Entry]


class ReportRead(Event):
    """The client got the ``post`` that the report of this seq is about."""

    report: int
    post: Entry


class InvitationsRead(Event):
    """The client got the first page of the open invitations of its user: rooms, and who invited."""

    rooms: list[tuple[str, str]]


class MarksRead(Event):
    """The client got all marks of its user. It had asked for them at ``asked``, at the latest."""

    asked: float
    marks: list[tuple[str, int]]


class MarkTold(Event):
    """The client was told that another one of its user has read ``room`` up to ``seq``."""

    room: str
    seq: int


class Negotiated(Event):
    """A connection that speaks in lines is welcome. ``echoes``: it is given its own posts, too;
    ``own_talks``: and what its user says in conversations elsewhere; ``has_ids``: each post comes with its
    id; ``catches_up``: the client asks for what it missed. What the ``device`` has missed that it names is
    sent to it; empty: it is none of those. ``plays``: its histories have reactions, and what was done.
    ``before``: it is that client's connection, which is its user's from now on."""

    echoes: bool
    own_talks: bool
    has_ids: bool
    catches_up: bool
    device: str = ""
    plays: bool = False
    before: str = ""


class Said(Event):
    """A connection said its line ``number``, to which there is one answer there, or, once it is lost, none.

    ``command`` is its first word. ``kind`` is that of the entry that it is to become, if it is; then the rest
    is as in :class:`Sent`, but the key, which only the cluster knows. If it was said behind the line
    ``behind``, by which the connection may become that of the client ``either``, it is that one's if it does.
    """

    number: int
    command: str
    kind: KindName | Literal[""] = ""
    room: str = ""
    text: str = ""
    to: str = ""
    ref: int = 0
    check_of: int = 0
    behind: int = 0
    either: str = ""


class Answered(Event):
    """The line ``number`` was answered: it is done, at ``seq`` if the client was told that (0: it was not);
    or refused, with a ``code``, or with :data:`UNTOLD`, if what became of it is not said."""

    number: int
    code: str = ""
    seq: int = 0


UNTOLD = "?"
REACTION = "reaction"
"""The form of a post that reacts to another one."""


class Message(msgspec.Struct, frozen=True):
    """What one line, or several in a batch, told of a post ``by`` somebody: its ``seq``, if it came with an
    id, else 0. ``is_whole``: the text is all of it, as it was said; otherwise more may follow, and spaces
    where it was split are missing. ``context`` is the channel in which it was said, if it is shown
    elsewhere; ``ref`` the seq of the message that it answers. Of what was done, and is in a history as well,
    ``form`` is IRC's command, and the text what that says of it."""

    seq: int
    by: str
    target: str
    text: str
    is_whole: bool = False
    context: str = ""
    form: str = ""
    ref: int = 0


class Heard(Event):
    """A connection that speaks in lines got a message as it was said."""

    message: Message


class Typed(Event):
    """Such a connection was told that somebody is typing at a ``target``."""

    by: str
    target: str


class Confirmed(Event):
    """Such a connection was asked whether its device has everything up to ``seq``; ``is_said``: it said
    so."""

    seq: int
    is_said: bool


class HistoryHeard(Event):
    """Such a connection had ``asked`` at that time for at most ``limit`` posts of ``room``, behind or before
    the seq ``bound``, or for the latest; and got these. ``plays``: with reactions, and what was done."""

    asked: float
    room: str
    how: Literal["LATEST", "BEFORE", "AFTER"]
    bound: int
    limit: int
    messages: list[Message]
    plays: bool = False


class LeaseTaken(Event):
    """The master ``client`` holds the lease."""


class LeaseLost(Event):
    """The master ``client`` released the lease."""


class LeaseExpired(Event):
    """The master ``client`` lost the lease, because another takes it."""


class EpochBegun(Event):
    """The master ``client`` commands in ``epoch``."""

    epoch: int


class EpochEnded(Event):
    """The master ``client`` stopped commanding."""

    epoch: int


class Sample(Event):
    """In the process ``client``, ``measure`` has this ``value``, and may have at most ``most``."""

    measure: str
    value: int
    most: int


class Held(Event):
    """The process ``client``, which has followed the log to ``head``, holds the texts of these entries."""

    head: int
    seqs: list[int]


class Waiting(Event):
    """The process ``client``, which has followed the log to ``head``, has read what becomes these drafts, by
    user and key, and waits for the log to answer them."""

    head: int
    drafts: list[tuple[str, bytes]]


AnyEvent = (
    Started
    | Stopped
    | LoggedIn
    | Lost
    | Moved
    | Told
    | Ended
    | Sent
    | Acknowledged
    | Refused
    | ChatBegun
    | Took
    | Repeated
    | CursorMoved
    | ChatEnded
    | PageRead
    | MarksRead
    | MarkTold
    | Negotiated
    | Said
    | Answered
    | Heard
    | Confirmed
    | HistoryHeard
    | LeaseTaken
    | LeaseLost
    | LeaseExpired
    | EpochBegun
    | EpochEnded
    | Sample
    | Held
    | Waiting
)

_encoder = msgspec.json.Encoder()
_decoder: Any = msgspec.json.Decoder(AnyEvent)


def line(event: Event) -> bytes:
    """Return ``event`` as one line."""
    return _encoder.encode(event) + b"\n"


def read(lines: Iterable[bytes]) -> list[Event]:
    """Return the events of the lines. The last line may be torn: its writer was killed.

    :raises msgspec.MsgspecError: another line is torn.
    """
    return [_decoder.decode(text) for text in lines if text.endswith(b"\n")]


def merge(*histories: Iterable[Event]) -> list[Event]:
    """Return one history of several, ordered by time; they were recorded on one machine."""
    return sorted((event for history in histories for event in history), key=lambda event: event.time)
