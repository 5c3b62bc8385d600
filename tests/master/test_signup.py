"""The operator is warned of a cluster that strangers can reach, and where anybody may register."""

from __future__ import annotations

from typing import Any, cast

from chatnet.entries import Draft
from chatnet.kinds import CLUSTER
from chatnet.master.signup import Signup
from chatnet.master.store import Log
from chatnet.testing.memory_log import MemoryLog


def decided(log: Any, value: str) -> None:
    log.append([Draft("policy", CLUSTER, "", f"signup {value}", f"{value:16}".encode())])


def test_an_open_cluster_is_warned_of() -> None:
    """Unless it can be reached from its own machine alone; from the moment at which the policy is known."""
    log = MemoryLog()
    signup = Signup(cast(Log, log))
    assert signup.warning("0.0.0.0") == ""
    signup.start()
    assert signup.warning("127.0.0.1") == signup.warning("::1") == ""
    assert "it listens at 0.0.0.0" in signup.warning("0.0.0.0")
    for value, warns in (("code", False), ("closed", False), ("open", True)):
        decided(log, value)
        assert bool(signup.warning("192.0.2.1")) is warns
    signup.stop()
    decided(log, "code")
    assert signup.warning("192.0.2.1")


def test_what_was_decided_before_is_known() -> None:
    """And what is decided while that is read counts more."""
    log = MemoryLog()
    decided(log, "closed")
    signup = Signup(cast(Log, log))
    log.reads_held = True
    signup.start()
    assert signup.value == ""
    decided(log, "code")
    log.let_go()
    assert signup.value == "code"
    another = Signup(cast(Log, log))
    another.start()
    assert another.value == "code"


def test_who_stops_waits_for_nothing() -> None:
    """The read is given up without a word."""
    log = MemoryLog()
    log.reads_held = True
    signup = Signup(cast(Log, log))
    signup.start()
    signup.stop()
