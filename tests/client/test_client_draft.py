"""The typed line: keys, pastes, and the cursor."""

from __future__ import annotations

from typing import Any

import pytest
import urwid
from hypothesis import given
from hypothesis import strategies as st

from chatnet.client.completion import Completion
from chatnet.client.draft import MAX_DRAFT, OVERLONG, TOO_LONG, Draft, Pasted
from chatnet.client.pastes import Pastes
from chatnet.client.said import Said
from chatnet.client.seen import MOST_SEEN, Seen
from chatnet.client.typed import command_in, post_in

urwid.set_encoding("utf-8")
BEGIN, END = b"\x1b[200~", b"\x1b[201~"


class Typing:
    """A draft, and what was entered."""

    def __init__(self, what: str = "post") -> None:
        self.entered: list[str] = []
        self.told: list[str] = []
        self.seen = Seen()
        completion = Completion(self.seen)
        completion.commands = ["JOIN", "LIST", "HISTORY", "HELP", "CHAT", "CHATTEST"]
        self.draft = Draft(
            self.entered.append, lambda: self.entered.append("the end"), self.told.append, completion
        )
        self.draft.expect(what)

    def press(self, *keys: str) -> Typing:
        for key in keys:
            self.draft.press(key)
        return self

    def sees(self, width: int = 20, height: int = 9) -> tuple[list[str], tuple[int, int]]:
        found, cursor = self.draft.laid_out(width, height)
        return [row.shown.decode().rstrip() for row in found], cursor


def test_a_paste_is_one_draft() -> None:
    """Its line breaks and tabs are seen, and posted unchanged; its last line break comes from the copying."""
    typing = Typing().press(*"so: ", Pasted("a\tb\nc\n"), "e")
    assert typing.entered == []
    assert typing.sees() == (["say: so: a  b⏎", "  c"], (3, 1))
    assert typing.press("enter").entered == ["so: a\tb\nc"]


def test_a_paste_of_several_lines_is_sent_after_a_question() -> None:
    """The question is below the text and says how many lines it would send, and where; y sends them."""
    typing = Typing()
    typing.draft.expect("post", "#tea")
    typing.press(*"so: ", Pasted("a\nb\n"))
    question = "Send these 2 lines as one post in #tea? y, n, or e to edit:"
    assert typing.sees(80) == (["in #tea: so: a⏎", "  b", question], (len(question) + 1, 2))
    assert typing.press("enter", "x", "up", "ctrl d", "backspace", "tab").entered == []
    assert typing.sees(80)[0][-1] == question
    assert typing.press("Y").entered == ["so: a\nb"]
    assert typing.sees(80)[0] == ["in #tea:"]


def test_a_paste_that_is_not_sent_is_not_lost() -> None:
    """With n the line is as before, and the key up brings the paste back; with e it is edited."""
    typing = Typing().press(*"half", "left", Pasted("a\nb"), "n")
    assert (typing.draft.text, typing.sees(40)[1]) == ("half", (8, 0))
    assert typing.press("up").draft.text == "hala\nbf"
    assert typing.press("down").draft.text == "half"
    typing = Typing().press(Pasted("a\nb"), "e", "x", "enter")
    assert typing.entered == ["a\nbx"]


def test_a_second_paste_is_asked_about_with_the_first() -> None:
    """Somebody may paste in parts."""
    typing = Typing().press(Pasted("a\nb"), Pasted("c\nd"))
    assert typing.sees(80)[0][-1].startswith("Send these 3 lines")
    assert typing.press("y").entered == ["a\nbc\nd"]


@pytest.mark.parametrize("text", ["/quit\nx", "  /join #tea\nx", "//x\ny", "／\nx"])
def test_what_is_sent_as_one_post_is_no_command(text: str) -> None:
    """Whatever it begins with, it is posted as it was copied."""
    (line,) = Typing().press(Pasted(text), "y").entered
    assert (command_in(line, "post"), post_in(line)) == (None, text)


def test_a_paste_into_a_command_is_not_asked_about() -> None:
    """It is no post of its own."""
    assert Typing().press(*"/say #tea ", Pasted("a\nb"), "enter").entered == ["/say #tea a\nb"]


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        ("x\n" * 1_000 + "x", "A post has at most 2,000 characters; this one has 2,001."),
        ("x\n" * 41 + "x", "A post has at most 40 line feeds."),
        ("a\x1bb\nc", "A post has no control characters; tabs and line feeds are fine."),
    ],
)
def test_what_cannot_be_posted_stays_in_the_line(pasted: str, why: str) -> None:
    """A sentence says why, at the paste and at Enter, and it can be made shorter."""
    typing = Typing().press(Pasted(pasted), "enter")
    assert (typing.told, typing.entered, typing.draft.text) == ([why, why], [], pasted)
    typing.press(*["backspace"] * len(pasted), "x", "enter")
    assert typing.entered == ["x"]


def test_a_question_about_a_paste_ends_with_the_chat() -> None:
    """What was pasted stays in the line."""
    typing = Typing().press(Pasted("a\nb"))
    typing.draft.expect("command")
    assert typing.sees(40)[0] == ["> a⏎", "  b"]
    typing.draft.expect("post")
    assert typing.press("y").draft.text == "a\nby"


def test_what_is_pasted_as_commands_is_entered_line_by_line() -> None:
    """It is entered as from a pipe; the last line waits for Enter."""
    assert Typing("command").press(Pasted("list\nhelp\nch"), *"at", "enter").entered == [
        "list",
        "help",
        "chat",
    ]


def test_a_pasted_password_is_not_shown() -> None:
    """What follows it is not shown either."""
    typing = Typing("password").press(Pasted("geheim"))
    assert typing.sees(40)[0] == ["Password: ******"]


@pytest.mark.parametrize("what", ["post", "command", "password", "answer"])
def test_a_paste_far_over_the_longest_post_is_left_out(what: str) -> None:
    """It is said, and what was typed before stays: it is not entered without what should follow."""
    for pasted in ("x" * MAX_DRAFT, "x" * MAX_DRAFT + "\nlist\n", "list\n" + "x" * (MAX_DRAFT + 1)):
        typing = Typing(what).press(*"join ", Pasted(pasted))
        assert typing.told == [TOO_LONG]
        assert typing.entered == []
        assert typing.draft.text == "join "
        assert typing.press(Pasted("x" * (MAX_DRAFT - 5))).draft.text == "join " + "x" * (MAX_DRAFT - 5)


def test_a_line_that_is_full_takes_no_more_keys() -> None:
    """A terminal that does not mark pastes sends their lines as keys; it is said once, until there is
    room."""
    typing = Typing().press(*"x" * (MAX_DRAFT + 1_000), "tab", "<255>")
    assert len(typing.draft.text) == MAX_DRAFT
    assert typing.told == [TOO_LONG]
    typing.press("backspace", "y", "z")
    assert typing.draft.text.endswith("xy")
    assert typing.told == [TOO_LONG] * 2
    assert typing.press(OVERLONG).told == [TOO_LONG] * 3


def test_a_tab_is_typed() -> None:
    """It is not lost, since it would come like this without bracketed paste."""
    assert Typing().press("a", "tab", "b", "enter").entered == ["a\tb"]


def test_a_byte_that_is_no_character_leaves_a_trace() -> None:
    """What is posted is what is seen."""
    assert Typing().press("a", "<255>", "enter").entered == ["a\ufffd"]


@pytest.mark.parametrize(
    ("keys", "text", "column"),
    [
        (["left", "left", "X"], "oneX three", 9),
        (["home", "X"], "Xone three", 6),
        (["ctrl a", "delete", "delete"], "e three", 5),
        (["backspace"], "one thre", 13),
        (["ctrl w", "ctrl w", "X"], "X", 6),
        (["home", "right", "right", "right", "ctrl k"], "one", 8),
        (["ctrl a", "ctrl d"], "ne three", 5),
        (["ctrl u"], "", 5),
        (["left", "end", "!"], "one three!", 15),
    ],
)
def test_keys_edit(keys: list[str], text: str, column: int) -> None:
    """They edit as in a shell."""
    typing = Typing().press(*"one three")
    if keys[:2] == ["left", "left"]:
        keys = ["left"] * 6 + keys[2:]
    typing.press(*keys)
    assert typing.draft.text == text
    assert typing.sees(40)[1] == (column, 0)


def test_the_cursor_moves_by_what_one_sees() -> None:
    """It moves over an accent, a family or a syllable at a time."""
    typing = Typing().press(*"e\u0301👨‍👩‍👧က\u103c\u102e")
    columns = [typing.press("left").sees(60)[1][0] for _ in range(4)]
    assert columns[2:] == [5, 5]
    assert columns[0] > columns[1] > columns[2]


@pytest.mark.parametrize("room", ["#tea", "#\u0e01\u0e35\u0e49", "#a\u200bb"])
def test_the_cursor_is_behind_what_was_typed_in_any_room(room: str) -> None:
    """A room's name may be of letters that take several characters."""
    typing = Typing()
    typing.draft.expect("post", room)
    (empty,), at_first = typing.sees(60)
    assert at_first == (len([*empty]) + 1 - ("\u0e35" in room) * 2, 0)
    assert typing.press("x", "y").sees(60)[1] == (at_first[0] + 2, 0)


def test_half_a_line_is_kept_while_one_looks_at_those_before() -> None:
    """The down key brings it back."""
    typing = Typing().press(*"one", "enter", *"half", "up")
    assert typing.draft.text == "one"
    assert typing.press("down").draft.text == "half"


def test_a_long_draft_is_seen_around_the_cursor() -> None:
    """It is seen in as many rows as there are for it."""
    typing = Typing().press(Pasted("x" * 500))
    found, (_, row) = typing.sees(20, 4)
    assert (len(found), row) == (4, 3)
    assert typing.press("home").sees(20, 4)[0][0].startswith("say: x")


@given(
    st.text(st.characters(codec="utf-8"), max_size=80),
    st.integers(1, 60),
    st.integers(1, 8),
    st.integers(0, 90),
)
def test_any_draft_can_be_drawn(text: str, width: int, height: int, left: int) -> None:
    """The cursor is on the screen."""
    typing = Typing().press(Pasted(text), *["left"] * left)
    found, (column, row) = typing.draft.laid_out(width, height)
    assert 1 <= len(found) <= height
    assert 0 <= column < width
    assert 0 <= row < len(found)
    is_asked = "\n" in text.removesuffix("\n") and not typing.told
    assert (typing.draft._unpasted is not None) is is_asked
    urwid.TextCanvas([row.shown for row in found], [list(row.looks) for row in found], maxcol=width)


# ---- completing ----


def talk() -> list[Said]:
    """Return what was said, the newest last."""
    return [
        Said("bob", "bob", "hi, see #teapot and #tea"),
        Said("#tea", "bo-peep", "where is @boris?"),
        Said("#çay", "carol", "merhaba"),
    ]


def after_talk(what: str = "post") -> Typing:
    """Return a draft of somebody who has seen the talk."""
    typing = Typing(what)
    for said in talk():
        typing.seen.said(said)
    return typing


@pytest.mark.parametrize(
    ("what", "typed", "completed"),
    [
        ("post", "hi @bo", ["hi @bo-peep ", "hi @boris ", "hi @bob ", "hi @bo-peep "]),
        ("post", "(@CA", ["(@carol ", "(@carol "]),
        ("post", "I like #te", ["I like #tea ", "I like #teapot ", "I like #tea "]),
        ("post", "#Ç", ["#çay "]),
        ("post", "@", ["@carol ", "@bo-peep "]),
        ("post", "@noname", ["@noname", "@noname"]),
        ("post", "/hi", ["/history ", "/history "]),
        ("post", "  /he", ["  /help "]),
        ("post", "/ch", ["/chat ", "/chattest ", "/chat "]),
        ("post", "/CH", ["/CHAT "]),
        ("post", "/join c", ["/join carol "]),
        ("post", "/join #T", ["/join #tea "]),
        ("post", "/say #tea @bor", ["/say #tea @boris "]),
        ("post", "/say #tea bor", ["/say #tea bor\t"]),
        ("post", "/invite &ops bor", ["/invite &ops boris "]),
        ("command", "BAN #tea bob be", ["BAN #tea bob be\t"]),
        ("post", "/nothing", ["/nothing"]),
        ("post", "//hi", ["//hi\t"]),
        ("post", "bo", ["bo\t", "bo\t\t"]),
        ("post", "mail@bo", ["mail@bo\t"]),
        ("post", "", ["\t"]),
        ("command", "li", ["list "]),
        ("command", "JO", ["JOIN "]),
        ("command", "join bob", ["join bob "]),
        ("command", "join", ["join "]),
        ("command", "join ", ["join \t"]),
        ("command", "", ["\t"]),
        ("answer", "@bo", ["@bo\t"]),
        ("password", "@bo", ["@bo\t"]),
    ],
)
def test_tab_completes(what: str, typed: str, completed: list[str]) -> None:
    """The word that was seen last comes first, then the others in turn. A tab that completes nothing is
    typed, unless the word can only be a name, a topic or a command."""
    typing = after_talk(what).press(*typed)
    assert [typing.press("tab").draft.text for _ in completed] == completed


def test_shift_tab_goes_the_other_way() -> None:
    """Also as the first key; where there is nothing to complete, it does nothing."""
    typing = after_talk().press(*"@bo", "shift tab")
    assert typing.draft.text == "@bob "
    assert typing.press("shift tab").draft.text == "@boris "
    assert typing.press("tab").draft.text == "@bob "
    assert after_talk().press(*"bo", "shift tab").draft.text == "bo"


def test_what_is_behind_the_cursor_stays() -> None:
    """One goes on typing behind the word and one space."""
    typing = after_talk().press(*"@bo, hi", *["left"] * 4, "tab", "tab", "!")
    assert typing.draft.text == "@boris !, hi"
    typing = after_talk().press(*"@bo hi", *["left"] * 3, "tab", "tab", "!")
    assert typing.draft.text == "@boris !hi"


def test_a_word_that_was_changed_is_completed_anew() -> None:
    """Only tab after tab goes on to the next."""
    assert after_talk().press(*"@bo", "tab", *"and @c", "tab").draft.text == "@bo-peep and @carol "
    assert after_talk().press(*"@bo", "tab", "backspace", "tab").draft.text == "@bo-peep "


def test_what_no_log_has_is_not_completed() -> None:
    """A worker may send anything, and what is typed is posted."""
    typing = after_talk()
    typing.seen.said(Said("@b\x1b[31m", "bo\u202eb", "@all #"))
    typing.seen.listed(["#te\na", "bo b", "bob=eve"])
    assert set(typing.seen.names) == {"bob", "bo-peep", "boris", "carol"}
    assert set(typing.seen.rooms) == {*typing.seen.names, "#tea", "#teapot", "#çay"}


def test_what_was_seen_is_bounded() -> None:
    """What was not seen for long is forgotten."""
    seen = Seen()
    for number in range(2 * MOST_SEEN):
        seen.said(Said(f"#t{number}", f"u{number}", ""))
    assert len(seen.names) == len(seen.rooms) == MOST_SEEN
    assert seen.names[0] == f"u{2 * MOST_SEEN - 1}"


def test_a_completion_for_which_there_is_no_room_is_none() -> None:
    """A line stays as it is."""
    typing = after_talk().press(Pasted("x" * (MAX_DRAFT - 4)), *" @bo", "tab")
    assert typing.draft.text.endswith("x @bo")


# ---- how pastes are told from typed keys ----


def keys_of(raw: bytes) -> list[Any]:
    """Return the keys that urwid reads."""
    codes, keys = list(raw), []
    while codes:
        found, codes = urwid.display.escape.process_keyqueue(codes, False)
        keys += found
    return keys


def taken(*reads: bytes) -> list[str]:
    pastes = Pastes("utf-8")
    return [key for raw in reads for key in pastes.take(keys_of(raw), raw)]


@pytest.mark.parametrize(
    "reads",
    [
        [b"a" + BEGIN + "ü\tb\r\nc\rd\x1b[A\x03".encode() + END + b"z\r"],
        [b"a" + BEGIN, "ü\tb\r\nc\r".encode(), b"d\x1b[A\x03" + END + b"z\r"],
        [b"a", BEGIN + "ü\t".encode(), b"b\r\n", b"c\r", b"d\x1b[A\x03", END, b"z", b"\r"],
    ],
)
def test_what_is_pasted_comes_as_one_key(reads: list[bytes]) -> None:
    """It comes over any number of reads, in its place among typed keys; its line breaks are line feeds."""
    found = taken(*reads)
    assert found == ["a", "ü\tb\nc\nd\x1b[A\x03", "z", "enter"]
    assert isinstance(found[1], Pasted)


def test_two_pastes_are_two() -> None:
    """An empty paste gives nothing."""
    assert taken(BEGIN + b"a" + END + b"-" + BEGIN + b"b" + END, BEGIN + END) == ["a", "-", "b"]


def test_a_resize_is_noticed_while_one_pastes() -> None:
    """It does not become part of the text."""
    pastes = Pastes("utf-8")
    assert pastes.take(["begin paste", "a", "window resize"], BEGIN + b"a") == ["window resize"]
    assert pastes.take(["b", "end paste"], b"b" + END) == ["ab"]


def test_an_overlong_paste_is_left_out_to_its_end() -> None:
    """What follows the first megabyte is not typed: each of its lines would be entered. It is said once."""
    pastes = Pastes("utf-8")
    assert pastes.take(["begin paste"], BEGIN) == []
    found = [key for _ in range(40) for key in pastes.take([*"x\n"] * 32_768, b"x\n" * 32_768)]
    assert found == [OVERLONG]
    assert pastes.take([*"xy", "end paste", "z"], b"xy" + END + b"z") == ["z"]
    assert taken(BEGIN + b"a" + END) == ["a"]
