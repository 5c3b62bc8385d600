"""After a store is put back to a backup, readers of what was lost are told, and all have the rest; what was
taken back since stays so."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from simulation.mutants import restored
from simulation.mutants.planting import Mutant, Put, planted
from simulation.mutants.planting import name as name_of
from simulation.populated import Place

from chatnet.client.service import PULSE
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import CursorAhead
from chatnet.log import Log
from chatnet.master import log_server
from chatnet.store.verifying import cursor_at
from chatnet.testing import history
from chatnet.testing.checker_rooms import comes_not_back
from chatnet.testing.user import Choice
from chatnet.worker import session
from simulator import Simulation
from simulator.clusters import STORE, read_log
from simulator.people import Person

PEOPLE = 8
PUT_BACK = "The log was put back"
LONG = 1_000.0


class This(NamedTuple):
    """Somebody takes the post at ``seq`` back: see :class:`chatnet.testing.user.Choice`."""

    seq: int

    def of(self, seen: Sequence[Entry], name: str) -> tuple[Entry, Entry]:
        post = next(post for post in seen if post.seq == self.seq)
        return post, post


class Restored:
    """A cluster where all follow all, and whose store is put back to a backup while some are away.

    After the backup some take posts of theirs back, and a moderator takes one back of somebody who was not
    told yet that it was taken, and who sends it again in the end; of another one all.

    In the end ``head`` is the backup's, ``ahead`` are those who had read more, and ``log`` is what is stored.
    It was put back ``at`` that time.
    """

    def __init__(self, seed: int, simulation: Simulation) -> None:
        self._simulation, self._chance = simulation, random.Random(seed)
        self._place = Place(simulation)
        self.head, self.ahead, self.log = 0, list[str](), list[Entry]()
        self.at = 0.0
        self.people = self._place.people[:PEOPLE]
        for person in self.people:
            for other in self.people:
                self._have(person.join, other.name)
            self._have(person.chat)
        self._wait_for(self.people)
        self._moderator = self.people[0]
        self._place.alpha.start("chatnet", "role", self._moderator.name, "moderator")
        self._until(lambda: any(entry.kind == "role" for entry in self._log()))

    def run(self) -> None:
        """Do everything."""
        self._talk(self.people, 10)
        early, *late = away = self._chance.sample(self.people[1:], 3)
        self._have(early.hang_up, LONG)  # early has read no further than the backup
        self._power_off()
        backup, self.head = self._place.alpha.disk.backup(STORE), len(self._log())
        self._power_on()
        self._talk([person for person in self.people if person is not early], 10)
        for person in late:
            self._have(person.hang_up, LONG)
        away += self._take_back([person for person in self.people if person not in away])
        self._power_off()
        self.ahead = [person.name for person in self.people if not self._has_read_at_most(self.head, person)]
        self._place.alpha.disk.restore(STORE, backup)
        self.at = self._simulation.now
        self._power_on()
        # When those who are away come back, others have or have not taken the seqs of the lost entries.
        self._talk([person for person in self.people if person not in away], self._chance.choice((1, 15, 40)))
        for person in away:
            if person.user is not None:
                self._have(person.user.read_on)
        self._talk(self.people, 3)
        self._power_off()
        self.log = self._log()

    def _take_back(self, people: Sequence[Person]) -> list[Person]:
        """Let each take two posts of theirs back, and the moderator one of somebody who does not know yet
        that it is in the log, and all of somebody else's, who does not know it of one; return who these two
        are, whose connections are lost."""
        unheard, purged, *others = people[1:]
        for person in (*others, *others):
            self._have(person.redact, Choice(self._chance.random(), own=True, mixed=False))
        seq = self._say_unheard(unheard)
        self._have(self._moderator.redact, This(seq))
        self._until(lambda: not self._log()[seq - 1].text)
        self._say_unheard(purged)
        self._have(self._moderator.order, "purge", "", purged.name, "")
        theirs = [entry.seq for entry in self._log() if (entry.kind, entry.user) == ("post", purged.name)]
        self._until(lambda: not any(self._log()[seq - 1].text for seq in theirs))
        self._wait_for([self._moderator, *others])
        return [unheard, purged]

    def _say_unheard(self, person: Person) -> int:
        """Let a person say something that is in the log, which they are not told; return its seq."""
        assert person.user is not None
        self._have(person.user.stop_reading)
        before = len(self._log())
        self._have(person.post, "unheard")
        self._until(lambda: any(entry.text == "unheard" for entry in self._log()[before:]))
        self._have(person.hang_up, LONG)
        seq = next(entry.seq for entry in self._log()[before:] if entry.text == "unheard")
        self._until(lambda: self._moderator.has_read(seq))
        return seq

    def complaints(self) -> Iterator[str]:
        """Yield who was told without a reason, or not told, or missed something."""
        events = self._place.history
        for name in [person.name for person in self.people]:
            told = [event for event in events if isinstance(event, history.Told) and event.user == name]
            times = sum(event.sentence.startswith(PUT_BACK) for event in told)
            if times != (name in self.ahead):
                yield f"{name} was told {times} times that the log was put back"
            yield from self._missed(name)
        yield from comes_not_back(events, self.log, self.at)

    def _missed(self, name: str) -> Iterator[str]:
        begun, given = 0, dict[int, Entry]()
        for event in self._place.history:
            if isinstance(event, history.ChatBegun) and event.user == name:
                begun, given = event.cursor, {}
            elif isinstance(event, history.Took) and event.user == name:
                given[event.entry.seq] = event.entry
        posts = {entry.seq: entry for entry in self.log if entry.kind == "post" and entry.seq > begun}
        given = {seq: _as_in(posts.get(seq), entry) for seq, entry in given.items() if entry.kind == "post"}
        if given != posts:
            yield f"{name}, from {begun} on, was given {sorted(given)} of {sorted(posts)}, or other ones"

    @staticmethod
    def _has_read_at_most(seq: int, person: Person) -> bool:
        return person.user is None or (person.user.cursor or 0) <= seq

    def _talk(self, people: Sequence[Person], posts: int) -> None:
        for number in range(posts):
            self._have(self._chance.choice(people).post, f"{number}")
            self._simulation.run(self._chance.uniform(0.0, 0.3))
        self._wait_for(people)

    def _have(self, does: Callable[..., Any], *arguments: object) -> None:
        """Let a person do something, in the process of their client."""
        self._simulation.schedule(self._simulation.now, self._place.users, does, arguments)
        self._simulation.run(0.01)

    def _wait_for(self, people: Sequence[Person]) -> None:
        """Wait until everything is answered and read."""
        self._until(lambda: all(person.is_settled for person in people))
        newest = max(entry.seq for entry in self._log() if entry.kind in ("post", "register"))
        self._until(lambda: all(person.has_read(newest) for person in people))

    def _until(self, condition: Callable[[], bool]) -> None:
        self._simulation.run_while(lambda: not condition(), 60)

    def _log(self) -> list[Entry]:
        return read_log(self._place.alpha.disk)

    def _power_off(self) -> None:
        self._place.alpha.power_off()
        self._simulation.run(1)

    def _power_on(self) -> None:
        self._place.alpha.power_on()
        self._place.alpha.start("chat-master")
        self._simulation.run(2 * PULSE.every)  # by then everybody has noticed that the machine was away


def _as_in(entry: Entry | None, given: Entry) -> Entry:
    """Return what was given, as the log has it now, if its text was taken back since: places and all."""
    if entry is None or entry.text:
        return given
    return msgspec.structs.replace(given, text="", at=entry.at)


def the_check_is_not_looked_at(put: Put) -> None:
    """A cursor is good if the log is long enough, whatever entry is there."""

    async def verify(log: Log, cursor: Cursor) -> None:
        if await cursor_at(log, cursor.seq) is None:
            raise CursorAhead.of(cursor=cursor.seq)

    put(session, "verify", verify)
    put(log_server, "verify", verify)


@pytest.mark.parametrize("seed", range(6))
def test_whoever_had_read_what_is_gone_is_told(seed: int) -> None:
    """They are told, whether present or away, however much was said meanwhile; nobody else is told. All have
    the rest."""
    with Simulation(seed) as simulation:
        restored = Restored(seed, simulation)
        restored.run()
        assert 0 < len(restored.ahead) < PEOPLE
        assert list(restored.complaints()) == []
        assert not simulation.verdict(), simulation.failures[0]


def test_that_can_fail() -> None:
    """Without the look at the check, late readers miss posts, and nobody tells them."""
    complaints: list[str] = []
    with planted(the_check_is_not_looked_at):
        for seed in range(3):
            with Simulation(seed) as simulation:
                restored = Restored(seed, simulation)
                restored.run()
                complaints += restored.complaints()
    assert any("was told 0 times" in complaint for complaint in complaints)
    assert any("was given" in complaint for complaint in complaints)


@pytest.mark.parametrize("mutant", restored.MUTANTS, ids=name_of)
def test_texts_that_come_back_are_found(mutant: Mutant) -> None:
    """Each way in which they do is seen in the first runs."""
    with planted(mutant), Simulation(0) as simulation:
        found = Restored(0, simulation)
        found.run()
        assert any("taken back" in complaint for complaint in found.complaints())
