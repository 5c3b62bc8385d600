"""Where a post is heard, memberships, and who sees a post."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.entries import (
    KEY_BYTES,
    Draft,
    Entry,
    More,
    entry_of,
    fresh_key,
    heard_at,
    places,
    settled,
    visible,
)
from chatnet.kinds import KINDS, Heard
from chatnet.names import fold_name, fold_room, is_name
from chatnet.stays import Interval, Memberships

names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True).filter(is_name)


def post(user: str, text: str, seq: int = 10) -> Entry:
    return Entry(seq, 0, "post", user, user, text, b"")


def step(seq: int, kind: str, room: str) -> Entry:
    return Entry(seq, 0, kind, "reader", room, "", b"")


@given(st.floats(-1e12, 1e15), st.floats(-1e12, 1e15))
def test_keys_stand_in_the_order_of_their_times(one: float, other: float) -> None:
    """Whatever a clock says, a key has its length; two keys of the same time differ by chance."""
    first, second = (fresh_key(seconds, lambda count: b"c" * count) for seconds in (one, other))
    assert len(first) == len(second) == KEY_BYTES
    if 0 <= one < other - 0.001 < 2**48 / 1000:
        assert first < second
    assert fresh_key(one, lambda count: b"d" * count) not in (first, second)


@given(names, st.none() | st.just("#tea"), st.text(max_size=100))
def test_every_place_can_be_listened_at(user: str, topic: str | None, text: str) -> None:
    """A place is a room in its one spelling, or @ and a name in its one spelling."""
    for place in places(user, topic or user, text):
        assert fold_name(place[1:]) == place[1:] if place.startswith("@") else fold_room(place) == place


def test_a_post_is_seen_by_author_mentioned_and_members() -> None:
    """There are only these three ways to see a post; a mentioned user has the name by then."""
    members = Memberships()
    members.apply(step(3, "join", "alice"), "reader")
    everybody = Memberships(registered=1)
    assert visible(post("alice", "hi"), "alice", everybody)
    assert visible(post("alice", "hi @bob"), "bob", everybody)
    assert visible(post("alice", "hi"), "reader", members)
    assert not visible(post("alice", "hi @bob"), "carol", everybody)
    before = Memberships(registered=11)
    assert not visible(post("alice", "hi @bob"), "bob", before)
    assert not visible(post("alice", "hi @bob"), "bob", Memberships())
    topical = Memberships()
    topical.apply(step(3, "join", "#python"), "reader")
    assert visible(post("alice", "on #Python"), "reader", topical)


steps = st.lists(st.tuples(st.sampled_from(["join", "leave"]), st.sampled_from(["alice", "#t"])), max_size=30)


@given(steps, st.integers(1, 40), st.randoms())
def test_membership_at_a_seq_is_the_state_after_the_steps_before_it(
    given_steps: list[tuple[str, str]], at: int, chance: Random
) -> None:
    """covers(room, seq) applies the steps before seq, and has(room) all of them.

    Made of stays, memberships are the same in any order of these: pages begin with those that last.
    """
    memberships = Memberships()
    then: dict[str, bool] = {}
    now: dict[str, bool] = {}
    for number, (kind, room) in enumerate(given_steps, 1):
        changed = memberships.apply(step(number, kind, room), "reader")
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
    stays = memberships.intervals()
    again = Memberships(chance.sample(stays, len(stays)))
    assert set(again.intervals()) == set(stays)
    assert sorted(again.rooms()) == sorted(memberships.rooms())


@given(steps, st.integers(0, 40), st.integers(0, 40), st.lists(st.integers(0, 40), max_size=3))
def test_who_forgets_ended_stays_still_knows_what_comes_after(
    given_steps: list[tuple[str, str]], arrived: int, upto: int, before: list[int]
) -> None:
    """After ``upto`` nothing changes, whatever was forgotten before and wherever the stays come from; stays
    that had ended by then are not kept."""
    whole, forgetful = Memberships(), Memberships()
    for number, (kind, room) in enumerate(given_steps, 1):
        whole.apply(step(number, kind, room), "reader")
        forgetful.apply(step(number, kind, room), "reader")
        if number == arrived:
            forgetful = Memberships(forgetful.intervals())
        if number in before and number <= upto:
            forgetful.forget(number)
    forgetful.forget(upto)
    assert all(stay.left is None or stay.left > upto for stay in forgetful.intervals())
    assert set(forgetful.intervals()) == {
        stay for stay in whole.intervals() if stay.left is None or stay.left > upto
    }
    assert forgetful.has_ended == any(stay.left is not None for stay in forgetful.intervals())
    for room in ("alice", "#t"):
        assert forgetful.has(room) == whole.has(room)
        for seq in range(upto + 1, 42):
            assert forgetful.covers(room, seq) == whole.covers(room, seq)


def test_a_snapshot_may_have_stays_that_ended_while_it_was_read() -> None:
    """They have then ended later than the next page's, and may also come as lasting: none is forgotten too
    early, and none is kept."""
    stays = [Interval("alice", 2, None), Interval("#t", 3, None), Interval("alice", 2, 9)]
    memberships = Memberships(stays)
    memberships.apply(step(7, "leave", "#t"), "reader")
    memberships.forget(8)
    assert memberships.covers("alice", 9 - 1)
    assert not memberships.covers("#t", 6)
    memberships.forget(9)
    assert memberships.intervals() == []


def test_what_is_said_in_a_topic_is_heard_there_alone() -> None:
    """By its members and by who is mentioned; not by the author's followers, nor in topics that it names."""
    said = Entry(10, 0, "post", "alice", "#tea", "see #help, @bob", b"k" * 16)
    assert places(said.user, said.room, said.text) == ("#tea", "@bob")
    members = {room: Memberships([Interval(room, 3, None)], 1) for room in ("#tea", "#help", "alice")}
    assert visible(said, "carol", members["#tea"])
    assert not visible(said, "carol", members["#help"])
    assert not visible(said, "carol", members["alice"])
    assert visible(said, "bob", Memberships(registered=1))
    assert not visible(said, "alice", Memberships(registered=1))  # she has left meanwhile


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS.values() if Heard.TO in kind.heard])
def test_whom_one_blocks_tells_one_nothing(kind: str) -> None:
    """No order with a reason gets by; whoever else hears it still does."""
    draft = Draft(kind, "mallory", "&spam", "hear me", b"k" * 16, 0, More(to="alice"))
    heard = heard_at(entry_of(draft, 1, 0, ()))
    assert "!alice" in heard
    assert settled(draft, None, lambda user: False, lambda seq: False, lambda user: ()) == ()
    left = settled(draft, None, lambda user: user == "alice", lambda seq: False, lambda user: ())
    assert left == tuple(place for place in heard if place != "!alice") != ()
