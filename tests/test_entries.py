"""Names, topics, mentions, memberships, and who sees a post."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.entries import (
    Entry,
    Memberships,
    check_text,
    fold_name,
    fold_room,
    places,
    visible,
)
from chatnet.errors import BadName, BadRoom, BadText, ChatnetError

names = st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True)


def post(user: str, text: str, seq: int = 10) -> Entry:
    return Entry(seq, 0, "post", user, user, text, b"")


def step(seq: int, kind: str, room: str) -> Entry:
    return Entry(seq, 0, kind, "reader", room, "", b"")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_name", "folded"), [("Alice", "alice"), (" bob ", "bob"), ("a" * 32, "a" * 32), ("x_-9", "x_-9")]
)
def test_names_fold_to_lower_case(given_name: str, folded: str) -> None:
    """A name has one spelling, whatever was typed."""
    assert fold_name(given_name) == folded


@pytest.mark.parametrize("name", ["", " ", "a" * 33, "al ice", "é", "#x", "a\x00", "@bob", "a\nb", "\ud800"])
def test_bad_names_get_a_sentence(name: str) -> None:
    """What is not a name is refused in one printable line."""
    with pytest.raises(BadName) as caught:
        fold_name(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("given_room", "folded"),
    [
        ("Bob", "bob"),
        ("#Python", "#python"),
        ("#Grüße", "#grüße"),
        ("#\u0065\u0301t\u00e9", "#\u00e9t\u00e9"),
    ],
)
def test_rooms_fold(given_room: str, folded: str) -> None:
    """A topic may have letters of any script, in one (composed) spelling."""
    assert fold_room(given_room) == folded


@pytest.mark.parametrize("room", ["", "#", "##a", "#a b", "#" + "a" * 65, "#a.b", "a" * 33, "@bob", "#☃"])
def test_bad_rooms_get_a_sentence(room: str) -> None:
    """What is neither a user's room nor a topic is refused."""
    with pytest.raises(BadRoom):
        fold_room(room)


@given(st.text(max_size=80))
def test_folding_never_fails_otherwise_and_is_stable(text: str) -> None:
    """Whatever is given, the answer is a room that folds to itself, or a sentence."""
    try:
        folded = fold_room(text)
    except ChatnetError:
        return
    assert fold_room(folded) == folded


@pytest.mark.parametrize("text", ["x", "tab\there", "a" * 2000, "😀" * 2000, "\u202eright to left"])
def test_good_texts(text: str) -> None:
    """Any line of 1 to 2,000 characters may be said; a tab is no control character to us."""
    assert check_text(text) is text


@pytest.mark.parametrize(
    "text", ["", "a" * 2001, "two\nlines", "\x1b[31m", "\x00", "\x9b", "\x7f", "\udc80", "a\u2028b"]
)
def test_bad_texts_get_a_sentence(text: str) -> None:
    """Empty, over-long and control-character texts are refused; what passes can be encoded."""
    with pytest.raises(BadText):
        check_text(text)


@given(st.text(min_size=1, max_size=50))
def test_checked_text_can_be_encoded(text: str) -> None:
    """No text that we accept can fail in UTF-8."""
    try:
        check_text(text)
    except BadText:
        return
    text.encode()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hello", ()),
        ("@bob hi", ("@bob",)),
        ("hi @Bob, and @bob.", ("@bob",)),
        ("mail bob@example.org", ()),
        ("#python is #Python", ("#python",)),
        ("see http://x/#part", ()),
        ("#a#b", ("#a",)),
        ("(#topic)", ("#topic",)),
        ("@" + "a" * 33, ()),
        ("#" + "a" * 65, ()),
        ("#grüße an @anna-lena!", ("#grüße", "@anna-lena")),
        ("# @ ## @@", ()),
    ],
)
def test_places_are_the_authors_room_then_topics_and_mentions(text: str, found: tuple[str, ...]) -> None:
    """Each place once, in the order of the text; addresses and URLs are neither topics nor mentions."""
    assert places("alice", text) == ("alice", *found)


@given(names, st.text(max_size=100))
def test_every_place_can_be_listened_at(user: str, text: str) -> None:
    """A place is a room in its one spelling, or @ and a name in its one spelling."""
    for place in places(user, text):
        assert fold_name(place[1:]) == place[1:] if place.startswith("@") else fold_room(place) == place


def test_a_post_is_seen_by_author_mentioned_and_members() -> None:
    """The three ways to see a post, and no fourth."""
    members = Memberships()
    members.apply(step(3, "join", "alice"))
    everybody = Memberships()
    assert visible(post("alice", "hi"), "alice", everybody)
    assert visible(post("alice", "hi @bob"), "bob", everybody)
    assert visible(post("alice", "hi"), "reader", members)
    assert not visible(post("alice", "hi @bob"), "carol", everybody)
    topical = Memberships()
    topical.apply(step(3, "join", "#python"))
    assert visible(post("alice", "on #Python"), "reader", topical)


steps = st.lists(st.tuples(st.sampled_from(["join", "leave"]), st.sampled_from(["alice", "#t"])), max_size=30)


@given(steps, st.integers(1, 40))
def test_membership_at_a_seq_is_the_state_after_the_steps_before_it(
    given_steps: list[tuple[str, str]], at: int
) -> None:
    """covers(room, seq) replays the steps before seq, and has(room) all of them."""
    memberships = Memberships()
    then: dict[str, bool] = {}
    now: dict[str, bool] = {}
    for number, (kind, room) in enumerate(given_steps, 1):
        changed = memberships.apply(step(number, kind, room))
        assert changed == (now.get(room, False) != (kind == "join"))
        now[room] = kind == "join"
        if number < at:
            then[room] = kind == "join"
    for room in ("alice", "#t"):
        at_a_step_of_its_own = at <= len(given_steps) and given_steps[at - 1][1] == room
        if not at_a_step_of_its_own:
            assert memberships.covers(room, at) == then.get(room, False)
        assert memberships.has(room) == now.get(room, False)
    assert sorted(memberships.rooms()) == sorted(room for room, member in now.items() if member)
    again = Memberships(memberships.intervals())
    assert again.intervals() == memberships.intervals()
