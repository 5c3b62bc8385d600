"""The checker, about those who speak in lines: what must not happen is found, also to who is told no ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from test_checker import Story, key

from chatnet.entries import Entry, More, Ref
from chatnet.kinds import KindName
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import (
    REACTION,
    UNTOLD,
    Acknowledged,
    Answered,
    Confirmed,
    Heard,
    HistoryHeard,
    LoggedIn,
    Message,
    Negotiated,
    Refused,
    Said,
    Sent,
    Started,
    Stopped,
    Typed,
)

BOB, CAROL = "bob/1.1", "carol/1.1"


class Lines(Story):
    """A story with people on IRC: Bob is told ids and has his own posts echoed, Carol is told none."""

    def come(self, connection: str, has_ids: bool, plays: bool = False) -> None:
        """Let a connection be welcome."""
        self.numbers = getattr(self, "numbers", {})
        self.numbers[connection] = 0
        self.add(LoggedIn, connection, how="each")
        more = {"echoes": has_ids, "own_talks": has_ids, "has_ids": has_ids, "catches_up": has_ids}
        self.add(Negotiated, connection, **more, plays=plays)

    def say(
        self,
        connection: str,
        command: str,
        kind: KindName | str = "",
        room: str = "",
        text: str = "",
        **more: Any,
    ) -> int:
        """Say a line; return its number."""
        self.numbers[connection] += 1
        number = self.numbers[connection]
        fields = {"number": number, "command": command, "kind": kind, "room": room, "text": text, **more}
        self.add(Said, connection, **fields)
        return number

    def commit(self, connection: str, number: int) -> Entry:
        """Let the log take what a line says."""
        said = next(
            event
            for event in self.events
            if isinstance(event, Said) and (event.client, event.number) == (connection, number)
        )
        user = said.user
        where = "=".join(sorted((user, said.room[1:]))) if said.room[:1] == "@" else said.room or user
        key = connection.ljust(8, ".")[-8:].encode() + number.to_bytes(8, "big")
        ref = Ref(said.ref, b"12345678") if said.ref else None
        more = More(to=said.to, ref=ref) if said.to or ref else None
        kind: Any = said.kind
        entry = Entry(len(self.log) + 1, 1000 + len(self.log), kind, user, where, said.text, key, more)
        self.log.append(entry)
        return entry

    def answer(self, connection: str, number: int, code: str = "", seq: int = 0) -> None:
        """Answer a line."""
        self.add(Answered, connection, number=number, code=code, seq=seq)

    def hear(self, connection: str, entry: Entry, target: str, **more: Any) -> None:
        """Let a connection hear a post."""
        seq = entry.seq if connection.startswith("bob") else 0
        text = more.pop("text", entry.text)
        self.add(Heard, connection, message=Message(seq, entry.user, target, text, **more))

    def joins(self, connection: str, room: str) -> Entry:
        """Let somebody join a room."""
        number = self.say(connection, "JOIN", "join", room)
        entry = self.commit(connection, number)
        self.answer(connection, number, seq=entry.seq if connection.startswith("bob") else 0)
        return entry

    def read(
        self,
        how: str,
        bound: int,
        entries: Sequence[Entry | Message],
        limit: int = 5,
        room: str = "alice",
    ) -> None:
        """Let Bob read a page of a history on his last connection."""
        connection = list(self.numbers)[-1]
        told = [
            entry
            if isinstance(entry, Message)
            else Message(entry.seq, entry.user, f"#@{entry.room}", entry.text)
            for entry in entries
        ]
        asked = self.events[-1].time + 0.5
        fields = {"asked": asked, "room": room, "how": how, "bound": bound, "limit": limit, "messages": told}
        begun = next(one for one in self.events if isinstance(one, Negotiated) and one.client == connection)
        self.add(HistoryHeard, connection, **fields, plays=begun.plays)

    def of(self, kind: type[Any], connection: str, which: int = -1) -> int:
        """Return the place of one of the events of this kind."""
        places = [
            at for at, one in enumerate(self.events) if isinstance(one, kind) and one.client == connection
        ]
        return places[which]

    def promises(self) -> set[str]:
        """Return the promises that are broken."""
        return {how.partition(":")[0] for how in check(Evidence(self.events, self.log, self.settled))}


@pytest.fixture
def story() -> Lines:
    """Return a story in which nothing is broken; its log has 12 entries. Bob comes twice, and reads what he
    missed."""
    story = Lines()
    story.arrive("alice")  # 1
    for user in ("bob", "carol"):  # 2, 3
        story.add(Started, f"{user}/1")
        story.append("register", user, user, "sha256:…", 1000 + len(story.log))
    story.come(BOB, True)
    story.come(CAROL, False)
    story.joins(BOB, "alice")  # 4
    story.joins(CAROL, "alice")  # 5
    one = story.draft("alice/1", "post", "one", 10)  # 6
    story.hear(BOB, one, "#@alice")
    story.hear(CAROL, one, "#@alice")
    number = story.say(BOB, "PRIVMSG", "post", "", "mine, at last")
    ping = story.say(BOB, "PING")
    mine = story.commit(BOB, number)  # 7
    story.hear(BOB, mine, "#@bob")
    story.answer(BOB, number, seq=mine.seq)
    story.answer(BOB, ping)
    number = story.say(CAROL, "PRIVMSG", "post", "@bob", "are you there?")
    asked = story.commit(CAROL, number)  # 8
    story.answer(CAROL, number)
    story.hear(BOB, asked, "bob")
    refused = story.say(CAROL, "PRIVMSG", "post", "#tea", "am I here?")
    story.answer(CAROL, refused, code="404")
    two = story.draft("alice/1", "post", "two and more", 11)  # 9
    story.hear(BOB, two, "#@alice")
    story.hear(CAROL, two, "#@alice", text="two")
    story.hear(CAROL, two, "#@alice", text="and more")
    story.add(Stopped, BOB)
    missed = story.draft("alice/1", "post", "missed", 12)  # 10
    story.hear(CAROL, missed, "#@alice")
    story.come("bob/1.2", True)
    story.read("AFTER", 9, [missed])
    last = story.draft("alice/1", "post", "last", 13)  # 11
    story.hear("bob/1.2", last, "#@alice")
    story.hear(CAROL, last, "#@alice")
    number = story.say(CAROL, "PRIVMSG", "post", "", "never answered before the end")
    story.commit(CAROL, number)  # 12
    story.answer(CAROL, number)
    return story


def test_a_good_history_of_lines_breaks_nothing(story: Lines) -> None:
    """Nor does it if a client's connection was lost before its line was answered, whether or not that is in
    the log."""
    assert check(Evidence(story.events, story.log)) == []
    number = story.say(CAROL, "PRIVMSG", "post", "", "who knows")
    story.add(Stopped, CAROL)
    assert check(Evidence(story.events, story.log)) == []
    story.commit(CAROL, number)
    assert check(Evidence(story.events, story.log)) == []


# ---- lines and their answers ----


def test_an_answer_to_what_is_not_in_the_log_is_found(story: Lines) -> None:
    """An echo, and a PONG of who is told no ids: the front said that it is on disk."""
    number = story.say(CAROL, "PRIVMSG", "post", "", "lost")
    story.answer(CAROL, number)
    assert story.promises() == {"durable"}


def test_an_echo_with_the_seq_of_something_else_is_found(story: Lines) -> None:
    at = story.of(Answered, BOB, 1)
    story.events[at] = replace(story.events[at], seq=9)
    assert "durable" in story.promises()


@pytest.mark.parametrize("joins", [False, True])
def test_what_was_answered_is_looked_for_in_the_log_first(story: Lines, joins: bool) -> None:
    """What has no text, or none any more, may be any line's, also that of another connection, which was lost
    before it was answered; but what was answered is there."""
    story.come("carol/1.2", False)
    story.say("carol/1.2", "PART", "leave", "alice")
    joined = story.say("carol/1.2", "JOIN", "join", "bob")
    story.add(Stopped, "carol/1.2")
    story.come("carol/1.9", False)
    number = story.say("carol/1.9", "PART", "leave", "alice")
    entry = story.commit("carol/1.9", number)
    if joins:
        story.commit("carol/1.2", joined)
    story.answer("carol/1.9", number)
    assert story.promises() == set()
    story.log[entry.seq - 1] = replace(entry, room="#chess")
    assert "durable" in story.promises()


@pytest.mark.parametrize("is_right", [True, False])
def test_what_has_the_right_check_is_looked_for_in_the_log_first(story: Lines, is_right: bool) -> None:
    """Of two lines that were lost before they were answered, that one had to be refused."""
    story.say(CAROL, "REDACT", "redact", ref=12, check_of=11)
    number = story.say(CAROL, "REDACT", "redact", ref=12, check_of=0 if is_right else 11)
    story.add(Stopped, CAROL)
    story.commit(CAROL, number)
    story.log[11] = replace(story.log[11], text="")
    assert story.promises() == (set() if is_right else {"durable"})


@pytest.mark.parametrize(
    ("command", "lost", "said", "is_whole"),
    [
        ("PRIVMSG", "one", "two #tea", False),
        ("PRIVMSG", "one #tea", "two", False),
        ("PRIVMSG", "one @alice", "two @bob", False),
        ("PRIVMSG", "one", "two @bob #tea", False),
        ("NOTICE", "one", "two", False),
        ("TAGMSG", "one", "two", False),
        ("PRIVMSG", "one", "two", True),
    ],
)
def test_what_was_taken_back_is_of_the_line_that_fits_what_is_known_of_it(
    story: Lines, command: str, lost: str, said: str, is_whole: bool
) -> None:
    """Two lines were lost before they were answered, and the log has one. That it cannot be the other is told
    by where it was heard, which blocks leave out; by its form; or by who was given all of its text."""
    story.add(Sent, "bob/1", key=key(50), kind="block", room="", text="", to="carol")
    block = story.append("block", "bob", "bob", "", 50)
    story.log[-1] = replace(block, more=More(to="carol"))
    story.add(Acknowledged, "bob/1", key=key(50), seq=block.seq)
    story.come("carol/1.7", False)
    story.say("carol/1.7", command, "post", "", lost)
    entry = story.commit("carol/1.7", story.say("carol/1.7", "PRIVMSG", "post", "", said))
    story.add(Stopped, "carol/1.7")
    story.come("bob/1.3", True)
    story.read("AFTER", 12, [Message(entry.seq, "carol", "#@carol", said, is_whole)], room="carol")
    story.come("carol/1.9", False)
    number = story.say("carol/1.9", "REDACT", "redact", ref=entry.seq)
    story.commit("carol/1.9", number)
    story.answer("carol/1.9", number)
    at = ("carol", "#tea") if "#tea" in said else ("carol",)
    kept = replace(entry, text="", at=at)
    story.log[entry.seq - 1] = kept
    assert story.promises() == set()
    for nobodys in (replace(kept, at=(*at, "#chess")), replace(kept, at=(*at, "@dave"))):
        story.log[entry.seq - 1] = nobodys
        assert "durable" in story.promises()
    if command == "PRIVMSG":
        story.log[entry.seq - 1] = replace(kept, more=More(form="notice"))
        assert "durable" in story.promises()


def test_a_line_that_is_twice_in_the_log_is_found(story: Lines) -> None:
    """As if it had been sent again under another key."""
    entry = story.log[11]
    story.log.append(replace(entry, seq=13, key=entry.key[:8] + b"\xff" * 8))
    assert {"each_line_is_answered_once", "durable"} <= story.promises()


def test_a_line_that_is_refused_and_in_the_log_is_found(story: Lines) -> None:
    number = story.say(CAROL, "PRIVMSG", "post", "", "refused?")
    story.commit(CAROL, number)
    story.answer(CAROL, number, code="404")
    assert "exactly_once" in story.promises()


@pytest.mark.parametrize("is_there", [True, False])
def test_of_what_does_not_exist_it_is_said_that_it_does_not(story: Lines, is_there: bool) -> None:
    """By the number that says so (403), and not by that for who is not in it (442)."""
    if is_there:
        story.joins(CAROL, "#tea")
        story.joins(CAROL, "#go")
    for code, room in (("403", "#tea"), ("442", "#go")):
        number = story.say("bob/1.2", "PART", "leave", room)
        story.answer("bob/1.2", number, code=code)
    refused = [why for why in check(Evidence(story.events, story.log)) if why.startswith("exactly_once")]
    assert len(refused) == is_there


def test_a_refusal_for_no_reason_is_found(story: Lines) -> None:
    """A number that stands for several reasons is as good as the right one of them."""
    for code in ("404", "401"):
        number = story.say(CAROL, "PRIVMSG", "post", "#tea", f"may I? {code}")
        story.answer(CAROL, number, code=code)
    [why] = [why for why in check(Evidence(story.events, story.log)) if why.startswith("exactly_once")]
    assert "401" in why


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize(
    ("comes", "promises"),
    [("never", set()), ("early", {"exactly_once"}), ("late", set()), ("before the next connection", set())],
)
def test_whom_a_nick_means_is_known_as_its_line_is_read(
    story: Lines, comes: str, promises: set[str], by_key: bool
) -> None:
    """A guest who came only later was not meant, also if the log has other drafts of the line's author behind
    that. A guest of whom a connection had been told by then is there. Another front may not know that yet: by
    a key it is said again there."""

    def guest_comes(when: str) -> None:
        if comes == when:
            story.append("guest", "~dan", "~dan", "dan dan dan", 42)

    who = "bob/1.2"
    guest_comes("early")
    guest_comes("before the next connection")
    one = story.draft("alice/1", "post", "heard before that", 41)
    story.hear(who, one, "#@alice")
    story.hear(CAROL, one, "#@alice")
    if by_key:
        story.add(Sent, "bob/1", key=key(50), kind="post", room="@~dan", text="are you there?")
    first = story.say(who, "PRIVMSG", "post", "", "mine")
    nick = story.say(who, "PRIVMSG", *([] if by_key else ["post", "@~dan", "are you there?"]))
    if comes == "before the next connection":
        story.add(Stopped, who)
        story.come("bob/1.3", True)
        who = "bob/1.3"
        first = story.say(who, "PRIVMSG", "post", "", "mine again")
        nick = story.say(who, "PRIVMSG", *([] if by_key else ["post", "@~dan", "and now?"]))
    guest_comes("late")
    mine = story.commit(who, first)
    story.hear(who, mine, "#@bob")
    story.answer(who, first, seq=mine.seq)
    story.answer(who, nick, code="401")
    if by_key:
        story.add(Refused, "bob/1", key=key(50), code="401")
    assert story.promises() == promises


@pytest.mark.parametrize("is_told", [False, True])
def test_what_a_guest_says_behind_a_nick_is_read_by_who_was_told_what_came_before(
    story: Lines, is_told: bool
) -> None:
    """The connection is the same: its front knows of whom it has told it."""
    guest, other = "~dan/1.1", "~eve/~dan-1.2"
    what = {"echoes": True, "own_talks": True, "has_ids": True, "catches_up": False}
    story.add(Started, "~dan/1")
    story.add(Started, other)
    story.append("guest", "~dan", "~dan", "dan dan dan", 42)
    story.add(LoggedIn, guest, how="each")
    story.add(Negotiated, guest, **what)
    story.append("guest", "~fay", "~fay", "fay fay fay", 43)
    number = story.say(CAROL, "PRIVMSG", "post", "@~dan", "who are you?")
    asked = story.commit(CAROL, number)
    story.answer(CAROL, number)
    if is_told:
        story.add(Heard, guest, message=Message(asked.seq, "carol", "dan", asked.text))
    story.add(Said, guest, number=1, command="NICK")
    line = {"command": "PRIVMSG", "kind": "post", "room": "@~fay", "text": "hello, Fay"}
    story.add(Said, guest, number=2, **line, behind=1, either=other)
    story.append("nick", "~dan", "~dan", "eve dan dan", 44)
    story.log[-1] = replace(story.log[-1], more=More(to="~eve"))
    story.add(Answered, guest, number=1)
    story.add(Stopped, guest)
    story.add(LoggedIn, other, how="each")
    story.add(Negotiated, other, **what, before=guest)
    story.add(Answered, other, number=2, code="401")
    assert ("exactly_once" in story.promises()) is is_told


def test_a_line_that_is_not_answered_is_found(story: Lines) -> None:
    """Only if its connection lives, and there was time."""
    story.say(CAROL, "NAMES")
    assert story.promises() == set()
    for _ in range(3):
        story.add(Started, "dan/1")
    assert story.promises() == {"each_line_is_answered_once"}
    story.add(Stopped, CAROL)
    assert story.promises() == set()


def test_a_line_that_is_answered_twice_is_found(story: Lines) -> None:
    story.answer(CAROL, 2)
    assert story.promises() == {"each_line_is_answered_once"}


def test_answers_out_of_order_are_found(story: Lines) -> None:
    """Only an echo may come before the refusal of an earlier line: it has its place in the log."""
    first, second = story.say("bob/1.2", "PRIVMSG", "post", "#tea", "no"), story.say("bob/1.2", "PING")
    story.answer("bob/1.2", second)
    story.answer("bob/1.2", first, code="404")
    assert story.promises() == {"each_line_is_answered_once"}


def test_an_echo_may_come_before_a_refusal(story: Lines) -> None:
    first = story.say("bob/1.2", "PRIVMSG", "post", "#tea", "no")
    second = story.say("bob/1.2", "PRIVMSG", "post", "", "yes")
    entry = story.commit("bob/1.2", second)
    story.hear("bob/1.2", entry, "#@bob")
    story.answer("bob/1.2", second, seq=entry.seq)
    story.answer("bob/1.2", first, code="404")
    assert story.promises() == set()


@pytest.mark.parametrize("is_one_line", [True, False])
def test_what_is_not_said_of_one_target_comes_with_the_echo_of_another(
    story: Lines, is_one_line: bool
) -> None:
    """A notice for several targets is answered at the place of its echo; another one only in its turn."""
    first = story.say("bob/1.2", "PRIVMSG", "post", "#tea", "no")
    echoed = story.say("bob/1.2", "NOTICE", "post", "", "yes")
    said = story.events[-1]
    refused = story.say("bob/1.2", "NOTICE", "post", "#tea", "yes")
    if is_one_line:
        story.events[-1] = replace(story.events[-1], time=said.time)
    entry = story.commit("bob/1.2", echoed)
    story.hear("bob/1.2", entry, "#@bob")
    story.answer("bob/1.2", echoed, seq=entry.seq)
    story.answer("bob/1.2", refused, code=UNTOLD)
    story.answer("bob/1.2", first, code="404")
    assert story.promises() == (set() if is_one_line else {"each_line_is_answered_once"})


def test_an_answer_before_what_it_follows_is_found(story: Lines) -> None:
    """A PONG says that all was delivered that stands before what it acknowledges."""
    said = story.draft("alice/1", "post", "and another", 14)
    number = story.say(CAROL, "PRIVMSG", "post", "", "me too")
    story.commit(CAROL, number)
    story.answer(CAROL, number)
    story.hear(CAROL, said, "#@alice")
    story.hear("bob/1.2", said, "#@alice")
    assert story.promises() == {"answers_are_behind_what_they_follow"}


def test_an_answer_before_the_commit_is_found(story: Lines) -> None:
    """What somebody says later stands before it in the log."""
    number = story.say(CAROL, "PRIVMSG", "post", "", "first")
    story.answer(CAROL, number)
    other = story.draft("alice/1", "post", "later", 15)
    story.commit(CAROL, number)
    for connection in (CAROL, "bob/1.2"):
        story.hear(connection, other, "#@alice")
    assert "one_order" in story.promises()


def test_of_a_notice_nothing_is_promised_but_that_it_is_there_once(story: Lines) -> None:
    number = story.say("bob/1.2", "NOTICE", "post", "#tea", "refused in silence")
    story.answer("bob/1.2", number, code=UNTOLD)
    assert story.promises() == set()


def test_who_joins_what_they_are_in_changes_nothing(story: Lines) -> None:
    """That is no entry. Elsewhere it would have to be one."""
    number = story.say(CAROL, "JOIN", "join", "alice")
    story.answer(CAROL, number)
    assert story.promises() == set()
    number = story.say(CAROL, "JOIN", "join", "#chess")
    story.answer(CAROL, number)
    assert story.promises() == {"durable"}


def test_what_was_not_there_when_a_line_was_answered_is_another_lines(story: Lines) -> None:
    """Who joins what they are in changes nothing; who was banned then, and may join once more, does."""
    story.joins(CAROL, "#tea")
    story.answer(CAROL, story.say(CAROL, "JOIN", "join", "#tea"))
    meanwhile = story.draft("alice/1", "post", "meanwhile", 19)
    for connection in (CAROL, "bob/1.2"):
        story.hear(connection, meanwhile, "#@alice")
    kinds: tuple[KindName, ...] = "ban", "unban"
    for number, kind in enumerate(kinds, 700):
        ordered = story.append(kind, "chatnet", "#tea", "", number)
        story.log[-1] = replace(ordered, more=More(to="carol"))
    story.joins(CAROL, "#tea")
    story.draft("alice/1", "join", "#x", 20)
    assert story.promises() == set()


@pytest.mark.parametrize(
    ("kind", "text", "before"),
    [
        *(("role", "none", ""), ("role", "moderator", "role"), ("ban", "", "ban")),
        *(("unban", "", ""), ("unban", "", "mute")),
    ],
)
def test_an_order_that_is_so_already_changes_nothing(
    story: Lines, kind: KindName, text: str, before: str
) -> None:
    """MODE of IRC: an operator is made one again, who is none is made none, who is banned is banned, and
    who is not is banned no more. That is no entry; elsewhere it would have to be one."""

    def order(kind: Any, text: str = "") -> None:
        story.append(kind, "chatnet", "#tea", text, 700 + len(story.log))
        story.log[-1] = replace(story.log[-1], more=More(to="bob"))

    if before:
        order(before, "owner" if before == "role" else "")
    number = story.say(CAROL, "MODE", kind, "#tea", text, to="bob")
    story.answer(CAROL, number)
    assert story.promises() == set()
    if kind == "unban":
        order("ban")
        story.draft("alice/1", "join", "#x", 19)  # so the ban was known before the line
    to = "bob" if kind == "unban" or not before else "alice"
    other = "moderator" if text == "none" else text
    number = story.say(CAROL, "MODE", kind, "#tea", other, to=to)
    story.answer(CAROL, number)
    assert story.promises() == {"durable"}


@pytest.mark.parametrize("role", ["moderator", "none"])
def test_who_is_not_in_a_topic_is_made_no_operator_over_irc(story: Lines, role: str) -> None:
    """441: the log would take it of a topic. Of who is there it is a refusal for no reason."""
    story.joins(CAROL, "#tea")
    given = story.append("role", "chatnet", "#tea", "owner", 700)
    story.log[-1] = replace(given, more=More(to="carol"))
    refused = story.say(CAROL, "MODE", "role", "#tea", role, to="bob")
    story.answer(CAROL, refused, code="441")
    assert story.promises() == set()
    refused = story.say(CAROL, "MODE", "role", "#tea", role, to="carol")
    story.answer(CAROL, refused, code="441")
    assert story.promises() == {"exactly_once"}


def test_what_a_key_says_again_is_held_to_what_all_drafts_are(story: Lines) -> None:
    """It is over all connections of its client: in the end it is answered."""
    story.add(Sent, "bob/1", key=b"k" * 16, kind="post", room="", text="again")
    assert story.promises() == {"exactly_once"}
    story.log.append(Entry(13, 2000, "post", "bob", "bob", "again", b"k" * 16))
    story.add(Acknowledged, "bob/1", key=b"k" * 16, seq=13)
    assert story.promises() == set()


# ---- what is heard ----


def test_a_post_that_is_not_heard_is_found(story: Lines) -> None:
    """By who has ids, and who has none."""
    for connection in (BOB, CAROL):
        events, at = list(story.events), story.of(Heard, connection, 0 if connection == CAROL else 1)
        if connection == BOB:
            at = story.of(Heard, BOB, 0)
            del story.events[at]
            assert story.promises() <= {"each_line_is_heard_once", "histories_have_no_gap"}
            assert story.promises()
        else:
            del story.events[story.of(Heard, CAROL, 1)]
            assert story.promises() == {"each_line_is_heard_once"}
        story.events = events


def test_what_was_taken_back_may_be_missed(story: Lines) -> None:
    number = story.say("bob/1.2", "PRIVMSG", "post", "", "oh no")
    entry = story.commit("bob/1.2", number)
    story.answer("bob/1.2", number, seq=entry.seq)
    assert story.promises() == {"each_line_is_heard_once", "histories_have_no_gap"}
    number = story.say("bob/1.2", "REDACT", "redact", ref=entry.seq)
    redaction = story.commit("bob/1.2", number)
    story.answer("bob/1.2", number, seq=redaction.seq)
    story.log[entry.seq - 1] = replace(entry, text="")
    assert story.promises() == set()


def test_a_post_that_is_heard_twice_is_found(story: Lines) -> None:
    for connection in ("bob/1.2", CAROL):
        events = list(story.events)
        story.events.append(story.events[story.of(Heard, connection)])
        assert "each_line_is_heard_once" in story.promises()
        story.events = events


def test_posts_in_another_order_are_found(story: Lines) -> None:
    for connection, first, second in ((BOB, 0, 1), (CAROL, -1, -2)):
        events = list(story.events)
        at, other = story.of(Heard, connection, first), story.of(Heard, connection, second)
        story.events[at], story.events[other] = story.events[other], story.events[at]
        assert "each_line_is_heard_once" in story.promises()
        story.events = events


def test_a_text_that_is_not_the_logs_is_found(story: Lines) -> None:
    """A part of it is not, either; and a whole one has all its spaces."""
    for text, whole in (("two and mor", False), ("two and more", True), ("twoandmore", True)):
        at = story.of(Heard, BOB)
        event = story.events[at]
        assert isinstance(event, Heard)
        message = Message(9, "alice", "#@alice", text, whole)
        story.events[at] = replace(event, message=message)
        assert story.promises() == (set() if text == "two and more" else {"each_line_is_heard_once"})


def test_a_part_of_a_long_post_is_not_enough(story: Lines) -> None:
    del story.events[story.of(Heard, CAROL, 2)]
    assert story.promises() == {"each_line_is_heard_once"}


@pytest.mark.parametrize("connection", [CAROL, "bob/1.2"])
@pytest.mark.parametrize("lines", [["long"], ["long", "and"], ["long", "and", "h" * 200]])
def test_the_end_of_the_last_post_of_a_lost_connection_may_be_missed(
    story: Lines, connection: str, lines: list[str]
) -> None:
    """That of an open one must come; and what comes is of that post."""
    long = story.draft("alice/1", "post", f"long\nand\n{'h' * 500} and more", 17)
    story.hear(CAROL if connection != CAROL else "bob/1.2", long, "#@alice")
    at = len(story.events)
    for number, line in enumerate(lines):
        story.hear(connection, long if not number else replace(long, seq=0), "#@alice", text=line)
    assert story.promises() == {"each_line_is_heard_once"}
    story.add(Stopped, connection)
    assert story.promises() == set()
    for text in ("lost", "lon"):
        heard = story.events[at]
        assert isinstance(heard, Heard)
        story.events[at] = replace(heard, message=replace(heard.message, text=text))
        assert story.promises() == {"each_line_is_heard_once"}


def test_a_post_at_another_place_is_found(story: Lines) -> None:
    for connection in ("bob/1.2", CAROL):
        events, at = list(story.events), story.of(Heard, connection)
        event = story.events[at]
        assert isinstance(event, Heard)
        message = Message(event.message.seq, "alice", "#alice", "last")
        story.events[at] = replace(event, message=message)
        assert story.promises() == {"each_line_is_heard_once"}
        story.events = events


def test_what_one_may_not_see_is_found(story: Lines) -> None:
    """A post of whom they do not follow; of who has no ids, what does not fit."""
    said = story.draft("alice/1", "join", "#chess", 16)
    said = Entry(14, 3000, "post", "alice", "#chess", "in secret", b"x" * 16)
    story.add(Sent, "alice/1", key=b"x" * 16, kind="post", room="#chess", text="in secret")
    story.log.append(said)
    story.add(Acknowledged, "alice/1", key=b"x" * 16, seq=14)
    assert story.promises() == set()
    for connection in ("bob/1.2", CAROL):
        events = list(story.events)
        story.hear(connection, said, "#chess")
        assert "each_line_is_heard_once" in story.promises()
        story.events = events


def test_own_posts_are_for_who_asked_for_them(story: Lines) -> None:
    story.hear(CAROL, story.log[11], "#@carol")
    assert story.promises() == {"each_line_is_heard_once"}


def test_a_text_that_was_taken_back_is_found_where_that_is_known(story: Lines) -> None:
    """A connection that has heard what is behind is given no such text by a history."""
    number = story.say("bob/1.2", "REDACT", "redact", ref=7)
    redaction = story.commit("bob/1.2", number)
    story.answer("bob/1.2", number, seq=redaction.seq)
    said, story.log[6] = story.log[6], replace(story.log[6], text="")
    later = story.draft("alice/1", "post", "later", 17)
    for connection in ("bob/1.2", CAROL):
        story.hear(connection, later, "#@alice")
    assert story.promises() == set()
    told = [Message(7, "bob", "#@bob", said.text)]
    fields = {"asked": 99.0, "room": "bob", "how": "LATEST", "bound": 0, "limit": 1, "messages": told}
    story.add(HistoryHeard, "bob/1.2", **fields)
    assert story.promises() == {"taken_back"}


# ---- devices ----


def device(story: Lines) -> list[Entry]:
    """Let Bob come at a device, hear a post, and say so; lose that connection, and miss two posts."""
    story.come("bob/2.1", True)
    asked = story.events[-1]
    assert isinstance(asked, Negotiated)
    story.events[-1] = replace(asked, catches_up=False, device="phone")
    heard = story.draft("alice/1", "post", "for the phone", 20)
    for connection in (CAROL, "bob/1.2", "bob/2.1"):
        story.hear(connection, heard, "#@alice")
    story.add(Confirmed, "bob/2.1", seq=heard.seq, is_said=True)
    story.add(Stopped, "bob/2.1")
    missed = [story.draft("alice/1", "post", text, 21 + at) for at, text in enumerate(("one", "two"))]
    for entry in missed:
        for connection in (CAROL, "bob/1.2"):
            story.hear(connection, entry, "#@alice")
    story.come("bob/2.2", True)
    asked = story.events[-1]
    assert isinstance(asked, Negotiated)
    story.events[-1] = replace(asked, catches_up=False, device="phone")
    return [heard, *missed]


def test_a_device_is_sent_what_it_has_missed(story: Lines) -> None:
    """All that came behind what it said that it has; what it had may come again."""
    heard, *missed = device(story)
    assert story.promises() == {"each_line_is_heard_once"}
    events = list(story.events)
    story.hear("bob/2.2", missed[1], "#@alice")
    assert story.promises() == {"each_line_is_heard_once"}
    for again in ([], [heard]):
        story.events = list(events)
        for entry in (*again, *missed):
            story.hear("bob/2.2", entry, "#@alice")
        assert story.promises() == set()


def test_what_a_device_did_not_say_that_it_has_comes(story: Lines) -> None:
    _, *missed = device(story)
    at = story.of(Confirmed, "bob/2.1")
    story.events[at] = replace(story.events[at], is_said=False)
    for entry in missed:
        story.hear("bob/2.2", entry, "#@alice")
    assert story.promises() == {"each_line_is_heard_once"}


def test_another_device_begins_where_it_comes(story: Lines) -> None:
    """So does one that was revoked."""
    device(story)
    at = story.of(Negotiated, "bob/2.2")
    story.events[at] = replace(story.events[at], device="tablet")
    assert story.promises() == set()


def test_a_device_is_not_asked_for_what_it_was_not_sent(story: Lines) -> None:
    _, first, second = device(story)
    story.hear("bob/2.2", first, "#@alice")
    story.add(Confirmed, "bob/2.2", seq=first.seq, is_said=False)
    story.hear("bob/2.2", second, "#@alice")
    assert story.promises() == set()
    story.events[-2] = replace(story.events[-2], seq=second.seq)
    assert story.promises() == {"answers_are_behind_what_they_follow"}


# ---- histories ----


def test_pages_of_histories(story: Lines) -> None:
    """One has all behind its bound, or before it, up to its limit; and it is short only at the end."""
    one, two, missed, last = (story.log[seq - 1] for seq in (6, 9, 10, 11))
    good = [
        ("AFTER", 6, [two, missed, last], 5),
        ("AFTER", 6, [two], 1),
        ("AFTER", 11, [], 5),
        ("BEFORE", 10, [one, two], 5),
        ("BEFORE", 10, [two], 1),
        ("LATEST", 0, [missed, last], 2),
        ("LATEST", 0, [one, two, missed, last], 5),
    ]
    bad = [
        ("AFTER", 6, [missed, last], 5),
        ("AFTER", 6, [two, missed], 5),
        ("AFTER", 6, [one, two, missed, last], 5),
        ("AFTER", 6, [two, missed, last], 2),
        ("AFTER", 6, [], 5),
        ("BEFORE", 10, [one], 1),
        ("BEFORE", 10, [two], 5),
        ("BEFORE", 10, [one, two, missed], 5),
        ("LATEST", 0, [one, two], 2),
        ("LATEST", 0, [missed, last], 5),
        ("LATEST", 0, [last, missed], 2),
    ]
    for (how, bound, posts, limit), is_good in (
        *((one, True) for one in good),
        *((one, False) for one in bad),
    ):
        events = list(story.events)
        story.read(how, bound, posts, limit)
        assert story.promises() == (set() if is_good else {"histories_have_no_gap"}), (
            how,
            bound,
            posts,
            limit,
        )
        story.events = events


def test_a_history_with_another_text_is_found(story: Lines) -> None:
    story.read("AFTER", 10, [replace(story.log[10], text="lasting")])
    assert story.promises() == {"histories_have_no_gap"}


def test_who_has_not_caught_up_in_the_end_is_found(story: Lines) -> None:
    """What was said while they were away is in no history that they read."""
    del story.events[story.of(HistoryHeard, "bob/1.2")]
    assert story.promises() == {"histories_have_no_gap"}


def test_who_left_meanwhile_has_nothing_to_catch_up_with(story: Lines) -> None:
    del story.events[story.of(HistoryHeard, "bob/1.2")]
    number = story.say("bob/1.2", "PART", "leave", "alice")
    entry = story.commit("bob/1.2", number)
    story.answer("bob/1.2", number, seq=entry.seq)
    assert story.promises() == set()


@pytest.mark.parametrize("leaves", [True, False])
def test_what_a_device_has_missed_has_no_gap(story: Lines, leaves: bool) -> None:
    """But for what was said in rooms that were left meanwhile."""
    for connection in (CAROL, "bob/1.2"):
        story.add(Stopped, connection)
    one = story.draft("alice/1", "post", "@carol one", 14)
    story.draft("alice/1", "post", "between", 15)
    story.come("carol/1.2", False)
    if leaves:
        number = story.say("carol/1.2", "PART", "leave", "alice")
        story.commit("carol/1.2", number)
        story.answer("carol/1.2", number)
    story.add(Stopped, "carol/1.2")
    two = story.draft("alice/1", "post", "@carol two", 16)
    story.come("carol/1.3", False)
    for post in (one, two):
        story.hear("carol/1.3", post, "carol", text=f"[#@alice] {post.text}")
    story.draft("bob/1", "post", "who cares", 17)
    assert ("each_line_is_heard_once" in story.promises()) is not leaves


@pytest.mark.parametrize("has_ids", [True, False])
@pytest.mark.parametrize("leaves", ["before it is told", "behind", "never"])
def test_a_device_may_leave_while_what_it_has_missed_is_read(
    story: Lines, has_ids: bool, leaves: str
) -> None:
    """To read it may take long. What it is told must have all of where it was when it was told."""
    connection = "bob/1.3" if has_ids else "carol/1.2"
    for one in (CAROL, "bob/1.2"):
        story.add(Stopped, one)
    first = story.draft("alice/1", "post", f"@{connection[:-4]} one", 14)
    story.draft("alice/1", "post", "between", 15)
    second = story.draft("alice/1", "post", f"@{connection[:-4]} two", 16)
    story.come(connection, has_ids)

    def leave() -> None:
        number = story.say(connection, "PART", "leave", "alice")
        left = story.commit(connection, number)
        story.answer(connection, number, seq=left.seq if has_ids else 0)

    def hear(post: Entry) -> None:
        context = {"context": "#@alice"} if has_ids else {"text": f"[#@alice] {post.text}"}
        story.hear(connection, post, connection[:-4], **context)

    if leaves == "before it is told":
        leave()
    for post in (first, second):
        hear(post)
    if leaves == "behind":
        leave()
    story.draft("alice/1", "post", "who cares", 17)
    if leaves == "never":
        story.hear(connection, story.log[-1], "#@alice")
    assert ("each_line_is_heard_once" in story.promises()) is (leaves != "before it is told")


@pytest.mark.parametrize("kind", ["ban", "unban"])
def test_who_may_give_no_orders_is_told_that_before_whether_somebody_exists(story: Lines, kind: Any) -> None:
    """On IRC; the log says the other first. Who moderates there is told that."""
    connection = "bob/1.2"
    refused = story.say(connection, "MODE", kind, "#tea", to="nobody")
    story.answer(connection, refused, code="482")
    assert story.promises() == set()
    story.append("role", "chatnet", "#tea", "owner", 18)
    story.log[-1] = replace(story.log[-1], more=More(to="bob"))
    story.draft("alice/1", "join", "#x", 19)
    for code in ("401", "482"):
        refused = story.say(connection, "MODE", kind, "#tea", to="nobody")
        story.answer(connection, refused, code=code)
        assert story.promises() == (set() if code == "401" else {"exactly_once"})


@pytest.mark.parametrize("is_another", [True, False])
def test_who_has_the_nick_later_is_not_whom_an_order_meant(story: Lines, is_another: bool) -> None:
    """They may be in the channel, and the log refuses to remove them. Who is there all the time is meant."""
    story.append("role", "chatnet", "#tea", "owner", 18)
    story.log[-1] = replace(story.log[-1], more=More(to="bob"))
    story.append("guest", "~dan", "~dan", "dan dan dan", 42)
    heard = story.draft("alice/1", "post", "heard before that", 41)
    for connection in (CAROL, "bob/1.2"):
        story.hear(connection, heard, "#@alice")
    refused = story.say("bob/1.2", "KICK", "remove", "#tea", to="~dan")
    if is_another:
        story.append("gone", "chatnet", "chatnet", "lost", 43)
        story.log[-1] = replace(story.log[-1], more=More(to="~dan"))
        story.append("guest", "~dan", "~dan", "dan dan dan", 44)
    story.answer("bob/1.2", refused, code="401")
    assert story.promises() == (set() if is_another else {"exactly_once"})


def test_refusals_are_of_the_drafts_of_lines(story: Lines) -> None:
    """What is recorded of lines becomes what is recorded of drafts."""
    events = Evidence(story.events, story.log).events
    assert [event.code for event in events if isinstance(event, Refused)] == ["404"]
    acknowledged = [event.seq for event in events if isinstance(event, Acknowledged)]
    assert acknowledged == [4, 5, 6, 7, 8, 9, 10, 11, 12]


# ---- who is typing ----


def test_who_types_is_told_to_members(story: Lines) -> None:
    """Somewhere between what was heard before that and behind it; of its author, too."""
    story.joins(BOB.replace("1.1", "1.2"), "#tea")
    story.joins(CAROL, "#tea")
    for target in ("#@alice", "#tea", "bob"):
        story.add(Typed, CAROL, by="bob", target=target)
    story.add(Typed, CAROL, by="alice", target="#@alice")
    assert story.promises() == set()
    events = list(story.events)
    for who, by, target in (
        *((CAROL, "alice", "#tea"), ("bob/1.2", "carol", "#cake"), ("bob/1.2", "alice", "#@carol")),
    ):
        story.add(Typed, who, by=by, target=target)
        assert story.promises() == {"who_types_is_told_to_members"}
        story.events = list(events)


def test_who_had_left_before_they_heard_more_is_told_of_nobody(story: Lines) -> None:
    connection = "bob/1.2"
    number = story.say(connection, "PART", "leave", "alice")
    left = story.commit(connection, number)
    story.answer(connection, number, seq=left.seq)
    story.add(Typed, connection, by="alice", target="#@alice")
    assert story.promises() == set()
    story.add(Typed, CAROL, by="alice", target="#@alice")
    story.events.pop()
    one = story.draft("alice/1", "post", "hi @bob", 19)
    story.hear(connection, one, "bob", context="#@alice")
    story.hear(CAROL, one, "#@alice")
    assert story.promises() == set()
    story.add(Typed, connection, by="alice", target="#@alice")
    assert story.promises() == {"who_types_is_told_to_members"}


def test_a_line_for_several_is_a_line_for_each(story: Lines) -> None:
    """Its text is in the log once in each room; one that is not, or is twice, is found."""
    both = [
        story.say("bob/1.2", "PRIVMSG", "post", room, "to both of you ~bob 1.2-1")
        for room in ("@alice", "@carol")
    ]
    told = [story.commit("bob/1.2", number) for number in both]
    events = list(story.events)
    for number, entry, other in zip(both, told, ("alice", "carol"), strict=True):
        story.hear("bob/1.2", entry, other)
        story.answer("bob/1.2", number, seq=entry.seq)
    story.hear(CAROL, told[1], "carol")
    assert check(Evidence(story.events, story.log)) == []
    story.log.append(replace(told[1], seq=15, key=told[1].key[:8] + b"\xff" * 8))
    assert "each_line_is_answered_once" in story.promises()
    story.events, story.log = events, story.log[:13]
    story.answer("bob/1.2", both[1])
    assert "durable" in story.promises()


def test_reactions_are_shown_as_such_to_who_reads_tags(story: Lines) -> None:
    """To others they would be empty lines; and they say to what."""
    number = story.say("bob/1.2", "TAGMSG", "post", "", "tea? ~bob 1.2-1", ref=7)
    entry = story.commit("bob/1.2", number)
    assert entry.more is not None
    story.log[-1] = entry = replace(entry, more=More(ref=entry.more.ref, reacts=True))
    story.answer("bob/1.2", number, seq=entry.seq)
    story.add(Started, "dan/1")
    told = Message(entry.seq, "bob", "#@bob", entry.text, True, form=REACTION, ref=7)
    for message in (told, replace(told, form=""), replace(told, ref=6), replace(told, ref=0)):
        events = list(story.events)
        story.add(Heard, "bob/1.2", message=message)
        assert story.promises() == (set() if message is told else {"each_line_is_heard_once"})
        story.events = events
    assert story.promises() == {"each_line_is_heard_once"}
    story.add(Heard, "bob/1.2", message=told)
    story.hear(CAROL, entry, "#@bob", form=REACTION)
    assert story.promises() == {"each_line_is_heard_once"}


def test_what_may_not_be_answered(story: Lines) -> None:
    """A post with the check of another one, or which not all can read who hear the answer."""
    number = story.say("bob/1.2", "PRIVMSG", "post", "", "which one? ~bob 1.2-1", ref=7, check_of=6)
    story.answer("bob/1.2", number, code="404")
    number = story.say("bob/1.2", "PRIVMSG", "post", "", "that is between us ~bob 1.2-2", ref=8)
    story.answer("bob/1.2", number, code="404")
    assert story.promises() == set()
    number = story.say("bob/1.2", "PRIVMSG", "post", "", "and this? ~bob 1.2-3", ref=7)
    story.answer("bob/1.2", number, code="404")
    assert story.promises() == {"exactly_once"}


@pytest.mark.parametrize("plays", [True, False])
def test_pages_with_what_was_done(story: Lines, plays: bool) -> None:
    """For who asked for that: each at its place, by whom, and with the text that the log has."""
    entry = story.append("describe", "alice", "alice", "of rain", 21)
    story.add(Sent, "alice/1", key=entry.key, kind="describe", room="alice", text=entry.text)
    story.add(Acknowledged, "alice/1", key=entry.key, seq=entry.seq)
    done = Message(entry.seq, "alice", "#@alice", "of rain", True, form="TOPIC")
    story.come("bob/1.3", True, plays)
    later = story.draft("alice/1", "post", "later", 22)
    for connection in ("bob/1.2", "bob/1.3", CAROL):
        story.hear(connection, later, "#@alice")
    last = story.log[10]
    pages: list[tuple[list[Entry | Message], bool]] = [
        ([last, done, later], plays),
        ([last, later], not plays),
        ([last, replace(done, by="bob"), later], False),
        ([last, replace(done, text="of tea"), later], False),
        ([last, replace(done, form="PART"), later], False),
        ([done, last, later], False),
    ]
    for page, is_good in pages:
        events = list(story.events)
        story.read("AFTER", 10, page)
        assert story.promises() == (set() if is_good else {"histories_have_no_gap"}), page
        story.events = events


def test_pages_with_who_was_banned(story: Lines) -> None:
    """They have left, as members are told live: neither by whom nor why."""
    story.come("bob/1.3", True, True)
    story.joins("bob/1.3", "#tea")
    came = story.joins(CAROL, "#tea")
    ban = Entry(came.seq + 1, came.time + 1, "ban", "chatnet", "#tea", "spam", b"b" * 16, More(to="carol"))
    story.log.append(ban)
    left = Message(ban.seq, "carol", "#tea", "", True, form="PART")
    for told in (
        left,
        replace(left, text="spam"),
        replace(left, by="chatnet", text="carol spam", form="KICK"),
    ):
        events = list(story.events)
        story.read("AFTER", came.seq, [told], room="#tea")
        assert story.promises() == (set() if told is left else {"histories_have_no_gap"}), told
        story.events = events


def test_a_page_of_a_private_room_begins_behind_the_entry_that_let_its_reader_in(story: Lines) -> None:
    """Who came before is in none, since it was not told to those who came later; nor is the reader's own
    coming, which each of their connections was told."""
    story.come("bob/1.3", True, True)

    def rule(kind: KindName, number: int, text: str = "", to: str = "") -> None:
        story.add(Sent, "alice/1", key=key(number), kind=kind, room="&den", text=text, to=to)
        entry = story.append(kind, "alice", "&den", text, number)
        story.log[-1] = replace(entry, more=More(to=to) if to else None)
        story.add(Acknowledged, "alice/1", key=key(number), seq=entry.seq)

    rule("create", 30, "joined")
    came = []
    for connection, number in ((CAROL, 31), ("bob/1.3", 32)):
        rule("invite", number, to=connection.partition("/")[0])
        came.append(story.joins(connection, "&den"))
    number = story.say(CAROL, "PART", "leave", "&den")
    left = story.commit(CAROL, number)
    story.answer(CAROL, number)
    shown = [Message(one.seq, one.user, "&den", "", True, form="JOIN") for one in came]
    shown.append(Message(left.seq, "carol", "&den", "", True, form="PART"))
    for told in (shown[2:], shown[1:], shown):
        events = list(story.events)
        story.read("AFTER", came[0].seq - 1, told, room="&den")
        assert story.promises() == (set() if told == shown[2:] else {"histories_have_no_gap"}), told
        story.events = events


def test_pages_with_a_guest_who_was_lost(story: Lines) -> None:
    """The primary says which entry let them in: that is told to nobody."""
    story.come("bob/1.3", True, True)
    story.joins("bob/1.3", "#tea")
    story.add(Started, "~dan/1")
    came = story.append("guest", "~dan", "~dan", "dan dan dan", 42)
    story.add(LoggedIn, "~dan/1.1", how="each")
    story.add(Negotiated, "~dan/1.1", echoes=True, own_talks=True, has_ids=True, catches_up=False)
    story.add(Said, "~dan/1.1", number=1, command="JOIN", kind="join", room="#tea")
    joined = story.append("join", "~dan", "#tea", "", 43)
    story.add(Answered, "~dan/1.1", number=1)
    story.add(Stopped, "~dan/1.1")
    gone = story.append("gone", "chatnet", "chatnet", "connection lost", 44)
    story.log[-1] = replace(gone, more=More(to="~dan", ref=Ref(came.seq, b"12345678")))
    shown = Message(gone.seq, "~dan", "#tea", "connection lost", True, form="QUIT")
    for told in (shown, replace(shown, ref=came.seq)):
        events = list(story.events)
        story.read("AFTER", joined.seq, [told], room="#tea")
        assert story.promises() == (set() if told is shown else {"histories_have_no_gap"}), told
        story.events = events


@pytest.mark.parametrize(("logs_in", "tried"), [(False, False), (True, False), (True, True)])
def test_who_is_somebody_else_misses_nothing(story: Lines, logs_in: bool, tried: bool) -> None:
    """A guest hears all up to the entry with which it is called otherwise, or gone; and whoever it is then,
    on the same connection, all behind that. Who ``tried`` to log in before, and could not, was a guest
    again."""
    guest, other = "~dan/1.1", "eve/dan-1.2" if logs_in else "~eve/dan-1.2"
    what = {"echoes": True, "own_talks": True, "has_ids": True, "catches_up": False}

    def say(text: str, number: int) -> Entry:
        story.add(Sent, "alice/1", key=key(number), kind="post", room="#tea", text=text)
        entry = story.append("post", "alice", "#tea", text, number)
        story.add(Acknowledged, "alice/1", key=key(number), seq=entry.seq)
        return entry

    story.draft("alice/1", "join", "#tea", 39)
    story.add(Started, "~dan/1")
    story.add(Started, other)
    if logs_in:
        story.append("register", "eve", "eve", "sha256:\u2026", 40)
        story.draft(other, "join", "#tea", 41)
    story.append("guest", "~dan", "~dan", "dan dan dan", 42)
    story.add(LoggedIn, guest, how="each")
    story.add(Negotiated, guest, **what)
    story.add(Said, guest, number=1, command="JOIN", kind="join", room="#tea")
    story.append("join", "~dan", "#tea", "", 43)
    story.add(Answered, guest, number=1)
    posts = [say("one", 44), say("two", 45)]
    if tried:
        failed = story.append("gone", "~dan", "~dan", "", 50)
        story.log[-1] = replace(failed, more=More(to="~dan"))
        story.append("guest", "~dan", "~dan", "dan dan dan", 51)
        say("heard by neither: who is a guest again is in no topic yet", 52)
    by = story.append("gone" if logs_in else "nick", "~dan", "~dan", "", 46)
    story.log[-1] = replace(by, more=More(to="~dan" if logs_in else "~eve"))
    posts += [say("three", 47), say("four", 48)]
    for missed in (None, *posts):
        events = list(story.events)
        for entry in posts:
            if entry.text == "three":
                story.add(Stopped, guest)
                story.add(LoggedIn, other, how="each")
                story.add(Negotiated, other, **what, before=guest)
            if entry is not missed:
                message = Message(entry.seq, "alice", "#tea", entry.text)
                story.add(Heard, guest if entry.seq < by.seq else other, message=message)
        broken = {"who_is_somebody_else_misses_nothing"} if missed in posts[1:3] else set()
        if missed in (posts[0], posts[3]):
            broken = {"each_line_is_heard_once"}
        assert story.promises() == broken, missed
        story.events = events


def test_who_takes_their_nick_again_has_said_what_each_of_them_said(story: Lines) -> None:
    """All keys of a connection begin alike: what was said as the same guest before it had another nick, and
    behind that, is told apart by where that is in the log."""
    first, between, again = "~dan/1.1", "~eve/dan-1.2", "~dan/1.3"
    for client in ("~dan/1", between, again):
        story.add(Started, client)
    story.append("guest", "~dan", "~dan", "dan dan dan", 42)

    def come(client: str, before: str = "") -> None:
        if before:
            story.add(Stopped, before)
        story.add(LoggedIn, client, how="each")
        what = {"echoes": False, "own_talks": False, "has_ids": False, "catches_up": False}
        story.add(Negotiated, client, **what, before=before)

    def say(client: str, number: int, kind: KindName) -> Entry:
        command = {"join": "JOIN", "leave": "PART"}[kind]
        story.add(Said, client, number=number, command=command, kind=kind, room="#tea")
        story.add(Answered, client, number=number)
        return story.append(kind, client.partition("/")[0], "#tea", "", 42 + number)

    def called(user: str, number: int, to: str) -> None:
        by = story.append("nick", user, user, f"{to[1:]} dan dan", 42 + number)
        story.log[-1] = replace(by, more=More(to=to))

    come(first)
    joined = say(first, 1, "join")
    called("~dan", 2, "~eve")
    come(between, first)
    say(between, 3, "leave")
    called("~eve", 4, "~dan")
    come(again, between)
    say(again, 5, "join")
    left = say(again, 6, "leave")
    log = story.log
    assert story.promises() == set()
    for lost in (joined, left):  # it was answered, and is not there
        story.log = [
            replace(entry, seq=seq)
            for seq, entry in enumerate((one for one in log if one.seq != lost.seq), 1)
        ]
        assert "durable" in story.promises()
    # In the log it is said by whom it was said before.
    early = [*log[: joined.seq], left, *log[joined.seq : -1]]
    story.log = [replace(entry, seq=seq) for seq, entry in enumerate(early, 1)]
    assert "durable" in story.promises()
