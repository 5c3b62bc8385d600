"""What a client may ask: which rooms there are, which of them are theirs, and what was said there."""

from __future__ import annotations

import time
from typing import Any

import pytest
from twisted.protocols import amp

from chatnet.errors import (
    BadName,
    BadRoom,
    BadText,
    NoSuchRoom,
)
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.worker.session_reads import LISTED


def test_list_pages_say_what_is_joined(worker: Any) -> None:
    """A page says which of its rooms are joined; the prefix is folded; ``more`` says that a page follows."""
    worker.log._page = 2
    for name in ("bob", "bea", "carol"):
        worker.client(name)
    alice = worker.client("alice")
    alice.join("bob")
    assert alice.ask(wire.List, prefix="", after="") == {
        "rooms": ["alice", "bea"], "joined": [], "more": True
    }  # fmt: skip
    assert alice.ask(wire.List, prefix="", after="bea") == {
        "rooms": ["bob", "carol"], "joined": ["bob"], "more": False
    }  # fmt: skip
    assert alice.ask(wire.List, prefix="B", after="")["rooms"] == ["bea", "bob"]


MARKS = "\u0301\u0316" * 16_380
"""As many as a value holds. To order them takes seconds, in which a worker would hang."""


@pytest.mark.parametrize(
    ("command", "arguments", "refused"),
    [
        (wire.List, {"prefix": "#x" + MARKS, "after": ""}, None),
        (wire.List, {"prefix": "", "after": "#x" + MARKS}, None),
        (wire.History, {"room": "#x" + MARKS, "before": None}, BadRoom),
        (wire.Join, {"room": "#x" + MARKS, "key": b"k" * 16}, BadRoom),
        (wire.Leave, {"room": "x" + MARKS, "key": b"k" * 16}, BadRoom),
        (wire.Post, {"text": "#x" + MARKS, "key": b"k" * 16}, BadText),
        (
            wire.Login,
            {"name": "x" + MARKS[:1500], "version": VERSION, "secret": b"s" * 32, "new": True},
            BadName,
        ),
    ],
)
def test_lengths_are_looked_at_before_all_else(
    worker: Any, command: type[amp.Command], arguments: dict[str, Any], refused: type[Exception] | None
) -> None:
    """A value that is too long for its type costs nothing, in any command."""
    client = worker.client() if command is wire.Login else worker.client("alice")
    began = time.process_time()
    if refused is None:
        client.ask(command, **arguments)
    else:
        with pytest.raises(refused):
            client.ask(command, **arguments)
    assert time.process_time() - began < 0.5


def test_list_knows_what_the_client_was_told(worker: Any) -> None:
    """After an acknowledged join, the list waits until this worker has followed the log to it."""
    worker.client("bob")
    alice = worker.client("alice")
    worker.log.lagging = True
    alice.join("bob")
    found = alice.begin(wire.List, prefix="", after="")
    assert not found
    worker.log.catch_up()
    worker.settle()
    assert found[0]["joined"] == ["bob"]


def test_history(worker: Any) -> None:
    """A page of one room, and the one before it; an unknown room has its sentence."""
    worker.log._page = 2
    alice = worker.client("alice")
    seqs = [alice.post(f"{number} #x") for number in range(3)]
    posts = alice.ask(wire.History, room="#X", before=None)["posts"]
    assert [post.text for post in posts] == ["1 #x", "2 #x"]
    posts = alice.ask(wire.History, room="alice", before=seqs[1])["posts"]
    assert [post.text for post in posts] == ["0 #x"]
    with pytest.raises(NoSuchRoom):
        alice.ask(wire.History, room="#nowhere", before=None)
    with pytest.raises(BadRoom):
        alice.ask(wire.History, room="#", before=None)


def test_one_s_own_rooms_are_listed(worker: Any) -> None:
    """Private ones, too, those of a prefix, and in pages; not those that one has left."""
    alice, _ = worker.client("alice"), worker.client("bob")
    for room in ("#tea", "#coffee", "bob"):
        alice.join(room)
    alice.ask(wire.Create, key=b"c" * 16, room="&ops", history="joined")
    alice.ask(wire.Leave, key=b"l" * 16, room="#coffee")
    page = alice.ask(wire.List, prefix="", after="", mine=True)
    assert page == {"rooms": ["#tea", "&ops", "bob"], "joined": ["#tea", "&ops", "bob"], "more": False}
    assert alice.ask(wire.List, prefix="&", after="", mine=True)["rooms"] == ["&ops"]
    assert "&ops" not in alice.ask(wire.List, prefix="", after="")["rooms"]
    for number in range(LISTED - 2):
        if number % 90 == 0:
            maker = worker.client(f"maker{number}")
        maker.join(f"#{number:03}")
        alice.join(f"#{number:03}")
    page = alice.ask(wire.List, prefix="", after="", mine=True)
    assert (len(page["rooms"]), page["more"]) == (LISTED, True)
    page = alice.ask(wire.List, prefix="", after=page["rooms"][-1], mine=True)
    assert page == {"rooms": ["bob"], "joined": ["bob"], "more": False}
