"""The function in the database that appends a batch, and the functions that it calls.

Tables are history, functions are code: each function's name carries a hash of its text, so each process makes
and calls its own functions, whatever release made those that exist already.

A batch is one call in autocommit: the lock of the head row never waits for a client. A client stopped in the
middle of its own transaction would block everybody; and a single statement cannot do the work, because its
snapshot would be older than the lock. Inside the function each statement has its own snapshot, since the
transaction is at "read committed".

A program's functions know the kinds of its level, refuse newer kinds until the log reaches their level, and
do nothing for their caller once the log is above their own level.

Nor do they for a primary whose epoch is over: its last orders may be on their way while nobody can reach it,
and come when the operator, who was told to ask again, has given them to the next one.

New posts by known users, which is what almost all drafts are, are judged, and inserted, for all of a batch
together. The others are judged apart from them, each by what stands before it: so what somebody does makes
their own drafts dearer, and not those of others. All lock the head row, which makes even a batch that adds
nothing wait for the standbys: an old key is answered only once its entry is as safe as a new one.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import NamedTuple

from chatnet.kinds import KINDS, Kind
from chatnet.rules import CASES, Case
from chatnet.store import follows
from chatnet.store.pages import OPEN
from chatnet.store.postgres import judging, writing
from chatnet.store.postgres.binding import ITS, Program, codes
from chatnet.store.refusals import NOT_KEPT

OUTGROWN = "CN001"
"""The SQLSTATE of the functions' refusal to work above their level; its message is the log's level."""
DEPOSED = "CN002"
"""The SQLSTATE of their refusal to work for a primary of the past."""


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
    text = _text(Program(level, kinds, cases))
    mark = f"{level}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return Functions(f"chatnet_append_{mark}", re.sub(r"\bchatnet_(\w+)", rf"chatnet_\1_{mark}", text))


OLD = r"""
    SELECT oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace
        AND substring(proname FROM '^chatnet_\w+_(\d{1,19})_[0-9a-f]{8}$')::numeric < %s
"""
"""Finds the functions of programs below a level."""


def _text(of: Program) -> str:
    """Return the statements that make the functions."""
    return "".join(
        (
            _append(of),
            judging.apart(of),
            judging.NEW_TOPICS,
            judging.CONTENT,
            _append_some(of),
            writing.INSERT,
            writing.heard_with(of),
            judging.is_kept(of),
            judging.answered(of),
            judging.refusal(of),
            judging.case(of),
            judging.too_many_topics(of),
            writing.take(of),
        )
    )


def _append(of: Program) -> str:
    """Return the function that processes call: it appends a batch, under the lock of the head."""
    return f"""
CREATE FUNCTION chatnet_append(
    -- shown_seqs: the seq of the session that it comes from; 0 is not looked at. meants: a seq at which the
    -- guest was here whom it is for; 0 is whoever has the name; empty if no draft says one.
    -- topics: those that the draft names, or joins, with a space between them; empty if none does.
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[],
    meants bigint[], topics text[],
    -- What drafts have beyond that; all empty if none has anything.
    mores bytea[], tos text[], refs bigint[], checks bytea[], untils bigint[],
    devices text[], labels text[], scopes text[], shown_codes text[],
    -- Where the drafts are heard: at place_names[n], the draft of the number place_drafts[n].
    place_drafts integer[], place_names text[],
    -- Whom posts in private rooms name, in the same way: that does not follow from where they are heard.
    mention_drafts integer[], mention_names text[], at_ms bigint,
    -- The epoch of the primary that appends it; 0 if it is a worker that does.
    reign bigint,
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
    IF its_level > {of.level} THEN
        RAISE EXCEPTION '%', its_level USING ERRCODE = '{OUTGROWN}';
    END IF;
    IF reign > 0 AND NOT EXISTS (SELECT FROM lease WHERE epoch = reign) THEN
        RAISE EXCEPTION 'another primary commands' USING ERRCODE = '{DEPOSED}';
    END IF;
    apart := chatnet_apart(kinds, users, rooms, texts, keys, shown_seqs, meants, topics, mores, tos,
        place_drafts, place_names, mention_drafts, mention_names, moment);
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
            FROM chatnet_append_some(kinds, users, rooms, texts, keys, shown_seqs, meants, topics, mores, tos,
                refs, checks, untils, devices, labels, scopes, shown_codes, place_drafts, place_names,
                mention_drafts, mention_names, apart, first, moment);
    END IF;
    INSERT INTO mention
        SELECT m.name, d.room, d.seq
        FROM unnest(mention_drafts, mention_names) AS m(draft, name)
        JOIN unnest(rooms, seqs) WITH ORDINALITY AS d(room, seq, number) ON d.number = m.draft
        WHERE m.draft <> ALL (apart);
    IF taken > 0 THEN
        UPDATE log SET head = first + taken, time = moment;
        PERFORM pg_notify('chatnet', '');
    END IF;
END
$function$;
"""


def _append_some(of: Program) -> str:
    """Return the function that appends a batch in which drafts are judged each by itself."""
    return f"""
-- Appends the posts among the drafts together, but those whose numbers are in "apart": they are judged each
-- by what stands before it. The head is left to the caller. Returns how many it took.
CREATE FUNCTION chatnet_append_some(
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[],
    meants bigint[], topics text[], mores bytea[], tos text[], refs bigint[], checks bytea[], untils bigint[],
    devices text[], labels text[], scopes text[], shown_codes text[],
    place_drafts integer[], place_names text[], mention_drafts integer[], mention_names text[],
    apart bigint[], first bigint, moment bigint,
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
        SELECT u.number, kind, name, room, text, key, shown, coalesce(meant, 0) AS meant,
                coalesce(topics, '') AS topics, more,
                coalesce(its_to, '') AS its_to, coalesce(ref, 0) AS ref, coalesce(checked, '') AS checked,
                coalesce(until, 0) AS until, coalesce(device, '') AS device, coalesce(label, '') AS label,
                coalesce(scope, '') AS scope, coalesce(shown_code, '') AS shown_code,
                coalesce(places.names, '{{}}') AS heard
            FROM unnest(
                kinds, users, rooms, texts, keys, shown_seqs, meants, topics, mores, tos, refs, checks,
                untils, devices, labels, scopes, shown_codes)
            WITH ORDINALITY
            AS u(kind, name, room, text, key, shown, meant, topics, more, its_to, ref, checked, until, device,
                label, scope, shown_code, number)
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
        SELECT * INTO old, code FROM chatnet_answered({ITS});
        IF old IS NULL AND code IS NULL THEN
            code := chatnet_refusal({ITS}, d.shown, d.meant, moment);
            heard := d.heard;
            IF d.kind IN ({of.ends_stays}) THEN
                heard := ARRAY(SELECT room FROM membership
                    WHERE "user" = CASE d.kind WHEN 'gone' THEN d.its_to ELSE d.name END
                        AND "left" = {OPEN} AND left(room, 1) <> '!' ORDER BY room);
            END IF;
            IF code IS NULL AND d.kind IN ({of.refer}) AND cardinality(heard) = 0 THEN
                -- Its target was not there when targets were looked up.
                heard := chatnet_heard_with(
                    d.kind, d.name, d.ref, array_position(seqs, d.ref), place_drafts, place_names);
                IF heard IS NULL THEN
                    code := 'NO_SUCH_POST';  -- somebody else has added it since: we came before that
                END IF;
            END IF;
            IF code IS NULL THEN
                PERFORM chatnet_take({ITS}, next, moment, heard);
                INSERT INTO mention
                    SELECT m.name, d.room, next FROM unnest(mention_drafts, mention_names) AS m(draft, name)
                    WHERE m.draft = d.number AND NOT EXISTS (SELECT FROM standing
                        WHERE standing.room = m.name AND standing."user" = d.name AND blocked = 1);
                seqs[d.number] := next;
                next := next + 1;
                CONTINUE;
            ELSIF code NOT IN ({codes(NOT_KEPT)}) AND chatnet_is_kept({ITS}) THEN
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
"""
