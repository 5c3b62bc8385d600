"""The rooms of a chat: which are listed, in which order, and what came there; and their column."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
import urwid
from hypothesis import given
from hypothesis import strategies as st

from chatnet.blanking import Blanking
from chatnet.client.column import WIDTH, room_rows
from chatnet.client.rooms import MOST_LISTED, Rooms
from chatnet.client.said import Said


@pytest.fixture(autouse=True)
def utf_8() -> Iterator[None]:
    """Let the terminal use UTF-8."""
    with urwid.util.set_temporary_encoding("utf-8"):
        yield


@pytest.fixture
def rooms() -> Rooms:
    """Return the rooms of Alice, who posts in #tea and has joined bob and #zoo."""
    rooms = Rooms()
    rooms.own = "alice"
    for room in ("bob", "#zoo"):
        rooms.joined(room)
    rooms.go_to("#tea")
    return rooms


SEQS = count(1)


def say(rooms: Rooms, room: str, text: str = "hi", *, user: str = "carol", is_new: bool = True) -> int:
    """Let a post be heard; return its seq."""
    seq = next(SEQS)
    rooms.heard(Said(room, user, text, seq=seq), is_new)
    return seq


def new(rooms: Rooms) -> dict[str, int]:
    return {listed.room: listed.new for listed in rooms.listed()}


def seen(rooms: Rooms, height: int = 4) -> list[str]:
    shown = [row.shown.decode() for row in room_rows(rooms, height)]
    assert all(row.endswith(" | ") for row in shown)
    return [row[:-3].rstrip() for row in shown]


def test_rooms_are_in_one_order(rooms: Rooms) -> None:
    """One's own, the topics, then those of others: whatever is said where, none changes its place."""
    say(rooms, "#café")
    say(rooms, "adam", user="adam")
    assert list(new(rooms)) == ["alice", "#café", "#tea", "#zoo", "adam", "bob"]
    say(rooms, "#zoo")
    assert list(new(rooms)) == ["alice", "#café", "#tea", "#zoo", "adam", "bob"]


def test_what_comes_is_counted_until_one_is_there(rooms: Rooms) -> None:
    """Not where posts go now, not in one's own room, where nobody else posts, and not what was said before
    the chat."""
    say(rooms, "#zoo", is_new=False)
    for room in ("#zoo", "#zoo", "alice", "#tea", "#pub"):
        say(rooms, room)
    assert new(rooms) == {"alice": 0, "#pub": 1, "#tea": 0, "#zoo": 2, "bob": 0}
    rooms.go_to("#zoo")
    say(rooms, "#tea")
    assert new(rooms) == {"alice": 0, "#pub": 1, "#tea": 1, "#zoo": 0, "bob": 0}
    rooms.go_to("")
    say(rooms, "#zoo")
    assert new(rooms)["#zoo"] == 1
    assert not any(listed.is_here for listed in rooms.listed())


def test_the_rooms_of_others_are_read_in_one_s_own(rooms: Rooms) -> None:
    """Nobody can go there; topics, private rooms and conversations are read where they are."""
    say(rooms, "bob", user="bob")
    say(rooms, "@bob", user="bob")
    assert new(rooms)["bob"] == new(rooms)["@bob"] == 1
    rooms.go_to("alice")
    say(rooms, "bob", user="bob")
    assert (new(rooms)["bob"], new(rooms)["@bob"]) == (0, 1)


def test_what_was_unread_before_counts_too(rooms: Rooms) -> None:
    """Not where posts go, and what came since is not counted twice."""
    say(rooms, "#zoo")
    for room, before in (("#zoo", 3), ("bob", -1), ("#tea", 5)):
        rooms.joined(room, before)
    assert new(rooms) == {"alice": 0, "#tea": 0, "#zoo": 3, "bob": 0}
    say(rooms, "#zoo")
    rooms.go_to("alice")
    assert new(rooms) == {"alice": 0, "#tea": 0, "#zoo": 4, "bob": 0}
    rooms.joined("#zoo")
    assert new(rooms)["#zoo"] == 4


def test_what_was_read_elsewhere_is_not_new(rooms: Rooms) -> None:
    """Up to there. How much of what came before the chat is left, the cluster has to count."""
    first, second = say(rooms, "#zoo"), say(rooms, "#zoo")
    assert not rooms.has_read("#zoo", first)
    assert new(rooms)["#zoo"] == 1
    rooms.joined("#zoo", 4)
    assert rooms.has_read("#zoo", second)
    rooms.joined("#zoo", 2)
    assert new(rooms)["#zoo"] == 2
    rooms.go_to("#zoo")
    assert new(rooms)["#zoo"] == 0


def test_who_posts_in_a_room_has_read_it(rooms: Rooms) -> None:
    """On whatever device."""
    say(rooms, "#zoo")
    say(rooms, "#zoo", user="alice")
    assert new(rooms)["#zoo"] == 0


def test_what_was_taken_back_is_not_new(rooms: Rooms) -> None:
    """In any of its rooms."""
    seq = say(rooms, "bob", "#zoo burns", user="bob")
    say(rooms, "#zoo")
    rooms.taken_back(seq)
    assert (new(rooms)["bob"], new(rooms)["#zoo"]) == (0, 1)


def test_what_was_taken_back_together_is_not_new(rooms: Rooms) -> None:
    """Of one user or of all, in one room or anywhere, up to a seq; also in another room of the same post."""
    for user, room in (("bob", "#zoo"), ("carol", "#zoo"), ("carol", "@carol"), ("bob", "@bob")):
        say(rooms, room, user=user)
    seq = say(rooms, "bob", "#zoo burns", user="bob")
    rooms.all_taken_back(Blanking("bob", "#zoo", seq, seq))
    assert new(rooms) == {"alice": 0, "#tea": 0, "#zoo": 1, "@bob": 1, "@carol": 1, "bob": 0}
    rooms.all_taken_back(Blanking("", "#zoo", seq - 5, seq))
    assert new(rooms)["#zoo"] == 1
    rooms.all_taken_back(Blanking("", "#zoo", seq, seq))
    assert new(rooms)["#zoo"] == 0
    rooms.all_taken_back(Blanking("carol", "", seq, seq, whole=True))
    assert new(rooms) == {"alice": 0, "#tea": 0, "#zoo": 0, "@bob": 1, "bob": 0}


def test_what_was_purged_in_a_topic_is_not_new_to_who_heard_it_elsewhere(rooms: Rooms) -> None:
    """A follower of its author, who is not in that topic; and nothing else of that author's."""
    for text in ("#far is good", "hi"):
        say(rooms, "bob", text, user="bob")
    seq = say(rooms, "#far", "@alice hi", user="bob")
    rooms.all_taken_back(Blanking("bob", "#far", seq, seq))
    assert new(rooms) == {"alice": 0, "#far": 0, "#tea": 0, "#zoo": 0, "bob": 1}


def test_what_is_said_at_home_counts_in_the_topics_that_it_names(rooms: Rooms) -> None:
    """If they are listed; in a topic, to name another is to talk about it. Who is named is no room, and where
    a stranger names the user, they are not."""
    say(rooms, "@dave", is_new=False)
    say(rooms, "bob", "#zoo is open, #pub is not, says @dave", user="bob")
    say(rooms, "#tea", "#zoo", user="bob")
    say(rooms, "carol", "@alice, come to #zoo")
    assert new(rooms) == {"alice": 0, "#tea": 0, "#zoo": 2, "@dave": 0, "bob": 1, "carol": 0}
    say(rooms, "#pub", is_new=False)
    assert new(rooms)["#pub"] == 0


def test_a_room_that_was_left_is_listed_no_more(rooms: Rooms) -> None:
    """Until something is said there; the room that posts go to stays."""
    say(rooms, "#zoo")
    for room in ("#zoo", "bob", "#tea", "noname"):
        rooms.left(room)
    assert new(rooms) == {"alice": 0, "#tea": 0}
    say(rooms, "#zoo")
    assert new(rooms) == {"alice": 0, "#tea": 0, "#zoo": 1}


def test_where_one_is_not_any_more_is_listed_no_more(rooms: Rooms) -> None:
    """But what was told of a room since the cluster was asked is newer than its answer."""
    say(rooms, "#zoo")
    rooms.asked()
    rooms.left("bob")
    rooms.joined("#pub", since=next(SEQS))
    say(rooms, "@carol", is_new=False)
    rooms.listed_all([("#zoo", 3, 1), ("alice", 0, 1), ("bob", 7, 1)], is_all=True)
    assert new(rooms) == {"alice": 0, "#pub": 0, "#tea": 0, "#zoo": 3, "@carol": 0}
    rooms.asked()
    rooms.listed_all([("alice", 0, 1)], is_all=False)
    assert "#zoo" in rooms
    rooms.listed_all([("alice", 0, 1)], is_all=True)
    assert new(rooms) == {"alice": 0, "#tea": 0, "@carol": 0}


def test_one_moves_round_the_rooms_where_one_can_post(rooms: Rooms) -> None:
    """Those of others are left out."""
    assert [rooms.beside(room, 1) for room in ("alice", "#tea", "#zoo", "bob", "")] == [
        "#tea",
        "#zoo",
        "alice",
        "alice",
        "alice",
    ]
    assert [rooms.beside(room, -1) for room in ("alice", "#tea", "#zoo")] == ["#zoo", "alice", "#tea"]
    assert Rooms().beside("", 1) == ""


def test_private_rooms_and_conversations_are_rooms_where_one_can_post(rooms: Rooms) -> None:
    """They are behind the topics. What is no room of one's own spelling is not listed."""
    for room in ("@carol", "&ops", "@bob", "@~zed", "dave", "&", "@", "@b b", "@~", "~zed", "bob=carol"):
        say(rooms, room, is_new=False)
    assert list(new(rooms)) == ["alice", "#tea", "#zoo", "&ops", "@bob", "@carol", "@~zed", "bob", "dave"]
    assert [rooms.beside(room, 1) for room in ("#zoo", "&ops", "@bob", "@carol", "@~zed")] == [
        "&ops",
        "@bob",
        "@carol",
        "@~zed",
        "alice",
    ]


def test_rooms_are_bounded(rooms: Rooms) -> None:
    """Those in which nothing was said for the longest time go first, and what no log has is never listed."""
    for number in range(3 * MOST_LISTED):
        say(rooms, f"#t{number}")
        rooms.joined(f"#j{number}", 7)
    assert len(new(rooms)) == 2 * MOST_LISTED + 1
    assert f"#t{3 * MOST_LISTED - 1}" in rooms
    counts = rooms._counts
    assert len(counts._came) <= MOST_LISTED
    assert len(counts._before) <= 2 * MOST_LISTED
    say(rooms, "#x\n\x1b[31m")
    other = Rooms()
    other.joined("#x\n\x1b[31m")
    assert other.listed() == []
    assert not any("x" in room for room in new(rooms))


def test_the_column_has_names_and_counts(rooms: Rooms) -> None:
    """The room that posts go to stands out; a great count is cut, and so is a long name."""
    for _ in range(100):
        say(rooms, "#zoo")
    say(rooms, "#" + "x" * 40)
    assert seen(rooms, 6) == [
        "alice",
        "#tea",
        "#xxxxxxxxxxxxxxxxxx 1",
        "#zoo              99+",
        "bob",
        "",
    ]
    looks = [row.looks[0][0] for row in room_rows(rooms, 5)]
    assert looks == [None, "here", "counted", "counted", None]


def test_of_many_rooms_those_around_the_present_one_are_seen(rooms: Rooms) -> None:
    """Up to the first and the last."""
    for number in range(10, 30):
        say(rooms, f"#t{number}", is_new=False)
    rooms.go_to("#t20")
    assert seen(rooms) == ["#t18", "#t19", "#t20", "#t21"]
    rooms.go_to("alice")
    assert seen(rooms) == ["alice", "#t10", "#t11", "#t12"]
    rooms.go_to("#zoo")
    assert seen(rooms) == ["#t29", "#tea", "#zoo", "bob"]


@given(st.lists(st.text("ab漢ก\u0e33ü", min_size=1, max_size=40), max_size=5), st.integers(0, 6))
def test_any_rooms_can_be_drawn(words: list[str], height: int) -> None:
    """Each row is as wide as the column."""
    rooms = Rooms()
    for word in words:
        say(rooms, f"#{word}")
    shown = room_rows(rooms, height)
    assert len(shown) == height
    for row in shown:
        assert urwid.calc_width(row.shown, 0, len(row.shown)) == WIDTH
        assert sum(size for _, size in row.looks) == len(row.shown)
