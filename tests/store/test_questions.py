"""Questions to a log are normalized, so that all stores answer them alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatnet.names import is_room
from chatnet.reads import LAST_SEQ
from chatnet.store.questions import known_name, known_room, known_seq, rooms_between

odd = st.text(st.sampled_from("ab#\0\x01\ud7ff\ud800\udfff\ue000\U0010ffffé"), max_size=5)
rooms = st.from_regex(r"#?[abé豈]{1,4}", fullmatch=True).filter(is_room)


@given(odd, odd, st.lists(rooms, max_size=20))
def test_the_same_rooms_are_asked_for(prefix: str, after: str, names: list[str]) -> None:
    """They are asked in words that both databases can hold, whatever was asked."""
    wanted = {name for name in names if name.startswith(prefix) and name > after}
    between = rooms_between(prefix, after)
    found = set()
    if between is not None:
        first, behind, before = between
        assert "\0" not in "".join(between)
        "".join(between).encode()
        found = {name for name in names if first <= name < before and name > behind}
    assert found == wanted


def test_what_no_log_has_is_nobody_and_nothing() -> None:
    """An impossible name or room, and a seq beyond all, give no user and no entries."""
    assert (known_name("alice"), known_name("a\0"), known_name("\ud800")) == ("alice", "", "")
    assert (known_room("#x"), known_room("#X"), known_room("#x\0")) == ("#x", "", "")
    assert (known_seq(7), known_seq((1 << 63) - 1)) == (7, LAST_SEQ)
