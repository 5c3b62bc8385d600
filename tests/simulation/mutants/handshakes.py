"""Bugs that only a storm of handshakes finds, at ports where TLS is spoken."""

from __future__ import annotations

from simulation.mutants.planting import Mutant, Put

from chatnet.net.first_byte import Arrival, Handshakes
from simulator.run import Scale

SCALE = Scale(encrypted=True, kinds=("hostile_client",))


def a_handshake_counts_as_silence(put: Put) -> None:
    """Handshakes do not take turns: while a process is at many of them, nothing is heard of it."""

    def ask(self: Handshakes, arrival: Arrival) -> None:
        arrival.shake_hands()

    put(Handshakes, "ask", ask)


MUTANTS: tuple[Mutant, ...] = (a_handshake_counts_as_silence,)
