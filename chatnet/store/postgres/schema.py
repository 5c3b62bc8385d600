"""The tables and functions of the store in PostgreSQL, and how they are brought to this version."""

from __future__ import annotations

from typing import Any

from chatnet.errors import CannotStart, Outgrown
from chatnet.kinds import NEW_LEVEL
from chatnet.store.facts import looks
from chatnet.store.pages import OPEN
from chatnet.store.postgres.append import Functions, functions

# Names sort by code point, as they do everywhere else in chatnet: hence COLLATE "C".
_TABLES = """
-- One row: which log this is, its newest seq and that one's time. Whoever appends locks it. It is updated by
-- each batch, so its page has room for many versions of it.
CREATE TABLE log (
    id text NOT NULL,
    head bigint NOT NULL,
    time bigint NOT NULL
) WITH (fillfactor = 10);
-- The right to command; a table of its own, so that renewing never waits for those who append.
CREATE TABLE lease (
    counter bigint NOT NULL,
    epoch bigint NOT NULL,
    holder text NOT NULL
) WITH (fillfactor = 10);
INSERT INTO lease VALUES (0, 0, '');
-- A row while a log is being copied here, by chatnet migrate: until it is whole, nobody may use it.
CREATE TABLE copying (
    since timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE entry (
    seq bigint PRIMARY KEY,
    time bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    room text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL,
    key bytea NOT NULL
);
CREATE UNIQUE INDEX entry_key ON entry ("user", key);
-- Where each post is heard: see chatnet.entries.places.
CREATE TABLE place (
    name text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (name, seq)
);
-- A stay that lasts has the greatest "left": so those of one user stand together, and can be looked up.
CREATE TABLE membership (
    "user" text COLLATE "C" NOT NULL,
    "left" bigint NOT NULL,
    room text COLLATE "C" NOT NULL,
    joined bigint NOT NULL,
    PRIMARY KEY ("user", "left", room)
);
CREATE TABLE account (
    "user" text COLLATE "C" PRIMARY KEY,
    credential text NOT NULL,
    secret_seq bigint NOT NULL,
    registered bigint NOT NULL,
    -- How many rooms they are in; and on which day they last made a topic, and how many.
    rooms integer NOT NULL DEFAULT 0,
    day bigint NOT NULL DEFAULT 0,
    topics integer NOT NULL DEFAULT 0
);
CREATE TABLE room (
    name text COLLATE "C" PRIMARY KEY
);
-- The keys of what was refused and may not come again, with what it was and how: see store.refusals.
CREATE TABLE refusal (
    "user" text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    content bytea NOT NULL,
    code text COLLATE "C" NOT NULL,
    PRIMARY KEY ("user", key)
);
"""

_TOKEN = """
-- By what the cluster's token is known; empty until its first master has come.
ALTER TABLE lease ADD COLUMN token text NOT NULL DEFAULT '';
"""

_KEYS = """
-- By key first: those of one time stand together, whoever posts. See chatnet.entries.fresh_key.
DROP INDEX entry_key;
CREATE UNIQUE INDEX entry_key ON entry (key, "user");
"""

_LEVEL = """
-- Which kinds of entries may stand in it: see chatnet.kinds.
ALTER TABLE log ADD COLUMN level bigint NOT NULL DEFAULT 1;
-- How many of these steps a program has to know, at least, to work with the tables.
ALTER TABLE schema_version ADD COLUMN works_from integer NOT NULL DEFAULT 4;
"""

_ROOMS = """
-- What an entry has beyond its columns, and its places where those do not follow from it, with a space
-- between: see chatnet.entries.
ALTER TABLE entry ADD COLUMN more bytea;
ALTER TABLE entry ADD COLUMN at text;
-- Where what is no post is heard: as for place.
CREATE TABLE event (
    name text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (name, seq)
);
-- Who is in a room, in order of their names.
CREATE INDEX member ON membership (room, "left", "user");
-- Private rooms: what newcomers may read, and the seq of the entry that made it.
CREATE TABLE private (
    name text COLLATE "C" PRIMARY KEY,
    history text COLLATE "C" NOT NULL,
    made bigint NOT NULL
);
-- What a user is in a room ('': in the cluster) beside being a member: the rank of their role, until when
-- they are invited, banned, muted (0: not), whether they ever were banned or muted, and whether the
-- user whose room it is blocks them.
CREATE TABLE standing (
    room text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    role bigint NOT NULL DEFAULT 0,
    invited bigint NOT NULL DEFAULT 0,
    banned bigint NOT NULL DEFAULT 0,
    muted bigint NOT NULL DEFAULT 0,
    ordered bigint NOT NULL DEFAULT 0,
    blocked bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (room, "user")
);
CREATE INDEX standing_user ON standing ("user", room);
CREATE INDEX standing_ordered ON standing ("user") WHERE ordered = 1 OR blocked = 1;
-- The conversations of a user.
CREATE TABLE talk (
    "user" text COLLATE "C" NOT NULL,
    room text COLLATE "C" NOT NULL,
    PRIMARY KEY ("user", room)
);
CREATE TABLE description (
    room text COLLATE "C" PRIMARY KEY,
    text text COLLATE "C" NOT NULL,
    seq bigint NOT NULL
);
-- How often a user did what may be done so often a day, and on which day last.
CREATE TABLE tally (
    "user" text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    day bigint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY ("user", kind)
);
"""

_MARKS = """
-- How far each user has read: see chatnet.marks. Rows are updated often, so pages have room for new versions.
CREATE TABLE mark (
    "user" text COLLATE "C" NOT NULL,
    room text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY ("user", room)
) WITH (fillfactor = 70);
-- Each name in the text of a post, and where that was said.
CREATE TABLE mention (
    "user" text COLLATE "C" NOT NULL,
    room text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY ("user", room, seq)
);
INSERT INTO mention SELECT substr(place.name, 2), entry.room, entry.seq
    FROM place JOIN entry ON entry.seq = place.seq WHERE place.name >= '@' AND place.name < 'A';
"""

_POLICIES = """
-- What was decided about a room ('': about the cluster), and the seq of the entry: see chatnet.policies.
CREATE TABLE policy (
    room text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (room, name)
);
"""

_BLANKING = """
-- Texts that are taken back together, and up to where they have been overwritten: see chatnet.blanking.
CREATE TABLE blanking (
    "user" text COLLATE "C" NOT NULL,
    room text COLLATE "C" NOT NULL,
    upto bigint NOT NULL,
    seq bigint NOT NULL,
    whole integer NOT NULL,
    done bigint NOT NULL,
    PRIMARY KEY ("user", room)
);
CREATE INDEX blanking_undone ON blanking (seq) WHERE done < upto;
-- Who is forgotten, and since which seq: nobody gets the name again.
CREATE TABLE forgotten (
    "user" text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL
);
"""

_REPORTS = """
-- The posts that somebody reported: their moderators are told when one is taken back.
CREATE TABLE reported (
    seq bigint PRIMARY KEY
);
"""

_SESSIONS = """
-- The sessions of users, one for each device, by the seq that began it: see chatnet.rules. A device has a
-- credential of its own if it was let in by another one.
CREATE TABLE session (
    "user" text COLLATE "C" NOT NULL,
    device text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    label text NOT NULL,
    scope text COLLATE "C" NOT NULL,
    credential text NOT NULL,
    PRIMARY KEY ("user", device)
);
CREATE UNIQUE INDEX session_seq ON session ("user", seq);
INSERT INTO session SELECT "user", '', secret_seq, '', 'all', '' FROM account;
-- The codes that are good, by their SHA-256: who made it, whom it is for (empty: for any new name), to which
-- private room it invites, how many may use it, and until when.
CREATE TABLE code (
    hash text COLLATE "C" PRIMARY KEY,
    author text COLLATE "C" NOT NULL,
    whose text COLLATE "C" NOT NULL,
    room text COLLATE "C" NOT NULL,
    uses bigint NOT NULL,
    until bigint NOT NULL
);
CREATE INDEX code_whose ON code (whose);
CREATE INDEX code_until ON code (until);
ALTER TABLE standing ADD COLUMN disabled bigint NOT NULL DEFAULT 0;
"""

_INVITATIONS = """
-- Who invited a user to a private room, if the user did not block them. Whether the invitation is still good,
-- their standing says.
CREATE TABLE invitation (
    "user" text COLLATE "C" NOT NULL,
    room text COLLATE "C" NOT NULL,
    inviter text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY ("user", room)
);
"""

_NEWCOMERS = """
-- Until when a user is a newcomer, who may do less: see chatnet.rules.
ALTER TABLE account ADD COLUMN fresh bigint NOT NULL DEFAULT 0;
"""

_ERASED = """
-- Posts that were taken back, and are not in the log, which was put back to before them: a draft that comes
-- again under such a key is committed without its text.
CREATE TABLE erased (
    "user" text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    PRIMARY KEY ("user", key)
);
"""

_GONE = """
-- Where posts were heard whose text is gone, in the same shape as place: they are not unread.
CREATE TABLE gone (
    name text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (name, seq)
);
INSERT INTO gone SELECT place.name, place.seq FROM place JOIN entry ON entry.seq = place.seq
    WHERE entry.text = '' AND left(place.name, 1) <> '@';
"""

_ENDING = f"""
-- Who is forgotten, and since which seq, as long as the table of stays does not say yet that those of others
-- in their room have ended then.
CREATE TABLE ending (
    "user" text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL
);
INSERT INTO ending SELECT "user", seq FROM forgotten WHERE EXISTS (
    SELECT FROM membership WHERE membership.room = forgotten."user" AND "left" = {OPEN});
DELETE FROM room WHERE name IN (SELECT "user" FROM forgotten);
-- Where it is heard that texts were taken back together: it was told to few, or to nobody.
INSERT INTO event SELECT CASE WHEN kind = 'forget' OR room = '' OR kind = 'expire' AND left(room, 1) = '#'
        THEN '!all' ELSE room END, seq
    FROM entry WHERE kind IN ('forget', 'purge', 'expire') ON CONFLICT DO NOTHING;
"""

_FACES = f"""
-- How users are shown who said so, and all guests: see chatnet.faces.
CREATE TABLE face (
    "user" text COLLATE "C" PRIMARY KEY,
    text text NOT NULL,
    seq bigint NOT NULL
);
CREATE INDEX account_looks ON account (({looks('"user"')}));
"""

_CAME = """
-- Who came into a room, in order; who went stands so in the index "member" already. By an expression, so that
-- no read of those who are there now can choose it: it would pass over all who ever were.
CREATE INDEX came ON membership (room, (joined + 0));
"""

_PURGES = """
-- A purge in a topic is heard by everybody, and was by those who are there. They are found by where its
-- moderators hear it, as before: those of a topic have few such entries.
INSERT INTO event SELECT '!all', entry.seq FROM event JOIN entry ON entry.seq = event.seq
    WHERE event.name >= '!mods#' AND event.name < '!mods$' AND entry.kind = 'purge'
    ON CONFLICT DO NOTHING;
DELETE FROM event WHERE (name, seq) IN (
    SELECT entry.room, entry.seq FROM event JOIN entry ON entry.seq = event.seq
    WHERE event.name >= '!mods#' AND event.name < '!mods$' AND entry.kind = 'purge');
UPDATE entry SET at = '!all' || substr(at, length(room) + 1)
    WHERE kind = 'purge' AND left(at, 1) = '#'
        AND seq IN (SELECT seq FROM event WHERE name >= '!mods#' AND name < '!mods$');
"""

STEPS = (
    _TABLES,
    _TOKEN,
    _KEYS,
    _LEVEL,
    _ROOMS,
    _MARKS,
    _POLICIES,
    _BLANKING,
    _REPORTS,
    _SESSIONS,
    _INVITATIONS,
    _NEWCOMERS,
    _ERASED,
    _GONE,
    _ENDING,
    _FACES,
    _CAME,
    _PURGES,
)
"""Each step brings a store from one schema version to the next. Never change a released step.

Functions are not in the steps: see :mod:`.append`.
"""
WORKS_FROM = 5
"""A program that knows this many steps can still work with the tables: see the embedded store's schema."""

_ADVISORY_LOCK = 0x636861746E6574
"""The lock held during a migration: "chatnet" as a number."""

_IS_THERE = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_version'"

_WORKS_FROM = """
    SELECT 1 FROM pg_attribute
    WHERE attrelid = 'schema_version'::regclass AND attname = 'works_from' AND NOT attisdropped
"""

_HAS_FUNCTIONS = """
    SELECT 1 FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname = current_schema() AND proname = %s
"""


def migrate(connection: Any, fresh_id: str, own_level: int) -> int:
    """Bring the tables to this version, unless they are newer, and make this program's functions.

    A new store gets ``fresh_id`` as the log's id. Other processes may do the same meanwhile. Returns the
    log's level, with which this program, which understands ``own_level``, can work.

    :raises Outgrown: the log is above that level. No functions were made.
    :raises CannotStart: a newer chatnet made the tables, and this one does not know enough of them; or the
        database cannot hold every text.
    """
    if connection.execute("SHOW server_encoding").fetchone() != ("UTF8",):
        raise CannotStart("The database must have the encoding UTF8: createdb --encoding UTF8.")
    ours = functions(own_level)
    if _version(connection) == len(STEPS) and _has(connection, ours):
        return _level(connection, own_level)
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute("SET LOCAL lock_timeout = 0")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
        _migrate_tables(connection, fresh_id, own_level)
        level = _level(connection, own_level)
        if not _has(connection, ours):
            connection.execute(ours.statements, prepare=False)
    return level


def _migrate_tables(connection: Any, fresh_id: str, own_level: int) -> None:
    version = _version(connection)
    if version > len(STEPS):
        if _works_from(connection, version) > len(STEPS):
            raise CannotStart(
                f"The store was written by a newer chatnet (schema {version}; this one knows {len(STEPS)}): "
                "update chatnet."
            )
        return
    if version == 0:
        connection.execute("CREATE TABLE schema_version (version integer NOT NULL)")
        connection.execute("INSERT INTO schema_version VALUES (0)")
    for step in STEPS[version:]:
        connection.execute(step, prepare=False)  # it has several statements
    if version == 0:
        row = fresh_id, min(own_level, NEW_LEVEL)
        connection.execute("INSERT INTO log (id, head, time, level) VALUES (%s, 0, 0, %s)", row)
    connection.execute("UPDATE schema_version SET version = %s, works_from = %s", (len(STEPS), WORKS_FROM))


def _level(connection: Any, own: int) -> int:
    row = connection.execute("SELECT level FROM log").fetchone()
    level = 0 if row is None else int(row[0])  # without a row, the next read will report it
    if level > own:
        raise Outgrown.at(level, own)
    return level


def _has(connection: Any, ours: Functions) -> bool:
    """Return whether the functions with exactly this text exist."""
    return connection.execute(_HAS_FUNCTIONS, (ours.append,)).fetchone() is not None


def _works_from(connection: Any, version: int) -> int:
    row = connection.execute(_WORKS_FROM).fetchone()
    if row is None:
        return version
    works_from: int = connection.execute("SELECT works_from FROM schema_version").fetchone()[0]
    return works_from


def _version(connection: Any) -> int:
    """Return the version of the tables; 0 if there are none."""
    # Read from the catalog itself: what to_regclass remembers may be older than our lock.
    if connection.execute(_IS_THERE).fetchone() is None:
        return 0
    version: int = connection.execute("SELECT version FROM schema_version").fetchone()[0]
    return version
