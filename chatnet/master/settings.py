"""The settings of a master, and what follows from them for its workers and users. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatnet.addresses import MASTER_PORT, Address
from chatnet.command_lines import beside
from chatnet.irc_options import NO_IRC, IrcOptions
from chatnet.master.pages import page_at
from chatnet.net.pair import PairFiles
from chatnet.options import STORE_VARIABLE, USUAL_DATA, find_pair, tls_words
from chatnet.supervisor import twistd
from chatnet.web_options import NO_WEB, Web
from chatnet.wire.operate import Page

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Settings:
    """The options of the same names; ``usual_port`` is where clients look for the master by default.

    ``spawned`` is the pid of the primary that started this process; None if a person did. ``store`` is the
    URL of a store that other hosts share; empty for the one in the data directory. With ``token_by_environ``
    the token is in the environment, which children inherit; otherwise in ``token_file``. ``pair`` is the
    operator's certificate and key, if there are any. ``web`` is what is said of the page, ``irc`` of IRC.
    """

    data: Path
    listen: Address
    token_file: Path
    workers: int
    ports: range | None
    advertise: str | None
    post_rate: int
    new_names: int = 30
    replicas: int = 2
    spawned: int | None = None
    store: str = ""
    token_by_environ: bool = False
    usual_port: int = MASTER_PORT
    pair: PairFiles | None = None
    insecure: bool = False
    web: Web = NO_WEB
    irc: IrcOptions = NO_IRC

    @classmethod
    def of(
        cls,
        options: Mapping[str, Any],
        environ: Mapping[str, str],
        usual_port: int = MASTER_PORT,
        directory: Path = Path(),
    ) -> Settings:
        """Return the settings in twistd's options, and in the environment (the store's URL).

        :raises CannotStart: only one of a certificate and its key is named, or there can be no such page, or
            no such IRC.
        """
        data = Path(options["data"])
        store = options["store"] or environ.get(STORE_VARIABLE, "")
        return cls(
            data=data,
            listen=options["listen"] or Address("0.0.0.0", usual_port),
            token_file=Path(options["token-file"]) if options["token-file"] else data / "cluster.token",
            workers=options["workers"],
            ports=options["ports"],
            advertise=options["advertise"],
            post_rate=options["post-rate"],
            new_names=options["new-names"],
            replicas=options["replicas"],
            spawned=options["spawned"],
            store=store,
            # The token of an embedded store is its master's own, and always in a file.
            token_by_environ=bool(store and not options["token-file"] and environ.get("CHATNET_TOKEN")),
            usual_port=usual_port,
            pair=find_pair(options, directory),
            insecure=bool(options["insecure"]),
            web=Web.of(options, environ),
            irc=IrcOptions.of(options, environ),
        )

    def local_address(self, port: int) -> Address:
        """Return where processes of this machine reach the master, which listens on ``port``."""
        return Address(_LOOPBACK.get(self.listen.host, self.listen.host), port)

    def reached_at(self, seen_as: str, port: int) -> Address:
        """Return where processes of other machines reach the master, which listens on ``port``.

        If it listens everywhere, this is where the database sees it, ``seen_as``, unless an option says more.
        """
        if self.advertise is None and self.listen.host not in _LOOPBACK:
            return Address(self.listen.host, port)
        return Address(self.advertise or seen_as or _LOOPBACK[self.listen.host], port)

    def pages(self, reached: str, hostname: str) -> Sequence[Page]:
        """Return where the page is, for somebody who reached this host, called ``hostname``, at
        ``reached``."""
        web = self.web
        if web.port is None:
            return []
        if web.public_url is not None:
            return [Page(web.public_url.origin)]
        return [page_at(web.port, reached, hostname, self.insecure)]

    def worker_command(self, python: str, port: int, pid: int) -> list[str]:
        """Return the command line for a worker of the master with this ``pid``, which listens on ``port``."""
        where = ["--master", str(self.local_address(port)), "--listen", str(Address(self.listen.host, 0))]
        return self._listening(python, "chat-worker", "--spawned", str(pid), *where)

    def front_command(self, python: str, port: int, pid: int) -> list[str]:
        """Return the command line for an IRC front of the master with this ``pid``, which listens on
        ``port``."""
        where = ["--master", str(self.local_address(port))]
        return self._command(python, "chat-front", "--spawned", str(pid), *where) + self.irc.words()

    def replica_command(self, python: str, port: int, pid: int) -> list[str]:
        """Return the command line for a replica of the master with this ``pid``, listening on ``port``."""
        counts = ["--workers", str(self.workers), "--replicas", str(self.replicas)]
        listen = str(Address(self.listen.host, port))
        return self._listening(python, "chat-master", "--spawned", str(pid), "--listen", listen, *counts)

    def _command(self, python: str, program: str, *options: str) -> list[str]:
        command = twistd(python, program, *options)
        command += ["--data", str(self.data)]
        if not self.token_by_environ:
            command += ["--token-file", str(self.token_file)]
        command += ["--post-rate", str(self.post_rate), "--new-names", str(self.new_names)]
        return command + tls_words(self.pair, self.insecure)

    def _listening(self, python: str, program: str, *options: str) -> list[str]:
        """Return the command line for a process with ports of its own, that may have to keep others."""
        command = self._command(python, program, *options)
        if self.ports is not None:
            command += ["--ports", f"{self.ports.start}-{self.ports.stop - 1}"]
        command += [*self.web.words(), *self.irc.keepers_words()]
        if self.advertise is not None:
            command += ["--advertise", self.advertise]
        return command

    def invitation(self, python: str, directory: Path, port: int, page: str = "") -> str:
        """Return the line that says how to chat with the master on ``port``, from within ``directory``, at
        the ``page``, or by IRC."""
        twistd, operator = (beside(python, directory, program) for program in ("twistd", "chatnet"))
        address = self.local_address(port)
        found = address.port == self.usual_port and self.listen.host in (*_LOOPBACK, "127.0.0.1", "localhost")
        master = "" if found else f" --master {address}"
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        shown = ""
        if self.data != Path(USUAL_DATA):
            shown = f" Look after it with: {operator} status --data {shlex.quote(str(self.data))}."
        ways = [f"open {page} in a browser"] if page else []
        if self.irc.kept:
            ways.append(f"connect an IRC client to {self.irc.ports[0]}")
        how = ", ".join([*ways, "or chat with" if ways else "chat with"])
        how = how[0].upper() + how[1:]
        return (
            f"chatnet is up: {workers}, data in {self.data}.{shown} "
            f"{how}: {twistd} -n chat-client{master} NAME"
        )
