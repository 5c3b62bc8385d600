"""A password that was right at one process is recognized at all that serve IRC: when a front is killed, its
clients come to another one."""

from __future__ import annotations

from typing import Any

import pytest
from irc_front.stage import PASSWORD, Fronts, IrcStage, Lane
from worker.conftest import CHEAP, Worker

from chatnet import credentials
from chatnet.credentials import password_credential
from chatnet.entries import Draft
from chatnet.imprints import GATHER_SECONDS, IMPRINT_BYTES, MOST_IMPRINTS, MOST_PIECES, MOST_TOLD, Imprint
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION


@pytest.fixture
def fronts() -> Fronts:
    fronts = Fronts()
    fronts.two.worker.more, fronts.worker.more = 1_000, 3_000  # chance is counted: no two make the same keys
    return fronts


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the passwords that were hashed to be checked."""
    found: list[bytes] = []
    matches = credentials.matches

    def counted(credential: str, secret: bytes) -> bool:
        if credentials.is_password(credential):
            found.append(secret)
        return matches(credential, secret)

    monkeypatch.setattr("chatnet.worker.secrets.matches", counted)
    return found


def comes(stage: IrcStage, name: str = "alice", password: str = PASSWORD) -> str:
    """Let a client log in, and go; return what it was answered: a welcome, or that the password is wrong."""
    line = stage.line()
    line.log_in(name, password=password)
    stage.worker.pass_time(9)  # as long as who was wrong before has to wait at most
    stage.worker.work()
    [answer] = [one.command for one in line.heard if one.command in ("001", "464")]
    line.cut()
    return answer


def change(worker: Worker, password: str = PASSWORD, name: str = "alice") -> None:
    """Let a user set another password at some other process, which tells nobody."""
    key = worker.entropy(16)
    after = max(entry.seq for entry in worker.log.entries if entry.user == name and entry.kind != "session")
    worker.commit(Draft("secret", name, name, password_credential(password.encode(), key, CHEAP), key, after))


def newcomer(fronts: Fronts, id: str = "new") -> IrcStage:
    """Return a front that has just been started."""
    threads = fronts.worker.threads
    new = IrcStage(Worker(clock=fronts.clock, log=fronts.worker.log, threads=threads))
    new.worker.more = 2_000
    fronts.lanes.append(Lane(fronts.primary, fronts.known, fronts.typing, new.worker, id))
    return new


def test_a_password_is_hashed_at_one_front_alone(fronts: Fronts, hashes: list[bytes]) -> None:
    """Not at the others, and not at one that is started later."""
    fronts.worker.client("alice")
    change(fronts.worker)
    assert comes(fronts.one) == "001"
    assert hashes == [PASSWORD.encode()]
    assert comes(fronts.two) == comes(fronts.one) == "001"
    new = newcomer(fronts)
    fronts.pass_time()
    assert comes(new) == "001"
    assert hashes == [PASSWORD.encode()]


def test_one_that_was_set_with_the_name_is_hashed_nowhere(fronts: Fronts, hashes: list[bytes]) -> None:
    """It was hashed to be kept: in a young cluster most have logged in once."""
    fronts.one.user("alice").cut()
    fronts.pass_time()
    assert comes(fronts.one) == comes(fronts.two) == "001"
    assert hashes == []


def test_one_that_was_right_elsewhere_than_on_irc(fronts: Fronts, hashes: list[bytes]) -> None:
    """The page and the terminal tell fronts, and are not told."""
    fronts.worker.client("alice").cut()
    change(fronts.worker)
    alice, chat = fronts.worker.client(), fronts.worker
    said: Any = {"version": VERSION, "name": "alice", "secret": PASSWORD.encode(), "new": False}
    alice.begin(wire.Login, **said)
    chat.work()
    fronts.pass_time()
    assert len(hashes) == 1
    assert comes(fronts.two) == "001"
    assert len(hashes) == 1
    fronts.one.user("bob").cut()
    assert comes(fronts.one, "bob") == "001"
    assert len(chat.sessions.secrets.imprints) == 1
    assert len(fronts.two.worker.sessions.secrets.imprints) == 2


def test_a_wrong_password_is_wrong(fronts: Fronts, hashes: list[bytes]) -> None:
    """Also that of somebody else, whose imprint is known."""
    fronts.one.user("alice").cut()
    fronts.one.user("bob", password="another battery").cut()
    for stage in (fronts.one, fronts.two):
        assert comes(stage) == comes(stage, "bob", "another battery") == "001"
        assert comes(stage, password="another battery") == "464"
        assert comes(stage, password="wrong battery") == "464"
    assert len(hashes) == 4


def test_a_password_that_was_changed_lets_in_nowhere(fronts: Fronts, hashes: list[bytes]) -> None:
    """Also where the change has not been followed yet: who it is, is asked of the log. The new one is hashed
    once."""
    fronts.one.user("alice").cut()
    assert comes(fronts.one) == comes(fronts.two) == "001"
    fronts.worker.log.lagging = True
    change(fronts.worker, "a new battery")
    assert comes(fronts.one) == comes(fronts.two) == "464"
    fronts.worker.log.catch_up()
    new = newcomer(fronts)
    fronts.pass_time()
    for stage in (fronts.one, fronts.two, new):
        assert comes(stage) == "464"
    hashes.clear()
    for stage in (fronts.two, fronts.one, new):
        assert comes(stage, password="a new battery") == "001"
        assert comes(stage) == "464"
    assert hashes.count(b"a new battery") == 1


def test_an_imprint_of_another_secret_says_nothing(fronts: Fronts, hashes: list[bytes]) -> None:
    """Even one of the very same password, which was set again: what is told binds to the secret's seq."""
    fronts.one.user("alice").cut()
    assert comes(fronts.one) == "001"
    change(fronts.worker)
    known = fronts.two.worker.sessions.secrets.imprints.of("alice")
    assert known is not None
    assert comes(fronts.two) == "001"
    assert len(hashes) == 1
    now = fronts.two.worker.sessions.secrets.imprints.of("alice")
    assert now is not None
    assert (now.secret_seq > known.secret_seq, now.value != known.value) == (True, True)
    fronts.two.worker.sessions.secrets.imprints.told([known])
    assert fronts.two.worker.sessions.secrets.imprints.of("alice") == now


def test_a_new_primary_is_told_again(fronts: Fronts, hashes: list[bytes]) -> None:
    """What a front had from the old one, too: the process that had found it may be dead."""
    fronts.worker.client("alice")
    change(fronts.worker)
    assert comes(fronts.one) == "001"
    one, two, chat = fronts.lanes
    one.cut()
    for lane in (two, chat):
        lane.cut()
    fronts.known.stop()
    fronts.begin()
    fronts.lanes[0].cut()
    fronts.pass_time()
    assert len(fronts.known) == 1
    new = newcomer(fronts)
    fronts.pass_time()
    assert comes(new) == comes(fronts.two) == "001"
    assert len(hashes) == 1


def test_a_newcomer_gets_the_whole_in_pieces_as_it_reads(fronts: Fronts) -> None:
    """Nothing is sent to one that does not read; and no front says what it was told."""
    many = [Imprint(f"user{number}", 1, b"v" * IMPRINT_BYTES) for number in range(MOST_IMPRINTS + 10)]
    for one in many:
        fronts.one.worker.sessions.secrets.imprints.found(one)
    echoed = fronts.lanes[1].told
    fronts.pass_time(20)
    assert len(fronts.known) == MOST_IMPRINTS
    assert len(fronts.two.worker.sessions.secrets.imprints) == MOST_IMPRINTS
    new = newcomer(fronts).worker.sessions.secrets.imprints
    fronts.lanes[-1].full = True
    fronts.pass_time(2)
    assert len(new) == 0
    fronts.lanes[-1].full = False
    fronts.clock.advance(GATHER_SECONDS)
    assert 0 < len(new) <= MOST_PIECES * MOST_TOLD
    fronts.pass_time(5)
    assert len(new) == MOST_IMPRINTS
    assert (new.of("user9"), new.of("user10")) == (None, many[10])
    told = [lane.told for lane in fronts.lanes]
    fronts.pass_time(5)
    assert [lane.told for lane in fronts.lanes] == told
    fronts.two.worker.sessions.secrets.imprints.found(Imprint("zoe", 1, b"v" * IMPRINT_BYTES))
    fronts.pass_time()
    assert fronts.lanes[1].told == echoed + 1


def test_without_a_primary_that_wants_to_know_nothing_is_told(hashes: list[bytes]) -> None:
    """One of the last release: each front hashes for itself, as it did."""
    worker = Worker()
    stage = IrcStage(worker)
    worker.client("alice")
    change(worker)
    assert comes(stage) == comes(stage) == "001"
    assert len(hashes) == 1
