"""Who is forgotten, or purged, or what is too old: no read gives it from its entry on, and the store
overwrites it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from store.conftest import AtOnce, Disk
from store.test_erasing import PIECES, TEXTS, holds, key
from twisted.internet.defer import Deferred

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More, Ref
from chatnet.errors import (
    EpochLost,
    Forgotten,
    KeyReused,
    NameTaken,
    NoSuchPost,
    NoSuchRoom,
    NoSuchUser,
    NotJoined,
)
from chatnet.kinds import CLUSTER
from chatnet.limits import PAGE, Limits
from chatnet.log import Refused
from chatnet.marks import UserMark
from chatnet.master.eraser import Eraser
from chatnet.operator.check import check
from chatnet.reads import (
    Account,
    AccountOf,
    CursorAt,
    Feed,
    History,
    MarksOf,
    Members,
    Newest,
    PageOf,
    PersonOf,
    Rooms,
    SnapshotOf,
    UnreadOf,
)
from chatnet.rules import DAY_MS, MOST_A_DAY
from chatnet.store.sqlite.disk import DiskFull
from chatnet.store.sqlite.log import LOOK_SECONDS, SqliteLog
from chatnet.store.sqlite.schema import STEPS
from chatnet.world.real import real_world

Now = Callable[[Any], Any]
STORES = ["open", "open_postgres"]
DEVICES = ["5eed1e" + "ab" * 13, "5eed1e" + "cd" * 13, "5eed1e" + "ef" * 13]
SECRET = "sha256:" + "needle" * 6
BEGINNING = [
    Draft("register", "alice", "alice", SECRET, key(1), 0, More(device=DEVICES[0], label="alice's needle")),
    Draft("register", "bob", "bob", "sha256:bob", key(2)),
    Draft("register", "carol", "carol", "sha256:carol", key(3)),
    Draft("join", "alice", "#tea", "", key(4)),
    Draft("join", "bob", "#tea", "", key(4)),
    Draft("create", "alice", "&ops", "all", key(5)),
    Draft("invite", "alice", "&ops", "", key(6), 0, More(to="bob")),
    Draft("invite", "alice", "&ops", "", key(7), 0, More(to="carol")),
    Draft("join", "bob", "&ops", "", key(5)),
    Draft("join", "carol", "&ops", "", key(5)),
    Draft("describe", "alice", "&ops", "needle", key(8)),
    Draft("secret", "alice", "alice", SECRET, key(9)),
    Draft("block", "bob", "bob", "", key(10), 0, More(to="alice")),
]
COMING = [
    Draft("session", "alice", "alice", "", key(11), 0, More(device=DEVICES[1], label="needle of alice")),
    Draft("session", "alice", "alice", "", key(12), 0, More(device=DEVICES[2], label="needle of alice")),
    Draft("revoke", "alice", "alice", "14", key(13), 0, More(to="alice")),
    Draft("session", "alice", "alice", "", key(14), 0, More(device=DEVICES[1], scope="post")),
]
"""Alice comes on other devices, behind the beginning, and ends a session there."""
FORGET = Draft("forget", "alice", "alice", "", key(99), 0, More(to="alice"))
ROOMS = ("alice", "#tea", "&ops", "alice=carol")


def posts(*texts: str, user: str = "alice", rooms: Sequence[str] = ROOMS) -> list[Draft]:
    """Return posts of each text in each room."""
    made = [(room, text) for room in rooms for text in texts]
    return [Draft("post", user, room, text, key(100 + n)) for n, (room, text) in enumerate(made)]


def appended(log: Any, now: Now, *drafts: Draft) -> list[int]:
    """Append what is taken; return the seqs."""
    outcomes: list[int] = now(log.append(drafts))
    assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
    log_follows(log)
    return outcomes


def log_follows(log: Any) -> None:
    if not isinstance(log, SqliteLog):
        log._follower._reactor.advance(2)


def given(log: Any, now: Now, user: str) -> list[Entry]:
    """Return all that ``user`` is given by any read, and what followers are."""
    head = log.window.head
    found = [*now(log.read(Newest(user, head))), *now(log.read(Feed(user, 0, head))).posts]
    for room in ("alice", "#tea", "&ops", f"alice={user}"):
        with suppress(NoSuchRoom):
            found += now(log.read(History(room, None, user, head)))
    return [*found, *now(log.read(PageOf(0))), *log.window.after(0)]


def freed(log: Any, now: Now) -> int:
    """Overwrite all; return in how many steps."""
    steps = 0
    while now(log.free()).blanking is not None:
        steps += 1
    return steps


def is_whole(disk: Disk) -> bool:
    """Return whether chatnet check finds nothing wrong."""
    return (
        "are whole" in check(str(disk.path), Path("none"), "", real_world())
        if not disk.url
        else ("are whole" in check(None, Path("none"), disk.url, real_world()))
    )


@pytest.mark.parametrize("kind", STORES)
def test_nobody_is_given_what_a_forgotten_user_said(disk: Any, now: Now, kind: str) -> None:
    """From the entry on: before anything is overwritten, after it, and by a process that opens the log then.
    What others said is there."""
    log = getattr(disk, kind)()
    appended(log, now, *BEGINNING, *posts("needle #tea"), *posts("hay", user="bob", rooms=("#tea", "&ops")))
    assert any("needle" in entry.text for entry in given(log, now, "carol"))
    (seq,) = appended(log, now, FORGET)
    for _ in range(2):
        shown = given(log, now, "carol")
        assert not [entry for entry in shown if "needle" in entry.text]
        assert [entry for entry in shown if entry.text == "hay"]
        assert now(log.read(AccountOf("alice"))) == Account.forgotten(seq)
        assert now(log.read(Members("&ops", "carol", log.window.head))).about == ""
        assert is_whole(disk)
        another = disk.open_postgres(disk.url) if kind == "open_postgres" else log
        assert not [entry for entry in another.window.after(0) if "needle" in entry.text]
        freed(log, now)


@pytest.mark.parametrize("kind", STORES)
def test_nobody_is_told_the_devices_of_a_forgotten_user(disk: Any, now: Now, kind: str) -> None:
    """Neither what these were called nor their ids: in no window, page, or row, and before anything is
    overwritten. That there were sessions, and what they might do, stays."""
    log = getattr(disk, kind)()
    appended(log, now, *BEGINNING, *COMING)
    before = [entry for entry in log.window.after(0) if entry.more is not None and entry.more.device]
    assert [entry.more.device for entry in before] == [*DEVICES, DEVICES[1]]
    appended(log, now, FORGET)
    for _ in range(2):
        followed = [*log.window.after(0), *now(log.read(PageOf(0)))]
        begun = [
            entry for entry in followed if entry.kind in ("register", "session") and entry.user == "alice"
        ]
        assert [(entry.seq, entry.text, entry.more) for entry in begun] == [
            *((1, "", None), (14, "", None), (15, "", None), (17, "", More(scope="post")))
        ] * 2
        assert is_whole(disk)
        assert now(log.append([COMING[0]])) == [14]
        freed(log, now)


@pytest.mark.parametrize("kind", STORES)
def test_a_purge_takes_no_device_away(disk: Any, now: Now, kind: str) -> None:
    """Its user goes on."""
    log = getattr(disk, kind)()
    purge = Draft("purge", CLUSTER, "", "spam", key(1), 0, More(to="alice"))
    appended(log, now, *BEGINNING, *COMING, purge)
    freed(log, now)
    found = [entry.more.device for entry in now(log.read(PageOf(0))) if entry.more and entry.more.device]
    assert found == [*DEVICES, DEVICES[1]]
    other = Draft("session", "alice", "alice", "", key(11), 0, More(device=DEVICES[2]))
    assert now(log.append([COMING[0], other])) == [14, Refused.of(KeyReused.of())]
    assert is_whole(disk)


@pytest.mark.parametrize("kind", STORES)
def test_nothing_is_taken_from_who_is_forgotten(disk: Any, now: Now, kind: str) -> None:
    """What they send late is refused, and not kept; nobody else gets the name, or can speak to them."""
    log = getattr(disk, kind)()
    appended(log, now, *BEGINNING, FORGET)
    late = Draft("post", "alice", "alice", "late", key(50))
    again = Draft("register", "alice", "alice", "sha256:another", key(51))
    to_her = Draft("post", "bob", "alice=bob", "hi", key(52))
    forgotten, taken, nobody = (
        Refused.of(error.of(name="alice")) for error in (Forgotten, NameTaken, NoSuchUser)
    )
    for _ in range(2):
        assert now(log.append([late, again, to_her, FORGET])) == [forgotten, taken, nobody, 14]
    assert is_whole(disk)


@pytest.mark.parametrize("kind", STORES)
def test_a_room_goes_to_who_has_been_there_longest(disk: Any, now: Now, kind: str) -> None:
    """A private room whose last owner is forgotten, and no other one."""
    log = getattr(disk, kind)()
    appended(log, now, *BEGINNING, Draft("create", "alice", "&alone", "all", key(20)))
    assert now(log.heirs()) == []
    appended(log, now, FORGET)
    assert now(log.heirs()) == [("&ops", "bob")]
    appended(log, now, Draft("role", CLUSTER, "&ops", "owner", key(1), 0, More(to="bob")))
    assert now(log.heirs()) == []
    members = now(log.read(Members("&ops", "carol", log.window.head))).members
    assert [(member.name, member.role) for member in members] == [("bob", "owner"), ("carol", "")]


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("shut_out", ["disable", "ban"])
def test_a_room_goes_to_who_can_see_to_it(disk: Any, now: Now, kind: str, shut_out: str) -> None:
    """Before those who have been there longer; if nobody can, then to one of these."""
    log = getattr(disk, kind)()
    appended(log, now, *BEGINNING, Draft(shut_out, CLUSTER, "", "", key(20), 0, More(to="bob")), FORGET)
    assert now(log.heirs()) == [("&ops", "carol")]
    appended(log, now, Draft("disable", CLUSTER, "", "", key(21), 0, More(to="carol")))
    assert now(log.heirs()) == [("&ops", "bob")]
    assert is_whole(disk)


@pytest.mark.parametrize("kind", STORES)
def test_all_rooms_of_who_is_forgotten_get_an_heir(disk: Any, now: Now, kind: str) -> None:
    """More of them than are looked up at a time, and though one step overwrites all that they have said."""
    log, count = getattr(disk, kind)(), 105
    appended(log, now, *BEGINNING[:2])
    rooms = [f"&room{number:03}" for number in range(count)]
    for at, room in enumerate(rooms):
        if at and at % MOST_A_DAY["create"] == 0:
            disk.reactor.advance(DAY_MS / 1000)
        appended(
            log,
            now,
            Draft("create", "alice", room, "all", key(3 * at + 100)),
            Draft("invite", "alice", room, "", key(3 * at + 101), 0, More(to="bob")),
            Draft("join", "bob", room, "", key(3 * at + 102)),
        )
    appended(log, now, FORGET)
    keys = map(key, range(1, 1_000))
    eraser = Eraser(log, lambda: next(keys), disk.reactor)
    eraser.start()
    disk.reactor.pump([1.0] * 10)
    eraser.stop()
    for room in rooms:
        members = now(log.read(Members(room, "bob", log.window.head))).members
        assert [(member.name, member.role) for member in members] == [("bob", "owner")], room


@pytest.mark.parametrize("checkpoints", [10, 4_000], ids=["often", "rarely"])
def test_no_byte_of_a_forgotten_user_stays(disk: Any, tmp_path: Path, now: Now, checkpoints: int) -> None:
    """Neither texts, of any length, nor credentials are in any file, once all is overwritten."""
    data = tmp_path / "data"
    data.mkdir()
    disk.path = data / "log.sqlite"
    log = disk.open(limits=Limits(checkpoint_pages=checkpoints))
    appended(log, now, *BEGINNING, *COMING)
    appended(log, now, *posts(*TEXTS.values()), *posts("hay", user="bob", rooms=("#tea",)))
    pieces = [*PIECES.values(), b"needle", b"5eed1e"]
    assert all(holds(data, piece) for piece in pieces)
    appended(log, now, FORGET)
    freed(log, now)
    disk.reactor.advance(LOOK_SECONDS)
    assert [holds(data, piece) for piece in pieces] == [[]] * len(pieces)
    assert holds(data, b"hay")
    assert is_whole(disk)


@pytest.mark.parametrize("kind", STORES)
def test_a_purge_takes_what_was_heard_in_the_room(disk: Any, now: Now, kind: str) -> None:
    """And from one author, up to then; they may go on."""
    log = getattr(disk, kind)()
    said = [*posts("needle #tea", rooms=("alice", "&ops")), *posts("hay", user="bob", rooms=("#tea",))]
    purge = Draft("purge", CLUSTER, "#tea", "spam", key(1), 0, More(to="alice"))
    appended(log, now, *BEGINNING, *said, purge)
    appended(log, now, Draft("post", "alice", "#tea", "I am back", key(60)))
    for _ in range(2):
        head = log.window.head
        texts = [entry.text for entry in now(log.read(History("#tea", None, "bob", head)))]
        assert texts == ["", "hay", "I am back"]
        assert [entry.text for entry in now(log.read(History("&ops", None, "bob", head)))] == ["needle #tea"]
        assert now(log.read(AccountOf("alice"))) is not None
        assert is_whole(disk)
        freed(log, now)
    again = now(log.append([said[0], Draft("post", "alice", "alice", "another", said[0].key)]))
    assert again == [14, 14]  # of a text that was taken back nobody can say what it was


@pytest.mark.parametrize("kind", STORES)
def test_whoever_catches_up_is_told_of_a_purge_if_they_may_have_the_texts(
    disk: Any, now: Now, kind: str
) -> None:
    """Of one in a topic everybody: they may have heard it in its author's own room, or by their name."""
    log = getattr(disk, kind)()
    purges = [
        Draft("purge", CLUSTER, room, "", key(n), 0, More(to="bob"))
        for n, room in enumerate(("#tea", "&ops", ""), 1)
    ]
    seqs = appended(log, now, *BEGINNING, Draft("register", "dan", "dan", "sha256:dan", key(20)), *purges)[
        -3:
    ]
    for user, of in (("bob", "#tea &ops *"), ("carol", "#tea &ops *"), ("dan", "#tea *")):
        heard = [entry for entry in now(log.read(Feed(user, 0, seqs[-1]))).posts if entry.kind == "purge"]
        assert " ".join(entry.room or "*" for entry in heard) == of, user


@pytest.mark.parametrize("kind", STORES)
def test_what_is_too_old_goes(disk: Any, now: Now, kind: str) -> None:
    """The posts of everybody in a room up to one of them, and not what is no post."""
    log = getattr(disk, kind)()
    said = [Draft("post", "bob", "#tea", f"needle {n}", key(30 + n)) for n in range(4)]
    about = Draft("describe", "bob", "#tea", "leaves", key(40))
    seqs = appended(log, now, *BEGINNING, about, *said)
    at = now(log.read(CursorAt(seqs[-3])))
    expire = Draft("expire", CLUSTER, "#tea", "", key(1), 0, More(ref=Ref(at.seq, at.check)))
    appended(log, now, expire)
    wrong = Draft("expire", CLUSTER, "#tea", "", key(2), 0, More(ref=Ref(at.seq, b"another!")))
    assert now(log.append([wrong])) == [Refused.of(NoSuchPost.of())]
    for _ in range(2):
        texts = [entry.text for entry in now(log.read(History("#tea", None, "bob", log.window.head)))]
        assert texts == ["", "", "needle 2", "needle 3"]
        assert now(log.read(Members("#tea", "bob", log.window.head))).about == "leaves"
        assert is_whole(disk)
        freed(log, now)


@pytest.mark.parametrize("kind", STORES)
def test_overwriting_goes_on_where_it_was(disk: Any, now: Now, kind: str, monkeypatch: Any) -> None:
    """A step overwrites what was found, and says how far it has come, in one transaction; another process
    goes on behind it."""
    for package in ("sqlite", "postgres"):
        monkeypatch.setattr(f"chatnet.store.{package}.blanking.SPAN", 10)
    log = getattr(disk, kind)()
    many = [Draft("post", "alice", "alice", f"needle {n}", key(1_000 + n)) for n in range(60)]
    appended(log, now, *BEGINNING, *many, FORGET)
    texts = [now(log.free()).texts for _ in range(4)]
    assert sum(texts) > 20
    disk.close()
    log = disk.open_postgres(disk.url) if kind == "open_postgres" else disk.open()
    assert not [entry for entry in log.window.after(0) if "needle" in entry.text]
    steps: list[int] = []
    while (step := now(log.free())).blanking is not None:
        steps.append(step.texts)
    assert sum(texts) + sum(steps) == 60 + len([SECRET, SECRET, "about"])
    assert freed(log, now) == 0
    assert is_whole(disk)


def test_who_posts_does_not_wait_long(disk: Any, now: Now, monkeypatch: Any) -> None:
    """A step holds the writer for five milliseconds at most, and the next goes on."""
    log = disk.open()
    many = [Draft("post", "alice", "alice", f"needle {n}", key(1_000 + n)) for n in range(60)]
    appended(log, now, *BEGINNING, *many, FORGET)
    ticks = iter(range(10**6))
    monkeypatch.setattr(log._reactor, "seconds", lambda: next(ticks) * 0.0011)
    assert now(log.free()).texts == 5
    assert now(log.free()).texts == 5


def test_a_page_that_was_read_before_comes_without_the_texts(disk: Any, now: Now, monkeypatch: Any) -> None:
    """Who has followed the log to the entry gives none of them, whenever the page was read."""

    class Slow(AtOnce):
        held: list[Callable[[], object]] = []

        def callInThreadWithCallback(self, onResult: Any, func: Any, *args: Any, **kw: Any) -> None:
            def later(ok: bool, result: object) -> None:
                if self.name == "page reader":
                    self.held.append(lambda: onResult(ok, result))
                else:
                    onResult(ok, result)

            super().callInThreadWithCallback(later, func, *args, **kw)

    disk.threads = Slow
    log = disk.open()
    appended(log, now, *BEGINNING, *posts("needle"))
    answer = Deferred.fromCoroutine(log.read(Newest("carol", log.window.head)))
    appended(log, now, FORGET)
    (tell,) = Slow.held
    tell()
    assert [entry.text for entry in now(answer)] == [""] * 2


def test_a_window_that_is_told_late_blanks_what_comes_then(disk: Any, now: Now) -> None:
    """A follower that begins behind reads texts that are taken back, and not overwritten yet."""
    log = disk.open()
    seqs = appended(log, now, *BEGINNING, *posts("needle"), FORGET)
    entries = log.window.after(0)
    told = [msg for msg in entries if msg.kind == "post"]
    window = type(log.window)(log.log_id, Cursor.at(log.log_id, entries[12]))
    window.blank(log.window.taken_back.blankings)
    window.extend([Entry(e.seq, e.time, e.kind, e.user, e.room, "needle", e.key) for e in told])
    assert [entry.text for entry in window.after(13)] == [""] * 4
    assert seqs[-1] == 18


def test_a_full_disk_delays_overwriting(disk: Any, now: Now) -> None:
    """Nothing is half done: what was not overwritten is found again."""
    log = disk.open()
    appended(log, now, *BEGINNING, *posts("needle"), FORGET)
    writer, execute = log._store, log._store._execute

    def full(sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            raise apsw.FullError("there is no room")
        return execute(sql, *values)

    writer._execute = full
    with pytest.raises(DiskFull):
        now(log.free())
    assert not disk.fatal
    writer._execute = execute
    assert now(log.free()).texts == 7
    assert is_whole(disk)


def test_who_lost_the_lease_overwrites_nothing(disk: Any, now: Now) -> None:
    """The process must end, as when it commits."""
    log = disk.open()
    appended(log, now, *BEGINNING, *posts("needle"), FORGET)
    other = apsw.Connection(str(disk.path))
    other.execute("UPDATE log SET epoch = epoch + 1")
    other.close()
    step = Deferred.fromCoroutine(log.free())
    assert not step.called
    assert [type(why.value) for why in disk.fatal] == [EpochLost]


def followed(count: int) -> list[Draft]:
    """Return the drafts of so many users who follow alice, and bob, and then leave bob."""
    names = [f"fan{number}" for number in range(count)]
    rooms = ("alice", "bob")
    return [
        *(Draft("register", name, name, "sha256:fan", key(1)) for name in names),
        *(Draft("join", name, room, "", key(2 + at)) for name in names for at, room in enumerate(rooms)),
        *(Draft("leave", name, "bob", "", key(4)) for name in names),
    ]


@pytest.mark.parametrize("kind", STORES)
def test_nobody_follows_who_is_forgotten(disk: Any, now: Now, kind: str) -> None:
    """From the entry on the stays of others in their room have ended: in every list, for who logs in, and for
    whoever wants to leave; and that is so before the tables say it, while they are changed, a few rows at a
    time, and after that, also of who is forgotten meanwhile, or has as many rooms as one may have."""
    log = getattr(disk, kind)(limits=Limits(page=PAGE._replace(stays=2)))
    appended(log, now, *BEGINNING, *followed(5))
    before = log.window.head
    assert [one[0] for one in now(log.read(UnreadOf("fan4", before, ""))).rooms] == ["alice", "fan4"]
    assert now(log.keep_marks([UserMark("fan4", "alice", before)]))
    (seq,) = appended(log, now, FORGET)
    appended(log, now, Draft("forget", "fan3", "fan3", "", key(9), 0, More(to="fan3")))
    refused = [Refused.of(error.of(room="alice")) for error in (NotJoined, NoSuchRoom)]
    number, steps = iter(range(50, 1_000)), 0
    while True:
        head = log.window.head
        assert now(log.read(Rooms("a", ""))).names == []
        for fan in ("fan0", "fan4"):
            assert [room for room, _, _ in now(log.read(UnreadOf(fan, head, ""))).rooms] == [fan]
            assert now(log.read(MarksOf(fan, head, ""))).marks == []
            assert now(log.read(PersonOf("fan4", fan, head))).rooms == []
            stays = {stay.room: stay for stay in now(log.read(SnapshotOf(fan, 0, head))).intervals}
            assert (stays["alice"].left, stays["bob"].left is None) == (seq, False)
            behind = now(log.read(SnapshotOf(fan, 0, before))).intervals
            assert [stay.left for stay in behind if stay.room == "alice"] == [None]
            assert [stay.room for stay in now(log.read(SnapshotOf(fan, seq, head))).intervals] == []
            wanted = [Draft(what, fan, "alice", "", key(next(number))) for what in ("leave", "join")]
            assert now(log.append(wanted)) == refused
        with pytest.raises(NoSuchRoom):
            now(log.read(Members("alice", "bob", head)))
        assert is_whole(disk)
        if now(log.free()).blanking is None:
            break
        steps += 1
    assert steps > 4
    assert is_whole(disk)


@pytest.mark.parametrize("kind", STORES)
def test_a_store_of_an_earlier_version_is_mended(disk: Any, now: Now, kind: str) -> None:
    """There, a forgotten user's room was in the lists, others were in it, and few were told what is taken
    back together."""
    log = getattr(disk, kind)()
    seqs = appended(log, now, *BEGINNING, *followed(3))
    at = now(log.read(CursorAt(seqs[-1])))
    ref = More(ref=Ref(at.seq, at.check))
    rooms = ("#tea", "&ops", "")
    expires = [Draft("expire", CLUSTER, room, "", key(20 + n), 0, ref) for n, room in enumerate(rooms)]
    purges = [
        Draft("purge", CLUSTER, room, "", key(30 + n), 0, More(to="carol")) for n, room in enumerate(rooms)
    ]
    appended(log, now, *expires, *purges, FORGET)
    disk.close()
    version = len(STEPS) - 4
    statements = (
        "DROP TABLE ending",
        "DROP TABLE face",
        "DROP INDEX account_looks",
        "DROP INDEX came",
        "INSERT INTO room VALUES ('alice')",
        "DELETE FROM event WHERE name IN ('!all', '#tea', '&ops') AND seq > 13",
        f"UPDATE schema_version SET version = {version}",
    )
    changed(disk, kind, statements)
    log = disk.open_postgres(disk.url) if kind == "open_postgres" else disk.open()
    assert is_whole(disk)
    assert now(log.read(Rooms("a", ""))).names == []
    assert [one[0] for one in now(log.read(UnreadOf("fan1", log.window.head, ""))).rooms] == ["fan1"]
    freed(log, now)
    assert is_whole(disk)


@pytest.mark.parametrize("kind", STORES)
def test_who_was_not_told_of_a_purge_in_a_topic_is_when_they_catch_up(disk: Any, now: Now, kind: str) -> None:
    """In a store of an earlier version, those who were there are found by the place of the topic, also of
    what somebody orders about whom they are blocked by."""
    log = getattr(disk, kind)()
    admin = Draft("role", CLUSTER, "", "admin", key(30), 0, More(to="alice"))
    purges = [
        Draft("purge", user, room, "", key(40 + n), 0, More(to="bob"))
        for user in ("alice", CLUSTER)
        for n, room in enumerate(("#tea", "#tea-time", "&ops", ""))
    ]
    seqs = appended(log, now, *BEGINNING, admin, *purges)[-len(purges) :]
    topics = {seq: purge for seq, purge in zip(seqs, purges, strict=True) if purge.room[:1] == "#"}
    disk.close()
    statements = [
        f"UPDATE schema_version SET version = {len(STEPS) - 1}",
        f"DELETE FROM event WHERE name = '!all' AND seq IN ({', '.join(map(str, topics))})",
        *(f"INSERT INTO event VALUES ('{purge.room}', {seq})" for seq, purge in topics.items()),
        *(
            f"UPDATE entry SET at = '{purge.room} !mods{purge.room}' WHERE seq = {seq}"
            for seq, purge in topics.items()
            if purge.user == "alice"
        ),
    ]
    changed(disk, kind, statements)
    log = disk.open_postgres(disk.url) if kind == "open_postgres" else disk.open()
    assert is_whole(disk)
    heard = now(log.read(Feed("carol", 0, log.window.head))).posts
    assert [entry.seq for entry in heard if entry.kind == "purge"] == seqs


def changed(disk: Any, kind: str, statements: Sequence[str]) -> None:
    """Change a store that is closed."""
    if kind == "open_postgres":
        with psycopg.connect(disk.url, autocommit=True) as database:
            for statement in statements:
                database.execute(statement)
    else:
        connection = apsw.Connection(str(disk.path))
        connection.execute(";".join(statements))
        connection.close()
