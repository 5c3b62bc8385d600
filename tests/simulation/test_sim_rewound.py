"""After a database fails over to a copy that lags, users are told what was lost, and all go on from there."""

from __future__ import annotations

from chatnet.auth import TOKEN_BYTES
from simulator import Simulation
from simulator.database_server import Postgres
from simulator.host import HOME

SEED = 7
TOKEN = "cd" * TOKEN_BYTES


def test_workers_and_clients_go_on_from_where_the_log_was_put_back_to(simulation: Simulation) -> None:
    """No worker exits on any host, even if started by hand; users are told once."""
    postgres = Postgres(simulation, lags=True)
    postgres.start()
    simulation.run_while(lambda: postgres.server is None)
    environ = {"HOME": str(HOME), "CHATNET_STORE": postgres.url, "CHATNET_TOKEN": TOKEN}
    alpha, gamma = simulation.host("alpha"), simulation.host("gamma")
    alpha.start("chat-master", environ=environ)
    simulation.run_while(lambda: not simulation.trace.has("chatnet is up"), 20)
    gamma.start("chat-worker", "--master", "alpha", environ=environ)
    simulation.run_while(lambda: len(gamma.living("chat-worker")) < 3, 20)
    simulation.run(5)
    workers = alpha.living("chat-worker") + gamma.living("chat-worker")
    ann, bob = (
        simulation.host("beta").start("chat-client", "--master", "alpha", name) for name in ("ann", "bob")
    )
    simulation.run(3)
    ann.terminal.type("JOIN bob", "CHAT")
    bob.terminal.type("CHAT", *(f"early {number}" for number in range(5)))
    simulation.run(10)
    bob.terminal.type(*(f"late {number}" for number in range(5)))
    simulation.run(0.1)
    postgres.fail_over(1.0)
    simulation.run(20)
    bob.terminal.type("after")
    simulation.run(5)
    assert len([line for line in ann.terminal.lines if "fail-over" in line]) == 1
    assert ann.terminal.lines[-1] == "bob: after"
    assert alpha.living("chat-worker") + gamma.living("chat-worker") == workers
