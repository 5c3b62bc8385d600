"""How workers append to the log, follow it without gaps or repeats, and read it."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import pytest
from master.in_memory import EPOCH, Master
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry
from chatnet.errors import BadRequest, CursorAhead, InternalFailure, NoSuchRoom, PrimarysOwn
from chatnet.kinds import CLUSTER
from chatnet.limits import LIMITS, PAGE
from chatnet.log import Refused
from chatnet.marks import MOST_MARKS, UserMark, used
from chatnet.master.log_server import MOST_READS
from chatnet.reads import AccountOf, CursorAt, Feed, Head, History, Newest, Question, Rooms, SnapshotOf
from chatnet.telemetry import FollowerBehind, FollowerLive
from chatnet.testing.loopback import FULL
from chatnet.wire.arguments import Command, Packed
from chatnet.wire.encode import PING
from chatnet.wire.log import MAX_DRAFTS, Append, Follow, Read, answer_to
from chatnet.wire.marks import KeepMarks

T = TypeVar("T")


class ReadAnything(Command):
    """The command Read of a program that knows other questions."""

    commandName = b"Read"
    arguments = [(b"question", Packed[Any](Any))]
    response = Read.response
    errors = Read.errors


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def fill(master: Master, count: int, text: str = "hello") -> None:
    """Bring ``count`` more entries into the log."""
    start = len(master.log.entries)
    drafts = [Draft("post", "alice", "alice", text, key(start + number)) for number in range(count)]
    if not start:
        drafts[0] = Draft("register", "alice", "alice", "sha256:00", key(0))
    master.log.append(drafts)


def at(master: Master, seq: int) -> dict[str, Any]:
    """Return the cursor at ``seq``, as it travels."""
    log = master.log
    cursor = Cursor.at(log.log_id, log.entries[seq - 1]) if seq else Cursor.beginning(log.log_id)
    return {"cursor": cursor.seq, "check": cursor.check}


def begins(master: Master, seq: int) -> dict[str, Any]:
    """Return the answer to Follow after which the pushes begin at ``seq``."""
    return {**at(master, seq), "level": master.log.level}


def test_appends_are_answered_with_an_outcome_each(master: Master) -> None:
    """An outcome is a seq, or the refusal's code and sentence; a refusal does not affect other drafts."""
    drafts = [
        Draft("register", "alice", "alice", "sha256:00", key(1)),
        Draft("join", "alice", "noname", "", key(2)),
        Draft("post", "alice", "alice", "hello", key(3)),
    ]
    outcomes = master.worker("a").ask(Append, drafts=drafts)["outcomes"]
    assert outcomes == [1, Refused(NoSuchRoom.code, "No such room: noname."), 2]


def test_what_only_the_primary_appends_no_worker_brings(master: Master) -> None:
    """Such a draft is refused whatever its text. Its neighbours are stored, and the level stays."""
    levels = [Draft("level", CLUSTER, CLUSTER, text, key(9)) for text in ("2", "many")]
    register = Draft("register", "alice", "alice", "sha256:00", key(1))
    post = Draft("post", "alice", "alice", "hello", key(2))
    refused = Refused(PrimarysOwn.code, "A level is appended by the primary itself, and by no worker.")
    worker = master.worker("a")
    drafts = [levels[0], register, levels[1], post]
    assert worker.ask(Append, drafts=drafts)["outcomes"] == [refused, 1, refused, 2]
    assert worker.ask(Append, drafts=levels)["outcomes"] == [refused, refused]
    assert (master.log.level, len(master.log.entries)) == (1, 2)


def test_an_append_is_answered_only_once_it_is_durable(master: Master) -> None:
    """It is answered when the log says that it is durable."""
    worker = master.worker("a")
    master.log.held = True
    found = worker.begin(Append, drafts=[Draft("register", "alice", "alice", "x", key(1))])
    master.pass_time(1)
    assert not found
    master.log.let_go()
    master.settle()
    assert found == [{"outcomes": [1]}]


def test_a_worker_appends_one_batch_at_a_time(master: Master) -> None:
    """A worker that sends the next batch before the answer has a bug, which must not fill our memory: its
    link is closed.

    The batch under way is still appended, and others go on.
    """
    worker, other = master.worker("a"), master.worker("b")
    master.log.held = True
    register = [Draft("register", "alice", "alice", "sha256:00", key(1))]
    worker.begin(Append, drafts=register)
    other.begin(Append, drafts=register)
    assert worker.connected
    worker.begin(Append, drafts=[Draft("post", "alice", "alice", "hello", key(2))])
    assert not worker.connected
    master.log.let_go()
    master.settle()
    assert other.ask(Append, drafts=register) == {"outcomes": [1]}
    assert len(master.log.entries) == 1


def test_a_batch_that_failed_is_answered_and_the_next_is_taken(master: Master, logged_failures: Any) -> None:
    """The next batch is taken as after any other answer."""

    def append(drafts: Any) -> Deferred[Any]:
        return fail(ZeroDivisionError())

    worker, good = master.worker("a"), master.log.append
    master.log.append = append  # type: ignore[method-assign]
    draft = Draft("register", "alice", "alice", "sha256:00", key(1))
    (failure,) = worker.begin(Append, drafts=[draft])
    assert failure.check(InternalFailure)
    assert logged_failures.flush(ZeroDivisionError)
    master.log.append = good  # type: ignore[method-assign]
    assert worker.ask(Append, drafts=[draft]) == {"outcomes": [1]}


def test_a_batch_holds_no_more_than_its_answer_can(master: Master) -> None:
    """A larger batch is refused before anything of it is done."""
    drafts = [Draft("leave", "alice", "#tea", "", key(number)) for number in range(MAX_DRAFTS + 1)]
    worker = master.worker("a")
    assert len(worker.ask(Append, drafts=drafts[:-1])["outcomes"]) == MAX_DRAFTS
    (failure,) = worker.begin(Append, drafts=drafts)
    assert failure.check(BadRequest)


def test_a_follower_gets_everything_behind_its_cursor_once_and_in_order(master: Master) -> None:
    """From pages, from the window, then live; the answer precedes the first push; each push has our epoch."""
    fill(master, 1_200)
    master.log.forget()
    fill(master, 50)
    worker = master.worker("a")
    answered: list[tuple[Any, list[int]]] = []
    asked: Deferred[Any] = worker.link.callRemote(Follow, **at(master, 3))
    asked.addCallback(lambda answer: answered.append((answer, worker.hears.seqs)))
    master.settle()
    assert answered == [(begins(master, 3), [])]
    fill(master, 10)
    master.settle()
    assert worker.hears.seqs == list(range(4, 1_261))
    assert set(worker.hears.epochs) == {EPOCH}


def test_a_fresh_follower_begins_shortly_before_the_head(master: Master) -> None:
    """So its window serves clients that reconnect; if the log is short, it begins at the beginning."""
    fill(master, 5)
    assert master.worker("a").ask(Follow) == begins(master, 0)
    fill(master, LIMITS.run_up)
    worker = master.worker("b")
    assert worker.ask(Follow) == begins(master, 5)
    assert worker.hears.seqs == list(range(6, LIMITS.run_up + 6))


def test_a_cursor_ahead_of_the_log_is_refused(master: Master) -> None:
    """The log was put back: the follower is told so at once."""
    fill(master, 5)
    with pytest.raises(CursorAhead, match="put back: what you read at 6 is not in it"):
        master.worker("a").ask(Follow, cursor=6, check=b"8 bytes.")


@pytest.mark.parametrize("seq", [0, 3, 5, 7])
def test_a_cursor_whose_entry_is_gone_is_refused(master: Master, seq: int) -> None:
    """The log was put back and has grown past it: in the window, at its edge, or before it."""
    fill(master, 5)
    master.log.forget()
    fill(master, 2)
    worker = master.worker("a")
    with pytest.raises(CursorAhead):
        worker.ask(Follow, cursor=seq, check=b"elsewhat")
    assert not worker.hears.seqs


def test_live_followers_share_the_bytes(master: Master) -> None:
    """One encoding serves all: each outbox has the same bytes object."""
    workers = [master.worker(id) for id in "ab"]
    for worker in workers:
        worker.ask(Follow, **at(master, 0))
    fill(master, 3)
    one, other = (worker.server.outbox.parts[-1] for worker in workers)
    assert one is other
    master.settle()
    assert [worker.hears.seqs for worker in workers] == [[1, 2, 3], [1, 2, 3]]


def test_a_follower_that_does_not_read_is_not_queued_for(master: Master) -> None:
    """It leaves live while its transport is full; when drained it gets what it missed, each entry once."""
    slow, quick = master.worker("a"), master.worker("b")
    for worker in (slow, quick):
        worker.ask(Follow, **at(master, 0))
    slow.wire.client_transport.pauseProducing()
    for _ in range(200):
        fill(master, 20, "x" * 500)
        master.settle()
    assert slow.server.full
    assert len(slow.wire.server_transport.waiting) < 4 * PAGE.bytes
    assert len(quick.hears.seqs) == 4_000
    slow.wire.client_transport.resumeProducing()
    master.settle()
    assert slow.hears.seqs == quick.hears.seqs == list(range(1, 4_001))


def test_catching_up_stops_at_a_full_transport(master: Master) -> None:
    """A link does not get the whole window into its memory."""
    fill(master, 10_000, "x" * 500)
    slow = master.worker("a")
    found = slow.begin(Follow)
    assert found
    slow = master.worker("b")
    slow.wire.client_transport.pauseProducing()
    slow.link.callRemote(Follow, **at(master, 0))
    master.settle()
    assert slow.server.full
    assert len(slow.wire.server_transport.waiting) < 1_000_000
    slow.wire.client_transport.resumeProducing()
    master.settle()
    assert slow.hears.seqs == list(range(1, 10_001))


def test_a_link_that_is_full_is_followed_once_it_drains(master: Master) -> None:
    """Until then only the answer is added to what it has not read."""
    fill(master, 1_000)
    worker = master.worker("a")
    worker.wire.client_transport.pauseProducing()
    worker.server.outbox.put(PING * (FULL // len(PING) + 1))
    master.settle()
    before = len(worker.wire.server_transport.waiting)
    worker.begin(Follow, **at(master, 0))
    assert len(worker.wire.server_transport.waiting) < before + 100
    worker.wire.client_transport.resumeProducing()
    master.settle()
    assert worker.hears.seqs == list(range(1, 1_001))


def test_who_follows_and_who_fell_behind_is_told(master: Master) -> None:
    """Once when a worker becomes live, and once when it no longer is: its link is full, or lost."""
    fill(master, 5)
    worker = master.worker("a")
    worker.ask(Follow, **at(master, 5))
    name = worker.server.peer()
    assert master.told == [FollowerLive(name, 5)]
    worker.wire.client_transport.pauseProducing()
    while not worker.server.full:
        fill(master, 20, "x" * 500)
        master.settle()
    fill(master, 20)
    assert [type(event) for event in master.told[1:]] == [FollowerBehind]
    worker.wire.client_transport.resumeProducing()
    master.settle()
    head = len(master.log.entries)
    assert master.told[2:] == [FollowerLive(name, head)]
    worker.cut()
    master.settle()
    assert master.told[3:] == [FollowerBehind(name, head)]


def test_following_again_takes_the_place_of_the_first(master: Master) -> None:
    """A worker that begins again on the same link is pushed to once, even while the first still reads."""
    worker = master.worker("a")
    fill(master, 5)
    master.log.forget()
    master.log.reads_held = True
    worker.begin(Follow, **at(master, 0))
    worker.begin(Follow, **at(master, 2))
    master.log.let_go()
    fill(master, 2)
    master.settle()
    assert worker.hears.seqs == [3, 4, 5, 6, 7]


def test_a_lost_follower_is_forgotten(master: Master) -> None:
    """Live, catching up, or before its cursor was looked up: its outbox gets nothing then."""
    fill(master, 5)
    live, behind, fresh = (master.worker(id) for id in "abc")
    live.ask(Follow, **at(master, 0))
    master.log.reads_held = True
    master.log.forget()
    behind.begin(Follow, **at(master, 0))
    master.log.answer_read()
    master.settle()
    fresh.begin(Follow, **at(master, 0))
    for worker in (live, behind, fresh):
        worker.cut()
    master.log.let_go()
    master.settle()
    fill(master, 2)
    assert [worker.server.outbox.parts for worker in (live, behind, fresh)] == [[], [], []]


def test_a_read_that_fails_closes_the_follower(master: Master, logged_failures: Any) -> None:
    """Our bug is logged, and the worker connects afresh, so that it has no hole."""
    fill(master, 5)
    master.log.forget()

    async def page(after: int, upto: int) -> list[Entry]:
        raise ZeroDivisionError

    master.log.page = page  # type: ignore[method-assign]
    worker = master.worker("a")
    worker.begin(Follow, **at(master, 0))
    assert not worker.connected
    assert logged_failures.flush(ZeroDivisionError)


def test_reads_are_the_logs_own(master: Master) -> None:
    """Each is answered by what the log answers, and refused if the log refuses it."""
    fill(master, 3)
    worker = master.worker("a")

    def read(question: Question[T]) -> T:
        return answer_to(question, worker.ask(Read, question=question))

    assert read(Head()) == 3
    assert read(CursorAt(2)) == Cursor(2, at(master, 2)["check"])
    assert read(CursorAt(4)) is None
    account = read(AccountOf("alice"))
    assert account is not None
    assert account.credential == "sha256:00"
    assert read(AccountOf("bob")) is None
    assert read(SnapshotOf("alice", 0, 3)).secret_seq == 1
    assert [post.seq for post in read(Newest("alice", 3))] == [2, 3]
    assert read(Feed("alice", 2, 3)).cursor == 3
    assert [post.seq for post in read(History("alice", 3))] == [2]
    assert read(Rooms("", "")).names == ["alice"]
    with pytest.raises(NoSuchRoom):
        read(History("bob"))


def test_an_unknown_question_is_refused_in_a_sentence(master: Master) -> None:
    """Another release asks it: the link stays, and so do the other reads. Surplus values are ignored."""
    worker = master.worker("a")
    odds: list[Any] = [["Likes", 1], ["History"], ["PageOf", 0, None], [], 7, {}, ["CursorAt", "x"]]
    for odd in odds:
        with pytest.raises(BadRequest, match="the value of “question” is wrong"):
            worker.ask(ReadAnything, question=odd)
    assert answer_to(Head(), worker.ask(ReadAnything, question=["Head", 1, 2])) == 0


def test_pages_keep_no_login_waiting(master: Master) -> None:
    """Each question goes to its own lane: logins do not wait for pages."""
    fill(master, 3)
    worker = master.worker("a")
    master.log.reads_held = True
    pages = [worker.begin(Read, question=History("alice")) for _ in range(MOST_READS + 1)]
    assert len(master.log._reading) == MOST_READS
    logins = [
        worker.begin(Read, question=question)
        for question in (AccountOf("alice"), SnapshotOf("alice", 0, 3), CursorAt(2), Head())
    ]
    assert len(master.log._reading) == MOST_READS + 4
    master.log._reading.pop(0).callback(None)
    master.settle()
    assert len(master.log._reading) == MOST_READS + 4  # the waiting page has begun
    master.log.let_go()
    master.settle()
    assert all(found and not isinstance(found[0], Failure) for found in (*pages, *logins))


def test_users_take_turns(master: Master) -> None:
    """A user with many waiting reads delays another by one; questions without a user have their own turn."""
    fill(master, 3)
    worker = master.worker("a")
    master.log.reads_held = True
    asked: list[Question[Any]] = []
    read = master.log.read

    async def noted(question: Question[T]) -> T:
        asked.append(question)
        return await read(question)

    master.log.read = noted  # type: ignore[method-assign]
    for _ in range(MOST_READS + 20):
        worker.begin(Read, question=Newest("mallory", 3))
    others: list[Question[Any]] = [
        Newest("alice", 3),
        History("bob", None, "carol"),
        History("bob", None, "dave"),
    ]
    for question in others:
        worker.begin(Read, question=question)
    for _ in range(4):
        master.log.answer_read()
        master.settle()
    assert asked[MOST_READS:] == [Newest("mallory", 3), *others]


def test_nothing_is_read_for_a_lost_link(master: Master) -> None:
    """However many reads waited, only those under way are done."""
    fill(master, 3)
    worker = master.worker("a")
    master.log.reads_held = True
    for _ in range(MOST_READS + 20):
        worker.begin(Read, question=Newest("mallory", 3))
    worker.cut()
    reads = 0
    while master.log._reading:
        master.log.answer_read()
        master.settle()
        reads += 1
    assert reads == MOST_READS


def test_an_answer_to_something_else_is_none(master: Master) -> None:
    """The answer of another release is an error for the asker."""
    with pytest.raises(BadRequest, match="the answer to “AccountOf” is wrong"):
        answer_to(AccountOf("alice"), {"answer": msgspec.msgpack.encode("alice")})


def test_a_read_that_our_code_fails_at_is_answered(master: Master, logged_failures: Any) -> None:
    """A sentence answers it; the link stays."""
    master.log.entries = None  # type: ignore[assignment]
    worker = master.worker("a")
    with pytest.raises(InternalFailure):
        worker.ask(Read, question=CursorAt(1))
    assert worker.connected
    assert logged_failures.flush(TypeError)


# ---- marks ----


def test_marks_are_kept_and_told_to_the_other_workers(master: Master) -> None:
    """They get what is news, as it was kept; a worker whose link is full is not told. When a device was used
    is kept, and told to nobody, whoever keeps it."""
    fill(master, 3)
    one, other, full = (master.worker(name) for name in ("a", "b", "c"))
    full.server.full = True
    kept = one.ask(KeepMarks, marks=[UserMark("alice", "alice", 9), UserMark("alice", "#x", 2)])["kept"]
    assert kept == [UserMark("alice", "#x", 2), UserMark("alice", "alice", 3)]
    master.settle()
    assert [one.hears.marks, other.hears.marks, full.hears.marks] == [[], kept, []]
    assert other.ask(KeepMarks, marks=kept)["kept"] == []
    assert one.hears.marks == []
    device = UserMark("alice", used(1), 3)
    assert other.ask(KeepMarks, marks=[device])["kept"] == [device]
    server: Any = other.server.locator
    server.kept([device])
    master.settle()
    assert one.hears.marks == []
    server.kept([device, kept[0]])
    master.settle()
    assert one.hears.marks == kept[:1]


def test_a_worker_that_brings_too_many_marks_is_refused(master: Master) -> None:
    """More than a box may have is not read, and a second box before the first is answered ends the link."""
    worker = master.worker("a")
    many = [UserMark("alice", f"#{number}", 1) for number in range(MOST_MARKS + 1)]
    with pytest.raises(BadRequest):
        worker.ask(KeepMarks, marks=many)
    master.log.reads_held = True
    assert worker.begin(KeepMarks, marks=many[:1]) == []
    worker.begin(KeepMarks, marks=many[1:2])
    assert not worker.connected


def test_the_longest_marks_fit_a_box(master: Master) -> None:
    """Whatever the names are."""
    marks = [
        UserMark("a" * 32, "#" + "\U0001f600" * 60 + f"{number:04}", 2**63 - 1)
        for number in range(MOST_MARKS)
    ]
    assert len(master.worker("a").ask(KeepMarks, marks=marks)["kept"]) == MOST_MARKS
