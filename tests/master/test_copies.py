"""Copies of the log that are left are looked for now and then, and nobody waits for that."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatnet.master.copies import LOOK_SECONDS, Copies


def test_what_was_found_last_is_what_is_known() -> None:
    """It is looked for at the start and each minute; while a look takes long, there is no second one."""
    clock, looks = Clock(), list[Deferred[str]]()

    def find() -> Deferred[str]:
        looks.append(Deferred())
        return looks[-1]

    copies = Copies(find, clock)
    copies.start()
    assert (copies.warning, len(looks)) == ("", 1)
    clock.advance(3 * LOOK_SECONDS)
    assert len(looks) == 1
    looks[0].callback("A copy is left.")
    assert copies.warning == "A copy is left."
    clock.advance(LOOK_SECONDS)
    looks[1].callback("")
    assert copies.warning == ""
    copies.stop()
    clock.advance(LOOK_SECONDS)
    assert len(looks) == 2
    assert not clock.getDelayedCalls()
