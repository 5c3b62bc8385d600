"""What a run measures in its processes, from outside."""

from __future__ import annotations

from dataclasses import replace

from simulation.talking import Talk, a_whole_cluster

from chatnet.net.link import Link
from chatnet.net.tls import is_encrypted
from simulator import Simulation, watch
from simulator.run import SILENCE_SECONDS


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


def test_a_connection_that_is_held_is_seen(simulation: Simulation) -> None:
    """Its worker does not read it, as long as it has enough of what came: also once its other end is gone. So
    a cluster that still has something to do is not taken to be at rest; and it notices who is gone."""
    simulation.limits = replace(simulation.limits, drafts=2)
    alpha = a_whole_cluster(simulation)
    vitals = watch.Vitals(simulation, [alpha], lambda event: None)
    before = _of_workers(vitals)
    stranger = simulation.host("stranger").start("hostile", "alpha", "post_fast", "3.0")
    simulation.run_while(lambda: not stranger.is_dead)
    simulation.run(1)
    assert _of_workers(vitals) == before + 3
    simulation.run(SILENCE_SECONDS)
    assert _of_workers(vitals) == before


def _of_workers(vitals: watch.Vitals) -> int:
    _, connections = vitals.at_rest()["chat-worker"]
    return connections
