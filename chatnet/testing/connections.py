"""The connections of those who speak in lines, each with what was recorded of it, for the checker. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from chatnet.testing.history import (
    Acknowledged,
    Answered,
    Confirmed,
    Event,
    Heard,
    HistoryHeard,
    LoggedIn,
    Message,
    Negotiated,
    Refused,
    Said,
    Sent,
    Stopped,
    Typed,
)


@dataclass
class ToldPost:
    """A post that a connection was told of as it was said: from the place ``first`` to ``last`` of all
    events, in these ``messages``."""

    seq: int
    first: int
    last: int
    messages: list[Message]


@dataclass
class Connection:
    """What one connection recorded. ``upto``: how long the log was at most when it was welcome. ``known`` are
    the places at which something of its own was acknowledged, or it was asked up to where it has everything,
    each with its seq; ``confirmed`` is when it said that, and up to where."""

    client: str
    user: str
    begun: Negotiated
    upto: int
    time: float
    is_open: bool = True
    said: dict[int, Said] = field(default_factory=dict)
    answered: list[Answered] = field(default_factory=list)
    heard: list[tuple[int, Heard]] = field(default_factory=list)
    typed: list[tuple[int, Typed]] = field(default_factory=list)
    histories: list[HistoryHeard] = field(default_factory=list)
    known: list[tuple[int, int]] = field(default_factory=list)
    confirmed: list[tuple[float, int]] = field(default_factory=list)

    @property
    def run(self) -> str:
        """The run of the user's program whose connection it is."""
        return _run_of(self.client)

    def posts(self) -> list[ToldPost]:
        """Return the posts that it was told of, by their ids: a line without one goes on with the last."""
        found: list[ToldPost] = []
        for at, event in self.heard:
            message = event.message
            if not message.seq and found and found[-1].messages[0].by == message.by:
                found[-1].messages.append(message)
                found[-1].last = at
            else:
                found.append(ToldPost(message.seq, at, at, [message]))
        return found

    def seqs(self) -> Iterator[int]:
        """Yield the seqs of all that it was told of with an id, as it was said or in histories."""
        for _, event in self.heard:
            yield event.message.seq
        for page in self.histories:
            yield from (message.seq for message in page.messages)


def connections(events: Iterable[tuple[Event, int]]) -> list[Connection]:
    """Return the connections, in the order in which they came; with each event is how long the log was then
    at most."""
    found: dict[str, Connection] = {}
    said_before: dict[str, list[Said]] = {}
    upto = 0
    for at, (event, latest) in enumerate(events):
        if isinstance(event, LoggedIn):
            upto = latest
        if isinstance(event, Negotiated):
            connection = Connection(event.client, event.user, event, upto, event.time)
            connection.said |= {said.number: said for said in said_before.get(event.client, ())}
            found[event.client] = connection
        if event.client in found:
            _take(found[event.client], at, event)
        elif isinstance(event, Said):  # before it was known that this is who said it
            said_before.setdefault(event.client, []).append(event)
    return list(found.values())


def told_when_read(events: Iterable[Event]) -> dict[tuple[str, bytes], int]:
    """Return, of each draft that was said in a line, by user and key, up to which seq its connection had been
    told something by then, at least: the front that read the line knew of as much. What has a key is perhaps
    read on a later connection only."""
    told: dict[str, int] = {}
    waiting: dict[tuple[str, bytes], str] = {}
    found: dict[tuple[str, bytes], int] = {}
    for event in events:
        run, seq = _run_of(event.client), 0
        match event:
            case Negotiated():
                told[event.client] = told[run] = upto = told.get(event.before, 0)
                found |= {place: upto for place, client in waiting.items() if client in (event.client, run)}
            case Sent():
                waiting[event.user, event.key] = event.client
                if event.client in told:
                    found[event.user, event.key] = told[event.client]
            case Refused() | Acknowledged():
                waiting.pop((event.user, event.key), None)
                seq = event.seq if isinstance(event, Acknowledged) else 0
            case Heard():
                seq = event.message.seq
        if event.client in told:
            told[event.client] = told[run] = max(told[event.client], seq)
    return found


def _run_of(client: str) -> str:
    return client.partition(".")[0]


def _take(connection: Connection, at: int, event: Event) -> None:
    match event:
        case Said():
            connection.said[event.number] = event
        case Answered():
            connection.answered.append(event)
        case Acknowledged():
            connection.known.append((at, event.seq))
        case Confirmed():
            connection.known.append((at, event.seq + 1))
            if event.is_said:
                connection.confirmed.append((event.time, event.seq))
        case Heard():
            connection.heard.append((at, event))
        case Typed():
            connection.typed.append((at, event))
        case HistoryHeard():
            connection.histories.append(event)
        case Stopped():
            connection.is_open = False
