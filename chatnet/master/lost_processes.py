"""Processes of this host that lost their link and are no children: they come back, are dead, or hang."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from chatnet.net.timer import Timer
from chatnet.telemetry import Killed, ProcessGone, Tell
from chatnet.world import Processes, ProcessId

RETURN_SECONDS = 3.0
"""How long one may take to come back."""
LOOK_SECONDS = 0.25
"""How often its process is looked at."""


@dataclass
class _Missed:
    kin: ProcessId
    name: str
    seconds: float = 0.0


class LostProcesses:
    """Those that are missed, by a key of each. ``gone()`` is called when one will not come back.

    One that is dead is gone at once; one that lives after three seconds hangs, and is killed. Time is counted
    in looks, so that the time in which this process itself was stopped does not count.
    """

    def __init__(
        self, processes: Processes, clock: IReactorTime, tell: Tell, gone: Callable[[], None]
    ) -> None:
        self._processes = processes
        self._tell = tell
        self._gone = gone
        self._missed: dict[object, _Missed] = {}
        self._looking = Timer(clock, LOOK_SECONDS, self._look, "Cannot look for the missing processes")

    def __len__(self) -> int:
        return len(self._missed)

    def miss(self, key: object, kin: ProcessId, name: str) -> bool:
        """``kin``, called ``name`` in sentences, has no link. False if it is dead: then nobody misses it."""
        if self._is_dead(kin):
            return False
        self._missed[key] = _Missed(kin, name)
        self._looking.start()
        return True

    def kill(self, kin: ProcessId) -> None:
        """Kill ``kin`` at once: it was silent for so long that it hangs."""
        self.send(kin, signal.SIGKILL)

    def back(self, key: object) -> bool:
        """It has come back; False if it was not missed."""
        return self._missed.pop(key, None) is not None

    def let_go(self, number: int | None = None) -> None:
        """Stop looking, after sending all of them the signal ``number``."""
        self._looking.stop()
        for missed in self._missed.values():
            if number is not None:
                self.send(missed.kin, number)
        self._missed.clear()

    def _look(self) -> None:
        for key, missed in list(self._missed.items()):
            missed.seconds += LOOK_SECONDS
            if is_dead := self._is_dead(missed.kin):
                killed = False
            elif missed.seconds >= RETURN_SECONDS:
                killed = self.send(missed.kin, signal.SIGKILL)
            else:
                continue
            del self._missed[key]
            self._tell(ProcessGone(missed.name, is_dead, killed))
            self._gone()
        if not self._missed:
            self._looking.stop()

    def _is_dead(self, kin: ProcessId) -> bool:
        return kin.started != 0 and self._processes.started(kin.pid) != kin.started

    def send(self, kin: ProcessId, number: int) -> bool:
        """Send ``kin`` the signal ``number``; False, and nothing, if it is dead, or that cannot be told."""
        sent = self._processes.signal(kin, number)
        if sent and number == signal.SIGKILL:
            self._tell(Killed(kin.pid, "missed"))
        return sent
