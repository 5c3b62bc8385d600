"""What a person is told of a request that was not done."""

from __future__ import annotations

from twisted.protocols.amp import RemoteAmpError

from chatnet.client.feed import Unbelievable
from chatnet.errors import ChatnetError

REFUSED = (ChatnetError, RemoteAmpError, Unbelievable)
"""What a request ends with, if not with an answer: a refusal, or an answer that cannot be one."""


def sentence_of(error: object) -> str:
    """Return the sentence that says why."""
    return str(error.description if isinstance(error, RemoteAmpError) else error)
