"""Plant a bug into the real code, in memory, while a context is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

Put = Callable[[Any, str, Any], Any]
"""``put(owner, name, value)`` replaces an existing attribute and returns the old value."""
Mutant = Callable[[Put], None]
"""Plants a bug. Its docstring says which."""


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Give the code the bug while the context is open."""
    with ExitStack() as before:

        def put(owner: Any, name: str, value: Any) -> Any:
            real = vars(owner)[name]
            setattr(owner, name, value)
            before.callback(setattr, owner, name, real)
            return real

        mutant(put)
        yield


def name(mutant: Mutant) -> str:
    """Return the mutant's name for a table."""
    return mutant.__name__.replace("_", " ")


def bug(mutant: Mutant) -> str:
    """Return what is wrong with the code while the bug is planted."""
    return " ".join((mutant.__doc__ or "").split())
