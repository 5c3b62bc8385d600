from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatnet.store.lease import FlockLease, Holder
from chatnet.world.real import RealFiles

HOLD = """
import sys
from pathlib import Path
from chatnet.store.lease import FlockLease
from chatnet.world.real import RealFiles
print(FlockLease(RealFiles(), Path(sys.argv[1])).take(), flush=True)
"""


def a_lease(path: Path) -> FlockLease:
    return FlockLease(RealFiles(), path)


def test_only_one_holds_it(tmp_path: Path) -> None:
    """Of two that take the lease of a directory, the second is refused until the first releases it."""
    first, second = a_lease(tmp_path), a_lease(tmp_path)
    assert first.take()
    assert first.take()
    assert not second.take()
    first.release()
    first.release()
    assert second.take()
    second.release()


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    """The lease of a dead process is free at once, and its file names nobody."""
    held = subprocess.run(
        [sys.executable, "-c", HOLD, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert held.stdout == "True\n"
    lease = a_lease(tmp_path)
    assert lease.holder() is None
    assert lease.take()
    lease.release()


def test_a_child_does_not_inherit_it(tmp_path: Path) -> None:
    """A process started by the holder does not keep the lease after the holder releases it."""
    lease = a_lease(tmp_path)
    assert lease.take()
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        lease.release()
        assert a_lease(tmp_path).take()
        child.communicate(b"\n")


def test_its_holder_is_known_by_what_it_published(tmp_path: Path) -> None:
    """Others read who holds the lease; what an earlier holder published is not taken for the present one."""
    lease = a_lease(tmp_path)
    assert lease.holder() is None
    assert lease.take()
    assert lease.holder() == Holder(os.getpid())
    ours = Holder(os.getpid(), "127.0.0.1:64480", 1_700_000, 3)
    lease.publish(ours)
    assert a_lease(tmp_path).holder() == ours
    lease.publish(Holder(1, "127.0.0.1:1", 1, 2))
    assert a_lease(tmp_path).holder() == Holder(os.getpid())
    (tmp_path / "lease").write_bytes(b"{torn")
    assert a_lease(tmp_path).holder() == Holder(os.getpid())
    lease.release()
    assert a_lease(tmp_path).holder() is None


PASSED_ON = """
import fcntl, os, sys
directory = os.open(sys.argv[1], os.O_RDONLY)
if not (child := os.fork()):
    fcntl.flock(directory, fcntl.LOCK_EX)
    os.close(directory)
    print(os.getpid(), flush=True)
    sys.stdin.read()
    os._exit(0)
os.waitpid(child, 0)
"""


def test_who_does_not_have_the_directory_open_is_not_its_holder(tmp_path: Path) -> None:
    """The kernel lists locks by inode, which every file system numbers itself: such a process may be
    anybody."""
    command, pipe = [sys.executable, "-c", PASSED_ON, str(tmp_path)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as held:
        assert held.stdout is not None
        pid = held.stdout.readline().strip().decode()
        inode = tmp_path.stat().st_ino
        listed = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        assert [pid] == [line[4] for line in listed if line[1] == "FLOCK" and line[5].endswith(f":{inode}")]
        assert RealFiles().lock_holder(tmp_path) is None
        held.communicate(b"")


TWINS = """
set -e
mkdir -p ours theirs; mount -t tmpfs none ours; mount -t tmpfs none theirs
mkdir ours/data theirs/data
test "$(stat -c %i ours/data)" = "$(stat -c %i theirs/data)"
exec "$0" -c "$1"
"""
LOOK = """
import fcntl, os, subprocess, sys
from pathlib import Path
from chatnet.world.real import RealFiles
theirs = subprocess.Popen(
    [sys.executable, "-c", "import fcntl, os; d = os.open('theirs/data', os.O_RDONLY); "
     "fcntl.flock(d, fcntl.LOCK_EX); print(flush=True); input()"], stdin=-1, stdout=-1)
theirs.stdout.readline()
print(RealFiles().lock_holder(Path("ours/data")), RealFiles().lock_holder(Path("theirs/data")) == theirs.pid)
ours = RealFiles().lock(Path("ours/data"))
print(RealFiles().lock_holder(Path("ours/data")) == os.getpid())
theirs.communicate(b"\\n")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_the_same_inode_of_another_file_system_is_another_directory(tmp_path: Path) -> None:
    """A process that locked that one is left alone, and the real holder is found."""
    command = ["unshare", "--mount", "sh", "-c", TWINS, sys.executable, LOOK]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["None", "True", "True"]
