"""HOST:PORT in all its spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.addresses import MASTER_PORT, Address, network, parse_masters


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost", Address("localhost", 1)),
        ("a.example:80", Address("a.example", 80)),
        ("[::1]:80", Address("::1", 80)),
        ("[::1]", Address("::1", 1)),
        ("fe80::1", Address("fe80::1", 1)),
        (" 127.0.0.1:0 ", Address("127.0.0.1", 0)),
    ],
)
def test_addresses_parse(text: str, address: Address) -> None:
    """Names, IPv4, and IPv6 with and without brackets and port, are addresses."""
    assert Address.parse(text, 1) == address


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("localhost:1", "127.0.0.1:1"),
        ("[::1]:1", "127.9.9.9:1"),
        ("LocalHost.:1", "[::ffff:127.0.0.1]:1"),
        ("Chat.Example:1", "chat.example.:1"),
        ("[2001:db8:0::1]:1", "[2001:0db8::1]:1"),
        ("[::ffff:10.0.0.1]:1", "10.0.0.1:1"),
    ],
)
def test_one_place_has_many_names(one: str, other: str) -> None:
    """Loopback by any name is the same place, and so is a literal or a name in another spelling."""
    assert Address.parse(one).place == Address.parse(other).place


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("localhost:1", "localhost:2"),
        ("localhost:1", "localhost.example:1"),
        ("127.0.0.1:1", "126.0.0.1:1"),
        ("a:1", "b:1"),
        ("[::1]:1", "[::2]:1"),
    ],
)
def test_what_may_be_two_places_is_two(one: str, other: str) -> None:
    """Another port or another host counts as another place."""
    assert Address.parse(one).place != Address.parse(other).place


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "a:b",
        "a:65536",
        "a:" + "9" * 5_000,
        "a:-1",
        "[::1",
        "[::1]80",
        "a b:1",
        "a:1,b:2",
        "a:²",
        "a..b:1",
        f"{'x' * 64}.org:1",
        "a\0:1",
    ],
)
def test_bad_addresses_get_a_sentence(text: str) -> None:
    """What is no address is refused by a sentence."""
    with pytest.raises(ValueError, match=r"\.$"):
        Address.parse(text, 1)


def test_a_missing_port_without_default_is_said() -> None:
    """Where a port is needed, the sentence says that it is missing."""
    with pytest.raises(ValueError, match="no port"):
        Address.parse("localhost")


@given(st.sampled_from(["localhost", "::1", "10.0.0.1"]), st.integers(0, 65535))
def test_text_and_address_are_the_same(host: str, port: int) -> None:
    """str() gives a text that parses to the same address."""
    assert Address.parse(str(Address(host, port))) == (host, port)


def test_several_masters() -> None:
    """Commas and line ends separate masters; the default port is the master's."""
    assert parse_masters("a, b:1\nc\n") == [("a", MASTER_PORT), ("b", 1), ("c", MASTER_PORT)]
    with pytest.raises(ValueError, match="No master"):
        parse_masters(" ,\n")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("what:ever", "what:ever"),
        ("", ""),
    ],
)
def test_of_ipv6_half_an_address_counts(host: str, address: str) -> None:
    """Whoever has an IPv6 address has all 2**64 of its network."""
    assert network(host) == address
