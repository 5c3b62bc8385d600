"""The checker, about sessions that end, and codes: what must not happen is found."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from test_checker import Story, key, only

from chatnet.codes import code_text, kept
from chatnet.entries import Entry, More
from chatnet.testing.history import Acknowledged, LoggedIn, Sent, Started

CODE = kept("0000-0000-0001")


class Accounts(Story):
    """A story with what happens to accounts."""

    def entry(self, kind: str, user: str, text: str = "", room: str | None = None, **more: Any) -> Entry:
        """Append an entry that no client recorded."""
        its_key, where = key(2_000 + len(self.log)), user if room is None else room
        beyond = More(**more) if more else None
        self.log.append(Entry(len(self.log) + 1, 2000, kind, user, where, text, its_key, beyond))
        return self.log[-1]

    def does(self, client: str, kind: str, text: str = "", to: str = "") -> Entry:
        """Let a client make a draft that is appended, and acknowledged."""
        user = client.partition("/")[0].rstrip("+")
        made = self.entry(kind, user, text, **({"to": to} if to else {}))
        self.add(Sent, client, key=made.key, kind=kind, room="", text=text, to=to)
        self.add(Acknowledged, client, key=made.key, seq=made.seq)
        return made


@pytest.fixture
def story() -> Accounts:
    """Return a story in which Alice lets another device in by a code, which posts, and shuts it out."""
    story = Accounts()
    story.arrive("alice")  # 1
    story.does("alice/1", "code", code_text(CODE, 1), to="alice")  # 2
    story.entry("session", "alice", "sha256:2", code=CODE)  # 3
    story.add(Started, "alice++/1")
    story.add(LoggedIn, "alice++/1", how="first", session=3)
    story.does("alice++/1", "post", "from afar")  # 4
    story.does("alice/1", "revoke", "3", to="alice")  # 5
    story.log = [replace(entry, time=2000) for entry in story.log]
    return story


def test_what_is_right(story: Accounts) -> None:
    """Others go on, and the device comes back by another code."""
    story.does("alice/1", "post", "still here")
    story.does("alice/1", "code", code_text(kept("0000-0000-0002"), 1), to="alice")
    story.entry("session", "alice", "sha256:3", code=kept("0000-0000-0002"))
    story.add(LoggedIn, "alice++/1", how="again", session=8)
    story.does("alice++/1", "post", "here again")
    assert story.broken() == []


def test_a_draft_of_a_session_that_has_ended(story: Accounts) -> None:
    """It is in the log behind the end."""
    story.does("alice++/1", "post", "too late")
    how = "alice++/1 did what stands at 6, and its session ended at 5"
    only(story, "ended_sessions_do_nothing", how)


def test_a_session_that_is_resumed_behind_its_end(story: Accounts) -> None:
    """Once the end was acknowledged, nobody comes in by its ticket."""
    story.add(LoggedIn, "alice++/1", how="resumed", session=3)
    only(story, "ended_sessions_do_nothing", "by a session that ended at 5")


def test_a_code_that_is_used_twice(story: Accounts) -> None:
    """It is good once."""
    story.entry("session", "alice", "sha256:3", code=CODE)
    only(story, "codes_are_used_as_often_as_they_say", "the session at 6 is by a code that is good no longer")


def test_a_code_of_somebody_else(story: Accounts) -> None:
    """One that is for a name is for nobody else."""
    story.log[1] = replace(story.log[1], more=More(to="bob"))
    story.events = [
        replace(event, to="bob") if isinstance(event, Sent) and event.kind == "code" else event
        for event in story.events
    ]
    only(story, "codes_are_used_as_often_as_they_say", "the session at 3 is by a code")


CODES = "codes_are_used_as_often_as_they_say: "
FALLS = [("role", "none"), ("role", "moderator"), ("disable", ""), ("ban", ""), ("forget", "")]


@pytest.mark.parametrize(("kind", "text"), FALLS)
def test_a_code_of_somebody_who_is_no_admin_any_more(story: Accounts, kind: str, text: str) -> None:
    """It lets nobody in; one of the cluster does, and one for the user's own device."""
    third, fourth = kept("0000-0000-0003"), kept("0000-0000-0004")
    story.entry("role", "chatnet", "admin", "", to="alice")  # 6
    story.entry("code", "alice", code_text(third, 2), "")
    story.entry("code", "chatnet", code_text(fourth, 1), "")
    story.entry("register", "bob", "sha256:1", code=third)  # 9
    story.entry(kind, "chatnet", text, "", to="alice")
    story.entry("register", "carol", "sha256:1", code=fourth)
    assert by_codes(story) == []
    story.entry("register", "dan", "sha256:1", code=third)  # 12
    assert by_codes(story) == [f"{CODES}the register at 12 is by a code of alice, who is no admin any more"]


def test_a_code_of_who_is_an_admin_again(story: Accounts) -> None:
    """It is good again."""
    third = kept("0000-0000-0003")
    story.entry("role", "chatnet", "admin", "", to="alice")
    story.entry("code", "alice", code_text(third, 1), "")
    story.entry("disable", "chatnet", "", "", to="alice")
    story.entry("enable", "chatnet", "", "", to="alice")
    story.entry("register", "bob", "sha256:1", code=third)
    assert by_codes(story) == []


def by_codes(story: Accounts) -> list[str]:
    """Return how the story breaks what is promised of codes."""
    return [how for how in story.broken() if how.startswith(CODES)]


def test_a_name_without_a_code(story: Accounts) -> None:
    """The policy is that of the log before it."""
    story.entry("policy", "chatnet", "signup code", "")
    story.arrive("bob")
    story.log[-1] = replace(story.log[-1], time=2000)
    only(story, "codes_are_used_as_often_as_they_say", "bob was registered at 7 without a code")
    story.log[-2] = replace(story.log[-2], text="signup open")
    assert story.broken() == []
