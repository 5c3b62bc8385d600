"""What users felt of a fault, by what they recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from chatnet.testing.history import Acknowledged, Event, LoggedIn, Lost, Sent, Started


class Felt:
    """From ``since`` on, up to the end of ``events``; all in seconds.

    ``longest``: how long it took at most until a draft was acknowledged. ``by_the_undisturbed``: likewise, of
    those who kept their connection. ``away``: how long anybody had none. ``placing``: how long it took at
    most until a newcomer was logged in.
    """

    def __init__(self, events: Sequence[Event], since: float) -> None:
        later = [event for event in events if event.time >= since]
        disturbed = {event.client for event in later if isinstance(event, Lost)}
        waits = [(client, seconds) for at, client, seconds in _waits(events) if at >= since]
        self.longest = max((seconds for _, seconds in waits), default=0.0)
        self.by_the_undisturbed = max(
            (seconds for client, seconds in waits if client not in disturbed), default=0.0
        )
        self.away = max(_between(later, Lost), default=0.0)
        self.placing = max(_between(later, Started), default=0.0)

    def __str__(self) -> str:
        return (
            f"an answer took {self.longest:.2f} s at most, {self.by_the_undisturbed:.2f} s without a loss; "
            f"{self.away:.2f} s without a connection; newcomers placed within {self.placing:.2f} s"
        )


def _waits(events: Iterable[Event]) -> Iterator[tuple[float, str, float]]:
    """When each draft was acknowledged, of which client it was, and how long that took."""
    sent: dict[bytes, float] = {}
    for event in events:
        match event:
            case Sent():
                sent[event.key] = event.time
            case Acknowledged() if event.key in sent:
                yield event.time, event.client, event.time - sent[event.key]


def _between(events: Iterable[Event], first: type[Event]) -> Iterator[float]:
    """From each such event of a client to its next login."""
    since: dict[str, float] = {}
    for event in events:
        if isinstance(event, first):
            since[event.client] = event.time
        elif isinstance(event, LoggedIn) and event.client in since:
            yield event.time - since.pop(event.client)
