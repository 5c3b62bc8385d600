"""How a client connects and reconnects."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, cast

import pytest
from client.person import MASTER, WORKER, Person

from chatnet.client.finder import HOP_SECONDS
from chatnet.client.from_worker import REWOUND
from chatnet.client.race import HEAD_START_SECONDS
from chatnet.errors import InternalFailure, TryLater, WrongVersion
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.testing.fake_cluster import FakeCluster, FakeSession, Network
from chatnet.wire.locate import Locate
from chatnet.wire.session import Chat, Login


def test_nobody_there_is_said_after_ten_seconds(network: Network, new_person: Callable[..., Person]) -> None:
    """One sentence names the masters that were tried and says what to do; the exit status is 1."""
    person = new_person(master="one:1,two:2").start()
    network.pass_time(9.8)
    assert person.stdio.said == []
    network.pass_time(0.3)
    (sentence,) = person.stdio.said
    assert "one:1" in sentence
    assert "two:2" in sentence
    assert "--master" in sentence
    assert person.seen() == []
    assert person.has_left()
    assert person.exit_status() == 1
    assert {port for _, port in network.attempts} == {1, 2}


def test_a_master_without_workers_is_waited_for(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """It says once that the workers are missing; when one comes, everything goes on as usual."""
    cluster.master(MASTER)
    person = new_person().start()
    network.pass_time(25)
    [said] = person.seen()
    assert said.startswith("The cluster is not ready yet (")
    assert said.endswith("no worker is up at the moment); waiting for it.")
    assert not person.has_left()
    cluster.master(MASTER, worker=f"w:{WORKER}")
    network.pass_time(2.5)
    assert person.seen() == ["Logged in as alice."]


def test_a_master_that_is_gone_again_is_not_waited_for(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """After that nobody is there, and the usual sentence says so."""
    cluster.master(MASTER)
    person = new_person().start()
    network.pass_time(10.1)
    del network.listeners[MASTER]
    network.pass_time(10.1)
    assert person.stdio.said[0].startswith("No cluster was found")


def test_retries_have_jitter_and_a_bound(network: Network, new_person: Callable[..., Person]) -> None:
    """Pauses between attempts grow from 0.05 s to 2 s, and are never the same twice."""
    new_person().start()
    network.pass_time(9.8)
    times = [when for when, _ in network.attempts]
    gaps = [round(later - earlier, 3) for earlier, later in itertools.pairwise(times)]
    assert all(0.04 <= gap <= 2.1 for gap in gaps)
    assert len(set(gaps)) > 3
    assert max(gaps) > 0.5


def test_masters_are_tried_in_turn_and_send_on_to_the_primary(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """A dead master is skipped, and one that is not the primary names the primary."""
    cluster.master(3, primary="three:64480")
    person = new_person(master="one:1,two:3").start()
    network.pass_time(1)
    assert person.seen() == ["Logged in as alice."]
    assert [port for _, port in network.attempts] == [1, 3, MASTER, WORKER]
    assert len(network.open) == 1, "masters are not kept"
    network.cut()
    network.pass_time(1)
    assert [port for _, port in network.attempts[4:]] == [3, MASTER, WORKER]


def test_masters_that_send_on_in_a_circle_are_given_up(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """Two masters that each name the other as the primary do not keep the client busy."""
    cluster.master(1, primary="b:2")
    cluster.master(2, primary="a:1")
    new_person(master="a:1").start()
    assert len(network.attempts) <= 4


def test_a_master_that_hangs_is_passed_over(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """A dead machine refuses nobody: the next master is soon asked as well, and is asked first from then
    on."""
    network.listeners[1] = HangingMaster
    person = new_person(master="a:1,b:64480").start()
    network.pass_time(HEAD_START_SECONDS - 0.1)
    assert person.seen() == []
    network.pass_time(0.2)
    assert person.seen() == ["Logged in as alice."]
    assert len(network.open) == 1, "the other is not asked any more"
    network.cut()
    network.pass_time(HEAD_START_SECONDS)
    assert [port for _, port in network.attempts] == [1, MASTER, WORKER, MASTER, WORKER]


def test_a_primary_that_has_just_died_is_not_waited_for(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """A replica may name it until another has the lease; then it names that one."""
    network.listeners[1] = HangingMaster
    cluster.master(2, primary="a:1")
    person = new_person(master="b:2").start()
    network.pass_time(0.5)
    cluster.master(2, primary="c:64480")
    network.pass_time(HOP_SECONDS)
    assert person.seen() == ["Logged in as alice."]


def test_a_dead_machine_is_not_waited_for_while_there_is_no_worker_yet(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """The primary was there, and is being replaced: the others are asked again, and not only the primary."""
    network.listeners[1] = HangingMaster
    cluster.master(2, primary="a:1")
    cluster.master(3)
    person = new_person(master="a:1,b:2,c:3").start()
    network.pass_time(3 * HEAD_START_SECONDS)
    for port in (2, 3):
        cluster.master(port, primary="d:64480")
    network.pass_time(3 * HEAD_START_SECONDS)
    assert person.seen() == ["Logged in as alice."]


class HangingMaster(Locator):
    def connected(self, link: Link) -> None:
        link.hold()


def test_it_is_said_once_when_it_is_lost_and_once_when_it_is_back(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """This holds however many attempts were made in between."""
    del network.listeners[WORKER]
    network.cut()
    network.pass_time(30)
    assert alice.seen() == ["Connection lost; what you type is kept and sent when it is back."]
    cluster.worker(WORKER)
    network.pass_time(3)
    assert alice.seen() == ["Connected again."]


@pytest.mark.parametrize("answer", [{"name": "x" * 60_000}, {"name": "a\nb"}])
def test_a_worker_that_calls_us_by_no_name_is_none(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person], answer: dict[str, str]
) -> None:
    """The name would be shown in the status line, and before each own post."""

    class Liar(FakeSession):
        @Login.responder
        def login(self, version: int, name: str, secret: bytes, new: bool, *of: Any, **named: Any) -> Any:
            return {"ticket": b"t", "log": cluster.log_id, **answer}

    network.listeners[WORKER] = lambda: Liar(cluster)
    person = new_person().start()
    assert person.seen() == []
    assert not person.has_left()


def test_who_is_moved_by_each_worker_pauses(network: Network, cluster: FakeCluster, alice: Person) -> None:
    """The first move is followed at once, and after a connection that has lasted so is the next."""

    class Moving(FakeSession):
        def _enter(self, name: str) -> bytes:
            network.callLater(0, self.move)
            return super()._enter(name)

    network.listeners[WORKER] = lambda: Moving(cluster)
    cluster.sessions[0].move()
    network.pass_time(10)
    before = len(cluster.asked("Resume"))
    network.pass_time(60)
    assert 30 < len(cluster.asked("Resume")) - before < 160
    cluster.worker(WORKER)
    network.pass_time(3)
    before = len(cluster.asked("Resume"))
    cluster.sessions[0].move()
    network.settle()
    network.pass_time(0.02)
    assert len(cluster.asked("Resume")) == before + 1
    assert alice.seen() == []


def test_a_worker_of_another_log_is_left(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """The cluster is being replaced: what the master and the worker say must be of the same log."""
    new = FakeCluster(network)
    new.log_id = "new"
    new.worker(WORKER)
    person = new_person().start()
    network.pass_time(10.1)
    assert "the worker is of another cluster than the master" in person.stdio.said[0]
    assert person.exit_status() == 1


class Fickle(FakeSession):
    """Accepts every login, and closes after a moment."""

    def __init__(self, cluster: FakeCluster, network: Network) -> None:
        super().__init__(cluster)
        self._network = network

    def _enter(self, name: str) -> bytes:
        self._network.callLater(0.1, self.link.abort)
        return super()._enter(name)


def test_a_worker_that_lets_us_in_and_hangs_up_is_not_run_down(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """The pauses grow as after any failure, to half a second on average. After a connection that has lasted
    the next pause is short again."""
    network.listeners[WORKER] = lambda: Fickle(cluster, network)
    network.cut()
    network.pass_time(10)
    before = len(cluster.asked("Resume"))
    network.pass_time(60)
    assert 30 < len(cluster.asked("Resume")) - before < 160
    network.listeners[WORKER] = lambda: FakeSession(cluster)
    network.pass_time(5)
    before = len(cluster.asked("Resume"))
    network.cut()
    network.pass_time(0.15)
    assert len(cluster.asked("Resume")) == before + 1


def test_a_worker_that_falls_silent_is_left(network: Network, cluster: FakeCluster, alice: Person) -> None:
    """After 45 seconds without a byte the link is dead, whatever TCP says."""
    network.open[-1].server_transport.reading = False
    network.pass_time(50)
    assert alice.seen() == [
        "Connection lost; what you type is kept and sent when it is back.",
        "Connected again.",
    ]


def test_too_many_attempts_wait_and_are_not_the_end(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """TryLater is said once; the login is tried again, also after the first ten seconds."""
    busy = [True]

    class BusySession(FakeSession):
        def _enter(self, name: str) -> bytes:
            if busy:
                raise TryLater.of(seconds=1)
            return super()._enter(name)

    network.listeners[WORKER] = lambda: BusySession(cluster)
    person = new_person().start()
    network.pass_time(15)
    assert person.seen() == ["Too many attempts at once; try again in 1 s."]
    busy.clear()
    network.pass_time(3)
    assert person.seen() == ["Logged in as alice."]


def test_stopping_during_a_look_up_is_the_end(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """A cancelled look-up looks as if there were no such host; no other master is tried after it."""
    looking_up: list[Any] = []

    class SlowResolver:
        def resolveHostName(self, receiver: Any, *_: Any, **keywords: Any) -> None:
            looking_up.append(receiver)

    network.nameResolver = cast(Any, SlowResolver())
    person = new_person(master="one:1,two:2").start()
    assert len(looking_up) == 1
    person.stop()
    network.pass_time(3)
    assert len(looking_up) == 1


def test_a_taken_name_is_final(cluster: FakeCluster, new_person: Callable[..., Person]) -> None:
    """It gives one sentence on standard error, exit status 1, and no second attempt."""
    cluster.secrets["alice"] = b"of somebody else"
    person = new_person().start()
    person.network.pass_time(5)
    (sentence,) = person.stdio.said
    assert sentence.startswith("The name alice is taken")
    assert person.exit_status() == 1
    assert len(cluster.asked("Login")) == 1


def test_another_version_of_the_protocol_is_final(
    network: Network, new_person: Callable[..., Person]
) -> None:
    """The client says so, and does not try again."""

    class Newer(Locator):
        @Locate.responder
        def locate(self, version: int) -> dict[str, Any]:
            raise WrongVersion.of(ours=2, theirs=version)

    network.listeners[MASTER] = Newer
    person = new_person().start()
    assert "version 2" in person.stdio.said[0]
    assert person.exit_status() == 1


def test_a_version_that_comes_later_is_said_and_not_final(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """A stranger may have the port of a dead master: the client goes on, and finds the real one."""

    class Newer(Locator):
        @Locate.responder
        def locate(self, version: int) -> dict[str, Any]:
            raise WrongVersion.of(ours=2, theirs=version)

    real = network.listeners[MASTER]
    network.listeners[MASTER] = Newer
    network.cut()
    network.pass_time(5)
    network.listeners[MASTER] = real
    network.pass_time(5)
    seen = alice.seen()
    assert [line for line in seen if "version 2" in line] == [seen[1]]
    assert seen[-1] == "Connected again."


def test_what_is_no_master_is_said(network: Network, new_person: Callable[..., Person]) -> None:
    """A port that speaks AMP but has no Locate is not mistaken for a slow master."""
    network.listeners[MASTER] = Locator
    person = new_person().start()
    network.pass_time(10.1)
    assert "answers strangely" in person.stdio.said[0]


def test_a_resumption_that_fails_is_tried_on_another_link(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """The client does not chat on a link where the chat did not begin."""
    failures = [1, 2]

    class Failing(FakeSession):
        @Chat.responder
        def chat(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
            if failures:
                failures.pop()
                raise InternalFailure(InternalFailure.sentence)
            self.cursor = cursor
            self.cluster.network.callLater(0, self.catch_up)
            return {"posts": [], "cursor": cursor, "check": check}

    alice.type("CHAT")
    network.listeners[WORKER] = lambda: Failing(cluster)
    network.cut()
    cluster.say("bob", "missed")
    network.pass_time(3)
    assert alice.seen()[-1] == "bob: missed"


def test_a_client_that_is_moved_comes_back_without_a_word(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """It resumes by ticket and cursor, and its user sees nothing of it."""
    alice.type("CHAT")
    cluster.say("bob", "one")
    network.settle()
    before = len(network.attempts)
    cluster.sessions[0].move()
    cluster.say("bob", "two")
    network.pass_time(0.2)
    assert len(network.attempts) == before + 2  # one to the master and one to a worker, at once
    assert cluster.asked("Resume")
    assert cluster.asked("Chat")[-1] == ("Chat", {"cursor": 2})
    cluster.say("bob", "three")
    network.settle()
    assert alice.seen() == ["bob: one", "bob: two", "bob: three"]


def test_who_is_moved_takes_its_answers_first(network: Network, cluster: FakeCluster, alice: Person) -> None:
    """What was sent is answered on the old connection; what is typed meanwhile is sent on the next."""
    alice.type("CHAT")
    cluster.mute = True
    alice.type("sent")
    (old,) = cluster.sessions
    old.move()
    network.pass_time(0.5)
    assert cluster.sessions == [old]
    alice.type("typed")
    assert [arguments["text"] for _, arguments in cluster.asked("Post")] == ["sent"]
    cluster.mute = False
    network.cut()
    network.pass_time(1)
    assert [arguments["text"] for _, arguments in cluster.asked("Post")] == ["sent", "sent", "typed"]
    assert [entry.text for entry in cluster.entries] == ["sent", "typed"]


def test_a_move_that_fails_is_told_like_a_lost_connection(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """It is told once, and once when the connection is back."""
    listener = network.listeners.pop(WORKER)
    cluster.sessions[0].move()
    network.pass_time(2)
    network.listeners[WORKER] = listener
    network.pass_time(3)
    assert alice.seen() == [
        "Connection lost; what you type is kept and sent when it is back.",
        "Connected again.",
    ]


def test_a_log_that_was_put_back_is_told_once(network: Network, cluster: FakeCluster, alice: Person) -> None:
    """A sentence says so, and the chat goes on from where the log was put back to."""
    alice.type("CHAT")
    cluster.say("bob", "one", "two", "three")
    network.settle()
    cluster.sessions[0].rewound(1)
    cluster.sessions[0].rewound(1)
    network.settle()
    del cluster.entries[1:]
    network.cut()
    network.pass_time(1)
    assert cluster.asked("Chat")[-1] == ("Chat", {"cursor": 1})
    cluster.say("bob", "instead")
    network.settle()
    seen = alice.seen()
    assert [line for line in seen if "put back" in line] == [REWOUND.format(seq=1)]
    assert seen[-1] == "bob: instead"
