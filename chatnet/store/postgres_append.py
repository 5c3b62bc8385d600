"""The one function of the database by which a batch is appended.

One call in autocommit: the lock of the head row never waits for a client. One that is stopped in the middle
of a transaction of its own would hold up everybody; and a single statement could not do it, for its snapshot
would be older than the lock. Within the function each statement has a snapshot of its own, since the
transaction is at "read committed".

A batch of new posts by known users, which is what almost all are, takes a few statements for all its drafts
together. Any other goes draft by draft. Both lock the head row, which makes even a batch that adds nothing
wait for the standbys: an old key is answered only once its entry is as safe as a new one.
"""

from __future__ import annotations

OPEN = (1 << 63) - 1
"""``membership."left"`` of a stay that lasts."""

APPEND = f"""
CREATE FUNCTION chatnet_append(
    -- shown_seqs: the seq of the secret that the author has shown; 0 is not looked at.
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[],
    -- Where the posts are heard: at place_names[n], the draft of the number place_drafts[n].
    place_drafts integer[], place_names text[], at_ms bigint,
    -- An outcome for each draft: its seq, or the code of a refusal.
    OUT seqs bigint[], OUT codes text[]
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    first bigint;
    moment bigint;
    fresh bigint[];  -- the seq of each draft that was accepted now, else NULL
BEGIN
    SELECT head, greatest(time, at_ms) INTO STRICT first, moment FROM log FOR UPDATE;
    IF chatnet_is_plain(kinds, users, keys, shown_seqs) THEN
        INSERT INTO entry
            SELECT first + number, moment, 'post', u.name, u.room, u.text, u.key
            FROM unnest(users, rooms, texts, keys) WITH ORDINALITY AS u(name, room, text, key, number);
        SELECT array_agg(first + number ORDER BY number) INTO fresh
            FROM generate_series(1, cardinality(kinds)) AS number;
        seqs := fresh;
    ELSE
        SELECT * INTO fresh, seqs, codes
            FROM chatnet_append_each(kinds, users, rooms, texts, keys, shown_seqs, first, moment);
    END IF;
    INSERT INTO place
        SELECT p.name, fresh[p.draft] FROM unnest(place_drafts, place_names) AS p(draft, name)
        WHERE fresh[p.draft] IS NOT NULL;
    INSERT INTO room
        SELECT DISTINCT p.name FROM unnest(place_drafts, place_names) AS p(draft, name)
        WHERE p.name LIKE '#%' AND fresh[p.draft] IS NOT NULL
        ORDER BY p.name ON CONFLICT DO NOTHING;
    IF cardinality(array_remove(fresh, NULL)) > 0 THEN
        UPDATE log SET head = first + cardinality(array_remove(fresh, NULL)), time = moment;
        PERFORM pg_notify('chatnet', '');
    END IF;
END
$function$;

-- Are these all posts of known users by their newest secrets, with keys that were never used?
CREATE FUNCTION chatnet_is_plain(kinds text[], users text[], keys bytea[], shown_seqs bigint[])
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
                LATERAL (SELECT FROM entry WHERE entry."user" = u.name AND entry.key = u.key OFFSET 0) AS e);
END
$function$;

-- Appends the drafts one after the other, each judged by what stands before it. The places of posts, the
-- rooms that they make, and the head are left to the caller.
CREATE FUNCTION chatnet_append_each(
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[],
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
        SELECT * FROM unnest(kinds, users, rooms, texts, keys, shown_seqs)
            AS u(kind, name, room, text, key, shown)
    LOOP
        SELECT * INTO old, code FROM chatnet_answered(d.kind, d.name, d.room, d.text, d.key);
        IF old IS NULL AND code IS NULL THEN
            code := chatnet_refusal(d.kind, d.name, d.room, d.shown);
            IF code IS NULL THEN
                INSERT INTO entry VALUES (next, moment, d.kind, d.name, d.room, d.text, d.key);
                PERFORM chatnet_derive(d.kind, d.name, d.room, d.text, next);
                fresh := fresh || next;
                seqs := seqs || next;
                codes := codes || NULL::text;
                next := next + 1;
                CONTINUE;
            ELSIF d.kind IN ('join', 'leave') AND code <> 'SECRET_CHANGED' THEN
                INSERT INTO refusal VALUES (d.name, d.key, d.kind, d.room, code);
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
    IF its_kind IN ('join', 'leave') THEN
        SELECT CASE WHEN (kind, room) = (its_kind, its_room) THEN refusal.code ELSE 'KEY_REUSED' END INTO code
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
CREATE FUNCTION chatnet_refusal(its_kind text, its_user text, its_room text, shown bigint) RETURNS text
LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    newest bigint := (SELECT secret_seq FROM account WHERE "user" = its_user);
    is_user boolean := newest IS NOT NULL;
    is_member boolean;
BEGIN
    IF its_kind = 'register' THEN
        RETURN CASE WHEN is_user THEN 'NAME_TAKEN' END;
    ELSIF NOT is_user THEN
        RETURN 'NO_SUCH_USER';
    ELSIF shown > 0 AND shown < newest THEN
        RETURN 'SECRET_CHANGED';
    ELSIF its_kind NOT IN ('join', 'leave') THEN
        RETURN NULL;
    END IF;
    is_member := EXISTS (
        SELECT FROM membership WHERE "user" = its_user AND "left" = {OPEN} AND room = its_room);
    IF its_kind = 'leave' THEN
        RETURN CASE WHEN NOT is_member THEN 'NOT_JOINED' END;
    ELSIF its_room = its_user THEN
        RETURN 'OWN_ROOM';
    ELSIF its_room NOT LIKE '#%' AND NOT EXISTS (SELECT FROM account WHERE "user" = its_room) THEN
        RETURN 'NO_SUCH_ROOM';
    END IF;
    RETURN CASE WHEN is_member THEN 'ALREADY_JOINED' END;
END
$function$;

-- What follows from an entry.
CREATE FUNCTION chatnet_derive(its_kind text, its_user text, its_room text, its_text text, its_seq bigint)
RETURNS void LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    CASE its_kind
    WHEN 'register' THEN
        INSERT INTO account VALUES (its_user, its_text, its_seq, its_seq);
        INSERT INTO room VALUES (its_user);
    WHEN 'secret' THEN
        UPDATE account SET credential = its_text, secret_seq = its_seq WHERE "user" = its_user;
    WHEN 'join' THEN
        INSERT INTO membership VALUES (its_user, {OPEN}, its_room, its_seq);
        INSERT INTO room VALUES (its_room) ON CONFLICT DO NOTHING;
    WHEN 'leave' THEN
        UPDATE membership SET "left" = its_seq
            WHERE "user" = its_user AND "left" = {OPEN} AND room = its_room;
    WHEN 'post' THEN
        NULL;
    END CASE;
END
$function$;
"""
