"""What a typed line is, whatever was typed before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.client.typed import Ahead, command_in, has_password, post_in

LINES = [
    "CHAT",
    "chat #tea",
    "/chat",
    "/quit",
    "quit",
    "password",
    "/password",
    "PASSWORD x",
    "hello",
    "",
    "//x",
]


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([], "command"),
        (["chat"], "post"),
        (["chat", "chat", "/chat #tea"], "post"),
        (["chat", "/quit"], "command"),
        (["chat", "/quit x"], "post"),
        (["password"], "password"),
        (["password", "password"], "command"),
        (["chat", "password"], "post"),
        (["chat", "/Password"], "password"),
        (["chat", "/password", "/password", "/quit", "password"], "password"),
        (["password x", "chat", "/password y"], "post"),
    ],
)
def test_a_line_is_what_those_before_it_make_it(lines: list[str], what: str) -> None:
    """They need not be done yet."""
    ahead = Ahead()
    for line in lines:
        ahead.add(line)
    assert ahead.next == what


@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_what_is_done_changes_nothing_for_what_was_typed(lines: list[str]) -> None:
    """Typed at once, or each only when those before it are done: all lines are the same."""
    at_once, one_by_one = Ahead(), Ahead()
    was = [at_once.add(line) for line in lines]
    for line, what in zip(lines, was, strict=True):
        assert one_by_one.add(line) == what
        for ahead in (one_by_one, at_once):
            ahead.done()
            ahead.gave()
        said = Ahead()
        said.expect("post" if what == "post" else "command")
        said.add(line)
        if what != "password":
            mode = (
                "post" if said.next == "post" or (said.next == "password" and what == "post") else "command"
            )
            for ahead in (one_by_one, at_once):
                ahead.expect(mode)
                if said.next == "password":
                    ahead.expect("password")
    assert one_by_one.next == at_once.next


def test_an_answer_is_typed_after_its_question() -> None:
    """A line that was typed before it is no answer, and stays what it was."""
    ahead = Ahead()
    assert ahead.add("y") == "command"
    ahead.expect("answer")
    assert ahead.add("n") == "answer"
    assert ahead.next == "command"


@pytest.mark.parametrize("line", ["/x", " \t/x", "\u200b/x", "／x", "∕x "])
def test_a_command_in_a_chat_begins_with_what_looks_like_a_slash(line: str) -> None:
    assert command_in(line, "post") == "x"
    assert command_in(line, "command") == "x"
    assert command_in(line, "password") is None


@pytest.mark.parametrize(
    ("line", "text"),
    [("//x", "/x"), (" //x", " /x"), ("///", "//"), ("／/x", "/x"), ("x//y", "x//y"), ("", ""), (" ", " ")],
)
def test_of_two_slashes_one_is_posted(line: str, text: str) -> None:
    assert command_in(line, "post") is None
    assert post_in(line) == text


@pytest.mark.parametrize(
    "line", ["PASSWORD x", "/password\tx", "/ password x", "／password\nx", "password\u00a0x"]
)
def test_a_password_behind_its_command_is_known(line: str) -> None:
    """So it is not remembered, whatever was expected."""
    assert has_password(line)
    assert not has_password("password")
    assert not has_password("passwords are secret")
