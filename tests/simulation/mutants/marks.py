"""Bugs of marks: how far users have read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simulation.mutants.planting import Put

from chatnet.marks import UserMark
from chatnet.store.sqlite import marks


def a_mark_falls(put: Put) -> None:
    """The last mark of a room is kept, not the greatest."""

    def keep(execute: Callable[..., Any], given: Sequence[UserMark], head: int) -> list[UserMark]:
        kept = [mark for mark in given if mark.seq <= head]
        for mark in kept:
            execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?)", (mark.user, mark.room, mark.seq))
        return kept

    put(marks, "keep", keep)


MUTANTS = (a_mark_falls,)
