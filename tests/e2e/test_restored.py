"""An operator restores the store from a backup, as the manual says, while users are connected."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from rigs.processes import Cluster, wait_until


def restored(cluster: Cluster, backup: Path) -> None:
    """Stop the cluster, put the backup in the store's place, and start it."""
    status, output = cluster.run("chatnet", "stop", "--master", cluster.address, "--data", str(cluster.data))
    assert status == 0, output
    for file in cluster.data.glob("log.sqlite*"):
        file.unlink()
    backup.rename(cluster.data / "log.sqlite")
    cluster.start()


GONE = {b"regretted", b"gone-with-leaver"}


def holding(cluster: Cluster) -> list[bytes]:
    """Return which of these texts are anywhere in the cluster's directory."""
    contents = [path.read_bytes() for path in cluster.data.rglob("*") if path.is_file()]
    return [text for text in GONE for content in contents if text in content]


def seq_of(cluster: Cluster, text: str) -> int:
    with closing(apsw.Connection(str(cluster.data / "log.sqlite"))) as store:
        seq: int = store.execute("SELECT seq FROM entry WHERE text = ?", (text,)).get
    return seq


def test_who_was_ahead_of_a_backup_is_told_even_when_the_log_has_grown_past_it(
    new_cluster: Callable[..., Cluster],
) -> None:
    """They then begin afresh, and get everything that was posted since. What was taken back after the backup
    is nowhere, though the backup has it."""
    cluster = new_cluster("--workers", "2", "--replicas", "0")
    cluster.start()
    writer, ahead = (cluster.terminal(name) for name in ("writer", "ahead"))
    ahead.type("JOIN writer", "CHAT")
    ahead.expect("Joined writer.")
    leaver = cluster.terminal("leaver")
    leaver.type("SAY leaver gone-with-leaver")
    assert leaver.end()[0] == 0
    writer.type("CHAT", "regretted", "kept")
    ahead.expect("writer: regretted", "writer: kept")
    backup = cluster.root / "backup"
    connection = apsw.Connection(str(cluster.data / "log.sqlite"))
    connection.execute("VACUUM INTO ?", (str(backup),))
    connection.close()
    assert set(holding(cluster)) == GONE
    writer.type(f"/redact {seq_of(cluster, 'regretted')}")
    at = ("--master", cluster.address, "--data", str(cluster.data))
    assert cluster.run("chatnet", "user", "forget", "leaver", "--yes", *at)[0] == 0
    ahead.expect("writer took a post back.")
    wait_until("all of it gone", lambda: not holding(cluster), 10.0)
    gone = [f"gone {number}" for number in range(6)]
    writer.type(*gone)
    ahead.expect(*(f"writer: {text}" for text in gone))
    os.kill(ahead.process.pid, signal.SIGSTOP)
    assert all(text in backup.read_bytes() for text in GONE)
    restored(cluster, backup)
    wait_until("all of it gone again", lambda: not holding(cluster), 10.0)
    assert cluster.run("chatnet", "check", "--data", str(cluster.data))[0] == 0
    # Acknowledged posts are not sent again, so new ones take the seqs of the lost ones, and more.
    others = [f"instead {number}" for number in range(10)]
    writer.type(*others)
    third = cluster.terminal("third")
    third.type("JOIN writer", "CHAT")
    third.expect(
        "Joined writer.", "writer: (taken back)", "writer: kept", *(f"writer: {text}" for text in others)
    )

    os.kill(ahead.process.pid, signal.SIGCONT)
    ahead.expect("Connection lost; what you type is kept and sent when it is back.", "Connected again.")
    ahead.expect("The log was put back: what you read at 15 is not in it. Start afresh.")
    ahead.expect("writer: (taken back)", "writer: kept")
    ahead.expect(*(f"writer: {text}" for text in others))
    writer.type("and on")
    ahead.expect("writer: and on")
