"""The cluster keeps the wanted number of workers, adopted ones and children, and replaces lost ones."""

from __future__ import annotations

import signal
from typing import Any

from master.in_memory import EPOCH, HOST, Master, Peer
from twisted.internet.defer import Deferred

from chatnet.master.cluster import LOOK_SECONDS
from chatnet.master.lost_processes import RETURN_SECONDS
from chatnet.net.pulse import CLUSTER_PULSE
from chatnet.supervisor import TERM_SECONDS, UNLINKED_SECONDS
from chatnet.wire.cluster import Register, WorkerIdentity
from chatnet.wire.operate import Page

CHILD = 100
"""The pid of the first child."""


def stopping(master: Master) -> list[Any]:
    """Begin to stop; return a list that gets a result when the stop has ended."""
    done: list[Any] = []
    Deferred.fromCoroutine(master.cluster.stop()).addBoth(done.append)
    master.settle()
    return done


def test_it_fills_up_after_a_second(master: Master) -> None:
    """No child starts before a second has passed; then three; the operator is told when all serve."""
    master.pass_time(0.75)
    assert not master.reactor.children
    master.pass_time(0.25)
    assert len(master.reactor.running) == 3
    for number in range(3):
        child = master.worker(str(number), CHILD + number)
        assert master.ups == 0
        child.report()
    assert master.ups == 1
    master.worker("3", 1, spawned=False)
    assert master.ups == 1


def test_workers_that_still_live_are_adopted(master: Master) -> None:
    """With two workers spawned by an earlier primary, one child is missing."""
    master.worker("a", 1)
    master.worker("b", 2)
    master.adopted()
    assert len(master.reactor.running) == 1


def test_workers_by_hand_and_of_other_hosts_are_neither_counted_nor_touched(master: Master) -> None:
    """They take nobody's place, before and after, and a stop of this host leaves them alone."""
    by_hand = master.worker("hand", 1, spawned=False)
    far = master.worker("far", 2, host="there")
    master.adopted()
    assert len(master.reactor.running) == 3
    by_hand.cut()
    master.pass_time(RETURN_SECONDS + 1)
    assert len(master.reactor.running) == 3
    for child in master.reactor.running:
        child.end()
    assert not far.hears.shut_down


def test_surplus_adopted_workers_are_stopped(master: Master) -> None:
    """Of five the two with the fewest sessions are stopped; these get no more clients."""
    peers = [master.worker(str(number), number) for number in range(5)]
    for number, peer in enumerate(peers):
        peer.report(sessions=10 - number)
    master.adopted()
    assert [peer.hears.shut_down for peer in peers] == [0, 0, 0, 1, 1]
    assert peers[4].hears.epochs == [EPOCH]
    assert not master.reactor.children
    assert set(master.registry.open()) == {"0", "1", "2"}
    for peer in peers[3:]:
        peer.cut()
    master.pass_time(RETURN_SECONDS + 1)
    assert not master.reactor.children


def test_who_came_last_is_not_stopped_before_it_is_known_how_many_clients_it_has(master: Master) -> None:
    """After a takeover all come back at once; the emptiest is the surplus one, whichever comes first."""
    peers = [master.worker(str(number), number) for number in range(3)]
    for peer in peers:
        peer.report(sessions=5)
    master.adopted()
    peers.append(master.worker("3", 3))
    assert not any(peer.hears.shut_down for peer in peers)
    peers[3].report(sessions=9)
    assert sum(peer.hears.shut_down for peer in peers) == 1
    assert not peers[3].hears.shut_down


def test_an_adopted_worker_that_is_lost_is_replaced(master: Master) -> None:
    """A child replaces it when it has not come back in three seconds."""
    peers = [master.worker(str(number), number) for number in range(3)]
    master.adopted()
    peers[0].cut()
    master.pass_time(RETURN_SECONDS - 0.25)
    assert not master.reactor.children
    master.pass_time(0.25)
    assert len(master.reactor.running) == 1


def test_an_adopted_worker_that_hangs_is_killed_at_once(master: Master) -> None:
    """As with a child: after three seconds of silence it is not given another three."""
    master.processes.living[50] = 7
    hung = Peer(master)
    hung.prove("worker")
    hung.ask(Register, worker=WorkerIdentity("a", HOST, 50, "0.0.0.0:5", False, 99, 7), seen=0)
    master.far_pulse.discard(hung.link)
    master.pass_time(CLUSTER_PULSE.patience + 0.5)
    assert master.processes.sent == [(50, signal.SIGKILL)]
    del master.processes.living[50]
    running = len(master.reactor.running)
    master.pass_time(0.25)
    assert len(master.reactor.running) == running + 1


def test_an_adopted_worker_that_comes_back_is_kept(master: Master) -> None:
    """If it comes back within three seconds, nobody takes its place."""
    peers = [master.worker(str(number), number) for number in range(3)]
    master.adopted()
    peers[0].cut()
    master.pass_time(1)
    back = master.worker("0", 0)
    master.pass_time(RETURN_SECONDS)
    assert not master.reactor.children
    assert not back.hears.shut_down


def test_an_adopted_worker_that_comes_back_too_late_is_stopped(master: Master) -> None:
    """Its place is taken, and three are enough."""
    peers = [master.worker(str(number), number) for number in range(3)]
    master.adopted()
    peers[0].cut()
    master.pass_time(RETURN_SECONDS)
    master.worker("child", CHILD)
    peers[0] = master.worker("0", 0)
    for peer in peers:
        peer.report(sessions=0)
    assert [peer.hears.shut_down for peer in peers] == [1, 0, 0]


def test_adopted_workers_that_come_late_stay_until_the_children_are_there(master: Master) -> None:
    """Their old primary had just started them. The children may take long, and clients need somebody."""
    master.adopted()
    assert len(master.reactor.running) == 3
    late = [master.worker(str(number), number) for number in range(3)]
    for number, peer in enumerate(late):
        peer.report(sessions=number)
    master.pass_time(2 * LOOK_SECONDS)
    assert [peer.hears.shut_down for peer in late] == [0, 0, 0]
    for number in range(3):
        master.worker(f"child {number}", CHILD + number)
        assert [peer.hears.shut_down for peer in late] == [int(peer <= number) for peer in range(3)]


def test_a_hung_child_is_killed(master: Master) -> None:
    """After three seconds of silence its link is dropped, and only it is killed."""
    master.adopted()
    hung, well = master.worker("a", CHILD), master.worker("b", CHILD + 1)
    master.far_pulse.discard(hung.link)
    master.pass_time(2.75)
    assert hung.connected
    master.pass_time(0.5)
    assert not hung.connected
    assert well.connected
    assert [child.signals for child in master.reactor.children] == [["KILL"], [], []]
    master.reactor.children[0].end(signal=9)
    master.pass_time(0.25)
    assert len(master.reactor.running) == 3
    assert master.events()[-2:] == [
        "worker a on here (pid 100) hangs; it is killed",
        "worker-1 (pid 100) was killed by signal 9; another one is started",
    ]


def test_a_child_that_lost_its_link_may_come_back(master: Master) -> None:
    """It lives, so it is not killed and not counted twice."""
    master.adopted()
    child = master.worker("a", CHILD)
    child.cut()
    master.pass_time(RETURN_SECONDS + 1)
    again = master.worker("a", CHILD)
    master.pass_time(RETURN_SECONDS + 1)
    assert len(master.reactor.children) == 3
    assert not again.hears.shut_down
    assert all(not child.signals for child in master.reactor.children)


def test_a_child_that_never_links_is_killed(master: Master) -> None:
    """It is killed half a minute after its start, or after it lost its link; linked ones are left alone."""
    master.adopted()
    master.worker("a", CHILD)
    loses = master.worker("b", CHILD + 1)
    master.pass_time(20)
    loses.cut()
    master.pass_time(UNLINKED_SECONDS - 20)
    assert not any(child.signals for child in master.reactor.children)
    master.pass_time(2 * LOOK_SECONDS)
    assert [child.signals[:1] for child in master.reactor.children] == [[], [], ["KILL"]]
    master.pass_time(20)
    assert [child.signals[:1] for child in master.reactor.children] == [[], ["KILL"], ["KILL"]]


def test_a_worker_that_registers_again_replaces_its_older_link(master: Master) -> None:
    """The older link is cut, and its loss changes nothing."""
    master.adopted()
    older = master.worker("a", CHILD)
    newer = master.worker("a", CHILD)
    assert not older.connected
    assert newer.connected
    assert len(master.registry) == 1


def test_a_stop_stops_this_host_and_waits(master: Master) -> None:
    """Adopted ones are told, children get TERM; the stop ends when both are gone. Others are left alone."""
    adopted = master.worker("a", 1)
    by_hand = master.worker("hand", 2, spawned=False)
    master.adopted()
    done = stopping(master)
    assert adopted.hears.shut_down == 1
    for child in master.reactor.running:
        assert child.signals == ["TERM"]
        child.end(signal=15)
    master.settle()
    assert not done
    adopted.cut()
    assert done == [None]
    master.pass_time(RETURN_SECONDS + 1)
    assert not master.reactor.running
    assert not by_hand.hears.shut_down
    assert by_hand.connected


def test_a_stop_does_not_wait_for_ever(master: Master) -> None:
    """An adopted worker that does not exit is left after ten seconds."""
    for number in range(3):
        master.worker(str(number), number)
    master.adopted()
    done = stopping(master)
    master.pass_time(TERM_SECONDS - 0.25)
    assert not done
    master.pass_time(0.25)
    assert done == [None]


def test_the_operators_stop_reaches_all_workers(master: Master) -> None:
    """That includes workers by hand and of other hosts; supervisors stop their children; it waits for all."""
    master.adopted()
    child = master.worker("child", CHILD)
    others = [master.worker("hand", 2, spawned=False), master.worker("far", 3, host="there")]
    master.cluster.shut_down_all()
    done = stopping(master)
    assert [peer.hears.shut_down for peer in (child, *others)] == [0, 1, 1]
    for process in master.reactor.running:
        process.end(signal=15)
    child.cut()
    others[0].cut()
    assert not done
    others[1].cut()
    assert done == [None]
    assert len(master.reactor.children) == 3


def test_a_stop_before_anything_was_started_starts_nothing(master: Master) -> None:
    """The second of waiting is given up, so no timer is left."""
    assert stopping(master) == [None]
    master.replicas.leave()
    master.pulse.stop()
    master.far_pulse.stop()
    assert not master.reactor.getDelayedCalls()


def test_what_the_operator_sees_of_a_worker(master: Master) -> None:
    """The operator sees its address for clients, its rates, and how far it is behind."""
    worker = master.worker("a", 5, spawned=False)
    worker.report(sessions=2, posts=10, deliveries=20, cursor=10)
    master.pass_time(1)
    worker.report(sessions=3, posts=40, deliveries=80, cursor=8, poison=1)
    (shown,) = master.cluster.workers("chat.example", head=10)
    assert (shown.id, shown.host, shown.pid, shown.spawned) == ("a", "here", 5, False)
    assert shown.address == "chat.example:5"
    assert (shown.sessions, shown.posts, shown.deliveries) == (3, 30.0, 60.0)
    assert (shown.lag, shown.poison) == (2, 1)


def test_the_operator_sees_who_lets_nobody_in(master: Master) -> None:
    """It is one that has said nothing yet, or whose store is being opened, or away."""

    def opening() -> bool:
        (shown,) = master.cluster.workers("chat.example", head=0)
        return shown.opening

    worker = master.worker("a", 5)
    assert opening()
    for is_opening in (True, False, True):
        worker.report(opening=is_opening)
        assert opening() == is_opening


def test_where_the_page_is(master: Master) -> None:
    """At each host whose workers have it, our own first; those that could not open it are a warning."""
    there = master.worker("there", 2, host="there", spawned=False)
    here, without = master.worker("here", 1), master.worker("without", 3)
    assert master.cluster.pages("chat.example") == []
    there.report(web="0.0.0.0:80")
    here.report(web="localhost:8080")
    without.report()
    pages = master.cluster.pages("chat.example")
    assert pages == [Page("http://localhost:8080", HOST), Page("https://chat.example:80")]
    assert not master.cluster.port_warnings()
    here.report(web_taken="localhost:8080")
    without.report(web_taken="localhost:8080")
    assert master.cluster.port_warnings() == [
        f"2 of 3 workers cannot open the page: another program has localhost:8080 on {HOST}."
    ]
    there.report(web="nonsense")
    assert master.cluster.pages("chat.example") == []


def test_an_operator_is_told_of_copies_that_are_left(master: Master) -> None:
    """But not while one may have to be put in place."""
    assert master.status("localhost").warnings == []
    master.copies.warning = "A copy is left."
    assert master.status("localhost").warnings == ["A copy is left."]
    master.log.trouble = "The store is gone."
    assert master.status("localhost").warnings == []
