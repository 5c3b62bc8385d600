"""The master may go while it is being asked."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from twisted.internet.protocol import Factory

from chatnet.auth import Role, Token
from chatnet.errors import CannotStart
from chatnet.net.gate import Gate
from chatnet.net.link import Link, Locator
from chatnet.net.outbox import Outboxes
from chatnet.operator.__main__ import run
from chatnet.wire.operate import Status, Stop
from chatnet.world import World
from chatnet.world.real import real_world

TOKEN = "ab" * 32


class Going(Locator):
    """A primary that dies of every question."""

    @Status.responder
    def status(self) -> dict[str, Any]:
        self.link.abort()
        return {}

    @Stop.responder
    def stop(self) -> dict[str, Any]:
        self.link.abort()
        return {}


@pytest.mark.parametrize("command", ["status", "stop"])
@pytest_twisted.ensureDeferred
async def test_a_master_that_goes_before_it_answers_is_said(command: str, tmp_path: Any) -> None:
    """One sentence, for the exit status 1, and no word that the cluster has stopped."""
    world = real_world()
    (tmp_path / "token").write_text(TOKEN)
    listening = world.reactor.listenTCP(0, _Primary(world), interface="127.0.0.1")
    master = f"127.0.0.1:{listening.getHost().port}"
    options: Any = {
        "master": master,
        "token-file": str(tmp_path / "token"),
        "data": "",
        "json": 0,
        "watch": 0,
    }
    try:
        with pytest.raises(CannotStart, match=f"The master at {master} went away"):
            await run(command, options, world)
    finally:
        await listening.stopListening()


class _Primary(Factory):
    """Whoever proves the token is an operator."""

    noisy = False

    def __init__(self, world: World) -> None:
        self._world = world

    def buildProtocol(self, addr: object) -> Link:
        def admit(role: Role) -> Locator:
            return Going()

        gate = Gate(Token(bytes.fromhex(TOKEN)), admit, self._world.entropy, self._world.reactor)
        return Link(gate, Outboxes(self._world.reactor))
