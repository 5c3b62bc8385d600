"""The reads of the store in PostgreSQL: only by index; each costs what it returns, not what is stored.

Each is a function of the tables and of the question that it answers; :mod:`chatnet.reads` says what they
promise, and :data:`ANSWERS` says which function answers which question. A read of several statements needs no
transaction: nothing up to a seq ever changes once that seq can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from chatnet.aging import NEVER, LastUse
from chatnet.cursor import Cursor
from chatnet.entries import ALL, Entry, moderators_told, of_row, other_side
from chatnet.errors import NoSuchRoom
from chatnet.kinds import SAID
from chatnet.limits import PAGE, PageSize
from chatnet.marks import heard
from chatnet.names import is_private, is_public, is_talk, is_topic, sides, spelled_for
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
_OWNER = ROLES.index("owner")
_COLUMNS = 'seq, time, kind, "user", room, text, key, more, at'

LAST = f"SELECT {_COLUMNS} FROM entry ORDER BY seq DESC LIMIT %(count)s"
HEAD = "SELECT head FROM log"
CURSOR = 'SELECT log.id, entry."user", entry.key FROM log LEFT JOIN entry ON entry.seq = %(seq)s'
ACCOUNT = 'SELECT credential, secret_seq, registered, fresh FROM account WHERE "user" = %(user)s'
_DEVICES = 'SELECT seq, device, label, scope, credential FROM session WHERE "user" = %(user)s'
DEVICE = f"{_DEVICES} AND device = %(device)s"
SESSION = """
    SELECT session.seq, device, label, scope, coalesce(behind.time, 0), log.time
    FROM log, session LEFT JOIN mark ON mark."user" = session."user" AND mark.room = '!' || session.seq
        LEFT JOIN LATERAL (
            SELECT time FROM entry WHERE entry.seq > mark.seq ORDER BY entry.seq LIMIT 1
        ) AS behind ON true
    WHERE session."user" = %(user)s AND session.seq = %(seq)s
"""
CODE = "SELECT author, whose, until FROM code, log WHERE hash = %(kept)s AND until > log.time"
USED_DEVICES = """
    SELECT session.seq, device, label, scope, begun.time, coalesce(used.time, 0)
    FROM session LEFT JOIN entry AS begun ON begun.seq = session.seq
        LEFT JOIN mark ON mark."user" = session."user" AND mark.room = '!' || session.seq
        LEFT JOIN entry AS used ON used.seq = mark.seq
    WHERE session."user" = %(user)s ORDER BY session.seq
"""
# After which seq the user hears mentions of their name; somebody who is not a user hears none.
_REGISTERED = f'coalesce((SELECT registered FROM account WHERE "user" = %(user)s), {OPEN})'
# In one statement: what is banned by an entry up to that head, and not lifted by one, is.
ORDERS = """
    SELECT log.head, banned, disabled
    FROM log LEFT JOIN standing ON standing.room = '' AND standing."user" = %(user)s
"""
# After which seq the user hears conversations: a guest from when they came, since before that another one may
# have been called so.
_TALKS_SINCE = f"CASE WHEN left(%(user)s::text, 1) = '~' THEN {_REGISTERED} ELSE 0 END"
TALKS_SINCE = f"SELECT {_TALKS_SINCE}"
IS_ROOM = "SELECT 1 FROM room WHERE name = %(room)s"
ROOMS = f"""
    SELECT name FROM room WHERE name >= %(prefix)s AND name > %(after)s AND name < %(end)s
    ORDER BY name LIMIT {PAGE_ROOMS + 1}
"""
ALL_USERS = f"""
    SELECT account."user", coalesce(role, 0), coalesce(begun.time, 0), coalesce(used.time, 0),
        CASE WHEN banned > log.time THEN banned ELSE 0 END,
        CASE WHEN muted > log.time THEN muted ELSE 0 END, coalesce(disabled, 0)
    FROM log, (
        SELECT "user", registered FROM account
        WHERE "user" >= %(prefix)s AND "user" > %(after)s AND "user" < %(end)s
        ORDER BY "user" LIMIT {PAGE_ROOMS + 1}
    ) AS account
        LEFT JOIN standing ON standing.room = '' AND standing."user" = account."user"
        LEFT JOIN entry AS begun ON begun.seq = registered
        LEFT JOIN LATERAL (
            SELECT max(greatest(session.seq, mark.seq)) AS seq
            FROM session LEFT JOIN mark
                ON mark."user" = session."user" AND mark.room = '!' || session.seq
            WHERE session."user" = account."user"
        ) AS last ON true
        LEFT JOIN entry AS used ON used.seq = last.seq
    ORDER BY account."user"
"""
# Of a stay: it has ended by "upto", though its row does not say so yet.
_HAS_ENDED = f"""("left" = {OPEN} AND room IN (SELECT "user" FROM ending WHERE seq <= %(upto)s))"""
# The rooms that the user is in, and since when: their own too, and their conversations, since always.
_ROOMS_OF = f"""
    SELECT room, joined FROM membership
    WHERE "user" = %(user)s AND "left" > %(upto)s AND joined <= %(upto)s AND room > %(after)s
        AND left(room, 1) <> '!' AND NOT {_HAS_ENDED}
    UNION ALL
    SELECT room, {_TALKS_SINCE} FROM talk WHERE "user" = %(user)s AND room > %(after)s
        AND EXISTS (SELECT FROM place WHERE place.name = talk.room AND place.seq <= %(upto)s)
    UNION ALL
    SELECT "user", registered FROM account
    WHERE "user" = %(user)s AND registered <= %(upto)s AND "user" > %(after)s
"""
MARKS = f"""
    SELECT mark.room, mark.seq FROM ({_ROOMS_OF}) AS stay
    JOIN mark ON mark."user" = %(user)s AND mark.room = stay.room AND mark.seq >= stay.joined
    ORDER BY mark.room LIMIT {PAGE_ROOMS + 1}
"""
MARK = 'SELECT seq FROM mark WHERE "user" = %(user)s AND room = %(room)s'


def _unread(room: str, source: str) -> str:
    """Return an expression for how many rows of ``source``, which names its room in the column ``room``, are
    unread. Few rooms have posts that were taken back, and were not read before: there each is looked at."""
    behind = f"{source} AND seq > read.seq AND seq <= %(upto)s"
    return f"""CASE WHEN taken_back.are_there THEN
        (SELECT count(*) FROM (
            SELECT FROM (
                SELECT {room}, seq FROM {behind} ORDER BY seq DESC LIMIT {MOST_LOOKED_AT}
            ) AS newest
            WHERE NOT EXISTS (
                SELECT FROM gone WHERE gone.name = newest.{room} AND gone.seq = newest.seq OFFSET 0)
            LIMIT {MOST_UNREAD}
        ) AS unread)
        ELSE (SELECT count(*) FROM (SELECT FROM {behind} LIMIT {MOST_UNREAD}) AS unread) END"""


UNREAD = f"""
    SELECT stay.room, posts.count,
        CASE WHEN strpos(stay.room, '=') > 0 THEN posts.count ELSE mentions.count END,
        stay.joined
    FROM (
        SELECT * FROM ({_ROOMS_OF}) AS rooms ORDER BY room LIMIT {PAGE_ROOMS + 1}
    ) AS stay
    LEFT JOIN mark ON mark."user" = %(user)s AND mark.room = stay.room
    CROSS JOIN LATERAL (SELECT greatest(stay.joined, mark.seq,
        (SELECT max(upto) FROM blanking WHERE "user" = '' AND room IN ('', stay.room))) AS seq) AS read
    CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM gone WHERE gone.name = stay.room AND gone.seq > read.seq AND gone.seq <= %(upto)s
    ) AS are_there) AS taken_back
    CROSS JOIN LATERAL (SELECT CASE WHEN stay.room = %(user)s THEN 0 ELSE
        {_unread("name", "place WHERE place.name = stay.room")} END AS count) AS posts
    CROSS JOIN LATERAL (SELECT CASE WHEN posts.count = 0 THEN 0 ELSE
        {_unread("room", '''mention WHERE mention."user" = %(user)s AND mention.room = stay.room''')}
        END AS count) AS mentions
    ORDER BY stay.room
"""
# After which seq a member may read their room: a private one from where its history begins for them.
_SHOWN_FROM = """
    CASE WHEN left(room, 1) <> '&' THEN 0
        ELSE coalesce((SELECT made FROM private WHERE name = room AND history = 'all'), joined) END
"""
_NEWEST_POSTS = f"""
    SELECT entry.* FROM (
        SELECT DISTINCT heard.seq FROM (
            VALUES (%(user)s::text COLLATE "C", 0), ('@' || %(user)s, {_REGISTERED})
            UNION ALL
            SELECT room, {_SHOWN_FROM} FROM membership
            WHERE "user" = %(user)s AND "left" > %(upto)s AND joined <= %(upto)s AND NOT {_HAS_ENDED}
            UNION ALL
            SELECT room, {_TALKS_SINCE} FROM talk WHERE "user" = %(user)s
        ) AS listened(name, after), LATERAL (
            SELECT seq FROM place WHERE place.name = listened.name AND seq <= %(last)s
            ORDER BY seq DESC LIMIT {NEWEST}
        ) AS heard
        WHERE heard.seq > listened.after AND EXISTS (SELECT FROM account WHERE "user" = %(user)s)
        ORDER BY seq DESC LIMIT {NEWEST}
    ) AS newest, LATERAL (SELECT * FROM entry WHERE entry.seq = newest.seq OFFSET 0) AS entry
"""
MEMBER_SINCE = f"""
    SELECT {_SHOWN_FROM} FROM membership
    WHERE "user" = %(user)s AND "left" > %(upto)s AND room = %(room)s AND joined <= %(upto)s
"""
_MEMBERS = """
    SELECT m."user", coalesce(s.role, 0) FROM membership AS m
        LEFT JOIN standing AS s ON s.room = m.room AND s."user" = m."user"
    WHERE m.room = %(room)s AND m."user" > %(after)s AND m.joined <= %(upto)s
"""
MEMBERS = f'{_MEMBERS} AND m."left" = {OPEN} ORDER BY m."user" LIMIT {PAGE_ROOMS + 1}'
# Those who have left meanwhile are few, and do not stand among the others in the index.
GONE_SINCE = f'{_MEMBERS} AND m."left" > %(upto)s AND m."left" < {OPEN}'
FACES = f"""
    SELECT "user", text, seq FROM face WHERE "user" > %(after)s ORDER BY "user" LIMIT {PAGE_FACES}
"""
TALKS = f"""
    SELECT room, (SELECT seq FROM place WHERE name = room AND seq <= %(upto)s ORDER BY seq DESC LIMIT 1)
    FROM talk WHERE "user" = %(user)s AND room > %(after)s ORDER BY room LIMIT {PAGE_ROOMS + 1}
"""
ENTRY = f"SELECT {_COLUMNS} FROM entry WHERE seq = %(seq)s"
IS_TOLD = """
    SELECT 1 FROM membership WHERE "user" = %(user)s AND "left" > %(upto)s
        AND room = ANY (%(places)s::text[]) AND joined < %(seq)s LIMIT 1
"""
PERSON = """
    SELECT coalesce((SELECT time FROM entry WHERE seq = account.registered), 0),
        coalesce((SELECT role FROM standing WHERE room = '' AND standing."user" = %(about)s), 0),
        coalesce((SELECT blocked FROM standing WHERE room = %(user)s AND standing."user" = %(about)s), 0)
    FROM account WHERE account."user" = %(about)s AND registered <= %(upto)s
"""
_STAYS_AT = f"""
    SELECT room FROM membership WHERE "user" = {{}} AND "left" > %(upto)s AND joined <= %(upto)s
        AND left(room, 1) <> '!' AND NOT {_HAS_ENDED}
"""
SHARED = f"""
    {_STAYS_AT.format("%(user)s")} INTERSECT {_STAYS_AT.format("%(about)s")}
    ORDER BY room LIMIT {PAGE_ROOMS + 1}
"""
_IS_FIRST = f"""
    left(m.room, 1) = '#' AND m."user" < '~'
        AND NOT EXISTS (SELECT FROM standing WHERE room = m.room AND role = {_OWNER})
"""
FIRST = f"""
    SELECT m."user" FROM membership AS m
    WHERE m.room = %(room)s AND m."left" > %(upto)s AND m.joined <= %(upto)s AND {_IS_FIRST}
    ORDER BY m.joined LIMIT 1
"""
LEADS = f"""
    SELECT m.room FROM membership AS m
    WHERE m."user" = %(user)s AND m.room = ANY(%(rooms)s) AND m."left" > %(upto)s AND m.joined <= %(upto)s
    AND (
        EXISTS (SELECT FROM standing AS s WHERE s.room = m.room AND s."user" = m."user" AND s.role > 0)
        OR ({_IS_FIRST} AND NOT EXISTS (SELECT FROM membership AS o
            WHERE o.room = m.room AND o."left" > %(upto)s AND o.joined < m.joined
                AND o."user" < '~')))
"""
_TIME = "coalesce((SELECT time FROM entry WHERE seq = %(upto)s), 0)"
SPEAKS = {
    in_talk: f"SELECT {sql.format(user='%(user)s', room='%(room)s', to='%(to)s', now=_TIME)}"
    for in_talk, sql in facts.SPEAKS.items()
}
BLOCKERS = facts.BLOCKERS.format(user="%(user)s")
INVITATIONS = f"""
    SELECT i.room, i.inviter, s.invited FROM invitation AS i
        JOIN standing AS s ON s.room = i.room AND s."user" = i."user"
    WHERE i."user" = %(user)s AND i.room > %(after)s AND i.seq <= %(upto)s
        AND s.invited > coalesce((SELECT time FROM entry WHERE seq = %(upto)s), 0) AND NOT EXISTS (
            SELECT FROM standing AS b WHERE b.room = i."user" AND b."user" = i.inviter AND b.blocked = 1)
    ORDER BY i.room LIMIT {PAGE_ROOMS + 1}
"""
COUNT = """
    SELECT count(*) FROM membership WHERE room = %(room)s AND "left" > %(upto)s AND joined <= %(upto)s
"""
MADE = "SELECT time FROM private JOIN entry ON entry.seq = private.made WHERE private.name = %(room)s"
FIRST_SAID = """
    SELECT time FROM entry
    WHERE seq = (SELECT seq FROM place WHERE name = %(room)s AND seq <= %(upto)s ORDER BY seq LIMIT 1)
"""
WHEN_REGISTERED = """
    SELECT time FROM account JOIN entry ON entry.seq = registered
    WHERE account."user" = %(room)s AND registered <= %(upto)s
"""
BANS = f"""
    SELECT "user", banned FROM standing WHERE room = %(room)s AND "user" > %(after)s
        AND banned > coalesce((SELECT time FROM entry WHERE seq = %(upto)s), 0)
    ORDER BY "user" LIMIT {PAGE_ROOMS + 1}
"""
POLICIES = "SELECT name, value FROM policy WHERE room = %(room)s AND seq <= %(upto)s ORDER BY name"
ABOUT = """
    SELECT description.text, entry."user", entry.time
    FROM description JOIN entry ON entry.seq = description.seq
    WHERE description.room = %(room)s AND description.seq <= %(upto)s
        AND NOT EXISTS (SELECT FROM blanking AS b
            WHERE b."user" = entry."user" AND b.room IN ('', entry.room) AND b.upto >= entry.seq)
"""
SEQ_BEFORE = """
    WITH RECURSIVE halved (low, high) AS (
        VALUES (0::bigint, %(last)s::bigint)
        UNION ALL
        SELECT CASE WHEN time < %(time)s THEN seq ELSE low END,
            CASE WHEN time < %(time)s THEN high ELSE seq - 1 END
        FROM halved JOIN entry ON seq = (low + high + 1) / 2 WHERE low < high
    )
    SELECT low FROM halved WHERE low = high
"""
FORGOTTEN = 'SELECT seq FROM forgotten WHERE "user" = %(user)s'
FORGOTTEN_OF = 'SELECT "user" FROM forgotten WHERE "user" = ANY (%(users)s::text[])'
TALKED = 'SELECT 1 FROM talk WHERE "user" = %(user)s AND room = %(room)s'
# How far one page looks: to the end of the last stay that it may look into.
FEED_END = f"""
    SELECT "left" FROM membership WHERE "user" = %(user)s AND "left" > %(after)s AND "left" <= %(upto)s
    ORDER BY "left" OFFSET {FEED_STAYS} LIMIT 1
"""


class Statements(NamedTuple):
    """The statements that depend on how much a page holds."""

    page: str
    stays: str
    history: str
    history_after: str
    heard: str
    heard_after: str
    newest_posts: str
    feed_chunk: str


class PostgresTables(NamedTuple):
    """What is read: through ``execute`` of a cursor, in pages of the size ``page``."""

    execute: Callable[..., Any]
    page: PageSize

    @property
    def sql(self) -> Statements:
        """The statements for pages of this size."""
        return statements(self.page)

    @property
    def most(self) -> int:
        """How many entries are read for a page of a feed: one more than it holds shows that it is full."""
        return self.page.entries + 1


@cache
def statements(size: PageSize) -> Statements:
    """Return the statements that read pages of this ``size``."""
    return Statements(
        page=_as_page(
            "SELECT * FROM entry WHERE seq > %(after)s AND seq <= %(upto)s"
            f" ORDER BY seq LIMIT {size.entries}",
            "",
            size,
        ),
        # Stays that began by "upto" and did not end by "after".
        stays=f"""
            SELECT m.room, m.joined, m."left", e.seq FROM membership AS m
                LEFT JOIN ending AS e ON e."user" = m.room AND m."left" = {OPEN}
            WHERE m."user" = %(user)s AND (m."left", m.room) < (%(left)s, %(room)s COLLATE "C")
                AND m."left" > %(after)s AND m.joined <= %(upto)s AND (e.seq IS NULL OR e.seq > %(after)s)
            ORDER BY m."left" DESC, m.room DESC LIMIT {size.stays}
        """,
        history=_as_page(
            f"""
                SELECT entry.* FROM (
                    SELECT seq FROM place WHERE name = %(room)s AND seq < %(before)s AND seq > %(after)s
                    ORDER BY seq DESC LIMIT {size.entries}
                ) AS heard, LATERAL (SELECT * FROM entry WHERE entry.seq = heard.seq OFFSET 0) AS entry
            """,
            "DESC",
            size,
        ),
        history_after=_as_page(
            f"""
                SELECT entry.* FROM (
                    SELECT seq FROM place WHERE name = %(room)s AND seq < %(before)s AND seq > %(after)s
                    ORDER BY seq LIMIT {size.entries}
                ) AS heard, LATERAL (SELECT * FROM entry WHERE entry.seq = heard.seq OFFSET 0) AS entry
            """,
            "",
            size,
        ),
        heard=_as_page(_heard_at("DESC", size), "DESC", size),
        heard_after=_as_page(_heard_at("", size), "", size),
        newest_posts=_as_page(_NEWEST_POSTS, "DESC", size),
        feed_chunk=_feed_chunk(size),
    )


def _heard_at(order: str, size: PageSize) -> str:
    """Return the statement for posts and events of a place, and for who came and went there, in the ``order``
    of seq."""
    found = " UNION ALL ".join(
        f"""(SELECT {seq} AS seq FROM {source} AND {seq} < %(before)s AND {seq} > {after}
            ORDER BY {seq} {order} LIMIT {size.entries})"""
        for seq, source, after in (
            ("seq", "place WHERE name = %(room)s", "%(after)s"),
            ("seq", "event WHERE name = %(room)s", _BEHIND_EXPIRED),
            ("(joined + 0)", f"{_STAYS} WHERE {_IS_KNOWN} AND room = %(room)s", _BEHIND_EXPIRED),
            ('"left"', f"{_STAYS} WHERE {_IS_KNOWN} AND room = %(room)s", _BEHIND_EXPIRED),
        )
    )
    return f"""
        SELECT entry.* FROM (
            SELECT DISTINCT seq FROM ({found}) AS found ORDER BY seq {order} LIMIT {size.entries}
        ) AS heard, LATERAL (SELECT * FROM entry WHERE entry.seq = heard.seq OFFSET 0) AS entry
    """


_BEHIND_EXPIRED = """(SELECT greatest(%(after)s, max(upto)) FROM blanking
    WHERE "user" = '' AND room IN ('', %(room)s))"""
_STAYS = "membership AS m"
_IS_KNOWN = 'NOT EXISTS (SELECT FROM forgotten AS f WHERE f."user" = m."user" OFFSET 0)'


def _as_page(found: str, order: str, size: PageSize) -> str:
    """Return the statement for entries ``found``, in the ``order`` of seq, without what no page can hold."""
    return f"""
        SELECT {_COLUMNS} FROM (
            SELECT *, sum(octet_length(text)) OVER (ORDER BY seq {order} ROWS UNBOUNDED PRECEDING)
                - octet_length(text) AS bytes_before
            FROM ({found}) AS found
        ) AS page WHERE bytes_before < {size.bytes} ORDER BY seq {order}
    """


def _feed_chunk(size: PageSize) -> str:
    """Read one chunk of each place. Where one is full, its end is the edge: after it, more may be heard."""
    page = _as_page(
        f"""
            SELECT entry.* FROM (
                SELECT DISTINCT seq FROM heard, unnest(seqs) AS seq
                WHERE seq <= (SELECT seq FROM edge) ORDER BY seq LIMIT {size.entries + 1}
            ) AS first, LATERAL (SELECT * FROM entry WHERE entry.seq = first.seq OFFSET 0) AS entry
        """,
        "",
        size,
    )
    return f"""
        WITH listened(name, after, before) AS (
            VALUES (%(user)s::text COLLATE "C", %(after)s::bigint, %(upto)s::bigint + 1),
                ('@' || %(user)s, greatest(%(after)s, {_REGISTERED}), %(upto)s::bigint + 1),
                ('!' || %(user)s, greatest(%(after)s, {_REGISTERED}), %(upto)s::bigint + 1),
                ('{ALL}', greatest(%(after)s, {_REGISTERED}), %(upto)s::bigint + 1)
            UNION ALL
            SELECT room, greatest(%(after)s::bigint, {_TALKS_SINCE}), %(upto)s::bigint + 1
                FROM talk WHERE "user" = %(user)s
            UNION ALL
            SELECT room, greatest(%(after)s, joined), least(%(upto)s::bigint + 1, "left") FROM membership
            WHERE "user" = %(user)s AND "left" > %(after)s AND joined <= %(upto)s
        ), heard AS MATERIALIZED (
            SELECT array(
                SELECT seq FROM place WHERE place.name = listened.name
                    AND place.seq > listened.after AND place.seq < listened.before
                ORDER BY seq LIMIT %(chunk)s
            ) AS seqs FROM listened WHERE left(name, 1) <> '!'
            UNION ALL
            SELECT array(
                SELECT seq FROM event WHERE event.name = listened.name
                    AND event.seq > listened.after AND event.seq < listened.before
                ORDER BY seq LIMIT %(chunk)s
            ) FROM listened
        ), edge AS MATERIALIZED (
            SELECT coalesce(min(seqs[%(chunk)s]), %(upto)s) AS seq FROM heard
        ), page AS MATERIALIZED ({page})
        SELECT edge.seq, page.* FROM edge LEFT JOIN page ON true ORDER BY page.seq
    """


def answer(cursor: Any, question: Question[T], page: PageSize = PAGE) -> T:
    """Return the store's answer, in pages of this size."""
    found: T = ANSWERS[type(question)](PostgresTables(cursor.execute, page), question)
    return found


def page(tables: PostgresTables, asked: PageOf) -> list[Entry]:
    upto = OPEN if asked.upto is None else asked.upto
    rows = tables.execute(tables.sql.page, {"after": asked.after, "upto": upto})
    return take_page(map(of_row, rows), tables.page)[0]


def last(tables: PostgresTables, asked: Last) -> list[Entry]:
    return [of_row(row) for row in tables.execute(LAST, {"count": asked.count})][::-1]


def head(tables: PostgresTables, asked: Head) -> int:
    newest: int = tables.execute(HEAD).fetchone()[0]
    return newest


def cursor_at(tables: PostgresTables, asked: CursorAt) -> Cursor | None:
    log_id, user, key = tables.execute(CURSOR, {"seq": asked.seq}).fetchone()
    return Cursor.of_row(log_id, asked.seq, user, key)


def account(tables: PostgresTables, asked: AccountOf) -> Account | None:
    user = known_name(asked.user)
    found = _account(tables, user)
    if found is None:
        gone = tables.execute(FORGOTTEN, {"user": user}).fetchone()
        return None if gone is None else Account.forgotten(gone[0])
    if asked.device is None:
        return found
    row = tables.execute(DEVICE, {"user": user, "device": known_text(asked.device)}).fetchone()
    return found if row is None else msgspec.structs.replace(found, device=Device(*row))


def code(tables: PostgresTables, asked: CodeOf) -> CodePurpose:
    return code_purpose(tables.execute(CODE, {"kept": known_text(asked.kept)}).fetchone(), asked.user)


def devices(tables: PostgresTables, asked: DevicesOf) -> list[UsedDevice]:
    rows = tables.execute(USED_DEVICES, {"user": known_name(asked.user)})
    return [UsedDevice(Device(*of[:4]), of[4], of[5]) for of in rows]


def snapshot(tables: PostgresTables, asked: SnapshotOf) -> Snapshot:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    known = _account(tables, user)
    left, room = asked.behind or FIRST_STAY
    stays = tables.execute(
        tables.sql.stays,
        {"user": user, "after": min(asked.after, upto), "upto": upto, "left": left, "room": room},
    )
    found = stays.fetchall()
    orders = tables.execute(ORDERS, {"user": user}).fetchone()
    session, last_use = None, NEVER
    if asked.session:
        row = tables.execute(SESSION, {"user": user, "seq": known_seq(asked.session)}).fetchone()
        if row is not None:
            session, last_use = Device(*row[:4]), LastUse(*row[4:])
    return snapshot_page(known, upto, found, tables.page, orders, session, last_use)


def newest(tables: PostgresTables, asked: Newest) -> list[Entry]:
    upto, last = known_seq(asked.upto), known_seq(asked.last)
    rows = tables.execute(
        tables.sql.newest_posts, {"user": known_name(asked.user), "upto": upto, "last": last}
    )
    return take_page(map(of_row, rows), tables.page)[0][::-1]


def feed(tables: PostgresTables, asked: Feed) -> FeedPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    last = tables.execute(FEED_END, {"user": user, "after": asked.after, "upto": upto}).fetchone()
    upto = upto if last is None else last[0]
    posts, is_full = take_page(_heard(tables, user, asked.after, upto), tables.page)
    if _account(tables, user) is None:  # asked last: they may have been forgotten while this was read
        return FeedPage([], min(asked.after, known_seq(asked.upto)))
    return FeedPage(posts, posts[-1].seq if is_full else upto)


def history(tables: PostgresTables, asked: History) -> list[Entry]:
    upto, after = known_seq(asked.upto), _readable(tables, asked)
    before = upto + 1 if asked.before is None else min(upto + 1, asked.before)
    sql = tables.sql.heard if asked.events else tables.sql.history
    bounds = {"room": known_room(asked.room), "before": before, "after": after}
    return _first_told(tables, sql, bounds, "before")[::-1]


def history_after(tables: PostgresTables, asked: HistoryAfter) -> list[Entry]:
    upto, after = known_seq(asked.upto), max(_readable(tables, asked), known_seq(asked.after))
    sql = tables.sql.heard_after if asked.events else tables.sql.history_after
    bounds = {"room": known_room(asked.room), "before": upto + 1, "after": after}
    return _first_told(tables, sql, bounds, "after")


def _first_told(tables: PostgresTables, sql: str, bounds: dict[str, Any], side: str) -> list[Entry]:
    """Return the first page of a history that has something to tell; it goes on from the bound ``side``."""
    while True:
        page = take_page(map(of_row, tables.execute(sql, bounds)), tables.page)[0]
        told = _of_known(tables, page)
        if told or not page:
            return told
        bounds[side] = page[-1].seq


def _of_known(tables: PostgresTables, page: list[Entry]) -> list[Entry]:
    """Return the posts among some entries, and the others but those of, or for, who is forgotten."""
    users = {user for entry in page if entry.kind not in SAID for user in (entry.user, entry.to)}
    if not users:
        return page
    forgotten = {user for (user,) in tables.execute(FORGOTTEN_OF, {"users": list(users)})}
    return [one for one in page if one.kind in SAID or forgotten.isdisjoint((one.user, one.to))]


def seq_before(tables: PostgresTables, asked: SeqBefore) -> int:
    last = min(known_seq(asked.upto), head(tables, Head()))
    row = tables.execute(SEQ_BEFORE, {"last": last, "time": known_seq(asked.time)}).fetchone()
    return int(row[0])


def members(tables: PostgresTables, asked: Members) -> MemberPage:
    room, upto = known_room(asked.room), known_seq(asked.upto)
    _readable(tables, asked)
    bounds = {"room": room, "upto": upto, "after": known_text(asked.after)}
    rows = sorted(
        [*tables.execute(MEMBERS, bounds).fetchall(), *tables.execute(GONE_SINCE, bounds).fetchall()]
    )
    about = tables.execute(ABOUT, bounds).fetchone()
    shown = [Member(name, ROLES[role] if role else "") for name, role in rows[:PAGE_ROOMS]]
    return MemberPage(shown, len(rows) > PAGE_ROOMS, *(about if about and about[0] else NOT_DESCRIBED))


def room_of(tables: PostgresTables, asked: RoomOf) -> RoomFacts:
    room, upto = known_room(asked.room), known_seq(asked.upto)
    _readable(tables, asked)
    bounds = {"room": room, "upto": upto}
    (count,) = tables.execute(COUNT, bounds).fetchone() if asked.counts else (0,)
    begun = MADE if is_private(room) else FIRST_SAID if is_topic(room) else WHEN_REGISTERED
    since = tables.execute(begun, bounds).fetchone()
    about = tables.execute(ABOUT, bounds).fetchone()
    return RoomFacts(
        count, 0 if since is None else since[0], *(about if about and about[0] else NOT_DESCRIBED)
    )


def bans(tables: PostgresTables, asked: BansOf) -> BanPage:
    _readable(tables, asked)
    after, upto = known_text(asked.after), known_seq(asked.upto)
    bounds = {"room": known_room(asked.room), "after": after, "upto": upto}
    rows = tables.execute(BANS, bounds).fetchall()
    return BanPage([Ban(*row) for row in rows[:PAGE_ROOMS]], len(rows) > PAGE_ROOMS)


def policies(tables: PostgresTables, asked: PoliciesIn) -> list[PolicyValue]:
    if asked.room and not is_topic(asked.room):  # of a topic something may be decided before it is used
        _readable(tables, asked)
    bounds = {"room": known_room(asked.room), "upto": known_seq(asked.upto)}
    return [(name, value) for name, value in tables.execute(POLICIES, bounds)]


def reported_post(tables: PostgresTables, asked: ReportedPost) -> list[Entry]:
    seq, upto = known_seq(asked.seq), known_seq(asked.upto)
    bounds = {"user": known_name(asked.user), "seq": seq, "upto": upto}
    for report in map(of_row, tables.execute(ENTRY, {"seq": seq}).fetchall() if seq <= upto else ()):
        places = list(moderators_told(report))
        if report.ref is not None and tables.execute(IS_TOLD, {**bounds, "places": places}).fetchone():
            return list(map(of_row, tables.execute(ENTRY, {"seq": report.ref.seq}).fetchall()))
    return []


def person(tables: PostgresTables, asked: PersonOf) -> Person | None:
    user, about, upto = known_name(asked.user), known_name(asked.about), known_seq(asked.upto)
    bounds = {"user": user, "about": about, "upto": upto}
    found = tables.execute(PERSON, bounds).fetchone()
    if found is None:
        return None
    since, role, blocked = found
    shared = [room for (room,) in tables.execute(SHARED, bounds)]
    return Person(
        since, ROLES[role] if role else "", bool(blocked), shared[:PAGE_ROOMS], len(shared) > PAGE_ROOMS
    )


def first_in(tables: PostgresTables, asked: FirstIn) -> str:
    room = known_room(asked.room)
    bounds = {"room": room, "upto": known_seq(asked.upto)}
    found = tables.execute(FIRST, bounds).fetchone() if is_topic(room) else None
    return "" if found is None else str(found[0])


def led_by(tables: PostgresTables, asked: LedBy) -> list[str]:
    rooms = [known_room(room) for room in asked.rooms]
    bounds = {"user": known_name(asked.user), "rooms": rooms, "upto": known_seq(asked.upto)}
    led = {room for (room,) in tables.execute(LEADS, bounds)}
    return [room for room in rooms if room in led]


def speaker(tables: PostgresTables, asked: SpeakerIn) -> list[str] | None:
    user, room = known_name(asked.user), known_room(asked.room)
    asks = {"user": user, "room": room, "to": other_side(room, user), "upto": known_seq(asked.upto)}
    if not tables.execute(SPEAKS[is_talk(room)], asks).fetchone()[0]:
        return None
    blockers: list[str] = [name for (name,) in tables.execute(BLOCKERS, {"user": user})]
    return blockers if len(blockers) <= MOST_BLOCKERS else None


def invitations(tables: PostgresTables, asked: InvitationsOf) -> InvitationPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    bounds = {"user": user, "after": known_text(asked.after), "upto": upto}
    found = [Invitation(*row) for row in tables.execute(INVITATIONS, bounds)]
    return InvitationPage(found[:PAGE_ROOMS], len(found) > PAGE_ROOMS)


def faces(tables: PostgresTables, asked: Faces) -> list[ShownFace]:
    return [ShownFace(*row) for row in tables.execute(FACES, {"after": known_text(asked.after)}).fetchall()]


def talks(tables: PostgresTables, asked: Talks) -> TalkPage:
    user, upto = known_name(asked.user), known_seq(asked.upto)
    bounds = {"user": user, "upto": upto, "after": known_text(asked.after)}
    rows = tables.execute(TALKS, bounds).fetchall()
    shown = [Talk(room, seq) for room, seq in rows[:PAGE_ROOMS] if seq is not None]
    return TalkPage(shown, len(rows) > PAGE_ROOMS)


def rooms(tables: PostgresTables, asked: Rooms) -> RoomPage:
    between = rooms_between(asked.prefix, asked.after)
    if between is None:
        return RoomPage([], False)
    bounds = dict(zip(("prefix", "after", "end"), between, strict=True))
    names = [name for (name,) in tables.execute(ROOMS, bounds)]
    return RoomPage(names[:PAGE_ROOMS], len(names) > PAGE_ROOMS)


def marks(tables: PostgresTables, asked: MarksOf) -> MarkPage:
    found = list(tables.execute(MARKS, _rooms_asked(asked)))
    return MarkPage(found[:PAGE_ROOMS], len(found) > PAGE_ROOMS)


def heard_by(tables: PostgresTables, asked: HeardBy) -> int | None:
    mine = {"user": known_name(asked.user), "room": heard(known_text(asked.device))}
    return next((seq for (seq,) in tables.execute(MARK, mine)), None)


def unread(tables: PostgresTables, asked: UnreadOf) -> UnreadPage:
    rows = list(tables.execute(UNREAD, _rooms_asked(asked)))
    page = rows[:PAGE_ROOMS]
    found = [(room, posts, mentions) for room, posts, mentions, _ in page]
    return UnreadPage(found, len(rows) > PAGE_ROOMS, [joined for *_, joined in page])


def all_users(tables: PostgresTables, asked: AllUsers) -> UserPage:
    between = users_between(asked.prefix, asked.after)
    if between is None:
        return UserPage([], False)
    bounds = dict(zip(("prefix", "after", "end"), between, strict=True))
    rows = tables.execute(ALL_USERS, bounds).fetchall()
    users = [
        UserFacts(name, ROLES[role] if role else "", since, used, banned, muted, bool(disabled))
        for name, role, since, used, banned, muted, disabled in rows[:PAGE_ROOMS]
    ]
    return UserPage(users, len(rows) > PAGE_ROOMS)


ANSWERS: Answers[PostgresTables] = {
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


def _rooms_asked(asked: MarksOf | UnreadOf) -> dict[str, str | int]:
    after = known_text(asked.after)
    return {"user": known_name(asked.user), "upto": known_seq(asked.upto), "after": after}


def _account(tables: PostgresTables, user: str) -> Account | None:
    row = tables.execute(ACCOUNT, {"user": user}).fetchone()
    return None if row is None else Account(row[0], row[1], row[2], None, row[3])


def _readable(
    tables: PostgresTables, asked: History | HistoryAfter | Members | RoomOf | BansOf | PoliciesIn
) -> int:
    """Return the seq after which the user may read the room.

    :raises NoSuchRoom: there is no such room for the user.
    """
    room, user, upto = known_room(asked.room), known_name(asked.user), known_seq(asked.upto)
    if is_public(room):
        if tables.execute(IS_ROOM, {"room": room}).fetchone() is not None:
            return 0
    elif is_private(room):
        row = tables.execute(MEMBER_SINCE, {"user": user, "room": room, "upto": upto}).fetchone()
        if row is not None:
            return int(row[0])
    elif user in sides(room) and (
        _account(tables, other_side(room, user))
        # The other side may be forgotten by now.
        or tables.execute(TALKED, {"user": user, "room": room}).fetchone()
    ):
        (since,) = tables.execute(TALKS_SINCE, {"user": user}).fetchone()
        return int(since)
    raise NoSuchRoom.of(room=spelled_for(asked.room, asked.user))


def _heard(tables: PostgresTables, user: str, after: int, upto: int) -> Iterator[Entry]:
    """Yield the posts after ``after`` that the user may see, in order; read only as far as drawn."""
    chunk = FIRST_CHUNK
    while after < upto:
        rows = tables.execute(
            tables.sql.feed_chunk, {"user": user, "after": after, "upto": upto, "chunk": chunk}
        ).fetchall()
        entries = [of_row(row[1:]) for row in rows if row[1] is not None]
        yield from entries
        # A page cut short by its bytes is never drawn to its end; a full one goes on at its last entry.
        after = entries[-1].seq if len(entries) == tables.most else rows[0][0]
        chunk = min(2 * chunk, LAST_CHUNK)
