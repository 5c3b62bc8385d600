"""What follows from an entry in the tables, in SQL that both kinds of stores understand. Pure.

For each kind there are statements, which are run in the transaction of the entry, after it. In braces stand
the values of the entry, as in :mod:`chatnet.store.facts`, and its ``seq`` and ``until``; and, spelled by each
store, ``rooms_of_code``: a row ``its`` with a ``value`` for each of the rooms of the row of ``code``. The
index of places, and the topics that an entry makes, are the same for all kinds: see the stores.
"""

from __future__ import annotations

from chatnet.codes import KEPT_LENGTH, NAME_MS, PAIR_MS, RECOVERIES
from chatnet.kinds import CLUSTER
from chatnet.policies import POLICIES
from chatnet.rules import DAY_MS, FOR_EVER, HOUR_MS, INVITED_MS, MOST_A_DAY
from chatnet.store.facts import IS_RANDOM, RECOVERS
from chatnet.store.pages import OPEN

Statements = tuple[str, ...]


def _begin(user: str, place: str) -> str:
    return f"""INSERT INTO membership ("user", "left", room, joined) SELECT {user}, {OPEN}, {place}, {{seq}}
        WHERE NOT EXISTS (SELECT 1 FROM membership
            WHERE "user" = {user} AND "left" = {OPEN} AND room = {place})"""


def _end(user: str, place: str) -> str:
    return f"""UPDATE membership SET "left" = {{seq}}
        WHERE "user" = {user} AND "left" = {OPEN} AND room = {place}"""


def _count(user: str, change: str, condition: str = "") -> str:
    return f'UPDATE account SET rooms = rooms {change} WHERE "user" = {user}{condition}'


_IS_IN = f"""
    AND EXISTS (SELECT 1 FROM membership WHERE "user" = {{to}} AND "left" = {OPEN} AND room = {{room}})"""
_MODERATORS = "'!mods' || {room}"


def _stand(user: str, what: str, value: str) -> str:
    return f"""INSERT INTO standing (room, "user", {what}) VALUES ({{room}}, {user}, {value})
        ON CONFLICT (room, "user") DO UPDATE SET {what} = excluded.{what}"""


def _stand_no_more(user: str, what: str) -> str:
    return f'UPDATE standing SET {what} WHERE room = {{room}} AND "user" = {user}'


_CLOSE = f"""UPDATE standing SET invited = 0 WHERE room = {{room}} AND substr({{room}}, 1, 1) = '&'
    AND NOT EXISTS (SELECT 1 FROM membership WHERE room = {{room}} AND "left" = {OPEN})"""
"""Who leaves a private room last closes it: nobody can be let in any more."""
_UNTIL = f"CASE WHEN {{until}} = 0 THEN {FOR_EVER} ELSE {{until}} END"
_INVITED = """INSERT INTO invitation ("user", room, inviter, seq) SELECT {to}, {room}, {user}, {seq}
    WHERE NOT EXISTS (SELECT 1 FROM standing WHERE room = {to} AND "user" = {user} AND blocked = 1)
    ON CONFLICT ("user", room) DO UPDATE SET inviter = excluded.inviter, seq = excluded.seq"""


def _invited_no_more(user: str) -> str:
    return f"""DELETE FROM invitation WHERE "user" = {user} AND room = {{room}}"""


_GONE: Statements = (
    _invited_no_more("{to}"),
    _count("{to}", "- 1", _IS_IN),
    _end("{to}", "{room}"),
    _end("{to}", _MODERATORS),
    _stand_no_more("{to}", "role = 0, invited = 0"),
)
_TALLIED = """INSERT INTO tally ("user", kind, day, count) VALUES ({user}, {kind}, {day}, 1)
    ON CONFLICT ("user", kind) DO UPDATE SET
        count = CASE WHEN tally.day = excluded.day THEN tally.count + 1 ELSE 1 END, day = excluded.day"""
_ROLE = "CASE {text} WHEN 'moderator' THEN 1 WHEN 'owner' THEN 2 WHEN 'admin' THEN 3 ELSE 0 END"
_NAMED = " ".join(f"WHEN {{text}} LIKE '{name} %' THEN '{name}'" for name in POLICIES)
_FROM = " ".join(f"WHEN {{text}} LIKE '{name} %' THEN {len(name) + 2}" for name in POLICIES)
_DECIDED = f"""INSERT INTO policy (room, name, value, seq)
    VALUES ({{room}}, CASE {_NAMED} END, substr({{text}}, CASE {_FROM} END), {{seq}})
    ON CONFLICT (room, name) DO UPDATE SET value = excluded.value, seq = excluded.seq"""
_BLOCKS = """INSERT INTO standing (room, "user", blocked) VALUES ({user}, {to}, 1)
    ON CONFLICT (room, "user") DO UPDATE SET blocked = 1"""

_FORGET: Statements = (
    f"""UPDATE membership
        SET "left" = coalesce((SELECT e.seq FROM ending AS e WHERE e."user" = membership.room), {{seq}})
        WHERE "user" = {{to}} AND "left" = {OPEN}""",
    f"""UPDATE standing SET invited = 0
        WHERE room IN (SELECT room FROM membership
                WHERE "user" = {{to}} AND "left" = {{seq}} AND substr(room, 1, 1) = '&')
            AND NOT EXISTS (SELECT 1 FROM membership AS m
                WHERE m.room = standing.room AND m."left" = {OPEN})""",
    """DELETE FROM standing WHERE "user" = {to}""",
    "DELETE FROM standing WHERE room = {to}",
    """DELETE FROM invitation WHERE "user" = {to}""",
    """DELETE FROM tally WHERE "user" = {to}""",
    """DELETE FROM account WHERE "user" = {to}""",
    """DELETE FROM session WHERE "user" = {to}""",
    """DELETE FROM face WHERE "user" = {to}""",
    "DELETE FROM code WHERE whose = {to} OR author = {to}",
    """INSERT INTO forgotten ("user", seq) VALUES ({to}, {seq})""",
    "DELETE FROM room WHERE name = {to}",
    f"""INSERT INTO ending ("user", seq) SELECT {{to}}, {{seq}}
        WHERE EXISTS (SELECT 1 FROM membership WHERE room = {{to}} AND "left" = {OPEN})""",
)
"""Of who is forgotten nothing is left but entries, which are blanked, and the name. Stays of others in their
room have ended: that is written down later, since they may be very many (:mod:`chatnet.store.blanking`)."""


_FACE = """INSERT INTO face ("user", text, seq) VALUES ({user}, {text}, {seq})
    ON CONFLICT ("user") DO UPDATE SET text = excluded.text, seq = excluded.seq"""
_GUEST: Statements = (
    f"""INSERT INTO account ("user", credential, secret_seq, registered, fresh)
        VALUES ({{user}}, '', {{seq}}, {{seq}}, CASE
            WHEN {{now}} - (SELECT time FROM entry WHERE seq = 1) > {DAY_MS}
            THEN {{now}} + {DAY_MS} ELSE 0 END)""",
    """INSERT INTO session ("user", device, seq, label, scope, credential)
        VALUES ({user}, '', {seq}, '', 'all', '')""",
    _FACE,
)
_NICK: Statements = (
    f"""INSERT INTO membership ("user", "left", room, joined) SELECT {{to}}, {OPEN}, room, {{seq}}
        FROM membership WHERE "user" = {{user}} AND "left" = {OPEN}""",
    f"""UPDATE membership SET "left" = {{seq}} WHERE "user" = {{user}} AND "left" = {OPEN}""",
    """UPDATE account SET "user" = {to}, secret_seq = {seq}, registered = {seq} WHERE "user" = {user}""",
    """UPDATE session SET "user" = {to}, seq = {seq} WHERE "user" = {user}""",
    """UPDATE face SET "user" = {to}, text = {text}, seq = {seq} WHERE "user" = {user}""",
    """UPDATE standing SET "user" = {to} WHERE "user" = {user}""",
    """UPDATE tally SET "user" = {to} WHERE "user" = {user}""",
    """DELETE FROM talk WHERE "user" = {user}""",
)
"""A guest with another name is another user, in the same rooms, and with all that was ordered about them."""
_DEPART: Statements = (
    f"""UPDATE membership SET "left" = {{seq}} WHERE "user" = {{to}} AND "left" = {OPEN}""",
    """DELETE FROM account WHERE "user" = {to}""",
    """DELETE FROM session WHERE "user" = {to}""",
    """DELETE FROM face WHERE "user" = {to}""",
    """DELETE FROM standing WHERE "user" = {to}""",
    """DELETE FROM tally WHERE "user" = {to}""",
    """DELETE FROM talk WHERE "user" = {to}""",
)
"""Of a guest who is gone nothing is left but entries."""


def _blanking(user: str, room: str, upto: str, whole: int) -> str:
    """What was done of an earlier one need not be done again, but if now credentials go as well."""
    done = "0" if whole else "blanking.done"
    return f"""INSERT INTO blanking ("user", room, upto, seq, whole, done)
        VALUES ({user}, {room}, {upto}, {{seq}}, {whole}, 0)
        ON CONFLICT ("user", room) DO UPDATE SET seq = excluded.seq, whole = excluded.whole, done = {done},
            upto = CASE WHEN excluded.upto > blanking.upto THEN excluded.upto ELSE blanking.upto END"""


_MINE = '"user" = {user}'


def _recovers_no_more(user: str) -> str:
    """Recovery codes were made by showing the user's secret, and end with it."""
    return f"""DELETE FROM code WHERE whose = {user} AND {RECOVERS}
        AND EXISTS (SELECT 1 FROM account WHERE "user" = {user} AND secret_seq = {{seq}})"""


_VOID: Statements = (
    f"""UPDATE account SET credential = '', secret_seq = {{seq}} WHERE "user" = {{to}}
        AND ({{text}} = '0' OR {IS_RANDOM} AND secret_seq = CAST({{text}} AS bigint))""",
    _recovers_no_more("{to}"),
)
"""What a session's device keeps opens nothing any more, once that session has been ended."""
_VOID_BEFORE: Statements = (
    f"""UPDATE account SET credential = '', secret_seq = {{seq}} WHERE {_MINE} AND {IS_RANDOM}
        AND secret_seq = (SELECT seq FROM session WHERE {_MINE} AND device = {{device}})""",
    _recovers_no_more("{user}"),
)
"""The same, for a device that is let in anew."""
_SHOWS_RECOVERY = f"EXISTS (SELECT 1 FROM code AS shown WHERE shown.hash = {{code}} AND shown.{RECOVERS})"
_MAKES_RECOVERY = f"length({{text}}) > {2 * KEPT_LENGTH}"
"""Of an entry that makes codes: see :func:`chatnet.codes.recovery_text`."""
_EACH = ", ".join(f"({1 + n * (KEPT_LENGTH + 1)})" for n in range(RECOVERIES))
_INVITING = f"""FROM code, {{rooms_of_code}} WHERE code.hash = {{code}} AND code.room <> ''
            AND EXISTS (SELECT 1 FROM membership AS m WHERE m.room = its.value AND m."left" = {OPEN})
            AND (code.author = '{CLUSTER}' OR EXISTS (SELECT 1 FROM standing AS s
                WHERE s.room = its.value AND s."user" = code.author AND s.role > 0))"""
"""The code invites to rooms: to those in which somebody is left, and which its author moderates now."""
_USE: Statements = (
    f"""INSERT INTO standing (room, "user", invited)
        SELECT its.value, {{user}}, {{now}} + {INVITED_MS} {_INVITING}
        ON CONFLICT (room, "user") DO UPDATE SET invited = excluded.invited""",
    f"""INSERT INTO invitation ("user", room, inviter, seq)
        SELECT {{user}}, its.value, code.author, {{seq}} {_INVITING}
        ON CONFLICT ("user", room) DO UPDATE SET inviter = excluded.inviter, seq = excluded.seq""",
    "UPDATE code SET uses = uses - 1 WHERE hash = {code}",
    "DELETE FROM code WHERE hash = {code} AND uses <= 0 OR whose = {user}",
)
"""A code is used; and whatever was for this name alone is good no longer."""


def _begin_session(credential: str) -> Statements:
    return (
        f"DELETE FROM session WHERE {_MINE} AND device = {{device}}",
        f"""INSERT INTO session ("user", device, seq, label, scope, credential) VALUES ({{user}}, {{device}},
            {{seq}}, {{label}}, CASE WHEN {{scope}} = '' THEN 'all' ELSE {{scope}} END, {credential})""",
    )


_ACCOUNT = """INSERT INTO standing (room, "user", disabled, ordered) VALUES ('', {to}, 1, 1)
    ON CONFLICT (room, "user") DO UPDATE SET disabled = 1, ordered = 1"""

SQL: dict[str, Statements] = {
    "register": (
        f"""INSERT INTO account ("user", credential, secret_seq, registered, fresh)
            VALUES ({{user}}, {{text}}, {{seq}}, {{seq}}, CASE
                WHEN {{code}} = '' AND {{now}} - (SELECT time FROM entry WHERE seq = 1) > {DAY_MS}
                THEN {{now}} + {DAY_MS} ELSE 0 END)""",
        "INSERT INTO room (name) VALUES ({user})",
        *_begin_session("''"),
        *_USE,
    ),
    "secret": (
        f"UPDATE account SET credential = {{text}}, secret_seq = {{seq}} WHERE {_MINE}",
        f"DELETE FROM session WHERE {_MINE}",
        *_begin_session("''"),
        f"DELETE FROM code WHERE whose = {{user}} AND NOT ({RECOVERS} AND {_SHOWS_RECOVERY})",
        "DELETE FROM code WHERE hash = {code}",
    ),
    "session": (
        *_VOID_BEFORE,
        *_begin_session("CASE WHEN {code} = '' THEN '' ELSE {text} END"),
        "DELETE FROM code WHERE hash = {code}",
    ),
    "revoke": (
        *_VOID,
        """DELETE FROM session WHERE "user" = {to} AND ({text} = '0' OR seq = CAST({text} AS bigint))""",
        f"DELETE FROM code WHERE whose = {{to}} AND NOT {RECOVERS}",
    ),
    "code": (
        f"""DELETE FROM code WHERE until <= {{now}}
            OR whose = {{to}} AND whose <> '' AND ({RECOVERS}) = ({_MAKES_RECOVERY})""",
        f"""INSERT INTO code (hash, author, whose, room, uses, until)
            SELECT substr({{text}}, its.column1, {KEPT_LENGTH}), {{user}}, {{to}},
                CASE WHEN substr({{room}}, 1, 1) = '&' THEN {{room}} ELSE '' END,
                CASE WHEN {_MAKES_RECOVERY} THEN 1
                    ELSE CAST(substr({{text}}, {KEPT_LENGTH + 2}) AS bigint) END,
                CASE WHEN {_MAKES_RECOVERY} THEN {FOR_EVER} WHEN {{until}} > 0 THEN {{until}}
                    WHEN {{to}} = {{user}} THEN {{now}} + {PAIR_MS} ELSE {{now}} + {NAME_MS} END
            FROM (VALUES {_EACH}) AS its WHERE its.column1 = 1 OR {_MAKES_RECOVERY}
            ON CONFLICT (hash) DO UPDATE SET room = code.room || ' ' || excluded.room""",
    ),
    "disable": (_ACCOUNT,),
    "enable": ("""UPDATE standing SET disabled = 0 WHERE room = '' AND "user" = {to}""",),
    "join": (
        _begin("{user}", "{room}"),
        _count("{user}", "+ 1"),
        _stand_no_more("{user}", "invited = 0"),
        _invited_no_more("{user}"),
    ),
    "leave": (
        _count("{user}", "- 1"),
        _end("{user}", "{room}"),
        _end("{user}", _MODERATORS),
        _stand_no_more("{user}", "role = 0"),
        _CLOSE,
    ),
    "post": (),
    "level": ("UPDATE log SET level = CAST({text} AS bigint)",),
    "create": (
        "INSERT INTO private (name, history, made) VALUES ({room}, {text}, {seq})",
        _begin("{user}", "{room}"),
        _begin("{user}", _MODERATORS),
        _count("{user}", "+ 1"),
        _stand("{user}", "role", "2"),
    ),
    "invite": (_stand("{to}", "invited", f"{{now}} + {INVITED_MS}"), _INVITED),
    "remove": _GONE,
    "describe": (
        """INSERT INTO description (room, text, seq) VALUES ({room}, {text}, {seq})
            ON CONFLICT (room) DO UPDATE SET text = excluded.text, seq = excluded.seq""",
    ),
    "role": (
        _stand("{to}", "role", _ROLE),
        _begin("{to}", _MODERATORS) + " AND {text} <> 'none'",
        _end("{to}", _MODERATORS) + " AND {text} = 'none'",
    ),
    "ban": (
        *_GONE,
        _stand("{to}", "banned", _UNTIL),
        _stand_no_more("{to}", "ordered = 1"),
        _CLOSE,
    ),
    "mute": (_stand("{to}", "muted", _UNTIL), _stand_no_more("{to}", "ordered = 1")),
    "unban": (_stand_no_more("{to}", "banned = 0, muted = 0"),),
    "policy": (_DECIDED,),
    "block": (_BLOCKS,),
    "unblock": ("""UPDATE standing SET blocked = 0 WHERE room = {user} AND "user" = {to}""",),
    "redact": (),
    "forget": (*_FORGET, _blanking("{to}", "''", "{seq}", 1)),
    "purge": (_blanking("{to}", "{room}", "CASE WHEN {ref} > 0 THEN {ref} ELSE {seq} END", 0),),
    "expire": (_blanking("''", "{room}", "{ref}", 0),),
    "report": ("INSERT INTO reported (seq) VALUES ({ref}) ON CONFLICT DO NOTHING",),
    "guest": _GUEST,
    "nick": _NICK,
    "gone": _DEPART,
    "spelling": (_FACE,),
}
"""What follows, by kind. A post, and what it refers to, is in the stores' own code."""
for _kind in MOST_A_DAY:
    SQL[_kind] = (*SQL[_kind], _TALLIED)

TALK: Statements = (
    f"""INSERT INTO tally ("user", kind, day, count)
        SELECT {{user}}, 'talk', {{now}} / {HOUR_MS}, 1
        WHERE EXISTS (SELECT 1 FROM account WHERE "user" = {{user}} AND fresh > {{now}})
            AND NOT EXISTS (SELECT 1 FROM talk WHERE "user" = {{user}} AND room = {{room}})
        ON CONFLICT ("user", kind) DO UPDATE SET
            count = CASE WHEN tally.day = excluded.day THEN tally.count + 1 ELSE 1 END, day = excluded.day""",
    """INSERT INTO talk ("user", room) VALUES ({user}, {room}) ON CONFLICT DO NOTHING""",
    """INSERT INTO talk ("user", room) VALUES ({to}, {room}) ON CONFLICT DO NOTHING""",
)
"""What follows from a post in a conversation."""
