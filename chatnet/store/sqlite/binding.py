"""The templates of facts and of what follows, as statements of SQLite with named values."""

from __future__ import annotations

from typing import Any

from chatnet.entries import Draft, Entry, More, other_side
from chatnet.names import named
from chatnet.rules import DAY_MS


def bound(sql: str) -> str:
    """Return a template of :mod:`chatnet.store.facts` or :mod:`chatnet.store.follows` as a statement."""
    names = ["kind", "user", "room", "text", "to", "ref", "ref_check", "now", "day", "until", "seq"]
    names += ["device", "label", "scope", "code"]
    return sql.format(
        **{name: f":{name}" for name in names},
        check="chatnet_check(e.seq, e.user, e.key)",
        contains_room="instr(:topics, ' ' || room || ' ') > 0",
        contains_sides="instr(e.room, '=') > 0",
        rooms_of_code="""json_each('["' || replace(code.room, ' ', '","') || '"]') AS its""",
    )


_NOTHING = More()


def values(of: Draft | Entry, now: int) -> dict[str, Any]:
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
