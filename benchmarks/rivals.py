"""Servers in Node that the WebSocket bench measures chatnet beside: `ws` and Socket.IO, from npm.

Each is one process, which is all that Node uses, in production mode and without compression, as ours is. They
keep nothing: a post is parsed, given a number, encoded once and sent to everybody in its room. ``npm/`` has
their programs and the versions of what they need, which is installed when the bench runs.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.browsers import HEAD_ENDS, PING, UPGRADE, masked, packed, request, texts, until
from benchmarks.cluster import GROUP
from benchmarks.processes import listens, started, wait_until
from benchmarks.wire import TEXT, fresh_key
from rigs.processes import free_port

PROGRAMS = Path(__file__).with_name("npm")
ROOM = "rivals"
INSTALL_SECONDS = 120


@dataclass(frozen=True)
class Dialect:
    """What is said to one of these servers, each time as the text of a frame.

    ``greeting`` is sent first; when ``greeted`` has come, ``join``, and when ``joined`` has come, the client
    is in the room.
    """

    name: str
    program: str
    path: str
    greeting: bytes
    greeted: bytes
    join: bytes
    joined: bytes
    sign_of_life: bytes
    post: Callable[[int], bytes]
    read: Callable[[bytes], list[str]]


class Rival:
    """Such a server, with its followers in one room: a :class:`~benchmarks.crowd.Contender`."""

    def __init__(self, pid: int, port: int, followers: int, dialect: Dialect) -> None:
        self.name = dialect.name
        self.pids: tuple[int, ...] = (pid,)
        self._dialect = dialect
        self.poster, *self.followers = self._connect(port, followers + 1)
        self._numbers = itertools.count(1)

    def _connect(self, port: int, count: int) -> list[socket.socket]:
        dialect = self._dialect
        opening = request("GET", dialect.path, f"localhost:{port}", more=UPGRADE)
        connections: list[socket.socket] = []
        while len(connections) < count:
            fresh = [
                socket.create_connection(("127.0.0.1", port), timeout=20)
                for _ in range(min(GROUP, count - len(connections)))
            ]
            _exchange(fresh, opening, HEAD_ENDS)
            if dialect.greeting:
                _exchange(fresh, masked(dialect.greeting), dialect.greeted)
            _exchange(fresh, masked(dialect.join), dialect.joined)
            connections += fresh
        return connections

    def posts(self, count: int) -> bytes:
        return b"".join(masked(self._dialect.post(next(self._numbers))) for _ in range(count))

    def read(self, stream: bytes) -> list[str]:
        return [text for said in texts(stream) for text in self._dialect.read(said)]

    def heartbeat(self) -> None:
        """Send a sign of life."""
        for connection in [*self.followers, self.poster]:
            connection.sendall(self._dialect.sign_of_life)


def _exchange(connections: Sequence[socket.socket], said: bytes, awaited: bytes) -> None:
    for connection in connections:
        connection.sendall(said)
    for connection in connections:
        until(connection, awaited)


def _fields() -> dict[str, str]:
    return {"user": "poster", "room": ROOM, "key": packed(fresh_key()), "text": TEXT}


def _ws_post(number: int) -> bytes:
    return json.dumps({"t": "post", "id": number, **_fields()}).encode()


def _ws_read(said: bytes) -> list[str]:
    message = json.loads(said)
    return [post["text"] for post in message["posts"]] if message["t"] == "posts" else []


def _socketio_post(number: int) -> bytes:
    return b"42%d%s" % (number, json.dumps(["post", _fields()]).encode())


def _socketio_read(said: bytes) -> list[str]:
    if not said.startswith(b'42["posts"'):
        return []
    return [post["text"] for post in json.loads(said[2:])[1]]


WS = Dialect(
    name="ws",
    program="ws.js",
    path="/",
    greeting=b"",
    greeted=b"",
    join=json.dumps({"t": "join", "id": 0, "room": ROOM}).encode(),
    joined=b'"ok"',
    sign_of_life=PING,
    post=_ws_post,
    read=_ws_read,
)
SOCKET_IO = Dialect(
    name="Socket.IO",
    program="socketio.js",
    path="/socket.io/?EIO=4&transport=websocket",
    greeting=b"40",
    greeted=b'40{"sid"',
    join=b"420" + json.dumps(["join", ROOM]).encode(),
    joined=b"430[",
    sign_of_life=masked(b"3"),
    post=_socketio_post,
    read=_socketio_read,
)
RIVALS = (WS, SOCKET_IO)


@contextlib.contextmanager
def serving(directory: Path, followers: int, dialect: Dialect) -> Iterator[Rival]:
    """Run such a server for the length of the ``with``."""
    port = free_port()
    argv = ["env", "NODE_ENV=production", str(found("node")), str(PROGRAMS / dialect.program), str(port)]
    with started(argv, directory, dialect.program) as server:
        wait_until(lambda: listens(port), f"the start of {dialect.name}")
        yield Rival(server.pid, port, followers, dialect)


def install() -> bool:
    """Install what they need, unless that is there; return False where that cannot be."""
    npm = found("npm")
    if npm is None or found("node") is None:
        return False
    kept, wanted = PROGRAMS / "node_modules" / ".package-lock.json", PROGRAMS / "package-lock.json"
    if not kept.exists() or kept.stat().st_mtime < wanted.stat().st_mtime:
        argv = [npm, "ci", "--omit=dev", "--silent", "--no-audit", "--no-fund"]
        try:
            subprocess.run(argv, cwd=PROGRAMS, check=True, timeout=INSTALL_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False
        os.utime(kept)
    return True


def found(program: str) -> str | None:
    """Return where a program of Node is: on the path, or beside this Python (see the Makefile)."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{Path(sys.executable).parent}")
