"""What a run left, put in order for the checker. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from chatnet.entries import Entry
from chatnet.errors import BadText, Refusal
from chatnet.form import check_said_in, check_text
from chatnet.kinds import CLUSTER, KINDS, SAID, Text
from chatnet.limits import AGING, Aging
from chatnet.names import GUEST, fold_for, is_guest
from chatnet.testing.connections import Connection, connections, told_when_read
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    ChatEnded,
    CursorMoved,
    Ended,
    Event,
    Refused,
    Repeated,
    Sent,
    Started,
    Stopped,
    Took,
)
from chatnet.testing.said_lines import as_drafts
from chatnet.testing.standing import FAR, Doing, Standing

Violations = Iterator[str]
"""How a promise was broken, in sentences."""

_OF_ONESELF = {"block", "unblock", "redact", "report", "secret"}
_IN_PRIVATE = {"create", "invite"}
_KEPT = {"purge", "remove", "role", "policy", "ban", "mute", "unban"}
OF_THE_CLUSTER = {"role", "policy", "ban", "mute", "unban", "purge", "forget", "expire"}
"""The kinds that are about the whole cluster where no room is named."""
OF_OPERATORS = OF_THE_CLUSTER | {"revoke", "code", "disable", "enable"}
"""The kinds that an operator appends, in the cluster's own name."""
ACTS = {
    "post",
    "join",
    "leave",
    "create",
    "invite",
    "describe",
    "block",
    "unblock",
    "redact",
    "report",
    *_KEPT,
    "forget",
}
"""The kinds for which :class:`~chatnet.testing.standing.Standing` says who may append them."""


@dataclass
class SentDraft:
    """One draft, what happened to it, and how much of the log was known when it was made."""

    sent: Sent
    known: int
    seqs: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"the {self.sent.kind} {shown(self.sent.key)} of {self.sent.client}"


@dataclass
class Reading:
    """One chat of one client. ``cursor`` is the last that it knew; ``is_open``: it goes on."""

    begun: ChatBegun
    cursor: int
    took: list[Entry] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    is_open: bool = True

    def __str__(self) -> str:
        return f"reader {self.begun.reader} of {self.begun.client}"


class Ending(NamedTuple):
    """At ``seq`` sessions end: the one that began at ``session``, those on a ``device``, or all from before
    it, if it says neither."""

    seq: int
    session: int = 0
    device: str | None = None


class Evidence:
    """What all users recorded, in the order in which it happened, and the complete final ``log``.

    ``settled``: the run ended in peace, with everybody connected and everything answered. ``alone``: nobody
    else used the cluster; otherwise there are entries of others, who recorded nothing. ``relayed``: for a
    while somebody stood between them and the cluster, with a key of their own. ``unsynced``: what the
    cluster had not synced was lost, by a loss of power.

    ``aging`` is how posts grow too old; ``stepped``: by how many seconds clocks were set, at most. ``ended``
    is the time of the primary's clock at the end of the run, in milliseconds; 0: that is not known.
    """

    def __init__(
        self,
        events: Sequence[Event],
        log: Sequence[Entry],
        settled: bool = True,
        alone: bool = True,
        relayed: bool = False,
        unsynced: bool = False,
        aging: Aging = AGING,
        stepped: float = 0.0,
        ended: int = 0,
    ) -> None:
        self.events = as_drafts(events, log)
        self.log = log
        self.settled = settled
        self.alone = alone
        self.relayed = relayed
        self.unsynced = unsynced
        self.aging = aging
        self.stepped = stepped
        self.ended = ended

    def entry(self, seq: int) -> Entry | None:
        """Return what the log has at ``seq``."""
        return self.log[seq - 1] if 0 < seq <= len(self.log) else None

    @cached_property
    def by_key(self) -> dict[tuple[str, bytes], list[Entry]]:
        """The entries by user and key."""
        found: dict[tuple[str, bytes], list[Entry]] = {}
        for entry in self.log:
            found.setdefault((entry.user, entry.key), []).append(entry)
        return found

    @cached_property
    def drafts(self) -> dict[tuple[str, bytes], SentDraft]:
        """Everything that was sent, by user and key, in order."""
        drafts: dict[tuple[str, bytes], SentDraft] = {}
        known = 0
        for event in self.events:
            match event:
                case Sent():
                    drafts[event.user, event.key] = SentDraft(event, known)
                case Acknowledged():
                    known = max(known, event.seq)
                    if draft := drafts.get((event.user, event.key)):
                        draft.seqs.append(event.seq)
                case Refused():
                    if draft := drafts.get((event.user, event.key)):
                        draft.codes.append(event.code)
        return drafts

    @cached_property
    def drafts_of_clients(self) -> dict[str, list[SentDraft]]:
        """The drafts of each client, in the order in which it sent them."""
        drafts: dict[str, list[SentDraft]] = {}
        for draft in self.drafts.values():
            drafts.setdefault(draft.sent.client, []).append(draft)
        return drafts

    @cached_property
    def readings(self) -> list[Reading]:
        """All chats, in the order in which they began."""
        readings: dict[tuple[str, int], Reading] = {}
        for event in self.events:
            match event:
                case ChatBegun():
                    readings[event.client, event.reader] = Reading(event, event.cursor)
                case Took():
                    reading = readings[event.client, event.reader]
                    reading.took.append(event.entry)
                    reading.cursor = max(reading.cursor, event.entry.seq)
                case Repeated():
                    readings[event.client, event.reader].repeated.append(event.seq)
                case CursorMoved():
                    readings[event.client, event.reader].cursor = event.cursor
                case ChatEnded():
                    readings[event.client, event.reader].is_open = False
        for reading in readings.values():
            reading.is_open &= reading.begun.client not in self.stopped
        return list(readings.values())

    @cached_property
    def stopped(self) -> set[str]:
        """The clients that were ended by their users, or gave up."""
        return {event.client for event in self.events if isinstance(event, Stopped | Ended)}

    @cached_property
    def users(self) -> set[str]:
        """All users that ever tried to log in."""
        return {event.user for event in self.events if isinstance(event, Started)}

    @cached_property
    def secrets(self) -> dict[str, list[tuple[Entry, Sent]]]:
        """The new secrets of each user, and by which client and when they were sent."""
        found: dict[str, list[tuple[Entry, Sent]]] = {}
        for entry in self.log:
            draft = self.drafts.get((entry.user, entry.key))
            if entry.kind == "secret" and draft is not None:
                found.setdefault(entry.user, []).append((entry, draft.sent))
        return found

    @cached_property
    def latest(self) -> list[int]:
        """For each event, how long the log was at most: what was sent later was not in it."""
        found, most = [0] * len(self.events), len(self.log)
        for at in range(len(self.events) - 1, -1, -1):
            found[at] = most
            event = self.events[at]
            if isinstance(event, Sent):
                most = min([most, *(entry.seq - 1 for entry in self.by_key.get((event.user, event.key), ()))])
                found[at] = most
        return found

    @cached_property
    def connections(self) -> list[Connection]:
        """The connections of those who speak in lines."""
        return connections(zip(self.events, self.latest, strict=True))

    # ---- what follows from the log ----

    @cached_property
    def endings(self) -> dict[str, list[Ending]]:
        """What ended sessions of each user, in order."""
        found: dict[str, list[Ending]] = {}
        forgotten = {entry.to for entry in self.log if entry.kind == "forget"}  # of them no device is kept
        for entry in self.log:
            match entry.kind:
                case "secret":
                    found.setdefault(entry.user, []).append(Ending(entry.seq))
                case "session" if entry.user not in forgotten:
                    device = "" if entry.more is None else entry.more.device
                    found.setdefault(entry.user, []).append(Ending(entry.seq, device=device))
                case "revoke":
                    found.setdefault(entry.to, []).append(Ending(entry.seq, int(entry.text)))
                case "forget":
                    found.setdefault(entry.to, []).append(Ending(entry.seq))
        return found

    def end_of(self, user: str, session: int) -> int:
        """Return where the session of ``user`` ended that began at the seq ``session``; FAR if it did not, or
        if that is not known, as 0 says."""
        begun = self.entry(session)
        device = "" if begun is None or begun.more is None else begun.more.device
        for ending in self.endings.get(user, ()) if session else ():
            is_it = ending.session in (0, session) and ending.device in (None, device)
            if is_it and ending.seq > session:
                return ending.seq
        return FAR

    @cached_property
    def shut_out(self) -> dict[str, list[range]]:
        """Behind which seq each user might do nothing, and before which: while banned from the cluster, or
        disabled."""
        found: dict[str, list[range]] = {}
        since: dict[tuple[str, str], int] = {}
        lifted = {"enable": "disable", "unban": "ban"}
        for entry in self.log:
            if not entry.room and entry.kind in lifted.values():
                since.setdefault((entry.to, entry.kind), entry.seq)
            elif not entry.room and entry.kind in lifted:
                begun = since.pop((entry.to, lifted[entry.kind]), FAR)
                found.setdefault(entry.to, []).append(range(begun + 1, entry.seq))
            elif entry.kind == "forget":
                for at in [at for at in since if at[0] == entry.to]:
                    found.setdefault(entry.to, []).append(range(since.pop(at) + 1, entry.seq))
        for (user, _), seq in since.items():
            found.setdefault(user, []).append(range(seq + 1, FAR))
        return found

    @cached_property
    def posts(self) -> list[Entry]:
        """What was said: the entries that rooms have a history of."""
        return [entry for entry in self.log if entry.kind in SAID]

    @cached_property
    def standing(self) -> Standing:
        """What all of the log has made of everybody."""
        return self._followed.standing

    @property
    def wrongly_taken(self) -> list[tuple[Entry, str]]:
        """The entries that should have been refused, and with which code."""
        return self._followed.wrongly_taken

    @property
    def reasons(self) -> dict[tuple[str, bytes], set[str]]:
        """For each draft that was refused, the codes that could have been the reason, by user and key."""
        return self._followed.reasons

    def said(self, entry: Entry) -> str:
        """Return the text of an entry as it was said, also if it was taken back, as far as that is known."""
        draft = self.drafts.get((entry.user, entry.key))
        return entry.text or ("" if draft is None or entry.kind not in SAID else draft.sent.text)

    @cached_property
    def visible(self) -> dict[str, list[int]]:
        """The seqs of what each user may see."""
        hears, heard = self.standing.hears, sorted(self.standing.places)
        return {user: [seq for seq in heard if hears(user, seq)] for user in self.users}

    def seqs(self, drafts: Iterable[SentDraft]) -> list[int]:
        """Return the seqs of those drafts that are in the log."""
        places = ((draft.sent.user, draft.sent.key) for draft in drafts)
        return [entry.seq for place in places for entry in self.by_key.get(place, ())]

    @cached_property
    def _followed(self) -> _Followed:
        followed = _Followed(Standing())
        waiting = sorted(self._refused(), key=lambda refused: refused.read, reverse=True)
        asked: list[_Refused] = []
        for seq in range(len(self.log) + 1):
            if seq:
                self._take(self.log[seq - 1], followed)
            while waiting and waiting[-1].read <= seq:
                asked.append(waiting.pop())
            asked = [one for one in asked if seq <= one.last and not one.is_explained(followed)]
        return followed

    def _take(self, entry: Entry, followed: _Followed) -> None:
        text = self.said(entry)
        is_ours = self.alone or entry.user in self.users
        if entry.kind in ACTS and entry.user != CLUSTER and is_ours:
            draft = self.drafts.get((entry.user, entry.key))
            fits = draft is None or draft.sent.check_of in (0, draft.sent.ref)
            ref = 0 if entry.ref is None else entry.ref.seq
            doing = Doing(entry.kind, entry.user, entry.room, text, entry.to, ref, fits)
            code = followed.standing.refusal(doing)
            if code is not None:
                followed.wrongly_taken.append((entry, code))
        if entry.user == CLUSTER and entry.kind == "role" and entry.room[:1] == "&":
            code = followed.standing.operator_may_not(entry.room, entry.to, text)
            if code is not None:
                followed.wrongly_taken.append((entry, code))
        followed.standing.take(entry, text)

    def _refused(self) -> Iterator[_Refused]:
        told = told_when_read(self.events)
        for drafts in self.drafts_of_clients.values():
            for at, draft in enumerate(drafts):
                if draft.codes:
                    end = len(self.log)
                    first = min(end, max([draft.known, *self.seqs(drafts[:at])]))
                    last = min([end, *(seq - 1 for seq in self.seqs(drafts[at + 1 :]))])
                    read = told.get((draft.sent.user, draft.sent.key), first)
                    yield _Refused(draft, first, max(first, last), read)


@dataclass
class _Followed:
    """The log, followed to its end."""

    standing: Standing
    wrongly_taken: list[tuple[Entry, str]] = field(default_factory=list)
    reasons: dict[tuple[str, bytes], set[str]] = field(default_factory=dict)


class _Refused:
    """A draft that was refused, when the log had at least ``first`` and at most ``last`` entries. If it was
    said in a line, the front that read that knew of at least ``read``: whom a nick means is as of then."""

    def __init__(self, draft: SentDraft, first: int, last: int, read: int) -> None:
        room, to = draft.sent.room, draft.sent.to
        self._guest = to if is_guest(to) else room[1:] if room[:2] == f"@{GUEST}" else ""
        self.read = min(read, first) if self._guest else first
        self._first, self.last = first, last
        self._place = draft.sent.user, draft.sent.key
        self._told = draft.codes[0]
        self._doing, self._codes = _meant(draft.sent)
        self._sent = draft.sent

    def is_explained(self, followed: _Followed) -> bool:
        """Note why it may be refused now; return whether that is what its client was told."""
        reasons, standing = followed.reasons.setdefault(self._place, set(self._codes)), followed.standing
        doing, sent = self._doing, self._sent
        if self._guest and self._guest not in standing.registered:  # who has the nick later is not meant
            reasons.add("NO_SUCH_USER")
        if standing.seq < self._first:  # it may have been read, and not be judged yet
            return explains(self._told, reasons)
        code = standing.shut_out(sent.user) if doing is None else standing.refusal(doing)
        reasons |= {code} if code is not None else set()
        if doing is not None and code in _OF_ROOMS and doing.room and not standing.has_room(doing.room):
            reasons.add("NO_SUCH_ROOM")  # what IRC says of it
        if doing is not None and (self._told, code) == (NO_ORDERS, "NO_SUCH_USER"):
            # IRC asks first who may give orders.
            reasons |= set() if standing.moderates(doing.user, doing.room) else {"NOT_MODERATOR"}
        if doing is not None and (self._told, doing.kind) == (NOT_THERE, "role"):
            # IRC asks that of a topic, too.
            reasons |= set() if standing.is_in(doing.to, doing.room) else {"NOT_THERE"}
        if sent.kind == "revoke" and sent.to == sent.user:
            ways = standing.ways.get(sent.user, {})
            reasons |= {"LAST_WAY"} if {*ways.values()} <= {int(sent.text)} else set()
        return explains(self._told, reasons)


def explains(told: str, reasons: Collection[str]) -> bool:
    """Return whether ``told``, a code or a number of IRC's that stands for several, is one of ``reasons``."""
    return told in reasons or any(_MEANS.get(told, _anything)(reason) for reason in reasons)


def _anything(reason: str) -> bool:
    return False


def _meant(sent: Sent) -> tuple[Doing | None, set[str]]:
    """Return what a draft means, if anything, and the codes of what is wrong with it whatever the log has."""
    if sent.kind in ("secret", "forget"):  # another secret of the user's may have been faster
        return None, {"WRONG_SECRET", "TRY_LATER"}
    if sent.kind == "code":  # that asks for the secret, too
        return None, {"WRONG_SECRET", "TRY_LATER", "TOO_MANY_TODAY"}
    if sent.kind == "revoke":  # the session may have ended by itself
        return None, {"NO_SUCH_SESSION", "TOO_MANY_TODAY"}
    wrong: set[str] = set()
    kind = KINDS[sent.kind]
    if kind.text is Text.POST:
        try:
            check_text(sent.text)
        except BadText as error:
            wrong.add(error.code.decode())
    room = sent.user if sent.kind in _OF_ONESELF or (kind.is_said and not sent.room) else sent.room
    try:
        room = room and fold_for(room, sent.user)
        if kind.is_said:
            check_said_in(room, sent.user)
    except Refusal as error:
        return None, {*wrong, error.code.decode()}
    can_be = (
        (room[:1] == "&" or sent.kind not in _IN_PRIVATE)
        and (room[:1] in ("", "#", "&") or sent.kind not in _KEPT)
        and (kind.is_said or "=" not in room)
    )
    if not can_be:
        return None, {*wrong, "BAD_ROOM"}
    fits = sent.check_of in (0, sent.ref)
    return Doing(sent.kind, sent.user, room, sent.text, sent.to, sent.ref, fits), wrong


NO_ORDERS, NOT_THERE = "482", "441"
_OF_ROOMS = {"NOT_JOINED", "NOT_MODERATOR", "NOT_OWNER"}
"""Codes that are also those of a room that does not exist, in which nobody is and which nobody moderates."""
_MEANS: dict[str, Callable[[str], bool]] = {
    "401": {"NO_SUCH_USER", "BAD_NAME", "OWN_ROOM"}.__contains__,
    "403": {"NO_SUCH_ROOM", "BAD_ROOM", "NO_SUCH_USER", "BAD_NAME", "NOT_FOR_GUESTS"}.__contains__,
    "404": lambda reason: reason not in ("NO_SUCH_ROOM", "BAD_ROOM", "NO_SUCH_USER", "BAD_NAME"),
    "405": {"TOO_MANY_ROOMS", "TOO_MANY_TOPICS"}.__contains__,
    "441": {"NOT_THERE"}.__contains__,
    "442": {"NOT_JOINED", "BAD_ROOM", "NOT_FOR_GUESTS"}.__contains__,
    "443": {"ALREADY_THERE"}.__contains__,
    "474": {"BANNED"}.__contains__,
    "476": {"BAD_ROOM"}.__contains__,
    "477": {"NOT_FOR_GUESTS"}.__contains__,
    NO_ORDERS: {"NOT_MODERATOR", "NOT_OWNER", "OUT_OF_REACH", "BAD_ROOM", "NOT_FOR_GUESTS"}.__contains__,
    "INVALID_TEXT": {"BAD_TEXT"}.__contains__,
    "UNKNOWN_MSGID": {"NO_SUCH_POST"}.__contains__,
    "REDACT_FORBIDDEN": {"NOT_MODERATOR", "MUTED", "NO_REASON"}.__contains__,
    "FAIL": bool,
}
"""What the numbers and words of IRC say of the reason: of some it is several codes' one word, and who has no
capability is told none."""


def shown(key: bytes) -> str:
    """Return the beginning of a key: short enough to read, and long enough to find."""
    return key.hex()[:8]


def readable_at(user: str, upto: int, evidence: Evidence) -> Callable[[int], bool]:
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


def seqs_of(posts: Iterable[Entry]) -> list[int]:
    """Return the seqs of posts."""
    return [post.seq for post in posts]


def some(seqs: Sequence[int]) -> str:
    """Return the first of many seqs, for a sentence."""
    shown = ", ".join(map(str, seqs[:10]))
    return shown if len(seqs) <= 10 else f"{shown} and {len(seqs) - 10} more"
