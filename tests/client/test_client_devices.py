"""Devices and codes at the terminal: ``--code``, SESSIONS, REVOKE, PAIR and CODE."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from client.person import Person
from twisted.python import usage

from chatnet.client.identity import Credentials
from chatnet.client.tap import Options
from chatnet.codes import FORM, hashes_of, kept
from chatnet.errors import CannotStart, SessionEnded
from chatnet.testing.fake_cluster import FakeCluster
from chatnet.wire.session import OneSession

CODE = "7KQM-2XWD-9TRP"


def on_disk(directory: Path) -> Credentials:
    (path,) = (directory / "chatnet" / "identities").glob("*/*")
    return msgspec.json.decode(path.read_bytes(), type=Credentials)


def test_a_device_is_known_again(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """By 16 random bytes beside its secret, and by what the user calls it."""
    alice = new_person(device="my desk").start()
    alice.stop()
    new_person(**{"same-cluster": True}).start()
    [first, *others] = cluster.devices
    assert first == (on_disk(tmp_path).device, "my desk", None)
    assert len(on_disk(tmp_path).device) == 16
    assert not others  # it resumes by its ticket


def test_a_code_is_shown_once(cluster: FakeCluster, new_person: Callable[..., Person]) -> None:
    """At the first login, with the secret that is on disk by then; later logins go by ticket."""
    cluster.codes, cluster.needs_code = [CODE], True
    alice = new_person(code=CODE).start()
    assert alice.seen() == ["Logged in as alice."]
    assert [code for _, _, code in cluster.devices] == [CODE]
    assert cluster.codes == []


def test_a_code_replaces_a_secret_that_was_accepted(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """With a new one, which is on disk before it is sent, and stays there: another client may show it with a
    code that is good. A bad code costs nothing that was there."""
    new_person().start().stop()
    before = on_disk(tmp_path)
    bad = new_person(code=CODE).start()
    assert bad.stdio.said == ["This code is not good here, or no longer: ask for another one."]
    sent = on_disk(tmp_path).fresh
    assert msgspec.structs.replace(on_disk(tmp_path), fresh=None) == before
    cluster.codes = [CODE]
    alice = new_person(code=CODE).start()
    assert alice.seen() == ["Logged in as alice."]
    after = on_disk(tmp_path)
    assert after.secret == sent != before.secret
    assert (after.device, after.fresh) == (before.device, None)
    assert cluster.secrets["alice"] == after.secret


def test_a_secret_that_was_sent_and_not_answered_is_tried_again(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """The code may have been taken: then the old secret opens nothing any more."""
    new_person().start().stop()
    (path,) = (tmp_path / "chatnet" / "identities").glob("*/*")
    fresh = msgspec.structs.replace(on_disk(tmp_path), fresh=b"f" * 32, ticket=None)
    path.write_bytes(msgspec.json.encode(fresh))
    cluster.secrets["alice"] = b"f" * 32
    alice = new_person().start()
    assert alice.seen() == ["Logged in as alice."]
    assert (on_disk(tmp_path).secret, on_disk(tmp_path).fresh) == (b"f" * 32, None)


def test_line_mode_says_what_to_do_without_a_code(
    cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """Nobody can be asked there."""
    cluster.needs_code = True
    alice = new_person().start()
    assert alice.stdio.said == [
        "A new name needs a code here, from who runs this server: start with --with-code."
    ]


def test_who_is_there_is_asked_for_a_code(cluster: FakeCluster, new_person: Callable[..., Person]) -> None:
    """What they type is shown to the cluster; nothing typed is no code."""
    cluster.needs_code, cluster.codes = True, [CODE]
    alice = new_person(tty_password="")
    alice.start()
    assert alice.seen() == ["A new name needs a code here. The code for alice:"]
    alice.type(CODE)
    alice.network.pass_time(0.1)
    assert alice.seen()[-1] == "Logged in as alice."


def test_a_code_is_asked_for(cluster: FakeCluster, new_person: Callable[..., Person]) -> None:
    """Again, if what is typed is none; nothing typed ends the client, before anything is dialled."""
    cluster.codes = [CODE]
    alice = new_person(tty_password="", **{"with-code": True}).start()
    assert alice.seen() == ["The code for alice:"]
    alice.type("7KQM")
    assert alice.seen() == [f"{FORM} Type it again, or nothing:"]
    alice.type(CODE.lower())
    alice.network.pass_time(0.1)
    assert alice.seen() == ["Logged in as alice."]
    bob = new_person(name="bob", tty_password="", **{"with-code": True}).start()
    bob.type("")
    assert bob.stdio.said == ["No code was given."]
    assert len(cluster.devices) == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (CODE, []),
        ("1234", [FORM]),
        (b"\xff", ["No code was given."]),
    ],
)
def test_in_a_pipe_the_first_line_is_the_code(
    typed: str | bytes, said: list[str], cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """So it stands in no command line; it is never taken for a command."""
    cluster.codes = [CODE]
    alice = new_person(**{"with-code": True}).start()
    alice.type(typed)
    alice.network.pass_time(0.1)
    assert (alice.stdio.said, alice.seen()) == (said, [] if said else ["Logged in as alice."])


def test_a_code_is_taken_from_the_environment(
    cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """Where nobody else can read it; what is no code is told."""
    cluster.codes = [CODE]
    assert new_person(environ={"CHATNET_CODE": f" {CODE}\n"}).start().seen() == ["Logged in as alice."]
    with pytest.raises(CannotStart, match="CHATNET_CODE holds no code"):
        new_person(environ={"CHATNET_CODE": "secret"})


def test_whose_name_is_taken_is_asked_for_a_code(
    cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """Another device of theirs needs no option; who types nothing reads why they are not let in."""
    cluster.secrets["alice"], cluster.codes = b"another" * 5, [CODE]
    alice = new_person(tty_password="").start()
    [question] = alice.seen()
    assert question.startswith("The name alice is taken. If it is yours, type the code that PAIR shows")
    alice.type("")
    [said] = alice.stdio.said
    assert said.startswith("The name alice is taken, and this is not its secret. If it is yours, start with")
    alice = new_person(tty_password="").start()
    alice.type(CODE)
    alice.network.pass_time(0.1)
    assert alice.seen()[-1] == "Logged in as alice."


def test_sessions_are_shown(alice: Person, cluster: FakeCluster) -> None:
    """With what each device is called, since when it is there, and when it was last used."""
    cluster.of_devices = [
        OneSession(3, "laptop", "all", 0, 0, is_this=True),
        OneSession(9, "", "read", 60_000, 120_000, is_this=False),
        OneSession(12, "\x1b[2Jevil", "all", 60_000, 0, is_this=False),
    ]
    alice.type("SESSIONS")
    assert alice.seen()[-4:] == [
        "Your sessions, the oldest first:",
        "\t3: laptop, since 1970-01-01T00:00:00+00:00, this one",
        "\t9: a device, since 1970-01-01T00:01:00+00:00, last used 1970-01-01T00:02:00+00:00, may only read",
        "\t12: \\x1b[2Jevil, since 1970-01-01T00:01:00+00:00",
    ]


def test_a_session_is_ended(alice: Person, cluster: FakeCluster) -> None:
    """By its number; an admin names a user, too."""
    alice.type("REVOKE 9", "REVOKE 9 Bob", "REVOKE x", "REVOKE")
    usage = "REVOKE takes the number of a session, which SESSIONS shows: REVOKE NUMBER."
    assert alice.seen()[-4:] == ["Ended session 9.", "Ended session 9 of bob.", usage, usage]
    asked = [arguments for command, arguments in cluster.requests if command == "Revoke"]
    assert [(one["id"], one["to"]) for one in asked] == [(9, None), (9, "bob")]


def test_another_device_is_let_in(alice: Person, cluster: FakeCluster) -> None:
    """The code is made here and shown here; nothing but its hash is sent."""
    alice.type("PAIR")
    *_, said, how = alice.seen()
    code = said.rpartition(" ")[2]
    assert how == "This asks for it: twistd -n chat-client --master m:64480 alice --with-code"
    [(_, asked)] = [request for request in cluster.requests if request[0] == "Pair"]
    assert (asked["code"].hex(), len(asked["secret"])) == (kept(code), 32)
    assert code not in repr(cluster.requests)


def test_recovery_codes_are_shown_once(alice: Person, cluster: FakeCluster) -> None:
    """They are made here and shown here; nothing but their hashes is sent."""
    alice.type("RECOVERY")
    *_, first, second, how = shown = alice.seen()
    codes = [line.strip() for line in shown[-9:-1]]
    assert shown[-10].endswith("are never shown again:")
    assert how == "This asks for it: twistd -n chat-client --master m:64480 alice --with-code"
    [(_, asked)] = [request for request in cluster.requests if request[0] == "Recovery"]
    assert (asked["codes"], len(asked["secret"])) == (hashes_of(codes), 32)
    assert not any(code in repr(cluster.requests) for code in (first, second, *codes))


def test_an_admin_makes_a_code(alice: Person, cluster: FakeCluster) -> None:
    """For so many, so long, and perhaps for rooms."""
    alice.type("CODE", "CODE 3 2d &Class &ops &class", "CODE tea")
    *_, one, how, other, _, wrong = alice.seen()
    assert one.startswith("The code for 20 new names, for 7d: ")
    assert how == "This asks for it: twistd -n chat-client --master m:64480 NAME --with-code"
    assert other.startswith("The code for 3 new names, who are invited to &class and &ops, for 2d: ")
    assert wrong == "CODE takes for how many, for how long, and perhaps private rooms: CODE 20 7d &ROOM."
    asked = [arguments for command, arguments in cluster.requests if command == "MakeCode"]
    assert [(one["uses"], one["room"]) for one in asked] == [(20, None), (3, "&class"), (3, "&ops")]
    assert len({one["code"] for one in asked}) == 2
    assert asked[0]["code"].hex() == kept(one.rpartition(" ")[2])
    week = asked[0]["until"] - asked[1]["until"]
    assert week == 5 * 86_400_000


def test_a_session_that_was_ended_is_not_begun_again(alice: Person, cluster: FakeCluster) -> None:
    """Not even by a client that knows the secret: the user wanted that device out."""
    [session] = cluster.sessions
    sentence = str(SessionEnded.of(name="alice"))
    session.end("SESSION_ENDED", sentence)
    alice.network.pass_time(5)
    assert alice.stdio.said == [sentence]
    assert not cluster.sessions


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["alice", "--code", "1234"], FORM),
        (["alice", "--with-code", "--password"], "by a password or by a code: leave one of them out."),
        (["alice", "--device", "d" * 41], "What a device is called has at most 40 characters, on one line."),
    ],
)
def test_a_bad_option_is_told(arguments: list[str], why: str) -> None:
    """Before anything is dialled."""
    options: Any = Options()
    with pytest.raises(usage.UsageError) as refused:
        options.parseOptions(arguments)
    assert str(refused.value).endswith(why)
