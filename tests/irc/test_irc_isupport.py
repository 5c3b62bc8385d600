"""005 says what is so, in lines that all clients can read."""

from __future__ import annotations

from chatnet.form import MAX_WORDS
from chatnet.irc import writer
from chatnet.irc.isupport import CHANNEL_MODES, MOST_TOKENS, MOST_TOPIC, RELAYED, in_lines, tokens
from chatnet.names import is_name, is_topic
from chatnet.worker.fronts.irc.moderation import WITH_NICK, modes_of
from chatnet.worker.fronts.irc.roster import FIRST, prefix_of


def said() -> dict[str, str]:
    """Return the tokens by their names."""
    return dict(token.partition("=")[::2] for token in tokens("My = Net\\"))


def test_lines_have_fifteen_parameters_at_most() -> None:
    """Modern IRC: a line of 005 has at most 13 tokens, and 512 bytes like any other."""
    all_of_them = tokens("chatnet")
    lines = list(in_lines("x" * 32, all_of_them))
    assert [token for words in lines for token in words[2:-1]] == all_of_them
    assert all(len(words) - 3 <= MOST_TOKENS for words in lines)
    for words in lines:
        made = writer.line("i" * 63, *words, trailing=True)
        assert made.endswith(b":are supported by this server\r\n")
    assert len(list(in_lines("alice", ["x" * 200] * 4))) == 2
    assert list(in_lines("alice", [])) == []


def test_names_are_sorted_and_each_is_there_once() -> None:
    names = [token.partition("=")[0] for token in tokens("chatnet")]
    assert names == sorted(set(names))


def test_what_is_said_is_so() -> None:
    """The limits are those that names have; modes that a prefix shows are in no list of modes."""
    found = said()
    assert is_name("x" * int(found["NICKLEN"]))
    assert not is_name("x" * (int(found["NICKLEN"]) + 1))
    assert all(is_topic(mark + "tea") or mark == "&" for mark in found["CHANTYPES"])
    assert MOST_TOPIC <= MAX_WORDS
    shown = found["PREFIX"][1:].split(")")[0]
    assert sorted(found["CHANMODES"].replace(",", "") + shown) == sorted(CHANNEL_MODES)
    assert found["CASEMAPPING"] == "ascii"


def test_the_modes_are_those_that_there_are() -> None:
    """Of channels: those that some channel has, and what MODE sets; of a prefix, those that NAMES shows."""
    had = {letter for room in ("#tea", "&ops", "alice") for letter in modes_of(room)[1:]}
    assert sorted({*had, *WITH_NICK}) == sorted(CHANNEL_MODES)
    shown = {prefix_of(role) for role in ("owner", "moderator", FIRST, "")} - {""}
    assert said()["PREFIX"] == f"(o){''.join(shown)}"


def test_which_tags_of_clients_go_on() -> None:
    """Message-tags: ``*`` blocks all but those that follow with a minus, whose plus is left out."""
    assert said()["CLIENTTAGDENY"] == "*,-reply,-draft/reply,-draft/react,-typing"
    assert all(tag[0] == "+" for tag in RELAYED)


def test_a_value_is_escaped() -> None:
    """Modern IRC: a space, an equals sign and a backslash are written by their numbers."""
    assert said()["NETWORK"] == r"My\x20\x3D\x20Net\x5C"


def test_who_needs_an_account() -> None:
    """Everybody: nobody is let in without one."""
    assert "draft/ACCOUNTREQUIRED" in said()
