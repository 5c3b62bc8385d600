"""What programs ask by HTTP: a post is there once, a page is whole, and nobody does more than they may."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from web.browser import HOST, ORIGIN, Answered, Line, WebStage, request
from worker.conftest import Worker

from chatnet.entries import Draft, Entry
from chatnet.errors import REFUSALS
from chatnet.form import MAX_LINE_FEEDS, MAX_PLACES, MAX_TEXT
from chatnet.keys import key_text
from chatnet.names import named
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.worker.fronts.web.dialect import packed
from chatnet.worker.fronts.web.kept import MOST_ASKED, MOST_OF_ONE
from chatnet.worker.fronts.web.problems import status_of, wait_of


@pytest.fixture
def stage() -> WebStage:
    return WebStage(Worker())


class Program:
    """A program with a token of ``name``, on a ``device``; else there is one for each ``scope``."""

    def __init__(self, stage: WebStage, name: str = "alice", scope: str = "all", device: str = "") -> None:
        self.stage = stage
        self.name = name
        client = stage.worker.client()
        login: dict[str, Any] = {"version": VERSION, "name": name, "secret": b"s" * 32, "new": True}
        by = sha256((device or scope).encode()).digest()[:16]
        self.ticket: bytes = client.ask(wire.Login, **login, device=by, label="bot", scope=scope)["ticket"]
        client.cut()

    @property
    def token(self) -> str:
        return packed(self.ticket)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answered:
        """Ask as a program does: without an Origin."""
        named = {"authorization": f"Bearer {self.token}", "origin": "-"} | headers
        return self.stage.ask(method, f"/api/v1{path}", body, **named)

    def post(self, body: object, query: str = "", **headers: str) -> Answered:
        return self.ask("POST", f"/posts{query}", body, **headers)

    def text(self, text: str, query: str = "", **headers: str) -> Answered:
        return self.post(text.encode(), query, content_type="text/plain", **headers)


@pytest.fixture
def alice(stage: WebStage) -> Program:
    return Program(stage)


def posts(stage: WebStage) -> list[Entry]:
    return [entry for entry in stage.worker.log.entries if entry.kind == "post"]


def said(stage: WebStage) -> list[tuple[str, str]]:
    return [(entry.room, entry.text) for entry in posts(stage)]


# ---- posts ----


def test_a_post_is_answered_when_it_is_durable(stage: WebStage, alice: Program) -> None:
    """With what is needed to find it again, and to answer it."""
    answer = alice.post({"text": "hello\n☃"})
    [entry] = posts(stage)
    assert (answer.status, entry.text) == (201, "hello\n☃")
    assert answer.json == {
        **{"seq": entry.seq, "key": packed(entry.key), "time": entry.time},
        "check": packed(stage.worker.at(entry.seq).check),
    }
    assert "idempotency-replayed" not in answer.headers


def test_a_text_as_it_is(stage: WebStage, alice: Program) -> None:
    """As `curl --data-binary` sends it, with the line feed of a file's end."""
    assert alice.text("deployed ☃\n").status == 201
    assert alice.text("in a topic", "?room=%23ops").status == 403
    alice.ask("PUT", "/rooms/%23ops/membership")
    assert alice.text("in a topic", "?room=%23ops").status == 201
    assert alice.text("of a file\r\nfrom Windows\r\n").status == 201
    assert said(stage) == [
        *(("alice", "deployed ☃"), ("#ops", "in a topic")),
        ("alice", "of a file\nfrom Windows"),
    ]


def test_a_post_has_what_a_post_may_have(stage: WebStage, alice: Program) -> None:
    first = alice.post({"text": "one"}).json
    ref = {"seq": first["seq"], "check": first["check"]}
    body = {"text": "two", "room": "alice", "ref": ref, "form": "notice", "unknown": [1]}
    assert alice.post(body).status == 201
    more = posts(stage)[1].more
    assert more is not None
    assert (more.form, more.ref and more.ref.seq) == ("notice", first["seq"])


# ---- the key ----


def test_asked_again_with_its_key_it_is_there_once(stage: WebStage, alice: Program) -> None:
    """The second answer says so, and has the same seq; also over another worker that has followed the log."""
    first = alice.text("deployed", idempotency_key="deploy-1842")
    again = alice.text("deployed", idempotency_key="deploy-1842")
    assert (first.status, again.status) == (201, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json == again.json
    assert len(posts(stage)) == 1
    assert posts(stage)[0].key == sha256(b"deploy-1842").digest()[:16]
    assert alice.text("deployed", idempotency_key="deploy-1843").status == 201


def test_a_key_in_base64url_is_the_key_itself(stage: WebStage, alice: Program) -> None:
    key = bytes(range(16))
    assert alice.text("hello", idempotency_key=key_text(key)).json["key"] == key_text(key)
    assert posts(stage)[0].key == key


def test_a_key_is_of_its_user(stage: WebStage, alice: Program) -> None:
    assert alice.text("hello", idempotency_key="one").status == 201
    assert Program(stage, "bob").text("hello", idempotency_key="one").status == 201


def test_a_key_that_was_used_for_something_else(stage: WebStage, alice: Program) -> None:
    alice.text("hello", idempotency_key="one")
    answer = alice.text("something else", idempotency_key="one")
    assert (answer.status, answer.json["code"]) == (422, "KEY_REUSED")
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_a_key_each_request_is_a_post(stage: WebStage, alice: Program) -> None:
    assert [alice.text("hello").status for _ in range(3)] == [201] * 3
    assert len({entry.key for entry in posts(stage)}) == 3


@pytest.mark.parametrize("key", ["", "x" * 256, "ä" * 255])
def test_a_key_has_a_length(stage: WebStage, alice: Program, key: str) -> None:
    quoted = key.encode().decode("latin-1")
    answer = alice.text("hello", idempotency_key=quoted)
    assert answer.status == (201 if len(key) == 255 else 400)
    if answer.status == 201:
        assert posts(stage)[0].key == sha256(key.encode()).digest()[:16]


def test_a_key_that_was_used_long_ago_is_still_known(stage: WebStage, alice: Program) -> None:
    """When this worker does not hold that entry any more, its seq is told all the same."""
    first = alice.text("deployed", idempotency_key="one")
    window = stage.worker.log.window
    window.restart(stage.worker.log.log_id, window.cursor)
    again = alice.text("deployed", idempotency_key="one")
    assert (again.status, again.headers["idempotency-replayed"]) == (200, "true")
    assert again.json == {"seq": first.json["seq"], "key": first.json["key"]}


def test_a_worker_that_is_behind_answers_once_it_has_the_entry(
    stage: WebStage, alice: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer has the check of what was posted; and the next read of this program has the post."""
    window = stage.worker.log.window
    real, behind = window.extend, list[Entry]()
    monkeypatch.setattr(window, "extend", behind.extend)
    line = stage.line()
    headers = {"authorization": f"Bearer {alice.token}", "idempotency_key": "one"}
    line.send(request("POST", "/api/v1/posts", {"text": "hello"}, headers))
    assert line.came == b""
    monkeypatch.undo()
    real(behind)
    stage.worker.settle()
    answer = line.answer("POST")
    assert answer.status == 201
    assert answer.json["check"] == packed(stage.worker.at(answer.json["seq"]).check)


# ---- what is refused ----


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", "application/json", 400, "BAD_REQUEST"),
        (b"{", "application/json", 400, "BAD_REQUEST"),
        (b"[]", "application/json", 400, "BAD_REQUEST"),
        (b'{"text":5}', "application/json", 400, "BAD_REQUEST"),
        (b'{"text":null}', "application/json", 400, "BAD_REQUEST"),
        (b"{}", "application/json", 400, "BAD_REQUEST"),
        (b'{"text":"a","room":5}', "application/json", 400, "BAD_REQUEST"),
        (b'{"text":"a","form":"loud"}', "application/json", 400, "BAD_REQUEST"),
        (b'{"text":"a","ref":7}', "application/json", 400, "BAD_REQUEST"),
        (b'{"text":"a","ref":{"seq":-1,"check":"AAAAAAAAAAA"}}', "application/json", 400, "BAD_REQUEST"),
        (
            b'{"text":"a","ref":{"seq":9007199254740992,"check":"AAAAAAAAAAA"}}',
            "application/json",
            400,
            "BAD_REQUEST",
        ),
        (b'{"text":"a","ref":{"seq":1e400,"check":"AAAAAAAAAAA"}}', "application/json", 400, "BAD_REQUEST"),
        (b'{"text":"a","ref":{"seq":1,"check":"AAAA"}}', "application/json", 400, "BAD_REQUEST"),
        (b'{"text":"a","ref":{"seq":1,"check":"AAAAAAAAAAA"}}', "application/json", 404, "NO_SUCH_POST"),
        (b'{"text":"\\ud800"}', "application/json", 400, "BAD_REQUEST"),
        (b'{"text":"\xff"}', "application/json", 400, "BAD_REQUEST"),
        (b'{"text":"' + b"[" * 10_000, "application/json", 400, "BAD_REQUEST"),
        (b'{"x":' + b"[" * 10_000, "application/json", 400, "BAD_REQUEST"),
        (b'{"text":""}', "application/json", 422, "BAD_TEXT"),
        (b'{"text":"\\u0000"}', "application/json", 422, "BAD_TEXT"),
        (b'{"text":"' + b"x" * 2_001 + b'"}', "application/json", 422, "BAD_TEXT"),
        (b'{"text":"a","room":"bob"}', "application/json", 403, "NOT_YOURS"),
        (b'{"text":"a","room":"#tea"}', "application/json", 403, "NOT_JOINED"),
        (b'{"text":"a","room":"&den"}', "application/json", 404, "NO_SUCH_ROOM"),
        (b'{"text":"a","room":"@nobody-here"}', "application/json", 404, "NO_SUCH_USER"),
        (b'{"text":"a","room":""}', "application/json", 422, "BAD_ROOM"),
        (b'{"text":"a","room":"' + b"x" * 5_000 + b'"}', "application/json", 422, "BAD_ROOM"),
        (b"\xff", "text/plain", 400, "BAD_REQUEST"),
        (b"", "text/plain", 422, "BAD_TEXT"),
        (b"text=a", "application/x-www-form-urlencoded", 415, "BAD_REQUEST"),
        (b"hello", "-", 415, "BAD_REQUEST"),
        (b"x" * 65_537, "text/plain", 413, "BAD_REQUEST"),
    ],
)
def test_what_is_no_post(
    stage: WebStage, alice: Program, body: bytes, kind: str, status: int, code: str
) -> None:
    """Each is told in one sentence, and the next request is answered."""
    answer = alice.post(body, content_type=kind)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert re.fullmatch(r"[^\n]{10,400}", answer.json["detail"])
    assert not posts(stage)
    assert alice.text("hello").status == 201


@pytest.mark.parametrize("path", ["/posts", "/rooms/alice/membership", "/unread", "/me", "/rooms"])
@pytest.mark.parametrize(
    "shown", ["-", "Bearer", "Bearer AAAA", "Bearer ä", "Basic YTpi", "Bearer " + "A" * 5_000]
)
def test_who_shows_nothing_does_nothing(stage: WebStage, path: str, shown: str) -> None:
    method = {"/posts": "POST", "/rooms/alice/membership": "PUT"}.get(path, "GET")
    body = {"text": "hello"} if method == "POST" else None
    value = shown.encode().decode("latin-1")
    answer = stage.ask(method, f"/api/v1{path}", body, authorization=value)
    assert (answer.status, answer.json["code"]) == (401, "BAD_TICKET")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_page_of_somebody_else_does_nothing_by_our_cookie(stage: WebStage, alice: Program) -> None:
    """A browser would send it along; a text needs no question before it is sent."""
    cookie = f"chatnet-memory={alice.token}"
    for origin in ("http://evil.example", "null", "-"):
        headers = {"authorization": "-", "cookie": cookie, "origin": origin, "content_type": "text/plain"}
        assert alice.post(b"hello", **headers).status == 403
        answer = alice.ask("PUT", "/rooms/%23tea/membership", authorization="-", cookie=cookie, origin=origin)
        assert answer.status == 403
    own = {"authorization": "-", "cookie": cookie, "origin": ORIGIN}
    assert alice.post({"text": "ours"}, **own).status == 201
    assert said(stage) == [("alice", "ours")]


READS = ["/rooms", "/rooms/alice/posts", "/rooms/alice/members", "/unread"]


@pytest.mark.parametrize(
    ("scope", "reads", "writes"), [("all", 200, 201), ("read", 200, 403), ("post", 403, 201)]
)
def test_a_token_does_what_it_is_for(stage: WebStage, scope: str, reads: int, writes: int) -> None:
    program = Program(stage, scope=scope)
    assert [program.ask("GET", path).status for path in READS] == [reads] * len(READS)
    assert program.text("hello").status == writes
    join = program.ask("PUT", "/rooms/%23tea/membership")
    assert join.status == (200 if scope == "all" else 403)
    assert program.ask("GET", "/me").json["scope"] == scope
    refused = [program.ask("GET", "/unread"), program.text("hello")]
    assert {one.json["code"] for one in refused if one.status == 403} <= {"NOT_IN_SCOPE"}


def test_a_request_is_its_own_users(stage: WebStage, alice: Program) -> None:
    """On one connection, as a proxy's, one after the other."""
    bob, line = Program(stage, "bob"), stage.line()
    for program in (alice, bob, alice):
        answer = line.ask("GET", "/api/v1/me", authorization=f"Bearer {program.token}")
        assert answer.json["name"] == program.name
    assert line.ask("GET", "/api/v1/me").status == 401


# ---- rooms ----


def test_to_be_there_already_is_as_good(stage: WebStage, alice: Program) -> None:
    first = alice.ask("PUT", "/rooms/%23Tea/membership")
    again = alice.ask("PUT", "/rooms/%23tea/membership")
    assert (first.status, first.json["room"], first.json["seq"] > 0) == (200, "#tea", True)
    assert (again.status, again.json) == (200, {"room": "#tea"})
    assert alice.ask("GET", "/rooms?mine").json["rooms"] == ["#tea"]
    assert [alice.ask("DELETE", "/rooms/%23tea/membership").status for _ in range(2)] == [204, 204]
    assert alice.ask("GET", "/rooms?mine").json["rooms"] == []
    assert alice.ask("PUT", "/rooms/alice/membership").status == 422
    assert alice.ask("PUT", "/rooms/nobody/membership").status in (404, 422)


def test_rooms_are_listed_by_prefix(stage: WebStage, alice: Program) -> None:
    for room in ("%23tea", "%23teapot", "%23milk"):
        alice.ask("PUT", f"/rooms/{room}/membership")
    found = alice.ask("GET", "/rooms?prefix=%23tea").json
    assert found == {"rooms": ["#tea", "#teapot"], "joined": ["#tea", "#teapot"], "more": False}
    assert alice.ask("GET", "/rooms?prefix=%23&after=%23milk").json["rooms"] == ["#tea", "#teapot"]


def test_history_goes_back_page_by_page(stage: WebStage, alice: Program) -> None:
    """Each post once, the oldest at last; then there is nothing before."""
    stage.worker.commit(*(stage.worker.said("alice", str(number)) for number in range(25)))
    found: list[str] = []
    before, pages = "", 0
    while True:
        page = alice.ask("GET", f"/rooms/alice/posts?limit=7{before}").json
        if page["before"] is None:
            break
        found[:0] = [post["text"] for post in page["posts"]]
        before, pages = f"&before={page['before']}", pages + 1
    assert found == [str(number) for number in range(25)]
    assert pages == 4


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "before=x", "before=1.5"])
def test_what_is_no_page(alice: Program, query: str) -> None:
    assert alice.ask("GET", f"/rooms/alice/posts?{query}").status == 400
    assert alice.ask("GET", f"/rooms/alice/posts?before={'9' * 400}").status == 400


@pytest.mark.parametrize(
    ("room", "status"),
    [("bobby", 404), ("%26den", 404), ("%40alice", 422), ("%00", 422), ("a%2Fb", 422), ("%23", 422)],
)
def test_a_room_that_is_none(alice: Program, room: str, status: int) -> None:
    for end in ("posts", "members"):
        answer = alice.ask("GET", f"/rooms/{room}/{end}")
        assert answer.status == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_members_and_unread(stage: WebStage, alice: Program) -> None:
    bob = Program(stage, "bob")
    for program in (alice, bob):
        program.ask("PUT", "/rooms/%23tea/membership")
    bob.text("hello @alice", "?room=%23tea")
    members = alice.ask("GET", "/rooms/%23tea/members").json
    assert [one["name"] for one in members["members"]] == ["alice", "bob"]
    unread = alice.ask("GET", "/unread").json
    since = next(entry.seq for entry in stage.worker.log.entries if entry.kind == "join")
    assert {"room": "#tea", "posts": 1, "mentions": 1, "since": since} in unread["rooms"]
    assert set(unread) == {"rooms", "more"}


def test_who_asks(stage: WebStage, alice: Program) -> None:
    me = alice.ask("GET", "/me").json
    assert (me["name"], me["log"], me["scope"]) == ("alice", stage.worker.log.log_id, "all")


def test_nobody_is_served_while_there_is_no_log(stage: WebStage, alice: Program) -> None:
    stage.serves = False
    answer = alice.text("hello")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


# ---- webhooks ----


@pytest.fixture
def hook(stage: WebStage) -> Program:
    return Program(stage, "ops", "post")


def flung(
    stage: WebStage, program: Program, body: object, kind: str = "application/json", query: str = ""
) -> Answered:
    """Send a webhook, as somebody's server does: with nothing but its URL."""
    path = f"/api/v1/hooks/{program.token}{query}"
    return stage.ask("POST", path, body, content_type=kind, origin="-")


def test_a_webhook_is_posted_as_a_notice(stage: WebStage, hook: Program) -> None:
    answer = flung(stage, hook, {"text": "deployed 1842 #ops", "username": "ci", "icon_emoji": ":ship:"})
    assert (answer.status, answer.body) == (200, b"ok")
    [entry] = posts(stage)
    assert (entry.user, entry.room, entry.text) == ("ops", "ops", "deployed 1842 #ops")
    assert entry.more is not None
    assert entry.more.form == "notice"


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"as it is\r\n", "text/plain", "as it is"),
        (b"as it is", "text/plain; charset=utf-8", "as it is"),
        (b"as it is", "-", "as it is"),
        (b'{"text":"without a type"}', "-", "without a type"),
        (b"payload=" + quote('{"text":"old & good"}').encode(), FORM, "old & good"),
        (
            {"text": "see <https://x.example/a?b=c&amp;d|the build>, <!here> &lt;b&gt;"},
            "application/json",
            "see the build (https://x.example/a?b=c&d), here <b>",
        ),
        ({"text": "<https://x.example>"}, "application/json", "https://x.example"),
        (
            {
                "text": "",
                "attachments": [{"title": "Down", "text": "db1", "fallback": "no"}, {"fallback": "db2"}],
            },
            "application/json",
            "Down\ndb1\ndb2",
        ),
        (
            {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "one"}}, {"type": "divider"}]},
            "application/json",
            "one",
        ),
        ({"text": "one", "blocks": [{"text": {"text": "one again"}}]}, "application/json", "one"),
        (
            {
                "attachments": [
                    {
                        "color": "#f00",
                        "blocks": [
                            {"type": "header", "text": {"type": "plain_text", "text": "Down"}},
                            {
                                "type": "context",
                                "elements": [{"type": "mrkdwn", "text": "db1"}, {"type": "image"}],
                            },
                            {"type": "actions", "elements": [{"text": {"text": "a button"}}]},
                        ],
                    }
                ]
            },
            "application/json",
            "Down\ndb1",
        ),
        (
            {"text": "https://x.example/?a=1&copy=2&section=3 &amp;lt; &quot;"},
            "application/json",
            "https://x.example/?a=1&copy=2&section=3 &lt; &quot;",
        ),
        ({"text": "a\x00b\r\nc\u2028d"}, "application/json", "ab\ncd"),
    ],
)
def test_the_words_of_a_webhook(stage: WebStage, hook: Program, body: object, kind: str, text: str) -> None:
    assert flung(stage, hook, body, kind).status == 200
    assert [entry.text for entry in posts(stage)] == [text]


@pytest.mark.parametrize("text", ["x" * 60_000, "y\n" * 20_000, "☃" * 20_000, "z\n" * 41])
def test_a_webhook_that_is_too_long_is_cut(stage: WebStage, hook: Program, text: str) -> None:
    """Who sends it cannot mend it, and an alert that is refused is lost."""
    assert flung(stage, hook, text.encode(), "text/plain").status == 200
    [entry] = posts(stage)
    assert entry.text.endswith("…")
    assert len(entry.text) <= MAX_TEXT
    assert entry.text.count("\n") <= MAX_LINE_FEEDS


@pytest.mark.parametrize("between", [" ", "; #1, ", ","])
def test_what_a_webhook_names_beyond_what_a_post_may_is_only_written(
    stage: WebStage, hook: Program, between: str
) -> None:
    """A list of changes, as a build has it."""
    text = between.join(f"#{number}" for number in range(100, 160))
    assert flung(stage, hook, text.encode(), "text/plain").status == 200
    [entry] = posts(stage)
    assert entry.text.replace("#", "").replace("@", "") == text.replace("#", "").replace("@", "")
    assert named(entry.text) == named(text)[:MAX_PLACES]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "application/json"),
        ({"text": 5, "attachments": 7, "blocks": {"a": 1}}, "application/json"),
        (
            {"attachments": [{"text": {}, "fields": [7, {"title": 1}]}], "blocks": [[], {"text": []}]},
            "application/json",
        ),
        ([], "application/json"),
        (b"{", "application/json"),
        (b'{"text":' + b"[" * 30_000, "application/json"),
        (b"payload", FORM),
        (b"payload=%ff", FORM),
        (b"payload=" + b"&a=" * 20_000, FORM),
        (b"\xff\xfe", FORM),
        (b"", "text/plain"),
        (b"\x00\n\r ", "text/plain"),
    ],
)
def test_a_webhook_without_words(stage: WebStage, hook: Program, body: object, kind: str) -> None:
    answer = flung(stage, hook, body, kind)
    assert answer.status == 400
    assert not posts(stage)


def test_a_token_in_a_url_may_only_post(stage: WebStage, alice: Program) -> None:
    """URLs are written into logs: one that may read would open all that its user reads."""
    for program in (alice, Program(stage, "reader", "read")):
        answer = flung(stage, program, {"text": "hello"})
        assert (answer.status, answer.json["code"]) == (403, "NOT_IN_SCOPE")
    for token in ("AAAA", "%00", "x" * 5_000, "ä"):
        path = f"/api/v1/hooks/{quote(token, safe='%')}"
        assert stage.ask("POST", path, {"text": "hello"}, origin="-").status in (401, 404)
    assert not posts(stage)


def test_a_webhook_is_said_in_a_room_and_once(stage: WebStage, hook: Program) -> None:
    stage.worker.commit(Draft("join", "ops", "#ops", "", b"j" * 16))
    path = f"/api/v1/hooks/{hook.token}?room=%23ops"
    for _ in range(2):
        assert stage.ask("POST", path, {"text": "down"}, origin="-", idempotency_key="alert-7").status == 200
    assert said(stage) == [("#ops", "down")]


def test_a_flood_of_webhooks_is_put_off(stage: WebStage) -> None:
    """What one session asks at a time is bounded, and everybody else is served meanwhile."""
    stage = WebStage(Worker(rate=1))
    hook, alice = Program(stage, "ops", "post"), Program(stage, "alice")
    lines: list[Line] = []
    for number in range(200):
        line = stage.line()
        lines.append(line)
        body = json.dumps({"text": str(number)}).encode()
        head = f"POST /api/v1/hooks/{hook.token} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n"
        line.send(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
    answered = [line for line in lines if line.came]
    statuses = [line.answer("POST") for line in answered]
    assert {one.status for one in statuses} == {200, 429}
    assert {one.headers["retry-after"] for one in statuses if one.status == 429} == {"1"}
    assert len(lines) - len(answered) <= MOST_ASKED
    assert alice.text("hello").status == 201
    for line in lines:
        line.cut()


def test_what_passes_only_in_hours_is_not_to_be_asked_again_in_a_second() -> None:
    late = [one for one in REFUSALS.values() if re.search("tomorrow|an hour", one.sentence)]
    found = [one.code for one in late if status_of(one.of()) == 429]
    assert len(found) >= 3
    assert all(wait_of(one.of()) == 3600 for one in late if one.code in found)


def test_few_users_cannot_keep_all_sessions_between_requests_busy(stage: WebStage) -> None:
    """Each of them has many devices, which all wait for answers: some of each user's are told to come again,
    and others are answered meanwhile, who have many devices, too."""
    users, stage.web._kept.most = 4, 100
    programs = [Program(stage, f"mallory{at % users}", "post", str(at)) for at in range(100)]
    stage.worker.log.held = True
    lines = [stage.line() for _ in programs]
    for line, program in zip(lines, programs, strict=True):
        named = {"authorization": f"Bearer {program.token}", "origin": "-"}
        line.send(request("POST", "/api/v1/posts", {"text": "hi"}, named))
    assert len(stage.worker.sessions.open) == users * MOST_OF_ONE
    refused = [line.answer("POST") for line in lines if line.came]
    assert len(refused) == len(programs) - users * MOST_OF_ONE
    assert {(one.status, one.headers["retry-after"]) for one in refused} == {(429, "1")}
    assert said(stage) == []
    stage.worker.log.held = False
    phones = [Program(stage, "alice", "all", str(at)) for at in range(2 * MOST_OF_ONE)]
    assert [phone.ask("GET", "/me").status for phone in phones] == [200] * 2 * MOST_OF_ONE
    stage.worker.log.let_go()
    stage.worker.settle()
    assert [line.answer("POST").status for line in lines if line.came] == [201] * users * MOST_OF_ONE
    assert len(stage.worker.sessions.open) == (users + 1) * MOST_OF_ONE
