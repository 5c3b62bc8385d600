"""How many seeds it takes until a bug is caught."""

from __future__ import annotations

import sys
from typing import NamedTuple

from simulation.mutants.planting import Mutant, planted

from simulator.run import Scale, run

SEEDS = 200
"""Within so many seeds every mutant must be caught."""


class Catch(NamedTuple):
    """``seed`` is the first that caught it, None if none did; ``seconds`` are a processor's."""

    seed: int | None
    violation: str
    seconds: float

    @property
    def check(self) -> str:
        """Which check it was."""
        return self.violation.partition(":")[0]


def scale_of(mutant: Mutant) -> Scale:
    """What it is hunted in: the SCALE of its module, if that has one; else one machine."""
    scale: Scale = getattr(sys.modules[mutant.__module__], "SCALE", Scale())
    return scale


def hunt(mutant: Mutant, first: int = 0, seeds: int = SEEDS) -> Catch:
    """Run seed after seed with ``mutant`` planted, until one breaks a promise that is kept without it."""
    scale = scale_of(mutant)
    seconds = 0.0
    for seed in range(first, first + seeds):
        with planted(mutant):
            verdict = run(seed, scale)
        seconds += verdict.real
        if verdict.violations and not run(seed, scale).violations:
            # What a promise's own check says comes first, and then what was merely logged.
            told = sorted(verdict.violations, key=lambda violation: violation[:1].isdigit())
            return Catch(seed, told[0], seconds)
    return Catch(None, "", seconds)
