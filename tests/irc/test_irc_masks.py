"""A mask means what it says, and takes no time that somebody hostile could want."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parser_tests import data as vectors

from chatnet.irc.masks import Wanted, Whox, banned, is_mask, matcher, wanted, whox
from chatnet.names import fold


@pytest.mark.parametrize("vector", vectors.mask_match["tests"], ids=lambda vector: vector["mask"])
def test_vectors_of_other_servers(vector: dict[str, Any]) -> None:
    matches = matcher(vector["mask"])
    assert [text for text in vector["matches"] + vector["fails"] if matches(text)] == vector["matches"]


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=12))
def test_stars_and_question_marks(mask: str, text: str) -> None:
    """Modern IRC: ``*`` is any number of any characters, ``?`` is exactly one; as in names of files."""
    assert matcher(mask)(text) == fnmatchcase(text, mask)


@given(st.text(max_size=10))
def test_all_else_means_itself(mask: str) -> None:
    """Neither brackets nor backslashes are anything else."""
    if not is_mask(mask):
        assert matcher(f"[{mask}]*")(fold(f"[{mask}]x"))


def test_a_mask_is_folded() -> None:
    assert matcher("#ÄRG*")("#ärger")
    assert matcher("Al?ce!*@*")("alice!alice@user")


@pytest.mark.parametrize(
    "mask", ["*a" * 240 + "b", "*?" * 240 + "b", "a*" * 240, "?*" * 240, "*" * 500 + "b"]
)
def test_no_mask_takes_long(mask: str) -> None:
    """Tried naively, the first takes longer than the universe has."""
    matches = matcher(mask)
    began = time.process_time()
    for _ in range(20):
        matches("a" * 500)
    assert time.process_time() - began < 1.0


# ---- LIST ----


@pytest.mark.parametrize(
    ("said", "listed"),
    [
        ("", ["#milk", "#tea", "#teapot"]),
        ("*", ["#milk", "#tea", "#teapot"]),
        ("*tea*", ["#tea", "#teapot"]),
        ("#TEA,#milk,#none", ["#milk", "#tea"]),
        ("!*pot", ["#milk", "#tea"]),
        ("#t*,!*pot", ["#tea"]),
        (">5", ["#tea", "#teapot"]),
        ("<9", ["#milk", "#tea"]),
        (">5,<9", ["#tea"]),
        (">5,>8", ["#teapot"]),
        ("<9,<5", []),
        ("<1", []),
        ("<0", []),
        ("<9,<0", []),
        (">0", ["#milk", "#tea", "#teapot"]),
        ("#@*", ["#@alice"]),
        ("#@alice", ["#@alice"]),
        ("#@*,#tea", ["#@alice", "#tea"]),
        (",", ["#milk", "#tea", "#teapot"]),
    ],
)
def test_what_is_listed(said: str, listed: list[str]) -> None:
    """Modern IRC: ELIST=M are masks, N masks that must not match, U more or fewer users than n. The rooms of
    users are listed only for a mask that begins as they do."""
    there = {"#@alice": 9, "#milk": 5, "#tea": 8, "#teapot": 9}
    asked = wanted(said)
    assert [channel for channel, members in there.items() if asked.has(channel, members)] == listed
    assert all(channel.startswith(asked.prefix) for channel in listed)


def test_what_only_looks_like_a_number() -> None:
    assert wanted(">many") == Wanted(masks=(">many",))
    assert wanted(">" + "9" * 100).masks
    assert wanted("#te*").prefix == "#te"
    assert wanted("#te*,#milk").prefix == ""


# ---- bans ----


@pytest.mark.parametrize(
    ("mask", "nick"),
    [
        ("bob", "bob"),
        ("Bob!*@*", "Bob"),
        ("bob!*@evil.host", "bob"),
        ("*!bob@user", "bob"),
        ("*!*bob@user", "bob"),
        ("*!bob", "bob"),
        ("*!*@evil.host", None),
        ("*!*@*", None),
        ("*!~bob@*", None),
        ("*!*bob@guest", None),
        ("*!b?b@*", None),
        ("*@evil.host", None),
        ("bob@evil.host", None),
        ("b*!*@*", None),
        ("*", None),
        ("!", None),
    ],
)
def test_whom_a_ban_means(mask: str, nick: str | None) -> None:
    """One user, by their nick, or by what stands in their source before ``@``, which is their account."""
    assert banned(mask) == nick


# ---- WHO ----


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("%cuhnar", Whox("cuhnar", "")),
        ("%ranhuc,42", Whox("cuhnar", "42")),
        ("%tnf,001", Whox("tnf", "001")),
        ("%tnf", Whox("nf", "")),
        ("%nnzN", Whox("n", "")),
        ("o%n", Whox("n", "")),
        ("%", Whox("", "")),
        ("o", None),
        ("", None),
        ("%n,1234", None),
        ("%n,a", None),
        ("%n,", None),
    ],
)
def test_the_fields_of_whox(said: str, asked: Whox | None) -> None:
    """WHOX: they are answered in a fixed order; a token has one to three digits; others are ignored."""
    assert whox(said) == asked
