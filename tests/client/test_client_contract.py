"""What is typed and what is seen, word for word."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wcwidth
from client.person import WORKER, Person

from chatnet.client.commands import NOT_POSTED, PASSWORD_SET
from chatnet.client.line import OUTPUT_FULL, READER_GONE
from chatnet.client.manual import COMMANDS, HELP, explained, in_a_chat
from chatnet.client.pending import PendingRequests
from chatnet.entries import Entry
from chatnet.errors import BadRoom, CannotStart
from chatnet.limits import Limits
from chatnet.names import quoted
from chatnet.testing.fake_cluster import FakeCluster, FakeSession, Network
from chatnet.wire.session import Chat, Join, List


def test_join_and_leave(cluster: FakeCluster, alice: Person) -> None:
    """Commands are read in any case; refusals are shown in the cluster's words."""
    cluster.secrets["bob"] = b""
    alice.type("JOIN bob", "join BOB", "Join noname", "LEAVE bob", "leave bob")
    assert alice.seen() == [
        "Joined bob.",
        "You have already joined bob.",
        "No such room: noname.",
        "Left bob.",
        "You have not joined bob.",
    ]


def test_list_pages_through_everything(cluster: FakeCluster, alice: Person) -> None:
    """All rooms are listed, whatever a page holds; then the joined ones."""
    for name in ("bob", "carol", "dave", "eve"):
        cluster.secrets[name] = b""
    alice.type("JOIN bob", "JOIN eve", "LIST")
    assert alice.seen()[2:] == [
        "All rooms:", "\talice", "\tbob", "\tcarol", "\tdave", "\teve",
        "Rooms you have joined:", "\tbob", "\teve",
    ]  # fmt: skip
    alice.type("list noname")
    assert alice.seen() == ["All rooms:", "Rooms you have joined:"]


@pytest.mark.parametrize("answer", [{}, {"joined": ["r"] * 201, "is_growing": True}])
def test_a_list_that_does_not_go_on_is_ended(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person], answer: dict[str, Any]
) -> None:
    """A worker sends the same page again and again, or more joined rooms than anybody may have."""
    pages = iter(range(1_000_000, 2_000_000))

    class Liar(FakeSession):
        @List.responder
        def list_rooms(self, prefix: str, after: str, mine: bool | None) -> Any:
            self._note("List")
            number = next(pages) if "is_growing" in answer else 0
            return {"rooms": [f"r{number}"], "joined": answer.get("joined", []), "more": True}

    network.listeners[WORKER] = lambda: Liar(cluster)
    person = new_person().start()
    person.type("LIST")
    assert person.seen()[-1] == "The worker says what no worker says: a list of rooms that does not go on."
    assert len(cluster.asked("List")) in (2, 10)


def test_a_list_without_end_is_ended(cluster: FakeCluster, new_person: Callable[..., Person]) -> None:
    """It is said that there is more."""
    alice = new_person(limits=Limits(list_pages=2)).start()
    assert alice.seen() == ["Logged in as alice."]
    for name in ("bob", "carol", "dave", "eve"):
        cluster.secrets[name] = b""
    alice.type("LIST")
    assert alice.seen()[4:] == [
        "\tdave",
        "There are more: LIST PREFIX shows those that begin with PREFIX.",
        "Rooms you have joined:",
    ]


def test_chat_begins_with_the_newest_and_goes_on_live(cluster: FakeCluster, alice: Person) -> None:
    """The newest 20 come oldest first, then live ones; own posts are not shown again."""
    cluster.say("bob", *(f"old {number}" for number in range(30)))
    alice.type("CHAT")
    assert alice.seen() == [f"bob: old {number}" for number in range(10, 30)]
    alice.type("hello", "", "   ", "world")
    cluster.say("bob", "hi")
    alice.network.settle()
    assert alice.seen() == ["bob: hi"]
    assert [arguments["text"] for _, arguments in cluster.asked("Post")] == ["hello", "world"]


@pytest.mark.parametrize(
    ("time", "stamp"),
    [
        (1_795_867_200_999, "2026-11-28T12:00:00+00:00"),
        (0, "1970-01-01T00:00:00+00:00"),
        ((1 << 63) - 1, "-"),
    ],
)
def test_posts_begin_with_their_times_if_wanted(
    cluster: FakeCluster, new_person: Callable[..., Person], time: int, stamp: str
) -> None:
    """They are the log's, also if no calendar has them; the other lines are as they were."""
    cluster.time = time
    cluster.say("bob", "old")
    person = new_person(times=True).start()
    person.type("CHAT", "/nope")
    cluster.say("bob", "new")
    person.network.settle()
    logged_in, old, unknown, new = person.seen()
    assert (logged_in, old, new) == ("Logged in as alice.", f"{stamp} bob: old", f"{stamp} bob: new")
    assert unknown.startswith("Unknown command")


def test_quit_goes_back_to_commands(cluster: FakeCluster, alice: Person) -> None:
    """After ``/quit`` nothing live is shown, and a second CHAT begins with the newest again."""
    alice.type("CHAT", "hello", "/quit")
    cluster.say("bob", "unheard")
    alice.network.settle()
    assert alice.seen() == []
    alice.type("NOPE", "CHAT")
    assert alice.seen() == [
        "Unknown command: NOPE. HELP lists them.",
        "alice: hello",
        "bob: unheard",
    ]


def test_commands_work_while_chatting(cluster: FakeCluster, alice: Person) -> None:
    """They begin with a slash, in any case and behind spaces; they are no posts, and the chat goes on."""
    cluster.secrets["bob"] = b""
    alice.type("CHAT", "/join bob", "  /LIST b", "/chat", "/help", "hello", "/leave bob", "bye")
    said = alice.seen()
    assert said[:6] == [
        "Joined bob.",
        "All rooms:",
        "\tbob",
        "Rooms you have joined:",
        "\tbob",
        "What you type is posted in your own room now.",
    ]
    assert said[6:-1] == in_a_chat(HELP).splitlines()
    assert said[6].startswith("/chat ")
    assert said[-1] == "Left bob."
    cluster.say("bob", "still here")
    alice.network.settle()
    assert alice.seen() == ["bob: still here"]
    assert [arguments["text"] for _, arguments in cluster.asked("Post")] == ["hello", "bye"]


def posted(cluster: FakeCluster) -> list[tuple[str, str | None]]:
    """Return what was asked to be posted, and where."""
    return [(asked["text"], asked["room"]) for _, asked in cluster.asked("Post")]


def test_what_is_said_in_a_topic_is_posted_there(cluster: FakeCluster, alice: Person) -> None:
    """By SAY one line, by CHAT ROOM all, however the topic is spelled; CHAT goes back to one's own room."""
    cluster.joined["#tea"] = None
    alice.type("SAY #Tea one  two", "CHAT #TEA", "three", "/say Alice four", "/chat", "five", "/chat #tea")
    alice.type("six", "/quit", "say #tea seven", "CHAT", "eight")
    assert posted(cluster) == [
        ("one  two", "#tea"),
        ("three", "#tea"),
        ("four", None),
        ("five", None),
        ("six", "#tea"),
        ("seven", "#tea"),
        ("eight", None),
    ]


def test_what_is_heard_elsewhere_than_in_its_author_s_room_is_shown_with_its_room(
    cluster: FakeCluster, alice: Person
) -> None:
    """In the newest and live."""
    cluster.append("post", "bob", "#tea", "old", b"o" * 16)
    alice.type("CHAT")
    cluster.append("post", "bob", "#tea", "new", b"n" * 16)
    cluster.say("bob", "at home")
    alice.network.settle()
    assert alice.seen() == ["[#tea] bob: old", "[#tea] bob: new", "bob: at home"]


def test_nothing_is_posted_where_it_cannot_be(cluster: FakeCluster, alice: Person) -> None:
    """Nor anywhere else: what was meant for a room that is refused may be for nobody else's eyes."""
    cluster.secrets["bob"] = b""
    alice.type("SAY #tea", "SAY", "SAY bob hi", "SAY tea! hi")
    for room in ("bob", "#"):
        alice.type(f"CHAT {room}")
    alice.type("CHAT", "/chat bob", "for bob alone", "/chat", "home")
    alice.type("/chat #tea", "away", "/chat", "home again")
    bobs = "In the room bob only bob posts; a topic begins with #: #bob, a conversation with @: @bob."
    assert alice.seen() == [
        "SAY takes a room and a text: SAY #TOPIC TEXT.",
        "SAY takes a room and a text: SAY #TOPIC TEXT.",
        bobs,
        str(BadRoom.of(room=quoted("tea!"))),
        bobs,
        str(BadRoom.of(room=quoted("#"))),
        bobs,
        "That was posted nowhere: /chat #TOPIC says where, or /chat, for your own room.",
        "What you type is posted in your own room now.",
        "You have not joined #tea.",
        "That was posted nowhere: /chat #TOPIC says where, or /chat, for your own room.",
        "What you type is posted in your own room now.",
    ]
    assert posted(cluster) == [("home", None), ("home again", None)]


@pytest.mark.parametrize("chat", ["CHAT", "/chat"])
@pytest.mark.parametrize(
    ("room", "why"),
    [
        ("#tea", "You have not joined #tea."),
        ("&Nope", "No such room: &nope."),
        ("&secret", "No such room: &secret."),
        ("@carol", "There is no user carol."),
    ],
)
def test_where_one_may_not_post_is_said_before_anything_is_typed(
    chat: str, room: str, why: str, cluster: FakeCluster, alice: Person
) -> None:
    """Where one is not, and where nothing is; of a private room by the same sentence and the same question,
    whether others have it or nobody has."""
    cluster.append("create", "bob", "&secret", "joined", b"s" * 16)
    if chat == "/chat":
        alice.type("CHAT")
    alice.type(f"{chat} {room}", "hello")
    assert alice.seen()[0] == why
    assert posted(cluster) == []
    asked = [name for name, _ in cluster.requests if name in ("List", "WhoIs", "Members", "History")]
    assert asked == ["WhoIs" if room[0] == "@" else "List"]


@pytest.mark.parametrize(
    ("typed", "word", "near"),
    [
        ("/jion bob is a fool", "/jion", " Did you mean /join?"),
        ("  /xyzzy secret", "/xyzzy", ""),
        ("/", "/", ""),
        ("/ join bob", "/", ""),
        ("/usr/lib", "/usr/lib", ""),
    ],
)
def test_a_mistyped_command_is_never_posted(
    cluster: FakeCluster, alice: Person, typed: str, word: str, near: str
) -> None:
    """What comes behind it may be for one person alone."""
    alice.type("CHAT", typed, "after")
    assert alice.seen() == [
        f"Unknown command: {word}.{near} /help lists them; two slashes post a line that begins with one."
    ]
    assert [arguments["text"] for _, arguments in cluster.asked("Post")] == ["after"]


@pytest.fixture
def attended(cluster: FakeCluster, new_person: Callable[..., Person]) -> Person:
    """Return Alice, logged in, at a terminal with plain lines."""
    cluster.secrets["bob"] = b""
    cluster.joined["#tea"] = None
    person = new_person(tty_password="secret").start()
    assert person.seen() == ["Logged in as alice."]
    return person


@pytest.mark.parametrize(
    ("room", "why"),
    [
        ("nosuch", "There is no user nosuch, and so no such room; a topic begins with #: #nosuch"),
        ("bob", "In the room bob only bob posts; a topic begins with #: #bob, a conversation with @: @bob"),
        ("#nosuch", "You have not joined #nosuch (/join does that)"),
        ("&nosuch", "No such room: &nosuch"),
        ("&secret", "No such room: &secret"),
        ("@nosuch", "There is no user nosuch"),
        ("@alice", "That would be a conversation with yourself"),
        ("#", str(BadRoom.of(room=quoted("#"))).removesuffix(".")),
    ],
)
@pytest.mark.parametrize(("begin", "where"), [("CHAT", "your own room"), ("CHAT #tea", "#tea")])
def test_who_cannot_go_to_a_room_stays_where_they_are(
    cluster: FakeCluster, attended: Person, begin: str, where: str, room: str, why: str
) -> None:
    """One sentence says why, and where that is; of a private room the same, whether there is one."""
    cluster.append("create", "bob", "&secret", "joined", b"s" * 16)
    attended.type(begin)
    attended.type(f"/chat {room}")
    attended.type("hello")
    assert attended.seen() == [f"{why}; what you type is posted in {where}, as before."]
    assert posted(cluster) == [("hello", "#tea" if where == "#tea" else None)]
    attended.type("/leave #tea", f"/chat {room}")
    said = attended.seen()[-1]
    assert (
        said
        == f"{why}; what you type is posted {'nowhere' if where == '#tea' else f'in {where}'}, as before."
    )


def test_what_was_typed_before_one_could_read_of_a_refusal_is_posted_nowhere(
    cluster: FakeCluster, attended: Person
) -> None:
    """It is meant for the room that is refused. Commands are done; a CHAT that is not refused ends it, and so
    does what is typed later."""
    attended.type("CHAT #tea", "/chat &ops", "secret", "/whois bob", "more")
    assert [line for line in attended.seen() if "nowhere" in line] == 2 * [NOT_POSTED]
    attended.type(
        "all may hear", "/chat &ops", "secret", "/chat", "home", "/chat &ops", "/password", "a secret"
    )
    attended.type("at last")
    assert posted(cluster) == [("all may hear", "#tea"), ("home", None), ("at last", None)]
    attended.stdio.protocol.dataReceived(b"/chat &ops\nsecret, too\nand half")
    attended.network.settle()
    attended.type(" a line", "heard")
    assert posted(cluster)[3:] == [("heard", None)]
    attended.type("/quit", "quit")
    assert (attended.stdio.said, attended.exit_status()) == ([], 0)


@pytest.mark.parametrize(
    ("typed", "count", "said"),
    [
        (["CHAT", "/chat #nosuch", "a", "b", "/chat", "c"], 2, ["c"]),
        (["CHAT", "/chat nosuch", "a", "/whois alice", "/chat @x", "b"], 2, []),
        (["CHAT #nosuch", "a", "", "JOIN #tea", "/quit", "LIST"], 2, []),
        (["CHAT", b"\xff", "x" * 2001, "\x1b", "b"], 3, ["b"]),
        (["CHAT", "/usr/bin is full", "//usr/lib is not", "a"], 1, ["a"]),
        (["CHAT", "/say #nosuch hello", "/reply 7 hello", "/tell nosuch"], 3, []),
        (["SAY #nosuch hello", "TELL", "CHAT", "c"], 2, ["c"]),
        (["CHAT", "/leave alice", "/join", "/help nope", "/list x", "/unread x", "a", "/leave #x"], 0, ["a"]),
        (["JOIN nosuch", "NOPE", b"\xff", "CHAT", "a"], 0, ["a"]),
    ],
)
def test_a_script_in_which_something_was_not_posted_ends_with_status_1(
    cluster: FakeCluster, alice: Person, typed: list[str | bytes], count: int, said: list[str]
) -> None:
    """Whyever: each line counts that was to be posted, in the chat or by a command. Other commands that are
    refused are answered in a sentence, as these are, and that is all."""
    alice.type(*typed)
    alice.end_input()
    lines = "1 line was" if count == 1 else f"{count} lines were"
    assert alice.stdio.said == ([f"{lines} not posted: what was shown then says why."] if count else [])
    assert alice.exit_status() == bool(count)
    assert [text for text, _ in posted(cluster) if text in ("a", "b", "c")] == said


def test_a_script_whose_post_is_refused_later_ends_with_status_1(cluster: FakeCluster, alice: Person) -> None:
    """Posts are not waited for, one by one."""
    cluster.joined["#tea"] = None
    alice.type("CHAT #tea", "one")
    del cluster.joined["#tea"]
    alice.type("two", "three")
    alice.end_input()
    assert alice.seen() == 2 * ["You have not joined #tea."]
    assert alice.stdio.said == ["2 lines were not posted: what was shown then says why."]
    assert alice.exit_status() == 1


def test_two_slashes_post_a_line_that_begins_with_one(cluster: FakeCluster, alice: Person) -> None:
    """Only at the beginning, and only one of them is taken away."""
    alice.type("CHAT", "//quit", "  //shrug", "///", "either // or /")
    texts = [arguments["text"] for _, arguments in cluster.asked("Post")]
    assert texts == ["/quit", "  /shrug", "//", "either // or /"]
    assert alice.seen() == []


def test_a_password_is_set_while_chatting(cluster: FakeCluster, alice: Person) -> None:
    """The line with the password is not posted, and a terminal does not show it; posts are expected again."""
    alice.type("CHAT", "/password")
    assert alice.stdio.echoes is False
    alice.type("correct horse", "hello")
    assert alice.stdio.echoes is True
    assert alice.seen() == [in_a_chat(PASSWORD_SET)]
    assert [arguments["text"] for _, arguments in cluster.asked("Post")] == ["hello"]


def test_a_command_while_chatting_sees_what_was_posted_before_it(cluster: FakeCluster, alice: Person) -> None:
    """It waits until that is acknowledged."""
    cluster.mute = True
    alice.type("CHAT", "one", "/list")
    assert len(cluster.asked("List")) == 0
    cluster.mute = False
    alice.network.cut()
    alice.network.pass_time(1)
    assert [name for name, _ in cluster.asked("Post", "List")] == ["Post", "Post", "List"]


@pytest.mark.parametrize("slash", ["／", "\u200b/", "\ufeff /", "⁄", "∕"])
def test_what_looks_like_a_slash_is_one(cluster: FakeCluster, alice: Person, slash: str) -> None:
    """Some keyboards give another one, and what was copied may begin with what cannot be seen."""
    alice.type("CHAT", f"{slash}password", "correct horse", f"{slash}nonsense", f"{slash}／twice")
    assert alice.seen()[0].startswith("Password set.")
    assert [arguments["text"][-6:] for _, arguments in cluster.asked("Post")] == ["／twice"]


def test_whatever_separates_words_separates_a_command(cluster: FakeCluster, alice: Person) -> None:
    """A tab, or the line break of a paste."""
    cluster.secrets["bob"] = b""
    alice.type("JOIN\tbob", "CHAT", "/leave\u00a0bob", "/say\talice\u3000hi")
    assert alice.seen() == ["Joined bob.", "Left bob."]
    assert posted(cluster) == [("hi", None)]


def test_commands_that_take_nothing_do_nothing_with_it(cluster: FakeCluster, alice: Person) -> None:
    """A mistyped line must not begin to measure, or leave."""
    alice.type("CHAT", "/chattest x", "/quit now", "still here")
    assert alice.seen() == [
        "/chattest takes nothing after it; nothing was done.",
        "/quit takes nothing after it; nothing was done.",
    ]
    assert posted(cluster) == [("still here", None)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_explained(alice: Person, command: str) -> None:
    """Alone, in the lines of HELP that are about it, and by how it is typed, if it takes something."""
    alice.type(f"HELP {command.lower()}")
    said = alice.seen()
    assert said == explained(command)
    assert any(command in line for line in said)
    assert len(said) <= 8


def test_a_command_is_explained_as_it_is_typed(alice: Person) -> None:
    """In a chat with a slash; what is no command names the nearest."""
    alice.type("HELP unblock", "HELP unblok", "CHAT", "/help /unblock", "/help unblok")
    entry = [
        "BLOCK NAME     no conversation, mention or invitation of NAME's reaches you. What",
        "               NAME says in rooms that you are both in you still see: leave them,",
        "               or ask their moderators. UNBLOCK undoes it",
    ]
    assert alice.seen() == [
        *entry,
        "UNBLOCK takes a name: UNBLOCK NAME.",
        "Unknown command: unblok. Did you mean UNBLOCK? HELP lists them.",
        *map(in_a_chat, entry),
        "/unblock takes a name: /unblock NAME.",
        "Unknown command: /unblok. Did you mean /unblock? /help lists them; two slashes post a line that "
        "begins with one.",
    ]


def test_the_manual_has_each_command_that_there_is(alice: Person) -> None:
    """And no other."""
    assert {*COMMANDS} == {*alice.client._interpreter._commands}


def test_what_others_wrote_is_left_alone() -> None:
    """A word of theirs stands in quotation marks, or is spelled in small letters; options are none."""
    assert in_a_chat("“JOIN” is not a name; --with-code, CODES, REJOIN, #CHAT.") == (
        "“JOIN” is not a name; --with-code, CODES, REJOIN, #CHAT."
    )
    assert in_a_chat("Name another first, with ROLE.") == "Name another first, with /role."


# ---- lines that are typed before those before them are done ----


def test_what_was_typed_as_a_password_is_used_as_one_or_not_at_all(
    cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """Before the login, in a chat that has not begun, behind posts that wait: never shown, never posted."""
    alice = new_person()
    alice.client.startService()
    for line, echoes in (("chat", True), ("/password", False), ("correct horse", True), ("hello", True)):
        alice.stdio.protocol.dataReceived(f"{line}\n".encode())
        assert alice.stdio.echoes is echoes
    alice.network.pass_time(0.05)
    assert alice.seen() == ["Logged in as alice.", in_a_chat(PASSWORD_SET)]
    assert posted(cluster) == [("hello", None)]
    cluster.mute = True
    alice.type("waits", "/chat", "/quit", "password")
    assert alice.stdio.echoes is False
    alice.type("secret words")
    assert alice.stdio.echoes is True
    assert posted(cluster) == [("hello", None), ("waits", None)]


def test_what_was_typed_for_a_chat_that_does_not_begin_is_no_command(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """Somebody may begin a post with the name of a command."""

    class Liar(FakeSession):
        @Chat.responder
        def chat(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
            nothing = Entry(0, 0, "post", "bob", "bob", "hi", b"k" * 16)
            return {"posts": [nothing], "cursor": 1, "check": b"c" * 8}

    network.listeners[WORKER] = lambda: Liar(cluster)
    network.cut()
    network.pass_time(1)
    alice.seen()
    alice.type("CHAT", "password", "leave it", "", "/quit", "LIST")
    said = alice.seen()
    assert said[1:4] == 3 * ["A line was typed as a post, and now a command is expected: it was left out."]
    assert said[4] == "All rooms:"
    assert not cluster.asked("Leave", "SetSecret")


@pytest.mark.parametrize(
    ("typed", "near"), [("JION bob", " Did you mean JOIN?"), ("list!", " Did you mean LIST?"), ("xyzzy", "")]
)
def test_a_mistyped_command_names_the_nearest(alice: Person, typed: str, near: str) -> None:
    """It is named if there is a near one; nothing is done."""
    alice.type(typed)
    assert alice.seen() == [f"Unknown command: {typed.split()[0]}.{near} HELP lists them."]


def test_one_s_other_devices_are_heard(cluster: FakeCluster, alice: Person) -> None:
    """A post of the same user that this process did not send is shown."""
    alice.type("CHAT")
    cluster.say("alice", "from my phone")
    alice.network.settle()
    assert alice.seen() == ["alice: from my phone"]


def test_bad_lines_get_one_sentence_and_harm_no_other(cluster: FakeCluster, alice: Person) -> None:
    """Not UTF-8, too long, a post too long or with control characters: each is said, the rest goes on."""
    alice.type("JOIN", "leave", "", "CHAT", b"\xff\xfe", b"x" * 70_000, "x" * 2001, "\x1b[2J", "after\r")
    assert alice.seen() == [
        "JOIN takes a room: JOIN NAME, or JOIN #TOPIC.",
        "LEAVE takes a room: LEAVE NAME, or LEAVE #TOPIC.",
        "That line is not UTF-8; it was left out.",
        "That line is longer than 64 KB; it was left out.",
        "A post has at most 2,000 characters; this one has 2,001.",
        "A post has no control characters; tabs and line feeds are fine.",
    ]
    assert [arguments["text"] for _, arguments in cluster.asked("Post")] == ["after"]


@pytest.mark.parametrize("typed", ["JOIN ", "LEAVE ", "LIST ", "PASSWORD ", "CHATTER "])
@pytest.mark.parametrize("end", ["x" * 65_600, "#" + "ä" * 40_000, "\udce4"])
def test_what_cannot_be_sent_is_refused_in_a_sentence(
    cluster: FakeCluster, alice: Person, typed: str, end: str
) -> None:
    """This holds whatever a terminal lets through; the client goes on."""
    alice.stdio.protocol._typed(typed + end)
    alice.network.settle()
    said = alice.seen()
    assert said
    assert all(len(line) < 300 for line in said)
    assert not cluster.asked("Join", "Leave", "SetSecret")
    alice.type("LIST al")
    assert "\talice" in alice.seen()


@pytest.mark.parametrize("asked", [{"room": "x" * 65_536}, {"room": "\udce4"}])
def test_what_no_link_can_carry_is_refused_without_one(asked: dict[str, str]) -> None:
    """It is not sent on any later link either."""
    pending = PendingRequests()
    refused: list[Any] = []
    pending.ask(Join, key=b"k" * 16, **asked).addErrback(refused.append)
    [failure] = refused
    assert str(failure.value) == "This request cannot be read: it is too long, or no text."
    assert not len(pending)


def test_what_others_write_cannot_command_the_terminal(cluster: FakeCluster, alice: Person) -> None:
    """Escapes and direction marks are shown by their numbers, even if a server let them through."""
    alice.type("CHAT")
    cluster.say("bob", "\x1b[2Jboo\u202e\x07")
    alice.network.settle()
    assert alice.seen() == ["bob: ‹U+001B›[2Jboo‹U+202E›‹U+0007›"]


WIDE_TEXTS = [
    *(space * 70 + "alice: I resign" for space in (" ", "\u00a0", "\u2800", "x", "\u3000", "\t", "漢")),
    *(
        "hi" + letter * 80 + "alice: I resign"
        for letter in ("e\u0301", "א", "ا", "\u102b", "\u202e", "\u2067")
    ),
]


@pytest.mark.parametrize("text", WIDE_TEXTS)
def test_what_goes_on_is_indented_on_a_terminal(cluster: FakeCluster, alice: Person, text: str) -> None:
    """Nothing that others write stands at the left edge, but the beginning of a line; and no row is wider
    than the terminal is at that moment, however wide its characters are. A pipe gets one line."""
    alice.type("CHAT")
    alice.seen()
    heard = {}
    for columns in (80, 37, None):
        alice.stdio.columns = columns
        cluster.say("bob", text)
        cluster.append("describe", "bob", "#tea", text, b"d%015d" % (columns or 0))
        alice.network.settle()
        heard[columns] = alice.seen()
        if columns is None:
            assert len(heard[None]) == 2
            continue
        assert max(map(wcwidth.wcswidth, heard[columns])) <= columns
        first, *others = heard[columns]
        assert first.startswith("bob:")
        assert {row[:4] for row in others if row[:2].strip()} == {"bob "}  # where the next line begins
        assert "".join(heard[columns]).replace(" ", "").count("alice:Iresign") == 2
    shown = " ".join(row for rows in heard.values() for row in rows)
    assert not any(letter in shown for letter in "\u202e\u2067")


def test_help_names_every_command(alice: Person) -> None:
    """It also says that CHATTEST makes real posts. A screen of 80 by 24 shows all of it at once: under the
    line that was typed, and above two rows of its own."""
    alice.type("help", "chat", "/help")
    said = alice.seen()
    rows, in_chat = said[: len(said) // 2], said[len(said) // 2 :]
    assert {*re.findall(r"\b[A-Z]{3,}\b", "\n".join(rows))} >= {*COMMANDS}
    assert {*re.findall(r"/([a-z]+)", "\n".join(in_chat))} >= {command.lower() for command in COMMANDS}
    assert any("real posts" in row for row in rows)
    assert len(in_chat) <= 21
    assert max(map(len, in_chat)) <= 79


def test_help_begins_with_what_a_newcomer_needs(alice: Person) -> None:
    """To talk, to find others, to read what was said; then what is for few."""
    alice.type("help")
    firsts = [row.split()[0] for row in alice.seen() if row[0] != " "]
    order = ["CHAT", "JOIN", "LIST", "UNREAD", "SAY", "HISTORY", "REDACT", "BLOCK", "CREATE", "BAN", "CODE"]
    assert [first for first in firsts if first in order] == order


def test_the_end_of_input_waits_for_acknowledgements(cluster: FakeCluster, alice: Person) -> None:
    """This holds however long the cluster is away; then the exit status is 0."""
    cluster.deaf = True
    alice.type("CHAT", "one")
    alice.end_input()
    assert not alice.has_left()
    cluster.deaf = False
    alice.network.cut()
    assert not alice.has_left()
    alice.network.pass_time(3)
    assert alice.has_left()
    assert alice.exit_status() == 0
    assert [entry.text for entry in cluster.entries] == ["one"]


def test_quit_leaves_and_reads_no_more(cluster: FakeCluster, alice: Person) -> None:
    """The exit status is 0; lines after QUIT are not done."""
    alice.type("quit", "LIST")
    assert alice.has_left()
    assert alice.exit_status() == 0
    assert cluster.asked("List") == []


def test_a_command_sees_what_was_posted_before_it(cluster: FakeCluster, alice: Person) -> None:
    """Leaving the chat waits until everything posted in it is acknowledged."""
    cluster.mute = True
    alice.type("CHAT", "one", "/quit", "CHAT")
    assert len(cluster.asked("Chat")) == 1
    cluster.mute = False
    alice.network.cut()
    alice.network.pass_time(1)
    assert [name for name, _ in cluster.asked("Post", "Chat")] == ["Chat", "Post", "Chat", "Post", "Chat"]


def test_the_last_line_needs_no_line_break(cluster: FakeCluster, alice: Person) -> None:
    """What comes before the end of input counts."""
    alice.type("CHAT")
    alice.stdio.protocol.dataReceived(b"bye")
    alice.end_input()
    assert [entry.text for entry in cluster.entries] == ["bye"]
    assert alice.has_left()


def test_lines_typed_before_login_wait(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """A script need not know when the login is done."""
    network.listeners.clear()
    person = new_person().start()
    person.type("CHAT", "early")
    assert person.seen() == []
    cluster.master(64480, worker="w:2001")
    cluster.worker(2001)
    network.pass_time(3)
    assert person.seen() == ["Logged in as alice."]
    assert [entry.text for entry in cluster.entries] == ["early"]


def test_much_input_is_read_no_faster_than_it_is_acknowledged(cluster: FakeCluster, alice: Person) -> None:
    """A flood from a pipe waits in the pipe, not in our memory; all of it arrives."""
    cluster.mute = True
    alice.type("CHAT", *(f"line {number}" for number in range(2500)))
    assert alice.stdio.producerState == "paused"
    assert len(cluster.entries) == 1000
    cluster.mute = False
    alice.network.cut()
    alice.network.pass_time(3)
    assert alice.stdio.producerState == "producing"
    assert [entry.text for entry in cluster.entries] == [f"line {number}" for number in range(2500)]


def test_output_that_nobody_reads_stops_our_reading(cluster: FakeCluster, alice: Person) -> None:
    """A slow reader of our output slows the worker down; pings are answered meanwhile."""
    alice.type("CHAT")
    for _ in range(2):  # a full transport reports so at each write, but only once that it has room
        alice.stdio.protocol.pauseProducing()
    cluster.say("bob", "one", "two")
    for _ in range(10):
        alice.network.pass_time(20)
        cluster.sessions[0].link.ping()
    assert alice.seen() == []
    assert len(cluster.asked("Ping")) >= 10
    alice.stdio.protocol.resumeProducing()
    alice.network.settle()
    assert alice.seen() == ["bob: one", "bob: two"]
    assert len(cluster.asked("Resume")) == 0


def test_output_closed_is_the_end(cluster: FakeCluster, alice: Person) -> None:
    """``| head`` ends the client when what was typed is acknowledged; it says so."""
    alice.type("CHAT", "hello")
    alice.stdio.break_output()
    alice.network.settle()
    assert alice.has_left()
    assert [entry.text for entry in cluster.entries] == ["hello"]
    assert alice.stdio.said == [READER_GONE]
    assert alice.exit_status() == 1


def test_output_closed_too_early_loses_nothing(cluster: FakeCluster, alice: Person) -> None:
    """What is in the pipe by then is done, except for an unfinished line."""
    alice.stdio.behind = b"CHAT\nhello\nwor"
    alice.stdio.break_output()
    alice.network.settle()
    assert [entry.text for entry in cluster.entries] == ["hello"]
    assert alice.stdio.said == [f"{READER_GONE} 1 of what you typed may not have been done."]


def test_output_that_is_full_is_said(cluster: FakeCluster, alice: Person) -> None:
    """A file has no reader that could have gone."""
    alice.stdio.full = True
    alice.stdio.break_output()
    alice.network.settle()
    assert alice.stdio.said == [OUTPUT_FULL]
    assert alice.exit_status() == 1


LEFT = "Left before all was acknowledged: {} of what you typed may not have been done."


def test_an_interrupt_says_what_may_be_lost(cluster: FakeCluster, alice: Person) -> None:
    """Ctrl-C leaves at once, and says honestly what may be lost."""
    cluster.deaf = True
    alice.type("CHAT", "one", "two")
    alice.stop()
    assert alice.stdio.said == [LEFT.format(2)]
    assert alice.exit_status() == 1


def test_an_interrupt_before_the_login_counts_what_was_typed(
    network: Network, new_person: Callable[..., Person]
) -> None:
    """Whole lines count, and an unfinished one; empty ones do not."""
    person = new_person().start()
    person.type("CHAT", "", "one", "   ", "two")
    person.stdio.protocol.dataReceived(b"thr")
    person.stop()
    assert person.stdio.said == [LEFT.format(4)]
    assert person.exit_status() == 1


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        (["CHAT", "one", "two"], 3),
        (["LIST", "HELP"], 2),
        (["JOIN bob", "HELP"], 2),
        (["PASSWORD", "secret words", "HELP"], 2),
    ],
)
def test_an_interrupt_counts_what_waits_behind_a_command(
    cluster: FakeCluster, alice: Person, typed: list[str], count: int
) -> None:
    """The command that waits during an outage counts, and all lines after it, each once."""
    alice.network.listeners.clear()
    alice.network.cut()
    alice.network.pass_time(1)
    alice.type(*typed)
    alice.stop()
    assert alice.stdio.said == [LEFT.format(count)]


def test_an_interrupt_when_all_is_done_says_nothing(cluster: FakeCluster, alice: Person) -> None:
    """The exit status is 0."""
    alice.type("CHAT", "one", "/quit", "LIST", "HELP", "JOIN noname")
    alice.stop()
    assert alice.stdio.said == []
    assert alice.exit_status() == 0


def test_an_interrupt_counts_what_was_not_even_read(cluster: FakeCluster, alice: Person) -> None:
    """It may still be in the pipe."""
    alice.stdio.behind = b"CHAT\none\n"
    alice.stop()
    assert alice.stdio.said == [LEFT.format(2)]


def test_a_client_that_cannot_go_on_says_what_was_not_done(
    network: Network, new_person: Callable[..., Person]
) -> None:
    """It says so as well as the reason."""
    person = new_person().start()
    person.type("CHAT", "one")
    network.pass_time(11)
    (sentence,) = person.stdio.said
    assert sentence.startswith("No cluster was found")
    assert sentence.endswith("2 of what you typed may not have been done.")


def test_a_client_that_cannot_start_says_why(new_person: Callable[..., Person]) -> None:
    """It uses standard error itself: Python's own output goes into the log by then."""
    person = new_person()

    def attach(reactor: Any, protocol: Any) -> None:
        raise OSError(5, "Input/output error")

    person.stdio.attach = attach  # type: ignore[method-assign]
    with pytest.raises(CannotStart):
        person.client.startService()
    assert person.stdio.said == ["The terminal cannot be had (Input/output error)."]


def test_a_client_that_cannot_keep_its_identity_says_so(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """It ends before anybody was told the secret."""
    (tmp_path / "chatnet").write_text("")
    person = new_person().start()
    (sentence,) = person.stdio.said
    assert sentence.startswith("Your identity cannot be kept")
    assert person.exit_status() == 1
    assert cluster.requests == []


def test_a_password_is_not_shown_while_it_is_typed(cluster: FakeCluster, alice: Person) -> None:
    """From the line that announces it, even if the command before waits, to the line that holds it."""
    alice.type("PASSWORD")
    assert not alice.stdio.echoes
    alice.type("a long password")
    assert alice.stdio.echoes
    cluster.deaf, cluster.secrets["bob"] = True, b""
    alice.type("JOIN bob", "PASSWORD")
    assert not alice.stdio.echoes


def test_a_post_is_shown_whatever_it_says(cluster: FakeCluster, alice: Person) -> None:
    """In a chat, PASSWORD is a word."""
    alice.type("CHAT", "PASSWORD")
    assert alice.stdio.echoes
    assert [entry.text for entry in cluster.entries] == ["PASSWORD"]


def test_what_is_typed_is_shown_again_after_the_end(cluster: FakeCluster, alice: Person) -> None:
    """After an interrupted password the terminal echoes again."""
    alice.type("PASSWORD")
    alice.stop()
    assert alice.stdio.echoes


def test_a_byte_order_mark_is_no_part_of_the_input(cluster: FakeCluster, alice: Person) -> None:
    """It is ignored only at the beginning."""
    alice.type(b"\xef\xbb\xbfCHAT", b"\xef\xbb\xbfx")
    assert [entry.text for entry in cluster.entries] == ["\ufeffx"]


def test_a_command_before_the_chat_may_have_a_slash(cluster: FakeCluster, alice: Person) -> None:
    """It is plain what is meant; also what follows from it."""
    cluster.secrets["bob"] = b""
    alice.type("/join bob", "/chat", "hello", "/quit", "/quit")
    assert alice.seen() == ["Joined bob."]
    assert [asked["text"] for _, asked in cluster.asked("Post")] == ["hello"]
    assert alice.has_left()
