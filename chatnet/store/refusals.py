"""Which refusals are kept, and how. Pure.

A draft that is refused now may be acceptable later: a join or leave, or a post with topics. A client that was
not told may send it again, or it may arrive late through a worker that the client has left. If it were
accepted then, it would come after what the client sent later, or be in the log although the client was told
that it was refused. So such a refusal is kept forever.
"""

from __future__ import annotations

import hashlib

from chatnet.entries import Draft
from chatnet.errors import REFUSALS
from chatnet.kinds import HEARD, STAYS
from chatnet.log import Refused


def is_kept(draft: Draft) -> bool:
    """Return whether a refusal of ``draft`` is kept, unless its form or its secret was the reason."""
    return draft.kind in STAYS or (draft.kind in HEARD and ("#" in draft.text or draft.room != draft.user))


def content(draft: Draft) -> bytes:
    """Return what identifies a kept refusal, with its user and key: a hash of what was refused."""
    said = f"{draft.kind} {draft.room} {draft.text}"
    return hashlib.sha256(said.encode()).digest()[:16]


def refused(draft: Draft, code: str) -> Refused:
    """Return the refusal with this code, as it is told."""
    return Refused.of(REFUSALS[code.encode()].of(name=draft.user, room=draft.room))
