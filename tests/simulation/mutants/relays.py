"""Bugs that only a relay finds, or who accepts and hangs, among hosts that speak TLS to each other."""

from __future__ import annotations

from typing import Any

from simulation.mutants.planting import Mutant, Put

from chatnet.net import approach, gate, tls
from chatnet.net.tls import Verify
from simulator.run import Scale

SCALE = Scale(store="postgresql", encrypted=True, kinds=("relay", "kill_worker", "stop_primary"))


def a_proof_without_the_binding(put: Put) -> None:
    """What proves the token is the same on each connection that has the same nonces."""
    put(gate, "_bound_to", lambda link, is_asker: b"")


def a_pin_that_is_not_looked_at(put: Put) -> None:
    """Whoever is dialled may have any key."""

    def key_check(expected: str) -> Verify:
        return lambda *_: True

    put(tls, "key_check", key_check)


def a_handshake_is_waited_for_without_end(put: Put) -> None:
    """A worker waits for who has accepted, and hangs; and its primary takes it for hung."""

    async def shake_hands(reactor: Any, address: Any, make: Any, seconds: float, creator: Any) -> Any:
        return await real(reactor, address, make, 60.0, creator)

    real = put(approach, "shake_hands", shake_hands)


MUTANTS: tuple[Mutant, ...] = (
    a_proof_without_the_binding,
    a_pin_that_is_not_looked_at,
    a_handshake_is_waited_for_without_end,
)
