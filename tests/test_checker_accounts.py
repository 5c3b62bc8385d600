"""The checker, about sessions that end, and codes: what must not happen is found."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from test_checker import Story, key, only

from chatnet.codes import code_text, kept, recovery_text
from chatnet.entries import Entry, More
from chatnet.errors import BadCode, CodeNeeded, Disabled, NameKept, SessionEnded, SignupClosed
from chatnet.testing.checker_accounts import LOGIN_SECONDS
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    Ended,
    LoggedIn,
    PageRead,
    Refused,
    Sent,
    Started,
    Took,
)

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
    story.entry("session", "alice", "sha256:2", code=CODE, device="other")  # 3
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


def test_who_hears_behind_the_end_of_their_session(story: Accounts) -> None:
    """By a delivery, at the beginning of a chat, or in a page; what is from before may come later."""
    story.add(ChatBegun, "alice++/1", reader=1, cursor=4, newest=[])
    story.add(PageRead, "alice++/1", room="alice", before=None, posts=[story.log[3]])
    last = story.does("alice/1", "post", "alone again")  # 6
    ended = "alice++/1 was given 6, and its session ended at 5"
    for kind, fields in (
        (Took, {"reader": 1, "entry": last}),
        (ChatBegun, {"reader": 2, "cursor": 6, "newest": []}),
        (PageRead, {"room": "alice", "before": None, "posts": [last]}),
    ):
        assert [how for how in story.broken() if "ended_sessions" in how] == []
        story.add(kind, "alice++/1", **fields)
        only(story, "ended_sessions_do_nothing", ended)
        del story.events[-1]


def test_who_comes_in_by_a_session_that_has_ended(story: Accounts) -> None:
    """Not who asked for it once that was known; an answer may be on its way for as long as it takes."""
    known = story.events[-1].time
    story.add(LoggedIn, "alice++/1", how="resumed", session=3)
    last = story.events[-1]
    for asked in (known, last.time):
        story.events[-1] = replace(last, asked=asked)
        only(story, "ended_sessions_do_nothing", f"alice++/1 came in at {last.time:.3f} by a session that")
    story.events[-1] = replace(last, time=known + 60, asked=known - 0.1)
    assert story.broken() == []


def test_who_sets_a_secret_goes_on(story: Accounts) -> None:
    """Also before they are told that it is set."""
    story.add(LoggedIn, "alice/1", how="resumed", session=1)
    story.add(ChatBegun, "alice/1", reader=1, cursor=5, newest=[])
    made = story.entry("secret", "alice", "sha256:4")  # 6
    story.add(Sent, "alice/1", key=made.key, kind="secret", room="", text="secret")
    said = story.does("alice++/2", "post", "from elsewhere")  # 7
    story.add(Took, "alice/1", reader=1, entry=said)
    story.add(Acknowledged, "alice/1", key=made.key, seq=6)
    story.does("alice/1", "post", "still here")
    assert [how for how in story.broken() if "ended_sessions" in how] == []


def test_a_reset_ends_all_sessions(story: Accounts) -> None:
    """That of the operator's."""
    story.add(LoggedIn, "alice/1", how="resumed", session=1)
    story.entry("revoke", "chatnet", "0", to="alice")  # 6
    story.does("alice/1", "post", "too late")  # 7
    only(story, "ended_sessions_do_nothing", "alice/1 did what stands at 7, and its session ended at 6")


@pytest.mark.parametrize(("ends", "begins"), [("disable", "enable"), ("ban", "unban")])
def test_who_is_shut_out(story: Accounts, ends: str, begins: str) -> None:
    """They do nothing and hear nothing, until they are let in again."""
    shut_out = "who_is_shut_out_does_nothing: "
    story.arrive("bob")  # 6
    story.does("bob/1", "post", "I am here")  # 7
    story.add(ChatBegun, "bob/1", reader=1, cursor=7, newest=[])
    story.entry(ends, "chatnet", "", "", to="bob")  # 8
    story.entry("post", "bob", "I am not")  # 9
    story.entry(begins, "chatnet", "", "", to="bob")
    story.does("bob/2", "post", "I am again")  # 11
    only(story, "who_is_shut_out_does_nothing", "bob, who was shut out, did what stands at 9")
    story.log[8] = replace(story.log[8], user="alice")
    assert [how for how in story.broken() if how.startswith(shut_out)] == []
    story.add(Took, "bob/1", reader=1, entry=story.log[10])
    only(story, "who_is_shut_out_does_nothing", "bob/1 was given 11, and was shut out at 8")


AGAIN = "nobody_logs_in_again: "


def test_who_has_to_log_in_again(story: Accounts) -> None:
    """Not before the end of their session: what they send later is in the log behind that."""
    story.add(LoggedIn, "alice++/2", how="again", session=3)
    assert [how for how in story.broken() if how.startswith(AGAIN)] == []
    story.events = [event for event in story.events if event.client == "alice/1" or event.time < 6]
    login = LoggedIn(time=6.0, client="alice++/1", how="again", asked=6.0, session=3)
    story.events[6:] = [login, *story.events[6:]]
    only(story, "nobody_logs_in_again", "alice++/1 had to log in again at 6.000")


def end_the_session_of_two(story: Accounts) -> None:
    """Let two clients of one device be in by a session that ends; the one at 6 is another."""
    for client in ("alice/1", "alice+/1"):
        story.add(LoggedIn, client, how="resumed", session=1)
    story.entry("session", "alice", "sha256:4")  # 6
    story.entry("revoke", "alice", "1", to="alice")  # 7
    story.does("alice++/1", "post", "known to be in the log")  # 8


def test_two_on_one_device_log_in_again(story: Accounts) -> None:
    """Both at once, if the session of both has ended; not one that began after the other was back."""
    end_the_session_of_two(story)
    back = len(story.events)
    story.add(LoggedIn, "alice/1", how="again", session=6)
    story.add(LoggedIn, "alice+/1", how="again", session=6, asked=back + 0.1)
    only(story, "nobody_logs_in_again", "alice+/1 had to log in again")
    both = story.events[-1]
    for time in both.time, both.time + 9:  # an answer may be on its way for as long as it takes
        story.events[-1] = replace(both, time=time, asked=back)
        assert [how for how in story.broken() if how.startswith(AGAIN)] == []
    story.add(LoggedIn, "alice+/1", how="again", session=6)
    only(story, "nobody_logs_in_again", "alice+/1 had to log in again")


def test_one_that_has_just_begun_logs_in_again_with_another(story: Accounts) -> None:
    """It shows the ticket that its device had when it began: the other one's, which has ended."""
    story.add(LoggedIn, "alice/1", how="resumed", session=1)
    story.add(Started, "alice+/1")
    story.entry("secret", "alice", "sha256:4")  # 6
    story.does("alice++/1", "post", "known to be in the log")  # 7
    asked = len(story.events)
    story.add(LoggedIn, "alice/1", how="again", session=6)
    story.add(LoggedIn, "alice+/1", how="again", session=6, asked=asked)
    assert [how for how in story.broken() if how.startswith(AGAIN)] == []
    story.log[5] = replace(story.log[5], kind="post")  # which ends nothing
    only(story, "nobody_logs_in_again", "alice+/1 had to log in again")


def test_one_of_two_on_a_device_learns_late_that_its_session_has_ended(story: Accounts) -> None:
    """The other one has a newer session by then. Who has that one is not turned away."""
    end_the_session_of_two(story)
    story.add(LoggedIn, "alice+/1", how="again", session=6)
    story.add(Ended, "alice/1", sentence=str(SessionEnded.of(name="alice")))
    assert [how for how in story.broken() if how.startswith(AGAIN)] == []
    story.add(Ended, "alice+/1", sentence=str(SessionEnded.of(name="alice")))
    only(story, "nobody_logs_in_again", "alice+/1 gave up at")


def test_the_last_way_in_is_not_ended(story: Accounts) -> None:
    """It is the last one if there is no password, and no other device with a secret of its own."""
    story.does("alice/1", "post", "another device is shut out by now")
    story.add(Sent, "alice/1", key=key(900), kind="revoke", room="", text="1", to="alice")
    story.add(Refused, "alice/1", key=key(900), code="LAST_WAY")
    assert story.broken() == []
    story.log[4] = replace(story.log[4], kind="post", text="it was not", more=None)
    wrong = [how for how in story.broken() if "LAST_WAY" in how]
    assert wrong
    assert "for no reason" in wrong[0]


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        (SignupClosed.sentence, ("policy", "signup closed")),
        (CodeNeeded.sentence, ("policy", "signup code")),
        (str(NameKept.of(name="bob")), ("code", code_text(kept("0000-0000-0003"), 1))),
        (BadCode.sentence, ("code", code_text(kept("0000-0000-0003"), 1))),
        (str(Disabled.of(name="bob")), ("disable", "")),
    ],
)
def test_who_is_turned_away(story: Accounts, sentence: str, why: tuple[str, str]) -> None:
    """There is a reason in the log, and it was there when they came."""
    story.log[1] = replace(story.log[1], more=More(to="alice"))
    story.add(Started, "bob/1")
    story.add(Ended, "bob/1", sentence=sentence)
    only(story, "nobody_logs_in_again", "bob/1 gave up at", sentence)
    kind, text = why
    story.entry(kind, "chatnet", text, "", **({} if kind == "policy" else {"to": "bob"}))
    assert [how for how in story.broken() if how.startswith(AGAIN)] == []
    made = story.entry("post", "alice", "before that")
    story.log[-2:] = [replace(made, seq=made.seq - 1), replace(story.log[-2], seq=made.seq)]
    story.add(Sent, "alice/1", key=made.key, kind="post", room="", text="before that")
    only(story, "nobody_logs_in_again", "bob/1 gave up at", sentence)


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        (CodeNeeded.sentence, ("policy", "signup code")),
        (str(NameKept.of(name="bob")), ("code", code_text(kept("0000-0000-0003"), 1))),
    ],
)
def test_who_was_looked_up_before_another_registered_the_name(
    story: Accounts, sentence: str, why: tuple[str, str]
) -> None:
    """They may be answered later; not who began when the other was in, nor after longer than logins take."""
    story.log[1] = replace(story.log[1], more=More(to="alice"))
    kind, text = why
    story.entry(kind, "chatnet", text, "", **({} if kind == "policy" else {"to": "bob"}))
    for client in ("bob/1", "bob+/1"):
        story.add(Started, client)
    bob = story.entry("register", "bob", "sha256:1")
    story.add(LoggedIn, "bob/1", how="first", session=bob.seq)
    came = story.events[-1].time
    story.add(Ended, "bob+/1", sentence=sentence)
    assert [how for how in story.broken() if how.startswith(AGAIN)] == []
    story.events[-1] = replace(story.events[-1], time=came + LOGIN_SECONDS)
    only(story, "nobody_logs_in_again", "bob+/1 gave up at", sentence)
    story.events.pop()
    story.add(Started, "bob+/2")
    story.add(Ended, "bob+/2", sentence=sentence)
    only(story, "nobody_logs_in_again", "bob+/2 gave up at", sentence)


def test_who_is_forgotten_was_shut_out_until_then(story: Accounts) -> None:
    """And was told so: the forgetting takes that from nobody."""
    story.add(Started, "bob/1")
    story.entry("disable", "chatnet", "", "", to="bob")
    story.add(Ended, "bob/1", sentence=str(Disabled.of(name="bob")))
    story.entry("forget", "chatnet", "", "", to="bob")
    assert [how for how in story.broken() if how.startswith(AGAIN)] == []


def test_an_invitation_where_nobody_is_let_in(story: Accounts) -> None:
    """Only a code for that name registers it."""
    third, fourth = kept("0000-0000-0003"), kept("0000-0000-0004")
    story.entry("code", "chatnet", code_text(third, 2), "")
    story.entry("code", "chatnet", code_text(fourth, 1), "", to="carol")
    story.entry("policy", "chatnet", "signup closed", "")
    story.entry("register", "carol", "sha256:1", code=fourth)  # 9
    assert by_codes(story) == []
    story.entry("register", "bob", "sha256:1", code=third)
    assert by_codes(story) == [f"{CODES}bob was registered at 10 by an invitation, and nobody was let in"]


RECOVERIES = [kept(f"0000-0000-0000-0000-0000-{number:04}") for number in range(16)]


@pytest.mark.parametrize(
    "why", ["", "used", "newer", "secret", "revoked", "lost", "let in anew", "another's"]
)
def test_a_recovery_code_that_is_void(story: Accounts, why: str) -> None:
    """Each is good once, as long as there are no newer ones, and the secret is the one for which they were
    made; what others do with their sessions and codes does not matter."""
    first, second, user = RECOVERIES[0], RECOVERIES[1], "bob" if why == "another's" else "alice"
    story.entry("register", "bob", "sha256:9")  # 6
    story.entry("code", "alice", recovery_text(RECOVERIES[:8]), to="alice")
    story.entry("code", "alice", code_text(kept("0000-0000-0009"), 1), to="alice")
    story.entry("session", "alice", "", device="tablet")
    story.entry("revoke", "alice", "9", to="alice")
    story.entry("secret", "alice", "$argon2id$", code=first)  # 11
    match why:
        case "used":
            second = first
        case "newer":
            story.entry("code", "alice", recovery_text(RECOVERIES[8:]), to="alice")
        case "secret":
            story.entry("secret", "alice", "sha256:5")
        case "revoked":
            story.entry("revoke", "chatnet", "0", to="alice")
        case "lost" | "let in anew":
            story.entry("secret", "alice", "sha256:5", code=RECOVERIES[2])  # 12
            story.entry("revoke" if why == "lost" else "session", "alice", "12", to="alice")
    last = story.entry("secret", user, "sha256:6", code=second)
    found = f"{CODES}the secret at {last.seq} is by a code that is good no longer, or for another"
    assert by_codes(story) == ([found] if why else [])


@pytest.mark.parametrize("kind", ["code", "revoke", "secret"])
def test_a_code_that_is_void(story: Accounts, kind: str) -> None:
    """Another one for that user is good instead; or they have come in by something else."""
    third, fourth = kept("0000-0000-0003"), kept("0000-0000-0004")
    story.entry("code", "chatnet", code_text(third, 1), "", to="alice")
    match kind:
        case "code":
            story.entry("code", "chatnet", code_text(fourth, 1), "", to="alice")
        case "revoke":
            story.entry("revoke", "chatnet", "0", to="alice")
        case _:
            story.entry("secret", "alice", "sha256:5")
    story.entry("secret", "alice", "sha256:6", code=third)  # 8
    assert by_codes(story) == [f"{CODES}the secret at 8 is by a code that is good no longer, or for another"]
