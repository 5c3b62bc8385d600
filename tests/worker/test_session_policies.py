"""Policies, as clients set them, hear of them and are bound by them."""

from __future__ import annotations

from typing import Any

import pytest

from chatnet.entries import Draft, More
from chatnet.errors import (
    BadRoom,
    BadText,
    DirectOff,
    NoSuchRoom,
    NoSuchUser,
    NotAdmin,
    NotModerator,
    NotOwner,
)
from chatnet.kinds import CLUSTER
from chatnet.wire import session as wire

ALL = [("direct", "all"), ("keep", "for ever"), ("signup", "open")]


def key(number: int) -> bytes:
    return b"policies%08d" % number


def decide(client: Any, number: int, name: str, value: str, room: str | None = None) -> int:
    """Set a policy; return the seq."""
    seq: int = client.ask(wire.SetPolicy, key=key(number), room=room, name=name, value=value)["seq"]
    return seq


def held(client: Any, room: str | None = None) -> Any:
    return client.ask(wire.Policies, room=room)["policies"]


def give_role(worker: Any, user: str, role: str, number: int) -> None:
    worker.log.append([Draft("role", CLUSTER, "", role, key(number), 0, More(to=user))])


def test_what_an_admin_decides_is_heard_by_everybody(worker: Any) -> None:
    """Live, and by who catches up; nobody else decides anything."""
    alice, bob, carol = (worker.client(name) for name in ("alice", "bob", "carol"))
    with pytest.raises(NotAdmin):
        decide(alice, 1, "direct", "off")
    give_role(worker, "alice", "admin", 2)
    bob.chat()
    begun = carol.ask(wire.Chat)
    carol.ask(wire.Unchat)
    seq = decide(alice, 3, "direct", "staff")
    assert [(post.seq, post.text) for post in bob.hears.posts] == [(seq, "direct staff")]
    carol.chat(begun["cursor"], begun["check"])
    assert [(post.seq, post.text) for post in carol.hears.posts] == [(seq, "direct staff")]
    assert held(bob) == [("direct", "staff"), *ALL[1:]]


def test_in_a_class_one_talks_to_staff_alone(worker: Any) -> None:
    """Who is refused is told what a block tells; an admin is answered, and nobody else is written to."""
    alice, bob, carol = (worker.client(name) for name in ("alice", "bob", "carol"))
    give_role(worker, "alice", "admin", 1)
    bob.post("before", "@carol")
    decide(alice, 2, "direct", "staff")
    for sender, to in ((bob, "carol"), (carol, "bob")):
        with pytest.raises(DirectOff, match=f"^{to} takes no messages from you.$"):
            sender.post("hi", f"@{to}")
    assert bob.post("please", "@alice") < alice.post("yes?", "@bob")
    with pytest.raises(NoSuchUser):
        bob.post("hi", "@noname")
    decide(alice, 3, "direct", "off")
    with pytest.raises(DirectOff):
        alice.post("hi", "@bob")
    decide(alice, 4, "direct", "all")
    bob.post("again", "@carol")


def test_members_invite_where_the_owner_lets_them(worker: Any) -> None:
    """To strangers the room is not there; what its policies are, its members alone know."""
    alice, bob, carol = (worker.client(name) for name in ("alice", "bob", "carol"))
    alice.ask(wire.Create, key=key(1), room="&ops", history="joined")
    alice.ask(wire.Invite, key=key(2), room="&ops", to="bob")
    bob.join("&ops")
    bob.chat()
    with pytest.raises(NotModerator):
        bob.ask(wire.Invite, key=key(3), room="&ops", to="carol")
    with pytest.raises(NotOwner):
        decide(bob, 4, "invite", "members", "&ops")
    seq = decide(alice, 5, "invite", "members", "&Ops")
    assert [post.seq for post in bob.hears.posts] == [seq]
    bob.ask(wire.Invite, key=key(6), room="&ops", to="carol")
    assert held(bob, "&ops") == [("invite", "members"), ("keep", "for ever")]
    assert held(carol, "#unused") == [("keep", "for ever")]
    for room in ("&ops", "&none", "noname"):
        with pytest.raises(NoSuchRoom, match=f"^No such room: {room}.$"):
            held(carol, room)
    with pytest.raises(NoSuchRoom):
        decide(carol, 7, "invite", "members", "&ops")


@pytest.mark.parametrize(
    ("room", "name", "value", "error"),
    [
        (None, "dance", "all", BadText),
        (None, "direct", "ALL", BadText),
        (None, "direct", "", BadText),
        (None, "direct", "off off", BadText),
        (None, "invite", "members", BadText),
        ("#tea", "direct", "off", BadText),
        ("&ops", "signup", "open", BadText),
        (None, "keep", "0d", BadText),
        (None, "keep", "36501d", BadText),
        (None, "keep", "9" * 5_000 + "d", BadText),
        (None, "direct\0", "off", BadText),
        ("alice", "keep", "9d", BadRoom),
        ("bob", "keep", "9d", BadRoom),
        ("@bob", "keep", "9d", BadRoom),
    ],
)
def test_what_is_no_policy_is_refused(
    worker: Any, room: str | None, name: str, value: str, error: type[Exception]
) -> None:
    """In a sentence, whoever asks."""
    alice, _ = worker.client("alice"), worker.client("bob")
    give_role(worker, "alice", "admin", 1)
    head = worker.log.window.head
    with pytest.raises(error):
        decide(alice, 2, name, value, room)
    assert worker.log.window.head == head


@pytest.mark.parametrize("kind", ["remove", "ban"])
def test_who_blocks_the_remover_hears_neither_why_nor_anything_behind_it(worker: Any, kind: Any) -> None:
    """Live as in what they would read later: a stay does not cover its last entry. But that they are out:
    else their client would show the room for good."""
    alice, bob, carol = (worker.client(name) for name in ("alice", "bob", "carol"))
    orders = [Draft("create", "bob", "&ops", "all", b"0" * 16)]
    for number, name in enumerate(("alice", "carol"), 1):
        orders.append(Draft("invite", "bob", "&ops", "", b"order %010d" % number, 0, More(to=name)))
        orders.append(Draft("join", name, "&ops", "", b"order %010d" % number))
    orders.append(Draft("block", "alice", "alice", "", b"b" * 16, 0, More(to="bob")))
    worker.log.append(orders)
    worker.settle()
    for client in (alice, bob, carol):
        client.chat()
    for client in (alice, bob, carol):
        client.hears.posts.clear()
    worker.log.append([Draft(kind, "bob", "&ops", "hear me", b"r" * 16, 0, More(to="alice"))])
    worker.settle()
    assert alice.hears.posts == []
    assert alice.hears.stays == [("&ops", worker.log.window.head, False)]
    told = carol if kind == "remove" else bob
    assert [entry.text for entry in told.hears.posts] == ["hear me"]
    assert bob.hears.stays == carol.hears.stays == []
