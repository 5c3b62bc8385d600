"""The options about the web: what they mean, and the sentence about each value that cannot be."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.web_options import Place, Web, a_public_url


def web(environ: dict[str, str] | None = None, **options: str) -> Web:
    return Web.of({name.replace("_", "-"): value for name, value in options.items()}, environ or {})


def test_where_the_page_is() -> None:
    """By option, then by environment, else on this machine alone: that one nobody asked for."""
    usual = Address("localhost", 8080)
    assert web() == Web(usual)
    assert web({"CHATNET_WEB": ""}) == Web(usual)
    assert web({"CHATNET_WEB": "0.0.0.0:80"}) == Web(Address("0.0.0.0", 80), asked_for=True)
    assert web({"CHATNET_WEB": "none"}, web="LOCALHOST.:1") == Web(Address("localhost", 1), asked_for=True)
    assert web(web="[::0:1]:81").port == Address("::1", 81)
    assert web({"CHATNET_WEB": "none"}).port is None
    assert web(web="none").port is None


def test_what_children_are_told_is_the_same() -> None:
    """However odd it is written."""
    first = web(
        web="[::]:80",
        public_url="HTTPS://Chat.Example.org:443/",
        trusted_proxies=" 10.0.0.0/8,::1 , 127.0.0.1",
    )
    assert first.public_url == Place("https", "chat.example.org", 443)
    assert first.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"), ip_network("127.0.0.1"))
    for each in (first, first.left_out(), web(web="localhost:80")):
        words = each.words()
        options = {name[2:]: value for name, value in zip(words[::2], words[1::2], strict=True)}
        assert Web.of(options, {"CHATNET_WEB": "localhost:1"}) == Web(
            each.port, True, each.public_url, each.trusted_proxies
        )
    assert web().left_out().words() == ["--web", "none"]


@pytest.mark.parametrize(
    ("url", "usual"),
    [
        ("https://chat.example.org:8443", "https://chat.example.org:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://[0:0::1]:80", "http://[::1]"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        (" https://Chat.example.org./ ", "https://chat.example.org"),
    ],
)
def test_the_address_for_users_is_as_browsers_write_it(url: str, usual: str) -> None:
    """They send it as the origin of what they ask."""
    assert a_public_url(url).origin == usual


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("web", "8080", "--web: “8080” has no port: write HOST:PORT."),
        ("web", ":8080", "--web: “:8080” is not an address: write HOST:PORT."),
        ("web", "localhost:0", "--web: Workers share this port, so it needs a number: write localhost:8080."),
        ("web", "localhost:99999", "--web: “99999” is not a port: a port is a number from 0 to 65535."),
        (
            "web",
            "chat.example.org:80",
            "--web: “chat.example.org” is not an address of a machine: write localhost:80, 0.0.0.0:80 for "
            "everybody, or an IP address; --public-url is for names.",
        ),
        (
            "public-url",
            "chat.example.org",
            "--public-url: “chat.example.org” is not the address of a page: write https://HOST, perhaps with "
            "a :PORT, and nothing behind it.",
        ),
        (
            "public-url",
            "https://chat.example.org/chat",
            "--public-url: “https://chat.example.org/chat” is not the address of a page alone: write "
            "https://HOST, perhaps with a :PORT, and nothing behind it.",
        ),
        ("public-url", "https://a:b@chat.example.org", "a page alone"),
        ("public-url", "https://chat.example.org?x", "a page alone"),
        ("public-url", "ftp://chat.example.org", "a page alone"),
        ("public-url", "https://", "not the address of a page:"),
        ("public-url", "https://h:x", "not the address of a page:"),
        ("public-url", "https://h:99999", "not the address of a page:"),
        ("public-url", "https://.", "not the address of a page:"),
        ("public-url", "https://a;script-src *", "not the address of a page:"),
        ("public-url", "https://a;b", "not the address of a page:"),
        ("public-url", "https://a'b", "not the address of a page:"),
        ("public-url", "https://[fe80::1%25x]", "not the address of a page:"),
        ("public-url", "https://a b", "not the address of a page:"),
        ("public-url", "https://[::1", "not the address of a page:"),
        (
            "public-url",
            "http://chat.example.org",
            "--public-url: “http://chat.example.org” is not encrypted, so browsers would keep no session: "
            "write https://HOST, perhaps with a :PORT, and nothing behind it.",
        ),
        (
            "trusted-proxies",
            "10.0.0.1/8",
            "--trusted-proxies: “10.0.0.1/8” is not a network (its address has bits behind the prefix): "
            "write 10.0.0.0/8, 127.0.0.1 or ::1, with commas.",
        ),
        (
            "trusted-proxies",
            "127.0.0.1,proxy",
            "--trusted-proxies: “proxy” is not a network (it is no IP address): write 10.0.0.0/8, 127.0.0.1 "
            "or ::1, with commas.",
        ),
        (
            "trusted-proxies",
            ",",
            "--trusted-proxies: No network is named: write 10.0.0.0/8, 127.0.0.1 or ::1, with commas.",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_one_sentence(option: str, value: str, sentence: str) -> None:
    """Which names the option, and says what to write."""
    with pytest.raises(CannotStart) as refused:
        Web.of({option: value}, {})
    assert sentence in str(refused.value)
    assert str(refused.value).startswith(f"--{option}: ")


def test_the_sentence_names_the_environment() -> None:
    """Where the value stands that is to be mended."""
    with pytest.raises(CannotStart, match=r"^CHATNET_WEB: “x” has no port"):
        Web.of({}, {"CHATNET_WEB": "x"})
