"""``chatnet`` as a program: how it reads its command line."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_twisted

from chatnet.addresses import MASTER_PORT, Address
from chatnet.errors import CannotStart
from chatnet.operator.__main__ import main, run
from chatnet.operator.options import NAMES, Options
from chatnet.operator.primary_link import find_cluster
from chatnet.store.lease import FlockLease, Holder
from chatnet.world import World
from chatnet.world.real import RealFiles, real_world


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        (["statsu"], "status"),
        (["stepdwon"], "stepdown"),
        (["status", "--jsno"], "--json"),
        (["--maser", "x", "status"], "--master"),
    ],
)
def test_what_is_mistyped_names_the_nearest(typed: list[str], near: str) -> None:
    """This holds for a command, and for an option of any command."""
    with pytest.raises(SystemExit, match=f"Did you mean {near}?"):
        main(typed)


@pytest.mark.parametrize("name", NAMES)
def test_each_command_says_how_it_is_used(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By its own name alone, and of which program's version it tells."""
    with pytest.raises(SystemExit):
        main([name, "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: chatnet {name} [options]")
    assert "Display the version of chatnet and exit." in shown


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["dance"],
        ["status", "--no-such"],
        ["status", "surplus"],
        ["--json"],
        ["status", "--watch", "--json"],
        ["--watch", "status", "--json"],
        ["--json", "stop"],
        ["--master"],
        ["drain"],
        ["drain", "one", "--data", "x", "two"],
        ["drain", "a\udcff"],
        ["drain", "a" * 70_000],
    ],
)
def test_what_cannot_be_understood_is_said(typed: list[str]) -> None:
    """One sentence goes to standard error, and says where to find more; the exit status is 1."""
    with pytest.raises(SystemExit) as ended:
        main(typed)
    assert isinstance(ended.value.code, str)
    assert ended.value.code.startswith("chatnet: ")
    assert ended.value.code.endswith("See chatnet --help.")
    assert "\n" not in ended.value.code


@pytest.mark.parametrize("command", ["check", "log"])
def test_no_terminal_obeys_what_a_sentence_names(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A file may have any name, and a damaged store gives SQLite any text."""
    with pytest.raises(SystemExit) as ended:
        main([command, "no\x1b[2Jsuch\udcff"])
    assert ended.value.code == 1
    assert capfd.readouterr().err == "There is no store at no\\x1b[2Jsuch\\udcff.\n"


@pytest.mark.parametrize(
    ("typed", "explained"),
    [([], ["status", "stop", "drain", "stepdown"]), (["status"], ["--json", "--watch", "--master"])],
)
def test_help_explains(typed: list[str], explained: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It shows the commands, and the options of each; the exit status is 0."""
    with pytest.raises(SystemExit) as ended:
        main([*typed, "--help"])
    assert not ended.value.code
    shown = capsys.readouterr().out
    assert all(word in shown for word in explained)


@pytest.mark.parametrize(
    "typed",
    [
        ["drain", "host", "--master", "a:1", "--data=d"],
        ["drain", "--master", "a:1", "--data=d", "host"],
        ["--master", "a:1", "drain", "--data=d", "host"],
        ["--master", "a:1", "--data", "d", "drain", "host"],
        ["--mast=a:1", "drain", "host", "--dat", "d"],
        ["--master", "a:1", "--data=d", "drain", "--", "host"],
    ],
)
def test_options_stand_before_or_behind_the_command(typed: list[str]) -> None:
    """Users need not remember the order."""
    options = Options()
    options.parseOptions(typed)
    found = options.subOptions
    assert options.subCommand == "drain"
    assert (found["master"], found["data"], found["host"]) == ("a:1", "d", "host")


@pytest.mark.parametrize(
    "typed", [["--help", "status"], ["status", "--help"], ["--help", "--json", "status"]]
)
def test_help_is_that_of_the_command(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """This holds wherever the option is."""
    with pytest.raises(SystemExit) as ended:
        main(typed)
    assert not ended.value.code
    assert "--watch" in capsys.readouterr().out


def test_what_cannot_be_done_is_one_sentence(tmp_path: Path) -> None:
    """It goes to standard error alone, without a traceback; the exit status is 1. The same for
    ``python -m chatnet``."""
    root = Path(__file__).parent.parent.parent
    program = subprocess.run(
        [sys.executable, "-m", "chatnet", "status", "--master", "127.0.0.1:1", "--data", str(tmp_path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert program.returncode == 1
    assert program.stdout == ""
    assert program.stderr.startswith("There is no cluster token at ")
    assert program.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command", [["status"], ["status", "--watch"], ["stop"], ["drain", "it"], ["stepdown"]]
)
@pytest.mark.parametrize(
    ("master", "why"),
    [
        ("nohost.invalid", "nohost.invalid:64480 (there is no such host)"),
        ("255.255.255.255:1", "255.255.255.255:1 ("),
        ("127.0.0.1:1,nohost.invalid:2", "127.0.0.1:1 (nobody listens there), nohost.invalid:2 (there is no"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_who_cannot_be_connected_to_is_said(
    command: list[str], master: str, why: str, tmp_path: Path
) -> None:
    """The sentence says why, whatever made connecting fail."""
    (tmp_path / "token").write_text("ab" * 32)
    (tmp_path / "token").chmod(0o600)
    options = Options()
    options.parseOptions([*command, "--master", master, "--token-file", str(tmp_path / "token")])
    with pytest.raises(CannotStart) as cannot:
        await run(command[0], options.subOptions, real_world())
    assert str(cannot.value).startswith(f"No chatnet master answers at {why}")
    assert "\n" not in str(cannot.value)


def published(data: Path, holder: Holder) -> World:
    """Return a world in which ``holder`` has published in ``data`` that it is primary."""
    FlockLease(RealFiles(), data).publish(holder)
    return replace(real_world(), directory=data, environ={})


def test_a_directory_says_where_its_primary_is(tmp_path: Path) -> None:
    """It counts before the usual port, where another cluster may be, and after everything the user chose."""
    usual = [Address("localhost", MASTER_PORT)]
    world = published(tmp_path, Holder(1, "127.0.0.1:7000"))
    assert find_cluster(None, tmp_path, world) == [("127.0.0.1", 7000)]
    assert find_cluster(None, tmp_path / "none", world) == usual
    (tmp_path / "file").touch()
    assert find_cluster(None, tmp_path / "file", world) == usual
    assert find_cluster("localhost", tmp_path, world) == usual
    for environ in ({"CHATNET_MASTER": "localhost"}, {"CHATNET_STORE": "postgresql://"}):
        assert find_cluster(None, tmp_path, replace(world, environ=environ)) == usual
    (tmp_path / "default_master_address").write_text("there")
    assert find_cluster(None, tmp_path, world) == [("there", MASTER_PORT)]
    (tmp_path / "default_master_address").write_text("localhost")
    assert find_cluster(None, tmp_path, world) == [("127.0.0.1", 7000)]
    (tmp_path / "moved").touch()
    assert find_cluster(None, tmp_path, world) == usual


@pytest.mark.parametrize("address", ["", "no address at all"])
def test_a_directory_may_not_know_where_its_primary_is(tmp_path: Path, address: str) -> None:
    """The primary does not listen yet, or its text was overwritten."""
    world = published(tmp_path, Holder(1, address))
    assert find_cluster(None, tmp_path, world) == [("localhost", MASTER_PORT)]
