"""Programs whose streams are closed, full or unread do their work or give a sentence; no traceback."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.processes import Cluster, wait_until

BIN = Path(sys.executable).parent
POSTS = "printf 'CHAT\\n%s\\n'"


class Shell:
    """Runs lines of a shell beside a cluster: its programs are ``$client`` and ``$chatnet``."""

    def __init__(self, cluster: Cluster) -> None:
        self._root = cluster.root
        self.address = cluster.address
        where = f"--master {cluster.address}"
        name, _, mark = cluster.mark.partition("=")
        self.environ = {
            "PATH": os.environ["PATH"],
            "XDG_CONFIG_HOME": str(cluster.root / "config"),
            name: mark,
            "client": f"{BIN}/twistd -n chat-client {where}",
            "chatnet": f"{BIN}/chatnet {where} --data {cluster.data}",
            "data": str(cluster.data),
        }

    def __call__(self, line: str, **environ: str) -> tuple[int, str, str]:
        """Run a line; return its exit status, standard output and error."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self._root,
            env={**self.environ, **environ},
            capture_output=True,
            timeout=30,
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def posts(self) -> list[str]:
        """Return what alice has posted."""
        status, shown, said = self("printf 'CHAT\\n' | $client alice")
        assert (status, said) == (0, "")
        return [line.removeprefix("alice: ") for line in shown.splitlines()[1:]]


@pytest.fixture
def shell(new_cluster: Callable[..., Cluster]) -> Shell:
    """Return a shell and a small cluster."""
    cluster = new_cluster("--workers", "1", "--replicas", "0")
    cluster.start()
    return Shell(cluster)


def test_a_client_does_its_work_without_streams(shell: Shell) -> None:
    """What it reads is posted, wherever its output goes; closed input counts as ended."""
    for number, closed in enumerate((">&-", "2>&-", ">&- 2>&-", ">/dev/null", "> file")):
        assert shell(f"{POSTS % number} | $client alice {closed}")[0] == 0
    assert shell("$client alice <&-") == (0, "Logged in as alice.\n", "")
    assert shell("$client alice <&- >&- 2>&-") == (0, "", "")
    assert shell.posts() == ["0", "1", "2", "3", "4"]


def test_the_key_of_a_draft_begins_with_the_time_of_day(shell: Shell) -> None:
    """It begins with the wall clock of the client's machine, not with that machine's uptime."""
    before = time.time()
    assert shell(f"{POSTS % 'hi'} | $client alice")[0] == 0
    status, shown, _ = shell(f"{BIN}/chatnet log $data")
    assert status == 0
    key = bytes.fromhex(shown.splitlines()[-1].split("\t")[5])
    assert before - 1 < int.from_bytes(key[:6], "big") / 1000 < time.time() + 1


def test_a_client_says_that_nobody_reads_it(shell: Shell) -> None:
    """Its status is 1, after what it read is posted, whether the reader is gone or the disk is full."""
    for number, (where, why) in enumerate(
        [("> /dev/full", "cannot be written"), ("| true", "by its reader")]
    ):
        status, _, said = shell(f"set -o pipefail; {POSTS % number} | $client alice {where}")
        assert status == 1
        assert why in said
        assert said.count("\n") == 1
    assert shell.posts() == ["0", "1"]


def test_a_client_speaks_utf_8_in_every_locale(shell: Shell) -> None:
    """With plain lines it does, whatever the environment says; a line that is not UTF-8 is reported, and
    other lines are posted. At the end it says that not all were."""
    for number, locale in enumerate(("C", "POSIX", "en_US.ISO-8859-1", "")):
        line = "printf '\\xef\\xbb\\xbfCHAT\\r\\ngrüße %s ☃\\n\\xff\\nx\\0y\\nnext\\n' | $client alice"
        status, shown, said = shell(line % number, LC_ALL=locale, PYTHONIOENCODING="ascii")
        assert status == 1
        assert said.endswith("2 lines were not posted: what was shown then says why.\n")
        assert shown.splitlines()[-2] == "That line is not UTF-8; it was left out."
    assert shell.posts()[-2:] == ["grüße 3 ☃", "next"]


def test_an_operator_s_command_ends_as_other_programs_do(shell: Shell) -> None:
    """If its reader is gone it ends by SIGPIPE, else with one sentence, and never with a traceback."""
    commands = [
        "$chatnet status",
        "$chatnet status --json",
        "$chatnet status --watch",
        "$chatnet --help",
        "$chatnet status --help",
    ]
    for command in (*commands, "$client --help", "$client --version"):
        status, _, said = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}")
        assert (status, said) == (128 + signal.SIGPIPE, ""), command
        status, _, said = shell(f"{command} > /dev/full")
        assert (status, said) == (1, "Standard output cannot be written: No space left on device.\n"), command
        if "--help" in command:  # Twisted prints it, and Python writes it at once or at the end
            status, _, said = shell(f"PYTHONUNBUFFERED=1 {command} > /dev/full")
            assert (status, said) == (1, "Standard output cannot be written: No space left on device.\n")
    for command in commands[:3]:
        status, _, said = shell(f"{command} >&-")
        assert (status, said) == (1, "Standard output cannot be written: Bad file descriptor.\n"), command
    assert shell("$chatnet stop >&-")[0] == 1


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Shell]:
    """Yield a shell whose cluster does not answer."""
    cluster = Cluster(tmp_path / "cluster")
    cluster.root.mkdir()
    yield Shell(cluster)
    cluster.close()


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        ("rm -r $XDG_CONFIG_HOME; touch $XDG_CONFIG_HOME", "The client's files cannot be kept in"),
        ("unset HOME XDG_CONFIG_HOME", "HOME is not set"),
        ("client='twistd --logfile /nowhere/log -n chat-client'", "The log /nowhere/log cannot be written"),
        ("client+=' --master a:b'", "--master: "),
        ("client+=' --plian'", "chat-client: option --plian not recognized. Did you mean --plain?"),
        ("client+=' bob'", "chat-client takes one name"),
    ],
)
def test_a_client_that_cannot_start_says_why(nowhere: Shell, before: str, sentence: str) -> None:
    """It gives one line on standard error and the status 1; twistd's log is not needed to see it."""
    status, shown, said = nowhere(
        f"export PATH={BIN}:$PATH; mkdir -p $XDG_CONFIG_HOME; {before}; echo CHAT | $client alice"
    )
    assert (status, shown) == (1, "")
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        ("mkdir -p $here; echo junk > $here/alice", "does not hold an identity"),
        ("mkdir -p $here/alice", "Your identity cannot be kept at"),
        ("mkdir -p $(dirname $here); touch $here", "Your identity cannot be kept at"),
    ],
)
def test_a_client_without_an_identity_says_why(
    shell: Shell, tmp_path: Path, before: str, sentence: str
) -> None:
    """It says so too, when it knows for which cluster the identity would be."""
    assert shell("$client bob < /dev/null")[0] == 0
    (of_bob,) = (Path(shell.environ["XDG_CONFIG_HOME"]) / "chatnet" / "identities").iterdir()
    where = tmp_path / "chatnet" / "identities" / of_bob.name
    status, shown, said = shell(
        f"export XDG_CONFIG_HOME={tmp_path}; here={where}; {before}; echo CHAT | $client alice"
    )
    assert (status, shown) == (1, "")
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_before_the_login_says_what_is_lost(nowhere: Shell, number: signal.Signals) -> None:
    """Whichever signal it is, each typed line is counted; the exit status is 1."""
    client = start(nowhere, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert client.stdin is not None
    assert client.stderr is not None
    client.stdin.write(b"CHAT\none\ntwo\nthr")
    client.stdin.flush()
    wait_until("the client listens for signals", lambda: catches(client.pid, signal.SIGHUP))
    client.send_signal(number)
    said = client.stderr.read().decode()
    assert client.wait(20) == 1
    assert said == "Left before all was acknowledged: 4 of what you typed may not have been done.\n"
    client.stdin.close()
    client.stderr.close()


def test_who_ignores_hanging_up_goes_on(nowhere: Shell) -> None:
    """``nohup`` promises that."""
    status, _, said = nowhere(
        "trap '' HUP; $client alice < /dev/null & sleep 2; kill -HUP $!; kill $!; wait $!"
    )
    assert status == 128 + signal.SIGTERM, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("options", [["--password"], ["--plain"]])
def test_a_terminal_shows_again_what_is_typed(
    nowhere: Shell, number: signal.Signals, options: list[str]
) -> None:
    """However the client ends while it reads a password; what was typed of it was not shown."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    client = start(nowhere, *options, stdin=theirs, stdout=theirs, stderr=theirs)
    os.write(ours, b"PASSWORD\n" if options == ["--plain"] else b"")
    wait_until("it shows nothing", lambda: not termios.tcgetattr(theirs)[3] & termios.ECHO)
    os.write(ours, b"geheim")
    wait_until("the client listens for signals", lambda: catches(client.pid, signal.SIGHUP))
    client.send_signal(number)
    wait_until("its end", lambda: client.poll() is not None)
    assert client.returncode == 1
    assert termios.tcgetattr(theirs) == before
    assert b"geheim" not in os.read(ours, 65536)
    os.close(ours)
    os.close(theirs)


def start(shell: Shell, *options: str, **streams: Any) -> subprocess.Popen[bytes]:
    """Start alice's client."""
    command = [*shell.environ["client"].split(), *options, "alice"]
    return subprocess.Popen(command, env=shell.environ, cwd=shell._root, **streams)


def catches(pid: int, number: int) -> bool:
    """Return whether this process handles this signal itself."""
    status = Path(f"/proc/{pid}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)
