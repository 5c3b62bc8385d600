"""The commands of ``chatnet COMMAND``, and the options of each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from twisted.python import usage

from chatnet.operator import orders
from chatnet.options import (
    INSECURE,
    MASTER_HELP,
    USUAL_DATA,
    VersionedOptions,
    a_count,
    a_store,
    a_time,
    sort_out,
)
from chatnet.text import is_text, legible, meant
from chatnet.wire.cluster import MAX_HOST


class CommandOptions(VersionedOptions):
    """The options of all commands: where the cluster is, and its token."""

    optFlags = [INSECURE]
    optParameters = [
        ["master", None, None, MASTER_HELP],
        ["token-file", None, None, "The cluster's token. [default: CHATNET_TOKEN, DATA/cluster.token]"],
        [
            "data",
            None,
            USUAL_DATA,
            "The master's data directory, if it is on this machine: it has the token, and says where the "
            "primary is, unless something else does.",
        ],
    ]


class StatusOptions(CommandOptions):
    """The options of ``status``."""

    longdesc = "Shows the masters and workers, what they carry, and what happened lately."
    optFlags = [
        ["json", None, "Print JSON, for programs."],
        ["watch", None, "Show it again each second, until Ctrl-C."],
    ]

    def postOptions(self) -> None:
        if self["json"] and self["watch"]:
            raise usage.UsageError("--watch is for people, and --json for programs: leave one of them out.")


class StopOptions(CommandOptions):
    """The options of ``stop``."""

    longdesc = "Stops the whole cluster: all workers and masters, on all machines."


class StepDownOptions(CommandOptions):
    """The options of ``stepdown``."""

    longdesc = "Has the primary hand over to a replica and exit; workers and clients go on."


class LevelOptions(CommandOptions):
    """The options of ``level``."""

    synopsis = "[options] [up]"
    longdesc = (
        "Shows the level of the log and of each process, and who holds the log back. With “up” it is raised "
        "to the next, if all understand that; from then on, older programs can no longer take part."
    )

    def parseArgs(self, *where: str) -> None:
        if where not in ((), ("up",)):
            raise usage.UsageError(
                f"“{legible(' '.join(where), 40)}” is no way for a level: “chatnet level” shows it, and "
                "“chatnet level up” raises it to the next, if all processes understand that; it never falls."
                + meant(" ".join(where), ["up"])
            )
        self["up"] = bool(where)


class RoleOptions(CommandOptions):
    """The options of ``role``."""

    synopsis = "[options] NAME ROLE [ROOM]"
    longdesc = (
        "Makes a user owner, moderator or none of a ROOM, or, without one, admin, moderator or none of the "
        "whole cluster."
    )

    def parseArgs(self, *words: str) -> None:
        self["order"] = orders.role(words)


class AdminOptions(CommandOptions):
    """The options of ``admin``."""

    synopsis = "[options] NAME"
    longdesc = "Makes a user an admin: “chatnet role NAME none” takes that back."

    def parseArgs(self, *words: str) -> None:
        self["order"] = orders.admin(words)


class UserOptions(CommandOptions):
    """The options of ``user``."""

    synopsis = "[options] list | ban|mute|unban|disable|enable|add|reset|export|forget NAME [ROOM]"
    longdesc = (
        "Keeps a user out of a ROOM, or, without one, out of the whole cluster, which ends all their "
        "sessions; or, by mute, only from speaking; unban lifts either. disable is a ban that no moderator "
        "lifts. add prints a code with which NAME can be registered; reset ends all that lets NAME in, and "
        "prints a code with which its owner sets a new secret: both are good once, within 24 h. export "
        "prints everything that is kept of them, as lines of JSON. forget takes back all that they ever "
        "said, and ends the account. list shows all users: since when they are registered, when they last "
        "used a session that they still have, their role, and what keeps them out."
    )
    optFlags = [
        ["purge", None, "With ban: take back all that they have said there, as well."],
        ["yes", None, "With forget: do it, though it cannot be undone."],
        ["json", None, "With list: print a line of JSON for each user, for programs."],
    ]
    optParameters: list[list[Any]] = [
        ["for", None, None, "For how long: 30m, 12h, 7d. [default: for ever]", a_time],
        ["reason", None, "", "Told to them, and to moderators."],
        ["matching", None, None, "With list: only names that begin so; ~ for guests who are here."],
        ["store", None, None, "For export, a database: postgresql://… [default: CHATNET_STORE]", a_store],
    ]

    def parseArgs(self, *words: str) -> None:
        self["words"] = words

    def postOptions(self) -> None:
        self["exports"] = orders.exported(self["words"])
        self["order"] = [] if self["exports"] else orders.user(self["words"], self)


class SignupOptions(CommandOptions):
    """The options of ``signup``."""

    synopsis = "[options] [open|code|closed]"
    longdesc = (
        "Decides who may register a new name: anybody; who has a code (chatnet invite); or only those for "
        "whom chatnet user add has made one. Without a word it shows what holds."
    )

    def parseArgs(self, *words: str) -> None:
        self["order"] = orders.signup(words)


class InviteOptions(CommandOptions):
    """The options of ``invite``."""

    synopsis = "[options]"
    longdesc = "Prints a code with which new names can be registered. Nothing but its hash is kept."
    optParameters: list[list[Any]] = [
        ["uses", None, 20, "How many new names.", a_count],
        ["days", None, 7, "For how many days it is good.", a_count],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.rooms: list[str] = []

    def opt_room(self, room: str) -> None:
        """A private room to which it invites, like '&class'; once more for another one."""
        self.rooms.append(room)

    def parseArgs(self, *words: str) -> None:
        self["words"] = words

    def postOptions(self) -> None:
        self["order"] = orders.invite(self["words"], self)


class PolicyOptions(CommandOptions):
    """The options of ``policy``."""

    synopsis = "[options] [NAME VALUE] [TOPIC]"
    longdesc = (
        "Shows what was decided about the whole cluster, or about a TOPIC; or decides it. direct: who may "
        "begin conversations (all; staff: one side is a moderator or admin; off). keep: how long posts are "
        "kept (for ever, or 90d). signup: who may register a name (open, code, closed)."
    )

    def parseArgs(self, *words: str) -> None:
        self["order"] = orders.policy(words)


class PurgeOptions(CommandOptions):
    """The options of ``purge``."""

    synopsis = "[options] ROOM NAME"
    longdesc = "Takes back all that a user has said in a ROOM so far, for ever; they may go on."
    optParameters: list[list[Any]] = [["reason", None, "", "Told to them, and to moderators."]]

    def parseArgs(self, *words: str) -> None:
        self["words"] = words

    def postOptions(self) -> None:
        self["order"] = orders.purge(self["words"], self)


class DrainOptions(CommandOptions):
    """The options of ``drain``."""

    synopsis = "[options] HOST"
    longdesc = (
        "Moves all sessions of a host to others and stops what runs there, so that it can be taken away."
    )

    def parseArgs(self, *hosts: str) -> None:
        if len(hosts) != 1:
            raise usage.UsageError("drain takes one host, as chatnet status calls it: chatnet drain HOST.")
        if not (is_text(hosts[0]) and len(hosts[0]) <= MAX_HOST):
            raise usage.UsageError(f"{legible(hosts[0], 40)} is no host's name.")
        self["host"] = hosts[0]


class MigrateOptions(VersionedOptions):
    """The options of ``migrate``."""

    longdesc = (
        "Copies the log of a stopped cluster into an empty PostgreSQL database, and compares both. Broken "
        "off, it goes on when it is run again."
    )
    optParameters = [
        ["from", None, USUAL_DATA, "The data directory of the cluster; it must not run."],
        ["to", None, None, "The database: postgresql://HOST/DATABASE. [default: CHATNET_STORE]", a_store],
    ]


class FileOptions(VersionedOptions):
    """The options of commands that read a store, or one file of a backup."""

    _command = ""
    optParameters = [
        ["data", None, USUAL_DATA, "The data directory, without FILE."],
        ["store", None, None, "A database instead: postgresql://… [default: CHATNET_STORE]", a_store],
    ]

    def parseArgs(self, *files: str) -> None:
        if len(files) > 1:
            raise usage.UsageError(f"{self._command} takes one file: chatnet {self._command} FILE.")
        self["file"] = files[0] if files else None


class CheckOptions(FileOptions):
    """The options of ``check``."""

    synopsis = "[options] [FILE]"
    longdesc = (
        "Looks whether a log is whole, and whether all that is kept beside its entries follows from them. A "
        "cluster may run meanwhile. FILE is a store or a data directory, as of a backup."
    )

    _command = "check"


class LogOptions(FileOptions):
    """The options of ``log``."""

    synopsis = "[options] [FILE]"
    longdesc = (
        "Prints entries of the log, the newest last: seq, time, kind, user, room, key and text, with tabs "
        "between them. A cluster may run meanwhile. FILE is a store or a data directory, as of a backup."
    )
    optParameters = [
        ["seq", None, None, "The entry of this seq.", a_count],
        ["key", None, None, "The entry of this key, in hexadecimal digits."],
        ["user", None, None, "Entries of this user."],
        ["kinds", None, "", "Entries of these kinds, with commas: post, join, …"],
        ["newest", None, 20, "How many, at most.", a_count],
    ]
    optFlags = [["follow", None, "Go on with each new one, until Ctrl-C."]]

    _command = "log"


class ErasedOptions(FileOptions):
    """The options of ``erased``."""

    synopsis = "[options] [FILE]"
    longdesc = (
        "Prints the list of what was taken back: which posts, by user and key, and of whom and where. Keep "
        "it beside backups: “chatnet restore” has all of it taken back again in a backup that was put back. "
        "A cluster may run meanwhile. FILE is a store or a data directory, as of a backup."
    )
    optParameters = [
        ["into", None, None, "Add what is new to this list, and print nothing of it: as often as you like."]
    ]

    _command = "erased"


class RestoreOptions(VersionedOptions):
    """The options of ``restore``."""

    synopsis = "[options] --erased FILE"
    longdesc = (
        "Has what was taken back after a backup taken back again, once that backup was put back, and before "
        "masters are started on it. FILE is what chatnet erased printed, or a copy of DATA/erased."
    )
    optParameters = [
        ["erased", None, None, "The list."],
        ["data", None, "chatnet-data", "The data directory; no master may run."],
        ["store", None, None, "A database instead: postgresql://… [default: CHATNET_STORE]", a_store],
    ]

    def postOptions(self) -> None:
        if self["erased"] is None:
            raise usage.UsageError("restore takes a list: chatnet restore --erased FILE.")


GENERAL = ("--help", "--version")
"""The options that make sense without a command."""


COMMANDS: list[list[Any]] = [
    ["status", None, StatusOptions, "Show what the cluster is doing."],
    ["stop", None, StopOptions, "Stop the whole cluster."],
    ["drain", None, DrainOptions, "Empty a host, so that it can be taken away."],
    ["admin", None, AdminOptions, "Make a user an admin."],
    ["role", None, RoleOptions, "Give a user a role, in a room or in the cluster."],
    ["signup", None, SignupOptions, "Say who may register a new name."],
    ["invite", None, InviteOptions, "Print a code with which new names can be registered."],
    ["policy", None, PolicyOptions, "Show or set what holds for all users, or in a topic."],
    ["user", None, UserOptions, "List users; ban or mute one, let them in again, export or forget them."],
    ["purge", None, PurgeOptions, "Take back all that a user said in a room."],
    ["level", None, LevelOptions, "Show what all processes understand, or raise the log to that."],
    ["stepdown", None, StepDownOptions, "Have the primary hand over to a replica."],
    ["migrate", None, MigrateOptions, "Copy an embedded store into PostgreSQL."],
    ["check", None, CheckOptions, "Look whether the log is whole."],
    ["log", None, LogOptions, "Print entries of the log."],
    ["erased", None, ErasedOptions, "Print the list of what was taken back."],
    ["restore", None, RestoreOptions, "Take back again what a backup that was put back has again."],
]
NAMES: list[str] = [name for name, *_ in COMMANDS]


class Options(VersionedOptions):
    """The command, and its options."""

    synopsis = "Usage: chatnet COMMAND [options]"
    subCommands = COMMANDS

    def getSynopsis(self) -> str:
        """Return how it is used; of a command's own help, the beginning."""
        return "Usage: chatnet" if self.subCommand else self.synopsis

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Accept options before or after the command, which then checks whether it takes them."""
        found, others = sort_out(_Any(list(self.subCommands)), sys.argv[1:] if options is None else options)
        if others and others[0] not in NAMES:
            raise usage.UsageError(f"Unknown command: {legible(others[0], 40)}.{meant(others[0], NAMES)}")
        if others:
            super().parseOptions([others[0], *found, "--", *others[1:]])
        else:
            super().parseOptions([option for option in found if option in GENERAL])

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise usage.UsageError(f"Say what to do: chatnet {', '.join(NAMES[:-1])} or {NAMES[-1]}.")


class _Any:
    """The options of all commands."""

    def __init__(self, commands: list[Any]) -> None:
        each = [parser() for _, _, parser, _ in commands]
        self.shortOpt = "".join(options.shortOpt for options in each)
        self.longOpt: Sequence[str] = list(
            dict.fromkeys(name for options in each for name in options.longOpt)
        )
