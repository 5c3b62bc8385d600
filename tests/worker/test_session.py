"""What a client hears, from where on, and how its session ends."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from turns import turn
from twisted.internet.task import deferLater
from twisted.protocols import amp
from twisted.python.failure import Failure

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More
from chatnet.errors import (
    BadRequest,
    CursorAhead,
)
from chatnet.kinds import CLUSTER
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.wire.encode import PING
from chatnet.worker.subscription import A_TURN


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({b"text": b"hi"}, "the key “key” is missing"),
        ({b"key": b"k" * 16}, "the key “text” is missing"),
        ({b"key": b"k", b"text": b"hi"}, "1 bytes instead of 16"),
        ({b"key": b"k" * 65_535, b"text": b"hi"}, "65535 bytes instead of 16"),
        ({b"key": b"k" * 16, b"text": b"\xff"}, "utf-8"),
    ],
)
def test_a_malformed_request_is_answered(worker: Any, keys: dict[bytes, bytes], sentence: str) -> None:
    """Missing keys and bad values are named; the connection stays open. Surplus keys are ignored."""
    alice = worker.client("alice")
    found: list[Any] = []
    alice.link._sendBoxCommand(b"Post", amp.AmpBox(keys)).addErrback(found.append)
    worker.settle()
    assert sentence in str(found[0].value)
    surplus = amp.AmpBox({b"key": b"k" * 16, b"text": b"hi", b"colour": b"red"})
    alice.link._sendBoxCommand(b"Post", surplus).addCallback(found.append)
    worker.settle()
    assert found[1][b"seq"]


@pytest.mark.parametrize("logged_in", [False, True])
@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4, b"\xff" * 100, (b"\x00\x01a\xff\xff" + b"x" * 65_535) * 3],
)
def test_garbage_closes_that_connection_only(worker: Any, garbage: bytes, logged_in: bool) -> None:
    """Bytes that are not AMP, or a box that never ends, close the connection."""
    other = worker.client("bob")
    client = worker.client("alice" if logged_in else None)
    client.raw(garbage)
    assert not client.connected
    assert other.post("still here")


def test_chat_begins_with_the_newest_twenty_then_live(worker: Any) -> None:
    """The newest twenty come oldest first, also from before the join; later posts come by Deliver, once."""
    bob, alice = worker.client("bob"), worker.client("alice")
    for number in range(25):
        bob.post(str(number))
    alice.join("bob")
    answer = alice.chat()
    assert [post.text for post in answer["posts"]] == [str(number) for number in range(5, 25)]
    assert answer["cursor"] == worker.log.window.head
    bob.post("live")
    assert alice.heard() == ["live"]


def test_chat_begins_with_what_the_client_was_told(worker: Any) -> None:
    """After an acknowledged post, the newest 20 wait until this worker has followed the log to it."""
    alice = worker.client("alice")
    worker.log.lagging = True
    alice.post("mine")
    found = alice.begin(wire.Chat)
    assert not found
    worker.log.catch_up()
    worker.settle()
    assert [post.text for post in found[0]["posts"]] == ["mine"]


def test_a_cursor_within_the_window_needs_no_read(worker: Any) -> None:
    """A resuming client costs the primary nothing, and can also resume while the primary is away."""
    alice = worker.client("alice")
    alice.post("one")
    worker.log.reads_held = True
    alice.chat(0)
    assert alice.heard() == ["one"]


def test_a_worker_that_cannot_follow_gives_nothing_of_its_window(worker: Any) -> None:
    """What stands there may be taken back by now: who resumes waits until it follows again."""
    alice = worker.client("alice")
    alice.post("one")
    window = worker.log.window
    window.is_stale = lambda: True
    alice.chat(0)
    assert alice.heard() == []
    window.is_stale = lambda: False
    window.freshened()
    worker.settle()
    assert alice.heard() == ["one"]


def test_chat_with_a_cursor_delivers_every_visible_post_behind_it(worker: Any) -> None:
    """Memberships count as they were at each seq: a left room counts for what was said before the leave."""
    bob, alice = worker.client("bob"), worker.client("alice")
    cursor = worker.log.window.head
    bob.post("before")
    alice.join("bob")
    bob.post("during")
    alice.leave("bob")
    bob.post("after")
    bob.post("but @alice hears this")
    alice.post("and her own")
    expected = ["during", "but @alice hears this", "and her own"]
    resumed = worker.client("alice")
    for client in (alice, resumed):
        answer = client.chat(cursor)
        assert answer == {"posts": [], "cursor": cursor, "check": worker.at(cursor).check}
        assert client.heard() == expected


def test_the_answer_to_chat_comes_before_what_it_announces(worker: Any) -> None:
    """A client learns its cursor first, and then gets what follows."""
    alice = worker.client("alice")
    alice.post("one")
    order: list[str] = []
    asked = alice.link.callRemote(wire.Chat, cursor=0, check=worker.at(0).check)
    asked.addCallback(lambda _: order.append("answer"))
    alice.hears.posts = _Order(order)
    worker.settle()
    assert order == ["answer", "one"]


class _Order(list):  # type: ignore[type-arg]
    def __init__(self, order: list[str]) -> None:
        self.order = order

    def append(self, post: Any) -> None:
        self.order.append(post.text)


def test_catching_up_from_the_log_and_then_live(worker: Any) -> None:
    """A cursor that the window no longer holds is served from the log, complete and in order."""
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.join("bob")
    cursor = worker.log.window.head
    worker.log._page = 7
    for number in range(50):
        bob.post(str(number))
    worker.log.forget()
    bob.post("50")
    alice.chat(cursor)
    bob.post("51")
    assert alice.heard() == [str(number) for number in range(52)]


def test_who_is_forgotten_hears_nothing_from_a_log_that_has_forgotten_them(worker: Any) -> None:
    """The log is ahead of the window, and does not know any more what they should have heard: what it still
    has for them would leave gaps. They are at their cursor until the window ends their session."""
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.join("bob")
    cursor = worker.log.window.head
    for number in range(50):
        bob.post(f"{number} #tea")
    worker.log.forget()
    account = worker.log.state.accounts.pop("alice")
    alice.chat(cursor)
    bob.post("live @alice")
    (session,) = (one for one in worker.sessions.open if one.user == "alice")
    assert alice.heard() == []
    assert session.cursor is None
    worker.log.state.accounts["alice"] = account
    worker.log.append([Draft("forget", CLUSTER, "", "", b"f" * 16, 0, More(to="alice"))])
    worker.settle()
    assert not alice.connected


@pytest.mark.parametrize("asked", [wire.Chat, wire.Earlier])
def test_who_is_forgotten_is_told_no_newest_posts(worker: Any, asked: Any) -> None:
    """The log is ahead of the window, and does not know any more who mentioned them: what it still has for
    them would lack that. They are told that they are forgotten, and nothing before that."""
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.join("bob")
    bob.post("heard")
    worker.client("carol").post("to @alice")
    bob.post("heard, too")
    worker.log.lagging = True
    worker.commit(Draft("forget", CLUSTER, "", "", b"f" * 16, 0, More(to="alice")))
    found = alice.begin(asked)
    assert not found
    worker.log.catch_up()
    worker.settle()
    assert alice.hears.ended == ["FORGOTTEN"]
    assert isinstance(found[0], Failure)
    assert not alice.connected


def test_memberships_older_than_the_window_are_the_logs_business(worker: Any) -> None:
    """A user who arrives now, and left a room before the window began, still gets what was said there."""
    bob, alice = worker.client("bob"), worker.client("alice")
    cursor = worker.log.window.head
    alice.join("bob")
    bob.post("heard")
    alice.leave("bob")
    alice.cut()
    worker.log.forget()
    again = worker.client("alice")
    again.chat(cursor)
    assert again.heard() == ["heard"]


def test_a_session_that_stays_while_its_stays_are_forgotten_misses_nothing(worker: Any) -> None:
    """What was said before the window is read from the log, which knows who was where; also if the window had
    it when the reading began, and has it no longer."""
    bob, alice = worker.client("bob"), worker.client("alice")
    cursor = worker.log.window.head
    alice.join("bob")
    bob.post("heard")
    alice.leave("bob")
    bob.post("not heard")
    worker.log.forget()
    alice.join("bob")
    alice.leave("bob")
    (local_user,) = worker.router._leavers
    assert len(local_user.memberships.intervals()) == 1
    bob.post("nor this")
    alice.chat(cursor)
    alice.join("bob")
    bob.post("but this")
    assert alice.heard() == ["heard", "but this"]


@pytest.mark.parametrize("how", ["asked again", "drained"])
def test_many_who_catch_up_at_once_do_so_in_turns(worker: Any, how: str) -> None:
    """Sessions that resume in the window, or have room again, together get some thousand entries in a turn of
    the reactor. Users take turns, so a user with many sessions makes nobody wait."""
    posts = 600
    crowd = [worker.client("alice") for _ in range(12)]
    bob = worker.client("bob")
    bob.join("alice")
    start = worker.log.window.head
    clients = [*crowd, bob]
    if how == "drained":
        for client in clients:
            client.chat()
            client.server.pauseProducing()
    worker.commit(*(worker.said("alice", str(number)) for number in range(posts)))
    for client in clients:
        if how == "drained":
            client.server.resumeProducing()
        else:
            client.link.callRemote(wire.Chat, cursor=start, check=worker.at(start).check)
            worker.outboxes.flush()
            client.wire.pump()
    handed = [worker.router.deliveries]
    heard_by_bob = 0
    while handed[-1] < posts * len(clients):
        turn(worker.clock)
        handed.append(worker.router.deliveries)
        bob.wire.pump()
        if bob.heard() and not heard_by_bob:
            heard_by_bob = handed[-1]
    assert max(later - earlier for earlier, later in pairwise(handed)) <= A_TURN + posts
    assert heard_by_bob <= 4 * posts
    worker.settle()
    assert all(client.heard() == [str(number) for number in range(posts)] for client in clients)


def test_a_cursor_ahead_of_the_log_is_refused(worker: Any) -> None:
    """The log was put back: the sentence says so, and the session goes on without the cursor."""
    alice = worker.client("alice")
    with pytest.raises(CursorAhead, match="The log was put back: what you read at 99 is not in it"):
        alice.chat(99)
    assert alice.chat()["cursor"] == 1


def test_a_cursor_whose_post_is_gone_is_refused(worker: Any) -> None:
    """A log that was put back and has grown past the cursor has another entry there, so a seq alone says
    nothing. This holds in the window, at its edge, before it and ahead of it."""
    alice = worker.client("alice")
    for number in range(6):
        alice.post(str(number))
    worker.log.forget()
    alice.post("in the window")
    worker.log.lagging = True
    worker.commit(worker.said("alice", "ahead of it"))
    for seq in (0, 3, 7, 8, 9):
        with pytest.raises(CursorAhead, match=f"what you read at {seq} is not in it"):
            alice.chat(seq, check=b"elsewhat")
        assert alice.chat(seq)["cursor"] == seq


def test_a_check_is_of_its_log(worker: Any) -> None:
    """The same entries in another log make other checks, which tell a new cluster from the old one."""
    alice = worker.client("alice")
    with pytest.raises(CursorAhead):
        alice.chat(1, check=Cursor.at("another", worker.log.entries[0]).check)


def test_a_cursor_is_a_seq_with_its_check(worker: Any) -> None:
    """A seq without a check, or a check without a seq, is a program's mistake and not read as no cursor."""
    alice = worker.client("alice")
    for half in ({"cursor": 0}, {"check": b"8 bytes."}):
        with pytest.raises(BadRequest, match="both or none"):
            alice.ask(wire.Chat, **half)


def test_a_cursor_ahead_of_this_worker_waits(worker: Any) -> None:
    """The worker lags behind the log: nothing comes twice when it has caught up."""
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.join("bob")
    worker.log.lagging = True
    seen = bob.post("seen elsewhere")
    alice.chat(seen)
    bob.post("new")
    assert alice.heard() == []
    worker.log.catch_up()
    worker.settle()
    assert alice.heard() == ["new"]


def test_unchat_ends_it(worker: Any) -> None:
    """Nothing is delivered after it, also if it overtakes a Chat that is under way."""
    alice = worker.client("alice")
    alice.chat()
    alice.ask(wire.Unchat)
    alice.post("unheard")
    worker.log.reads_held = True
    found = alice.begin(wire.Chat)
    alice.ask(wire.Unchat)
    worker.log.let_go()
    worker.settle()
    assert found[0]["posts"]
    alice.post("unheard too")
    assert alice.heard() == []


def test_chat_again_begins_again(worker: Any) -> None:
    """A second Chat replaces the first: from then on each post after its cursor comes once."""
    alice = worker.client("alice")
    alice.chat()
    seq = alice.post("one")
    alice.chat(seq - 1)
    alice.post("two")
    assert alice.heard() == ["one", "one", "two"]


def test_joining_while_chatting(worker: Any) -> None:
    """A join and a leave take effect for the live session at their seqs."""
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.chat()
    bob.post("unheard")
    alice.join("bob")
    bob.post("heard")
    alice.leave("bob")
    bob.post("unheard")
    assert alice.heard() == ["heard"]


def test_a_second_session_shares_memberships_and_both_hear(worker: Any) -> None:
    """A join by one session counts for the user's other session, also after the first one has closed."""
    bob, phone, laptop = worker.client("bob"), worker.client("alice"), worker.client("alice")
    phone.chat()
    laptop.chat()
    phone.join("bob")
    bob.post("one")
    phone.cut()
    bob.post("two")
    assert laptop.heard() == ["one", "two"]


def _arriving(worker: Any) -> tuple[Any, list[Any]]:
    """Return a client of alice whose login waits for the snapshot of her memberships, and its outcome."""
    worker.log.reads_held = True
    client = worker.client()
    found = client.begin(wire.Login, version=VERSION, name="alice", secret=b"s" * 32, new=True)
    worker.log.answer_read()  # the read of her account
    assert not found
    return client, found


def test_arriving_in_the_middle_of_things_loses_nothing(worker: Any) -> None:
    """A join that is committed while the arriving session's snapshot is read is not missed."""
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.cut()
    again, found = _arriving(worker)
    worker.commit(Draft("join", "alice", "bob", "", b"j" * 16))
    worker.log.let_go()
    worker.settle()
    assert found[0]["name"] == "alice"
    again.chat()
    bob.post("heard")
    assert again.heard() == ["heard"]


def test_a_snapshot_that_the_window_left_behind_is_read_again(worker: Any) -> None:
    """The window no longer holds what happened since the snapshot, so that would be missed."""
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.cut()
    again, found = _arriving(worker)
    worker.commit(Draft("join", "alice", "bob", "", b"j" * 16))
    worker.log.forget()
    worker.log.let_go()
    worker.settle()
    assert found[0]["name"] == "alice"
    again.chat()
    bob.post("heard")
    assert again.heard() == ["heard"]


def test_who_is_gone_is_read_nothing_for(worker: Any) -> None:
    """The rooms of a user come in pages; after the connection is lost the next page is not read."""
    alice = worker.client("alice")
    for number in range(0, 460, 20):
        maker, topics = f"maker{number}", [f"#t{each}" for each in range(number, number + 20)]
        worker.commit(
            Draft("register", maker, maker, "sha256:0", b"r" * 16), worker.said(maker, " ".join(topics))
        )
        worker.commit(*[Draft("join", "alice", topic, "", topic.encode().ljust(16)) for topic in topics])
    alice.cut()
    again, _ = _arriving(worker)
    worker.log.answer_read()
    assert len(worker.log._reading) == 1
    again.cut()
    worker.log.answer_read()
    worker.settle()
    assert worker.log._reading == []
    assert not worker.router._local_users
    worker.log.let_go()
    assert len(worker.client("alice").ask(wire.List, prefix="#", after="")["joined"]) == 460


@pytest.mark.parametrize("cursor", [None, 1])
def test_nobody_hears_what_was_said_to_their_name_before_them(worker: Any, cursor: int | None) -> None:
    """This holds also on a worker that has not yet read where the name was registered."""
    alice = worker.client("alice")
    worker.log.lagging = True
    alice.post("hello @late, whoever you are")
    late = worker.client("late")
    check = None if cursor is None else worker.at(cursor).check
    found = late.begin(wire.Chat, cursor=cursor, check=check)
    assert not found
    worker.log.catch_up()
    worker.settle()
    assert found[0]["posts"] == []
    alice.post("hello @late, now I know you")
    worker.log.catch_up()
    worker.settle()
    assert late.heard() == ["hello @late, now I know you"]


def test_pings_carry_the_cursor_of_who_chats(worker: Any) -> None:
    """A ping says “nothing for you up to here”: the cursor moves even if no followed room has posts."""
    worker.pulse.start()
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.chat()
    bob.post("unheard")
    worker.pass_time(16)
    assert alice.hears.pings == [worker.at(worker.log.window.head)]
    assert bob.hears.pings == [None]
    worker.pulse.stop()


def test_a_ping_while_catching_up_says_no_more_than_is_known(worker: Any) -> None:
    """Far behind, the worker does not know the check at the cursor, and does not read it just for a ping."""
    alice = worker.client("alice")
    for number in range(5):
        alice.post(str(number))
    worker.log.forget()
    worker.log.reads_held = True
    alice.begin(wire.Chat, cursor=2, check=worker.at(2).check)
    worker.log.answer_read()
    worker.settle()
    assert worker.pings() == [PING]


def test_a_check_is_made_once_for_each_head(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check is made once for each head, however many sessions are pinged."""
    made: list[int] = []
    make = Cursor.at

    def at(log: str, entry: Entry) -> Cursor:
        made.append(entry.seq)
        return make(log, entry)

    monkeypatch.setattr(Cursor, "at", at)
    clients = [worker.client("alice") for _ in range(5)]
    for client in clients:
        client.chat()
    clients[0].post("new")
    for _ in range(3):
        assert len(set(worker.pings())) == 1
    assert made == [1, 2]


def test_who_chats_is_told_that_the_log_was_put_back(worker: Any) -> None:
    """After that it gets neither posts nor cursors here: what follows is of another log. Sessions that do not
    chat are not told."""
    chats, silent = worker.client("alice"), worker.client("bob")
    chats.chat()
    for session in worker.sessions.open:
        session.rewound(worker.at(1))
    silent.post("after @alice")
    assert (chats.hears.rewound, silent.hears.rewound) == ([worker.at(1)], [])
    assert chats.heard() == []
    assert worker.pings() == [PING, PING]


def test_a_half_open_connection_is_noticed(worker: Any) -> None:
    """A client that says nothing for 45 s is closed; a client that pings stays."""
    worker.pulse.start()
    silent, alive = worker.client("bob"), worker.client("alice")
    for _ in range(11):
        worker.pass_time(5)
        alive.link.ping()
    assert not silent.connected
    assert alive.connected
    assert len(worker.sessions.open) == 1
    worker.pulse.stop()


def test_a_lost_session_leaves_nothing(worker: Any) -> None:
    """Neither the router nor the clock keeps anything of it."""
    alice = worker.client("alice")
    alice.join("#x")
    alice.chat()
    alice.cut()
    assert len(worker.sessions.open) == 0
    assert not worker.router._local_users
    assert not worker.router._audiences
    worker.clock.advance(2)  # that the device was used is passed on
    worker.settle()
    assert not worker.clock.getDelayedCalls()
    worker.commit(worker.said("alice", "to nobody"))


def test_a_client_that_never_reads_costs_a_bounded_memory(worker: Any) -> None:
    """The session leaves live when its transport is full; nothing is queued, and all comes once it reads."""
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.join("bob")
    alice.chat()
    alice.wire.client_transport.reading = False
    for _ in range(2000):
        bob.post("x" * 1000)
    waiting = len(alice.wire.server_transport.waiting) + sum(map(len, alice.server.outbox.parts))
    assert waiting < 100_000
    alice.wire.client_transport.reading = True
    worker.settle()
    seqs = [post.seq for post in alice.hears.posts]
    assert len(seqs) == 2000
    assert seqs == sorted(set(seqs))


@pytest.mark.parametrize("asked", [0, 10, 500])
def test_a_slow_reader_that_pings_is_not_closed(worker: Any, asked: int) -> None:
    """For minutes the client reads nothing, and what it asks waits; its pings after that are still heard. If
    so much is before the pings that the worker does not read them, the silence is the worker's doing. Later
    everything comes, and everything is done."""
    worker.pulse.start()
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.join("bob")
    alice.chat()
    alice.wire.client_transport.reading = False
    for _ in range(200):
        bob.post("x" * 1000)
    posts = [alice.begin(wire.Post, key=alice.key(), text=f"{number}") for number in range(asked)]
    for _ in range(20):
        worker.pass_time(10)
        bob.link.ping()
        alice.link.ping()
    assert alice.connected
    assert not any(posts)
    assert alice.server.is_paused is (asked == 500)
    alice.wire.client_transport.reading = True
    worker.settle()
    assert all(posts)
    assert alice.heard() == ["x" * 1000] * 200 + [f"{number}" for number in range(asked)]
    worker.pass_time(60)
    assert not alice.connected, "who is read, and says nothing, is gone"
    worker.pulse.stop()


def test_catching_up_stops_where_the_client_stops_reading(worker: Any) -> None:
    """Pages of the log are not read ahead of a client that does not read them."""
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.join("bob")
    cursor = worker.log.window.head
    for _ in range(2000):
        bob.post("x" * 1000)
    worker.log._page = 20
    worker.log.forget()
    alice.wire.client_transport.reading = False
    alice.begin(wire.Chat, cursor=cursor, check=worker.at(cursor).check)
    assert len(alice.wire.server_transport.waiting) < 150_000
    alice.wire.client_transport.reading = True
    worker.settle()
    assert len(alice.heard()) == 2000


def test_a_chat_on_a_full_link_waits_for_room(worker: Any) -> None:
    """A session whose link filled while Chat was under way does not go live: it would fill our memory."""
    bob, alice = worker.client("bob"), worker.client("alice")
    alice.join("bob")
    worker.log.reads_held = True
    alice.begin(wire.Chat)
    alice.wire.client_transport.reading = False
    while not alice.server.full:
        alice.begin(wire.Post, key=b"k" * 16, text="")
    worker.log.let_go()
    worker.settle()
    for _ in range(500):
        bob.post("x" * 1000)
    assert len(alice.wire.server_transport.waiting) < 100_000
    alice.wire.client_transport.reading = True
    worker.settle()
    assert len(alice.heard()) == 500


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (wire.History, {"room": "alice", "before": None}),
        (wire.Chat, {}),
        (wire.List, {"prefix": "", "after": ""}),
    ],
)
def test_pipelined_requests_of_who_never_reads_cost_a_bounded_memory(
    worker: Any, command: Any, arguments: Any
) -> None:
    """Reads take turns, none begins while answers lie unread, and when they are read the reads go on."""
    alice = worker.client("alice")
    for _ in range(30):
        alice.post("x" * 1900)
    worker.log._turn = lambda: deferLater(worker.clock, 0)
    alice.wire.client_transport.reading = False
    found: list[Any] = []
    for _ in range(1000):
        alice.link.callRemote(command, **arguments).addCallback(found.append)
    worker.settle()
    assert len(alice.wire.server_transport.waiting) < 250_000
    alice.wire.client_transport.reading = True
    worker.settle()
    assert len(found) == 1000
