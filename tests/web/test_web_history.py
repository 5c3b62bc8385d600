"""Whatever is cut and however slowly somebody reads: each post is heard once, in the order of the log."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from web.browser import WebSocket, WebStage
from worker.conftest import Worker


class Reader:
    """A client as docs/web.md has it: its cursor moves by ``welcome``, ``posts`` and ``upto`` alone, and is
    said at each hello."""

    def __init__(self, stage: WebStage, name: str) -> None:
        self._stage, self._name = stage, name
        self.seqs: list[int] = []
        self._cursor: dict[str, Any] | None = None
        self._come()

    def _come(self) -> None:
        self.socket = WebSocket(self._stage, self._stage.ticket(self._name))
        self._read = 0
        said = {} if self._cursor is None else {"cursor": self._cursor, "log": "memory"}
        self.socket.say(t="hello", v=1, **said)

    def take(self) -> None:
        """Take what has arrived; come again if the worker has hung up: it was not heard for too long."""
        self._take()
        if not self.socket.is_open:
            self._come()
            self._take()

    def _take(self) -> None:
        for message in self.socket.told[self._read :]:
            self._read += 1
            match message["t"]:
                case "error":
                    raise AssertionError(message)
                case "welcome":
                    assert "gap" not in message
                    self._heard(message.get("posts", []))
                    self._cursor = message["cursor"]
                case "posts":
                    self._heard(message["posts"])
                    last = message["posts"][-1]
                    self._cursor = {"seq": last["seq"], "check": last["check"]}
                case "upto":
                    assert self._cursor is None or message["cursor"]["seq"] >= self._cursor["seq"]
                    self._cursor = message["cursor"]

    def _heard(self, posts: list[dict[str, Any]]) -> None:
        self.seqs += [post["seq"] for post in posts]

    def cut(self) -> None:
        """Lose the connection, and all that is on its way; come again."""
        self._take()
        self.socket.cut()
        self._come()

    def slow_down(self, slow: bool) -> None:
        """Read, or do not."""
        (
            self.socket.wire.client_transport.pauseProducing
            if slow
            else self.socket.wire.client_transport.resumeProducing
        )()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(1, 5)),
        st.tuples(st.just("long"), st.integers(1, 60)),
        st.tuples(st.just("elsewhere"), st.integers(1, 4)),
        st.tuples(st.just("cut"), st.integers(0, 1)),
        st.tuples(st.just("take"), st.integers(0, 1)),
        st.tuples(st.just("slow"), st.integers(0, 1)),
        st.tuples(st.just("fast"), st.integers(0, 1)),
        st.tuples(st.just("wait"), st.integers(1, 16)),
    ),
    max_size=15,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
@example([("slow", 1), ("wait", 10), ("post", 1), ("wait", 8), ("wait", 16)])
def test_nothing_is_missed_and_nothing_comes_twice(steps: list[tuple[str, int]]) -> None:
    """Two readers of one user's page, of which one is slow at times; everything is cut at any point."""
    stage = WebStage(Worker())
    worker = stage.worker
    worker.pulse.start()
    alice = stage.socket("alice")
    for name in ("bob", "carol"):
        joins = stage.socket(name)
        joins.ask("join", key=joins.key(), room="alice")
        joins.cut()
    readers = [Reader(stage, "bob"), Reader(stage, "carol")]
    for step, count in steps:
        reader = readers[count % 2]
        match step:
            case "post" | "long":
                size = 10 if step == "post" else 1900
                for number in range(count):
                    alice.post(f"{number} " + "x" * size)
            case "elsewhere":
                worker.commit(*(worker.said("alice", "from afar, @bob") for _ in range(count)))
            case "cut":
                reader.cut()
            case "take":
                reader.take()
            case "slow" | "fast":
                reader.slow_down(step == "slow")
                worker.settle()
            case "wait":
                alice.say(t="ping", n=1)
                worker.pass_time(count)
    for reader in readers:
        reader.slow_down(False)
        worker.pass_time(16)
        reader.take()
    readers[0].cut()
    worker.settle()
    readers[0].take()
    expected = [entry.seq for entry in worker.log.entries if entry.kind == "post"]
    for reader in readers:
        assert reader.seqs == expected
