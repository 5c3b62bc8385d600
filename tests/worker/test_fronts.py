"""A second protocol works on the same core: the session knows neither, and each reader gets its encoding."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_security import FarLoopback
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from worker.conftest import Client, Worker
from worker.toy import ToyClient

import chatnet.worker
from chatnet.entries import Entry
from chatnet.errors import TlsRequired
from chatnet.limits import LIMITS
from chatnet.net.outbox import CLOSE_SECONDS
from chatnet.net.security import MOST_UNREAD, Security
from chatnet.presence import GRACE_SECONDS
from chatnet.testing.toy_front import Toy, ToyChannel, entry_words, read_entry
from chatnet.wire import encode
from chatnet.worker.entrance import ALL_SECONDS, ANSWER_SECONDS, LOGIN_SECONDS
from chatnet.worker.front import Shared
from chatnet.worker.frontend import Frontend
from chatnet.worker.fronts.amp import Amp
from chatnet.worker.handoff import LEAVE_SECONDS, Handoff
from chatnet.worker.port import Clients
from chatnet.world.real import real_world

CORE = (
    *("drafts", "entrance", "gathering", "handoff", "hashing", "logins", "peer", "rates", "reads", "router"),
    *("session", "sessions", "subscription", "users"),
)
"""The modules that serve every protocol."""
PROTOCOLS = (
    "chatnet.wire",
    "chatnet.net.link",
    "chatnet.net.gate",
    "chatnet.worker.fronts",
    "twisted.protocols",
)


@pytest.fixture
def toy() -> ToyChannel:
    return ToyChannel()


def imported(path: Path) -> set[str]:
    """Return what a module imports, whether for types or to run."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_protocol(module: str) -> None:
    """The core imports nothing of AMP or of any front: to add a protocol, nobody has to change it."""
    names = imported(Path(chatnet.worker.__path__[0]) / f"{module}.py")
    assert not [name for name in names if name.startswith(PROTOCOLS)]


# ---- two protocols, one worker ----


def acquainted(worker: Worker, toy: ToyChannel) -> tuple[Client, ToyClient]:
    """Return Alice, who speaks AMP, and Bob, who speaks in lines; each follows the other, and both chat."""
    alice, bob = worker.client("alice"), ToyClient(worker, toy, "bob")
    alice.join("bob")
    assert bob.ask("JOIN Alice").endswith(" alice")
    alice.chat()
    assert bob.ask("CHAT").startswith("OK ")
    return alice, bob


def test_users_of_two_protocols_hear_each_other(worker: Worker, toy: ToyChannel) -> None:
    """Both get all posts once, in the order of the log, each in their own encoding."""
    alice, bob = acquainted(worker, toy)
    first = worker.log.window.head + 1
    said = [("alice", "hello"), ("bob", "well met"), ("bob", "again, @alice"), ("alice", "and @bob too")]
    for user, text in said:
        if user == "alice":
            alice.post(text)
        else:
            assert bob.ask(f"POST {text}") == f"OK {worker.log.window.head}"
    posts = [(seq, user, text) for seq, (user, text) in enumerate(said, first)]
    assert [(post.seq, post.user, post.text) for post in alice.hears.posts] == posts
    assert bob.heard() == [f"{user} {seq} post {user} {text}" for seq, user, text in posts]


def test_a_run_is_encoded_once_for_each_encoding(
    worker: Worker, toy: ToyChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is encoded once for all sessions, and not at all in an encoding that nobody listens to."""
    boxes: list[list[int]] = []
    deliver = encode.deliver

    def counted(posts: list[Entry]) -> bytes:
        boxes.append([post.seq for post in posts])
        return deliver(posts)

    alice, bob = acquainted(worker, toy)
    for _ in range(6):
        worker.client("alice").chat()
        ToyClient(worker, toy, "bob").begin("CHAT")
    monkeypatch.setattr(encode, "deliver", counted)
    worker.commit(*(worker.said("alice", text) for text in ("one", "two")))
    head = worker.log.window.head
    assert boxes == [[head - 1, head]]
    assert toy.runs == [("alice", [head - 1, head])]
    bob.begin("UNCHAT")
    alice.post("heard at two places, @bob")
    assert toy.runs[1:] == [("alice", [head + 1])]
    assert len(boxes) == 2


def test_a_front_may_show_joins_and_leaves(worker: Worker, toy: ToyChannel) -> None:
    """A channel that shows joins and leaves gets them; clients of AMP do not."""
    alice, bob = acquainted(worker, toy)
    seq = worker.log.window.head
    carol = worker.client("carol")
    carol.join("alice")
    alice.post("welcome")
    carol.leave("alice")
    assert bob.heard() == [
        f"alice {seq + 2} join carol ",
        f"alice {seq + 3} post alice welcome",
        f"alice {seq + 4} leave carol ",
    ]
    assert alice.heard() == ["welcome"]


def test_who_comes_back_over_another_protocol_misses_nothing(worker: Worker, toy: ToyChannel) -> None:
    """A cursor and a ticket belong to the log, so they are good in every protocol."""
    alice, bob = acquainted(worker, toy)
    read = worker.at(worker.log.window.head)
    alice.post("one")
    resumed = ToyClient(worker, toy)
    ticket = worker.sessions.ticket("bob", 2)
    assert resumed.ask(f"RESUME {ticket.hex()}") == "OK memory"
    assert resumed.ask(f"CHAT {read.seq} {read.check.hex()}").startswith(f"OK {read.seq} ")
    alice.post("two")
    assert [line.split()[-1] for line in resumed.heard()] == ["one", "two"]
    assert resumed.heard() == bob.heard()
    by_amp = worker.client()
    by_amp.resume(ticket)
    by_amp.chat(read.seq)
    assert by_amp.heard() == ["one", "two"]


@pytest.mark.parametrize("text", ["a\nb", "\\n", "\\\n\\\\", "\r\n", "", " two  words "])
def test_an_entry_survives_a_line(text: str) -> None:
    """An entry with any text survives being written as a line."""
    one = Entry(3, 5, "post", "bob", "bob", text, b"k" * 16)
    assert "\n" not in entry_words(one)
    assert read_entry(entry_words(one)) == one


# ---- without TLS, from another machine ----


class Ears(LineOnlyReceiver):
    """A client on another machine: keeps the lines that it is told."""

    delimiter = b"\n"
    transport: Any
    is_lost = False

    def __init__(self) -> None:
        self.lines: list[str] = []

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line.decode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_lost = True


def port_for_lines(worker: Worker, insecure: bool) -> Any:
    """Return a worker's port for the protocol of lines."""
    clients = Clients([Toy], Shared(worker.outboxes, worker.pulse, worker.visitors, worker.others))
    clients.frontend = cast(Frontend, SimpleNamespace(is_open=True, entrance=worker.entrance))
    world = replace(real_world(), reactor=worker.clock)
    return clients.port(Security(None, worker.token, insecure, world))


def test_two_fronts_that_begin_alike_are_not_offered(worker: Worker) -> None:
    """The first byte of a connection would not tell which of them it speaks; the sentence names both."""
    shared = Shared(worker.outboxes, worker.pulse, worker.visitors, worker.others)
    Clients([Toy, Amp], shared)
    sentence = "Connections of Toy and Toy would both begin with the byte 0x30."
    with pytest.raises(ValueError, match=sentence):
        Clients([Toy, Amp, Toy], shared)


def from_afar(worker: Worker, port: Any, reads: bool = True) -> tuple[Ears, FarLoopback]:
    """Connect a client from another machine without TLS and log in; it may read nothing."""
    ears = Ears()
    wire = FarLoopback(ears, port.buildProtocol(None))
    ears.transport.write(b"1 LOGIN alice %s\n" % (b"s" * 32).hex().encode())
    wire.client_transport.reading = reads
    settle(worker, wire)
    return ears, wire


def settle(worker: Worker, wire: FarLoopback) -> None:
    worker.clock.advance(0)
    while wire.pump():
        worker.clock.advance(0)


REFUSED = [f"NO TLS_REQUIRED {TlsRequired.sentence}"]


def test_a_front_refuses_in_its_own_words(worker: Worker) -> None:
    """A client on another machine that speaks without TLS is told why it is closed; nobody is logged in."""
    ears, _ = from_afar(worker, port_for_lines(worker, insecure=False))
    assert ears.lines == REFUSED
    assert ears.is_lost
    assert not worker.sessions.open
    assert worker.visitors.strangers == 0
    assert not worker.clock.getDelayedCalls()
    ears, wire = from_afar(worker, port_for_lines(worker, insecure=True))
    assert [line[:12] for line in ears.lines] == ["1 OK memory "]
    wire.cut()


def test_who_is_refused_and_does_not_read_is_cut_off(worker: Worker) -> None:
    """Few refused connections may wait to be read; beyond that others are closed without a word."""
    port = port_for_lines(worker, insecure=False)
    deaf = [from_afar(worker, port, reads=False) for _ in range(MOST_UNREAD)]
    ears, _ = from_afar(worker, port)
    assert (ears.lines, ears.is_lost) == ([], True)
    worker.clock.advance(CLOSE_SECONDS)
    for one, wire in deaf:
        settle(worker, wire)
        assert one.is_lost
    assert from_afar(worker, port)[0].lines == REFUSED
    assert not worker.clock.getDelayedCalls()


# ---- all that a session asks of its peer ----


def test_errors_are_sentences_in_any_protocol(worker: Worker, toy: ToyChannel) -> None:
    """Errors of the login, errors found at once and errors found by the log are all sentences."""
    worker.client("bob")
    client = ToyClient(worker, toy)
    assert client.ask("POST hello") == "NO such command: POST"
    assert client.ask(f"LOGIN bob {'x' * 32}").startswith("NO The name bob is taken")
    assert client.ask(f"LOGIN bob {'s' * 32}").startswith("OK memory ")
    assert client.ask("JOIN bob").startswith("NO ")
    assert client.ask("JOIN noname") == "NO No such room: noname."
    assert client.ask("HISTORY noname") == "NO No such room: noname."
    assert client.ask(f"POST {'x' * 2001}").startswith("NO ")
    assert client.ask("CHAT 99 0123456789abcdef").startswith("NO The log was put back")
    assert client.ask("POST hello") == "OK 2"
    assert client.ask("HISTORY bob") == "OK"
    assert client.had() == ["hello"]
    assert client.ask("ROOMS b") == "OK bob"


def test_who_does_not_log_in_is_closed_in_any_protocol(worker: Worker, toy: ToyChannel) -> None:
    """One attempt at a time, and at most ten seconds without one; a lost connection leaves nothing."""
    idle, trying, lost = (ToyClient(worker, toy) for _ in range(3))
    worker.log.reads_held = True
    for client in (trying, lost):
        client.begin(f"LOGIN alice {'s' * 32}")
    assert trying.ask(f"LOGIN bob {'s' * 32}").endswith("an attempt to log in is under way.")
    lost.cut()
    worker.pass_time(LOGIN_SECONDS + 1)
    assert (idle.connected, trying.connected) == (False, True)
    worker.log.let_go()
    worker.settle()
    assert trying.said()[-1].startswith("OK memory ")
    assert len(worker.sessions.open) == 1
    trying.cut()
    assert not worker.router._local_users
    worker.pass_time(1.1)  # that the device was used is passed on
    assert not worker.clock.getDelayedCalls()


def test_a_front_says_how_much_time_is_left(worker: Worker, toy: ToyChannel) -> None:
    """The time that the handshake took counts, and is not given again."""
    client, hurried = ToyClient(worker, toy), ToyClient(worker, toy)
    for stranger in (client, hurried):
        stranger.server._arrival.lost()
    whole = worker.entrance.arrival(client.server)
    worker.entrance.arrival(hurried.server, 1.0)
    worker.pass_time(1.5)
    assert (client.connected, hurried.connected) == (True, False)
    whole.lost()


def test_who_is_refused_again_and_again_is_closed_in_any_protocol(worker: Worker, toy: ToyChannel) -> None:
    """A minute after it connected, however often it tries; an attempt that is then under way is answered."""
    worker.client("alice")
    trying, slow = (ToyClient(worker, toy) for _ in range(2))
    wrong = f"LOGIN alice {'x' * 32}"
    for _ in range(7):
        assert trying.ask(wrong).startswith("NO The name alice is taken")
        slow.ask(wrong)
        worker.pass_time(LOGIN_SECONDS - 2)
    worker.log.reads_held = True
    slow.begin(wrong)
    worker.pass_time(ALL_SECONDS)
    assert (trying.connected, slow.connected) == (False, True)
    worker.log.let_go()
    worker.settle()
    assert slow.said()[-1].startswith("NO The name alice is taken")
    assert slow.ask(wrong).endswith("too much was tried on this connection: make another.")
    worker.pass_time(ANSWER_SECONDS + 0.1)
    assert not slow.connected
    assert not worker.clock.getDelayedCalls()


def test_a_client_that_never_reads_costs_a_bounded_memory_in_any_protocol(
    worker: Worker, toy: ToyChannel
) -> None:
    """The session leaves live when its transport is full; nothing is queued, and all comes once it reads."""
    alice, bob = acquainted(worker, toy)
    bob.wire.client_transport.reading = False
    for number in range(300):
        alice.post(f"{number:01000}")
    assert bob.server.full
    assert len(bob.wire.server_transport.waiting) + sum(map(len, bob.server.ear.parts)) < 100_000
    bob.begin("POST waits")
    assert worker.log.entries[-1].user == "alice"
    bob.wire.client_transport.reading = True
    worker.settle()
    assert [int(line.split()[-1]) for line in bob.heard()[:300]] == list(range(300))
    assert bob.heard()[300].endswith("waits")


def test_a_front_is_held_while_too_much_is_under_way(worker: Worker, toy: ToyChannel) -> None:
    """The session holds its front, and releases it later; everything is done in order."""
    bob = ToyClient(worker, toy, "bob")
    worker.log.held = True
    for number in range(LIMITS.drafts + 50):
        bob.begin(f"POST {number}")
    assert len(worker.log.waiting) == LIMITS.drafts + 1
    worker.log.let_go()
    worker.settle()
    texts = [entry.text for entry in worker.log.entries if entry.kind == "post"]
    assert texts == [str(number) for number in range(LIMITS.drafts + 50)]


def test_an_ended_session_says_why_in_any_protocol(worker: Worker, toy: ToyChannel) -> None:
    """A new secret set over one protocol ends the sessions over others; the session that set it goes on."""
    alice, thief = ToyClient(worker, toy, "alice"), worker.client("alice")
    other = ToyClient(worker, toy, "alice")
    alice.begin(f"SECRET {'s' * 32} a-good-password")
    worker.work()
    assert alice.said()[-1].startswith("OK ")
    assert thief.hears.ended == ["SECRET_CHANGED"]
    assert other.said()[-1].startswith("ENDED SECRET_CHANGED The secret of alice was changed elsewhere")
    assert (alice.connected, thief.connected, other.connected) == (True, False, False)
    assert alice.ask("POST still here").startswith("OK ")


def test_a_session_moves_in_any_protocol(worker: Worker, toy: ToyChannel) -> None:
    """The client is told to move, and closed if it stays."""
    bob = ToyClient(worker, toy, "bob")
    handoff = Handoff(worker.sessions, worker.clock)
    handoff.shed(1)
    worker.settle()
    assert bob.said()[-1] == "MOVED"
    worker.pass_time(LEAVE_SECONDS + 1)
    assert not bob.connected
    assert handoff.moving == 0


def test_who_does_not_read_that_it_moves_is_cut_off_in_any_protocol(worker: Worker, toy: ToyChannel) -> None:
    """The connection is cut five seconds after we closed it, and nothing waits for it then."""
    clients: list[Client | ToyClient] = [worker.client("alice"), ToyClient(worker, toy, "bob")]
    for client in clients:
        client.wire.client_transport.reading = False
    handoff = Handoff(worker.sessions, worker.clock)
    handoff.shed(2)
    worker.pass_time(LEAVE_SECONDS + CLOSE_SECONDS - 1)
    assert len(worker.sessions.open) == 2
    worker.pass_time(1.5)
    assert not worker.sessions.open
    worker.pass_time(GRACE_SECONDS)  # for so long they are shown as being here: they move
    assert not worker.clock.getDelayedCalls()


def test_who_chats_is_told_that_the_log_was_put_back_in_any_protocol(worker: Worker, toy: ToyChannel) -> None:
    """After that, the session gets nothing more here."""
    alice, bob = acquainted(worker, toy)
    for session in worker.sessions.open:
        session.rewound(worker.at(1))
    alice.post("unheard")
    assert bob.said()[-1].startswith("REWOUND 1 ")
    assert bob.heard() == []
