"""A client gets what it has asked for, and is told so as the document of the negotiation says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.irc import writer
from chatnet.irc.caps import (
    CAPABILITIES,
    OF_GUESTS,
    REGISTRATION,
    SHOWING,
    Negotiation,
    TagClass,
    Words,
    offered,
    tag_class,
)

SOME = {"sasl": "PLAIN", "batch": "", "cap-notify": "", "sts": "port=6697", "server-time": ""}
EVERY = offered(has_passwords=True, sts="duration=2592000,port=6697", has_guests=True, registers=True)


def names_in(answers: list[Words]) -> list[str]:
    """Return the words of the lists in the answers, one after the other."""
    return [name for words in answers for name in words[-1].split()]


# ---- what is offered ----


def test_passwords_are_asked_for_only_where_they_may_come() -> None:
    """SASL 3.2: ``sasl`` is offered only where one can log in by it; here over TLS or on loopback."""
    assert EVERY.keys() == CAPABILITIES.keys()
    assert EVERY["sasl"] == "PLAIN"
    plain = offered(has_passwords=False, sts="port=6697")
    assert CAPABILITIES.keys() - plain.keys() == {"sasl", *OF_GUESTS, REGISTRATION}
    assert plain["sts"] == "port=6697"
    assert CAPABILITIES.keys() - offered(has_passwords=True, has_guests=True, registers=True) == {"sts"}


# ---- LS and LIST ----


def test_values_are_for_clients_of_version_302() -> None:
    """Negotiation: without 302 there is one line and no value; a number above 302 is as good as 302."""
    without_value = [
        name for name in SOME if name != "sts"
    ]  # strict transport security: it is all in its value
    assert names_in(Negotiation(SOME).answer("*", ["LS"])) == without_value
    for old in ("301", "abc", "-302", "9" * 5_000):
        assert names_in(Negotiation(SOME).answer("*", ["LS", old])) == without_value
    for new in ("302", "307"):
        assert Negotiation(SOME).answer("*", ["ls", new]) == [
            ("CAP", "*", "LS", "sasl=PLAIN batch cap-notify sts=port=6697 server-time")
        ]
    assert Negotiation({}).answer("*", ["LS"]) == [("CAP", "*", "LS", "")]


def test_the_highest_version_stays() -> None:
    """Negotiation: an answer is of the version that was asked, but the server keeps the highest one."""
    one = Negotiation(SOME)
    one.answer("*", ["LS", "302"])
    assert "=" not in one.answer("*", ["LS"])[0][-1]
    assert one.answer("*", ["REQ", "-cap-notify"])[0][2] == "NAK"  # as of 302


@pytest.mark.parametrize("subcommand", ["LS", "LIST"])
def test_long_lists_have_a_star_in_all_lines_but_the_last(subcommand: str) -> None:
    """Negotiation: a list of several lines, each but the last with ``*`` before it; for 302 alone."""
    many = {f"example.org/{number}": "x" * 20 for number in range(60)}
    one = Negotiation(many)
    one.answer("*", ["LS", "302"])
    one.answer("*", ["REQ", " ".join(many)])
    found = one.answer("alice", [subcommand, "302"])
    assert len(found) > 2
    assert all(words[:4] == ("CAP", "alice", subcommand, "*") for words in found[:-1])
    assert len(found[-1]) == 4
    assert [name.partition("=")[0] for name in names_in(found)] == (
        list(many) if subcommand == "LS" else sorted(many)
    )
    for words in found:
        assert b"\xe2" not in writer.line("irc.example.org", *words, trailing=True)
    [only] = Negotiation(many).answer("alice", [subcommand])
    assert len(only) == 4


def test_an_old_client_is_told_of_all_that_is_on() -> None:
    """Negotiation: the ``*`` is for 302 alone; but what is on is on, and LIST has all of it."""
    many = {f"example.org/{number}": "" for number in range(60)}
    one = Negotiation(many)
    for name in many:
        one.answer("*", ["REQ", name])
    found = one.answer("alice", ["LIST"])
    assert len(found) > 1
    assert all(len(words) == 4 for words in found)
    assert names_in(found) == sorted(many)


def test_what_we_offer_fits_into_lines() -> None:
    """An old client gets one line: all of the standard, and of the drafts what fits."""
    one = Negotiation(EVERY)
    [words] = one.answer("*", ["LS"])
    assert {name for name in CAPABILITIES if "/" not in name and name != "sts"} <= set(words[-1].split())
    assert {name.partition("=")[0] for name in names_in(one.answer("*", ["LS", "302"]))} == EVERY.keys()


def test_the_list_of_what_is_on() -> None:
    """Negotiation: LIST has what is enabled; an empty parameter if nothing is."""
    one = Negotiation(SOME)
    assert one.answer("*", ["LIST"]) == [("CAP", "*", "LIST", "")]
    one.answer("*", ["REQ", "server-time batch"])
    assert one.answer("alice", ["LIST"]) == [("CAP", "alice", "LIST", "batch server-time")]


# ---- REQ ----


def test_a_request_is_done_whole_or_not_at_all() -> None:
    """Negotiation: the set is accepted as a whole or rejected entirely; the answer repeats it."""
    one = Negotiation(SOME)
    assert one.answer("*", ["REQ", "batch sasl"]) == [("CAP", "*", "ACK", "batch sasl")]
    assert one.answer("*", ["REQ", "-batch nothing server-time"]) == [
        ("CAP", "*", "NAK", "-batch nothing server-time")
    ]
    assert one.on == {"batch", "sasl"}
    assert one.answer("*", ["REQ", "-batch server-time "]) == [("CAP", "*", "ACK", "-batch server-time ")]
    assert one.on == {"sasl", "server-time"}


def test_what_is_on_can_be_asked_for_and_what_is_off_given_up() -> None:
    """Negotiation: that is processed as though it was successful."""
    one = Negotiation(SOME)
    for _ in range(2):
        assert one.answer("*", ["REQ", "batch -sasl"])[0][2] == "ACK"
    assert one.on == {"batch"}
    assert one.answer("*", ["REQ", "batch -batch"])[0][2] == "ACK"  # from left to right
    assert one.on == frozenset()
    assert one.answer("*", ["REQ"])[0][2:] == ("ACK", "")


def test_names_are_case_sensitive_and_have_no_values() -> None:
    """Negotiation: the full name is an opaque identifier."""
    one = Negotiation(SOME)
    for wrong in ("Batch", "sasl=PLAIN", "--batch", "-"):
        assert one.answer("*", ["REQ", wrong])[0][2] == "NAK"


def test_sts_is_never_asked_for() -> None:
    """STS: clients must not request it, and it may be refused."""
    assert Negotiation(SOME).answer("*", ["REQ", "sts"])[0][2] == "NAK"


def test_clients_of_302_always_hear_of_changes() -> None:
    """Negotiation: cap-notify is on from LS 302 on, and cannot be given up then; without 302 it can."""
    new = Negotiation(SOME)
    new.answer("*", ["LS", "302"])
    assert new.on == {"cap-notify"}
    assert new.answer("*", ["REQ", "-cap-notify"])[0][2] == "NAK"
    old = Negotiation(SOME)
    old.answer("*", ["REQ", "cap-notify"])
    assert old.answer("*", ["REQ", "-cap-notify"])[0][2] == "ACK"


def test_a_long_request_is_answered_whole() -> None:
    """None of it is lost in an answer that does not fit into a line."""
    asked = "batch " * 80
    found = Negotiation(SOME).answer("alice", ["REQ", asked])
    assert {words[2] for words in found} == {"ACK"}
    assert names_in(found) == asked.split()
    assert len(found) > 1


# ---- the rest ----


def test_registration_waits_for_the_end() -> None:
    """Negotiation: LS and REQ hold registration back until END, however often they come; LIST does not."""
    one = Negotiation(SOME)
    one.answer("*", ["LIST"])
    assert not one.is_open
    for said in (["LS"], ["LS", "302"], ["REQ", "batch"]):
        one.answer("*", said)
        assert one.is_open
    assert one.answer("*", ["END"]) == []
    assert not one.is_open
    assert one.answer("alice", ["END"]) == []


def test_what_cap_does_not_know() -> None:
    """Negotiation: 410 names the subcommand, and tells a person what is wrong."""
    one = Negotiation(SOME)
    assert one.answer("*", ["FOO", "batch"]) == [("410", "*", "FOO", "CAP has no such subcommand.")]
    assert one.answer("*", [""])[0][:3] == ("410", "*", "*")
    assert one.answer("*", [])[0][:3] == ("461", "*", "CAP")


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])), max_size=3)
    )
)
def test_whatever_is_said_is_answered_in_lines(said: list[list[str]]) -> None:
    one = Negotiation(SOME)
    for params in said:
        for words in one.answer("*", params):
            writer.line("irc.example.org", *words, trailing=True)
        assert one.on <= SOME.keys()


# ---- tags ----


def test_who_reads_tags_gets_all_of_them() -> None:
    """Message-tags: whoever has it can read any tag; so there are few classes of connections."""
    every = tag_class(frozenset({"message-tags"}))
    assert every == tag_class(frozenset({"message-tags", "server-time", "echo-message", "batch"}))
    assert (
        every.tags("T", "1-a", "alice", "+draft/reply=x") == "time=T;msgid=1-a;account=alice;+draft/reply=x"
    )
    assert every.tags("T", "1-a") == "time=T;msgid=1-a"


@pytest.mark.parametrize(
    ("on", "tags"),
    [
        ((), ""),
        (("server-time",), "time=T"),
        (("account-tag",), "account=alice"),
        (("server-time", "account-tag"), "time=T;account=alice"),
    ],
)
def test_nobody_gets_a_tag_that_they_did_not_ask_for(on: tuple[str, ...], tags: str) -> None:
    """Negotiation: what a client did not enable is not sent to it."""
    assert tag_class(frozenset(on)).tags("T", "1-a", "alice", "bot") == tags


def test_a_class_says_what_else_depends_on_capabilities() -> None:
    on = frozenset({"message-tags", "batch", "draft/multiline", "extended-join", "sasl"})
    assert tag_class(on) == TagClass(True, True, True, True, frozenset({"extended-join"}))
    assert not tag_class(on - {"batch"}).multiline
    assert CAPABILITIES.keys() >= SHOWING
