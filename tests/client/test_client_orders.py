"""Conversations, private rooms, orders and taking back: what is typed, what is sent, and what is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client.person import SINCE_1970, Person

from chatnet.client.events import Teller
from chatnet.client.manual import in_a_chat
from chatnet.client.orders import BLOCKED
from chatnet.cursor import Cursor
from chatnet.entries import Entry, More, Ref
from chatnet.errors import Barred, Forgotten
from chatnet.kinds import CLUSTER, EVENTS
from chatnet.names import is_name
from chatnet.reads import Invitation, Member
from chatnet.testing.fake_cluster import FakeCluster

KEYLESS = ("Login", "Chat", "Ping", "Resume", "History", "List", "Reported")


def sent(cluster: FakeCluster) -> list[tuple[str, dict[str, Any]]]:
    """Return the drafts that were sent, without their keys."""
    return [
        (name, {key: value for key, value in arguments.items() if key != "key"})
        for name, arguments in cluster.requests
        if name not in KEYLESS
    ]


@pytest.fixture
def bob(cluster: FakeCluster) -> str:
    """Let there be somebody to talk to."""
    cluster.secrets["bob"] = b""
    return "bob"


# ---- conversations ----


def test_what_is_told_is_said_in_a_conversation(cluster: FakeCluster, alice: Person, bob: str) -> None:
    """By TELL one line, by CHAT @NAME all, by SAY as well; in a chat with a slash before."""
    alice.type("TELL bob one  two", "tell @Bob three", "SAY @bob four", "CHAT @BOB", "five", "/tell bob six")
    alice.type("/chat", "seven")
    assert [(asked["text"], asked["room"]) for _, asked in cluster.asked("Post")] == [
        *((text, "@bob") for text in ("one  two", "three", "four", "five", "six")),
        ("seven", None),
    ]
    assert {entry.room for entry in cluster.entries} == {"alice=bob", "alice"}
    assert alice.seen() == [
        *(f"[@bob] alice: {text}" for text in ("one  two", "three", "four")),
        "What you type is posted in your own room now.",
    ]


def test_a_conversation_is_shown_by_the_other_s_name(cluster: FakeCluster, alice: Person) -> None:
    """In the newest and live; what one has said on another device, too. A private room has its own name."""
    cluster.append("post", "bob", "alice=bob", "old", b"o" * 16)
    alice.type("CHAT")
    cluster.append("post", "alice", "alice=bob", "from my phone", b"p" * 16)
    cluster.append("post", "bob", "&ops", "new", b"n" * 16)
    alice.network.settle()
    assert alice.seen() == ["[@bob] bob: old", "[@bob] alice: from my phone", "[&ops] bob: new"]


def test_an_action_is_told_as_one(cluster: FakeCluster, alice: Person) -> None:
    """A notice is shown as any post."""
    alice.type("CHAT")
    for number, form in enumerate(("action", "notice")):
        cluster.append("post", "bob", "bob", "waves", b"%016d" % number, More(form=form))  # type: ignore[arg-type]
        cluster.append("post", "bob", "#tea", "waves", b"%015dt" % number, More(form=form))  # type: ignore[arg-type]
    alice.network.settle()
    assert alice.seen() == ["* bob waves", "[#tea] * bob waves", "bob: waves", "[#tea] bob: waves"]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("TELL", "TELL takes a name and a text: TELL NAME TEXT."),
        ("TELL bob", "TELL takes a name and a text: TELL NAME TEXT."),
        ("TELL alice hi", "That would be a conversation with yourself."),
        ("SAY @alice hi", "That would be a conversation with yourself."),
        ("TELL b!b hi", "“b!b” is not a name"),
        ("CHAT @", "“” is not a name"),
    ],
)
def test_nothing_is_told_to_nobody(cluster: FakeCluster, alice: Person, typed: str, sentence: str) -> None:
    """Each mistake has its sentence, and nothing is posted anywhere."""
    alice.type(typed)
    assert alice.seen()[0].startswith(sentence)
    assert not cluster.asked("Post")


def test_a_reply_is_said_where_the_post_was(cluster: FakeCluster, alice: Person, bob: str) -> None:
    """In somebody's own room they alone post: it is said in one's own, and names them."""
    cluster.joined["#tea"] = None
    for number, room in enumerate(("#tea", "alice=bob", "bob")):
        cluster.append("post", "bob", room, f"in {room}", b"o%015d" % number)
    alice.type(
        "CHAT", "/reply 1 yes", "/reply 2 no", "/reply 3 perhaps", "/tell bob mine", "/reply 7 and more"
    )
    checks = [cluster.at(seq).check for seq in (1, 2, 3, 7)]
    assert [(entry.room, entry.text, entry.ref) for entry in cluster.entries[3:]] == [
        ("#tea", "yes", Ref(1, checks[0])),
        ("alice=bob", "no", Ref(2, checks[1])),
        ("alice", "@bob perhaps", Ref(3, checks[2])),
        ("alice=bob", "mine", None),
        ("alice=bob", "and more", Ref(7, checks[3])),
    ]
    alice.seen()
    alice.type("/history @bob")
    assert alice.seen() == [
        "2 [@bob] bob: in alice=bob",
        "5 [@bob] alice (to bob): no",
        "7 [@bob] alice: mine",
        "8 [@bob] alice (to alice): and more",
    ]


def test_whom_a_post_answers_is_shown(cluster: FakeCluster, alice: Person, bob: str) -> None:
    """By their name, or by the number of the post if that was not seen here."""
    cluster.say("bob", *map(str, range(25)))
    alice.type("CHAT")
    alice.seen()
    for number, form in ((2, ""), (20, "action")):
        more = More(ref=Ref(number, cluster.at(number).check), form=form)  # type: ignore[arg-type]
        cluster.append("post", "carol", "#tea", "right", b"a%015d" % number, more)
    alice.network.settle()
    assert alice.seen() == ["[#tea] carol (to 2): right", "[#tea] * carol (to bob) right"]


@pytest.mark.parametrize("typed", ["REPLY", "REPLY 1", "REPLY x hi", "REPLY ² hi"])
def test_a_mistyped_reply_is_not_posted(cluster: FakeCluster, alice: Person, typed: str) -> None:
    alice.type(typed, "REPLY 9 hi")
    misused, unseen = alice.seen()
    assert misused.startswith("REPLY takes")
    assert unseen.startswith("No post 9 was seen here")
    assert not cluster.asked("Post")


def test_no_word_that_stands_for_a_name_is_a_name() -> None:
    """A user who had it would be read as the reader, the operator or everybody."""
    teller = Teller("alice", lambda _: "", lambda _: "")
    of_alice, of_operator = (
        Entry(1, 0, "ban", user, "", "", b"", More(to="alice")) for user in ("alice", CLUSTER)
    )
    said = [teller.who(of_alice), teller.who(of_operator), teller.whom(of_operator)]
    assert said == ["You", "The operator", "you"]
    words = [word.lower() for word in " ".join(said).split() if word != "The"]
    for word in (*words, "everybody", "anybody", "somebody", "nobody", "moderators", "owner", CLUSTER):
        assert not is_name(word)


# ---- orders ----


@pytest.mark.parametrize(
    ("typed", "name", "arguments", "sentence"),
    [
        (
            "CREATE &Ops",
            "Create",
            {"room": "&ops", "history": "joined"},
            "Created &ops. INVITE &ops NAME lets somebody join it.",
        ),
        ("create &ops ALL", "Create", {"room": "&ops", "history": "all"}, "Created &ops. INVITE"),
        ("INVITE &ops @Bob", "Invite", {"room": "&ops", "to": "bob"}, "Invited bob to &ops."),
        (
            "REMOVE &ops bob",
            "Remove",
            {"room": "&ops", "to": "bob", "reason": None},
            "Removed bob from &ops.",
        ),
        (
            "REMOVE &ops bob too  loud",
            "Remove",
            {"room": "&ops", "to": "bob", "reason": "too  loud"},
            "Removed bob from &ops.",
        ),
        ("DESCRIBE #tea all of it", "Describe", {"room": "#tea", "text": "all of it"}, "Described #tea."),
        (
            "ROLE #tea bob Moderator",
            "SetRole",
            {"room": "#tea", "to": "bob", "role": "moderator"},
            "bob is a moderator of #tea now.",
        ),
        (
            "ROLE * bob admin",
            "SetRole",
            {"room": None, "to": "bob", "role": "admin"},
            "bob is an admin of this server now.",
        ),
        (
            "ROLE &ops bob none",
            "SetRole",
            {"room": "&ops", "to": "bob", "role": "none"},
            "bob has no role in &ops now.",
        ),
        (
            "BAN #tea bob",
            "Ban",
            {"room": "#tea", "to": "bob", "until": None, "mute": False, "reason": None},
            "Banned bob from #tea.",
        ),
        (
            "MUTE * bob 12H be kind",
            "Ban",
            {"room": None, "to": "bob", "until": 12 * 3_600_000, "mute": True, "reason": "be kind"},
            "Muted bob in this server for 12h.",
        ),
        (
            "BAN #tea bob 30m",
            "Ban",
            {"room": "#tea", "to": "bob", "until": 30 * 60_000, "mute": False, "reason": None},
            "Banned bob from #tea for 30m.",
        ),
        (
            "UNBAN #tea bob sorry",
            "Unban",
            {"room": "#tea", "to": "bob", "reason": "sorry"},
            "Lifted every ban and mute of bob in #tea.",
        ),
        (
            "POLICY &Ops Invite  members",
            "SetPolicy",
            {"room": "&ops", "name": "invite", "value": "members"},
            "In &ops, invite is members now.",
        ),
        (
            "POLICY * keep for ever",
            "SetPolicy",
            {"room": None, "name": "keep", "value": "for ever"},
            "In this server, keep is for ever now.",
        ),
        (
            "PURGE * bob spam",
            "Purge",
            {"room": None, "to": "bob", "reason": "spam"},
            "Took back all that bob said in this server.",
        ),
        ("BLOCK bob", "Block", {"to": "bob"}, BLOCKED.format(to="bob")),
        ("UNBLOCK @bob", "Unblock", {"to": "bob"}, "Unblocked bob."),
    ],
)
def test_an_order_is_sent_and_said(
    cluster: FakeCluster,
    alice: Person,
    bob: str,
    typed: str,
    name: str,
    arguments: dict[str, Any],
    sentence: str,
) -> None:
    """As it was typed, with names and rooms in their one spelling; also in a chat, where it is no post.
    Whoever gave it is not told of it a second time."""
    alice.type(typed)
    now = round((SINCE_1970 + alice.network.seconds()) * 1000)
    if arguments.get("until"):
        arguments = {**arguments, "until": pytest.approx(now + arguments["until"], abs=100)}
    assert sent(cluster) == [(name, arguments)]
    (said,) = alice.seen()
    assert said.startswith(sentence)
    alice.type("CHAT", f"/{typed}")
    assert sent(cluster)[1:] == [(name, arguments)]
    assert alice.seen() == [in_a_chat(said)]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("CREATE", "CREATE takes"),
        ("CREATE #ops", "CREATE takes"),
        ("CREATE &ops everything", "CREATE takes"),
        ("CREATE &", "“&” is not a room"),
        ("INVITE &ops", "INVITE takes"),
        ("INVITE &ops bob carol", "INVITE takes"),
        ("REMOVE &ops", "REMOVE takes"),
        ("REMOVE &ops b!b", "“b!b” is not a name"),
        ("DESCRIBE &ops", "DESCRIBE takes"),
        ("DESCRIBE &ops " + "x" * 501, "That has at most 500 characters"),
        ("ROLE &ops bob", "ROLE takes"),
        ("ROLE &ops bob king", "ROLE takes"),
        ("ROLE &ops bob admin", "ROLE takes"),
        ("ROLE * bob owner", "ROLE takes"),
        ("BAN #tea", "BAN takes"),
        ("BAN bob", "BAN takes"),
        ("MUTE #tea bob 3days", "MUTE takes"),
        ("BAN #tea bob 0m", "BAN takes"),
        ("BAN #tea bob 7 days", "BAN takes"),
        ("BAN #tea bob 7٣d", "BAN takes"),
        ("UNBAN #tea", "UNBAN takes"),
        ("POLICY bob keep 9d", "POLICY takes"),
        ("POLICY &ops invite", "The policy invite is moderators or members."),
        ("POLICY &ops direct off", "The policy direct is one of the whole server."),
        ("POLICY * direkt off", "There is no policy “direkt”: there are direct, invite, keep, signup."),
        ("BLOCK", "BLOCK takes"),
        ("UNBLOCK bob carol", "UNBLOCK takes"),
        ("PURGE #tea", "PURGE takes"),
        ("REDACT", "REDACT takes"),
        ("REDACT x", "REDACT takes"),
        ("REDACT " + "9" * 30, "REDACT takes"),
        ("REDACT 7", "No post 7 was seen here: HISTORY ROOM shows posts with their numbers."),
        ("MEMBERS", "MEMBERS takes"),
        ("MEMBERS #tea #coffee", "MEMBERS takes"),
        ("HISTORY", "HISTORY takes"),
        ("HISTORY #tea first", "HISTORY takes"),
        ("HISTORY #tea 1 2", "HISTORY takes"),
        ("ROOMS all", "ROOMS takes"),
    ],
)
def test_a_mistyped_order_is_not_given(
    cluster: FakeCluster, alice: Person, bob: str, typed: str, sentence: str
) -> None:
    """One sentence says how it is typed, in a chat with a slash, and nothing is posted."""
    alice.type(typed, "CHAT", "/" + typed)
    said, in_chat = alice.seen()
    assert said.startswith(sentence)
    assert in_chat == in_a_chat(said)
    assert not sent(cluster)


def test_policies_are_shown(cluster: FakeCluster, alice: Person) -> None:
    """Those of a room, or of all of the server."""
    cluster.policies = {"direct": "all", "keep": "9d"}
    alice.type("POLICY", "POLICY *", "POLICY &ops")
    shown = ["\tdirect: all", "\tkeep: 9d"]
    server = ["The policies of this server:", *shown]
    assert alice.seen() == [*server, *server, "The policies of &ops:", *shown]
    assert [asked for _, asked in cluster.asked("Policies")] == [{"room": None}] * 2 + [{"room": "&ops"}]


def test_what_a_server_refuses_is_said(alice: Person) -> None:
    """In its words."""
    alice.type("INVITE &ops noname")
    assert alice.seen() == ["There is no user noname."]


def test_an_order_is_given_once(cluster: FakeCluster, alice: Person, bob: str) -> None:
    """It is sent again on the next link, with its key, before what was typed behind it."""
    cluster.mute = True
    alice.type("BAN #tea bob", "TELL bob sorry")
    cluster.mute = False
    alice.network.cut()
    alice.network.pass_time(1)
    assert [entry.kind for entry in cluster.entries] == ["ban", "post"]
    first, second = cluster.asked("Ban")
    assert first == second
    assert "Banned bob from #tea." in alice.seen()


def test_an_interrupt_counts_an_order_once(cluster: FakeCluster, alice: Person, bob: str) -> None:
    """It waits for its answer."""
    cluster.mute = True
    alice.type("INVITE &ops bob")
    alice.stop()
    assert alice.stdio.said == [
        "Left before all was acknowledged: 1 of what you typed may not have been done."
    ]


# ---- what happens ----


@pytest.mark.parametrize(
    ("kind", "user", "room", "text", "to", "until", "sentence"),
    [
        ("create", "alice", "&ops", "all", "", 0, "You made the private room &ops."),
        ("invite", "bob", "&ops", "", "alice", 0, "bob invites you to &ops: /join &ops."),
        ("invite", "alice", "&ops", "", "bob", 0, "You invited bob to &ops."),
        ("remove", "carol", "&ops", "reason", "bob", 0, "carol removed bob from &ops: reason."),
        ("remove", "carol", "&ops", "go!", "alice", 0, "carol removed you from &ops: go!"),
        ("describe", "bob", "#tea", "leaves", "", 0, "bob described #tea: leaves."),
        ("describe", "bob", "#tea", "", "", 0, "bob took the description of #tea away."),
        ("role", "bob", "&ops", "owner", "alice", 0, "bob made you an owner of &ops."),
        ("role", "chatnet", "", "admin", "alice", 0, "The operator made you an admin of this server."),
        ("role", "bob", "&ops", "none", "carol", 0, "bob took from carol the role in &ops."),
        ("ban", "bob", "#tea", "spam", "carol", 0, "bob banned carol from #tea: spam."),
        ("ban", "bob", "", "", "carol", 60_000,
         "bob banned carol from this server until 1970-01-01T00:01:00+00:00."),
        ("mute", "bob", "#tea", "", "alice", 0, "bob muted you in #tea."),
        ("unban", "bob", "#tea", "", "alice", 0, "bob lifted every ban and mute of you in #tea."),
        ("policy", "bob", "&ops", "invite members", "", 0, "bob decided for &ops: invite is members."),
        ("policy", "chatnet", "", "direct staff", "", 0,
         "The operator decided for this server: direct is staff."),
        ("purge", "bob", "#tea", "spam", "alice", 0, "bob took back all that you said in #tea: spam."),
        ("disable", "chatnet", "", "", "alice", 0, "The operator disabled your account."),
        ("enable", "bob", "", "back", "carol", 0, "bob enabled the account of carol: back."),
        ("block", "alice", "alice", "", "bob", 0, "You blocked bob."),
        ("unblock", "alice", "alice", "", "bob", 0, "You unblocked bob."),
    ],
)  # fmt: skip
def test_what_happens_is_told_in_plain_words(
    cluster: FakeCluster,
    alice: Person,
    kind: str,
    user: str,
    room: str,
    text: str,
    to: str,
    until: int,
    sentence: str,
) -> None:
    """One line each."""
    alice.type("CHAT")
    cluster.order(kind, user, room, text, to, until)
    alice.network.settle()
    assert alice.seen() == [sentence]


@pytest.mark.parametrize(
    ("user", "room", "to", "joined", "sentence"),
    [
        ("bob", "#tea", "carol", "#tea", "bob took back all that carol said in #tea: spam."),
        ("bob", "#tea", "carol", "#teapot", ""),
        ("bob", "#tea", "alice", "", "bob took back all that you said in #tea: spam."),
        ("alice", "#tea", "carol", "", "You took back all that carol said in #tea: spam."),
        ("bob", "&ops", "carol", "", "bob took back all that carol said in &ops: spam."),
        ("bob", "", "carol", "", "bob took back all that carol said in this server: spam."),
    ],
)
def test_a_purge_in_a_topic_is_told_to_whom_it_concerns(
    cluster: FakeCluster, alice: Person, user: str, room: str, to: str, joined: str, sentence: str
) -> None:
    """Everybody hears of it, since they may have such a post by another room: the others read no line."""
    alice.type("CHAT")
    if joined:
        cluster.joined[joined] = None
    cluster.order("purge", user, room, "spam", to)
    cluster.append("post", "bob", "bob", "hi", b"h" * 16)
    alice.network.settle()
    assert sorted(alice.seen()) == sorted([sentence, "bob: hi"] if sentence else ["bob: hi"])


def test_every_event_has_its_words() -> None:
    """Whatever becomes an event must be told, also where the log has less of it than it should. What is too
    old goes without a word: it does so each day, in each room; so do guests, as users leave a room."""
    teller = Teller("alice", str, lambda seq: "")
    for kind in EVENTS - {"expire", "gone"}:
        assert teller.sentence(Entry(1, 0, kind, "bob", "#tea", "", b"k" * 16)).endswith(".")
    assert teller.sentence(Entry(1, 0, "dance", "bob", "#tea", "", b"k" * 16)) == ""


def test_what_others_write_in_orders_cannot_command_the_terminal(cluster: FakeCluster, alice: Person) -> None:
    """A reason, even if a server let it through."""
    alice.type("CHAT")
    cluster.order("remove", "bob", "&ops", "\x1b[2J", "alice")
    alice.network.settle()
    assert alice.seen() == ["bob removed you from &ops: ‹U+001B›[2J."]


# ---- taking back ----


def test_a_post_is_taken_back_by_its_number(cluster: FakeCluster, alice: Person) -> None:
    """The server is told which post was meant: one's own without having read it, others' once seen."""
    cluster.append("post", "bob", "#tea", "oops", b"o" * 16)
    checks = [Cursor.at("fake", cluster.entries[0]).check]
    alice.type("HISTORY #tea", "SAY alice mine", "REDACT 1 said in haste", "redact 2")
    checks.append(Cursor.at("fake", cluster.entries[1]).check)
    assert [arguments for name, arguments in sent(cluster) if name == "Redact"] == [
        {"seq": 1, "check": checks[0], "reason": "said in haste"},
        {"seq": 2, "check": checks[1], "reason": None},
    ]
    assert alice.seen() == ["1 [#tea] bob: oops", "Took post 1 back.", "Took post 2 back."]


def test_what_is_taken_back_is_told(cluster: FakeCluster, alice: Person) -> None:
    """By whom, and whose it was, if that was seen here."""
    cluster.say("bob", "never seen", *map(str, range(19)))
    cluster.say("alice", "mine")
    alice.type("CHAT")
    alice.seen()
    cluster.take_back("carol", 20)
    cluster.take_back("carol", 21, "not here")
    cluster.take_back("bob", 2, "oops")
    cluster.take_back("carol", 1)
    alice.network.settle()
    assert alice.seen() == [
        "carol took a post of bob's back.",
        "carol took a post of yours back: not here.",
        "bob took a post back: oops.",
        "carol took a post back.",
    ]


def test_who_is_forgotten_is_told_to_who_has_seen_them(cluster: FakeCluster, alice: Person) -> None:
    """One sentence; nothing of strangers."""
    cluster.say("bob", "hi")
    alice.type("CHAT")
    alice.seen()
    for user, by in (("carol", "carol"), ("bob", "bob"), ("bob", "chatnet")):
        cluster.order("forget", by, "" if by == "chatnet" else by, "", user)
    alice.network.settle()
    assert alice.seen() == [
        "bob left for good, and took back all that bob ever said.",
        "The operator took back all that bob ever said, and ended that account.",
    ]


def test_what_was_taken_back_is_shown_as_that(cluster: FakeCluster, alice: Person) -> None:
    """In the newest, and in history."""
    cluster.append("post", "bob", "#tea", "gone", b"o" * 16, More(form="action"))
    cluster.take_back("bob", 1)
    alice.type("HISTORY #tea", "CHAT")
    assert alice.seen() == ["1 [#tea] bob: (taken back)", "[#tea] bob: (taken back)"]


def test_a_post_is_reported_by_its_number(cluster: FakeCluster, alice: Person) -> None:
    """With what is wrong with it."""
    cluster.append("post", "bob", "#tea", "you fool", b"o" * 16)
    alice.type("HISTORY #tea", "REPORT 1 be kind", "report 2 x", "REPORT 1", "REPORT x y")
    check = Cursor.at("fake", cluster.entries[0]).check
    assert sent(cluster) == [("ReportPost", {"seq": 1, "check": check, "reason": "be kind"})]
    first, done, unseen, *misused = alice.seen()
    assert first == "1 [#tea] bob: you fool"
    assert done == "Reported post 1: moderators are told, and can read it."
    assert unseen.startswith("No post 2 was seen here")
    assert [sentence[:12] for sentence in misused] == ["REPORT takes"] * 2


def test_a_moderator_sees_what_was_reported(cluster: FakeCluster, alice: Person) -> None:
    """With its number, by which it can be taken back; what is gone already is said to be."""
    alice.type("CHAT")
    cluster.append("post", "mallory", "&ops", "you fool", b"o" * 16)
    alice.network.settle()
    alice.seen()
    for number, reason in ((2, "rude"), (4, "")):
        ref = Ref(1, cluster.at(1).check)
        cluster.append("report", "bob", "bob", reason, b"r%015d" % number, More(ref=ref))
        alice.network.settle()
        if number == 2:
            cluster.take_back("mallory", 1)
            alice.network.settle()
    assert alice.seen() == [
        "bob reported post 1 to moderators: rude.",
        "1 [&ops] mallory: you fool",
        "mallory took a post back.",
        "bob reported post 1 to moderators.",
        "What was reported is gone.",
    ]


# ---- what there is ----


def test_history_shows_numbers(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """The newest 20, or those before a number; with --times also when."""
    cluster.time = 1_795_867_200_000
    cluster.append("post", "bob", "alice=bob", "hi", b"o" * 16)
    cluster.say("bob", *map(str, range(2, 30)))
    alice = new_person(times=True).start()
    alice.type("HISTORY @bob", "HISTORY bob 4", "HISTORY bob 2", "HISTORY #tea", "HISTORY bob")
    stamp = "2026-11-28T12:00:00+00:00"
    said = alice.seen()
    assert said[1:6] == [
        f"1 {stamp} [@bob] bob: hi",
        f"2 {stamp} bob: 2",
        f"3 {stamp} bob: 3",
        "This is the beginning of bob.",
        "Nothing was said in #tea.",
    ]
    assert said[6:] == [f"{number} {stamp} bob: {number}" for number in range(10, 30)]


def test_members_are_shown_in_pages(cluster: FakeCluster, alice: Person) -> None:
    """With their roles, and what the room is about."""
    cluster.members = [Member("alice", "owner"), Member("bob", ""), Member("carol", "moderator")]
    alice.type("MEMBERS &ops")
    cluster.about = "what breaks"
    alice.type("MEMBERS &OPS")
    members = ["\talice (owner)", "\tbob", "\tcarol (moderator)"]
    assert alice.seen() == ["Members of &ops:", *members, "Members of &ops (what breaks):", *members]


def test_who_somebody_is(cluster: FakeCluster, alice: Person, bob: str) -> None:
    """Their role and the rooms that both are in; and whether they are blocked."""
    cluster.time, cluster.joined = 60_000, {"#tea": None, "&ops": None}
    alice.type("WHOIS @Bob", "WHOIS alice", "BLOCK bob", "WHOIS bob", "WHOIS zoe", "WHOIS", "WHOIS b!b")
    since = "since 1970-01-01T00:01:00+00:00"
    *told, nobody, misused, odd = alice.seen()
    assert told == [
        f"bob is known here {since}, and is an admin of this server.",
        "Rooms you share:",
        "\t#tea",
        "\t&ops",
        f"alice is known here {since}, and is an admin of this server.",
        BLOCKED.format(to="bob"),
        f"bob is known here {since}.",
        "You block bob.",
        "You share no room.",
    ]
    assert (nobody, misused) == ("There is no user zoe.", "WHOIS takes a name: WHOIS NAME.")
    assert odd.startswith("“b!b” is not a name")


def test_who_was_away_is_told_of_invitations(cluster: FakeCluster, new_person: Callable[..., Person]) -> None:
    """At the login, the first few; INVITATIONS shows all of them, and until when each is good."""
    cluster.invitations = [Invitation(f"&{number}", "bob", 60_000) for number in range(9)]
    alice = new_person().start()
    assert alice.seen()[1:] == [
        *(f"bob invites you to &{number}: JOIN &{number}." for number in range(5)),
        "There are more invitations: INVITATIONS shows them.",
    ]
    alice.type("INVITATIONS", "INVITATIONS now")
    assert alice.seen() == [
        *(f"bob invites you to &{number}, until 1970-01-01T00:01:00+00:00." for number in range(9)),
        "INVITATIONS takes nothing after it; nothing was done.",
    ]
    cluster.invitations = [Invitation("&class", "chatnet", 60_000)]  # by a code of the operator's
    alice.type("INVITATIONS")
    assert alice.seen() == ["The operator invites you to &class, until 1970-01-01T00:01:00+00:00."]
    cluster.invitations = []
    alice.type("INVITATIONS")
    assert alice.seen() == ["No invitation is open. Who is in a private room invites by INVITE."]


def test_one_s_rooms_are_shown(cluster: FakeCluster, alice: Person) -> None:
    """Those one has joined, private ones too, and one's conversations, the newest first."""
    for room in ("#tea", "&ops", "bob"):
        cluster.joined[room] = None
    for number, room in enumerate(("alice=zoe", "alice=bob", "aaron=alice", "alice=zoe")):
        cluster.append("post", "alice", room, "hi", b"%016d" % number)
    alice.type("ROOMS")
    assert alice.seen() == [
        "Rooms you have joined:", "\t#tea", "\t&ops", "\tbob",
        "Your conversations, the newest first:", "\t@zoe", "\t@aaron", "\t@bob",
    ]  # fmt: skip


# ---- the end ----


def test_a_banned_client_ends(cluster: FakeCluster, alice: Person) -> None:
    """At once, with the server's sentence and the status 1; it does not come back."""
    alice.type("CHAT")
    sentence = str(Barred.of(name="alice"))
    cluster.sessions[0].end("BARRED", sentence)
    alice.network.pass_time(3)
    assert alice.stdio.said == [sentence]
    assert alice.exit_status() == 1
    assert not cluster.asked("Resume")


@pytest.mark.parametrize("was_here", [True, False])
def test_whoever_is_banned_cannot_log_in(
    cluster: FakeCluster, new_person: Callable[..., Person], was_here: bool
) -> None:
    """The client ends with the server's sentence, and keeps its secret: a ban may be lifted."""
    if was_here:
        new_person().start().stop()
    cluster.barred = {"alice"}
    person = new_person().start()
    assert person.stdio.said == ["alice is banned from this server."]
    assert person.exit_status() == 1
    cluster.barred = set()
    assert new_person().start().seen() == ["Logged in as alice."]


# ---- FORGET ----


@pytest.fixture
def attended(new_person: Callable[..., Person]) -> Person:
    """Return somebody at a terminal."""
    person = new_person(tty_password="").start()
    person.seen()
    return person


def test_who_answers_twice_is_forgotten(cluster: FakeCluster, attended: Person) -> None:
    """The secret is shown once more, and the client ends with the server's sentence."""
    attended.type("FORGET", "alice", " Forget me ")
    (asked,) = cluster.asked("Forget")
    assert asked[-1]["secret"] == cluster.secrets["alice"]
    attended.network.pass_time(3)
    assert attended.stdio.said == [str(Forgotten.of(name="alice"))]
    assert not cluster.asked("Resume")
    assert not [*(attended.directory / "chatnet" / "identities").glob("*/*")]  # nor is the secret kept


@pytest.mark.parametrize("answers", [("no",), ("bob",), ("alice", "yes"), ("alice", "")])
def test_who_does_not_answer_twice_is_not_forgotten(
    cluster: FakeCluster, attended: Person, answers: tuple[str, ...]
) -> None:
    """Nothing is sent, and what is typed next is a command again."""
    attended.type("FORGET", *answers, "HELP")
    assert not cluster.asked("Forget")
    assert "Nothing was taken back." in attended.seen()


def test_nobody_is_forgotten_by_a_pipe(cluster: FakeCluster, alice: Person) -> None:
    """Lines of a file are no answers."""
    alice.type("FORGET", "alice", "forget me")
    assert not cluster.asked("Forget")
    assert alice.seen()[0] == "FORGET asks twice: somebody has to be at the terminal. Nothing was done."
