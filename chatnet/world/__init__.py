"""Everything outside the program: reactor, chance, clocks, environment, processes, files, terminal, TLS.

A tap builds its service from :func:`.real.real_world`; the simulator passes its own world. Nothing else in
chatnet names the global reactor, a wall clock, ``random`` or the operating system's files and processes.

real    this machine's files and processes · stdio  its standard streams
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TextIO

import apsw
from cryptography import x509
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IListeningPort, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory
from twisted.python.threadpool import ThreadPool

from chatnet.addresses import Address
from chatnet.entries import fresh_key
from chatnet.limits import Limits
from chatnet.telemetry import Tell

if TYPE_CHECKING:
    from chatnet.net.pair import KeyPair
    from chatnet.net.tls import Presented
    from chatnet.store.postgres.database import Databases


class Lock(Protocol):
    """A held lock; releasing twice is harmless."""

    def release(self) -> None:
        """Release the lock."""


class FileStatus(NamedTuple):
    """A file as it is now, under any name.

    ``device`` and ``inode`` identify it while it exists. ``size`` is in bytes; ``written`` is its last write,
    in nanoseconds since 1970. ``owner`` is a user's number, and ``mode`` has type and rights, as in ``stat``.
    """

    device: int
    inode: int
    size: int
    written: int
    owner: int
    mode: int

    @property
    def identity(self) -> tuple[int, int]:
        """What identifies the file."""
        return self.device, self.inode


class Files(Protocol):
    """One host's disk. Errors are :class:`OSError`."""

    def user(self) -> int:
        """Return the number of the user whose rights this process has."""

    def status(self, path: Path, follow: bool = True) -> FileStatus | None:
        """Return what is at ``path``, following links unless told not to; None if nothing is there."""

    def children(self, directory: Path) -> list[Path]:
        """Return what is in it."""

    def protect(self, path: Path, mode: int) -> None:
        """Set who may use it, as ``chmod`` does."""

    def is_read_only(self, directory: Path) -> bool:
        """Return whether the file system of ``directory`` refuses writes."""

    def free_bytes(self, directory: Path) -> int:
        """Return for how many more bytes there is room in ``directory``, as far as that is known."""

    def make_directory(self, path: Path) -> None:
        """Make ``path`` and its parents, private to the user; harmless if it exists."""

    def read(self, path: Path) -> bytes:
        """Return the content of a regular file of at most 64 KB; anything else is an error."""

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file atomically and durably, readable by its owner alone."""

    def read_on(self, path: Path, at: int, most: int) -> bytes:
        """Return at most ``most`` bytes of a regular file, from the byte ``at`` on; none behind its end."""

    def extend(self, path: Path, at: int, content: bytes) -> None:
        """Write ``content`` into a regular file from the byte ``at`` on, which becomes its end, durably.

        What was behind ``at`` is gone. A file that does not exist is made, private to the user. An error, or
        a loss of power, may leave a part of it.
        """

    def create(self, path: Path, content: bytes) -> bool:
        """Make a private file with ``content``, durably; return False, and do nothing, if it exists."""

    def remove(self, path: Path) -> None:
        """Remove a file, durably; harmless if there is none."""

    def lock(self, directory: Path) -> Lock | None:
        """Lock a directory until release or the process's death; None if another process holds it.

        Children do not inherit the lock.
        """

    def lock_holder(self, directory: Path) -> int | None:
        """Return the pid of the process that locked ``directory`` and has it open; None if unknown."""

    def append_to(self, path: Path) -> int:
        """Return a file descriptor that appends to ``path``; the caller closes it."""

    def close(self, descriptor: int) -> None:
        """Close what :meth:`append_to` returned."""

    def tail(self, path: Path, lines: int) -> list[str]:
        """Return the last lines of a text file; none if it cannot be read."""

    def database(self, path: Path) -> apsw.Connection:
        """Open an SQLite database; make it, private to the user, if it does not exist."""


class ProcessId(Protocol):
    """One process of a host, distinct from all others that had or will have its pid.

    ``started`` is when it was started, in clock ticks since the machine came up; 0 if unknown.
    """

    @property
    def pid(self) -> int: ...
    @property
    def started(self) -> int: ...


class Processes(Protocol):
    """One host's processes."""

    def own_pid(self) -> int:
        """Return the pid of this process."""

    def parent_pid(self) -> int:
        """Return the pid of the process that started this one; another pid once that is dead."""

    def started(self, pid: int) -> int | None:
        """Return when a process was started, in clock ticks since the machine came up; None if it is gone."""

    def signal(self, process: ProcessId, number: int) -> bool:
        """Send a signal to this very process, never to another one that got its pid since.

        Returns False if it is gone, if its start is unknown, or if we may not (which is logged).
        """

    def exit(self, status: int) -> None:
        """End this process at once, after its output is flushed."""

    def end_by(self, number: int) -> None:
        """End this process by the signal ``number``, so that whoever waits for it sees that."""

    def keep_private(self) -> None:
        """Make everything that this process and its children create private to its user, from now on."""

    def raise_file_limit(self) -> int:
        """Let this process open as many files as the system allows; return how many."""

    def outlive_terminal(self) -> None:
        """Let Ctrl-C in the terminal, and its end, reach only the process that started this one."""

    def end_with_terminal(self, reactor: Any) -> None:
        """Have the end of the terminal (SIGHUP) stop ``reactor``, unless :meth:`at_hangup` says otherwise."""

    def end_in_order(self, reactor: Any) -> None:
        """Have SIGINT, SIGTERM and SIGHUP stop ``reactor``, even before it runs.

        A signal that is ignored stays ignored.
        """

    def at_hangup(self, reactor: Any, call: Callable[[], object]) -> None:
        """At SIGHUP, call ``call`` in the reactor's thread, and live on. An ignored signal stays ignored."""

    def freeze_heap(self) -> None:
        """Collect garbage rarely from now on, and never in what is in memory now."""

    def give_way(self) -> None:
        """Let the calling thread run only while nothing else on the machine wants to run."""


class Stdio(Protocol):
    """The terminal of a client."""

    def is_terminal(self) -> bool:
        """Return whether both ends are a person's terminal."""

    def is_keyboard(self) -> bool:
        """Return whether the input is typed at a terminal, which shows it."""

    def height(self) -> int | None:
        """Return how many lines the output terminal shows; None if it is not a terminal."""

    def width(self) -> int | None:
        """Return how many columns the output terminal has now; None if it is not a terminal."""

    def encoding(self) -> str:
        """Return the encoding of the person's terminal."""

    def is_file(self) -> bool:
        """Return whether standard output is a file or a device, which has no reader who could close it."""

    def unread(self) -> bytes:
        """Read input that has arrived and that nobody has read, at most 1 MB."""

    def attach(self, reactor: Any, protocol: Any) -> None:
        """Connect ``protocol`` to standard input and output, as a transport.

        Closed input ends at once, and what is written to closed output is lost.
        """

    def streams(self) -> tuple[TextIO, TextIO]:
        """Return standard input and output, for drawing on the whole terminal."""

    def echo(self, on: bool) -> None:
        """Set whether the terminal shows what is typed. Does nothing if the input is not a terminal."""

    def restore(self) -> None:
        """Leave the streams as they were found; harmless when done twice."""

    def ask_password(self, prompt: str) -> str:
        """Ask the person at the terminal, without echo; blocks.

        :raises EOFError: they end the input.
        :raises KeyboardInterrupt: they, or a signal, interrupted it; the terminal shows typed text again.
        """

    def error(self, line: str) -> None:
        """Write one line to the person, on standard error, if that is possible."""

    def say(self, line: str) -> None:
        """Write one line to the person, on standard output.

        :raises BrokenPipeError: its reader is gone.
        :raises OutputLost: it is closed, or full.
        """


class Tls(Protocol):
    """Makes the connections of TLS, under Twisted's own layer; see :mod:`chatnet.net.tls`."""

    def presented(self, pair: KeyPair) -> Presented:
        """Return what makes ports present ``pair``.

        :raises SSL.Error: the pair is refused; its key may be too short.
        """

    def pinned(self, expected: str) -> IOpenSSLClientConnectionCreator:
        """Return what dials an end with the public key that has the fingerprint ``expected``."""

    def vouched_for(
        self, host: str, authorities: Sequence[x509.Certificate] | None = None
    ) -> IOpenSSLClientConnectionCreator:
        """Return what dials ``host``; one of ``authorities``, or of those trusted here, must vouch for it."""

    def in_cluster(self) -> IOpenSSLClientConnectionCreator:
        """Return what dials by TLS 1.3, and checks no certificate."""


@dataclass(frozen=True)
class Clocks:
    """The clocks of a process. ``reactor`` has its timers; the others are those of :class:`World`."""

    reactor: Any
    monotonic: Callable[[], float]
    wall: Callable[[], float]


@dataclass(frozen=True)
class World:
    """What ``build`` functions unpack, passing on only what each object needs.

    ``wall`` is in seconds since 1970, and may step; ``monotonic`` is in seconds, and does not. ``local``
    returns a time in seconds since 1970 in this machine's zone. ``threads`` makes a pool of the given size
    and name, not yet started. ``listen_shared`` opens a port that other processes may share: see
    :func:`chatnet.net.listen.listen_shared`. ``tell`` hears all events. ``level`` is what the program
    understands: see :mod:`chatnet.kinds`.
    """

    reactor: Any
    entropy: Callable[[int], bytes]
    chance: random.Random
    wall: Callable[[], float]
    monotonic: Callable[[], float]
    local: Callable[[float], datetime]
    environ: Mapping[str, str]
    hostname: str
    directory: Path
    executable: str
    files: Files
    processes: Processes
    threads: Callable[[int, str], ThreadPool]
    listen_shared: Callable[[Address, Factory, bool], IListeningPort]
    stdio: Stdio
    databases: Databases
    tls: Tls
    tell: Tell
    limits: Limits
    level: int

    @property
    def clocks(self) -> Clocks:
        """The clocks of this world."""
        return Clocks(self.reactor, self.monotonic, self.wall)

    def fresh_key(self) -> bytes:
        """Return a key for a new draft, by ``wall``: the reactor's clock counts from the machine's start."""
        return fresh_key(self.wall(), self.entropy)


def read_text(files: Files, path: Path) -> str:
    """Return the text that somebody wrote into a small file, without the byte order mark of some editors.

    :raises OSError: it cannot be read, or is not text in UTF-8.
    """
    try:
        return files.read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, "Not text in UTF-8", str(path)) from error


def stop_soon(reactor: Any) -> None:
    """Stop ``reactor``, and so the process, in good order after this turn; harmless if it is stopping."""

    def stop() -> None:
        with suppress(ReactorNotRunning):
            reactor.stop()

    reactor.callLater(0, stop)
