"""Which refusals are kept, and how. Pure.

A draft that is refused now may be acceptable later: a join or leave, or a post in a room. A client that was
not told may send it again, or it may arrive late through a worker that the client has left. If it were
accepted then, it would come after what the client sent later, or be in the log although the client was told
that it was refused. So such a refusal is kept forever.
"""

from __future__ import annotations

import hashlib

from chatnet.entries import Draft, packed_more
from chatnet.errors import (
    REFUSALS,
    Barred,
    Disabled,
    Forgotten,
    KeyReused,
    NotInScope,
    Refusal,
    SecretChanged,
    SessionEnded,
)
from chatnet.kinds import KINDS, SAID
from chatnet.log import Refused
from chatnet.rules import refusal

OF_A_SESSION = (SecretChanged, SessionEnded, Barred, Disabled, Forgotten)
"""Refusals that end a session."""
NOT_KEPT = (*OF_A_SESSION, NotInScope)
"""Refusals that are about the session, and are not kept: who logs in again may send the same draft again, and
who is forgotten is refused for ever."""
_NOTHING_NEW = frozenset(error.code for error in (*NOT_KEPT, KeyReused))


def is_kept(draft: Draft, is_ordered: bool) -> bool:
    """Return whether a refusal of ``draft`` is kept, unless its form or its session was the reason.

    ``is_ordered``: somebody once banned or muted the author. Posts of all others in their own room that name
    no topic and answer nothing are never refused for what may change.
    """
    if draft.kind not in SAID:
        return KINDS[draft.kind].keeps_refusals
    return is_ordered or "#" in draft.text or draft.room != draft.user or draft.more is not None


def lasts(no: Refusal) -> bool:
    """Return whether a refusal of this kind is kept at all."""
    return not isinstance(no, NOT_KEPT)


def adds(draft: Draft, no: Refused) -> bool:
    """Return whether this refusal may be one more that is kept: who asks does not know of the author what
    ``is_ordered`` says."""
    return no.code not in _NOTHING_NEW and is_kept(draft, is_ordered=True)


def content(draft: Draft) -> bytes:
    """Return what identifies a kept refusal, with its user and key: a hash of what was refused."""
    said = f"{draft.kind} {draft.room} {draft.text}".encode()
    return hashlib.sha256(said + (packed_more(draft.more) or b"")).digest()[:16]


def refused(draft: Draft, code: str) -> Refused:
    """Return the refusal with this code, as it is told."""
    return Refused.of(refusal(REFUSALS[code.encode()], draft))
