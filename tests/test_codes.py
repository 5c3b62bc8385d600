"""Codes: what is made, what is typed, and what is kept."""

from __future__ import annotations

import random

import pytest

from chatnet.codes import (
    RECOVERIES,
    code_text,
    fresh_code,
    fresh_recoveries,
    hashes_of,
    is_code_text,
    is_recovery_text,
    kept,
    looks_like_code,
    recoveries_of,
    recovery_text,
)
from chatnet.entries import Draft, More
from chatnet.errors import BadCode
from chatnet.form import check_form

CHANCE = random.Random(5)
SHEET = fresh_recoveries(CHANCE.randbytes)
TEXT = recovery_text(map(kept, SHEET))


def test_recovery_codes_are_eight_and_long() -> None:
    """They are good for years: nobody is to find one from what is kept, as of 60 bits one might."""
    assert len({*SHEET}) == RECOVERIES == 8
    assert {len(code.replace("-", "")) for code in SHEET} == {24}
    assert len(fresh_code(CHANCE.randbytes).replace("-", "")) == 12
    letters = {letter for _ in range(200) for code in fresh_recoveries(CHANCE.randbytes) for letter in code}
    assert letters == {*"0123456789ABCDEFGHJKMNPQRSTVWXYZ-"}


def test_however_a_code_is_typed_it_is_the_same() -> None:
    code = "0123-4567-89AB-CDEF-GHJK-MNPQ"
    assert kept(code) == kept("o l23 4567 89ab cdef ghjk mnpq".replace("o l", "oI"))
    assert hashes_of([code]).hex() == kept(code)
    for wrong in (code[:-1], code + "0", code[:20], code.replace("M", "U"), ""):
        assert not looks_like_code(wrong)
        with pytest.raises(BadCode):
            kept(wrong)


def test_the_text_of_recovery_codes_is_of_no_other_code() -> None:
    """Their hashes, no two of them the same."""
    assert is_recovery_text(TEXT)
    assert recoveries_of(TEXT) == [kept(code) for code in SHEET]
    other = code_text(kept(SHEET[0]), 8)
    assert (is_code_text(TEXT), is_code_text(other), recoveries_of(other)) == (False, True, [])
    twice = " ".join([*recoveries_of(TEXT)[:7], kept(SHEET[0])])
    for wrong in (twice, other, TEXT[:-1], TEXT + "0", TEXT.upper(), TEXT + " ", TEXT.partition(" ")[2]):
        assert not is_recovery_text(wrong)


@pytest.mark.parametrize(
    ("user", "room", "more"),
    [
        ("alice", "alice", More(to="bob")),
        ("alice", "alice", None),
        ("alice", "alice", More(to="alice", until=5)),
        ("chatnet", "", More(to="alice")),
        ("alice", "&ops", More(until=5)),
    ],
)
def test_nobody_makes_recovery_codes_for_others(user: str, room: str, more: More | None) -> None:
    """Neither an operator nor an admin: they would have a way into the account that its user does not see."""
    check_form(Draft("code", "alice", "alice", TEXT, b"k" * 16, 0, More(to="alice")))
    with pytest.raises(ValueError, match="for themselves"):
        check_form(Draft("code", user, room, TEXT, b"k" * 16, 0, more))
