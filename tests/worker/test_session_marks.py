"""What users have read: what they may mark, when it is kept, and who is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatnet.entries import Draft, More
from chatnet.errors import BadRoom, NotJoined, TryLater
from chatnet.kinds import CLUSTER
from chatnet.marks import MOST_MARKS, UserMark, used
from chatnet.names import MAX_NAME
from chatnet.reads import UnreadPage
from chatnet.wire import session as wire
from chatnet.worker.gathered_marks import GATHER_SECONDS, MOST_OF_ONE
from chatnet.worker.marks import KEPT_SECONDS, UsersMarks


def kept(worker: Any) -> dict[tuple[str, str], int]:
    """Return what the log has kept of rooms; the rest says when devices were used."""
    return {place: seq for place, seq in worker.log._marks.items() if place[1][0] != "!"}


def marks(client: Any, after: str = "") -> list[list[Any]]:
    return [list(mark) for mark in client.ask(wire.Marks, after=after)["marks"]]


def test_a_mark_is_kept_after_ten_seconds_and_told_to_the_other_sessions(worker: Any) -> None:
    """Not to the one that has set it, nor to other users."""
    alice, laptop, bob = worker.client("alice"), worker.client("alice"), worker.client("bob")
    for client in (alice, bob):
        client.join("#tea")
    seq = bob.post("hi", "#tea")
    assert alice.ask(wire.Mark, room="#TEA ", seq=seq) == {}
    worker.pass_time(GATHER_SECONDS - 2)
    assert ("alice", "#tea") not in kept(worker)
    worker.pass_time(3)
    assert kept(worker)["alice", "#tea"] == seq
    assert [alice.hears.marked, laptop.hears.marked, bob.hears.marked] == [[], [("#tea", seq)], []]


@pytest.mark.parametrize("spelled", ["@~{0}", "{1}=~{0}"])
def test_a_mark_that_no_log_would_take_spoils_no_others(worker: Any, spelled: str) -> None:
    """Those of many users go to the log together. Nobody marks a room with a longer name than any has."""
    name = "b" * MAX_NAME
    bob, alice = worker.client(name), worker.client("alice")
    with pytest.raises(BadRoom):
        bob.ask(wire.Mark, room=spelled.format("a" * MAX_NAME, name), seq=1)
    alice.ask(wire.Mark, room="alice", seq=1)
    worker.pass_time(GATHER_SECONDS + 1)
    assert kept(worker) == {("alice", "alice"): 1}


def test_the_end_of_a_session_hastens_its_marks(worker: Any) -> None:
    """They are kept within a second: the client may be on its way to another worker. That the device was used
    is kept with them, and told to nobody."""
    alice, laptop = worker.client("alice"), worker.client("alice")
    alice.ask(wire.Mark, room="alice", seq=1)
    alice.cut()
    worker.pass_time(1.2)
    assert kept(worker) == {("alice", "alice"): 1}
    assert len(worker.log._marks) == 2
    assert laptop.hears.marked == [("alice", 1)]


def test_to_post_in_a_room_marks_it(worker: Any) -> None:
    """One's own room needs no mark: nobody else posts there, and nothing in it is ever unread."""
    alice = worker.client("alice")
    alice.join("#tea")
    in_tea = alice.post("hi", "#tea")
    alice.post("hi")
    assert marks(alice) == [["#tea", in_tea]]


def test_a_user_marks_only_their_rooms(worker: Any) -> None:
    """Of others it is refused by one sentence; once a room is left, its mark is gone, and stays so."""
    alice, _ = worker.client("alice"), worker.client("bob")
    with pytest.raises(NotJoined, match="You have not joined bob"):
        alice.ask(wire.Mark, room="bob", seq=1)
    with pytest.raises(NotJoined):
        alice.ask(wire.Mark, room="#nowhere", seq=1)
    with pytest.raises(BadRoom):
        alice.ask(wire.Mark, room="#", seq=1)
    alice.join("bob")
    alice.ask(wire.Mark, room="bob", seq=3)
    assert marks(alice) == [["bob", 3]]
    alice.leave("bob")
    assert marks(alice) == []
    with pytest.raises(NotJoined):
        alice.ask(wire.Mark, room="bob", seq=4)
    alice.join("bob")
    assert marks(alice) == []


def test_a_room_that_was_just_joined_can_be_marked(worker: Any) -> None:
    """Commands are obeyed in order, though this worker has not followed the log to the join."""
    alice = worker.client("alice")
    worker.log.lagging = True
    alice.join("#tea")
    found = alice.begin(wire.Mark, room="#tea", seq=2)
    assert found == []
    worker.log.catch_up()
    worker.settle()
    assert found == [{}]


def test_what_one_has_marked_is_in_the_answer(worker: Any) -> None:
    """Of two marks the greater one counts; what is above the log's head is cut; pages follow one another."""
    alice = worker.client("alice")
    alice.join("#tea")
    for seq in (2, 1, 0):
        alice.ask(wire.Mark, room="#tea", seq=seq)
    assert marks(alice) == [["#tea", 2]]
    alice.ask(wire.Mark, room="alice", seq=2**63 - 1)
    assert alice.ask(wire.Marks, after="#tea") == {"marks": [("alice", 2)], "more": False}


def test_the_answer_waits_for_what_is_under_way(worker: Any) -> None:
    """While the log is away nothing is answered, and then what was marked since is in the answer, too."""
    alice = worker.client("alice")
    alice.join("#tea")
    alice.post("one", "#tea")
    worker.log.reads_held = True
    found = alice.begin(wire.Marks, after="")
    newest = alice.post("two", "#tea")
    worker.pass_time(30)
    assert found == []
    worker.log.let_go()
    worker.settle()
    assert found == [{"marks": [("#tea", newest)], "more": False}]


def test_a_worker_passes_on_a_limited_number_a_second(worker: Any) -> None:
    """The others wait for the next second; those that one asks for wait as well."""
    users = [worker.client(f"u{number}") for number in range(3)]
    rooms = [f"#{number}" for number in range(MOST_MARKS)]
    for client in users:
        for room in rooms[:100]:
            client.join(room)
            client.ask(wire.Mark, room=room, seq=1)
    worker.pass_time(2 * GATHER_SECONDS)
    assert len(kept(worker)) == 300
    stamps: list[int] = []
    for client in users:
        for room in rooms[:100]:
            client.ask(wire.Mark, room=room, seq=5)
    for _ in range(int(GATHER_SECONDS) + 3):
        before = sum(seq == 5 for seq in kept(worker).values())
        worker.pass_time(1)
        stamps.append(sum(seq == 5 for seq in kept(worker).values()) - before)
    assert sum(stamps) == 300
    assert max(stamps) == MOST_MARKS


def test_who_marks_too_much_is_told_to_wait(worker: Any) -> None:
    """The sentence says for how long; a post is taken nevertheless."""
    alice = worker.client("alice")
    alice.join("#tea")
    marks_of = worker.sessions.marks
    for number in range(MOST_OF_ONE):
        marks_of.mark(UserMark("alice", f"#{number}", 1), None)
    with pytest.raises(TryLater, match="try again in 10 s"):
        alice.ask(wire.Mark, room="#tea", seq=1)
    assert alice.post("hi", "#tea")


def test_what_other_workers_say_is_told_to_sessions(worker: Any) -> None:
    """Those that read; a client that does not is not told, as it would wait in our memory. None is told when
    another device was used."""
    alice, slow = worker.client("alice"), worker.client("alice")
    slow.server.full = True
    worker.sessions.marks.told([UserMark("alice", "alice", 1), UserMark("zoe", "zoe", 1)])
    worker.sessions.marks.told([UserMark("alice", used(7), 1)])  # of a primary of before
    worker.settle()
    assert (alice.hears.marked, slow.hears.marked) == ([("alice", 1)], [])


def test_marks_that_cannot_be_kept_are_logged_and_dropped(worker: Any, logged_failures: Any) -> None:
    """The next ones are tried again."""
    alice = worker.client("alice")
    alice.ask(wire.Mark, room="alice", seq=1)
    keep, worker.log.keep_marks = worker.log.keep_marks, None
    worker.pass_time(GATHER_SECONDS + 1)
    assert len(logged_failures.flush(TypeError)) == 1
    worker.log.keep_marks = keep
    assert marks(alice) == []
    alice.ask(wire.Mark, room="alice", seq=1)
    assert marks(alice) == [["alice", 1]]


def test_marks_that_cannot_be_kept_now_wait(worker: Any) -> None:
    """Whoever asks is answered by what is kept, as soon as it is plain that this takes long."""
    alice = worker.client("alice")
    keep, room = worker.log.keep_marks, Deferred[None]()

    async def keep_marks(marks: Sequence[UserMark]) -> list[UserMark]:
        await room
        kept: list[UserMark] = await keep(marks)
        return kept

    worker.log.keep_marks = keep_marks
    alice.ask(wire.Mark, room="alice", seq=1)
    answers = alice.begin(wire.Marks, after="")
    worker.pass_time(KEPT_SECONDS - 1)
    assert answers == []
    worker.pass_time(2)
    assert [answer["marks"] for answer in answers] == [[]]
    room.callback(None)
    worker.settle()
    assert marks(alice) == [["alice", 1]]


class OneBatch:
    """A log that keeps marks, or ``stalls``; and the users of a worker, of whom none is here."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.stalls = False

    async def keep_marks(self, marks: Sequence[UserMark]) -> Sequence[UserMark]:
        if self.stalls:
            await Deferred()
        self.kept.update(mark.user for mark in marks)
        return marks

    def marked(self, mark: UserMark, by: object) -> None:
        """Tell nobody."""


@pytest.mark.parametrize("stalls", [False, True])
def test_what_must_be_kept_is_waited_for_behind_the_marks_of_all_others(stalls: bool) -> None:
    """Where thousands of devices are new at once that is longer than anybody waits for the log itself: else
    they would hear, and were new once more if the process died then."""
    log, clock = OneBatch(), Clock()
    done: list[None] = []
    users = UsersMarks(cast(Any, log), clock, cast(Any, log))
    count = (round(KEPT_SECONDS) + 4) * MOST_MARKS
    for number in range(count):
        users.mark(UserMark(f"user{number}", "!@phone", 1), None)
        Deferred.fromCoroutine(users.kept(f"user{number}")).addCallback(lambda _: done.append(None))
    seconds = 0
    while len(done) < count and seconds < 60:
        clock.advance(1.0)
        seconds += 1
        log.stalls = stalls and seconds >= 3
        assert stalls or len(done) == len(log.kept)
    assert seconds == (3 + round(KEPT_SECONDS) if stalls else count // MOST_MARKS - 1)


def test_a_worker_that_stops_keeps_all_at_once(worker: Any) -> None:
    """What waits beyond a second's number is kept, too; after the stop nothing is."""
    done: list[Any] = []
    marks_of = worker.sessions.marks
    worker.client("alice")
    for number in range(450):
        marks_of.mark(UserMark("alice", f"#{number}", 1), None)
    Deferred.fromCoroutine(marks_of.flush()).addBoth(done.append)
    worker.settle()
    assert done == [None]
    assert len(kept(worker)) == 450
    marks_of.stop()
    marks_of.mark(UserMark("alice", "#x", 1), None)
    worker.pass_time(20)
    assert len(kept(worker)) == 450


# ---- unread ----


def unread(client: Any, after: str = "") -> list[list[Any]]:
    return [list(row) for row in client.ask(wire.Unread, after=after)["rooms"]]


def test_what_is_unread_follows_from_marks_and_stays(worker: Any) -> None:
    """What was said before one came is not unread; neither is what one has marked, on this connection too."""
    alice, bob = worker.client("alice"), worker.client("bob")
    bob.join("#tea")
    bob.post("before", "#tea")
    alice.join("#tea")
    assert unread(alice) == [["#tea", 0, 0], ["alice", 0, 0]]
    first = bob.post("hi @alice", "#tea")
    bob.post("anybody here?", "#tea")
    assert unread(alice) == [["#tea", 2, 1], ["alice", 0, 0]]
    alice.ask(wire.Mark, room="#tea", seq=first)
    assert unread(alice, "") == [["#tea", 1, 0], ["alice", 0, 0]]
    assert unread(alice, "#tea") == [["alice", 0, 0]]
    alice.post("here", "#tea")
    assert unread(alice) == [["#tea", 0, 0], ["alice", 0, 0]]
    alice.leave("#tea")
    assert unread(alice) == [["alice", 0, 0]]


def test_unread_says_since_when_one_is_where(worker: Any) -> None:
    """Of a second stay, since when that is; in the order of the rooms as they are spelled. An older store
    does not know it, and then nothing is said of it."""
    alice, bob = worker.client("alice"), worker.client("bob")
    registered = alice.ask(wire.Unread, after="")["since"]
    assert registered == [worker.log.window.head - 1]
    alice.join("#tea")
    alice.leave("#tea")
    bob.post("psst", "@alice")
    since = alice.join("#tea")["seq"]
    found = alice.ask(wire.Unread, after="")
    assert [room for room, _, _ in found["rooms"]] == ["#tea", "alice", "@bob"]
    assert found["since"] == [since, *registered, 0]
    assert alice.ask(wire.Unread, after="#tea")["since"] == [*registered, 0]
    real = worker.log.read

    async def older(question: Any) -> Any:
        answer = await real(question)
        return UnreadPage(answer.rooms, answer.more) if isinstance(answer, UnreadPage) else answer

    worker.log.read = older
    assert alice.ask(wire.Unread, after="")["since"] is None


def test_a_conversation_is_marked_and_counted_by_the_others_name(worker: Any) -> None:
    """In every answer, and where a page begins; all that is said there is for its two sides."""
    alice, laptop, bob = worker.client("alice"), worker.client("alice"), worker.client("bob")
    bob.post("before", "@alice")
    seq = bob.post("psst", "@alice")
    bob.post("well?", "@alice")
    assert unread(alice) == [["alice", 0, 0], ["@bob", 3, 3]]
    alice.ask(wire.Mark, room="@Bob", seq=seq)
    assert unread(alice) == [["alice", 0, 0], ["@bob", 1, 1]]
    assert unread(alice, "alice") == [["@bob", 1, 1]]
    assert unread(alice, "@bob") == []
    assert marks(alice) == [["@bob", seq]]
    assert laptop.hears.marked == [("@bob", seq)]
    with pytest.raises(NotJoined):
        alice.ask(wire.Mark, room="&ops", seq=1)


def test_marks_of_who_is_forgotten_are_not_kept(worker: Any) -> None:
    """Neither those that wait, nor when the device was last used."""
    alice = worker.client("alice")
    alice.join("#tea")
    alice.ask(wire.Mark, room="#tea", seq=1)
    worker.log.append([Draft("forget", CLUSTER, "", "", b"f" * 16, 0, More(to="alice"))])
    worker.pass_time(2 * GATHER_SECONDS)
    assert not alice.connected
    assert kept(worker) == {}
