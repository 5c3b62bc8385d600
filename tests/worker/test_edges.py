"""What a client may get wrong: every argument of every command, at the edges of what can be sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.protocols import amp
from twisted.python.failure import Failure
from worker.conftest import Client, Worker

from chatnet.entries import Draft, More
from chatnet.errors import BadRequest, InternalFailure, Poison
from chatnet.kinds import CLUSTER
from chatnet.wire import session as wire
from chatnet.wire.arguments import Command
from chatnet.wire.common import VERSION, Ping
from chatnet.wire.table import Speaker, understood

Box = dict[bytes, bytes]

OURS = (InternalFailure.code, Poison.code)
"""What says that we have failed: no client can make us say it."""
EDGES = [
    *(b"", b" ", b"\0", b"\xff", b"x", b"a b", b"-", b"*", "１".encode(), "é".encode() * 450),
    *(b"0", b"1", b"-1", b"1.5", b"1e3", b"9" * 400),
    *(b"%d" % (2**power - less) for power in (31, 32, 53, 62, 63, 64) for less in (0, 1)),
    *(b"none", b"owner", b"admin", b"moderator", b"king", b"all", b"joined", b"read", b"notice", b"members"),
    *(b"chatnet", b"you", b"alice", b"@alice", b"bob", b"@bob", b"Bob ", b"alice=bob", b"alice=alice"),
    *(b"#", b"&", b"@", b"=", b"!mods", b"#tea", b"&ops", b"&none", b"@x y", b"#\xcc\x81", b"\xe2\x80\xae"),
    *(b"k" * size for size in (7, 8, 9, 15, 16, 17, 31, 32, 33, 1024, 1025)),
]
LONG = b"x" * 60_000
"""More than a stranger may say: it is for users alone."""


def a_user(worker: Worker) -> Client:
    """Return alice, an admin, who owns a private room with bob in it, and has posted there, at seq 9."""
    client, bob = worker.client("alice"), worker.client("bob")
    worker.commit(Draft("role", CLUSTER, "", "admin", b"r" * 16, 0, More(to="alice")))
    client.ask(wire.Create, key=client.key(), room="&ops", history="all")
    client.ask(wire.Invite, key=client.key(), room="&ops", to="bob")
    bob.join("&ops")
    client.join("#tea")
    bob.join("#tea")
    client.post("x", "&ops")
    return client


def good(command: type[Command], worker: Worker) -> Box:
    """Return a box of the command that is in order, or at least well formed, with all that it may have."""
    at = worker.at(len(worker.log.entries))
    known: dict[str, Any] = {
        **{"version": VERSION, "new": True, "device": b"d" * 16, "label": "desk", "scope": "post"},
        **{"ticket": b"t", "secret": b"p" * 32, "old": b"s" * 32, "room": "&ops", "to": "bob", "text": "x"},
        **{"history": "all", "role": "moderator", "reason": "why", "value": "members", "form": "notice"},
        **{"seq": at.seq, "ref": at.seq, "cursor": at.seq, "check": at.check, "until": 2**60, "mute": True},
        **{"after": "", "prefix": "", "mine": True, "before": at.seq, "id": 1, "uses": 3, "code": b"c" * 32},
        **{"name": "zoe", "key": b"k" * 16, "codes": bytes(range(256))},
    }
    if command is wire.SetPolicy:
        known["name"] = "invite"
    if command is wire.Login:
        known["code"] = "7KQM-2XWD-9TRP"
    if command is Ping:
        return {}
    return {name: argument.toString(known[name.decode()]) for name, argument in command.arguments}


def boxes(command: type[Command], whole: Box, edges: list[bytes]) -> Iterator[Box]:
    """Yield boxes with one argument at an edge, or without it, and with all others, or only those needed."""
    needed = {name: whole[name] for name, argument in command.arguments if not argument.optional and whole}
    yield whole
    for base in (whole, needed):
        for name, _ in command.arguments:
            yield {other: value for other, value in base.items() if other != name}
            for edge in edges:
                yield {**base, name: edge}


@pytest.mark.parametrize("command", sorted(understood(Speaker.USER), key=str), ids=lambda one: one.__name__)
def test_no_user_makes_us_fail(command: type[Command], worker: Worker) -> None:
    """Whatever is wrong is refused by a code of the command's, in one sentence, and the session goes on."""
    client = a_user(worker)
    found = []
    for number, box in enumerate(boxes(command, good(command, worker), [*EDGES, LONG])):
        if box.get(b"key") == b"k" * 16:  # every draft has a key of its own
            box = {**box, b"key": b"%016d" % number}
        found.append(code_of(worker, client, command, box))
        assert client.connected, box
    assert found[0] != BadRequest.code
    assert client.post("still here")


@pytest.mark.parametrize("command", [wire.Login, wire.Resume], ids=lambda one: one.__name__)
def test_no_stranger_makes_us_fail(command: type[Command], worker: Worker) -> None:
    """Nor does anybody who has not logged in."""
    a_user(worker)
    found = []
    for box in boxes(command, good(command, worker), EDGES):
        client = worker.client()
        found.append(code_of(worker, client, command, box))
        client.cut()
    assert found[0] != BadRequest.code


def code_of(worker: Worker, client: Client, command: type[Command], box: Box) -> bytes:
    """Send the box; return the code by which it is refused, after checking it, or nothing."""
    found: list[Any] = []
    sent: Deferred[Any] = client.link._sendBoxCommand(command.commandName, amp.AmpBox(box))
    sent.addBoth(found.append)
    for _ in range(20):  # who shows one wrong secret after the other waits
        worker.work()
        worker.pass_time(0.5)
        if found:
            break
    assert found, f"no answer to {box}"
    if not isinstance(found[0], Failure):
        return b""
    error = cast(amp.RemoteAmpError, found[0].value)
    assert error.errorCode not in OURS, box
    assert error.errorCode in command.errors.values(), (error.errorCode, box)
    assert error.description.isprintable(), box
    code: bytes = error.errorCode
    return code
