"""The desk of an operator, who gives orders one after the other, each again until it is done."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

import apsw

from chatnet.entries import Entry
from simulator.process import SimProcess, Status

if TYPE_CHECKING:
    from simulator.clusters import Cluster
    from simulator.simulation import Simulation

Words = tuple[str, ...]
LOOK_SECONDS = 0.25
"""Seconds between two looks whether a command has ended."""
AGAIN_SECONDS = 1.0
"""Seconds until a command that failed is given again."""
ABOUT_USER = 3
"""How many words an order has that is about a user."""


_CODE = re.compile(r"\b\w{4}-\w{4}-\w{4}\b")


class Desk:
    """Gives orders to ``cluster``. The codes that are printed go into ``letters``, by the name that they are
    for; under an empty one is the last that lets in whoever has a new name."""

    def __init__(self, simulation: Simulation, cluster: Cluster, letters: dict[str, str]) -> None:
        self._simulation = simulation
        self._cluster = cluster
        self._letters = letters
        self._orders: deque[Words] = deque()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return not self._orders

    def insist(self, words: Words) -> None:
        """Give this order, after those before it, until it is done; unless it can never be."""
        self._orders.append(words)
        if len(self._orders) == 1:
            self._give()

    def _give(self) -> None:
        self._look(self._cluster.order(self._orders[0]))

    def _look(self, command: SimProcess | None) -> None:
        if command is not None and not command.is_dead:
            self._simulation.later(LOOK_SECONDS, self._look, command)
        elif command is not None and command.status == Status(0, None):
            self._done(command.terminal.lines)
        elif self._is_in_vain():
            self._next()
        else:
            self._simulation.later(AGAIN_SECONDS, self._give)

    def _done(self, lines: list[str]) -> None:
        words = self._orders[0]
        if words[0] == "invite":
            self._letters[""] = _code_in(lines)
        elif words[1] in ("add", "reset"):
            self._letters[words[2]] = _code_in(lines)
        self._next()

    def _next(self) -> None:
        self._orders.popleft()
        if self._orders:
            self._give()

    def _is_in_vain(self) -> bool:
        """Return whether the order is about a user who is not there, or already is."""
        words = self._orders[0]
        if len(words) != ABOUT_USER or words[0] != "user":
            return False
        _, action, name = words
        is_known = is_forgotten = False
        for entry in self._entries():
            is_known |= (entry.kind, entry.user) == ("register", name)
            is_forgotten |= (entry.kind, entry.to) == ("forget", name)
        return is_forgotten or is_known is (action == "add")

    def _entries(self) -> list[Entry]:
        """Return the log; nothing, if the store is damaged."""
        try:
            return list(self._cluster.log())
        except apsw.Error:
            return []


def _code_in(lines: list[str]) -> str:
    """Return the code that is shown in some lines."""
    return next(found[0] for found in map(_CODE.search, lines) if found is not None)
