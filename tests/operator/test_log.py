"""``chatnet log`` prints the wanted entries of both stores, and shows no secret."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
import wcwidth

from chatnet.command_lines import beside
from chatnet.operator.__main__ import main
from rigs.processes import Cluster, Lines

CHATNET = beside(sys.executable, Path.cwd(), "chatnet")
SAID = "9\t1970-01-01T00:00:01.000Z\tpost\talice\talice\t" + f"{9:032x}" + "\tsee #coffee @bob"


@pytest.fixture(params=["embedded", "shared"])
def where(request: pytest.FixtureRequest, data: Path) -> list[str]:
    """Return the options that name a store of either kind, with the same log."""
    if request.param == "shared":
        return ["--store", request.getfixturevalue("url"), "--data", "nowhere"]
    return ["--data", str(data)]


@pytest.mark.parametrize(
    ("asked", "seqs"),
    [
        (["--seq", "9"], [9]),
        (["--key", f"{9:032x}"], [9]),
        (["--user", "alice"], [1, 7, 8, 9]),
        (["--user", "Alice"], [1, 7, 8, 9]),
        (["--user", "alice", "--newest", "2"], [8, 9]),
        (["--kinds", "join,leave"], [3, 4, 5, 6, 8]),
        (["--kinds", "join", "--user", "bob"], [3, 4, 6]),
        (["--newest", "3"], [5007, 5008, 5009]),
        (["--newest", str(2**63 - 1), "--user", "alice"], [1, 7, 8, 9]),
        ([], list(range(4990, 5010))),
    ],
)
def test_what_is_asked_for_is_printed(
    where: list[str], asked: list[str], seqs: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    """Entries are printed in order, a line each."""
    main(["log", *asked, *where])
    lines = capfd.readouterr().out.splitlines()
    assert [int(line.partition("\t")[0]) for line in lines] == seqs
    if seqs == [9]:
        assert lines == [SAID]


def test_what_is_taken_back_is_not_printed(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Also while it is not overwritten yet."""
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        store.execute(
            "INSERT INTO blanking (user, room, upto, seq, whole, done) VALUES ('alice', '', 9, 9, 1, 0)"
        )
    main(["log", "--seq", "9", "--data", str(data)])
    assert "coffee" not in capfd.readouterr().out


def test_a_credential_is_not_printed(where: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """A credential is what is stored of a secret."""
    main(["log", "--kinds", "register,secret", *where])
    said = capfd.readouterr().out
    assert len(said.splitlines()) == 3
    assert "sha256" not in said


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (["--seq", "5010"], "No entry of the log is as you asked."),
        (["--user", "noname"], "No entry of the log is as you asked."),
        (["--key", "12"], "A key has 32 hexadecimal digits."),
        (["--key", "x" * 32], "A key has 32 hexadecimal digits."),
        (["--kinds", "post,redakt"], "“redakt” is no kind of entry: there are register, "),
        (["--data", "nowhere"], "There is no store at nowhere"),
        (["--seq", str(2**63 - 1)], "No entry of the log is as you asked."),
        (["--newest", str(2**63 - 1), "--user", "noname"], "No entry of the log is as you asked."),
        (["--user", "chatnet"], "No entry of the log is as you asked."),
        (["--user", "~noname"], "No entry of the log is as you asked."),
        (["--user", "admin"], "“admin” is not a name: "),
        (["--user", "a\udcff"], "“a\\udcff” is no text: it is not in UTF-8."),
    ],
)
def test_what_cannot_be_printed_is_said(
    data: Path, asked: list[str], why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A sentence says so, and the status is 1."""
    with pytest.raises(SystemExit) as ended:
        main(["log", "--data", str(data), *asked])
    assert ended.value.code == 1
    assert capfd.readouterr().err.startswith(why)


@pytest.mark.parametrize("option", ["--seq", "--newest"])
def test_a_number_that_no_seq_can_be_is_refused(data: Path, option: str) -> None:
    """The sentence says so, and does not blame the store."""
    with pytest.raises(SystemExit, match="is too large a number"):
        main(["log", "--data", str(data), option, str(2**63)])


def test_nothing_of_an_entry_is_obeyed_by_a_terminal(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It cannot imitate a line or a column either, whatever is in a foreign store."""
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        hostile = ("po\x1b[2Jst", "\x1b]0;me\x07al\tice", "r\n9\tforged")
        store.execute("UPDATE entry SET kind = ?, user = ?, room = ? WHERE seq = 9", hostile)
    main(["log", "--data", str(data), "--seq", "9"])
    (shown,) = capfd.readouterr().out.splitlines()
    assert shown.split("\t")[2:5] == ["po\\x1b[2Jst", "\\x1b]0;me\\x07al\\tice", "r\\n9\\tforged"]


def test_no_text_stands_at_the_left_edge_of_a_terminal(data: Path) -> None:
    """A row that goes on is indented: else a text could imitate another entry. No row is wider than the
    terminal."""
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        text = " " * 43 + "999 2026-01-01T00:00:00.000Z ban chatnet alice 漢字 forged " * 3
        store.execute("UPDATE entry SET text = ? WHERE seq = 5009", (text,))
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "chatnet", "log", "--data", str(data), "--seq", "5009"]
    with open(its, "wb") as terminal:
        subprocess.run(command, stdout=terminal, check=True, timeout=60)
        first, *others = os.read(ours, 65_536).decode().splitlines()
    os.close(ours)
    assert first.startswith("5009 ")
    assert len(others) > 3
    assert all(row.startswith("  ") for row in others)
    assert max(map(wcwidth.wcswidth, [first, *others])) <= 80


def shown_of_damaged(data: Path, damage: str, newest: int, capfd: pytest.CaptureFixture[str]) -> Any:
    """Print a store's ``newest`` after this ``damage``; return the output; the exit status is 1."""
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        store.execute(damage)
    with pytest.raises(SystemExit) as ended:
        main(["log", "--data", str(data), "--newest", str(newest)])
    assert ended.value.code == 1
    return capfd.readouterr()


@pytest.mark.parametrize(
    "damage",
    [
        f"time = {1 << 62}",
        f"time = {-(1 << 62)}",
        "time = 'noon'",
        "key = 'text'",
        "kind = x'00'",
        "text = cast(x'ff' AS text)",
        "user = cast(x'ff' AS text)",
    ],
)
def test_what_cannot_be_read_is_left_out_and_said(
    data: Path, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its seq is named, and the status is 1; the rest is printed."""
    shown = shown_of_damaged(data, f"UPDATE entry SET {damage} WHERE seq = 5007", 4, capfd)
    assert [line.partition("\t")[0] for line in shown.out.splitlines()] == ["5006", "5008", "5009"]
    assert shown.err.splitlines() == [
        "Seq 5,007 is not as it was written.",
        f"What cannot be read is left out; “{CHATNET} check --data {data}” says more.",
    ]


@pytest.mark.parametrize("head", ["'x'", "cast(x'ff' AS text)"])
def test_a_head_that_is_no_number_is_said(data: Path, head: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The entries are printed all the same."""
    shown = shown_of_damaged(data, f"UPDATE log SET head = {head}", 1, capfd)
    assert shown.out.startswith("5009\t")
    assert shown.err.startswith("What the log says of its head is not as it was written.\n")


def test_new_entries_are_followed(tmp_path: Path) -> None:
    """They are printed as a running cluster commits them; what a terminal would obey in a text is escaped."""
    cluster = Cluster(tmp_path / "cluster", "--workers", "1", "--replicas", "0")
    try:
        cluster.start()
        alice = cluster.terminal("alice")
        lines = Lines(cluster.popen("chatnet", "log", "--data", str(cluster.data), "--follow"))
        lines.find(".*\tregister\talice\t.*")
        alice.type("CHAT", "one", "two \u202e three")
        assert lines.find(".*\tpost\t.*").endswith("\tone")
        assert lines.find(".*\tpost\t.*").endswith("\ttwo \\u202e three")
        status, said = cluster.run("chatnet", "log", "--data", str(cluster.data), "--kinds", "post")
        assert status == 0
        assert [line.rpartition("\t")[2] for line in said.splitlines()] == ["one", "two \\u202e three"]
    finally:
        cluster.close()
