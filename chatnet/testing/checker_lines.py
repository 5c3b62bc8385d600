"""The promises to those who speak in lines: each line of a connection that lives is answered, and in effect,
once; each post is heard once, in order, where it belongs; who asks for what was missed, misses nothing. Pure.

Who was given no ids has heard the posts that fit, from some place on, without any between them left out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from chatnet.entries import Entry
from chatnet.kinds import SAID
from chatnet.names import fold_for
from chatnet.testing.connections import Connection, ToldPost
from chatnet.testing.evidence import Evidence, Violations, some
from chatnet.testing.history import REACTION, UNTOLD, HistoryHeard, Message, Said
from chatnet.testing.said_lines import ALIKE, room_of
from chatnet.testing.standing import FAR

ECHOED = ("PRIVMSG", "NOTICE", "TAGMSG")
"""The commands that are answered by an echo, where that was asked for."""
PLAYED = ("join", "leave", "remove", "ban", "describe", "role", "nick", "gone")
"""What is in histories beside what was said, for who asked for that."""
SOON_SECONDS = 2.0
"""For so long after the welcome another connection of a device may say what that has."""
LATE_SECONDS = 2.0
"""What was said so shortly before the end of the run may be unanswered."""
FITS = 150
"""So many bytes of a post fit into a line, if its names are as long as they may be."""


def each_line_is_answered_once(evidence: Evidence) -> Violations:
    """Each line of a connection that lives is answered once, in the order of the lines; and what it says is
    in the log once, whatever dies meanwhile."""
    last = evidence.events[-1].time if evidence.events else 0.0
    for connection in evidence.connections:
        client, numbers = connection.client, [one.number for one in connection.answered]
        for number, times in Counter(numbers).items():
            if times > 1:
                yield f"{client} was answered its line {number} {times} times"
        yield from _out_of_turn(connection)
        if connection.is_open and evidence.settled:
            for number, said in connection.said.items():
                if number not in numbers and said.time < last - LATE_SECONDS:
                    yield f"{client} was never answered its line {number}, a {said.command}"
    said_by = Counter((entry.user, entry.kind, entry.room, evidence.said(entry)) for entry in evidence.log)
    for event in evidence.events:
        if not isinstance(event, Said) or event.kind not in SAID:
            continue
        if said_by[event.user, event.kind, room_of(event), event.text] > 1:
            yield f"the line {event.number} of {event.client} is in the log more than once: {event.text!r}"


def _out_of_turn(connection: Connection) -> Violations:
    """Find answers that came before that to an earlier line: an echo may, as it stands at its place in the
    log, but not before another; one of what was said on another connection, too, is read there. With the echo
    of a line for several targets ends what is not said of the others."""
    echoed, done, lines = 0, set[int](), set[tuple[float, str]]()
    for one in connection.answered:
        said, open_before = connection.said.get(one.number), list[int]()
        if said is not None and said.command in ECHOED and one.seq:
            open_before = [one.number] if said.kind and one.number < echoed else []
            echoed = max(echoed, one.number if said.kind else 0)
            lines.add((said.time, said.text))
        elif said is None or one.code != UNTOLD or (said.time, said.text) not in lines:
            open_before = [number for number in connection.said if number < one.number and number not in done]
        if open_before:
            client, before = connection.client, echoed if said is not None and said.kind else open_before[0]
            yield f"{client} was answered its line {one.number} out of turn with its line {before}"
        done.add(one.number)


def each_line_is_heard_once(evidence: Evidence) -> Violations:
    """On each connection every post that its user may see is heard once, from its welcome to its end, in the
    order of the log, with the text that the log has, where it belongs; and one's own only if one asked for
    that."""
    since = _had(evidence)
    for connection in evidence.connections:
        listener = _Listener(connection, evidence, since.get(connection.client, FAR))
        told, why = listener.told()
        if why:
            yield why
            continue
        yield from listener.wrong(told)
        yield from listener.missing(told)


def answers_are_behind_what_they_follow(evidence: Evidence) -> Violations:
    """When a line is answered, everything was delivered that stands in the log before what it became."""
    since = _had(evidence)
    for connection in evidence.connections:
        told, why = _Listener(connection, evidence, since.get(connection.client, FAR)).told()
        if why:
            continue
        late = sorted((one.first, one.seq) for one in told)
        for at, seq in connection.known:
            passed = [each for first, each in late if first > at and each < seq]
            if passed:
                client = connection.client
                yield f"{client} was answered what stands at {seq}, and then told of {some(passed)}"


def histories_have_no_gap(evidence: Evidence) -> Violations:
    """A page of a history has all of a room behind its bound, or before it, up to its limit; and who asks, on
    each connection, for what came behind the last that it knew, has in the end heard everything."""
    for connection in evidence.connections:
        heard = [(event.time, event.message.seq) for _, event in connection.heard]
        for page in connection.histories:
            floor = max((seq for time, seq in heard if time < page.asked), default=0)
            yield from _wrong_history(page, floor, evidence)
    yield from _never_caught_up(evidence)


def who_types_is_told_to_members(evidence: Evidence) -> Violations:
    """Who is typing in a channel is told of those alone who are in it, and to those alone: at a place in the
    log between the posts that were heard before that and behind it."""
    stays = evidence.standing.stays
    for connection in evidence.connections:
        heard = [(at, event.message.seq) for at, event in connection.heard if event.message.seq]
        for at, typed in connection.typed:
            if typed.target[0] not in "#&":
                continue
            room = typed.target.removeprefix("#@")
            first = max((seq for when, seq in heard if when < at), default=0)
            last = min((seq for when, seq in heard if when > at), default=FAR)
            for user in (connection.user, typed.by):
                there = stays.get(user, {}).get(room, ())
                if user != room and not any(stay.begun <= last and first < stay.ended for stay in there):
                    yield f"{connection.client} was told that {typed.by} types in {room}, where {user} is not"


def who_is_somebody_else_misses_nothing(evidence: Evidence) -> Violations:
    """A connection that becomes another user's, since its guest is called otherwise or logs in, hears as the
    one all up to the entry which says so, and as the other all behind it."""
    had, its = _had(evidence), {connection.client: connection for connection in evidence.connections}
    # Who was to log in, and could not, is a guest again on the same connection.
    again = {entry.key[:ALIKE]: entry.seq for entry in evidence.log if entry.kind == "guest"}
    for after in evidence.connections:
        before = its.get(after.begun.before)
        if before is None:
            continue
        as_guest, as_other = (_Listener(one, evidence, had.get(one.client, FAR)) for one in (before, after))
        heard, why = as_guest.told()
        heard_later, why_later = as_other.told()
        if why or why_later or not heard:
            continue  # that is found elsewhere
        last = heard[-1].seq
        ends = (entry for entry in evidence.log[last:] if _ends(entry, before.user))
        gone_for_good = (
            one.seq for one in ends if one.kind == "nick" or again.get(one.key[:ALIKE], 0) < one.seq
        )
        by = next(gone_for_good, FAR)
        first = heard_later[0].seq if heard_later else len(evidence.log) if after.is_open else 0
        if not heard_later and not evidence.settled:
            first = 0
        missed = [
            *as_guest.between(last, by),
            *as_other.between(max(by, had.get(after.client, 0)), first),
        ]
        if missed:
            yield f"{before.client}, who is {after.client} since {by}, was never told of {some(missed)}"


def _ends(entry: Entry, guest: str) -> bool:
    """Return whether the guest is somebody else, or gone, behind this entry."""
    return (entry.kind, entry.user) == ("nick", guest) or (entry.kind, entry.to) == ("gone", guest)


class _Listener:
    """Compares what a connection heard with what the log has for its user."""

    def __init__(self, connection: Connection, evidence: Evidence, had: int) -> None:
        self._connection = connection
        self._since = min(had, connection.upto)
        self._evidence = evidence
        self._user, self._begun = connection.user, connection.begun
        seqs = evidence.visible.get(self._user, ())
        self._posts = [entry for seq in seqs if (entry := evidence.log[seq - 1]).kind in SAID]
        drafts = evidence.drafts_of_clients.get(connection.client, ())
        own = set(evidence.seqs(drafts))
        self._expected = [entry for entry in self._posts if self._is_expected(entry, own)]

    def _is_expected(self, entry: Entry, own: set[int]) -> bool:
        if entry.seq in own and not self._begun.echoes:
            return False
        if _is_reaction(entry) and not self._begun.has_ids:
            return False  # it would be an empty line
        return self._begun.own_talks or not ("=" in entry.room and entry.user == self._user)

    def _may_miss(self, entry: Entry, due: int | None = None) -> bool:
        """Return whether a post need not be heard: what was taken back is shown to nobody, what its client
        says again by its key is answered only, and what was said where its user is no longer is over. It is
        to be heard by the place ``due`` of all events; without one, by the welcome."""
        draft = self._evidence.drafts.get((entry.user, entry.key))
        by_key = draft is not None and draft.sent.client == self._connection.run
        return by_key or entry.seq in self._evidence.standing.taken_back or self._was_left(entry, due)

    def _was_left(self, entry: Entry, due: int | None) -> bool:
        """Return whether a post is from before the welcome, and was heard only in rooms that the user had
        left by the time at which it was due: to read what was missed may take long."""
        standing, user, upto = self._evidence.standing, self._user, self._connection.upto
        places = standing.places.get(entry.seq, ())
        if entry.seq > upto or "=" in entry.room or user in places or f"@{user}" in places:
            return False
        if due is not None:
            upto = max(upto, self._evidence.latest[due])
        stays = [stay for stay in standing.stays_of(user) if stay.place in places and stay.covers(entry.seq)]
        return all(stay.ended <= upto for stay in stays)

    def _due(self, entry: Entry, told: Sequence[ToldPost]) -> int | None:
        """Return the place of all events by which a post was to be heard: that of the first that is told
        behind it, or of what is known to stand behind it; None, if nothing is."""
        known = (at for at, seq in self._connection.known if seq > entry.seq)
        return min((*known, *(one.first for one in told if one.seq > entry.seq)), default=None)

    def told(self) -> tuple[list[ToldPost], str]:
        """Return of which posts the connection was told, or why that cannot be."""
        if self._begun.has_ids:
            told = self._connection.posts()
            without = next((one.messages[0] for one in told if not one.seq), None)
            why = "" if without is None else f"{self._connection.client} was told what has no id: {without}"
            return told, why
        return self._aligned()

    # ---- without ids ----

    def _aligned(self) -> tuple[list[ToldPost], str]:
        heard = self._connection.heard
        if not heard:
            return [], ""
        surely = bisect_right(self._expected, self._since, key=lambda entry: entry.seq)
        while surely < len(self._expected) and self._may_miss(self._expected[surely], heard[0][0]):
            surely += 1
        furthest, best = 0, 0
        for start in range(min(surely, len(self._expected) - 1), -1, -1):
            told, read = self._read_from(start)
            if read == len(heard):
                return told, ""
            if read > furthest:
                furthest, best = read, told[-1].seq if told else 0
        said = heard[furthest][1].message
        return [], (
            f"{self._connection.client} was told of what does not follow {best or 'anything'}: "
            f"{said.by} in {said.target}, {said.text[:40]!r}"
        )

    def _read_from(self, start: int) -> tuple[list[ToldPost], int]:
        """Return what was heard if the post at ``start`` is the first, and how many lines fit."""
        heard, told, at = self._connection.heard, list[ToldPost](), 0
        for place in range(start, len(self._expected)):
            if at == len(heard):
                break
            entry = self._expected[place]
            count = self._fits(entry, at)
            if count:
                messages = [event.message for _, event in heard[at : at + count]]
                told.append(ToldPost(entry.seq, heard[at][0], heard[at + count - 1][0], messages))
                at += count
            elif not self._may_miss(entry, heard[at][0]) or not told:
                break
        return told, at

    def _fits(self, entry: Entry, at: int) -> int:
        """Return how many of the lines from ``at`` on are those of a post; 0 if they are not. Of the last one
        before the connection was lost, some may not have come."""
        heard, text = self._connection.heard, _squeezed(self._evidence.said(entry))
        for target, before in self._ways(entry):
            left, count = _squeezed(before) + text, 0
            while left and at + count < len(heard):
                message = heard[at + count][1].message
                words = _squeezed(message.text)
                if (message.by, message.target) != (entry.user, target) or not left.startswith(words):
                    break
                left, count = left[len(words) :], count + 1
            if not count:
                continue
            told = len(text) - len(left)
            is_cut = at + count == len(heard) and not self._connection.is_open and told > 0
            last = heard[at + count - 1][1].message.text
            if not left or (is_cut and _may_end(last, self._evidence.said(entry), told)):
                return count
        return 0

    def _ways(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Yield where a post may be shown to a client without tags, and what stands before its text there."""
        for target, context in _targets(self._user, entry, self._evidence):
            yield target, f"[{context}]" if context else ""

    # ---- with ids, and without ----

    def wrong(self, told: Sequence[ToldPost]) -> Violations:
        """Find what was told wrongly."""
        client, visible = self._connection.client, {entry.seq for entry in self._posts}
        expected = {entry.seq for entry in self._expected}
        for before, after in pairwise(told):
            if after.seq <= before.seq:
                yield f"{client} was told of {after.seq} after {before.seq}"
        for one in told:
            entry = self._evidence.entry(one.seq)
            if entry is None or one.seq not in visible:
                yield f"{client} was told of {one.seq}, which {self._user} may not see"
            elif one.seq not in expected:
                yield f"{client} was told of {one.seq}, its own, and had not asked for that"
            elif self._begun.has_ids:
                is_cut = one is told[-1] and not self._connection.is_open
                yield from _untrue(client, self._user, entry, one.messages, self._evidence, is_cut=is_cut)

    def missing(self, told: Sequence[ToldPost]) -> Violations:
        """Find what should have been told."""
        evidence, connection = self._evidence, self._connection
        first = min(self._since, told[0].seq - 1 if told else FAR)
        last = told[-1].seq if told else 0
        if connection.is_open and evidence.settled:
            last = len(evidence.log)
        left_out = self.between(first, last + 1, told)
        if left_out:
            yield f"{connection.client} was never told of {some(left_out)}, from {first} to {last}"

    def between(self, after: int, before: int, told: Sequence[ToldPost] = ()) -> list[int]:
        """Return the seqs of the posts between two that it has to hear, if it was ``told`` these."""
        given = {one.seq for one in told}
        left = (entry for entry in self._expected if after < entry.seq < before and entry.seq not in given)
        return [entry.seq for entry in left if not self._may_miss(entry, self._due(entry, told))]


def _had(evidence: Evidence) -> dict[str, int]:
    """Return what, when each connection of a device came, that had at most: what came behind it is sent to
    it. A device that is new begins there; and one that was revoked, or whose cursor a loss of power has
    cost."""
    found: dict[str, int] = {}
    begun: dict[tuple[str, str], int] = {}
    confirmed: dict[tuple[str, str], list[tuple[float, str, int]]] = {}
    revoked = {entry.to for entry in evidence.log if entry.kind in ("revoke", "forget")}
    for connection in evidence.connections:
        device = connection.user, connection.begun.device
        said = confirmed.setdefault(device, [])
        said += ((time, connection.client, seq) for time, seq in connection.confirmed)
    for connection in evidence.connections:
        device = connection.user, connection.begun.device
        if not connection.begun.device or connection.user in revoked or evidence.unsynced:
            continue
        if device in begun:
            soon = connection.time + SOON_SECONDS
            before = (s for time, by, s in confirmed[device] if by != connection.client and time < soon)
            found[connection.client] = max([begun[device], *before])
        if connection.heard:
            begun.setdefault(device, connection.upto)
    return found


def _untrue(
    client: str,
    user: str,
    entry: Entry,
    messages: Sequence[Message],
    evidence: Evidence,
    in_room: str = "",
    is_cut: bool = False,
) -> Violations:
    """Find what is told of a post otherwise than the log has it. ``is_cut``: its end may not have come."""
    first, text = messages[0], evidence.said(entry)
    form = "" if entry.more is None else REACTION if entry.more.reacts else entry.more.form
    ref, by = 0 if entry.ref is None else entry.ref.seq, entry.user
    if entry.kind not in SAID:
        (by, form, text), ref = _done(entry), 0  # it answers nothing, whatever entry it is about
        if entry.seq in evidence.standing.taken_back:
            text = ""
    if (first.by, first.form, first.ref) != (by, form, ref):
        told = f"by {first.by} as {first.form!r} to {first.ref}"
        yield f"{client} was told of {entry.seq} {told}, where the log has {entry}"
    if entry.kind == "ban" and first.text:
        yield f"{client} was told of the ban {entry.seq}: {first.text[:80]!r}"
    if text and first.is_whole and first.text != text:
        yield f"{client} was told of {entry.seq} as {first.text[:80]!r}, where the log has {text[:80]!r}"
    elif text and not _is_told(messages, text, is_cut):
        yield f"{client} was told of {entry.seq} as {first.text[:80]!r}…, where the log has {text[:80]!r}"
    where = [*_targets(user, entry, evidence)] if not in_room else [*_in_room(user, entry, in_room)]
    if form not in ("NICK", "QUIT") and any((one.target, first.context) not in where for one in messages):
        yield f"{client} was told of {entry.seq} in {first.target}, where it is not: {where}"


def _is_told(messages: Sequence[Message], text: str, is_cut: bool) -> bool:
    told, whole = _squeezed("".join(one.text for one in messages)), _squeezed(text)
    is_begun = is_cut and whole.startswith(told) and _may_end(messages[-1].text, text, len(told))
    return told == whole or is_begun


def _may_end(line: str, text: str, told: int) -> bool:
    """Return whether a line may end behind so many characters of ``text`` that are no spaces: at the end of
    one of its own lines, or where the next word does not fit."""
    places = [at for at, character in enumerate(text) if not character.isspace()]
    if told >= len(places):
        return True
    at = places[told]
    word, begun = text[at:].split(maxsplit=1)[0], text[:at]
    return "\n" in begun[len(begun.rstrip()) :] or len((line + word).encode()) >= FITS


def _is_reaction(entry: Entry) -> bool:
    return entry.more is not None and entry.more.reacts


def _done(entry: Entry) -> tuple[str, str, str]:
    """Return who does in a history what an entry is that is no post, the command that shows it, and what that
    says."""
    match entry.kind:
        case "join":
            shown = "JOIN", ""
        case "leave":
            shown = "PART", entry.text
        case "nick":
            shown = "NICK", _nick(entry.to)
        case "gone":
            return entry.to, "QUIT", entry.text or "Quit"
        case "describe":
            shown = "TOPIC", entry.text
        case "remove":
            shown = "KICK", f"{_nick(entry.to)} {entry.text or 'removed'}"
        case "ban":  # members are told what it ended, and neither by whom nor why
            return entry.to, "PART", ""
        case _:
            shown = "MODE", f"{'-' if entry.text == 'none' else '+'}o {_nick(entry.to)}"
    return entry.user, *shown


def _nick(user: str) -> str:
    """Return what a user, or a guest, is called on IRC."""
    return user.removeprefix("~")


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _targets(user: str, entry: Entry, evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield where a post may be shown to a user: the target, and the channel from which it is mentioned."""
    stays = {stay.place: stay for stay in evidence.standing.stays_of(user) if stay.covers(entry.seq)}
    for place in evidence.standing.places.get(entry.seq, ()):
        if place == user or place in stays or user in place.split("="):
            yield from _in_room(user, entry, place)
        elif place == f"@{user}":
            yield _nick(user), _channel(entry.room)


def _in_room(user: str, entry: Entry, place: str) -> Iterator[tuple[str, str]]:
    if "=" in place:
        (other,) = (side for side in place.split("=") if side != entry.user)
        yield _nick(other), ""
    else:
        yield _channel(place), ""


def _channel(room: str) -> str:
    return room if room[0] in "#&" else f"#@{room}"


# ---- histories ----


def _wrong_history(page: HistoryHeard, floor: int, evidence: Evidence) -> Violations:
    user, room = page.user, fold_for(page.room, page.user) if page.room else page.user
    given = [message.seq for message in page.messages if message.seq]
    what = f"{page.client} asked for {page.how} {page.room} {page.bound}, at most {page.limit}, and was given"
    for before, after in pairwise(given):
        if after <= before:
            yield f"{what} {after} behind {before}"
            return
    if len(given) > page.limit:
        yield f"{what} {len(given)}"
    in_room, gone = _history(room, page.plays, evidence)
    stretches = evidence.standing.stretches(user, room, in_room)
    if not any(_is_part(page, given, seqs, floor, gone) for seqs in stretches):
        yield f"{what} {some(given)} of {some(in_room)}, having heard {floor}"
        return
    if [message for message in page.messages[:1] if not message.seq]:
        yield f"{what} first what has no id"
        return
    for messages in _by_post(page.messages):
        entry = evidence.entry(messages[0].seq)
        if entry is not None:
            yield from _untrue(page.client, user, entry, messages, evidence, room)


def _history(room: str, plays: bool, evidence: Evidence) -> tuple[list[int], set[int]]:
    """Return the seqs of all that a history of a room has, and of those that it need not have: what was taken
    back; and what was done by or to somebody who is forgotten, or is as old as what went for its age."""
    standing, log = evidence.standing, evidence.log
    found = {seq for seq, where in standing.places.items() if room in where}
    found |= {
        seq
        for stays in standing.stays.values()
        for stay in stays.get(room, ())
        for seq in (stay.begun, stay.ended)
        if 0 < seq <= len(log)
    }
    seqs = sorted(seq for seq in found if _is_in_history(log[seq - 1], plays))
    gone = {*standing.taken_back}
    ages = (entry for entry in log if entry.kind == "expire" and entry.room in ("", room))
    expired = max((entry.ref.seq for entry in ages if entry.ref is not None), default=0)
    for seq in seqs:
        entry = log[seq - 1]
        is_over = seq <= expired or not standing.forgotten.isdisjoint((entry.user, entry.to))
        if entry.kind not in SAID and is_over:
            gone.add(seq)
    return seqs, gone


def _is_in_history(entry: Entry, plays: bool) -> bool:
    return plays and entry.kind in PLAYED if entry.kind not in SAID else plays or not _is_reaction(entry)


def _by_post(messages: Sequence[Message]) -> Iterator[list[Message]]:
    some: list[Message] = []
    for message in messages:
        if message.seq and some:
            yield some
            some = []
        some.append(message)
    if some:
        yield some


def _is_part(
    page: HistoryHeard, given: Sequence[int], in_room: Sequence[int], floor: int, gone: set[int]
) -> bool:
    """Return whether a page is right if these are all posts of the room; some of which are gone, and were
    perhaps already."""
    if not set(given) <= set(in_room):
        return False
    is_short = len(given) < page.limit
    if page.how == "AFTER":
        first = page.bound
        last = max(given[-1] if given else 0, floor if is_short else 0)
    else:
        before = page.bound - 1 if page.how == "BEFORE" else max(given[-1] if given else 0, floor)
        first, last = (0 if is_short else given[0] - 1), before
    between = [seq for seq in in_room if first < seq <= last]
    if page.how != "AFTER" and given and given[-1] > last:
        return False
    if page.how == "AFTER" and given and given[0] <= first:
        return False
    return all(seq in given or seq in gone for seq in between)


def _never_caught_up(evidence: Evidence) -> Violations:
    """Who asks for what was missed each time has heard everything since the first message that it heard."""
    runs: dict[str, list[Connection]] = {}
    for connection in evidence.connections:
        if connection.begun.catches_up:
            runs.setdefault(connection.run, []).append(connection)
    for client, its in runs.items():
        if client in evidence.stopped or not evidence.settled or not its[-1].is_open:
            continue
        user, seqs = its[0].user, [seq for one in its for seq in one.seqs()]
        heard = [event.message.seq for one in its for _, event in one.heard if event.message.seq]
        by_key = evidence.drafts_of_clients.get(client, ())
        known = {*seqs, *(seq for draft in by_key for seq in draft.seqs)}
        first = heard[0] if heard else FAR
        stays = [stay for stay in evidence.standing.stays_of(user) if stay.ended == FAR]
        plays = all(one.begun.plays for one in its)
        missed = [
            post.seq
            for post in evidence.posts
            if post.seq > first
            and _is_in_history(post, plays)
            and post.seq not in known
            and post.seq not in evidence.standing.taken_back
            and any(
                place == user
                or user in place.split("=")
                or any(stay.place == place and stay.covers(post.seq) for stay in stays)
                for place in evidence.standing.places.get(post.seq, ())
            )
        ]
        if missed:
            yield f"{client} has missed {some(missed)}, and heard {first}"
