"""An id names one entry of one log; nothing else reads as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.entries import KEY_BYTES, Entry
from chatnet.irc.msgids import check, in_base_36, msgid, read

SEQS = st.integers(1, (1 << 63) - 1)
KEYS = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)


def entry(seq: int, key: bytes, user: str = "alice") -> Entry:
    """Return a post."""
    return Entry(seq, 0, "post", user, "#tea", "hi", key)


@given(SEQS, KEYS)
def test_an_id_says_where_to_look_and_what_must_be_there(seq: int, key: bytes) -> None:
    """Message-ids: it has no space, does not begin with a colon, and is opaque to clients."""
    one = msgid(entry(seq, key))
    assert read(one) == (seq, check("alice", key))
    assert one.isascii()
    assert not set(one) & set(" :;\\")


def test_another_entry_of_the_same_seq_has_another_id() -> None:
    """After a restore the log goes on with other entries under the same seqs."""
    same = entry(7, bytes(16))
    assert msgid(same) == msgid(entry(7, bytes(16)))
    assert msgid(same) != msgid(entry(7, bytes(15) + b"\1"))
    assert msgid(same) != msgid(entry(7, bytes(16), "bob"))


@given(st.integers(0, 1 << 80))
def test_numbers_in_base_36(number: int) -> None:
    text = in_base_36(number)
    assert int(text, 36) == number
    assert text == "0" or text[0] != "0"


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "-", "1", "1-1234567", "1-123456789", "0-12345678", "01-12345678", "1-1234567G", "1-ABCDEF01"),
        *(
            "A-12345678",
            "1-12345678\n",
            "-12345678",
            "１-12345678",
            "zzzzzzzzzzzzz-12345678",
            "z" * 14 + "-12345678",
        ),
    ],
)
def test_what_is_no_id(wrong: str) -> None:
    """So an id that a client sends is the text that it got, to the letter."""
    assert read(wrong) is None
