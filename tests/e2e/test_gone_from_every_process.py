"""What was taken back is nowhere in the files of a cluster."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing

from rigs.processes import Cluster, wait_until

TEXTS = {
    "tenletters": b"tenletters",
    ("needle-in-a-hay-stack-" * 100)[:2_000]: b"needle-in-a-hay",
    "\U0001fad6" * 2_000: "\U0001fad6\U0001fad6".encode(),
}
"""The texts that are posted, and a part of each that no file may hold afterwards."""
ROOMS = ("alice", "#tea", "&ops", "@bob")


def holding(cluster: Cluster) -> list[str]:
    """Return the files of the cluster that hold any of the texts: its data, its logs, its clients' files."""
    found = []
    for path in cluster.root.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        found += [path.name for piece in TEXTS.values() if piece in content]
    return found


def test_no_byte_of_what_was_taken_back_stays(cluster: Cluster) -> None:
    """Ten seconds after redactions no file has any of the texts, wherever they were said, and however
    long; who reads then gets none of them."""
    bob = cluster.terminal("bob")
    alice = cluster.terminal("alice")
    alice.type("JOIN #tea", "CREATE &ops")
    alice.expect("Joined #tea.")
    alice.lines.find(r".*&ops.*")
    alice.type(*(f"SAY {room} {text}" for room in ROOMS for text in TEXTS), "LEAVE #tea")
    alice.lines.find(r"Left #tea\.")
    with closing(sqlite3.connect(cluster.data / "log.sqlite")) as store:
        seqs = [seq for (seq,) in store.execute("SELECT seq FROM entry WHERE kind = 'post' ORDER BY seq")]
    assert len(seqs) == len(ROOMS) * len(TEXTS)
    assert holding(cluster)
    bob.type("HISTORY #tea", "HISTORY @alice")
    bob.lines.find(rf"{seqs[-1]} .*")
    for seq in seqs:
        bob.type(f"REPORT {seq} rude")
    reported = [seq for seq in seqs if bob.lines.find(r"(Reported|No) post .*").startswith("Reported")]
    assert len(reported) == 2 * len(TEXTS)
    for seq in seqs:
        alice.type(f"REDACT {seq}")
        alice.expect(f"Took post {seq} back.")
    wait_until("all of it gone", lambda: not holding(cluster), 10.0)
    for room in ROOMS:
        alice.type(f"HISTORY {room}")
    alice.type("JOIN #tea")
    shown = [alice.lines.next() for _ in range(len(seqs) + 1)]
    assert not [line for line in shown for text in TEXTS if text[:10] in line]
    assert sum("(taken back)" in line for line in shown) == len(seqs)


def test_no_byte_of_who_is_forgotten_stays(cluster: Cluster) -> None:
    """All that is kept of somebody is printed first. Then neither their texts, wherever they were said, nor
    what was kept of their secret is in any file, though a master was killed meanwhile; the log is whole."""
    bob, alice = cluster.terminal("bob"), cluster.terminal("alice")
    alice.type("JOIN #tea", "CREATE &ops")
    alice.lines.find(r".*&ops.*")
    alice.type(*(f"SAY {room} {text}" for room in ROOMS for text in TEXTS), "LEAVE #tea")
    alice.lines.find(r"Left #tea\.")
    at = ("--master", cluster.address, "--data", str(cluster.data))
    status, exported = cluster.run("chatnet", "user", "export", "alice", *at)
    assert (status, exported.count("tenletters")) == (0, len(ROOMS))
    with closing(sqlite3.connect(cluster.data / "log.sqlite")) as store:
        [(kept,)] = store.execute("SELECT text FROM entry WHERE kind = 'register' AND user = 'alice'")
    pieces = [kept.encode(), *TEXTS.values()]

    def left() -> list[str]:
        files = [path for path in cluster.data.rglob("*") if path.is_file()]
        return [path.name for path in files for piece in pieces if piece in path.read_bytes()]

    assert left()
    assert cluster.run("chatnet", "user", "forget", "alice", "--yes", *at)[0] == 0
    os.kill(cluster.primary(), signal.SIGKILL)
    status, said = alice.end()
    assert (status, said[-1].startswith("alice is forgotten on this server")) == (1, True)
    wait_until("all of it gone", lambda: not left(), 20.0)
    bob.type("HISTORY alice", "HISTORY @alice", "TELL alice hello")
    assert "There is no user alice." in bob.end()[1]
    assert cluster.run("chatnet", "check", str(cluster.data))[0] == 0
