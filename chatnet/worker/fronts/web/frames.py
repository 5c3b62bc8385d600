"""The frames of WebSocket (RFC 6455): those that a client sends are read, those for clients are made. Pure.

A frame for a client is not masked, so that it is the same for all who hear a post: it is made once. Nothing
is compressed: a context for each connection would take more memory than all else together.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator
from enum import IntEnum
from hashlib import sha1
from typing import NamedTuple

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage

MOST_BYTES = 64 * 1024
"""The longest message of a client, in bytes, in one frame or in many."""
KEY_BYTES = 16
"""The length of the key in a client's handshake."""
VERSION = "13"
"""The version of the protocol, as it stands in handshakes."""
PING = b"\x89\x00"
"""The frame of a ping without content."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PONG = 0x81, 0x88, 0x8A
_MOST_REASON = 123


class Code(IntEnum):
    """Why a connection is closed: the codes that we send."""

    NORMAL = 1000
    STOPPING = 1001
    PROTOCOL_ERROR = 1002
    NOT_TEXT = 1003
    NOT_UTF8 = 1007
    NOT_ALLOWED = 1008
    TOO_BIG = 1009
    MOVED = 4001
    ENDED = 4002
    OTHER_VERSION = 4003


def accepted(key: str) -> str | None:
    """Return what a server answers to the key of a handshake; None if that is no key."""
    try:
        is_key = len(b64decode(key, validate=True)) == KEY_BYTES
    except (NotBase64, ValueError):
        return None
    return b64encode(sha1(key.encode() + _GUID).digest()).decode() if is_key else None


def text(message: bytes) -> bytes:
    """Return the frame of a message, which is UTF-8."""
    return _head(_TEXT, len(message)) + message


def pong(payload: bytes) -> bytes:
    """Return the answer to a ping."""
    return _head(_PONG, len(payload)) + payload


def close(code: int, reason: str = "") -> bytes:
    """Return the frame that closes a connection; of a long reason, its beginning."""
    cut = reason.encode()[:_MOST_REASON].decode(errors="ignore").encode()
    payload = code.to_bytes(2, "big") + cut
    return _head(_CLOSE, len(payload)) + payload


def _head(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")


class Said(NamedTuple):
    """A whole message."""

    text: str


class Pinged(NamedTuple):
    """A ping, with what is to be sent back."""

    payload: bytes


class Alive(NamedTuple):
    """A pong, or a part of a message that is not whole: a sign of life, no more."""


class Closed(NamedTuple):
    """Nothing more comes: the client has closed with ``code`` (``by_client``), or broke the rules."""

    code: int
    reason: str
    by_client: bool


Received = Said | Pinged | Alive | Closed

_MOST_PARTS = 64
_ALIVE = Alive()
_TOO_BIG = Closed(Code.TOO_BIG, f"a message has at most {MOST_BYTES:,} bytes", False)
_NOT_TEXT = Closed(Code.NOT_TEXT, "messages are text", False)


class Incoming:
    """What a client sends. After a :class:`Closed` nothing more is read."""

    __slots__ = ("_bytes", "_connection", "_events", "_is_closed", "_parts")

    def __init__(self) -> None:
        self._connection = Connection(ConnectionType.SERVER)
        self._events: Iterator[Event] | None = None
        self._parts: list[str] | None = None
        self._bytes = 0
        self._is_closed = False

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        if not self._is_closed:
            self._connection.receive_data(data)

    def next(self) -> Received | None:
        """Return what comes next; None if that has not arrived."""
        if self._is_closed:
            return None
        if self._events is None:
            self._events = self._connection.events()
        event = next(self._events, None)
        if event is None:
            self._events = None
            return None
        received = self._understood(event)
        self._is_closed = isinstance(received, Closed)
        return received

    def _understood(self, event: Event) -> Received:
        match event:
            case TextMessage():
                return self._part(event.data, event.message_finished)
            case Ping():
                return Pinged(bytes(event.payload))
            case CloseConnection():
                return self._closing(event)
            case BytesMessage():
                return _NOT_TEXT
        return _ALIVE

    def _part(self, data: str, is_last: bool) -> Received:
        size = len(data) if data.isascii() else len(data.encode())
        if self._bytes + size > MOST_BYTES:
            return _TOO_BIG
        if self._parts is None:
            if is_last:
                return Said(data)
            self._parts = []
        self._keep(data)
        self._bytes += size
        if not is_last:
            return _ALIVE
        whole = "".join(self._parts)
        self._parts, self._bytes = None, 0
        return Said(whole)

    def _keep(self, data: str) -> None:
        parts = self._parts
        assert parts is not None
        parts.append(data)
        if len(parts) > _MOST_PARTS:  # pieces of one letter would take fifty times as much memory
            parts[:] = ["".join(parts)]

    def _closing(self, event: CloseConnection) -> Closed:
        by_client = self._connection.state is ConnectionState.REMOTE_CLOSING
        return Closed(event.code, event.reason or "", by_client)
