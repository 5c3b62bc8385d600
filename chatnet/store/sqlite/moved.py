"""The mark of a data directory whose log was moved into a database, so that the log has only one future."""

from __future__ import annotations

from pathlib import Path

from chatnet.errors import CannotStart
from chatnet.world import Files

NAME = "moved"


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
