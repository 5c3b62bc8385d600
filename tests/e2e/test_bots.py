"""A bot, a program that posts by HTTP, and one that follows a stream, while what is below them is killed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatnet.keys import key_text
from rigs.processes import Cluster, free_port, wait_until

ECHO = Path(__file__).parents[2] / "docs" / "examples" / "echo_bot.py"
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

    ``heard`` are the texts of posts, and ``began`` counts the streams.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(daemon=True)
        self._program = program
        self._cursor = ""
        self.heard: list[str] = []
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
                if told["t"] == "post":
                    self.heard.append(told["post"]["text"])
                    self.is_over = told["post"]["text"] == OVER
                self._cursor = told.get("cursor", self._cursor)


class EchoBot:
    """The example, started again whenever it is killed."""

    def __init__(self, directory: Path, port: int, token: str) -> None:
        self._arguments = [sys.executable, str(ECHO), f"http://localhost:{port}", "#echo"]
        self._state = directory / "echo_bot.state"
        self._options: Any = {"cwd": directory, "env": os.environ | {"CHATNET_TOKEN": token}}
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._arguments, stdout=subprocess.DEVNULL, **self._options)

    def hears(self) -> bool:
        """Return whether it has kept from where it hears."""
        return self._state.exists() and "cursor" in json.loads(self._state.read_bytes())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def bots() -> Iterator[list[EchoBot]]:
    """Yield a list of bots, which end with the test."""
    made: list[EchoBot] = []
    yield made
    for bot in made:
        bot.kill()


def test_each_post_is_heard_once_and_echoed_once(
    new_cluster: Callable[..., Cluster], tmp_path: Path, bots: list[EchoBot]
) -> None:
    """While workers, the primary and the bot are killed: by the key, by the cursor, by the state."""
    web = free_port()
    cluster = new_cluster("--web", f"localhost:{web}")
    cluster.start()
    alice, echo = Program(web, "alice"), Program(web, "echo")
    for program in (alice, echo):
        program.ask("PUT", "/rooms/%23echo/membership")
    follower = Follower(alice)
    follower.start()
    bot = EchoBot(tmp_path, web, echo.token)
    bots.append(bot)
    wait_until("the bot hears", bot.hears)
    wait_until("the follower hears", lambda: follower.began)

    def kill_the_bot() -> None:
        bot.kill()
        bot.start()

    faults: dict[int, Callable[[], object]] = {
        10: lambda: os.kill(cluster.workers(3)[0]["pid"], signal.SIGKILL),
        20: kill_the_bot,
        30: lambda: os.kill(cluster.primary(), signal.SIGKILL),
        35: kill_the_bot,
        40: lambda: os.kill(cluster.workers(3)[-1]["pid"], signal.SIGKILL),
        45: lambda: os.kill(cluster.workers(3)[1]["pid"], signal.SIGKILL),
        50: kill_the_bot,
    }
    said = [f"post {number}" for number in range(60)]
    for number, text in enumerate(said):
        if number in faults:
            faults[number]()
        body = {"text": text, "room": "#echo"}
        alice.ask("POST", "/posts", body, **{"Idempotency-Key": f"e2e {text}"})
    echoes = [f"alice said: {text}" for text in said]
    wait_until("all is echoed", lambda: follower.failed or follower.heard[-1:] == echoes[-1:])
    assert not follower.failed
    alice.ask("POST", "/posts", {"text": OVER})
    follower.join()
    assert follower.heard.pop() == OVER
    assert [text for text in follower.heard if text in said] == said
    assert [text for text in follower.heard if text not in said] == echoes
