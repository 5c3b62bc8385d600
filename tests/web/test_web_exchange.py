"""HTTP on one connection: requests are read within bounds, one at a time, and answered in order."""

from __future__ import annotations

from typing import Any

import h11
import pytest
from twisted.internet.defer import Deferred
from web.browser import HOST, Line, WebStage, request
from worker.conftest import Worker

from chatnet.net.visitors import STRANGER_SECONDS, STRANGERS_SHARE
from chatnet.worker.fronts.connection import MOST_WAITING
from chatnet.worker.fronts.web.exchange import (
    ANSWER_SECONDS,
    BODY_SECONDS,
    HEADERS_SECONDS,
    LINGER_SECONDS,
    MOST_BODY,
    MOST_HEADERS,
    SEND_SECONDS,
    Answer,
)
from chatnet.worker.fronts.web.site import Site

GET = request("GET", "/healthz")


@pytest.fixture
def stage() -> WebStage:
    return WebStage(Worker())


def posted(*headers: str, body: bytes = b"") -> bytes:
    """Return a POST with these headers, as they are."""
    lines = ["POST /api/v1/session HTTP/1.1", f"host: {HOST}", f"origin: http://{HOST}", *headers, "\r\n"]
    return "\r\n".join(lines).encode("latin-1") + body


# ---- requests in order ----


def test_requests_of_a_connection_are_answered_in_order(stage: WebStage) -> None:
    """Also if all of them come at once, cut anywhere."""
    stream = GET + request("GET", "/nothing") + request("HEAD", "/healthz") + GET
    for size in (1, 7, len(stream)):
        line = stage.line()
        for at in range(0, len(stream), size):
            line.send(stream[at : at + size])
        found = [line.answer(method).status for method in ("GET", "GET", "HEAD", "GET")]
        assert found == [200, 404, 200, 200]
        assert line.came == b""
        assert line.is_open
        line.cut()


def test_one_request_is_answered_at_a_time(stage: WebStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes behind it waits, up to a bound; then the connection is not read."""
    asked: list[Deferred[Any]] = []
    real = stage.worker.log.read

    async def slow(question: Any) -> Any:
        asked.append(Deferred())
        await asked[-1]
        return await real(question)

    monkeypatch.setattr(stage.worker.log, "read", slow)
    line = stage.line()
    line.send(request("GET", "/api/v1/about") + GET * 1000)
    assert len(asked) == 1
    assert line.came == b""
    assert line.server.is_paused
    line.send(GET * 1000)
    assert len(line.wire.client_transport.waiting) == len(GET) * 1000
    assert line.server._waiting < MOST_WAITING + 1001 * len(GET)
    asked[0].callback(None)
    stage.worker.settle()
    assert line.came.count(b"HTTP/1.1 200 ") == 2001


def test_a_flood_of_requests_takes_its_turns(stage: WebStage) -> None:
    """Somebody else is answered in between."""
    flood, other = stage.line(), stage.line()
    flood.wire.client_transport.write(GET * 2000)
    flood.wire.pump()
    other.wire.client_transport.write(GET)
    other.wire.pump()
    for _ in range(4):
        stage.worker.clock.advance(0)
        other.wire.pump()
    assert other.came.count(b"200 OK") == 1
    assert flood.wire.server_transport.waiting.count(b"200 OK") < 1000
    stage.worker.settle()
    assert flood.came.count(b"200 OK") == 2000


def test_one_connection_gets_its_share_of_a_turn(stage: WebStage) -> None:
    """A stranger's, of which a request takes two; the rest waits for the next turn."""
    line = stage.line()
    line.wire.client_transport.write(GET * 100)
    line.wire.pump()
    assert b"".join(line.server.outbox.parts).count(b"200 OK") == STRANGERS_SHARE // 2


def test_who_does_not_read_answers_is_not_read(stage: WebStage) -> None:
    line = stage.line()
    line.wire.client_transport.pauseProducing()
    for _ in range(50):
        line.send(request("GET", "/api/v1/nothing") * 20)
    assert len(line.wire.server_transport.waiting) < 100_000
    line.wire.client_transport.resumeProducing()
    stage.worker.settle()
    assert line.came.count(b"HTTP/1.1 404 ") == 1000


def test_http_1_0_is_answered_and_closed(stage: WebStage) -> None:
    line = stage.line()
    line.send(b"GET /healthz HTTP/1.0\r\n\r\n" + GET)
    assert line.answer().status == 200
    assert line.came == b""
    assert not line.is_open


def test_who_wants_to_close_is_closed_after_the_answer(stage: WebStage) -> None:
    line = stage.line()
    assert line.ask("GET", "/healthz", connection="close").status == 200
    assert not line.is_open


# ---- what cannot be read ----


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: a\rtransfer-encoding: chunked\r\n\r\n", 400),
        (b"\x16\x03\x01 hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"x" * MOST_HEADERS, 431),
        (b"GET /" + b"x" * MOST_HEADERS, 431),
        (posted("content-length: 1", "content-length: 2"), 400),
        (posted("content-length: 1, 2"), 400),
        (posted("content-length: -1"), 400),
        (posted("content-length: +1"), 400),
        (posted("content-length: 1", "transfer-encoding: chunked"), 400),
        (posted("transfer-encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
        (posted("transfer-encoding: gzip, chunked"), 501),
        (posted("transfer-encoding: identity"), 501),
        (posted(f"content-length: {MOST_BODY + 1}"), 413),
        (posted(f"content-length: {10**19}"), 413),
        (posted(f"content-length: {10**30}"), 400),
        (posted("transfer-encoding: chunked", "transfer-encoding: identity"), 501),
        (posted("transfer-encoding: chunked", body=b"zz\r\n"), 400),
        (posted("transfer-encoding: chunked", body=b"-1\r\n"), 400),
        (posted("transfer-encoding: chunked", body=b"1;a=b\nx\r\n0\r\n\r\n"), 400),
        (posted("transfer-encoding: chunked", body=b"fffffffffffffffffffff\r\n"), 400),
        (posted("transfer-encoding: chunked", body=b"10001\r\n" + b"x" * 65_537), 413),
        (posted("transfer-encoding: chunked", body=b"400\r\n%b\r\n" % (b"x" * 1024) * 65), 413),
    ],
)
def test_what_cannot_be_read_is_told_and_hung_up_on(stage: WebStage, stream: bytes, status: int) -> None:
    """Nobody knows where the next request begins: what follows is thrown away, for a moment."""
    line = stage.line()
    line.send(stream)
    answer = line.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "bytearray" not in answer.json["detail"]
    line.send(GET)
    assert line.came == b""
    stage.worker.pass_time(LINGER_SECONDS + 0.1)
    assert not line.is_open
    assert stage.worker.visitors.strangers == 0


def test_a_body_of_the_greatest_size_is_read(stage: WebStage) -> None:
    """With its length, and in chunks of one byte."""
    body = b'{"name": 7, "x": "' + b"x" * (MOST_BODY - 20) + b'"}'
    assert len(body) == MOST_BODY
    line = stage.line()
    assert line.ask("POST", "/api/v1/session", body).json["code"] == "BAD_REQUEST"
    small = b'{"name": "not a name", "secret": "%b"}' % (b"A" * 43)
    chunks = b"".join(b"1\r\n%c\r\n" % one for one in small) + b"0\r\n\r\n"
    line.send(posted("content-type: application/json", "transfer-encoding: chunked", body=chunks))
    assert line.answer().json["code"] == "BAD_NAME"


def test_a_body_of_a_get_is_read_and_does_nothing(stage: WebStage) -> None:
    line = stage.line()
    line.send(request("GET", "/healthz", b"x" * 1000) + GET)
    assert [line.answer().status, line.answer().status] == [200, 200]


def test_who_waits_for_leave_to_send_a_body_gets_it(stage: WebStage) -> None:
    """But not for a body that is too large."""
    line = stage.line()
    body = b'{"name": 7}'
    line.send(
        posted("expect: 100-continue", "content-type: application/json", f"content-length: {len(body)}")
    )
    assert line.came == b"HTTP/1.1 100 \r\n\r\n"
    line.send(body)
    assert line.answer("POST").status == 400
    line.send(posted("expect: 100-continue", f"content-length: {MOST_BODY + 1}"))
    assert line.answer().status == 413


# ---- time ----


def test_who_sends_nothing_is_hung_up_on(stage: WebStage) -> None:
    line = stage.line()
    stage.worker.pass_time(STRANGER_SECONDS + 0.1)
    assert not line.is_open


def test_slow_headers_are_not_waited_for(stage: WebStage) -> None:
    """However often a piece of them comes."""
    line = stage.line()
    assert line.ask("GET", "/healthz").status == 200
    stage.worker.pass_time(20)
    assert line.is_open  # between requests there is more time
    line.send(b"GET / HT")
    for _ in range(int(HEADERS_SECONDS)):
        stage.worker.pass_time(1)
        line.send(b"T")
    stage.worker.pass_time(0.2)
    assert not line.is_open


def test_a_slow_body_is_not_waited_for(stage: WebStage) -> None:
    line = stage.line()
    line.send(posted("content-length: 1000"))
    for _ in range(int(BODY_SECONDS)):
        stage.worker.pass_time(1)
        line.send(b"x")
    stage.worker.pass_time(0.2)
    assert line.answer().status == 408
    stage.worker.pass_time(LINGER_SECONDS)
    assert not line.is_open


def test_a_slow_answer_is_not_waited_for(stage: WebStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is told; and what comes later is nobody's."""
    late: Deferred[Any] = Deferred()

    async def slow(question: Any) -> Any:
        return await late

    monkeypatch.setattr(stage.worker.log, "read", slow)
    line = stage.line()
    line.send(request("GET", "/api/v1/about"))
    stage.worker.pass_time(ANSWER_SECONDS + 0.1)
    answer = line.answer()
    assert (answer.status, answer.headers["connection"]) == (503, "close")
    assert (answer.headers["retry-after"], answer.json["code"]) == ("1", "TRY_LATER")
    late.callback([])
    stage.worker.settle()
    assert line.came == b""


def test_idle_connections_end_with_the_silence_of_clients(stage: WebStage) -> None:
    """As those of AMP: in 45 s, 50 at most."""
    stage.worker.pulse.start()
    line = stage.line()
    assert line.ask("GET", "/healthz").status == 200
    stage.worker.pass_time(51)
    assert not line.is_open


def test_who_does_not_read_an_answer_is_not_waited_for(stage: WebStage) -> None:
    """What waits of it would fill our memory."""
    line, other = stage.line(), stage.line()
    for one in (line, other):
        one.wire.client_transport.pauseProducing()
        one.send(GET * 200)
    assert line.server.full
    stage.worker.pass_time(SEND_SECONDS - 1)
    other.wire.client_transport.resumeProducing()
    stage.worker.pass_time(1.2)
    assert not line.is_open
    assert other.is_open
    assert other.came.count(b"200 OK") == 200


def test_a_slow_body_is_not_waited_for_whatever_is_sent_meanwhile(stage: WebStage) -> None:
    """That the other end reads again what it has been told says nothing of its body."""
    line = stage.line()
    line.send(posted("content-length: 9"))
    line.server.pauseProducing()
    line.server.resumeProducing()
    for _ in range(4):
        stage.worker.pass_time(10)
        line.send(b"x")
    assert line.answer().status == 408
    stage.worker.pass_time(1.2)
    assert not line.is_open


# ---- room ----


def test_strangers_make_room_for_strangers(stage: WebStage) -> None:
    """The oldest idle one goes; who is being answered stays."""
    visitors = stage.worker.visitors
    visitors.room = visitors.room._replace(strangers=3, one_address=3)
    lines = [stage.line() for _ in range(5)]
    stage.worker.settle()
    assert [line.is_open for line in lines] == [False, False, True, True, True]


def test_a_lost_connection_leaves_nothing(stage: WebStage) -> None:
    """At any point of a request."""
    stream = posted("content-type: application/json", "content-length: 100", body=b"x" * 100)
    for at in range(0, len(stream), 10):
        line = stage.line()
        line.send(stream[:at])
        line.cut()
    assert len(stage.worker.pulse) == 0
    assert stage.worker.visitors.strangers == 0
    stage.worker.pass_time(0.1)
    assert not [call for call in stage.worker.clock.getDelayedCalls() if call.getTime() > 10]


def test_a_worker_that_stops_lets_answers_go_out(stage: WebStage, monkeypatch: pytest.MonkeyPatch) -> None:
    late: Deferred[Any] = Deferred()

    async def slow(question: Any) -> Any:
        return await late

    monkeypatch.setattr(stage.worker.log, "read", slow)
    asks, idle = stage.line(), stage.line()
    asks.send(request("GET", "/api/v1/about"))
    for connection in stage.worker.pulse.links():
        connection.hang_up()
    stage.worker.settle()
    assert not idle.is_open
    late.callback([])
    stage.worker.settle()
    answer = asks.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert not asks.is_open


def test_a_failure_of_ours_is_answered_and_logged(
    stage: WebStage, monkeypatch: pytest.MonkeyPatch, logged_failures: Any
) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(stage.worker.log, "read", broken)
    line: Line = stage.line()
    answer = line.ask("GET", "/api/v1/about")
    assert (answer.status, answer.json["code"]) == (500, "INTERNAL_FAILURE")
    assert len(logged_failures.flush(ZeroDivisionError)) == 1
    assert line.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize("target", ["/healthz", "/readyz", "/", "chat.example.org:443"])
def test_who_asks_for_a_tunnel_is_refused(stage: WebStage, target: str) -> None:
    """Behind a success there would be one, and no place for what is answered."""
    line = stage.line()
    line.send(f"CONNECT {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    answer = line.answer("CONNECT")
    assert (answer.status, answer.headers["connection"]) == (501, "close")
    assert "no proxy" in answer.json["detail"]


def test_a_refusal_behind_a_head_has_a_body(stage: WebStage) -> None:
    """Only what is asked by HEAD has none."""
    line = stage.line()
    assert line.ask("HEAD", "/healthz").body == b""
    line.send(b"\0\r\n\r\n")
    assert line.answer().json["status"] == 400


def test_an_answer_that_cannot_be_said_closes_the_connection(
    stage: WebStage, monkeypatch: pytest.MonkeyPatch, logged_failures: Any
) -> None:
    """A header that is none, say: nobody waits for a minute, and the failure is logged."""

    async def broken(*_: object) -> Answer:
        return Answer(200, (("Bad", "one\r\ntwo"),))

    monkeypatch.setattr(Site, "answer", broken)
    line = stage.line()
    line.send(GET)
    assert not line.is_open
    assert len(logged_failures.flush(h11.LocalProtocolError)) == 1
