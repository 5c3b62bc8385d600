"""WeeChat without a screen: commands come by its FIFO."""

from __future__ import annotations

import os
import subprocess

from rigs.irc_clients.client import TOPIC, Client, program
from rigs.irc_clients.told import told, without_authority
from rigs.irc_clients.transcript import Transcript

_SAID = r"[^\t]*\t(?:[@+]?|--\tNotice\()(?P<author>\w+)(?:\t|\): )(?P<text>.*)"


class WeeChat(Client):
    NAME = "WeeChat"

    def start(self) -> None:
        headless = program("weechat-headless", "weechat-headless weechat-plugins")
        version = subprocess.check_output([headless, "--version"], text=True)
        self.fifo = self.home / "fifo"
        self.transcript = Transcript(self.home / "logs" / f"irc.chatnet.{TOPIC}.weechatlog", _SAID)
        words = {
            "chat.example.org/6667": f"localhost/{self.port}",
            "alice": self.name,
            "PASSWORD": self.password,
        }
        *settings, connect = told(self.NAME, words)
        settings += [without_authority(self.NAME)]
        if int(version.split(".")[0]) < 4:
            # As the document says.
            settings = [line.replace("-tls", "-ssl").replace(".tls_", ".ssl_") for line in settings]
        lines = ["/set logger.file.flush_delay 0", f"/set fifo.file.path {self.fifo}", *settings, connect]
        runs = [word for line in lines for word in ("--run-command", line)]
        with (self.home / "output").open("wb") as output:
            self.process = self._cluster.popen(headless, "--dir", str(self.home), *runs, stdout=output)

    def join(self) -> None:
        self._type("server.chatnet", f"/join {TOPIC}")

    def quote(self, line: str) -> None:
        self._type("server.chatnet", f"/quote {line}")

    def say(self, text: str) -> None:
        self._type(f"chatnet.{TOPIC}", text)

    def _type(self, buffer: str, text: str) -> None:
        try:
            # It opens its end before it connects, and without one who reads there is nothing to wait for.
            fifo = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return
        try:
            os.write(fifo, f"irc.{buffer} *{text}\n".encode())
        finally:
            os.close(fifo)
