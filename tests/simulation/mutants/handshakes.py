"""Bugs that only many handshakes at once find, at ports that speak TLS."""

from __future__ import annotations

from simulation.mutants.planting import Mutant, Put

from chatnet.net.first_byte import Arrival, Handshakes
from simulator.run import Scale

SCALE = Scale(encrypted=True, kinds=("hostile_client",))


def a_handshake_counts_as_silence(put: Put) -> None:
    """Handshakes do not take turns: a process is silent while it does many of them."""

    def ask(self: Handshakes, arrival: Arrival) -> None:
        arrival.shake_hands()

    put(Handshakes, "ask", ask)


MUTANTS: tuple[Mutant, ...] = (a_handshake_counts_as_silence,)
