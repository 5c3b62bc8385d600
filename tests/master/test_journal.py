"""What an operator is told of the cluster's events."""

from __future__ import annotations

from twisted.internet.task import Clock

from chatnet.master.journal import KEPT_EVENTS, MOST_TOLD, Journal
from chatnet.telemetry import (
    BatchCommitted,
    ChildDied,
    DraftPoisoned,
    DrainBegun,
    EpochBegun,
    Killed,
    LoggedIn,
    LogRewound,
    ProcessGone,
    ReplicaAttached,
    StoreAway,
    StoreBack,
)
from chatnet.wire.replica import MasterIdentity

REPLICA = MasterIdentity("alpha", 7, 1, True)


def test_only_the_newest_events_are_kept() -> None:
    """A hundred are kept, oldest first, each with its time."""
    clock = Clock()
    journal = Journal(clock.seconds)
    for number in range(KEPT_EVENTS + 5):
        journal.told(ProcessGone(f"process {number}", is_dead=True))
        clock.advance(1)
    events = journal.events()
    assert len(events) == KEPT_EVENTS
    assert (events[0].what, events[-1].time) == ("process 5 is dead", KEPT_EVENTS + 4)


def test_it_goes_on_where_the_primary_before_ended() -> None:
    """The replica that took over was told of its predecessor's events."""
    before = Journal(lambda: 1.0)
    before.told(ReplicaAttached(REPLICA, back=False))
    after = Journal(lambda: 2.0, before.events())
    after.told(ReplicaAttached(REPLICA, back=True))
    assert [(event.time, event.what) for event in after.events()] == [
        (1.0, "replica (pid 7) on alpha stands by"),
        (2.0, "replica (pid 7) on alpha came back"),
    ]


def test_who_watches_is_told_of_each_event() -> None:
    """This includes events that were logged where they happened; each event is kept by then."""
    journal = Journal(lambda: 0.0)
    told: list[str] = []
    journal.watch(lambda: told.append(journal.events()[-1].what))
    journal.told(DrainBegun("one"))
    journal.told(ChildDied("two is dead"))
    assert [what.partition(" ")[0] for what in told] == ["one", "two"]


def test_what_keeps_the_store_from_going_on_is_kept() -> None:
    """They are kept as sentences; the store itself has logged them. Batches are not events."""
    journal = Journal(lambda: 0.0)
    for event in (
        BatchCommitted(7, 0.002),
        StoreAway("The disk of the log is full: posts wait until there is room."),
        StoreBack("There is room on the disk again", 61.24),
        DraftPoisoned("post of alice, 7 characters", "ValueError"),
        LogRewound(12_000, 11_000),
        LogRewound(12_000, None),
    ):
        journal.told(event)
    assert [event.what for event in journal.events()] == [
        "The disk of the log is full: posts wait until there is room",
        "There is room on the disk again (61.2 s later)",
        "a draft could not be stored and was refused (ValueError): post of alice, 7 characters",
        "the log was put back: it was read up to 12,000, and is the same up to 11,000",
        "the log was put back: it was read up to 12,000",
    ]


def test_what_is_not_the_operators_affair_is_not_kept() -> None:
    """Sessions come and go unnoticed; who commands in which epoch is only logged."""
    journal = Journal(lambda: 0.0)
    for event in (LoggedIn("alice", "a:1"), EpochBegun(3, 12.5), Killed(7, "missed")):
        journal.told(event)
    assert journal.events() == []


def test_what_others_say_of_themselves_is_cut() -> None:
    """A name may be as long as a box, and contain control characters of a terminal."""
    journal = Journal(lambda: 0.0)
    journal.told(ProcessGone("\x1b[2J" + "x" * 10 * MOST_TOLD, is_dead=True))
    [event] = journal.events()
    assert len(event.what) <= MOST_TOLD + 10
    assert "\x1b" not in event.what
