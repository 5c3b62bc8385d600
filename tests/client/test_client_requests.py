"""What a client asks, and asks again on another link; and what it takes from a worker for an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from client.person import SINCE_1970, WORKER, Person
from twisted.internet.defer import Deferred

from chatnet.client.feed import MOST_HELD, Unbelievable
from chatnet.entries import Entry
from chatnet.errors import TooSlow
from chatnet.testing.fake_cluster import FakeCluster, FakeSession, Network
from chatnet.wire.session import Chat, Deliver, History

NO_POST = Entry((1 << 64) - 1, 0, "post", "bob", "bob", "hi", b"k" * 16)


def test_a_worker_that_delivers_what_is_no_post_is_given_up(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """The client then goes on from where it was."""
    alice.type("CHAT")
    cluster.say("bob", "one")
    network.settle()
    cluster.sessions[-1].link.callRemote(Deliver, entry=NO_POST)
    cluster.sessions[-1].link.callRemote(Deliver, entry=NO_POST)
    network.settle()
    assert alice.seen() == ["bob: one", "Connection lost; what you type is kept and sent when it is back."]
    cluster.say("bob", "two")
    network.pass_time(1)
    assert alice.seen() == ["Connected again.", "bob: two"]
    assert [asked["cursor"] for _, asked in cluster.asked("Chat")] == [None, 1]


def test_posts_without_end_before_the_answer_to_chat_cost_the_worker_its_link(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """What it sends after that is not kept."""

    class Liar(FakeSession):
        @Chat.responder
        def chat(self, cursor: int | None, check: bytes | None) -> Any:
            return Deferred()

    network.listeners[WORKER] = lambda: Liar(cluster)
    network.cut()
    network.pass_time(1)
    alice.seen()
    alice.type("CHAT")
    for seq in range(1, MOST_HELD + 2):
        assert alice.seen() == []
        post = msgspec.structs.replace(NO_POST, seq=seq)
        cluster.sessions[-1].link.callRemote(Deliver, entry=post)
        network.settle()
    assert alice.seen() == ["Connection lost; what you type is kept and sent when it is back."]


def test_an_answer_to_chat_that_holds_no_post_begins_no_chat(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """A sentence says so, and none of it is shown."""

    class Liar(FakeSession):
        @Chat.responder
        def chat(self, cursor: int | None, check: bytes | None) -> Any:
            return {"posts": [NO_POST], "cursor": 1, "check": b"c" * 8}

    network.listeners[WORKER] = lambda: Liar(cluster)
    network.cut()
    network.pass_time(1)
    alice.seen()
    alice.type("CHAT", "HELP")
    assert alice.seen()[:2] == [
        "The worker says what no worker says: what it delivers is no post.",
        "A line was typed as a post, and now a command is expected: it was left out.",
    ]


def test_history_comes_in_pages(cluster: FakeCluster, alice: Person) -> None:
    """Each is before the seq that is asked for; before the first post there is an empty one."""
    cluster.say("bob", *(str(number) for number in range(30)))
    connection = alice.client._connection
    pages = [Deferred.fromCoroutine(connection.history("bob", before)) for before in (None, 11, 1)]
    alice.network.settle()
    found: list[Any] = [page.result for page in pages]
    assert [[post.seq for post in page] for page in found] == [
        list(range(11, 31)),
        list(range(1, 11)),
        [],
    ]


@pytest.mark.parametrize(("seqs", "before"), [([0], None), ([2, 1], None), ([1, 1], 5), ([4, 5], 5)])
def test_history_that_is_none_is_not_shown(
    network: Network, cluster: FakeCluster, alice: Person, seqs: list[int], before: int | None
) -> None:
    """Reading it would never end, or show a post twice."""

    class Liar(FakeSession):
        @History.responder
        def history(self, room: str, before: int | None) -> Any:
            return {"posts": [msgspec.structs.replace(NO_POST, seq=seq) for seq in seqs]}

    network.listeners[WORKER] = lambda: Liar(cluster)
    network.cut()
    network.pass_time(1)
    page = Deferred.fromCoroutine(alice.client._connection.history("bob", before))
    network.settle()
    failure: Any = page.result
    assert failure.check(Unbelievable)
    page.addErrback(lambda _: None)


def test_a_key_begins_with_the_time_of_day(network: Network, cluster: FakeCluster, alice: Person) -> None:
    """It does not begin with the machine's uptime, by which the reactor counts."""
    network.pass_time(5)
    alice.type("CHAT", "hello")
    [(_, asked)] = cluster.asked("Post")
    made = int.from_bytes(asked["key"][:6], "big") / 1000
    assert made == pytest.approx(SINCE_1970 + network.seconds(), abs=1)


def test_all_unacknowledged_is_sent_again_in_order_before_anything_new(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """Each keeps its first key, so what was committed without an answer is not there twice."""
    alice.type("CHAT", "zero")
    cluster.mute = True
    alice.type("one", "two")
    cluster.deaf = True
    alice.type("three", "four")
    del network.listeners[WORKER]
    network.cut()
    cluster.mute = cluster.deaf = False
    alice.type("five")
    first = cluster.asked("Post")
    cluster.worker(WORKER)
    network.pass_time(3)
    again = cluster.asked("Post")[len(first) :]
    assert [arguments["text"] for _, arguments in again] == ["one", "two", "three", "four", "five"]
    assert again[:4] == first[1:]
    posts = [entry.text for entry in cluster.entries if entry.kind == "post"]
    assert posts == ["zero", "one", "two", "three", "four", "five"]


def test_an_acknowledged_post_is_not_sent_again(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """Other answered commands are not sent again either."""
    alice.type("CHAT", "one", "/quit", "LIST")
    asked = len(cluster.asked("Post", "List", "Unchat"))
    network.cut()
    network.pass_time(1)
    assert len(cluster.asked("Post", "List", "Unchat")) == asked


def test_joins_and_reads_are_asked_again_too(network: Network, cluster: FakeCluster, alice: Person) -> None:
    """A join whose answer was lost is one join; a LIST that was interrupted is completed."""
    cluster.secrets["bob"] = b""
    cluster.mute = True
    alice.type("JOIN bob", "LIST")
    cluster.mute = False
    network.cut()
    network.pass_time(1)
    assert alice.seen() == [
        "Connection lost; what you type is kept and sent when it is back.",
        "Connected again.",
        "Joined bob.",
        "All rooms:",
        "\talice",
        "\tbob",
        "Rooms you have joined:",
        "\tbob",
    ]
    (_, first), (_, again) = cluster.asked("Join")
    assert first == again


def test_chatting_goes_on_from_the_cursor(network: Network, cluster: FakeCluster, alice: Person) -> None:
    """What was said meanwhile comes once; nothing before the cursor comes again."""
    cluster.say("bob", "one")
    alice.type("CHAT")
    cluster.say("bob", "two")
    network.settle()
    network.cut()
    cluster.say("bob", "three")
    network.pass_time(1)
    assert [line for line in alice.seen() if line.startswith("bob")] == ["bob: one", "bob: two", "bob: three"]
    assert [arguments for _, arguments in cluster.asked("Chat")] == [{"cursor": None}, {"cursor": 2}]


def test_the_cursor_moves_by_what_is_delivered_and_by_ping_alone(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """The acknowledgement of an own post says nothing of others' posts before it."""
    alice.type("CHAT")
    (session,) = cluster.sessions
    session.cursor = None
    cluster.say("bob", *("x" * 50))
    session.nothing_up_to(40)
    network.settle()
    alice.type("mine")
    network.cut()
    network.pass_time(1)
    assert cluster.asked("Chat")[-1] == ("Chat", {"cursor": 40})


def test_nothing_is_shown_twice(network: Network, cluster: FakeCluster, alice: Person) -> None:
    """What is delivered at or before the cursor is dropped."""
    alice.type("CHAT")
    cluster.say("bob", "one", "two")
    network.settle()
    (session,) = cluster.sessions
    for entry in cluster.entries:
        session.deliver(entry)
    network.settle()
    assert alice.seen() == ["bob: one", "bob: two"]


def test_what_comes_before_the_answer_to_chat_is_neither_lost_nor_shown_twice(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """What a worker delivers before its answer is shown after the newest, if it is after the cursor."""

    class Hasty(FakeSession):
        @Chat.responder
        def chat(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
            for entry in self.cluster.entries:
                self.deliver(entry)
            return {"posts": self.cluster.entries[:2], "cursor": 2, "check": self.cluster.at(2).check}

    cluster.say("bob", "one", "two", "three")
    network.listeners[WORKER] = lambda: Hasty(cluster)
    person = new_person().start()
    person.type("CHAT")
    assert person.seen() == ["Logged in as alice.", "bob: one", "bob: two", "bob: three"]


def test_who_begins_again_before_the_answer_goes_on_from_the_last_one(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """Only the last answer has a cursor after which everything is delivered."""
    cluster.say("bob", "one")
    asked: list[None] = []

    class Busy(FakeSession):
        @Chat.responder
        def chat(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
            if asked:
                cluster.say("bob", "two")
            asked.append(None)
            return super().chat(cursor, check)

    network.listeners[WORKER] = lambda: Busy(cluster)
    network.cut()
    connection = alice.client._connection
    begun = [
        Deferred.fromCoroutine(doing()) for doing in (connection.chat, connection.unchat, connection.chat)
    ]
    network.pass_time(1)
    assert [one.called for one in begun] == [True] * 3
    assert [line for line in alice.seen() if line.startswith("bob")] == ["bob: one", "bob: two"]
    network.cut()
    network.pass_time(1)
    assert cluster.asked("Chat")[-1] == ("Chat", {"cursor": 2})


def test_what_one_worker_held_back_is_void_at_the_next(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """The next worker may have read less of the log: what lies between must not be skipped."""
    cluster.say("bob", "one")

    class Silent(FakeSession):
        @Chat.responder
        def chat(self, cursor: int | None, check: bytes | None) -> Any:
            self.deliver(Entry(9, 0, "post", "bob", "bob", "nine", b"9" * 16))
            return Deferred()

    network.listeners[WORKER] = lambda: Silent(cluster)
    network.cut()
    network.pass_time(1)
    alice.type("CHAT")
    network.listeners[WORKER] = lambda: FakeSession(cluster)
    network.cut()
    network.pass_time(1)
    cluster.say("bob", "two")
    network.settle()
    assert [line for line in alice.seen() if line.startswith("bob")] == ["bob: one", "bob: two"]


def test_a_log_that_was_put_back_is_said_and_begun_afresh(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """Whether the log ends before the cursor or has grown past it, the newest are shown again, and the chat
    goes on live."""
    cluster.say("bob", "one", "two", "three")
    alice.type("CHAT")
    cluster.say("bob", "four")
    network.settle()
    alice.seen()
    for others in ((), ("five", "six", "seven", "eight")):
        network.cut()
        del cluster.entries[1:]
        cluster.say("carol", *others)
        network.pass_time(1)
        cluster.say("bob", "other")
        network.settle()
        seen = alice.seen()
        assert "The log was put back: what you read at" in seen[2]
        assert seen[3:] == ["bob: one", *(f"carol: {text}" for text in others), "bob: other"]


@pytest.mark.parametrize("times", [1, 3])
def test_a_chat_that_is_begun_anew_and_refused_is_begun_on_the_next_link(
    network: Network, cluster: FakeCluster, alice: Person, times: int
) -> None:
    """The log is slow, or damaged there: the chat does not fail, and the refusal is shown once."""
    cluster.say("bob", "one", "two")
    alice.type("CHAT")
    refusals = [TooSlow(TooSlow.sentence)] * times

    class Slow(FakeSession):
        @Chat.responder
        def chat(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
            if cursor is None and refusals:
                raise refusals.pop()
            return FakeSession.chat(self, cursor, check)

    network.listeners[WORKER] = lambda: Slow(cluster)
    network.cut()
    del cluster.entries[1:]
    network.pass_time(5)
    cluster.say("bob", "other")
    network.settle()
    seen = alice.seen()
    assert not alice.stdio.said
    assert len([line for line in seen if "The log was put back" in line]) == 1
    assert seen[-1] == "bob: other"
    assert not refusals


def test_who_stops_chatting_meanwhile_is_not_made_to(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """A chat that was to begin again does not, if its user has left it, or if the user's own Chat was
    refused."""
    cluster.say("bob", "one", "two")
    alice.type("CHAT")

    class Damaged(FakeSession):
        @Chat.responder
        def chat(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
            if cursor is None:
                raise TooSlow(TooSlow.sentence)
            return FakeSession.chat(self, cursor, check)

    network.listeners[WORKER] = lambda: Damaged(cluster)
    network.cut()
    del cluster.entries[1:]
    network.pass_time(5)
    alice.type("/quit")
    network.pass_time(5)
    cluster.worker(WORKER)
    network.cut()
    network.pass_time(3)
    before = len(cluster.asked("Chat"))
    assert alice.seen()[-1] == "Connected again."
    network.listeners[WORKER] = lambda: Damaged(cluster)
    network.cut()
    network.pass_time(3)
    alice.type("CHAT")
    assert alice.seen()[-1] == TooSlow.sentence
    cluster.worker(WORKER)
    network.cut()
    network.pass_time(3)
    assert len(cluster.asked("Chat")) == before
