"""What is said over IRC: where it goes, who hears it and how, and what is refused."""

from __future__ import annotations

import pytest
from irc_front.stage import IrcLine, IrcStage
from worker.conftest import Worker

from chatnet.entries import Draft, More


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


def members(stage: IrcStage, *names: str, room: str = "#tea", caps: tuple[str, ...] = ()) -> list[IrcLine]:
    """Return connections of these users, who are in a room."""
    lines = [stage.user(name, *caps) for name in names]
    for line in lines:
        line.ask(f"JOIN {room}")
    for line in lines:
        line.take()
    return lines


def said(stage: IrcStage, user: str, room: str, text: str, more: More | None = None) -> None:
    """Let a user of another worker say something."""
    stage.worker.commit(Draft("post", user, room, text, stage.worker.entropy(16), 0, more))


# ---- where it goes ----


def test_what_is_said_in_a_topic(stage: IrcStage) -> None:
    """Members hear it, each once; who is not in it does not; and the log has it as any other post."""
    alice, bob = members(stage, "alice", "bob")
    carol = stage.user("carol")
    assert alice.shown("PRIVMSG #tea :hello") == []
    assert bob.texts() == ["alice #tea hello"]
    assert carol.heard == []
    post = stage.worker.log.entries[-1]
    assert (post.kind, post.user, post.room, post.text, post.more) == ("post", "alice", "#tea", "hello", None)


def test_what_is_said_in_ones_own_room(stage: IrcStage) -> None:
    """Followers hear it there; and in topics that it names, who is there alone: one line for each."""
    alice = stage.user("alice")
    [bob] = members(stage, "bob", room="#@alice")
    [carol] = members(stage, "carol", room="#tea")
    both = stage.user("dan")
    both.ask("JOIN #@alice,#tea")
    for line in (bob, carol, both):
        line.take()
    alice.say("PRIVMSG #@alice :about #tea")
    assert bob.texts() == ["alice #@alice about #tea"]
    assert carol.texts() == ["alice #tea about #tea"]
    assert both.texts() == ["alice #@alice about #tea"]


def test_others_do_not_speak_in_a_users_room(stage: IrcStage) -> None:
    stage.user("alice")
    [bob] = members(stage, "bob", room="#@alice")
    assert bob.shown("PRIVMSG #@alice :hello") == [
        "404 bob #@alice only alice speaks here; mention @alice, or send them a message"
    ]


def test_a_conversation(stage: IrcStage) -> None:
    """The target of what is said in it is whom it is for, for both."""
    alice, bob = stage.user("alice", "echo-message"), stage.user("bob")
    assert alice.shown("PRIVMSG BOB :psst") == ["PRIVMSG bob psst"]
    assert bob.texts() == ["alice bob psst"]
    bob.say("PRIVMSG alice :what?")
    assert alice.texts() == ["bob alice what?"]


def test_somebody_who_is_not_here_gets_it_later(stage: IrcStage) -> None:
    alice = stage.user("alice")
    stage.user("bob").cut()
    assert alice.shown("PRIVMSG bob :psst") == ["301 alice bob not connected"]
    assert alice.shown("NOTICE bob :psst") == []
    assert stage.worker.log.entries[-1].room == "alice=bob"


def test_who_is_mentioned_elsewhere_is_told_where(stage: IrcStage) -> None:
    """By a tag, or before the text; who is in the room hears it there, once."""
    alice = stage.user("alice")
    [inside] = members(stage, "bob", room="#@alice")
    plain, tagged = stage.user("carol"), stage.user("dan", "message-tags")
    alice.say("PRIVMSG #@alice :hello @bob, @carol and @dan")
    assert inside.texts() == ["alice #@alice hello @bob, @carol and @dan"]
    assert plain.texts() == ["alice carol [#@alice] hello @bob, @carol and @dan"]
    [heard] = tagged.take()
    assert heard.tags["+channel-context"] == "#@alice"
    assert heard.shown == "PRIVMSG dan hello @bob, @carol and @dan"


def test_a_private_room(stage: IrcStage) -> None:
    """Who is not in it gets the same answers as if there were none."""
    alice, bob = stage.user("alice", "echo-message"), stage.user("bob")
    stage.worker.commit(Draft("create", "alice", "&ops", "all", b"k" * 16))
    assert [one.shown for one in alice.take()][:2] == ["JOIN &ops", "353 alice = &ops @alice"]
    assert alice.shown("PRIVMSG &ops :hello") == ["PRIVMSG &ops hello"]
    for room in ("&ops", "&nothing"):
        assert [one.command for one in bob.ask(f"PRIVMSG {room} :hello", f"JOIN {room}")] == ["403", "403"]
        assert bob.shown(f"NAMES {room}") == [f"366 bob {room} End of NAMES."]
        assert [one.command for one in bob.ask(f"TOPIC {room}", f"PART {room}")] == ["403", "403"]


# ---- how it is said ----


def test_notices_and_actions_keep_their_form(stage: IrcStage) -> None:
    """A NOTICE stays one, or bots would answer each other for ever; ``/me`` is an action."""
    alice, bob = members(stage, "alice", "bob", caps=("echo-message",))
    assert alice.shown("NOTICE #tea :beep") == ["NOTICE #tea beep"]
    assert bob.shown("PRIVMSG #tea :\x01ACTION waves\x01") == [
        "NOTICE #tea beep",
        "PRIVMSG #tea \x01ACTION waves\x01",
    ]
    forms = [entry.more and entry.more.form for entry in stage.worker.log.entries if entry.kind == "post"]
    assert forms == ["notice", "action"]


def test_other_ctcp_goes_nowhere(stage: IrcStage) -> None:
    """And is told so, but for notices."""
    alice, bob = members(stage, "alice", "bob")
    assert alice.shown("PRIVMSG bob :\x01VERSION\x01") == [
        "NOTICE alice PRIVMSG: CTCP VERSION goes nowhere here."
    ]
    assert alice.shown("NOTICE bob :\x01VERSION weechat\x01") == []
    assert bob.heard == []
    wide = stage.user("carol", "standard-replies")
    assert [one.shown for one in wide.ask("PRIVMSG bob :\x01PING 1\x01")] == [
        "FAIL PRIVMSG NOT_SENT CTCP PING goes nowhere here."
    ]


def test_several_targets(stage: IrcStage) -> None:
    """Each once, at most four; each that is refused is told, and the others get it."""
    alice, bob = members(stage, "alice", "bob")
    assert [one.shown[:15] for one in alice.ask("PRIVMSG #tea,#nope,bob,#Tea,Bob :x")] == ["404 alice #nope"]
    assert bob.texts() == ["alice #tea x", "alice bob x"]
    assert [one.command for one in alice.ask("PRIVMSG a,b,c,d,e :x")] == ["407"]


def test_an_answer_to_a_post(stage: IrcStage) -> None:
    """The tag ``+reply`` becomes what the post refers to, and is shown to all who read tags."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take()
    [echo] = alice.ask("PRIVMSG #tea :a question")
    [first] = [one for one in bob.take() if one.nick == "alice"]
    assert first.tags["msgid"] == echo.tags["msgid"]
    bob.say(f"@+draft/reply={first.tags['msgid']};+other=x PRIVMSG #tea :an answer")
    [answer] = alice.take()
    assert answer.tags["+draft/reply"] == answer.tags["+reply"] == first.tags["msgid"]
    assert "+other" not in answer.tags
    entry = stage.worker.log.entries[-1]
    assert entry.ref is not None
    assert entry.ref.seq == entry.seq - 1


def test_a_reaction(stage: IrcStage) -> None:
    """message-tags: a TAGMSG goes where a PRIVMSG would, to those who read tags, and to nobody else. It is on
    disk as all posts are, so nothing of it is lost: page and terminal show it as an answer."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    plain, tagless = stage.user("carol"), stage.user("dan", "server-time", "account-tag")
    for line in (alice, bob, plain, tagless):
        line.ask("JOIN #tea")
    bob.take()
    [post] = bob.ask("PRIVMSG #tea :a question")
    for line in (alice, bob, plain, tagless):
        line.take()
    family = "\U0001f469\u200d\U0001f467"
    [echo] = alice.ask(f"@label=1;+draft/react={family};+draft/reply={post.tags['msgid']};+x=y TAGMSG #tea")
    [heard] = bob.take()
    assert echo.tags.pop("label") == "1"
    assert echo == heard
    assert (heard.nick, heard.shown) == ("alice", "TAGMSG #tea")
    assert heard.tags["+draft/react"] == family
    assert heard.tags["+draft/reply"] == heard.tags["+reply"] == post.tags["msgid"]
    assert {"msgid", "time", "account"} <= heard.tags.keys()
    assert "+x" not in heard.tags
    assert plain.take() == tagless.take() == []
    entry = stage.worker.log.entries[-1]
    assert (entry.kind, entry.text) == ("post", family)
    assert entry.ref is not None
    # In histories, where events are; otherwise as if it were not there.
    _, first, last, _ = alice.ask("CHATHISTORY LATEST #tea * 2")
    assert (first.command, last.command, last.tags["msgid"]) == ("PRIVMSG", "TAGMSG", heard.tags["msgid"])
    without = stage.everything("alice", "draft/event-playback")
    assert [one.command for one in without.ask("CHATHISTORY LATEST #tea * 1")] == [
        "BATCH",
        "PRIVMSG",
        "BATCH",
    ]
    bob.take()
    assert bob.ask(f"REDACT #tea {heard.tags['msgid']}")[0].command == "FAIL"
    assert alice.ask(f"REDACT #tea {heard.tags['msgid']}")[0].command == "REDACT"


def test_which_tags_go_on(stage: IrcStage) -> None:
    """Those that CLIENTTAGDENY leaves, and of these what the log keeps: which message is answered, if it is
    one of ours, and a reaction to it, in a TAGMSG. What a tag says besides would stay when the post is taken
    back."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    tags = "+channel-context=#tea;+draft/react=x;+reply=elsewhere;+typing=active;unprefixed=y"
    alice.say(f"@{tags} PRIVMSG bob :x y")
    [heard] = bob.take()
    assert heard.shown == "PRIVMSG bob x y"
    assert not [name for name in heard.tags if name[0] == "+"]
    alice.take()
    reply = f"+reply={heard.tags['msgid']}"
    alice.say(f"@+draft/react=\\sa\\sb\\:c\x02;{reply} TAGMSG bob")
    [reaction] = bob.take()
    assert (reaction.shown, reaction.tags["+draft/react"]) == ("TAGMSG bob", " a b;c")
    alice.take()
    most = "x" * (512 - len("+draft/react="))
    assert alice.ask(f"@+draft/react={most};{reply} TAGMSG bob")[0].command == "TAGMSG"
    assert alice.ask(f"@+draft/react={most}x;{reply} TAGMSG bob")[0].command == "417"
    assert [one.tags["+draft/react"] for one in bob.take()] == [most]


def test_a_reaction_is_taken_back_whole(stage: IrcStage) -> None:
    """Nothing of what it said is left in the log, also not in what an entry has besides its text."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    [post] = bob.ask("PRIVMSG alice :x")
    alice.take()
    [echo] = alice.ask(f"@+draft/react=secret;+reply={post.tags['msgid']} TAGMSG bob")
    alice.ask(f"REDACT bob {echo.tags['msgid']}")
    assert "secret" not in "".join(map(str, stage.worker.log.entries))


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("@+draft/react=x;{} TAGMSG", "411"),
        ("@+draft/react=x;{} TAGMSG nobody_here", "401"),
        ("@+draft/react=x;{} TAGMSG #tea", "404"),
        ("@+draft/react=x;{} TAGMSG #a/b", "403"),
        ("@+draft/react=x;{} TAGMSG #@bob", "404"),
        ("@+draft/react=x;{} TAGMSG a,b,c,d,e", "407"),
        ("@+draft/react;{} TAGMSG bob", "ACK"),
        ("@+draft/react=\x02;{} TAGMSG bob", "ACK"),
        ("@+draft/react=x TAGMSG bob", "ACK"),
        ("@+draft/react=x;+reply=elsewhere TAGMSG bob", "ACK"),
        ("@{} TAGMSG bob", "ACK"),
        ("TAGMSG bob", "ACK"),
    ],
)
def test_what_is_no_reaction(stage: IrcStage, line: str, answer: str) -> None:
    """A TAGMSG gets the errors of a PRIVMSG; what says nothing that goes on is taken, and goes nowhere. Who
    has not negotiated tags says none."""
    bob, alice, plain = stage.everything("bob"), stage.everything("alice"), stage.user("carol")
    [post] = bob.ask("PRIVMSG alice :x")
    alice.take()
    head, _, rest = line.format(f"+reply={post.tags['msgid']}").rpartition("TAGMSG")
    [heard] = alice.ask(f"@{';'.join(filter(None, ('label=1', head.strip(' @'))))} TAGMSG{rest}")
    assert (heard.command, heard.tags["label"]) == (answer, "1")
    if answer != "411":
        assert plain.ask(f"{head}TAGMSG{rest}") == []
    assert bob.take() == []
    assert len([entry for entry in stage.worker.log.entries if entry.kind == "post"]) == 1


# ---- what is refused ----


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("PRIVMSG", "411 alice"),
        ("PRIVMSG :", "411 alice"),
        ("PRIVMSG bob", "412 alice"),
        ("PRIVMSG bob :", "412 alice"),
        ("PRIVMSG bob :\x02\x03\x0f", "412 alice"),
        ("PRIVMSG bob :   ", "412 alice"),
        ("PRIVMSG nobody_here :x", "401 alice nobody_here"),
        ("PRIVMSG a!b@c :x", "401 alice a!b@c"),
        ("PRIVMSG , :x", "411 alice"),
        ("PRIVMSG # :x", "403 alice #"),
        ("PRIVMSG #a/b :x", "403 alice #a/b"),
        ("PRIVMSG #@ :x", "403 alice #@"),
        ("PRIVMSG #tea :x", "404 alice #tea"),
        ("PRIVMSG #@nobody_here :x", "404 alice #@nobody_here"),
        ("PRIVMSG alice :x", "401 alice alice"),
    ],
)
def test_what_cannot_be_said(stage: IrcStage, line: str, answer: str) -> None:
    """Each is told why by one number; as a NOTICE by nothing."""
    bob = stage.user("bob")
    alice = stage.user("alice")
    heard = alice.shown(line)
    assert [f"{one} ".startswith(f"{answer} ") for one in heard].count(True) == 1, heard
    assert alice.shown(line.replace("PRIVMSG", "NOTICE")) == []
    assert [text for text in bob.texts() if " bob x" not in text] == []


def test_a_line_is_never_cut(stage: IrcStage) -> None:
    """What fits into a line with our name before it goes through whole; one byte more is refused by 417."""
    alice, bob = members(stage, "alice", "bob")
    room = 510 - len(":alice!alice@user PRIVMSG #tea :")
    assert alice.shown(f"PRIVMSG #tea :{'x' * room}") == []
    assert bob.texts() == [f"alice #tea {'x' * room}"]
    bob.take()
    assert [one.command for one in alice.ask(f"PRIVMSG #tea :{'x' * (room + 1)}")] == ["417"]
    assert [one.command for one in alice.ask(f"PRIVMSG #tea :{'x' * 600}")] == ["417"]
    assert [one.command for one in alice.ask(f"@+a={'x' * 4095} PRIVMSG #tea :x")] == ["417"]
    assert bob.heard == []
    exact = "ä" * (room // 2)
    alice.say(f"PRIVMSG #tea :{exact}")
    assert bob.texts() == [f"alice #tea {exact}"]


def test_a_long_command_that_is_no_utf8_is_refused(stage: IrcStage) -> None:
    """The answer has its code, however long the command is."""
    for line in (stage.line(), stage.user("alice", "standard-replies")):
        line.send(b"x" * 480 + b" \xff\r\n")
        assert [one.params[1] for one in line.take()] == ["INVALID_UTF8"]


def test_what_is_no_utf8_is_refused(stage: IrcStage) -> None:
    """With its label; and a NUL as well."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    for data in (b"@label=1 PRIVMSG bob :\xff\xfe\r\n", b"@label=1 PRIVMSG bob :a\0b\r\n"):
        alice.send(data)
        [heard] = alice.take()
        assert heard.tags["label"] == "1"
        assert heard.shown.startswith("FAIL PRIVMSG INVALID_UTF8 ")
    assert bob.heard == []


@pytest.mark.parametrize("caps", [(), ("message-tags",), ("standard-replies",)])
def test_who_is_told_by_fail(stage: IrcStage, caps: tuple[str, ...]) -> None:
    """standard-replies: a specification that has FAILs of its own sends them whatever is negotiated. Those
    that no specification has are for who asked for them; others get a NOTICE. A line that cannot be read is
    answered, even a NOTICE: what it says is not known."""
    alice = stage.user("alice", *caps)
    specified = {
        "CHATHISTORY LATEST #tea * 5": "INVALID_TARGET",
        "MARKREAD": "NEED_MORE_PARAMS",
        "SETNAME :": "INVALID_REALNAME",
        "REDACT #@alice x": "UNKNOWN_MSGID",
        "REGISTER * * x": "ALREADY_AUTHENTICATED",
        "NOTICE bob :\udcff": "INVALID_UTF8",
    }
    for line, code in specified.items():
        alice.send(f"{line}\r\n".encode(errors="surrogateescape"))
        assert [(one.command, *one.params[:2]) for one in alice.take()] == [("FAIL", line.split()[0], code)]
    ours = ["JOIN 0", "PART #@alice", "MODE #@alice +m", "PRIVMSG bob :\x01VERSION\x01"]
    told = "FAIL" if "standard-replies" in caps else "NOTICE"
    for line in ours:
        assert [one.command for one in alice.ask(line)] == [told]
    assert alice.ask("NOTICE bob :\x01VERSION\x01") == []


# ---- long posts ----


def test_long_posts_are_split_between_words(stage: IrcStage) -> None:
    """Posts of other protocols have up to 2,000 characters and 40 line feeds. Each line has the time, the
    first alone the id; none is blank, and no character is cut."""
    [alice] = members(stage, "alice", caps=("message-tags",))
    stage.user("bob").ask("JOIN #tea")
    alice.take()
    text = " ".join(f"wörd{number}" for number in range(180)) + "\n\nand \U0001f469‍\U0001f469‍\U0001f467 more"
    said(stage, "bob", "#tea", text)
    heard = alice.take()
    assert len(heard) >= 4
    assert " ".join(one.text for one in heard) == text.replace("\n\n", " ")
    assert ["msgid" in one.tags for one in heard] == [True] + [False] * (len(heard) - 1)
    assert {one.tags["time"] for one in heard} == {heard[0].tags["time"]}


def test_long_posts_come_as_one_where_that_was_asked_for(stage: IrcStage) -> None:
    """In a batch, from which the text can be put together again."""
    [alice] = members(stage, "alice", caps=("message-tags", "batch", "draft/multiline"))
    stage.user("bob").ask("JOIN #tea")
    alice.take()
    text = " ".join(f"word{number}" for number in range(180)) + "\n\nlast"
    said(stage, "bob", "#tea", text)
    begin, *lines, end = alice.take()
    reference = begin.params[0][1:]
    assert begin.shown == f"BATCH +{reference} draft/multiline #tea"
    assert {"msgid", "time", "account"} <= begin.tags.keys()
    assert end.shown == f"BATCH -{reference}"
    assert {one.tags["batch"] for one in lines} == {reference}
    whole = ""
    for number, one in enumerate(lines):
        whole += ("" if not number or "draft/multiline-concat" in one.tags else "\n") + one.text
    assert whole == text


def test_line_feeds_at_the_ends_are_in_the_batch(stage: IrcStage) -> None:
    """And no blank line comes to who did not ask for batches."""
    wide, plain = stage.everything("alice"), stage.user("bob")
    for line in (wide, plain):
        line.ask("JOIN #tea")
    stage.user("carol").ask("JOIN #tea")
    wide.take(), plain.take()
    said(stage, "carol", "#tea", "\none\n\ntwo")
    assert [one.text for one in wide.take()[1:-1]] == ["", "one", "", "two"]
    assert plain.texts() == ["carol #tea one", "carol #tea two"]


def test_who_did_not_read_misses_nothing(stage: IrcStage) -> None:
    """Nothing waits for them in our memory: what they missed is read from the log, in its order, once."""
    [alice] = members(stage, "alice")
    stage.user("bob").ask("JOIN #tea")
    alice.take()
    alice.wire.client_transport.reading = False
    for number in range(1500):
        said(stage, "bob", "#tea", f"{number} {'x' * 100}")
        if number == 1000:
            assert alice.server.full
            assert len(alice.wire.server_transport.waiting) < 200_000
    alice.wire.client_transport.reading = True
    stage.worker.pass_time(1)
    texts = [text.split(" ")[2] for text in alice.texts()]
    assert texts == [str(number) for number in range(1500)]
