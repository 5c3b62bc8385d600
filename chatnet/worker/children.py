"""The workers of this host that this one keeps running or stops, as the primary commands."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.listeners import tell_all
from chatnet.options import find_pair, tls_words
from chatnet.rights import secure_data
from chatnet.supervisor import Supervisor, twistd
from chatnet.telemetry import ChildDied, Event
from chatnet.web_options import Web
from chatnet.world import Files, Processes, World


class _Neighbour(NamedTuple):
    pid: int
    started: int


class Children:
    """The children of a worker, and other workers of this host that the primary wants killed."""

    _logger = Logger()

    def __init__(self, supervisor: Supervisor, logs: Path, files: Files, processes: Processes) -> None:
        self._supervisor = supervisor
        self._logs = logs
        self._files = files
        self._processes = processes

    def keep(self, count: int) -> None:
        """Keep ``count`` children running from now on; stop those beyond that."""
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
        self._supervisor.keep(count)
        while self._supervisor.count > count:
            self._supervisor.drop()

    def kill(self, pid: int, started: int) -> None:
        """Kill the process ``pid`` of this host, if it is the one that was started at ``started``."""
        if self._processes.signal(_Neighbour(pid, started), signal.SIGKILL):
            self._logger.warn("Killed worker (pid {pid}): the primary says that it hangs", pid=pid)

    async def stop(self) -> None:
        """Stop all children, and wait for them."""
        await self._supervisor.stop()


def make_children(
    options: Mapping[str, Any], masters: Sequence[Address], web: Callable[[], Web], world: World
) -> Children:
    """Return a keeper of local workers that has none so far; ``web()`` is what holds for the page here."""
    logs = world.directory / options["data"] / "log"

    def said(event: Event) -> None:
        if isinstance(event, ChildDied):
            log.info("{what}; another one is started", what=event.what)

    log = Logger(namespace=__name__)
    supervisor = Supervisor(
        "worker",
        command=lambda: _command(options, masters, web(), world),
        logs=logs,
        clocks=world.clocks,
        files=world.files,
        environ=world.environ,
        tell=tell_all(world.tell, said),
    )
    return Children(supervisor, logs, world.files, world.processes)


def _command(options: Mapping[str, Any], masters: Sequence[Address], web: Web, world: World) -> list[str]:
    """Return the command line for a child: our own options, but on any free port."""
    command = twistd(world.executable, "chat-worker", "--spawned", str(world.processes.own_pid()))
    command += ["--master", ",".join(map(str, masters)), "--listen", str(Address(options["listen"].host, 0))]
    command += ["--data", options["data"], "--post-rate", str(options["post-rate"])]
    command += ["--new-names", str(options["new-names"])]
    if options["token-file"]:
        command += ["--token-file", options["token-file"]]
    if (ports := options["ports"]) is not None:
        command += ["--ports", f"{ports.start}-{ports.stop - 1}"]
    command += web.words()
    command += tls_words(find_pair(options, world.directory), bool(options["insecure"]))
    if options["advertise"]:
        command += ["--advertise", options["advertise"]]
    return command
