"""Hosts behave as machines do: they reach each other, can be cut off silently, and die as a whole."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from rigs.machines import Host, Network, namespaces, remove, stale
from rigs.processes import DEADLINE, Lines, wait_until
from rigs.tap import Overheard, Tap

SILENCE = 1.0
"""After how many seconds of silence a program is taken to be cut off."""

ECHO = """
import socket, threading
def serve(peer):
    with peer:
        while said := peer.recv(100):
            print("heard", said.decode(), flush=True)
            peer.sendall(said)
    print("closed", flush=True)
server = socket.create_server(("::", 7000), family=socket.AF_INET6, dualstack_ipv6=True)
print("listens", flush=True)
while True:
    threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()
"""
"""Sends back to its peers what it receives."""

TALK = """
import socket, sys
for line in sys.stdin:
    verb, what, seconds = line.split()
    try:
        socket.setdefaulttimeout(float(seconds))
        if verb == "connect":
            connection = socket.create_connection((what, 7000))
            print("connected", flush=True)
        elif verb == "say":
            connection.settimeout(float(seconds))
            connection.sendall(what.encode())
            print("hears", connection.recv(100).decode(), flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""
"""Connects, says and listens as it is told, within the given seconds."""


class Talker:
    """A program on ``host`` that connects and talks."""

    def __init__(self, host: Host) -> None:
        self._process = host.start([sys.executable, "-c", TALK], stdin=subprocess.PIPE)
        self._lines = Lines(self._process)

    def __call__(self, words: str, seconds: float = DEADLINE) -> str:
        """Give it words; return its answer; TimeoutError if it received nothing for ``seconds``."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words} {seconds}\n".encode())
        self._process.stdin.flush()
        return self._lines.next()


def echo(host: Host) -> Lines:
    """Return what the echo on ``host`` prints, from when it listens."""
    lines = Lines(host.start([sys.executable, "-c", ECHO]))
    lines.find("listens")
    return lines


def test_hosts_have_names_and_reach_each_other(network: Network) -> None:
    """Each process sees its host's name, and all hosts reach all others at both addresses."""
    for host in network.hosts.values():
        assert host.run(["hostname"]) == (0, f"{host.name}\n")
    echo(network["alpha"])
    for name in ("beta", "gamma"):
        talk = Talker(network[name])
        for address in (network["alpha"].address, network["alpha"].address6):
            assert talk(f"connect {address}") == "connected"
            assert talk("say hello") == "hears hello"


def test_a_cut_is_silent_and_heals(network: Network) -> None:
    """Neither end is told of a cut; a third host reaches both. After healing, the old connection goes on."""
    alpha, beta = network["alpha"], network["beta"]
    heard = echo(alpha)
    talk = Talker(beta)
    assert talk(f"connect {alpha.address}") == "connected"
    assert talk("say before") == "hears before"
    network.cut(alpha, beta)
    assert talk("say meanwhile", SILENCE) == "TimeoutError"
    for address in (alpha.address, alpha.address6):
        assert Talker(beta)(f"connect {address}", SILENCE) == "TimeoutError"
    network.heal(alpha, beta)
    heard.find("heard meanwhile")
    assert "closed" not in heard.seen
    # It is a stream of bytes: what was said after may have come with it.
    assert talk("say after") in ("hears meanwhile", "hears meanwhileafter")


def test_what_is_said_in_plain_is_overheard(network: Network) -> None:
    """At both addresses and in both directions: how a connection begins, and the words to look for."""
    alpha, beta = network["alpha"], network["beta"]
    echo(alpha)
    tap = Tap(network, "hello", "nothing")
    for address in (alpha.address, alpha.address6):
        talk = Talker(beta)
        assert talk(f"connect {address}") == "connected"
        assert talk("say so:hello") == "hears so:hello"
    heard = tap.end()
    assert 7000 in heard.ports()
    for here, there in ((alpha.address, beta.address), (alpha.address6, beta.address6)):
        for source, target in ((here, there), (there, here)):
            ends = f"^{source}:[0-9]+ to {target}:[0-9]+ "
            assert (
                sum(bool(re.match(f"{ends}begins with b'so:hello'$", one)) for one in heard.in_plain()) == 1
            )
            assert sum(bool(re.match(f"{ends}says “hello”$", one)) for one in heard.in_plain()) == 1
    assert len(heard.in_plain()) == 8


def test_what_is_encrypted_is_told_from_what_is_not() -> None:
    """TLS from the first byte on, or after PostgreSQL's request for it; saying nothing is no breach."""
    asked = bytes.fromhex("0000000804d2162f")
    for begins, is_encrypted in (
        (b"", True),
        (b"\x16\x03\x01\x02", True),
        (b"\x15\x03\x03\x00", True),
        (asked, True),
        (asked + b"\x16\x03", True),
        (b"S\x16\x03", True),
        (asked + b"\x00\x00", False),
        (b"SR", False),
        (b"N", False),
        (b"\x00\x04_ask", False),
        (bytes.fromhex("00000010 04d2162e"), False),
    ):
        assert (Overheard([((("a", 1), ("b", 2)), begins)], []).in_plain() == []) is is_encrypted, begins


def test_one_that_is_isolated_is_heard_by_nobody(network: Network) -> None:
    """It is cut from all; the others still reach each other. It comes back."""
    alpha, gamma = network["alpha"], network["gamma"]
    echo(alpha)
    network.isolate(gamma)
    assert Talker(gamma)(f"connect {alpha.address}", SILENCE) == "TimeoutError"
    assert Talker(network["beta"])(f"connect {alpha.address}") == "connected"
    network.rejoin(gamma)
    assert Talker(gamma)(f"connect {alpha.address6}") == "connected"


def test_a_host_dies_whole_and_without_a_word(network: Network) -> None:
    """All its processes and their children are gone; its peers are told nothing. After a boot it is
    reached."""
    alpha = network["alpha"]
    talk = Talker(network["beta"])
    echo(alpha)
    Lines(alpha.start(["sh", "-c", "setsid sleep 600 & echo started; wait"])).find("started")
    assert talk(f"connect {alpha.address}") == "connected"
    pids = wait_until("three processes", lambda: len(alpha.processes()) == 3 and alpha.processes())
    alpha.kill()
    assert not alpha.processes()
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}/exe")]
    assert talk("say anybody", SILENCE) == "TimeoutError"
    alpha.boot()
    echo(alpha)
    assert Talker(network["gamma"])(f"connect {alpha.address}") == "connected"


PROGRAM = """
import sys
from rigs.machines import Network
with Network("alpha", "beta") as network:
    child = network["beta"].start(["sleep", "600"])
    print(network.prefix, child.pid, flush=True)
    if sys.argv[1:]:
        raise RuntimeError(sys.argv[1])
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["failure", signal.SIGTERM, signal.SIGKILL], ids=str)
def test_nothing_is_left_of_a_network(end: str | signal.Signals) -> None:
    """If its program fails, is told to end or is killed, all that ran in it ends, and all names go."""
    words = [end] if isinstance(end, str) else []
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with program:
        prefix, pid = Lines(program).next().split()
        if isinstance(end, signal.Signals):
            assert len(namespaces(prefix)) == 3
            program.send_signal(end)
        assert program.wait(30) != 0
        wait_until("all names gone", lambda: not namespaces(prefix))
        wait_until("the child is dead", lambda: not os.path.exists(f"/proc/{pid}/exe"))


def test_what_is_left_by_a_dead_program_is_known() -> None:
    """If the guard was killed too, the names say that their program is dead; living ones are left alone."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with program:
        prefix, _ = Lines(program).next().split()
        assert not set(stale()) & set(namespaces(prefix))
        guard = next(pid for pid in _children(program.pid) if prefix in _command(pid))
        os.kill(guard, signal.SIGKILL)
        program.kill()
        program.wait(30)
    left = namespaces(prefix)
    assert len(left) == 3
    assert set(left) <= set(stale())
    remove(*left)
    assert not namespaces(prefix)


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [int(child) for child in children.read().split()]


def _command(pid: int) -> str:
    with open(f"/proc/{pid}/cmdline") as command:
        return command.read()
