from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More, Ref
from chatnet.errors import BadRequest, CursorAhead, InternalFailure, Poison
from chatnet.log import Outcome, Refused
from chatnet.reads import Account, AccountOf, Feed, FeedPage, Head, Snapshot, SnapshotOf
from chatnet.stays import Interval
from chatnet.store.remote import RemoteLog
from chatnet.store.window import STALE_SECONDS
from chatnet.telemetry import DraftPoisoned, Event, LogRewound
from chatnet.wire.log import MAX_DRAFTS, Append, Follow, Read


def draft(number: int) -> Draft:
    return Draft("post", "alice", "alice", f"{number}", number.to_bytes(16, "big"))


def entries(first: int, last: int) -> list[Entry]:
    return [
        Entry(seq, 1, "post", "alice", "alice", "x", seq.to_bytes(16, "big"))
        for seq in range(first, last + 1)
    ]


def at(seq: int) -> dict[str, Any]:
    """Return the cursor at ``seq`` of the log of these entries, as it travels."""
    cursor = Cursor.at("log", entries(seq, seq)[0]) if seq else Cursor.beginning("log")
    return {"cursor": cursor.seq, "check": cursor.check}


def begins(seq: int, level: int | None = None) -> dict[str, Any]:
    """Return what a primary answers to Follow; an older one says no level."""
    return {**at(seq), "level": level}


def answered(answer: object) -> dict[str, Any]:
    """Return the response to ``Read``."""
    return {"answer": msgspec.msgpack.encode(answer)}


class Primary:
    """A link to a primary that answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[type, dict[str, Any], Deferred[Any]]] = []
        self.aborted = False
        self.lost = False

    def callRemote(self, command: type, **arguments: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        if self.lost:
            answer.errback(ConnectionLost())
        else:
            self.asked.append((command, arguments, answer))
        return answer

    def abort(self) -> None:
        self.aborted = True

    def take(self, command: type) -> tuple[dict[str, Any], Deferred[Any]]:
        """Return the arguments of the oldest unanswered ``command``, and what answers it."""
        for index, (asked, arguments, answer) in enumerate(self.asked):
            if asked is command:
                del self.asked[index]
                return arguments, answer
        raise AssertionError(f"{command.__name__} was not asked, but {[asked for asked, _, _ in self.asked]}")

    def lose(self) -> None:
        """Lose the link as AMP does: new questions fail at once, then all that were asked."""
        self.lost = True
        asked, self.asked = self.asked, []
        for _, _, answer in asked:
            answer.errback(ConnectionLost())


class Worker:
    """A remote log on a fresh link, ready at ``head``."""

    def __init__(self, head: int = 0) -> None:
        self.replaced = 0
        self.outgrown: list[str] = []
        self.told: list[Event] = []
        self.log = RemoteLog(self._on_replaced, self.outgrown.append, own_level=1, tell=self.told.append)
        self.primary = self.attach()
        self.primary.take(Follow)[1].callback(begins(head))
        self.primary.take(Read)[1].callback(answered(head))
        assert self.log.is_ready

    def _on_replaced(self) -> None:
        self.replaced += 1

    def attach(self, log_id: str = "log") -> Primary:
        self.primary = Primary()
        self.log.attached(self.primary, log_id)
        return self.primary

    def follow_again(self) -> Primary:
        """Follow on a new link, whose primary has what was followed so far."""
        primary = self.attach()
        primary.take(Follow)[1].callback(begins(self.log.window.head))
        return primary


def results(question: Any) -> list[Any]:
    found: list[Any] = []
    deferred = question if isinstance(question, Deferred) else Deferred.fromCoroutine(question)
    deferred.addBoth(found.append)
    return found


@pytest.mark.parametrize(("kind", "text"), [("level", "2"), ("unheard", "")])
def test_what_is_not_understood_is_the_end(kind: str, text: str) -> None:
    """Nothing that comes with it is passed on, and its link is given up."""
    worker = Worker(head=1)
    told: list[list[Entry]] = []
    worker.log.window.watch(told.append)
    before = Entry(2, 1, "post", "alice", "alice", "hi", b"k" * 16)
    worker.log.committed([before, Entry(3, 1, kind, "chatnet", "chatnet", text, b"l" * 16)])
    assert (told, worker.log.window.head, worker.replaced) == ([], 1, 0)
    assert worker.primary.aborted
    [sentence] = worker.outgrown
    assert sentence.endswith("update chatnet on this machine, and start it again.")
    worker.log.committed([before])
    assert told == []


def test_the_primary_says_the_level_of_its_log() -> None:
    """The entry that raised it may be long behind; and the next primary may be one that does not say it."""
    log = RemoteLog(lambda: None, pytest.fail, own_level=3)
    for level, known in ((None, 1), (2, 2), (None, 2), (3, 3)):
        primary = Primary()
        log.attached(primary, "log")
        primary.take(Follow)[1].callback(begins(4, level))
        assert log.window.level == known


def test_a_fresh_worker_is_ready_when_it_has_reached_the_head() -> None:
    """The window begins where the primary says; pushes that come before the head is known are not lost."""
    log, primary = RemoteLog(lambda: None, pytest.fail), Primary()
    assert not log.is_ready
    log.attached(primary, "log")
    arguments, answer = primary.take(Follow)
    assert arguments == {"cursor": None, "check": None}
    answer.callback(begins(4))
    log.committed(entries(5, 7))
    primary.take(Read)[1].callback(answered(8))
    assert (log.window.start, log.window.head, log.is_ready) == (5, 7, False)
    log.committed(entries(8, 8))
    assert (log.window.head, log.is_ready, log.log_id) == (8, True, "log")


def test_an_empty_log_is_reached_at_once() -> None:
    """A worker of a new cluster is ready although there is nothing to follow yet."""
    assert Worker(head=0).log.is_ready


def test_a_new_link_follows_from_the_cursor() -> None:
    """After a lost link the follower continues after its window, and drops what it has already."""
    worker = Worker(head=4)
    worker.log.committed(entries(5, 6))
    worker.primary.lose()
    worker.log.detached()
    primary = worker.attach()
    arguments, answer = primary.take(Follow)
    assert arguments == at(6)
    answer.callback(begins(6))
    worker.log.committed(entries(6, 9))
    assert worker.log.window.after(4) == entries(5, 9)


def test_who_could_not_follow_for_three_seconds_is_stale_until_it_has_caught_up() -> None:
    """What the primary has meanwhile may take texts back that stand in the window."""
    time = [100.0]
    log, primary = RemoteLog(lambda: None, pytest.fail, seconds=lambda: time[0]), Primary()
    log.attached(primary, "log")
    primary.take(Follow)[1].callback(begins(4))
    primary.take(Read)[1].callback(answered(4))
    log.detached()
    time[0] += STALE_SECONDS - 0.1
    assert not log.window.is_stale()
    assert results(log.window.fresh()) == [None]
    time[0] += 0.1
    assert log.window.is_stale()
    fresh = results(log.window.fresh())
    primary = Primary()
    log.attached(primary, "log")
    primary.take(Follow)[1].callback(begins(4))
    log.committed(entries(5, 6))
    primary.take(Read)[1].callback(answered(8))
    log.committed(entries(7, 7))
    assert (fresh, log.window.is_stale()) == ([], True)
    log.committed(entries(8, 8))
    assert (fresh, log.window.is_stale()) == ([None], False)


def test_the_last_word_counts_and_not_when_the_link_was_found_to_be_lost() -> None:
    """That is three seconds later if the primary hangs."""
    time = [100.0]
    log, primary = RemoteLog(lambda: None, pytest.fail, seconds=lambda: time[0]), Primary()
    log.attached(primary, "log")
    primary.take(Follow)[1].callback(begins(4))
    primary.take(Read)[1].callback(answered(4))
    for _ in range(5):
        time[0] += 1
        log.heard()
        assert not log.window.is_stale()
    time[0] += STALE_SECONDS - 0.1
    assert not log.window.is_stale()
    log.detached()
    time[0] += 0.1
    assert log.window.is_stale()
    log.heard()  # from the buffers of a link that is lost
    assert log.window.is_stale()


def test_who_was_stopped_is_stale_until_it_has_asked_how_far_the_log_is() -> None:
    """The first words that it finds may be as old as what it holds, and the link may be lost since."""
    time = [100.0]
    log, primary = RemoteLog(lambda: None, pytest.fail, seconds=lambda: time[0]), Primary()
    log.attached(primary, "log")
    primary.take(Follow)[1].callback(begins(4))
    primary.take(Read)[1].callback(answered(4))
    time[0] += STALE_SECONDS
    fresh = results(log.window.fresh())
    log.heard()
    log.heard()
    log.committed(entries(5, 5))
    assert (fresh, log.window.is_stale()) == ([], True)
    primary.take(Read)[1].callback(answered(6))
    assert (fresh, primary.asked) == ([], [])
    log.committed(entries(6, 6))
    assert (fresh, log.window.is_stale()) == ([None], False)
    time[0] += STALE_SECONDS
    log.heard()
    primary.lose()
    log.detached()
    assert log.window.is_stale()
    again = Primary()
    log.attached(again, "log")
    again.take(Follow)[1].callback(begins(6))
    again.take(Read)[1].callback(answered(6))
    assert not log.window.is_stale()


def test_what_is_asked_without_a_primary_waits() -> None:
    """Reads and appends made while there is no link are sent on the next one."""
    worker = Worker()
    worker.primary.lose()
    worker.log.detached()
    account, outcomes = results(worker.log.read(AccountOf("alice"))), results(worker.log.append([draft(1)]))
    primary = worker.follow_again()
    primary.take(Read)[1].callback(answered(Account("sha256:1", 1, 1)))
    primary.take(Append)[1].callback({"outcomes": [7]})
    assert (account, outcomes) == ([Account("sha256:1", 1, 1)], [[7]])


def test_nothing_is_asked_of_a_log_that_may_have_been_put_back() -> None:
    """It waits until the primary has said that it has what was followed. Its pages would reach readers of
    another log, whose cursors would be good in both: they would never see what lies between."""
    worker = Worker(head=4)
    worker.log.detached()
    results(worker.log.read(Feed("alice", 2, 4)))
    primary = worker.attach()
    results(worker.log.append([draft(1)]))
    assert [command for command, _, _ in primary.asked] == [Follow]
    primary.take(Follow)[1].errback(CursorAhead.of(cursor=4))
    assert (primary.asked, worker.replaced) == ([], 1)


def test_what_was_not_answered_is_asked_again() -> None:
    """After a lost link reads are asked again, and the append under way is sent again before newer ones."""
    worker = Worker()
    head = results(worker.log.read(Head()))
    first, second = results(worker.log.append([draft(1)])), results(worker.log.append([draft(2)]))
    worker.primary.lose()
    third = results(worker.log.append([draft(3)]))
    worker.log.detached()
    primary = worker.follow_again()
    arguments, answer = primary.take(Append)
    assert arguments == {"drafts": [draft(1)]}
    answer.callback({"outcomes": [1]})
    arguments, answer = primary.take(Append)
    assert arguments == {"drafts": [draft(2), draft(3)]}
    answer.callback({"outcomes": [2, 3]})
    primary.take(Read)[1].callback(answered(3))
    assert (first, second, third, head) == ([[1]], [[2]], [[3]], [3])


def test_a_hole_is_loud_and_followed_afresh() -> None:
    """Entries that do not continue the window close the link; what that link still pushes is ignored."""
    worker = Worker(head=4)
    worker.log.committed(entries(6, 7))
    assert worker.primary.aborted
    worker.log.committed(entries(5, 5))
    assert worker.log.window.head == 4
    primary = worker.attach()
    arguments, answer = primary.take(Follow)
    assert arguments == at(4)
    answer.callback(begins(4))
    worker.log.committed(entries(5, 7))
    assert worker.log.window.head == 7


def test_a_log_that_was_put_back_is_told() -> None:
    """If the primary's head is before our cursor, or its log is another, the worker begins afresh."""
    put_back = Worker(head=4)
    put_back.attach().take(Follow)[1].errback(CursorAhead.of(cursor=4))
    assert (put_back.replaced, put_back.primary.aborted) == (1, True)
    another = Worker(head=4)
    primary = another.attach(log_id="another")
    assert (another.replaced, primary.aborted, primary.asked) == (1, True, [])
    assert put_back.told == another.told == [LogRewound(4, None)]
    assert another.log.log_id == "log"


def test_a_primary_that_cannot_be_followed_is_left(logged_failures: Any) -> None:
    """When Follow fails for another reason, it is logged, and the link is closed to try again."""
    worker = Worker()
    worker.attach().take(Follow)[1].errback(InternalFailure(InternalFailure.sentence))
    assert (worker.primary.aborted, worker.replaced) == (True, 0)
    assert len(logged_failures.flush(InternalFailure)) == 1


def test_a_draft_that_cannot_be_passed_on_is_refused_alone(logged_failures: Any) -> None:
    """When a batch fails for a reason other than a lost link, its drafts are sent one by one, to find which
    one is the poison."""
    worker = Worker()
    first, batch = results(worker.log.append([draft(1)])), results(worker.log.append([draft(2), draft(3)]))
    worker.primary.take(Append)[1].callback({"outcomes": [1]})
    worker.primary.take(Append)[1].errback(BadRequest.of(why="the value of “drafts” is wrong"))
    worker.primary.take(Append)[1].callback({"outcomes": [2]})
    worker.primary.take(Append)[1].errback(BadRequest.of(why="the value of “drafts” is wrong"))
    assert (first, batch) == ([[1]], [[2, Refused(Poison.code, Poison.sentence)]])
    assert draft(3).described() in logged_failures.text()
    assert worker.told == [DraftPoisoned(draft(3).described(), "BadRequest")]
    assert len(logged_failures.flush(BadRequest)) == 1


def test_batches_are_bounded() -> None:
    """A batch has no more drafts than outcomes that fit an answer."""
    worker = Worker()
    results(worker.log.append([draft(number) for number in range(2 * MAX_DRAFTS)]))
    arguments, _ = worker.primary.take(Append)
    assert len(arguments["drafts"]) == MAX_DRAFTS


def test_a_refused_read_is_the_callers() -> None:
    """An error that the primary answers reaches the asker, and the read is not tried again."""
    worker = Worker()
    asked = results(worker.log.read(AccountOf("alice")))
    worker.primary.take(Read)[1].errback(Failure(InternalFailure(InternalFailure.sentence)))
    assert [failure.type for failure in asked] == [InternalFailure]


def test_a_snapshot_is_read_in_pages() -> None:
    """Pages come one at a time, from where the last one says; a page that is not asked for is not sent."""
    worker = Worker()
    for behind in (None, (7, "#x")):
        page = Snapshot(900, 5, 1, [Interval("#x", 3, None)], (7, "#x"))
        asked = results(worker.log.read(SnapshotOf("alice", 2, 900, behind)))
        arguments, answer = worker.primary.take(Read)
        assert arguments == {"question": SnapshotOf("alice", 2, 900, behind)}
        answer.callback(answered(page))
        assert asked == [page]


class FlakyPrimary:
    """A primary that commits each key once, and whose links are lost before or after that."""

    def __init__(self) -> None:
        self.seqs: dict[bytes, int] = {}

    def commit(self, drafts: list[Draft]) -> list[Outcome]:
        return [self.seqs.setdefault(draft.key, len(self.seqs) + 1) for draft in drafts]


STEP = st.sampled_from(["append", "append two", "answer", "answer", "commit, then lose", "lose", "attach"])


@given(st.lists(STEP, max_size=60))
def test_every_draft_once_in_order_across_links(steps: list[str]) -> None:
    """However often links are lost, before or after the commit: each draft once, in order, and answered."""
    worker, primary = Worker(), FlakyPrimary()
    answers: list[list[Any]] = []
    made = 0
    for step in [*steps, "lose", "attach", *["answer"] * 100]:
        waiting = any(command is Append for command, _, _ in worker.primary.asked)
        if step.startswith("append"):
            count = 2 if step == "append two" else 1
            answers.append(results(worker.log.append([draft(made + number) for number in range(count)])))
            made += count
        elif step == "attach" and worker.primary.lost:
            worker.log.detached()
            worker.follow_again()
        elif step == "lose":
            worker.primary.lose()
        elif waiting:
            arguments, answer = worker.primary.take(Append)
            outcomes = primary.commit(arguments["drafts"])
            if step == "answer":
                answer.callback({"outcomes": outcomes})
            else:
                worker.primary.asked.append((Append, arguments, answer))
                worker.primary.lose()
    assert list(primary.seqs) == [draft(number).key for number in range(made)]
    assert [seq for answer in answers for outcomes in answer for seq in outcomes] == list(range(1, made + 1))
    assert worker.log.waiting_bytes == 0


def test_a_page_under_way_has_no_text_that_was_taken_back() -> None:
    """A page that the primary read before a redaction, and that comes after it, is blanked here."""
    log, primary = RemoteLog(lambda: None, lambda _: None), Primary()
    log.attached(primary, "log")
    primary.take(Follow)[1].callback(begins(2))
    primary.take(Read)[1].callback(answered(2))
    pages: list[FeedPage] = []
    Deferred.fromCoroutine(log.read(Feed("alice", 0, 2))).addCallback(pages.append)
    more = More(ref=Ref(2, at(2)["check"]))
    log.committed([Entry(3, 1, "redact", "alice", "alice", "", b"k" * 16, more, ("alice",))])
    primary.take(Read)[1].callback(answered(FeedPage(entries(1, 2), 2)))
    assert [entry.text for entry in pages[0].posts] == ["x", ""]
