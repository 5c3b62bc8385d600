"""What a command of IRC is here: a function, and how it fits between the lines before and after it. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient


class Pace(Enum):
    """When a command is done, and when the next one begins."""

    AT_ONCE = auto()
    """It is answered in the call; its answer waits for those before it."""
    DRAFTS = auto()
    """It appends to the log: so do the next ones, behind it, before it is answered. It ends its own slot."""
    ALONE = auto()
    """It begins when all before it are answered, and the next line waits for its end."""


class Command(NamedTuple):
    """A command: ``run`` is called with the client, the slot and the line; ``least`` is how many parameters
    it needs; ``price`` is how many lines it counts for."""

    run: Callable[[IrcClient, Slot, Line], Awaitable[Any] | None]
    least: int = 0
    pace: Pace = Pace.AT_ONCE
    price: int = 1
