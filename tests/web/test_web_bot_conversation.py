"""A bot misses nothing and says nothing twice, wherever it is cut off or killed."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from chatnet.bot import commands
from chatnet.bot.conversation import (
    MOST_ASKED,
    MOST_HEARD,
    Ask,
    Begun,
    Conversation,
    Done,
    Later,
    Missing,
    Moved,
    PutBack,
)
from chatnet.bot.errors import BotError, LoggedOut, OtherVersion, Refused, WrongState
from chatnet.bot.kept import Kept
from chatnet.bot.messages import Cursor, Post


def check(seq: int) -> str:
    return f"check{seq:06d}"


class Cluster:
    """The other side, as docs/web.md has it, of a user called “bot”: a log that takes one of each key."""

    def __init__(self) -> None:
        self.log: list[dict[str, Any]] = []
        self.keys: dict[str, int] = {}
        self.hearing_from: int | None = None

    def said(self, user: str, text: str, key: str = "") -> int:
        seq = len(self.log) + 1
        self.log.append(
            {
                **{"seq": seq, "check": check(seq), "time": 1000 + seq, "kind": "post", "user": user},
                **{"room": user, "text": text, "key": key},
            }
        )
        return seq

    @property
    def end(self) -> Cursor:
        return Cursor(len(self.log), check(len(self.log)))

    def connect(self) -> None:
        self.hearing_from = None

    def take(self, text: str) -> list[str]:
        """Return what is answered to a message."""
        message = json.loads(text)
        if message["t"] == "hello":
            cursor = message.get("cursor", {"seq": len(self.log), "check": check(len(self.log))})
            self.hearing_from = cursor["seq"]
            return [welcome(cursor["seq"])]
        number = message.pop("id")
        if message["t"] == "post":
            if message["key"] not in self.keys:
                self.keys[message["key"]] = self.said("bot", message["text"], message["key"])
            return [json.dumps({"t": "ok", "id": number, "seq": self.keys[message["key"]]})]
        return [json.dumps({"t": "ok", "id": number})]

    def news(self, chance: random.Random) -> list[str]:
        """Return what is told without being asked."""
        if self.hearing_from is None:
            return []
        some = self.log[self.hearing_from : self.hearing_from + chance.randint(0, 4)]
        if some:
            self.hearing_from = some[-1]["seq"]
            return [json.dumps({"t": "posts", "posts": some})]
        seq = self.hearing_from
        return [json.dumps({"t": "upto", "cursor": {"seq": seq, "check": check(seq)}})]


def welcome(seq: int, **others: Any) -> str:
    message = {"t": "welcome", "v": 1, "user": "bot", "log": "log", "session": 1, "scope": "all"}
    return json.dumps({**message, "cursor": {"seq": seq, "check": check(seq)}, **others})


class Entropy:
    """Bytes that are never the same."""

    def __init__(self) -> None:
        self._made = 0

    def __call__(self, size: int) -> bytes:
        self._made += 1
        return self._made.to_bytes(size, "big")


def conversation(
    kept: Kept | None = None, hears: bool = True, entropy: Entropy | None = None
) -> Conversation:
    return Conversation(kept or Kept(), lambda: 1.0, entropy or Entropy(), hears)


def greeted(kept: Kept | None = None, seq: int = 0, hears: bool = True) -> Conversation:
    """Return a bot that is connected."""
    bot = conversation(kept, hears)
    bot.connected()
    list(bot.to_send())
    bot.receive(welcome(seq))
    return bot


def asked(bot: Conversation) -> list[dict[str, Any]]:
    """Return what is to be sent."""
    return [json.loads(message) for message in bot.to_send()]


def posts(*seqs: int, user: str = "alice") -> str:
    some = [
        {
            "seq": seq,
            "check": check(seq),
            "time": 5,
            "kind": "post",
            "user": user,
            "room": user,
            "text": str(seq),
        }
        for seq in seqs
    ]
    return json.dumps({"t": "posts", "posts": some})


def upto(seq: int) -> str:
    return json.dumps({"t": "upto", "cursor": {"seq": seq, "check": check(seq)}})


def post(bot: Conversation, text: str) -> Ask:
    return commands.post(bot, text, None, None, None, None)


# ---- once, and each ----


class Life:
    """An echo bot that is cut and killed by chance, its disk, and the cluster."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.cluster = Cluster()
        self.entropy = Entropy()
        self.disk = Kept()
        self.bot = conversation(self.disk, entropy=self.entropy)
        self.up: list[str] = []
        self.down: list[str] = []
        self.is_connected = False
        self.handled: list[int] = []

    def step(self) -> None:
        self.chance.choice(
            [
                self.talk,
                self.talk,
                self.flow,
                self.flow,
                self.flow,
                self.flow,
                self.loop,
                self.loop,
                self.trouble,
            ]
        )()

    def talk(self) -> None:
        self.cluster.said("alice", f"post {len(self.cluster.log) + 1}")

    def flow(self) -> None:
        if not self.is_connected:
            self.cluster.connect()
            self.bot.connected()
            self.is_connected, self.up, self.down = True, [], []
        self.up += self.bot.to_send()
        if self.up and self.chance.random() < 0.7:
            self.down += self.cluster.take(self.up.pop(0))
        if self.down and self.chance.random() < 0.7:
            for event in self.bot.receive(self.down.pop(0)):
                if isinstance(event, Begun) and event.is_first:
                    self.disk = self.bot.kept()
        if len(self.down) < 5:
            self.down += self.cluster.news(self.chance)

    def loop(self) -> None:
        """Handle an entry; the bot may be killed on any line."""
        entry = self.bot.next() if self.bot.has_room else None
        if entry is None:
            return
        if entry.user == "alice":
            self.bot.answer(entry, commands.answer(self.bot, entry, f"echo {entry.seq}", None, None, False))
        if self.killed():
            return
        self.disk = self.bot.once_handled()
        self.handled.append(entry.seq)
        if self.killed():
            return
        self.bot.handled()

    def killed(self) -> bool:
        if self.chance.random() < 0.2:
            self.bot = conversation(self.disk, entropy=self.entropy)
            self.is_connected = False
            return True
        return False

    def trouble(self) -> None:
        if not self.killed():
            self.bot.lost()
            self.is_connected = False

    def settle(self) -> None:
        """Let everything end well."""
        for _ in range(10_000):
            self.flow()
            if (entry := self.bot.next()) is not None:
                if entry.user == "alice":
                    answer = commands.answer(self.bot, entry, f"echo {entry.seq}", None, None, False)
                    self.bot.answer(entry, answer)
                self.disk = self.bot.once_handled()
                self.handled.append(entry.seq)
                self.bot.handled()
            elif not self.bot.has_asked and self.bot.kept().cursor == self.cluster.end:
                return
        raise AssertionError("it never ends")


@pytest.mark.parametrize("seed", range(60))
def test_each_post_is_handled_once_and_answered_once(seed: int) -> None:
    """A bot that is cut off, and killed between any two lines, hears each post once, and answers it once."""
    life = Life(seed)
    while life.bot.kept().cursor is None:  # before that, nobody knows from where it hears
        life.flow()
    begun = life.bot.kept().cursor
    assert begun is not None
    for _ in range(400):
        life.step()
    life.settle()
    heard = [entry for entry in life.cluster.log if entry["user"] == "alice" and entry["seq"] > begun.seq]
    said = [entry["text"] for entry in life.cluster.log if entry["user"] == "bot"]
    assert len(heard) > 20
    assert sorted(said) == sorted(f"echo {entry['seq']}" for entry in heard)
    assert life.handled == sorted(set(life.handled))


# ---- what moves the cursor ----


def test_an_answer_does_not_move_the_cursor() -> None:
    """That one's own post is durable says nothing of what others said before it."""
    bot = greeted(seq=7)
    bot.send(post(bot, "hello"))
    asked(bot)
    bot.receive(json.dumps({"t": "ok", "id": 1, "seq": 900}))
    assert bot.kept().cursor == Cursor(7, check(7))


def test_nothing_is_handled_before_the_bot_says_so() -> None:
    """What has arrived is not kept as handled, and `upto` behind it neither."""
    bot = greeted()
    bot.receive(posts(1, 2))
    assert bot.receive(upto(9)) == []
    assert bot.kept().cursor == Cursor(0, check(0))
    bot.next()
    assert bot.kept().cursor == Cursor(0, check(0))
    assert bot.once_handled().cursor == Cursor(1, check(1))
    bot.handled()
    bot.next()
    bot.handled()
    assert bot.kept().cursor == Cursor(9, check(9))


def test_where_nothing_is_to_be_handled_upto_moves_the_cursor() -> None:
    bot = greeted()
    assert bot.receive(upto(9)) == [Moved()]
    assert bot.receive(upto(3)) == []
    assert bot.kept().cursor == Cursor(9, check(9))


def test_a_connection_goes_on_where_entries_arrived() -> None:
    """What waits here to be handled is not asked for again."""
    bot = greeted()
    bot.receive(posts(1, 2))
    bot.connected()
    hello = asked(bot)[0]
    assert hello["cursor"] == {"seq": 2, "check": check(2)}
    assert hello["log"] == "log"
    bot.receive(welcome(2))
    bot.receive(posts(2, 3))
    assert [entry.seq for entry in drained(bot)] == [1, 2, 3]


def drained(bot: Conversation) -> list[Post]:
    found = []
    while (entry := bot.next()) is not None:
        found.append(entry)
        bot.handled()
    return found


def test_the_first_time_it_hears_what_is_said_from_now_on() -> None:
    """The newest posts of the greeting are for people; where it began is to be kept at once."""
    bot = conversation()
    bot.connected()
    assert "cursor" not in asked(bot)[0]
    assert bot.receive(welcome(5, posts=json.loads(posts(4, 5))["posts"])) == [Begun(is_first=True)]
    assert bot.next() is None
    assert bot.kept().cursor == Cursor(5, check(5))


def test_what_was_not_sent_is_told() -> None:
    """A bot asks for everything; if a cluster leaves a gap all the same, that is no secret."""
    bot = greeted()
    bot.connected()
    asked(bot)
    gap = welcome(9, gap={"from": 0, "to": 8}, posts=json.loads(posts(9))["posts"])
    assert bot.receive(gap) == [Begun(False), Missing(0, 8)]
    assert [entry.seq for entry in drained(bot)] == [9]


def test_a_bot_that_only_posts_hears_nothing() -> None:
    """Its memory does not fill, and its cursor stays where it was."""
    bot = greeted(Kept(log="log", user="bot", cursor=Cursor(3, check(3))), hears=False)
    bot.receive(posts(4, 5))
    bot.receive(upto(9))
    assert bot.next() is None
    assert bot.kept().cursor == Cursor(3, check(3))


def test_a_token_that_may_only_post_cannot_hear() -> None:
    bot = conversation()
    bot.connected()
    asked(bot)
    with pytest.raises(LoggedOut, match="may only post"):
        bot.receive(json.dumps({"t": "welcome", "v": 1, "user": "bot", "log": "log", "scope": "post"}))


# ---- what it asks ----


def test_what_was_not_answered_is_asked_again_in_its_order() -> None:
    bot = greeted()
    for text in ("a", "b", "c"):
        bot.send(post(bot, text))
    first = asked(bot)
    bot.receive(json.dumps({"t": "ok", "id": first[1]["id"], "seq": 8}))
    bot.connected()
    asked(bot)
    bot.receive(welcome(0))
    again = asked(bot)
    assert [(one["text"], one["key"]) for one in again] == [("a", first[0]["key"]), ("c", first[2]["key"])]


def test_only_so_many_are_unanswered() -> None:
    """The others wait here, and follow one by one."""
    bot = greeted()
    for number in range(MOST_ASKED + 5):
        bot.send(post(bot, str(number)))
    assert len(asked(bot)) == MOST_ASKED
    assert not bot.has_room
    bot.receive(json.dumps({"t": "ok", "id": 1, "seq": 8}))
    assert [one["text"] for one in asked(bot)] == [str(MOST_ASKED)]


def test_what_waits_here_goes_behind_what_was_sent_before() -> None:
    """Also when that was lost with its connection: posts stand in the log in the order they were made in."""
    bot = greeted()
    for number in range(MOST_ASKED + 5):
        bot.send(post(bot, str(number)))
    asked(bot)
    bot.connected()
    asked(bot)
    bot.receive(welcome(0))
    again = asked(bot)
    for one in again[:5]:
        bot.receive(json.dumps({"t": "ok", "id": one["id"], "seq": 8}))
    again += asked(bot)
    assert [one["text"] for one in again] == [str(number) for number in range(MOST_ASKED + 5)]


def test_what_cannot_be_taken_now_is_sent_again_with_its_key() -> None:
    bot = greeted()
    bot.send(post(bot, "a"))
    first = asked(bot)
    why = {"t": "error", "id": first[0]["id"], "code": "TRY_LATER", "text": "Later."}
    assert bot.receive(json.dumps(why)) == [Later()]
    assert asked(bot) == []
    bot.again()
    assert [one["key"] for one in asked(bot)] == [first[0]["key"]]
    assert len(bot.kept().outbox) == 1


def test_a_refusal_is_final() -> None:
    bot = greeted()
    ask = post(bot, "")
    bot.send(ask)
    asked(bot)
    assert bot.receive(json.dumps({"t": "error", "id": 1, "code": "BAD_TEXT", "text": "No."})) == [Done(ask)]
    with pytest.raises(Refused, match="No"):
        ask.result()
    assert bot.kept().outbox == ()


def test_being_there_already_is_as_good_as_joining() -> None:
    bot = greeted()
    ask = bot.draft("join", room="#tea")
    bot.send(ask)
    asked(bot)
    bot.receive(json.dumps({"t": "error", "id": 1, "code": "ALREADY_JOINED", "text": "There."}))
    assert ask.result() == {}


def test_a_question_is_not_kept() -> None:
    """It has no key; whoever asked it is gone with the process."""
    bot = greeted()
    bot.send(commands.question("history", {"room": "#tea", "before": None}))
    bot.send(post(bot, "a"))
    assert [draft["t"] for draft in bot.kept().outbox] == ["post"]


def test_a_named_key_is_the_same_each_time() -> None:
    bot = conversation()
    made = [commands.post(bot, "done", None, "deploy-1842", None, None).message["key"] for _ in range(2)]
    assert made[0] == made[1]


def test_one_answers_the_post_in_hand_alone() -> None:
    """What is said for another one would be kept with the wrong cursor."""
    bot = greeted()
    bot.receive(posts(1, 2))
    first = bot.next()
    assert first is not None
    bot.handled()
    bot.next()
    with pytest.raises(BotError, match="just given"):
        bot.answer(first, post(bot, "late"))


def test_an_entry_that_is_let_go_comes_again_without_its_answers() -> None:
    bot = greeted()
    bot.receive(posts(1))
    entry = bot.next()
    assert entry is not None
    bot.answer(entry, post(bot, "never said"))
    bot.let_go()
    assert bot.kept() == Kept(log="log", user="bot", cursor=Cursor(0, check(0)))
    assert bot.next() is entry
    assert not bot.once_handled().outbox


def test_nothing_more_is_read_when_enough_waits_unless_somebody_waits_for_an_answer() -> None:
    bot = greeted()
    bot.receive(posts(*range(1, MOST_HEARD + 1)))
    assert bot.is_full
    bot.send(post(bot, "a"))
    assert not bot.is_full


def test_a_conversation_is_answered_with_the_other_ones_name() -> None:
    bot = greeted()
    entry = Post(1, check(1), 1, "post", "alice", "alice=bot")
    assert entry.where("bot") == "@alice"
    assert entry.where("alice") == "@bot"
    message = commands.answer(bot, entry, "hi", None, "notice", True).message
    assert (message["room"], message["ref"], message["form"]) == ("@alice", 1, "notice")


# ---- what the cluster wishes ----


def test_when_moved_it_waits_for_what_is_open_and_goes() -> None:
    bot = greeted()
    bot.send(post(bot, "a"))
    asked(bot)
    bot.receive('{"t":"moved"}')
    bot.send(post(bot, "b"))
    assert asked(bot) == []
    assert not bot.may_close
    bot.receive('{"t":"ok","id":1,"seq":5}')
    assert bot.may_close


def test_a_log_that_was_put_back_is_followed_from_there() -> None:
    """What was read and is gone is not handled; what was handled before that stays so."""
    bot = greeted()
    bot.receive(posts(1, 2, 3))
    bot.next()
    bot.handled()
    to = Cursor(2, check(2))
    rewound = json.dumps({"t": "rewound", "cursor": {"seq": 2, "check": check(2)}})
    assert bot.receive(rewound) == [PutBack(to)]
    assert bot.may_close
    assert [entry.seq for entry in drained(bot)] == [2]
    assert bot.kept().cursor == to


def test_a_log_that_does_not_know_the_cursor_is_begun_afresh() -> None:
    """It says hello again on the same connection, without a cursor; what is to be said is kept."""
    bot = conversation(Kept(log="log", user="bot", cursor=Cursor(9, "gone")))
    bot.send(post(bot, "still to be said"))
    bot.connected()
    asked(bot)
    ahead = {"t": "error", "id": None, "code": "CURSOR_AHEAD", "text": "Put back."}
    assert bot.receive(json.dumps(ahead)) == [PutBack(None)]
    hello = asked(bot)
    assert [one["t"] for one in hello] == ["hello"]
    assert "cursor" not in hello[0]
    assert bot.receive(welcome(4)) == [Begun(is_first=True)]
    assert bot.kept().cursor == Cursor(4, check(4))
    assert [one["text"] for one in asked(bot)] == ["still to be said"]


@pytest.mark.parametrize("code", ["TRY_LATER", "INTERNAL_FAILURE", "TOO_SLOW", "UNREADABLE"])
def test_a_greeting_that_cannot_be_answered_now_is_said_on_the_next_connection(code: str) -> None:
    """The store may be away for a minute: that is no reason to end a bot."""
    bot = conversation(Kept(log="log", user="bot", cursor=Cursor(1, check(1))))
    bot.send(post(bot, "still to be said"))
    bot.connected()
    asked(bot)
    with pytest.raises(ConnectionError, match="No"):
        bot.receive(json.dumps({"t": "error", "id": None, "code": code, "text": "No."}))
    bot.connected()
    assert [one["cursor"] for one in asked(bot)] == [{"seq": 1, "check": check(1)}]
    bot.receive(welcome(1))
    assert [one["text"] for one in asked(bot)] == ["still to be said"]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (welcome(1, log="another"), WrongState),
        (welcome(1, user="mallory"), WrongState),
        (welcome(1, v=2), OtherVersion),
        ('{"t":"bye","code":"SESSION_ENDED","text":"Ended."}', LoggedOut),
        ('{"t":"error","id":null,"code":"BAD_REQUEST","text":"No."}', Refused),
    ],
)
def test_what_ends_a_bot(message: str, error: type[Exception]) -> None:
    """Another log's cursor and outbox are of no use in this one, nor another user's."""
    bot = conversation(Kept(log="log", user="bot", cursor=Cursor(1, check(1))))
    bot.connected()
    asked(bot)
    with pytest.raises(error):
        bot.receive(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "nothing",
        "[]",
        "1",
        '{"t":5}',
        "{}",
        '{"t":"posts","posts":[{}]}',
        '{"t":"upto"}',
        '{"t":"ok","id":99}',
        '{"t":"what is newer","x":[]}',
        '{"t":"error","id":99,"code":"X","text":"y"}',
        "\ud800",
    ],
)
def test_what_it_does_not_know_is_passed_over(message: str) -> None:
    bot = greeted(seq=3)
    assert bot.receive(message) == []
    assert bot.kept().cursor == Cursor(3, check(3))


def test_pings_are_answered() -> None:
    bot = greeted()
    bot.receive('{"t":"ping","n":7}')
    assert asked(bot) == [{"t": "pong", "n": 7}]
