"""What others say cannot affect readers of a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.client.manual import COMMANDS
from chatnet.entries import Draft
from chatnet.operator.options import NAMES
from chatnet.text import LONGEST, harmless, legible, meant


@given(st.text() | st.binary(), st.integers(1, 50))
def test_whatever_is_said_is_legible(said: str | bytes, most: int) -> None:
    """It is on one line, printable, and within the wanted length, escapes included."""
    shown = legible(said, most)
    assert shown.isprintable()
    assert len(shown) <= most + 1


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("größe हिन्दी 😀", "größe हिन्दी 😀"),
        ("\x1b[2J\x9b", r"\x1b[2J\x9b"),
        ("a\nb\r\u2028\t", r"a\nb\r\u2028\t"),
        ("\u202etxt\u200b\ud800", r"\u202etxt\u200b\ud800"),
        (b"Foo\xff\x1b", r"Foo\xff\x1b"),
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * 70_000, "x" * LONGEST + "…"),
        (b"x" * 70_000, "x" * LONGEST + "…"),
        ("", ""),
    ],
)
def test_what_is_not_printable_is_escaped(said: str | bytes, shown: str) -> None:
    """So the reader sees what it was."""
    assert legible(said) == shown


def test_lines_of_ours_keep_their_shape() -> None:
    """A traceback keeps its lines; what a terminal would obey in it is escaped all the same."""
    assert harmless("Traceback:\n\tx = '\x1b[2J\r\u202e'\n") == "Traceback:\n\tx = '\\x1b[2J\\r\\u202e'\n"


def test_a_draft_is_described_without_what_it_says() -> None:
    """A post is private, and a credential is a secret."""
    described = Draft("secret", "alice", "alice", "random$5ec2e7", b"k" * 16).described()
    assert described == f"secret of alice, 13 characters, key {(b'k' * 16).hex()}"


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        # A letter is left out, added, replaced, or swapped with its neighbour.
        *[("JION", "JOIN"), ("LSIT", "LIST"), ("QUTI", "QUIT"), ("HLEP", "HELP"), ("LIST!", "LIST")],
        *[("SYA", "SAY"), ("HLP", "HELP"), ("BNA", "BAN"), ("JON", "JOIN")],
        *[("LEEVE", "LEAVE"), ("ROOMMS", "ROOMS"), ("MEMBRES", "MEMBERS"), ("HISTROY", "HISTORY")],
        *[("UNBLOK", "UNBLOCK"), ("SESSOINS", "SESSIONS"), ("INVITATONS", "INVITATIONS")],
        *[("statsu", "status"), ("stepdwon", "stepdown"), ("signpu", "signup"), ("usre", "user")],
        # It is the beginning of one.
        *[("HIST", "HISTORY"), ("MEMB", "MEMBERS"), ("WHO", "WHOIS"), ("PASS", "PASSWORD")],
        *[("INVIT", "INVITE"), ("UNBL", "UNBLOCK")],
        # None is near: these are commands elsewhere, or words.
        *[("MSG", ""), ("ME", ""), ("NICK", ""), ("PART", ""), ("KICK", ""), ("EXIT", ""), ("TOPIC", "")],
        *[("NAMES", ""), ("WHISPER", ""), ("DM", ""), ("LS", ""), ("H", ""), ("", ""), ("TEA", "")],
        *[("restart", ""), ("start", ""), ("run", ""), ("signin", ""), ("dance", ""), ("x" * 70_000, "")],
    ],
)
def test_a_guess_is_near_or_none_is_made(typed: str, near: str) -> None:
    """Who typed something else is not sent astray."""
    known = COMMANDS if typed.isupper() else NAMES
    assert meant(typed, known) == (f" Did you mean {near}?" if near else "")


@given(st.sampled_from(COMMANDS), st.integers(0, 20), st.data())
def test_whatever_is_mistyped_once_is_guessed(command: str, where: int, data: st.DataObject) -> None:
    """In words of three letters and more, if what was typed is not nearer to another one."""
    at = where % len(command)
    letter = data.draw(st.sampled_from("ABCXYZ"))
    for typed in (
        command[:at] + letter + command[at:],
        command[:at] + letter + command[at + 1 :],
        command[:at] + command[at + 1 : at + 2] + command[at : at + 1] + command[at + 2 :],
    ):
        if len(typed) > 2 and typed not in COMMANDS:
            guess = meant(typed, COMMANDS)
            assert guess == meant(f"/{typed}", [f"/{one}" for one in COMMANDS]).replace("/", "")
            assert guess


@pytest.mark.parametrize("typed", ["--jsno", "--jso", "--x", "--no-such"])
def test_the_dashes_of_an_option_are_no_letters_of_it(typed: str) -> None:
    """Otherwise all options would be near to each other."""
    assert bool(meant(typed, ["--json", "--master"])) is typed.startswith("--js")
