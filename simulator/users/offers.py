"""The protocols that users of a simulation can speak, and the fronts that these need."""

from __future__ import annotations

import pkgutil
import random
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import simulator.users
from chatnet.worker.front import Offer
from chatnet.worker.fronts import FRONTS
from chatnet.world import World
from simulator.users.port import MakeUser

USUAL = "amp"
"""The protocol of all users by default."""
OTHERS = 0.5
"""How often some of the users of a run speak another protocol."""
WITH_IRC = 0.2
"""How often some speak one that needs fronts of its own."""


@cache
def _found() -> dict[str, Any]:
    names = sorted(module.name for module in pkgutil.iter_modules(simulator.users.__path__))
    modules = {name: import_module(f"{simulator.users.__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "make")}


def speakers() -> dict[str, MakeUser]:
    """Return by protocol what makes its users: ``make`` of each module."""
    return {name: module.make for name, module in _found().items()}


def needs_fronts(spoken: str) -> bool:
    """Return whether those who speak this need IRC fronts."""
    return getattr(_found()[spoken], "NEEDS_FRONTS", False)


def told(device: str, spoken: str) -> str:
    """Return the argument that tells the users' program about a device."""
    return device if spoken == USUAL else f"{device}:{spoken}"


def heard(argument: str) -> tuple[str, MakeUser]:
    """Return the device in such an argument, and what makes its user."""
    device, _, spoken = argument.partition(":")
    return device, speakers()[spoken or USUAL]


def offers(world: World) -> Sequence[Offer]:
    """Return what a simulated worker offers: what every worker does, and what only these users speak."""
    own = [module.offered(world) for module in _found().values() if hasattr(module, "offered")]
    return (*FRONTS, *own)


def drawn(chance: random.Random, devices: Sequence[str], wanted: str = "") -> dict[str, str]:
    """Return the protocol of each device: the ``wanted`` one; otherwise the usual one, or, in some runs,
    another one at some of them."""
    if wanted:
        return dict.fromkeys(devices, wanted)
    others = [name for name in speakers() if name != USUAL and not needs_fronts(name)]
    share = chance.random() if chance.random() < OTHERS else 0.0
    return {device: chance.choice(others) if chance.random() < share else USUAL for device in devices}


def with_irc(chance: random.Random, spoken: Mapping[str, str], surely: bool) -> dict[str, str]:
    """Return the protocol of each device, of which in some runs some speak one that needs fronts; ``surely``:
    there are fronts."""
    its = [name for name in speakers() if needs_fronts(name)]
    if not surely and chance.random() >= WITH_IRC:
        return dict(spoken)
    share = chance.uniform(0.2, 0.8)
    its_own = {device: chance.choice(its) for device in spoken if chance.random() < share}
    return {**spoken, **its_own}
