"""Send the same commands, one after the other, to a cluster on each store, and compare answers and logs.

Nobody else uses the clusters, so even the seqs must be equal.
"""

from __future__ import annotations

import hashlib
import random
import socket
from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec
from hostile.fuzz import values
from hostile.fuzz.inputs import VOCABULARY, serialized
from hostile.fuzz.states import TALK, Guise, Visitor, known
from hostile.fuzz.values import Known

from chatnet.auth import Token
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.wire.boxes import Boxes
from chatnet.wire.common import VERSION
from rigs.processes import Cluster

ANSWER_SECONDS = 20.0
"""How long an answer may take. The answer to a password takes as long as its hash."""
SAID = tuple(name for name in TALK if name != "Ping")
"""All commands that are answered."""
USERS = 4
CHECK = b"checking"
"""Stands for the check of a log's beginning, which differs from log to log."""


_OF_A_LOG = (b"ticket", b"log", b"check", b"now")


class Pool:
    """A connection that asks one question at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self._boxes = Boxes()
        self._came: list[Mapping[bytes, bytes]] = []

    def ask(self, said: bytes) -> Mapping[bytes, bytes]:
        """Send ``said`` and return the answer; drop everything else that comes. An empty box: it is closed.

        :raises TimeoutError: no answer comes.
        """
        try:
            self._socket.sendall(said)
            while True:
                while self._came:
                    box = self._came.pop(0)
                    if b"_answer" in box or b"_error" in box:
                        return box
                piece = self._socket.recv(1 << 16)
                if not piece:
                    return {}
                self._came += self._boxes.feed(piece)
        except (ConnectionResetError, BrokenPipeError):
            return {}

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class Sequence:
    """Commands of ``seed`` for some users in turn. Keys, names and secrets follow from the seed alone."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"same/{seed}")
        self._guises = [
            Guise(f"user{number}", (hashlib.sha256(b"%d/%d" % (seed, number)).digest(),))
            for number in range(USERS)
        ]

    def commands(self) -> Iterator[tuple[int, str, bytes]]:
        """Yield the user's number, the command's name and its bytes, without end."""
        for number, guise in enumerate(self._guises):
            yield number, "Login", _login(guise)
        while True:
            number = self._chance.randrange(USERS)
            name, said = self._command(self._guises[number])
            if name == "Chat":
                # A worker shows what it has followed, which is at least what this user was told.
                yield number, "Post", self._post()
            yield number, name, said

    def login(self, number: int) -> bytes:
        """Return the command by which user ``number`` logs in again after the connection closed."""
        return _login(self._guises[number])

    def _command(self, guise: Guise) -> tuple[str, bytes]:
        chance = self._chance
        pool = [command for command in VOCABULARY if command.__name__ in SAID]
        command = chance.choice(pool)
        box = {b"_command": command.__name__.encode(), b"_ask": b"1"}
        usual = self._known(guise)
        for key, argument in command.arguments:
            said = values.value(key.decode(), argument, chance, usual)
            if said is not None:
                box[key] = said
        return command.__name__, serialized(box)

    def _post(self) -> bytes:
        key = self._chance.randbytes(16)
        return serialized({b"_command": b"Post", b"_ask": b"1", b"key": key, b"text": b"hello"})

    def _known(self, guise: Guise) -> Known:
        usual = known(Visitor(self._chance, guise, Token(bytes(32))))
        return {
            **usual,
            "key": [self._chance.randbytes(16) for _ in range(4)] + [b"%016d" % self._chance.randrange(20)],
            "text": [word.encode() for word in values.WORDS],
            "room": [b"user0", b"user1", b"user2", b"#tea", *(word.encode() for word in values.WORDS)],
            "cursor": [b"0", b"0", b"%d" % self._chance.randrange(200)],
            "check": [CHECK],
            "before": [b"%d" % self._chance.randrange(200)],
        }


class Side:
    """A cluster and its users: a connection for each, which is opened again after it closed."""

    def __init__(self, cluster: Cluster, sequence: Sequence) -> None:
        self._port = int(cluster.workers(1)[0]["address"].rpartition(":")[2])
        self._sequence = sequence
        self._askers: dict[int, Pool] = {}
        self._check = CHECK

    def ask(self, number: int, said: bytes) -> dict[bytes, object]:
        """Send ``said`` as the user ``number``; return the answer in a form that can be compared."""
        asker = self._askers.get(number)
        if asker is None:
            asker = self._askers[number] = Pool(self._port)
            if said != (login := self._sequence.login(number)):
                asker.ask(login)
        answer = asker.ask(said.replace(CHECK, self._check))
        if b"log" in answer:
            self._check = Cursor.beginning(answer[b"log"].decode()).check
        if not answer:
            self._askers.pop(number).close()
        return comparable(answer)

    def close(self) -> None:
        """Close all connections."""
        for asker in self._askers.values():
            asker.close()


def comparable(answer: Mapping[bytes, bytes]) -> dict[bytes, object]:
    """Return the answer without what may differ: tickets, checks and times."""
    plain: dict[bytes, object] = {key: value for key, value in answer.items() if key not in _OF_A_LOG}
    if b"posts" in answer:
        plain[b"posts"] = [
            timeless(post) for post in msgspec.msgpack.decode(answer[b"posts"], type=list[Entry])
        ]
    return plain


def timeless(entry: Entry) -> Entry:
    """Return the entry without its time; and a ``register`` without its key, which the worker chooses."""
    key = b"" if entry.kind == "register" else entry.key
    return msgspec.structs.replace(entry, time=0, key=key)


def differences(sides: tuple[Side, Side], sequence: Sequence, count: int) -> Iterator[str]:
    """Yield where the answers to ``count`` commands differ."""
    for place, (number, name, said) in enumerate(islice(sequence.commands(), count)):
        first, second = (side.ask(number, said) for side in sides)
        if first != second:
            yield f"{place}: {name} {said[:300]!r} was answered by {first} and by {second}"


def _login(guise: Guise) -> bytes:
    return serialized(
        {
            b"_command": b"Login",
            b"_ask": b"1",
            b"version": b"%d" % VERSION,
            b"name": guise.name.encode(),
            b"secret": guise.secrets[0],
            b"new": b"1",
        }
    )
