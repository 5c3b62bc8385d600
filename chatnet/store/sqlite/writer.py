"""The tables, as their one writer uses them: it checks drafts and commits them, a batch per transaction.

Everything here runs in the writer's thread.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import apsw
import msgspec

from chatnet.cursor import Cursor
from chatnet.entries import (
    Draft,
    Entry,
    More,
    blanked,
    heard_at,
    mentions,
    of_row,
    other_side,
    packed_more,
    places,
    settled,
)
from chatnet.errors import EpochLost, KeyReused, Poison, Refusal
from chatnet.form import check_form
from chatnet.kinds import SAID, own_level
from chatnet.log import Outcome, Refused
from chatnet.names import named
from chatnet.policies import POLICIES
from chatnet.rules import DAY_MS, Author, judge
from chatnet.store import facts, follows
from chatnet.store.erased import REDACTS
from chatnet.store.pages import OPEN
from chatnet.store.refusals import content, is_kept, lasts, refused
from chatnet.store.sqlite.blanking import Covered, overwrite

T = TypeVar("T")

_KNOWN_USERS = 100_000
"""Of how many users something is remembered; beyond that all are forgotten, and looked up again."""


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


class ListRefuses(DiskRefuses):
    """What is taken back cannot be written down: it would come back with a backup."""

    why = "The list of what was taken back, “erased” in the data directory, cannot be written"
    until = "it can: it has to be a file of the user who runs this"
    over = "The list of what was taken back can be written again; posts are stored as usual"


class DiskReadOnly(DiskRefuses):
    why = "The file system of the log is read-only"
    until = "it takes writes"
    over = "The file system of the log takes writes again; posts are stored as usual"


@dataclass(slots=True)
class Batch:
    """What a commit did: an outcome for each draft, the new entries, and the drafts that broke our code.

    ``erases``: a text was taken back that the store's files may still have.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    poisoned: list[tuple[Draft, Exception]] = field(default_factory=list)
    erases: bool = False


class Writer:
    """The writer's side of the store, in one ``epoch``.

    ``time`` is the newest entry's, ``head`` its seq, and ``level`` the log's. The process that appends
    understands ``own_level``: its program's, if none is given.
    """

    def __init__(self, connection: apsw.Connection, epoch: int, own: int | None = None) -> None:
        self.own_level = own_level() if own is None else own
        self._connection = connection
        self._changes = connection.changes
        self._execute = connection.cursor().execute
        self._epoch = epoch
        self.head: int = self._execute("SELECT head FROM log").get
        self.time: int = self._execute("SELECT time FROM entry WHERE seq = ?", (self.head,)).get or 0
        self.level: int = self._execute("SELECT level FROM log").get
        self._log_id: str = self._execute("SELECT id FROM log").get
        self._users: dict[str, Known] = {}
        self._talks: dict[str, None] = {}  # conversations that were begun
        self._direct = ""  # the policy of this name; empty if it has to be looked up
        self._write_list: Callable[[list[Entry]], int] | None = None
        self._takes_back = False  # the batch under way does
        # Posts that were taken back, and are not in the log, which was put back to before them.
        self._erased: set[tuple[str, bytes]] = set(self._execute("SELECT user, key FROM erased"))
        connection.create_scalar_function("chatnet_check", self._check_of, 3, deterministic=True)

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
            done = overwrite(self._execute, found, seconds)
            self._execute("COMMIT")
            return done

        return self._all_or_nothing(run)

    def keep_list(self, write: Callable[[list[Entry]], int]) -> None:
        """Have ``write`` write down what entries take back, from now on, before they are committed; it
        returns how long the list is then."""
        self._write_list = write

    def list_is(self, size: int) -> None:
        """Remember that the list of what was taken back has ``size`` bytes, all of which the log follows.

        :raises DiskRefuses, EpochLost, apsw.Error: as :meth:`commit`.
        """

        def run() -> None:
            self._begin()
            self._execute("UPDATE log SET erased = ?", (size,))
            self._execute("COMMIT")

        self._all_or_nothing(run)

    def await_again(self, posts: Sequence[tuple[str, bytes]], names: Sequence[str]) -> None:
        """Take posts that come again, by user and key, without their texts, and let nobody have the names.

        :raises DiskRefuses, EpochLost, apsw.Error: as :meth:`commit`.
        """

        def run() -> None:
            self._begin()
            for user, key in posts:
                self._execute(
                    "INSERT INTO erased (user, key) VALUES (?, ?) ON CONFLICT DO NOTHING", (user, key)
                )
            for name in names:
                self._execute(
                    "INSERT INTO forgotten (user, seq) VALUES (?, 0) ON CONFLICT DO NOTHING", (name,)
                )
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
        self._next = head + 1
        self._takes_back = False
        for draft in drafts:
            apply(draft, now, batch)
        if batch.entries:
            execute("UPDATE log SET head = ?", (self._next - 1,))
        if self._takes_back:
            self._write_down(batch)
        execute("COMMIT")
        if batch.entries:
            self.head, self.time = self._next - 1, now
        return batch

    def _write_down(self, batch: Batch) -> None:
        """Write down what the batch takes back, before it is committed: the list is never behind the log."""
        taking = [entry for entry in batch.entries if entry.kind in REDACTS]
        batch.erases = batch.erases or any(entry.kind == "redact" for entry in taking)
        if taking and self._write_list is not None:
            try:
                size = self._write_list(taking)
            except OSError as error:
                raise _refusal_of(error) from error
            self._execute("UPDATE log SET erased = ?", (size,))

    def _begin(self) -> int:
        """Begin a transaction; return the head."""
        self._execute("BEGIN IMMEDIATE")
        epoch, head, self.level = next(self._execute("SELECT epoch, head, level FROM log"))
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
            self.level = self._execute("SELECT level FROM log").get
            batch.poisoned.append((draft, error))
            batch.outcomes.append(Refused.of(Poison.of()))
        self._execute("RELEASE draft")

    def _forget_all(self) -> None:
        """Forget what was remembered: it may not be so any more."""
        self._users.clear()
        self._talks.clear()
        self._direct = ""

    def _apply(self, draft: Draft, now: int, batch: Batch) -> None:
        """Insert one draft's entry, and what follows from it; or find its old seq; or refuse it."""
        kind, user, room, text, key = draft.kind, draft.user, draft.room, draft.text, draft.key
        try:
            check_form(draft)
        except Refusal as no:
            batch.outcomes.append(Refused.of(no))
            return
        known = self._users.get(user) or self._known(user)
        kept = is_kept(draft, known.is_ordered)
        if kept and (before := self._refused(draft)):
            batch.outcomes.append(before)
            return
        seq, more = self._next, draft.more
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
            topics = judge(draft, self, now)
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
            self._index(entry)
        else:
            self._follow(entry)
        if statements := FOLLOWS[kind]:
            self._execute_all(statements, entry)
        if stored is not text:
            entry = blanked(entry)
            self._execute("UPDATE entry SET at = ? WHERE seq = ?", (" ".join(entry.at), seq))
        batch.outcomes.append(seq)
        batch.entries.append(entry)
        self._next = seq + 1

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
        if is_same or (not text and draft.text and kind == draft.kind and self._is_blank(draft, seq, at)):
            return int(seq)
        return Refused.of(KeyReused.of())

    def _is_blank(self, draft: Draft, seq: int, at: str | None) -> bool:
        if draft.kind in SAID:
            return bool(at)
        blanking = "SELECT 1 FROM blanking WHERE user = ? AND upto >= ?"
        return bool(self._execute(blanking, (draft.user, seq)).get)

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

    def _index(self, entry: Entry) -> None:
        """Write down where something is said, and whom it names."""
        room, text, seq = entry.room, entry.text, entry.seq
        for place in entry.at or places(entry.user, room, text):
            self._execute("INSERT INTO place (name, seq) VALUES (?, ?)", (place, seq))
        if "@" in text:
            for user in mentions(entry):
                self._execute("INSERT INTO mention (user, room, seq) VALUES (?, ?, ?)", (user, room, seq))
        if "=" in room and room not in self._talks:
            self._begin_talk(entry)

    def _follow(self, entry: Entry) -> None:
        """Write down where an entry is heard that is not said, and what it changes here."""
        kind = entry.kind
        for place in heard_at(entry):
            self._execute("INSERT INTO event (name, seq) VALUES (?, ?)", (place, entry.seq))
        if kind in ACCOUNTS:
            self._users.pop(entry.user, None)
            self._users.pop(entry.to, None)
        if kind in REDACTS:
            self._takes_back = True
        if kind == "level":
            self.level = int(entry.text)
        elif kind == "redact":
            self._blank(entry)
        elif kind == "policy":
            self._direct = ""

    def _begin_talk(self, entry: Entry) -> None:
        self._execute_all(TALK, entry)
        if len(self._talks) >= _KNOWN_USERS:
            self._talks.clear()
        self._talks[entry.room] = None

    def _execute_all(self, statements: Sequence[str], entry: Entry) -> None:
        values = _values(entry, entry.time)
        values["seq"] = entry.seq
        for statement in statements:
            self._execute(statement, values)

    def _blank(self, entry: Entry) -> None:
        """Take away the text of the post to which the entry refers; its places stay, written out."""
        target = None if entry.ref is None else self._entry(entry.ref.seq)
        if target is not None:
            at = " ".join(blanked(target).at)
            self._execute("UPDATE entry SET text = '', at = ? WHERE seq = ?", (at, target.seq))

    def _settled(self, draft: Draft) -> tuple[str, ...]:
        target = None if draft.ref is None else self._entry(draft.ref.seq)
        blocks = "SELECT blocked FROM standing WHERE room = ? AND user = ?"
        reported = "SELECT 1 FROM reported WHERE seq = ?"
        return settled(
            draft,
            target,
            lambda user: bool(self._execute(blocks, (user, draft.user)).get),
            lambda seq: bool(self._execute(reported, (seq,)).get),
        )

    def _entry(self, seq: int) -> Entry | None:
        columns = "seq, time, kind, user, room, text, key, more, at"
        row = self._execute(f"SELECT {columns} FROM entry WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else of_row(row)

    def _make_topics(self, entry: Entry, topics: Sequence[str]) -> None:
        day = entry.time // DAY_MS
        made = self.topics_made(entry.user, day) + len(topics)
        self._execute("UPDATE account SET day = ?, topics = ? WHERE user = ?", (day, made, entry.user))
        for topic in topics:
            self._execute("INSERT INTO room (name) VALUES (?)", (topic,))

    # ---- the facts that decide about drafts: see chatnet.rules.Facts ----

    def author(self, user: str) -> Author | None:
        return (self._users.get(user) or self._known(user)).author

    def is_forgotten(self, user: str) -> bool:
        return bool(self._execute("SELECT 1 FROM forgotten WHERE user = ?", (user,)).get)

    def is_disabled(self, user: str) -> bool:
        disabled = "SELECT disabled FROM standing WHERE room = '' AND user = ?"
        return bool(self._execute(disabled, (user,)).get)

    def is_barred(self, user: str, now: int) -> bool:
        barred = "SELECT 1 FROM standing WHERE room = '' AND user = ? AND banned > ?"
        return bool(self._execute(barred, (user, now)).get)

    def holds(self, fact: str, draft: Draft, now: int) -> bool:
        if fact == "newcomer":
            return self._known(draft.user).fresh > now
        if fact == "to_known":
            return self.author(draft.to) is not None
        if fact == "member":
            return bool(self._execute(MEMBER, (draft.user, draft.room)).get)
        if fact == "direct_off" and self._direct_policy() == "all":
            return False
        if fact == "blocked" and not self._known(draft.user).is_blocked:
            return False
        values = _values(draft, now)
        if values["ref"] >= self._next:  # its own row is there already, and nothing may refer to itself
            values["ref"] = OPEN
        return bool(self._execute(HOLDS[fact], values).get)

    def _direct_policy(self) -> str:
        if not self._direct:
            direct = "SELECT value FROM policy WHERE room = '' AND name = 'direct'"
            self._direct = self._execute(direct).get or POLICIES["direct"].default
        return self._direct

    def has_topic(self, topic: str) -> bool:
        return bool(self._execute("SELECT 1 FROM room WHERE name = ?", (topic,)).get)

    def topics_made(self, user: str, day: int) -> int:
        its_day, made = next(self._execute("SELECT day, topics FROM account WHERE user = ?", (user,)))
        return int(made) if its_day == day else 0

    def _known(self, user: str) -> Known:
        """Return what each draft of a user asks for first; remembered until it may change."""
        if user in self._users:
            return self._users[user]
        account = self._execute(
            "SELECT secret_seq, credential <> '', fresh FROM account WHERE user = ?", (user,)
        ).fetchone()
        ordered, blocked = next(
            self._execute("SELECT max(ordered), max(blocked) FROM standing WHERE user = ?", (user,))
        )
        sessions = self._execute("SELECT seq, scope FROM session WHERE user = ?", (user,))
        scopes: dict[int, str] = dict(sessions)
        author = None if account is None else Author(account[0], bool(account[1]), bool(ordered), scopes)
        fresh = 0 if account is None else account[2]
        if len(self._users) >= _KNOWN_USERS:
            self._users.clear()
        known = self._users[user] = Known(author, bool(ordered), bool(blocked), fresh)
        return known

    def _check_of(self, *of: Any) -> bytes | None:
        cursor = Cursor.of_row(self._log_id, *of)
        return None if cursor is None else cursor.check


class Known(NamedTuple):
    """Of a user: what each draft of theirs asks for (None: there is no such user), and whether anybody ever
    banned or muted them, and blocks them; and until when they are a newcomer."""

    author: Author | None
    is_ordered: bool
    is_blocked: bool
    fresh: int


ACCOUNTS = frozenset({"register", "secret", "session", "revoke", "ban", "mute", "block", "disable", "forget"})
"""The kinds that change what is remembered of users."""


def _bound(sql: str) -> str:
    """Return a template of facts or of what follows as a statement with named values."""
    names = ["kind", "user", "room", "text", "to", "ref", "ref_check", "now", "day", "until", "seq"]
    names += ["device", "label", "scope", "code"]
    return sql.format(
        **{name: f":{name}" for name in names},
        check="chatnet_check(e.seq, e.user, e.key)",
        contains_room="instr(:topics, ' ' || room || ' ') > 0",
        contains_sides="instr(e.room, '=') > 0",
    )


HOLDS = {fact: f"SELECT {_bound(sql)}" for fact, sql in facts.SQL.items()}
FOLLOWS = {kind: tuple(map(_bound, statements)) for kind, statements in follows.SQL.items()}
MEMBER = f"SELECT 1 FROM membership WHERE user = ? AND left = {OPEN} AND room = ?"
"""The fact of this name, which most posts in a room ask for."""
TALK = tuple(map(_bound, follows.TALK))


_NOTHING = More()


def _values(of: Draft | Entry, now: int) -> dict[str, Any]:
    """Return the values of a draft or entry by the names that facts and statements use."""
    more = of.more or _NOTHING
    ref = more.ref
    topics = named(of.text) if "#" in of.text else ()
    return {
        "kind": of.kind,
        "user": of.user,
        "room": of.room,
        "text": of.text,
        "to": of.to or other_side(of.room, of.user),
        "ref": 0 if ref is None else ref.seq,
        "ref_check": b"" if ref is None else ref.check,
        "now": now,
        "day": now // DAY_MS,
        "until": more.until,
        "device": more.device,
        "label": more.label,
        "scope": more.scope,
        "code": more.code,
        "topics": f" {' '.join(topics)} ",
    }


def _refusal_of(error: OSError) -> DiskRefuses:
    """Return why the list of what was taken back is not written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(str(error))
    return (DiskReadOnly if error.errno == errno.EROFS else ListRefuses)(str(error))


def is_disk_full(error: BaseException, connection: apsw.Connection) -> bool:
    if isinstance(error, (apsw.IOError, apsw.CantOpenError)):
        return connection.system_errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, apsw.FullError)
