"""What follows from the entries of a log, in memory: everything that the stores keep in tables. Pure.

``chatnet check`` computes it anew from the entries of a store, and the log in memory lives on it. It is
written a second time in SQL (:mod:`chatnet.store.follows`); a test compares them. What it says about a draft
is :mod:`chatnet.facts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from chatnet.blanking import Blankings, blanking_of
from chatnet.codes import KEPT_LENGTH, NAME_MS, PAIR_MS, recoveries_of, uses_of
from chatnet.entries import Draft, Entry, More, heard_at, settled
from chatnet.kinds import CLUSTER, NEW_LEVEL, SAID, own_level
from chatnet.names import is_private, is_topic, looks
from chatnet.policies import POLICIES, parted
from chatnet.rules import DAY_MS, FOR_EVER, HOUR_MS, INVITED_MS, MAKERS, MOST_A_DAY, ROLES
from chatnet.stays import Change, Memberships, changes

OWNER = ROLES.index("owner")
ADMIN = ROLES.index("admin")
MODERATOR = ROLES.index("moderator")
"""The ranks of roles."""


@dataclass(slots=True)
class Account:
    """A user: the credential, the seqs that set it and that registered the name; in how many rooms they are;
    the day on which they last made a topic, and how many on that day; until when they are a newcomer."""

    credential: str
    secret_seq: int
    registered: int
    rooms: int = 0
    day: int = 0
    topics: int = 0
    fresh: int = 0


@dataclass(slots=True)
class Standing:
    """What a user is in a room beside being a member: see the table of this name."""

    role: int = 0
    invited: int = 0
    banned: int = 0
    muted: int = 0
    ordered: int = 0
    blocked: int = 0
    disabled: int = 0

    def row(self) -> tuple[int, ...]:
        """Return the values in the order of the table's columns."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(slots=True)
class Private:
    """A private room: what newcomers may read, and the seq of the entry that made it."""

    history: str
    made: int


@dataclass(slots=True)
class Session:
    """A session of a user on a device: the seq that began it, what the user calls the device, what it may do,
    and what is kept of a secret that is the device's own."""

    seq: int
    label: str
    scope: str
    credential: str


@dataclass(slots=True)
class Code:
    """A code: who made it, the name that it is for (empty: any new one), the private rooms to which it
    invites, with a space between, how many may use it, and until when. Recovery codes alone are good for
    ever."""

    author: str
    whose: str
    room: str
    uses: int
    until: int

    @property
    def recovers(self) -> bool:
        """Whether it is a recovery code."""
        return self.until == FOR_EVER


_NONE = Standing()


class State:
    """What follows from the entries that were taken so far of a log that began at ``level``.

    ``look`` returns the entry at a seq, with its text as it is now; None if the log ends before.
    """

    def __init__(self, log_id: str, look: Callable[[int], Entry | None], level: int = NEW_LEVEL) -> None:
        self.level = level
        self.own_level = own_level()
        self.accounts: dict[str, Account] = {}
        self.memberships: dict[str, Memberships] = {}
        self.members: dict[str, dict[str, None]] = {}
        self.rooms: dict[str, None] = {}
        self.privates: dict[str, Private] = {}
        self.standings: dict[tuple[str, str], Standing] = {}
        self.talks: dict[tuple[str, str], None] = {}
        self.descriptions: dict[str, tuple[str, int]] = {}
        self.policies: dict[tuple[str, str], tuple[str, int]] = {}
        self.reported: dict[int, None] = {}
        self.invitations: dict[tuple[str, str], tuple[str, int]] = {}
        self.tallies: dict[tuple[str, str], tuple[int, int]] = {}
        self._ordered: set[str] = set()
        self.forgotten: dict[str, int] = {}
        self.blankings = Blankings()
        self.sessions: dict[str, dict[str, Session]] = {}
        self.codes: dict[str, Code] = {}
        self.faces: dict[str, tuple[str, int]] = {}
        self.looks: Counter[str] = Counter()
        self._guests = 0
        self._begun = 0  # the time of the first entry
        self.log_id = log_id
        self.look = look

    # ---- what follows ----

    def settled(self, draft: Draft) -> tuple[str, ...]:
        """Return the places of a draft that is accepted: see :func:`chatnet.entries.settled`."""
        target = None if draft.ref is None else self.look(draft.ref.seq)
        return settled(
            draft,
            target,
            lambda user: bool(self.standing(user, draft.user).blocked),
            lambda seq: seq in self.reported,
            self.rooms_of,
        )

    def rooms_of(self, user: str) -> list[str]:
        """Return the rooms of which the user is a member, in order."""
        memberships = self.memberships.get(user)
        return [] if memberships is None else sorted(room for room in memberships.rooms() if room[0] != "!")

    def apply(self, entry: Entry) -> None:
        """Take an entry that may be in the log. An author who is not known is passed over."""
        if entry.seq == 1:
            self._begun = entry.time
        self._use(entry)
        for change in changes(entry):
            self._change(change, entry.seq)
        blanking = blanking_of(entry)
        if blanking is not None:
            self.blankings.add(blanking)
        follow = FOLLOWS.get(entry.kind)
        if follow is not None:
            follow(self, entry)
        if entry.kind in MOST_A_DAY:
            day = entry.time // DAY_MS
            its_day, count = self.tallies.get((entry.user, entry.kind), (0, 0))
            self.tallies[entry.user, entry.kind] = day, count + 1 if its_day == day else 1

    def _use(self, entry: Entry) -> None:
        """Add the topics that the entry makes."""
        names: Iterable[str] = ()
        if entry.kind in SAID:
            names = heard_at(entry) if entry.room == entry.user else ()
        elif entry.kind in MAKERS:
            names = (entry.room,)
        topics = [name for name in names if is_topic(name) and name not in self.rooms]
        self.rooms |= dict.fromkeys(topics)
        author = self.accounts.get(entry.user)
        if topics and author is not None:
            day = entry.time // DAY_MS
            author.topics = len(topics) + (author.topics if author.day == day else 0)
            author.day = day

    def _change(self, change: Change, seq: int) -> None:
        memberships = self.memberships.setdefault(change.user, Memberships())
        if not memberships.change(change, seq) or change.place[0] == "!":
            return
        if change.user in self.accounts:
            self.accounts[change.user].rooms += 1 if change.begins else -1
        members = self.members.setdefault(change.place, {})
        if change.begins:
            members[change.user] = None
        else:
            members.pop(change.user, None)

    def _stand(self, room: str, user: str) -> Standing:
        return self.standings.setdefault((room, user), Standing())

    def _register(self, entry: Entry) -> None:
        account = self.accounts[entry.user] = Account(entry.text, entry.seq, entry.seq)
        if not more_of(entry).code and entry.time - self._begun > DAY_MS:
            account.fresh = entry.time + DAY_MS
        self.memberships.setdefault(entry.user, Memberships()).registered = entry.seq
        self.rooms[entry.user] = None
        self.looks[looks(entry.user)] += 1
        self._begin(entry, "")
        shown = more_of(entry).code
        code = self.codes.get(shown)
        if code is not None:
            for room in code.room.split():
                if self.members.get(room) and self._may_invite(code, room):
                    self._stand(room, entry.user).invited = entry.time + INVITED_MS
                    self.invitations[entry.user, room] = code.author, entry.seq
            code.uses -= 1
            if code.uses <= 0:
                del self.codes[shown]
        self._drop_codes(entry.user)

    def _may_invite(self, code: Code, room: str) -> bool:
        return code.author == CLUSTER or self.standing(room, code.author).role >= MODERATOR

    def _secret(self, entry: Entry) -> None:
        if entry.user in self.accounts:
            account = self.accounts[entry.user]
            account.credential, account.secret_seq = entry.text, entry.seq
            self.sessions.pop(entry.user, None)
            self._begin(entry, "")
            shown = self.codes.pop(more_of(entry).code, None)
            self._drop_codes(entry.user)
            if shown is None or not shown.recovers:
                self._drop_recoveries(entry.user)

    def _session(self, entry: Entry) -> None:
        more, account = more_of(entry), self.accounts[entry.user]
        before = self.sessions.get(entry.user, {}).get(more.device)
        if before is not None and is_random(account) and account.secret_seq == before.seq:
            self._void(entry.user, entry.seq)
        self._begin(entry, entry.text if more.code else "")
        self.codes.pop(more.code, None)

    def _begin(self, entry: Entry, credential: str) -> None:
        more = more_of(entry)
        session = Session(entry.seq, more.label, more.scope or "all", credential)
        self.sessions.setdefault(entry.user, {})[more.device] = session

    def _revoke(self, entry: Entry) -> None:
        account, seq = self.accounts[entry.to], int(entry.text)
        if not seq or (is_random(account) and account.secret_seq == seq):
            self._void(entry.to, entry.seq)
        sessions = self.sessions.get(entry.to, {})
        left = {device: one for device, one in sessions.items() if seq and one.seq != seq}
        self.sessions[entry.to] = left
        self._drop_codes(entry.to)

    def _void(self, user: str, seq: int) -> None:
        """The user's secret is none any more, nor are the recovery codes that were made by showing it."""
        account = self.accounts[user]
        account.credential, account.secret_seq = "", seq
        self._drop_recoveries(user)

    def _code(self, entry: Entry) -> None:
        self.codes = {kept: code for kept, code in self.codes.items() if code.until > entry.time}
        if recoveries := recoveries_of(entry.text):
            self._drop_recoveries(entry.to)
            self.codes |= {kept: Code(entry.user, entry.to, "", 1, FOR_EVER) for kept in recoveries}
            return
        if entry.to:
            self._drop_codes(entry.to)
        room = entry.room if is_private(entry.room) else ""
        until = more_of(entry).until or entry.time + (PAIR_MS if entry.to == entry.user else NAME_MS)
        its_hash = entry.text[:KEPT_LENGTH]
        if its_hash in self.codes:
            self.codes[its_hash].room += " " + room
        else:
            self.codes[its_hash] = Code(entry.user, entry.to, room, uses_of(entry.text), until)

    def _drop_codes(self, user: str) -> None:
        """Drop the codes for this user alone, but for those for recovery."""
        codes = self.codes.items()
        self.codes = {kept: code for kept, code in codes if code.whose != user or code.recovers}

    def _drop_recoveries(self, user: str) -> None:
        codes = self.codes.items()
        self.codes = {kept: code for kept, code in codes if code.whose != user or not code.recovers}

    def _disable(self, entry: Entry) -> None:
        standing = self._stand("", entry.to)
        standing.disabled = standing.ordered = 1
        self._ordered.add(entry.to)

    def _enable(self, entry: Entry) -> None:
        if ("", entry.to) in self.standings:
            self._stand("", entry.to).disabled = 0

    def _joined(self, entry: Entry) -> None:
        self.invitations.pop((entry.user, entry.room), None)
        if (entry.room, entry.user) in self.standings:
            self._stand(entry.room, entry.user).invited = 0

    def _left(self, entry: Entry) -> None:
        if (entry.room, entry.user) in self.standings:
            self._stand(entry.room, entry.user).role = 0
        self._close(entry.room)

    def _close(self, room: str) -> None:
        if is_private(room) and not self.members.get(room):
            for (its_room, _), standing in self.standings.items():
                if its_room == room:
                    standing.invited = 0

    def _removed(self, entry: Entry) -> None:
        self.invitations.pop((entry.to, entry.room), None)
        if (entry.room, entry.to) in self.standings:
            standing = self._stand(entry.room, entry.to)
            standing.role = standing.invited = 0

    def _create(self, entry: Entry) -> None:
        self.privates[entry.room] = Private(entry.text, entry.seq)
        self._stand(entry.room, entry.user).role = OWNER

    def _invite(self, entry: Entry) -> None:
        self._stand(entry.room, entry.to).invited = entry.time + INVITED_MS
        if not self.standing(entry.to, entry.user).blocked:
            self.invitations[entry.to, entry.room] = entry.user, entry.seq

    def _describe(self, entry: Entry) -> None:
        self.descriptions[entry.room] = entry.text, entry.seq

    def _role(self, entry: Entry) -> None:
        self._stand(entry.room, entry.to).role = ROLES.index(entry.text)

    def _ban(self, entry: Entry) -> None:
        self._removed(entry)
        standing = self._stand(entry.room, entry.to)
        standing.banned, standing.ordered = _until(entry), 1
        self._ordered.add(entry.to)
        self._close(entry.room)

    def _mute(self, entry: Entry) -> None:
        standing = self._stand(entry.room, entry.to)
        standing.muted, standing.ordered = _until(entry), 1
        self._ordered.add(entry.to)

    def _unban(self, entry: Entry) -> None:
        if (entry.room, entry.to) in self.standings:
            standing = self._stand(entry.room, entry.to)
            standing.banned = standing.muted = 0

    def _policy(self, entry: Entry) -> None:
        name, value = parted(entry.text)
        self.policies[entry.room, name] = value, entry.seq

    def _block(self, entry: Entry) -> None:
        self._stand(entry.user, entry.to).blocked = 1

    def _unblock(self, entry: Entry) -> None:
        if (entry.user, entry.to) in self.standings:
            self._stand(entry.user, entry.to).blocked = 0

    def _report(self, entry: Entry) -> None:
        if entry.ref is not None:
            self.reported[entry.ref.seq] = None

    def _post(self, entry: Entry) -> None:
        if "=" in entry.room:
            if self.is_newcomer(entry.user, entry.time) and (entry.user, entry.room) not in self.talks:
                hour = entry.time // HOUR_MS
                last, count = self.tallies.get((entry.user, "talk"), (0, 0))
                self.tallies[entry.user, "talk"] = hour, count + 1 if last == hour else 1
            self.talks |= dict.fromkeys((side, entry.room) for side in entry.room.split("="))

    def _level(self, entry: Entry) -> None:
        self.level = int(entry.text)

    def _guest(self, entry: Entry) -> None:
        account = self.accounts[entry.user] = Account("", entry.seq, entry.seq)
        if entry.time - self._begun > DAY_MS:
            account.fresh = entry.time + DAY_MS
        self.memberships.setdefault(entry.user, Memberships()).registered = entry.seq
        self.sessions[entry.user] = {"": Session(entry.seq, "", "all", "")}
        self._guests += 1
        self._face(entry)

    def _face(self, entry: Entry) -> None:
        self.faces[entry.user] = entry.text, entry.seq

    def _nick(self, entry: Entry) -> None:
        old, new = entry.user, entry.to
        account = self.accounts[new] = self.accounts.pop(old)
        account.secret_seq = account.registered = entry.seq
        account.rooms = len(self.rooms_of(new))
        self.memberships.setdefault(old, Memberships()).registered = 0
        self.memberships.setdefault(new, Memberships()).registered = entry.seq
        self.sessions.pop(old)
        self.sessions[new] = {"": Session(entry.seq, "", "all", "")}
        del self.faces[old]
        self.faces[new] = entry.text, entry.seq
        self.standings = {
            (room, new if user == old else user): it for (room, user), it in self.standings.items()
        }
        self.tallies = {(new if of[0] == old else of[0], of[1]): it for of, it in self.tallies.items()}
        self.talks = {of: None for of in self.talks if of[0] != old}
        if old in self._ordered:
            self._ordered.discard(old)
            self._ordered.add(new)

    def _gone(self, entry: Entry) -> None:
        user = entry.to
        self.memberships.setdefault(user, Memberships()).registered = 0
        self.standings = {of: it for of, it in self.standings.items() if of[1] != user}
        self.tallies = {of: it for of, it in self.tallies.items() if of[0] != user}
        self.talks = {of: None for of in self.talks if of[0] != user}
        self._ordered.discard(user)
        del self.sessions[user], self.faces[user], self.accounts[user]
        self._guests -= 1

    def _forget(self, entry: Entry) -> None:
        user = entry.to
        memberships = self.memberships.setdefault(user, Memberships())
        for place in memberships.rooms():
            memberships.change(Change(user, place, False), entry.seq)
            self.members.get(place, {}).pop(user, None)
            self._close(place)
        memberships.registered = 0
        for follower in list(self.members.get(user, ())):
            self._change(Change(follower, user, False), entry.seq)
        del self.rooms[user]
        self.standings = {of: it for of, it in self.standings.items() if user not in of}
        self.invitations = {of: it for of, it in self.invitations.items() if of[0] != user}
        self.tallies = {of: it for of, it in self.tallies.items() if of[0] != user}
        self._ordered.discard(user)
        self.sessions.pop(user, None)
        codes = self.codes.items()
        self.codes = {kept: code for kept, code in codes if user not in (code.whose, code.author)}
        del self.accounts[user]
        self.faces.pop(user, None)
        self.looks[looks(user)] -= 1
        self.forgotten[user] = entry.seq

    # ---- what is asked of it in more places than one ----

    def standing(self, room: str, user: str) -> Standing:
        """Return what the user is in the room, or in the cluster for an empty one."""
        return self.standings.get((room, user), _NONE)

    def is_newcomer(self, user: str, now: int) -> bool:
        """Return whether the user registered without a code, not a day ago."""
        return user in self.accounts and self.accounts[user].fresh > now

    @property
    def guest_count(self) -> int:
        """How many guests are here."""
        return self._guests

    def is_ordered(self, user: str) -> bool:
        """Return whether anybody ever banned, muted or disabled the user."""
        return user in self._ordered

    def policy(self, room: str, name: str) -> str:
        """Return the value of a policy of the room, or of the cluster for an empty one."""
        value, _ = self.policies.get((room, name), (POLICIES[name].default, 0))
        return value

    def is_member(self, user: str, room: str) -> bool:
        """Return whether the user is in the room."""
        return user in self.members.get(room, {})


def more_of(of: Draft | Entry) -> More:
    """Return what it has beyond the columns that all have."""
    return of.more or _NOTHING


_NOTHING = More()


def is_random(account: Account) -> bool:
    """Return whether the user's secret is a random one, in a file, and no password."""
    return account.credential.startswith("sha256:")


def _until(entry: Entry) -> int:
    return FOR_EVER if entry.more is None or entry.more.until == 0 else entry.more.until


FOLLOWS: dict[str, Callable[[State, Entry], None]] = {
    "register": State._register,
    "secret": State._secret,
    "session": State._session,
    "revoke": State._revoke,
    "code": State._code,
    "disable": State._disable,
    "enable": State._enable,
    "join": State._joined,
    "leave": State._left,
    "post": State._post,
    "level": State._level,
    "create": State._create,
    "invite": State._invite,
    "remove": State._removed,
    "describe": State._describe,
    "role": State._role,
    "ban": State._ban,
    "mute": State._mute,
    "unban": State._unban,
    "policy": State._policy,
    "block": State._block,
    "unblock": State._unblock,
    "forget": State._forget,
    "report": State._report,
    "guest": State._guest,
    "nick": State._nick,
    "gone": State._gone,
    "spelling": State._face,
}
"""What follows from an entry, by its kind, besides its stays."""
