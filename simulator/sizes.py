"""Small pages, windows and buffers, so that short runs reach what only long ones would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from chatnet.limits import Aging, Limits, Rhythm
from simulator.simulation import Simulation


class Size(NamedTuple):
    """The choices for one of :class:`~chatnet.limits.Limits`; ``page.`` is the prefix for its page."""

    name: str
    choices: tuple[int, ...]


SIZES = (
    Size("near", (1, 4, 20)),
    Size("slice", (1, 3, 10)),
    Size("page.entries", (20, 30)),
    Size("page.stays", (1, 3)),
    Size("worker_drafts", (1, 3, 10)),
    Size("batch_drafts", (1, 3, 10)),
    Size("prefill", (1, 20, 100)),
    Size("checkpoint_pages", (10, 100)),
    Size("run_up", (1, 10, 50)),
    Size("drafts", (2, 5)),
    Size("reads", (2, 4)),
)
PAGE_BYTES = Size("page.bytes", (10_000,))
MESSAGE_BYTES = Size("message_bytes", (1, 500, 3_000))
"""Posts that come together need several messages to a browser."""
WINDOWS = (4_000, 20_000, 60_000)
"""Bytes that a window holds."""
BUFFERS = (1_000, 4_000, 16_000)
"""Bytes that a kernel keeps for a socket in each direction."""
TRANSPORTS = (1_000, 8_000)
"""Unsent bytes that make a transport full."""
CLIENT_PULSE = Rhythm(tick=1.0, every=3.0, patience=45.0)
"""How clients are pinged: pings also move what they have read."""
AGING = Aging(day=1.5, looks=0.25, first=1.0, jump=1.0, mistrust=2.0)
"""Days so short that posts grow too old in a run."""
OFTEN = 0.6
"""How often each size is small, in a run that has small ones at all; every second run has."""


def draw_sizes(simulation: Simulation, narrow: bool = False) -> dict[str, Any]:
    """Draw sizes from the seed, for each process that is started from now on; return what was drawn.
    ``narrow``: buffers are as small as they may be, so that who does not read is soon full."""
    chance, network = simulation.chance("sizes"), simulation.network
    limits: dict[str, Any] = {}
    buffers: dict[str, int] = {}

    def draw(size: Size) -> None:
        limits[size.name] = chance.choice(size.choices)

    if chance.random() < 0.5:
        for size in SIZES:
            if chance.random() < OFTEN:
                draw(size)
        if chance.random() < OFTEN:
            # All three: then a client that does not read fills one after another in time.
            draw(PAGE_BYTES)
            buffers["transport"] = network.transport = chance.choice(TRANSPORTS)
            buffers["buffer"] = network.buffer = chance.choice(BUFFERS)
        if chance.random() < OFTEN:
            limits["client_pulse"] = CLIENT_PULSE
        if chance.random() < OFTEN:
            limits["window_bytes"] = chance.choice(WINDOWS)
        messages = simulation.chance("messages")
        if messages.random() < OFTEN:
            limits[MESSAGE_BYTES.name] = messages.choice(MESSAGE_BYTES.choices)
    network.migrates = simulation.chance("migrates").random() < 0.5
    if narrow:
        buffers["transport"] = network.transport = min(TRANSPORTS)
        buffers["buffer"] = network.buffer = min(BUFFERS)
    if simulation.chance("aging").random() < 0.5:
        limits["aging"] = AGING
    simulation.limits = limited(simulation.limits, limits)
    return {**limits, **buffers}


def limited(limits: Limits, drawn: Mapping[str, Any]) -> Limits:
    """Return ``limits`` with the ``drawn`` ones replaced."""
    page = {name.removeprefix("page."): size for name, size in drawn.items() if name.startswith("page.")}
    others = {name: size for name, size in drawn.items() if not name.startswith("page.")}
    return replace(limits, page=limits.page._replace(**page), **others)
