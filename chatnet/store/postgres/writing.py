"""The functions in the database that write the entries of drafts, and what follows from these."""

from __future__ import annotations

from chatnet.kinds import Kind
from chatnet.rules import DAY_MS
from chatnet.store import follows
from chatnet.store.postgres.binding import DRAFT, Program, bound, whens

INSERT = """
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
"""


def heard_with(of: Program) -> str:
    """Return the function for where a draft is heard whose target is of the same batch."""
    return f"""
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
    IF its_kind IN ({of.as_target}) THEN
        RETURN its_places || ('!' || author);
    END IF;
    RETURN ARRAY(
        SELECT '!mods' || p.name FROM unnest(its_places) WITH ORDINALITY AS p(name, at)
        WHERE left(p.name, 1) IN ('#', '&') ORDER BY p.at) || ARRAY['!mods', '!' || its_user];
END
$function$;
"""


def take(of: Program) -> str:
    """Return the function that adds the entry of a draft, and what follows from it."""
    return f"""
-- Adds the entry of a draft that is accepted, and all that follows from it. "heard" is where it is heard,
-- unless somebody who is mentioned, or for whom it is, blocks the author.
CREATE FUNCTION chatnet_take({DRAFT}, its_seq bigint, moment bigint, heard text[]) RETURNS void
LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    new integer := chatnet_new_topics(its_topics);
    today CONSTANT bigint := moment / {DAY_MS};
    places text[] := heard;
    -- It was taken back, in a log that was put back to before it.
    is_erased CONSTANT boolean := its_kind IN ({of.said})
        AND EXISTS (SELECT FROM erased WHERE "user" = its_user AND key = its_key);
BEGIN
    IF EXISTS (SELECT FROM standing WHERE "user" = its_user AND blocked = 1) THEN
        places := ARRAY(
            SELECT p.name FROM unnest(heard) WITH ORDINALITY AS p(name, at)
            WHERE NOT (left(p.name, 1) = CASE
                    WHEN its_kind IN ({of.told}) THEN '!' WHEN its_kind IN ({of.said}) THEN '@' ELSE '' END
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
        CASE WHEN its_kind IN ({of.refer}) OR its_kind IN ({of.ends_stays}) OR places <> heard OR is_erased
            THEN nullif(array_to_string(places, ' '), '') END);
    IF its_kind IN ({of.said}) THEN
        INSERT INTO place SELECT name, its_seq FROM unnest(places) AS p(name);
        IF is_erased THEN
            INSERT INTO gone SELECT name, its_seq FROM unnest(places) AS p(name) WHERE left(name, 1) <> '@';
        END IF;
        INSERT INTO mention SELECT substr(p.name, 2), its_room, its_seq FROM unnest(places) AS p(name)
            WHERE left(p.name, 1) = '@';
        IF strpos(its_room, '=') > 0 THEN
            {" ".join(bound(statement) + ";" for statement in follows.TALK)}
        END IF;
    ELSE
        INSERT INTO event SELECT name, its_seq FROM unnest(places) AS p(name);
    END IF;
    IF its_kind = 'redact' THEN
        UPDATE entry SET text = '', at = array_to_string(
                ARRAY(SELECT p.name FROM unnest(heard) WITH ORDINALITY AS p(name, number)
                    WHERE p.name NOT LIKE '!%' ORDER BY p.number), ' ')
            WHERE seq = its_ref;
        INSERT INTO gone SELECT p.name, its_ref FROM unnest(heard) AS p(name)
            WHERE left(p.name, 1) NOT IN ('@', '!');
    END IF;
    IF new > 0 THEN
        UPDATE account SET topics = CASE WHEN day = today THEN topics ELSE 0 END + new, day = today
            WHERE "user" = its_user;
        INSERT INTO room SELECT name FROM unnest(string_to_array(its_topics, ' ')) AS t(name)
            ON CONFLICT DO NOTHING;
    END IF;
    CASE its_kind
    {whens(f"'{kind.name}' THEN {_follows(kind)}" for kind in of.kinds)}
    END CASE;
END
$function$;
"""


def _follows(kind: Kind) -> str:
    statements = [bound(statement) + ";" for statement in follows.SQL[kind.name]]
    return "\n        ".join(statements) or "NULL;"
