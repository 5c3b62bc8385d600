"""Finds what the log tells of one name, where it is asked in pages in the order of names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def find(
    name: str, ask: Callable[[str], Awaitable[tuple[Sequence[T], bool]]], name_of: Callable[[T], str]
) -> T | None:
    """Return what there is of ``name``; None: nothing. ``ask`` returns a page of what comes behind a name,
    and whether more follows."""
    after, has_more = name[:-1] + chr(ord(name[-1]) - 1), True  # few are between the two, mostly none
    while has_more and after < name:
        found, has_more = await ask(after)
        for one in found:
            if name_of(one) == name:
                return one
        if not found:
            break
        after = name_of(found[-1])
    return None
