"""Sizes and times that are varied are limits, given by the world: nobody replaces a constant by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from chatnet.limits import Limits
from simulator.sizes import PAGE_BYTES, SIZES

ROOT = Path(__file__).parent.parent
CODE = {
    str(path.relative_to(ROOT)): path.read_text()
    for part in ("benchmarks", "chatnet", "rigs", "simulator", "tests")
    for path in sorted((ROOT / part).rglob("*.py"))
}
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*|__defaults__|__kwdefaults__|bufferSize")
TABLES = {"ANSWERS", "QUESTIONS"}
"""Tables to which a toy is added, as it would be in the source."""
BY_ANY_NAME = {
    "simulator/guard.py": "what reaches into the real world",
    "tests/simulation/mutants/planting.py": "what a planted bug is",
    "chatnet/net/first_byte.py": "who speaks on a transport",
    "tests/test_rights.py": "what a stand-in does",
    "tests/irc_front/test_irc_rehearsal.py": "what is broken to see it found",
}
"""Modules that set attributes whose names are variables, and which."""


def replaced(code: str) -> Iterator[str]:
    """Yield the names that ``code`` replaces; “?” for one that is a variable."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Call(
                ast.Name("setattr") | ast.Attribute(attr="setattr"), [_, ast.Constant(str(name)), _]
            ):
                yield name
            case ast.Call(ast.Name("setattr") | ast.Attribute(attr="setattr"), [_, _, _]):
                yield "?"
            case ast.Call(
                ast.Name("patch") | ast.Attribute(attr="setattr" | "patch"), [ast.Constant(str(path)), *_]
            ):
                yield path.rpartition(".")[2]
            case ast.Assign([ast.Attribute(_, name)]) if name.isupper() or name.startswith("__"):
                yield name


def constants(code: str) -> set[str]:
    """Return those of them that are constants, or may be."""
    return {name for name in replaced(code) if name == "?" or CONSTANT.fullmatch(name)} - TABLES


def test_nobody_replaces_a_constant() -> None:
    """A module that imported it keeps the old value, and one that imports it meanwhile keeps the new one."""
    found = {path: names for path, code in CODE.items() if (names := constants(code))}
    assert found == {path: {"?"} for path in BY_ANY_NAME}


@pytest.mark.parametrize(
    "code",
    [
        'monkeypatch.setattr(program, "BATCH", 5)',
        'monkeypatch.setattr("chatnet.operator.watch.LOOK_EVERY", 0.02)',
        "setattr(owner, name, value)",
        'setattr(Window.__init__, "__defaults__", (1,))',
        'setattr(FileDescriptor, "bufferSize", 1)',
        "credentials.COST = 1",
        "Window.__init__.__defaults__ = (1,)",
        'with patch("chatnet.logs.MOST_BYTES", 1): pass',
    ],
)
def test_whoever_does_is_found(code: str) -> None:
    """It is found in each way in which it was done, or could be."""
    assert constants(code)


def test_what_nobody_varies_is_no_limit() -> None:
    """It is a constant of the module that uses it. A limit is drawn by a seed, or set by a test."""
    drawn = {size.name.partition(".")[0] for size in (*SIZES, PAGE_BYTES)} | {
        "aging",
        "client_pulse",
        "window_bytes",
    }
    given = {
        keyword.arg
        for code in CODE.values()
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Limits", "replace")
        for keyword in node.keywords
    }
    assert {field.name for field in fields(Limits)} <= drawn | given
