"""Commands as they are printed for somebody to run: with the options that they need.

A code never stands in them: what a command line holds, all users of its machine can read.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chatnet.addresses import MASTER_PORT, Address, is_local
from chatnet.options import USUAL_DATA, find_masters
from chatnet.world import World

_OF_FILES = ("check", "log")
_COMMAND = re.compile("“chatnet ([^”]+)”")
_GIVEN = {"master": None, "data": USUAL_DATA, "token-file": None}
"""The options that say which cluster is meant, each with its default. A store's URL may hold a password."""


def beside(executable: str, directory: Path, program: str) -> str:
    """Return how ``program``, which is beside the Python ``executable``, is called from ``directory``."""
    bin = Path(executable).parent
    return str(bin.relative_to(directory) / program) if bin.is_relative_to(directory) else program


@dataclass(frozen=True)
class ChatCommand:
    """How a client of a cluster is started. ``masters`` is empty if it finds them by itself; ``from_afar``
    is what names them from another machine, if that is something else."""

    twistd: str
    masters: str
    from_afar: str = ""

    @classmethod
    def of(cls, masters: Sequence[Address], world: World) -> ChatCommand:
        """Return the command for the cluster of these ``masters``.

        :raises CannotStart: what names a cluster's masters without an option is no address.
        """
        usual = find_masters(None, replace(world, environ={}))
        is_usual = [master.place for master in masters] == [master.place for master in usual]
        afar = ""
        if all(is_local(master.host) for master in masters):
            port = masters[0].port
            afar = "HOST" if port == MASTER_PORT else f"HOST:{port}"
        named = "" if is_usual else ",".join(map(str, masters))
        return cls(beside(world.executable, world.directory, "twistd"), named, afar)

    def to_run(self, *words: str) -> str:
        """Return the command line with these ``words`` behind it."""
        where = ["--master", shlex.quote(self.masters)] if self.masters else []
        return " ".join([self.twistd, "-n", "chat-client", *where, *words])

    def with_code(self, name: str) -> list[str]:
        """Return lines that say how a code is used for ``name``."""
        lines = [f"This asks for it: {self.to_run(name, '--with-code')}"]
        if self.from_afar:
            lines.append(f"From another machine, with --master {self.from_afar}, where HOST is this one.")
        return lines


def about_the_same(text: str, options: Mapping[str, Any], world: World) -> str:
    """Return ``text``, in which each command of the operator's that stands in quotation marks is called as
    from here, and has the options that say which cluster is meant, as they were given to this one."""
    given = [
        f"--{name} {shlex.quote(str(options[name]))}"
        for name, usual in _GIVEN.items()
        if options.get(name) not in (None, usual)
    ]
    if options.get("insecure"):
        given.append("--insecure")
    program = beside(world.executable, world.directory, "chatnet")

    def completed(found: re.Match[str]) -> str:
        # A command about the store is about the one that was read.
        file = [shlex.quote(options["file"])] if found[1] in _OF_FILES and options.get("file") else given
        return f"“{' '.join([program, found[1], *file])}”"

    return _COMMAND.sub(completed, text)
