"""How a test opens a cluster with honest users."""

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
    """Opens a cluster on a store of this kind, with these options of its master, and its users."""

    def __call__(self, store: str, place: Path, *options: str) -> AbstractContextManager[Beside]: ...


@contextmanager
def a_place() -> Iterator[Path]:
    """Yield a directory for a cluster, in memory if the machine has such a place: other programs use the disk
    too, and would disturb what is measured."""
    where = MEMORY if MEMORY.is_dir() else None
    directory = Path(tempfile.mkdtemp(prefix="chatnet-hostile-", dir=where))
    yield directory
    shutil.rmtree(directory)
