"""Send hostile input to a cluster on each store, and print what honest users and the processes noticed."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hostile.fuzz.rounds import Result, Rounds

from rigs.postgres import running

STORES = ("sqlite", "postgresql")
MEMORY = Path("/dev/shm")


@contextmanager
def store(name: str) -> Iterator[str]:
    """Yield the URL of a fresh store of the kind ``name``; empty for the cluster's own store."""
    if name == "sqlite":
        yield ""
        return
    with running("-c", "fsync=off") as server:
        yield server.fresh()


def run(name: str, chosen: argparse.Namespace, seconds: float) -> Result:
    """Attack a cluster on the store ``name``. If something went wrong, keep the cluster's files."""
    place = Path(tempfile.mkdtemp(prefix=f"chatnet-fuzz-{name}-", dir=MEMORY if MEMORY.is_dir() else None))
    with store(name) as url:
        rounds = Rounds(place, url, chosen.seed, lambda line: print(line, flush=True))
        result = rounds.run(seconds, chosen.first, chosen.visits)
    for what, count in sorted((result.states + result.failed).items()):
        print(f"    {count:7,}  {what}")
    print("   ", ", ".join(f"{code} {count:,}" for code, count in sorted(result.codes.items())))
    if result.violations:
        print(*(f"BROKEN  {violation}" for violation in result.violations), sep="\n")
        print(f"Seed {chosen.seed}; logs and store are kept in {place}")
    else:
        shutil.rmtree(place)
    return result


def main() -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m hostile.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="for how long, all stores together")
    parser.add_argument("--seed", type=int, help="what all is drawn from; without it, chance")
    parser.add_argument("--store", choices=(*STORES, "both"), default="both")
    parser.add_argument("--first", type=int, default=0, help="the number of the first visit")
    parser.add_argument("--visits", type=int, default=1 << 62, help="how many visits at most")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if chosen.seed is None:
        chosen.seed = random.SystemRandom().randrange(1 << 32)
    print(f"Seed {chosen.seed}", flush=True)
    stores = STORES if chosen.store == "both" else (chosen.store,)
    results = [run(name, chosen, chosen.seconds / len(stores)) for name in stores]
    return int(any(result.violations for result in results))


if __name__ == "__main__":
    sys.exit(main())
