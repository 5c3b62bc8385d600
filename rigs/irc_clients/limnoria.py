"""Limnoria, a bot, with a plugin that answers ``!ping``."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from rigs.irc_clients.client import TOPIC, Client, NoClient, example
from rigs.irc_clients.told import told
from rigs.irc_clients.transcript import Transcript

_SAID = r"\S+  [<-](?P<author>\w+)[>-] (?P<text>.*)"


class Limnoria(Client):
    NAME = "Limnoria"
    IS_BOT = True

    def start(self) -> None:
        if find_spec("supybot") is None:
            raise NoClient("Limnoria is not installed: make .venv/developed.")
        plugin = self.home / "plugins" / "Ping"
        plugin.mkdir(parents=True)
        shutil.copy(example("limnoria_ping.py"), plugin / "__init__.py")
        words = {
            "chat.example.org:6667": f"localhost:{self.port}",
            "teabot": self.name,
            "PASSWORD": self.password,
        }
        lines = [
            f"supybot.nick: {self.name}",
            "supybot.networks: chatnet",
            *told(self.NAME, words),
            f"supybot.networks.chatnet.channels: {TOPIC}",
            *(
                f"supybot.directories.{kind}: {self.home / kind}"
                for kind in ("backup", "conf", "data", "log")
            ),
            f"supybot.directories.data.tmp: {self.home / 'tmp'}",
            f"supybot.directories.data.web: {self.home / 'web'}",
            f"supybot.directories.plugins: {self.home / 'plugins'}",
            "supybot.plugins: ChannelLogger Ping",
            "supybot.plugins.ChannelLogger: True",
            "supybot.plugins.ChannelLogger.flushImmediately: True",
            "supybot.plugins.Ping: True",
        ]
        config = self.home / "bot.conf"
        config.write_text("".join(f"{line}\n" for line in lines))
        log = self.home / "log" / "ChannelLogger" / "chatnet" / TOPIC / f"{TOPIC}.log"
        self.transcript = Transcript(log, _SAID)
        with (self.home / "output").open("wb") as output:
            options = ("--allow-root", "--disable-multiprocessing")
            self.process = self._cluster.popen("limnoria", *options, str(config), stdout=output)

    def join(self) -> None:
        """It does so by itself."""

    def say(self, text: str) -> None:
        raise NotImplementedError
