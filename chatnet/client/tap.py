"""The options of ``twistd -n chat-client``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from chatnet.client.identity import config_directory
from chatnet.client.service import build
from chatnet.codes import FORM, looks_like_code
from chatnet.errors import BadName, BadText, CannotStart
from chatnet.form import check_label
from chatnet.logs import logged
from chatnet.names import fold_name
from chatnet.options import MASTER_HELP, ProgramOptions
from chatnet.world import World
from chatnet.world.real import real_world


class Options(ProgramOptions):
    """``twistd -n chat-client [options] NAME``; the options may also come after the name."""

    program = "chat-client"
    synopsis = "[options] NAME"
    longdesc = "Talk on a chatnet cluster as NAME. A name that is free becomes yours."

    optParameters = [
        ["master", "m", None, MASTER_HELP],
        ["code", None, None, "The same code, where all users of this machine can read it: for scripts."],
        ["device", None, None, "What you call this device, for SESSIONS. [default: this host's name]"],
    ]
    optFlags = [
        ["password", None, "Log in by the password you set with PASSWORD elsewhere; it is asked for."],
        [
            "with-code",
            None,
            "Log in by a code: for a new name, for a new secret, or from PAIR on another device. It is asked "
            "for, unless CHATNET_CODE has it.",
        ],
        ["plain", None, "Plain lines, even on a terminal."],
        ["times", None, "Plain lines begin each post with its date and time."],
        [
            "insecure",
            None,
            "Speak plainly, to other machines, too: whoever is on the way can read it.",
        ],
        ["same-cluster", None, "The master is of the cluster that you know, at an address that you do not."],
    ]

    def parseArgs(self, *names: str) -> None:
        if len(names) != 1:
            raise usage.UsageError("chat-client takes one name: twistd -n chat-client [options] NAME.")
        try:
            self["name"] = fold_name(names[0])
        except BadName as error:
            raise usage.UsageError(str(error)) from error

    def postOptions(self) -> None:
        """Keep the client on its terminal, and twistd's own log off it."""
        if self["code"] is not None and not looks_like_code(self["code"]):
            raise usage.UsageError(FORM)
        if self["password"] and (self["with-code"] or self["code"]):
            raise usage.UsageError("One logs in by a password or by a code: leave one of them out.")
        try:
            check_label(self["device"] or "")
        except BadText as error:
            raise usage.UsageError(str(error)) from error
        parent: Any = self.parent
        if parent is None:
            return
        parent["nodaemon"] = True
        if parent.get("pidfile") == "twistd.pid":
            parent["pidfile"] = ""
        world = real_world()
        if parent.get("logfile") is None:
            parent["logfile"] = _make_log(world, self["name"])
        elif parent["logfile"] != "-":
            _try_log(world, Path(parent["logfile"]))
        super().postOptions()


def makeService(options: Options) -> IService:
    world = real_world()
    world.processes.end_in_order(world.reactor)
    return logged(build(options, world), options)


def _make_log(world: World, name: str) -> str:
    """Return the path of a private file for twistd's log.

    :raises CannotStart: it cannot be made.
    """
    path = config_directory(world.environ) / f"client-{name}.log"
    try:
        world.files.make_directory(path.parent)
        world.files.close(world.files.append_to(path))
    except OSError as error:
        raise CannotStart(
            f"The client's files cannot be kept in {path.parent} ({error.strerror}): make that place "
            "writable, or set XDG_CONFIG_HOME to one that is."
        ) from error
    return str(path)


def _try_log(world: World, path: Path) -> None:
    """:raises CannotStart: the requested log cannot be written."""
    try:
        world.files.close(world.files.append_to(path))
    except OSError as error:
        raise CannotStart(f"The log {path} cannot be written ({error.strerror}).") from error
