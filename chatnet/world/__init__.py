"""Everything outside the program: reactor, chance, clocks, environment, processes, files, terminal, TLS.

A tap builds its service from :func:`.real.real_world`; the simulator passes a world of its own. Nothing else
in chatnet names the global reactor, a wall clock, ``random`` or the operating system's files and processes.

real    this machine's files and processes · stdio  its standard streams
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TextIO

import apsw
from cryptography import x509
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.threadpool import ThreadPool

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
        """Let it go."""


class FileStatus(NamedTuple):
    """A file as it is now, whatever it is called.

    ``device`` and ``inode`` are no other's while it exists. ``size`` is in bytes; ``written`` says when it
    was last written to, in nanoseconds since 1970. ``owner`` is a user's number, and ``mode`` has type and
    rights, as ``stat`` has them.
    """

    device: int
    inode: int
    size: int
    written: int
    owner: int
    mode: int

    @property
    def identity(self) -> tuple[int, int]:
        """Which file it is."""
        return self.device, self.inode


class Files(Protocol):
    """One host's disk. Errors are :class:`OSError`."""

    def user(self) -> int:
        """The number of the user whose rights this process has."""

    def status(self, path: Path, follow: bool = True) -> FileStatus | None:
        """What is at ``path``, links followed unless told; None if nothing is."""

    def children(self, directory: Path) -> list[Path]:
        """What is in it."""

    def protect(self, path: Path, mode: int) -> None:
        """Set who may use it, as ``chmod`` does."""

    def is_read_only(self, directory: Path) -> bool:
        """Does the file system of ``directory`` take no writes?"""

    def make_directory(self, path: Path) -> None:
        """Make ``path`` and its parents, private to the user; harmless if it exists."""

    def read(self, path: Path) -> bytes:
        """The content of a regular file of at most 64 KB; anything else is an error."""

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file atomically and durably, readable by its owner alone."""

    def create(self, path: Path, content: bytes) -> bool:
        """Make a private file with ``content``, durably; False (and nothing done) if it exists."""

    def remove(self, path: Path) -> None:
        """Take a file away, durably; harmless if there is none."""

    def lock(self, directory: Path) -> Lock | None:
        """Lock a directory until release or the process's death; None if another process holds it.

        Children do not inherit the lock.
        """

    def lock_holder(self, directory: Path) -> int | None:
        """The pid of the process that holds the lock of ``directory``, and has it open, if it can be told."""

    def append_to(self, path: Path) -> int:
        """A file descriptor that appends to ``path``; the caller closes it."""

    def close(self, descriptor: int) -> None:
        """Close what :meth:`append_to` gave."""

    def tail(self, path: Path, lines: int) -> list[str]:
        """The last lines of a text file; none if it cannot be read."""

    def database(self, path: Path) -> apsw.Connection:
        """Open an SQLite database; made, private to the user, if it is not there."""


class ProcessId(Protocol):
    """One process of a host, told from all others that had its pid, or will have it.

    ``started`` is when it was started, in clock ticks since the machine came up; 0 if that is not known.
    """

    @property
    def pid(self) -> int: ...
    @property
    def started(self) -> int: ...


class Processes(Protocol):
    """One host's processes."""

    def own_pid(self) -> int:
        """This process."""

    def parent_pid(self) -> int:
        """The process that started this one; another one once that is dead."""

    def started(self, pid: int) -> int | None:
        """When a process was started, in clock ticks since the machine came up; None if it is gone."""

    def signal(self, process: ProcessId, number: int) -> bool:
        """Send a signal to that very process, and never to another one that got its pid since.

        False if it is gone, or when it was started is not known; or not ours to end, which is logged.
        """

    def exit(self, status: int) -> None:
        """End this process at once, after its output is flushed."""

    def end_by(self, number: int) -> None:
        """End this process by the signal ``number``, so that whoever waits for it sees that."""

    def keep_private(self) -> None:
        """From now on, what this process and its children make is for its user alone."""

    def raise_file_limit(self) -> int:
        """Let this process open as many files as the system allows; how many."""

    def ignore_interrupts(self) -> None:
        """Let Ctrl-C in the terminal reach only the process that started this one."""

    def end_in_order(self, reactor: Any) -> None:
        """Have SIGINT, SIGTERM and SIGHUP stop ``reactor``, even before it runs.

        A signal that is ignored stays so.
        """

    def at_hangup(self, reactor: Any, call: Callable[[], object]) -> None:
        """At SIGHUP, do ``call`` in the reactor's thread, and live on. A signal that is ignored stays so."""

    def freeze_heap(self) -> None:
        """Look for garbage rarely from now on, and never in what is in memory now."""

    def give_way(self) -> None:
        """Have the thread that calls run only while nobody else on the machine wants to."""


class Stdio(Protocol):
    """The terminal of a client."""

    def is_terminal(self) -> bool:
        """Are both ends a person's terminal?"""

    def is_keyboard(self) -> bool:
        """Is what is read typed at a terminal, which shows it?"""

    def height(self) -> int | None:
        """How many lines the terminal shows that is written to; None if it is no terminal."""

    def encoding(self) -> str:
        """How the person's terminal spells characters."""

    def is_file(self) -> bool:
        """Does standard output go to a file or a device, which has no reader who could close it?"""

    def unread(self) -> bytes:
        """Read the input that is there and that nobody has read, at most 1 MB."""

    def attach(self, reactor: Any, protocol: Any) -> None:
        """Connect ``protocol`` to standard input and output, as a transport.

        Input that is closed ends at once, and what is written to output that is closed is lost.
        """

    def streams(self) -> tuple[TextIO, TextIO]:
        """Standard input and output, for one who draws on the whole terminal."""

    def echo(self, on: bool) -> None:
        """Whether the terminal shows what is typed. Nothing, if input is no terminal."""

    def restore(self) -> None:
        """Leave the streams as they were found; harmless when done twice."""

    def ask_password(self, prompt: str) -> str:
        """Ask the person at the terminal, without echo; blocks.

        :raises EOFError: they end it.
        :raises KeyboardInterrupt: they, or a signal, broke it off; the terminal shows again what is typed.
        """

    def error(self, line: str) -> None:
        """Say one line to the person, on standard error, if that can be written."""

    def say(self, line: str) -> None:
        """Say one line to the person, on standard output.

        :raises BrokenPipeError: its reader is gone.
        :raises OutputLost: it is closed, or full.
        """


class Tls(Protocol):
    """Who makes the connections of TLS, under Twisted's own layer; see :mod:`chatnet.net.tls`."""

    def presented(self, pair: KeyPair) -> Presented:
        """The ``pair`` that ports present.

        :raises SSL.Error: it is not taken; its key may be too short.
        """

    def pinned(self, expected: str) -> IOpenSSLClientConnectionCreator:
        """For who dials and wants the public key with the fingerprint ``expected``."""

    def vouched_for(
        self, host: str, authorities: Sequence[x509.Certificate] | None = None
    ) -> IOpenSSLClientConnectionCreator:
        """For who dials ``host``; one of ``authorities``, or of those trusted here, is to vouch for it."""

    def in_cluster(self) -> IOpenSSLClientConnectionCreator:
        """For who dials by TLS 1.3, and looks at no certificate."""


@dataclass(frozen=True)
class Clocks:
    """What of a process tells the time. ``reactor`` has its timers; the others are as in :class:`World`."""

    reactor: Any
    monotonic: Callable[[], float]
    wall: Callable[[], float]


@dataclass(frozen=True)
class World:
    """What ``build`` functions unpack, passing on only what each object needs.

    ``wall`` is in seconds since 1970, and may step; ``monotonic`` in seconds, and does not. ``threads``
    makes a pool of the given size, not yet started, its threads named as said. ``tell`` is told what happens.
    ``level`` is what the program understands: see :mod:`chatnet.kinds`.
    """

    reactor: Any
    entropy: Callable[[int], bytes]
    chance: random.Random
    wall: Callable[[], float]
    monotonic: Callable[[], float]
    environ: Mapping[str, str]
    hostname: str
    directory: Path
    executable: str
    files: Files
    processes: Processes
    threads: Callable[[int, str], ThreadPool]
    stdio: Stdio
    databases: Databases
    tls: Tls
    tell: Tell
    limits: Limits
    level: int

    @property
    def clocks(self) -> Clocks:
        """All that tells the time."""
        return Clocks(self.reactor, self.monotonic, self.wall)

    def fresh_key(self) -> bytes:
        """A key for a new draft, by ``wall``: the reactor's clock counts from when the machine came up."""
        return fresh_key(self.wall(), self.entropy)


def read_text(files: Files, path: Path) -> str:
    """What somebody has written into a small file, without the byte order mark that some editors begin with.

    :raises OSError: it cannot be read, or is no text in UTF-8.
    """
    try:
        return files.read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, "Not text in UTF-8", str(path)) from error


def stop_soon(reactor: Any) -> None:
    """End the process of ``reactor`` in good order once this turn is over; harmless if it ends already."""

    def stop() -> None:
        with suppress(ReactorNotRunning):
            reactor.stop()

    reactor.callLater(0, stop)
