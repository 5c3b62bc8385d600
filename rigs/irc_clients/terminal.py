"""chatnet's own client at a terminal, beside the IRC clients: what it sees is what they are compared with."""

from __future__ import annotations

import threading
import time

from rigs.irc_clients.client import TOPIC, Speaker
from rigs.irc_clients.transcript import Heard
from rigs.processes import Cluster, NotInTime, Terminal


class Attended(Speaker):
    """A terminal in the topic, which is read all the time, by a thread of its own."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.name = name
        self._terminal: Terminal = cluster.terminal(name)
        self._terminal.type(f"JOIN {TOPIC}", f"CHAT {TOPIC}")
        self._terminal.expect(f"Joined {TOPIC}.")
        self._heard: list[Heard] = []
        threading.Thread(target=self._read, daemon=True).start()

    def say(self, text: str) -> None:
        self._terminal.type(text)

    def look(self, now: float) -> None:
        """Its own thread does."""

    @property
    def heard(self) -> list[Heard]:
        return list(self._heard)

    def _read(self) -> None:
        while True:
            try:
                line = self._terminal.lines.next()
            except NotInTime:
                continue
            except (EOFError, ValueError, OSError):  # the end of it, or of the test
                return
            author, colon, text = line.removeprefix(f"[{TOPIC}] ").partition(": ")
            if colon and " " not in author:
                self._heard.append(Heard(author, text, time.monotonic()))
