"""Hunt all mutants, or those whose names contain a given word, and print the table."""

from __future__ import annotations

import argparse
import os
import sys
from multiprocessing import get_context

from simulation.mutants import MUTANTS
from simulation.mutants.hunt import SEEDS, hunt
from simulation.mutants.planting import bug, name


def main() -> int:
    """Hunt the mutants; return 1 if one was not caught, else 0."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of mutants [all]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at once [all processors]")
    chosen = parser.parse_args()
    wanted = [
        mutant
        for mutant in MUTANTS
        if not chosen.names or any(part in mutant.__name__ for part in chosen.names)
    ]
    escaped = 0
    with get_context("spawn").Pool(chosen.jobs, maxtasksperchild=1) as pool:
        for mutant, catch in zip(wanted, pool.imap(hunt, wanted), strict=True):
            escaped += catch.seed is None
            seeds = f"not in {SEEDS}" if catch.seed is None else f"{catch.seed + 1}"
            print(f"{name(mutant):<36} {seeds:>10} seeds {catch.seconds:7.1f} s  {catch.violation[:110]}")
            print(f"    {bug(mutant)}", flush=True)
    print(f"{len(wanted)} mutants, {escaped} not caught within {SEEDS} seeds.")
    return int(bool(escaped))


if __name__ == "__main__":
    sys.exit(main())
