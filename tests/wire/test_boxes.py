"""Boxes are read as Twisted reads them, wherever the stream is cut, and never kept beyond the bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.protocols import amp

from chatnet.wire.boxes import MAX_BOX, MAX_KEY, MAX_KEYS, Box, Boxes, Malformed, serialize

Pairs = list[tuple[bytes, bytes]]


def framed(pairs: Pairs) -> bytes:
    """Return a box as AMP writes it; keys may be repeated, in any order."""
    strings = [string for pair in pairs for string in pair]
    return b"".join(len(string).to_bytes(2, "big") + string for string in strings) + b"\x00\x00"


KEYS = st.binary(min_size=1, max_size=4) | st.just(b"k" * MAX_KEY)
VALUES = st.binary(max_size=4) | st.integers(0, 600).map(bytes) | st.just(b"v" * 65_535)
BOXES = st.lists(st.tuples(KEYS, VALUES), max_size=4).map(framed).filter(lambda box: len(box) <= MAX_BOX)
GARBAGE = st.binary(max_size=4) | st.just(b"\x01\x00" + b"k" * 256)
CUTS = st.lists(st.integers(0, 300), max_size=20)


def pieces(stream: bytes, sizes: Iterable[int]) -> list[bytes]:
    """Return ``stream`` in pieces of these ``sizes``, and the rest in one."""
    found = []
    for size in sizes:
        found.append(stream[:size])
        stream = stream[size:]
    return [*found, stream]


def read(stream: Iterable[bytes]) -> tuple[list[Box], bool]:
    """Return what we read, and whether the rest was malformed."""
    boxes = Boxes()
    found: list[Box] = []
    try:
        for piece in stream:
            for box in boxes.feed(piece):
                found.append(box)
    except Malformed:
        return found, True
    return found, False


class Recorder:
    """Records what Twisted reads."""

    def __init__(self) -> None:
        self.found: list[Box] = []

    def startReceivingBoxes(self, sender: Any) -> None:
        """Do nothing."""

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        self.found.append(dict(box))


def twisted_reads(stream: Iterable[bytes]) -> tuple[list[Box], bool]:
    """Return what Twisted's own protocol reads, and whether it then closed."""
    recorder, transport = Recorder(), StringTransport()
    protocol: Any = amp.BinaryBoxProtocol(recorder)
    protocol.makeConnection(transport)
    for piece in stream:
        if not transport.disconnecting:
            protocol.dataReceived(piece)
    return recorder.found, transport.disconnecting


@given(st.lists(BOXES, max_size=5), GARBAGE, CUTS)
def test_any_stream_is_read_as_twisted_reads_it_wherever_it_is_cut(
    boxes: list[bytes], garbage: bytes, sizes: list[int]
) -> None:
    """The same boxes come in the same order, and the same garbage after them closes."""
    stream = b"".join(boxes) + garbage
    assert read(pieces(stream, sizes)) == twisted_reads([stream])


@given(st.lists(BOXES.filter(lambda box: len(box) < 2000), max_size=3))
def test_a_stream_that_comes_byte_by_byte_is_read(boxes: list[bytes]) -> None:
    """A cut may be within a length, a key, a value or an end."""
    stream = b"".join(boxes)
    assert read(stream[at : at + 1] for at in range(len(stream))) == twisted_reads([stream])


def test_a_box_is_as_large_as_its_bound_and_no_larger() -> None:
    """Keys and values count, each box is counted anew, and one byte more is too much."""
    half = MAX_BOX // 2
    largest = framed([(b"a", bytes(half - 1)), (b"b", bytes(half - 1))])
    found, malformed = read([largest * 2])
    assert len(found) == 2
    assert not malformed
    assert read([framed([(b"a", bytes(half - 1)), (b"bb", bytes(half - 1))])]) == ([], True)


@pytest.mark.parametrize("repeated", [b"x" * 6_000, b"x" * 60_000], ids=["many small", "few large"])
def test_a_box_that_never_ends_is_not_kept(repeated: bytes) -> None:
    """Even a repeated key counts, and a value is refused by its length, before it has come."""
    pair = framed([(b"k", repeated)])[:-2]
    boxes = Boxes()
    for _ in range(MAX_BOX // (1 + len(repeated))):
        assert not list(boxes.feed(pair))
    with pytest.raises(Malformed, match="larger than 131072 bytes"):
        list(boxes.feed(b"\x00\x01k\xff\xff"))


def test_a_box_has_a_bounded_number_of_keys() -> None:
    """A key costs more than its bytes; a repeated one costs time, and counts as well."""
    most = framed([(b"%d" % number, b"") for number in range(MAX_KEYS)])
    found, malformed = read([most * 2])
    assert (len(found), malformed) == (2, False)
    for keys in ([b"%d" % number for number in range(MAX_KEYS + 1)], [b"k"] * (MAX_KEYS + 1)):
        assert read([most, framed([(key, b"") for key in keys])]) == (found[:1], True)


def test_what_is_not_asked_for_is_read_the_next_time() -> None:
    """It is read unchanged, however much it is, with the bound that holds then."""
    boxes = Boxes(most=4)
    small, large = framed([(b"a", b"b")]), framed([(b"a", b"b" * 10)])
    begun = boxes.feed(small + small + large + small[:4])
    assert next(begun) == {b"a": b"b"}
    begun.close()
    begun = boxes.feed(small[4:])
    assert next(begun) == {b"a": b"b"}
    boxes.most = 20
    assert list(begun) == [{b"a": b"b" * 10}, {b"a": b"b"}]
    with pytest.raises(Malformed, match="larger than 20 bytes"):
        list(boxes.feed(framed([(b"a", b"b" * 20)])))


def test_boxes_before_garbage_are_given() -> None:
    """Only what follows cannot be read."""
    assert read([framed([(b"a", b"b")]) + b"GET / HTTP/1.1"]) == ([{b"a": b"b"}], True)


@given(st.dictionaries(KEYS, VALUES, max_size=4).filter(lambda box: len(serialize(box)) <= MAX_BOX))
def test_what_is_written_is_read(box: Box) -> None:
    """Twisted reads it, too."""
    recorder = Recorder()
    reader = amp.BinaryBoxProtocol(recorder)
    reader.makeConnection(StringTransport())
    reader.dataReceived(serialize(box))
    assert recorder.found == [box]
    assert read([serialize(box)]) == ([box], False)


def test_what_amp_cannot_carry_is_not_written() -> None:
    """A value has at most 65,535 bytes."""
    with pytest.raises(OverflowError):
        serialize({b"key": bytes(65_536)})
