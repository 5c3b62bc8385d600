"""A whole client at a plain terminal, connected to a cluster in memory."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.testing import StringTransport

from chatnet.client.service import Client, build
from chatnet.limits import LIMITS, Limits
from chatnet.telemetry import unheard
from chatnet.testing.fake_cluster import Network
from chatnet.world import Processes, Stdio, World
from chatnet.world.real import RealFiles, RealTls

MASTER, WORKER = 64480, 2001
SINCE_1970 = 1_800_000_000.0
"""The wall clock's time when the reactor's is 0, in seconds: the reactor's clock begins elsewhere."""


class PipedTerminal(StringTransport):
    """Standard input and output as pipes."""

    def __init__(self, tty_password: str | None) -> None:
        super().__init__()
        self.tty_password = tty_password
        self.columns: int | None = None
        self.said: list[str] = []
        self.protocol: Any = None
        self.broken = self.full = False
        self.behind = b""
        self.echoes = True

    def is_terminal(self) -> bool:
        return self.tty_password is not None

    def attach(self, reactor: Any, protocol: Any) -> None:
        self.protocol = protocol
        protocol.makeConnection(self)

    def width(self) -> int | None:
        return self.columns

    def is_keyboard(self) -> bool:
        return self.tty_password is not None

    def encoding(self) -> str:
        return "utf-8"

    def is_file(self) -> bool:
        return self.full

    def unread(self) -> bytes:
        behind, self.behind = self.behind, b""
        return behind

    def echo(self, on: bool) -> None:
        self.echoes = on

    def restore(self) -> None:
        self.echoes = True

    def ask_password(self, prompt: str) -> str:
        assert self.tty_password is not None
        return self.tty_password

    def error(self, line: str) -> None:
        self.said.append(line)

    def loseConnection(self) -> None:
        super().loseConnection()
        if not self.broken and self.protocol is not None:
            protocol, self.protocol = self.protocol, None
            protocol.connectionLost(None)

    def break_output(self) -> None:
        """Lose the output's reader: Twisted reports it, and reports nothing when it is closed later."""
        self.broken = True
        self.protocol.writeConnectionLost()


class TrustingTls(RealTls):
    """Trusts these authorities where the real one trusts those of the machine."""

    def __init__(self, authorities: Sequence[x509.Certificate]) -> None:
        self._authorities = authorities

    def vouched_for(
        self, host: str, authorities: Sequence[x509.Certificate] | None = None
    ) -> IOpenSSLClientConnectionCreator:
        return super().vouched_for(host, self._authorities)


class Exits:
    """Records the exit status."""

    status: int | None = None

    def exit(self, status: int) -> None:
        self.status = status


class Person:
    """A client, and the person who uses it. ``wrong``: how many seconds the clock on their wall is fast."""

    def __init__(
        self,
        network: Network,
        directory: Path,
        *,
        tty_password: str | None = None,
        seed: int = 1,
        authorities: Sequence[x509.Certificate] = (),
        limits: Limits = LIMITS,
        environ: Mapping[str, str] | None = None,
        wrong: float = 0.0,
        **options: Any,
    ) -> None:
        self.network = network
        self.stdio = PipedTerminal(tty_password)
        self.exits = Exits()
        self.directory = directory
        self.wrong = wrong
        chance = random.Random(seed)
        world = World(
            reactor=network,
            entropy=chance.randbytes,
            chance=chance,
            wall=lambda: SINCE_1970 + network.seconds() + self.wrong,
            monotonic=network.seconds,
            local=lambda seconds: datetime.fromtimestamp(seconds, UTC),
            environ={"XDG_CONFIG_HOME": str(directory), **(environ or {})},
            hostname="here",
            directory=directory,
            executable="python",
            files=RealFiles(),
            processes=cast(Processes, self.exits),
            threads=cast(Any, None),
            listen_shared=cast(Any, None),
            stdio=cast(Stdio, self.stdio),
            databases=cast(Any, None),
            tls=TrustingTls(authorities),
            tell=unheard,
            limits=limits,
            level=1,
        )
        given = {
            "name": "alice",
            "master": f"m:{MASTER}",
            "password": False,
            "plain": True,
            "times": False,
            "same-cluster": False,
            "code": None,
            "with-code": False,
            "device": None,
            "insecure": True,
            **options,
        }
        self.client: Client = build(given, world)
        network.running = True

    def start(self) -> Person:
        """Start, and connect if there is a cluster."""
        self.client.startService()
        self.network.pass_time(0.05)
        return self

    def type(self, *lines: str | bytes) -> None:
        """Type lines, and let the cluster answer."""
        raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
        self.stdio.protocol.dataReceived(b"".join(line + b"\n" for line in raw))
        self.network.settle()

    def end_input(self) -> None:
        """End the input."""
        self.stdio.protocol.readConnectionLost()
        self.network.settle()

    def seen(self) -> list[str]:
        """Return the lines shown since the last look."""
        lines = self.stdio.value().decode().splitlines()
        self.stdio.clear()
        return lines

    def has_left(self) -> bool:
        """Return whether the reactor was stopped."""
        return self.network.hasStopped

    def exit_status(self) -> int:
        """Return the status with which the process would exit."""
        for call, arguments, keywords in self.network.triggers.get("after", {}).get("shutdown", []):
            call(*arguments, **keywords)
        return self.exits.status or 0

    def stop(self) -> None:
        """Stop as Ctrl-C does."""
        stopped: Deferred[None] = self.client.stopService()
        self.network.pass_time(2)
        assert stopped.called
