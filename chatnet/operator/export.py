"""``chatnet user export``: everything that a store keeps of one user, as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from chatnet.blanking import Blankings, emptied
from chatnet.entries import Entry, moderators_of, of_row
from chatnet.errors import CannotStart
from chatnet.kinds import HIDDEN, KINDS, Heard
from chatnet.operator.source import Source, blankings_of, head_of, open_source, read
from chatnet.rules import ROLES
from chatnet.store.blanking import LEFT, ROOMS
from chatnet.store.pages import OPEN
from chatnet.store.sqlite.marks import MARKS
from chatnet.world import World

SPAN = 20_000
"""How many entries are looked through in one read: no transaction is held for longer."""
_ENTRIES = """
    SELECT seq, time, kind, "user", room, text, key, more, at FROM entry
    WHERE seq > %s AND seq <= %s AND ("user" = %s OR more IS NOT NULL) ORDER BY seq
"""
FOR_EVER = "for ever"
"""What stands where a time does, of what has no end."""
_MODERATORS = moderators_of("")
"""How a place begins at which moderators listen, and which is no room."""
_STANDING = 'SELECT room, role, invited, banned, muted FROM standing WHERE "user" = %s ORDER BY room'


def export(user: str, data: Path, url: str, world: World) -> None:
    """Print what the store at ``url``, or else the one in ``data``, keeps of a user, whose name is in its one
    spelling. Blocks; a cluster may run meanwhile.

    Secrets are left out: what is kept of one serves to check it, and nothing else; and so is who blocks them.

    :raises CannotStart: there is no such user, or the store cannot be read.
    """
    source = open_source(None, data, url, world)
    with read(source):
        if not list(source.ask('SELECT 1 FROM account WHERE "user" = %s', user)):
            raise CannotStart(f"There is no user {user}.")
        for line in _lines(user, source):
            world.stdio.say(json.dumps(line))
        for room, seq in _marks(user, source, data, url):
            world.stdio.say(json.dumps({"is": "mark", "room": room, "read_up_to": seq}))


def _lines(user: str, source: Source) -> Iterator[dict[str, Any]]:
    asked = f'SELECT registered, {ROOMS} FROM account WHERE "user" = %s'
    for registered, rooms in source.ask(asked, user):
        yield {"is": "account", "name": user, "registered_at_seq": registered, "rooms": rooms}
    stays = f'SELECT room, joined, {LEFT} FROM membership WHERE "user" = %s ORDER BY joined'
    for room, joined, left in list(source.ask(stays, user)):
        what = "moderation" if room.startswith(_MODERATORS) else "membership"
        where = room.removeprefix(_MODERATORS)
        yield {"is": what, "room": where, "since_seq": joined, "until_seq": _ended(left)}
    for room, role, invited, banned, muted in list(source.ask(_STANDING, user)):
        times = {"invited": invited, "banned": banned, "muted": muted}
        until = {f"{what}_until": moment(at) for what, at in times.items() if at}
        if role or until:
            yield {"is": "standing", "room": room, "role": ROLES[role], **until}
    blocks = 'SELECT "user" FROM standing WHERE room = %s AND blocked = 1 ORDER BY "user"'
    for (blocked,) in list(source.ask(blocks, user)):
        yield {"is": "block", "of": blocked}
    sessions = 'SELECT seq, label, scope FROM session WHERE "user" = %s ORDER BY seq'
    for seq, label, scope in list(source.ask(sessions, user)):
        yield {"is": "session", "since_seq": seq, "label": label, "scope": scope}
    for (room,) in list(source.ask('SELECT room FROM talk WHERE "user" = %s ORDER BY room', user)):
        yield {"is": "conversation", "room": room}
    tallies = 'SELECT kind, day, count FROM tally WHERE "user" = %s ORDER BY kind'
    for kind, day, count in list(source.ask(tallies, user)):
        yield {"is": "tally", "kind": kind, "day": day, "count": count}
    for (awaited,) in source.ask('SELECT count(*) FROM erased WHERE "user" = %s', user):
        if awaited:  # posts that were taken back in a log that was put back to before them
            yield {"is": "erased", "count": awaited}
    for (refusals,) in source.ask('SELECT count(*) FROM refusal WHERE "user" = %s', user):
        yield {"is": "refusals", "count": refusals}
    for entry in _entries(user, source):
        yield _told(entry)


def _entries(user: str, source: Source) -> Iterator[Entry]:
    """Yield what the user did, and what others did about them, but what is hidden from them."""
    head = head_of(source) or 0
    for after in range(0, head, SPAN):
        rows = [of_row(row) for row in source.ask(_ENTRIES, after, min(head, after + SPAN), user)]
        gone: Blankings = blankings_of(source)
        for entry in rows:
            if entry.user == user or (entry.to == user and not _is_hidden(entry)):
                yield emptied(entry) if gone.cover(entry) else entry


def _is_hidden(entry: Entry) -> bool:
    """Return whether this is its author's own affair, as who blocks whom is: whom it is about is not told,
    and the export is often handed to them."""
    kind = KINDS.get(entry.kind)
    return kind is not None and kind.heard == (Heard.AUTHOR,)


def _told(entry: Entry) -> dict[str, Any]:
    kind = KINDS.get(entry.kind)
    said: dict[str, Any] = {
        "is": "entry",
        "seq": entry.seq,
        "time": moment(entry.time),
        "kind": entry.kind,
        "by": entry.user,
        "room": entry.room,
    }
    if kind is not None and kind.text not in HIDDEN:
        said["text"] = entry.text
    more = entry.more
    if more is None:
        return said
    if more.ref is not None:
        said["ref"] = more.ref.seq
    beside = {
        "to": more.to,
        "form": more.form,
        "reacts": more.reacts,
        "device": more.device,
        "label": more.label,
        "scope": more.scope,
    }
    if more.until:
        said["until"] = moment(more.until)
    return said | {name: value for name, value in beside.items() if value}


def _marks(user: str, source: Source, data: Path, url: str) -> list[tuple[str, int]]:
    asked = 'SELECT room, seq FROM mark WHERE "user" = %s ORDER BY room'
    if url:
        return [(room, seq) for room, seq in source.ask(asked, user)]
    path = data / MARKS
    if not path.exists():
        return []
    # It may have a WAL, which is read only by who may write.
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as marks:
        marks.set_busy_timeout(5_000)
        return [(room, seq) for room, seq in marks.execute(asked.replace("%s", "?"), (user,))]


def _ended(left: int) -> int | None:
    return None if left == OPEN else left


def moment(ms: int) -> str:
    """Return a time as it is written for programs, in UTC."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):  # who bans somebody may say any end
        return FOR_EVER
