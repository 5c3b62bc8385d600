"""What every log promises of marks, checked on each against a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from store.test_log_contract import (
    HISTORY,
    LOGS,
    ROOMS,
    USERS,
    Model,
    Subject,
    key,
    made,
    post,
    registered,
)
from store.test_log_contract import new_log as new_log  # a fixture
from store.test_rooms_contract import LOGS as ORDERED_LOGS
from store.test_rooms_contract import ROOMS as PRIVATE_TOO
from store.test_rooms_contract import Step, begun, good, steps

from chatnet.entries import Draft, More, Ref, places
from chatnet.marks import MOST_HEARD, MOST_KEPT, MOST_USED, UserMark, cut, heard, used
from chatnet.reads import MOST_UNREAD, CursorAt, Head, HeardBy, MarkPage, MarksOf, UnreadOf, UnreadPage
from chatnet.store.pages import PAGE_ROOMS

MARK = st.builds(
    UserMark,
    st.sampled_from(USERS),
    st.sampled_from(ROOMS),
    st.one_of(st.integers(1, 60), st.just((1 << 63) - 1)),
)
MARKS = st.lists(st.lists(MARK, max_size=10), max_size=8)


class MarkModel(Model):
    """The rules of marks, too: each is the greatest so far, and gone with the stay that it was set in."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: dict[tuple[str, str], int] = {}

    def keep(self, marks: list[UserMark]) -> set[UserMark]:
        before = dict(self.marks)
        for mark in marks:
            seq = min(mark.seq, len(self.entries))
            self.marks[mark.user, mark.room] = max(seq, self.marks.get((mark.user, mark.room), 0))
        return {UserMark(*whose, seq) for whose, seq in self.marks.items() if before.get(whose) != seq}

    def stays_of(self, user: str, upto: int) -> dict[str, int]:
        """Return since when the user is in their rooms."""
        stays: dict[str, int] = {}
        for entry in self.entries[:upto]:
            if entry.user == user and entry.kind in ("register", "join"):
                stays[entry.room] = entry.seq
            elif entry.user == user and entry.kind == "leave":
                del stays[entry.room]
        return stays

    def marks_of(self, user: str, upto: int) -> list[tuple[str, int]]:
        stays = self.stays_of(user, upto)
        found = [(room, seq) for (whose, room), seq in self.marks.items() if whose == user]
        return sorted((room, seq) for room, seq in found if room in stays and seq >= stays[room])

    def unread_of(self, user: str, upto: int) -> list[tuple[str, int, int]]:
        found: list[tuple[str, int, int]] = []
        for room, joined in sorted(self.stays_of(user, upto).items()):
            after = upto if room == user else max(joined, self.marks.get((user, room), 0))
            posts = [
                post for post in self.posts(after, upto) if room in places(post.user, post.room, post.text)
            ]
            named = [post for post in posts if post.room == room and "@" + user in post.text.split()]
            found.append((room, min(99, len(posts)), min(99, len(named))))
        return found


@settings(max_examples=40)
@given(history=HISTORY, marks=MARKS, upto=st.integers(0, 60), after=st.sampled_from(["", *ROOMS, "#y\0"]))
def test_marks_and_what_is_unread_are_the_models(
    new_disk: Callable[[], Any],
    history: list[list[Draft]],
    marks: list[list[UserMark]],
    upto: int,
    after: str,
) -> None:
    """Marks rise, never above the head, whatever comes between; what is answered are those that rose. What is
    unread follows from marks and stays, at any seq."""
    history = [[Draft("register", user, user, "sha256:0", key(9_999)) for user in USERS], *history]
    for make in LOGS:
        subject, model = make(new_disk()), MarkModel()
        most = max(len(history), len(marks))
        for at in range(most):
            drafts = history[at] if at < len(history) else []
            batch = marks[at] if at < len(marks) else []
            outcomes = [model.append(draft) for draft in drafts]
            assert subject.append(*drafts) == outcomes
            kept = subject.ask(subject.log.keep_marks(batch))
            assert kept == sorted(model.keep(batch), key=lambda mark: (mark.user, mark.room))
        for user in USERS:
            found = subject.read(MarksOf(user, min(upto, len(model.entries)), after))
            expected = [mark for mark in model.marks_of(user, upto) if mark[0] > after]
            assert found == MarkPage(expected, False)
            counts = subject.read(UnreadOf(user, min(upto, len(model.entries)), after))
            rows = [row for row in model.unread_of(user, upto) if row[0] > after]
            stays = model.stays_of(user, upto)
            assert counts == UnreadPage(rows, False, [stays[room] for room, _, _ in rows])


def test_what_is_kept_is_told_once(new_log: Callable[[], Subject]) -> None:
    """A mark that is not news is not told again; one above the head is told as it was cut."""
    subject = new_log()
    registered(subject, "alice", "bob")
    subject.append(Draft("join", "alice", "bob", "", key(1)))
    keep = subject.log.keep_marks
    first = [UserMark("alice", "bob", 2), UserMark("alice", "bob", 99), UserMark("bob", "bob", 1)]
    assert subject.ask(keep(first)) == [UserMark("alice", "bob", 3), UserMark("bob", "bob", 1)]
    assert subject.ask(keep(first)) == []
    assert subject.ask(keep([UserMark("bob", "bob", 2)])) == [UserMark("bob", "bob", 2)]
    assert subject.ask(keep([])) == []


def test_marks_come_in_pages(new_log: Callable[[], Subject]) -> None:
    """The page after the last room of a page follows it; rooms without a mark take no room in it."""
    subject = new_log()
    registered(subject, "alice")
    topics = sorted(f"#t{number}" for number in range(PAGE_ROOMS * 2 + 70))
    makers = [f"maker{number}" for number in range(5)]
    registered(subject, *makers)
    made = [Draft("join", makers[at // 100], topic, "", key(at)) for at, topic in enumerate(topics)]
    assert all(isinstance(outcome, int) for outcome in subject.append(*made))
    subject.append(*[Draft("join", "alice", topic, "", key(number)) for number, topic in enumerate(topics)])
    head = subject.log.window.head
    marked = [topic for number, topic in enumerate(topics) if number % 2 or number < 200]
    for start in range(0, len(marked), 200):
        batch = [UserMark("alice", topic, head) for topic in marked[start : start + 200]]
        subject.ask(subject.log.keep_marks(batch))
    first = subject.read(MarksOf("alice", head, ""))
    assert first == MarkPage([(topic, head) for topic in marked[:PAGE_ROOMS]], True)
    last = subject.read(MarksOf("alice", head, first.marks[-1][0]))
    assert last == MarkPage([(topic, head) for topic in marked[PAGE_ROOMS:]], False)


def test_marks_of_a_user_are_bounded(new_log: Callable[[], Subject]) -> None:
    """Beyond what is kept of a user, the mark with the smallest seq goes, even if it is the new one. When
    sessions were last used is counted apart, and so is every user."""
    subject = new_log()
    registered(subject, "alice", "bob")
    subject.append(*(post("alice", "hi", number) for number in range(4)))
    head = subject.log.window.head

    def keep(*marks: UserMark) -> list[UserMark]:
        found: list[UserMark] = []
        for start in range(0, len(marks), 200):
            found += subject.ask(subject.log.keep_marks(marks[start : start + 200]))
        return found

    def marks_of(user: str) -> list[tuple[str, int]]:
        page: MarkPage = subject.read(MarksOf(user, head, ""))
        return page.marks

    keep(UserMark("alice", "alice", 3), UserMark("alice", used(1), 3), UserMark("bob", "bob", 3))
    others = [UserMark("alice", f"alice=z{number:04}", 4) for number in range(MOST_KEPT)]
    assert keep(*others[1:]) == others[1:]
    assert marks_of("alice") == [("alice", 3)]
    assert keep(others[0]) == others[:1]
    assert marks_of("alice") == []
    assert keep(UserMark("alice", "alice", 3)) == []
    assert keep(UserMark("alice", "alice", 5)) == [UserMark("alice", "alice", 5)]
    assert keep(others[0]) == []  # it went for that one
    assert (marks_of("alice"), marks_of("bob")) == ([("alice", 5)], [("bob", 3)])
    assert keep(UserMark("alice", used(1), 3)) == []  # it is there
    sessions = [UserMark("alice", used(number), 4) for number in range(2, MOST_USED + 2)]
    assert keep(*sessions) == sorted(sessions, key=lambda mark: mark.room)
    assert keep(UserMark("alice", used(1), 4)) == []  # it was not there, and is the first to go
    devices = [UserMark("alice", heard(f"{number:032x}"), 4) for number in range(MOST_HEARD)]
    assert keep(UserMark("alice", heard("f" * 32), 3), *devices[1:])[0] == devices[1]
    assert keep(devices[0]) == devices[:1]
    assert subject.read(HeardBy("alice", "f" * 32)) is None
    assert keep(UserMark("alice", heard("f" * 32), 3)) == keep(UserMark("alice", used(1), 4)) == []
    assert subject.read(HeardBy("alice", f"{7:032x}")) == 4
    assert marks_of("alice") == [("alice", 5)]


def test_what_a_device_has_heard(new_log: Callable[[], Subject]) -> None:
    """It is kept by device, rises, is never above the head, is in no list of marks, and is gone with the
    user."""
    subject = new_log()
    registered(subject, "alice", "bob")
    subject.append(*(post("bob", "hi", number) for number in range(6)))
    phone, laptop = "a" * 32, "b" * 32

    def keep(device: str, seq: int, user: str = "alice") -> list[UserMark]:
        kept: list[UserMark] = subject.ask(subject.log.keep_marks([UserMark(user, heard(device), seq)]))
        return kept

    def found() -> list[int | None]:
        asked = (HeardBy("alice", phone), HeardBy("alice", laptop), HeardBy("bob", phone))
        return [subject.read(question) for question in asked]

    assert found() == [None, None, None]
    keep(phone, 4)
    keep(phone, 2, "bob")
    assert keep(phone, 3) == []
    assert found() == [4, None, 2]
    assert keep(laptop, 99) == [UserMark("alice", heard(laptop), 8)]
    assert keep(phone, 5) == [UserMark("alice", heard(phone), 5)]
    assert found() == [5, 8, 2]
    assert subject.read(MarksOf("alice", 8, "")).marks == []
    subject.append(Draft("forget", "alice", "alice", "", key(7), more=More(to="alice")))
    assert keep(phone, 6) == []
    assert subject.read(HeardBy("bob", phone)) == 2


def test_no_mark_of_who_is_forgotten_is_kept(new_log: Callable[[], Subject]) -> None:
    """A worker may have gathered it before: with whom somebody talked would stay for good."""
    subject = new_log()
    registered(subject, "alice", "bob")
    subject.append(Draft("forget", "alice", "alice", "", key(1), more=More(to="alice")))
    marks = [UserMark("alice", "alice=zed", 1), UserMark("bob", "bob", 1)]
    assert subject.ask(subject.log.keep_marks(marks)) == marks[1:]


def test_no_more_is_counted_than_can_be_shown(new_log: Callable[[], Subject]) -> None:
    """Rooms in which all is read are listed, too; a mention counts in the room where it was said alone."""
    subject = new_log()
    registered(subject, "alice", "bob")
    joins = [Draft("join", "alice", room, "", key(at)) for at, room in enumerate(("bob", "#x"))]
    talk = [post("bob", "hi @alice #x", number) for number in range(MOST_UNREAD + 20)]
    subject.append(*joins, *talk)
    head = subject.log.window.head
    assert subject.read(UnreadOf("alice", head, "")).rooms == [
        *(("#x", MOST_UNREAD, 0), ("alice", 0, 0)),
        ("bob", MOST_UNREAD, MOST_UNREAD),
    ]
    subject.ask(subject.log.keep_marks([UserMark("alice", "bob", head - 3), UserMark("alice", "#x", head)]))
    assert subject.read(UnreadOf("alice", head, "")).rooms == [("#x", 0, 0), ("alice", 0, 0), ("bob", 3, 3)]
    assert subject.read(UnreadOf("alice", head - 2, "#x")).rooms == [("alice", 0, 0), ("bob", 1, 1)]


def test_unread_rooms_come_in_pages(new_log: Callable[[], Subject]) -> None:
    """A page has 200 rooms, and says whether another follows."""
    subject = new_log()
    registered(subject, "alice")
    rooms = sorted(["alice", *(f"#{number:03}" for number in range(PAGE_ROOMS + 20))])
    made(subject, rooms[:-1])
    subject.append(*[Draft("join", "alice", room, "", key(at)) for at, room in enumerate(rooms[:-1])])
    head = subject.log.window.head
    joined = head - PAGE_ROOMS - 20
    stays = {room: joined + at for at, room in enumerate(rooms[:-1], 1)} | {"alice": 1}
    first = subject.read(UnreadOf("alice", head, ""))
    assert first == UnreadPage(
        [(room, 0, 0) for room in rooms[:PAGE_ROOMS]], True, [stays[room] for room in rooms[:PAGE_ROOMS]]
    )
    last = subject.read(UnreadOf("alice", head, first.rooms[-1][0]))
    assert last == UnreadPage(
        [(room, 0, 0) for room in rooms[PAGE_ROOMS:]], False, [stays[room] for room in rooms[PAGE_ROOMS:]]
    )


def test_the_greatest_of_a_batch_wins() -> None:
    """A batch may name a user and a room twice; none is above the head."""
    given = [UserMark("b", "x", 5), UserMark("a", "x", 9), UserMark("b", "x", 7), UserMark("b", "x", 6)]
    assert cut(given, 8) == [UserMark("a", "x", 8), UserMark("b", "x", 7)]


# ---- private rooms, conversations, blocks ----


@settings(max_examples=10)
@given(
    history=st.lists(st.lists(steps, max_size=12), max_size=6),
    marks=st.lists(
        st.builds(UserMark, st.sampled_from(USERS), st.sampled_from(PRIVATE_TOO), st.integers(1, 60)),
        max_size=8,
    ),
    upto=st.integers(5, 60),
)
def test_all_logs_count_alike(
    new_disk: Callable[[], Any], history: list[list[Step]], marks: list[UserMark], upto: int
) -> None:
    """Whatever is said, ordered and taken back in rooms of all sorts."""

    def counted(subject: Subject) -> list[Any]:
        begun(subject)
        for batch in history:
            subject.append(*good(step.draft(subject) for step in batch))
        found: list[Any] = [subject.ask(subject.log.keep_marks(marks))]
        head = subject.read(Head())
        for user in USERS:
            for at in (min(upto, head), head):
                found += [subject.read(UnreadOf(user, at, "")), subject.read(MarksOf(user, at, ""))]
        return found

    first, *others = (counted(make(new_disk())) for make in ORDERED_LOGS)
    for other in others:
        assert other == first


def test_what_is_unread_of_whom(new_log: Callable[[], Subject]) -> None:
    """In a private room from where one's stay began; of a conversation all counts; whoever one blocks does
    not mention one; what was taken back counts no more."""
    subject = new_log()
    begun(subject)
    hidden = Draft("post", "alice", "&ops", "@bob look", key(50))
    subject.append(
        hidden,
        Draft("post", "alice", "alice=bob", "psst", key(51)),
        Draft("join", "bob", "#x", "", key(52)),
        Draft("post", "alice", "#x", "@bob here", key(53)),
        Draft("block", "bob", "bob", "", key(54), 0, More(to="alice")),
        Draft("post", "alice", "#x", "@bob there", key(55)),
    )
    head = subject.log.window.head
    assert head == 14
    assert subject.read(UnreadOf("bob", head, "")).rooms == [
        *(("#x", 2, 1), ("&ops", 1, 1), ("alice=bob", 1, 1)),
        ("bob", 0, 0),
    ]
    assert subject.read(UnreadOf("bob", head, "")).since[:3:2] == [11, 0]
    assert subject.read(UnreadOf("bob", 9, "")).rooms == [("&ops", 1, 1), ("bob", 0, 0)]
    assert subject.read(UnreadOf("carol", head, "")).rooms == [("carol", 0, 0)]
    subject.ask(subject.log.keep_marks([UserMark("bob", "alice=bob", 10), UserMark("carol", "&ops", 9)]))
    assert subject.read(MarksOf("bob", head, "")).marks == [("alice=bob", 10)]
    assert subject.read(MarksOf("carol", head, "")).marks == []
    cursor = subject.read(CursorAt(9))
    assert cursor is not None
    taken_back = Draft("redact", "alice", "alice", "", key(56), 0, More(ref=Ref(9, cursor.check)))
    assert subject.append(taken_back) == [15]
    assert subject.read(UnreadOf("bob", head, "#x")).rooms[0] == ("&ops", 0, 0)
    assert subject.append(hidden) == [9]
