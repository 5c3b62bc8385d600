"""How a test gets a cluster with honest users on it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from rigs.beside import Beside

MEMORY = Path("/dev/shm")


class Opening(Protocol):
    """Makes a cluster on a store of this kind, with these options of its master, and users of it."""

    def __call__(self, store: str, place: Path, *options: str) -> AbstractContextManager[Beside]: ...


@contextmanager
def a_place() -> Iterator[Path]:
    """Where a cluster may write. In memory, where there is such a place: else the disk, which other programs
    use as well, would be among what is measured."""
    where = MEMORY if MEMORY.is_dir() else None
    directory = Path(tempfile.mkdtemp(prefix="chatnet-hostile-", dir=where))
    yield directory
    shutil.rmtree(directory)
