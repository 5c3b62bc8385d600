"""irssi, at a terminal of its own: it has no other way."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import threading

from rigs.irc_clients.client import TOPIC, Client, program
from rigs.irc_clients.told import told, without_authority
from rigs.irc_clients.transcript import Transcript

_ROWS, _COLUMNS = 50, 250
_SAID = rf"\d+ (?:<.|-)(?P<author>\w+)(?:>|:{TOPIC}-) (?P<text>.*)"


class Irssi(Client):
    NAME = "irssi"

    def start(self) -> None:
        self._master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        self.process = self._cluster.popen(
            program("irssi", "irssi"), f"--home={self.home}",
            stdin=terminal, stdout=terminal, environ={"TERM": "vt100"},
        )  # fmt: skip
        os.close(terminal)
        threading.Thread(target=self._show, daemon=True).start()
        logs = self.home / "logs"
        self.transcript = Transcript(logs / f"{TOPIC}.log", _SAID)
        self._type(f"/set autolog_path {logs}/$0.log", "/set log_timestamp %s ", "/set autolog on")
        words = {
            "-tls ": f"-tls {without_authority(self.NAME)} ",
            "chat.example.org 6667": f"localhost {self.port}",
            "alice": self.name,
            "PASSWORD": self.password,
        }
        self._type(*told(self.NAME, words))

    def join(self) -> None:
        self._type(f"/join {TOPIC}")

    def quote(self, line: str) -> None:
        self._type(f"/quote {line}")

    def say(self, text: str) -> None:
        self._type(f"/msg {TOPIC} {text}")

    def _type(self, *lines: str) -> None:
        os.write(self._master, "".join(f"{line}\r" for line in lines).encode())

    def _show(self) -> None:
        """Keep what it shows: it stops if nobody reads."""
        with (self.home / "screen").open("wb") as screen:
            while True:
                try:
                    screen.write(os.read(self._master, 65536))
                except OSError:  # it has ended
                    break
        os.close(self._master)
