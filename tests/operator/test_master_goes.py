"""A master that dies while an operator asks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet.protocol import Factory

from chatnet.auth import Role, Token
from chatnet.errors import CannotStart, InternalFailure
from chatnet.net.gate import Gate
from chatnet.net.link import Link
from chatnet.net.locator import Locator
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


class Refusing(Locator):
    """A primary of another version, which has a bug, and says at length what a terminal would obey."""

    @Status.responder
    def status(self) -> dict[str, Any]:
        raise InternalFailure(f"\x1b[2J\n{'x' * 2_000}")


@contextmanager
def asked(primary: type[Locator], tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Yield the options that name a primary of this kind."""
    world = real_world()
    (tmp_path / "token").write_text(TOKEN)
    listening = world.reactor.listenTCP(0, _Primary(world, primary), interface="127.0.0.1")
    try:
        yield {
            "master": f"127.0.0.1:{listening.getHost().port}",
            "token-file": str(tmp_path / "token"),
            "data": "",
            "host": "there",
            "json": 0,
            "watch": 0,
            "insecure": 1,
        }
    finally:
        listening.loseConnection()


@pytest.mark.parametrize("command", ["status", "stop"])
@pytest_twisted.ensureDeferred
async def test_a_master_that_goes_before_it_answers_is_said(command: str, tmp_path: Path) -> None:
    """One sentence says so, for the exit status 1, and not that the cluster has stopped."""
    with asked(Going, tmp_path) as options, pytest.raises(CannotStart) as cannot:
        await run(command, cast(Any, options), real_world())
    assert str(cannot.value).startswith(f"The master at {options['master']} went away")


@pytest.mark.parametrize("command", ["status", "watch", "stop", "stepdown", "drain"])
@pytest_twisted.ensureDeferred
async def test_what_a_master_refuses_is_said(command: str, tmp_path: Path) -> None:
    """Whatever it is, even if this version does not know it: one sentence, and no traceback."""
    with asked(Refusing, tmp_path) as options:
        if command == "watch":
            command, options["watch"] = "status", 1
        with pytest.raises(CannotStart) as cannot:
            await run(command, cast(Any, options), real_world())
    assert str(cannot.value).startswith("The primary cannot do this: ")
    assert str(cannot.value).isprintable()
    assert len(str(cannot.value)) < 1_100


class _Primary(Factory):
    """A primary for which every prover is an operator."""

    noisy = False

    def __init__(self, world: World, primary: type[Locator]) -> None:
        self._world, self._primary = world, primary

    def buildProtocol(self, addr: object) -> Link:
        def admit(role: Role) -> Locator:
            return self._primary()

        gate = Gate(Token(bytes.fromhex(TOKEN)), admit, self._world.entropy, self._world.reactor)
        return Link(gate, Outboxes(self._world.reactor))
