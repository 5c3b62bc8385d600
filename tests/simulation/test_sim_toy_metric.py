"""A metric is a listener that is given to ``tell_all``; here a toy metric, for a whole cluster."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from simulation.talking import Talk, a_whole_cluster, primary

from chatnet import telemetry
from chatnet.listeners import tell_all
from chatnet.world import World
from simulator import Simulation
from simulator.programs import Program, programs

SEED = 7


# ---- 1. write a module with a listener ----


@dataclass
class ToyMetric:
    """How many live sessions there are in this process, how many drafts its store has committed, and how long
    each takeover took, in seconds."""

    live: set[str] = field(default_factory=set)
    takeovers: list[float] = field(default_factory=list)
    drafts: int = 0

    def told(self, event: telemetry.Event) -> None:
        match event:
            case telemetry.WentLive(_, peer):
                self.live.add(peer)
            case telemetry.Left(_, peer):
                self.live.discard(peer)
            case telemetry.TookOver(seconds=seconds):
                self.takeovers.append(seconds)
            case telemetry.BatchCommitted(drafts):
                self.drafts += drafts


# ---- 2. give it to tell_all: here, before a program is built ----


def measured(program: str, metrics: list[ToyMetric]) -> Program:
    """Return ``program``; each of its processes has a metric of its own."""

    def build(arguments: Any, world: World) -> Any:
        metrics.append(ToyMetric())
        return programs(encrypted=False)[program](
            arguments, replace(world, tell=tell_all(world.tell, metrics[-1].told))
        )

    return build


# ---- nothing else is needed ----


def test_a_listener_counts_what_happens_in_its_process(simulation: Simulation) -> None:
    """Whoever chats is live at one worker, until they leave; a primary knows how soon it was there, and what
    its store has committed."""
    masters: list[ToyMetric] = []
    workers: list[ToyMetric] = []
    simulation.programs["chat-master"] = measured("chat-master", masters)
    simulation.programs["chat-worker"] = measured("chat-worker", workers)
    alpha = a_whole_cluster(simulation)
    talk = Talk(simulation)
    assert sum(len(metric.live) for metric in workers) == 2
    before = [metric.drafts for metric in masters]
    talk.heard_within(1)
    after = [metric.drafts for metric in masters]
    assert sorted(was - is_now for was, is_now in zip(after, before, strict=True)) == [0, 0, 1]
    primary(alpha).kill()
    talk.heard_within(1)
    [seconds] = [seconds for metric in masters for seconds in metric.takeovers]
    assert 0 < seconds < 1
    talk.ann.kill()
    simulation.run(1)
    assert sum(len(metric.live) for metric in workers) == 1
