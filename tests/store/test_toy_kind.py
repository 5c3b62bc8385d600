"""A kind is added in six places, and then each log takes it, from its level on: here two toys are added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import toy_kind
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from store.test_log_contract import (
    LOGS,
    Model,
    Subject,
    key,
    post,
    registered,
    said,
    whole_feed,
)

from chatnet.entries import Draft, Entry
from chatnet.errors import (
    BadText,
    LevelReached,
    NoSuchRoom,
    NotJoined,
    NotYet,
    Outgrown,
    Refusal,
    TooManyTopics,
)
from chatnet.kinds import CLUSTER
from chatnet.names import is_topic
from chatnet.operator.check import check
from chatnet.reads import Head, History, Newest, Rooms, SnapshotOf
from chatnet.stays import Interval, Memberships
from chatnet.store.postgres.connection import connect
from chatnet.store.postgres.real import PostgresDatabases
from chatnet.store.window import Window
from chatnet.world.real import real_world


@pytest.fixture(autouse=True, scope="module")
def _toy() -> Iterator[None]:
    with toy_kind.there(), toy_kind.there(toy_kind.SHOUT):
        yield


@pytest.fixture(params=LOGS, ids=lambda make: make.__name__)
def subject(request: pytest.FixtureRequest, new_disk: Callable[[], Any]) -> Subject:
    made: Subject = request.param(new_disk())
    return made


def quit(user: str, room: str, number: int) -> Draft:
    return Draft("quit", user, room, "", key(number))


def shout(user: str, text: str, number: int) -> Draft:
    return Draft("shout", user, user, text, key(number))


def level(text: object, number: int = 1) -> Draft:
    return Draft("level", CLUSTER, CLUSTER, str(text), key(1_000_000 + number))


def join(user: str, room: str, number: int) -> Draft:
    return Draft("join", user, room, "", key(number))


NOT_YET = said(NotYet.of())


def test_what_is_above_the_level_is_refused(subject: Subject) -> None:
    """It stays refused though the level rises later; a kind that no program knows is refused at any level."""
    registered(subject, "alice")
    dance = Draft("dance", "alice", "alice", "", key(4))
    asked = [join("alice", "#x", 1), quit("alice", "#x", 2), level(3), quit("alice", "#x", 3), dance]
    assert subject.append(*asked) == [2, NOT_YET, 3, 4, NOT_YET]
    assert subject.append(*asked[:-1]) == [2, NOT_YET, 3, 4]
    assert subject.append(level(3, 2), level(4, 3), level((1 << 63) - 1, 4)) == [
        *(said(LevelReached.of()), NOT_YET, NOT_YET)
    ]
    assert subject.log.window.level == 3


def test_what_is_no_level_is_refused(subject: Subject) -> None:
    """One sentence says so, and it is no bug of ours: nothing is logged, and its neighbours are stored."""
    odd = ["two", "-2", "0", "1", "02", "2.0", "²", "", "\0", "9" * 10_000, str(1 << 63)]
    levels = [level(text, number) for number, text in enumerate(odd, 10)]
    refused = said(BadText.of(why="A level is a whole number from 2 to 9223372036854775807, in digits."))
    registered(subject, "alice")
    assert subject.append(*levels, post("alice", "hi", 1), level(3)) == [*len(odd) * [refused], 2, 3]
    assert subject.append(levels[0], level(3, 2)) == [refused, said(LevelReached.of())]
    assert subject.log.window.level == 3


def test_its_rule_and_what_follows_from_it(subject: Subject) -> None:
    """The toy has a rule of its own, and ends the stay: nothing said later is seen."""
    registered(subject, "alice", "bob")
    assert subject.append(level(3), join("bob", "#x", 1), join("bob", "alice", 2)) == [3, 4, 5]
    assert subject.append(quit("bob", "alice", 3), quit("alice", "#x", 3)) == [
        said(NoSuchRoom.of(room="alice")),
        said(NotJoined.of(room="#x")),
    ]
    said_before, said_later = post("alice", "see #x, before", 4), post("bob", "#x", 5)
    assert subject.append(said_before, quit("bob", "#x", 6), said_later) == [6, 7, 8]
    assert subject.append(post("alice", "see #x, later", 7), Draft("leave", "bob", "alice", "", key(8))) == [
        9,
        10,
    ]
    head = subject.read(Head())
    assert [entry.seq for entry in whole_feed(subject, "bob", 0, head)] == [6, 8, 9]
    assert subject.append(post("alice", "not followed, but #x", 9)) == [11]
    assert [entry.seq for entry in whole_feed(subject, "bob", 9, 11)] == []
    assert sorted(subject.read(SnapshotOf("bob", 0, 11)).intervals, key=lambda stay: stay.joined) == [
        Interval("#x", 4, 7),
        Interval("alice", 5, 10),
    ]


def test_what_is_heard_follows_from_the_row_of_its_kind(subject: Subject) -> None:
    """A kind that is heard, and has no rule of its own, is indexed by its places, makes topics, and may make
    no more of them on a day than posts may."""
    registered(subject, "alice", "bob")
    assert subject.append(level(3), join("bob", "#x", 1), shout("alice", "#new and #x", 2)) == [3, 4, 5]
    assert subject.append(shout("alice", "@bob", 3), shout("alice", "to nobody", 4)) == [6, 7]
    assert subject.read(Rooms("#", "")).names == ["#new", "#x"]
    assert [entry.seq for entry in subject.read(History("#new", None))] == [5]
    assert [entry.seq for entry in subject.read(Newest("bob", 7))] == [5, 6]
    assert [entry.seq for entry in whole_feed(subject, "bob", 0, 7)] == [5, 6]
    for number in range(5):
        names = " ".join(f"#{number}-{each}" for each in range(20 - (number == 4)))
        assert subject.append(shout("alice", names, 10 + number)) == [8 + number]
    too_many = said(TooManyTopics.of())
    assert subject.append(shout("alice", "#newer", 20), shout("bob", "#newer", 21)) == [too_many, 13]


class ToyModel(Model):
    """The rules with those of the toys and of levels."""

    level = 2

    def append(self, draft: Draft) -> tuple[int, str] | int:
        outcome = super().append(draft)
        if draft.kind == "level" and isinstance(outcome, int):
            self.level = max(self.level, int(draft.text))
        return outcome

    def _is_kept(self, draft: Draft) -> bool:
        return draft.kind == "quit" or super()._is_kept(draft)

    def _refusal(self, draft: Draft) -> Refusal | None:
        if draft.kind == "level":
            return (
                LevelReached.of()
                if int(draft.text) <= self.level
                else NotYet.of()
                if draft.text > "3"
                else None
            )
        if draft.kind in ("quit", "shout") and self.level < 3:
            return NotYet.of()
        if draft.kind != "quit":
            return super()._refusal(draft)
        if refusal := super()._refusal(Draft("post", draft.user, draft.user, "", draft.key, draft.by)):
            return refusal
        if not is_topic(draft.room):
            return NoSuchRoom.of(room=draft.room)
        joined = self.memberships(draft.user, len(self.entries)).has(draft.room)
        return None if joined else NotJoined.of(room=draft.room)

    def memberships(self, user: str, upto: int) -> Memberships:
        memberships = Memberships()
        for entry in self.entries[:upto]:
            memberships.apply(replace(entry, kind="leave") if entry.kind == "quit" else entry, user)
        return memberships


USERS, ROOMS = st.sampled_from(["alice", "bob"]), st.sampled_from(["#x", "#y", "alice"])
NUMBERS = st.integers(1, 40)
DRAFTS = st.one_of(
    st.builds(lambda user, number: Draft("register", user, user, "sha256:1", key(number)), USERS, NUMBERS),
    st.builds(join, USERS, ROOMS, NUMBERS),
    st.builds(lambda *what: Draft("leave", what[0], what[1], "", key(what[2])), USERS, ROOMS, NUMBERS),
    st.builds(quit, USERS, ROOMS, NUMBERS),
    st.builds(post, USERS, st.sampled_from(["hi", "see #x"]), NUMBERS),
    st.builds(shout, USERS, st.sampled_from(["hi", "see #x", "see #z"]), NUMBERS),
    st.builds(level, st.integers(2, 5), NUMBERS),
)


@given(history=st.lists(st.lists(DRAFTS, min_size=1, max_size=8), max_size=6))
@settings(max_examples=20)
def test_all_logs_are_the_model(new_disk: Callable[[], Any], history: list[list[Draft]]) -> None:
    """This holds for whatever is sent, at whatever level, in batches of any kinds."""
    for make in LOGS:
        subject, model = make(new_disk()), ToyModel()
        for batch in history:
            assert subject.append(*batch) == [model.append(draft) for draft in batch]
        assert subject.log.window.level == model.level
        assert subject.read(Rooms("", "")).names == model.rooms()


@pytest.mark.parametrize("entries", [["level"], ["post", "quit"], ["post", "level", "quit", "post"]])
def test_a_window_takes_nothing_that_is_not_understood(entries: list[str]) -> None:
    """It tells nobody of what comes with it."""
    window, told = Window(own=2), list[list[Entry]]()
    window.watch(told.append)
    window.extend([Entry(1, 0, "post", "alice", "alice", "hi", key(1))])
    news = [
        Entry(seq, 0, kind, "alice", "#x", "3" if kind == "level" else "", key(seq))
        for seq, kind in enumerate(entries, 2)
    ]
    with pytest.raises(Outgrown, match="update chatnet on this machine"):
        window.extend(news)
    assert (window.head, window.level, len(told)) == (1, 1, 1)
    newer = Window(own=3)
    newer.extend([Entry(1, 0, "post", "alice", "alice", "hi", key(1)), *news])
    assert (newer.head, newer.level) == (len(news) + 1, 3 if "level" in entries else 1)


def test_an_old_program_cannot_open_a_newer_log(disk: Any) -> None:
    """An old program says why an embedded store cannot be opened, and does not raise the epoch; a new one can
    use it."""
    log = disk.open()
    Subject(log, lambda: None).append(level(3))
    disk.close()
    disk.level = 2
    with pytest.raises(Outgrown, match="The log is at level 3, and this chatnet understands level 2: update"):
        disk.open()
    disk.level = 3
    again = disk.open()
    assert (again.epoch, again.window.level) == (log.epoch + 1, 3)


def test_an_old_process_of_a_shared_log_ends(disk: Any) -> None:
    """When it appends it is told so, under the lock of the head, and nothing of that is stored."""
    new = disk.open_postgres()
    url = disk.url
    disk.level = 2
    old = disk.open_postgres(url)
    follows = Subject(new, lambda: disk.reactor.advance(0))
    registered(follows, "alice")
    disk.reactor.advance(1)
    assert old.window.head == 1
    old._follower.close()  # so that it finds out by the append
    assert follows.append(level(3), join("alice", "#x", 1), quit("alice", "#x", 2)) == [2, 3, 4]
    answered: list[object] = []
    old.append([post("alice", "I am old", 3)]).addBoth(answered.append)
    disk.reactor.advance(1)
    sentence = "The log is at level 3, and this chatnet understands level 2"
    assert (answered, len(disk.outgrown)) == ([], 1)
    assert disk.outgrown[0].startswith(sentence)
    assert follows.read(Head()) == 4
    with pytest.raises(Outgrown, match=sentence):
        disk.open_postgres(url)


def test_functions_of_older_programs_are_dropped(disk: Any) -> None:
    """They are dropped when the level has risen: the old program's, not another new one's. Until then both
    work."""
    new = disk.open_postgres()
    disk.level = 2
    disk.open_postgres(disk.url)
    subject = Subject(new, lambda: disk.reactor.advance(0))
    with connect(disk.url) as connection:

        def levels() -> set[str]:
            names = connection.execute(
                "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
            )
            return {name.split("_")[-2] for (name,) in names.fetchall() if name.startswith("chatnet_")}

        another = "chatnet_append_3_00000000"
        connection.execute(f"CREATE FUNCTION {another}() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        assert levels() == {"2", "3"}
        subject.append(level(3))
        subject.ask(new.outdate(3))
        assert levels() == {"3"}
        assert connection.execute("SELECT 1 FROM pg_proc WHERE proname = %s", (another,)).fetchone() == (1,)
        registered(subject, "alice")


def test_an_old_program_does_not_take_the_lease_of_a_shared_log(disk: Any) -> None:
    """This holds even if it was open before the level rose: the row stays."""
    new = disk.open_postgres()
    subject = Subject(new, lambda: disk.reactor.advance(0))
    old = PostgresDatabases(2).connect(disk.url)
    old.open("id")
    before = old.lease()
    subject.append(level(3))
    with pytest.raises(Outgrown, match="The log is at level 3"):
        old.take_lease(before.counter, "me")
    assert old.lease() == before
    newer = PostgresDatabases(3).connect(disk.url)
    assert newer.take_lease(before.counter, "me") == before.epoch + 1
    old.close()
    newer.close()


def test_an_old_follower_of_a_shared_log_ends(disk: Any) -> None:
    """It is handed nothing of the batch with the level, nor anything later."""
    new = disk.open_postgres()
    disk.level = 2
    old = disk.open_postgres(disk.url)
    subject = Subject(new, lambda: disk.reactor.advance(0))
    registered(subject, "alice")
    disk.reactor.advance(1)
    told: list[list[Entry]] = []
    old.window.watch(told.append)
    subject.append(level(3), join("alice", "#x", 1), quit("alice", "#x", 2), post("alice", "hi", 3))
    disk.reactor.advance(1)
    assert (told, old.window.head) == ([], 1)
    assert disk.outgrown
    disk.reactor.advance(10)
    assert (told, old.window.head) == ([], 1)


def test_a_whole_log_of_a_newer_level_is_found_whole(disk: Any) -> None:
    """A program of that level finds it whole. The old one says that it cannot tell."""
    subject = Subject(disk.open(), lambda: None)
    registered(subject, "alice")
    subject.append(level(3), join("alice", "#x", 1), quit("alice", "#x", 2), shout("alice", "#y", 3))
    disk.close()
    assert "5 entries, and all that follows from them, are whole" in check(
        str(disk.path), disk.path, "", real_world()
    )
