"""The tables, as their one writer uses them: it checks drafts and commits them, a batch per transaction.

Everything here runs in the writer's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import apsw
import msgspec

from chatnet.cursor import Cursor
from chatnet.entries import (
    Draft,
    Entry,
    blanked,
    heard_at,
    mentions,
    of_row,
    packed_more,
    places,
    settled,
)
from chatnet.erased import Erasure
from chatnet.errors import EpochLost, KeyReused, Poison, Refusal
from chatnet.form import check_form
from chatnet.kinds import SAID, own_level
from chatnet.log import Outcome, Refused
from chatnet.names import is_private
from chatnet.rules import DAY_MS, judge
from chatnet.store import follows
from chatnet.store.blanking import asking
from chatnet.store.erased import AWAIT, KEEP_NAME, REDACTS, erasure_of, purged
from chatnet.store.pages import OPEN
from chatnet.store.refusals import content, is_kept, lasts, refused
from chatnet.store.sqlite.binding import bound, values
from chatnet.store.sqlite.blanking import Covered, add_gone, overwrite
from chatnet.store.sqlite.disk import DiskFull, DiskRefuses, StoreDamaged, is_disk_full, refusal_of
from chatnet.store.sqlite.facts import KNOWN_USERS, SqliteFacts

T = TypeVar("T")


@dataclass(slots=True)
class Batch:
    """What a commit did: an outcome for each draft, the new entries, and the drafts that broke our code.

    ``erases``: a text was taken back that the store's files may still have.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    poisoned: list[tuple[Draft, Exception]] = field(default_factory=list)
    erases: bool = False


class Listed(NamedTuple):
    """How far the list of what was taken back is followed: ``size`` in bytes; ``tail``: a check of all its
    lines."""

    size: int
    tail: str


ROOMS_OF = f"""SELECT room FROM membership WHERE user = ? AND left = {OPEN} AND substr(room, 1, 1) <> '!'
    ORDER BY room"""
_LIST_IS = "UPDATE log SET erased = ?, erased_tail = ?"


class Writer:
    """The writer's side of the store, in one ``epoch``.

    ``time`` is the newest entry's, ``head`` its seq, and ``facts`` what the rules ask about a draft. The
    process that appends understands the level ``own``: its program's, if none is given.
    """

    def __init__(self, connection: apsw.Connection, epoch: int, own: int | None = None) -> None:
        self._connection = connection
        self._changes = connection.changes
        self._execute = connection.cursor().execute
        self._epoch = epoch
        self.head: int = self._execute("SELECT head FROM log").get
        self.time: int = self._execute("SELECT time FROM entry WHERE seq = ?", (self.head,)).get or 0
        self.facts = SqliteFacts(self._execute, own_level() if own is None else own)
        self.facts.level = self._execute("SELECT level FROM log").get
        self._log_id: str = self._execute("SELECT id FROM log").get
        self._talks: dict[str, None] = {}  # conversations that were begun
        self._write_list: Callable[[list[Erasure]], Listed] | None = None
        self._takes_back = False  # the batch under way does
        # Posts that were taken back, and are not in the log, which was put back to before them.
        self._erased: set[tuple[str, bytes]] = set(self._execute("SELECT user, key FROM erased"))
        connection.create_scalar_function("chatnet_check", self._check_of, 3, deterministic=True)

    @property
    def level(self) -> int:
        """The log's level."""
        return self.facts.level

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

    def free(self, found: Covered, seconds: Callable[[], float]) -> tuple[int, bool]:
        """Overwrite what was found of texts that are taken back: see :func:`.blanking.overwrite`.

        :raises DiskRefuses, EpochLost, apsw.Error: as :meth:`commit`; nothing was overwritten.
        """

        def run() -> tuple[int, bool]:
            self._begin()
            texts, is_done = overwrite(self._execute, found, seconds)
            if found.blanking.user and not found.blanking.whole:
                self._list(list(purged(found.blanking, found.time, found.entries[:texts])))
            self._execute("COMMIT")
            return texts, is_done

        return self._all_or_nothing(run)

    def keep_list(self, write: Callable[[list[Erasure]], Listed]) -> None:
        """Have ``write`` write down what is taken back, from now on, before that is committed; it returns
        what the list is then."""
        self._write_list = write

    def list_is(self, listed: Listed) -> None:
        """Remember that the log follows the list of what was taken back so far.

        :raises DiskRefuses, EpochLost, apsw.Error: as :meth:`commit`.
        """

        def run() -> None:
            self._begin()
            self._execute(_LIST_IS, listed)
            self._execute("COMMIT")

        self._all_or_nothing(run)

    def await_again(self, posts: Sequence[tuple[str, bytes]], names: Sequence[str]) -> None:
        """Take posts that come again, by user and key, without their texts, and let nobody have the names.

        :raises DiskRefuses, EpochLost, apsw.Error: as :meth:`commit`.
        """

        def run() -> None:
            self._begin()
            ask = asking(self._execute, "?")
            for post in posts:
                ask(AWAIT, *post)
            for name in names:
                ask(KEEP_NAME, name)
            self._execute("COMMIT")

        if posts or names:
            self._all_or_nothing(run)
            self._erased.update(posts)

    def close(self) -> None:
        """Close the connection; the last one to close also checkpoints."""
        self._connection.close()

    def _transact(self, drafts: list[Draft], now: int, apply: Callable[[Draft, int, Batch], None]) -> Batch:
        return self._all_or_nothing(lambda: self._run(drafts, now, apply))

    def _all_or_nothing(self, run: Callable[[], T]) -> T:
        try:
            return run()
        except BaseException as error:
            full = is_disk_full(error, self._connection)
            self._forget_all()
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            if full:
                raise DiskFull(str(error)) from error
            if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
                raise StoreDamaged(str(error)) from error
            raise

    def _run(self, drafts: list[Draft], now: int, apply: Callable[[Draft, int, Batch], None]) -> Batch:
        execute = self._execute
        head = self._begin()
        batch = Batch()
        self.facts.next = head + 1
        self._takes_back = False
        for draft in drafts:
            apply(draft, now, batch)
        if batch.entries:
            execute("UPDATE log SET head = ?", (self.facts.next - 1,))
        if self._takes_back:
            self._write_down(batch)
        execute("COMMIT")
        if batch.entries:
            self.head, self.time = self.facts.next - 1, now
        return batch

    def _write_down(self, batch: Batch) -> None:
        """Write down what the batch takes back, before it is committed: the list is never behind the log."""
        taking = [entry for entry in batch.entries if entry.kind in REDACTS]
        batch.erases = batch.erases or any(entry.kind == "redact" for entry in taking)
        ask = asking(self._execute, "?")
        self._list([erasure for entry in taking if (erasure := erasure_of(entry, ask))])

    def _list(self, erasures: list[Erasure]) -> None:
        if erasures and self._write_list is not None:
            try:
                listed = self._write_list(erasures)
            except OSError as error:
                raise refusal_of(error) from error
            self._execute(_LIST_IS, listed)

    def _begin(self) -> int:
        """Begin a transaction; return the head."""
        self._execute("BEGIN IMMEDIATE")
        epoch, head, self.facts.level = next(self._execute("SELECT epoch, head, level FROM log"))
        if epoch != self._epoch:
            raise EpochLost(f"Epoch {epoch} has begun; ours was {self._epoch}")
        return int(head)

    def _apply_guarded(self, draft: Draft, now: int, batch: Batch) -> None:
        self._execute("SAVEPOINT draft")
        try:
            self._apply(draft, now, batch)
        except apsw.Error:
            raise
        except Exception as error:
            self._execute("ROLLBACK TO draft")
            self._forget_all()
            self.facts.level = self._execute("SELECT level FROM log").get
            batch.poisoned.append((draft, error))
            batch.outcomes.append(Refused.of(Poison.of()))
        self._execute("RELEASE draft")

    def _forget_all(self) -> None:
        """Forget what was remembered: it may not be so any more."""
        self.facts.forget_all()
        self._talks.clear()

    def _apply(self, draft: Draft, now: int, batch: Batch) -> None:
        """Insert one draft's entry, and what follows from it; or find its old seq; or refuse it."""
        kind, user, room, text, key = draft.kind, draft.user, draft.room, draft.text, draft.key
        try:
            check_form(draft)
        except Refusal as no:
            batch.outcomes.append(Refused.of(no))
            return
        facts = self.facts
        known = facts.users.get(user) or facts.known(user)
        kept = is_kept(draft, known.is_ordered)
        if kept and (before := self._refused(draft)):
            batch.outcomes.append(before)
            return
        seq, more = facts.next, draft.more
        stored = "" if self._erased and self._is_erased(draft) else text
        self._execute(
            "INSERT INTO entry (seq, time, kind, user, room, text, key, more) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key, user) DO NOTHING",
            (seq, now, kind, user, room, stored, key, None if more is None else packed_more(more)),
        )
        if not self._changes():
            batch.outcomes.append(self._old(draft))
            return
        try:
            topics = judge(draft, facts, now)
        except Refusal as no:
            self._execute("DELETE FROM entry WHERE seq = ?", (seq,))
            if kept and lasts(no):
                self._keep(draft, no)
            batch.outcomes.append(Refused.of(no))
            return
        entry = Entry(seq, now, kind, user, room, text, key, more)
        if (more is not None or known.is_blocked) and (at := self._settled(draft)):
            self._execute("UPDATE entry SET at = ? WHERE seq = ?", (" ".join(at), seq))
            entry = msgspec.structs.replace(entry, at=at)
        if topics:
            self._make_topics(entry, topics)
        if kind in SAID:
            self._index(entry, known.is_blocked)
            if stored is not text:
                add_gone(self._execute, entry)
        else:
            self._follow(entry)
        if statements := FOLLOWS[kind]:
            self._execute_all(statements, entry)
        if stored is not text:
            entry = blanked(entry)
            self._execute("UPDATE entry SET at = ? WHERE seq = ?", (" ".join(entry.at), seq))
        batch.outcomes.append(seq)
        batch.entries.append(entry)
        facts.next = seq + 1

    def _is_erased(self, draft: Draft) -> bool:
        """Return whether the draft was taken back, in a log that was put back to before it."""
        return draft.kind in SAID and (draft.user, draft.key) in self._erased

    def _old(self, draft: Draft) -> Outcome:
        seq, kind, room, text, more, at = next(
            self._execute(
                "SELECT seq, kind, room, text, more, at FROM entry WHERE user = ? AND key = ?",
                (draft.user, draft.key),
            )
        )
        is_same = (kind, room, text, more) == (draft.kind, draft.room, draft.text, packed_more(draft.more))
        # Of a text that was taken back nobody can say any more what it was.
        if is_same or (not text and kind == draft.kind and self._is_blank(draft, seq, at)):
            return int(seq)
        return Refused.of(KeyReused.of())

    def _is_blank(self, draft: Draft, seq: int, at: str | None) -> bool:
        if draft.kind in SAID:
            return bool(at and draft.text)
        # Of who is forgotten other things went as well.
        blanking = "SELECT 1 FROM blanking WHERE user = ? AND upto >= ? AND (? OR whole = 1)"
        return bool(self._execute(blanking, (draft.user, seq, bool(draft.text))).get)

    def _keep(self, draft: Draft, no: Refusal) -> None:
        """Keep the refusal of the draft: see :mod:`chatnet.store.refusals`."""
        self._execute(
            "INSERT INTO refusal (user, key, content, code) VALUES (?, ?, ?, ?)",
            (draft.user, draft.key, content(draft), no.code.decode()),
        )

    def _refused(self, draft: Draft) -> Refused | None:
        found = self._execute(
            "SELECT content, code FROM refusal WHERE user = ? AND key = ?", (draft.user, draft.key)
        ).fetchone()
        if found is None:
            return None
        its_content, code = found
        return refused(draft, code if its_content == content(draft) else KeyReused.code.decode())

    # ---- what follows from an entry ----

    def _index(self, entry: Entry, is_blocked: bool) -> None:
        """Write down where something is said, and whom it names: of its author it is known whether anybody
        blocks them."""
        room, text, seq = entry.room, entry.text, entry.seq
        for place in entry.at or places(entry.user, room, text):
            self._execute("INSERT INTO place (name, seq) VALUES (?, ?)", (place, seq))
        if "@" in text:
            for user in mentions(entry):
                if is_blocked and is_private(room) and self._blocks(user, entry.user):
                    continue
                self._execute("INSERT INTO mention (user, room, seq) VALUES (?, ?, ?)", (user, room, seq))
        if "=" in room and room not in self._talks:
            self._begin_talk(entry)

    def _follow(self, entry: Entry) -> None:
        """Write down where an entry is heard that is not said, and what it changes here."""
        for place in heard_at(entry):
            self._execute("INSERT INTO event (name, seq) VALUES (?, ?)", (place, entry.seq))
        self.facts.follow(entry)
        if entry.kind in ("nick", "gone"):
            self._talks.clear()  # those of a guest begin anew
        if entry.kind in REDACTS:
            self._takes_back = True
        if entry.kind == "redact":
            self._blank(entry)

    def _begin_talk(self, entry: Entry) -> None:
        self._execute_all(TALK, entry)
        if len(self._talks) >= KNOWN_USERS:
            self._talks.clear()
        self._talks[entry.room] = None

    def _execute_all(self, statements: Sequence[str], entry: Entry) -> None:
        its = values(entry, entry.time)
        its["seq"] = entry.seq
        for statement in statements:
            self._execute(statement, its)

    def _blank(self, entry: Entry) -> None:
        """Take away the text of the post to which the entry refers; its places stay, written out."""
        target = None if entry.ref is None else self._entry(entry.ref.seq)
        if target is not None:
            at = " ".join(blanked(target).at)
            self._execute("UPDATE entry SET text = '', at = ? WHERE seq = ?", (at, target.seq))
            add_gone(self._execute, target)

    def _settled(self, draft: Draft) -> tuple[str, ...]:
        target = None if draft.ref is None else self._entry(draft.ref.seq)
        reported = "SELECT 1 FROM reported WHERE seq = ?"
        return settled(
            draft,
            target,
            lambda user: self._blocks(user, draft.user),
            lambda seq: bool(self._execute(reported, (seq,)).get),
            lambda user: [room for (room,) in self._execute(ROOMS_OF, (user,))],
        )

    def _blocks(self, user: str, author: str) -> bool:
        blocked = "SELECT blocked FROM standing WHERE room = ? AND user = ?"
        return bool(self._execute(blocked, (user, author)).get)

    def _entry(self, seq: int) -> Entry | None:
        columns = "seq, time, kind, user, room, text, key, more, at"
        row = self._execute(f"SELECT {columns} FROM entry WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else of_row(row)

    def _make_topics(self, entry: Entry, topics: Sequence[str]) -> None:
        day = entry.time // DAY_MS
        made = self.facts.topics_made(entry.user, day) + len(topics)
        self._execute("UPDATE account SET day = ?, topics = ? WHERE user = ?", (day, made, entry.user))
        for topic in topics:
            self._execute("INSERT INTO room (name) VALUES (?)", (topic,))

    def _check_of(self, *of: Any) -> bytes | None:
        cursor = Cursor.of_row(self._log_id, *of)
        return None if cursor is None else cursor.check


FOLLOWS = {kind: tuple(map(bound, statements)) for kind, statements in follows.SQL.items()}
TALK = tuple(map(bound, follows.TALK))
