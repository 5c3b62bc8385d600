"""Worker <-> primary: which passwords were right, by their imprints. The primary tells IRC fronts, whose
clients log in by a password at each connection."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chatnet.imprints import MOST_TOLD, Imprint
from chatnet.wire.arguments import Command, Flag, Number, Packed

_IMPRINTS = Packed[list[Imprint]](Annotated[list[Imprint], Meta(max_length=MOST_TOLD)])


class TellImprints(Command):
    """Worker -> primary: these passwords were right. No answer.

    ``wants``: it wants to be told of those of others, first of all that are known. Only a primary gets this
    that has said, in its answer to :class:`~chatnet.wire.cluster.Register`, that it understands it.
    """

    arguments = [(b"wants", Flag()), (b"imprints", _IMPRINTS)]
    requiresAnswer = False


class ImprintsTold(Command):
    """Primary -> worker: these passwords were right, here or elsewhere. No answer."""

    arguments = [(b"epoch", Number()), (b"imprints", _IMPRINTS)]
    requiresAnswer = False
