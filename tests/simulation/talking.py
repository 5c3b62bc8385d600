"""A whole cluster on the host alpha, and two users who talk on it."""

from __future__ import annotations

from pathlib import Path

from simulator import Host, SimProcess, Simulation

DATA = Path("/data")


def a_whole_cluster(simulation: Simulation) -> Host:
    """Start a primary, two replicas and three workers, and wait until they are at rest; return their host."""
    host = simulation.host("alpha")
    host.start("chat-master", "--data", str(DATA))
    simulation.run_while(lambda: not simulation.trace.has("chatnet is up"), 20)
    simulation.run(3)
    return host


class Talk:
    """Ann, who receives what Bob posts."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.ann, self.bob = self._client("ann"), self._client("bob")
        self.ann.terminal.type("JOIN bob", "CHAT")
        simulation.run(1)
        self.bob.terminal.type("CHAT")
        simulation.run(1)
        self._said = 0

    def _client(self, name: str) -> SimProcess:
        process = self._simulation.host("beta").start("chat-client", "--master", "alpha", name)
        self._simulation.run_while(lambda: f"Logged in as {name}." not in process.terminal.lines, 20)
        return process

    def heard_within(self, limit: float) -> float:
        """Let Bob post until Ann has it; return how long that took. Neither may lose the connection."""
        self._said += 1
        began = self._simulation.now
        self.bob.terminal.type(f"post {self._said}")
        self._simulation.run_while(lambda: self.ann.terminal.lines[-1:] != [f"bob: post {self._said}"], limit)
        assert not any("lost" in line for line in self.ann.terminal.lines)
        return self._simulation.now - began


def primary(host: Host) -> SimProcess:
    return host.disk.locks[DATA]


def replicas(host: Host) -> list[SimProcess]:
    return [one for one in host.living("chat-master") if one is not host.disk.locks.get(DATA)]


def workers(host: Host) -> list[int]:
    return [worker.pid for worker in host.living("chat-worker")]
