"""Imprints: by what a password is recognized that has been right before, so that it is not hashed again. They
are in memory alone, and what a process knows of others' may be some moments old. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from chatnet.names import MAX_NAME

IMPRINT_BYTES = 32
MOST_IMPRINTS = 20_000
"""How many users have an imprint at most, in each process."""
GATHER_SECONDS = 0.25
"""Seconds that imprints are gathered before others are told."""
MOST_TOLD = 500
"""How many travel together at most."""
MOST_PIECES = 4
"""How many such pieces one process sends another at a time."""


class Imprint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The password of ``user`` that was set at ``secret_seq`` leaves this ``value``: see
    :func:`chatnet.credentials.imprinted`. Of another secret it says nothing."""

    user: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    secret_seq: Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]
    value: Annotated[bytes, Meta(min_length=IMPRINT_BYTES, max_length=IMPRINT_BYTES)]

    def __repr__(self) -> str:
        return f"<an imprint of {self.user}>"  # its value stands in no log


class Room(Protocol):
    """A link, of which it is known whether it is full."""

    @property
    def full(self) -> bool:
        """Whether nothing should be sent for now."""


class Imprints:
    """The newest imprint of each user; of too many, those go that came first.

    Each has a place, the later the greater; ``last`` is the greatest. So who was told up to a place can be
    told the rest.
    """

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, Imprint]] = {}
        self.last = 0

    def __len__(self) -> int:
        return len(self._found)

    def of(self, user: str) -> Imprint | None:
        """Return the imprint of a user."""
        return self._found.get(user, (0, None))[1]

    def add(self, imprint: Imprint) -> None:
        """Keep an imprint, unless it is known, or one of a newer secret."""
        before = self.of(imprint.user)
        if before is not None and (before == imprint or before.secret_seq > imprint.secret_seq):
            return
        self._found.pop(imprint.user, None)
        self.last += 1
        self._found[imprint.user] = self.last, imprint
        if len(self._found) > MOST_IMPRINTS:
            del self._found[next(iter(self._found))]

    def tell(self, place: int, link: Room, tell: Callable[[Sequence[Imprint]], object]) -> int:
        """``tell`` those behind this place, as many as are sent at a time and while the ``link`` has room;
        return up to which place that was."""
        if link.full or place == self.last:
            return place
        newer = list(takewhile(lambda found: found[0] > place, reversed(self._found.values())))
        newer.reverse()
        for start in range(0, min(len(newer), MOST_PIECES * MOST_TOLD), MOST_TOLD):
            if link.full:
                break
            piece = newer[start : start + MOST_TOLD]
            tell([imprint for _, imprint in piece])
            place = piece[-1][0]
        return place
