"""A log with entries of every sort, for the commands that read one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw

from chatnet.entries import Draft
from chatnet.store.sqlite.schema import migrate as make_tables
from chatnet.store.sqlite.schema import set_up_writer
from chatnet.store.sqlite.writer import Writer


def drafts() -> Iterator[Draft]:
    """Yield the drafts of that log."""
    number = 0

    def draft(kind: Any, user: str, room: str, text: str) -> Draft:
        nonlocal number
        number += 1
        return Draft(kind, user, room, text, number.to_bytes(16, "big"))

    yield draft("register", "alice", "alice", "sha256:1")
    yield draft("register", "bob", "bob", "sha256:2")
    yield draft("join", "bob", "alice", "")
    yield draft("join", "bob", "#tea", "")
    yield draft("leave", "bob", "#tea", "")
    yield draft("join", "bob", "#tea", "")
    yield draft("secret", "alice", "alice", "sha256:3")
    yield draft("join", "alice", "bob", "")
    yield draft("post", "alice", "alice", "see #coffee @bob")
    for _ in range(5_000):
        yield draft("post", "bob", "bob", "about #tea")


def make_store(path: Path, drafts: Iterable[Draft]) -> int:
    """Make a store with ``drafts``; return the number of its entries."""
    connection = apsw.Connection(str(path))
    set_up_writer(connection)
    make_tables(connection, "the log")
    store = Writer(connection, 0)
    try:
        return len(store.commit(list(drafts), 1_000).entries)
    finally:
        store.close()
