"""The router hands each new post once to each live session that may see it, and to no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.protocols import amp

from chatnet.entries import Entry, More, visible
from chatnet.kinds import CLUSTER, KindName
from chatnet.net.outbox import Outbox, Outboxes
from chatnet.reads import Snapshot
from chatnet.stays import Interval, Memberships
from chatnet.wire.session import Deliver
from chatnet.worker.audience import FEW
from chatnet.worker.fronts.amp import AmpChannel
from chatnet.worker.peer import Hearing
from chatnet.worker.router import Router

USERS = ("alice", "bob", "carol")
NOTHING = Snapshot(0, 0, 1, [])
"""The snapshot of a user who has just registered."""


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
        """Return the seqs of the delivered posts, as a client reads them."""
        boxes = amp.parseString(self.data)
        return [Deliver.parseArguments(box, None)["entry"].seq for box in boxes]


class Heard:
    """A channel that keeps what it is given, by ear."""

    def __init__(self, *shown: str) -> None:
        self.shown = shown or ("post",)
        self.runs: list[list[int]] = []
        self.by_ear: dict[Any, list[tuple[int, str]]] = {}

    def shows(self, kind: str) -> bool:
        return kind in self.shown

    def fan(self, entries: Sequence[Entry], hearing: Sequence[Hearing]) -> None:
        self.runs.append([one.seq for one in entries])
        for place, ears in hearing:
            for ear in ears:
                self.by_ear.setdefault(ear, []).extend((one.seq, place) for one in entries)


class Listener:
    """What the router knows of a peer."""

    def __init__(self, channel: Any, ear: Any) -> None:
        self.channel, self.ear = channel, ear


class Crowd:
    """A router and its sessions, over AMP or in another channel."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.outboxes = Outboxes(self.clock)
        self.amp = AmpChannel(self.outboxes)
        self.router = Router()

    def live(self, user: str) -> Written:
        transport = Written()
        self.listens(user, self.amp, Outbox(transport, self.outboxes))
        return transport

    def listens(self, user: str, channel: Any, ear: Any) -> Callable[[], None]:
        """Make one more session of ``user`` live in ``channel``; return what ends it."""
        local_user = self.router.arrive(user, NOTHING, 0, [])
        peer: Any = Listener(channel, ear)
        self.router.go_live(local_user, peer)
        return lambda: self.router.leave_live(local_user, peer)

    def apply(self, *entries: Entry) -> None:
        self.router.apply(entries)
        self.clock.advance(0)


def test_who_hears_a_post() -> None:
    """The author, the members of its rooms and the mentioned users hear a post; nobody else does."""
    crowd = Crowd()
    alice, bob, carol = map(crowd.live, USERS)
    crowd.apply(entry(1, "join", "bob", "alice"), post(2, "alice"), post(3, "bob", "and @carol"))
    assert (alice.seqs(), bob.seqs(), carol.seqs()) == ([2], [2, 3], [3])
    assert crowd.router.deliveries == 4


def test_a_post_comes_once_to_who_hears_it_at_several_places() -> None:
    """A member of two of its rooms who is also mentioned gets one copy."""
    crowd = Crowd()
    bob = crowd.live("bob")
    crowd.apply(
        entry(1, "join", "bob", "alice"),
        entry(2, "join", "bob", "#python"),
        post(3, "alice", "#python is fun, @bob"),
    )
    assert bob.seqs() == [3]


def test_joins_and_leaves_take_effect_at_their_seq() -> None:
    """Within a batch, what was said before the join or after the leave is not heard."""
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


def test_who_may_have_a_text_on_a_screen_is_told_that_it_is_gone() -> None:
    """Of who is forgotten, or purged in a topic or the cluster, everybody; of who is purged in a private
    room, its members."""
    crowd = Crowd()
    alice, bob, carol = map(crowd.live, USERS)
    of_carol = More(to="carol")
    crowd.apply(
        entry(1, "join", "bob", "&ops"),
        Entry(2, 2, "purge", "mod", "#tea", "", b"k" * 16, of_carol),
        Entry(3, 3, "purge", "mod", "&ops", "", b"k" * 16, of_carol),
        Entry(4, 4, "purge", CLUSTER, "", "", b"k" * 16, of_carol),
        Entry(5, 5, "forget", "carol", "carol", "", b"k" * 16, of_carol),
    )
    assert (alice.seqs(), bob.seqs(), carol.seqs()) == ([2, 4, 5], [2, 3, 4, 5], [2, 3, 4, 5])


def test_nobody_listens_in_the_room_of_who_is_forgotten() -> None:
    """Their own stays end, and those of others in their room: for who is here, and for who arrives with an
    older snapshot. Other stays go on."""
    crowd = Crowd()
    bob = crowd.live("bob")
    joins = (
        entry(1, "join", "bob", "carol"),
        entry(2, "join", "bob", "#tea"),
        entry(3, "join", "carol", "#tea"),
    )
    forget = Entry(4, 4, "forget", "carol", "carol", "", b"k" * 16, More(to="carol"))
    crowd.live("carol")
    crowd.apply(*joins, forget, post(5, "carol"), entry(6, "post", "bob", "#tea", "hi"))
    late = crowd.router.arrive("alice", Snapshot(0, 0, 1, [Interval("carol", 1, None)]), 1, [forget])
    here, gone = (crowd.router.arrive(user, NOTHING, 0, []) for user in ("bob", "carol"))
    assert bob.seqs() == [4, 6]
    assert [one.memberships.rooms() for one in (late, here, gone)] == [[], ["#tea"], []]
    assert here.memberships.covers("carol", 3)
    assert not here.memberships.covers("carol", 5)


def test_what_is_too_old_is_told_to_whoever_could_read_it() -> None:
    """Everybody could, but in a private room: of that, its members alone learn."""
    crowd = Crowd()
    alice, bob = map(crowd.live, ("alice", "bob"))
    crowd.apply(entry(1, "join", "bob", "&ops"))
    for seq, room in ((2, "#tea"), (3, "&ops"), (4, "")):
        crowd.apply(Entry(seq, seq, "expire", CLUSTER, room, "", b"k" * 16))
    assert (alice.seqs(), bob.seqs()) == ([2, 4], [2, 3, 4])


def test_posts_in_a_row_travel_as_one_write() -> None:
    """However many posts a batch holds, a session's bytes are written once per turn of the reactor."""
    crowd = Crowd()
    alice = crowd.live("alice")
    crowd.apply(*(post(seq, "alice") for seq in range(1, 101)), post(101, "alice", "@bob"))
    assert alice.seqs() == list(range(1, 102))
    assert alice.writes == 1


def test_who_left_hears_no_more() -> None:
    """After leave_live the outbox gets nothing; with the last session the router forgets the user."""
    crowd = Crowd()
    resident = crowd.router.arrive("alice", NOTHING, 0, [])
    outbox = Outbox(Written(), crowd.outboxes)
    peer: Any = Listener(crowd.amp, outbox)
    crowd.router.go_live(resident, peer)
    crowd.apply(entry(1, "join", "alice", "bob"))
    crowd.router.leave_live(resident, peer)
    crowd.apply(post(2, "alice"), post(3, "bob"))
    assert outbox.parts == []
    crowd.router.depart(resident)
    assert not crowd.router._audiences
    assert not crowd.router._local_users


def test_sessions_of_one_user_share_their_memberships() -> None:
    """A join reaches all live sessions of a user, and a second session has the memberships of the first."""
    crowd = Crowd()
    phone, laptop = crowd.live("alice"), crowd.live("alice")
    crowd.apply(entry(1, "join", "alice", "bob"), post(2, "bob"))
    assert phone.seqs() == laptop.seqs() == [2]


def test_arriving_takes_what_the_window_holds_behind_the_snapshot() -> None:
    """The user's joins after the snapshot count; those of others, or known to the snapshot, do not."""
    crowd = Crowd()
    behind = [entry(5, "join", "alice", "bob"), entry(6, "join", "carol", "#x"), post(7, "bob")]
    resident = crowd.router.arrive("alice", NOTHING, 0, behind)
    assert resident.memberships.rooms() == ["bob"]


def test_stays_that_ended_long_ago_are_forgotten() -> None:
    """However often a user joins and leaves, only stays that ended after ``upto`` are kept: of the snapshot,
    ended here, and rejoined. Users without sessions are not looked at."""
    crowd = Crowd()
    old = Snapshot(10, 0, 1, [Interval("#old", 2, 5), Interval("#late", 3, 9), Interval("#now", 4, None)])
    guest = crowd.router.arrive("alice", old, 0, [])
    gone = crowd.router.arrive("carol", Snapshot(10, 0, 1, [Interval("#old", 2, 9)]), 0, [])
    crowd.router.depart(gone)
    mover = crowd.router.arrive("bob", NOTHING, 0, [])
    for seq in range(11, 1011, 2):
        crowd.apply(entry(seq, "join", "bob", "#x"), entry(seq + 1, "leave", "bob", "#x"))
        crowd.router.forget(seq - 5)
        assert len(mover.memberships.intervals()) <= 4
    assert [stay.room for stay in guest.memberships.intervals()] == ["#now"]
    assert guest.since == 10
    crowd.apply(entry(1011, "join", "bob", "#x"))
    crowd.router.forget(1011)
    assert mover.memberships.intervals() == [Interval("#x", 1011, None)]
    assert not crowd.router._leavers
    assert gone.since == 0


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
    """However entries are batched, live delivery equals the rule ``visible``, in the order of seqs."""
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
            memberships[user].apply(one, user)
    rest = list(log)
    for size in sizes * len(rest):
        crowd.apply(*rest[:size])
        del rest[:size]
    for user in USERS:
        seen = [one.seq for one in log if one.kind == "post" and visible(one, user, memberships[user])]
        assert written[user].seqs() == seen


@pytest.mark.parametrize("user", USERS)
def test_a_place_nobody_listens_at_costs_nothing(user: str) -> None:
    """A post that nobody here may see is not even encoded, and no outbox is touched."""
    crowd = Crowd()
    crowd.apply(post(1, user))
    assert crowd.router.deliveries == 0
    crowd.router.apply([post(2, user)])
    assert not crowd.clock.getDelayedCalls()


# ---- channels ----


def test_a_run_of_posts_is_encoded_once_for_each_channel() -> None:
    """A channel is called once for a run, however many ears it has and at however many places."""
    crowd, one, other, deaf = Crowd(), Heard(), Heard(), Heard()
    for number in range(10):
        crowd.listens("alice", one, f"one {number}")
        crowd.listens("bob", one, f"bob's {number}")
    crowd.listens("alice", other, "other")
    crowd.listens("carol", deaf, "carol's")
    crowd.apply(post(1, "alice", "@bob"), post(2, "alice", "@bob"), post(3, "alice"))
    assert (one.runs, other.runs, deaf.runs) == ([[1, 2], [3]], [[1, 2], [3]], [])
    assert crowd.router.deliveries == 2 * 20 + 10 + 3


def test_an_ear_hears_an_entry_once_at_the_first_of_its_places() -> None:
    """It hears the entry at the first place of :func:`chatnet.entries.places` where it listens."""
    crowd, heard = Crowd(), Heard()
    for user in USERS:
        crowd.listens(user, heard, user)
    crowd.apply(
        entry(1, "join", "bob", "alice"),
        entry(2, "join", "bob", "#x"),
        entry(3, "join", "carol", "#x"),
        post(4, "alice", "@carol @bob #x"),
        post(5, "alice", "#y #x @carol"),
    )
    assert heard.by_ear == {
        "alice": [(4, "alice"), (5, "alice")],
        "bob": [(4, "alice"), (5, "alice")],
        "carol": [(4, "@carol"), (5, "#x")],
    }


def test_the_order_of_the_places_parts_no_run() -> None:
    """An author who names the same topics in changing order makes a worker look at the ears once."""
    crowd, heard = Crowd(), Heard()
    crowd.listens("bob", heard, "bob")
    crowd.apply(
        entry(1, "join", "bob", "#x"),
        entry(2, "join", "bob", "#y"),
        post(3, "alice", "#x #y"),
        post(4, "alice", "#y #x"),
        post(5, "alice", "#y"),
    )
    assert heard.runs == [[3, 4], [5]]
    assert heard.by_ear == {"bob": [(3, "#x"), (4, "#x"), (5, "#y")]}


def test_a_channel_is_given_what_it_shows() -> None:
    """A channel may show joins and leaves to everyone in the room and to the user who comes or goes, in the
    order of seqs. No channel is given a credential."""
    crowd, quiet, chatty = Crowd(), Heard(), Heard("post", "join", "leave", "register", "secret")
    crowd.listens("alice", chatty, "alice")
    crowd.listens("bob", chatty, "bob")
    crowd.listens("alice", quiet, "quiet alice")
    crowd.apply(
        entry(1, "register", "dave", text="sha256:"),
        post(2, "alice"),
        entry(3, "join", "dave", "alice"),
        post(4, "alice"),
        entry(5, "join", "bob", "alice"),
        entry(6, "leave", "bob", "alice"),
        entry(7, "secret", "alice", text="sha256:"),
        entry(8, "leave", "dave", "alice"),
    )
    assert heard_by(chatty, "alice") == [2, 3, 4, 5, 6, 8]
    assert heard_by(chatty, "bob") == [5, 6]
    assert heard_by(quiet, "quiet alice") == [2, 4]


def heard_by(channel: Heard, ear: Any) -> list[int]:
    return [seq for seq, _ in channel.by_ear[ear]]


def test_stays_of_others_part_no_run_where_nobody_shows_them() -> None:
    """Where all clients speak AMP, the posts around joins and leaves are encoded together."""
    crowd, heard = Crowd(), Heard()
    crowd.listens("alice", heard, "alice")
    crowd.apply(post(1, "alice"), entry(2, "join", "dave", "alice"), post(3, "alice"))
    assert heard.runs == [[1, 3]]


def test_who_watches_is_told_in_order_with_what_is_handed_over() -> None:
    """Of the kinds that it wants, behind what stands before an entry and before what stands behind it."""
    crowd, heard = Crowd(), Heard("post", "forget")
    crowd.listens("alice", heard, "alice")
    seen: list[tuple[int, list[int]]] = []
    crowd.router.watch({"spelling", "forget"}, lambda one: seen.append((one.seq, heard_by(heard, "alice"))))
    gone = Entry(5, 5, "forget", CLUSTER, CLUSTER, "", b"k" * 16, More(to="dave"))
    crowd.apply(
        post(1, "alice"), entry(2, "spelling", "bob"), entry(3, "register", "zed"), post(4, "alice"), gone
    )
    crowd.apply(post(6, "alice"))
    assert seen == [(2, [1]), (5, [1, 4, 5])]
    assert heard.runs == [[1], [4], [5], [6]]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_place_has_room_for_any_number_of_ears(newest_first: bool) -> None:
    """Ears hear from when they come until they go, whichever goes first; then nothing is left."""
    crowd, heard = Crowd(), Heard()
    there = [(ear, crowd.listens("alice", heard, ear)) for ear in range(3 * FEW)]
    if newest_first:
        there.reverse()
    for seq in range(1, 3 * FEW + 1):
        crowd.apply(post(seq, "alice"))
        assert {ear for ear in heard.by_ear if seq in heard_by(heard, ear)} == {ear for ear, _ in there}
        leave = there.pop(0)[1]
        leave()
    crowd.apply(post(99, "alice"))
    assert crowd.router.deliveries == sum(range(3 * FEW + 1))
    assert not crowd.router._audiences
