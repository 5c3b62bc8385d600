"""The systemd units of docs/systemd, as far as they can be tested without a running systemd."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.processes import Cluster, wait_until

UNITS = Path(__file__).parents[2] / "docs" / "systemd"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Yield a running cluster."""
    cluster = Cluster(tmp_path / "cluster")
    try:
        cluster.start()
        cluster.masters(3)
        yield cluster
    finally:
        cluster.close()


@pytest.mark.parametrize("unit", ["chatnet-master.service", "chatnet-worker.service"])
def test_systemd_accepts_the_units(unit: str, tmp_path: Path) -> None:
    """systemd-analyze reports nothing, except the programs, which are elsewhere here."""
    if shutil.which("systemd-analyze") is None:
        pytest.fail("systemd-analyze is not installed: apt-get install systemd.", pytrace=False)
    installed = tmp_path / unit
    installed.write_text((UNITS / unit).read_text().replace("/opt/chatnet/bin/twistd", "/bin/true"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(installed)],
        capture_output=True,
        text=True,
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_nobody_is_ended_when_the_main_process_ended_by_itself(cluster: Cluster) -> None:
    """Without MAINPID the stop command leaves the cluster alone."""
    before = cluster.alive()
    assert stop(cluster, before).wait(30) == 0
    assert cluster.alive() == before


def test_stopping_ends_all_of_the_unit(cluster: Cluster) -> None:
    """With MAINPID it returns when masters and workers have ended, though another is primary by now."""
    assert cluster.master is not None
    first = cluster.master
    first.kill()
    first.wait(30)
    wait_until("a new primary", lambda: cluster.primary() not in (0, first.pid))
    again = cluster.launch(subprocess.DEVNULL)
    cluster.masters(3)
    stopping = stop(cluster, cluster.alive(), MAINPID=str(again.pid))

    def stopped() -> bool:
        again.poll()  # it is our child, not systemd's
        return stopping.poll() is not None

    wait_until("the stop command returns", stopped)
    assert stopping.returncode == 0
    assert not cluster.alive()


def stop(cluster: Cluster, pids: list[int], **environ: str) -> subprocess.Popen[bytes]:
    """Start the command of ExecStop on these."""
    procs = cluster.root / "cgroup.procs"
    procs.write_text("".join(f"{pid}\n" for pid in pids))
    return subprocess.Popen(
        ["/bin/sh", str(UNITS / "stop-unit.sh"), str(procs)], env={**os.environ, **environ}
    )
