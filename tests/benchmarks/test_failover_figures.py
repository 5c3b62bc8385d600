"""The figures of the failover benchmark, from histories made by hand; and their picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.failover import KINDS, Span, Waits, aim, talk
from benchmarks.plot import Strip, svg
from chatnet.entries import Entry
from chatnet.testing.history import Acknowledged, Event, Sent, Took

KILL = Span(killed=10.0, whole=12.0)


def post(key: bytes, made: float, told: float | None, *read: float) -> list[Event]:
    """Return a post of ann's: when it was made, acknowledged, and received by readers."""
    entry = Entry(1, 0, "post", "ann", "ann", "text", key)
    events: list[Event] = [Sent(time=made, client="ann/1", key=key, kind="post", room="", text="text")]
    if told is not None:
        events.append(Acknowledged(time=told, client="ann/1", key=key, seq=1))
    return events + [Took(time=time, client="bob/1", reader=1, entry=entry) for time in read]


def test_the_slowest_post_of_all_counts() -> None:
    """A wait counts from the kill, or from the post if that was later, to the last of its readers."""
    events = post(b"a", 9.9, 10.3, 10.2, 10.7) + post(b"b", 11.0, 11.4, 11.3) + post(b"c", 11.9, 12.0, 12.2)
    waits = talk(events).waits([KILL])
    assert waits.acknowledged == [pytest.approx(0.4)]
    assert waits.received == [pytest.approx(0.7)]


def test_what_a_kill_did_not_touch_is_not_its_fault() -> None:
    """Posts that were answered before it, or made when all was whole again, do not count."""
    events = post(b"a", 5.0, 9.0, 9.5) + post(b"b", 11.0, 11.1, 11.1) + post(b"c", 12.5, 19.0, 19.0)
    assert talk(events).waits([KILL]).acknowledged == [pytest.approx(0.1)]


def test_each_kill_has_its_own_figure() -> None:
    """The figures come in the order of the kills."""
    events = post(b"a", 10.0, 10.5, 10.5) + post(b"b", 21.0, 24.0, 24.0)
    assert talk(events).waits([KILL, Span(20.0, 22.0)]).acknowledged == pytest.approx([0.5, 3.0])


def test_joins_are_no_posts() -> None:
    """Only posts are measured."""
    join = Sent(time=10.5, client="ann/1", key=b"j", kind="join", room="bob", text="")
    told = Acknowledged(time=11.9, client="ann/1", key=b"j", seq=2)
    events = [join, told, *post(b"a", 10.0, 10.1, 10.1)]
    assert talk(events).waits([KILL]).acknowledged == [pytest.approx(0.1)]


def test_an_aim_that_was_missed_is_said() -> None:
    """The aim may be missed at the median, or at the 99th percentile."""
    primary = next(kind for kind in KINDS if kind.name == "primary")
    assert "missed" not in aim(primary, Waits([0.1] * 30, [9.0] * 30))
    assert "missed" in aim(primary, Waits([0.1] * 29 + [0.6], []))
    assert "missed" in aim(primary, Waits([0.3] * 30, []))


def test_the_picture_has_a_dot_for_each_value() -> None:
    """It is well-formed, and its words are escaped."""
    strips = [Strip("a < b", "acknowledged", [0.1, 0.2], 0.5), Strip("a < b", "received", [3.0])]
    picture = ElementTree.fromstring(svg("A & B", "how", strips))
    name = "{http://www.w3.org/2000/svg}"
    dots = [dot for dot in picture.iter(f"{name}circle") if "dot" in dot.get("class", "")]
    assert len(dots) == 3
    texts = [text.text for text in picture.iter(f"{name}text")]
    assert texts.count("a < b") == 1
    assert {"A & B", "0.1 s", "5 s"} <= set(texts)
