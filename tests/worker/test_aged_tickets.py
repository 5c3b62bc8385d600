"""Tickets that age: whose, when, and that nobody who is talking has to log in again."""

from __future__ import annotations

import pytest
from worker.conftest import Worker, answered
from worker.test_devices import RECOVERIES, paired, recovers, recovery

from chatnet.aging import DAY, MARKED
from chatnet.errors import BadTicket
from chatnet.marks import used
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION

PASSWORD = b"a good password"


@pytest.fixture
def worker() -> Worker:
    worker = Worker()
    worker.clock.advance(20_000 * DAY / 1000)
    worker.log.window.level = 2
    return worker


def days(worker: Worker, count: float) -> None:
    """Let days pass, at whose end somebody says something."""
    worker.clock.advance(count * DAY / 1000)
    worker.commit(worker.said("bob", "a day later"))


def with_password(worker: Worker) -> bytes:
    """Return the ticket of alice, who has set a password elsewhere and typed it here."""
    worker.client("bob").cut()
    alice = worker.client("alice")
    alice.begin(wire.SetSecret, key=b"k" * 16, old=b"s" * 32, secret=PASSWORD)
    worker.work()
    alice.cut()
    return typed(worker)


def typed(worker: Worker) -> bytes:
    """Return the ticket of who types the password, and goes."""
    client = worker.client()
    device = {"device": b"d" * 16, "label": "phone", "scope": "all"}
    found = client.begin(wire.Login, version=VERSION, name="alice", secret=PASSWORD, new=False, **device)
    worker.work()
    client.cut()
    worker.pass_time(1.2)
    ticket: bytes = answered(found)["ticket"]
    return ticket


def day_in(worker: Worker, ticket: bytes) -> int:
    """Return the day in a ticket: that of the next midnight when it was made."""
    return worker.token.check_ticket("memory", ticket).day


def resumes(worker: Worker, ticket: bytes) -> bool:
    client = worker.client()
    try:
        client.resume(ticket)
    except BadTicket:
        return False
    finally:
        client.cut()
        worker.pass_time(1.2)
    return True


def test_it_ends_when_nobody_has_used_it_for_90_days(worker: Worker) -> None:
    """They are counted from the entry behind the last use. By the password one comes back."""
    ticket = with_password(worker)
    days(worker, 1)
    days(worker, 89)
    assert resumes(worker, ticket)  # and has been used now
    days(worker, 1)
    days(worker, 91)
    assert not resumes(worker, ticket)
    assert not resumes(worker, ticket)
    fresh = typed(worker)
    assert fresh != ticket
    assert resumes(worker, fresh)
    assert resumes(worker, ticket)  # it is of the same session, which is in use: SESSIONS ends it


def test_in_a_year_it_ends_in_any_case_but_not_in_use(worker: Worker) -> None:
    """Who is talking when the worker dies goes on at another; half a day later they log in again."""
    ticket = with_password(worker)
    client = worker.client()
    client.resume(ticket)
    for _ in range(3):
        days(worker, 150)
        worker.sessions.mark_used()  # as each hour
        worker.pass_time(11)
    assert resumes(worker, ticket)  # as if its worker had been killed: nothing was marked at the end
    client.cut()
    worker.pass_time(1.2)
    days(worker, 0.01)
    days(worker, 0.2)
    assert resumes(worker, ticket)
    days(worker, 0.01)
    days(worker, 0.5)
    assert not resumes(worker, ticket)
    assert resumes(worker, typed(worker))


def test_a_secret_that_is_kept_opens_the_account_for_ever_and_so_does_its_ticket(worker: Worker) -> None:
    """To end that would shut out nobody but its user."""
    worker.client("bob").cut()
    alice = worker.client()
    ticket = alice.login("alice")["ticket"]
    alice.cut()
    worker.pass_time(1.2)
    days(worker, 1)
    days(worker, 4_000)
    assert resumes(worker, ticket)


def test_who_sets_a_password_has_a_ticket_that_ages(worker: Worker) -> None:
    """From then on the client keeps no secret."""
    worker.client("bob").cut()
    alice = worker.client("alice")
    found = alice.begin(wire.SetSecret, key=b"k" * 16, old=b"s" * 32, secret=PASSWORD)
    worker.work()
    ticket = found[0]["ticket"]
    assert day_in(worker, ticket) == 20_000
    alice.cut()
    worker.pass_time(1.2)
    days(worker, 1)
    assert resumes(worker, ticket)
    days(worker, 1)
    days(worker, 91)
    assert not resumes(worker, ticket)


def test_where_nothing_is_said_nobody_ages(worker: Worker) -> None:
    """Somebody may read there each day: the log does not tell."""
    ticket = with_password(worker)
    worker.clock.advance(1_000 * DAY / 1000)
    assert resumes(worker, ticket)
    days(worker, 1_000)
    assert resumes(worker, ticket)


def test_marks_that_are_lost_log_nobody_out(worker: Worker) -> None:
    """They are not part of the log; the next use is marked again."""
    ticket = with_password(worker)
    days(worker, 300)
    worker.log._marks.clear()
    assert resumes(worker, ticket)
    days(worker, 1)
    days(worker, 91)
    assert not resumes(worker, ticket)


def test_who_comes_after_long_is_marked_within_a_second(worker: Worker) -> None:
    """Their worker may die soon, and the ninety days be over in the same moment."""
    ticket = with_password(worker)
    days(worker, 1)
    days(worker, 89)
    client = worker.client()
    client.resume(ticket)
    worker.pass_time(1.2)
    by = worker.token.check_ticket("memory", ticket).by
    assert worker.log._marks["alice", used(by)] == worker.log.window.head


def test_who_was_here_a_moment_ago_is_not_marked_anew(worker: Worker) -> None:
    """Thousands come at once when a worker has died."""
    ticket = with_password(worker)
    days(worker, 1)
    days(worker, (MARKED - 60) * 1000 / DAY)
    before = dict(worker.log._marks)
    client = worker.client()
    client.resume(ticket)
    worker.pass_time(12)
    assert worker.log._marks == before


def test_below_the_level_tickets_are_as_they_always_were_and_do_not_age(worker: Worker) -> None:
    """An older worker may be shown them. They are good at any level, until a login gives one that ages."""
    worker.log.window.level = 1
    ticket = with_password(worker)
    assert day_in(worker, ticket) == 0
    worker.log.window.level = 2
    days(worker, 1)
    days(worker, 4_000)
    assert resumes(worker, ticket)
    assert day_in(worker, typed(worker)) == 24_002


def test_what_a_ticket_says_depends_on_the_level_when_it_is_made(worker: Worker) -> None:
    """The session knows it; only what is handed out depends on the level."""
    worker.log.window.level = 1
    with_password(worker)
    client = worker.client()
    device = {"device": b"d" * 16, "label": "phone", "scope": "all"}
    client.begin(wire.Login, version=VERSION, name="alice", secret=PASSWORD, new=False, **device)
    worker.work()
    [session] = (one for one in worker.sessions.open if one.user == "alice")
    assert day_in(worker, session.ticket()) == 0
    worker.log.window.level = 2
    days(worker, 3)
    assert day_in(worker, session.ticket()) == 20_001


def test_a_code_that_sets_a_password_gives_a_ticket_that_ages(worker: Worker) -> None:
    """Who comes back by a recovery code has typed it. A device that is paired keeps a secret of its own."""
    laptop, _, answer = paired(worker)
    assert day_in(worker, answer["ticket"]) == 0
    recovery(laptop)
    answer = recovers(worker, RECOVERIES[0], PASSWORD)
    assert day_in(worker, answer["ticket"]) == 20_001


def test_sessions_of_who_types_a_password_each_time_are_in_use(worker: Worker) -> None:
    """As over IRC: a ticket of the same device is good as long as somebody comes so."""
    ticket = with_password(worker)
    for _ in range(4):
        days(worker, 1)
        days(worker, 80)
        typed(worker)
    assert resumes(worker, ticket)
