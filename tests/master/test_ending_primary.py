"""A primary that ends: until its links are closed it says that it lives."""

from __future__ import annotations

from pathlib import Path

from master.in_memory import Master
from twisted.internet.defer import Deferred

from chatnet.net.pulse import CLUSTER_PULSE


def test_one_that_waits_for_the_release_of_the_lease_is_not_taken_for_dead(tmp_path: Path) -> None:
    """A store that hangs holds it up, for longer than a worker waits for a sign of life."""
    master = Master(tmp_path, workers=0)
    worker = master.worker("one")
    released: Deferred[None] = Deferred()
    ending = Deferred.fromCoroutine(master.primary._close(lambda: released))
    master.pass_time(2 * CLUSTER_PULSE.patience)
    assert not ending.called
    assert worker.link.silent < CLUSTER_PULSE.patience
    released.callback(None)
    master.settle()
    assert ending.called
    master.close()
