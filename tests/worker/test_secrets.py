"""Who may replace a secret, what that ends, and that no name is registered by mistake."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from worker.conftest import CHEAP

from chatnet.credentials import password_credential
from chatnet.entries import Draft
from chatnet.errors import BadSecret, BadTicket, NoSuchUser, TryLater, WrongSecret
from chatnet.reads import Question, SnapshotOf
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.worker.users import MOST_SESSIONS

OLD, NEW = b"s" * 32, b"a good password"


def set_secret(client: Any, old: bytes = OLD, new: bytes = NEW, key: bytes = b"k" * 16) -> list[Any]:
    """Send SetSecret and let the threads work; return a list that gets the outcome."""
    found: list[Any] = client.begin(wire.SetSecret, key=key, old=old, secret=new)
    client._worker.work()
    return found


def set_elsewhere(worker: Any, key: bytes = b"k" * 16) -> None:
    """Let the user set the new secret through another worker."""
    worker.commit(Draft("secret", "alice", "alice", password_credential(NEW, key, CHEAP), key, 1))


# ---- a free name ----


@pytest.mark.parametrize("secret", [b"a good password", b"just thirty-two bytes, a password"[:32]])
def test_a_password_never_registers_a_name(worker: Any, secret: bytes) -> None:
    """Whoever mistypes their name is told that there is no such user, however long the password is."""
    with pytest.raises(NoSuchUser, match="There is no user alic"):
        worker.client().login("alic", secret, new=False)
    assert not worker.log.entries


def test_a_name_is_registered_only_by_random_bytes(worker: Any) -> None:
    """A password registers no name even if ``new`` is set."""
    for size in (0, 8, 31, 33):
        with pytest.raises(BadSecret, match="32 random bytes"):
            worker.client().login("alice", b"x" * size, new=True)
    assert not worker.log.entries


# ---- the old secret ----


def test_who_does_not_know_the_old_secret_cannot_set_a_new_one(worker: Any) -> None:
    """Whoever stole a session cannot take the name over; the session goes on."""
    alice = worker.client("alice")
    assert set_secret(alice, old=b"x" * 32)[0].check(WrongSecret)
    assert set_secret(alice, key=b"l" * 16)[0]["seq"] == 2
    found = set_secret(alice, old=b"another password", new=b"yet another one", key=b"m" * 16)
    assert found[0].check(WrongSecret)
    assert [entry.kind for entry in worker.log.entries] == ["register", "secret"]
    assert alice.post("I am still here")


def test_a_secret_sent_again_is_known_though_the_old_one_is_not_any_more(worker: Any) -> None:
    """Its first copy was committed, and the client, which has another connection now, was not told.

    Even if the user has set another secret since, as a client does that sends several at once.
    """
    alice = worker.client("alice")
    assert set_secret(alice)[0]["seq"] == 2
    assert set_secret(alice, NEW, b"the next password", b"l" * 16)[0]["seq"] == 3
    again = worker.client()
    assert again.resume(worker.token.ticket("memory", "alice", 3))
    assert set_secret(again)[0]["seq"] == 2
    worker.pass_time(1)  # the worker has counted that as a wrong password
    assert set_secret(again, NEW, b"the next password", b"l" * 16)[0]["seq"] == 3
    assert len(worker.log.entries) == 3


def test_of_two_that_replace_the_same_secret_one_succeeds(worker: Any) -> None:
    """Both knew the old secret; the log takes the first, even if the other's worker had not read it yet."""
    alice = worker.client("alice")
    found = alice.begin(wire.SetSecret, key=b"l" * 16, old=OLD, secret=b"the thief's own")
    worker.log.lagging = True
    set_elsewhere(worker)
    worker.work()
    assert found[0].check(WrongSecret)
    assert [entry.key for entry in worker.log.entries if entry.kind == "secret"] == [b"k" * 16]


@pytest.mark.parametrize(
    ("name", "password"), [("alice", b"12345678"), ("alice", b"IloveYou"), ("alice-smith", b"Alice-Smith")]
)
def test_a_password_that_anybody_would_try_is_not_set(worker: Any, name: str, password: bytes) -> None:
    """The most common ones, and one's own name, in any letters. The old secret stays."""
    alice = worker.client(name)
    found = set_secret(alice, new=password)
    assert found[0].check(BadSecret)
    assert found[0].getErrorMessage() == (
        "Many people choose this password, so it is guessed first: choose another."
    )
    assert set_secret(alice, key=b"l" * 16)[0]["seq"] == 2


def test_who_has_set_a_common_password_before_logs_in_and_is_told_again_that_it_is_set(worker: Any) -> None:
    """A newer list may have what an older one did not; and the answer may have been lost."""
    worker.client("alice")
    key, common = b"k" * 16, b"12345678"
    worker.commit(Draft("secret", "alice", "alice", password_credential(common, key, CHEAP), key, 1))
    found = worker.client().begin(wire.Login, version=VERSION, name="alice", secret=common, new=False)
    worker.work()
    assert found[0]["name"] == "alice"
    again = worker.client()
    assert again.resume(found[0]["ticket"])
    found = again.begin(wire.SetSecret, key=key, old=OLD, secret=common)
    worker.work()
    worker.work()
    assert found[0]["seq"] == 2


# ---- what it ends ----


def test_a_new_secret_ends_the_users_other_sessions(worker: Any) -> None:
    """They are told why and closed; the session that set it goes on, and so do sessions of others."""
    alice, thief, bob = worker.client("alice"), worker.client("alice"), worker.client("bob")
    thief.chat()
    assert set_secret(alice)[0]["ticket"]
    assert thief.hears.ended == ["SECRET_CHANGED"]
    assert not thief.connected
    assert alice.post("it is me")
    assert bob.post("and me")
    assert not thief.heard()
    assert not alice.hears.ended


def test_a_new_secret_set_elsewhere_ends_sessions_here(worker: Any) -> None:
    """Each worker reads it in the log. A session that has shown the new secret stays."""
    alice = worker.client("alice")
    worker.log.lagging = True
    set_elsewhere(worker)
    early = worker.client()
    early.resume(worker.token.ticket("memory", "alice", 2))
    worker.log.catch_up()
    worker.settle()
    assert not alice.connected
    assert early.connected


def test_who_set_it_through_another_connection_stays(worker: Any) -> None:
    """That session is known by the key of the draft, which the client sends again here."""
    alice = worker.client("alice")
    found = alice.begin(wire.SetSecret, key=b"k" * 16, old=OLD, secret=NEW)
    set_elsewhere(worker)
    worker.work()
    assert found[0]["seq"] == 2
    assert alice.connected
    assert alice.post("still here")


def test_what_an_ended_session_sent_is_not_done(worker: Any) -> None:
    """Drafts held beyond the rate, drafts in the same bytes and drafts that reach the log later are dropped.

    They are not answered either: a client that shows the new secret may send them again.
    """
    alice = worker.client("alice")
    worker.log.lagging = True
    set_elsewhere(worker)
    found = alice.begin(wire.Post, key=alice.key(), text="late")
    joined = worker.client("bob").begin(wire.Join, key=b"j" * 16, room="#tea")
    assert found[0].check(ConnectionDone)
    assert joined[0]["seq"] == 4
    assert alice.hears.ended == ["SECRET_CHANGED"]
    worker.pass_time(1)
    assert not alice.connected
    assert all(entry.text != "late" for entry in worker.log.entries)


def test_held_drafts_of_an_ended_session_are_dropped(slow_worker: Any) -> None:
    """A draft that waits for its rate is not appended."""
    alice = slow_worker.client("alice")
    for number in range(60):
        alice.begin(wire.Post, key=alice.key(), text=str(number))
    set_elsewhere(slow_worker)
    slow_worker.pass_time(10)
    assert sum(entry.kind == "post" for entry in slow_worker.log.entries) == 50


def test_a_login_by_the_old_secret_does_not_slip_through(worker: Any) -> None:
    """A login checked before and a ticket are both refused if the new secret comes before they are let in."""
    first = worker.client()
    ticket = first.login("alice")["ticket"]
    first.cut()
    on_its_way: Deferred[None] = Deferred()
    read = worker.log.read

    async def slow_snapshot(question: Question[Any]) -> Any:
        found = await read(question)
        if isinstance(question, SnapshotOf):
            await on_its_way
        return found

    worker.log.read = slow_snapshot
    resumed = worker.client().begin(wire.Resume, version=VERSION, ticket=ticket)
    logged_in = worker.client().begin(wire.Login, version=VERSION, name="alice", secret=OLD, new=False)
    set_elsewhere(worker)
    on_its_way.callback(None)
    worker.work()
    assert resumed[0].check(BadTicket)
    assert logged_in[0].check(WrongSecret)
    assert not worker.sessions.open


def test_a_client_that_does_not_read_its_end_is_cut_off(worker: Any) -> None:
    """It is cut off after five seconds, so it cannot keep our memory."""
    alice, thief = worker.client("alice"), worker.client("alice")
    thief.wire.client_transport.reading = False
    set_secret(alice)
    worker.pass_time(6)
    assert len(worker.sessions.open) == 1
    assert not [
        call for call in worker.clock.getDelayedCalls() if call.getTime() > worker.clock.seconds() + 1
    ]


# ---- how many ----


def test_the_sessions_of_a_user_are_bounded(worker: Any) -> None:
    """Beyond a hundred sessions on a worker, Login and Resume are refused by a sentence; other users come
    in."""
    ticket = worker.client().login("alice")["ticket"]
    for _ in range(MOST_SESSIONS - 1):
        worker.client("alice")
    with pytest.raises(TryLater, match="alice has 100 connections here already"):
        worker.client().login("alice")
    late = worker.client()
    with pytest.raises(TryLater):
        late.resume(ticket)
    assert worker.client().login("bob")
    worker.clients[0].cut()
    assert late.resume(ticket)
