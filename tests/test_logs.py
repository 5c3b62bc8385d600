"""A program's log is harmless, bounded, and not filled by one kind of trouble."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import Application, MultiService
from twisted.internet import tcp
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel
from twisted.python.logfile import LogFile

from chatnet import logs
from chatnet.logs import Output, Refusals, logged, make_observer


def test_a_log_obeys_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others say in a line is escaped, even if the caller forgot: it cannot colour or begin a line."""
    files: list[LogFile] = []
    monkeypatch.setattr(logs, "_rotate_on_signal", files.append)
    observer = make_observer({"logfile": str(tmp_path / "x.log")}, spawned=False)
    Logger(observer=observer).info("{name} came", name="\x1b[2J\nroot logged in\u202e")
    files[0].close()
    written = (tmp_path / "x.log").read_text()
    assert "\x1b" not in written
    assert "\u202e" not in written
    assert "\nroot" not in written
    assert "\\x1b[2J" in written


def test_old_logs_of_a_daemon_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a certain size a new file is begun, and only some old ones are kept."""
    files: list[LogFile] = []
    monkeypatch.setattr(logs, "_rotate_on_signal", files.append)
    log = Logger(observer=make_observer({"logfile": str(tmp_path / "x.log")}, spawned=False, most=500))
    for _ in range(200):
        log.info("a line of some length")
    files[0].close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", *(f"x.log.{n}" for n in range(1, 6))]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 6 * 700


def test_old_output_of_a_child_goes(tmp_path: Path) -> None:
    """Other holders of the file go on in the same one, which is emptied; two old ones are kept."""
    path = tmp_path / "worker-1.log"
    descriptors = [os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) for _ in range(2)]
    with open(descriptors[0], "w") as stream, open(descriptors[1], "w") as other:
        output = Output(stream, most=100)
        for number in range(1, 51):
            output.write(f"line {number:02}\n")
            output.flush()
        print("from another", file=other, flush=True)
    files = {found.name: found.read_text() for found in tmp_path.iterdir()}
    assert set(files) == {"worker-1.log", "worker-1.log.1", "worker-1.log.2"}
    assert files["worker-1.log"].endswith("line 50\nfrom another\n")
    assert all(len(text) < 130 for text in files.values())
    kept = files["worker-1.log.2"] + files["worker-1.log.1"] + files["worker-1.log"]
    numbers = [int(line.split()[1]) for line in kept.splitlines()[:-1]]
    assert numbers == list(range(numbers[0], 51))
    assert path.with_name("worker-1.log.1").stat().st_mode & 0o077 == 0


def test_output_that_is_no_file_is_left_alone(tmp_path: Path) -> None:
    """A pipe or a terminal cannot be emptied."""
    reading, writing = os.pipe()
    with open(writing, "w") as stream, open(reading) as far:
        output = Output(stream, most=10)
        for _ in range(10):
            output.write("0123456789")
            output.flush()
        assert far.read(100) == "0123456789" * 10


class Options(dict[str, Any]):
    def __init__(self, **twistd: Any) -> None:
        super().__init__(spawned=None)
        self.parent = twistd


def test_twistd_is_told_where_the_log_goes() -> None:
    """Its application tells it; with ``--syslog`` it uses that."""
    for twistd, has_observer in (({"logfile": "-"}, True), ({"syslog": True}, False)):
        application: Any = Application("chatnet")
        logged(MultiService(), Options(**twistd)).setServiceParent(application)
        assert (application.getComponent(ILogObserver, None) is not None) is has_observer


class Limit:
    """A listening socket in a process at its limit of open files; each try finds a connection."""

    def __init__(self) -> None:
        self.waiting = 0
        self.reserve = 0

    def accept(self) -> Any:
        if not self.waiting:
            raise OSError(11, "Resource temporarily unavailable")
        if not self.reserve:
            raise OSError(24, "Too many open files")
        self.waiting -= 1
        return io.BytesIO(), ("10.0.0.1", 1)


def test_refused_connections_are_counted() -> None:
    """Twisted logs at least three lines for each; one line a minute is logged instead, with the number."""
    clock, limit = Clock(), Limit()
    events: list[LogEvent] = []
    observer = Refusals(events.append, clock.seconds)

    class Reserve:
        def available(self) -> bool:
            return not limit.reserve

        def __enter__(self) -> None:
            limit.reserve = 1

        def __exit__(self, *_: object) -> None:
            limit.reserve = 0

    twisteds = Logger(namespace="twisted.internet.tcp.Port", observer=observer)
    for _ in range(40):
        limit.waiting = 3
        assert not list(tcp._accept(twisteds, range(10), limit, Reserve()))
        clock.advance(1)
    clock.advance(60)
    limit.waiting = 1
    list(tcp._accept(twisteds, range(10), limit, Reserve()))
    assert [event["count"] for event in events] == [1, 119]
    assert {event["log_level"] for event in events} == {LogLevel.warn}


def test_all_else_is_passed_on() -> None:
    """It is passed on at once."""
    events: list[LogEvent] = []
    Logger(observer=Refusals(events.append, Clock().seconds)).info("hello")
    assert [event["log_format"] for event in events] == ["hello"]
