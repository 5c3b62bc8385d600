"""sopel, a bot, with a plugin that answers ``!ping``."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from rigs.irc_clients.client import TOPIC, Client, NoClient, example
from rigs.irc_clients.told import told, without_authority
from rigs.irc_clients.transcript import Transcript

_RUN = """\
import sys
from sopel.cli.run import run
from sopel.config import Config
sys.exit(run(Config(sys.argv[1]), sys.argv[2]))
"""
"""The program ``sopel start``, which will not run as root, as tests may."""
_SAID = rf"[^\t]*<<\t'(?:@\S+ )?:(?P<author>[^!]+)!\S+ (?:PRIVMSG|NOTICE) {TOPIC} :(?P<text>.*)\\r\\n'"


class Sopel(Client):
    NAME = "sopel"
    IS_BOT = True

    def start(self) -> None:
        if find_spec("sopel") is None:
            raise NoClient("sopel is not installed: make .venv/developed.")
        plugins = self.home / "plugins"
        plugins.mkdir()
        shutil.copy(example("sopel_ping.py"), plugins)
        words = {
            "chat.example.org": "localhost",
            "6667": str(self.port),
            "teabot": self.name,
            "PASSWORD": self.password,
        }
        lines = [
            *told(self.NAME, words),
            without_authority(self.NAME),
            "owner = nobody",
            "owner_account = nobody",
            "channels =",
            f'    "{TOPIC}"',
            f"homedir = {self.home}",
            f"extra = {plugins}",
            "enable =",
            "    coretasks",
            "    sopel_ping",
            "log_raw = true",
        ]
        config = self.home / "bot.cfg"
        config.write_text("".join(f"{line}\n" for line in lines))
        self.transcript = Transcript(self.home / "logs" / "bot.raw.log", _SAID)
        with (self.home / "output").open("wb") as output:
            words_of_python = ("-c", _RUN, str(config), str(self.home / "pid"))
            self.process = self._cluster.popen("python", *words_of_python, stdout=output)

    def join(self) -> None:
        """It does so by itself."""

    def say(self, text: str) -> None:
        raise NotImplementedError
