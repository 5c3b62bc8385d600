"""Joins several listeners to the same events into one."""

from __future__ import annotations

from twisted.logger import Logger

from chatnet.telemetry import Event, Tell

_logger = Logger()


def tell_all(*listeners: Tell) -> Tell:
    """Return a listener that tells each, in this order. One that raises is logged; the others are told."""

    def tell(event: Event) -> None:
        for listener in listeners:
            try:
                listener(event)
            except Exception:
                _logger.failure("{event} could not be noted; going on", event=event)

    return tell
