"""A line of ours is one line, whatever is put into it; and other parsers read in it what was meant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from irctokens.line import tokenise
from parser_tests import data as vectors

import chatnet
from chatnet.irc import numerics, writer
from chatnet.irc.lines import read_tags
from chatnet.irc.numerics import Numeric

LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TAGS = st.dictionaries(
    st.from_regex(r"\+?[a-z/]{1,9}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
)


@pytest.mark.parametrize("vector", vectors.msg_join["tests"], ids=lambda vector: vector["desc"])
def test_vectors_of_other_writers(vector: dict[str, Any]) -> None:
    """One of the spellings that are right."""
    atoms = vector["atoms"]
    tags = writer.tags(atoms.get("tags", {}))
    made = writer.line(atoms.get("source", ""), atoms["verb"], *atoms.get("params", []), tags=tags)
    assert made.decode() in [f"{one}\r\n" for one in vector["matches"]]


@given(st.lists(LETTERS, max_size=5), TAGS)
def test_a_line_is_one_line_or_refused(params: list[str], tags: dict[str, str]) -> None:
    """No parameter can begin a line of its own, or become two: what would is an error of ours."""
    try:
        made = writer.line("alice!alice@user", "PRIVMSG", *params, tags=writer.tags(tags))
    except ValueError:
        assert any(set(param) & set("\r\n\0") for param in params) or any(
            not param or " " in param or param[0] == ":" for param in params[:-1]
        )
        return
    assert made.count(b"\n") == made.count(b"\r") == 1
    assert made.endswith(b"\r\n")
    read = tokenise(made[:-2])
    assert read.params == params
    assert {key: value or "" for key, value in (read.tags or {}).items()} == tags


@pytest.mark.parametrize("wrong", ["a\rQUIT", "a\nQUIT", "a\0"])
def test_nothing_begins_another_line(wrong: str) -> None:
    """A post that could would say anything in the server's name."""
    for made in (
        lambda: writer.line(wrong, "PRIVMSG", "#tea", "a"),
        lambda: writer.line("alice", wrong, "#tea", "a"),
        lambda: writer.line("alice", "PRIVMSG", wrong, "a"),
        lambda: writer.line("alice", "PRIVMSG", "#tea", wrong),
        lambda: writer.line("alice", "PRIVMSG", "#tea", "a", tags=f"+b={wrong}"),
        lambda: writer.tagged(f"+b={wrong}", b"PING a\r\n"),
    ):
        with pytest.raises(ValueError, match="not "):
            made()


@pytest.mark.parametrize("wrong", ["", ":a", "a b"])
def test_only_the_last_parameter_may_be_anything(wrong: str) -> None:
    """RFC 1459: a middle parameter is not empty, has no space, and does not begin with a colon."""
    with pytest.raises(ValueError, match="before others"):
        writer.line("alice", "PRIVMSG", wrong, "a")
    assert writer.line("", "PRIVMSG", "#tea", wrong) == f"PRIVMSG #tea :{wrong}\r\n".encode()
    assert writer.word(wrong) == "*"


def test_a_colon_where_one_is_wished() -> None:
    """Some old clients look for it before the text of a message."""
    assert (
        writer.line("a!a@user", "PRIVMSG", "#tea", "hi", trailing=True) == b":a!a@user PRIVMSG #tea :hi\r\n"
    )
    assert writer.line("a!a@user", "JOIN", "#tea") == b":a!a@user JOIN #tea\r\n"
    assert writer.line("", "PING", "c12") == b"PING c12\r\n"


def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    """RFC 1459: a line has 512 bytes with its end. It is cut between letters, and one sees that it was."""
    for letter in ("x", "é", "€", "😀"):
        made = writer.line("irc.example", "332", "alice", "#tea", letter * 500, tags="time=x")
        tags, _, rest = made.partition(b" ")
        assert tags == b"@time=x"
        assert 506 < len(rest) <= 512
        assert rest.decode().endswith(letter + "…\r\n")
    most = 510 - len("PRIVMSG #tea ")
    fits = writer.line("", "PRIVMSG", "#tea", "x" * most)
    assert len(fits) == 512
    assert fits.endswith(b"x\r\n")
    assert len(writer.line("", "PRIVMSG", "#tea", "x" * (most + 1))) == 512


def test_a_long_word_of_a_client_is_cut_in_answers() -> None:
    assert writer.word("#tea") == "#tea"
    assert writer.word("x" * 500) == "x" * writer.MOST_WORD + "…"


def test_a_numeric_names_whom_it_is_for_and_ends_with_its_text() -> None:
    """Modern IRC: the first parameter of a numeric is the client's nick, or ``*`` before there is one."""
    server = "irc.example"
    assert (
        writer.numeric(server, "*", numerics.ERR_UNKNOWNCOMMAND, "FOO", tags="label=7")
        == b"@label=7 :irc.example 421 * FOO :There is no such command.\r\n"
    )
    assert writer.numeric(server, "alice", numerics.RPL_UMODEIS, "+i") == b":irc.example 221 alice :+i\r\n"


def test_tags_of_ours_are_sent_with_lines_made_before() -> None:
    made = writer.line("a!a@user", "PRIVMSG", "#tea", "a b")
    assert writer.tagged("msgid=1-2", made) == writer.line(
        "a!a@user", "PRIVMSG", "#tea", "a b", tags="msgid=1-2"
    )


@given(TAGS)
def test_tags_are_read_as_they_were_meant(tags: dict[str, str]) -> None:
    """Message-tags: ``;``, space, CR, LF and the backslash are escaped; an empty value is left out."""
    said = writer.tags(tags)
    assert not set(said) & set(" \r\n")
    assert read_tags(said) == tags


def test_no_number_has_two_names() -> None:
    """One name for each, and three digits."""
    all_of_them = [one for one in vars(numerics).values() if isinstance(one, Numeric)]
    codes = [one.code for one in all_of_them]
    assert len(codes) == len(set(codes))
    assert all(len(code) == 3 and code.isdigit() for code in codes)
    assert not any("\n" in one.text for one in all_of_them)


def test_each_number_is_said_somewhere() -> None:
    """What cannot happen here has no number."""
    code = "".join(path.read_text() for path in Path(chatnet.__file__).parent.rglob("*.py"))
    said = set(re.findall(r"\b(?:RPL|ERR)_\w+\b(?! = )", code))
    assert {name for name, one in vars(numerics).items() if isinstance(one, Numeric)} <= said
