"""``chatnet COMMAND``: runs the operator's commands, and ends as they do."""

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
from chatnet.operator.erased import add_to_list, print_list, take_back_again
from chatnet.operator.export import export
from chatnet.operator.level import raise_level, show_level
from chatnet.operator.log import LogReader, Wanted
from chatnet.operator.migrate import migrate
from chatnet.operator.options import CommandOptions, Options
from chatnet.operator.primary_link import find_cluster, operators_approach, reach
from chatnet.operator.status import as_json, as_table, ask_status
from chatnet.operator.stepdown import step_down
from chatnet.operator.stop import stop
from chatnet.operator.users import Listing, list_users
from chatnet.operator.watch import watch
from chatnet.options import (
    STORE_VARIABLE,
    as_sentence,
)
from chatnet.output import printing, shown
from chatnet.text import harmless
from chatnet.world import World
from chatnet.world.real import real_world


async def run(command: str, options: CommandOptions, world: World) -> None:
    """Run one command.

    :raises CannotStart: it cannot be done, for the reason in the sentence.
    """
    masters = find_cluster(options["master"], Path(options["data"]), world)
    token = find_token(world.files, world.environ, options["token-file"], Path(options["data"]))
    approach = operators_approach(token, bool(options["insecure"]), world)
    try:
        if command == "status" and options["watch"]:
            await watch(masters, approach, world, partial(about_the_same, options=options, world=world))
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
            about = partial(about_the_same, options=options, world=world)
            world.stdio.say(as_json(status) if options["json"] else as_table(status, about))
            link.abort()
        elif command == "drain":
            world.stdio.say(await drain(options["host"], masters, approach, link, world))
        elif isinstance(options.get("order"), orders.Listed):
            listed = await orders.policies(link, options["order"])
            world.stdio.say(about_the_same(listed, options, world))
            link.abort()
        elif isinstance(options.get("order"), orders.Coded):
            chat = ChatCommand.of(masters, world)
            code = await orders.make_code(link, options["order"], chat, world)
            world.stdio.say(about_the_same(code, options, world))
            link.abort()
        elif isinstance(options.get("order"), Listing):
            async for lines in list_users(link, options["order"], world):
                world.stdio.say(lines)
            link.abort()
        elif command in ("admin", "role", "user", "purge", "policy", "signup"):
            async for done in orders.give(link, options["order"], world):
                world.stdio.say(about_the_same(done, options, world))
            link.abort()
        elif command == "level":
            level = await (raise_level(link) if options["up"] else show_level(link))
            world.stdio.say(about_the_same(level, options, world))
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
        world.stdio.error(about_the_same(harmless(str(cannot)), options, world))
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
    """Print the list, or add to one, without a reactor: it blocks."""
    with _ended_in_a_sentence(options, world):
        where = options["file"], Path(options["data"]), _store_url(options, world), world
        if options["into"] is None:
            print_list(*where)
        else:
            world.stdio.say(add_to_list(Path(options["into"]), *where))


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
