"""What the stores ask about texts that are taken back together, in SQL that both understand. Pure."""

from __future__ import annotations

from typing import NamedTuple

from chatnet.blanking import Blanking
from chatnet.rules import ROLES
from chatnet.store.pages import OPEN

MOST_FOUND = 500
"""How many texts, and how many refusals, are overwritten at a time, at most."""
SPAN = 20_000
"""How many entries are looked through in one read, at most."""

UNDONE = """SELECT "user", room, upto, seq, whole, done FROM blanking WHERE done < upto ORDER BY seq"""
HEIRS = f"""
    SELECT gone.room, (SELECT m."user" FROM membership AS m WHERE m.room = gone.room AND m."left" = {OPEN}
        ORDER BY m.joined LIMIT 1)
    FROM blanking AS b JOIN membership AS gone ON gone."user" = b."user" AND gone."left" = b.seq
    WHERE b.done < b.upto AND b.whole = 1 AND substr(gone.room, 1, 1) = '&'
        AND EXISTS (SELECT 1 FROM membership AS m WHERE m.room = gone.room AND m."left" = {OPEN})
        AND NOT EXISTS (SELECT 1 FROM standing AS s
            WHERE s.room = gone.room AND s.role = {ROLES.index("owner")})
    ORDER BY gone.room LIMIT 100
"""
"""Private rooms of which somebody who is forgotten was the last owner, each with whoever is there longest."""


class Freed(NamedTuple):
    """What one step of overwriting did. ``blanking`` is what it was about; None: nothing is left to do.

    ``texts`` is how many were overwritten; ``done``: the last of that blanking.
    """

    blanking: Blanking | None
    texts: int = 0
    done: bool = False
