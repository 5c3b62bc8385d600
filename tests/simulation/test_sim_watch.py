"""What a run measures in its processes, from outside."""

from __future__ import annotations

from simulation.talking import Talk, a_whole_cluster

from chatnet.net.link import Link
from chatnet.net.tls import is_encrypted
from simulator import Simulation, watch


def test_what_is_spoken_is_seen_at_both_ends(simulation: Simulation) -> None:
    """This includes the end that dialled, where an endpoint wraps the protocol, and links within TLS: so what
    waits there is measured."""
    simulation.encrypt()
    alpha = a_whole_cluster(simulation)
    talk = Talk(simulation)
    processes = [*alpha.living("chat-worker"), *alpha.living("chat-master"), talk.ann, talk.bob]
    spoken = {process: list(map(watch._spoken, watch.connections_of(process))) for process in processes}
    assert all(spoken.values())
    assert {type(one) for links in spoken.values() for one in links} == {Link}
    assert all(is_encrypted(link.transport) for link in spoken[talk.ann])
