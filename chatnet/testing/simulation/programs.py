"""The programs that a simulated host has, by name: each makes its service from the command line."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from importlib import import_module

from twisted.application.service import IService
from twisted.python import usage

from chatnet.world import World

Program = Callable[[Sequence[str], World], IService]
"""Makes a process's service from its arguments and its world."""


def plugin(module: str) -> Program:
    """The twistd program whose ``Options`` and ``build`` are in ``module``, as twistd would make it."""

    def make(arguments: Sequence[str], world: World) -> IService:
        tap = import_module(module)
        options = tap.Options()
        try:
            options.parseOptions(list(arguments))
        except usage.UsageError as error:
            raise SystemExit(str(error)) from error
        service: IService = tap.build(options, world)
        return service

    return make


PROGRAMS = {
    "chat-master": plugin("chatnet.master.tap"),
    "chat-worker": plugin("chatnet.worker.tap"),
    "chat-client": plugin("chatnet.client.tap"),
}


def parse(argv: Sequence[str], programs: dict[str, Program]) -> tuple[str, Sequence[str]]:
    """The name of the program that ``argv`` runs, and its arguments: what stands before is twistd's.

    :raises FileNotFoundError: there is no such program.
    """
    for at, word in enumerate(argv):
        if word in programs:
            return word, argv[at + 1 :]
    raise FileNotFoundError(errno.ENOENT, "No such program", " ".join(argv))
