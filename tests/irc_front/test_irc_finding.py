"""One name is found in pages, whatever stands before it, and however few they have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from chatnet.worker.fronts.irc.finding import find

NAMES = st.text("-09_ab~#=", min_size=1, max_size=4)


@given(st.sets(NAMES), NAMES, st.integers(1, 3))
def test_a_name_is_found_in_pages(names: set[str], name: str, size: int) -> None:
    asked: list[str] = []

    async def ask(after: str) -> tuple[list[str], bool]:
        asked.append(after)
        behind = sorted(other for other in names if other > after)
        return behind[:size], len(behind) > size

    found: list[str | None] = []
    Deferred.fromCoroutine(find(name, ask, str)).addCallback(found.append)
    assert found == [name if name in names else None]
    assert len(asked) <= 1 + sum(asked[0] < other < name for other in names) // size
