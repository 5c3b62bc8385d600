"""What the IRC front of a worker is given besides what all fronts share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from chatnet.world import Clocks

Registers = Literal["sasl", "no"]
"""How a free name is registered over IRC: by the first login with it, or not at all."""


@dataclass(frozen=True)
class IrcSettings:
    """What the operator has said, and what is outside the program.

    ``name`` is the server's, with a dot; ``motd`` are the lines of the message of the day.
    """

    clocks: Clocks
    entropy: Callable[[int], bytes]
    name: str = "irc.localhost"
    motd: tuple[str, ...] = ()
    registers: Registers = "sasl"
