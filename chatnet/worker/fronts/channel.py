"""What the channels of most protocols have in common: which kinds they show, and outboxes that they fill."""

from __future__ import annotations

from collections.abc import Sequence

from chatnet.entries import Entry
from chatnet.kinds import EVENTS, SAID, KindName
from chatnet.net.outbox import Outboxes
from chatnet.worker.peer import Hearing


class HeardChannel:
    """Shows what is heard: the part of a :class:`~chatnet.worker.peer.Channel` that says which kinds."""

    def shows(self, kind: KindName) -> bool:
        """Return true for every kind that is heard; joins and leaves are not shown."""
        return kind in SAID or kind in EVENTS


class OutboxChannel(HeardChannel):
    """Delivers to connections whose ears are outboxes: a :class:`~chatnet.worker.peer.Channel`."""

    def __init__(self, outboxes: Outboxes) -> None:
        self._outboxes = outboxes

    def posts(self, entries: Sequence[Entry]) -> bytes:
        """Return what delivers ``entries``."""
        raise NotImplementedError

    def fan(self, entries: Sequence[Entry], hearing: Sequence[Hearing]) -> None:
        """Encode ``entries`` once, and put the same bytes into each outbox."""
        chunk = self.posts(entries)
        outboxes = self._outboxes
        dirty = outboxes.dirty
        for _, ears in hearing:
            for outbox in ears:
                parts = outbox.parts
                if not parts:
                    dirty.append(outbox)
                parts.append(chunk)
        outboxes.schedule()
