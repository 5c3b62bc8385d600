"""What there is to choose from: the protocols that users of a simulation speak, and the fronts they need."""

from __future__ import annotations

import pkgutil
import random
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import simulator.users
from chatnet.worker.front import Offer
from chatnet.worker.fronts import FRONTS
from simulator.users.port import MakeUser

USUAL = "amp"
"""What all speak, if nothing else is said."""
OTHERS = 0.5
"""How often some of the users of a run speak something else."""


@cache
def _found() -> dict[str, Any]:
    names = sorted(module.name for module in pkgutil.iter_modules(simulator.users.__path__))
    modules = {name: import_module(f"{simulator.users.__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "make")}


def speakers() -> dict[str, MakeUser]:
    """By the protocol's name, what makes its users: ``make`` of each module."""
    return {name: module.make for name, module in _found().items()}


def told(device: str, spoken: str) -> str:
    """What the program of users is told of a device."""
    return device if spoken == USUAL else f"{device}:{spoken}"


def heard(argument: str) -> tuple[str, MakeUser]:
    """Which device that is, and what makes its user."""
    device, _, spoken = argument.partition(":")
    return device, speakers()[spoken or USUAL]


def offers() -> Sequence[Offer]:
    """What simulated workers offer: what every worker does, and what only these users speak."""
    own = [module.FRONT for module in _found().values() if hasattr(module, "FRONT")]
    return (*FRONTS, *own)


def drawn(chance: random.Random, devices: Sequence[str], wanted: str = "") -> dict[str, str]:
    """What is spoken at each device: what is ``wanted``; else the usual, or, in some runs, at some of them
    something else."""
    if wanted:
        return dict.fromkeys(devices, wanted)
    others = [name for name in speakers() if name != USUAL]
    share = chance.random() if chance.random() < OTHERS else 0.0
    return {device: chance.choice(others) if chance.random() < share else USUAL for device in devices}
