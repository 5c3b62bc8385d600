"""The tables, as their one writer uses them: it checks drafts and commits them, a batch per transaction.

Everything here runs in the writer's thread.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import apsw

from chatnet.entries import Draft, Entry, places
from chatnet.errors import (
    EpochLost,
    KeyReused,
    Poison,
    Refusal,
    SecretChanged,
)
from chatnet.form import check_form
from chatnet.kinds import HEARD, own_level
from chatnet.log import Outcome, Refused
from chatnet.rules import DAY_MS, judge
from chatnet.store.pages import OPEN
from chatnet.store.refusals import content, is_kept, refused

_KNOWN_USERS = 100_000
"""How many users' newest secrets are remembered; beyond that all are forgotten, and looked up again."""


class DiskRefuses(Exception):
    """The disk takes no writes; nothing was committed. Transient.

    ``why`` and ``until`` are for the operator's sentence; ``over`` says that it has passed.
    """

    why = until = over = ""


class DiskFull(DiskRefuses):
    why = "The disk of the log is full"
    until = "there is room"
    over = "There is room on the disk again; posts are stored as usual"


class StoreDamaged(DiskRefuses):
    """Another process would find the same damage: the primary stays, and serves what can be read."""

    why = "The store is damaged"
    until = "it is mended: restore a backup, “chatnet check” says more"
    over = "The store can be written again; posts are stored as usual"


class DiskReadOnly(DiskRefuses):
    why = "The file system of the log is read-only"
    until = "it takes writes"
    over = "The file system of the log takes writes again; posts are stored as usual"


@dataclass(slots=True)
class Batch:
    """What a commit did: an outcome for each draft, the new entries, and the drafts that broke our code."""

    outcomes: list[Outcome] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    poisoned: list[tuple[Draft, Exception]] = field(default_factory=list)


class Writer:
    """The writer's side of the store, in one ``epoch``.

    ``time`` is the newest entry's, ``head`` its seq, and ``level`` the log's. The process that appends
    understands ``own_level``: its program's, if none is given.
    """

    def __init__(self, connection: apsw.Connection, epoch: int, own: int | None = None) -> None:
        self.own_level = own_level() if own is None else own
        self._connection = connection
        self._execute = connection.cursor().execute
        self._epoch = epoch
        self.head: int = self._execute("SELECT head FROM log").get
        self.time: int = self._execute("SELECT time FROM entry WHERE seq = ?", (self.head,)).get or 0
        self.level: int = self._execute("SELECT level FROM log").get
        self._users: dict[str, int] = {}

    def commit(self, drafts: list[Draft], now: int) -> Batch:
        """Append ``drafts`` durably, at ``now`` or later: in milliseconds since 1970, never going back.

        :raises DiskFull: nothing was committed; the same call may succeed later.
        :raises EpochLost: another process has taken the lease.
        :raises apsw.Error: the store is broken.
        """
        now = max(now, self.time)
        try:
            return self._transact(drafts, now, self._apply)
        except (DiskRefuses, EpochLost, apsw.Error):
            raise
        except Exception:
            # One of the drafts broke our own code. Find out which, so that the others are not refused with
            # it.
            return self._transact(drafts, now, self._apply_guarded)

    def close(self) -> None:
        """Close the connection; the last one to close also checkpoints."""
        self._connection.close()

    def _transact(self, drafts: list[Draft], now: int, apply: Callable[[Draft, int, Batch], None]) -> Batch:
        try:
            return self._run(drafts, now, apply)
        except BaseException as error:
            full = is_disk_full(error, self._connection)
            self._users.clear()
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            if full:
                raise DiskFull(str(error)) from error
            if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
                raise StoreDamaged(str(error)) from error
            raise

    def _run(self, drafts: list[Draft], now: int, apply: Callable[[Draft, int, Batch], None]) -> Batch:
        execute = self._execute
        execute("BEGIN IMMEDIATE")
        epoch, head, self.level = next(execute("SELECT epoch, head, level FROM log"))
        if epoch != self._epoch:
            raise EpochLost(f"Epoch {epoch} has begun; ours was {self._epoch}")
        batch = Batch()
        self._next = head + 1
        for draft in drafts:
            apply(draft, now, batch)
        if batch.entries:
            execute("UPDATE log SET head = ?", (self._next - 1,))
        execute("COMMIT")
        if batch.entries:
            self.head, self.time = self._next - 1, now
        return batch

    def _apply_guarded(self, draft: Draft, now: int, batch: Batch) -> None:
        self._execute("SAVEPOINT draft")
        try:
            self._apply(draft, now, batch)
        except apsw.Error:
            raise
        except Exception as error:
            self._execute("ROLLBACK TO draft")
            self.level = self._execute("SELECT level FROM log").get
            batch.poisoned.append((draft, error))
            batch.outcomes.append(Refused.of(Poison.of()))
        self._execute("RELEASE draft")

    def _apply(self, draft: Draft, now: int, batch: Batch) -> None:
        """Insert one draft's entry, and what follows from it; or find its old seq; or refuse it."""
        kind, user, room, text, key = draft.kind, draft.user, draft.room, draft.text, draft.key
        try:
            check_form(draft)
        except Refusal as no:
            batch.outcomes.append(Refused.of(no))
            return
        if is_kept(draft) and (before := self._refused(draft)):
            batch.outcomes.append(before)
            return
        seq = self._next
        self._execute(
            "INSERT INTO entry (seq, time, kind, user, room, text, key) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key, user) DO NOTHING",
            (seq, now, kind, user, room, text, key),
        )
        if not self._connection.changes():
            batch.outcomes.append(self._old(draft))
            return
        try:
            topics = judge(draft, self, now)
        except Refusal as no:
            self._execute("DELETE FROM entry WHERE seq = ?", (seq,))
            batch.outcomes.append(self._refuse(draft, no))
            return
        entry = Entry(seq, now, kind, user, room, text, key)
        if topics:
            self._make_topics(entry, topics)
        if kind in HEARD:
            self._index(entry)
        FOLLOWS[kind](self, entry)
        batch.outcomes.append(seq)
        batch.entries.append(entry)
        self._next = seq + 1

    def _old(self, draft: Draft) -> Outcome:
        seq, *content = next(
            self._execute(
                "SELECT seq, kind, room, text FROM entry WHERE user = ? AND key = ?", (draft.user, draft.key)
            )
        )
        if content == [draft.kind, draft.room, draft.text]:
            return int(seq)
        return Refused.of(KeyReused.of())

    def _refuse(self, draft: Draft, no: Refusal) -> Refused:
        """Refuse the draft, and keep the refusal if it must last: see :mod:`chatnet.store.refusals`."""
        if is_kept(draft) and not isinstance(no, SecretChanged):
            self._execute(
                "INSERT INTO refusal (user, key, content, code) VALUES (?, ?, ?, ?)",
                (draft.user, draft.key, content(draft), no.code.decode()),
            )
        return Refused.of(no)

    def _refused(self, draft: Draft) -> Refused | None:
        found = self._execute(
            "SELECT content, code FROM refusal WHERE user = ? AND key = ?", (draft.user, draft.key)
        ).fetchone()
        if found is None:
            return None
        its_content, code = found
        return refused(draft, code if its_content == content(draft) else KeyReused.code.decode())

    # ---- what follows from an entry ----

    def _register(self, entry: Entry) -> None:
        self._execute(
            "INSERT INTO account (user, credential, secret_seq, registered) VALUES (?, ?, ?, ?)",
            (entry.user, entry.text, entry.seq, entry.seq),
        )
        self._execute("INSERT INTO room (name) VALUES (?)", (entry.user,))

    def _secret(self, entry: Entry) -> None:
        self._users[entry.user] = entry.seq
        self._execute(
            "UPDATE account SET credential = ?, secret_seq = ? WHERE user = ?",
            (entry.text, entry.seq, entry.user),
        )

    def _join(self, entry: Entry) -> None:
        self._execute(
            "INSERT INTO membership (user, left, room, joined) VALUES (?, ?, ?, ?)",
            (entry.user, OPEN, entry.room, entry.seq),
        )
        self._execute("UPDATE account SET rooms = rooms + 1 WHERE user = ?", (entry.user,))

    def _leave(self, entry: Entry) -> None:
        self._execute(
            "UPDATE membership SET left = ? WHERE user = ? AND left = ? AND room = ?",
            (entry.seq, entry.user, OPEN, entry.room),
        )
        self._execute("UPDATE account SET rooms = rooms - 1 WHERE user = ?", (entry.user,))

    def _post(self, entry: Entry) -> None:
        """Do nothing: from a post follows only what does from all that is heard."""

    def _index(self, entry: Entry) -> None:
        for place in places(entry.user, entry.room, entry.text):
            self._execute("INSERT INTO place (name, seq) VALUES (?, ?)", (place, entry.seq))

    def _level(self, entry: Entry) -> None:
        self.level = int(entry.text)
        self._execute("UPDATE log SET level = ?", (self.level,))

    def _make_topics(self, entry: Entry, topics: Sequence[str]) -> None:
        day = entry.time // DAY_MS
        made = self.topics_made(entry.user, day) + len(topics)
        self._execute("UPDATE account SET day = ?, topics = ? WHERE user = ?", (day, made, entry.user))
        for topic in topics:
            self._execute("INSERT INTO room (name) VALUES (?)", (topic,))

    # ---- the facts that decide about drafts: see chatnet.rules.Facts ----

    def secret_seq(self, user: str) -> int | None:
        known = self._users.get(user)
        if known is not None:
            return known
        found: int | None = self._execute("SELECT secret_seq FROM account WHERE user = ?", (user,)).get
        if found is not None:
            if len(self._users) >= _KNOWN_USERS:
                self._users.clear()
            self._users[user] = found
        return found

    def is_member(self, user: str, room: str) -> bool:
        joined = "SELECT 1 FROM membership WHERE user = ? AND left = ? AND room = ?"
        return bool(self._execute(joined, (user, OPEN, room)).get)

    def rooms_of(self, user: str) -> int:
        rooms: int = self._execute("SELECT rooms FROM account WHERE user = ?", (user,)).get
        return rooms

    def has_topic(self, topic: str) -> bool:
        return bool(self._execute("SELECT 1 FROM room WHERE name = ?", (topic,)).get)

    def topics_made(self, user: str, day: int) -> int:
        its_day, made = next(self._execute("SELECT day, topics FROM account WHERE user = ?", (user,)))
        return int(made) if its_day == day else 0


FOLLOWS: dict[str, Callable[[Writer, Entry], None]] = {
    "register": Writer._register,
    "secret": Writer._secret,
    "join": Writer._join,
    "leave": Writer._leave,
    "post": Writer._post,
    "level": Writer._level,
}
"""What follows from an entry, by its kind: how the other tables are kept in step with the entries.

The places of what is heard, and the topics that an entry makes, follow from the kind's row.
"""


def is_disk_full(error: BaseException, connection: apsw.Connection) -> bool:
    if isinstance(error, (apsw.IOError, apsw.CantOpenError)):
        return connection.system_errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, apsw.FullError)
