"""The users that an operator is shown, a page at a time, by every log; and by none over the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from store.test_guests_contract import guest
from store.test_log_contract import (
    ODD_WORDS,
    Subject,
    key,
    new_log,
    on_simulated_postgres,
    over_amp,
    registered,
)
from store.test_rooms_contract import LOGS

from chatnet.entries import Draft, More
from chatnet.errors import BadRequest
from chatnet.kinds import CLUSTER
from chatnet.marks import UserMark, used
from chatnet.reads import AllUsers, UserFacts, UserPage
from chatnet.rules import FOR_EVER
from chatnet.store.pages import PAGE_ROOMS
from chatnet.store.sqlite.marks import MARKS

__all__ = ["new_log"]

BEGAN = 1_000_000_000
"""When the clock of these tests begins, in milliseconds since 1970."""


def order(kind: str, user: str, number: int, text: str = "", until: int = 0, room: str = "") -> Draft:
    return Draft(kind, CLUSTER, room, text, key(number), 0, More(to=user, until=until))


@pytest.mark.parametrize("make", LOGS, ids=lambda make: make.__name__)
def test_what_is_known_of_each(new_disk: Callable[[], Any], make: Callable[[Any], Subject]) -> None:
    """By their names: since when, by what role in the cluster, what keeps them out of it and until when, and
    when they last used a session that they have. What is so in a room alone is not; a ban that is over is
    none."""
    disk = new_disk()
    subject = make(disk)
    registered(subject, "bob", "alice")
    disk.reactor.advance(5)
    registered(subject, "carol", "dora", "erin")
    assert subject.append(
        order("role", "alice", 1, "admin"),
        order("ban", "bob", 2, until=BEGAN + 60_000),
        order("mute", "carol", 3),
        order("disable", "carol", 4),
        order("revoke", "dora", 5, "0", room=CLUSTER),
        order("ban", "erin", 6, room="#x"),
        order("role", "erin", 7, "owner", room="#y"),
    ) == [*range(6, 13)]
    disk.reactor.advance(5)
    begins = Draft("session", "alice", "alice", "", key(8), 0, More(device="d" * 32))
    assert subject.append(begins, Draft("post", "bob", "bob", "hi", key(8))) == [13, (0, subject_bars("bob"))]
    marks = [UserMark("bob", used(1), 3), UserMark("dora", used(4), 13), UserMark("erin", "alice", 13)]
    subject.ask(subject.log.keep_marks(marks))
    later = BEGAN + 5_000
    listed = [
        UserFacts("alice", "admin", BEGAN, BEGAN + 10_000, 0, 0, False),
        UserFacts("bob", "", BEGAN, later, BEGAN + 60_000, 0, False),
        UserFacts("carol", "", later, later, 0, FOR_EVER, True),
        UserFacts("dora", "", later, 0, 0, 0, False),
        UserFacts("erin", "", later, later, 0, 0, False),
    ]
    assert subject.read(AllUsers()) == UserPage(listed, False)
    disk.reactor.advance(60)
    subject.append(order("unban", "carol", 9), order("enable", "carol", 10))
    bob, carol = subject.read(AllUsers("", "alice")).users[:2]
    assert (bob.banned, carol.muted, carol.disabled) == (0, 0, False)


def subject_bars(user: str) -> str:
    return f"b'BARRED': {user} is banned from this server."


@pytest.mark.parametrize("make", [*LOGS, on_simulated_postgres], ids=lambda make: make.__name__)
def test_all_are_listed_page_by_page(new_disk: Callable[[], Any], make: Callable[[Any], Subject]) -> None:
    """Each once, in order; or those alone whose names begin so. Who is forgotten is nobody."""
    subject = make(new_disk())
    names = [f"{letter}{number:03}" for letter in "ab" for number in range(PAGE_ROOMS)]
    registered(subject, *reversed(names), "zoe", "yves")
    subject.append(order("forget", "yves", 1))
    found: list[str] = []
    for length, more in ((PAGE_ROOMS, True), (PAGE_ROOMS, True), (1, False)):
        page = subject.read(AllUsers("", found[-1] if found else ""))
        assert (len(page.users), page.more) == (length, more)
        found += [one.name for one in page.users]
    assert found == [*names, "zoe"]

    def listed(prefix: str, after: str = "") -> tuple[list[str], bool]:
        page = subject.read(AllUsers(prefix, after))
        return [one.name for one in page.users], page.more

    assert listed("b") == (names[PAGE_ROOMS:], False)
    assert listed("b00", "b007") == (["b008", "b009"], False)
    assert listed("zoe") == (["zoe"], False)
    assert listed("zoey") == listed("", "zoe") == listed("yves") == ([], False)


@pytest.mark.parametrize("make", LOGS, ids=lambda make: make.__name__)
def test_guests_are_listed_by_themselves(new_disk: Callable[[], Any], make: Callable[[Any], Subject]) -> None:
    """They come and go, and are none of the users."""
    subject = make(new_disk())
    registered(subject, "alice")
    subject.append(guest("~bob", 1), guest("~zed", 1), order("mute", "~bob", 2))
    assert [one.name for one in subject.read(AllUsers()).users] == ["alice"]
    found = subject.read(AllUsers("~")).users
    assert [(one.name, one.muted, one.since) for one in found] == [
        ("~bob", FOR_EVER, BEGAN),
        ("~zed", 0, BEGAN),
    ]
    assert [one.name for one in subject.read(AllUsers("~z")).users] == ["~zed"]


def test_all_logs_list_alike_what_is_asked_oddly(new_disk: Callable[[], Any]) -> None:
    """Whatever stands in place of a name, or of a part of one."""

    def listed(make: Callable[[Any], Subject]) -> list[UserPage]:
        subject = make(new_disk())
        registered(subject, "alice", "bob")
        subject.append(guest("~bob", 1))
        words = [*ODD_WORDS, "~", "al", "alice", "\0", "b\0"]
        return [subject.read(AllUsers(prefix, after)) for prefix in words for after in words]

    first, *others = map(listed, LOGS)
    assert others == [first] * len(others)
    assert listed(on_simulated_postgres)[0].users[0].name == first[0].users[0].name == "alice"


def test_no_worker_is_told(new_disk: Callable[[], Any]) -> None:
    """It is asked for by operators alone, of the process that has the log."""
    with pytest.raises(BadRequest, match="the value of “question” is wrong"):
        over_amp(new_disk()).read(AllUsers())


def test_users_are_listed_without_what_cannot_be_read(disk: Any) -> None:
    """How they used their sessions is in a file of its own."""
    subject = Subject(disk.open(), lambda: None)
    registered(subject, "alice")
    disk.close()
    disk.path.with_name(MARKS).unlink(missing_ok=True)
    disk.path.with_name(MARKS).mkdir()
    subject = Subject(disk.open(), lambda: None)
    [alice] = subject.read(AllUsers()).users
    assert (alice.name, alice.since, alice.used) == ("alice", BEGAN, 0)
