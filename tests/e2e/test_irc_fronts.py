"""IRC fronts of real processes: their clients' connections outlive every other process."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import IO, Any

from rigs.processes import Cluster, free_port, wait_until
from rigs.sockets import other_end

SECONDS = 60.0


class Client:
    """A connection to IRC, of a stranger; ``until`` closes it."""

    def __init__(self, port: int, until: ExitStack) -> None:
        self._connection = until.enter_context(socket.create_connection(("localhost", port), SECONDS))
        self._lines: IO[bytes] = until.enter_context(self._connection.makefile("rb"))

    def say(self, *lines: str) -> None:
        self._connection.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def is_served(self, token: str) -> bool:
        """Return whether a ping is answered; False if the connection is lost.

        :raises TimeoutError: neither happened in time.
        """
        try:
            self.say(f"PING :{token}")
            while line := self._lines.readline():
                if b" PONG " in line and token.encode() in line:
                    return True
        except ConnectionError:
            pass
        return False

    def log_in(self, name: str) -> None:
        """Log in as a device of ``name``."""
        self.say(f"PASS correct-horse-{name}", f"NICK {name}", f"USER {name}@phone 0 * :{name}")

    def hears(self, text: str) -> bool:
        """Return whether a line with this text comes; False if the connection is lost.

        :raises TimeoutError: neither happened in time.
        """
        return any(text.encode() in line for line in iter(self._lines.readline, b""))

    def front(self, pids: Iterable[int]) -> int:
        """Return which of these processes has the other end; 0 if none has it (yet)."""
        here, there = self._connection.getsockname()[1], self._connection.getpeername()[1]
        return other_end(pids, here, there)


def at(port: int, pid: int, pids: Iterable[int], until: ExitStack) -> Client:
    """Return a client of the front ``pid``, of these that share the port: the kernel chooses."""

    def found() -> Client | None:
        client = Client(port, until)
        assert client.is_served("who are you")
        return client if client.front(pids) == pid else None

    client: Client = wait_until(f"a client of front {pid}", found)
    return client


def test_only_the_death_of_their_own_front_is_felt(new_cluster: Callable[..., Cluster]) -> None:
    """The status lists the fronts. When the primary and the worker are killed, users are still served on the
    same connections; when a front is killed, its own users alone are cut off, and another comes. They come
    back to any front, and get what was said meanwhile."""
    port = free_port()
    cluster = new_cluster("--irc", f"localhost:{port}", "--workers", "1", "--replicas", "1")
    cluster.root.mkdir(parents=True)

    def pids(rows: list[dict[str, Any]]) -> list[int]:
        return [row["pid"] for row in rows]

    with (cluster.root / "master.log").open("wb") as log, ExitStack() as until:
        cluster.launch(log)
        (worker,), fronts = cluster.workers(1), cluster.workers(2, serves="irc")
        assert {front["address"] for front in fronts} == {f"localhost:{port}"}
        primary, _ = cluster.masters(2)
        users = [at(port, pid, pids(fronts), until) for pid in pids(fronts)]
        for name, user in zip(("ann", "bob"), users, strict=True):
            user.log_in(name)
            assert user.is_served("logged in")

        for process in (primary, worker):
            os.kill(process["pid"], signal.SIGKILL)
        assert all(user.is_served("meanwhile") for user in users)
        wait_until("another worker", lambda: pids(cluster.workers(1)) != [worker["pid"]])
        assert all(user.is_served("after") for user in users)
        assert sorted(pids(cluster.workers(2, serves="irc"))) == sorted(pids(fronts))

        victim, other = pids(fronts)
        os.kill(victim, signal.SIGKILL)
        assert [user.is_served("after a kill") for user in users] == [False, True]
        users[1].say("PRIVMSG ann :while you were away")
        assert users[1].is_served("on disk")
        again = Client(port, until)
        again.log_in("ann")
        assert again.hears("while you were away")
        wait_until("another front", lambda: victim not in pids(cluster.workers(2, serves="irc")))
        now = pids(cluster.workers(2, serves="irc"))
        (new,) = set(now) - {other}
        at(port, new, now, until)
