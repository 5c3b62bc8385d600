"""Limits how much work is under way at a time: the rest waits, and the owners take turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

P = ParamSpec("P")
T = TypeVar("T")


class Rota(Generic[T]):
    """Waiting items, by owner. Owners take turns, each with their oldest: nobody delays others. Pure."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, dict[T, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, whose: Hashable, item: T) -> None:
        """Let ``item`` wait after the owner's others."""
        self._lines.setdefault(whose, {})[item] = None
        self._count += 1

    def take(self) -> T:
        """Take out the next item. There must be one."""
        return self._take_of(next(iter(self._lines)))

    def take_if(self, is_ready: Callable[[Hashable, T], bool]) -> tuple[Hashable, T] | None:
        """Take out the next owner's oldest item that ``is_ready``; return owner and item, or None."""
        for whose, line in self._lines.items():
            if is_ready(whose, next(iter(line))):
                return whose, self._take_of(whose)
        return None

    def _take_of(self, whose: Hashable) -> T:
        line = self._lines.pop(whose)
        item = next(iter(line))
        del line[item]
        if line:
            self._lines[whose] = line  # after all others
        self._count -= 1
        return item

    def of(self, whose: Hashable) -> int:
        """Return how many items of that owner wait."""
        return len(self._lines.get(whose, ()))

    def discard(self, whose: Hashable, item: T) -> None:
        """Remove the item; harmless if it is not there."""
        line = self._lines.get(whose, {})
        if item in line:
            del line[item]
            self._count -= 1
            if not line:
                del self._lines[whose]


class Visitor:
    """Somebody who wants work done, for the owner ``whose``. After they leave, no work begins for them."""

    __slots__ = ("_waiting", "has_left", "whose")

    def __init__(self, whose: Hashable) -> None:
        self.whose = whose
        self.has_left = False
        self._waiting: tuple[Rota[Any], Any] | None = None

    def leave(self) -> None:
        """Drop what waits for them: they are gone. Work under way is finished."""
        self.has_left = True
        if self._waiting is not None:
            rota, item = self._waiting
            self._waiting = None
            rota.discard(self.whose, item)

    def wait(self, rota: Rota[T], item: T) -> None:
        """Wait in ``rota`` with ``item``; what they waited for before is dropped."""
        if self._waiting is not None:
            before, other = self._waiting
            before.discard(self.whose, other)
        self._waiting = rota, item
        rota.put(self.whose, item)

    def called(self) -> None:
        """Note that their turn has come."""
        self._waiting = None


class Lane:
    """Runs at most ``most`` pieces of work at a time, and ``of_one`` for one owner.

    An owner whose work is at that limit delays nobody else. A visitor asks for one piece after another.
    """

    def __init__(self, most: int, of_one: int) -> None:
        self._most = most
        self._of_one = of_one
        self._under_way: Counter[Hashable] = Counter()
        self._is_held = self._goes_on = False
        self._waiting: Rota[Deferred[None]] = Rota()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    async def run(
        self, visitor: Visitor, work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what ``work`` returns, run in ``visitor``'s turn; never, if they leave before it begins."""
        if visitor.has_left:
            await Deferred()
        turn: Deferred[None] = Deferred()
        visitor.wait(self._waiting, turn)
        self._go_on()
        await turn
        visitor.called()
        try:
            return await work(*args, **kwargs)
        finally:
            self._end(visitor.whose)
            self._go_on()

    def hold(self) -> None:
        """Begin nothing until :meth:`release`."""
        self._is_held = True

    def release(self) -> None:
        """Begin work again."""
        self._is_held = False
        self._go_on()

    def _go_on(self) -> None:
        if self._goes_on:
            return  # work that was done at once has ended: it is gone on with below, however many wait
        self._goes_on = True
        try:
            while not self._is_held and self._under_way.total() < self._most:
                found = self._waiting.take_if(self._has_room)
                if found is None:
                    break
                whose, turn = found
                self._under_way[whose] += 1
                turn.callback(None)
        finally:
            self._goes_on = False

    def _has_room(self, whose: Hashable, _: Deferred[None]) -> bool:
        return self._under_way[whose] < self._of_one

    def _end(self, whose: Hashable) -> None:
        self._under_way[whose] -= 1
        if not self._under_way[whose]:
            del self._under_way[whose]


class Pace:
    """Limits work that is done at once in its turn: per turn of the reactor as much as costs up to ``most``,
    and one last piece.

    The cost of a piece is told after it is done. A visitor has one waiting piece.
    """

    def __init__(self, clock: IReactorTime, most: int) -> None:
        self._clock = clock
        self._left = self._most = most
        self._waiting: Rota[Deferred[None]] = Rota()
        self._is_scheduled = False

    async def wait(self, visitor: Visitor) -> None:
        """Wait for ``visitor``'s turn, which may be now; never returns if they leave before."""
        if visitor.has_left:
            await Deferred()
        if self._left > 0 and not self._waiting:
            return
        turn: Deferred[None] = Deferred()
        visitor.wait(self._waiting, turn)
        self._schedule()
        await turn
        visitor.called()

    def spend(self, cost: int) -> None:
        """Count ``cost`` for this turn of the reactor; the next turn starts fresh."""
        self._left -= cost
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._clock.callLater(0, self._begin_turn)

    def _begin_turn(self) -> None:
        self._is_scheduled = False
        self._left = self._most
        while self._left > 0 and self._waiting:
            self._waiting.take().callback(None)
        if self._waiting:
            self._schedule()
