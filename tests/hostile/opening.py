"""How a test gets a cluster with honest users on it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from rigs.beside import Beside


class Opening(Protocol):
    """Makes a cluster on a store of this kind, with these options of its master, and users of it."""

    def __call__(self, store: str, place: Path, *options: str) -> AbstractContextManager[Beside]: ...
