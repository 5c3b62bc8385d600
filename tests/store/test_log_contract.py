"""What every log promises, checked on each against a model that filters the whole log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More, places, visible
from chatnet.errors import (
    AlreadyJoined,
    BadText,
    KeyReused,
    NameTaken,
    NoSuchRoom,
    NoSuchUser,
    NotJoined,
    NotYours,
    OwnRoom,
    Refusal,
    SecretChanged,
    SessionEnded,
    TooManyRooms,
    TooManyTopics,
)
from chatnet.kinds import KINDS, NEW_LEVEL, SAID
from chatnet.limits import PAGE
from chatnet.log import Log, Outcome, Refused
from chatnet.marks import UserMark
from chatnet.master.log_server import Broadcast, LogServer
from chatnet.names import is_topic
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.reads import (
    LAST_SEQ,
    NEWEST,
    QUESTIONS,
    Account,
    AccountOf,
    BansOf,
    CodeOf,
    CursorAt,
    DevicesOf,
    Faces,
    Feed,
    FeedPage,
    FirstIn,
    Head,
    HeardBy,
    History,
    HistoryAfter,
    InvitationsOf,
    LedBy,
    MarksOf,
    Members,
    Newest,
    Person,
    PersonOf,
    PoliciesIn,
    Question,
    ReportedPost,
    RoomFacts,
    RoomOf,
    Rooms,
    SeqBefore,
    Snapshot,
    SnapshotOf,
    SpeakerIn,
    Talks,
    UnreadOf,
    UsedDevice,
)
from chatnet.stays import Interval, Memberships
from chatnet.store.pages import FEED_STAYS
from chatnet.store.remote import RemoteLog
from chatnet.testing.loopback import Loopback
from chatnet.testing.memory_log import MemoryLog
from chatnet.wire.log import Committed

T = TypeVar("T")

USERS = ["alice", "bob", "carol"]
TOPICS = ["#x", "#été"]
ROOMS = [*USERS, *TOPICS]


class Model:
    """The rules written once more: slow, and computed from the whole log each time."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._refused: dict[tuple[str, bytes], tuple[Draft, Refusal]] = {}

    def append(self, draft: Draft) -> tuple[int, str] | int:
        """Return the seq, or the refusal's code and sentence."""
        if draft.kind == "post" and draft.room in {*USERS} - {draft.user}:
            return said(NotYours.of(room=draft.room))
        if draft.kind == "post" and not draft.text:
            return said(BadText.of(why="A post has at least one character."))
        kept = self._is_kept(draft)
        if kept and (draft.user, draft.key) in self._refused:
            before, refusal = self._refused[draft.user, draft.key]
            same = (before.kind, before.room, before.text) == (draft.kind, draft.room, draft.text)
            return said(refusal if same else KeyReused.of())
        for entry in self.entries:
            if (entry.user, entry.key) == (draft.user, draft.key):
                same = (entry.kind, entry.room, entry.text) == (draft.kind, draft.room, draft.text)
                return entry.seq if same else said(KeyReused.of())
        now = self._refusal(draft)
        if now is not None:
            if kept and not isinstance(now, SecretChanged | SessionEnded):
                self._refused[draft.user, draft.key] = (draft, now)
            return said(now)
        seq = len(self.entries) + 1
        self.entries.append(Entry(seq, 0, draft.kind, draft.user, draft.room, draft.text, draft.key))
        return seq

    def _is_kept(self, draft: Draft) -> bool:
        speaks_to_topics = draft.room != draft.user or "#" in draft.text
        return draft.kind in ("join", "leave") or (draft.kind in SAID and speaks_to_topics)

    def _refusal(self, draft: Draft) -> Refusal | None:
        is_user = self.account(draft.user) is not None
        if draft.kind == "register":
            return NameTaken.of(name=draft.user) if is_user else None
        if not is_user:
            return NoSuchUser.of(name=draft.user)
        secret_seq = self.account(draft.user).secret_seq  # type: ignore[union-attr]
        if draft.by and draft.by != secret_seq:  # the session of who has set it is the only one
            return (SecretChanged if draft.by < secret_seq else SessionEnded).of(name=draft.user)
        joined = self.memberships(draft.user, len(self.entries)).has(draft.room)
        elsewhere = draft.kind == "post" and draft.room != draft.user
        if (draft.kind == "leave" or elsewhere) and not joined:
            return NotJoined.of(room=draft.room)
        if draft.kind == "join":
            if draft.room == draft.user:
                return OwnRoom.of()
            if not is_topic(draft.room) and self.account(draft.room) is None:
                return NoSuchRoom.of(room=draft.room)
            if joined:
                return AlreadyJoined.of(room=draft.room)
        return None

    def account(self, user: str) -> Account | None:
        found = None
        for entry in self.entries:
            if entry.user == user and entry.kind in ("register", "secret"):
                found = Account(entry.text, entry.seq, found.registered if found else entry.seq)
        return found

    def memberships(self, user: str, upto: int) -> Memberships:
        memberships = Memberships()
        for entry in self.entries[:upto]:
            memberships.apply(entry, user)
        return memberships

    def posts(self, after: int, upto: int) -> list[Entry]:
        return [entry for entry in self.entries[after:upto] if entry.kind in SAID]

    def rooms(self) -> list[str]:
        found = {entry.user for entry in self.entries if entry.kind == "register"}
        found |= {entry.room for entry in self.entries if entry.kind == "join"}
        for post in self.posts(0, len(self.entries)):
            found |= {place for place in places(post.user, post.room, post.text) if is_topic(place)}
        return sorted(found)


def said(refusal: Refusal) -> tuple[int, str]:
    return (0, f"{refusal.code!r}: {refusal}")


def shown(outcome: Outcome) -> tuple[int, str] | int:
    return (0, f"{outcome.code!r}: {outcome.sentence}") if isinstance(outcome, Refused) else outcome


class Follower(Locator):
    """The worker's end of the link."""

    def __init__(self, log: RemoteLog) -> None:
        self._remote = log

    @Committed.responder
    def committed(self, epoch: int, entries: list[Entry]) -> dict[str, Any]:
        self._remote.committed(entries)
        return {}


class Subject:
    """The log under test, and how to wait for it."""

    def __init__(self, log: Log, settle: Callable[[], None]) -> None:
        self.log = log
        self._settle = settle

    def ask(self, question: Any) -> Any:
        """Ask the question and return its answer."""
        results: list[Any] = []
        answer = question if isinstance(question, Deferred) else Deferred.fromCoroutine(question)
        answer.addBoth(results.append)
        self._settle()
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def read(self, question: Question[T]) -> T:
        """Return what the log answers."""
        answer: T = self.ask(self.log.read(question))
        return answer

    def append(self, *drafts: Draft) -> list[Any]:
        """Append the drafts and return their outcomes."""
        return [shown(outcome) for outcome in self.ask(self.log.append(drafts))]


class WorkersSubject(Subject):
    """A worker's log. What only the primary appends is appended at the primary's own log."""

    def __init__(self, log: Log, settle: Callable[[], None], primarys: Log) -> None:
        super().__init__(log, settle)
        self._primarys = primarys

    def append(self, *drafts: Draft) -> list[Any]:
        outcomes: list[Any] = []
        for is_the_primarys, run in groupby(drafts, _is_the_primarys):
            log = self._primarys if is_the_primarys else self.log
            outcomes += map(shown, self.ask(log.append(list(run))))
        return outcomes


def _is_the_primarys(draft: Draft) -> bool:
    return draft.kind in KINDS and KINDS[draft.kind].is_the_clusters


def on_sqlite(disk: Any) -> Subject:
    return Subject(disk.open(), lambda: None)


def in_memory(disk: Any) -> Subject:
    return Subject(MemoryLog(), lambda: None)


def over_amp(disk: Any) -> Subject:
    primary, reactor = disk.open(), disk.reactor
    outboxes = Outboxes(reactor)
    broadcast = Broadcast(primary.window, primary.epoch)
    worker = RemoteLog(lambda: pytest.fail("the log was replaced"), pytest.fail)
    client = Link(Follower(worker), outboxes)
    wire = Loopback(client, Link(LogServer(primary, primary.epoch, broadcast, reactor), outboxes))

    def settle() -> None:
        moved = True
        while moved:
            reactor.advance(0)
            moved = wire.pump() or any(call.getTime() <= reactor.seconds() for call in reactor.calls)

    worker.attached(client, primary.log_id)
    settle()
    assert worker.is_ready
    return WorkersSubject(worker, settle, primary)


def on_postgres(disk: Any) -> Subject:
    log = disk.open_postgres()
    return Subject(log, lambda: disk.reactor.advance(0))


def on_simulated_postgres(disk: Any) -> Subject:
    return Subject(*disk.open_simulated())


LOGS = [on_sqlite, on_postgres, on_simulated_postgres, over_amp, in_memory]


@pytest.fixture(scope="module", params=LOGS, ids=lambda make: make.__name__)
def new_log(request: pytest.FixtureRequest, new_disk: Callable[[], Any]) -> Callable[[], Subject]:
    return lambda: request.param(new_disk())


def whole_feed(subject: Subject, user: str, cursor: int, upto: int) -> list[Entry]:
    """Return all pages of a feed; each is complete up to its cursor."""
    seen: list[Entry] = []
    while cursor < upto:
        feed = subject.read(Feed(user, cursor, upto))
        if feed.cursor == cursor:  # there is no such user
            assert not feed.posts
            assert not subject.read(SnapshotOf(user, 0, upto)).registered
            break
        assert cursor < feed.cursor <= upto
        seen, cursor = seen + feed.posts, feed.cursor
    return seen


def whole_snapshot(subject: Subject, user: str, after: int, upto: int) -> Snapshot:
    """Return all pages of a snapshot; each but the last is full."""
    page: Snapshot = subject.read(SnapshotOf(user, after, upto))
    stays = list(page.intervals)
    while page.behind is not None:
        assert len(page.intervals) == PAGE.stays
        page = subject.read(SnapshotOf(user, after, upto, page.behind))
        stays += page.intervals
    return Snapshot(page.at, page.secret_seq, page.registered, stays)


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def registered(subject: Subject, *users: str) -> None:
    drafts = [Draft("register", user, user, f"sha256:{user}", key(9_999)) for user in users]
    assert all(isinstance(outcome, int) for outcome in subject.append(*drafts))


def made(subject: Subject, topics: Sequence[str]) -> None:
    """Make ``topics``, by as many users as that takes: the number a day is limited for each."""
    for start in range(0, len(topics), 100):
        maker = f"maker{start}"
        registered(subject, maker)
        twenties = range(start, min(start + 100, len(topics)), 20)
        said = [post(maker, " ".join(topics[at : at + 20]), at) for at in twenties]
        assert all(isinstance(outcome, int) for outcome in subject.append(*said))


def post(user: str, text: str, number: int) -> Draft:
    return Draft("post", user, user, text, key(number))


def test_whoever_follows_a_log_knows_its_level(new_log: Callable[[], Subject]) -> None:
    """Also a worker that has seen no entry of it: tickets depend on it, which stand in no entry."""
    assert new_log().log.window.level == NEW_LEVEL


def test_a_feed_goes_over_any_number_of_stays(new_log: Callable[[], Subject]) -> None:
    """A user who joined and left a room a thousand times sees what was said while they were in it."""
    subject = new_log()
    registered(subject, "alice", "bob")
    turns = [
        draft
        for number in range(2 * FEED_STAYS + 7)
        for draft in (
            Draft("join", "bob", "#x", "", key(4 * number)),
            *([post("alice", "#x in", 4 * number + 1)] if number % 50 == 7 else []),
            Draft("leave", "bob", "#x", "", key(4 * number + 2)),
            *([post("alice", "#x out", 4 * number + 3)] if number % 50 == 8 else []),
        )
    ]
    assert all(isinstance(outcome, int) for outcome in subject.append(*turns))
    head = subject.read(Head())
    seen = whole_feed(subject, "bob", 0, head)
    assert [entry.text for entry in seen] == ["#x in"] * 20
    middle = seen[10].seq
    assert [entry.seq for entry in whole_feed(subject, "bob", middle, head)] == [e.seq for e in seen[11:]]


def test_a_used_key_answers_its_seq(new_log: Callable[[], Subject]) -> None:
    """The same draft again, later or in the same batch, gets its old seq; other content is refused."""
    subject = new_log()
    registered(subject, "alice", "bob")
    first, other = post("alice", "one", 1), post("alice", "two", 1)
    reused = (0, f"{KeyReused.code!r}: {KeyReused.sentence}")
    assert subject.append(first, first, other, post("bob", "one", 1)) == [3, 3, reused, 4]
    assert subject.append(other, first, post("alice", "two", 2)) == [reused, 3, 5]
    joining, leaving = Draft("join", "bob", "alice", "", key(7)), Draft("leave", "bob", "alice", "", key(8))
    assert subject.append(joining, joining, leaving, leaving, joining) == [6, 6, 7, 7, 6]


def test_a_refusal_is_final(new_log: Callable[[], Subject]) -> None:
    """A join or leave that was refused is refused whenever it comes again, whatever is true by then.

    It comes again from a client that was not told, after newer drafts of that client; or late, through a
    worker that the client has left after it was told on another.
    """
    subject = new_log()
    registered(subject, "alice")
    joining, leaving = Draft("join", "alice", "bob", "", key(1)), Draft("leave", "alice", "#x", "", key(2))
    refused = subject.append(joining, leaving)
    assert refused == [said(NoSuchRoom.of(room="bob")), said(NotJoined.of(room="#x"))]
    registered(subject, "bob")
    assert subject.append(Draft("join", "alice", "#x", "", key(3))) == [3]
    assert subject.append(joining, leaving, joining) == [*refused, refused[0]]
    assert subject.append(Draft("join", "alice", "#x", "", key(1))) == [said(KeyReused.of())]
    assert subject.append(Draft("join", "alice", "bob", "", key(4))) == [4]


def test_nothing_new_is_taken_by_an_older_secret(new_log: Callable[[], Subject]) -> None:
    """This holds for every kind, also in the batch of the newer secret. It is not kept as a refusal: the same
    draft may come again by the newer secret.

    A draft that the log has already is answered, by whatever secret it comes. Others are not affected.
    """
    subject = new_log()
    registered(subject, "alice", "bob")
    first = Draft("post", "alice", "alice", "first", key(1), 1)
    secret = Draft("secret", "alice", "alice", "sha256:new", key(2), 1)
    late = Draft("post", "alice", "alice", "late", key(3), 1)
    joining = Draft("join", "alice", "#x", "", key(4), 1)
    thiefs = Draft("secret", "alice", "alice", "sha256:thief", key(5), 1)
    others = Draft("post", "bob", "bob", "hi", key(6), 2)
    changed = said(SecretChanged.of(name="alice"))
    assert subject.append(first, secret, late, joining, thiefs, others) == [
        3,
        4,
        changed,
        changed,
        changed,
        5,
    ]
    assert subject.append(late, others) == [changed, 5]
    assert subject.append(first, secret, late) == [3, 4, changed]
    assert subject.read(AccountOf("alice")) == Account("sha256:new", 4, 1)
    by_the_new = [msgspec.structs.replace(draft, by=4) for draft in (late, joining, secret)]
    assert subject.append(*by_the_new) == [6, 7, 4]


def test_a_refusal_touches_nothing_else(new_log: Callable[[], Subject]) -> None:
    """Refused drafts take no seq, and what follows them in the batch is judged as if they were absent."""
    subject = new_log()
    registered(subject, "alice")
    nobody = (0, f"{NoSuchUser.code!r}: There is no user zoe.")
    assert subject.append(post("zoe", "hi", 1), post("alice", "hi", 1), post("zoe", "#new", 2)) == [
        nobody,
        2,
        nobody,
    ]
    assert subject.read(Rooms("", "")).names == ["alice"]
    assert subject.append(Draft("register", "zoe", "zoe", "sha256:1", key(1)), post("zoe", "hi", 2)) == [3, 4]


def test_the_window_follows_the_log(new_log: Callable[[], Subject]) -> None:
    """When an append is answered and everything has settled, the window holds the entries."""
    subject = new_log()
    registered(subject, "alice")
    subject.append(*[post("alice", f"{number}", number) for number in range(700)])
    assert subject.log.window.head == 701
    assert [entry.text for entry in subject.log.window.after(1)] == [f"{number}" for number in range(700)]
    assert subject.read(Head()) == 701


def test_each_log_says_the_same_of_a_cursor(new_log: Callable[[], Subject]) -> None:
    """The table and the window agree on what is at a seq, also at the beginning and after the end."""
    subject = new_log()
    registered(subject, "alice")
    subject.append(*[post("alice", f"{number}", number) for number in range(5)])
    log = subject.log
    for seq in range(log.window.start - 1, 7):
        assert subject.read(CursorAt(seq)) == log.window.at(seq)
    assert subject.read(CursorAt(0)) == Cursor.beginning(log.log_id)
    assert subject.read(CursorAt(6)) == Cursor.at(log.log_id, log.window.after(5)[0])
    assert subject.read(CursorAt(7)) is None


def test_the_newest_begin_before_the_join(new_log: Callable[[], Subject]) -> None:
    """A new follower sees what was said before; the feed shows only what was said while they followed."""
    subject = new_log()
    registered(subject, "alice", "bob")
    subject.append(post("alice", "before", 1), Draft("join", "bob", "alice", "", key(1)))
    subject.append(post("alice", "during", 2), Draft("leave", "bob", "alice", "", key(2)))
    subject.append(post("alice", "after", 3), post("alice", "hello @bob", 4))
    head = subject.log.window.head
    assert [entry.text for entry in subject.read(Newest("bob", 6))] == []
    assert [entry.text for entry in subject.read(Newest("bob", 5))] == ["before", "during"]
    assert [entry.text for entry in subject.read(Newest("bob", head))] == ["hello @bob"]
    assert [entry.text for entry in whole_feed(subject, "bob", 0, head)] == ["during", "hello @bob"]


def test_a_mention_is_of_who_has_the_name_by_then(new_log: Callable[[], Subject]) -> None:
    """A user who registers a name sees nothing that was said to it before: it was not for them."""
    subject = new_log()
    registered(subject, "alice")
    subject.append(post("alice", "hello @late, whoever you are", 1), Draft("join", "alice", "#x", "", key(2)))
    registered(subject, "late")
    assert subject.read(Newest("late", 4)) == []
    assert whole_feed(subject, "late", 0, 4) == []
    subject.append(post("alice", "hello @late, now I know you", 3))
    for upto in (4, 5):
        found = [5] if upto == 5 else []
        assert [entry.seq for entry in subject.read(Newest("late", upto))] == found
        assert [entry.seq for entry in whole_feed(subject, "late", 0, upto)] == found
    assert [entry.seq for entry in subject.read(History("alice"))] == [2, 5]


def test_a_snapshot_misses_nothing_that_ends_meanwhile(new_log: Callable[[], Subject]) -> None:
    """Its pages show one moment, though rooms are left and joined while they are read."""
    subject = new_log()
    registered(subject, "alice", "bob")
    topics = [f"#t{number:03}" for number in range(450)]
    made(subject, topics)
    joins = [Draft("join", "bob", topic, "", key(number)) for number, topic in enumerate(topics)]
    joined = subject.append(*joins)
    head = subject.log.window.head
    page = subject.read(SnapshotOf("bob", 0, head))
    stays, turn = set(page.intervals), 0
    while page.behind is not None:
        for topic in topics[turn::7]:
            turn += 1
            subject.append(Draft("leave", "bob", topic, "", key(1_000 + turn)))
            subject.append(Draft("join", "bob", topic, "", key(5_000 + turn)))
        page = subject.read(SnapshotOf("bob", 0, head, page.behind))
        stays |= set(page.intervals)
    assert stays == {Interval(topic, seq, None) for seq, topic in zip(joined, topics, strict=True)}


def test_a_room_without_a_post_is_a_room(new_log: Callable[[], Subject]) -> None:
    """A topic exists once joined or posted to, a user's room once registered; others are refused."""
    subject = new_log()
    registered(subject, "alice")
    with pytest.raises(NoSuchRoom, match=r"No such room: #x\."):
        subject.read(History("#x"))
    subject.append(Draft("join", "alice", "#x", "", key(1)))
    assert subject.read(History("#x")) == []
    assert subject.read(History("alice")) == []
    with pytest.raises(NoSuchRoom):
        subject.read(History("@alice"))


def test_long_posts_come_in_pages(new_log: Callable[[], Subject]) -> None:
    """However long the posts, every page fits the wire; together the pages have each post once."""
    subject = new_log()
    registered(subject, "alice", "bob")
    text = "𐀀" * 1_990
    subject.append(Draft("join", "bob", "alice", "", key(1)))
    for start in range(0, 60, 20):
        subject.append(*[post("alice", f"{text}{number}", number) for number in range(start, start + 20)])
    head = subject.log.window.head
    newest = subject.read(Newest("bob", head))
    assert [entry.seq for entry in newest] == list(range(head - len(newest) + 1, head + 1))
    assert 3 <= len(newest) <= NEWEST
    assert [entry.seq for entry in whole_feed(subject, "bob", 0, head)] == list(range(4, 64))
    told: list[int] = []
    before: int | None = None
    while page := subject.read(History("alice", before)):
        told = [entry.seq for entry in page] + told
        before = page[0].seq
    assert told == list(range(4, 64))


def test_many_posts_come_in_pages(new_log: Callable[[], Subject]) -> None:
    """Every post of a busy room comes once and in order, forwards and backwards, whatever lies between."""
    subject = new_log()
    registered(subject, "alice", "bob")
    talk = [post("alice" if number % 3 else "bob", f"{number}", number) for number in range(1_300)]
    subject.append(Draft("join", "bob", "alice", "", key(2_000)), *talk)
    log, head = subject.log, subject.log.window.head
    assert whole_feed(subject, "bob", 0, head) == log.window.after(3)
    told: list[Entry] = []
    before: int | None = None
    while page := subject.read(History("alice", before)):
        told, before = page + told, page[0].seq
    assert told == [entry for entry in log.window.after(3) if entry.user == "alice"]
    forwards: list[Entry] = []
    after = 0
    while page := subject.read(HistoryAfter("alice", after, "bob")):
        forwards, after = forwards + page, page[-1].seq
    assert forwards == told
    last = told[-3].seq
    assert subject.read(HistoryAfter("alice", told[-5].seq, "bob", last)) == told[-4:-2]


def test_a_time_divides_the_log(new_log: Callable[[], Subject]) -> None:
    """Before any time are exactly the entries whose time is before it, also where several have the same."""
    subject = new_log()
    registered(subject, "alice")
    for number in range(20):
        subject.append(*[post("alice", f"{number}", 100 * number + of) for of in range(number % 4)])
    entries = subject.log.window.after(0)
    for upto in (0, 1, len(entries) // 2, len(entries), LAST_SEQ):
        for time in {0, *(entry.time + of for entry in entries for of in (-1, 0, 1))}:
            before = [entry.seq for entry in entries[:upto] if entry.time < time]
            assert subject.read(SeqBefore(time, upto)) == max(before, default=0)


def test_a_user_of_many_rooms_has_a_whole_snapshot(new_log: Callable[[], Subject]) -> None:
    """It has all memberships, also more than an AMP value holds; so do feeds and the newest posts."""
    subject = new_log()
    registered(subject, "alice", "bob")
    topics = [f"#{number}".ljust(60, "é") for number in range(1_100)]
    made(subject, topics)
    joins = [Draft("join", "bob", topic, "", key(number)) for number, topic in enumerate(topics)]
    joined = subject.append(*joins)
    subject.append(post("alice", f"{topics[0]} {topics[-1]}", 1), post("alice", "unheard", 2))
    head = subject.log.window.head
    snapshot = whole_snapshot(subject, "bob", 0, head)
    assert sorted(snapshot.intervals, key=repr) == sorted(
        [Interval(topic, seq, None) for seq, topic in zip(joined, topics, strict=True)], key=repr
    )
    assert [entry.seq for entry in whole_feed(subject, "bob", 0, head)] == [head - 1]
    assert subject.read(Newest("bob", head))[-1].seq == head - 1


def test_rooms_come_in_pages(new_log: Callable[[], Subject]) -> None:
    """All rooms with a prefix come in order, each once, page by page."""
    subject = new_log()
    names = [f"u{number}" for number in range(450)]
    registered(subject, *names, "v")
    found: list[str] = []
    more = True
    while more:
        page = subject.read(Rooms("u", found[-1] if found else ""))
        found, more = found + page.names, page.more
    assert found == sorted(names)


@pytest.mark.parametrize(
    ("prefix", "after", "names"),
    [
        ("u\0", "", []),
        ("\0", "", []),
        ("", "\0", ["u", "ua", "ub"]),
        ("", "u\0", ["ua", "ub"]),
        ("u", "ua\0b", ["ub"]),
    ],
)
def test_rooms_by_what_no_name_can_have(
    new_log: Callable[[], Subject], prefix: str, after: str, names: list[str]
) -> None:
    """A NUL, which PostgreSQL takes in no text, sorts before every letter and after nothing, on all
    stores."""
    subject = new_log()
    registered(subject, "u", "ua", "ub")
    assert subject.read(Rooms(prefix, after)).names == names


def test_nobody_is_in_too_many_rooms(new_log: Callable[[], Subject]) -> None:
    """2,000 at a time; a user who has left one may join another. A refused join stays refused."""
    subject = new_log()
    registered(subject, "alice")
    topics = [f"#t{number:04}" for number in range(2_002)]
    made(subject, topics)
    joins = [Draft("join", "alice", topic, "", key(number)) for number, topic in enumerate(topics)]
    *joined, one_more, again = subject.append(*joins[:2_001], joins[7])
    assert all(isinstance(outcome, int) for outcome in [*joined, again])
    assert again == joined[7]
    assert one_more == said(TooManyRooms.of())
    leave = Draft("leave", "alice", topics[0], "", key(9_000))
    still, left, also = subject.append(joins[2_000], leave, joins[2_001])
    assert still == one_more
    assert also == left + 1
    assert subject.append(joins[2_000]) == [one_more]
    assert "2,000" in TooManyRooms.sentence


def test_who_is_forgotten_makes_room(new_log: Callable[[], Subject]) -> None:
    """At once: whoever was in their room may join another, before the store has written that down, too."""
    subject = new_log()
    registered(subject, "alice", "bob")
    topics = [f"#t{number:04}" for number in range(2_000)]
    made(subject, topics)
    joins = [Draft("join", "alice", topic, "", key(number)) for number, topic in enumerate(["bob", *topics])]
    forget = Draft("forget", "bob", "bob", "", key(8_000), 0, More(to="bob"))
    *_, full, seq = subject.append(*joins, forget)
    assert full == said(TooManyRooms.of())
    again = [Draft("join", "alice", topic, "", key(9_000 + n)) for n, topic in enumerate(topics[-2:])]
    assert subject.append(*again) == [said(AlreadyJoined.of(room=topics[-2])), seq + 1]


def test_a_feed_of_who_is_forgotten_says_nothing(new_log: Callable[[], Subject]) -> None:
    """Where they were is not known any more: a page without what they heard there would be told as whole."""
    subject = new_log()
    registered(subject, "alice", "bob")
    subject.append(Draft("join", "bob", "alice", "", key(1)))
    *_, last = subject.append(post("alice", "hello", 2), post("bob", "well", 3))
    assert subject.read(Feed("bob", 2, last)).cursor == last
    subject.append(Draft("forget", "bob", "bob", "", key(4), 0, More(to="bob")))
    assert subject.read(Feed("bob", 2, last)) == FeedPage([], 2)
    assert subject.read(Feed("nobody", 2, last)) == FeedPage([], 2)


def test_the_newest_of_who_is_forgotten_are_none(new_log: Callable[[], Subject]) -> None:
    """What they heard by their name is not known any more: the others would be told as the newest."""
    subject = new_log()
    registered(subject, "alice", "bob", "carol")
    subject.append(Draft("join", "bob", "alice", "", key(1)))
    *_, last = subject.append(post("alice", "hello", 2), post("carol", "@bob", 3), post("alice", "well", 4))
    assert [one.text for one in subject.read(Newest("bob", last))] == ["hello", "@bob", "well"]
    subject.append(Draft("forget", "bob", "bob", "", key(5), 0, More(to="bob")))
    assert subject.read(Newest("bob", last)) == []
    assert subject.read(Newest("nobody", last)) == []


@pytest.mark.parametrize("make", [on_sqlite, on_postgres, in_memory])
def test_nobody_makes_too_many_topics(make: Callable[[Any], Subject], new_disk: Callable[[], Any]) -> None:
    """A user makes a hundred on a day of the log's time, by posts and joins together; existing topics are
    free to use.

    A refused draft stays refused, whatever day it comes again.
    """
    disk = new_disk()
    subject = make(disk)
    if make is in_memory:
        subject = Subject(MemoryLog(clock=disk.reactor.seconds), lambda: None)
    registered(subject, "alice", "bob")
    for number in range(5):
        names = " ".join(f"#{number}-{each}" for each in range(20 - (number == 4)))
        assert subject.append(post("alice", names, number)) == [3 + number]
    refused = said(TooManyTopics.of())
    two, one = post("alice", "#new #newer", 10), Draft("join", "alice", "#new", "", key(11))
    assert subject.append(two, one, two) == [refused, 8, refused]
    more = Draft("join", "alice", "#newer", "", key(12))
    talk = [post("alice", "#new #0-0 @bob", 13), post("bob", "#newer", 14), post("alice", "hi", 15)]
    assert subject.append(more, *talk, post("alice", "#newest", 16)) == [refused, 9, 10, 11, refused]
    assert subject.append(Draft("join", "alice", "#newer", "", key(17))) == [12]
    other = post("alice", "#other", 10)
    disk.reactor.advance(86_400)
    assert subject.append(two, more, other, post("alice", "#newest #x", 18)) == [
        *(refused, refused, said(KeyReused.of())),
        13,
    ]
    assert subject.append(post("alice", "without topics", 10)) == [14]
    found = subject.read(Rooms("#new", "")).names
    assert found == ["#new", "#newer", "#newest"]
    assert "100" in TooManyTopics.sentence


DRAFT = st.builds(
    lambda kind, user, room, elsewhere, words, number, by: Draft(
        kind,
        user,
        room if kind in ("join", "leave") or (kind == "post" and elsewhere) else user,
        {"post": " ".join(words), "join": "", "leave": ""}.get(kind, f"sha256:{number}"),
        key(number),
        by,
    ),
    st.sampled_from(["register", "secret", "join", "join", "join", "leave", "post", "post", "post", "post"]),
    st.sampled_from(USERS),
    st.sampled_from(ROOMS),
    st.booleans(),
    st.lists(st.sampled_from(["hi", "@alice", "@bob", "@carol", "@zoe", *TOPICS]), max_size=4),
    st.integers(0, 200),
    st.sampled_from([0, 0, 0, 0, 1, 3, 10]),
)
HISTORY = st.lists(st.lists(DRAFT, min_size=1, max_size=12), max_size=8)


@settings(max_examples=60)
@given(history=HISTORY, everybody=st.booleans(), after=st.integers(0, 40), upto=st.integers(0, 60))
def test_a_log_is_the_model(
    new_disk: Callable[[], Any], history: list[list[Draft]], everybody: bool, after: int, upto: int
) -> None:
    """For any history, every outcome and every read is what filtering the whole log gives."""
    if everybody:
        history = [[Draft("register", user, user, "sha256:0", key(9_999)) for user in USERS], *history]
    # Not parametrized: pytest-twisted wraps a hypothesis test again for each parameter.
    for make in LOGS:
        check_log(make(new_disk()), history, after, upto)


def check_log(subject: Subject, history: list[list[Draft]], after: int, upto: int) -> None:
    model = Model()
    for batch in history:
        assert subject.append(*batch) == [model.append(draft) for draft in batch]
    log = subject.log
    entries = log.window.after(0)
    assert [entry.time for entry in entries] == sorted(entry.time for entry in entries)
    model.entries = [
        Entry(old.seq, new.time, old.kind, old.user, old.room, old.text, old.key)
        for old, new in zip(model.entries, entries, strict=True)
    ]
    assert entries == model.entries
    upto = min(upto, len(entries))
    for user in USERS:
        check_user(subject, model, user, min(after, upto), upto)
    for room in ROOMS:
        check_room(subject, model, room, upto)
    assert subject.read(Rooms("", "")).names == model.rooms()
    behind = [room for room in model.rooms() if is_topic(room) and room > "#x"]
    assert subject.read(Rooms("#", "#x")).names == behind


def check_user(subject: Subject, model: Model, user: str, after: int, upto: int) -> None:
    memberships = model.memberships(user, upto)
    account = model.account(user)
    assert subject.read(AccountOf(user)) == account
    seen = [entry for entry in model.posts(after, upto) if visible(entry, user, memberships)]
    assert whole_feed(subject, user, after, upto) == seen
    rooms, since = {user, *memberships.rooms()}, account.registered if account else 0
    newest = [
        entry
        for entry in model.posts(0, upto)
        if rooms & (heard := set(places(entry.user, entry.room, entry.text)))
        or ("@" + user in heard and 0 < since < entry.seq)
    ]
    assert subject.read(Newest(user, upto)) == newest[-NEWEST:]
    snapshot = whole_snapshot(subject, user, after, upto)
    of_now = (account.secret_seq, account.registered) if account else (0, 0)
    assert (snapshot.at, snapshot.secret_seq, snapshot.registered) == (upto, *of_now)
    assert sorted(snapshot.intervals, key=repr) == sorted(
        [stay for stay in memberships.intervals() if stay.left is None or stay.left > after], key=repr
    )


def check_room(subject: Subject, model: Model, room: str, before: int) -> None:
    if room in model.rooms():
        for bound in (None, before):
            upto = len(model.entries) if bound is None else max(0, bound - 1)
            told = [
                entry for entry in model.posts(0, upto) if room in places(entry.user, entry.room, entry.text)
            ]
            assert subject.read(History(room, bound)) == told


# ---- what nobody should ask ----

EDGES = [0, 1, 2, 5, 32_767, 32_768, (1 << 31) - 1, 1 << 31, (1 << 63) - 2, (1 << 63) - 1]
ODD_WORDS = [
    *(
        "",
        "\0",
        "a\0b",
        "\U0010ffff",
        "ALICE",
        " alice",
        "alice\n",
        "@alice",
        "%",
        "_",
        "'",
        "\\",
        "all",
        "-",
    ),
    *("#", "#X", "#x\0", "#x\u200b", "#e\u0301", "#x.", "#%", "#_x", "é", "a" * 33, "#" + "x" * 65),
    *(
        "\u2028",
        "\ufeff",
        "\u3164",
        "\r\n",
        "one\n#x\ntwo",
        "x" + "\n" * 41,
        "x" * 2_001,
        "x" + "\u0316" * 31,
    ),
    *("#É @ALICE", "#x\u200b @al\u200bice", "#ß #ẞ #SS", " ".join(f"#{number}" for number in range(21))),
]
"""They have no halves of surrogate pairs, since nothing that came over a wire has them."""
odd_words = st.sampled_from([*3 * ROOMS, *ODD_WORDS])
edges = st.sampled_from(EDGES)
odd_drafts = st.one_of(
    st.builds(
        lambda user, number: Draft("register", user, user, "sha256:0", key(number)),
        odd_words,
        st.integers(0, 9),
    ),
    st.builds(
        lambda kind, user, room, number, by: Draft(kind, user, room, "", key(number), by),
        st.sampled_from(["join", "leave"]),
        odd_words,
        odd_words,
        st.integers(0, 9),
        edges,
    ),
    st.builds(
        lambda user, room, text, number, by: Draft("post", user, room or user, text, key(number), by),
        odd_words,
        st.none() | odd_words,
        odd_words,
        st.integers(0, 9),
        edges,
    ),
)
odd_reads: st.SearchStrategy[Question[Any]] = st.one_of(
    st.just(Head()),
    st.builds(AccountOf, odd_words, st.none() | odd_words),
    st.builds(CodeOf, odd_words, odd_words),
    st.builds(DevicesOf, odd_words),
    st.builds(History, odd_words, st.none() | edges, odd_words, edges),
    st.builds(HistoryAfter, odd_words, edges, odd_words, edges, st.booleans()),
    st.builds(RoomOf, odd_words, odd_words, edges, st.booleans()),
    st.builds(BansOf, odd_words, odd_words, edges, odd_words),
    st.builds(SeqBefore, st.sampled_from([-(1 << 63), -1, 0, 1 << 62, (1 << 63) - 1]), edges),
    st.builds(Members, odd_words, odd_words, edges, odd_words),
    st.builds(PoliciesIn, odd_words, odd_words, edges),
    st.builds(InvitationsOf, odd_words, edges, odd_words),
    st.builds(PersonOf, odd_words, odd_words, edges),
    st.builds(FirstIn, odd_words, edges),
    st.builds(SpeakerIn, odd_words, odd_words, edges),
    st.builds(LedBy, odd_words, st.lists(odd_words, max_size=2), edges),
    st.builds(ReportedPost, edges, odd_words, edges),
    st.builds(Talks, odd_words, edges, odd_words),
    st.builds(Rooms, odd_words, odd_words),
    st.builds(Newest, odd_words, edges, st.none() | edges),
    st.builds(Feed, odd_words, edges, edges),
    st.builds(SnapshotOf, odd_words, edges, edges),
    st.builds(CursorAt, edges),
    st.builds(MarksOf, odd_words, edges, odd_words),
    st.builds(HeardBy, odd_words, odd_words),
    st.builds(UnreadOf, odd_words, edges, odd_words),
)


def every_odd_read() -> list[Question[Any]]:
    """Return reads with each word and each number in each place where one may be."""
    of_words: list[Question[Any]] = [
        read
        for word in [*ODD_WORDS, *ROOMS]
        for read in (
            *(AccountOf(word, word), CodeOf(word, word), DevicesOf(word)),
            *(AccountOf(word), History(word), Rooms(word, ""), Rooms("", word)),
            *(Newest(word, 5), Feed(word, 0, 5), SnapshotOf(word, 0, 5)),
            *(MarksOf(word, 5, ""), MarksOf("alice", 5, word)),
            *(HeardBy(word, "0"), HeardBy("alice", word)),
            *(UnreadOf(word, 5, ""), UnreadOf("alice", 5, word)),
            *(Members(word, "alice", 5), Members("#x", word, 5), Members("#x", "alice", 5, word)),
            *(PersonOf(word, "alice", 5), PersonOf("alice", word, 5)),
            *(SpeakerIn(word, "#x", 5), SpeakerIn("alice", word, 5)),
            *(FirstIn(word, 5), LedBy(word, ["#x"], 5), LedBy("alice", [word, "#x"], 5)),
            *(InvitationsOf(word, 5), InvitationsOf("alice", 5, word)),
            *(PoliciesIn(word, "alice", 5), PoliciesIn("#x", word, 5)),
            *(Talks(word, 5), Talks("alice", 5, word), Faces(word), History(word, None, "alice", 5)),
            *(HistoryAfter(word, 0, "alice"), HistoryAfter("#x", 0, word, 5)),
            *(RoomOf(word, "alice", 5, True), RoomOf("#x", word, 5, True), BansOf(word, "alice", 5)),
            *(BansOf("#x", word, 5), BansOf("#x", "alice", 5, word)),
            *(HistoryAfter(word, 0, "alice", 5, True), History(word, None, "alice", 5, True)),
        )
    ]
    of_numbers: list[Question[Any]] = [
        read
        for number in EDGES
        for read in (
            ReportedPost(number, "alice", 5),
            *(HistoryAfter("#x", number, "alice"), HistoryAfter("#x", 2, "alice", number)),
            *(SeqBefore(0, number), SeqBefore(LAST_SEQ, number)),
            *(RoomOf("#x", "alice", number, True), BansOf("#x", "alice", number)),
            *(History("#x", number, events=True), HistoryAfter("#x", number, "alice", 5, True)),
            *(History("#x", number), Newest("alice", number), CursorAt(number)),
            SnapshotOf("alice", 0, 5, None, number),
        )
    ]
    of_two: list[Question[Any]] = [
        what("alice", after, upto) for what in (Feed, SnapshotOf) for after in EDGES for upto in EDGES
    ]
    return [Head(), *of_words, *of_numbers, *of_two]


def test_every_question_is_asked_of_every_log() -> None:
    """A new question must be added to the odd reads."""
    assert {type(read) for read in every_odd_read()} == set(QUESTIONS)


def test_all_logs_answer_odd_reads_alike(new_disk: Callable[[], Any]) -> None:
    """This holds for every word, and at both ends of the numbers' range."""
    talk = [post("alice", f"{number} #x @bob", number) for number in range(4)]
    joins = [Draft("join", user, "#x", "", key(10)) for user in ("alice", "bob")]
    first, *others = (answers(make(new_disk()), [*joins, *talk], every_odd_read()) for make in LOGS)
    for other in others:
        assert other == first


@settings(max_examples=40)
@given(
    drafts=st.lists(odd_drafts, min_size=5, max_size=40), reads=st.lists(odd_reads, min_size=5, max_size=40)
)
def test_all_logs_answer_alike(
    new_disk: Callable[[], Any], drafts: list[Draft], reads: list[Question[Any]]
) -> None:
    """All logs give the same answers and sentences to the same drafts and questions."""
    first, *others = (answers(make(new_disk()), drafts, reads) for make in LOGS)
    for other in others:
        assert other == first


def answers(subject: Subject, drafts: list[Draft], reads: list[Question[Any]]) -> list[Any]:
    """Return the outcomes of drafts and reads, without what differs between stores."""
    registered(subject, "alice", "bob")
    found: list[Any] = [*subject.append(*drafts), *subject.append(*drafts)]
    found += subject.ask(subject.log.keep_marks([UserMark("alice", room, 9) for room in ROOMS]))
    for question in reads:
        try:
            answer = subject.read(question)
        except NoSuchRoom as no:
            answer = no
        found.append((question, told(answer)))
    return found


def told(answer: Any) -> Any:
    """Return an answer without times, and without the log's id."""
    if isinstance(answer, list) and answer and isinstance(answer[0], UsedDevice):
        return [(one.device.seq, one.device.device) for one in answer]
    if isinstance(answer, list):
        return [one if isinstance(one, str) else one.seq for one in answer]
    if isinstance(answer, RoomFacts):
        return answer.members, answer.about, answer.by
    if isinstance(answer, FeedPage):
        return told(answer.posts), answer.cursor
    if isinstance(answer, Snapshot):
        return (
            answer.at,
            answer.secret_seq,
            answer.registered,
            sorted(answer.intervals, key=repr),
            answer.behind,
            answer.session is None,
        )
    if isinstance(answer, Cursor):
        return answer.seq
    if isinstance(answer, Person):
        return str(replace(answer, since=0))
    return str(answer)
