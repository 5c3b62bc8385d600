"""The tables of the embedded store, and how a connection to it is set up."""

from __future__ import annotations

import apsw

from chatnet.errors import CannotStart, Outgrown
from chatnet.kinds import FIRST_LEVEL, NEW_LEVEL
from chatnet.store.facts import looks
from chatnet.store.pages import OPEN
from chatnet.store.sqlite import slack

STEPS = (
    """
    CREATE TABLE log (
        id TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        head INTEGER NOT NULL,
        -- See StoreFile.checkpoint.
        wal_follows INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE entry (
        seq INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        kind TEXT NOT NULL,
        user TEXT NOT NULL,
        room TEXT NOT NULL,
        text TEXT NOT NULL,
        key BLOB NOT NULL
    );
    CREATE UNIQUE INDEX entry_key ON entry (user, key);
    -- Where each post is heard: see chatnet.entries.places.
    CREATE TABLE place (
        name TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (name, seq)
    ) WITHOUT ROWID;
    -- A stay that lasts has the greatest "left": so those of one user stand together, and can be looked up.
    -- Pages of them go from the greatest down: one that ends in between is found further down.
    CREATE TABLE membership (
        user TEXT NOT NULL,
        left INTEGER NOT NULL,
        room TEXT NOT NULL,
        joined INTEGER NOT NULL,
        PRIMARY KEY (user, left, room)
    ) WITHOUT ROWID;
    CREATE TABLE account (
        user TEXT PRIMARY KEY,
        credential TEXT NOT NULL,
        secret_seq INTEGER NOT NULL,
        registered INTEGER NOT NULL,
        -- How many rooms they are in; and on which day they last made a topic, and how many.
        rooms INTEGER NOT NULL DEFAULT 0,
        day INTEGER NOT NULL DEFAULT 0,
        topics INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE TABLE room (
        name TEXT PRIMARY KEY
    ) WITHOUT ROWID;
    """,
    """
    -- The keys of what was refused and may not come again, with what it was and how: see store.refusals.
    CREATE TABLE refusal (
        user TEXT NOT NULL,
        key BLOB NOT NULL,
        content BLOB NOT NULL,
        code TEXT NOT NULL,
        PRIMARY KEY (user, key)
    ) WITHOUT ROWID;
    """,
    """
    -- By key first: those of one time stand together, whoever posts. See chatnet.entries.fresh_key.
    DROP INDEX entry_key;
    CREATE UNIQUE INDEX entry_key ON entry (key, user);
    """,
    """
    -- Which kinds of entries may stand in it: see chatnet.kinds.
    ALTER TABLE log ADD COLUMN level INTEGER NOT NULL DEFAULT 1;
    -- How many of these steps a program has to know, at least, to work with the tables.
    ALTER TABLE schema_version ADD COLUMN works_from INTEGER NOT NULL DEFAULT 4;
    """,
    """
    -- What an entry has beyond its columns, and its places where those do not follow from it, with a space
    -- between: see chatnet.entries.
    ALTER TABLE entry ADD COLUMN more BLOB;
    ALTER TABLE entry ADD COLUMN at TEXT;
    -- Where what is no post is heard: as for place.
    CREATE TABLE event (
        name TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (name, seq)
    ) WITHOUT ROWID;
    -- Who is in a room, in order of their names.
    CREATE INDEX member ON membership (room, left, user);
    -- Private rooms: what newcomers may read, and the seq of the entry that made it.
    CREATE TABLE private (
        name TEXT PRIMARY KEY,
        history TEXT NOT NULL,
        made INTEGER NOT NULL
    ) WITHOUT ROWID;
    -- What a user is in a room ('': in the cluster) beside being a member: the rank of their role, until when
    -- they are invited, banned, muted (0: not), whether they ever were banned or muted, and whether the
    -- user whose room it is blocks them.
    CREATE TABLE standing (
        room TEXT NOT NULL,
        user TEXT NOT NULL,
        role INTEGER NOT NULL DEFAULT 0,
        invited INTEGER NOT NULL DEFAULT 0,
        banned INTEGER NOT NULL DEFAULT 0,
        muted INTEGER NOT NULL DEFAULT 0,
        ordered INTEGER NOT NULL DEFAULT 0,
        blocked INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (room, user)
    ) WITHOUT ROWID;
    CREATE INDEX standing_user ON standing (user, room);
    -- The conversations of a user.
    CREATE TABLE talk (
        user TEXT NOT NULL,
        room TEXT NOT NULL,
        PRIMARY KEY (user, room)
    ) WITHOUT ROWID;
    CREATE TABLE description (
        room TEXT PRIMARY KEY,
        text TEXT NOT NULL,
        seq INTEGER NOT NULL
    ) WITHOUT ROWID;
    -- How often a user did what may be done so often a day, and on which day last.
    CREATE TABLE tally (
        user TEXT NOT NULL,
        kind TEXT NOT NULL,
        day INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (user, kind)
    ) WITHOUT ROWID;
    """,
    """
    -- Each user whom a post names, and where that was said.
    CREATE TABLE mention (
        user TEXT NOT NULL,
        room TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (user, room, seq)
    ) WITHOUT ROWID;
    INSERT INTO mention SELECT substr(place.name, 2), entry.room, entry.seq
        FROM place JOIN entry ON entry.seq = place.seq WHERE place.name >= '@' AND place.name < 'A';
    """,
    """
    -- What was decided about a room ('': about the cluster), and the seq of the entry: see chatnet.policies.
    CREATE TABLE policy (
        room TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (room, name)
    ) WITHOUT ROWID;
    """,
    """
    -- Texts that are taken back together, and up to where they have been overwritten: see chatnet.blanking.
    CREATE TABLE blanking (
        user TEXT NOT NULL,
        room TEXT NOT NULL,
        upto INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        whole INTEGER NOT NULL,
        done INTEGER NOT NULL,
        PRIMARY KEY (user, room)
    ) WITHOUT ROWID;
    -- Who is forgotten, and since which seq: nobody gets the name again.
    CREATE TABLE forgotten (
        user TEXT PRIMARY KEY,
        seq INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    -- The posts that somebody reported: their moderators are told when one is taken back.
    CREATE TABLE reported (
        seq INTEGER NOT NULL,
        PRIMARY KEY (seq)
    ) WITHOUT ROWID;
    """,
    """
    -- The sessions of users, one for each device, by the seq that began it: see chatnet.rules. A device has a
    -- credential of its own if it was let in by another one.
    CREATE TABLE session (
        user TEXT NOT NULL,
        device TEXT NOT NULL,
        seq INTEGER NOT NULL,
        label TEXT NOT NULL,
        scope TEXT NOT NULL,
        credential TEXT NOT NULL,
        PRIMARY KEY (user, device)
    ) WITHOUT ROWID;
    INSERT INTO session SELECT user, '', secret_seq, '', 'all', '' FROM account;
    -- The codes that are good, by their SHA-256: who made it, whom it is for (empty: for any new name), to
    -- which private room it invites, how many may use it, and until when.
    CREATE TABLE code (
        hash TEXT PRIMARY KEY,
        author TEXT NOT NULL,
        whose TEXT NOT NULL,
        room TEXT NOT NULL,
        uses INTEGER NOT NULL,
        until INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX code_whose ON code (whose);
    CREATE INDEX code_until ON code (until);
    ALTER TABLE standing ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- Who invited a user to a private room, if the user did not block them. Whether the invitation is still
    -- good, their standing says.
    CREATE TABLE invitation (
        user TEXT NOT NULL,
        room TEXT NOT NULL,
        inviter TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (user, room)
    ) WITHOUT ROWID;
    """,
    """
    -- Until when a user is a newcomer, who may do less: see chatnet.rules.
    ALTER TABLE account ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- How long the list of what was taken back is, in bytes, as far as the log has followed it, and a check
    -- of all its lines; -1: nobody knows. See store.sqlite.erased.
    ALTER TABLE log ADD COLUMN erased INTEGER NOT NULL DEFAULT -1;
    ALTER TABLE log ADD COLUMN erased_tail TEXT NOT NULL DEFAULT '';
    -- Posts that were taken back, and are not in the log, which was put back to before them: a draft that
    -- comes again under such a key is committed without its text.
    CREATE TABLE erased (
        user TEXT NOT NULL,
        key BLOB NOT NULL,
        PRIMARY KEY (user, key)
    ) WITHOUT ROWID;
    """,
    """
    -- Where posts were heard whose text is gone, in the same shape as place: they are not unread.
    CREATE TABLE gone (
        name TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (name, seq)
    ) WITHOUT ROWID;
    INSERT INTO gone SELECT place.name, place.seq FROM place JOIN entry ON entry.seq = place.seq
        WHERE entry.text = '' AND substr(place.name, 1, 1) <> '@';
    """,
    f"""
    -- Who is forgotten, and since which seq, as long as the table of stays does not say yet that those of
    -- others in their room have ended then.
    CREATE TABLE ending (
        user TEXT PRIMARY KEY,
        seq INTEGER NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO ending SELECT user, seq FROM forgotten WHERE EXISTS (
        SELECT 1 FROM membership WHERE membership.room = forgotten.user AND left = {OPEN});
    DELETE FROM room WHERE name IN (SELECT user FROM forgotten);
    -- Where it is heard that texts were taken back together: it was told to few, or to nobody.
    INSERT OR IGNORE INTO event SELECT CASE WHEN kind = 'forget' OR room = '' OR kind = 'expire'
            AND substr(room, 1, 1) = '#' THEN '!all' ELSE room END, seq
        FROM entry WHERE kind IN ('forget', 'purge', 'expire');
    """,
    f"""
    -- How users are shown who said so, and all guests: see chatnet.faces.
    CREATE TABLE face (
        user TEXT PRIMARY KEY,
        text TEXT NOT NULL,
        seq INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX account_looks ON account ({looks("user")});
    """,
    """
    -- Who came into a room, in order; who went stands so in the index "member" already. By an expression, so
    -- that no read of those who are there now can choose it: it would pass over all who ever were.
    CREATE INDEX came ON membership (room, joined + 0);
    """,
    """
    -- A purge in a topic is heard by everybody, and was by those who are there. They are found by where its
    -- moderators hear it, as before: those of a topic have few such entries.
    INSERT OR IGNORE INTO event SELECT '!all', entry.seq FROM event JOIN entry ON entry.seq = event.seq
        WHERE event.name >= '!mods#' AND event.name < '!mods$' AND entry.kind = 'purge';
    DELETE FROM event WHERE (name, seq) IN (
        SELECT entry.room, entry.seq FROM event JOIN entry ON entry.seq = event.seq
        WHERE event.name >= '!mods#' AND event.name < '!mods$' AND entry.kind = 'purge');
    UPDATE entry SET at = '!all' || substr(at, length(room) + 1)
        WHERE kind = 'purge' AND substr(at, 1, 1) = '#'
            AND seq IN (SELECT seq FROM event WHERE name >= '!mods#' AND name < '!mods$');
    """,
)
"""Each step brings a store from one schema version to the next. Never change a released step."""
WORKS_FROM = 5
"""A program that knows this many steps can still work with the tables as the last step leaves them.

A step that only adds what older programs need not know leaves this number unchanged: old and new programs run
side by side until all are new. What nobody needs then is removed one release later, by a step that raises it.
"""

_WRITER_CACHE_KIB = 64 * 1024
_READER_CACHE_KIB = 8 * 1024
CHECKPOINT_PAGES = 4_000
"""How many pages the WAL grows before it is written back."""
BUSY_MS = 5_000
"""How many milliseconds a connection waits for a lock."""


def set_up_writer(connection: apsw.Connection) -> None:
    """Set up WAL mode, with each commit on disk before it returns. Only this connection commits."""
    connection.set_busy_timeout(BUSY_MS)
    slack.set_up(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA cache_size=-{_WRITER_CACHE_KIB}")
    connection.wal_autocheckpoint(CHECKPOINT_PAGES)


def set_up_reader(connection: apsw.Connection) -> None:
    """Set up a connection that cannot write."""
    connection.set_busy_timeout(BUSY_MS)
    connection.execute("PRAGMA query_only=1")
    connection.execute(f"PRAGMA cache_size=-{_READER_CACHE_KIB}")


def migrate(connection: apsw.Connection, fresh_id: str, own_level: int = NEW_LEVEL) -> None:
    """Bring the tables to this version, unless they are newer; a new store gets ``fresh_id`` as its log's id.

    The log of a new one begins at the level of this release, if the program understands that:
    ``own_level`` is what it does.

    :raises CannotStart: a newer chatnet made them, and this one does not know enough of them.
    """
    with slack.changed_tables(connection):
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        version = connection.execute("SELECT version FROM schema_version").get or 0
        if not isinstance(version, int):
            raise apsw.CorruptError(_NO_VERSION)
        if version > len(STEPS) and _works_from(connection, version) > len(STEPS):
            raise CannotStart(
                f"The store was written by a newer chatnet (schema {version}; this one knows {len(STEPS)}): "
                "update chatnet."
            )
        for step in STEPS[version:]:
            connection.execute(step)
        if version < len(STEPS):
            connection.execute("DELETE FROM schema_version")
            values = len(STEPS), WORKS_FROM
            connection.execute("INSERT INTO schema_version (version, works_from) VALUES (?, ?)", values)
        if connection.execute("SELECT count(*) FROM log").get == 0:
            row = fresh_id, min(own_level, NEW_LEVEL)
            connection.execute("INSERT INTO log (id, epoch, head, level) VALUES (?, 0, 0, ?)", row)
    refuse_nonsense(connection)


def _works_from(connection: apsw.Connection, version: int) -> int:
    columns = [row[1] for row in connection.execute("PRAGMA table_info(schema_version)")]
    if "works_from" not in columns:
        return version
    found = connection.execute("SELECT works_from FROM schema_version").get
    return found if isinstance(found, int) else version


def refuse_level(connection: apsw.Connection, own: int) -> int:
    """Return the log's level, with which a program that understands ``own`` must work.

    :raises Outgrown: the log is above ``own``.
    :raises CorruptError: the level is not as it was written.
    """
    level = connection.execute("SELECT level FROM log").get
    if not isinstance(level, int) or level < FIRST_LEVEL:
        raise apsw.CorruptError("its level is not as it was written")
    if level > own:
        raise Outgrown.at(level, own)
    return level


_NO_VERSION = "the version of its tables is not as it was written"


def refuse_nonsense(connection: apsw.Connection) -> None:
    """Check what a store says of itself: it is in tables of one row, which other pages may have overwritten.

    :raises CorruptError: it is not as it was written.
    """
    versions = [row[0] for row in connection.execute("SELECT typeof(version) FROM schema_version")]
    if versions != ["integer"]:
        raise apsw.CorruptError(_NO_VERSION)
    kinds = list(connection.execute("SELECT typeof(id), typeof(epoch), typeof(head) FROM log"))
    if kinds != [("text", "integer", "integer")]:
        raise apsw.CorruptError("its id, its epoch or its head is not as it was written")


def take_epoch(connection: apsw.Connection) -> tuple[str, int]:
    """Begin a new epoch; return the log's id, and the epoch."""
    with connection:
        connection.execute("UPDATE log SET epoch = epoch + 1")
        log_id, epoch = next(connection.execute("SELECT id, epoch FROM log"))
    return log_id, epoch
