"""What a person is told of a request that was not done."""

from __future__ import annotations

from twisted.protocols.amp import RemoteAmpError

from chatnet.client.feed import Unbelievable
from chatnet.errors import ChatnetError


class Misused(Exception):
    """A command was typed so that it cannot be done; the sentence says how it is typed."""


REFUSED = (ChatnetError, RemoteAmpError, Unbelievable, Misused)
"""What a request ends with, if not with an answer: a refusal, or an answer that cannot be one."""


def sentence_of(error: object) -> str:
    """Return the sentence that says why."""
    return str(error.description if isinstance(error, RemoteAmpError) else error)


def split(rest: str, count: int, usage: str, *, more: bool = False) -> list[str]:
    """Return the first ``count`` words of what was typed behind a command, and what follows them; ``more``:
    that may be there.

    :raises Misused: there are too few, or too many; its sentence is ``usage``.
    """
    words = rest.split(None, count)
    if len(words) < count or (len(words) > count and not more):
        raise Misused(usage)
    return [*words, ""][: count + 1]
