"""What strangers, workers and operators may say to the primary, and what it answers."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from master.in_memory import EPOCH, Master, Peer, result
from twisted.internet.defer import Deferred

from chatnet.auth import Role, Token
from chatnet.errors import BadRequest, NotAllowed, NoWorkers, StaleEpoch, WrongToken, WrongVersion
from chatnet.master.host_plan import DRAIN_SECONDS
from chatnet.master.remote_hosts import LOOK_SECONDS
from chatnet.master.replicas import TELL_SECONDS
from chatnet.net.gate import Unregistered
from chatnet.net.intake import MOST_BOXES
from chatnet.net.visitors import STRANGER_SECONDS
from chatnet.reads import AccountOf, Head, History, SnapshotOf
from chatnet.testing.loopback import FULL
from chatnet.wire.cluster import Load, Register, Report, WorkerIdentity
from chatnet.wire.common import VERSION
from chatnet.wire.locate import Locate
from chatnet.wire.log import Append, Follow, Read
from chatnet.wire.operate import Status, Stop
from chatnet.wire.replica import Attach, MasterIdentity

WORKER = WorkerIdentity("w", "here", 1, "0.0.0.0:5", False, 99)


def test_a_client_is_told_a_worker_by_the_address_that_it_reached(master: Master) -> None:
    """It gets the host that it reached us at, the worker's port, the log and the epoch, without a proof."""
    master.worker("a").report()
    answer = Peer(master).ask(Locate, version=VERSION)
    assert {name: value for name, value in answer.items() if value is not None} == {
        "worker": "127.0.0.1:5",
        "log": "memory",
        "epoch": EPOCH,
    }


def test_without_workers_a_client_is_told_so(master: Master) -> None:
    """A sentence says so, and the connection stays for another question.

    A worker that has not said yet that it serves does not count: it may just open the store. Nor does one
    that leaves.
    """
    client = Peer(master)
    with pytest.raises(NoWorkers):
        client.ask(Locate, version=VERSION)
    worker = master.worker("a")
    with pytest.raises(NoWorkers):
        client.ask(Locate, version=VERSION)
    worker.report(opening=True)
    with pytest.raises(NoWorkers):
        client.ask(Locate, version=VERSION)
    worker.report()
    assert client.ask(Locate, version=VERSION)["worker"]
    master.registry.workers()[0].leaving = True
    with pytest.raises(NoWorkers):
        client.ask(Locate, version=VERSION)


def test_a_client_of_another_version_is_told_so(master: Master) -> None:
    """The sentence names both versions."""
    with pytest.raises(WrongVersion, match=str(VERSION + 1)):
        Peer(master).ask(Locate, version=VERSION + 1)


def test_a_client_is_told_the_log_that_there_is_now(master: Master) -> None:
    """A database that was put back may hold another log than when the connection was made."""
    master.worker("w1").report()
    client = Peer(master)
    master.log.log_id = "another"
    assert client.ask(Locate, version=VERSION)["log"] == "another"


def test_clients_are_spread_over_the_workers(master: Master) -> None:
    """The workers with the fewest sessions come first, also for clients that come at once."""
    for id, port, sessions in (("a", 1, 4), ("b", 2, 0), ("c", 3, 2)):
        peer = Peer(master)
        peer.prove("worker")
        peer.ask(Register, worker=WorkerIdentity(id, "here", port, f"0.0.0.0:{port}", False, 99), seen=0)
        peer.report(sessions=sessions)
    found = [Peer(master).ask(Locate, version=VERSION)["worker"] for _ in range(6)]
    assert (found.count("127.0.0.1:2"), found.count("127.0.0.1:3")) == (4, 2)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (Append, {"drafts": []}),
        (Read, {"question": Head()}),
        (Register, {"worker": WORKER, "seen": 0}),
        (Status, {}),
        (Stop, {}),
    ],
)
def test_a_stranger_finds_nothing_but_the_door(
    master: Master, command: type, arguments: dict[str, object]
) -> None:
    """Everything else is refused by a sentence until the token is proven."""
    with pytest.raises(NotAllowed, match="prove the token first"):
        Peer(master).ask(command, **arguments)
    assert master.stops == 0


@pytest.mark.parametrize("role", ["", "admin", "worker|", "operator\x00", "Worker"])
def test_there_are_three_roles(master: Master, role: str) -> None:
    """Another role is refused even with the right token."""
    stranger = Peer(master)
    with pytest.raises(NotAllowed, match="a role is worker, replica or operator"):
        stranger.prove(cast(Role, role))


def test_a_wrong_token_opens_nothing(master: Master) -> None:
    """The sentence says where the right one is."""
    stranger = Peer(master)
    with pytest.raises(WrongToken, match=r"cluster\.token"):
        stranger.prove("worker", Token(b"x" * 32))
    with pytest.raises(NotAllowed):
        stranger.ask(Read, question=Head())


def test_each_role_has_its_own_commands(master: Master) -> None:
    """A worker cannot stop the cluster, and an operator cannot append."""
    worker, operator = master.worker("a"), Peer(master)
    operator.prove("operator")
    with pytest.raises(NotAllowed):
        worker.ask(Stop)
    with pytest.raises(NotAllowed):
        operator.ask(Append, drafts=[])


def test_a_stranger_is_closed_after_ten_seconds(master: Master) -> None:
    """An unproven connection is closed; a proven one stays."""
    stranger, worker = Peer(master), master.worker("a")
    master.pass_time(STRANGER_SECONDS - 0.25)
    assert stranger.connected
    master.pass_time(0.5)
    assert not stranger.connected
    assert worker.connected


def test_a_stranger_that_does_not_read_is_not_obeyed(master: Master) -> None:
    """Its answers would fill our memory; a proven worker's link is always obeyed."""
    stranger, worker = Peer(master), master.worker("a")
    for peer in (stranger, worker):
        peer.wire.client_transport.pauseProducing()
        peer.server.outbox.put(b"." * (FULL + 1))
        master.settle()
        assert peer.server.full
        for _ in range(2 * MOST_BOXES):
            peer.link.callRemote(Locate, version=VERSION).addErrback(lambda _: None)
            master.settle()
    assert not stranger.wire.server_transport.reading
    assert worker.wire.server_transport.reading
    assert not worker.server.is_paused


NEWCOMERS: list[tuple[Role, Any, dict[str, Any]]] = [
    ("worker", Register, {"worker": WORKER}),
    ("replica", Attach, {"master": MasterIdentity("here", 1, 0, True)}),
]


@pytest.mark.parametrize(("role", "command", "who"), NEWCOMERS)
def test_a_primary_is_over_if_the_store_says_so(
    master: Master, role: Role, command: Any, who: dict[str, Any]
) -> None:
    """A worker that has obeyed a later epoch makes the primary look: it refuses, and its epoch has ended."""
    master.newest = EPOCH + 2
    peer = Peer(master)
    peer.prove(role)
    with pytest.raises(StaleEpoch, match=f"{EPOCH + 2}"):
        peer.ask(command, seen=EPOCH + 1, **who)
    assert master.over == [EPOCH + 2]
    assert len(master.registry) == len(master.replicas) == 0


@pytest.mark.parametrize(("role", "command", "who"), NEWCOMERS)
def test_no_primary_ends_because_a_peer_says_a_number(
    master: Master, role: Role, command: Any, who: dict[str, Any]
) -> None:
    """An epoch that the store does not know never existed: the peer is told which epoch there is."""
    peer = Peer(master)
    peer.prove(role)
    assert peer.ask(command, seen=2**63 - 1, **who)["epoch"] == EPOCH
    assert master.over == []
    assert len(master.registry) + len(master.replicas) == 1


@pytest.mark.parametrize(("role", "command", "who"), NEWCOMERS)
def test_whose_link_is_lost_while_the_store_is_looked_at_is_not_here(
    master: Master, role: Role, command: Any, who: dict[str, Any]
) -> None:
    """Else it would be counted without end."""
    master.looked = Deferred()
    peer = Peer(master)
    peer.prove(role)
    peer.begin(command, seen=EPOCH + 1, **who)
    peer.cut()
    master.looked.callback(EPOCH)
    master.settle()
    assert len(master.registry) == len(master.replicas) == 0


def test_of_two_registrations_that_wait_for_the_store_the_first_counts(master: Master) -> None:
    """A link belongs to one worker."""
    master.looked = Deferred()
    peer = Peer(master)
    peer.prove("worker")
    first = peer.begin(Register, worker=WORKER, seen=EPOCH + 1)
    other = msgspec.structs.replace(WORKER, id="other")
    second = peer.begin(Register, worker=other, seen=0)
    master.looked.callback(EPOCH)
    master.settle()
    assert result(second)["epoch"] == EPOCH
    with pytest.raises(NotAllowed):
        result(first)
    assert [worker.identity.id for worker in master.registry.workers()] == ["other"]


@pytest.mark.parametrize(("role", "command", "who"), NEWCOMERS)
def test_nobody_registers_twice(master: Master, role: Role, command: Any, who: dict[str, Any]) -> None:
    """Neither as the same nor as another: a link belongs to one worker, or one replica, to its end."""
    peer = Peer(master)
    peer.prove(role)
    peer.ask(command, seen=0, **who)
    for _, again, identity in NEWCOMERS:
        with pytest.raises(NotAllowed):
            peer.ask(again, seen=0, **identity)
    assert len(master.registry) + len(master.replicas) == 1


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (Append, {"drafts": []}),
        (Follow, {"cursor": None, "check": None}),
        (Read, {"question": Head()}),
        (Read, {"question": AccountOf("alice")}),
        (Read, {"question": SnapshotOf("alice", 0, 0)}),
        (Read, {"question": History("alice")}),
    ],
)
def test_the_log_is_served_to_registered_workers_alone(
    master: Master, command: Any, arguments: dict[str, Any]
) -> None:
    """A peer that has only proven the token must register first; a replica or operator never gets the log."""
    roles: tuple[Role, ...] = ("worker", "replica", "operator")
    for role in roles:
        peer = Peer(master)
        peer.prove(role)
        with pytest.raises(NotAllowed):
            peer.ask(command, **arguments)
    replica = master.replica(1)
    with pytest.raises(NotAllowed):
        replica.ask(command, **arguments)


class Dialer(Peer):
    """A peer that understands orders from the answer to its registration on, as workers and replicas do."""

    def register(self, role: Role, command: Any, **arguments: Any) -> None:
        """Prove the token and register."""
        self.link.become(Unregistered())
        self.prove(role)
        asked: Deferred[Any] = self.link.callRemote(command, seen=0, **arguments)
        asked.addCallback(lambda _: self.link.become(self.hears))
        self._master.settle()


def test_a_worker_is_ordered_nothing_before_its_registration_is_answered(master: Master) -> None:
    """It would not understand; here the order is that the primary, not itself, keeps this host's workers."""
    master.adopted()
    master.worker("child", 2, supervisor=1).report()
    master.worker("other", 3, spawned=False).report()
    parent = Dialer(master)
    parent.register("worker", Register, worker=WorkerIdentity("parent", "here", 1, "0.0.0.0:5", False, 99))
    assert parent.hears.kept == []
    master.pass_time(DRAIN_SECONDS + LOOK_SECONDS)
    assert parent.hears.kept == [0]


def test_a_replica_is_told_nothing_before_it_is_attached(master: Master) -> None:
    """Right after the answer it is told what it must know, and here, that it is one too many."""
    replica = Dialer(master)
    replica.register("replica", Attach, master=MasterIdentity("here", 1, 0, True))
    assert replica.hears.states
    assert replica.hears.shut_down == 1


def test_a_worker_that_says_it_listens_nowhere_is_refused(master: Master) -> None:
    """A client that is sent there could not connect."""
    peer = Peer(master)
    peer.prove("worker")
    with pytest.raises(BadRequest):
        peer.ask(Register, worker=msgspec.structs.replace(WORKER, address="nowhere"), seen=0)
    assert len(master.registry) == 0


def test_a_worker_of_this_epoch_or_an_earlier_one_is_welcome(master: Master) -> None:
    """An earlier primary's workers may register, and so may those that come back."""
    for id, seen in (("a", EPOCH - 1), ("b", EPOCH)):
        peer = Peer(master)
        peer.prove("worker")
        peer.ask(Register, worker=WorkerIdentity(id, "here", 1, "0.0.0.0:5", False, 99), seen=seen)
    assert len(master.registry) == 2
    assert master.over == []


def test_a_report_before_the_registration_is_passed_over(master: Master) -> None:
    """A report has no answer; the link stays."""
    peer = Peer(master)
    peer.prove("worker")
    peer.link.callRemote(Report, load=Load(sessions=1))
    master.settle()
    assert peer.ask(Register, worker=WORKER, seen=0)
    assert master.registry.workers()[0].load == Load()


def test_an_operator_sees_the_cluster_and_stops_it(master: Master) -> None:
    """Status shows what the primary knows; Stop is answered before anything stops."""
    master.worker("a")
    operator = Peer(master)
    operator.prove("operator")
    status = operator.ask(Status)["status"]
    assert [worker.id for worker in status.workers] == ["a"]
    assert status.events[-1].what == "worker a on here (pid 1) joined"
    assert operator.ask(Stop) == {}
    assert master.stops == 1


LONGEST = "\N{GRINNING FACE}" * 253
"""A host name of the greatest allowed size in bytes."""


def test_a_cluster_that_is_large_is_told_as_far_as_it_fits(master: Master) -> None:
    """Operators are told how many more there are; replicas get as much as fits, whatever the names are."""
    replica = master.replica(7)
    for number in range(100):
        master.worker(f"{number}", host=LONGEST)
    operator = Peer(master)
    operator.prove("operator")
    status = operator.ask(Status)["status"]
    assert len(status.workers) > 20
    assert len(status.workers) + status.left_out == 100
    assert status.events[-1].what.startswith("worker 99 ")
    master.pass_time(TELL_SECONDS)
    assert len(replica.hears.states[-1].workers) > 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "h" * 254},
        {"id": "i" * 41},
        {"id": ""},
        {"address": f"{'a' * 260}:1"},
        {"pid": -1},
        {"supervisor": -1},
        {"started": 1 << 63},
    ],
)
def test_who_says_of_itself_what_cannot_be_is_refused(master: Master, wrong: dict[str, Any]) -> None:
    """This holds for workers and replicas, since everybody would be told."""
    peer = Peer(master)
    peer.prove("worker")
    with pytest.raises(BadRequest):
        peer.ask(Register, worker=msgspec.structs.replace(WORKER, **wrong), seen=0)
    assert len(master.registry) == 0
    me = MasterIdentity("here", 1, 1, True)
    wrong = {name: value for name, value in wrong.items() if hasattr(me, name)}
    replica = Peer(master)
    replica.prove("replica")
    if wrong:
        with pytest.raises(BadRequest):
            replica.ask(Attach, master=msgspec.structs.replace(me, **wrong), seen=0)


@pytest.mark.parametrize(
    "load",
    [{"sessions": -(1 << 62)}, {"sessions": 10**7}, {"posts": 1 << 63}, {"cursor": -1}, {"moving": -1}],
)
def test_a_load_that_cannot_be_is_passed_over(master: Master, load: dict[str, int]) -> None:
    """It would draw all clients, or none; the worker counts as in its last report."""
    worker = master.worker("a")
    worker.report(sessions=3)
    worker.report(**load)
    assert master.registry.workers()[0].load == Load(sessions=3)


def test_no_worker_has_fewer_sessions_than_none(master: Master) -> None:
    """Whatever it reports as moving counts as zero at least, else every client would go there."""
    worker = master.worker("a")
    worker.report(sessions=3, moving=1_000)
    assert master.registry.workers()[0].staying == 0
