"""Guests over IRC: who they are, what they may do, and what is left of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from irc_front.stage import PASSWORD, Fronts, IrcLine, IrcStage, plain
from irc_front.test_irc_rooms import does
from twisted.internet.defer import Deferred
from worker.conftest import Worker

from chatnet import form
from chatnet.entries import Draft, Entry, More
from chatnet.errors import Muted, TryLater
from chatnet.kinds import CLUSTER
from chatnet.reads import NOT_DESCRIBED, Member, MemberPage
from chatnet.testing.checker_guests import guests_come_and_go
from chatnet.testing.evidence import Evidence
from chatnet.worker.fronts.irc.guests import AT_ONCE, SECONDS, Arrivals
from chatnet.worker.fronts.irc.roster import up_to_date
from chatnet.worker.fronts.irc.server import NO_NICK
from chatnet.worker.session_reads import SessionReads


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker(), guests=True)


def guest(stage: IrcStage, nick: str, *caps: str) -> IrcLine:
    """Return the connection of a guest with these capabilities on; what it heard until then is taken out."""
    line = stage.line()
    if caps:
        line.say("CAP LS 302", f"CAP REQ :{' '.join(caps)}")
    line.say(f"NICK {nick}", f"USER {nick}s 0 * :{nick} the guest", *(["CAP END"] if caps else []))
    assert [one for one in line.heard if one.command == "001"], line.heard
    line.take()
    return line


def log(stage: IrcStage, *kinds: str) -> list[tuple[str, str, str]]:
    """Return the entries of some kinds; and see that the log keeps what is promised of guests."""
    entries = stage.worker.log.entries
    assert list(guests_come_and_go(Evidence([], entries))) == []
    return [(entry.kind, entry.user, entry.text) for entry in entries if entry.kind in kinds]


def codes(line: IrcLine, *said: str) -> list[str]:
    return [one.command for one in line.ask(*said)]


ALL_TIMES = "timestamp=1970-01-01T00:00:00.000Z timestamp=2970-01-01T00:00:00.000Z"


def targets(line: IrcLine) -> list[str]:
    """Return with whom, and where, there was something, by what TARGETS says."""
    line.take()
    return [one.params[1] for one in line.ask(f"CHATHISTORY TARGETS {ALL_TIMES} 9")[1:-1]]


def read(line: IrcLine, target: str, since: str = "*") -> list[tuple[str, str]]:
    """Return who said what with that target, by its history, which is said to be of that."""
    how = "LATEST" if since == "*" else "AFTER"
    begin, *found, _ = line.ask(f"CHATHISTORY {how} {target} {since} 9")
    assert begin.params[1:] == ["chathistory", target]
    return [(one.source, one.text) for one in found]


# ---- they come ----


def test_who_has_no_account_is_a_guest(stage: IrcStage) -> None:
    """Its ident is what USER says, behind ~; its host is “guest”; it has no account."""
    alice = stage.everything("alice")
    alice.ask("JOIN #tea")
    bob = guest(stage, "Bob")
    bob.ask("JOIN #tea", "PRIVMSG #tea :hi", "NOTICE alice :psst")
    join, said, psst = alice.take()
    assert (join.source, join.params) == ("Bob!~Bobs@guest", ["#tea", "*", "Bob the guest"])
    assert (said.source, "account" in said.tags, said.params) == ("Bob!~Bobs@guest", False, ["#tea", "hi"])
    assert psst.params == ["alice", "psst"]
    alice.ask("PRIVMSG bob :hello", "@+reply=x PRIVMSG Bob :again")
    assert [(one.source, *one.params) for one in bob.take()] == [
        ("alice!alice@user", "Bob", "hello"),
        ("alice!alice@user", "Bob", "again"),
    ]
    assert log(stage, "guest") == [("guest", "~bob", "Bob Bobs Bob the guest")]


@pytest.mark.parametrize("said", ["\U0001f469\u200d\U0001f467", "a\xa0b", "\ufeffx", "e" + "\u0301" * 50])
def test_whatever_a_guest_is_called_and_says_as_they_go(stage: IrcStage, said: str) -> None:
    """The log takes not each real name, nor each word: they are let in, and gone at once, all the same."""
    alice = stage.user("alice")
    alice.ask("JOIN #tea")
    line = stage.line()
    line.say("NICK bob", f"USER b 0 * :{said}", "JOIN #tea")
    assert [one.params[0] for one in line.heard if one.command == "JOIN"] == ["#tea"]
    line.say(f"QUIT :{said}")
    assert [(one.source, one.command) for one in alice.take()] == [
        ("bob!~b@guest", "JOIN"),
        ("bob!~b@guest", "QUIT"),
    ]
    spelled = stage.line()
    spelled.say(f"PASS :{PASSWORD}", "NICK Carol", f"USER c 0 * :{said}")
    stage.worker.work()
    assert [one.params[0] for one in spelled.heard if one.command == "001"] == ["Carol"]


@pytest.mark.parametrize("name", ["NickServ", "chan_serv", "Server", "GLOBAL", "irc"])
def test_nobody_new_is_taken_for_a_service(stage: IrcStage, name: str) -> None:
    """Clients that identify by themselves say their password to NickServ: so that is nobody, and what is said
    to it is not kept; neither a guest nor a user gets such a name. 432, as all that are nobody's."""
    alice, bob = stage.user("alice"), guest(stage, "bob")
    line = stage.line()
    assert line.shown(f"NICK {name}", "USER x 0 * :x")[0].startswith(f"432 * {name} A name has 1 to 32")
    assert "001" in codes(line, "NICK carol")
    assert codes(bob, f"NICK {name}") == ["432"]
    stage.worker.work()
    for one in ("PASS :" + PASSWORD, "CAP REQ sasl"):
        line = stage.line()
        line.say(one, f"NICK {name}", "USER x 0 * :x", "AUTHENTICATE PLAIN", f"AUTHENTICATE {plain(name)}")
        stage.worker.work()
        assert {"904", "464"} & {one.command for one in line.heard}
        assert "001" not in [one.command for one in line.heard]
    assert codes(guest(stage, "dan"), f"NICK {name}", f"REGISTER {name} * :{PASSWORD}") == ["432", "FAIL"]
    line = stage.line()
    heard = line.ask("CAP REQ draft/account-registration", f"NICK {name}", f"REGISTER * * :{PASSWORD}")
    stage.worker.work()
    assert [one.params[:3] for one in heard + line.take() if one.command == "FAIL"] == [
        ["REGISTER", "BAD_ACCOUNT_NAME", name.lower()]
    ]
    assert codes(alice, f"PRIVMSG {name} :IDENTIFY secret") == ["401"]
    assert not [one for one in stage.worker.log.entries if "secret" in one.text]
    assert {user for _, user, _ in log(stage, "register")} == {"alice"}


def test_who_is_called_as_a_service_of_old_stays(stage: IrcStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What names are new is looked at when they are taken: others log in, and are spoken to."""
    alice = stage.user("alice")
    [kept] = [one.text for one in stage.worker.log.entries if one.kind == "register"]
    with monkeypatch.context() as before:
        before.setattr(form, "check_new", lambda user: user)
        does(stage, "register", "nickserv", "nickserv", kept)
    old = stage.user("NickServ", "sasl")
    assert old.shown("JOIN #tea")[0] == "JOIN #tea"
    alice.ask("PRIVMSG nickserv :is it you?")
    assert old.texts() == ["alice NickServ is it you?"]


def test_what_others_see_of_a_guest(stage: IrcStage) -> None:
    """Account 0 in WHOX, no 330 in WHOIS; MONITOR, ISON and USERHOST know the nick."""
    alice, bob = stage.user("alice"), guest(stage, "bob")
    alice.ask("JOIN #tea")
    bob.ask("JOIN #tea")
    alice.take()
    assert alice.shown("WHO #tea %tnuhar,7") == [
        "354 alice 7 alice user alice alice alice",
        "354 alice 7 ~bobs guest bob 0 bob the guest",
        "315 alice #tea End of WHO.",
    ]
    whois = alice.ask("WHOIS BOB")
    assert "330" not in [one.command for one in whois]
    assert whois[0].params[1:4] == ["bob", "~bobs", "guest"]
    assert alice.shown("ISON bob", "USERHOST bob") == ["303 alice bob", "302 alice bob=+~bobs@guest"]
    assert alice.shown("MONITOR + bob,zed") == ["730 alice bob!~bobs@guest", "731 alice zed"]
    assert alice.shown("NAMES #tea")[0].split(" ", 4)[4] in ("@alice bob", "alice bob")
    bob.cut()
    assert "731 alice bob" in [one.shown for one in alice.take()]


@pytest.mark.parametrize("nick", ["alice", "ALICE", "a1ice", "a-l_ice"])
def test_no_name_of_a_user_nor_one_that_looks_like_it(stage: IrcStage, nick: str) -> None:
    """433, and the client tries another: on the same connection."""
    stage.user("alice")
    stage.user("allce")
    line = stage.line()
    line.say(f"NICK {nick}", "USER x 0 * :x")
    assert [one.params[:2] for one in line.take()] == [["*", nick]]
    line.say("NICK zed")
    assert line.take()[0].shown == "001 zed Welcome to chatnet, zed!"


def test_nobody_has_the_name_of_a_guest_who_is_here(stage: IrcStage) -> None:
    """Nobody registers it, and no other guest gets it, until they are gone; a later one sees nothing."""
    alice, bob = stage.user("alice"), guest(stage, "bob")
    alice.ask("PRIVMSG bob :a secret")
    other = stage.line()
    other.say(f"PASS :{PASSWORD}", "NICK bob", "USER b 0 * :b")
    stage.worker.work()
    assert [one.command for one in other.take()] == ["464", "ERROR"]
    third = stage.line()
    third.say("NICK bob", "USER b 0 * :b")
    assert [one.command for one in third.take()] == ["433"]
    bob.ask("QUIT")
    third.say("NICK bob")
    assert third.take()[0].command == "001"
    assert not [one for one in third.ask("CHATHISTORY LATEST alice * 10") if "secret" in one.text]
    third.ask("QUIT")
    owner = stage.everything("bob")
    assert not [one for one in owner.ask("CHATHISTORY LATEST alice * 10") if "secret" in one.text]
    assert [text for kind, _, text in log(stage, "gone")] == ["", ""]


def test_users_keep_what_guests_said_to_them(stage: IrcStage) -> None:
    """TARGETS names ``~nick``, and by that it is read, whether the guest is here, gone, or called otherwise,
    and whoever has that nick now. By the nick itself one reads what was said with who has it now; and with
    the guests who had it, if there is no such user."""
    stage.worker.pass_time(1)
    alice, bob = stage.everything("alice"), guest(stage, "bob")
    bob.ask("PRIVMSG alice :one")
    [one] = alice.take()
    since = f"msgid={one.tags['msgid']}"
    bob.ask("PRIVMSG alice :two")
    one_and_two = [("bob!~bobs@guest", "one"), ("bob!~bobs@guest", "two")]
    assert targets(alice) == ["~bob"]
    assert read(alice, "~bob") == read(alice, "bob") == one_and_two
    bob.ask("NICK rob", "PRIVMSG alice :three")
    assert targets(alice) == ["~bob", "~rob"]
    bob.ask("QUIT")
    assert targets(alice) == ["~bob", "~rob"]
    gone = [("bob!~guest@guest", "one"), ("bob!~guest@guest", "two")]
    assert read(alice, "~bob") == gone
    assert read(alice, "~bob", since) == gone[1:]
    assert [text for _, text in read(alice, "~rob")] == ["three"]
    assert alice.ask("CHATHISTORY LATEST bob * 9")[0].params[1:] == ["chathistory", "~bob"]
    other = stage.everything("bob")
    other.ask("PRIVMSG alice :I have an account")
    assert targets(alice) == ["~bob", "~rob", "bob"]
    assert read(alice, "~bob") == gone
    assert read(alice, "bob") == [("bob!bob@user", "I have an account")]
    assert [text for _, text in read(other, "alice")] == ["I have an account"]
    for target in ("~alice", "~zed", "~", "~~bob", "~#tea", "~#@bob", "zed"):
        [no] = other.ask(f"CHATHISTORY LATEST {target} * 9")
        assert no.shown.startswith(f"FAIL CHATHISTORY INVALID_TARGET LATEST {target} "), target


@pytest.mark.parametrize("target", ["bob", "~bob"])
def test_what_was_said_to_a_guest_is_taken_back(stage: IrcStage, target: str) -> None:
    """By the nick that it had then, whoever has that now; ``~nick`` is guests alone."""
    alice, bob = stage.everything("alice"), guest(stage, "bob")
    to_bob = [alice.ask("PRIVMSG bob :one")[0].tags["msgid"] for _ in range(3)]
    assert codes(alice, f"REDACT {target} {to_bob[0]}") == ["REDACT"]
    bob.ask("QUIT")
    assert codes(alice, f"REDACT {target} {to_bob[1]}") == ["REDACT"]
    stage.user("bob")
    assert codes(alice, f"REDACT {target} {to_bob[2]}") == ["REDACT"]
    to_user = alice.ask("PRIVMSG bob :three")[-1].tags["msgid"]
    assert alice.ask(f"REDACT ~bob {to_user}")[0].params[1] == "UNKNOWN_MSGID"
    assert codes(alice, f"REDACT bob {to_user}") == ["REDACT"]


def test_how_far_one_has_read_what_a_guest_said(stage: IrcStage) -> None:
    """By ``~nick``, also of a guest who is gone; who is called so now is somebody else."""
    alice, bob = stage.everything("alice"), guest(stage, "bob")
    bob.ask("PRIVMSG alice :one")
    time = f"timestamp={alice.take()[0].tags['time']}"
    assert [one.params for one in alice.ask("MARKREAD :~Bob ", "MARKREAD bob")] == [
        ["~bob", "*"],
        ["bob", "*"],
    ]
    bob.ask("QUIT")
    alice.take()
    stage.user("bob").ask("PRIVMSG alice :two")
    alice.take()
    assert [one.params for one in alice.ask(f"MARKREAD ~bob {time}")] == [["~bob", time]]
    assert [one.params for one in alice.ask("MARKREAD ~bob")] == [["~bob", time]]
    assert [one.params for one in alice.ask("MARKREAD bob")] == [["bob", "*"]]


def test_where_guests_are_not_let_in() -> None:
    """Everybody needs an account, and is told so in 005."""
    stage = IrcStage(Worker())
    line = stage.line()
    line.say("NICK bob", "USER b 0 * :b")
    assert [one.command for one in line.take()] == ["464", "ERROR"]
    for each in (stage, IrcStage(Worker(), guests=True)):
        alice = each.line()
        alice.log_in("alice")
        tokens = [token for one in alice.take() if one.command == "005" for token in one.params]
        assert ("draft/ACCOUNTREQUIRED" in tokens) is (each is stage)
        assert ("chghost" in each.irc.offered) is (each is not stage)


def test_an_older_log_takes_no_guests(stage: IrcStage) -> None:
    """They are told why, and the connection ends."""
    stage.worker.log.state.level = 1
    line = stage.line()
    line.say("NICK bob", "USER b 0 * :b")
    refused, error = line.take()
    assert (refused.command, error.command) == ("464", "ERROR")
    assert "level up" in refused.text


def test_so_many_come_from_one_address() -> None:
    """Each other address has its own; this machine's own is not counted."""
    time = [0.0]
    arrivals = Arrivals(lambda: time[0])
    assert [arrivals.may_come("192.0.2.1") for _ in range(AT_ONCE + 2)] == [True] * AT_ONCE + [False] * 2
    assert arrivals.may_come("192.0.2.2")
    assert all(arrivals.may_come("127.0.0.1") for _ in range(3 * AT_ONCE))
    time[0] = SECONDS
    assert [arrivals.may_come("192.0.2.1") for _ in range(2)] == [True, False]
    for number in range(11_000):
        arrivals.may_come(f"2001:db8:{number:x}::1")
    assert len(arrivals._full_at) == 10_000


def test_who_finds_their_nick_taken_has_not_come(stage: IrcStage) -> None:
    """A client whose server died finds its nick taken for half a minute, and tries others again and again:
    it comes once one is free, and its address has still nearly all its places."""
    guest(stage, "bob")
    host = "192.0.2.1"
    for _ in range(3):
        line = stage.line(host)
        line.say("USER b 0 * :b", *["NICK bob"] * AT_ONCE)
        assert [one.command for one in line.take()] == ["433"] * AT_ONCE
        line.cut()
    for number in range(AT_ONCE - 2):
        line = stage.line(host)
        line.say(f"NICK b{number}", "USER b 0 * :b")
        assert line.take()[0].command == "001", number


def test_tries_without_end_are_bounded(stage: IrcStage) -> None:
    """Each makes the log judge a name: so an address has many at once, and then one in a second; and it
    waits no longer to come in by a name that is free."""
    stage.user("alice")
    host, codes = "192.0.2.1", list[str]()
    for _ in range(7):
        line = stage.line(host)
        line.say("USER a 0 * :a", *["NICK a1ice"] * 100)
        codes += [one.command for one in line.take()]
        line.cut()
    tries = codes.index("ERROR")
    assert set(codes[:tries]) == {"433"}
    assert set(codes[tries:]) == {"ERROR"}
    assert (AT_ONCE - 1) * SECONDS < tries <= AT_ONCE * SECONDS
    stage.worker.pass_time(1)
    line = stage.line(host)
    line.say("USER a 0 * :a", "NICK a1ice", "NICK zed")
    assert [one.command for one in line.take()] == ["433", "ERROR"]
    stage.worker.pass_time(1)
    line = stage.line(host)
    line.say("USER a 0 * :a", "NICK zed")
    assert line.take()[0].command == "001"


def test_who_is_refused_for_another_reason_has_not_come(stage: IrcStage) -> None:
    """Once they are let in, their address has its places."""
    level, stage.worker.log.state.level = stage.worker.log.state.level, 1
    for _ in range(2 * AT_ONCE):
        line = stage.line("192.0.2.1")
        line.say("NICK bob", "USER b 0 * :b")
        assert [one.command for one in line.take()] == ["464", "ERROR"]
    stage.worker.log.state.level = level
    line = stage.line("192.0.2.1")
    line.say("NICK bob", "USER b 0 * :b")
    assert line.take()[0].command == "001"


# ---- what they do not do ----


def test_what_a_guest_cannot_do(stage: IrcStage) -> None:
    """No private rooms, no rooms of users, no marks: each is told so, by a number where IRC has one. Whether
    a private room exists it does not learn."""
    stage.user("alice").ask("JOIN #tea")
    does(stage, "create", "alice", "&ops", "all")
    bob = guest(stage, "bob", "draft/read-marker", "standard-replies")
    bob.ask("JOIN #tea")
    assert bob.shown("PRIVMSG #@bob :mine")[0].startswith("40")
    assert [one.params[:2] for one in bob.ask("JOIN &ops,#@alice,&none,#@nobody_here,#@bob")] == [
        ["bob", channel] for channel in ("&ops", "#@alice", "&none", "#@nobody_here", "#@bob")
    ]
    assert codes(bob, "JOIN &ops", "JOIN &none", "JOIN #@alice", "JOIN #@bob") == ["403", "403", "477", "403"]
    assert codes(bob, "PART &ops", "PART #@alice", "PART #@bob") == ["403", "442", "403"]
    assert codes(bob, "TOPIC #tea :mine", "KICK #tea alice", "MODE #tea +b alice") == ["482"] * 3
    assert codes(bob, "MARKREAD #tea timestamp=2020-01-01T00:00:00.000Z") == ["FAIL"]
    assert [(kind, user) for kind, user, _ in log(stage, "join", "describe")] == [
        ("join", "alice"),
        ("join", "~bob"),
    ]


def test_what_a_guest_joins_and_leaves_again_is_in_nobodys_list(stage: IrcStage) -> None:
    """Nor what a user does: a topic is listed while somebody is in it, or once something was said there, or
    about it."""
    stage.worker.pass_time(5)
    alice, bob = stage.user("alice"), guest(stage, "bob")
    for one in ("#said", "#about", "#there", "#gone"):
        alice.ask(f"JOIN {one}")
    alice.ask("PRIVMSG #said :x", "TOPIC #about :spam", "PART #said,#about,#gone")
    bob.ask("JOIN #spam,#guests")
    assert [one.params[1] for one in bob.ask("LIST") if one.command == "322"] == [
        *("#about", "#guests", "#said", "#spam", "#there")
    ]
    bob.ask("PART #spam")
    assert [one.params[1:3] for one in alice.ask("LIST") if one.command == "322"] == [
        *(["#about", "0"], ["#guests", "1"], ["#said", "0"], ["#there", "1"])
    ]
    assert codes(alice, "LIST #spam") == ["321", "323"]


def test_a_guest_is_removed_and_banned_by_name(stage: IrcStage) -> None:
    """From a channel it is kicked; from the cluster the ban ends its session."""
    alice, bob = stage.user("alice"), guest(stage, "bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    does(stage, "role", CLUSTER, "#tea", "owner", to="alice")
    alice.take()
    bob.take()
    assert [one.shown for one in alice.ask("KICK #tea bob :go")] == ["KICK #tea bob go"]
    assert [one.shown for one in bob.take()] == ["KICK #tea bob go"]
    does(stage, "ban", CLUSTER, "", to="~bob")
    assert [one.command for one in bob.take()] == ["ERROR"]
    assert not bob.is_open
    assert [user for _, user, _ in log(stage, "gone")] == ["~bob"]


# ---- they are called otherwise ----


def test_a_nick_that_is_in_use_is_said_to_be_a_guests(stage: IrcStage) -> None:
    """Of one whose server was killed the log knows no end yet: it may be one's own, and is free soon."""
    alice, bob = stage.user("alice"), guest(stage, "bob")
    does(stage, "guest", "~carol", "~carol", "carol c C")  # its server is gone
    line = stage.line()
    for nick in ("bob", "Carol"):
        [no] = line.ask(f"NICK {nick}", *(["USER x 0 * :x"] if nick == "bob" else []))
        assert (no.command, no.params[:2]) == ("433", ["*", nick])
        assert no.text.startswith(f"A guest is called {nick}, or was until a moment ago")
    assert bob.shown("NICK carol")[0].startswith("433 bob carol A guest is called carol")
    assert alice.is_open
    assert line.shown("NICK alice")[0].startswith("433 * alice The nick alice is somebody's")


def test_a_guest_takes_another_nick(stage: IrcStage) -> None:
    """Told once to each who shares a channel, however many; in the same rooms, and nothing is lost."""
    alice, bob = stage.user("alice"), guest(stage, "bob")
    for line in (alice, bob):
        line.ask("JOIN #tea", "JOIN #cake", "JOIN #pie")
    alice.ask("MONITOR + bob,rob")
    alice.take()
    bob.take()
    assert bob.shown("NICK Rob") == ["NICK Rob"]
    assert [(one.source, one.shown) for one in alice.take() if one.command == "NICK"] == [
        ("bob!~bobs@guest", "NICK Rob")
    ]
    assert alice.shown("MONITOR S") == ["730 alice Rob!~bobs@guest", "731 alice bob"]
    alice.ask("PRIVMSG #cake :still here?", "PRIVMSG rob :you?")
    assert bob.texts() == ["alice #cake still here?", "alice Rob you?"]
    bob.take()
    bob.ask("PRIVMSG #pie :yes")
    assert alice.texts() == ["Rob #pie yes"]
    assert bob.shown("NICK ROB", "NICK alice", "NICK -") == [
        "NICK ROB",
        "433 ROB alice The nick alice is somebody's, or looks like theirs: choose another, or log in.",
        f"432 ROB - {NO_NICK}",
    ]
    bob.ask("QUIT :enough")
    assert [one.shown for one in alice.take() if one.command == "QUIT"] == ["QUIT enough"]
    assert [user for _, user, _ in log(stage, "guest", "nick", "gone")] == ["~bob", "~bob", "~rob"]
    assert not stage.irc.crowd.of_user.get("~bob")


def test_the_old_name_is_free_at_once(stage: IrcStage) -> None:
    bob = guest(stage, "bob")
    bob.ask("NICK rob")
    second = guest(stage, "bob")
    second.ask("JOIN #tea")
    bob.ask("JOIN #tea", "PRIVMSG bob :hi bob")
    assert second.texts() == ["rob bob hi bob"]


# ---- they go ----


@pytest.mark.parametrize(
    ("how", "said"), [("QUIT :see you", "see you"), ("QUIT", "Quit"), ("", "Connection closed")]
)
def test_a_guest_that_goes(stage: IrcStage, how: str, said: str) -> None:
    """QUIT is told once, whatever number of channels is shared; its name is free; it is in none of them."""
    alice, bob = stage.user("alice"), guest(stage, "bob")
    for line in (alice, bob):
        line.ask("JOIN #tea,#cake,#pie")
    alice.take()
    if how:
        bob.say(how)
    else:
        bob.cut()
    assert [one.shown for one in alice.take() if one.command == "QUIT"] == [f"QUIT {said}"]
    names = [one.text for one in alice.ask("NAMES #tea") if one.command == "353"]
    assert names in (["@alice"], ["alice"])
    assert [one.command for one in alice.ask("PRIVMSG bob :there?")] == ["401"]
    assert guest(stage, "bob").is_open
    assert len(log(stage, "gone")) == 1


def test_what_came_before_the_end_is_said_first(stage: IrcStage) -> None:
    """A guest is gone behind all that it has said."""
    bob = guest(stage, "bob")
    bob.ask("JOIN #tea")
    stage.worker.log.held = True
    bob.say("PRIVMSG #tea :one", "PRIVMSG #tea :two")
    bob.cut()
    stage.worker.log.let_go()
    stage.worker.settle()
    assert [text for _, _, text in log(stage, "post", "gone")] == ["one", "two", "Connection closed"]


def test_whose_end_somebody_else_has_written_is_told_so(stage: IrcStage) -> None:
    """The connection ends with ERROR; nothing more is said by it, and another one with the name is not."""
    bob = guest(stage, "bob")
    bob.ask("JOIN #tea")
    does(stage, "gone", CLUSTER, CLUSTER, "lost", to="~bob")
    [error] = bob.take()
    assert error.shown.startswith("ERROR Closing link: Your connection was taken for lost")
    assert not bob.is_open
    guest(stage, "bob").ask("JOIN #tea", "PRIVMSG #tea :another one")
    assert [kind for kind, *_ in log(stage, "guest", "gone", "post")] == ["guest", "gone", "guest", "post"]


def test_who_is_lost_while_they_come_is_gone(stage: IrcStage) -> None:
    """And while they take another name, under that."""
    line = stage.line()
    stage.worker.log.held = True
    line.say("NICK bob", "USER b 0 * :b")
    line.cut()
    stage.worker.log.let_go()
    stage.worker.settle()
    assert [(kind, user) for kind, user, _ in log(stage, "guest", "gone")] == [
        ("guest", "~bob"),
        ("gone", "~bob"),
    ]
    bob = guest(stage, "bob")
    stage.worker.log.held = True
    bob.say("NICK rob")
    bob.cut()
    stage.worker.log.let_go()
    stage.worker.settle()
    stage.worker.pass_time(60)
    assert "~rob" not in stage.worker.log.state.accounts
    assert "~bob" not in stage.worker.log.state.accounts


class Cut:
    """Cuts the second of two fronts off from the log: what it appends waits, and it follows nothing."""

    def __init__(self, fronts: Fronts) -> None:
        self._behind = behind = fronts.behind
        self._waiting: list[tuple[Sequence[Draft], Deferred[Any]]] = []
        behind.lagging = True
        behind.append = self._append  # type: ignore[attr-defined]

    def _append(self, drafts: Sequence[Draft]) -> Deferred[Any]:
        self._waiting.append((drafts, Deferred()))
        return self._waiting[-1][1]

    def end(self) -> None:
        """Send what waits, and follow."""
        del self._behind.append
        for drafts, answer in self._waiting:
            self._behind.append(drafts).chainDeferred(answer)
        self._behind.lagging = False
        self._behind.catch_up()


@pytest.mark.parametrize("ends", ["QUIT", "NICK rob"])
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("PRIVMSG bob :for you alone", "401 alice bob "),
        ("@+draft/react=x;+reply={} TAGMSG bob", "401 alice bob "),
        ("KICK #tea bob", "401 alice bob "),
        ("MODE #tea +b bob!*@*", "401 alice bob!*@* "),
    ],
)
def test_what_waits_is_for_the_guest_who_had_the_nick(said: str, told: str, ends: str) -> None:
    """Not for one who takes it later, while a front is cut off from the log and says nothing of that yet."""
    fronts = Fronts(is_behind=True, guests=True)
    bob, alice = guest(fronts.one, "bob"), fronts.two.user("alice", "message-tags")
    for line in (bob, alice):
        line.ask("JOIN #tea")
    does(fronts.one, "role", CLUSTER, "#tea", "owner", to="alice")
    bob.ask("PRIVMSG alice :hi")
    msgid = alice.take()[-1].tags["msgid"]
    cut = Cut(fronts)
    assert alice.shown(said.format(msgid)) == []
    bob.say(ends)
    fronts.worker.settle()
    other = guest(fronts.one, "bob", "message-tags")
    other.ask("JOIN #tea")
    cut.end()
    fronts.worker.settle()
    assert [one for one in alice.take() if one.shown.startswith(told)]
    assert other.take() == []
    assert "bob" in " ".join(other.shown("NAMES #tea"))
    alice.ask("PRIVMSG bob :for this one")
    assert other.texts() == ["alice bob for this one"]


@pytest.mark.parametrize("is_new", [True, False])
def test_what_waits_reaches_the_guest_who_is_still_there(is_new: bool) -> None:
    """Also from a front that has begun later, or where they are spelled otherwise meanwhile."""
    fronts = Fronts(is_behind=True, guests=True)
    bob = guest(fronts.one, "bob")
    bob.ask("NICK BOB")
    if is_new:
        fronts.two.irc.showing.follow(fronts.two.worker.sessions)
        fronts.two.irc.showing.look_back()
    alice = fronts.two.user("alice")
    cut = Cut(fronts)
    alice.say("PRIVMSG bob :for you")
    bob.ask("NICK Bob")
    fronts.pass_time()
    cut.end()
    fronts.worker.settle()
    assert (bob.texts(), alice.take()) == (["alice Bob for you"], [])


def test_what_is_said_beyond_the_rate_is_for_the_guest_who_had_the_nick() -> None:
    stage = IrcStage(Worker(rate=10), guests=True)
    alice, bob = stage.user("alice"), guest(stage, "bob")
    alice.say(*(f"PRIVMSG #@alice :{number}" for number in range(101)), "PRIVMSG bob :for you alone")
    assert bob.texts() == []
    bob.say("QUIT")
    other = guest(stage, "bob")
    stage.worker.pass_time(60)
    assert other.texts() == []
    assert [one.shown[:13] for one in alice.take()] == ["401 alice bob"]


# ---- they become users ----


def test_no_words_of_who_is_muted_are_told(stage: IrcStage) -> None:
    """By AWAY, before the welcome too, or by SETNAME, or as a guest who is called otherwise or goes: that
    would be speaking."""
    alice, bob = stage.user("alice", "away-notify", "setname"), stage.user("bob", "standard-replies")
    carl = guest(stage, "carl")
    for line in (alice, bob, carl):
        line.ask("JOIN #tea")
    does(stage, "mute", CLUSTER, "", to="bob")
    does(stage, "mute", CLUSTER, "#tea", to="~carl")
    alice.take(), bob.take()
    assert bob.shown("AWAY :hear me") == ["306 bob You are marked as being away."]
    assert [one.shown for one in alice.take()] == ["AWAY away"]
    assert bob.shown("SETNAME :hear me") == [f"FAIL SETNAME CANNOT_CHANGE_REALNAME {Muted.sentence}"]
    dan = guest(stage, "dan")
    dan.ask("JOIN #tea")
    does(stage, "mute", CLUSTER, "", to="~dan")
    alice.take(), dan.take()
    assert [one.shown for one in dan.ask("NICK hear-me", "NICK Dan")] == [
        f"NOTICE dan NICK: {Muted.sentence}"
    ] * 2
    carl.say("QUIT :hear me")
    stage.worker.work()
    assert [one.shown for one in alice.take()] == ["QUIT Quit"]
    early = stage.line()
    early.say("CAP REQ :draft/pre-away", "AWAY :hear me too")
    early.log_in("bob", "sasl")
    assert [one.shown for one in alice.take()] == []
    does(stage, "unban", CLUSTER, "", to="bob")
    bob.ask("AWAY :hear me", "SETNAME :hear me")
    assert [one.shown for one in alice.take()] == ["AWAY hear me", "SETNAME hear me"]


def called(line: IrcLine, name: str) -> set[str]:
    """Return what somebody is called, by all answers that say it."""
    line.take()
    [whois] = [one for one in line.ask(f"WHOIS {name}") if one.command == "311"]
    [who, *_] = line.ask(f"WHO {name}")
    [whox, *_] = line.ask(f"WHO {name} %r")
    return {whois.text, who.text.removeprefix("0 "), whox.text}


@pytest.mark.parametrize("how", ["PASS", "SASL", "guest"])
def test_what_who_is_muted_calls_themselves_is_not_shown(stage: IrcStage, how: str) -> None:
    """By USER, on a connection that begins then, or that was there; nor by AWAY before the welcome. What
    they say later they are called by."""
    alice, bob = stage.user("alice", "away-notify"), stage.user("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")

    def come() -> IrcLine:
        line = stage.line()
        caps = "draft/pre-away" if how == "PASS" else "sasl"
        line.say(f"CAP REQ :{caps}", *(["AWAY :hear me"] if how == "PASS" else []))
        first = {
            "PASS": [f"PASS :{PASSWORD}"],
            "SASL": ["AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('bob')}"],
        }
        line.say(*first.get(how, []))
        stage.worker.work()
        line.say(f"NICK {'carl' if how == 'guest' else 'bob'}", "USER bob 0 * :hear me", "CAP END")
        stage.worker.work()
        if how == "guest":
            assert called(alice, "carl") == {"hear me"}
            line.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('bob')}")
            stage.worker.work()
        assert {"001", "900"} & {one.command for one in line.take()}
        return line

    bob.cut()
    early = come()
    assert called(alice, "bob") == {"hear me"}
    does(stage, "mute", CLUSTER, "#tea", to="bob")
    assert called(alice, "bob") == {"hear me"}
    does(stage, "mute", CLUSTER, "", to="bob")
    assert called(alice, "bob") == {"bob"}
    late = come()
    assert called(alice, "bob") == {"bob"}
    assert [one.text for one in alice.ask("WHOIS bob") if one.command == "301"] == ["away"] * (how == "PASS")
    early.cut()
    assert called(alice, "bob") == {"bob"}
    late.cut()
    does(stage, "unban", CLUSTER, "", to="bob")
    come()
    assert called(alice, "bob") == {"hear me"}


def test_who_is_muted_while_it_is_asked_whether_they_are_is_called_by_their_nick(
    stage: IrcStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = stage.user("alice")
    stage.user("bob").cut()
    asking: Deferred[None] = Deferred()
    real = SessionReads.may_speak

    async def slow(reads: SessionReads) -> bool:
        may = await real(reads)
        await asking
        return may

    monkeypatch.setattr(SessionReads, "may_speak", slow)
    line = stage.line()
    line.say(f"PASS :{PASSWORD}", "NICK bob", "USER bob 0 * :hear me")
    stage.worker.work()
    assert called(alice, "bob") == {"bob"}
    does(stage, "mute", CLUSTER, "", to="bob")
    asking.callback(None)
    assert called(alice, "bob") == {"bob"}


def test_a_guest_logs_in(stage: IrcStage) -> None:
    """It is gone, and the connection goes on as the user: told by NICK, 900, 396, and where that one is."""
    alice = stage.user("alice")
    alice.ask("JOIN #cake")
    watching = stage.user("carol")
    watching.ask("JOIN #tea")
    bob = guest(stage, "bob", "sasl", "account-notify", "chghost", "message-tags")
    bob.ask("JOIN #tea")
    watching.take()
    bob.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('alice')}")
    stage.worker.work()
    plus, nick, *others = bob.take()
    assert plus.shown == "AUTHENTICATE +"
    assert (nick.source, nick.shown) == ("bob!~bobs@guest", "NICK alice")
    assert [one.shown for one in others[:5]] == [
        "900 alice alice!~bobs@guest alice You are now logged in as alice.",
        "ACCOUNT alice",
        "CHGHOST alice user",
        "396 alice user is your host now",
        "903 alice You have proved who you are.",
    ]
    moves = [one.shown for one in others if one.command in ("PART", "JOIN")]
    assert moves == ["PART #tea", "JOIN #@alice", "JOIN #cake"]
    assert [one.shown for one in watching.take()] == ["QUIT logged in"]
    bob.ask("PRIVMSG #cake :as alice")
    assert alice.texts() == ["alice #cake as alice"]
    assert codes(bob, "AUTHENTICATE PLAIN") == ["907"]
    assert [kind for kind, *_ in log(stage, "guest", "gone")] == ["guest", "gone"]


def test_a_guest_who_is_muted_logs_in(stage: IrcStage) -> None:
    """No word is said of why they are gone, since that would be theirs."""
    alice, bob = stage.user("alice"), guest(stage, "bob", "sasl")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    does(stage, "mute", CLUSTER, "", to="~bob")
    alice.take(), bob.take()
    bob.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('alice')}")
    stage.worker.work()
    assert "903" in [one.command for one in bob.take()]
    assert [one.shown for one in alice.take() if one.command == "QUIT"] == ["QUIT Quit"]


def test_a_login_that_fails_leaves_the_guest(stage: IrcStage) -> None:
    stage.user("alice")
    bob = guest(stage, "bob", "sasl")
    bob.ask("JOIN #tea")
    bob.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('alice', 'wrong horse')}")
    stage.worker.work()
    stage.worker.pass_time(5)
    assert [one.command for one in bob.take()] == ["AUTHENTICATE", "904"]
    assert codes(bob, "AUTHENTICATE *", "AUTHENTICATE EXTERNAL") == ["906", "908", "904"]
    assert [one.command for one in bob.ask("PRIVMSG #tea :still bob")] == []
    assert log(stage, "gone") == []


def test_three_logins_that_fail_end_a_guest_too(stage: IrcStage) -> None:
    """With those before its welcome, by SASL or REGISTER; the words are not those for another program."""
    stage.user("alice")
    bob = stage.line()
    message = plain("alice", "wrong horse")
    bob.say("CAP REQ :sasl labeled-response batch", "AUTHENTICATE PLAIN", f"AUTHENTICATE {message}")
    stage.worker.work()
    bob.say("NICK bob", "USER b 0 * :b", "CAP END", "JOIN #tea")
    assert "001" in [one.command for one in bob.take()]
    bob.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {message}")
    stage.worker.pass_time(5)
    stage.worker.work()
    refused = bob.take()[-1]
    assert (refused.command, "--with-code" in refused.text) == ("904", False)
    said = ("AUTHENTICATE PLAIN", "@label=L AUTHENTICATE !!!", "PRIVMSG #tea :x")
    heard = bob.ask(*said)
    assert [(one.command, one.tags.get("label")) for one in heard] == [
        ("AUTHENTICATE", None),
        ("904", "L"),
        ("ERROR", None),
    ]
    assert not bob.is_open
    assert [user for kind, user, _ in log(stage, "gone", "post")] == ["~bob"]


def test_who_registers_is_news_to_nobody_who_shares_no_channel(stage: IrcStage) -> None:
    """A guest who registers leaves its channels by that: how its user is shown, they tell nobody there."""
    alice, bob = stage.everything("alice"), guest(stage, "BOB")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take()
    bob.say(f"REGISTER * * :{PASSWORD}")
    stage.worker.work()
    assert "BOB" in [one.params[0] for one in bob.take() if one.command == "900"]
    assert [one.command for one in alice.take()] == ["QUIT"]


def test_a_guest_registers_its_name(stage: IrcStage) -> None:
    """REGISTER SUCCESS, 900; from then on the name is its account."""
    bob = guest(stage, "Bob", "draft/account-registration")
    bob.ask("JOIN #tea")
    bob.say(f"REGISTER * * :{PASSWORD}")
    stage.worker.work()
    heard = bob.take()
    assert [one.command for one in heard[:3]] == ["REGISTER", "900", "396"]
    assert heard[0].params[:2] == ["SUCCESS", "bob"]
    assert codes(bob, "REGISTER * * x") == ["FAIL"]
    bob.cut()
    again = stage.user("bob")
    assert again.shown("PRIVMSG nobody :x")[0].startswith("401 Bob")
    assert [kind for kind, *_ in log(stage, "guest", "gone", "register")] == ["guest", "gone", "register"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("REGISTER", "NEED_MORE_PARAMS"),
        ("REGISTER * *", "NEED_MORE_PARAMS"),
        (f"REGISTER other * :{PASSWORD}", "ACCOUNT_NAME_MUST_BE_NICK"),
        ("REGISTER bob * :short", "WEAK_PASSWORD"),
        ("REGISTER bob * :password1", "WEAK_PASSWORD"),
    ],
)
def test_a_name_is_not_registered(stage: IrcStage, said: str, code: str) -> None:
    """The guest stays what it was."""
    bob = guest(stage, "bob")
    bob.say(said)
    stage.worker.work()
    heard = bob.take()
    assert [(one.command, one.params[:2]) for one in heard] == [("FAIL", ["REGISTER", code])]
    bob.ask("JOIN #tea", "PRIVMSG #tea :hi")
    assert log(stage, "post") == [("post", "~bob", "hi")]
    assert not log(stage, "register")


def test_a_name_is_registered_before_the_welcome() -> None:
    """Where that is by the command alone; a login with a free name is none then."""
    stage = IrcStage(Worker(), registers="command")
    line = stage.line()
    line.say("CAP LS 302", "CAP REQ :draft/account-registration", f"REGISTER * * :{PASSWORD}")
    assert line.take()[-1].shown.startswith("FAIL REGISTER NEED_NICK")
    line.say("NICK bob", "USER b 0 * :b", f"REGISTER bob * :{PASSWORD}")
    stage.worker.work()
    assert [one.command for one in line.take()] == ["REGISTER", "900"]
    line.say("CAP END")
    assert line.take()[0].command == "001"
    other = stage.line()
    other.say(f"PASS :{PASSWORD}", "NICK zed", "USER b 0 * :b")
    stage.worker.work()
    assert [one.command for one in other.take()] == ["464", "ERROR"]
    taken = stage.line()
    taken.say("NICK bob", "USER b 0 * :b")
    stage.worker.work()
    assert [one.command for one in taken.take()] == ["464", "ERROR"]


def test_who_registers_before_the_welcome_what_is_theirs_is_logged_in() -> None:
    """Who did not hear the answer says it again, and is not told no and let in at once; with another password
    it is refused, and that alone."""
    stage = IrcStage(Worker(), registers="command")
    for sentence in ("yours, with", "yours already, with"):
        line = stage.line()
        line.say("CAP LS 302", "NICK bob", "USER b 0 * :b", f"REGISTER * * :{PASSWORD}")
        stage.worker.work()
        *_, registered, logged_in = line.take()
        assert registered.shown.startswith("REGISTER SUCCESS bob ")
        assert sentence in registered.text
        assert logged_in.shown.startswith("900 bob bob!bob@user bob ")
        line.say("CAP END")
        assert line.take()[0].command == "001"
    eve = stage.line()
    eve.say("CAP LS 302", "NICK bob", "USER b 0 * :b", "REGISTER * * :another password")
    stage.worker.work()
    assert [one.params[:2] for one in eve.take() if one.command != "CAP"] == [["REGISTER", "ACCOUNT_EXISTS"]]


def test_a_page_of_names_is_brought_up_to_date() -> None:
    """By who is gone, and who is called otherwise, since it was read."""
    page = MemberPage([Member(name, "") for name in ("alice", "~bob", "~zed")], False, *NOT_DESCRIBED)
    gone = Entry(5, 0, "gone", CLUSTER, CLUSTER, "", b"", More(to="~bob"), ("#cake", "#tea"))
    nick = Entry(6, 0, "nick", "~zed", "~zed", "yes id", b"", More(to="~yes"), ("#tea",))
    assert list(up_to_date(page, "#tea", "", [gone, nick])) == ["alice", "~yes"]
    assert list(up_to_date(page, "#pie", "", [gone, nick])) == ["alice", "~bob", "~zed"]


def test_a_guest_at_whom_nobody_is_is_here() -> None:
    """Its process reports it all the same: else the primary would take it for lost."""
    fronts = Fronts()
    stage = IrcStage(fronts.one.worker, guests=True)
    line = stage.line()
    line.say("CAP LS 302", "CAP REQ :draft/pre-away", "AWAY *", "NICK bob", "USER b 0 * :b", "CAP END")
    fronts.pass_time()
    assert fronts.primary.is_reported("~bob")
    line.say("AWAY *")
    fronts.pass_time()
    assert fronts.primary.is_reported("~bob")
    line.say("NICK rob")
    fronts.pass_time()
    assert [fronts.primary.is_reported(user) for user in ("~bob", "~rob")] == [False, True]
    line.say("QUIT")
    fronts.pass_time()
    assert not fronts.primary.is_reported("~rob")


def test_a_guest_on_another_front() -> None:
    """Its going and its names are told there, too, and it can be written to."""
    fronts = Fronts()
    one, two = (IrcStage(stage.worker, guests=True) for stage in (fronts.one, fronts.two))
    bob, alice = guest(one, "bob"), two.user("alice")
    for line in (bob, alice):
        line.ask("JOIN #tea")
    fronts.pass_time()
    alice.take()
    alice.ask("PRIVMSG bob :hi")
    assert bob.texts() == ["alice bob hi"]
    bob.ask("NICK rob")
    assert "NICK rob" in [one.shown for one in alice.take()]
    fronts.pass_time()
    bob.ask("QUIT :bye")
    assert "QUIT bye" in [one.shown for one in alice.take()]


def test_a_guest_who_comes_later_is_not_meant() -> None:
    """Whether a nick is a guest's is known as the line is read, also if the log has the guest before what its
    author has said earlier."""
    fronts = Fronts(is_behind=True, guests=True)
    alice = fronts.two.user("alice", "echo-message")
    fronts.behind.lagging = True
    bob = guest(fronts.one, "bob")
    alice.say("PRIVMSG #@alice :mine", "PRIVMSG bob :who is bob?")
    fronts.behind.lagging = False
    fronts.behind.catch_up()
    fronts.two.worker.settle()
    assert [one.shown for one in alice.take()] == [
        "PRIVMSG #@alice mine",
        "401 alice bob Nobody here has that name.",
    ]
    assert bob.take() == []
    alice.say("PRIVMSG bob :and now?")
    assert [one.shown for one in bob.take()] == ["PRIVMSG bob and now?"]
    kinds = [entry.kind for entry in fronts.one.worker.log.entries if entry.kind in ("guest", "post")]
    assert kinds == ["guest", "post", "post"]


def test_who_cannot_come_in_under_another_nick_is_hung_up_on(
    stage: IrcStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has the new nick already: the connection would hear nothing any more, as nobody."""
    alice, bob = stage.user("alice"), guest(stage, "bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")

    async def not_now(*_: object, **more: object) -> None:
        raise TryLater("Not now.")

    monkeypatch.setattr("chatnet.worker.fronts.irc.guests.admitted", not_now)
    assert bob.shown("NICK carol")[0] == "ERROR Closing link: Not now."
    stage.worker.pass_time(1)
    assert not bob.is_open
    assert [client.user for client in stage.irc.crowd.of_key.values()] == ["alice"]
    assert [session.user for session in stage.worker.sessions.open] == ["alice"]


def test_nobody_has_the_nick_of_a_guest_who_is_still_called_so_here(stage: IrcStage) -> None:
    """The log may know them by another nick already: the two would hear the same, what is private as well."""
    alice = stage.user("alice")
    first, third = guest(stage, "hal"), guest(stage, "tom")
    stage.worker.log.lagging = True
    first.say("NICK gus")
    second = stage.line()
    second.say("NICK hal", "USER hals 0 * :hal")
    third.say("NICK hal")
    for line in (second, third):
        assert [one.command for one in line.take() if one.command in ("001", "433", "NICK")] == ["433"]
    stage.worker.log.lagging = False
    stage.worker.log.catch_up()
    stage.worker.settle()
    second.say("NICK hal")
    assert [one.command for one in second.take() if one.command in ("001", "433")] == ["001"]
    alice.say("PRIVMSG hal :secret")
    assert "PRIVMSG hal secret" in [one.shown for one in second.take()]
    assert [one.shown for one in first.take()] == ["NICK gus"]
