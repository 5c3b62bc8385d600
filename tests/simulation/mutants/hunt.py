"""How many seeds it takes to catch a bug."""

from __future__ import annotations

import sys
from typing import NamedTuple

from simulation.mutants.planting import Mutant, planted

from simulator.run import Scale, run

SEEDS = 200
"""Within how many seeds every mutant must be caught."""


class Catch(NamedTuple):
    """``seed`` is the first that caught it, None if none did; ``seconds`` are processor time."""

    seed: int | None
    violation: str
    seconds: float

    @property
    def check(self) -> str:
        """Return the name of the check that caught it."""
        return self.violation.partition(":")[0]


def scale_of(mutant: Mutant) -> Scale:
    """Return the scale on which it is hunted: the SCALE of its module, if there is one; else one machine."""
    scale: Scale = getattr(sys.modules[mutant.__module__], "SCALE", Scale())
    return scale


def hunt(mutant: Mutant, first: int = 0, seeds: int = SEEDS) -> Catch:
    """Run seed after seed with ``mutant`` planted, until one breaks a promise that it keeps without it."""
    scale = scale_of(mutant)
    seconds = 0.0
    for seed in range(first, first + seeds):
        with planted(mutant):
            verdict = run(seed, scale)
        seconds += verdict.real
        if verdict.violations and not run(seed, scale).violations:
            # A promise's own check counts first, before what was merely logged.
            told = sorted(verdict.violations, key=lambda violation: violation[:1].isdigit())
            return Catch(seed, told[0], seconds)
    return Catch(None, "", seconds)
