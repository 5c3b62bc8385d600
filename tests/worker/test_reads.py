"""A session has one read at a time, a worker a bounded number, and nothing is read for closed sessions."""

from __future__ import annotations

from typing import Any

from chatnet.cursor import Cursor
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.worker.sessions import LOGINS_OF_ONE, MOST_READS, PAGES_OF_ONE


def talk(worker: Any, user: str, count: int) -> None:
    """Append so many posts of ``user`` that a window of few entries does not hold them."""
    worker.client(user)
    worker.log.window._limit = 10_000
    for number in range(count):
        worker.commit(worker.said(user, str(number)))


def beginning(worker: Any) -> dict[str, Any]:
    """Return the cursor before all posts."""
    return {"cursor": 0, "check": Cursor.beginning(worker.log.log_id).check}


def test_a_session_that_chats_anew_has_one_read_under_way(worker: Any) -> None:
    """A session that begins again at the beginning, however often, waits for the page of the chat before."""
    talk(worker, "bob", 100)
    alice = worker.client("alice")
    worker.log.reads_held = True
    for _ in range(50):
        alice.begin(wire.Chat, **beginning(worker))
    assert len(worker.log._reading) == 1
    while worker.log._reading:
        worker.log.answer_read()
        worker.settle()
        assert len(worker.log._reading) <= 1
    assert alice.connected


def test_the_page_of_a_chat_that_was_replaced_is_not_read(worker: Any) -> None:
    """The page waited for its turn, and nobody wants it now. Each cursor is looked up, a short read."""
    talk(worker, "bob", 100)
    alice = worker.client("alice")
    alice.join("bob")
    worker.log.reads_held = True
    alice.begin(wire.List, prefix="", after="")
    for _ in range(10):
        alice.begin(wire.Chat, **beginning(worker))
        alice.begin(wire.Unchat)
    reads = 0
    while worker.log._reading:
        worker.log.answer_read()
        worker.settle()
        reads += 1
    assert reads == 1 + 10


def test_catching_up_takes_its_turn_and_is_not_begun_for_nothing(worker: Any) -> None:
    """Catching up waits for another read of the session; if nobody chats when that is done, it reads
    nothing."""
    talk(worker, "bob", 100)
    alice = worker.client("alice")
    worker.log.reads_held = True
    alice.begin(wire.Chat, **beginning(worker))
    alice.begin(wire.List, prefix="", after="")
    worker.log.answer_read()  # the cursor is looked up: catching up begins, after List
    worker.settle()
    assert len(worker.log._reading) == 1
    alice.begin(wire.Unchat)
    worker.log.answer_read()
    worker.settle()
    assert not worker.log._reading


def test_the_reads_of_a_worker_are_bounded_and_users_take_turns(worker: Any) -> None:
    """A user with many reading sessions delays another user by one read."""
    talk(worker, "bob", 100)
    count = MOST_READS // PAGES_OF_ONE
    many = [worker.client(f"mallory{number}") for number in range(count) for _ in range(PAGES_OF_ONE + 1)]
    alice = worker.client("alice")
    worker.log.reads_held = True
    for client in many:
        client.begin(wire.History, room="bob", before=None)
    assert len(worker.log._reading) == MOST_READS
    found = alice.begin(wire.History, room="bob", before=None)
    for _ in range(MOST_READS + count + 1):
        worker.log.answer_read()
        worker.settle()
    assert found


def test_one_user_has_a_part_of_the_reads_of_a_worker(worker: Any) -> None:
    """However many sessions one user opens, another user's read begins at once."""
    talk(worker, "bob", 100)
    many = [worker.client("mallory") for _ in range(MOST_READS + 20)]
    alice = worker.client("alice")
    worker.log.reads_held = True
    for client in many:
        client.begin(wire.History, room="bob", before=None)
    assert len(worker.log._reading) == PAGES_OF_ONE
    alice.begin(wire.History, room="bob", before=None)
    assert len(worker.log._reading) == PAGES_OF_ONE + 1
    worker.log.let_go()
    worker.settle()
    assert worker.sessions.reads.lane.waiting == 0


def test_the_logins_of_one_user_or_address_leave_others_room(worker: Any) -> None:
    """Fifty sessions that resume at once take a quarter of the places."""
    tickets = {name: worker.client().login(name)["ticket"] for name in ("mallory", "alice")}
    worker.log.reads_held = True
    for _ in range(MOST_READS):
        worker.client().begin(wire.Resume, version=VERSION, ticket=tickets["mallory"])
    assert len(worker.log._reading) == LOGINS_OF_ONE
    worker.client().begin(wire.Resume, version=VERSION, ticket=tickets["alice"])
    assert len(worker.log._reading) == LOGINS_OF_ONE + 1
    worker.log.let_go()
    worker.settle()
    assert worker.sessions.logins.waiting == 0


def test_what_waits_for_who_has_gone_is_not_read(worker: Any) -> None:
    """The lane is free for others as soon as the read under way has returned."""
    talk(worker, "bob", 100)
    many = [worker.client(f"user{number}") for number in range(MOST_READS + 20)]
    worker.log.reads_held = True
    for client in many:
        client.begin(wire.History, room="bob", before=None)
    for client in many:
        client.cut()
    assert worker.sessions.reads.lane.waiting == 0
    for _ in range(MOST_READS):
        worker.log.answer_read()
    assert not worker.log._reading


def test_pages_keep_nobody_from_logging_in(worker: Any) -> None:
    """Logins have a lane of their own."""
    talk(worker, "bob", 100)
    many = [worker.client(f"user{number}") for number in range(MOST_READS + 20)]
    worker.log.reads_held = True
    for client in many:
        client.begin(wire.History, room="bob", before=None)
    found = worker.client().begin(wire.Login, version=VERSION, name="bob", secret=b"s" * 32, new=False)
    for _ in range(2):  # the account, and the memberships
        worker.log._reading.pop().callback(None)
        worker.settle()
    assert found[0]["name"] == "bob"


def test_a_login_ends_with_its_connection(worker: Any) -> None:
    """At its next step the login stops: nothing more is read, and nobody is logged in."""
    worker.client("bob")
    worker.log.reads_held = True
    for step in range(2):
        client = worker.client()
        client.begin(wire.Login, version=VERSION, name="bob", secret=b"s" * 32, new=False)
        for _ in range(step):
            worker.log.answer_read()
            worker.settle()
        assert len(worker.log._reading) == 1
        client.cut()
        worker.log.answer_read()
        worker.settle()
        assert not worker.log._reading
    assert len(worker.sessions.open) == 1


def test_logins_that_wait_and_go_leave_nothing(worker: Any) -> None:
    """However many logins come and go, the reads under way are bounded, and none waits."""
    worker.client("bob")
    worker.log.reads_held = True
    for _ in range(3 * MOST_READS):
        client = worker.client()
        client.begin(wire.Login, version=VERSION, name="bob", secret=b"s" * 32, new=False)
        client.cut()
    assert len(worker.log._reading) <= MOST_READS
    assert worker.sessions.logins.waiting == 0
