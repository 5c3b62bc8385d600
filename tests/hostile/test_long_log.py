"""Many reads of a long log at once do not delay logins and posts of others."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hostile.opening import a_place
from twisted.protocols.amp import AmpBox

from chatnet.credentials import random_credential
from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry
from chatnet.store.postgres.real import PostgresDatabases
from chatnet.store.sqlite.schema import migrate, set_up_writer, take_epoch
from chatnet.store.sqlite.writer import Writer
from rigs.beside import Beside
from rigs.chaos import final_log
from rigs.postgres import whole_log
from rigs.processes import Cluster

LOG_ID = "ab" * 16
POSTS, BATCH = 100_000, 1_000
ATTACK_SECONDS = 5.0
SECRET = b"s" * 32
BACK = 1_800
"""How far back a chat begins: within a worker's window, so that no cursor is looked up; but further than a
session is handed from there, so that a page is read."""
CURSOR = Cursor.at(
    LOG_ID, Entry(POSTS + 3 - BACK, 0, "post", "talker", "", "", b"%016d" % (POSTS - BACK - 1))
)
CHAT = {"_command": b"Chat", "cursor": b"%d" % CURSOR.seq, "check": CURSOR.check}


def said() -> Iterator[list[Draft]]:
    """Yield drafts: somebody talks much, and mallory follows them."""
    credential = random_credential(SECRET)
    yield [
        Draft("register", "mallory", "mallory", credential, b"1" * 16),
        Draft("register", "talker", "talker", credential, b"1" * 16),
        Draft("join", "mallory", "talker", "", b"2" * 16),
    ]
    for first in range(0, POSTS, BATCH):
        yield [
            Draft("post", "talker", "talker", f"word {number} " * 5, b"%016d" % number)
            for number in range(first, first + BATCH)
        ]


def fill_directory(data: Path) -> None:
    data.mkdir(mode=0o700, parents=True)
    path = data / "log.sqlite"
    path.touch(0o600)
    connection = apsw.Connection(str(path))
    set_up_writer(connection)
    migrate(connection, LOG_ID)
    store = Writer(connection, take_epoch(connection)[1])
    for drafts in said():
        store.commit(drafts, int(time.time() * 1000))
    store.close()


def fill_database(url: str) -> None:
    database = PostgresDatabases().connect(url)
    database.open(LOG_ID)
    for drafts in said():
        database.append(drafts, int(time.time() * 1000))
    database.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def beside(request: pytest.FixtureRequest) -> Iterator[Beside]:
    """Yield honest users of a cluster with a long log. It takes long to make, so the tests share it."""
    with a_place() as place:
        yield from users_of_a_long_log(request, place)


def users_of_a_long_log(request: pytest.FixtureRequest, place: Path) -> Iterator[Beside]:
    url = request.getfixturevalue("server").fresh() if request.param == "postgresql" else ""
    cluster = Cluster(place, environ={"CHATNET_STORE": url} if url else {})
    if url:
        fill_database(url)
    else:
        fill_directory(cluster.data)

    def read_log() -> list[Entry]:
        return whole_log(url) if url else final_log(cluster.data / "log.sqlite", place / "copy")

    users = Beside(cluster, read_log)
    try:
        users.start()
        yield users
        users.close()
    finally:
        cluster.close()


class Mallory:
    """A connection of an attacker, who reads nothing but answers."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)

    def ask(self, **command: bytes) -> bytes:
        """Send ``command`` and return what came until its answer was there."""
        box = AmpBox(_ask=b"1", **command)
        self.socket.sendall(box.serialize())
        came = b""
        while b"_answer" not in came:
            came = came[-10:] + self.socket.recv(1 << 20)
            assert b"_error" not in came, came
        return came

    def log_in(self) -> bytes:
        """Log in and return the ticket."""
        came = self.ask(_command=b"Login", version=b"1", name=b"mallory", secret=SECRET, new=b"0")
        assert b"_answer" in came, came
        size = came.index(b"ticket") + len(b"ticket")
        return came[size + 2 : size + 2 + int.from_bytes(came[size : size + 2], "big")]

    def read_all(self) -> None:
        """Begin to read the whole log."""
        self.ask(**CHAT)


def test_reading_the_log_again_and_again_keeps_nobody_waiting(beside: Beside) -> None:
    """A session that begins again after each answer, with a page on its way, delays nobody."""
    mallory = Mallory(beside.workers()[0])
    mallory.log_in()
    with beside.attacked("Chat again and again"):
        end, times = time.monotonic() + ATTACK_SECONDS, 0
        while time.monotonic() < end:
            mallory.read_all()
            times += 1
    mallory.socket.close()
    assert times > 20


def test_coming_reading_and_leaving_again_and_again_keeps_nobody_waiting(beside: Beside) -> None:
    """For readers that have left, the worker reads only what was already under way."""
    port = beside.workers()[0]
    first = Mallory(port)
    ticket = first.log_in()
    first.socket.close()
    with beside.attacked("come, Chat and leave"):
        end, times = time.monotonic() + ATTACK_SECONDS, 0
        while time.monotonic() < end:
            mallory = Mallory(port)
            mallory.ask(_command=b"Resume", version=b"1", ticket=ticket)
            mallory.read_all()
            mallory.socket.close()
            times += 1
    assert times > 20
