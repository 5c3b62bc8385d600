"""Whatever cannot be read is refused by a sentence, and never raises another error."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.entries import Draft, Entry
from chatnet.errors import BadRequest
from chatnet.wire.arguments import Bytes, Command, Flag, Number, Packed, Text, Value
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


def command(value: Value) -> type[Command]:
    """Return a command that has one key, with such a value, and whose answer has the same."""

    class Toy(Command):
        arguments = [(b"key", value)]
        response = arguments

    return Toy


def read(value: Value, said: bytes) -> Any:
    """Return what is read."""
    return command(value).parseArguments({b"key": said}, None)["key"]


@pytest.mark.parametrize("said", IMPOSSIBLE, ids=lambda said: said[:5].hex())
@pytest.mark.parametrize("value", [value for value in VALUES if isinstance(value, Packed)])
def test_no_msgpack_does_more_than_be_refused(value: Value, said: bytes) -> None:
    """However deeply it is nested, and however long it claims to be, it is read or refused."""
    with pytest.raises(BadRequest, match="the value of “key” is wrong"):
        read(value, said)


@given(st.sampled_from(VALUES), st.binary(max_size=200), st.integers(0, 1 << 32))
def test_no_bytes_do(value: Value, said: bytes, seed: int) -> None:
    """Other bytes are refused too, also in the middle of what could be read."""
    with suppress(BadRequest):
        read(value, said)
    chance = random.Random(seed)
    good = bytearray(b"\x91\x97\x01\x02\xa4post\xa1a\xa1a\xa5hello\xc4\x10" + bytes(16))
    good[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
    with suppress(BadRequest):
        read(value, bytes(good))


@pytest.mark.parametrize("said", [True, False])
def test_a_flag_is_a_digit(said: bool) -> None:
    """So a peer in any language can send it, and people can read it in a dump."""
    box = {b"key": b"1" if said else b"0"}
    assert command(Flag()).makeArguments({"key": said}, None) == box
    assert command(Flag()).makeResponse({"key": said}, None) == box
    assert command(Flag()).parseArguments(box, None) == {"key": said}


@pytest.mark.parametrize("said", [b"2", b"", b"01", b"true", b"\xff"])
def test_nothing_else_is_a_flag(said: bytes) -> None:
    """We do not guess what was meant."""
    with pytest.raises(BadRequest, match="neither 1 nor 0"):
        read(Flag(), said)


def test_what_is_optional_may_be_left_out_and_nothing_else() -> None:
    """An older peer does not send a new key; without one that is needed, the sentence names it."""
    assert command(Text(optional=True)).parseArguments({}, None) == {"key": None}
    assert command(Text(optional=True)).makeResponse({"key": None}, None) == {}
    with pytest.raises(BadRequest, match="the key “key” is missing"):
        command(Text()).parseArguments({}, None)
