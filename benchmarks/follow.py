"""``python -m benchmarks.follow URL COUNT``: runs ``COUNT`` followers of a log in PostgreSQL until it is
ended.

Each does what a worker's follower does at the database: when the bell rings, it reads until nothing is left.
"""

from __future__ import annotations

import selectors
import sys
from typing import Any

from chatnet.reads import Head, PageOf
from chatnet.store.postgres import reads as postgres_reads
from chatnet.store.postgres.connection import connect


class _Follower:
    def __init__(self, url: str) -> None:
        self.connection: Any = connect(url)
        self._cursor = self.connection.cursor(binary=True)
        self._read = postgres_reads.answer(self._cursor, Head())
        self.connection.execute("LISTEN chatnet")

    def rung(self) -> None:
        """Read on, if the bell rang."""
        self.connection.pgconn.consume_input()
        if self._bells():
            while page := postgres_reads.answer(self._cursor, PageOf(self._read)):
                self._read = page[-1].seq
            self._bells()  # rings from meanwhile: their entries have been read

    def _bells(self) -> int:
        heard = 0
        while self.connection.pgconn.notifies() is not None:
            heard += 1
        return heard


def main() -> None:
    """Print ``ready`` once all follow."""
    url, count = sys.argv[1], int(sys.argv[2])
    with selectors.EpollSelector() as selector:
        for follower in [_Follower(url) for _ in range(count)]:
            selector.register(follower.connection.fileno(), selectors.EVENT_READ, follower)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                key.data.rung()


if __name__ == "__main__":
    main()
