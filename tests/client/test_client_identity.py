"""The secret and the ticket are made first, kept private, and used in the right order."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from client.person import WORKER, Person
from twisted.internet.defer import Deferred

from chatnet.addresses import Address
from chatnet.client.commands import PASSWORD_SET
from chatnet.client.identity import MAX_TICKET, Credentials, Identity, config_directory
from chatnet.errors import CannotStart
from chatnet.testing.fake_cluster import FakeCluster, FakeSession, Network
from chatnet.wire.session import Login
from chatnet.world.real import RealFiles

MASTER = Address("m", 64480)


def identity(directory: Path, log_id: str = "log", name: str = "alice") -> Identity:
    fresh = iter(range(256))
    return Identity(RealFiles(), directory, log_id, name, lambda size: bytes([next(fresh)] * size))


def kept(directory: Path) -> Credentials:
    (path,) = (directory / "chatnet" / "identities").glob("*/*")
    return kept_at(path)


def kept_at(path: Path) -> Credentials:
    """Return what is on disk, but for the device, of which each file has another."""
    found = msgspec.json.decode(path.read_bytes(), type=Credentials)
    return msgspec.structs.replace(found, device=b"")


def test_the_secret_is_on_disk_before_the_first_login(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """A crash at any moment cannot lose the name; nobody else can read the file."""

    class Unanswering(FakeSession):
        @Login.responder
        def login(self, version: int, name: str, secret: bytes, new: bool, *of: Any, **named: Any) -> Any:
            assert kept(tmp_path).secret == secret
            self._note("Login")
            return Deferred()

    cluster.network.listeners[WORKER] = lambda: Unanswering(cluster)
    new_person().start()
    assert cluster.asked("Login")
    (path,) = (tmp_path / "chatnet" / "identities").glob("*/*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    secret = kept(tmp_path).secret
    assert secret is not None
    assert len(secret) == 32


def test_the_first_login_is_by_secret_and_the_next_by_ticket(
    network: Network, cluster: FakeCluster, alice: Person, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """This holds in this process and in the next one; the user does not log in again."""
    secret = kept(tmp_path).secret
    assert cluster.asked("Login", "Resume") == [("Login", {"name": "alice", "secret": secret, "new": True})]
    network.cut()
    network.pass_time(1)
    alice.stop()
    new_person().start()
    ticket = kept(tmp_path).ticket
    assert cluster.asked("Login", "Resume")[1:] == [("Resume", {"ticket": ticket})] * 2


def test_a_bad_ticket_falls_back_to_the_secret(
    network: Network, cluster: FakeCluster, alice: Person, tmp_path: Path
) -> None:
    """The new ticket is kept."""
    cluster.tickets.clear()
    network.cut()
    network.pass_time(1)
    assert [name for name, _ in cluster.asked("Login", "Resume")] == ["Login", "Resume", "Login"]
    assert kept(tmp_path).ticket in cluster.tickets
    assert "Connected again." in alice.seen()


def test_a_password_replaces_the_secret(
    network: Network, cluster: FakeCluster, alice: Person, tmp_path: Path
) -> None:
    """The random secret is forgotten, the password is not written down, the new ticket is kept."""
    alice.type("PASSWORD", "correct horse battery")
    assert alice.seen() == [PASSWORD_SET]
    assert cluster.secrets["alice"] == b"correct horse battery"
    assert kept(tmp_path) == Credentials(None, b"new ticket", ("m:64480",), accepted=True)
    cluster.tickets.clear()
    network.cut()
    network.pass_time(1)
    assert "Connected again." in alice.seen()


def test_a_ticket_that_no_worker_reads_is_none(
    network: Network, cluster: FakeCluster, alice: Person, tmp_path: Path
) -> None:
    """This holds whoever gave it: a worker closes on what is longer than a stranger needs, each time."""
    [path] = (tmp_path / "chatnet" / "identities").glob("*/*")
    for length, is_shown in ((MAX_TICKET, True), (MAX_TICKET + 1, False)):
        path.write_bytes(msgspec.json.encode(Credentials(None, b"t" * length)))
        again = Identity(RealFiles(), tmp_path / "chatnet", path.parent.name, "alice", bytes)
        again.open(MASTER, make_secret=False)
        assert (again.ticket is not None) is is_shown


def test_a_password_whose_answer_was_lost_is_still_ours(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """It may have been committed: then the old secret is wrong and the old ticket bad."""
    cluster.mute = True
    alice.type("PASSWORD correct horse battery")
    cluster.mute = False
    network.cut()
    network.pass_time(1)
    assert alice.seen()[1:] == ["Connected again.", PASSWORD_SET]
    (_, first), (_, again) = cluster.asked("SetSecret")
    assert first == again


def test_a_password_that_never_reached_the_log_does_not_shut_us_out(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """The old secret is tried as well."""
    network.open[-1].server_transport.reading = False
    alice.type("PASSWORD correct horse battery")
    cluster.tickets.clear()
    network.cut()
    network.pass_time(1)
    assert len(cluster.asked("SetSecret")) == 1
    assert alice.seen()[-1] == PASSWORD_SET


@pytest.mark.parametrize("tty_password", [None, "correct horse"])
def test_another_device_logs_in_by_password(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path, tty_password: str | None
) -> None:
    """It is read from the terminal without echo, else as the first line of input. No random secret is
    made."""
    cluster.secrets["alice"] = b"correct horse"
    person = new_person(password=True, tty_password=tty_password).start()
    if tty_password is None:
        person.type("correct horse")
        person.network.pass_time(0.1)
    assert person.seen() == ["Logged in as alice."]
    ticket = next(iter(cluster.tickets))
    assert kept(tmp_path) == Credentials(None, ticket, ("m:64480",), accepted=True)


def test_a_wrong_password_is_called_so(cluster: FakeCluster, new_person: Callable[..., Person]) -> None:
    """Whoever gives a password has set one: the sentence is not for users who have none."""
    cluster.secrets["alice"] = b"correct horse"
    person = new_person(password=True, tty_password="wrong horse").start()
    assert person.stdio.said == ["That is not the password of alice: try again."]
    assert person.exit_status() == 1


@pytest.mark.parametrize("tty", [True, False])
@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("x" * 5_000, "A password has at most 1,024 bytes."),
        ("short", "A password has at least 8 characters."),
        ("x" * 10 + "\udce4", "A password is text in UTF-8, and this is not."),
    ],
)
def test_what_can_be_no_password_is_not_sent(
    cluster: FakeCluster, new_person: Callable[..., Person], password: str, sentence: str, tty: bool
) -> None:
    """A worker that is sent more than a stranger needs closes, and says nothing."""
    person = new_person(password=True, tty_password=password if tty else None)
    if tty:
        with pytest.raises(CannotStart, match=f"^{sentence}$"):
            person.start()
    else:
        person.start()
        person.type(password.encode("utf-8", "surrogateescape"))
        assert person.exit_status() == 1
    [said] = person.stdio.said
    assert said == sentence or (not tty and said == "That line is not UTF-8; it was left out.")
    assert not person.network.attempts


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (None, "No password was given."),
        (b"\xff" * 10, "That line is not UTF-8; it was left out."),
        (b"x" * 70_000, "That line is longer than 64 KB; it was left out."),
    ],
)
def test_no_password_is_called_so(
    cluster: FakeCluster, new_person: Callable[..., Person], line: bytes | None, sentence: str
) -> None:
    """Input that has ended, or that cannot be read, is not an empty password."""
    person = new_person(password=True).start()
    if line is None:
        person.end_input()
    else:
        person.type(line)
    assert person.stdio.said == [sentence]
    assert person.exit_status() == 1
    assert not person.network.attempts


@pytest.mark.parametrize("typed", [["PASSWORD " + "x" * 5_000], ["PASSWORD", "x" * 5_000]])
def test_what_can_be_no_new_password_is_refused_here(
    cluster: FakeCluster, alice: Person, typed: list[str]
) -> None:
    """A sentence says so; the old one stays."""
    alice.type(*typed)
    assert alice.seen() == ["A password has at most 1,024 bytes."]
    assert not cluster.asked("SetSecret")


def test_after_an_unreadable_old_password_the_new_one_is_no_command(
    cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """It would be shown, as an unknown command."""
    cluster.secrets["alice"] = b"correct horse"
    person = new_person(password=True, tty_password="correct horse").start()
    person.type("PASSWORD", b"\xff", "battery staple")
    assert person.seen()[2:] == [
        "That line is not UTF-8; it was left out.",
        "The password was not changed.",
    ]


def test_a_password_does_not_register_a_name(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """A user who mistypes their name is told that there is no such user, and nothing is done."""
    person = new_person(password=True, tty_password="correct horse").start()
    assert person.stdio.said == ["There is no user alice."]
    assert person.exit_status() == 1
    assert not cluster.secrets


def test_the_old_password_is_asked_for_where_only_a_person_knows_it(
    cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """Whoever finds an open terminal cannot take the name over. A random secret is in the file, and is
    used."""
    cluster.secrets["alice"] = b"correct horse"
    person = new_person(password=True, tty_password="correct horse").start()
    person.type("PASSWORD", "incorrect horse", "battery staple")
    assert person.seen()[1:] == [
        "First your present password, then the new one.",
        "That is not your present secret; it was not changed.",
    ]
    person.type("PASSWORD", "correct horse", "battery staple")
    assert cluster.secrets["alice"] == b"battery staple"


def test_who_was_ended_for_a_new_secret_says_so_and_leaves(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """It does not log in again with what it has, and does not try again and again."""
    cluster.secrets["alice"] = b"set by the owner"
    cluster.tickets.clear()
    cluster.sessions[0].end("SECRET_CHANGED", "The secret of alice was changed elsewhere.")
    network.pass_time(2)
    assert alice.stdio.said == ["The secret of alice was changed elsewhere."]
    assert alice.exit_status() == 1
    assert [name for name, _ in cluster.asked("Login", "Resume")] == ["Login", "Resume", "Login"]


def test_who_was_ended_by_ones_own_new_secret_comes_back(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """The secret was set through a lost connection: the worker cannot know that it was us."""
    cluster.mute = True
    alice.type("PASSWORD correct horse battery")
    cluster.mute = False
    cluster.sessions[0].end("SECRET_CHANGED", "The secret of alice was changed elsewhere.")
    network.pass_time(2)
    assert alice.seen()[1:] == ["Connected again.", PASSWORD_SET]


def test_without_ticket_and_secret_the_user_is_told_of_the_password(
    cluster: FakeCluster, alice: Person, new_person: Callable[..., Person]
) -> None:
    """The password was changed elsewhere: one sentence says how to log in."""
    alice.type("PASSWORD correct horse")
    alice.stop()
    cluster.tickets.clear()
    person = new_person().start()
    (sentence,) = person.stdio.said
    assert "--password" in sentence
    assert person.exit_status() == 1


def test_the_ticket_that_another_client_got_since_is_used(
    network: Network, cluster: FakeCluster, alice: Person, new_person: Callable[..., Person]
) -> None:
    """When two terminals of a user are open, a password set in one does not throw the other out."""
    other = new_person().start()
    other.type("PASSWORD correct horse")
    network.cut()
    network.pass_time(1)
    assert "Connected again." in alice.seen()


def test_a_full_disk_is_no_reason_not_to_talk(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path, logged_failures: Any
) -> None:
    """A ticket that cannot be written is kept in memory."""
    person = new_person()

    class Late(FakeSession):
        def _enter(self, name: str) -> bytes:
            (path,) = (tmp_path / "chatnet" / "identities").glob("*/*")
            path.unlink()
            path.mkdir()
            return super()._enter(name)

    cluster.network.listeners[WORKER] = lambda: Late(cluster)
    person.start()
    assert person.seen() == ["Logged in as alice."]
    assert logged_failures.flush(OSError)


def test_each_log_has_its_own_identity(tmp_path: Path) -> None:
    """A secret is never shown to another cluster, wherever its masters are."""
    here, there = identity(tmp_path), identity(tmp_path, "another")
    here.open(MASTER, make_secret=True)
    there._entropy = lambda size: b"x" * size
    there.open(MASTER, make_secret=True)
    assert here.secret != there.secret


def test_the_first_of_two_clients_makes_the_secret(tmp_path: Path) -> None:
    """Both then use it."""
    one, other = identity(tmp_path), identity(tmp_path)

    def late(size: int) -> bytes:
        one.open(MASTER, make_secret=True)
        return b"y" * size

    other._entropy = late
    other.open(MASTER, make_secret=True)
    assert other.secret == one.secret


def test_a_refusal_takes_away_no_secret_but_the_refused_one(tmp_path: Path) -> None:
    """Another client may have made a new one, or logged in by this one, in the meantime."""
    slow = identity(tmp_path)
    slow.open(MASTER, make_secret=True)
    slow.path.unlink()
    quick = identity(tmp_path)
    quick._entropy = lambda size: b"q" * size
    quick.open(MASTER, make_secret=True)
    slow.refused()
    assert kept_at(quick.path).secret == b"q" * 32
    quick.keep_ticket(b"ticket", forget_secret=False)
    late = identity(tmp_path)
    late.open(MASTER, make_secret=True)
    late.refused()
    assert kept_at(quick.path) == Credentials(b"q" * 32, b"ticket", ("m:64480",), accepted=True)


def test_a_new_password_outlasts_the_other_clients_of_its_user(tmp_path: Path) -> None:
    """They write what has become of them, and not again the secret and the ticket that were replaced."""
    setter, other, late = (identity(tmp_path) for _ in range(3))
    for one in (setter, other, late):
        one.open(MASTER, make_secret=True)
    setter.keep_ticket(b"of the password", forget_secret=True)
    other.used_at(Address("another", 1))
    expected = Credentials(None, b"of the password", ("m:64480", "another:1"), accepted=True)
    assert kept_at(setter.path) == expected
    late.keep_ticket(b"of the secret", forget_secret=False)
    assert kept_at(setter.path) == expected
    assert late.ticket == b"of the password"


def test_of_two_clients_that_show_one_code_the_refused_takes_nothing_away(tmp_path: Path) -> None:
    """They send the same secret. If the code is used up, who is refused keeps what the other has got by it,
    and forgets no secret but the refused one."""
    first, second = (Identity(RealFiles(), tmp_path, "log", "alice", mine.__mul__) for mine in (b"1", b"2"))
    first.open(MASTER, make_secret=True)
    first.keep_ticket(b"t", forget_secret=False)
    second.open(MASTER, make_secret=False)
    sent = first.secret_for_code()
    assert second.secret_for_code() == sent == kept_at(first.path).fresh
    first.took_fresh(b"new")
    second.fresh_refused()
    assert kept_at(first.path) == Credentials(sent, b"new", (str(MASTER),), accepted=True)
    assert (second.secret, second.fresh) == (sent, None)
    other = second.secret_for_code()
    assert other != sent
    second.fresh_refused()
    assert kept_at(first.path) == Credentials(sent, b"new", (str(MASTER),), accepted=True)


def test_a_secret_that_another_client_removed_is_on_disk_before_it_is_shown_with_a_code(
    tmp_path: Path,
) -> None:
    """It may be registered now: a crash before the answer must not cost the name."""
    one, other = identity(tmp_path), identity(tmp_path)
    for client in (one, other):
        client.open(MASTER, make_secret=True)
    other.refused()
    assert not one.path.exists()
    assert one.secret_for_code() == kept_at(one.path).secret


def test_a_file_that_another_client_removes_at_once_is_made_again(tmp_path: Path) -> None:
    """Who found it there when they wanted to make it has none then."""
    other = identity(tmp_path)

    class Removed(RealFiles):
        def create(self, path: Path, content: bytes) -> bool:
            other.open(MASTER, make_secret=True)
            made = super().create(path, content)
            other.refused()
            return made

    late = Identity(Removed(), tmp_path, "log", "alice", lambda size: b"l" * size)
    other._entropy = lambda size: b"o" * size
    late.open(MASTER, make_secret=True)
    assert late.secret == kept_at(late.path).secret == b"l" * 32


def test_the_secret_that_was_accepted_is_kept(tmp_path: Path) -> None:
    """Another client may have made a new one since, as the file was gone: that one has no name."""
    one, other = identity(tmp_path), identity(tmp_path)
    one.open(MASTER, make_secret=True)
    one.path.unlink()
    other._entropy = lambda size: b"o" * size
    other.open(MASTER, make_secret=True)
    one.keep_ticket(b"ticket", forget_secret=False)
    assert kept_at(one.path) == Credentials(bytes(32), b"ticket", ("m:64480",), accepted=True)


def test_what_could_not_be_written_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk is older then. It is written as soon as the disk takes it."""
    alice = identity(tmp_path)
    alice.open(MASTER, make_secret=True)
    with monkeypatch.context() as full:
        full.setattr(RealFiles, "write", _fail)
        with pytest.raises(OSError, match="space"):
            alice.keep_ticket(b"ticket", forget_secret=True)
    alice.reread()
    assert (alice.secret, alice.ticket) == (None, b"ticket")
    alice.used_at(Address("another", 1))
    expected = Credentials(None, b"ticket", ("m:64480", "another:1"), accepted=True)
    assert kept_at(alice.path) == expected


def _fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_place_that_another_client_has_noted_is_not_noted_twice(tmp_path: Path) -> None:
    """Nor is it forgotten when the ticket is kept."""
    one, other = identity(tmp_path), identity(tmp_path)
    for client in (one, other):
        client.open(MASTER, make_secret=True)
    one.used_at(Address("another", 1))
    other.used_at(Address("another", 1))
    one.used_at(Address("third", 1))
    other.keep_ticket(b"ticket", forget_secret=True)
    assert kept_at(one.path).addresses == ("m:64480", "another:1", "third:1")


def test_a_damaged_or_unwritable_place_is_named(tmp_path: Path) -> None:
    """One sentence says where it is and what to do."""
    first = identity(tmp_path)
    first.open(MASTER, make_secret=True)
    for damage in (b"{", b"[" * 60_000, b'{"secret": 7}', b" " * 70_000):
        first.path.write_bytes(damage)
        with pytest.raises(CannotStart, match="does not hold an identity"):
            identity(tmp_path).open(MASTER, make_secret=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match="XDG_CONFIG_HOME"):
        identity(tmp_path / "file").open(MASTER, make_secret=True)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)],
)
def test_what_is_no_file_is_said_and_the_client_ends(
    cluster: FakeCluster,
    new_person: Callable[..., Person],
    alice: Person,
    tmp_path: Path,
    make: Callable[[Path], None],
) -> None:
    """It is not waited for, since no signal would be handled, and is not read without end."""
    alice.stop()
    (path,) = (tmp_path / "chatnet" / "identities").glob("*/*")
    path.unlink()
    make(path)
    person = new_person().start()
    [said] = person.stdio.said
    assert str(path) in said
    assert person.exit_status() == 1


def test_a_damaged_file_is_said_and_the_client_ends(
    cluster: FakeCluster, new_person: Callable[..., Person], alice: Person, tmp_path: Path
) -> None:
    """It is said when the file is known: not before a master has said which log it has."""
    alice.stop()
    (path,) = (tmp_path / "chatnet" / "identities").glob("*/*")
    path.write_bytes(b"{")
    person = new_person().start()
    assert "does not hold an identity" in person.stdio.said[0]
    assert person.exit_status() == 1


def test_where_the_configuration_is(tmp_path: Path) -> None:
    """It is in XDG_CONFIG_HOME, else ~/.config; relative paths do not count; without both a sentence says
    so."""
    assert config_directory({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == Path("/x/chatnet")
    assert config_directory({"XDG_CONFIG_HOME": "x", "HOME": "/h"}) == Path("/h/.config/chatnet")
    with pytest.raises(CannotStart, match="HOME is not set"):
        config_directory({})
