"""The promises about the log: what is acknowledged is in it once, in order, and heard without a gap. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice, pairwise

import msgspec
from msgspec.structs import replace

from chatnet.entries import Entry, More
from chatnet.kinds import KINDS, Text
from chatnet.names import fold_for
from chatnet.reads import NEWEST
from chatnet.testing.evidence import (
    OF_OPERATORS,
    OF_THE_CLUSTER,
    Evidence,
    Reading,
    SentDraft,
    Violations,
    explains,
    readable_at,
    seqs_of,
    shown,
    some,
)
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    EpochBegun,
    EpochEnded,
    LeaseExpired,
    LeaseLost,
    LeaseTaken,
    MarksRead,
    MarkTold,
    PageRead,
    ReportRead,
    Sample,
    Sent,
    Told,
    Took,
)
from chatnet.testing.standing import FAR

PUT_BACK = "The log was put back"
"""How the sentences begin with which somebody is told so."""
LARGE = 7_000
"""This many bytes may be too many for one page, in a run with small pages: then fewer newest posts."""


def durable(evidence: Evidence) -> Violations:
    """Promise 1: what was acknowledged, or seen, is in the log unchanged; nothing else is there."""
    yield from _not_dense(evidence.log)
    yield from _acknowledged_and_gone(evidence)
    yield from _seen_and_gone(evidence)
    yield from _of_nobody(evidence)


def exactly_once(evidence: Evidence) -> Violations:
    """Promise 2: each draft is in the log once, or refused for a good reason; each post is delivered once."""
    for (user, key), entries in evidence.by_key.items():
        if len(entries) > 1:
            seqs = ", ".join(str(entry.seq) for entry in entries)
            yield f"the key {shown(key)} of {user} is in the log more than once: at {seqs}"
    for place, draft in evidence.drafts.items():
        if len(set(draft.seqs)) > 1:
            yield f"{draft} was acknowledged at different seqs: {draft.seqs}"
        if draft.codes and (there := evidence.by_key.get(place)):
            yield f"{draft} was refused ({draft.codes[0]}), and is in the log at {there[0].seq}"
        if draft.codes and draft.seqs:
            yield f"{draft} was both acknowledged and refused ({draft.codes[0]})"
        is_open = evidence.settled and draft.sent.client not in evidence.stopped
        if is_open and not draft.codes and not draft.seqs:
            yield f"{draft}, sent at {draft.sent.time:.3f}, was never answered"
    yield from _wrongly_refused(evidence)
    for reading in evidence.readings:
        for seq in reading.repeated:
            yield f"{reading} was given {seq} again"


def one_order(evidence: Evidence) -> Violations:
    """Promise 3: all readers see rising seqs; a client's drafts are in the log in the order it sent them.

    A draft sent after its client was told of an entry comes after that entry.
    """
    for before, after in pairwise(evidence.log):
        if after.time < before.time:
            yield f"the entry {after.seq} is older than the one before it"
    for reading in evidence.readings:
        seqs = [entry.seq for entry in reading.took]
        for first, second in pairwise([reading.begun.cursor, *seqs]):
            if second <= first:
                yield f"{reading} was given {second} after {first}"
    for event in evidence.events:
        if isinstance(event, ChatBegun | PageRead):
            posts = event.newest if isinstance(event, ChatBegun) else event.posts
            if not _rises(posts):
                yield f"{event.client} was given a page out of order: {seqs_of(posts)}"
    for client, drafts in evidence.drafts_of_clients.items():
        yield from _out_of_order(client, drafts, evidence)


def no_gaps(evidence: Evidence) -> Violations:
    """Promise 4: each reader got every visible post after the cursor at which it began, and no other post.

    The beginning of a chat, and pages of history, have no gap either. Nobody has to begin anew, as where a
    log was put back.
    """
    for reading in evidence.readings:
        yield from _gaps(reading, evidence)
        yield from _wrong_newest(reading.begun, evidence)
    for event in evidence.events:
        if isinstance(event, PageRead):
            yield from _wrong_page(event, evidence)
        if isinstance(event, Told) and event.sentence.startswith(PUT_BACK):
            yield f"{event.client} was told at {event.time:.3f} that the log was put back, and it was not"


def bounded_memory(evidence: Evidence) -> Violations:
    """Promise 5: no process kept more in memory than it may."""
    for event in evidence.events:
        if isinstance(event, Sample) and event.value > event.most:
            yield (
                f"{event.client} had {event.value:,} {event.measure} at {event.time:.3f}, "
                f"and may have {event.most:,}"
            )


def no_split_brain(evidence: Evidence) -> Violations:
    """Promise 6: one master at a time holds the lease; only it commands, each in a higher epoch.

    A lease that expires is not taken from a master that still commands with it.
    """
    holder, commander, epoch = "", "", 0
    for event in evidence.events:
        match event:
            case LeaseTaken():
                if holder:
                    yield f"{event.client} took the lease at {event.time:.3f} while {holder} held it"
                holder = event.client
            case LeaseLost():
                if holder == event.client:
                    holder = commander = ""
            case LeaseExpired():
                if commander == event.client:
                    yield f"{event.client} commanded at {event.time:.3f}, when its lease was taken from it"
                holder = commander = ""
            case EpochEnded():
                if commander == event.client:
                    commander = ""
            case EpochBegun():
                if holder != event.client:
                    yield f"{event.client} commands at {event.time:.3f} without the lease"
                if event.epoch <= epoch:
                    yield f"{event.client} commands in epoch {event.epoch} after epoch {epoch}"
                commander, epoch = event.client, max(epoch, event.epoch)


def no_mark_falls(evidence: Evidence) -> Violations:
    """What a user was told to have read does not go back, in what any of their clients asks for after that.

    What nobody was told of may be lost, as a worker gathers marks for ten seconds; and a loss of power may
    cost all. A mark goes with its room. A worker that lags may not know of a room yet, but of the user's own.
    """
    told: dict[str, list[tuple[float, str, int]]] = {}
    for event in evidence.events:
        match event:
            case MarkTold():
                told.setdefault(event.user, []).append((event.time, event.room, event.seq))
            case MarksRead():
                before = told.setdefault(event.user, [])
                if not evidence.unsynced:
                    yield from _fallen(event, before, evidence)
                before += ((event.time, room, seq) for room, seq in event.marks)


def _not_dense(log: Sequence[Entry]) -> Violations:
    for seq, entry in enumerate(log, 1):
        if entry.seq != seq:
            yield f"the log has {entry.seq} where {seq} should be"
            return


def _acknowledged_and_gone(evidence: Evidence) -> Violations:
    for event in evidence.events:
        if not isinstance(event, Acknowledged):
            continue
        draft, entry = evidence.drafts.get((event.user, event.key)), evidence.entry(event.seq)
        if draft is None:
            yield f"{event.client} was told that {shown(event.key)} is durable, which it never sent"
        elif entry is None:
            yield f"{draft} was acknowledged at {event.seq}, and the log ends at {len(evidence.log)}"
        elif not _matches(draft.sent, entry, evidence):
            yield f"{draft} was acknowledged at {event.seq}, where the log has {entry}"


def _seen_and_gone(evidence: Evidence) -> Violations:
    for event in evidence.events:
        seen: Sequence[Entry] = ()
        match event:
            case ChatBegun():
                seen = event.newest
            case PageRead():
                seen = event.posts
            case Took():
                seen = (event.entry,)
            case ReportRead():
                seen = (event.post,)
        for entry in seen:
            if not _is_same(entry, evidence.entry(entry.seq), evidence):
                yield f"{event.client} saw {entry}, where the log has {evidence.entry(entry.seq)}"


def _of_nobody(evidence: Evidence) -> Violations:
    registered: set[str] = set()
    level = 1
    for entry in evidence.log:
        if entry.kind == "level":  # the cluster's own; no user can have that name
            if entry.user != "chatnet" or int(entry.text) <= level:
                yield f"the entry {entry} raises no level"
            level = int(entry.text)
            continue
        if entry.user == "chatnet" and entry.kind in OF_OPERATORS:
            continue  # an operator's: they record nothing
        if entry.user == "chatnet" and entry.kind == "redact":
            # What was on the list when a master died.
            if evidence.alone and not _was_wanted(entry, evidence):
                yield f"the cluster took a post back that nobody wanted to: {entry}"
            continue
        if not evidence.alone and entry.user not in evidence.users:
            continue
        is_by_code = entry.kind == "secret" and entry.more is not None and entry.more.code
        if entry.kind == "session" or is_by_code:
            continue  # a login's, which is recorded as such
        if entry.kind in ("guest", "nick", "gone", "spelling"):
            registered.add(entry.to or entry.user)
            continue  # an IRC front's, which records nothing
        if entry.kind == "register":
            if entry.user in registered or entry.user not in evidence.users:
                yield f"{entry.user} was registered at {entry.seq}, by nobody or not for the first time"
            registered.add(entry.user)
            continue
        draft = evidence.drafts.get((entry.user, entry.key))
        if draft is None or not _matches(draft.sent, entry, evidence):
            yield f"nobody ever sent the entry {entry}"
        if entry.user not in registered:
            yield f"the entry {entry} is of a user who was not registered before"
    for entry, code in evidence.wrongly_taken:
        yield f"the entry {entry} should have been refused: {code}"


def _was_wanted(redaction: Entry, evidence: Evidence) -> bool:
    """Return whether somebody ever sent what takes the same post back."""
    target = 0 if redaction.ref is None else redaction.ref.seq
    sent = (draft.sent for draft in evidence.drafts.values())
    return any(each.kind == "redact" and each.ref == target for each in sent)


def _is_same(seen: Entry, entry: Entry | None, evidence: Evidence) -> bool:
    """Return whether what was seen is what the log has; the text may have been taken back before or after.

    The log alone knows the places.
    """
    if entry is None:
        return False
    text = seen.text
    if entry.seq in evidence.standing.taken_back:
        draft = evidence.drafts.get((entry.user, entry.key))
        said = entry.text if draft is None else draft.sent.text
        text = entry.text if text in ("", said) else text
    more = _more(entry)
    if more is not None and not (seen.more is not None and seen.more.reacts):
        more = replace(more, reacts=False)  # for who is not told that, it is an answer like others
    return replace(seen, text=text, at=(), more=_more(seen)) == replace(entry, at=(), more=more)


def _more(entry: Entry) -> More | None:
    """Return what an entry has beyond its columns; None, if that is nothing: protocols may not tell which."""
    return None if entry.more == More() else entry.more


def _matches(sent: Sent, entry: Entry, evidence: Evidence) -> bool:
    if (entry.user, entry.key, entry.kind) != (sent.user, sent.key, sent.kind):
        return False
    if KINDS[sent.kind].text is Text.CREDENTIAL:  # the log keeps what follows from it
        return True
    is_own = not sent.room and (sent.kind not in OF_THE_CLUSTER or sent.kind == "forget")
    room = sent.user if is_own else sent.room and fold_for(sent.room, sent.user)
    text = "" if not entry.text and entry.seq in evidence.standing.taken_back else sent.text
    ref = 0 if entry.ref is None else entry.ref.seq
    return (entry.room, entry.text, entry.to, ref) == (room, text, sent.to, sent.ref)


def _wrongly_refused(evidence: Evidence) -> Violations:
    for place, draft in evidence.drafts.items():
        if draft.codes and not explains(draft.codes[0], evidence.reasons[place]):
            what = draft.sent.room or draft.sent.text
            yield f"{draft} ({what!r}) was refused for no reason: {draft.codes[0]}"


def _out_of_order(client: str, drafts: Sequence[SentDraft], evidence: Evidence) -> Violations:
    seqs = [next(iter(evidence.seqs([draft])), 0) for draft in drafts]
    for at, (draft, seq) in enumerate(zip(drafts, seqs, strict=True)):
        if 0 < seq <= draft.known:
            yield f"{draft} is in the log at {seq}, though {draft.known} was known when it was sent"
        overtaking = min((later for later in seqs[at + 1 :] if 0 < later < seq), default=0)
        if overtaking:
            yield f"{draft} is in the log at {seq}, and what {client} sent after it at {overtaking}"


def _rises(posts: Sequence[Entry]) -> bool:
    return all(first.seq < second.seq for first, second in pairwise(posts))


def _gaps(reading: Reading, evidence: Evidence) -> Violations:
    end = len(evidence.log) if evidence.settled and reading.is_open else reading.cursor
    if reading.cursor > len(evidence.log):
        yield f"{reading} has the cursor {reading.cursor}, and the log ends at {len(evidence.log)}"
    expected = _between(evidence.visible[reading.begun.user], reading.begun.cursor, end)
    wanted, given = set(expected), {post.seq for post in reading.took}
    if missing := sorted(wanted - given):
        yield f"{reading}, from {reading.begun.cursor} to {end}, was never given {some(missing)}"


def _wrong_newest(begun: ChatBegun, evidence: Evidence) -> Violations:
    readable = readable_at(begun.user, begun.cursor, evidence)
    upto = bisect_right(evidence.posts, begun.cursor, key=_seq)
    heard = (post.seq for post in reversed(evidence.posts[:upto]) if readable(post.seq))
    # A client need not show what was taken back.
    gone = evidence.standing.taken_back
    newest = list(islice(heard, NEWEST))[::-1]
    expected = [seq for seq in newest if seq not in gone]
    given = [seq for seq in seqs_of(begun.newest) if seq not in gone]
    are_last = given == expected[len(expected) - len(given) :]
    if given != expected and not (are_last and _is_large(newest, evidence)):
        yield f"{begun.client} chats from {begun.cursor} on, and was given {given} instead of {expected}"


def _wrong_page(page: PageRead, evidence: Evidence) -> Violations:
    """Each page is of one stretch of what its reader could ever read of the room."""
    room = fold_for(page.room, page.user)
    places = evidence.standing.places
    in_room = [post.seq for post in evidence.posts if room in places[post.seq]]
    stretches = evidence.standing.stretches(page.user, room, in_room)
    if not any(_is_page(page, seqs, evidence) for seqs in stretches):
        where = f"{page.room} before {page.before}"
        yield f"{page.client} read {where}, and was given {some(seqs_of(page.posts))} of {some(in_room)}"


def _is_page(page: PageRead, in_room: Sequence[int], evidence: Evidence) -> bool:
    end = len(evidence.log) if page.before is None else page.before - 1
    given = seqs_of(page.posts)
    if not given:
        return page.before is None or not in_room or in_room[0] > end
    last = given[-1] if page.before is None else end
    upto = in_room[: bisect_right(in_room, last)]
    return given == upto[-len(given) :]


def _fallen(read: MarksRead, told: Sequence[tuple[float, str, int]], evidence: Evidence) -> Violations:
    marks, before = dict(read.marks), dict[str, int]()
    for time, room, seq in told:
        if time < read.asked:
            before[room] = max(seq, before.get(room, 0))
    for room, seq in before.items():
        now = marks.get(room, 0 if room == read.user else seq)
        if now < seq and not _left_after(read.user, room, seq, evidence):
            yield f"{read.client} was told at {read.time:.3f} that {room} is read up to {now}, after {seq}"


def _left_after(user: str, room: str, seq: int, evidence: Evidence) -> bool:
    """Return whether the user left the room behind ``seq``, or was forgotten, which ends their own too."""
    stays = evidence.standing.stays_of(user)
    left = any(stay.place == room and seq < stay.ended < FAR for stay in stays)
    return left or any(one.kind == "forget" and one.to == user for one in evidence.log[seq:])


def _is_large(seqs: Iterable[int], evidence: Evidence) -> bool:
    """Return whether these are too many bytes for one page, with the texts that were taken back since."""
    entries = [entry for seq in seqs if (entry := evidence.entry(seq)) is not None]
    drafts = [evidence.drafts.get((entry.user, entry.key)) for entry in entries if not entry.text]
    gone = sum(len(draft.sent.text.encode()) for draft in drafts if draft is not None)
    return gone + len(msgspec.msgpack.encode(entries)) > LARGE


def _between(seqs: Sequence[int], after: int, upto: int) -> Sequence[int]:
    return seqs[bisect_right(seqs, after) : bisect_right(seqs, upto)]


def _seq(entry: Entry) -> int:
    return entry.seq
