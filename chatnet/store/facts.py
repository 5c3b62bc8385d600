"""The facts that decide about drafts, in SQL that both kinds of stores understand. Pure.

Each is an expression over the tables; :data:`chatnet.rules.FACTS` says what it means. In braces stand the
values of the draft: its ``kind``, ``user``, ``room``, ``text``; whom it is for, ``to``; the seq and the check
of the entry that it refers to, ``ref`` and ``ref_check``; its ``device``, ``label``, ``scope`` and ``code``
(empty if it has none); the log's time ``now`` and the ``day`` of it; and
the ``topics`` that it names, with a space around each. The rest is spelled by each store in its own way:
``check`` of the entry ``e``, ``contains_room`` (``topics`` have the room of a standing) and
``contains_sides`` (the room of ``e`` is a conversation).
"""

from __future__ import annotations

from collections.abc import Mapping

from chatnet.codes import KEPT_LENGTH, RECOVERIES
from chatnet.kinds import CLUSTER
from chatnet.reads import MOST_BLOCKERS
from chatnet.rules import (
    FACTS,
    FOR_EVER,
    HOUR_MS,
    MOST_A_DAY,
    MOST_CODE_ROOMS,
    MOST_GUEST_ROOMS,
    MOST_GUESTS,
    MOST_ROOMS,
    MOST_SESSIONS,
    MOST_TALKS,
    WORDS_LEVEL,
)
from chatnet.store.pages import OPEN

_BY_CLUSTER = f"{{user}} = '{CLUSTER}'"
_MODERATOR, _OWNER, _ADMIN = 1, 2, 3
_CLUSTER = "= ''"


def _member(user: str) -> str:
    return (
        f'EXISTS (SELECT 1 FROM membership WHERE "user" = {{{user}}} AND "left" = {OPEN} AND room = {{room}})'
    )


def _standing(user: str, what: str, room: str = "= {room}") -> str:
    return f'EXISTS (SELECT 1 FROM standing WHERE room {room} AND "user" = {{{user}}} AND {what})'


def _has_role(rank: int, clusters: int) -> str:
    """A role in the room; or, in a room that is not private, one in the cluster."""
    here = _standing("user", f"role >= {rank}")
    return (
        f"({_BY_CLUSTER} OR {here}"
        f" OR substr({{room}}, 1, 1) <> '&' AND {_standing('user', f'role >= {clusters}', _CLUSTER)})"
    )


def _rank(user: str) -> str:
    return f"""coalesce((SELECT max(role) FROM standing WHERE "user" = {{{user}}}
        AND (room = {{room}} OR room = '' AND substr({{room}}, 1, 1) <> '&')), 0)"""


_OTHER_OWNER = (
    f'EXISTS (SELECT 1 FROM standing WHERE room = {{room}} AND "user" <> {{who}} AND role = {_OWNER})'
)


def _alone_owns(user: str) -> str:
    other = _OTHER_OWNER.replace("{who}", f"{{{user}}}")
    return f"({_standing(user, f'role = {_OWNER}')} AND NOT {other})"


_REF = "SELECT 1 FROM entry AS e WHERE e.seq = {ref} AND {check} = {ref_check}"
_PUBLIC = "substr(e.room, 1, 1) <> '&' AND NOT {contains_sides}"
IS_SAID = """e.kind = 'post' AND e.text <> '' AND NOT EXISTS (SELECT 1 FROM blanking AS b
    WHERE b."user" IN (e."user", '') AND b.upto >= e.seq
        AND (b.room = '' OR EXISTS (SELECT 1 FROM place WHERE place.name = b.room AND place.seq = e.seq)))"""
"""Of an entry ``e``: it is a post that was not taken back, whether it is overwritten yet or not."""
_SIGNUP = "EXISTS (SELECT 1 FROM policy WHERE room = '' AND name = 'signup' AND value = '{}')"
_THAT_SESSION = "CAST({text} AS bigint)"
IS_RANDOM = "substr(credential, 1, 7) = 'sha256:'"
"""Of an account: its secret is a random one, which some device keeps, and not a password."""
_LIMITS = " ".join(f"WHEN '{kind}' THEN {most}" for kind, most in MOST_A_DAY.items())


def looks(name: str) -> str:
    """Return how a name looks, as :func:`chatnet.names.looks` says; an index of accounts is by this."""
    return f"replace(replace(replace(replace({name}, '0', 'o'), '1', 'l'), '_', ''), '-', '')"


_GUESTS_NAME = "CASE {kind} WHEN 'nick' THEN substr({to}, 2) ELSE substr({user}, 2) END"

_BY_ADMIN = f"""(code.author = '{CLUSTER}' OR EXISTS (SELECT 1 FROM standing AS s
    WHERE s.room = '' AND s."user" = code.author AND s.role >= {_ADMIN}
        AND s.banned <= {{now}} AND s.disabled = 0))"""
"""Of a code: who made it could make it now, too. Those for an old name are the cluster's, or its user's."""

_MORE_ROOMS = f"""room <> '' AND substr({{room}}, 1, 1) = '&'
        AND replace(' ' || room || ' ', ' ' || {{room}} || ' ', '') = ' ' || room || ' '
        AND length(room) - length(replace(room, ' ', '')) < {MOST_CODE_ROOMS - 1}"""
"""Of a code: it invites to some rooms, not to this one, and not to as many as one may."""

RECOVERS = f"until = {FOR_EVER}"
"""Of a code: it is one for recovery. All others are good for a time."""
_MADE = ", ".join(f"substr({{text}}, {1 + n * (KEPT_LENGTH + 1)}, {KEPT_LENGTH})" for n in range(RECOVERIES))
"""What is kept of all codes that a draft makes: what is behind the only one is not what is kept of any."""

SQL: Mapping[str, str] = {
    "takes_words": f"EXISTS (SELECT 1 FROM log WHERE level >= {WORDS_LEVEL})",
    "guest": "substr({user}, 1, 1) = '~'",
    "guest_full": f"""EXISTS (SELECT 1 FROM account
        WHERE "user" = {{user}} AND rooms >= {MOST_GUEST_ROOMS})""",
    "guest_there": """EXISTS (SELECT 1 FROM account WHERE "user" = '~' || {user})""",
    "looks_taken": f"""(
        EXISTS (SELECT 1 FROM account WHERE {looks('"user"')} = {looks(_GUESTS_NAME)})
        OR EXISTS (SELECT 1 FROM forgotten WHERE "user" = {_GUESTS_NAME}))""",
    "many_guests": f"""(SELECT count(*) FROM account WHERE "user" >= '~') >= {MOST_GUESTS}""",
    "to_guest": "substr({to}, 1, 1) = '~'",
    "to_arrived": """EXISTS (SELECT 1 FROM account WHERE "user" = {to} AND registered = {ref})""",
    "administers": f"({_BY_CLUSTER} OR {_standing('user', f'role >= {_ADMIN}', _CLUSTER)})",
    "coded": "{code} <> ''",
    "code_good": f"""EXISTS (SELECT 1 FROM code WHERE hash = {{code}} AND until > {{now}} AND CASE {{kind}}
        WHEN 'register' THEN whose IN ('', {{user}}) AND {_BY_ADMIN}
        WHEN 'session' THEN whose = {{user}} AND author = {{user}} AND NOT {RECOVERS}
        ELSE whose = {{user}} AND (author <> {{user}} OR {RECOVERS}) END)""",
    "code_for_name": "EXISTS (SELECT 1 FROM code WHERE hash = {code} AND whose = {user})",
    "signup_by_code": _SIGNUP.format("code"),
    "signup_closed": _SIGNUP.format("closed"),
    "code_made": f"""EXISTS (SELECT 1 FROM code WHERE hash IN ({_MADE})
        AND NOT (until > {{now}} AND author = {{user}} AND whose = '' AND {_MORE_ROOMS}))""",
    "name_kept": "EXISTS (SELECT 1 FROM code WHERE whose = {user} AND hash <> {code} AND until > {now})",
    "device_known": """EXISTS (SELECT 1 FROM session WHERE "user" = {user} AND device = {device})""",
    "crowded": f"""(SELECT count(*) FROM session WHERE "user" = {{user}}) >= {MOST_SESSIONS}""",
    "newcomer": """EXISTS (SELECT 1 FROM account WHERE "user" = {user} AND fresh > {now})""",
    "talk_begun": """EXISTS (SELECT 1 FROM talk WHERE "user" = {user} AND room = {room})""",
    "begun_often": f"""EXISTS (SELECT 1 FROM tally WHERE "user" = {{user}} AND kind = 'talk'
        AND day = {{now}} / {HOUR_MS} AND count >= {MOST_TALKS})""",
    "to_lives": """(EXISTS (SELECT 1 FROM account WHERE "user" = {to} AND credential <> '')
        OR EXISTS (SELECT 1 FROM session WHERE "user" = {to}))""",
    "to_forgotten": """EXISTS (SELECT 1 FROM forgotten WHERE "user" = {to})""",
    "to_session": f"""({{text}} = '0'
        OR EXISTS (SELECT 1 FROM session WHERE "user" = {{to}} AND seq = {_THAT_SESSION}))""",
    "last_way": f"""({{to}} = {{user}}
        AND NOT EXISTS (SELECT 1 FROM account WHERE "user" = {{to}} AND credential <> ''
            AND NOT ({IS_RANDOM} AND secret_seq = {_THAT_SESSION}))
        AND NOT EXISTS (SELECT 1 FROM session
            WHERE "user" = {{to}} AND seq <> {_THAT_SESSION} AND credential <> ''))""",
    "member": _member("user"),
    "to_member": _member("to"),
    "invited": _standing("user", "invited > {now}"),
    "banned": _standing("user", "banned > {now}"),
    "to_banned": _standing("to", "banned > {now}"),
    "to_invited": _standing("to", "invited > {now}"),
    "worded": "{text} <> ''",
    "silenced": _standing("user", "muted > {now}", _CLUSTER),
    "muted": _standing("user", "muted > {now}", "IN ({room}, '')"),
    "muted_anywhere": """EXISTS (SELECT 1 FROM standing WHERE "user" = {user} AND muted > {now})""",
    "banned_there": """EXISTS (SELECT 1 FROM standing WHERE "user" = {user} AND banned > {now}
        AND room <> '' AND {contains_room})""",
    "muted_there": """EXISTS (SELECT 1 FROM standing WHERE "user" = {user} AND muted > {now}
        AND room <> '' AND {contains_room})""",
    "by_cluster": _BY_CLUSTER,
    "blocked": """EXISTS (SELECT 1 FROM standing WHERE room = {to} AND "user" = {user} AND blocked = 1)""",
    "direct_off": f"""EXISTS (SELECT 1 FROM policy WHERE room = '' AND name = 'direct'
        AND (value = 'off' OR value = 'staff' AND NOT EXISTS (SELECT 1 FROM standing
            WHERE room = '' AND "user" IN ({{user}}, {{to}}) AND role >= {_MODERATOR})))""",
    "members_invite": """EXISTS (SELECT 1 FROM policy
        WHERE room = {room} AND name = 'invite' AND value = 'members')""",
    "full": f"""EXISTS (SELECT 1 FROM account WHERE "user" = {{user}} AND rooms >= {MOST_ROOMS}
        AND rooms - (SELECT count(*) FROM membership WHERE "user" = {{user}} AND "left" = {OPEN}
            AND room IN (SELECT "user" FROM ending)) >= {MOST_ROOMS})""",
    "made": "EXISTS (SELECT 1 FROM private WHERE name = {room})",
    "room_known": """EXISTS (SELECT 1 FROM account WHERE "user" = {room})""",
    "to_known": """EXISTS (SELECT 1 FROM account WHERE "user" = {to})""",
    "to_self": "{to} = {user}",
    "to_ever_there": f"({_member('to')} OR {_standing('to', '1 = 1')})",
    "moderates": _has_role(_MODERATOR, _MODERATOR),
    "owns": _has_role(_OWNER, _ADMIN),
    "makes_owner": "{text} = 'owner'",
    "owner_there": f"""EXISTS (SELECT 1 FROM standing AS s WHERE s.room = {{room}} AND s.role = {_OWNER}
        AND NOT EXISTS (SELECT 1 FROM standing AS c
            WHERE c.room = '' AND c."user" = s."user" AND (c.banned > {{now}} OR c.disabled = 1)))""",
    "owned": f"EXISTS (SELECT 1 FROM standing WHERE room = {{room}} AND role = {_OWNER})",
    "to_outranks": f"({{user}} <> '{CLUSTER}' AND {_rank('to')} > {_rank('user')})",
    "last_owner": f"""({_alone_owns("user")} AND EXISTS (SELECT 1 FROM membership
        WHERE room = {{room}} AND "left" = {OPEN} AND "user" <> {{user}}))""",
    "to_last_owner": f"({{text}} <> 'owner' AND {_alone_owns('to')})",
    "often": f"""EXISTS (SELECT 1 FROM tally WHERE "user" = {{user}} AND {{user}} <> '{CLUSTER}'
        AND kind = {{kind}} AND day = {{day}} AND count >= CASE kind {_LIMITS} END)""",
    "refers": "{ref} > 0",
    "ref_mine": f"""EXISTS ({_REF} AND {IS_SAID} AND e."user" = {{user}})""",
    "ref_readable": f"""EXISTS ({_REF} AND {IS_SAID} AND (
        {_PUBLIC}
        OR EXISTS (SELECT 1 FROM talk WHERE talk."user" = {{user}} AND talk.room = e.room)
        OR EXISTS (SELECT 1 FROM membership AS m JOIN private ON private.name = m.room
            WHERE m."user" = {{user}} AND m."left" = {OPEN} AND m.room = e.room
                AND (m.joined <= e.seq OR private.history = 'all'))))""",
    "ref_said": f"EXISTS ({_REF} AND {IS_SAID})",
    "ref_there": f"EXISTS ({_REF})",
    "ref_here": "EXISTS (SELECT 1 FROM place WHERE name = {room} AND seq = {ref})",
    "ref_public": f"EXISTS ({_REF} AND {IS_SAID} AND {_PUBLIC})",
    "ref_moderated": f"""({_BY_CLUSTER}
        OR EXISTS (SELECT 1 FROM standing AS s JOIN place ON place.name = s.room AND place.seq = {{ref}}
            WHERE s."user" = {{user}} AND s.role >= {_MODERATOR} AND s.muted <= {{now}})
        OR EXISTS ({_REF} AND {_PUBLIC}) AND EXISTS (SELECT 1 FROM standing
            WHERE room = '' AND "user" = {{user}} AND role >= {_MODERATOR})
            AND NOT EXISTS (SELECT 1 FROM standing AS s
                JOIN place ON place.name = s.room AND place.seq = {{ref}}
                WHERE s."user" = {{user}} AND (s.banned > {{now}} OR s.muted > {{now}})))""",
}
"""Each fact of :data:`chatnet.rules.FACTS`."""
_TAKEN = f"NOT ({SQL['banned']} OR {SQL['muted']})"
SPEAKS = {False: _TAKEN, True: f"{_TAKEN} AND {SQL['talk_begun']} AND NOT {SQL['direct_off']}"}
"""Whether something may be said in a room; and in a conversation that has begun."""
BLOCKERS = f"""SELECT room FROM standing WHERE "user" = {{user}} AND blocked = 1
    ORDER BY room LIMIT {MOST_BLOCKERS + 1}"""
if set(SQL) != set(FACTS):
    raise TypeError(f"facts that have no SQL, or the other way round: {set(SQL) ^ set(FACTS)}")
