"""Whether what a client wrote down is what was said: once, in order, nothing missing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

Line = tuple[str, str]
"""Who said it, and what: no two of them are the same."""


def wrongs(heard: Sequence[Line], said: Sequence[Line], losses: int = 0) -> Iterator[str]:
    """Yield what is wrong with what was ``heard`` of all that was ``said``, which is in the order of the log.

    It may begin anywhere, and goes on to the end. At each loss of the connection, of which there were
    ``losses``, the last lines may have come again.
    """
    places = {line: place for place, line in enumerate(said)}
    yield from (f"heard what nobody said: {line}" for line in heard if line not in places)
    found = [places[line] for line in heard if line in places]
    if not found:
        yield "heard nothing"
        return
    for before, place in pairwise(found):
        if place > before + 1:
            yield f"missed {place - before - 1} after {said[before]}"
        elif place <= before:
            losses -= 1
            if losses < 0:
                yield f"heard {said[place]} after {said[before]}"
    if found[-1] != len(said) - 1:
        yield f"missed {len(said) - 1 - found[-1]} after {said[found[-1]]}"
