from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import BadRequest

KEY = bytes(range(16))


def post(seq: int, user: str = "alice", text: str = "hello", key: bytes = KEY) -> Entry:
    return Entry(seq, 1, "post", user, user, text, key)


def test_a_check_is_made_as_the_protocol_says() -> None:
    """The values are in docs/protocol.md: authors of clients can compare their own with them."""
    log_id = "00112233445566778899aabbccddeeff"
    assert Cursor.at(log_id, post(7)) == Cursor(7, bytes.fromhex("d35beb0d8dab97eb"))
    assert Cursor.beginning(log_id) == Cursor(0, bytes.fromhex("ca8d234c0cf08dcf"))
    assert (
        sha256(b"00112233445566778899aabbccddeeff|7|alice|" + KEY).hexdigest().startswith("d35beb0d8dab97eb")
    )


@pytest.mark.parametrize(
    ("log_id", "entry"),
    [("other", post(7)), ("log", post(8)), ("log", post(7, user="bob")), ("log", post(7, key=b"k" * 16))],
)
def test_another_entry_has_another_check(log_id: str, entry: Entry) -> None:
    """Entries of another log, seq, user or key have different checks."""
    assert Cursor.at(log_id, entry).check != Cursor.at("log", post(7)).check


def test_a_check_does_not_need_the_text() -> None:
    """It stays good when the text is removed."""
    assert Cursor.at("log", post(7, text="")) == Cursor.at("log", post(7))


@given(st.one_of(st.none(), st.integers(0, 9)), st.one_of(st.none(), st.binary(min_size=8, max_size=8)))
def test_a_cursor_comes_whole_or_not_at_all(seq: int | None, check: bytes | None) -> None:
    """A cursor with only one of its two values is refused."""
    if (seq is None) != (check is None):
        with pytest.raises(BadRequest, match="both or none"):
            Cursor.received(seq, check)
    else:
        assert Cursor.received(seq, check) == (None if seq is None else Cursor(seq, check or b""))
