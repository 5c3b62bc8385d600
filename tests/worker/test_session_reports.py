"""Reports: who may make them, who hears them, and what they then can read."""

from __future__ import annotations

from typing import Any

import pytest

from chatnet.entries import Draft, More
from chatnet.errors import NoSuchPost, TooManyToday, Yourself
from chatnet.kinds import CLUSTER
from chatnet.wire import session as wire


def key(number: int) -> bytes:
    return b"reports %08d" % number


def report(worker: Any, client: Any, seq: int, number: int, more: dict[str, Any] | None = None) -> int:
    """Report the post ``seq``, and return the report's seq."""
    asked = {"seq": seq, "check": worker.at(seq).check, "reason": "rude", **(more or {})}
    found: int = client.ask(wire.ReportPost, key=key(number), **asked)["seq"]
    return found


def read(client: Any, seq: int) -> str:
    """Return the text of what the report ``seq`` is about."""
    text: str = client.ask(wire.Reported, seq=seq)["post"].text
    return text


def give_role(worker: Any, user: str, role: str, number: int, room: str = "") -> None:
    worker.log.append([Draft("role", CLUSTER, room, role, key(number), 0, More(to=user))])


def heard(client: Any) -> list[int]:
    return [post.seq for post in client.hears.posts if post.kind == "report"]


@pytest.fixture
def people(worker: Any) -> dict[str, Any]:
    """Alice and Bob are in a private room that Alice owns, and talk; Mod moderates the cluster, Tea a topic;
    Zoe is nobody."""
    found = {name: worker.client(name) for name in ("alice", "bob", "mod", "tea", "zoe")}
    found["alice"].ask(wire.Create, key=key(1), room="&ops", history="joined")
    found["alice"].ask(wire.Invite, key=key(2), room="&ops", to="bob")
    for user, room in (("bob", "&ops"), ("alice", "#tea"), ("bob", "#tea")):
        found[user].join(room)
    give_role(worker, "mod", "moderator", 3)
    give_role(worker, "tea", "moderator", 4, "#tea")
    for client in found.values():
        client.chat()
    return found


@pytest.mark.parametrize(
    ("room", "hears"),
    [
        ("#tea", {"mod", "tea", "bob"}),
        ("&ops", {"mod", "alice", "bob"}),
        ("@bob", {"mod", "bob"}),
        ("alice", {"mod", "tea", "bob"}),
    ],
)
def test_moderators_hear_a_report_and_read_what_it_is_about(
    worker: Any, people: dict[str, Any], room: str, hears: set[str]
) -> None:
    """Those of where it was heard, and those of the cluster; and who reports, on all devices. Nobody else
    reads a word by it: not the author, not a member, not who reports, where they could not anyhow."""
    said = people["alice"].post("you fool #tea", room)
    found = report(worker, people["bob"], said, 10)
    assert {name for name, client in people.items() if heard(client) == [found]} == hears
    reads = set()
    for name, client in people.items():
        try:
            assert read(client, found) == "you fool #tea"
            reads.add(name)
        except NoSuchPost:
            pass
    assert reads == hears - {"bob"}
    assert not [post for post in people["mod"].hears.posts if post.text == "you fool #tea"]


def test_nothing_is_left_of_it_when_the_post_is_taken_back(worker: Any, people: dict[str, Any]) -> None:
    """Moderators, who have it on their screens, are told of that; and there is nothing to report any more."""
    said = people["alice"].post("you fool", "@bob")
    found = report(worker, people["bob"], said, 10)
    check = worker.at(said).check
    gone = people["alice"].ask(wire.Redact, key=key(11), seq=said, check=check, reason=None)["seq"]
    assert [post.seq for post in people["mod"].hears.posts] == [found, gone]
    assert not [post for post in people["zoe"].hears.posts if post.seq in (found, gone)]
    for client in people.values():
        with pytest.raises(NoSuchPost):
            read(client, found)
    with pytest.raises(NoSuchPost):
        report(worker, people["bob"], said, 12)
    other = people["alice"].post("never reported", "@bob")
    check = worker.at(other).check
    people["alice"].ask(wire.Redact, key=key(13), seq=other, check=check, reason=None)
    assert [post.seq for post in people["mod"].hears.posts] == [found, gone]


def test_who_moderates_no_more_reads_no_report(worker: Any, people: dict[str, Any]) -> None:
    """Nor who came later: they never heard it."""
    said = people["alice"].post("you fool", "&ops")
    found = report(worker, people["bob"], said, 10)
    give_role(worker, "mod", "none", 11)
    give_role(worker, "zoe", "admin", 12)
    for user in ("mod", "zoe"):
        with pytest.raises(NoSuchPost):
            read(people[user], found)
    give_role(worker, "mod", "moderator", 13)
    with pytest.raises(NoSuchPost):
        read(people["mod"], found)
    assert read(people["alice"], found) == "you fool"


def test_what_one_cannot_read_one_cannot_report(worker: Any, people: dict[str, Any]) -> None:
    """The answer is the same as for what is not there; one's own posts are no matter for moderators."""
    said = people["alice"].post("in private", "&ops")
    talked = people["alice"].post("only you", "@bob")
    join = people["zoe"].join("#tea")["seq"]
    refused: list[tuple[Any, int, dict[str, Any]]] = [
        (people["zoe"], said, {}),
        (people["tea"], talked, {}),
        (people["bob"], join, {}),
        (people["bob"], said, {"check": b"w" * 8}),
        (people["bob"], said, {"seq": 0}),
        (people["bob"], said, {"seq": (1 << 63) - 1}),
        (people["bob"], said, {"seq": said + 1000}),
    ]
    head = worker.log.window.head
    for number, (client, seq, more) in enumerate(refused):
        with pytest.raises(NoSuchPost, match=r"^There is no such post\.$"):
            report(worker, client, seq, 20 + number, more)
    with pytest.raises(Yourself):
        report(worker, people["alice"], said, 30)
    assert worker.log.window.head == head
    for seq in (0, said, join, head, head + 5, (1 << 63) - 1):
        with pytest.raises(NoSuchPost):
            read(people["alice"], seq)


def test_ten_reports_a_day(worker: Any, people: dict[str, Any]) -> None:
    said = people["alice"].post("hm")
    for number in range(10):
        report(worker, people["bob"], said, 40 + number)
    with pytest.raises(TooManyToday):
        report(worker, people["bob"], said, 50)
