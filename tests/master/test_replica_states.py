"""The states of a replica, one at a time."""

from __future__ import annotations

from chatnet.addresses import Address
from chatnet.master.replica_states import Dialing, Proving, Seeking, Standing

THERE = Address("127.0.0.1", 64480)


def test_it_stands_by_after_it_has_dialed_and_proven_itself() -> None:
    """What it learned on the way is known in the end."""
    dialing = Seeking().dial(THERE)
    proving = dialing.connected("the link")
    assert (dialing, proving) == (Dialing(THERE), Proving(THERE, "the link"))
    assert proving.attached(3) == Standing(THERE, "the link", 3)
