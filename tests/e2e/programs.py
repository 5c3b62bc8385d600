"""Programs that speak HTTP for a user, on a cluster that may be killed at any time."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from chatnet.keys import key_text

OVER = "it is over"
"""The last post that is followed."""
PASSED = (ConnectionError, http.client.HTTPException, TimeoutError, socket.timeout)
"""What passes: the same is asked again."""


class Program:
    """A program that speaks HTTP for one user, and asks until it is answered."""

    def __init__(self, port: int, name: str) -> None:
        self.port = port
        self.name = name
        secret = key_text(name.encode().ljust(32, b"-"))
        login = {"name": name, "secret": secret, "device": key_text(b"d" * 16), "new": True, "cookie": False}
        self.token = ""
        self.token = self.ask("POST", "/session", login)["ticket"]

    @contextlib.contextmanager
    def open(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> Iterator[http.client.HTTPResponse]:
        """Yield an answer, whose body is not read."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=20)
        named = {"Content-Type": "application/json", **headers}
        if self.token:
            named["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), named)
            with connection.getresponse() as answer:
                yield answer
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Return the answer to a request, which is asked again as long as nobody has answered it."""
        while True:
            try:
                with self.open(method, path, body, **headers) as answer:
                    content = answer.read()
            except PASSED:
                time.sleep(0.02)
                continue
            if answer.status < 300:
                return json.loads(content)
            assert answer.status in (429, 503), content
            time.sleep(0.05)


class Follower(threading.Thread):
    """Follows the stream of a user from cursor to cursor.

    ``heard`` are the texts of posts, and ``began`` counts the streams. ``told`` is everything that was told,
    and when, in monotonic seconds.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(daemon=True)
        self._program = program
        self._cursor = ""
        self.heard: list[str] = []
        self.told: list[tuple[float, dict[str, Any]]] = []
        self.began = 0
        self.is_over = False
        self.failed = ""

    def run(self) -> None:
        while not (self.failed or self.is_over):
            try:
                self._follow()
            except PASSED:
                time.sleep(0.02)

    def _follow(self) -> None:
        path = f"/stream?cursor={self._cursor}" if self._cursor else "/stream"
        with self._program.open("GET", path, Accept="application/x-ndjson") as answer:
            if answer.status != 200:
                self.failed = "" if answer.status in (429, 503) else answer.read().decode()
                raise ConnectionError
            self.began += 1
            while not self.is_over and (line := answer.readline()).endswith(b"\n"):
                told = json.loads(line)
                self.told.append((time.monotonic(), told))
                if told["t"] == "post":
                    self.heard.append(told["post"]["text"])
                    self.is_over = told["post"]["text"] == OVER
                self._cursor = told.get("cursor", self._cursor)
