"""Bugs that only a relay finds, among hosts that speak TLS to each other."""

from __future__ import annotations

from simulation.mutants.planting import Mutant, Put

from chatnet.net import gate, tls
from chatnet.net.tls import Verify
from simulator.run import Scale

SCALE = Scale(store="postgresql", encrypted=True, kinds=("relay", "kill_worker", "stop_primary"))


def a_proof_without_the_binding(put: Put) -> None:
    """The proof of the token is the same on each connection that has the same nonces."""
    put(gate, "_bound_to", lambda link, is_asker: b"")


def a_pin_that_is_not_looked_at(put: Put) -> None:
    """The process that is dialled may have any key."""

    def key_check(expected: str) -> Verify:
        return lambda *_: True

    put(tls, "key_check", key_check)


MUTANTS: tuple[Mutant, ...] = (
    a_proof_without_the_binding,
    a_pin_that_is_not_looked_at,
)
