"""Runs many seeds, across the processors: ``python -m simulator --help``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from statistics import median

from simulator import nemesis, outages
from simulator.run import Scale, Verdict, hush, run
from simulator.users.offers import speakers

RUNS_PER_PROCESS = 100
"""After this many runs a real process is replaced, to drop what the runs left in memory."""
EACH = 4
"""Every fourth seed is a cluster of many machines."""
PROGRESS_SECONDS = 5.0
SHOWN = 10
"""How many violations of one run are shown."""


class Tally:
    """The totals of all runs."""

    def __init__(self, seeds: int) -> None:
        self._seeds = seeds
        self._began = self._shown = time.monotonic()
        self._count = self._events = self._entries = 0
        self._virtual = self._real = 0.0
        self._whole_after: list[float] = []
        self._faults: Counter[str] = Counter()

    def add(self, verdict: Verdict) -> None:
        """Add one finished run."""
        self._count += 1
        self._events += verdict.events
        self._entries += verdict.entries
        self._virtual += verdict.virtual
        self._real += verdict.real
        self._whole_after.append(verdict.whole_after)
        self._faults += verdict.faults
        if time.monotonic() - self._shown >= PROGRESS_SECONDS:
            self._shown = time.monotonic()
            print(f"{self._count:,} of {self._seeds:,} seeds, {self._rate():.1f} a second", flush=True)

    def _rate(self) -> float:
        return self._count / max(time.monotonic() - self._began, time.get_clock_info("monotonic").resolution)

    def __str__(self) -> str:
        an_event = self._real / self._events * 1e6 if self._events else 0.0  # a run may fail before its first
        faults = ", ".join(
            f"{count:,} {kind.replace('_', ' ')}" for kind, count in self._faults.most_common()
        )
        return (
            f"{self._count:,} seeds in {time.monotonic() - self._began:,.0f} s: {self._rate():.1f} a second; "
            f"{self._virtual / 3600:,.1f} virtual hours, {self._entries:,} entries, {self._events:,} events "
            f"of {an_event:.0f} µs.\n"
            f"Whole again after {median(self._whole_after):.1f} s in the median, and "
            f"{max(self._whole_after):.1f} s at most.\n"
            f"{self._faults.total():,} faults: {faults or 'none'}."
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the seeds; return exit status 1 if a run broke a promise."""
    options = _parse(arguments)
    encrypted = None if options.tls == "drawn" else options.tls == "on"
    scale = Scale(
        only=options.faults, kinds=options.kinds, spoken=options.speak, encrypted=encrypted, irc=options.irc
    )
    if options.trace:
        one = _of(options.first, scale, options.store)
        verdict = run(options.first, one, detailed=options.bytes, story=True)
        print(verdict.story, end="")
        _report(verdict)
        return int(bool(verdict.violations))
    tally = Tally(options.seeds)
    for verdict in _verdicts(options.first, options.seeds, scale, options.store, options.jobs):
        tally.add(verdict)
        if verdict.violations:
            break
    print(tally)
    if verdict.violations:
        _report(verdict)
        print(f"Repeat it: {_shortest(verdict.seed, _of(verdict.seed, scale, options.store))} --trace")
        return 1
    print("No promise was broken.")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Run a whole cluster, its users and its faults in virtual time, from each of many seeds.",
    )
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds [1]")
    parser.add_argument("--first", type=int, default=0, help="the first seed [0]")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="how many at once [all processors]"
    )
    parser.add_argument("--faults", type=_numbers, help="the numbers of the faults that strike: 3,7 [all]")
    parser.add_argument("--kinds", type=_kinds, default=(), help="the kinds of faults: kill_worker,… [all]")
    parser.add_argument(
        "--store",
        choices=("mixed", "sqlite", "postgresql"),
        default="mixed",
        help="one machine with the embedded store, many with a database, or each fourth seed so [mixed]",
    )
    parser.add_argument(
        "--speak", choices=sorted(speakers()), default="", help="what all users speak [drawn]"
    )
    parser.add_argument(
        "--tls", choices=("drawn", "on", "off"), default="drawn", help="whether hosts speak it [drawn]"
    )
    parser.add_argument("--irc", action="store_true", help="machines with workers have IRC fronts, too")
    parser.add_argument("--trace", action="store_true", help="tell the story of the first seed")
    parser.add_argument(
        "--bytes", action="store_true", help="with --trace: and each piece of data that travels"
    )
    return parser.parse_args(arguments)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",") if number)


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    known = dict.fromkeys((*nemesis.KINDS, *outages.KINDS, *nemesis.OF_FRONTS))
    if unknown := set(kinds) - set(known):
        raise argparse.ArgumentTypeError(f"no such kind: {', '.join(unknown)}; there are {', '.join(known)}")
    return kinds


def _of(seed: int, scale: Scale, store: str) -> Scale:
    """Return the scale of the run of ``seed``."""
    if store == "mixed":
        store = "postgresql" if seed % EACH == EACH - 1 else "sqlite"
    return replace(scale, store=store)


def _verdicts(first: int, seeds: int, scale: Scale, store: str, jobs: int) -> Iterator[Verdict]:
    """Yield the verdicts on the seeds, in order."""
    numbers = range(first, first + seeds)
    if jobs == 1 or seeds == 1:
        yield from (run(seed, _of(seed, scale, store)) for seed in numbers)
        return
    size = jobs * RUNS_PER_PROCESS
    for start in range(0, seeds, size):
        pool = ProcessPoolExecutor(jobs, get_context("spawn"), hush)
        try:
            some = numbers[start : start + size]
            yield from pool.map(run, some, [_of(seed, scale, store) for seed in some])
        finally:
            pool.shutdown(cancel_futures=True)


def _report(verdict: Verdict) -> None:
    for violation in verdict.violations[:SHOWN]:
        print(f"  {violation}")
    if len(verdict.violations) > SHOWN:
        print(f"  and {len(verdict.violations) - SHOWN} more")
    print(
        f"Seed {verdict.seed}: {f'{len(verdict.violations)} violations' if verdict.violations else 'well'}."
    )


def _shortest(seed: int, scale: Scale) -> str:
    """Return the command that repeats a failure with as few faults as possible."""
    needed = list(range(1, scale.faults + 1)) if scale.only is None else list(scale.only)
    for number in list(needed):
        fewer = [other for other in needed if other != number]
        if run(seed, replace(scale, only=tuple(fewer))).violations:
            needed = fewer
    faults = ",".join(map(str, needed))
    kinds = f" --kinds {','.join(scale.kinds)}" if scale.kinds else ""
    speak = f" --speak {scale.spoken}" if scale.spoken else ""
    tls = "" if scale.encrypted is None else f" --tls {'on' if scale.encrypted else 'off'}"
    more = f"{kinds}{speak}{tls}{' --irc' if scale.irc else ''}"
    return f"python -m simulator --first {seed} --store {scale.store}{more} --faults={faults}"


if __name__ == "__main__":
    hush()
    sys.exit(main())
