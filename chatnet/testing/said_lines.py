"""What was said in lines, as drafts: of these only the cluster knows the keys, so each line is matched with
what the log has of it. Pure.

All drafts of one connection have keys that begin alike, and stand in the log in the order of the lines. A
text that only one line has, and what a client was told, say of which connection some of them are; the others
follow. Of a post that was taken back the log still says in which form it was said and where it was heard, and
who was given its text, what that was: it is a line's that fits all this. A guest may take its nick again on
its connection: what it said as the same name before it had another one, and behind that, are two clients'
lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from msgspec.structs import replace

from chatnet.entries import KEY_BYTES, Entry
from chatnet.errors import Refusal
from chatnet.kinds import SAID
from chatnet.names import fold_for, is_guest
from chatnet.testing.history import (
    REACTION,
    UNTOLD,
    Acknowledged,
    Answered,
    ChatBegun,
    Event,
    Heard,
    HistoryHeard,
    Message,
    Negotiated,
    PageRead,
    Refused,
    Said,
    Sent,
    Took,
)
from chatnet.testing.rules import heard_at
from chatnet.testing.standing import FAR, Doing, Standing

MARKED = re.compile(r" ~\S+ \S+$")
"""How the texts of lines end: what came without an id, or in several lines, may be a part."""
ALIKE = 8
"""How many bytes the keys of one connection begin with alike."""
_NOT_SAID = {"register", "session", "secret", "code", "revoke", "guest", "gone", "nick", "spelling"}

_Group = tuple[str, bytes, int]
"""Entries by one user, on one connection: how their keys begin, and after how many other nicks."""


class _Turn(NamedTuple):
    """When a connection was a client's: it was ``first``'s, and has taken ``nicks`` others since."""

    first: str
    nicks: int = 0


@dataclass
class _Line:
    """A line that is to become an entry, and how it was answered. Entries up to ``known`` were known before
    it was said, and those behind ``upto`` were not there when it was answered. ``unheard`` are the mentions
    that nobody would hear in posts that were taken back, by seq."""

    said: Said
    known: int
    unheard: Mapping[int, frozenset[str]]
    answer: Answered | None = None
    upto: int = FAR
    entry: Entry | None = None

    @property
    def room(self) -> str:
        """The room of its entry."""
        return room_of(self.said)

    @property
    def is_refused(self) -> bool:
        """Whether its client was told so."""
        return self.answer is not None and self.answer.code not in ("", UNTOLD)

    def can_be(self, entry: Entry) -> bool:
        """Return whether the entry may be what became of it. A text that was taken back may not be known; but
        of a post its form is, and its places are."""
        said, ref = self.said, 0 if entry.ref is None else entry.ref.seq
        is_gone = said.kind in (*SAID, "describe", "remove") and not entry.text
        same = (entry.kind, entry.room, entry.to, ref) == (said.kind, self.room, said.to, said.ref)
        return same and (is_gone or entry.text == said.text) and self._has_its_form_and_places(entry)

    def _has_its_form_and_places(self, entry: Entry) -> bool:
        unheard = self.unheard.get(entry.seq)
        if unheard is None:
            return True
        places = {*heard_at(entry.user, entry.room, self.said.text)} - unheard
        return self.said.command == _command_of(entry) and places == {*(entry.at or (entry.room,))}


@dataclass
class _Connection:
    """The lines of one connection that are to become entries, in order."""

    lines: list[_Line] = field(default_factory=list)


def room_of(said: Said) -> str:
    """Return the room of the entry that a line is to become; empty if there is no such room, or it is about
    none."""
    if said.kind == "redact":
        return said.user
    try:
        return fold_for(said.room, said.user) if said.room else said.user
    except Refusal:
        return ""


def as_drafts(events: Sequence[Event], log: Sequence[Entry]) -> list[Event]:
    """Return the events, with those of lines that are drafts as events of drafts besides: behind each."""
    if not any(isinstance(event, Said) and event.kind for event in events):
        return list(events)
    turns = _turns(events)
    events = list(_by_whom(events))
    known, unheard = 0, _unheard(log)
    lines: dict[tuple[str, int], _Line] = {}
    chosen = set[tuple[str, bytes]]()
    for event, upto in zip(events, _latest(events, log), strict=True):
        match event:
            case Said() if event.kind:
                lines[event.client, event.number] = _Line(event, known, unheard)
            case Heard():
                known = max(known, event.message.seq)
            case Acknowledged():
                known = max(known, event.seq)
            case Answered() if (line := lines.get((event.client, event.number))) and line.answer is None:
                line.answer, line.upto = event, upto
            case Sent():
                chosen.add((event.user, event.key))
    seen = _seen(events)
    whole = (entry if entry.text else replace(entry, text=seen.get(entry.seq, "")) for entry in log)
    unchosen = [entry for entry in whole if (entry.user, entry.key) not in chosen]
    _match(list(lines.values()), unchosen, turns)
    return list(_told(events, lines, log))


def _latest(events: Sequence[Event], log: Sequence[Entry]) -> list[int]:
    """Return how long the log was at most, at each event: what was sent later, with a key, was not in it."""
    seqs, most = {(entry.user, entry.key): entry.seq for entry in log}, len(log)
    found: list[int] = []
    for event in reversed(events):
        if isinstance(event, Sent):
            most = min(most, seqs.get((event.user, event.key), FAR) - 1)
        found.append(most)
    return found[::-1]


def _turns(events: Sequence[Event]) -> dict[str, _Turn]:
    """Return when it was theirs, of the clients whose connection was another one's before, or perhaps was."""
    turns: dict[str, _Turn] = {}
    for event in events:
        match event:
            case Said() if event.either:
                before, after = event.client, event.either
            case Negotiated() if event.before:
                before, after = event.before, event.client
            case _:
                continue
        first, nicks = turns.get(before, _Turn(before))
        turns[after] = _Turn(first, nicks + is_guest(_user(after)))  # who logs in takes no nick
    return turns


def _by_whom(events: Sequence[Event]) -> Iterator[Event]:
    """Yield the events, with what was said as by whom the connection turned out to be; if it was lost before,
    by either."""
    became, answered = set[str](), set[tuple[str, int]]()
    for event in events:
        match event:
            case Negotiated() if event.before:
                became.add(event.client)
            case Answered():
                answered.add((event.client, event.number))
    for event in events:
        if not isinstance(event, Said) or not event.either:
            yield event
            continue
        if event.either not in became:
            yield replace(event, either="")
        if event.either in became or (event.client, event.behind) not in answered:
            yield replace(event, client=event.either, either="")


def _unheard(log: Iterable[Entry]) -> dict[int, frozenset[str]]:
    """Return, of each post that was taken back, which mentions nobody hears, since they block its author."""
    standing, found = Standing(), dict[int, frozenset[str]]()
    for entry in log:
        if entry.kind in SAID and not entry.text:
            found[entry.seq] = standing.unheard(entry.user)
        standing.take(entry, entry.text)
    return found


def _command_of(post: Entry) -> str:
    """Return the command with which a post of this form is said."""
    if post.more is None:
        return "PRIVMSG"
    return "TAGMSG" if post.more.reacts else "NOTICE" if post.more.form == "notice" else "PRIVMSG"


def _seen(events: Iterable[Event]) -> dict[int, str]:
    """Return the texts that somebody was given as those of posts: some were taken back later."""
    found: dict[int, str] = {}
    for event in events:
        given: Iterable[Entry | Message] = ()
        match event:
            case Took():
                given = (event.entry,)
            case ChatBegun():
                given = event.newest
            case PageRead():
                given = event.posts
            case Heard() if _is_whole(event.message):
                given = (event.message,)
            case HistoryHeard():
                given = [message for message in event.messages if _is_whole(message)]
        found |= {post.seq: post.text for post in given if post.seq and post.text}
    return found


def _is_whole(message: Message) -> bool:
    """Return whether it is a post, with all of its text."""
    is_post = message.form in ("", "notice", "action", REACTION)
    return is_post and (message.is_whole or MARKED.search(message.text) is not None)


def _told(
    events: Iterable[Event], lines: dict[tuple[str, int], _Line], log: Sequence[Entry]
) -> Iterator[Event]:
    seqs = {(entry.user, entry.key): entry.seq for entry in log}
    for event in events:
        if isinstance(event, Acknowledged) and not event.seq:  # what was taken back is not echoed
            event = replace(event, seq=seqs.get((event.user, event.key), 0))
        yield event
        if not isinstance(event, Said | Answered):
            continue
        line = lines.get((event.client, event.number))
        if line is None or _changed_nothing(line, log):
            continue
        time, client = event.time, event.client
        key = line.entry.key if line.entry is not None else _no_key(line.said)
        if isinstance(event, Said):
            said, kind = event, event.kind or "post"
            yield Sent(
                time=time, client=client, key=key, kind=kind, room=said.room, text=said.text,
                to=said.to, ref=said.ref, check_of=said.check_of,
            )  # fmt: skip
        elif event is line.answer and line.is_refused:
            yield Refused(time=time, client=client, key=key, code=event.code)
        elif event is line.answer:
            seq = event.seq or (line.entry.seq if line.entry is not None else 0)
            yield Acknowledged(time=time, client=client, key=key, seq=seq)


def _changed_nothing(line: _Line, log: Sequence[Entry]) -> bool:
    """Return whether it is right that a line which was not refused is no entry: of a notice nobody is told
    that it was refused; who is in a room already need not join it; and what is ordered may be so already."""
    if line.entry is not None or line.answer is None or line.is_refused:
        return False
    said = line.said
    if line.answer.code == UNTOLD:
        return True
    if said.kind in ("role", "ban", "unban"):
        return _is_so_already(line, log)
    if said.kind != "join":
        return False
    names = {said.user}
    for entry in reversed(log):
        if entry.kind == "nick" and entry.to in names:
            names.add(entry.user)  # whose rooms are those of the new name, too
        if entry.kind in ("join", "create") and entry.user in names and entry.room == line.room:
            return True
    return False


def _is_so_already(line: _Line, log: Sequence[Entry]) -> bool:
    said, standing = line.said, Standing()
    doing = Doing(said.kind, said.user, line.room, said.text, said.to, 0, True)
    for entry in log:
        if entry.seq > line.known and standing.is_so_already(doing):
            return True
        standing.take(entry, entry.text)
    return standing.is_so_already(doing)


def _no_key(said: Said) -> bytes:
    return blake2b(f"{said.client} {said.number}".encode(), digest_size=KEY_BYTES).digest()


# ---- which entry is of which line ----


def _match(lines: Sequence[_Line], entries: Sequence[Entry], turns: dict[str, _Turn]) -> None:
    connections: dict[str, _Connection] = {}
    for line in lines:
        connections.setdefault(line.said.client, _Connection()).lines.append(line)
    groups = _groups(entries, {line.said.user for line in lines})
    whose = _surely(lines, groups)
    taken = set(whose.values())
    # All keys of a connection begin alike, whoever its user is.
    turn = {client: turns.get(client, _Turn(client)) for client in connections}
    begins = {turn[client].first: key for (_, key, _), client in whose.items()}
    fits: dict[_Group, dict[str, int]] = {}
    for group, its in groups.items():
        if group not in whose:
            user, key, nicks = group
            free = [client for client in connections if client not in taken and _user(client) == user]
            free = [client for client in free if begins.get(turn[client].first, key) == key]
            free = [client for client in free if turn[client].nicks == nicks]
            answered = {client: _follow(its, connections[client].lines, keep=False) for client in free}
            fits[group] = {client: count for client, count in answered.items() if count is not None}
    # What was answered has to be somewhere; what can be of one connection alone leaves others no choice.
    for group in sorted(fits, key=lambda group: len(fits[group])):
        left = {client: count for client, count in fits[group].items() if client not in taken}
        if left:
            whose[group] = max(left, key=left.__getitem__)
            taken.add(whose[group])
    for group, client in whose.items():
        _follow(groups[group], connections[client].lines, keep=True)


def _groups(entries: Sequence[Entry], users: set[str]) -> dict[_Group, list[Entry]]:
    groups: dict[_Group, list[Entry]] = {}
    nicks = Counter[bytes]()
    for entry in entries:
        key = entry.key[:ALIKE]
        if entry.kind == "nick":
            nicks[key] += 1
        elif entry.user in users and entry.kind not in _NOT_SAID:
            groups.setdefault((entry.user, key, nicks[key]), []).append(entry)
    return groups


def _user(client: str) -> str:
    return client.partition("/")[0].rstrip("+")


def _surely(lines: Sequence[_Line], groups: dict[_Group, list[Entry]]) -> dict[_Group, str]:
    """Match what can be only one line's, or was told of one; return which connections the groups are of."""
    words: dict[tuple[str, str, str, str], _Line | None] = {}
    for line in lines:
        if line.said.text and line.said.kind in (*SAID, "describe", "remove"):
            place = line.said.user, line.said.kind, line.room, line.said.text
            words[place] = None if place in words else line
    told = {(line.said.user, line.answer.seq): line for line in lines if line.answer and line.answer.seq}
    whose: dict[_Group, str] = {}
    for group, entries in groups.items():
        for entry in entries:
            place = entry.user, entry.kind, entry.room, entry.text
            sure = told.get((entry.user, entry.seq)) or words.get(place)
            if sure is not None and sure.entry is None and sure.can_be(entry):
                sure.entry = entry
                whose[group] = sure.said.client
    return whose


def _follow(entries: Sequence[Entry], lines: Sequence[_Line], keep: bool) -> int | None:
    """Match the entries of one connection with its lines, as far as they are not; ``keep``: for good. Return
    how many of these lines were answered; None, if not all entries could be matched."""
    found = {line.entry.seq: place for place, line in enumerate(lines) if line.entry is not None}
    matched: list[_Line] = []
    is_whole, first = True, 0
    for number, entry in enumerate(entries):
        if entry.seq in found:
            first = max(first, found[entry.seq] + 1)
            continue
        end = min((found[one.seq] for one in entries[number + 1 :] if one.seq in found), default=len(lines))
        free = [at for at in range(first, end) if lines[at].entry is None and lines[at].can_be(entry)]
        free = [at for at in free if lines[at].known < entry.seq <= lines[at].upto]
        fits = [at for at in free if not lines[at].is_refused]
        right = (at for at in fits if lines[at].said.check_of in (0, lines[at].said.ref))
        place = next(right, fits[0] if fits else None)
        if place is None:
            is_whole = False
            continue
        lines[place].entry = entry
        matched.append(lines[place])
        first = place + 1
    if not keep:
        for line in matched:
            line.entry = None
    return sum(line.answer is not None for line in matched) if is_whole else None
