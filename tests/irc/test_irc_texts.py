"""A text comes without what only IRC has, and goes out in lines that have all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import iter_graphemes

from chatnet.form import MAX_WORDS, check_words
from chatnet.irc.texts import (
    LEAST_ROOM,
    Dropped,
    Said,
    action,
    in_passing,
    incoming,
    multiline,
    outgoing,
    words,
)

TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"),
        st.sampled_from(" \n\t\u0301\u200d👩🏽🇩🇪"),
    ),
    max_size=400,
)

# ---- incoming ----


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("hi", "hi"),
        ("", ""),
        ("\x02bold\x02 \x1dand\x0f \x1fso\x1f \x1eon\x11\x16", "bold and so on"),
        ("\x0304,12red\x03 \x031one \x03,5 \x0312345 \x03", "red one ,5 345 "),
        ("\x04ff0000,00FF00red\x04 \x04ff00 ", "red ff00 "),
        ("a\tb\u2028c\u2029d", "a\tb c d"),
        ("a\x85b\x9fc\x7fd\x00e\x07f", "abcdef"),
        ("one\ntwo", "one\ntwo"),
        ("\x02\x03", ""),
        ("a \x01ACTION b\x01", "a ACTION b"),
        ("caf\u00e9\u00a0\U0001f600", "caf\u00e9\u00a0\U0001f600"),
    ],
)
def test_formatting_and_controls_are_left_out(typed: str, text: str) -> None:
    """Formatting of modern IRC (bold, colours with their numbers, …) and all controls; a tab stays."""
    assert incoming(typed) == Said(text)


@given(st.text())
def test_the_log_takes_words_in_passing(typed: str) -> None:
    kept = in_passing(typed, MAX_WORDS)
    assert check_words(kept) == kept.strip()


def test_words_lose_what_the_log_does_not_take() -> None:
    """Colours, joiners and no-break spaces, and a mountain of marks; the rest stays."""
    assert words("\x02bold\x02 \x0304red\u2028x") == "bold red x"
    assert in_passing(" \U0001f469\u200d\U0001f467\xa0!", 100) == "\U0001f469\U0001f467!"
    assert in_passing("e" + "\u0301" * 50, 100) == ""
    assert in_passing("many words", 5) == "many"


def test_what_one_does_is_an_action() -> None:
    """CTCP: ``/me waves``; its closing mark may be missing."""
    for typed in ("\x01ACTION waves\x01", "\x01ACTION waves", "\x01action \x02waves\x02\x01"):
        assert incoming(typed) == Said("waves", "action")
    assert incoming("\x01ACTION\x01") == Said("", "action")
    assert incoming(action("waves")) == Said("waves", "action")


@pytest.mark.parametrize("command", ["VERSION", "DCC", "PING"])
def test_ctcp_that_is_for_programs_goes_nowhere(command: str) -> None:
    assert incoming(f"\x01{command} a b\x01") == Dropped(command)
    assert incoming(f"\x01{command}") == Dropped(command)


def test_ctcp_of_nothing_is_an_empty_text() -> None:
    assert incoming("\x01\x01") == incoming("\x01") == Said("")


@given(st.text(max_size=60))
def test_what_comes_has_no_controls(typed: str) -> None:
    """What is left over could be a post: a worker refuses controls, and so does the log."""
    said = incoming(typed)
    text = said.text if isinstance(said, Said) else said.command
    assert not any(
        (ord(c) < 32 and c not in "\t\n") or 127 <= ord(c) < 160 or c in "\u2028\u2029" for c in text
    )


# ---- outgoing ----


@given(TEXTS, st.integers(LEAST_ROOM, 120))
def test_lines_are_short_and_have_everything(text: str, room: int) -> None:
    """No line is longer than there is room for, none is blank, and only spaces at their ends are lost."""
    lines = outgoing(text, room)
    assert all(len(line.encode()) <= room for line in lines)
    assert all(line.strip() for line in lines)
    assert "\n" not in "".join(lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(TEXTS, st.integers(LEAST_ROOM, 120))
def test_a_batch_is_the_text_again(text: str, room: int) -> None:
    """Multiline: the lines are joined by a line feed, but for those that go on with the line before."""
    pieces = multiline(text, room)
    assert all(len(piece.text.encode()) <= room for piece in pieces)
    assert "".join(piece.text if piece.goes_on else "\n" + piece.text for piece in pieces)[1:] == text
    assert not any(piece.goes_on and not piece.text for piece in pieces)


def test_lines_end_between_words() -> None:
    """Multiline recommends it: split long lines between words, and leave the space at the end of the line."""
    text = "x" * 30 + " " + "y" * 30 + "\n\n" + "a" * 50 + " b"
    assert outgoing(text, 50) == ["x" * 30, "y" * 30, "a" * 50, "b"]
    assert [piece.text for piece in multiline(text, 50)] == ["x" * 30 + " ", "y" * 30, "", "a" * 50, " b"]


def test_a_line_that_is_drawn_in_keeps_its_spaces() -> None:
    """Of code, say. Only where a line was cut are spaces left out."""
    assert outgoing("    " + "x" * 50, 50) == ["    " + "x" * 46, "xxxx"]


def test_a_long_word_has_a_line_of_its_own() -> None:
    """So an address in it stays whole where it can."""
    assert outgoing("see https://example.org/" + "x" * 40, 60) == ["see", "https://example.org/" + "x" * 40]


@pytest.mark.parametrize("cluster", ["e\u0301", "👩🏽‍🚀", "🇩🇪", "한", "नि"])
def test_a_letter_is_never_cut(cluster: str) -> None:
    """Neither a character nor what is seen as one: an accent would stand alone in the next line."""
    text = "x" + cluster * 30
    for room in range(LEAST_ROOM, LEAST_ROOM + 20):
        lines = outgoing(text, room)
        assert "".join(lines) == text
        assert [one for line in lines for one in iter_graphemes(line)] == ["x", *[cluster] * 30]


def test_a_letter_without_end_is_cut() -> None:
    """Thirty marks may follow one another, and many more joined emoji: a line has its bytes all the same."""
    lines = outgoing("👩\u200d" * 40, LEAST_ROOM)
    assert "".join(lines) == "👩\u200d" * 40
    assert all(len(line.encode()) <= LEAST_ROOM for line in lines)


def test_without_room_nothing_is_written() -> None:
    """A caller with a name that leaves no room is wrong; it would make a line for each letter."""
    with pytest.raises(ValueError, match="no room"):
        outgoing("x" * 100, LEAST_ROOM - 1)
