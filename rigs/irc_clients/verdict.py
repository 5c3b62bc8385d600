"""Whether what a client wrote down is what was said: once, in order, nothing missing. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from rigs.irc_clients.transcript import Heard

Line = tuple[str, str]
"""Who said it, and what: no two of them are the same."""
NEWEST = 20
"""How many posts who joins is shown of those before."""
MOST_AGAIN_SECONDS = 16.0
"""How old at most is what comes again on the connection behind one that was lost: a device is asked each five
seconds whether it has everything, what it has acknowledged in the last ten is lost with its process, and
somebody else may have had the processor for a moment."""


def begins(join: int, seqs: Sequence[int], sees_newest: bool) -> int:
    """Return the place of the first that somebody hears who joined by the entry ``join``, of what was said by
    the entries ``seqs``. ``sees_newest``: they see when something was said, so they are shown the newest."""
    behind = sum(seq < join for seq in seqs)
    return max(0, behind - NEWEST) if sees_newest else behind


def wrongs(
    heard: Sequence[Heard], said: Sequence[Line], losses: int = 0, first: Collection[int] = ()
) -> Iterator[str]:
    """Yield what is wrong with what was ``heard`` of all that was ``said``, which is in the order of the log.

    It begins at a place of ``first``, if these are known, and goes on to the end. At each loss of the
    connection, of which there were ``losses``, the last lines may have come again: those of a few seconds.
    """
    places = {line: place for place, line in enumerate(said)}
    found: list[tuple[int, float]] = []
    for author, text, at in heard:
        if (place := places.get((author, text))) is None:
            yield f"heard what nobody said: {(author, text)}"
        else:
            found.append((place, at))
    if not found:
        yield "heard nothing"
        return
    begun, last = found[0][0], found[-1][0]
    if first and begun not in first:
        yield f"began with {said[begun]}, and not with {' or '.join(str(said[at]) for at in first)}"
    since: dict[int, float] = {}
    for (before, then), (place, _) in pairwise(found):
        since[before] = then
        if place > before + 1:
            yield f"missed {place - before - 1} after {said[before]}"
        elif place <= before:
            losses -= 1
            if losses < 0 or place < begun:
                yield f"heard {said[place]} after {said[before]}"
            elif then - since[place] > MOST_AGAIN_SECONDS:
                yield f"heard {said[place]} again, {then - since[place]:.1f} s later"
    if last != len(said) - 1:
        yield f"missed {len(said) - 1 - last} after {said[last]}"
