"""The terminal and the page hear and say the same, whatever happens to connections: both are held to the same
traces, in web/test/fixtures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost

from chatnet.client.feed import Feed
from chatnet.client.pending import PendingRequests
from chatnet.client.rooms import Rooms
from chatnet.client.said import Said
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import NotJoined
from chatnet.keys import key_named
from chatnet.reads import LAST_SEQ
from chatnet.wire.session import Post

TRACES = Path(__file__).parents[2] / "web" / "test" / "fixtures" / "traces.json"

Step = tuple[str, Any]
Trace = Sequence[Step]
"""What happens, each with its argument."""

HEARD: dict[str, Trace] = {
    "what is sent twice at a seam": [
        ("begins", 3),
        ("posts", [4, 5]),
        ("lost", None),
        ("posts", [4, 5, 6]),
        ("posts", [6, 7]),
    ],
    "what comes before it is known where all begins": [("posts", [1, 2]), ("begins", 2), ("posts", [3])],
    "nothing is there for a while": [
        ("begins", 0),
        ("upto", 9),
        ("posts", [8]),
        ("upto", 7),
        ("posts", [10]),
    ],
    "what only a newer program knows": [
        ("begins", 5),
        ("unknown", [6, 7]),
        ("posts", [7, 8]),
        ("unknown", [8]),
    ],
    "the log is put back, and goes on otherwise": [
        ("begins", 0),
        ("posts", [1, 2, 3, 4]),
        ("rewound", 2),
        ("posts", [3]),
        ("rewound", 9),
        ("posts", [3, 4]),
    ],
    "it is put back while nobody is connected": [
        ("begins", 7),
        ("lost", None),
        ("rewound", 4),
        ("posts", [4, 5]),
        ("upto", 9),
        ("rewound", 9),
        ("posts", [9, 10]),
    ],
}
SAID: dict[str, Trace] = {
    "a connection is lost before any answer": [
        ("connected", None),
        ("makes", 1),
        ("makes", 2),
        ("lost", None),
        ("makes", 3),
        ("connected", None),
    ],
    "what is answered is not said again": [
        ("connected", None),
        ("makes", 1),
        ("makes", 2),
        ("makes", 3),
        ("stored", 2),
        ("lost", None),
        ("connected", None),
        ("stored", 1),
        ("lost", None),
        ("connected", None),
    ],
    "a refusal is an answer": [
        ("makes", 1),
        ("makes", 2),
        ("connected", None),
        ("refused", 1),
        ("lost", None),
        ("connected", None),
    ],
    "a connection that lives for no answer": [
        ("makes", 1),
        ("connected", None),
        ("lost", None),
        ("connected", None),
        ("lost", None),
        ("makes", 2),
        ("connected", None),
    ],
}
COUNTED: dict[str, Trace] = {
    "what comes is new until it is read": [
        ("post", None),
        ("post", None),
        ("read", None),
        ("post", None),
        ("lost", None),
        ("post", None),
        ("back", None),
    ],
    "one leaves, and comes again": [("post", None), ("left", None), ("joined", None), ("post", None)],
    "a stay ends and begins again unheard": [
        ("post", None),
        ("lost", None),
        ("post", None),
        ("left", None),
        ("post", None),
        ("joined", None),
        ("post", None),
        ("back", None),
        ("post", None),
        ("read", None),
    ],
    "a stay ends unheard, and the next one begins before everybody": [
        ("post", None),
        ("lost", None),
        ("left", None),
        ("back", None),
        ("joined", None),
        ("post", None),
    ],
}
TEA = "#tea"
"""The room of these, which Alice is in where they begin."""


# ---- what is right ----


def heard(trace: Trace) -> list[dict[str, Any]]:
    """Return what is shown at each step, and where the cursor is after it; None: nowhere."""
    cursor: int | None = None
    steps = []
    for does, what in trace:
        shown: list[int] = []
        if does == "begins":
            cursor = what
        elif does in ("posts", "unknown") and cursor is not None:
            new = [seq for seq in what if seq > cursor]
            shown = new if does == "posts" else []
            cursor = max([cursor, *new])
        elif does == "upto" and cursor is not None:
            cursor = max(cursor, what)
        elif does == "rewound" and cursor is not None:
            cursor = min(cursor, what)
        steps.append({"does": does, "what": what, "shown": shown, "cursor": cursor})
    return steps


def said(trace: Trace) -> list[dict[str, Any]]:
    """Return which drafts are sent at each step, in which order."""
    unanswered: list[int] = []
    is_connected = False
    steps = []
    for does, what in trace:
        sent: list[int] = []
        if does == "makes":
            unanswered.append(what)
            sent = [what] if is_connected else []
        elif does in ("stored", "refused"):
            unanswered.remove(what)
        elif does == "connected":
            is_connected, sent = True, list(unanswered)
        else:
            is_connected = False
        steps.append({"does": does, "what": what, "sent": sent})
    return steps


def counted(trace: Trace) -> list[dict[str, Any]]:
    """Return what is told at each step: the seq of a post that is heard, of a stay's end or beginning, up to
    which all was read; of who is back, the posts that were missed. And after it the cluster's count of what
    is unread, with the seq after which the stay began; None: she is in no more. And what is to be shown as
    new; None: nothing, or nobody knows."""
    head, cursor, mark, is_connected = 1, 1, 0, True
    stays: list[list[int]] = [[1, LAST_SEQ]]
    posts: list[int] = []
    steps = []
    for does, _ in trace:
        what: Any = None
        if does in ("post", "joined", "left"):
            what = head = head + 1
        if does == "post":
            posts.append(head)
            what = head if stays[-1][1] == LAST_SEQ else None
        elif does == "joined":
            stays.append([head, LAST_SEQ])
        elif does == "left":
            stays[-1][1] = head
        elif does == "read":
            what = mark = head
        elif does == "back":
            what = [seq for seq in posts if seq > cursor and any(at < seq < end for at, end in stays)]
        is_connected = does != "lost" and (is_connected or does == "back")
        cursor = head if is_connected else cursor
        since, until = stays[-1]
        is_in = until == LAST_SEQ
        unread = sum(seq > max(since, mark) for seq in posts)
        listed = [unread, since] if is_in else None
        new = unread if is_in and is_connected else None
        steps.append({"does": does, "what": what, "listed": listed, "new": new})
    return steps


# ---- drawn ones ----


def drawn_heard(draw: Random) -> Trace:
    """Return a trace in which posts come as a log has them, and some of them again."""
    head = draw.randrange(5)
    trace: list[Step] = [("begins", head)]
    for _ in range(draw.randrange(2, 14)):
        does = draw.choice(["posts", "posts", "posts", "unknown", "upto", "lost", "rewound"])
        if does in ("posts", "unknown"):
            first, head = max(1, head - draw.randrange(4)), head + draw.randrange(4)
            trace.append((does, [seq for seq in range(first, head + 1) if draw.random() < 0.8]))
        elif does == "lost":
            trace.append((does, None))
        else:
            head = max(0, head + draw.randrange(-3, 4))
            trace.append((does, head))
    return trace


def drawn_said(draw: Random) -> Trace:
    """Return a trace in which what was sent may be answered, in any order, while its connection lives."""
    trace: list[Step] = []
    open_ones: list[int] = []
    is_connected, made = False, 0
    for _ in range(draw.randrange(4, 30)):
        does = draw.choice(["makes", "makes", "answer", "connection"])
        if does == "makes":
            made += 1
            open_ones.append(made)
            trace.append((does, made))
        elif does == "connection":
            is_connected = not is_connected
            trace.append(("connected" if is_connected else "lost", None))
        elif is_connected and open_ones:
            one = open_ones.pop(draw.randrange(len(open_ones)))
            trace.append((draw.choice(["stored", "stored", "refused"]), one))
    return trace


def drawn_counted(draw: Random) -> Trace:
    """Return a trace in which Alice leaves the room and comes again, also while her client is not
    connected; only who hears of it reads anything."""
    trace: list[Step] = []
    is_connected = is_in = True
    for _ in range(draw.randrange(6, 24)):
        told = ["post", "post", "post", "stay", "read", "connection"]
        does = draw.choice(told if is_connected else ["post", "stay", "stay", "stay", "connection"])
        if does == "stay":
            is_in = not is_in
            does = "joined" if is_in else "left"
        elif does == "connection":
            is_connected = not is_connected
            does = "back" if is_connected else "lost"
        if does != "read" or (is_in and is_connected):
            trace.append((does, None))
    return trace


def traces() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return all traces by their names, with what is right at each step."""
    draw = Random(15)
    hearing = HEARD | {f"drawn {number}": drawn_heard(draw) for number in range(60)}
    saying = SAID | {f"drawn {number}": drawn_said(draw) for number in range(60)}
    counting = COUNTED | {f"drawn {number}": drawn_counted(draw) for number in range(60)}
    return {
        "heard": {name: heard(trace) for name, trace in hearing.items()},
        "said": {name: said(trace) for name, trace in saying.items()},
        "counted": {name: counted(trace) for name, trace in counting.items()},
    }


# ---- the terminal ----


def entry(seq: int, kind: Any = "post") -> Entry:
    return Entry(seq, 0, kind, "bob", "bob", "hi", key_named(str(seq)))


def at(seq: int) -> Cursor:
    return Cursor.at("", entry(seq)) if seq else Cursor.beginning("")


def hear(feed: Feed, does: str, what: Any) -> list[int]:
    """Let this happen to ``feed``; return what is shown."""
    match does:
        case "begins":
            feed.begin()
            feed.began(at(what))
        case "posts":
            return [seq for seq in what if feed.take(entry(seq))]
        case "unknown":
            return [seq for seq in what if feed.take(entry(seq, "dance"))]
        case "upto":
            feed.nothing_up_to(at(what))
        case "rewound":
            feed.rewound(at(what))
        case "lost":
            feed.detached()
    return []


class Connection:
    """Takes what is asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self._asked: dict[int, Deferred[dict[str, Any]]] = {}

    def callRemote(self, command: Any, text: str, **arguments: Any) -> Deferred[dict[str, Any]]:
        self.sent.append(int(text))
        return self._asked.setdefault(int(text), Deferred())

    def stored(self, number: int) -> None:
        self._asked.pop(number).callback({"seq": number})

    def refused(self, number: int) -> None:
        self._asked.pop(number).errback(NotJoined.of(room="#tea"))

    def lost(self) -> None:
        while self._asked:
            self._asked.popitem()[1].errback(ConnectionLost())


class Saying:
    """Asks as a terminal does."""

    def __init__(self) -> None:
        self._pending = PendingRequests()
        self._connection: Any = None

    def step(self, does: str, what: Any) -> list[int]:
        """Let this happen; return what is sent."""
        before = len(self._connection.sent) if self._connection is not None else 0
        match does:
            case "makes":
                answer = self._pending.ask(Post, text=str(what), key=key_named(str(what)))
                answer.addErrback(lambda why: why.trap(NotJoined))
            case "connected":
                before, self._connection = 0, Connection()
                self._pending.attached(self._connection)
            case "lost":
                connection, self._connection = self._connection, None
                self._pending.detached()
                if connection is not None:
                    connection.lost()
            case "stored":
                self._connection.stored(what)
            case "refused":
                self._connection.refused(what)
        return [] if self._connection is None else self._connection.sent[before:]


def count(rooms: Rooms, does: str, what: Any, listed: Any) -> None:
    """Let this happen to the rooms of a screen, which asks for the cluster's count where it has to."""
    must_ask = does == "back"
    match does:
        case "post":
            rooms.heard(Said(TEA, "bob", "hi", seq=what), is_new=True)
        case "back":
            for seq in what:
                rooms.heard(Said(TEA, "bob", "hi", seq=seq), is_new=True)
        case "joined":
            rooms.joined(TEA, since=what)
        case "left":
            rooms.left(TEA)
        case "read":
            must_ask = rooms.has_read(TEA, what)
    if must_ask:
        rooms.asked()
        rooms.listed_all([] if listed is None else [(TEA, *listed)], is_all=True)


def is_told(trace: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the steps of which a client is told."""
    is_connected = True
    for step in trace:
        is_connected = step["does"] != "lost" and (is_connected or step["does"] == "back")
        if is_connected and (step["does"], step["what"]) != ("post", None):
            yield step


def test_the_traces_are_right() -> None:
    """The page's own tests read them. WRITE=1 makes them anew."""
    expected = traces()
    if os.environ.get("WRITE"):
        written = [
            f"{json.dumps(kind)}: {{\n"
            + ",\n".join(f"{json.dumps(name)}: {json.dumps(steps)}" for name, steps in of_kind.items())
            + "\n}"
            for kind, of_kind in expected.items()
        ]
        TRACES.write_text("{\n" + ",\n".join(written) + "\n}\n", "utf-8")
    assert json.loads(TRACES.read_text("utf-8")) == expected


def test_a_terminal_hears_each_post_once() -> None:
    """The cursor moves by what is delivered, never back but where the log goes back, and never too far."""
    for name, steps in traces()["heard"].items():
        feed = Feed()
        for step in steps:
            assert hear(feed, step["does"], step["what"]) == step["shown"], (name, step)
            assert feed.cursor == (None if step["cursor"] is None else at(step["cursor"])), (name, step)


def test_a_terminal_says_all_in_order_until_it_is_answered() -> None:
    """On each connection again, before anything new; and nothing that was answered."""
    for name, steps in traces()["said"].items():
        saying = Saying()
        for step in steps:
            assert saying.step(step["does"], step["what"]) == step["sent"], (name, step)


def test_a_screen_counts_what_is_new_in_the_present_stay() -> None:
    """Though a stay may end, and another begin, while it is not connected."""
    for name, steps in traces()["counted"].items():
        rooms = Rooms()
        rooms.own = "alice"
        rooms.go_to("alice")
        rooms.joined(TEA, 0, 1)
        for step in is_told(steps):
            count(rooms, step["does"], step["what"], step["listed"])
            if step["new"] is not None:
                [new] = [listed.new for listed in rooms.listed() if listed.room == TEA]
                assert new == step["new"], (name, step)


def test_stays_begin_again_unheard_in_the_drawn_ones() -> None:
    """In some of them something was new before."""
    found = 0
    for steps in traces()["counted"].values():
        happens = [step["does"] for step in steps]
        for at in range(1, len(steps)):
            if happens[at] == "lost" and steps[at - 1]["new"] and "back" in happens[at:]:
                back = happens.index("back", at)
                found += "left" in happens[at:back] and steps[back]["listed"] is not None
    assert found >= 5


@pytest.mark.parametrize("draws", [drawn_heard, drawn_said, drawn_counted])
def test_the_drawn_ones_are_worth_it(draws: Callable[[Random], Trace]) -> None:
    """All that can happen does, in some of them."""
    happens = {does for number in range(60) for does, _ in draws(Random(number))}
    written = HEARD if draws is drawn_heard else SAID if draws is drawn_said else COUNTED
    assert happens >= {does for trace in written.values() for does, _ in trace}
