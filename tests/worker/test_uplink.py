"""The link to the primary is found among several masters, proven, registered, and made again when lost."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError, DNSLookupError, TimeoutError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import provider

from chatnet.addresses import Address
from chatnet.auth import Role, Token
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import BadRequest, LevelTooLow, NotAllowed, StaleEpoch, WrongSecret
from chatnet.imprints import Imprint
from chatnet.marks import UserMark
from chatnet.master.lost_processes import LOOK_SECONDS, RETURN_SECONDS
from chatnet.net.approach import Approach
from chatnet.net.gate import Caller, Gate
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import CLUSTER_PULSE, Pulse
from chatnet.presence import Present
from chatnet.reads import Head, Question
from chatnet.store.remote import RemoteLog
from chatnet.testing.loopback import Loopback
from chatnet.typists import Typist
from chatnet.wire.cluster import (
    LANES,
    MOST_PROCESSES,
    Kill,
    Load,
    OtherWorker,
    OtherWorkers,
    Register,
    Report,
    Shed,
    Shutdown,
    SpawnFronts,
    SpawnWorkers,
    WorkerIdentity,
)
from chatnet.wire.common import Challenge
from chatnet.wire.imprints import ImprintsTold
from chatnet.wire.log import Committed, Follow, Read
from chatnet.wire.marks import MarksTold
from chatnet.wire.presence import PresenceTold
from chatnet.wire.typists import TypistsTold
from chatnet.worker.uplink import (
    ABANDONED_SECONDS,
    CONNECT_SECONDS,
    LEADER_SECONDS,
    LONGEST_DELAY,
    REFUSED_DELAY,
    SHORTEST_DELAY,
    Uplink,
)
from chatnet.world.real import RealTls

TOKEN = Token(b"t" * 32)
WORKER = WorkerIdentity("w1", "here", 42, "0.0.0.0:5000", False, 7)


class Primary(Locator):
    """The primary's end of one link."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.is_over = False
        self.wants: list[str] = []
        self.refuses: LevelTooLow | None = None
        self.hesitates: Deferred[None] | None = None
        self.registered: list[tuple[WorkerIdentity, int]] = []
        self.loads: list[Load] = []
        self.followed: list[int | None] = []

    @Register.responder
    def register(self, worker: WorkerIdentity, seen: int) -> Any:
        if self.refuses is not None:
            raise self.refuses
        if self.is_over:
            raise StaleEpoch.of(theirs=self.epoch, ours=seen)
        self.registered.append((worker, seen))
        answer: dict[str, Any] = {"log": "the log", "store": "", "epoch": self.epoch}
        answer |= dict.fromkeys(self.wants, True)
        return answer if self.hesitates is None else self.hesitates.addCallback(lambda _: answer)

    @Report.responder
    def report(self, load: Load) -> dict[str, Any]:
        self.loads.append(load)
        return {}

    @Follow.responder
    def follow(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
        self.followed.append(cursor)
        return {"cursor": cursor or 0, "check": check or Cursor.beginning("the log").check}

    @Read.responder
    def head(self, question: Question[Any]) -> dict[str, Any]:
        return {"answer": 0}


class Reactor(MemoryReactorClock):
    """A reactor whose connections are made when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.wires: list[Loopback] = []

    def accept(self, primary: Primary, token: Token = TOKEN) -> Link:
        """Let the newest connection reach ``primary``; return the primary's end of the link."""
        factory = self.tcpClients.pop()[2]

        def admit(role: Role) -> Locator:
            assert role == "worker"
            return primary

        server = Link(Gate(token, admit, lambda size: b"n" * size, self), Outboxes(self))
        self.wires.append(Loopback(factory.buildProtocol(None), server))
        self.settle()
        return server

    def refuse(self, error: type[Exception] = ConnectionRefusedError) -> str:
        """Let the newest connection fail with ``error``; return the host that it was for."""
        host, _, factory, *_ = self.tcpClients.pop()
        factory.clientConnectionFailed(cast(Any, None), Failure(error()))
        return str(host)

    def settle(self) -> None:
        self.advance(0)
        while any([wire.pump() for wire in self.wires]):  # noqa: C419  every wire, each time
            self.advance(0)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.advance(0.05)
            self.settle()

    def pass_until_asked(self) -> None:
        """Let time pass until somebody connects."""
        while not self.tcpClients:
            self.advance(0.01)


class Worker:
    """A worker on the primary's log, and what it was told."""

    def __init__(self) -> None:
        self.log = RemoteLog(lambda: None, pytest.fail)
        self.heard_count = 0
        self.stopped: list[str] = []
        self.shed_counts: list[int] = []
        self.kept: list[int] = []
        self.kept_fronts: list[tuple[str, int]] = []
        self.killed: list[tuple[int, int]] = []
        self.others: list[tuple[Sequence[OtherWorker], bool]] = []
        self.marks: list[UserMark] = []
        self.presence: list[Any] = []
        self.imprints: list[Any] = []
        self.typists: list[Any] = []
        self.lanes: list[Collection[str]] = []
        self.has_store = False
        self.leads: Address | Deferred[Address | None] | None = None

    def identity(self) -> WorkerIdentity:
        return WORKER

    def load(self) -> Load:
        return Load(sessions=7)

    def registered(self, link: Link, log_id: str, store: str, lanes: Collection[str] = ()) -> None:
        self.log.attached(link, log_id)
        self.lanes.append(lanes)

    def detached(self) -> None:
        self.log.detached()

    def heard(self) -> None:
        self.heard_count += 1

    def committed(self, entries: Sequence[Entry]) -> None:
        self.log.committed(entries)

    def marks_told(self, marks: Sequence[UserMark]) -> None:
        self.marks += marks

    def presence_told(self, people: Sequence[Present], begins: bool, goes_on: bool) -> None:
        self.presence.append((people, begins, goes_on))

    def imprints_told(self, imprints: Sequence[Imprint]) -> None:
        self.imprints.append(imprints)

    def typists_told(self, typists: Sequence[Typist]) -> None:
        self.typists.append(typists)

    def reaches_store(self) -> bool:
        return self.has_store

    async def leader(self) -> Address | None:
        return await self.leads if isinstance(self.leads, Deferred) else self.leads

    @property
    def did(self) -> list[Any]:
        return [
            *self.shed_counts,
            *self.kept,
            *self.kept_fronts,
            *self.killed,
            *self.stopped,
            *self.others,
            *self.marks,
        ]

    def shed(self, count: int, shared: bool, soon: bool) -> None:
        self.shed_counts.append(-count if shared else count)

    def other_workers(self, others: Sequence[OtherWorker], emptied: bool) -> None:
        self.others.append((others, emptied))

    def spawn_fronts(self, count: int) -> None:
        self.kept_fronts.append(("fronts", count))

    def spawn_workers(self, count: int) -> None:
        self.kept.append(count)

    def kill(self, pid: int, started: int) -> None:
        self.killed.append((pid, started))

    def stop(self) -> None:
        self.stopped.append("told")

    def abandoned(self) -> None:
        self.stopped.append("abandoned")

    def outgrown(self, sentence: str) -> None:
        self.stopped.append(sentence)


class Up:
    """An uplink that was started."""

    def __init__(self, *masters: str, chance: random.Random | None = None) -> None:
        self.reactor = Reactor()
        self.worker = Worker()
        self.log, self.stopped = self.worker.log, self.worker.stopped
        outboxes = Outboxes(self.reactor)
        pulse = Pulse(self.reactor, self.reactor.seconds, *CLUSTER_PULSE)
        caller = Caller("worker", TOKEN, lambda size: b"e" * size, outboxes, pulse)
        self.uplink = Uplink(
            [Address(host, 64480) for host in masters or ("one",)],
            self.worker,
            Approach(caller, True, RealTls(), self.reactor),
            self.reactor,
            chance or random.Random(1),
        )
        self.uplink.startService()


@pytest.fixture
def said() -> Any:
    """Yield the sentences that were logged."""
    sentences: list[str] = []

    @provider(ILogObserver)
    def see(event: LogEvent) -> None:
        if "sentence" in event:
            sentences.append(event["sentence"])

    globalLogPublisher.addObserver(see)
    yield sentences
    globalLogPublisher.removeObserver(see)


def test_it_registers_follows_and_reports() -> None:
    """It says who it is and what it has seen, and every second how many sessions it carries."""
    up, primary = Up(), Primary()
    up.reactor.accept(primary)
    assert primary.registered == [(WORKER, 0)]
    assert primary.followed == [None]
    assert up.log.log_id == "the log"
    assert up.log.is_ready
    up.reactor.pass_time(2)
    assert primary.loads[0] == Load(sessions=7)
    assert 2 <= len(primary.loads) <= 3


def test_a_sign_of_life_of_the_primary_is_heard() -> None:
    """It says until when the log was followed."""
    up = Up()
    server = up.reactor.accept(Primary())
    server.ping()
    up.reactor.settle()
    assert up.worker.heard_count == 1


def test_what_is_committed_goes_to_the_log() -> None:
    """What the primary pushes extends the worker's window."""
    up = Up()
    server = up.reactor.accept(Primary())
    entry = Entry(1, 1, "register", "alice", "alice", "secret", b"k" * 16)
    server.callRemote(Committed, epoch=1, entries=[entry])
    up.reactor.settle()
    assert up.log.window.head == 1


def test_what_other_workers_have_marked_is_told() -> None:
    """By the primary of the epoch that has answered the registration; by another nothing is."""
    up, primary = Up(), Primary()
    marks = [UserMark("alice", "#x", 7)]
    primary.hesitates = Deferred()
    server = up.reactor.accept(primary)
    server.callRemote(MarksTold, epoch=1, marks=marks)
    up.reactor.settle()
    assert up.worker.marks == []
    up = Up()
    server = up.reactor.accept(Primary())
    for epoch in (0, 1, 2):
        server.callRemote(MarksTold, epoch=epoch, marks=marks)
    up.reactor.settle()
    assert up.worker.marks == marks


def test_a_primary_says_what_it_wants_to_be_told_beside_the_log() -> None:
    """An older one says nothing of that; one that is newer may want more, of which nothing is known here."""
    for wants in ([], ["presence"], ["presence", "imprints"], [*LANES, "weather"]):
        up, primary = Up(), Primary()
        primary.wants = wants
        up.reactor.accept(primary)
        assert up.worker.lanes == [[lane for lane in wants if lane in LANES]]


def test_what_the_primary_tells_beside_the_log_is_handed_on() -> None:
    """Another epoch's word counts nothing."""
    up = Up()
    server = up.reactor.accept(Primary())
    people, imprints = [Present("bob", 1, 5)], [Imprint("bob", 1, b"v" * 32)]
    typists = [Typist("bob", "#tea", "active", 7, ("carol",))]
    for epoch in (0, 1, 2):
        server.callRemote(PresenceTold, epoch=epoch, begins=True, goes_on=False, people=people)
        server.callRemote(ImprintsTold, epoch=epoch, imprints=imprints)
        server.callRemote(TypistsTold, epoch=epoch, typists=typists)
    up.reactor.settle()
    assert up.worker.presence == [(people, True, False)]
    assert up.worker.imprints == [imprints]
    assert up.worker.typists == [typists]


def test_it_goes_round_the_masters_with_growing_delays() -> None:
    """After a failure the next master is tried, a moment later; delays grow to half a second at most."""
    up = Up("one", "two", "three")
    asked, times = [], []
    for _ in range(30):
        asked.append(up.reactor.refuse())
        times.append(up.reactor.seconds())
        up.reactor.pass_until_asked()
    assert asked == ["one", "two", "three"] * 10
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert all(SHORTEST_DELAY <= gap <= LONGEST_DELAY + 0.02 for gap in gaps)
    assert gaps[0] < 0.15
    assert max(gaps) > LONGEST_DELAY / 2


@pytest.mark.parametrize("error", [ConnectionRefusedError, TimeoutError, DNSLookupError])
def test_whoever_cannot_be_reached_is_named_once(said: list[str], error: type[Exception]) -> None:
    """The operator reads the reason once, and not again each second."""
    up = Up()
    for _ in range(5):
        up.reactor.refuse(error)
        up.reactor.pass_time(1.1)
    assert len(said) == 1
    assert said[0].startswith("No primary at one:64480 (")
    primary = Primary()
    up.reactor.accept(primary)
    assert primary.registered


def test_a_failure_of_ours_is_logged_and_survived(logged_failures: Any) -> None:
    """Whatever the other end answers, the worker goes on looking for its primary."""
    up = Up()
    up.reactor.refuse(ZeroDivisionError)
    up.reactor.pass_time(1.1)
    assert logged_failures.flush(ZeroDivisionError)
    assert up.reactor.tcpClients


def test_a_connection_that_hangs_is_given_up_after_a_second() -> None:
    """A host that drops packets does not hold the worker up."""
    up = Up()
    assert up.reactor.tcpClients[0][3] == 1.0


def test_a_lost_link_is_made_again() -> None:
    """It is made again at once, follows from the same seq, and names the epoch it has seen."""
    up, primary = Up(), Primary(epoch=5)
    up.reactor.accept(primary)
    up.reactor.wires.pop().cut()
    up.reactor.pass_time(0.2)
    up.reactor.accept(primary)
    assert primary.registered[1] == (WORKER, 5)
    assert primary.followed == [None, 0]


def test_after_a_long_search_the_next_one_begins_quickly() -> None:
    """Delays grow while no primary is found, and begin small again once one was found."""
    up = Up()
    for _ in range(10):
        up.reactor.refuse()
        up.reactor.pass_time(1.1)
    up.reactor.accept(Primary())
    for _ in range(3):
        up.reactor.wires.pop().cut()
        up.reactor.pass_time(0.15)
        up.reactor.accept(Primary())


def test_what_is_asked_while_the_primary_is_away_waits() -> None:
    """What is asked meanwhile is sent on the next link."""
    up, primary = Up(), Primary()
    up.reactor.accept(primary)
    up.reactor.wires.pop().cut()
    heads: list[int] = []
    Deferred.fromCoroutine(up.log.read(Head())).addCallback(heads.append)
    up.reactor.pass_time(0.2)
    assert not heads
    up.reactor.accept(primary)
    assert heads == [0]


def test_a_silent_primary_is_given_up() -> None:
    """It is given up after three seconds: the primary hangs, or the network does."""
    up, primary = Up(), Primary()
    up.reactor.accept(primary)  # and it sends no ping
    up.reactor.pass_time(2.7)
    assert not up.reactor.tcpClients
    up.reactor.pass_time(0.8)
    assert up.reactor.tcpClients
    up.reactor.accept(primary)
    assert len(primary.registered) == 2


def test_a_wrong_token_is_said_once_and_tried_slowly(said: list[str]) -> None:
    """One sentence says what to do; the operator may correct the token while the worker runs."""
    up, primary = Up(), Primary()
    for _ in range(3):
        up.reactor.accept(primary, Token(b"x" * 32))
        up.reactor.pass_time(REFUSED_DELAY - 0.5)
        assert not up.reactor.tcpClients
        up.reactor.pass_time(1)
        assert up.reactor.tcpClients
    assert len(said) == 1
    assert "refuses this worker: The cluster's token is not the one given: name the master's data" in said[0]
    assert "copy DATA/cluster.token from there" in said[0]
    up.reactor.accept(primary)
    assert primary.registered


def test_an_old_primary_is_refused(said: list[str]) -> None:
    """A primary that learns from the worker's epoch that its own has ended is asked again later."""
    up = Up()
    up.reactor.accept(Primary(epoch=5))
    up.reactor.wires.pop().cut()
    up.reactor.pass_time(0.2)
    stale = Primary(epoch=4)
    stale.is_over = True
    up.reactor.accept(stale)
    assert not stale.registered
    assert "Epoch 4 does not command here; epoch 5 does" in said[-1]


def test_a_worker_that_is_too_old_ends() -> None:
    """The primary says so at registration; any other primary would say the same."""
    up, primary = Up(), Primary()
    primary.refuses = LevelTooLow.of(level=2, own=1)
    up.reactor.accept(primary)
    assert up.stopped == [str(primary.refuses)]
    assert not primary.registered


def test_a_primary_that_serves_it_is_obeyed_in_its_epoch() -> None:
    """The worker has seen a later epoch, but the primary has looked for it in its store and not found it.

    An older copy of the store was put back, or somebody told the worker of an epoch that never was.
    """
    up = Up()
    up.reactor.accept(Primary(epoch=2**63 - 1))
    up.reactor.wires.pop().cut()
    up.reactor.pass_time(0.2)
    second, third = Primary(epoch=4), Primary(epoch=5)
    server = up.reactor.accept(second)
    server.callRemote(Shed, epoch=4, count=3, shared=False, soon=False)
    up.reactor.settle()
    assert up.worker.shed_counts == [3]
    up.reactor.wires.pop().cut()
    up.reactor.pass_time(0.2)
    up.reactor.accept(third)
    assert [seen for _, seen in second.registered + third.registered] == [2**63 - 1, 4]


def test_shutdown_stops_the_process() -> None:
    """An order of the primary is obeyed; an order of one whose epoch has ended is not."""
    up = Up()
    server = up.reactor.accept(Primary(epoch=5))
    failed: list[Any] = []
    server.callRemote(Shutdown, epoch=4).addErrback(failed.append)
    up.reactor.settle()
    assert failed[0].check(StaleEpoch)
    assert not up.stopped
    answered: list[Any] = []
    server.callRemote(Shutdown, epoch=5).addCallback(answered.append)
    up.reactor.settle()
    assert answered == [{}]
    assert up.stopped == ["told"]


def test_a_minute_without_a_primary_is_told() -> None:
    """It is told after a minute, not before, and not while there is a primary."""
    up = Up()
    for _ in range(20):
        up.reactor.refuse()
        up.reactor.pass_time(1.1)
    up.reactor.accept(Primary())
    up.reactor.wires.pop().cut()
    for _ in range((ABANDONED_SECONDS - 2) * 20):
        if up.reactor.tcpClients:
            up.reactor.refuse()
        up.reactor.advance(0.05)
    assert not up.stopped
    for _ in range(60):
        if up.reactor.tcpClients:
            up.reactor.refuse()
        up.reactor.advance(0.05)
    assert up.stopped[:1] == ["abandoned"]


def test_a_store_that_answers_is_worth_waiting_for() -> None:
    """While the store answers, nobody is abandoned; the minute counts from when it stops answering."""
    up = Up()
    up.worker.has_store = True

    def search(seconds: int) -> None:
        for _ in range(seconds * 20):
            if up.reactor.tcpClients:
                up.reactor.refuse()
            up.reactor.advance(0.05)

    search(ABANDONED_SECONDS + 10)
    up.worker.has_store = False
    search(ABANDONED_SECONDS - 2)
    assert not up.stopped
    search(3)
    assert up.stopped[:1] == ["abandoned"]


def test_a_master_that_hangs_is_not_waited_for() -> None:
    """Its kernel accepts but no process answers: the primary may be elsewhere, waiting for this worker."""
    up = Up("one", "two")
    factory = up.reactor.tcpClients.pop()[2]
    hung = Loopback(factory.buildProtocol(None), Link(Locator(), Outboxes(up.reactor)))
    up.reactor.pass_time(CONNECT_SECONDS + 0.15)
    assert hung.client_transport.lost is not None
    primary = Primary()
    assert up.reactor.tcpClients[0][0] == "two"
    up.reactor.accept(primary)
    assert primary.registered == [(WORKER, 0)]


class Elsewhere(Gate):
    """A replica that says that the primary is elsewhere."""

    def __init__(self, reactor: Reactor, primary: str) -> None:
        super().__init__(TOKEN, lambda role: primary, lambda size: b"n" * size, reactor)


def test_a_replica_says_where_the_primary_is() -> None:
    """The worker tries that place next, though no option named it; later searches begin there."""
    up = Up("one", "two")
    factory = up.reactor.tcpClients.pop()[2]
    replica = Link(Elsewhere(up.reactor, "three:9"), Outboxes(up.reactor))
    up.reactor.wires.append(Loopback(factory.buildProtocol(None), replica))
    up.reactor.settle()
    up.reactor.pass_time(0.15)
    assert up.reactor.tcpClients[0][:2] == ("three", 9)
    up.reactor.accept(Primary())
    up.reactor.wires.pop().cut()
    up.reactor.pass_time(0.15)
    assert up.reactor.refuse() == "three"
    up.reactor.pass_time(0.3)
    assert up.reactor.refuse() == "one"


def test_the_store_says_where_the_primary_is() -> None:
    """It is asked after each round in which all other places failed."""
    up = Up("one")
    up.worker.leads = Address("far", 5)
    assert up.reactor.refuse() == "one"
    up.reactor.pass_time(0.3)
    assert up.reactor.refuse() == "far"
    up.reactor.pass_time(0.6)
    assert up.reactor.refuse() == "one"


def test_a_store_that_answers_is_asked_each_time() -> None:
    """A primary that began to lead during this round need not wait for the end of the round."""
    up = Up("one", "two")
    up.worker.has_store = True
    assert up.reactor.refuse() == "one"
    up.worker.leads = Address("far", 5)
    up.reactor.pass_time(0.3)
    assert up.reactor.refuse() == "far"
    up.reactor.pass_time(0.6)
    assert up.reactor.refuse() == "two"


def test_who_is_sent_on_goes_there_and_asks_nobody() -> None:
    """The worker asks nobody else, least of all a store that may hang."""
    up = Up("one", "two")
    up.worker.has_store = True
    factory = up.reactor.tcpClients.pop()[2]
    replica = Link(Elsewhere(up.reactor, "three:9"), Outboxes(up.reactor))
    up.worker.leads = Deferred()
    up.reactor.wires.append(Loopback(factory.buildProtocol(None), replica))
    up.reactor.settle()
    up.reactor.pass_time(0.15)
    assert up.reactor.tcpClients[0][:2] == ("three", 9)


def test_a_store_that_hangs_holds_nobody_up() -> None:
    """The named masters are still tried."""
    up = Up("one")
    up.worker.leads = Deferred()
    up.reactor.refuse()
    up.reactor.pass_time(LEADER_SECONDS + 0.15)
    assert up.reactor.refuse() == "one"


class Slowest(random.Random):
    """A random source that makes each delay as long as possible."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_a_primary_of_this_host_is_found_before_it_misses_this_worker() -> None:
    """Even if it starts just after it was asked, its last place is a dead host, and the store hangs."""
    up = Up("here", chance=Slowest())
    up.worker.leads, up.worker.has_store = Address("there", 1), True
    up.reactor.refuse()

    for host in ("there", "here") * 6:  # until the delays have grown
        up.reactor.pass_until_asked()
        assert up.reactor.refuse() == host
    asked = up.reactor.seconds()
    up.reactor.pass_until_asked()
    up.reactor.pass_time(CONNECT_SECONDS)
    up.worker.leads = Deferred()
    assert up.reactor.refuse(TimeoutError) == "there"
    up.reactor.pass_until_asked()
    assert up.reactor.refuse() == "here"
    assert up.reactor.seconds() - asked < RETURN_SECONDS - LOOK_SECONDS


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (Shed, {"count": 3, "shared": False, "soon": False}),
        (OtherWorkers, {"workers": [OtherWorker("there", 4)], "emptied": True}),
        (SpawnWorkers, {"count": 2}),
        (SpawnFronts, {"count": 2}),
        (Kill, {"pid": 5, "started": 6}),
    ],
)
def test_only_the_epoch_of_the_registration_commands(command: Any, arguments: dict[str, Any]) -> None:
    """Orders of a past epoch are refused, and of a future one too: it will have a link of its own."""
    up = Up()
    server = up.reactor.accept(Primary(epoch=5))
    for epoch in (4, 6, 2**63 - 1):
        assert asked(up, server, command, epoch=epoch, **arguments).check(StaleEpoch)
    assert not up.worker.did
    assert asked(up, server, command, epoch=5, **arguments) == {}
    assert up.worker.did in ([3], [([OtherWorker("there", 4)], True)], [2], [("fronts", 2)], [(5, 6)])


def asked(up: Up, server: Link, command: Any, **arguments: Any) -> Any:
    """Return the answer to ``command``, said to the worker, or the failure."""
    answers: list[Any] = []
    server.callRemote(command, **arguments).addBoth(answers.append)
    up.reactor.settle()
    return answers[0]


ORDERS: list[tuple[Any, dict[str, Any]]] = [
    (Shed, {"count": 3, "shared": False, "soon": False}),
    (OtherWorkers, {"workers": [], "emptied": False}),
    (SpawnWorkers, {"count": 2}),
    (SpawnFronts, {"count": 2}),
    (Kill, {"pid": 5, "started": 6}),
    (Shutdown, {}),
]


@pytest.mark.parametrize(("command", "arguments"), ORDERS)
@pytest.mark.parametrize("epoch", [0, 1, 2**63 - 1])
def test_who_has_proven_nothing_commands_nobody(command: Any, arguments: dict[str, Any], epoch: int) -> None:
    """Whatever a process says that took the master's port, the worker understands none of it."""
    up, fake = Up(), Link(Locator(), Outboxes(Reactor()))
    fake.outboxes = Outboxes(up.reactor)
    up.reactor.wires.append(Loopback(up.reactor.tcpClients.pop()[2].buildProtocol(None), fake))
    assert asked(up, fake, command, epoch=epoch, **arguments).check(NotAllowed)
    assert not up.worker.did


@pytest.mark.parametrize(("command", "arguments"), ORDERS)
def test_who_has_not_answered_the_registration_commands_nobody(
    command: Any, arguments: dict[str, Any]
) -> None:
    """It has the token, but nobody knows yet which epoch it is of."""
    up, primary = Up(), Primary(epoch=5)
    primary.hesitates = Deferred()
    server = up.reactor.accept(primary)
    assert asked(up, server, command, epoch=5, **arguments).check(NotAllowed)
    assert not up.worker.did


def test_an_order_that_comes_with_the_answer_is_obeyed() -> None:
    """The order may come in the same bytes: from the answer on, the primary commands the worker."""
    up, primary = Up(), Primary(epoch=5)
    primary.hesitates = Deferred()
    server = up.reactor.accept(primary)
    primary.hesitates.callback(None)
    assert asked(up, server, Shed, epoch=5, count=3, shared=False, soon=False) == {}
    assert up.worker.did == [3]


@pytest.mark.parametrize("epoch", [4, 6])
def test_what_another_epoch_pushes_is_not_followed(epoch: int) -> None:
    """It is not skipped either: the link is closed, and the worker follows afresh."""
    up = Up()
    server = up.reactor.accept(Primary(epoch=5))
    server.callRemote(
        Committed, epoch=epoch, entries=[Entry(1, 1, "register", "alice", "alice", "secret", b"k" * 16)]
    )
    up.reactor.settle()
    assert up.log.window.head == 0
    assert server.transport is None


@pytest.mark.parametrize("command", [SpawnWorkers, SpawnFronts])
def test_no_host_is_filled_with_children(command: Any) -> None:
    """A number that no host has room for is refused, and no child is started."""
    up = Up()
    server = up.reactor.accept(Primary(epoch=5))
    assert asked(up, server, command, epoch=5, count=MOST_PROCESSES + 1).check(BadRequest)
    assert not up.worker.did


class Strange(Locator):
    """A process that has the port, and answers as no chatnet process does."""

    @Challenge.responder
    def challenge(self, version: int, nonce: bytes) -> dict[str, Any]:
        raise WrongSecret("An error that this command does not have.")


def test_an_answer_as_of_nobody_of_ours_is_said_once(said: list[str]) -> None:
    """It is logged as a sentence, not as a failure of ours at each attempt."""
    up = Up()
    for _ in range(3):
        stranger = Link(Strange(), Outboxes(up.reactor))
        up.reactor.wires.append(Loopback(up.reactor.tcpClients.pop()[2].buildProtocol(None), stranger))
        up.reactor.settle()
        up.reactor.pass_time(LONGEST_DELAY + 0.1)
    assert len(said) == 1
    assert said[0].startswith("The master at one:64480 refuses this worker: ")
    up.reactor.accept(Primary())
    assert up.log.is_ready


def test_a_stranger_on_the_port_of_the_primary_delays_it_no_longer_than_it_is_there(said: list[str]) -> None:
    """A worker whose token was good once tries again soon, since the primary that comes waits for it."""
    up, primary = Up(), Primary()
    up.reactor.accept(primary)
    up.reactor.wires.pop().cut()
    for _ in range(5):
        up.reactor.pass_time(LONGEST_DELAY + 0.1)
        up.reactor.accept(Primary(), Token(b"x" * 32))
    up.reactor.pass_time(LONGEST_DELAY + 0.1)
    up.reactor.accept(primary)
    assert len(primary.registered) == 2
    assert len([sentence for sentence in said if "refuses this worker" in sentence]) == 1


@pytest.mark.parametrize("linked", [False, True])
def test_stopping_leaves_nothing(linked: bool) -> None:
    """No timer and no link stay; the service's stop waits for neither."""
    up = Up()
    if linked:
        up.reactor.accept(Primary())
    stopped: list[Any] = []
    up.uplink.stopService().addBoth(stopped.append)  # type: ignore[union-attr]
    up.reactor.settle()
    assert stopped == [None]
    assert not [call for call in up.reactor.getDelayedCalls() if "abort" not in str(call)]
    assert all(end.disconnecting for wire in up.reactor.wires for _, end in wire.ends[:1])
