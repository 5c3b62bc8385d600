"""Worker <-> primary: who is typing where. The primary tells IRC fronts, where others are who hear them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chatnet.typists import MOST_TOLD, Typist
from chatnet.wire.arguments import Command, Flag, Number, Packed

_TYPISTS = Packed[list[Typist]](Annotated[list[Typist], Meta(max_length=MOST_TOLD)])


class TellTypists(Command):
    """Worker -> primary: these are typing on this worker. No answer.

    ``wants``: it wants to be told of all who type. Only a primary gets this that has said, in its answer to
    :class:`~chatnet.wire.cluster.Register`, that it understands it.
    """

    arguments = [(b"wants", Flag()), (b"typists", _TYPISTS)]
    requiresAnswer = False


class TypistsTold(Command):
    """Primary -> worker: these are typing, there or elsewhere. No answer."""

    arguments = [(b"epoch", Number()), (b"typists", _TYPISTS)]
    requiresAnswer = False
