"""What strangers, workers and operators may say to the primary, and what it answers."""

from __future__ import annotations

import pytest
from in_memory import EPOCH, Master, Peer

from chatnet.auth import Token
from chatnet.errors import NotAllowed, NoWorkers, StaleEpoch, WrongToken, WrongVersion
from chatnet.gate import PROOF_SECONDS
from chatnet.testing.loopback import FULL
from chatnet.wire.cluster import Load, Register, Report, WorkerIdentity
from chatnet.wire.common import VERSION
from chatnet.wire.locate import Locate
from chatnet.wire.log import Append, ReadHead
from chatnet.wire.operate import Status, Stop

WORKER = WorkerIdentity("w", "here", 1, "0.0.0.0:5", False, 99)


def test_a_client_is_told_a_worker_by_the_address_that_it_reached(master: Master) -> None:
    """The host of its own connection to us, the worker's port, the log, our epoch; no proof is needed."""
    master.worker("a")
    answer = Peer(master).ask(Locate, version=VERSION)
    assert answer == {"worker": "127.0.0.1:5", "primary": None, "log": "memory", "epoch": EPOCH}


def test_without_workers_a_client_is_told_so(master: Master) -> None:
    """In a sentence, and the connection stays for another question; a leaving worker is none."""
    client = Peer(master)
    with pytest.raises(NoWorkers):
        client.ask(Locate, version=VERSION)
    master.worker("a")
    assert client.ask(Locate, version=VERSION)["worker"]
    master.registry.workers()[0].leaving = True
    with pytest.raises(NoWorkers):
        client.ask(Locate, version=VERSION)


def test_a_client_of_another_version_is_told_so(master: Master) -> None:
    """Both versions are named."""
    with pytest.raises(WrongVersion, match=str(VERSION + 1)):
        Peer(master).ask(Locate, version=VERSION + 1)


def test_clients_are_spread_over_the_workers(master: Master) -> None:
    """Those with the fewest sessions come first, also among clients that come at once."""
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
        (ReadHead, {}),
        (Register, {"worker": WORKER, "seen": 0}),
        (Status, {}),
        (Stop, {}),
    ],
)
def test_a_stranger_finds_nothing_but_the_door(
    master: Master, command: type, arguments: dict[str, object]
) -> None:
    """All else is refused in a sentence until the token is proven."""
    with pytest.raises(NotAllowed, match="prove the token first"):
        Peer(master).ask(command, **arguments)
    assert master.stops == 0


def test_a_wrong_token_opens_nothing(master: Master) -> None:
    """The sentence says where the right one is."""
    stranger = Peer(master)
    with pytest.raises(WrongToken, match=r"cluster\.token"):
        stranger.prove("worker", Token(b"x" * 32))
    with pytest.raises(NotAllowed):
        stranger.ask(ReadHead)


def test_each_role_has_its_own_commands(master: Master) -> None:
    """A worker cannot stop the cluster, an operator cannot append."""
    worker, operator = master.worker("a"), Peer(master)
    operator.prove("operator")
    with pytest.raises(NotAllowed):
        worker.ask(Stop)
    with pytest.raises(NotAllowed):
        operator.ask(Append, drafts=[])


def test_a_stranger_is_closed_after_ten_seconds(master: Master) -> None:
    """Half-open connections do not stay; a proven one does."""
    stranger, worker = Peer(master), master.worker("a")
    master.pass_time(PROOF_SECONDS - 0.25)
    assert stranger.connected
    master.pass_time(0.5)
    assert not stranger.connected
    assert worker.connected


def test_a_stranger_that_does_not_read_is_not_read_from(master: Master) -> None:
    """Its answers would fill our memory; a worker's link, once proven, is read whatever happens."""
    stranger, worker = Peer(master), master.worker("a")
    for peer in (stranger, worker):
        peer.wire.client_transport.pauseProducing()
        peer.server.outbox.put(b"." * (FULL + 1))
        master.settle()
        assert peer.server.full
    assert not stranger.wire.server_transport.reading
    assert worker.wire.server_transport.reading


def test_a_worker_that_obeyed_a_later_epoch_ends_this_primary(master: Master) -> None:
    """It is refused, and the primary hears that its time is over."""
    peer = Peer(master)
    peer.prove("worker")
    with pytest.raises(StaleEpoch, match=f"{EPOCH + 2}"):
        peer.ask(Register, worker=WORKER, seen=EPOCH + 2)
    assert master.over == [EPOCH + 2]
    assert len(master.registry) == 0


def test_a_worker_of_this_epoch_or_an_earlier_one_is_welcome(master: Master) -> None:
    """Those that an earlier primary left, and those that come back."""
    for id, seen in (("a", EPOCH - 1), ("b", EPOCH)):
        peer = Peer(master)
        peer.prove("worker")
        peer.ask(Register, worker=WorkerIdentity(id, "here", 1, "0.0.0.0:5", False, 99), seen=seen)
    assert len(master.registry) == 2
    assert master.over == []


def test_a_report_before_the_registration_is_passed_over(master: Master) -> None:
    """It has no answer; the link stays."""
    peer = Peer(master)
    peer.prove("worker")
    peer.link.callRemote(Report, load=Load(sessions=1))
    master.settle()
    assert peer.ask(ReadHead) == {"head": 0}


def test_an_operator_sees_the_cluster_and_stops_it(master: Master) -> None:
    """Status as the primary has it; Stop is answered before anything stops."""
    master.worker("a")
    operator = Peer(master)
    operator.prove("operator")
    status = operator.ask(Status)["status"]
    assert [worker.id for worker in status.workers] == ["a"]
    assert status.events[-1].what == "worker a on here (pid 1) joined"
    assert operator.ask(Stop) == {}
    assert master.stops == 1
