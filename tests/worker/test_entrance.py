"""How a client gets in, by a name and a secret or by a ticket, and what it is told when it does not."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.protocols import amp

from chatnet.credentials import random_credential
from chatnet.entries import Draft
from chatnet.errors import (
    BadName,
    BadRoom,
    BadSecret,
    BadTicket,
    NotAllowed,
    WrongSecret,
    WrongVersion,
)
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION


def test_the_first_login_registers_and_the_next_is_the_same_user(worker: Any) -> None:
    """The first login with a free name registers it; its secret opens it again, in any case of letters."""
    assert worker.client().login("Alice")["name"] == "alice"
    assert worker.client().login("ALICE ")["name"] == "alice"
    assert [entry.kind for entry in worker.log.entries] == ["register"]
    assert len(worker.sessions.open) == 2


def test_a_taken_name_with_a_wrong_secret_is_refused(worker: Any) -> None:
    """The sentence says what to do, the connection stays up, and another name may be tried."""
    worker.client("alice")
    client = worker.client()
    with pytest.raises(WrongSecret, match="The name alice is taken"):
        client.login("alice", b"x" * 32)
    found = client.begin(wire.Login, version=VERSION, name="bob", secret=b"s" * 32, new=True)
    worker.pass_time(1)
    assert found[0]["name"] == "bob"


def test_a_lost_race_for_a_name_is_settled_by_the_secret(worker: Any) -> None:
    """If somebody else registers the name meanwhile, its own secret opens it, and another one does not."""
    for secret, right in ((b"s" * 32, True), (b"x" * 32, False)):
        name = f"user{right}".lower()
        worker.log.held = True
        client = worker.client()
        found = client.begin(wire.Login, version=VERSION, name=name, secret=secret, new=True)
        worker.log._waiting.insert(
            0, ([Draft("register", name, name, random_credential(b"s" * 32), b"o" * 16)], _ignored())
        )
        worker.log.let_go()
        worker.settle()
        if right:
            assert found[0]["name"] == name
        else:
            assert found[0].check(WrongSecret)


def _ignored() -> Any:
    from twisted.internet.defer import Deferred

    return Deferred()


@pytest.mark.parametrize(
    ("name", "secret", "error", "sentence"),
    [
        ("", b"s" * 32, BadName, "is not a name"),
        ("al ice", b"s" * 32, BadName, "is not a name"),
        ("a" * 33, b"s" * 32, BadName, "is not a name"),
        ("alice\x00", b"s" * 32, BadName, "is not a name"),
        ("alice", b"short", BadSecret, "32 random bytes"),
        ("alice", b"s" * 3_000, BadSecret, "32 random bytes"),
    ],
)
def test_a_bad_name_or_secret_is_refused(
    worker: Any, name: str, secret: bytes, error: Any, sentence: str
) -> None:
    """Each is refused by a sentence; nothing is registered, and the connection stays open."""
    client = worker.client()
    with pytest.raises(error, match=sentence):
        client.login(name, secret)
    assert not worker.log.entries
    client.login()


@pytest.mark.parametrize(("name", "secret"), [("#", b"s" * 32), ("alice", b"s" * 31)])
def test_who_repeats_what_no_client_sends_is_closed(worker: Any, name: str, secret: bytes) -> None:
    """Its second answer is its last; a client that has logged in may go on."""
    stranger, alice = worker.client(), worker.client("bob")
    answers = []
    for _ in range(2):
        assert stranger.connected
        answers += stranger.begin(wire.Login, version=VERSION, name=name, secret=secret, new=True)
    assert [answer.check(BadName, BadSecret) is not None for answer in answers] == [True, True]
    assert not stranger.connected
    for _ in range(3):
        with pytest.raises(BadRoom):
            alice.join("# #")
    assert alice.connected


def test_another_version_is_told_so(worker: Any) -> None:
    """Login and Resume both check the version first."""
    client = worker.client()
    with pytest.raises(WrongVersion, match="update the older one"):
        client.ask(wire.Login, version=VERSION + 1, name="alice", secret=b"s" * 32, new=True)
    with pytest.raises(WrongVersion):
        client.ask(wire.Resume, version=VERSION + 1, ticket=b"")


def test_nothing_but_logging_in_before_the_login(worker: Any) -> None:
    """Every other command is refused with the hint to log in."""
    client = worker.client()
    with pytest.raises(NotAllowed, match="no command Post here; log in first"):
        client.post("hello")
    client.login()
    client.post("hello")


def test_logged_in_is_logged_in(worker: Any) -> None:
    """A second login on a connection is refused, and so is an unknown command."""
    client = worker.client("alice")
    with pytest.raises(NotAllowed, match="no command Login here; you are logged in"):
        client.login("bob")
    found: list[Any] = []
    client.link._sendBoxCommand(b"Nonsense", amp.AmpBox()).addErrback(found.append)
    worker.settle()
    assert "no command Nonsense here" in str(found[0].value)
    assert client.post("hello")


def test_one_attempt_at_a_time(worker: Any) -> None:
    """While a login is under way, a second on the same connection is refused."""
    worker.log.reads_held = True
    client = worker.client()
    first = client.begin(wire.Login, version=VERSION, name="alice", secret=b"s" * 32, new=True)
    with pytest.raises(NotAllowed, match="an attempt to log in is under way"):
        client.login("bob")
    worker.log.let_go()
    worker.settle()
    assert first[0]["name"] == "alice"


def test_who_does_not_log_in_is_closed(worker: Any) -> None:
    """It is closed after ten seconds without an attempt; an attempt under way may take as long as it
    needs."""
    idle, trying = worker.client(), worker.client()
    worker.log.reads_held = True
    found = trying.begin(wire.Login, version=VERSION, name="alice", secret=b"s" * 32, new=True)
    worker.pass_time(9.8)
    assert idle.connected
    worker.pass_time(0.4)
    assert not idle.connected
    worker.pass_time(30)
    assert trying.connected
    worker.log.let_go()
    worker.settle()
    assert found[0]["name"] == "alice"


def test_a_failed_attempt_gives_ten_more_seconds(worker: Any) -> None:
    """After these ten seconds the connection is closed."""
    client = worker.client()
    worker.pass_time(8)
    with pytest.raises(BadName):
        client.login("?")
    worker.pass_time(8)
    assert client.connected
    worker.pass_time(3)
    assert not client.connected


def test_who_hangs_up_during_the_login_leaves_nothing(worker: Any) -> None:
    """No session is counted, the router knows no user, and the clock has no timer."""
    worker.log.reads_held = True
    client = worker.client()
    client.begin(wire.Login, version=VERSION, name="alice", secret=b"s" * 32, new=True)
    client.cut()
    worker.log.let_go()
    worker.settle()
    assert len(worker.sessions.open) == 0
    assert not worker.router._local_users
    assert not worker.clock.getDelayedCalls()


def test_a_ticket_resumes(worker: Any) -> None:
    """It opens a session of the same user without the secret."""
    ticket = worker.client().login("alice")["ticket"]
    client = worker.client()
    answer = client.resume(ticket)
    assert (answer["name"], answer["log"]) == ("alice", "memory")
    client.post("hello")
    assert worker.log.entries[-1].user == "alice"


@pytest.mark.parametrize(
    "spoil", [lambda t: b"", lambda t: t[:-1], lambda t: t + b"x", lambda t: b"x" * 3_000]
)
def test_a_torn_or_forged_ticket_is_refused(worker: Any, spoil: Any) -> None:
    """A sentence says so; the connection stays open for a login."""
    ticket = worker.client().login("alice")["ticket"]
    client = worker.client()
    with pytest.raises(BadTicket, match="log in again"):
        client.resume(spoil(ticket))
    client.login()


def test_a_ticket_of_another_log_is_refused(worker: Any) -> None:
    """In another log a user of the same name may be somebody else."""
    client = worker.client()
    with pytest.raises(BadTicket):
        client.resume(worker.token.ticket("another", "alice", 1))


def test_a_new_secret_ends_old_tickets(worker: Any) -> None:
    """The old ticket is refused, even while a session of the user is open; the new one is good."""
    client = worker.client()
    old = client.login("alice")["ticket"]
    found = client.begin(wire.SetSecret, key=client.key(), old=b"s" * 32, secret=b"a good password")
    worker.threads.work()
    worker.settle()
    with pytest.raises(BadTicket):
        worker.client().resume(old)
    assert worker.client().resume(found[0]["ticket"])["name"] == "alice"
    assert len(worker.sessions.open) == 2


def test_who_is_refused_leaves_nothing(worker: Any) -> None:
    """After an outdated ticket the router knows no user."""
    with pytest.raises(BadTicket):
        worker.client().resume(worker.token.ticket("memory", "alice", 99))
    assert not worker.router._local_users
