"""The simulator's database keeps what is committed, in one order; everything takes time, and may be lost."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from chatnet.entries import Draft
from chatnet.errors import CannotStart, NoSuchRoom
from chatnet.kinds import NEW_LEVEL
from chatnet.log import Refused
from chatnet.reads import Head, History, PageOf
from chatnet.store.postgres.database import Database, LeaseRow, Opened, Unavailable
from chatnet.world import World
from simulator import SimProcess
from simulator.database_server import Postgres
from simulator.toys import Toys

Query = Callable[[Database], Any]


class Client:
    """A process that asks the database questions in turn, on a connection that it keeps until it fails."""

    def __init__(self, simulation: Toys, postgres: Postgres, host: str = "alpha") -> None:
        self.simulation = simulation
        self._url = postgres.url
        self._database: Database | None = None
        self.process: SimProcess = simulation.start(self._start, host=host, name=f"client-{host}")

    def _start(self, world: World) -> None:
        self.world = world
        self._pool = world.threads(1, "asking")
        self._pool.start()

    def asking(self, question: Query) -> Deferred[Any]:
        """Ask the question; return its answer, or why there was none."""

        def in_thread() -> Any:
            try:
                if self._database is None:
                    self._database = self.world.databases.connect(self._url)
                return question(self._database)
            except Unavailable:
                self.forget()
                raise

        return deferToThreadPool(self.world.reactor, self._pool, in_thread)

    def forget(self) -> None:
        """Give up the connection."""
        if self._database is not None:
            self._database.close()
        self._database = None

    def ask(self, question: Query, limit: float = 30.0) -> Any:
        """Ask the question and wait for its answer; ``limit`` is in seconds."""
        answers: list[Any] = []
        self.asking(question).addBoth(answers.append)
        self.simulation.run_while(lambda: not answers, limit)
        if hasattr(answers[0], "raiseException"):
            answers[0].raiseException()
        return answers[0]


@pytest.fixture
def postgres(simulation: Toys) -> Postgres:
    """Return a server that runs."""
    return up(simulation)


def up(simulation: Toys, lags: bool = False) -> Postgres:
    postgres = Postgres(simulation, lags)
    postgres.start()
    simulation.run_while(lambda: postgres.server is None)
    return postgres


def opened(client: Client, *users: str) -> None:
    client.ask(lambda database: database.open("the log"))
    drafts = [Draft("register", user, user, "sha256:1", key(9_999)) for user in users]
    if drafts:
        client.ask(appending(*drafts))


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def post(user: str, number: int) -> Draft:
    return Draft("post", user, user, f"{number}", key(number))


def appending(*drafts: Draft) -> Query:
    return lambda database: database.append(list(drafts), 1)[0]


def texts(client: Client) -> list[str]:
    """Return the texts of all committed posts, in order."""
    client.forget()
    entries = client.ask(lambda database: database.read(PageOf(0)))
    assert [entry.seq for entry in entries] == [*range(1, len(entries) + 1)]
    return [entry.text for entry in entries if entry.kind == "post"]


# ---- questions and answers ----


def test_it_answers_after_a_while(simulation: Toys, postgres: Postgres) -> None:
    """Answers and refusals are those of the embedded store; a refusal is raised where it was asked."""
    client = Client(simulation, postgres)
    opened(client, "alice")
    asked = simulation.now
    assert client.ask(appending(post("alice", 1), post("zoe", 2), post("alice", 1))) == [
        2,
        Refused(b"NO_SUCH_USER", "There is no user zoe."),
        2,
    ]
    assert simulation.now > asked + 0.0005
    with pytest.raises(NoSuchRoom):
        client.ask(lambda database: database.read(History("bob")))
    assert client.ask(lambda database: database.read(Head())) == 2
    seen = client.ask(lambda database: database.open("another log"))
    assert seen == Opened("the log", 2, seen_as=client.process.host.address, level=NEW_LEVEL)


def test_who_has_no_such_url_cannot_start(simulation: Toys, postgres: Postgres) -> None:
    """A URL that is no database's is refused; an unknown host may yet appear."""
    client = Client(simulation, postgres)
    with pytest.raises(CannotStart):
        client.ask(lambda _: client.world.databases.connect("sqlite:///x"))
    with pytest.raises(Unavailable, match="translate"):
        client.ask(lambda _: client.world.databases.connect("postgresql://nowhere/x"))


def test_batches_of_many_are_one_after_the_other(simulation: Toys, postgres: Postgres) -> None:
    """A batch's entries stand together in the log, each process's batches in order; what is answered can be
    read."""
    clients = [Client(simulation, postgres, host) for host in ("alpha", "beta", "gamma")]
    opened(clients[0], "alice")
    seqs: list[list[int]] = [[], [], []]
    for number in range(20):
        for at, client in enumerate(clients):
            batch = [post("alice", 1000 * at + 10 * number + each) for each in range(3)]
            client.asking(appending(*batch)).addCallback(seqs[at].extend)
    simulation.run(10)
    for seqs_of_one in seqs:
        assert len(seqs_of_one) == 60
        assert seqs_of_one == sorted(seqs_of_one)
        assert all(first + 2 == last for first, last in zip(seqs_of_one[::3], seqs_of_one[2::3], strict=True))
    assert sorted(seq for some in seqs for seq in some) == [*range(2, 182)]
    assert len(texts(clients[0])) == 180


# ---- the lease ----


def test_the_lease_is_one_row(simulation: Toys, postgres: Postgres) -> None:
    """It is taken by whoever saw its present state, and renewed and released by its epoch; others are told
    who holds it."""
    seen: list[tuple[LeaseRow, LeaseRow]] = []
    postgres.on_lease = lambda before, after: seen.append((before, after))
    one, other = (Client(simulation, postgres, host) for host in ("alpha", "beta"))
    with pytest.raises(Unavailable, match="no such table"):
        one.ask(lambda database: database.lease())
    opened(one)
    assert one.ask(lambda database: database.lease()) == LeaseRow(0, 0, "")
    assert one.ask(lambda database: database.take_lease(0, "one")) == 1
    assert other.ask(lambda database: database.take_lease(0, "other")) is None
    assert one.ask(lambda database: database.renew_lease(1, "one!")) is True
    assert other.ask(lambda database: database.take_lease(2, "other")) == 2
    assert one.ask(lambda database: database.renew_lease(1, "one")) is False
    one.ask(lambda database: database.release_lease(1))
    assert one.ask(lambda database: database.lease()) == LeaseRow(3, 2, "other")
    other.ask(lambda database: database.release_lease(2))
    assert other.ask(lambda database: database.renew_lease(2, "other")) is False
    assert [after for _, after in seen] == [
        LeaseRow(1, 1, "one"),
        LeaseRow(2, 1, "one!"),
        LeaseRow(3, 2, "other"),
        LeaseRow(4, 2, ""),
    ]


# ---- the doorbell ----


def listening(client: Client, rung: list[float], lost: list[float]) -> None:
    bells: list[Database] = []

    def listen(_: Database) -> Database:
        bell = client.world.databases.connect(client._url)
        bell.listen()
        bells.append(bell)
        return bell

    simulation = client.simulation
    bell = client.ask(listen)
    reactor = client.world.reactor
    bell.watch(reactor, lambda: rung.append(simulation.now), lambda: lost.append(simulation.now))


def test_the_bell_rings_after_the_commit(simulation: Toys, postgres: Postgres) -> None:
    """All listeners hear it; a commit that added nothing does not ring."""
    writer, hearer = Client(simulation, postgres), Client(simulation, postgres, "beta")
    opened(writer, "alice")
    rung: list[float] = []
    listening(hearer, rung, [])
    asked = simulation.now
    writer.ask(appending(post("alice", 1)))
    simulation.run(1)
    assert len(rung) == 1
    assert rung[0] > asked
    writer.ask(appending(post("alice", 1)))
    simulation.run(1)
    assert len(rung) == 1


def test_a_bell_is_lost_with_its_connection(simulation: Toys, postgres: Postgres) -> None:
    """A lost bell says so once and rings no longer; the same holds if its other end is silent."""
    writer, hearer = Client(simulation, postgres), Client(simulation, postgres, "beta")
    opened(writer, "alice")
    rung: list[float] = []
    lost: list[float] = []
    listening(hearer, rung, lost)
    postgres.end_sessions()
    simulation.run(1)
    assert len(lost) == 1
    listening(hearer, rung, lost)
    simulation.network.cut(postgres.host, hearer.process.host, both=False)
    with pytest.raises(Unavailable):
        writer.ask(appending(post("alice", 1)))
    writer.ask(appending(post("alice", 1)))
    simulation.run(7)
    assert len(lost) == 2
    assert rung == []


# ---- faults ----


def kill(postgres: Postgres) -> None:
    postgres.kill()


def end_sessions(postgres: Postgres) -> None:
    postgres.end_sessions()


def lose_power(postgres: Postgres) -> None:
    postgres.host.power_off()
    postgres.simulation.later(2.0, postgres.host.power_on)


def cut(postgres: Postgres) -> None:
    network, ends = postgres.simulation.network, (postgres.host, postgres.simulation.hosts["alpha"])
    network.cut(*ends)
    postgres.simulation.later(10.0, network.heal, *ends)


def cut_answers(postgres: Postgres) -> None:
    network, ends = postgres.simulation.network, (postgres.host, postgres.simulation.hosts["alpha"])
    network.cut(*ends, False)
    postgres.simulation.later(10.0, network.heal, *ends, False)


def forget(postgres: Postgres) -> None:
    for connection in postgres.simulation.network.connections():
        connection.forget()


FAULTS = [kill, end_sessions, lose_power, cut, cut_answers, forget]


def under_way(seed: int, fault: Callable[[Postgres], None]) -> tuple[bool, bool]:
    """Let a fault fall while a post is appended; return whether the post was stored, and whether answered."""
    with Toys(seed) as simulation:
        postgres = up(simulation)
        client, other = Client(simulation, postgres), Client(simulation, postgres, "beta")
        opened(client, "alice")
        client.ask(appending(post("alice", 1)))
        answers: list[Any] = []
        simulation.later(simulation.chance("test").random() * 0.01, fault, postgres)
        client.asking(appending(post("alice", 2))).addBoth(answers.append)
        simulation.run(9)
        (answer,) = answers
        simulation.run(9)
        found = texts(other)
        assert found in (["1"], ["1", "2"])
        assert answer == [3] or answer.check(Unavailable)
        client.forget()
        assert client.ask(appending(post("alice", 2))) == [3]
        assert texts(other) == ["1", "2"]
        assert not simulation.verdict()
        return len(found) == 2, answer == [3]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_under_way_took_effect_or_not_and_what_was_committed_stays(
    fault: Callable[[Postgres], None],
) -> None:
    """A fault may fall before, in and after the commit. The same key shows which; nothing is lost or
    doubled."""
    seen = {under_way(seed, fault) for seed in range(40)}
    # What was sent before the answers were cut off is done.
    never = set() if fault is cut_answers else {(False, False)}
    assert seen == {(True, False), (True, True)} | never


def test_whoever_asks_is_killed_and_it_may_have_taken_effect() -> None:
    """A kill of the asking process can fall between the commit and the answer, too."""
    seen: set[tuple[bool, bool]] = set()
    for seed in range(25):
        with Toys(seed) as simulation:
            postgres = up(simulation)
            client, other = Client(simulation, postgres), Client(simulation, postgres, "beta")
            opened(client, "alice")
            answers: list[Any] = []
            client.asking(appending(post("alice", 1))).addBoth(answers.append)
            simulation.run(simulation.chance("test").random() * 0.01)
            client.process.kill()
            simulation.run(1)
            seen.add((texts(other) == ["1"], bool(answers)))
    assert seen == {(False, False), (True, False), (True, True)}


def test_a_stopped_process_goes_on_with_its_answer(simulation: Toys, postgres: Postgres) -> None:
    """The answer that came while the process was stopped waits for it, as its threads do."""
    client = Client(simulation, postgres)
    opened(client, "alice")
    answers: list[Any] = []
    client.asking(appending(post("alice", 1))).addBoth(answers.append)
    client.process.kill(signal.SIGSTOP)
    simulation.run(20)
    assert answers == []
    client.process.kill(signal.SIGCONT)
    simulation.run(1)
    assert answers == [[2]]


@pytest.mark.parametrize("both", [True, False])
def test_a_silent_cut_is_noticed_after_some_seconds(both: bool, simulation: Toys, postgres: Postgres) -> None:
    """It is noticed while a client waits for an answer, and while it connects."""
    client = Client(simulation, postgres)
    opened(client)
    asked = simulation.now
    simulation.network.cut(client.process.host, postgres.host, both)
    with pytest.raises(Unavailable, match="timed out"):
        client.ask(lambda database: database.read(Head()))
    assert 3 < simulation.now - asked < 6
    asked = simulation.now
    with pytest.raises(Unavailable, match="timeout expired"):
        client.ask(lambda database: database.read(Head()))
    assert 2.9 < simulation.now - asked < 3.1
    simulation.network.heal_all()
    assert client.ask(lambda database: database.read(Head())) == 0


def test_a_short_cut_delays(simulation: Toys, postgres: Postgres) -> None:
    """What was sent is sent again when the link is healed, and the connection stays."""
    client = Client(simulation, postgres)
    opened(client)
    network, ends = simulation.network, (client.process.host, postgres.host)
    network.cut(*ends)
    simulation.later(2.0, network.heal, *ends)
    asked = simulation.now
    assert client.ask(lambda database: database.read(Head())) == 0
    assert 2 < simulation.now - asked < 3


def test_a_server_that_hangs_answers_when_it_goes_on(simulation: Toys, postgres: Postgres) -> None:
    """Its kernel keeps the connection alive: only the asker can give up, by closing it."""
    client = Client(simulation, postgres)
    opened(client)
    postgres.pause(60.0)
    answers: list[Any] = []
    client.asking(lambda database: database.read(Head())).addBoth(answers.append)
    simulation.run(30)
    assert answers == []
    assert client._database is not None
    client._database.close()
    simulation.run(1)
    assert answers[0].check(Unavailable)
    client.forget()
    simulation.run(30)
    assert client.ask(lambda database: database.read(Head())) == 0


def test_it_takes_only_so_many_connections(simulation: Toys, postgres: Postgres) -> None:
    """A connection beyond the limit is told so; there is room when another one leaves."""
    one, other = Client(simulation, postgres), Client(simulation, postgres, "beta")
    postgres.most_sessions = 1
    opened(one)
    with pytest.raises(Unavailable, match="too many clients"):
        other.ask(lambda database: database.read(Head()))
    one.process.kill()
    simulation.run(1)
    assert other.ask(lambda database: database.read(Head())) == 0


@pytest.mark.parametrize("back", [False, True])
def test_it_keeps_no_connection_of_who_vanished(simulation: Toys, postgres: Postgres, back: bool) -> None:
    """Nothing comes from a machine that lost its power, or of what it had before that. Else its connections
    would be counted for ever, and after some more such faults nobody would be let in."""
    one, other = Client(simulation, postgres), Client(simulation, postgres, "beta")
    postgres.most_sessions = 1
    opened(one)
    one.process.host.power_off()
    if back:
        one.process.host.power_on()
    with pytest.raises(Unavailable, match="too many clients"):
        other.ask(lambda database: database.read(Head()))
    simulation.run(6)
    assert other.ask(lambda database: database.read(Head())) == 0


def test_it_can_be_read_only_for_a_while(simulation: Toys, postgres: Postgres) -> None:
    """Connected clients still read; nobody writes, and new clients are refused, since they would write."""
    one, other = Client(simulation, postgres), Client(simulation, postgres, "beta")
    opened(one, "alice")
    postgres.is_read_only = True
    assert one.ask(lambda database: database.read(Head())) == 1
    with pytest.raises(Unavailable, match="read-only"):
        one.ask(appending(post("alice", 1)))
    with pytest.raises(Unavailable, match="read-only"):
        other.ask(lambda database: database.read(Head()))
    postgres.is_read_only = False
    assert one.ask(appending(post("alice", 1))) == [2]


def test_a_full_disk_is_away_for_now(simulation: Toys, postgres: Postgres) -> None:
    """A commit on a full disk stores nothing; with room again, it passes."""
    client = Client(simulation, postgres)
    opened(client, "alice")
    postgres.host.disk.room = 0
    with pytest.raises(Unavailable, match="full"):
        client.ask(appending(post("alice", 1)))
    postgres.host.disk.room = None
    assert client.ask(appending(post("alice", 1))) == [2]


def test_a_fail_over_to_a_standby_that_lags_loses_the_newest(simulation: Toys) -> None:
    """Only the newest entries are lost: the log has no hole, and new entries take their seqs."""
    postgres = up(simulation, lags=True)
    client = Client(simulation, postgres)
    opened(client, "alice")
    for number in range(10):
        client.ask(appending(post("alice", number)))
        simulation.run(0.3)
    postgres.fail_over(lag=1.0)
    simulation.run(5)
    left = texts(client)
    assert 3 <= len(left) <= 8
    assert left == [f"{number}" for number in range(len(left))]
    assert client.ask(appending(post("alice", 99))) == [len(left) + 2]


def test_a_pool_that_stops_waits_for_no_database(simulation: Toys, postgres: Postgres) -> None:
    """Work that waits for an answer ends without one."""
    client = Client(simulation, postgres)
    opened(client)
    answers: list[Any] = []
    client.asking(lambda database: database.read(Head())).addBoth(answers.append)
    client.asking(lambda database: database.read(Head())).addBoth(answers.append)
    simulation.run(0.0006)
    client.process.soon(client._pool.stop)
    simulation.run(1)
    assert [answer.type for answer in answers] == [Unavailable, Unavailable]


@pytest.mark.parametrize("seed", [3, 4])
def test_a_seed_tells_the_same_story_again(seed: int) -> None:
    """The story is the same byte for byte, including its faults."""
    stories = []
    for _ in range(2):
        with Toys(seed, detailed=True) as simulation:
            postgres = up(simulation)
            clients = [Client(simulation, postgres, host) for host in ("alpha", "beta")]
            opened(clients[0], "alice")
            for number in range(30):
                for at, client in enumerate(clients):
                    client.asking(appending(post("alice", 100 * at + number))).addErrback(lambda _: None)
            simulation.later(0.01, postgres.kill)
            simulation.run(20)
            stories.append(simulation.trace.text())
    assert stories[0] == stories[1]
