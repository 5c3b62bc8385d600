"""What others say cannot affect readers of a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.entries import Draft
from chatnet.text import LONGEST, harmless, legible


@given(st.text() | st.binary(), st.integers(1, 50))
def test_whatever_is_said_is_legible(said: str | bytes, most: int) -> None:
    """It is on one line, printable, and within the wanted length, escapes included."""
    shown = legible(said, most)
    assert shown.isprintable()
    assert len(shown) <= most + 1


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("größe हिन्दी 😀", "größe हिन्दी 😀"),
        ("\x1b[2J\x9b", r"\x1b[2J\x9b"),
        ("a\nb\r\u2028\t", r"a\nb\r\u2028\t"),
        ("\u202etxt\u200b\ud800", r"\u202etxt\u200b\ud800"),
        (b"Foo\xff\x1b", r"Foo\xff\x1b"),
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * 70_000, "x" * LONGEST + "…"),
        (b"x" * 70_000, "x" * LONGEST + "…"),
        ("", ""),
    ],
)
def test_what_is_not_printable_is_escaped(said: str | bytes, shown: str) -> None:
    """So the reader sees what it was."""
    assert legible(said) == shown


def test_lines_of_ours_keep_their_shape() -> None:
    """A traceback keeps its lines; what a terminal would obey in it is escaped all the same."""
    assert harmless("Traceback:\n\tx = '\x1b[2J\r\u202e'\n") == "Traceback:\n\tx = '\\x1b[2J\\r\\u202e'\n"


def test_a_draft_is_described_without_what_it_says() -> None:
    """A post is private, and a credential is a secret."""
    described = Draft("secret", "alice", "alice", "random$5ec2e7", b"k" * 16).described()
    assert described == f"secret of alice, 13 characters, key {(b'k' * 16).hex()}"
