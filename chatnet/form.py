"""What is wrong with a text, or a draft, in itself. Pure.

A worker tells its client at once; the store checks again, since a worker may have a bug.
"""

from __future__ import annotations

import re

from chatnet.codes import MOST_UNTIL, is_code_text, is_kept, is_recovery_text, uses_of
from chatnet.cursor import CHECK_BYTES
from chatnet.entries import KEY_BYTES, Draft, More
from chatnet.errors import (
    BadName,
    BadRoom,
    BadText,
    NoSuchPost,
    NoSuchRoom,
    NoSuchSession,
    NotForGuests,
    NotYet,
    NotYours,
)
from chatnet.faces import wrong_face
from chatnet.ignorable import BLANK, bare
from chatnet.kinds import CLUSTER, KINDS, MOST_LEVEL, Kind, Text, is_level
from chatnet.letters import MARKS
from chatnet.names import (
    MAX_MARKS,
    MAX_SPELLED,
    Where,
    check_new,
    is_guest,
    is_name,
    is_public,
    is_room,
    is_talk,
    is_topic,
    named,
    quoted,
    sides,
    too_many_marks,
    where,
)
from chatnet.policies import wrong_policy

MAX_TEXT = MAX_SPELLED
"""The longest text of a post, in characters."""
MAX_LINE_FEEDS = 40
MAX_PLACES = 20
"""How many places a post is heard at, at most, in addition to its author's room."""
MAX_CREDENTIAL = 1_000
MAX_WORDS = 500
"""The longest reason or description, in characters."""
ROLES_IN_ROOMS = ("none", "moderator", "owner")
ROLES_IN_CLUSTER = ("none", "moderator", "admin")
HISTORIES = ("joined", "all")
"""What newcomers to a private room may read: from when they joined, or all of it."""
MAX_LABEL = 40
"""The longest name of a device, in characters."""
_OWN = frozenset({Where.OWN})
_PLACES = {
    Where.OWN: "one's own room",
    Where.USER: "another user's room",
    Where.TOPIC: "a topic",
    Where.PRIVATE: "a private room",
    Where.TALK: "a conversation",
    Where.CLUSTER: "all of this server",
}
"""How a sentence calls each kind of room."""
_POST = Text.POST
"""What most texts are: an Enum takes ten times as long to find its own."""
_DEVICE = re.compile("[0-9a-f]{32}")
_SEQ = re.compile("[1-9][0-9]{0,18}")

# Invisible characters that count as letters, and visible characters.
_FILLERS = re.compile("[\u115f\u1160\u3164\uffa0\U00013441\U00013442]")
_SEEN = re.compile(rf"[^\s\x00-\x1f\x7f-\x9f{MARKS}{BLANK}]")
# Control characters except tab and line feed, halves of surrogate pairs (they cannot be encoded), and other
# characters that break lines.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def check_text(text: str) -> str:
    """Return ``text`` unchanged, or raise :class:`BadText`; the sentence says why."""
    # Almost all are one line that begins with a visible letter, and name nothing. Both ends check each post.
    if not (0 < len(text) <= MAX_TEXT and text.isascii() and text.isprintable() and text[0].isalnum()):
        _check_letters(text)
    if ("#" in text or "@" in text) and len(named(text)) > MAX_PLACES:
        raise BadText.of(why=f"A post names at most {MAX_PLACES} topics and users.")
    return text


def check_said_in(room: str, user: str) -> str:
    """Return ``room`` unchanged, or raise an error: ``user`` can never say anything there."""
    if not room:
        raise BadRoom.of(room=quoted(room))
    if is_talk(room):
        if user not in sides(room):
            raise NoSuchRoom.of(room=room)
    elif room != user and is_public(room) and not is_topic(room):
        raise NotYours.of(room=room)
    return room


def check_words(words: str) -> str:
    """Return a reason or a description unchanged, or raise :class:`BadText`."""
    if words and (len(words) > MAX_WORDS or not words.isprintable() or too_many_marks(bare(words))):
        raise BadText.of(why=f"That has at most {MAX_WORDS} characters, on one line.")
    return words


def check_form(draft: Draft) -> None:
    """Check whether a draft can be in any log: its user, its room, its text, and what else it has.

    :raises Refusal: it cannot.
    :raises ValueError: it cannot, and no worker makes such a draft.
    """
    kind, user = KINDS.get(draft.kind), draft.user
    if kind is None:  # it is from a newer worker
        raise NotYet.of()
    if len(draft.key) != KEY_BYTES:
        raise ValueError(f"A key has {KEY_BYTES} bytes, and this one {len(draft.key)}")
    for seq in (draft.by, draft.meant):
        if not 0 <= seq < 1 << 63:
            raise ValueError(f"{seq} is no seq")
    if user == CLUSTER:
        if not (kind.is_the_clusters or kind.may_be_the_clusters):
            raise ValueError(f"The cluster itself appends no {draft.kind}")
    elif kind.is_the_clusters:
        raise ValueError(f"A {draft.kind} is nobody's")
    elif not is_name(user):
        _check_guest(draft, kind)
    elif kind.of_guests:
        raise ValueError(f"A {draft.kind} is of a guest")
    if draft.kind in _NAMES_ANEW:
        check_new(draft.to or user)
    if draft.room != user:
        _check_room(draft, kind)
    elif not kind.is_said and Where.OWN not in kind.rooms:
        raise _misplaced(draft, kind)
    if draft.more is not None or kind.has_to or kind.has_ref:
        _check_more(draft, kind)
    if kind.text is _POST:
        check_text(draft.text)
    else:
        _check_other_text(draft, kind)


_NAMES_ANEW = frozenset({"register", "guest", "nick"})
"""The kinds with which somebody gets a name that nobody had."""
_OF_GUESTS = frozenset({Where.TOPIC, Where.TALK})
"""Where guests do what others do, too."""


def _check_guest(draft: Draft, kind: Kind) -> None:
    """Check whether a guest can do that; others have names."""
    if not is_guest(draft.user):
        raise BadName.of(name=quoted(draft.user))
    is_own = kind.of_guests or kind.text is Text.FACE
    if not kind.by_guests or not (is_own or where(draft.room, draft.user) in _OF_GUESTS):
        raise NotForGuests.of()


def _check_other_text(draft: Draft, kind: Kind) -> None:
    if kind.text is Text.WORDS:
        check_words(draft.text)
    elif kind.text is Text.FACE:
        if why := wrong_face(draft.text, draft.to or draft.user):
            raise BadText.of(why=why)
    elif kind.text is Text.CODE:
        _check_code(draft)
    elif kind.text is Text.LEVEL:
        if not is_level(draft.text):
            raise BadText.of(why=f"A level is a whole number from 2 to {MOST_LEVEL}, in digits.")
    elif kind.text is Text.POLICY:
        if why := wrong_policy(draft.text, where(draft.room, draft.user)):
            raise BadText.of(why=why)
    elif kind.text is Text.ROLE:
        if draft.text not in (ROLES_IN_ROOMS if draft.room else ROLES_IN_CLUSTER):
            raise BadText.of(why="A role is owner (of a room), admin (of the cluster), moderator or none.")
    elif not _is_text_of(kind, draft):
        if kind.text is Text.SESSION and draft.text == "0":
            raise NoSuchSession.of(to=draft.to)
        raise ValueError(f"That is no text of a {draft.kind}: it has to be {kind.text.value}")


def _check_room(draft: Draft, kind: Kind) -> None:
    if kind.rooms == _OWN:
        raise ValueError(f"The room of a {draft.kind} is its author's")
    if draft.room and not is_room(draft.room):
        raise BadRoom.of(room=quoted(draft.room))
    if kind.is_said:
        check_said_in(draft.room, draft.user)
    elif where(draft.room, draft.user) not in kind.rooms:
        raise _misplaced(draft, kind)


def _misplaced(draft: Draft, kind: Kind) -> BadRoom:
    """Return the error for a room in which nobody does that, though it may be one."""
    *others, last = (_PLACES[place] for place in Where if place in kind.rooms)
    places = f"{', '.join(others)} or {last}" if others else last
    here = quoted(draft.room) if draft.room else _PLACES[Where.CLUSTER]
    return BadRoom(f"That is not done in {here}, but in {places}.")


def _check_more(draft: Draft, kind: Kind) -> None:
    more = draft.more
    if more is None:
        if kind.has_to or kind.has_ref:
            raise ValueError(f"A {draft.kind} is for somebody, or refers to an entry")
        return
    is_odd = not more.to if kind.has_to else bool(more.to) and not kind.may_have_to
    if is_odd or (more.ref is None and kind.has_ref):
        raise ValueError(f"A {draft.kind} is for somebody, or refers to an entry, or neither")
    if more.ref is not None:
        if not (kind.has_ref or kind.is_said or (kind.may_have_ref and draft.user == CLUSTER)):
            raise ValueError(f"A {draft.kind} refers to no entry")
        if not 0 < more.ref.seq < 1 << 63 or len(more.ref.check) != CHECK_BYTES:
            raise NoSuchPost.of()
    if kind.of_guests and not is_guest(more.to):
        raise ValueError(f"A {draft.kind} is about a guest")
    if kind.of_guests and not kind.may_have_ref and more.to == draft.user:
        raise BadName.of(name=quoted(more.to))
    if more.to and not (is_name(more.to) or (kind.to_guests and is_guest(more.to))):
        raise NotForGuests.of() if is_guest(more.to) else BadName.of(name=quoted(more.to))
    if more.form and not kind.is_said:
        raise ValueError(f"A {draft.kind} has no form")
    if more.reacts and not (kind.is_said and more.ref is not None):
        raise ValueError(f"A {draft.kind} reacts to nothing")
    if more.until > MOST_UNTIL and kind.holds_until:
        raise BadText.of(why="That is too far away: a time is in milliseconds since 1970, below 2^62.")
    if not 0 <= more.until <= MOST_UNTIL or (more.until and not kind.holds_until):
        raise ValueError(f"A {draft.kind} does not hold until {more.until}")
    if more.device or more.label or more.scope or more.code:
        _check_device(more, kind)


def _check_device(more: More, kind: Kind) -> None:
    if not kind.begins_session:
        raise ValueError(f"A {kind.name} begins no session")
    if more.device and not _DEVICE.fullmatch(more.device):
        raise ValueError("A device is 16 bytes in hexadecimal digits, or none")
    if more.code and not is_kept(more.code):
        raise ValueError("That is not what is kept of a code")
    check_label(more.label)


def check_label(label: str) -> str:
    """Return what a user calls a device unchanged, or raise :class:`BadText`."""
    if len(label) > MAX_LABEL or not label.isprintable() or too_many_marks(bare(label)):
        raise BadText.of(why=f"What a device is called has at most {MAX_LABEL} characters, on one line.")
    return label


def _check_code(draft: Draft) -> None:
    """Check whom a code is for: any new name, one name (the cluster makes those), or its own author."""
    if is_recovery_text(draft.text):
        if draft.room != draft.user or draft.more != More(to=draft.user):
            raise ValueError("A user makes recovery codes for themselves")
        return
    if not is_code_text(draft.text):
        raise ValueError("That is no code, with how many may use it")
    is_own = draft.room == draft.user
    if is_own and not draft.to:
        raise BadRoom.of(room=quoted(draft.room))
    if is_own is not (draft.to == draft.user) or (draft.to and not is_own and draft.user != CLUSTER):
        raise ValueError("A user makes a code for somebody new, or for themselves")
    until = 0 if draft.more is None else draft.more.until
    if draft.to and (draft.room and not is_own):
        raise ValueError("A code for one name invites to no room")
    if bool(draft.to) is bool(until) or (draft.to and uses_of(draft.text) != 1):
        raise ValueError("A code for one name is good once, and for a time that the log knows; others say it")


def _is_text_of(kind: Kind, draft: Draft) -> bool:
    text = draft.text
    if kind.text is Text.NOTHING:
        return not text
    if kind.text in (Text.CREDENTIAL, Text.DEVICE):
        is_there = bool(text) or kind.text is Text.DEVICE
        return is_there and len(text) <= MAX_CREDENTIAL and text.isascii() and text.isprintable()
    if kind.text is Text.SESSION:
        is_all = text == "0" and draft.user == CLUSTER
        return is_all or (_SEQ.fullmatch(text) is not None and int(text) < 1 << 63)
    if kind.text is Text.HISTORY:
        return text in HISTORIES
    raise ValueError(f"Nobody has said what the text of kind {kind.name} may be: {kind.text}")


def _check_letters(text: str) -> None:
    if not _is_plain(text) and (why := _wrong_length(text) or _wrong_letters(text)):
        raise BadText.of(why=why)


def _is_plain(text: str) -> bool:
    """Return whether this is one line of letters of any alphabet, without combining marks."""
    return (
        0 < len(text) <= MAX_TEXT
        and text.isprintable()
        and text[0].isalnum()
        and not _FILLERS.search(text)
        and not too_many_marks(text)
    )


def _wrong_length(text: str) -> str:
    if not text:
        return "A post has at least one character."
    if len(text) > MAX_TEXT:
        return f"A post has at most {MAX_TEXT:,} characters; this one has {len(text):,}."
    return ""


def _wrong_letters(text: str) -> str:
    if _UNPRINTABLE.search(text):
        return "A post has no control characters; tabs and line feeds are fine."
    if text.count("\n") > MAX_LINE_FEEDS:
        return f"A post has at most {MAX_LINE_FEEDS} line feeds."
    seen = bare(text).strip()
    if not seen or not (seen.isascii() or _SEEN.search(seen)):
        return "There is nothing to be seen in this post."
    if not seen.isascii() and too_many_marks(seen):
        return f"A post has at most {MAX_MARKS} marks in a row."
    return ""
