"""Who is typing where: said by their clients, told to who hears them there, and kept by nobody. It is no
part of the log, nothing waits for it, and what there is no room for is never told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta
from twisted.internet.interfaces import IReactorTime

from chatnet.names import MAX_NAME, MAX_ROOM, MAX_USER
from chatnet.net.timer import Timer
from chatnet.reads import MOST_BLOCKERS

Does = Literal["active", "paused", "done"]
"""They type; they have stopped for a moment; they have deleted what they had typed."""
DOES: frozenset[str] = frozenset(get_args(Does))
GATHER_SECONDS = 0.25
"""Seconds that is gathered who types before others are told."""
MOST_TOLD = 50
"""How many travel together at most."""
MOST_WAITING = 200
"""How many are told at a time; of more it is not told that they type."""

_User = Annotated[str, Meta(min_length=1, max_length=MAX_USER)]


class Typist(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What ``user`` ``does`` in ``room``, as the log calls it. It was so when the log ended at ``seq``. Of it
    are not told the ``deaf``, who block them."""

    user: _User
    room: Annotated[str, Meta(min_length=1, max_length=MAX_ROOM + MAX_NAME)]
    does: Does
    seq: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
    deaf: Annotated[tuple[_User, ...], Meta(max_length=MOST_BLOCKERS)] = ()


class Gathered:
    """Typists who wait for a moment, and are told together then: of each in a room, what they did last."""

    def __init__(self, clock: IReactorTime, tell: Callable[[Sequence[Typist]], object]) -> None:
        self._tell = tell
        self._waiting: dict[tuple[str, str], Typist] = {}
        self._telling = Timer(clock, GATHER_SECONDS, self._tell_all, "Cannot tell who is typing")

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, typist: Typist) -> None:
        """Have it told, if not too many wait."""
        key = typist.user, typist.room
        if key in self._waiting or len(self._waiting) < MOST_WAITING:
            self._waiting[key] = typist
            self._telling.start()

    def stop(self) -> None:
        """Tell nothing of what waits."""
        self._waiting.clear()
        self._telling.stop()

    def _tell_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._telling.stop()
        self._tell(list(waiting.values()))


def pieces(typists: Sequence[Typist]) -> Iterator[Sequence[Typist]]:
    """Yield as many at a time as travel together."""
    for start in range(0, len(typists), MOST_TOLD):
        yield typists[start : start + MOST_TOLD]
