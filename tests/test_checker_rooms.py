"""The checker, about private rooms, conversations, blocks and taking back: what must not happen is found."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from test_checker import Story, key, only

from chatnet.entries import Entry, More, Ref
from chatnet.kinds import KindName
from chatnet.testing.checker_rooms import comes_not_back
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    CursorMoved,
    LoggedIn,
    Lost,
    PageRead,
    Refused,
    Sent,
    Took,
)


class Rooms(Story):
    """A story with what people do about others."""

    numbers = 100

    def try_to(self, client: str, kind: KindName, room: str = "", **more: Any) -> bytes:
        """Make a draft, and return its key."""
        self.numbers += 1
        text = more.pop("text", "")
        self.add(Sent, client, key=key(self.numbers), kind=kind, room=room, text=text, **more)
        return key(self.numbers)

    def act(self, client: str, kind: KindName, room: str = "", **fields: Any) -> Entry:
        """Make a draft; it is appended and acknowledged."""
        its_key = self.try_to(client, kind, room, **fields)
        user, to, ref = client.partition("/")[0], fields.get("to", ""), fields.get("ref", 0)
        where = "=".join(sorted((user, room[1:]))) if room[:1] == "@" else room or user
        more = More(to=to, ref=Ref(ref, b"12345678") if ref else None) if to or ref else None
        entry = Entry(len(self.log) + 1, 1000, kind, user, where, fields.get("text", ""), its_key, more)
        self.log.append(entry)
        if kind == "redact":
            self.log[ref - 1] = replace(self.log[ref - 1], text="")
        self.add(Acknowledged, client, key=its_key, seq=entry.seq)
        return entry

    def refuse(self, client: str, code: str, kind: KindName, room: str = "", **fields: Any) -> None:
        """Make a draft that is refused."""
        self.add(Refused, client, key=self.try_to(client, kind, room, **fields), code=code)


@pytest.fixture
def ops() -> Rooms:
    """Return a story in which Alice makes a private room, and lets Bob in; Carol and Dan are not in it."""
    story = Rooms()
    for user in ("alice", "bob", "carol", "dan"):  # 1 to 4
        story.arrive(user)
    story.log = [replace(entry, time=1000) for entry in story.log]
    story.act("alice/1", "create", "&ops", text="joined")  # 5
    story.act("alice/1", "post", "&ops", text="before bob")  # 6
    story.act("alice/1", "invite", "&ops", to="bob")  # 7
    story.act("bob/1", "join", "&ops")  # 8
    story.act("alice/1", "post", "&ops", text="for @carol")  # 9
    return story


def test_what_is_right(ops: Rooms) -> None:
    """Members read from when they came, and all may try what is refused to them."""
    ops.add(PageRead, "bob/1", room="&ops", before=None, posts=[ops.log[8]])
    ops.refuse("carol/1", "NO_SUCH_ROOM", "post", "&ops", text="is there anybody?")
    ops.refuse("carol/1", "NO_SUCH_ROOM", "join", "&ops")
    ops.refuse("carol/1", "ROOM_TAKEN", "create", "&ops", text="all")
    ops.refuse("bob/1", "NOT_MODERATOR", "remove", "&ops", to="alice")
    ops.refuse("alice/1", "LAST_OWNER", "leave", "&ops")
    assert ops.broken() == []


def test_a_strangers_delivery(ops: Rooms) -> None:
    """A mention does not lead out of a private room."""
    ops.add(ChatBegun, "carol/1", reader=1, cursor=8, newest=[])
    ops.add(Took, "carol/1", reader=1, entry=ops.log[8])
    only(ops, "confidential", "carol/1 was given what carol may not see: 9")


def test_who_was_removed(ops: Rooms) -> None:
    """The removal itself is for them, and nothing of the room behind it."""
    ops.add(ChatBegun, "bob/1", reader=1, cursor=9, newest=[ops.log[8]])
    ops.add(Took, "bob/1", reader=1, entry=ops.act("alice/1", "remove", "&ops", to="bob"))
    behind = ops.act("alice/1", "post", "&ops", text="he is gone")
    ops.add(CursorMoved, "bob/1", reader=1, cursor=behind.seq)
    assert ops.broken() == []
    ops.events[-1] = Took(time=99.0, client="bob/1", reader=1, entry=behind)
    only(ops, "confidential", "bob/1 was given what bob may not see: 11")
    ops.events[-1] = PageRead(time=99.0, client="bob/1", room="&ops", before=None, posts=[behind])
    only(ops, "confidential", "bob/1 read what bob may not read in &ops: 11")


def test_history_from_before_the_stay(ops: Rooms) -> None:
    """Unless the room shows all of it, in pages and among the newest."""
    ops.add(PageRead, "bob/1", room="&ops", before=None, posts=[ops.log[5], ops.log[8]])
    only(ops, "confidential", "bob/1 read what bob may not read in &ops: 6, 9")
    ops.events[-1] = ChatBegun(time=99.0, client="bob/1", reader=1, cursor=9, newest=[ops.log[5], ops.log[8]])
    only(ops, "confidential", "bob/1 was given what bob may not read: 6")
    ops.log[4] = replace(ops.log[4], text="all")
    ops.events = [
        replace(event, text="all") if getattr(event, "kind", "") == "create" else event
        for event in ops.events
    ]
    assert ops.broken() == []


def test_an_error_that_tells_of_a_room(ops: Rooms) -> None:
    ops.refuse("carol/1", "NOT_MODERATOR", "invite", "&ops", to="dan")
    only(ops, "confidential", "NOT_MODERATOR, which tells of &ops")


def test_a_conversation_is_for_two(ops: Rooms) -> None:
    said = ops.act("alice/1", "post", "@bob", text="only you, not @carol")
    ops.add(PageRead, "bob/1", room="@alice", before=None, posts=[said])
    assert ops.broken() == []
    ops.add(PageRead, "carol/1", room="alice=bob", before=None, posts=[said])
    only(ops, "confidential", "carol/1 read what carol may not read in alice=bob: 10")


def test_whom_somebody_blocks_mentions_them_in_vain(ops: Rooms) -> None:
    """What was said before is given, and what is said after it ends."""
    ops.act("carol/1", "block", to="dan")  # 10
    unheard = ops.act("dan/1", "post", text="hear me, @carol")  # 11
    ops.act("carol/1", "unblock", to="dan")  # 12
    heard = ops.act("dan/1", "post", text="and now, @carol?")  # 13
    ops.add(ChatBegun, "carol/1", reader=1, cursor=13, newest=[heard])
    assert ops.broken() == []
    ops.events[-1] = ChatBegun(time=99.0, client="carol/1", reader=1, cursor=13, newest=[unheard, heard])
    only(ops, "confidential", "carol/1 was given what carol may not read: 11")


# ---- taken back ----


def test_a_text_that_was_taken_back(ops: Rooms) -> None:
    """Whoever has followed the log to there does not give it; what was seen before is no fault."""
    said = ops.log[8]
    ops.add(LoggedIn, "bob/1", how="resumed")
    ops.add(ChatBegun, "bob/1", reader=1, cursor=9, newest=[said])
    ops.add(Took, "bob/1", reader=1, entry=ops.act("alice/1", "redact", ref=9))
    ops.add(PageRead, "bob/1", room="&ops", before=None, posts=[ops.log[8]])
    assert ops.log[8].text == ""
    assert ops.broken() == []
    ops.events[-1] = PageRead(time=99.0, client="bob/1", room="&ops", before=None, posts=[said])
    only(ops, "taken_back", "bob/1 was given the text of 9, which was taken back at 10")
    ops.events.insert(-1, Lost(time=98.0, client="bob/1"))  # another worker may be behind
    assert ops.broken() == []
    ops.events[-1] = ChatBegun(time=99.0, client="bob/1", reader=2, cursor=10, newest=[said])
    only(ops, "taken_back", "bob/1 was given the text of 9, which was taken back at 10")


@pytest.mark.parametrize("room", ["#tea", "&ops", ""])
def test_a_purge_is_told_to_who_may_have_the_texts(ops: Rooms, room: str) -> None:
    """To everybody, wherever they are; of a private room to who is there, and to nobody else."""
    purge = Entry(10, 1000, "purge", "chatnet", room, "", key(50), More(to="bob"))
    ops.log.append(purge)
    ops.add(ChatBegun, "alice/1", reader=1, cursor=9, newest=[ops.log[5], ops.log[8]])
    ops.add(ChatBegun, "dan/1", reader=1, cursor=9, newest=[])
    ops.add(Took, "alice/1", reader=1, entry=purge)
    ops.add(CursorMoved, "dan/1", reader=1, cursor=10)
    untold = ops.broken()
    ops.events[-1] = Took(time=99.0, client="dan/1", reader=1, entry=purge)
    if room == "&ops":
        assert untold == []
        only(ops, "confidential", "dan/1 was given what dan may not see: 10")
    else:
        assert untold == ["no_gaps: reader 1 of dan/1, from 9 to 10, was never given 10"]
        assert ops.broken() == []


def test_a_text_that_comes_back_with_a_backup(ops: Rooms) -> None:
    """In the log that was put back, or in what somebody is given since: what was taken back, or said before a
    purge whose acknowledgement was seen, and nothing else."""
    redacted = ops.act("alice/1", "post", text="redacted")
    purged = ops.act("bob/1", "post", text="purged")
    ops.act("alice/1", "redact", ref=redacted.seq)
    ops.act("dan/1", "purge", to="bob")
    ops.act("bob/1", "post", text="new")
    beside = [replace(entry, text="") if entry == purged else entry for entry in ops.log]
    assert list(comes_not_back(ops.events, beside, 0.0)) == []
    for post in (redacted, purged):
        back = [post if entry.seq == post.seq else entry for entry in beside]
        assert list(comes_not_back(ops.events, back, 0.0)) == [
            f"the log that was put back has the texts of {post.seq}, which were taken back"
        ]
        took = [*ops.events, Took(time=99.0, client="carol/1", reader=1, entry=post)]
        given = f"carol/1 was given the text of {post.seq} again, which was taken back"
        assert list(comes_not_back(took, beside, 98.0)) == [given]
        assert list(comes_not_back(took, beside, 99.0)) == []


def test_a_text_that_nobody_said_in_place_of_one_that_was_taken_back(ops: Rooms) -> None:
    ops.act("alice/1", "redact", ref=9)
    ops.add(PageRead, "bob/1", room="&ops", before=None, posts=[replace(ops.log[8], text="other")])
    only(ops, "durable", "bob/1 saw", "other")


# ---- what the log should not have taken ----


def test_what_should_have_been_refused(ops: Rooms) -> None:
    """Each of these stands in the log, and should not."""
    for doing in (
        ("carol/1", "post", "&ops", {"text": "let me in"}),
        ("carol/1", "create", "&ops", {"text": "joined"}),
        ("bob/1", "invite", "&ops", {"to": "carol"}),
        ("bob/1", "redact", "", {"ref": 9}),
        ("alice/1", "redact", "", {"ref": 9, "check_of": 6}),
        ("alice/1", "role", "", {"to": "bob", "text": "admin"}),
    ):
        client, kind, room, fields = doing
        before = list(ops.events), list(ops.log)
        entry = ops.act(client, kind, room, **fields)
        only(ops, "durable", f"Entry(seq={entry.seq}", "should have been refused")
        ops.events, ops.log = before


def test_who_made_a_room_and_left_it_was_there(ops: Rooms) -> None:
    """As all were whom somebody let in: moderators may order about them; about nobody else."""
    ops.act("alice/1", "role", "&ops", to="bob", text="owner")
    ops.act("alice/1", "leave", "&ops")
    ops.act("bob/1", "unban", "&ops", to="alice")
    ops.refuse("bob/1", "NOT_THERE", "unban", "&ops", to="carol")
    assert ops.broken() == []


def test_an_invitation_is_good_once(ops: Rooms) -> None:
    ops.act("alice/1", "remove", "&ops", to="bob")
    ops.act("bob/1", "join", "&ops")
    only(ops, "durable", "should have been refused: NO_SUCH_ROOM")


@pytest.mark.parametrize(
    ("order", "code"), [("mute", "MUTED"), ("ban", "NO_SUCH_ROOM"), ("remove", "NO_SUCH_ROOM")]
)
def test_a_refusal_needs_its_reason(ops: Rooms, order: KindName, code: str) -> None:
    """The same refusal is right behind the order, and wrong before it."""
    ops.refuse("bob/1", code, "post", "&ops", text="may I?")
    only(ops, "exactly_once", f"was refused for no reason: {code}")
    del ops.events[-2:]
    order_taken = ops.act("alice/1", order, "&ops", to="bob")
    ops.refuse("bob/1", code, "post", "&ops", text="may I?")
    assert order_taken.seq == 10
    assert ops.broken() == []
    ops.act("bob/1", "post", "&ops", text="I am here still")
    only(ops, "durable", f"should have been refused: {code}")
