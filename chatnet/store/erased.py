"""What was taken back, by what a store says of itself, and how it is taken back again in one that was put
back to an earlier state: in SQL that both kinds of stores understand. See :mod:`chatnet.erased`. Pure.

What is taken back again is taken back by an entry of the cluster's own: then all who follow the log are told.
An erasure whose post is not in the log yet waits, in the table ``erased``, for the draft to come again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from chatnet.blanking import Blanking
from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More, Ref, of_row
from chatnet.erased import Erasure
from chatnet.errors import NoSuchPost, NoSuchUser, NotThere
from chatnet.kinds import CLUSTER, SAID
from chatnet.log import Outcome, Refused
from chatnet.names import is_guest, is_private
from chatnet.rules import DAY_MS
from chatnet.store.blanking import Ask, last_before
from chatnet.store.pages import OPEN

REDACTS = frozenset({"redact", "forget", "purge", "expire"})
"""The kinds of entries that take something back."""

AGAIN_MS = 7 * DAY_MS
"""Posts that were so old when they were purged are not in the list by their keys: no client still waits to
be answered, and sends them again. The list would grow with all that was ever said."""

_NOTHING_THERE = {
    "redact": (NoSuchPost.code,),
    "forget": (NoSuchUser.code,),
    "purge": (NoSuchUser.code, NotThere.code),
}
"""Refusals of what takes back again, by its kind, which say that this log has nothing of it: it never had, or
another of the same batch takes it back already."""

AWAIT = 'INSERT INTO erased ("user", key) VALUES (%s, %s) ON CONFLICT DO NOTHING'
"""Has a post wait for its draft: its user and key."""
KEEP_NAME = 'INSERT INTO forgotten ("user", seq) VALUES (%s, 0) ON CONFLICT DO NOTHING'
"""Lets nobody have a name."""
_COLUMNS = 'seq, time, kind, "user", room, text, key, more, at'
_AT = f"SELECT {_COLUMNS} FROM entry WHERE seq = %s"
_BY_KEY = f'SELECT {_COLUMNS} FROM entry WHERE "user" = %s AND key = %s'
_REDACTIONS = f"SELECT {_COLUMNS} FROM entry WHERE kind = 'redact' ORDER BY seq"
_WAITING = 'SELECT "user", key FROM erased ORDER BY "user", key'
_FORGOTTEN = 'SELECT "user" FROM forgotten ORDER BY seq, "user"'
_TOGETHER = 'SELECT "user", room, upto, seq FROM blanking WHERE whole = 0 ORDER BY seq'
_IS_FORGOTTEN = 'SELECT 1 FROM forgotten WHERE "user" = %s'
_IS_THERE = 'SELECT 1 FROM account WHERE "user" = %s'
_EVER_THERE = f"""SELECT 1 FROM standing WHERE "user" = %s AND room = %s
    UNION ALL SELECT 1 FROM membership WHERE "user" = %s AND "left" = {OPEN} AND room = %s"""
_UPTO = """SELECT upto FROM blanking WHERE "user" = %s AND room = %s"""
_OF_PURGED = f"""SELECT {_COLUMNS} FROM entry WHERE seq > %s AND seq <= %s
    AND "user" IN (SELECT "user" FROM blanking WHERE whole = 0) ORDER BY seq"""


def erasure_of(entry: Entry, ask: Ask) -> Erasure | None:
    """Return what an entry of :data:`REDACTS` takes back; None if that is nothing."""
    target = None if entry.ref is None else _at(ask, entry.ref.seq)
    match entry.kind:
        case "forget":
            return Erasure("forget", entry.to)
        case "purge":  # one that was repeated says up to which entry
            return Erasure("purge", entry.to, entry.room, time=(target or entry).time)
        case "redact" if target is not None:
            return Erasure("redact", target.user, key=target.key)
        case "expire" if target is not None:
            return Erasure("expire", room=entry.room, time=target.time)
    return None


def erasures_in(ask: Ask) -> Iterator[Erasure]:
    """Yield all that was taken back in a store, by what it has: reads all its entries once."""
    for row in ask(_REDACTIONS):
        erasure = erasure_of(of_row(row), ask)
        if erasure is not None:
            yield erasure
    for user, key in ask(_WAITING):
        yield Erasure("redact", user, key=key)
    for (user,) in ask(_FORGOTTEN):
        yield Erasure("forget", user)
    purges: dict[str, list[tuple[Blanking, int]]] = {}
    for user, room, upto, seq in ask(_TOGETHER):
        last = _at(ask, upto)
        if last is not None:
            yield Erasure("purge" if user else "expire", user, room, time=last.time)
            if user:
                purges.setdefault(user, []).append((Blanking(user, room, upto, seq), last.time))
    if purges:
        since = last_before(ask, min(time for all_of in purges.values() for _, time in all_of) - AGAIN_MS)
        upto = max(blanking.upto for all_of in purges.values() for blanking, _ in all_of)
        for post in map(of_row, ask(_OF_PURGED, since, upto)):
            for blanking, time in purges.get(post.user, ()):
                yield from purged(blanking, time, [post])


def purged(blanking: Blanking, time: int, posts: Iterable[Entry]) -> Iterator[Erasure]:
    """Yield which of the ``posts`` that a purge at that ``time`` took may come again."""
    for post in posts:
        if blanking.covers(post) and post.kind in SAID and time - post.time <= AGAIN_MS:
            yield Erasure("purged", post.user, key=post.key, time=time)


@dataclass
class Again:
    """What takes erasures back again: ``drafts`` of the cluster's own; the users and keys of posts that are
    to be ``awaited``; and the ``names`` of those who were forgotten, and whom this log does not know: nobody
    may get them."""

    drafts: list[Draft] = field(default_factory=list)
    awaited: list[tuple[str, bytes]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def again(log_id: str, erasures: Iterable[Erasure], ask: Ask) -> Again:
    """Return what takes back again what the log with this id does not say is taken back."""
    found = Again()
    for erasure in _latest(erasures):
        match erasure.kind:
            case "redact" | "purged":
                _redact(log_id, erasure, ask, found)
            case "forget":
                _forget(log_id, erasure, ask, found)
            case "purge":
                _purge(log_id, erasure, ask, found)
            case "expire":
                _expire(log_id, erasure, ask, found)
    return found


def _latest(erasures: Iterable[Erasure]) -> Iterator[Erasure]:
    """Yield each once, and of those that take back up to a time the latest, in place of all of them."""
    found: dict[tuple[object, ...], Erasure] = {}
    for erasure in erasures:
        about = erasure if erasure.kind in ("redact", "purged") else erasure[:3]
        before = found.get(about)
        if before is None or before.time < erasure.time:
            found[about] = erasure
    return iter(found.values())


def untaken(drafts: Sequence[Draft], outcomes: Sequence[Outcome]) -> list[tuple[Draft, Refused]]:
    """Return what of :attr:`Again.drafts` was refused, although the log may have what it takes back."""
    return [
        (draft, outcome)
        for draft, outcome in zip(drafts, outcomes, strict=True)
        if isinstance(outcome, Refused) and outcome.code not in _NOTHING_THERE.get(draft.kind, ())
    ]


def _redact(log_id: str, erasure: Erasure, ask: Ask, found: Again) -> None:
    row = next(ask(_BY_KEY, erasure.user, erasure.key), None)
    if row is None:
        found.awaited.append((erasure.user, erasure.key))
        return
    target = of_row(row)
    # The purge itself takes what was said before it; what was sent again afterwards is there by itself.
    is_late = erasure.kind == "redact" or target.time > erasure.time
    if target.kind in SAID and target.text and is_late:
        found.drafts.append(_draft(log_id, erasure, CLUSTER, More(ref=_ref(log_id, target)), ask))


def _forget(log_id: str, erasure: Erasure, ask: Ask, found: Again) -> None:
    if _is(ask, _IS_FORGOTTEN, erasure.user):
        return
    if _is(ask, _IS_THERE, erasure.user):
        found.drafts.append(_draft(log_id, erasure, "", More(to=erasure.user), ask))
    else:
        found.names.append(erasure.user)


def _purge(log_id: str, erasure: Erasure, ask: Ask, found: Again) -> None:
    last = _last_untaken(erasure, ask)
    if last is None or not (is_guest(erasure.user) or _is(ask, _IS_THERE, erasure.user)):
        return
    # Of who had not come to a private room yet there is nothing in it; as a refusal that would be kept.
    if not is_private(erasure.room) or _is(ask, _EVER_THERE, *(erasure.user, erasure.room) * 2):
        more = More(to=erasure.user, ref=_ref(log_id, last))
        found.drafts.append(_draft(log_id, erasure, erasure.room, more, ask))


def _expire(log_id: str, erasure: Erasure, ask: Ask, found: Again) -> None:
    last = _last_untaken(erasure, ask)
    if last is not None:
        found.drafts.append(_draft(log_id, erasure, erasure.room, More(ref=_ref(log_id, last)), ask))


def _last_untaken(erasure: Erasure, ask: Ask) -> Entry | None:
    """Return the last entry that the erasure covers by its time, so that nothing newer goes with it; None if
    the log says that it is taken back.

    What a log has from the very millisecond of its own purge may be newer than that.
    """
    (done,) = next(ask(_UPTO, erasure.user, erasure.room), (0,))
    if erasure.kind == "purge" and done and last_before(ask, erasure.time) <= done:
        return None
    last = _at(ask, last_before(ask, erasure.time + 1))
    return last if last is not None and last.seq > done else None


def _ref(log_id: str, entry: Entry) -> Ref:
    return Ref(entry.seq, Cursor.at(log_id, entry).check)


def _draft(log_id: str, erasure: Erasure, room: str, more: More, ask: Ask) -> Draft:
    """Return a draft whose key follows from what it does: done twice, it is one entry. It follows from the
    log's level, too: a refusal of what is above that would be kept."""
    seq = "" if more.ref is None else str(more.ref.seq)
    (level,) = next(ask("SELECT level FROM log"))
    key = hashlib.sha256(f"{log_id} {level} {erasure} {seq}".encode()).digest()[:16]
    kind = "redact" if erasure.kind == "purged" else erasure.kind
    return Draft(kind, CLUSTER, room, "", key, 0, more)


def _at(ask: Ask, seq: int) -> Entry | None:
    row = next(ask(_AT, seq), None)
    return None if row is None else of_row(row)


def _is(ask: Ask, sql: str, *values: str) -> bool:
    return next(ask(sql, *values), None) is not None
