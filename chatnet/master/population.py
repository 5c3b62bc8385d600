"""The processes of one kind on the primary's own host: which are children, adopted or lost, and how many are
wanted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from chatnet.master.lost_processes import RETURN_SECONDS, LostProcesses
from chatnet.master.port import all_gone
from chatnet.net.link import Link
from chatnet.supervisor import TERM_SECONDS, Supervisor
from chatnet.telemetry import ProcessGone, Tell
from chatnet.world import Processes


class Member(Protocol):
    """A worker, or a replica, while its process lives."""

    @property
    def process(self) -> Hashable: ...
    @property
    def host(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def started(self) -> int: ...
    @property
    def spawned(self) -> bool: ...


I = TypeVar("I", bound=Member)  # noqa: E741


class Population(Generic[I]):
    """Keeps ``wanted`` processes of one kind running on the host ``here``.

    Each is a *child* of the supervisor; or *adopted*: started by a process that is no longer the primary, and
    linked to us; or *lost*: it was linked, or the last primary knew it, and it may still return. Processes
    started by hand belong to nobody. ``name_of`` gives a process's name in sentences. A lost one that lives
    has ``patience`` seconds to return.
    """

    def __init__(
        self,
        wanted: int,
        here: str,
        supervisor: Supervisor,
        processes: Processes,
        clock: IReactorTime,
        tell: Tell,
        name_of: Callable[[I], str],
        patience: float = RETURN_SECONDS,
    ) -> None:
        self.wanted = wanted
        self.here = here
        self._is_ending = False
        self._supervisor = supervisor
        self._clock = clock
        self._tell = tell
        self._name_of = name_of
        self._lost = LostProcesses(processes, clock, tell, self.settle, patience)
        self._settle: Callable[[], None] | None = None
        self._waiting: IDelayedCall | None = None
        self._left: Sequence[I] = ()

    # ---- how many there are ----

    def start(self, expected: Iterable[I], wait: float, settle: Callable[[], None]) -> None:
        """Start keeping them; those of ours that are ``expected`` may take a while to return.

        ``settle`` is called whenever they should be counted: first after ``wait`` seconds, at once if that is
        0; then by :meth:`settle`, and when a lost one will not return.
        """
        self._settle = settle
        for identity in expected:
            if identity.spawned and identity.host == self.here:
                self.miss(identity)
        if wait:
            self._waiting = self._clock.callLater(wait, self._waited)
        else:
            self.settle()

    def _waited(self) -> None:
        self._waiting = None
        self.settle()

    @property
    def is_settling(self) -> bool:
        """Whether they are counted: not before the start and the wait, nor when they are ending."""
        return self._settle is not None and self._waiting is None and not self._is_ending

    def settle(self) -> None:
        """Count them now, unless it is too early or too late."""
        if self._settle is not None and self.is_settling:
            self._settle()

    def fill(self, others: int) -> int:
        """Start missing children, when ``others`` are here that are not children; return how many are wanted.

        A lost process counts, because it may return.
        """
        children = max(0, self.wanted - others - len(self._lost))
        self._supervisor.keep(children)
        return children

    @property
    def children(self) -> int:
        """How many children are kept. Only :meth:`drop` makes this smaller."""
        return self._supervisor.count

    @property
    def lost(self) -> int:
        """How many are lost, and may still return."""
        return len(self._lost)

    def drop(self) -> None:
        """Keep one child less: the last one is stopped."""
        self._supervisor.drop()

    # ---- who is here ----

    def is_child(self, identity: I) -> bool:
        """Return whether this process started it."""
        return identity.host == self.here and self._supervisor.owns(identity.pid)

    def is_adopted(self, identity: I) -> bool:
        """Return whether another process started it, in order to keep it here as we do."""
        return identity.spawned and identity.host == self.here and not self.is_child(identity)

    def look_after(self, linked: Iterable[I], seconds: float) -> None:
        """Kill children that have been without a link for long.

        ``linked`` have one; the last look was ``seconds`` ago.
        """
        self._supervisor.look_after({each.pid for each in linked if self.is_child(each)}, seconds)

    def miss(self, identity: I) -> None:
        """An adopted one has lost its link. It counts until it is clear that it will not return."""
        name = self._name_of(identity)
        if not self._lost.miss(identity.process, identity, name):
            self._tell(ProcessGone(name, is_dead=True))

    def is_back(self, identity: I) -> bool:
        """It is linked now; return whether it was lost."""
        return self._lost.back(identity.process)

    def kill(self, identity: I) -> None:
        """Kill one of ours, which hangs."""
        if self.is_child(identity):
            self._supervisor.kill(identity.pid)
        else:
            self._lost.kill(identity)

    # ---- the end ----

    @property
    def is_ending(self) -> bool:
        """Whether they are to end, or to be left. Then none is waited for or replaced."""
        return self._is_ending

    def retire(self) -> None:
        """Replace none from now on: they are told to stop."""
        self._is_ending = True

    def end(self, number: int | None = None) -> None:
        """Keep none from now on. Lost ones get the signal ``number``, or live on."""
        self._is_ending = True
        self._lost.let_go(number)
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    async def stop(self, leaving: Iterable[Link]) -> bool:
        """Stop the children, and wait for them and for the links of those that are ``leaving``.

        Returns False if some of those are still there after ten seconds.
        """
        await self._supervisor.stop()
        return await all_gone(leaving, TERM_SECONDS, self._clock)

    def leave(self, left: Sequence[I] = ()) -> None:
        """Keep none from now on, and let all live on; :meth:`stop_left` stops the children and ``left``."""
        self.end()
        self._left = left
        self._supervisor.leave()

    async def stop_left(self) -> None:
        """Stop, by signals, those that were left: another primary commands them by now."""
        for identity in self._left:
            self._lost.send(identity, signal.SIGTERM)
        await self._supervisor.stop()
