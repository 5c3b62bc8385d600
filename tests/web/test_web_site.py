"""What answers which request, and what stands on every answer."""

from __future__ import annotations

import pytest
from web.browser import HOST, ORIGIN, PAGE, WebStage, upgrade
from worker.conftest import Worker

from chatnet.worker.fronts.web.dialect import packed


@pytest.fixture
def stage() -> WebStage:
    return WebStage(Worker())


def test_it_says_whether_it_lives_and_serves(stage: WebStage) -> None:
    """/healthz is answered while the process lives, whatever the Host; /readyz while clients are let in."""
    assert stage.ask("GET", "/healthz", host="anything").status == 200
    assert stage.ask("GET", "/readyz").status == 200
    stage.serves = False
    assert stage.ask("GET", "/healthz").status == 200
    answer = stage.ask("GET", "/readyz")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_the_files_of_the_page_need_no_log(stage: WebStage) -> None:
    """They are kept for ever under their hash; the page and its loader are asked for each time."""
    stage.serves = False
    page = stage.ask("GET", "/")
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert stage.ask("GET", "/page.js").body == f'import("/a/{PAGE.hash}/main.js")'.encode()
    file = stage.ask("GET", f"/a/{PAGE.hash}/main.js", accept_encoding="gzip")
    assert (file.status, file.headers["content-encoding"]) == (200, "gzip")
    assert "immutable" in file.headers["cache-control"]
    again = stage.ask("GET", f"/a/{PAGE.hash}/main.js", if_none_match=file.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert stage.ask("GET", f"/a/{PAGE.hash}/view/view.js").body == b"// a view"
    assert stage.ask("GET", f"/a/{PAGE.hash}/nothing.js").status == 404


@pytest.mark.parametrize(
    ("accepted", "is_zipped"),
    [
        *(("gzip", True), ("br, GZip;q=0.1", True), ("deflate , gzip; q=1.0", True)),
        *(("-", False), ("identity", False), ("gzip;q=0", False), ("br, gzip; Q=0.000 ", False)),
        *(("x-gzipped", False), (";q=1", False)),
    ],
)
def test_a_file_is_compressed_for_who_takes_that(stage: WebStage, accepted: str, is_zipped: bool) -> None:
    file = stage.ask("GET", f"/a/{PAGE.hash}/main.js", accept_encoding=accepted)
    assert ("content-encoding" in file.headers) is is_zipped
    assert (file.body == PAGE.files["main.js"].content) is not is_zipped


def test_a_file_of_another_version_is_to_be_asked_again(stage: WebStage) -> None:
    """Another worker has it: the connection is closed, so that the next one may lead there."""
    line = stage.line()
    answer = line.ask("GET", "/a/0123456789abcdef/main.js")
    assert (answer.status, answer.headers["retry-after"]) == (503, "0")
    assert answer.headers["connection"] == "close"
    assert not line.is_open


@pytest.mark.parametrize("target", ["/", "/healthz", "/nothing", "/api/v1/nothing"])
def test_every_answer_has_the_headers_that_protect(stage: WebStage, target: str) -> None:
    """Refusals, too."""
    headers = stage.ask("GET", target).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "connect-src 'self' ws://localhost:8080;" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    denied = set(headers["permissions-policy"].split(", "))
    assert denied >= {"camera=()", "geolocation=()", "hid=()", "microphone=()", "serial=()", "usb=()"}
    assert "date" in headers
    assert "server" not in headers


def test_what_is_not_there_is_told_as_a_problem(stage: WebStage) -> None:
    answer = stage.ask("GET", "/nothing")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json["code"] == "NOT_ALLOWED"
    wrong = stage.ask("DELETE", "/")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD")


def test_head_is_get_without_the_body(stage: WebStage) -> None:
    line = stage.line()
    head = line.ask("HEAD", "/")
    assert (head.status, head.body) == (200, b"")
    assert line.ask("GET", "/").headers["content-length"] == head.headers["content-length"]


def test_a_strange_host_is_refused(stage: WebStage) -> None:
    """A name that somebody lets lead to us would make their page ours."""
    assert stage.ask("GET", "/", host="evil.example").status == 421
    answer = stage.ask("GET", "/", host="a;script-src *")
    assert answer.status in (400, 421)
    assert "script-src *" not in answer.headers["content-security-policy"]


def test_the_page_is_in_one_place(stage: WebStage) -> None:
    """What a browser keeps, it keeps for a name: 127.0.0.1 and localhost would be two."""
    answer = stage.ask("GET", "/", host="127.0.0.1:8080")
    assert (answer.status, answer.headers["location"]) == (307, "http://localhost:8080/")
    answer = stage.ask("GET", "/?modules", host="127.0.0.1:8080")
    assert (answer.status, answer.headers["location"]) == (307, "http://localhost:8080/?modules")
    assert stage.ask("GET", "/page.js", host="127.0.0.1:8080").status == 200
    assert stage.ask("GET", "/", host="192.168.1.7:8080").status == 200


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://localhost:8080/page.js", "/page.js"),
        ("HTTP://LOCALHOST:8080/healthz", "/healthz"),
        ("http://localhost:8080", "/"),
        ("http://localhost:8080?a=http://evil.example/", "/?a"),
        ("http://localhost:8080/api/v1/about", "/api/v1/about"),
    ],
)
def test_who_asks_for_a_whole_url_is_answered(stage: WebStage, url: str, path: str) -> None:
    """Its host counts, whatever the header says: as RFC 9112 has it."""
    asked = stage.ask("GET", path)
    for host in ("localhost:8080", "evil.example"):
        answer = stage.ask("GET", url, host=host)
        assert (answer.status, answer.body) == (200, asked.body)
        assert answer.headers["content-security-policy"] == asked.headers["content-security-policy"]


@pytest.mark.parametrize(
    "url",
    [
        *("http://evil.example/", "http://evil.example:8080/api/v1/about", "http://localhost@evil.example/"),
        *("http://evil.example@localhost:8080/", "http://localhost:8080:80/", "http://localhost:8080\\/"),
        "https://localhost:8080/",
    ],
)
def test_a_whole_url_leads_to_no_other_host(stage: WebStage, url: str) -> None:
    """Nor does one of TLS to who has come without."""
    answer = stage.ask("GET", url)
    assert answer.status == 421
    assert "evil.example" not in answer.headers["content-security-policy"]


def test_who_asks_for_a_whole_url_is_from_its_page(stage: WebStage) -> None:
    """The Origin is that of the host in the URL: a page of anybody else's is told by it, as without."""
    named = {"cookie": f"chatnet-memory={packed(stage.ticket('alice'))}"}
    url, ours, other = f"{ORIGIN}/api/v1/posts", ORIGIN, "http://evil.example"
    asked = [(url, HOST, ours), (url, "evil.example", ours)]
    refused = [(url, HOST, other), (url, "evil.example", other), (f"{other}/api/v1/posts", HOST, other)]
    for targets, statuses in ((asked, {201}), (refused, {403, 421})):
        for target, host, origin in targets:
            answer = stage.ask("POST", target, {"text": "hi"}, host=host, origin=origin, **named)
            assert answer.status in statuses
    for target, host, origin in (*asked, *refused):
        socket = target.replace("/api/v1/posts", "/ws")
        line = stage.line()
        said = upgrade(stage.ticket("alice"), host=host, origin=origin)
        line.send(said.replace(b"GET /ws", f"GET {socket}".encode()))
        assert line.came.startswith(b"HTTP/1.1 101 ") == ((target, host, origin) in asked)


@pytest.mark.parametrize(
    "target",
    ["*", "http:///", "https:/", "gopher://localhost/", "nothing", "//", "/a//b", "/%", "/a/%00/%ff/x"],
)
def test_odd_targets_are_answered(stage: WebStage, target: str) -> None:
    assert stage.ask("GET", target).status in (400, 404, 503)
