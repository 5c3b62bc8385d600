"""What browsers are told that come to a master's port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from chatnet.addresses import Address
from chatnet.master.browsers import answer
from chatnet.master.pages import page_at
from chatnet.net.one_answer import MOST_BYTES, Asked, OneAnswer, Said
from chatnet.net.visitors import STRANGER_SECONDS, Visitors
from chatnet.wire.operate import Page

HERE, AFAR = ("127.0.0.1", "127.0.0.1"), ("10.0.0.1", "10.0.0.9")
LOCAL = Page("http://localhost:8080", "alpha")


class Browser:
    """A browser, and what it was told."""

    def __init__(self, pages: Sequence[Page] = (), ends: tuple[str, str] = HERE) -> None:
        self.clock = Clock()
        self.visitors = Visitors(self.clock)
        self.asked: list[Asked] = []
        host, peer = (IPv4Address("TCP", end, 64480) for end in ends)

        def told(asked: Asked) -> Said:
            self.asked.append(asked)
            return answer(pages, asked.is_here)

        server: Any = OneAnswer(told, self.visitors, self.clock).buildProtocol(peer)
        self.transport: Any = StringTransportWithDisconnection(peerAddress=peer, hostAddress=host)
        self.transport.protocol = server
        server.makeConnection(self.transport)
        self.server = server

    def say(self, request: bytes) -> bytes:
        self.server.dataReceived(request)
        return self.transport.value()

    def get(self, host: str = "chat.example:64480", method: str = "GET") -> str:
        return self.say(f"{method} / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).decode()


def location(answer: str) -> str:
    return next((line[10:] for line in answer.split("\r\n") if line.startswith("Location: ")), "")


def test_they_are_sent_to_the_page() -> None:
    """And the connection is closed; who looks for its address is told where they reached us."""
    browser = Browser([Page("https://chat.example:8080")], AFAR)
    answer = browser.get()
    assert answer.startswith("HTTP/1.1 302 Found\r\n")
    assert location(answer) == "https://chat.example:8080/"
    assert browser.asked == [Asked("/", "chat.example", False)]
    assert not browser.transport.connected
    browser.server.connectionLost()
    assert not browser.visitors.strangers
    assert not browser.clock.getDelayedCalls()


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://chat.example:64480/api/v1/me?x", "/api/v1/me?x"),
        ("https://chat.example", "/"),
        ("http://chat.example//evil.example/", "/"),
        ("http://chat.example?x", "/?x"),
    ],
)
def test_who_asks_for_a_whole_url_is_understood(url: str, target: str) -> None:
    """Its host counts, and not what the header says."""
    browser = Browser(ends=AFAR)
    browser.say(f"GET {url} HTTP/1.1\r\nHost: other.example\r\n\r\n".encode())
    assert browser.asked == [Asked(target, "chat.example", False)]


def test_a_page_on_loopback_is_for_who_is_here() -> None:
    """To others it is said how to open it, and how to get there."""
    assert location(Browser([LOCAL]).get()) == "http://localhost:8080/"
    answer = Browser([LOCAL], AFAR).get()
    assert answer.startswith("HTTP/1.1 404 ")
    assert "start chatnet with --web 0.0.0.0:8080" in answer
    assert "ssh -L 8080:localhost:8080 alpha" in answer
    both = [LOCAL, Page("https://beta:8080")]
    assert location(Browser(both, AFAR).get()) == "https://beta:8080/"


def test_without_a_page_that_is_said() -> None:
    """In one sentence, by any method."""
    for method in ("GET", "POST", "OPTIONS"):
        assert "There is no page: see its option --web." in Browser().get(method=method)


def test_a_head_has_no_body() -> None:
    """A client that waited for one would wait for ever."""
    answer = Browser([LOCAL]).get(method="HEAD")
    assert answer.endswith("\r\n\r\n")
    assert location(answer) == "http://localhost:8080/"


@pytest.mark.parametrize(
    ("named", "reached"),
    [
        ("[::1]:64480", "::1"),
        ("chat.example", "chat.example"),
        ("evil/@x", "127.0.0.1"),
        ("a:b:c", "127.0.0.1"),
        ('"><script>', "127.0.0.1"),
        ("x" * 254, "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_a_host_that_is_none_is_not_believed(named: str, reached: str) -> None:
    """What is no host cannot stand in the address that a browser is sent to."""
    browser = Browser()
    browser.get(named)
    assert [asked.host for asked in browser.asked] == [reached]


@pytest.mark.parametrize(
    ("named", "target"),
    [
        ("/#x", "/#x"),
        ("/a/b?c=d", "/a/b?c=d"),
        ("//evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("http://evil.example/", "/"),
        ("*", "/"),
        ("/" + "x" * 2_001, "/"),
    ],
)
def test_a_path_that_leads_elsewhere_is_not_believed(named: str, target: str) -> None:
    """It may stand in the address that a browser is sent to."""
    browser = Browser()
    browser.say(f"GET {named} HTTP/1.1\r\nHost: a\r\n\r\n".encode("latin-1"))
    assert [asked.target for asked in browser.asked] == [target]


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"G" * (MOST_BYTES + 1),
        b"GET / HTTP/1.1\r\nX: " + b"x" * MOST_BYTES,
    ],
)
def test_what_is_no_request_is_refused(said: bytes) -> None:
    """And nothing more is read."""
    browser = Browser([LOCAL])
    assert b"This is no request that is understood here." in browser.say(said)
    assert not browser.transport.connected
    assert not browser.asked


def test_a_slow_one_is_closed() -> None:
    """When its time as a stranger is over."""
    browser = Browser([LOCAL])
    assert browser.say(b"GET / HTTP/1.1\r\n") == b""
    browser.clock.advance(STRANGER_SECONDS)
    assert not browser.transport.connected


def test_one_gets_one_answer() -> None:
    """Whatever it sends behind its request."""
    browser = Browser([LOCAL])
    first = browser.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert first.count(b"HTTP/1.1") == 1
    browser.transport.clear()
    assert browser.say(b"more") == b""


@pytest.mark.parametrize(
    ("place", "reached", "in_plain", "page"),
    [
        ("localhost:8080", "chat.example", False, LOCAL),
        ("127.0.0.1:8080", "chat.example", False, LOCAL),
        ("0.0.0.0:8080", "chat.example", False, Page("https://chat.example:8080")),
        ("0.0.0.0:8080", "chat.example", True, Page("http://chat.example:8080")),
        ("[::]:8080", "::1", False, Page("http://[::1]:8080")),
        ("0.0.0.0:8080", "localhost", False, Page("http://localhost:8080")),
        ("0.0.0.0:8080", "::ffff:10.0.0.1", False, Page("https://10.0.0.1:8080")),
        ("10.0.0.1:80", "chat.example", False, Page("https://10.0.0.1:80")),
    ],
)
def test_where_a_page_is(place: str, reached: str, in_plain: bool, page: Page) -> None:
    """At the host where somebody found the machine, if it is open there; without TLS on loopback alone."""
    assert page_at(Address.parse(place), reached, "alpha", in_plain) == page
