"""A client's lines are read as IRC's documents say, however they arrive; nothing of a client takes more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from irctokens.line import build, tokenise
from parser_tests import data as vectors

from chatnet.irc.lines import (
    MOST_BYTES,
    MOST_TAG_BYTES,
    UNREAD,
    Line,
    NotUtf8,
    Received,
    Splitter,
    TooLong,
    WithNul,
)


def received(*pieces: bytes) -> list[Received]:
    """Return what is read of ``pieces``."""
    splitter = Splitter()
    found: list[Received] = []
    for piece in pieces:
        splitter.feed(piece)
        while (one := splitter.next()) is not None:
            found.append(one)
    return found


def one_line(text: str) -> Line:
    """Return the only line in ``text``, whose end is added."""
    [line] = received(text.encode() + b"\r\n")
    assert isinstance(line, Line)
    return line


# ---- where a line ends ----


def test_a_line_ends_with_cr_or_lf_or_both() -> None:
    """Modern IRC: lines end with CR LF, and servers should take either alone; blank lines are ignored."""
    found = received(b"ONE a\r\nTWO b\nTHREE c\r\r\n \n\n   FOUR d\r\nFIVE")
    assert found == [
        Line({}, "ONE", ("a",)),
        Line({}, "TWO", ("b",)),
        Line({}, "THREE", ("c",)),
        Line({}, "FOUR", ("d",)),
    ]


_PIECES = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(
            [b"\r\n", b"\r", b"\n", b" ", b"@a=b;label=l ", b":s ", b"PRIVMSG #tea :hi", b"\xc3", b"\0"]
        ),
        st.sampled_from([b"x" * 300, b"@" + b"y" * 4_093, b"z;" * 1_000]),
    ),
    max_size=12,
)


@given(_PIECES, st.data())
def test_lines_are_read_however_they_are_cut(pieces: list[bytes], data: st.DataObject) -> None:
    """TCP has no lines: one byte at a time, many lines at once and a character cut in two give the same."""
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    parts = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert received(*parts) == received(stream)


@given(_PIECES)
def test_one_byte_at_a_time(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)[:6_000]
    assert received(*(bytes([one]) for one in stream)) == received(stream)


@given(st.binary(max_size=2_000))
def test_any_bytes_give_lines_that_can_be_named(data: bytes) -> None:
    """What a line's answer repeats of it can stand in a line, whatever the line was."""
    for one in received(data + b"\r\n"):
        assert one.command
        assert " " not in one.command
        assert one.command[0] != ":"
        assert "\ufffd" not in one.label
        if isinstance(one, Line):
            assert all(param and " " not in param and param[0] != ":" for param in one.params[:-1])


# ---- how long a line is ----


def test_a_line_has_512_bytes_with_its_end() -> None:
    """RFC 1459: a message has at most 512 characters, CR LF included; one more, and it is 417."""
    fits = b"PRIVMSG #tea :".ljust(MOST_BYTES, b"x")
    [line] = received(fits + b"\r\n")
    assert isinstance(line, Line)
    assert received(fits + b"x\r\nPING a\r\n") == [TooLong("PRIVMSG"), Line({}, "PING", ("a",))]


def test_tags_have_4094_bytes_beside_the_line() -> None:
    """Message-tags: a client sends at most 4,094 bytes of tag data; the rest has its 512 bytes as ever."""
    rest = b" PRIVMSG #tea :".ljust(MOST_BYTES + 1, b"x") + b"\r\n"
    tags = b"@label=l;+a=".ljust(MOST_TAG_BYTES + 1, b"y")
    [line] = received(tags + rest)
    assert isinstance(line, Line)
    assert line.label == "l"
    for wrong in (tags + b"y" + rest, tags + rest[:-2] + b"x\r\n"):
        assert received(wrong, b"PING a\r\n") == [TooLong("PRIVMSG", "l"), Line({}, "PING", ("a",))]


def test_what_is_too_long_is_refused_once_and_keeps_no_memory() -> None:
    """A line without an end takes bounded memory; it is answered when it is too long, and once."""
    splitter = Splitter()
    splitter.feed(b"@label=7 PRIVMSG #tea :")
    assert splitter.next() is None
    answers = []
    for _ in range(1_000):
        splitter.feed(b"x" * 1_000)
        while (one := splitter.next()) is not None:
            answers.append(one)
        assert len(splitter._data) <= 6_000
    assert answers == [TooLong("PRIVMSG", "7")]
    splitter.feed(b"\nPING a\r\n")
    assert splitter.next() == Line({}, "PING", ("a",))


def test_an_endless_blank_takes_no_memory() -> None:
    splitter = Splitter()
    for _ in range(100):
        splitter.feed(b" \r\n " * 1_000)
        assert splitter.next() is None
    assert len(splitter._data) == 0


def test_a_command_behind_too_many_bytes_is_not_guessed() -> None:
    """Of a tag or command that is cut, nothing is named."""
    assert received(b"@label=l;" + b"y" * 9_000 + b" PRIVMSG #tea :a\n") == [TooLong(UNREAD, "l")]
    assert received(b"@label=" + b"y" * 9_000 + b" PRIVMSG #tea :a\n") == [TooLong(UNREAD)]
    assert received(b"@" + b"y" * 4_594 + b";label=123456 PRIVMSG #tea :a\n") == [TooLong(UNREAD)]
    assert received(b"y" * 9_000 + b"\n") == [TooLong(UNREAD)]


# ---- which bytes a line may have ----


def test_a_line_that_is_not_utf_8_keeps_its_command_and_label() -> None:
    """UTF8ONLY: the server answers FAIL <command> INVALID_UTF8, labelled as the line was."""
    assert received(b"@label=7 privmsg #tea :caf\xe9\r\n") == [NotUtf8("PRIVMSG", "7")]
    assert received(b"@label=\xe9 PRIVMSG #tea :\xed\xa0\x80\r\n") == [NotUtf8("PRIVMSG")]
    assert received(b"caf\xe9\r\n") == [NotUtf8(UNREAD)]


def test_a_line_has_no_zero_byte() -> None:
    """RFC 1459: NUL is not allowed within messages."""
    assert received(b"@label=7 PRIVMSG #tea :a\0b\r\nPING a\r\n") == [
        WithNul("PRIVMSG", "7"),
        Line({}, "PING", ("a",)),
    ]


# ---- what stands in a line ----


@pytest.mark.parametrize("vector", vectors.msg_split["tests"], ids=lambda vector: vector["input"])
def test_vectors_of_other_parsers(vector: dict[str, Any]) -> None:
    """The collection that parsers of IRC are tested with; that which a line says it is from is left out."""
    line, atoms = one_line(vector["input"]), vector["atoms"]
    assert line.command == atoms["verb"].upper()
    assert list(line.params) == atoms.get("params", [])
    assert line.tags == atoms.get("tags", {})


_WORD = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0 "), min_size=1, max_size=9
)
_MIDDLE = _WORD.filter(lambda word: word[0] != ":")
_TAGS = st.dictionaries(
    st.from_regex(r"\+?[a-z/.-]{1,9}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
    max_size=4,
)


@given(
    _TAGS,
    st.from_regex(r"[A-Za-z]{1,9}|[0-9]{3}", fullmatch=True),
    st.lists(_MIDDLE, max_size=14),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=30),
    st.booleans(),
)
def test_a_line_is_read_as_irctokens_reads_it(
    tags: dict[str, str], command: str, middle: list[str], last: str, has_source: bool
) -> None:
    """Both another parser's reading of what it made, and ours."""
    source = "alice!alice@user" if has_source else None
    made = build(command, [*middle, last], source, dict(tags)).format()
    theirs = tokenise(made)
    ours = one_line(made)
    assert ours.command == theirs.command.upper() == command.upper()
    assert list(ours.params) == theirs.params == [*middle, last]
    assert ours.tags == {key: value or "" for key, value in (theirs.tags or {}).items()} == tags


def test_spaces_and_the_last_parameter() -> None:
    """Modern IRC: words are parted by one or more spaces; the last may be empty, and has all that follows."""
    assert one_line("  PRIVMSG   #tea  #milk   :a  b : c ").params == ("#tea", "#milk", "a  b : c ")
    assert one_line("TOPIC #tea :").params == ("#tea", "")
    assert one_line("TOPIC #tea ").params == ("#tea",)
    assert one_line("MODE " + " ".join("abcdefghijklmno")).params == tuple("abcdefghijklmno")
    assert one_line("PRIVMSG\t#tea :a") == Line({}, "PRIVMSG\t#TEA", ("a",))


def test_a_line_without_a_command_is_no_blank_line() -> None:
    """It may be labelled, so it is answered: as an unknown command, whose name a line can have."""
    for said in ("@label=7", ":alice", "@label=7 :alice  ", ":alice :x y", ":"):
        assert one_line(said).command == UNREAD
    assert one_line("@label=7").label == "7"


def test_capitals_of_other_scripts_make_no_command() -> None:
    """A dotless i is an I in capitals; PRIVMSG is spelled with ASCII alone."""
    assert one_line("prıvmsg #tea :a").command == "prıvmsg"


def test_a_label_has_64_bytes_at_most() -> None:
    """Labeled-response: a label's value must not be longer than 64 bytes."""
    assert one_line(f"@label={'x' * 64} PING a").label == "x" * 64
    assert one_line(f"@label={'é' * 33} PING a").label == ""
    assert one_line("@label PING a").label == ""


def test_of_a_tag_that_is_there_twice_the_last_counts() -> None:
    """Message-tags: all but the final occurrence of a key should be disregarded; an empty value is none."""
    assert one_line(r"@a=1;b;a=2\:\s\\\r\n\x\;c= PING a").tags == {"a": "2; \\\r\nx", "b": "", "c": ""}
