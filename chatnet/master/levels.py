"""The log's level, as the primary manages it: who is too old for it, and when it rises."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from chatnet.entries import Draft, Entry
from chatnet.errors import HeldBack, LevelReached, LevelTooLow
from chatnet.kinds import CLUSTER
from chatnet.log import Refused
from chatnet.master.registry import Registration, Registry
from chatnet.master.replicas import AttachedReplica, Replicas
from chatnet.master.store import Log
from chatnet.net.link import Link
from chatnet.telemetry import LevelRaised, Tell
from chatnet.wire.replica import MasterIdentity

NAMED = 3
"""How many of the processes that hold the level back are named."""


class Levels:
    """Raises the level of the ``log``, and cuts off processes too old for it. ``me`` is the primary."""

    _logger = Logger()

    def __init__(
        self,
        log: Log,
        me: MasterIdentity,
        registry: Registry[Link],
        replicas: Replicas,
        fresh_key: Callable[[], bytes],
        tell: Tell,
    ) -> None:
        self._log = log
        self._me = me
        self._registry = registry
        self._replicas = replicas
        self._fresh_key = fresh_key
        self._tell = tell
        log.window.watch(self._grown)

    @property
    def level(self) -> int:
        """The log's level."""
        return self._log.window.level

    def check(self, level: int) -> None:
        """:raises LevelTooLow: the log is above ``level``, the one that a process understands."""
        if level < self.level:
            raise LevelTooLow.of(level=self.level, own=level)

    async def up(self) -> int:
        """Raise the log to the next level that any process understands; return the level that it then has.

        A process that is ahead of all others does not block the level that all have in common.

        :raises HeldBack: some process does not understand that level.
        """
        next = self._next()
        if next > self.level:
            await self._append(next)
        await self._log.outdate(next)
        return next

    async def _append(self, next: int) -> None:
        if behind := self._below(next):
            raise HeldBack.of(level=self.level, next=next, who=_enumerated(behind))
        draft = Draft("level", CLUSTER, CLUSTER, str(next), self._fresh_key())
        [outcome] = await self._log.append([draft])
        if not isinstance(outcome, Refused):
            self._tell(LevelRaised(next))
        elif outcome.code != LevelReached.code:  # by another operator, meanwhile
            raise HeldBack(
                f"The log stays at level {self.level}, for it does not take level {next}: {outcome.sentence}"
            )

    def _linked(self) -> list[Registration[Link] | AttachedReplica]:
        return [*self._registry.workers(), *self._replicas.attached()]

    def _next(self) -> int:
        levels = self._me.level, *(each.identity.level for each in self._linked())
        return min((level for level in levels if level > self.level), default=self.level)

    def _below(self, level: int) -> list[str]:
        names = [each.name for each in self._linked() if each.identity.level < level]
        return (
            [f"primary (pid {self._me.pid}) on {self._me.host}", *names] if self._me.level < level else names
        )

    def _grown(self, entries: Sequence[Entry]) -> None:
        if any(entry.kind == "level" for entry in entries):
            # They are told why when they register again; until then they get nothing.
            for each in (one for one in self._linked() if one.identity.level < self.level):
                self._logger.warn("{name} does not understand the log from now on", name=each.name)
                each.link.abort()


def _enumerated(names: Sequence[str]) -> str:
    shown, rest = names[:NAMED], len(names) - NAMED
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
