"""Commands that are printed for somebody to run."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatnet.addresses import parse_masters
from chatnet.command_lines import ChatCommand, about_the_same, beside
from chatnet.world import World
from chatnet.world.real import real_world

SOURCES = Path(__file__).parents[1] / "chatnet"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world in a directory of its own, with a program in another, which the environment misleads."""
    environ = {"CHATNET_MASTER": "elsewhere"}
    return replace(real_world(), directory=tmp_path, environ=environ, executable="/usr/bin/python")


@pytest.mark.parametrize(
    ("masters", "command", "from_afar"),
    [
        ("localhost", "twistd -n chat-client bob", "HOST"),
        ("127.0.0.1:64480", "twistd -n chat-client bob", "HOST"),
        ("127.0.0.1:7000", "twistd -n chat-client --master 127.0.0.1:7000 bob", "HOST:7000"),
        ("a,b:7", "twistd -n chat-client --master a:64480,b:7 bob", ""),
        ("[fe80::1]:7", "twistd -n chat-client --master '[fe80::1]:7' bob", ""),
    ],
)
def test_a_client_is_told_what_it_does_not_find_by_itself(
    masters: str, command: str, from_afar: str, world: World
) -> None:
    """What the environment here says counts for nothing: whoever runs the command has another one."""
    chat = ChatCommand.of(parse_masters(masters), world)
    assert (chat.to_run("bob"), chat.from_afar) == (command, from_afar)


def test_a_code_is_asked_for_and_stands_in_no_command_line(world: World) -> None:
    """Where the masters are this machine, it is said how they are reached from another."""
    assert ChatCommand.of(parse_masters("a"), world).with_code("bob") == [
        "This asks for it: twistd -n chat-client --master a:64480 bob --with-code"
    ]
    assert ChatCommand.of(parse_masters("localhost:7"), world).with_code("bob") == [
        "This asks for it: twistd -n chat-client --master localhost:7 bob --with-code",
        "From another machine, with --master HOST:7, where HOST is this one.",
    ]


def test_programs_are_called_as_from_here() -> None:
    """By their place in this tree, or else by their name alone."""
    assert beside("/here/.venv/bin/python", Path("/here"), "twistd") == ".venv/bin/twistd"
    assert beside("/usr/bin/python", Path("/here"), "chatnet") == "chatnet"


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"master": None, "data": "chatnet-data"}, "“chatnet level up”"),
        ({"master": "a,b", "data": "chatnet-data"}, "“chatnet level up --master a,b”"),
        ({"data": "/my data"}, "“chatnet level up --data '/my data'”"),
        ({"token-file": "t", "insecure": 1}, "“chatnet level up --token-file t --insecure”"),
        ({"store": "postgresql://u:secret@h/d"}, "“chatnet level up”"),
    ],
)
def test_a_named_command_is_about_the_same_cluster(options: dict[str, Any], shown: str, world: World) -> None:
    """As this one was; a store's URL, with its password, is not repeated. Other “words” stay."""
    said = "All understand level 2: {} raises it; “words”."
    assert about_the_same(said.format("“chatnet level up”"), options, world) == said.format(shown)


def test_what_was_read_is_to_be_checked(world: World) -> None:
    """It may be a backup."""
    options = {"data": "chatnet-data", "store": None, "file": "old log.sqlite"}
    assert (
        about_the_same("“chatnet check” says more.", options, world)
        == "“chatnet check 'old log.sqlite'” says more."
    )
    assert about_the_same("“chatnet stop” first.", options, world) == "“chatnet stop” first."
    world = replace(world, executable=str(world.directory / ".venv/bin/python"))
    assert about_the_same("“chatnet stop” first.", {}, world) == "“.venv/bin/chatnet stop” first."


def _texts() -> list[tuple[str, str]]:
    """Return all texts in the sources, with their files; docstrings are none."""
    found: list[tuple[str, str]] = []
    for path in {*SOURCES.rglob("*.py")} - {SOURCES / "command_lines.py"}:
        tree = ast.parse(path.read_text())
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
                found.append((path.name, node.value))
    return found


def test_no_sentence_asks_for_a_secret_in_a_command_line() -> None:
    """What a command line holds, all users of the machine can read: --with-code and --password ask."""
    assert [
        text for text in _texts() if re.search(r"(?<!-)--(code|password|token)[ =]+[A-Z{]", text[1])
    ] == []


def test_commands_stand_in_quotation_marks_where_the_operator_is_told_of_them() -> None:
    """So that they can be completed; a colon also sets off how a command is typed, in its own usage."""
    told = [
        text for text in _texts() if re.search(r"\bchatnet (status|level|check|log|stop|signup)\b", text[1])
    ]
    assert [text for text in told if not re.search(r"[“:] ?chatnet ", text[1])] == []
