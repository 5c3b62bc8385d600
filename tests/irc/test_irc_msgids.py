"""An id names one entry of one log; nothing else reads as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.cursor import is_of
from chatnet.entries import KEY_BYTES, Entry
from chatnet.irc.msgids import in_base_36, msgid, read, shown

SEQS = st.integers(1, (1 << 63) - 1)
KEYS = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
CHECK = "0123456789abcdef"


def entry(seq: int, key: bytes, user: str = "alice") -> Entry:
    """Return a post."""
    return Entry(seq, 0, "post", user, "#tea", "hi", key)


@given(SEQS, KEYS)
def test_an_id_says_where_to_look_and_what_must_be_there(seq: int, key: bytes) -> None:
    """Message-ids: it has no space, does not begin with a colon, and is opaque to clients."""
    post = entry(seq, key)
    one = msgid("a log", post)
    assert not set(one) & set(" :;\\")
    ref = read(one)
    assert ref is not None
    assert ref.seq == seq
    assert is_of(ref.check, "a log", post)
    assert shown(ref) == one


def test_another_entry_of_the_same_seq_has_another_id() -> None:
    """After a restore the log goes on with other entries under the same seqs."""
    same = entry(7, bytes(16))
    assert msgid("a log", same) == msgid("a log", entry(7, bytes(16)))
    assert msgid("a log", same) != msgid("a log", entry(7, bytes(15) + b"\1"))
    assert msgid("a log", same) != msgid("a log", entry(7, bytes(16), "bob"))
    assert msgid("a log", same) != msgid("another", same)


@given(st.integers(0, 1 << 80))
def test_numbers_in_base_36(number: int) -> None:
    text = in_base_36(number)
    assert int(text, 36) == number
    assert text == "0" or text[0] != "0"


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "-", "1", f"1-{CHECK[1:]}", f"1-{CHECK}0", f"0-{CHECK}", f"01-{CHECK}", f"1-{CHECK[1:]}g"),
        *(f"1-{CHECK.upper()}", f"A-{CHECK}", f"1-{CHECK}\n", f"-{CHECK}", f"１-{CHECK}"),
        *(f"{'z' * 13}-{CHECK}", f"{'z' * 14}-{CHECK}"),
    ],
)
def test_what_is_no_id(wrong: str) -> None:
    """So an id that a client sends is the text that it got, to the letter."""
    assert read(wrong) is None
