"""Masters are found by option, environment, the local file, the installed copy, in this order."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.python import usage
from twisted.python.reflect import accumulateClassList

from chatnet.addresses import MASTER_PORT, Address
from chatnet.client.tap import Options as ClientOptions
from chatnet.errors import CannotStart
from chatnet.master.tap import Options as MasterOptions
from chatnet.operator.options import COMMANDS
from chatnet.operator.options import Options as OperatorOptions
from chatnet.options import ProgramOptions, a_count, a_process_count, as_sentence, find_masters, port_range
from chatnet.worker.tap import Options as WorkerOptions
from chatnet.world import World
from chatnet.world.real import real_world


def world(directory: Path, **environ: str) -> World:
    return replace(real_world(), directory=directory, environ=environ)


def test_the_order_in_which_masters_are_found(tmp_path: Path) -> None:
    """The first of these that is there counts, with and without a port."""
    installed = find_masters(None, world(tmp_path))
    assert installed == [Address("localhost", MASTER_PORT)]
    (tmp_path / "default_master_address").write_text("here:1\n")
    assert find_masters(None, world(tmp_path)) == [("here", 1)]
    assert find_masters(None, world(tmp_path, CHATNET_MASTER="there")) == [("there", MASTER_PORT)]
    assert find_masters("option:2", world(tmp_path, CHATNET_MASTER="there")) == [("option", 2)]


def test_a_bad_address_names_where_it_stands(tmp_path: Path) -> None:
    """The operator is told which of the four places to correct."""
    path = tmp_path / "default_master_address"
    path.write_text("a b c")
    with pytest.raises(CannotStart, match=r"default_master_address: .* is not an address"):
        find_masters(None, world(tmp_path))
    with pytest.raises(CannotStart, match=r"^CHATNET_MASTER: "):
        find_masters(None, world(tmp_path, CHATNET_MASTER="x:y"))
    path.write_text("  \n")
    assert find_masters(None, world(tmp_path)) == [Address("localhost", MASTER_PORT)]


def test_a_byte_order_mark_is_no_part_of_an_address(tmp_path: Path) -> None:
    """Some editors put one before every text."""
    (tmp_path / "default_master_address").write_text("here:1\n", "utf-8-sig")
    assert find_masters(None, world(tmp_path)) == [("here", 1)]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_text("here:1\n", "utf-16"), "Not text in UTF-8"),
        (lambda path: path.write_bytes(b"x" * 70_000), "File too large"),
        (os.mkfifo, "Not a regular file"),
        (os.mkdir, "Is a directory"),
    ],
)
def test_a_file_that_is_no_text_names_no_master(
    tmp_path: Path, make: Callable[[Path], object], why: str
) -> None:
    """A sentence says so, and later places are not used; unless an earlier place names a master."""
    make(tmp_path / "default_master_address")
    with pytest.raises(CannotStart, match=rf"/default_master_address names no master \({why}\): write"):
        find_masters(None, world(tmp_path))
    assert find_masters(None, world(tmp_path, CHATNET_MASTER="there:1")) == [("there", 1)]


class Twistd(usage.Options):
    """The part of twistd's own options that our options affect."""

    optFlags = [["nodaemon", "n", ""]]
    optParameters = [["pidfile", "", "twistd.pid"], ["logfile", "", None]]
    subCommands = [["prog", None, lambda: Prog(), ""]]


class Prog(ProgramOptions):
    program = "prog"


def accumulated(program: Any) -> list[list[Any]]:
    """Return the parameters of a program, including those of its bases."""
    parameters: list[list[Any]] = []
    accumulateClassList(program, "optParameters", parameters)
    return parameters


@pytest.mark.parametrize(
    ("arguments", "pidfile", "logfile"),
    [
        (["prog"], "prog.pid", "prog.log"),
        (["-n", "prog"], "prog.pid", None),
        (["--pidfile=x", "--logfile=y", "prog"], "x", "y"),
        (["--pidfile=", "prog"], "", "prog.log"),
    ],
)
def test_programs_name_their_own_pid_and_log_files(
    arguments: list[str], pidfile: str, logfile: str | None
) -> None:
    """Two programs in a directory do not share twistd.pid; a user's own choice counts."""
    options = Twistd()
    options.parseOptions(arguments)
    assert (options["pidfile"], options["logfile"]) == (pidfile, logfile)


def said_of(make: Callable[[], usage.Options], arguments: list[str]) -> str:
    """Return what a program or a command says about ``arguments``; empty if it accepts them."""
    options = make()
    try:
        options.parseOptions(arguments)
    except CannotStart as error:
        return str(error)
    except usage.UsageError as error:
        return as_sentence(error)
    return ""


PROGRAMS: list[tuple[Callable[[], usage.Options], list[str]]] = [
    (MasterOptions, []),
    (WorkerOptions, []),
    (ClientOptions, ["alice"]),
    *((kind, ["host"] if name == "drain" else []) for name, _, kind, _ in COMMANDS),
]
CHECKED = [
    (program, name, others)
    for program, others in PROGRAMS
    for name, _, _, _, *check in accumulated(program)
    if check
]


@pytest.mark.parametrize(("program", "name", "others"), CHECKED)
@pytest.mark.parametrize("digits", ["9" * 5_000, "0" * 5_000, "9" * 19, "²", "-1", "x", "1e3", " "])
def test_what_an_option_does_not_take_is_said_in_a_sentence(
    program: Callable[[], usage.Options], name: str, others: list[str], digits: str
) -> None:
    """The sentence is ours, for every option of every program and command whose value is checked, and does
    not repeat five thousand digits."""
    said = said_of(program, [f"--{name}={digits}", *others])
    assert len(said) < 200
    assert not said or re.match(
        r"(chat-\w+: )?(“|The store is a URL: ).*[^.]\.( See twistd \S+ --help\.)?$", said
    )
    if len(digits) > 1_000:
        assert said


def test_options_that_take_numbers_are_checked() -> None:
    """All of them are tested; the list grows with the options."""
    numbers = {name for _, name, _ in CHECKED}
    assert numbers >= {"workers", "replicas", "post-rate", "new-names", "spawned", "seq", "newest", "ports"}


def test_numbers_and_ranges() -> None:
    """What is no number or range is refused by a sentence."""
    assert a_count("20") == 20
    assert port_range("5-7") == range(5, 8)
    for parse, bad in (
        (a_count, "-1"),
        (a_count, "x"),
        (a_count, str(2**63)),
        (a_count, "9" * 400),
        (a_count, "9" * 5_000),
        (a_count, "0" * 5_000),
        (a_process_count, "9" * 400),
        (port_range, "7-5"),
        (port_range, "5"),
        (port_range, "5-²"),
        (port_range, "5-" + "9" * 5_000),
        (port_range, "0-9"),
    ):
        with pytest.raises(ValueError, match=r"^.{,110}\.$"):
            parse(bad)
    assert a_count(str(2**63 - 1)) == 2**63 - 1


@pytest.mark.parametrize("options", [MasterOptions, WorkerOptions, ClientOptions, OperatorOptions])
def test_the_version_is_our_own(options: type[Any], capfd: pytest.CaptureFixture[str]) -> None:
    """Not that of Twisted, which the options come from."""
    with pytest.raises(SystemExit) as ended:
        options().parseOptions(["--version"])
    assert not ended.value.code
    assert re.fullmatch(r"chatnet \d+\.\d+\.\d+\n", capfd.readouterr().out)
