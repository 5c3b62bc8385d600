"""Many browsers' tabs in one process, each with a socket, who come again as the page does: see link.js.

Each has an address of its own, as browsers in the world have: one of 127.0.0.0/8.
"""

from __future__ import annotations

import heapq
import itertools
import random
import select
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import browsers, cluster
from benchmarks.browsers import CHROMIUMS, HEAD_ENDS, UPGRADE, WELCOME
from benchmarks.processes import TooSlow

SHORTEST, LONGEST = 0.05, 10.0
"""The first pause is drawn from 0 to this, in seconds; doubled up to the second."""
FIRST_ANSWER, LONGEST_FIRST_ANSWER = 2.0, 20.0
"""Seconds that the first answer may take; doubled for each attempt that took too long, up to the second."""
MOVED = b'"t":"moved"'
CHUNK = 65536


@dataclass(eq=False, slots=True)
class Tab:
    """One tab. ``former`` is the connection to the worker that sends it elsewhere, until another one answers.
    ``lost`` and ``back``: when its last connection was lost other than by ``moved``, and when it was welcomed
    again."""

    ticket: str
    address: str
    line: socket.socket | None = None
    former: socket.socket | None = None
    state: str = "waiting"
    attempts: int = 0
    slow: int = 0
    turn: int = 0
    came: bytes = b""
    cursor: Any = None
    lost: float = 0.0
    back: float = 0.0


@dataclass
class Troubles:
    """What went wrong while they came back: how often."""

    refused: int = 0
    late: int = 0
    reset: int = 0
    moved: int = 0


@dataclass
class Tabs:
    """The tabs of many browsers at one port, for the log of this id; ``encrypted``: by TLS."""

    port: int
    log: str
    tickets: Sequence[str]
    encrypted: bool = False
    at_once: int = cluster.GROUP
    """How many dial at once at first."""
    troubles: Troubles = field(default_factory=Troubles)

    def __post_init__(self) -> None:
        self._epoll = select.epoll()
        self._by_line: dict[int, Tab] = {}
        self._due: list[tuple[float, int, int, Tab]] = []
        self._numbers = itertools.count()
        self.all = [
            Tab(ticket, f"127.{1 + number // 62500}.{number // 250 % 250}.{1 + number % 250}")
            for number, ticket in enumerate(self.tickets)
        ]

    @property
    def lost(self) -> list[Tab]:
        """Those that lost their connection, other than by ``moved``, since :meth:`forget`."""
        return [tab for tab in self.all if tab.lost]

    @property
    def are_back(self) -> bool:
        """Whether these are all back."""
        return all(tab.back > tab.lost for tab in self.all)

    def forget(self) -> None:
        """Forget which were lost, and what went wrong."""
        self.troubles = Troubles()
        for tab in self.all:
            tab.lost = 0.0

    def open(self) -> None:
        """Let all of them connect, some at once."""
        for at in range(0, len(self.all), self.at_once):
            some = self.all[at : at + self.at_once]
            for tab in some:
                self._dial(tab)
            self.until(lambda some=some: all(tab.state == "online" for tab in some), 60)  # type: ignore[misc]

    def until(self, happened: Callable[[], bool], seconds: float) -> None:
        """Let them do what they do until it happened.

        :raises TooSlow: it did not happen in time.
        """
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                raise TooSlow(self._not_back())
            self._turn()

    def _not_back(self) -> str:
        missing = [tab for tab in self.all if tab.state != "online" and tab.former is None]
        never = sum(tab.back <= tab.lost for tab in self.all)
        states = ", ".join(
            f"{count} {state}" for state, count in Counter(tab.state for tab in missing).items()
        )
        dials = max((tab.attempts for tab in missing), default=0)
        return (
            f"{len(missing)} of {len(self.all)} tabs are not back ({states}, after up to {dials} attempts), "
            f"{never} since they lost their worker; {self.troubles}"
        )

    def rest(self, seconds: float) -> None:
        """Let them do what they do for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._turn()

    def close(self) -> None:
        """Close all connections."""
        for tab in self.all:
            for line in (tab.line, tab.former):
                if line is not None:
                    line.close()
        self._epoll.close()

    # ---- one turn ----

    def _turn(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, _, turn, tab = heapq.heappop(self._due)
            if tab.turn == turn:
                self._is_due(tab)
        wait = min(self._due[0][0] - now, 0.05) if self._due else 0.05
        for descriptor, _ in self._epoll.poll(max(wait, 0.0), 512):
            if (tab := self._by_line.get(descriptor)) is not None:  # type: ignore[assignment]
                self._go_on(tab, descriptor)

    def _is_due(self, tab: Tab) -> None:
        """A pause is over, or an answer has not come in time."""
        if tab.state == "waiting":
            self._dial(tab)
        elif tab.state != "online":
            self.troubles.late += 1
            tab.slow += 1
            tab.attempts += 1
            self._drop(tab)
            self._dial(tab)

    def _in(self, tab: Tab, seconds: float) -> None:
        tab.turn += 1
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), tab.turn, tab))

    def _drop(self, tab: Tab) -> None:
        line, tab.line = tab.line, None
        self._close(line)
        tab.state = "waiting"

    def _drop_former(self, tab: Tab) -> None:
        line, tab.former = tab.former, None
        self._close(line)

    def _close(self, line: socket.socket | None) -> None:
        if line is not None:
            del self._by_line[line.fileno()]
            line.close()

    def _leave(self, tab: Tab) -> None:
        """The worker sends it elsewhere: it hears that one until the next one has answered."""
        self.troubles.moved += 1
        self._drop_former(tab)
        tab.former, tab.line = tab.line, None
        tab.attempts = 1
        self._dial(tab)

    def _again(self, tab: Tab) -> None:
        """The connection is lost: dial again, soon."""
        is_lost = tab.state == "online"
        self._drop(tab)
        if is_lost:
            tab.attempts = 0
            tab.lost = time.perf_counter()
        pause = min(LONGEST, SHORTEST * 2**tab.attempts)
        tab.attempts += 1
        self._in(tab, random.random() * pause)

    # ---- one connection ----

    def _dial(self, tab: Tab) -> None:
        line = socket.socket()
        line.bind((tab.address, 0))
        line.setblocking(False)
        line.connect_ex(("127.0.0.1", self.port))
        tab.line, tab.state, tab.came = line, "dialing", b""
        self._by_line[line.fileno()] = tab
        self._epoll.register(line.fileno(), select.EPOLLOUT)
        self._in(tab, min(LONGEST_FIRST_ANSWER, FIRST_ANSWER * 2**tab.slow))

    def _go_on(self, tab: Tab, descriptor: int) -> None:
        if tab.former is not None and tab.former.fileno() == descriptor:
            self._hear_former(tab, tab.former)
            return
        try:
            match tab.state:
                case "dialing":
                    self._connected(tab)
                case "shaking":
                    self._shake(tab)
                case _:
                    self._read(tab)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.troubles.reset += tab.state != "online"
            self._again(tab)

    def _connected(self, tab: Tab) -> None:
        line = tab.line
        assert line is not None
        if why := line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(why)
        self._epoll.modify(line.fileno(), select.EPOLLIN)
        if not self.encrypted:
            self._upgrade(tab)
            return
        descriptor = line.fileno()
        try:
            tab.line = cluster.encrypt(line, at_once=False)
        except OSError:  # the other end has hung up; the socket is closed
            tab.line = None
            del self._by_line[descriptor]
            raise
        assert tab.line.fileno() == descriptor
        tab.state = "shaking"
        self._shake(tab)

    def _shake(self, tab: Tab) -> None:
        assert isinstance(tab.line, ssl.SSLSocket)
        tab.line.do_handshake()
        self._upgrade(tab)

    def _upgrade(self, tab: Tab) -> None:
        assert tab.line is not None
        host = f"localhost:{self.port}"
        prefix, scheme = ("__Host-", "https") if self.encrypted else ("", "http")
        shown = f"Origin: {scheme}://{host}\r\nCookie: {prefix}chatnet-{self.log[:8]}={tab.ticket}\r\n"
        tab.line.send(browsers.request("GET", "/ws", host, more=UPGRADE + CHROMIUMS + shown))
        tab.state = "upgrading"

    def _greet(self, tab: Tab) -> None:
        assert tab.line is not None
        hello: dict[str, Any] = {"t": "hello", "v": 1}
        if tab.cursor is not None:
            hello |= {"log": self.log, "cursor": tab.cursor}
        tab.line.send(browsers.frame(hello))
        tab.state = "greeting"

    def _hear_former(self, tab: Tab, line: socket.socket) -> None:
        try:
            if browsers.PINGED in (came := line.recv(CHUNK)):
                line.send(browsers.PING)
            is_open = bool(came)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            is_open = False
        if not is_open:
            self._drop_former(tab)

    def _read(self, tab: Tab) -> None:
        assert tab.line is not None
        came = tab.line.recv(CHUNK)
        if not came:
            raise OSError("closed")
        if tab.state == "online":
            if browsers.PINGED in came:
                tab.line.send(browsers.PING)
            if MOVED in came:
                self._leave(tab)
            return
        tab.came += came
        if tab.state == "upgrading" and HEAD_ENDS in tab.came:
            if not tab.came.startswith(b"HTTP/1.1 101 "):
                self.troubles.refused += 1
                raise OSError("refused")
            tab.came = tab.came.partition(HEAD_ENDS)[2]
            self._drop_former(tab)
            self._greet(tab)
        if tab.state == "greeting" and WELCOME in tab.came:
            self._welcomed(tab)

    def _welcomed(self, tab: Tab) -> None:
        if tab.cursor is None:
            [welcome] = browsers.messages(tab.came)
            tab.cursor = welcome["cursor"]
        tab.back, tab.came, tab.slow, tab.state = time.perf_counter(), b"", 0, "online"
        tab.turn += 1
