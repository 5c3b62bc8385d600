"""``chatnet status --watch``: the table again each second, on one screen, also after a takeover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NoReturn

from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.net.approach import Approach
from chatnet.net.link import Link
from chatnet.operator.primary_link import reach
from chatnet.operator.status import as_table, ask_status
from chatnet.wire.operate import ClusterStatus
from chatnet.world import World

SEEK_EVERY = 0.1
"""Seconds between two tries to find a new primary."""

_CLEAR = "\x1b[H\x1b[2J"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_CUT_LINES, _WRAP_LINES = "\x1b[?7l", "\x1b[?7h"


async def watch(
    masters: Sequence[Address], approach: Approach, world: World, about: Callable[[str], str] = str
) -> None:
    """Show the status until the process is ended: see :func:`.as_table`.

    :raises CannotStart: nobody answers at first. Later, a lost primary is waited for.
    :raises BrokenPipeError: nobody reads the output.
    """
    _, link = await reach(masters, approach, world)
    await Watch(masters, approach, world, about).go_on(link)


class Watch:
    """The status that is shown, and the news above it."""

    def __init__(
        self, masters: Sequence[Address], approach: Approach, world: World, about: Callable[[str], str]
    ) -> None:
        self._about = about
        self._masters = masters
        self._approach = approach
        self._world = world
        self._status: ClusterStatus | None = None
        self._news = ""
        self._is_first = True

    async def go_on(self, link: Link) -> NoReturn:
        """Look each second, through ``link`` and later links."""
        while True:
            try:
                await self._look(link)
            except ConnectionClosed:
                self._tell("the primary is gone; looking for who takes over. This is how it was:")
            finally:
                link.abort()
            link = await self._seek()

    async def _look(self, link: Link) -> NoReturn:
        """:raises ConnectionClosed: the link is lost."""
        while True:
            before, self._status = self._status, await ask_status(link)
            if before is not None and before.epoch != self._status.epoch:
                primary = self._status.masters[0]
                self._tell(f"another master took over: pid {primary.pid} on {primary.host} is primary now")
            else:
                self._show()
            await deferLater(self._world.reactor, self._world.limits.look_seconds)

    async def _seek(self) -> Link:
        """Return a link to the present primary, however long that takes."""
        while True:
            try:
                return (await reach(self._masters, self._approach, self._world))[1]
            except CannotStart:
                await deferLater(self._world.reactor, SEEK_EVERY)

    def _tell(self, news: str) -> None:
        """Show ``news`` with the time; it stays above the table until there is more."""
        self._news = f"{datetime.fromtimestamp(self._world.wall()):%H:%M:%S}  {news}"
        self._show()

    def _show(self) -> None:
        table = as_table(self._status, self._about) if self._status is not None else ""
        text = f"{self._news}\n\n{table}" if self._news else table
        height = self._world.stdio.height()
        if height is not None:
            text = (_CLEAR if self._is_first else "") + redrawn(text.splitlines(), height)
        self._is_first = False
        self._world.stdio.say(text if height is not None else f"{text}\n")


def redrawn(lines: Sequence[str], height: int) -> str:
    """Return what draws ``lines`` over the last ones without flicker, on a terminal ``height`` lines high.

    Lines that do not fit are cut: a screen that scrolls cannot be drawn over. The cursor ends below.
    """
    shown = lines[: max(1, height - 2)]
    drawn = "".join(f"{line}{_REST_OF_LINE}\n" for line in shown)
    return f"{_HOME}{_CUT_LINES}{drawn}{_REST_OF_SCREEN}{_WRAP_LINES}"
