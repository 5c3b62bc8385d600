"""An operator restores the store from a backup, as the manual says, while users are connected."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import apsw

from rigs.processes import Cluster


def restored(cluster: Cluster, backup: Path) -> None:
    """Stop the cluster, put the backup in the store's place, and start it."""
    status, output = cluster.run("chatnet", "stop", "--master", cluster.address, "--data", str(cluster.data))
    assert status == 0, output
    for file in cluster.data.glob("log.sqlite*"):
        file.unlink()
    backup.rename(cluster.data / "log.sqlite")
    cluster.start()


def test_who_was_ahead_of_a_backup_is_told_even_when_the_log_has_grown_past_it(
    new_cluster: Callable[..., Cluster],
) -> None:
    """They then begin afresh, and get everything that was posted since."""
    cluster = new_cluster("--workers", "2", "--replicas", "0")
    cluster.start()
    writer, ahead = (cluster.terminal(name) for name in ("writer", "ahead"))
    ahead.type("JOIN writer", "CHAT")
    ahead.expect("Joined writer.")
    writer.type("CHAT", "kept")
    ahead.expect("writer: kept")
    backup = cluster.root / "backup"
    connection = apsw.Connection(str(cluster.data / "log.sqlite"))
    connection.execute("VACUUM INTO ?", (str(backup),))
    connection.close()
    gone = [f"gone {number}" for number in range(6)]
    writer.type(*gone)
    ahead.expect(*(f"writer: {text}" for text in gone))
    os.kill(ahead.process.pid, signal.SIGSTOP)
    restored(cluster, backup)
    # Acknowledged posts are not sent again, so new ones take the seqs of the lost ones, and more.
    others = [f"instead {number}" for number in range(10)]
    writer.type(*others)
    third = cluster.terminal("third")
    third.type("JOIN writer", "CHAT")
    third.expect("Joined writer.", "writer: kept", *(f"writer: {text}" for text in others))

    os.kill(ahead.process.pid, signal.SIGCONT)
    ahead.expect("Connection lost; what you type is kept and sent when it is back.", "Connected again.")
    ahead.expect("The log was put back: what you read at 10 is not in it. Start afresh.", "writer: kept")
    ahead.expect(*(f"writer: {text}" for text in others))
    writer.type("and on")
    ahead.expect("writer: and on")
