"""The router: each new post goes once to each live session that may see it, and to nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.protocols import amp

from chatnet.entries import Entry, Memberships, visible
from chatnet.kinds import KindName
from chatnet.log import Snapshot
from chatnet.net.outbox import Outbox, Outboxes
from chatnet.wire.session import Deliver
from chatnet.worker.router import Router

USERS = ("alice", "bob", "carol")
NOTHING = Snapshot(0, 0, 1, [])
"""Of a user who has only just registered."""


def entry(seq: int, kind: KindName, user: str, room: str = "", text: str = "") -> Entry:
    return Entry(seq, seq, kind, user, room or user, text, b"k" * 16)


def post(seq: int, user: str, text: str = "hello") -> Entry:
    return entry(seq, "post", user, text=text)


class Written:
    """A transport that keeps what it was given."""

    def __init__(self) -> None:
        self.data = b""
        self.writes = 0

    def write(self, data: bytes) -> None:
        self.data += data
        self.writes += 1

    def seqs(self) -> list[int]:
        """The posts that were delivered, as a client reads them."""
        boxes = amp.parseString(self.data)
        return [Deliver.parseArguments(box, None)["entry"].seq for box in boxes]


class Crowd:
    """A router, and sessions of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.outboxes = Outboxes(self.clock)
        self.router = Router(self.outboxes)

    def live(self, user: str) -> Written:
        transport = Written()
        resident = self.router.arrive(user, NOTHING, 0, [])
        self.router.go_live(resident, Outbox(transport, self.outboxes))
        return transport

    def apply(self, *entries: Entry) -> None:
        self.router.apply(entries)
        self.clock.advance(0)


def test_who_hears_a_post() -> None:
    """Its author, the members of its rooms, and whom it mentions; nobody else."""
    crowd = Crowd()
    alice, bob, carol = map(crowd.live, USERS)
    crowd.apply(entry(1, "join", "bob", "alice"), post(2, "alice"), post(3, "bob", "and @carol"))
    assert (alice.seqs(), bob.seqs(), carol.seqs()) == ([2], [2, 3], [3])
    assert crowd.router.deliveries == 4


def test_a_post_comes_once_to_who_hears_it_at_several_places() -> None:
    """A member of two of its rooms who is mentioned as well gets one copy."""
    crowd = Crowd()
    bob = crowd.live("bob")
    crowd.apply(
        entry(1, "join", "bob", "alice"),
        entry(2, "join", "bob", "#python"),
        post(3, "alice", "#python is fun, @bob"),
    )
    assert bob.seqs() == [3]


def test_joins_and_leaves_take_effect_at_their_seq() -> None:
    """Within one batch, what was said before the join or after the leave is not heard."""
    crowd = Crowd()
    bob = crowd.live("bob")
    crowd.apply(
        post(1, "alice"),
        entry(2, "join", "bob", "alice"),
        post(3, "alice"),
        entry(4, "leave", "bob", "alice"),
        post(5, "alice"),
    )
    assert bob.seqs() == [3]


def test_posts_in_a_row_travel_as_one_write() -> None:
    """However many posts a batch holds, a session's bytes are written once per turn of the reactor."""
    crowd = Crowd()
    alice = crowd.live("alice")
    crowd.apply(*(post(seq, "alice") for seq in range(1, 101)), post(101, "alice", "@bob"))
    assert alice.seqs() == list(range(1, 102))
    assert alice.writes == 1


def test_who_left_hears_no_more() -> None:
    """After leave_live nothing is put on the outbox; the router forgets the user with the last session."""
    crowd = Crowd()
    resident = crowd.router.arrive("alice", NOTHING, 0, [])
    outbox = Outbox(Written(), crowd.outboxes)
    crowd.router.go_live(resident, outbox)
    crowd.apply(entry(1, "join", "alice", "bob"))
    crowd.router.leave_live(resident, outbox)
    crowd.apply(post(2, "alice"), post(3, "bob"))
    assert outbox.parts == []
    crowd.router.depart(resident)
    assert not crowd.router._ears
    assert not crowd.router._local_users


def test_sessions_of_one_user_share_their_memberships() -> None:
    """A join reaches all live sessions of the user, and the second session finds what the first had."""
    crowd = Crowd()
    phone, laptop = crowd.live("alice"), crowd.live("alice")
    crowd.apply(entry(1, "join", "alice", "bob"), post(2, "bob"))
    assert phone.seqs() == laptop.seqs() == [2]


def test_arriving_takes_what_the_window_holds_behind_the_snapshot() -> None:
    """Joins behind the snapshot count; those of others, and what the snapshot knows already, do not."""
    crowd = Crowd()
    behind = [entry(5, "join", "alice", "bob"), entry(6, "join", "carol", "#x"), post(7, "bob")]
    resident = crowd.router.arrive("alice", NOTHING, 0, behind)
    assert resident.memberships.rooms() == ["bob"]


entries = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(("join", "leave")), st.sampled_from(USERS), st.sampled_from((*USERS, "#x"))
        ),
        st.tuples(
            st.just("post"),
            st.sampled_from(USERS),
            st.sampled_from(("hi", "@bob", "#x", "@alice #x", "@carol @bob #y")),
        ),
    ),
    max_size=40,
)


@given(entries, st.lists(st.integers(1, 8), min_size=1))
def test_live_sessions_hear_exactly_what_is_visible(what: list[Any], sizes: list[int]) -> None:
    """Whatever happens, and however it is batched: live delivery is the rule ``visible``, in seq order."""
    crowd = Crowd()
    written = {user: crowd.live(user) for user in USERS}
    memberships = {user: Memberships(registered=1) for user in USERS}
    log = []
    for seq, (kind, user, text) in enumerate(what, 2):
        if kind != "post" and text == user:
            continue
        one = entry(seq, kind, user, user if kind == "post" else text, text if kind == "post" else "")
        log.append(one)
        if kind != "post":
            memberships[user].apply(one)
    rest = list(log)
    for size in sizes * len(rest):
        crowd.apply(*rest[:size])
        del rest[:size]
    for user in USERS:
        seen = [one.seq for one in log if one.kind == "post" and visible(one, user, memberships[user])]
        assert written[user].seqs() == seen


@pytest.mark.parametrize("user", USERS)
def test_a_place_nobody_listens_at_costs_nothing(user: str) -> None:
    """A post that nobody here may see is not even encoded: no outbox is touched."""
    crowd = Crowd()
    crowd.apply(post(1, user))
    assert crowd.router.deliveries == 0
    crowd.router.apply([post(2, user)])
    assert not crowd.clock.getDelayedCalls()
