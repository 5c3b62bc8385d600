"""To which clusters an identity is shown, and what is kept of one that the cluster refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from client.person import MASTER, WORKER, Person
from twisted.internet.defer import Deferred

from chatnet.client.identities import ANOTHER
from chatnet.client.identity import Credentials
from chatnet.errors import (
    BadCode,
    BadName,
    BadSecret,
    BadText,
    ChatnetError,
    CodeNeeded,
    InternalFailure,
    NameKept,
    SignupClosed,
    TooManySessions,
    TooManyToday,
    TryLater,
    WrongSecret,
)
from chatnet.testing.fake_cluster import FakeCluster, FakeSession, Network
from chatnet.wire.session import Login

ELSEWHERE = 64999


def files(directory: Path) -> list[Path]:
    return sorted((directory / "chatnet" / "identities").glob("*/*"))


def kept(directory: Path) -> Credentials:
    (path,) = files(directory)
    return msgspec.json.decode(path.read_bytes(), type=Credentials)


@pytest.fixture
def moved(cluster: FakeCluster, alice: Person) -> FakeCluster:
    """Return a cluster elsewhere. Alice knows m:64480; the cluster there is hers, or says so."""
    alice.stop()
    cluster.requests.clear()
    cluster.master(ELSEWHERE, worker=f"w:{WORKER}")
    return cluster


def at(port: int, host: str = "m") -> dict[str, Any]:
    return {"master": f"{host}:{port}"}


# ---- where it is shown ----


def test_a_pipe_shows_it_to_no_unknown_address(moved: FakeCluster, new_person: Callable[..., Person]) -> None:
    """A log's id is no secret: whoever claims it is told nothing, not even a ticket."""
    person = new_person(**at(ELSEWHERE)).start()
    assert person.stdio.said == [
        "m:64999 says that it is the cluster that you know at m:64480. If it is, start with --same-cluster; "
        "if not, somebody there pretends to be it."
    ]
    assert person.exit_status() == 1
    assert moved.requests == []
    assert all(port != WORKER for _, port in moved.network.attempts[-1:])


def test_a_password_does_not_change_that(moved: FakeCluster, new_person: Callable[..., Person]) -> None:
    """The file's ticket would be shown before it."""
    person = new_person(password=True, **at(ELSEWHERE)).start()
    person.type("correct horse")
    person.network.pass_time(0.1)
    assert person.exit_status() == 1
    assert moved.requests == []


@pytest.mark.parametrize("answer", ["n", "", "yesterday", "JOIN bob"])
def test_a_person_is_asked_and_no_is_no(
    moved: FakeCluster, new_person: Callable[..., Person], answer: str
) -> None:
    """Every answer but a plain yes is a no."""
    person = new_person(tty_password="", **at(ELSEWHERE)).start()
    (question,) = person.seen()
    assert question.startswith("m:64999 says that it is the cluster that you know at m:64480. Is it?")
    person.network.pass_time(30)
    person.type(answer)
    assert "start with --same-cluster" in person.stdio.said[0]
    assert person.exit_status() == 1
    assert moved.requests == []


def test_a_person_who_says_yes_is_let_in_and_not_asked_again(
    moved: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """The address is in the file from then on; what is typed after the answer is a command as usual."""
    person = new_person(tty_password="", **at(ELSEWHERE)).start()
    person.type("y", "JOIN alice")
    person.network.pass_time(0.1)
    assert person.seen()[1:] == ["Logged in as alice.", "Joined alice."]
    assert kept(tmp_path).addresses == ("m:64480", "m:64999")
    person.stop()
    again = new_person(**at(ELSEWHERE)).start()
    assert again.seen() == ["Logged in as alice."]
    assert [name for name, _ in moved.asked("Login", "Resume")] == ["Resume", "Resume"]


def test_who_is_gone_while_the_question_stands_is_sought_again(
    moved: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """The user is not asked again, and is told as usual if nobody is there for ten seconds."""
    person = new_person(tty_password="", **at(ELSEWHERE)).start()
    del moved.network.listeners[WORKER]
    person.type("y")
    person.network.pass_time(2)
    assert len(person.seen()) == 1
    person.network.pass_time(8.5)
    assert person.stdio.said[0].startswith("No cluster was found at m:64999")


def test_an_option_says_yes_beforehand(moved: FakeCluster, new_person: Callable[..., Person]) -> None:
    """The option is for scripts."""
    person = new_person(**{"same-cluster": True}, **at(ELSEWHERE)).start()
    assert person.seen() == ["Logged in as alice."]


@pytest.mark.parametrize(
    "other", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "LOCALHOST.", "[::ffff:127.0.0.1]"]
)
def test_loopback_is_one_address(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path, other: str
) -> None:
    """All its names count as one on the same port; nothing is asked, and the file has it once."""
    new_person(**at(MASTER, "localhost")).start().stop()
    person = new_person(**at(MASTER, other)).start()
    assert person.seen() == ["Logged in as alice."]
    assert kept(tmp_path).addresses == ("localhost:64480",)
    person.stop()
    cluster.master(ELSEWHERE, worker=f"w:{WORKER}")
    assert new_person(**at(ELSEWHERE, other)).start().exit_status() == 1


def test_a_master_named_beside_a_known_one_is_of_its_cluster(
    moved: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """Whoever names them together says so. If the known one is dead the client goes on, and knows the
    other."""
    del moved.network.listeners[MASTER]
    person = new_person(master=f"m:{MASTER},m:{ELSEWHERE}").start()
    person.network.pass_time(1)
    assert person.seen() == ["Logged in as alice."]
    assert kept(tmp_path).addresses == ("m:64480", "m:64999")


def test_a_new_name_is_no_question(
    cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """There is nothing to show yet: a stranger is given a secret that is good for nothing else."""
    new_person().start().stop()
    bob = new_person(name="bob", **at(MASTER, "other")).start()
    assert bob.seen() == ["Logged in as bob."]


def test_another_cluster_at_a_known_address_gets_another_secret(
    network: Network, cluster: FakeCluster, alice: Person, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """It is another log: neither the secret nor the ticket of the old one is shown to it."""
    alice.stop()
    old = kept(tmp_path)
    new = FakeCluster(network)
    new.log_id = "new"
    new.master(MASTER, worker=f"w:{WORKER}")
    new.worker(WORKER)
    person = new_person().start()
    assert person.seen() == [ANOTHER.format(here=f"m:{MASTER}", name="alice"), "Logged in as alice."]
    [(name, arguments)] = new.asked()
    assert name == "Login"
    assert arguments["secret"] != old.secret
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize("log_id", ["", "../../elsewhere", "a/b", ".", "x" * 65, "\n"])
def test_a_log_that_is_none_is_not_believed(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path, log_id: str
) -> None:
    """What a stranger says becomes the name of a directory: only a plain word is accepted."""
    cluster.log_id = log_id
    person = new_person().start()
    network.pass_time(10.1)
    assert "answers strangely" in person.stdio.said[0]
    assert not (tmp_path / "chatnet" / "identities").exists()


# ---- a cluster that is replaced while a client is connected ----


def test_nothing_is_said_to_another_cluster_that_comes_in_place_of_ours(
    network: Network, cluster: FakeCluster, alice: Person
) -> None:
    """The user is told once; what is typed waits until their own cluster is back, and is sent there."""
    listeners = dict(network.listeners)
    other = FakeCluster(network)
    other.log_id = "other"
    other.master(MASTER, worker=f"w:{WORKER}")
    other.worker(WORKER)
    network.cut()
    alice.type("CHAT", "for my friends")
    network.pass_time(5)
    assert alice.seen() == [
        "Connection lost; what you type is kept and sent when it is back.",
        "Another cluster is at m:64480 now; going on to look for yours, for which what you type is kept. To "
        "talk there, start again.",
    ]
    assert other.requests == []
    network.listeners.update(listeners)
    network.pass_time(2)
    alice.type()
    assert alice.seen() == ["Connected again."]
    assert [entry.text for entry in cluster.entries] == ["for my friends"]


def test_ours_is_found_at_the_next_master(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """Another cluster in place of one of our masters does not keep us from the others."""
    cluster.master(ELSEWHERE, worker=f"w:{WORKER}")
    person = new_person(master=f"m:{MASTER},m:{ELSEWHERE}").start()
    other = FakeCluster(network)
    other.log_id = "other"
    other.master(MASTER, worker="w:1")
    network.cut()
    network.pass_time(2)
    assert person.seen()[-1] == "Connected again."


# ---- what is kept of a refused secret ----


class Refusing(FakeSession):
    """Refuses each login by ``error``, or, without one, does it and never answers."""

    def __init__(self, cluster: FakeCluster, error: ChatnetError | None) -> None:
        super().__init__(cluster)
        self.error = error

    @Login.responder
    def login(self, version: int, name: str, secret: bytes, new: bool, *of: Any, **named: Any) -> Any:
        if self.error is None:
            super().login(version, name, secret, new)
            return Deferred()
        raise self.error


@pytest.mark.parametrize(
    "error", [WrongSecret.of(name="alice"), BadName.of(name="alice"), BadSecret.of(why="No.")], ids=repr
)
def test_nothing_is_kept_of_a_refused_secret(
    network: Network,
    cluster: FakeCluster,
    new_person: Callable[..., Person],
    tmp_path: Path,
    error: ChatnetError,
) -> None:
    """The next attempt is like the first, whoever has the name by then."""
    network.listeners[WORKER] = lambda: Refusing(cluster, error)
    person = new_person().start()
    assert person.exit_status() == 1
    assert files(tmp_path) == []
    cluster.worker(WORKER)
    cluster.secrets["alice"] = b"correct horse"
    by_password = new_person(password=True, tty_password="correct horse").start()
    assert by_password.seen() == ["Logged in as alice."]


@pytest.mark.parametrize(
    "error", [TryLater.of(seconds=1), InternalFailure(InternalFailure.sentence), None], ids=repr
)
def test_a_secret_of_which_nobody_knows_what_became_is_tried_again(
    network: Network,
    cluster: FakeCluster,
    new_person: Callable[..., Person],
    tmp_path: Path,
    error: ChatnetError | None,
) -> None:
    """It may have been registered: a crash before the answer must not shut its user out."""
    network.listeners[WORKER] = lambda: Refusing(cluster, error)
    new_person().start().stop()
    before = kept(tmp_path)
    assert not before.accepted
    cluster.worker(WORKER)
    person = new_person().start()
    assert person.seen() == ["Logged in as alice."]
    assert cluster.secrets["alice"] == before.secret
    assert kept(tmp_path).accepted


CODE = "7KQM-2XWD-9TRP"


@pytest.mark.parametrize("code", [CODE, ""])
@pytest.mark.parametrize(
    "error",
    [
        BadCode.of(),
        BadText.of(why="Too long."),
        CodeNeeded.of(),
        NameKept.of(name="alice"),
        SignupClosed.of(),
        TooManySessions.of(name="alice"),
        TooManyToday.of(),
    ],
    ids=lambda error: error.code.decode(),
)
def test_what_is_said_of_a_code_takes_no_secret_away(
    network: Network,
    cluster: FakeCluster,
    new_person: Callable[..., Person],
    tmp_path: Path,
    error: ChatnetError,
    code: str,
) -> None:
    """Of two clients of one name, which have one secret, one registers it with a good code and does not know
    it yet; the other has none that is good. If the first one dies now, its user is still who they are; and if
    they had another secret before, that stays, too."""
    for accepted in (False, True):
        network.listeners[WORKER] = lambda: Refusing(cluster, None)
        cluster.secrets.clear()
        new_person(code=CODE).start().stop()
        before = kept(tmp_path)
        assert (before.accepted, before.fresh is not None) == (accepted, accepted)
        registered = before.fresh or before.secret
        network.listeners[WORKER] = lambda: Refusing(cluster, error)
        new_person(code=code).start().stop()
        assert kept(tmp_path) == before
        cluster.worker(WORKER)
        cluster.secrets["alice"] = registered or b""
        cluster.tickets.clear()
        person = new_person().start()
        assert person.seen() == ["Logged in as alice."]
        assert kept(tmp_path).secret == registered
        person.stop()


def test_a_secret_that_nobody_accepted_shuts_nobody_out(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """A crash left it; when it is tried it is refused, since somebody else has the name, and then removed."""
    network.listeners[WORKER] = lambda: Refusing(FakeCluster(network), None)
    new_person().start().stop()
    cluster.worker(WORKER)
    cluster.secrets["alice"] = b"of somebody else"
    assert new_person().start().exit_status() == 1
    assert files(tmp_path) == []


def test_a_secret_that_was_good_is_never_thrown_away(
    cluster: FakeCluster, alice: Person, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """It is refused where it was accepted before, as after a restore in which another user has the name."""
    alice.stop()
    cluster.tickets.clear()
    cluster.secrets["alice"] = b"of somebody else"
    before = kept(tmp_path)
    assert new_person().start().exit_status() == 1
    assert kept(tmp_path) == before


def test_a_name_that_a_restore_has_lost_is_registered_again(
    cluster: FakeCluster, alice: Person, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """It is registered by the secret that its user has; nobody else could have it."""
    alice.stop()
    cluster.tickets.clear()
    cluster.secrets.clear()
    person = new_person().start()
    assert person.seen() == ["Logged in as alice."]
    assert cluster.secrets["alice"] == kept(tmp_path).secret


def test_two_clients_that_start_at_once_are_one_user(
    network: Network, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """Each would make a secret; both use that of the first."""
    people = [new_person() for _ in range(2)]
    for person in people:
        person.client.startService()
    network.pass_time(0.1)
    assert [person.seen() for person in people] == [["Logged in as alice."]] * 2
    assert len({arguments["secret"] for _, arguments in cluster.asked("Login")}) == 1


def test_who_comes_to_another_cluster_at_the_same_place_is_told_so(
    network: Network, cluster: FakeCluster, alice: Person, new_person: Callable[..., Person], tmp_path: Path
) -> None:
    """A server was started on other data: one is new there, and keeps who one is in the other. It is said
    once, and neither to who was there already, nor to somebody else, nor elsewhere."""
    alice.stop()
    other = FakeCluster(network)
    other.log_id = "other"
    for port in (MASTER, ELSEWHERE):
        other.master(port, worker=f"w:{WORKER}")
    other.worker(WORKER)
    told = ANOTHER.format(here=f"m:{MASTER}", name="alice")
    assert new_person(name="bob").start().seen() == ["Logged in as bob."]
    assert new_person(**at(ELSEWHERE), directory=tmp_path / "else").start().seen() == ["Logged in as alice."]
    other.secrets.clear()
    assert new_person().start().seen() == [told, "Logged in as alice."]
    assert new_person().start().seen() == ["Logged in as alice."]
    assert len(files(tmp_path)) == 3
    cluster.master(MASTER, worker=f"w:{WORKER}")
    cluster.worker(WORKER)
    assert new_person().start().seen() == ["Logged in as alice."]
    assert len(files(tmp_path)) == 3
