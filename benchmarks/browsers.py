"""What browsers say, as raw bytes: requests, and frames with a mask of zeros. The load's side must cost
little. docs/web.md describes it.
"""

from __future__ import annotations

import json
import socket
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.cluster import GROUP
from benchmarks.wire import TEXT, fresh_key

HEAD_ENDS, WELCOME = b"\r\n\r\n", b'"t":"welcome"'
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
"""The headers with which a request asks for a WebSocket, without any extension."""


CHROMIUMS = (
    "Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) "
    "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: websocket\r\nSec-Fetch-Dest: empty\r\n"
)
"""What else Chromium says when a page asks for a WebSocket: reading it is a part of the cost."""


class NotTaken(Exception):
    """The other end refused a request."""


def packed(raw: bytes) -> str:
    """Return bytes as they stand in JSON."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def request(
    method: str, path: str, host: str, body: object = None, ticket: str = "", more: str = ""
) -> bytes:
    """Return the bytes of a request."""
    content = b"" if body is None else json.dumps(body).encode()
    shows = f"Authorization: Bearer {ticket}\r\n" if ticket else ""
    has = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if content else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{shows}{has}{more}\r\n".encode() + content


def frame(message: object) -> bytes:
    """Return the frame of a message, of at most 64 KiB."""
    return masked(json.dumps(message).encode())


def masked(said: bytes) -> bytes:
    """Return the frame of a text of at most 64 KiB, with a mask of zeros."""
    size = bytes([0x80 | len(said)]) if len(said) < 126 else b"\xfe" + len(said).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + said


def post(number: int) -> bytes:
    """Return the frame of a post."""
    return frame({"t": "post", "id": number, "key": packed(fresh_key()), "text": TEXT})


PING = b"\x8a\x80\0\0\0\0"
"""A pong, which is a sign of life."""
PINGED = b"\x89\0"
"""A worker's ping."""


def messages(stream: bytes) -> list[dict[str, Any]]:
    """Return the messages in a stream of frames of a worker."""
    return [json.loads(said) for said in texts(stream)]


def texts(stream: bytes) -> list[bytes]:
    """Return the texts in a stream of frames of a server."""
    found: list[bytes] = []
    at = 0
    while at + 2 <= len(stream):
        size, begin = stream[at + 1], at + 2
        if size >= 126:
            digits = 2 if size == 126 else 8
            size, begin = int.from_bytes(stream[begin : begin + digits], "big"), begin + digits
        if stream[at] == 0x81:
            found.append(stream[begin : begin + size])
        at = begin + size
    return found


def delivered(stream: bytes) -> list[str]:
    """Return the texts of the posts in what a socket received."""
    return [
        one["text"] for message in messages(stream) if message["t"] == "posts" for one in message["posts"]
    ]


class Site:
    """The web port of a running cluster."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._host = f"localhost:{port}"

    def log(self) -> str:
        """Return the id of the log."""
        [about] = self._ask([""], lambda _: request("GET", "/api/v1/about", self._host))
        return str(about["log"])

    def register(self, names: Sequence[str], room: str) -> list[str]:
        """Register these users, who follow ``room`` if it is not empty; return their tickets."""
        answers = self._ask(names, self._login)
        tickets = [answer["ticket"] for answer in answers]
        if room:
            self._ask(tickets, lambda ticket: self._request("PUT", f"/rooms/{room}/membership", ticket))
        return tickets

    def connect(self, tickets: Sequence[str]) -> list[socket.socket]:
        """Return a socket for each ticket, which has said hello and been welcomed."""
        hello = frame({"t": "hello", "v": 1})
        connections: list[socket.socket] = []
        for group in _groups(tickets):
            fresh = [self._line() for _ in group]
            for connection, ticket in zip(fresh, group, strict=True):
                connection.sendall(request("GET", "/ws", self._host, None, ticket, UPGRADE) + hello)
            for connection in fresh:
                head = until(connection, WELCOME)
                if not head.startswith(b"HTTP/1.1 101 "):
                    raise NotTaken(head.decode(errors="replace"))
            connections += fresh
        return connections

    def _line(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=20)

    def _login(self, name: str) -> bytes:
        secret, device = name.encode().ljust(32, b"."), name.encode().ljust(16, b".")[:16]
        body = {
            "name": name,
            "secret": packed(secret),
            "device": packed(device),
            "new": True,
            "cookie": False,
        }
        return request("POST", "/api/v1/session", self._host, body)

    def _request(self, method: str, path: str, ticket: str) -> bytes:
        return request(method, f"/api/v1{path}", self._host, {}, ticket)

    def _ask(self, whoms: Sequence[str], make: Callable[[str], bytes]) -> list[Any]:
        found: list[Any] = []
        for group in _groups(whoms):
            lines = [self._line() for _ in group]
            for line, whom in zip(lines, group, strict=True):
                line.sendall(make(whom))
            found += [_answer(line) for line in lines]
            for line in lines:
                line.close()
        return found


def _groups(all_of_them: Sequence[str]) -> list[Sequence[str]]:
    return [all_of_them[at : at + GROUP] for at in range(0, len(all_of_them), GROUP)]


def _answer(line: socket.socket) -> Any:
    head, _, body = until(line, HEAD_ENDS).partition(HEAD_ENDS)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(body) < length:
        body += line.recv(65536)
    if not head.startswith(b"HTTP/1.1 2"):
        raise NotTaken(body.decode())
    return json.loads(body) if body else {}


def until(line: socket.socket, mark: bytes) -> bytes:
    """Return what comes until ``mark`` has.

    :raises NotTaken: the connection was closed before.
    """
    came = b""
    while mark not in came:
        more = line.recv(65536)
        if not more:
            raise NotTaken(came.decode(errors="replace"))
        came += more
    return came
