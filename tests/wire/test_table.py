"""Who may say what, and when: the table, the code and the document agree."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from master.in_memory import HOST, Master, Peer
from test_protocol_document import TEXT, commands
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.protocols import amp
from twisted.python.failure import Failure
from worker.conftest import Client, Worker

import chatnet
from chatnet.auth import Token
from chatnet.client.from_worker import FromWorker
from chatnet.errors import NotAllowed, TlsRequired
from chatnet.master import replica
from chatnet.master.port import KnownPrimary, Redirect
from chatnet.net.gate import Unregistered, prove
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.security import InPlain
from chatnet.rules import MOST_A_DAY
from chatnet.testing.loopback import Loopback
from chatnet.wire.arguments import Command
from chatnet.wire.cluster import Register, WorkerIdentity
from chatnet.wire.common import Ping
from chatnet.wire.marks import TellMarks
from chatnet.wire.replica import Attach, MasterIdentity
from chatnet.wire.table import RULES, Speaker, understood
from chatnet.worker import commands as orders

COMMANDS = sorted(commands(), key=lambda command: command.__name__)


REFUSED = (NotAllowed.code, TlsRequired.code)
TOKEN = Token(b"t" * 32)


class Nobody:
    """What an order is passed on to, where only the right to give it is tested."""

    def __getattr__(self, name: str) -> Nobody:
        return self

    def __call__(self, *_: object, **__: object) -> None:
        """Do nothing."""


class Stage:
    """A link whose other end is a speaker: the code of that state handles what it says."""

    def __init__(self, speaker: Link, settle: Callable[[], None]) -> None:
        self.speaker = speaker
        self.settle = settle

    def is_understood(self, command: type[Command]) -> bool:
        """Return whether an empty box is obeyed or refused for what it lacks, not for who says it."""
        found: list[Any] = []
        sent: Deferred[Any] = self.speaker._sendBoxCommand(command.commandName, amp.AmpBox())
        sent.addBoth(found.append)
        self.settle()
        if not found:
            return True  # it is being done
        return not (isinstance(found[0], Failure) and _code(found[0]) in REFUSED)


def _code(failure: Failure) -> bytes:
    code: bytes = cast(amp.RemoteAmpError, failure.value).errorCode
    return code


def to_primary(tmp_path: Path, become: Callable[[Master, Peer], None]) -> Stage:
    """Return a peer that is linked to a primary."""
    master = Master(tmp_path, workers=0)
    peer = Peer(master)
    become(master, peer)
    master.settle()
    return Stage(peer.link, master.settle)


def a_proven(role: Any) -> Callable[[Master, Peer], None]:
    return lambda master, peer: peer.prove(role)


def a_worker(master: Master, peer: Peer) -> None:
    peer.prove("worker")
    peer.ask(Register, worker=WorkerIdentity("w1", HOST, 1, "127.0.0.1:40001", False, 0), seen=0)


def a_replica(master: Master, peer: Peer) -> None:
    peer.prove("replica")
    peer.ask(Attach, master=MasterIdentity(HOST, 5, 1, False), seen=0)


def to_worker(become: Callable[[Client], object]) -> Stage:
    """Return a client of a worker."""
    worker = Worker()
    client = worker.client()
    become(client)
    return Stage(client.link, worker.settle)


def alone(hears: Locator) -> Stage:
    """Return what is at the other end of a link that ``hears``."""
    clock = Clock()
    outboxes = Outboxes(clock)
    speaker = Link(Locator(), outboxes)
    wire = Loopback(Link(hears, outboxes), speaker)

    def settle() -> None:
        clock.advance(0)
        while wire.pump():
            clock.advance(0)

    return Stage(speaker, settle)


def at_standby() -> Stage:
    return alone(Redirect(KnownPrimary, TOKEN, lambda size: b"e" * size, Clock()))


nobody = cast(Any, Nobody())
STAGES: dict[str, tuple[Speaker, Callable[[Path], Stage]]] = {
    "stranger, to the primary": (Speaker.STRANGER, lambda path: to_primary(path, lambda *_: None)),
    "stranger, to a replica": (Speaker.STRANGER, lambda _: at_standby()),
    "proven as worker": (Speaker.NEW_WORKER, lambda path: to_primary(path, a_proven("worker"))),
    "registered": (Speaker.FOLLOWER, lambda path: to_primary(path, a_worker)),
    "proven as replica": (Speaker.NEW_REPLICA, lambda path: to_primary(path, a_proven("replica"))),
    "attached": (Speaker.REPLICA, lambda path: to_primary(path, a_replica)),
    "proven as operator": (Speaker.OPERATOR, lambda path: to_primary(path, a_proven("operator"))),
    "stranger, to a worker": (Speaker.VISITOR, lambda _: to_worker(lambda client: None)),
    "user": (Speaker.USER, lambda _: to_worker(lambda client: client.login("alice"))),
    "in plain": (Speaker.IN_PLAIN, lambda _: alone(InPlain(Clock()))),
    "dialled": (Speaker.DIALLED, lambda _: alone(Unregistered())),
    "primary, to its worker": (Speaker.PRIMARY, lambda _: alone(orders.FromPrimary(nobody, 7))),
    "primary, to its replica": (
        Speaker.PRIMARY_OF_REPLICA,
        lambda _: alone(replica.FromPrimary(nobody, 7)),
    ),
    "worker, to its client": (Speaker.SERVER, lambda _: alone(FromWorker(nobody, nobody, nobody, nobody))),
}


@pytest.mark.parametrize("stage", STAGES)
def test_each_speaker_may_say_what_the_table_says(stage: str, tmp_path: Path) -> None:
    """Every command is said in every state, before and after the proof, in the right role and in wrong ones.
    It is understood if the table has it there, and else answered by NOT_ALLOWED, or TLS_REQUIRED."""
    speaker, make = STAGES[stage]
    heard = {command for command in COMMANDS if make(tmp_path).is_understood(command)}
    assert heard == understood(speaker)


def locators() -> list[type[Locator]]:
    """Return every class of responders of the product."""
    for module in pkgutil.walk_packages(chatnet.__path__, "chatnet."):
        if not module.name.startswith(("chatnet.testing", "chatnet.__main__", "chatnet.operator.__main__")):
            importlib.import_module(module.name)

    def below(root: type[Locator]) -> list[type[Locator]]:
        return [one for child in root.__subclasses__() for one in (child, *below(child))]

    ours = [one for one in below(Locator) if one.__module__.startswith("chatnet.")]
    return [one for one in ours if not one.__module__.startswith("chatnet.testing")]


@pytest.mark.parametrize("locator", locators(), ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_no_class_understands_more_than_the_table(locator: type[Locator]) -> None:
    """A class of responders has exactly the commands that the table has for its speaker.

    A base of several classes has no speaker: those that inherit it understand its commands."""
    responds = {command for command, _ in locator._commandDispatch.values()}
    if locator.speaker is None:
        assert any(locator in other.__mro__ and other.speaker for other in locators())
        assert responds <= set(COMMANDS)
    else:
        assert responds == understood(locator.speaker)


def test_every_command_is_in_the_table_once() -> None:
    """A command that is not in the table cannot be added."""
    assert sorted((rule.command for rule in RULES), key=lambda command: command.__name__) == COMMANDS


def test_every_state_is_tried() -> None:
    """No speaker is left out above; a worker with its own log says less than one that follows ours.

    Only it says which marks it has kept itself."""
    assert {speaker for speaker, _ in STAGES.values()} == set(Speaker) - {Speaker.WORKER}
    assert understood(Speaker.WORKER) - {TellMarks} < understood(Speaker.FOLLOWER)
    assert TellMarks in understood(Speaker.WORKER) - understood(Speaker.FOLLOWER)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.command.__name__)
def test_the_document_shows_the_table(rule: Any) -> None:
    """docs/protocol.md has the row as in the code."""
    assert rule.row() in TEXT


def test_a_proof_in_one_role_is_none_in_another(tmp_path: Path) -> None:
    """An unknown role and a second proof are refused: no peer changes its role."""
    stage = to_primary(tmp_path, a_proven("operator"))
    found: list[Any] = []
    again = prove(stage.speaker, TOKEN, "worker", lambda size: b"c" * size)
    Deferred.fromCoroutine(again).addBoth(found.append)
    stage.settle()
    assert isinstance(found[0], Failure)
    assert found[0].check(NotAllowed)
    assert Ping in understood(Speaker.OPERATOR)


def test_the_table_says_how_often_a_day() -> None:
    """For each kind of which the log takes so many of a user in a day, and that clients say."""
    commands = {
        **{"role": "SetRole", "policy": "SetPolicy", "report": "ReportPost", "code": "MakeCode"},
        **{"mute": "Ban", "session": "", "spelling": ""},  # no command; of IRC alone
    }
    often = {rule.command.__name__: rule.often for rule in RULES}
    for kind, most in MOST_A_DAY.items():
        command = commands.get(kind, kind.capitalize())
        assert not command or f" {most:,} a day" in often[command], kind
