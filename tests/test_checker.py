"""The checker: a history that keeps every promise passes, and each way to break one is found."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
import toy_kind

from chatnet.entries import Entry, More
from chatnet.errors import CursorAhead
from chatnet.kinds import SAID, KindName
from chatnet.testing import checker_accounts
from chatnet.testing.checker import PROMISES, check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    ChatEnded,
    CursorMoved,
    Ended,
    EpochBegun,
    Event,
    LeaseLost,
    LeaseTaken,
    LoggedIn,
    MarksRead,
    MarkTold,
    PageRead,
    Refused,
    Repeated,
    Sample,
    Sent,
    Started,
    Stopped,
    Told,
    Took,
    line,
    merge,
    read,
)


def key(number: int) -> bytes:
    return b"%016d" % number


@dataclass
class Story:
    """A history and a log that are made by hand. Each event takes a second."""

    events: list[Event] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    settled: bool = True
    alone: bool = True
    unsynced: bool = False

    def add(self, kind: type[Event], client: str = "bob/1", /, **fields: Any) -> None:
        """Add an event. Whom it logs in is answered at once, unless ``asked`` says otherwise."""
        time = float(len(self.events))
        asked = {"asked": time} if kind is LoggedIn else {}
        self.events.append(kind(time=time, client=client, **(asked | fields)))

    def append(self, kind: KindName, user: str, room: str, text: str, number: int) -> Entry:
        """Append an entry to the log."""
        entry = Entry(len(self.log) + 1, 1000 + len(self.log), kind, user, room, text, key(number))
        self.log.append(entry)
        return entry

    def arrive(self, user: str) -> None:
        """Let a user log in for the first time."""
        self.add(Started, f"{user}/1")
        self.append("register", user, user, "sha256:…", 1000 + len(self.log))
        self.add(LoggedIn, f"{user}/1", how="first")

    def send(self, client: str, kind: KindName, what: str, number: int) -> None:
        """Make a draft; ``what`` is its text or room."""
        room, text = ("", what) if kind in SAID else (what, "")
        self.add(Sent, client, key=key(number), kind=kind, room=room, text=text)

    def draft(self, client: str, kind: KindName, what: str, number: int) -> Entry:
        """Make a draft, and let it be appended and acknowledged."""
        self.send(client, kind, what, number)
        user = client.partition("/")[0]
        room, text = (user, what) if kind in SAID else (what, "")
        entry = self.append(kind, user, room, text, number)
        self.add(Acknowledged, client, key=key(number), seq=entry.seq)
        return entry

    def broken(self) -> list[str]:
        """Return the broken promises, as sentences."""
        return check(Evidence(self.events, self.log, self.settled, self.alone, False, self.unsynced))

    def without(self, *seqs: int) -> list[Entry]:
        """Return the log without some entries, dense again."""
        left = [entry for entry in self.log if entry.seq not in seqs]
        return [renumbered(entry, seq) for seq, entry in enumerate(left, 1)]


def renumbered(entry: Entry, seq: int) -> Entry:
    return Entry(seq, entry.time, entry.kind, entry.user, entry.room, entry.text, entry.key)


@pytest.fixture
def good() -> Story:
    """Return a story in which Bob follows Alice, and reads; the log has 8 entries."""
    story = Story()
    story.add(LeaseTaken, "master 1")
    story.add(EpochBegun, "master 1", epoch=1)
    story.arrive("alice")  # 1
    story.arrive("bob")  # 2
    said = story.draft("alice/1", "post", "before you came", 10)  # 3
    story.draft("bob/1", "join", "alice", 20)  # 4
    story.add(ChatBegun, reader=1, cursor=4, newest=[said])
    for number, text in ((11, "one"), (12, "two #chess")):  # 5, 6
        story.add(Took, reader=1, entry=story.draft("alice/1", "post", text, number))
    own = story.draft("bob/1", "post", "and I", 21)  # 7
    story.add(Took, reader=1, entry=own)
    story.draft("alice/1", "join", "#chess", 13)  # 8
    story.add(CursorMoved, reader=1, cursor=8)
    story.add(PageRead, room="alice", before=None, posts=[story.log[4], story.log[5]])
    story.add(PageRead, room="alice", before=5, posts=[said])
    story.send("bob/1", "join", "noname", 22)
    story.add(Refused, key=key(22), code="NO_SUCH_ROOM")
    story.add(Sample, "worker 1", measure="unsent bytes", value=5, most=5)
    return story


def test_a_good_history_breaks_nothing(good: Story) -> None:
    """Every promise examines it and finds no fault."""
    assert good.broken() == []
    assert [promise.__name__ for promise in PROMISES] == [
        "durable",
        "exactly_once",
        "one_order",
        "no_gaps",
        "bounded_memory",
        "no_split_brain",
        "confidential",
        "taken_back",
        "posts_are_kept_for_their_time",
        "nobody_logs_in_again",
        "new_secrets_end_others",
        "ended_sessions_do_nothing",
        "who_is_shut_out_does_nothing",
        "codes_are_used_as_often_as_they_say",
        "guests_come_and_go",
        "what_waits_for_a_guest_reaches_nobody_else",
        "no_mark_falls",
        "each_line_is_answered_once",
        "each_line_is_heard_once",
        "who_is_somebody_else_misses_nothing",
        "answers_are_behind_what_they_follow",
        "histories_have_no_gap",
        "who_types_is_told_to_members",
    ]


def only(story: Story, promise: str, *words: str) -> None:
    """Check that only ``promise`` is broken, in a sentence with these words."""
    found = [how for how in story.broken() if how.startswith(f"{promise}: ")]
    assert any(all(word in how for word in words) for how in found), story.broken()


# ---- durable ----


def test_an_acknowledged_draft_that_is_not_in_the_log(good: Story) -> None:
    """A loss of power cut the log's end off."""
    del good.log[6:]
    only(good, "durable", "the post 30303030 of bob/1", "acknowledged at 7", "the log ends at 6")


def test_an_acknowledgement_of_what_was_never_sent(good: Story) -> None:
    good.add(Acknowledged, key=key(99), seq=3)
    only(good, "durable", "bob/1", "which it never sent")


@pytest.mark.parametrize(
    "changed",
    [{"text": "other"}, {"user": "mallory"}, {"key": key(98)}, {"kind": "leave"}, {"room": "#other"}],
)
def test_an_acknowledged_draft_that_became_something_else(good: Story, changed: dict[str, Any]) -> None:
    """At its seq there is another user's entry, another room, or another text."""
    entry = good.log[3]
    fields = {name: getattr(entry, name) for name in ("seq", "time", "kind", "user", "room", "text", "key")}
    good.log[3] = Entry(**{**fields, **changed})
    only(good, "durable", "the join", "acknowledged at 4, where the log has")


def test_an_entry_that_nobody_sent(good: Story) -> None:
    good.append("post", "alice", "alice", "out of thin air", 99)
    only(good, "durable", "nobody ever sent")


def test_an_entry_that_differs_from_what_was_sent(good: Story) -> None:
    """It is a fault even if nobody was told that the entry is durable."""
    good.send("alice/1", "post", "mine", 30)
    good.append("post", "alice", "alice", "not mine", 30)
    only(good, "durable", "nobody ever sent")


def test_what_was_seen_and_is_not_in_the_log(good: Story) -> None:
    """A reader saw it live, among the newest, or in a page."""
    ghost = Entry(99, 0, "post", "alice", "alice", "boo", key(99))
    good.add(Took, reader=1, entry=ghost)
    only(good, "durable", "bob/1 saw", "boo")
    good.events[-1] = PageRead(time=99.0, client="bob/1", room="alice", before=None, posts=[ghost])
    only(good, "durable", "bob/1 saw", "boo")
    good.events[-1] = ChatBegun(time=99.0, client="bob/1", reader=2, cursor=8, newest=[ghost])
    only(good, "durable", "bob/1 saw", "boo")


def test_a_log_with_a_hole(good: Story) -> None:
    good.log = [renumbered(entry, entry.seq + (entry.seq > 7)) for entry in good.log]
    only(good, "durable", "the log has 9 where 8 should be")


def test_the_entries_of_others_who_recorded_nothing(good: Story) -> None:
    """They are no fault where others are expected; what a recorded user never sent is one."""
    good.append("register", "mallory", "mallory", "sha256:…", 2000)
    good.append("post", "mallory", "mallory", "mine", 2001)
    good.alone = False
    assert good.broken() == []
    good.append("post", "bob", "bob", "not mine", 2002)
    assert any("nobody ever sent" in violation for violation in good.broken())


def test_a_level_is_the_clusters_and_only_rises(good: Story) -> None:
    """Nobody needs to have sent it."""
    good.append("level", "chatnet", "chatnet", "2", 2003)
    assert good.broken() == []
    good.append("level", "chatnet", "chatnet", "2", 2004)
    only(good, "durable", "raises no level")
    good.log.pop()
    good.append("level", "alice", "alice", "3", 2005)
    only(good, "durable", "raises no level")


def test_a_user_registered_twice_or_by_nobody(good: Story) -> None:
    good.append("register", "bob", "bob", "sha256:…", 98)
    only(good, "durable", "bob was registered at 9")
    good.log[-1] = Entry(9, 9000, "register", "eve", "eve", "sha256:…", key(98))
    only(good, "durable", "eve was registered at 9")


def test_an_entry_of_a_user_who_is_not_registered(good: Story) -> None:
    good.log = good.without(2)
    only(good, "durable", "is of a user who was not registered before")


# ---- exactly once ----


def test_a_key_that_is_in_the_log_twice(good: Story) -> None:
    good.append("post", "alice", "alice", "one", 11)
    only(good, "exactly_once", "of alice is in the log more than once: at 5, 9")


def test_the_same_key_of_two_users_is_fine(good: Story) -> None:
    """Keys are unique per user."""
    good.add(Took, reader=1, entry=good.draft("alice/1", "post", "chance", 20))
    assert good.broken() == []


def test_two_acknowledgements_with_different_seqs(good: Story) -> None:
    good.add(Acknowledged, "alice/1", key=key(11), seq=6)
    only(good, "exactly_once", "acknowledged at different seqs: [5, 6]")


def test_a_refused_draft_that_is_in_the_log(good: Story) -> None:
    good.add(Refused, "alice/1", key=key(11), code="POISON")
    only(good, "exactly_once", "was refused (POISON), and is in the log at 5")
    only(good, "exactly_once", "both acknowledged and refused")


def test_a_draft_that_was_never_answered(good: Story) -> None:
    """It counts when the run has settled, unless its client was ended by its user or gave up."""
    good.send("alice/1", "post", "hello?", 30)
    only(good, "exactly_once", "of alice/1", "was never answered")
    assert replace(good, settled=False).broken() == []
    good.add(Stopped, "alice/1")
    assert good.broken() == []
    good.events[-1] = Ended(time=99.0, client="alice/1", sentence="No cluster was found at m:1.")
    assert good.broken() == []


def test_a_post_that_was_delivered_again(good: Story) -> None:
    """The client drops it, but a worker must not send it."""
    good.add(Repeated, reader=1, seq=5)
    only(good, "exactly_once", "reader 1 of bob/1 was given 5 again")


@pytest.mark.parametrize(
    ("kind", "what", "code"),
    [
        ("post", "fine", "POISON"),
        ("post", "fine", "KEY_REUSED"),
        ("join", "#chess", "ALREADY_JOINED"),
        ("join", "alice", "NO_SUCH_ROOM"),
        ("join", "#new", "NO_SUCH_ROOM"),
        ("join", "alice", "OWN_ROOM"),
        ("join", "alice", "BAD_ROOM"),
        ("leave", "alice", "NOT_JOINED"),
    ],
)
def test_a_refusal_for_no_reason(good: Story, kind: KindName, what: str, code: str) -> None:
    """Bob is in Alice's room and in no other."""
    good.send("bob/1", kind, what, 30)
    good.add(Refused, key=key(30), code=code)
    only(good, "exactly_once", "was refused for no reason", code)


@pytest.mark.parametrize(
    ("kind", "what", "code"),
    [
        ("post", "", "BAD_TEXT"),
        ("join", "alice", "ALREADY_JOINED"),
        ("join", "eve", "NO_SUCH_ROOM"),
        ("join", "bob", "OWN_ROOM"),
        ("join", "no room", "BAD_ROOM"),
        ("leave", "#chess", "NOT_JOINED"),
        ("leave", "bob", "NOT_JOINED"),
    ],
)
def test_a_refusal_with_good_reason(good: Story, kind: KindName, what: str, code: str) -> None:
    good.send("bob/1", kind, what, 30)
    good.add(Refused, key=key(30), code=code)
    assert good.broken() == []


def test_a_refusal_is_judged_by_what_was_true_some_time_then(good: Story) -> None:
    """Eve registers while Bob's join is under way: both answers are right."""
    good.send("bob/1", "join", "eve", 30)
    good.arrive("eve")
    good.add(Refused, key=key(30), code="NO_SUCH_ROOM")
    assert good.broken() == []
    good.draft("eve/1", "post", "I am here", 50)
    good.send("bob/1", "join", "eve", 31)
    good.add(Refused, key=key(31), code="NO_SUCH_ROOM")
    only(good, "exactly_once", "('eve') was refused for no reason: NO_SUCH_ROOM")


# ---- one order ----


def test_a_reader_whose_seqs_fall(good: Story) -> None:
    took = [at for at, event in enumerate(good.events) if isinstance(event, Took)]
    good.events[took[0]], good.events[took[1]] = good.events[took[1]], good.events[took[0]]
    only(good, "one_order", "reader 1 of bob/1 was given 5 after 6")


def test_a_reader_that_is_given_what_lies_before_its_cursor(good: Story) -> None:
    begun = next(event for event in good.events if isinstance(event, ChatBegun))
    begun.cursor = 5
    only(good, "one_order", "was given 5 after 5")


def test_the_drafts_of_a_client_in_another_order(good: Story) -> None:
    """This happens if a draft is sent again after newer ones."""
    good.send("alice/1", "post", "first", 30)
    good.send("alice/1", "post", "second", 31)
    for text, number in (("second", 31), ("first", 30)):
        entry = good.append("post", "alice", "alice", text, number)
        good.add(Acknowledged, "alice/1", key=key(number), seq=entry.seq)
        good.add(Took, reader=1, entry=entry)
    only(good, "one_order", "is in the log at 10, and what alice/1 sent after it at 9")


@pytest.mark.parametrize("kind", ["forget", "secret"])
def test_a_post_that_overtakes_what_its_client_asked_for_before(good: Story, kind: KindName) -> None:
    """A draft that is made once the secret was proven has its place in the row, too."""
    good.add(Sent, "alice/1", key=key(30), kind=kind, room="", text="")
    good.add(Took, reader=1, entry=good.draft("alice/1", "post", "meanwhile", 31))
    asked = good.append(kind, "alice", "alice", "", 30)
    good.add(Acknowledged, "alice/1", key=key(30), seq=asked.seq)
    assert any("one_order" in broken and "what alice/1 sent after it" in broken for broken in good.broken())


def test_what_can_be_in_no_log_is_refused_whatever_the_log_has(good: Story) -> None:
    """It does not wait for what was sent before it: here alice is forgotten only after that."""
    good.add(Sent, "alice/1", key=key(30), kind="forget", room="", text="")
    good.add(Sent, "alice/1", key=key(31), kind="post", room="bob", text="hi")
    good.add(Refused, "alice/1", key=key(31), code="NOT_YOURS")
    asked = msgspec.structs.replace(good.append("forget", "alice", "alice", "", 30), more=More(to="alice"))
    good.log[-1] = asked
    good.add(Acknowledged, "alice/1", key=key(30), seq=asked.seq)
    assert not any("for no reason" in broken for broken in good.broken())


@pytest.mark.parametrize("is_forgotten", [True, False])
def test_who_is_forgotten_may_nothing_any_more(good: Story, is_forgotten: bool) -> None:
    """Neither may they what the checker says nothing else about."""
    if is_forgotten:
        good.append("forget", "chatnet", "chatnet", "", 30)
        good.log[-1] = msgspec.structs.replace(good.log[-1], more=More(to="alice"))
    good.add(Sent, "alice/1", key=key(31), kind="secret", room="", text="")
    good.add(Refused, "alice/1", key=key(31), code="FORGOTTEN")
    assert any("for no reason" in broken for broken in good.broken()) is not is_forgotten


@pytest.mark.parametrize("seen", ["out", "", "something else"])
def test_the_words_of_an_order_go_with_who_is_forgotten(good: Story, seen: str) -> None:
    """Others may have seen them before; but none that were never said."""
    good.append("role", "chatnet", "#chess", "owner", 29)
    good.log[-1] = msgspec.structs.replace(good.log[-1], more=More(to="alice"))
    good.draft("bob/1", "join", "#chess", 28)
    good.add(Sent, "alice/1", key=key(30), kind="remove", room="#chess", text="out", to="bob")
    removed = msgspec.structs.replace(good.append("remove", "alice", "#chess", "", 30), more=More(to="bob"))
    good.log[-1] = removed
    good.add(Acknowledged, "alice/1", key=key(30), seq=removed.seq)
    good.append("forget", "chatnet", "", "", 31)
    good.log[-1] = msgspec.structs.replace(good.log[-1], more=More(to="alice"))
    good.add(Took, "bob/1", reader=1, entry=msgspec.structs.replace(removed, text=seen))
    wrong = [broken for broken in good.broken() if " saw " in broken]
    assert bool(wrong) is (seen == "something else"), wrong


def test_a_refusal_that_was_taken_back(good: Story) -> None:
    """Bob's join of Eve was refused, and its answer lost; when it is sent again, Eve is there."""
    good.send("bob/1", "join", "eve", 30)
    good.add(Took, reader=1, entry=good.draft("bob/1", "post", "sent after it", 31))
    good.arrive("eve")
    entry = good.append("join", "bob", "eve", "", 30)
    good.add(Acknowledged, key=key(30), seq=entry.seq)
    only(good, "one_order", "the join", "is in the log at 11, and what bob/1 sent after it at 9")


def test_an_entry_before_what_its_author_knew(good: Story) -> None:
    """Somebody was told of seq 10 before another user made the draft that got seq 9."""
    late = Entry(9, 9000, "post", "alice", "alice", "late", key(31))
    good.send("bob/1", "post", "early", 30)
    good.log.append(late)
    entry = good.append("post", "bob", "bob", "early", 30)
    good.add(Acknowledged, key=key(30), seq=entry.seq)
    good.send("alice/1", "post", "late", 31)
    good.add(Acknowledged, "alice/1", key=key(31), seq=9)
    only(good, "one_order", "is in the log at 9, though 10 was known when it was sent")


def test_a_log_whose_time_goes_back(good: Story) -> None:
    entry = good.log[-1]
    good.log[-1] = Entry(entry.seq, 0, entry.kind, entry.user, entry.room, entry.text, entry.key)
    only(good, "one_order", "the entry 8 is older than the one before it")


def test_a_page_out_of_order(good: Story) -> None:
    good.add(PageRead, room="alice", before=None, posts=[good.log[5], good.log[4]])
    only(good, "one_order", "was given a page out of order: [6, 5]")


# ---- no gaps ----


def test_a_post_that_a_reader_was_never_given(good: Story) -> None:
    """The reader's cursor has passed it."""
    good.events = [event for event in good.events if not (isinstance(event, Took) and event.entry.seq == 6)]
    only(good, "no_gaps", "reader 1 of bob/1, from 4 to 8, was never given 6")


def test_what_is_heard_is_looked_for_whatever_its_kind(good: Story) -> None:
    """A reader who was never given an entry of a new kind that is heard, as its row says, is found."""
    with toy_kind.there(toy_kind.SHOUT):
        good.draft("alice/1", "shout", "hear me", 30)
        only(good, "no_gaps", "from 4 to 9, was never given 9")
        good.add(Took, reader=1, entry=good.log[8])
        assert good.broken() == []


def test_a_reader_that_did_not_reach_the_head(good: Story) -> None:
    """When the run has settled, an open chat must have everything; one that ended need not."""
    good.draft("alice/1", "post", "last", 30)
    only(good, "no_gaps", "from 4 to 9, was never given 9")
    assert replace(good, settled=False).broken() == []
    good.add(ChatEnded, reader=1)
    assert good.broken() == []


def test_a_post_that_the_reader_may_not_see(good: Story) -> None:
    """Alice must not get what a stranger says."""
    good.add(ChatBegun, "alice/1", reader=1, cursor=6, newest=[good.log[2], good.log[4], good.log[5]])
    good.add(Took, "alice/1", reader=1, entry=good.log[6])
    only(good, "confidential", "alice/1 was given what alice may not see: 7")


def test_memberships_count_at_the_seq_of_the_post(good: Story) -> None:
    """What was said before the leave is for the reader, and what is said after it is not."""
    good.draft("bob/1", "leave", "alice", 30)
    good.draft("alice/1", "post", "among us", 31)
    assert good.broken() == []
    good.add(Took, reader=1, entry=good.log[-1])
    only(good, "confidential", "was given what bob may not see: 10")


def test_a_cursor_ahead_of_the_log(good: Story) -> None:
    good.add(CursorMoved, reader=1, cursor=12)
    only(good, "no_gaps", "has the cursor 12, and the log ends at 8")


@pytest.mark.parametrize("newest", [[], [4], [2, 4, 5]])
def test_newest_posts_that_are_wrong(good: Story, newest: list[int]) -> None:
    """The newest are of the reader's rooms at the cursor, whenever they were said."""
    good.add(ChatEnded, reader=1)
    good.add(ChatBegun, reader=2, cursor=7, newest=[good.log[at] for at in newest])
    only(good, "no_gaps", "bob/1 chats from 7 on", "instead of [3, 5, 6, 7]")


def test_newest_posts_are_twenty_at_most(good: Story) -> None:
    for number in range(30, 60):
        good.add(Took, reader=1, entry=good.draft("alice/1", "post", "more", number))
    posts = [entry for entry in good.log if entry.kind == "post"]
    good.add(ChatEnded, reader=1)
    good.add(ChatBegun, reader=2, cursor=38, newest=posts[-20:])
    assert good.broken() == []
    good.events[-1] = ChatBegun(time=99.0, client="bob/1", reader=2, cursor=38, newest=posts[-19:])
    only(good, "no_gaps", "bob/1 chats from 38 on")


def test_newest_posts_that_do_not_fit_a_page_are_fewer(good: Story) -> None:
    for number in range(30, 40):
        good.add(Took, reader=1, entry=good.draft("alice/1", "post", "ä" * 1000, number))
    good.add(ChatEnded, reader=1)
    good.add(ChatBegun, reader=2, cursor=18, newest=good.log[-4:])
    assert good.broken() == []


@pytest.mark.parametrize(("before", "given"), [(None, [2, 5]), (7, [4]), (7, [2, 4]), (6, []), (4, [4])])
def test_a_page_with_a_gap(good: Story, before: int | None, given: list[int]) -> None:
    """A page ends right before ``before``, and has no hole."""
    good.add(PageRead, room="alice", before=before, posts=[good.log[at] for at in given])
    only(good, "no_gaps", "alice before")


def test_who_is_told_that_the_log_was_put_back(good: Story) -> None:
    """It was not."""
    good.add(Told, sentence=CursorAhead.sentence.format(cursor=7))
    only(good, "no_gaps", "bob/1 was told at", "that the log was put back, and it was not")


# ---- bounded memory, one primary, one login ----


def test_more_than_a_process_may_keep(good: Story) -> None:
    good.add(Sample, "worker 1", measure="unsent bytes", value=6_000, most=5_999)
    only(good, "bounded_memory", "worker 1 had 6,000 unsent bytes", "may have 5,999")


def test_two_holders_of_the_lease(good: Story) -> None:
    good.add(LeaseTaken, "master 2")
    only(good, "no_split_brain", "master 2 took the lease", "while master 1 held it")


def test_a_command_without_the_lease(good: Story) -> None:
    good.add(LeaseLost, "master 1")
    good.add(EpochBegun, "master 1", epoch=2)
    only(good, "no_split_brain", "master 1 commands", "without the lease")


def test_an_epoch_that_does_not_rise(good: Story) -> None:
    good.add(LeaseLost, "master 1")
    good.add(LeaseTaken, "master 2")
    good.add(EpochBegun, "master 2", epoch=1)
    only(good, "no_split_brain", "master 2 commands in epoch 1 after epoch 1")


def test_one_master_after_the_other_is_fine(good: Story) -> None:
    good.add(LeaseLost, "master 1")
    good.add(LeaseTaken, "master 2")
    good.add(EpochBegun, "master 2", epoch=2)
    assert good.broken() == []


def test_a_second_login(good: Story) -> None:
    good.add(LoggedIn, how="resumed")
    assert good.broken() == []
    good.add(LoggedIn, how="again")
    only(good, "nobody_logs_in_again", "bob/1 had to log in again")


def set_secret(story: Story, client: str, number: int) -> None:
    """Set a new secret of the user, by this client's connection."""
    story.send(client, "secret", "", number)
    seq = story.append("secret", client.partition("/")[0], "", "$argon2id$…", number).seq
    story.add(Acknowledged, client, key=key(number), seq=seq)


def test_who_goes_on_after_a_new_secret(good: Story) -> None:
    """A connection from before the secret goes on, though another client has set a new one."""
    good.add(ChatEnded, reader=1)
    good.add(Started, "bob/2")
    good.add(LoggedIn, "bob/2", how="resumed")
    set_secret(good, "bob/2", 900)
    good.draft("bob/2", "post", "it is me", 901)
    good.draft("bob/1", "post", "and me", 902)
    seq = len(good.log)
    only(good, "new_secrets_end_others", f"bob/1 did what is in the log at {seq}, and bob/2 had set")


def test_who_comes_in_again_after_a_new_secret_is_fine(good: Story) -> None:
    """They have shown the new secret, so they need not be turned away."""
    good.add(ChatEnded, reader=1)
    good.add(Started, "bob/2")
    good.add(LoggedIn, "bob/2", how="resumed")
    set_secret(good, "bob/2", 900)
    good.add(LoggedIn, "bob/1", how="again")
    good.draft("bob/1", "post", "me again", 902)
    assert good.broken() == []


def test_a_client_that_is_turned_away(good: Story) -> None:
    """A client that finds nobody may give up; others must not be turned away."""
    good.add(Ended, sentence=f"{checker_accounts.NOBODY_FOUND} at m:1.")
    assert good.broken() == []
    good.add(Ended, sentence="The name bob is taken.")
    only(good, "nobody_logs_in_again", "bob/1 gave up", "The name bob is taken.")


# ---- no_mark_falls ----


def mark(story: Story, asked: float, *marks: tuple[str, int], client: str = "bob/1") -> None:
    """Let a client get its user's marks."""
    story.add(MarksRead, client, asked=asked, marks=list(marks))


def test_a_mark_that_falls(good: Story) -> None:
    """What was told by either is not told smaller to any client of the user."""
    mark(good, 30.0, ("alice", 5), ("bob", 7))
    good.add(MarkTold, "bob/2", room="alice", seq=6)
    mark(good, 90.0, ("alice", 6), ("bob", 7), client="bob/2")
    mark(good, 90.0, ("alice", 5), client="alice/1")
    assert good.broken() == []
    mark(good, 91.0, ("alice", 5), ("bob", 7))
    only(good, "no_mark_falls", "bob/1 was told", "alice is read up to 5, after 6")


def test_an_answer_that_was_asked_for_before(good: Story) -> None:
    """What was told while it was under way need not be in it."""
    good.add(MarkTold, "bob/2", room="alice", seq=6)
    mark(good, good.events[-1].time, ("alice", 5))
    assert good.broken() == []


def test_ones_own_room_is_always_there(good: Story) -> None:
    """A worker that lags may not know of another room yet, but of that one."""
    mark(good, 30.0, ("alice", 5), ("bob", 7))
    mark(good, 90.0, ("bob", 7))
    assert good.broken() == []
    mark(good, 91.0)
    only(good, "no_mark_falls", "bob is read up to 0, after 7")


def test_a_mark_goes_with_its_room(good: Story) -> None:
    """Who comes back begins again there."""
    mark(good, 30.0, ("alice", 5))
    good.draft("bob/1", "leave", "alice", 23)
    good.draft("bob/1", "join", "alice", 24)
    mark(good, 90.0, ("alice", 0))
    assert good.broken() == []


def test_marks_go_with_who_is_forgotten(good: Story) -> None:
    """Another client of theirs may ask before it learns of that."""
    mark(good, 30.0, ("bob", 7))
    good.append("forget", "chatnet", "", "", 30)
    mark(good, 90.0)
    only(good, "no_mark_falls", "bob is read up to 0")
    good.log[-1] = msgspec.structs.replace(good.log[-1], more=More(to="bob"))
    assert not [broken for broken in good.broken() if broken.startswith("no_mark_falls")]


def test_a_loss_of_power_may_cost_marks(good: Story) -> None:
    """They are not synced."""
    mark(good, 30.0, ("bob", 7))
    mark(good, 90.0)
    only(good, "no_mark_falls", "bob is read up to 0")
    good.unsynced = True
    assert good.broken() == []


# ---- how a history is kept ----


def test_a_history_survives_as_lines(good: Story) -> None:
    """Everything is read back unchanged, except a torn last line."""
    lines = [line(event) for event in good.events]
    assert read(lines) == good.events
    assert read([*lines[:-1], lines[-1][:-5]]) == good.events[:-1]


def test_histories_are_merged_by_time(good: Story) -> None:
    assert merge(good.events[::2], good.events[1::2]) == good.events
