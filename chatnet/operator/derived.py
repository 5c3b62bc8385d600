"""What follows from the entries of a log, computed again. Pure: entries go in, differences come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple
from typing import Any

import msgspec

from chatnet.codes import KEPT_LENGTH, RECOVERIES
from chatnet.entries import Draft, Entry, heard_at, mentions
from chatnet.errors import LastWay, NoSuchSession, NoSuchUser, Refusal, SessionThere
from chatnet.faces import MOST_TEXT as MOST_FACE
from chatnet.faces import wrong_face
from chatnet.facts import StateFacts
from chatnet.form import MAX_CREDENTIAL, MAX_TEXT, MAX_WORDS, check_said_in
from chatnet.kinds import KINDS, MOST_LEVEL, NEW_LEVEL, SAID, Text, is_level
from chatnet.names import is_guest, is_private, where
from chatnet.policies import MOST_TEXT, wrong_policy
from chatnet.rules import judge
from chatnet.state import State
from chatnet.store.blanking import LEFT, ROOMS, rooms_left
from chatnet.store.pages import OPEN

Row = tuple[Any, ...]

_LONGEST = {
    Text.POST: MAX_TEXT,
    Text.WORDS: MAX_WORDS,
    Text.CREDENTIAL: MAX_CREDENTIAL,
    Text.DEVICE: MAX_CREDENTIAL,
    Text.CODE: RECOVERIES * (KEPT_LENGTH + 1) - 1,
    Text.SESSION: len(str(MOST_LEVEL)),
    Text.LEVEL: len(str(MOST_LEVEL)),
    Text.POLICY: MOST_TEXT,
    Text.ROLE: 10,
    Text.HISTORY: 10,
    Text.FACE: MOST_FACE,
    Text.NOTHING: 0,
}
_OF_SESSIONS = (SessionThere, NoSuchSession, LastWay)
"""What would have been refused if several devices were one, or a secret had been empty."""
_TAKEN_BACK = "…"
"""Stands for a text that was taken back, where it is asked what was said of it before."""


class Derived:
    """What the tables other than the entries must hold, after the last entry that was taken.


    ``look`` returns the entry at a seq, as the store has it.
    """

    def __init__(self, log_id: str, look: Callable[[int], Entry | None]) -> None:
        self.head = self.places = self.gone = self.events = self.mentions = 0
        self._time = 0
        self._doubts: dict[str, str] = {}
        self._look = look
        self.state = State(log_id, self._before)
        self._has_new = False
        self._facts = StateFacts(self.state)

    def begin(self, level: int) -> None:
        """Begin with a log that states this level: whether it was raised to it is seen when it was."""
        self.state.level = min(level, NEW_LEVEL)

    @property
    def level(self) -> int:
        """The log's level."""
        return self.state.level

    def take(self, entry: Entry) -> Iterator[str]:
        """Take the next entry; yield what is wrong with it."""
        if entry.seq != self.head + 1:
            yield f"behind seq {self.head:,} comes {entry.seq:,}"
        if entry.time < self._time:
            yield f"the time of seq {entry.seq:,} is before that of the one before it"
        self.head, self._time = entry.seq, entry.time
        why, is_doubtful = self._apply(entry)
        if is_too_long(entry):
            yield f"the text of seq {entry.seq:,} has {len(entry.text):,} characters, more than there may be"
        if why:
            why = f"seq {entry.seq:,}, a {entry.kind} of {entry.user}, cannot be: {why}"
            if is_doubtful:
                self._doubts.setdefault(entry.to or entry.user, why)
            else:
                yield why

    def doubts(self) -> Iterator[str]:
        """Yield what would be wrong with entries about the sessions of users, if these are not forgotten.

        Of who is forgotten one cannot tell any more which sessions were on one device, and what let them in.
        """
        yield from (why for user, why in self._doubts.items() if user not in self.state.forgotten)

    def heard_at(self, entry: Entry) -> tuple[str, list[str]]:
        """Return the index in which the entry has rows, and its places there.

        An overlong text is skipped: the search would take long.
        """
        if is_too_long(entry):
            return "place", []
        found = list(heard_at(entry))
        if entry.kind in SAID:
            self.places += len(found)
            if not entry.text:
                self.gone += len(rooms_left(entry))
            return "place", found
        self.events += len(found)
        return "event", found

    def mentions_in(self, entry: Entry) -> tuple[str, ...]:
        """Return of whom it has rows in the index of mentions."""
        found = () if is_too_long(entry) else mentions(entry)
        if is_private(entry.room):
            return tuple(user for user in found if not self.state.standing(user, entry.user).blocked)
        self.mentions += len(found)
        return found

    def has(self, user: str) -> bool:
        """Return whether there is such a user, or was: refusals of who is forgotten go later."""
        return user in self.state.accounts or user in self.state.forgotten or is_guest(user)

    def tables(self) -> Iterator[tuple[str, str, set[Row]]]:
        """Yield each table, the query for its rows, and the rows that must be there."""
        state = self.state
        columns = f'"user", credential, secret_seq, registered, {ROOMS}, day, topics, fresh'
        yield "account", columns, {(user, *astuple(account)) for user, account in state.accounts.items()}
        yield (
            "membership",
            f'"user", {LEFT}, room, joined',
            {
                (user, OPEN if stay.left is None else stay.left, stay.room, stay.joined)
                for user, stays in state.memberships.items()
                for stay in stays.intervals()
            },
        )
        yield "room", "name", {(room,) for room in state.rooms}
        privates = state.privates.items()
        yield "private", "name, history, made", {(room, it.history, it.made) for room, it in privates}
        columns = 'room, "user", role, invited, banned, muted, ordered, blocked, disabled'
        yield "standing", columns, {(*place, *it.row()) for place, it in state.standings.items()}
        columns = '"user", device, seq, label, scope, credential'
        yield (
            "session",
            columns,
            {
                (user, device, *astuple(it))
                for user, sessions in state.sessions.items()
                for device, it in sessions.items()
            },
        )
        columns = "hash, author, whose, room, uses, until"
        yield "code", columns, {(kept, *astuple(it)) for kept, it in state.codes.items()}
        yield "face", '"user", text, seq', {(user, *it) for user, it in state.faces.items()}
        yield "talk", '"user", room', set(state.talks)
        yield "description", "room, text, seq", {(room, *it) for room, it in state.descriptions.items()}
        policies = state.policies.items()
        yield "policy", "room, name, value, seq", {(*what, *it) for what, it in policies}
        # Names of who was forgotten after a backup was made, and is not in it, have no entry.
        yield "forgotten WHERE seq > 0", '"user", seq', set(state.forgotten.items())
        taken_back = {(it.user, it.room, it.upto, it.seq, int(it.whole)) for it in state.blankings}
        yield "blanking", '"user", room, upto, seq, whole', taken_back
        invitations = state.invitations.items()
        yield "invitation", '"user", room, inviter, seq', {(*who, *it) for who, it in invitations}
        yield "reported", "seq", {(seq,) for seq in state.reported}
        yield "tally", '"user", kind, day, count', {(*who, *it) for who, it in state.tallies.items()}

    def _apply(self, entry: Entry) -> tuple[str, bool]:
        """Take the entry, and return why it cannot be, empty if it can; and whether it can be if the user
        about whom it is was forgotten."""
        if entry.kind not in KINDS:
            return "there is no such kind", False
        if entry.kind == "level" and not is_level(entry.text):
            return "that is no level", False
        if entry.kind == "level" and int(entry.text) == NEW_LEVEL and not self._has_new:
            self.state.level = min(self.state.level, NEW_LEVEL - 1)
        self._has_new = self._has_new or entry.kind == "level" or KINDS[entry.kind].level >= NEW_LEVEL
        if entry.kind == "policy" and (why := wrong_policy(entry.text, where(entry.room, entry.user))):
            return why, False
        if (
            KINDS[entry.kind].text is Text.FACE
            and entry.text
            and wrong_face(entry.text, entry.to or entry.user)
        ):
            return "nobody can be shown so", False
        if entry.kind in SAID and is_too_long(entry):
            entry = msgspec.structs.replace(entry, text="")  # to look for what it names would take long
        draft = Draft(entry.kind, entry.user, entry.room, entry.text, entry.key, 0, entry.more)
        why, is_doubtful = "", False
        try:
            if entry.kind in SAID:
                check_said_in(entry.room, entry.user)
            judge(draft, self._facts, entry.time)
            if entry.kind not in SAID and entry.at != self.state.settled(draft):
                why = "it is heard elsewhere"
        except Refusal as no:
            why, is_doubtful = str(no), isinstance(no, _OF_SESSIONS)
            if isinstance(no, NoSuchUser):
                return why, False
        self.state.apply(entry)
        return why, is_doubtful

    def _before(self, seq: int) -> Entry | None:
        entry = self._look(seq) if seq <= self.head else None
        if entry is not None and entry.kind in SAID and not entry.text and entry.at:
            return msgspec.structs.replace(entry, text=_TAKEN_BACK)
        return entry


def is_too_long(entry: Entry) -> bool:
    """Return whether its text is longer than the rules allow."""
    kind = KINDS.get(entry.kind)
    return len(entry.text) > (MAX_TEXT if kind is None else _LONGEST[kind.text])


def difference(what: str, should: set[Row], there: Iterable[Row]) -> str:
    """Return the first difference between the rows that should be and those that are; empty if none."""
    left = set(should)
    for row in there:
        if row not in left:
            return f"{what} has a row that follows from no entry: {row[0]!r}, {row[1:]!r}"
        left.discard(row)
    return f"{what} lacks a row: {min(left, key=repr)!r}" if left else ""
