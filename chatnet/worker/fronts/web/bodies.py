"""The bodies of requests and answers of the API, as types. The document of the API is made from them."""

from __future__ import annotations

from typing import Literal

import msgspec

from chatnet.worker.fronts.web.dialect import ShownEntry as Entry
from chatnet.worker.fronts.web.dialect import ShownRef as Ref

Scope = Literal["all", "read", "post"]
Form = Literal["notice", "action"]


class Problem(msgspec.Struct):
    """A refusal (RFC 9457). ``code`` names why, and ``detail`` says it in one sentence."""

    type: str
    title: str
    status: int
    detail: str
    code: str


# ---- what is said ----


class NewPost(msgspec.Struct):
    """A post. ``room``: a room that one is in, or @ and a name for a conversation; without it, one's own
    room. ``ref``: the post that it answers. ``form``: of a program, or an action."""

    text: str
    room: str | None = None
    ref: Ref | None = None
    form: Form | None = None


class Posted(msgspec.Struct, omit_defaults=True):
    """A post is on the disks. ``time`` and ``check`` are left out of one that was there long before."""

    seq: int
    key: str
    check: str | None = None
    time: int | None = None


class Hook(msgspec.Struct):
    """A webhook, as Slack takes it: of other fields, the words in ``blocks`` and ``attachments`` are taken
    if it has no text."""

    text: str = ""


class Membership(msgspec.Struct, omit_defaults=True):
    """One is in a room. ``seq`` is the entry since which; left out if one was in it before."""

    room: str
    seq: int = 0


# ---- what is read ----


class Posts(msgspec.Struct):
    """A page of posts, oldest first. The one before it is asked for by ``before``; null: there is none."""

    posts: list[Entry]
    before: int | None


class Heard(msgspec.Struct):
    """What a long request has heard, and the cursor to go on from."""

    posts: list[Entry]
    cursor: str


class RoomList(msgspec.Struct):
    """A page of rooms in order. ``joined`` are those of them that one is in; ``more``: another page follows,
    behind the last one."""

    rooms: list[str]
    joined: list[str]
    more: bool


class Member(msgspec.Struct):
    """A member of a room, and their role there; empty if they have none."""

    name: str
    role: str


class MemberList(msgspec.Struct):
    """A page of the members of a room in order; ``about`` is what the room is about."""

    members: list[Member]
    more: bool
    about: str


class Unread(msgspec.Struct):
    """How much is unread in a room (99: so many, or more), and after which seq one's stay there began."""

    room: str
    posts: int
    mentions: int
    since: int | msgspec.UnsetType = msgspec.UNSET


class UnreadList(msgspec.Struct):
    """A page of one's rooms in order, and how much is unread in each."""

    rooms: list[Unread]
    more: bool


class Me(msgspec.Struct):
    """Who asks: their name, the log that it is in, their session, and what that may do: all, read or post."""

    name: str
    log: str
    session: int
    scope: str


# ---- accounts ----


class Limits(msgspec.Struct):
    """The longest text, in characters; drafts a second in the long run (0: any number), and at once; and how
    many commands of a socket may be unanswered."""

    text: int
    rate: int
    burst: int
    unanswered: int


class About(msgspec.Struct):
    """What this is, and who asks: ``user`` is null if nobody is logged in."""

    log: str
    signup: Literal["open", "code", "closed"]
    user: str | None
    version: str
    limits: Limits


class LogIn(msgspec.Struct):
    """Log in. ``secret`` is 32 bytes in base64url, made by who logs in; or there is a ``password``: with a
    ``code`` for recovery, the new one. ``new``: register the name, if it is free. ``device``: 16 bytes that
    are kept beside the secret. ``cookie``: false, and the ticket is in the answer."""

    name: str
    secret: str | None = None
    password: str | None = None
    code: str | None = None
    device: str | None = None
    label: str | None = None
    scope: Scope | None = None
    new: bool | None = None
    cookie: bool | None = None


class LoggedIn(msgspec.Struct, omit_defaults=True):
    """Who is logged in; ``ticket`` is what to show as Authorization: Bearer."""

    name: str
    log: str
    ticket: str = ""


class Session(msgspec.Struct):
    """A session: times are in milliseconds since 1970, 0 if unknown; ``is_this``: it is the one that asks."""

    id: int
    label: str
    scope: Scope
    since: int
    used: int
    is_this: bool


class SessionList(msgspec.Struct):
    """One's sessions, the oldest first."""

    sessions: list[Session]


class NewToken(msgspec.Struct):
    """A token for a program: ``label`` is what one calls it."""

    label: str
    scope: Scope | None = None
    password: str | None = None


class Token(msgspec.Struct):
    """A token, which is shown as Authorization: Bearer, and the id of its session."""

    token: str
    id: int


class NewPassword(msgspec.Struct):
    """A new password; ``old`` is the present one, if there is one."""

    password: str
    old: str | None = None


class PasswordSet(msgspec.Struct, omit_defaults=True):
    """The password is set by the entry ``seq``; older tickets are no longer good, and ``ticket`` is."""

    seq: int
    ticket: str = ""


class Proof(msgspec.Struct):
    """The password, if there is one."""

    password: str | None = None


class Code(msgspec.Struct):
    """A code, with which another device logs in within ten minutes."""

    code: str


class RecoveryCodes(msgspec.Struct):
    """Eight codes. With each of them one logs in once, and sets a new password."""

    codes: list[str]
