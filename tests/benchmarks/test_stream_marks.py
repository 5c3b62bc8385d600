"""The marks by which the receiving side of a bench counts posts."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as some

from benchmarks.crowd import Marks


@example([b"l", b"ong."])
@given(some.lists(some.sampled_from([b"long.", b"lo", b"l", b"ong.", b"g.", b"long", b"}", b"lolong."])))
def test_a_mark_that_is_cut_counts_once(pieces: list[bytes]) -> None:
    """However a stream is cut, the marks in it are counted, each once."""
    marks, buffer, found = Marks(b"long."), bytearray(64), 0
    for piece in pieces:
        buffer[: len(piece)] = piece  # behind it is what came before, as in a receiving buffer
        found += marks.count(buffer, len(piece))
    assert found == b"".join(pieces).count(b"long.")
