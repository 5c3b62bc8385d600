"""``chatnet COMMAND``: the operator's commands, their options, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import react
from twisted.protocols.amp import RemoteAmpError
from twisted.python import usage

from chatnet.addresses import Address
from chatnet.auth import find_token
from chatnet.command_lines import ChatCommand, about_the_same
from chatnet.errors import CannotStart, ChatnetError
from chatnet.net.approach import Approach
from chatnet.operator import orders
from chatnet.operator.check import check
from chatnet.operator.drain import drain
from chatnet.operator.erased import print_list, take_back_again
from chatnet.operator.export import export
from chatnet.operator.level import raise_level, show_level
from chatnet.operator.log import LogReader, Wanted
from chatnet.operator.migrate import migrate
from chatnet.operator.primary_link import find_cluster, operators_approach, reach
from chatnet.operator.status import as_json, as_table, ask_status
from chatnet.operator.stepdown import step_down
from chatnet.operator.stop import stop
from chatnet.operator.watch import watch
from chatnet.options import (
    INSECURE,
    MASTER_HELP,
    STORE_VARIABLE,
    USUAL_DATA,
    VersionedOptions,
    a_count,
    a_store,
    a_time,
    as_sentence,
    sort_out,
)
from chatnet.output import printing, shown
from chatnet.text import harmless, is_text, legible, meant
from chatnet.wire.cluster import MAX_HOST
from chatnet.world import World
from chatnet.world.real import real_world


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

    synopsis = "[options] ban|mute|unban|disable|enable|add|reset|export|forget NAME [ROOM]"
    longdesc = (
        "Keeps a user out of a ROOM, or, without one, out of the whole cluster, which ends all their "
        "sessions; or only from speaking; or lets them in again. disable is a ban that no moderator lifts. "
        "add prints a code with which NAME can be registered; reset ends all that lets NAME in, and prints a "
        "code with which its owner sets a new secret: both are good once, within 24 h. export prints "
        "everything that is kept of them, as lines of JSON. forget takes back all that they ever said, and "
        "ends the account."
    )
    optFlags = [
        ["purge", None, "With ban: take back all that they have said there, as well."],
        ["yes", None, "With forget: do it, though it cannot be undone."],
    ]
    optParameters: list[list[Any]] = [
        ["for", None, None, "For how long: 30m, 12h, 7d. [default: for ever]", a_time],
        ["reason", None, "", "Told to them, and to moderators."],
        ["store", None, None, "For export, a database: postgresql://… [default: CHATNET_STORE]", a_store],
    ]

    def parseArgs(self, *words: str) -> None:
        self["words"] = words

    def postOptions(self) -> None:
        self["exports"] = orders.exported(self["words"])
        self["order"] = [] if self["exports"] else orders.user(self["words"], self)


class SignupOptions(CommandOptions):
    """The options of ``signup``."""

    synopsis = "[options] open|code|closed"
    longdesc = (
        "Says who may register a new name: anybody; who has a code (chatnet invite); or only those for whom "
        "chatnet user add has made one."
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
        ["room", None, "", "A private room to which it invites, like '&class'."],
    ]

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

    _command = "erased"


class RestoreOptions(usage.Options):
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
    ["user", None, UserOptions, "Ban or mute a user, let them in again, export or forget them."],
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


async def run(command: str, options: CommandOptions, world: World) -> None:
    """Run one command.

    :raises CannotStart: it cannot be done, for the reason in the sentence.
    """
    masters = find_cluster(options["master"], Path(options["data"]), world)
    token = find_token(world.files, world.environ, options["token-file"], Path(options["data"]))
    approach = operators_approach(token, bool(options["insecure"]), world)
    try:
        if command == "status" and options["watch"]:
            await watch(masters, approach, world, partial(about_the_same, options=options))
        else:
            await _ask(command, options, masters, approach, world)
    except (ChatnetError, RemoteAmpError) as refused:
        raise CannotStart(f"The primary cannot do this: {refused}") from refused


async def _ask(
    command: str, options: CommandOptions, masters: Sequence[Address], approach: Approach, world: World
) -> None:
    master, link = await reach(masters, approach, world)
    try:
        if command == "status":
            status = await ask_status(link)
            about = partial(about_the_same, options=options)
            world.stdio.say(as_json(status) if options["json"] else as_table(status, about))
            link.abort()
        elif command == "drain":
            world.stdio.say(await drain(options["host"], masters, approach, link, world))
        elif isinstance(options.get("order"), orders.Listed):
            world.stdio.say(await orders.policies(link, options["order"]))
            link.abort()
        elif isinstance(options.get("order"), orders.Coded):
            chat = ChatCommand.of(masters, world)
            world.stdio.say(await orders.make_code(link, options["order"], chat, world))
            link.abort()
        elif command in ("admin", "role", "user", "purge", "policy", "signup"):
            async for done in orders.give(link, options["order"], world):
                world.stdio.say(about_the_same(done, options))
            link.abort()
        elif command == "level":
            level = await (raise_level(link) if options["up"] else show_level(link))
            world.stdio.say(about_the_same(level, options))
            link.abort()
        elif command == "stepdown":
            world.stdio.say(await step_down(masters, approach, link, world))
        else:
            await stop(master, link, world)
            world.stdio.say("The cluster has stopped.")
    except ConnectionClosed as lost:
        raise CannotStart(
            f"The master at {master} went away, or fell silent, before it answered: ask again."
        ) from lost


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program ``chatnet``. Ends with :class:`SystemExit`, or as SIGPIPE does."""
    world = real_world()
    with shown(world):
        options = Options()
        try:
            with printing():
                options.parseOptions(sys.argv[1:] if arguments is None else arguments)
        except usage.UsageError as error:
            raise SystemExit(f"chatnet: {as_sentence(error)} See chatnet --help.") from error
        command: Any = options.subCommand
        if command == "migrate":
            _migrate(options.subOptions, world)
        elif command == "check":
            _check(options.subOptions, world)
        elif command == "log":
            _log(options.subOptions, world)
        elif command == "erased":
            _erased(options.subOptions, world)
        elif command == "restore":
            _restore(options.subOptions, world)
        elif command == "user" and options.subOptions["exports"]:
            _export(options.subOptions, world)
        else:
            react(
                lambda _: Deferred.fromCoroutine(
                    _attempt(run(command, options.subOptions, world), options.subOptions, world)
                ),
                (),
            )


@contextmanager
def _ended_in_a_sentence(
    options: Mapping[str, Any], world: World, broken_off: str = "Broken off."
) -> Iterator[None]:
    """Report an error as a sentence, with status 1; the same for Ctrl-C, where no reactor runs."""
    try:
        yield
    except CannotStart as cannot:
        world.stdio.error(about_the_same(harmless(str(cannot)), options))
        raise SystemExit(1) from cannot
    except KeyboardInterrupt:
        world.stdio.error(broken_off)
        raise SystemExit(1) from None


def _migrate(options: Any, world: World) -> None:
    """Migrate without a reactor: it blocks."""
    with _ended_in_a_sentence(options, world, "Broken off: run this again, and it goes on from there."):
        url = options["to"] or world.environ.get(STORE_VARIABLE)
        if not url:
            raise CannotStart("Say where to: --to postgresql://HOST/DATABASE, or CHATNET_STORE.")
        world.stdio.say(migrate(Path(options["from"]), url, world))


def _check(options: Any, world: World) -> None:
    """Check without a reactor: it blocks."""
    with _ended_in_a_sentence(options, world):
        world.stdio.say(check(options["file"], Path(options["data"]), _store_url(options, world), world))


def _erased(options: Any, world: World) -> None:
    """Print the list without a reactor: it blocks."""
    with _ended_in_a_sentence(options, world):
        print_list(options["file"], Path(options["data"]), _store_url(options, world), world)


def _restore(options: Any, world: World) -> None:
    """Take back again without a reactor: it blocks."""
    with _ended_in_a_sentence(options, world, "Broken off: run this again."):
        file, data = Path(options["erased"]), Path(options["data"])
        world.stdio.say(take_back_again(file, data, _store_url(options, world), world))


def _export(options: Any, world: World) -> None:
    """Print what is kept of a user, without a reactor: it blocks."""
    with _ended_in_a_sentence(options, world):
        export(options["exports"], Path(options["data"]), _store_url(options, world), world)


def _log(options: Any, world: World) -> None:
    """Print entries; this blocks. ``--follow`` then continues in the reactor."""
    with _ended_in_a_sentence(options, world):
        kinds = [kind for kind in options["kinds"].split(",") if kind]
        wanted = Wanted(options["seq"], options["key"], options["user"], kinds)
        url = _store_url(options, world)
        log = LogReader(wanted, options["file"], Path(options["data"]), url, world)
        head = log.head()
        found = log.newest(options["newest"], head)
        if not (found or options["follow"]):
            raise CannotStart("No entry of the log is as you asked.")
        log.show(found)
        if not (log.is_whole or options["follow"]):
            raise CannotStart("What cannot be read is left out; “chatnet check” says more.")
    if options["follow"]:
        react(lambda _: Deferred.fromCoroutine(_attempt(log.follow(head), options, world)), ())


def _store_url(options: Any, world: World) -> str:
    return options["store"] or world.environ.get(STORE_VARIABLE) or ""


async def _attempt(doing: Coroutine[Any, Any, object], options: Mapping[str, Any], world: World) -> None:
    with shown(world), _ended_in_a_sentence(options, world):
        await doing


if __name__ == "__main__":
    main()
