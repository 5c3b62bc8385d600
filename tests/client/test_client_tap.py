"""The options of chat-client."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from twisted.python import usage

from chatnet.client.tap import Options
from chatnet.errors import CannotStart
from chatnet.options import sort_out


class Twistd(dict[str, Any]):
    """The default options of twistd itself."""

    def __init__(self, **given: Any) -> None:
        super().__init__({"pidfile": "twistd.pid", "logfile": None, "nodaemon": False, **given})


def parse(*arguments: str, parent: Any = None) -> Options:
    options = Options()
    options.parent = parent
    options.parseOptions(list(arguments))
    return options


def test_the_name_is_folded() -> None:
    """It is spelled as the cluster spells it."""
    assert parse("Alice")["name"] == "alice"


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("a b",), ("ä",), ("x" * 33,)])
def test_a_wrong_name_is_one_sentence(arguments: tuple[str, ...]) -> None:
    """The sentence says what a name is, or how to call the program."""
    with pytest.raises(usage.UsageError) as raised:
        parse(*arguments)
    assert str(raised.value).count("\n") == 0
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--master", "here:1", "--plain", "alice"),
        ("alice", "--master", "here:1", "--plain"),
        ("--plain", "alice", "--master=here:1"),
        ("-m", "here:1", "alice", "--plain"),
        ("alice", "-mhere:1", "--plain"),
        ("--master", "here:1", "--plain", "--", "alice"),
    ],
)
def test_options_stand_before_or_behind_the_name(arguments: tuple[str, ...]) -> None:
    """Users need not remember the order; this holds also where POSIXLY_CORRECT is set."""
    options = parse(*arguments)
    assert (options["name"], options["master"], options["plain"]) == ("alice", "here:1", 1)


def test_behind_two_dashes_nothing_is_an_option() -> None:
    """This is the usual rule; a value may look like an option."""
    assert sort_out(Options(), ["a", "--", "--plain"]) == ([], ["a", "--plain"])
    assert parse("--master", "--", "alice")["master"] == "--"


@pytest.mark.parametrize(
    "mistyped", [("alice", "--plian"), ("--plian", "alice"), ("alice", "--plain=1"), ("alice", "bob")]
)
def test_a_mistyped_option_is_one_sentence(mistyped: tuple[str, ...]) -> None:
    """Under twistd, which by itself would print all options, and the sentence last."""
    with pytest.raises(CannotStart) as ended:
        parse(*mistyped, parent=Twistd())
    assert str(ended.value).startswith("chat-client: ")
    assert str(ended.value).endswith((". See twistd chat-client --help.", "? See twistd chat-client --help."))
    assert "\n" not in str(ended.value)


def test_twistd_s_own_log_and_pid_stay_off_the_terminal_and_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is a private file in the identities' directory; there is no pid file and no daemon."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    twistd = Twistd()
    parse("alice", parent=twistd)
    log = Path(twistd["logfile"])
    assert log == tmp_path / "chatnet" / "client-alice.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert twistd["pidfile"] == ""
    assert twistd["nodaemon"]


def test_what_the_user_chose_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log and a pid file that the user asked for are made."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    twistd = Twistd(logfile="-", pidfile="mine.pid")
    parse("alice", parent=twistd)
    assert twistd["logfile"] == "-"
    assert twistd["pidfile"] == "mine.pid"
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says so, and what to do."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(CannotStart, match="XDG_CONFIG_HOME"):
        parse("alice", parent=Twistd())
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.delenv("HOME", raising=False)
    with pytest.raises(CannotStart, match="HOME is not set"):
        parse("alice", parent=Twistd())
