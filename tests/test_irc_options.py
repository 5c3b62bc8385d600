"""The options about IRC: what they mean, and the sentence about each value that cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.irc_options import IRC_OPTIONS, IrcOptions
from chatnet.worker.irc_port import server_name


def irc(environ: dict[str, str] | None = None, **options: str | int) -> IrcOptions:
    return IrcOptions.of({name.replace("_", "-"): value for name, value in options.items()}, environ or {})


def test_where_irc_is() -> None:
    """By option, then by environment, else on this machine alone: that one nobody asked for. Several ports
    may be named, each once."""
    usual = Address("localhost", 6667)
    assert (irc().ports, irc().asked_for) == ((usual,), False)
    assert irc({"CHATNET_IRC": ""}) == irc()
    found = irc({"CHATNET_IRC": "0.0.0.0:6667, [::0]:6697,"})
    assert found.ports == (Address("0.0.0.0", 6667), Address("::", 6697))
    assert found.asked_for
    assert irc({"CHATNET_IRC": "none"}, irc="LOCALHOST.:1,localhost:1").ports == (Address("localhost", 1),)
    assert irc({"CHATNET_IRC": "none"}).ports == irc(irc="NONE").ports == ()


def test_how_many_fronts_are_kept() -> None:
    """None where there is no port, or where the option says so."""
    assert irc(irc_fronts=3).kept == 3
    assert (
        irc(irc_fronts=0).kept == irc(irc="none", irc_fronts=3).kept == irc(irc_fronts=3).left_out().kept == 0
    )


def test_what_children_are_told_is_the_same() -> None:
    """Where the port is, and who registers, is said, whatever the default."""
    first = irc(
        irc="[::]:6667,localhost:6697", irc_name="irc.example.org", irc_register="no", irc_fronts=4,
        irc_motd="motd", irc_sts=3_600, irc_per_address=7, irc_logins_per_address=2, irc_missed=0,
    )  # fmt: skip
    assert (first.sts, first.most, first.strangers, first.missed) == (3_600, 7, 2, 0)
    assert first.motd == str(Path("motd").absolute())  # a child may be started elsewhere
    for each in (first, first.left_out(), irc(irc_fronts=2)):
        words = each.keepers_words()
        options: dict[str, str | int] = dict(zip((word[2:] for word in words[::2]), words[1::2], strict=True))
        for name in ("irc-fronts", "irc-sts", "irc-per-address", "irc-logins-per-address", "irc-missed"):
            if name in options:
                options[name] = int(options[name])
        again = IrcOptions.of(options, {"CHATNET_IRC": "localhost:1"})
        assert again.asked_for
        assert again.keepers_words() == words
        assert words[: len(each.words())] == each.words()


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("irc", "localhost", "--irc: “localhost” has no port: write HOST:PORT."),
        (
            "irc",
            "localhost:0",
            "--irc: IRC fronts share this port, so it needs a number: write localhost:6667.",
        ),
        ("irc", "chat.example:6667", "--irc: “chat.example” is not an address of a machine"),
        ("irc", ",", "--irc: No port is named: write localhost:6667, or none."),
        ("irc", ",".join(f"[::]:{port}" for port in range(1, 6)), "--irc: 5 ports are too many"),
        ("irc-name", "irc", "--irc-name: “irc” is not the name of an IRC server"),
        ("irc-name", "a b.example", "--irc-name: “a b.example” is not the name of an IRC server"),
        ("irc-register", "sals", "--irc-register: “sals” is neither sasl nor command nor no. Did you"),
        ("irc-guests", "maybe", "--irc-guests: “maybe” is neither yes nor no."),
    ],
)
def test_what_cannot_be_is_said(option: str, value: str, sentence: str) -> None:
    """In one sentence, which names the option or the variable."""
    with pytest.raises(CannotStart) as raised:
        IrcOptions.of({option: value}, {})
    assert str(raised.value).startswith(sentence)
    with pytest.raises(CannotStart, match=r"^CHATNET_IRC: “x” has no port"):
        IrcOptions.of({}, {"CHATNET_IRC": "x"})


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("irc-sts", "x", "“x” is not a whole number."),
        ("irc-sts", "99999999", "99999999 seconds are too long: at most 34560000, 400 days."),
        ("irc-per-address", "0", "0 is no limit for an address: write a number from 1 to 100000."),
        ("irc-logins-per-address", "100001", "100001 is no limit for an address"),
    ],
)
def test_numbers_that_cannot_be(option: str, value: str, sentence: str) -> None:
    [check] = [row[4] for row in IRC_OPTIONS if row[0] == option]
    assert check("5") == 5
    with pytest.raises(ValueError, match=re.escape(sentence)):
        check(value)


def test_the_name_of_the_server_has_a_dot() -> None:
    """So that clients tell it from a user."""
    assert server_name("host.example") == "host.example"
    assert server_name("host") == "host.chatnet"
    assert server_name("my_host") == "irc.chatnet"


@pytest.mark.parametrize(
    ("ports", "said", "lets_in"),
    [
        ("localhost:6667", None, True),
        ("127.0.0.1:6667,[::1]:6668", None, True),
        ("localhost:6667,192.0.2.1:6667", None, False),
        ("[::]:6667", None, False),
        ("[::]:6667", "yes", True),
        ("localhost:6667", "no", False),
    ],
)
def test_who_has_no_account_is_let_in_on_loopback_alone(ports: str, said: str | None, lets_in: bool) -> None:
    """Unless the operator has decided; the fronts are told what was said."""
    irc = IrcOptions.of({"irc": ports, "irc-guests": said}, {})
    assert irc.lets_guests_in is lets_in
    words = irc.words()
    assert ("--irc-guests" in words) is (said is not None)
    assert said is None or words[words.index("--irc-guests") + 1] == said
