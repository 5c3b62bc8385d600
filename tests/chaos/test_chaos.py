"""Real processes are really killed and stopped, and users' experience is checked."""

from __future__ import annotations

import subprocess
from pathlib import Path

from rigs.chaos import Chaos, Nemesis
from rigs.processes import Cluster, Lines, wait_until

KILLS = 12


def test_users_notice_nothing_of_kills_and_stops(tmp_path: Path) -> None:
    """Workers and primaries die and hang, one by one and all at once: promises are kept, and nothing is left.

    ``make chaos KILLS=200`` is the long run.
    """
    cluster = Cluster(tmp_path / "cluster")
    verdict = Chaos(cluster, users=8, rate=20.0, kills=KILLS, seed=1, say=lambda _: None).run()
    assert not verdict.violations, "\n".join(verdict.violations)
    assert set(verdict.struck) == set(Nemesis.KINDS)
    assert verdict.deliveries == 8 * verdict.posts > 0
    assert verdict.resumed > 0
    assert not cluster.alive()


def test_nothing_is_left_of_a_run_that_was_killed_itself(tmp_path: Path) -> None:
    """The users' process outlives its parent long enough to end the cluster."""
    cluster = Cluster(tmp_path / "cluster")
    try:
        cluster.start()
        users = cluster.popen(
            "python", "-m", "rigs.talkers", "--master", cluster.address, "--users", "2",
            "--history", "history", "--log", "log", "--mark", cluster.mark, stdin=subprocess.PIPE,
        )  # fmt: skip
        Lines(users).find("ready")
        assert users.stdin is not None
        users.stdin.close()
        wait_until("nobody left", lambda: not cluster.alive())
    finally:
        cluster.close()
