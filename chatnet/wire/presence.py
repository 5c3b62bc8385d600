"""Worker <-> primary: who is connected where. The primary tells those processes that want to know it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

from msgspec import Meta

from chatnet.presence import MOST_TOLD, PIECE_BYTES, Present
from chatnet.wire.arguments import Command, Flag, Number, Packed, packed_bytes

_PEOPLE = Packed[list[Present]](Annotated[list[Present], Meta(max_length=MOST_TOLD)])


class TellPresence(Command):
    """Worker -> primary: of these users something has changed on this worker. No answer.

    ``begins``: the whole state of the worker begins here, and ``goes_on`` until a piece that does not say so;
    who is not in it is no longer there. ``watches``: it wants to be told of the users of others. Only a
    primary gets this that has said, in its answer to :class:`~chatnet.wire.cluster.Register`, that it
    understands it.
    """

    arguments = [(b"begins", Flag()), (b"goes_on", Flag()), (b"watches", Flag()), (b"people", _PEOPLE)]
    requiresAnswer = False


class PresenceTold(Command):
    """Primary -> worker: of these users something has changed on other workers. No answer.

    Each is told as it is now, and stands for what was not told before: a worker that does not read gets the
    newest state later, and nothing in between. ``begins`` and ``goes_on`` are as in :class:`TellPresence`.
    """

    arguments = [(b"epoch", Number()), (b"begins", Flag()), (b"goes_on", Flag()), (b"people", _PEOPLE)]
    requiresAnswer = False


def piece_of(users: Iterable[str | None], look: Callable[[str], Present | None]) -> tuple[list[Present], int]:
    """Return what ``look`` says of the first of ``users``, as much as travels together, and how many of those
    were looked at; of some it may say nothing."""
    people: list[Present] = []
    looked, room = 0, PIECE_BYTES
    for user in users:
        if user is not None and (one := look(user)) is not None:
            room -= packed_bytes(one)
            if room < 0 or len(people) == MOST_TOLD:
                break
            people.append(one)
        looked += 1
    return people, looked
