"""Invitations, who somebody is, owners where none is left, and the past of the feed."""

from __future__ import annotations

from typing import Any

import pytest

from chatnet.entries import Draft, More
from chatnet.errors import BadName, NoSuchRoom, NoSuchUser
from chatnet.kinds import CLUSTER
from chatnet.log import Outcome, Refused
from chatnet.wire import session as wire


def key(number: int) -> bytes:
    return b"invited %08d" % number


def create(client: Any, number: int, *rooms: str) -> None:
    for at, room in enumerate(rooms):
        client.ask(wire.Create, key=key(1000 * number + at), room=room, history="joined")


def invite(client: Any, number: int, room: str, to: str) -> None:
    client.ask(wire.Invite, key=key(number), room=room, to=to)


def listed(client: Any, after: str = "") -> list[tuple[str, str]]:
    page = client.ask(wire.Invitations, after=after)
    return [(one.room, one.by) for one in page["invitations"]]


def ordered(worker: Any, kind: str, number: int, room: str, to: str, text: str = "") -> Outcome:
    """Give an order as the operator."""
    outcomes: list[list[Outcome]] = []
    draft = Draft(kind, CLUSTER, room, text, key(number), 0, More(to=to))
    worker.log.append([draft]).addCallback(outcomes.append)
    return outcomes[0][0]


def test_who_was_away_learns_of_their_invitations(worker: Any) -> None:
    """In order of the rooms; each is gone once it is used, or ended, or the room is closed."""
    alice, bob = worker.client("alice"), worker.client("bob")
    create(alice, 1, "&a", "&b", "&c", "&d", "&e")
    for number, room in enumerate(("&e", "&b", "&a", "&c", "&d")):
        invite(alice, 10 + number, room, "bob")
    assert listed(bob) == [(room, "alice") for room in ("&a", "&b", "&c", "&d", "&e")]
    assert listed(bob, "&b") == [(room, "alice") for room in ("&c", "&d", "&e")]
    assert listed(alice) == []
    bob.join("&a")
    alice.ask(wire.Ban, key=key(20), room="&b", to="bob", mute=False)
    alice.leave("&c")  # the last one closes it
    assert listed(bob) == [("&d", "alice"), ("&e", "alice")]
    bob.leave("&a")
    with pytest.raises(NoSuchRoom):
        bob.join("&c")
    assert listed(bob) == [("&d", "alice"), ("&e", "alice")]


def test_nothing_comes_from_whom_one_blocks(worker: Any) -> None:
    """Neither while they are blocked, nor later, if they were when they invited."""
    alice, bob, carol = (worker.client(name) for name in ("alice", "bob", "carol"))
    create(alice, 1, "&a", "&b", "&c")
    invite(alice, 10, "&a", "bob")
    bob.ask(wire.Block, key=key(11), to="alice")
    invite(alice, 12, "&b", "bob")
    assert listed(bob) == []
    invite(alice, 13, "&c", "carol")
    carol.join("&c")
    alice.ask(wire.SetRole, key=key(14), room="&c", to="carol", role="moderator")
    invite(carol, 15, "&c", "bob")
    invite(alice, 16, "&c", "bob")
    assert listed(bob) == [("&c", "carol")]
    bob.ask(wire.Unblock, key=key(17), to="alice")
    assert listed(bob) == [("&a", "alice"), ("&c", "carol")]


def test_an_operator_names_an_owner_where_none_is_left(worker: Any) -> None:
    """Of the members, and nothing else; who owns a room cannot be overruled, unless they are banned."""
    alice, bob, _ = (worker.client(name) for name in ("alice", "bob", "zoe"))
    create(alice, 1, "&ops")
    invite(alice, 10, "&ops", "bob")
    bob.join("&ops")

    def code(number: int, room: str, to: str, text: str) -> str:
        outcome = ordered(worker, "role", number, room, to, text)
        return outcome.code.decode() if isinstance(outcome, Refused) else "taken"

    assert code(20, "&ops", "bob", "owner") == "NOT_OPERATORS"
    assert code(21, "&none", "bob", "owner") == "NO_SUCH_ROOM"
    assert isinstance(ordered(worker, "ban", 22, "", "alice"), int)
    assert code(23, "&ops", "zoe", "owner") == "NOT_THERE"
    assert code(24, "&ops", "noname", "owner") == "NO_SUCH_USER"
    assert code(25, "&ops", "bob", "moderator") == "NOT_OPERATORS"
    assert code(26, "&ops", "bob", "owner") == "taken"
    assert code(27, "&ops", "bob", "none") == "NOT_OPERATORS"


def test_who_somebody_is(worker: Any) -> None:
    """Rooms that only one of the two is in are not told; nor is anything of whom there is not."""
    alice, bob, zoe = (worker.client(name) for name in ("alice", "bob", "zoe"))
    create(alice, 1, "&ops", "&den")
    invite(alice, 10, "&ops", "bob")
    for client, room in ((bob, "&ops"), (alice, "#tea"), (bob, "#tea"), (zoe, "#tea"), (bob, "#go")):
        client.join(room)
    ordered(worker, "role", 11, "", "bob", "moderator")
    alice.ask(wire.Block, key=key(12), to="bob")

    def who(client: Any, name: str) -> tuple[str, bool, list[str]]:
        found = client.ask(wire.WhoIs, name=name)
        assert not found["more"]
        return found["role"], found["blocked"], found["rooms"]

    assert who(alice, "Bob") == ("moderator", True, ["#tea", "&ops"])
    assert who(bob, "alice") == ("", False, ["#tea", "&ops"])
    assert who(zoe, "alice") == ("", False, ["#tea"])
    assert who(zoe, "zoe") == ("", False, ["#tea"])
    alice.ask(wire.Remove, key=key(13), room="&ops", to="bob")
    assert who(bob, "alice") == ("", False, ["#tea"])
    for name, error in (("noname", NoSuchUser), ("chatnet", BadName), ("", BadName), ("&ops", BadName)):
        with pytest.raises(error):
            who(zoe, name)


def test_the_feed_goes_on_into_its_past(worker: Any) -> None:
    """In pages of the newest 20, of all rooms that one is in; nothing is passed over or comes twice."""
    alice, bob = worker.client("alice"), worker.client("bob")
    for client in (alice, bob):
        client.join("#tea")
    unheard = bob.post("in my own room")
    said = [bob.post(f"{number}", ("#tea", "@alice")[number % 2]) for number in range(45)]
    said += [bob.post("hear me, @alice"), alice.post("mine")]
    read: list[int] = []
    before: int | None = None
    while posts := alice.ask(wire.Earlier, before=before)["posts"]:
        read[:0] = [post.seq for post in posts]
        before = read[0]
    assert read == said
    assert unheard not in read
    assert [post.seq for post in alice.ask(wire.Earlier, before=said[3])["posts"]] == said[:3]
    assert alice.ask(wire.Earlier, before=0)["posts"] == []
