"""The receiving side of the fan-out: one process that reads all followers' sockets, and posts.

It must not be the bottleneck. So it counts what the followers receive by its length (``MSG_TRUNC``: the
kernel does not even copy it), because all frames of a run have the same length; only one follower's stream
is kept and parsed. TLS data is decrypted, since several frames may be in one record. Where several posts may
come in one frame, it counts a mark that each post has once. This process also posts, so that it knows when
the last follower has received a post.
"""

from __future__ import annotations

import functools
import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.processes import TooSlow, cpu_seconds

CHUNK = 1 << 20
STALL_SECONDS = 15.0
"""Seconds without any data after which a run is given up."""


class Uneven(Exception):
    """The frames of a run did not all have one length (a number got another digit): repeat the run."""


class Contender(Protocol):
    """A server under the fan-out bench, with its followers connected."""

    name: str
    pids: tuple[int, ...]
    followers: list[socket.socket]
    poster: socket.socket

    def posts(self, count: int) -> bytes:
        """Return the bytes with which the poster sends ``count`` posts."""

    def read(self, stream: bytes) -> list[str]:
        """Return the texts of the posts in a follower's stream."""

    def heartbeat(self) -> None:
        """Keep the connections up; called between runs."""


@dataclass
class Run:
    """One run. ``elapsed`` in seconds, to the last delivery.

    ``busy``: the receiving side's share of a core; ``cost``: the server's processor time, in seconds, and
    ``costs`` that of each of its processes.

    ``delays`` (of a paced run): from a post's due time to each delivery, in seconds; ``acknowledged``: the
    same to the poster's own answers.
    """

    posts: int
    elapsed: float
    busy: float
    cost: float
    deliveries: int
    costs: tuple[float, ...] = ()
    delays: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Deliveries per second."""
        return self.deliveries / self.elapsed


class Marks:
    """Counts a mark in a stream that comes in pieces; it may be cut in two."""

    __slots__ = ("_mark", "_tail")

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._tail = b""

    def count(self, data: bytes | bytearray, size: int) -> int:
        """Return how many marks end in the next ``size`` bytes, with which ``data`` begins."""
        mark, tail = self._mark, self._tail
        found = data.count(mark, 0, size)
        if tail or data[size - 1] in mark:
            keep = len(mark) - 1
            found += (tail + data[: min(size, keep)]).count(mark)
            self._tail = bytes(tail + data[max(0, size - keep) : size])[-keep:]
            if self._tail[-1] not in mark:
                self._tail = b""
        return found


class Crowd:
    """The followers of one contender, and its poster.

    ``mark``: what each post has once, by which posts are counted; empty: they are counted by their length.
    """

    def __init__(self, contender: Contender, mark: bytes = b"") -> None:
        self._contender = contender
        self._mark = mark
        self._sampled = Marks(mark) if mark else None
        self._buffer = bytearray(CHUNK)
        self._epoll = select.epoll()
        self._sample: list[bytes] = []
        self._takers: dict[int, Callable[[], int | None]] = {}
        self._mouth = contender.poster.fileno()
        for connection in [*contender.followers, contender.poster]:
            connection.setblocking(False)
            self._epoll.register(connection.fileno(), select.EPOLLIN)
            self._takers[connection.fileno()] = self._taker(connection)
        self._takers[contender.followers[0].fileno()] = self._take_sample
        self.frame = 1

    def close(self) -> None:
        """Close the connections."""
        self._epoll.close()
        for connection in [*self._contender.followers, self._contender.poster]:
            connection.close()

    def prepare(self) -> None:
        """Read what still comes, then learn the length of a frame: from two, as a ping may come with one."""
        self._contender.heartbeat()
        self._drain()
        probed = min(self._probe(), self._probe())
        if not self._mark:
            self.frame = probed

    def _probe(self) -> int:
        self._contender.poster.sendall(self._contender.posts(1))
        self._drain()
        stream = b"".join(self._sample)
        if len(self._contender.read(stream)) != 1:
            raise Uneven(f"a follower at {self._contender.name} received {stream!r} instead of one post")
        return len(stream)

    def saturate(self, depth: int, seconds: float) -> Run:
        """Keep ``depth`` posts in flight; a post is in flight until the last follower has received it."""
        self._begin()
        begun = time.perf_counter()
        self._post(depth)
        until = begun + seconds
        while self._done < self._sent:
            done = self._done
            self._read_all(self._wait(until + STALL_SECONDS - time.perf_counter()))
            if self._done > done and time.perf_counter() < until:
                self._post(self._done - done)
        return self._finish(time.perf_counter() - begun)

    def pace(self, rate: float, seconds: float) -> Run:
        """Post ``rate`` times per second, on time whatever the answers do; record every delay."""
        self._begin()
        begun = time.perf_counter()
        due = [begun + number / rate for number in range(int(rate * seconds))]
        delays: list[float] = []
        acknowledged: list[float] = []
        while self._done < len(due):
            now = time.perf_counter()
            while self._sent < len(due) and due[self._sent] <= now:
                self._post(1)
            wait = due[self._sent] - now if self._sent < len(due) else STALL_SECONDS
            self._read_timed(self._epoll.poll(max(wait, 0.0)), due, delays, acknowledged)
            if not wait and time.perf_counter() > due[-1] + STALL_SECONDS:
                raise TooSlow(f"{self._contender.name} stalled")
        run = self._finish(time.perf_counter() - begun)
        run.delays, run.acknowledged = delays, acknowledged
        return run

    # ---- one run ----

    def _begin(self) -> None:
        self._sample.clear()
        self._got = [0] * (max(self._takers) + 1)
        # How many followers have received exactly this many posts; the lowest count that is not empty is what
        # all of them have.
        self._reached = [len(self._contender.followers)]
        self._sent = self._done = 0
        self._own_cpu = time.process_time()
        self._server_cpu = [cpu_seconds(pid) for pid in self._contender.pids]

    def _post(self, count: int) -> None:
        self._sent += count
        self._reached.extend([0] * count)
        self._contender.poster.sendall(self._contender.posts(count))

    def _wait(self, seconds: float) -> list[tuple[int, int]]:
        events = self._epoll.poll(max(seconds, 0))
        if not events:
            raise TooSlow(f"{self._contender.name} stalled: {self._done} of {self._sent} posts came through")
        return events

    def _read_all(self, events: list[tuple[int, int]]) -> None:
        takers, got, reached, frame, mouth = self._takers, self._got, self._reached, self.frame, self._mouth
        for descriptor, _ in events:
            size = takers[descriptor]()
            if descriptor == mouth or size is None:
                continue
            if not size:
                raise TooSlow(f"{self._contender.name} closed a follower's connection")
            before = got[descriptor]
            got[descriptor] = after = before + size
            if after // frame > self._sent:
                raise Uneven(f"{self._contender.name} sent longer frames than at first")
            reached[before // frame] -= 1
            reached[after // frame] += 1
        while self._done < self._sent and not reached[self._done]:
            self._done += 1

    def _read_timed(
        self, events: list[tuple[int, int]], due: list[float], delays: list[float], acknowledged: list[float]
    ) -> None:
        for event in events:
            before = self._got[event[0]] // self.frame
            self._read_all([event])
            now = time.perf_counter()
            if event[0] == self._mouth:
                # At this rate an answer has come before the next post is due, or both come together.
                acknowledged.extend(now - at for at in due[len(acknowledged) : self._sent])
                continue
            delays.extend(now - at for at in due[before : self._got[event[0]] // self.frame])

    def _finish(self, elapsed: float) -> Run:
        """Check that everybody received every post completely, and nothing else except a few pings."""
        busy = (time.process_time() - self._own_cpu) / elapsed
        costs = tuple(
            cpu_seconds(pid) - before
            for pid, before in zip(self._contender.pids, self._server_cpu, strict=True)
        )
        followers = [follower.fileno() for follower in self._contender.followers]
        surplus = max(self._got[descriptor] for descriptor in followers) - self._sent * self.frame
        texts = self._contender.read(b"".join(self._sample))
        if not 0 <= surplus < self.frame or len(texts) != self._sent or len(set(texts)) != 1:
            raise Uneven(f"{self._contender.name}: {len(texts)} of {self._sent} posts, {surplus} bytes over")
        return Run(self._sent, elapsed, busy, sum(costs), self._sent * len(followers), costs)

    def _taker(self, connection: socket.socket) -> Callable[[], int | None]:
        """Return a function that takes what has come, and returns its size in bytes, or in posts if they are
        counted by a mark: None for TLS's own data, or no post; 0 at the end.
        """
        if self._mark:
            return self._counter(connection)
        if not isinstance(connection, ssl.SSLSocket):
            return functools.partial(connection.recv_into, self._buffer, CHUNK, socket.MSG_TRUNC)

        def take() -> int | None:
            try:
                return connection.recv_into(self._buffer, CHUNK)
            except ssl.SSLWantReadError:
                return None

        return take

    def _counter(self, connection: socket.socket) -> Callable[[], int | None]:
        marks, buffer = Marks(self._mark), self._buffer

        def take() -> int | None:
            size = connection.recv_into(buffer, CHUNK)
            return (marks.count(buffer, size) or None) if size else 0

        return take

    def _drain(self, quiet: float = 0.1) -> None:
        """Read until nothing has come for ``quiet`` seconds."""
        self._sample.clear()
        while events := self._epoll.poll(quiet):
            for descriptor, _ in events:
                if self._takers[descriptor]() == 0:
                    raise TooSlow(f"{self._contender.name} closed a connection")

    def _take_sample(self) -> int | None:
        try:
            chunk = self._contender.followers[0].recv(CHUNK)
        except ssl.SSLWantReadError:
            return None
        self._sample.append(chunk)
        if self._sampled is None or not chunk:
            return len(chunk)
        return self._sampled.count(chunk, len(chunk)) or None
