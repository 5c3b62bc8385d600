"""Until the welcome: names, passwords, SASL and capabilities, in any order, each answered as IRC has it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from irc_front.stage import PASSWORD, SERVER, Heard, IrcLine, IrcStage, plain
from irc_front.test_irc_rooms import does
from worker.conftest import Worker

from chatnet.irc import sasl
from chatnet.irc_options import MOST, MOST_STRANGERS
from chatnet.kinds import CLUSTER
from chatnet.worker.fronts.irc import account, motd
from chatnet.worker.fronts.irc.addresses import Addresses
from chatnet.worker.fronts.irc.motd import LOOK_SECONDS, Motd
from chatnet.worker.fronts.irc.registration import SECONDS


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


def codes(heard: list[Heard]) -> list[str]:
    return [one.command for one in heard]


def asked(line: IrcLine, *lines: str) -> list[Heard]:
    """Send lines, let threads work; return what is heard."""
    line.say(*lines)
    line.stage.worker.work()
    return line.take()


def by_sasl(line: IrcLine, message: str) -> list[str]:
    """Say one message of PLAIN; return what is heard."""
    return [one.shown for one in asked(line, "AUTHENTICATE PLAIN", f"AUTHENTICATE {message}")]


# ---- the welcome ----


def test_the_welcome(stage: IrcStage) -> None:
    """The first answer is 001, with the name as its user spells it; then 002 to 005, LUSERS, MOTD or 422,
    and a JOIN for each room that one is in, one's own first. All numbers name the user first."""
    stage.user("bob").ask("JOIN #tea")
    line = stage.line()
    heard = asked(line, f"PASS :{PASSWORD}", "NICK BoB", "USER whoever 0 * :Bob B.")
    numbers = [one for one in heard if one.command.isdigit()]
    assert codes(numbers)[:4] == ["001", "002", "003", "004"]
    assert all(one.params[0] == "BoB" and one.source == SERVER for one in numbers)
    assert "" not in numbers[3].params
    assert len(numbers[3].params) == 5
    assert [code for code in codes(numbers) if code > "250"][:3] == ["251", "252", "254"]
    assert "422" in codes(numbers)
    joins = [one for one in heard if one.command == "JOIN"]
    assert [one.params[0] for one in joins] == ["#@bob", "#tea"]
    assert {one.source for one in joins} == {"BoB!bob@user"}
    assert heard.index(joins[0]) > codes(heard).index("422")


def test_who_runs_the_server_has_told_nothing(stage: IrcStage) -> None:
    """RFC 2812: 423, with the server's name."""
    [no] = stage.user("alice").ask("ADMIN")
    assert (no.command, no.params[1]) == ("423", SERVER)


def test_the_tokens_are_at_most_thirteen_a_line(stage: IrcStage) -> None:
    heard = asked(stage.line(), f"PASS :{PASSWORD}", "NICK bob", "USER b 0 * :b")
    lines = [one for one in heard if one.command == "005"]
    assert lines
    assert all(len(one.params) <= 15 for one in lines)


def test_the_message_of_the_day() -> None:
    line = IrcStage(Worker(), motd=lambda: ("Be kind.", "")).user("bob")
    assert [one.command for one in line.ask("MOTD")] == ["375", "372", "372", "376"]


def test_the_file_with_the_message_of_the_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at again after a minute; its lines fit into those of IRC, and have no formatting. What is
    no file is told the operator once, and clients get none (422)."""
    worker, file = Worker(), tmp_path / "motd"
    told: list[str] = []
    monkeypatch.setattr(Motd, "_logger", SimpleNamespace(error=lambda line, why, path: told.append(why)))
    stage = IrcStage(worker, motd=Motd(str(file), worker.clock.seconds))

    def shown() -> list[str]:
        return [one.text for one in bob.ask("MOTD")][1:-1]

    bob = stage.user("bob")
    assert [one.command for one in bob.ask("MOTD")] == ["422"]
    worker.pass_time(LOOK_SECONDS + 1)
    assert [one.command for one in bob.ask("MOTD")] == ["422"]
    assert told == ["No such file or directory"]
    file.write_bytes(b"Be \x02kind\x02.\n\n\tAnd \xff\n" + b"word " * 100 + b"\n\n")
    assert shown() == []
    worker.pass_time(LOOK_SECONDS + 1)
    first, second, third, *words = shown()
    assert (first, second, third) == ("- Be kind.", "- ", "-         And \ufffd")
    assert "".join(word.removeprefix("- ") for word in words) == "word " * 99 + "word"
    file.write_text("Be kind.\n" * 10_000)
    worker.pass_time(LOOK_SECONDS + 1)
    assert 100 < len(shown()) * 9 <= motd.MOST_BYTES + 9
    file.unlink()
    os.mkfifo(file)  # to read it would never end
    worker.pass_time(LOOK_SECONDS + 1)
    assert shown() == []
    assert told[1:] == ["it is not a file"]


def test_a_policy_of_tls_is_told_to_who_may_need_it() -> None:
    """strict-transport-security: over TLS, for how long; in plain from afar, at which port TLS is, which is
    the same here; in plain on the machine itself, and to clients that are told no values, nothing."""
    stage = IrcStage(Worker(), sts=3_600)
    assert policies(stage, "302") == policies(stage, "") == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chatnet.worker.fronts.irc.front.both_on_loopback", lambda transport: False)
        port = stage.line().server.transport.getHost().port
        assert policies(stage, "302") == [f"sts=port={port}"]
        patch.setattr("chatnet.worker.fronts.irc.front.is_encrypted", lambda transport: True)
        assert policies(stage, "302") == ["sts=duration=3600"]
        assert policies(stage, "") == []
        assert policies(IrcStage(Worker()), "302") == []


def policies(stage: IrcStage, version: str) -> list[str]:
    """Return what a client is offered that begins with sts."""
    words = [word for one in stage.line().ask(f"CAP LS {version}") for word in one.text.split()]
    return [word for word in words if word.startswith("sts")]


def test_a_free_name_is_registered_with_the_password(stage: IrcStage) -> None:
    """Loudly: somebody who has mistyped their own name reads that it is another's no longer."""
    heard = asked(stage.line(), f"PASS :{PASSWORD}", "NICK bob", "USER bob@phone 0 * :b")
    [notice] = [one for one in heard if one.command == "NOTICE"]
    assert notice.text == "You are the first to use the name bob; it is yours, with this password."
    assert [entry.kind for entry in stage.worker.log.entries] == ["register"]
    again = asked(stage.line(), f"PASS :{PASSWORD}", "NICK bob", "USER bob@phone 0 * :b")
    assert "NOTICE" not in codes(again)


def test_no_name_is_registered_where_that_is_not_wanted() -> None:
    stage = IrcStage(Worker(), registers="no")
    heard = asked(stage.line(), f"PASS :{PASSWORD}", "NICK bob", "USER b 0 * :b")
    assert codes(heard) == ["464", "ERROR"]
    assert not stage.worker.log.entries


@pytest.mark.parametrize("first", ["NICK bob", "USER b 0 * :b", f"PASS :{PASSWORD}"])
def test_what_is_said_may_come_in_any_order(stage: IrcStage, first: str) -> None:
    line = stage.line()
    said = [f"PASS :{PASSWORD}", "USER b 0 * :b", "NICK bob"]
    assert "001" in codes(asked(line, first, *(one for one in said if one != first)))


def test_the_end_of_cap_is_waited_for(stage: IrcStage) -> None:
    """CAP LS holds the welcome back until CAP END, even if it is said twice."""
    line = stage.line()
    assert "001" not in codes(asked(line, "CAP LS 302", f"PASS :{PASSWORD}", "NICK bob", "USER b 0 * :b"))
    assert "001" not in codes(asked(line, "CAP LS 302", "CAP REQ :batch"))
    assert codes(asked(line, "CAP END"))[0] == "001"


def test_who_shows_no_password_is_told_how(stage: IrcStage) -> None:
    line = stage.line()
    heard = asked(line, "NICK bob", "USER b 0 * :b")
    assert codes(heard) == ["464", "ERROR"]
    assert "SASL" in heard[0].text
    assert not line.is_open


def test_a_wrong_password_ends_the_connection(stage: IrcStage) -> None:
    """464, ERROR, and no more: the name is somebody's."""
    stage.user("bob")
    line = stage.line()
    heard = asked(line, "PASS :wrong and long", "NICK bob", "USER b 0 * :b")
    assert codes(heard) == ["464", "ERROR"]
    assert not line.is_open


@pytest.mark.parametrize(("kind", "why"), [("ban", "is banned from this server"), ("disable", "is disabled")])
def test_who_is_shut_out_is_told_so(stage: IrcStage, kind: str, why: str) -> None:
    """465, and not that their password is wrong: clients ask for another one then. By SASL it is 904."""
    stage.user("bob").cut()
    does(stage, kind, CLUSTER, "", to="bob")
    line = stage.line()
    heard = asked(line, f"PASS :{PASSWORD}", "NICK bob", "USER b 0 * :b")
    assert codes(heard) == ["465", "ERROR"]
    assert why in heard[0].text
    assert not line.is_open
    assert why in by_sasl(stage.line(), plain("bob"))[-1]


@pytest.mark.parametrize("device", ["x" * 41, "my phone", "-", "a/b"])
def test_a_device_that_cannot_be_is_no_password(stage: IrcStage, device: str) -> None:
    """PASS with what is no name and device before the colon is refused by that, and is not taken for a
    password, which a free name would have from then on."""
    stage.user("alice")
    for name in ("alice", "eve"):
        for said in (f"{name}@{device}:{PASSWORD}", f"@{device}:{PASSWORD}"):
            heard = asked(stage.line(), f"PASS :{said}", f"NICK {name}", f"USER {name} 0 * :x")
            assert [one.text for one in heard if one.command == "464"] == [account.MISNAMED]
            stage.worker.pass_time(10)  # after a wrong password the next one waits
    assert [one.user for one in stage.worker.log.entries if one.kind == "register"] == ["alice"]


def test_a_password_may_look_like_a_device(stage: IrcStage) -> None:
    """Who has one logs in."""
    said = "alice@my phone:and more"
    assert stage.user("alice", "sasl", password=said).is_open
    assert stage.user("alice", password=said).is_open


def test_of_two_who_register_a_name_at_once_one_is_let_in(stage: IrcStage) -> None:
    one, other = stage.line(), stage.line()
    for line, password in ((one, PASSWORD), (other, "another password")):
        line.say(f"PASS :{password}", "NICK bob", "USER b 0 * :b")
    stage.worker.work()
    welcomes = [codes(line.take()).count("001") for line in (one, other)]
    assert sorted(welcomes) == [0, 1]


# ---- what is refused before it ----


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("NICK", "431 *"),
        ("NICK :", "431 *"),
        ("NICK a.b", "432 * a.b"),
        ("NICK :a b", "432 * *"),
        ("NICK bob@phone", "432 * bob@phone"),
        ("NICK nobody", "432 * nobody"),
        ("NICK " + "x" * 33, "432 * " + "x" * 33),
        ("NICK []", "432 * []"),
        ("USER", "461 * USER"),
        ("USER a", "461 * USER"),
        ("USER b 0 *", "461 * USER"),
        ("USER b 0 * :", "461 * USER"),
        ("PASS", "461 * PASS"),
        ("PING", "409 *"),
        ("PING :", "409 *"),
        ("JOIN #tea", "451 *"),
        ("PRIVMSG bob :hello", "451 *"),
        ("NONSENSE", "451 *"),
        ("CAP", "461 * CAP"),
        ("CAP NONSENSE", "410 * NONSENSE"),
        ("AUTHENTICATE", "461 * AUTHENTICATE"),
        ("CAP LIST", "CAP * LIST"),
    ],
)
def test_each_line_before_the_welcome_is_answered(stage: IrcStage, said: str, answer: str) -> None:
    [heard] = stage.line().ask(said)
    assert f"{heard.shown} ".startswith(f"{answer} ")


def test_a_ping_is_answered_before_the_welcome(stage: IrcStage) -> None:
    """With its token whole; and a PONG is never answered."""
    line = stage.line()
    assert line.shown("PING :a b:c ") == [f"PONG {SERVER} a b:c "]
    assert line.shown("PONG x", "PONG") == []


def test_a_second_user_or_pass_is_refused(stage: IrcStage) -> None:
    line = stage.user("bob")
    assert line.shown("USER b 0 * :b") == ["462 bob You are logged in already."]
    assert line.shown("PASS x") == ["462 bob You are logged in already."]
    fresh = stage.line()
    assert codes(fresh.ask("USER a 0 * :a", "USER a 0 * :a")) == ["462"]
    assert codes(fresh.ask(f"PASS :{PASSWORD}", "PASS :another one")) == ["462"]
    assert "001" in codes(asked(fresh, "NICK bob"))


def test_labels_before_the_welcome(stage: IrcStage) -> None:
    """labeled-response: from its ACK on every line is answered by its label, once; the welcome is nobody's
    answer, and comes behind that of the last line."""
    line = stage.line()
    line.ask("CAP LS 302", "@label=0 CAP REQ :labeled-response batch sasl")

    def answer(said: str) -> list[str]:
        heard = asked(line, f"@label=L {said}")
        assert [one.tags.get("label") for one in heard].count("L") == 1
        assert heard[0].tags["label"] == "L"
        return codes(heard)

    assert answer("PING x") == ["PONG"]
    assert answer("PONG x") == answer("NOTICE x :y") == ["ACK"]
    assert answer("NONSENSE") == answer("JOIN #tea") == ["451"]
    assert answer("NICK a.b") == ["432"]
    assert answer("USER b 0 * :b") == ["ACK"]
    assert answer("USER b 0 * :b") == ["462"]
    assert answer("PRIVMSG " + "x" * 600) == ["417"]
    assert answer("AUTHENTICATE NONSENSE") == ["BATCH", "908", "904", "BATCH"]
    assert answer("AUTHENTICATE PLAIN") == ["AUTHENTICATE"]
    assert answer(f"AUTHENTICATE {plain('bob')}") == ["BATCH", "900", "903", "BATCH"]
    assert answer("NICK Bob") == ["ACK"]
    assert answer("REGISTER * * x") == ["FAIL"]
    assert answer("CAP END")[:3] == ["ACK", "001", "002"]
    assert asked(line, "@label=M PING x")[0].tags["label"] == "M"
    other = stage.line()
    other.ask("CAP REQ :labeled-response batch")
    [last] = other.ask("@label=L QUIT")
    assert (last.command, last.tags) == ("ERROR", {"label": "L"})


def test_what_ends_an_attempt_has_one_label(stage: IrcStage) -> None:
    line = stage.line()
    line.ask("CAP REQ :labeled-response batch", "NICK Bob", "USER b 0 * :b")
    begin, *said = asked(line, "@label=L REGISTER * * :a long password")
    assert begin.tags == {"label": "L"}
    assert codes(said) == ["REGISTER", "900", "BATCH"]
    wrong = stage.line()
    wrong.ask("CAP REQ :labeled-response batch", "NICK Bob", "USER b 0 * :b")
    begin, *said = asked(wrong, "@label=L CAP END")
    assert begin.tags == {"label": "L"}
    assert codes(said) == ["464", "ERROR", "BATCH"]
    assert not wrong.is_open


def test_quit_before_the_welcome(stage: IrcStage) -> None:
    line = stage.line()
    assert codes(line.ask("QUIT", "NICK bob")) == ["ERROR"]
    assert not line.is_open


def test_who_does_not_log_in_is_closed_within_a_minute(stage: IrcStage) -> None:
    """Also who has proved who they are, and stays there; ten seconds of AMP would be too few for people."""
    idle, proved = stage.line(), stage.line()
    proved.say("CAP REQ sasl", "AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('bob')}")
    stage.worker.work()
    stage.worker.pass_time(SECONDS - 1)
    assert (idle.is_open, proved.is_open) == (True, True)
    assert len(stage.worker.sessions.open) == 1
    stage.worker.pass_time(2)
    assert (idle.is_open, proved.is_open) == (False, False)
    assert codes(idle.take()) == ["ERROR"]
    assert not stage.worker.sessions.open
    stage.worker.pass_time(10)
    assert not stage.worker.clock.getDelayedCalls()


def test_who_is_gone_during_the_login_leaves_nothing(stage: IrcStage) -> None:
    line = stage.line()
    line.say(f"PASS :{PASSWORD}", "NICK bob", "USER b 0 * :b")
    line.cut()
    stage.worker.work()
    stage.worker.pass_time(2)
    assert not stage.worker.sessions.open
    assert stage.worker.visitors.strangers == 0
    assert not stage.worker.clock.getDelayedCalls()


# ---- SASL ----


def test_sasl(stage: IrcStage) -> None:
    """900 with nick!user@host as far as they are known, then 903; NICK and USER may come in the middle."""
    line = stage.line()
    assert line.shown("CAP REQ sasl", "AUTHENTICATE PLAIN") == ["CAP * ACK sasl", "AUTHENTICATE +"]
    heard = asked(line, "NICK bob", f"AUTHENTICATE {plain('bob')}", "USER b 0 * :b")
    assert [one.shown for one in heard] == [
        "900 bob bob!*@* bob You are now logged in as bob.",
        "903 bob You have proved who you are.",
    ]
    assert codes(asked(line, "CAP END"))[0] == "001"


def test_sasl_without_the_capability_does_no_harm(stage: IrcStage) -> None:
    line = stage.line()
    assert by_sasl(line, plain("bob"))[-1].startswith("903 ")
    assert codes(asked(line, "NICK bob", "USER b 0 * :b"))[0] == "001"


def test_the_nick_is_that_of_the_account(stage: IrcStage) -> None:
    """Whatever it asked for, a client is told its name by 001, and no NICK."""
    line = stage.line()
    by_sasl(line, plain("bob"))
    heard = asked(line, "NICK somebody_else", "USER b 0 * :b")
    assert heard[0].params[0] == "bob"
    assert "NICK" not in codes(heard)


@pytest.mark.parametrize(
    "message",
    ["!!!", "+", plain("bob", ""), plain("bob", "correct\0horse"), plain("bob", PASSWORD, "alice"), "AAAA"],
)
def test_a_message_that_is_no_login(stage: IrcStage, message: str) -> None:
    """904, and one may go on: broken base64, nothing, no password, a NUL in it, another's name."""
    line = stage.line()
    assert by_sasl(line, message)[-1].startswith("904 * ")
    assert by_sasl(line, plain("bob"))[-1].startswith("903 ")


def test_three_logins_that_fail_end_the_connection(stage: IrcStage) -> None:
    stage.user("bob")
    line = stage.line()
    for _ in range(2):
        assert by_sasl(line, plain("bob", "a wrong one"))[-1].startswith("904 ")
        stage.worker.pass_time(1)
        stage.worker.work()
        line.take()
    line.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('bob', 'a wrong one')}")
    stage.worker.pass_time(2)
    stage.worker.work()
    assert codes(line.take())[-2:] == ["904", "ERROR"]
    assert not line.is_open


def test_after_a_login_that_failed_there_is_time_for_another(stage: IrcStage) -> None:
    """As long as for the first one; and whoever does not use it is told why they are closed."""
    stage.user("bob"), stage.user("carol")
    line, idle = stage.line(), stage.line()
    assert by_sasl(line, plain("bob", "a wrong one"))[-1].startswith("904 ")
    idle.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('carol', 'a wrong one')}")
    stage.worker.pass_time(3)  # wrong ones from one address take turns
    stage.worker.work()
    assert codes(idle.take())[-1] == "904"
    stage.worker.pass_time(SECONDS - 5)
    assert by_sasl(line, plain("bob"))[-1].startswith("903 ")
    assert "001" in codes(asked(line, "NICK bob", "USER b 0 * :b"))
    stage.worker.pass_time(SECONDS)
    assert line.is_open
    assert codes(idle.take()) == ["ERROR"]


@pytest.mark.parametrize("said", ["AUTHENTICATE", "REGISTER"])
def test_who_goes_on_as_a_guest_after_a_login_that_failed_stays(said: str) -> None:
    stage = IrcStage(Worker(), guests=True)
    stage.user("bob")
    line = stage.line()
    if said == "REGISTER":
        assert codes(asked(line, "CAP LS", "NICK bob", "REGISTER * * :a wrong one")) == ["CAP", "FAIL"]
    else:
        line.ask("CAP LS")
        assert by_sasl(line, plain("bob", "a wrong one"))[-1].startswith("904 ")
    assert "001" in codes(asked(line, "NICK guest", "USER b 0 * :b", "CAP END"))
    stage.worker.pass_time(2 * SECONDS)
    assert line.is_open


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (f"AUTHENTICATE {plain('eve', '7 chars')}", "A password has at least 8"),
        (f"AUTHENTICATE {plain('alice', 'wrong horse')}", "That name is somebody's"),
        (f"AUTHENTICATE {'a' * 401}", "That is too long"),
        ("AUTHENTICATE *", "You have ended SASL."),
        ("CAP END", "You have ended SASL."),
        ("AUTHENTICATE *\r\nREGISTER * * :short", "A password has at least 8"),
    ],
)
def test_who_goes_on_as_a_guest_after_a_login_that_failed_is_told_so(said: str, why: str) -> None:
    """Clients go on by themselves, under the very name that was to be logged in to, and show the refusal
    among much else: so it is said once more, behind the welcome. Who logs in at last is told nothing."""
    stage = IrcStage(Worker(), guests=True)
    stage.user("alice")
    line = stage.line()
    line.say("CAP REQ sasl", "NICK eve", "USER eve 0 * :Eve", "AUTHENTICATE PLAIN", said)
    stage.worker.work()
    refused = [one.text for one in line.heard if one.command in ("904", "905", "906", "FAIL")]
    line.say("CAP END")
    assert "001" in [one.command for one in line.heard]
    [told] = [one.text for one in line.heard if one.command == "NOTICE"]
    assert told.startswith(f"You are a guest, and not logged in. {why}")
    assert told.endswith(refused[-1] if refused else "You have ended SASL.")
    other = stage.line()
    other.say("CAP REQ sasl", "NICK alice", "USER alice 0 * :A", "AUTHENTICATE PLAIN", "AUTHENTICATE *")
    other.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('alice')}", "CAP END")
    stage.worker.work()
    assert "001" in [one.command for one in other.heard]
    assert not [one for one in other.heard if one.text.startswith("You are a guest")]


def test_long_messages_come_in_pieces_of_400(stage: IrcStage) -> None:
    """A full last piece is followed by an empty one, ``+``; a longer piece is refused by 905, and more than
    8 KB in all by 904."""
    line = stage.line()
    whole = plain("bob", "x" * 295)
    assert len(whole) == 400
    assert line.shown("AUTHENTICATE PLAIN", f"AUTHENTICATE {whole}") == ["AUTHENTICATE +"]
    assert codes(asked(line, "AUTHENTICATE +")) == ["900", "903"]
    other = stage.line()
    other.ask("AUTHENTICATE PLAIN")
    assert codes(other.ask(*(f"AUTHENTICATE {'A' * 400}" for _ in range(21)))) == ["904"]
    other.ask("AUTHENTICATE PLAIN")
    assert codes(other.ask(f"AUTHENTICATE {'A' * 401}")) == ["905"]


def test_sasl_can_be_ended_and_begun_again(stage: IrcStage) -> None:
    line = stage.line()
    assert codes(line.ask("AUTHENTICATE PLAIN", "AUTHENTICATE *"))[-1] == "906"
    assert codes(line.ask("AUTHENTICATE NONSENSE")) == ["908", "904"]
    assert by_sasl(line, plain("bob"))[-1].startswith("903 ")
    assert line.shown("AUTHENTICATE PLAIN") == ["907 * You have proved who you are before."]
    asked(line, "NICK bob", "USER b 0 * :b")
    assert codes(line.ask("AUTHENTICATE PLAIN")) == ["907"]


def test_the_end_of_cap_ends_an_exchange(stage: IrcStage) -> None:
    """SASL: who says CAP END in the middle of it is told by 906 that it is aborted, before the welcome."""
    line = stage.line()
    line.ask("CAP REQ sasl", f"PASS :{PASSWORD}", "NICK bob", "USER b 0 * :b", "AUTHENTICATE PLAIN")
    assert codes(asked(line, "CAP END"))[:2] == ["906", "001"]
    other = stage.line()
    other.ask("CAP REQ sasl", "AUTHENTICATE PLAIN")
    assert codes(asked(other, "cap end")) == ["906"]
    assert by_sasl(other, plain("bob"))[-1].startswith("903 ")


def test_the_secret_of_a_terminal_is_a_password_too(stage: IrcStage) -> None:
    """As 64 hexadecimal digits: who has only that can come in over IRC."""
    stage.worker.client("carol")
    line = stage.line()
    assert by_sasl(line, plain("carol", (b"s" * 32).hex()))[-1].startswith("903 ")


# ---- devices ----


BY_SASL = "AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('alice')}"


@pytest.mark.parametrize(
    "said",
    [
        [f"PASS :alice@phone:{PASSWORD}", "NICK alice", "USER a 0 * :a"],
        [f"PASS :{PASSWORD}", "NICK alice", "USER alice@phone 0 * :a"],
        ["AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('alice@phone')}", "NICK alice", "USER a 0 * :a"],
        ["NICK alice", "CAP LS", "USER alice@phone 0 * :a", *BY_SASL, "CAP END"],
        ["NICK alice", "CAP LS", "USER ~al.ice@Phone 0 * :a", *BY_SASL, "CAP END"],
    ],
)
def test_a_device_is_named_behind_the_name(stage: IrcStage, said: list[str]) -> None:
    """In SASL, in PASS or in the ident; nameless clients share a device."""
    stage.user("alice")
    line = stage.line()
    asked(line, *said)
    devices = [session.device.label for session in stage.worker.sessions.open]
    assert devices == ["irc", "phone"]
    assert len(stage.worker.log.entries) == 2
    asked(stage.line(), *said)
    assert len(stage.worker.log.entries) == 2  # a device is begun once


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ([f"PASS :{PASSWORD}", "NICK alice", "USER a@{} 0 * :a"], "464 alice"),
        (["NICK alice", "CAP LS", "USER a@{} 0 * :a", *BY_SASL], "904 alice"),
        (["NICK zed", "CAP LS", "USER a@{} 0 * :a", f"REGISTER * * :{PASSWORD}"], "FAIL REGISTER"),
        (["NICK yan", "USER a@{} 0 * :a", *BY_SASL], "904 yan"),
        (["NICK yan", "USER a@{} 0 * :a", f"REGISTER * * :{PASSWORD}"], "FAIL REGISTER"),
    ],
)
@pytest.mark.parametrize("device", ["ä", "a/b", "-", "x" * 41, "a@b"])
def test_a_user_name_with_a_device_that_cannot_be_is_refused(
    said: list[str], answer: str, device: str
) -> None:
    """Else the client would share what was missed with those that name no device. Who is no user, or names
    another device elsewhere, is let in."""
    stage = IrcStage(Worker(), guests=True)
    stage.user("alice").cut()
    line = stage.line()
    [told] = [one for one in asked(line, *(one.format(device) for one in said)) if sasl.DEVICE in one.text]
    assert told.shown.startswith(answer)
    by_name = [f"PASS :alice@phone:{PASSWORD}", "NICK alice", f"USER a@{device} 0 * :a"]
    assert "001" in codes(asked(stage.line(), *by_name))
    assert [*stage.worker.sessions.open][-1].device.label == "phone"


@pytest.mark.parametrize("nick", ["alice", "zed"])
def test_a_guest_who_logs_in_may_have_named_a_device(nick: str) -> None:
    """By its USER, as who logs in at once; also if it registers its own nick so."""
    stage = IrcStage(Worker(), guests=True)
    stage.user("alice").cut()
    line = stage.line()
    line.say(f"NICK {'yan' if nick == 'alice' else nick}", f"USER {nick}@phone 0 * :x")
    asked(line, *([*BY_SASL] if nick == "alice" else [f"REGISTER * * :{PASSWORD}"]))
    assert [session.device.label for session in stage.worker.sessions.open] == ["phone"]


# ---- capabilities ----


def test_capabilities_are_asked_for_at_any_time(stage: IrcStage) -> None:
    """REQ is all or nothing, and repeats what was asked; what is on may be asked for again, and what is off
    may be given up."""
    line = stage.user("bob")
    assert line.shown("CAP REQ :batch nonsense") == ["CAP bob NAK batch nonsense"]
    assert line.shown("CAP LIST") == ["CAP bob LIST "]
    assert line.shown("CAP REQ :batch server-time") == ["CAP bob ACK batch server-time"]
    assert line.shown("CAP LIST") == ["CAP bob LIST batch server-time"]
    assert line.shown("CAP REQ :-batch -away-notify") == ["CAP bob ACK -batch -away-notify"]


def test_what_a_client_gives_up_ends_at_the_ack(stage: IrcStage) -> None:
    """And what it asks for begins there, between two posts, of which none is lost or comes twice."""
    alice, bob = stage.user("alice"), stage.user("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    bob.take()
    heard = []
    for asked_for in ("server-time", "-server-time", "server-time message-tags", "-message-tags"):
        heard += [bob.ask(f"CAP REQ :{asked_for}")[-1].command]
        alice.say("PRIVMSG #tea :x")
        [post] = bob.take()
        heard += [" ".join(sorted(post.tags))]
    assert heard == ["CAP", "time", "CAP", "", "CAP", "account msgid time", "CAP", "time"]


# ---- too many ----


def test_connections_of_one_address_are_limited() -> None:
    """Those before their welcome, and all; of this machine's own address as many as there are."""
    addresses = Addresses()
    assert all(addresses.came("127.0.0.1") for _ in range(500))
    far = "2001:db8::"
    assert [addresses.came(f"{far}{number}") for number in range(MOST_STRANGERS + 1)] == [True] * 10 + [False]
    assert addresses.came("2001:db8:1::1")
    for number in range(MOST - 10):
        addresses.known(far)
        assert addresses.came(f"{far}{number}")
    addresses.known(far)
    assert not addresses.came(far)
    for _ in range(MOST - 9):
        addresses.gone(far, was_known=True)
    assert addresses.came(far)
    for _ in range(10):
        addresses.gone(far, was_known=False)
    addresses.gone("2001:db8:1::1", was_known=False)
    for _ in range(500):
        addresses.gone("127.0.0.1", was_known=False)
    assert len(addresses) == 0


def test_how_many_may_come_from_one_address_is_the_operators() -> None:
    addresses = Addresses(2, 3)
    assert [addresses.came("192.0.2.1") for _ in range(3)] == [True, True, False]
    for _ in range(2):
        addresses.known("192.0.2.1")
    assert [addresses.came("192.0.2.1") for _ in range(2)] == [True, False]
    stage = IrcStage(Worker(), strangers=1, most=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chatnet.worker.fronts.irc.addresses.is_loopback", lambda host: False)
        lines = [stage.line(), stage.line()]
        stage.worker.settle()
        assert [line.is_open for line in lines] == [True, False]


def test_who_comes_beyond_that_is_told_so(stage: IrcStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatnet.worker.fronts.irc.addresses.is_loopback", lambda host: False)
    lines = [stage.line() for _ in range(MOST_STRANGERS + 1)]
    assert [codes(line.take()) for line in lines] == [[]] * MOST_STRANGERS + [[]]
    stage.worker.settle()
    assert [line.is_open for line in lines] == [True] * MOST_STRANGERS + [False]
    assert codes(lines[-1].take()) == ["ERROR"]
    lines[0].log_in("bob")
    assert stage.line().is_open
    for line in lines[:-1]:
        line.cut()


def test_a_name_is_registered_by_its_first_login(stage: IrcStage) -> None:
    """Or by a command: see test_irc_guests.py."""
    assert stage.line().ask("REGISTER * * x")[0].shown.startswith("FAIL REGISTER NEED_NICK * ")
    bob = stage.user("bob", "standard-replies")
    assert bob.ask("REGISTER * * x")[0].shown.startswith("FAIL REGISTER ALREADY_AUTHENTICATED bob ")


def test_what_is_not_built_is_not_offered(stage: IrcStage) -> None:
    """Neither by CAP nor by 005: a client that is told so relies on it. Everybody needs an account."""
    line = stage.line()
    offered = " ".join(one.text for one in line.ask("CAP LS 302")).split()
    names = {one.partition("=")[0] for one in offered}
    assert names == stage.irc.offered.keys()
    assert not names & {*("account-notify", "chghost")}
    assert "draft/account-registration" not in IrcStage(Worker(), registers="no").irc.offered
    assert line.shown("CAP REQ :chghost") == ["CAP * NAK chghost"]
    heard = asked(stage.line(), f"PASS :{PASSWORD}", "NICK bob", "USER b 0 * :b")
    tokens = [token for one in heard if one.command == "005" for token in one.params]
    assert "draft/ACCOUNTREQUIRED" in tokens
