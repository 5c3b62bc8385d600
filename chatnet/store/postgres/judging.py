"""The functions in the database that judge drafts: which of a batch need it, and why one is refused."""

from __future__ import annotations

from collections.abc import Iterable

from chatnet.kinds import CLUSTER, Kind
from chatnet.names import Where
from chatnet.rules import DAY_MS, MOST_TOPICS, Case
from chatnet.store import facts
from chatnet.store.pages import OPEN
from chatnet.store.postgres.binding import DRAFT, SAME, Program, bound, names, whens


def apart(of: Program) -> str:
    """Return the function that finds which drafts of a batch have to be judged each by itself."""
    return f"""
-- The numbers of the drafts that have to be judged each by itself, in order: all but posts of known users
-- from sessions that have not ended, in rooms that they are in, with keys that were never used, and topics
-- that are there, for which no ban, mute or block matters now, and that were not taken back before the log
-- was put back. What is inserted together is posts alone.
CREATE FUNCTION chatnet_apart(
    kinds text[], users text[], rooms text[], texts text[], keys bytea[], shown_seqs bigint[],
    meants bigint[], topics text[], mores bytea[], tos text[], place_drafts integer[], place_names text[],
    mention_drafts integer[], mention_names text[], moment bigint)
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
        SELECT number FROM unnest(meants) WITH ORDINALITY AS u(meant, number) WHERE meant > 0
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
                WHERE left(p.place, 1) = '@'
            UNION ALL
            SELECT number FROM unnest(mention_drafts, mention_names) AS m(draft, name)
                JOIN unnest(users) WITH ORDINALITY AS u(name, number) ON u.number = m.draft,
                LATERAL (SELECT FROM standing WHERE standing.room = m.name
                    AND standing."user" = u.name AND blocked = 1 OFFSET 0) AS s);
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
            WHERE kind NOT IN ({of.said}) GROUP BY whom)
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
"""


NEW_TOPICS = """
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
"""


CONTENT = """
-- By what a refusal is known, beside its user and key: see store.refusals.
CREATE FUNCTION chatnet_content(its_kind text, its_room text, its_text text, its_more bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $function$
    SELECT substring(sha256(convert_to(its_kind || ' ' || its_room || ' ' || its_text, 'UTF8')
        || coalesce(its_more, '')) FROM 1 FOR 16)
$function$;
"""


def is_kept(of: Program) -> str:
    """Return the function that tells whether a refusal of a draft is kept."""
    return f"""
CREATE FUNCTION chatnet_is_kept({DRAFT}) RETURNS boolean LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    RETURN {_kept(of.kinds)};
END
$function$;
"""


def answered(of: Program) -> str:
    """Return the function that finds what was answered to a key before."""
    return f"""
-- What this key was answered before: its seq, or a code; nothing if it is new. Of a post that was taken back
-- nobody can say any more what it was.
CREATE FUNCTION chatnet_answered({DRAFT}, OUT old bigint, OUT code text) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    IF chatnet_is_kept({SAME}) THEN
        SELECT CASE WHEN content = chatnet_content(its_kind, its_room, its_text, its_more) THEN refusal.code
                ELSE 'KEY_REUSED' END INTO code
            FROM refusal WHERE "user" = its_user AND key = its_key;
    END IF;
    IF code IS NULL THEN
        SELECT CASE WHEN is_same THEN seq END, CASE WHEN NOT is_same THEN 'KEY_REUSED' END INTO old, code
            FROM (SELECT seq,
                    (kind, room, text, more) IS NOT DISTINCT FROM (its_kind, its_room, its_text, its_more)
                    OR kind = its_kind AND text = '' AND (kind IN ({of.said}) AND its_text <> ''
                        OR kind NOT IN ({of.said}) AND EXISTS (SELECT FROM blanking AS b
                            WHERE b."user" = its_user AND b.upto >= entry.seq
                                AND (its_text <> '' OR b.whole = 1))) AS is_same
                FROM entry WHERE "user" = its_user AND key = its_key) AS found;
    END IF;
END
$function$;
"""


def refusal(of: Program) -> str:
    """Return the function that tells why a new draft is refused."""
    return f"""
-- Why a new draft is refused; NULL if it is not.
CREATE FUNCTION chatnet_refusal({DRAFT}, shown bigint, meant bigint, moment bigint) RETURNS text
LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    newest bigint;
    its_session text;
    its_level bigint := (SELECT level FROM log);
BEGIN
    IF (CASE its_kind {whens(f"'{kind.name}' THEN {kind.level}" for kind in of.kinds)} END) > its_level THEN
        RETURN 'NOT_YET';
    END IF;
    IF its_kind IN ('register', 'guest') THEN
        IF EXISTS (SELECT FROM account WHERE "user" = its_user)
            OR EXISTS (SELECT FROM forgotten WHERE "user" = its_user)
        THEN
            RETURN 'NAME_TAKEN';
        END IF;
    ELSIF its_kind = 'level' THEN
        RETURN CASE WHEN its_text::bigint <= its_level THEN 'LEVEL_REACHED'
            WHEN its_text::bigint > {of.level} THEN 'NOT_YET' END;
    ELSIF its_user <> '{CLUSTER}' AND its_kind NOT IN ({of.clusters}) THEN
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
            ELSIF its_session <> 'all' AND NOT (its_session = 'post' AND its_kind IN ({of.said})) THEN
                RETURN 'NOT_IN_SCOPE';
            END IF;
        END IF;
        IF its_kind = 'gone' THEN
            NULL;  -- whoever is shut out may go
        ELSIF EXISTS (SELECT FROM standing WHERE room = '' AND "user" = its_user AND banned > moment) THEN
            RETURN 'BARRED';
        ELSIF EXISTS (SELECT FROM standing WHERE room = '' AND "user" = its_user AND disabled = 1) THEN
            RETURN 'DISABLED';
        END IF;
    END IF;
    RETURN coalesce(
        chatnet_case({SAME}, moment),
        CASE WHEN meant > 0 AND NOT EXISTS (SELECT FROM account
            WHERE "user" = its_to AND registered BETWEEN 1 AND meant) THEN 'NO_SUCH_USER' END,
        chatnet_too_many_topics(its_user, its_topics, moment / {DAY_MS}));
END
$function$;
"""


def case(of: Program) -> str:
    """Return the function of the cases: why a draft of a known user and session is refused."""
    return f"""
-- Why a draft is refused that comes from a known user and session: the cases of chatnet.rules.
CREATE FUNCTION chatnet_case({DRAFT}, moment bigint) RETURNS text LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    today CONSTANT bigint := moment / {DAY_MS};
    its_where CONSTANT text := CASE WHEN its_room = its_user THEN 'OWN' WHEN its_room = '' THEN 'CLUSTER'
        WHEN its_room LIKE '#%' THEN 'TOPIC' WHEN its_room LIKE '&%' THEN 'PRIVATE'
        WHEN strpos(its_room, '=') > 0 THEN 'TALK' ELSE 'USER' END;
BEGIN
    CASE its_kind
    {whens(f"'{kind.name}' THEN {_cases(kind, of.cases)}" for kind in of.kinds)}
    END CASE;
END
$function$;
"""


def too_many_topics(of: Program) -> str:
    """Return the function that counts the topics that a user makes on a day."""
    return f"""
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
"""


def _kept(kinds: Iterable[Kind]) -> str:
    """Return an SQL condition for a kept refusal: see :func:`chatnet.store.refusals.is_kept`."""
    kinds = tuple(kinds)
    kept = names(kind for kind in kinds if kind.keeps_refusals and not kind.is_said)
    said = names(kind for kind in kinds if kind.is_said)
    return f"""(its_kind IN ({kept}) OR its_kind IN ({said})
        AND (its_text LIKE '%#%' OR its_room <> its_user OR its_more IS NOT NULL
            OR EXISTS (SELECT FROM standing WHERE "user" = its_user AND ordered = 1)))"""


def _cases(kind: Kind, cases: tuple[Case, ...]) -> str:
    """Return the statements that refuse a draft of ``kind``: the cases for each kind of room."""
    rooms = [room for room in Where if room in kind.rooms]
    branches = [
        f"WHEN '{room.name}' THEN\n        RETURN CASE {whens(found)} END;"
        for room in rooms
        if (found := [_case(case) for case in cases if kind.name in case.kinds and room in case.rooms])
    ]
    if not branches:
        return "RETURN NULL;"
    return "\n        ".join(["CASE its_where", *branches, "ELSE RETURN NULL;", "END CASE;"])


def _case(case: Case) -> str:
    conditions = [
        f"NOT ({bound(facts.SQL[fact[1:]])})" if fact[0] == "!" else f"({bound(facts.SQL[fact])})"
        for fact in case.facts
    ]
    return f"{' AND '.join(conditions) or 'true'} THEN '{case.error.code.decode()}'"
