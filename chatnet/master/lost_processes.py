"""Processes of this host that lost their link and are not children: each returns, is dead, or hangs."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from chatnet.net.timer import Timer
from chatnet.telemetry import Killed, ProcessGone, Tell
from chatnet.world import Processes, ProcessId

RETURN_SECONDS = 3.0
"""Seconds that a process has to return."""
LOOK_SECONDS = 0.25
"""Seconds between two checks of its process."""


@dataclass
class _Missed:
    kin: ProcessId
    name: str
    seconds: float = 0.0


class LostProcesses:
    """The missing processes, by a key of each. ``gone()`` is called when one will not return.

    A dead one is gone at once; one that still lives after ``patience`` seconds hangs, and is killed. Time is
    counted in looks, and again from the beginning when this process itself was stopped: what the others sent
    meanwhile is unread.
    """

    def __init__(
        self,
        processes: Processes,
        clock: IReactorTime,
        tell: Tell,
        gone: Callable[[], None],
        patience: float = RETURN_SECONDS,
    ) -> None:
        self._patience = patience
        self._processes = processes
        self._tell = tell
        self._gone = gone
        self._missed: dict[object, _Missed] = {}
        self._looking = Timer(clock, LOOK_SECONDS, self._look, "Cannot look for the missing processes")

    def __len__(self) -> int:
        return len(self._missed)

    def miss(self, key: object, kin: ProcessId, name: str) -> bool:
        """``kin``, called ``name`` in sentences, lost its link: wait for it; return False if it is dead."""
        if self._is_dead(kin):
            return False
        self._missed[key] = _Missed(kin, name)
        self._looking.start()
        return True

    def kill(self, kin: ProcessId) -> None:
        """Kill ``kin`` at once: it was silent for so long that it hangs."""
        self.send(kin, signal.SIGKILL)

    def back(self, key: object) -> bool:
        """It has returned; return False if it was not missing."""
        return self._missed.pop(key, None) is not None

    def let_go(self, number: int | None = None) -> None:
        """Stop looking, after sending the signal ``number`` to all missing processes, if it is given."""
        self._looking.stop()
        for missed in self._missed.values():
            if number is not None:
                self.send(missed.kin, number)
        self._missed.clear()

    def _look(self) -> None:
        for key, missed in list(self._missed.items()):
            missed.seconds = 0.0 if self._looking.slept else missed.seconds + LOOK_SECONDS
            if is_dead := self._is_dead(missed.kin):
                killed = False
            elif missed.seconds >= self._patience:
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
        """Send ``kin`` the signal ``number``; return False, and send nothing, if it is dead or unknown."""
        sent = self._processes.signal(kin, number)
        if sent and number == signal.SIGKILL:
            self._tell(Killed(kin.pid, "missed"))
        return sent
