"""docs/example_client.py on a real cluster: docs/protocol.md is enough to write a client."""

from __future__ import annotations

import os
import runpy
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rigs.processes import Cluster, Lines

CLIENT = Path(__file__).parents[2] / "docs" / "example_client.py"


class Example:
    """The example client; like any other, it runs in the cluster's directory."""

    def __init__(self, cluster: Cluster, name: str, *rooms: str, host: str = "127.0.0.1") -> None:
        # -I: it imports only the standard library.
        self.process = cluster.popen(
            Path(sys.executable).name, "-I", str(CLIENT), f"{host}:{cluster.port}", name, *rooms,
            stdin=subprocess.PIPE,
        )  # fmt: skip
        self.lines = Lines(self.process)

    def type(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.process.stdin.flush()

    def end(self) -> tuple[int, list[str]]:
        assert self.process.stdin is not None
        self.process.stdin.close()
        rest = self.lines.rest()
        return self.process.wait(30), rest


def posts(lines: list[str], author: str) -> list[str]:
    return [line for line in lines if line.startswith(f"{author}: ")]


def test_it_talks_with_the_terminal_client(cluster: Cluster) -> None:
    """Both see each other's posts, letter by letter; a topic works as well as a user's room."""
    alice = cluster.terminal("alice")
    bob = Example(cluster, "bob", "alice", "#tea")
    bob.type("hello", "ünïcode ☕")
    bob.lines.find("bob: ünïcode ☕")
    alice.type("JOIN bob", "CHAT")
    alice.expect("Joined bob.", "bob: hello", "bob: ünïcode ☕")
    alice.type("who drinks #tea?")
    bob.lines.find(r"alice: who drinks #tea\?")
    long = "long " * 400
    bob.type(long)
    alice.expect(f"bob: {long}")
    assert bob.end() == (0, [f"bob: {long}"])


def test_by_tls_it_knows_the_cluster_by_its_key(cluster: Cluster) -> None:
    """It speaks TLS except to loopback literals, and to the workers that it finds so; another key ends it."""
    (key,) = {process["key"] for process in (cluster.status()["masters"][0], *cluster.workers(3))}
    alice = cluster.terminal("alice")
    bob = Example(cluster, "bob", "alice", host="localhost")
    place = f"localhost:{cluster.port}"
    assert bob.lines.next() == f"{place} was not known here. Its public key is {key}."
    kept = cluster.root / f"{place}.key"
    assert kept.read_text() == key
    bob.type("hello")
    bob.lines.find("bob: hello")
    alice.type("JOIN bob", "CHAT")
    alice.expect("Joined bob.", "bob: hello")
    long = "long " * 400
    bob.type(*[long] * 20)
    for _ in range(20):
        assert bob.lines.next() == f"bob: {long}"
        alice.expect(f"bob: {long}")
    alice.type("it came")
    bob.lines.find("alice: it came")
    for worker in cluster.workers(3):
        os.kill(worker["pid"], signal.SIGKILL)
    bob.type("and goes on")
    bob.lines.find("bob: and goes on")
    assert bob.end() == (0, [])
    kept.write_text("SHA256:another")
    status, rest = Example(cluster, "bob", host="localhost").end()
    assert (status, rest) == (1, [f"The public key of {place} is {key}, and not SHA256:another as before."])


def test_its_errors_are_sentences(cluster: Cluster) -> None:
    """A refusal is said, and what follows it is not affected."""
    carol = Example(cluster, "carol", "noname", "carol")
    assert carol.lines.next() == "No such room: noname."
    assert carol.lines.next() == "That is your own room."
    carol.type("x" * 2_001, "fine")
    assert carol.lines.next() == "A post has at most 2,000 characters; this one has 2,001."
    assert carol.lines.next() == "carol: fine"
    assert carol.end() == (0, [])


def test_nothing_is_lost_repeated_or_reordered_when_workers_die(cluster: Cluster) -> None:
    """All workers are killed during its posts: cursor and keys bring each to the reader once, in order."""
    writer = Example(cluster, "writer")
    writer.type("number 0")
    writer.lines.find("writer: number 0")
    reader = Example(cluster, "reader", "writer")
    reader.lines.find("writer: number 0")
    writer.type(*(f"number {number}" for number in range(1, 50)))
    reader.lines.find("writer: number 25")
    for worker in cluster.workers(3):
        os.kill(worker["pid"], signal.SIGKILL)
    writer.type(*(f"number {number}" for number in range(50, 80)))
    # Before the writer leaves: a post may be acknowledged before it is delivered to its author.
    reader.lines.find("writer: number 79")
    writer.lines.find("writer: number 79")
    status, _ = writer.end()
    assert status == 0
    for client in (reader, writer):
        assert any("Trying again" in line for line in client.lines.seen)
        assert posts(client.lines.seen, "writer") == [f"writer: number {number}" for number in range(80)]


def test_what_another_client_keeps_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the master's key nor the secret, which is private and whole from the beginning."""
    monkeypatch.chdir(tmp_path)
    example = runpy.run_path(str(CLIENT))
    alice = example["Client"]("m:1", "alice")

    def not_yet(path: Path) -> bool:
        path.write_text("the right one")
        return False

    with monkeypatch.context() as slow:
        slow.setattr(Path, "exists", not_yet)
        with pytest.raises(SystemExit, match="is another, and not the right one as before"):
            alice.known("another")
    assert Path("m:1.key").read_text() == "the right one"
    secret = Path("alice.secret")
    assert example["keep"](secret, b"first")
    assert not example["keep"](secret, b"second")
    assert secret.read_bytes() == b"first"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"m:1.key", "alice.secret"}


def test_its_name_is_its_own(cluster: Cluster) -> None:
    """The secret is kept for the next time; with another one the name is refused."""
    status, rest = Example(cluster, "dave").end()
    assert (status, rest) == (0, [])
    again = Example(cluster, "dave")
    again.type("it is me")
    again.lines.find("dave: it is me")
    assert again.end() == (0, [])
    (cluster.root / "dave.secret").write_bytes(bytes(32))
    status, rest = Example(cluster, "dave").end()
    assert status == 1
    assert len(rest) == 1
    assert rest[0].startswith("The name dave is taken")
