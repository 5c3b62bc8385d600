"""Which servers a client trusts: other machines only by TLS, and if known, vouched for, or named to it."""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from a_pair import DAY, Authority, Unreadable, new_authority
from client.person import MASTER, WORKER, Person
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.client.known_masters import LOCK_SECONDS, LOOK_SECONDS, KnownMasters
from chatnet.errors import TlsRequired
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.pair import KeyPair, self_made
from chatnet.net.tls import Presented
from chatnet.testing.fake_cluster import FakeCluster, FakeMaster, FakeSession, Network
from chatnet.testing.loopback import LoopbackTransport
from chatnet.wire.locate import Locate
from chatnet.wire.session import Elsewhere, Login
from chatnet.world import Lock
from chatnet.world.real import RealFiles

OTHER = 3001
NOW = datetime.now(UTC)
OURS, THEIRS = self_made(Token(b"t" * 32)), self_made(Token(b"u" * 32))
KEY, OTHER_KEY = OURS.fingerprint, THEIRS.fingerprint
LOST = "Connection lost; what you type is kept and sent when it is back."
BACK = "Connected again."


def authority() -> Authority:
    return new_authority(NOW - DAY, NOW + DAY)


class Stage:
    """A cluster that presents a pair at its ports, and what is said to it without TLS."""

    def __init__(self, network: Network, new_person: Callable[..., Person], directory: Path) -> None:
        self.network = network
        self.cluster = FakeCluster(network)
        self._new_person = new_person
        self.path = directory / "chatnet" / "known_masters"
        self.cluster.worker(WORKER)
        self.cluster.worker(OTHER)
        self.cluster.others = [Elsewhere(f"w:{OTHER}", KEY)]
        self.names(KEY)
        for port in (MASTER, WORKER, OTHER):
            self.presents(port, OURS)

    def names(self, key: str | None, worker: str = f"w:{WORKER}") -> None:
        """Let the master name its worker with this key."""
        self.cluster.master(MASTER, worker=worker, key=key)

    def presents(self, port: int, pair: KeyPair) -> None:
        self.network.present[port] = Presented(pair)

    def person(self, **options: Any) -> Person:
        """Start a client, and let ten seconds pass."""
        person = self._new_person(**{"insecure": False, **options}).start()
        self.network.pass_time(0.5)
        return person

    def known(self) -> str:
        return self.path.read_text() if self.path.exists() else ""

    def knows(self, by: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(f"m:{MASTER} {by}\n")


@pytest.fixture
def stage(network: Network, new_person: Callable[..., Person], tmp_path: Path) -> Stage:
    return Stage(network, new_person, tmp_path)


def refused(person: Person) -> str:
    """Return the sentence with which it has ended; it has never spoken to anybody."""
    (sentence,) = person.stdio.said
    assert person.seen() == []
    assert person.exit_status() == 1
    return sentence


def test_a_new_masters_key_is_kept_and_shown_once(stage: Stage) -> None:
    """It is kept in a private file, a line for each master; the second time nothing is said."""
    seen = stage.person().seen()
    assert seen[0].startswith(f"m:{MASTER} was not known here. Its public key is {KEY}, by which it is known")
    assert seen[1:] == ["Logged in as alice."]
    assert stage.known() == f"m:{MASTER} {KEY}\n"
    assert stat.S_IMODE(stage.path.stat().st_mode) == 0o600
    assert stage.person().seen() == ["Logged in as alice."]


def test_one_that_is_vouched_for_is_known_by_that(stage: Stage) -> None:
    """The authority vouches for the name that was dialled; nothing is said."""
    root = authority()
    stage.presents(MASTER, root.vouch("m", NOW - DAY, NOW + DAY))
    assert stage.person(authorities=[root.pair.certificate]).seen() == ["Logged in as alice."]
    assert stage.known() == f"m:{MASTER} authority\n"
    stage.presents(MASTER, root.vouch("m", NOW - DAY, NOW + DAY))
    assert stage.person(authorities=[root.pair.certificate]).seen() == ["Logged in as alice."]


def test_a_key_that_has_changed_is_refused(stage: Stage) -> None:
    """The sentence names both keys, whom to ask, and what to do; after that it is as a new one."""
    stage.person()
    stage.presents(MASTER, THEIRS)
    sentence = refused(stage.person())
    assert sentence == (
        f"The public key of m:{MASTER} is {OTHER_KEY}, and not {KEY} as before: somebody may stand in "
        "between. Ask who runs the cluster. If they have changed it, take line 1 out of "
        f"{stage.path}, and start again."
    )
    assert len(stage.cluster.requests) == 1
    stage.path.write_text("")
    assert stage.person().seen()[-1] == "Logged in as alice."


def test_a_known_one_may_come_to_be_vouched_for(stage: Stage) -> None:
    """It is said once; from then on the key alone is not accepted."""
    stage.person()
    root = authority()
    stage.presents(MASTER, root.vouch("m", NOW - DAY, NOW + DAY))
    seen = stage.person(authorities=[root.pair.certificate]).seen()
    assert seen == [
        f"An authority vouches for m:{MASTER} now, and from now on one has to.",
        "Logged in as alice.",
    ]
    assert stage.known() == f"m:{MASTER} authority\n"
    stage.presents(MASTER, OURS)
    assert refused(stage.person()).startswith(f"No authority vouches for m:{MASTER} any longer (no authority")
    assert stage.known() == f"m:{MASTER} authority\n"


@pytest.mark.parametrize("name", ["n", ""])
def test_who_is_vouched_for_under_another_name_is_not(stage: Stage, name: str) -> None:
    """A known key is not replaced by that, nor by an authority that is not trusted."""
    root = authority()
    stage.knows(KEY)
    stage.presents(MASTER, root.vouch(name, NOW - DAY, NOW + DAY))
    assert "somebody may stand in between" in refused(stage.person(authorities=[root.pair.certificate]))
    stage.presents(MASTER, authority().vouch("m", NOW - DAY, NOW + DAY))
    assert "somebody may stand in between" in refused(stage.person(authorities=[root.pair.certificate]))


def test_a_key_that_changes_later_is_told_once_and_others_are_asked(stage: Stage) -> None:
    """Nothing typed is lost; a server with another key is sent nothing."""
    stage.cluster.others = []
    alice = stage.person(master=f"m:{MASTER},other:{MASTER + 1}")
    alice.seen()
    stage.presents(MASTER, THEIRS)
    stage.network.listeners.pop(WORKER)
    stage.network.cut()
    alice.type("CHAT", "kept")
    stage.network.pass_time(20)
    seen = alice.seen()
    assert seen[0] == LOST
    assert [line for line in seen if "somebody may stand in between" in line] == [seen[1]]
    assert seen[1].endswith("Until then others are looked for; what you type is kept.")
    assert not alice.has_left()
    stage.cluster.master(MASTER + 1, worker=f"w:{OTHER}", key=KEY)
    stage.presents(MASTER + 1, OURS)
    stage.network.pass_time(3)
    assert BACK in alice.seen()
    assert [entry.text for entry in stage.cluster.entries] == ["kept"]


def test_each_wrong_key_is_told_once_until_it_is_right_again(stage: Stage) -> None:
    """The client tries again each second. A server that shows many keys does not fill the screen."""
    stage.cluster.others = []
    alice = stage.person()
    wrong = [self_made(Token(bytes([number]) * 32)) for number in range(6)]

    def told(*pairs: KeyPair) -> list[str]:
        alice.seen()
        stage.network.listeners.pop(WORKER, None)
        stage.network.cut()
        for pair in pairs:
            stage.presents(MASTER, pair)
            stage.network.pass_time(3)
        return [line for line in alice.seen() if line != LOST]

    def keys(lines: list[str]) -> list[str]:
        assert all("somebody may stand in between" in line for line in lines)
        return [line.split()[6].rstrip(",") for line in lines]

    first, second = wrong[:2]
    assert keys(told(first, second, first)) == [first.fingerprint, second.fingerprint]
    assert told(OURS) == []
    stage.cluster.worker(WORKER)
    stage.network.pass_time(3)
    assert alice.seen() == [BACK]
    *shown, last = told(*wrong)
    assert keys(shown) == [pair.fingerprint for pair in wrong[:3]]
    assert last == f"m:{MASTER} shows one wrong key after the other: no more of them are shown to you."


@pytest.mark.parametrize("key", [OTHER_KEY, None, "nonsense"])
def test_a_worker_must_have_the_key_that_the_master_said(stage: Stage, key: str | None) -> None:
    """The master must name the key, and it must be exactly that; no secret is shown to another server."""
    stage.names(key)
    person = stage.person()
    stage.network.pass_time(10)
    assert stage.cluster.requests == []
    (sentence,) = person.stdio.said
    assert ("its key is" in sentence) == (key is not None)
    assert ("nobody has told its key" in sentence) == (key is None)


def test_a_key_that_is_longer_than_any_is_shown_to_nobody(stage: Stage) -> None:
    """A stranger may have the port of a master, and must not fill a terminal or a log."""
    stage.names("K" * 60_000)
    person = stage.person()
    stage.network.pass_time(10)
    (sentence,) = person.stdio.said
    assert "it answers strangely (it names a key that is none)" in sentence
    assert len(sentence) < 300


def test_another_worker_must_have_the_key_that_was_told(stage: Stage) -> None:
    """It resumes there with that key; to a worker with another key it says nothing, and a master is asked."""
    alice = stage.person()
    stage.cluster.others = [Elsewhere(f"w:{WORKER}", OTHER_KEY)]
    stage.network.listeners.pop(WORKER)
    stage.network.cut()
    stage.network.pass_time(1)
    assert alice.seen()[-2:] == [LOST, BACK]
    assert [port for _, port in stage.network.attempts][-1] == OTHER
    assert [name for name, _ in stage.cluster.requests] == ["Login", "Resume"]
    stage.cluster.worker(WORKER)
    stage.network.cut()
    stage.network.pass_time(2)
    assert alice.seen()[-2:] == [LOST, BACK]
    assert [port for _, port in stage.network.attempts][-3:] == [WORKER, MASTER, WORKER]


def test_a_further_master_must_have_the_key_that_was_told(stage: Stage) -> None:
    """The key is not kept: the user has not named that master."""
    stage.cluster.master(2, primary=f"p:{MASTER}", key=KEY)
    stage.presents(2, OURS)
    assert stage.person(master="m:2").seen()[-1] == "Logged in as alice."
    assert stage.known() == f"m:2 {KEY}\n"
    stage.presents(MASTER, THEIRS)
    person = stage.person(master="m:2")
    stage.network.pass_time(10.5)
    assert any("p:64480 as the primary: its key is" in line for line in person.seen() + person.stdio.said)


def test_nothing_is_said_in_plain_to_another_machine(stage: Stage) -> None:
    """Without TLS not even a question is sent."""
    plain: list[int] = []

    class Ears(Locator):
        def connected(self, link: Link) -> None:
            plain.append(1)
            link.abort()

    stage.network.listeners[MASTER] = Ears
    stage.network.present.clear()

    class Eager(FakeMaster):
        @Locate.responder
        def locate(self, version: int) -> dict[str, Any]:
            plain.append(2)
            raise AssertionError

    stage.network.listeners[MASTER + 1] = lambda: Eager("fake", None, None)
    person = stage.person(master=f"m:{MASTER},m:{MASTER + 1}")
    stage.network.pass_time(10)
    assert set(plain) == {1}
    assert "No cluster was found" in person.stdio.said[0]
    assert stage.known() == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_on_its_own_machine_it_speaks_plainly(stage: Stage, host: str) -> None:
    """Nobody stands in between; nothing is kept, and no key is needed."""
    stage.network.present.clear()
    stage.names(None, worker=f"127.0.0.1:{WORKER}")
    assert stage.person(master=f"{host}:{MASTER}").seen() == ["Logged in as alice."]
    assert stage.known() == ""


def test_where_tls_is_wanted_it_is_spoken_on_its_own_machine_too(stage: Stage) -> None:
    """A port may lead elsewhere; so the worker's key is demanded as well."""

    class Strict(FakeMaster):
        @Locate.responder
        def locate(self, version: int) -> dict[str, Any]:
            if not hasattr(self.link.transport, "transport"):
                raise TlsRequired(TlsRequired.sentence)
            return {"worker": f"127.0.0.1:{WORKER}", "worker_key": KEY, "log": "fake", "epoch": 1}

    stage.network.listeners[MASTER] = lambda: Strict("fake", None, None)
    seen = stage.person(master=f"127.0.0.1:{MASTER}").seen()
    assert seen[-1] == "Logged in as alice."
    assert stage.known() == f"localhost:{MASTER} {KEY}\n"
    stage.presents(WORKER, THEIRS)
    stage.network.cut()
    stage.network.listeners.pop(OTHER)
    before = len(stage.cluster.requests)
    stage.network.pass_time(3)
    assert len(stage.cluster.requests) == before


def test_where_tls_was_wanted_once_nothing_is_said_in_plain(stage: Stage) -> None:
    """Whoever is on the way behind a forwarded port could answer without TLS, and name a worker of their
    own."""
    stage.path.parent.mkdir(parents=True)
    stage.path.write_text(f"localhost:{MASTER} {KEY}\n")
    stage.names(None, worker=f"127.0.0.1:{WORKER}")
    stage.network.present.clear()
    for host in ("127.0.0.1", "localhost"):
        person = stage.person(master=f"{host}:{MASTER}")
        stage.network.pass_time(10)
        assert "No cluster was found" in person.stdio.said[0]
    assert stage.cluster.requests == []
    stage.presents(MASTER, THEIRS)
    assert "somebody may stand in between" in refused(stage.person(master=f"127.0.0.1:{MASTER}"))


def test_a_worker_that_wants_tls_gets_it(stage: Stage) -> None:
    """Its refusal does not affect the secret, which is kept."""
    shown: set[bytes] = set()

    class Strict(FakeSession):
        @Login.responder
        def login(
            self, version: int, name: str, secret: bytes, new: bool, *of: Any, **named: Any
        ) -> dict[str, Any]:
            shown.add(secret)
            if not hasattr(self.link.transport, "transport"):
                raise TlsRequired(TlsRequired.sentence)
            return FakeSession.login(self, version, name, secret, new)

    stage.network.listeners[WORKER] = lambda: Strict(stage.cluster)
    stage.names(KEY, worker=f"127.0.0.1:{WORKER}")
    assert stage.person(master=f"127.0.0.1:{MASTER}").seen() == ["Logged in as alice."]
    assert len(shown) == 1


def test_a_localhost_that_is_elsewhere_is_told_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system decides what a name means."""
    asked: list[int] = []

    class Asked(FakeMaster):
        @Locate.responder
        def locate(self, version: int) -> dict[str, Any]:
            asked.append(version)
            raise AssertionError

    monkeypatch.setattr(LoopbackTransport, "getPeer", lambda _: IPv4Address("TCP", "10.0.0.1", 1))
    stage.network.listeners[MASTER] = lambda: Asked("fake", None, None)
    person = stage.person(master=f"localhost:{MASTER}")
    stage.network.pass_time(10)
    assert "that name leads to another machine" in person.stdio.said[0]
    assert not asked


def test_insecure_speaks_plainly_to_everybody(stage: Stage) -> None:
    """The user has asked for it. Where plain connections are refused, the sentence says what to do."""
    stage.network.present.clear()
    assert stage.person(insecure=True).seen() == ["Logged in as alice."]

    class Strict(FakeMaster):
        @Locate.responder
        def locate(self, version: int) -> dict[str, Any]:
            raise TlsRequired(TlsRequired.sentence)

    stage.network.listeners[MASTER] = lambda: Strict("fake", None, None)
    person = stage.person(insecure=True)
    stage.network.pass_time(10)
    assert "it takes nothing in plain: leave --insecure out" in person.stdio.said[0]


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense",
        b"m:1",
        b"m:1 SHA256:short\n",
        b"m:1 authority\n\nm:2 authority\n",
        b"m:1 authority\nm:1 authority\n",
        b"\xff\x00 authority\x1b[2J",
        b"m:1 authority" * 10_000,
    ],
)
def test_what_is_no_list_of_masters_is_said(stage: Stage, content: bytes) -> None:
    """One sentence names the file; no server is dialled by it."""
    stage.knows("")
    stage.path.write_bytes(content)
    sentence = refused(stage.person())
    assert str(stage.path) in sentence
    assert "\x1b" not in sentence
    assert stage.path.read_bytes() == content
    assert not stage.network.attempts


def test_a_list_that_is_spoilt_later_ends_no_chat(stage: Stage) -> None:
    """It is told once; when the file is right again, everything goes on."""
    stage.cluster.others = []
    alice = stage.person()
    alice.seen()
    kept = stage.known()
    stage.path.write_text("nonsense\n")
    stage.network.cut()
    stage.network.pass_time(10)
    seen = alice.seen()
    assert seen[0] == LOST
    assert len(seen) == 2
    assert "Line 1 of" in seen[1]
    stage.path.write_text(kept)
    stage.network.pass_time(3)
    assert alice.seen() == [BACK]


def test_where_nothing_can_be_kept_nobody_is_believed(stage: Stage) -> None:
    """One sentence says where, and what to do."""
    stage.path.mkdir(parents=True)
    assert str(stage.path) in refused(stage.person())


def test_a_key_that_cannot_be_kept_is_said(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection stays."""

    def write(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RealFiles, "write", write)
    sentence = refused(stage.person())
    assert sentence.startswith(f"The key of m:{MASTER} cannot be kept in {stage.path} (No space left")
    assert not stage.network.open


class Slow(Presented):
    """Presents a pair; at the first connection something happens meanwhile."""

    def __init__(self, pair: KeyPair, meanwhile: Callable[[], object]) -> None:
        super().__init__(pair)
        self._meanwhile = [meanwhile]

    def serverConnectionForTLS(self, tlsProtocol: Any) -> Any:
        while self._meanwhile:
            self._meanwhile.pop()()
        return super().serverConnectionForTLS(tlsProtocol)


def test_a_key_that_another_client_keeps_meanwhile_is_not_replaced(stage: Stage) -> None:
    """Whoever is on the way may hold a first handshake until then. Nothing is said to them."""
    stage.network.present[MASTER] = Slow(THEIRS, lambda: stage.knows(KEY))
    sentence = refused(stage.person())
    assert sentence.startswith(f"The public key of m:{MASTER} is {OTHER_KEY}, and not {KEY} as before")
    assert f"take line 1 out of {stage.path}" in sentence
    assert stage.known() == f"m:{MASTER} {KEY}\n"
    assert not stage.network.open


def test_an_authority_that_another_client_keeps_meanwhile_is_not_replaced(stage: Stage) -> None:
    """The key alone is not accepted then."""
    stage.network.present[MASTER] = Slow(THEIRS, lambda: stage.knows("authority"))
    assert refused(stage.person()).startswith(f"No authority vouches for m:{MASTER} any longer (no authority")
    assert stage.known() == f"m:{MASTER} authority\n"
    assert not stage.network.open


def test_the_same_key_may_be_kept_by_two_clients_at_once(stage: Stage) -> None:
    """Both show it to their users."""
    stage.network.present[MASTER] = Slow(OURS, lambda: stage.knows(KEY))
    assert stage.person().seen()[0].startswith(f"m:{MASTER} was not known here. Its public key is {KEY}")
    assert stage.known() == f"m:{MASTER} {KEY}\n"


@pytest.mark.parametrize(("before", "meanwhile"), [(None, KEY), (OTHER_KEY, KEY), (None, "authority")])
def test_who_is_vouched_for_satisfies_what_was_kept_meanwhile(
    stage: Stage, before: str | None, meanwhile: str
) -> None:
    """It proves itself again, by that: what it says is what it says to each client that starts later."""
    if before is not None:
        stage.knows(before)
    root = authority()
    pair = root.vouch("m", NOW - DAY, NOW + DAY)
    stage.network.present[MASTER] = Slow(pair, lambda: stage.knows(meanwhile))
    seen = stage.person(authorities=[root.pair.certificate]).seen()
    assert seen[-1] == "Logged in as alice."
    told = [f"An authority vouches for m:{MASTER} now, and from now on one has to."]
    assert seen[:-1] == (told if meanwhile == KEY else [])
    assert stage.known() == f"m:{MASTER} authority\n"


def test_a_kept_key_that_is_vouched_for_stays_a_key(stage: Stage) -> None:
    """As it does if it was kept before: the other client may know no authority."""
    root = authority()
    pair = root.vouch("m", NOW - DAY, NOW + DAY)
    stage.network.present[MASTER] = Slow(pair, lambda: stage.knows(pair.fingerprint))
    assert stage.person(authorities=[root.pair.certificate]).seen() == ["Logged in as alice."]
    assert stage.known() == f"m:{MASTER} {pair.fingerprint}\n"


@pytest.mark.parametrize("by", [KEY, "authority"])
def test_a_line_that_is_taken_out_meanwhile_is_no_failure(stage: Stage, by: str) -> None:
    """The user may do what a client has said while another one asks the master; or write another line."""
    stage.knows(by)
    stage.network.present[MASTER] = Slow(THEIRS, stage.path.unlink)
    sentence = refused(stage.person())
    assert "somebody may stand in between" in sentence
    assert sentence.endswith(f", start again: its line is out of {stage.path} already.")
    assert stage.known() == ""
    assert stage.person().seen()[-1] == "Logged in as alice."


@pytest.mark.parametrize("by", [KEY, "authority"])
def test_a_list_that_is_spoilt_meanwhile_is_said(stage: Stage, by: str) -> None:
    """One sentence names the line."""
    stage.knows(by)
    stage.network.present[MASTER] = Slow(THEIRS, lambda: stage.path.write_text("nonsense\n"))
    assert refused(stage.person()).startswith(f"Line 1 of {stage.path} is none of chatnet's")


def test_a_certificate_that_cannot_be_read_is_another_key(stage: Stage) -> None:
    """OpenSSL shakes hands by it; a client that knows the master by its key says that this has changed."""
    stage.knows(KEY)
    stage.network.present[MASTER] = Unreadable(THEIRS)
    assert refused(stage.person()).startswith(
        f"The public key of m:{MASTER} is of a kind that is not known here, and not {KEY} as before"
    )


FIRST, SECOND = Address("m", 1), Address("::1", 2)


def kept(known: KnownMasters, master: Address, by: str, before: str | None = None) -> bool:
    """Return whether it is kept at once."""
    return getattr(Deferred.fromCoroutine(known.keep(master, by, before)), "result", None) == by


def test_clients_of_one_user_keep_what_the_others_have_kept(tmp_path: Path) -> None:
    """Each master has its line, whichever client wrote it; the number of the line is known."""
    one, other = (KnownMasters(RealFiles(), tmp_path, Clock()) for _ in range(2))
    assert kept(one, FIRST, KEY)
    assert kept(other, SECOND, "authority")
    assert kept(one, FIRST, OTHER_KEY, before=KEY)
    assert (one.of(FIRST), one.of(SECOND), one.of(Address("M.", 1))) == (OTHER_KEY, "authority", OTHER_KEY)
    assert (one.line(FIRST, OTHER_KEY), one.line(SECOND, "authority")) == (1, 2)
    assert (one.line(FIRST, KEY), one.line(Address("m", 2), KEY)) == (None, None)


def test_what_has_been_kept_meanwhile_stays(tmp_path: Path) -> None:
    """Who read that a master is not known, or known otherwise, is told what stands there now."""
    known = KnownMasters(RealFiles(), tmp_path, Clock())

    def now(by: str, before: str | None) -> str | None:
        keeping: Deferred[str | None] = Deferred.fromCoroutine(known.keep(FIRST, by, before))
        assert keeping.result == known.of(FIRST)
        return known.of(FIRST)

    assert now(KEY, "authority") is None
    assert now(KEY, None) == KEY
    assert now(OTHER_KEY, None) == KEY
    assert now("authority", OTHER_KEY) == KEY
    assert now("authority", KEY) == "authority"
    assert now(KEY, None) == "authority"


class Overtaken(RealFiles):
    """Files where something else happens once, between reading and writing."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = [meanwhile]

    def write(self, path: Path, content: bytes) -> None:
        while self._meanwhile:
            self._meanwhile.pop()()
        super().write(path, content)


def test_clients_that_write_at_the_same_time_keep_both_lines(tmp_path: Path) -> None:
    """The second client waits until the first has written, and reads before it writes."""
    clock = Clock()
    other = KnownMasters(RealFiles(), tmp_path, clock)
    at_once: list[bool] = []
    one = KnownMasters(Overtaken(lambda: at_once.append(kept(other, SECOND, "authority"))), tmp_path, clock)
    assert kept(one, FIRST, KEY)
    assert at_once == [False]
    clock.advance(LOOK_SECONDS)
    assert (one.of(FIRST), one.of(SECOND)) == (KEY, "authority")
    assert not clock.getDelayedCalls()


def test_a_client_that_is_stopped_in_the_midst_keeps_none_from_writing(tmp_path: Path) -> None:
    """It is waited for only for a while. A killed client's lock is free."""
    clock = Clock()
    known = KnownMasters(RealFiles(), tmp_path, clock)
    stopped = RealFiles().lock(tmp_path)
    assert stopped is not None
    assert not kept(known, FIRST, KEY)
    clock.pump([LOOK_SECONDS] * round(LOCK_SECONDS / LOOK_SECONDS))
    assert known.of(FIRST) == KEY
    stopped.release()
    assert kept(known, SECOND, KEY)


def test_where_nothing_can_be_locked_masters_are_known_all_the_same(tmp_path: Path) -> None:
    """Some network file systems are like that."""

    class Unlockable(RealFiles):
        def lock(self, directory: Path) -> Lock | None:
            raise OSError(errno.EBADF, "Bad file descriptor")

    known = KnownMasters(Unlockable(), tmp_path, Clock())
    assert kept(known, FIRST, KEY)
    assert known.of(FIRST) == KEY
