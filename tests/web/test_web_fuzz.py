"""Whatever comes on a connection, nothing of ours fails, little is kept, and nothing is left behind."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web.browser import Line, WebSocket, WebStage, request, upgrade
from web.raw_frames import CLOSE, MORE, PING, PONG, TEXT, frame
from worker.conftest import Worker

from chatnet.worker.fronts.web.dialect import FORMS, packed

KEYS = st.sampled_from([packed(b"k" * 16), packed(b"l" * 16), "x", ""])
VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(-1, 1 << 54), st.text(max_size=5), KEYS, st.just("alice")),
    *(st.sampled_from(["#tea", "@alice", "&ops", "hello"]), st.just([]), st.just({})),
)
NAMES = sorted({key.said for form in FORMS.values() for key in form.keys})
MESSAGES = st.builds(
    lambda said, name, number: json.dumps({**said, "t": name, "id": number}).encode(),
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6),
    st.sampled_from([*FORMS, *FORMS, "hello", "hello", "ping", "pong", "chat", "login", "welcome"]),
    st.sampled_from([0, 1, 2, -1, None, "x"]),
)
HELLO = st.just(b'{"t":"hello","v":1}')
FRAMES = st.one_of(
    st.builds(frame, st.just(TEXT), MESSAGES),
    st.builds(frame, st.just(TEXT), HELLO),
    st.builds(frame, st.sampled_from([TEXT, MORE, PING, PONG]), st.binary(max_size=130), st.booleans()),
    st.builds(frame, st.just(CLOSE), st.binary(max_size=4)),
    st.builds(frame, st.integers(0, 15), st.binary(max_size=10), st.booleans(), st.booleans()),
)
HEADERS = st.dictionaries(
    st.sampled_from(["origin", "cookie", "authorization", "content_type", "expect", "connection", "upgrade"]),
    st.sampled_from(
        ["-", "close", "websocket", "Upgrade", "100-continue", "Bearer x", "x=y; chatnet-memory=z"]
    ),
    max_size=3,
)
REQUESTS = st.builds(
    request,
    st.sampled_from(["GET", "POST", "DELETE", "HEAD", "PUT", "OPTIONS", "TRACE", "CONNECT"]),
    st.sampled_from(
        [
            "/",
            "/ws",
            "/healthz",
            "/nothing",
            "*",
            "http://localhost:8080/ws",
            "http://x@y/",
            "https://localhost",
        ]
        + [f"/api/v1/{path}" for path in ("about", "session", "posts", "stream", "stream?wait=1", "hooks/x")]
        + ["/api/v1/rooms/%23tea/membership", "/api/v1/rooms/alice/posts?limit=3", "/api/v1/openapi.json"]
    ),
    st.none() | st.binary(max_size=20) | MESSAGES,
    HEADERS,
)
PIECES = st.lists(
    st.tuples(st.one_of(FRAMES, FRAMES, REQUESTS, st.binary(max_size=30)), st.booleans()), max_size=12
)
QUIET = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=80)


def play(stage: WebStage, line: Line, pieces: list[tuple[bytes, bool]]) -> None:
    """Send the pieces; some in two halves, between which time passes."""
    for piece, is_cut in pieces:
        half = len(piece) // 2 if is_cut else len(piece)
        line.send(piece[:half])
        if is_cut:
            stage.worker.pass_time(0.2)
            line.send(piece[half:])
    assert line.server._waiting < 200_000


def check_nothing_left(stage: WebStage) -> None:
    worker = stage.worker
    worker.work()
    worker.pass_time(12)
    assert len(worker.pulse) == 0
    assert worker.visitors.strangers == 0
    assert not worker.sessions.open
    assert not len(stage.web._kept)


@QUIET
@given(PIECES)
def test_strangers_break_nothing(pieces: list[tuple[bytes, bool]]) -> None:
    stage = WebStage(Worker())
    line = stage.line()
    play(stage, line, pieces)
    line.cut()
    check_nothing_left(stage)


@QUIET
@given(PIECES, st.booleans())
def test_users_break_nothing(pieces: list[tuple[bytes, bool]], greets: bool) -> None:
    """What they post is kept, and what else they say is answered; in the end somebody else is served."""
    stage = WebStage(Worker())
    ticket = stage.ticket("alice")
    line = stage.line()
    line.send(upgrade(ticket))
    if greets:
        line.send(frame(TEXT, b'{"t":"hello","v":1}'))
    play(stage, line, pieces)
    stage.worker.pass_time(0.5)
    other = WebSocket(stage, stage.ticket("bob"))
    assert other.hello()["user"] == "bob"
    assert other.post("still here")["t"] == "ok"
    other.cut()
    line.cut()
    check_nothing_left(stage)
