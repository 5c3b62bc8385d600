"""The processes of one kind on the primary's own host: who is a child, who is adopted, who is lost, how many
are wanted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from chatnet.master.lost_processes import LostProcesses
from chatnet.master.port import all_gone
from chatnet.net.link import Link
from chatnet.supervisor import TERM_SECONDS, Supervisor
from chatnet.telemetry import ProcessGone, Tell
from chatnet.world import Processes


class Member(Protocol):
    """A worker, or a replica, for as long as its process lives."""

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

    They are *children* of the supervisor; or *adopted*: a process that is no longer the primary started them,
    and they have a link to us; or *lost*: they were linked, or are expected from the primary before us, and
    may still come back. Those that a person started belong to nobody. ``name_of`` calls one in sentences.
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
    ) -> None:
        self.wanted = wanted
        self.here = here
        self._is_ending = False
        self._supervisor = supervisor
        self._clock = clock
        self._tell = tell
        self._name_of = name_of
        self._lost = LostProcesses(processes, clock, tell, self.settle)
        self._settle: Callable[[], None] | None = None
        self._waiting: IDelayedCall | None = None
        self._left: Sequence[I] = ()

    # ---- how many there are ----

    def start(self, expected: Iterable[I], wait: float, settle: Callable[[], None]) -> None:
        """Begin to keep them; those of ours that are ``expected`` may take a while to come back.

        ``settle`` is called whenever they are to be counted: the first time after ``wait``
        seconds, at once if that is 0; then by :meth:`settle`, and when one that is lost will not come back.
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
        """Are they counted? Not before the start and the wait, nor when they are to end."""
        return self._settle is not None and self._waiting is None and not self._is_ending

    def settle(self) -> None:
        """Count them now, unless it is too early, or too late."""
        if self._settle is not None and self.is_settling:
            self._settle()

    def fill(self, others: int) -> int:
        """Start the children that are missing, where ``others`` are here that are not; how many are wanted.

        A lost one counts, for it may come back.
        """
        children = max(0, self.wanted - others - len(self._lost))
        self._supervisor.keep(children)
        return children

    @property
    def children(self) -> int:
        """How many children are kept. Only :meth:`drop` makes them fewer."""
        return self._supervisor.count

    @property
    def lost(self) -> int:
        """How many are lost, and may still come back."""
        return len(self._lost)

    def drop(self) -> None:
        """Keep one child less: the last one is stopped."""
        self._supervisor.drop()

    # ---- who is here ----

    def is_child(self, identity: I) -> bool:
        """Did this process start it?"""
        return identity.host == self.here and self._supervisor.owns(identity.pid)

    def is_adopted(self, identity: I) -> bool:
        """Did another process start it, to keep it here, as we do?"""
        return identity.spawned and identity.host == self.here and not self.is_child(identity)

    def look_after(self, linked: Iterable[I], seconds: float) -> None:
        """Kill the children without a link for long. ``linked`` have one, ``seconds`` after the last look."""
        self._supervisor.look_after({each.pid for each in linked if self.is_child(each)}, seconds)

    def miss(self, identity: I) -> None:
        """An adopted one has lost its link. It counts until it is clear that it will not come back."""
        name = self._name_of(identity)
        if not self._lost.miss(identity.process, identity, name):
            self._tell(ProcessGone(name, is_dead=True))

    def is_back(self, identity: I) -> bool:
        """It is linked. Was it lost?"""
        return self._lost.back(identity.process)

    def kill(self, identity: I) -> None:
        """End one of ours, which hangs."""
        if self.is_child(identity):
            self._supervisor.kill(identity.pid)
        else:
            self._lost.kill(identity)

    # ---- the end ----

    @property
    def is_ending(self) -> bool:
        """Are they to end, or to be left? Then none is missed, or replaced."""
        return self._is_ending

    def retire(self) -> None:
        """Replace none from now on: they are told to stop."""
        self._is_ending = True

    def end(self, number: int | None = None) -> None:
        """Keep none from now on. Those that are lost get the signal ``number``, or live on."""
        self._is_ending = True
        self._lost.let_go(number)
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    async def stop(self, leaving: Iterable[Link]) -> bool:
        """Stop the children, and wait until they are gone, and the links of those that are ``leaving``.

        False if some of those are still there after ten seconds.
        """
        await self._supervisor.stop()
        return await all_gone(leaving, TERM_SECONDS, self._clock)

    def leave(self, left: Sequence[I] = ()) -> None:
        """Keep none from now on, and let all live on; :meth:`stop_left` is for the children, and ``left``."""
        self.end()
        self._left = left
        self._supervisor.leave()

    async def stop_left(self) -> None:
        """Stop those that were left, by signals: another primary commands them by now."""
        for identity in self._left:
            self._lost.send(identity, signal.SIGTERM)
        await self._supervisor.stop()
