"""Checks whether the promises of section 3 of the design were kept, from what users recorded and the final
log. Pure.

Each promise is a function from the :class:`Evidence` to sentences that say how it was broken.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, pairwise

import msgspec
from msgspec.structs import replace

from chatnet.entries import Entry
from chatnet.errors import Refusal
from chatnet.kinds import CLUSTER, KINDS, Text
from chatnet.names import fold_for
from chatnet.reads import NEWEST
from chatnet.testing.evidence import OF_THE_CLUSTER, Evidence, Reading, SentDraft, in_a_row, shown
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    CursorMoved,
    Ended,
    EpochBegun,
    EpochEnded,
    Event,
    Held,
    InvitationsRead,
    LeaseExpired,
    LeaseLost,
    LeaseTaken,
    LoggedIn,
    Lost,
    MarksRead,
    MarkTold,
    Moved,
    PageRead,
    Refused,
    ReportRead,
    Sample,
    Sent,
    Stopped,
    Told,
    Took,
)
from chatnet.testing.standing import FAR

Violations = Iterator[str]

NOBODY_FOUND = "No cluster was found"
"""A client that finds nobody when it starts may give up, with a sentence that begins like this."""
ANOTHER_KEY = "The public key of "
"""So may a client that finds a relay in a master's place."""
PUT_BACK = "The log was put back"
"""How the sentences begin with which somebody is told so."""
LATELY_MS = 10_000
"""How long a policy may be replaced when what it says is done: the store may be away meanwhile."""
SOON_SECONDS = 2.0
"""Seconds in which the primary of a whole cluster does what is due."""
LARGE = 7_000
"""This many bytes may be too many for one page, in a run with small pages: then fewer newest posts."""


# ---- the promises ----


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
                yield f"{event.client} was given a page out of order: {_seqs(posts)}"
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


def nobody_logs_in_again(evidence: Evidence) -> Violations:
    """The claim of section 1: after the first login a user only ever resumes, and nobody is turned away.

    Exceptions: a user who has set a new secret, which ends their other sessions, or is forgotten.
    """
    changed = set(evidence.standing.forgotten)
    right = (NOBODY_FOUND, ANOTHER_KEY) if evidence.relayed else NOBODY_FOUND
    for event in evidence.events:
        match event:
            case Sent(kind="secret" | "forget"):
                changed.add(event.user)
            case LoggedIn() | Ended() if _is_a_guest(event.client):
                continue  # it comes by a code, and its owner ends it
            case LoggedIn() | Ended() if event.user in changed:
                continue
            case LoggedIn(how="again"):
                yield f"{event.client} had to log in again at {event.time:.3f}"
            case Ended() if not event.sentence.startswith(right):
                yield f"{event.client} gave up at {event.time:.3f}: {event.sentence}"


def new_secrets_end_others(evidence: Evidence) -> Violations:
    """After a new secret, connections from before it do nothing, except the one that set it."""
    since: dict[str, float] = {}
    for event in evidence.events:
        match event:
            case LoggedIn():
                since[event.client] = event.time
            case Moved():
                since.pop(event.client, None)  # it logs in elsewhere, and nothing records when
            case Acknowledged() if event.client in since:
                for secret, by in evidence.secrets.get(event.user, ()):
                    is_of_before = since[event.client] < by.time
                    if secret.seq < event.seq and by.client != event.client and is_of_before:
                        yield (
                            f"{event.client} did what is in the log at {event.seq}, and {by.client} had set "
                            f"a new secret at {secret.seq} since it came in"
                        )


def ended_sessions_do_nothing(evidence: Evidence) -> Violations:
    """What comes from a session that was revoked is not in the log behind that, through whatever worker; and
    nobody comes in by it once its end was acknowledged."""
    ends: dict[tuple[str, int], int] = {}
    for entry in evidence.log:
        if entry.kind == "revoke" and entry.text != "0":
            ends.setdefault((entry.to, int(entry.text)), entry.seq)
    known: set[int] = set()
    session: dict[str, int] = {}
    for event in evidence.events:
        match event:
            case LoggedIn():
                session[event.client] = event.session
                end = ends.get((event.user, event.session), 0)
                if end in known:
                    yield f"{event.client} came in at {event.time:.3f} by a session that ended at {end}"
            case Acknowledged():
                end = ends.get((event.user, session.get(event.client, 0)), FAR)
                if end < event.seq:
                    yield f"{event.client} did what stands at {event.seq}, and its session ended at {end}"
                known.add(event.seq)


def codes_are_used_as_often_as_they_say(evidence: Evidence) -> Violations:
    """Each entry that shows a code stands behind the one that made it, is by whom it is for, and they are no
    more than may use it; but for one of a device, who made it is the cluster, or still an admin who can come
    in; nobody registers without one where the policy wants one."""
    left: dict[str, tuple[int, str, str]] = {}
    admins, shut_out = {CLUSTER}, set[str]()
    signup = "open"
    for entry in evidence.log:
        if entry.room == "" and entry.kind in ("role", "ban"):
            (admins.add if (entry.kind, entry.text) == ("role", "admin") else admins.discard)(entry.to)
        if entry.kind == "forget":
            admins.discard(entry.to)
        elif entry.kind == "disable":
            shut_out.add(entry.to)
        elif entry.kind == "enable":
            shut_out.discard(entry.to)
        if entry.kind == "policy" and entry.text.startswith("signup "):
            signup = entry.text.removeprefix("signup ")
        elif entry.kind == "code":
            hashed, uses = entry.text.split(" ")
            if not (entry.room[:1] == "&" and left.get(hashed, (0, ""))[0] > 0):  # else it is one more room
                left[hashed] = int(uses), entry.to, entry.user
        code = "" if entry.more is None else entry.more.code
        if code:
            good, whose, maker = left.get(code, (0, "", ""))
            is_vouched_for = maker in admins - shut_out or (entry.kind, maker) == ("session", entry.user)
            if good < 1 or whose not in ("", entry.user):
                yield f"the {entry.kind} at {entry.seq} is by a code that is good no longer, or for another"
            elif not is_vouched_for:
                yield f"the {entry.kind} at {entry.seq} is by a code of {maker}, who is no admin any more"
            left[code] = good - 1, whose, maker
        elif entry.kind == "register" and signup != "open":
            yield f"{entry.user} was registered at {entry.seq} without a code"


def _is_a_guest(client: str) -> bool:
    """Return whether it runs on a device that its user has let in by a code, for a while."""
    return client.partition("/")[0].endswith("++")


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
                readable = _readable_at(event.user, event.cursor, evidence)
                if wrong := [post.seq for post in event.newest if not readable(post.seq)]:
                    yield f"{event.client} was given what {event.user} may not read: {_some(wrong)}"
            case PageRead():
                spans = list(evidence.standing.spans(event.user, fold_for(event.room, event.user)))
                seqs = _seqs(event.posts)
                if seqs and not any(first <= min(seqs) and max(seqs) < last for first, last in spans):
                    yield f"{event.client} read what {event.user} may not read in {event.room}: {_some(seqs)}"
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
        given: Sequence[Entry] = ()
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
            case Held():
                kept = [seq for seq in event.seqs if gone.get(seq, FAR) <= event.head]
                if kept:
                    yield f"{event.client} has followed to {event.head}, and still holds {_some(kept)}"
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
            yield f"{_some(left)} in {room or 'all rooms'} are older than {days} days, and not taken back"


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
        yield f"the log that was put back has the texts of {_some(left)}, which were taken back"


def _never_overwritten(evidence: Evidence) -> Violations:
    left = [seq for seq in evidence.standing.taken_back if (entry := evidence.entry(seq)) and entry.text]
    if evidence.settled and left:
        yield f"the store still has the texts of {_some(sorted(left))}, which were taken back"
    names = evidence.standing.forgotten
    credentials = [it.seq for it in evidence.log if it.user in names and it.text and it.kind in _SECRETS]
    if evidence.settled and credentials:
        yield f"the store still has the secrets of who is forgotten, at {_some(credentials)}"


_SECRETS = ("register", "secret", "session")


PROMISES = (
    durable,
    exactly_once,
    one_order,
    no_gaps,
    bounded_memory,
    no_split_brain,
    confidential,
    taken_back,
    posts_are_kept_for_their_time,
    nobody_logs_in_again,
    new_secrets_end_others,
    ended_sessions_do_nothing,
    codes_are_used_as_often_as_they_say,
    no_mark_falls,
)


def check(evidence: Evidence) -> list[str]:
    """Return how the promises were broken; nothing if they were kept."""
    return [f"{promise.__name__}: {how}" for promise in PROMISES for how in promise(evidence)]


# ---- durable ----


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
        if entry.user == "chatnet" and entry.kind in OF_THE_CLUSTER:
            continue  # an operator's: they record nothing
        if entry.user == "chatnet" and entry.kind == "redact":
            # What was on the list when a master died.
            if evidence.alone and not _was_wanted(entry, evidence):
                yield f"the cluster took a post back that nobody wanted to: {entry}"
            continue
        if not evidence.alone and entry.user not in evidence.users:
            continue
        if entry.kind == "session":
            continue  # a login's, which is recorded as such
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
        text = entry.text if text in ("", evidence.said(entry)) else text
    return replace(seen, text=text, at=()) == replace(entry, at=())


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


# ---- exactly once ----


def _wrongly_refused(evidence: Evidence) -> Violations:
    for place, draft in evidence.drafts.items():
        if draft.codes and draft.codes[0] not in evidence.reasons[place]:
            what = draft.sent.room or draft.sent.text
            yield f"{draft} ({what!r}) was refused for no reason: {draft.codes[0]}"


# ---- one order ----


def _out_of_order(client: str, drafts: Sequence[SentDraft], evidence: Evidence) -> Violations:
    for draft in drafts:
        for seq in evidence.seqs([draft])[:1]:
            if seq <= draft.known:
                yield f"{draft} is in the log at {seq}, though {draft.known} was known when it was sent"
    row = [(draft, seq) for draft in in_a_row(drafts) for seq in evidence.seqs([draft])[:1]]
    for at, (draft, seq) in enumerate(row):
        overtaking = min((later for _, later in row[at + 1 :] if later < seq), default=0)
        if overtaking:
            yield f"{draft} is in the log at {seq}, and what {client} sent after it at {overtaking}"


def _rises(posts: Sequence[Entry]) -> bool:
    return all(first.seq < second.seq for first, second in pairwise(posts))


# ---- no gaps ----


def _gaps(reading: Reading, evidence: Evidence) -> Violations:
    end = len(evidence.log) if evidence.settled and reading.is_open else reading.cursor
    if reading.cursor > len(evidence.log):
        yield f"{reading} has the cursor {reading.cursor}, and the log ends at {len(evidence.log)}"
    expected = _between(evidence.visible[reading.begun.user], reading.begun.cursor, end)
    wanted, given = set(expected), {post.seq for post in reading.took}
    if missing := sorted(wanted - given):
        yield f"{reading}, from {reading.begun.cursor} to {end}, was never given {_some(missing)}"


def _wrong_newest(begun: ChatBegun, evidence: Evidence) -> Violations:
    readable = _readable_at(begun.user, begun.cursor, evidence)
    upto = bisect_right(evidence.posts, begun.cursor, key=_seq)
    heard = (post.seq for post in reversed(evidence.posts[:upto]) if readable(post.seq))
    # A client need not show what was taken back.
    gone = evidence.standing.taken_back
    newest = list(islice(heard, NEWEST))[::-1]
    expected = [seq for seq in newest if seq not in gone]
    given = [seq for seq in _seqs(begun.newest) if seq not in gone]
    are_last = given == expected[len(expected) - len(given) :]
    if given != expected and not (are_last and _is_large(newest, evidence)):
        yield f"{begun.client} chats from {begun.cursor} on, and was given {given} instead of {expected}"


def _readable_at(user: str, upto: int, evidence: Evidence) -> Callable[[int], bool]:
    """Return what says of a post up to the seq ``upto`` whether it may be among the newest of ``user``.

    A mention from before the name was theirs does not mean them. Of private rooms it is what they may read.
    """
    standing = evidence.standing
    theirs = standing.registered.get(user, FAR)
    begins = {user: 0, f"@{user}": theirs + 1}
    for stay in standing.stays_of(user):
        if stay.begun <= upto < stay.ended:
            begins[stay.place] = 0
            if stay.place[0] == "&":
                begins[stay.place] = stay.begun
                made, history = standing.made.get(stay.place, (stay.begun, "joined"))
                if history == "all":
                    begins[stay.place] = made

    def may_read(seq: int) -> bool:
        return seq <= upto and any(
            begins.get(place, FAR) <= seq or user in place.split("=")
            for place in standing.places.get(seq, ())
        )

    return may_read


def _wrong_page(page: PageRead, evidence: Evidence) -> Violations:
    """Each page is of one stretch of what its reader could ever read of the room."""
    room = fold_for(page.room, page.user)
    places = evidence.standing.places
    in_room = [post.seq for post in evidence.posts if room in places[post.seq]]
    spans = list(evidence.standing.spans(page.user, room))
    whole = [[seq for seq in in_room if first <= seq < last] for first, last in spans]
    if not any(_is_page(page, seqs, evidence) for seqs in whole):
        where = f"{page.room} before {page.before}"
        yield f"{page.client} read {where}, and was given {_some(_seqs(page.posts))} of {_some(in_room)}"


def _is_page(page: PageRead, in_room: Sequence[int], evidence: Evidence) -> bool:
    end = len(evidence.log) if page.before is None else page.before - 1
    given = _seqs(page.posts)
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
    stays = evidence.standing.stays_of(user)
    return any(stay.place == room and seq < stay.ended < FAR for stay in stays)


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


# ---- confidential ----


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
    if refused.user not in let_in and refused.code not in ("NO_SUCH_ROOM", "BAD_TEXT", "BAD_ROOM"):
        yield f"{draft} was refused by {refused.code}, which tells of {room}"


# ---- words ----


def _seqs(posts: Iterable[Entry]) -> list[int]:
    return [post.seq for post in posts]


def _some(seqs: Sequence[int]) -> str:
    shown = ", ".join(map(str, seqs[:10]))
    return shown if len(seqs) <= 10 else f"{shown} and {len(seqs) - 10} more"
