"""A short run of the fuzzer on each store; ``make fuzz`` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile.fuzz.mouth import Heard
from hostile.fuzz.rounds import Rounds
from hostile.fuzz.states import STATES
from hostile.fuzz.visits import Plan

from rigs.postgres import Server

SEED = 1
VISITS, SECONDS = 500, 60.0
"""How many visits are made, and how long they may take."""


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_nobody_notices_what_nobody_should_say(
    store: str, place: Path, request: pytest.FixtureRequest
) -> None:
    """After hostile input on every port in every state no process has ended or grown, all promises are kept,
    and honest users waited no longer than before."""
    server: Server | None = request.getfixturevalue("server") if store == "postgresql" else None
    said: list[str] = []
    rounds = Rounds(place, server.fresh() if server else "", SEED, said.append)
    result = rounds.run(SECONDS, visits=VISITS)
    assert not result.violations, "\n".join(result.violations[:20])
    assert set(result.states) == {state.name for state in STATES}, result.failed
    assert result.visits == VISITS


def test_a_visit_is_the_seeds() -> None:
    """The same number gives the same visit, another number another one."""
    assert [Plan.of(7, number).state.name for number in range(50)] == [
        Plan.of(7, number).state.name for number in range(50)
    ]
    assert len({Plan.of(7, number).state.name for number in range(200)}) == len(STATES)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (b"INTERNAL_FAILURE", b"The server failed."),
        (b"BAD_NAME", b"\x1b[2J is no name."),
        (b"BAD_NAME", b"x" * 2000),
    ],
)
def test_an_answer_that_must_not_be_is_found(code: bytes, sentence: bytes) -> None:
    """An error of our own is found, and so is a sentence that people cannot read."""
    heard = Heard()
    heard.box(
        {b"_error": b"1", b"_error_code": b"BAD_NAME", b"_error_description": b"x is none."}, {b"1": "Login"}
    )
    assert not heard.wrong
    heard.box({b"_error": b"1", b"_error_code": code, b"_error_description": sentence}, {b"1": "Login"})
    assert heard.wrong
    assert heard.wrong[0].startswith("Login was answered by")
