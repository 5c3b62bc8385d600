"""Events are told to all listeners, and have no effect on who tells them."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import Any, get_args

import pytest

from chatnet import telemetry
from chatnet.listeners import tell_all
from chatnet.telemetry import DrainBegun, Event


def test_all_who_listen_are_told_in_turn() -> None:
    """Each listener gets every event, and the teller gets nothing back."""
    heard: list[tuple[str, Event]] = []
    tell = tell_all(
        lambda event: heard.append(("first", event)), lambda event: heard.append(("second", event))
    )
    tell(DrainBegun("alpha"))
    assert heard == [("first", DrainBegun("alpha")), ("second", DrainBegun("alpha"))]


def test_a_listener_that_fails_keeps_nobody_from_anything(logged_failures: Any) -> None:
    """Neither the teller nor other listeners are affected: the failure is logged."""
    heard: list[Event] = []

    def fails(event: Event) -> None:
        raise ValueError("a bug")

    tell_all(fails, heard.append)(DrainBegun("alpha"))
    assert heard == [DrainBegun("alpha")]
    assert len(logged_failures.flush(ValueError)) == 1


@pytest.mark.parametrize("event", get_args(Event), ids=lambda event: str(event.__name__))
def test_an_event_is_a_frozen_value(event: Any) -> None:
    """An event never changes, and its docstring says what it means."""
    assert event.__dataclass_params__.frozen
    assert event.__doc__
    assert not event.__doc__.startswith(f"{event.__name__}(")


def test_the_union_has_all_events() -> None:
    """A forgotten event could not be told."""
    events = {
        thing
        for thing in vars(telemetry).values()
        if isinstance(thing, type) and dataclasses.is_dataclass(thing)
    }
    assert events == set(get_args(Event))


def test_the_module_is_pure() -> None:
    """Its code imports nothing of Twisted, directly or not; imports for types do not count."""
    tree = ast.parse(Path(telemetry.__file__).read_text())
    imported = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert imported == {
        "__future__",
        "collections.abc",
        "dataclasses",
        "typing",
        "chatnet.addresses",
    }
