"""The function in the database that appends a batch, and the functions that it calls.

Tables are history, functions are code: each function's name carries a hash of its text, so each process makes
and calls its own functions, whatever release made those that exist already.

A batch is one call in autocommit: the lock of the head row never waits for a client. A client stopped in the
middle of its own transaction would block everybody; and a single statement cannot do the work, because its
snapshot would be older than the lock. Inside the function each statement has its own snapshot, since the
transaction is at "read committed".

A program's functions know the kinds of its level, refuse newer kinds until the log reaches their level, and
do nothing for their caller once the log is above their own level.

New posts by known users, which is what almost all drafts are, are judged, and inserted, for all of a batch
together. The others are judged apart from them, each by what stands before it: so what somebody does makes
their own drafts dearer, and not those of others. All lock the head row, which makes even a batch that adds
nothing wait for the standbys: an old key is answered only once its entry is as safe as a new one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from chatnet.errors import Refusal
from chatnet.kinds import CLUSTER, KINDS, Heard, Kind
from chatnet.names import Where
from chatnet.rules import CASES, DAY_MS, MOST_TOPICS, Case
from chatnet.store import facts, follows
from chatnet.store.pages import OPEN
from chatnet.store.refusals import NOT_KEPT

OUTGROWN = "CN001"
"""The SQLSTATE of the functions' refusal to work above their level; its message is the log's level."""


def _bound(sql: str) -> str:
    """Return a template of facts or of what follows with the variables of the functions."""
    return sql.format(
        kind="its_kind",
        user="its_user",
        room="its_room",
        text="its_text",
        to="its_to",
        ref="its_ref",
        ref_check="its_check",
        until="its_until",
        device="its_device",
        label="its_label",
        scope="its_scope",
        code="its_code",
        now="moment",
        day="today",
        seq="its_seq",
        check="""substring(sha256(convert_to((SELECT id FROM log) || '|' || e.seq || '|' || e."user" || '|',
            'UTF8') || e.key) FROM 1 FOR 8)""",
        contains_room="strpos(' ' || its_topics || ' ', ' ' || room || ' ') > 0",
        contains_sides="strpos(e.room, '=') > 0",
        rooms_of_code="unnest(string_to_array(code.room, ' ')) AS its(value)",
    )


class Functions(NamedTuple):
    """The functions of one program: the name of the ``append`` one, and the ``statements`` that make all."""

    append: str
    statements: str


def functions(level: int) -> Functions:
    """Return the functions of a program that understands ``level``; their names carry it and a hash."""
    kinds = tuple(kind for kind in KINDS.values() if kind.level <= level)
    sql = tuple(follows.SQL[kind.name] for kind in kinds)
    return _functions(level, kinds, sql, tuple(CASES))


@cache
def _functions(
    level: int, kinds: tuple[Kind, ...], sql: tuple[follows.Statements, ...], cases: tuple[Case, ...]
) -> Functions:
    text = _text(level, kinds, cases)
    mark = f"{level}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return Functions(f"chatnet_append_{mark}", re.sub(r"\bchatnet_(\w+)", rf"chatnet_\1_{mark}", text))


OLD = r"""
    SELECT oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace
        AND substring(proname FROM '^chatnet_\w+_(\d{1,19})_[0-9a-f]{8}$')::numeric < %s
"""
"""Finds the functions of programs below a level."""


def _kept(kinds: Iterable[Kind]) -> str:
    """Return an SQL condition for a kept refusal: see :func:`chatnet.store.refusals.is_kept`."""
    kinds = tuple(kinds)
    kept = _names(kind for kind in kinds if kind.keeps_refusals and not kind.is_said)
    said = _names(kind for kind in kinds if kind.is_said)
    return f"""(its_kind IN ({kept}) OR its_kind IN ({said})
        AND (its_text LIKE '%#%' OR its_room <> its_user OR its_more IS NOT NULL
            OR EXISTS (SELECT FROM standing WHERE "user" = its_user AND ordered = 1)))"""


def _names(kinds: Iterable[Kind]) -> str:
    return ", ".join(f"'{kind.name}'" for kind in kinds) or "NULL"


def _codes(errors: Iterable[type[Refusal]]) -> str:
    return ", ".join(f"'{error.code.decode()}'" for error in errors)


def _whens(cases: Iterable[str]) -> str:
    return "\n    ".join(f"WHEN {case}" for case in cases)


def _cases(kind: Kind, cases: tuple[Case, ...]) -> str:
    """Return the statements that refuse a draft of ``kind``: the cases for each kind of room."""
    rooms = [room for room in Where if room in kind.rooms]
    branches = [
        f"WHEN '{room.name}' THEN\n        RETURN CASE {_whens(found)} END;"
        for room in rooms
        if (found := [_case(case) for case in cases if kind.name in case.kinds and room in case.rooms])
    ]
    if not branches:
        return "RETURN NULL;"
    return "\n        ".join(["CASE its_where", *branches, "ELSE RETURN NULL;", "END CASE;"])


def _case(case: Case) -> str:
    conditions = [
        f"NOT ({_bound(facts.SQL[fact[1:]])})" if fact[0] == "!" else f"({_bound(facts.SQL[fact])})"
        for fact in case.facts
    ]
    return f"{' AND '.join(conditions) or 'true'} THEN '{case.error.code.decode()}'"


def _follows(kind: Kind) -> str:
    statements = [_bound(statement) + ";" for statement in follows.SQL[kind.name]]
    return "\n        ".join(statements) or "NULL;"


_DRAFT = """its_kind text, its_user text, its_room text, its_text text, its_key bytea, its_more bytea,
    its_to text, its_ref bigint, its_check bytea, its_until bigint, its_device text, its_label text,
    its_scope text, its_code text, its_topics text"""
_ITS = """d.kind, d.name, d.room, d.text, d.key, d.more, d.its_to, d.ref, d.checked, d.until, d.device,
    d.label, d.scope, d.shown_code, d.topics"""
_SAME = re.sub(r"(its_\w+) \w+", r"\1", _DRAFT)
"""The same draft, from one of the functions to another."""


def _text(level: int, kinds: tuple[Kind, ...], cases: tuple[Case, ...]) -> str:
    said = _names(kind for kind in kinds if kind.is_said)
    refer = _names(kind for kind in kinds if kind.has_ref and kind.heard)
    as_target = _names(kind for kind in kinds if Heard.AS_TARGET in kind.heard)
    told = _names(kind for kind in kinds if Heard.TO in kind.heard)
    clusters = _names(kind for kind in kinds if kind.is_the_clusters)
    return f"""
CREATE FUNCTION chatnet_append(
    -- shown_seqs: the seq of the session that it comes from; 0 is not looked at.
    -- topics: those that the draft names, or joins, with a space between them; empty if none does.
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[], topics text[],
    -- What drafts have beyond that; all empty if none has anything.
    mores bytea[], tos text[], refs bigint[], checks bytea[], untils bigint[],
    devices text[], labels text[], scopes text[], shown_codes text[],
    -- Where the drafts are heard: at place_names[n], the draft of the number place_drafts[n].
    place_drafts integer[], place_names text[],
    -- Whom posts in private rooms name, in the same way: that does not follow from where they are heard.
    mention_drafts integer[], mention_names text[], at_ms bigint,
    -- An outcome for each draft: its seq, or the code of a refusal.
    OUT seqs bigint[], OUT codes text[]
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    first bigint;
    moment bigint;
    its_level bigint;
    taken bigint;
    apart bigint[];
BEGIN
    SELECT head, greatest(time, at_ms), level INTO STRICT first, moment, its_level FROM log FOR UPDATE;
    IF its_level > {level} THEN
        RAISE EXCEPTION '%', its_level USING ERRCODE = '{OUTGROWN}';
    END IF;
    apart := chatnet_apart(kinds, users, rooms, texts, keys, shown_seqs, topics, mores, tos, place_drafts,
        place_names, moment);
    IF cardinality(apart) = 0 THEN
        INSERT INTO entry
            SELECT first + number, moment, 'post', u.name, u.room, u.text, u.key
            FROM unnest(users, rooms, texts, keys) WITH ORDINALITY AS u(name, room, text, key, number);
        INSERT INTO place
            SELECT p.name, first + p.draft FROM unnest(place_drafts, place_names) AS p(draft, name);
        INSERT INTO mention
            SELECT substr(p.name, 2), d.room, first + p.draft
            FROM unnest(place_drafts, place_names) AS p(draft, name)
            JOIN unnest(rooms) WITH ORDINALITY AS d(room, number) ON d.number = p.draft
            WHERE left(p.name, 1) = '@';
        SELECT array_agg(first + number ORDER BY number) INTO seqs
            FROM generate_series(1, cardinality(kinds)) AS number;
        taken := cardinality(kinds);
    ELSE
        SELECT * INTO taken, seqs, codes
            FROM chatnet_append_some(kinds, users, rooms, texts, keys, shown_seqs, topics, mores, tos, refs,
                checks, untils, devices, labels, scopes, shown_codes, place_drafts, place_names, apart, first,
                moment);
    END IF;
    INSERT INTO mention
        SELECT m.name, d.room, d.seq
        FROM unnest(mention_drafts, mention_names) AS m(draft, name)
        JOIN unnest(rooms, seqs) WITH ORDINALITY AS d(room, seq, number) ON d.number = m.draft
        WHERE d.seq > first  -- those of a draft that came before are there
        ON CONFLICT DO NOTHING;  -- it came twice in this batch
    IF taken > 0 THEN
        UPDATE log SET head = first + taken, time = moment;
        PERFORM pg_notify('chatnet', '');
    END IF;
END
$function$;

-- The numbers of the drafts that have to be judged each by itself, in order: all but posts of known users
-- from sessions that have not ended, in rooms that they are in, with keys that were never used, and topics
-- that are there, for which no ban, mute or block matters now, and that were not taken back before the log
-- was put back. What is inserted together is posts alone.
CREATE FUNCTION chatnet_apart(
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[], topics text[],
    mores bytea[], tos text[], place_drafts integer[], place_names text[], moment bigint)
RETURNS bigint[] LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    found bigint[];
BEGIN
    found := ARRAY(
        SELECT number FROM unnest(kinds) WITH ORDINALITY AS u(kind, number) WHERE kind <> 'post'
        UNION ALL
        SELECT number FROM unnest(mores) WITH ORDINALITY AS u(more, number) WHERE more IS NOT NULL
        UNION ALL
        SELECT number FROM unnest(users, keys) WITH ORDINALITY AS u(name, key, number)
            JOIN (SELECT name, key FROM unnest(users, keys) AS d(name, key)
                GROUP BY name, key HAVING count(*) > 1) AS twice USING (name, key)
        UNION ALL
        SELECT number FROM unnest(users, shown_seqs) WITH ORDINALITY AS u(name, shown, number)
            JOIN (SELECT name, shown
                FROM (SELECT DISTINCT name, shown FROM unnest(users, shown_seqs) AS d(name, shown)) AS one
                WHERE NOT CASE one.shown
                    WHEN 0 THEN EXISTS (SELECT FROM account WHERE account."user" = one.name OFFSET 0)
                    ELSE EXISTS (SELECT FROM session
                        WHERE session."user" = one.name AND seq = one.shown AND scope <> 'read' OFFSET 0)
                END) AS unknown USING (name, shown)
        UNION ALL
        SELECT number FROM unnest(users, keys) WITH ORDINALITY AS u(name, key, number),
            LATERAL (SELECT FROM entry WHERE entry."user" = u.name AND entry.key = u.key OFFSET 0) AS e
        UNION ALL
        SELECT number
            FROM unnest(users, rooms, texts, keys) WITH ORDINALITY AS u(name, room, text, key, number),
            LATERAL (SELECT FROM refusal WHERE "user" = u.name AND refusal.key = u.key OFFSET 0) AS r
            WHERE u.text LIKE '%#%' OR u.room <> u.name
        UNION ALL
        SELECT number FROM unnest(users, rooms) WITH ORDINALITY AS u(name, room, number)
            JOIN (SELECT name, room
                FROM (SELECT DISTINCT name, room FROM unnest(users, rooms) AS d(name, room)
                    WHERE name <> room) AS one
                WHERE NOT CASE WHEN strpos(one.room, '=') > 0
                    THEN EXISTS (SELECT FROM talk
                        WHERE talk."user" = one.name AND talk.room = one.room OFFSET 0)
                    ELSE EXISTS (SELECT FROM membership WHERE membership."user" = one.name
                        AND "left" = {OPEN} AND membership.room = one.room OFFSET 0) END) AS out
            USING (name, room)
        UNION ALL
        SELECT number FROM unnest(topics) WITH ORDINALITY AS u(its_topics, number)
            WHERE u.its_topics <> '' AND chatnet_new_topics(u.its_topics) > 0);
    -- All that follows is about few users, or is asked for few batches.
    IF EXISTS (SELECT FROM standing WHERE (ordered = 1 OR blocked = 1) AND "user" = ANY (users)) THEN
        found := found || ARRAY(
            SELECT number
                FROM unnest(users, rooms, topics) WITH ORDINALITY AS u(name, room, its_topics, number),
                LATERAL (SELECT FROM standing
                    WHERE standing."user" = u.name AND standing.room = ANY (
                            ARRAY['', u.room] || string_to_array(coalesce(u.its_topics, ''), ' '))
                        AND (banned > moment OR muted > moment OR disabled = 1) OFFSET 0) AS s
            UNION ALL
            SELECT number FROM unnest(users, keys) WITH ORDINALITY AS u(name, key, number),
                LATERAL (SELECT FROM refusal WHERE "user" = u.name AND refusal.key = u.key OFFSET 0) AS r
            UNION ALL
            SELECT number FROM unnest(users, tos) WITH ORDINALITY AS u(name, its_to, number),
                LATERAL (SELECT FROM standing WHERE standing.room = u.its_to AND standing."user" = u.name
                    AND blocked = 1 OFFSET 0) AS s
            UNION ALL
            SELECT number FROM unnest(place_drafts, place_names) AS p(draft, place)
                JOIN unnest(users) WITH ORDINALITY AS u(name, number) ON u.number = p.draft,
                LATERAL (SELECT FROM standing WHERE standing.room = substr(p.place, 2)
                    AND standing."user" = u.name AND blocked = 1 OFFSET 0) AS s
                WHERE left(p.place, 1) = '@');
    END IF;
    IF EXISTS (SELECT FROM erased) THEN
        found := found || ARRAY(
            SELECT number FROM unnest(users, keys) WITH ORDINALITY AS u(name, key, number),
                LATERAL (SELECT FROM erased WHERE "user" = u.name AND erased.key = u.key OFFSET 0) AS e);
    END IF;
    IF cardinality(tos) > 0 THEN
        IF EXISTS (SELECT FROM policy WHERE room = '' AND name = 'direct' AND value <> 'all') THEN
            found := found || ARRAY(
                SELECT number FROM unnest(rooms) WITH ORDINALITY AS u(room, number)
                    WHERE strpos(u.room, '=') > 0);
        ELSIF EXISTS (SELECT FROM forgotten) THEN
            found := found || ARRAY(
                SELECT number FROM unnest(rooms, tos) WITH ORDINALITY AS u(room, its_to, number)
                    WHERE strpos(u.room, '=') > 0
                        AND NOT EXISTS (SELECT FROM account WHERE account."user" = u.its_to OFFSET 0));
        END IF;
    END IF;
    IF cardinality(found) = 0 THEN
        RETURN found;
    END IF;
    -- What is no post may take something from its author, or from whom it is for: so what they say behind it
    -- is judged by itself, too, and what is said to them. A policy of the cluster is about all conversations.
    RETURN ARRAY(
        WITH changed AS MATERIALIZED (
            SELECT whom, min(number) AS number
            FROM unnest(kinds, users, tos) WITH ORDINALITY AS u(kind, name, its_to, number),
                unnest(ARRAY[name, its_to]) AS whom
            WHERE kind NOT IN ({said}) GROUP BY whom)
        SELECT number FROM unnest(found) AS number
        UNION
        SELECT u.number FROM unnest(users) WITH ORDINALITY AS u(name, number)
            JOIN changed ON changed.whom = u.name WHERE u.number > changed.number
        UNION
        SELECT u.number FROM unnest(rooms, tos) WITH ORDINALITY AS u(room, its_to, number)
            JOIN changed ON changed.whom = u.its_to
            WHERE strpos(u.room, '=') > 0 AND u.number > changed.number
        UNION
        SELECT u.number FROM unnest(rooms) WITH ORDINALITY AS u(room, number),
            (SELECT min(number) AS number FROM unnest(kinds, rooms) WITH ORDINALITY AS d(kind, room, number)
                WHERE kind = 'policy' AND room = '') AS decided
            WHERE strpos(u.room, '=') > 0 AND u.number > decided.number
        ORDER BY number);
END
$function$;

-- How many of these topics are not there yet?
CREATE FUNCTION chatnet_new_topics(its_topics text) RETURNS integer LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    IF its_topics = '' THEN
        RETURN 0;
    END IF;
    RETURN (SELECT count(*) FROM unnest(string_to_array(its_topics, ' ')) AS t(name)
        WHERE NOT EXISTS (SELECT FROM room WHERE room.name = t.name OFFSET 0));
END
$function$;

-- By what a refusal is known, beside its user and key: see store.refusals.
CREATE FUNCTION chatnet_content(its_kind text, its_room text, its_text text, its_more bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $function$
    SELECT substring(sha256(convert_to(its_kind || ' ' || its_room || ' ' || its_text, 'UTF8')
        || coalesce(its_more, '')) FROM 1 FOR 16)
$function$;

-- Appends the posts among the drafts together, but those whose numbers are in "apart": they are judged each
-- by what stands before it. The head is left to the caller. Returns how many it took.
CREATE FUNCTION chatnet_append_some(
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[], topics text[],
    mores bytea[], tos text[], refs bigint[], checks bytea[], untils bigint[],
    devices text[], labels text[], scopes text[], shown_codes text[],
    place_drafts integer[], place_names text[], apart bigint[], first bigint, moment bigint,
    OUT taken bigint, OUT seqs bigint[], OUT codes text[]
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    d record;
    next bigint := first + 1;
    number bigint := 1;  -- of the draft that comes next
    together bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(kinds)]);  -- the seqs of the others
    inserted bigint := 0;  -- up to which draft the others are in the tables
    old bigint;
    code text;
    heard text[];
BEGIN
    seqs := array_fill(NULL::bigint, ARRAY[cardinality(kinds)]);
    codes := array_fill(NULL::text, ARRAY[cardinality(kinds)]);
    FOR d IN
        SELECT u.number, kind, name, room, text, key, shown, coalesce(topics, '') AS topics, more,
                coalesce(its_to, '') AS its_to, coalesce(ref, 0) AS ref, coalesce(checked, '') AS checked,
                coalesce(until, 0) AS until, coalesce(device, '') AS device, coalesce(label, '') AS label,
                coalesce(scope, '') AS scope, coalesce(shown_code, '') AS shown_code,
                coalesce(places.names, '{{}}') AS heard
            FROM unnest(
                kinds, users, rooms, texts, keys, shown_seqs, topics, mores, tos, refs, checks, untils,
                devices, labels, scopes, shown_codes)
            WITH ORDINALITY
            AS u(kind, name, room, text, key, shown, topics, more, its_to, ref, checked, until, device, label,
                scope, shown_code, number)
            JOIN unnest(apart) AS a(number) ON a.number = u.number
            LEFT JOIN (
                SELECT draft, array_agg(place ORDER BY at) AS names
                FROM unnest(place_drafts, place_names) WITH ORDINALITY AS p(draft, place, at) GROUP BY draft
            ) AS places ON places.draft = u.number
            ORDER BY u.number
    LOOP
        WHILE number < d.number LOOP
            together[number] := next;
            seqs[number] := next;
            next := next + 1;
            number := number + 1;
        END LOOP;
        number := d.number + 1;
        IF d.ref > first AND inserted < d.number - 1 THEN
            PERFORM chatnet_insert(users, rooms, texts, keys, place_drafts, place_names, together, inserted,
                moment);
            inserted := d.number - 1;
        END IF;
        SELECT * INTO old, code FROM chatnet_answered({_ITS});
        IF old IS NULL AND code IS NULL THEN
            code := chatnet_refusal({_ITS}, d.shown, moment);
            heard := d.heard;
            IF code IS NULL AND d.kind IN ({refer}) AND cardinality(heard) = 0 THEN
                -- Its target was not there when targets were looked up.
                heard := chatnet_heard_with(
                    d.kind, d.name, d.ref, array_position(seqs, d.ref), place_drafts, place_names);
                IF heard IS NULL THEN
                    code := 'NO_SUCH_POST';  -- somebody else has added it since: we came before that
                END IF;
            END IF;
            IF code IS NULL THEN
                PERFORM chatnet_take({_ITS}, next, moment, heard);
                seqs[d.number] := next;
                next := next + 1;
                CONTINUE;
            ELSIF code NOT IN ({_codes(NOT_KEPT)}) AND chatnet_is_kept({_ITS}) THEN
                INSERT INTO refusal
                    VALUES (d.name, d.key, chatnet_content(d.kind, d.room, d.text, d.more), code);
            END IF;
        END IF;
        seqs[d.number] := old;
        codes[d.number] := code;
    END LOOP;
    WHILE number <= cardinality(kinds) LOOP
        together[number] := next;
        seqs[number] := next;
        next := next + 1;
        number := number + 1;
    END LOOP;
    PERFORM chatnet_insert(users, rooms, texts, keys, place_drafts, place_names, together, inserted, moment);
    taken := next - first - 1;
END
$function$;

-- Inserts the posts behind the draft of the number "inserted" that have a seq.
CREATE FUNCTION chatnet_insert(
    users text[], rooms text[], texts text[], keys bytea[], place_drafts integer[], place_names text[],
    given bigint[], inserted bigint, moment bigint)
RETURNS void LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    INSERT INTO entry
        SELECT u.seq, moment, 'post', u.name, u.room, u.text, u.key
        FROM unnest(given, users, rooms, texts, keys) WITH ORDINALITY AS u(seq, name, room, text, key, number)
        WHERE u.seq IS NOT NULL AND u.number > inserted;
    INSERT INTO place
        SELECT p.name, u.seq FROM unnest(place_drafts, place_names) AS p(draft, name)
        JOIN unnest(given) WITH ORDINALITY AS u(seq, number) ON u.number = p.draft
        WHERE u.seq IS NOT NULL AND u.number > inserted;
    INSERT INTO mention
        SELECT substr(p.name, 2), u.room, u.seq FROM unnest(place_drafts, place_names) AS p(draft, name)
        JOIN unnest(given, rooms) WITH ORDINALITY AS u(seq, room, number) ON u.number = p.draft
        WHERE u.seq IS NOT NULL AND u.number > inserted AND left(p.name, 1) = '@';
END
$function$;

-- Where a draft is heard whose target is of the same batch, the draft of that number: see
-- chatnet.entries.settled. NULL if it is of no draft.
CREATE FUNCTION chatnet_heard_with(
    its_kind text, its_user text, its_ref bigint, target integer, place_drafts integer[], place_names text[])
RETURNS text[] LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    its_places text[];
    author text;
BEGIN
    IF target IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT string_to_array(at, ' '), "user" INTO its_places, author FROM entry WHERE seq = its_ref;
    IF its_places IS NULL THEN
        its_places := ARRAY(
            SELECT p.name FROM unnest(place_drafts, place_names) WITH ORDINALITY AS p(draft, name, at)
            WHERE p.draft = target ORDER BY p.at);
    END IF;
    IF its_kind IN ({as_target}) THEN
        RETURN its_places || ('!' || author);
    END IF;
    RETURN ARRAY(
        SELECT '!mods' || p.name FROM unnest(its_places) WITH ORDINALITY AS p(name, at)
        WHERE left(p.name, 1) IN ('#', '&') ORDER BY p.at) || ARRAY['!mods', '!' || its_user];
END
$function$;

CREATE FUNCTION chatnet_is_kept({_DRAFT}) RETURNS boolean LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    RETURN {_kept(kinds)};
END
$function$;

-- What this key was answered before: its seq, or a code; nothing if it is new. Of a post that was taken back
-- nobody can say any more what it was.
CREATE FUNCTION chatnet_answered({_DRAFT}, OUT old bigint, OUT code text) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    IF chatnet_is_kept({_SAME}) THEN
        SELECT CASE WHEN content = chatnet_content(its_kind, its_room, its_text, its_more) THEN refusal.code
                ELSE 'KEY_REUSED' END INTO code
            FROM refusal WHERE "user" = its_user AND key = its_key;
    END IF;
    IF code IS NULL THEN
        SELECT CASE WHEN is_same THEN seq END, CASE WHEN NOT is_same THEN 'KEY_REUSED' END INTO old, code
            FROM (SELECT seq,
                    (kind, room, text, more) IS NOT DISTINCT FROM (its_kind, its_room, its_text, its_more)
                    OR kind = its_kind AND text = '' AND (kind IN ({said}) AND its_text <> ''
                        OR kind NOT IN ({said}) AND EXISTS (SELECT FROM blanking AS b
                            WHERE b."user" = its_user AND b.upto >= entry.seq
                                AND (its_text <> '' OR b.whole = 1))) AS is_same
                FROM entry WHERE "user" = its_user AND key = its_key) AS found;
    END IF;
END
$function$;

-- Why a new draft is refused; NULL if it is not.
CREATE FUNCTION chatnet_refusal({_DRAFT}, shown bigint, moment bigint) RETURNS text
LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    newest bigint;
    its_session text;
    its_level bigint := (SELECT level FROM log);
BEGIN
    IF (CASE its_kind {_whens(f"'{kind.name}' THEN {kind.level}" for kind in kinds)} END) > its_level THEN
        RETURN 'NOT_YET';
    END IF;
    IF its_kind = 'register' THEN
        IF EXISTS (SELECT FROM account WHERE "user" = its_user)
            OR EXISTS (SELECT FROM forgotten WHERE "user" = its_user)
        THEN
            RETURN 'NAME_TAKEN';
        END IF;
    ELSIF its_kind = 'level' THEN
        RETURN CASE WHEN its_text::bigint <= its_level THEN 'LEVEL_REACHED'
            WHEN its_text::bigint > {level} THEN 'NOT_YET' END;
    ELSIF its_user <> '{CLUSTER}' AND its_kind NOT IN ({clusters}) THEN
        newest := (SELECT secret_seq FROM account WHERE "user" = its_user);
        IF newest IS NULL THEN
            RETURN CASE WHEN EXISTS (SELECT FROM forgotten WHERE "user" = its_user)
                THEN 'FORGOTTEN' ELSE 'NO_SUCH_USER' END;
        END IF;
        IF shown > 0 AND its_kind = 'session' THEN
            IF shown < newest THEN
                RETURN 'SECRET_CHANGED';
            END IF;
        ELSIF shown > 0 THEN
            its_session := (SELECT scope FROM session WHERE "user" = its_user AND seq = shown);
            IF its_session IS NULL THEN
                RETURN CASE WHEN shown < newest
                        AND EXISTS (SELECT FROM account WHERE "user" = its_user AND credential <> '')
                    THEN 'SECRET_CHANGED' ELSE 'SESSION_ENDED' END;
            ELSIF its_session <> 'all' AND NOT (its_session = 'post' AND its_kind IN ({said})) THEN
                RETURN 'NOT_IN_SCOPE';
            END IF;
        END IF;
        IF EXISTS (SELECT FROM standing WHERE room = '' AND "user" = its_user AND banned > moment) THEN
            RETURN 'BARRED';
        ELSIF EXISTS (SELECT FROM standing WHERE room = '' AND "user" = its_user AND disabled = 1) THEN
            RETURN 'DISABLED';
        END IF;
    END IF;
    RETURN coalesce(
        chatnet_case({_SAME}, moment),
        chatnet_too_many_topics(its_user, its_topics, moment / {DAY_MS}));
END
$function$;

-- Why a draft is refused that comes from a known user and session: the cases of chatnet.rules.
CREATE FUNCTION chatnet_case({_DRAFT}, moment bigint) RETURNS text LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    today CONSTANT bigint := moment / {DAY_MS};
    its_where CONSTANT text := CASE WHEN its_room = its_user THEN 'OWN' WHEN its_room = '' THEN 'CLUSTER'
        WHEN its_room LIKE '#%' THEN 'TOPIC' WHEN its_room LIKE '&%' THEN 'PRIVATE'
        WHEN strpos(its_room, '=') > 0 THEN 'TALK' ELSE 'USER' END;
BEGIN
    CASE its_kind
    {_whens(f"'{kind.name}' THEN {_cases(kind, cases)}" for kind in kinds)}
    END CASE;
END
$function$;

-- Would the user make more topics with these than one may on a day? A code, or NULL.
CREATE FUNCTION chatnet_too_many_topics(its_user text, its_topics text, today bigint) RETURNS text
LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    new integer := chatnet_new_topics(its_topics);
BEGIN
    RETURN (SELECT 'TOO_MANY_TOPICS' FROM account WHERE "user" = its_user AND new > 0
        AND new + CASE WHEN day = today THEN topics ELSE 0 END > {MOST_TOPICS});
END
$function$;

-- Adds the entry of a draft that is accepted, and all that follows from it. "heard" is where it is heard,
-- unless somebody who is mentioned, or for whom it is, blocks the author.
CREATE FUNCTION chatnet_take({_DRAFT}, its_seq bigint, moment bigint, heard text[]) RETURNS void
LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    new integer := chatnet_new_topics(its_topics);
    today CONSTANT bigint := moment / {DAY_MS};
    places text[] := heard;
    -- It was taken back, in a log that was put back to before it.
    is_erased CONSTANT boolean := its_kind IN ({said})
        AND EXISTS (SELECT FROM erased WHERE "user" = its_user AND key = its_key);
BEGIN
    IF EXISTS (SELECT FROM standing WHERE "user" = its_user AND blocked = 1) THEN
        places := ARRAY(
            SELECT p.name FROM unnest(heard) WITH ORDINALITY AS p(name, at)
            WHERE NOT (left(p.name, 1) = CASE
                    WHEN its_kind IN ({told}) THEN '!' WHEN its_kind IN ({said}) THEN '@' ELSE '' END
                AND EXISTS (SELECT FROM standing
                    WHERE room = substr(p.name, 2) AND "user" = its_user AND blocked = 1))
            ORDER BY p.at);
    END IF;
    IF its_kind = 'redact' AND EXISTS (SELECT FROM reported WHERE seq = its_ref) THEN
        places := places || ARRAY(
            SELECT '!mods' || p.name FROM unnest(heard) WITH ORDINALITY AS p(name, at)
            WHERE left(p.name, 1) IN ('#', '&') ORDER BY p.at) || ARRAY['!mods'];
    END IF;
    INSERT INTO entry VALUES (its_seq, moment, its_kind, its_user, its_room,
        CASE WHEN is_erased THEN '' ELSE its_text END, its_key, its_more,
        CASE WHEN its_kind IN ({refer}) OR places <> heard OR is_erased
            THEN array_to_string(places, ' ') END);
    IF its_kind IN ({said}) THEN
        INSERT INTO place SELECT name, its_seq FROM unnest(places) AS p(name);
        INSERT INTO mention SELECT substr(p.name, 2), its_room, its_seq FROM unnest(places) AS p(name)
            WHERE left(p.name, 1) = '@';
        IF strpos(its_room, '=') > 0 THEN
            {" ".join(_bound(statement) + ";" for statement in follows.TALK)}
        END IF;
    ELSE
        INSERT INTO event SELECT name, its_seq FROM unnest(places) AS p(name);
    END IF;
    IF its_kind = 'redact' THEN
        UPDATE entry SET text = '', at = array_to_string(
                ARRAY(SELECT p.name FROM unnest(heard) WITH ORDINALITY AS p(name, number)
                    WHERE p.name NOT LIKE '!%' ORDER BY p.number), ' ')
            WHERE seq = its_ref;
    END IF;
    IF new > 0 THEN
        UPDATE account SET topics = CASE WHEN day = today THEN topics ELSE 0 END + new, day = today
            WHERE "user" = its_user;
        INSERT INTO room SELECT name FROM unnest(string_to_array(its_topics, ' ')) AS t(name)
            ON CONFLICT DO NOTHING;
    END IF;
    CASE its_kind
    {_whens(f"'{kind.name}' THEN {_follows(kind)}" for kind in kinds)}
    END CASE;
END
$function$;
"""
