"""Where a request comes from, and whether it may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.web_options import Place, a_public_url, the_proxies
from chatnet.worker.fronts.web.dialect import packed
from chatnet.worker.fronts.web.origins import (
    Came,
    Origins,
    Trusted,
    secret_cookie,
    shown_by,
    ticket_cookie,
)

HERE = Came("127.0.0.1", False)
PROXY = Came("10.0.0.1", False)
SITE = Origins(a_public_url("https://chat.example.org"), Trusted(the_proxies("10.0.0.0/8, ::1")), "box")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("LOCALHOST:8080", "http://localhost:8080"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("192.168.1.7:8080", "http://192.168.1.7:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("box:8080", "http://box:8080"),
        ("Box", "http://box"),
    ],
)
def test_hosts_that_are_ours(host: str, origin: str) -> None:
    """An address, this machine's name, and localhost: nobody else can let these lead to us."""
    for origins in (SITE, Origins(hostname="box")):
        seen = origins.see(HERE, {"host": host})
        assert seen.place is not None
        assert seen.place.origin == origin
        assert seen.fits(origin)
        assert not seen.is_public


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "a b"),
        *(
            ".",
            ".:80",
            "localhost:",
            "localhost:99999",
            "localhost:x",
            "user@localhost",
            "localhost/",
            "[::1",
            "[localhost]",
        ),
        *(
            "chat.example.org.evil.example",
            "box.evil.example",
            "b\u00f6x",
            "a;script-src *",
            "localhost,localhost",
        ),
        "x" * 1000,
    ],
)
def test_hosts_that_are_not(host: str) -> None:
    seen = SITE.see(HERE, {"host": host})
    assert seen.place is None or seen.place.name in ("[::1",)
    assert not seen.fits(f"http://{host}")
    assert Origins().see(HERE, {"host": host}).place is None


def test_the_public_url_is_ours_as_it_is_written() -> None:
    """Its scheme holds, whatever the connection is: TLS may end in front of us."""
    for came in (HERE, PROXY, Came("192.0.2.1", True)):
        seen = SITE.see(came, {"host": "chat.example.org"})
        assert (seen.scheme, seen.is_public) == ("https", True)
        assert seen.fits("https://chat.example.org")
        assert not seen.fits("http://chat.example.org")
        assert not seen.fits("https://chat.example.org:444")
    other = SITE.see(HERE, {"host": "chat.example.org:8080"})
    assert (other.scheme, other.is_public) == ("http", False)
    assert other.fits("http://chat.example.org:8080")


def test_the_scheme_is_what_a_trusted_proxy_says() -> None:
    """Of others it is the connection's."""
    said = {"host": "localhost", "x-forwarded-proto": "https"}
    assert SITE.see(PROXY, said).scheme == "https"
    assert SITE.see(HERE, said).scheme == "http"
    assert SITE.see(Came("127.0.0.1", True), {"host": "localhost"}).scheme == "https"
    assert SITE.see(PROXY, said | {"x-forwarded-proto": "http, https"}).scheme == "https"
    assert SITE.see(PROXY, said | {"x-forwarded-proto": "gopher"}).scheme == "http"


def test_what_is_asked_by_tls_has_come_by_it() -> None:
    """To us, or to who says so for us; a proxy that asks us without says http, whatever it was asked."""
    assert SITE.see(HERE, {"host": "localhost"}, "https").place is None
    assert SITE.see(PROXY, {"host": "localhost", "x-forwarded-proto": "https"}, "https").place is not None
    assert SITE.see(Came("127.0.0.1", True), {"host": "localhost"}, "https").scheme == "https"
    for scheme in ("http", "https"):
        assert SITE.see(PROXY, {"host": "chat.example.org"}, scheme).scheme == "https"
    assert SITE.see(Came("127.0.0.1", True), {"host": "localhost"}, "http").scheme == "https"


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.7, 10.9.9.9", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.7, 10.9.9.9, 10.0.0.2", "192.0.2.7"),
        ("10.0.0.1", "10.9.9.9", "10.9.9.9"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "fe80::1%, and then: alice logged in", "10.0.0.1"),
        ("10.0.0.1", "[fe80::1%x]:1, fe80::2%y", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7, nonsense", "10.0.0.1"),
        ("10.0.0.1", "nonsense, 10.9.9.9", "10.9.9.9"),
        ("10.0.0.1", "192.0.2.7:4711", "192.0.2.7"),
        ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("::1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "192.0.2.7", "127.0.0.1"),
        ("192.0.2.99", "127.0.0.1", "192.0.2.99"),
        ("10.0.0.1", ",".join(["10.0.0.2"] * 1000), "10.0.0.2"),
    ],
)
def test_the_address_is_the_first_that_is_no_proxy_of_ours(peer: str, said: str, address: str) -> None:
    """Read from the right: what stands further left, anybody may have written."""
    assert SITE.see(Came(peer, False), {"host": "localhost", "x-forwarded-for": said}).address == address


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=30))
def test_whatever_a_request_says_is_judged(host: str, hops: str, scheme: str) -> None:
    """And nobody but a trusted proxy says where a request comes from."""
    headers = {"host": host, "x-forwarded-for": hops, "x-forwarded-proto": scheme}
    assert SITE.see(HERE, headers).address == "127.0.0.1"
    SITE.see(PROXY, headers)


def test_places_are_written_as_browsers_write_them() -> None:
    assert Place("http", "a", 80).origin == "http://a"
    assert Place("https", "a", 443).origin == "https://a"
    assert Place("https", "a", 80).origin == "https://a:80"


# ---- cookies ----


def test_a_cookie_is_of_one_log_and_one_scheme() -> None:
    """Two clusters on one host do not log each other out."""
    log = "0123456789abcdef"
    assert ticket_cookie(log, "https").name == "__Host-chatnet-01234567"
    assert ticket_cookie(log, "http").name == "chatnet-01234567"
    assert secret_cookie(log, "https").name == "__Host-chatnet-01234567-key"
    assert ticket_cookie(log, "https").set_to("x", 9) == (
        "__Host-chatnet-01234567=x; Path=/; Max-Age=9; HttpOnly; SameSite=Strict; Secure"
    )


def test_what_a_request_shows() -> None:
    """A ticket in Authorization counts alone: no cookie that a browser adds comes in beside it."""
    cookies = f"a=b; chatnet-log={packed(b'ticket')}; chatnet-log-key={packed(b'secret')}; x"
    assert shown_by({"cookie": cookies}, "log", "http") == (b"ticket", True, b"secret")
    assert shown_by({"cookie": cookies}, "log", "https") == (None, True, None)
    assert shown_by({"cookie": cookies}, "other", "http") == (None, True, None)
    bearer = {"cookie": cookies, "authorization": f"bearer {packed(b'other')}"}
    assert shown_by(bearer, "log", "http") == (b"other", False, None)
    assert shown_by({"cookie": cookies, "authorization": "Bearer !"}, "log", "http") == (None, False, None)
    assert shown_by({"authorization": "Bearer " + "A" * 2000}, "log", "http") == (None, False, None)
    assert shown_by({}, "log", "http") == (None, True, None)
    assert shown_by({"cookie": "chatnet-log=é"}, "log", "http") == (None, True, None)


@given(st.text(max_size=80))
def test_any_cookies_are_read(text: str) -> None:
    shown_by({"cookie": text, "authorization": text}, "log", "http")
    shown_by({"cookie": text}, "log", "http")


@pytest.mark.parametrize(
    ("origin", "is_so"),
    [
        ("https://localhost", True),
        ("http://localhost", False),
        ("https://localhost:8080", False),
        ("https://evil.example", False),
        ("null", False),
        ("://", False),
    ],
)
def test_a_proxy_that_nobody_has_named_is_noticed(origin: str, is_so: bool) -> None:
    """It speaks TLS, and we do not know: then the sentence says what the operator has to do."""
    seen = Origins().see(HERE, {"host": "localhost"})
    assert seen.fits_but_for_scheme(origin) is is_so
    assert not (is_so and seen.fits(origin))
