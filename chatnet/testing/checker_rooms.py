"""The promises about rooms: who may read what, and what is taken back is gone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from chatnet.entries import Entry
from chatnet.errors import Refusal
from chatnet.names import fold_for
from chatnet.testing.evidence import (
    Evidence,
    Violations,
    explains,
    readable_at,
    seqs_of,
    some,
)
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    CursorMoved,
    Event,
    Heard,
    Held,
    HistoryHeard,
    InvitationsRead,
    LoggedIn,
    Lost,
    Message,
    Moved,
    PageRead,
    Refused,
    ReportRead,
    Sent,
    Stopped,
    Took,
)
from chatnet.testing.standing import FAR

LATELY_MS = 10_000
"""How long a policy may be replaced when what it says is done: the store may be away meanwhile."""
TELL_NOTHING = {"NO_SUCH_ROOM", "BAD_TEXT", "BAD_ROOM"}
"""The codes with which what somebody does is refused also where there is no such room."""
SOON_SECONDS = 2.0
"""Seconds in which the primary of a whole cluster does what is due."""


def confidential(evidence: Evidence) -> Violations:
    """Promise 7: nobody is given what they may not see or read, and nobody is told of a private room that
    they were never let into, whatever they try."""
    visible = {user: set(seqs) for user, seqs in evidence.visible.items()}
    for event in evidence.events:
        match event:
            case Took():
                if evidence.entry(event.entry.seq) is None or event.entry.seq not in visible[event.user]:
                    yield f"{event.client} was given what {event.user} may not see: {event.entry.seq}"
            case ChatBegun():
                readable = readable_at(event.user, event.cursor, evidence)
                if wrong := [post.seq for post in event.newest if not readable(post.seq)]:
                    yield f"{event.client} was given what {event.user} may not read: {some(wrong)}"
            case PageRead():
                room, seqs = fold_for(event.room, event.user), seqs_of(event.posts)
                if seqs and seqs not in evidence.standing.stretches(event.user, room, seqs):
                    yield f"{event.client} read what {event.user} may not read in {event.room}: {some(seqs)}"
            case ReportRead():
                report = evidence.entry(event.report)
                is_it = report is not None and report.ref is not None and report.ref.seq == event.post.seq
                if not is_it or not evidence.standing.reads_report(event.user, event.report):
                    yield f"{event.client} read by the report {event.report} what {event.user} may not read"
            case InvitationsRead():
                for room, by in event.rooms:
                    if (by, event.user, room) not in evidence.standing.invited_by:
                        yield f"{event.client} was told of {room} by {by}, who never invited {event.user}"
            case Refused():
                yield from _tells_of_a_room(event, evidence)


def taken_back(evidence: Evidence) -> Violations:
    """Promise 8: no text is given by a process that has followed the log to where it was taken back; in the
    end the store has none."""
    yield from _never_overwritten(evidence)
    known: dict[str, int] = {}
    gone = evidence.standing.taken_back
    for event in evidence.events:
        given: Sequence[Entry | Message] = ()
        match event:
            case LoggedIn() | Lost() | Moved() | Stopped():
                known.pop(event.client, None)
            case CursorMoved():
                known[event.client] = max(known.get(event.client, 0), event.cursor)
            case Took():
                known[event.client] = max(known.get(event.client, 0), event.entry.seq)
                given = [event.entry]
            case ChatBegun():
                known[event.client] = max(known.get(event.client, 0), event.cursor)
                given = event.newest
            case PageRead():
                given = event.posts
            case ReportRead():
                given = [event.post]
            case Heard():
                known[event.client] = max(known.get(event.client, 0), event.message.seq)
                given = [event.message]
            case HistoryHeard():
                given = event.messages
            case Held():
                kept = [seq for seq in event.seqs if gone.get(seq, FAR) <= event.head]
                if kept:
                    yield f"{event.client} has followed to {event.head}, and still holds {some(kept)}"
        for entry in given:
            if entry.text and gone.get(entry.seq, FAR) <= known.get(event.client, 0):
                yield (
                    f"{event.client} was given the text of {entry.seq}, which was taken back at "
                    f"{gone[entry.seq]}, by a worker that had followed to {known[event.client]}"
                )


def posts_are_kept_for_their_time(evidence: Evidence) -> Violations:
    """What is taken back for its age is as old as a policy says, and in the end nothing older is left."""
    kept: dict[str, list[tuple[int, int]]] = {}
    day, slack = evidence.aging.day * 1000, evidence.stepped * 1000
    for entry in evidence.log:
        if entry.kind == "policy" and entry.text.startswith("keep "):
            value = entry.text.removeprefix("keep ")
            days = int(value[:-1]) if value.endswith("d") else 0
            kept.setdefault(entry.room, []).append((entry.time, days))
        elif entry.kind == "expire" and entry.ref is not None:
            last = evidence.entry(entry.ref.seq)
            found = _lately(kept.get(entry.room, []), entry.time - LATELY_MS)
            if last is None or not any(entry.time - last.time >= days * day - slack for days in found):
                yield (
                    f"what was said in {entry.room or 'all rooms'} up to {entry.ref.seq} was taken back at "
                    f"{entry.seq}, and no policy says so"
                )
    if evidence.settled and evidence.ended:
        yield from _left_too_long(kept, evidence)


def _lately(values: Sequence[tuple[int, int]], since: int) -> Iterator[int]:
    """Yield in how many days something was too old at some moment since then."""
    for (_, days), (until, _) in pairwise([*values, (FAR, 0)]):
        if days and until >= since:
            yield days


def _left_too_long(kept: dict[str, list[tuple[int, int]]], evidence: Evidence) -> Violations:
    aging, standing = evidence.aging, evidence.standing
    patience = aging.day + aging.looks + aging.first + aging.mistrust + evidence.stepped + SOON_SECONDS
    for room, values in kept.items():
        days = values[-1][1]
        before = evidence.ended - 1000 * (days * aging.day + patience)
        there = (post for post in evidence.posts if not room or room in standing.places.get(post.seq, ()))
        old = (post for post in there if post.time < before and post.text)
        left = [post.seq for post in old if post.seq not in standing.taken_back]
        if days and left:
            yield f"{some(left)} in {room or 'all rooms'} are older than {days} days, and not taken back"


def comes_not_back(events: Sequence[Event], log: Sequence[Entry], since: float) -> Violations:
    """Promise 8, where a log was put back to an earlier state: a post whose taking back was acknowledged has
    no text in the log afterwards, nor for anybody since then, though it came again."""
    sent: dict[tuple[str, bytes], Sent] = {}
    posts: dict[int, tuple[str, bytes]] = {}
    gone: set[tuple[str, bytes]] = set()
    for event in events:
        given: Sequence[Entry] = ()
        match event:
            case Sent():
                sent[event.user, event.key] = event
            case Acknowledged():
                draft = sent[event.user, event.key]
                if draft.kind == "post":
                    posts[event.seq] = event.user, event.key
                elif draft.kind == "redact" and draft.ref in posts:
                    gone.add(posts[draft.ref])
                elif draft.kind == "purge" and not draft.room:
                    before = (post for seq, post in posts.items() if seq < event.seq)
                    gone.update(post for post in before if post[0] == draft.to)
            case Took():
                given = [event.entry]
            case ChatBegun():
                given = event.newest
            case PageRead():
                given = event.posts
        posts |= {entry.seq: (entry.user, entry.key) for entry in given if entry.kind == "post"}
        for entry in given if event.time > since else ():
            if entry.text and (entry.user, entry.key) in gone:
                yield f"{event.client} was given the text of {entry.seq} again, which was taken back"
    if left := [entry.seq for entry in log if entry.text and (entry.user, entry.key) in gone]:
        yield f"the log that was put back has the texts of {some(left)}, which were taken back"


def _never_overwritten(evidence: Evidence) -> Violations:
    left = [seq for seq in evidence.standing.taken_back if (entry := evidence.entry(seq)) and entry.text]
    if evidence.settled and left:
        yield f"the store still has the texts of {some(sorted(left))}, which were taken back"
    names = evidence.standing.forgotten
    credentials = [it.seq for it in evidence.log if it.user in names and it.text and it.kind in _SECRETS]
    if evidence.settled and credentials:
        yield f"the store still has the secrets of who is forgotten, at {some(credentials)}"


_SECRETS = ("register", "secret", "session")


def _tells_of_a_room(refused: Refused, evidence: Evidence) -> Violations:
    """To who was never let in, a private room is not there, whatever they want to do."""
    draft = evidence.drafts.get((refused.user, refused.key))
    if draft is None or draft.sent.kind == "create" or not draft.sent.room.startswith("&"):
        return
    try:
        room = fold_for(draft.sent.room, refused.user)
    except Refusal:
        return
    let_in = evidence.standing.let_in.get(room, set())
    reasons = evidence.reasons.get((refused.user, refused.key), set()) & TELL_NOTHING
    told = refused.code in TELL_NOTHING or explains(refused.code, reasons)
    if refused.user not in let_in and not told:
        yield f"{draft} was refused by {refused.code}, which tells of {room}"
