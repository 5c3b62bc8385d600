"""The reads of the log as values: each question, its promise, and its answer. Pure.

To add a read, add its question here, a function that answers it to the table of each store
(``store/sqlite/reads.py``, ``store/postgres/reads.py``, ``testing/memory_log.py``), and its row to
docs/protocol.md. Everything in between only passes questions on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

import msgspec
from msgspec import Meta

from chatnet.aging import NEVER, LastUse
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import ChatnetError, NoSuchRoom
from chatnet.rules import FOR_EVER
from chatnet.stays import Interval

LAST_SEQ = (1 << 63) - 2
"""No entry has a greater seq; one more still fits both stores."""
MOST_LOOKED_AT = 300
"""How many of the newest posts of a room are looked at to count what is unread, where some were taken
back."""
MOST_UNREAD = 99
"""Up to how many unread posts, or mentions, of a room are counted: this number means so many, or more."""
NEWEST = 20
"""How many posts ``CHAT`` begins with."""

LaneName = Literal["logins", "pages"]
"""Which reads share threads and turns: those for logins, or those of pages."""

T = TypeVar("T")
Source = TypeVar("Source")


# ---- answers ----


class Device(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A device of a user, and their session there: the ``seq`` that began it, what they call the device, and
    what the session may do. ``credential`` is what is kept of a secret of its own; empty if it has none, and
    where nobody asks for it.
    """

    seq: int
    device: str
    label: str
    scope: str
    credential: str = ""


class Account(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A user's credential (see :mod:`chatnet.auth`), and the seqs that set it and registered them; the device
    that was asked for, if it has a session; and until when they are a newcomer. The credential is empty if
    nothing matches it. Of who is forgotten nothing is left: they were never registered.
    """

    credential: str
    secret_seq: int
    registered: int
    device: Device | None = None
    fresh: int = 0

    @classmethod
    def forgotten(cls, seq: int) -> Self:
        """Return what is left of who is forgotten since ``seq``."""
        return cls("", seq, 0)

    @property
    def is_forgotten(self) -> bool:
        """Whether the user is forgotten."""
        return not self.registered


class UsedDevice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A device, and since when its session is there and when it was last used, in the log's time, in
    milliseconds since 1970; 0 if nobody knows that."""

    device: Device
    since: int
    used: int


CodePurpose = Literal["", "invitation", "device", "reset", "recovery"]
"""What a code is good for: to register a name, to let in another device of its user, or to set a new secret
for them, by a code of the cluster or by one of their own for recovery; empty: for nothing now."""


Position = tuple[int, str]
"""Where a page of a snapshot ends: after which stay, given by the stay's end and its room."""


class Snapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of a user's memberships as of seq ``at``; entries after it come on top.

    ``secret_seq`` and ``registered`` are the newest, whatever ``at`` is. 0: there is no such user. ``behind``
    is where the next page begins, if there is one. ``barred``: until then, in the log's time, the user is
    banned from the cluster; ``disabled``: their account is disabled; until ``fresh`` they are a newcomer.
    ``session`` is the one that was asked for, unless it has ended; ``last_use`` is when that was last used.
    ``has_password``: their secret is one that they have chosen. All that let the user in or keeps them out is
    as of ``newest``, the log's head.
    """

    at: int
    secret_seq: int
    registered: int
    intervals: list[Interval]
    behind: Position | None = None
    barred: int = 0
    disabled: bool = False
    session: Device | None = None
    fresh: int = 0
    has_password: bool = False
    newest: int = 0
    last_use: LastUse = NEVER


class FeedPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of visible entries, and the seq up to which it is complete."""

    posts: list[Entry]
    cursor: int


class Member(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A member of a room, and their role there; empty if they have none."""

    name: str
    role: str


class MemberPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of a room's members in order, and whether another follows. ``about`` is the room's
    description, and ``by`` and ``since`` who has set it, and when, in the log's time; empty and 0 without
    one."""

    members: list[Member]
    more: bool
    about: str
    by: str = ""
    since: int = 0


MOST_LED = 200
"""Of how many rooms is asked at most who leads them."""
MOST_BLOCKERS = 20
"""How many are named at most who block somebody."""
NOT_DESCRIBED = ("", "", 0)
"""What a :class:`MemberPage` has of a room without a description."""


class RoomFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many are in a room; since when it is there, in the log's time, which of a topic is when something
    was first said there (0: never); and what it is about, as in a :class:`MemberPage`. A user is in their own
    room, but is not counted."""

    members: int
    since: int
    about: str
    by: str
    described: int


class Ban(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A user who is banned, and until when, in the log's time."""

    user: str
    until: int


class BanPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of those who are banned, in order of their names, and whether another follows."""

    bans: list[Ban]
    more: bool


class Talk(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A conversation, and the seq of the newest post in it."""

    room: str
    newest: int


class TalkPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of a user's conversations in order of their names, and whether another follows."""

    talks: list[Talk]
    more: bool


class ShownFace(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a user is shown on IRC: the text of the entry that says so (:mod:`chatnet.faces`), and its seq."""

    user: str
    text: str
    seq: int


PAGE_FACES = 80
"""How many of them a page has."""


class Invitation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An invitation to a private room: who invited, and until when it is good, in the log's time."""

    room: str
    by: str
    until: int


class InvitationPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of a user's open invitations in order of their rooms, and whether another follows."""

    invitations: list[Invitation]
    more: bool


class Person(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What somebody may know of a user: when they got the name, in the log's time; their role in the cluster,
    or empty; whether the asker blocks them; and in which ``rooms`` both are, if ``more``, not all of them."""

    since: int
    role: str
    is_blocked: bool
    rooms: list[str]
    more: bool


class UserFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an operator may know of a user, or of a guest who is here: their role in the cluster, or empty;
    ``since`` when they have the name, and when they last ``used`` a session that they still have, in the
    log's time, in milliseconds since 1970 (0: nobody knows); until when they are ``banned`` from the cluster,
    and ``muted`` in it, in the same time (0: they are not); and whether their account is ``disabled``."""

    name: str
    role: str
    since: int
    used: int
    banned: int
    muted: int
    disabled: bool


class UserPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of users in order of their names, and whether another follows."""

    users: list[UserFacts]
    more: bool


class RoomPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of room names in order, and whether another follows."""

    names: list[str]
    more: bool


class MarkPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of marks, by room, and whether another follows."""

    marks: list[tuple[str, int]]
    more: bool


class UnreadPage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page of rooms in order: how many posts, and how many mentions of the user, are unread in each, at
    most :data:`MOST_UNREAD`; and whether another page follows. ``since`` are the seqs, in the same order,
    after which the user's present stays began; an older store leaves them out."""

    rooms: list[tuple[str, int, int]]
    more: bool
    since: list[int] = []


PolicyValue = tuple[str, str]
"""The name of a policy, and the value that somebody set."""


# ---- questions ----


class Question(msgspec.Struct, Generic[T], frozen=True, array_like=True, tag=True, gc=False):
    """A read of the log, which is answered by a ``T``: see :meth:`chatnet.log.Log.read`.

    It is sent as an array: the name of its class, then its fields. Each answer fits into one AMP value of
    65,535 bytes. ``lane`` says whose threads and turns it takes, ``costs`` what it costs the store at most,
    and ``errors`` are those that may be the answer.
    """

    lane: ClassVar[LaneName] = "pages"
    costs: ClassVar[str] = "a page of 500 posts, 60 KB"
    errors: ClassVar[tuple[type[ChatnetError], ...]] = ()


Answers = Mapping[type[Question[Any]], Callable[[Source, Any], Any]]
"""A store's table: the function that answers each question, from a ``Source`` such as a connection."""


class Head(Question[int], frozen=True):
    """The newest committed seq."""

    lane = "logins"
    costs = "nothing"


class CursorAt(Question[Cursor | None], frozen=True):
    """The cursor at ``seq`` in the log as it is now, even beyond the window; None if the log ends before."""

    lane = "logins"
    costs = "a row"

    seq: int


class AccountOf(Question[Account | None], frozen=True):
    """The user's credential, or None if the name is free; and their session on ``device``, if it is given."""

    lane = "logins"
    costs = "two rows"

    user: str
    device: str | None = None


class CodeOf(Question[CodePurpose], frozen=True):
    """What the code, of which ``kept`` is kept, is good for if ``user`` shows it: see
    :data:`CodePurpose`."""

    lane = "logins"
    costs = "a row"

    kept: str
    user: str


def code_purpose(row: tuple[str, str, int] | None, user: str) -> CodePurpose:
    """Return what a code is good for, from its author, whose it is, and until when it is good; None: there is
    no such code."""
    match row:
        case None:
            return ""
        case (_, "", _):
            return "invitation"
        case (author, whose, until) if whose == user:
            own: CodePurpose = "recovery" if until == FOR_EVER else "device"
            return own if author == user else "reset"
    return ""


class DevicesOf(Question[list[UsedDevice]], frozen=True):
    """The user's devices, by the seqs of their sessions."""

    costs = "50 rows, and for each a mark and two entries"

    user: str


class SnapshotOf(Question[Snapshot], frozen=True):
    """The user's stays that matter after ``after``: those open at ``upto``, or ended after ``after``.

    The first page of them, or the one that begins ``behind`` the last. A stay that ends while the pages are
    read may come twice; none is left out. ``session`` is the seq of the user's session that is asked for,
    too.
    """

    lane = "logins"
    costs = "200 rows"

    user: str
    after: int
    upto: int
    behind: Position | None = None
    session: int = 0


class Newest(Question[list[Entry]], frozen=True):
    """The newest 20 posts of the rooms that the user is in at ``upto``, their own, mentions of them, and what
    is said in their conversations; of private rooms those that they may read. With ``before``: the newest of
    those before that seq.

    Posts from before the join are included. Oldest first; fewer than 20 if a page holds no more. None at all
    if there is no such user: what they heard by their name goes with who is forgotten.
    """

    costs = "20 posts, looked for in each room of a user"

    user: str
    upto: int
    before: int | None = None

    @property
    def last(self) -> int:
        """The greatest seq that a post may have."""
        return self.upto if self.before is None else min(self.upto, self.before - 1)


class Feed(Question[FeedPage], frozen=True):
    """The first page of entries after ``after`` that the user sees (``visible``), in order.

    Empty, and complete up to ``after`` alone, if there is no such user: with who is forgotten goes where they
    were, so that nobody can say any more what they would have seen before that.
    """

    user: str
    after: int
    upto: int


class History(Question[list[Entry]], frozen=True):
    """The page of the posts of ``room`` up to ``upto`` that ends before ``before`` (the newest for None),
    oldest first, of those that ``user`` may read at ``upto``.

    With ``events``, of all that is heard there, and of the entries with which somebody came or went; of these
    none by or for somebody who is forgotten, and none from a time of which posts have expired.

    :raises NoSuchRoom: nobody has this name, or nobody ever used this topic; or the user may not read it.
    """

    errors = (NoSuchRoom,)

    room: str
    before: int | None = None
    user: str = ""
    upto: int = LAST_SEQ
    events: bool = False


class HistoryAfter(Question[list[Entry]], frozen=True):
    """The page of the posts of ``room`` up to ``upto`` that begins after ``after``, oldest first, of those
    that ``user`` may read at ``upto``: :class:`History` in the other direction.

    :raises NoSuchRoom: as for :class:`History`.
    """

    errors = (NoSuchRoom,)

    room: str
    after: int
    user: str
    upto: int = LAST_SEQ
    events: bool = False


class SeqBefore(Question[int], frozen=True):
    """The seq of the last entry up to ``upto`` whose time is before ``time``, in milliseconds since 1970;
    0: there is none. The log's time never falls, so that this divides the log in two.
    """

    costs = "a row for each halving of the log"

    time: int
    upto: int


class Members(Question[MemberPage], frozen=True):
    """The first page of the members of ``room`` at ``upto`` that sort after ``after``, for ``user``.

    :raises NoSuchRoom: as for :class:`History`.
    """

    errors = (NoSuchRoom,)
    costs = "200 rows"

    room: str
    user: str
    upto: int
    after: str = ""


class RoomOf(Question[RoomFacts], frozen=True):
    """What ``room`` is like at ``upto``, for ``user``. Without ``counts``, nobody is counted.

    :raises NoSuchRoom: as for :class:`History`.
    """

    errors = (NoSuchRoom,)
    costs = "three rows, or one for each member"

    room: str
    user: str
    upto: int
    counts: bool = False


class BansOf(Question[BanPage], frozen=True):
    """The first page of those who are banned from ``room`` in the time of ``upto`` and sort after ``after``:
    for moderators alone, which whoever asks has looked at.

    :raises NoSuchRoom: as for :class:`History`.
    """

    errors = (NoSuchRoom,)
    costs = "a row for each who has a role, an invitation or a ban"

    room: str
    user: str
    upto: int
    after: str = ""


class PoliciesIn(Question[list[PolicyValue]], frozen=True):
    """The policies of ``room`` that were set by ``upto``; for an empty one, those of the cluster. These, and
    those of topics, everybody may know.

    :raises NoSuchRoom: as for :class:`History`.
    """

    errors = (NoSuchRoom,)
    costs = "a row for each policy"

    room: str
    user: str = ""
    upto: int = LAST_SEQ


class PersonOf(Question[Person | None], frozen=True):
    """What ``user`` may know of the user ``about`` at ``upto``; None: there is no such user."""

    costs = "the rooms of two users"

    user: str
    about: str
    upto: int


class FirstIn(Question[str], frozen=True):
    """Who has been in a topic for longest at ``upto``, while it has no owner; no guest counts. Empty: it has
    one, nobody is in it, or it is no topic."""

    costs = "the members of a topic"

    room: str
    upto: int


class LedBy(Question[list[str]], frozen=True):
    """Those of ``rooms`` that ``user``, who is in them at ``upto``, moderates or owns, or is the first in:
    see :class:`FirstIn`."""

    costs = "the members of 200 topics"

    user: str
    rooms: Annotated[list[str], Meta(max_length=MOST_LED)]
    upto: int


class SpeakerIn(Question[list[str] | None], frozen=True):
    """Who blocks ``user``, if the log would take what they say in ``room``, in the time of ``upto``; None: it
    would not, or nothing was said in that conversation yet, or more than
    :data:`MOST_BLOCKERS` block them.

    That is as of now. Whether they are in the room is not looked at: who follows the log knows it.
    """

    costs = "the roles, bans and blocks of a user"

    user: str
    room: str
    upto: int


class InvitationsOf(Question[InvitationPage], frozen=True):
    """The first page of the invitations of ``user`` at ``upto``, to rooms that sort after ``after``, that are
    open: not used, ended or older than 30 days, and not from somebody whom they block or blocked then."""

    costs = "200 rows"

    user: str
    upto: int
    after: str = ""


class ReportedPost(Question[list[Entry]], frozen=True):
    """The post that the report at ``seq`` is about, for a moderator who heard that report, and still is one
    at ``upto``; its text is empty if it was taken back. Nothing for others.

    No report holds a copy of what it is about: so nothing is left of that when it is taken back.
    """

    costs = "two posts"

    seq: int
    user: str
    upto: int


class Talks(Question[TalkPage], frozen=True):
    """The first page of the conversations of ``user`` at ``upto`` that sort after ``after``."""

    costs = "200 rows, and the newest post of each"

    user: str
    upto: int
    after: str = ""


class Faces(Question[list[ShownFace]], frozen=True):
    """How users are shown who have said so, and all guests, behind ``after``: at most 80, in the order of
    their names; fewer: there are no more. Guests are behind all users."""

    costs = "80 rows"

    after: str = ""


class Rooms(Question[RoomPage], frozen=True):
    """The first page of rooms that begin with ``prefix`` and sort after ``after``."""

    costs = "200 rows"

    prefix: str
    after: str


class MarksOf(Question[MarkPage], frozen=True):
    """The first page of the user's marks in rooms that sort after ``after``.

    These are their own room, their conversations and the rooms that they are in at ``upto``. A mark from
    before the present stay began is gone.
    """

    costs = "200 rows, looked for in each room of a user"

    user: str
    upto: int
    after: str


class HeardBy(Question[int | None], frozen=True):
    """Up to where the user's ``device`` has heard everything, as it has said; None if it has said nothing."""

    costs = "a row"

    user: str
    device: str


class UnreadOf(Question[UnreadPage], frozen=True):
    """The first page of the user's rooms that sort after ``after``, and how much is unread in each.

    These are their own room, their conversations and those that they are in at ``upto``, also those in which
    all is read: in their own room always, since nobody else posts there. Unread are the posts up to ``upto``
    that are heard in a room after the user's mark there and, if that is greater, after the stay there began.
    A mention is unread in the room where it was said; in a conversation every post is one. A post that was
    taken back is not unread, once its text is overwritten; where so many were that none of the newest
    :data:`MOST_LOOKED_AT` is left, nothing is.
    """

    costs = "99 posts and 99 mentions in each of 200 rooms, 300 where some were taken back"

    user: str
    upto: int
    after: str


QUESTIONS: tuple[type[Question[Any]], ...] = (
    Head,
    CursorAt,
    AccountOf,
    CodeOf,
    DevicesOf,
    SnapshotOf,
    Newest,
    Feed,
    History,
    HistoryAfter,
    SeqBefore,
    Members,
    RoomOf,
    BansOf,
    PoliciesIn,
    ReportedPost,
    InvitationsOf,
    PersonOf,
    FirstIn,
    LedBy,
    SpeakerIn,
    Talks,
    Faces,
    Rooms,
    MarksOf,
    HeardBy,
    UnreadOf,
)
"""What every log answers, and what workers may ask the primary."""


# ---- questions for the store itself, by the process that has it open: these are never sent ----


class AllUsers(Question[UserPage], frozen=True):
    """The first page of users whose names begin with ``prefix`` and sort after ``after``, as they are now:
    for operators alone. Guests, if the prefix begins as theirs do."""

    costs = "200 users, and of each 50 sessions"

    prefix: str = ""
    after: str = ""


class PageOf(Question[list[Entry]], frozen=True):
    """The first page of all entries after ``after``, up to ``upto`` if given."""

    lane = "logins"

    after: int
    upto: int | None = None


class Last(Question[list[Entry]], frozen=True):
    """The newest ``count`` entries, oldest first: as many as are asked for, so not a page."""

    lane = "logins"

    count: int


OF_A_STORE: tuple[type[Question[Any]], ...] = (*QUESTIONS, AllUsers, PageOf, Last)
"""What a store answers: it holds all of the log."""
