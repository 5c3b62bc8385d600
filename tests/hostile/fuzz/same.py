"""The same commands, one after the other, to a cluster on each store: the same answers, and the same log.

Nobody else is there, so that even the seqs must be alike.
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
"""How long an answer may take. One to a password takes its hash."""
SAID = tuple(name for name in TALK if name != "Ping")
"""All that is answered."""
USERS = 4
CHECK = b"checking"
"""Stands for the check of a log's beginning, which is its own."""


_OF_A_LOG = (b"ticket", b"log", b"check")


class Pool:
    """A connection that asks one thing at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self._boxes = Boxes()
        self._came: list[Mapping[bytes, bytes]] = []

    def ask(self, said: bytes) -> Mapping[bytes, bytes]:
        """What is answered; what comes besides is dropped. Empty if the connection is closed.

        :raises TimeoutError: nothing is.
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
        """Hang up."""
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
        """Who says it, what it is, and as it travels: without end."""
        for number, guise in enumerate(self._guises):
            yield number, "Login", _login(guise)
        while True:
            number = self._chance.randrange(USERS)
            name, said = self._command(self._guises[number])
            if name == "Chat":
                # A worker shows what it has followed: at least to what this user was told.
                yield number, "Post", self._post()
            yield number, name, said

    def login(self, number: int) -> bytes:
        """How that one comes back when the connection was closed."""
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
    """One cluster, and who asks there: a connection for each user, made again when it was closed."""

    def __init__(self, cluster: Cluster, sequence: Sequence) -> None:
        self._port = int(cluster.workers(1)[0]["address"].rpartition(":")[2])
        self._sequence = sequence
        self._askers: dict[int, Pool] = {}
        self._check = CHECK

    def ask(self, number: int, said: bytes) -> dict[bytes, object]:
        """What the user of that number is answered, in a form that can be compared."""
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
        """All hang up."""
        for asker in self._askers.values():
            asker.close()


def comparable(answer: Mapping[bytes, bytes]) -> dict[bytes, object]:
    """The answer without what may differ: tickets and checks are of a log, entries have their times."""
    plain: dict[bytes, object] = {key: value for key, value in answer.items() if key not in _OF_A_LOG}
    if b"posts" in answer:
        plain[b"posts"] = [
            timeless(post) for post in msgspec.msgpack.decode(answer[b"posts"], type=list[Entry])
        ]
    return plain


def timeless(entry: Entry) -> Entry:
    """The entry without its time; and of a ``register`` without the key, which the worker chooses."""
    key = b"" if entry.kind == "register" else entry.key
    return msgspec.structs.replace(entry, time=0, key=key)


def differences(sides: tuple[Side, Side], sequence: Sequence, count: int) -> Iterator[str]:
    """Where the answers to ``count`` commands differ."""
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
