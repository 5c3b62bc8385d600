"""Bugs of levels: caught where processes of several levels run together, in ``test_sim_levels``."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from simulation.mutants.planting import Put

from chatnet.entries import Draft, Entry
from chatnet.kinds import MOST_LEVEL
from chatnet.rules import Facts
from chatnet.store.sqlite import writer
from chatnet.store.window import Window


def an_unknown_kind_is_passed_over(put: Put) -> None:
    """A follower skips an entry that it does not know, as if it were none."""

    def extend(self: Window, entries: Sequence[Entry]) -> list[Entry]:
        known = [
            entry if entry.kind in self._understood else replace(entry, kind="unheard") for entry in entries
        ]
        fresh: list[Entry] = real(self, known)
        return fresh

    put(Window, "_look", lambda self, entry, level: level)
    real = put(Window, "extend", extend)


def a_kind_is_taken_above_the_level(put: Put) -> None:
    """The store takes every kind that its own program knows."""

    class Above:
        level = MOST_LEVEL

        def __init__(self, facts: Facts) -> None:
            self._facts = facts

        def __getattr__(self, name: str) -> object:
            return getattr(self._facts, name)

    def judge(draft: Draft, facts: Facts, now: int) -> Sequence[str]:
        topics: Sequence[str] = real(draft, facts if draft.kind == "level" else Above(facts), now)
        return topics

    real = put(writer, "judge", judge)


MUTANTS = (an_unknown_kind_is_passed_over, a_kind_is_taken_above_the_level)
