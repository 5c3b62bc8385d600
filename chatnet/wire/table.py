"""Every command of every conversation: who may send it, and when; how often, how large, and what it may cost.

A :class:`Speaker` says who is at the other end, and how far they have got. Each class of responders
(:class:`chatnet.net.locator.Locator`) names its speaker, and understands exactly the commands of that speaker
here, besides ``Ping``. docs/protocol.md shows the table; ``tests/wire/test_table.py`` holds code and document
to it, and sends each command as each speaker. Pure.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from chatnet.wire import (
    cluster,
    common,
    imprints,
    locate,
    log,
    marks,
    operate,
    presence,
    replica,
    session,
    typists,
)
from chatnet.wire.arguments import Command


class Speaker(Enum):
    """Who speaks, and when. Nothing else decides which commands are understood."""

    STRANGER = "anybody, to a master"
    NEW_WORKER = "a worker that has proven the token"
    WORKER = "a registered worker"
    FOLLOWER = "a registered worker, of an embedded store"
    NEW_REPLICA = "a replica that has proven the token"
    REPLICA = "an attached replica"
    OPERATOR = "an operator who has proven the token"
    VISITOR = "anybody, to a worker"
    IN_PLAIN = "anybody from another machine who speaks plain, and may not"
    USER = "a user who is logged in"
    DIALLED = "whoever was dialled, before the proof and the registration"
    PRIMARY = "the primary, to a worker that it has registered"
    PRIMARY_OF_REPLICA = "the primary, to a replica that it has attached"
    SERVER = "a worker, to its client"


STRANGERS = frozenset({Speaker.STRANGER, Speaker.VISITOR, Speaker.IN_PLAIN})
"""The speakers that have neither logged in nor proven anything."""


class Rule(NamedTuple):
    """The limits of a command. The texts are those of docs/protocol.md."""

    command: type[Command]
    speakers: tuple[Speaker, ...]
    often: str
    large: str
    costs: str

    def row(self) -> str:
        """Return the rule as docs/protocol.md shows it."""
        who = "; ".join(speaker.value for speaker in self.speakers) if self.speakers != _ANY else "everybody"
        return f"| {self.command.__name__} | {who} | {self.often} | {self.large} | {self.costs} |"


_ANY = tuple(Speaker)
_FOLLOWERS = (Speaker.FOLLOWER,)
_STRANGERS_BOX = "4 KB"
_ASKED = "as any stranger's: 16 boxes a turn"
_ONE_ATTEMPT = "one attempt at a time on a connection"
_ORDER = "as it commands; with the epoch of the registration"
_RATE = "within the user's rate"
_ENTRY = "an entry, or a refusal that is kept"
_ONE_READ = "one read at a time, 16 wait"
_AT_ONCE = "32 at once on a link; others wait"

RULES = (
    # ---- what every link says ----
    Rule(common.Ping, _ANY, "every second, or 15 s with clients", "a number and a check", "nothing"),
    # ---- anybody, to a master ----
    Rule(locate.Locate, (Speaker.STRANGER,), _ASKED, _STRANGERS_BOX, "a look at what workers report"),
    Rule(common.Challenge, (Speaker.STRANGER,), _ASKED, _STRANGERS_BOX, "32 random bytes"),
    Rule(common.Prove, (Speaker.STRANGER,), "once for each challenge", _STRANGERS_BOX, "two HMACs"),
    # ---- the cluster's processes, to the primary ----
    Rule(
        cluster.Register,
        (Speaker.NEW_WORKER,),
        "once",
        "a host of 253 letters, numbers",
        "a row of status; a read if the epoch differs",
    ),
    Rule(cluster.Report, (Speaker.WORKER, Speaker.FOLLOWER), "every second", "numbers", "nothing"),
    Rule(log.Append, _FOLLOWERS, "one batch at a time", "200 drafts, 60 KB", "a commit"),
    Rule(
        log.Follow,
        _FOLLOWERS,
        "once a link",
        "a number and a check",
        "pages of 60 KB, while the link has room",
    ),
    Rule(log.Read, _FOLLOWERS, _AT_ONCE, "names, rooms, numbers", "a page at most: see the questions"),
    Rule(
        marks.KeepMarks,
        _FOLLOWERS,
        "one batch at a time, 200 marks a second",
        "200 marks, 62 KB",
        "200 rows, not synced; the other workers are told",
    ),
    Rule(
        marks.TellMarks,
        (Speaker.WORKER,),
        "200 marks a second",
        "200 marks, 62 KB",
        "the other workers are told",
    ),
    Rule(
        presence.TellPresence,
        (Speaker.WORKER, Speaker.FOLLOWER),
        "four in a quarter of a second, while somebody comes or goes",
        "500 users, 60 KB",
        "who watches is told",
    ),
    Rule(
        imprints.TellImprints,
        (Speaker.WORKER, Speaker.FOLLOWER),
        "four in a quarter of a second, while passwords are shown",
        "500 users, 60 KB",
        "they are kept, of 20,000 users; who wants them is told",
    ),
    Rule(
        typists.TellTypists,
        (Speaker.WORKER, Speaker.FOLLOWER),
        "four in a quarter of a second, while somebody types",
        "50 users, 50 KB",
        "who wants to know is told, of 200 in a quarter of a second",
    ),
    Rule(
        replica.Attach,
        (Speaker.NEW_REPLICA,),
        "once",
        "a host of 253 letters, numbers",
        "a row of status; a read if the epoch differs",
    ),
    # ---- operators ----
    Rule(operate.Status, (Speaker.OPERATOR,), "unbounded", "nothing", "the answer, up to 60 KB"),
    Rule(operate.Stop, (Speaker.OPERATOR,), "once", "nothing", "the cluster"),
    Rule(operate.StepDown, (Speaker.OPERATOR,), "once", "a number", "a takeover"),
    Rule(operate.Order, (Speaker.OPERATOR,), "unbounded", "a room, a name, 500 characters", "an entry"),
    Rule(operate.RoomPolicies, (Speaker.OPERATOR,), "unbounded", "a room", "a row for each policy"),
    Rule(
        operate.ListUsers,
        (Speaker.OPERATOR,),
        "unbounded",
        "a name, or a part of one",
        "200 users, and of each 50 sessions",
    ),
    Rule(operate.LevelUp, (Speaker.OPERATOR,), "unbounded", "nothing", "an entry, once for each level"),
    Rule(operate.Drain, (Speaker.OPERATOR,), "unbounded", "a host", "moves that host's sessions"),
    # ---- the primary, to workers and replicas ----
    Rule(log.Committed, (Speaker.PRIMARY,), _ORDER, "60 KB, or one entry", "the fan-out"),
    Rule(
        marks.MarksTold,
        (Speaker.PRIMARY,),
        "200 marks a second for each other worker; with the epoch of the registration",
        "200 marks, 62 KB",
        "the users' sessions are told",
    ),
    Rule(
        presence.PresenceTold,
        (Speaker.PRIMARY,),
        "four in a quarter of a second, to who watches; with the epoch of the registration",
        "500 users, 60 KB",
        "who shows them is told",
    ),
    Rule(
        imprints.ImprintsTold,
        (Speaker.PRIMARY,),
        "four in a quarter of a second, to who wants them; with the epoch of the registration",
        "500 users, 60 KB",
        "they are kept, of 20,000 users",
    ),
    Rule(
        typists.TypistsTold,
        (Speaker.PRIMARY,),
        "four in a quarter of a second, to who wants them; with the epoch of the registration",
        "50 users, 50 KB",
        "who hears them is told, of 1,000 lines in a quarter of a second",
    ),
    Rule(
        cluster.Shutdown,
        (Speaker.PRIMARY, Speaker.PRIMARY_OF_REPLICA),
        _ORDER,
        "a number",
        "the process",
    ),
    Rule(cluster.Shed, (Speaker.PRIMARY,), _ORDER, "numbers", "50 sessions a second move"),
    Rule(
        cluster.OtherWorkers,
        (Speaker.PRIMARY,),
        "when it changes, at most each second; with the epoch of the registration",
        "64 workers",
        "what it says is kept",
    ),
    Rule(cluster.SpawnWorkers, (Speaker.PRIMARY,), _ORDER, "at most 1,000", "so many processes"),
    Rule(cluster.SpawnFronts, (Speaker.PRIMARY,), _ORDER, "at most 1,000", "so many processes"),
    Rule(cluster.Kill, (Speaker.PRIMARY,), _ORDER, "a pid and its start", "that process, if it is that one"),
    Rule(
        replica.Mirror,
        (Speaker.PRIMARY_OF_REPLICA,),
        _ORDER,
        "200 workers, 200 replicas, 60 KB",
        "what it says is kept",
    ),
    # ---- clients, to a worker ----
    Rule(
        session.Login,
        (Speaker.VISITOR,),
        f"{_ONE_ATTEMPT}; passwords, codes and new names are slowed",
        _STRANGERS_BOX,
        "three reads; a hash of a password or for a wrong code, an entry for a new name or device",
    ),
    Rule(
        session.Resume,
        (Speaker.VISITOR,),
        _ONE_ATTEMPT,
        _STRANGERS_BOX,
        "an HMAC, a read of the user's rooms",
    ),
    Rule(session.Post, (Speaker.USER,), _RATE, "2,000 characters", "an entry, heard at 21 places"),
    Rule(session.Create, (Speaker.USER,), f"{_RATE}; 20 a day", "a room", _ENTRY),
    Rule(session.Invite, (Speaker.USER,), f"{_RATE}; 200 a day", "a room, a name", _ENTRY),
    Rule(session.Remove, (Speaker.USER,), f"{_RATE}; 500 a day", "a room, a name, 500 characters", _ENTRY),
    Rule(session.Describe, (Speaker.USER,), f"{_RATE}; 200 a day", "a room, 500 characters", _ENTRY),
    Rule(session.SetRole, (Speaker.USER,), f"{_RATE}; 200 a day", "a room, a name", _ENTRY),
    Rule(
        session.Ban,
        (Speaker.USER,),
        f"{_RATE}; 500 a day, and 500 mutes",
        "a room, a name, 500 characters",
        _ENTRY,
    ),
    Rule(session.Unban, (Speaker.USER,), f"{_RATE}; 500 a day", "a room, a name, 500 characters", _ENTRY),
    Rule(session.SetPolicy, (Speaker.USER,), f"{_RATE}; 200 a day", "a room, 40 characters", _ENTRY),
    Rule(session.Block, (Speaker.USER,), f"{_RATE}; 1,000 a day", "a name", _ENTRY),
    Rule(session.Unblock, (Speaker.USER,), f"{_RATE}; 1,000 a day", "a name", _ENTRY),
    Rule(
        session.Redact, (Speaker.USER,), f"{_RATE}; 1,000 a day", "a number, a check, 500 characters", _ENTRY
    ),
    Rule(
        session.Purge,
        (Speaker.USER,),
        f"{_RATE}; 200 a day",
        "a room, a name, 500 characters",
        "an entry; the user's texts are overwritten, a few at a time",
    ),
    Rule(
        session.Forget,
        (Speaker.USER,),
        f"{_RATE}; one hash at a time",
        "1,024 bytes",
        "a hash, an entry; the user's texts are overwritten, a few at a time",
    ),
    Rule(
        session.ReportPost,
        (Speaker.USER,),
        f"{_RATE}; 10 a day",
        "a number, a check, 500 characters",
        _ENTRY,
    ),
    Rule(
        session.Join,
        (Speaker.USER,),
        f"{_RATE}; 2,000 rooms",
        "a room",
        _ENTRY,
    ),
    Rule(session.Leave, (Speaker.USER,), _RATE, "a room", _ENTRY),
    Rule(
        session.SetSecret,
        (Speaker.USER,),
        f"{_RATE}; one hash at a time",
        "two of 1,024 bytes",
        "two hashes, an entry",
    ),
    Rule(session.Sessions, (Speaker.USER,), _ONE_READ, "nothing", "50 rows, a mark and two entries of each"),
    Rule(session.Revoke, (Speaker.USER,), _RATE, "a number, a name", _ENTRY),
    Rule(session.Pair, (Speaker.USER,), f"{_RATE}; 100 a day", "32 bytes", f"{_ENTRY}; a hash of a password"),
    Rule(
        session.Recovery,
        (Speaker.USER,),
        f"{_RATE}; 100 a day, as codes",
        "256 bytes",
        f"{_ENTRY}; a hash of a password",
    ),
    Rule(session.MakeCode, (Speaker.USER,), f"{_RATE}; 100 a day, admins", "32 bytes, a room", _ENTRY),
    Rule(session.List, (Speaker.USER,), _ONE_READ, "two beginnings of rooms", "200 rows"),
    Rule(session.History, (Speaker.USER,), _ONE_READ, "a room, a number", "a page of 500 posts, 60 KB"),
    Rule(session.Earlier, (Speaker.USER,), _ONE_READ, "a number", "20 posts, looked for in each room"),
    Rule(session.Members, (Speaker.USER,), _ONE_READ, "a room, a name", "200 rows"),
    Rule(session.WhoIs, (Speaker.USER,), _ONE_READ, "a name", "the rooms of two users"),
    Rule(session.Invitations, (Speaker.USER,), _ONE_READ, "a room", "200 rows"),
    Rule(session.Reported, (Speaker.USER,), _ONE_READ, "a number", "two posts"),
    Rule(session.Policies, (Speaker.USER,), _ONE_READ, "a room", "a row for each policy"),
    Rule(session.Conversations, (Speaker.USER,), _ONE_READ, "a name", "200 rows, the newest post of each"),
    Rule(
        session.Chat,
        (Speaker.USER,),
        _ONE_READ,
        "a number and a check",
        "20 posts; then pages, one at a time",
    ),
    Rule(
        session.Mark,
        (Speaker.USER,),
        f"{_ONE_READ}; 1,000 rooms in ten seconds",
        "a room, a number",
        "a row in ten seconds, not synced",
    ),
    Rule(session.Marks, (Speaker.USER,), _ONE_READ, "a room", "200 rows"),
    Rule(
        session.Unread,
        (Speaker.USER,),
        _ONE_READ,
        "a room",
        "200 rooms, 99 posts and mentions in each, 300 where some were taken back",
    ),
    Rule(session.Unchat, (Speaker.USER,), "as any command: 64 boxes a turn", "nothing", "nothing"),
    # ---- a worker, to its client ----
    Rule(session.Deliver, (Speaker.SERVER,), "while the client reads", "one entry", "the client's"),
    Rule(
        session.Marked,
        (Speaker.SERVER,),
        "while the client reads; once in ten seconds for each room",
        "a room, a number",
        "the client's",
    ),
    Rule(
        session.Membership,
        (Speaker.SERVER,),
        "while the client chats and reads, and once when it reads again; within the user's rate",
        "a room, a number",
        "the client's",
    ),
    Rule(session.Moved, (Speaker.SERVER,), "once", "nothing", "a move"),
    Rule(
        session.Rewound,
        (Speaker.SERVER,),
        "when a database failed over",
        "a number and a check",
        "the client's",
    ),
    Rule(session.Ended, (Speaker.SERVER,), "once", "a sentence", "the session"),
)


def understood(speaker: Speaker) -> frozenset[type[Command]]:
    """Return the commands that ``speaker`` may send."""
    return frozenset(rule.command for rule in RULES if speaker in rule.speakers)
