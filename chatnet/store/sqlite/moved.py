"""The mark of a data directory whose log was moved into a database, so that the log has only one future; and
what copies of the log are left in such a directory, or beside it."""

from __future__ import annotations

import glob
from fnmatch import fnmatch
from pathlib import Path

from chatnet.errors import CannotStart
from chatnet.world import Files

NAME = "moved"
MOST_SHOWN = 3
"""How many copies are named."""


def mark(files: Files, data: Path) -> None:
    """Mark ``data``: no master opens the log there until somebody removes the mark."""
    files.write(data / NAME, b"chatnet migrate copied this log into a database.\n")


def refuse_moved(files: Files, data: Path) -> None:
    """:raises CannotStart: the log in ``data`` has the mark."""
    try:
        files.read(data / NAME)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotStart(
            f"Was the log in {data} moved? Nobody can tell: {data / NAME} cannot be read ({error.strerror})."
        ) from error
    raise CannotStart(
        f"The log in {data} was moved into a database: start the masters with CHATNET_STORE. If it should go "
        f"on here after all, remove {data / NAME}."
    )


def copies_left(files: Files, data: Path) -> str:
    """Return a sentence about copies of the log in which nothing is taken back: what was saved of a store
    that was gone, and what was moved; empty if there are none."""
    try:
        there, beside = files.children(data), files.children(data.parent)
    except OSError:
        return ""
    found = [path for path in there if fnmatch(path.name, "rescued-*.sqlite")]
    found += [path for path in beside if fnmatch(path.name, f"{glob.escape(data.name)}.rescued-*.sqlite")]
    if any(path.name == NAME for path in there):
        found += [path for path in there if path.name == "log.sqlite"]
    if not found:
        return ""
    shown = ", ".join(map(str, sorted(found)[:MOST_SHOWN])) + ", …" * (len(found) > MOST_SHOWN)
    return (
        f"A copy of the log is left, in which nothing is taken back: {shown}. Remove it when you no longer "
        "need it."
    )
