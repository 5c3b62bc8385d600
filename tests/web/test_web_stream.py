"""What is heard over plain HTTP: each entry once, in order, from a cursor; and how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from web.browser import Line, WebStage, request
from worker.conftest import Worker

from chatnet.cursor import Cursor
from chatnet.entries import Draft, More
from chatnet.errors import SessionEnded
from chatnet.kinds import CLUSTER
from chatnet.reads import Newest
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.worker.fronts.web import dialect
from chatnet.worker.fronts.web import stream as module
from chatnet.worker.fronts.web.dialect import packed
from chatnet.worker.fronts.web.stream import EVENT_STREAM, LINES, MOST_WAIT, cursor_in, cursor_text


@pytest.fixture
def stage() -> WebStage:
    return WebStage(Worker())


class Listener(Line):
    """A client that has asked for a stream, as ``name``."""

    def __init__(
        self, stage: WebStage, name: str, query: str = "", version: str = "1.1", **headers: str
    ) -> None:
        super().__init__(stage)
        named = {"authorization": f"Bearer {packed(stage.ticket(name))}", **headers}
        asked = request("GET", f"/api/v1/stream{query}", None, named)
        self.send(asked.replace(b"HTTP/1.1", f"HTTP/{version}".encode()))

    @property
    def head(self) -> str:
        return self.came.partition(b"\r\n\r\n")[0].decode()

    @property
    def body(self) -> str:
        return self.came.partition(b"\r\n\r\n")[2].decode()

    def told(self) -> list[dict[str, Any]]:
        """Return the messages of a stream of lines, or of events."""
        if EVENT_STREAM in self.head:
            data = [line for line in self.body.splitlines() if line.startswith("data: ")]
            return [json.loads(line.removeprefix("data: ")) for line in data]
        return [json.loads(line) for line in self.body.splitlines()]

    def heard(self) -> list[str]:
        return [one["post"]["text"] for one in self.told() if one["t"] == "post"]


KINDS = [EVENT_STREAM, LINES]


def say(stage: WebStage, user: str, *texts: str) -> None:
    stage.worker.commit(*(stage.worker.said(user, text) for text in texts))


def at(stage: WebStage, seq: int) -> str:
    return cursor_text(stage.worker.at(seq))


# ---- what is heard ----


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_where_it_begins_and_then_what_is_heard(stage: WebStage, kind: str) -> None:
    listener = Listener(stage, "alice", accept=kind)
    begun = stage.worker.log.window.head
    say(stage, "alice", "one\ntwo ☃", "three")
    told = listener.told()
    assert told[0] == {"t": "upto", "cursor": at(stage, begun)}
    assert listener.heard() == ["one\ntwo ☃", "three"]
    assert [one["cursor"] for one in told[1:]] == [at(stage, begun + 1), at(stage, begun + 2)]
    assert told[1]["post"]["check"] == packed(stage.worker.at(begun + 1).check)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_missed_comes_first_and_each_once(stage: WebStage, kind: str) -> None:
    """From the cursor that was given last, whichever message had it."""
    stage.ticket("alice")
    start = stage.worker.log.window.head
    say(stage, "alice", "one", "two")
    listener = Listener(stage, "alice", f"?cursor={at(stage, start)}", accept=kind)
    say(stage, "alice", "three")
    assert listener.heard() == ["one", "two", "three"]
    cursors = [one["cursor"] for one in listener.told()]
    for behind, cursor in enumerate(cursors):
        again = Listener(stage, "alice", f"?cursor={cursor}", accept=kind)
        assert again.heard() == ["one", "two", "three"][behind:]


def test_an_event_has_its_cursor_as_its_id(stage: WebStage) -> None:
    """So that EventSource itself goes on there; `Last-Event-ID` counts before the cursor in the URL."""
    listener = Listener(stage, "alice", accept=EVENT_STREAM)
    say(stage, "alice", "one\n\ndata: forged", "two")
    events = [
        dict(line.split(": ", 1) for line in one.splitlines()) for one in listener.body.split("\n\n")[:-1]
    ]
    assert events[0] == {"retry": "1000"}
    assert [event["event"] for event in events[1:]] == ["upto", "post", "post"]
    for event in events[1:]:
        assert event["id"] == json.loads(event["data"])["cursor"]
    first = events[1]["id"]
    again = Listener(stage, "alice", f"?cursor={first}", accept=EVENT_STREAM, last_event_id=events[2]["id"])
    assert again.heard() == ["two"]


def test_what_is_no_post_has_another_name(stage: WebStage) -> None:
    """Who listens for posts hears posts alone."""
    alice = stage.worker.client("alice")
    listener = Listener(stage, "bob", accept=LINES)
    stage.worker.commit(Draft("create", "alice", "&den", "joined", b"c" * 16))
    stage.worker.commit(Draft("invite", "alice", "&den", "", b"i" * 16, more=More(to="bob")))
    [invited] = [one for one in listener.told() if one["t"] == "entry"]
    assert (invited["entry"]["kind"], invited["entry"]["to"]) == ("invite", "bob")
    alice.cut()


def test_who_heard_a_post_elsewhere_is_told_that_it_is_purged_in_a_topic(stage: WebStage) -> None:
    """By each kind of stream, a long request, the socket, and from a cursor on: who follows its author, and
    is not in the topic, has the text, too. Of a private room its members alone are told."""
    for name in ("alice", "bob", "carol"):
        stage.ticket(name)
    stage.worker.commit(Draft("join", "bob", "alice", "", b"j" * 16))
    say(stage, "alice", "spam in #tea")
    start = at(stage, stage.worker.log.window.head)
    streams = [Listener(stage, "bob", accept=kind) for kind in KINDS]
    poll = Listener(stage, "bob", "?wait=30")
    socket = stage.socket("bob")
    stage.worker.commit(
        Draft("create", "carol", "&den", "joined", b"c" * 16),
        Draft("purge", CLUSTER, "&den", "", b"p" * 16, more=More(to="carol")),
        Draft("purge", CLUSTER, "#tea", "", b"q" * 16, more=More(to="alice")),
    )
    streams.append(Listener(stage, "bob", f"?cursor={start}", accept=LINES))
    told = [[one["entry"] for one in stream.told() if one["t"] == "entry"] for stream in streams]
    told += [poll.answer().json["posts"], *(message["posts"] for message in socket.of("posts"))]
    assert len(told) == 5
    for entries in told:
        [purge] = entries
        assert (purge["kind"], purge["room"], purge["to"]) == ("purge", "#tea", "alice")


def test_streams_of_one_kind_are_encoded_once(stage: WebStage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.ticket("alice")
    listeners = [Listener(stage, name, accept=LINES) for name in ("alice", "bob", "carol")]
    stage.worker.commit(
        *(Draft("join", name, "alice", "", name[:1].encode() * 16) for name in ("bob", "carol"))
    )
    made: list[object] = []
    real = dialect.shown

    def counted(*arguments: Any) -> Any:
        made.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(module, "shown", counted)
    say(stage, "alice", "one", "two")
    assert [listener.heard() for listener in listeners] == [["one", "two"]] * 3
    assert len(made) == 2


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_its_bytes_are_the_same_in_both_versions(stage: WebStage, version: str) -> None:
    """It is not in chunks, has no length, and ends with its connection; no proxy keeps it back."""
    listener = Listener(stage, "alice", version=version, accept=EVENT_STREAM)
    head = listener.head.lower()
    assert head.startswith("http/1.1 200 ")
    for line in ("connection: close", "x-accel-buffering: no", "cache-control: no-store"):
        assert line in head
    assert "transfer-encoding" not in head
    assert "content-length" not in head
    assert "content-security-policy" in head


def test_who_asks_for_its_head_gets_that_alone(stage: WebStage) -> None:
    line = stage.line()
    answer = line.ask("HEAD", "/api/v1/stream", authorization=f"Bearer {packed(stage.ticket('alice'))}")
    assert (answer.status, answer.headers["content-type"]) == (200, LINES)
    say(stage, "alice", "not for them")
    assert line.came == b""
    assert not stage.worker.sessions.open


def test_a_head_is_refused_as_the_rest_would_be(stage: WebStage) -> None:
    line = stage.line()
    assert line.ask("HEAD", "/api/v1/stream").status == 401
    ticket = f"Bearer {packed(stage.ticket('alice'))}"
    assert stage.line().ask("HEAD", "/api/v1/stream?cursor=9.AAAAAAAAAAA", authorization=ticket).status == 409


def test_a_head_of_a_long_request_waits_for_nothing(stage: WebStage) -> None:
    ticket = f"Bearer {packed(stage.ticket('alice'))}"
    assert stage.line().ask("HEAD", "/api/v1/stream?wait=30", authorization=ticket).status == 200


# ---- signs of life, and a full connection ----


@pytest.mark.parametrize("kind", KINDS)
def test_a_sign_of_life_says_up_to_where_that_was_all(stage: WebStage, kind: str) -> None:
    listener = Listener(stage, "alice", accept=kind)
    stage.worker.commit(Draft("register", "bob", "bob", "argon2id", b"r" * 16))
    head = stage.worker.log.window.head
    listener.server.ping()
    stage.worker.settle()
    assert listener.told()[-1] == {"t": "upto", "cursor": at(stage, head)}


def test_a_client_that_says_nothing_is_not_hung_up_on(stage: WebStage) -> None:
    """It never says anything."""
    listener = Listener(stage, "alice")
    stage.worker.pulse.start()
    stage.worker.pass_time(100)
    stage.worker.pulse.stop()
    assert listener.is_open
    assert len([one for one in listener.told() if one["t"] == "upto"]) >= 6
    listener.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
    assert listener.is_open


def test_nothing_waits_for_a_client_that_does_not_read(stage: WebStage) -> None:
    """What it missed is read from the log later."""
    listener = Listener(stage, "alice", accept=LINES)
    before = len(listener.came)
    listener.server.pauseProducing()
    say(stage, "alice", *map(str, range(500)))
    assert len(listener.came) == before
    assert not stage.worker.outboxes.dirty
    listener.server.resumeProducing()
    stage.worker.settle()
    assert listener.heard() == list(map(str, range(500)))


def test_who_goes_leaves_nothing_behind(stage: WebStage) -> None:
    listener = Listener(stage, "alice")
    assert len(stage.worker.sessions.open) == 1
    assert stage.worker.visitors.strangers == 0
    listener.cut()
    assert not stage.worker.sessions.open
    assert len(stage.worker.pulse) == 0


# ---- how it ends ----


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_moved_says_so_and_ends(stage: WebStage, kind: str) -> None:
    listener = Listener(stage, "alice", accept=kind)
    [session] = stage.worker.sessions.open
    session.peer.moved()
    stage.worker.settle()
    assert listener.told()[-1] == {"t": "moved"}
    assert not listener.is_open


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_that_was_put_back_is_told_with_the_cursor_to_come_again_with(
    stage: WebStage, kind: str
) -> None:
    listener = Listener(stage, "alice", accept=kind)
    [session] = stage.worker.sessions.open
    to = Cursor(0, Cursor.beginning("memory").check)
    session.rewound(to)
    stage.worker.settle()
    assert listener.told()[-1] == {"t": "rewound", "cursor": cursor_text(to)}
    assert not listener.is_open


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_that_is_ended_says_why(stage: WebStage, kind: str) -> None:
    listener = Listener(stage, "alice", accept=kind)
    [session] = stage.worker.sessions.open
    session.end(SessionEnded.of(name="alice"))
    stage.worker.settle()
    last = listener.told()[-1]
    assert (last["t"], last["code"]) == ("bye", "SESSION_ENDED")
    assert not listener.is_open


class Held:
    """Keeps answers of the log back, until :meth:`free`."""

    def __init__(self, stage: WebStage, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stage = stage
        self._waiting: Deferred[None] = Deferred()
        real = stage.worker.log.read

        async def read(question: Any) -> Any:
            if isinstance(question, Newest):
                await self._waiting
            return await real(question)

        monkeypatch.setattr(stage.worker.log, "read", read)

    def free(self) -> None:
        self._waiting.callback(None)
        self._stage.worker.settle()


@pytest.mark.parametrize("how", ["ended", "moved", "rewound"])
@pytest.mark.parametrize("query", ["", "?wait=30"])
def test_who_is_told_the_end_before_the_answer_gets_no_part_of_it(
    stage: WebStage, monkeypatch: pytest.MonkeyPatch, how: str, query: str
) -> None:
    """Else words of a stream would stand in front of the headers."""
    stage.ticket("alice")
    held = Held(stage, monkeypatch)
    listener = Listener(stage, "alice", query)
    [session] = stage.worker.sessions.open
    if how == "ended":
        session.end(SessionEnded.of(name="alice"))
    elif how == "moved":
        session.peer.moved()
    else:
        session.peer.rewound(Cursor(0, Cursor.beginning("memory").check))
    stage.worker.settle()
    held.free()
    stage.worker.pass_time(31)
    if query:
        expected = {"ended": (401, "SESSION_ENDED"), "moved": (429, "TRY_LATER"), "rewound": (200, None)}[how]
        answer = listener.answer()
        assert (answer.status, answer.json.get("code")) == expected
    else:
        assert listener.came == b""
        assert not listener.is_open
    assert not stage.worker.sessions.open


@pytest.mark.parametrize("query", ["", "?wait=30"])
def test_who_goes_before_the_answer_leaves_nothing_behind(
    stage: WebStage, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    stage.ticket("alice")
    held = Held(stage, monkeypatch)
    listener = Listener(stage, "alice", query)
    listener.cut()
    held.free()
    assert not stage.worker.sessions.open
    assert len(stage.worker.pulse) == 0


# ---- long requests ----


def test_a_long_request_waits_until_something_is_heard(stage: WebStage) -> None:
    line = Listener(stage, "alice", "?wait=30")
    assert line.came == b""
    say(stage, "alice", "one", "two")
    answer = line.answer()
    assert [post["text"] for post in answer.json["posts"]] == ["one", "two"]
    assert answer.json["cursor"] == at(stage, stage.worker.log.window.head)
    assert not stage.worker.sessions.open
    assert line.is_open


def test_one_after_the_other_hears_each_once(stage: WebStage) -> None:
    """On one connection; also what was said in between, for which nobody has to wait."""
    line = Listener(stage, "alice", "?wait=0")
    cursor = line.answer().json["cursor"]
    heard: list[str] = []
    bearer = f"Bearer {packed(stage.ticket('alice'))}"
    for number in range(20):
        if number % 3:
            say(stage, "alice", f"{number} a", f"{number} b")
        answer = line.ask("GET", f"/api/v1/stream?wait=0&cursor={cursor}", authorization=bearer)
        cursor = answer.json["cursor"]
        heard += [post["text"] for post in answer.json["posts"]]
    assert heard == [f"{number} {part}" for number in range(20) if number % 3 for part in "ab"]


def test_a_long_request_that_hears_nothing_ends_in_time(stage: WebStage) -> None:
    line = Listener(stage, "alice", "?wait=3")
    stage.worker.pass_time(2.5)
    assert line.came == b""
    stage.worker.commit(Draft("register", "bob", "bob", "argon2id", b"r" * 16))
    stage.worker.pass_time(1)
    answer = line.answer().json
    assert answer == {"posts": [], "cursor": at(stage, stage.worker.log.window.head)}


def test_a_long_request_gets_a_page_at_a_time(stage: WebStage) -> None:
    """However much was missed, an answer has an end; its cursor is where that ended."""
    stage.ticket("alice")
    cursor, answers = at(stage, stage.worker.log.window.head), 0
    heard: list[str] = []
    said = [str(number) for number in range(3_000)]
    say(stage, "alice", *said)
    while len(heard) < len(said):
        line = Listener(stage, "alice", f"?wait=1&cursor={cursor}")
        answer = line.answer().json
        line.cut()
        cursor, answers = answer["cursor"], answers + 1
        heard += [post["text"] for post in answer["posts"]]
        assert len(answer["posts"]) < 2_000
    assert heard == said
    assert answers > 1


def test_a_long_request_whose_client_goes_leaves_nothing_behind(stage: WebStage) -> None:
    line = Listener(stage, "alice", "?wait=30")
    line.cut()
    assert not stage.worker.sessions.open
    stage.worker.pass_time(40)


def test_a_long_request_is_answered_when_its_session_is_moved_or_put_back(stage: WebStage) -> None:
    line = Listener(stage, "alice", "?wait=30")
    [session] = stage.worker.sessions.open
    session.peer.moved()
    stage.worker.settle()
    assert line.answer().json["posts"] == []
    line = Listener(stage, "alice", "?wait=30")
    [session] = stage.worker.sessions.open
    to = Cursor(0, Cursor.beginning("memory").check)
    session.rewound(to)
    stage.worker.settle()
    assert line.answer().json == {"posts": [], "cursor": cursor_text(to)}


def test_a_long_request_whose_session_is_ended_is_refused(stage: WebStage) -> None:
    line = Listener(stage, "alice", "?wait=30")
    [session] = stage.worker.sessions.open
    session.end(SessionEnded.of(name="alice"))
    stage.worker.settle()
    answer = line.answer()
    assert (answer.status, answer.json["code"]) == (401, "SESSION_ENDED")
    assert not stage.worker.sessions.open


# ---- what is refused ----


@pytest.mark.parametrize("wait", ["", "&wait=1"])
@pytest.mark.parametrize(
    ("cursor", "status", "code"),
    [
        ("7", 400, "BAD_REQUEST"),
        ("x.AAAAAAAAAAA", 400, "BAD_REQUEST"),
        ("-1.AAAAAAAAAAA", 400, "BAD_REQUEST"),
        ("1.AAAA", 400, "BAD_REQUEST"),
        ("1.AAAAAAAAAA%", 400, "BAD_REQUEST"),
        ("1.AAAAAAAAAAA%0a", 400, "BAD_REQUEST"),
        ("9" * 5000 + ".AAAAAAAAAAA", 400, "BAD_REQUEST"),
        ("9007199254740992.AAAAAAAAAAA", 400, "BAD_REQUEST"),
        ("٣.AAAAAAAAAAA", 400, "BAD_REQUEST"),
        ("1.AAAAAAAAAAA", 409, "CURSOR_AHEAD"),
        ("9007199254740991.AAAAAAAAAAA", 409, "CURSOR_AHEAD"),
    ],
)
def test_a_cursor_that_is_none_or_of_another_log(
    stage: WebStage, cursor: str, status: int, code: str, wait: str
) -> None:
    """Both are told before anything is streamed: the client begins afresh, and knows it."""
    quoted = "".join(one if one.isascii() else "%D9%A3" for one in cursor)
    line = Listener(stage, "alice", f"?cursor={quoted}{wait}")
    answer = line.answer()
    assert (answer.status, answer.json["code"]) == (status, code)
    assert not stage.worker.sessions.open


@pytest.mark.parametrize(
    "wait", ["x", "-1", "1.5", str(MOST_WAIT + 1), "9" * 5000, "0000" + "9" * 12, "0" * 5000 + "9", "²"]
)
def test_how_long_one_may_wait(stage: WebStage, wait: str) -> None:
    quoted = wait.replace("²", "%C2%B2")
    assert Listener(stage, "alice", f"?wait={quoted}").answer().status == 400


def test_who_shows_nothing_hears_nothing(stage: WebStage) -> None:
    for headers in ({"authorization": "-"}, {"authorization": "Bearer AAAA"}, {"authorization": "Basic x"}):
        assert Listener(stage, "alice", **headers).answer().status == 401
    stage.serves = False
    assert Listener(stage, "alice").answer().status == 503


@pytest.mark.parametrize("query", ["", "?wait=9"])
def test_who_hears_is_no_stranger(stage: WebStage, query: str) -> None:
    """Any number of bots that wait keep nobody out who has yet to log in; between two requests each of them
    is a stranger again."""
    listener = Listener(stage, "alice", query)
    assert (len(stage.worker.pulse), stage.worker.visitors.strangers) == (1, 0)
    if query:
        say(stage, "alice", "hello")
        stage.worker.settle()
        assert listener.answer().json["posts"][0]["text"] == "hello"
        assert (len(stage.worker.pulse), stage.worker.visitors.strangers) == (1, 1)
        named = {"authorization": f"Bearer {packed(stage.ticket('alice'))}"}
        listener.send(request("GET", "/api/v1/stream?wait=9", None, named))
        assert (len(stage.worker.pulse), stage.worker.visitors.strangers) == (1, 0)
    listener.cut()
    assert (len(stage.worker.pulse), stage.worker.visitors.strangers) == (0, 0)


def test_who_is_refused_is_a_stranger_still(stage: WebStage) -> None:
    listener = Listener(stage, "alice", "?wait=9&cursor=9.AAAAAAAAAAA")
    assert listener.answer().json["code"] == "CURSOR_AHEAD"
    assert (len(stage.worker.pulse), stage.worker.visitors.strangers) == (1, 1)


@pytest.mark.parametrize(("scope", "status"), [("post", 403), ("read", 200)])
def test_a_session_that_may_only_post_hears_nothing(stage: WebStage, scope: str, status: int) -> None:
    client = stage.worker.client()
    login = {"version": VERSION, "name": "alice", "secret": b"s" * 32, "new": True}
    ticket = client.ask(wire.Login, **login, device=b"d" * 16, label="bot", scope=scope)["ticket"]
    client.cut()
    stage._tickets["alice"] = ticket
    answer = Listener(stage, "alice", "?wait=0").answer()
    assert answer.status == status
    assert status == 200 or answer.json["code"] == "NOT_IN_SCOPE"
    assert not stage.worker.sessions.open


def test_a_cursor_in_a_url_is_read_as_it_was_written() -> None:
    cursor = Cursor(9007199254740991, bytes(range(8)))
    assert cursor_in(cursor_text(cursor)) == cursor
