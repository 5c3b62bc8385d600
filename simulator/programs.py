"""The programs of a simulated host, by name: each makes its service from the command line."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python import usage

from chatnet.errors import CannotStart
from chatnet.operator.__main__ import run
from chatnet.operator.options import Options
from chatnet.world import World
from simulator.hostile import Hostile
from simulator.relay import RELAY, Relay
from simulator.squatter import SQUATTER, Squatter
from simulator.users.offers import offers

Program = Callable[[Sequence[str], World], IService]
"""Makes a process's service from its arguments and its world."""


def _nothing(world: World) -> Sequence[Any]:
    return ()


def plugin(module: str, *always: str, more: Callable[[World], Sequence[Any]] = _nothing) -> Program:
    """Return the twistd program whose ``Options`` and ``build`` are in ``module``, as twistd would make it.

    The options ``always`` come before its arguments; ``build`` gets ``more``, of
    its world, after its own arguments.
    """

    def make(arguments: Sequence[str], world: World) -> IService:
        tap = import_module(module)
        options = tap.Options()
        try:
            options.parseOptions([*always, *arguments])
        except usage.UsageError as error:
            raise SystemExit(str(error)) from error
        service: IService = tap.build(options, world, *more(world))
        return service

    return make


class Operating(Service):
    """One command of the operator, from its start to its end."""

    def __init__(self, options: Options, world: World) -> None:
        self._options, self._world = options, world

    def startService(self) -> None:
        super().startService()
        Deferred.fromCoroutine(self._run()).addErrback(
            lambda why: Logger().failure("The command failed", why)
        )

    async def _run(self) -> None:
        command: Any = self._options.subCommand
        try:
            await run(command, self._options.subOptions, self._world)
        except CannotStart as cannot:
            self._world.stdio.error(str(cannot))
            self._world.processes.exit(1)
        self._world.processes.exit(0)


def operator(*always: str) -> Program:
    """Return the program ``chatnet``, which always gets these options."""

    def operate(arguments: Sequence[str], world: World) -> IService:
        options = Options()
        options.parseOptions([*arguments, *always])
        return Operating(options, world)

    return operate


def programs(encrypted: bool) -> dict[str, Program]:
    """Return all default programs of a host; ``encrypted``: they use TLS to other hosts."""
    how = () if encrypted else ("--insecure",)
    guests = "--irc-guests", "yes"
    return {
        "chatnet": operator(*how),
        "chat-master": plugin("chatnet.master.tap", "--new-names", "0", *guests, *how),
        "chat-worker": plugin(
            "chatnet.worker.tap", "--new-names", "0", *guests, *how, more=lambda world: [offers(world)]
        ),
        "chat-front": plugin("chatnet.worker.front_tap", "--new-names", "0", *how),
        "chat-client": plugin("chatnet.client.tap", *how),
        "hostile": partial(Hostile, encrypted=encrypted),
        SQUATTER: Squatter,
        RELAY: Relay,
    }


def parse(argv: Sequence[str], programs: dict[str, Program]) -> tuple[str, Sequence[str]]:
    """Return the name of the program that ``argv`` runs, and its arguments; words before it are twistd's.

    :raises FileNotFoundError: there is no such program.
    """
    for at, word in enumerate(argv):
        if word in programs:
            return word, argv[at + 1 :]
    raise FileNotFoundError(errno.ENOENT, "No such program", " ".join(argv))
