"""No acknowledgement is sent before the sync that makes it durable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from simulation.mutants import log
from simulation.mutants.planting import Mutant, name, planted
from simulation.talking import DATA, Talk, a_whole_cluster, primary

from chatnet.entries import Entry
from chatnet.log import Outcome
from chatnet.wire.boxes import Box, Boxes
from simulator import Host, Simulation
from simulator.sockets import SimSocket
from simulator.vfs import SimFile

MASTER, WORKER = "chat-master", "chat-worker"


class Order:
    """What servers send on their sockets, compared with what a power failure at that moment would leave.

    ``durable`` is the head of the log after the last finished sync. ``early`` lists what was said of entries
    after that head; ``said`` counts everything that was said, by process and kind.
    """

    def __init__(self, host: Host, copy: Path) -> None:
        self._host = host
        self._copy = copy
        self._streams: dict[SimSocket, Boxes] = {}
        self.durable = 0
        self.early: list[str] = []
        self.said: dict[str, int] = {}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch each sync and each sent byte."""

        def sync(file: SimFile, flags: int) -> None:
            real_sync(file, flags)
            self.durable = self._head_if_power_failed()

        def send(socket: SimSocket, data: Any) -> int:
            sent = real_send(socket, data)
            for box in self._streams.setdefault(socket, Boxes()).feed(bytes(data[:sent])):
                self._look_at(socket.process.program, box)
            return sent

        real_sync, real_send = SimFile.xSync, SimSocket.send
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SimFile, "xSync", sync)
            patch.setattr(SimSocket, "send", send)
            yield

    def _look_at(self, program: str, box: Box) -> None:
        if program == WORKER and b"_answer" in box and b"seq" in box:
            self._tell("the answer to a draft", int(box[b"seq"]))
        if program == MASTER and b"outcomes" in box:
            outcomes = msgspec.msgpack.decode(box[b"outcomes"], type=list[Outcome])
            self._tell("the answer to a batch", *(each for each in outcomes if isinstance(each, int)))
        if program == MASTER and box.get(b"_command") == b"Committed":
            entries = msgspec.msgpack.decode(box[b"entries"], type=list[Entry])
            self._tell("what was committed", *(entry.seq for entry in entries))

    def _tell(self, what: str, *seqs: int) -> None:
        self.said[what] = self.said.get(what, 0) + len(seqs)
        self.early += (f"{what}: {seq} behind {self.durable}" for seq in seqs if seq > self.durable)

    def _head_if_power_failed(self) -> int:
        """Return the head that SQLite itself recovers from what was synced."""
        for real, image in self._host.disk.images.items():
            (self._copy / Path(real).name).write_bytes(image._durable)
        connection = apsw.Connection(str(self._copy / Path(self._host.disk.real(DATA / "log.sqlite")).name))
        try:
            return int(connection.execute("SELECT head FROM log").get or 0)
        except apsw.SQLError:
            return 0  # there is no table yet
        finally:
            connection.close()
            for left in self._copy.iterdir():
                left.unlink()


def in_which_order(copy: Path) -> Order:
    """Let two users talk, kill the primary, and let them talk on after the takeover; return the order."""
    with Simulation(3) as simulation:
        order = Order(simulation.host("alpha"), copy)
        with order.watched():
            alpha = a_whole_cluster(simulation)
            talk = Talk(simulation)
            for _ in range(2):
                talk.bob.terminal.type(*(f"line {number}" for number in range(30)))
                simulation.run(0.01)
                talk.heard_within(5)
                primary(alpha).kill()
            simulation.run(2)
        return order


def test_what_is_said_is_on_the_platters(tmp_path: Path) -> None:
    """Each seq that a primary tells a worker or a worker tells a client was synced before."""
    order = in_which_order(tmp_path)
    assert order.early == []
    assert order.durable >= 62
    assert sorted(order.said) == ["the answer to a batch", "the answer to a draft", "what was committed"]
    assert min(order.said.values()) >= 62


@pytest.mark.parametrize("mutant", [log.acknowledge_before_commit, log.no_fsync], ids=name)
def test_what_is_said_too_early_is_seen(mutant: Mutant, tmp_path: Path) -> None:
    """The test above fails with a planted bug."""
    with planted(mutant):
        assert in_which_order(tmp_path).early
