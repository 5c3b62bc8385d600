"""Guests, and how users are shown: all logs judge drawn drafts alike; ``chatnet check`` finds them whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from store.conftest import now
from store.test_log_contract import (
    Subject,
    key,
    new_log,
    on_postgres,
    on_sqlite,
    registered,
    said,
    told,
    whole_feed,
)
from store.test_rooms_contract import LOGS

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More, Ref
from chatnet.errors import (
    BadName,
    BadText,
    FullGuest,
    Muted,
    NameTaken,
    NoSuchPost,
    NoSuchUser,
    NotForGuests,
    NotJoined,
    NotYet,
    SessionEnded,
    TooManyGuests,
)
from chatnet.kinds import CLUSTER
from chatnet.operator.check import check
from chatnet.reads import (
    CursorAt,
    Faces,
    FirstIn,
    Head,
    History,
    HistoryAfter,
    LedBy,
    Members,
    Newest,
    PersonOf,
    ShownFace,
    SnapshotOf,
)
from chatnet.rules import MOST_GUEST_ROOMS, MOST_GUESTS
from chatnet.world.real import real_world

__all__ = ["new_log"]

Make = Callable[[Any], Subject]


def guest(user: str, number: int, text: str = "") -> Draft:
    return Draft("guest", user, user, text or f"{user[1:]} id Real Name", key(number))


def nick(user: str, to: str, number: int) -> Draft:
    return Draft("nick", user, user, f"{to[1:]} id Real Name", key(number), 0, More(to=to))


def gone(user: str, number: int, words: str = "bye", by: int = 0) -> Draft:
    return Draft("gone", user, user, words, key(number), by, More(to=user))


def lost(user: str, number: int, ref: Ref | None = None) -> Draft:
    """The cluster says that a guest is gone."""
    return Draft("gone", CLUSTER, CLUSTER, "lost", key(number), 0, More(to=user, ref=ref))


def join(user: str, room: str, number: int) -> Draft:
    return Draft("join", user, room, "", key(number))


def post(user: str, room: str, number: int, text: str = "hi", more: More | None = None) -> Draft:
    return Draft("post", user, room, text, key(number), 0, more)


def members(subject: Subject, room: str) -> list[str]:
    return [member.name for member in subject.read(Members(room, "alice", subject.log.window.head)).members]


@pytest.fixture(params=LOGS, ids=lambda make: make.__name__)
def subject(request: pytest.FixtureRequest, new_disk: Callable[[], Any]) -> Subject:
    made: Subject = request.param(new_disk())
    return made


def test_a_guest_comes_talks_and_goes(subject: Subject) -> None:
    """It is a member like others while it is here; then its stays have ended, and its name is free."""
    registered(subject, "alice")
    assert subject.append(
        guest("~bob", 1),
        join("~bob", "#x", 2),
        join("alice", "#x", 1),
        post("~bob", "#x", 3),
        gone("~bob", 4),
    ) == [2, 3, 4, 5, 6]
    assert told(subject.read(Newest("alice", 6))) == [5]
    assert members(subject, "#x") == ["alice"]
    [entry] = [entry for entry in whole_feed(subject, "alice", 4, 6) if entry.kind == "gone"]
    assert (entry.seq, entry.at, entry.text) == (6, ("#x",), "bye")
    assert subject.append(guest("~bob", 5), post("~bob", "#x", 6)) == [
        7,
        said(NotJoined.of(room="#x")),
    ]
    assert subject.read(SnapshotOf("~bob", 6, 7)).intervals == []


def test_no_name_of_a_user_or_that_looks_like_one(subject: Subject) -> None:
    """Nor one that is forgotten, or that another guest has; and no user gets that of a guest who is here."""
    registered(subject, "alice", "b0b-1")
    forget = Draft("forget", "alice", "alice", "", key(1), 0, More(to="alice"))
    assert subject.append(forget) == [3]
    taken = [said(NameTaken.of(name=name)) for name in ("~alice", "~bobl", "~b_o_b-l", "~zed")]
    drafts = [guest("~alice", 1), guest("~bobl", 1), guest("~b_o_b-l", 1)]
    assert subject.append(*drafts, guest("~zed", 1), guest("~zed", 2)) == [*taken[:3], 4, taken[3]]
    register = Draft("register", "zed", "zed", "sha256:1", key(1))
    assert subject.append(register, gone("~zed", 3), register) == [said(NameTaken.of(name="zed")), 5, 6]
    assert subject.append(guest("~zed", 4), guest("~zedd", 4)) == [taken[3], 7]
    assert subject.append(nick("~zedd", "~zed", 5), nick("~zedd", "~zoe", 6)) == [taken[3], 8]
    assert subject.append(nick("~zoe", "~zoe", 7)) == [said(BadName.of(name="“~zoe”"))]


def test_another_name_is_another_user_in_the_same_rooms(subject: Subject) -> None:
    """The entry is heard in the rooms; what was ordered about the guest holds for the new name, too."""
    registered(subject, "alice")
    mute = Draft("mute", CLUSTER, "#x", "", key(1), 0, More(to="~bob"))
    assert subject.append(
        guest("~bob", 1), join("~bob", "#x", 2), join("~bob", "#y", 3), join("alice", "#y", 1), mute
    ) == [2, 3, 4, 5, 6]
    assert subject.append(nick("~bob", "~rob", 4), post("~rob", "#y", 1)) == [7, 8]
    [entry] = [entry for entry in whole_feed(subject, "alice", 6, 7) if entry.kind == "nick"]
    assert entry.at == ("#x", "#y")
    assert members(subject, "#y") == ["alice", "~rob"]
    assert subject.append(post("~rob", "#x", 2), post("~bob", "#y", 5)) == [
        said(Muted.of()),
        said(NoSuchUser.of(name="~bob")),
    ]
    stays = subject.read(SnapshotOf("~rob", 7, 8))
    assert (sorted(stay.room for stay in stays.intervals), stays.registered) == (["#x", "#y"], 7)
    assert [stay.left for stay in subject.read(SnapshotOf("~bob", 5, 8)).intervals] == [7, 7]


def test_a_guest_is_not_the_first_of_a_topic(subject: Subject) -> None:
    """Who leads it could do more than guests may."""
    registered(subject, "alice", "bob")
    assert subject.append(guest("~zed", 1), *(join(user, "#x", 2) for user in ("~zed", "bob", "alice"))) == [
        *(3, 4, 5, 6)
    ]
    assert subject.read(FirstIn("#x", 6)) == "bob"
    assert [subject.read(LedBy(user, ["#x"], 6)) for user in ("~zed", "bob", "alice")] == [[], ["#x"], []]


def test_what_a_guest_cannot_do(subject: Subject) -> None:
    """Guests talk in topics and with users: nothing else."""
    registered(subject, "alice")
    assert subject.append(guest("~bob", 1)) == [2]
    no = said(NotForGuests.of())
    drafts = [
        post("~bob", "~bob", 2),
        join("~bob", "alice", 3),
        Draft("create", "~bob", "&ops", "joined", key(4)),
        join("~bob", "&ops", 5),
        Draft("describe", "~bob", "#x", "mine", key(6)),
        Draft("block", "~bob", "~bob", "", key(7), 0, More(to="alice")),
        Draft("register", "~bob", "~bob", "sha256:1", key(8)),
        Draft("invite", "alice", "&ops", "", key(9), 0, More(to="~bob")),
        Draft("role", CLUSTER, "#x", "owner", key(10), 0, More(to="~bob")),
        Draft("forget", "alice", "alice", "", key(11), 0, More(to="~bob")),
    ]
    assert subject.append(*drafts) == [no] * len(drafts)
    joins = [join("~bob", f"#{number}", 20 + number) for number in range(MOST_GUEST_ROOMS + 1)]
    assert subject.append(*joins)[-1] == said(FullGuest.of())


def test_of_conversations_nothing_is_left_for_another_guest(subject: Subject) -> None:
    """Who comes later with the same name cannot answer what was said to the one before."""
    registered(subject, "alice")
    room = "alice=~bob"
    assert subject.append(guest("~bob", 1), post("alice", room, 1), post("~bob", room, 2)) == [2, 3, 4]
    assert subject.append(gone("~bob", 3), post("alice", room, 4)) == [5, said(NoSuchUser.of(name="~bob"))]
    assert subject.append(guest("~bob", 5), post("~bob", room, 6)) == [6, 7]
    check = Cursor.at(subject.log.log_id, Entry(3, 0, "post", "alice", "", "", key(1))).check
    answers = More(ref=Ref(3, check))
    assert subject.append(post("~bob", room, 7, more=answers), post("alice", room, 5, more=answers)) == [
        said(NoSuchPost.of()),
        8,
    ]
    assert told(subject.read(Newest("~bob", 8))) == [7, 8]
    assert told(subject.read(History(room, None, "~bob", 8))) == [7, 8]
    assert [entry.seq for entry in whole_feed(subject, "~bob", 0, 8)] == [7, 8]
    assert told(subject.read(History(room, None, "alice", 8))) == [3, 4, 7, 8]


def test_the_cluster_ends_the_guest_that_it_means(subject: Subject) -> None:
    """Another one with the same name stays; and what a guest says behind its end is refused."""
    registered(subject, "alice")
    assert subject.append(guest("~bob", 1)) == [2]
    log_id = subject.log.log_id
    ref = Ref(2, Cursor.at(log_id, Entry(2, 0, "guest", "~bob", "", "", key(1))).check)
    assert subject.append(lost("~bob", 1, ref), guest("~bob", 2)) == [3, 4]
    late = Draft("post", "~bob", "#x", "late", key(3), 2)
    assert subject.append(lost("~bob", 2, ref), late) == [
        said(NoSuchUser.of(name="~bob")),
        said(SessionEnded.of(name="~bob")),
    ]
    assert subject.append(gone("~bob", 4, by=2), gone("~bob", 5, by=4)) == [
        said(SessionEnded.of(name="~bob")),
        5,
    ]
    assert subject.append(gone("~bob", 6), lost("~bob", 7)) == [
        said(NoSuchUser.of(name="~bob")),
        said(NoSuchUser.of(name="~bob")),
    ]


def test_what_is_for_a_guest_is_for_nobody_who_comes_later(subject: Subject) -> None:
    """Whoever has the name by then. A key that was used is answered as it was, whoever was meant by it."""
    registered(subject, "alice")
    room = "alice=~bob"

    def said_to(number: int, meant: int) -> Draft:
        return Draft("post", "alice", room, "psst", key(number), 0, None, meant)

    def ban(number: int, meant: int, to: str = "~bob") -> Draft:
        return Draft("ban", CLUSTER, "#x", "", key(number), 0, More(to=to), meant)

    nobody = said(NoSuchUser.of(name="~bob"))
    assert subject.append(guest("~bob", 1), said_to(1, 2), ban(2, 1), ban(3, 2)) == [2, 3, nobody, 4]
    spelling = Draft("spelling", "~bob", "~bob", "BOB id Bob", key(2))
    assert subject.append(spelling, said_to(4, 5), said_to(5, 2)) == [5, 6, 7]
    assert subject.append(gone("~bob", 3), said_to(6, 2), guest("~bob", 4)) == [8, nobody, 9]
    assert subject.append(said_to(7, 7), said_to(6, 9), said_to(8, 9), ban(4, 5)) == [
        nobody,
        nobody,
        10,
        nobody,
    ]
    assert subject.append(nick("~bob", "~rob", 5), ban(5, 10, "~rob"), ban(6, 11, "~rob")) == [
        *(11, said(NoSuchUser.of(name="~rob")), 12)
    ]
    assert subject.append(guest("~bob", 6), said_to(1, 13), said_to(9, 10), said_to(10, 0)) == [
        13,
        3,
        nobody,
        14,
    ]


def test_who_is_banned_can_go(subject: Subject) -> None:
    """Nothing else is taken from them; the ban goes with the guest."""
    registered(subject, "alice")
    ban = Draft("ban", CLUSTER, "", "spam", key(1), 0, More(to="~bob"))
    assert subject.append(guest("~bob", 1), join("~bob", "#x", 2), ban) == [2, 3, 4]
    [barred, left] = subject.append(post("~bob", "#x", 3), gone("~bob", 4))
    assert "BARRED" in str(barred)
    assert left == 5
    assert subject.append(guest("~bob", 5), join("~bob", "#x", 6)) == [6, 7]


@pytest.mark.parametrize("room", ["#x", ""])
def test_who_is_muted_goes_without_a_word(subject: Subject, room: str) -> None:
    """Wherever they are muted: the reason would be told in all rooms where they are."""
    registered(subject, "alice")
    mute = Draft("mute", CLUSTER, room, "", key(1), 0, More(to="~bob"))
    assert subject.append(guest("~bob", 1), join("~bob", "#y", 2), mute) == [2, 3, 4]
    silent = Draft("gone", "~bob", "~bob", "", key(4), 0, More(to="~bob"))
    assert subject.append(gone("~bob", 4), silent) == [said(Muted.of()), 5]


def test_who_is_muted_is_not_called_otherwise(subject: Subject) -> None:
    """A nick is a word that is told in all rooms where they are. A mute in one room is of that room alone."""
    registered(subject, "alice")
    mute, unban = (
        Draft(kind, CLUSTER, "", "", key(number), 0, More(to="~bob"))
        for number, kind in enumerate(("mute", "unban"), 1)
    )
    assert subject.append(guest("~bob", 1), join("~bob", "#y", 2), mute) == [2, 3, 4]
    said_again = nick("~bob", "~hear-me", 5)
    assert subject.append(nick("~bob", "~hear-me", 4), unban, said_again) == [said(Muted.of()), 5, 6]


def test_who_is_muted_gets_no_other_real_name(subject: Subject) -> None:
    """Others are told it; a mute in one room is of that room alone."""
    registered(subject, "alice")
    kinds = [
        ("mute", "#x"),
        ("spelling", ""),
        ("mute", ""),
        ("spelling", ""),
        ("unban", ""),
        ("spelling", ""),
    ]
    drafts = [
        Draft(kind, "alice", "alice", f"Alice - {n}", key(n))
        if kind == "spelling"
        else Draft(kind, CLUSTER, room, "", key(n), 0, More(to="alice"))
        for n, (kind, room) in enumerate(kinds, 1)
    ]
    assert subject.append(*drafts) == [2, 3, 4, said(Muted.of()), 5, 6]


def test_there_are_not_too_many_guests(subject: Subject) -> None:
    registered(subject, "alice")
    drafts = [guest(f"~g{number:04}x", number) for number in range(1, MOST_GUESTS + 2)]
    *came, last = subject.append(*drafts)
    assert came == list(range(2, MOST_GUESTS + 2))
    assert last == said(TooManyGuests.of())
    assert subject.append(gone("~g0001x", 5_000), drafts[-1]) == [MOST_GUESTS + 2, MOST_GUESTS + 3]


def test_how_one_is_shown(subject: Subject) -> None:
    """In other capitals at most; only guests have an ident."""
    registered(subject, "alice")

    def spelling(text: str, number: int, user: str = "alice") -> Draft:
        return Draft("spelling", user, user, text, key(number))

    assert subject.append(spelling("Alice - Alice Liddell", 1), spelling("aLICE -", 2)) == [2, 3]
    bad = ["Alicia - x", "alice x Name", "alice", "Alice -  ", "Alice - a\nb", "", "~alice - x"]
    outcomes = subject.append(*(spelling(text, 10 + n) for n, text in enumerate(bad)))
    assert {str(outcome)[:12] for outcome in outcomes} == {str(said(BadText.of(why="")))[:12]}
    assert subject.append(guest("~bob", 1, "Bob id Robert"), spelling("BOB id Bob B", 2, "~bob")) == [4, 5]
    bob = ShownFace("~bob", "BOB id Bob B", 5)
    assert subject.read(Faces()) == [ShownFace("alice", "aLICE -", 3), bob]
    assert subject.read(Faces("~")) == [bob]
    assert subject.append(gone("~bob", 3)) == [6]
    assert subject.read(Faces("alice")) == []


def test_words_of_who_leaves_are_of_the_second_level(new_disk: Callable[[], Any]) -> None:
    """In a log that older programs made they are refused until its level is raised."""
    leave, not_yet = Draft("leave", "alice", "#x", "tired", key(2)), said(NotYet.of())
    level = Draft("level", CLUSTER, CLUSTER, "2", key(1))
    again = Draft("leave", "alice", "#x", "tired", key(3))
    for name in ("open", "open_postgres"):
        disk = new_disk()
        disk.level = 1
        getattr(disk, name)()
        where = [disk.url] if disk.url else []
        for log in disk._opened:
            now(log.close())
        disk._opened.clear()
        disk.level = 2
        advance = disk.reactor.advance
        subject = Subject(getattr(disk, name)(*where), partial(advance, 0))
        registered(subject, "alice")
        assert subject.append(join("alice", "#x", 1), leave, guest("~bob", 1)) == [2, not_yet, not_yet]
        assert subject.append(level, again, guest("~bob", 2)) == [3, 4, 5]


USERS = ["alice", "carol", "bob", "~bob", "~rob", "~zed", "~zoe"]
KINDS = ["guest", "guest", "nick", "gone", "gone", "lost", "join", "join", "leave", "post", "post"]
KINDS += ["spelling", "register", "mute", "ban", "remove", "block", "unblock", "purge", "forget"]


def drawn(chance: random.Random, number: int, head: int, subject: Subject) -> Draft:
    """Return a draft that a worker or the primary may send."""
    kind, user, to = chance.choice(KINDS), chance.choice(USERS), chance.choice(USERS)
    a_guest, its = chance.choice(USERS[3:]), chance.choice(USERS[:3])
    room = chance.choice(["#x", "#y", "#z"])
    by = chance.choice([0, 0, 0, max(1, head - 3)])
    meant = chance.choice([0, 0, head, max(1, head - 20)])
    match kind:
        case "guest":
            return guest(a_guest, number)
        case "nick":
            return nick(a_guest, chance.choice(USERS[3:]), number)
        case "gone":
            return gone(a_guest, number, by=by)
        case "lost":
            seq = chance.randrange(1, head + 1)
            found = subject.read(CursorAt(seq))
            ref = Ref(seq, found.check) if found is not None and number % 4 else None
            return lost(a_guest, number, ref)
        case "join" | "leave":
            return Draft(kind, user, room, "tired" if kind == "leave" and number % 2 else "", key(number), by)
        case "post":
            other = max(user, to) if user != to else "#x"
            talk = f"{min(user, to)}={other}" if user != to and number % 3 == 0 else room
            said = post(user, talk, number, "hi @alice @bob")
            return structs.replace(said, meant=meant) if talk != room else said
        case "spelling":
            name = user.lstrip("~")
            return Draft(
                kind, user, user, f"{name.title()} {'id' if user[0] == '~' else '-'} Me", key(number)
            )
        case "register":
            return Draft(kind, its, its, "sha256:1", key(number))
        case "mute" | "ban" | "remove":
            return Draft(kind, "carol", room, "because", key(number), 0, More(to=to), meant)
        case "block" | "unblock":
            return Draft(kind, its, its, "", key(number), 0, More(to=to))
        case "purge":
            return Draft(kind, CLUSTER, "", "", key(number), 0, More(to=a_guest))
    return Draft("forget", its, its, "", key(number), 0, More(to=its))


def test_all_logs_judge_guests_alike(new_disk: Callable[[], Any], tmp_path: Path) -> None:
    """For thousands of drawn drafts; and what the stores have is what follows from their entries."""
    found = []
    for make in LOGS:
        disk = new_disk()
        subject, chance = make(disk), random.Random(5)
        registered(subject, "alice", "carol")
        owner = Draft("role", CLUSTER, "", "moderator", key(1), 0, More(to="carol"))
        outcomes: list[Any] = [subject.append(owner)]
        for turn in range(150):
            head = subject.read(Head())
            drafts = [drawn(chance, 100 + 20 * turn + n, head, subject) for n in range(20)]
            drafts = [draft for draft in drafts if draft.kind != "forget" or turn % 50 == 0]
            outcomes += [*zip([draft.kind for draft in drafts], subject.append(*drafts), strict=True)]
        head = subject.read(Head())
        for room in ("#x", "#y", "#z"):
            outcomes.append(told(subject.read(History(room, None, "alice", head, True))))
            outcomes.append(told(subject.read(HistoryAfter(room, head // 3, "alice", head, True))))
        for user in USERS:
            outcomes.append(told(subject.read(Newest(user, head))))
            outcomes.append(sorted(map(str, subject.read(SnapshotOf(user, 0, head)).intervals)))
            outcomes.append(str(subject.read(PersonOf("alice", user, head))))
            outcomes.append(
                [(entry.seq, entry.kind, entry.at) for entry in whole_feed(subject, user, 0, head)]
            )
        found.append(outcomes)
        if make in (on_sqlite, on_postgres):
            url = disk.url if make is on_postgres else ""
            path = None if url else str(disk.path)
            disk.close()
            assert "are whole" in check(path, disk.path, url, real_world())
    for other in found[1:]:
        assert other == found[0]
    kinds = {pair[0] for pair in found[0] if isinstance(pair, tuple) and isinstance(pair[1], int)}
    assert kinds >= set(KINDS) - {"lost"} | {"gone"}
