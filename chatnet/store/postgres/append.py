"""The function in the database that appends a batch, and the functions that it calls.

Tables are history, functions are code: each function's name carries a hash of its text, so each process makes
and calls its own functions, whatever release made those that exist already.

A batch is one call in autocommit: the lock of the head row never waits for a client. A client stopped in the
middle of its own transaction would block everybody; and a single statement cannot do the work, because its
snapshot would be older than the lock. Inside the function each statement has its own snapshot, since the
transaction is at "read committed".

A program's functions know the kinds of its level, refuse newer kinds until the log reaches their level, and
do nothing for their caller once the log is above their own level.

A batch of new posts by known users, which is what almost all batches are, takes a few statements for all its
drafts together. Any other batch goes draft by draft. Both lock the head row, which makes even a batch that
adds nothing wait for the standbys: an old key is answered only once its entry is as safe as a new one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from chatnet.kinds import KINDS, Kind
from chatnet.rules import DAY_MS, MOST_ROOMS, MOST_TOPICS
from chatnet.store.pages import OPEN

OUTGROWN = "CN001"
"""The SQLSTATE of the functions' refusal to work above their level; its message is the log's level."""


class Sql(NamedTuple):
    """A kind in plpgsql. The ``rule`` is an expression: why a draft is refused, or NULL; rules for all kinds
    come in addition. ``follows`` is the statements that follow from its entry.

    They know the draft as ``its_kind``, ``its_user``, ``its_room`` and ``its_text``. The rule also knows the
    log's level as ``its_level`` and the program's as ``own_level``; ``follows`` also knows the entry's
    ``its_seq``.
    """

    rule: str
    follows: str


SQL: dict[str, Sql] = {
    "register": Sql(
        """CASE WHEN EXISTS (SELECT FROM account WHERE "user" = its_user) THEN 'NAME_TAKEN' END""",
        """
        INSERT INTO account ("user", credential, secret_seq, registered)
            VALUES (its_user, its_text, its_seq, its_seq);
        INSERT INTO room (name) VALUES (its_user);""",
    ),
    "secret": Sql(
        "NULL",
        """UPDATE account SET credential = its_text, secret_seq = its_seq WHERE "user" = its_user;""",
    ),
    "join": Sql(
        "chatnet_join(its_user, its_room)",
        f"""
        INSERT INTO membership ("user", "left", room, joined) VALUES (its_user, {OPEN}, its_room, its_seq);
        UPDATE account SET rooms = rooms + 1 WHERE "user" = its_user;""",
    ),
    "leave": Sql(
        "CASE WHEN NOT chatnet_is_member(its_user, its_room) THEN 'NOT_JOINED' END",
        f"""
        UPDATE account SET rooms = rooms - 1 WHERE "user" = its_user;
        UPDATE membership SET "left" = its_seq
            WHERE "user" = its_user AND "left" = {OPEN} AND room = its_room;""",
    ),
    "post": Sql(
        "CASE WHEN its_room <> its_user AND NOT chatnet_is_member(its_user, its_room) THEN 'NOT_JOINED' END",
        "NULL;",
    ),
    "level": Sql(
        """CASE WHEN its_text::bigint <= its_level THEN 'LEVEL_REACHED'
            WHEN its_text::bigint > own_level THEN 'NOT_YET' END""",
        "UPDATE log SET level = its_text::bigint;",
    ),
}
"""How the functions judge each kind, and keep the tables in step with it.

The places of what is heard, and the topics that a draft makes, follow from the kind's row.
"""


class Functions(NamedTuple):
    """The functions of one program: the name of the ``append`` one, and the ``statements`` that make all."""

    append: str
    statements: str


def functions(level: int) -> Functions:
    """Return the functions of a program that understands ``level``; their names carry it and a hash."""
    kinds = tuple(kind for kind in KINDS.values() if kind.level <= level)
    return _functions(level, kinds, tuple(SQL[kind.name] for kind in kinds))


@cache
def _functions(level: int, kinds: tuple[Kind, ...], sql: tuple[Sql, ...]) -> Functions:
    text = _text(level, kinds)
    mark = f"{level}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return Functions(f"chatnet_append_{mark}", re.sub(r"\bchatnet_(\w+)", rf"chatnet_\1_{mark}", text))


OLD = r"""
    SELECT oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace
        AND substring(proname FROM '^chatnet_\w+_(\d{1,19})_[0-9a-f]{8}$')::numeric < %s
"""
"""Finds the functions of programs below a level."""


def _kept(kinds: Iterable[Kind], kind: str, user: str, room: str, text: str) -> str:
    """Return an SQL condition for a kept refusal: see :func:`chatnet.store.refusals.is_kept`."""
    stays = _names(one for one in kinds if one.stay is not None)
    heard = _names(one for one in kinds if one.is_heard)
    return f"{kind} IN ({stays}) OR {kind} IN ({heard}) AND ({text} LIKE '%#%' OR {room} <> {user})"


def _names(kinds: Iterable[Kind]) -> str:
    return ", ".join(f"'{kind.name}'" for kind in kinds)


def _whens(cases: Iterable[str]) -> str:
    return "\n    ".join(f"WHEN {case}" for case in cases)


def _text(level: int, kinds: tuple[Kind, ...]) -> str:
    return f"""
CREATE FUNCTION chatnet_append(
    -- shown_seqs: the seq of the secret that the author has shown; 0 is not looked at.
    -- topics: those that the draft names, or joins, with a space between them; empty if none does.
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[], topics text[],
    -- Where the posts are heard: at place_names[n], the draft of the number place_drafts[n].
    place_drafts integer[], place_names text[], at_ms bigint,
    -- An outcome for each draft: its seq, or the code of a refusal.
    OUT seqs bigint[], OUT codes text[]
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    first bigint;
    moment bigint;
    its_level bigint;
    fresh bigint[];  -- the seq of each draft that was accepted now, else NULL
BEGIN
    SELECT head, greatest(time, at_ms), level INTO STRICT first, moment, its_level FROM log FOR UPDATE;
    IF its_level > {level} THEN
        RAISE EXCEPTION '%', its_level USING ERRCODE = '{OUTGROWN}';
    END IF;
    IF chatnet_is_plain(kinds, users, rooms, texts, keys, shown_seqs, topics) THEN
        INSERT INTO entry
            SELECT first + number, moment, 'post', u.name, u.room, u.text, u.key
            FROM unnest(users, rooms, texts, keys) WITH ORDINALITY AS u(name, room, text, key, number);
        SELECT array_agg(first + number ORDER BY number) INTO fresh
            FROM generate_series(1, cardinality(kinds)) AS number;
        seqs := fresh;
    ELSE
        SELECT * INTO fresh, seqs, codes
            FROM chatnet_append_each(kinds, users, rooms, texts, keys, shown_seqs, topics, first, moment);
    END IF;
    INSERT INTO place
        SELECT p.name, fresh[p.draft] FROM unnest(place_drafts, place_names) AS p(draft, name)
        WHERE fresh[p.draft] IS NOT NULL;
    IF cardinality(array_remove(fresh, NULL)) > 0 THEN
        UPDATE log SET head = first + cardinality(array_remove(fresh, NULL)), time = moment;
        PERFORM pg_notify('chatnet', '');
    END IF;
END
$function$;

-- Are these all posts of known users by their newest secrets, in their own rooms or in topics that they are
-- in, with keys that were never used, and topics that are there? This is about posts alone, and what inserts
-- them names their kind: others that are heard are few, may have rules, and go draft by draft.
CREATE FUNCTION chatnet_is_plain(
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[], topics text[])
RETURNS boolean LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    RETURN 'post' = ALL (kinds)
        AND NOT EXISTS (
            SELECT FROM unnest(users, keys) AS u(name, key) GROUP BY u.name, u.key HAVING count(*) > 1)
        AND NOT EXISTS (
            SELECT FROM (SELECT DISTINCT name, shown FROM unnest(users, shown_seqs) AS d(name, shown)) AS u
            WHERE NOT EXISTS (SELECT FROM account
                WHERE account."user" = u.name AND (u.shown = 0 OR account.secret_seq <= u.shown) OFFSET 0))
        AND NOT EXISTS (
            SELECT FROM unnest(users, keys) AS u(name, key),
                LATERAL (SELECT FROM entry WHERE entry."user" = u.name AND entry.key = u.key OFFSET 0) AS e)
        AND NOT EXISTS (
            SELECT FROM unnest(users, rooms, texts, keys) AS u(name, room, text, key),
                LATERAL (SELECT FROM refusal WHERE "user" = u.name AND refusal.key = u.key OFFSET 0) AS r
            WHERE u.text LIKE '%#%' OR u.room <> u.name)
        AND NOT EXISTS (
            SELECT FROM (SELECT DISTINCT name, room FROM unnest(users, rooms) AS d(name, room)) AS u
            WHERE u.room <> u.name AND NOT chatnet_is_member(u.name, u.room))
        AND NOT EXISTS (
            SELECT FROM unnest(topics) AS d(its_topics)
            WHERE d.its_topics <> '' AND chatnet_new_topics(d.its_topics) > 0);
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
CREATE FUNCTION chatnet_content(its_kind text, its_room text, its_text text) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $function$
    SELECT substring(sha256(convert_to(its_kind || ' ' || its_room || ' ' || its_text, 'UTF8')) FROM 1 FOR 16)
$function$;

-- Appends the drafts one after the other, each judged by what stands before it. The places of posts, and the
-- head, are left to the caller.
CREATE FUNCTION chatnet_append_each(
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[], topics text[],
    first bigint, moment bigint,
    OUT fresh bigint[], OUT seqs bigint[], OUT codes text[]
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    d record;
    next bigint := first + 1;
    old bigint;
    code text;
BEGIN
    FOR d IN
        SELECT kind, name, room, text, key, shown, coalesce(topics, '') AS topics
            FROM unnest(kinds, users, rooms, texts, keys, shown_seqs, topics)
            AS u(kind, name, room, text, key, shown, topics)
    LOOP
        SELECT * INTO old, code FROM chatnet_answered(d.kind, d.name, d.room, d.text, d.key);
        IF old IS NULL AND code IS NULL THEN
            code := chatnet_refusal(d.kind, d.name, d.room, d.text, d.shown, d.topics, moment / {DAY_MS});
            IF code IS NULL THEN
                INSERT INTO entry VALUES (next, moment, d.kind, d.name, d.room, d.text, d.key);
                PERFORM chatnet_derive(d.kind, d.name, d.room, d.text, next, d.topics, moment / {DAY_MS});
                fresh := fresh || next;
                seqs := seqs || next;
                codes := codes || NULL::text;
                next := next + 1;
                CONTINUE;
            ELSIF ({_kept(kinds, "d.kind", "d.name", "d.room", "d.text")})
                AND code <> 'SECRET_CHANGED'
            THEN
                INSERT INTO refusal VALUES (d.name, d.key, chatnet_content(d.kind, d.room, d.text), code);
            END IF;
        END IF;
        fresh := fresh || NULL::bigint;
        seqs := seqs || old;
        codes := codes || code;
    END LOOP;
END
$function$;

-- What this key was answered before: its seq, or a code; nothing if it is new.
CREATE FUNCTION chatnet_answered(
    its_kind text, its_user text, its_room text, its_text text, its_key bytea, OUT old bigint, OUT code text
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    IF {_kept(kinds, "its_kind", "its_user", "its_room", "its_text")} THEN
        SELECT CASE WHEN content = chatnet_content(its_kind, its_room, its_text) THEN refusal.code
                ELSE 'KEY_REUSED' END INTO code
            FROM refusal WHERE "user" = its_user AND key = its_key;
    END IF;
    IF code IS NULL THEN
        SELECT CASE WHEN is_same THEN seq END, CASE WHEN NOT is_same THEN 'KEY_REUSED' END INTO old, code
            FROM (SELECT seq, (kind, room, text) = (its_kind, its_room, its_text) AS is_same
                FROM entry WHERE "user" = its_user AND key = its_key) AS found;
    END IF;
END
$function$;

-- Why a new draft is refused; NULL if it is not.
CREATE FUNCTION chatnet_refusal(
    its_kind text, its_user text, its_room text, its_text text, shown bigint, its_topics text, today bigint)
RETURNS text LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    newest bigint;
    its_level bigint := (SELECT level FROM log);
    own_level CONSTANT bigint := {level};
BEGIN
    IF (CASE its_kind {_whens(f"'{kind.name}' THEN {kind.level}" for kind in kinds)} END) > its_level THEN
        RETURN 'NOT_YET';
    END IF;
    IF its_kind NOT IN ({_names(kind for kind in kinds if kind.is_the_clusters)}, 'register') THEN
        newest := (SELECT secret_seq FROM account WHERE "user" = its_user);
        IF newest IS NULL THEN
            RETURN 'NO_SUCH_USER';
        ELSIF shown > 0 AND shown < newest THEN
            RETURN 'SECRET_CHANGED';
        END IF;
    END IF;
    RETURN coalesce(
        CASE its_kind
        {_whens(f"'{kind.name}' THEN {SQL[kind.name].rule}" for kind in kinds)}
        END,
        chatnet_too_many_topics(its_user, its_topics, today));
END
$function$;

CREATE FUNCTION chatnet_is_member(its_user text, its_room text) RETURNS boolean LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    RETURN EXISTS (SELECT FROM membership WHERE "user" = its_user AND "left" = {OPEN} AND room = its_room);
END
$function$;

-- Why the user may not join the room.
CREATE FUNCTION chatnet_join(its_user text, its_room text) RETURNS text LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    IF its_room = its_user THEN
        RETURN 'OWN_ROOM';
    ELSIF its_room NOT LIKE '#%' AND NOT EXISTS (SELECT FROM account WHERE "user" = its_room) THEN
        RETURN 'NO_SUCH_ROOM';
    END IF;
    RETURN CASE WHEN chatnet_is_member(its_user, its_room) THEN 'ALREADY_JOINED'
        WHEN (SELECT rooms FROM account WHERE "user" = its_user) >= {MOST_ROOMS} THEN 'TOO_MANY_ROOMS' END;
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

-- What follows from an entry.
CREATE FUNCTION chatnet_derive(
    its_kind text, its_user text, its_room text, its_text text, its_seq bigint, its_topics text, today bigint)
RETURNS void LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    new integer := chatnet_new_topics(its_topics);
BEGIN
    IF new > 0 THEN
        UPDATE account SET topics = CASE WHEN day = today THEN topics ELSE 0 END + new, day = today
            WHERE "user" = its_user;
        INSERT INTO room SELECT name FROM unnest(string_to_array(its_topics, ' ')) AS t(name)
            ON CONFLICT DO NOTHING;
    END IF;
    CASE its_kind
    {_whens(f"'{kind.name}' THEN {SQL[kind.name].follows}" for kind in kinds)}
    END CASE;
END
$function$;
"""
