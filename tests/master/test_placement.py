"""A client is placed where the fewest sessions are, just placed ones included, at an address it can reach."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.addresses import is_loopback
from chatnet.master.placement import RECENT, Placement, address_beside, address_for_clients
from chatnet.wire.cluster import OtherWorker, WorkerIdentity

LOADS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50), min_size=1)


@given(LOADS, st.lists(st.floats(0, 1), max_size=80), st.randoms(use_true_random=False))
def test_clients_go_where_the_fewest_are(
    sessions: dict[str, int], pauses: list[float], chance: random.Random
) -> None:
    """Each choice has the fewest of reported sessions and clients sent there in the last two seconds."""
    placement, now = Placement(chance), 100.0
    sent: list[tuple[float, str]] = []
    for pause in pauses:
        now += pause
        loads = {
            id: count + sum(1 for when, to in sent if to == id and when > now - RECENT)
            for id, count in sessions.items()
        }
        chosen = placement.choose(sessions, now)
        assert loads[chosen] == min(loads.values())
        sent.append((now, chosen))


def test_a_storm_is_spread_evenly() -> None:
    """No report comes between 300 clients at once, and still they are spread."""
    placement = Placement(random.Random(1))
    chosen = [placement.choose({"a": 0, "b": 0, "c": 0}, 5.0) for _ in range(300)]
    assert {id: chosen.count(id) for id in "abc"} == {"a": 100, "b": 100, "c": 100}


def test_ties_are_broken_by_chance() -> None:
    """Each of several with the fewest is chosen at some time."""
    chosen = {Placement(random.Random(seed)).choose({"a": 1, "b": 1, "c": 2}, 0.0) for seed in range(50)}
    assert chosen == {"a", "b"}


def test_a_worker_that_is_gone_is_not_chosen() -> None:
    """Clients sent to it do not bring it back."""
    placement = Placement(random.Random(1))
    placement.choose({"a": 0}, 0.0)
    assert placement.choose({"b": 7}, 0.1) == "b"


@pytest.mark.parametrize(
    ("host", "listens", "advertise", "peer", "reached", "found"),
    [
        ("here", "0.0.0.0:7", False, "127.0.0.1", "10.0.0.1", "10.0.0.1:7"),
        ("here", "0.0.0.0:7", False, "10.0.0.1", "chat.example", "chat.example:7"),
        ("same machine, other name", "0.0.0.0:7", False, "127.0.0.1", "10.0.0.1", "10.0.0.1:7"),
        ("same machine, other name", "0.0.0.0:7", False, "::ffff:127.0.0.1", "::1", "[::1]:7"),
        ("there", "0.0.0.0:7", False, "10.0.0.2", "10.0.0.1", "10.0.0.2:7"),
        ("there", "[::]:7", False, "::ffff:10.0.0.2", "2001:db8::1", "10.0.0.2:7"),
        ("there", "[::]:7", False, "2001:db8::2", "10.0.0.1", "[2001:db8::2]:7"),
        ("here", "[::]:7", False, "::1", "::ffff:10.0.0.1", "10.0.0.1:7"),
        ("there", "chat.example:7", True, "10.0.0.2", "10.0.0.1", "chat.example:7"),
        ("here", "chat.example:7", True, "127.0.0.1", "10.0.0.1", "chat.example:7"),
    ],
)
def test_the_address_is_one_by_which_the_client_gets_there(
    host: str, listens: str, advertise: bool, peer: str, reached: str, found: str
) -> None:
    """The operator's choice; else, on the primary's host, what the client reached; else the link's
    address."""
    identity = WorkerIdentity("w", host, 1, listens, advertise, 99)
    assert str(address_for_clients(identity, peer, "here", reached)) == found


@pytest.mark.parametrize(
    ("beside", "peer", "host", "other_peer", "advertise", "found"),
    [
        ("here", "127.0.0.1", "here", "127.0.0.1", False, ("", 7)),
        ("there", "10.0.0.2", "there", "10.0.0.2", False, ("", 7)),
        ("there", "10.0.0.2", "there", "10.0.0.2", True, ("chat.example", 7)),
        ("here", "127.0.0.1", "same machine, other name", "127.0.0.1", False, ("", 7)),
        ("here", "127.0.0.1", "there", "::ffff:10.0.0.2", False, ("10.0.0.2", 7)),
        ("there", "10.0.0.2", "here", "127.0.0.1", False, ("10.0.0.1", 7)),
        ("there", "10.0.0.2", "third", "10.0.0.3", False, ("10.0.0.3", 7)),
    ],
)
def test_another_worker_is_found_as_the_client_gets_there(
    beside: str, peer: str, host: str, other_peer: str, advertise: bool, found: tuple[str, int]
) -> None:
    """On one host, the address at which the client found the first; the primary's, if the first reached that;
    else the link's. The operator's choice precedes all."""
    first = WorkerIdentity("1", beside, 1, "0.0.0.0:6", False, 99)
    other = WorkerIdentity("2", host, 2, "chat.example:7" if advertise else "0.0.0.0:7", advertise, 99)
    where = address_beside(first, peer, other, other_peer, "here", "::ffff:10.0.0.1", "a key")
    assert where == OtherWorker(*found, "a key")


def test_loopback_has_several_names() -> None:
    """It has names in both families, and mapped; a name that is no literal is not looked up."""
    assert all(map(is_loopback, ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]))
    assert not any(map(is_loopback, ["10.0.0.1", "::2", "localhost", ""]))
