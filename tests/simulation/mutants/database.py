"""Bugs of a store that many hosts share: hunted in clusters of many machines."""

from __future__ import annotations

from typing import Any

from simulation.mutants.planting import Put
from twisted.internet.defer import Deferred

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry
from chatnet.errors import Hole
from chatnet.log import Outcome
from chatnet.reads import PageOf, Question
from chatnet.store.postgres.follower import Follower
from chatnet.store.postgres.lease import DatabaseLease
from chatnet.store.postgres.log import PostgresLog
from chatnet.store.window import Window
from simulator.database_server import Tables
from simulator.run import Scale

SCALE = Scale(store="postgresql")


def a_lost_bell_is_not_missed(put: Put) -> None:
    """A follower waits for NOTIFY alone, and does not look once a second when it has no doorbell."""

    async def wait(self: Follower) -> None:
        self._waiting = Deferred()
        await self._waiting

    put(Follower, "_wait", wait)


def an_expired_lease_is_obeyed(put: Put) -> None:
    """A primary that could not renew the lease commands until it learns that another has it."""
    put(DatabaseLease, "_check", lambda self: None)


def a_lease_is_taken_early(put: Put) -> None:
    """A contender takes the lease after half a second without a renewal."""

    def is_free(self: DatabaseLease) -> bool:
        row = self._row
        return row is not None and (not row.holder or self._monotonic() - self._unchanged_since >= 0.5)

    put(DatabaseLease, "is_free", property(is_free))


def seq_order_is_not_commit_order(put: Put) -> None:
    """An entry can be read before one with a smaller seq is committed, and a follower steps over the hole."""

    def read(self: Tables, question: Question[Any]) -> Any:
        found = real_read(self, question)
        if not isinstance(question, PageOf):
            return found
        hidden[0] += 1
        return found[1:] if len(found) > 1 and hidden[0] % 5 == 0 else found

    def extend(self: Window, entries: list[Entry]) -> list[Entry]:
        try:
            fresh: list[Entry] = real_extend(self, entries)
        except Hole:
            fresh = [entry for entry in entries if entry.seq > self.head]
            self.restart(self.log_id, Cursor.at(self.log_id, fresh[-1]))
            for watcher in list(self._watchers):
                watcher(fresh)
        return fresh

    hidden = [0]
    real_read = put(Tables, "read", read)
    real_extend = put(Window, "extend", extend)


def an_unknown_outcome_gets_new_keys(put: Put) -> None:
    """A batch whose answer was lost with its connection is sent again as if it were another batch."""

    async def commit(self: PostgresLog, drafts: list[Draft]) -> list[Outcome]:
        asked = [0]

        def question(database: Any) -> Any:
            asked[0] += 1
            new = drafts if asked[0] == 1 else [_renamed(draft) for draft in drafts]
            return database.append(new, now)

        now = int(self._wall() * 1000)
        outcomes, _ = await self._writer.ask(question)
        self._follower.ring()
        return list(outcomes)

    put(PostgresLog, "_commit", commit)


def _renamed(draft: Draft) -> Draft:
    return Draft(draft.kind, draft.user, draft.room, draft.text, bytes(byte ^ 255 for byte in draft.key))


MUTANTS = (
    a_lost_bell_is_not_missed,
    an_expired_lease_is_obeyed,
    a_lease_is_taken_early,
    seq_order_is_not_commit_order,
    an_unknown_outcome_gets_new_keys,
)
