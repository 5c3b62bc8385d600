"""docs/web.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest

from chatnet.net.visitors import STRANGER_SECONDS
from chatnet.worker.fronts.web import exchange, frames, kept, peer, socket
from chatnet.worker.fronts.web.account import Account
from chatnet.worker.fronts.web.dialect import FORMS, MISSED
from chatnet.worker.fronts.web.frames import Code
from chatnet.worker.users import MOST_SESSIONS

TEXT = (Path(__file__).parents[2] / "docs" / "web.md").read_text()


def section(name: str) -> str:
    """Return the section of this name."""
    found = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def rows(name: str) -> list[list[str]]:
    """Return the cells of the rows of the first table in a section."""
    lines = [line for line in section(name).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line[1:-1].split(" | ")] for line in lines[2:]]


def test_every_command_stands_there() -> None:
    """With all its arguments, and all its results."""
    shown = {}
    for name, form in FORMS.items():
        arguments = ", ".join(f"`{key.said}`{'?' if key.otherwise else ''}" for key in form.keys)
        results = ", ".join(f"`{name}`" for name in form.answers)
        shown[f"`{name}`"] = [arguments, results]
    lines = [line for line in section("Every command").splitlines() if line.startswith("| `")][1:]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    assert {row[0]: row[1:] for row in cells} == shown


def test_every_close_code_stands_there() -> None:
    assert {int(row[0]) for row in rows("How a socket ends")} == {int(code) for code in Code}


@pytest.mark.parametrize(
    "route", Account(cast(Any, None), cast(Any, None)).routes(), ids=lambda one: one.path
)
def test_every_path_of_accounts_stands_there(route: Any) -> None:
    path = re.sub("{(.*?)}", lambda name: name[1].upper(), route.path)
    assert f"| `{route.method} {path}` |" in section("Logging in")


@pytest.mark.parametrize(
    ("what", "numbers"),
    [
        ("the first line and headers of a request", [exchange.MOST_HEADERS / 1024]),
        ("a body", [exchange.MOST_BODY / 1024]),
        ("a request", [exchange.HEADERS_SECONDS, exchange.BODY_SECONDS, exchange.ANSWER_SECONDS]),
        ("a connection", [STRANGER_SECONDS]),
        ("a message of yours", [frames.MOST_BYTES / 1024]),
        ("unanswered commands", [peer.MOST_UNANSWERED]),
        ("sockets", [MOST_SESSIONS]),
        ("`hello`", [socket.HELLO_SECONDS]),
        (
            "a session between requests",
            [kept.KEPT_SECONDS, kept.MOST_KEPT, kept.MOST_OF_ONE, kept.MOST_ASKED],
        ),
    ],
)
def test_limits_are_those_of_the_code(what: str, numbers: list[float]) -> None:
    [cell] = [row[1] for row in rows("Limits and times") if row[0] == what]
    said = [int(number) for number in re.findall(r"\d+", cell.replace(",", ""))]
    assert said[: len(numbers)] == [int(number) for number in numbers]
    assert f"{MISSED:,}" in section("The socket")


def test_what_the_list_of_contents_names_is_there() -> None:
    listed = re.findall(r"^- \[(.*?)\]\(#", TEXT, re.MULTILINE)
    assert listed == re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
