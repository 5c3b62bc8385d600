"""An IRC client as a process: how it is started, what it says and writes down, and its TCP connection."""

from __future__ import annotations

import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from rigs.irc_clients.transcript import Heard, Transcript
from rigs.processes import Cluster
from rigs.sockets import Connection, connection_to

TOPIC = "#tea"
"""Where all are, and talk."""


class NoClient(AssertionError):
    """A client is not installed on this machine."""


class Speaker(ABC):
    """Somebody who is in the topic: ``name`` is the account's."""

    name: str

    @abstractmethod
    def say(self, text: str) -> None:
        """Say it in the topic."""

    @abstractmethod
    def look(self, now: float) -> None:
        """Note what was heard since the last time."""

    @property
    @abstractmethod
    def heard(self) -> list[Heard]:
        """What others said in the topic, in the order in which it was written down."""


class Client(Speaker):
    """An IRC client of the cluster, connected to ``port``; its files are in a directory of its own."""

    NAME: ClassVar[str]
    """As docs/irc.md calls it."""
    IS_BOT: ClassVar[bool] = False
    """It says nothing by itself, and answers ``!ping``."""
    process: subprocess.Popen[bytes] | None = None
    transcript: Transcript

    def __init__(self, cluster: Cluster, port: int) -> None:
        self.name = self.NAME.lower().replace(" ", "")
        self.password = f"correct-horse-{self.name}"
        self.port = port
        self.home = cluster.root / self.name
        self.home.mkdir(parents=True)
        self._cluster = cluster

    @abstractmethod
    def start(self) -> None:
        """Start it, with the settings of docs/irc.md."""

    @abstractmethod
    def join(self) -> None:
        """Join the topic. It may not be logged in yet: then this does nothing, and is done again."""

    def quote(self, line: str) -> None:
        """Send a line of IRC as it is. Bots do not."""
        raise NotImplementedError

    def look(self, now: float) -> None:
        self.transcript.look(now)

    @property
    def heard(self) -> list[Heard]:
        return [one for one in self.transcript.heard if one.author != self.name]

    def connection(self) -> Connection | None:
        """Return its connection to the cluster, if it has one."""
        return None if self.process is None else connection_to(self.process.pid, self.port)


def program(name: str, packages: str) -> str:
    """Return where a program is.

    :raises NoClient: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise NoClient(f"{name} is not installed: apt-get install {packages}.")
    return found


def example(name: str) -> Path:
    """Return a plugin of docs/examples."""
    return Path(__file__).parents[2] / "docs" / "examples" / name
