"""Bytes to lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatnet.client.line import MAX_LINE, Lines
from chatnet.client.terminal import Unreadable
from chatnet.client.text import one_line


@given(st.binary(max_size=200).map(lambda raw: raw.replace(b"z", b"\n")), st.lists(st.integers(1, 9)))
def test_it_does_not_matter_how_the_bytes_come(raw: bytes, sizes: list[int]) -> None:
    """In whatever pieces they come the lines are the same; each is read or said to be unreadable."""
    whole, pieces = Lines(), Lines()
    expected = whole.take(raw) + whole.end()
    found = []
    for size in sizes:
        found += pieces.take(raw[:size])
        raw = raw[size:]
    assert found + pieces.take(raw) + pieces.end() == expected


def test_an_endless_line_does_not_fill_the_memory() -> None:
    """It is dropped as it comes, said once, and the next line is read."""
    lines = Lines()
    for _ in range(100):
        assert lines.take(b"x" * 10_000) == []
        assert len(lines._rest) <= MAX_LINE
    (said, following) = lines.take(b"x\nnext\n")
    assert isinstance(said, Unreadable)
    assert following == "next"
    lines.take(b"y" * 70_000)
    assert isinstance(lines.end()[0], Unreadable)


def test_the_longest_line_is_taken() -> None:
    """It has 65,535 bytes, with either line break."""
    assert Lines().take(b"x" * MAX_LINE + b"\n") == ["x" * MAX_LINE]
    assert Lines().take("grüß dich\r\n".encode()) == ["grüß dich"]


def test_a_line_feed_is_shown_as_such() -> None:
    """A second line of a text cannot be taken for another user's line."""
    assert one_line("alice: hello\nbob: I agree") == "alice: hello⏎bob: I agree"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_printable(text: str) -> None:
    """Whatever is printable has an encoding and is a single line."""
    shown = one_line(text)
    assert not any(ord(letter) < 32 and letter != "\t" for letter in shown)
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert len((shown + "|").splitlines()) == 1
    shown.encode("utf-8")
