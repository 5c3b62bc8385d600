"""What the screen shows, tested without a terminal; and that a real terminal is restored."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import urwid
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock

from chatnet.client.calendar import Calendar
from chatnet.client.draft import TOO_LONG, Pasted
from chatnet.client.said import Said
from chatnet.client.screen import HUNG_UP, ScreenTerminal
from chatnet.client.scroll import MAX_LINES
from chatnet.client.typed import Typed
from chatnet.entries import KEY_BYTES, Entry
from chatnet.errors import NoSuchRoom
from chatnet.world import Stdio

SIZE = (60, 10)
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()


def answered(terminal: ScreenTerminal) -> str | None:
    """Return the answer that was given."""
    found: list[str | None] = []
    Deferred.fromCoroutine(terminal.answer()).addCallback(found.append)
    return found[0]


def calendar(seconds: Callable[[], float]) -> Calendar:
    """Return a calendar in UTC."""
    return Calendar(lambda moment: datetime.fromtimestamp(moment, UTC), lambda: int(seconds() * 1000))


class Rooms:
    """What was said in rooms, and the pages of it that were asked for.

    ``page`` is how many posts a page has; while ``waits``, none is answered.
    """

    def __init__(self) -> None:
        self.posts: dict[str, list[Entry]] = {}
        self.asked: list[tuple[str, int | None]] = []
        self.page = 10
        self.waits: list[Deferred[None]] | None = None
        self.refusal: Exception | None = None

    async def first_rooms(self) -> list[str]:
        return []

    async def own_rooms(self) -> list[tuple[str, int, int]]:
        return []

    async def earlier(self, before: int | None) -> list[Entry]:
        return await self.history("", before)

    async def history(self, room: str, before: int | None) -> list[Entry]:
        self.asked.append((room, before))
        if self.waits is not None:
            self.waits.append(Deferred())
            await self.waits[-1]
        if self.refusal is not None:
            raise self.refusal
        posts = self.posts.get(room, [])
        return [post for post in posts if before is None or post.seq < before][-self.page :]

    def say(self, room: str, count: int) -> None:
        """Say ``count`` posts, three a day up to the day before the tests."""
        for seq in range(1, count + 1):
            time = int(NOON * 1000) - (count - seq) // 3 * 86_400_000 - 86_400_000
            self.posts.setdefault(room, []).append(
                Entry(seq, time, "post", "bob", room, str(seq), bytes(KEY_BYTES))
            )


class Person:
    """A person who looks at a screen of 60 by 10, and types."""

    def __init__(self) -> None:
        self.time = NOON
        self.rooms = Rooms()
        self.terminal = ScreenTerminal(Clock(), "alice", "m:64480", calendar(lambda: self.time), self.rooms)
        self.read: list[Any] = []

    def sees(self) -> list[str]:
        rows = self.terminal.layout.render(SIZE, focus=True).text
        return [row.decode().rstrip() for row in rows]

    def look_of(self, line: str) -> str | None:
        for row in self.terminal.layout.render(SIZE, focus=True).content():
            if b"".join(text for _, _, text in row).decode().rstrip() == line:
                return cast("str | None", row[0][0])
        raise AssertionError(line)

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.terminal.layout.keypress(SIZE, key)

    def type(self, line: str) -> None:
        self.keys(*line, "enter")

    def next_line(self) -> Any:
        found: list[Any] = []
        Deferred.fromCoroutine(self.terminal.read()).addCallback(found.append)
        return found[0].text if isinstance(found[0], Typed) else found[0]


@pytest.fixture
def person() -> Person:
    return Person()


def test_the_standing_and_the_prompt_are_below(person: Person) -> None:
    """The status line has name, connection and cluster; what is typed is below it."""
    person.keys(*"join b")
    assert person.sees()[-2:] == [" alice · connecting · m:64480", "> join b"]
    person.terminal.linked("alice")
    assert person.sees()[-2] == " alice · connected · m:64480"
    person.terminal.linked(None)
    assert "connection lost" in person.sees()[-2]


def test_a_question_has_a_prompt_of_its_own(person: Person) -> None:
    """The person at the terminal can be asked; the answer is no command, and is not shown as one."""
    assert person.terminal.is_attended
    person.terminal.show("Is it the same cluster?")
    person.terminal.expect("answer")
    person.keys("y")
    assert person.sees()[-1] == "answer: y"
    person.keys("enter")
    assert answered(person.terminal) == "y"
    assert [line for line in person.sees()[:-2] if line] == ["Is it the same cluster?"]


def test_what_comes_in_does_not_disturb_what_is_typed(person: Person) -> None:
    """This holds however much comes; the newest is at the bottom."""
    person.keys(*"half ty")
    for number in range(30):
        person.terminal.show(f"bob: {number}")
    assert person.sees() == [*(f"bob: {number}" for number in range(22, 30)), *person.sees()[-2:]]
    assert person.sees()[-1] == "> half ty"
    person.keys(*"ped", "enter")
    assert person.next_line() == "half typed"


def test_a_post_of_one_s_own_is_dim_until_acknowledged(person: Person) -> None:
    """It is shown at once; a refused post is marked."""
    person.terminal.expect("post")
    answers: list[Deferred[Any]] = [Deferred(), Deferred()]
    for number, answer in enumerate(answers):
        person.terminal.posted(Said("alice", "alice", str(number)), answer)
    assert person.look_of("12:00 alice: 0") == "waiting"
    answers[0].callback({"seq": 1})
    answers[1].errback(ValueError())
    answers[1].addErrback(lambda failure: None)
    assert person.look_of("12:00 alice: 0") is None
    assert person.look_of("12:00 alice: 1 (not posted)") == "refused"


def test_posts_are_shown_with_their_time_and_a_line_for_each_day(person: Person) -> None:
    """One's own have the time now, others' the log's; if the two differ, each line is under its own day."""
    now = int(NOON * 1000)
    person.terminal.heard(Said("bob", "bob", "yesterday", now - 86_400_000))
    person.terminal.heard(Said("bob", "bob", "before midnight", now - 43_200_001))
    person.time += 43_200
    person.terminal.posted(Said("alice", "alice", "after it"), Deferred())
    person.terminal.heard(Said("bob", "bob", "by another clock", now + 43_199_000))
    assert person.sees()[:-2] == [
        "-- 2026-11-27 --",
        "12:00 bob: yesterday",
        "23:59 bob: before midnight",
        "-- 2026-11-29 --",
        "00:00 alice: after it",
        "-- 2026-11-28 --",
        "23:59 bob: by another clock",
        "",
    ]
    person.terminal.show("Joined bob.")
    person.terminal.heard(Said("liar", "liar", "when?", (1 << 63) - 1))
    assert person.sees()[-4:-2] == [
        "Joined bob.",
        "--:-- liar: when?",
    ]


def test_one_can_scroll_back_while_posts_come_in(person: Person) -> None:
    """The view stays where it is, and says how much is below; at the bottom it follows again."""
    for number in range(30):
        person.terminal.show(f"bob: {number}")
    person.keys("page up")
    before = person.sees()[:8]
    assert "bob: 29" not in before
    assert person.sees()[-2].startswith(" nothing new below (End goes there) · alice")
    person.terminal.show("bob: new")
    assert person.sees()[:8] == before
    assert person.sees()[-2].startswith(" 1 new below (End goes there) · alice")
    person.keys("page down", "page down", "page down")
    assert person.sees()[7] == "bob: new"
    assert "below" not in person.sees()[-2]
    person.terminal.show("bob: newer")
    assert person.sees()[7] == "bob: newer"


def test_the_feed_is_bounded(person: Person) -> None:
    """The oldest lines are removed."""
    for number in range(MAX_LINES + 10):
        person.terminal.show(str(number))
    assert len(person.terminal._scroll) == MAX_LINES


def test_lines_typed_before_come_back(person: Person) -> None:
    """The up and down keys bring them back."""
    person.type("list")
    person.type("help")
    person.keys("up", "up", "up")
    assert person.sees()[-1] == "> list"
    person.keys("down")
    assert person.sees()[-1] == "> help"
    person.keys("down")
    assert person.sees()[-1] == ">"


def test_a_paste_that_is_left_out_is_said_in_the_feed(person: Person) -> None:
    """What was typed before it stays."""
    person.keys(*"join ", Pasted("x" * 70_000))
    assert " ".join(" ".join(person.sees()[:2]).split()) == TOO_LONG
    assert person.sees()[-1] == "> join"


def test_a_password_is_shown_nowhere(person: Person) -> None:
    """It is not shown while it is typed, even if the command before it waits, nor in the history."""
    person.type("password geheim")
    assert person.next_line() == "password geheim"
    person.type("password")
    person.keys(*"secret")
    assert person.sees()[-1] == "Password: ******"
    person.keys("enter")
    assert person.sees()[-1] == ">"
    assert person.next_line() == "password"
    person.terminal.expect("password")
    assert person.next_line() == "secret"
    person.terminal.expect("command")
    person.keys("up")
    assert person.sees()[-1] == "> password"
    assert person.sees()[:2] == ["> PASSWORD", "> password"]
    assert not any("secret" in row or "geheim" in row for row in person.sees())


def test_lines_that_wait_are_counted(person: Person) -> None:
    """While a command waits for the cluster, the user sees that what they type is kept."""
    person.type("LIST")
    person.type("HELP")
    assert "lines waiting: 2" in person.sees()[-2]
    assert person.next_line() == "LIST"
    assert "lines waiting: 1" in person.sees()[-2]


def test_ctrl_d_ends_input_on_an_empty_line_only(person: Person) -> None:
    """Shells do the same; after that, input stays at its end."""
    person.keys("x", "ctrl d", "ctrl u", "ctrl d", "ctrl d")
    assert person.next_line() is None
    assert person.next_line() is None


def test_the_terminal_is_restored(tmp_path: Path) -> None:
    """After Ctrl-C a real terminal has its modes and its main buffer back."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (10, 60))
    before = termios.tcgetattr(theirs)
    twistd = "from twisted.scripts.twistd import run; run()"
    client = subprocess.Popen(
        [sys.executable, "-c", twistd, "-n", "chat-client", "--master", "127.0.0.1:1", "alice"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "TERM": "xterm"},
        cwd=Path(__file__).parents[2],
    )
    shown = read_until(ours, b"connecting")
    assert b"\x1b[?1049h" in shown
    assert termios.tcgetattr(theirs) != before
    client.send_signal(signal.SIGINT)
    read_until(ours, b"\x1b[?1049l")
    client.wait(10)
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


class Terminal:
    """A real terminal of 60 by 10, and the streams of a client on it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, (10, 60))
        self._encoding = encoding

    def encoding(self) -> str:
        return self._encoding

    def streams(self) -> tuple[Any, Any]:
        return self.source, self.target

    @contextmanager
    def drawn_on(self, screen: ScreenTerminal) -> Iterator[None]:
        self.source = open(self.theirs, "rb", buffering=0)  # noqa: SIM115
        self.target = open(self.theirs, "w", closefd=False, encoding=self._encoding)  # noqa: SIM115
        with urwid.util.set_temporary_encoding(self._encoding):
            screen.open(cast(Stdio, self))
            yield
            screen.close()
        for end in (self.target.close, self.source.close, lambda: os.close(self.ours)):
            with suppress(OSError):  # it is gone
                end()


@pytest.fixture
def screen() -> ScreenTerminal:
    return ScreenTerminal(MemoryReactorClock(), "alice", "m:64480", calendar(lambda: NOON), Rooms())


def test_drawing_survives_whatever_happens(screen: ScreenTerminal, logged_failures: Any) -> None:
    """An error is logged once, and the next change is drawn."""
    terminal = Terminal()
    with terminal.drawn_on(screen):
        assert screen._loop is not None
        whole, screen.layout.standing = screen.layout.standing, cast(Any, None)
        for _ in range(3):
            screen._loop.draw_screen()
        assert len(logged_failures.flush(Exception)) == 1
        screen.layout.standing = whole
        screen._loop.draw_screen()
        assert b"connecting" in read_until(terminal.ours, b"connecting")


def test_a_terminal_that_is_gone_ends_it(screen: ScreenTerminal) -> None:
    """Drawing or reading may notice it; the reason is said."""
    terminal = Terminal()
    with terminal.drawn_on(screen):
        os.close(terminal.ours)
        assert screen._loop is not None
        screen.show("somebody: something")
        screen._loop.draw_screen()
        assert Deferred.fromCoroutine(screen.read()).result is None
        assert screen.trouble() == HUNG_UP
        screen._reactor.advance(0)
        assert screen._loop is None
    assert not [call for call in screen._reactor.getDelayedCalls() if call.func == screen._draw]


def test_input_that_is_closed_ends_it(screen: ScreenTerminal) -> None:
    """The client ends too; the input is not read again and again."""
    terminal = Terminal()
    with terminal.drawn_on(screen):
        assert screen._loop is not None
        keyboard = cast(Any, screen._loop.screen)
        os.close(terminal.ours)
        assert keyboard.get_available_raw_input() == []
        assert screen.trouble() == HUNG_UP
        assert Deferred.fromCoroutine(screen.read()).result is None
        screen._reactor.advance(0)
        assert screen._reactor.getReaders() == []


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_a_terminal_of_any_encoding_is_drawn_on(screen: ScreenTerminal, encoding: str) -> None:
    """Characters that the encoding does not have are shown by number."""
    terminal = Terminal(encoding)
    with terminal.drawn_on(screen):
        screen.show("bob: grün 漢")
        assert screen._loop is not None
        screen._loop.draw_screen()
        shown = read_until(terminal.ours, b"connecting").decode(encoding)
    assert ("漢" if encoding == "utf-8" else "<U+6F22>") in shown
    assert ("ü" in shown) == (encoding != "ascii")


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 2), (3, 40), (100, 3)])
def test_any_size_can_be_drawn(person: Person, size: tuple[int, int]) -> None:
    """This holds with a long draft and a long feed; the cursor is on the screen."""
    for number in range(30):
        person.terminal.show(f"bob: {number} \t 漢字 \u102b")
    person.keys(*("y" * 80))
    for key in ("page up", "page down", "page up", "x"):
        person.terminal.layout.keypress(size, key)
        canvas = person.terminal.layout.render(size, focus=True)
        assert (canvas.cols(), canvas.rows()) == size
        column, row = canvas.cursor
        assert 0 <= column < size[0]
        assert 0 <= row < size[1]


def test_only_what_is_seen_is_laid_out(person: Person) -> None:
    """Each line is laid out once: a key costs the same, however long the feed is."""
    for number in range(MAX_LINES):
        person.terminal.show(str(number))
    lines = person.terminal._scroll._feed
    person.keys("a")
    person.sees()
    laid_out = [line._laid_out for line in lines if line._laid_out is not None]
    assert len(laid_out) == SIZE[1] - 2
    person.keys("b")
    person.sees()
    again = [line._laid_out for line in lines if line._laid_out is not None]
    assert all(one is other for one, other in zip(laid_out, again, strict=True))


def test_keys_are_not_laid_out(person: Person) -> None:
    """However many keys come at once, only drawing lays out."""
    calls = []
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
    person.keys(*("y" * 1_000))
    sys.setprofile(None)
    assert not {"rows", "wrapped", "cells", "laid_out"} & set(calls)


def test_what_is_typed_and_not_entered_counts(person: Person) -> None:
    """It counts for the sentence that says how much is lost."""
    person.type("LIST")
    person.keys(*"half")
    assert person.terminal.undone() == 2


def test_one_stays_at_the_line_one_reads(person: Person) -> None:
    """The view stays when the screen gets narrower, when the oldest lines go, and up to the oldest of all."""
    for number in range(60):
        person.terminal.show(f"bob: {number:04} " + "x" * 50)
    person.keys(*["page up"] * 40)
    assert person.sees()[0].startswith("bob: 0000")
    person.keys("page down")
    middle = person.sees()[7]
    assert middle.startswith(("bob: 0007", "bob: 0014"))
    for number in range(MAX_LINES - 10):
        person.terminal.show(str(number))
    assert len(person.sees()) == SIZE[1]


# ---- reading back ----


@pytest.fixture
def reader(person: Person) -> Person:
    """Return a person who chats in #tea, of which 100 posts are kept and the newest two were heard."""
    person.rooms.say("#tea", 100)
    for post in person.rooms.posts["#tea"][-2:]:
        person.terminal.heard(Said.by(post, "alice"))
    person.terminal.expect("post", "#tea")
    return person


def numbers(person: Person) -> list[int]:
    """Return which posts are seen."""
    return [int(row.rpartition(" ")[2]) for row in person.sees()[:8] if "bob: " in row]


def test_page_up_reads_history_above_the_feed(reader: Person) -> None:
    """Its pages are those before the feed's oldest post, of the room that posts go to; a line is between."""
    reader.rooms.page = 6
    reader.keys("page up")
    assert reader.rooms.asked[:2] == [("#tea", 99), ("#tea", 93)]
    assert reader.sees()[:8] == [
        "-- 2026-11-26 --",
        "12:00 [#tea] bob: 95",
        "12:00 [#tea] bob: 96",
        "12:00 [#tea] bob: 97",
        "-- 2026-11-27 --",
        "12:00 [#tea] bob: 98",
        "-- Above: what was said before in #tea alone. --",
        "-- 2026-11-27 --",
    ]


def test_one_reads_back_to_the_beginning_and_misses_nothing(reader: Person) -> None:
    """However many posts a page has, each is seen, in order. The beginning is said, once."""
    for page in (1, 3, 7, 100):
        reader.rooms.page = page
        reader.keys("end", "end")
        seen: list[int] = numbers(reader)
        for _ in range(40):
            reader.keys("page up")
            found = numbers(reader)
            assert found == list(range(found[0], found[-1] + 1))
            assert found[-1] + 1 >= seen[0] > found[0] or found[0] == 1
            seen = found
        assert reader.sees()[:3] == [
            "-- This is the beginning of #tea. --",
            "-- 2026-10-25 --",
            "12:00 [#tea] bob: 1",
        ]
        asked = len(reader.rooms.asked)
        reader.keys("page up")
        assert len(reader.rooms.asked) == asked
    assert reader.rooms.asked.count(("#tea", 1)) == 1


def test_the_beginning_of_another_room_is_asked_for_again(reader: Person) -> None:
    """It is another one."""
    reader.rooms.page = 100
    for room, asked in (("#tea", ("#tea", 1)), ("#pub", ("#pub", 99)), ("#tea", ("#tea", 1))):
        reader.terminal.expect("post", room)
        reader.keys(*["page up"] * 40)
        assert reader.sees()[0] == f"-- This is the beginning of {room}. --"
        assert reader.rooms.asked[-1] == asked


def test_what_is_looked_at_stays_while_history_and_posts_come(reader: Person) -> None:
    """The status says how many posts have come; a line for a new day does not count."""
    reader.keys("page up", "page up")
    reader.rooms.waits = []
    reader.keys("page up")
    assert "reading older posts" in reader.sees()[-2]
    before = reader.sees()[:8]
    for seq in (101, 102):
        reader.terminal.heard(Said("#tea", "bob", str(seq), int(NOON * 1000), seq))
    assert reader.sees()[:8] == before
    assert reader.sees()[-2].startswith(" 2 new below (End goes there) · reading older posts")
    waits, reader.rooms.waits = reader.rooms.waits, None
    waits[0].callback(None)
    assert reader.sees()[-2].startswith(" 2 new below (End goes there) · alice")
    reader.keys("end")
    assert numbers(reader) == [99, 100, 101, 102]
    assert "below" not in reader.sees()[-2]


def test_a_page_that_comes_too_late_is_not_shown(reader: Person) -> None:
    """One is at the newest again, or posts go elsewhere."""
    waits: list[Deferred[None]] = []
    reader.rooms.waits = waits
    reader.keys("page up", "end")
    reader.keys("page up")
    reader.terminal.expect("post", "#coffee")
    before = reader.sees()
    for wait in waits:
        wait.callback(None)
    assert (len(waits), reader.sees()) == (2, before)
    assert len(reader.terminal._scroll) == 3


def test_page_down_to_the_newest_forgets_what_was_read_back(reader: Person) -> None:
    """End does so, too; the next page up reads it again."""
    for keys in (["end"], ["page down"] * 40):
        reader.keys(*["page up"] * 20, *keys)
        assert len(reader.terminal._scroll) == 3
        reader.keys("page up")
        assert ("#tea", 99) in reader.rooms.asked[-3:]


def test_what_is_read_back_is_bounded(person: Person) -> None:
    """The newest of it goes first, which is far below; a line says how much is missing."""
    person.rooms.say("#tea", 20_000)
    person.rooms.page = 500
    person.terminal.heard(Said.by(person.rooms.posts["#tea"][-1], "alice"))
    person.terminal.expect("post", "#tea")
    for _ in range(1_500):
        person.keys("page up")
    scroll = person.terminal._scroll
    assert len(scroll) == 2 + 1 + MAX_LINES
    assert "lines between are left out" in scroll._edge[0]._text
    found = numbers(person)
    assert found == list(range(found[0], found[-1] + 1))
    person.keys("end")
    assert numbers(person) == [20_000]


def test_history_that_is_refused_is_told_at_the_top(reader: Person) -> None:
    """It is not asked for again until one was at the newest."""
    reader.rooms.refusal = NoSuchRoom.of(room="#tea")
    reader.keys("page up", "page up")
    assert reader.sees()[0] == "No such room: #tea."
    assert len(reader.rooms.asked) == 1
    reader.keys("end", "page up")
    assert len(reader.rooms.asked) == 2


@pytest.mark.parametrize(
    ("what", "room", "asked"),
    [("post", "", [""]), ("post", "#tea", ["#tea"]), ("post", "nowhere", []), ("command", "", [])],
)
def test_history_is_read_where_posts_go(person: Person, what: str, room: str, asked: list[str]) -> None:
    """In all rooms of the feed if they go to one's own; nowhere if there is no chat."""
    person.terminal.linked("alice")
    person.terminal.expect(what, room)
    person.keys("page up")
    assert person.rooms.asked == [(room, None) for room in asked]


def test_posts_that_were_asked_for_are_not_where_the_feed_begins(person: Person) -> None:
    """Else what was said between them and the feed would be passed over."""
    person.rooms.say("#tea", 50)
    person.terminal.expect("post", "#tea")
    person.terminal.numbered(Said("#old", "bob", "hi", int(NOON * 1000), 3))
    person.terminal.heard(Said("#tea", "bob", "hi", int(NOON * 1000), 51))
    person.keys("page up")
    assert person.rooms.asked[0] == ("#tea", 51)


def test_one_s_own_acknowledged_post_is_not_read_back_again(person: Person) -> None:
    """Its place in the log is known by then."""
    person.terminal.expect("post", "#tea")
    answer: Deferred[Any] = Deferred()
    person.terminal.posted(Said("#tea", "alice", "hi"), answer)
    answer.callback({"seq": 7})
    person.keys("page up")
    assert person.rooms.asked == [("#tea", 7)]


def read_until(descriptor: int, mark: bytes) -> bytes:
    """Return what is shown, up to ``mark``."""
    shown, deadline = b"", time.monotonic() + 20
    while mark not in shown:
        ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
        assert ready, shown
        shown += os.read(descriptor, 65536)
    return shown
