"""The checker's promise about guests: a good history keeps it, and each way to break it is found."""

from __future__ import annotations

import pytest

from chatnet.entries import Entry, More
from chatnet.testing.checker import check
from chatnet.testing.checker_guests import guests_come_and_go, what_waits_for_a_guest_reaches_nobody_else
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import Waiting

Row = tuple[str, str, str, str, str]
GOOD: list[Row] = [
    ("register", "alice", "alice", "sha256:…", ""),
    ("guest", "~bob", "~bob", "bob id Bob", ""),
    ("join", "~bob", "#tea", "", ""),
    ("post", "~bob", "#tea", "hi", ""),
    ("post", "~bob", "alice=~bob", "hi", ""),
    ("nick", "~bob", "~bob", "Rob id Bob", "~rob"),
    ("post", "~rob", "#tea", "it is me", ""),
    ("spelling", "~rob", "~rob", "ROB id Bob", ""),
    ("gone", "~rob", "~rob", "bye", "~rob"),
    ("guest", "~bob", "~bob", "bob id Bob", ""),
    ("gone", "chatnet", "chatnet", "lost", "~bob"),
    ("register", "bob", "bob", "sha256:…", ""),
]


def log_of(*rows: Row) -> list[Entry]:
    return [
        Entry(seq, seq, kind, user, room, text, b"%016d" % seq, More(to=to) if to else None)
        for seq, (kind, user, room, text, to) in enumerate(rows, 1)
    ]


def broken(*rows: Row) -> list[str]:
    return list(guests_come_and_go(Evidence([], log_of(*rows))))


def test_guests_who_come_and_go() -> None:
    assert broken(*GOOD) == []


@pytest.mark.parametrize(
    ("at", "row", "said"),
    [
        (1, ("post", "~bob", "#tea", "too early", ""), "who was not here"),
        (2, ("guest", "~bob", "~bob", "bob id", ""), "another one's name"),
        (2, ("guest", "~al-ice", "~al-ice", "x", ""), "alice is a user"),
        (2, ("guest", "bob", "bob", "bob id", ""), "or no guest's"),
        (2, ("register", "bob", "bob", "sha256:…", ""), "while a guest was called so"),
        (5, ("nick", "~bob", "~bob", "alice id", "~alice"), "alice is a user"),
        (6, ("post", "~bob", "#tea", "under the old name", ""), "who was not here"),
        (9, ("post", "~rob", "#tea", "behind its end", ""), "who was not here"),
        (9, ("gone", "chatnet", "chatnet", "lost", "~rob"), "of ~rob, who was not here"),
        (3, ("post", "~bob", "~bob", "in a room of its own", ""), "a post in ~bob"),
        (3, ("join", "~bob", "&ops", "", ""), "a join in &ops"),
        (3, ("role", "~bob", "#tea", "owner", "~bob"), "a role in #tea"),
    ],
)
def test_each_way_to_break_it(at: int, row: Row, said: str) -> None:
    """A guest that is not here says nothing, and no two have one name."""
    found = broken(*GOOD[:at], row, *GOOD[at:])
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    "row",
    [
        ("post", "alice", "alice=~bob", "for you alone", ""),
        ("remove", "alice", "#tea", "", "~bob"),
        ("ban", "alice", "#tea", "", "~bob"),
    ],
)
@pytest.mark.parametrize("comes", [("guest", "~bob", "~bob", "x", ""), ("nick", "~rob", "~rob", "x", "~bob")])
def test_what_waits_is_for_no_guest_who_comes_later(row: Row, comes: Row) -> None:
    """A front that waits for the log's answer meant who was here by what it knew then."""
    log = log_of(*GOOD[:2], ("gone", "~bob", "~bob", "bye", "~bob"), comes, row)

    def found(head: int, last: int = 5) -> list[str]:
        waits = Waiting(time=1.0, client="front", head=head, drafts=[("alice", log[-1].key)])
        again = Waiting(time=2.0, client="front", head=last, drafts=waits.drafts)
        return list(what_waits_for_a_guest_reaches_nobody_else(Evidence([waits, again], log)))

    assert [found(head) for head in (4, 5)] == [[], []]
    for head in (2, 3):
        (why,) = found(head)
        assert why.endswith(f"for ~bob, who came at 4: it waited already when the log was at {head}")
    nobody_waited = Evidence([], log)
    assert list(what_waits_for_a_guest_reaches_nobody_else(nobody_waited)) == []


def test_the_checker_asks_for_it() -> None:
    """It is one of the promises that are judged in every run."""
    log = [Entry(1, 1, "post", "~bob", "#tea", "hi", b"k" * 16)]
    assert any(one.startswith("guests_come_and_go") for one in check(Evidence([], log)))
