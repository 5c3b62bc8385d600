"""A stranger that takes the masters' port when a primary dies: a process without rights on its machine.

It does not know the token, but speaks like a master.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import CannotListenError, ConnectError, ConnectionClosed
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import MASTER_PORT
from chatnet.errors import ChatnetError, NoWorkers, WrongVersion
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.wire.arguments import Command
from chatnet.wire.cluster import Kill, Shed, Shutdown, SpawnWorkers
from chatnet.wire.common import NONCE_BYTES, PROOF_BYTES, VERSION, Challenge, Prove
from chatnet.wire.locate import Locate
from chatnet.wire.replica import Mirror, State
from chatnet.wire.table import Speaker
from chatnet.world import World

SQUATTER = "squatter"
"""The program's name."""
TRY_SECONDS = 0.001
"""Seconds between two attempts to get the port: shorter than the next primary's."""
LURK_SECONDS = 2.0
"""Seconds after which it gives up."""
GREATEST = 2**63 - 1
"""An epoch above any real one."""
PING_SECONDS = 1.0
REPLAY_SECONDS, REPLAYS = 1.0, 3
"""Seconds after leaving the port until it replays what it saw, and how many proofs it replays."""

TACTICS = ("junk", "waiting", "refusing", "silent")
"""How it answers: with random bytes as proof; never; with errors; without a ping."""


class Squatter(Service):
    """Keeps the masters' port for some seconds once it is free; then it replays the proofs that it saw."""

    _logger = Logger()

    def __init__(self, arguments: Sequence[str], world: World) -> None:
        self.tactic, seconds = arguments
        self._seconds = float(seconds)
        self.world = world
        self._outboxes = Outboxes(world.reactor)
        self._proofs: list[tuple[str, bytes]] = []
        self._port: Any = None
        self._trying = LoopingCall(self._try)
        self._trying.clock = world.reactor

    def startService(self) -> None:
        super().startService()
        self._trying.start(TRY_SECONDS).addErrback(
            lambda why: self._logger.failure("The squatter failed", why)
        )
        self.world.reactor.callLater(LURK_SECONDS, self._give_up)

    def _try(self) -> None:
        factory = Factory.forProtocol(lambda: Link(Squatting(self), self._outboxes))
        factory.noisy = False
        try:
            self._port = self.world.reactor.listenTCP(MASTER_PORT, factory)
        except CannotListenError:
            return
        self._trying.stop()
        self.world.reactor.callLater(self._seconds, self._leave)

    def _give_up(self) -> None:
        if self._port is None:
            self.world.processes.exit(0)

    def saw(self, role: str, proof: bytes) -> None:
        """Keep a proof by somebody who has the token."""
        self._proofs.append((role, proof))

    def obeyed(self, order: type[Command]) -> None:
        """Fail the run: somebody obeyed a command."""
        self._fail(f"{order.__name__} was obeyed before any proof")

    def admitted(self, role: str) -> None:
        """Fail the run: an old proof was accepted as a new one."""
        self._fail(f"a proof served twice: a stranger was admitted as {role}")

    def _fail(self, what: str) -> None:
        self._logger.failure("A stranger has power", Failure(AssertionError(what)))

    def _leave(self) -> None:
        self._port.stopListening()
        self.world.reactor.callLater(REPLAY_SECONDS, self._play_again)
        self.world.reactor.callLater(2 * REPLAY_SECONDS, self.world.processes.exit, 0)

    def _play_again(self) -> None:
        for role, proof in self._proofs[:REPLAYS]:
            factory = Factory.forProtocol(lambda: Link(Locator(), self._outboxes))
            factory.noisy = False
            endpoint = TCP4ClientEndpoint(self.world.reactor, "localhost", MASTER_PORT)
            dialing = Deferred.fromCoroutine(self._play(endpoint.connect(factory), role, proof))
            dialing.addErrback(lambda why: why.trap(ConnectError, ConnectionClosed, ChatnetError))

    async def _play(self, dialing: Deferred[Any], role: str, proof: bytes) -> None:
        link = await dialing
        await link.callRemote(Challenge, version=VERSION, nonce=self.world.entropy(NONCE_BYTES))
        await link.callRemote(Prove, role=role, proof=proof)
        self.admitted(role)


class Squatting(Locator):
    """The squatter's end of a connection: it sends commands before anything else."""

    speaker = Speaker.STRANGER

    def __init__(self, squatter: Squatter) -> None:
        self._squatter = squatter

    def connected(self, link: Link) -> None:
        super().connected(link)
        pid = self._squatter.world.processes.own_pid()
        # Nobody is killed by this: whoever obeyed would kill the squatter before it hears of it.
        started = (self._squatter.world.processes.started(pid) or 0) + 1
        for shared in (False, True):
            self._order(Shed, count=GREATEST, shared=shared, soon=True)
        self._order(SpawnWorkers, count=2)
        self._order(Kill, pid=pid, started=started)
        link.callRemote(Mirror, state=State("", GREATEST, 0, "0.0.0.0:9", [], [], []))
        self._order(Shutdown)
        self._live()

    def _order(self, order: type[Command], **arguments: int) -> None:
        asked: Deferred[Any] = self.link.callRemote(order, epoch=GREATEST, **arguments)
        asked.addCallbacks(
            lambda _: self._squatter.obeyed(order), lambda why: why.trap(ConnectionClosed, ChatnetError)
        )

    def _live(self) -> None:
        if self.link.transport is not None and self._squatter.tactic != "silent":
            self.link.ping()
            self._squatter.world.reactor.callLater(PING_SECONDS, self._live)

    @Locate.responder
    def locate(self, version: int) -> Any:
        # Not another version: a client that starts just then would believe it, and tell its user.
        if self._squatter.tactic in ("junk", "refusing"):
            raise NoWorkers(NoWorkers.sentence)
        return Deferred()

    @Challenge.responder
    def challenge(self, version: int, nonce: bytes) -> Any:
        match self._squatter.tactic:
            case "refusing":
                raise WrongVersion.of(ours=version + 1, theirs=version)
            case "junk":
                return {"nonce": self._squatter.world.entropy(NONCE_BYTES)}
        return Deferred()

    @Prove.responder
    def prove(self, role: str, proof: bytes) -> dict[str, Any]:
        self._squatter.saw(role, proof)
        return {"proof": self._squatter.world.entropy(PROOF_BYTES), "primary": None}
