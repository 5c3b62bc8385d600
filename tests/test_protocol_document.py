"""docs/protocol.md agrees with the code: each command, its arguments, results and errors; each code."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.protocols import amp

from chatnet import errors, wire
from chatnet.auth import Token
from chatnet.reads import QUESTIONS, Question
from chatnet.wire.arguments import Command
from chatnet.wire.common import VERSION

TEXT = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text()
TO_ANY_COMMAND = {code.decode() for code in Command.errors.values()}


def commands() -> list[type[Command]]:
    """Return all commands of the vocabulary."""
    found: dict[str, type[Command]] = {}
    for module in pkgutil.iter_modules(wire.__path__):
        for _, thing in inspect.getmembers(importlib.import_module(f"chatnet.wire.{module.name}")):
            if inspect.isclass(thing) and issubclass(thing, Command) and thing is not Command:
                found[thing.__name__] = thing
    return list(found.values())


def row_of(name: str) -> str:
    """Return the table row that describes a command: the first one that begins with it."""
    found = re.search(rf"^\| `{name}` \|.*\|$", TEXT, re.MULTILINE)
    assert found, f"docs/protocol.md has no row for {name}"
    return found[0]


def is_named(argument: bytes, value: amp.Argument, row: str) -> bool:
    """Return whether the row has the argument, marked with ? if it may be missing."""
    return re.search(rf"\b{argument.decode()}{'[?]' if value.optional else ''}: ", row) is not None


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.__name__)
def test_every_command_is_described(command: type[Command]) -> None:
    """Its row has its arguments and results, and exactly the errors that it declares."""
    row = row_of(command.commandName.decode())
    for argument, value in [*command.arguments, *command.response]:
        assert is_named(argument, value, row), f"{argument!r} is missing in: {row}"
    declared = {code.decode() for code in command.errors.values()} - TO_ANY_COMMAND
    assert set(re.findall(r"`([A-Z_]{4,})`", row)) == declared


QUESTIONS_TABLE = TEXT.partition("| question | values |")[2].partition("\n\n")[0]
QUESTION_ROWS = {
    name: [cell.strip() for cell in cells.split("|")]
    for name, cells in re.findall(r"^\| `(\w+)` \|(.*)\|$", QUESTIONS_TABLE, re.MULTILINE)
}


def test_no_other_question_is_described() -> None:
    """The document has the existing questions, in the order of the code."""
    assert list(QUESTION_ROWS) == [question.__name__ for question in QUESTIONS]


def packed_as(value: msgspec.inspect.Type) -> str:
    """Return the document's word for a type of values."""
    match value:
        case msgspec.inspect.UnionType(types=types):
            (other,) = [each for each in types if not isinstance(each, msgspec.inspect.NoneType)]
            return packed_as(other)
        case msgspec.inspect.StrType():
            return "text"
        case msgspec.inspect.IntType():
            return "number"
        case msgspec.inspect.BoolType():
            return "boolean"
    return r"\[[^·]*"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.__name__)
def test_every_question_is_described(question: type[Question[Any]]) -> None:
    """Its row has its values in order, and its lane, cost and errors."""
    values, _, lane, costs, codes = QUESTION_ROWS[question.__name__]
    info = msgspec.inspect.type_info(question)
    assert isinstance(info, msgspec.inspect.StructType)
    expected = [
        f"{field.name}{'' if field.required else '[?]'}: {packed_as(field.type)}" for field in info.fields
    ]
    assert re.match(" · ".join(expected), values)
    assert values.count(" · ") == max(0, len(expected) - 1)
    assert (lane, costs) == (question.lane, question.costs)
    assert codes.replace("`", "").split() == [error.code.decode() for error in question.errors]


def every_error(root: type[errors.ChatnetError]) -> list[type[errors.ChatnetError]]:
    return [kind for child in root.__subclasses__() for kind in (child, *every_error(child))]


@pytest.mark.parametrize("error", every_error(errors.ChatnetError), ids=lambda error: error.__name__)
def test_every_error_is_described(error: type[errors.ChatnetError]) -> None:
    """Its code is in a row with its sentence (at least its beginning, for the two long ones)."""
    if error is errors.Refusal:  # the root of the refusals is never told
        return
    row = row_of(error.code.decode())
    sentence = row.split("|")[2].strip().removesuffix("…").strip()
    assert error.sentence.startswith(sentence)


def test_the_version_is_described() -> None:
    """The document is of the version that the code speaks."""
    assert f"The version is **{VERSION}**" in TEXT


@pytest.mark.parametrize("bound", [b"127.0.0.1:40000|127.0.0.1:64480", b"\xcc" * 32])
def test_the_proofs_in_the_document_are_right(bound: bytes) -> None:
    """The example's proofs are computed, on loopback and over TLS."""
    token, nonces = Token(bytes(range(32))), (b"\xaa" * 32, b"\xbb" * 32)
    asks, answers = (
        token.proof("asks", "operator", *nonces, bound).hex(),
        token.proof("answers", "operator", *nonces, bound).hex(),
    )
    assert f"    asker's proof     {asks}\n    answerer's proof  {answers}\n" in TEXT
