"""A whole client on the screen, connected to a cluster in memory: what one types, and what is seen then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from client.person import SINCE_1970, Person
from twisted.internet.defer import Deferred

from chatnet.client.calendar import Calendar
from chatnet.client.chattest import Ladder
from chatnet.client.commands import NOT_POSTED, Interpreter
from chatnet.client.marks import ShownPosts
from chatnet.client.screen import ScreenTerminal
from chatnet.client.settings import ClientSettings
from chatnet.command_lines import ChatCommand
from chatnet.entries import More, Ref
from chatnet.kinds import CLUSTER
from chatnet.testing.fake_cluster import FakeCluster


class Seated:
    """Alice at a screen of 60 by 12, logged in."""

    def __init__(self, person: Person) -> None:
        self.network, connection = person.network, person.client._connection
        calendar = Calendar(
            lambda seconds: datetime.fromtimestamp(seconds, UTC), lambda: int(SINCE_1970 * 1000)
        )
        self.terminal = ScreenTerminal(person.network, "alice", "m:1", calendar, connection)
        self.size = (60, 12)
        ladder = Ladder(person.network, person.network.seconds)
        self.left: list[str | None] = []
        marks = ShownPosts(connection.mark, person.network)
        settings = ClientSettings(100, calendar, ChatCommand("twistd", "m:1"))
        interpreter = Interpreter(connection, self.terminal, ladder, self.left.append, marks, settings)
        connection.start(interpreter, None)
        Deferred.fromCoroutine(interpreter.run())
        person.network.pass_time(0.05)
        self._connection, self._marks = connection, marks

    async def stop(self) -> None:
        """Leave, and lose the connection."""
        self._marks.stop()
        await self._connection.stop()

    def sees(self) -> list[str]:
        """Return the rows, without those that are empty."""
        rows = [row.decode().rstrip() for row in self.terminal.layout.render(self.size, focus=True).text]
        return [row for row in rows if row]

    def rooms(self) -> list[str]:
        """Return the column of rooms."""
        return [row[:21].rstrip() for row in self.sees()[:-2] if row[:21].strip() and row[21:23] == " |"]

    def new(self) -> dict[str, int]:
        """Return what the column says that is new, which must be what UNREAD says. The screen is wide."""
        listed = [row.split() for row in self.rooms()]
        column = {room: int(count[0].removesuffix("+")) for room, *count in listed if count}
        self.type("/unread")
        feed = [row[24:] for row in self.sees()[:-2]]
        said = [row.partition(": ") for row in feed[len(feed) - feed[::-1].index("> /unread") :]]
        assert column == {room: int(count.split()[0]) for room, _, count in said if count}
        return column

    def keys(self, *keys: str) -> None:
        """Press keys, and let the cluster answer."""
        for key in keys:
            self.terminal.layout.keypress(self.size, key)
        self.network.settle()

    def type(self, *lines: str) -> None:
        """Type lines, each with Enter."""
        for line in lines:
            self.keys(*line, "enter")

    @property
    def prompt(self) -> str:
        """What is on the last row."""
        return self.sees()[-1]


@pytest.fixture
def seated(cluster: FakeCluster, new_person: Callable[..., Person]) -> Any:
    """Yield Alice at her screen; a topic and some users are there."""
    for room in ("bob", "carol", "#tea"):
        cluster.secrets[room] = b""
    person = new_person()
    seated = Seated(person)
    assert seated.sees()[0] == "Logged in as alice."
    yield seated
    Deferred.fromCoroutine(seated.stop())
    person.network.pass_time(2)


def test_page_up_reads_on_in_the_room_that_posts_go_to(cluster: FakeCluster, seated: Seated) -> None:
    """Through the connection, before the feed's oldest."""
    cluster.append("join", "alice", "#tea", "", b"j" * 16)
    cluster.joined["#tea"] = None
    for number in range(50):
        cluster.append("post", "bob", "#tea", f"old {number}", b"%016d" % number)
    seated.type("CHAT #tea")
    for _ in range(3):
        seated.keys("page up")
    assert [asked for _, asked in cluster.asked("History")] == [
        {"room": "#tea", "before": 32},
        {"room": "#tea", "before": 12},
    ]
    assert seated.sees()[9] == "00:00 [#tea] bob: old 26"


def test_page_up_reads_on_in_all_rooms_of_the_feed(cluster: FakeCluster, seated: Seated) -> None:
    """Where one's posts go to one's own room; nothing that was said in between is passed over."""
    for number in range(50):
        room = ("#tea", "bob", "alice=bob")[number % 3]
        cluster.append("post", "bob", room, f"old {number}", b"%016d" % number)
    seated.type("CHAT")
    for _ in range(3):
        seated.keys("page up")
    assert [asked["before"] for _, asked in cluster.asked("Earlier")] == [31, 11]
    assert not cluster.asked("History")
    found = [line.rpartition(" ")[2] for line in seated.sees() if " old " in line]
    assert found == [str(number) for number in range(int(found[0]), int(found[-1]) + 1)]


def test_a_conversation_is_known_by_the_other_s_name(cluster: FakeCluster, seated: Seated) -> None:
    """In what is seen, in the column, for /chat, and for history."""
    cluster.joined["@bob"] = None
    seated.size = (100, 12)
    seated.type("chat")
    cluster.append("post", "bob", "alice=bob", "psst", b"p" * 16)
    seated.keys("ctrl u")
    assert "00:00 [@bob] bob: psst" in seated.sees()[3]
    assert seated.rooms()[:2] == ["alice", "@bob                1"]
    assert seated.new() == {"@bob": 1}
    seated.type("/chat @Bob", "yes?", "/chat bob=alice", "/chat alice=bob", "and?")
    assert seated.prompt == "in @bob:"
    assert [(asked["text"], asked["room"]) for _, asked in cluster.asked("Post")] == [
        ("yes?", "@bob"),
        ("and?", "@bob"),
    ]
    seated.keys("page up")
    assert [asked["room"] for _, asked in cluster.asked("History")] == ["@bob"]
    seated.keys(*"/chat b", "tab")
    assert seated.prompt == "in @bob: /chat bob"
    seated.keys("ctrl u", *"/chat @", "tab")
    assert seated.prompt == "in @bob: /chat @bob"


def test_one_can_leave_while_history_is_being_read(cluster: FakeCluster, seated: Seated) -> None:
    """Nothing of it would be lost; the cluster may be gone for long."""
    seated.type("CHAT", "hello")
    seated.network.listeners.clear()
    seated.network.cut()
    seated.network.pass_time(0.1)
    seated.keys("page up")
    assert "reading older posts" in seated.sees()[-2]
    seated.keys("ctrl d")
    assert seated.left == [None]


def test_commands_and_rooms_that_were_seen_are_completed(cluster: FakeCluster, seated: Seated) -> None:
    """The interpreter's commands; what was joined, listed, heard and read back."""
    seated.keys(*"hel", "tab")
    assert seated.prompt == "> help"
    seated.keys("ctrl u", *"join #te", "tab", "ctrl u")
    seated.type("join #tea")
    seated.keys(*"chat #t", "tab")
    assert seated.prompt == "> chat #tea"
    seated.keys("enter", *"/join c", "tab")
    assert seated.prompt == "in #tea: /join c"
    seated.keys("ctrl u")
    seated.type("/list")
    seated.keys(*"/join c", "tab")
    assert seated.prompt == "in #tea: /join carol"
    cluster.say("dave", "and @erin?")
    seated.keys("ctrl u")
    seated.type("I do not mention myself")
    seated.keys(*"@", "tab")
    assert seated.prompt == "in #tea: @dave"
    seated.keys("ctrl u", *"@e", "tab")
    assert seated.prompt == "in #tea: @erin"


def test_a_wide_screen_has_a_column_of_rooms(cluster: FakeCluster, seated: Seated) -> None:
    """While one chats: one's own, joined, and heard of, with how much is new; on a narrow one none of it."""
    cluster.say("carol", "before the chat")
    seated.size = (100, 12)
    seated.type("join #tea")
    assert seated.rooms() == []
    assert not any("|" in row for row in seated.sees())
    seated.type("chat")
    cluster.say("bob", "hi", "there, #tea")
    seated.keys("end")
    assert seated.rooms() == ["alice", "#tea                1", "bob", "carol"]
    assert seated.sees()[0] == "alice                 | Logged in as alice."
    assert seated.sees()[-2:] == [" alice · connected · m:1", "say:"]
    seated.size = (99, 12)
    assert not any("|" in row for row in seated.sees())
    seated.size = (100, 12)
    seated.type("/leave #tea", "/quit")
    assert seated.rooms() == []
    seated.type("chat")
    assert seated.rooms() == ["alice", "bob", "carol"]


def test_the_column_shows_rooms_that_are_joined_and_left_on_another_device(
    cluster: FakeCluster, seated: Seated
) -> None:
    """Also where the client did not read meanwhile: then it asks."""
    seated.size = (120, 200)
    seated.type("chat")
    assert seated.rooms() == ["alice"]
    cluster.join_elsewhere("#tea")
    cluster.join_elsewhere("#pub")
    seated.network.settle()
    assert seated.rooms() == ["alice", "#pub", "#tea"]
    cluster.join_elsewhere("#pub", False)
    seated.network.settle()
    assert seated.rooms() == ["alice", "#tea"]
    cluster.joined["&ops"] = None
    cluster.join_elsewhere("", False)
    seated.network.settle()
    assert seated.rooms() == ["alice", "#tea", "&ops"]


def test_the_column_and_unread_say_the_same(cluster: FakeCluster, seated: Seated) -> None:
    """What came in a room since one was there, whoever said it; and what was read since, by any device."""
    seated.size = (120, 200)
    for room in ("#tea", "#pub", "&ops", "bob"):
        cluster.joined[room] = None

    def say(user: str, *rooms: str, text: str = "hi") -> None:
        for room in rooms:
            cluster.append("post", user, room, text, b"%016d" % cluster.head)
        seated.network.settle()

    say("bob", "#tea", "&ops", "bob", "alice=bob", "alice=bob")
    seated.type("chat")
    assert seated.new() == {"#tea": 1, "&ops": 1, "@bob": 2}
    say("bob", "#tea", "#pub", "bob")
    say("bob", "bob", text="#pub is open")
    assert seated.new() == {"#tea": 2, "#pub": 2, "&ops": 1, "@bob": 2}
    seated.type("/chat #tea")
    say("bob", "#tea", "bob", "alice=bob")
    assert seated.new() == {"#pub": 2, "&ops": 1, "@bob": 3, "bob": 1}
    say("carol", "carol", text="hello @alice, at #pub")  # whom she does not follow
    assert seated.new() == {"#pub": 3, "&ops": 1, "@bob": 3, "bob": 1}
    seated.type("/say #pub me, too", "/history &ops")
    assert seated.new() == {"@bob": 3, "bob": 1}
    say("bob", "alice=bob", "#pub")
    cluster.read_elsewhere("@bob", 4)
    seated.network.settle()
    assert seated.new() == {"@bob": 3, "#pub": 1, "bob": 1}
    say("alice", "alice=bob")  # by another device
    cluster.read_elsewhere("@bob", cluster.head)
    seated.network.settle()
    cluster.take_back("bob", next(e.seq for e in cluster.entries[::-1] if e.room == "#pub"))
    seated.network.settle()
    assert seated.new() == {"bob": 1}
    seated.type("/chat", "hello #tea")
    assert seated.new() == {"#tea": 1}
    seated.keys("meta up", "meta down", "meta down")
    assert seated.new() == {"#tea": 1}
    seated.keys("meta down")
    assert seated.prompt == "in #tea:"
    assert seated.new() == {}
    say("bob", *["#pub"] * 120)
    assert seated.new() == {"#pub": 99}


def test_page_up_and_down_go_by_the_rows_beside_the_column(cluster: FakeCluster, seated: Seated) -> None:
    """A post that takes two of these rows is not passed over."""
    seated.size = (100, 12)
    cluster.say("alice", *(f"{number} " + "x" * 70 for number in range(40)))
    seated.type("chat")
    rows: list[str] = []
    for _ in range(12):
        rows = [*[row for row in seated.sees() if row[24:26] == "00"], *rows]
        seated.keys("page up")
    numbers = [int(row[37:39]) for row in rows]
    assert sorted(set(numbers)) == list(range(40))


def test_alt_and_arrows_move_posts_to_the_next_room(cluster: FakeCluster, seated: Seated) -> None:
    """Like /chat with the room, without its line and its answer; what is typed meanwhile goes there."""
    cluster.secrets["#pub"] = b""
    seated.type("join #tea", "join #pub", "join bob", "chat", "home")
    before = seated.sees()[:-1]
    seated.keys("meta down")
    assert seated.prompt == "in #pub:"
    seated.keys(*"half", "meta down", "meta down", "meta up")
    assert seated.prompt == "in #tea: half"
    assert seated.sees()[:-1] == before
    seated.keys("enter", "meta up", "meta up", *"x", "enter")
    seated.type("/chat #tea", "y")
    assert [(asked["text"], asked["room"]) for _, asked in cluster.asked("Post")] == [
        ("home", None),
        ("half", "#tea"),
        ("x", None),
        ("y", "#tea"),
    ]
    assert "What you type is posted in #tea now." in seated.sees()


def test_a_move_begins_where_posts_go(cluster: FakeCluster, seated: Seated) -> None:
    """Whichever way they went there, and also if there was nowhere to go before."""
    seated.type("chat")
    seated.keys("meta down")
    for room in ("#a", "#b"):
        cluster.secrets[room] = b""
        seated.type(f"/join {room}")
    seated.type("/chat #a")
    seated.keys("meta down")
    assert seated.prompt == "in #b:"


def test_moves_wait_for_what_was_posted_before(cluster: FakeCluster, seated: Seated) -> None:
    """Several are done one after another, from where the last one leads, and the prompt says where one is."""
    for room in ("#a", "#b", "#c"):
        cluster.secrets[room] = b""
        seated.type(f"join {room}")
    seated.type("chat")
    cluster.mute = True
    seated.type("waits")
    seated.keys("meta down", "meta down", "meta down")
    assert seated.prompt == "say:"
    cluster.mute = False
    seated.network.cut()
    seated.network.pass_time(1)
    assert seated.prompt == "in #c:"


def test_tab_moves_where_nothing_is_typed_and_the_rooms_are_seen(
    cluster: FakeCluster, seated: Seated
) -> None:
    """Elsewhere it is a tab, or completes."""
    seated.type("join #tea", "chat")
    seated.keys("tab")
    assert seated.terminal._draft.text == "\t"
    seated.size = (100, 12)
    seated.keys("tab")
    assert seated.terminal._draft.text == "\t\t"
    seated.keys("ctrl u", "tab")
    assert seated.prompt == "in #tea:"
    seated.keys("shift tab")
    assert seated.prompt == "say:"
    seated.type("/quit")
    seated.keys("tab")
    assert (seated.prompt, seated.terminal._draft.text) == (">", "\t")


def test_rooms_that_were_joined_before_are_listed(cluster: FakeCluster, seated: Seated) -> None:
    """With what is new there; what there is is completed, after what was seen."""
    cluster.secrets["#quiet"] = b""
    cluster.joined |= {"#quiet": None, "&ops": None}
    cluster.unread = [("#quiet", 99, 1), ("&ops", 3, 0), ("@bob", 0, 0), ("alice", 0, 0)]
    seated.size = (100, 12)
    seated.type("chat")
    assert seated.rooms() == ["alice", "#quiet            99+", "&ops                3", "@bob"]
    cluster.unread = None
    seated.keys("meta down", "meta up")
    assert [asked["prefix"] for _, asked in cluster.asked("List")] == ["", "#quiet"]
    seated.keys(*"/join #", "tab")
    assert seated.prompt == "say: /join #quiet"
    cluster.append("post", "bob", "#queue", "hi", b"q" * 16)
    seated.keys("ctrl u")
    seated.type("/list")
    seated.keys(*"/join #", "tab")
    assert seated.prompt == "say: /join #queue"
    seated.keys("ctrl u")
    seated.type("/chat &ops", "/quit", "chat")
    assert seated.rooms() == ["alice", "#queue              1", "#quiet", "&ops", "@bob"]


def test_what_changed_while_one_was_not_connected_is_counted_anew(
    cluster: FakeCluster, seated: Seated
) -> None:
    """Once, when all that was said meanwhile has come: a stay may have ended, and another begun."""
    cluster.joined["#tea"] = None
    cluster.unread = [("#tea", 0, 0), ("alice", 0, 0)]
    seated.size = (100, 12)
    seated.type("chat")
    for key in (b"1", b"2", b"3"):
        cluster.append("post", "bob", "#tea", "hi", key * 16)
    seated.network.settle()
    assert seated.rooms() == ["alice", "#tea                3"]
    seated.network.cut()
    cluster.append("leave", "alice", "#tea", "", b"l" * 16)
    cluster.append("join", "alice", "#tea", "", b"j" * 16)
    cluster.append("post", "bob", "#tea", "hi again", b"4" * 16)
    cluster.unread, cluster.since = [("#tea", 1, 0), ("alice", 0, 0)], {"#tea": cluster.head - 1}
    seated.network.pass_time(1)
    assert seated.rooms() == ["alice", "#tea                4"]
    for _ in range(2):
        cluster.sessions[-1].nothing_up_to(cluster.head)
        seated.network.settle()
        assert seated.rooms() == ["alice", "#tea                1"]
        cluster.unread = [("#tea", 9, 0), ("alice", 0, 0)]


def test_alt_and_arrows_do_nothing_where_there_are_no_posts(cluster: FakeCluster, seated: Seated) -> None:
    """A password is not mixed up with a move."""
    seated.type("join #tea")
    seated.keys("meta down")
    assert seated.prompt == ">"
    seated.type("chat", "/password")
    seated.keys("meta down")
    seated.type("correct horse", "hello")
    assert [asked["text"] for _, asked in cluster.asked("Post")] == ["hello"]
    assert len(cluster.asked("SetSecret")) == 1


def test_what_is_taken_back_disappears_from_the_screen(cluster: FakeCluster, seated: Seated) -> None:
    """From the feed, from what was read back, and from what HISTORY has shown; by oneself, too."""
    for number in range(30):
        cluster.append("post", "bob", "#tea", f"secret {number}.", b"%016d" % number)
    seated.size = (60, 100)
    cluster.joined["#tea"] = None
    seated.type("CHAT", "/chat #tea")
    seated.keys("page up")
    seated.type("/history #tea 30", "/tell bob also secret.")
    for seq in (5, 25, 29):
        cluster.take_back("bob", seq)
    seated.network.settle()
    gone = ("secret 4.", "secret 24.", "secret 28.")
    assert not [row for row in seated.sees() if row.endswith(gone)]
    assert sum(row.endswith("[#tea] bob: (taken back)") for row in seated.sees()) == 5
    own = [entry.seq for entry in cluster.entries if entry.text == "also secret."]
    seated.type(f"/redact {own[0]}")
    assert any(row.endswith("[@bob] alice: (taken back)") for row in seated.sees())
    assert all(row.startswith(">") for row in seated.sees() if "also secret." in row)


def test_what_is_taken_back_is_told_if_it_is_nowhere(cluster: FakeCluster, seated: Seated) -> None:
    """It was said long ago."""
    cluster.say("bob", *map(str, range(21)))
    seated.type("CHAT")
    cluster.take_back("bob", 1)
    seated.network.settle()
    assert "bob took a post back." in seated.sees()


def test_what_is_purged_disappears_from_the_screen(cluster: FakeCluster, seated: Seated) -> None:
    """What its author said there before, also in their own room if it named that; and nothing else."""
    seated.size = (80, 100)
    cluster.joined["#tea"] = None
    for number, (user, room, text) in enumerate(
        [
            ("carol", "#tea", "spam 1"),
            ("carol", "carol", "spam 2 #tea"),
            ("carol", "carol", "kept 3"),
            ("bob", "#tea", "kept 4"),
            ("carol", "#chai", "kept 5"),
        ]
    ):
        cluster.append("post", user, room, text, b"%016d" % number)
    seated.type("CHAT", "/history #tea")
    cluster.order("purge", "bob", "#tea", "spam", "carol")
    cluster.append("post", "carol", "#tea", "kept 6", b"k" * 16)
    seated.network.settle()
    seen = "\n".join(seated.sees())
    assert "spam" not in seen.replace("#tea: spam.", "")
    assert all(f"kept {number}" in seen for number in (3, 4, 5, 6))
    assert "bob took back all that carol said in #tea: spam." in seated.sees()


def test_what_is_purged_elsewhere_disappears_from_the_screen_without_a_word(
    cluster: FakeCluster, seated: Seated
) -> None:
    """The user is not in the topic, and has heard the posts in their author's own room, and by their name."""
    seated.size = (120, 100)
    cluster.joined["carol"] = None
    seated.type("CHAT")
    for number, (room, text) in enumerate(
        [
            ("carol", "gone 1 #tea"),
            ("#tea", "@alice gone 2"),
            ("carol", "kept 3 #chai"),
            ("#chai", "@alice kept 4"),
        ]
    ):
        cluster.append("post", "carol", room, text, b"%016d" % number)
    seated.network.settle()
    before = seated.sees()
    assert "gone 1" in "\n".join(before)
    assert [room.split() for room in seated.rooms()] == [["alice"], ["#chai", "1"], ["#tea", "1"], ["carol"]]
    cluster.order("purge", "bob", "#tea", "spam", "carol")
    seated.network.settle()
    seen = "\n".join(seated.sees())
    assert "gone" not in seen
    assert "spam" not in seen
    assert all(f"kept {number}" in seen for number in (3, 4))
    assert len(seated.sees()) == len(before)
    assert [room.split() for room in seated.rooms()] == [["alice"], ["#chai", "1"], ["#tea"], ["carol"]]


def test_what_one_purges_disappears_from_one_s_own_screen(cluster: FakeCluster, seated: Seated) -> None:
    """Nobody else tells one of one's own order."""
    cluster.joined["#tea"] = None
    cluster.append("post", "carol", "#tea", "words", b"w" * 16)
    seated.type("CHAT", "/purge #tea carol")
    assert not [row for row in seated.sees() if row.endswith("words")]
    assert "Took back all that carol said in #tea." in seated.sees()


def test_what_is_too_old_disappears_from_the_screen(cluster: FakeCluster, seated: Seated) -> None:
    """What anybody said there up to then, and nothing else; without a word."""
    seated.size = (80, 100)
    said = [("carol", "#tea"), ("carol", "carol"), ("bob", "#tea"), ("bob", "#chai"), ("bob", "#tea")]
    for number, (user, room) in enumerate(said, 1):
        text = f"words {number}" + " #tea" * (room == "carol")
        cluster.append("post", user, room, text, b"%016d" % number)
    seated.type("CHAT", "/history #tea")
    before = len(seated.sees())
    more = More(ref=Ref(4, cluster.at(4).check))
    cluster.append("expire", CLUSTER, "#tea", "", b"e" * 16, more)
    seated.network.settle()
    seen = seated.sees()
    for number, stays in enumerate((False, False, False, True, True), 1):
        assert any(f"words {number}" in row for row in seen) is stays
    assert len(seen) == before
    cluster.append("expire", CLUSTER, "", "", b"f" * 16, more)
    seated.network.settle()
    assert [row for row in seated.sees() if "words" in row and "words 5" not in row] == []


def test_who_is_forgotten_disappears_from_the_screen(cluster: FakeCluster, seated: Seated) -> None:
    """With all that they said, in conversations, too; and from the column, and from what is completed."""
    seated.size = (100, 100)
    seated.type("chat")
    for room in ("carol", "#tea", "alice=carol"):
        cluster.append("post", "carol", room, "words", room.ljust(16).encode())
    seated.keys("ctrl u")
    assert [room.split()[0] for room in seated.rooms()] == ["alice", "#tea", "@carol", "carol"]
    cluster.order("forget", "chatnet", "", "", "carol")
    seated.keys("ctrl u")
    seen = seated.sees()
    assert not [row for row in seen if row.endswith("words")]
    assert [row for row in seen if "The operator took back all that carol ever said" in row]
    assert not [room for room in seated.rooms() if "carol" in room]
    seated.keys(*"/whois ca", "tab")
    assert seated.prompt.endswith("/whois ca")


def test_nobody_is_told_of_a_stranger_who_is_forgotten(cluster: FakeCluster, seated: Seated) -> None:
    """Everybody hears of it; whoever has seen nothing of them need not read it."""
    seated.type("CHAT")
    cluster.order("forget", "carol", "carol", "", "carol")
    seated.network.settle()
    assert not [row for row in seated.sees() if "carol" in row]


def test_a_post_that_is_taken_back_is_told_beside(cluster: FakeCluster, seated: Seated) -> None:
    """With the reason; it may be out of view."""
    cluster.append("post", "bob", "#tea", "oops", b"o" * 16)
    seated.type("CHAT", "/history #tea", "/redact 1")
    assert "Took post 1 back." in seated.sees()
    cluster.append("post", "bob", "#tea", "again", b"a" * 16)
    cluster.take_back("carol", 3, "rude")
    seated.network.settle()
    assert "carol took a post of bob's back: rude." in seated.sees()


def test_who_leaves_the_room_that_posts_go_to_posts_nowhere(cluster: FakeCluster, seated: Seated) -> None:
    """The prompt says so; leaving another room moves nothing."""
    cluster.joined["#tea"] = None
    seated.type("CHAT #tea", "/leave bob")
    assert seated.prompt == "in #tea:"
    seated.type("/leave #tea")
    assert seated.prompt == "in nowhere:"
    seated.type("hello")
    assert not cluster.asked("Post")


def test_who_cannot_go_to_a_room_stays_and_what_they_had_begun_is_not_posted(
    cluster: FakeCluster, seated: Seated
) -> None:
    """It was meant for that room; the Up key has it again, for who wants to post it here. What is begun after
    that is posted where the prompt says."""
    cluster.joined["#tea"] = None
    seated.size = (140, 24)
    seated.type("chat #tea")
    cluster.mute = True
    seated.type("waits", "/chat &ops")
    seated.keys(*"the password")
    cluster.mute = False
    seated.network.cut()
    seated.network.pass_time(1)
    assert seated.prompt == "in #tea: the password"
    assert any(
        "No such room: &ops; what you type is posted in #tea, as before." in row for row in seated.sees()
    )
    seated.keys("enter")
    assert any(NOT_POSTED in row for row in seated.sees())
    seated.type("is there no &ops?")
    seated.keys("up", "up")
    assert seated.prompt == "in #tea: the password"
    texts = [asked["text"] for _, asked in cluster.asked("Post")]
    assert texts == ["waits", "waits", "is there no &ops?"]
