"""What is refused is said to people at an IRC client in words that they can do something with."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from irc_front.stage import IrcStage, plain
from irc_front.test_irc_people import there
from irc_front.test_irc_rooms import does, moderated
from worker.conftest import Worker

from chatnet.errors import REFUSALS, ChatnetError, NotModerator, NotOwner, TryLater, WrongSecret
from chatnet.kinds import CLUSTER
from chatnet.worker.fronts.irc import account, refusals
from chatnet.worker.fronts.irc.roster import NO_OWNER
from chatnet.worker.fronts.irc.table import COMMANDS


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


ERRORS = [*REFUSALS.values(), WrongSecret, TryLater]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_no_sentence_names_a_command_that_irc_does_not_have(error: type[ChatnetError]) -> None:
    """Sentences of the log are for the page and the terminal, whose commands and options are others."""
    why = error("x" if error.sentence == "{why}" else re.sub("{[a-z]+}", "x", error.sentence))

    def said() -> Iterator[str]:
        yield account.sentence_of(why)
        if error is not WrongSecret:  # nobody is told that but by a login
            yield refusals.sentence_of(why, "#tea")
            yield refusals.words_at_end(error.code.decode(), str(why))

    for sentence in said():
        assert "--" not in sentence
        assert set(re.findall(r"\b[A-Z]{3,}\b", sentence)) <= set(COMMANDS), sentence


def test_they_are_what_is_said(stage: IrcStage) -> None:
    """By a numeric or not, as an answer, or with the end of a session."""
    alice, _ = moderated(stage)
    there(stage, "carol")
    alice.ask("CAP REQ standard-replies", "MODE &ops +b carol")
    assert alice.shown("INVITE carol &ops") == [
        "FAIL INVITE THEY_ARE_BANNED &ops They are banned there: lift that first, by MODE and -b."
    ]
    for said in ("MODE &ops -o alice", "PART &ops"):
        [no] = alice.ask(said)
        assert no.text == "That is its only owner: name another one first, in the page or the terminal."
    does(stage, "revoke", CLUSTER, CLUSTER, "0", to="alice")
    [error] = [one.text for one in alice.take() if one.command == "ERROR"]
    assert error.endswith("on another device or by who runs this server: log in again.")


def test_a_login_that_needs_a_code_is_told_how(stage: IrcStage) -> None:
    does(stage, "policy", CLUSTER, "", "signup code")
    line = stage.line()
    line.say(
        "CAP REQ sasl", "NICK eve", "USER eve 0 * :e", "AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('eve')}"
    )
    stage.worker.work()
    [no] = [one.text for one in line.heard if one.command == "904"]
    assert no.endswith("who runs this server: register it in the page or the terminal.")


def test_who_is_shown_as_an_operator_learns_why_they_are_none(stage: IrcStage) -> None:
    """Of a topic without an owner NAMES shows @ before who has been there for longest: for the text alone. So
    482 does not say that operators may; elsewhere it says who may."""
    alice, bob = moderated(stage)
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take()
    assert alice.shown("NAMES #tea")[0] == "353 alice = #tea @alice bob"
    for said in ("KICK #tea bob", "MODE #tea +o bob", "MODE #tea +b bob", "MODE #tea +o nobody_here"):
        assert alice.shown(said) == [f"482 alice #tea {NO_OWNER}"]
        assert bob.shown(said) == [f"482 bob #tea {NO_OWNER}"]
    assert bob.shown("TOPIC #tea :x") == [
        "482 bob #tea It has no owner yet: alice sets it, who is there for longest."
    ]
    does(stage, "role", CLUSTER, "#tea", "owner", to="alice")
    assert bob.shown("KICK #tea alice")[-1] == f"482 bob #tea {NotModerator.sentence}"
    assert bob.shown("MODE #tea +o bob") == [f"482 bob #tea {NotOwner.sentence.format(room='#tea')}"]
    assert bob.shown("KICK &ops alice") == [f"482 bob &ops {NotModerator.sentence}"]
    does(stage, "role", "alice", "#tea", "moderator", to="bob")
    bob.take()
    assert bob.shown("KICK #tea alice") == ["482 bob #tea alice has a higher role than you there."]
