"""The log's entries and drafts, where each is heard, and the one rule for who sees it. Pure.

A *place* is where an entry can be heard: the room where it is said, and ``@name`` for each user that it
mentions; a post in its author's own room is heard in each topic that it names as well. What is no post is
heard in its room, at ``!name`` by whom it is for, at ``!mods`` and its room by the room's moderators, and at
``!all`` by everybody: see :class:`chatnet.kinds.Heard`. Places with ``!`` have no history, and no text names
one.

A user listens at their own room, at ``@`` and ``!`` with their name, at ``!all``, in their conversations, and
wherever a stay of theirs is. The stores' indexes and the router use :func:`heard_at`; the checkers in tests
state the rule a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Literal

import msgspec

from chatnet.kinds import KINDS, SAID, Heard, KindName
from chatnet.names import is_guest, is_private, is_talk, mentioned, named, sides
from chatnet.stays import Memberships
from chatnet.text import legible

ALL = "!all"
"""The place at which everybody listens."""
KEY_BYTES = 16
"""The length of a draft's key."""
_TIME_BYTES = 6


def fresh_key(seconds: float, entropy: Callable[[int], bytes]) -> bytes:
    """Return a key for a new draft, made at ``seconds`` since 1970: its milliseconds, then 80 random bits.

    Only the stores need the time: keys of one time are neighbours in their index. Each random key would be on
    another page of it, and most of what a store writes would be those pages. A wrong clock does no harm.
    """
    made = max(0, int(seconds * 1000)) % (1 << 8 * _TIME_BYTES)
    return made.to_bytes(_TIME_BYTES, "big") + entropy(KEY_BYTES - _TIME_BYTES)


class Ref(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Another entry: its seq, and the check of it (see :mod:`chatnet.cursor`). A seq alone names no entry:
    after a restore or a fail-over another one may have it."""

    seq: int
    check: bytes


class More(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What an entry has beyond the columns that all have.

    ``to``: whom it is for. ``ref``: which entry it refers to; of a post, which it answers. ``form``: how a
    post is meant, a notice (of a program) or an action (“* alice waves”). ``until``: until when it holds, in
    the log's time, in milliseconds since 1970; 0: for ever. ``reacts``: a post is a reaction to the one that
    it answers, and its text says which.

    Of what begins a session: on which ``device`` (16 bytes, in hexadecimal digits; empty: it said none), what
    the user calls that (``label``), what the session may do (``scope``, empty: all), and what is kept of the
    ``code`` that was shown (see :mod:`chatnet.codes`).
    """

    to: str = ""
    ref: Ref | None = None
    form: Literal["notice", "action", ""] = ""
    until: int = 0
    device: str = ""
    label: str = ""
    scope: Literal["post", "read", ""] = ""
    code: str = ""
    reacts: bool = False


_encode_more = msgspec.msgpack.Encoder().encode
_decode_more = msgspec.msgpack.Decoder(More).decode


def packed_more(more: More | None) -> bytes | None:
    """Return ``more`` as the stores keep it: the same bytes for the same content."""
    return None if more is None else _encode_more(more)


class Draft(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry that is not committed yet.

    ``room`` is the room that it is about, or where a post is said, otherwise the author's own room; ``text``
    is a post's text, a reason, or the credential of a ``register`` or ``secret``; ``key`` is never used twice
    by a user.

    ``by`` is not part of the entry: it is the seq of the session that it comes from, which is that of the
    entry that began it. Once that has ended, the log takes nothing new from it. 0: not checked. Of a
    ``session``, it is the seq of the secret that was shown for it.

    ``meant`` is not part of it either: a seq at which the guest was here whom it is for. The log refuses it
    if whoever is called so has come later. 0: it is for whoever has the name.
    """

    kind: KindName
    user: str
    room: str
    text: str
    key: bytes
    by: int = 0
    more: More | None = None
    meant: int = 0

    @property
    def to(self) -> str:
        """Whom it is for: of a post in a conversation, the other one; empty if nobody in particular."""
        if self.more is not None and self.more.to:
            return self.more.to
        return other_side(self.room, self.user)

    @property
    def ref(self) -> Ref | None:
        """Which entry it refers to."""
        return None if self.more is None else self.more.ref

    def described(self) -> str:
        """Return it for a log: without the text, which is private, or a credential."""
        user, key = legible(self.user, 64), self.key.hex()[:64]
        return f"{self.kind} of {user}, {len(self.text)} characters, key {key}"


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record of the log. ``seq`` counts from 1 without gaps; ``time`` is the log's, in ms since 1970.

    ``kind`` may be unknown to this program: see :meth:`chatnet.store.window.Window.extend`. ``at`` are the
    places, where they do not follow from the other values: see :func:`heard_at`. Clients are not told them.
    """

    seq: int
    time: int
    kind: KindName
    user: str
    room: str
    text: str
    key: bytes
    more: More | None = None
    at: tuple[str, ...] = ()

    @property
    def to(self) -> str:
        """Whom it is for; empty if nobody in particular."""
        return "" if self.more is None else self.more.to

    @property
    def ref(self) -> Ref | None:
        """Which entry it refers to."""
        return None if self.more is None else self.more.ref


def kinds_of(entries: Iterable[Entry | Draft]) -> Iterator[KindName]:
    """Return the kind of each entry or draft: to look quickly whether any is of those that are rare."""
    return map(_kind, entries)


_kind = attrgetter("kind")


def of_row(row: Sequence[Any]) -> Entry:
    """Return the entry in a row of a store's table: nine columns, the last two often empty."""
    seq, time, kind, user, room, text, key, more, at = row
    if more is None and not at:
        return Entry(seq, time, kind, user, room, text, key)
    return Entry(
        seq,
        time,
        kind,
        user,
        room,
        text,
        key,
        None if more is None else _decode_more(more),
        tuple(at.split(" ")) if at else (),
    )


def other_side(room: str, user: str) -> str:
    """Return the other user of a conversation; empty for another room, or if it is not one of ``user``."""
    both = sides(room)
    return both[user == both[0]] if user in both else ""


def moderators_of(room: str) -> str:
    """Return the place of a room's moderators; of the cluster's, for no room."""
    return "!mods" + room


def ears_of(place: str) -> tuple[str, ...]:
    """Return where those listen who hear what is said at a place. Each user listens at ``@`` and their name:
    that is where both sides of a conversation hear it, and where they hear what is for them."""
    if "=" in place:
        return tuple("@" + side for side in sides(place))
    if place[0] == "!" and place not in ("!mods", ALL) and place[5:6] not in ("#", "&"):
        return ("@" + place[1:],)
    return (place,)


def places(user: str, room: str, text: str) -> tuple[str, ...]:
    """Return where a post of ``user`` in ``room`` is heard, each place once: the room first.

    What is said in somebody's own room is heard in the topics that it names; what is said in a topic, there
    alone, since whoever names another topic only talks about it. Those who are mentioned hear either. What is
    said in a private room or a conversation is heard there alone.
    """
    if room == user:
        return (user, *named(text))
    if room[0] == "#" and "@" in text:
        return (room, *(place for place in named(text) if place[0] == "@"))
    return (room,)


def heard_at(entry: Entry) -> tuple[str, ...]:
    """Return the places of an entry, each once; none if it is not heard by anybody as such."""
    if entry.at:
        return entry.at
    if entry.kind in SAID:
        return places(entry.user, entry.room, entry.text)
    kind = KINDS.get(entry.kind)
    if kind is None or not kind.heard:
        return ()
    return tuple(dict.fromkeys(_PLACES[heard](entry) for heard in kind.heard if heard in _PLACES))


_PLACES: dict[Heard, Callable[[Entry], str]] = {
    Heard.ROOM: lambda entry: entry.room or moderators_of(""),
    Heard.TO: lambda entry: "!" + entry.to,
    Heard.AUTHOR: lambda entry: "!" + entry.user,
    Heard.MODERATORS: lambda entry: moderators_of(entry.room),
    Heard.ALL: lambda entry: entry.room or ALL,
    Heard.EVERYBODY: lambda entry: ALL,
    Heard.READERS: lambda entry: entry.room if is_private(entry.room) else ALL,
}
"""Where an entry is heard, by the way in which it is; the store sets the places of the other way."""


def mentions(entry: Entry) -> tuple[str, ...]:
    """Return the users whom a post names where it is said, each once.

    None of those who block its author: in a private room, of which the places say nothing about that, the
    caller leaves them out. A conversation is for its two sides, whomever they name.
    """
    kind = KINDS.get(entry.kind)
    if kind is None or not kind.is_said or is_talk(entry.room):
        return ()
    if is_private(entry.room):
        return mentioned(entry.text)
    return tuple(place[1:] for place in heard_at(entry) if place[0] == "@")


def blanked(entry: Entry) -> Entry:
    """Return a post without its text, which was taken back: its places are written out instead."""
    return msgspec.structs.replace(entry, text="", at=heard_at(entry))


def listens(user: str, memberships: Memberships, place: str, seq: int) -> bool:
    """Return whether ``user`` hears what is said at ``place`` at ``seq``.

    A mention from before they got the name means somebody else, or nobody.
    """
    if place in ("@" + user, "!" + user, ALL):
        return 0 < memberships.registered < seq
    if user in sides(place):  # with a guest of this name, who may have been another one before
        return not is_guest(user) or 0 < memberships.registered < seq
    return place == user or memberships.covers(place, seq)


def visible(entry: Entry, user: str, memberships: Memberships) -> bool:
    """Return whether ``user`` sees an entry: as author, mentioned, member of one of its rooms at its seq, or
    as somebody whom it is for."""
    where = heard_at(entry)
    if memberships.know_none_of(where):
        own = (user, "@" + user, "!" + user, ALL)
        where = tuple(place for place in where if place in own or is_talk(place))
    return any(listens(user, memberships, place, entry.seq) for place in where)


def reported_to(target: Entry) -> tuple[str, ...]:
    """Return the places of the moderators who hear a report of ``target``."""
    rooms = (place for place in heard_at(target) if place[0] in "#&")
    return (*map(moderators_of, rooms), moderators_of(""))


def moderators_told(report: Entry) -> tuple[str, ...]:
    """Return the places of moderators at which a report is heard; none for what is no report."""
    mods = moderators_of("")
    return tuple(place for place in report.at if place.startswith(mods)) if report.kind == "report" else ()


def settled(
    draft: Draft,
    target: Entry | None,
    blocks: Callable[[str], bool],
    was_reported: Callable[[int], bool],
    rooms_of: Callable[[str], Sequence[str]],
) -> tuple[str, ...]:
    """Return the places of the entry of ``draft`` if they do not follow from its other values; else none.

    ``target`` is the entry that it refers to; ``blocks`` says who blocks the author, and ``was_reported``
    whether somebody reported a post: then moderators have its text on their screens; ``rooms_of`` says in
    which rooms somebody is. This is settled when the
    entry is committed, and all who read it later agree; what somebody missed because of a block stays missed.
    """
    kind = KINDS[draft.kind]
    if kind.is_said:
        where = places(draft.user, draft.room, draft.text)
        heard = tuple(place for place in where if place[0] != "@" or not blocks(place[1:]))
        return () if heard == where else heard
    if kind.ends_stays:
        return tuple(rooms_of(draft.to if draft.kind == "gone" else draft.user))
    if Heard.AS_TARGET in kind.heard:
        if target is None:
            return ()
        told = reported_to(target) if was_reported(target.seq) else ()
        return tuple(dict.fromkeys((*heard_at(target), "!" + target.user, *told)))
    if Heard.MODERATORS_OF_TARGET in kind.heard:
        return () if target is None else (*reported_to(target), "!" + draft.user)
    if Heard.TO in kind.heard and blocks(draft.to):
        return tuple(place for place in heard_at(entry_of(draft, 0, 0, ())) if place != "!" + draft.to)
    return ()


def entry_of(draft: Draft, seq: int, time: int, at: Sequence[str]) -> Entry:
    """Return the entry of a draft that is accepted."""
    return Entry(seq, time, draft.kind, draft.user, draft.room, draft.text, draft.key, draft.more, tuple(at))
