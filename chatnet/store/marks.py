"""Which marks of a user are removed, since there are too many, in SQL that both stores understand. Pure."""

from __future__ import annotations

from chatnet.marks import MOST_HEARD, MOST_KEPT, MOST_USED

_KEPT = (("> '\"'", MOST_KEPT), ("< '!@'", MOST_USED), ("BETWEEN '!@' AND '!A'", MOST_HEARD))
"""Which rooms are counted together, and how many are kept, as :func:`chatnet.marks.kind_of` says: those of
sessions and devices begin with an exclamation mark, and sort before all others."""


def crowded(user: str) -> str:
    """Return an SQL condition: ``user``, an SQL expression, has more marks than are kept."""
    return " OR ".join(f"{_count(user, which)} > {most}" for which, most in _KEPT)


def oldest(user: str, greatest: str) -> tuple[str, ...]:
    """Return SQL queries for the rooms of ``user`` whose marks are to go, those with the smallest seqs.

    ``greatest`` is the store's function for the greater of two numbers. Where there are not too many, rows
    are counted, and none is sorted.
    """
    return tuple(
        f"""SELECT room FROM mark AS m WHERE m."user" = {user} AND m.room {which} ORDER BY seq, room
            LIMIT {greatest}(0, {_count(user, which)} - {most})"""
        for which, most in _KEPT
    )


def _count(user: str, which: str) -> str:
    return f"""(SELECT count(*) FROM mark AS n WHERE n."user" = {user} AND n.room {which})"""
