"""Which refusals are kept, and how. Pure.

What is refused at one time may be accepted at another: a join or leave, or a post with topics. Such a draft
may come again from a client that was not told, or late, through a worker that the client has left. Accepted
then, it would stand behind what the client sent after it, or be in the log though the client was told that
it was refused. So what was refused once is refused for ever.
"""

from __future__ import annotations

import hashlib

from chatnet.entries import Draft
from chatnet.errors import REFUSALS
from chatnet.kinds import HEARD, STAYS
from chatnet.log import Refused


def is_kept(draft: Draft) -> bool:
    """Would a refusal of it be kept, but for one of its form or its secret?"""
    return draft.kind in STAYS or (draft.kind in HEARD and "#" in draft.text)


def content(draft: Draft) -> bytes:
    """What a kept refusal is known by, beside its user and key: what was refused, and not readable."""
    said = f"{draft.kind} {draft.room} {draft.text}"
    return hashlib.sha256(said.encode()).digest()[:16]


def refused(draft: Draft, code: str) -> Refused:
    """The refusal of this code, as it is told."""
    return Refused.of(REFUSALS[code.encode()].of(name=draft.user, room=draft.room))
