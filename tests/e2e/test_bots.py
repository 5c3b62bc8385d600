"""A bot, a program that posts by HTTP, and one that follows a stream, while what is below them is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.programs import OVER, Follower, Program

from rigs.processes import Cluster, free_port, wait_until

ECHO = Path(__file__).parents[2] / "docs" / "examples" / "echo_bot.py"


class EchoBot:
    """The example, started again whenever it is killed."""

    def __init__(self, directory: Path, port: int, token: str) -> None:
        self._arguments = [sys.executable, str(ECHO), f"http://localhost:{port}", "#echo"]
        self._state = directory / "echo_bot.state"
        self._options: Any = {"cwd": directory, "env": os.environ | {"BOT_TOKEN": token}}
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
