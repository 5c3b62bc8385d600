"""The checker, about what is taken back for its age: not before its time, and not much later."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from msgspec.structs import replace
from test_checker import Story, key

from chatnet.entries import Entry, More, Ref
from chatnet.limits import Aging
from chatnet.testing.checker_rooms import posts_are_kept_for_their_time
from chatnet.testing.evidence import Evidence

DAY = 10.0
AGING = Aging(day=DAY, looks=1.0, first=2.0, jump=1.0, mistrust=3.0)
PATIENCE = 18
"""Seconds in which what is too old must be gone: a day, the others above, and two."""


@dataclass
class Aged(Story):
    """A story in which Alice says something each day, with a policy of two days in one topic.

    What she says from the third second on is as old as ``ages`` says, in seconds, at what takes it back.
    """

    stepped: float = 0.0
    ended: float = 0.0

    def tells(self, seconds: float, kind: str, room: str, text: str = "", last: int = 0) -> Entry:
        """Append an entry, so many seconds after the first."""
        ref = Ref(last, b"12345678") if last else None
        author = "alice" if kind == "post" else "chatnet"
        seq = len(self.log) + 1
        more = More(ref=ref) if ref else None
        self.log.append(Entry(seq, int(1000 * seconds), kind, author, room, text, key(seq), more))
        return self.log[-1]

    def found(self) -> list[str]:
        """Return what the check finds."""
        evidence = Evidence(
            self.events,
            self.log,
            alone=False,
            aging=AGING,
            stepped=self.stepped,
            ended=int(1000 * self.ended),
        )
        return list(posts_are_kept_for_their_time(evidence))


@pytest.fixture
def story() -> Aged:
    """Return a story in which the post at 2, of the first second, is taken back in its time."""
    story = Aged()
    story.tells(0, "policy", "#tea", "keep 2d")
    story.tells(1, "post", "#tea", "old")
    story.tells(2, "post", "alice", "not there")
    story.tells(1 + 2 * DAY, "expire", "#tea", last=2)
    story.log[1] = replace(story.log[1], text="")
    return story


def test_what_is_right(story: Aged) -> None:
    """It is gone, and nothing is too old elsewhere."""
    story.ended = 1_000
    assert story.found() == []


def test_what_goes_too_soon(story: Aged) -> None:
    """Unless clocks were set: each machine believes its own."""
    story.tells(3 + 2 * DAY, "post", "#tea", "young")
    story.tells(2 + 4 * DAY, "expire", "#tea", last=5)
    how = "what was said in #tea up to 5 was taken back at 6, and no policy says so"
    assert story.found() == [how]
    story.stepped = 3.0
    assert story.found() == []


def test_what_goes_without_a_policy(story: Aged) -> None:
    """The cluster has none; nor has the topic any more, when it was lifted a while ago."""
    story.tells(3 + 2 * DAY, "expire", "", last=2)
    assert len(story.found()) == 1
    story.log[-1] = replace(story.log[-1], kind="policy", room="#tea", text="keep for ever", more=None)
    story.tells(5 + 2 * DAY, "expire", "#tea", last=2)
    assert story.found() == []
    story.tells(50 + 2 * DAY, "expire", "#tea", last=2)
    assert len(story.found()) == 1


def test_what_stays_too_long(story: Aged) -> None:
    """It is found once nothing explains it any more: not in a run that did not settle."""
    story.tells(2 + 2 * DAY, "post", "#tea", "forgotten")
    story.ended = 2 + 4 * DAY + PATIENCE
    assert story.found() == []
    story.ended += 1
    assert story.found() == ["5 in #tea are older than 2 days, and not taken back"]
    story.log.append(replace(story.log[0], seq=6, time=story.log[-1].time, text="keep for ever"))
    assert story.found() == []
