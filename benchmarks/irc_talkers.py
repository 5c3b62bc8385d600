"""One process of users of IRC who talk to each other while others kill the cluster.

It prints ``ready`` once all are in their channels; then somebody says something, on time whatever happens, so
many times a second, one after the other. Told ``hush`` on its standard input it says no more, and prints
``settled`` once everybody has heard everything; told ``end``, it writes what it found, and ends.

Each line is its author's next number. Everybody has ``echo-message``, so all in a channel must hear every
number of every author in it, once and in order, in bytes that are known beforehand; and no connection may
end. Whatever else comes is kept as a broken promise.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec

from benchmarks.irc_clients import Client, Clients
from benchmarks.irc_daemons import secret
from benchmarks.irc_feed import IrcServer
from benchmarks.processes import TooSlow, raise_file_limit
from benchmarks.wire import TEXT

SETTLE_SECONDS = 60.0
MOST_BROKEN = 20
"""How many broken promises are told."""
FORESEEN = {b"JOIN", b"353", b"366", b"NOTICE", b"CAP"}
"""What else comes to those who join, or that the store is away."""


class Post(msgspec.Struct):
    """A line that was said. ``made``: when; ``told``: when its author had the echo; ``read``: when the last
    in the channel had it, of those that have ``heard`` it. 0 until then. Monotonic seconds."""

    made: float
    told: float = 0.0
    read: float = 0.0
    heard: int = 0


class Found(msgspec.Struct):
    """What was found: of each post when it was made, told, and read by all; and the broken promises."""

    posts: list[tuple[float, float, float]]
    broken: list[str]


class Talkers(Clients):
    """Users in channels of ``size``, who say so many lines a second together."""

    def __init__(self, server: IrcServer, users: int, size: int, rate: float) -> None:
        super().__init__(server, "echo-message")
        self._rate = rate
        self._size = size
        self._channels = {f"user{number}": f"#channel{number // size}" for number in range(users)}
        self._heard: dict[str, Counter[str]] = {nick: Counter() for nick in self._channels}
        self._said: Counter[str] = Counter()
        self.posts: dict[tuple[str, int], Post] = {}
        self._open = 0
        self.broken: list[str] = []
        self._joined = 0
        self._words: list[str] = []

    def talk(self) -> None:
        """Do everything, until told to end."""
        self.watch(sys.stdin.fileno(), self._told)
        clients = self.log_in(list(self._channels), SETTLE_SECONDS)
        for client in clients:
            client.say(f"JOIN {self._channels[client.nick]}")
        self.until(lambda: self._joined == len(clients), "the JOIN of all", SETTLE_SECONDS)
        print("ready", flush=True)
        self._post_until_hushed(clients)
        try:
            self.until(lambda: not self._open, "that all hear all", SETTLE_SECONDS)
        except TooSlow as why:
            late = [f"{author}'s {number}" for (author, number), one in self.posts.items() if not one.read]
            self._break(f"{why}: {len(late)} lines were not heard by all, {', '.join(late[:3])}")
        print("settled", flush=True)
        self.until(lambda: "end" in self._words, "the end")

    def _post_until_hushed(self, clients: list[Client]) -> None:
        began, number = time.monotonic(), 0
        while "hush" not in self._words:
            due = began + number / self._rate
            if (left := due - time.monotonic()) > 0:
                self.turn(left)
                continue
            client = clients[number % len(clients)]
            number += 1
            if client.socket.fileno() < 0:
                continue
            self._said[client.nick] += 1
            mine = self._said[client.nick]
            self.posts[client.nick, mine] = Post(due)
            self._open += 1
            client.say(f"PRIVMSG {self._channels[client.nick]} :{mine} {TEXT}")

    def heard(self, client: Client, words: list[bytes], tags: bytes, now: float) -> None:
        channel = self._channels[client.nick]
        if words[1] != b"PRIVMSG":
            if words[1] not in FORESEEN:
                self._break(f"{client.nick} is told {b' '.join(words)!r}")
            self._joined += words[1] == b"366" and words[2].split()[1] == channel.encode()
            return
        author = words[0][1:].partition(b"!")[0].decode()
        number = self._heard[client.nick][author] + 1
        expected = [f":{author}!{author}@user", "PRIVMSG", f"{channel} :{number} {TEXT}"]
        if words != [word.encode() for word in expected] or (author, number) not in self.posts:
            self._break(f"{client.nick} hears {b' '.join(words)!r} where {author}'s {number} is next")
            return
        self._heard[client.nick][author] = number
        post = self.posts[author, number]
        post.heard += 1
        if author == client.nick:
            post.told = now
        if post.heard == self._size:
            post.read = now
            self._open -= 1

    def lost(self, client: Client) -> None:
        self._break(f"the connection of {client.nick} ended: {client.rest[-200:]!r}")

    def found(self) -> Found:
        """Return what was found."""
        posts = [(one.made, one.told, one.read) for one in self.posts.values() if one.told and one.read]
        return Found(posts, self.broken)

    def _break(self, what: str) -> None:
        if len(self.broken) < MOST_BROKEN:
            self.broken.append(what)

    def _told(self) -> None:
        said = sys.stdin.buffer.readline()
        if not said:
            raise SystemExit(1)  # who started this is dead
        self._words.append(said.decode().strip())


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.irc_talkers", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="the port of IRC")
    parser.add_argument("--users", type=int, required=True, help="how many there are")
    parser.add_argument("--size", type=int, required=True, help="how many are in each channel")
    parser.add_argument("--rate", type=float, required=True, help="lines a second, of all together")
    parser.add_argument("--found", type=Path, required=True, help="the file for what is found")
    chosen = parser.parse_args()
    raise_file_limit()
    server = IrcServer("chatnet", (), chosen.port, password=secret)
    talkers = Talkers(server, chosen.users, chosen.size, chosen.rate)
    talkers.talk()
    chosen.found.write_bytes(msgspec.json.encode(talkers.found()))


if __name__ == "__main__":
    main()
