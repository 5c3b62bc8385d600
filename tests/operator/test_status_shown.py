"""What ``chatnet status`` prints, for people and for programs."""

from __future__ import annotations

import json
import re
from datetime import datetime

import msgspec
import pytest

from chatnet.operator.status import SHOWN_EVENTS, as_json, as_table
from chatnet.wire.operate import MOST_SECONDS, ClusterStatus, Event, MasterStatus, WorkerStatus


def worker(id: str = "ab12", spawned: bool = True) -> WorkerStatus:
    return WorkerStatus(id, "vm", 12346, "127.0.0.1:40001", spawned, 120, 3.25, 390.0, 2, 0)


def status(
    trouble: str = "", events: int = 0, workers: tuple[WorkerStatus, ...] = (worker(),)
) -> ClusterStatus:
    return ClusterStatus(
        log="l",
        epoch=3,
        head=1234,
        trouble=trouble,
        masters=[MasterStatus("primary", "vm", 123, "127.0.0.1:64480")],
        workers=list(workers),
        events=[Event(1_700_000_000.0 + number, f"event {number}") for number in range(events)],
    )


def test_the_table_has_a_row_for_each_process() -> None:
    """Numbers are right-aligned in their columns, names left-aligned; no line ends with spaces."""
    lines = as_table(status()).splitlines()
    assert lines[0] == "Epoch 3; the log's head is 1,234."
    assert lines[2:] == [
        "ROLE     HOST    PID  ADDRESS          SESSIONS  POSTS/S  DELIVERIES/S  LAG  ID",
        "primary  vm      123  127.0.0.1:64480",
        "worker   vm    12346  127.0.0.1:40001       120      3.2         390.0    2  ab12",
    ]


def test_what_processes_say_of_themselves_does_nothing_to_the_table() -> None:
    """Neither can events: the reader looks at a terminal."""
    named = msgspec.structs.replace(worker("\x1b[2J"), host="h\nprimary", address="x" * 9_000)
    told = msgspec.structs.replace(status("\x1b", workers=(named,)), events=[Event(1.0, "\x1b[2J\nworker a")])
    table = as_table(told)
    assert all(line.isprintable() for line in table.splitlines())
    assert len(table.splitlines()) == len(as_table(status("x", events=1)).splitlines())
    assert max(map(len, table.splitlines())) < 200


def test_hand_started_workers_are_marked() -> None:
    """Nobody else replaces or stops them; a mark is explained only if it is there."""
    front = msgspec.structs.replace(worker("hand-front", spawned=False), serves="irc")
    table = as_table(status(workers=(worker(), worker("hand", spawned=False), front)))
    assert re.search(r"^worker\* .* hand$", table, re.MULTILINE)
    assert re.search(r"^front\* .* hand-front$", table, re.MULTILINE)
    assert "* started by hand" in table
    assert "*" not in as_table(status())


def test_who_lets_nobody_in_is_marked() -> None:
    """It is one that has not opened its store yet, or lost it; a mark is explained only if it is there."""
    opening = msgspec.structs.replace(worker("new", spawned=False), opening=True)
    table = as_table(status(workers=(worker(), opening)))
    assert re.search(r"^worker\*~ .* new$", table, re.MULTILINE)
    assert table.splitlines()[-2:] == [
        "* started by hand",
        "~ lets nobody in: its store is being opened, or away",
    ]
    assert "~" not in as_table(status())


def test_the_table_ends_with_what_happened_lately() -> None:
    """The newest events are shown, in the operator's own time zone."""
    lines = as_table(status(events=SHOWN_EVENTS + 3)).splitlines()
    shown = lines[-SHOWN_EVENTS:]
    assert [line.split("  ")[1] for line in shown] == [f"event {n}" for n in range(3, SHOWN_EVENTS + 3)]
    assert shown[0].startswith(f"{datetime.fromtimestamp(1_700_000_003):%Y-%m-%d %H:%M:%S}")


def test_trouble_is_said_at_the_top() -> None:
    """It is above the table; for programs it is a key of its own; and only while there is any."""
    assert as_table(status(trouble="The disk is full.")).splitlines()[1] == "The disk is full."
    assert json.loads(as_json(status(trouble="The disk is full.")))["trouble"] == "The disk is full."
    assert "trouble" not in json.loads(as_json(status()))


def test_the_json_has_the_promised_keys() -> None:
    """The keys are those of the manual, in its order."""
    shown = json.loads(as_json(status(events=1)))
    assert list(shown) == ["epoch", "head", "level", "masters", "workers", "events"]
    assert shown["masters"] == [
        {"role": "primary", "host": "vm", "pid": 123, "address": "127.0.0.1:64480", "key": "", "level": 1}
    ]
    assert {"id", "host", "pid", "address", "sessions", "key"} < set(shown["workers"][0])
    assert shown["workers"][0]["serves"] == "chat"
    assert shown["events"] == [{"time": 1_700_000_000.0, "what": "event 0"}]


def test_what_the_operator_should_know_stands_at_the_top() -> None:
    """Trouble, and how the store is set up; for programs, too, and only while there is any."""
    told = msgspec.structs.replace(
        status("The disk is full."), warnings=["Nobody keeps a copy.", "The clock is wrong."]
    )
    assert as_table(told).splitlines()[1:3] == ["The disk is full.", "Nobody keeps a copy."]
    shown = json.loads(as_json(told))
    assert (shown["trouble"], shown["warnings"]) == ("The disk is full.", told.warnings)
    assert not {"trouble", "warnings"} & json.loads(as_json(status())).keys()


def test_the_public_key_is_shown_once() -> None:
    """Once if all present the same, as they do without a certificate; else with the host of each."""

    def told(master: str, worker_: str) -> list[str]:
        shown = status()
        masters = [msgspec.structs.replace(each, key=master) for each in shown.masters]
        workers = [msgspec.structs.replace(each, key=worker_, host="w") for each in shown.workers]
        return as_table(msgspec.structs.replace(shown, masters=masters, workers=workers)).splitlines()[5:]

    assert told("SHA256:a", "SHA256:a") == ["", "Public key, by which clients know the cluster: SHA256:a"]
    assert told("SHA256:a", "SHA256:b") == ["", "Public key on vm: SHA256:a", "Public key on w: SHA256:b"]
    assert told("", "") == []


def test_those_that_do_not_fit_are_counted() -> None:
    """The count is below the table, and for programs; only while there are any."""
    told = msgspec.structs.replace(status(), left_out=1_234)
    assert "… and 1,234 more, which there is no room for here." in as_table(told).splitlines()
    assert json.loads(as_json(told))["left_out"] == 1_234
    assert "more" not in as_table(status())
    assert "left_out" not in json.loads(as_json(status()))


@pytest.mark.parametrize("time", [-1.0, 1e300, float("inf")])
def test_no_time_of_an_event_is_none_that_can_be_shown(time: float) -> None:
    """The time may come from another primary, by way of a replica: a bad one is refused on arrival."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(Event(time, "it")), type=Event)
    latest = status(events=1)
    assert as_table(msgspec.structs.replace(latest, events=[Event(MOST_SECONDS, "it")]))
