"""How the cursor moves, whatever is delivered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.client.feed import MOST_HELD, OWN_KEYS, Feed, Following, Unbelievable
from chatnet.cursor import Cursor
from chatnet.entries import KEY_BYTES, Draft, Entry, More, entry_of
from chatnet.form import MAX_TEXT, check_form
from chatnet.kinds import KindName
from chatnet.names import MAX_NAME, MAX_TOPIC, is_name

LONGEST_NAME = MAX_NAME * "a"
LONGEST_GUEST = "~" + MAX_NAME * "x"


def post(seq: int) -> Entry:
    return Entry(seq, 0, "post", "bob", "bob", "hi", b"%016d" % seq)


def at(seq: int) -> Cursor:
    return Cursor.at("", post(seq)) if seq else Cursor.beginning("")


@given(st.integers(0, 20), st.lists(st.integers(1, 30)), st.lists(st.integers(1, 30)))
def test_only_what_lies_behind_the_cursor_is_shown_each_once_and_rising(
    cursor: int, early: list[int], late: list[int]
) -> None:
    """This holds before the answer and after it, for repeated posts and others."""
    feed = Feed()
    feed.begin()
    assert not any(feed.take(post(seq)) for seq in early)
    shown = [entry.seq for entry in feed.began(at(cursor))]
    shown += [seq for seq in late if feed.take(post(seq))]
    assert shown == sorted(set(shown))
    assert all(seq > cursor for seq in shown)
    assert feed.cursor == at(max([cursor, *early, *late]))


def test_what_only_a_newer_program_knows_is_passed_over() -> None:
    """The cursor moves on before the answer and after it; what clients are never sent is not believed."""
    feed = Feed()
    feed.begin()
    dances = [msgspec.structs.replace(post(seq), kind="dance") for seq in (6, 7)]
    assert not feed.take(dances[0])
    assert feed.began(at(5)) == []
    assert feed.cursor == at(6)
    assert not feed.take(dances[1])
    assert feed.cursor == at(7)
    assert feed.take(post(8))
    for kind in ("join", "secret", "level"):
        with pytest.raises(Unbelievable):
            feed.take(msgspec.structs.replace(post(9), kind=kind))


def test_the_cursor_never_goes_back() -> None:
    """A ping may be older than what was delivered."""
    feed = Feed()
    feed.begin()
    feed.began(at(5))
    feed.nothing_up_to(at(9))
    feed.nothing_up_to(at(7))
    assert feed.cursor == at(9)
    assert not feed.take(post(8))


def test_own_posts_move_the_cursor_unseen() -> None:
    """They are recognized by their keys, of which the newest are remembered."""
    feed = Feed()
    feed.begin()
    feed.began(at(0))
    feed.sent(post(1).key)
    assert not feed.take(post(1))
    assert feed.cursor == at(1)
    feed.sent(post(2).key)
    for number in range(OWN_KEYS):
        feed.sent(b"%d" % number)
    assert feed.take(post(2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"seq": 1 << 63},
        {"seq": 0},
        {"seq": -5},
        {"time": -1},
        {"kind": "secret"},
        {"user": "x" * 34},
        {"room": "x" * 66},
        {"text": "x" * 2_001},
        {"key": b""},
        {"key": b"k" * 60_000},
    ],
)
@pytest.mark.parametrize("is_following", [True, False])
def test_what_is_no_post_is_not_believed(wrong: dict[str, Any], is_following: bool) -> None:
    """It is not kept, and the cursor does not move to it: no worker would accept that cursor."""
    feed = Feed()
    beginning = feed.begin()
    if is_following:
        feed.began(at(5))
    with pytest.raises(Unbelievable, match=r"\.$"):
        feed.take(msgspec.structs.replace(post(6), **wrong))
    assert feed.state == (Following(at(5)) if is_following else beginning)
    assert not beginning.held


@pytest.mark.parametrize("room", ["#" + MAX_TOPIC * "x", "#" + MAX_TOPIC * "ह", MAX_NAME * "x"])
def test_the_longest_rooms_are_believed(room: str) -> None:
    """Whatever a log may hold is shown."""
    feed = Feed()
    feed.begin()
    feed.began(at(5))
    draft = Draft("post", room if is_name(room) else MAX_NAME * "x", room, MAX_TEXT * "x", KEY_BYTES * b"k")
    check_form(draft)
    assert feed.take(Entry(6, 0, draft.kind, draft.user, draft.room, draft.text, draft.key))


@pytest.mark.parametrize(
    ("kind", "user", "room", "to"),
    [
        ("post", LONGEST_GUEST, "#tea", ""),
        ("post", LONGEST_GUEST, f"{'b' * (MAX_NAME - 1)}={LONGEST_GUEST}", ""),
        ("post", LONGEST_NAME, f"{LONGEST_NAME}={LONGEST_GUEST[:-1]}", ""),
        ("nick", LONGEST_GUEST, LONGEST_GUEST, "~" + "y" * MAX_NAME),
        ("gone", LONGEST_GUEST, LONGEST_GUEST, LONGEST_GUEST),
        ("remove", LONGEST_NAME, "#tea", LONGEST_GUEST),
        ("ban", LONGEST_NAME, "#tea", LONGEST_GUEST),
        ("block", LONGEST_NAME, LONGEST_NAME, LONGEST_GUEST),
    ],
)
def test_whoever_does_something_is_believed(kind: KindName, user: str, room: str, to: str) -> None:
    """Also a guest, who is called by one letter more than a user with as long a name."""
    feed = Feed()
    feed.begin()
    feed.began(at(5))
    text = f"{'y' * MAX_NAME} id Me" if kind == "nick" else "hi"
    draft = Draft(
        kind, user, room, "" if kind == "block" else text, KEY_BYTES * b"k", 0, More(to=to) if to else None
    )
    check_form(draft)
    assert feed.take(entry_of(draft, 6, 0, ()))


def test_what_is_held_is_bounded() -> None:
    """An answer that never comes does not fill our memory; nor does a new link after it."""
    feed = Feed()
    for _ in range(2):
        beginning = feed.begin()
        for seq in range(1, MOST_HELD + 1):
            feed.take(post(seq))
        with pytest.raises(Unbelievable):
            feed.take(post(MOST_HELD + 1))
        assert len(beginning.held) == MOST_HELD
        feed.detached()


def test_silence_takes_nothing() -> None:
    """Without a chat there is no cursor and nothing to show."""
    feed = Feed()
    assert not feed.take(post(1))
    feed.nothing_up_to(at(3))
    assert feed.cursor is None
    assert feed.began(at(3)) == []


def test_a_log_that_was_put_back_is_gone_on_from_there() -> None:
    """The cursor goes back as far as the log, never forward, and only in a chat."""
    feed = Feed()
    assert not feed.rewound(at(3))
    feed.begin()
    feed.began(at(5))
    assert not feed.rewound(at(5))
    assert not feed.rewound(at(9))
    assert feed.cursor == at(5)
    assert feed.rewound(at(3))
    assert feed.cursor == at(3)
    assert feed.take(post(4))
