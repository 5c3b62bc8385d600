"""The promises about guests: they are who they are from their coming to their going. Pure."""

from __future__ import annotations

from chatnet.entries import Entry
from chatnet.names import is_guest
from chatnet.testing.evidence import Evidence, Violations
from chatnet.testing.history import Waiting
from chatnet.testing.standing import FAR

_THEIRS = {"nick", "gone", "spelling", "join", "leave", "post"}
"""What a guest does who is here; coming is the other thing."""


def guests_come_and_go(evidence: Evidence) -> Violations:
    """Nothing is a guest's before they came or after they went; no two have one name, and none has that of a
    user, or one that looks like it; they are in topics and conversations alone."""
    here: dict[str, int] = {}
    named: dict[str, str] = {}
    for entry in evidence.log:
        user, kind = entry.user, entry.kind
        comes = {"guest": user, "nick": entry.to}.get(kind, "")
        goes = {"nick": user, "gone": entry.to}.get(kind, "")
        if goes and here.pop(goes, None) is None:
            yield f"the {kind} at {entry.seq} is of {goes}, who was not here"
        if comes:
            if comes in here or comes[:1] != "~":
                yield f"at {entry.seq} a guest came as {comes}, another one's name, or no guest's"
            elif (other := named.get(_at_first_sight(comes[1:]))) is not None:
                yield f"at {entry.seq} a guest came as {comes}, and {other} is a user"
            here[comes] = entry.seq
        elif user[:1] == "~" and not goes:
            if user not in here:
                yield f"the {kind} at {entry.seq} is of the guest {user}, who was not here"
            is_there = kind in ("spelling", "gone") or entry.room[:1] == "#" or "=" in entry.room
            if kind not in _THEIRS or not is_there:
                yield f"the guest {user} did what stands at {entry.seq}, a {kind} in {entry.room}"
        if kind == "register":
            named[_at_first_sight(user)] = user
            if "~" + user in here:
                yield f"{user} was registered at {entry.seq}, while a guest was called so"
        elif kind == "forget":
            named.pop(_at_first_sight(entry.to), None)


def what_waits_for_a_guest_reaches_nobody_else(evidence: Evidence) -> Violations:
    """What a front has read that is for a guest, or about one, is in effect for that guest alone: not for who
    has the nick later, and came behind all that the front knew of the log while it waited."""
    known: dict[tuple[str, bytes], int] = {}
    for event in evidence.events:
        if isinstance(event, Waiting):
            for draft in event.drafts:
                known.setdefault(draft, event.head)
    came: dict[str, int] = {}
    for entry in evidence.log:
        if entry.kind in ("guest", "nick"):
            came[entry.to or entry.user] = entry.seq
            continue
        head = known.get((entry.user, entry.key), FAR)
        for guest in _for_whom(entry):
            if came.get(guest, 0) > head:
                yield (
                    f"the {entry.kind} at {entry.seq} of {entry.user} is for {guest}, who came at "
                    f"{came[guest]}: it waited already when the log was at {head}"
                )


def _for_whom(entry: Entry) -> list[str]:
    """Return which guest an entry is for, or about."""
    others = [side for side in entry.room.split("=") if side != entry.user] if "=" in entry.room else []
    return [name for name in (*others, entry.to) if is_guest(name)]


def _at_first_sight(name: str) -> str:
    """A name as somebody may read it who does not look closely."""
    return name.translate({ord("0"): "o", ord("1"): "l", ord("_"): None, ord("-"): None})
