"""What operators and strangers may do wrong to real processes: one sentence each, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest
from twisted.protocols.amp import AmpBox, parse

from chatnet.world.real import RealFiles
from rigs.processes import Cluster, Terminal, wait_until

WRONG_TOKEN = {"CHATNET_TOKEN": "ab" * 32}
FILLER = ["x" * 1900 + f" {number}" for number in range(80)]
"""More posts than a full disk has room for."""


def master_says(cluster: Cluster, *options: str) -> str:
    """Return what a master that cannot start says: one line; its exit status is 1."""
    status, output = cluster.run("twistd", "-n", "--pidfile=", "chat-master", *options)
    assert status == 1, output
    assert "Traceback" not in output
    said = [line.partition("[stderr#error] ")[2] for line in output.splitlines()]
    sentences = [sentence for sentence in said if sentence]
    assert len(sentences) == 1, output
    return sentences[0]


def test_a_port_in_use_is_said(cluster: Cluster) -> None:
    """One sentence names the port; no data directory stays locked."""
    said = master_says(cluster, "--data", str(cluster.root / "other"), "--listen", cluster.address)
    assert str(cluster.port) in said


def test_an_unwritable_data_directory_is_said(new_cluster: Callable[..., Cluster]) -> None:
    """The sentence names the path."""
    cluster = new_cluster()
    cluster.root.mkdir(parents=True)
    (cluster.root / "file").write_text("")
    said = master_says(cluster, "--data", str(cluster.root / "file" / "data"), "--listen", cluster.address)
    assert "file" in said


def test_a_wrong_or_missing_token_is_said(cluster: Cluster) -> None:
    """Operator and worker are told where the token comes from; the worker does not join."""
    at = ("--master", cluster.address)
    status, output = cluster.run("chatnet", "status", *at, environ=WRONG_TOKEN)
    assert status == 1
    assert "cluster.token" in output
    assert output.count("\n") == 1
    status, output = cluster.run("chatnet", "status", *at, "--data", str(cluster.root))
    assert status == 1
    assert "cluster.token" in output
    status, output = cluster.run(
        "twistd", "-n", "--pidfile=", "chat-worker", *at, "--data", str(cluster.root)
    )
    assert status == 1
    assert "cluster.token" in output
    stranger = cluster.popen("twistd", "-n", "--pidfile=", "chat-worker", *at, environ=WRONG_TOKEN)
    assert stranger.stdout is not None
    wait_until("the sentence", lambda: b"cluster.token" in stranger.stdout.readline())  # type: ignore[union-attr]
    cluster.workers(3)


def test_garbage_on_every_port(cluster: Cluster) -> None:
    """Garbage closes its own connection; all others go on, and the log has no traceback."""
    alice = cluster.terminal("alice")
    ports = [cluster.port, *(int(w["address"].rpartition(":")[2]) for w in cluster.workers(3))]
    for port in ports:
        for garbage in (b"SSH-2.0-x\r\n\r\n", b"\xff" * 100_000, b"\x00\x01a\xff\xff" + b"x" * 300_000):
            assert talks_to(port, garbage) == b""
    alice.type("CHAT", "still here", "/quit", "CHAT")
    alice.expect("alice: still here")
    logs = "".join(path.read_text() for path in (cluster.data / "log").glob("*.log"))
    assert "Traceback" not in logs


def talks_to(port: int, garbage: bytes) -> bytes:
    """Send ``garbage``; return what comes back until the other end closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as stranger:
        try:
            stranger.sendall(garbage)
            return stranger.recv(1)
        except (ConnectionResetError, BrokenPipeError):
            return b""


def test_the_largest_values_stay_with_their_client(cluster: Cluster) -> None:
    """A box of the greatest size, and a text that grows when it is folded, get a sentence or a page; the
    worker keeps its link to the primary, and its log has no traceback."""
    worker = cluster.workers(3)[0]
    address = ("127.0.0.1", int(worker["address"].rpartition(":")[2]))
    room_left = 128 * 1024 - 65_535 - sum(map(len, ("_command", "List", "_ask", "1", "prefix", "after")))
    boxes = [
        AmpBox(_command=b"Login", _ask=b"1", version=b"1", name=b"mallory", secret=b"s" * 32, new=b"1"),
        AmpBox(_command=b"List", _ask=b"2", prefix="İ".encode() * 32_767, after=b""),
        AmpBox(_command=b"List", _ask=b"3", prefix=b"p" * room_left, after=b"a" * 65_535),
        AmpBox(_command=b"List", _ask=b"4", prefix=b"mal", after=b""),
    ]
    with socket.create_connection(address, timeout=20) as stranger:
        answers = stranger.makefile("rb")
        for box in boxes:
            stranger.sendall(box.serialize())
            [answer] = parse(BytesIO(read_box(answers)))
            assert b"_error" not in answer, answer
    assert b"mallory" in answer[b"rooms"]
    joined = [event for event in cluster.status()["events"] if worker["id"] in event["what"]]
    assert len(joined) == 1
    assert "Traceback" not in "".join(path.read_text() for path in (cluster.data / "log").glob("*.log"))


def read_box(stream: IO[bytes]) -> bytes:
    """Return the next AMP box, up to and with its end."""
    box = b""
    while True:
        size = stream.read(2)
        box += size
        if size == b"\0\0":
            return box
        value = stream.read(int.from_bytes(size, "big"))
        box += value + (length := stream.read(2)) + stream.read(int.from_bytes(length, "big"))


def test_half_open_connections_are_closed(cluster: Cluster) -> None:
    """A connection that says nothing for ten seconds is closed."""
    worker = int(cluster.workers(3)[0]["address"].rpartition(":")[2])
    strangers = [socket.create_connection(("127.0.0.1", port), timeout=20) for port in (cluster.port, worker)]
    for stranger in strangers:
        try:
            assert stranger.recv(1) == b""
        except ConnectionResetError:
            pass
        finally:
            stranger.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a disk of 8 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root; tests/store covers a full disk without")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


@pytest.fixture
def full(small_disk: Path, new_cluster: Callable[..., Cluster]) -> tuple[Cluster, Terminal, Path]:
    """Return a cluster on a full disk, alice, whose posts wait for room, and the file that fills it."""
    cluster = new_cluster()
    cluster.data = small_disk / "data"
    cluster.start()
    cluster.masters()
    alice = cluster.terminal("alice")
    alice.type("CHAT", "before", "/quit", "CHAT")
    alice.expect("alice: before")
    ballast = small_disk / "ballast"
    fill(ballast)
    alice.type(*FILLER, "after")
    wait_until("the operator is told", lambda: cluster.status().get("trouble"))
    return cluster, alice, ballast


def newest(alice: Terminal) -> list[str]:
    """Return what alice gets when she chats again: her last 20 posts."""
    alice.type("/quit", "CHAT")
    return [alice.lines.next() for _ in range(20)]


LAST = [f"alice: {text}" for text in [*FILLER[-19:], "after"]]


def test_a_full_disk_holds_posts_up_and_loses_none(full: tuple[Cluster, Terminal, Path]) -> None:
    """Drafts wait, the operator is told, and all goes on when there is room."""
    cluster, alice, ballast = full
    ballast.unlink()
    assert newest(alice) == LAST
    wait_until("the trouble is over", lambda: "trouble" not in cluster.status() and cluster.status())


def test_a_primary_that_dies_on_a_full_disk_is_followed_once_there_is_room(
    full: tuple[Cluster, Terminal, Path],
) -> None:
    """Nobody has to start anything; the waiting drafts are posted then."""
    cluster, alice, ballast = full
    files = RealFiles()
    primary = files.lock_holder(cluster.data)
    assert primary is not None
    os.kill(primary, signal.SIGKILL)
    end = time.monotonic() + 3
    wait_until("a replica waits for room", lambda: time.monotonic() > end)
    assert files.lock_holder(cluster.data) not in (None, primary)
    ballast.unlink()
    assert newest(alice) == LAST
    cluster.masters()
