"""What was taken back is nowhere in the files of a cluster."""

from __future__ import annotations

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
