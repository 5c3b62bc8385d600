"""Logins by a certificate of TLS: SASL EXTERNAL, and CERT, with which users register theirs."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from a_pair import DAY, Showing, new_authority
from cryptography.hazmat.primitives.serialization import Encoding
from irc_front.stage import PASSWORD, Heard, IrcLine, IrcStage, plain
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from worker.conftest import Worker

from chatnet.auth import Token
from chatnet.codes import code_text
from chatnet.credentials import certificate_credential, is_of_certificate, matches, random_credential
from chatnet.entries import Draft, More
from chatnet.errors import WrongSecret
from chatnet.kinds import CLUSTER
from chatnet.net.first_byte import FirstByte, Handshakes
from chatnet.net.pair import KeyPair, self_made
from chatnet.net.tls import Presented
from chatnet.rules import MOST_SESSIONS
from chatnet.testing.loopback import Loopback
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.worker.failures import LONGEST_PAUSE
from chatnet.worker.fronts.irc.certificates import SHOWN
from chatnet.worker.logins import device_of

SERVER = self_made(Token(b"t" * 32))
PRESENTED = Presented(SERVER)
ASKING = PRESENTED.asking()
NOW = datetime.now(UTC)
AUTHORITY = new_authority(NOW - 9 * DAY, NOW + 9 * DAY)


@cache
def certificate(name: str) -> KeyPair:
    """Return a pair of somebody."""
    return AUTHORITY.vouch(name, NOW - DAY, NOW + DAY)


def der(pair: KeyPair) -> bytes:
    return pair.certificate.public_bytes(Encoding.DER)


def fingerprint(pair: KeyPair) -> bytes:
    return sha256(der(pair)).digest()


class TlsLine(IrcLine):
    """A client's end of a connection by TLS, which shows a certificate or does not."""

    def __init__(self, stage: IrcStage, pair: KeyPair | None, presented: Any = ASKING) -> None:
        self.stage, self.heard, self.raw, self.is_open = stage, [], b"", True
        worker = stage.worker
        spoken = dict.fromkeys(stage.irc.begins, _Connections(self))
        port = FirstByte(spoken, presented, Handshakes(worker.clock), worker.visitors, worker.clock)
        dialling = TLSMemoryBIOFactory(
            Showing(pair), True, Factory.forProtocol(lambda: self), clock=worker.clock
        )
        self.wire = Loopback(dialling.buildProtocol(None), port.buildProtocol(None))
        worker.clients.append(self)  # type: ignore[arg-type]
        worker.settle()

    def send(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)
        self.stage.worker.settle()

    def external(self, name: str, acts_as: str = "", nick: str = "") -> list[Heard]:
        """Log in by the certificate; return what is heard."""
        message = b64encode(acts_as.encode()).decode() if acts_as else "+"
        self.say("CAP LS 302", "CAP REQ :sasl", f"NICK {nick or name}", f"USER {name} 0 * :{name}")
        self.say("AUTHENTICATE EXTERNAL", f"AUTHENTICATE {message}", "CAP END")
        self.stage.worker.pass_time(1)
        return self.take()


class _Connections(Factory):
    noisy = False

    def __init__(self, line: TlsLine) -> None:
        self._line = line

    def buildProtocol(self, addr: Any) -> Any:
        stage = self._line.stage
        self._line.server = stage.irc.connection(stage.worker.entrance)
        return self._line.server


def codes(heard: list[Heard]) -> list[str]:
    return [one.command for one in heard if one.command in ("001", "900", "903", "904", "908", "ERROR")]


IN = ["900", "903", "001"]


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


def registered(stage: IrcStage, name: str = "alice", pair: KeyPair | None = None) -> TlsLine:
    """Return a connection of a user, by their password, on which they have registered the certificate."""
    line = TlsLine(stage, pair or certificate(name))
    line.log_in(name)
    line.take()
    told = line.ask("CERT ADD")[0]
    assert told.command == "NOTICE", told
    assert fingerprint(pair or certificate(name)).hex(":").upper() in told.text
    return line


def order(stage: IrcStage, kind: str, text: str = "") -> None:
    """Have the operator do something about alice."""
    worker = stage.worker
    room = CLUSTER if kind == "revoke" else ""
    worker.commit(Draft(kind, CLUSTER, room, text, worker.entropy(16), 0, More(to="alice")))


def test_a_certificate_logs_in(stage: IrcStage) -> None:
    """SASL EXTERNAL, with the account's name or with nothing: then it is the nick's. It is a device of its
    own in the list of the user's devices; no password is hashed."""
    registered(stage)
    stage.worker.sessions.secrets._hashing.run = None  # type: ignore[assignment, method-assign]
    for acts_as in ("", "alice", "Alice", "alice@phone"):
        line = TlsLine(stage, certificate("alice"))
        assert codes(line.external("alice", acts_as)) == IN
        assert line.ask("PRIVMSG #@alice :hi", "PING end")[-1].command == "PONG"
    entries = stage.worker.log.entries
    assert [entry.kind for entry in entries if entry.kind != "post"] == ["register", "code", "session"]
    assert {entry.text for entry in entries if entry.kind == "post"} == {"hi"}
    device = stage.worker.log.state.sessions["alice"][device_of(fingerprint(certificate("alice")))]
    assert device.label == f"certificate {fingerprint(certificate('alice')).hex()[:SHOWN]} irc"


def test_another_nick_needs_the_name(stage: IrcStage) -> None:
    registered(stage)
    assert codes(TlsLine(stage, certificate("alice")).external("alice", "alice", nick="al")) == IN
    assert codes(TlsLine(stage, certificate("alice")).external("alice", nick="al"))[:1] == ["904"]


def test_without_a_nick_it_is_the_name_in_the_certificate(stage: IrcStage) -> None:
    """irssi says NICK behind SASL. Anybody may write a name there: it lets in nobody."""
    registered(stage)
    line = TlsLine(stage, certificate("alice"))
    line.say("AUTHENTICATE EXTERNAL", "AUTHENTICATE +")
    assert codes(line.take()) == ["900", "903"]
    forged = TlsLine(stage, AUTHORITY.vouch("alice", NOW - DAY, NOW + DAY))
    forged.say("AUTHENTICATE EXTERNAL", "AUTHENTICATE +")
    assert codes(forged.take()) == ["904"]


@pytest.mark.parametrize("name", ["Alice Miller", "", "zoe"])
def test_without_a_nick_and_such_a_name_it_is_said(stage: IrcStage, name: str) -> None:
    """Who registers one that irssi cannot use is told so."""
    pair = AUTHORITY.vouch(name, NOW - DAY, NOW + DAY)
    line = TlsLine(stage, pair)
    line.log_in("alice")
    line.take()
    assert "CN=alice" in line.ask("CERT ADD")[-1].text
    line = TlsLine(stage, pair)
    line.say("AUTHENTICATE EXTERNAL", "AUTHENTICATE +", "AUTHENTICATE EXTERNAL")
    line.say(f"AUTHENTICATE {b64encode(b'alice').decode()}")
    assert codes(line.take()) == ["904", "900", "903"]


def test_it_is_offered_where_it_can_work(stage: IrcStage) -> None:
    """CAP 302 names the mechanisms, and so does 908: EXTERNAL where a certificate was shown, by TLS."""

    def said(line: IrcLine) -> tuple[list[str], list[str]]:
        heard = line.ask("CAP LS 302", "AUTHENTICATE SCRAM-SHA-256")
        offered = [word for one in heard if one.command == "CAP" for word in one.text.split()]
        mechanisms = [one.params[1] for one in heard if one.command == "908"]
        return [word for word in offered if word.startswith("sasl")], mechanisms

    both = "PLAIN,EXTERNAL"
    assert said(TlsLine(stage, certificate("alice"))) == ([f"sasl={both}"], [both])
    for line in (stage.line(), TlsLine(stage, None), TlsLine(stage, certificate("alice"), PRESENTED)):
        assert said(line) == (["sasl=PLAIN"], ["PLAIN"])
        assert codes(line.ask("AUTHENTICATE EXTERNAL")) == ["908", "904"]
    old = TlsLine(stage, certificate("alice")).ask("CAP LS")
    assert "sasl" in old[0].text.split()
    strict = IrcStage(Worker(), sts=300)
    heard = TlsLine(strict, certificate("alice")).ask("CAP LS 302")
    words = [word for one in heard for word in one.text.split()]
    assert {f"sasl={both}", "sts=duration=300"} <= {*words}


def test_who_shows_another_certificate_is_not_let_in(stage: IrcStage) -> None:
    """904, in the same words for all: that of somebody else, for somebody else, and for nobody. The third
    ends the connection."""
    registered(stage)
    stage.worker.pass_time(1)
    registered(stage, "bob")
    for name in ("bob", "mallory"):
        heard = TlsLine(stage, certificate(name)).external("alice")
        assert codes(heard)[0] == "904"
        assert [one.text for one in heard if one.command == "904"] == [heard_by_nobody(stage)]
    line = TlsLine(stage, certificate("mallory"))
    line.say("NICK alice")
    for _ in range(3):
        line.say("AUTHENTICATE EXTERNAL", "AUTHENTICATE +")
        stage.worker.pass_time(LONGEST_PAUSE)
    assert codes(line.take())[-4:] == ["904", "904", "904", "ERROR"]
    assert not line.is_open


def heard_by_nobody(stage: IrcStage) -> str:
    """Return why somebody is not let in whose account there is not."""
    heard = TlsLine(stage, certificate("mallory")).external("zoe")
    [told] = [one.text for one in heard if one.command == "904"]
    return told


def test_wrong_ones_wait_as_wrong_passwords_do_and_right_ones_do_not(stage: IrcStage) -> None:
    registered(stage)
    for _ in range(3):
        line = TlsLine(stage, certificate("mallory"))
        line.say("NICK alice", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +")
        line.cut()
        stage.worker.pass_time(1)
    late = TlsLine(stage, certificate("mallory"))
    late.say("NICK alice", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +")
    assert codes(late.take()) == []
    assert codes(TlsLine(stage, certificate("alice")).external("alice")) == IN
    stage.worker.pass_time(2 * LONGEST_PAUSE)
    assert codes(late.take()) == ["904"]


@pytest.mark.parametrize("message", ["!", "=", b64encode(b"\xff").decode(), b64encode(b"a b").decode()])
def test_what_cannot_be_read_fails(stage: IrcStage, message: str) -> None:
    registered(stage)
    line = TlsLine(stage, certificate("alice"))
    line.say("NICK alice", "AUTHENTICATE EXTERNAL", f"AUTHENTICATE {message}")
    assert codes(line.take()) == ["904"]


def test_one_that_has_expired_counts_as_others_do(stage: IrcStage) -> None:
    """What counts is the key, and nobody has to vouch for it."""
    expired = AUTHORITY.vouch("carol", NOW - 3 * DAY, NOW - DAY)
    registered(stage, "carol", expired)
    assert codes(TlsLine(stage, expired).external("carol")) == IN


def test_nobody_else_can_show_it(stage: IrcStage) -> None:
    """A certificate is public: as a secret it lets nobody in, by IRC, AMP or a code; nor does its
    fingerprint, nor what the log keeps."""
    registered(stage)
    mark = fingerprint(certificate("alice"))
    [kept] = [entry.text for entry in stage.worker.log.entries if entry.kind == "session"]
    assert kept == certificate_credential(mark)
    assert is_of_certificate(kept, mark)
    assert not is_of_certificate(kept, fingerprint(certificate("bob")))
    shown = [der(certificate("alice")), mark, kept.encode(), bytes.fromhex(kept.partition(":")[2])]
    for secret in shown:
        assert not matches(kept, secret)
        client = stage.worker.client()
        said = {"version": VERSION, "name": "alice", "new": False, "device": bytes.fromhex(device_of(mark))}
        found = client.begin(wire.Login, secret=secret, **said)
        stage.worker.work()
        stage.worker.pass_time(LONGEST_PAUSE)
        stage.worker.work()
        assert found[0].check(WrongSecret), found


def test_a_device_that_is_called_so_is_no_certificate(stage: IrcStage) -> None:
    """What the devices of users are called their clients choose: whoever shows a certificate has to be whom
    the log keeps it of."""
    worker = stage.worker
    TlsLine(stage, None).log_in("alice")
    mark = fingerprint(certificate("mallory"))
    code, secret = sha256(b"code").hexdigest(), random_credential(b"s" * 32)
    device = More(device=device_of(mark), label="phone", code=code)
    for draft in (
        Draft("code", "alice", "alice", code_text(code, 1), worker.entropy(16), 0, More(to="alice")),
        Draft("session", "alice", "alice", secret, worker.entropy(16), 0, device),
    ):
        worker.commit(draft)
    assert device_of(mark) in worker.log.state.sessions["alice"]
    assert codes(TlsLine(stage, certificate("mallory")).external("alice"))[0] == "904"


@pytest.mark.parametrize("how", ["taken back", "revoked", "another password", "all revoked"])
def test_one_that_was_ended_lets_nobody_in(stage: IrcStage, how: str) -> None:
    """By CERT DEL, as a device in the list of devices, by a new secret, by the operator: and who is in by it
    is out."""
    password = registered(stage)
    line = TlsLine(stage, certificate("alice"))
    assert codes(line.external("alice")) == IN
    mark = fingerprint(certificate("alice"))
    seq = stage.worker.log.state.sessions["alice"][device_of(mark)].seq
    if how == "taken back":
        [told] = password.ask(f"CERT DEL {mark.hex(':').upper()}")
        assert told.command == "NOTICE"
    elif how == "another password":
        client = stage.worker.client()
        found = client.begin(wire.Login, version=VERSION, name="alice", secret=PASSWORD.encode(), new=False)
        stage.worker.work()
        assert not isinstance(found[0], Exception)
        client.begin(wire.SetSecret, key=client.key(), old=PASSWORD.encode(), secret=b"another horse")
        stage.worker.work()
    else:
        order(stage, "revoke", str(seq) if how == "revoked" else "0")
    assert not line.is_open
    assert codes(TlsLine(stage, certificate("alice")).external("alice"))[0] == "904"
    assert password.is_open is (how in ("taken back", "revoked"))


@pytest.mark.parametrize(("kind", "back"), [("ban", "unban"), ("disable", "enable")])
def test_who_is_shut_out_is_so_with_a_certificate(stage: IrcStage, kind: str, back: str) -> None:
    registered(stage)
    line = TlsLine(stage, certificate("alice"))
    assert codes(line.external("alice")) == IN
    order(stage, kind)
    assert not line.is_open
    assert codes(TlsLine(stage, certificate("alice")).external("alice"))[0] == "904"
    order(stage, back)
    assert codes(TlsLine(stage, certificate("alice")).external("alice")) == IN


@pytest.mark.parametrize("kind", ["revoke", "ban", "disable"])
def test_a_front_that_is_behind_lets_nobody_in_whom_the_log_does_not(stage: IrcStage, kind: str) -> None:
    """Whatever it has followed: the log is asked. Who was in says nothing any more."""
    registered(stage)
    line = TlsLine(stage, certificate("alice"))
    assert codes(line.external("alice")) == IN
    stage.worker.log.lagging = True
    order(stage, kind, "0" if kind == "revoke" else "")
    assert codes(TlsLine(stage, certificate("alice")).external("alice"))[0] == "904"
    line.say("PRIVMSG #@alice :late")
    assert not line.is_open
    assert "late" not in [entry.text for entry in stage.worker.log.entries]


def test_it_is_registered_once_by_whom_and_where_it_can_be(stage: IrcStage) -> None:
    """Only that of this connection, by who has logged in: and no second time."""
    line = registered(stage)
    assert line.ask("CERT ADD")[0].command == "NOTICE"
    assert codes(TlsLine(stage, certificate("alice")).external("alice")) == IN
    kinds = [entry.kind for entry in stage.worker.log.entries]
    assert kinds == ["register", "code", "session"]
    bare = TlsLine(stage, None)
    bare.log_in("alice", "standard-replies")
    bare.take()
    assert [one.shown[:25] for one in bare.ask("CERT ADD")] == ["FAIL CERT NO_CERTIFICATE "]
    assert [one.params[1] for one in bare.ask("CERT DEL ff:00", "CERT ADDD")] == [
        "NO_SUCH_CERTIFICATE",
        "UNKNOWN_ACTION",
    ]
    guests = IrcStage(Worker(), guests=True)
    guest = TlsLine(guests, certificate("alice"))
    guest.say("CAP REQ :standard-replies", "NICK zed", "USER z 0 * :z", "CAP END")
    guest.take()
    for asked in ("ADD", ":", ":a b", "::", "x" * 480):
        assert [one.params[1] for one in guest.ask(f"CERT {asked}")] == ["NOT_LOGGED_IN"]


def test_a_user_has_so_many_with_all_other_devices(stage: IrcStage) -> None:
    """Beyond that it is refused, in a sentence; one that is removed makes room."""
    line = registered(stage)
    for number in range(MOST_SESSIONS - 2):  # with the device on which the name was registered
        registered(stage, "alice", certificate(f"device {number}")).cut()
    other = TlsLine(stage, certificate("other"))
    other.log_in("alice")
    other.take()
    [refused] = other.ask("CERT ADD")
    assert refused.text.startswith("CERT: ")
    assert "devices" in refused.text
    line.ask(f"CERT DEL {fingerprint(certificate('alice')).hex()}")
    assert "logs you in by this certificate" in other.ask("CERT ADD")[0].text


def test_an_answer_has_its_label(stage: IrcStage) -> None:
    line = TlsLine(stage, certificate("alice"))
    line.log_in("alice", "labeled-response", "batch", "message-tags", "standard-replies")
    line.take()
    said = ["@label=1 CERT ADD", "@label=2 CERT", "@label=3 CERT DEL 0", "@label=4 CERT nonsense"]
    heard = line.ask(*said)
    assert [one.tags["label"] for one in heard if "label" in one.tags] == ["1", "2", "3", "4"]


def test_the_list(stage: IrcStage) -> None:
    """By the digits with which the fingerprint begins, and the device on which they were registered; who has
    another user's digits ends nothing."""
    phone = TlsLine(stage, certificate("phone"))
    phone.say(f"PASS :alice@phone:{PASSWORD}", "NICK alice", "USER a 0 * :a")
    stage.worker.work()
    phone.take()
    phone.ask("CERT ADD")
    laptop = registered(stage, "alice", certificate("laptop"))
    digits = [fingerprint(certificate(name)).hex()[:SHOWN] for name in ("phone", "laptop")]
    first, second, last = (one.text for one in laptop.ask("CERT"))
    assert first.startswith(f"{digits[0]} phone, since ")
    assert second.startswith(f"{digits[1]} irc, since ")
    assert last.startswith("These are your certificates: 2.")
    bob = registered(stage, "bob")
    assert "12 digits" in bob.ask(f"CERT DEL {digits[0]}")[0].text
    assert len(laptop.ask("CERT LIST")) == 3
    laptop.ask(f"CERT DEL {digits[0]}")
    assert [one.text[:SHOWN] for one in laptop.ask("CERT LIST")][:-1] == [digits[1]]


def test_who_ends_their_own_is_out(stage: IrcStage) -> None:
    registered(stage)
    line = TlsLine(stage, certificate("alice"))
    line.external("alice")
    line.ask(f"CERT DEL {fingerprint(certificate('alice')).hex()}")
    assert not line.is_open


def test_a_certificate_of_two_accounts_is_that_of_whoever_is_named(stage: IrcStage) -> None:
    shared = certificate("shared")
    registered(stage, "alice", shared)
    registered(stage, "bob", shared)
    for name in ("alice", "bob"):
        heard = TlsLine(stage, shared).external(name)
        assert [one.params[2] for one in heard if one.command == "900"] == [name]


@pytest.mark.parametrize("message", ["+", b64encode(b"alice").decode()])
def test_a_guest_logs_in_by_it(message: str) -> None:
    stage = IrcStage(Worker(), guests=True)
    registered(stage)
    line = TlsLine(stage, certificate("alice"))
    line.say("NICK zed", "USER z 0 * :z")
    assert codes(line.take()) == ["001"]
    line.say("AUTHENTICATE EXTERNAL", f"AUTHENTICATE {b64encode(b'zoe').decode()}")
    assert codes(line.take()) == ["904"]
    line.say("AUTHENTICATE EXTERNAL", f"AUTHENTICATE {message}")
    heard = line.take()
    assert codes(heard) == ["900", "903"]
    assert [one.params[2] for one in heard if one.command == "900"] == ["alice"]
    line.say("PRIVMSG #@alice :hi")
    assert stage.worker.log.entries[-1].text == "hi"


def test_what_it_misses_is_sent_to_it(stage: IrcStage) -> None:
    """A certificate is a device: its cursor moves by its PONGs."""
    registered(stage)
    line = TlsLine(stage, certificate("alice"))
    line.external("alice")
    line.ask("JOIN #tea")
    stage.worker.pass_time(10)
    line.cut()
    bob = stage.user("bob")
    bob.ask("JOIN #tea", "PRIVMSG #tea :missed")
    again = TlsLine(stage, certificate("alice"))
    heard = again.external("alice")
    assert [one.text for one in heard if one.command == "PRIVMSG"] == ["missed"]


def test_plain_is_as_before(stage: IrcStage) -> None:
    """Beside a certificate that is nobody's."""
    stage.user("alice")
    line = TlsLine(stage, certificate("mallory"))
    line.say("CAP LS 302", "CAP REQ :sasl", "NICK alice", "USER a 0 * :a", "AUTHENTICATE PLAIN")
    line.say(f"AUTHENTICATE {plain('alice')}", "CAP END")
    stage.worker.work()
    assert codes(line.take()) == IN
