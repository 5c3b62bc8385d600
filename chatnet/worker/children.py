"""The workers and fronts of this host that this one keeps running or stops, as the primary commands."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.irc_options import IrcOptions
from chatnet.listeners import tell_all
from chatnet.options import find_pair, tls_words
from chatnet.rights import secure_data
from chatnet.supervisor import Supervisor, twistd
from chatnet.telemetry import ChildDied, Event
from chatnet.web_options import Web
from chatnet.wire.cluster import CHAT, IRC
from chatnet.world import Files, Processes, World


class _Neighbour(NamedTuple):
    pid: int
    started: int


class Children:
    """The children of a worker, by what they serve, and other workers of this host that the primary wants
    killed. Nothing is kept for which there is no supervisor."""

    _logger = Logger()

    def __init__(
        self, supervisors: Mapping[str, Supervisor], logs: Path, files: Files, processes: Processes
    ) -> None:
        self._supervisors = supervisors
        self._logs = logs
        self._files = files
        self._processes = processes

    def keep(self, serves: str, count: int) -> None:
        """Keep ``count`` children running from now on that serve this; stop those beyond that."""
        supervisor = self._supervisors.get(serves)
        if supervisor is None:
            return
        try:
            secure_data(self._files, self._logs.parent)
            self._files.make_directory(self._logs)
        except OSError as error:
            self._logger.critical(
                "No worker can be started here: {logs} cannot be made ({why})",
                logs=self._logs,
                why=error.strerror,
            )
            return
        except CannotStart as cannot:
            self._logger.critical("No worker can be started here: {why}", why=cannot)
            return
        supervisor.keep(count)
        while supervisor.count > count:
            supervisor.drop()

    def kill(self, pid: int, started: int) -> None:
        """Kill the process ``pid`` of this host, if it is the one that was started at ``started``."""
        if self._processes.signal(_Neighbour(pid, started), signal.SIGKILL):
            self._logger.warn("Killed worker (pid {pid}): the primary says that it hangs", pid=pid)

    async def stop(self) -> None:
        """Stop all children, and wait for them: one kind after the other."""
        for supervisor in self._supervisors.values():
            await supervisor.stop()


def make_children(
    options: Mapping[str, Any],
    masters: Sequence[Address],
    web: Callable[[], Web],
    irc: Callable[[], IrcOptions],
    world: World,
) -> Children:
    """Return a keeper of local workers and IRC fronts that has none so far; ``web()`` is what holds for the
    page here, ``irc()`` for IRC. The fronts are the last to stop."""
    logs = world.directory / options["data"] / "log"

    def said(event: Event) -> None:
        if isinstance(event, ChildDied):
            log.info("{what}; another one is started", what=event.what)

    def supervisor(kind: str, command: Callable[[], list[str]]) -> Supervisor:
        return Supervisor(
            kind,
            command=command,
            logs=logs,
            clocks=world.clocks,
            files=world.files,
            environ=world.environ,
            tell=tell_all(world.tell, said),
        )

    log = Logger(namespace=__name__)
    supervisors = {
        CHAT: supervisor("worker", lambda: _command(options, masters, web(), irc(), world)),
        IRC: supervisor("front", lambda: _front_command(options, masters, irc(), world)),
    }
    return Children(supervisors, logs, world.files, world.processes)


def no_children(world: World) -> Children:
    """Return what keeps nothing, for a front; but it may have to kill others."""
    return Children({}, world.directory, world.files, world.processes)


def _command(
    options: Mapping[str, Any], masters: Sequence[Address], web: Web, irc: IrcOptions, world: World
) -> list[str]:
    """Return the command line for a worker: our own options, but on any free port."""
    command = twistd(world.executable, "chat-worker", *_always(options, masters, world))
    command += ["--listen", str(Address(options["listen"].host, 0))]
    if (ports := options["ports"]) is not None:
        command += ["--ports", f"{ports.start}-{ports.stop - 1}"]
    command += [*web.words(), *irc.keepers_words()]
    if options["advertise"]:
        command += ["--advertise", options["advertise"]]
    return command


def _front_command(
    options: Mapping[str, Any], masters: Sequence[Address], irc: IrcOptions, world: World
) -> list[str]:
    """Return the command line for an IRC front: our own options, as far as they matter there."""
    return [*twistd(world.executable, "chat-front", *_always(options, masters, world)), *irc.words()]


def _always(options: Mapping[str, Any], masters: Sequence[Address], world: World) -> list[str]:
    words = ["--spawned", str(world.processes.own_pid()), "--master", ",".join(map(str, masters))]
    words += ["--data", options["data"], "--post-rate", str(options["post-rate"])]
    words += ["--new-names", str(options["new-names"])]
    if options["token-file"]:
        words += ["--token-file", options["token-file"]]
    return [*words, *tls_words(find_pair(options, world.directory), bool(options["insecure"]))]
