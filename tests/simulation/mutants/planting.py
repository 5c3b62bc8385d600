"""Planting a bug into the real code, in memory, for as long as a context lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

Put = Callable[[Any, str, Any], Any]
"""``put(owner, name, value)`` replaces an attribute that is there; what was there is returned."""
Mutant = Callable[[Put], None]
"""Puts one bug into place. Its docstring says which."""


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """While it is open, the code has the bug."""
    with ExitStack() as before:

        def put(owner: Any, name: str, value: Any) -> Any:
            real = vars(owner)[name]
            setattr(owner, name, value)
            before.callback(setattr, owner, name, real)
            return real

        mutant(put)
        yield


def name(mutant: Mutant) -> str:
    """What it is called in a table."""
    return mutant.__name__.replace("_", " ")


def bug(mutant: Mutant) -> str:
    """What is wrong with the code while it is planted."""
    return " ".join((mutant.__doc__ or "").split())
