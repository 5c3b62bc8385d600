"""How a program ends that has something to say and cannot say it."""

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
    """See to it that what is said within is written. If its reader has gone, end by SIGPIPE, as programs do.

    :raises SystemExit: it cannot be written, for another reason; that is said.
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
    """Around what does nothing outside but print: Twisted, which parses options and prints help.

    Where output is not buffered it is refused at once, and else when :func:`shown` is left.

    :raises OutputLost: it cannot be printed.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(*error.args) from error


def _flush() -> None:
    """What was printed, and not said. What is not written now must not be tried again at the very end."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise error if isinstance(error, BrokenPipeError) else OutputLost(*error.args) from error
