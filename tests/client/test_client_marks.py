"""What the terminal has shown is marked as read; UNREAD says where there is more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from client.person import WORKER, Person
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatnet.client.marks import MARK_SECONDS, MOST_ELSEWHERE, MOST_ROOMS, Say, ShownPosts
from chatnet.entries import Entry
from chatnet.testing.fake_cluster import FakeCluster, FakeSession, Network
from chatnet.wire.session import Unread


def post(seq: int, room: str, text: str = "hi", user: str = "bob") -> Entry:
    return Entry(seq, 0, "post", user, room, text, b"%016d" % seq)


def heard_by(said: list[tuple[str, int]]) -> Say:
    """Return what appends to ``said`` what is marked."""

    def say(room: str, seq: int) -> bool:
        said.append((room, seq))
        return True

    return say


def test_rooms_are_marked_once_in_a_few_seconds() -> None:
    """Each up to the newest post that was shown there, or that names it; a mention is no room."""
    clock, said = Clock(), list[tuple[str, int]]()
    shown = ShownPosts(heard_by(said), clock)
    talk = post(2, "alice=bob")
    for each in (post(3, "bob", "hi #tea @alice"), talk, post(5, "#tea"), post(4, "carol", user="carol")):
        shown.shown(each, "alice")
    clock.advance(MARK_SECONDS - 0.1)
    assert said == []
    clock.advance(0.1)
    assert said == [("bob", 3), ("#tea", 5), ("@bob", 2), ("carol", 4)]
    clock.advance(3 * MARK_SECONDS)
    assert len(said) == 4
    assert not clock.getDelayedCalls()
    shown.shown(post(6, "#tea"), "alice")
    clock.advance(MARK_SECONDS)
    assert said[4:] == [("#tea", 6)]


def test_many_rooms_are_marked_in_turns() -> None:
    """No more than fifty at once."""
    clock, said = Clock(), list[tuple[str, int]]()
    shown = ShownPosts(heard_by(said), clock)
    for number in range(MOST_ROOMS + 7):
        shown.shown(post(number + 1, f"#{number}"), "alice")
    clock.advance(MARK_SECONDS)
    assert len(said) == MOST_ROOMS
    clock.advance(MARK_SECONDS)
    assert len(said) == MOST_ROOMS + 7


def test_what_cannot_be_said_now_is_said_later() -> None:
    """While there is no connection; at the end nothing waits."""
    clock, said, is_up = Clock(), list[tuple[str, int]](), False

    def say(room: str, seq: int) -> bool:
        if is_up:
            said.append((room, seq))
        return is_up

    shown = ShownPosts(say, clock)
    shown.shown(post(1, "#tea"), "alice")
    clock.advance(MARK_SECONDS)
    assert said == []
    is_up = True
    clock.advance(MARK_SECONDS)
    assert said == [("#tea", 1)]
    is_up = False
    shown.shown(post(2, "#tea"), "alice")
    shown.flush()
    assert not clock.getDelayedCalls()


def test_a_chat_marks_what_it_shows(alice: Person, cluster: FakeCluster, network: Network) -> None:
    """What it shows first at once, and the rest without a word, also where that is refused; nothing is marked
    before anything is shown."""
    cluster.secrets["bob"] = b""
    alice.type("JOIN bob")
    cluster.say("bob", "one")
    network.pass_time(MARK_SECONDS + 0.1)
    assert cluster.marked == []
    alice.type("CHAT")
    assert cluster.marked == [("bob", 2)]
    cluster.say("bob", "two", "three #tea")
    network.pass_time(MARK_SECONDS + 0.1)
    assert cluster.marked == [("bob", 2), ("bob", 4)]
    assert alice.seen() == ["Joined bob.", "bob: one", "bob: two", "bob: three #tea"]


@pytest.mark.parametrize("leave", [lambda alice: alice.type("/quit", "QUIT"), lambda alice: alice.stop()])
def test_what_was_shown_is_marked_when_the_client_leaves(
    alice: Person, cluster: FakeCluster, leave: Callable[[Person], Any]
) -> None:
    """At once, by QUIT and by Ctrl-C."""
    cluster.secrets["bob"] = b""
    alice.type("JOIN bob", "CHAT")
    cluster.say("bob", "one")
    alice.network.settle()
    leave(alice)
    assert cluster.marked == [("bob", 2)]


def test_a_client_without_a_connection_leaves_at_once(
    alice: Person, cluster: FakeCluster, network: Network
) -> None:
    """It does not wait to mark what it has shown."""
    cluster.secrets["bob"] = b""
    alice.type("JOIN bob", "CHAT")
    cluster.say("bob", "one")
    network.settle()
    network.listeners.clear()
    network.cut()
    alice.end_input()
    assert alice.has_left()
    assert cluster.marked == []


def test_unread_says_where_and_how_much(alice: Person, cluster: FakeCluster) -> None:
    """A line for each room with something new, in order; 99 means so many, or more. All of a conversation is
    for the user, whose name need not be there."""
    alice.type("UNREAD")
    cluster.unread = [("#a", 3, 0), ("#b", 0, 0), ("#c", 99, 99), ("@bob", 2, 2), ("bob", 1, 1)]
    alice.type("UNREAD", "UNREAD all")
    assert alice.seen() == [
        "You have read all.",
        "#a: 3 new",
        "#c: 99 or more new, 99 or more of them with your name",
        "@bob: 2 new",
        "bob: 1 new, 1 of them with your name",
        "UNREAD takes nothing after it; nothing was done.",
    ]


def test_rooms_of_all_sorts_may_stand_on_each_page(
    alice: Person, cluster: FakeCluster, network: Network
) -> None:
    """Pages are in the order of what the log calls rooms, in which conversations are elsewhere."""
    rooms = ["#x", "abe", "@bob", "@carol", "@~zed", "dave", "zoe"]
    cluster.unread = [(room, 1, 0) for room in rooms]
    alice.type("UNREAD")
    assert alice.seen() == [f"{room}: 1 new" for room in rooms]
    listed: list[tuple[str, int, int]] = []
    Deferred.fromCoroutine(alice.client._connection.own_rooms()).addCallback(listed.extend)
    network.settle()
    assert [room for room, _, _ in listed] == rooms


def test_unread_that_does_not_go_on_is_given_up(
    alice: Person, cluster: FakeCluster, network: Network
) -> None:
    class Liar(FakeSession):
        @Unread.responder
        def unread(self, after: str) -> dict[str, Any]:
            ends = "@bob" if after == "abe" else "abe"
            return {"rooms": [(ends, 0, 0)], "more": True, "since": None}

    network.listeners[WORKER] = lambda: Liar(cluster)
    network.cut()
    network.pass_time(1)
    alice.seen()
    alice.type("UNREAD")
    assert "a list of rooms that does not go on" in "".join(alice.seen())


def test_unread_in_a_chat_counts_what_was_shown(alice: Person, cluster: FakeCluster) -> None:
    """It is marked first."""
    cluster.secrets["bob"] = b""
    alice.type("JOIN bob", "CHAT")
    cluster.say("bob", "one")
    alice.network.settle()
    alice.type("/unread")
    assert cluster.marked == [("bob", 2)]
    assert alice.seen()[-1] == "You have read all."


def test_history_that_is_shown_is_marked(alice: Person, cluster: FakeCluster, network: Network) -> None:
    """As what a chat shows."""
    cluster.secrets["bob"] = b""
    cluster.say("bob", "one", "two")
    alice.type("JOIN bob", "HISTORY bob")
    network.pass_time(MARK_SECONDS + 0.1)
    assert cluster.marked == [("bob", 2)]


def test_what_is_said_in_one_s_own_room_is_no_news_in_the_topics_that_it_names(
    alice: Person, cluster: FakeCluster, network: Network
) -> None:
    """Nobody is told that their own post is new. One's own room needs no mark: nobody else posts there."""
    cluster.joined["#tea"] = None
    alice.type("CHAT", "who has #tea?", "and sugar?")
    network.pass_time(MARK_SECONDS + 0.1)
    assert cluster.marked == [("#tea", 1)]
    alice.type("/unread")
    assert alice.seen() == ["You have read all."]


def go(shown: ShownPosts, here: str, said: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return what is marked because Alice goes somewhere."""
    said.clear()
    shown.go_to(here, "alice")
    return said[:]


def test_where_one_is_not_nothing_is_read_until_one_goes_there() -> None:
    """Then it is marked at once. In one's own room one reads those of others; nowhere one reads nothing."""
    clock, said = Clock(), list[tuple[str, int]]()
    shown = ShownPosts(heard_by(said), clock)
    shown.go_to("#tea", "alice")
    for each in (
        post(1, "#tea"),
        post(2, "bob", "#pub"),
        post(3, "alice=bob"),
        post(4, "#tea"),
        post(5, "#pub"),
    ):
        shown.shown(each, "alice")
    clock.advance(MARK_SECONDS)
    assert said == [("#tea", 4)]
    assert go(shown, "", said) == []
    shown.shown(post(6, "#tea"), "alice")
    assert go(shown, "alice", said) == [("bob", 2)]
    assert go(shown, "#pub", said) == [("#pub", 5)]
    assert go(shown, "@bob", said) == [("@bob", 3)]
    assert go(shown, "#tea", said) == [("#tea", 6)]
    shown.shown(post(7, "#tea"), "alice")
    assert go(shown, "#pub", said) == [("#tea", 7)]
    assert not clock.getDelayedCalls()


def test_where_one_never_goes_is_not_remembered_for_ever() -> None:
    """Whoever names topic after topic fills nothing; the last ones are kept."""
    clock, said = Clock(), list[tuple[str, int]]()
    shown = ShownPosts(heard_by(said), clock)
    shown.go_to("#tea", "alice")
    for number in range(1, 2 * MOST_ELSEWHERE):
        shown.shown(post(number, f"#t{number}"), "alice")
    assert len(shown._elsewhere) == MOST_ELSEWHERE
    assert go(shown, "#t1", said) == []
    assert go(shown, f"#t{2 * MOST_ELSEWHERE - 1}", said) == [
        (f"#t{2 * MOST_ELSEWHERE - 1}", 2 * MOST_ELSEWHERE - 1)
    ]
