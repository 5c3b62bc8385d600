"""What the IRC front of a worker is given besides what all fronts share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from chatnet.irc_options import MOST, MOST_MISSED, MOST_STRANGERS
from chatnet.world import Clocks

Registers = Literal["sasl", "command", "no"]
"""How a free name is registered over IRC: by the first login with it, by REGISTER alone, or not at all."""


@dataclass(frozen=True)
class IrcSettings:
    """What the operator has said, and what is outside the program.

    ``name`` is the server's, with a dot; ``motd`` returns the lines of the message of the day. ``sts``: for
    so many seconds clients are to come by TLS alone; 0: nothing is said of that. ``guests``: who has no
    account is let in. Of connections from one address at most ``strangers`` may be there before their
    welcome, and ``most`` in all. A device is sent at most ``missed`` posts that it has missed; 0: all of
    them.
    """

    clocks: Clocks
    entropy: Callable[[int], bytes]
    name: str = "irc.localhost"
    motd: Callable[[], Sequence[str]] = tuple
    sts: int = 0
    strangers: int = MOST_STRANGERS
    most: int = MOST
    registers: Registers = "sasl"
    guests: bool = False
    missed: int = MOST_MISSED
