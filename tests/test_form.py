"""What is wrong with a text or a draft by itself."""

from __future__ import annotations

import sys
import time
import unicodedata
from contextlib import suppress
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet import kinds
from chatnet.entries import Draft, More, Ref
from chatnet.errors import BadName, BadRoom, BadText, NotYet, NotYours
from chatnet.form import check_form, check_text
from chatnet.ignorable import RANGES
from chatnet.kinds import Kind, Text


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "tab\there",
        "a" * 2000,
        "😀" * 2000,
        "\u202eright to left",
        "two\nlines",
        "\n" * 40 + "x",
        "x" + "\u0301" * 30,
        "👩\u200d👩\u200d👧",
        " ".join(f"@b{number}" for number in range(20)),
        "@bob " * 300,
    ],
)
def test_good_texts(text: str) -> None:
    """A text of 1 to 2,000 characters with at least one visible, on up to 41 lines, is good."""
    assert check_text(text) is text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "at least one character"),
        ("a" * 2001, "at most 2,000 characters; this one has 2,001"),
        ("a\u200d" * 1001, "at most 2,000 characters"),
        *(
            (text, "no control characters")
            for text in ("\x1b[31m", "\x00", "\x9b", "\x7f", "a\r\nb", "\udc80")
        ),
        *((text, "no control characters") for text in ("a\u2028b", "a\u2029b", "a\x85b", "a\x0bb")),
        ("x" + "\n" * 41, "at most 40 line feeds"),
        *(
            (text, "nothing to be seen")
            for text in (" ", "\t\n ", "\u200b", "\ufeff", "\u202e", "\u3164", "\u0301")
        ),
        *((text, "nothing to be seen") for text in ("\u00a0\u3000", "\u200b \u0301", "\ufe0f")),
        ("x" + "\u0301" * 31, "at most 30 marks in a row"),
        ("x" + "\u0301\u200d" * 31, "at most 30 marks in a row"),
        (" ".join(f"@b{number}" for number in range(21)), "at most 20 topics and users"),
        (" ".join(f"#é{number}" for number in range(21)), "at most 20 topics and users"),
    ],
)
def test_bad_texts_get_a_sentence(text: str, why: str) -> None:
    """Each sentence says what is wrong, in one printable line."""
    with pytest.raises(BadText, match=why) as caught:
        check_text(text)
    assert str(caught.value).isprintable()


@given(st.text(min_size=1, max_size=50))
def test_checked_text_can_be_encoded(text: str) -> None:
    """A text that we accept can always be encoded in UTF-8."""
    try:
        check_text(text)
    except BadText:
        return
    text.encode()


@pytest.mark.parametrize(
    "text",
    ["\u0301" * 10_000_000, "\u2800" * 2000, "#é" * 1000, ("a" + "\u0301" * 30) * 64, "#" + "é" * 1999],
    ids=["long", "marks at first sight", "topics", "marks", "one word"],
)
def test_a_text_costs_little_to_look_at(text: str) -> None:
    """The worst texts take some milliseconds, and a text that is too long takes none."""
    began = time.process_time()
    with suppress(BadText):
        check_text(text)
    assert time.process_time() - began < 0.1


KEY = b"k" * 16
NO_LEVELS = ("", "two", "-2", "+2", "0", "1", "02", "2.0", " 2", "2\n", "²", "\0", "9" * 10_000, f"{1 << 63}")


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (Draft("post", "Alice", "Alice", "hi", KEY), BadName),
        (Draft("register", "admin", "admin", "sha256:0", KEY), BadName),
        (Draft("register", "a\0", "a\0", "sha256:0", KEY), BadName),
        (Draft("join", "alice", "#Tea", "", KEY), BadRoom),
        (Draft("leave", "alice", "#te\0a", "", KEY), BadRoom),
        (Draft("join", "alice", "all", "", KEY), BadRoom),
        (Draft("post", "alice", "alice", "a\0b", KEY), BadText),
        (Draft("post", "alice", "alice", "", KEY), BadText),
        (Draft("post", "alice", "#tea", "", KEY), BadText),
        (Draft("post", "alice", "bob", "hi", KEY), NotYours),
        (Draft("post", "alice", "Alice", "hi", KEY), BadRoom),
        (Draft("post", "alice", "#Tea", "hi", KEY), BadRoom),
        (Draft("post", "alice", "@bob", "hi", KEY), BadRoom),
        *((Draft("level", "chatnet", "chatnet", text, KEY), BadText) for text in NO_LEVELS),
    ],
)
def test_a_draft_is_judged_like_what_a_client_asks(draft: Draft, error: type[Exception]) -> None:
    """The rules are the same, and a name or a room must be in its one spelling by now."""
    with pytest.raises(error):
        check_form(draft)


@pytest.mark.parametrize(
    "draft",
    [
        Draft("secret", "alice", "bob", "sha256:0", KEY),
        Draft("join", "alice", "#tea", "why", KEY),
        Draft("register", "alice", "alice", "", KEY),
        Draft("secret", "alice", "alice", "sha256:\n", KEY),
        Draft("secret", "alice", "alice", "x" * 10_000, KEY),
        Draft("post", "alice", "alice", "hi", b"short"),
        Draft("post", "alice", "alice", "hi", KEY, -1),
        Draft("post", "alice", "alice=~bob", "hi", KEY, 0, None, 1 << 63),
        Draft("level", "alice", "alice", "2", KEY),
        Draft("post", "alice", "alice", "hi", KEY, 0, More(reacts=True)),
        Draft("redact", "alice", "alice", "", KEY, 0, More(ref=Ref(1, b"c" * 8), reacts=True)),
    ],
)
def test_what_no_worker_makes_is_a_bug(draft: Draft) -> None:
    """No client can have asked for it: it raises, and the store treats it as poison."""
    with pytest.raises(ValueError, match=r"."):
        check_form(draft)


def test_a_kind_that_is_not_known_is_refused() -> None:
    """It comes from a newer worker, under an older primary."""
    with pytest.raises(NotYet, match="level up"):
        check_form(Draft("dance", "alice", "alice", "hi", KEY))


def test_what_is_in_form_is_not_refused() -> None:
    """One draft of each kind is accepted."""
    for draft in (
        Draft("register", "alice", "alice", "sha256:0", KEY),
        Draft("level", "chatnet", "chatnet", f"{(1 << 63) - 1}", KEY),
        Draft("secret", "alice", "alice", "sha256:0", KEY),
        Draft("join", "alice", "#grösse", "", KEY),
        Draft("leave", "alice", "bob", "", KEY),
        Draft("post", "alice", "alice", "hi\nthere", KEY),
        Draft("post", "alice", "alice", "+1", KEY, 0, More(ref=Ref(1, b"c" * 8), reacts=True)),
    ):
        check_form(draft)


def test_a_text_of_which_nothing_is_known_is_not_accepted() -> None:
    """Whoever adds a sort of text, and forgets to say what it may be, is told so: it is no credential."""
    remove = kinds.add(Kind("odd", cast(Text, "odd")))
    try:
        with pytest.raises(ValueError, match="Nobody has said what the text of kind odd may be: odd"):
            check_form(Draft("odd", "alice", "alice", "like a credential", KEY))
    finally:
        remove()


SEEN_AND_NOT = "ab#@ \n\t\u0301\u0316\u200d\u3164\u115f\ufe0f\u2800é😀\x00\u2028\ud800\u00a0"


@given(st.text(st.sampled_from(SEEN_AND_NOT), max_size=60) | st.text(max_size=60))
def test_the_short_way_passes_only_what_the_long_one_does(text: str) -> None:
    """Most texts are checked the short way; with one more character at the end, the long way is used."""
    for ending in ("", "\u0316\u3164" * 31):
        assert passes(text + ending) == passes("\t" + text + ending)


def passes(text: str) -> bool:
    try:
        check_text(text)
    except BadText:
        return False
    return True


BLANK = [
    *(0x2800, *range(0xFFF9, 0xFFFD), 0x1D159, *range(0x13430, 0x13443), *range(0xFDD0, 0xFDF0)),
    *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)),
]
"""What shows nothing, though by its category it might."""


def test_what_shows_nothing_is_no_post() -> None:
    """Of all code points, alone or many: spaces, controls, marks, what Unicode tells everybody to ignore, and
    a list of others. Every other one is something, also what Unicode has not assigned yet."""
    ignorable = {code for first, last in RANGES for code in range(first, last + 1)}
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        is_nothing = (
            code in BLANK
            or code in ignorable
            or letter.isspace()
            or unicodedata.category(letter) in ("Cc", "Cs", "Mn", "Mc", "Me")
        )
        for text in (letter, f" {letter}{letter}\u200b"):
            assert is_taken(text) is not is_nothing, hex(code)


def is_taken(text: str) -> bool:
    try:
        check_text(text)
    except BadText:
        return False
    return True


@pytest.mark.parametrize(
    "draft",
    [
        Draft("register", "nickserv", "nickserv", "argon2id", b"k" * 16),
        Draft("guest", "~chanserv", "~chanserv", "chanserv c C", b"k" * 16),
        Draft("nick", "~bob", "~bob", "Server b B", b"k" * 16, 0, More(to="~server")),
    ],
    ids=lambda draft: draft.kind,
)
def test_nobody_gets_the_name_of_a_service(draft: Draft) -> None:
    """In whatever log, and whoever asks: by a registration, as a guest, or as one who is called otherwise."""
    with pytest.raises(BadName):
        check_form(draft)


def test_who_has_the_name_of_a_service_of_old_goes_on() -> None:
    check_form(Draft("post", "nickserv", "#tea", "hi", b"k" * 16))
    check_form(Draft("secret", "nickserv", "nickserv", "argon2id", b"k" * 16))
    check_form(Draft("post", "alice", "alice=nickserv", "hi", b"k" * 16))
