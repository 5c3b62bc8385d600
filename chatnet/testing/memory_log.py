"""A log in memory, under the same rules as the real ones: for tests of everything that uses a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, Interval, Memberships, listens, places, visible
from chatnet.errors import (
    KeyReused,
    NoSuchRoom,
    Refusal,
    SecretChanged,
)
from chatnet.form import check_form
from chatnet.kinds import FIRST_LEVEL, HEARD, own_level
from chatnet.log import Outcome, Refused
from chatnet.reads import (
    NEWEST,
    Account,
    AccountOf,
    Answers,
    CursorAt,
    Feed,
    FeedPage,
    Head,
    History,
    Newest,
    Question,
    RoomPage,
    Rooms,
    Snapshot,
    SnapshotOf,
)
from chatnet.rules import DAY_MS, judge
from chatnet.store.pages import FIRST_STAY, OPEN, snapshot_page
from chatnet.store.questions import known_name, known_seq
from chatnet.store.refusals import is_kept
from chatnet.store.window import Window

T = TypeVar("T")


class MemoryLog:
    """Implements :class:`chatnet.log.Log`.

    Appends are answered at once, or, while ``held``, at :meth:`let_go`; reads in the same way while
    ``reads_held``. The window follows each commit; while ``lagging``, only at :meth:`catch_up`. ``page`` is
    how many entries a page holds.
    """

    log_id = "memory"

    def __init__(
        self, window: Window | None = None, clock: Callable[[], float] = float, page: int = 500
    ) -> None:
        self.window = window or Window(self.log_id)
        self.level = FIRST_LEVEL
        self.own_level = own_level()
        self.entries: list[Entry] = []
        self.waiting_bytes = 0
        self.held = self.reads_held = self.lagging = False
        self._clock = clock
        self._page = page
        self._keys: dict[tuple[str, bytes], Entry] = {}
        self._refused: dict[tuple[str, bytes], tuple[Draft, Refused]] = {}
        self._accounts: dict[str, Account] = {}
        self._rooms: dict[str, None] = {}
        self._makers: dict[str, tuple[int, int]] = {}
        self._memberships: dict[str, Memberships] = {}
        self._waiting: list[tuple[list[Draft], Deferred[list[Outcome]]]] = []
        self._reading: list[Deferred[None]] = []

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
        old = self._keys.get((draft.user, draft.key))
        kept = is_kept(draft)
        before, refused = self._refused.get((draft.user, draft.key), (draft, None))
        said = before.kind, before.room, before.text
        if kept and refused is not None and said == (draft.kind, draft.room, draft.text):
            return refused
        try:
            if kept and refused is not None:
                raise KeyReused(KeyReused.sentence)
            if old is not None:
                if (old.kind, old.room, old.text) != (draft.kind, draft.room, draft.text):
                    raise KeyReused(KeyReused.sentence)
                return old.seq
        except Refusal as no:
            return Refused.of(no)
        try:
            topics = judge(draft, self, int(self._clock() * 1000))
        except Refusal as why:
            refused = Refused.of(why)
            if kept and not isinstance(why, SecretChanged):
                self._refused[draft.user, draft.key] = (draft, refused)
            return refused
        entry = Entry(
            len(self.entries) + 1,
            int(self._clock() * 1000),
            draft.kind,
            draft.user,
            draft.room,
            draft.text,
            draft.key,
        )
        if topics:
            day = entry.time // DAY_MS
            self._makers[entry.user] = day, self.topics_made(entry.user, day) + len(topics)
        self._take(entry)
        return entry.seq

    def _take(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._keys[entry.user, entry.key] = entry
        FOLLOWS[entry.kind](self, entry)
        heard = places(entry.user, entry.room, entry.text) if entry.kind in HEARD else ()
        self._use(*(place for place in heard if not place.startswith("@")))

    def _use(self, *rooms: str) -> None:
        self._rooms.update(dict.fromkeys(rooms))

    def _follow_account(self, entry: Entry) -> None:
        memberships = self._memberships.setdefault(entry.user, Memberships())
        memberships.apply(entry)
        self._accounts[entry.user] = Account(entry.text, entry.seq, memberships.registered)
        self._use(entry.user)

    def _follow_stay(self, entry: Entry) -> None:
        self._memberships[entry.user].apply(entry)
        self._use(entry.room)

    def _follow_post(self, entry: Entry) -> None:
        """Do nothing: a post changes only where it is heard."""

    def _follow_level(self, entry: Entry) -> None:
        self.level = int(entry.text)

    # ---- the facts that decide about drafts: see chatnet.rules.Facts ----

    def secret_seq(self, user: str) -> int | None:
        account = self._accounts.get(user)
        return None if account is None else account.secret_seq

    def is_member(self, user: str, room: str) -> bool:
        return self._memberships[user].has(room)

    def rooms_of(self, user: str) -> int:
        return len(self._memberships[user].rooms())

    def has_topic(self, topic: str) -> bool:
        return topic in self._rooms

    def topics_made(self, user: str, day: int) -> int:
        its_day, made = self._makers.get(user, (0, 0))
        return made if its_day == day else 0

    # ---- reading ----

    async def read(self, question: Question[T]) -> T:
        """See :meth:`chatnet.log.Log.read`."""
        await self._turn()
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
        return self._accounts.get(asked.user)

    def _snapshot(self, asked: SnapshotOf) -> Snapshot:
        upto = known_seq(asked.upto)
        memberships = self._memberships.get(asked.user, Memberships())
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
        return snapshot_page(self._accounts.get(asked.user), upto, shown, size)

    def _newest(self, asked: Newest) -> list[Entry]:
        user, upto = known_name(asked.user), asked.upto
        memberships = self._memberships_at(user, upto)
        rooms = {user, *memberships.rooms()}
        return [
            post
            for post in self._posts(0, upto)
            if rooms & {*(heard := places(post.user, post.room, post.text))}
            or ("@" + user in heard and listens(user, memberships, "@" + user, post.seq))
        ][-NEWEST:]

    def _feed(self, asked: Feed) -> FeedPage:
        user, after, upto = known_name(asked.user), asked.after, known_seq(asked.upto)
        cursor = upto if after + self._page >= len(self.entries) else min(upto, after + self._page)
        memberships = self._memberships_at(user, cursor)
        posts = [post for post in self._posts(after, cursor) if visible(post, user, memberships)]
        return FeedPage(posts, cursor)

    def _history(self, asked: History) -> list[Entry]:
        if asked.room not in self._rooms:
            raise NoSuchRoom.of(room=asked.room)
        upto = len(self.entries) if asked.before is None else max(0, asked.before - 1)
        posts = [
            post for post in self._posts(0, upto) if asked.room in places(post.user, post.room, post.text)
        ]
        return posts[-self._page :]

    def _room_page(self, asked: Rooms) -> RoomPage:
        names = sorted(room for room in self._rooms if room.startswith(asked.prefix) and room > asked.after)
        return RoomPage(names[: self._page], len(names) > self._page)

    async def _turn(self) -> None:
        """Return at once, or when a test says so."""
        if self.reads_held:
            read: Deferred[None] = Deferred()
            self._reading.append(read)
            await read

    def _posts(self, after: int, upto: int) -> list[Entry]:
        return [entry for entry in self.entries[after:upto] if entry.kind in HEARD]

    def _memberships_at(self, user: str, seq: int) -> Memberships:
        memberships = self._memberships.get(user, Memberships())
        stays = (
            Interval(stay.room, stay.joined, stay.left if stay.left and stay.left <= seq else None)
            for stay in memberships.intervals()
            if stay.joined <= seq
        )
        return Memberships(stays, memberships.registered)


FOLLOWS: dict[str, Callable[[MemoryLog, Entry], None]] = {
    "register": MemoryLog._follow_account,
    "secret": MemoryLog._follow_account,
    "join": MemoryLog._follow_stay,
    "leave": MemoryLog._follow_stay,
    "post": MemoryLog._follow_post,
    "level": MemoryLog._follow_level,
}
"""What follows from an entry, by its kind."""

ANSWERS: Answers[MemoryLog] = {
    Head: MemoryLog._head,
    CursorAt: MemoryLog._cursor_at,
    AccountOf: MemoryLog._account,
    SnapshotOf: MemoryLog._snapshot,
    Newest: MemoryLog._newest,
    Feed: MemoryLog._feed,
    History: MemoryLog._history,
    Rooms: MemoryLog._room_page,
}


def _size(draft: Draft) -> int:
    return len(draft.text) + 100
