"""The reads of the embedded store: only by index; each costs what it returns, not what is stored.

Each is a function of the tables, inside a read transaction, and of the question that it answers;
:mod:`chatnet.reads` says what they promise, and :data:`ANSWERS` says which function answers which question.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import apsw
import msgspec

from chatnet.aging import NEVER, LastUse
from chatnet.cursor import Cursor
from chatnet.entries import ALL, Entry, moderators_told, of_row, other_side
from chatnet.errors import NoSuchRoom, Unreadable
from chatnet.kinds import SAID
from chatnet.limits import PAGE, PageSize
from chatnet.marks import heard, used
from chatnet.names import is_guest, is_private, is_public, is_talk, is_topic, sides, spelled_for
from chatnet.reads import (
    MOST_BLOCKERS,
    MOST_LOOKED_AT,
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
    Last,
    LedBy,
    MarkPage,
    MarksOf,
    Member,
    MemberPage,
    Members,
    Newest,
    PageOf,
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
from chatnet.rules import ROLES
from chatnet.store import facts
from chatnet.store.pages import (
    FEED_STAYS,
    FIRST_CHUNK,
    FIRST_STAY,
    LAST_CHUNK,
    OPEN,
    PAGE_ROOMS,
    snapshot_page,
    take_page,
)
from chatnet.store.questions import (
    known_name,
    known_room,
    known_seq,
    known_text,
    rooms_between,
    users_between,
)

T = TypeVar("T")
MarksIn = Callable[[str, Sequence[str]], Mapping[str, int]]
Span = tuple[str, int, int]
"""A place, and the range of its posts that are heard: after < seq < before."""
_OWNER = ROLES.index("owner")
_COLUMNS = "seq, time, kind, user, room, text, key, more, at"
"""The columns of an entry that this program knows: a newer program may have added others."""


class SqliteTables(NamedTuple):
    """What is read: through ``execute`` of a connection, in pages of the size ``page``.

    ``marks`` returns the marks of a user in those of some rooms that have one.
    """

    execute: Callable[..., apsw.Cursor]
    page: PageSize
    marks: MarksIn


def epoch(connection: apsw.Connection) -> int:
    """Return the latest epoch that has begun."""
    newest: int = connection.execute("SELECT epoch FROM log").get
    return newest


def no_marks(user: str, rooms: Sequence[str]) -> Mapping[str, int]:
    """Return no marks: for what reads the log alone."""
    return {}


def answer(
    connection: apsw.Connection, question: Question[T], page: PageSize = PAGE, marks: MarksIn = no_marks
) -> T:
    """Return the store's answer, in pages of this size."""
    found: T = ANSWERS[type(question)](SqliteTables(connection.execute, page, marks), question)
    return found


def page(tables: SqliteTables, asked: PageOf) -> list[Entry]:
    rows = tables.execute(
        f"SELECT {_COLUMNS} FROM entry WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        (asked.after, OPEN if asked.upto is None else asked.upto, tables.page.entries),
    )
    return take_page(map(of_row, rows), tables.page)[0]


def last(tables: SqliteTables, asked: Last) -> list[Entry]:
    rows = tables.execute(f"SELECT {_COLUMNS} FROM entry ORDER BY seq DESC LIMIT ?", (asked.count,))
    return [of_row(row) for row in rows][::-1]


def head(tables: SqliteTables, asked: Head) -> int:
    newest: int = tables.execute("SELECT head FROM log").get
    return newest


def cursor_at(tables: SqliteTables, asked: CursorAt) -> Cursor | None:
    log_id = tables.execute("SELECT id FROM log").get
    found = tables.execute("SELECT user, key FROM entry WHERE seq = ?", (asked.seq,)).fetchone()
    return Cursor.of_row(log_id, asked.seq, *(found or (None, None)))


def account(tables: SqliteTables, asked: AccountOf) -> Account | None:
    user = known_name(asked.user)
    found = _account(tables, user)
    if found is None:
        seq = tables.execute("SELECT seq FROM forgotten WHERE user = ?", (user,)).get
        return None if seq is None else Account.forgotten(seq)
    if asked.device is None:
        return found
    row = tables.execute(f"{_DEVICES} AND device = ?", (user, known_text(asked.device))).fetchone()
    return found if row is None else msgspec.structs.replace(found, device=Device(*row))


_DEVICES = "SELECT seq, device, label, scope, credential FROM session WHERE user = ?"


def code(tables: SqliteTables, asked: CodeOf) -> CodePurpose:
    row = tables.execute(
        """
        SELECT author, whose, until FROM code
        WHERE hash = ? AND until > (SELECT time FROM entry ORDER BY seq DESC LIMIT 1)
        """,
        (known_text(asked.kept),),
    ).fetchone()
    return code_purpose(row, asked.user)


def devices(tables: SqliteTables, asked: DevicesOf) -> list[UsedDevice]:
    user = known_name(asked.user)
    found = [Device(*row[:4]) for row in tables.execute(f"{_DEVICES} ORDER BY seq", (user,))]
    marks = tables.marks(user, [used(device.seq) for device in found])
    seqs = [(device, marks.get(used(device.seq), 0)) for device in found]
    return [UsedDevice(device, _time(tables, device.seq), _time(tables, last)) for device, last in seqs]


def _time(tables: SqliteTables, seq: int) -> int:
    return tables.execute("SELECT time FROM entry WHERE seq = ?", (seq,)).get or 0


_ORDERS = "SELECT head, banned, disabled FROM log LEFT JOIN standing ON room = '' AND user = ?"


def snapshot(tables: SqliteTables, asked: SnapshotOf) -> Snapshot:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    stays = tables.execute(
        """
        SELECT m.room, m.joined, m.left, e.seq FROM membership AS m
            LEFT JOIN ending AS e ON e.user = m.room AND m.left = ?1
        WHERE m.user = ?2 AND (m.left, m.room) < (?3, ?4) AND m.left > ?5 AND m.joined <= ?6
            AND (e.seq IS NULL OR e.seq > ?5)
        ORDER BY m.left DESC, m.room DESC LIMIT ?7
        """,
        (OPEN, user, *(asked.behind or FIRST_STAY), min(asked.after, upto), upto, tables.page.stays),
    )
    [orders] = tables.execute(_ORDERS, (user,))
    session, last_use = None, NEVER
    if asked.session:
        row = tables.execute(f"{_DEVICES} AND seq = ?", (user, known_seq(asked.session))).fetchone()
        if row is not None:
            session, last_use = Device(*row[:4]), _last_use(tables, user, row[0])
    return snapshot_page(_account(tables, user), upto, list(stays), tables.page, orders, session, last_use)


def _last_use(tables: SqliteTables, user: str, session: int) -> LastUse:
    """Return when a session was last used, if that is known: nobody is kept out because it is not."""
    now = tables.execute("SELECT time FROM entry ORDER BY seq DESC LIMIT 1").get or 0
    try:
        mark = tables.marks(user, [used(session)]).get(used(session))
    except Unreadable:
        mark = None
    if mark is None:
        return LastUse(0, now)
    behind = tables.execute("SELECT time FROM entry WHERE seq > ? ORDER BY seq LIMIT 1", (mark,)).get
    return LastUse(behind or 0, now)


def newest(tables: SqliteTables, asked: Newest) -> list[Entry]:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    known = _account(tables, user)
    if known is None:
        return []
    rooms = [
        (room, _shown_from(tables, room, joined) if is_private(room) else 0)
        for room, joined, _ in _stays(tables, user, upto, upto)
        if room[0] != "!"
    ]
    rooms += [(user, 0), *_talks(tables, user)]
    last = known_seq(asked.last)
    places = [_falling(tables, name, last, after) for name, after in rooms]
    mentions = _falling(tables, "@" + user, last, known.registered)
    seqs = _each_once(merge(mentions, *places, reverse=True))
    posts, _ = take_page(_entries(tables, islice(seqs, NEWEST)), tables.page)
    return posts[::-1]


def feed(tables: SqliteTables, asked: Feed) -> FeedPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    after = min(asked.after, upto)
    known = _account(tables, user)
    if known is None:
        return FeedPage([], after)
    upto = _few_stays(tables, user, after, upto)
    since = max(after, known.registered)
    spans = [(user, after, upto + 1), ("@" + user, since, upto + 1), ("!" + user, since, upto + 1)]
    spans.append((ALL, since, upto + 1))
    spans += [(room, max(after, begun), upto + 1) for room, begun in _talks(tables, user)]
    for room, joined, left in _stays(tables, user, after, upto):
        spans.append((room, max(after, joined), min(upto + 1, left)))
    rising = (_rising(tables, span, table) for span in spans for table in _tables_of(span[0]))
    posts, is_full = take_page(_entries(tables, _each_once(merge(*rising))), tables.page)
    return FeedPage(posts, posts[-1].seq if is_full else upto)


def history(tables: SqliteTables, asked: History) -> list[Entry]:
    room, upto = known_room(asked.room), known_seq(asked.upto)
    after = _readable(tables, asked)
    last = upto if asked.before is None else min(upto, asked.before - 1)
    spans = _read_in(tables, asked, after)
    seqs = [_falling(tables, room, last, behind, index) for index, behind in spans]
    found = _of_known(tables, _entries(tables, _each_once(merge(*seqs, reverse=True))))
    return take_page(found, tables.page)[0][::-1]


def _read_in(tables: SqliteTables, asked: History | HistoryAfter, after: int) -> list[tuple[str, int]]:
    """Return the indexes in which a history is found, each with behind which seq."""
    if not asked.events:
        return [("place", after)]
    expired: int = tables.execute(_EXPIRED_IN, (known_room(asked.room),)).get or 0
    return [("place", after), *((index, max(after, expired)) for index in ("event", "came", "went"))]


_EXPIRED_IN = "SELECT max(upto) FROM blanking WHERE user = '' AND room IN ('', ?)"


def history_after(tables: SqliteTables, asked: HistoryAfter) -> list[Entry]:
    room, upto = known_room(asked.room), known_seq(asked.upto)
    after = max(_readable(tables, asked), known_seq(asked.after))
    spans = _read_in(tables, asked, after)
    seqs = _each_once(merge(*(_rising(tables, (room, behind, upto + 1), index) for index, behind in spans)))
    found = _of_known(tables, _entries(tables, seqs))
    return take_page(islice(found, tables.page.entries), tables.page)[0]


def _of_known(tables: SqliteTables, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the posts among some entries, and the others but those of, or for, who is forgotten."""
    forgotten: dict[str, bool] = {}
    for entry in entries:
        if entry.kind not in SAID:
            for user in (entry.user, entry.to):
                if user not in forgotten:
                    forgotten[user] = bool(tables.execute(_IS_FORGOTTEN, (user,)).get)
            if forgotten[entry.user] or forgotten[entry.to]:
                continue
        yield entry


_IS_FORGOTTEN = "SELECT 1 FROM forgotten WHERE user = ?"


def seq_before(tables: SqliteTables, asked: SeqBefore) -> int:
    last = min(known_seq(asked.upto), head(tables, Head()))
    found: int = tables.execute(SEQ_BEFORE, (last, known_seq(asked.time))).get
    return found


SEQ_BEFORE = """
    WITH RECURSIVE halved (low, high) AS (
        VALUES (0, ?1)
        UNION ALL
        SELECT CASE WHEN time < ?2 THEN seq ELSE low END, CASE WHEN time < ?2 THEN high ELSE seq - 1 END
        FROM halved JOIN entry ON seq = (low + high + 1) / 2 WHERE low < high
    )
    SELECT low FROM halved WHERE low = high
"""


def members(tables: SqliteTables, asked: Members) -> MemberPage:
    room, upto = known_room(asked.room), known_seq(asked.upto)
    _readable(tables, asked)
    bounds = (room, known_text(asked.after), upto, PAGE_ROOMS + 1)
    # Those who have left meanwhile are few, and do not stand among the others in the index.
    rows = sorted([*tables.execute(MEMBERS, bounds), *tables.execute(GONE_SINCE, bounds[:3])])
    about = tables.execute(ABOUT, (room, upto)).fetchone()
    shown = [Member(name, ROLES[role] if role else "") for name, role in rows[:PAGE_ROOMS]]
    return MemberPage(shown, len(rows) > PAGE_ROOMS, *(about if about and about[0] else NOT_DESCRIBED))


_MEMBERS = """
    SELECT m.user, coalesce(s.role, 0) FROM membership AS m
        LEFT JOIN standing AS s ON s.room = m.room AND s.user = m.user
    WHERE m.room = ?1 AND m.user > ?2 AND m.joined <= ?3
"""
ABOUT = """
    SELECT description.text, entry.user, entry.time
    FROM description JOIN entry ON entry.seq = description.seq
    WHERE description.room = ?1 AND description.seq <= ?2 AND NOT EXISTS (SELECT 1 FROM blanking AS b
        WHERE b.user = entry.user AND b.room IN ('', entry.room) AND b.upto >= entry.seq)
"""
MEMBERS = f"{_MEMBERS} AND m.left = {OPEN} ORDER BY m.user LIMIT ?4"
GONE_SINCE = f"{_MEMBERS} AND m.left > ?3 AND m.left < {OPEN}"


def room_of(tables: SqliteTables, asked: RoomOf) -> RoomFacts:
    room, upto = known_room(asked.room), known_seq(asked.upto)
    _readable(tables, asked)
    count: int = tables.execute(COUNT, (room, upto)).get if asked.counts else 0
    begun = _MADE if is_private(room) else _FIRST_SAID if is_topic(room) else _WHEN_REGISTERED
    since: int | None = tables.execute(begun, (room, upto)).get
    about = tables.execute(ABOUT, (room, upto)).fetchone()
    return RoomFacts(count, since or 0, *(about if about and about[0] else NOT_DESCRIBED))


COUNT = "SELECT count(*) FROM membership WHERE room = ?1 AND left > ?2 AND joined <= ?2"
_MADE = "SELECT time FROM private JOIN entry ON entry.seq = private.made WHERE private.name = ?1 AND ?2"
_FIRST_SAID = """
    SELECT time FROM entry
    WHERE seq = (SELECT seq FROM place WHERE name = ?1 AND seq <= ?2 ORDER BY seq LIMIT 1)
"""
_WHEN_REGISTERED = """
    SELECT time FROM account JOIN entry ON entry.seq = registered
    WHERE account.user = ?1 AND registered <= ?2
"""


def bans(tables: SqliteTables, asked: BansOf) -> BanPage:
    _readable(tables, asked)
    rows = list(
        tables.execute(BANS, (known_room(asked.room), known_text(asked.after), known_seq(asked.upto)))
    )
    return BanPage([Ban(*row) for row in rows[:PAGE_ROOMS]], len(rows) > PAGE_ROOMS)


BANS = f"""
    SELECT user, banned FROM standing WHERE room = ?1 AND user > ?2
        AND banned > coalesce((SELECT time FROM entry WHERE seq = ?3), 0)
    ORDER BY user LIMIT {PAGE_ROOMS + 1}
"""


def policies(tables: SqliteTables, asked: PoliciesIn) -> list[PolicyValue]:
    if asked.room and not is_topic(asked.room):  # of a topic something may be decided before it is used
        _readable(tables, asked)
    found = "SELECT name, value FROM policy WHERE room = ? AND seq <= ? ORDER BY name"
    bounds = known_room(asked.room), known_seq(asked.upto)
    return [(name, value) for name, value in tables.execute(found, bounds)]


def reported_post(tables: SqliteTables, asked: ReportedPost) -> list[Entry]:
    user, seq, upto = known_name(asked.user), known_seq(asked.seq), known_seq(asked.upto)
    hears = "SELECT 1 FROM membership WHERE user = ? AND left > ? AND room = ? AND joined < ?"
    for report in _entries(tables, [seq]) if seq <= upto else ():
        if report.ref is not None and any(
            tables.execute(hears, (user, upto, place, seq)).get for place in moderators_told(report)
        ):
            return list(_entries(tables, [report.ref.seq]))
    return []


def person(tables: SqliteTables, asked: PersonOf) -> Person | None:
    user, about, upto = known_name(asked.user), known_name(asked.about), known_seq(asked.upto)
    found = "SELECT registered FROM account WHERE user = ? AND registered <= ?"
    registered: int | None = tables.execute(found, (about, upto)).get
    if registered is None:
        return None
    since = tables.execute("SELECT time FROM entry WHERE seq = ?", (registered,)).get
    role = tables.execute("SELECT role FROM standing WHERE room = '' AND user = ?", (about,)).get
    blocked = tables.execute("SELECT blocked FROM standing WHERE room = ? AND user = ?", (user, about)).get
    theirs = {room for room, _, _ in _stays(tables, about, upto, upto)}
    shared = sorted(
        room for room, _, _ in _stays(tables, user, upto, upto) if room in theirs and room[0] != "!"
    )
    name = ROLES[role] if role else ""
    return Person(since or 0, name, bool(blocked), shared[:PAGE_ROOMS], len(shared) > PAGE_ROOMS)


def first_in(tables: SqliteTables, asked: FirstIn) -> str:
    room = known_room(asked.room)
    first: str | None = tables.execute(FIRST, (room, known_seq(asked.upto))).get if is_topic(room) else None
    return first or ""


def led_by(tables: SqliteTables, asked: LedBy) -> list[str]:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    rooms = [known_room(room) for room in asked.rooms]
    return [room for room in rooms if room and tables.execute(LEADS, (room, upto, user)).get]


_IS_FIRST = f"""
    substr(m.room, 1, 1) = '#' AND m.user < '~'
        AND NOT EXISTS (SELECT 1 FROM standing WHERE room = m.room AND role = {_OWNER})
"""
FIRST = f"""
    SELECT m.user FROM membership AS m
    WHERE m.room = ?1 AND m.left > ?2 AND m.joined <= ?2 AND {_IS_FIRST} ORDER BY m.joined LIMIT 1
"""
LEADS = f"""
    SELECT 1 FROM membership AS m WHERE m.user = ?3 AND m.room = ?1 AND m.left > ?2 AND m.joined <= ?2 AND (
        EXISTS (SELECT 1 FROM standing AS s WHERE s.room = m.room AND s.user = m.user AND s.role > 0)
        OR ({_IS_FIRST} AND NOT EXISTS (SELECT 1 FROM membership AS o
            WHERE o.room = m.room AND o.left > ?2 AND o.joined < m.joined AND o.user < '~')))
"""


def speaker(tables: SqliteTables, asked: SpeakerIn) -> list[str] | None:
    user, room = known_name(asked.user), known_room(asked.room)
    asks = {"user": user, "room": room, "to": other_side(room, user), "upto": known_seq(asked.upto)}
    if not tables.execute(SPEAKS[is_talk(room)], asks).get:
        return None
    blockers: list[str] = [name for (name,) in tables.execute(BLOCKERS, {"user": user})]
    return blockers if len(blockers) <= MOST_BLOCKERS else None


_TIME = "coalesce((SELECT time FROM entry WHERE seq = :upto), 0)"
SPEAKS = {
    in_talk: f"SELECT {sql.format(user=':user', room=':room', to=':to', now=_TIME)}"
    for in_talk, sql in facts.SPEAKS.items()
}
BLOCKERS = facts.BLOCKERS.format(user=":user")


def invitations(tables: SqliteTables, asked: InvitationsOf) -> InvitationPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    now: int = tables.execute("SELECT max(time) FROM entry WHERE seq = ?", (upto,)).get or 0
    rows = tables.execute(INVITATIONS, (user, known_text(asked.after), upto, now, PAGE_ROOMS + 1))
    found = [Invitation(*row) for row in rows]
    return InvitationPage(found[:PAGE_ROOMS], len(found) > PAGE_ROOMS)


INVITATIONS = """
    SELECT i.room, i.inviter, s.invited FROM invitation AS i
        JOIN standing AS s ON s.room = i.room AND s.user = i.user
    WHERE i.user = ? AND i.room > ? AND i.seq <= ? AND s.invited > ? AND NOT EXISTS (
        SELECT 1 FROM standing AS b WHERE b.room = i.user AND b.user = i.inviter AND b.blocked = 1)
    ORDER BY i.room LIMIT ?
"""


def faces(tables: SqliteTables, asked: Faces) -> list[ShownFace]:
    found = "SELECT user, text, seq FROM face WHERE user > ? ORDER BY user LIMIT ?"
    return [ShownFace(*row) for row in tables.execute(found, (known_text(asked.after), PAGE_FACES))]


def talks(tables: SqliteTables, asked: Talks) -> TalkPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    rows = tables.execute(
        """
        SELECT room, (SELECT seq FROM place WHERE name = room AND seq <= ? ORDER BY seq DESC LIMIT 1)
        FROM talk WHERE user = ? AND room > ? ORDER BY room LIMIT ?
        """,
        (upto, user, known_text(asked.after), PAGE_ROOMS + 1),
    )
    found = list(rows)
    shown = [Talk(room, seq) for room, seq in found[:PAGE_ROOMS] if seq is not None]
    return TalkPage(shown, len(found) > PAGE_ROOMS)


def rooms(tables: SqliteTables, asked: Rooms) -> RoomPage:
    between = rooms_between(asked.prefix, asked.after)
    if between is None:
        return RoomPage([], False)
    rows = tables.execute(
        "SELECT name FROM room WHERE name >= ? AND name > ? AND name < ? ORDER BY name LIMIT ?",
        (*between, PAGE_ROOMS + 1),
    )
    names = [name for (name,) in rows]
    return RoomPage(names[:PAGE_ROOMS], len(names) > PAGE_ROOMS)


def marks(tables: SqliteTables, asked: MarksOf) -> MarkPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    rooms = _rooms_of(tables, user, upto, asked.after)
    found: list[tuple[str, int]] = []
    for chunk in _chunks(rooms, PAGE_ROOMS):
        known = tables.marks(user, [room for room, _ in chunk])
        found += [(room, known[room]) for room, joined in chunk if known.get(room, -1) >= joined]
        if len(found) > PAGE_ROOMS:
            break
    return MarkPage(found[:PAGE_ROOMS], len(found) > PAGE_ROOMS)


def heard_by(tables: SqliteTables, asked: HeardBy) -> int | None:
    room = heard(known_text(asked.device))
    return tables.marks(known_name(asked.user), [room]).get(room)


def unread(tables: SqliteTables, asked: UnreadOf) -> UnreadPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    rooms = _rooms_of(tables, user, upto, asked.after)
    page = rooms[:PAGE_ROOMS]
    names = [room for room, _ in page]
    marks = tables.marks(user, names)
    expired = dict(tables.execute(_EXPIRED, (json.dumps(["", *names]),)))
    gone = dict(tables.execute(_NEWEST_GONE, (json.dumps(names),)))
    found: list[tuple[str, int, int]] = []
    for room, joined in page:
        after = max(joined, marks.get(room, 0), expired.get("", 0), expired.get(room, 0))
        # Few rooms have posts that were taken back, and were not read before: of these each is looked at.
        is_whole = (gone[room] or 0) <= after
        found.append((room, *_unread(tables, user, room, after, upto, is_whole)))
    return UnreadPage(found, len(rooms) > PAGE_ROOMS, [joined for _, joined in page])


def _unread(
    tables: SqliteTables, user: str, room: str, after: int, upto: int, is_whole: bool
) -> tuple[int, int]:
    """Return how many posts in a room, and mentions of the user, are unread; ``is_whole``: of the posts
    behind ``after`` none was taken back."""
    if room == user:
        return 0, 0
    most = (MOST_UNREAD,) if is_whole else (MOST_LOOKED_AT, MOST_UNREAD)
    posts: int = tables.execute(_POSTS if is_whole else _POSTS_LEFT, (room, after, upto, *most)).get
    if not posts or is_talk(room):
        return posts, posts
    sql = _MENTIONS if is_whole else _MENTIONS_LEFT
    named: int = tables.execute(sql, (user, room, after, upto, *most)).get
    return posts, named


def all_users(tables: SqliteTables, asked: AllUsers) -> UserPage:
    between = users_between(asked.prefix, asked.after)
    rows = [] if between is None else list(tables.execute(ALL_USERS, between))
    page = rows[:PAGE_ROOMS]
    last = _last_used(tables, page[0][0], page[-1][0]) if page else {}
    users = [
        UserFacts(name, ROLES[role] if role else "", since, last.get(name, 0), banned, muted, bool(disabled))
        for name, role, since, banned, muted, disabled in page
    ]
    return UserPage(users, len(rows) > PAGE_ROOMS)


def _last_used(tables: SqliteTables, first: str, last: str) -> dict[str, int]:
    """Return when each user between these two last used a session that they have; nothing, if that cannot be
    read now."""
    found = "SELECT user, seq FROM session WHERE user >= ? AND user <= ? ORDER BY user"
    rows: list[Any] = tables.execute(found, (first, last)).fetchall()
    sessions = {user: [seq for _, seq in its] for user, its in groupby(rows, itemgetter(0))}
    try:
        marks = {user: tables.marks(user, list(map(used, seqs))) for user, seqs in sessions.items()}
    except Unreadable:
        return {}
    return {user: _time(tables, max(*seqs, *marks[user].values(), 0)) for user, seqs in sessions.items()}


_NOW = "(SELECT time FROM log JOIN entry ON seq = head)"
ALL_USERS = f"""
    SELECT account.user, coalesce(role, 0), coalesce(entry.time, 0), iif(banned > {_NOW}, banned, 0),
        iif(muted > {_NOW}, muted, 0), coalesce(disabled, 0)
    FROM account LEFT JOIN standing ON standing.room = '' AND standing.user = account.user
        LEFT JOIN entry ON entry.seq = registered
    WHERE account.user >= ? AND account.user > ? AND account.user < ?
    ORDER BY account.user LIMIT {PAGE_ROOMS + 1}
"""
_EXPIRED = """
    SELECT room, upto FROM blanking WHERE user = '' AND room IN (SELECT value FROM json_each(?))
"""
_NEWEST_GONE = """
    SELECT value, (SELECT max(seq) FROM gone WHERE gone.name = rooms.value) FROM json_each(?) AS rooms
"""
_POSTS_LEFT = """
    SELECT count(*) FROM (
        SELECT 1 FROM (SELECT name, seq FROM place WHERE name = ? AND seq > ? AND seq <= ?
            ORDER BY seq DESC LIMIT ?) AS newest
        WHERE NOT EXISTS (SELECT 1 FROM gone WHERE gone.name = newest.name AND gone.seq = newest.seq)
        LIMIT ?
    )
"""
_MENTIONS_LEFT = """
    SELECT count(*) FROM (
        SELECT 1 FROM (SELECT room, seq FROM mention WHERE user = ? AND room = ? AND seq > ? AND seq <= ?
            ORDER BY seq DESC LIMIT ?) AS newest
        WHERE NOT EXISTS (SELECT 1 FROM gone WHERE gone.name = newest.room AND gone.seq = newest.seq)
        LIMIT ?
    )
"""
_POSTS = "SELECT count(*) FROM (SELECT 1 FROM place WHERE name = ? AND seq > ? AND seq <= ? LIMIT ?)"
_MENTIONS = """
    SELECT count(*) FROM (
        SELECT 1 FROM mention WHERE user = ? AND room = ? AND seq > ? AND seq <= ? LIMIT ?
    )
"""

ANSWERS: Answers[SqliteTables] = {
    Head: head,
    CursorAt: cursor_at,
    AccountOf: account,
    CodeOf: code,
    DevicesOf: devices,
    SnapshotOf: snapshot,
    Newest: newest,
    Feed: feed,
    History: history,
    HistoryAfter: history_after,
    SeqBefore: seq_before,
    Members: members,
    RoomOf: room_of,
    BansOf: bans,
    PoliciesIn: policies,
    ReportedPost: reported_post,
    InvitationsOf: invitations,
    PersonOf: person,
    FirstIn: first_in,
    LedBy: led_by,
    SpeakerIn: speaker,
    Talks: talks,
    Faces: faces,
    Rooms: rooms,
    MarksOf: marks,
    HeardBy: heard_by,
    UnreadOf: unread,
    AllUsers: all_users,
    PageOf: page,
    Last: last,
}


def _account(tables: SqliteTables, user: str) -> Account | None:
    for row in tables.execute(
        "SELECT credential, secret_seq, registered, fresh FROM account WHERE user = ?", (user,)
    ):
        return Account(row[0], row[1], row[2], None, row[3])
    return None


def _registered(tables: SqliteTables, user: str) -> int:
    """Return the seq after which the user hears mentions of their name."""
    known = _account(tables, user)
    return known.registered if known else OPEN


def _stays(tables: SqliteTables, user: str, after: int, upto: int) -> list[tuple[str, int, int]]:
    """Return room, joined and left of the user's stays begun by ``upto`` and not ended by ``after``."""
    return list(
        tables.execute(
            f"""
            SELECT room, joined, left FROM membership WHERE user = ?1 AND left > ?2 AND joined <= ?3
                AND NOT (left = {OPEN}
                    AND EXISTS (SELECT 1 FROM ending WHERE ending.user = room AND ending.seq <= ?2))
            """,
            (user, after, upto),
        )
    )


def _rooms_of(tables: SqliteTables, user: str, upto: int, after: str) -> list[tuple[str, int]]:
    """Return the rooms after ``after`` that the user is in at ``upto``, and since when.

    Their own is one of them, and so are their conversations, in which they always were.
    """
    own = _registered(tables, user)
    rooms = [(room, joined) for room, joined, _ in _stays(tables, user, upto, upto) if room[0] != "!"]
    if own <= upto:
        rooms.append((user, own))
    begun = "SELECT 1 FROM place WHERE name = ? AND seq <= ? LIMIT 1"
    rooms += (talk for talk in _talks(tables, user) if tables.execute(begun, (talk[0], upto)).get)
    return sorted(stay for stay in rooms if stay[0] > after)


def _chunks(rooms: Sequence[tuple[str, int]], size: int) -> Iterator[Sequence[tuple[str, int]]]:
    return (rooms[start : start + size] for start in range(0, len(rooms), size))


def _few_stays(tables: SqliteTables, user: str, after: int, upto: int) -> int:
    """Return how far one page looks, at most ``upto``: to the end of the last stay that it may look into."""
    ended = (
        "SELECT left FROM membership WHERE user = ? AND left > ? AND left <= ? ORDER BY left LIMIT 1 OFFSET ?"
    )
    last: int | None = tables.execute(ended, (user, after, upto, FEED_STAYS)).get
    return upto if last is None else last


def _tables_of(place: str) -> tuple[str, ...]:
    """Return the indexes in which a place can be found. A post that mentions somebody may be taken back."""
    return ("event",) if place[:1] == "!" else ("place", "event")


def _readable(
    tables: SqliteTables, asked: History | HistoryAfter | Members | RoomOf | BansOf | PoliciesIn
) -> int:
    """Return the seq after which the user may read the room.

    :raises NoSuchRoom: there is no such room for the user.
    """
    room, user, upto = known_room(asked.room), known_name(asked.user), known_seq(asked.upto)
    if is_public(room):
        if tables.execute("SELECT 1 FROM room WHERE name = ?", (room,)).get:
            return 0
    elif is_private(room):
        member = "SELECT joined FROM membership WHERE user = ? AND left > ? AND room = ? AND joined <= ?"
        joined: int | None = tables.execute(member, (user, upto, room, upto)).get
        if joined is not None:
            return _shown_from(tables, room, joined)
    elif user in sides(room) and (_account(tables, other_side(room, user)) or _talked(tables, user, room)):
        return _talks_since(tables, user)
    raise NoSuchRoom.of(room=spelled_for(asked.room, asked.user))


def _shown_from(tables: SqliteTables, room: str, joined: int) -> int:
    """Return the seq after which a member since ``joined`` may read a private room."""
    history, made = next(tables.execute("SELECT history, made FROM private WHERE name = ?", (room,)))
    return int(made) if history == "all" else joined


def _talked(tables: SqliteTables, user: str, room: str) -> bool:
    """Return whether anything was said in this conversation: the other side may be forgotten by now."""
    return bool(tables.execute("SELECT 1 FROM talk WHERE user = ? AND room = ?", (user, room)).get)


def _talks(tables: SqliteTables, user: str) -> list[tuple[str, int]]:
    """Return the conversations of the user, each with the seq after which they hear it."""
    since = _talks_since(tables, user)
    return [(room, since) for room in _column(tables, "SELECT room FROM talk WHERE user = ?", user)]


def _talks_since(tables: SqliteTables, user: str) -> int:
    """Return 0; of a guest the seq at which they came: before, another one may have been called so."""
    return _registered(tables, user) if is_guest(user) else 0


_IS_KNOWN = "NOT EXISTS (SELECT 1 FROM forgotten WHERE forgotten.user = membership.user)"
_INDEXES = {
    "place": ("seq", "place WHERE name = ?"),
    "event": ("seq", "event WHERE name = ?"),
    "came": ("joined + 0", f"membership WHERE {_IS_KNOWN} AND room = ?"),
    "went": ("left", f"membership WHERE {_IS_KNOWN} AND room = ?"),
}
"""Where seqs are found by a place, in order: what each index has, and how its part for a place is found."""


def _rising(tables: SqliteTables, span: Span, index: str) -> Iterator[int]:
    name, after, before = span
    seq, found = _INDEXES[index]
    sql = f"SELECT {seq} FROM {found} AND {seq} > ? AND {seq} < ? ORDER BY {seq} LIMIT ?"
    chunk = FIRST_CHUNK
    while seqs := _column(tables, sql, name, after, before, chunk):
        yield from seqs
        after, chunk = seqs[-1], min(2 * chunk, LAST_CHUNK)


def _falling(
    tables: SqliteTables, name: str, last: int, after: int = 0, index: str = "place"
) -> Iterator[int]:
    seq, found = _INDEXES[index]
    sql = f"SELECT {seq} FROM {found} AND {seq} <= ? AND {seq} > ? ORDER BY {seq} DESC LIMIT ?"
    chunk = FIRST_CHUNK
    while seqs := _column(tables, sql, name, last, after, chunk):
        yield from seqs
        last, chunk = seqs[-1] - 1, min(2 * chunk, LAST_CHUNK)


def _column(tables: SqliteTables, sql: str, *values: str | int) -> list[Any]:
    return [row[0] for row in tables.execute(sql, values)]


def _each_once(seqs: Iterable[int]) -> Iterator[int]:
    """Yield each of equal neighbours once: a post may be heard at several places."""
    return (seq for seq, _ in groupby(seqs))


def _entries(tables: SqliteTables, seqs: Iterable[int]) -> Iterator[Entry]:
    for seq in seqs:
        for row in tables.execute(f"SELECT {_COLUMNS} FROM entry WHERE seq = ?", (seq,)):
            yield of_row(row)
