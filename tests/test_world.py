"""The real world's files stay private; its processes are not searched for garbage that stays."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chatnet.store.lease import Holder
from chatnet.world.real import LEAST_PRIORITY, MAX_FILE, RealFiles, RealProcesses


def test_directories_are_private_with_their_parents(tmp_path: Path) -> None:
    """All directories made on the way are the user's alone; existing ones are not changed."""
    tmp_path.chmod(0o755)
    path = tmp_path / "data" / "log"
    RealFiles().make_directory(path)
    assert [stat.S_IMODE(made.stat().st_mode) for made in (path, path.parent, tmp_path)] == [
        0o700,
        0o700,
        0o755,
    ]
    RealFiles().make_directory(path)


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    """A path through a file is an OSError, which callers turn into a sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        RealFiles().make_directory(tmp_path / "file" / "data")


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """To open a pipe that nobody writes into would block, and signals would not be handled."""
    pipe, device, directory, link = (tmp_path / name for name in ("pipe", "device", "directory", "link"))
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    directory.mkdir()
    for path in (pipe, device, directory):
        with pytest.raises(OSError, match=r"Not a regular file|Is a directory") as caught:
            RealFiles().read(path)
        assert caught.value.filename == str(path)
        assert RealFiles().tail(path, 5) == []
    (tmp_path / "file").write_text("a\nb")
    link.symlink_to(tmp_path / "file")
    assert RealFiles().read(link) == b"a\nb"
    assert RealFiles().tail(link, 1) == ["b"]


def test_a_pipe_that_nobody_reads_is_no_log(tmp_path: Path) -> None:
    """It is not waited for; a writer that is given a log may block at it as usual."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        RealFiles().append_to(tmp_path / "pipe")
    log = RealFiles().append_to(tmp_path / "log")
    assert os.get_blocking(log)
    RealFiles().close(log)


def test_only_small_files_are_read_whole(tmp_path: Path) -> None:
    """A large file is none of ours, and must not fill our memory; of a growing one, the end is read."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * MAX_FILE)
    assert RealFiles().read(path) == b"x" * MAX_FILE
    with path.open("ab") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="too large"):
        RealFiles().read(path)


def test_a_process_whose_heap_is_frozen_looks_for_garbage_rarely_and_not_in_what_it_had() -> None:
    """Everything that was there is frozen, and the thresholds are ours."""
    program = (
        "import gc; from chatnet.world.real import RARELY, RealProcesses; RealProcesses().freeze_heap(); "
        "assert gc.get_freeze_count() > 10_000; assert gc.get_threshold() == RARELY"
    )
    # In a process of its own, since a freeze cannot be undone here.
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_a_process_is_known_by_its_pid_and_when_it_was_started() -> None:
    """A signal reaches only that process; a dead one counts as gone even before its status was read."""
    processes = RealProcesses()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = processes.started(child.pid)
        assert started is not None
        assert started >= (processes.started(os.getpid()) or 0) > 0
        assert not processes.signal(Holder(child.pid, started=started + 1), signal.SIGKILL)
        assert not processes.signal(Holder(child.pid, started=0), signal.SIGKILL)
        assert child.poll() is None
        assert processes.signal(Holder(child.pid, started=started), signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert processes.started(child.pid) is None
        assert child.wait() == -signal.SIGKILL
    assert not processes.signal(Holder(child.pid, started=started), signal.SIGKILL)


NOT_OURS = """
import os, sys
from twisted.logger import globalLogPublisher, formatEvent
from chatnet.store.lease import Holder
from chatnet.world.real import RealProcesses
globalLogPublisher.addObserver(lambda event: print(formatEvent(event)))
if os.geteuid() == 0:
    os.setuid(65534)
processes = RealProcesses()
print(processes.signal(Holder(1, started=processes.started(1)), 0))
"""


def test_a_process_that_is_not_ours_is_not_signalled_and_that_is_said() -> None:
    """One line says so: whoever wanted it ended has to do it by hand."""
    done = subprocess.run([sys.executable, "-c", NOT_OURS], check=True, timeout=30, capture_output=True)
    assert done.stdout == b"Process 1 cannot be sent signal 0 (Operation not permitted)\nFalse\n"


@pytest.mark.parametrize("pid", [-1, 0, 2**31, 2**63 - 1])
def test_what_is_no_pid_is_nobodys(pid: int) -> None:
    """It may come from another process, and is neither a failure of ours nor a reason to signal anything."""
    processes = RealProcesses()
    assert processes.started(pid) is None
    assert not processes.signal(Holder(pid, started=1), 0)


@pytest.mark.parametrize("first", ["stop_soon(reactor)", "reactor.stop()"])
def test_a_process_that_is_told_twice_to_stop_stops(first: str) -> None:
    """A signal and its primary may tell it in one reactor turn: nothing is logged about that."""
    program = (
        "import sys; from twisted.python import log; log.startLogging(sys.stdout, setStdout=False); "
        "from twisted.internet import reactor; from chatnet.world import stop_soon; "
        f"reactor.callWhenRunning(lambda: (stop_soon(reactor), {first})); reactor.run()"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, timeout=30, capture_output=True)
    assert b"Traceback" not in done.stdout + done.stderr
    assert b"Main loop terminated" in done.stdout


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_while_a_process_stops_by_itself_is_no_failure(number: str) -> None:
    program = (
        "import os, signal, sys; from twisted.python import log; "
        "log.startLogging(sys.stdout, setStdout=False); from twisted.internet.task import deferLater; "
        "from chatnet.world.real import real_world; from chatnet.world import stop_soon; "
        "reactor = real_world().reactor; "
        f"end = lambda: (os.kill(os.getpid(), signal.{number}), deferLater(reactor, 0.05))[1]; "
        "reactor.addSystemEventTrigger('before', 'shutdown', end); "
        "reactor.callWhenRunning(stop_soon, reactor); reactor.run()"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, timeout=30, capture_output=True)
    assert b"Traceback" not in done.stdout + done.stderr
    assert f"Received {number}".encode() in done.stdout


def test_the_reactors_timers_go_by_a_clock_that_does_not_step() -> None:
    """This holds also when made before the reactor runs, as by a tap: a wall clock set back stops no
    timer."""
    program = (
        "import time; from chatnet.world.real import real_world; reactor = real_world().reactor; "
        "assert abs(reactor.callLater(5, print).getTime() - time.monotonic() - 5) < 1; "
        "reactor.callLater(0.01, reactor.stop); reactor.run()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_a_file_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    """On a full disk others would find half a file."""

    class FullDisk(RealFiles):
        @staticmethod
        def _write_new(path: Path, content: bytes, flags: int) -> None:
            path.write_bytes(content[:1])
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        FullDisk().create(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_thread_that_gives_way_does_so_alone() -> None:
    """Its priority is the lowest, and the priority of other threads, such as the reactor's, stays."""
    found: list[int] = []

    def give_way() -> None:
        RealProcesses().give_way()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=give_way)
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread.start()
    thread.join()
    assert found == [LEAST_PRIORITY]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
