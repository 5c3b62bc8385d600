"""A worker names other workers to its clients, and they do not choose one that should become empty."""

from __future__ import annotations

import random
from typing import Any

from chatnet.wire.cluster import OtherWorker
from chatnet.wire.session import Elsewhere
from chatnet.worker.elsewhere import OtherPlaces


def test_a_client_is_told_of_eight_at_random() -> None:
    """Clients are told of different workers, else all would go to the same ones."""
    places = OtherPlaces(random.Random(1))
    places.told([OtherWorker("there", port, f"key {port}") for port in range(1, 31)], emptied=False)
    first, second = places.some("here"), places.some("here")
    assert len(first) == len({one.address for one in first}) == 8
    assert first != second
    assert all(one.key == f"key {one.address.removeprefix('there:')}" for one in first)


def test_one_of_the_same_host_is_where_the_client_found_us() -> None:
    """A worker of this host has the address at which the client found us, in its usual spelling."""
    places = OtherPlaces(random.Random(1))
    assert places.some("here") == []
    places.told([OtherWorker("", 5)], emptied=False)
    assert places.some("::ffff:10.0.0.1") == [Elsewhere("10.0.0.1:5")]
    assert places.some("2001:db8::1") == [Elsewhere("[2001:db8::1]:5")]


def test_who_logs_in_and_who_resumes_is_told(worker: Any) -> None:
    """Login and Resume both answer with the workers known at that moment."""
    assert worker.client().login("alice")["workers"] is None
    worker.others.told([OtherWorker("", 5, "a key")], emptied=False)
    answer = worker.client().login("alice")
    assert answer["workers"] == [Elsewhere("127.0.0.1:5", "a key")]
    worker.others.told([OtherWorker("there", 6)], emptied=False)
    assert worker.client().resume(answer["ticket"])["workers"] == [Elsewhere("there:6")]
