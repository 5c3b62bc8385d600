"""Who is where, who may do what, and who hears what, followed through the log a second time. Pure.

It states the rules of :mod:`chatnet.rules`, :mod:`chatnet.stays` and :mod:`chatnet.entries` in other words,
on purpose without their code: the checker compares what users were told with it. Times are left out: in the
runs that are checked no invitation runs out, and bans hold until they are lifted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from chatnet.entries import Entry
from chatnet.testing.rules import heard_at, topics_in

FAR = 1 << 62
"""A seq that no log reaches."""
_WORDS = {"describe", "remove", "ban", "mute", "unban", "redact", "purge", "report", "leave", "gone"}
"""The kinds that have words of their author, beside posts."""
_RANKS = {"none": 0, "moderator": 1, "owner": 2, "admin": 3}


class Doing(NamedTuple):
    """What somebody wants to do. ``room`` is in its one spelling; empty for the whole cluster.

    ``ref`` is the seq that it refers to, and ``fits`` says whether the check with it is that entry's.
    """

    kind: str
    user: str
    room: str
    text: str = ""
    to: str = ""
    ref: int = 0
    fits: bool = True


class Stay(NamedTuple):
    """Somebody listens at ``place`` behind the seq ``begun`` and before ``ended``."""

    place: str
    begun: int
    ended: int = FAR

    def covers(self, seq: int) -> bool:
        """Return whether what is said at ``seq`` is heard."""
        return self.begun < seq < self.ended


class Standing:
    """What the entries so far have made of everybody."""

    def __init__(self) -> None:
        self.seq = 0
        self.registered: dict[str, int] = {}
        self.stays: dict[str, dict[str, list[Stay]]] = {}
        self.made: dict[str, tuple[int, str]] = {}
        self.places: dict[int, tuple[str, ...]] = {}
        self.taken_back: dict[int, int] = {}
        self.forgotten: set[str] = set()
        self.let_in: dict[str, set[str]] = {}
        """Of each private room, who ever was a member or invited: nobody else may know that it is there."""
        self.invited_by: set[tuple[str, str, str]] = set()
        """Who ever invited whom where, and was not blocked by them then."""
        self.ways: dict[str, dict[str, int]] = {}
        """By what each user can come in: by the secret of all their devices, at "", or by one of a device
        alone, at that; each with the seq of the session that takes it along when it is ended, or 0."""
        self._said: dict[int, Entry] = {}
        self._worded: dict[int, Entry] = {}
        self._members: dict[str, set[str]] = {}
        self._ranks: dict[tuple[str, str], int] = {}
        self._invited: set[tuple[str, str]] = set()
        self._banned: set[tuple[str, str]] = set()
        self._disabled: set[str] = set()
        self._muted: set[tuple[str, str]] = set()
        self._policies: dict[tuple[str, str], str] = {}
        self._reported: set[int] = set()
        self._blocks: set[tuple[str, str]] = set()
        self._mentioned: set[tuple[str, str]] = set()
        self._topics: set[str] = set()

    # ---- what entries change ----

    def take(self, entry: Entry, text: str) -> None:
        """Follow the log by one entry, whose text was ``text`` when it was said."""
        self.seq = entry.seq
        where = tuple(self._heard(entry, text))
        if where:
            self.places[entry.seq] = where
        if text and entry.kind == "post":
            self._said[entry.seq] = entry
        elif entry.kind in _WORDS:
            self._worded[entry.seq] = entry
        user, room, to = entry.user, entry.room, entry.to
        if entry.kind in ("post", "shout", "join"):
            self._topics.update(place for place in (*where, room) if place[:1] == "#")
        match entry.kind:
            case "register":
                self.registered[user] = entry.seq
                self.ways[user] = {"": entry.seq}
            case "secret":
                self.ways[user] = {"": 0}
            case "session" if entry.text and entry.more is not None:
                self.ways.setdefault(user, {})[entry.more.device] = entry.seq
            case "revoke":
                ways, ended = self.ways.get(to, {}), int(entry.text)  # 0: all
                self.ways[to] = {device: by for device, by in ways.items() if ended and by != ended}
            case "join" | "create":
                self._enters(user, room)
                if entry.kind == "create":
                    self.made[room] = entry.seq, text
                    self._ranks[room, user] = _RANKS["owner"]
                    self._mentioned.add((room, user))
                    self._listens(user, "!mods" + room)
            case "leave" | "quit":
                self._goes(user, room)
            case "guest":
                self.registered[user] = entry.seq
            case "nick":
                self._is_called(user, to)
            case "gone":
                self._departs(to)
            case "remove":
                self._goes(to, room)
            case "invite":
                if (to, user) not in self._blocks:
                    self.invited_by.add((user, to, room))
                self._invited.add((room, to))
                self._mentioned.add((room, to))
                self.let_in.setdefault(room, set()).add(to)
            case "role":
                self._ranks[room, to] = _RANKS[text]
                self._mentioned.add((room, to))
                (self._listens if text != "none" else self._listens_no_more)(to, "!mods" + room)
            case "ban":
                self._goes(to, room)
                self._banned.add((room, to))
                self._mentioned.add((room, to))
            case "mute":
                self._muted.add((room, to))
                self._mentioned.add((room, to))
            case "unban":
                self._banned.discard((room, to))
                self._muted.discard((room, to))
            case "disable":
                self._disabled.add(to)
            case "enable":
                self._disabled.discard(to)
            case "policy":
                name, value = text.split(" ", 1)
                self._policies[room, name] = value
            case "block":
                self._blocks.add((user, to))
            case "unblock":
                self._blocks.discard((user, to))
            case "report":
                if entry.ref is not None:
                    self._reported.add(entry.ref.seq)
            case "redact":
                if entry.ref is not None:
                    self.taken_back.setdefault(entry.ref.seq, entry.seq)
            case "purge":
                last = entry.seq if entry.ref is None else entry.ref.seq
                self._takes_back(self._said | self._worded, to, room, last)
            case "expire":
                last = 0 if entry.ref is None else entry.ref.seq
                self._takes_back(self._said, "", room, last)
            case "forget":
                self._takes_back(self._said | self._worded, to, "", entry.seq)
                self._is_forgotten(to)

    def _takes_back(self, entries: dict[int, Entry], user: str, room: str, last: int) -> None:
        for seq, entry in entries.items():
            is_theirs = not user or entry.user == user
            is_there = not room or entry.room == room or room in self.places.get(seq, ())
            if seq <= last and is_theirs and is_there:
                self.taken_back.setdefault(seq, self.seq)

    def _is_forgotten(self, user: str) -> None:
        for room, there in list(self._members.items()):
            if user in there:
                self._goes(user, room)
        for follower in list(self._members.get(user, ())):
            self._goes(follower, user)
        for places in self.stays.get(user, {}).values():
            if places[-1].ended == FAR:
                places[-1] = places[-1]._replace(ended=self.seq)
        self._ranks = {at: rank for at, rank in self._ranks.items() if at[1] != user}
        for what in (self._invited, self._banned, self._muted, self._blocks, self._mentioned):
            what -= {both for both in what if user in both}
        self._disabled.discard(user)
        self.forgotten.add(user)

    def _is_called(self, user: str, now: str) -> None:
        """A guest is somebody else now, in the same rooms, and whatever was ordered about them."""
        for room in self._rooms_of(user):
            self._goes(user, room)
            self._enters(now, room)
        for what in (self._banned, self._muted, self._blocks, self._mentioned):
            theirs = {both for both in what if both[1] == user}
            what -= theirs
            what |= {(room, now) for room, _ in theirs}
        self.registered.pop(user, None)
        self.registered[now] = self.seq

    def _departs(self, user: str) -> None:
        for room in self._rooms_of(user):
            self._goes(user, room)
        for what in (self._banned, self._muted, self._blocks, self._mentioned):
            what -= {both for both in what if both[1] == user}
        self.registered.pop(user, None)

    def _rooms_of(self, user: str) -> list[str]:
        return sorted(room for room, there in self._members.items() if user in there)

    def _enters(self, user: str, room: str) -> None:
        self._members.setdefault(room, set()).add(user)
        self._invited.discard((room, user))
        self.let_in.setdefault(room, set()).add(user)
        self._listens(user, room)

    def _goes(self, user: str, room: str) -> None:
        there = self._members.setdefault(room, set())
        there.discard(user)
        self._ranks.pop((room, user), None)
        self._invited.discard((room, user))
        if room[:1] == "&" and not there:  # the last one has closed it
            self._invited = {one for one in self._invited if one[0] != room}
        self._listens_no_more(user, room)
        self._listens_no_more(user, "!mods" + room)

    def _listens(self, user: str, place: str) -> None:
        stays = self.stays.setdefault(user, {}).setdefault(place, [])
        if not stays or stays[-1].ended != FAR:
            stays.append(Stay(place, self.seq))

    def _listens_no_more(self, user: str, place: str) -> None:
        stays = self.stays.get(user, {}).get(place)
        if stays and stays[-1].ended == FAR:
            stays[-1] = stays[-1]._replace(ended=self.seq)

    # ---- where it is heard ----

    def _heard(self, entry: Entry, text: str) -> Iterator[str]:
        """The places of an entry, as it is taken: a mention is not heard by whoever blocks its author."""
        user, room, to = entry.user, entry.room, entry.to
        match entry.kind:
            case "post" | "shout":
                unheard = self.unheard(user)
                where = heard_at(user, room, text) if text else entry.at or (room,)
                yield from (place for place in where if place not in unheard)
            case "create" | "block" | "unblock":
                yield "!" + user
            case "invite" | "remove" | "role" | "ban" | "mute" | "unban" | "purge" | "disable" | "enable":
                if (to, user) not in self._blocks:  # whom one blocks tells one nothing
                    yield "!" + to
                if entry.kind in ("remove", "role"):
                    yield room or "!mods"
                else:
                    yield "!mods" + room
                if entry.kind == "purge":  # who may have the texts on a screen is told
                    yield room if room[:1] == "&" else "!all"
                if entry.kind == "invite":
                    yield "!" + user
            case "describe":
                yield room
            case "nick" | "gone":
                yield from self._rooms_of(to if entry.kind == "gone" else user)
            case "policy":
                yield room or "!all"
            case "forget":
                yield "!all"
            case "expire":
                yield room if room[:1] == "&" else "!all"
            case "redact":
                target = 0 if entry.ref is None else entry.ref.seq
                yield from self.places.get(target, ())
                if target in self._said:
                    yield "!" + self._said[target].user
                if target in self._reported:
                    yield from self._moderators_of(target)
            case "report":
                yield "!" + user
                yield from self._moderators_of(0 if entry.ref is None else entry.ref.seq)

    def unheard(self, user: str) -> frozenset[str]:
        """Return the mentions that nobody hears if ``user`` says them now: who is named blocks them."""
        return frozenset("@" + who for who, whom in self._blocks if whom == user)

    def _moderators_of(self, seq: int) -> Iterator[str]:
        """Those of the topics and the private room where a post is heard, and of the cluster."""
        yield "!mods"
        yield from ("!mods" + place for place in self.places.get(seq, ()) if place[0] in "#&")

    def reads_report(self, user: str, seq: int) -> bool:
        """Return whether ``user`` could ever read what the report at ``seq`` is about: as a moderator who
        heard it."""
        stays = self.stays.get(user, {})
        mods = [place for place in self.places.get(seq, ()) if place.startswith("!mods")]
        return any(_covers(stays.get(place, ()), seq) for place in mods)

    def hears(self, user: str, seq: int) -> bool:
        """Return whether ``user`` hears the entry at ``seq``, which was taken before."""
        stays = self.stays.get(user, {})
        for place in self.places.get(seq, ()):
            if place == "!all" or (place[1:] == user and place[0] in "@!"):
                if 0 < self.registered.get(user, 0) < seq:
                    return True
            elif place == user or user in place.split("=") or _covers(stays.get(place, ()), seq):
                return True
        return False

    # ---- what may be read ----

    def stretches(self, user: str, room: str, seqs: Sequence[int]) -> list[list[int]]:
        """Return which of these seqs of a room ``user`` could ever read, each time: a page comes from one of
        these stretches."""
        return [[seq for seq in seqs if begun < seq < ended] for begun, ended in self._spans(user, room)]

    def _spans(self, user: str, room: str) -> Iterator[tuple[int, int]]:
        """Yield behind which seq and before which ``user`` could read a room: of a private one, behind what
        began the stay, or the room."""
        if room[:1] == "&":
            made, history = self.made.get(room, (FAR, "joined"))
            for stay in self.stays.get(user, {}).get(room, ()):
                yield (made if history == "all" else stay.begun), stay.ended
        elif "=" not in room or user in room.split("="):
            yield 0, FAR

    def is_readable(self, user: str, seq: int) -> bool:
        """Return whether ``user`` can read a post now, beside mentions: it was said where everybody may read,
        or where they may."""
        room = self._said[seq].room
        if room[:1] == "&" and user not in self._members.get(room, ()):
            return False
        return any(begun < seq and self.seq < ended for begun, ended in self._spans(user, room))

    # ---- what may be done ----

    def has_room(self, room: str) -> bool:
        """Return whether there is such a room: a topic that somebody has used, or a user's own."""
        return room in (self._topics if room[:1] == "#" else self.made) or self._is_known(room)

    def operator_may_not(self, room: str, to: str, role: str) -> str | None:
        """Return with which code an operator who gives a role in a private room should have been refused."""
        is_left = any(self.shut_out(owner) is None for owner in self._owners(room))
        if room not in self.made:
            return "NO_SUCH_ROOM"
        return "NOT_OPERATORS" if is_left or role != "owner" else None

    def moderates(self, user: str, room: str) -> bool:
        """Return whether somebody gives orders about others in a room."""
        return self._rank(user, room) > 0

    def is_in(self, user: str, room: str) -> bool:
        """Return whether somebody is in a room."""
        return user in self._members.get(room, ())

    def is_so_already(self, doing: Doing) -> bool:
        """Return whether what is ordered over IRC is so, and changes nothing: an operator is made one, who is
        none is made none, who is banned is banned, or who is not is banned no more."""
        place = doing.room, doing.to
        if doing.kind == "role":
            return (self._ranks.get(place, 0) > 0) is (doing.text != "none")
        return doing.kind in ("ban", "unban") and (place in self._banned) is (doing.kind == "ban")

    def shut_out(self, user: str) -> str | None:
        """Return with which code ``user`` is refused whatever they do; None if they are not."""
        if user in self.forgotten:
            return "FORGOTTEN"
        if ("", user) in self._banned:
            return "BARRED"
        return "DISABLED" if user in self._disabled else None

    def refusal(self, doing: Doing) -> str | None:
        """Return the code with which it would be refused now; None if it may be done."""
        room, user, to = doing.room, doing.user, doing.to
        if shut := self.shut_out(user):
            return shut
        if doing.kind == "expire":
            return None if doing.fits else "NO_SUCH_POST"
        if doing.kind == "forget":
            if room != user and self._is_muted(user, ""):
                return "MUTED"
            may = to == user if room == user else self._rank(user, "") == _RANKS["admin"]
            return "NOT_ADMIN" if not may else None if self._is_known(to) else "NO_SUCH_USER"
        is_in = user in self._members.get(room, ())
        is_told = is_in or (doing.kind == "join" and (room, user) in self._invited)
        if room[:1] == "&" and not is_told and doing.kind != "create":
            return "NO_SUCH_ROOM"
        match doing.kind:
            case "post" | "shout":
                return self._may_not_post(doing, is_in)
            case "join":
                return self._may_not_join(room, user, is_in)
            case "leave":
                if doing.text and self._is_muted(user, room):
                    return "MUTED"
                if room[:1] != "&":
                    return None if is_in else "NOT_JOINED"
                return "LAST_OWNER" if len(self._members[room]) > 1 and self._owners(room) == {user} else None
            case "create":
                return "MUTED" if self._is_muted(user, "") else "ROOM_TAKEN" if room in self.made else None
            case "block" | "unblock":
                return "YOURSELF" if to == user else None if self._is_known(to) else "NO_SUCH_USER"
            case "redact":
                return self._may_not_redact(doing)
            case "session" | "revoke" | "code":
                return None  # the checker looks at what they must not do
            case "report":
                return self._may_not_report(doing)
            case _:
                return self._may_not_order(doing)

    def _may_not_post(self, doing: Doing, is_in: bool) -> str | None:
        room, user = doing.room, doing.user
        if room[:1] == "#":
            if (room, user) in self._banned:
                return "BANNED"
            if not is_in:
                return "NOT_JOINED"
        elif "=" in room:
            (other,) = (side for side in room.split("=") if side != user)
            if not self._is_known(other):
                return "NO_SUCH_USER"
            if (other, user) in self._blocks:
                return "DIRECT_OFF"
            direct = self._policies.get(("", "direct"), "all")
            if direct != "all" and not (direct == "staff" and self._has_staff(user, other)):
                return "DIRECT_OFF"
        elif room == user:
            for what, code in ((self._banned, "BANNED_THERE"), (self._muted, "MUTED_THERE")):
                if any((topic, user) in what for topic in topics_in(doing.text)):
                    return code
        elif room[:1] != "&":
            return "NOT_YOURS"
        if self._is_muted(user, room):
            return "MUTED"
        return None if not doing.ref or self._may_refer(doing) else "NO_SUCH_POST"

    def _may_refer(self, doing: Doing) -> bool:
        """Return whether somebody may answer a post there: one that all who hear the answer can read."""
        target, room, user = self._said.get(doing.ref), doing.room, doing.user
        if target is None or not doing.fits or doing.ref in self.taken_back:
            return False
        if room == user:
            return target.room[:1] != "&" and "=" not in target.room
        if "=" in room and user[:1] == "~":
            return False
        return self.is_readable(user, doing.ref) and room in self.places[doing.ref]

    def _is_muted(self, user: str, room: str) -> bool:
        return (room, user) in self._muted or ("", user) in self._muted

    def _has_staff(self, *users: str) -> bool:
        return any(self._ranks.get(("", user), 0) for user in users)

    def _may_not_join(self, room: str, user: str, is_in: bool) -> str | None:
        if room == user:
            return "OWN_ROOM"
        if room[:1] not in "#&" and not self._is_known(room):
            return "NO_SUCH_ROOM"
        return "ALREADY_JOINED" if is_in else "BANNED" if (room, user) in self._banned else None

    def _may_not_order(self, doing: Doing) -> str | None:
        kind, user, room, text, to, *_ = doing
        if self._is_muted(user, room):
            return "MUTED"
        if (room, user) in self._banned:
            return "BANNED"
        is_there, rank = to in self._members.get(room, ()), self._rank(user, room)
        is_owners = kind in ("role", "policy")
        needs = 2 if is_owners else 1
        lacks_rank = "NOT_MODERATOR" if not is_owners else "NOT_OWNER" if room else "NOT_ADMIN"
        if is_owners and not room:
            needs = 3
        if kind == "policy":
            return None if rank >= needs else lacks_rank
        if kind == "invite" and self._policies.get((room, "invite")) == "members":
            needs = 0
        if kind == "describe":
            is_free = room[:1] == "#" and not self._owners(room)
            if room == user or rank or (is_free and user in self._members.get(room, ())):
                return None
            return "NOT_JOINED" if is_free else lacks_rank
        checks: list[tuple[bool, str]] = [
            (rank < needs, lacks_rank),
            (not self._is_known(to), "NO_SUCH_USER"),
        ]
        if kind in ("ban", "mute", "unban"):
            checks.reverse()
        is_known = is_there or (room, to) in self._mentioned
        if kind == "invite":
            checks += [(is_there, "ALREADY_THERE"), ((room, to) in self._banned, "THEY_ARE_BANNED")]
        elif kind == "role" and room[:1] == "&":
            alone = text != "owner" and self._owners(room) == {to}
            checks += [(not is_there, "NOT_THERE"), (alone, "LAST_OWNER")]
        elif kind == "role":
            checks += [((room, to) in self._banned, "THEY_ARE_BANNED")]
        elif kind == "remove":
            checks[1] = (to == user, "YOURSELF")
            checks += [(not is_there and (room, to) not in self._invited, "NOT_THERE")]
        elif kind in ("ban", "mute"):
            checks += [(to == user, "YOURSELF")]
        if kind in ("ban", "mute", "unban", "purge") and room[:1] == "&":
            checks += [(not is_known, "NOT_THERE")]
        if kind in ("remove", "ban", "mute", "purge"):
            checks += [(self._rank(to, room) > rank, "OUT_OF_REACH")]
        return next((code for is_so, code in checks if is_so), None)

    def _may_not_redact(self, doing: Doing) -> str | None:
        target = self._said.get(doing.ref)
        user, is_mine = doing.user, target is not None and target.user == doing.user
        if target is None or not doing.fits or doing.ref in self.taken_back:
            return "NO_SUCH_POST"
        if user == "chatnet":  # it repeats what was taken back, in a log that was put back
            return None
        if not is_mine and not self.is_readable(user, doing.ref):
            return "NO_SUCH_POST"
        if not is_mine and ("", user) in self._muted:
            return "MUTED"
        places = self.places[doing.ref]
        moderates = any(
            self._ranks.get((place, user), 0) and (place, user) not in self._muted for place in places
        )
        is_public = target.room[:1] != "&" and "=" not in target.room
        is_out = any((place, user) in self._muted | self._banned for place in places)
        if not moderates and not (is_public and not is_out and self._ranks.get(("", user), 0)):
            return "NO_REASON" if is_mine and doing.text else None if is_mine else "NOT_MODERATOR"
        return "MUTED" if doing.text and ("", user) in self._muted else None

    def _may_not_report(self, doing: Doing) -> str | None:
        target = self._said.get(doing.ref)
        if target is None or not doing.fits or doing.ref in self.taken_back:
            return "NO_SUCH_POST"
        if not self.is_readable(doing.user, doing.ref):
            return "NO_SUCH_POST"
        return "YOURSELF" if target.user == doing.user else None

    def _rank(self, user: str, room: str) -> int:
        rank = self._ranks.get((room, user), 0)
        return rank if room[:1] == "&" else max(rank, self._ranks.get(("", user), 0))

    def _owners(self, room: str) -> set[str]:
        return {
            user for (where, user), rank in self._ranks.items() if where == room and rank == _RANKS["owner"]
        }

    def _is_known(self, user: str) -> bool:
        return user in self.registered and user not in self.forgotten

    def stays_of(self, user: str) -> Iterable[Stay]:
        """Return all stays of a user in rooms."""
        rooms = self.stays.get(user, {})
        return [stay for place, stays in rooms.items() if place[0] != "!" for stay in stays]


def _covers(stays: Iterable[Stay], seq: int) -> bool:
    return any(stay.covers(seq) for stay in stays)
