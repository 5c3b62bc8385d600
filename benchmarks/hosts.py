"""``make bench-hosts``: how long users wait when a whole host dies, with the log in PostgreSQL. Linux, as
root.

Three hosts are network namespaces of one machine, each with a master and its workers; the database has a
fourth host, users a fifth. Each round cuts the power of a host without the primary, then of the primary's
host: from then on nobody hears anything from it, not even a reset. Then it is booted again, until all is
whole. Nine users together post 30 times a second; two newcomers a second come for the first time. What all
sent and received is recorded, and the checker judges it with the final log, as in ``tests/machines``.

The database's fsync is off here: this measures silences of seconds, not disks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.processes import exit_on_sigterm, scratch
from benchmarks.table import aligned, median
from rigs.hosts import Hosts
from rigs.impact import Felt
from rigs.machines import Network

NAMES = ("alpha", "beta", "gamma")
HEADINGS = (
    "what dies",
    "anybody: longest wait for an answer, median / worst",
    "who kept their connection",
    "newcomers, until placed",
    "aim",
)
AIMS = {"a host": "its clients < 5 s", "the primary's host": "its clients < 5 s, newcomers < 6 s"}


def suffer(rounds: int) -> tuple[dict[str, list[Felt]], list[str]]:
    """Return what users felt of each kind, and which promises were broken."""
    found: dict[str, list[Felt]] = {kind: [] for kind in AIMS}
    with scratch() as root, Network(*NAMES, "db", "users") as network:
        hosts = Hosts(network, root, *NAMES)
        try:
            hosts.start()
            hosts.talk("--users", "9", "--rate", "30", "--newcomers", "2")
            for number in range(1, rounds + 1):
                for kind in AIMS:
                    felt = _kill(hosts, kind)
                    found[kind].append(felt)
                    print(f"{number}/{rounds} {kind}: {felt}", file=sys.stderr, flush=True)
            hosts.conversation.settle()
            return found, hosts.violations()
        finally:
            hosts.close()


def _kill(hosts: Hosts, kind: str) -> Felt:
    """Kill a host of the kind, and boot it again; return what users felt of its death."""
    primary = hosts.primary()
    is_primary = kind == "the primary's host"
    victim = primary if is_primary else next(name for name in NAMES if name != primary)
    since = hosts.kill(victim)
    hosts.wait_until_whole()
    hosts.conversation.wait_until_answered()
    felt = Felt(hosts.conversation.history(), since)
    hosts.revive(victim)
    hosts.wait_until_whole()
    return felt


def _row(kind: str, felt: Sequence[Felt]) -> tuple[str, ...]:
    figures = (
        [each.longest for each in felt],
        [each.by_the_undisturbed for each in felt],
        [each.placing for each in felt],
    )
    return (
        f"{kind}, {len(felt)} times",
        *(f"{median(figure):.2f} / {max(figure):.2f} s" for figure in figures),
        AIMS[kind],
    )


def main() -> int:
    """Measure and print the table; return exit status 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="make bench-hosts", description="Measure the deaths of hosts.")
    parser.add_argument("--rounds", type=int, default=5, help="how many of each kind [5]")
    chosen = parser.parse_args()
    exit_on_sigterm()
    found, violations = suffer(chosen.rounds)
    print(aligned([HEADINGS, *(_row(kind, felt) for kind, felt in found.items())]))
    for violation in violations:
        print(f"BROKEN  {violation}")
    if not violations:
        print("No post was lost, repeated or reordered.")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
