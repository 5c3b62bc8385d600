"""Logging in and out by HTTP: what is asked, what is kept in cookies, and who may ask."""

from __future__ import annotations

from typing import Any

import pytest
from web.browser import Answered, WebSocket, WebStage, read_late, request
from worker.conftest import Worker

from chatnet.entries import Draft, More
from chatnet.kinds import KindName
from chatnet.reads import DevicesOf, PoliciesIn
from chatnet.web_options import a_public_url, the_proxies
from chatnet.worker.fronts.web.dialect import packed, unpacked
from chatnet.worker.fronts.web.kept import KEPT_SECONDS
from chatnet.worker.fronts.web.origins import Trusted

SECRET = packed(b"s" * 32)
DEVICE = packed(b"d" * 16)


@pytest.fixture
def stage() -> WebStage:
    return WebStage(Worker())


class Browser:
    """A browser: it keeps cookies, and shows them."""

    def __init__(self, stage: WebStage, **headers: str) -> None:
        self.stage = stage
        self.cookies: dict[str, str] = {}
        self.headers = headers

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answered:
        """Ask the API; let threads work if that takes a hash."""
        line = self.stage.line()
        named = {"cookie": self.cookie, **self.headers, **headers}
        line.send(request(method, f"/api/v1{path}", body, named))
        self.stage.worker.work()
        for _ in range(3):
            if line.came:
                break
            # Guesses were wrong before: one waits.
            self.stage.worker.pass_time(2)
            self.stage.worker.work()
        answer = line.answer(method)
        line.cut()
        for one in answer.cookies:
            name, _, value = one.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0;" in one:
                del self.cookies[name]
        return answer

    @property
    def cookie(self) -> str:
        """The header that it sends."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items()) or "-"

    def login(self, name: str = "alice", **more: object) -> Answered:
        """Log in with a secret of the browser's own."""
        said = {"name": name, "secret": SECRET, "device": DEVICE, "new": True} | more
        return self.ask("POST", "/session", {key: value for key, value in said.items() if value is not None})

    def sessions(self) -> list[dict[str, Any]]:
        """Return the user's sessions."""
        found: list[dict[str, Any]] = self.ask("GET", "/sessions").json["sessions"]
        return found


@pytest.fixture
def alice(stage: WebStage) -> Browser:
    browser = Browser(stage)
    assert browser.login().status == 201
    return browser


# ---- in ----


def test_who_logs_in_gets_cookies_that_no_page_reads(stage: WebStage) -> None:
    browser = Browser(stage)
    answer = browser.login("Alice", label="laptop")
    assert (answer.status, answer.json) == (201, {"name": "alice", "log": "memory"})
    assert answer.headers["cache-control"] == "no-store"
    assert [one.partition("=")[0] for one in answer.cookies] == ["chatnet-memory", "chatnet-memory-key"]
    assert all("; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict" in one for one in answer.cookies)
    assert browser.cookies["chatnet-memory-key"] == SECRET
    [session] = browser.sessions()
    assert (session["label"], session["is_this"]) == ("laptop", True)


def test_a_lost_answer_is_asked_for_again(stage: WebStage) -> None:
    """The browser has made secret and device before it asked: so it gets the same session."""
    first, again = Browser(stage), Browser(stage)
    first.login()
    head = stage.worker.log.window.head
    again.login()
    assert again.cookies == first.cookies
    assert stage.worker.log.window.head == head


def test_over_tls_only_a_cookie_counts_that_tls_has_set(stage: WebStage) -> None:
    """A neighbour on plain HTTP could set the other one."""
    stage = WebStage(
        Worker(),
        public_url=a_public_url("https://chat.example.org"),
        trusted=Trusted(the_proxies("127.0.0.0/8")),
    )
    browser = Browser(stage, host="chat.example.org", origin="https://chat.example.org")
    answer = browser.login()
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert "connect-src 'self' wss://chat.example.org;" in answer.headers["content-security-policy"]
    assert all(one.startswith("__Host-chatnet-memory") for one in answer.cookies)
    assert all(one.endswith("; Secure") for one in answer.cookies)
    assert browser.ask("GET", "/sessions").status == 200
    browser.cookies = {name.removeprefix("__Host-"): value for name, value in browser.cookies.items()}
    assert browser.ask("GET", "/sessions").status == 401


def test_each_page_has_a_browser_keep_what_may_be_all_that_its_user_has(alice: Browser) -> None:
    """Else it would forget the secret after a year of talking. Not who has a password, nor a program; and
    nobody whose ticket is not good."""
    before = dict(alice.cookies)
    told = alice.ask("GET", "/about").cookies
    assert len(told) == 2
    assert all("Max-Age=31536000; HttpOnly; SameSite=Strict" in one for one in told)
    assert alice.cookies == before
    ticket = before["chatnet-memory"]
    bot = Browser(alice.stage, origin="-", authorization=f"Bearer {ticket}")
    bot.cookies = {name: value for name, value in before.items() if value != ticket}
    assert (bot.ask("GET", "/about").json["user"], bot.ask("GET", "/about").cookies) == ("alice", [])
    alice.ask("POST", "/password", {"password": "correct horse"})
    assert alice.ask("GET", "/about").json["user"] == "alice"
    assert alice.ask("GET", "/about").cookies == []
    alice.cookies = before
    assert (alice.ask("GET", "/about").json["user"], alice.ask("GET", "/about").cookies) == (None, [])


def test_a_page_has_no_browser_keep_what_was_replaced_meanwhile(
    alice: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another tab sets a password while the log is slow to say who may register: its cookie stays."""
    stage = alice.stage
    late = read_late(stage, monkeypatch, PoliciesIn)
    other = stage.line()
    other.send(request("GET", "/api/v1/about", None, {"cookie": alice.cookie}))
    assert alice.ask("POST", "/password", {"password": "correct horse"}).status == 200
    late.callback(None)
    stage.worker.settle()
    told = other.answer()
    assert (told.status, told.cookies) == (200, [])
    assert alice.ask("GET", "/about").json["user"] == "alice"


def test_at_the_new_level_a_page_gets_a_ticket_that_ages_for_one_that_does_not(stage: WebStage) -> None:
    """Once, and only who has a password: who has none would lose what may be their only way in."""
    worker, browser = stage.worker, Browser(stage)
    worker.clock.advance(20_000 * 24 * 3600)
    worker.log.window.level = 1
    browser.login()
    browser.ask("POST", "/password", {"password": "correct horse"})
    ticket = browser.cookies["chatnet-memory"]
    assert browser.ask("GET", "/about").cookies == []
    worker.log.window.level = 2
    program = Browser(stage, origin="-", authorization=f"Bearer {ticket}")
    assert (program.ask("GET", "/about").json["user"], program.ask("GET", "/about").cookies) == ("alice", [])
    for told in (2, 0):
        answer = browser.ask("GET", "/about")
        assert (answer.json["user"], len(answer.cookies)) == ("alice", told)
    [aging] = browser.cookies.values()
    shown = [worker.token.check_ticket("memory", unpacked(one)) for one in (ticket, aging)]
    assert shown == [("alice", 2, 0), ("alice", 2, 20_000)]
    bob = Browser(stage)
    bob.login("bob")
    del bob.cookies["chatnet-memory-key"]
    assert (bob.ask("GET", "/about").json["user"], bob.ask("GET", "/about").cookies) == ("bob", [])


def test_a_token_ends_when_no_program_has_used_it_for_long(stage: WebStage) -> None:
    """Its program keeps nothing else; the browser that made it keeps its secret, and goes on."""
    stage.worker.log.window.level = 2
    alice = Browser(stage)
    alice.login()
    token = alice.ask("POST", "/tokens", {"label": "deploy"}).json["token"]
    bot = Browser(stage, origin="-", authorization=f"Bearer {token}")

    def days(count: int) -> None:
        stage.worker.clock.advance(KEPT_SECONDS)
        stage.worker.pass_time(1.2)
        for after in (1, count):
            stage.worker.clock.advance(after * 24 * 3600)
            stage.worker.commit(stage.worker.said("alice", "later"))

    for count in (80, 80):
        days(count)
        assert bot.ask("GET", "/me").status == 200
    days(91)
    assert bot.ask("GET", "/me").json["code"] == "BAD_TICKET"
    assert alice.ask("GET", "/me").status == 200


def test_a_program_gets_its_ticket(stage: WebStage) -> None:
    """Without Origin and without cookies, as ``curl`` asks."""
    browser = Browser(stage, origin="-")
    answer = browser.login(cookie=False)
    assert answer.cookies == []
    bot = Browser(stage, origin="-", authorization=f"Bearer {answer.json['ticket']}")
    assert bot.ask("GET", "/about").json["user"] == "alice"
    assert bot.ask("DELETE", "/session", {}).status == 409  # it is the only way in


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "BAD_REQUEST"),
        ({"name": 7, "secret": SECRET}, 400, "BAD_REQUEST"),
        ({"name": "alice"}, 400, "BAD_REQUEST"),
        ({"name": "alice", "secret": packed(b"s" * 31)}, 400, "BAD_REQUEST"),
        ({"name": "alice", "secret": SECRET, "new": 1}, 400, "BAD_REQUEST"),
        ({"name": "alice", "secret": SECRET, "device": "x"}, 400, "BAD_REQUEST"),
        ({"name": "not a name", "secret": SECRET}, 422, "BAD_NAME"),
        ({"name": "who", "secret": SECRET, "device": DEVICE}, 404, "NO_SUCH_USER"),
        ({"name": "alice", "secret": packed(b"x" * 32), "device": DEVICE}, 401, "WRONG_SECRET"),
        ({"name": "new", "password": "correct horse", "new": True}, 422, "BAD_SECRET"),
        ({"name": "alice", "secret": SECRET, "label": "x" * 41}, 422, "BAD_TEXT"),
        ({"name": "alice", "secret": SECRET, "scope": "some"}, 400, "BAD_REQUEST"),
        ({"name": "alice", "secret": SECRET, "code": "short"}, 401, "BAD_CODE"),
    ],
)
def test_a_login_is_refused(alice: Browser, body: object, status: int, code: str) -> None:
    """With the sentence that AMP has; no cookie is set, and no session is left."""
    stranger = Browser(alice.stage)
    answer = stranger.ask("POST", "/session", body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["detail"]
    assert not answer.cookies


def test_who_must_wait_is_told_for_how_long(stage: WebStage) -> None:
    stage = WebStage(Worker(names=1))
    assert Browser(stage).login("one").status == 201
    answer = Browser(stage).login("two")
    assert (answer.status, answer.json["code"]) == (429, "TRY_LATER")
    assert f"in {answer.headers['retry-after']} s" in answer.json["detail"]
    assert int(answer.headers["retry-after"]) > 100


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "-"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_a_page_of_somebody_else_logs_nobody_in(
    stage: WebStage, headers: dict[str, str], status: int
) -> None:
    body = {"name": "alice", "secret": SECRET, "new": True}
    answer = Browser(stage).ask("POST", "/session", body, **headers)
    assert (answer.status, answer.cookies) == (status, [])
    assert stage.worker.log.window.head == 0


def test_a_page_of_somebody_else_changes_nothing(alice: Browser) -> None:
    """Though the browser sends the cookie: GET, which changes nothing, it cannot read."""
    for method, path in (
        ("DELETE", "/session"),
        ("POST", "/forget"),
        ("POST", "/tokens"),
        ("DELETE", "/sessions/1"),
    ):
        for origin in ("http://evil.example", "-"):
            assert alice.ask(method, path, {}, origin=origin).status == 403
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        assert alice.ask("GET", "/sessions", sec_fetch_site=site).status == status
    assert "access-control-allow-origin" not in alice.ask("GET", "/sessions").headers


def test_who_forgot_to_name_a_proxy_is_told_so(stage: WebStage) -> None:
    answer = Browser(stage, host="localhost", origin="https://localhost").login()
    assert (answer.status, answer.json["code"]) == (403, "OTHER_ORIGIN")
    assert "--trusted-proxies" in answer.json["detail"]


# ---- who is there ----


def test_about_is_for_everybody(stage: WebStage, alice: Browser) -> None:
    """It names who asks, if that is somebody; a cookie that is no longer good is nobody's."""
    about = Browser(stage).ask("GET", "/about").json
    assert about["version"].startswith("chatnet ")
    assert (about["log"], about["signup"], about["user"]) == ("memory", "open", None)
    assert about["limits"] == {"text": 2000, "rate": 0, "burst": 0, "unanswered": 64}
    assert alice.ask("GET", "/about").json["user"] == "alice"
    alice.cookies["chatnet-memory"] = packed(b"x" * 60)
    assert alice.ask("GET", "/about").json["user"] is None


@pytest.mark.parametrize(("kind", "code"), [("ban", "BARRED"), ("disable", "DISABLED")])
def test_who_may_not_come_in_is_told_why(stage: WebStage, alice: Browser, kind: KindName, code: str) -> None:
    """And not that nobody is logged in: their cookie may be all that they have, for when that is over."""
    stage.worker.commit(Draft(kind, "chatnet", "", "", b"k" * 16, 0, More(to="alice")))
    stage.worker.pass_time(KEPT_SECONDS + 1)
    answer = alice.ask("GET", "/about")
    assert (answer.status, answer.json["code"], answer.cookies) == (403, code, [])
    assert "alice" in answer.json["detail"]


def test_about_says_who_may_register(stage: WebStage, alice: Browser) -> None:
    """It is looked up every five seconds, whoever asks how often."""
    assert alice.ask("GET", "/about").json["signup"] == "open"
    stage.worker.commit(Draft("policy", "chatnet", "", "signup closed", b"k" * 16))
    stage.worker.pass_time(5.1)
    assert alice.ask("GET", "/about").json["signup"] == "closed"
    answer = Browser(stage).login("carol")
    assert (answer.status, answer.json["code"]) == (403, "SIGNUP_CLOSED")


def test_sessions_are_listed_and_ended(stage: WebStage, alice: Browser) -> None:
    phone = Browser(stage)
    phone.login(device=packed(b"p" * 16), label="phone")
    ids = {one["label"]: one["id"] for one in alice.sessions()}
    assert set(ids) == {"", "phone"}
    socket = WebSocket(stage, b"", cookie=phone.cookie)
    socket.hello()
    assert alice.ask("DELETE", f"/sessions/{ids['phone']}").status == 204
    assert (socket.told[-1]["t"], socket.told[-1]["code"], socket.closed) == ("bye", "SESSION_ENDED", 4002)
    assert phone.ask("GET", "/sessions").status == 401
    gone = alice.ask("DELETE", "/sessions/12345")
    assert (gone.status, gone.json["code"]) == (404, "NO_SUCH_SESSION")
    for wrong in ("x", "-1", "9" * 30, "%31%00"):
        assert alice.ask("DELETE", f"/sessions/{wrong}").status == 400


# ---- out ----


def test_who_alone_has_the_key_is_kept_from_locking_it_in(stage: WebStage, alice: Browser) -> None:
    """Without a password, and without another device, logging out would be for ever."""
    answer = alice.ask("DELETE", "/session")
    assert (answer.status, answer.json["code"], answer.cookies) == (409, "LAST_WAY", [])
    assert alice.ask("DELETE", "/session?anyway").status == 204
    assert alice.cookies == {}


def test_who_logs_out_is_out(stage: WebStage, alice: Browser) -> None:
    """The ticket is good for nothing after it, whoever has a copy."""
    assert alice.ask("POST", "/password", {"password": "correct horse"}).status == 200
    copy = Browser(stage)
    copy.cookies = dict(alice.cookies)
    assert alice.ask("DELETE", "/session").status == 204
    assert alice.cookies == {}
    assert copy.ask("GET", "/sessions").status == 401
    assert copy.ask("DELETE", "/session").status == 204
    assert Browser(stage).login(secret=None, password="correct horse").status == 201


# ---- what shows the secret again ----


def test_a_password_takes_the_secret_out_of_the_cookie(stage: WebStage, alice: Browser) -> None:
    """This session goes on with a new ticket; all others end."""
    phone = Browser(stage)
    phone.login(device=packed(b"p" * 16))
    answer = alice.ask("POST", "/password", {"password": "correct horse"})
    assert answer.status == 200
    assert set(alice.cookies) == {"chatnet-memory"}
    assert alice.ask("GET", "/sessions").status == 200
    assert phone.ask("GET", "/sessions").status == 401
    wrong = alice.ask("POST", "/password", {"old": "wrong horse", "password": "another horse"})
    assert (wrong.status, wrong.json["code"]) == (401, "WRONG_SECRET")
    missing = alice.ask("POST", "/password", {"password": "another horse"})
    assert (missing.status, missing.json["code"]) == (400, "BAD_REQUEST")
    assert alice.ask("POST", "/password", {"old": "correct horse", "password": "another horse"}).status == 200
    common = alice.ask("POST", "/password", {"old": "another horse", "password": "iloveyou"})
    assert (common.status, common.json["code"]) == (422, "BAD_SECRET")
    assert "choose another" in common.json["detail"]
    short = alice.ask("POST", "/password", {"old": "another horse", "password": "short"})
    assert (short.status, short.json["code"]) == (422, "BAD_SECRET")


def test_a_socket_says_whether_its_user_has_a_password(stage: WebStage, alice: Browser) -> None:
    """But not to a session that may not do everything: it could not set one either."""
    made = alice.ask("POST", "/tokens", {"label": "reader", "scope": "read"}).json

    def told(ticket: str) -> bool | None:
        return WebSocket(stage, unpacked(ticket)).hello().get("password")

    assert [told(alice.cookies["chatnet-memory"]), told(made["token"])] == [False, None]
    assert alice.ask("POST", "/password", {"password": "correct horse"}).status == 200
    assert told(alice.cookies["chatnet-memory"]) is True


def test_a_password_whose_answer_was_lost_is_asked_for_again(stage: WebStage, alice: Browser) -> None:
    """With the same key it is set once, though the old one is not good any more when it is asked again."""
    key = packed(b"k" * 16)
    first = alice.ask("POST", "/password", {"password": "correct horse"}, idempotency_key=key)
    back = Browser(stage)
    assert back.login(secret=None, password="correct horse", new=None).status == 201
    said = {"password": "correct horse", "old": "nobody knows"}
    again = back.ask("POST", "/password", said, idempotency_key=key)
    assert (again.status, again.json["seq"]) == (200, first.json["seq"])
    assert back.ask("POST", "/password", said, idempotency_key="another").status == 401


def test_the_old_ticket_ends_with_the_old_secret(stage: WebStage, alice: Browser) -> None:
    """Though its session is kept between requests, and goes on with the new one."""
    old = Browser(stage)
    old.cookies = dict(alice.cookies)
    assert old.ask("GET", "/sessions").status == 200
    assert alice.ask("POST", "/password", {"password": "correct horse"}).status == 200
    assert old.ask("GET", "/sessions").status == 401


def test_a_code_lets_in_another_device(stage: WebStage, alice: Browser) -> None:
    code = alice.ask("POST", "/pair", {}).json["code"]
    phone = Browser(stage)
    answer = phone.login(secret=packed(b"p" * 32), device=packed(b"p" * 16), code=code.lower(), new=False)
    assert answer.status == 201
    assert len(phone.sessions()) == 2
    again = Browser(stage).login(secret=packed(b"q" * 32), device=packed(b"q" * 16), code=code, new=False)
    assert (again.status, again.json["code"]) == (401, "BAD_CODE")


def test_recovery_codes_set_a_new_password(stage: WebStage, alice: Browser) -> None:
    """They are shown once, need the password, and end those that were made before."""
    assert alice.ask("POST", "/password", {"password": "correct horse"}).status == 200
    refused = alice.ask("POST", "/recovery", {})
    assert (refused.status, refused.json["code"]) == (400, "BAD_REQUEST")
    wrong = alice.ask("POST", "/recovery", {"password": "wrong horse"})
    assert (wrong.status, wrong.json["code"]) == (401, "WRONG_SECRET")
    old, codes = (
        alice.ask("POST", "/recovery", {"password": "correct horse"}).json["codes"] for _ in range(2)
    )
    assert len({*old, *codes}) == 16
    assert all(len(code) == 29 for code in codes)

    shown: dict[str, Any] = {"secret": None, "new": None, "password": "a password of 32 bytes: yes, 32!"}
    recovered = [
        Browser(stage).login(device=packed(b"p" * 16), code=one, **shown) for one in (old[0], codes[0])
    ]
    assert [answer.status for answer in recovered] == [401, 201]
    assert alice.ask("GET", "/sessions").status == 401
    assert Browser(stage).login(**shown).status == 201


def test_a_token_is_a_session_of_its_own(stage: WebStage, alice: Browser) -> None:
    """It may do what it was made for, and is ended by itself."""
    made = alice.ask("POST", "/tokens", {"label": "deploy", "scope": "post"}).json
    bot = Browser(stage, origin="-", authorization=f"Bearer {made['token']}")
    assert bot.ask("GET", "/sessions").status == 403
    assert {one["label"]: one["scope"] for one in alice.sessions()} == {"": "all", "deploy": "post"}
    socket = WebSocket(stage, b"", cookie="-", origin="-", authorization=f"Bearer {made['token']}")
    welcome = socket.hello()
    assert (welcome["scope"], "posts" in welcome, "cursor" in welcome) == ("post", False, False)
    assert socket.post("deployed")["t"] == "ok"
    assert socket.ask("history", room="alice")["code"] == "NOT_IN_SCOPE"
    assert alice.ask("DELETE", f"/sessions/{made['id']}").status == 204
    assert socket.closed == 4002


def test_a_token_of_small_scope_makes_no_greater_one(stage: WebStage, alice: Browser) -> None:
    made = alice.ask("POST", "/tokens", {"label": "deploy", "scope": "read"}).json
    bot = Browser(stage, origin="-", authorization=f"Bearer {made['token']}")
    answer = bot.ask("POST", "/tokens", {"label": "x", "password": "whatever it is"})
    assert (answer.status, answer.json["code"]) == (403, "NOT_IN_SCOPE")


def test_who_is_forgotten_is_told_so(stage: WebStage, alice: Browser) -> None:
    """The answer comes when it is done, and the cookies go."""
    wrong = alice.ask("POST", "/forget", {"password": "wrong horse"})
    assert (wrong.status, wrong.json["code"]) == (401, "WRONG_SECRET")
    copy = Browser(stage)
    copy.cookies = dict(alice.cookies)
    assert alice.ask("POST", "/forget", {}, idempotency_key="once").status == 204
    assert alice.cookies == {}
    answer = Browser(stage).login()
    assert (answer.status, answer.json["code"]) == (403, "FORGOTTEN")
    again = copy.ask("POST", "/forget", {}, idempotency_key="once")  # the answer was lost
    assert (again.status, again.json["code"]) == (401, "BAD_TICKET")


# ---- sessions between requests ----


def test_a_session_is_kept_for_the_next_request(stage: WebStage, alice: Browser) -> None:
    """And not for long."""
    [session] = stage.worker.sessions.open
    alice.sessions()
    assert list(stage.worker.sessions.open) == [session]
    stage.worker.pass_time(KEPT_SECONDS - 1)
    alice.sessions()
    stage.worker.pass_time(KEPT_SECONDS - 1)
    assert stage.worker.sessions.open
    stage.worker.pass_time(2)
    assert not stage.worker.sessions.open


def test_a_request_is_its_own_users_whatever_connection_it_comes_on(stage: WebStage, alice: Browser) -> None:
    """A proxy puts requests of different users on one connection."""
    bob = Browser(stage)
    bob.login("bob", secret=packed(b"b" * 32))
    line = stage.line()
    names = []
    for browser in (alice, bob, alice):
        names.append(line.ask("GET", "/api/v1/about", cookie=browser.cookie).json["user"])
    names.append(line.ask("GET", "/api/v1/about").json["user"])
    assert names == ["alice", "bob", "alice", None]


def test_as_many_are_kept_as_there_is_room_for(stage: WebStage) -> None:
    stage.web._kept.most = 3
    for number in range(5):
        Browser(stage).login(f"user{number}")
    assert [session.user for session in stage.worker.sessions.open] == ["user2", "user3", "user4"]


def test_a_second_login_does_not_disturb_a_request(
    stage: WebStage, alice: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same device: it is the same session. Nor does a ticket that is no longer good."""
    late = read_late(stage, monkeypatch, DevicesOf)
    line = stage.line()
    line.send(request("GET", "/api/v1/sessions", None, {"cookie": alice.cookie}))
    assert Browser(stage).login().status == 201
    assert len(stage.worker.sessions.open) == 1
    assert alice.ask("POST", "/password", {"password": "correct horse"}).status == 200
    old = Browser(stage)
    old.login(secret=None, password="correct horse")
    late.callback(None)
    stage.worker.settle()
    assert line.answer().status == 200


def test_where_there_is_no_room_one_is_let_in_all_the_same(stage: WebStage) -> None:
    """The session is not kept, and the next request is told to come again."""
    stage.web._kept.most = 0
    browser = Browser(stage)
    assert browser.login().status == 201
    assert not stage.worker.sessions.open
    answer = browser.ask("GET", "/sessions")
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")


def test_requests_that_come_together_share_a_session(stage: WebStage, alice: Browser) -> None:
    stage.worker.pass_time(KEPT_SECONDS + 1)
    lines = [stage.line() for _ in range(5)]
    for line in lines:
        line.wire.client_transport.write(request("GET", "/api/v1/sessions", None, {"cookie": alice.cookie}))
    stage.worker.settle()
    assert [line.answer().status for line in lines] == [200] * 5
    assert len(stage.worker.sessions.open) == 1


def test_a_worker_that_stops_keeps_nobody(stage: WebStage, alice: Browser) -> None:
    stage.web.stop()
    stage.worker.settle()
    assert not stage.worker.sessions.open


def test_sessions_that_are_to_move_are_not_kept(stage: WebStage, alice: Browser) -> None:
    for session in stage.worker.sessions.open:
        session.peer.moved()
    stage.worker.settle()
    assert not stage.worker.sessions.open
    assert alice.ask("GET", "/sessions").status == 200


def test_while_nobody_is_served_one_is_put_off(stage: WebStage, alice: Browser) -> None:
    stage.serves = False
    for method, path in (("GET", "/about"), ("GET", "/sessions"), ("POST", "/session")):
        answer = alice.ask(method, path, {} if method == "POST" else None)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
