"""Who came into a room and who went stands in its history, for who asks for more than posts, on all logs; and
costs nobody else anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from store.test_guests_contract import gone, guest, nick
from store.test_log_contract import Subject, key, registered
from store.test_rooms_contract import LOGS
from store.test_sqlite_log import Recorder

from chatnet.cursor import Cursor
from chatnet.entries import Draft, More, Ref
from chatnet.errors import NoSuchRoom
from chatnet.kinds import CLUSTER
from chatnet.limits import PAGE, Limits, PageSize
from chatnet.reads import History, HistoryAfter
from chatnet.testing.memory_log import MemoryLog


@pytest.fixture(params=LOGS, ids=lambda make: make.__name__)
def subject(request: pytest.FixtureRequest, new_disk: Callable[[], Any]) -> Subject:
    made: Subject = request.param(new_disk())
    return made


def draft(kind: Any, user: str, room: str, number: int, text: str = "", to: str = "") -> Draft:
    return Draft(kind, user, room, text, key(number), 0, More(to=to) if to else None)


def history(subject: Subject, room: str, user: str = "alice") -> list[tuple[int, str]]:
    """Return seq and kind of what stands in a history with events, which is the same in both directions, from
    wherever one begins."""
    head = subject.log.window.head
    found = subject.read(History(room, None, user, head, True))
    assert subject.read(HistoryAfter(room, 0, user, head, True)) == found
    for at in {1, *(entry.seq for entry in found), head + 1}:
        before = subject.read(History(room, at, user, head, True))
        behind = subject.read(HistoryAfter(room, at - 1, user, head, True))
        assert before + behind == found
    plain = [entry for entry in found if entry.kind == "post"]
    assert subject.read(History(room, None, user, head)) == plain
    assert subject.read(HistoryAfter(room, 0, user, head)) == plain
    return [(entry.seq, entry.kind) for entry in found]


def test_each_way_to_come_and_to_go(subject: Subject) -> None:
    """In one order with the posts, each entry once; what ended no stay is not there."""
    registered(subject, "alice", "bob", "carol")
    drafts = [
        draft("join", "alice", "#x", 1),
        draft("role", CLUSTER, "#x", 2, "owner", to="alice"),
        draft("post", "alice", "#x", 3, "hi"),
        draft("join", "bob", "#x", 4),
        draft("join", "carol", "#x", 5),
        draft("remove", "alice", "#x", 6, to="bob"),
        draft("ban", "alice", "#x", 7, to="bob"),
        draft("join", "carol", "#y", 8),
        draft("ban", "alice", "#x", 9, to="carol"),
        draft("leave", "alice", "#x", 10, "tired"),
        guest("~zed", 11),
        draft("join", "~zed", "#x", 12),
        nick("~zed", "~rob", 13),
        gone("~rob", 14),
        draft("join", "bob", "alice", 15),
        draft("post", "alice", "alice", 16, "about #x"),
        draft("leave", "bob", "alice", 17),
    ]
    assert subject.append(*drafts) == list(range(4, 21))
    assert history(subject, "#x") == [
        *((4, "join"), (5, "role"), (6, "post"), (7, "join"), (8, "join"), (9, "remove"), (12, "ban")),
        *((13, "leave"), (15, "join"), (16, "nick"), (17, "gone"), (19, "post")),
    ]
    assert history(subject, "alice", "carol") == [(18, "join"), (19, "post"), (20, "leave")]


def test_of_a_private_room_one_hears_from_when_one_came(subject: Subject) -> None:
    """Not who came or went before, nor one's own coming; where all is shown, from its beginning."""
    registered(subject, "alice", "bob", "carol")
    for number, (room, shown) in enumerate((("&ops", "joined"), ("&all", "all"))):
        at = 10 * number
        steps = [
            draft("create", "alice", room, at + 1, shown),
            draft("invite", "alice", room, at + 2, to="carol"),
            draft("join", "carol", room, at + 3),
            draft("invite", "alice", room, at + 4, to="bob"),
            draft("join", "bob", room, at + 5),
            draft("leave", "carol", room, at + 6),
        ]
        assert subject.append(*steps) == [4 + 6 * number + n for n in range(6)]
    assert history(subject, "&ops") == [(6, "join"), (8, "join"), (9, "leave")]
    assert history(subject, "&ops", "bob") == [(9, "leave")]
    assert history(subject, "&all", "bob") == [(12, "join"), (14, "join"), (15, "leave")]
    with pytest.raises(NoSuchRoom):
        history(subject, "&ops", "carol")


def test_nobody_is_told_of_who_is_forgotten(subject: Subject) -> None:
    """Neither that they came nor that they went, before or with that, nor what they did, or what was done
    about them."""
    registered(subject, "alice", "bob")
    steps = [
        draft("join", "bob", "#x", 1),
        draft("join", "alice", "#x", 2),
        draft("leave", "bob", "#x", 3),
        draft("role", CLUSTER, "#x", 4, "owner", to="alice"),
        draft("join", "bob", "#x", 5),
        draft("role", "alice", "#x", 6, "moderator", to="bob"),
        draft("describe", "bob", "#x", 7, "for tea"),
        draft("remove", "alice", "#x", 8, to="bob"),
        draft("describe", "alice", "#x", 9, "for coffee"),
        draft("join", "bob", "#x", 10),
    ]
    assert subject.append(*steps) == list(range(3, 13))
    kinds = ["join", "join", "leave", "role", "join", "role", "describe", "remove", "describe", "join"]
    assert history(subject, "#x") == [*enumerate(kinds, 3)]
    assert subject.append(draft("forget", "bob", "bob", 11, to="bob")) == [13]
    assert history(subject, "#x") == [(4, "join"), (6, "role"), (11, "describe")]
    head = subject.log.window.head
    pages = [subject.read(HistoryAfter("#x", after, "alice", head, True)) for after in (4, 6)]
    assert [[entry.seq for entry in page] for page in pages] == [[6, 11], [11]]


def test_what_is_too_old_is_not_told(subject: Subject) -> None:
    """As far as posts have expired, in the room or everywhere, nothing else is told either."""
    registered(subject, "alice", "bob")
    rooms = ("#x", "#y", "#x")
    talk = [draft("post", "alice", "alice", 20 + n, f"about {room}") for n, room in enumerate(rooms)]
    assert subject.append(draft("join", "bob", "#x", 9), *talk, draft("leave", "bob", "#x", 10)) == [
        *(3, 4, 5, 6, 7)
    ]

    def expires(room: str, seq: int) -> Draft:
        entry = subject.log.window.after(seq - 1)[0]
        ref = Ref(seq, Cursor.at(subject.log.log_id, entry).check)
        return Draft("expire", CLUSTER, room, "", key(seq), 0, More(ref=ref))

    assert subject.append(expires("#y", 5)) == [8]
    assert history(subject, "#x") == [(3, "join"), (4, "post"), (6, "post"), (7, "leave")]
    assert subject.append(expires("#x", 4)) == [9]
    assert history(subject, "#x") == [(4, "post"), (6, "post"), (7, "leave")]
    assert subject.append(draft("post", "alice", "alice", 11, "about #y"), expires("", 7)) == [10, 11]
    assert history(subject, "#x") == [(4, "post"), (6, "post")]


def coming_and_going(user: str, count: int, at: int = 10) -> Sequence[Draft]:
    return [draft(("join", "leave")[n % 2], user, "#x", at + n) for n in range(count)]


SMALL = PageSize(bytes=60_000, entries=3, stays=200)


def paged_memory(disk: Any) -> Subject:
    return Subject(MemoryLog(clock=disk.reactor.seconds, page=SMALL.entries), lambda: None)


def paged_sqlite(disk: Any) -> Subject:
    return Subject(disk.open(limits=Limits(page=SMALL)), lambda: None)


def paged_postgres(disk: Any) -> Subject:
    return Subject(disk.open_postgres(limits=Limits(page=SMALL)), lambda: disk.reactor.advance(0))


@pytest.mark.parametrize("make", [paged_memory, paged_sqlite, paged_postgres])
def test_many_come_in_pages(new_disk: Callable[[], Any], make: Callable[[Any], Subject]) -> None:
    """Each page goes on where the one before has ended, nothing is missing or there twice, and only behind
    the last one comes an empty one: also where many in a row are of somebody who is forgotten."""
    subject = make(new_disk())
    registered(subject, "alice", "bob", "carol")
    subject.append(draft("role", CLUSTER, "", 1, "admin", to="alice"))
    subject.append(*coming_and_going("bob", 50), *coming_and_going("carol", 20))
    about = [draft("describe", "carol", "#x", 200 + n, "tea") for n in range(8)]
    assert subject.append(draft("join", "carol", "#x", 199), *about)[-1] == 83
    subject.append(*coming_and_going("bob", 5, at=100))
    for upto, told in ((53, range(5, 54)), (88, [*range(5, 55), *range(84, 89)])):
        if upto == 88:
            assert subject.append(draft("forget", "carol", "carol", 300, to="carol")) == [89]
        assert walked(subject, upto) == [*told]


def walked(subject: Subject, upto: int) -> list[int]:
    """Return the seqs of a whole history, which is the same read forwards and backwards."""
    forwards: list[int] = []
    backwards: list[int] = []
    while page := subject.read(HistoryAfter("#x", [0, *forwards][-1], "alice", upto, True)):
        forwards += [entry.seq for entry in page]
    while page := subject.read(History("#x", [*backwards, None][0], "alice", upto, True)):
        backwards = [*(entry.seq for entry in page), *backwards]
    assert forwards == backwards
    return forwards


def test_a_history_costs_what_it_returns(disk: Any, now: Callable[[Any], Any]) -> None:
    """The posts of a room in which very many came and went are read by as many steps of SQLite's machine as
    those of a quiet one; and a page with events does not cost more, the more came and went before."""
    recorder = disk.files = Recorder()
    log = disk.open()
    steps: list[int] = []
    for reader in recorder.connections[1:]:
        reader.set_progress_handler(lambda: bool(steps.append(1)), 10)  # type: ignore[func-returns-value]
    names = [draft("register", name, name, 1, "sha256:1") for name in ("alice", "bob")]
    now(log.append([*names, draft("post", "alice", "alice", 3, "about #x")]))

    def cost(events: bool) -> int:
        steps.clear()
        found = now(log.read(History("#x", None, "alice", log.window.head, events)))
        assert len(found) == (PAGE.entries if events else 1)
        return len(steps)

    quiet = cost(events=False)
    now(log.append(coming_and_going("bob", PAGE.entries * 2, 10)))
    few = cost(events=True)
    now(log.append(coming_and_going("bob", PAGE.entries * 10, 20_000)))
    assert cost(events=False) <= quiet + 4
    assert few > 100
    assert cost(events=True) <= 1.1 * few
