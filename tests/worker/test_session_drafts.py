"""What a client may say and where, what is refused, and what is held beyond the rate."""

from __future__ import annotations

from typing import Any

import pytest

from chatnet.errors import (
    AlreadyJoined,
    BadName,
    BadRoom,
    BadText,
    KeyReused,
    NoSuchRoom,
    NotJoined,
    NotYours,
    OwnRoom,
)
from chatnet.wire import session as wire


def test_join_and_leave(worker: Any) -> None:
    """Rooms come back as the cluster spells them, and each wrong call gets its sentence."""
    worker.client("bob")
    alice = worker.client("alice")
    assert alice.join(" BOB")["room"] == "bob"
    for room, error, sentence in (
        ("bob", AlreadyJoined, "You have already joined bob."),
        ("carol", NoSuchRoom, "No such room: carol."),
        ("alice", OwnRoom, "That is your own room."),
        ("no room", BadRoom, "is not a room"),
    ):
        with pytest.raises(error, match=sentence):
            alice.join(room)
    assert alice.leave("Bob")["room"] == "bob"
    with pytest.raises(NotJoined, match=r"You have not joined bob\."):
        alice.leave("bob")
    assert alice.join("#Python")["room"] == "#python"


def test_what_is_said_in_a_topic_reaches_its_members_and_who_is_mentioned(worker: Any) -> None:
    """Not the author's followers, and not the members of topics that it names; live and in pages."""
    names = ("alice", "member", "follower", "other", "bob")
    alice, member, follower, other, bob = clients = [worker.client(name) for name in names]
    for client, room in ((alice, "#tea"), (member, "#Tea"), (follower, "alice"), (other, "#help")):
        client.join(room)
    for client in clients:
        client.chat()
    seq = alice.post("see #help, @bob", "#TEA")
    home = alice.post("see #help, @bob", "Alice")
    [told] = [post for post in member.hears.posts if post.seq == seq]
    assert (told.user, told.room, told.text) == ("alice", "#tea", "see #help, @bob")
    heard = {client: [post.seq for post in client.hears.posts] for client in clients}
    assert heard == {alice: [seq, home], member: [seq], follower: [home], other: [home], bob: [seq, home]}
    for room, seqs in (("#tea", [seq]), ("#help", [home]), ("alice", [home])):
        assert [post.seq for post in bob.ask(wire.History, room=room, before=None)["posts"]] == seqs


def test_nobody_posts_where_they_are_not(worker: Any) -> None:
    """In somebody's room, in no room, in a topic that they have not joined, or have left."""
    alice, _ = worker.client("alice"), worker.client("bob")
    for room, error in (
        ("bob", NotYours),
        ("#", BadRoom),
        ("", BadRoom),
        ("@", BadName),
        ("@alice", OwnRoom),
        ("&ops", NoSuchRoom),
        ("bob=carol", NoSuchRoom),
        ("#tea", NotJoined),
    ):
        with pytest.raises(error):
            alice.post("hi", room)
    alice.join("#tea")
    assert alice.post("hi", "#tea")
    alice.leave("#tea")
    with pytest.raises(NotJoined):
        alice.post("hi", "#tea")


def test_a_post_in_a_topic_that_was_refused_stays_refused(worker: Any) -> None:
    """Under its key, though its author joins; a taken one stays taken, though they leave."""
    alice = worker.client("alice")
    late = {"key": b"l" * 16, "text": "hi", "room": "#tea"}
    with pytest.raises(NotJoined):
        alice.ask(wire.Post, **late)
    alice.join("#tea")
    with pytest.raises(NotJoined):
        alice.ask(wire.Post, **late)
    taken = {**late, "key": b"t" * 16}
    seq = alice.ask(wire.Post, **taken)["seq"]
    alice.leave("#tea")
    assert alice.ask(wire.Post, **taken)["seq"] == seq
    with pytest.raises(KeyReused):
        alice.ask(wire.Post, **{**taken, "room": None})


def test_a_post_behind_its_join_is_taken(worker: Any) -> None:
    """Both are under way at once: the worker has not seen the join yet, and does not judge by that."""
    alice = worker.client("alice")
    worker.log.held = True
    joined = alice.begin(wire.Join, key=b"j" * 16, room="#tea")
    said = alice.begin(wire.Post, key=b"p" * 16, text="hi", room="#tea")
    worker.log.let_go()
    worker.settle()
    assert said[0]["seq"] == joined[0]["seq"] + 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "at least one character"),
        ("x" * 2001, "at most 2,000 characters; this one has 2,001"),
        ("one\rtwo", "no control characters; tabs and line feeds are fine"),
        ("\x07", "control characters"),
        ("x" * 65_535, "at most 2,000 characters"),
    ],
)
def test_bad_text_is_refused(worker: Any, text: str, sentence: str) -> None:
    """A sentence says so; nothing is stored, and the connection stays open."""
    alice = worker.client("alice")
    with pytest.raises(BadText, match=sentence):
        alice.post(text)
    assert alice.post("x" * 2000)


def test_a_key_serves_once(worker: Any) -> None:
    """A post that is sent again gets its old seq; the key with other content is refused."""
    alice = worker.client("alice")
    seq = alice.ask(wire.Post, key=b"k" * 16, text="hello")["seq"]
    assert alice.ask(wire.Post, key=b"k" * 16, text="hello")["seq"] == seq
    with pytest.raises(KeyReused, match="choose a new one"):
        alice.ask(wire.Post, key=b"k" * 16, text="other")


def test_a_session_holds_fast_posts_and_answers_each(slow_worker: Any) -> None:
    """Posts faster than the rate are acknowledged later, never refused; pings show that the worker lives."""
    slow_worker.pulse.start()
    alice = slow_worker.client("alice")
    found = [alice.begin(wire.Post, key=alice.key(), text=str(number)) for number in range(1000)]
    assert sum(map(bool, found)) == 50
    assert not alice.wire.server_transport.reading
    slow_worker.pass_time(50)  # longer than a silent client is tolerated, if we were not the ones who hold it
    assert alice.connected
    slow_worker.pass_time(60)
    assert [answer[0]["seq"] for answer in found] == list(range(2, 1002))
    slow_worker.pulse.stop()


def test_what_a_lost_session_held_is_the_clients_to_send_again(slow_worker: Any) -> None:
    """A closed session appends nothing it held: the client may have said other things elsewhere since."""
    alice = slow_worker.client("alice")
    for number in range(60):
        alice.begin(wire.Post, key=alice.key(), text=str(number))
    alice.cut()
    slow_worker.pass_time(5)
    assert len(slow_worker.log.entries) == 1 + 50
    assert not slow_worker.clock.getDelayedCalls()
