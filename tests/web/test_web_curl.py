"""The curl lines of docs/web.md run as they are written, at a real port."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import deferToThread
from web.real_front import RealFront

from chatnet.entries import Draft
from chatnet.worker.fronts.web.stream import cursor_text

TEXT = (Path(__file__).parents[2] / "docs" / "web.md").read_text()
PASSWORD = "correct horse battery staple"
LINES = re.findall(r"^    curl (?:.*\\\n)*.*$", TEXT, re.MULTILINE)
FOLLOWED = [line for line in LINES if " -N " in line]
ASKED = [line for line in LINES if line not in FOLLOWED]


def name(line: str) -> str:
    """Return what a line asks, for the name of its test."""
    return re.sub(r"[^a-z0-9?=]+", "-", line.rpartition("chat.example.org")[2])


@pytest.fixture
def front() -> Iterator[RealFront]:
    front = RealFront()
    yield front
    pytest_twisted.blockon(ensureDeferred(front.stop()))


class Shell:
    """Runs lines for Alice, who follows #ops and has said something there, and a hook of hers."""

    def __init__(self, front: RealFront) -> None:
        self.front = front
        self.variables: dict[str, str] = {}

    async def begin(self) -> None:
        front = self.front
        self.variables["T"] = await front.login("alice", password=PASSWORD)
        self.variables["H"] = await front.login("ops", "post")
        for user in ("alice", "ops"):
            front.commit(Draft("join", user, "#ops", "", front.entropy(16)))
        self.variables["CURSOR"] = cursor_text(front.log.window.cursor)
        front.commit(Draft("post", "alice", "#ops", "said before", front.entropy(16)))

    def written(self, line: str) -> str:
        """Return the line with our port instead of the example's."""
        return line.strip().replace("https://chat.example.org", self.front.url).replace("…", PASSWORD)

    async def run(self, line: str) -> tuple[int, str]:
        """Return the status and the body of the answer."""
        command = self.written(line) + " --silent --show-error --write-out '\\n%{http_code}'"
        environment = os.environ | self.variables
        done = await deferToThread(
            lambda: subprocess.run(
                ["bash", "-c", command],
                env=environment,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        )
        assert (done.returncode, done.stderr) == (0, "")
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body


def test_the_document_has_such_lines() -> None:
    assert len(ASKED) >= 12
    assert len(FOLLOWED) == 2


@pytest.mark.parametrize("line", ASKED, ids=name)
@pytest_twisted.ensureDeferred
async def test_a_line_of_the_document_does_what_it_says(front: RealFront, line: str) -> None:
    shell = Shell(front)
    await shell.begin()
    if "wait=30" in line:
        running = ensureDeferred(shell.run(line))
        while not front.is_heard("alice"):
            await front.a_moment()
        front.commit(Draft("post", "alice", "#ops", "said now", front.entropy(16)))
        status, body = await running
        assert [post["text"] for post in json.loads(body)["posts"]] == ["said now"]
    else:
        status, body = await shell.run(line)
    assert status in (200, 201), body
    assert body == "ok" or json.loads(body)


@pytest_twisted.ensureDeferred
async def test_a_post_by_curl_that_is_asked_again_is_there_once(front: RealFront) -> None:
    shell = Shell(front)
    await shell.begin()
    [line] = [line for line in ASKED if "Idempotency-Key" in line]
    answers = [await shell.run(line) for _ in range(2)]
    assert [status for status, _ in answers] == [201, 200]
    assert answers[0][1] == answers[1][1]
    assert [entry.text for entry in front.log.entries if "1842" in entry.text] == ["deployed 1842 #ops"]


@pytest.mark.parametrize("line", FOLLOWED, ids=name)
@pytest_twisted.ensureDeferred
async def test_a_stream_by_curl_says_what_is_said(front: RealFront, line: str) -> None:
    """What was said behind its cursor, and then what is said now, as it comes."""
    shell = Shell(front)
    await shell.begin()
    command = ["bash", "-c", "exec " + shell.written(line) + " --silent --show-error"]
    environment = os.environ | shell.variables
    curl = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    wanted = ["said before", "said now"] if "cursor" in line else ["said now"]
    found: list[str] = []
    try:
        while not front.is_heard("alice"):
            await front.a_moment()
        front.commit(Draft("post", "alice", "#ops", "said now", front.entropy(16)))
        assert curl.stdout is not None
        while len(found) < len(wanted):
            found += _texts(await deferToThread(curl.stdout.readline))
    finally:
        curl.kill()
        curl.communicate()
    assert found == wanted


def _texts(line: str) -> list[str]:
    data = line.removeprefix("data: ").strip()
    told: Any = json.loads(data) if data.startswith("{") else {}
    return [told["post"]["text"]] if told.get("t") == "post" else []
