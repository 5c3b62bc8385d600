"""The real world: this machine's files, processes and streams, and OpenSSL."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import random
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import apsw
from cryptography import x509
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from chatnet.kinds import own_level
from chatnet.limits import LIMITS
from chatnet.net import listen, tls
from chatnet.net.pair import KeyPair
from chatnet.store.postgres.real import PostgresDatabases
from chatnet.telemetry import unheard
from chatnet.world import FileStatus, Lock, ProcessId, World
from chatnet.world.stdio import RealStdio


def _stop_once(reactor: Any) -> None:
    """Have ``reactor`` take no harm from a second stop: Twisted's handlers would log a failure for a signal
    that comes to a process which is stopping already."""
    stop: Callable[[], object] = reactor.stop

    def stop_once() -> None:
        with suppress(ReactorNotRunning):
            stop()

    if hasattr(stop, "__self__"):  # else it was done before
        reactor.stop = stop_once


def real_world() -> World:
    """Return the real world."""
    from twisted.internet import reactor

    it: Any = reactor
    level = own_level()
    if not it.running:
        # Twisted's timers use the wall clock: set back by an hour, it would stop them all for an hour.
        it.seconds = time.monotonic
        _stop_once(it)
    return World(
        reactor=reactor,
        entropy=os.urandom,
        chance=random.SystemRandom(),
        wall=time.time,
        monotonic=time.monotonic,
        local=lambda seconds: datetime.fromtimestamp(seconds).astimezone(),
        environ=os.environ,
        hostname=socket.gethostname(),
        directory=Path.cwd(),
        executable=sys.executable,
        files=RealFiles(),
        processes=RealProcesses(),
        threads=lambda size, name: ThreadPool(0, size, name),
        listen_shared=partial(listen.listen_shared, reactor),
        stdio=RealStdio(),
        databases=PostgresDatabases(level, LIMITS),
        tls=RealTls(),
        tell=unheard,
        limits=LIMITS,
        level=level,
    )


class RealLock:
    """A ``flock`` on an open directory. The kernel frees it the instant the process dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


MAX_FILE = 64 * 1024
"""Bytes of the largest file that is read whole: all of ours are small."""


class RealFiles:
    """The disk of this machine."""

    def user(self) -> int:
        return os.geteuid()

    def status(self, path: Path, follow: bool = True) -> FileStatus | None:
        try:
            found = os.stat(path, follow_symlinks=follow)
        except FileNotFoundError:
            return None
        return FileStatus(
            found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_uid, found.st_mode
        )

    def children(self, directory: Path) -> list[Path]:
        return sorted(directory.iterdir())

    def protect(self, path: Path, mode: int) -> None:
        os.chmod(path, mode)

    def is_read_only(self, directory: Path) -> bool:
        try:
            return bool(os.statvfs(directory).f_flag & os.ST_RDONLY)
        except OSError:
            return False

    def free_bytes(self, directory: Path) -> int:
        found = os.statvfs(directory)
        return found.f_bavail * found.f_frsize

    def make_directory(self, path: Path) -> None:
        # mkdir's own ``parents`` would be open to everybody, and the store may be in one of them.
        for directory in (*reversed(path.parents), path):
            directory.mkdir(mode=0o700, exist_ok=True)

    def read(self, path: Path) -> bytes:
        with _opened(path) as file:
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return content

    def write(self, path: Path, content: bytes) -> None:
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self._write_new(fresh, content, os.O_TRUNC)
            os.replace(fresh, path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        self._sync_directory(path.parent)

    def read_on(self, path: Path, at: int, most: int) -> bytes:
        with _opened(path) as file:
            file.seek(at)
            return file.read(most)

    def extend(self, path: Path, at: int, content: bytes) -> None:
        is_new = not path.exists()
        # Opening a pipe that nobody reads would wait for a reader.
        flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        with open(descriptor, "wb") as file:
            file.truncate(at)
            file.seek(at)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        if is_new:
            self._sync_directory(path.parent)

    def create(self, path: Path, content: bytes) -> bool:
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self._write_new(fresh, content, os.O_TRUNC)
            os.link(fresh, path)
        except FileExistsError:
            return False
        finally:
            fresh.unlink(missing_ok=True)
        self._sync_directory(path.parent)
        return True

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._sync_directory(path.parent)

    def lock(self, directory: Path) -> Lock | None:
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return RealLock(descriptor)

    def lock_holder(self, directory: Path) -> int | None:
        status = os.stat(directory)
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if fields[1] == "FLOCK" and fields[5].endswith(f":{status.st_ino}"):
                pid = int(fields[4])
                # Another file system may have the same inode number; and on some (btrfs, overlayfs) the
                # device shown here is not that of ``stat``.
                if _has_open(pid, status):
                    return pid
        return None

    def append_to(self, path: Path) -> int:
        # Opening a pipe that nobody reads would wait for a reader.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        os.set_blocking(descriptor, True)
        return descriptor

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def tail(self, path: Path, lines: int) -> list[str]:
        try:
            with _opened(path) as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
                return file.read().decode("utf-8", "replace").splitlines()[-lines:]
        except OSError:
            return []

    def database(self, path: Path) -> apsw.Connection:
        # SQLite would create it with the umask's rights; its -wal and -shm get the rights that it has. One
        # that exists is not opened: closing it would end the locks that this process has on it.
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return apsw.Connection(str(path))

    @staticmethod
    def _write_new(path: Path, content: bytes, flags: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)

    @staticmethod
    def _sync_directory(path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _opened(path: Path) -> BinaryIO:
    """Open the regular file at ``path`` to read it. Reading anything else may never begin, or never end.

    :raises OSError: it cannot be opened, or is not a regular file.
    """
    # Opening a pipe would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def _has_open(pid: int, status: os.stat_result) -> bool:
    """Return whether the process ``pid`` has this very file open; False if we may not look."""
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    for descriptor in descriptors:
        with suppress(OSError):  # it was closed since
            if os.path.samestat(os.stat(f"/proc/{pid}/fd/{descriptor}"), status):
                return True
    return False


RARELY = (50_000, 2, 2)
"""When a process with a frozen heap collects garbage, in the form of ``gc.set_threshold``. Python's own
values are 700, 10, 10.

The posts in flight are more than 10,000 objects, and not garbage: each look at them is wasted. But sessions
that ended are garbage, so the full collection must not be put off as well: it comes some hundred thousand
objects later.
"""


LEAST_PRIORITY = 19


class RealProcesses:
    """The processes of this machine."""

    _logger = Logger()

    def own_pid(self) -> int:
        return os.getpid()

    def parent_pid(self) -> int:
        return os.getppid()

    def started(self, pid: int) -> int | None:
        try:
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if state in "ZX" else int(fields[18])

    def signal(self, process: ProcessId, number: int) -> bool:
        if not process.started:
            return False
        try:
            descriptor = os.pidfd_open(process.pid)
            try:
                # From here on its pid cannot pass to another process unnoticed.
                if self.started(process.pid) != process.started:
                    return False
                signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError as error:
            self._logger.error(
                "Process {pid} cannot be sent signal {number} ({why})",
                pid=process.pid,
                number=number,
                why=error.strerror,
            )
            return False
        return True

    def exit(self, status: int) -> None:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
        os._exit(status)

    def end_by(self, number: int) -> None:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def keep_private(self) -> None:
        os.umask(0o077)

    def raise_file_limit(self) -> int:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return sys.maxsize if hard == resource.RLIM_INFINITY else hard

    def outlive_terminal(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._at_hangup_unless_told(lambda *_: None)  # not ignored: then at_hangup would leave it so

    def end_with_terminal(self, reactor: Any) -> None:
        self._at_hangup_unless_told(reactor.sigTerm)

    def _at_hangup_unless_told(self, call: Callable[..., object]) -> None:
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            signal.signal(signal.SIGHUP, call)

    def end_in_order(self, reactor: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, reactor.sigTerm)

    def give_way(self) -> None:
        # On Linux each thread has its own priority, by its own id.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LEAST_PRIORITY)

    def at_hangup(self, reactor: Any, call: Callable[[], object]) -> None:
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(call))

    def freeze_heap(self) -> None:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*RARELY)


class RealTls:
    """OpenSSL's TLS."""

    def presented(self, pair: KeyPair) -> tls.Presented:
        return tls.Presented(pair)

    def pinned(self, expected: str) -> IOpenSSLClientConnectionCreator:
        return tls.pinned(expected)

    def vouched_for(
        self, host: str, authorities: Sequence[x509.Certificate] | None = None
    ) -> IOpenSSLClientConnectionCreator:
        return tls.vouched_for(host, authorities)

    def in_cluster(self) -> IOpenSSLClientConnectionCreator:
        return tls.in_cluster()
