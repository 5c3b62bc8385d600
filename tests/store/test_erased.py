"""What was taken back stays so when a backup of the store is put back."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any

import apsw
import pytest
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from chatnet.entries import Draft, Entry, More, Ref
from chatnet.erased import MOST_IN_LINE, MOST_LINE, Erasure, Line, line_in, line_of, lines_of
from chatnet.errors import (
    CannotStart,
    KeyReused,
    NoSuchPost,
    NoSuchRoom,
    NoSuchUser,
    NotThere,
    NotYet,
    Poison,
)
from chatnet.kinds import CLUSTER, KINDS, own_level
from chatnet.log import Refused
from chatnet.marks import UserMark
from chatnet.names import MAX_NAME, MAX_TOPIC
from chatnet.operator.check import check
from chatnet.reads import CursorAt, Feed, History, Last, MarksOf, Newest
from chatnet.store.erased import AGAIN_MS, REDACTS, untaken
from chatnet.store.sqlite import erased as sqlite_erased
from chatnet.store.sqlite import slack
from chatnet.store.sqlite.disk import DiskFull, ListRefuses, NoRoomToWriteAnew
from chatnet.store.sqlite.log import LOOK_SECONDS, SqliteLog
from chatnet.store.sqlite.schema import STEPS
from chatnet.store.sqlite.writer import Listed
from chatnet.testing.memory_log import MemoryLog
from chatnet.world.real import RealFiles, real_world

Now = Callable[[Any], Any]
NEEDLE = "needle-in-the-hay"
ROOMS = ("alice", "#tea", "&ops", "alice=bob")
POST = b"p%015d"


def key(number: int) -> bytes:
    return b"k%015d" % number


BEGINNING = [
    Draft("register", "alice", "alice", "sha256:1", key(1)),
    Draft("register", "bob", "bob", "sha256:2", key(2)),
    Draft("register", "carol", "carol", "sha256:3", key(3)),
    Draft("join", "alice", "#tea", "", key(4)),
    Draft("create", "alice", "&ops", "all", key(5)),
    Draft("post", "bob", "bob", "hello", key(6)),
]
SAID = [Draft("post", "alice", room, f"{NEEDLE} @bob {room}", POST % at) for at, room in enumerate(ROOMS)]


class Place:
    """A data directory with a log in it, of which backups are made and put back."""

    def __init__(self, disk: Any, data: Path, now: Now) -> None:
        self.disk, self.data, self._now = disk, data, now
        self.log: SqliteLog = disk.open()
        self._keys = 100

    def append(self, *drafts: Draft) -> list[Any]:
        outcomes: list[Any] = self._now(self.log.append(list(drafts)))
        assert not [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        return outcomes

    def redact(self, *seqs: int) -> list[int]:
        return self.append(*(self.order("redact", "alice", "alice", seq) for seq in seqs))

    def order(self, kind: Any, user: str, room: str, ref: int = 0, to: str = "") -> Draft:
        self._keys += 1
        its = Ref(ref, self._now(self.log.read(CursorAt(ref))).check) if ref else None
        return Draft(kind, user, room, "", key(self._keys), 0, More(to=to, ref=its))

    def backup(self) -> Path:
        """Make one in the worst way: pages may keep what is no longer in them, also later."""
        made = self.data.parent / f"backup-{self._keys}-{self.log.window.head}"
        with closing(apsw.Connection(str(self.disk.path))) as connection:
            connection.execute("PRAGMA secure_delete=OFF")
            connection.execute("VACUUM INTO ?", (str(made),))
        return made

    def put_back(self, backup: Path) -> None:
        """As the manual says."""
        self.disk.close()
        for path in self.data.glob("log.sqlite*"):
            path.unlink()
        shutil.copy(backup, self.disk.path)
        self.open()

    def put_back_for(self, backup: Path, sentence: str) -> None:
        """Put it back, for a master that ends in this sentence."""
        with pytest.raises(CannotStart, match=sentence):
            self.put_back(backup)

    def open(self) -> None:
        self.log = self.disk.open()
        self.disk.reactor.advance(LOOK_SECONDS)

    def free(self) -> None:
        """Overwrite what is taken back together."""
        while self._now(self.log.free()).blanking is not None:
            pass
        self.disk.reactor.advance(LOOK_SECONDS)

    def entries(self) -> list[Entry]:
        found: list[Entry] = self._now(self.log.read(Last(1_000)))
        return found

    def given(self) -> str:
        """Return all texts that readers are given, and that the window holds."""
        head = self.log.window.head
        pages = [self._now(self.log.read(Newest(user, head))) for user in ("alice", "bob")]
        pages += [self._now(self.log.read(Feed(user, 0, head))).posts for user in ("alice", "bob")]
        for user, room in product(("alice", "bob"), ROOMS):
            with suppress(NoSuchRoom):
                pages.append(self._now(self.log.read(History(room, None, user, head))))
        pages += [self.log.window.after(0), self.entries()]
        return " ".join(entry.text for page in pages for entry in page)

    def holding(self, piece: str = NEEDLE) -> list[str]:
        """Return the files of the directory that hold the piece."""
        paths = [path for path in self.data.rglob("*") if path.is_file()]
        return [path.name for path in paths if piece.encode() in path.read_bytes()]

    def lines(self) -> list[Line | None]:
        return list(map(line_in, (self.data / "erased").read_bytes().splitlines()))

    def followed(self) -> tuple[Listed, Listed]:
        """Return how far the store says that the list is followed, and what the whole list is."""
        with closing(apsw.Connection(str(self.disk.path))) as connection:
            says = Listed(*next(connection.execute("SELECT erased, erased_tail FROM log")))
        path = self.data / "erased"
        return says, sqlite_erased.listed(path, self.disk.files, path.stat().st_size)


@implementer(ILogObserver)
class Said(list[str]):
    """What is logged, as it is read."""

    def __call__(self, event: LogEvent) -> None:
        self.append(formatEvent(event))


@contextmanager
def listening() -> Iterator[Said]:
    said = Said()
    globalLogPublisher.addObserver(said)
    yield said
    globalLogPublisher.removeObserver(said)


@pytest.fixture
def place(disk: Any, tmp_path: Path, now: Now) -> Place:
    data = tmp_path / "data"
    data.mkdir()
    disk.path = data / "log.sqlite"
    return Place(disk, data, now)


# ---- a backup is put back ----


def test_what_was_taken_back_after_a_backup_is_gone_when_it_is_put_back(place: Place) -> None:
    """No read, no window and no byte of the directory has the texts; everybody who follows is told, once."""
    place.append(*BEGINNING)
    seqs = place.append(*SAID)
    backup = place.backup()
    place.redact(*seqs)
    place.append(Draft("post", "bob", "bob", "later", key(7)))
    head = place.log.window.head
    for _ in range(2):
        place.put_back(backup)
        assert NEEDLE not in place.given()
        assert place.holding() == []
        again = [entry for entry in place.entries() if entry.kind == "redact"]
        assert [(entry.user, entry.ref and entry.ref.seq) for entry in again] == [
            (CLUSTER, it) for it in seqs
        ]
        assert [set(entry.at) >= {"!alice"} for entry in again] == [True] * len(seqs)
        assert place.log.window.head == head - 1
    place.disk.close()
    place.open()
    assert place.log.window.head == head - 1
    assert len(place.lines()) == 1


@pytest.mark.parametrize(
    ("how", "when"),
    [
        ("into", "before"),
        ("into", "after"),
        ("of an earlier release", "before"),
        ("of an earlier release", "after"),
        ("in place", "after"),
    ],
)
def test_a_file_that_vacuum_made_has_nothing_of_what_is_taken_back(place: Place, how: str, when: str) -> None:
    """Neither of what was taken back before it was put back, nor of what is later: VACUUM leaves rows in the
    free space of pages that it splits, where nothing overwrites them, and they are not in any table."""
    place.append(*BEGINNING)
    many = [Draft("post", "alice", "alice", f"{NEEDLE} {at}", POST % at) for at in range(300)]
    seqs = place.append(*many)
    backup = place.backup()
    if how == "of an earlier release":
        with closing(apsw.Connection(str(backup))) as connection:
            connection.execute("PRAGMA user_version=0")
    if when == "before":
        place.redact(*seqs)
    if how == "in place":
        place.disk.close()
        with closing(apsw.Connection(str(place.disk.path))) as connection:
            connection.execute("PRAGMA secure_delete=OFF")
            connection.execute("VACUUM")
        place.open()
    else:
        place.put_back(backup)
    if when == "after":
        place.redact(*seqs)
        place.disk.reactor.advance(LOOK_SECONDS)
    assert (NEEDLE in place.given(), place.holding()) == (False, [])


def test_a_master_that_is_killed_while_it_writes_a_file_anew_is_followed_by_one_that_does(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once that is done, it is not done again."""
    place.append(*BEGINNING)
    many = [Draft("post", "alice", "alice", f"{NEEDLE} {at}", POST % at) for at in range(300)]
    seqs = place.append(*many)
    backup = place.backup()
    place.redact(*seqs)
    begun: list[apsw.Connection] = []

    def dies(connection: apsw.Connection) -> None:
        begun.append(connection)
        raise apsw.FullError("it dies")

    with monkeypatch.context() as mortal:
        mortal.setattr(slack, "write_anew", dies)
        for _ in range(2):
            with pytest.raises(DiskFull):
                place.put_back(backup) if not begun else place.open()
    assert len(begun) == 2
    place.open()
    assert place.holding() == []
    place.disk.close()
    monkeypatch.setattr(slack, "write_anew", dies)
    place.open()


def test_a_file_is_not_written_anew_where_there_is_no_room(place: Place) -> None:
    """Nothing is written then, which would fill the disk for others, again and again; the sentence says how
    much room there has to be."""

    class Small(RealFiles):
        free = 0

        def free_bytes(self, directory: Path) -> int:
            return self.free

    place.append(*BEGINNING)
    place.append(*(Draft("post", "alice", "alice", f"{NEEDLE} {at}", POST % at) for at in range(300)))
    backup = place.backup()
    place.disk.files = files = Small()
    with pytest.raises(NoRoomToWriteAnew) as no:
        place.put_back(backup)
    needed = 2 * backup.stat().st_size
    assert (str(no.value), no.value.why, no.value.until) == (
        "0 are free",
        f"{place.disk.path} was made by VACUUM, as a backup is, and has to be written anew",
        f"there is room for that: {needed:,} bytes in {place.data}",
    )
    files.free = needed - 1
    with pytest.raises(NoRoomToWriteAnew):
        place.open()
    files.free = needed
    place.open()
    files.free = 0
    place.disk.close()
    place.open()


def test_who_was_forgotten_or_purged_after_a_backup_is_so_when_it_is_put_back(place: Place, now: Now) -> None:
    """The entries themselves are not in the backup: the list alone says it."""
    place.append(*BEGINNING)
    place.append(*SAID, Draft("post", "bob", "bob", f"{NEEDLE} of bob", key(8)))
    place.append(Draft("join", "bob", "#tea", "", key(9)), Draft("post", "bob", "#tea", "bob's tea", key(10)))
    backup = place.backup()
    place.disk.reactor.advance(5)
    place.append(
        Draft("forget", CLUSTER, "", "", key(20), 0, More(to="alice")),
        Draft("purge", CLUSTER, "#tea", "", key(21), 0, More(to="bob")),
    )
    place.put_back(backup)
    assert f"{NEEDLE} @" not in place.given()
    assert "bob's tea" not in place.given()
    assert f"{NEEDLE} of bob" in place.given()
    place.free()
    assert (place.holding(f"{NEEDLE} @"), place.holding("bob's tea")) == ([], [])
    assert place.holding("sha256:1") == []
    [no] = now(place.log.append([Draft("post", "alice", "alice", "again", key(22))]))
    assert no.code == b"FORGOTTEN"
    (purged,) = [entry for entry in place.entries() if entry.kind == "purge"]
    assert (purged.user, purged.to, purged.room) == (CLUSTER, "bob", "#tea")


PURGE_EVERYWHERE = Draft("purge", CLUSTER, "", "", key(70), 0, More(to="alice"))


def test_a_purged_post_that_comes_again_after_a_restore_has_no_text(place: Place, now: Now) -> None:
    """Nobody had told its author that it was there. What was said elsewhere has one, and what they say for
    the first time. After the next restore it is the same."""
    place.append(*BEGINNING)
    backup = place.backup()
    place.append(*SAID)
    place.append(Draft("purge", CLUSTER, "#tea", "", key(70), 0, More(to="alice")))
    place.free()
    for _ in range(2):
        place.put_back(backup)
        head = place.log.window.head
        assert now(place.log.append(SAID)) == [head + at for at in range(1, 5)]
        place.append(Draft("post", "alice", "#tea", "new", key(71)))
        said = [entry for entry in place.entries() if entry.user == "alice" and entry.kind == "post"]
        texts = {entry.room: entry.text for entry in said[:4]}
        assert texts == {post.room: "" if "#tea" in post.text else post.text for post in SAID}
        assert said[4].text == "new"
        assert check(None, place.data, "", real_world())


def test_old_posts_that_were_purged_are_not_in_the_list_by_their_keys(place: Place) -> None:
    """It would grow with all that was ever said; no client waits so long."""
    place.append(*BEGINNING)
    place.append(*SAID[:2])
    place.disk.reactor.advance(AGAIN_MS / 1000 + 1)
    place.append(*SAID[2:])
    place.append(PURGE_EVERYWHERE)
    place.free()
    erasures = [it for line in place.lines() for it in (line or Line("", ())).erasures]
    assert [it.kind for it in erasures] == ["purge", "purged", "purged"]
    assert [it.key for it in erasures if it.kind == "purged"] == [post.key for post in SAID[2:]]
    (place.data / "erased").unlink()
    place.disk.close()
    place.open()
    assert {it for line in place.lines() for it in (line or Line("", ())).erasures} == set(erasures)


def test_a_list_that_is_obeyed_late_takes_nothing_that_was_said_since(place: Place) -> None:
    """Of a purge that is repeated all that was said before the first one goes, and a purged post that came
    again meanwhile; and it is repeated once, in the log of the purge itself never."""
    place.append(*BEGINNING, SAID[0])
    place.disk.reactor.advance(5)
    backup = place.backup()
    place.append(SAID[1])
    place.append(PURGE_EVERYWHERE, Draft("post", "alice", "alice", "at that moment", key(72)))
    place.free()
    kept, path = place.data.parent / "kept", place.data / "erased"
    shutil.copy(path, kept)
    path.write_bytes(line_of("another", []) + kept.read_bytes())  # so all of it is obeyed
    place.disk.close()
    place.open()
    assert "at that moment" in place.given()
    path.unlink()
    place.disk.reactor.advance(5)
    place.put_back(backup)
    place.append(Draft("post", "alice", "alice", "newer", key(73)), SAID[1])
    place.disk.close()
    shutil.copy(kept, path)
    for _ in range(2):
        place.open()
        assert (NEEDLE in place.given(), "newer" in place.given()) == (False, True)
        place.free()
        assert (place.holding(), place.holding("newer")) == ([], ["log.sqlite"])
        kinds = [entry.kind for entry in place.entries()]
        assert (kinds.count("purge"), kinds.count("redact")) == (1, 1)
        place.disk.close()
        path.write_bytes(kept.read_bytes())
    assert check(None, place.data, "", real_world())


def test_of_many_purges_of_one_user_in_one_room_the_last_is_repeated(place: Place) -> None:
    place.append(*BEGINNING, *SAID)
    backup = place.backup()
    for _ in range(3):
        place.disk.reactor.advance(1)
        place.append(place.order("purge", CLUSTER, "#tea", to="alice"))
    place.put_back(backup)
    assert [entry.kind for entry in place.entries()].count("purge") == 1


def test_what_a_backup_has_nothing_of_is_taken_back_all_the_same(place: Place) -> None:
    """Bob came to the room after the backup, and was purged there; Carol was purged and then forgotten. The
    list is followed then, and nothing of it is asked again; who came later may be purged as always."""
    place.append(*BEGINNING, Draft("post", "carol", "carol", NEEDLE, key(9)))
    backup = place.backup()
    invited = Draft("invite", "alice", "&ops", "", key(10), 0, More(to="bob"))
    in_ops = (invited, Draft("join", "bob", "&ops", "", key(11)), Draft("post", "bob", "&ops", "x", key(12)))
    place.append(*in_ops)
    place.append(
        Draft("purge", CLUSTER, "&ops", "", key(20), 0, More(to="bob")),
        Draft("purge", CLUSTER, "", "", key(21), 0, More(to="carol")),
        Draft("forget", CLUSTER, "", "", key(22), 0, More(to="carol")),
    )
    [line] = place.lines()
    (place.data / "erased").write_bytes(line_of(place.log.log_id, sorted(line.erasures if line else ())))
    place.put_back(backup)
    assert (NEEDLE in place.given(), len(set(place.followed()))) == (False, 1)
    with closing(apsw.Connection(str(place.disk.path))) as store:
        assert store.execute("SELECT user FROM refusal WHERE code = 'NOT_THERE'").get is None
    head = place.log.window.head
    place.disk.close()
    place.open()
    assert place.log.window.head == head
    place.append(*in_ops, Draft("purge", "alice", "&ops", "", key(23), 0, More(to="bob")))


def test_marks_are_cut_to_where_a_backup_ends_and_not_lost(place: Place, now: Now) -> None:
    """Although what is taken back again has brought the log to where it was when they were kept."""
    place.append(*BEGINNING)
    seqs = place.append(*SAID)
    backup, end = place.backup(), place.log.window.head
    place.redact(*seqs)
    head = place.log.window.head
    now(place.log.keep_marks([UserMark("alice", "alice", head)]))
    place.put_back(backup)
    assert place.log.window.head == head
    assert now(place.log.read(MarksOf("alice", head, ""))).marks == [("alice", end)]


def test_a_list_that_cannot_be_followed_ends_the_master_until_it_can(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a log below the level of what is to be taken back: nothing says then that the list is followed."""
    place.append(*BEGINNING, Draft("join", "bob", "#tea", "", key(9)))
    place.append(Draft("post", "bob", "#tea", NEEDLE, key(10)))
    backup = place.backup()
    place.append(Draft("purge", CLUSTER, "#tea", "", key(20), 0, More(to="bob")))
    with monkeypatch.context() as newer:
        newer.setitem(KINDS, "purge", dataclasses.replace(KINDS["purge"], level=own_level() + 1))
        place.put_back_for(backup, r"1 of what .*erased says was taken back cannot be .*“chatnet level up”\.")
        place.disk.close()
        says, whole = place.followed()
        assert says != whole
        with closing(apsw.Connection(str(place.disk.path))) as store:
            store.execute("UPDATE log SET level = ?", (own_level(),))
        place.open()
    assert NEEDLE not in place.given()
    assert len(set(place.followed())) == 1


def test_a_refusal_is_success_only_if_there_is_nothing_to_take_back() -> None:
    drafts = [Draft(kind, CLUSTER, "", "", key(at), 0) for at, kind in enumerate(sorted(REDACTS))]
    found = {
        (draft.kind, error)
        for error in (NoSuchPost, NoSuchUser, NotThere, NotYet, KeyReused, Poison)
        for draft in drafts
        if not untaken([draft], [Refused.of(error.of(name="bob", room="&ops", to="bob"))])
    }
    assert found == {
        ("redact", NoSuchPost),
        ("forget", NoSuchUser),
        ("purge", NoSuchUser),
        ("purge", NotThere),
    }
    assert untaken(drafts, [1] * len(drafts)) == []


def test_what_expired_after_a_backup_has_expired_when_it_is_put_back(place: Place) -> None:
    """Up to the moment that was decided then: what is newer stays."""
    place.append(*BEGINNING)
    place.append(SAID[1])
    backup = place.backup()
    place.disk.reactor.advance(100)
    (newer,) = place.append(Draft("post", "alice", "#tea", "newer", key(30)))
    place.disk.reactor.advance(100)
    later = place.backup()
    ref = place.order("expire", CLUSTER, "#tea", newer - 1).more
    place.append(Draft("expire", CLUSTER, "#tea", "", key(31), 0, ref))
    for each in (backup, later):
        place.put_back(each)
        place.free()
        assert (NEEDLE in place.given(), place.holding()) == (False, [])
    assert "newer" in place.given()


def test_a_name_that_was_forgotten_is_nobodys_in_a_backup_from_before_it(place: Place, now: Now) -> None:
    place.append(*BEGINNING)
    backup = place.backup()
    place.append(Draft("register", "dave", "dave", "sha256:4", key(40)))
    place.append(Draft("forget", CLUSTER, "", "", key(41), 0, More(to="dave")))
    for _ in range(2):
        place.put_back(backup)
        [no] = now(place.log.append([Draft("register", "dave", "dave", "sha256:5", key(42))]))
        assert no.code == b"NAME_TAKEN"
    place.disk.close()
    place.open()
    assert place.log.window.head == len(BEGINNING)


def test_a_post_that_comes_again_after_it_was_taken_back_has_no_text(place: Place, now: Now) -> None:
    """Its author is told its seq, and that it was taken back, as everybody is; it stands at its places."""
    place.append(*BEGINNING)
    backup = place.backup()
    place.redact(*place.append(*SAID))
    place.put_back(backup)
    assert place.log.window.head == len(BEGINNING)
    for _ in range(2):  # and after another master has begun
        seqs = now(place.log.append(SAID))
        assert seqs == [len(BEGINNING) + at for at in range(1, len(SAID) + 1)]
        assert NEEDLE not in place.given()
        place.disk.close()
        place.open()
    found = {entry.room: entry for entry in place.entries() if entry.user == "alice" and entry.kind == "post"}
    assert {room: (entry.text, entry.at) for room, entry in found.items()} == {
        "alice": ("", ("alice", "@bob", "#tea")[:2]),
        "#tea": ("", ("#tea", "@bob")),
        "&ops": ("", ("&ops",)),
        "alice=bob": ("", ("alice=bob",)),
    }
    assert place.holding() == []
    (other,) = place.append(Draft("post", "alice", "alice", "another", key(50)))
    assert [entry.text for entry in place.entries() if entry.seq == other] == ["another"]


@pytest.mark.parametrize("kind", ["memory", "open", "open_postgres", "open_simulated"])
def test_all_stores_take_an_erased_post_alike(disk: Any, now: Now, kind: str) -> None:
    """In a batch of its own and among others; with its places, topics and mentions, as if it had been taken
    back a moment later. An ordinary post beside it is as always."""
    erased = [
        Draft("post", "alice", "alice", f"{NEEDLE} #new @bob", POST % 60),
        Draft("post", "alice", "&ops", f"{NEEDLE} @bob", POST % 61),
        Draft("post", "alice", "alice=bob", NEEDLE, POST % 62),
        Draft("post", "carol", "carol", NEEDLE, POST % 63),
    ]
    beside = Draft("post", "bob", "bob", "beside #new", POST % 64)
    settle: Callable[[], object] = lambda: disk.reactor.advance(2)  # noqa: E731
    if kind == "memory":
        log: Any = MemoryLog()
    elif kind == "open_simulated":
        log, settle = disk.open_simulated()
    else:
        log = getattr(disk, kind)()

    def told(answer: Any) -> Any:
        results: list[Any] = []
        answer.addBoth(results.append)
        settle()
        return results[0]

    told(log.append(BEGINNING))
    _await(disk, log, erased)
    if kind == "open":
        disk.close()
        log = disk.open()
    head = len(BEGINNING)
    assert told(log.append([erased[3]])) == [head + 1]
    assert told(log.append([beside, *erased[:3], *erased[:3]])) == [head + at for at in (2, 3, 4, 5, 3, 4, 5)]
    settle()
    found = log.window.after(head)
    assert [(entry.text, entry.at) for entry in found] == [
        ("", ("carol",)),
        ("beside #new", ()),
        ("", ("alice", "#new", "@bob")),
        ("", ("&ops",)),
        ("", ("alice=bob",)),
    ]


def _await(disk: Any, log: Any, posts: list[Draft]) -> None:
    """Let the store wait for posts that were taken back."""
    rows = [(draft.user, draft.key) for draft in posts]
    if isinstance(log, MemoryLog):
        log.erased.update(rows)
    elif isinstance(log, SqliteLog):
        log._store.await_again(rows, [])
    elif disk.url:
        import psycopg

        with psycopg.connect(disk.url, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.executemany('INSERT INTO erased ("user", key) VALUES (%s, %s)', rows)
    else:
        disk.simulated.server.tables._writer(own_level()).await_again(rows, [])


# ---- the list itself ----


def test_the_list_is_on_the_disk_before_the_batch_and_costs_others_nothing(disk: Any, now: Now) -> None:
    """When the line is written the redaction is not committed; a batch without one writes none."""
    heads: list[int] = []

    class Watched(RealFiles):
        def extend(self, path: Path, at: int, content: bytes) -> None:
            with closing(apsw.Connection(str(disk.path), flags=apsw.SQLITE_OPEN_READONLY)) as other:
                heads.append(other.execute("SELECT head FROM log").get)
            super().extend(path, at, content)

    disk.files = Watched()
    place = Place(disk, disk.path.parent, now)
    place.append(*BEGINNING)
    seqs = place.append(*SAID)
    assert heads == []
    place.redact(*seqs)
    assert heads == [seqs[-1]]


def test_a_master_that_dies_between_the_list_and_the_log_leaves_a_post_that_the_next_takes_back(
    place: Place,
) -> None:
    """Its author was not told yet, and was right to ask. Everybody is told, but not twice."""
    place.append(*BEGINNING)
    seqs = place.append(*SAID)
    line = line_of(place.log.log_id, [Erasure("redact", "alice", key=SAID[0].key)])
    place.disk.close()
    (place.data / "erased").write_bytes(line)
    for _ in range(2):
        place.open()
        redactions = [entry for entry in place.entries() if entry.kind == "redact"]
        assert [entry.ref and entry.ref.seq for entry in redactions] == [seqs[0]]
        assert place.log.window.after(seqs[0] - 1)[0].text == ""
        place.disk.close()


def test_a_master_that_is_killed_right_behind_the_line_has_taken_nothing_back(place: Place, now: Now) -> None:
    """The line is there, whole, and the log is as before; then the next master takes the post back."""
    place.append(*BEGINNING)
    seqs = place.append(*SAID)
    redaction = place.order("redact", "alice", "alice", seqs[0])
    place.disk.close()
    child = os.fork()
    if not child:  # a master of its own, which never returns from here
        extend = RealFiles.extend

        def and_die(self: RealFiles, path: Path, at: int, content: bytes) -> None:
            extend(self, path, at, content)
            os.kill(os.getpid(), signal.SIGKILL)

        with suppress(BaseException):
            RealFiles.extend = and_die  # type: ignore[method-assign]
            place.disk.open().append([redaction])
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert len(place.lines()) == 1
    with closing(apsw.Connection(str(place.disk.path))) as store:
        assert store.execute("SELECT head FROM log").get == seqs[-1]
    place.open()
    assert place.log.window.after(seqs[0] - 1)[0].text == ""
    [no] = now(place.log.append([redaction]))
    assert (no.code, len(place.lines())) == (b"NO_SUCH_POST", 1)


@pytest.mark.parametrize("torn", [b"0123", b"\0" * 700, b"\0\0 redact:alice:00", b"deadbeef x forget:bob"])
def test_a_line_that_was_not_written_whole_is_passed_over_and_overwritten(place: Place, torn: bytes) -> None:
    """The operator is told."""
    place.append(*BEGINNING)
    first, second, *_ = place.append(*SAID)
    place.redact(first)
    place.disk.close()
    with (place.data / "erased").open("ab") as file:
        file.write(torn)
    with listening() as said:
        place.open()
    assert [line for line in said if "is not whole, and is dropped" in line]
    assert len(place.entries()) == len(BEGINNING) + len(SAID) + 1
    place.redact(second)
    assert [line and [it.key for it in line.erasures] for line in place.lines()] == [
        [SAID[0].key],
        [SAID[1].key],
    ]


def test_a_last_line_that_is_whole_but_for_its_end_is_obeyed(place: Place) -> None:
    """As a shell leaves it that copies the list. The next line goes behind it."""
    place.append(*BEGINNING)
    first, second, third, _ = place.append(*SAID)
    backup = place.backup()
    place.redact(first, second)
    path = place.data / "erased"
    path.write_bytes(path.read_bytes()[:-1])
    with listening() as said:
        place.put_back(backup)
    assert not [line for line in said if "is not whole" in line]
    assert [place.log.window.after(seq - 1)[0].text for seq in (first, second)] == ["", ""]
    place.redact(third)
    assert [line and len(line.erasures) for line in place.lines()] == [2, 1]
    assert len(set(place.followed())) == 1


@pytest.mark.parametrize("at", [20, 150, -2])
def test_a_damaged_list_is_said_in_one_sentence(place: Place, at: int) -> None:
    """In a line with its end, wherever that is, the last one too."""
    place.append(*BEGINNING)
    seqs = place.append(*SAID)
    backup = place.backup()
    for seq in seqs:
        place.redact(seq)
    content = bytearray((place.data / "erased").read_bytes())
    content[at] ^= 1
    (place.data / "erased").write_bytes(content)
    sentence = (
        r"The list of what was taken back, .*erased, is damaged behind its byte (0|\d\d\d?): put a copy"
    )
    place.disk.close()
    with pytest.raises(CannotStart, match=sentence):
        place.open()
    place.put_back_for(backup, sentence)


@pytest.mark.parametrize("wrong", ["gone", "cut", "another"])
def test_a_list_that_is_gone_is_made_anew_from_the_log(place: Place, wrong: str) -> None:
    """With all that was ever taken back, so that it holds for older backups; also while a master runs."""
    place.append(*BEGINNING)
    backup = place.backup()
    seqs = place.append(*SAID)
    place.redact(seqs[0], seqs[1])
    place.append(Draft("forget", CLUSTER, "", "", key(60), 0, More(to="carol")))
    path = place.data / "erased"

    def spoil() -> None:
        if wrong == "gone":
            path.unlink()
        else:
            path.write_bytes(b"" if wrong == "cut" else b"x" * 1_000)

    known = {Erasure("redact", "alice", key=draft.key) for draft in SAID[:2]} | {Erasure("forget", "carol")}
    if wrong != "another":  # a file in its place is seen when it is opened
        spoil()
        place.redact(seqs[2])
        known.add(Erasure("redact", "alice", key=SAID[2].key))
        assert {it for line in place.lines() for it in (line or Line("", ())).erasures} == known
    spoil()
    place.disk.close()
    place.open()
    assert {it for line in place.lines() for it in (line or Line("", ())).erasures} == known
    place.put_back(backup)
    assert [entry.kind for entry in place.entries()][len(BEGINNING) :] == ["forget"]


def test_a_full_disk_is_waited_for_when_a_list_is_made_anew(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for any room that the store needs."""
    place.append(*BEGINNING)
    place.redact(*place.append(*SAID))
    place.disk.close()
    (place.data / "erased").unlink()

    def extend(self: RealFiles, path: Path, at: int, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as while_full:
        while_full.setattr(RealFiles, "extend", extend)
        with pytest.raises(DiskFull):
            place.open()
    place.open()
    assert len(place.lines()) == 1


def test_a_list_that_was_exchanged_for_another_is_obeyed_from_its_beginning(place: Place) -> None:
    """A backup knows how long the list was at its time, and how it ended: not by the length alone."""
    place.append(*BEGINNING)
    first, second, *_ = place.append(*SAID)
    place.redact(first)
    backup = place.backup()
    place.redact(second)
    lines = (place.data / "erased").read_bytes().splitlines(keepends=True)
    assert len(lines[0]) == len(lines[1])
    (place.data / "erased").write_bytes(b"".join(reversed(lines)))
    place.put_back(backup)
    assert place.log.window.after(second - 1)[0].text == ""


@pytest.mark.parametrize("known", [None, "0123456789abcdef"])
def test_a_list_that_is_as_long_and_ends_alike_is_another(place: Place, known: str | None) -> None:
    """As of a log that was put back, and in which other posts were taken back, and then the same one. One of
    which the log does not know what it was is not taken for granted either."""
    place.append(*BEGINNING)
    first, second, third, _ = place.append(*SAID)
    place.redact(first)
    place.redact(third)
    assert len(set(place.followed())) == 1
    place.disk.close()
    path = place.data / "erased"
    own, last = path.read_bytes().splitlines(keepends=True)
    other = line_of(place.log.log_id, [Erasure("redact", "alice", key=SAID[1].key)])
    assert len(other) == len(own)
    path.write_bytes(other + last)
    if known is not None:
        with closing(apsw.Connection(str(place.disk.path))) as store:
            store.execute("UPDATE log SET erased_tail = ?", (known,))
    place.open()
    assert place.log.window.after(second - 1)[0].text == ""
    keys = [it.key for line in place.lines() for it in (line or Line("", ())).erasures]
    assert keys == [SAID[1].key, SAID[2].key, SAID[0].key]
    assert len(set(place.followed())) == 1


def test_an_old_directory_gets_its_list(place: Place) -> None:
    """From the log, when a master of this release opens it: then older backups are covered, too."""
    place.append(*BEGINNING)
    seqs = place.append(*SAID)
    older = place.backup()
    place.redact(*seqs)
    place.disk.close()
    (place.data / "erased").unlink()
    for store in (older, place.disk.path):
        with closing(apsw.Connection(str(store))) as connection:
            for column in ("erased", "erased_tail"):
                connection.execute(f"ALTER TABLE log DROP COLUMN {column}")
            for table in ("erased", "gone", "ending", "face"):
                connection.execute(f"DROP TABLE {table}")
            for index in ("account_looks", "came"):
                connection.execute(f"DROP INDEX {index}")
            connection.execute("UPDATE schema_version SET version = ?", (len(STEPS) - 6,))
    place.open()
    place.put_back(older)
    assert (NEEDLE in place.given(), place.holding()) == (False, [])


def test_the_list_of_another_log_is_not_obeyed(place: Place) -> None:
    """A new log in an old directory has other posts under the same keys."""
    (place.data / "erased").write_bytes(line_of("another", [Erasure("redact", "alice", key=SAID[0].key)]))
    place.disk.close()
    place.open()
    place.append(*BEGINNING)
    place.append(*SAID)
    place.disk.close()
    place.open()
    assert SAID[0].text in place.given()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "The disk of the log is full: posts wait until there is room."),
        (errno.EROFS, "The file system of the log is read-only: posts wait until it takes writes."),
        (
            errno.EACCES,
            "The list of what was taken back, “erased” in the data directory, cannot be written: ",
        ),
    ],
)
def test_what_cannot_be_written_down_is_not_taken_back_yet(
    place: Place, number: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The redaction waits, as posts do on a full disk, and a part of a line that was written is cut off."""
    place.append(*BEGINNING)
    (seq, *_) = place.append(*SAID)

    def extend(self: RealFiles, path: Path, at: int, content: bytes) -> None:
        path.write_bytes(content[:20])
        raise OSError(number, os.strerror(number), str(path))

    answers: list[Any] = []
    with monkeypatch.context() as while_full:
        while_full.setattr(RealFiles, "extend", extend)
        place.log.append([place.order("redact", "alice", "alice", seq)]).addBoth(answers.append)
        place.disk.reactor.advance(3)
        assert (answers, place.log.trouble.startswith(sentence)) == ([], True)
    place.disk.reactor.advance(3)
    assert answers == [[seq + len(SAID)]]
    assert (len(place.lines()), place.log.trouble) == (1, "")


def test_purged_posts_that_cannot_be_written_down_are_not_overwritten_yet(
    place: Place, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nothing would know them any more by their keys. Nobody is given them meanwhile."""
    place.append(*BEGINNING, *SAID, PURGE_EVERYWHERE)

    def extend(self: RealFiles, path: Path, at: int, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as while_full:
        while_full.setattr(RealFiles, "extend", extend)
        with pytest.raises(DiskFull):
            now(place.log.free())
    assert (NEEDLE in place.given(), place.holding() != []) == (False, True)
    place.free()
    assert place.holding() == []
    purged = [it.key for line in place.lines() for it in (line or Line("", ())).erasures if it.key]
    assert purged == [post.key for post in SAID]


def test_a_line_whose_batch_is_not_committed_is_written_over(place: Place) -> None:
    """The batch comes again when there is room, and its line once."""
    place.append(*BEGINNING)
    (seq, *_) = place.append(*SAID)
    redaction = place.order("redact", "alice", "alice", seq)
    store: Any = place.log._store
    execute, failed = store._execute, list[str]()

    def full(sql: str, *values: Any) -> Any:
        if sql == "COMMIT" and not failed:
            failed.append(sql)
            raise apsw.FullError("there is no room")
        return execute(sql, *values)

    store._execute = full
    answers: list[Any] = []
    place.log.append([redaction]).addBoth(answers.append)
    assert (len(place.lines()), answers) == (1, [])
    place.disk.reactor.advance(3)
    assert (len(place.lines()), answers, failed) == (1, [[seq + len(SAID)]], ["COMMIT"])


def test_a_long_list_is_taken_back_bit_by_bit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A master that dies in the middle is followed by one that goes on."""
    place.append(*BEGINNING)
    posts = [
        Draft("post", user, user, f"{NEEDLE} {at}", POST % at)
        for user in ("alice", "bob")
        for at in range(550)
    ]
    seqs = place.append(*posts)
    backup = place.backup()
    for start in range(0, len(posts), 100):
        said = zip(posts[start : start + 100], seqs[start : start + 100], strict=True)
        place.append(*(place.order("redact", post.user, post.user, seq) for post, seq in said))
    lines: list[Listed] = []
    list_is = place.log._store.list_is.__func__  # type: ignore[attr-defined]

    def dies(writer: Any, listed: Listed) -> None:
        lines.append(listed)
        list_is(writer, listed)
        if len(lines) == 2:
            raise OSError(errno.EIO, "it dies")

    with monkeypatch.context() as mortal:
        mortal.setattr(type(place.log._store), "list_is", dies)
        with pytest.raises(ListRefuses):
            place.put_back(backup)
    count = "SELECT count(*) FROM entry WHERE kind = 'redact'"
    with closing(apsw.Connection(str(place.disk.path))) as connection:
        assert connection.execute(count).get == 1_000
    place.open()
    with closing(apsw.Connection(str(place.disk.path))) as connection:
        assert connection.execute(count).get == len(seqs)
    assert NEEDLE not in place.given()


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_list_with_a_line_without_end_is_not_read_whole(place: Place, end: bytes) -> None:
    """Of a line of any length so much is read as a line can have, and a bit: not all of it, and not again and
    again what was read before."""
    reads: list[int] = []

    class Counted(RealFiles):
        def read_on(self, path: Path, at: int, most: int) -> bytes:
            reads.append(at)
            return super().read_on(path, at, most)

    place.append(*BEGINNING)
    place.redact(*place.append(*SAID))
    place.disk.close()
    path = place.data / "erased"
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.truncate(whole + (64 << 20))
        file.seek(0, os.SEEK_END)
        file.write(end)
    place.disk.files = Counted()
    with pytest.raises(CannotStart, match=f"erased, is damaged behind its byte {whole}: put a copy of it in"):
        place.open()
    assert max(reads) < 4 * MOST_LINE


def test_no_line_that_is_written_is_too_long_to_be_read(disk: Any) -> None:
    """Not even of the longest names, in letters of four bytes."""
    longest = [
        Erasure("purge", "b" * MAX_NAME, "#" + "\U00020000" * MAX_TOPIC, time=(1 << 63) - at)
        for at in range(1, 2 * MOST_IN_LINE + 1)
    ]
    lines = list(lines_of("the-log", longest))
    assert [line_in(line[:-1]) for line in lines] == [
        Line("the-log", tuple(longest[:MOST_IN_LINE])),
        Line("the-log", tuple(longest[MOST_IN_LINE:])),
    ]
    assert max(map(len, lines)) < MOST_LINE / 5


def test_a_line_says_what_was_written() -> None:
    """And a line in which anything is another way says nothing."""
    erasures = (
        Erasure("redact", "alice", key=b"0123456789abcdef"),
        Erasure("forget", "bob"),
        Erasure("purge", "bob", "#été", time=17),
        Erasure("purge", "bob", "", time=18),
        Erasure("purged", "bob", key=b"0123456789abcdef", time=18),
        Erasure("expire", room="&ops", time=1_800_000_000_000),
    )
    for place in ("bob", "alice=bob", "!mods", "@bob"):  # nothing is purged or expires there
        for wrong in (Erasure("purge", "bob", place, time=17), Erasure("expire", room=place, time=17)):
            assert line_in(line_of("the-log", [wrong])[:-1]) is None
    content = line_of("the-log", erasures)
    assert line_in(content[:-1]) == Line("the-log", erasures)
    for at in range(len(content) - 1):
        spoiled = bytearray(content[:-1])
        spoiled[at] ^= 1
        assert line_in(bytes(spoiled)) is None
