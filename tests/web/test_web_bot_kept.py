"""The file of a bot's state: whole at any moment, of one process at a time, and for its owner alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatnet.bot.errors import BotError, NotKept, WrongState
from chatnet.bot.kept import Kept, StateFile
from chatnet.bot.messages import Cursor
from chatnet.bot.place import LONGEST, SHORTEST, pause, socket_url
from chatnet.keys import key_named, key_text

KEPT = Kept(
    log="log", user="bot", cursor=Cursor(7, "check"), outbox=({"t": "post", "key": "k", "text": "ä"},)
)


def test_what_was_kept_is_there_for_the_next_process(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "bot.state")
    assert file.open() == Kept()
    file.write(KEPT)
    file.close()
    assert StateFile(tmp_path / "bot.state").open() == KEPT


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Texts of private rooms stand in it."""
    file = StateFile(tmp_path / "bot.state")
    file.open()
    file.write(KEPT)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_two_processes_do_not_share_it(tmp_path: Path) -> None:
    """Each would say what the other one has to say, and forget what that one has read."""
    mine = StateFile(tmp_path / "bot.state")
    mine.open()
    with pytest.raises(WrongState, match="Another process"):
        StateFile(tmp_path / "bot.state").open()
    mine.close()
    StateFile(tmp_path / "bot.state").open()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"cursor":5}', b'{"format":2}'])
def test_a_file_that_is_none_is_told_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bot.state"
    path.write_bytes(content)
    with pytest.raises(WrongState):
        StateFile(path).open()
    assert path.read_bytes() == content


def test_a_place_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongState, match="No such file"):
        StateFile(tmp_path / "nowhere" / "bot.state").open()
    with pytest.raises(WrongState, match="directory"):
        StateFile(tmp_path).open()


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "bot.state"
    file = StateFile(path)
    file.open()
    file.write(KEPT)
    (tmp_path / ".bot.state.new").mkdir()  # so that it cannot be written
    with pytest.raises(NotKept, match=r"bot\.state"):
        file.write(Kept())
    file.close()
    assert StateFile(path).open() == KEPT


KILLED = """
import os, sys
from chatnet.bot.kept import Kept, StateFile
from chatnet.bot.messages import Cursor
file = StateFile(sys.argv[1])
file.open()
say = os.write
for seq in range(1, 1_000_000):
    text = chr(97 + seq % 26) * 2_000
    file.write(Kept(cursor=Cursor(seq, text[:8]), outbox=({"text": text},)))
    say(1, b"%d\\n" % seq)
"""


def test_a_process_killed_while_it_writes_leaves_a_whole_state(tmp_path: Path) -> None:
    """It is the one that it said to be kept, or the next."""
    path = tmp_path / "bot.state"
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            told = 0
            for line in process.stdout:
                told = int(line)
                if told == 20:
                    process.kill()
        file = StateFile(path)
        kept = file.open()
        file.close()
        assert kept.cursor is not None
        assert told <= kept.cursor.seq <= told + 1
        assert kept.outbox[0]["text"] == kept.cursor.check[0] * 2_000


def test_it_is_on_the_disk_when_it_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is synced before the file has its name, and then the directory."""
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        done.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def noted_replace(old: Path, new: Path) -> None:
        done.append("named")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    file = StateFile(tmp_path / "bot.state")
    file.open()
    file.write(KEPT)
    assert done == [str(tmp_path / ".bot.state.new"), "named", str(tmp_path)]


# ---- where the cluster is ----


@pytest.mark.parametrize(
    ("url", "socket"),
    [
        ("https://chat.example.org", "wss://chat.example.org/ws"),
        ("https://chat.example.org:8443/", "wss://chat.example.org:8443/ws"),
        ("http://localhost:8080", "ws://localhost:8080/ws"),
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/ws"),
        ("http://[::1]:8080", "ws://[::1]:8080/ws"),
    ],
)
def test_the_socket_of_a_cluster(url: str, socket: str) -> None:
    assert socket_url(url) == socket


@pytest.mark.parametrize(
    "url",
    [
        "chat.example.org",
        "ftp://x",
        "https://",
        "https://x/page",
        "https://x?a",
        "https://me:pw@x",
        "http://far.example",
        "http://127.evil.example",
    ],
)
def test_where_no_token_is_sent(url: str) -> None:
    """Without TLS to another machine, anybody on the way would have the token."""
    with pytest.raises(BotError):
        socket_url(url)


def test_who_wants_it_sends_a_token_without_tls() -> None:
    assert socket_url("http://far.example", insecure=True) == "ws://far.example/ws"


def test_the_first_attempts_are_quick_and_none_takes_long() -> None:
    assert pause(0, 1.0) == SHORTEST
    assert pause(10_000, 1.0) == LONGEST
    assert pause(5, 0.0) == 0.0


# ---- keys by name ----


def test_a_key_in_base64url_is_itself() -> None:
    key = bytes(range(16))
    assert key_named(key_text(key)) == key


@pytest.mark.parametrize(
    "name",
    [
        "deploy-1842",
        "x" * 255,
        "ä",
        "AAAAAAAAAAAAAAAAAAAAA!",
        "AAAAAAAAAAAAAAAAAAAAAB",
        "ÄAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_any_other_name_stands_for_a_key_of_its_own(name: str) -> None:
    """Also 22 characters that are no base64url, or whose last bits no key has: none of them is cut short."""
    assert len(key_named(name)) == 16
    assert key_named(name) != key_named(name[:-1] + "C")
    assert key_text(key_named(name)) != name


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_a_name_of_a_key_has_a_length(name: str) -> None:
    with pytest.raises(ValueError, match="characters"):
        key_named(name)


# ---- what it takes to have a bot ----


def imported(before: str) -> subprocess.CompletedProcess[str]:
    """Import the library in a process of its own, after other lines; return what that says."""
    lines = f"import sys\n{before}\nimport chatnet.bot.sync\nprint('twisted' in sys.modules)"
    return subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False)


def test_a_bot_needs_nothing_of_a_server() -> None:
    """It starts in a moment: a bot that is killed is soon there again."""
    assert imported("").stdout == "False\n"


def test_what_is_missing_is_told_with_what_to_do() -> None:
    told = imported("sys.modules['websockets'] = None")
    assert told.returncode == 1
    assert "pip install 'chatnet[bot]'" in told.stderr
