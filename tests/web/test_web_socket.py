"""A socket is a session: what it hears, says and is told, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from web.browser import ORIGIN, Line, WebSocket, WebStage, read_late, upgrade
from web.raw_frames import BINARY, CLOSE, PING, TEXT, frame
from worker.conftest import Worker
from wsproto.events import CloseConnection, Ping

from chatnet.cursor import Cursor
from chatnet.errors import SecretChanged
from chatnet.limits import LIMITS
from chatnet.worker.fronts.web import dialect, frames
from chatnet.worker.fronts.web.dialect import packed
from chatnet.worker.fronts.web.peer import MOST_UNANSWERED
from chatnet.worker.fronts.web.socket import CLOSE_SECONDS, HELLO_SECONDS
from chatnet.worker.handoff import COME_BACK_SECONDS, Handoff
from chatnet.worker.users import MOST_SESSIONS


@pytest.fixture
def stage() -> WebStage:
    return WebStage(Worker())


# ---- the handshake ----


def test_a_ticket_opens_a_socket(stage: WebStage) -> None:
    """By the cookie, with the Origin of our page; or in Authorization, without one."""
    ticket = stage.ticket("alice")
    assert WebSocket(stage, ticket).came.startswith(b"HTTP/1.1 101 ")
    bearer = WebSocket(stage, b"", origin="-", cookie="-", authorization=f"Bearer {packed(ticket)}")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in bearer.came
    assert bearer.hello()["user"] == "alice"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"cookie": "-"}, 401),
        ({"cookie": "chatnet-memory=AAAA"}, 401),
        ({"cookie": "__Host-chatnet-memory=TICKET"}, 401),
        ({"origin": "-"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "https://localhost:8080"}, 403),
        ({"origin": "http://localhost:8081"}, 403),
        ({"origin": "http://127.0.0.1:8080"}, 403),
        ({"origin": "-", "authorization": "Basic YTpi"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ORIGIN + "/"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"upgrade": "-"}, 426),
        ({"connection": "keep-alive"}, 426),
        ({"sec_websocket_version": "8"}, 426),
        ({"sec_websocket_key": "short"}, 400),
        ({"host": "evil.example", "origin": "http://evil.example"}, 421),
    ],
)
def test_what_is_refused_before_the_upgrade(stage: WebStage, headers: dict[str, str], status: int) -> None:
    ticket = stage.ticket("alice")
    line = stage.line()
    named = {name: value.replace("TICKET", packed(ticket)) for name, value in headers.items()}
    line.send(upgrade(ticket, **named))
    answer = line.answer()
    assert (answer.status, answer.json["status"]) == (status, status)
    assert not stage.worker.sessions.open


def test_a_socket_is_not_asked_for_by_head(stage: WebStage) -> None:
    line = stage.line()
    line.send(upgrade(stage.ticket("alice")).replace(b"GET ", b"HEAD "))
    answer = line.answer("HEAD")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")
    assert not stage.worker.sessions.open
    assert line.ask("GET", "/healthz").status == 200


def test_while_nobody_is_served_one_is_put_off(stage: WebStage) -> None:
    ticket = stage.ticket("alice")
    stage.serves = False
    line = stage.line()
    line.send(upgrade(ticket))
    answer = line.answer()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert not line.is_open  # what leads to this worker alone is in the way of others


def test_a_worker_that_is_full_puts_off_who_would_stay(stage: WebStage) -> None:
    """A socket, a stream and a long request; what is answered at once is answered as ever."""
    name = {"authorization": f"Bearer {packed(stage.ticket('alice'))}"}
    stage.is_full = True
    for target in ("/ws", "/api/v1/stream", "/api/v1/stream?wait=9"):
        line = stage.line()
        line.send(upgrade(stage.ticket("alice")).replace(b"/ws", target.encode()))
        answer = line.answer()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1"), target
        assert "another may have room" in answer.json["detail"]
        assert not line.is_open
    posted = stage.ask("POST", "/api/v1/posts", {"text": "hello"}, **name)
    assert posted.status == 201
    assert stage.ask("GET", "/api/v1/me", **name).status == 200


def test_any_request_of_a_connection_may_upgrade_it(stage: WebStage) -> None:
    """A proxy asks on connections that it has used before; and the first message may come with it."""
    ticket = stage.ticket("alice")
    line = stage.line()
    assert line.ask("GET", "/healthz").status == 200
    line.send(upgrade(ticket) + frame(TEXT, b'{"t":"hello","v":1}'))
    head, _, rest = line.came.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b'"t":"welcome"' in rest


def test_who_gets_in_is_no_stranger(stage: WebStage) -> None:
    worker, ticket = stage.worker, stage.ticket("alice")
    line = stage.line()
    assert worker.visitors.strangers == 1
    line.send(upgrade(ticket))
    assert worker.visitors.strangers == 0
    assert len(worker.pulse) == 1
    line.cut()
    assert len(worker.pulse) == 0
    assert not worker.sessions.open


# ---- what it hears ----


def test_both_hear_what_one_says(stage: WebStage) -> None:
    """In the order of the log, each once, with what is needed to answer it; own ones by their key."""
    alice, bob = stage.socket("alice"), stage.socket("bob")
    assert bob.ask("join", key=bob.key(), room="Alice")["room"] == "alice"
    key = alice.key()
    seq = alice.ask("post", key=key, text="hello <b>☃</b>\nagain")["seq"]
    [post] = bob.of("posts")[-1]["posts"]
    assert (post["seq"], post["key"], post["user"], post["kind"]) == (seq, key, "alice", "post")
    assert post["check"] == packed(stage.worker.at(seq).check)
    assert alice.heard() == bob.heard() == ["hello <b>☃</b>\nagain"]


def test_clients_of_two_protocols_hear_each_other(stage: WebStage) -> None:
    alice = stage.socket("alice")
    bob = stage.worker.client("bob")
    bob.join("alice")
    bob.chat()
    alice.post("hello")
    assert bob.heard() == ["hello"]


def test_what_is_heard_is_encoded_once(stage: WebStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """For all sockets of a worker."""
    alice = stage.socket("alice")
    others = [stage.socket(name) for name in ("bob", "carol", "dan")]
    for other in others:
        other.ask("join", key=other.key(), room="alice")
    made: list[bytes] = []
    real = frames.text

    def counted(message: bytes) -> bytes:
        made.append(message)
        return real(message)

    monkeypatch.setattr(frames, "text", counted)
    stage.worker.commit(stage.worker.said("alice", "one"), stage.worker.said("alice", "two"))
    assert [other.heard() for other in others] == [["one", "two"]] * 3
    assert len(made) == 1
    assert alice.heard() == ["one", "two"]


def test_welcome_says_where_one_is(stage: WebStage) -> None:
    alice = stage.socket("alice")
    for number in range(25):
        alice.post(f"post {number}")
    welcome = WebSocket(stage, stage.ticket("alice")).hello()
    head = stage.worker.log.window.head
    assert [post["text"] for post in welcome.pop("posts")] == [f"post {number}" for number in range(5, 25)]
    assert welcome == {
        "t": "welcome",
        "v": 1,
        "user": "alice",
        "log": "memory",
        "session": 1,
        "scope": "all",
        "password": False,
        "cursor": {"seq": head, "check": packed(stage.worker.at(head).check)},
        "now": stage.worker.clock.seconds() * 1000,
        "limits": {"text": 2000, "rate": 0, "burst": 0, "unanswered": MOST_UNANSWERED},
    }


def shown(cursor: Cursor) -> dict[str, Any]:
    return {"seq": cursor.seq, "check": packed(cursor.check)}


def test_who_comes_back_misses_nothing(stage: WebStage) -> None:
    """All behind the cursor is delivered once, without the newest twenty; it goes on live."""
    alice = stage.socket("alice")
    read = stage.worker.at(stage.worker.log.window.head)
    for number in range(30):
        alice.post(f"post {number}")
    back = WebSocket(stage, stage.ticket("alice"))
    welcome = back.hello(cursor=shown(read), log="memory")
    assert "posts" not in welcome
    assert "gap" not in welcome
    assert welcome["cursor"] == shown(read)
    alice.post("live")
    assert back.heard() == [f"post {number}" for number in range(30)] + ["live"]


@pytest.mark.parametrize(("most", "messages"), [(LIMITS.message_bytes, 1), (1, 30)])
def test_a_message_has_as_many_posts_as_the_limits_say(stage: WebStage, most: int, messages: int) -> None:
    """What does not fit comes in the next one."""
    stage.worker.log.window.limits = replace(LIMITS, message_bytes=most)
    alice = stage.socket("alice")
    read = stage.worker.at(stage.worker.log.window.head)
    for number in range(30):
        alice.post(f"post {number}")
    back = WebSocket(stage, stage.ticket("alice"))
    back.hello(cursor=shown(read))
    assert back.heard() == [f"post {number}" for number in range(30)]
    assert len(back.of("posts")) == messages


def test_who_is_far_behind_gets_the_newest_and_is_told_of_the_gap(stage: WebStage) -> None:
    alice = stage.socket("alice")
    read = stage.worker.at(1)
    for number in range(30):
        alice.post(f"post {number}")
    head = stage.worker.log.window.head
    back = WebSocket(stage, stage.ticket("alice"))
    welcome = back.hello(cursor=shown(read), most=29)
    assert welcome["gap"] == {"from": 1, "to": head}
    assert len(welcome["posts"]) == 20
    assert welcome["cursor"]["seq"] == head
    near = WebSocket(stage, stage.ticket("alice"))
    assert "gap" not in near.hello(cursor=shown(read), most=30)
    alice.post("live")
    assert back.heard() == ["live"]
    assert near.heard() == [f"post {number}" for number in range(30)] + ["live"]


def test_a_cursor_of_another_log_is_not_used(stage: WebStage) -> None:
    alice = stage.socket("alice")
    alice.post("one")
    back = WebSocket(stage, stage.ticket("alice"))
    welcome = back.hello(cursor={"seq": 7, "check": packed(b"x" * 8)}, log="another")
    assert [post["text"] for post in welcome["posts"]] == ["one"]
    assert "gap" not in welcome


@pytest.mark.parametrize("most", [0, 2000])
def test_a_cursor_that_the_log_does_not_have_is_refused(stage: WebStage, most: int) -> None:
    """On the same socket one begins afresh; however far behind the cursor is."""
    alice = stage.socket("alice")
    alice.post("one")
    alice.post("two")
    back = WebSocket(stage, stage.ticket("alice"))
    refusal = back.hello(cursor={"seq": 1, "check": packed(b"x" * 8)}, most=most)
    assert (refusal["t"], refusal["id"], refusal["code"]) == ("error", None, "CURSOR_AHEAD")
    assert back.hello()["t"] == "welcome"
    assert back.is_open


def test_a_ping_of_ours_carries_the_cursor_when_it_has_moved(stage: WebStage) -> None:
    """Every 15 s a control frame; before it, if something was written that one does not hear, ``upto``."""
    stage.worker.pulse.start()
    alice = stage.socket("alice")
    stage.worker.pass_time(15.1)
    assert (alice.pings, alice.of("upto")) == (1, [])
    stage.socket("bob").post("not for alice")
    alice.send(frame(10, b""))
    stage.worker.pass_time(15)
    head = stage.worker.log.window.head
    assert alice.of("upto") == [{"t": "upto", "cursor": shown(stage.worker.at(head))}]
    stage.worker.pass_time(15)
    assert len(alice.of("upto")) == 1
    assert alice.pings == 3


def test_who_is_silent_is_hung_up_on(stage: WebStage) -> None:
    """A pong is a sign of life, and so is anything else."""
    stage.worker.pulse.start()
    alice, bob = stage.socket("alice"), stage.socket("bob")
    for _ in range(4):
        stage.worker.pass_time(14)
        bob.send(frame(10, b""))
    assert not alice.is_open
    assert bob.is_open
    assert "silent" in str(stage.worker.told[-1])


# ---- what it says ----


def test_refusals_have_the_code_and_the_sentence_of_amp(stage: WebStage) -> None:
    alice = stage.socket("alice")
    answer = alice.ask("join", key=alice.key(), room="nobody-there")
    assert (answer["t"], answer["code"]) == ("error", "NO_SUCH_ROOM")
    assert answer["text"] == "No such room: nobody-there."
    unknown = alice.ask("dance")
    assert (unknown["code"], unknown["id"]) == ("NOT_ALLOWED", 2)


def test_a_post_that_is_sent_again_is_the_same(stage: WebStage) -> None:
    alice = stage.socket("alice")
    key = alice.key()
    first = alice.ask("post", key=key, text="once")
    again = WebSocket(stage, stage.ticket("alice"))
    again.hello()
    assert again.ask("post", key=key, text="once")["seq"] == first["seq"]
    assert again.ask("post", key=key, text="else")["code"] == "KEY_REUSED"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 10_000,
        '{"t":"post"}',
        '{"t":"post","id":-1}',
        '{"t":7,"id":99}',
        '{"id":1e400,"t":"list"}',
    ],
)
def test_nonsense_is_answered(stage: WebStage, text: str) -> None:
    """The socket stays: one bad message of a page is no reason to lose the others."""
    alice = stage.socket("alice")
    alice.say_text(text)
    assert alice.told[-1]["t"] == "error"
    assert alice.told[-1]["code"] in ("BAD_REQUEST", "NOT_ALLOWED")
    assert "seq" in alice.post("still here")


def test_pings_in_json_are_answered(stage: WebStage) -> None:
    """Pages cannot send control frames."""
    alice = stage.socket("alice")
    for number, answered in ((7, 7), (1 << 70, 0), ("x", 0)):
        alice.say(t="ping", n=number)
        assert alice.told[-1] == {"t": "pong", "n": answered}
    alice.send(alice.frames.send(Ping(payload=b"abc")))
    assert alice.pongs == [b"abc"]


def test_a_failure_of_ours_is_answered_and_logged(
    stage: WebStage, monkeypatch: pytest.MonkeyPatch, logged_failures: Any
) -> None:
    alice = stage.socket("alice")

    def broken(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(stage.worker.log, "read", broken)
    assert alice.ask("history", room="alice")["code"] == "INTERNAL_FAILURE"
    assert len(logged_failures.flush(ZeroDivisionError)) == 1
    assert alice.is_open


def test_one_does_not_speak_before_hello(stage: WebStage) -> None:
    alice = WebSocket(stage, stage.ticket("alice"))
    alice.begin("list", prefix="", after="")
    assert alice.told == [
        {"t": "error", "id": None, "code": "BAD_REQUEST", "text": alice.told[0]["text"]},
    ]
    assert alice.closed == 1008


def test_another_version_is_told_so(stage: WebStage) -> None:
    alice = WebSocket(stage, stage.ticket("alice"))
    alice.say(t="hello", v=2)
    assert (alice.told[0]["code"], alice.closed) == ("WRONG_VERSION", 4003)


def test_hello_must_come_in_time(stage: WebStage) -> None:
    alice = WebSocket(stage, stage.ticket("alice"))
    stage.worker.pass_time(HELLO_SECONDS + 0.1)
    assert alice.closed == 1008
    stage.worker.pass_time(CLOSE_SECONDS + 0.1)
    assert not alice.is_open
    assert not stage.worker.sessions.open


def test_what_waits_for_a_rate_is_not_read_beyond_a_bound(stage: WebStage) -> None:
    """Of a client with so many commands unanswered nothing more is read, and nothing is lost."""
    stage = WebStage(Worker(rate=10))
    alice = stage.socket("alice")
    for number in range(200):
        alice.begin("post", key=alice.key(), text=f"{number} " + "x" * 500)
    assert stage.worker.log.window.head == 51
    assert alice.server.is_paused
    stage.worker.pass_time(20)
    assert len(alice.of("ok")) == 200
    assert [text.split()[0] for text in alice.heard()] == [str(number) for number in range(200)]


def test_a_slow_reader_takes_no_memory(stage: WebStage) -> None:
    """What it missed is read from the log once it reads again; meanwhile nothing of it waits here."""
    alice, bob = stage.socket("alice"), stage.socket("bob")
    bob.ask("join", key=bob.key(), room="alice")
    bob.wire.client_transport.pauseProducing()
    for number in range(200):
        alice.post(f"{number} " + "x" * 1900)
    assert bob.server.full
    waiting = len(bob.wire.server_transport.waiting)
    assert waiting < 200_000
    for _ in range(100):
        alice.post("and more")
        bob.server.ping()
        stage.worker.settle()
    assert len(bob.wire.server_transport.waiting) == waiting
    bob.wire.client_transport.resumeProducing()
    stage.worker.settle()
    assert [text.split()[0] for text in bob.heard()] == [
        *(str(number) for number in range(200)),
        *(["and"] * 100),
    ]


# ---- how it ends ----


def test_a_client_that_closes_is_answered(stage: WebStage) -> None:
    alice = stage.socket("alice")
    alice.send(alice.frames.send(CloseConnection(code=1001, reason="the tab is closed")))
    assert alice.closed == 1001
    assert not alice.is_open
    assert not stage.worker.sessions.open


def test_a_close_without_a_code_is_answered(stage: WebStage) -> None:
    alice = stage.socket("alice")
    alice.send(frame(CLOSE, b""))
    assert alice.closed == 1000


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"{}", masked=False), 1002),
        (frame(BINARY, b"{}"), 1003),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b" " * 65_537), 1009),
        (frame(CLOSE, (999).to_bytes(2, "big")), 1002),
    ],
)
def test_what_breaks_the_rules_is_told_by_a_code(stage: WebStage, sent: bytes, code: int) -> None:
    """And nothing behind it is done; the other end has a moment to hear of it."""
    alice = stage.socket("alice")
    alice.send(sent + frame(TEXT, b'{"t":"ping","n":1}'))
    assert alice.closed == code
    assert not alice.of("pong")
    assert alice.is_open
    alice.send(frame(PING, b"") * 1000)
    stage.worker.pass_time(CLOSE_SECONDS + 0.1)
    assert not alice.is_open


def test_a_worker_that_stops_says_so(stage: WebStage) -> None:
    """Nothing follows the close."""
    alice = stage.socket("alice")
    alice.server.hang_up()
    stage.worker.commit(stage.worker.said("alice", "late"))
    assert alice.closed == 1001
    assert alice.raw.endswith(frames.close(1001, alice.reason))
    alice.send(alice.frames.send(CloseConnection(code=1001)))
    assert not alice.is_open


def test_who_is_to_move_is_told(stage: WebStage) -> None:
    alice = stage.socket("alice")
    [session] = stage.worker.sessions.open
    session.peer.moved()
    stage.worker.settle()
    assert alice.told[-1] == {"t": "moved"}
    assert "seq" in alice.post("an open answer")
    session.peer.hang_up()
    stage.worker.settle()
    assert alice.closed == 4001


def test_a_session_that_is_ended_is_told_why(stage: WebStage) -> None:
    alice = stage.socket("alice")
    [session] = stage.worker.sessions.open
    session.end(SecretChanged.of(name="alice"))
    stage.worker.settle()
    assert (alice.told[-1]["t"], alice.told[-1]["code"], alice.closed) == ("bye", "SECRET_CHANGED", 4002)
    stage.worker.pass_time(CLOSE_SECONDS + 0.1)
    assert not alice.is_open


def test_a_log_that_is_put_back_is_told(stage: WebStage) -> None:
    alice = stage.socket("alice")
    [session] = stage.worker.sessions.open
    session.rewound(Cursor(1, b"c" * 8))
    stage.worker.settle()
    assert alice.told[-1] == {"t": "rewound", "cursor": {"seq": 1, "check": packed(b"c" * 8)}}


def test_other_devices_hear_what_was_read(stage: WebStage) -> None:
    here, there = stage.socket("alice"), WebSocket(stage, stage.ticket("alice"))
    there.hello()
    seq = stage.socket("bob").post("hi")["seq"]
    here.ask("join", key=here.key(), room="bob")
    assert here.ask("mark", room="bob", seq=seq)["t"] == "ok"
    stage.worker.pass_time(10)
    assert there.of("marked") == [{"t": "marked", "room": "bob", "seq": seq}]
    assert here.of("marked") == []


def test_other_devices_hear_of_rooms_that_are_joined_and_left(stage: WebStage) -> None:
    """In any session: also of those that only post, and of a program that asks by HTTP."""
    alice = stage.socket("alice")
    name = {"authorization": f"Bearer {packed(stage.ticket('alice'))}"}
    joined = stage.ask("PUT", "/api/v1/rooms/%23tea/membership", **name).json["seq"]
    assert stage.ask("DELETE", "/api/v1/rooms/%23tea/membership", **name).status == 204
    told = {"t": "membership", "room": "#tea"}
    assert alice.of("membership") == [
        {**told, "seq": joined, "joined": True},
        {**told, "seq": joined + 1, "joined": False},
    ]


def test_a_line_that_is_lost_ends_the_session(stage: WebStage) -> None:
    alice = stage.socket("alice")
    alice.begin("post", key=alice.key(), text="unanswered")
    Line.cut(alice)
    assert not stage.worker.sessions.open


def test_a_worker_that_sends_some_on_does_not_let_them_in(stage: WebStage) -> None:
    """They come again at once, on another connection, and the kernel gives some of these to other workers.
    All others are let in: they may have lost their worker, or have just opened the page."""
    alice = stage.socket("alice")
    [session] = stage.worker.sessions.open
    assert session.peer.shared
    handoff = Handoff(stage.worker.sessions, stage.worker.clock)
    stage.worker.others.sent_elsewhere = lambda: handoff.sent_elsewhere
    handoff.shed(1, shared=True)
    stage.worker.settle()
    assert alice.told[-1] == {"t": "moved"}
    refused = WebSocket(stage, stage.ticket("alice")).came
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 0" in refused.lower()
    assert WebSocket(stage, stage.ticket("bob")).came.startswith(b"HTTP/1.1 101 ")
    Line.cut(alice)
    stage.worker.pass_time(COME_BACK_SECONDS + 1)
    assert WebSocket(stage, stage.ticket("alice")).came.startswith(b"HTTP/1.1 101 ")


def test_whom_a_master_sent_to_a_port_of_ones_own_counts_as_placed(stage: WebStage) -> None:
    """Only those who came by the port that workers share are sent on to chance."""
    entrance = stage.worker.entrance
    stage.web.visitor = lambda: stage.web.connection(entrance)  # type: ignore[method-assign]
    stage.worker.others.sent_elsewhere = lambda: ["alice"]
    stage.socket("alice")
    [session] = stage.worker.sessions.open
    assert not session.peer.shared


def test_who_is_let_in_while_the_worker_stops_is_told_at_once(
    stage: WebStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = stage.ticket("alice")
    late = read_late(stage, monkeypatch)
    line = stage.line()
    line.send(upgrade(ticket))
    line.server.hang_up()
    late.callback(None)
    stage.worker.settle()
    head, _, rest = line.came.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert rest.startswith(b"\x88")
    stage.worker.pass_time(CLOSE_SECONDS + 0.1)
    assert not line.is_open
    assert not stage.worker.sessions.open


def test_who_leaves_while_they_are_let_in_leaves_nothing(
    stage: WebStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = stage.ticket("alice")
    late = read_late(stage, monkeypatch)
    line = stage.line()
    line.send(upgrade(ticket))
    line.cut()
    late.callback(None)
    stage.worker.settle()
    assert not stage.worker.sessions.open
    assert len(stage.worker.pulse) == 0


def test_a_user_has_so_many_sockets_and_no_more(stage: WebStage) -> None:
    """As many as sessions by AMP: the next one is told to come again, before the upgrade."""
    ticket = stage.ticket("alice")
    sockets = [WebSocket(stage, ticket) for _ in range(MOST_SESSIONS)]
    line = stage.line()
    line.send(upgrade(ticket))
    answer = line.answer()
    assert (answer.status, answer.json["code"]) == (429, "TRY_LATER")
    sockets[0].cut()
    assert WebSocket(stage, ticket).came.startswith(b"HTTP/1.1 101 ")


def test_what_makes_our_code_fail_closes_one_connection(
    stage: WebStage, monkeypatch: pytest.MonkeyPatch, logged_failures: Any
) -> None:
    """Whatever it is; others are served in the same turn."""
    alice, bob = stage.socket("alice"), stage.socket("bob")
    real = dialect.read

    def broken(text: str) -> dict[str, Any]:
        if "boom" in text:
            raise ZeroDivisionError
        return real(text)

    monkeypatch.setattr(dialect, "read", broken)
    for line, said in ((alice, b'{"t":"ping","n":1}'), (bob, b'{"t":"ping","n":2}')):
        line.wire.client_transport.write(frame(TEXT, said) * 100)
    alice.wire.client_transport.write(frame(TEXT, b"boom"))
    stage.worker.settle()
    assert not alice.is_open
    assert len(bob.of("pong")) == 100
    assert len(logged_failures.flush(ZeroDivisionError)) == 1
    assert not [session for session in stage.worker.sessions.open if session.user == "alice"]
