"""Whatever cannot be read is refused by a sentence, and never raises another error."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.entries import Draft, Entry
from chatnet.errors import BadRequest
from chatnet.wire.arguments import Bytes, Flag, Number, Packed, Text, Value
from chatnet.wire.cluster import WorkerIdentity
from chatnet.wire.replica import State

VALUES = [
    Text(),
    Number(),
    Flag(),
    Bytes(16),
    Packed[list[Draft]](list[Draft]),
    Packed[Entry](Entry),
    Packed[WorkerIdentity](WorkerIdentity),
    Packed[State](State),
]
IMPOSSIBLE = [
    b"\x91" * 60_000,
    b"\x81\xa0" * 30_000,
    b"\x81\xa4host" + b"\x91" * 60_000,
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc1",
    b"",
]
"""Nested too deeply, longer than it really is, and no msgpack at all."""


def read(value: Value, said: bytes) -> None:
    """Check that it is read or refused."""
    with suppress(BadRequest):
        value.fromBox(b"key", {b"key": said}, {}, None)


@pytest.mark.parametrize("said", IMPOSSIBLE, ids=lambda said: said[:5].hex())
@pytest.mark.parametrize("value", [value for value in VALUES if isinstance(value, Packed)])
def test_no_msgpack_does_more_than_be_refused(value: Value, said: bytes) -> None:
    """However deeply it is nested, and however long it claims to be, it is read or refused."""
    with pytest.raises(BadRequest, match="the value of “key” is wrong"):
        value.fromBox(b"key", {b"key": said}, {}, None)


@given(st.sampled_from(VALUES), st.binary(max_size=200), st.integers(0, 1 << 32))
def test_no_bytes_do(value: Value, said: bytes, seed: int) -> None:
    """Other bytes are refused too, also in the middle of what could be read."""
    read(value, said)
    chance = random.Random(seed)
    good = bytearray(b"\x91\x97\x01\x02\xa4post\xa1a\xa1a\xa5hello\xc4\x10" + bytes(16))
    good[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
    read(value, bytes(good))


@pytest.mark.parametrize("said", [True, False])
def test_a_flag_is_a_digit(said: bool) -> None:
    """So a peer in any language can send it, and people can read it in a dump."""
    box: dict[bytes, bytes] = {}
    Flag().toBox(b"key", box, {"key": said}, None)
    assert box == {b"key": b"1" if said else b"0"}
    objects: dict[str, object] = {}
    Flag().fromBox(b"key", box, objects, None)
    assert objects == {"key": said}


@pytest.mark.parametrize("said", [b"2", b"", b"01", b"true", b"\xff"])
def test_nothing_else_is_a_flag(said: bytes) -> None:
    """We do not guess what was meant."""
    with pytest.raises(BadRequest, match="neither 1 nor 0"):
        Flag().fromBox(b"key", {b"key": said}, {}, None)
