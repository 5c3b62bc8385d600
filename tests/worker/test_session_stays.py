"""The sessions of a user hear of their joins and leaves, wherever they were ordered."""

from __future__ import annotations

from typing import Any

from chatnet.entries import Draft, More
from chatnet.wire import session as wire


def stay(worker: Any, kind: str, user: str, room: str, to: str = "") -> Draft:
    """Return what a user orders on another worker."""
    worker.more += 1
    return Draft(kind, user, room, "", b"%016d" % worker.more, 0, More(to=to) if to else None)


def chatting(worker: Any, name: str) -> Any:
    client = worker.client(name)
    client.chat()
    worker.settle()
    return client


def test_joins_and_leaves_are_told_to_all_sessions_that_chat(worker: Any) -> None:
    """Also to the one that ordered them, whose answer may be lost. To no others, nor to who hears nothing."""
    alice, laptop, bob = (chatting(worker, name) for name in ("alice", "alice", "bob"))
    silent = worker.client("alice")
    joined = alice.join("#Tea ")["seq"]
    left = laptop.leave("#tea")["seq"]
    told = [("#tea", joined, True), ("#tea", left, False)]
    assert [one.hears.stays for one in (alice, laptop, bob, silent)] == [told, told, [], []]


def test_what_is_ordered_on_another_worker_is_told_in_order_with_posts(worker: Any) -> None:
    """What is said there before the stay is told comes before it; behind it comes the rest."""
    alice, came = chatting(worker, "alice"), []
    worker.client("bob").join("#tea")
    locator = alice.hears
    locator.posts = type("Posts", (list,), {"append": lambda _, post: came.append(post.text)})()
    locator.stays = type("Stays", (list,), {"append": lambda _, stay: came.append(stay[2])})()

    def said(text: str) -> Draft:
        worker.more += 1
        return Draft("post", "bob", "#tea", text, b"%016d" % worker.more)

    worker.commit(
        *(said("unheard"), stay(worker, "join", "alice", "#tea"), said("heard"), said("too")),
        *(stay(worker, "leave", "alice", "#tea"), said("unheard")),
    )
    assert came == [True, "heard", "too", False]


def test_what_others_do_is_an_event_and_told_once(worker: Any) -> None:
    """A room that one makes is heard of, too; and that whom one follows is forgotten is told to everybody."""
    alice, bob = chatting(worker, "alice"), worker.client("bob")
    alice.ask(wire.Create, key=alice.key(), room="&ops", history="all")
    alice.join("bob")
    alice.hears.stays.clear()
    alice.ask(wire.Invite, key=alice.key(), room="&ops", to="bob")
    bob.join("&ops")
    alice.ask(wire.Remove, key=alice.key(), room="&ops", to="bob", reason=None)
    worker.commit(stay(worker, "forget", "bob", "bob", to="bob"))
    assert [one.kind for one in alice.hears.posts] == ["create", "invite", "remove", "forget"]
    assert alice.hears.stays == []


def test_who_catches_up_hears_no_more_of_bans_than_who_was_there(worker: Any) -> None:
    """That somebody is kept out is for the moderators alone, though it ends a stay in the room."""
    alice, carol, there, bob = (worker.client(name) for name in ("alice", "carol", "there", "bob"))
    alice.ask(wire.Create, key=alice.key(), room="&ops", history="all")
    for name, member in (("carol", carol), ("there", there), ("bob", bob)):
        alice.ask(wire.Invite, key=alice.key(), room="&ops", to=name)
        member.join("&ops")
    there.chat()
    cursor = worker.log.window.head
    alice.ask(wire.Ban, key=alice.key(), room="&ops", to="bob", until=None, mute=False, reason=None)
    alice.ask(wire.Post, key=alice.key(), text="heard", room="&ops")
    for late in (alice, carol):
        late.chat(cursor)
    heard = [[one.kind for one in client.hears.posts] for client in (alice, carol, there)]
    assert heard == [["ban", "post"], ["post"], ["post"]]


def test_who_does_not_read_is_told_once_that_there_was_something(worker: Any) -> None:
    """Nothing waits for them meanwhile, however often rooms are joined and left."""
    alice, slow = chatting(worker, "alice"), chatting(worker, "alice")
    session = list(worker.sessions.open)[-1]
    slow.server.full = True
    session.filled()
    for room in ("#tea", "#coffee"):
        alice.join(room)
    alice.leave("#tea")
    assert len(alice.hears.stays) == 3
    assert slow.hears.stays == []
    assert worker.sessions.uninformed == {session}
    for _ in range(2):
        slow.server.full = False
        session.drained()
        worker.settle()
        assert slow.hears.stays == [("", 0, False)]
    slow.server.full = True
    alice.join("#tea")
    slow.cut()
    assert not worker.sessions.uninformed
