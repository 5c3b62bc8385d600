"""Passwords are checked in threads, in turn; wrong ones are slowed down, random secrets never."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from chatnet.errors import BadSecret, TryLater, WrongSecret
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.worker.hashing import MOST_OF_ONE, MOST_WAITING, Claimant
from chatnet.worker.logins import Begun, Shown

HERE, THERE = "192.0.2.1", "192.0.2.2"
PASSWORD = b"a good password"


def with_password(worker: Any, *names: str) -> None:
    """Give each user a password."""
    for name in names:
        client = worker.client(name)
        client.begin(wire.SetSecret, key=client.key(), old=b"s" * 32, secret=PASSWORD)
        worker.work()
        client.cut()


def login(worker: Any, address: str, user: str = "alice", secret: bytes = PASSWORD) -> list[Any]:
    """Begin a login from ``address``; return a list that gets its outcome."""
    found: list[Any] = []
    claimant = Claimant(user, address)
    Deferred.fromCoroutine(worker.logins.login(claimant, Shown(secret, new=False))).addBoth(found.append)
    worker.settle()
    return found


def test_a_random_secret_is_never_slowed_down(worker: Any) -> None:
    """Nobody can guess a random secret, so wrong ones make the owner wait for nothing."""
    worker.client("alice")
    for _ in range(20):
        with pytest.raises(WrongSecret):
            worker.client().login("alice", b"x" * 32)
    assert worker.client().login("alice")


def waits_after_a_wrong_password(worker: Any, wrong_from: str, right_from: str) -> None:
    """Check that alice's right password is taken half a second after a wrong one, and not before."""
    wrong = login(worker, wrong_from, secret=b"a bad password")
    worker.work()
    assert wrong[0].check(WrongSecret)
    right = login(worker, right_from)
    worker.work()
    assert not right
    worker.pass_time(0.6)
    worker.work()
    assert right == [Begun(2, True)]


def test_a_wrong_password_is_followed_by_a_pause(worker: Any) -> None:
    """The right password is taken half a second later; after that there is no pause."""
    with_password(worker, "alice")
    waits_after_a_wrong_password(worker, HERE, HERE)
    again = login(worker, HERE)
    worker.work()
    assert again == [Begun(2, True)]


def test_a_stranger_locks_out_neither_the_owner_nor_a_neighbour(worker: Any) -> None:
    """Wrong passwords from one address affect only the same name from the same address."""
    with_password(worker, "alice", "bob")
    for _ in range(8):
        login(worker, HERE, secret=b"a bad password")
        worker.pass_time(10)
        worker.work()
    owner, neighbour = login(worker, THERE), login(worker, HERE, "bob")
    worker.work()
    assert owner == [Begun(2, True)]
    assert neighbour == [Begun(4, True)]


@pytest.mark.parametrize(("first", "second"), [("2001:db8::1", "2001:db8::f:2"), ("127.0.0.1", "127.0.0.2")])
def test_who_has_many_addresses_is_slowed_down_at_all_of_them(worker: Any, first: str, second: str) -> None:
    """Addresses of one IPv6 network count as one, and so do all addresses of this machine."""
    with_password(worker, "alice")
    waits_after_a_wrong_password(worker, first, second)


def test_guesses_through_a_session_are_slowed_down_as_well(worker: Any) -> None:
    """Whoever stole a session cannot guess the password by SetSecret."""
    with_password(worker, "alice")
    thief = worker.client()
    thief.resume(worker.token.ticket("memory", "alice", 2))
    for _ in range(2):
        found = thief.begin(wire.SetSecret, key=thief.key(), old=b"a bad password", secret=b"the thief's own")
        worker.work()
    assert not found
    worker.pass_time(0.6)
    worker.work()
    assert found[0].check(WrongSecret)


def test_sessions_that_set_secrets_keep_no_login_out(worker: Any) -> None:
    """Logins go before SetSecret, and neither kind takes both threads."""
    with_password(worker, "alice")
    setters = [worker.client(f"user{number}") for number in range(20)]
    for client in setters:
        client.begin(wire.SetSecret, key=client.key(), old=b"s" * 32, secret=PASSWORD)
    found = login(worker, HERE)
    assert len(worker.threads.waiting) == 2
    worker.threads.work()  # the task that was under way
    worker.threads.work()
    worker.threads.work()  # the login, while the next secret is hashed
    worker.settle()
    assert found == [Begun(2, True)]
    worker.work()


def test_one_user_and_one_address_have_one_thread_each(worker: Any) -> None:
    """Many names from an address, or one name from many addresses, leave a thread to others."""
    with_password(worker, "alice", "bob", "carol")
    for user in ("alice", "bob", "carol"):
        login(worker, HERE, user)
    assert len(worker.threads.waiting) == 1
    login(worker, "192.0.2.3", "alice")
    assert len(worker.threads.waiting) == 1
    found = login(worker, THERE, "carol")
    assert len(worker.threads.waiting) == 2
    worker.threads.waiting.append(worker.threads.waiting.pop(0))
    worker.threads.work()
    worker.settle()
    assert found == [Begun(6, True)]
    worker.work()


def test_addresses_take_turns(worker: Any) -> None:
    """An address with many attempts delays another by one of them."""
    names = [f"user{number}" for number in range(6)]
    with_password(worker, *names)
    for name in names[:5]:
        login(worker, HERE, name)
    found = login(worker, THERE, names[5])
    assert len(worker.threads.waiting) == 2
    worker.threads.work()
    worker.threads.work()
    worker.settle()
    assert found
    worker.work()


def test_too_many_are_told_to_come_later(worker: Any) -> None:
    """Few may wait from one address, more from all; a finished attempt makes room."""
    with_password(worker, "alice", "bob")
    found = [login(worker, HERE, "alice") for _ in range(MOST_OF_ONE + 2)]
    assert [bool(answers) for answers in found] == [False] * (MOST_OF_ONE + 1) + [True]
    assert found[-1][0].check(TryLater)
    many = [login(worker, f"198.51.100.{number}", "bob") for number in range(MOST_WAITING)]
    assert many[-1][0].check(TryLater)
    worker.work()
    assert not login(worker, HERE, "alice", b"another one")
    worker.work()


def test_who_has_gone_is_not_hashed_for(worker: Any) -> None:
    """A waiting attempt is dropped with its connection; one under way makes room when it ends."""
    with_password(worker, "alice")
    clients = [worker.client() for _ in range(5)]
    for client in clients:
        client.begin(wire.Login, version=VERSION, name="alice", secret=PASSWORD, new=False)
    for client in clients:
        client.cut()
    assert len(worker.threads.waiting) == 1
    worker.threads.work()
    worker.settle()
    assert not worker.threads.waiting
    assert not worker.sessions.open


def test_a_password_is_checked_in_a_thread(worker: Any) -> None:
    """A hash takes 100 ms, and nobody else waits for it; the right password is taken, a wrong one refused."""
    alice = worker.client("alice")
    found = alice.begin(wire.SetSecret, key=b"s" * 16, old=b"s" * 32, secret=b"a good password")
    worker.threads.work()
    worker.settle()
    assert found[0]["ticket"]
    wrong = worker.client().begin(
        wire.Login, version=VERSION, name="alice", secret=b"a bad password", new=True
    )
    right = worker.client().begin(
        wire.Login, version=VERSION, name="alice", secret=b"a good password", new=True
    )
    assert alice.post("nobody waits")
    worker.threads.work()
    worker.threads.work()
    worker.settle()
    assert wrong[0].check(WrongSecret)
    assert right[0]["name"] == "alice"


def register(worker: Any, user: str, password: bytes) -> list[Any]:
    """Begin to register a name with a password; return a list that gets its outcome."""
    found: list[Any] = []
    shown = Shown(password, new=True, chosen=True)
    Deferred.fromCoroutine(worker.logins.login(Claimant(user, HERE), shown)).addBoth(found.append)
    worker.work()
    return found


def test_a_name_is_registered_with_a_password(worker: Any) -> None:
    """In one entry: there is no moment at which the name is somebody's who cannot come in by the password."""
    assert register(worker, "alice", PASSWORD) == [Begun(1, True)]
    assert [entry.kind for entry in worker.log.entries] == ["register"]
    assert worker.log.entries[0].text.startswith("$argon2id$")
    again = login(worker, THERE)
    worker.work()
    assert again == [Begun(1, True)]


def test_of_two_who_register_a_name_one_gets_it(worker: Any) -> None:
    """The other is let in if it is the same password, and else is told that the name is taken."""
    register(worker, "alice", PASSWORD)
    assert register(worker, "alice", PASSWORD) == [Begun(1, True)]
    assert register(worker, "alice", b"another password")[0].check(WrongSecret)


@pytest.mark.parametrize("password", [b"short", b"password", b"\xff" * 9, b"x" * 2000])
def test_no_name_is_registered_with_a_password_that_is_none(worker: Any, password: bytes) -> None:
    assert register(worker, "alice", password)[0].check(BadSecret)
    assert not worker.log.entries


def test_a_password_that_was_right_is_hashed_once(worker: Any) -> None:
    """Until another is set: clients without tickets come back all at once, each with its password. A wrong
    one is hashed each time, and so is a right one for another credential."""
    with_password(worker, "alice", "bob")
    hashes: list[Any] = []
    run = worker.threads.callInThreadWithCallback

    def counted(*what: Any) -> None:
        hashes.append(what)
        run(*what)

    worker.threads.callInThreadWithCallback = counted
    for user, secret, count in (
        ("alice", PASSWORD, 1),
        ("alice", PASSWORD, 1),
        ("alice", b"a wrong one", 2),
        ("alice", PASSWORD, 2),
        ("bob", PASSWORD, 3),
        ("bob", PASSWORD, 3),
    ):
        found = login(worker, HERE, user, secret)
        worker.work()
        worker.pass_time(1)
        worker.work()
        assert isinstance(found[0], Begun) is (secret is PASSWORD)
        assert len(hashes) == count, user
    client = worker.client()
    client.begin(wire.Login, version=VERSION, name="alice", secret=PASSWORD, new=False)
    client.begin(wire.SetSecret, key=client.key(), old=PASSWORD, secret=b"another good one")
    worker.work()
    old = login(worker, HERE)
    worker.work()
    assert old[0].check(WrongSecret)
