"""A log in memory, under the same rules as the real ones: for tests of everything that uses a log."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import itemgetter
from typing import TypeVar

import msgspec
from twisted.internet.defer import Deferred

from chatnet.aging import NEVER, LastUse
from chatnet.blanking import TAKES_BACK
from chatnet.cursor import Cursor
from chatnet.entries import (
    Draft,
    Entry,
    blanked,
    entry_of,
    heard_at,
    listens,
    mentions,
    moderators_told,
    other_side,
    visible,
)
from chatnet.errors import KeyReused, NoSuchRoom, Refusal, Unreadable
from chatnet.facts import StateFacts
from chatnet.form import check_form
from chatnet.kinds import EVENTS, NEW_LEVEL, SAID
from chatnet.log import Outcome, Refused
from chatnet.marks import MOST_KINDS, UserMark, cut, heard, kind_of, used
from chatnet.names import is_guest, is_private, is_public, is_talk, is_topic, sides, spelled_for
from chatnet.reads import (
    MOST_BLOCKERS,
    MOST_UNREAD,
    NEWEST,
    NOT_DESCRIBED,
    PAGE_FACES,
    Account,
    AccountOf,
    AllUsers,
    Answers,
    Ban,
    BanPage,
    BansOf,
    CodeOf,
    CodePurpose,
    CursorAt,
    Device,
    DevicesOf,
    Faces,
    Feed,
    FeedPage,
    FirstIn,
    Head,
    HeardBy,
    History,
    HistoryAfter,
    Invitation,
    InvitationPage,
    InvitationsOf,
    LedBy,
    MarkPage,
    MarksOf,
    Member,
    MemberPage,
    Members,
    Newest,
    Person,
    PersonOf,
    PoliciesIn,
    PolicyValue,
    Question,
    ReportedPost,
    RoomFacts,
    RoomOf,
    RoomPage,
    Rooms,
    SeqBefore,
    ShownFace,
    Snapshot,
    SnapshotOf,
    SpeakerIn,
    Talk,
    TalkPage,
    Talks,
    UnreadOf,
    UnreadPage,
    UsedDevice,
    UserFacts,
    UserPage,
    code_purpose,
)
from chatnet.rules import ROLES, judge
from chatnet.state import Standing, State
from chatnet.stays import Interval, Memberships
from chatnet.store.pages import FIRST_STAY, OPEN, PAGE_ROOMS, snapshot_page
from chatnet.store.questions import known_name, known_room, known_seq
from chatnet.store.refusals import is_kept, lasts
from chatnet.store.window import Window

T = TypeVar("T")


class MemoryLog:
    """Implements :class:`chatnet.log.Log`.

    Appends are answered at once, or, while ``held``, at :meth:`let_go`; reads in the same way while
    ``reads_held``. The window follows each commit; while ``lagging``, only at :meth:`catch_up`. ``page`` is
    how many entries a page holds. It begins at ``level``. Questions of the kinds ``unread`` are refused for
    now, as on a full disk, or by a damaged store.
    """

    log_id = "memory"

    def __init__(
        self,
        window: Window | None = None,
        clock: Callable[[], float] = float,
        page: int = 500,
        level: int = NEW_LEVEL,
    ) -> None:
        self.window = window or Window(self.log_id)
        self.entries: list[Entry] = []
        self.waiting_bytes = 0
        self.held = self.reads_held = self.lagging = False
        self.unread: Collection[type] = ()
        self._clock = clock
        self._page = page
        self._seqs: dict[tuple[str, bytes], int] = {}
        self.erased: set[tuple[str, bytes]] = set()
        """Posts that were taken back in a log that was put back, by user and key."""
        self._refused: dict[tuple[str, bytes], tuple[Draft, Refused]] = {}
        self.state = State(self.log_id, self._entry, level)
        self._facts = StateFacts(self.state)
        self.window.level = self.state.level
        self._marks: dict[tuple[str, str], int] = {}
        self._named: dict[int, tuple[str, ...]] = {}  # by seq; they stay when a text is taken back
        self._waiting: list[tuple[list[Draft], Deferred[list[Outcome]]]] = []
        self._reading: list[Deferred[None]] = []

    @property
    def level(self) -> int:
        """The log's level."""
        return self.state.level

    def _entry(self, seq: int) -> Entry | None:
        return self.entries[seq - 1] if 0 < seq <= len(self.entries) else None

    # ---- appending ----

    def append(self, drafts: Sequence[Draft]) -> Deferred[list[Outcome]]:
        """See :meth:`chatnet.log.Log.append`."""
        answer: Deferred[list[Outcome]] = Deferred()
        self._waiting.append((list(drafts), answer))
        self.waiting_bytes += sum(map(_size, drafts))
        if not self.held:
            self._commit()
        return answer

    def let_go(self) -> None:
        """Commit what is held, and answer it; then hold neither appends nor reads."""
        self.held = self.reads_held = False
        self._commit()
        reading, self._reading = self._reading, []
        for read in reading:
            read.callback(None)

    def answer_read(self) -> None:
        """Answer the oldest read that is held."""
        self._reading.pop(0).callback(None)

    def catch_up(self) -> None:
        """Bring the window to the head."""
        self.window.extend(self.entries[self.window.head :])

    def forget(self) -> None:
        """Empty the window; it continues after its head."""
        self.window.restart(self.log_id, self.window.cursor)

    @property
    def waiting(self) -> list[Draft]:
        """The drafts that are held."""
        return [draft for drafts, _ in self._waiting for draft in drafts]

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting, []
        self.waiting_bytes = 0
        answers = [(answer, [self._accept(draft) for draft in drafts]) for drafts, answer in waiting]
        if not self.lagging:
            self.catch_up()
        for answer, outcomes in answers:
            answer.callback(outcomes)

    def _accept(self, draft: Draft) -> Outcome:
        try:
            check_form(draft)
        except Refusal as no:
            return Refused.of(no)
        try:
            return self._judged(draft)
        except Refusal as no:
            return Refused.of(no)

    def _judged(self, draft: Draft) -> Outcome:
        place = draft.user, draft.key
        kept = is_kept(draft, self.state.is_ordered(draft.user))
        if kept and place in self._refused:
            before, refused = self._refused[place]
            if _content(before) == _content(draft):
                return refused
            raise KeyReused.of()
        if place in self._seqs:
            old = self.entries[self._seqs[place] - 1]
            is_blank = not old.text and old.kind == draft.kind and self._is_blank(old, bool(draft.text))
            if is_blank or _content(old) == _content(draft):
                return old.seq
            raise KeyReused.of()
        now = int(self._clock() * 1000)
        try:
            judge(draft, self._facts, now)
        except Refusal as no:
            if kept and lasts(no):
                self._refused[place] = (draft, Refused.of(no))
            raise
        entry = entry_of(draft, len(self.entries) + 1, now, self.state.settled(draft))
        self.entries.append(entry)
        self._seqs[place] = entry.seq
        self.state.apply(entry)
        self._named[entry.seq] = tuple(
            user for user in mentions(entry) if not self.state.standing(user, entry.user).blocked
        )
        if draft.kind == "redact" and draft.ref is not None:
            self.entries[draft.ref.seq - 1] = blanked(self.entries[draft.ref.seq - 1])
        if draft.kind in SAID and place in self.erased:
            self.entries[-1] = blanked(entry)
        if draft.kind in TAKES_BACK:
            self.entries = self.state.blankings.without(self.entries)
        return entry.seq

    def _is_blank(self, old: Entry, has_text: bool) -> bool:
        if old.kind in SAID:
            return has_text
        blankings = (it for it in self.state.blankings if has_text or it.whole)
        return any(it.user == old.user and it.upto >= old.seq for it in blankings)

    # ---- marks ----

    async def keep_marks(self, marks: Sequence[UserMark]) -> list[UserMark]:
        """See :meth:`chatnet.log.Log.keep_marks`. Held as reads are."""
        await self._turn()
        kept = [
            mark
            for mark in cut(marks, len(self.entries))
            if mark.seq > self._marks.get((mark.user, mark.room), -1)
            and mark.user not in self.state.forgotten
        ]
        self._marks.update({(mark.user, mark.room): mark.seq for mark in kept})
        for user in {mark.user for mark in kept}:
            for kind, most in MOST_KINDS.items():
                self._forget_marks(user, kind, most)
        return [mark for mark in kept if (mark.user, mark.room) in self._marks]

    def _forget_marks(self, user: str, kind: str, most: int) -> None:
        theirs = [of for of in self._marks if of[0] == user and kind_of(of[1]) == kind]
        if len(theirs) > most:
            theirs.sort(key=lambda of: (self._marks[of], of[1]))
            for of in theirs[: len(theirs) - most]:
                del self._marks[of]

    # ---- reading ----

    async def read(self, question: Question[T]) -> T:
        """See :meth:`chatnet.log.Log.read`."""
        await self._turn()
        if type(question) in self.unread:
            raise Unreadable(Unreadable.sentence)
        found: T = ANSWERS[type(question)](self, question)
        return found

    def _head(self, asked: Head) -> int:
        return len(self.entries)

    def _cursor_at(self, asked: CursorAt) -> Cursor | None:
        if asked.seq == 0:
            return Cursor.beginning(self.log_id)
        known = asked.seq <= len(self.entries)
        return Cursor.at(self.log_id, self.entries[asked.seq - 1]) if known else None

    def _account(self, asked: AccountOf) -> Account | None:
        seq = self.state.forgotten.get(asked.user)
        if seq is not None:
            return Account.forgotten(seq)
        found = self._account_of(asked.user)
        device = next((one for one in self._devices(asked.user) if one.device == asked.device), None)
        return found if found is None or device is None else msgspec.structs.replace(found, device=device)

    def _devices(self, user: str) -> list[Device]:
        sessions = self.state.sessions.get(user, {}).items()
        found = [Device(one.seq, device, one.label, one.scope, one.credential) for device, one in sessions]
        return sorted(found, key=lambda one: one.seq)

    def _code(self, asked: CodeOf) -> CodePurpose:
        code = self.state.codes.get(asked.kept)
        if code is None or code.until <= self.entries[-1].time:
            return ""
        return code_purpose((code.author, code.whose, code.until), asked.user)

    def _used_devices(self, asked: DevicesOf) -> list[UsedDevice]:
        found = [msgspec.structs.replace(one, credential="") for one in self._devices(asked.user)]
        return [
            UsedDevice(one, self._time(one.seq), self._time(self._marks.get((asked.user, used(one.seq)), 0)))
            for one in found
        ]

    def _time(self, seq: int) -> int:
        entry = self._entry(seq)
        return 0 if entry is None else entry.time

    def _account_of(self, user: str) -> Account | None:
        found = self.state.accounts.get(user)
        return (
            None
            if found is None
            else Account(found.credential, found.secret_seq, found.registered, None, found.fresh)
        )

    def _snapshot(self, asked: SnapshotOf) -> Snapshot:
        upto = known_seq(asked.upto)
        memberships = self.state.memberships.get(asked.user, Memberships())
        stays = [
            (stay.room, stay.joined, OPEN if stay.left is None else stay.left)
            for stay in memberships.intervals()
            if stay.joined <= upto
        ]
        positions = {
            (left, room): (room, joined, left)
            for room, joined, left in stays
            if left > min(asked.after, upto)
        }
        page = [place for place in sorted(positions, reverse=True) if place < (asked.behind or FIRST_STAY)]
        size = self.window.limits.page
        shown = [positions[place] for place in page[: size.stays]]
        standing = self.state.standings.get(("", asked.user))
        banned, disabled = (0, 0) if standing is None else (standing.banned, standing.disabled)
        sessions = self._devices(asked.user) if asked.session else ()
        session = next((one for one in sessions if one.seq == asked.session), None)
        last_use = NEVER
        if session is not None:
            session = msgspec.structs.replace(session, credential="")
            last_use = self._last_use(asked.user, session.seq)
        rows = [(*stay, None) for stay in shown]
        orders = len(self.entries), banned, disabled
        return snapshot_page(self._account_of(asked.user), upto, rows, size, orders, session, last_use)

    def _last_use(self, user: str, session: int) -> LastUse:
        now, mark = self.entries[-1].time, self._marks.get((user, used(session)))
        behind = None if mark is None else next((one for one in self.entries if one.seq > mark), None)
        return LastUse(0 if behind is None else behind.time, now)

    def _newest(self, asked: Newest) -> list[Entry]:
        user, upto = known_name(asked.user), known_seq(asked.upto)
        if user not in self.state.accounts:
            return []
        memberships = self._memberships_at(user, upto)

        def is_shown_at(place: str, seq: int) -> bool:
            if place[0] == "@":
                return listens(user, memberships, place, seq)
            if place == user or user in sides(place):
                return seq > self._talks_since(user)
            return memberships.has(place) and seq > self._shown_from(place, memberships)

        def is_shown(post: Entry) -> bool:
            return any(is_shown_at(place, post.seq) for place in heard_at(post))

        last = max(0, known_seq(asked.last))
        return [post for post in self._posts(0, last) if is_shown(post)][-NEWEST:]

    def _feed(self, asked: Feed) -> FeedPage:
        user, after, upto = known_name(asked.user), asked.after, known_seq(asked.upto)
        if user not in self.state.accounts:
            return FeedPage([], min(after, upto))
        cursor = upto if after + self._page >= len(self.entries) else min(upto, after + self._page)
        memberships = self._memberships_at(user, cursor)
        heard = [entry for entry in self.entries[after:cursor] if entry.kind in SAID or entry.kind in EVENTS]
        return FeedPage([entry for entry in heard if visible(entry, user, memberships)], cursor)

    def _history(self, asked: History) -> list[Entry]:
        upto = known_seq(asked.upto)
        after = self._readable(asked)
        last = min(upto, len(self.entries) if asked.before is None else max(0, asked.before - 1))
        return list(self._read_in(asked, after, last))[-self._page :]

    def _read_in(self, asked: History | HistoryAfter, after: int, upto: int) -> Iterator[Entry]:
        """Yield the entries of a history."""
        moved, forgotten = set[int](), self.state.forgotten.keys()
        for user, its in self.state.memberships.items() if asked.events else ():
            if user not in forgotten:
                stays = (stay for stay in its.intervals() if stay.room == asked.room)
                moved |= {seq for stay in stays for seq in (stay.joined, stay.left or 0)}
        blankings = (one for one in self.state.blankings if not one.user and one.room in ("", asked.room))
        expired = max((one.upto for one in blankings), default=0)

        def is_told(one: Entry) -> bool:
            if one.kind in SAID:
                return True
            return asked.events and one.seq > expired and forgotten.isdisjoint((one.user, one.to))

        for entry in self.entries[after:upto]:
            if (entry.seq in moved or asked.room in heard_at(entry)) and is_told(entry):
                yield entry

    def _history_after(self, asked: HistoryAfter) -> list[Entry]:
        upto = min(known_seq(asked.upto), len(self.entries))
        after = max(self._readable(asked), known_seq(asked.after))
        return list(self._read_in(asked, after, upto))[: self._page]

    def _seq_before(self, asked: SeqBefore) -> int:
        entries = self.entries[: known_seq(asked.upto)]
        return bisect_left(entries, known_seq(asked.time), key=lambda entry: entry.time)

    def _readable(self, asked: History | HistoryAfter | Members | RoomOf | BansOf | PoliciesIn) -> int:
        """Return the seq after which the user may read the room."""
        room, user = known_room(asked.room), known_name(asked.user)
        if is_public(room):
            if room in self.state.rooms:
                return 0
        elif is_private(room):
            memberships = self._memberships_at(user, known_seq(asked.upto))
            if memberships.has(room):
                return self._shown_from(room, memberships)
        elif user in sides(room) and (
            other_side(room, user) in self.state.accounts or (user, room) in self.state.talks
        ):
            return self._talks_since(user)
        raise NoSuchRoom.of(room=spelled_for(asked.room, asked.user))

    def _talks_since(self, user: str) -> int:
        account = self.state.accounts.get(user)
        return 0 if not is_guest(user) else OPEN if account is None else account.registered

    def _shown_from(self, room: str, memberships: Memberships) -> int:
        private = self.state.privates.get(room)
        if private is None:
            return 0
        return private.made if private.history == "all" else memberships.since(room)

    def _members(self, asked: Members) -> MemberPage:
        upto = known_seq(asked.upto)
        self._readable(asked)
        names = [name for name in self._in(asked.room, upto) if name > asked.after]
        members = [Member(name, self._role(asked.room, name)) for name in names[:PAGE_ROOMS]]
        return MemberPage(members, len(names) > PAGE_ROOMS, *self._about(asked.room, upto))

    def _in(self, room: str, upto: int) -> list[str]:
        return sorted(user for user in self.state.memberships if self._memberships_at(user, upto).has(room))

    def _about(self, room: str, upto: int) -> tuple[str, str, int]:
        _, seq = self.state.descriptions.get(room, ("", 0))
        entry = self.entries[seq - 1] if 0 < seq <= upto else None
        return (entry.text, entry.user, entry.time) if entry is not None and entry.text else NOT_DESCRIBED

    def _room_of(self, asked: RoomOf) -> RoomFacts:
        room, upto = asked.room, known_seq(asked.upto)
        self._readable(asked)
        if is_private(room):
            begun = self.state.privates[room].made
        elif is_topic(room):
            begun = next((post.seq for post in self._posts(0, upto) if room in heard_at(post)), 0)
        else:
            account = self.state.accounts.get(room)
            begun = 0 if account is None or account.registered > upto else account.registered
        entry = self._entry(begun)
        since = 0 if entry is None else entry.time
        count = len(self._in(room, upto)) if asked.counts else 0
        return RoomFacts(count, since, *self._about(room, upto))

    def _bans_of(self, asked: BansOf) -> BanPage:
        self._readable(asked)
        last = self._entry(known_seq(asked.upto))
        now = 0 if last is None else last.time
        found = [
            Ban(user, standing.banned)
            for (room, user), standing in sorted(self.state.standings.items(), key=itemgetter(0))
            if room == asked.room and user > asked.after and standing.banned > now
        ]
        return BanPage(found[:PAGE_ROOMS], len(found) > PAGE_ROOMS)

    def _role(self, room: str, user: str) -> str:
        standing = self.state.standings.get((room, user))
        return ROLES[standing.role] if standing is not None and standing.role else ""

    def _policies_in(self, asked: PoliciesIn) -> list[PolicyValue]:
        if asked.room and not is_topic(asked.room):
            self._readable(asked)
        return sorted(
            (name, value)
            for (room, name), (value, seq) in self.state.policies.items()
            if room == asked.room and seq <= asked.upto
        )

    def _reported_post(self, asked: ReportedPost) -> list[Entry]:
        user, upto = known_name(asked.user), known_seq(asked.upto)
        report = self._entry(asked.seq) if asked.seq <= upto else None
        if report is None or report.ref is None:
            return []
        memberships = self._memberships_at(user, upto)
        since = [memberships.since(place) for place in moderators_told(report)]
        post = self._entry(report.ref.seq) if any(0 < joined < report.seq for joined in since) else None
        return [] if post is None else [post]

    def _person(self, asked: PersonOf) -> Person | None:
        user, about, upto = known_name(asked.user), known_name(asked.about), known_seq(asked.upto)
        account = self.state.accounts.get(about)
        if account is None or account.registered > upto:
            return None
        registered = self._entry(account.registered)
        theirs = self._memberships_at(about, upto)
        mine = self._memberships_at(user, upto).rooms()
        shared = sorted(room for room in mine if theirs.has(room) and room[0] != "!")
        blocked = bool(self.state.standings.get((user, about), Standing()).blocked)
        since = 0 if registered is None else registered.time
        return Person(since, self._role("", about), blocked, shared[:PAGE_ROOMS], len(shared) > PAGE_ROOMS)

    def _first_in(self, asked: FirstIn) -> str:
        room, upto = known_room(asked.room), known_seq(asked.upto)
        if not is_topic(room) or any(
            of == room and standing.role == ROLES.index("owner")
            for (of, _), standing in self.state.standings.items()
        ):
            return ""
        since = {user: self._memberships_at(user, upto) for user in self.state.memberships}
        there = [
            (stays.since(room), user)
            for user, stays in since.items()
            if stays.has(room) and not is_guest(user)
        ]
        return min(there)[1] if there else ""

    def _led_by(self, asked: LedBy) -> list[str]:
        user, upto = known_name(asked.user), known_seq(asked.upto)
        stays = self._memberships_at(user, upto)
        rooms = [room for room in map(known_room, asked.rooms) if room and stays.has(room)]
        return [r for r in rooms if self._role(r, user) or self._first_in(FirstIn(r, upto)) == user]

    def _speaker(self, asked: SpeakerIn) -> list[str] | None:
        user, room = known_name(asked.user), known_room(asked.room)
        last = self._entry(known_seq(asked.upto))
        draft, now = Draft("post", user, room, "", b""), 0 if last is None else last.time
        holds = StateFacts(self.state).holds
        if holds("banned", draft, now) or holds("muted", draft, now):
            return None
        if is_talk(room) and (not holds("talk_begun", draft, now) or holds("direct_off", draft, now)):
            return None
        standings = self.state.standings.items()
        blockers = sorted(by for (by, whose), standing in standings if whose == user and standing.blocked)
        return blockers if len(blockers) <= MOST_BLOCKERS else None

    def _invitations(self, asked: InvitationsOf) -> InvitationPage:
        state, user, upto = self.state, known_name(asked.user), known_seq(asked.upto)
        last = self._entry(upto)
        now = 0 if last is None else last.time
        open_now = [
            Invitation(room, by, state.standings[room, user].invited)
            for (its, room), (by, seq) in sorted(state.invitations.items())
            if its == user
            and seq <= upto
            and room > asked.after
            and state.standings[room, user].invited > now
            and not state.standings.get((user, by), Standing()).blocked
        ]
        return InvitationPage(open_now[:PAGE_ROOMS], len(open_now) > PAGE_ROOMS)

    def _faces(self, asked: Faces) -> list[ShownFace]:
        faces = self.state.faces
        return [ShownFace(user, *faces[user]) for user in sorted(faces) if user > asked.after][:PAGE_FACES]

    def _talks(self, asked: Talks) -> TalkPage:
        rooms = sorted(
            room for user, room in self.state.talks if user == known_name(asked.user) and room > asked.after
        )
        talks = [
            Talk(room, posts[-1].seq)
            for room in rooms[:PAGE_ROOMS]
            if (posts := [post for post in self._posts(0, known_seq(asked.upto)) if post.room == room])
        ]
        return TalkPage(talks, len(rooms) > PAGE_ROOMS)

    def _room_page(self, asked: Rooms) -> RoomPage:
        names = sorted(
            room for room in self.state.rooms if room.startswith(asked.prefix) and room > asked.after
        )
        return RoomPage(names[: self._page], len(names) > self._page)

    def _all_users(self, asked: AllUsers) -> UserPage:
        names = sorted(
            name
            for name in self.state.accounts
            if name.startswith(asked.prefix) and name > asked.after and (asked.prefix or not is_guest(name))
        )
        return UserPage([self._facts_of(name) for name in names[:PAGE_ROOMS]], len(names) > PAGE_ROOMS)

    def _facts_of(self, user: str) -> UserFacts:
        sessions = [one.seq for one in self._devices(user)]
        uses = [*sessions, *(self._marks.get((user, used(seq)), 0) for seq in sessions)]
        standing, now = self.state.standing("", user), self.entries[-1].time
        return UserFacts(
            user,
            self._role("", user),
            self._time(self.state.accounts[user].registered),
            self._time(max(uses, default=0)),
            standing.banned if standing.banned > now else 0,
            standing.muted if standing.muted > now else 0,
            bool(standing.disabled),
        )

    def _heard_by(self, asked: HeardBy) -> int | None:
        return self._marks.get((asked.user, heard(asked.device)))

    def _marks_of(self, asked: MarksOf) -> MarkPage:
        found = [
            (room, self._marks[asked.user, room])
            for room, joined in self._rooms_of(known_name(asked.user), asked.upto, asked.after)
            if self._marks.get((asked.user, room), -1) >= joined
        ]
        return MarkPage(found[:PAGE_ROOMS], len(found) > PAGE_ROOMS)

    def _unread_of(self, asked: UnreadOf) -> UnreadPage:
        user = known_name(asked.user)
        rooms = self._rooms_of(user, asked.upto, asked.after)
        page = rooms[:PAGE_ROOMS]
        counts = [(room, *self._unread(user, room, joined, asked.upto)) for room, joined in page]
        return UnreadPage(counts, len(rooms) > PAGE_ROOMS, [joined for _, joined in page])

    def _unread(self, user: str, room: str, joined: int, upto: int) -> tuple[int, int]:
        if room == user:
            return 0, 0
        posts = self._posts(max(joined, self._marks.get((user, room), 0)), upto)
        heard = [post for post in posts if post.text and room in heard_at(post)]
        named = [
            post for post in heard if is_talk(room) or (post.room == room and user in self._named[post.seq])
        ]
        return min(len(heard), MOST_UNREAD), min(len(named), MOST_UNREAD)

    def _rooms_of(self, user: str, upto: int, after: str) -> list[tuple[str, int]]:
        """Return the rooms after ``after`` that the user is in at ``upto``, and since when."""
        memberships = self._memberships_at(user, upto)
        stays = [
            (stay.room, stay.joined)
            for stay in memberships.intervals()
            if stay.left is None and stay.room[0] != "!"
        ]
        if 0 < memberships.registered <= upto:
            stays.append((user, memberships.registered))
        said = {post.room for post in self._posts(0, known_seq(upto))}
        since = self._talks_since(user)
        stays += ((room, since) for whose, room in self.state.talks if whose == user and room in said)
        return sorted(stay for stay in stays if stay[0] > after)

    async def _turn(self) -> None:
        """Return at once, or when a test says so."""
        if self.reads_held:
            read: Deferred[None] = Deferred()
            self._reading.append(read)
            await read

    def _posts(self, after: int, upto: int) -> list[Entry]:
        return [entry for entry in self.entries[after:upto] if entry.kind in SAID]

    def _memberships_at(self, user: str, seq: int) -> Memberships:
        memberships = self.state.memberships.get(user, Memberships())
        stays = (
            Interval(stay.room, stay.joined, stay.left if stay.left and stay.left <= seq else None)
            for stay in memberships.intervals()
            if stay.joined <= seq
        )
        return Memberships(stays, memberships.registered)


ANSWERS: Answers[MemoryLog] = {
    Head: MemoryLog._head,
    CursorAt: MemoryLog._cursor_at,
    AccountOf: MemoryLog._account,
    CodeOf: MemoryLog._code,
    DevicesOf: MemoryLog._used_devices,
    SnapshotOf: MemoryLog._snapshot,
    Newest: MemoryLog._newest,
    Feed: MemoryLog._feed,
    History: MemoryLog._history,
    HistoryAfter: MemoryLog._history_after,
    SeqBefore: MemoryLog._seq_before,
    Members: MemoryLog._members,
    RoomOf: MemoryLog._room_of,
    BansOf: MemoryLog._bans_of,
    PoliciesIn: MemoryLog._policies_in,
    ReportedPost: MemoryLog._reported_post,
    InvitationsOf: MemoryLog._invitations,
    PersonOf: MemoryLog._person,
    FirstIn: MemoryLog._first_in,
    LedBy: MemoryLog._led_by,
    SpeakerIn: MemoryLog._speaker,
    Talks: MemoryLog._talks,
    Faces: MemoryLog._faces,
    Rooms: MemoryLog._room_page,
    MarksOf: MemoryLog._marks_of,
    HeardBy: MemoryLog._heard_by,
    UnreadOf: MemoryLog._unread_of,
    AllUsers: MemoryLog._all_users,
}


def _content(of: Draft | Entry) -> tuple[object, ...]:
    return of.kind, of.room, of.text, of.more


def _size(draft: Draft) -> int:
    return len(draft.text) + 100
