"""Small sizes: pages, windows and buffers turned down, so that short runs get where only long ones would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple

from twisted.internet.abstract import FileDescriptor

from chatnet import credentials
from chatnet.limits import Rhythm
from simulator.simulation import Simulation


class Size(NamedTuple):
    """A number of ``choices``: one of :class:`~chatnet.limits.Limits`, or what ``modules`` know by this name.

    Those of pages are constants: what cuts a page knows nothing but the connection of a store.
    """

    name: str
    choices: tuple[int, ...]
    modules: tuple[str, ...] = ()


_STORE = "chatnet.store"
SIZES = (
    Size("near", (1, 4, 20)),
    Size("slice", (1, 3, 10)),
    Size("PAGE_ENTRIES", (20, 30), (f"{_STORE}.pages", f"{_STORE}.sqlite.log", f"{_STORE}.sqlite.reads")),
    Size("SNAPSHOT_INTERVALS", (1, 3), (f"{_STORE}.pages", f"{_STORE}.sqlite.reads")),
    Size("worker_drafts", (1, 3, 10)),
    Size("batch_drafts", (1, 3, 10)),
    Size("prefill", (1, 20, 100)),
    Size("checkpoint_pages", (10, 100)),
    Size("run_up", (1, 10, 50)),
    Size("drafts", (2, 5)),
    Size("reads", (2, 4)),
)
PAGE_BYTES = Size(
    "PAGE_BYTES",
    (10_000,),
    ("chatnet.log", f"{_STORE}.pages", f"{_STORE}.remote", "chatnet.wire.encode"),
)
WINDOWS = (4_000, 20_000, 60_000)
"""How much a window holds, in bytes."""
BUFFERS = (1_000, 4_000, 16_000)
"""What a kernel keeps for a socket in each direction, in bytes."""
TRANSPORTS = (1_000, 8_000)
"""At how much unsent a transport says that it is full, in bytes."""
CLIENT_PULSE = Rhythm(tick=1.0, every=3.0, patience=45.0)
"""How clients are pinged: what they read goes on by it."""
OFTEN = 0.6
"""How often each size is small, in a run that has small ones at all; which is every second one."""


@contextmanager
def small_sizes(simulation: Simulation) -> Iterator[dict[str, Any]]:
    """While it is open, sizes are as the seed says for each process that starts; these are yielded."""
    chance = simulation.chance("sizes")
    # Whoever was imported while a size is small would keep it for ever.
    for module in ("chatnet.master.tap", "chatnet.worker.tap"):
        import_module(module)
    drawn: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    before: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, value: Any) -> None:
        before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def draw(size: Size) -> None:
        drawn[size.name] = chance.choice(size.choices)
        if not size.modules:
            limits[size.name] = drawn[size.name]
        for module in size.modules:
            put(import_module(module), size.name, drawn[size.name])

    # How long a hash takes is the simulated threads' affair: to compute one was a third of a run.
    put(credentials, "COST", credentials.Cost(1, 8, 1))
    if chance.random() < 0.5:
        for size in SIZES:
            if chance.random() < OFTEN:
                draw(size)
        if chance.random() < OFTEN:
            # All three: who does not read fills one after the other, in the time that there is.
            draw(PAGE_BYTES)
            drawn["transport"] = chance.choice(TRANSPORTS)
            put(FileDescriptor, "bufferSize", drawn["transport"])
            drawn["buffer"] = simulation.network.buffer = chance.choice(BUFFERS)
        if chance.random() < OFTEN:
            drawn["client_pulse"] = limits["client_pulse"] = CLIENT_PULSE
        if chance.random() < OFTEN:
            drawn["window_bytes"] = limits["window_bytes"] = chance.choice(WINDOWS)
    simulation.limits = replace(simulation.limits, **limits)
    try:
        yield drawn
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)
