"""A replica alone: what it tells others about the primary."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, cast

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from chatnet import world
from chatnet.addresses import Address
from chatnet.auth import Role, Token
from chatnet.errors import LevelTooLow, NotAllowed, Outgrown, StaleEpoch
from chatnet.master.embedded_store import BEAT_SECONDS
from chatnet.master.replica import LONGEST_DELAY, OPENING_SECONDS, Replica
from chatnet.master.standby import Inheritance, Standby
from chatnet.master.store import Store
from chatnet.net.approach import Approach
from chatnet.net.gate import Caller, Gate
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import CLUSTER_PULSE, Pulse
from chatnet.net.visitors import STRANGER_SECONDS
from chatnet.store.lease import Holder
from chatnet.telemetry import unheard
from chatnet.testing.loopback import Loopback
from chatnet.wire.cluster import Shutdown
from chatnet.wire.common import Challenge
from chatnet.wire.replica import Attach, MasterIdentity, Mirror, State
from chatnet.world import ProcessId
from chatnet.world.real import RealTls

TOKEN = Token(b"t" * 32)
ME = MasterIdentity("here", 42, 7, False, "here:64480")
ALPHA = Holder(11, "alpha:64480", 1, 4, "alpha")


class Primary(Locator):
    """The primary's end of a link."""

    @Attach.responder
    def attach(self, master: MasterIdentity, seen: int) -> dict[str, Any]:
        return {"epoch": 5}


class Newer(Locator):
    """The end of a primary whose log is at a level that the replica does not understand."""

    @Attach.responder
    def attach(self, master: MasterIdentity, seen: int) -> dict[str, Any]:
        raise LevelTooLow.of(level=2, own=1)


class SharedStore:
    """A shared database. ``names`` is the lease's holder; None while it cannot be asked."""

    is_shared = True

    def __init__(self, names: Holder | None) -> None:
        self.names = names
        self.is_free = False
        self.outgrown: Outgrown | None = None

    async def take(self, me: Holder) -> bool:
        if self.outgrown is not None:
            raise self.outgrown
        return self.is_free

    async def holder(self) -> Holder | None:
        return self.names

    def is_held_by(self, holder: Holder) -> bool:
        return holder.is_same(self.names)

    def watch(self, free: Callable[[], None]) -> None:
        """Do nothing: nobody releases the lease."""


class Processes:
    """This host's processes: their start times by pid. Kills are recorded."""

    def __init__(self) -> None:
        self.living = {11: 1}
        self.killed: list[int] = []

    def started(self, pid: int) -> int | None:
        return self.living.get(pid)

    def signal(self, process: ProcessId, number: int) -> bool:
        if self.living.get(process.pid) != process.started:
            return False
        self.killed.append(process.pid)
        return True


class Stage:
    """A replica that was started, and its connections."""

    def __init__(self, names: Holder | None = ALPHA) -> None:
        self.reactor = MemoryReactorClock()
        self.won: list[Inheritance] = []
        self.stopped: list[None] = []
        self.outgrown: list[str] = []
        self.processes = Processes()
        self.store = SharedStore(names)
        self.outboxes = Outboxes(self.reactor)
        seconds = self.reactor.seconds
        pulse = Pulse(self.reactor, seconds, *CLUSTER_PULSE)
        caller = Caller("replica", TOKEN, lambda size: b"e" * size, self.outboxes, pulse)
        self.replica = Replica(
            Standby(
                me=lambda: ME,
                claim=lambda: Holder(ME.pid, ME.address, ME.started, 0, ME.host),
                usual=lambda state: Address("127.0.0.1", 64480),
                won=self.won.append,
                answered=lambda refusal: None,
                stop=lambda: self.stopped.append(None),
                abandoned=lambda: pytest.fail("it gave up"),
                outgrown=self.outgrown.append,
            ),
            cast(Store, self.store),  # it has what a replica asks of a store
            Approach(caller, True, RealTls(), self.reactor),
            cast(world.Processes, self.processes),  # they have what a replica asks of them
            world.Clocks(self.reactor, seconds, seconds),
            random.Random(1),
            unheard,
        )
        self.replica.start()

    def asked(self) -> str:
        """Wait until it looks for the primary; return where."""
        for _ in range(round(LONGEST_DELAY * 100)):
            if self.reactor.tcpClients:
                break
            self.reactor.advance(0.01)
        host, port, *_ = self.reactor.tcpClients[-1]
        return f"{host}:{port}"

    def answer(self, admitted: Locator | str) -> Loopback:
        """Let the asked process be the primary, or a replica that says where that is."""

        def admit(role: Role) -> Locator | str:
            assert role == "replica"
            return admitted

        return self.accept(Gate(TOKEN, admit, lambda size: b"n" * size, self.reactor))

    def accept(self, locator: Locator) -> Loopback:
        """Accept its connection and speak by ``locator``; the accepting end is :attr:`server`."""
        factory = self.reactor.tcpClients.pop()[2]
        self.server = Link(locator, self.outboxes)
        self.wire = Loopback(factory.buildProtocol(None), self.server)
        self.settle()
        if self.wire.client_transport.lost is not None:
            self.lose(self.wire)
        return self.wire

    def refuse(self) -> None:
        """Refuse its connection."""
        factory = self.reactor.tcpClients.pop()[2]
        factory.clientConnectionFailed(cast(Any, None), Failure(ConnectionRefusedError()))

    def wait(self, seconds: int, each_second: Callable[[], None]) -> None:
        """Let time pass in which nobody listens anywhere."""
        for _ in range(seconds):
            each_second()
            for _ in range(20):
                if self.reactor.tcpClients:
                    self.refuse()
                self.reactor.advance(0.05)

    def settle(self) -> None:
        self.reactor.advance(0)
        while self.wire.pump():
            self.reactor.advance(0)

    def says(self, command: Any, **arguments: Any) -> Any:
        """Let the other end say a command; return the answer, or the failure; None if there is none."""
        answers: list[Any] = []
        asked = self.server.callRemote(command, **arguments)
        if asked is not None:
            asked.addBoth(answers.append)
        self.settle()
        return answers[0] if answers else None

    def lose(self, wire: Loopback) -> None:
        """Lose the connection; the factory is told too, as by a real connector."""
        wire.cut()
        self.replica.clientConnectionLost(None, Failure(ConnectionDone()))


@pytest.fixture
def sent_on() -> Stage:
    """Return a replica whose store is away and which another replica sent to beta, which it asks now."""
    stage = Stage()
    stage.store.names = None
    stage.answer("beta:64480")
    assert stage.asked() == "beta:64480"
    return stage


def test_one_that_is_too_old_ends() -> None:
    """The primary says so when it attaches: it neither stands by nor tries to get the lease."""
    stage = Stage()
    stage.asked()
    stage.answer(Newer())
    stage.store.is_free = True
    stage.reactor.advance(10)
    assert stage.outgrown == [str(LevelTooLow.of(level=2, own=1))]
    assert (stage.won, stage.reactor.tcpClients) == ([], [])


def test_one_that_is_too_old_does_not_take_the_lease() -> None:
    """The database says so, even if there is no primary."""
    stage = Stage(None)
    stage.store.outgrown = Outgrown.at(2, 1)
    stage.reactor.advance(10)
    assert stage.outgrown == [str(stage.store.outgrown)]
    assert stage.won == []


def test_it_says_who_holds_the_lease() -> None:
    """It says so before it stands by and afterwards."""
    stage = Stage()
    assert stage.asked() == stage.replica.primary.address == "alpha:64480"
    stage.answer(Primary())
    assert stage.replica.primary.address == "alpha:64480"


def test_one_that_was_sent_on_while_the_store_was_away_says_where_it_stands_by(sent_on: Stage) -> None:
    """Else workers that know no other master, as those started on this host, would search without end."""
    assert sent_on.replica.primary.address == ""
    sent_on.answer(Primary())
    assert sent_on.replica.primary.address == "beta:64480"


def test_when_that_is_lost_it_does_not_say_so_any_more(sent_on: Stage) -> None:
    """Whoever asks then is not sent to the dead primary."""
    sent_on.lose(sent_on.answer(Primary()))
    assert sent_on.replica.primary.address == ""


class Stranger(Locator):
    """A process that has the port, and keeps the replica waiting for a proof."""

    @Challenge.responder
    def challenge(self, version: int, nonce: bytes) -> Deferred[dict[str, Any]]:
        return Deferred()


def state(epoch: int, listen: str = "0.0.0.0:64480") -> State:
    """Return what a primary tells."""
    return State(log="log", epoch=epoch, head=0, listen=listen, workers=[], replicas=[], events=[])


@pytest.mark.parametrize("epoch", [0, 5, 2**63 - 1])
def test_who_has_proven_nothing_tells_it_nothing(epoch: int) -> None:
    """A process on the port of a primary may say whom to kill and where to listen: it is not understood."""
    stage = Stage()
    stage.asked()
    stage.accept(Stranger())
    stage.says(Mirror, state=state(epoch))
    assert stage.says(Shutdown, epoch=epoch).check(NotAllowed)
    assert not stage.stopped
    stage.store.is_free = True
    stage.lose(stage.wire)
    stage.reactor.advance(LONGEST_DELAY)
    assert stage.won == [Inheritance(None)]


@pytest.mark.parametrize("epoch", [4, 6, 2**63 - 1])
def test_only_the_epoch_to_which_it_is_attached_commands(epoch: int) -> None:
    """An order or a state of another epoch is refused."""
    stage = Stage()
    stage.asked()
    stage.answer(Primary())
    assert stage.says(Shutdown, epoch=epoch).check(StaleEpoch)
    stage.says(Mirror, state=state(5))
    stage.says(Mirror, state=state(epoch))
    stage.says(Mirror, state=state(5, "nowhere"))
    assert stage.says(Shutdown, epoch=5) == {}
    assert len(stage.stopped) == 1
    stage.store.is_free = True
    stage.lose(stage.wire)
    stage.reactor.advance(0)
    assert not stage.won  # it is stopping


def test_what_it_was_told_last_it_knows_when_it_leads() -> None:
    """What another epoch said, or what cannot be read, changed nothing."""
    stage = Stage()
    stage.asked()
    stage.answer(Primary())
    for told in (state(5), state(4), state(6), state(5, "nowhere")):
        stage.says(Mirror, state=told)
    stage.store.is_free = True
    stage.lose(stage.wire)
    assert [inheritance.state for inheritance in stage.won] == [state(5)]


def test_a_stranger_on_the_port_of_the_primary_does_not_keep_it_from_the_lease() -> None:
    """It accepts and goes on talking, so it is not silent; the replica tries to get the lease all the
    same."""
    stage = Stage()
    stage.store.is_shared = False
    stage.asked()
    stage.accept(Stranger())
    stage.store.is_free = True
    stage.reactor.advance(1)
    assert len(stage.won) == 1


def test_a_stranger_that_talks_on_and_proves_nothing_is_left() -> None:
    """It is left after ten seconds: the primary may have its port back."""
    stage = Stage()
    stage.store.is_shared = False
    stage.asked()
    stage.accept(Stranger())
    for _ in range(round(STRANGER_SECONDS)):
        assert stage.wire.client_transport.lost is None
        stage.reactor.advance(1)
        stage.server.ping()
        stage.settle()
    assert stage.wire.client_transport.lost is not None


OPENING = Holder(11, "", 1, 4, "here", beat=1)


@pytest.fixture
def opening() -> Stage:
    """Return a replica; a process that does not listen yet holds the lease of an embedded store."""
    stage = Stage(OPENING)
    stage.store.is_shared = False
    return stage


def test_who_neither_listens_nor_says_that_it_lives_is_killed(opening: Stage) -> None:
    """Opening the store takes moments, so it hangs: it is killed half a minute after its last sign of
    life."""
    opening.wait(OPENING_SECONDS - 1, lambda: None)
    assert not opening.processes.killed
    opening.wait(2, lambda: None)
    assert opening.processes.killed[:1] == [11]


def test_who_waits_for_its_port_is_not_killed(opening: Stage) -> None:
    """A stranger has its port without listening; the holder goes on saying that it lives."""
    beats = iter(range(1000))

    def beat() -> None:
        if (number := next(beats)) % round(BEAT_SECONDS) == 0:
            opening.store.names = Holder(11, "", 1, 4, "here", beat=number)

    opening.wait(3 * OPENING_SECONDS, beat)
    assert not opening.processes.killed


@pytest.mark.parametrize(
    "names", [Holder(11), Holder(11, "", 2, 4, "here")], ids=["unpublished", "another process"]
)
def test_nobody_is_killed_who_has_not_said_that_it_is_the_holder(opening: Stage, names: Holder) -> None:
    """A process that reuses the pid of a holder is not killed either."""
    opening.store.names = names
    opening.wait(2 * OPENING_SECONDS, lambda: None)
    assert not opening.processes.killed


@pytest.mark.parametrize(("names", "killed"), [(replace(ALPHA, host="here"), [11]), (Holder(11), [])])
def test_a_primary_that_falls_silent_is_killed_if_it_has_said_who_it_is(
    names: Holder, killed: list[int]
) -> None:
    """It is killed after three seconds in which nothing came from it."""
    stage = Stage(names)
    stage.store.is_shared = False
    stage.asked()
    stage.answer(Primary())
    stage.replica._doing.link.silent = CLUSTER_PULSE.patience  # type: ignore[union-attr]
    stage.lose(stage.wire)
    assert stage.processes.killed == killed
    assert ("has not said who it is: end it by hand" in stage.replica._said) == (not killed)
