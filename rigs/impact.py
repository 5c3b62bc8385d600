"""What users felt of a fault, by what they recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chatnet.testing.history import Acknowledged, Event, LoggedIn, Lost, Sent, Started, Stopped, Took


class Felt:
    """What users felt from ``since`` to the end of ``events``; all in seconds.

    ``longest``: the longest time until a draft was acknowledged. ``by_the_undisturbed``: the same, for those
    who kept their connection. ``away``: the longest time without a connection. ``placing``: the longest time
    until a newcomer was logged in.
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
        self.placing = max((wait.seconds for wait in logins(later)), default=0.0)

    def __str__(self) -> str:
        return (
            f"an answer took {self.longest:.2f} s at most, {self.by_the_undisturbed:.2f} s without a loss; "
            f"{self.away:.2f} s without a connection; newcomers placed within {self.placing:.2f} s"
        )


@dataclass(frozen=True)
class Wait:
    """A wait that began at ``since``, and took ``seconds``."""

    since: float
    seconds: float


def posts(events: Iterable[Event]) -> Iterator[Wait]:
    """Yield each wait for an acknowledgement of a draft, and of each reader for a post."""
    for event, since in _since_sent(events):
        yield Wait(since, event.time - since)


def logins(events: Iterable[Event]) -> Iterator[Wait]:
    """Yield each wait of a client for its login; those who still wait have waited until now."""
    since: dict[str, float] = {}
    now = 0.0
    for event in events:
        now = event.time
        match event:
            case Started():
                since[event.client] = now
            case LoggedIn() | Stopped() if event.client in since:
                began = since.pop(event.client)
                yield Wait(began, now - began)
    for began in since.values():
        yield Wait(began, now - began)


def _waits(events: Iterable[Event]) -> Iterator[tuple[float, str, float]]:
    """Yield when each draft was acknowledged, its client, and how long that took."""
    for event, since in _since_sent(events):
        if isinstance(event, Acknowledged):
            yield event.time, event.client, event.time - since


def _since_sent(events: Iterable[Event]) -> Iterator[tuple[Acknowledged | Took, float]]:
    """Yield each acknowledgement of a draft, and each receipt of it, with when it was sent."""
    sent: dict[bytes, float] = {}
    for event in events:
        match event:
            case Sent():
                sent[event.key] = event.time
            case Acknowledged() if event.key in sent:
                yield event, sent[event.key]
            case Took() if event.entry.key in sent:
                yield event, sent[event.entry.key]


def _between(events: Iterable[Event], first: type[Event]) -> Iterator[float]:
    """Yield the time from each event ``first`` of a client to its next login."""
    since: dict[str, float] = {}
    for event in events:
        if isinstance(event, first):
            since[event.client] = event.time
        elif isinstance(event, LoggedIn) and event.client in since:
            yield event.time - since.pop(event.client)
