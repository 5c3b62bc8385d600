"""How a program ends when it has something to say and cannot write it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from chatnet.world import World
from chatnet.world.stdio import OutputLost


@contextmanager
def shown(world: World) -> Iterator[None]:
    """Write out everything said within. If the reader has gone, end by SIGPIPE, as programs do.

    :raises SystemExit: it cannot be written for another reason, which is reported.
    """
    try:
        try:
            yield
        finally:
            _flush()
    except BrokenPipeError:
        world.processes.end_by(signal.SIGPIPE)
    except OutputLost as lost:
        world.stdio.error(f"Standard output cannot be written: {lost.strerror}.")
        raise SystemExit(1) from lost


@contextmanager
def printing() -> Iterator[None]:
    """Wrap code that only prints: Twisted, when it parses options and prints help.

    Without buffering an error comes at once, otherwise when :func:`shown` is left.

    :raises OutputLost: it cannot be printed.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(*error.args) from error


def _flush() -> None:
    """Write out what was printed. What cannot be written now must not be tried again at the very end."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise error if isinstance(error, BrokenPipeError) else OutputLost(*error.args) from error
