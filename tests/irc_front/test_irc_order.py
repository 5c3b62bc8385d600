"""Answers come in the order of the lines, labels name each once, and what is acknowledged is on disk."""

from __future__ import annotations

import pytest
from irc_front.stage import SERVER, Heard, IrcLine, IrcStage
from irc_front.test_irc_rooms import does
from worker.conftest import Worker

from chatnet.entries import Draft, More
from chatnet.worker.fronts.irc.answers import Answers
from chatnet.worker.fronts.irc.client import MOST_UNANSWERED


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


# ---- slots, pure ----


class Sent:
    """The lines that were sent, without their ends."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.written = 0
        self.answers = Answers(self.put, "s", self._written)

    def put(self, line: bytes) -> None:
        self.lines += line.decode().splitlines()

    def _written(self) -> None:
        self.written += 1

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


def test_slots_are_written_in_their_order() -> None:
    """Whenever they are filled; the first one at once."""
    sent = Sent()
    first, second, third = (sent.answers.slot() for _ in range(3))
    second.say(b"2\r\n")
    second.end()
    third.say(b"3\r\n")
    assert sent.take() == []
    first.say(b"1\r\n")
    assert sent.take() == ["1"]
    first.end()
    assert sent.take() == ["2", "3"]
    third.say(b"3 again\r\n")
    third.end()
    assert sent.take() == ["3 again"]
    assert (len(sent.answers), sent.written) == (0, 2)


def test_a_label_is_on_one_line() -> None:
    """On the only line, before its other tags; on a batch around several; on ACK for none."""
    sent = Sent()
    slot = sent.answers.slot("a;b")
    slot.say(b"@time=t :x 401\r\n")
    slot.end()
    slot = sent.answers.slot("c")
    slot.say(b":x 1\r\n", b"@time=t :x 2\r\n")
    slot.say(b":x 3\r\n")
    slot.end()
    sent.answers.slot("d").end()
    sent.answers.slot("").end()
    assert sent.take() == [
        r"@label=a\:b;time=t :x 401",
        "@label=c :s BATCH +1 labeled-response",
        "@batch=1 :x 1",
        "@batch=1;time=t :x 2",
        "@batch=1 :x 3",
        ":s BATCH -1",
        "@label=d :s ACK",
    ]


def test_a_batch_may_stand_in_that_of_a_label() -> None:
    """The batch specification: a batch within another one begins and ends as a part of that. So what was said
    before is known as such in the answer to a JOIN."""
    sent = Sent()
    slot = sent.answers.slot("a")
    slot.say(b":x JOIN\r\n")
    slot.begin("chathistory", "#tea")
    slot.say(b":y PRIVMSG\r\n")
    slot.close()
    slot.say(b":s 366\r\n")
    slot.begin("chathistory", "#cake")
    slot.end()
    assert sent.take() == [
        "@label=a :s BATCH +1 labeled-response",
        "@batch=1 :x JOIN",
        "@batch=1 :s BATCH +2 chathistory #tea",
        "@batch=2 :y PRIVMSG",
        "@batch=1 :s BATCH -2",
        "@batch=1 :s 366",
        "@batch=1 :s BATCH +3 chathistory #cake",
        "@batch=1 :s BATCH -3",
        ":s BATCH -1",
    ]


def test_what_is_heard_does_not_wait_for_earlier_answers() -> None:
    """An echo stands at its place between what others say."""
    sent = Sent()
    first, echo, last = sent.answers.slot("1"), sent.answers.slot("2"), sent.answers.slot("3")
    last.say(b"PONG\r\n")
    last.end()
    echo.now(b":x PRIVMSG\r\n")
    echo.end()
    assert sent.take() == ["@label=2 :x PRIVMSG"]
    first.end()
    assert sent.take() == ["@label=1 :s ACK", "@label=3 PONG"]


def test_a_batch_around_what_is_heard_does_not_stay_open() -> None:
    """Clients wait for the end of a batch before they show what it holds: what follows in the log comes
    behind that, however long earlier lines wait for their answers. If some of it waits for these, it ends
    with them."""
    sent = Sent()
    first, away, mixed = sent.answers.slot(), sent.answers.slot("b"), sent.answers.slot("c")
    away.begin_now()
    for line in (b"301\r\n", b"echo\r\n"):
        away.now(line)
    away.close_now()
    away.end()
    whole = ["@label=b :s BATCH +1 labeled-response", "@batch=1 301", "@batch=1 echo", ":s BATCH -1"]
    assert sent.take() == whole
    mixed.begin_now()
    mixed.say(b"404\r\n")
    mixed.now(b"echo\r\n")
    mixed.close_now()
    mixed.end()
    assert sent.take() == ["@label=c :s BATCH +2 labeled-response", "@batch=2 echo"]
    first.end()
    assert sent.take() == ["@batch=2 404", ":s BATCH -2"]


def test_a_batch_that_may_have_to_begin_at_once_does_so_for_a_line() -> None:
    """Answers that are ready in their turn are labelled as all are: alone, or by ACK. Once there is a batch,
    it begins before all that it holds, whatever still waits for its turn."""
    sent = Sent()
    first, none, one, refused = (sent.answers.slot(label) for label in ("", "a", "b", "c"))
    for slot in (none, one, refused):
        slot.begin_now()
    one.say(b"404\r\n")
    refused.say(b"401\r\n", b"404\r\n")
    refused.now(b"echo\r\n")
    for slot in (none, one, refused):
        slot.close_now()
        slot.end()
    assert sent.take() == ["@label=c :s BATCH +1 labeled-response", "@batch=1 echo"]
    first.end()
    answers = ["@label=a :s ACK", "@label=b 404", "@batch=1 401", "@batch=1 404", ":s BATCH -1"]
    assert sent.take() == answers


def test_a_batch_that_is_the_answer_has_the_label_itself() -> None:
    sent = Sent()
    slot = sent.answers.slot("1")
    slot.begin("chathistory", "#tea")
    slot.say(b":x PRIVMSG\r\n")
    slot.end()
    assert sent.take() == [
        "@label=1 :s BATCH +1 chathistory #tea",
        "@batch=1 :x PRIVMSG",
        ":s BATCH -1",
    ]


# ---- over a connection ----


def test_the_answer_to_a_ping_comes_after_all_before(stage: IrcStage) -> None:
    """A PONG means that each earlier post is on disk and was handed to those who hear it here."""
    alice, bob = stage.user("alice", "echo-message"), stage.user("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take()
    stage.worker.log.held = True
    alice.say("PRIVMSG #tea :one", "PRIVMSG #nowhere :two", "PING :the token", "PRIVMSG #tea :three")
    assert (alice.take(), bob.take()) == ([], [])
    stage.worker.log.let_go()
    stage.worker.settle()
    heard = [one.shown for one in alice.take()]
    before = ["404 alice #nowhere You have not joined #nowhere.", "PRIVMSG #tea one"]
    assert sorted([one for one in heard if not one.endswith("three")][:2]) == before
    assert heard.index(f"PONG {SERVER} the token") > max(map(heard.index, before))
    assert [one.text for one in bob.take()] == ["one", "three"]


@pytest.mark.parametrize("letter", ["x", "\N{CYRILLIC SMALL LETTER SHA}"])
def test_a_pong_has_the_whole_token(stage: IrcStage, letter: str) -> None:
    """Before the welcome and behind it; of one for which the PONG has no room, the client is told so."""
    stranger, alice = stage.line(), stage.user("alice")
    room = 510 - len(f":{SERVER} PONG {SERVER} :")
    token = (letter * 510).encode()[: room - 2].decode(errors="ignore")
    fits = token + "y" * (room - len(token.encode()))
    for line, nick in ((stranger, "*"), (alice, "alice")):
        assert line.shown(f"PING :{fits}") == [f"PONG {SERVER} {fits}"]
        refused = line.ask(f"PING :{fits}y", f"PING {fits}y")
        assert [(one.command, one.params[0]) for one in refused] == [("417", nick)] * 2


@pytest.mark.parametrize(
    ("asked", "number", "at"),
    [
        *(("WHO {}", "315", 1), ("WHOIS {}", "318", 1), ("NAMES {}", "366", 1), ("WHOWAS {}", "369", 1)),
        *(("JOIN #{}", "476", 1), ("PART #{}", "403", 1), ("TOPIC #{}", "403", 1), ("MODE #{}", "403", 1)),
        *(("PRIVMSG {} :x", "401", 1), ("NICK {}", "433", 1), ("HELP {}", "524", 1), ("{}", "421", 1)),
        *(
            ("REDACT #@alice {}", "FAIL", 3),
            ("CHATHISTORY LATEST {} * 1", "FAIL", 3),
            ("MARKREAD {}", "FAIL", 2),
        ),
    ],
)
def test_an_answer_names_what_it_is_about(stage: IrcStage, asked: str, number: str, at: int) -> None:
    """By a client's word, whole up to 300 bytes: so a client knows what was answered."""
    alice = stage.everything("alice")
    for size in (100, 101, 290, 400):
        said = "N" * size if asked == "{}" else "*" + "n" * (size - 1)
        heard = [one for one in alice.ask(asked.format(said)) if one.command in (number, "432")]
        named = heard[-1].params[at].removeprefix("#")
        assert named == said if size < 300 else named.startswith(said[:299]) and named.endswith("…")
        assert heard[-1].text.removesuffix("…") not in ("", named)


def test_nobody_is_told_of_a_post_before_it_is_on_disk(stage: IrcStage) -> None:
    """The echo is the acknowledgement; who has no echo gets ACK for a label, and nothing without one."""
    echoing, labelling = stage.everything("alice"), stage.everything("bob", "echo-message")
    plain = stage.user("carol")
    for line in (echoing, labelling, plain):
        line.ask("JOIN #tea")
    for line in (echoing, labelling, plain):
        line.take()
    stage.worker.log.held = True
    for line in (echoing, labelling, plain):
        line.say("@label=1 PRIVMSG #tea :x")
        assert line.take() == []
    stage.worker.log.let_go()
    stage.worker.settle()
    mine = [one for one in echoing.take() if one.nick == "alice"]
    assert [(one.tags["label"], one.shown) for one in mine] == [("1", "PRIVMSG #tea x")]
    assert [one.shown for one in labelling.take() if one.tags.get("label")] == ["ACK"]
    assert {one.nick for one in plain.take()} == {"alice", "bob"}


def test_an_own_post_is_never_delivered_besides(stage: IrcStage) -> None:
    """Once as an echo, where that was asked for; never where it was not. The user's other connections get it
    in channels; in conversations only if they asked for such."""
    echoing, plain, other = stage.user("alice", "echo-message"), stage.user("alice"), stage.user("alice")
    bob = stage.user("bob")
    echoing.ask("JOIN #tea")
    for line in (plain, other):
        line.take()
    stage.user("bob")
    plain.say("PRIVMSG #tea :in a channel", "PRIVMSG bob :in a conversation")
    assert plain.take() == []
    assert [one.shown for one in echoing.take()] == [
        "PRIVMSG #tea in a channel",
        "PRIVMSG bob in a conversation",
    ]
    assert [one.shown for one in other.take()] == ["PRIVMSG #tea in a channel"]
    assert [one.shown for one in bob.take()] == ["PRIVMSG bob in a conversation"]


def test_what_one_says_in_queries_elsewhere(stage: IrcStage) -> None:
    """znc.in/self-message: whoever has it gets, from themselves, what another connection of theirs says in a
    query; the target is whom it was said to. It is no echo: the connection that said it gets nothing."""
    speaking = stage.user("alice", "znc.in/self-message")
    wide, plain = stage.user("alice", "znc.in/self-message"), stage.user("alice")
    bob = stage.user("bob", "znc.in/self-message")
    assert speaking.ask("PRIVMSG bob :psst", "NOTICE bob :pst") == []
    heard = [(one.nick, one.shown) for one in wide.take()]
    assert heard == [("alice", "PRIVMSG bob psst"), ("alice", "NOTICE bob pst")]
    assert [(one.nick, one.shown) for one in bob.take()] == heard
    assert plain.take() == []
    bob.ask("PRIVMSG alice :what?")
    assert [one.texts() for one in (speaking, wide, plain)] == [["bob alice what?"]] * 3
    assert bob.take() == []


def test_the_echo_is_what_others_got(stage: IrcStage) -> None:
    """The same id, time, tags and text: as the log has it, not as it was typed."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take(), bob.take()
    [echo] = alice.ask("@label=x PRIVMSG #Tea :\x02bold\x02 \x0304,05red\x03 \x1bplain\u2028line")
    [heard] = bob.take()
    assert echo.tags.pop("label") == "x"
    assert echo == heard
    assert echo.shown == "PRIVMSG #tea bold red plain line"


def test_a_line_waits_for_what_was_said_before(stage: IrcStage) -> None:
    """Who asks sees their own: a JOIN and a post before NAMES are done when it is answered."""
    alice = stage.user("alice", "echo-message")
    heard = alice.shown(
        "JOIN #tea,#cake", "PRIVMSG #tea :x", "NAMES #tea", "PING 1", "PART #cake", "NAMES #cake"
    )
    assert heard == [
        "JOIN #tea",
        "353 alice = #tea @alice",
        "366 alice #tea End of NAMES.",
        "JOIN #cake",
        "353 alice = #cake @alice",
        "366 alice #cake End of NAMES.",
        "PRIVMSG #tea x",
        "353 alice = #tea @alice",
        "366 alice #tea End of NAMES.",
        f"PONG {SERVER} 1",
        "PART #cake",
        "366 alice #cake End of NAMES.",
    ]


def test_each_kind_of_line_is_answered_by_its_label(stage: IrcStage) -> None:
    alice = stage.everything("alice")
    alice.ask("JOIN #tea")

    def answer(line: str) -> list[Heard]:
        heard = alice.ask(f"@label=L {line}")
        assert [one.tags.get("label") for one in heard].count("L") == 1
        assert heard[0].tags["label"] == "L"
        return heard

    assert answer("PING x")[0].shown == f"PONG {SERVER} x"
    assert answer("PONG x")[0].command == "ACK"
    assert answer("NONSENSE")[0].command == "421"
    assert answer("JOIN")[0].command == "461"
    assert answer("JOIN #tea")[0].command == "ACK"
    assert answer("PRIVMSG #tea :x")[0].command == "PRIVMSG"
    assert answer("PRIVMSG nobody_here :x")[0].command == "401"
    assert answer("NOTICE nobody_here :x")[0].command == "ACK"
    assert answer("NICK")[0].command == "431"
    assert answer("CAP REQ batch")[0].command == "CAP"
    joined = answer("JOIN #cake")
    assert [one.command for one in joined] == ["BATCH", "JOIN", "MARKREAD", "BATCH"]
    assert {one.tags.get("batch") for one in joined[1:-1]} == {joined[0].params[0][1:]}
    both = answer("PRIVMSG #tea,#cake :x")
    assert [one.command for one in both] == ["BATCH", "PRIVMSG", "PRIVMSG", "BATCH"]
    assert answer("LUSERS")[0].params[1] == "labeled-response"
    assert answer("PART #cake")[0].command == "PART"
    assert answer("TOPIC #tea :what it is about")[0].command == "TOPIC"
    assert answer("QUIT")[0].command == "ERROR"


def test_a_labelled_join_is_one_batch(stage: IrcStage) -> None:
    """With all that it is answered by: the JOIN, what the channel is about, and who is there."""
    stage.user("bob").ask("JOIN #tea", "TOPIC #tea :hot")
    alice = stage.everything("alice", "no-implicit-names")
    begin, *answers, end = alice.ask("@label=L JOIN #tea,#b/c,#cake")
    assert begin.tags == {"label": "L"}
    assert (begin.command, begin.params[1]) == ("BATCH", "labeled-response")
    assert (end.command, end.params, end.tags) == ("BATCH", ["-" + begin.params[0][1:]], {})
    assert {one.tags["batch"] for one in answers} == {begin.params[0][1:]}
    assert sorted(f"{one.command} {one.params[one.command in ('332', '333', '366')]}" for one in answers) == [
        *("332 #tea", "333 #tea", "353 alice", "353 alice", "366 #cake", "366 #tea"),
        *("476 alice", "JOIN #cake", "JOIN #tea", "MARKREAD #cake", "MARKREAD #tea"),
    ]
    assert [one.params[-2] for one in answers if one.command == "353"] == ["#tea", "#cake"]


ALONE = ("labeled-response", "batch", "no-implicit-names")


@pytest.mark.parametrize(
    "caps", [ALONE, (*ALONE, "server-time", "draft/chathistory"), (*ALONE, "server-time")]
)
def test_a_labelled_join_of_one_line_has_the_label_itself(stage: IrcStage, caps: tuple[str, ...]) -> None:
    """labeled-response: a batch is for several lines. Who joins without the names is told the JOIN alone, if
    there is nothing else to tell."""
    alice, bob = stage.user("alice", *caps), stage.user("bob")
    [alone] = alice.ask("@label=L JOIN #tea")
    assert (alone.tags.pop("label"), alone.shown) == ("L", "JOIN #tea")
    assert "batch" not in alone.tags

    def answer(line: str) -> list[str]:
        begin, *answers, end = alice.ask(f"@label=L {line}")
        reference = begin.params[0][1:]
        assert (begin.tags["label"], begin.params[1:]) == ("L", ["labeled-response"])
        assert end.params == [f"-{reference}"]
        assert {one.tags.get("batch") for one in answers} == {reference}
        assert not [one for one in answers if "label" in one.tags]
        return sorted(one.command for one in answers)

    assert answer("JOIN #milk,#b/c") == ["476", "JOIN"]
    assert answer("JOIN #jam,#bread") == ["JOIN", "JOIN"]
    bob.ask("JOIN #cake,#pie", "TOPIC #cake :sweet", "PRIVMSG #pie :hi")
    assert answer("JOIN #cake") == ["332", "333", "JOIN"]
    joined = alice.ask("@label=L JOIN #pie")
    shows_newest = caps[-1] == "server-time"
    assert [one.command for one in joined] == (
        ["BATCH", "JOIN", "BATCH", "PRIVMSG", "BATCH", "BATCH"] if shows_newest else ["JOIN"]
    )
    assert joined[0].tags["label"] == "L"


@pytest.mark.parametrize("joins", ["JOIN #tea", "JOIN #tea,#cake"])
def test_what_is_said_behind_a_join_comes_behind_it(stage: IrcStage, joins: str) -> None:
    """Also while it is read whether the JOIN is all there is to tell: nothing is lost, and all in order."""
    alice, bob = stage.user("alice", *ALONE), stage.user("bob")
    bob.ask("JOIN #tea")
    stage.worker.log.reads_held = True
    alice.say(f"@label=L {joins}")
    bob.say("PRIVMSG #tea :one", "PRIVMSG #tea :two")
    stage.worker.log.reads_held = False
    while stage.worker.log._reading:
        stage.worker.log.answer_read()
    stage.worker.settle()
    bob.say("PRIVMSG #tea :three")
    heard = alice.take()
    assert [one.text for one in heard if one.command == "PRIVMSG"] == ["one", "two", "three"]
    commands = [one.command for one in heard]
    assert commands.index("JOIN") < commands.index("PRIVMSG")
    assert [one.tags.get("label") for one in heard].count("L") == 1
    assert commands.count("BATCH") == (2 if "," in joins else 0)


def test_who_has_no_echo_gets_labels_on_what_they_get(stage: IrcStage) -> None:
    """labeled-response: one line has the label itself, several are a batch, and for none there is ACK:
    whatever the line might have been answered by. A NOTICE that is refused at all its targets is none."""
    alice = stage.user("alice", "labeled-response", "batch")
    wide, bob = stage.everything("carol"), stage.user("bob")
    for line in (alice, wide):
        line.ask("JOIN #tea,#cake")
    bob.ask("AWAY :lunch")
    alice.take()

    def answer(line: str, client: IrcLine = alice) -> list[str]:
        heard = [one for one in client.ask(f"@label=L {line}") if one.source == SERVER]
        assert [one.tags.get("label") for one in heard].count("L") == 1
        assert heard[0].tags["label"] == "L"
        return [one.command for one in heard]

    assert answer("PRIVMSG #tea,#cake :x") == ["ACK"]
    assert answer("PRIVMSG bob :x") == ["301"]
    assert answer("PRIVMSG bob,#tea,#nowhere :x") == ["BATCH", "301", "404", "BATCH"]
    assert answer("NOTICE #tea,nobody_here :x") == ["ACK"]
    assert answer("NOTICE #nowhere,nobody_here :x", wide) == ["ACK"]
    assert answer("PRIVMSG #nowhere,nobody_here :x", wide) == ["BATCH", "404", "401", "BATCH"]
    assert answer("PRIVMSG bob :x", wide) == ["BATCH", "301", "BATCH"]


def test_a_change_of_a_mode_has_the_label_itself(stage: IrcStage) -> None:
    alice, bob = stage.everything("alice"), stage.user("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    does(stage, "role", "chatnet", "#tea", "moderator", to="alice")
    alice.take()
    changed, parted = alice.ask("@label=L MODE #tea +b bob")
    assert (changed.command, changed.tags["label"], "label" in parted.tags) == ("MODE", "L", False)
    several = alice.ask("@label=L MODE #tea -b+b bob nobody_here")
    assert [one.command for one in several] == ["BATCH", "MODE", "401", "BATCH"]


@pytest.mark.parametrize("caps", [(), ("labeled-response",), ("batch",)])
def test_who_did_not_ask_for_labels_gets_none(stage: IrcStage, caps: tuple[str, ...]) -> None:
    alice = stage.user("alice", *caps)
    assert [one.tags for one in alice.ask("@label=1 PING x", "@label=2 NONSENSE")] == [{}, {}]


def test_a_label_that_is_too_long_is_none(stage: IrcStage) -> None:
    alice = stage.everything("alice")
    assert [one.tags for one in alice.ask(f"@label={'x' * 65} PING x")] == [{}]


def test_too_many_unanswered_lines_are_not_read(stage: IrcStage) -> None:
    """None of them is lost: they are done when the log is there again."""
    alice, bob = stage.user("alice", "echo-message"), stage.user("bob")
    alice.ask("JOIN #tea")
    bob.ask("JOIN #tea")
    alice.take()
    stage.worker.log.held = True
    many = MOST_UNANSWERED * 3
    for number in range(many):
        alice.say(f"PRIVMSG #tea :{number}")
    assert len(alice.server.speech.answers) <= MOST_UNANSWERED + 1
    stage.worker.log.let_go()
    for _ in range(100):
        stage.worker.settle()
    assert [one.text for one in alice.take()] == [str(number) for number in range(many)]
    assert [one.text for one in bob.take()][-many:] == [str(number) for number in range(many)]


def test_the_ack_may_come_before_what_is_heard(stage: IrcStage) -> None:
    """A worker may learn of its own entry by the answer first: the echo stands where the entry is heard."""
    alice, bob = stage.user("alice", "echo-message"), stage.user("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take()
    stage.worker.log.lagging = True
    bob.say("PRIVMSG #tea :first")
    alice.say("PRIVMSG #tea :second", "PING x")
    assert alice.take() == []
    stage.worker.log.catch_up()
    stage.worker.settle()
    assert [one.text for one in alice.take()] == ["first", "second", "x"]


def test_what_is_not_heard_is_answered_too(stage: IrcStage) -> None:
    """An admin describes a topic that they are not in: nothing of it is heard here, and it is answered."""
    stage.user("alice")
    worker = stage.worker
    worker.commit(Draft("role", "chatnet", "", "admin", b"k" * 16, 0, More(to="alice")))
    alice = stage.everything("alice")
    stage.user("bob").ask("JOIN #tea")
    worker.log.lagging = True
    alice.say("@label=1 TOPIC #tea :about tea", "PING x")
    assert alice.take() == []
    worker.log.catch_up()
    worker.settle()
    heard = alice.take()
    assert [(one.tags.get("label"), one.command) for one in heard] == [("1", "TOPIC"), (None, "PONG")]


def test_who_is_lost_between_the_ack_and_what_is_heard_leaves_nothing(stage: IrcStage) -> None:
    """What was appended is on disk, and has not come here yet: the session ends all the same."""
    alice = stage.user("alice")
    alice.ask("JOIN #tea")
    worker = stage.worker
    worker.log.lagging = True
    alice.say("PRIVMSG #tea :one")
    head = worker.log.window.head
    alice.cut()
    worker.settle()
    assert len(worker.entrance.sessions.users) == 0
    worker.log.catch_up()
    assert worker.log.window.head == head + 1


def test_what_is_asked_for_begins_and_ends_at_the_ack(stage: IrcStage) -> None:
    """A line is answered, and what others say is told, by what was on before a CAP REQ up to its ACK."""
    before, bob = stage.everything("alice", "server-time"), stage.user("bob")
    after = stage.user("alice", "cap-notify")
    for line in (before, after, bob):
        line.ask("JOIN #tea")
    for line in (before, after, bob):
        line.take()
    stage.worker.log.held = True
    before.say("@label=1 PRIVMSG #tea :x", "CAP REQ :-echo-message -message-tags -labeled-response")
    after.say("PRIVMSG #tea :y", "CAP REQ :echo-message server-time", "PRIVMSG #tea :z")
    stage.worker.log.let_go()
    stage.worker.settle()
    bob.say("PRIVMSG #tea :from bob")
    told = [(one.nick, one.text, "label" in one.tags, "msgid" in one.tags) for one in before.take()]
    at_ack = told.index((SERVER, "-echo-message -message-tags -labeled-response", False, False))
    assert ("alice", "x", True, True) in told[:at_ack]
    assert ("bob", "from bob", False, False) in told[at_ack:]
    timed = [(one.nick, one.text, "time" in one.tags) for one in after.take()]
    at_ack = timed.index((SERVER, "echo-message server-time", False))
    assert {has_time for _, _, has_time in timed[:at_ack]} <= {False}
    assert timed[at_ack + 1 :] == [("alice", "z", True), ("bob", "from bob", True)]


@pytest.mark.parametrize("asked", ["MONITOR + bob", "ISON bob", "USERHOST bob", "WHO bob", "WHOIS bob"])
def test_no_answer_is_older_than_what_was_told_before_it(stage: IrcStage, asked: str) -> None:
    """Who is here is looked up once all lines before are answered: what is told meanwhile, as that somebody
    has come, is not taken back by an answer from before."""
    alice = stage.user("alice")
    alice.ask("MONITOR + bob")
    stage.worker.log.held = True
    alice.say("PRIVMSG #@alice :x", asked)
    stage.worker.log.held = False
    stage.user("bob")
    stage.worker.log.let_go()
    stage.worker.settle()
    came, *answer = alice.shown("PING x")[:-1]
    assert came == "730 alice bob!bob@user"
    assert answer == alice.shown(asked) != ["731 alice bob"]
