"""Texts as rows of cells can be drawn, whatever the text and the width, and rows cannot be confused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from unicodedata import category, name

import pytest
import urwid
from hypothesis import example, given
from hypothesis import strategies as st

from chatnet.client.cells import Cell, Row, cells, painted, rows, wrapped
from chatnet.ignorable import RANGES, bare

WIDTHS = range(1, 101)
BURMESE = "မင်္ဂလာပါ ကမ္ဘာလောကကြီး"
SPELT_WITH_JOINERS = ["می‌خواهم", "ශ්‍රී ලංකාව", "क्‍ष", "👨‍👩‍👧", "❤️", "👩🏽‍🚀", "1️⃣", "ᠠ᠋ᠠ"]
NASTY = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(
            "x \t\n漢가ㅤ\u102b\u0301\u200b\u200d\ufe0f\u202e\u0e33\U0001f468\U0001f3fd\U0001f1e9\u1100\u1161"
        ),
    ),
    max_size=60,
)


@pytest.fixture(autouse=True)
def utf_8() -> Iterator[None]:
    """Let the terminal use UTF-8."""
    with urwid.util.set_temporary_encoding("utf-8"):
        yield


def words() -> dict[str, str]:
    """Return a word of each script, by its name in Unicode: each letter with one of the script's marks."""
    letters: dict[str, list[str]] = {}
    marks: dict[str, list[str]] = {}
    for number in range(0xA1, sys.maxunicode):
        kind = category(chr(number))[0]
        if kind in "LMSN" and bare(chr(number)):
            script = name(chr(number), "?").partition(" ")[0] if kind in "LM" else f"{number >> 8:x}"
            found = (marks if kind == "M" else letters).setdefault(script, [])
            if len(found) < 10:
                found.append(chr(number))
    return {
        script: "".join(
            letter + (marks[script][place % len(marks[script])] if script in marks else "")
            for place, letter in enumerate(found)
        )
        for script, found in letters.items()
    }


def assert_drawable(shown: list[Row], width: int) -> None:
    """Check that the library that draws the rows counts at most ``width`` columns."""
    canvas = urwid.TextCanvas([row.shown for row in shown], [list(row.looks) for row in shown], maxcol=width)
    assert canvas.cols() == width
    assert all(sum(size for _, size in row.looks) == len(row.shown) for row in shown)
    list(canvas.content())


def test_words_of_all_scripts_fit_every_width() -> None:
    """They are shown unchanged, not by numbers: our count of columns needs no correction."""
    found = words()
    assert len(found) > 150
    for word in found.values():
        for width in WIDTHS:
            laid_out = wrapped(cells(f"bob: {word} {word}"), width)
            assert_drawable([painted(row, width) for row in laid_out], width)
        assert "‹" not in "".join(cell.shown for cell in cells(word))


@pytest.mark.parametrize(
    "text", ["x" + "\u102b" * 60, BURMESE * 5, "e" + "\u0301" * 30, "\u0301", *SPELT_WITH_JOINERS]
)
def test_what_libraries_disagree_about_can_be_drawn(text: str) -> None:
    """This holds for any number of marks, and for anything joined."""
    for width in WIDTHS:
        assert_drawable(rows(f"bob: {text} {text}", width), width)


def test_a_sign_is_given_a_column_though_the_library_gives_it_none() -> None:
    """Some terminals give it a column, and would cut a row that is too long for them."""
    assert sum(cell.width for cell in cells("x" + "\u102b" * 30)) == 31
    assert len(wrapped(cells("x" + "\u102b" * 60), 40)) == 2


def test_a_row_that_is_too_wide_is_not_drawn() -> None:
    """It is found before it stops the drawing of all other rows; its text is then shown by numbers."""
    with pytest.raises(ValueError, match="too wide"):
        painted([Cell("漢", 1)], 1)
    shown = [painted(row, 9) for row in wrapped(cells("a 漢\u102b!", by_number=True), 9)]
    assert [row.shown.decode().strip() for row in shown] == ["a", "‹U+6F22", "›‹U+102", "B›!"]


@pytest.mark.parametrize("space", ["\n", "\t"])
def test_a_sign_does_not_become_one_with_a_line_feed_or_a_tab(space: str) -> None:
    """Else the terminal would get that unchanged."""
    (shown, *_) = cells(f"{space}\u102b")
    assert shown.shown == space
    assert not any(space in line for line in said(f"bob: a{space}\u102b\u102b", 20))


@pytest.mark.parametrize("first", ["\u0301", "\u102b", "\u0e33", "\u1161", "\U0001f3fd", "\uff9e"])
def test_a_text_that_begins_with_an_accent_can_be_drawn_beside_another(first: str) -> None:
    """It does not become one with what is at its left: the row of both would not be as wide as the two."""
    for row in rows(f"{first} x", 20):
        assert_drawable([Row(b" | " + row.shown, [(None, 3), *row.looks])], 23)


@given(NASTY, st.integers(1, 100))
@example("x" + "\u102b" * 60, 40)
@example("\t" * 40, 7)
@example("a " + "b" * 39, 40)
def test_whatever_is_written_can_be_drawn(text: str, width: int) -> None:
    """At any width everything is drawn, and nothing is missing."""
    assert_drawable(rows(text, width), width)
    if width > 1:
        taken = [cell.length for row in wrapped(cells(text), width) for cell in row]
        assert sum(taken) == len(text)


@given(NASTY, st.integers(2, 100))
def test_only_the_first_row_begins_at_the_left_edge(text: str, width: int) -> None:
    """A wrapped row, or one after a line feed, cannot be taken for another user's line."""
    shown = rows(f"bob: {text}", width)
    assert all(row.shown.startswith(b" ") for row in shown[1:])


def test_a_text_is_broken_between_words() -> None:
    """A word longer than a row is broken anywhere, and so are Chinese, Japanese and Korean."""
    assert said("bob: one two three", 12) == ["bob: one two", "  three"]
    assert said("bob: onetwothreefour", 12) == ["bob:", "  onetwothre", "  efour"]
    assert said("bob: 漢字漢字漢字", 12) == ["bob: 漢字漢", "  字漢字"]
    assert said("a\nb: c\n\n", 12) == ["a", "  b: c", "", ""]
    assert said("a\tb\t\tc", 20) == ["a   b       c"]


def test_what_cannot_be_seen_is_shown_by_its_number() -> None:
    """This includes what Unicode tells programs to ignore, and what a terminal would obey; it does not look
    like text."""
    for first, last in RANGES:
        for number in {first, last}:
            assert said(f"a{chr(number)} b", 80) == [f"a‹U+{number:04X}› b"]
    assert said("a\x1b[2J\x9b\u2028b\ufffe", 80) == ["a‹U+001B›[2J‹U+009B›‹U+2028›b‹U+FFFE›"]
    (row,) = rows("a\u200bb", 40)
    assert [look for look, _ in row.looks][:3] == [None, "unseen", None]


@pytest.mark.parametrize("text", SPELT_WITH_JOINERS)
def test_what_a_word_or_an_emoji_is_spelt_with_is_left(text: str) -> None:
    """It is kept within a word, once; at the edge, or twice, it is hidden."""
    assert said(text, 80) == [text]
    joiner = next(letter for letter in text if letter in "\u200c\u200d\ufe0f\u180b")
    assert "‹U+" in said(f"{joiner}{text}", 80)[0]
    assert "‹U+" in said(text.replace(joiner, joiner * 2), 80)[0]


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "gr<U+00FC>n <U+6F22>"), ("latin-1", "grün <U+6F22>")]
)
def test_a_terminal_of_another_encoding_is_shown_numbers(encoding: str, shown: str) -> None:
    """Characters that the encoding does not have are shown by number."""
    with urwid.util.set_temporary_encoding(encoding):
        (row,) = rows("grün 漢", 40)
        assert row.shown.decode(encoding).rstrip() == shown
        assert_drawable([row], 40)


def test_laying_out_is_linear() -> None:
    """Twice the text takes twice the work, in words, in one word, and in any script."""
    for text in ("word grüße ", "x", BURMESE, "x\u102b", "漢"):
        times = 2_000 // len(text)
        once, twice = (work(text * (times * factor)) for factor in (1, 2))
        assert twice < 2.3 * once


def work(text: str) -> int:
    """Return how many functions are called to lay it out."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    rows(text, 80)
    sys.setprofile(None)
    return calls


def said(text: str, width: int) -> list[str]:
    return [row.shown.decode().rstrip() for row in rows(text, width)]
