"""Names, topics and rooms have one spelling, and a text names some of them."""

from __future__ import annotations

import sys
import time
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.errors import BadName, BadRoom, ChatnetError
from chatnet.ignorable import RANGES, bare
from chatnet.names import (
    MAX_NAME,
    MAX_ROOM,
    MAX_SPELLED,
    RESERVED,
    check_new,
    fold,
    fold_for,
    fold_name,
    fold_prefix,
    fold_room,
    fold_user,
    is_name,
    is_room,
    named,
    talk,
    too_many_marks,
)

ALL = [chr(code) for code in range(sys.maxunicode + 1)]
ZWNJ, ZWJ = "\u200c", "\u200d"
ACUTE = "\u0301"

# Format characters that Unicode does not call ignorable: those that are seen, before or around others.
SEEN_FORMATS = (
    "\u0600-\u0605 \u06dd \u070f \u0890-\u0891 \u08e2 \ufff9-\ufffb "
    "\U000110bd \U000110cd \U00013430-\U00013440"
)


def seen_formats() -> set[str]:
    bounds = [part.partition("-") for part in SEEN_FORMATS.split(" ")]
    return {chr(code) for first, _, last in bounds for code in range(ord(first), ord(last or first) + 1)}


# ---- what cannot be seen ----


def test_the_ignorable_are_those_of_unicode() -> None:
    """The table has as many as Unicode says, all invisible format characters, and all selectors."""
    ignorable = {chr(code) for first, last in RANGES for code in range(first, last + 1)}
    assert len(ignorable) == 4174
    formats = {letter for letter in ALL if unicodedata.category(letter) == "Cf"}
    assert formats - seen_formats() <= ignorable
    assert not seen_formats() & ignorable
    assert {letter for letter in ALL if "VARIATION SELECTOR" in unicodedata.name(letter, "")} <= ignorable
    assert {
        letter for letter in ALL if "HANGUL" in (name := unicodedata.name(letter, "")) and "FILLER" in name
    } <= ignorable
    assert bare("".join(sorted(ignorable)) + "é") == "é"


# ---- names ----


@pytest.mark.parametrize(
    ("given_name", "folded"),
    [
        ("Alice", "alice"),
        (" bob ", "bob"),
        ("a" * 32, "a" * 32),
        ("x_-9", "x_-9"),
        ("9", "9"),
        ("İan", "ian"),
    ],
)
def test_names_fold(given_name: str, folded: str) -> None:
    """A name has one spelling, however it is typed."""
    assert fold_name(given_name) == folded


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a" * 33,
        "al ice",
        "é",
        "#x",
        "a\x00",
        "@bob",
        "a\nb",
        "\ud800",
        "-",
        "--help",
        "_a",
        *sorted(RESERVED),
        "ALL",
    ],
)
def test_bad_names_get_a_sentence(name: str) -> None:
    """What is no name, or looks like everybody or an operator, is refused by one printable line."""
    with pytest.raises(BadName) as caught:
        fold_name(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert all(word in str(caught.value) for word in ("begins with a letter or digit", *RESERVED))


@pytest.mark.parametrize(
    "name", ["nickserv", "n0deserv", "chan_serv", "global", "server", "~irc", "0per-serv"]
)
def test_nobody_new_is_called_as_a_service_is(name: str) -> None:
    """But it is read as any name: somebody may have it of old."""
    with pytest.raises(BadName, match=name[1:] if name[0] == "~" else name):
        check_new(name)
    assert fold_user(name) == name


@pytest.mark.parametrize("name", ["alice", "~bob", "servant", "observer", "ircbot", "server-7"])
def test_others_are_called_as_they_like(name: str) -> None:
    assert check_new(name) == name


# ---- rooms ----


@pytest.mark.parametrize(
    ("given_room", "folded"),
    [
        ("Bob", "bob"),
        ("#Python", "#python"),
        ("#Grüße", "#grüsse"),
        ("#STRASSE", "#strasse"),
        ("#e\u0301t\u00e9", "#\u00e9t\u00e9"),
        ("#ΟΔΟΣ", "#οδοσ"),
        ("#οδός", "#οδόσ"),
        ("#İstanbul", "#istanbul"),
        ("#i\u0307x", "#ix"),
        ("#हिन्दी", "#हिन्दी"),
        ("#สวัสดี", "#สวัสดี"),
        ("#தமிழ்", "#தமிழ்"),
        ("#עִבְרִית", "#עִבְרִית"),
        (f"#ශ්{ZWJ}රීලංකා", "#ශ්රීලංකා"),
        (f"#می{ZWNJ}خواهم", "#میخواهم"),
        ("#tea\ufe0f", "#tea"),
        ("#\u3164tea", "#tea"),
        ("#٣", "#٣"),
    ],
)
def test_rooms_fold(given_room: str, folded: str) -> None:
    """A topic has letters, marks and digits of any script, and one spelling in commands and texts."""
    assert unicodedata.normalize("NFC", folded) == fold_room(given_room)
    assert named(given_room) == ((fold_room(given_room),) if given_room.startswith("#") else ())


@pytest.mark.parametrize(
    "room",
    [
        "",
        "#",
        "##a",
        "#a b",
        "#" + "a" * 65,
        "#a.b",
        "a" * 33,
        "@bob",
        "#☃",
        "#-a",
        "#_a",
        "#\u3164",
        "#" + ACUTE + "a",
        "#a²",
    ],
)
def test_bad_rooms_get_a_sentence(room: str) -> None:
    """What is neither a user's room nor a topic is refused by one printable line."""
    with pytest.raises(BadRoom) as caught:
        fold_room(room)
    assert str(caught.value).isprintable()


def test_a_command_and_a_text_agree_on_every_letter() -> None:
    """Whatever follows ``#x``, a post to it and a join of it are in the same room.

    A character that no topic has ends the word in a text, and is refused in a command.
    """
    for start in range(0, len(ALL), 4096):
        spelled = ["#x" + letter for letter in ALL[start : start + 4096]]
        joined = {room_or_x(word) for word in spelled}
        assert set(named(" ".join(spelled))) == joined


def room_or_x(word: str) -> str:
    try:
        return fold_room(word)
    except BadRoom:
        return "#x"


def test_folding_is_stable_on_every_letter() -> None:
    """A folded text folds to itself, and texts that differ by case or composition alone fold alike."""
    for letter in ALL:
        folded = fold("x" + letter)
        if folded != "x" + letter:
            assert fold(folded) == folded
        if unicodedata.category(letter)[0] == "L":
            assert fold(unicodedata.normalize("NFD", "x" + letter)) == folded
            assert fold("x" + letter.casefold()) == folded


odd = st.text(
    st.sampled_from("ab#@ i\u0307\u0323\u0301\u0345ςσßẞſﬀΐᾳİI-_9٣\u200d\u3164\ufe0f한\u1100\u1161\u11a8"),
    max_size=30,
)


@given(odd | st.text(max_size=80))
def test_folding_is_stable(text: str) -> None:
    """Composed or not, with invisible characters or without, a text names the same rooms."""
    assert fold(fold(text)) == fold(text)
    for other in (
        unicodedata.normalize("NFD", text),
        unicodedata.normalize("NFC", text),
        bare(text),
        fold(text),
    ):
        assert named(other) == named(text)
    try:
        folded = fold_room(text)
    except ChatnetError:
        return
    assert fold_room(folded) == folded
    assert named(text.strip()) == ((folded,) if folded.startswith("#") else ())


@given(st.text(st.sampled_from("aA9_-#@&/. "), max_size=30))
def test_ascii_takes_no_other_way(text: str) -> None:
    """Whether or not a text has other characters, its ASCII words name the same rooms."""
    assert named(text + " é") == named(text)


@pytest.mark.parametrize(
    ("prefix", "folded"),
    [("", ""), ("#PY", "#py"), (" Al", "al"), ("#cafe" + ACUTE, "#café"), ("#\u200d", "#"), ("#ẞ", "#ss")],
)
def test_prefixes_fold_as_rooms_do(prefix: str, folded: str) -> None:
    """So a search for the beginning of a name finds it, however it is typed."""
    assert fold_prefix(prefix) == folded


# ---- what it costs ----

MARKS = "\u0301\u0316" * 500_000


@pytest.mark.parametrize("work", [fold_room, fold_name, fold_prefix], ids=lambda work: work.__name__)
@pytest.mark.parametrize(
    "word", ["#x" + MARKS, "x" + MARKS, "#" + "x\u0345" * 500_000], ids=["topic", "name", "long"]
)
def test_lengths_are_looked_at_first(work: object, word: str) -> None:
    """To order a million marks would take an hour: nobody can cause that."""
    began = time.process_time()
    with suppress(BadName, BadRoom):
        work(word)  # type: ignore[operator]
    assert time.process_time() - began < 0.5


def test_many_marks_are_no_room() -> None:
    """Thirty in a row are more than any script has; invisible characters do not separate them."""
    assert fold_room("#x" + "\u0316" * 30)
    for row in ("\u0316" * 31, "\u0316\u200d" * 31, "\u0316" * (MAX_SPELLED - 2)):
        assert too_many_marks(bare(row))
        with pytest.raises(BadRoom):
            fold_room("#x" + row)
    assert not too_many_marks("\u2800" * 100)
    assert not too_many_marks("\u0316" * 30 + "x" + "\u0316" * 30)


# ---- texts ----


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hello", ()),
        ("@bob hi", ("@bob",)),
        ("hi @Bob, and @bob.", ("@bob",)),
        ("mail bob@example.org", ()),
        ("#python is #Python", ("#python",)),
        ("see http://x/#part", ()),
        ("#a#b", ("#a",)),
        ("#हि#b", ("#हि",)),
        ("a\u200b#b", ()),
        ("(#topic)", ("#topic",)),
        ("@" + "a" * 33, ()),
        ("#" + "a" * 65, ()),
        ("#" + "é" * 65, ()),
        ("#" + "é" * 64, ("#" + "é" * 64,)),
        ("#grüße an @anna-lena!", ("#grüsse", "@anna-lena")),
        ("# @ ## @@", ()),
        ("@all @here @-x #-x", ()),
        ("one\n#two\n@three", ("#two", "@three")),
    ],
)
def test_a_text_names_topics_and_users(text: str, found: tuple[str, ...]) -> None:
    """Each comes once, in the order of the text; addresses and URLs name none."""
    assert named(text) == found


@given(st.text(max_size=100))
def test_what_is_named_can_be_joined(text: str) -> None:
    """It is a topic, or a name after an ``@``, in its one spelling."""
    for word in named(text):
        assert is_name(word[1:]) if word.startswith("@") else fold_room(word) == word


@pytest.mark.parametrize("mine", ["b", "b" * MAX_NAME, "~" + "b" * MAX_NAME])
@pytest.mark.parametrize("letters", [1, MAX_NAME - 1, MAX_NAME])
@pytest.mark.parametrize("guest", ["", "~"])
def test_what_is_taken_for_a_room_is_one(mine: str, letters: int, guest: str) -> None:
    """However long the names of two are. Whatever is said to the log about a room has room for it."""
    other = guest + "a" * letters
    is_short = len(mine) + len(other) < MAX_ROOM
    for spelled in ("@" + other, talk(mine, other)):
        assert is_room(talk(mine, other)) is is_short
        if is_short:
            assert fold_for(spelled, mine) == talk(mine, other)
        else:
            with pytest.raises(BadRoom):
                fold_for(spelled, mine)
