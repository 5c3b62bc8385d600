"""The rules of who may append what, tested with made-up facts."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from chatnet.entries import Draft
from chatnet.errors import Refusal
from chatnet.kinds import KindName
from chatnet.rules import DAY_MS, MOST_ROOMS, MOST_TOPICS, Author, judge


@dataclass
class Known:
    """What the log has: alice since 1, with a secret of 5; bob."""

    secrets: dict[str, int] = field(default_factory=lambda: {"alice": 5, "bob": 2})
    joined: set[str] = field(default_factory=set)
    rooms: int = 0
    topics: set[str] = field(default_factory=lambda: {"#tea"})
    made: int = 0
    asked: list[str] = field(default_factory=list)
    level: int = 1
    own_level: int = 1

    def author(self, user: str) -> Author | None:
        sessions = {"alice": {5: "all", 6: "post", 7: "read"}}.get(user, {})
        newest = self.secrets.get(user)
        return None if newest is None else Author(newest, user != "bob", False, sessions)

    def is_forgotten(self, user: str) -> bool:
        return False

    def is_disabled(self, user: str) -> bool:
        return False

    def is_barred(self, user: str, now: int) -> bool:
        return False

    def holds(self, fact: str, draft: Draft, now: int) -> bool:
        self.asked.append(fact)
        return {
            "member": draft.room in self.joined,
            "room_known": draft.room in self.secrets,
            "full": self.rooms >= MOST_ROOMS,
            "signup_closed": False,
            "coded": False,
            "signup_by_code": False,
            "name_kept": draft.user == "dora",
            "guest": False,
            "guest_there": False,
            "worded": bool(draft.text),
        }[fact]

    def came(self, user: str) -> int:
        self.asked.append("came")
        return self.secrets.get(user, 0)

    def has_topic(self, topic: str) -> bool:
        self.asked.append("has_topic")
        return topic in self.topics

    def topics_made(self, user: str, day: int) -> int:
        assert day == 3
        return self.made


def code(facts: Known, kind: KindName, user: str = "alice", what: str = "", by: int = 0) -> str:
    """Return why the draft is refused; empty if it is not."""
    is_move = kind in ("join", "leave")
    draft = Draft(kind, user, what if is_move else user, "" if is_move else what, b"k" * 16, by)
    try:
        judge(draft, facts, 3 * DAY_MS + 7)
    except Refusal as no:
        return no.code.decode()
    return ""


@pytest.mark.parametrize(
    ("facts", "draft", "expected"),
    [
        (Known(), ("register", "carol"), ""),
        (Known(), ("register", "alice"), "NAME_TAKEN"),
        (Known(), ("register", "dora"), "NAME_KEPT"),
        (Known(), ("post", "carol", "hi"), "NO_SUCH_USER"),
        (Known(), ("post", "alice", "hi", 4), "SECRET_CHANGED"),
        (Known(), ("post", "alice", "hi", 5), ""),
        (Known(), ("post", "alice", "hi", 8), "SESSION_ENDED"),
        (Known(), ("post", "bob", "hi", 1), "SESSION_ENDED"),
        (Known(), ("post", "alice", "hi", 6), ""),
        (Known(), ("post", "alice", "hi", 7), "NOT_IN_SCOPE"),
        (Known(), ("join", "alice", "bob", 6), "NOT_IN_SCOPE"),
        (Known(), ("post", "alice", "hi"), ""),
        (Known(), ("secret", "alice", "", 4), "SECRET_CHANGED"),
        (Known(made=MOST_TOPICS), ("post", "alice", "#tea"), ""),
        (Known(made=MOST_TOPICS), ("post", "alice", "#new"), "TOO_MANY_TOPICS"),
        (Known(made=MOST_TOPICS - 1), ("post", "alice", "#new"), ""),
        (Known(made=MOST_TOPICS - 1), ("post", "alice", "#new #newer"), "TOO_MANY_TOPICS"),
        (Known(made=MOST_TOPICS), ("join", "alice", "#new"), "TOO_MANY_TOPICS"),
        (Known(), ("join", "alice", "alice"), "OWN_ROOM"),
        (Known(), ("join", "alice", "carol"), "NO_SUCH_ROOM"),
        (Known(), ("join", "alice", "bob"), ""),
        (Known(), ("join", "alice", "#new"), ""),
        (Known(joined={"bob"}), ("join", "alice", "bob"), "ALREADY_JOINED"),
        (Known(joined={"bob"}, rooms=MOST_ROOMS), ("join", "alice", "bob"), "ALREADY_JOINED"),
        (Known(rooms=MOST_ROOMS), ("join", "alice", "bob"), "TOO_MANY_ROOMS"),
        (Known(), ("leave", "alice", "bob"), "NOT_JOINED"),
        (Known(joined={"bob"}), ("leave", "alice", "bob"), ""),
        (Known(joined={"bob"}), ("leave", "carol", "bob"), "NO_SUCH_USER"),
    ],
)
def test_who_may_append_what(facts: Known, draft: tuple[str, ...], expected: str) -> None:
    """Each case has one rule."""
    assert code(facts, *draft) == expected  # type: ignore[arg-type]


def test_a_post_costs_no_look_at_the_log() -> None:
    """Almost all posts are of known users, and name no topic."""
    facts = Known()
    assert code(facts, "post", what="hello @bob") == ""
    assert facts.asked == []


def test_a_topic_is_made_once() -> None:
    """However often a post names it; only posts and joins make topics."""
    facts = Known()
    said = Draft("post", "alice", "alice", "#New #new #tea", b"k" * 16)
    assert judge(said, facts, 3 * DAY_MS) == ["#new"]
    assert judge(Draft("join", "alice", "#new", "", b"k" * 16), facts, 3 * DAY_MS) == ["#new"]
    facts.joined.add("#new")
    assert not judge(Draft("leave", "alice", "#new", "", b"k" * 16), facts, 3 * DAY_MS)
