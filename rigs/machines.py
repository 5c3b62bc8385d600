"""Several machines on one: hosts that are network namespaces, on a network that can be cut. Linux, as root.

Each host has its own network card, IPv4 and IPv6 address and hostname; a switch, one more namespace, links
them and routes between them. None is linked to the machine's own network: traffic stays inside. The disk is
shared. A host that is cut off hears nothing: no refusal, no reset, no “unreachable”.

Whatever happens to the program, even SIGKILL, nothing remains: a guard, a separate process
(``python -m rigs.machines PREFIX``), waits for the program's end, kills everything that runs in its
namespaces, and removes them. If the guard is killed too, the next network finds what is left: the names of
namespaces tell whose they are.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from rigs.processes import DEADLINE, close_streams, send, wait_until

NAMESPACES = Path("/run/netns")
"""Where ``ip netns`` keeps the names."""

OURS = "chatnet-test-"
"""The beginning of the names of all our namespaces: chatnet-test-PID-START-RANDOM-HOST."""


class NoMachines(Exception):
    """This machine does not let us make hosts; the sentence says what is missing."""


class Host:
    """One of the machines of ``network``, its ``number``-th, called ``name``."""

    def __init__(self, network: Network, number: int, name: str) -> None:
        self.name = name
        self.address = f"10.64.{number}.2"
        self.address6 = f"fd64:{number}::2"
        self._gateway, self._gateway6 = f"10.64.{number}.1", f"fd64:{number}::1"
        self._switch = network.switch
        self._port = f"port{number}"
        self._namespace = f"{network.prefix}{name}"
        self._started: list[subprocess.Popen[bytes]] = []

    def boot(self) -> None:
        """Make it again after :meth:`kill`, with nothing running."""
        self.make()
        self.wait_for_card()

    def make(self) -> None:
        """Make its namespace, and link it."""
        switch, here = self._switch, self._namespace
        _add_namespace(here)
        _ip("link", "add", "eth0", "netns", here, "type", "veth", "peer", "name", self._port, "netns", switch)
        _ip("-n", switch, "address", "add", f"{self._gateway}/24", "dev", self._port)
        _ip("-n", switch, "address", "add", f"{self._gateway6}/64", "dev", self._port, "nodad")
        _ip("-n", switch, "link", "set", self._port, "up")
        _ip("-n", here, "address", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", here, "address", "add", f"{self.address6}/64", "dev", "eth0", "nodad")
        _ip("-n", here, "link", "set", "eth0", "up")
        _ip("-n", here, "route", "add", "default", "via", self._gateway)
        _ip("-n", here, "-6", "route", "add", "default", "via", self._gateway6)

    def wait_for_card(self) -> None:
        """Wait until the kernel has noticed the card, up to a second late; IPv6 needs that."""
        wait_until("the card is up", lambda: "state UP" in _ip("-n", self._namespace, "link", "show", "eth0"))

    def start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start a program here, with ``env`` added to our environment; all its output is in ``stdout``."""
        # Each of these replaces itself with the next, so the pid is the program's.
        named = ("unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name)
        process = subprocess.Popen(
            ["nsenter", f"--net={NAMESPACES / self._namespace}", *named, *argv],
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
        )
        self._started.append(process)
        return process

    def run(
        self, argv: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> tuple[int, str]:
        """Run a program here to its end; return its exit status and output."""
        process = self.start(argv, env, cwd=cwd)
        output, _ = process.communicate(timeout=DEADLINE)
        return process.returncode, output.decode()

    def processes(self) -> list[int]:
        """Return the pids of everything that runs here, whoever started it."""
        return _processes(self._namespace)

    def kill(self) -> None:
        """Cut the power: from then on the others hear nothing from it, and nothing of it remains."""
        # The card first: the kernel of a killed process would still say goodbye to its peers.
        _ip("-n", self._switch, "link", "delete", self._port)
        _remove_namespace(self._namespace)
        self.reap()

    def reap(self) -> None:
        """Collect the exit status of everything that was started here and has ended."""
        for process in self._started:
            process.wait(DEADLINE)
            close_streams(process)
        self._started.clear()


class Network:
    """Hosts by the given names, from ``with`` to its end.

    :raises NoMachines: not root, or without iproute2, or in a container that may not make namespaces.
    """

    def __init__(self, *names: str) -> None:
        self.prefix = f"{OURS}{os.getpid()}-{_start_of(os.getpid())}-{secrets.token_hex(3)}-"
        self.switch = f"{self.prefix}switch"
        self.hosts = {name: Host(self, number, name) for number, name in enumerate(names, 1)}
        self._guard: subprocess.Popen[bytes] | None = None
        self._cut: set[frozenset[str]] = set()

    def __enter__(self) -> Network:
        _check()
        remove(*stale())
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "rigs.machines", self.prefix],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C must not reach it
        )
        try:
            self._boot()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def cut(self, a: Host, b: Host) -> None:
        """Let nothing pass between the two, in either direction. Nobody is told."""
        pair = frozenset((a.name, b.name))
        if pair not in self._cut:
            self._cut.add(pair)
            self._rule("add", a, b)

    def heal(self, a: Host, b: Host) -> None:
        """Let them hear each other again; connections that did not give up continue."""
        pair = frozenset((a.name, b.name))
        if pair in self._cut:
            self._cut.remove(pair)
            self._rule("delete", a, b)

    def isolate(self, host: Host) -> None:
        """Cut the host from all others."""
        for other in self._others(host):
            self.cut(host, other)

    def rejoin(self, host: Host) -> None:
        """Heal the host with all others."""
        for other in self._others(host):
            self.heal(host, other)

    def _others(self, host: Host) -> list[Host]:
        return [other for other in self.hosts.values() if other is not host]

    def _boot(self) -> None:
        _add_namespace(self.switch)
        _set(self.switch, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        # Packets to a dead host vanish too.
        for family in ("-4", "-6"):
            _ip("-n", self.switch, family, "route", "add", "blackhole", "default")
        for host in self.hosts.values():
            host.make()
        for host in self.hosts.values():
            host.wait_for_card()

    def _rule(self, verb: str, a: Host, b: Host) -> None:
        for source, target in ((a, b), (b, a)):
            pairs = {"-4": (source.address, target.address), "-6": (source.address6, target.address6)}
            for family, (here, there) in pairs.items():
                _ip("-n", self.switch, family, "rule", verb, "from", here, "to", there, "blackhole")

    def _close(self) -> None:
        """Let the guard clean up, as after our death: so it is known to work."""
        assert self._guard is not None
        close_streams(self._guard)
        self._guard.wait(DEADLINE)
        for host in self.hosts.values():
            host.reap()


def namespaces(prefix: str = OURS) -> list[str]:
    """Return the names that begin with ``prefix``."""
    return sorted(path.name for path in NAMESPACES.glob(f"{prefix}*"))


def stale() -> list[str]:
    """Return those of ours whose program is dead."""
    return [name for name in namespaces() if not _is_owned(name)]


def remove(*names: str) -> None:
    """Kill everything that runs in these namespaces, and remove them."""
    for name in names:
        _remove_namespace(name)


def _is_owned(name: str) -> bool:
    pid, start = name.removeprefix(OURS).split("-")[:2]
    return _start_of(int(pid)) == start


def _start_of(pid: int) -> str:
    """Return when the process was started, in the kernel's ticks; empty if it is dead."""
    try:
        # After the name, which may contain anything, come the state and 18 other fields.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _check() -> None:
    if missing := [tool for tool in ("ip", "nsenter", "unshare", "sysctl") if shutil.which(tool) is None]:
        raise NoMachines(
            f"Hosts for tests need {', '.join(missing)}: apt-get install iproute2 util-linux procps."
        )
    if os.geteuid() != 0:
        raise NoMachines(
            "Hosts for tests are network namespaces, which only root may make: run this as root."
        )


def _add_namespace(name: str) -> None:
    try:
        _ip("netns", "add", name)
        # Otherwise IPv6 would wait a second to see whether anybody else has the new addresses.
        _set(name, "net.ipv6.conf.default.accept_dad=0")
        _ip("-n", name, "link", "set", "lo", "up")
    except subprocess.CalledProcessError as error:
        raise NoMachines(
            "Hosts for tests are network namespaces, and this machine may not make any: "
            f"give it CAP_SYS_ADMIN and CAP_NET_ADMIN ({error.stderr.strip()})."
        ) from error


def _remove_namespace(name: str) -> None:
    # Again and again: a dying process may just have started another.
    wait_until(f"nothing runs in {name}", lambda: not _kill_all(name))
    if (NAMESPACES / name).exists():
        _ip("netns", "delete", name)


def _kill_all(namespace: str) -> list[int]:
    pids = _processes(namespace)
    for pid in pids:
        send(pid, signal.SIGKILL)
    return pids


def _processes(namespace: str) -> list[int]:
    if not (NAMESPACES / namespace).exists():
        return []
    return [int(pid) for pid in _ip("netns", "pids", namespace).split()]


def _set(namespace: str, *settings: str) -> None:
    _run("nsenter", f"--net={NAMESPACES / namespace}", "sysctl", "--quiet", "--write", *settings)


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _guard(prefix: str) -> None:
    sys.stdin.read()  # until the process that started us closes it, or is dead
    remove(*namespaces(prefix))


if __name__ == "__main__":
    _guard(sys.argv[1])
