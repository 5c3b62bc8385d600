"""Small sizes: pages, windows and buffers turned down, so that short runs get where only long ones would."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

from twisted.internet.abstract import FileDescriptor

from chatnet import credentials
from chatnet.net.pulse import Rhythm
from chatnet.store.window import Window
from chatnet.worker import service


class Size(NamedTuple):
    """A number of ``choices``, and the modules that know it by ``name``."""

    name: str
    modules: tuple[str, ...]
    choices: tuple[int, ...]


_STORE = "chatnet.store"
SIZES = (
    Size("NEAR", ("chatnet.worker.subscription",), (1, 4, 20)),
    Size("SLICE", (f"{_STORE}.reader",), (1, 3, 10)),
    Size("PAGE_ENTRIES", (f"{_STORE}.pages", f"{_STORE}.sqlite.log", f"{_STORE}.sqlite.reads"), (20, 30)),
    Size("SNAPSHOT_INTERVALS", (f"{_STORE}.pages", f"{_STORE}.sqlite.reads"), (1, 3)),
    Size("MAX_DRAFTS", (f"{_STORE}.remote",), (1, 3, 10)),
    Size("_MAX_DRAFTS", (f"{_STORE}.sqlite.log",), (1, 3, 10)),
    Size("PREFILL", (f"{_STORE}.sqlite.opening",), (1, 20, 100)),
    Size("CHECKPOINT_PAGES", (f"{_STORE}.sqlite.file",), (10, 100)),
    Size("RUN_UP", ("chatnet.master.log_server",), (1, 10, 50)),
    Size("MOST_DRAFTS", ("chatnet.worker.drafts",), (2, 5)),
    Size("MOST_WAITING", ("chatnet.worker.reads",), (2, 4)),
)
PAGE_BYTES = Size(
    "PAGE_BYTES",
    ("chatnet.log", f"{_STORE}.pages", f"{_STORE}.remote", "chatnet.wire.encode"),
    (10_000,),
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
def small_sizes(chance: random.Random, network: Any) -> Iterator[dict[str, int]]:
    """While it is open, sizes are as the seed says; what they are is yielded."""
    # Whoever was imported while a size is small would keep it for ever.
    for module in ("chatnet.master.tap", "chatnet.worker.tap"):
        import_module(module)
    drawn: dict[str, int] = {}
    before: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, value: Any) -> None:
        before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def draw(size: Size) -> None:
        drawn[size.name] = chance.choice(size.choices)
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
            drawn["buffer"] = network.buffer = chance.choice(BUFFERS)
        if chance.random() < OFTEN:
            drawn["ping every"] = int(CLIENT_PULSE.every)
            put(service, "CLIENT_PULSE", CLIENT_PULSE)
        if chance.random() < OFTEN:
            drawn["window"] = chance.choice(WINDOWS)
            put(Window.__init__, "__defaults__", ("", None, drawn["window"]))
    try:
        yield drawn
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)
