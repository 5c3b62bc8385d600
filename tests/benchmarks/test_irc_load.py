"""The clients of IRC of the benches find what is lost, doubled or changed; and know when they caught up."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from benchmarks.irc_clients import Client, Clients
from benchmarks.irc_comeback import ASKING, NAMED, Member, Members
from benchmarks.irc_feed import IrcServer
from benchmarks.irc_talkers import Post, Talkers
from benchmarks.processes import TooSlow
from benchmarks.wire import TEXT

SERVER = IrcServer("a server", (), 0)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


class Kept(Clients):
    """Keeps what it hears."""

    def __init__(self) -> None:
        super().__init__(SERVER)
        self.kept: list[tuple[list[bytes], bytes]] = []

    def heard(self, client: Client, words: list[bytes], tags: bytes, now: float) -> None:
        self.kept.append((words, tags))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_lines_come_in_any_pieces(ends: tuple[socket.socket, socket.socket], size: int) -> None:
    """What was said before the end of the welcome is passed over; a PING is answered, and not told."""
    ours, theirs = ends
    clients, client = Kept(), Client("ann", ours, 0.0)
    came = b":s 001 ann :hi\r\n:s 422 ann :none\r\nPING :7\r\n:s PING a\r\n@msgid=1 :bob PRIVMSG #t :a b\r\n"
    for at in range(0, len(came), size):
        clients.came(client, came[at : at + size], 1.0)
    assert clients.kept == [([b":bob", b"PRIVMSG", b"#t :a b"], b"@msgid=1")]
    assert client.welcomed == 1.0
    assert theirs.recv(100) == b"PONG :7\r\nPONG a\r\n"


def test_who_is_not_let_in_ends_the_bench(ends: tuple[socket.socket, socket.socket]) -> None:
    """It says what the server said."""
    with pytest.raises(TooSlow, match="Wrong"):
        Kept().came(Client("ann", ends[0], 0.0), b":s 464 ann :Wrong\r\n", 1.0)


def line(author: str, number: int, text: str = TEXT) -> list[bytes]:
    return f":{author}!{author}@user PRIVMSG #channel0 :{number} {text}".encode().split(b" ", 2)


@pytest.fixture
def talkers() -> Talkers:
    """Two who are in one channel, of whom the first has said two lines."""
    talkers = Talkers(SERVER, 2, 2, 1.0)
    talkers.posts = {("user0", 1): Post(1.0), ("user0", 2): Post(2.0)}
    return talkers


def test_a_line_is_read_once_the_last_has_heard_it(
    talkers: Talkers, ends: tuple[socket.socket, socket.socket]
) -> None:
    """Its author is told by the echo."""
    for nick, now in (("user1", 1.5), ("user0", 1.25), ("user0", 2.5)):
        client = Client(nick, ends[0], 0.0)
        talkers.heard(client, line("user0", 2 if now > 2 else 1), b"", now)
    assert talkers.found().posts == [(1.0, 1.25, 1.25)]
    assert not talkers.found().broken


@pytest.mark.parametrize(
    "lines",
    [
        [line("user0", 1), line("user0", 1)],
        [line("user0", 2)],
        [line("user0", 2), line("user0", 1)],
        [line("user0", 1, TEXT[:-1])],
        [line("user1", 1)],
        [line("user0", 1), line("user0", 2), line("user0", 3)],
        [[b":irc.localhost", b"404", b"user1 #channel0 :no"]],
    ],
    ids=["doubled", "lost", "reordered", "cut", "another", "unsaid", "refused"],
)
def test_what_is_not_as_promised_is_kept(
    talkers: Talkers, ends: tuple[socket.socket, socket.socket], lines: list[list[bytes]]
) -> None:
    """Whatever else comes than the next number, byte by byte, is a broken promise."""
    for words in lines:
        talkers.heard(Client("user1", ends[0], 0.0), words, b"", 3.0)
    assert talkers.found().broken


@pytest.fixture
def members() -> Members:
    members = Members(SERVER, [], [], ASKING)
    members.members["ann"] = Member(0)
    return members


def test_one_has_caught_up_with_all_that_was_said_before(
    members: Members, ends: tuple[socket.socket, socket.socket]
) -> None:
    """What comes live, before the history, does not hide what is missing."""
    ours, theirs = ends
    ann, client = members.members["ann"], Client("ann", ours, 0.0, welcomed=1.0)
    members.heard(client, line("speaker", 1), b"@msgid=x", 1.0)
    members.lost(client)
    members.said = 3
    members.welcomed(client)
    assert theirs.recv(100) == b"CHATHISTORY AFTER #channel0 msgid=x 1000\r\n"
    members.heard(client, line("speaker", 3), b"@msgid=z", 2.0)
    assert not ann.back
    members.heard(client, line("speaker", 2), b"@batch=1;msgid=y", 3.0)
    members.heard(client, line("speaker", 3), b"@batch=1;msgid=z", 4.0)
    assert ann.back == 3.0
    assert (ann.had, ann.newest_id) == (3, b"z")


@pytest.mark.parametrize("tags", [b"@msgid=x", b"@batch=1;msgid=x"])
def test_what_one_had_already_must_not_come_again(
    members: Members, ends: tuple[socket.socket, socket.socket], tags: bytes
) -> None:
    """Neither live nor in a history that begins behind it."""
    client = Client("ann", ends[0], 0.0, welcomed=1.0)
    members.heard(client, line("speaker", 1), b"@msgid=x", 1.0)
    members.lost(client)
    with pytest.raises(TooSlow, match="twice"):
        members.heard(client, line("speaker", 1), tags, 2.0)


def test_a_device_may_get_at_first_what_it_did_not_acknowledge(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """But nothing twice once it has got something new."""
    members = Members(SERVER, [], [], NAMED)
    members.members["ann"] = Member(0)
    client = Client("ann", ends[0], 0.0, welcomed=1.0)
    for number in (1, 2):
        members.heard(client, line("speaker", number), b"", 1.0)
    members.lost(client)
    for number in (1, 2, 3):
        members.heard(client, line("speaker", number), b"", 2.0)
    assert (members.repeats, members.members["ann"].had) == (2, 3)
    with pytest.raises(TooSlow, match="twice"):
        members.heard(client, line("speaker", 2), b"", 3.0)
