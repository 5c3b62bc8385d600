"""AMP boxes as raw bytes, built and read without AMP: the load's side must cost little.

The vocabulary is that of chatnet.wire; docs/protocol.md describes it.
"""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from chatnet.entries import Entry
from chatnet.wire.common import VERSION

ANSWER = b"\0\x07_answer"
"""The first key of an answer as it is in the stream; counting these counts the answers."""
ERROR = b"\0\x06_error"

TEXT = "The quick brown fox jumps over the lazy dog, 64 characters long."
"""What everybody posts, to every contender."""

_read_entry = msgspec.msgpack.Decoder(Entry).decode
_run = os.urandom(6)
_keys = itertools.count()


class Refused(Exception):
    """The other end answered with an error."""


def box(pairs: dict[bytes, bytes]) -> bytes:
    """Return one AMP box."""
    parts = [len(part).to_bytes(2, "big") + part for pair in pairs.items() for part in pair]
    return b"".join(parts) + b"\0\0"


def ask(tag: int, command: bytes, **values: bytes) -> bytes:
    """Return a command that wants an answer; the tag always has eight digits."""
    named = {key.encode(): value for key, value in values.items()}
    return box({b"_ask": b"%08x" % tag, b"_command": command, **named})


def login(name: str) -> bytes:
    """Return a login; every bench user's secret is made from the name."""
    secret = name.encode().ljust(32, b".")
    return ask(0, b"Login", version=b"%d" % VERSION, name=name.encode(), secret=secret, new=b"1")


def join(room: str) -> bytes:
    return ask(0, b"Join", key=fresh_key(), room=room.encode())


def chat() -> bytes:
    return ask(0, b"Chat")


def post(tag: int, text: str = TEXT, made: float | None = None, room: str = "") -> bytes:
    """Return a post in ``room``, or one's own, that was ``made`` now, or then, in seconds since 1970."""
    there = {"room": room.encode()} if room else {}
    return ask(tag, b"Post", key=fresh_key(made), text=text.encode(), **there)


PING = box({b"_command": b"Ping"})


def fresh_key(made: float | None = None) -> bytes:
    """Return a draft's key, as a client makes it: its time, and bytes that were never used before."""
    return key_time(time.time() if made is None else made) + _run + next(_keys).to_bytes(4, "big")


def key_time(seconds: float) -> bytes:
    """Return how a key begins that was made at this time, in seconds since 1970."""
    return int(seconds * 1000).to_bytes(6, "big")


def boxes(stream: bytes) -> Iterator[dict[bytes, bytes]]:
    """Yield the complete boxes at the beginning of ``stream``."""
    at = 0
    pairs: dict[bytes, bytes] = {}
    while at + 2 <= len(stream):
        size = int.from_bytes(stream[at : at + 2], "big")
        if size == 0:
            yield pairs
            pairs, at = {}, at + 2
            continue
        key, at = stream[at + 2 : at + 2 + size], at + 2 + size
        size = int.from_bytes(stream[at : at + 2], "big")
        value, at = stream[at + 2 : at + 2 + size], at + 2 + size
        pairs[key] = value


def delivered(stream: bytes) -> list[Entry]:
    """Return the posts in what a session received."""
    return [_read_entry(found[b"entry"]) for found in boxes(stream) if found.get(b"_command") == b"Deliver"]


def exchange(sockets: Sequence[socket.socket], requests: Iterable[bytes]) -> list[dict[bytes, bytes]]:
    """Send each socket its request, all at once, and wait for one answer from each.

    :raises Refused: one answer was an error.
    """
    for connection, request in zip(sockets, requests, strict=True):
        connection.sendall(request)
    return [_answer(connection) for connection in sockets]


def _answer(connection: socket.socket) -> dict[bytes, bytes]:
    """Return the next answer; skip deliveries and pings before it."""
    received = b""
    while True:
        chunk = connection.recv(65536)
        if not chunk:
            raise Refused("the connection was closed")
        received += chunk
        for found in boxes(received):
            if b"_error" in found:
                raise Refused(found.get(b"_error_description", b"").decode())
            if b"_answer" in found:
                return found
